/* SPDX-License-Identifier: MIT */
/* Descriptor chains as the driver made them: 2.7.4, 2.7.5, 2.8.5 to 2.8.19. */
#include <inttypes.h>

#include "decoder/check/context.h"

#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT

static bool packed(const struct rule_context *ctx)
{
	return ctx->queue->packed;
}

/* Descriptor i names a table, not a buffer. */
static bool is_table(const struct model_request *r, uint32_t i)
{
	return i < r->ndirect && r->desc[i].flags & INDIRECT;
}

static enum verdict bad_head(struct rule_context *ctx)
{
	if (ctx->queue->packed || !ctx->queue->size_known)
		return RULE_NA;
	if (ctx->req->head < ctx->queue->size)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->seen.n_kick, "the last kick");
	return rule_fail(ctx, "available ring entry %u names descriptor %u of a queue of %u",
			 ctx->req->pos, ctx->req->head, ctx->queue->size);
}

static enum verdict bad_next(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!chain_true(r))
		return RULE_NA;
	if (!(r->flags & VQT_CHAIN_BAD_NEXT))
		return RULE_PASSED;
	rule_related(ctx, ctx->q->seen.n_kick, "the last kick");
	return rule_fail(ctx, "after its descriptor %u chain %u continues outside its table",
			 r->head, r->ndesc);
}

static enum verdict in_flight(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (accepted(ctx, VIRTIO_F_IN_ORDER) || r->flags & VQT_CHAIN_AGAIN || ctx->q->draining)
		return RULE_NA;
	if (!ctx->e->head_in_flight)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->seen.n_used, "the last chain used");
	return rule_fail(ctx, "%s %u was made available again, but is still in flight",
			 packed(ctx) ? "buffer id" : "descriptor", r->head);
}

static enum verdict zero_length(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	for (uint32_t i = 0; i < r->ndesc; i++)
		if (!r->desc[i].len && !is_table(r, i))
			return rule_fail(ctx, "descriptor %u of chain %u has length 0", i, r->head);
	return RULE_PASSED;
}

static enum verdict table_length(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint32_t last = r->ndirect - 1, len;

	if (!chain_true(r) || !r->ndirect || r->ndirect > r->ndesc || !is_table(r, last))
		return RULE_NA;
	len = r->desc[last].len;
	if (len && !(len % sizeof(struct vring_desc)))
		return RULE_PASSED;
	return rule_fail(ctx, "the indirect table of chain %u has %u bytes", r->head, len);
}

static enum verdict order(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	bool writable = false;

	for (uint32_t i = 0; i < r->ndesc; i++) {
		if (is_table(r, i))
			continue;
		if (r->desc[i].flags & WRITE)
			writable = true;
		else if (writable)
			return rule_fail(
				ctx,
				"descriptor %u of chain %u is device-readable and follows a "
				"device-writable one",
				i, r->head);
	}
	return RULE_PASSED;
}

/* The device gave up at the queue's size, in a table that is longer: no loop as yet. */
static bool long_table(const struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	return r->flags & VQT_CHAIN_LOOP && r->ndirect && r->ndirect <= r->ndesc &&
	       is_table(r, r->ndirect - 1) &&
	       r->desc[r->ndirect - 1].len / sizeof(struct vring_desc) > ctx->queue->size;
}

static enum verdict loop(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!chain_true(r) || long_table(ctx))
		return RULE_NA;
	if (r->flags & VQT_CHAIN_LOOP)
		return rule_fail(ctx, "chain %u has more descriptors than the queue: it loops",
				 r->head);
	if (r->readable + r->writable > 1ULL << 32)
		return rule_fail(ctx, "chain %u has %" PRIu64 " bytes", r->head,
				 r->readable + r->writable);
	return RULE_PASSED;
}

