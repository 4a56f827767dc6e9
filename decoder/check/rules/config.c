/* SPDX-License-Identifier: MIT */
/* Device configuration space: 2.5, 4.1.4.3 (config_generation). */
#include <inttypes.h>

#include "decoder/class/blk.h"
#include "decoder/check/class.h"
#include "decoder/check/context.h"

static bool in_old(const struct rule_context *ctx)
{
	return reg(ctx)->region == VQT_REGION_LEGACY;
}

static const char *name(const struct rule_context *ctx)
{
	return ctx->e->field ? ctx->e->field->name : "a field";
}

/*
 * The read ends when something else begins; a generation read makes it whole.  Other processors
 * take interrupts and kick queues meanwhile: only time tells that it has ended before a kick.
 */
static enum verdict torn(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->config.torn;

	if (!o->number || !modern(ctx) || register_is(ctx, SPEC_REG_ISR) ||
	    register_is(ctx, SPEC_REG_ISR_ACK) ||
	    (ctx->e->rec->h.type == VQT_KICK && ctx->now - o->ts < STALL))
		return RULE_NA;
	if (register_is(ctx, SPEC_REG_CONFIG_GENERATION))
		return o->b ? RULE_PASSED : RULE_NA;
	rule_related(ctx, ctx->d->config.n_generation, "config_generation read");
	rule_related(ctx, o->number, "the last part read");
	o->number = 0; /* the read has ended: said once */
	return rule_fail(
		ctx,
		"a 64-bit field at offset %u was read in parts, but config_generation was not read "
		"again after",
		o->a);
}

static enum verdict untimed(struct rule_context *ctx)
{
	if (!ctx->e->field || ctx->e->field->width != 8 || reg(ctx)->width == 8 || !modern(ctx))
		return RULE_NA;
	if (ctx->d->config.n_generation)
		return RULE_PASSED;
	if (ctx->d->config.torn.number)
		return RULE_NA; /* the other half: said already */
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "%s is read in parts, but config_generation was not read before",
			 name(ctx));
}

static enum verdict without_feature(struct rule_context *ctx)
{
	const struct spec_field *f = ctx->e->field;
	bool looked;

	if (!f || f->feature < 0 || f->kind == SPEC_BYTES || ctx->e->field_offset)
		return RULE_NA;
	looked = ctx->d->features.offer_read >> (f->feature / 32) & 1;
	if (!looked && in_old(ctx))
		return RULE_NA; /* 3.1.2 lets it */
	if (!looked && !offered_known(ctx, (unsigned)f->feature)) {
		if (!ctx->d->mmio.whole)
			return RULE_NA; /* it may have looked before the trace began */
		rule_related(ctx, ctx->d->reset.number, "the reset");
		return rule_fail(ctx, "%s was %s before device_feature was read", f->name,
				 is_write(ctx) ? "written" : "read");
	}
	/* Offered before the reset: whether this driver has looked then is not known. */
	if (spec_field_exists(f, ctx->dev->offered))
		return looked ? RULE_PASSED : RULE_NA;
	rule_related(ctx, ctx->d->features.n_offer, "the features offered");
	return rule_fail(ctx, "%s was %s, but its feature is not offered", f->name,
			 is_write(ctx) ? "written" : "read");
}

/* arg: 1 FEATURES_OK came between the reads; 2 one was of a whole, the other of halves. */
static enum verdict generation_same(struct rule_context *ctx)
{
	const struct check_config_change *c = &ctx->d->config.change;
	const struct check_class *class = ctx->d->class;
	bool halves = c->old_width && (c->old_width == 8) != (c->width == 8);

