/* SPDX-License-Identifier: MIT */
/*
 * The two sides of one conversation, of any length, and what joining them live takes.
 *
 *   pair make HOST GUEST CHAINS      the files; four records a chain, a chain a millisecond
 *   pair live HOST GUEST PATIENCE    processor time an event, and memory; PATIENCE in seconds
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "decoder/live/live.h"
#include "decoder/util/clock.h"
#include "tests/unit/two_sides.h"

#define STEP (25 * MS) /* how often a recorder looks */
#define LATER (100 * MS) /* the guest's records come */
#define NEVER UINT64_MAX

/* --- make ---------------------------------------------------------------------------- */

static int keep(const struct file *f, const char *path)
{
	FILE *to = fopen(path, "we");
	off_t at = 0, end = lseek(f->fd, 0, SEEK_END);
	ssize_t n = 1;

	while (to && at < end && n > 0)
		n = sendfile(fileno(to), f->fd, &at, 1 << 20);
	if (!to || fclose(to) || at < end) {
		perror(path);
		return 2;
	}
	return 0;
}

static int make(const char *host, const char *guest, uint32_t chains)
{
	struct clocks c = { .chains = chains };
	struct file h, g;

	record_both(&c, &h, &g, 0);
	return keep(&h, host) ? 2 : keep(&g, guest);
}

/* --- live ---------------------------------------------------------------------------- */

/* Records of one side, each when it comes. */
struct side {
	struct trace_reader *t;
	struct record rec;
	uint64_t at, n; /* host time; records so far */
	bool guest;
};

static void next(struct side *s)
{
	struct trace_error err;
	bool again;

	if (trace_next(s->t, &s->rec, &again, &err) <= 0) {
		s->at = NEVER;
		return;
	}
	s->n++;
	s->at = s->rec.h.ts;
	if (s->guest) /* guest_time(), the other way, roughly */
		s->at = BEGIN + (s->rec.h.ts - 77 * SECOND) + LATER;
}

static int open_side(struct side *s, const char *path, bool guest)
{
	struct trace_error err;

	*s = (struct side){ .guest = guest };
	if (trace_open(&s->t, path, &err)) {
		fprintf(stderr, "pair: %s\n", err.text);
		return 2;
	}
	next(s);
	return 0;
}

static uint64_t written;

static int count(void *ctx, const void *record, size_t len)
{
	(void)ctx;
	(void)record;
	(void)len;
	written++;
	return 0;
}

/* Both as they came; l NULL: they are only read. */
static int play(struct live *l, struct side *h, struct side *g)
{
	uint64_t now = 0, stepped = 0;
	int err = 0;

	while (!err && (h->at != NEVER || g->at != NEVER)) {
		struct side *s = h->at <= g->at ? h : g;

		stepped = stepped ? stepped : s->at;
		while (l && !err && s->at > stepped + STEP) {
			stepped += STEP;
			err = live_step(l, stepped);
		}
		now = s->at > now ? s->at : now;
		if (l && !err)
			err = s->guest ? live_guest(l, 0, &s->rec, now)
				       : live_host(l, s->rec.raw, s->rec.len, now);
		next(s);
	}
	return err || !l ? err : live_end(l, now);
}

static double cpu(void)
{
	return (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9;
}

static int live(const char *host, const char *guest, uint64_t patience)
{
	struct live *l = live_new(patience, count, NULL);
	const struct merge_guest *found;
	struct live_state state;
	struct rusage before, after;
	struct side h, g;
	double reading, all;

	if (!l || live_add_guest(l, "guest", HOST_PID) || live_guest_begins(l, 0))
		return 2;
	reading = cpu();
	if (open_side(&h, host, false) || open_side(&g, guest, true) || play(NULL, &h, &g))
		return 2;
	trace_close(h.t);
	trace_close(g.t);
	reading = cpu() - reading;
	getrusage(RUSAGE_SELF, &before);
	all = cpu();
	if (open_side(&h, host, false) || open_side(&g, guest, true) || play(l, &h, &g))
		return 2;
	all = cpu() - all;
	getrusage(RUSAGE_SELF, &after);
	found = live_report(l, 0, &state);
	printf("%llu events, %llu chains joined: %.0f ns an event, reading alone %.0f ns; %ld KiB more memory\n",
	       (unsigned long long)(h.n + g.n), (unsigned long long)found->pairs.paired,
	       (all - reading) * 1e9 / (double)(h.n + g.n), reading * 1e9 / (double)(h.n + g.n),
	       after.ru_maxrss - before.ru_maxrss);
	trace_close(h.t);
	trace_close(g.t);
	live_free(l);
	return written < h.n + g.n ? 1 : 0; /* what was not written was not measured */
}

int main(int argc, char **argv)
{
	uint64_t n = argc == 5 ? strtoull(argv[4], NULL, 0) : 0;

	if (n && !strcmp(argv[1], "make"))
		return make(argv[2], argv[3], (uint32_t)n);
	if (n && !strcmp(argv[1], "live"))
		return live(argv[2], argv[3], n * SECOND);
	fprintf(stderr, "usage: pair make HOST GUEST CHAINS | pair live HOST GUEST PATIENCE\n");
	return 2;
}
