/* SPDX-License-Identifier: MIT */
/* Whose guest it is, found out while both are recorded, and what came before that. */
#include <errno.h>

#include "decoder/live/impl.h"
#include "decoder/pair/search.h"

/* After a guest's first record: by then the host's of the same time are there. */
#define LINK_FIRST (2000 * MS)
#define LINK_MOST (60000 * MS) /* between two attempts */
#define NEWS 64 /* descriptions of devices after which a guest's are looked at less often */
#define CONTENT 16 /* bytes of a buffer by which chain.h recognises it */

/* The number of the source that is this process; 0: none. */
static uint8_t source_of(const struct live *l, pid_t pid)
{
	for (unsigned i = 1; pid && i < 256; i++)
		if (l->pid_of[i] == pid)
			return (uint8_t)i;
	return 0;
}

/* Pair what both have recorded so far, in the order in which it came. */
static int feed_waiting(struct live *l, struct live_one *g)
{
	struct waiting_place at[MERGE_SIDES] = { { 0 } };
	const struct waiting *w[MERGE_SIDES] = { &l->waiting, &g->waiting };
	bool has[MERGE_SIDES] = { waiting_walk(w[0], &at[0]), waiting_walk(w[1], &at[1]) };
	int rc = 0;

	while (!rc && (has[MERGE_HOST] || has[MERGE_GUEST])) {
		enum merge_side side =
			has[MERGE_HOST] && (!has[MERGE_GUEST] ||
					    at[MERGE_HOST].came <= at[MERGE_GUEST].came)
				? MERGE_HOST
				: MERGE_GUEST;

		rc = merging_feed(g->merging, side, &at[side].rec);
		has[side] = waiting_walk(w[side], &at[side]);
	}
	return rc ? rc : merging_fed(g->merging);
}

/* Pair what the host has recorded of devices that have just been found to be the guest's. */
static int feed_fresh(struct live *l, struct live_one *g)
{
	struct waiting_place at = { 0 };
	int rc = 0;

	while (!rc && merging_has_fresh(g->merging) && waiting_walk(&l->waiting, &at))
		rc = merging_feed_fresh(g->merging, &at.rec);
	return rc;
}

static int link_guest(struct live *l, struct live_one *g, uint64_t now)
{
	bool was = merging_linked(g->merging);
	uint8_t source = source_of(l, g->pid);
	struct trace_error err;
	int rc;

	g->linked_at = now;
	g->link_at = now + g->link_every;
	if (g->link_every < LINK_MOST)
		g->link_every *= 2;
	if (!was && source)
		merging_of_process(g->merging, source,
				   l->snaplen >= CONTENT && g->snaplen >= CONTENT);
	else if (!was && now - g->heard < LINK_FIRST)
		return 0;
	rc = merging_link(g->merging, &l->host, &err);
	if (rc == -EXDEV)
		return 0;
	if (rc == -E2BIG)
		live_refuse(g, err.text);
	if (rc)
		return rc == -E2BIG ? 0 : rc;
	rc = was ? feed_fresh(l, g) : feed_waiting(l, g);
	merging_fed_fresh(g->merging);
	return rc;
}

static bool wants_link(const struct live_one *g)
{
	return g->merging && !g->ended && !g->state.refused[0] && merging_misses(g->merging);
}

int live_link(struct live *l, uint64_t now)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < l->guests; i++)
		if (wants_link(l->guest[i]) && now >= l->guest[i]->link_at)
			rc = link_guest(l, l->guest[i], now);
	return rc;
}

int live_look_back(struct live *l, struct live_one *g)
{
	struct waiting_place at = { 0 };
	uint64_t number = 0;
	int rc = 0;

	while (!rc && waiting_walk(&l->waiting, &at))
		rc = merging_look(g->merging, MERGE_HOST, &at.rec, ++number);
	return rc;
}

int live_learn(struct live *l, struct live_one *g, enum merge_side side, const struct record *rec,
	       uint64_t number, uint64_t now)
{
	int rc = 0;

	if (!g->merging || g->ended)
		return 0;
	if (!merging_linked(g->merging) || merging_misses(g->merging) || rec->h.type < VQT_REG)
		rc = merging_look(g->merging, side, rec, number);
	/* a device that has no place on a bus is known by them */
	if (side == MERGE_GUEST && !merging_linked(g->merging) && rec->h.type == VQT_REG &&
	    search_is_address(&rec->reg)) {
		g->link_at = g->linked_at + LIVE_LINK_EVERY;
		g->link_every = LIVE_LINK_EVERY;
	}
	/* it may be the one that is missed */
	if (rec->h.type == VQT_DEVICE && (side == MERGE_HOST || g->news++ < NEWS)) {
		g->link_at = g->linked_at ? g->linked_at + LIVE_LINK_EVERY : 0;
		g->link_every = LIVE_LINK_EVERY;
		/* at once, if by its place, so that what follows of it is paired */
		if (!rc && side == MERGE_GUEST && source_of(l, g->pid) && rec->device.bdf != ~0U)
			rc = link_guest(l, g, now);
	}
	if (!rc && merging_linked(g->merging))
		rc = merging_feed(g->merging, side, rec);
	return rc;
}
