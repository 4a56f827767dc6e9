/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "cli/metrics/accept.h"

#define BEST 1000 /* q=1 in thousandths */

/* A piece of the header, without blanks around it. */
struct piece {
	const char *at;
	size_t len;
};

/* The piece up to `end` or the end of the header; *s moves behind it.  Quoted ends do not count. */
static struct piece take(const char **s, const char *end)
{
	struct piece p = { *s, 0 };
	bool quoted = false;

	while (**s && (quoted || !strchr(end, **s))) {
		if (quoted && **s == '\\' && (*s)[1])
			++*s;
		else if (**s == '"')
			quoted = !quoted;
		++*s;
	}
	p.len = (size_t)(*s - p.at);
	while (p.len && strchr(" \t", *p.at)) {
		p.at++;
		p.len--;
	}
	while (p.len && strchr(" \t", p.at[p.len - 1]))
		p.len--;
	return p;
}

static bool is(struct piece p, const char *word)
{
	return p.len == strlen(word) && !strncasecmp(p.at, word, p.len);
}

static struct piece unquoted(struct piece p)
{
	if (p.len >= 2 && *p.at == '"' && p.at[p.len - 1] == '"')
		return (struct piece){ p.at + 1, p.len - 2 };
	return p;
}

/* "0.75" as thousandths; -1: no such number. */
static int quality(struct piece p)
{
	int q = 0, unit = BEST;

	if (!p.len || p.len > 5 || (*p.at != '0' && *p.at != '1') || (p.len > 1 && p.at[1] != '.'))
		return -1;
	for (size_t i = 0; i < p.len; i += i ? 1 : 2) {
		if (p.at[i] < '0' || p.at[i] > '9')
			return -1;
		q += (p.at[i] - '0') * unit;
		unit /= 10;
	}
	return q <= BEST ? q : -1;
}

/* How well the range fits: 0 not, 1 anything, 2 the kind, 3 the type, 4 its version, too. */
static unsigned fit(struct piece range, struct piece version, const struct media *m)
{
	size_t kind = strcspn(m->type, "/") + 1;

	if (is(range, "*/*"))
		return 1;
	if (range.len == kind + 1 && !strncasecmp(range.at, m->type, kind) && range.at[kind] == '*')
		return 2;
	if (!is(range, m->type))
		return 0;
	if (!version.len)
		return 3;
	return is(version, m->version) ? 4 : 0;
}

struct wish {
	unsigned fit;
	int q;
};

/* One element of the list: what it says of each media type, if nothing has fitted better yet. */
static void read_range(struct piece element, const struct media *media, unsigned n,
		       struct wish *wish)
{
	const char *s = element.at, *end = element.at + element.len;
	struct piece range = take(&s, ";,"), version = { NULL, 0 };
	int q = BEST;

	while (s < end && *s == ';') {
		struct piece name, value = { NULL, 0 };

		s++;
		name = take(&s, "=;,");
		if (*s == '=') {
			s++;
			value = unquoted(take(&s, ";,"));
		}
		if (is(name, "q"))
			q = quality(value);
		else if (is(name, "version"))
			version = value;
	}
	for (unsigned i = 0; i < n && q >= 0; i++) {
		unsigned fits = fit(range, version, &media[i]);

		if (fits > wish[i].fit)
			wish[i] = (struct wish){ fits, q };
	}
}

unsigned accept_choose(const char *accept, const struct media *media, unsigned n)
{
	struct wish wish[8] = { 0 };
	unsigned best = 0;

	if (!accept || n > sizeof(wish) / sizeof(wish[0]))
		return 0;
	for (const char *s = accept; *s; s += *s == ',')
		read_range(take(&s, ","), media, n, wish);
	for (unsigned i = 1; i < n; i++)
		if (wish[i].q > wish[best].q || (wish[i].q && wish[i].q == wish[best].q &&
						 wish[i].fit > 2 && wish[i].fit >= wish[best].fit))
			best = i;
	return best;
}
