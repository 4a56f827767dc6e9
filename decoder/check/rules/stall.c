/* SPDX-License-Identifier: MIT */
/*
 * Notifications that are missing, or that nobody asked for: 2.7.7, 2.7.10,
 * 2.8.10.  A missing one counts only when it is proven to be missed: time has
 * passed, the rings stand as they stood, and the other side is alive.
 */
#include <stdio.h>

#include "decoder/check/class.h"
#include "decoder/check/context.h"
#include "decoder/util/virtqueue.h"

/*
 * Two kinds of proof.  The queue's own events: seconds later one of them shows the
 * ring as it stood.  And samples, which come when nothing else does.
 *
 * A sample is taken by somebody beside the device, so it accuses a driver only where
 * nobody else can be at fault:
 *  - the kick may have been made and wait in an eventfd: samples say whether one does,
 *    and two that do not know prove nothing;
 *  - the kick may be under way when the machine is paused, or a processor held up: so
 *    the driver must have acted after the first sample that saw the entry, and
 *    go on without a kick for half a second after that;
 *  - the device may have asked for a kick too late, and not looked once more: so a look
 *    at the ring must have shown it empty and the device asking, before the entry came.
 * The device's own thread may be held up between hearing of a kick and recording it, or
 * drain its backend: it is given ABANDONED, and only where taking requests is all it is
 * for.  Buffers for what may come (a network's receive queue) are left lying by right.
 */

#define SETTLED 1000000ULL /* 1 ms: longer than a notification is on its way */

static bool is_packed(const struct rule_context *ctx)
{
	return ctx->ring->known & VQT_RING_PACKED;
}

static bool is_sample(const struct rule_context *ctx)
{
	return ctx->e->rec->h.type == VQT_RING && ctx->e->rec->ring.why == VQT_RING_PERIODIC;
}

/* Nobody expects interrupts of a queue without a vector. */
static bool no_vector(const struct rule_context *ctx)
{
	return ctx->dev->msix && ctx->queue->vector == VQT_NO_VECTOR;
}

enum { MISSING_FLAGS, MISSING_EVENT, MISSING_PACKED, MISSING_EMPTY };

static bool of_kind(const struct rule_context *ctx, unsigned by)
{
	if (by == IRQ_BY_EMPTY)
		return ctx->rule->arg == MISSING_EMPTY;
	if (is_packed(ctx))
		return ctx->rule->arg == MISSING_PACKED;
	return ctx->rule->arg == (by == IRQ_BY_FLAGS ? MISSING_FLAGS : MISSING_EVENT);
}

/* The line is still asserted for an earlier event: the driver knows that there is something to look at. */
static bool line_asserted(const struct rule_context *ctx)
{
	return ctx->dev->intx && !ctx->dev->msix;
}

/* The driver has not moved: it waits for what did not come. */
static bool still_waiting(const struct rule_context *ctx, const struct obligation *o)
{
	const struct vqt_ring *r = ctx->ring;

	if (o->b == IRQ_BY_EVENT)
		return r->known & VQT_RING_USED_EVENT && r->used_event == o->a;
	if (!(r->known & VQT_RING_AVAIL_FLAGS) || (o->b == IRQ_BY_FLAGS && r->avail_flags))
		return false;
	/* Flags come and go while a driver polls, which it begins after an interrupt. */
	return !ctx->q->seen.ts_irq || o->ts - ctx->q->seen.ts_irq > STALL;
}

static enum verdict irq_missing(struct rule_context *ctx)
{
	struct obligation *o = &ctx->q->irq.due;
	uint64_t waited = ctx->now - o->ts;

	if (!o->number || !of_kind(ctx, o->b) || waited < STALL || no_vector(ctx) || stopped(ctx) ||
	    line_asserted(ctx))
		return RULE_NA;
	/* The thread that has to send it may have been held up right after the used entry. */
	if ((is_sample(ctx) || ctx->e->rec->h.tid != ctx->q->irq.due_tid) &&
	    check_spoke(ctx, ctx->q->irq.due_tid) < o->ts + STALL / 2)
		return RULE_NA;
	if (!still_waiting(ctx, o))
		return RULE_NA;
	rule_related(ctx, o->number, "the chain used");
	rule_related(ctx, ctx->q->seen.n_irq, "the last notification");
	o->number = 0;
	return rule_fail(
		ctx,
		"a used buffer notification was due, but none came for %llu s; the driver still "
		"waits",
		(unsigned long long)(waited / SECONDS));
}

