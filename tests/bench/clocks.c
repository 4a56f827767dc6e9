/* SPDX-License-Identifier: MIT */
/*
 * Bounds a second that are aligned, by how many of them there are in a second of guest time,
 * beside reading the same arrays only.
 *
 *   clocks [BOUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "decoder/align/align.h"
#include "decoder/util/clock.h"

struct told {
	uint64_t g, h;
	bool before;
};

static uint64_t state = 1;

static uint64_t some(uint64_t below)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % below;
}

/* Delays of 5 us and more, a few of them long; 40 ppm. */
static void make(struct told *t, unsigned n, unsigned per_second)
{
	uint64_t g = 1, gap = 1000000000 / per_second;

	for (unsigned i = 0; i < n; i++) {
		uint64_t delay = 5000 + some(20000) + (some(10) ? 0 : some(1000000));

		g += 1 + some(2 * gap);
		t[i].g = g;
		t[i].before = some(2);
		t[i].h = 1000000000 + g + g / 25000 + (t[i].before ? delay : -delay);
	}
}

static double align(const struct told *t, unsigned n, uint64_t *segments)
{
	struct align *a = align_new(NULL);
	struct align_segment s;
	uint64_t begin = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	for (unsigned i = 0; a && i < n; i++) {
		(t[i].before ? align_before : align_after)(a, t[i].g, t[i].h);
		while (align_next(a, &s))
			++*segments;
	}
	begin = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin;
	align_free(a);
	return (double)begin / 1e9;
}

int main(int argc, char **argv)
{
	static const unsigned rates[] = { 1, 100, 10000, 100000, 1000000 };
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 2000000;
	struct told *t = calloc(n, sizeof(*t));
	struct rusage before, after;

	if (!t || !n)
		return 1;
	make(t, n, 1000);
	printf("%-22s %15s %12s\n", "bounds a guest second", "bounds a second", "segments");
	getrusage(RUSAGE_SELF, &before);
	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t segments = 0;
		unsigned some = rates[i] < 10000 && n > 200000 ? 200000 : n;
		double seconds;

		make(t, some, rates[i]);
		seconds = align(t, some, &segments);
		printf("%-22u %15.0f %12llu\n", rates[i], some / seconds,
		       (unsigned long long)segments);
	}
	getrusage(RUSAGE_SELF, &after);
	printf("memory beside the bounds: %ld KiB\n", after.ru_maxrss - before.ru_maxrss);
	free(t);
	return 0;
}
