/* SPDX-License-Identifier: MIT */
/* What every format needs of a finding: words, and the events around it. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/check/report/impl.h"

/* Events printed right before the one of the finding, if they are of its device and queue. */
#define JUST_BEFORE 2

const char *const report_states[STATES] = { "broken", "in order", "never came up",
					    "not decidable" };

enum report_state report_state(const struct check_tally *t)
{
	if (t->broken)
		return STATE_BROKEN;
	if (t->passed)
		return STATE_PASSED;
	return t->why ? STATE_UNDECIDED : STATE_NEVER;
}

const struct rule *report_rule(const struct check *c, unsigned *i, struct check_tally *t)
{
	const struct rule *rule;

	while ((rule = rule_nth((*i)++))) {
		check_tally(c, rule, t);
		if (t->selected)
			return rule;
	}
	return NULL;
}

void report_comment(char *buf, size_t len, const struct finding *f)
{
	snprintf(buf, len, "%s (%s, %s, virtio 1.4 %s): %s. Expected: %s", f->rule->id,
		 check_party_name(f->rule->party), check_severity_name(f->rule->severity),
		 f->section, f->seen, f->rule->text);
}

/* --- the events around a finding -------------------------------------------- */

static char *line_of(const struct event *e, const struct model *m, struct line_options *o)
{
	TEXT(t, LINE_SIZE);

	if (!e)
		return NULL;
	print_line_text(&t, e, m, o);
	return strndup(t.buf, t.len - 1);
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
