/* SPDX-License-Identifier: MIT */
/* Queue registers: 2.7, 2.8, 4.1.4.3, 4.1.5.1.3. */
#include <inttypes.h>

#include "decoder/check/context.h"
#include "decoder/util/number.h"

static unsigned long long value(const struct rule_context *ctx)
{
	return (unsigned long long)reg(ctx)->value;
}

static bool packed(const struct rule_context *ctx)
{
	return accepted(ctx, VIRTIO_F_RING_PACKED);
}

/* Beyond num_queues lie administration queues, if any. */
static bool absent(const struct rule_context *ctx)
{
	return ctx->d->num_queues_known && ctx->dev->queue_select >= ctx->d->num_queues &&
	       !offered(ctx, VIRTIO_F_ADMIN_VQ);
}

static enum verdict absent_written(struct rule_context *ctx)
{
	if (!ctx->d->num_queues_known)
		return RULE_NA;
	if (!absent(ctx))
		return RULE_PASSED;
	return rule_fail(ctx, "%s of queue %u was written, but num_queues is %u",
			 ctx->e->field->name, ctx->dev->queue_select, ctx->d->num_queues);
}

static enum verdict absent_size(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_QUEUE_SIZE) || !absent(ctx))
		return RULE_NA;
	if (!value(ctx))
		return RULE_PASSED;
	return rule_fail(ctx, "queue_size of queue %u reads %llu, but num_queues is %u",
			 ctx->dev->queue_select, value(ctx), ctx->d->num_queues);
}

static enum verdict size_read(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_QUEUE_SIZE) || packed(ctx))
		return RULE_NA;
	if (!value(ctx) || number_is_power_of_2(value(ctx)))
		return RULE_PASSED;
	return rule_fail(ctx, "queue_size of queue %u reads %llu", ctx->dev->queue_select,
			 value(ctx));
}

static enum verdict size_written(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_QUEUE_SIZE) || packed(ctx) || legacy_access(ctx))
		return RULE_NA;
	if (number_is_power_of_2(value(ctx)))
		return RULE_PASSED;
	return rule_fail(ctx, "queue_size of queue %u was set to %llu", ctx->dev->queue_select,
			 value(ctx));
}

static enum verdict size_zero(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_QUEUE_SIZE) || !packed(ctx))
		return RULE_NA;
	if (value(ctx))
		return RULE_PASSED;
	return rule_fail(ctx, "queue_size of queue %u was set to 0", ctx->dev->queue_select);
}

/*
 * What the device offers: as its register showed it, in whichever initialisation, or with
 * virtio-pci as the device was made.  0: not known.
 */
static unsigned size_offered(struct rule_context *ctx)
{
	const struct model_queue *m = model_queue(ctx->dev, ctx->dev->queue_select);
	const struct check_added *a = &ctx->d->added;
	unsigned index = ctx->dev->queue_select;

	if (m && m->size_max) {
		rule_related(ctx, ctx->q->setup.n_size_read, "the size read");
		return m->size_max;
	}
	if (check_mmio(ctx->dev) || a->n > CHECK_ADDED || index >= a->n)
		return 0;
	rule_related(ctx, a->number[index], "the queue made");
	return a->size[index];
}

/* arg: 1 of virtio-mmio */
static enum verdict size_big(struct rule_context *ctx)
{
	unsigned most;

	if (!register_is(ctx, SPEC_REG_QUEUE_SIZE) || !ctx->q)
		return RULE_NA;
	if (value(ctx) > VIRTQ_SIZE_MAX)
		return rule_fail(ctx, "%s of queue %u was set to %llu", ctx->e->field->name,
				 ctx->dev->queue_select, value(ctx));
	most = size_offered(ctx);
	if (!most || value(ctx) <= most)
		return most ? RULE_PASSED : RULE_NA;
	return rule_fail(ctx, "%s of queue %u was set to %llu, but the device offers %u",
			 ctx->e->field->name, ctx->dev->queue_select, value(ctx), most);
}

