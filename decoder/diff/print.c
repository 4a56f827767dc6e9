/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/diff/print.h"
#include "decoder/util/json.h"
#include "decoder/util/text.h"

static const char side_name[DIFF_SIDES] = { 'A', 'B' };
static const char *const side_color[DIFF_SIDES] = { "\033[36m", "\033[32m" };
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static void put_traces(FILE *to, const struct diff_trace trace[DIFF_SIDES])
{
	for (int side = 0; side < DIFF_SIDES; side++) {
		fprintf(to, "%c: ", side_name[side]);
		text_write_untrusted(to, trace[side].path);
		if (trace[side].source[0]) {
			fputs(", ", to);
			text_write_untrusted(to, trace[side].source);
		}
		fprintf(to, ", %" PRIu64 " events", trace[side].events);
		if (trace[side].lost.records || trace[side].lost.more) {
			TEXT(t, 64);

			model_put_lost(&t, trace[side].lost, "");
			fprintf(to, ", %s LOST: what differs may be what is missing", t.buf);
		}
		fputc('\n', to);
	}
}

static void put_pair_name(FILE *to, const struct diff_pair *p)
{
	const char *a = p->name[DIFF_A], *b = p->name[DIFF_B];

	if (!*a || !*b)
		fprintf(to, "%s (only in %s)", *a ? a : b, *a ? "A" : "B");
	else if (strcmp(a, b))
		fprintf(to, "%s / %s", a, b);
	else
		fputs(a, to);
}

static void put_pairs(FILE *to, const struct diff *d)
{
	const struct diff_pair *p;

	for (unsigned i = 0; (p = diff_pair_nth(d, i)); i++) {
		if (!p->name[DIFF_A][0] || !p->name[DIFF_B][0]) {
			put_pair_name(to, p);
			fputc('\n', to);
			continue;
		}
		fprintf(to, "%s of A is %s of B, by %s", p->name[DIFF_A], p->name[DIFF_B], p->by);
		if (!strcmp(p->by, "id")) {
			fputc(' ', to);
			text_write_untrusted(to, p->user_id[DIFF_A]);
		}
		fputc('\n', to);
	}
}

static void put_sides(FILE *to, const struct difference *x, const char *indent,
		      const struct print_diff_options *o)
{
	for (int side = 0; side < DIFF_SIDES; side++) {
		fprintf(to, "%s%s%c", indent, o->color ? side_color[side] : "", side_name[side]);
		if (x->number[side])
			fprintf(to, " #%" PRIu64, x->number[side]);
		fprintf(to, ": %s%s\n", x->text[side][0] ? x->text[side] : "-",
			o->color ? PLAIN : "");
	}
}

static void put_count(FILE *to, const struct difference *x)
{
	if (x->count == 1)
		return;
	fprintf(to, " (%" PRIu64 " times", x->count);
	for (unsigned i = 0; i < x->nrelated; i++)
		fprintf(to, "%s#%" PRIu64, i ? " " : ", also ", x->related[i]);
	fputs(x->nrelated + 1 < x->count && x->nrelated ? " ...)" : ")", to);
}

static void put_first(FILE *to, const struct diff *d, const struct difference *x,
		      const struct print_diff_options *o)
{
	fprintf(to, "\n%sFirst difference: ", o->color ? BOLD : "");
	put_pair_name(to, diff_pair_nth(d, x->pair));
	fprintf(to, ", %s: %s%s", diff_class_name(x->class), x->subject, o->color ? PLAIN : "");
	put_count(to, x);
	fputc('\n', to);
	put_sides(to, x, "  ", o);
	for (int side = 0; side < DIFF_SIDES && o->context; side++)
		if (x->near[side]) {
			fprintf(to, "\n  %c around #%" PRIu64 ":\n", side_name[side],
				x->near[side]);
			o->context(o->opaque, to, side, x->near[side], x->pair);
		}
}

static void put_rest(FILE *to, const struct diff *d, const struct print_diff_options *o)
{
	const struct difference *x, *before = NULL;

	for (size_t i = 1; (x = diff_nth(d, i)); i++) {
		if (!before)
			fputs("\nThe others:\n", to);
		if (!before || before->pair != x->pair || before->class != x->class) {
			fprintf(to, "  %s", o->color ? BOLD : "");
			put_pair_name(to, diff_pair_nth(d, x->pair));
			fprintf(to, ", %s%s\n", diff_class_name(x->class), o->color ? PLAIN : "");
		}
		fprintf(to, "    %s", x->subject);
		put_count(to, x);
		fputc('\n', to);
		put_sides(to, x, "      ", o);
		before = x;
	}
	if (diff_unreported(d))
		fprintf(to, "  and %" PRIu64 " of still more kinds\n", diff_unreported(d));
}

