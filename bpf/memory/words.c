/* SPDX-License-Identifier: MIT */
#include "bpf/memory/words.h"
#include "decoder/trace/record.h"
#include "decoder/util/virtqueue.h"

static uint64_t packed_flags(const uint64_t host[RING_AREAS], uint16_t pos)
{
	return host[RING_DESC] + virtq_desc_at(virtq_slot(pos)) + VIRTQ_PACKED_FLAGS;
}

void words_ranges(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		  struct iovec range[WORDS_RANGES])
{
	uint64_t driver = r->packed ? packed_flags(host, r->avail) : host[RING_DRIVER];
	uint64_t device = r->packed ? packed_flags(host, r->used) : host[RING_DEVICE];

	range[0] = (struct iovec){ (void *)(uintptr_t)driver,
				   sizeof(((struct words_ring *)0)->driver) };
	range[1] = (struct iovec){ (void *)(uintptr_t)device,
				   sizeof(((struct words_ring *)0)->device) };
}

void words_moving(const struct ring_reader *r, const uint64_t host[RING_AREAS],
		  uint64_t at[WORDS_RANGES])
{
	struct iovec range[WORDS_RANGES];

	words_ranges(r, host, range);
	for (unsigned i = 0; i < WORDS_RANGES; i++)
		at[i] = (uintptr_t)range[i].iov_base + (r->packed ? 0 : VIRTQ_RING_IDX);
}

bool words_moved(const struct ring_reader *r, const struct words_ring *w)
{
	if (r->packed)
		return virtq_is_available(get_le16(w->driver), virtq_wrap(r->avail)) ||
		       virtq_is_used(get_le16(w->device), virtq_wrap(r->used));
	return get_le16(w->driver + 2) != r->avail || get_le16(w->device + 2) != r->used;
}

void words_take(struct ring_reader *r, const struct words_ring *w)
{
	if (!r->packed)
		r->avail_seen = get_le16(w->driver + 2);
}