static enum verdict too_long(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint32_t n = r->ndesc;

	if (!ctx->queue->size_known || !ctx->queue->size || packed(ctx) != (ctx->rule->arg != 0))
		return RULE_NA;
	if (long_table(ctx))
		return rule_fail(ctx, "chain %u continues after %u descriptors in a queue of %u",
				 r->head, n - 1, ctx->queue->size);
	if (r->flags & VQT_CHAIN_LOOP)
		return RULE_NA;
	if (r->ndirect && r->ndirect <= n && is_table(r, r->ndirect - 1))
		n--;
	if (n <= ctx->queue->size)
		return RULE_PASSED;
	return rule_fail(ctx, "chain %u has %u descriptors in a queue of %u", r->head, n,
			 ctx->queue->size);
}

static enum verdict indirect_unnegotiated(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!chain_true(r) || !negotiated(ctx) || packed(ctx) != (ctx->rule->arg != 0))
		return RULE_NA;
	for (uint32_t i = 0; i < r->ndirect && i < r->ndesc; i++) {
		if (!is_table(r, i))
			continue;
		if (accepted(ctx, VIRTIO_RING_F_INDIRECT_DESC))
			return RULE_PASSED;
		rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
		return rule_fail(
			ctx,
			"chain %u has an indirect table, but VIRTIO_F_INDIRECT_DESC is not "
			"negotiated",
			r->head);
	}
	return RULE_NA;
}

static enum verdict nested(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!chain_true(r) || r->ndesc <= r->ndirect || packed(ctx))
		return RULE_NA;
	for (uint32_t i = r->ndirect; i < r->ndesc; i++)
		if (r->desc[i].flags & INDIRECT)
			return rule_fail(
				ctx,
				"entry %u of the indirect table of chain %u is indirect itself",
				i - r->ndirect, r->head);
	return RULE_PASSED;
}

static enum verdict table_flags(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!chain_true(r) || r->ndesc <= r->ndirect || !packed(ctx))
		return RULE_NA;
	for (uint32_t i = r->ndirect; i < r->ndesc; i++)
		if (r->desc[i].flags & ~WRITE)
			return rule_fail(
				ctx, "entry %u of the indirect table of buffer %u has flags 0x%04x",
				i - r->ndirect, r->head, r->desc[i].flags);
	return RULE_PASSED;
}

static enum verdict indirect_next(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	bool any = false;

	if (!chain_true(r) || packed(ctx) != (ctx->rule->arg != 0))
		return RULE_NA;
	for (uint32_t i = 0; i < r->ndirect && i < r->ndesc; i++) {
		if (!is_table(r, i))
			continue;
		any = true;
		if (r->desc[i].flags & NEXT || (packed(ctx) && r->ndirect > 1))
			return rule_fail(
				ctx, "descriptor %u of chain %u is indirect and %s", i, r->head,
				r->desc[i].flags & NEXT ? "has NEXT set" : "part of a list");
	}
	return any ? RULE_PASSED : RULE_NA;
}

/* 2.7.5.2: descriptors follow one another in the table. */
static enum verdict order_direct(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	uint32_t at = r->head;

	if (!chain_true(r) || !chain_whole(r) || packed(ctx) || !accepted(ctx, VIRTIO_F_IN_ORDER) ||
	    !ctx->queue->size)
		return RULE_NA;
	for (uint32_t i = 0; i < r->ndirect && i < r->ndesc && r->desc[i].flags & NEXT; i++) {
		uint32_t want = at + 1 == ctx->queue->size ? 0 : at + 1;

		if (r->desc[i].next != want)
			return rule_fail(ctx, "descriptor %u of chain %u has next %u, not %u", at,
					 r->head, r->desc[i].next, want);
		at = want;
	}
	return RULE_PASSED;
}

static enum verdict order_table(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!chain_true(r) || packed(ctx) || r->ndesc <= r->ndirect ||
	    !accepted(ctx, VIRTIO_F_IN_ORDER))
		return RULE_NA;
	for (uint32_t i = r->ndirect; i < r->ndesc; i++)
		if (r->desc[i].flags & NEXT && r->desc[i].next != i - r->ndirect + 1)
			return rule_fail(ctx,
					 "entry %u of the indirect table of chain %u has next %u",
					 i - r->ndirect, r->head, r->desc[i].next);
	return RULE_PASSED;
}