/* The device took a vector and said so; it has never used it. */
static enum verdict vector_silent(struct rule_context *ctx)
{
	const struct obligation *o = &ctx->q->irq.due;

	if (!o->number || ctx->now - o->ts < STALL || !ctx->dev->msix || no_vector(ctx) ||
	    stopped(ctx) || !still_waiting(ctx, o))
		return RULE_NA;
	if (ctx->q->seen.irqs || !ctx->q->setup.n_vector_read)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_vector_read, "the vector read back");
	rule_related(ctx, o->number, "the chain used");
	return rule_fail(
		ctx,
		"queue_msix_vector of queue %u reads %u, but no interrupt has come for the queue",
		ctx->q->index, ctx->queue->vector);
}

/* arg: 1 in a packed ring.  What the driver asked for then is what it asks for still. */
static enum verdict irq_extra(struct rule_context *ctx)
{
	const struct obligation *o = &ctx->q->irq.extra;
	const char *since = ctx->q->seen.irqs > 1 ? "the one before" : "the queue was enabled";

	if (is_packed(ctx) != (ctx->rule->arg != 0) || !(ctx->ring->known & VQT_RING_USED_EVENT) ||
	    accepted(ctx, VIRTIO_F_NOTIFY_ON_EMPTY))
		return RULE_NA;
	if (!o->number || check_wish(ctx->ring) != o->a)
		return RULE_PASSED;
	rule_related(ctx, o->number, "the notification");
	rule_related(ctx, ctx->q->seen.n_used, "the last chain used");
	if (is_packed(ctx))
		return rule_fail(
			ctx,
			"a notification was sent, but the driver's event suppression (flags %u, off %u, "
			"wrap %u) asked for none since %s",
			ctx->ring->avail_flags, virtq_slot(ctx->ring->used_event),
			virtq_wrap(ctx->ring->used_event), since);
	return rule_fail(
		ctx, "a notification was sent, but used_event is %u, which was not passed since %s",
		ctx->ring->used_event, since);
}

static enum verdict irq_suppressed(struct rule_context *ctx)
{
	const struct obligation *o = &ctx->q->irq.extra;

	if (event_idx(ctx) || accepted(ctx, 24))
		return RULE_NA;
	if (!o->number || o->b < 16 || !(ctx->ring->avail_flags & 1))
		return RULE_PASSED;
	rule_related(ctx, o->number, "the notification");
	return rule_fail(
		ctx,
		"a notification was sent, but the driver's flags asked for none the last %u times",
		o->b);
}

/* --- kicks ------------------------------------------------------------------ */

/* Entries have waited for long, the driver is alive, the device could pop them. */
static bool stalled(const struct rule_context *ctx)
{
	const struct obligation *o = &ctx->q->wait.stall;

	if (!o->number || !ctx->q->wait.stall_whole || record_ring_backlog(ctx->ring) < 0 ||
	    stopped(ctx) || ctx->q->draining || ctx->dev->flags & VQT_DEV_DATAPATH_ELSEWHERE)
		return false;
	if (ctx->e->rec->h.type == VQT_AVAIL)
		return false; /* it has just woken up */
	return o->b == ctx->ring->last_avail && ctx->now - o->ts >= STALL &&
	       ctx->driver_ts > o->ts + STALL / 2;
}

enum waiting {
	WAIT_UNKNOWN,
	WAIT_FOR_DRIVER, /* it should have kicked */
	WAIT_IGNORED, /* it has, and nothing happened */
	WAIT_NO_WISH, /* the device asked for no kick and does not look */
};

