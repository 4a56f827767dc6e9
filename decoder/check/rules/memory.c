/* SPDX-License-Identifier: MIT */
/* What the two sides find in memory: where rings and buffers are, and that they stay. 2.7, 2.8, 6.1. */
#include <inttypes.h>

#include "decoder/check/context.h"
#include "decoder/util/virtqueue.h"

static const struct vqt_lifecycle *life(const struct rule_context *ctx)
{
	return &ctx->e->rec->lifecycle;
}

/* arg: 0 a descriptor, 1 the header */
static enum verdict changed(struct rule_context *ctx)
{
	const struct model_request *r;

	if (!ctx->q || !ctx->queue || ctx->q->draining || life(ctx)->arg[2] != ctx->rule->arg)
		return RULE_NA;
	r = model_in_flight(ctx->queue, (uint16_t)life(ctx)->arg[0]);
	if (!r || r->flags & (VQT_CHAIN_DERIVED | VQT_CHAIN_LATE))
		return RULE_NA;
	rule_related(ctx, r->number, "the chain popped");
	if (ctx->rule->arg)
		return rule_fail(
			ctx,
			"the first bytes of the device-readable part of chain %u have changed since it "
			"was popped",
			r->head);
	return rule_fail(
		ctx, "descriptor %" PRIu64 " of chain %u has changed since the chain was popped",
		life(ctx)->arg[1], r->head);
}

/* No machine has more physical address bits; kernels put their own addresses up there. */
#define PHYSICAL_BITS 56

static bool beyond(uint64_t addr, uint64_t len)
{
	return addr >> PHYSICAL_BITS || (addr + len) >> PHYSICAL_BITS;
}

/* Nothing translates: 6.1. The legacy interface has no bit for it. */
static bool physical(const struct rule_context *ctx)
{
	if (ctx->d->legacy)
		return !ctx->d->modern;
	return offered_known(ctx, VIRTIO_F_ACCESS_PLATFORM) &&
	       !offered(ctx, VIRTIO_F_ACCESS_PLATFORM);
}

static enum verdict address(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!chain_true(r) || !physical(ctx))
		return RULE_NA;
	for (uint32_t i = 0; i < r->ndesc; i++)
		if (beyond(r->desc[i].addr, r->desc[i].len))
			return rule_fail(ctx, "descriptor %u of chain %u is at 0x%" PRIx64, i,
					 r->head, r->desc[i].addr);
	return RULE_PASSED;
}

static enum verdict ring_address(struct rule_context *ctx)
{
	const struct model_queue *m = model_queue(ctx->dev, ctx->dev->queue_select);

	if (!physical(ctx) || !m || !ctx->q || !ctx->q->setup.n_desc || !ctx->q->setup.n_driver ||
	    !ctx->q->setup.n_device)
		return RULE_NA;
	if (!beyond(m->desc, 0) && !beyond(m->driver, 0) && !beyond(m->device, 0))
		return RULE_PASSED;
	return rule_fail(ctx,
			 "queue %u was enabled with areas at 0x%" PRIx64 ", 0x%" PRIx64
			 " and 0x%" PRIx64,
			 m->index, m->desc, m->driver, m->device);
}

/* The device says which areas it goes by. */
static enum verdict areas(struct rule_context *ctx)
{
	const struct model_queue *m = ctx->queue;
	const uint64_t *arg = life(ctx)->arg;

	if (!m || !ctx->q || !ctx->q->setup.n_enable || ctx->q->setup.legacy ||
	    !ctx->q->setup.n_desc || !ctx->q->setup.n_driver || !ctx->q->setup.n_device ||
	    (ctx->q->setup.n_reset != 0) != (ctx->rule->arg != 0))
		return RULE_NA;
	if (arg[0] == m->desc && arg[1] == m->driver && arg[2] == m->device)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_reset, "queue_reset written");
	rule_related(ctx, ctx->q->setup.n_desc, "queue_desc written");
	rule_related(ctx, ctx->q->setup.n_enable, "the queue enabled");
	return rule_fail(ctx,
			 "the device looks for queue %u at 0x%" PRIx64 ", 0x%" PRIx64
			 " and 0x%" PRIx64 "; it was set to 0x%" PRIx64 ", 0x%" PRIx64
			 " and 0x%" PRIx64,
			 m->index, arg[0], arg[1], arg[2], m->desc, m->driver, m->device);
}

/* A packed ring shows the size it is used with: in where the positions turn. */
static enum verdict size(struct rule_context *ctx)
{
	const struct model_queue *m = ctx->queue;