static enum verdict changed_enabled(struct rule_context *ctx)
{
	if (!ctx->q || reg(ctx)->region != VQT_REGION_COMMON ||
	    !(places_queue(ctx) || register_is(ctx, SPEC_REG_QUEUE_SIZE)))
		return RULE_NA;
	if (!ctx->q->setup.n_enable)
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_enable, "the queue enabled");
	return rule_fail(ctx, "%s of queue %u was written after it was enabled",
			 ctx->e->field->name, ctx->q->index);
}

static enum verdict unconfigured(struct rule_context *ctx)
{
	const struct check_queue *q = ctx->q;

	if (!q || !modern_access(ctx) || q->setup.n_reset || q->setup.n_enable)
		return RULE_NA;
	if (q->setup.n_desc && q->setup.n_driver && q->setup.n_device)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "queue %u was enabled, but its %s was not set", q->index,
			 !q->setup.n_desc     ? "descriptor area"
			 : !q->setup.n_driver ? "driver area"
					      : "device area");
}

static enum verdict disabled(struct rule_context *ctx)
{
	if (!register_is(ctx, SPEC_REG_QUEUE_ENABLE) || reg(ctx)->region != VQT_REGION_COMMON)
		return RULE_NA;
	if (value(ctx))
		return RULE_PASSED;
	rule_related(ctx, ctx->q ? ctx->q->setup.n_enable : 0, "the queue enabled");
	return rule_fail(ctx, "0 was written to queue_enable of queue %u", ctx->dev->queue_select);
}

static enum verdict misaligned(struct rule_context *ctx)
{
	const struct model_queue *m = model_queue(ctx->dev, ctx->dev->queue_select);
	unsigned driver = ctx->rule->arg ? 4 : 2;

	if (packed(ctx) != (ctx->rule->arg != 0) || !m || !ctx->q || !ctx->q->setup.n_desc ||
	    !ctx->q->setup.n_driver || !ctx->q->setup.n_device)
		return RULE_NA;
	if (!(m->desc % 16) && !(m->driver % driver) && !(m->device % 4))
		return RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_desc, "queue_desc written");
	rule_related(ctx, ctx->q->setup.n_driver, "queue_driver written");
	rule_related(ctx, ctx->q->setup.n_device, "queue_device written");
	return rule_fail(ctx,
			 "queue %u was enabled with areas at 0x%" PRIx64 ", 0x%" PRIx64
			 " and 0x%" PRIx64,
			 m->index, m->desc, m->driver, m->device);
}

static enum verdict legacy_size_unread(struct rule_context *ctx)
{
	if (reg(ctx)->region != VQT_REGION_LEGACY || !ctx->q)
		return RULE_NA;
	if (ctx->q->setup.n_size_read)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx,
			 "the address of queue %u was written, but its queue_size was not read",
			 ctx->q->index);
}

static enum verdict zero_size(struct rule_context *ctx)
{
	const struct model_queue *m = model_queue(ctx->dev, ctx->dev->queue_select);

	if (!m || !(m->size_known || ctx->q->setup.n_size_read))
		return RULE_NA;
	if (m->size_known ? m->size : m->size_max)
		return RULE_PASSED;
	return rule_fail(ctx, "queue %u was enabled, but its queue_size is 0", m->index);
}

static enum verdict admin_index(struct rule_context *ctx)
{
	const struct check_device *d = ctx->d;
	unsigned index = ctx->dev->queue_select;

	if (!accepted(ctx, VIRTIO_F_ADMIN_VQ) || !d->num_queues_known || !d->admin.index_known ||
	    !d->admin.num || index < d->num_queues)
		return RULE_NA;
	if (index >= d->admin.index && index - d->admin.index < d->admin.num)
		return RULE_PASSED;
	return rule_fail(ctx, "queue %u was set up; administration queues are %u to %u", index,
			 d->admin.index, d->admin.index + d->admin.num - 1);
}