static enum waiting by_event(const struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring, *before = &ctx->q->last.ring;

	if (!(r->known & VQT_RING_AVAIL_EVENT) || r->avail_event != before->avail_event)
		return WAIT_UNKNOWN;
	if (!virtq_need_event(r->avail_event, (uint16_t)ctx->q->wait.stall.a, r->last_avail))
		return virtq_need_event(r->avail_event, r->avail_idx, r->last_avail) ? WAIT_UNKNOWN
										     : WAIT_NO_WISH;
	if (ctx->q->kicks.avail_known && ctx->q->seen.n_kick &&
	    virtq_passed(r->avail_event, ctx->q->kicks.avail))
		return WAIT_IGNORED;
	return WAIT_FOR_DRIVER;
}

static enum waiting by_flags(const struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring, *before = &ctx->q->last.ring;

	if (!(r->known & VQT_RING_USED_FLAGS) || r->used_flags != before->used_flags)
		return WAIT_UNKNOWN;
	if (r->used_flags & VRING_USED_F_NO_NOTIFY)
		return WAIT_NO_WISH;
	if (ctx->q->kicks.avail_known && ctx->q->seen.n_kick &&
	    (int16_t)(ctx->q->kicks.avail - (uint16_t)ctx->q->wait.stall.a) >= 0)
		return WAIT_IGNORED;
	return WAIT_FOR_DRIVER;
}

/* Samples have seen entries wait for so long, and the driver live on. */
static bool waited(const struct rule_context *ctx, unsigned pending, uint64_t time)
{
	const struct vqt_ringstate *s = &ctx->e->rec->ring;
	const struct check_queue *q = ctx->q;

	return q->wait.sampled.number && q->wait.pending == pending && s->pending == pending &&
	       record_ring_waits(&s->ring) == 1 && s->ring.last_avail == q->wait.sampled.b &&
	       ctx->now - q->wait.sampled.ts >= time && q->wait.ts_alive &&
	       ctx->now - q->wait.ts_alive >= STALL / 2 && driver_ok(ctx) && !stopped(ctx) &&
	       !q->draining && !(ctx->dev->flags & VQT_DEV_DATAPATH_ELSEWHERE);
}

/* The device still asks for what it asked for before the entries came. */
static bool still_asks(const struct rule_context *ctx)
{
	const struct obligation *a = &ctx->q->wait.asked;
	const struct vqt_ring *r = ctx->ring;

	if (!a->number || a->b != r->last_avail)
		return false;
	/* A kick for the entry would have found it there (QEMU kicks itself at DRIVER_OK). */
	if (ctx->q->seen.n_kick > a->number &&
	    (!ctx->q->kicks.avail_known || ctx->q->kicks.avail != a->b))
		return false;
	/* Without a chain taken here, who knows who serves the queue (vhost)? */
	if (!ctx->d->class->serves && !ctx->q->chain.number)
		return false;
	return check_asks(ctx, r) && (!(r->known & VQT_RING_AVAIL_EVENT) || r->avail_event == a->a);
}

/* What waits, for the sentences below. */
static const char *what_waits(const struct rule_context *ctx, char to[64])
{
	const struct vqt_ring *r = ctx->ring;

	if (is_packed(ctx))
		snprintf(to, 64, "slot %u is available, but the device has not popped it",
			 virtq_slot(r->last_avail));
	else
		snprintf(to, 64, "avail.idx is %u, but the device has popped up to %u",
			 r->avail_idx, r->last_avail);
	return to;
}

static enum verdict kick_missing_sampled(struct rule_context *ctx)
{
	char what[64];

	if (!waited(ctx, VQT_PENDING_NO, STALL) || !still_asks(ctx))
		return RULE_NA;
	rule_related(ctx, ctx->q->wait.asked.number, "nothing available, a kick asked for");
	rule_related(ctx, ctx->q->wait.sampled.number, "the entries first sampled");
	rule_related(ctx, ctx->q->seen.n_kick, "the last kick");
	ctx->q->wait.asked.number = 0;
	return rule_fail(ctx, "%s and waits for a kick, but none came and none is pending",
			 what_waits(ctx, what));
}

enum { KICK_FLAGS, KICK_EVENT, KICK_PACKED };

