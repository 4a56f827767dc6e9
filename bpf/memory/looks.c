/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "bpf/memory/looks.h"
#include "decoder/model/model.h"
#include "decoder/util/clock.h"

#define STEP_MS 25
#define MEASURE 8 /* looks of which one is measured */
#define SECOND UINT64_C(1000000000)

int looks_open(struct looks *l, unsigned share, bool (*look)(void *opaque, uint64_t now),
	       void *opaque)
{
	*l = (struct looks){ .look = look, .opaque = opaque };
	pace_init(&l->pace, share);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return l->timer < 0 ? -errno : 0;
}

void looks_close(struct looks *l)
{
	if (l->slack)
		prctl(PR_SET_TIMERSLACK, (unsigned long)l->slack, 0, 0, 0);
	if (l->timer >= 0)
		close(l->timer);
	l->timer = -1;
}

void looks_begin(struct looks *l)
{
	l->slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	l->normal = sched_getscheduler(0) == SCHED_OTHER;
	l->began = l->due = clock_ns(CLOCK_MONOTONIC);
	l->cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/*
 * A look that comes late misses what was between, and nice values count within a group of processes
 * only.  What looks cost is limited, so they may come before other work; all else that this thread
 * does may not.  Refused without CAP_SYS_NICE.
 */
void looks_hurry(struct looks *l, bool yes)
{
	struct sched_param p = { .sched_priority = yes ? 1 : 0 };

	if (l->normal && yes != l->hurries &&
	    !sched_setscheduler(0, (yes ? SCHED_RR : SCHED_OTHER) | SCHED_RESET_ON_FORK, &p))
		l->hurries = yes;
}

/* Of this thread.  The question takes a tenth of a look: in between the answer is estimated. */
static uint64_t processor_time(struct looks *l)
{
	uint64_t now;

	if (l->n % MEASURE) {
		l->spent += l->each;
		return l->spent;
	}
	now = clock_ns(CLOCK_THREAD_CPUTIME_ID) - l->cpu;
	l->each = (now - l->measured) / MEASURE;
	l->measured = now;
	if (l->spent < now) /* never back */
		l->spent = now;
	return l->spent;
}

static void look_when_due(struct looks *l)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	bool found;

	if (now < l->due)
		return;
	l->arrived = 0;
	l->late = false;
	found = l->look(l->opaque, now);
	l->n++;
	now = clock_ns(CLOCK_MONOTONIC);
	if (l->arrived)
		pace_arrival(&l->pace, now, l->arrived, l->late);
	l->due = pace_next(&l->pace, now, processor_time(l) + l->others, found);
}

unsigned looks_descriptor(struct looks *l, struct pollfd *fd, int *timeout_ms)
{
	uint64_t due = l->due ? l->due : 1;
	struct itimerspec t = { .it_value = { .tv_sec = (time_t)(due / SECOND),
					      .tv_nsec = (long)(due % SECOND) } };

	if (*timeout_ms < 0 || *timeout_ms > STEP_MS)
		*timeout_ms = STEP_MS;
	timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &t, NULL);
	fd[0] = (struct pollfd){ .fd = l->timer, .events = POLLIN };
	return 1;
}

/* 0, or -EINTR. */
static int sleep_until(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / SECOND), .tv_nsec = (long)(ns % SECOND) };

	return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

int looks_run(struct looks *l, int timeout_ms)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) +
			 (uint64_t)(timeout_ms < 0 ? STEP_MS : timeout_ms) * 1000000;
	int interrupted = 0;

	look_when_due(l);
	while (!interrupted && clock_ns(CLOCK_MONOTONIC) < until) {
		looks_hurry(l, true);
		interrupted = sleep_until(l->due < until ? l->due : until);
		look_when_due(l);
	}
	looks_hurry(l, false);
	return interrupted;
}

/* --- what was seen ----------------------------------------------------------------------------- */

static void hide_position(struct vqt_ring *r)
{
	r->known &= (uint16_t) ~(VQT_RING_LAST_AVAIL | VQT_RING_SLOT | VQT_RING_FILLED);
	r->last_avail = 0;
}

void looks_event(struct looks *l, void *record)
{
	const struct vqt_hdr *h = record;
	struct vqt_avail *a = record;

	if (h->type == VQT_USED)
		hide_position(&((struct vqt_used *)record)->ring);
	if (h->type != VQT_AVAIL)
		return;
	hide_position(&a->ring);
	if (l->left_out)
		return;
	l->arrived++;
	l->late |= a->flags & VQT_CHAIN_CUT;
}

void looks_add_within(struct looks *l, uint64_t now, uint64_t looked, struct build *b)
{
	uint64_t ns = now > looked ? now - looked : 0;
	uint32_t within = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;

	if (!looked)
		return;
	hist_add(&l->within, ns, 1);
	build_value(b, VQT_TAG_WITHIN, &within, sizeof(within));
}

void looks_put_within(const struct looks *l, struct text *t)
{
	text_add(t, "of %llu events 99 %% happened within ", (unsigned long long)l->within.count);
	text_duration(t, hist_percentile(&l->within, 990000));
	text_puts(t, " before their time, all within ");
	text_duration(t, l->within.max);
}

void looks_put_end(struct text *t, uint64_t ns)
{
	text_puts(t, "the process has ended: what happened in its rings in the last ");
	text_duration(t, ns);
	text_puts(t, ", after they were looked at, is not in the trace");
}

static void report_cost(const struct looks *l, const struct source_request *r)
{
	uint64_t took = clock_ns(CLOCK_MONOTONIC) - l->began;
	uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - l->cpu;
	TEXT(t, 256);

	text_add(&t, "%llu looks, %.1f %% of a processor core", (unsigned long long)l->n,
		 took ? 100.0 * (double)cpu / (double)took : 0);
	if (l->apart.count) {
		text_puts(&t, "; at a queue in use every ");
		text_duration(&t, hist_percentile(&l->apart, 500000));
		text_puts(&t, " (99 %: ");
		text_duration(&t, hist_percentile(&l->apart, 990000));
		text_puts(&t, ")");
	}
	source_say(r, SOURCE_INFO, "%s", t.buf);
	t.len = 0;
	if (!l->within.count)
		return;
	looks_put_within(l, &t);
	source_say(r, SOURCE_INFO, "%s", t.buf);
}

void looks_report(const struct looks *l, const struct source_request *r,
		  const struct snoop_stats *t, const char *end)
{
	TEXT(lost, 64);

	report_cost(l, r);
	if (t->unread || t->unsure)
		source_say(r, SOURCE_INFO,
			   "of %llu chains %llu were used before they could be read: they are "
			   "counted, and what they were is unknown; of %llu completions %llu are "
			   "without their status",
			   (unsigned long long)t->chains, (unsigned long long)t->unread,
			   (unsigned long long)t->used, (unsigned long long)t->unsure);
	if (!t->lost && !t->lost_more)
		return;
	model_put_lost(&lost, (struct model_loss){ t->lost, t->lost_more != 0 }, "chains");
	source_say(r, SOURCE_WARNING,
		   "%s were gone before they could be seen, or were in flight as a queue %s",
		   lost.buf, end);
}
