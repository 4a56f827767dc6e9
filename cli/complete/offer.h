/* SPDX-License-Identifier: MIT */
/*
 * What the word at the cursor of a command line could become.  command.c finds out what is asked for,
 * values.c knows the values that are not words of an option's table: what runs, what a trace holds.
 */
#ifndef VQT_CLI_COMPLETE_OFFER_H
#define VQT_CLI_COMPLETE_OFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define OFFER_OPERANDS 2

struct offer {
	/*
	 * The word at the cursor: its first `kept` bytes stay as they are ("--color=", and what is before
	 * the last comma of a list), the rest is the beginning of what is looked for.
	 */
	const char *word;
	size_t kept;
	/* What the other words say; NULL, 0 where they do not. */
	const char *trace, *name;
	const char *operand[OFFER_OPERANDS];
	long pid;
};

/* Where values come from: the name of an option, without "--", and who prints its values. */
struct offer_values {
	const char *option;
	void (*print)(struct offer *o);
};
extern const struct offer_values offer_values[]; /* ends with NULL */

/*
 * Print this if it goes on from the word: what is kept, the candidate, a tab, the help (which may be
 * NULL).  Names are of anybody: a candidate that cannot be typed or could harm a terminal is left
 * out, and the help is escaped.
 */
void offer(const struct offer *o, const char *candidate, const char *help);

#endif
