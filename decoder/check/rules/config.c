/* SPDX-License-Identifier: MIT */
/* Device configuration space: 2.5, 4.1.4.3 (config_generation). */
#include <inttypes.h>

#include "decoder/class/blk.h"
#include "decoder/check/impl.h"

static bool in_old(const struct rule_context *ctx)
{
	return reg(ctx)->region == VQT_REGION_LEGACY;
}

static const char *name(const struct rule_context *ctx)
{
	return ctx->e->field ? ctx->e->field->name : "a field";
}

/* The read ends when something else begins; a generation read makes it whole. */
static enum verdict torn(struct rule_context *ctx)
{
	struct obligation *o = &ctx->d->torn;

	if (!o->number || !modern(ctx))
		return RULE_NA;
	if (ctx->e->field && field_is(ctx, "config_generation"))
		return o->b ? RULE_PASSED : RULE_NA;
	rule_related(ctx, ctx->d->n_generation, "config_generation read");
	rule_related(ctx, o->number, "the last part read");
	return rule_fail(
		ctx,
		"a 64-bit field at offset %u was read in parts and config_generation not read "
		"again after",
		o->a);
}

static enum verdict untimed(struct rule_context *ctx)
{
	if (!ctx->e->field || ctx->e->field->width != 8 || reg(ctx)->width == 8 || !modern(ctx))
		return RULE_NA;
	if (ctx->d->n_generation)
		return RULE_PASSED;
	if (ctx->d->torn.number)
		return RULE_NA; /* the other half: said already */
	rule_related(ctx, ctx->d->n_reset, "the reset");
	return rule_fail(ctx, "%s is read in parts and config_generation has not been read before",
			 name(ctx));
}

static enum verdict without_feature(struct rule_context *ctx)
{
	const struct spec_field *f = ctx->e->field;

	if (!f || f->feature < 0 || f->kind == SPEC_BYTES || ctx->e->field_offset)
		return RULE_NA;
	if (!(ctx->d->offer_read >> (f->feature / 32) & 1)) {
		if (in_old(ctx))
			return RULE_NA; /* 3.1.2 lets it */
		rule_related(ctx, ctx->d->n_reset, "the reset");
		return rule_fail(ctx, "%s was %s before device_feature was read", f->name,
				 is_write(ctx) ? "written" : "read");
	}
	if (spec_field_exists(f, ctx->dev->offered))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_offer, "the features offered");
	return rule_fail(ctx, "%s was %s and its feature is not offered", f->name,
			 is_write(ctx) ? "written" : "read");
}

static const char *generation_text(const struct config_diff *c)
{
	return c->across_features_ok ? "before and after FEATURES_OK" : "between two reads";
}

/* Zoned characteristics and the cache mode may depend on what was accepted, 5.2.5. */
static bool may_follow_features(const struct rule_context *ctx, const struct config_diff *c)
{
	return ctx->dev->virtio_id == VIRTIO_ID_BLOCK &&
	       ((c->offset >= 72 && c->offset < 96) || c->offset == 32);
}

/* arg: 1 FEATURES_OK came between the reads; 2 one was of a whole, the other of halves. */
static enum verdict generation_same(struct rule_context *ctx)
{
	const struct config_diff *c = &ctx->d->diff;

	bool halves = c->old_width && (c->old_width == 8) != (c->width == 8);

	if (!c->n_new || !c->generation_known || c->across_features_ok != (ctx->rule->arg == 1) ||
	    (!c->across_features_ok && halves != (ctx->rule->arg == 2)))
		return RULE_NA;
	if (c->across_features_ok && may_follow_features(ctx, c))
		return RULE_NA;
	if ((uint8_t)reg(ctx)->value != c->generation)
		return RULE_PASSED;
	rule_related(ctx, c->n_old, "read with the old value");
	rule_related(ctx, c->n_new, "read with the new value");
	return rule_fail(ctx, "%u bytes at offset %u changed %s and config_generation is still %u",
			 c->width, c->offset, generation_text(c), c->generation);
}

static enum verdict legacy_once(struct rule_context *ctx)
{
	uint8_t now = (uint8_t)reg(ctx)->value & (uint8_t)~ctx->e->status_before;

	if (!in_old(ctx) || !(now & VIRTIO_CONFIG_S_DRIVER_OK) || !ctx->d->capacity_reads)
		return RULE_NA;
	if (ctx->d->capacity_reads > 1)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->n_config[0], "the capacity read");
	return rule_fail(ctx, "the capacity was read only once");
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
	uint32_t at = spec_field_offset(reg(ctx)->region, reg(ctx)->offset, ctx->dev->msix);

	if (!in_old(ctx) || ctx->d->n_config_read + 1 != ctx->number ||
	    ctx->d->config_width == reg(ctx)->width)
		return RULE_NA;
	for (unsigned i = 0; i < reg(ctx)->width && i < 8 && at + i < CHECK_CONFIG; i++) {
		if (ctx->d->n_config[(at + i) / 4] + 1 != ctx->number ||
		    !bit_set(ctx->d->config_known, at + i))
			continue;
		if (ctx->d->config[at + i] == (uint8_t)(reg(ctx)->value >> (8 * i)))
			continue;
		rule_related(ctx, ctx->d->n_config_read, "the read before");
		return rule_fail(
			ctx, "byte %u reads otherwise in an access of %u bytes than in one of %u",
			at + i, reg(ctx)->width, ctx->d->config_width);
	}
	return RULE_PASSED;
}

