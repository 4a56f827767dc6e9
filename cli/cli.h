/* SPDX-License-Identifier: MIT */
/*
 * What every command shares: the table of commands, exit codes, errors for
 * people, the terminal.  A command is one file defining one struct cli_command
 * and one row in main.c.  Only this folder prints errors or exits.
 */
#ifndef VQT_CLI_CLI_H
#define VQT_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cli_exit {
	CLI_OK = 0,
	CLI_FINDINGS = 1, /* violations, divergences, differences */
	CLI_TROUBLE = 2, /* bad usage, unreadable input, no permission */
};

struct option_row; /* decoder/util/option.h */

struct cli_command {
	const char *name;
	const char *summary; /* one line for `vqtrace help` */
	/* --help: "usage: vqtrace NAME LINE" of each line, what it does, the options, the rest. */
	const char *synopsis, *about;
	const struct option_row *options;
	const char *notes; /* the exit status, examples */
	bool sources; /* has the options of sources, too (cli/sources.h) */
	bool runs_command; /* the first word that is no option begins another command line */
	int (*run)(int argc, char **argv); /* argv[0] is the command; returns enum cli_exit */
};

extern const struct cli_command cmd_record, cmd_show, cmd_stat, cmd_check, cmd_diff, cmd_doctor,
	cmd_demo, cmd_serve, cmd_replay, cmd_top;

/* "vqtrace VERB: what" on stderr; the text says cause and remedy. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* An error, then a pointer at --help; returns CLI_TROUBLE. */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_help(FILE *to, const struct cli_command *c);
/*
 * A guess at what `word` was to be: `best` is NULL at first, or the nearest so far of the
 * names considered, all of which live as long as the guess.
 */
struct cli_guess {
	const char *word, *best;
	size_t distance; /* of best */
};
void cli_consider(struct cli_guess *g, const char *name);
/* The command being run, for the functions above and for --help. */
extern const struct cli_command *cli_current;

/* --color=auto|always|never with NO_COLOR and isatty; false for an unknown word. */
bool cli_color_set(const char *when);
bool cli_color(FILE *to); /* after cli_color_set, or with the default auto */

/*
 * The trace of a command that reads one, -r FILE or the word after the options, and
 * nothing after it.  0, or CLI_TROUBLE after saying what is wrong.
 */
int cli_trace_path(const char **path, int argc, char **argv);
/* -Y: compile, or say what is wrong with it; text NULL: none.  CLI_OK or CLI_TROUBLE. */
struct filter;
int cli_filter(struct filter **out, const char *text);
/*
 * To be called when the trace at `path` is about to be read: Ctrl-C goes to all of a
 * pipe, and what record writes at its end is still to be read and told.  So where `path`
 * is standard input the first one is left to the writer; the second ends us.
 */
void cli_leave_interrupt(const char *path);
/*
 * SIGINT and SIGTERM end what writes a trace: `handler` is called.  A write that waits for
 * a slow reader goes on after the first of them, else the trace were torn in the middle of
 * a record; from the second on it ends with EINTR.
 */
void cli_catch_ends(void (*handler)(int));
/* CLOCK_MONOTONIC, ns. */
uint64_t cli_clock(void);

#endif
