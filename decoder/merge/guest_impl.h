/* SPDX-License-Identifier: MIT */
/* A guest of a merge, for the files that follow it: guest_link.c, guest.c; others include guest.h. */
#ifndef VQT_DECODER_MERGE_GUEST_IMPL_H
#define VQT_DECODER_MERGE_GUEST_IMPL_H

#include "decoder/align/clock.h"
#include "decoder/merge/guest.h"
#include "decoder/trace/stacks.h"

/* The latest description of a device, or of the source, as it was written. */
struct description {
	uint8_t *bytes; /* NULL: none */
	size_t len;
};

/* A device of the guest. */
struct side {
	struct merge_identity who; /* id: the guest's */
	uint16_t id; /* in the merged trace; VQT_NO_DEVICE: it has none yet */
	uint16_t peer; /* the host's; VQT_NO_DEVICE */
	bool alone; /* described before its peer was, or before that was known */
	struct description described;
};

struct merging {
	struct merge_guest *report;
	struct merge_ids *ids;
	struct search *search;
	struct align *align;
	struct pair *pair; /* NULL: not linked */
	struct clock_queue *clock;
	uint64_t newest; /* guest time that was fed */
	/* Written. */
	struct clock_time now; /* of the next record */
	bool timed; /* now is known */
	uint64_t last; /* ns: of the record before */
	uint64_t came; /* ns: when the next one did; 0 unknown */
	uint64_t claimed_at;
	uint32_t claimed; /* ns: what the latest record about the clock says */
	struct description described; /* its source in the merged trace */
	struct kept_stacks stacks;
	bool any; /* a record about its clock has followed */
	bool process_known; /* host_source */
	bool content; /* both have recorded what chains begin with */
	uint8_t own_source, host_source; /* in the guest's trace; QEMU's, in the host's */
	uint32_t seq_base; /* added to its sequence numbers */
	bool begun; /* seq_base is set */
	struct side *side;
	size_t sides, cap;
	uint16_t place[MERGE_DEVICES]; /* by the guest's id: 1 + where it is in side[] */
	bool shared[MERGE_DEVICES]; /* by the host's id: a peer of one of them */
	bool fresh[MERGE_DEVICES]; /* and has become so only now */
	bool any_fresh;
	_Alignas(8) uint8_t bytes[VQT_RECORD_MAX];
};

/* The device with this id in the guest's trace; NULL: there is none. */
static inline struct side *merging_side(const struct merging *g, uint16_t id)
{
	return g->place[id] ? &g->side[g->place[id] - 1] : NULL;
}

/* guest_link.c: give the device its number in the merged trace.  0, or -E2BIG: none is left. */
int merging_number(struct merging *g, struct merge_host *h, struct side *d);

#endif
