/* SPDX-License-Identifier: MIT */
/* Between command.c (what serve does) and options.c (its command line). */
#ifndef VQT_CLI_SERVE_IMPL_H
#define VQT_CLI_SERVE_IMPL_H

#include "cli/check/live.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "decoder/trace/file.h"
#include "decoder/util/option.h"
#include "emu/class/class.h"
#include "emu/server/server.h"
#include "emu/virtio/fault.h"

#define SERVE_PROTOCOLS 8 /* at most */
#define SERVE_SNAPLEN 32 /* bytes of each buffer in a trace */

struct serve_run {
	const char *socket[SERVE_PROTOCOLS]; /* as in server_protocols */
	const struct server_protocol *protocol;
	const char *path;
	struct trace_out out; /* out.path NULL: no trace */
	uint64_t duration; /* of the trace, ns; 0: no limit */
	void *class_config; /* of cfg.cls */
	struct server_config cfg;
	struct emu_tap_config tap;
	struct option_list features; /* --features */
	struct emu_fault fault; /* --fault; cfg.fault points to it */
	const char *fault_what; /* in words; NULL: none was asked for */
	bool list_faults; /* and do nothing else */
	bool quiet, verbose, once, no_confine;
	/* while it runs */
	char command[1024];
	struct check_live check;
	uint64_t begun; /* the trace, ns */
	bool again; /* what a file begins with is being written once more */
	bool traced; /* it has not ended, by an error or a limit */
	uint64_t written; /* records */
	uint64_t sample, sampled; /* ns between samples of the rings (0: none), time of the last */
	uint64_t sampled_at; /* records written by then */
	unsigned alike; /* samples in a row between which nothing happened */
	struct server *server;
	struct helper *helper;
	bool bound; /* the socket is ours */
	bool stop;
};

/* Tasks of the helper. */
enum { SERVE_REMOVE_SOCKET, SERVE_NEXT_FILE };

/* trace.c: 0, or CLI_TROUBLE after an error. */
int serve_trace_open(struct serve_run *r);
/* Hand on what is in buffers; a failure ends the trace, at the next step. */
void serve_trace_flush(struct serve_run *r);
/* Files that are full or cannot be written, and limits: called in the loop. */
void serve_trace_step(struct serve_run *r);
int serve_trace_close(struct serve_run *r, bool hurry, int code); /* the exit code */

extern const struct option_row serve_options[];
/* The rest of --help: protocols and device types. */
void serve_help(FILE *to, void (*row)(FILE *to, const struct option_row *o));
/* 0 to go on, else the exit code + 1: --help was printed, or an error. */
int serve_parse(struct serve_run *r, int argc, char **argv);

#endif
