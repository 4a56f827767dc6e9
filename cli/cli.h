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

/*
 * What main() exits with instead of CLI_TROUBLE: of `git bisect run`, 125 says that a commit cannot be
 * tested, and 1 to 124 that it is bad.
 */
extern int cli_trouble_status;
#define CLI_TROUBLE_BISECT 125

struct option_row; /* decoder/util/option.h */

struct cli_command {
	const char *name;
	const char *summary; /* one line for `vqtrace help` */
	/*
	 * The --help page: a "usage: vqtrace NAME LINE" for each line of the synopsis; what
	 * the command does; its options, from the table; and notes.
	 */
	const char *synopsis, *about;
	const struct option_row *options;
	const char *notes; /* the exit status, examples */
	/* More of --help, behind the options: print each with row(); may be NULL. */
	void (*more_options)(FILE *to, void (*row)(FILE *to, const struct option_row *o));
	bool hidden; /* for shells, not for people: no list has it, and it has no page */
	bool runs_command; /* the first word that is no option begins another command line */
	int (*run)(int argc, char **argv); /* argv[0] is the command; returns enum cli_exit */
};

extern const struct cli_command cmd_record, cmd_show, cmd_stat, cmd_check, cmd_diff, cmd_doctor,
	cmd_demo, cmd_serve, cmd_replay, cmd_top, cmd_stuck, cmd_merge, cmd_export, cmd_complete;

/*
 * Words on standard error.  Names in them may be of anybody: what would harm a terminal is escaped,
 * an end of line, too; the functions for lines keep those, and their callers see to it that no name
 * in them has one (text_untrusted()).
 */
/* "vqtrace VERB: what"; the text says cause and remedy.  Returns CLI_TROUBLE. */
int cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_error_lines(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define CLI_PIPE_SLOW \
	"%llu records were left out, as nobody read the pipe; who reads it sees them as lost"
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A line that says no more than this. */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Lines that do. */
void cli_note(const char *lines);
/*
 * From here on nothing waits for who reads standard error from a pipe or socket: for commands that
 * a guest depends on.
 */
void cli_never_wait(void);
bool cli_never_waits(void);
/* Hand on what was kept for a slow reader.  true: there is more. */
bool cli_words_kept(void);
/* An error, then a pointer at --help; returns CLI_TROUBLE. */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_usage_lines(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_help(FILE *to, const struct cli_command *c);
/*
 * Finds the name that a misspelt word is nearest to.  `best` is NULL at first, then the
 * nearest of the names considered so far; it points to that name.
 */
struct cli_guess {
	const char *word, *best;
	size_t distance; /* of best */
};
void cli_consider(struct cli_guess *g, const char *name);
/* The table of commands: ends with NULL; main() sets it. */
extern const struct cli_command *const *cli_commands;
/* The command being run, for the functions above and for --help. */
extern const struct cli_command *cli_current;

/* --color=auto|always|never with NO_COLOR and isatty; false for an unknown word. */
bool cli_color_set(const char *when);
bool cli_color(FILE *to); /* after cli_color_set, or with the default auto */
/* Columns of the terminal that a stream goes to; 0: it goes to none. */
unsigned cli_width(FILE *to);
/*
 * A stream for lines of text: standard output; or, if that is a terminal, one that breaks
 * lines which are wider (decoder/util/wrap.h).  It is flushed by cli_output().
 */
FILE *cli_text(void);
bool cli_ascii(void); /* set the locale; whether the terminal shows no characters beyond ASCII */
bool cli_is_stdout(const char *path); /* "-"; false for NULL */
/*
 * The end of writing to standard output; `failed`: some of it could not be written, for the
 * reason in errno.  That is an error, unless the reader stopped reading early.
 * CLI_OK or CLI_TROUBLE.
 */
int cli_output(bool failed);

/* The command line as it was typed, cut to the size. */
void cli_join_words(char *to, size_t size, int argc, char **argv);
/*
 * The trace of a command that reads one, -r FILE or the word after the options, and
 * nothing after it.  0, or CLI_TROUBLE after saying what is wrong.
 */
int cli_trace_path(const char **path, int argc, char **argv);
/* Compile the filter of -Y; text NULL: there is none.  CLI_OK, or CLI_TROUBLE after an error. */
struct filter;
int cli_filter(struct filter **out, const char *text);
/* Open a trace.  CLI_OK, or CLI_TROUBLE after an error. */
struct trace_reader;
int cli_trace_open(struct trace_reader **t, const char *path);
/* The same for the one trace that a command reads to its end, or while it grows, in a pipe. */
int cli_trace_read(struct trace_reader **t, const char *path);
/*
 * Read the next record.  Where the trace is broken, *broken becomes true, and reading goes on
 * behind it where that is possible; `say`: with an error.  false at the end.
 */
struct record;
bool cli_trace_next(struct trace_reader *t, struct record *rec, bool say, bool *broken);
/*
 * While a trace is read that takes long: a line on standard error, if that is a terminal, with
 * how much was read and, behind it, `more` (NULL: nothing).  cli_trace_next() calls it.  Hide
 * the line before anything else goes to the terminal.
 */
void cli_progress(const struct trace_reader *t, const char *more);
void cli_progress_hide(void);
/* A line on standard error that is a terminal; the next one takes its place, "" removes it. */
void cli_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * SIGINT and SIGTERM end a command that writes a trace: they call `handler`.  The first
 * one does not interrupt a write that waits for a slow reader, because that would cut the
 * trace in the middle of a record; later ones end the write with EINTR.
 */
void cli_catch_ends(void (*handler)(int));
/* CLOCK_MONOTONIC, ns. */
uint64_t cli_clock(void);

#endif