static uint64_t alike(const struct diff *d, bool requests)
{
	const struct diff_pair *p;
	uint64_t n = 0;

	for (unsigned i = 0; (p = diff_pair_nth(d, i)); i++)
		for (unsigned c = 0; c < DIFF_CLASSES; c++)
			n += (c == DIFF_REQUESTS) == requests ? p->alike[c] : 0;
	return n;
}

static size_t kinds(const struct diff *d)
{
	size_t n = 0;

	while (diff_nth(d, n))
		n++;
	return n;
}

int print_diff(FILE *to, const struct diff *d, const struct diff_trace trace[DIFF_SIDES],
	       const struct print_diff_options *o)
{
	const struct difference *first = diff_nth(d, 0);

	put_traces(to, trace);
	put_pairs(to, d);
	for (unsigned i = 0; diff_caveat(d, i); i++)
		fprintf(to, "note: %s\n", diff_caveat(d, i));
	if (first) {
		put_first(to, d, first, o);
		put_rest(to, d, o);
		fprintf(to, "\n%" PRIu64 " difference%s of %zu kind%s; ", diff_total(d),
			diff_total(d) == 1 ? "" : "s", kinds(d), kinds(d) == 1 ? "" : "s");
	} else {
		fputs("\nno differences; ", to);
	}
	fprintf(to, "%" PRIu64 " requests and %" PRIu64 " other steps are alike\n", alike(d, true),
		alike(d, false));
	return ferror(to) ? -errno : 0;
}

/* --- JSON ------------------------------------------------------------------------ */

static struct json_object *trace_json(const struct diff_trace *t)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "file", json_object_new_string(t->path));
	json_object_object_add(o, "source", json_object_new_string(t->source));
	json_put_u64(o, "events", t->events);
	json_put_least(o, "lost", t->lost.records, t->lost.more);
	return o;
}

static struct json_object *pair_json(const struct diff_pair *p)
{
	struct json_object *o = json_object_new_object();

	for (int side = 0; side < DIFF_SIDES; side++)
		json_object_object_add(o, side ? "b" : "a",
				       p->name[side][0] ? json_object_new_string(p->name[side])
							: NULL);
	json_object_object_add(o, "by", p->by[0] ? json_object_new_string(p->by) : NULL);
	return o;
}

static struct json_object *side_json(const struct difference *x, int side)
{
	struct json_object *o;

	if (!x->text[side][0])
		return NULL;
	o = json_object_new_object();
	if (x->number[side])
		json_put_u64(o, "event", x->number[side]);
	json_object_object_add(o, "says", json_object_new_string(x->text[side]));
	return o;
}

static struct json_object *difference_json(const struct diff *d, const struct difference *x)
{
	struct json_object *o = json_object_new_object(), *also = json_object_new_array();

	json_put_str(o, "class", diff_class_name(x->class));
	json_object_object_add(o, "device", pair_json(diff_pair_nth(d, x->pair)));
	json_object_object_add(o, "subject", json_object_new_string(x->subject));
	json_object_object_add(o, "a", side_json(x, DIFF_A));
	json_object_object_add(o, "b", side_json(x, DIFF_B));
	json_put_u64(o, "count", x->count);
	for (unsigned i = 0; i < x->nrelated; i++)
		json_object_array_add(also, json_object_new_uint64(x->related[i]));
	json_object_object_add(o, "also", also);
	return o;
}

int print_diff_json(FILE *to, const struct diff *d, const struct diff_trace trace[DIFF_SIDES])
{
	struct json_object *o = json_object_new_object(), *pairs = json_object_new_array();
	struct json_object *list = json_object_new_array(), *notes = json_object_new_array();
	const struct diff_pair *p;
	const struct difference *x;

	json_object_object_add(o, "a", trace_json(&trace[DIFF_A]));
	json_object_object_add(o, "b", trace_json(&trace[DIFF_B]));
	for (unsigned i = 0; (p = diff_pair_nth(d, i)); i++)
		json_object_array_add(pairs, pair_json(p));
	json_object_object_add(o, "devices", pairs);
	for (size_t i = 0; (x = diff_nth(d, i)); i++)
		json_object_array_add(list, difference_json(d, x));
	json_object_object_add(o, "differences", list);
	for (unsigned i = 0; diff_caveat(d, i); i++)
		json_object_array_add(notes, json_object_new_string(diff_caveat(d, i)));
	json_object_object_add(o, "notes", notes);
	json_put_u64(o, "total", diff_total(d));
	json_put_u64(o, "unreported", diff_unreported(d));
	json_put_u64(o, "alike_requests", alike(d, true));
	json_put_u64(o, "alike_steps", alike(d, false));
	json_print(to, o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	return ferror(to) ? -errno : 0;
}
