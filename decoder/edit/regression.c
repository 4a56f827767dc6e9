/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/check.h"
#include "decoder/check/rule.h"
#include "decoder/edit/anonymise.h"
#include "decoder/edit/regression.h"

#define SIZE_LIMIT (1024 * 1024 - 16384) /* size limit of traces/, less room for the last records */
#define RULES_MAX 1024

/* Summary of a trace, to compare it with another. */
struct profile {
	bool broken[RULES_MAX]; /* rules, by number */
	uint64_t warnings; /* inconsistent chains: unknown, in flight twice, missing */
	uint64_t events;
	char origin[400];
};

struct regression {
	const char *in, *out, *origin;
	char text[600]; /* the origin, as it is written */
	struct profile whole, test;
	struct shrink *shrink;
	struct anonymise *anonymise;
	struct trace_writer *w;
	struct regression_result *result;
};

/* One reading of a trace through a model, with or without the checker. */
struct reading {
	struct regression *r;
	struct profile *profile;
	struct check *check;
	int (*event)(struct reading *g, const struct event *e); /* negative ends it */
};

static void on_finding(void *opaque, const struct finding *f)
{
	struct profile *p = opaque;

	for (unsigned i = 0; i < RULES_MAX && rule_nth(i); i++)
		if (rule_nth(i) == f->rule)
			p->broken[i] = true;
}

static int read_records(struct reading *g, struct trace_reader *t, struct model *m)
{
	struct trace_error err;
	struct record rec;
	struct event e;
	bool again;
	int rc;

	while ((rc = trace_next(t, &rec, &again, &err)) == 1) {
		rc = model_feed(m, &rec, trace_number(t), &e);
		if (!rc && g->event)
			rc = g->event(g, &e);
		if (!rc && g->check)
			rc = check_feed(g->check, m, &e);
		if (rc < 0)
			return rc;
	}
	if (rc != -EBADMSG)
		return rc;
	/* a torn trace is used up to where it ends */
	g->r->result->torn = true;
	g->r->result->error = err;
	return 0;
}

static int read_trace(struct reading *g, const char *path)
{
	struct trace_reader *t;
	struct model *m;
	int rc;

	if (trace_open(&t, path, &g->r->result->error))
		return -EDOM;
	m = model_new();
	rc = m ? read_records(g, t, m) : -ENOMEM;
	if (!rc && g->check)
		rc = check_finish(g->check, m);
	model_free(m);
	trace_close(t);
	return rc;
}

/* --- profile of a trace ----------------------------------------------------- */

static int profile_event(struct reading *g, const struct event *e)
{
	struct profile *p = g->profile;
	char version[160];

	p->events++;
	p->warnings += e->unknown_id + e->head_in_flight + (e->gap != 0);
	if (e->rec->h.type == VQT_SESSION)
		record_tlv_str(e->rec, VQT_TAG_ORIGIN, p->origin, sizeof(p->origin));
	if (e->rec->h.type == VQT_SOURCE && !p->origin[0]) {
		record_tlv_str(e->rec, VQT_TAG_VERSION, version, sizeof(version));
		if (version[0])
			snprintf(p->origin, sizeof(p->origin), "%s%.160s",
				 e->rec->source.kind == VQT_SRC_QEMU ? "QEMU " : "", version);
	}
	return 0;
}

static int plan_event(struct reading *g, const struct event *e)
{
	profile_event(g, e);
	anonymise_learn(g->r->anonymise, e);
	return shrink_plan(g->r->shrink, e);
}

static int check_trace(struct regression *r, const char *path, struct profile *p)
{
	struct reading g = { .r = r, .profile = p };
	int rc = check_new(&g.check, NULL, on_finding, p, NULL);

	if (!rc)
		rc = read_trace(&g, path);
	check_free(g.check);
	return rc;
}

/* --- making ------------------------------------------------------------------ */

