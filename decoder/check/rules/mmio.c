/* SPDX-License-Identifier: MIT */
/* Registers of virtio-mmio: 4.2. */
#include <inttypes.h>

#include "decoder/check/context.h"
#include "decoder/util/number.h"

#define ACK_DRIVER (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)

static uint32_t value(const struct rule_context *ctx)
{
	return (uint32_t)reg(ctx)->value;
}

static const char *op(const struct rule_context *ctx)
{
	return is_write(ctx) ? "write to" : "read of";
}

static bool in_registers(const struct rule_context *ctx)
{
	return reg(ctx)->region == VQT_REGION_MMIO && reg(ctx)->offset < 0x100;
}

/* --- how registers are accessed --------------------------------------------- */

static enum verdict width(struct rule_context *ctx)
{
	if (!in_registers(ctx))
		return RULE_NA;
	if (reg(ctx)->width == 4 && !(reg(ctx)->offset % 4))
		return RULE_PASSED;
	return rule_fail(ctx, "a %u-byte %s %s at offset 0x%03x", reg(ctx)->width, op(ctx),
			 ctx->e->field ? ctx->e->field->name : "the registers", reg(ctx)->offset);
}

static enum verdict kick_width(struct rule_context *ctx)
{
	const struct vqt_kick *k = &ctx->e->rec->kick;

	if (k->via != VQT_KICK_MMIO || !k->width)
		return RULE_NA;
	if (k->width == 4)
		return RULE_PASSED;
	return rule_fail(ctx, "queue %u was kicked by a write of %u bytes to QueueNotify",
			 ctx->q->index, k->width);
}

/* Version 1 says nothing of it, and its drivers read whole structures byte by byte. */
static enum verdict config_width(struct rule_context *ctx)
{
	const struct spec_field *f = ctx->e->field;
	unsigned want;

	if (!modern(ctx) || !f || f->kind == SPEC_BYTES || f->width > 8)
		return RULE_NA;
	want = f->width == 8 ? 4 : f->width;
	if (reg(ctx)->width == want && !(ctx->e->field_offset % want))
		return RULE_PASSED;
	return rule_fail(ctx, "a %u-byte %s %s, which has %u byte%s, at offset %u in it",
			 reg(ctx)->width, op(ctx), f->name, f->width, f->width == 1 ? "" : "s",
			 ctx->e->field_offset);
}

static enum verdict nowhere(struct rule_context *ctx)
{
	if (!in_registers(ctx))
		return RULE_NA;
	if (ctx->e->field)
		return RULE_PASSED;
	return rule_fail(ctx, "a %u-byte %s offset 0x%03x, where there is no register",
			 reg(ctx)->width, op(ctx), reg(ctx)->offset);
}

static enum verdict read_only(struct rule_context *ctx)
{
	if (!in_registers(ctx) || !is_write(ctx) || !ctx->e->field)
		return RULE_NA;
	if (!(ctx->e->field->flags & SPEC_RO))
		return RULE_PASSED;
	return rule_fail(ctx, "%s is read-only, but 0x%" PRIx32 " was written to it",
			 ctx->e->field->name, value(ctx));
}

static enum verdict write_only(struct rule_context *ctx)
{
	if (!in_registers(ctx) || is_write(ctx) || !ctx->e->field)
		return RULE_NA;
	if (!(ctx->e->field->flags & SPEC_WO))
		return RULE_PASSED;
	return rule_fail(ctx, "%s is write-only, but was read", ctx->e->field->name);
}

/*
 * arg: the version (1, 2) whose devices lack the registers of the other.  Where the version
 * only shows in the registers used, the first of them decided.
 */
static enum verdict other_version(struct rule_context *ctx)
{
	unsigned other = ctx->rule->arg == 1 ? SPEC_MODERN : SPEC_LEGACY;

