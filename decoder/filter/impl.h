/* SPDX-License-Identifier: MIT */
/* Between the lexer, the grammar, the checks and the evaluation of filters. */
#ifndef VQT_DECODER_FILTER_IMPL_H
#define VQT_DECODER_FILTER_IMPL_H

#include <regex.h>

#include "decoder/fields/fields.h"
#include "decoder/filter/filter.h"

/* Evaluation recurses this deep; and/or chains of any length count as one. */
#define FILTER_DEPTH_MAX 100

struct filter_loc {
	int from, to; /* bytes of the text, from 0 */
};

enum filter_unit { UNIT_NONE, UNIT_SIZE, UNIT_TIME };
enum filter_literal_kind { LITERAL_NUMBER, LITERAL_WORD, LITERAL_STRING };

/* A token's value; text is in the filter's memory. */
struct filter_literal {
	enum filter_literal_kind kind;
	enum filter_unit unit;
	bool negative;
	uint64_t number;
	char *text; /* as written; of strings: their content */
	size_t len;
	struct filter_loc loc;
};

/* A literal once its field is known. */
struct filter_value {
	uint64_t u;
	const char *word; /* to be resolved with the event */
	const char *str;
	size_t len;
	bool fold; /* compare without regard to case: bare words */
};

enum filter_op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE };

enum filter_kind {
	NODE_OR,
	NODE_AND,
	NODE_NOT,
	NODE_PRESENT,
	NODE_COMPARE, /* value op range->low */
	NODE_BITS, /* value & mask, compared with range->low if op_given */
	NODE_IN,
	NODE_CONTAINS,
	NODE_MATCHES,
};

struct filter_range {
	struct filter_range *next;
	struct filter_value low, high;
	bool single; /* high is not used */
	struct filter_loc loc;
	const struct filter_literal *from, *to; /* until checked */
};

struct filter_node {
	enum filter_kind kind;
	enum filter_op op;
	bool negate; /* != and `not in`: present, and no element matches */
	unsigned depth;
	struct filter_node *child, *last, *next;
	const struct field_group *group;
	const struct field *field; /* NULL: an object, members of `prefix` */
	const char *prefix;
	size_t prefix_len;
	struct filter_value mask;
	bool compared; /* NODE_BITS with a comparison */
	struct filter_range *range;
	regex_t regex;
	struct filter_node *next_regex;
};

struct filter_chunk {
	struct filter_chunk *next;
	max_align_t data[];
};

struct filter {
	struct filter_node *root;
	struct filter_chunk *memory;
	struct filter_node *regexes; /* to be freed with regfree */
};

struct filter_parser {
	struct filter *filter;
	struct filter_error *err;
	bool failed; /* err is filled in; the first error stays */
	bool no_memory;
	int at; /* bytes lexed */
};

/* filter.l: parse text into p->filter->root; false with the error in p. */
bool filter_parse_text(struct filter_parser *p, const char *text, size_t len);

/* decoder/filter/literal.c: tokens; NULL with the error in p. */
void *filter_alloc(struct filter_parser *p, size_t size);
/* An error of the user, unless there was one before; false. */
bool filter_fail(struct filter_parser *p, struct filter_loc at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct filter_literal *filter_literal(struct filter_parser *p, enum filter_literal_kind kind,
				      struct filter_loc at, const char *text, size_t len);
struct filter_literal *filter_number(struct filter_parser *p, struct filter_loc at,
				     const char *text, size_t len);
struct filter_literal *filter_string(struct filter_parser *p, struct filter_loc at,
				     const char *text, size_t len);
int filter_hex_digit(char c); /* its value, or -1 */

/* decoder/filter/build.c: nodes for the grammar; NULL with the error in p. */
struct filter_node *filter_join(struct filter_parser *p, struct filter_loc at,
				enum filter_kind kind, struct filter_node *a,
				struct filter_node *b);
struct filter_node *filter_not(struct filter_parser *p, struct filter_loc at,
			       struct filter_node *a);
struct filter_node *filter_present(struct filter_parser *p, const struct filter_literal *field);
struct filter_node *filter_compare(struct filter_parser *p, const struct filter_literal *field,
				   enum filter_op op, struct filter_loc op_at,
				   const struct filter_literal *value);
/* value NULL: any of the bits. */
struct filter_node *filter_bits(struct filter_parser *p, const struct filter_literal *field,
				const struct filter_literal *mask, enum filter_op op,
				const struct filter_literal *value);
struct filter_node *filter_in(struct filter_parser *p, const struct filter_literal *field,
			      bool negate, struct filter_range *set);
/* kind NODE_CONTAINS or NODE_MATCHES */
struct filter_node *filter_text(struct filter_parser *p, enum filter_kind kind,
				const struct filter_literal *field,
				const struct filter_literal *value);
/* to NULL: a single value. */
struct filter_range *filter_range(struct filter_parser *p, const struct filter_literal *from,
				  const struct filter_literal *to);

/* decoder/filter/names.c: which field, which word, and what was probably meant. */
const struct field *filter_find_field(struct filter_parser *p, const struct filter_literal *name,
				      struct filter_node *n);
bool filter_known_word(const struct field *f, const char *word);
/* The error that a field is never this word; false. */
bool filter_fail_word(struct filter_parser *p, const struct field *f,
		      const struct filter_literal *value);

#endif
