/* SPDX-License-Identifier: MIT */
/*
 * Where `top` gets its records: a source that is live, or a trace played back.  One ops
 * struct each; both hand records to the core and say what time it is there.
 */
#ifndef VQT_CLI_TOP_SOURCE_H
#define VQT_CLI_TOP_SOURCE_H

#include "cli/sources.h"
#include "cli/top/core.h"

struct top_options {
	const char *path; /* a trace; NULL: live */
	struct sources_choice *sources; /* live: what to watch */
	bool ascii; /* nothing beyond ASCII on the screen */
	uint64_t delay; /* ns between ticks */
	double speed; /* of a trace: 1 as recorded, 0 as fast as it goes */
};

struct top_source;

struct top_source_ops {
	/* CLI_OK or CLI_TROUBLE, having said why. */
	int (*open)(struct top_source *s);
	/*
	 * Hand over what there is, waiting at most so long.  1 something came or may
	 * still come; 0 the end.
	 */
	int (*poll)(struct top_source *s, int timeout_ms);
	uint64_t (*now)(const struct top_source *s); /* on the trace's clock */
	void (*close)(struct top_source *s);
};

struct trace_reader;
struct trace_writer;
struct top_pipe;

struct top_source {
	const struct top_source_ops *ops;
	const struct top_options *o;
	struct top_core *core;
	char status[160]; /* "2 QEMUs, light"; "playing 12.3 s of 60.1 s, 4x" */
	char problem[320]; /* the latest thing that went wrong, "" nothing */
	/* Live. */
	struct source *source;
	int keyboard; /* to be waited for, too; -1: none */
	uint64_t looked; /* when VMs that have ended were last looked for */
	struct trace_writer *save; /* what is seen from now on; NULL */
	uint64_t cost_hits, cost_ns; /* of this source, when top_live_cost last asked */
	/* A trace. */
	struct trace_reader *reader;
	struct record pending; /* read and not due yet */
	bool has_pending, ended;
	uint64_t first_ts, play_ts; /* of its clock: beginning, how far it has been played */
	uint64_t wall; /* CLOCK_MONOTONIC when play_ts was set */
	bool paused;
	double speed;
	struct top_pipe *pipe;
};

extern const struct top_source_ops top_live, top_file, top_pipe;

/* A trace: all records up to `ts` at once; 0 if that was its end. */
int top_file_play(struct top_source *s, uint64_t ts);
/* A trace: go on or wait; one event more; n seconds on (or back, from the beginning anew). */
void top_file_pause(struct top_source *s, bool on);
int top_file_step(struct top_source *s);
int top_file_seek(struct top_source *s, double seconds);
void top_file_speed(struct top_source *s, double speed);

/*
 * Live: what is seen from now on goes to a trace, too (NULL: no longer).  CLI_OK,
 * or CLI_TROUBLE with s->problem.
 */
int top_live_save(struct top_source *s, const char *path);
/* Live: probe hits and ns in probes since the last call, for all our programs; false: unknown. */
bool top_live_cost(struct top_source *s, double secs, double *hits, double *share);

#endif