/* Where a kick can be on its way without a record of it. */
static bool kick_may_pend(const struct rule_context *ctx)
{
	if (ctx->e->rec->h.type == VQT_RING && ctx->e->rec->ring.pending == VQT_PENDING_NO)
		return false;
	return event_by_snooper(ctx->e) || (ctx->e->source && ctx->e->source->kind == VQT_SRC_QEMU);
}

static enum verdict kick_missing(struct rule_context *ctx)
{
	if (ctx->rule->arg != (is_packed(ctx)	? KICK_PACKED
			       : event_idx(ctx) ? KICK_EVENT
						: KICK_FLAGS))
		return RULE_NA;
	if (is_sample(ctx))
		return kick_missing_sampled(ctx);
	if (!stalled(ctx) || kick_may_pend(ctx))
		return RULE_NA;
	if ((event_idx(ctx) ? by_event(ctx) : by_flags(ctx)) != WAIT_FOR_DRIVER)
		return RULE_NA;
	rule_related(ctx, ctx->q->wait.stall.number, "the entries first seen");
	rule_related(ctx, ctx->q->seen.n_kick, "the last kick");
	return rule_fail(ctx,
			 "avail.idx is %u, but the device has popped up to %u and was not kicked",
			 ctx->q->wait.stall.a, ctx->q->wait.stall.b);
}

/* What entries that samples have seen wait for all the time wait for. */
static enum waiting by_sample(const struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring;
	const struct check_queue *q = ctx->q;

	if (is_packed(ctx)) /* how many wait it does not say */
		return r->known & VQT_RING_USED_FLAGS &&
				       r->used_flags == VRING_PACKED_EVENT_FLAG_DISABLE
			       ? WAIT_NO_WISH
			       : WAIT_UNKNOWN;
	if (event_idx(ctx) ? !(r->known & VQT_RING_AVAIL_EVENT) : !(r->known & VQT_RING_USED_FLAGS))
		return WAIT_UNKNOWN;
	if (event_idx(ctx) ? !virtq_need_event(r->avail_event, r->avail_idx, r->last_avail)
			   : r->used_flags & VRING_USED_F_NO_NOTIFY)
		return WAIT_NO_WISH;
	return q->seen.n_kick && q->kicks.avail_known &&
			       (int16_t)(q->kicks.avail - r->last_avail) > 0
		       ? WAIT_IGNORED
		       : WAIT_UNKNOWN;
}

static enum verdict asleep_sampled(struct rule_context *ctx)
{
	enum waiting w;
	char what[64];

	if (!waited(ctx, VQT_PENDING_NO, ABANDONED) || model_flight(ctx->queue) ||
	    !ctx->d->class->serves)
		return RULE_NA;
	w = by_sample(ctx);
	if (w != ctx->rule->arg)
		return RULE_NA;
	rule_related(ctx, ctx->q->wait.sampled.number, "the entries first sampled");
	rule_related(ctx, ctx->q->seen.n_kick, "the last kick");
	ctx->q->wait.sampled.ts = ctx->now; /* again after as long */
	return rule_fail(ctx, "%s for %llu s%s", what_waits(ctx, what), ABANDONED / SECONDS,
			 w == WAIT_IGNORED ? " and was kicked" : " and asks for no kick");
}

/* The driver has kicked, and the device has not come to hear of it. */
static enum verdict unserved(struct rule_context *ctx)
{
	char what[64];

	if (!waited(ctx, VQT_PENDING_YES, ABANDONED))
		return RULE_NA;
	rule_related(ctx, ctx->q->wait.sampled.number, "the entries first sampled");
	rule_related(ctx, ctx->q->seen.n_kick, "the last kick that arrived");
	ctx->q->wait.sampled.ts = ctx->now;
	return rule_fail(ctx, "%s, although a kick has been pending for %llu s",
			 what_waits(ctx, what), ABANDONED / SECONDS);
}

static enum verdict asleep(struct rule_context *ctx)
{
	enum waiting w;