	if (!m->packed || !m->size_known || !m->size || !ctx->q->setup.n_reset ||
	    ctx->q->draining || ctx->q->pos.avail_unsure)
		return RULE_NA;
	if (virtq_slot(ctx->req->pos) < m->size)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_reset, "queue_reset written");
	rule_related(ctx, ctx->q->setup.n_size, "queue_size written");
	return rule_fail(
		ctx, "the device popped slot %u, but queue_size is %u since the queue was reset",
		virtq_slot(ctx->req->pos), m->size);
}

#define JOINS 64

/* Pieces of one buffer that lie end to end. */
static enum verdict fragmented(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	unsigned joins = 0;

	if (!chain_true(r) || !chain_whole(r) || r->ndesc <= JOINS)
		return RULE_NA;
	for (uint32_t i = 1; i < r->ndesc; i++) {
		const struct vqt_desc *a = &r->desc[i - 1], *b = &r->desc[i];

		joins += a->addr + a->len == b->addr && a->len < 4096 &&
			 !((a->flags ^ b->flags) & VRING_DESC_F_WRITE) &&
			 !((a->flags | b->flags) & VRING_DESC_F_INDIRECT);
	}
	if (joins < JOINS)
		return RULE_PASSED;
	return rule_fail(
		ctx, "chain %u has %u descriptors, %u of which start where the previous one ends",
		r->head, r->ndesc, joins);
}

/* --- rings that are not where the other side looks, or not as it reads them -------------- */

/*
 * 1 in the other byte order is 256: so many entries at once, all of which name the
 * same descriptor, are one entry.
 */
static enum verdict swapped(struct rule_context *ctx)
{
	const struct vqt_kick *k = &ctx->e->rec->kick;

	if (record_ring_backlog(&k->ring) < 0 || k->ring.last_avail || ctx->q->chain.number ||
	    ctx->q->seen.n_kick || k->nheads < 2 || ctx->q->draining)
		return RULE_NA;
	if (!k->ring.avail_idx || k->ring.avail_idx & 0xff)
		return RULE_PASSED;
	for (unsigned i = 1; i < k->nheads; i++)
		if (record_head(ctx->e->rec, i) != record_head(ctx->e->rec, 0))
			return RULE_PASSED;
	return rule_fail(
		ctx,
		"avail.idx is 0x%04x at the first kick, and all its entries name descriptor %u: "
		"0x%04x in the other byte order",
		k->ring.avail_idx, record_head(ctx->e->rec, 0), k->ring.avail_idx >> 8);
}

#define IDLE_KICKS 3

static enum verdict finds_nothing(struct rule_context *ctx)
{
	const struct check_queue *q = ctx->q;
	const struct vqt_ring *r = &ctx->e->rec->kick.ring;

	if (!driver_ok(ctx) || q->draining || stopped(ctx) || model_flight(ctx->queue) ||
	    ctx->dev->flags & VQT_DEV_DATAPATH_ELSEWHERE || ctx->d->status.n_failed)
		return RULE_NA;
	if (r->known & VQT_RING_PACKED ? !(r->known & VQT_RING_LAST_AVAIL)
				       : record_ring_backlog(r) != 0)
		return RULE_NA;
	if (q->kicks.idle != IDLE_KICKS - 1 || ctx->now - q->kicks.ts_idle < STALL)
		return RULE_PASSED;
	rule_related(ctx, q->chain.number, "the last chain popped");
	rule_related(ctx, q->kicks.n_idle, "the first kick without any");
	return rule_fail(ctx, "%u kicks of queue %u in a row, but nothing was available",
			 IDLE_KICKS, q->index);
}

/* The driver took the legacy interface, which has no feature bits above 31. */
static enum verdict packed_legacy(struct rule_context *ctx)
{
	if (!legacy_only(ctx) || !ctx->d->status.n_driver_ok || reported(ctx))
		return RULE_NA;
	if (!(ctx->ring->known & VQT_RING_PACKED))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx,
			 "the device uses a packed ring, but the driver uses the legacy interface");
}

static const struct explanation stay = {
	.why = "While a chain is in flight only the device may write to its writable buffers, and nobody\n"
	       "may change its descriptors or its readable buffers. If a descriptor is changed in flight,\n"
	       "data goes to memory that another request is using by then.",
	.right = "the chain with head 5 is made available\n"
		 "nobody changes its descriptors or its header\n"
		 "the device uses it: its descriptors are free again\n",
};

