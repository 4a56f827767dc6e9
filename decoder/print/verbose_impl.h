/* SPDX-License-Identifier: MIT */
/* Internal to the verbose printer. */
#ifndef VQT_DECODER_PRINT_VERBOSE_IMPL_H
#define VQT_DECODER_PRINT_VERBOSE_IMPL_H

#include <stdbool.h>
#include <stdio.h>

#include "decoder/fields/fields.h"
#include "decoder/util/text.h"

struct view {
	FILE *to;
	const struct event *e;
	const struct model *m;
	bool ascii;
	bool failed;
};

/* Print a line composed in t, at a depth of the tree. */
void view_line(struct view *p, unsigned depth, const struct text *t);
void view_printf(struct view *p, unsigned depth, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * One line a defined bit or bit field of a number `width` bits wide, as
 * Wireshark draws it, and one for bits that nothing defines:
 *   .... 1... = FEATURES_OK: set
 */
void view_bits(struct view *p, unsigned depth, unsigned width, const struct spec_name *names,
	       uint64_t value);

/* Additions for fields that need more than a number: text after the value, and lines below it. */
struct view_extra {
	const char *path;
	void (*after)(struct text *t, const struct event *e, uint64_t value); /* or NULL */
	void (*below)(struct view *p, unsigned depth, uint64_t value); /* or NULL */
};
const struct view_extra *view_extra(const char *path); /* NULL */

/* Arrays of objects, each element a line. */
void view_descriptors(struct view *p, unsigned depth);
void view_buffers(struct view *p, unsigned depth);
void view_frames(struct view *p, unsigned depth);
/* The call stack where the event happened, if it has one. */
void view_stack(struct view *p, unsigned depth);
void view_vhost_user(struct view *p, unsigned depth);
/* Feature bits 0-63 by name, a line each, without those of vhost itself. */
void view_feature_bits(struct view *p, unsigned depth, uint64_t bits);
/* The request's header as its device class lays it out, where captured. */
void view_header(struct view *p, unsigned depth);

#endif