	if (is_sample(ctx))
		return asleep_sampled(ctx);
	if (!stalled(ctx) || model_flight(ctx->queue) || !ctx->d->class->serves)
		return RULE_NA;
	w = event_idx(ctx) ? by_event(ctx) : by_flags(ctx);
	if (w != ctx->rule->arg)
		return RULE_NA;
	rule_related(ctx, ctx->q->wait.stall.number, "the entries first seen");
	rule_related(ctx, ctx->q->seen.n_kick, "the last kick");
	if (w == WAIT_IGNORED)
		return rule_fail(
			ctx,
			"avail.idx is %u, but the device, although kicked, has popped up to %u only",
			ctx->q->wait.stall.a, ctx->q->wait.stall.b);
	return rule_fail(
		ctx,
		"avail.idx is %u, but the device has popped up to %u, and its %s asks for no kick",
		ctx->q->wait.stall.a, ctx->q->wait.stall.b,
		event_idx(ctx) ? "avail_event" : "used.flags");
}

/* A kick that the device saw as the driver made it, and two looks at the ring before it. */
static bool real_kick(const struct rule_context *ctx)
{
	return ctx->e->rec->kick.via != VQT_KICK_IOEVENTFD && ctx->q->seen.n_kick &&
	       ctx->q->last.number && ctx->now - ctx->q->last.ts > SETTLED && !ctx->q->draining;
}

static enum verdict kick_unasked(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring, *before = &ctx->q->last.ring;
	const unsigned need = VQT_RING_AVAIL_IDX | VQT_RING_AVAIL_EVENT;

	if (!event_idx(ctx) || is_packed(ctx) || !real_kick(ctx) || (r->known & need) != need ||
	    (before->known & need) != need || !ctx->q->kicks.avail_known ||
	    r->avail_event != before->avail_event || r->avail_idx == ctx->q->kicks.avail)
		return RULE_NA;
	if (virtq_need_event(r->avail_event, r->avail_idx, ctx->q->kicks.avail))
		return RULE_PASSED;
	rule_related(ctx, ctx->q->seen.n_kick, "the kick before");
	return rule_fail(ctx, "kicked for entries %u to %u, but avail_event is %u",
			 ctx->q->kicks.avail, (uint16_t)(r->avail_idx - 1), r->avail_event);
}

static enum verdict kick_suppressed(struct rule_context *ctx)
{
	const struct vqt_ring *r = ctx->ring, *before = &ctx->q->last.ring;

	if (is_packed(ctx) != (ctx->rule->arg != 0) || (!is_packed(ctx) && event_idx(ctx)) ||
	    !real_kick(ctx) || !(r->known & before->known & VQT_RING_USED_FLAGS))
		return RULE_NA;
	if (r->used_flags != 1 || before->used_flags != 1)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->last.number, "the ring before");
	return rule_fail(ctx, "kicked, but the device's flags ask for no kicks");
}

#define MISSING (NEED_RING | NEED_USED | NEED_IRQ | NEED_MSIX)
#define IRQ (MISSING | NEED_FLIGHT)
#define KICK (NEED_RING | NEED_CHAIN | NEED_KICK | NEED_AGREED)

