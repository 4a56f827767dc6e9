/* SPDX-License-Identifier: MIT */
/* What reports of every format share: counting, folding, the events around a finding. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/report/impl.h"

/* Events printed right before the one of the finding, if they are of its device and queue. */
#define JUST_BEFORE 2

static const struct {
	const char *name;
	const struct report_ops *ops;
} formats[] = {
	[REPORT_TEXT] = { "text", &report_text },
	[REPORT_JSON] = { "json", &report_json },
	[REPORT_JUNIT] = { "junit", &report_junit },
	[REPORT_SARIF] = { "sarif", &report_sarif },
};

const char *const report_states[STATES] = { "broken", "in order", "never came up",
					    "not decidable" };

int report_format_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(name, formats[i].name))
			return (int)i;
	return -ENOENT;
}

enum report_state report_state(const struct check_tally *t)
{
	if (t->broken)
		return STATE_BROKEN;
	if (t->held)
		return STATE_HELD;
	return t->why ? STATE_UNDECIDED : STATE_NEVER;
}

void report_comment(char *buf, size_t len, const struct finding *f)
{
	snprintf(buf, len, "%s (%s, %s, virtio 1.4 %s): %s. Expected: %s", f->rule->id,
		 check_party_name(f->rule->party), check_severity_name(f->rule->severity),
		 f->rule->section, f->seen, f->rule->text);
}

/* --- the events around a finding -------------------------------------------- */

static char *line_of(const struct event *e, const struct model *m, struct line_options *o)
{
	size_t len = 0;
	char *text = NULL;
	FILE *to;

	if (!e)
		return NULL;
	to = open_memstream(&text, &len);
	if (!to)
		return NULL;
	print_line(to, e, m, o);
	if (fclose(to) || !len) {
		free(text);
		return NULL;
	}
	text[len - 1] = '\0';
	return text;
}

static void add_line(struct report_context *x, uint64_t number, const char *what)
{
	unsigned at = x->n;

	for (unsigned i = 0; i < x->n; i++)
		if (x->line[i].number == number)
			return;
	if (at == REPORT_LINES)
		return;
	for (; at && x->line[at - 1].number > number; at--)
		x->line[at] = x->line[at - 1];
	x->line[at] = (struct report_line){ .number = number, .what = what };
	x->n++;
}

int report_context(struct report_context *x, const struct report *r, const struct finding *f,
		   const struct model *m, const struct recent *kept)
{
	struct line_options o = { .ascii = r->o.ascii };
	uint64_t number = f->number;

	x->n = 0;
	if (!number)
		return 0;
	add_line(x, number, NULL);
	for (unsigned i = 0; i < f->nbefore; i++)
		add_line(x, f->before[i].number, f->before[i].what);
	for (unsigned i = 0; i < JUST_BEFORE; i++) {
		const struct event *e = recent_event_before(kept, number, f->device->id, f->queue);

		if (!e)
			break;
		number = e->number;
		add_line(x, number, NULL);
	}
	for (unsigned i = 0; i < x->n; i++) {
		const struct event *e = recent_event(kept, x->line[i].number);

		x->line[i].text = line_of(e, m, &o);
		if (e && !x->line[i].text) {
			report_context_free(x);
			return -ENOMEM;
		}
	}
	return 0;
}

void report_context_free(struct report_context *x)
{
	for (unsigned i = 0; i < x->n; i++)
		free(x->line[i].text);
}

/* --- counting and folding --------------------------------------------------- */

static struct report_tally *tally_of(struct report *r, const struct finding *f)
{
	struct report_key key = { .rule = f->rule, .device = f->device->id };
	struct report_tally *t;

	HASH_FIND(hh, r->tally, &key, sizeof(key), t);
	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->key = key;
	memcpy(t->name, f->device->name, sizeof(t->name));
	HASH_ADD(hh, r->tally, key, sizeof(t->key), t);
	if (!hash_holds(t)) {
		free(t);
		return NULL;
	}
	return t;
}

static int result(const struct report *r)
{
	return ferror(r->o.to) ? (errno ? -errno : -EIO) : 0;
}

int report_new(struct report **out, const struct report_options *o)
{
	struct report *r = calloc(1, sizeof(*r));

	*out = r;
	if (!r)
		return -ENOMEM;
	r->o = *o;
	r->ops = formats[o->format].ops;
	errno = 0;
	if (r->ops->begin)
		r->ops->begin(r);
	return result(r);
}

int report_finding(struct report *r, const struct finding *f, const struct model *m,
		   const struct recent *kept)
{
	struct report_tally *t = tally_of(r, f);
	struct report_context x;

	if (!t)
		return -ENOMEM;
	t->found++;
	r->by[f->rule->party][f->rule->severity]++;
	if (f->rule->severity > r->o.severity) {
		r->hidden++;
		return 0;
	}
	r->shown++;
	errno = 0;
	if (r->o.fold && t->printed == r->o.fold) {
		if (t->found == t->printed + 1 && r->ops->folded)
			r->ops->folded(r, f);
		return result(r);
	}
	t->printed++;
	if (report_context(&x, r, f, m, kept))
		return -ENOMEM;
	r->ops->finding(r, f, &x);
	report_context_free(&x);
	r->printed++;
	return result(r);
}

uint64_t report_count(const struct report *r)
{
	return r->shown;
}

int report_end(struct report *r, const struct check *c, const struct model *m, uint64_t events)
{
	errno = 0;
	r->ops->end(r, c, m, events);
	return result(r);
}

void report_free(struct report *r)
{
	struct report_tally *t, *next;

	if (!r)
		return;
	HASH_ITER (hh, r->tally, t, next) {
		HASH_DEL(r->tally, t);
		free(t);
	}
	if (r->ops->free)
		r->ops->free(r);
	free(r);
}
