/* SPDX-License-Identifier: MIT */
/*
 * Findings as JUnit XML: a test suite of rules, a test case a rule.  A case is
 * written whole, after all events: until then its first findings are kept.
 */
#include <inttypes.h>
#include <libxml/xmlwriter.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/report/impl.h"

/* Findings printed of a rule; more are only counted. */
#define CASE_MAX 100

struct report_case {
	const struct rule *rule;
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

static void attribute(xmlTextWriterPtr w, const char *name, const char *value)
{
	xmlTextWriterWriteAttribute(w, BAD_CAST name, BAD_CAST value);
}

static void number(xmlTextWriterPtr w, const char *name, uint64_t value)
{
	xmlTextWriterWriteFormatAttribute(w, BAD_CAST name, "%" PRIu64, value);
}

/* What XML cannot hold, or is no UTF-8, comes out as \xNN. */
static void content(xmlTextWriterPtr w, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, "\n");
		TEXT(t, 3072);

		text_untrusted(&t, s, n);
		xmlTextWriterWriteString(w, BAD_CAST t.buf);
		if (s[n])
			xmlTextWriterWriteString(w, BAD_CAST "\n");
		s += n + (s[n] == '\n');
	}
}

/* The line of counts above the cases of a failure. */
static void failure(xmlTextWriterPtr w, struct report *r, const struct rule *rule, uint64_t broken)
{
	struct report_case *c = NULL;

	HASH_FIND_PTR(r->cases, &rule, c);
	xmlTextWriterStartElement(w, BAD_CAST "failure");
	attribute(w, "message", rule->text);
	attribute(w, "type", check_severity_name(rule->severity));
	if (c) {
		fflush(c->to);
		content(w, c->text);
	}
	xmlTextWriterWriteFormatString(w, "broken %" PRIu64 " times; virtio 1.4, %s; %s\n", broken,
				       rule->section, rule->refs);
	xmlTextWriterEndElement(w);
}

static bool fails(const struct report *r, const struct rule *rule, enum report_state state)
{
	return state == STATE_BROKEN && rule->severity <= r->o.severity;
}

static void test_case(xmlTextWriterPtr w, struct report *r, const struct rule *rule,
		      const struct check_tally *t)
{
	enum report_state state = report_state(t);
	char class[64];

	snprintf(class, sizeof(class), "virtio.%s.%s", check_party_name(rule->party),
		 check_severity_name(rule->severity));
	xmlTextWriterStartElement(w, BAD_CAST "testcase");
	attribute(w, "classname", class);
	attribute(w, "name", rule->id);
	if (fails(r, rule, state)) {
		failure(w, r, rule, t->broken);
	} else if (state == STATE_BROKEN) {
		xmlTextWriterStartElement(w, BAD_CAST "system-out");
		xmlTextWriterWriteFormatString(
			w, "broken %" PRIu64 " times; less severe than asked", t->broken);
		xmlTextWriterEndElement(w);
	} else if (state != STATE_PASSED) {
		xmlTextWriterStartElement(w, BAD_CAST "skipped");
		if (t->why)
			xmlTextWriterWriteFormatAttribute(w, BAD_CAST "message",
							  "not decidable here: %s", t->why);
		else
			attribute(w, "message", "never came up");
		xmlTextWriterEndElement(w);
	}
	xmlTextWriterEndElement(w);
}

/* A suite of skipped cases is taken for a good one. */
static void undecided(xmlTextWriterPtr w, const struct check *c)
{
	for (unsigned p = 0; p < CHECK_PARTIES; p++) {
		if (!report_undecided(c, p))
			continue;
		xmlTextWriterStartElement(w, BAD_CAST "system-err");
		xmlTextWriterWriteFormatString(w, "nothing was decidable of the %s",
					       check_party_name(p));
		xmlTextWriterEndElement(w);
	}
}

static void suite(xmlTextWriterPtr w, struct report *r, const struct check *c)
{
	uint64_t tests = 0, failures = 0, skipped = 0;
	const struct rule *rule;
	struct check_tally t;
	TEXT(name, 1024);

	for (unsigned i = 0; (rule = report_rule(c, &i, &t));) {
		enum report_state state = report_state(&t);

		tests++;
		failures += fails(r, rule, state);
		skipped += state == STATE_NEVER || state == STATE_UNDECIDED;
	}
	text_untrusted(&name, r->o.trace, strlen(r->o.trace));
	xmlTextWriterStartElement(w, BAD_CAST "testsuite");
	attribute(w, "name", name.buf);
	number(w, "tests", tests);
	number(w, "failures", failures);
	number(w, "errors", 0);
	number(w, "skipped", skipped);
	for (unsigned i = 0; (rule = report_rule(c, &i, &t));)
		test_case(w, r, rule, &t);
	undecided(w, c);
	xmlTextWriterEndElement(w);
}

static void junit_end(struct report *r, const struct check *c, const struct model *m,
		      uint64_t events)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	xmlTextWriterPtr w = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL;

	if (w) {
		xmlTextWriterSetIndent(w, 1);
		xmlTextWriterStartDocument(w, NULL, "UTF-8", NULL);
		suite(w, r, c);
		xmlTextWriterEndDocument(w);
		xmlFreeTextWriter(w);
		fwrite(xmlBufferContent(buffer), 1, (size_t)xmlBufferLength(buffer), r->o.to);
	}
	if (buffer)
		xmlBufferFree(buffer);
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
