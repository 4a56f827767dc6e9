/* SPDX-License-Identifier: MIT */
/* Findings for people. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/report/impl.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"
#define WIDTH 96
/* More undecided rules than these for one reason are only counted, unless -V is given. */
#define NAMED_MAX 16

static const char *paint(const struct report *r, const char *sgr)
{
	return r->o.color ? sgr : "";
}

static const char *severity_color(const struct report *r, unsigned severity)
{
	static const char *const sgr[] = { "\033[1;31m", "\033[31m", "\033[33m", "\033[36m" };

	return paint(r, sgr[severity]);
}

static void put_heading(struct report *r, const struct finding *f)
{
	const struct rule *rule = f->rule;

	fprintf(r->o.to, "%s%s%s: %s%s%s by the %s: %s", severity_color(r, rule->severity),
		check_severity_name(rule->severity), paint(r, PLAIN), paint(r, BOLD), rule->id,
		paint(r, PLAIN), check_party_name(rule->party), f->device->name);
	if (f->queue != VQT_NO_QUEUE)
		fprintf(r->o.to, " queue %u", f->queue);
	fprintf(r->o.to, ", event %" PRIu64 " at %" PRIu64 ".%06" PRIu64 " s\n", f->number,
		f->since / 1000000000, f->since % 1000000000 / 1000);
}

static void put_line(struct report *r, const struct report_line *l, bool last)
{
	fprintf(r->o.to, "  %s%8" PRIu64 " ", last ? ">" : " ", l->number);
	if (l->text)
		fputs(l->text, r->o.to);
	else
		fprintf(r->o.to, "   (no longer kept)");
	if (l->what)
		fprintf(r->o.to, "   %s(%s)%s", paint(r, DIM), l->what, paint(r, PLAIN));
	fputc('\n', r->o.to);
}

static void text_finding(struct report *r, const struct finding *f, const struct report_context *x)
{
	put_heading(r, f);
	fprintf(r->o.to, "  seen:     %s\n  expected: %s\n", f->seen, f->rule->text);
	for (unsigned i = 0; i < x->n; i++)
		put_line(r, &x->line[i], i + 1 == x->n);
	fprintf(r->o.to, "  %svirtio 1.4, %s; %s%s\n\n", paint(r, DIM), f->section, f->rule->refs,
		paint(r, PLAIN));
}

static void text_folded(struct report *r, const struct finding *f)
{
	fprintf(r->o.to,
		"%smore of %s by the %s: %s; from here on only counted (--all prints them)%s\n\n",
		paint(r, DIM), f->rule->id, check_party_name(f->rule->party), f->device->name,
		paint(r, PLAIN));
}

/* --- the summary ------------------------------------------------------------ */

/* Worst first, then in the order of the rules' tables. */
static int by_severity(const struct report_tally *a, const struct report_tally *b)
{
	if (a->key.rule->severity != b->key.rule->severity)
		return a->key.rule->severity < b->key.rule->severity ? -1 : 1;
	if (a->key.rule != b->key.rule)
		return strcmp(a->key.rule->id, b->key.rule->id);
	return a->key.device < b->key.device ? -1 : a->key.device > b->key.device;
}

static void put_found(struct report *r)
{
	const struct rule *last = NULL;

	HASH_SORT(r->tally, by_severity);
	for (const struct report_tally *t = r->tally; t; t = t->hh.next) {
		if (t->key.rule == last) {
			fprintf(r->o.to, ", %s %" PRIu64, t->name, t->found);
			continue;
		}
		if (last)
			fputc('\n', r->o.to);
		last = t->key.rule;
		fprintf(r->o.to, "  %s%-10s%s %-6s %-32s %s %" PRIu64,
			severity_color(r, last->severity), check_severity_name(last->severity),
			paint(r, PLAIN), check_party_name(last->party), last->id, t->name,
			t->found);
	}
	if (last)
		fputc('\n', r->o.to);
}

static void text_contradiction(struct report *r, const struct sides_contradiction *c)
{
	fprintf(r->o.to, "%scontradiction%s between the sides of %s",
		severity_color(r, CHECK_STRUCTURAL), paint(r, PLAIN), c->device->name);
	if (c->queue != VQT_NO_QUEUE)
		fprintf(r->o.to, " queue %u", c->queue);
	fprintf(r->o.to, ", event %" PRIu64, c->driver);
	if (c->host)
		fprintf(r->o.to, " and %" PRIu64, c->host);
	fprintf(r->o.to, " at %" PRIu64 ".%06" PRIu64 " s: %s\n\n", c->since / 1000000000,
		c->since % 1000000000 / 1000, c->text);
}

/* "both sides agree on 57 writes of registers (2 more cannot be compared), ..." */
static void put_sides(struct report *r)
{
	uint64_t unknown = 0, wrong = 0;
	const char *separator = "";

	if (!r->sides)
		return;
	fputs("both sides agree on ", r->o.to);
	for (unsigned i = 0; i < SIDES_WHATS; i++) {
		const struct sides_count *n = &r->sides[i];

		fprintf(r->o.to, "%s%" PRIu64 " %s", separator, n->agree, sides_name(i));
		unknown += n->unknown;
		wrong += n->differ + n->missing;
		separator = ", ";
	}
	if (wrong)
		fprintf(r->o.to, "; they contradict each other in %" PRIu64, wrong);
	if (unknown)
		fprintf(r->o.to, "; %" PRIu64 " cannot be compared", unknown);
	fputc('\n', r->o.to);
}

