/* SPDX-License-Identifier: MIT */
/* The block device's legacy interface: 5.2.5.3, 5.2.6.3, 5.2.6.4. */
#include "decoder/class/blk.h"
#include "decoder/check/rules/blk.h"

/* Buffer descriptors of a chain, counted: the one with number n, NULL past the end. */
static const struct vqt_desc *nth(const struct model_request *r, unsigned n)
{
	for (uint32_t i = 0; i < r->ndesc; i++)
		if (!(r->desc[i].flags & VRING_DESC_F_INDIRECT) && !n--)
			return &r->desc[i];
	return NULL;
}

static const struct vqt_desc *last(const struct model_request *r, unsigned back)
{
	unsigned n = 0;

	while (nth(r, n))
		n++;
	return n > back ? nth(r, n - 1 - back) : NULL;
}

static bool scsi(const struct rule_context *ctx)
{
	return ctx->req->type_raw == VIRTIO_BLK_T_SCSI_CMD ||
	       ctx->req->type_raw == VIRTIO_BLK_T_SCSI_CMD_OUT;
}

static enum verdict layout(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	const struct vqt_desc *first = nth(r, 0), *end = last(r, 0);

	if (!legacy_only(ctx) || accepted(ctx, VIRTIO_F_ANY_LAYOUT) || !chain_whole(r) || !first ||
	    !end || scsi(ctx))
		return RULE_NA;
	if (first->len == BLK_HEADER && !(first->flags & VRING_DESC_F_WRITE) && end->len == 1 &&
	    end->flags & VRING_DESC_F_WRITE)
		return RULE_PASSED;
	return rule_fail(ctx,
			 "the first descriptor has %u bytes and the last %u, without ANY_LAYOUT",
			 first->len, end->len);
}

/* header, cmd, [data out], [data in], sense, trailer, status */
static enum verdict scsi_cmd(struct rule_context *ctx)
{
	const struct vqt_desc *header = nth(ctx->req, 0), *cmd = nth(ctx->req, 1);

	if (!legacy_only(ctx) || !scsi(ctx) || !chain_whole(ctx->req))
		return RULE_NA;
	if (header && header->len == BLK_HEADER && cmd && !(cmd->flags & VRING_DESC_F_WRITE))
		return RULE_PASSED;
	return rule_fail(ctx, "a SCSI command is not in a readable descriptor of its own");
}

static enum verdict scsi_trailer(struct rule_context *ctx)
{
	const struct vqt_desc *status = last(ctx->req, 0), *trailer = last(ctx->req, 1),
			      *sense = last(ctx->req, 2);

	if (!legacy_only(ctx) || !scsi(ctx) || !chain_whole(ctx->req) ||
	    accepted(ctx, VIRTIO_F_ANY_LAYOUT))
		return RULE_NA;
	if (status && status->len == 1 && trailer && trailer->len == 16 && sense &&
	    sense->len == 96 && sense->flags & VRING_DESC_F_WRITE)
		return RULE_PASSED;
	return rule_fail(ctx, "a SCSI command's sense has %u bytes and its trailer %u",
			 sense ? sense->len : 0, trailer ? trailer->len : 0);
}

static enum verdict flush_out(struct rule_context *ctx)
{
	if (!ctx->req || !ctx->req->typed || !ctx->req->status_known ||
	    ctx->req->type_raw != VIRTIO_BLK_T_FLUSH_OUT || !accepted(ctx, VIRTIO_BLK_F_FLUSH))
		return RULE_NA;
	if (ctx->req->status != VIRTIO_BLK_S_UNSUPP)
		return RULE_PASSED;
	rule_related(ctx, ctx->req->number, "the request");
	return rule_fail(ctx, "FLUSH_OUT completed with UNSUPP, but FLUSH is negotiated");
}

static enum verdict barrier(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req, *other;

	if (!r || !r->typed || !accepted(ctx, 0) || !legacy_only(ctx))
		return RULE_NA;
	for (other = ctx->queue->in_flight; other; other = other->hh.next) {
		if (!other->typed)
			continue;
		if (r->type_raw & BLK_BARRIER
			    ? other->number < r->number
			    : other->type_raw & BLK_BARRIER && other->number < r->number) {
			rule_related(ctx, other->number, "the request before");
			rule_related(ctx, r->number, "the request");
			return rule_fail(ctx, "chain %u was used before chain %u, across a barrier",
					 r->head, other->head);
		}
	}
	return RULE_PASSED;
}

/* writeback as read before and after a status or feature write. arg: 1 features */
static enum verdict writeback(struct rule_context *ctx)
{
	uint32_t at = config_offset(ctx);
	uint64_t before = ctx->d->config.n_word[BLK_CFG_WRITEBACK / 4];
	uint8_t v;

