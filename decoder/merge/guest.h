/* SPDX-License-Identifier: MIT */
/* One guest of a merge: its clock is followed ahead of its records, which become the host's. */
#ifndef VQT_DECODER_MERGE_GUEST_H
#define VQT_DECODER_MERGE_GUEST_H

#include "decoder/merge/merge.h"
#include "decoder/merge/stream.h"

#define MERGE_DEVICES 65536 /* ids */

/* What is known of the host's trace before anything is written, and of what was written. */
struct merge_host {
	const char *path;
	struct trace_writer *to;
	bool used_device[MERGE_DEVICES], used_source[256]; /* ids, its own and those of guests */
	bool written[MERGE_DEVICES]; /* the device has been described */
	struct merge_identity *identity; /* of its devices, one each */
	size_t n, cap;
	uint32_t identity_at[MERGE_DEVICES]; /* 1 + its place, by id; 0 none */
};

/* A device as a VQT_DEVICE describes it. */
struct merge_identity {
	uint16_t id, virtio_id;
	uint8_t source;
	uint32_t bdf; /* ~0 unknown */
};

struct merging;

struct merging *merging_new(struct merge_guest *report); /* NULL: no memory */
void merging_free(struct merging *g);

/*
 * A record of either trace, before anything is written: what it says of what both have in
 * common.  0 or -ENOMEM.
 */
int merging_look(struct merging *g, enum merge_side side, const struct record *rec,
		 uint64_t number);
/* All was looked at.  0, -ENOMEM, or -EXDEV: they have nothing in common. */
int merging_begin(struct merging *g, struct merge_host *h, struct trace_error *err);

/*
 * The host's time of its next record, in *ts.  1; 0: it has no more; -ENOMEM; -EXDEV: there is
 * nothing by which its times could be known.
 */
int merging_next(struct merging *g, uint64_t *ts, struct trace_error *err);
/* Nothing of it is before this time of the host's. */
void merging_not_before(struct merging *g, uint64_t ts);
/* Write this record, and go on.  0 or negative errno. */
int merging_write(struct merging *g, struct merge_host *h);
/* A device of the host has been described for the first time.  0 or negative errno. */
int merging_described(struct merging *g, struct merge_host *h, uint16_t device);
/* All was written.  0, or -EXDEV: what was paired contradicts itself. */
int merging_end(struct merging *g, const struct merge_host *h, struct trace_error *err);
void merging_report(struct merging *g);

#endif
