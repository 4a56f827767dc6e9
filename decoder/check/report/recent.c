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

enum { KEEP_PCI, KEEP_REG, KEEP_REST, KEEP_RINGS };

/* Powers of 2. PCI: a whole enumeration of a function; registers: two initialisations. */
static const unsigned sizes[KEEP_RINGS] = { 256, 512, 256 };

struct keep {
	struct ring {
		struct slot *slot;
		uint64_t n; /* kept ever */
		unsigned mask;
	} ring[KEEP_RINGS];
};

struct keep *keep_new(void)
{
	struct keep *k = calloc(1, sizeof(*k));

	for (unsigned i = 0; k && i < KEEP_RINGS; i++) {
		k->ring[i].mask = sizes[i] - 1;
		k->ring[i].slot = calloc(sizes[i], sizeof(struct slot));
		if (!k->ring[i].slot) {
			keep_free(k);
			return NULL;
		}
	}
	return k;
}

void keep_free(struct keep *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < KEEP_RINGS; i++)
		free(k->ring[i].slot);
	free(k);
}

static struct ring *ring_of(struct keep *k, const struct record *rec)
{
	if (rec->h.type != VQT_REG)
		return &k->ring[KEEP_REST];
	return &k->ring[rec->reg.region == VQT_REGION_PCI ? KEEP_PCI : KEEP_REG];
}

/* Of what follows the fixed part only texts are printed; they are cut where room ends. */
static void keep_text(struct slot *s, const struct record *rec, uint32_t len)
{
	s->rec.tail_len = len < ROOM ? len : ROOM;
	memcpy(s->text, rec->tail, s->rec.tail_len);
}

static void keep_record(struct slot *s, const struct record *rec)
{
	s->rec = *rec;
	s->rec.raw = s->rec.tail = s->rec.segs = s->text;
	s->rec.len = s->rec.tail_len = s->rec.segs_len = 0;
	switch (rec->h.type) {
	case VQT_NOTE:
		keep_text(s, rec, rec->note.len);
		s->rec.note.len = (uint16_t)s->rec.tail_len;
		break;
	case VQT_LIFE:
		keep_text(s, rec, rec->life.len);
		s->rec.life.len = (uint16_t)s->rec.tail_len;
		break;
	case VQT_GUEST:
		keep_text(s, rec, rec->guest.len);
		s->rec.guest.len = (uint16_t)s->rec.tail_len;
		break;
	}
}

void keep_event(struct keep *k, const struct event *e)
{
	struct ring *r = ring_of(k, e->rec);
	struct slot *s = &r->slot[r->n++ & r->mask];

	s->e = *e;
	s->e.rec = &s->rec;
	s->e.dropped = NULL;
	keep_record(s, e->rec);
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

const struct event *keep_find(const struct keep *k, uint64_t number)
{
	const struct slot *s;

	for (unsigned i = 0; i < KEEP_RINGS; i++)
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

const struct event *keep_before(const struct keep *k, uint64_t number, unsigned device,
				unsigned queue)
{
	const struct event *best = NULL, *of = keep_find(k, number);
	bool pci = of && of->rec->h.type == VQT_REG && of->rec->reg.region == VQT_REGION_PCI;
	const struct slot *s;

	for (unsigned i = pci ? KEEP_PCI : KEEP_REG; i < KEEP_RINGS; i++)
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
