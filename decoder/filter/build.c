/* SPDX-License-Identifier: MIT */
/* From the grammar's pieces to checked nodes: types, limits. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "decoder/filter/impl.h"

/* regcomp writes out what is repeated, and nested repetitions multiply: limit the memory that takes. */
#define REGEX_LEN_MAX 256
#define REGEX_PARTS_MAX 2000

/* --- values: a literal beside a field --- */

static bool text_value(struct filter_parser *p, const struct field *f,
		       const struct filter_literal *l, struct filter_value *v)
{
	bool closed = f->names || f->word;

	if (l->kind == LITERAL_NUMBER)
		return filter_fail(p, l->loc, "%s is text; quote '%.40s' to compare it as text",
				   f->path, l->text);
	if (l->kind == LITERAL_WORD && closed && !filter_known_word(f, l->text))
		return filter_fail_word(p, f, l);
	v->str = l->text;
	v->len = l->len;
	v->fold = l->kind == LITERAL_WORD;
	return true;
}

static bool bool_value(struct filter_parser *p, const struct field *f,
		       const struct filter_literal *l, struct filter_value *v)
{
	if (l->kind == LITERAL_NUMBER && l->number <= 1 && l->unit == UNIT_NONE) {
		v->u = l->number;
		return true;
	}
	v->u = !strcasecmp(l->text, "true");
	if (l->kind == LITERAL_WORD && (v->u || !strcasecmp(l->text, "false")))
		return true;
	return filter_fail(p, l->loc, "%s is true or false, not '%.40s'", f->path, l->text);
}

/* Text stands for its bytes, 0x4d5a for those two in this order. */
static bool bytes_value(struct filter_parser *p, const struct field *f,
			const struct filter_literal *l, struct filter_value *v)
{
	char *out = l->text;

	v->str = l->text;
	v->len = l->len;
	if (l->kind != LITERAL_NUMBER)
		return true;
	if (strncasecmp(l->text, "0x", 2) || l->len % 2)
		return filter_fail(p, l->loc,
				   "%s is bytes: compare it with \"text\" or 0x and an even "
				   "number of digits",
				   f->path);
	for (const char *s = l->text + 2; *s; s += 2)
		*out++ = (char)(filter_hex_digit(s[0]) << 4 | filter_hex_digit(s[1]));
	v->len = (size_t)(out - l->text);
	return true;
}

static bool number_word(struct filter_parser *p, const struct field *f,
			const struct filter_literal *l, struct filter_value *v)
{
	uint64_t unused;

	for (const struct spec_name *s = f->names; s && s->name; s++) {
		if (!strcasecmp(s->name, l->text)) {
			v->u = s->value;
			return true;
		}
	}
	if (f->resolve && f->resolve(NULL, 0, l->text, &unused)) {
		v->word = l->text;
		return true;
	}
	if (f->resolve)
		return filter_fail(p, l->loc, "no register or feature has a bit or value '%.40s'",
				   l->text);
	return filter_fail_word(p, f, l);
}

static bool number_value(struct filter_parser *p, const struct field *f,
			 const struct filter_literal *l, struct filter_value *v)
{
	if (l->kind == LITERAL_WORD)
		return number_word(p, f, l, v);
	if (l->kind == LITERAL_STRING)
		return filter_fail(p, l->loc, "%s is a number, not text", f->path);
	if (l->unit == UNIT_TIME && f->kind != FIELD_TIME)
		return filter_fail(p, l->loc, "%s is no time; '%.40s' is", f->path, l->text);
	if (l->unit == UNIT_NONE && l->number && f->kind == FIELD_TIME)
		return filter_fail(p, l->loc, "%s is a time: write %.40sms, or us, ns, s, m, h",
				   f->path, l->text);
	if (l->unit == UNIT_SIZE && f->kind == FIELD_TIME)
		return filter_fail(p, l->loc, "%s is a time: ns, us, ms, s, m or h", f->path);
	if (l->negative && l->number && f->kind != FIELD_I64)
		return filter_fail(p, l->loc, "%s is never negative", f->path);
	v->u = l->number;
	return true;
}

static bool make_value(struct filter_parser *p, const struct field *f,
		       const struct filter_literal *l, struct filter_value *v)
{
	switch (f->kind) {
	case FIELD_STR: return text_value(p, f, l, v);
	case FIELD_BOOL: return bool_value(p, f, l, v);
	case FIELD_BYTES: return bytes_value(p, f, l, v);
	default: return number_value(p, f, l, v);
	}
}

static bool is_number(const struct field *f)
{
	return f->kind <= FIELD_TIME;
}

/* --- nodes --- */

static struct filter_node *new_node(struct filter_parser *p, enum filter_kind kind)
{
	struct filter_node *n = filter_alloc(p, sizeof(*n));