	if (!legacy_only(ctx) || at > BLK_CFG_WRITEBACK ||
	    at + reg(ctx)->width <= BLK_CFG_WRITEBACK ||
	    !bit_set(ctx->d->config.known, BLK_CFG_WRITEBACK))
		return RULE_NA;
	if (ctx->rule->arg ? ctx->d->features.n_accept < before || ctx->d->status.n_write > before
			   : ctx->d->status.n_write < before || ctx->d->status.n_driver_ok > before)
		return RULE_NA;
	v = (uint8_t)(reg(ctx)->value >> (8 * (BLK_CFG_WRITEBACK - at)));
	if (v == ctx->d->config.bytes[BLK_CFG_WRITEBACK])
		return RULE_PASSED;
	rule_related(ctx, before, "writeback read before");
	rule_related(ctx, ctx->rule->arg ? ctx->d->features.n_accept : ctx->d->status.n_write,
		     "the write between");
	return rule_fail(ctx, "writeback reads %u; it read %u before", v,
			 ctx->d->config.bytes[BLK_CFG_WRITEBACK]);
}

/* No disk is so big, no list so long; in the other byte order it would be neither. */
static enum verdict implausible(struct rule_context *ctx)
{
	uint64_t capacity, seg;

	if (!legacy_only(ctx))
		return RULE_NA;
	if (check_config(ctx, BLK_CFG_CAPACITY, 8, &capacity) && capacity >> 55)
		return rule_fail(ctx,
				 "the capacity reads %llu sectors, 0x%llx in the other byte order",
				 (unsigned long long)capacity,
				 (unsigned long long)__builtin_bswap64(capacity));
	if (offered_known(ctx, 0) && offered(ctx, VIRTIO_BLK_F_SEG_MAX) &&
	    check_config(ctx, BLK_CFG_SEG_MAX, 4, &seg) && seg > 0xffff &&
	    __builtin_bswap32((uint32_t)seg) <= 0xffff && seg != 0xffffffff)
		return rule_fail(ctx, "seg_max reads %u, %u in the other byte order", (uint32_t)seg,
				 __builtin_bswap32((uint32_t)seg));
	return RULE_PASSED;
}

static enum verdict swapped(struct rule_context *ctx)
{
	uint32_t type = ctx->req->type_raw;

	if (!legacy_only(ctx) || !type)
		return RULE_NA;
	if (!blk_type_swapped(ctx->req))
		return RULE_PASSED;
	return rule_fail(ctx, "the request type is 0x%08x, %u in the other byte order", type,
			 __builtin_bswap32(type));
}

static enum verdict legacy_once(struct rule_context *ctx)
{
	if (reg(ctx)->region != VQT_REGION_LEGACY || !(sets(ctx) & VIRTIO_CONFIG_S_DRIVER_OK) ||
	    !blk_memory(ctx)->capacity_reads)
		return RULE_NA;
	if (blk_memory(ctx)->capacity_reads > 1)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->config.n_word[0], "the capacity read");
	return rule_fail(ctx, "the capacity was read only once");
}

static enum verdict write_lost(struct rule_context *ctx)
{
	const struct obligation *o = &blk_memory(ctx)->early_write;
	uint8_t v = (uint8_t)reg(ctx)->value;

	if (!o->number || reg(ctx)->width != 1 || !offered_known(ctx, 0) ||
	    !offered(ctx, VIRTIO_BLK_F_CONFIG_WCE) || config_offset(ctx) != BLK_CFG_WRITEBACK)
		return RULE_NA;
	if (v == o->a)
		return RULE_PASSED;
	rule_related(ctx, o->number, "writeback written");
	return rule_fail(ctx,
			 "writeback reads %u after %u was written before the features were read", v,
			 o->a);
}

static const struct explanation early = {
	.why = "The legacy interface has no config_generation and no order of initialisation. A disk that\n"
	       "is resized between two reads appears with a capacity it never had; a device that ignores\n"
	       "early writes runs in a cache mode that the driver did not choose.",
	.right = "capacity = 100, capacity = 100, then DRIVER_OK\n"
		 "writeback <- 0, then the features are read, writeback = 0\n",
};

#define NEEDS (NEED_REGS | NEED_CHAIN | NEED_BYTES | NEED_LIFE)

