/* SPDX-License-Identifier: MIT */
/*
 * The sources of events that there are, and how a command line chooses among them: -i,
 * -D, and the options that go to a source.
 */
#ifndef VQT_CLI_SOURCES_H
#define VQT_CLI_SOURCES_H

#include "bpf/follow/source.h"
#include "cli/options.h"
#include "decoder/source/source.h"

#define SOURCES_MAX 8
#define SOURCES_GUESTS 32 /* streams of guests, at most */

extern const struct source_ops *const sources[]; /* ends with NULL; the first is the default */

/* What the command line says of sources.  `request` holds the command's own defaults. */
struct sources_choice {
	struct source_request request;
	const char *name, *second; /* -i; second: of two sources that are one together */
	const char *guest[SOURCES_GUESTS]; /* -i guest=SOCKET */
	unsigned guests;
	bool list; /* -D */
	bool given; /* filled in: did any option ask for a source? */
	const struct source_ops *ops; /* filled in: the source that is meant */
	void *config; /* of that source */
	void *configs[SOURCES_MAX]; /* of all; NULL before sources_parse() */
	/* sources_join(): the source that joins, and its config; NULL */
	struct source_ops *joined;
	void *joined_config;
	struct follow_config follow; /* of -i kvm -i memory */
};

/*
 * Read a command line: the options of the command that is run into `config`, those of
 * sources into `choice`.  0 to go on, else the exit code + 1.
 */
int sources_parse(int argc, char **argv, void *config, struct sources_choice *choice);
/* The stream of one more guest; -1: too many.  path is borrowed. */
int sources_add_guest(struct sources_choice *choice, const char *path);
/* All options are known: join the source with the guests', if there are any.  As above. */
int sources_join(struct sources_choice *choice);
void sources_choice_free(struct sources_choice *choice);
/* -D: what each source can record here; enum cli_exit. */
int sources_list(void);
/* The part of --help about sources. */
void sources_help(FILE *to, void (*row)(FILE *to, const struct option_row *o));
/* -i and -D, for commands that take nothing else of a source (doctor). */
const struct source_ops *sources_by_name(const char *name); /* NULL, after an error */

#endif
