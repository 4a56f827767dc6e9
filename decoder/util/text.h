/* SPDX-License-Identifier: MIT */
/* Compose a line in a fixed buffer: never overflows, never allocates. */
#ifndef VQT_DECODER_UTIL_TEXT_H
#define VQT_DECODER_UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct text {
	char *buf; /* always NUL-terminated */
	size_t size, len;
	bool cut; /* something did not fit */
};

#define TEXT(name, n) \
	char name##_buf[n] = ""; \
	struct text name = { .buf = name##_buf, .size = sizeof(name##_buf) }

void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_puts(struct text *t, const char *s);
/* A decimal number, padded on the left with `pad` to `width` (at most 20). */
void text_u64(struct text *t, uint64_t v, unsigned width, char pad);
/*
 * Bytes of unknown origin, for terminals and pages: control characters and invalid UTF-8
 * become \xNN, what is invisible or reorders the line \uNNNN or \UNNNNNNNN.
 */
void text_untrusted(struct text *t, const char *bytes, size_t len);
/* The same to a stream. */
void text_write_untrusted(FILE *to, const char *s);
/* The same for a message of lines: its newlines stay. */
void text_untrusted_lines(struct text *t, const char *s);
/* Length of the UTF-8 sequence at `bytes`; 0 if it is not one, or is a C1 control. */
size_t text_utf8(const char *bytes, size_t left);
/* The character of a sequence whose length text_utf8() gave. */
uint32_t text_code_point(const char *bytes, size_t n);
/* Is this character invisible, or does it change the direction of others or end a line? */
bool text_is_format(uint32_t code_point);
/* Each character beyond ASCII, which UTF-8 may take several bytes for, becomes "?". */
void text_ascii(struct text *t);
/* Spaces up to a column; at least one if already past it. Counts UTF-8 characters. */
void text_pad(struct text *t, size_t column);
/*
 * How many of the `left` bytes go on a line of this width: all, or up to a blank or a bar.  What
 * follows begins behind the blanks.  At least 1 if there are any.
 */
size_t text_line(const char *bytes, size_t left, size_t width);
/* "118 us", "1.24 ms": three significant digits. */
void text_duration(struct text *t, uint64_t ns);
/* "4.0 KiB" */
void text_size(struct text *t, uint64_t bytes);

/*
 * Letters to insert, delete, change or swap with the next to make one of the other,
 * whatever their case: what was probably meant.  Both at most TEXT_DISTANCE_MAX bytes.
 */
#define TEXT_DISTANCE_MAX 48
size_t text_distance(const char *a, size_t na, const char *b, size_t nb);

#endif
