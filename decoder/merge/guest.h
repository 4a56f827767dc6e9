/* SPDX-License-Identifier: MIT */
/*
 * One guest of a merge: which of the host's devices its devices are, what its clock says, and its
 * records as they stand among the host's.  guest_file.h reads them from a trace, live/live.h takes
 * them while they are recorded.
 */
#ifndef VQT_DECODER_MERGE_GUEST_H
#define VQT_DECODER_MERGE_GUEST_H

#include "decoder/merge/merge.h"

#define MERGE_DEVICES 65536 /* ids */
#define MERGE_GUEST_DEVICES 128 /* of a guest; the records of others are left out */
#define MERGE_NUMBERS 1024 /* of devices, in all boots of a guest */

/* A device as a VQT_DEVICE describes it. */
struct merge_identity {
	uint16_t id, virtio_id;
	uint8_t source;
	uint32_t bdf; /* ~0 unknown */
};

/* What is known of the host's trace, and where the merged one goes. */
struct merge_host {
	const char *name; /* of its trace, for errors */
	int (*write)(void *ctx, const void *record, size_t len); /* 0 or negative errno */
	void *ctx;
	bool used_device[MERGE_DEVICES], used_source[256]; /* ids, its own and those of guests */
	bool written[MERGE_DEVICES]; /* the device has been described */
	struct merge_identity *identity; /* of its devices, one each */
	size_t n, cap;
	uint32_t identity_at[MERGE_DEVICES]; /* 1 + its place, by id; 0 none */
};

/* A record of the host's trace.  0 or -ENOMEM. */
int merge_host_look(struct merge_host *h, const struct record *rec);
void merge_host_free(struct merge_host *h); /* what it holds */

/* The numbers of a guest in the merged trace, which it keeps when it boots again. */
struct merge_ids {
	uint8_t source; /* 0: none yet */
	uint16_t of_peer[MERGE_DEVICES]; /* of its device, by the host's */
	uint16_t spare[MERGE_GUEST_DEVICES]; /* of devices without a peer, in earlier boots */
	unsigned spares;
	unsigned numbers; /* of devices that it has got, at most MERGE_NUMBERS */
	uint32_t next_seq;
	bool any; /* it has written something */
};

struct merging;

/* ids outlives it.  NULL: no memory. */
struct merging *merging_new(struct merge_guest *report, struct merge_ids *ids);
/* The numbers of devices that are the host's stay theirs; the others' can be used again. */
void merging_free(struct merging *g);

/*
 * A record of either trace, what it says of what both have in common; number: its place there.
 * 0 or -ENOMEM.
 */
int merging_look(struct merging *g, enum merge_side side, const struct record *rec,
		 uint64_t number);
/*
 * It is known to be the guest of this process, and whether both record what chains begin with.
 * Before anything is looked at.
 */
void merging_of_process(struct merging *g, uint8_t host_source, bool content);
/*
 * Find out which of its devices are the host's; again when more is known.  0, -ENOMEM, -E2BIG, or
 * -EXDEV: they have nothing in common, so far.
 */
int merging_link(struct merging *g, struct merge_host *h, struct trace_error *err);
bool merging_linked(const struct merging *g); /* it has succeeded */
/* Has it devices that are not known to be any of the host's? */
bool merging_misses(const struct merging *g);
/* What pair/search.h found, in order. */
const struct search_match *merging_matches(const struct merging *g, size_t *n);

/*
 * A record of either trace, once they are linked, each in its order and both roughly as they
 * happened: what it says of the guest's clock.  0 or -ENOMEM.
 */
int merging_feed(struct merging *g, enum merge_side side, const struct record *rec);
/* The same for a record of the host that came before its device was known to be the guest's. */
int merging_feed_fresh(struct merging *g, const struct record *rec);
bool merging_has_fresh(const struct merging *g); /* is there such a device? */
void merging_fed_fresh(struct merging *g); /* that was all */
int merging_fed(struct merging *g); /* now and then: take over what follows from that */
int merging_hurry(struct merging *g); /* decide with what is known by now */
int merging_fed_all(struct merging *g);

/* Up to when, at the host's time, its clock is known from both sides; 0: it is not. */
uint64_t merging_told(const struct merging *g);

/* Does it only say something of the clock, so that it is not written? */
bool merging_consumes(const struct record *rec);
/* May a guest write that? */
bool merging_accepts(const struct merging *g, const struct record *rec);
/*
 * The host's time of its next record.  1; 0: it is not decided yet; -EXDEV: there is nothing by
 * which it could be known.
 */
int merging_time(struct merging *g, const struct record *rec, uint64_t *ts,
		 struct trace_error *err);
/* Nothing of it is before this time of the host's. */
void merging_not_before(struct merging *g, uint64_t ts);
/* Its next record has come at this time of the host's: what it is about was earlier. */
void merging_came(struct merging *g, uint64_t ts);
/* Write this record, whose time has been asked for.  0 or negative errno. */
int merging_write(struct merging *g, struct merge_host *h, const struct record *rec);
/* A device of the host has been described for the first time.  0 or negative errno. */
int merging_described(struct merging *g, struct merge_host *h, uint16_t device);
/* Write again what a file needs to be understood from its start.  0 or negative errno. */
int merging_describe(struct merging *g, struct merge_host *h);
/* Does what was paired contradict itself?  0 or -EXDEV. */
int merging_check(struct merging *g, const struct merge_host *h, struct trace_error *err);
void merging_report(struct merging *g);

#endif
