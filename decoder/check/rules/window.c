/* SPDX-License-Identifier: MIT */
/* The PCI configuration access window: 4.1.4.9. */
#include <inttypes.h>

#include "decoder/check/context.h"

struct window {
	unsigned cap;
	uint8_t bar;
	uint32_t offset, length;
};

/* The event is an access to pci_cfg_data. */
static bool window(const struct rule_context *ctx, struct window *w)
{
	unsigned at = ctx->e->pci_cap;
	uint32_t bar;

	/* Where it stands was written, and that may be what was lost. */
	if (ctx->d->known.n_lost || !register_is(ctx, SPEC_REG_PCI_CFG_DATA) || !at || at >= 240 ||
	    !check_pci(ctx->dev, at + 4, 1, &bar) || !check_pci(ctx->dev, at + 8, 4, &w->offset) ||
	    !check_pci(ctx->dev, at + 12, 4, &w->length))
		return false;
	w->cap = at;
	w->bar = (uint8_t)bar;
	return true;
}

/* The capability in whose structure a range of a BAR lies; 0 none. */
static unsigned structure_of(const struct rule_context *ctx, unsigned bar, uint32_t offset,
			     uint32_t length)
{
	unsigned at;

	for (unsigned i = 0; (at = model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, i)); i++) {
		uint32_t start = pci32(ctx, at + 8), size = pci32(ctx, at + 12);

		if (ctx->dev->pci[at + 3] != 5 && ctx->dev->pci[at + 4] == bar && offset >= start &&
		    (uint64_t)offset + length <= (uint64_t)start + size)
			return at;
	}
	return 0;
}

static enum verdict aligned(struct rule_context *ctx)
{
	struct window w;

	if (!window(ctx, &w) || !w.length)
		return RULE_NA;
	if (!(w.offset % w.length))
		return RULE_PASSED;
	return rule_fail(ctx, "pci_cfg_data is accessed with offset 0x%x and length %u", w.offset,
			 w.length);
}

static enum verdict inside(struct rule_context *ctx)
{
	struct window w;

	if (!window(ctx, &w) || !ctx->d->pci.caps_whole)
		return RULE_NA;
	if (w.length != 1 && w.length != 2 && w.length != 4)
		return rule_fail(ctx, "pci_cfg_data is accessed with length %u", w.length);
	if (structure_of(ctx, w.bar, w.offset, w.length))
		return RULE_PASSED;
	return rule_fail(
		ctx,
		"pci_cfg_data is accessed for BAR %u, offset 0x%x, where there is no structure",
		w.bar, w.offset);
}

static bool reserved_type(unsigned type)
{
	return !type || type == 6 || type == 7 || type > 9;
}

/* The range lies in a structure that no driver knows. arg: 0 of reserved type, 1 in a reserved BAR */
static enum verdict reserved(struct rule_context *ctx)
{
	struct window w;
	unsigned at, in = 0;

	if (!window(ctx, &w))
		return RULE_NA;
	for (unsigned i = 0; (at = model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, i)); i++) {
		uint32_t start = pci32(ctx, at + 8), size = pci32(ctx, at + 12);

		if (ctx->dev->pci[at + 3] == 5 || ctx->dev->pci[at + 4] != w.bar ||
		    w.offset < start || (uint64_t)w.offset + w.length > (uint64_t)start + size ||
		    !(ctx->d->pci.caps_seen >> (at / 4 & 63) & 1))
			continue;
		if (ctx->rule->arg ? w.bar <= 5 : !reserved_type(ctx->dev->pci[at + 3]))
			return RULE_PASSED; /* named by another capability, too */
		in = at;
	}
	if (!in)
		return RULE_NA;
	return rule_fail(
		ctx,
		"pci_cfg_data is accessed for BAR %u, offset 0x%x: only the capability of type %u at "
		"0x%02x has it",
		w.bar, w.offset, ctx->dev->pci[in + 3], in);
}

static enum verdict later(struct rule_context *ctx)
{
	struct window w;
	unsigned at, cap;

	if (!window(ctx, &w) || !w.length)
		return RULE_NA;
	cap = structure_of(ctx, w.bar, w.offset, w.length);
	if (!cap || ctx->dev->pci[cap + 3] > 4 || !ctx->dev->pci[cap + 3])
		return RULE_NA;
	for (unsigned i = 0; (at = model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, i)) && at != cap; i++)
		if (ctx->dev->pci[at + 3] == ctx->dev->pci[cap + 3] && ctx->dev->pci[at + 4] <= 5 &&
		    ctx->d->pci.caps_seen >> (at / 4 & 63) & 1)
			return rule_fail(
				ctx,
				"the structure of the capability at 0x%02x is used, but that at 0x%02x "
				"is of the same type and comes first",
				cap, at);
	return RULE_PASSED;
}

/* Regions whose accesses are recorded as registers, by capability type. */
static unsigned region_of(const struct rule_context *ctx, unsigned cap)
{
	static const uint8_t regions[] = { 0, VQT_REGION_COMMON, 0, VQT_REGION_ISR,
					   VQT_REGION_DEVICE };
	unsigned type = ctx->dev->pci[cap + 3];

	return cap && type < sizeof(regions) ? regions[type] : 0;
}

/* A read returns first what the register gave, then what the window shows. */
static enum verdict read_value(struct rule_context *ctx)
{
	struct window w;
	unsigned cap;
	uint64_t mask;