static void put_parties(struct report *r, const struct check *c)
{
	for (unsigned p = 0; p < CHECK_PARTIES; p++) {
		uint64_t all = 0;

		for (unsigned s = 0; s < CHECK_SEVERITIES; s++)
			all += r->by[p][s];
		fprintf(r->o.to, "%-6s  ", check_party_name(p));
		for (unsigned s = 0; all && s < CHECK_SEVERITIES; s++)
			fprintf(r->o.to, "%s%" PRIu64 " %s", s ? ", " : "", r->by[p][s],
				check_severity_name(s));
		fputs(all		       ? "\n"
		      : report_undecided(c, p) ? "nothing was decidable\n"
					       : "no findings\n",
		      r->o.to);
	}
	if (r->hidden)
		fprintf(r->o.to,
			"        %" PRIu64
			" of them are less severe than requested and not printed "
			"(--severity suspicious prints all)\n",
			r->hidden);
}

static bool is_of(const struct check_tally *t, enum report_state state, const char *why)
{
	return report_state(t) == state && (!why || !strcmp(t->why, why));
}

static unsigned count_ids(const struct check *c, enum report_state state, const char *why)
{
	struct check_tally t;
	unsigned n = 0, i = 0;

	while (report_rule(c, &i, &t))
		n += is_of(&t, state, why);
	return n;
}

/* Rules of a state, as a paragraph; `why` narrows undecided ones to a reason. */
static void put_ids(struct report *r, const struct check *c, enum report_state state,
		    const char *why)
{
	const struct rule *rule;
	struct check_tally t;
	size_t column = WIDTH;

	for (unsigned i = 0; (rule = report_rule(c, &i, &t));) {
		if (!is_of(&t, state, why))
			continue;
		column += strlen(rule->id) + 1;
		if (column > WIDTH) {
			fputs("\n   ", r->o.to);
			column = 3 + strlen(rule->id) + 1;
		}
		fprintf(r->o.to, " %s", rule->id);
	}
	fputc('\n', r->o.to);
}

/* Each reason once, in the order of its first rule. */
static void put_undecided(struct report *r, const struct check *c)
{
	const char *printed[32];
	unsigned nprinted = 0, seen, n;
	const struct rule *rule;
	struct check_tally t;

	for (unsigned i = 0; (rule = report_rule(c, &i, &t));) {
		if (report_state(&t) != STATE_UNDECIDED)
			continue;
		for (seen = 0; seen < nprinted && strcmp(printed[seen], t.why); seen++)
			;
		if (seen < nprinted || nprinted == sizeof(printed) / sizeof(printed[0]))
			continue;
		printed[nprinted++] = t.why;
		fprintf(r->o.to, "not decidable here: %s:", t.why);
		n = count_ids(c, STATE_UNDECIDED, t.why);
		if (n > NAMED_MAX && !r->o.verbose)
			fprintf(r->o.to, " %u rules (check -V names them)\n", n);
		else
			put_ids(r, c, STATE_UNDECIDED, t.why);
	}
}

static void text_end(struct report *r, const struct check *c, const struct model *m,
		     uint64_t events)
{
	unsigned states[STATES] = { 0 }, n = 0, i = 0;
	struct model_loss lost = model_lost(m);
	struct check_tally t;

	for (; report_rule(c, &i, &t); n++)
		states[report_state(&t)]++;
	put_undecided(r, c);
	if (r->o.verbose) {
		for (unsigned s = STATE_PASSED; s <= STATE_NEVER; s++) {
			if (!states[s])
				continue;
			fprintf(r->o.to, "%s:", report_states[s]);
			put_ids(r, c, s, NULL);
		}
	}
	fprintf(r->o.to, "%ssummary%s of ", paint(r, BOLD), paint(r, PLAIN));
	text_write_untrusted(r->o.to, r->o.trace);
	fprintf(r->o.to, ", %" PRIu64 " events", events);
	if (lost.records || lost.more) {
		TEXT(t, 64);

		model_put_lost(&t, lost, "");
		fprintf(r->o.to, " (%s more were lost: what they contained is unknown)", t.buf);
	}
	if (r->o.window)
		fprintf(r->o.to, "; findings %s", r->o.window);
	fputc('\n', r->o.to);
	put_found(r);
	put_parties(r, c);
	put_sides(r);
	fprintf(r->o.to,
		"%u rules: %u broken, %u in order, %u never came up, %u not decidable here\n", n,
		states[STATE_BROKEN], states[STATE_PASSED], states[STATE_NEVER],
		states[STATE_UNDECIDED]);
}

const struct report_ops report_text = {
	.finding = text_finding,
	.contradiction = text_contradiction,
	.folded = text_folded,
	.end = text_end,
};
