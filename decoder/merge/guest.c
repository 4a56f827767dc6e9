/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/merge/clock.h"
#include "decoder/merge/guest.h"
#include "decoder/trace/guest.h"
#include "decoder/util/array.h"

#define TAKE_EVERY 1024 /* records read ahead between two looks at what align has decided */
#define CLAIM_NS UINT64_C(1000000000) /* a record about the clock at least so often */
#define GUEST_DEVICES 128 /* of a guest; the records of others are left out */
#define DESCRIPTION 4096 /* bytes of the largest description that is kept */

/* A device of the guest. */
struct side {
	struct merge_identity who; /* id: the guest's */
	uint16_t id; /* in the merged trace */
	uint16_t peer; /* the host's; VQT_NO_DEVICE */
	bool alone; /* described before its peer was */
	uint8_t *description; /* the latest, as it was written */
	size_t len;
};

struct merging {
	struct merge_guest *report;
	struct search *search;
	struct align *align;
	struct pair *pair;
	struct clock_queue *clock;
	/* Read ahead, both, from one match to the next. */
	struct stream ahead[MERGE_SIDES];
	const struct search_match *match;
	size_t matches, at;
	bool ended;
	uint64_t since_taken;
	/* Written. */
	struct stream out;
	struct clock_time now; /* of out.rec */
	bool timed; /* now is known */
	uint64_t last; /* ns: of the record before */
	uint64_t claimed_at;
	uint32_t claimed; /* ns: what the latest record about the clock says */
	bool described; /* its source is in the merged trace */
	bool any; /* a record about its clock has followed */
	uint8_t source; /* its id in the merged trace */
	uint8_t own_source, host_source; /* in the guest's trace; QEMU's, in the host's */
	struct side *side;
	size_t sides, cap;
	uint16_t place[MERGE_DEVICES]; /* by the guest's id: 1 + where it is in side[] */
	bool shared[MERGE_DEVICES]; /* by the host's id: a peer of one of them */
	uint8_t bytes[VQT_RECORD_MAX];
};

_Static_assert((int)ALIGN_START == (int)VQT_CLOCK_START &&
		       (int)ALIGN_PAUSE == (int)VQT_CLOCK_PAUSE &&
		       (int)ALIGN_STEP == (int)VQT_CLOCK_STEP &&
		       (int)ALIGN_BACK == (int)VQT_CLOCK_BACK &&
		       (int)ALIGN_RATE == (int)VQT_CLOCK_RATE && ALIGN_UNKNOWN == VQT_CLOCK_UNKNOWN,
	       "what align says of a clock is what is written");

struct merging *merging_new(struct merge_guest *report)
{
	struct merging *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->report = report;
	g->search = search_new();
	g->align = align_new(NULL);
	g->clock = clock_queue_new();
	if (g->search && g->align && g->clock)
		return g;
	merging_free(g);
	return NULL;
}

void merging_free(struct merging *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->sides; i++)
		free(g->side[i].description);
	free(g->side);
	for (unsigned i = 0; i < MERGE_SIDES; i++)
		stream_close(&g->ahead[i]);
	stream_close(&g->out);
	pair_free(g->pair);
	clock_queue_free(g->clock);
	align_free(g->align);
	search_free(g->search);
	free(g);
}

/* --- what both have in common ----------------------------------------------------------------- */

static struct side *find_side(const struct merging *g, uint16_t id)
{
	return g->place[id] ? &g->side[g->place[id] - 1] : NULL;
}

static struct side *get_side(struct merging *g, uint16_t id)
{
	if (g->place[id] || id == VQT_NO_DEVICE)
		return find_side(g, id);
	if (g->sides == GUEST_DEVICES || !array_room(g->side, g->cap, g->sides + 1))
		return NULL;
	g->side[g->sides] = (struct side){ .who = { .id = id, .bdf = ~0U } };
	g->place[id] = (uint16_t)++g->sides;
	return find_side(g, id);
}

static int note_device(struct merging *g, const struct record *rec)
{
	struct side *d = get_side(g, rec->h.device);

	if (!d)
		return rec->h.device == VQT_NO_DEVICE || g->sides == GUEST_DEVICES ? 0 : -ENOMEM;
	d->who.virtio_id = rec->device.virtio_id ? rec->device.virtio_id : d->who.virtio_id;
	if (rec->device.bdf != ~0U)
		d->who.bdf = rec->device.bdf;
	return 0;
}

int merging_look(struct merging *g, enum merge_side side, const struct record *rec, uint64_t number)
{
	if (side == MERGE_GUEST && rec->h.type == VQT_SOURCE && !g->own_source)
		g->own_source = rec->h.source;
	if (side == MERGE_GUEST && rec->h.source != g->own_source)
		return 0;
	if (side == MERGE_GUEST && rec->h.type == VQT_DEVICE && note_device(g, rec))
		return -ENOMEM;
	if (side == MERGE_GUEST && !find_side(g, rec->h.device))
		return 0;
	return search_add(g->search, side, rec, number);
}

