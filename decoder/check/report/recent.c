/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "decoder/check/report/recent.h"

#define ROOM 128 /* for texts */

struct slot {
	struct event e;
	struct record rec;
	struct model_queue queue; /* as it was then */
	struct model_request req;
	uint8_t text[ROOM];
};

enum { RECENT_PCI, RECENT_REG, RECENT_REST, RECENT_RINGS };

/* Powers of 2. PCI: a whole enumeration of a function; registers: two initialisations. */
static const unsigned sizes[RECENT_RINGS] = { 256, 512, 256 };

struct recent {
	struct ring {
		struct slot *slot;
		uint64_t n; /* kept ever */
		unsigned mask;
	} ring[RECENT_RINGS];
};

struct recent *recent_new(void)
{
	struct recent *k = calloc(1, sizeof(*k));

	for (unsigned i = 0; k && i < RECENT_RINGS; i++) {
		k->ring[i].mask = sizes[i] - 1;
		k->ring[i].slot = calloc(sizes[i], sizeof(struct slot));
		if (!k->ring[i].slot) {
			recent_free(k);
			return NULL;
		}
	}
	return k;
}

void recent_free(struct recent *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < RECENT_RINGS; i++)
		free(k->ring[i].slot);
	free(k);
}

static struct ring *ring_of(struct recent *k, const struct record *rec)
{
	if (rec->h.type != VQT_REG)
		return &k->ring[RECENT_REST];
	return &k->ring[rec->reg.region == VQT_REGION_PCI ? RECENT_PCI : RECENT_REG];
}

/* Of what follows the fixed part only texts are printed; they are cut where room ends. */
static uint16_t recent_text(struct slot *s, const struct record *rec, uint32_t len)
{
	s->rec.tail_len = len < ROOM ? len : ROOM;
	memcpy(s->text, rec->tail, s->rec.tail_len);
	return (uint16_t)s->rec.tail_len;
}

_Static_assert(ROOM >= 8 * VQT_GUEST_ARGS, "arguments are never cut");

static void recent_record(struct slot *s, const struct record *rec)
{
	s->rec = *rec;
	s->rec.raw = s->rec.tail = s->rec.segs = s->text;
	s->rec.len = s->rec.tail_len = s->rec.segs_len = 0;
	switch (rec->h.type) {
	case VQT_NOTE: s->rec.note.len = recent_text(s, rec, rec->note.len); break;
	case VQT_LIFECYCLE: s->rec.lifecycle.len = recent_text(s, rec, rec->lifecycle.len); break;
	case VQT_GUEST: /* the arguments come before the text */
		s->rec.guest.len =
			(uint16_t)(recent_text(s, rec, rec->guest.nargs * 8U + rec->guest.len) -
				   rec->guest.nargs * 8U);
		break;
	}
}

void recent_event_add(struct recent *k, const struct event *e)
{
	struct ring *r = ring_of(k, e->rec);
	struct slot *s = &r->slot[r->n++ & r->mask];

	s->e = *e;
	s->e.rec = &s->rec;
	s->e.dropped = NULL;
	recent_record(s, e->rec);
	/* A line tells of a queue more than its number only where a register sets it up. */
	if (e->queue && e->rec->h.type == VQT_REG) {
		s->queue = *e->queue;
		s->e.queue = &s->queue;
	}
	if (e->req) {
		s->req = *e->req;
		s->req.desc = NULL;
		s->e.req = &s->req;
	}
}

static const struct slot *nth_last(const struct ring *r, unsigned back)
{
	return back < r->n && back <= r->mask ? &r->slot[(r->n - 1 - back) & r->mask] : NULL;
}

const struct event *recent_event(const struct recent *k, uint64_t number)
{
	const struct slot *s;

	for (unsigned i = 0; i < RECENT_RINGS; i++)
		for (unsigned back = 0; (s = nth_last(&k->ring[i], back)) && s->e.number >= number;
		     back++)
			if (s->e.number == number)
				return &s->e;
	return NULL;
}

/* A register access belongs to every queue, or to the one it names. */
static bool concerns(const struct event *e, unsigned device, unsigned queue)
{
	if (!e->dev || e->dev->id != device)
		return false;
	return queue == VQT_NO_QUEUE || !e->queue || e->queue->index == queue;
}

const struct event *recent_event_before(const struct recent *k, uint64_t number, unsigned device,
					unsigned queue)
{
	const struct event *best = NULL, *of = recent_event(k, number);
	bool pci = of && of->rec->h.type == VQT_REG && of->rec->reg.region == VQT_REGION_PCI;
	const struct slot *s;

	for (unsigned i = pci ? RECENT_PCI : RECENT_REG; i < RECENT_RINGS; i++)
		for (unsigned back = 0; (s = nth_last(&k->ring[i], back)); back++) {
			if (best && s->e.number < best->number)
				break;
			if (s->e.number >= number || !concerns(&s->e, device, queue))
				continue;
			best = &s->e;
			break;
		}
	return best;
}
