/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/number.h"

/* A number and what follows it. */
static bool scan(const char *s, unsigned long long *v, const char **rest)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*v = strtoull(s, &end, 0);
	*rest = end;
	return !errno;
}

static bool scaled(unsigned long long factor, unsigned long long v, unsigned long long *out)
{
	if (v > ULLONG_MAX / factor)
		return false;
	*out = v * factor;
	return true;
}

bool number_parse(const char *s, unsigned long long max, unsigned long long *out)
{
	unsigned long long v;
	const char *rest;

	if (!scan(s, &v, &rest) || *rest || v > max)
		return false;
	*out = v;
	return true;
}

bool number_size(const char *s, unsigned long long *out)
{
	static const char units[] = "kKmMgG";
	unsigned long long v;
	const char *rest, *u;

	if (!scan(s, &v, &rest))
		return false;
	if (!*rest)
		return scaled(1, v, out);
	u = strchr(units, *rest);
	return u && !rest[1] && scaled(1ULL << (10 * ((u - units) / 2 + 1)), v, out);
}

bool number_duration(const char *s, unsigned long long *ns)
{
	static const struct {
		const char *suffix;
		unsigned long long ns;
	} units[] = {
		{ "", 1000000000ULL }, { "s", 1000000000ULL },	{ "ms", 1000000 },
		{ "us", 1000 },	       { "m", 60000000000ULL }, { "h", 3600000000000ULL },
	};
	unsigned long long v, part = 0, one = 1;
	const char *rest;

	if (!scan(s, &v, &rest))
		return false;
	if (*rest == '.' && rest[1] >= '0' && rest[1] <= '9')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++)
			if (one < 1000000000) { /* what is less than a nanosecond is dropped */
				part = part * 10 + (unsigned long long)(*rest - '0');
				one *= 10;
			}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(rest, units[i].suffix))
			continue;
		if (!scaled(units[i].ns, v, ns))
			return false;
		part = (unsigned long long)((unsigned __int128)part * units[i].ns / one);
		return !__builtin_add_overflow(*ns, part, ns);
	}
	return false;
}
