/* SPDX-License-Identifier: MIT */
/* Between serve.c (what it does) and cli/serve/options.c (how it is told). */
#ifndef VQT_CLI_SERVE_IMPL_H
#define VQT_CLI_SERVE_IMPL_H

#include "cli/check/live.h"
#include "cli/cli.h"
#include "decoder/trace/file.h"
#include "decoder/util/option.h"
#include "emu/class/blk/blk.h"
#include "emu/server/server.h"

#define SERVE_SNAPLEN 32 /* bytes of each buffer in a trace */

struct serve_run {
	const char *disk, *vfio, *vhost, *path, *trace;
	unsigned long long size; /* of a file to be made; 0: it is there */
	struct emu_blk_config blk;
	struct emu_file_options file;
	struct server_config cfg;
	struct emu_tap_config tap;
	uint64_t on[1], off[1]; /* --features */
	bool quiet, verbose, once, no_confine, read_only, direct, no_uring;
	/* while it runs */
	char command[1024];
	struct trace_writer *w;
	struct check_live check;
	int write_err;
	uint64_t written, by_type[64];
	uint64_t sample, sampled; /* ns between looks at the rings (0 none), time of the last */
	uint64_t sampled_at; /* records written by then */
	unsigned alike; /* looks in a row between which nothing happened */
	struct server *server;
	int dir; /* of the socket */
	bool stop;
};

extern const struct option_row serve_options[];
/* 0 to go on, else the exit code + 1: --help was printed, or an error. */
int serve_parse(struct serve_run *r, int argc, char **argv);

#endif
