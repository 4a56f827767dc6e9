/* SPDX-License-Identifier: MIT */
/* Filters: compile, match, report. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "decoder/filter/impl.h"

/* --- matching --- */

/* The number a value stands for in this element; false when it stands for none. */
static bool number_of(const struct filter_node *n, const struct filter_value *v,
		      const struct event *e, unsigned i, uint64_t *u)
{
	*u = v->u;
	return !v->word || n->field->resolve(e, i, v->word, u);
}

static int order(const struct filter_node *n, uint64_t a, uint64_t b)
{
	if (n->field->kind == FIELD_I64)
		return ((int64_t)a > (int64_t)b) - ((int64_t)a < (int64_t)b);
	return (a > b) - (a < b);
}

static bool compare(enum filter_op op, int order)
{
	switch (op) {
	case OP_EQ: return order == 0;
	case OP_NE: return order != 0;
	case OP_LT: return order < 0;
	case OP_LE: return order <= 0;
	case OP_GT: return order > 0;
	case OP_GE: return order >= 0;
	}
	return false;
}

static bool same_text(const struct field_value *v, const struct filter_value *to)
{
	if (v->len != to->len)
		return false;
	return to->fold ? !strncasecmp(v->str, to->str, v->len) : !memcmp(v->str, to->str, v->len);
}

static bool equals(const struct filter_node *n, const struct event *e, unsigned i,
		   const struct field_value *v, const struct filter_range *r)
{
	uint64_t low;

	switch (n->field->kind) {
	case FIELD_STR: return same_text(v, &r->low);
	case FIELD_BYTES: return v->len == r->low.len && !memcmp(v->bytes, r->low.str, v->len);
	case FIELD_BOOL: return !v->u == !r->low.u;
	default:
		if (!number_of(n, &r->low, e, i, &low))
			return false;
		if (!r->single)
			return order(n, v->u, low) >= 0 && order(n, v->u, r->high.u) <= 0;
		return v->u == low;
	}
}

static bool compares(const struct filter_node *n, const struct event *e, unsigned i,
		     const struct field_value *v)
{
	uint64_t to;

	if (n->op == OP_EQ)
		return equals(n, e, i, v, n->range);
	return number_of(n, &n->range->low, e, i, &to) && compare(n->op, order(n, v->u, to));
}

static bool has_bits(const struct filter_node *n, const struct event *e, unsigned i,
		     const struct field_value *v)
{
	uint64_t mask, to;

	if (!number_of(n, &n->mask, e, i, &mask))
		return false;
	if (!n->compared)
		return (v->u & mask) != 0;
	return number_of(n, &n->range->low, e, i, &to) && compare(n->op, order(n, v->u & mask, to));
}

static bool in_set(const struct filter_node *n, const struct event *e, unsigned i,
		   const struct field_value *v)
{
	for (const struct filter_range *r = n->range; r; r = r->next)
		if (equals(n, e, i, v, r))
			return true;
	return false;
}

static bool contains(const struct filter_node *n, const struct field_value *v)
{
	const struct filter_value *part = &n->range->low;
	const void *hay = n->field->kind == FIELD_BYTES ? (const void *)v->bytes : v->str;

	return memmem(hay, v->len, part->str, part->len) != NULL;
}

static bool matches(const struct filter_node *n, const struct field_value *v)
{
	regmatch_t part = { .rm_so = 0, .rm_eo = (regoff_t)v->len };

	return !regexec(&n->regex, v->str, 1, &part, REG_STARTEND);
}

static bool element(const struct filter_node *n, const struct event *e, unsigned i,
		    const struct field_value *v)
{
	switch (n->kind) {
	case NODE_PRESENT: return n->field->kind != FIELD_BOOL || v->u;
	case NODE_COMPARE: return compares(n, e, i, v);
	case NODE_BITS: return has_bits(n, e, i, v);
	case NODE_IN: return in_set(n, e, i, v);
	case NODE_CONTAINS: return contains(n, v);
	case NODE_MATCHES: return matches(n, v);
	default: return false;
	}
}

