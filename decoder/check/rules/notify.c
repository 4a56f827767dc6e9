/* SPDX-License-Identifier: MIT */
/* Where and how a driver kicks: 2.9, 4.1.4.4, 4.1.5.2. */
#include "decoder/check/context.h"
#include "decoder/util/virtqueue.h"

static const struct vqt_kick *kick(const struct rule_context *ctx)
{
	return &ctx->e->rec->kick;
}

static bool data(const struct rule_context *ctx)
{
	return accepted(ctx, VIRTIO_F_NOTIFICATION_DATA);
}

static bool config_data(const struct rule_context *ctx)
{
	return accepted(ctx, VIRTIO_F_NOTIF_CONFIG_DATA);
}

/* Value and width were seen, and features are settled. */
static bool visible(const struct rule_context *ctx)
{
	return kick(ctx)->via == VQT_KICK_MMIO && kick(ctx)->width && modern(ctx) &&
	       negotiated(ctx);
}

/* arg: 1 with NOTIFICATION_DATA */
static enum verdict width(struct rule_context *ctx)
{
	unsigned want = ctx->rule->arg ? 4 : 2;

	if (!visible(ctx) || data(ctx) != (ctx->rule->arg != 0))
		return RULE_NA;
	if (kick(ctx)->width == want)
		return RULE_PASSED;
	return rule_fail(ctx, "queue %u was kicked by a write of %u bytes", ctx->q->index,
			 kick(ctx)->width);
}

/* arg: bit 0 with NOTIFICATION_DATA, bit 1 with NOTIF_CONFIG_DATA */
static enum verdict value(struct rule_context *ctx)
{
	unsigned low = kick(ctx)->value & 0xffff, want = ctx->q->index;

	if (!visible(ctx) || data(ctx) != (ctx->rule->arg & 1) ||
	    config_data(ctx) != (ctx->rule->arg >> 1))
		return RULE_NA;
	if (config_data(ctx)) {
		if (!ctx->q->setup.notify_config_known)
			return RULE_NA;
		want = (unsigned)ctx->q->setup.notify_config;
	}
	if (low == want)
		return RULE_PASSED;
	return rule_fail(ctx, "queue %u was kicked with %u, not %u", ctx->q->index, low, want);
}

/* 2.9: next_off and next_wrap say where the driver will go on. */
static enum verdict next(struct rule_context *ctx)
{
	uint16_t where = (uint16_t)(kick(ctx)->value >> 16);
	const struct vqt_ring *r = &kick(ctx)->ring;

	if (!visible(ctx) || !data(ctx) || !ctx->queue->size_known || !ctx->queue->size)
		return RULE_NA;
	if (ctx->queue->packed) {
		if (virtq_slot(where) < ctx->queue->size)
			return RULE_PASSED;
		return rule_fail(ctx, "the kick has next_off %u in a ring of %u", virtq_slot(where),
				 ctx->queue->size);
	}
	if (!(r->known & VQT_RING_AVAIL_IDX))
		return RULE_NA;
	if ((int16_t)(where - r->avail_idx) <= 0 &&
	    (uint16_t)(r->avail_idx - where) <= ctx->queue->size)
		return RULE_PASSED;
	return rule_fail(ctx, "the kick has available index %u, but avail.idx is %u", where,
			 r->avail_idx);
}

/* Where a queue is kicked, from the start of the notification structure: 4.1.4.4. False: not known. */
static bool place(const struct rule_context *ctx, const struct model_queue *q, uint64_t *offset)
{
	uint32_t multiplier = 0;
	bool scaled = false;
	unsigned cap;

	for (unsigned i = 0; !scaled && (cap = model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, i)); i++)
		scaled = ctx->dev->pci[cap + 3] == VIRTIO_PCI_CAP_NOTIFY_CFG && cap < 240 &&
			 check_pci(ctx->dev, cap + 16, 4, &multiplier);
	*offset = (uint64_t)q->notify_off * multiplier;
	return (scaled && !multiplier) || (q->notify_off_known && (scaled || !q->notify_off));
}

/*
 * A write the device has no queue for.  Some captures record the write of every
 * kick, too: one at the place of an enabled queue is in order.
 */
static enum verdict nowhere(struct rule_context *ctx)
{
	bool unsure = false, meant = false;
	uint64_t offset;

	if (ctx->d->status.n_error || ctx->d->status.n_needs_reset || ctx->d->reset.awaited)
		return RULE_NA;
	for (const struct model_queue *q = ctx->dev->queues; q; q = q->hh.next) {
		if (!q->enabled)
			continue;
		if (!place(ctx, q, &offset))
			unsure = true;
		else if (offset == reg(ctx)->offset)
			return RULE_PASSED;
		meant |= q->index == (reg(ctx)->value & 0xffff);
	}
	if (unsure)
		return RULE_NA;
	if (meant)
		rule_related(ctx, ctx->d->status.n_driver_ok, "DRIVER_OK set");
	else
		rule_related(ctx, ctx->d->n_setup, "the last write to a queue register");
	return rule_fail(ctx, "%u was written at offset 0x%x of the notification structure%s",
			 (unsigned)reg(ctx)->value, reg(ctx)->offset,
			 meant ? ", which is no queue's place"
			       : "; there is no such queue enabled");
}

