/* SPDX-License-Identifier: MIT */
/* Between the files of conversation.h: the words about rings, and what they need. */
#ifndef VQT_TESTS_UNIT_CONVERSATION_IMPL_H
#define VQT_TESTS_UNIT_CONVERSATION_IMPL_H

#include "tests/unit/conversation.h"

/* A number as in C; *at goes behind it. */
unsigned long long conversation_number(const char **at);

/* check_script_ring.c: the ring of the chosen queue; and words without their first letters. */
struct vqt_ring *conversation_ring(struct conversation *s);
bool conversation_set_ring(struct conversation *s,
			   const char *word); /* "r.": false if there is no such field */
void conversation_chain(struct conversation *s, const char *word); /* "C" */
void conversation_used(struct conversation *s, const char *word); /* "U" */
void conversation_kick(struct conversation *s, const char *word); /* "K" */

#endif