	if (!in_registers(ctx) || !ctx->e->field || ctx->dev->mmio_version != ctx->rule->arg)
		return RULE_NA;
	if (!(ctx->e->field->flags & other))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->mmio.n_version, "Version read");
	return rule_fail(ctx, "a %s %s, which a device of version %u does not have", op(ctx),
			 ctx->e->field->name, ctx->rule->arg);
}

/* --- what identifies the device --------------------------------------------- */

static enum verdict magic(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_MAGIC) || is_write(ctx) || reg(ctx)->width != 4)
		return RULE_NA;
	if (value(ctx) == CHECK_MMIO_MAGIC)
		return RULE_PASSED;
	return rule_fail(ctx, "MagicValue reads 0x%08" PRIx32, value(ctx));
}

static enum verdict version(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_VERSION) || is_write(ctx) || reg(ctx)->width != 4)
		return RULE_NA;
	if (value(ctx) == 1 || value(ctx) == 2) /* 1: the legacy interface, 4.2.4 */
		return RULE_PASSED;
	return rule_fail(ctx, "Version reads %" PRIu32, value(ctx));
}

static enum verdict version_1_missing(struct rule_context *ctx)
{
	if (!in_registers(ctx) || ctx->e->select != 1 || !ctx->dev->mmio_version_read ||
	    ctx->dev->mmio_version != 2)
		return RULE_NA;
	if (value(ctx) & 1)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->mmio.n_version, "Version read");
	return rule_fail(ctx,
			 "DeviceFeatures[1] reads 0x%08" PRIx32
			 ", without VIRTIO_F_VERSION_1, but Version is 2",
			 value(ctx));
}

static bool begins(const struct rule_context *ctx)
{
	return sets(ctx) & ACK_DRIVER && !(ctx->e->status_before & ACK_DRIVER);
}

static enum verdict version_unread(struct rule_context *ctx)
{
	if (!begins(ctx) || !ctx->d->mmio.whole)
		return RULE_NA;
	if (ctx->d->mmio.n_version)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "initialisation begins, but Version was never read");
}

static enum verdict not_recognised(struct rule_context *ctx)
{
	const struct check_mmio *m = &ctx->d->mmio;
	bool known = ctx->dev->mmio_version == 1 || ctx->dev->mmio_version == 2;

	if (!begins(ctx) || (!m->n_version && !m->n_magic))
		return RULE_NA;
	if (!m->other_magic && (known || !m->n_version))
		return RULE_PASSED;
	rule_related(ctx, m->n_magic, "MagicValue read");
	rule_related(ctx, m->n_version, "Version read");
	return rule_fail(ctx, "a device with %s is initialised",
			 m->other_magic ? "another MagicValue" : "an unknown Version");
}

static enum verdict nobody(struct rule_context *ctx)
{
	if (!in_registers(ctx) || !ctx->d->mmio.n_device_id)
		return RULE_NA;
	if (!ctx->d->mmio.no_device || (ctx->e->field && ctx->e->field->flags & SPEC_RO))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->mmio.n_device_id, "DeviceID read");
	return rule_fail(ctx, "a %s %s, but DeviceID is 0: there is no device", op(ctx),
			 ctx->e->field ? ctx->e->field->name : "the registers");
}

/* --- features, queues ------------------------------------------------------- */

static enum verdict unselected(struct rule_context *ctx)
{
	bool write = is_write(ctx);

	/* Legacy drivers with one word of features leave it at 0. */
	if (!in_registers(ctx) || ctx->dev->mmio_version != 2)
		return RULE_NA;
	if (write ? ctx->d->features.accept_selected : ctx->d->features.offer_selected)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "%s was %s, but %sSel was not written since the reset",
			 ctx->e->field->name, write ? "written" : "read", ctx->e->field->name);
}