static enum verdict not_enabled(struct rule_context *ctx)
{
	if (ctx->q->draining || !ctx->d->status.n_write ||
	    (ctx->q->setup.n_stopped && kick_by_eventfd(ctx)))
		return RULE_NA;
	if (ctx->queue->enabled)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	rule_related(ctx, ctx->d->n_setup, "the last write to a queue register");
	return rule_fail(ctx, "queue %u was kicked, but is not enabled", ctx->q->index);
}

#define SEEN (NEED_REGS | NEED_KICK | NEED_AGREED)

static const struct rule rows[] = {
	{ DRIVER_MUST, .id = "kick-width", .section = "4.1.5.2.1", .refs = "NOTIFY-D1 T19",
	  .text = "Without VIRTIO_F_NOTIFICATION_DATA a kick is a 16-bit write.", .needs = SEEN,
	  .at = AT(KICK) | ONLY(SEEN_KICK), .check = width, .wrong = "a 4-byte write" },
	{ DRIVER_MUST, .id = "kick-width-data", .section = "4.1.5.2.1", .refs = "NOTIFY-D2 T19",
	  .text = "With VIRTIO_F_NOTIFICATION_DATA a kick is a 32-bit write.", .needs = SEEN,
	  .at = AT(KICK) | ONLY(SEEN_KICK), .check = width, .arg = 1, .wrong = "a 2-byte write" },
	{ DRIVER_MUST, .id = "kick-value", .section = "4.1.5.2.1", .refs = "NOTIFY-D3 T19",
	  .text = "A kick's value is the index of the queue.", .needs = SEEN,
	  .at = AT(KICK) | ONLY(SEEN_KICK), .check = value,
	  .wrong = "0 is written at the address of queue 1" },
	{ DRIVER_MUST, .id = "kick-value-data", .section = "4.1.5.2.1", .refs = "NOTIFY-D4 T19",
	  .text = "With VIRTIO_F_NOTIFICATION_DATA the low 16 bits of a kick are the index of "
		  "the queue.",
	  .needs = SEEN, .at = AT(KICK) | ONLY(SEEN_KICK), .check = value, .arg = 1,
	  .wrong = "the available index is in the low half" },
	{ DRIVER_MUST, .id = "kick-value-config", .section = "4.1.5.2.1", .refs = "NOTIFY-D5 T19",
	  .text = "With VIRTIO_F_NOTIF_CONFIG_DATA a kick's value is queue_notif_config_data.",
	  .needs = SEEN, .at = AT(KICK) | ONLY(SEEN_KICK), .check = value, .arg = 2,
	  .wrong = "the queue's index is written" },
	{ DRIVER_MUST, .id = "kick-value-config-data", .section = "4.1.5.2.1",
	  .refs = "NOTIFY-D6 T19",
	  .text = "With both features the low 16 bits of a kick are queue_notif_config_data.",
	  .needs = SEEN, .at = AT(KICK) | ONLY(SEEN_KICK), .check = value, .arg = 3,
	  .wrong = "the queue's index is in the low half" },
	{ DRIVER_MUST, .id = "kick-next", .section = "2.8.16", .refs = "PACKED-D4 T19",
	  .text = "With VIRTIO_F_NOTIFICATION_DATA a kick holds the driver's next position, "
		  "which is inside the ring.",
	  .needs = SEEN, .at = AT(KICK) | ONLY(SEEN_KICK), .check = next,
	  .wrong = "next_off 300 in a ring of 256" },
	{ DRIVER_STRUCTURAL, .id = "kick-nowhere", .section = "4.1.4.4", .refs = "I17 T19",
	  .text = "The driver writes to the notification structure only at the addresses of "
		  "enabled queues.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(NOTIFY), .check = nowhere,
	  .wrong = "multiplier 4, queue 1 kicked at offset 2" },
	{ DRIVER_STRUCTURAL, .id = "kick-not-enabled", .section = "4.1.4.4", .mmio = "4.2.3.3",
	  .legacy = "4.1.4.10", .refs = "I17 T19", .text = "The driver kicks only enabled queues.",
	  .needs = NEED_REGS | NEED_LIFE | NEED_KICK, .at = AT(KICK), .check = not_enabled,
	  .wrong = "queue 1 kicked, never enabled" },
};

const struct rule_table rules_notify = {
	RULES(rows),
	.why = "The driver computes the address and the value of a kick from the notification capability,\n"
	       "the multiplier and queue_notify_off. If they are wrong the device serves another queue or\n"
	       "none, and the request hangs although everything else is right.",
	.right =
		"address = cap.offset + queue_notify_off * notify_off_multiplier, in cap.bar\n"
		"value: the queue's index, 16 bits; with NOTIFICATION_DATA 32, with the next position\n",
};
