/* SPDX-License-Identifier: MIT */
/* A report in any format: what is printed, what is folded, what is only counted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/report/impl.h"

const char *const report_format_names[] = { "text", "json", "junit", "sarif", NULL };

static const struct report_ops *const formats[] = {
	[REPORT_TEXT] = &report_text,
	[REPORT_JSON] = &report_json,
	[REPORT_JUNIT] = &report_junit,
	[REPORT_SARIF] = &report_sarif,
};

static struct report_tally *tally_of(struct report *r, const struct finding *f)
{
	struct report_key key = { .rule = f->rule, .device = f->device->id };
	struct report_tally *t;

	HASH_FIND(hh, r->tally, &key, sizeof(key), t);
	if (t)
		return t;
	hash_add_new(r->tally, key, key, t);
	if (t)
		memcpy(t->name, f->device->name, sizeof(t->name));
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
	r->ops = formats[o->format];
	return 0;
}

/* Only once there is something to report of: what cannot be read leaves no half a document. */
static void begin(struct report *r)
{
	if (!r->begun && r->ops->begin)
		r->ops->begin(r);
	r->begun = true;
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
	begin(r);
	r->ops->finding(r, f, &x);
	report_context_free(&x);
	r->printed++;
	return result(r);
}

int report_contradiction(struct report *r, const struct sides_contradiction *c)
{
	errno = 0;
	r->contradictions++;
	if (r->ops->contradiction && (!r->o.fold || r->contradictions <= r->o.fold))
		r->ops->contradiction(r, c);
	return result(r);
}

uint64_t report_contradictions(const struct report *r)
{
	return r->contradictions;
}

void report_sides(struct report *r, const struct sides_count *counts)
{
	for (unsigned i = 0; i < SIDES_WHATS; i++)
		if (counts[i].agree || counts[i].differ || counts[i].missing || counts[i].unknown)
			r->sides = counts;
}

uint64_t report_count(const struct report *r)
{
	return r->shown;
}

bool report_undecided(const struct check *c, unsigned party)
{
	const struct rule *rule;
	struct check_tally t;
	bool undecided = false;

	for (unsigned i = 0; (rule = report_rule(c, &i, &t));) {
		if (party != CHECK_PARTIES && rule->party != party)
			continue;
		if (t.broken || t.passed)
			return false;
		undecided |= report_state(&t) == STATE_UNDECIDED;
	}
	return undecided;
}

void report_trouble(struct report *r, const char *why)
{
	struct text t = { .buf = r->trouble, .size = sizeof(r->trouble) };

	if (!*r->trouble)
		text_untrusted(&t, why, strlen(why));
}

int report_end(struct report *r, const struct check *c, const struct model *m, uint64_t events)
{
	errno = 0;
	begin(r);
	r->ops->end(r, c, m, events);
	return result(r);
}

void report_free(struct report *r)
{
	if (!r)
		return;
	hash_free(r->tally);
	if (r->ops->free)
		r->ops->free(r);
	free(r);
}
