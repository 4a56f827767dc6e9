/* SPDX-License-Identifier: MIT */
/* A trace in memory, as a list of records that tests can change. */
#ifndef VQT_TESTS_UNIT_TAPE_H
#define VQT_TESTS_UNIT_TAPE_H

#include "decoder/model/model.h"

struct tape {
	uint8_t **bytes;
	size_t *len;
	size_t n, cap;
};

void tape_add(struct tape *t, const void *bytes, size_t len);
bool tape_load(struct tape *t, const char *path); /* a trace file; false: not readable */
void tape_copy(struct tape *to, const struct tape *from);
void tape_remove(struct tape *t, size_t i);
void tape_free(struct tape *t);

/*
 * The nth event (from 0) that `is` says yes to, as the model sees it; its
 * record's bytes, to change in place, and its index (if not NULL).  NULL: none.
 */
uint8_t *tape_find(struct tape *t, bool (*is)(const struct event *e), unsigned nth, size_t *index);

#endif