static const struct rule rows[] = {
	{ DEVICE_SUSPICIOUS, .id = "vector-silent", .section = "4.1.5.1.2.1", .refs = "MSIX-V9",
	  .text = "A device that cannot map a vector shows NO_VECTOR; otherwise the driver waits "
		  "for interrupts that never come.",
	  .needs = IRQ | NEED_LIFE, .at = AT(RING), .check = vector_silent,
	  .wrong = "queue_msix_vector <- 1, = 1; a chain is used, and no interrupt ever comes" },
	{ DEVICE_MUST, .id = "interrupt-missing", .section = "2.7.7.2",
	  .refs = "SPLIT-V9 SPLIT-V7 T23",
	  .text = "Without VIRTIO_F_EVENT_IDX the device notifies the driver of used buffers "
		  "unless avail.flags is 1.",
	  .needs = MISSING, .at = AT(RING) | AT(SAMPLE) | ONLY(OBLIGATION_IRQ),
	  .check = irq_missing, .arg = MISSING_FLAGS,
	  .wrong = "avail.flags 0, a chain is used, silence" },
	{ DEVICE_MUST, .id = "interrupt-missing-event-idx", .section = "2.7.7.2",
	  .refs = "SPLIT-V11 SPLIT-V10 T23",
	  .text = "With VIRTIO_F_EVENT_IDX the device notifies the driver when used.idx passes "
		  "used_event.",
	  .needs = MISSING, .at = AT(RING) | AT(SAMPLE) | ONLY(OBLIGATION_IRQ),
	  .check = irq_missing, .arg = MISSING_EVENT,
	  .wrong = "used_event 5, element 5 is used, silence" },
	{ DEVICE_STRUCTURAL, .id = "interrupt-missing-packed", .section = "2.8.10",
	  .refs = "I13 T23",
	  .text = "The device notifies the driver of used buffers as the driver's event "
		  "suppression area asks.",
	  .needs = MISSING, .at = AT(RING) | AT(SAMPLE) | ONLY(OBLIGATION_IRQ),
	  .check = irq_missing, .arg = MISSING_PACKED,
	  .wrong = "flags 0, a buffer is used, silence" },
	{ DEVICE_MUST, .id = "interrupt-missing-empty", .section = "6.3", .refs = "BITS-V11",
	  .text = "With VIRTIO_F_NOTIFY_ON_EMPTY the device notifies the driver when the queue "
		  "has become empty.",
	  .needs = IRQ, .at = AT(RING) | AT(SAMPLE) | ONLY(OBLIGATION_IRQ), .check = irq_missing,
	  .arg = MISSING_EMPTY, .wrong = "the last chain is used, silence" },
	{ DEVICE_SHOULD, .id = "interrupt-unasked", .section = "2.7.7.2", .refs = "SPLIT-V12",
	  .text = "With VIRTIO_F_EVENT_IDX the device sends no notification before used.idx "
		  "passes used_event.",
	  .needs = IRQ | NEED_PROMPT, .at = AT(RING) | ONLY(SPLIT) | ONLY(EVENT_IDX),
	  .check = irq_extra, .wrong = "used_event 40, element 5 is used, a notification" },
	{ DEVICE_SUSPICIOUS, .id = "interrupt-unasked-packed", .section = "2.8.10", .refs = "I13",
	  .text = "The device sends no notification of used buffers that the driver's event "
		  "suppression area does not ask for.",
	  .needs = IRQ | NEED_PROMPT, .at = AT(RING) | ONLY(PACKED) | ONLY(EVENT_IDX),
	  .check = irq_extra, .arg = 1,
	  .wrong = "flags 2, off 40, slot 5 is used, a notification" },
	{ DEVICE_SUSPICIOUS, .id = "interrupt-suppressed", .section = "2.7.7.2", .refs = "SPLIT-V8",
	  .text = "While avail.flags is 1 the device need not send notifications; those it sends "
		  "only cost time.",
	  .needs = IRQ | NEED_PROMPT, .at = AT(RING) | ONLY(NO_EVENT_IDX), .check = irq_suppressed,
	  .wrong = "avail.flags 1 all the time, notifications come" },
	{ DRIVER_MUST, .id = "kick-missing", .section = "2.7.10.1",
	  .refs = "SPLIT-D22 SPLIT-D20 T24",
	  .text = "Without VIRTIO_F_EVENT_IDX the driver kicks for new entries unless used.flags is 1.",
	  .needs = KICK, .at = AT(RING) | AT(SAMPLE) | ONLY(NO_EVENT_IDX) | ONLY(STALL),
	  .check = kick_missing, .arg = KICK_FLAGS,
	  .wrong = "avail.idx goes up, used.flags 0, no kick" },
	{ DRIVER_MUST, .id = "kick-missing-event-idx", .section = "2.7.10.1",
	  .refs = "SPLIT-D24 SPLIT-D23 T24",
	  .text = "With VIRTIO_F_EVENT_IDX the driver kicks when avail.idx passes avail_event.",
	  .needs = KICK, .at = AT(RING) | AT(SAMPLE) | ONLY(EVENT_IDX) | ONLY(STALL),
	  .check = kick_missing, .arg = KICK_EVENT,
	  .wrong = "avail_event 5, avail.idx 6, no kick" },
	{ DRIVER_STRUCTURAL, .id = "kick-missing-packed", .section = "2.8.10", .refs = "I14 T24",
	  .text = "The driver kicks as the device's event suppression area asks.", .needs = KICK,
	  .at = AT(SAMPLE) | ONLY(PACKED) | ONLY(STALL), .check = kick_missing, .arg = KICK_PACKED,
	  .wrong = "flags 0, a descriptor is made available, no kick" },
	{ DEVICE_STRUCTURAL, .id = "kick-ignored", .section = "2.7.10.2", .refs = "T24",
	  .text = "After a kick the device pops the available chains.", .needs = KICK,
	  .at = AT(RING) | AT(SAMPLE) | ONLY(STALL), .check = asleep, .arg = WAIT_IGNORED,
	  .wrong = "kick, avail.idx 6, the device stays at 5" },
	{ DEVICE_STRUCTURAL, .id = "device-asleep", .section = "2.7.10.2", .refs = "T24",
	  .text = "A device that stops polling a ring asks to be notified of the next entry.",
	  .needs = KICK, .at = AT(RING) | AT(SAMPLE) | ONLY(STALL), .check = asleep,
	  .arg = WAIT_NO_WISH, .wrong = "avail_event stays at 2, the device sleeps at 5" },
	{ DEVICE_SUSPICIOUS, .id = "kick-unserved", .section = "2.7.10.2", .refs = "T24",
	  .text = "A kick reaches the device promptly; if not, the device or its host holds it "
		  "up, not the driver.",
	  .needs = NEED_RING | NEED_AGREED, .at = AT(SAMPLE) | ONLY(STALL), .check = unserved,
	  .wrong = "samples see an entry wait, and a kick for it, for ten seconds" },
	{ DRIVER_SHOULD, .id = "kick-unasked", .section = "2.7.10.1", .refs = "SPLIT-D25",
	  .text = "With VIRTIO_F_EVENT_IDX the driver does not kick before avail.idx passes "
		  "avail_event.",
	  .needs = KICK | NEED_FLIGHT,
	  .at = AT(KICK) | ONLY(SPLIT) | ONLY(EVENT_IDX) | ONLY(SEEN_KICK), .check = kick_unasked,
	  .wrong = "avail_event 40, avail.idx 6, a kick" },
	{ DRIVER_SUSPICIOUS, .id = "kick-suppressed", .section = "2.7.10.1", .refs = "SPLIT-D21",
	  .text = "While used.flags is 1 the driver need not kick.", .needs = KICK | NEED_FLIGHT,
	  .at = AT(KICK) | ONLY(SEEN_KICK), .check = kick_suppressed,
	  .wrong = "used.flags 1 all the time, kicks come" },
	{ DRIVER_SUSPICIOUS, .id = "kick-suppressed-packed", .section = "2.8.10", .refs = "I14",
	  .text = "While the device's event suppression flags are 1 the driver need not kick.",
	  .needs = NEED_RING | NEED_KICK | NEED_FLIGHT,
	  .at = AT(KICK) | ONLY(PACKED) | ONLY(SEEN_KICK), .check = kick_suppressed, .arg = 1,
	  .wrong = "the device's flags 1 all the time, kicks come" },
};

const struct rule_table rules_stall = {
	RULES(rows),
	.why = "Each side sleeps until the other notifies it. Each has to say what it waits for and then\n"
	       "look at the ring once more, and each has to notify the other when that point is passed.\n"
	       "After one mistake a request hangs until something unrelated wakes the queue; such hangs are\n"
	       "hard to reproduce.",
	.right =
		"the driver: entries, avail.idx, barrier, read avail_event (or used.flags)\n"
		"   passed since the last kick (or not suppressed)? kick\n"
		"the device: avail_event <- next entry, barrier, read avail.idx again, then sleep\n"
		"the device: element, used.idx, barrier, read used_event (or avail.flags)\n"
		"   passed since the last interrupt (or not suppressed)? interrupt\n",
};