static const struct rule rows[] = {
	{ DRIVER_MUST, .id = "blk-legacy-layout", .section = "5.2.6.4", .refs = "BLKLEG-D7",
	  .text = "Without VIRTIO_F_ANY_LAYOUT the header and the status of a legacy request "
		  "have descriptors of their own.",
	  .needs = NEEDS, .at = AT(REQUEST) | ONLY(LEGACY), .check = layout,
	  .wrong = "header and data in one descriptor" },
	{ DEVICE_SUSPICIOUS, .id = "blk-legacy-config-implausible", .section = "5.2.4.1",
	  .refs = "BLKLEG-B1 PCILEG-V5",
	  .text = "The legacy configuration directly follows the legacy header and is in the "
		  "guest's byte order.",
	  .needs = NEED_REGS | NEED_CONFIG | NEED_LIFE, .at = AT(CONFIG_READ), .check = implausible,
	  .wrong = "capacity = 0x0008000000000000" },
	{ DRIVER_SUSPICIOUS, .id = "blk-legacy-byte-swapped", .section = "5.2.6.3",
	  .refs = "BLKLEG-B2",
	  .text = "Both sides read the request header in the guest's byte order.", .needs = NEEDS,
	  .at = AT(REQUEST), .check = swapped, .wrong = "type 0x01000000" },
	{ DRIVER_MUST, .id = "blk-legacy-scsi-command", .section = "5.2.6.3", .refs = "BLKLEG-D5",
	  .text = "The command of a SCSI request is in a readable descriptor of its own.",
	  .needs = NEEDS, .at = AT(REQUEST) | ONLY(LEGACY) | ONLY(UNUSUAL), .check = scsi_cmd,
	  .wrong = "header and command in one descriptor" },
	{ DRIVER_MUST, .id = "blk-legacy-scsi-sense", .section = "5.2.6.4", .refs = "BLKLEG-D8",
	  .text = "The sense buffer has 96 bytes in a descriptor of its own; the fields after it "
		  "have one, too.",
	  .needs = NEEDS, .at = AT(REQUEST) | ONLY(LEGACY) | ONLY(UNUSUAL), .check = scsi_trailer,
	  .wrong = "sense of 64 bytes" },
	{ DEVICE_MUST, .id = "blk-legacy-flush-out", .section = "5.2.6.3", .refs = "BLKLEG-D3",
	  .text = "The device treats FLUSH_OUT like FLUSH.",
	  .needs = NEED_CHAIN | NEED_BYTES | NEED_USED | NEED_AGREED,
	  .at = AT(USED) | ONLY(UNUSUAL), .check = flush_out, .wrong = "FLUSH_OUT, UNSUPP" },
	{ DEVICE_SHOULD, .id = "blk-legacy-barrier", .section = "5.2.6.3", .refs = "BLKLEG-V4",
	  .text = "The device does not reorder requests across one with the barrier bit.",
	  .needs = NEEDS | NEED_USED, .at = AT(USED) | ONLY(LEGACY), .check = barrier,
	  .wrong = "OUT, OUT|BARRIER; the second is used first" },
	{ DEVICE_MUST, .id = "blk-legacy-writeback-status", .section = "5.2.5.3",
	  .refs = "BLKLEG-V2",
	  .text = "A write to device_status does not change the cache mode, except when it sets "
		  "DRIVER_OK.",
	  .needs = NEED_REGS | NEED_CONFIG | NEED_LIFE, .at = AT(CONFIG_READ), .check = writeback,
	  .wrong = "writeback 1, DRIVER set, writeback 0" },
	{ DEVICE_MUST, .id = "blk-legacy-writeback-features", .section = "5.2.5.3",
	  .refs = "BLKLEG-V3", .text = "A write of features does not change the cache mode.",
	  .needs = NEED_REGS | NEED_CONFIG | NEED_LIFE, .at = AT(CONFIG_READ), .check = writeback,
	  .arg = 1, .wrong = "writeback 1, features written, writeback 0" },
	{ DRIVER_SHOULD, .id = "legacy-config-read-once", .section = "2.5.4", .refs = "DEVCFG-D5",
	  .text = "Without config_generation the driver reads the capacity until two reads agree.",
	  .needs = NEED_REGS | NEED_CONFIG | NEED_LIFE, .at = AT(STATUS_WRITE),
	  .check = legacy_once, .explanation = &early,
	  .wrong = "capacity is read once, then DRIVER_OK" },
	{ DEVICE_MUST, .id = "legacy-config-write-lost", .section = "3.1.2", .refs = "INIT-V1",
	  .text = "Through the legacy interface the driver can write configuration before it "
		  "reads features.",
	  .needs = NEED_REGS | NEED_CONFIG | NEED_LIFE, .at = AT(CONFIG_READ), .check = write_lost,
	  .explanation = &early, .wrong = "writeback <- 0, = 1, then features are read" },
};

const struct rule_table rules_blk_legacy = {
	RULES(rows),
	.class = &check_class_blk,
	.why = "Devices with the legacy interface were written for drivers with one fixed layout, and\n"
	       "drivers for such devices: only that layout works everywhere.",
	.right = "16 readable bytes alone, then data, then 1 writable byte alone\n",
};
