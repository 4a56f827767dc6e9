/* SPDX-License-Identifier: MIT */
/*
 * The records of a host and of its guests joined while they are recorded: as merge/merge.h does with
 * files, with the same modules.  Records wait until the guest's clock is known around them, or until
 * patience ends, so that all are written in the order of the host's time.
 *
 *    host ───┬─> waits ──────────────────────────────────────> in the order of time
 *    guest ──┼─> waits ──> at the host's time, once decided ──>
 *            └─> pair ──> align ──> clock
 *
 * A guest that is slow, stopped or gone holds up the host's records no longer than that, and no
 * more memory than a bound.  Its records are then late: they are written behind those that they
 * would have been before, and their times are known less exactly.
 */
#ifndef VQT_DECODER_LIVE_LIVE_H
#define VQT_DECODER_LIVE_LIVE_H

#include <sys/types.h>

#include "decoder/merge/merge.h"

struct live;

/* Where the joined records go, each complete; 0 or negative errno, which ends it all. */
typedef int live_write(void *ctx, const void *record, size_t len);

/*
 * patience: ns after which what has not come of a guest, or would make its times more exact, is not
 * waited for.  NULL: no memory.
 */
struct live *live_new(uint64_t patience, live_write *write, void *ctx);
void live_free(struct live *l);
/*
 * One more guest, at most MERGE_GUESTS.  name: for people; pid: of the process that it is the guest
 * of, 0 unknown.  The strings are borrowed.  Its number, or -ENOMEM, -E2BIG.
 */
int live_add_guest(struct live *l, const char *name, pid_t pid);
void live_set_process(struct live *l, unsigned guest, pid_t pid);

/* A record of the host, at `now` of CLOCK_MONOTONIC.  0 or negative errno. */
int live_host(struct live *l, const void *record, size_t len, uint64_t now);
/* A record of a guest.  0 or negative errno. */
int live_guest(struct live *l, unsigned guest, const struct record *rec, uint64_t now);
/* A trace of a guest begins: it was booted, or its recorder was started again. */
int live_guest_begins(struct live *l, unsigned guest);
/* Nothing comes of it until live_guest_begins(). */
int live_guest_ends(struct live *l, unsigned guest);
/* Can it take more of this guest now?  Else what comes is to be left where it is. */
bool live_guest_wants(const struct live *l, unsigned guest);

/* Write what is decided.  0 or negative errno. */
int live_step(struct live *l, uint64_t now);
/* Write all that can be, without waiting for what would make it more exact. */
int live_flush(struct live *l, uint64_t now);
/*
 * Between these two records of the host, and descriptions of guests, are written at once: they are
 * what a new file begins with.
 */
void live_describe_begin(struct live *l);
int live_describe_end(struct live *l);
/* There is no memory: write what waits of the host.  Then nothing but live_report() is called. */
int live_give_up(struct live *l);
/* Nothing comes any more: write all. */
int live_end(struct live *l, uint64_t now);

/* Is it known whose guest it is? */
bool live_linked(const struct live *l, unsigned guest);
/*
 * The host's time up to which its clock is known from both sides: after that what is claimed of its
 * times grows by the drift that is possible; 0: it is not known at all.  false: nothing that tells of
 * it would be of use, as it is not linked, or refused.
 */
bool live_told(const struct live *l, unsigned guest, uint64_t *until);

struct live_state {
	uint64_t boots; /* traces that have begun */
	uint64_t unwritten; /* records that were left out: of no known time, or refused */
	char refused[400]; /* why what it sends is not recorded; "" it is */
};

/* At the end: what is known of a guest; the report counts all its boots. */
const struct merge_guest *live_report(const struct live *l, unsigned guest, struct live_state *out);

#endif