static enum verdict size(struct rule_context *ctx)
{
	if (!in_registers(ctx) || !register_is(ctx, SPEC_REG_QUEUE_SIZE))
		return RULE_NA;
	if (accepted(ctx, VIRTIO_F_RING_PACKED) ? value(ctx) != 0
						: number_is_power_of_2(value(ctx)))
		return RULE_PASSED;
	return rule_fail(ctx, "QueueSize of queue %u was set to %" PRIu32, ctx->dev->queue_select,
			 value(ctx));
}

static enum verdict size_unwritten(struct rule_context *ctx)
{
	if (!in_registers(ctx) || !ctx->q)
		return RULE_NA;
	if (ctx->q->setup.n_size)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "queue %u was enabled, but its QueueSize was not written",
			 ctx->q->index);
}

static enum verdict changed_ready(struct rule_context *ctx)
{
	const struct model_queue *m = model_queue(ctx->dev, ctx->dev->queue_select);

	if (!in_registers(ctx) || !modern(ctx) || !ctx->q || !m ||
	    !(places_queue(ctx) || register_is(ctx, SPEC_REG_QUEUE_SIZE)))
		return RULE_NA;
	if (!m->enabled)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_enable, "the queue enabled");
	return rule_fail(ctx, "%s of queue %u was written while its QueueReady is 1",
			 ctx->e->field->name, ctx->q->index);
}

/*
 * A write that goes on with the set-up.  Other processors handle interrupts, read the
 * configuration and kick other queues meanwhile, which says nothing.
 */
static bool goes_on(const struct rule_context *ctx)
{
	if (!is_write(ctx) || !ctx->e->field)
		return false;
	if (register_is(ctx, SPEC_REG_DEVICE_STATUS))
		return value(ctx) != 0;
	return register_is(ctx, SPEC_REG_QUEUE_SELECT) || ctx->e->field->flags & SPEC_PER_QUEUE;
}

static enum verdict stop_unread(struct rule_context *ctx)
{
	struct check_queue *q = ctx->d->queues;

	for (; q && !q->setup.n_stopped; q = q->hh.next)
		;
	if (!q || !goes_on(ctx))
		return RULE_NA;
	rule_related(ctx, q->setup.n_stopped, "QueueReady written");
	q->setup.n_stopped = 0;
	return rule_fail_queue(ctx, q->index,
			       "QueueReady of queue %u was set to 0, but not read back", q->index);
}

static enum verdict not_ready(struct rule_context *ctx)
{
	/* Until 0 is read back the device may not have heard of it: 4.2.2.2. */
	if (!modern(ctx) || ctx->q->draining || ctx->q->setup.n_stopped || !ctx->d->status.n_write)
		return RULE_NA;
	if (ctx->queue->enabled)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	rule_related(ctx, ctx->d->n_setup, "the last write to a queue register");
	return rule_fail(ctx, "the device %s a chain of queue %u, whose QueueReady is 0",
			 ctx->e->rec->h.type == VQT_AVAIL ? "popped" : "used", ctx->q->index);
}

/* QueueReady, or QueuePFN in version 1. */
static enum verdict enabled_after(struct rule_context *ctx)
{
	if (!register_is(ctx, legacy_access(ctx) ? SPEC_REG_QUEUE_PFN : SPEC_REG_QUEUE_ENABLE) ||
	    !ctx->q || ctx->d->reset.awaited || !ctx->d->reset.written)
		return RULE_NA;
	if (!value(ctx) || ctx->q->setup.n_enable || ctx->q->setup.n_reset)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx,
			 "%s of queue %u reads 0x%" PRIx32
			 ", but the queue was not enabled since the reset",
			 ctx->e->field->name, ctx->q->index, value(ctx));
}

/* --- version 1 -------------------------------------------------------------- */

static enum verdict page_size(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_GUEST_PAGE_SIZE) || !is_write(ctx))
		return RULE_NA;
	if (number_is_power_of_2(value(ctx)))
		return RULE_PASSED;
	return rule_fail(ctx, "GuestPageSize was set to %" PRIu32, value(ctx));
}

