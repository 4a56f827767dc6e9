/* SPDX-License-Identifier: MIT */
/* A run of `record`: what the options ask for, and how far it is. */
#ifndef VQT_CLI_RECORD_RUN_H
#define VQT_CLI_RECORD_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/capture/capture.h"
#include "bpf/qemu/launch.h"
#include "cli/check/live.h"
#include "cli/record/output.h"
#include "cli/record/proxy.h"
#include "cli/record/regression.h"
#include "decoder/util/option.h"

#define RECORD_PIDS 64

struct record_run {
	struct record_out out;
	struct capture_options options;
	struct capture *c; /* NULL: the proxy */
	struct record_proxy proxy;
	pid_t pid[RECORD_PIDS];
	size_t npids;
	struct option_list names, devices;
	const char *qmp;
	uint64_t count, duration; /* 0: no limit */
	uint64_t events, begun, shown;
	uint64_t by_type[64]; /* written */
	bool quiet, verbose, live;
	bool done; /* nothing more is written */
	bool ended; /* by a signal: what was in flight still is */
	bool told; /* that the next file cannot be written */
	struct launch launch;
	struct check_live check;
	struct regression regression;
	char **command;
	bool child_gone;
	int child_status;
};

extern const struct option_row record_options[];
/* 0 to go on, else the exit code + 1: --help was printed, or an error. */
int record_command_line(struct record_run *r, int argc, char **argv);

#endif
