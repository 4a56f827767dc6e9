/* SPDX-License-Identifier: MIT */
/* The timeline as a whole: who takes part in an event, and its end. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/export/timeline_impl.h"

static int begin(struct timeline *t, uint64_t ts)
{
	if (t->begun)
		return 0;
	t->begun = true;
	return t->w->begin(t->opaque, ts, model_wall(t->m));
}

struct timeline *timeline_new(const struct timeline_writer *w, void *opaque, const struct model *m)
{
	struct timeline *t = calloc(1, sizeof(*t));

	if (t) {
		t->w = w;
		t->opaque = opaque;
		t->m = m;
	}
	return t;
}

int timeline_feed(struct timeline *t, const struct event *e, bool matched)
{
	if (!t->rc && matched)
		t->rc = begin(t, e->ts);
	if (matched && e->ts > t->latest)
		t->latest = e->ts;
	note_vcpu(t, e);
	if (t->rc)
		return t->rc;
	requests_feed(t, e, matched);
	counters_feed(t, e, matched);
	calls_feed(t, e, matched);
	return t->rc;
}

int timeline_finish(struct timeline *t, const struct model_life *lives)
{
	if (!t->rc)
		t->rc = begin(t, 0);
	requests_finish(t, lives);
	for (struct line *l = t->line; l; l = l->hh.next) {
		notifications_put(t, &l->kicks);
		notifications_put(t, &l->interrupts);
		counters_finish(t, l);
	}
	findings_put(t);
	return t->rc ? t->rc : t->w->end(t->opaque);
}

void timeline_lacks(const struct timeline *t, struct text *words)
{
	if (t->left_out)
		text_add(words, "left out: %llu requests of queues with more than %u at a time",
			 (unsigned long long)t->left_out, LANES_MAX);
	if (t->calls_left_out)
		text_add(words, "%s%llu calls of functions out of order",
			 words->len ? "; " : "left out: ", (unsigned long long)t->calls_left_out);
	if (t->kept_more)
		text_add(words, "%s%llu findings, which 'vqtrace check' lists",
			 words->len ? "; " : "left out: ", (unsigned long long)t->kept_more);
}

void timeline_free(struct timeline *t)
{
	if (!t)
		return;
	for (struct line *l = t->line; l; l = l->hh.next) {
		for (unsigned i = 0; i < LANES; i++)
			free(l->lanes[i].lane);
		notifications_free(&l->kicks);
		notifications_free(&l->interrupts);
		free(l->waiting);
	}
	for (struct track *k = t->track; k; k = k->hh.next)
		free(k->calls);
	hash_free(t->vcpu);
	hash_free(t->line);
	hash_free(t->track);
	hash_free(t->trip);
	free(t->kept);
	free(t);
}

/* --- formats of viewers ------------------------------------------------------------------------- */

int viewer_feed(void *x, const struct event *e, bool matched)
{
	return timeline_feed(((struct viewer *)x)->timeline, e, matched);
}

int viewer_finding(void *x, const struct finding *f)
{
	return timeline_finding(((struct viewer *)x)->timeline, f);
}

int viewer_finish(void *x, const struct model_life *lives)
{
	return timeline_finish(((struct viewer *)x)->timeline, lives);
}

void viewer_lacks(const void *x, struct text *t)
{
	timeline_lacks(((const struct viewer *)x)->timeline, t);
}
