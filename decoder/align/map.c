/* SPDX-License-Identifier: MIT */
/* What is decided, for those who ask: segments in order, and the host's time of a guest's. */
#include <stddef.h>

#include "decoder/align/impl.h"

bool align_next(struct align *a, struct align_segment *out)
{
	if (a->taken == a->made)
		return false;
	*out = a->segment[a->taken++ % ALIGN_SEGMENTS];
	return true;
}

bool align_next_outlier(struct align *a, struct align_outlier *out)
{
	uint64_t n = a->counts.outliers;

	if (n - a->outliers_taken > ALIGN_OUTLIERS)
		a->outliers_taken = n - ALIGN_OUTLIERS;
	if (a->outliers_taken == n)
		return false;
	*out = a->outlier[a->outliers_taken++ % ALIGN_OUTLIERS];
	return true;
}

uint64_t align_segment_map(const struct align_segment *s, uint64_t guest)
{
	uint64_t length = s->guest_end - s->guest;
	__int128 h = (int64_t)(s->host_end - s->host);

	return length ? s->host + (uint64_t)(h * (int64_t)(guest - s->guest) / (int64_t)length)
		      : s->host;
}

int64_t align_segment_rate(const struct align_segment *s)
{
	int64_t length = (int64_t)(s->guest_end - s->guest);
	__int128 more = (int64_t)((s->host_end - s->host) - (s->guest_end - s->guest));

	return length > 0 ? (int64_t)(more * 1000000000 / length) : 0;
}

static bool holds(const struct align_segment *s, uint64_t guest)
{
	return guest - s->guest <= s->guest_end - s->guest;
}

/* The last one since `from` that begins at or before the guest's time, if it holds that. */
static const struct align_segment *find_since(const struct align *a, uint64_t from, uint64_t guest)
{
	uint64_t to = a->made;

	while (from < to) {
		uint64_t mid = from + (to - from) / 2;

		if (align_x(guest, a->segment[mid % ALIGN_SEGMENTS].guest) >= 0)
			from = mid + 1;
		else
			to = mid;
	}

	const struct align_segment *s = &a->segment[(to - 1) % ALIGN_SEGMENTS];

	return to && holds(s, guest) ? s : NULL;
}

/* NULL: none. */
static const struct align_segment *find(const struct align *a, uint64_t guest)
{
	uint64_t least = a->made > ALIGN_SEGMENTS ? a->made - ALIGN_SEGMENTS : 0;
	uint64_t ordered = a->went_back > least ? a->went_back : least;
	const struct align_segment *s = find_since(a, ordered, guest);

	for (uint64_t i = ordered; !s && i > least; i--)
		if (holds(&a->segment[(i - 1) % ALIGN_SEGMENTS], guest))
			s = &a->segment[(i - 1) % ALIGN_SEGMENTS];
	return s;
}

static enum align_answer answer(uint64_t host, double error, uint64_t *host_out,
				uint32_t *error_out)
{
	uint32_t e = align_whole(error);

	if (e == ALIGN_UNKNOWN)
		return ALIGN_NOT_KNOWN;
	*host_out = host;
	*error_out = e;
	return ALIGN_IS;
}

/* Before the first segment, or behind the last one. */
static enum align_answer outside(const struct align *a, uint64_t guest, uint64_t *host,
				 uint32_t *error)
{
	const struct align_segment *last = &a->segment[(a->made - 1) % ALIGN_SEGMENTS];
	const struct align_segment *first = &a->segment[0];
	uint64_t after = guest - last->guest_end, before = first->guest - guest;

	if (a->ended && after < ALIGN_FAR && last->error != ALIGN_UNKNOWN)
		return answer(last->host_end + after, last->error + a->drift * (double)after, host,
			      error);
	if (a->made <= ALIGN_SEGMENTS && before < ALIGN_FAR && first->error != ALIGN_UNKNOWN)
		return answer(first->host - before, first->error + a->drift * (double)before, host,
			      error);
	return !a->ended && (int64_t)after > 0 ? ALIGN_LATER : ALIGN_NOT_KNOWN;
}

enum align_answer align_map(const struct align *a, uint64_t guest, uint64_t *host, uint32_t *error)
{
	const struct align_segment *s;

	if (!a->made)
		return a->ended ? ALIGN_NOT_KNOWN : ALIGN_LATER;
	s = find(a, guest);
	if (!s)
		return outside(a, guest, host, error);
	if (s->error == ALIGN_UNKNOWN)
		return ALIGN_NOT_KNOWN;
	*host = align_segment_map(s, guest);
	*error = s->error;
	return ALIGN_IS;
}