/* A device without any traffic is known by its place on the bus. */
static void link_by_address(struct merging *g, const struct merge_host *h, struct side *d)
{
	const struct merge_identity *found = NULL;

	for (size_t i = 0; i < g->sides; i++)
		if (&g->side[i] != d && g->side[i].who.bdf == d->who.bdf &&
		    g->side[i].who.virtio_id == d->who.virtio_id)
			return; /* it was plugged in twice */
	for (size_t i = 0; i < h->n; i++) {
		const struct merge_identity *o = &h->identity[i];

		if (o->source != g->host_source || o->bdf != d->who.bdf ||
		    o->virtio_id != d->who.virtio_id || g->shared[o->id])
			continue;
		if (found && found->id != o->id)
			return; /* one was unplugged, and which it is nobody can say */
		found = o;
	}
	if (found)
		d->peer = found->id;
}

static void link_devices(struct merging *g, const struct merge_host *h)
{
	for (size_t i = 0; i < g->sides; i++) {
		struct side *d = &g->side[i];

		d->peer = search_peer(g->search, d->who.id);
		g->shared[d->peer] |= d->peer != VQT_NO_DEVICE;
	}
	for (size_t i = 0; i < g->sides; i++) {
		struct side *d = &g->side[i];

		if (d->peer == VQT_NO_DEVICE && d->who.bdf != ~0U)
			link_by_address(g, h, d);
		g->shared[d->peer] |= d->peer != VQT_NO_DEVICE;
		g->report->linked += d->peer != VQT_NO_DEVICE;
	}
	g->report->devices = (unsigned)g->sides;
}

static int unrelated(const struct merging *g, const struct merge_host *h, struct trace_error *err)
{
	struct search_chains c = search_chains(g->search);

	if (!g->matches)
		snprintf(err->text, sizeof(err->text),
			 "%.100s and %.100s do not belong together: no chain of descriptors and no "
			 "address of a queue is in both; are they of the same machine and time?",
			 h->path, g->report->path);
	else
		snprintf(err->text, sizeof(err->text),
			 "%.100s and %.100s do not belong together: their queues are at the same "
			 "addresses, but of %zu and %zu chains that were looked at %zu are the "
			 "same; are they of the same boot?",
			 h->path, g->report->path, c.side[MERGE_HOST], c.side[MERGE_GUEST],
			 c.match);
	return -EXDEV;
}

static uint8_t unused_source(struct merge_host *h)
{
	for (unsigned i = 255; i; i--)
		if (!h->used_source[i]) {
			h->used_source[i] = true;
			return (uint8_t)i;
		}
	return 0;
}

static uint16_t unused_device(struct merge_host *h)
{
	for (unsigned i = 0x8000; i < MERGE_DEVICES; i++)
		if (!h->used_device[i]) {
			h->used_device[i] = true;
			return (uint16_t)i;
		}
	return VQT_NO_DEVICE;
}

int merging_begin(struct merging *g, struct merge_host *h, struct trace_error *err)
{
	const char *path[MERGE_SIDES] = { [MERGE_HOST] = h->path, [MERGE_GUEST] = g->report->path };
	int rc = search_finish(g->search);

	if (rc)
		return rc;
	g->match = search_matches(g->search, &g->matches);
	if (!search_belongs(g->search))
		return unrelated(g, h, err);
	g->host_source = g->match[0].source;
	g->pair = pair_new(g->align, search_has_content(g->search));
	if (!g->pair)
		return -ENOMEM;
	link_devices(g, h);
	g->source = unused_source(h);
	for (size_t i = 0; i < g->sides; i++)
		g->side[i].id = unused_device(h);
	if (!g->source || (g->sides && g->side[g->sides - 1].id == VQT_NO_DEVICE)) {
		snprintf(err->text, sizeof(err->text), "%.200s: no number is left for %s of it",
			 g->report->path, g->source ? "a device" : "the source");
		return -E2BIG;
	}
	for (unsigned i = 0; i < MERGE_SIDES && !rc; i++)
		rc = stream_open(&g->ahead[i], path[i], err);
	return rc ? rc : stream_open(&g->out, g->report->path, err);
}

/* --- ahead ------------------------------------------------------------------------------------- */

#define BIT(n) (UINT64_C(1) << (n))

