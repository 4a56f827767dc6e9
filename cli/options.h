/* SPDX-License-Identifier: MIT */
/*
 * The one reader of command lines, driven by tables (decoder/util/option.h), and the
 * --help that is made of them.  A letter means the same in every command that has it.
 */
#ifndef VQT_CLI_OPTIONS_H
#define VQT_CLI_OPTIONS_H

#include "cli/cli.h"
#include "decoder/util/option.h"

/* --color, a row of every command that prints in colour; its value is kept by cli/cli.c. */
#define CLI_OPTION_COLOR \
	{ \
		OPTION_CALL, 0, "color", "WHEN", "auto, always or never; NO_COLOR is respected", \
			.call = cli_option_color \
	}
int cli_option_color(void *config, const char *value, struct text *why);
/* --ascii */
#define CLI_OPTION_ASCII(type, field) \
	{ \
		OPTION_FLAG, 0, "ascii", NULL, "no characters beyond ASCII", \
			OPTION_TO(type, field) \
	}
/* --bisect, of commands whose exit status says whether what was built is good or bad. */
#define CLI_OPTION_BISECT \
	{ \
		OPTION_CALL, 0, "bisect", NULL, \
			"for 'git bisect run': exit with 125 instead of 2, so that a commit where " \
			"this went wrong is skipped", \
			.call = cli_option_bisect \
	}
int cli_option_bisect(void *config, const char *value, struct text *why);
/* -r, -Y: the same in every command that reads a trace */
#define CLI_OPTION_READ(type, field) \
	{ \
		OPTION_TEXT, 'r', "read", "FILE", "read this trace; - is standard input", \
			OPTION_TO(type, field) \
	}

/* A table, and the structure that its values go to. */
struct cli_option_group {
	const struct option_row *rows;
	void *config;
	const struct option_row *given; /* filled in: the first option of it that was given */
};

/*
 * Read the options of the command line into the groups; optind is then at the first word
 * that is none.  0 to go on, else the exit code + 1: --help was printed, or an error.
 */
int cli_parse_groups(int argc, char **argv, struct cli_option_group *groups, unsigned n);
/* The same for the table of the command that is being run. */
int cli_parse(int argc, char **argv, void *config);
/* No word may follow the options: 0, or CLI_TROUBLE + 1 after saying so. */
int cli_no_operands(int argc, char **argv);

#endif