/* --- what the device makes of a chain that is in order ----------------------- */

/* arg: 0 any chain, 1 one with WRITE on its table, 2 one whose table follows direct ones */
static enum verdict refused(struct rule_context *ctx)
{
	struct check_queue *q = ctx->q;

	for (struct check_queue *c = ctx->d->queues; !q && c; c = c->hh.next)
		if (c->chain.number && c->chain.number + 1 == ctx->number)
			q = c;
	if (!q || !q->chain.number || q->chain.number < ctx->d->status.n_error)
		return RULE_NA;
	if (q->chain.faulty || q->chain.number < q->seen.n_used ||
	    q->chain.number < q->seen.n_kick || q->chain.flags)
		return RULE_NA;
	if (ctx->rule->arg == 1	  ? !q->chain.write_table
	    : ctx->rule->arg == 2 ? !q->chain.after_direct
				  : q->chain.write_table || q->chain.after_direct)
		return RULE_NA;
	rule_related(ctx, q->chain.number, "the chain");
	return rule_fail_queue(
		ctx, q->index,
		"the device reported an error right after popping a chain with nothing "
		"wrong in it%s",
		ctx->rule->arg == 1 ? " but WRITE on its indirect descriptor"
		: ctx->rule->arg    ? " whose table follows direct descriptors"
				    : "");
}

static enum verdict spurious_refused(struct rule_context *ctx)
{
	struct check_queue *q = ctx->q;

	for (struct check_queue *c = ctx->d->queues; !q && c; c = c->hh.next)
		if (c->seen.n_kick && c->seen.n_kick + 1 == ctx->number)
			q = c;
	if (!q || q->seen.n_kick + 1 != ctx->number || q->last.number != q->seen.n_kick ||
	    record_ring_backlog(&q->last.ring) != 0)
		return RULE_NA;
	rule_related(ctx, q->seen.n_kick, "the kick");
	return rule_fail_queue(ctx, q->index,
			       "the device reported an error right after a kick with nothing new");
}

static const struct explanation framing = {
	.why = "Only the driver decides how a request is divided into descriptors. Devices that expect the\n"
	       "layout of one driver fail with the next.",
	.right =
		"header and data in one descriptor, or the header in two: the device serves both\n",
};

