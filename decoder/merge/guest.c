/* SPDX-License-Identifier: MIT */
/* A guest's records as they stand among the host's: times, numbers, what is said of its clock. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/merge/guest_impl.h"
#include "decoder/trace/guest.h"

#define CLAIM_NS UINT64_C(1000000000) /* a record about the clock at least so often */
#define DESCRIPTION 4096 /* bytes of the largest description that is kept */

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
	       types >> r->h.type & 1 && (!r->h.device || merging_side(g, r->h.device)) &&
	       (r->h.type != VQT_SOURCE || r->source.kind == VQT_SRC_GUEST);
}

bool merging_consumes(const struct record *rec)
{
	return rec->h.type == VQT_EXCHANGE;
}

static int feed_exchange(struct merging *g, enum merge_side side, const struct record *rec)
{
	if (side == MERGE_GUEST && rec->h.source != g->own_source)
		return 0;
	return pair_exchange(g->pair, side, rec);
}

int merging_feed(struct merging *g, enum merge_side side, const struct record *rec)
{
	const struct side *d;

	if (rec->h.type == VQT_EXCHANGE)
		return feed_exchange(g, side, rec);
	if (side == MERGE_HOST)
		return g->shared[rec->h.device] ? pair_host(g->pair, rec, rec->h.device) : 0;
	if (!merging_accepts(g, rec) || !has_time(rec))
		return 0;
	g->newest = rec->h.ts;
	d = merging_side(g, rec->h.device);
	return pair_guest(g->pair, rec, d ? d->peer : VQT_NO_DEVICE);
}

int merging_feed_fresh(struct merging *g, const struct record *rec)
{
	return g->fresh[rec->h.device] ? pair_host(g->pair, rec, rec->h.device) : 0;
}

bool merging_has_fresh(const struct merging *g)
{
	return g->any_fresh;
}

void merging_fed_fresh(struct merging *g)
{
	g->any_fresh = false;
	memset(g->fresh, 0, sizeof(g->fresh));
}

uint64_t merging_told(const struct merging *g)
{
	return g->pair ? pair_told(g->pair) : 0;
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
	struct side *d = merging_side(g, r->device);
	int rc = d ? merging_number(g, h, d) : 0;

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
