/* SPDX-License-Identifier: MIT */
/* What was compared, what differs, and what was not compared and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/replay/impl.h"

void replay_skipped(struct replay_instance *i, struct replay_compared *of, const char *why)
{
	struct replay_skip *s = i->r->skip;
	if (of)
		of->not_compared++;
	i->n.skipped++;
	while (s < i->r->skip + REPLAY_SKIPS - 1 && s->why && strcmp(s->why, why))
		s++;
	if (!s->why)
		*s = (struct replay_skip){ .why = why, .requests = of == &i->n.requests };
	s->count++;
}

void replay_differs(struct replay_instance *i, const struct event *e, const struct replay_found *f,
		    const char *subject, const char *recorded, const char *replayed)
{
	struct replay *r = i->r;
	struct replay_divergence d = {
		.number = f->number ? f->number : e->number,
		.device = i->d->id,
		.queue = f->queue,
		.clause = f->clause ? f->clause : "",
		.hint = f->hint ? f->hint
			: i->gap
				? "Records are missing before this event (the sequence numbers have a "
				  "gap); the difference may be a consequence."
				: "",
		.related = f->related,
	};
	if (i->doubt) {
		replay_skipped(i, NULL, REPLAY_DOUBT);
		return;
	}
	snprintf(d.name, sizeof(d.name), "%s", i->d->name);
	snprintf(d.subject, sizeof(d.subject), "%s", subject);
	snprintf(d.recorded, sizeof(d.recorded), "%s", recorded);
	snprintf(d.replayed, sizeof(d.replayed), "%s", replayed);
	d.declared = replay_declared_meet(r->opt.declared, i->ops->name, subject);
	replay_cause(i, e, &d);
	if (d.follows)
		i->n.following++;
	else if (d.declared)
		i->n.declared++;
	else
		i->n.divergences++;
	if (r->opt.diverged)
		r->opt.diverged(r->opt.opaque, &d);
}

static void add(struct replay_compared *to, const struct replay_compared *c)
{
	to->compared += c->compared;
	to->equal += c->equal;
	to->not_compared += c->not_compared;
}

struct replay_counts replay_counts(const struct replay *r)
{
	struct replay_counts all = { 0 };
	for (unsigned n = 0; n < r->ninstance; n++) {
		const struct replay_counts *c = &r->instance[n].n;
		all.events += c->events;
		all.skipped += c->skipped;
		all.environment += c->environment;
		all.declared += c->declared;
		all.following += c->following;
		all.divergences += c->divergences;
		add(&all.registers, &c->registers);
		add(&all.requests, &c->requests);
		add(&all.interrupts, &c->interrupts);
		add(&all.rings, &c->rings);
		add(&all.data, &c->data);
	}
	return all;
}

bool replay_compared_any(const struct replay_counts *n)
{
	return n->registers.compared || n->requests.compared || n->interrupts.compared ||
	       n->rings.compared;
}

static int by_count(const void *a, const void *b)
{
	const struct replay_skip *x = a, *y = b;
	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

unsigned replay_skips(const struct replay *r, struct replay_skip out[REPLAY_SKIPS])
{
	unsigned n = 0;
	memcpy(out, r->skip, sizeof(r->skip));
	while (n < REPLAY_SKIPS && out[n].why)
		n++;
	qsort(out, n, sizeof(*out), by_count);
	return n;
}

bool replay_report(const struct replay *r, unsigned n, struct replay_device_report *out)
{
	if (n >= r->ninstance)
		return false;
	const struct replay_instance *i = &r->instance[n];
	*out = (struct replay_device_report){
		.device = i->d,
		.played = i->target,
		.why = i->why ? i->why : "",
		.against = i->target ? i->ops->version(i->target) : "",
		.counts = i->n,
	};
	return true;
}