static const struct rule rows[] = {
	{ DRIVER_MUST, .id = "descriptor-changed-in-flight", .section = "3.3.1",
	  .refs = "INIT-D15 SPLIT-V4 PACKED-D2 PACKED-D3 T06",
	  .text = "Neither side changes the descriptors of a chain while it is in flight.",
	  .needs = NEED_CHAIN | NEED_FLIGHT, .at = AT(CHANGED), .check = changed,
	  .explanation = &stay,
	  .wrong = "chain 5 is in flight, its second descriptor gets another address" },
	{ DEVICE_STRUCTURAL, .id = "readable-buffer-changed", .section = "2.7.5.1",
	  .refs = "SPLIT-V3 PACKED-V4",
	  .text = "The device does not write to device-readable buffers.",
	  .needs = NEED_CHAIN | NEED_FLIGHT, .at = AT(CHANGED), .check = changed, .arg = 1,
	  .explanation = &stay,
	  .wrong = "a read is in flight, its header has another type when it is used" },
	{ DRIVER_MUST, .id = "address-not-physical", .section = "6.1", .refs = "BITS-D4 T09",
	  .text = "Without VIRTIO_F_ACCESS_PLATFORM the driver puts physical addresses in descriptors.",
	  .needs = NEED_CHAIN | NEED_REGS | NEED_AGREED, .at = AT(CHAIN), .check = address,
	  .wrong = "addr 0xffff888001234000" },
	{ DRIVER_MUST, .id = "ring-address-not-physical", .section = "6.1", .refs = "BITS-D4 T09",
	  .text = "Without VIRTIO_F_ACCESS_PLATFORM the driver gives the physical addresses of queues.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(ENABLE), .check = ring_address,
	  .wrong = "queue_desc <- 0xffff888001234000" },
	{ DEVICE_STRUCTURAL, .id = "areas-not-as-set", .section = "4.1.4.3", .mmio = "4.2.2",
	  .refs = "T16",
	  .text = "The device uses the queue at the addresses that the driver has set.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(RINGS), .check = areas,
	  .wrong = "queue_desc <- 0x10000, the device reads at 0x20000" },
	{ DEVICE_MUST, .id = "qreset-areas-ignored", .section = "2.6.1.2.1", .refs = "QRESET-V3",
	  .text = "After a queue is enabled again the device uses the addresses set since its reset.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(RINGS), .check = areas, .arg = 1,
	  .wrong = "queue_reset, queue_desc <- 0x20000, the device reads at 0x10000" },
	{ DEVICE_MUST, .id = "qreset-size-ignored", .section = "2.6.1.2.1", .refs = "QRESET-V3",
	  .text = "After a queue is enabled again the device uses the size set since its reset.",
	  .needs = NEED_CHAIN | NEED_LIFE | NEED_FLIGHT | NEED_DEVICE, .at = AT(CHAIN),
	  .check = size, .wrong = "queue_reset, queue_size <- 4, the device takes slot 6" },
	{ DRIVER_SUSPICIOUS, .id = "chain-fragmented", .section = "2.7.4.2", .refs = "SPLIT-D4",
	  .text = "The driver describes a contiguous buffer with one descriptor, not with many "
		  "small ones.",
	  .needs = NEED_CHAIN, .at = AT(CHAIN), .check = fragmented, .explanation = &stay,
	  .wrong = "128 descriptors of 512 bytes, each behind the other" },
	{ DRIVER_SUSPICIOUS, .id = "ring-byte-swapped", .section = "2.7.3", .refs = "SPLIT-B2",
	  .text = "Both sides read the ring in the same byte order.",
	  .needs = NEED_KICK | NEED_RING | NEED_FLIGHT, .at = AT(KICK), .check = swapped,
	  .wrong = "the first kick, avail.idx 0x0100, ring 0, 0, 0, ..." },
	{ DRIVER_SUSPICIOUS, .id = "kick-finds-nothing", .section = "2.7.13",
	  .refs = "SPLIT-B1 T36",
	  .text = "The driver kicks after it has made chains available, in the place and layout "
		  "that the device reads.",
	  .needs = NEED_KICK | NEED_RING | NEED_CHAIN | NEED_FLIGHT, .at = AT(KICK),
	  .check = finds_nothing, .wrong = "kick after kick, and avail.idx stays where it was" },
	{ DEVICE_MUST, .id = "legacy-driver-packed-ring", .section = "4.1.4.10", .mmio = "4.2.4",
	  .refs = "PCILEG-V6 FEAT-V5",
	  .text = "The device uses no feature of the modern interface with a driver that uses "
		  "the legacy interface.",
	  .needs = NEED_REGS | NEED_LIFE | NEED_RING, .at = AT(RING), .check = packed_legacy,
	  .wrong = "legacy registers, and the device reads a packed ring" },
};

const struct rule_table rules_memory = {
	RULES(rows),
	.why = "Both sides have to use the same memory in the same layout. Otherwise each sees an empty\n"
	       "ring, or one without meaning, and waits for the other.",
	.right =
		"queue_desc, queue_driver, queue_device <- physical addresses\n"
		"avail.idx and the ring: little-endian; in the legacy interface the guest's byte order\n"
		"the driver kicks, and the device finds the chains made available\n",
};