static enum verdict page_size_unwritten(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_QUEUE_PFN) || !ctx->d->mmio.whole)
		return RULE_NA;
	if (ctx->d->mmio.n_page_size)
		return RULE_PASSED;
	return rule_fail(ctx,
			 "QueuePFN of queue %u was set to 0x%" PRIx32
			 ", but GuestPageSize was never written",
			 ctx->dev->queue_select, value(ctx));
}

static enum verdict align(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_QUEUE_ALIGN))
		return RULE_NA;
	if (number_is_power_of_2(value(ctx)))
		return RULE_PASSED;
	return rule_fail(ctx, "QueueAlign of queue %u was set to %" PRIu32, ctx->dev->queue_select,
			 value(ctx));
}

static enum verdict align_unwritten(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_QUEUE_PFN) || !ctx->q)
		return RULE_NA;
	if (ctx->q->setup.n_align)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "QueuePFN of queue %u was written, but its QueueAlign was not",
			 ctx->q->index);
}

/* --- shared memory ---------------------------------------------------------- */

static enum verdict shm_unselected(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_SHM_LENGTH) && !register_is(ctx, SPEC_REG_SHM_BASE))
		return RULE_NA;
	if (ctx->d->mmio.n_shm_select)
		return RULE_PASSED;
	if (!ctx->d->mmio.whole)
		return RULE_NA;
	return rule_fail(ctx, "%s was %s, but SHMSel was never written", ctx->e->field->name,
			 is_write(ctx) ? "written" : "read");
}

/* A region that is not there has all ones in both words, one that is never has. */
static enum verdict shm_length(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_SHM_LENGTH) || is_write(ctx) ||
	    !(ctx->e->field->flags & SPEC_HI) || !ctx->d->mmio.n_shm_length ||
	    ctx->d->mmio.n_shm_length < ctx->d->mmio.n_shm_select)
		return RULE_NA;
	if (value(ctx) != UINT32_MAX || ctx->d->mmio.shm_length_low == UINT32_MAX)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->mmio.n_shm_length, "the low half");
	return rule_fail(ctx, "SHMLen reads 0x%08" PRIx32 "%08" PRIx32, value(ctx),
			 ctx->d->mmio.shm_length_low);
}

static const struct explanation old = {
	.why = "Version 1 counts memory in pages: the device finds a queue only if page size, alignment\n"
	       "and size are right. With a page size of 0 some devices look at the page number itself as an\n"
	       "address, others refuse the queue.",
	.right = "GuestPageSize <- 4096, once\n"
		 "QueueSel <- n, QueuePFN = 0, QueueSizeMax = 1024\n"
		 "QueueSize <- 256, QueueAlign <- 4096, QueuePFN <- address / 4096\n",
};

static const struct explanation found = {
	.why = "A window of virtio-mmio may be empty, or belong to something else. The driver learns by\n"
	       "MagicValue, Version and DeviceID what is there, and by nothing else.",
	.right = "MagicValue = 0x74726976, Version = 2 (1: the legacy interface)\n"
		 "DeviceID is not 0: a device; then Status <- 0\n",
};

#define REGS (NEED_REGS | NEED_LIFE)
#define SETUP (NEED_REGS | NEED_AGREED)