/* Any element for which the test holds; negated: there are some, and none does. */
static bool test_field(const struct filter_node *n, const struct event *e)
{
	struct field_value v;
	bool present = false;

	for (unsigned i = 0; field_get(n->field, e, i, &v); i++) {
		present = true;
		if (element(n, e, i, &v))
			return !n->negate;
		if (!(n->field->flags & (FIELD_ARRAY | FIELD_ALIASES)))
			break;
	}
	return present && n->negate;
}

static bool has_object(const struct filter_node *n, const struct event *e)
{
	struct field_value v;

	for (const struct field *f = n->group->fields; f->path; f++)
		if (!strncmp(f->path, n->prefix, n->prefix_len) && field_get(f, e, 0, &v))
			return true;
	return false;
}

static bool match_node(const struct filter_node *n, const struct event *e)
{
	switch (n->kind) {
	case NODE_AND:
	case NODE_OR:
		for (const struct filter_node *c = n->child; c; c = c->next)
			if (match_node(c, e) == (n->kind == NODE_OR))
				return n->kind == NODE_OR;
		return n->kind == NODE_AND;
	case NODE_NOT: return !match_node(n->child, e);
	default:
		if (!field_group_has(n->group, e))
			return false;
		return n->field ? test_field(n, e) : has_object(n, e);
	}
}

bool filter_match(const struct filter *f, const struct event *e)
{
	return match_node(f->root, e);
}

/* --- compile and free --- */

void filter_free(struct filter *f)
{
	if (!f)
		return;
	for (struct filter_node *n = f->regexes; n; n = n->next_regex)
		regfree(&n->regex);
	while (f->memory) {
		struct filter_chunk *c = f->memory;

		f->memory = c->next;
		free(c);
	}
	free(f);
}

static int fail(struct filter_error *err, int rc, const char *why)
{
	err->column = err->length = 0;
	snprintf(err->text, sizeof(err->text), "%s", why);
	return rc;
}

int filter_compile(struct filter **out, const char *text, struct filter_error *err)
{
	struct filter_parser p = { .err = err };
	size_t len = strnlen(text, FILTER_TEXT_MAX + 1);

	*out = NULL;
	if (len > FILTER_TEXT_MAX)
		return fail(err, -EINVAL, "the filter is longer than 64 KiB");
	if (strspn(text, " \t\r\n") == len)
		return fail(err, -EINVAL, "the filter is empty");
	p.filter = calloc(1, sizeof(*p.filter));
	if (!p.filter)
		return fail(err, -ENOMEM, "no memory");
	if (filter_parse_text(&p, text, len)) {
		*out = p.filter;
		return 0;
	}
	filter_free(p.filter);
	return p.failed ? -EINVAL : fail(err, -ENOMEM, "no memory");
}

/* --- errors for people --- */

/* Bytes of text shown before the place of an error, and all in all. */
#define CONTEXT_BEFORE 40
#define CONTEXT 100

static bool is_continuation(char c)
{
	return (c & 0xc0) == 0x80;
}

char *filter_error_format(char *buf, size_t len, const char *text, const struct filter_error *err)
{
	size_t at = (size_t)(err->column - 1), n = strlen(text), from, carets = 0;
	char shown[CONTEXT + 1], marks[CONTEXT + 2];
	size_t k = 0, m = 0;

	if (err->column < 1 || at > n) {
		snprintf(buf, len, "%s", err->text);
		return buf;
	}
	from = at > CONTEXT_BEFORE ? at - CONTEXT_BEFORE : 0;
	while (from < at && is_continuation(text[from]))
		from++;
	for (size_t i = from; i <= n && k < CONTEXT; i++) {
		bool here = i >= at && i < at + (size_t)err->length;

		if (i < n)
			shown[k++] =
				(unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
		/* One mark a character: the bytes after its first have no column. */
		if (i < n && is_continuation(text[i]))
			continue;
		if (i < at)
			marks[m++] = ' ';
		else if (here || i == at)
			marks[m++] = carets++ ? '~' : '^';
	}
	shown[k] = marks[m] = '\0';
	snprintf(buf, len, "%s\n  %s\n  %s", err->text, shown, marks);
	return buf;
}
