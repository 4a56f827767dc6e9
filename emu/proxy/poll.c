/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "decoder/util/clock.h"
#include "emu/proxy/poll.h"

#define SECOND UINT64_C(1000000000)
#define NOTIFIED 10000000 /* ns: for so long after a notification, others are counted on */
#define BETWEEN 500000 /* ns between looks by time then: waking up is what costs most */
#define PART 4 /* looks that kicks and calls lead to, in the time that a request takes */
#define ASK UINT64_C(250000000) /* ns between two questions for what the processors have to spare */
#define MEASURE 32 /* looks between two questions for the processor time */

int proxy_poll_open(struct proxy_poll *w, unsigned share)
{
	memset(w, 0, sizeof(*w));
	pace_init(&w->pace, share ? share : PROXY_SHARE);
	w->yields = !share;
	w->idle.fd = -1;
	if (w->yields)
		idle_open(&w->idle);
	w->resting = true;
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return w->timer < 0 ? -errno : 0;
}

void proxy_poll_close(struct proxy_poll *w)
{
	if (w->slack)
		prctl(PR_SET_TIMERSLACK, (unsigned long)w->slack, 0, 0, 0);
	if (w->timer >= 0)
		close(w->timer);
	w->timer = -1;
	if (w->yields)
		idle_close(&w->idle);
}

unsigned proxy_poll_share(int idle, unsigned own)
{
	/* two sides that wake each other are never busy all the time, and lose by each look */
	unsigned part = idle < 0 ? PROXY_SHARE : ((unsigned)idle + own) * PROXY_SHARE / 100;

	return part < PROXY_SHARE_LEAST ? PROXY_SHARE_LEAST
	       : part > PROXY_SHARE	? PROXY_SHARE
					: part;
}

/* Two sides that are busy have the processors to themselves. */
static void yield(struct proxy_poll *w, const struct proxy_poll_look *l)
{
	uint64_t took = l->now - w->asked, own = l->cpu - w->asked_cpu;

	if (!w->yields || took < ASK)
		return;
	w->pace.share = proxy_poll_share(idle_percent(&w->idle, l->now),
					 w->asked ? (unsigned)(own * 100 / took) : 0);
	w->asked = l->now;
	w->asked_cpu = l->cpu;
}

/* A look that comes late misses what was between: so wake up in time. */
void proxy_poll_begin(struct proxy_poll *w)
{
	w->slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	w->began = clock_ns(CLOCK_MONOTONIC);
	w->cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static struct timespec time_of(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / SECOND), .tv_nsec = (long)(ns % SECOND) };
}

uint64_t proxy_poll_wait(const struct proxy_poll *w, uint64_t until)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (!w->resting && w->due < until)
		until = w->due;
	return until > now ? until - now : 0;
}

bool proxy_poll_due(const struct proxy_poll *w)
{
	return !w->resting && clock_ns(CLOCK_MONOTONIC) >= w->due;
}

/* Of this thread.  The question takes a tenth of a look: in between the answer is estimated. */
static uint64_t processor_time(struct proxy_poll *w, bool found)
{
	uint64_t before = w->spent;

	if (!found && w->looks % MEASURE)
		return w->spent += w->each;
	w->spent = clock_ns(CLOCK_THREAD_CPUTIME_ID) - w->cpu;
	if (w->spent < before)
		w->spent = before;
	if (!found && w->measured)
		w->each = (w->spent - w->measured) / MEASURE;
	w->measured = found ? 0 : w->spent; /* a look that finds something takes longer */
	return w->spent;
}

/*
 * What a request takes: as many are in flight as are made in that time.  A look in each quarter of it
 * sees most chains before the device has used them, and more looks see little more.
 */
static void adapt(struct proxy_poll *w, const struct proxy_poll_look *l)
{
	uint64_t took = 0;

	if (!l->found || !w->latest)
		return;
	if (l->in_flight && l->now > w->latest)
		took = (l->now - w->latest) * l->in_flight / ((l->found + 1) / 2);
	if (took > PART * BETWEEN)
		took = PART * BETWEEN;
	w->gap = (w->gap * 3 + took / PART) / 4;
}

void proxy_poll_plan(struct proxy_poll *w, const struct proxy_poll_look *l)
{
	adapt(w, l);
	if (w->notified && l->found)
		w->noticed = l->now;
	w->due = pace_next(&w->pace, l->now, l->cpu, l->found || w->woken);
	w->free = w->due - l->now > w->pace.interval ? w->due : l->now;
	if (w->free < l->now + w->gap)
		w->free = l->now + w->gap;
	if (l->now - w->noticed < NOTIFIED && w->due < l->now + BETWEEN)
		w->due = l->now + BETWEEN;
	w->latest = l->follows ? l->now : 0;
	w->resting = !l->follows;
	w->woken = w->notified = false;
}

void proxy_poll_looked(struct proxy_poll *w, bool follows, unsigned found, uint32_t in_flight)
{
	struct proxy_poll_look l = { .now = clock_ns(CLOCK_MONOTONIC),
				     .follows = follows,
				     .found = found,
				     .in_flight = in_flight };

	w->looks++;
	if (w->latest && l.now - w->pace.found < PACE_HOLD)
		hist_add(&w->apart, l.now - w->latest, 1);
	l.cpu = processor_time(w, found);
	yield(w, &l);
	proxy_poll_plan(w, &l);
}

int proxy_poll_timer(struct proxy_poll *w)
{
	/* 0 would switch it off, which is right only at rest */
	struct itimerspec t = { .it_value = time_of(w->resting ? 0 : w->due ? w->due : 1) };

	timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &t, NULL);
	return w->timer;
}

void proxy_poll_wake(struct proxy_poll *w)
{
	w->due = w->free;
	w->resting = false;
	w->woken = true;
}

void proxy_poll_notified(struct proxy_poll *w)
{
	w->due = w->free;
	w->notified = true;
}

bool proxy_poll_spent(const struct proxy_poll *w)
{
	return clock_ns(CLOCK_MONOTONIC) < w->free;
}

void proxy_poll_put_within(const struct proxy_poll *w, struct text *t)
{
	if (!w->within.count)
		return;
	text_puts(t, "times are right to -");
	text_duration(t, hist_percentile(&w->within, 990000));
	text_add(t, " in 99 %% of %llu events, the others to -",
		 (unsigned long long)w->within.count);
	text_duration(t, w->within.max);
}

void proxy_poll_put_cost(const struct proxy_poll *w, struct text *t)
{
	uint64_t took = clock_ns(CLOCK_MONOTONIC) - w->began;
	uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - w->cpu;

	text_add(t, "%llu looks, %.1f %% of a processor core", (unsigned long long)w->looks,
		 took ? 100.0 * (double)cpu / (double)took : 0);
	if (!w->apart.count)
		return;
	text_puts(t, "; while something happened every ");
	text_duration(t, hist_percentile(&w->apart, 500000));
	text_puts(t, " (99 %: ");
	text_duration(t, hist_percentile(&w->apart, 990000));
	text_puts(t, ")");
}
