/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "bpf/memory/snapshot.h"
#include "decoder/trace/record.h"
#include "decoder/util/virtqueue.h"

_Static_assert(VQS_WORD == WORDS_BYTES, "as they are read");

#define BAD_COSTS 7 /* good ones: of 8 chains 7 must be found by snapshots */
#define TRUST_MOST 256

struct vqs_ring snapshot_ring(const struct ring_reader *r, const uint64_t host[RING_AREAS],
			      uint32_t snaplen)
{
	return (struct vqs_ring){ .size = r->size,
				  .snaplen = snaplen,
				  .desc = host[RING_DESC],
				  .driver = host[RING_DRIVER],
				  .device = host[RING_DEVICE] };
}

void snapshot_ring_area(struct vqs_ring *r, uint64_t lo, uint64_t hi, uint64_t distance)
{
	if (r->nareas == VQS_AREAS || lo >= hi)
		return;
	r->area[r->nareas].lo = lo;
	r->area[r->nareas].hi = hi;
	r->area[r->nareas++].distance = distance;
}

bool snapshot_can(const struct ring_reader *r, const uint64_t host[RING_AREAS])
{
	return !r->packed && !(host[RING_DRIVER] & 1) && !(host[RING_DEVICE] & 1);
}

static uint16_t index_in(const uint8_t word[VQS_WORD], uint64_t area)
{
	uint64_t at = area + VIRTQ_RING_IDX;

	return get_le16(word + (at - words_base(at)));
}

/* Does it tell of the ring from `at` on?  It tells from `from` to `to`. */
static bool joins(uint16_t at, uint16_t from, uint16_t to)
{
	return (uint16_t)(to - at) <= (uint16_t)(to - from);
}

bool snapshot_goes_on(const struct vqs_snapshot *s, const struct ring_reader *r,
		      const uint64_t host[RING_AREAS])
{
	uint16_t avail = index_in(s->driver, host[RING_DRIVER]);
	uint16_t used = index_in(s->device, host[RING_DEVICE]);

	return joins(r->avail, s->avail_from, avail) && joins(r->used, s->used_from, used) &&
	       (avail != r->avail || used != r->used);
}

struct words_ring snapshot_words(const struct vqs_snapshot *s)
{
	struct words_ring w;

	memcpy(w.driver, s->driver, sizeof(w.driver));
	memcpy(w.device, s->device, sizeof(w.device));
	return w;
}

void snapshot_weigh(struct snapshot_trust *t, uint64_t good, uint64_t bad)
{
	uint64_t cost = bad * BAD_COSTS;

	t->level = t->level + good < TRUST_MOST ? t->level + (unsigned)good : TRUST_MOST;
	t->level = t->level > cost ? t->level - (unsigned)cost : 0;
}

bool snapshot_trusted(const struct snapshot_trust *t)
{
	return t->level >= TRUST_MOST / 2;
}
