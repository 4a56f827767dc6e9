/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/merge/clock.h"
#include "decoder/merge/guest.h"
#include "decoder/trace/guest.h"
#include "decoder/trace/stacks.h"
#include "decoder/util/array.h"

#define CLAIM_NS UINT64_C(1000000000) /* a record about the clock at least so often */
#define DESCRIPTION 4096 /* bytes of the largest description that is kept */

/* The latest description of a device, or of the source, as it was written. */
struct description {
	uint8_t *bytes; /* NULL: none */
	size_t len;
};

/* A device of the guest. */
struct side {
	struct merge_identity who; /* id: the guest's */
	uint16_t id; /* in the merged trace; VQT_NO_DEVICE: it has none yet */
	uint16_t peer; /* the host's; VQT_NO_DEVICE */
	bool alone; /* described before its peer was, or before that was known */
	struct description described;
};

struct merging {
	struct merge_guest *report;
	struct merge_ids *ids;
	struct search *search;
	struct align *align;
	struct pair *pair; /* NULL: not linked */
	struct clock_queue *clock;
	uint64_t newest; /* guest time that was fed */
	/* Written. */
	struct clock_time now; /* of the next record */
	bool timed; /* now is known */
	uint64_t last; /* ns: of the record before */
	uint64_t came; /* ns: when the next one did; 0 unknown */
	uint64_t claimed_at;
	uint32_t claimed; /* ns: what the latest record about the clock says */
	struct description described; /* its source in the merged trace */
	struct kept_stacks stacks;
	bool any; /* a record about its clock has followed */
	bool process_known; /* host_source */
	bool content; /* both have recorded what chains begin with */
	uint8_t own_source, host_source; /* in the guest's trace; QEMU's, in the host's */
	uint32_t seq_base; /* added to its sequence numbers */
	bool begun; /* seq_base is set */
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

struct merging *merging_new(struct merge_guest *report, struct merge_ids *ids)
{
	struct merging *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->report = report;
	g->ids = ids;
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
	for (size_t i = 0; i < g->sides; i++) {
		struct side *d = &g->side[i];

		if (d->id != VQT_NO_DEVICE && d->peer == VQT_NO_DEVICE &&
		    g->ids->spares < MERGE_GUEST_DEVICES)
			g->ids->spare[g->ids->spares++] = d->id;
		free(d->described.bytes);
	}
	free(g->side);
	free(g->described.bytes);
	kept_stacks_free(&g->stacks);
	pair_free(g->pair);
	clock_queue_free(g->clock);
	align_free(g->align);
	search_free(g->search);
	free(g);
}

/* --- the host ---------------------------------------------------------------------------------- */

static int note_identity(struct merge_host *h, const struct vqt_device *d)
{
	if (d->bdf == ~0U || !d->virtio_id)
		return 0;
	if (!h->identity_at[d->h.device]) {
		if (!array_room(h->identity, h->cap, h->n + 1))
			return -ENOMEM;
		h->identity_at[d->h.device] = (uint32_t)++h->n;
	}
	h->identity[h->identity_at[d->h.device] - 1] =
		(struct merge_identity){ d->h.device, d->virtio_id, d->h.source, d->bdf };
	return 0;
}

int merge_host_look(struct merge_host *h, const struct record *rec)
{
	h->used_source[rec->h.source] = true;
	h->used_device[rec->h.device] = true;
	return rec->h.type == VQT_DEVICE ? note_identity(h, &rec->device) : 0;
}

void merge_host_free(struct merge_host *h)
{
	free(h->identity);
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
	if (g->sides == MERGE_GUEST_DEVICES || !array_room(g->side, g->cap, g->sides + 1))
		return NULL;
	g->side[g->sides] = (struct side){ .who = { .id = id, .bdf = ~0U } };
	g->place[id] = (uint16_t)++g->sides;
	return find_side(g, id);
}

static int note_device(struct merging *g, const struct record *rec)
{
	struct side *d = get_side(g, rec->h.device);

	if (!d)
		return rec->h.device == VQT_NO_DEVICE || g->sides == MERGE_GUEST_DEVICES ? 0
											 : -ENOMEM;
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
	if (side == MERGE_HOST && g->process_known && rec->h.source != g->host_source)
		return 0;
	return search_add(g->search, side, rec, number);
}

void merging_of_process(struct merging *g, uint8_t host_source, bool content)
{
	g->process_known = true;
	g->host_source = host_source;
	g->content = content;
}

/* Which of the host's devices it is.  Its description may have been written without that. */
static void link_to(struct merging *g, struct side *d, uint16_t peer)
{
	if (peer == VQT_NO_DEVICE)
		return;
	d->peer = peer;
	d->alone = d->described.bytes != NULL;
	g->shared[peer] = true;
	g->report->linked++;
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
		link_to(g, d, found->id);
}

static void link_devices(struct merging *g, const struct merge_host *h)
{
	for (size_t i = 0; i < g->sides; i++) {
		struct side *d = &g->side[i];
		uint16_t peer = search_peer(g->search, d->who.id);

		if (d->peer == VQT_NO_DEVICE && !g->shared[peer])
			link_to(g, d, peer);
	}
	for (size_t i = 0; i < g->sides; i++)
		if (g->side[i].peer == VQT_NO_DEVICE && g->side[i].who.bdf != ~0U)
			link_by_address(g, h, &g->side[i]);
	g->report->devices = (unsigned)g->sides;
}

static int unrelated(const struct merging *g, const struct merge_host *h, struct trace_error *err)
{
	struct search_chains c = search_chains(g->search);
	size_t n;

	search_matches(g->search, &n);
	if (!n)
		snprintf(err->text, sizeof(err->text),
			 "%.100s and %.100s do not belong together: no chain of descriptors and no "
			 "address of a queue is in both; are they of the same machine and time?",
			 h->name, g->report->path);
	else
		snprintf(err->text, sizeof(err->text),
			 "%.100s and %.100s do not belong together: their queues are at the same "
			 "addresses, but of %zu and %zu chains that were looked at %zu are the "
			 "same; are they of the same boot?",
			 h->name, g->report->path, c.side[MERGE_HOST], c.side[MERGE_GUEST],
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

/* The device's number in the merged trace. */
static int number(struct merging *g, struct merge_host *h, struct side *d)
{
	uint16_t *kept = &g->ids->of_peer[d->peer];

	if (d->id == VQT_NO_DEVICE && d->peer != VQT_NO_DEVICE)
		d->id = *kept;
	else if (d->id == VQT_NO_DEVICE && g->ids->spares)
		d->id = g->ids->spare[--g->ids->spares];
	if (d->id == VQT_NO_DEVICE && g->ids->numbers++ < MERGE_NUMBERS)
		d->id = unused_device(h);
	if (d->peer != VQT_NO_DEVICE)
		*kept = d->id;
	return d->id == VQT_NO_DEVICE ? -E2BIG : 0;
}

static int begin_numbers(struct merging *g, struct merge_host *h, struct trace_error *err)
{
	bool source = g->ids->source || (g->ids->source = unused_source(h));

	for (size_t i = 0; i < g->sides && source; i++)
		if (number(g, h, &g->side[i]))
			source = false;
	if (source)
		return 0;
	snprintf(err->text, sizeof(err->text), "%.200s: no number is left for %s of it",
		 g->report->path, g->ids->source ? "a device" : "the source");
	return -E2BIG;
}

/* Devices that were described without what is known by now. */
static int describe_again(struct merging *g, struct merge_host *h)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < g->sides; i++)
		if (g->side[i].alone && h->written[g->side[i].peer])
			rc = merging_described(g, h, g->side[i].peer);
	return rc;
}

int merging_link(struct merging *g, struct merge_host *h, struct trace_error *err)
{
	int rc = search_finish(g->search);
	size_t n;

	if (rc)
		return rc;
	if (!g->pair && !g->process_known) {
		if (!search_belongs(g->search))
			return unrelated(g, h, err);
		g->host_source = search_matches(g->search, &n)[0].source;
		g->process_known = true;
		g->content = search_has_content(g->search);
	}
	if (!g->pair)
		g->pair = pair_new(g->align, g->content);
	if (!g->pair)
		return -ENOMEM;
	link_devices(g, h);
	rc = begin_numbers(g, h, err);
	return rc ? rc : describe_again(g, h);
}

bool merging_linked(const struct merging *g)
{
	return g->pair != NULL;
}

bool merging_misses(const struct merging *g)
{
	for (size_t i = 0; i < g->sides; i++)
		if (g->side[i].peer == VQT_NO_DEVICE)
			return true;
	return false;
}

const struct search_match *merging_matches(const struct merging *g, size_t *n)
{
	return search_matches(g->search, n);
}

/* --- its clock --------------------------------------------------------------------------------- */

#define BIT(n) (UINT64_C(1) << (n))

static bool has_time(const struct record *r)
{
	return r->h.ts || r->h.type >= VQT_REG;
}

/* A guest speaks for itself: of one source, and of no session but the host's. */
bool merging_accepts(const struct merging *g, const struct record *r)
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

int merging_feed(struct merging *g, enum merge_side side, const struct record *rec)
{
	const struct side *d;

	if (side == MERGE_HOST)
		return g->shared[rec->h.device] ? pair_host(g->pair, rec, rec->h.device) : 0;
	if (!merging_accepts(g, rec) || !has_time(rec))
		return 0;
	g->newest = rec->h.ts;
	d = find_side(g, rec->h.device);
	return pair_guest(g->pair, rec, d ? d->peer : VQT_NO_DEVICE);
}

int merging_fed(struct merging *g)
{
	return clock_queue_take(g->clock, g->align);
}

int merging_hurry(struct merging *g)
{
	pair_release(g->pair);
	align_hurry(g->align, g->newest);
	return merging_fed(g);
}

int merging_fed_all(struct merging *g)
{
	int rc;

	if (g->pair)
		pair_release(g->pair);
	align_end(g->align);
	rc = merging_fed(g);
	clock_queue_end(g->clock);
	return rc;
}

/* --- its records ------------------------------------------------------------------------------ */

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

/*
 * It cannot have happened after it came.  Nor is more known of it than that, if its clock may have
 * been stopped since anything last told of it.
 */
static void put_in_past(struct merging *g)
{
	uint64_t by = g->came - g->now.host;
	bool future = (int64_t)by < 0;

	if (!g->came || (!future && (!g->now.hurried || by <= g->now.error)))
		return;
	by = future ? -by + g->now.error : by;
	if (future)
		g->now.host = g->came;
	g->now.error = by < VQT_CLOCK_UNKNOWN ? (uint32_t)by : VQT_CLOCK_UNKNOWN;
}

void merging_came(struct merging *g, uint64_t ts)
{
	g->came = ts;
}

int merging_time(struct merging *g, const struct record *rec, uint64_t *ts, struct trace_error *err)
{
	if (!g->timed && has_time(rec)) {
		g->timed = clock_queue_next(g->clock, rec->h.ts, &g->now);
		if (!g->timed)
			return 0;
		put_in_past(g);
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
static int write_clock(struct merging *g, const struct merge_host *h, const struct record *rec)
{
	struct vqt_clock c = {
		.h = { .ts = g->now.host,
		       .queue = VQT_NO_QUEUE,
		       .type = VQT_CLOCK,
		       .source = g->host_source },
		.other = g->ids->source,
		.reason = g->now.reason,
		.error = g->now.error,
		.there = rec->h.ts,
	};

	if (g->any && !g->now.reason && !claims_too_much(g) &&
	    g->now.host - g->claimed_at < CLAIM_NS)
		return 0;
	if (c.error < VQT_CLOCK_UNKNOWN - c.error / 8)
		c.error += c.error / 8; /* a little more, so that it holds for a while */
	g->claimed = c.error;
	g->claimed_at = g->now.host;
	g->any = true;
	return h->write(h->ctx, &c, sizeof(c));
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

/* Keep a description, for when it has to be written again. */
static int keep_description(struct description *d, const void *bytes, size_t len)
{
	uint8_t *copy = len <= DESCRIPTION ? realloc(d->bytes, len) : NULL;

	if (!copy)
		return len <= DESCRIPTION ? -ENOMEM : 0;
	memcpy(copy, bytes, len);
	((struct vqt_hdr *)(void *)copy)->seq = 0;
	((struct vqt_hdr *)(void *)copy)->ts = 0;
	d->bytes = copy;
	d->len = len;
	return 0;
}

static int write_description(const struct merge_host *h, const struct description *d)
{
	return d->bytes ? h->write(h->ctx, d->bytes, d->len) : 0;
}

/* Arguments that are times of the guest's clock: as long before the record as they were. */
static void rewrite_times(const struct merging *g, const struct record *rec, struct vqt_guest *r)
{
	for (unsigned i = 0; i < r->nargs; i++) {
		const struct guest_value *v = guest_value_of(rec, i);
		uint64_t at = record_guest_arg(rec, i);

		if (!v || v->kind != GUEST_TIME || !at)
			continue;
		/* of the future, or of before the host's beginning: it is none */
		if (at > rec->h.ts || rec->h.ts - at >= g->now.host)
			at = 0;
		else
			at = g->now.host - (rec->h.ts - at);
		memcpy((uint8_t *)(r + 1) + 8 * (size_t)i, &at, sizeof(at));
	}
}

/* Sequence numbers go on where those of the boot before ended. */
static uint32_t renumber(struct merging *g, uint32_t seq)
{
	if (!g->begun && g->ids->any)
		g->seq_base = g->ids->next_seq - seq;
	g->begun = g->ids->any = true;
	seq += g->seq_base;
	g->ids->next_seq = seq + 1;
	return seq;
}

static int rewrite(struct merging *g, struct merge_host *h, const struct record *rec)
{
	struct vqt_hdr *r = (void *)g->bytes;
	struct side *d = find_side(g, r->device);
	int rc = d ? number(g, h, d) : 0;

	if (rc)
		return rc;
	if (has_time(rec))
		r->ts = g->now.host;
	if (r->type == VQT_GUEST && g->timed)
		rewrite_times(g, rec, (void *)r);
	r->seq = renumber(g, r->seq);
	r->source = g->ids->source;
	r->device = d ? d->id : VQT_NO_DEVICE;
	if (r->type == VQT_SOURCE) {
		((struct vqt_source *)(void *)r)->clock = VQT_CLOCK_MAPPED;
		g->any = false; /* readers forget what they knew of its clock, and its stacks */
		kept_stacks_forget(&g->stacks, r->source);
		return keep_description(&g->described, r, rec->len);
	}
	if (r->type == VQT_STACK)
		return kept_stacks_add(&g->stacks, r, rec->len, true);
	if (r->type != VQT_DEVICE || !d)
		return 0;
	((struct vqt_device *)(void *)r)->peer = d->peer;
	d->alone = d->peer != VQT_NO_DEVICE && !h->written[d->peer];
	return keep_description(&d->described, r, rec->len);
}

/* The stack of an event, where a file has begun since it was described. */
static int write_stack(struct merging *g, const struct merge_host *h, const struct record *rec)
{
	size_t len;
	const void *stack = kept_stacks_needed(&g->stacks, g->ids->source, rec->stack_id, &len);

	return stack ? h->write(h->ctx, stack, len) : 0;
}

int merging_write(struct merging *g, struct merge_host *h, const struct record *rec)
{
	int rc = 0;

	memcpy(g->bytes, rec->raw, rec->len);
	if (g->timed && g->described.bytes)
		rc = write_clock(g, h, rec);
	if (!rc)
		rc = rewrite(g, h, rec);
	if (!rc)
		rc = write_stack(g, h, rec);
	if (!rc)
		rc = h->write(h->ctx, g->bytes, rec->len);
	if (rc)
		return rc;
	if (g->timed)
		count_error(g->report, g->now.error);
	else
		g->report->records++;
	g->last = g->now.host;
	g->timed = false;
	return 0;
}

int merging_described(struct merging *g, struct merge_host *h, uint16_t device)
{
	for (size_t i = 0; i < g->sides && g->shared[device]; i++) {
		struct side *d = &g->side[i];
		int rc;

		if (d->peer != device || !d->alone || !d->described.bytes)
			continue;
		d->alone = false;
		((struct vqt_device *)(void *)d->described.bytes)->peer = d->peer;
		rc = write_description(h, &d->described);
		if (rc)
			return rc;
	}
	return 0;
}

int merging_describe(struct merging *g, struct merge_host *h)
{
	int rc = write_description(h, &g->described);

	g->any = false; /* and say anew what is known of its clock */
	kept_stacks_again(&g->stacks);
	for (size_t i = 0; !rc && i < g->sides; i++)
		rc = write_description(h, &g->side[i].described);
	return rc;
}

int merging_check(struct merging *g, const struct merge_host *h, struct trace_error *err)
{
	if (!align_unrelated(g->align))
		return 0;
	snprintf(
		err->text, sizeof(err->text),
		"%.100s and %.100s do not belong together: what is alike in both would have to have "
		"happened in an order that is impossible",
		h->name, g->report->path);
	return -EXDEV;
}

void merging_report(struct merging *g)
{
	if (g->pair)
		pair_counts(g->pair, &g->report->pairs);
	align_counts(g->align, &g->report->clock);
}
