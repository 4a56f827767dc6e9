/* SPDX-License-Identifier: MIT */
/*
 * The call stacks of a source: each is told apart by its addresses and the files that are mapped there,
 * named once and described once in a file (VQT_STACK); events have its number.
 */
#ifndef VQT_BPF_STACK_TABLE_H
#define VQT_BPF_STACK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_FRAMES 128 /* of a stack, at most */
#define STACK_TEXT 16384 /* bytes of its symbols */
#define STACKS_MAX 4096 /* that are told apart */

struct stack_table;

/* A stack: its addresses, and a symbol for each with a NUL behind it, "" where there is none. */
struct stack_frames {
	uint64_t pc[STACK_FRAMES];
	unsigned n;
	bool cut; /* there may be more */
	unsigned unread; /* frames whose file, or what describes it, cannot be read */
	uint64_t files; /* a hash of the files that the addresses are in; 0: unknown */
	char symbols[STACK_TEXT];
	size_t len, named; /* bytes of symbols; of them, not of the NULs */
};

/* Add a frame; false: there is no room, and the stack is cut. */
bool stack_add_frame(struct stack_frames *f, uint64_t pc, const char *symbol);

struct stack_table *stack_table_new(void); /* NULL: no memory */
void stack_table_free(struct stack_table *s);
/* Whether it has room for no other. */
bool stack_table_full(const struct stack_table *s);
/* The number of the stack with these addresses in these files, from 1; 0: it is not known yet. */
uint32_t stack_table_find(const struct stack_table *s, const struct stack_frames *f);
/*
 * The same, and add it as `named` has it, which may have more frames: of functions that were inlined.  0:
 * no memory, or there are too many.
 */
uint32_t stack_table_add(struct stack_table *s, const struct stack_frames *f,
			 const struct stack_frames *named);
/*
 * The VQT_STACK that has to be written before an event with this stack; 0: it is in the file
 * already.  The caller sets ts.
 */
size_t stack_table_describe(struct stack_table *s, uint32_t id, uint8_t *buf, size_t size);
#define STACK_RECORD (STACK_TEXT + 8 * STACK_FRAMES + 64) /* bytes that are enough */
/* A file begins, in which none is described. */
void stack_table_describe_again(struct stack_table *s);

/* What --stacks[=WORD,...] may name. */
struct stack_word {
	const char *name;
	uint32_t mask;
};
#define STACK_WORDS_USUAL "setup,kicks"
struct text;
/*
 * The masks of the words in `value`, with commas between them; of the usual ones if it is ""; 0 if it
 * is NULL, or if it names something else: then *why says what there is.  Words end with a NULL name.
 */
uint32_t stack_words(const struct stack_word *words, const char *value, struct text *why);

#endif
