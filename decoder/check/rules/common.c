/* SPDX-License-Identifier: MIT */
/* How registers are accessed: 4.1.3.1, 4.1.4.3. */
#include <inttypes.h>

#include "decoder/check/context.h"

static bool by_rows(const struct rule_context *ctx)
{
	return reg(ctx)->region == VQT_REGION_COMMON || reg(ctx)->region == VQT_REGION_DEVICE;
}

static const char *op(const struct rule_context *ctx)
{
	return is_write(ctx) ? "write to" : "read of";
}

static enum verdict read_only(struct rule_context *ctx)
{
	if (!is_write(ctx) || !ctx->e->field)
		return RULE_NA;
	if ((reg(ctx)->region == VQT_REGION_LEGACY) != (ctx->rule->arg != 0))
		return RULE_NA;
	if (!(ctx->e->field->flags & SPEC_RO))
		return RULE_PASSED;
	return rule_fail(ctx, "%s is read-only, but 0x%" PRIx64 " was written to it",
			 ctx->e->field->name, reg(ctx)->value);
}

/* 4.1.3.1: the width of the field, aligned; 64-bit fields in halves. */
static enum verdict width(struct rule_context *ctx)
{
	const struct spec_field *f = ctx->e->field;
	unsigned want;

	if (!by_rows(ctx) || !f || f->kind == SPEC_BYTES || f->width > 8)
		return RULE_NA;
	want = f->width == 8 ? 4 : f->width;
	if (f->width == 8 && reg(ctx)->width == 8 && !ctx->e->field_offset)
		return RULE_NA; /* a rule of its own */
	if (reg(ctx)->width == want && !(ctx->e->field_offset % want))
		return RULE_PASSED;
	return rule_fail(ctx, "a %u-byte %s %s, which has %u byte%s, at offset %u in it",
			 reg(ctx)->width, op(ctx), f->name, f->width, f->width == 1 ? "" : "s",
			 ctx->e->field_offset);
}

static enum verdict whole_64(struct rule_context *ctx)
{
	const struct spec_field *f = ctx->e->field;

	if (!by_rows(ctx) || !f || f->width != 8 || f->kind == SPEC_BYTES)
		return RULE_NA;
	if (reg(ctx)->width != 8)
		return RULE_PASSED;
	return rule_fail(ctx, "an 8-byte %s %s", op(ctx), f->name);
}

static enum verdict nowhere(struct rule_context *ctx)
{
	if (reg(ctx)->region != VQT_REGION_COMMON)
		return RULE_NA;
	if (ctx->e->field)
		return RULE_PASSED;
	return rule_fail(
		ctx,
		"a %u-byte %s the common configuration at offset 0x%x, where there is no field",
		reg(ctx)->width, op(ctx), reg(ctx)->offset);
}

static enum verdict without_feature(struct rule_context *ctx)
{
	const struct spec_field *f = ctx->e->field;

	if (!modern_access(ctx) || !f || f->feature < 0 ||
	    !offered_known(ctx, (unsigned)f->feature))
		return RULE_NA;
	if (offered(ctx, (unsigned)f->feature))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_offer, "the features offered");
	return rule_fail(ctx, "a %s %s, whose feature is not offered", op(ctx), f->name);
}

static enum verdict admin_range(struct rule_context *ctx)
{
	uint64_t index = reg(ctx)->value;

	if (!accepted(ctx, VIRTIO_F_ADMIN_VQ) || !ctx->d->num_queues_known)
		return RULE_NA;
	if (register_is(ctx, SPEC_REG_ADMIN_QUEUE_NUM) && ctx->d->admin.index_known) {
		if (index + ctx->d->admin.index <= 0x10000)
			return RULE_PASSED;
		return rule_fail(ctx, "admin_queue_num is %" PRIu64 " and admin_queue_index %u",
				 index, ctx->d->admin.index);
	}
	if (!register_is(ctx, SPEC_REG_ADMIN_QUEUE_INDEX))
		return RULE_NA;
	if (index >= ctx->d->num_queues)
		return RULE_PASSED;
	return rule_fail(ctx, "admin_queue_index is %" PRIu64 " and num_queues %u", index,
			 ctx->d->num_queues);
}

static const struct rule rows[] = {
	{ DRIVER_MUST, .id = "access-width", .section = "4.1.3.1", .refs = "PCICAP-D1 T13",
	  .text = "The driver accesses each field aligned and in its own width, and 64-bit "
		  "fields as two 32-bit halves.",
	  .needs = NEED_REGS, .at = AT(COMMON) | AT(CONFIG_READ) | AT(CONFIG_WRITE), .check = width,
	  .wrong = "a 4-byte read of device_status" },
	{ DRIVER_SUSPICIOUS, .id = "access-64-bit", .section = "4.1.3.1", .refs = "PCICAP-D1",
	  .text = "The driver accesses 64-bit fields as two 32-bit halves; 64-bit accesses "
		  "mostly work, but are not guaranteed to.",
	  .needs = NEED_REGS, .at = AT(COMMON) | AT(CONFIG_READ) | AT(CONFIG_WRITE),
	  .check = whole_64, .wrong = "an 8-byte write to queue_desc" },
	{ DRIVER_STRUCTURAL, .id = "access-nowhere", .section = "4.1.4.3", .refs = "T13",
	  .text = "The driver accesses only fields that the common configuration has.",
	  .needs = NEED_REGS, .at = AT(COMMON), .check = nowhere,
	  .wrong = "a read at offset 0x80" },
	{ DRIVER_MUST, .id = "read-only-written", .section = "4.1.4.3.2", .refs = "COMMON-D1",
	  .text = "The driver does not write device_feature, num_queues, config_generation, "
		  "queue_notify_off or queue_notif_config_data.",
	  .needs = NEED_REGS, .at = AT(COMMON), .check = read_only, .wrong = "num_queues <- 4" },
	{ DRIVER_STRUCTURAL, .id = "legacy-read-only-written", .section = "4.1.4.10", .refs = "T10",
	  .text = "In the legacy interface the driver does not write the device's features or "
		  "queue sizes.",
	  .needs = NEED_REGS, .at = AT(COMMON), .check = read_only, .arg = 1,
	  .wrong = "the legacy queue_size <- 64" },
	{ DRIVER_STRUCTURAL, .id = "register-without-feature", .section = "4.1.4.3",
	  .mmio = "4.2.2", .refs = "T08",
	  .text = "The driver uses a register that belongs to a feature only if the device "
		  "offers that feature.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(COMMON), .check = without_feature,
	  .wrong = "queue_reset <- 1 without VIRTIO_F_RING_RESET" },
	{ DEVICE_MUST, .id = "admin-queue-range", .section = "4.1.4.3.1", .refs = "COMMON-V16",
	  .text = "Administration virtqueues have indices above those of all other queues.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(COMMON), .check = admin_range,
	  .wrong = "num_queues = 3, admin_queue_index = 2" },
};

const struct rule_table rules_common = {
	RULES(rows),
	.why = "Devices decode registers by offset and width. Hypervisors split, merge or drop accesses\n"
	       "that they do not expect: an access of another width works on one and returns 0, or another\n"
	       "register, on the next.",
	.right = "1-byte fields with 1-byte accesses, 2-byte fields with aligned 2-byte accesses\n"
		 "4- and 8-byte fields with aligned 4-byte accesses, low half first\n",
};
