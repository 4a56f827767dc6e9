/* SPDX-License-Identifier: MIT */
/*
 * Options as tables.  One row says how an option is written, what its value is, where the
 * value goes and what --help says of it.  Commands have such a table, and sources of events
 * have one of the options that only they know.  cli/options.c reads both.
 */
#ifndef VQT_DECODER_UTIL_OPTION_H
#define VQT_DECODER_UTIL_OPTION_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/util/text.h"

enum option_kind {
	OPTION_END, /* of a table */
	OPTION_HEADING, /* a line of --help above the options that follow: `help` */
	OPTION_FLAG, /* bool: becomes true */
	OPTION_TEXT, /* const char *: borrowed from the command line */
	OPTION_LIST, /* struct option_list: the option may be repeated */
	OPTION_NUMBER, /* an unsigned integer of 2, 4 or 8 bytes, min to max (0: no limit) */
	OPTION_SIZE, /* the same, in bytes: "64k", "10M", "1G" (powers of 1024) */
	OPTION_TIME, /* the same, in ns: "500ms", "10s", "5m", "1h" */
	OPTION_CHOICE, /* an enum or a bool: the index of the word in `choices` */
	OPTION_CALL, /* `call` decides */
};

#define OPTION_LIST_MAX 64

struct option_list {
	const char *item[OPTION_LIST_MAX + 1]; /* ends with NULL */
	unsigned n;
};

struct option_row {
	enum option_kind kind;
	char letter; /* 0: only the name */
	const char *name; /* the long form, without "--"; NULL for headings only */
	const char
		*value; /* what --help calls the value; "[=TIME]": it may be left out; NULL: none */
	const char *help; /* wrapped by --help; NULL: not shown there */
	size_t to, size; /* where the value goes, in the structure that the table is about */
	uint64_t min, max;
	const char *want; /* "a count of events": what a value that is none of it should be */
	const char *const *choices; /* ends with NULL */
	/*
	 * value: NULL where none was given.  0, or -EINVAL with the reason in `why`, which
	 * goes behind the option and its value ("not a queue number").
	 */
	int (*call)(void *config, const char *value, struct text *why);
};

#define OPTION_TO(type, field) .to = offsetof(type, field), .size = sizeof(((type *)NULL)->field)

/* Say why in words; returns -EINVAL. */
int option_refuse(struct text *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The words of -T where there are no other formats. */
extern const char *const option_text_or_json[];

#endif