	if (is_write(ctx) || !window(ctx, &w) ||
	    (w.length != 1 && w.length != 2 && w.length != 4) || reg(ctx)->width < w.length)
		return RULE_NA;
	cap = structure_of(ctx, w.bar, w.offset, w.length);
	if (!region_of(ctx, cap) || ctx->d->window.n_access + 1 != ctx->number)
		return RULE_NA;
	mask = (1ULL << (8 * w.length)) - 1;
	if (ctx->d->window.region == region_of(ctx, cap) &&
	    ctx->d->window.offset == w.offset - pci32(ctx, cap + 8) &&
	    (ctx->d->window.failed || !((reg(ctx)->value ^ ctx->d->window.value) & mask)))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->window.n_access, "the register read");
	if (ctx->d->window.failed)
		return rule_fail(
			ctx,
			"the window was set to offset 0x%x, but the access was to 0x%x of the %s "
			"region",
			w.offset, ctx->d->window.offset, spec_region_name(ctx->d->window.region));
	return rule_fail(ctx,
			 "the window reads 0x%" PRIx64
			 " for offset 0x%x, but the access was to 0x%x of "
			 "the %s region, giving 0x%" PRIx64,
			 reg(ctx)->value & mask, w.offset, ctx->d->window.offset,
			 spec_region_name(ctx->d->window.region), ctx->d->window.value);
}

/* After a write to the window the next record of the device is the write it makes. */
static enum verdict write_made(struct rule_context *ctx)
{
	const struct obligation *o = &ctx->d->window.write;
	unsigned at, cap = 0;

	if (!o->number || o->number + 1 != ctx->number || !is_write(ctx))
		return RULE_NA;
	for (unsigned i = 0; (at = model_pci_cap(ctx->dev, PCI_CAP_ID_VNDR, i)); i++)
		if (ctx->dev->pci[at + 3] == 5)
			cap = structure_of(ctx, ctx->dev->pci[at + 4], o->b, 1);
	if (!region_of(ctx, cap))
		return RULE_NA;
	if (reg(ctx)->region == region_of(ctx, cap) &&
	    reg(ctx)->offset == o->b - pci32(ctx, cap + 8) &&
	    (uint32_t)reg(ctx)->value ==
		    (o->a & (reg(ctx)->width >= 4 ? ~0U : (1U << 8 * reg(ctx)->width) - 1)))
		return RULE_PASSED;
	rule_related(ctx, o->number, "pci_cfg_data written");
	return rule_fail(ctx,
			 "the window was given 0x%x for offset 0x%x, but 0x%" PRIx64
			 " was written to 0x%x of "
			 "the %s region",
			 o->a, o->b, reg(ctx)->value, reg(ctx)->offset,
			 spec_region_name(reg(ctx)->region));
}

static const struct rule rows[] = {
	{ DRIVER_MUST, .id = "window-misaligned", .section = "4.1.4.9.2", .refs = "PCICFG-D1",
	  .text = "The driver sets cap.offset to a multiple of cap.length.", .needs = NEED_PCI,
	  .at = AT(PCI_READ) | AT(PCI_WRITE), .check = aligned,
	  .wrong = "offset 0x1002, length 4, pci_cfg_data is read" },
	{ DRIVER_MUST, .id = "window-outside", .section = "4.1.4.9.2", .refs = "PCICFG-D2 T20",
	  .text = "The driver uses the window for accesses of 1, 2 or 4 bytes inside the "
		  "structure of another capability.",
	  .needs = NEED_PCI, .at = AT(PCI_READ) | AT(PCI_WRITE), .check = inside,
	  .wrong = "offset 0x100000, pci_cfg_data is read" },
	{ DRIVER_MUST, .id = "cap-reserved-type-used", .section = "4.1.4.1", .refs = "PCICAP-D4",
	  .text = "The driver ignores capabilities of a reserved type.", .needs = NEED_PCI,
	  .at = AT(PCI_READ) | AT(PCI_WRITE), .check = reserved,
	  .wrong = "a capability of type 200, and its structure is read" },
	{ DRIVER_MUST, .id = "cap-reserved-bar-used", .section = "4.1.4.1", .refs = "PCICAP-D7",
	  .text = "The driver ignores capabilities with a reserved BAR number.", .needs = NEED_PCI,
	  .at = AT(PCI_READ) | AT(PCI_WRITE), .check = reserved, .arg = 1,
	  .wrong = "a capability with bar 7, and its structure is read" },
	{ DRIVER_SHOULD, .id = "cap-later-instance", .section = "4.1.4.1", .refs = "PCICAP-D5",
	  .text = "The driver uses the first of several capabilities of one type.",
	  .needs = NEED_PCI, .at = AT(PCI_READ) | AT(PCI_WRITE), .check = later,
	  .wrong = "two COMMON_CFG, and the second is used" },
	{ DEVICE_MUST, .id = "window-read-wrong", .section = "4.1.4.9.1", .refs = "PCICFG-V3 T20",
	  .text = "A read of pci_cfg_data returns the register that cap.bar, cap.offset and "
		  "cap.length select.",
	  .needs = NEED_PCI | NEED_REGS, .at = AT(PCI_READ), .check = read_value,
	  .wrong = "offset of device_status, num_queues is read" },
	{ DEVICE_MUST, .id = "window-write-wrong", .section = "4.1.4.9.1", .refs = "PCICFG-V2 T20",
	  .text = "A write of pci_cfg_data writes the register that cap.bar, cap.offset and "
		  "cap.length select.",
	  .needs = NEED_PCI | NEED_REGS, .at = AT(VIA_CFG), .check = write_made,
	  .wrong = "offset of device_status, offset 0 is written" },
};

const struct rule_table rules_window = {
	RULES(rows),
	.why = "Firmware that cannot map BARs reaches the device only through this window: if it is wrong,\n"
	       "the machine does not boot.",
	.right =
		"cap.bar, cap.offset, cap.length <- a register inside another capability's structure\n"
		"a read or write of pci_cfg_data reads or writes that register\n",
};