	if (n) {
		n->kind = kind;
		n->depth = 1;
	}
	return n;
}

static bool add_child(struct filter_parser *p, struct filter_loc at, struct filter_node *n,
		      struct filter_node *child)
{
	if (child->depth + 1 > n->depth)
		n->depth = child->depth + 1;
	if (n->depth > FILTER_DEPTH_MAX)
		return filter_fail(p, at, "the filter is nested too deeply");
	if (n->last)
		n->last->next = child;
	else
		n->child = child;
	n->last = child;
	return true;
}

struct filter_node *filter_join(struct filter_parser *p, struct filter_loc at,
				enum filter_kind kind, struct filter_node *a, struct filter_node *b)
{
	struct filter_node *n = a;

	/* a && b && c is one node with three children: long chains stay flat. */
	if (a->kind != kind) {
		n = new_node(p, kind);
		if (!n || !add_child(p, at, n, a))
			return NULL;
	}
	return add_child(p, at, n, b) ? n : NULL;
}

struct filter_node *filter_not(struct filter_parser *p, struct filter_loc at, struct filter_node *a)
{
	struct filter_node *n = new_node(p, NODE_NOT);

	return n && add_child(p, at, n, a) ? n : NULL;
}

struct filter_node *filter_present(struct filter_parser *p, const struct filter_literal *field)
{
	struct filter_node *n = new_node(p, NODE_PRESENT);

	if (!n)
		return NULL;
	filter_find_field(p, field, n);
	return p->failed ? NULL : n;
}

/* A node of this field, which must be one and not an object. */
static struct filter_node *field_node(struct filter_parser *p, enum filter_kind kind,
				      const struct filter_literal *field)
{
	struct filter_node *n = new_node(p, kind);
	const struct field *f;

	if (!n)
		return NULL;
	f = filter_find_field(p, field, n);
	if (!f && !p->failed)
		filter_fail(p, field->loc,
			    "%.60s has several fields, such as %s; compare one of "
			    "those",
			    field->text, n->prefix);
	return f ? n : NULL;
}

static bool single(struct filter_parser *p, struct filter_node *n,
		   const struct filter_literal *value)
{
	n->range = filter_range(p, value, NULL);
	return n->range && make_value(p, n->field, value, &n->range->low);
}

struct filter_node *filter_compare(struct filter_parser *p, const struct filter_literal *field,
				   enum filter_op op, struct filter_loc op_at,
				   const struct filter_literal *value)
{
	struct filter_node *n = field_node(p, NODE_COMPARE, field);

	if (!n)
		return NULL;
	if (op != OP_EQ && op != OP_NE && !is_number(n->field)) {
		filter_fail(p, op_at, "%s has no order; only == and != compare it", n->field->path);
		return NULL;
	}
	n->negate = op == OP_NE;
	n->op = n->negate ? OP_EQ : op;
	return single(p, n, value) ? n : NULL;
}

struct filter_node *filter_bits(struct filter_parser *p, const struct filter_literal *field,
				const struct filter_literal *mask, enum filter_op op,
				const struct filter_literal *value)
{
	struct filter_node *n = field_node(p, NODE_BITS, field);

	if (!n)
		return NULL;
	if (!is_number(n->field)) {
		filter_fail(p, mask->loc, "%s is no number: it has no bits to test",
			    n->field->path);
		return NULL;
	}
	if (!make_value(p, n->field, mask, &n->mask))
		return NULL;
	if (!value)
		return n;
	n->compared = true;
	n->negate = op == OP_NE;
	n->op = n->negate ? OP_EQ : op;
	return single(p, n, value) ? n : NULL;
}

static bool check_range(struct filter_parser *p, struct filter_node *n, struct filter_range *r)
{
	if (!make_value(p, n->field, r->from, &r->low))
		return false;
	if (r->single)
		return true;
	if (!is_number(n->field))
		return filter_fail(p, r->loc, "%s has no order, so it has no ranges",
				   n->field->path);
	if (!make_value(p, n->field, r->to, &r->high))
		return false;
	if (r->low.word || r->high.word)
		return filter_fail(p, r->loc, "a range needs numbers at both ends");
	if (n->field->kind == FIELD_I64 ? (int64_t)r->low.u > (int64_t)r->high.u
					: r->low.u > r->high.u)
		return filter_fail(p, r->loc,
				   "the range is empty: its ends are the wrong way round");
	return true;
}

struct filter_node *filter_in(struct filter_parser *p, const struct filter_literal *field,
			      bool negate, struct filter_range *set)
{
	struct filter_node *n = field_node(p, NODE_IN, field);

	if (!n)
		return NULL;
	n->negate = negate;
	n->range = set;
	for (struct filter_range *r = set; r; r = r->next)
		if (!check_range(p, n, r))
			return NULL;
	return n;
}