/* A guest speaks for itself: of one source, and of no session but the host's. */
static bool is_its_own(const struct merging *g, const struct record *r)
{
	static const uint64_t types = BIT(VQT_SOURCE) | BIT(VQT_DEVICE) | BIT(VQT_DEVICE_STATE) |
				      BIT(VQT_QUEUE_STATE) | BIT(VQT_LOSS) | BIT(VQT_NOTE) |
				      BIT(VQT_STACK) | BIT(VQT_REG) | BIT(VQT_KICK) |
				      BIT(VQT_RING) | BIT(VQT_AVAIL) | BIT(VQT_USED) |
				      BIT(VQT_IRQ) | BIT(VQT_DATA) | BIT(VQT_GUEST);

	return r->h.source == g->own_source && r->tail && r->h.type < 64 &&
	       types >> r->h.type & 1 && (!r->h.device || find_side(g, r->h.device)) &&
	       (r->h.type != VQT_SOURCE || r->source.kind == VQT_SRC_GUEST);
}

static int feed_ahead(struct merging *g, enum merge_side side)
{
	const struct record *rec = &g->ahead[side].rec;
	const struct side *d;

	if (side == MERGE_HOST)
		return g->shared[rec->h.device] ? pair_host(g->pair, rec, rec->h.device) : 0;
	if (!is_its_own(g, rec) || (!rec->h.ts && rec->h.type < VQT_REG))
		return 0;
	d = find_side(g, rec->h.device);
	return pair_guest(g->pair, rec, d ? d->peer : VQT_NO_DEVICE);
}

/* Up to the record of this number, that included. */
static int read_ahead(struct merging *g, enum merge_side side, uint64_t number)
{
	struct stream *s = &g->ahead[side];

	for (; s->has && s->number <= number; stream_next(s)) {
		int rc = feed_ahead(g, side);

		if (!rc && ++g->since_taken % TAKE_EVERY == 0)
			rc = clock_queue_take(g->clock, g->align);
		if (rc)
			return rc;
	}
	return 0;
}

static int step_ahead(struct merging *g)
{
	static const struct search_match end = { .number = { UINT64_MAX, UINT64_MAX } };
	const struct search_match *m = g->at < g->matches ? &g->match[g->at++] : &end;
	int rc = read_ahead(g, MERGE_HOST, m->number[MERGE_HOST]);

	if (!rc)
		rc = read_ahead(g, MERGE_GUEST, m->number[MERGE_GUEST]);
	if (!rc && m == &end) {
		pair_end(g->pair);
		align_end(g->align);
		g->ended = true;
	}
	if (!rc)
		rc = clock_queue_take(g->clock, g->align);
	if (g->ended)
		clock_queue_end(g->clock);
	return rc;
}

/* --- its records ------------------------------------------------------------------------------ */

static bool has_time(const struct record *r)
{
	return r->h.ts || r->h.type >= VQT_REG;
}

static int no_times(const struct merging *g, struct trace_error *err)
{
	snprintf(err->text, sizeof(err->text),
		 "%.200s: nothing in it says when its events were: no request of its devices was "
		 "recorded on both sides with the time at which the driver began to add it, and no "
		 "set-up of a queue",
		 g->report->path);
	return -EXDEV;
}

/* It keeps its place behind the record before, and its time is known less exactly. */
static void put_later(struct merging *g)
{
	uint64_t by = g->last - g->now.host;

	g->now.host = g->last;
	g->now.error = by < VQT_CLOCK_UNKNOWN - g->now.error ? g->now.error + (uint32_t)by
							     : VQT_CLOCK_UNKNOWN;
}

int merging_next(struct merging *g, uint64_t *ts, struct trace_error *err)
{
	while (g->out.has && !is_its_own(g, &g->out.rec)) {
		g->report->refused += g->out.rec.h.type != VQT_SESSION;
		stream_next(&g->out);
	}
	if (!g->out.has)
		return 0;
	while (!g->timed && has_time(&g->out.rec)) {
		int rc;

		g->timed = clock_queue_next(g->clock, g->out.rec.h.ts, &g->now);
		rc = g->timed ? 0 : step_ahead(g);
		if (rc)
			return rc;
	}
	if (g->timed && !g->any && clock_queue_none(g->clock))
		return no_times(g, err);
	/* records of several CPUs are not always in the order of their times */
	if (!g->timed)
		g->now.host = g->last;
	else if ((int64_t)(g->now.host - g->last) < 0)
		put_later(g);
	*ts = g->now.host;
	return 1;
}

void merging_not_before(struct merging *g, uint64_t ts)
{
	g->last = ts;
}

static bool claims_too_much(const struct merging *g)
{
	return g->now.error > g->claimed || g->now.error / 2 + 500 < g->claimed / 4;
}