	if (!c->n_new || !c->generation_known || c->across_features_ok != (ctx->rule->arg == 1) ||
	    (!c->across_features_ok && halves != (ctx->rule->arg == 2)))
		return RULE_NA;
	if (c->across_features_ok && class->config_varies && class->config_varies(c->offset))
		return RULE_NA;
	if ((uint8_t)reg(ctx)->value != c->generation)
		return RULE_PASSED;
	rule_related(ctx, c->n_old, "read with the old value");
	rule_related(ctx, c->n_new, "read with the new value");
	return rule_fail(ctx, "%u bytes at offset %u changed %s, but config_generation is still %u",
			 c->width, c->offset,
			 c->across_features_ok ? "before and after FEATURES_OK"
					       : "between two reads",
			 c->generation);
}

static enum verdict other_place(struct rule_context *ctx)
{
	if (!in_old(ctx) || reg(ctx)->offset < 20)
		return RULE_NA;
	/* With MSI-X enabled 20 to 23 are vectors: a 4-byte access there takes them for configuration. */
	if (reg(ctx)->offset >= spec_legacy_config_base(ctx->dev->msix) || reg(ctx)->width <= 2)
		return RULE_PASSED;
	return rule_fail(ctx,
			 "a %u-byte access at offset %u, where with MSI-X enabled the vectors are",
			 reg(ctx)->width, reg(ctx)->offset);
}

/* The same bytes, read twice in a row in different widths. */
static enum verdict by_width(struct rule_context *ctx)
{
	uint32_t at = config_offset(ctx);

	if (!in_old(ctx) || ctx->d->config.n_read + 1 != ctx->number ||
	    ctx->d->config.read_width == reg(ctx)->width)
		return RULE_NA;
	for (unsigned i = 0; i < reg(ctx)->width && i < 8 && at + i < CHECK_CONFIG; i++) {
		if (ctx->d->config.n_word[(at + i) / 4] + 1 != ctx->number ||
		    !bit_set(ctx->d->config.known, at + i))
			continue;
		if (ctx->d->config.bytes[at + i] == (uint8_t)(reg(ctx)->value >> (8 * i)))
			continue;
		rule_related(ctx, ctx->d->config.n_read, "the read before");
		return rule_fail(
			ctx, "byte %u reads differently in an access of %u bytes than in one of %u",
			at + i, reg(ctx)->width, ctx->d->config.read_width);
	}
	return RULE_PASSED;
}

static enum verdict no_change(struct rule_context *ctx)
{
	struct check_device *d = ctx->d;
	bool status = d->irqs.no_change_status, generation = d->irqs.no_change_generation;

	if (!d->irqs.no_change.number)
		return RULE_NA;
	if (register_is(ctx, SPEC_REG_DEVICE_STATUS)) {
		if (reg(ctx)->value & VIRTIO_CONFIG_S_NEEDS_RESET || !(reg(ctx)->value & 0xff)) {
			d->irqs.no_change.number = 0;
			return RULE_PASSED;
		}
		status = true;
	} else {
		if (!d->config.n_generation || d->config.generation != (uint8_t)reg(ctx)->value) {
			d->irqs.no_change.number = 0;
			return RULE_PASSED;
		}
		generation = true;
	}
	if (!status || !generation)
		return RULE_NA;
	rule_related(ctx, d->irqs.no_change.number, "the notification");
	rule_related(ctx, d->config.n_generation, "config_generation read");
	d->irqs.no_change.number = 0;
	return rule_fail(
		ctx,
		"a configuration change was notified, but config_generation is still %u and "
		"device_status does not show DEVICE_NEEDS_RESET",
		d->config.generation);
}

static const struct explanation fields = {
	.why = "Which configuration fields exist depends on features. The content of a field whose feature\n"
	       "is missing is undefined: zero on one device, another field on the next.",
	.right = "read device_feature; only if the bit is there read the field\n",
};

#define REGS (NEED_REGS | NEED_CONFIG | NEED_LIFE)