static const struct rule rows[] = {
	{ DRIVER_STRUCTURAL, .id = "head-out-of-range", .section = "2.7.6", .refs = "I01 T30",
	  .text = "Entries of the available ring are indices within the descriptor table.",
	  .needs = NEED_CHAIN | NEED_AGREED, .at = AT(CHAIN) | ONLY(SPLIT), .check = bad_head,
	  .wrong = "queue_size 256, ring[3] = 300" },
	{ DRIVER_STRUCTURAL, .id = "next-out-of-range", .section = "2.7.5", .refs = "I02 T30",
	  .text = "next is an index within the descriptor's own table.", .needs = NEED_CHAIN,
	  .at = AT(CHAIN), .check = bad_next, .wrong = "queue_size 256, next = 300" },
	{ DRIVER_STRUCTURAL, .id = "head-in-flight", .section = "2.7.13", .refs = "I03 T31 T37",
	  .text = "The driver reuses a descriptor or a buffer id only after the device has used "
		  "its chain.",
	  .needs = NEED_CHAIN | NEED_LIFE | NEED_FLIGHT, .at = AT(CHAIN), .check = in_flight,
	  .wrong = "chain 5 is in flight and made available once more" },
	{ DRIVER_STRUCTURAL, .id = "buffer-empty", .section = "2.7.5", .refs = "I07 T34",
	  .text = "Every descriptor has a length above 0; devices treat a length of 0 as a "
		  "driver error.",
	  .needs = NEED_CHAIN, .at = AT(CHAIN), .check = zero_length,
	  .wrong = "a data descriptor with len 0" },
	{ DRIVER_STRUCTURAL, .id = "indirect-table-length", .section = "2.7.5.3", .refs = "I08 T28",
	  .text = "An indirect table holds one or more whole descriptors.", .needs = NEED_CHAIN,
	  .at = AT(CHAIN) | ONLY(TABLE), .check = table_length,
	  .wrong = "an INDIRECT descriptor with len 40" },
	{ DRIVER_MUST, .id = "readable-after-writable", .section = "2.7.4.2",
	  .refs = "SPLIT-D3 PACKED-D8 T35",
	  .text = "Device-writable descriptors come after all device-readable ones.",
	  .needs = NEED_CHAIN, .at = AT(CHAIN), .check = order,
	  .wrong = "data (WRITE), then the header" },
	{ DRIVER_MUST, .id = "chain-loops", .section = "2.7.5.2", .refs = "SPLIT-D5 T27",
	  .text = "A chain ends within 2^32 bytes; it does not loop.", .needs = NEED_CHAIN,
	  .at = AT(CHAIN), .check = loop, .wrong = "descriptor 4 has next 3, descriptor 3 next 4" },
	{ DRIVER_MUST, .id = "chain-too-long", .section = "2.7.5.3.1", .refs = "SPLIT-D9 T26",
	  .text = "A chain has at most as many descriptors as the queue.",
	  .needs = NEED_CHAIN | NEED_AGREED, .at = AT(CHAIN) | ONLY(SPLIT), .check = too_long,
	  .wrong = "an indirect table of 300 in a queue of 256" },
	{ DRIVER_MUST, .id = "list-too-long", .section = "2.8.17", .refs = "PACKED-D7 T26",
	  .text = "A list has at most as many descriptors as the queue.",
	  .needs = NEED_CHAIN | NEED_AGREED, .at = AT(CHAIN) | ONLY(PACKED), .check = too_long,
	  .arg = 1, .wrong = "a table of 300 in a packed queue of 256" },
	{ DRIVER_MUST, .id = "indirect-unnegotiated", .section = "2.7.5.3.1",
	  .refs = "SPLIT-D7 T28 T08",
	  .text = "The driver uses indirect descriptors only after negotiating VIRTIO_F_INDIRECT_DESC.",
	  .needs = NEED_CHAIN | NEED_AGREED, .at = AT(CHAIN) | ONLY(SPLIT) | ONLY(TABLE),
	  .check = indirect_unnegotiated, .wrong = "an INDIRECT descriptor, bit 28 not accepted" },
	{ DRIVER_MUST, .id = "indirect-unnegotiated-packed", .section = "2.8.19",
	  .refs = "PACKED-D12 T28 T08",
	  .text = "The driver uses indirect descriptors only after negotiating VIRTIO_F_INDIRECT_DESC.",
	  .needs = NEED_CHAIN | NEED_AGREED, .at = AT(CHAIN) | ONLY(PACKED) | ONLY(TABLE),
	  .check = indirect_unnegotiated, .arg = 1,
	  .wrong = "an INDIRECT descriptor, bit 28 not accepted" },
	{ DRIVER_MUST, .id = "indirect-nested", .section = "2.7.5.3.1", .refs = "SPLIT-D8 T28",
	  .text = "An indirect table contains no indirect descriptors.", .needs = NEED_CHAIN,
	  .at = AT(CHAIN) | ONLY(SPLIT) | ONLY(TABLE), .check = nested,
	  .wrong = "a table entry with INDIRECT" },
	{ DRIVER_MUST, .id = "indirect-table-flags", .section = "2.8.19",
	  .refs = "PACKED-D13 T28 T36",
	  .text = "Entries of an indirect table of a packed queue have no flag other than WRITE.",
	  .needs = NEED_CHAIN, .at = AT(CHAIN) | ONLY(PACKED) | ONLY(TABLE), .check = table_flags,
	  .wrong = "a table entry with NEXT" },
	{ DRIVER_MUST, .id = "indirect-and-next", .section = "2.7.5.3.1", .refs = "SPLIT-D10 T28",
	  .text = "A descriptor does not have both INDIRECT and NEXT set.", .needs = NEED_CHAIN,
	  .at = AT(CHAIN) | ONLY(SPLIT) | ONLY(TABLE), .check = indirect_next,
	  .wrong = "flags 0x0005" },
	{ DRIVER_MUST, .id = "indirect-in-list", .section = "2.8.19", .refs = "PACKED-D15 T28",
	  .text = "An indirect descriptor of a packed queue is not part of a list.",
	  .needs = NEED_CHAIN, .at = AT(CHAIN) | ONLY(PACKED) | ONLY(TABLE), .check = indirect_next,
	  .arg = 1, .wrong = "NEXT, then INDIRECT" },
	{ DRIVER_MUST, .id = "in-order-next", .section = "2.7.5.2", .refs = "SPLIT-D6",
	  .text = "With VIRTIO_F_IN_ORDER the descriptors of a chain are consecutive in the table.",
	  .needs = NEED_CHAIN | NEED_AGREED, .at = AT(CHAIN) | ONLY(SPLIT) | ONLY(IN_ORDER),
	  .check = order_direct, .wrong = "descriptor 4 has next 9" },
	{ DRIVER_MUST, .id = "in-order-table", .section = "2.7.5.3.1", .refs = "SPLIT-D11",
	  .text = "With VIRTIO_F_IN_ORDER the entries of an indirect table are linked in order.",
	  .needs = NEED_CHAIN | NEED_AGREED,
	  .at = AT(CHAIN) | ONLY(SPLIT) | ONLY(IN_ORDER) | ONLY(TABLE), .check = order_table,
	  .wrong = "table entry 0 has next 2" },
	{ DEVICE_SUSPICIOUS, .id = "legal-chain-refused", .section = "2.7.4.1",
	  .refs = "SPLIT-V1 T35",
	  .text = "The device accepts any framing: an error right after a correct chain is suspicious.",
	  .needs = NEED_CHAIN, .at = AT(ERROR), .check = refused, .explanation = &framing,
	  .wrong = "the header in two descriptors, virtio_error" },
	{ DEVICE_SUSPICIOUS, .id = "write-on-table-refused", .section = "2.7.5.3.2",
	  .refs = "SPLIT-V5",
	  .text = "The device ignores WRITE on a descriptor that refers to an indirect table.",
	  .needs = NEED_CHAIN, .at = AT(ERROR), .check = refused, .arg = 1, .explanation = &framing,
	  .wrong = "INDIRECT|WRITE, virtio_error" },
	{ DEVICE_SUSPICIOUS, .id = "table-after-direct-refused", .section = "2.7.5.3.2",
	  .refs = "SPLIT-V6",
	  .text = "The device accepts direct descriptors that are followed by an indirect one.",
	  .needs = NEED_CHAIN, .at = AT(ERROR), .check = refused, .arg = 2, .explanation = &framing,
	  .wrong = "NEXT, then INDIRECT, virtio_error" },
	{ DEVICE_SUSPICIOUS, .id = "spurious-kick-refused", .section = "2.7.10.2",
	  .refs = "SPLIT-V20", .text = "The device tolerates a kick when nothing new is available.",
	  .needs = NEED_KICK | NEED_RING, .at = AT(ERROR), .check = spurious_refused,
	  .explanation = &framing, .wrong = "kick with avail.idx unchanged, virtio_error" },
};

const struct rule_table rules_chain = {
	RULES(rows),
	.why = "A device follows chains by the lengths, flags and links it finds. A chain that is not in\n"
	       "order makes it stop for good (QEMU: a 'broken' device), serve half a request, or, if it\n"
	       "does not check, access memory it was never given.",
	.right = "free descriptors only; readable ones first, then writable ones\n"
		 "NEXT on all but the last, next below the size of the table\n"
		 "at most queue_size descriptors, each with a length\n"
		 "an indirect descriptor is the last, its length a multiple of 16\n",
};
