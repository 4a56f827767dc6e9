/* SPDX-License-Identifier: MIT */
/* Declared differences: parse them, find the one that matches. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/replay/declared.h"

#define LINES 1024

struct replay_declared {
	char *text;
	struct replay_declaration *d;
	unsigned count;
};

/* The next word of a line, ended by NUL in place; NULL: none. */
static char *word(char **at)
{
	char *s = *at + strspn(*at, " \t\r");
	size_t n = strcspn(s, " \t\r");
	if (!n)
		return NULL;
	*at = s + n;
	if (**at)
		*(*at)++ = '\0';
	return s;
}

static bool parse_line(struct replay_declaration *d, char *line)
{
	d->target = word(&line);
	d->subject = d->target ? word(&line) : NULL;
	d->clause = d->subject ? word(&line) : NULL;
	if (!d->clause)
		return false;
	d->reason = line + strspn(line, " \t\r");
	return *d->reason;
}

int replay_declared_parse(struct replay_declared **out, const char *text, size_t len, char *why,
			  size_t size)
{
	struct replay_declared *d = calloc(1, sizeof(*d));
	unsigned number = 0;
	if (!d)
		return -ENOMEM;
	d->text = strndup(text, len);
	d->d = calloc(LINES, sizeof(*d->d));
	if (!d->text || !d->d) {
		replay_declared_free(d);
		return -ENOMEM;
	}
	for (char *line = d->text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		line += strspn(line, " \t\r");
		if (!*line || *line == '#')
			continue;
		if (d->count == LINES || !parse_line(&d->d[d->count], line)) {
			snprintf(why, size,
				 "line %u: a declaration is TARGET SUBJECT CLAUSE REASON", number);
			replay_declared_free(d);
			return -EINVAL;
		}
		d->d[d->count++].line = number;
	}
	*out = d;
	return 0;
}

void replay_declared_free(struct replay_declared *d)
{
	if (!d)
		return;
	free(d->text);
	free(d->d);
	free(d);
}

static bool is_for(const struct replay_declaration *d, const char *target)
{
	return !strcmp(d->target, "*") || !strcmp(d->target, target);
}

const struct replay_declaration *replay_declared_meet(struct replay_declared *d, const char *target,
						      const char *subject)
{
	for (unsigned i = 0; d && i < d->count; i++)
		if (is_for(&d->d[i], target) && !fnmatch(d->d[i].subject, subject, 0)) {
			d->d[i].met++;
			return &d->d[i];
		}
	return NULL;
}

bool replay_declared_io_errors(const struct replay_declared *d, const char *target)
{
	for (unsigned i = 0; d && i < d->count; i++)
		if (is_for(&d->d[i], target) && !strcmp(d->d[i].subject, "io-error"))
			return true;
	return false;
}

const struct replay_declaration *replay_declared_nth(const struct replay_declared *d,
						     const char *target, unsigned n)
{
	for (unsigned i = 0; d && i < d->count; i++)
		if (is_for(&d->d[i], target) && !n--)
			return &d->d[i];
	return NULL;
}
