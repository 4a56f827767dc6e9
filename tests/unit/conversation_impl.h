/* SPDX-License-Identifier: MIT */
/* Between the files of conversation.h: a statement's words, and the statements about rings. */
#ifndef VQT_TESTS_UNIT_CONVERSATION_IMPL_H
#define VQT_TESTS_UNIT_CONVERSATION_IMPL_H

#include "decoder/spec/spec.h"
#include "tests/unit/conversation.h"

#define STATEMENT_WORDS 64

/* A statement cut into words; "," ":" "|" are words, wherever they stand. */
struct statement {
	char text[512];
	const char *word[STATEMENT_WORDS + 1]; /* ends with "" */
	unsigned at; /* the next word */
	bool bad; /* a word was missing, or is not what it should be */
};

void statement_cut(struct statement *w, const char *text, size_t len);
/* The next word, if it is this one. */
bool statement_takes(struct statement *w, const char *word);
/* A number, which has to be there. */
unsigned long long statement_number(struct statement *w);
/* A number after `word`, if that comes next; else `otherwise`. */
unsigned long long statement_option(struct statement *w, const char *word,
				    unsigned long long otherwise);
/* A name of the table, or a number. */
unsigned long long statement_name(struct statement *w, const struct spec_name *names);

/* conversation_ring.c: the ring of the chosen queue; statements without their first word. */
struct vqt_ring *conversation_ring(struct conversation *s);
void conversation_set_ring(struct conversation *s, struct statement *w);
void conversation_pop(struct conversation *s, struct statement *w);
void conversation_use(struct conversation *s, struct statement *w);
void conversation_kick(struct conversation *s, struct statement *w);
void conversation_sample(struct conversation *s, struct statement *w);

#endif
