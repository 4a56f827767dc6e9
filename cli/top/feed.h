/* SPDX-License-Identifier: MIT */
/*
 * Where `top` gets its records: from a live source, or from a trace that is played back.
 * Each is one ops struct that feeds records to the core and has the time of that trace's
 * clock.
 */
#ifndef VQT_CLI_TOP_FEED_H
#define VQT_CLI_TOP_FEED_H

#include <signal.h>
#include "cli/sources.h"
#include "cli/top/core.h"

struct top_options {
	const char *path; /* a trace; NULL: live */
	struct sources_choice *sources; /* live: what to watch */
	bool ascii; /* nothing beyond ASCII on the screen */
	uint64_t delay; /* ns between ticks */
	double speed; /* of a trace: 1 as recorded, 0 as fast as it goes */
};

struct top_feed;

struct top_feed_ops {
	/* CLI_OK, or CLI_TROUBLE after an error was printed. */
	int (*open)(struct top_feed *s);
	/* Wait at most so long for records, and hand them to the core; 0 at the end, else 1. */
	int (*poll)(struct top_feed *s, int timeout_ms);
	uint64_t (*now)(const struct top_feed *s); /* on the trace's clock */
	void (*close)(struct top_feed *s);
};

struct trace_reader;
struct trace_writer;
struct top_pipe;

struct top_feed {
	const struct top_feed_ops *ops;
	const struct top_options *o;
	struct top_core *core;
	char status[160]; /* "2 QEMUs, light"; "playing 12.3 s of 60.1 s, 4x" */
	char problem[320]; /* the latest thing that went wrong, "" nothing */
	/* Live. */
	struct source *source;
	int keyboard; /* to be waited for, too; -1: none */
	const volatile sig_atomic_t *stop; /* not 0: a signal asks for the end; NULL: none can */
	uint64_t looked; /* when it was last checked which VMs have ended */
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

extern const struct top_feed_ops top_live, top_file, top_pipe;

/* Of a trace: the time up to which it has been played. */
uint64_t top_file_now(const struct top_feed *s);
/* Of a trace: play all records up to `ts` at once; 0 at its end. */
int top_file_play(struct top_feed *s, uint64_t ts);
/* Of a trace: pause or go on; play one event; seek so many seconds forward or back. */
void top_file_pause(struct top_feed *s, bool on);
int top_file_step(struct top_feed *s);
int top_file_seek(struct top_feed *s, double seconds);
void top_file_speed(struct top_feed *s, double speed);

/*
 * Live: write all records from now on to a trace as well (NULL: stop that).  CLI_OK, or
 * CLI_TROUBLE with the reason in s->problem.
 */
int top_live_save(struct top_feed *s, const char *path);
/* Live: probe hits and ns in probes since the last call, for all our programs; false: unknown. */
bool top_live_cost(struct top_feed *s, double secs, double *hits, double *share);

#endif
