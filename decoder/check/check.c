/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "decoder/check/impl.h"
#include "decoder/util/hash.h"

#define TICK (SECONDS / 4)

int check_new(struct check **out, const char *selection, check_found *found, void *opaque,
	      const char **bad)
{
	struct check *c = calloc(1, sizeof(*c));
	int rc;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->found = found;
	c->opaque = opaque;
	rc = check_index_rules(c);
	if (!rc)
		rc = check_select(c, selection, bad);
	if (rc) {
		check_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void check_free(struct check *c)
{
	struct check_device *d, *next;

	if (!c)
		return;
	HASH_ITER (hh, c->devices, d, next) {
		HASH_DEL(c->devices, d);
		check_device_free(d);
	}
	check_free_plans(c);
	free(c->rule);
	free(c->tally);
	free(c);
}

/* --- threads ---------------------------------------------------------------- */

static struct check_thread *thread_at(struct check *c, uint32_t tid, uint8_t source)
{
	return &c->threads[(tid * 31 + source) % CHECK_THREADS];
}

uint64_t check_spoke(const struct rule_context *ctx, uint32_t tid)
{
	uint8_t source = ctx->e ? ctx->e->rec->h.source : 0;
	const struct check_thread *t = thread_at(ctx->c, tid, source);

	return t->tid == tid && t->source == source ? t->ts : 0;
}

/* Samples are ours, not the device's thread's. */
static void thread_acted(struct check *c, const struct vqt_hdr *h, uint64_t ts)
{
	if (h->type >= VQT_REG && h->type != VQT_RING)
		*thread_at(c, h->tid, h->source) = (struct check_thread){ h->tid, h->source, ts };
}

/* --- running ---------------------------------------------------------------- */

/*
 * Of a virtio-mmio driver older recorders have few registers, and later ones, of a device that was
 * there before, too: until the driver has looked at the device, or set up a queue.
 */
static bool lacks_registers(const struct rule_context *ctx)
{
	bool looks = ctx->e && ctx->e->dev == ctx->dev && ctx->e->field &&
		     ctx->e->field->id == SPEC_REG_MAGIC;

	return ctx->dev->by_driver && check_mmio(ctx->dev) && !ctx->dev->mmio_version &&
	       !ctx->d->mmio.n_magic && !looks;
}

/* Evidence that must be there each time and is not; the rest shows in what events there are. */
static unsigned lacking(const struct rule_context *ctx)
{
	return (ctx->d->known.born ? 0 : NEED_LIFE) | (ctx->q && ctx->q->flight ? 0 : NEED_FLIGHT) |
	       (ctx->d->have & NEED_IRQ ? 0 : NEED_IRQ) | (ctx->d->known.agreed ? 0 : NEED_AGREED) |
	       (ctx->d->known.msix || check_mmio(ctx->dev) ? 0 : NEED_MSIX) |
	       (ctx->e && event_by_snooper(ctx->e) ? NEED_PROMPT : 0) |
	       (ctx->dev->no_notifications || ctx->dev->apart ? NEED_DEVICE | NEED_KICK | NEED_IRQ
							      : 0) |
	       (ctx->dev->by_driver ? NEED_DEVICE | NEED_EXACT : 0) |
	       (ctx->dev->no_rings ? NEED_IRQ : 0) | (lacks_registers(ctx) ? NEED_REGS : 0);
}

static bool has_table(const struct model_request *r)
{
	for (uint32_t i = 0; i < r->ndirect && i < r->ndesc; i++)
		if (r->desc[i].flags & VRING_DESC_F_INDIRECT)
			return true;
	return r->ndirect < r->ndesc;
}

static uint64_t where_queue(const struct rule_context *ctx)
{
	bool ring_packed = ctx->ring && ctx->ring->known & VQT_RING_PACKED,
	     packed = ctx->queue && ctx->queue->packed;

	return (ring_packed || packed ? ONLY(PACKED) : 0) |
	       (!ring_packed || !packed ? ONLY(SPLIT) : 0) |
	       (ctx->q->pos.any_used && ctx->q->chain.number ? 0 : ONLY(FIRST)) |
	       (ctx->q->setup.n_reset ? ONLY(QRESET) : 0) |
	       (ctx->q->irq.due.number ? ONLY(OBLIGATION_IRQ) : 0) |
	       (ctx->q->wait.stall.number || ctx->q->wait.sampled.number ? ONLY(STALL) : 0);
}

/* What applies of ONLY(). */
static uint64_t where(const struct rule_context *ctx)
{
	const struct check_class *class = ctx->d->class;
	bool usual = ctx->req && ctx->req->typed && class->usual && class->usual(ctx->req);

	return (ctx->q ? where_queue(ctx) : ONLY(PACKED) | ONLY(SPLIT)) |
	       (event_idx(ctx) ? ONLY(EVENT_IDX) : ONLY(NO_EVENT_IDX)) |
	       (accepted(ctx, VIRTIO_F_IN_ORDER) ? ONLY(IN_ORDER) : 0) |
	       (accepted(ctx, VIRTIO_F_SUSPEND) ? ONLY(SUSPEND) : 0) |
	       (ctx->d->legacy ? ONLY(LEGACY) : 0) |
	       (ctx->req && has_table(ctx->req) ? ONLY(TABLE) : 0) | (usual ? 0 : ONLY(UNUSUAL)) |
	       (class->serves ? ONLY(SERVED) : 0) | (check_mmio(ctx->dev) ? ONLY(MMIO) : 0) |
	       (check_mmio(ctx->dev) || ctx->dev->transport == VQT_TRANSPORT_CCW ? 0 : ONLY(PCI)) |
	       (ctx->e && ctx->e->rec->h.type == VQT_KICK &&
				ctx->e->rec->kick.via == VQT_KICK_IOEVENTFD
			? 0
			: ONLY(SEEN_KICK));
}

static int run_triggers(struct rule_context *ctx, uint64_t triggers)
{
	const struct plan *p;

	if (!triggers)
		return 0;
	p = check_plan(ctx->c, triggers | where(ctx), ctx->d->class);
	if (!p)
		return -ENOMEM;
	ctx->lacks = lacking(ctx);
	for (const struct slot *s = p->slot, *end = s + p->n; s < end; s++) {
		if (s->needs & ctx->lacks) {
			/* what the device's side is there to tell is decided there */
			if (ctx->dev->by_driver && ctx->dev->peer)
				continue;
			s->tally->blocked++;
			s->tally->blocked_by |= s->needs & ctx->lacks;
			continue;
		}
		ctx->rule = s->rule;
		ctx->index = s->index;
		ctx->f.nbefore = 0;
		if (s->check(ctx) != RULE_PASSED)
			continue;
		s->tally->passed++;
		ctx->d->decided = true;
	}
	return 0;
}

/* Rules about time, for every device: which obligation is overdue?  0 or -ENOMEM. */
static int tick(struct check *c, const struct model *m, const struct event *e, uint64_t trigger)
{
	for (struct check_device *d = c->devices; d; d = d->hh.next) {
		struct rule_context ctx = {
			.c = c,
			.model = m,
			.e = e,
			.now = c->now,
			.number = c->number,
			.since = c->since,
			.d = d,
			.dev = d->model,
			.driver_ts = c->driver_ts[d->model->source],
			.tick = true,
		};

		if (run_triggers(&ctx, trigger))
			return -ENOMEM;
	}
	return 0;
}

/* Its rings may be recorded by another source than the rest of it. */
static void loss(struct check *c, const struct event *e)
{
	unsigned source = e->rec->h.source;

	c->lost[source & 0xff] = e->number;
	for (struct check_device *d = c->devices; d; d = d->hh.next)
		if (d->model->source == source || d->model == e->dev)
			check_device_forget(d, e->number);
}

/* The queue an event is about: for registers the selected one.  0 or -ENOMEM. */
static int find_queue(struct rule_context *ctx)
{
	unsigned index;

	if (ctx->e->rec->h.type != VQT_REG) {
		if (!ctx->queue)
			return 0;
		index = ctx->queue->index;
	} else {
		if (!ctx->e->field || !(ctx->e->field->flags & SPEC_PER_QUEUE))
			return 0;
		index = ctx->dev->queue_select;
	}
	ctx->q = check_queue_get(ctx->d, index);
	return ctx->q ? 0 : -ENOMEM;
}

static void note_have(struct check *c, struct rule_context *ctx)
{
	const struct vqt_hdr *h = &ctx->e->rec->h;

	ctx->d->have |= check_have(ctx->e);
	/* Our own device records every interrupt; elsewhere one must have been seen. */
	if (ctx->e->source && ctx->e->source->kind == VQT_SRC_EMU)
		ctx->d->have |= NEED_IRQ;
	c->have |= ctx->d->have;
	if (h->type == VQT_REG || (h->type == VQT_KICK && !ctx->e->self)) {
		ctx->d->ts_driver = ctx->e->ts;
		c->driver_ts[h->source] = ctx->e->ts;
	}
	if (!ctx->d->ts_first)
		ctx->d->ts_first = ctx->e->ts;
}

static bool said_loss(const struct event *e)
{
	return e->gap || (e->rec->h.type == VQT_LOSS && (e->rec->loss.lost || e->rec->loss.flags));
}

int check_feed(struct check *c, const struct model *m, const struct event *e)
{
	struct rule_context ctx = {
		.c = c, .model = m, .e = e, .now = e->ts, .number = e->number, .since = e->since
	};
	uint64_t triggers;

	if (e->rec->h.type == VQT_SESSION)
		return 0;
	c->now = e->ts;
	c->since = e->since;
	c->number = e->number;
	if (said_loss(e))
		loss(c, e);
	if (!e->dev)
		return 0;
	ctx.dev = e->dev;
	ctx.d = check_device_get(c, e->dev);
	if (!ctx.d)
		return -ENOMEM;
	ctx.queue = e->queue;
	/* A chain from before a loss may have been used since, and its id again. */
	ctx.req = e->req && e->req->number > ctx.d->known.n_lost ? e->req : NULL;
	if (find_queue(&ctx) || (!ctx.d->type_settled && check_settle_type(&ctx)))
		return -ENOMEM;
	ctx.driver_ts = c->driver_ts[e->rec->h.source]; /* before this event */
	note_have(c, &ctx);
	if (ctx.q && e->rec->h.type == VQT_AVAIL && !e->rec->avail.first)
		ctx.q->chain.faulty = false;
	ctx.ring = check_ring(e);
	c->undecodable |= e->undecodable;
	c->no_rings |= e->dev->no_rings;
	c->no_notifications |= e->dev->no_notifications || e->dev->apart;
	triggers = check_triggers(&ctx);
	if (run_triggers(&ctx, triggers))
		return -ENOMEM;
	check_remember(&ctx, triggers);
	thread_acted(c, &e->rec->h, e->ts);
	if (e->ts >= c->next_tick) {
		c->next_tick = e->ts + TICK;
		return tick(c, m, e, AT(TICK));
	}
	return 0;
}

int check_finish(struct check *c, const struct model *m)
{
	return tick(c, m, NULL, AT(TICK) | AT(END));
}
