/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as bounds between two clocks.  The first byte chooses the limits; then each bound is
 * a byte (kind, which numbers are new, how large they are) and the steps of the two clocks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/align/align.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_at(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "align_fuzz.c:%d: does not hold: %s\n", line, what);
	abort();
}
#define must(holds) must_at(holds, #holds, __LINE__)

/* The segments so far join and run forward, or say that they do not. */
static void drain(struct align *a, struct align_segment *last, bool *some)
{
	struct align_segment s;
	struct align_outlier o;
	uint64_t h;
	uint32_t error;

	while (align_next(a, &s)) {
		bool joins = s.reason != ALIGN_START && s.reason != ALIGN_BACK;

		must(*some == joins || s.reason == ALIGN_BACK);
		must(!joins || s.guest == last->guest_end);
		must(s.error == ALIGN_UNKNOWN || s.reason == ALIGN_STEP ||
		     (int64_t)(s.host_end - s.host) >= 0);
		must(align_segment_map(&s, s.guest) == s.host);
		must(s.guest == s.guest_end || align_segment_map(&s, s.guest_end) == s.host_end);
		must(align_map(a, s.guest, &h, &error) != ALIGN_LATER);
		align_segment_rate(&s);
		*last = s;
		*some = true;
	}
	while (align_next_outlier(a, &o))
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct align_limits l = align_limits_default;
	struct align_segment last = { 0 };
	bool some = false;
	uint64_t g = 0, h = 0;

	if (!size)
		return 0;
	if (data[0] & 1)
		l = (struct align_limits){ 100000000, 1000000, 100000000, 1000000, 5000000 };
	if (data[0] & 2)
		l.wander = 0;

	struct align *a = align_new(&l);
	if (!a)
		return 0;
	for (size_t i = 1; i + 5 <= size; i += 5) {
		int16_t dg, dh;

		memcpy(&dg, data + i + 1, 2);
		memcpy(&dh, data + i + 3, 2);
		g += (uint64_t)dg << (data[i] >> 3 & 3) * 14;
		h += (uint64_t)dh << (data[i] >> 5) * 6;
		if (data[i] & 1)
			align_before(a, g, h);
		if (data[i] & 2)
			align_after(a, g, h);
		if ((data[i] & 7) == 4)
			align_advance(a, g);
		drain(a, &last, &some);
	}
	align_end(a);
	drain(a, &last, &some);
	align_unrelated(a);
	align_free(a);
	return 0;
}