static enum verdict no_change(struct rule_context *ctx)
{
	struct cdev *d = ctx->d;
	bool status = d->nochange_status, generation = d->nochange_generation;

	if (!d->nochange.number)
		return RULE_NA;
	if (field_is(ctx, "device_status")) {
		if (reg(ctx)->value & VIRTIO_CONFIG_S_NEEDS_RESET || !(reg(ctx)->value & 0xff)) {
			d->nochange.number = 0;
			return RULE_PASSED;
		}
		status = true;
	} else {
		if (!d->n_generation || d->generation != (uint8_t)reg(ctx)->value) {
			d->nochange.number = 0;
			return RULE_PASSED;
		}
		generation = true;
	}
	if (!status || !generation)
		return RULE_NA;
	rule_related(ctx, d->nochange.number, "the notification");
	rule_related(ctx, d->n_generation, "config_generation read");
	d->nochange.number = 0;
	return rule_fail(ctx,
			 "a configuration change was notified; config_generation is still %u and "
			 "device_status asks for no reset",
			 d->generation);
}

static const struct explanation generation = {
	.why = "A value that takes two reads, or two values that belong together, can change in between. A\n"
	       "disk that grows across 2 TiB at that moment has a size nobody ever set.",
	.right = "before = config_generation\n"
		 "read the fields\n"
		 "config_generation = before? else start over\n",
};

static const struct explanation fields = {
	.why = "Configuration fields exist by feature. What a device puts where a feature is missing is\n"
	       "undefined: zeroes on one, other fields on the next.",
	.right = "read device_feature; only if the bit is there read the field\n",
};

#define REGS (NEED_REGS | NEED_CONFIG | NEED_LIFE)
#define DRIVER CHECK_DRIVER, CHECK_MUST, 0
#define DEVICE CHECK_DEVICE, CHECK_MUST, 0

const struct rule rules_config[] = {
	{ "config-read-torn", "DEVCFG-D1 T12", CHECK_DRIVER, CHECK_SHOULD, 0, "2.5.1",
	  "A field of more than 32 bits is read between two equal reads of config_generation.",
	  REGS, AT(COMMON) | AT(CONFIG_WRITE) | AT(KICK) | AT(GENERATION), torn, 0, &generation,
	  "capacity lo, capacity hi, queue_select" },
	{ "config-read-untimed", "DEVCFG-D1 T12", CHECK_DRIVER, CHECK_SHOULD, 0, "2.5.1",
	  "config_generation is read before a field that takes several reads.", REGS,
	  AT(CONFIG_READ), untimed, 0, &generation,
	  "capacity lo, with config_generation never read" },
	{ "config-without-feature", "DEVCFG-D2", DRIVER, "2.5.1",
	  "A field that belongs to a feature is accessed only if that is offered.", REGS,
	  AT(CONFIG_READ) | AT(CONFIG_WRITE), without_feature, 0, &fields,
	  "seg_max is read and VIRTIO_BLK_F_SEG_MAX not offered" },
	{ "config-generation-stuck", "COMMON-V6 T11", DEVICE, "4.1.4.3.1",
	  "When the driver has read a changed field, config_generation has changed too.", REGS,
	  AT(GENERATION), generation_same, 0, &generation,
	  "generation 3, capacity 100; capacity 200, generation 3" },
	{ "config-halves-disagree", "PCICAP-V1", DEVICE, "4.1.3.2",
	  "A 64-bit field reads the same in two halves as in one piece.", REGS, AT(GENERATION),
	  generation_same, 2, &generation,
	  "capacity reads 0x100000800 whole, 0x800 and 0 in halves" },
	{ "config-differs-early", "DEVCFG-V1", DEVICE, "2.5.2",
	  "Device configuration can be read, and reads the same, before FEATURES_OK.", REGS,
	  AT(GENERATION), generation_same, 1, &generation,
	  "capacity reads 0 before FEATURES_OK and 2048 after" },
	{ "legacy-config-read-once", "DEVCFG-D5", CHECK_DRIVER, CHECK_SHOULD, VIRTIO_ID_BLOCK,
	  "2.5.4", "Without config_generation the capacity is read until two reads agree.", REGS,
	  AT(STATUS_WRITE), legacy_once, 0, &generation, "capacity is read once, then DRIVER_OK" },
	{ "legacy-config-misplaced", "PCILEG-D3", DRIVER, "4.1.4.10",
	  "With MSI-X enabled the legacy device configuration begins at 24, else at 20.",
	  NEED_REGS | NEED_MSIX, AT(COMMON) | AT(CONFIG_READ) | AT(CONFIG_WRITE), other_place, 0,
	  &fields, "MSI-X enabled, a 4-byte read at 20" },
	{ "legacy-config-width", "PCILEG-D2", CHECK_DEVICE, CHECK_SUSPICIOUS, 0, "4.1.4.10",
	  "The legacy device configuration reads the same in any width.", NEED_REGS | NEED_LIFE,
	  AT(CONFIG_READ), by_width, 0, &fields, "4 bytes at 20 read 0x800, 1 byte at 21 reads 0" },
	{ "config-irq-without-change", "I19 T21", CHECK_DEVICE, CHECK_STRUCTURAL, 0, "4.1.5.4",
	  "A configuration change notification means that configuration or status has changed.",
	  REGS | NEED_IRQ, AT(STATUS_READ) | AT(GENERATION), no_change, 0, &generation,
	  "a notification; config_generation and device_status read as before" },
	ROW_END,
};
