/* SPDX-License-Identifier: MIT */
/* A run of `record`: what the options ask for, and how far it is. */
#ifndef VQT_CLI_RECORD_RUN_H
#define VQT_CLI_RECORD_RUN_H

#include "cli/check/live.h"
#include "cli/output.h"
#include "cli/record/regression.h"
#include "cli/record/with_guest.h"
#include "cli/sources.h"

struct record_run {
	struct trace_out out;
	struct sources_choice choice;
	struct source *source;
	uint64_t count, duration; /* 0: no limit */
	bool quiet, verbose, no_confine;
	struct helper *helper; /* when confined */
	bool with_guest;
	struct with_guest port; /* that --with-guest adds */
	struct check_live check;
	struct record_regression regression;
	char **command; /* to be started; NULL: none */
	/* While it runs: */
	struct source_child child;
	bool child_gone;
	int child_status;
	uint64_t begun, shown; /* shown: when the status line was printed, ns */
	struct record_counts {
		uint64_t events, by_type[64];
	} counts, whole; /* what was written; of it in the files that are finished */
	bool live; /* the source has begun */
	bool done; /* nothing more is written */
	bool ended; /* by a signal: what is in flight still belongs to the recording */
	bool attached; /* to something, and this was said */
	bool reported; /* that the output failed */
	bool trace_ended; /* and what is recorded continues */
};

extern const struct option_row record_options[];
/* 0 to go on, else the exit code + 1: --help was printed, or an error. */
int record_command_line(struct record_run *r, int argc, char **argv);
/* --with-guest: as above. */
int record_with_guest(struct record_run *r);

#endif