static enum verdict reset_unnegotiated(struct rule_context *ctx)
{
	if (!(value(ctx) & 1))
		return RULE_NA;
	if (accepted(ctx, VIRTIO_F_RING_RESET))
		return RULE_PASSED;
	rule_related(ctx, ctx->d->features.n_accept, "the features accepted");
	return rule_fail(ctx, "queue_reset was written, but VIRTIO_F_RING_RESET is not negotiated");
}

#define REGS (NEED_REGS | NEED_LIFE)

static const struct rule rows[] = {
	{ DRIVER_STRUCTURAL, .id = "absent-queue-written", .section = "4.1.4.3", .refs = "I16 T16",
	  .text = "The driver writes queue registers only for queues below num_queues.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(QUEUE_WRITE), .check = absent_written,
	  .wrong = "num_queues = 1, queue_select <- 1, queue_size <- 256" },
	{ DEVICE_MUST, .id = "absent-queue-size", .section = "4.1.4.3.1", .refs = "COMMON-V14 T16",
	  .text = "queue_size reads 0 for a queue that does not exist.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(QUEUE_READ), .check = absent_size,
	  .wrong = "num_queues = 1, queue_select <- 1, queue_size = 256" },
	{ DEVICE_MUST, .id = "queue-size-offered", .section = "4.1.4.3.1", .legacy = "2.7",
	  .refs = "COMMON-V15",
	  .text = "Without VIRTIO_F_RING_PACKED queue_size reads 0 or a power of 2.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(QUEUE_READ), .check = size_read,
	  .wrong = "queue_size = 100" },
	{ DRIVER_MUST, .id = "queue-size-split", .section = "4.1.4.3.2", .refs = "COMMON-D3 T18",
	  .text = "Without VIRTIO_F_RING_PACKED the driver sets a queue size that is a power of 2.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(QUEUE_WRITE), .check = size_written,
	  .wrong = "queue_size <- 100" },
	{ DRIVER_MUST, .id = "queue-size-zero", .section = "4.1.4.3.2", .refs = "COMMON-D2",
	  .text = "With VIRTIO_F_RING_PACKED the driver does not set a queue size of 0.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(QUEUE_WRITE), .check = size_zero,
	  .wrong = "queue_size <- 0" },
	{ DRIVER_STRUCTURAL, .id = "queue-size-too-big", .section = "4.1.4.3", .refs = "I10 T18",
	  .text = "The driver may reduce the queue size; it never sets more than the device "
		  "offers, or more than 32768.",
	  .needs = REGS, .at = AT(QUEUE_WRITE), .check = size_big,
	  .wrong = "queue_size = 128, <- 256" },
	{ DRIVER_MUST, .id = "mmio-queue-size-too-big", .section = "4.2.2.2",
	  .refs = "MMIO-D14 T18",
	  .text = "On virtio-mmio the driver sets a queue size of at most QueueSizeMax.",
	  .needs = REGS, .at = AT(QUEUE_WRITE) | ONLY(MMIO), .check = size_big,
	  .wrong = "QueueSizeMax = 128, QueueSize <- 256" },
	{ DRIVER_STRUCTURAL, .id = "mmio-queue-unconfigured", .section = "4.2.3.2", .refs = "T17",
	  .text = "On virtio-mmio the driver sets all three addresses of a queue before it writes 1 to "
		  "QueueReady.",
	  .needs = REGS, .at = AT(ENABLE) | ONLY(MMIO), .check = unconfigured,
	  .wrong = "QueueReady <- 1, QueueDeviceLow never written" },
	{ DRIVER_STRUCTURAL, .id = "queue-enabled-empty", .section = "4.1.4.3", .mmio = "4.2.2",
	  .legacy = "4.1.4.10", .refs = "T17",
	  .text = "The driver does not enable a queue whose size reads 0: it does not exist.",
	  .needs = REGS, .at = AT(ENABLE), .check = zero_size,
	  .wrong = "queue_size = 0, queue_enable <- 1" },
	{ DRIVER_MUST, .id = "queue-changed-enabled", .section = "4.1.4.3.2",
	  .refs = "COMMON-D4 T17",
	  .text = "The driver sets size and addresses of a queue before it enables it, and does "
		  "not change them afterwards.",
	  .needs = REGS, .at = AT(QUEUE_WRITE), .check = changed_enabled,
	  .wrong = "queue_enable <- 1, then queue_desc is written" },
	{ DRIVER_MUST, .id = "queue-enabled-unconfigured", .section = "4.1.4.3.2",
	  .refs = "COMMON-D4 T17",
	  .text = "The driver sets all three addresses of a queue before it enables it.",
	  .needs = REGS, .at = AT(ENABLE), .check = unconfigured,
	  .wrong = "queue_enable <- 1 with queue_device never written" },
	{ DRIVER_MUST, .id = "queue-disabled", .section = "4.1.4.3.2", .refs = "COMMON-D6 T17",
	  .text = "The driver does not write 0 to queue_enable.", .needs = NEED_REGS,
	  .at = AT(QUEUE_WRITE), .check = disabled, .wrong = "queue_enable <- 0" },
	{ DRIVER_MUST, .id = "queue-misaligned", .section = "2.7.1", .refs = "SPLIT-D1 T18",
	  .text = "The areas of a split queue are aligned to 16, 2 and 4 bytes.", .needs = REGS,
	  .at = AT(ENABLE), .check = misaligned, .wrong = "queue_desc <- 0x1008" },
	{ DRIVER_MUST, .id = "queue-misaligned-packed", .section = "2.8.11",
	  .refs = "PACKED-D1 T18",
	  .text = "The areas of a packed queue are aligned to 16, 4 and 4 bytes.", .needs = REGS,
	  .at = AT(ENABLE), .check = misaligned, .arg = 1, .wrong = "queue_driver <- 0x1002" },
	{ DRIVER_MUST, .id = "legacy-size-unread", .section = "2.7.2", .refs = "SPLIT-D2 T10",
	  .text = "In the legacy interface the driver reads the queue size before it sets the "
		  "address: it cannot choose a size.",
	  .needs = REGS, .at = AT(ENABLE), .check = legacy_size_unread,
	  .wrong = "queue_address is written, queue_size never read" },
	{ DRIVER_MUST, .id = "admin-queue-index", .section = "4.1.4.3.2", .refs = "COMMON-D10",
	  .text = "The driver sets up administration virtqueues at the indices that the device "
		  "gives for them.",
	  .needs = NEED_REGS | NEED_AGREED, .at = AT(QUEUE_WRITE), .check = admin_index,
	  .wrong = "admin_queue_index 4, admin_queue_num 1, queue 5 is set up" },
	{ DRIVER_STRUCTURAL, .id = "queue-reset-unnegotiated", .section = "2.6.1", .refs = "T08",
	  .text = "The driver resets a single queue only after negotiating VIRTIO_F_RING_RESET.",
	  .needs = REGS, .at = AT(QRESET_WRITE), .check = reset_unnegotiated,
	  .wrong = "queue_reset <- 1 without bit 40" },
};

const struct rule_table rules_queue = {
	RULES(rows),
	.why = "As soon as a queue is enabled the device may access its memory. Address, size and alignment\n"
	       "have to be right before that and stay the same until a reset.",
	.right = "queue_select <- n, read queue_size (0: there is no such queue)\n"
		 "queue_size <- what is used, a power of 2 in a split ring\n"
		 "queue_desc (16-byte aligned), queue_driver (2; packed 4), queue_device (4)\n"
		 "queue_msix_vector, read back\n"
		 "queue_enable <- 1, never 0\n",
};