static const struct rule rows[] = {
	{ DRIVER_MUST, .id = "mmio-access-width", .section = "4.2.2.2", .refs = "MMIO-D4 T13",
	  .text = "The driver accesses the registers of virtio-mmio aligned and in 32 bits.",
	  .needs = NEED_REGS, .at = AT(COMMON) | ONLY(MMIO), .check = width,
	  .wrong = "a 1-byte read of Status" },
	{ DRIVER_MUST, .id = "mmio-kick-width", .section = "4.2.2.2", .refs = "MMIO-D4 T19",
	  .text = "On virtio-mmio a kick is a 32-bit write to QueueNotify.", .needs = NEED_KICK,
	  .at = AT(KICK) | ONLY(MMIO) | ONLY(SEEN_KICK), .check = kick_width,
	  .wrong = "a 2-byte write to QueueNotify" },
	{ DRIVER_MUST, .id = "mmio-config-width", .section = "4.2.2.2", .refs = "MMIO-D5 T13",
	  .text = "On virtio-mmio the driver accesses each field of the device configuration aligned "
		  "and in its own width, and 64-bit fields as two 32-bit halves.",
	  .needs = NEED_REGS | NEED_CONFIG, .at = AT(CONFIG_READ) | AT(CONFIG_WRITE) | ONLY(MMIO),
	  .check = config_width, .wrong = "capacity is read byte by byte" },
	{ DRIVER_MUST, .id = "mmio-access-nowhere", .section = "4.2.2.2", .refs = "MMIO-D1 T13",
	  .text = "The driver accesses only registers that virtio-mmio has.", .needs = NEED_REGS,
	  .at = AT(COMMON) | ONLY(MMIO), .check = nowhere, .wrong = "a read at offset 0x0d0" },
	{ DRIVER_MUST, .id = "mmio-read-only-written", .section = "4.2.2.2", .refs = "MMIO-D2",
	  .text = "The driver does not write to read-only registers of virtio-mmio.",
	  .needs = NEED_REGS, .at = AT(COMMON) | ONLY(MMIO), .check = read_only,
	  .wrong = "DeviceFeatures <- 0x40" },
	{ DRIVER_MUST, .id = "mmio-write-only-read", .section = "4.2.2.2", .refs = "MMIO-D3",
	  .text = "The driver does not read from write-only registers of virtio-mmio.",
	  .needs = NEED_REGS, .at = AT(COMMON) | ONLY(MMIO), .check = write_only,
	  .wrong = "QueueSel is read" },
	{ DRIVER_MUST, .id = "mmio-legacy-register", .section = "4.2.2.2", .refs = "MMIO-D1 T10",
	  .text = "With a device of version 2 the driver does not use GuestPageSize, QueueAlign or "
		  "QueuePFN.",
	  .needs = NEED_REGS, .at = AT(COMMON) | ONLY(MMIO), .check = other_version, .arg = 2,
	  .wrong = "Version = 2, QueuePFN <- 0x80" },
	{ DRIVER_STRUCTURAL, .id = "mmio-modern-register", .section = "4.2.4", .refs = "T10",
	  .text = "With a device of version 1 the driver uses only the registers of version 1: no "
		  "QueueReady, no 64-bit addresses, no ConfigGeneration.",
	  .needs = NEED_REGS, .at = AT(COMMON) | ONLY(MMIO), .check = other_version, .arg = 1,
	  .wrong = "Version = 1, QueueReady <- 1" },
	{ DEVICE_MUST, .id = "mmio-magic", .section = "4.2.2.1", .refs = "MMIO-V1",
	  .text = "MagicValue reads 0x74726976.", .needs = NEED_REGS, .at = AT(COMMON) | ONLY(MMIO),
	  .check = magic, .explanation = &found, .wrong = "MagicValue = 0x76697274" },
	{ DEVICE_MUST, .id = "mmio-version", .section = "4.2.2.1", .refs = "MMIO-V2",
	  .text = "Version reads 2, or 1 for the legacy interface.", .needs = NEED_REGS,
	  .at = AT(COMMON) | ONLY(MMIO), .check = version, .explanation = &found,
	  .wrong = "Version = 3" },
	{ DEVICE_MUST, .id = "mmio-version-1-not-offered", .section = "6.2", .refs = "BITS-V1",
	  .text = "A device of virtio-mmio version 2 offers VIRTIO_F_VERSION_1.", .needs = SETUP,
	  .at = AT(OFFER_READ) | ONLY(MMIO), .check = version_1_missing, .explanation = &found,
	  .wrong = "Version = 2, DeviceFeatures[1] = 0" },
	{ DRIVER_MUST, .id = "mmio-version-unread", .section = "4.2.3.1.1", .refs = "MMIOINIT-D1",
	  .text = "The driver reads Version before it initialises the device.", .needs = REGS,
	  .at = AT(STATUS_WRITE) | ONLY(MMIO), .check = version_unread, .explanation = &found,
	  .wrong = "MagicValue is read, then Status <- ACKNOWLEDGE" },
	{ DRIVER_MUST, .id = "mmio-not-recognised", .section = "4.2.2.2", .refs = "MMIO-D6 MMIO-D8",
	  .text = "The driver ignores a device whose MagicValue or Version it does not know.",
	  .needs = NEED_REGS, .at = AT(STATUS_WRITE) | ONLY(MMIO), .check = not_recognised,
	  .explanation = &found, .wrong = "Version = 3, Status <- ACKNOWLEDGE" },
	{ DRIVER_MUST, .id = "mmio-no-device", .section = "4.2.3.1.1",
	  .refs = "MMIOINIT-D3 MMIOINIT-D4 MMIO-D10",
	  .text = "The driver leaves a device alone whose DeviceID reads 0.", .needs = NEED_REGS,
	  .at = AT(COMMON) | ONLY(MMIO), .check = nobody, .explanation = &found,
	  .wrong = "DeviceID = 0, Status <- 0" },
	{ DRIVER_MUST, .id = "mmio-features-unselected", .section = "4.2.2.2",
	  .refs = "MMIO-D12 MMIO-D13",
	  .text = "The driver selects a word of features before it reads or writes one.",
	  .needs = REGS, .at = AT(OFFER_READ) | AT(FEATURE_WRITE) | ONLY(MMIO), .check = unselected,
	  .wrong = "DeviceFeatures is read, DeviceFeaturesSel never written" },
	{ DRIVER_STRUCTURAL, .id = "mmio-queue-size", .section = "2.7", .refs = "T18",
	  .text = "On virtio-mmio the driver sets a queue size that is a power of 2, or with a packed "
		  "ring at least not 0.",
	  .needs = SETUP, .at = AT(QUEUE_WRITE) | ONLY(MMIO), .check = size,
	  .wrong = "QueueSize <- 100" },
	{ DRIVER_STRUCTURAL, .id = "mmio-queue-size-unwritten", .section = "4.2.3.2", .refs = "T17",
	  .text = "On virtio-mmio the driver writes QueueSize before it enables a queue.",
	  .needs = REGS, .at = AT(ENABLE) | ONLY(MMIO), .check = size_unwritten,
	  .wrong = "QueueSizeMax = 1024, QueueReady <- 1" },
	{ DRIVER_MUST, .id = "mmio-queue-changed-ready", .section = "4.2.2.2",
	  .refs = "MMIO-D15 T17",
	  .text = "While QueueReady is 1 the driver does not access the size and the addresses of the "
		  "queue.",
	  .needs = REGS, .at = AT(QUEUE_WRITE) | ONLY(MMIO), .check = changed_ready,
	  .wrong = "QueueReady <- 1, QueueDescLow <- 0x20000" },
	{ DRIVER_MUST, .id = "mmio-queue-stop-unread", .section = "4.2.2.2",
	  .refs = "MMIO-D16 MMIO-D17",
	  .text = "After writing 0 to QueueReady the driver reads it back.",
	  .needs = REGS | NEED_EXACT, .at = AT(COMMON) | ONLY(MMIO), .check = stop_unread,
	  .wrong = "QueueReady <- 0, then QueueSel <- 1" },
	{ DEVICE_MUST, .id = "mmio-not-ready-served", .section = "4.2.2.1", .refs = "MMIO-V7",
	  .text = "The device does not access a queue whose QueueReady is 0.",
	  .needs = REGS | NEED_DEVICE, .at = AT(CHAIN) | AT(USED) | ONLY(MMIO), .check = not_ready,
	  .wrong = "QueueReady <- 0, a chain is popped" },
	{ DEVICE_MUST, .id = "mmio-ready-after-reset", .section = "4.2.2.1", .refs = "MMIO-V5 T05",
	  .text = "After a reset QueueReady (QueuePFN in version 1) reads 0 for every queue.",
	  .needs = REGS, .at = AT(QUEUE_READ) | ONLY(MMIO), .check = enabled_after,
	  .wrong = "Status = 0, QueueReady = 1" },
	{ DRIVER_STRUCTURAL, .id = "mmio-page-size", .section = "4.2.4", .refs = "T18",
	  .text = "GuestPageSize is a power of 2.", .needs = NEED_REGS,
	  .at = AT(COMMON) | ONLY(MMIO), .check = page_size, .explanation = &old,
	  .wrong = "GuestPageSize <- 0" },
	{ DRIVER_STRUCTURAL, .id = "mmio-page-size-unwritten", .section = "4.2.4", .refs = "T18",
	  .text = "The driver writes GuestPageSize before it sets QueuePFN.", .needs = REGS,
	  .at = AT(ENABLE) | ONLY(MMIO), .check = page_size_unwritten, .explanation = &old,
	  .wrong = "QueuePFN <- 0x80000000, GuestPageSize never written" },
	{ DRIVER_STRUCTURAL, .id = "mmio-queue-align", .section = "4.2.4", .refs = "T18",
	  .text = "QueueAlign is a power of 2.", .needs = NEED_REGS,
	  .at = AT(QUEUE_WRITE) | ONLY(MMIO), .check = align, .explanation = &old,
	  .wrong = "QueueAlign <- 0" },
	{ DRIVER_STRUCTURAL, .id = "mmio-queue-align-unwritten", .section = "4.2.4", .refs = "T18",
	  .text = "The driver writes QueueAlign of a queue before its QueuePFN.", .needs = REGS,
	  .at = AT(ENABLE) | ONLY(MMIO), .check = align_unwritten, .explanation = &old,
	  .wrong = "QueueSize <- 128, QueuePFN <- 0x80" },
	{ DRIVER_STRUCTURAL, .id = "mmio-shm-unselected", .section = "4.2.2", .refs = "T13",
	  .text = "The driver writes SHMSel before it looks for a shared memory region.",
	  .needs = NEED_REGS, .at = AT(COMMON) | ONLY(MMIO), .check = shm_unselected,
	  .wrong = "SHMLenLow is read, SHMSel never written" },
	{ DEVICE_STRUCTURAL, .id = "mmio-shm-length", .section = "4.2.2", .refs = "T13",
	  .text = "The length of a shared memory region that does not exist reads -1 in both halves.",
	  .needs = NEED_REGS, .at = AT(COMMON) | ONLY(MMIO), .check = shm_length,
	  .wrong = "SHMLenLow = 0, SHMLenHigh = 0xffffffff" },
};

const struct rule_table rules_mmio = {
	RULES(rows),
	.why = "virtio-mmio has registers of its own, 32 bits each, and two versions that share a window\n"
	       "and differ in how a queue is set up. A device answers accesses it does not know with 0, or\n"
	       "drops them: a driver that uses the wrong ones sees a device that does nothing.",
	.right = "MagicValue = 0x74726976, Version = 2, DeviceID is not 0\n"
		 "DeviceFeaturesSel <- 1, DeviceFeatures = 1; the same for the driver's\n"
		 "QueueSel <- n, QueueSizeMax = 1024, QueueSize <- 256\n"
		 "QueueDescLow, QueueDescHigh, ... <- addresses, QueueReady <- 1\n"
		 "QueueNotify <- n (4 bytes)\n",
};
