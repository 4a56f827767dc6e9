/* SPDX-License-Identifier: MIT */
/*
 * The data behind `top`.  Records go through the model to the statistics and the checker;
 * each tick makes rows of them.  The screen, batch output and the Prometheus exporter only
 * read the rows.
 */
#ifndef VQT_CLI_TOP_CORE_H
#define VQT_CLI_TOP_CORE_H

#include "decoder/check/check.h"
#include "decoder/filter/filter.h"
#include "decoder/check/report/recent.h"
#include "decoder/model/model.h"
#include "decoder/stats/stats.h"

#define TOP_HISTORY 180 /* ticks a row remembers */
#define TOP_FINDINGS 256 /* findings remembered */
#define TOP_OCTAVES HIST_OCTAVES /* of the heat map: powers of two of ns */

enum top_kind { TOP_VM, TOP_DEVICE, TOP_QUEUE };

/* Where requests spent their time (decoder/stats/stages.h). */
struct top_stages {
	struct stats_stages now, all; /* of those that ended in the last interval; of all */
};

/* One tick of a row's past. */
struct top_past {
	double rate; /* requests a second */
	uint64_t p99; /* ns; 0: no request was completed */
	uint32_t octave[TOP_OCTAVES]; /* completions by latency: [n] from 2^n ns */
};

/*
 * A VM (source), a device or a queue.  `now` is what came in the last interval,
 * `all` since the beginning.  Rows live as long as the core; gone ones stay, marked.
 */
struct top_row {
	enum top_kind kind;
	unsigned source, device, queue; /* ids of the model; those that apply */
	char name[96]; /* VM name, device name, "q3" */
	char path[200]; /* where it is listed without those it belongs to: "blk0 q3"; else "" */
	char type[24]; /* "blk", "net" */
	char state[40]; /* "DRIVER_OK", "gone", ... */
	bool gone; /* process ended, device unplugged */
	double secs; /* length of the interval, of recorded time */
	bool tallied; /* of a light capture: see stats_count_name */
	bool no_rings; /* of a source that sees no ring: see there, and model_no_rings() */
	struct stats_counts now, all;
	/*
	 * What rates are made of: the latest interval that was counted, and its length.  Tallies
	 * of a light capture come at intervals of their own.
	 */
	struct stats_counts counted;
	double counted_secs;
	struct hist service; /* latencies in it (popped to used) */
	struct hist service_all;
	struct top_stages *stages; /* of devices and queues; NULL: no request's life was recorded */
	uint64_t stalled; /* ns without a completion with requests in flight; 0 */
	unsigned flight, flight_max, waiting, size; /* size: ring entries, 0 unknown */
	uint64_t findings; /* of the checker */
	struct top_past past[TOP_HISTORY]; /* ring: past[(ticks - 1) % TOP_HISTORY] is the latest */
	uint64_t ticks; /* of this row */
	uint64_t gone_ts; /* ns: the first tick at which it was gone; 0 */
	/* Private. */
	uint64_t flight_ns, busy_ns, stalls; /* the most that was reported */
	struct hist hist_before;
	struct stats_counts counts_before, counted_before;
	uint64_t counted_ts; /* ns: end of that interval */
};

struct top_finding {
	uint64_t number, ts;
	unsigned device, queue;
	const struct rule *rule;
	char seen[160];
	uint64_t nth;
};

/* Findings about a device (queue VQT_NO_QUEUE) or a queue. */
struct top_found {
	uint32_t key; /* device << 16 | queue */
	uint64_t n;
	uint64_t by[CHECK_PARTIES][CHECK_SEVERITIES];
	UT_hash_handle hh;
};

struct top_core {
	struct model *model;
	struct stats *stats;
	struct check *check; /* NULL: not wanted, or light */
	struct recent *recent;
	struct filter *filter; /* what is counted; NULL all */
	uint64_t number; /* events so far */
	uint64_t ts; /* trace clock of the latest */
	uint64_t tick_ts; /* ... of the last tick */
	struct top_row **row; /* VM, its devices, their queues, next VM: as drawn */
	size_t nrows, cap;
	struct top_finding
		finding[TOP_FINDINGS]; /* ring: finding[(nfindings - 1) % TOP_FINDINGS] */
	uint64_t nfindings;
	struct top_found *found;
	bool ended; /* during a tick: the VM whose devices are being updated has ended */
	int err; /* -ENOMEM */
	/* Called for each event after the observers; NULL nobody. */
	void (*event)(void *ctx, const struct event *e);
	void *ctx;
};

/* -ENOMEM; checked: with the checker. */
int top_core_init(struct top_core *c, bool checked);
void top_core_free(struct top_core *c);
void top_core_feed(struct top_core *c, const struct record *rec);
/* The interval since the last tick ends at `ts` of the trace's clock: make the rows. */
int top_core_tick(struct top_core *c, uint64_t ts);
/* No record comes any more: what is known of requests that have not ended is counted. */
void top_core_finish(struct top_core *c);
/*
 * The row whose stages are those of this device or queue: its own, or that of its other side, where
 * a trace of both sides has them.  NULL: neither has any.
 */
const struct top_row *top_core_staged(const struct top_core *c, const struct top_row *r);
/*
 * What was counted of a device or a queue up to now.  No member is ever less than it was: what goes
 * on while requests are in flight is reported before the record comes that tells when it ended.
 */
void top_core_counts(const struct top_core *c, struct top_row *r, struct stats_counts *out);
/* Findings about a device, or one of its queues; NULL none. */
const struct top_found *top_core_found(const struct top_core *c, unsigned device, unsigned queue);
/* Records lost so far. */
struct model_loss top_core_lost(const struct top_core *c);
/* Latest history entry i ticks ago, NULL if there is none. */
const struct top_past *top_row_past(const struct top_row *r, unsigned i);
double top_per_second(const struct top_row *r, uint64_t n); /* n in the interval */

#endif