struct filter_range *filter_range(struct filter_parser *p, const struct filter_literal *from,
				  const struct filter_literal *to)
{
	struct filter_range *r = filter_alloc(p, sizeof(*r));

	if (!r)
		return NULL;
	r->from = from;
	r->to = to;
	r->single = !to;
	r->loc.from = from->loc.from;
	r->loc.to = to ? to->loc.to : from->loc.to;
	return r;
}

/* The last character of a bracket expression, or of the pattern if that has none. */
static const char *skip_set(const char *s)
{
	const char *p = s + 1;

	p += *p == '^';
	p += *p == ']';
	while (*p && *p != ']') {
		const char end[] = { p[1], ']', '\0' };

		if (*p != '[' || !p[1] || !strchr(":.=", p[1])) {
			p++;
			continue;
		}
		p = strstr(p + 2, end); /* of "[:alpha:]" */
		if (!p)
			return s + strlen(s) - 1;
		p += 2;
	}
	return *p ? p : p - 1;
}

/* Parts of a pattern as regcomp writes it out: those of a group so far, and of the latest of them. */
struct parts {
	unsigned long all, last;
};

static void add_part(struct parts *g, unsigned long n)
{
	g->last = n;
	g->all += n;
}

/* "x+" is written out as "xx*", "x{2,}" as "xxx*".  Returns the last character of the repetition. */
static const char *repeat_part(struct parts *g, const char *s)
{
	unsigned long least, most, n = 2;
	char *end;

	if (*s == '{') {
		if (s[1 + strspn(s + 1, "0123456789,")] != '}') {
			add_part(g, 1);
			return s;
		}
		n = least = strtoul(s + 1, &end, 10);
		if (*end == ',') {
			most = strtoul(end + 1, &end, 10);
			n = most > least ? most : least + 1;
		}
		n = n < 1 ? 1 : n < REGEX_PARTS_MAX ? n : REGEX_PARTS_MAX;
		s = strchr(s, '}');
	}
	g->all += g->last * (n - 1);
	g->last *= n;
	return s;
}

static bool reasonable_regex(const char *s)
{
	struct parts group[REGEX_LEN_MAX + 1] = { 0 }, *g = group;

	if (strlen(s) > REGEX_LEN_MAX)
		return false;
	for (; *s && g->all <= REGEX_PARTS_MAX; s++)
		switch (*s) {
		case '(': *++g = (struct parts){ 0 }; break;
		case ')':
			if (g == group) { /* one that closes nothing is an ordinary character */
				add_part(g, 1);
				break;
			}
			g--;
			add_part(g, g[1].all + 1);
			break;
		case '+':
		case '{': s = repeat_part(g, s); break;
		case '*':
		case '?': break;
		case '[':
			s = skip_set(s);
			add_part(g, 1);
			break;
		case '\\': s += !!s[1]; /* fall through */
		default: add_part(g, 1);
		}
	return g->all <= REGEX_PARTS_MAX;
}

static bool compile_regex(struct filter_parser *p, struct filter_node *n,
			  const struct filter_literal *value)
{
	char why[128];
	int rc;

	if (strlen(value->text) != value->len || !reasonable_regex(value->text))
		return filter_fail(p, value->loc,
				   "the regular expression is too long or repeats too much");
	rc = regcomp(&n->regex, value->text, REG_EXTENDED | REG_NOSUB);
	if (rc) {
		regerror(rc, &n->regex, why, sizeof(why));
		filter_fail(p, value->loc, "not a regular expression: %s", why);
		return false;
	}
	n->next_regex = p->filter->regexes;
	p->filter->regexes = n;
	return true;
}

struct filter_node *filter_text(struct filter_parser *p, enum filter_kind kind,
				const struct filter_literal *field,
				const struct filter_literal *value)
{
	struct filter_node *n = field_node(p, kind, field);
	bool bytes;

	if (!n)
		return NULL;
	bytes = n->field->kind == FIELD_BYTES && kind == NODE_CONTAINS;
	if (n->field->kind != FIELD_STR && !bytes) {
		filter_fail(p, value->loc, "%s is not text", n->field->path);
		return NULL;
	}
	if (bytes)
		return single(p, n, value) ? n : NULL;
	if (value->kind == LITERAL_NUMBER) {
		filter_fail(p, value->loc, "quote '%.40s' to look for it in text", value->text);
		return NULL;
	}
	if (kind == NODE_MATCHES)
		return compile_regex(p, n, value) ? n : NULL;
	n->range = filter_range(p, value, NULL);
	if (!n->range)
		return NULL;
	/* Part of a word need not be a word: not checked against the field's. */
	n->range->low.str = value->text;
	n->range->low.len = value->len;
	return n;
}
