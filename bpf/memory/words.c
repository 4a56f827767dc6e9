/* SPDX-License-Identifier: MIT */
#include "bpf/memory/words.h"
#include "decoder/trace/record.h"
#include "decoder/util/virtqueue.h"

static uint64_t packed_flags(const uint64_t host[RING_AREAS], uint16_t pos)
{
	return host[RING_DESC] + virtq_desc_at(virtq_slot(pos)) + VIRTQ_PACKED_FLAGS;
}

void words_moving(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		  uint64_t at[WORDS_RANGES])
{
	at[0] = r->packed ? packed_flags(host, r->avail) : host[RING_DRIVER] + VIRTQ_RING_IDX;
	at[1] = r->packed ? packed_flags(host, r->used) : host[RING_DEVICE] + VIRTQ_RING_IDX;
}

void words_ranges(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		  struct iovec range[WORDS_RANGES])
{
	uint64_t at[WORDS_RANGES];

	words_moving(r, host, at);
	for (unsigned i = 0; i < WORDS_RANGES; i++)
		range[i] = (struct iovec){ (void *)(uintptr_t)words_base(at[i]), WORDS_BYTES };
}

static uint16_t word(const uint8_t bytes[WORDS_BYTES], uint64_t at)
{
	return get_le16(bytes + (at - words_base(at)));
}

bool words_moved(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		 const struct words_ring *w)
{
	uint64_t at[WORDS_RANGES];
	uint16_t driver, device;

	words_moving(r, host, at);
	driver = word(w->driver, at[0]);
	device = word(w->device, at[1]);
	if (r->packed)
		return virtq_is_available(driver, virtq_wrap(r->avail)) ||
		       virtq_is_used(device, virtq_wrap(r->used));
	return driver != r->avail || device != r->used;
}

bool words_only_used(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		     const struct words_ring *w)
{
	uint64_t at[WORDS_RANGES];

	words_moving(r, host, at);
	return !r->packed && word(w->driver, at[0]) == r->avail;
}

void words_take(struct ring_reader *r, const uint64_t host[RING_AREAS], const struct words_ring *w)
{
	uint64_t at[WORDS_RANGES];

	words_moving(r, host, at);
	if (!r->packed)
		r->avail_seen = word(w->driver, at[0]);
}