/* Say how the guest's clock is related to the host's, where that has changed. */
static int write_clock(struct merging *g, const struct merge_host *h)
{
	struct vqt_clock c = {
		.h = { .ts = g->now.host,
		       .queue = VQT_NO_QUEUE,
		       .type = VQT_CLOCK,
		       .source = g->host_source },
		.other = g->source,
		.reason = g->now.reason,
		.error = g->now.error,
		.there = g->out.rec.h.ts,
	};

	if (g->any && !g->now.reason && !claims_too_much(g) &&
	    g->now.host - g->claimed_at < CLAIM_NS)
		return 0;
	if (c.error < VQT_CLOCK_UNKNOWN - c.error / 8)
		c.error += c.error / 8; /* a little more, so that it holds for a while */
	g->claimed = c.error;
	g->claimed_at = g->now.host;
	g->any = true;
	return trace_write(h->to, &c, sizeof(c));
}

static void count_error(struct merge_guest *r, uint32_t error)
{
	r->records++;
	if (error == VQT_CLOCK_UNKNOWN) {
		r->untimed++;
		return;
	}
	r->timed++;
	if (r->timed == 1 || error < r->error_least)
		r->error_least = error;
	if (error > r->error_most)
		r->error_most = error;
}

/* Keep a description, for when the peer's comes. */
static int keep_description(struct side *d, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = len <= DESCRIPTION ? realloc(d->description, len) : NULL;

	if (!copy)
		return len <= DESCRIPTION ? -ENOMEM : 0;
	memcpy(copy, bytes, len);
	d->description = copy;
	d->len = len;
	return 0;
}

/* Arguments that are times of the guest's clock: as long before the record as they were. */
static void rewrite_times(const struct merging *g, struct vqt_guest *r)
{
	for (unsigned i = 0; i < r->nargs; i++) {
		const struct guest_value *v = guest_value_of(&g->out.rec, i);
		uint64_t at = record_guest_arg(&g->out.rec, i);

		if (!v || v->kind != GUEST_TIME || !at)
			continue;
		/* of the future, or of before the host's beginning: it is none */
		if (at > g->out.rec.h.ts || g->out.rec.h.ts - at >= g->now.host)
			at = 0;
		else
			at = g->now.host - (g->out.rec.h.ts - at);
		memcpy((uint8_t *)(r + 1) + 8 * (size_t)i, &at, sizeof(at));
	}
}

static int rewrite(struct merging *g, const struct merge_host *h, struct vqt_hdr *r, size_t len)
{
	struct side *d = find_side(g, r->device);

	if (has_time(&g->out.rec))
		r->ts = g->now.host;
	if (r->type == VQT_GUEST && g->timed)
		rewrite_times(g, (void *)r);
	r->source = g->source;
	r->device = d ? d->id : VQT_NO_DEVICE;
	if (r->type == VQT_SOURCE) {
		((struct vqt_source *)(void *)r)->clock = VQT_CLOCK_MAPPED;
		g->described = true;
		g->any = false; /* readers forget what they knew of its clock */
	}
	if (r->type != VQT_DEVICE || !d)
		return 0;
	((struct vqt_device *)(void *)r)->peer = d->peer;
	d->alone = d->peer != VQT_NO_DEVICE && !h->written[d->peer];
	return d->alone ? keep_description(d, g->bytes, len) : 0;
}

int merging_write(struct merging *g, struct merge_host *h)
{
	size_t len = g->out.rec.len;
	int rc = 0;

	memcpy(g->bytes, g->out.rec.raw, len);
	if (g->timed && g->described)
		rc = write_clock(g, h);
	if (!rc)
		rc = rewrite(g, h, (void *)g->bytes, len);
	if (!rc)
		rc = trace_write(h->to, g->bytes, len);
	if (rc)
		return rc;
	if (g->timed)
		count_error(g->report, g->now.error);
	else
		g->report->records++;
	g->last = g->now.host;
	g->timed = false;
	stream_next(&g->out);
	return 0;
}

int merging_described(struct merging *g, struct merge_host *h, uint16_t device)
{
	for (size_t i = 0; i < g->sides && g->shared[device]; i++) {
		struct side *d = &g->side[i];
		int rc;

		if (d->peer != device || !d->alone || !d->description)
			continue;
		d->alone = false;
		((struct vqt_hdr *)(void *)d->description)->seq = 0;
		((struct vqt_hdr *)(void *)d->description)->ts = 0;
		rc = trace_write(h->to, d->description, d->len);
		if (rc)
			return rc;
	}
	return 0;
}

int merging_end(struct merging *g, const struct merge_host *h, struct trace_error *err)
{
	if (!align_unrelated(g->align))
		return 0;
	snprintf(
		err->text, sizeof(err->text),
		"%.100s and %.100s do not belong together: what is alike in both would have to have "
		"happened in an order that is impossible",
		h->path, g->report->path);
	return -EXDEV;
}

void merging_report(struct merging *g)
{
	pair_counts(g->pair, &g->report->pairs);
	align_counts(g->align, &g->report->clock);
	g->report->cut = g->out.cut;
	g->report->broken = g->out.broken;
	snprintf(g->report->cut_text, sizeof(g->report->cut_text), "%.190s", g->out.why.text);
}