static int write_event(struct reading *g, const struct event *e)
{
	static uint8_t buf[VQT_RECORD_MAX + 4096] __attribute__((aligned(8)));
	struct regression *r = g->r;
	size_t len;

	if (r->result->cut || !shrink_apply(r->shrink, e, buf, &len))
		return 0;
	len = anonymise_record(r->anonymise, e, buf, len, sizeof(buf), r->text);
	if (!len) {
		shrink_left_out(r->shrink, e);
		return 0;
	}
	if (trace_written(r->w) + len > SIZE_LIMIT) {
		r->result->cut = true;
		return 0;
	}
	return trace_write(r->w, buf, len);
}

static int write_test(struct regression *r)
{
	struct reading g = { .r = r, .event = write_event };
	int rc, end;

	if (trace_create(&r->w, r->out, &r->result->error))
		return -EDOM;
	rc = read_trace(&g, r->in);
	end = trace_finish(r->w);
	r->w = NULL;
	return rc ? rc : end;
}

static void forget(struct regression *r)
{
	shrink_free(r->shrink);
	anonymise_free(r->anonymise);
	r->shrink = NULL;
	r->anonymise = NULL;
	memset(&r->whole, 0, sizeof(r->whole));
	memset(&r->test, 0, sizeof(r->test));
	r->result->cut = false;
}

/* One attempt, which keeps this many requests of each kind; both traces are profiled. */
static int make_once(struct regression *r, unsigned keep)
{
	struct reading whole = { .r = r, .profile = &r->whole, .event = plan_event };
	struct reading test = { .r = r, .profile = &r->test, .event = profile_event };
	int rc;

	forget(r);
	r->shrink = shrink_new(keep);
	r->anonymise = anonymise_new();
	rc = r->shrink && r->anonymise ? read_trace(&whole, r->in) : -ENOMEM;
	if (!rc)
		rc = shrink_plan_end(r->shrink);
	if (rc)
		return rc;
	snprintf(r->text, sizeof(r->text), "%s%s", r->origin ? r->origin : r->whole.origin,
		 r->whole.warnings ? " (with gaps)" : "");
	rc = write_test(r);
	if (!rc)
		rc = read_trace(&test, r->out);
	if (!rc)
		rc = check_trace(r, r->in, &r->whole);
	return rc ? rc : check_trace(r, r->out, &r->test);
}

/* Whether the test breaks the same rules as the whole trace and has no more inconsistencies. */
static bool is_faithful(const struct regression *r)
{
	for (unsigned i = 0; i < RULES_MAX; i++) {
		if (r->test.broken[i] && !r->whole.broken[i])
			return false;
		if (r->whole.broken[i] && !r->test.broken[i] && !r->result->cut)
			return false;
	}
	return r->test.warnings <= r->whole.warnings;
}

int regression_make(struct regression **out, const char *in, const char *path, const char *origin,
		    struct regression_result *result)
{
	static const unsigned keeps[] = { 3, 12, 48, ~0U };
	struct regression *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	*out = r;
	if (!r)
		return rc;
	*r = (struct regression){ .in = in, .out = path, .origin = origin, .result = result };
	for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++) {
		rc = make_once(r, keeps[i]);
		if (!rc && !is_faithful(r))
			rc = -ERANGE;
		if (rc != -ERANGE)
			break;
	}
	if (r->shrink)
		shrink_stats(r->shrink, &result->shrunk);
	result->events = r->test.events;
	return rc;
}

static const struct rule *nth(const bool *broken, const bool *but, unsigned n)
{
	for (unsigned i = 0; i < RULES_MAX && rule_nth(i); i++)
		if (broken[i] && !(but && but[i]) && !n--)
			return rule_nth(i);
	return NULL;
}

const struct rule *regression_broken(const struct regression *r, unsigned n)
{
	return nth(r->test.broken, NULL, n);
}

const struct rule *regression_lost(const struct regression *r, unsigned n)
{
	return nth(r->whole.broken, r->test.broken, n);
}

void regression_free(struct regression *r)
{
	if (!r)
		return;
	shrink_free(r->shrink);
	anonymise_free(r->anonymise);
	free(r);
}