static const struct rule rows[] = {
	{ DRIVER_SHOULD, .id = "config-read-torn", .section = "2.5.1", .refs = "DEVCFG-D1 T12",
	  .text = "The driver reads a field of more than 32 bits between two equal reads of "
		  "config_generation.",
	  .needs = REGS, .at = AT(COMMON) | AT(CONFIG_WRITE) | AT(KICK) | AT(GENERATION),
	  .check = torn, .wrong = "capacity lo, capacity hi, queue_select" },
	{ DRIVER_SHOULD, .id = "config-read-untimed", .section = "2.5.1", .refs = "DEVCFG-D1 T12",
	  .text = "The driver reads config_generation before a field that it reads in several "
		  "accesses.",
	  .needs = REGS, .at = AT(CONFIG_READ), .check = untimed,
	  .wrong = "capacity lo, with config_generation never read" },
	{ DRIVER_MUST, .id = "config-without-feature", .section = "2.5.1", .refs = "DEVCFG-D2",
	  .text = "The driver accesses a field that belongs to a feature only if the device "
		  "offers that feature.",
	  .needs = REGS, .at = AT(CONFIG_READ) | AT(CONFIG_WRITE), .check = without_feature,
	  .explanation = &fields, .wrong = "seg_max is read and VIRTIO_BLK_F_SEG_MAX not offered" },
	{ DEVICE_MUST, .id = "config-generation-stuck", .section = "4.1.4.3.1", .mmio = "4.2.2.1",
	  .refs = "COMMON-V6 MMIO-V6 T11",
	  .text = "config_generation changes when a configuration field that the driver has read "
		  "changes.",
	  .needs = REGS, .at = AT(GENERATION), .check = generation_same,
	  .wrong = "generation 3, capacity 100; capacity 200, generation 3" },
	{ DEVICE_MUST, .id = "config-halves-disagree", .section = "4.1.3.2", .refs = "PCICAP-V1",
	  .text = "A 64-bit field reads the same in two 32-bit accesses as in one 64-bit access.",
	  .needs = REGS, .at = AT(GENERATION), .check = generation_same, .arg = 2,
	  .wrong = "capacity reads 0x100000800 whole, 0x800 and 0 in halves" },
	{ DEVICE_MUST, .id = "config-differs-early", .section = "2.5.2", .refs = "DEVCFG-V1",
	  .text = "The device configuration reads the same before FEATURES_OK as after it.",
	  .needs = REGS, .at = AT(GENERATION), .check = generation_same, .arg = 1,
	  .wrong = "capacity reads 0 before FEATURES_OK and 2048 after" },
	{ DRIVER_MUST, .id = "legacy-config-misplaced", .section = "4.1.4.10", .refs = "PCILEG-D3",
	  .text = "The driver accesses the legacy device configuration at offset 24 with MSI-X "
		  "enabled, otherwise at 20.",
	  .needs = NEED_REGS | NEED_MSIX, .at = AT(COMMON) | AT(CONFIG_READ) | AT(CONFIG_WRITE),
	  .check = other_place, .explanation = &fields,
	  .wrong = "MSI-X enabled, a 4-byte read at 20" },
	{ DEVICE_SUSPICIOUS, .id = "legacy-config-width", .section = "4.1.4.10",
	  .refs = "PCILEG-D2",
	  .text = "The legacy device configuration reads the same in accesses of any width.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(CONFIG_READ), .check = by_width,
	  .explanation = &fields, .wrong = "4 bytes at 20 read 0x800, 1 byte at 21 reads 0" },
	{ DEVICE_STRUCTURAL, .id = "config-irq-without-change", .section = "4.1.5.4",
	  .mmio = "4.2.3.4", .refs = "I19 T21",
	  .text = "The device sends a configuration change notification only when the "
		  "configuration or the status has changed.",
	  .needs = REGS | NEED_IRQ, .at = AT(STATUS_READ) | AT(GENERATION), .check = no_change,
	  .wrong = "a notification; config_generation and device_status read as before" },
};

const struct rule_table rules_config = {
	RULES(rows),
	.why = "A value that takes two reads, or two values that belong together, can change in between. A\n"
	       "disk that grows beyond 2 TiB between the reads appears with a size it never had.",
	.right = "before = config_generation\n"
		 "read the fields\n"
		 "config_generation = before? else start over\n",
};
