/* SPDX-License-Identifier: MIT */
/* Descriptor chains as the driver made them: 2.7.4, 2.7.5, 2.8.5 to 2.8.19. */
#include <inttypes.h>

#include "decoder/check/impl.h"

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
	rule_related(ctx, ctx->q->n_kick, "the last kick");
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
	rule_related(ctx, ctx->q->n_kick, "the last kick");
	return rule_fail(ctx,
			 "chain %u goes on after descriptor number %u to one outside its table",
			 r->head, r->ndesc);
}

static enum verdict in_flight(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (accepted(ctx, VIRTIO_F_IN_ORDER) || r->flags & VQT_CHAIN_AGAIN || ctx->q->draining)
		return RULE_NA;
	if (!ctx->e->head_in_flight)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->n_used, "the last chain used");
	return rule_fail(ctx, "%s %u was made available again and is still in flight",
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
		return rule_fail(ctx, "chain %u has more descriptors than there are", r->head);
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
		return rule_fail(ctx, "chain %u goes on after %u descriptors in a queue of %u",
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
		rule_related(ctx, ctx->d->n_feature_write, "the features accepted");
		return rule_fail(ctx,
				 "chain %u has an indirect table and VIRTIO_F_INDIRECT_DESC is not "
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
	struct cqueue *q = ctx->q;

	for (struct cqueue *c = ctx->d->queues; !q && c; c = c->hh.next)
		if (c->n_chain && c->n_chain + 1 == ctx->number)
			q = c;
	if (!q || !q->n_chain || q->n_chain < ctx->d->n_error)
		return RULE_NA;
	if (q->chain_faulty || q->n_chain < q->n_used || q->n_chain < q->n_kick || q->chain_flags)
		return RULE_NA;
	if (ctx->rule->arg == 1 && !q->chain_write_table)
		return RULE_NA;
	if (ctx->rule->arg == 2 && !q->chain_after_direct)
		return RULE_NA;
	if (!ctx->rule->arg && (q->chain_write_table || q->chain_after_direct))
		return RULE_NA;
	rule_related(ctx, q->n_chain, "the chain");
	return rule_fail_queue(ctx, q->index,
			       "the device met an error right after taking a chain with nothing "
			       "wrong in it%s",
			       ctx->rule->arg == 1 ? " but WRITE on its indirect descriptor"
			       : ctx->rule->arg	   ? " whose table follows direct descriptors"
						   : "");
}

static enum verdict spurious_refused(struct rule_context *ctx)
{
	struct cqueue *q = ctx->q;
	const struct vqt_ring *r;

	for (struct cqueue *c = ctx->d->queues; !q && c; c = c->hh.next)
		if (c->n_kick && c->n_kick + 1 == ctx->number)
			q = c;
	if (!q || q->n_kick + 1 != ctx->number || q->n_ring != q->n_kick)
		return RULE_NA;
	r = &q->ring;
	if (r->known & VQT_RING_PACKED || !(r->known & VQT_RING_AVAIL_IDX) ||
	    !(r->known & VQT_RING_LAST_AVAIL) || r->avail_idx != r->last_avail)
		return RULE_NA;
	rule_related(ctx, q->n_kick, "the kick");
	return rule_fail_queue(ctx, q->index,
			       "the device met an error right after a kick with nothing new");
}

static const struct explanation chain = {
	.why = "A device walks chains with the lengths, flags and links it finds. What is not in order\n"
	       "makes it stop for good (QEMU: 'broken' device), serve half a request, or, if it trusts too\n"
	       "much, touch memory it was never given.",
	.right = "free descriptors only; readable ones first, then writable ones\n"
		 "NEXT on all but the last, next below the size of the table\n"
		 "at most queue_size descriptors, each with a length\n"
		 "an indirect descriptor is the last and says a multiple of 16 bytes\n",
};

static const struct explanation framing = {
	.why = "How a request is cut into descriptors is the driver's business alone. Devices that expect\n"
	       "the cut of one driver fail with the next.",
	.right = "header and data in one descriptor, or the header in two: served all the same\n",
};

#define DRIVER CHECK_DRIVER, CHECK_MUST, 0
#define STRUCTURAL CHECK_DRIVER, CHECK_STRUCTURAL, 0
#define CHAIN NEED_CHAIN, AT(CHAIN)
#define AGREED NEED_CHAIN | NEED_AGREED, AT(CHAIN)

const struct rule rules_chain[] = {
	{ "head-out-of-range", "I01 T30", STRUCTURAL, "2.7.6",
	  "Available ring entries name descriptors of the table.", AGREED | ONLY(SPLIT), bad_head,
	  0, &chain, "queue_size 256, ring[3] = 300" },
	{ "next-out-of-range", "I02 T30", STRUCTURAL, "2.7.5",
	  "next names a descriptor of the same table.", CHAIN, bad_next, 0, &chain,
	  "queue_size 256, next = 300" },
	{ "head-in-flight", "I03 T31 T37", STRUCTURAL, "2.7.13",
	  "A descriptor or buffer id is free for new use only when its chain has been used.",
	  NEED_CHAIN | NEED_LIFE | NEED_FLIGHT, AT(CHAIN), in_flight, 0, &chain,
	  "chain 5 is in flight and made available once more" },
	{ "buffer-empty", "I07 T34", STRUCTURAL, "2.7.5",
	  "Every buffer has a length; devices take a length of 0 for a broken driver.", CHAIN,
	  zero_length, 0, &chain, "a data descriptor with len 0" },
	{ "indirect-table-length", "I08 T28", STRUCTURAL, "2.7.5.3",
	  "An indirect table has one or more whole descriptors.", CHAIN | ONLY(TABLE), table_length,
	  0, &chain, "an INDIRECT descriptor with len 40" },
	{ "readable-after-writable", "SPLIT-D3 PACKED-D8 T35", DRIVER, "2.7.4.2",
	  "Device-writable descriptors come after all device-readable ones.", CHAIN, order, 0,
	  &chain, "data (WRITE), then the header" },
	{ "chain-loops", "SPLIT-D5 T27", DRIVER, "2.7.5.2",
	  "A chain ends, within 2^32 bytes: it cannot come back to itself.", CHAIN, loop, 0, &chain,
	  "descriptor 4 has next 3, descriptor 3 next 4" },
	{ "chain-too-long", "SPLIT-D9 T26", DRIVER, "2.7.5.3.1",
	  "A chain has at most as many descriptors as the queue.", AGREED | ONLY(SPLIT), too_long,
	  0, &chain, "an indirect table of 300 in a queue of 256" },
	{ "list-too-long", "PACKED-D7 T26", DRIVER, "2.8.17",
	  "A list has at most as many descriptors as the queue.", AGREED | ONLY(PACKED), too_long,
	  1, &chain, "a table of 300 in a packed queue of 256" },
	{ "indirect-unnegotiated", "SPLIT-D7 T28 T08", DRIVER, "2.7.5.3.1",
	  "Indirect descriptors need VIRTIO_F_INDIRECT_DESC.", AGREED | ONLY(SPLIT) | ONLY(TABLE),
	  indirect_unnegotiated, 0, &chain, "an INDIRECT descriptor, bit 28 not accepted" },
	{ "indirect-unnegotiated-packed", "PACKED-D12 T28 T08", DRIVER, "2.8.19",
	  "Indirect descriptors need VIRTIO_F_INDIRECT_DESC.", AGREED | ONLY(PACKED) | ONLY(TABLE),
	  indirect_unnegotiated, 1, &chain, "an INDIRECT descriptor, bit 28 not accepted" },
	{ "indirect-nested", "SPLIT-D8 T28", DRIVER, "2.7.5.3.1",
	  "An indirect table holds no indirect descriptor.", CHAIN | ONLY(SPLIT) | ONLY(TABLE),
	  nested, 0, &chain, "a table entry with INDIRECT" },
	{ "indirect-table-flags", "PACKED-D13 T28 T36", DRIVER, "2.8.19",
	  "Entries of a packed queue's indirect table have no flag but WRITE.",
	  CHAIN | ONLY(PACKED) | ONLY(TABLE), table_flags, 0, &chain, "a table entry with NEXT" },
	{ "indirect-and-next", "SPLIT-D10 T28", DRIVER, "2.7.5.3.1",
	  "A descriptor has INDIRECT or NEXT, not both.", CHAIN | ONLY(SPLIT) | ONLY(TABLE),
	  indirect_next, 0, &chain, "flags 0x0005" },
	{ "indirect-in-list", "PACKED-D15 T28", DRIVER, "2.8.19",
	  "An indirect descriptor of a packed queue stands alone.",
	  CHAIN | ONLY(PACKED) | ONLY(TABLE), indirect_next, 1, &chain, "NEXT, then INDIRECT" },
	{ "in-order-next", "SPLIT-D6", DRIVER, "2.7.5.2",
	  "With VIRTIO_F_IN_ORDER a chain's descriptors lie one after the other in the table.",
	  AGREED | ONLY(SPLIT) | ONLY(IN_ORDER), order_direct, 0, &chain,
	  "descriptor 4 has next 9" },
	{ "in-order-table", "SPLIT-D11", DRIVER, "2.7.5.3.1",
	  "With VIRTIO_F_IN_ORDER the entries of an indirect table are linked in order.",
	  AGREED | ONLY(SPLIT) | ONLY(IN_ORDER) | ONLY(TABLE), order_table, 0, &chain,
	  "table entry 0 has next 2" },
	{ "legal-chain-refused", "SPLIT-V1 T35", CHECK_DEVICE, CHECK_SUSPICIOUS, 0, "2.7.4.1",
	  "A device takes any framing: an error right after a chain with nothing wrong needs a look.",
	  NEED_CHAIN, AT(ERROR), refused, 0, &framing,
	  "the header in two descriptors, virtio_error" },
	{ "write-on-table-refused", "SPLIT-V5", CHECK_DEVICE, CHECK_SUSPICIOUS, 0, "2.7.5.3.2",
	  "A device ignores WRITE on a descriptor that names an indirect table.", NEED_CHAIN,
	  AT(ERROR), refused, 1, &framing, "INDIRECT|WRITE, virtio_error" },
	{ "table-after-direct-refused", "SPLIT-V6", CHECK_DEVICE, CHECK_SUSPICIOUS, 0, "2.7.5.3.2",
	  "A device takes direct descriptors followed by an indirect one.", NEED_CHAIN, AT(ERROR),
	  refused, 2, &framing, "NEXT, then INDIRECT, virtio_error" },
	{ "spurious-kick-refused", "SPLIT-V20", CHECK_DEVICE, CHECK_SUSPICIOUS, 0, "2.7.10.2",
	  "A device bears a kick that brings nothing new.", NEED_KICK | NEED_RING, AT(ERROR),
	  spurious_refused, 0, &framing, "kick with avail.idx unchanged, virtio_error" },
	ROW_END,
};
