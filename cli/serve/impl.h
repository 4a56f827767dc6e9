/* SPDX-License-Identifier: MIT */
/* Between command.c (what serve does) and options.c (its command line). */
#ifndef VQT_CLI_SERVE_IMPL_H
#define VQT_CLI_SERVE_IMPL_H

#include "cli/check/live.h"
#include "cli/cli.h"
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
	const char *path, *trace;
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
	struct trace_writer *w;
	struct check_live check;
	int write_err;
	uint64_t written; /* records */
	uint64_t sample, sampled; /* ns between samples of the rings (0: none), time of the last */
	uint64_t sampled_at; /* records written by then */
	unsigned alike; /* samples in a row between which nothing happened */
	struct server *server;
	int dir; /* of the socket */
	bool stop;
};

extern const struct option_row serve_options[];
/* The rest of --help: protocols and device types. */
void serve_help(FILE *to, void (*row)(FILE *to, const struct option_row *o));
/* 0 to go on, else the exit code + 1: --help was printed, or an error. */
int serve_parse(struct serve_run *r, int argc, char **argv);

#endif
