/* SPDX-License-Identifier: MIT */
/* Which rules look at an event. */
#include <stdlib.h>

#include "decoder/check/impl.h"
#include "decoder/util/hash.h"

#define PLANS 512 /* a trace has some 20 kinds of events; a hostile one any number */

/*
 * In the order of the triggers, then of the rules.  Those that are not selected run,
 * too: what they find in order or not is what others go by (a refused chain is
 * the device's fault only if it was a good one).
 */
static void fill_plan(struct check *c, struct plan *p)
{
	uint64_t done = 0;

	for (uint64_t left = p->key.triggers & ~ONLY_ANY; left; left &= left - 1) {
		uint64_t trigger = left & -left;

		for (unsigned i = 0; i < c->nrules; i++) {
			const struct rule *r = c->rule[i];
			uint64_t at = rule_at(r);

			if (!(at & trigger) || at & done || at & ONLY_ANY & ~p->key.triggers)
				continue;
			if (c->tally[i].virtio_id && c->tally[i].virtio_id != p->key.virtio_id)
				continue;
			p->slot[p->n++] = (struct slot){ r->check, r, &c->tally[i], i,
							 r->needs & (NEEDS_BY_TIME | NEED_IRQ |
								     NEED_REGS | NEED_KICK) };
		}
		done |= trigger;
	}
}

void check_free_plans(struct check *c)
{
	hash_free(c->plans);
	memset(c->recent, 0, sizeof(c->recent));
	c->nplans = 0;
}

static struct plan *new_plan(struct check *c, const struct plan_key *key)
{
	struct plan *p = calloc(1, sizeof(*p) + c->nrules * sizeof(p->slot[0])), *fit;

	if (!p)
		return NULL;
	p->key = *key;
	fill_plan(c, p);
	fit = realloc(p, sizeof(*p) + p->n * sizeof(p->slot[0]));
	p = fit ? fit : p;
	HASH_ADD(hh, c->plans, key, sizeof(p->key), p);
	if (!hash_holds(p)) {
		free(p);
		return NULL;
	}
	c->nplans++;
	return p;
}

const struct plan *check_plan_find(struct check *c, struct plan_key key)
{
	struct plan *p;

	HASH_FIND(hh, c->plans, &key, sizeof(key), p);
	if (!p) {
		if (c->nplans == PLANS)
			check_free_plans(c);
		p = new_plan(c, &key);
	}
	return *check_plan_recent(c, key) = p;
}
