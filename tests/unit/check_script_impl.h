/* SPDX-License-Identifier: MIT */
/* Between the files of check_script.h: the words about rings, and what they need. */
#ifndef VQT_TESTS_UNIT_CHECK_SCRIPT_IMPL_H
#define VQT_TESTS_UNIT_CHECK_SCRIPT_IMPL_H

#include "tests/unit/check_script.h"

/* A number as in C; *at goes behind it. */
unsigned long long script_number(const char **at);

/* check_script_ring.c: the ring of the chosen queue; and words without their first letters. */
struct vqt_ring *script_ring(struct script *s);
bool script_set_ring(struct script *s,
		     const char *word); /* "r.": false if there is no such field */
void script_chain(struct script *s, const char *word); /* "C" */
void script_used(struct script *s, const char *word); /* "U" */
void script_kick(struct script *s, const char *word); /* "K" */

#endif
