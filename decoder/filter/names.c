/* SPDX-License-Identifier: MIT */
/* Names in filters: which field, which word, and what was probably meant. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "decoder/filter/impl.h"
#include "decoder/util/text.h"

#define NAME_MAX_LEN TEXT_DISTANCE_MAX /* longer ones are not guessed at */

/* The best guess so far. */
struct guess {
	const char *name;
	size_t len, best;
	char text[NAME_MAX_LEN + 1];
};

static void consider(struct guess *g, const char *name, size_t len)
{
	size_t d;

	if (len > NAME_MAX_LEN || !len)
		return;
	if (len > g->len + 1 && name[len - g->len - 1] == '.' &&
	    !strncasecmp(name + len - g->len, g->name, g->len))
		d = 0; /* the right end of it: "sector" of request.sector */
	else
		d = text_distance(g->name, g->len, name, len);
	if (d >= g->best)
		return;
	g->best = d;
	memcpy(g->text, name, len);
	g->text[len] = '\0';
}

static bool begin_guess(struct guess *g, const char *name, size_t len)
{
	g->name = name;
	g->len = len;
	/* Further away than this it would be a guess at random. */
	g->best = len / 3 + 2 < len ? len / 3 + 2 : len;
	g->text[0] = '\0';
	return len <= NAME_MAX_LEN;
}

/* Every field, and every object they are in. */
static void guess_field(struct guess *g)
{
	const struct field *f;

	for (unsigned n = 0; (f = field_nth(n)); n++) {
		consider(g, f->path, strlen(f->path));
		for (const char *dot = strchr(f->path, '.'); dot; dot = strchr(dot + 1, '.'))
			consider(g, f->path, (size_t)(dot - f->path));
	}
}

/* An object's name: "register", "avail.descriptors". */
static bool find_object(const struct filter_literal *name, struct filter_node *n)
{
	for (const struct field_group *g = field_groups; g->name; g++) {
		for (const struct field *f = g->fields; f->path; f++) {
			if (strncmp(f->path, name->text, name->len) || f->path[name->len] != '.')
				continue;
			n->group = g;
			n->prefix = f->path;
			n->prefix_len = name->len + 1;
			return true;
		}
	}
	return false;
}

/*
 * "avail.request.type", as JSON has it: what the event says of its request, in
 * events of that kind only.
 */
static bool find_nested(const struct filter_literal *name, struct filter_node *n)
{
	const char *dot = strchr(name->text, '.');

	if (!dot || strncmp(dot + 1, "request.", 8))
		return false;
	n->field = field_by_path(dot + 1);
	for (const struct field_group *g = field_groups; n->field && g->name; g++) {
		n->group = g;
		if (strlen(g->name) == (size_t)(dot - name->text) &&
		    !strncmp(g->name, name->text, (size_t)(dot - name->text)))
			return true;
	}
	n->field = NULL;
	return false;
}

const struct field *filter_find_field(struct filter_parser *p, const struct filter_literal *name,
				      struct filter_node *n)
{
	struct guess g;

	n->field = field_by_path(name->text);
	if (n->field) {
		n->group = field_group_of(n->field);
		return n->field;
	}
	if (find_nested(name, n))
		return n->field;
	if (find_object(name, n))
		return NULL;
	if (begin_guess(&g, name->text, name->len))
		guess_field(&g);
	if (g.text[0])
		filter_fail(p, name->loc, "there is no field '%.60s'; did you mean '%s'?",
			    name->text, g.text);
	else
		filter_fail(p, name->loc,
			    "there is no field '%.60s'; 'vqtrace show --fields' "
			    "lists them",
			    name->text);
	return NULL;
}

/* Word n of those a field can be; "" is a hole, NULL the end. */
static const char *word_of(const struct field *f, unsigned n)
{
	if (f->names)
		return f->names[n].name;
	return f->word ? f->word(n) : NULL;
}

bool filter_known_word(const struct field *f, const char *word)
{
	const char *w;

	for (unsigned n = 0; (w = word_of(f, n)); n++)
		if (!strcasecmp(w, word))
			return true;
	return false;
}

/* Up to a handful of a field's words, for an error: "in, out, flush, ..." */
static void list_words(const struct field *f, char *buf, size_t len)
{
	size_t at = 0;
	unsigned listed = 0;
	const char *w;

	buf[0] = '\0';
	for (unsigned n = 0; listed <= 8 && at < len && (w = word_of(f, n)); n++) {
		if (!*w)
			continue;
		at += (size_t)snprintf(buf + at, len - at, "%s%s", listed ? ", " : "",
				       listed == 8 ? "..." : w);
		listed++;
	}
}

bool filter_fail_word(struct filter_parser *p, const struct field *f,
		      const struct filter_literal *value)
{
	char words[160];
	const char *w;
	struct guess g;

	if (begin_guess(&g, value->text, value->len))
		for (unsigned n = 0; (w = word_of(f, n)); n++)
			consider(&g, w, strlen(w));
	list_words(f, words, sizeof(words));
	if (g.text[0])
		return filter_fail(p, value->loc, "%s is never '%.40s'; did you mean '%s'?",
				   f->path, value->text, g.text);
	if (words[0])
		return filter_fail(p, value->loc, "%s is never '%.40s'; it can be %s", f->path,
				   value->text, words);
	if (value->text[0] >= '0' && value->text[0] <= '9')
		return filter_fail(p, value->loc,
				   "'%.40s' is not a number; units are k, M, G, T (of 1024) and "
				   "ns, us, ms, s, m, h",
				   value->text);
	return filter_fail(p, value->loc, "%s is a number; '%.40s' is none", f->path, value->text);
}
