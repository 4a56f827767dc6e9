/* SPDX-License-Identifier: MIT */
/*
 * The names of everything an event can say: one table, walked by the JSON and
 * verbose printers and by filters, so that `show -T json`, `show -V` and `-Y`
 * can never disagree.
 */
#ifndef VQT_DECODER_FIELDS_H
#define VQT_DECODER_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/model.h"

enum field_kind {
	FIELD_U64, /* decimal in people's output */
	FIELD_HEX, /* an integer people read in hexadecimal */
	FIELD_TIME, /* ns */
	FIELD_STR,
	FIELD_BOOL,
	FIELD_BYTES, /* hex string in JSON */
};

struct field_value {
	uint64_t u;
	const char *str; /* FIELD_STR: NUL-terminated, static, borrowed, or in buf */
	const uint8_t *bytes; /* FIELD_BYTES */
	size_t len;
	char buf[512];
};

struct field {
	const char *path; /* "register.value"; array elements: "avail.descriptors.len" */
	enum field_kind kind;
	const char *label; /* for -V: "Value" */
	const char *help; /* for the man page and `show --fields` */
	/*
	 * The value in this event; false when the event has none.  For an array
	 * field, element i; false past the end.  Scalars are asked with i = 0.
	 */
	bool (*get)(const struct event *e, unsigned i, struct field_value *v);
	const struct spec_name *names; /* words a filter may use for numbers, or NULL */
	bool array;
};

/* The table, ends with path NULL; members of one object are adjacent. */
extern const struct field field_table[];
const struct field *field_by_path(const char *path); /* NULL */

#endif
