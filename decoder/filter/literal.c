/* SPDX-License-Identifier: MIT */
/* What the lexer makes: numbers, words and strings; and errors and memory for all of them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/filter/impl.h"

bool filter_fail(struct filter_parser *p, struct filter_loc at, const char *fmt, ...)
{
	va_list ap;

	if (p->failed)
		return false;
	p->failed = true;
	p->err->column = at.from + 1;
	p->err->length = at.to > at.from ? at.to - at.from : 1;
	va_start(ap, fmt);
	vsnprintf(p->err->text, sizeof(p->err->text), fmt, ap);
	va_end(ap);
	return false;
}

void *filter_alloc(struct filter_parser *p, size_t size)
{
	struct filter_chunk *c = calloc(1, sizeof(*c) + size);

	if (!c) {
		p->no_memory = true;
		return NULL;
	}
	c->next = p->filter->memory;
	p->filter->memory = c;
	return c->data;
}

struct filter_literal *filter_literal(struct filter_parser *p, enum filter_literal_kind kind,
				      struct filter_loc at, const char *text, size_t len)
{
	struct filter_literal *l = filter_alloc(p, sizeof(*l));

	if (!l)
		return NULL;
	l->kind = kind;
	l->loc = at;
	l->len = len;
	l->text = filter_alloc(p, len + 1);
	if (!l->text)
		return NULL;
	memcpy(l->text, text, len);
	return l;
}

int filter_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Both give NULL for a number that 64 bits do not hold, else where it ends. */
static const char *read_hex(const char *s, uint64_t *u)
{
	for (; filter_hex_digit(*s) >= 0; s++) {
		if (*u >> 60)
			return NULL;
		*u = *u << 4 | (uint64_t)filter_hex_digit(*s);
	}
	return s;
}

static const char *read_decimal(const char *s, uint64_t *u, uint64_t *divisor)
{
	bool point = false;

	for (; (*s >= '0' && *s <= '9') || *s == '.'; s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		if (__builtin_mul_overflow(*u, 10, u) ||
		    __builtin_add_overflow(*u, (uint64_t)(*s - '0'), u))
			return NULL;
		if (point && __builtin_mul_overflow(*divisor, 10, divisor))
			return NULL;
	}
	return s;
}

static const struct unit {
	const char *name;
	enum filter_unit kind;
	uint64_t factor;
} units[] = {
	{ "ns", UNIT_TIME, 1 },		 { "us", UNIT_TIME, 1000 },
	{ "ms", UNIT_TIME, 1000000 },	 { "s", UNIT_TIME, 1000000000 },
	{ "m", UNIT_TIME, 60000000000 }, { "h", UNIT_TIME, 3600000000000 },
	{ "k", UNIT_SIZE, 1ULL << 10 },	 { "K", UNIT_SIZE, 1ULL << 10 },
	{ "M", UNIT_SIZE, 1ULL << 20 },	 { "G", UNIT_SIZE, 1ULL << 30 },
	{ "T", UNIT_SIZE, 1ULL << 40 },
};

static const struct unit *find_unit(const char *s)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(s, units[i].name, n))
			continue;
		if (!s[n] || (units[i].kind == UNIT_SIZE && strchr("Bi", s[n])))
			return &units[i];
	}
	return NULL;
}

static bool scale(struct filter_literal *l, const char *suffix, uint64_t divisor)
{
	const struct unit *unit = find_unit(suffix);
	unsigned __int128 big = l->number;

	if (unit) {
		l->unit = unit->kind;
		big *= unit->factor;
	}
	big /= divisor;
	l->number = (uint64_t)big;
	return big <= UINT64_MAX;
}

struct filter_literal *filter_number(struct filter_parser *p, struct filter_loc at,
				     const char *text, size_t len)
{
	struct filter_literal *l = filter_literal(p, LITERAL_NUMBER, at, text, len);
	uint64_t divisor = 1;
	const char *s;

	if (!l)
		return NULL;
	s = l->text;
	l->negative = *s == '-';
	s += l->negative;
	if (s[0] == '0' && (s[1] | 0x20) == 'x')
		s = read_hex(s + 2, &l->number);
	else
		s = read_decimal(s, &l->number, &divisor);
	if (!s || !scale(l, s, divisor)) {
		filter_fail(p, at, "'%.40s' does not fit into 64 bits", l->text);
		return NULL;
	}
	if (divisor > 1 && l->unit == UNIT_NONE) {
		filter_fail(p, at,
			    "'%.40s': only sizes and durations can have a fraction; they have a "
			    "unit, as in %.40sms",
			    l->text, l->text);
		return NULL;
	}
	if (l->negative)
		l->number = 0 - l->number;
	return l;
}

/* One escape, s behind the backslash; returns how many bytes of s it took. */
static size_t unescape(const char *s, size_t left, char *out)
{
	static const char names[][2] = {
		{ 'n', '\n' }, { 't', '\t' }, { 'r', '\r' }, { '0', '\0' }
	};

	if (s[0] == 'x' && left > 2 && filter_hex_digit(s[1]) >= 0 && filter_hex_digit(s[2]) >= 0) {
		*out = (char)(filter_hex_digit(s[1]) << 4 | filter_hex_digit(s[2]));
		return 3;
	}
	*out = s[0];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i][0] == s[0])
			*out = names[i][1];
	return 1;
}

struct filter_literal *filter_string(struct filter_parser *p, struct filter_loc at,
				     const char *text, size_t len)
{
	struct filter_literal *l = filter_literal(p, LITERAL_STRING, at, text, len);
	size_t n = 0;

	for (size_t i = 0; l && i < len; n++) {
		if (text[i] == '\\' && i + 1 < len)
			i += 1 + unescape(text + i + 1, len - i - 1, &l->text[n]);
		else
			l->text[n] = text[i++];
	}
	if (l) {
		l->text[n] = '\0';
		l->len = n;
	}
	return l;
}
