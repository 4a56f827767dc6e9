/* SPDX-License-Identifier: MIT */
/*
 * Findings as JUnit XML: a test suite of rules, a test case a rule.  A case is
 * written whole, after all events: until then its first findings are kept.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/report/impl.h"
#include "decoder/util/xml.h"

/* Findings printed of a rule; more are only counted. */
#define CASE_MAX 100

struct report_case {
	const struct rule *rule;
	const char *section, *other; /* of the findings; other: on another transport, or NULL */
	unsigned n;
	char *text;
	size_t len;
	FILE *to; /* text */
	UT_hash_handle hh;
};

static struct report_case *case_of(struct report *r, const struct rule *rule)
{
	struct report_case *c;

	HASH_FIND_PTR(r->cases, &rule, c);
	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->to = open_memstream(&c->text, &c->len);
	if (!c->to) {
		free(c);
		return NULL;
	}
	c->rule = rule;
	HASH_ADD_PTR(r->cases, rule, c);
	if (hash_holds(c))
		return c;
	fclose(c->to);
	free(c->text);
	free(c);
	return NULL;
}

static void junit_finding(struct report *r, const struct finding *f, const struct report_context *x)
{
	struct report_case *c = case_of(r, f->rule);

	if (c && !c->section)
		c->section = f->section;
	else if (c && strcmp(c->section, f->section))
		c->other = f->section;
	if (!c || c->n++ >= CASE_MAX)
		return;
	fprintf(c->to, "%s", f->device->name);
	if (f->queue != VQT_NO_QUEUE)
		fprintf(c->to, " queue %u", f->queue);
	fprintf(c->to, ", event %" PRIu64 " at %" PRIu64 ".%06" PRIu64 " s: %s\n", f->number,
		f->since / 1000000000, f->since % 1000000000 / 1000, f->seen);
	for (unsigned i = 0; i < x->n; i++) {
		const struct report_line *ctx = &x->line[i];

		fprintf(c->to, "  %8" PRIu64 " %s%s%s%s\n", ctx->number,
			ctx->text ? ctx->text : "(no longer kept)", ctx->what ? "   (" : "",
			ctx->what ? ctx->what : "", ctx->what ? ")" : "");
	}
}

/* The line of counts stands below the findings of a failure. */
static void failure(struct xml *w, struct report *r, const struct rule *rule, uint64_t broken)
{
	struct report_case *c = NULL;
	TEXT(counts, 512);

	HASH_FIND_PTR(r->cases, &rule, c);
	xml_open(w, "failure");
	xml_attribute(w, "message", rule->text);
	xml_attribute(w, "type", check_severity_name(rule->severity));
	if (c) {
		fflush(c->to);
		xml_text(w, c->text);
	}
	text_add(&counts, "broken %" PRIu64 " times; virtio 1.4, %s%s%s; %s\n", broken,
		 c ? c->section : rule->section, c && c->other ? ", " : "",
		 c && c->other ? c->other : "", rule->refs);
	xml_text(w, counts.buf);
	xml_close(w);
}

static bool fails(const struct report *r, const struct rule *rule, enum report_state state)
{
	return state == STATE_BROKEN && rule->severity <= r->o.severity;
}

static void skipped(struct xml *w, const char *why)
{
	TEXT(message, 512);

	if (why)
		text_add(&message, "not decidable here: %s", why);
	else
		text_puts(&message, "never came up");
	xml_open(w, "skipped");
	xml_attribute(w, "message", message.buf);
	xml_close(w);
}

static void test_case(struct xml *w, struct report *r, const struct rule *rule,
		      const struct check_tally *t)
{
	enum report_state state = report_state(t);
	char class[64];
	TEXT(counts, 80);

	snprintf(class, sizeof(class), "virtio.%s.%s", check_party_name(rule->party),
		 check_severity_name(rule->severity));
	xml_open(w, "testcase");
	xml_attribute(w, "classname", class);
	xml_attribute(w, "name", rule->id);
	if (fails(r, rule, state)) {
		failure(w, r, rule, t->broken);
	} else if (state == STATE_BROKEN) {
		text_add(&counts, "broken %" PRIu64 " times; less severe than asked", t->broken);
		xml_open(w, "system-out");
		xml_text(w, counts.buf);
		xml_close(w);
	} else if (state != STATE_PASSED) {
		skipped(w, t->why);
	}
	xml_close(w);
}

/* A suite of skipped cases is taken for a good one. */
static void undecided(struct xml *w, const struct check *c)
{
	for (unsigned p = 0; p < CHECK_PARTIES; p++) {
		if (!report_undecided(c, p))
			continue;
		xml_open(w, "system-err");
		xml_text(w, "nothing was decidable of the ");
		xml_text(w, check_party_name(p));
		xml_close(w);
	}
}

/* An error, which tools show as a failure: what could not be read may break any rule. */
static void trouble(struct xml *w, const struct report *r)
{
	if (!*r->trouble)
		return;
	xml_open(w, "testcase");
	xml_attribute(w, "classname", "virtio.trace");
	xml_attribute(w, "name", "readable");
	xml_open(w, "error");
	xml_attribute(w, "message", r->trouble);
	xml_close(w);
	xml_close(w);
}

static void suite(struct xml *w, struct report *r, const struct check *c)
{
	uint64_t tests = 0, failures = 0, skips = 0, errors = *r->trouble != '\0';
	const struct rule *rule;
	struct check_tally t;

	for (unsigned i = 0; (rule = report_rule(c, &i, &t));) {
		enum report_state state = report_state(&t);

		tests++;
		failures += fails(r, rule, state);
		skips += state == STATE_NEVER || state == STATE_UNDECIDED;
	}
	xml_open(w, "testsuite");
	xml_attribute(w, "name", r->o.trace);
	xml_attribute_u64(w, "tests", tests + errors);
	xml_attribute_u64(w, "failures", failures);
	xml_attribute_u64(w, "errors", errors);
	xml_attribute_u64(w, "skipped", skips);
	for (unsigned i = 0; (rule = report_rule(c, &i, &t));)
		test_case(w, r, rule, &t);
	trouble(w, r);
	undecided(w, c);
	xml_close(w);
}

static void junit_end(struct report *r, const struct check *c, const struct model *m,
		      uint64_t events)
{
	struct xml w;

	xml_begin(&w, r->o.to);
	suite(&w, r, c);
}

static void junit_free(struct report *r)
{
	struct report_case *c, *next;

	HASH_ITER (hh, r->cases, c, next) {
		HASH_DEL(r->cases, c);
		fclose(c->to);
		free(c->text);
		free(c);
	}
}

const struct report_ops report_junit = {
	.finding = junit_finding,
	.end = junit_end,
	.free = junit_free,
};
