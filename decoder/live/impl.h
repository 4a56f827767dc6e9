/* SPDX-License-Identifier: MIT */
/* Joining live, for the files that do it: live.c, link.c; others include live.h. */
#ifndef VQT_DECODER_LIVE_IMPL_H
#define VQT_DECODER_LIVE_IMPL_H

#include "decoder/live/live.h"
#include "decoder/live/waiting.h"
#include "decoder/merge/guest.h"

#define MS UINT64_C(1000000)
/* Between two attempts to link a guest, at first; then each time twice as long. */
#define LIVE_LINK_EVERY (250 * MS)

/* A guest. */
struct live_one {
	const char *name;
	pid_t pid;
	struct merge_ids ids;
	struct merging *merging; /* of this boot; NULL: none has begun */
	struct merge_guest report, before; /* of this boot, and of those before */
	struct live_state state;
	struct waiting waiting;
	bool ended; /* nothing more of this boot will come */
	/*
	 * The next boot's stream has begun.  It is not taken before what waits of this one is
	 * written, and not before the next step.
	 */
	bool again;
	bool ends; /* and has ended, too */
	unsigned news; /* descriptions of devices that have come, in all boots */
	uint32_t snaplen;
	uint64_t number; /* of its latest record, in all boots */
	uint64_t heard; /* ns: when the first record of this boot came */
	/* ns: the next attempt to link it, the time to the one after that, the latest one */
	uint64_t link_at, link_every, linked_at;
	uint64_t hurried; /* ns: when its clock was decided in a hurry last */
};

struct live {
	struct merge_host host;
	struct waiting waiting;
	struct live_one *guest[MERGE_GUESTS];
	unsigned guests;
	uint64_t last; /* ns: of what was written */
	uint64_t number; /* of the host's records */
	uint32_t snaplen; /* of the host */
	pid_t pid_of[256]; /* the host's sources */
	uint64_t patience, begun; /* ns; begun: the time of the first record, 0 none */
	bool direct; /* live_describe_begin() */
};

/* Why what it sends is not recorded, from now on. */
void live_refuse(struct live_one *g, const char *why);
/* link.c: find out whose the guests are of which that is not known.  0 or negative errno. */
int live_link(struct live *l, uint64_t now);
/*
 * What the host has recorded before the guest's first trace began: where queues are, for devices that
 * are known by nothing else.  0 or negative errno.
 */
int live_look_back(struct live *l, struct live_one *g);
/*
 * What a record says of whose guest it is, and of the guest's clock; number: its place in that
 * side's trace.  0 or negative errno.
 */
int live_learn(struct live *l, struct live_one *g, enum merge_side side, const struct record *rec,
	       uint64_t number, uint64_t now);

#endif
