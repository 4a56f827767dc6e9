/* SPDX-License-Identifier: MIT */
/*
 * Two clocks aligned by causality: what a guest's clock says as a time of its host's.
 *
 * No event is seen by both clocks at once, but causes precede effects.  A guest notifies at
 * its time g and QEMU sees that at the host's time h: f(g) <= h, where f is the host's time
 * of a guest's time.  QEMU raises an interrupt at h and the guest handles it at g: f(g) >= h.
 * A register access between g1 and g2 that QEMU handles at h is one bound of each kind.
 *
 *    align_before()                        +-----------+   align_next()
 *    align_after()  -> the tightest of ->  | steps and | -> pieces of straight line,
 *    (all bounds)      each short while    | outliers  |    each with its error
 *                                          +-----------+
 *
 * Assumed; what is claimed holds as far as this does:
 *  - the bounds are true, but for some that others near them prove false, before the next step
 *    (struct align_outlier);
 *  - between steps f is continuous and the clocks' rates differ by at most `drift`, and by no
 *    more than `wander` more or less within any `window`;
 *  - a step is larger than what the bounds around it leave open, and between two steps there are
 *    bounds of both kinds.  A smaller step is not noticed: errors claimed within a window of it
 *    may be too small, by no more than its size.  Sudden changes of the rate are noticed once
 *    they have moved the clocks by as much; until then the claims may be too small by that.
 *
 * Time is in ns; both clocks count modulo 2^64 and differences are taken as signed.  Bounds
 * come in the order of the guest's trace.  Memory is fixed and nothing here fails later.
 */
#ifndef VQT_DECODER_ALIGN_ALIGN_H
#define VQT_DECODER_ALIGN_ALIGN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Linux takes a calibration of the TSC that is within 500 ppm (arch/x86/kernel/tsc.c), NTP
 * corrects a clock's rate by at most 500 ppm (MAXFREQ in timex.h), and crystals are within 100.
 */
#define ALIGN_DRIFT_MAX 500000 /* ppb */

struct align_limits {
	uint32_t drift; /* ppb, at most 10^8: ALIGN_DRIFT_MAX */
	/*
	 * ppb: 1000.  Both clocks are mostly one oscillator; what changes is how NTP corrects
	 * either, which in a clock that is once set is some 100 ppb in a minute.
	 */
	uint32_t wander;
	uint64_t window; /* ns: 16 s.  Older bounds say nothing of the rate now */
	/*
	 * Nothing is decided before bounds `lag` later are known, 1 s, or some hundreds; where they
	 * are few or of one kind not before `lag_max`, 10 s (both in guest time); and not before it
	 * is clear whether the next contradiction is a step, which takes at most `lag_max` more.
	 */
	uint64_t lag, lag_max;
};

extern const struct align_limits align_limits_default;

enum align_reason {
	ALIGN_CONTINUES = 0, /* begins where the one before ended */
	ALIGN_START, /* the first */
	/* The step lies inside of this segment, which ends as soon as it is sure to be over. */
	ALIGN_PAUSE, /* the host's clock ran on and the guest's did not: it was stopped */
	ALIGN_STEP, /* the guest's clock was set forward, or the host's is another one */
	ALIGN_BACK, /* the guest's clock went back: a snapshot was loaded */
	/*
	 * Inside of it or shortly before the rate changed by more than was assumed, or there was a
	 * step that could also be the possible drift.
	 */
	ALIGN_RATE,
};

#define ALIGN_UNKNOWN UINT32_MAX

/*
 * From guest time `guest` to `guest_end` the host's time runs evenly from `host` to
 * `host_end`, right to +-error.  Segments are final and in the order of the guest's trace; one
 * begins where the last one ended, except ALIGN_START and ALIGN_BACK.  host_end < host in
 * ALIGN_STEP only; guest_end == guest only where a step was between two bounds of one time, or at the
 * first moment that is known.
 */
struct align_segment {
	uint64_t guest, guest_end;
	uint64_t host, host_end; /* meaningless where error is ALIGN_UNKNOWN */
	int64_t jump; /* of a step: ns that the host's clock gained on the guest's */
	uint32_t error; /* ns: half width, or ALIGN_UNKNOWN */
	uint8_t reason; /* enum align_reason */
	bool extrapolated; /* no bounds after it were waited for: holds if no step follows */
	bool hurried; /* so it is because of align_hurry() */
};

/* A bound that contradicts the ones before it and the ones after it. */
struct align_outlier {
	uint64_t guest, host;
	bool before; /* f(guest) <= host was said */
};

struct align_counts {
	uint64_t before, after; /* bounds that came */
	uint64_t examined; /* of these the tightest of each short while */
	uint64_t outliers, steps, rates; /* rates: ALIGN_RATE, not among the steps */
	uint64_t late; /* earlier than what is decided, too much to be of use */
	uint64_t lost; /* segments that nobody took in time */
};

struct align;

/* NULL: no memory, or EINVAL for limits that make no sense.  limits NULL: the default ones. */
struct align *align_new(const struct align_limits *limits);
void align_free(struct align *a);

/*
 * Guest time never goes back by more than 10 ms, or else three bounds in a row tell that it
 * did (ALIGN_BACK).  Take the segments after each call: a ring holds some thousands.
 */
void align_before(struct align *a, uint64_t guest, uint64_t host); /* f(guest) <= host */
void align_after(struct align *a, uint64_t guest, uint64_t host); /* f(guest) >= host */
/*
 * No bound before this guest time will come any more: for those who cannot wait until one
 * comes.  What is then decided without any is extrapolated.
 */
void align_advance(struct align *a, uint64_t guest);
/*
 * Decide what comes up to this guest time with the bounds that are there: for who cannot wait for
 * others.  Where it is still open whether the clocks have made a step, nothing is decided.
 */
void align_hurry(struct align *a, uint64_t guest);
void align_end(struct align *a); /* no bound comes any more: all is decided */

/* The next segment, or outlier, in order.  false: none yet. */
bool align_next(struct align *a, struct align_segment *out);
bool align_next_outlier(struct align *a, struct align_outlier *out);

enum align_answer {
	ALIGN_IS, /* host and error are set */
	ALIGN_NOT_KNOWN, /* no bounds there, or of one kind only */
	ALIGN_LATER, /* not decided yet */
};

/*
 * The host's time of a guest's time by the last thousands of segments, also those that were
 * taken; the later one if the guest's clock showed that time twice.  Up to 10 s before the
 * first bound and, after align_end(), behind the last the error grows by the possible drift.
 */
enum align_answer align_map(const struct align *a, uint64_t guest, uint64_t *host, uint32_t *error);
/* The host's time of a guest's time that lies in the segment. */
uint64_t align_segment_map(const struct align_segment *s, uint64_t guest);
/* By how much the host's clock runs faster than the guest's: parts in 10^9. */
int64_t align_segment_rate(const struct align_segment *s);

void align_counts(const struct align *a, struct align_counts *out);
/*
 * So many contradictions, of at least 64 bounds one in five, that the two traces do not belong
 * together or were paired wrongly.
 */
bool align_unrelated(const struct align *a);

#endif
