/* SPDX-License-Identifier: MIT */
/* MSI-X vectors: 4.1.5.1.2, 4.1.5.3. */
#include <inttypes.h>

#include "decoder/check/context.h"

static uint16_t value(const struct rule_context *ctx)
{
	return (uint16_t)reg(ctx)->value;
}

/* Vectors in the table; 0 not known. */
static unsigned table_size(const struct rule_context *ctx)
{
	return ctx->d->pci.msix_table;
}

static const char *which(const struct rule_context *ctx)
{
	return ctx->e->field->name;
}

static enum verdict size(struct rule_context *ctx)
{
	unsigned cap = ctx->e->pci_cap;

	if (!cap || ctx->dev->pci[cap] != PCI_CAP_ID_MSIX || reg(ctx)->offset > cap + 2 ||
	    reg(ctx)->offset + reg(ctx)->width < cap + 4)
		return RULE_NA;
	if (get_le16(ctx->dev->pci + cap + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE)
		return RULE_PASSED;
	return rule_fail(ctx, "the MSI-X table has one vector");
}

static enum verdict outside(struct rule_context *ctx)
{
	unsigned n = table_size(ctx);

	if (!n)
		return RULE_NA;
	if (value(ctx) == VQT_NO_VECTOR || value(ctx) < n)
		return RULE_PASSED;
	return rule_fail(ctx, "%s <- %u, but the table has %u vectors", which(ctx), value(ctx), n);
}

/* The vector of this register, or of this queue, if it was not read back yet. */
static struct obligation *mapping(const struct rule_context *ctx)
{
	return ctx->q ? &ctx->q->setup.vector_unread : &ctx->d->vectors.unread;
}

static enum verdict unverified(struct rule_context *ctx, struct check_queue *q)
{
	struct obligation *o = q ? &q->setup.vector_unread : &ctx->d->vectors.unread;

	rule_related(ctx, o->number, "the vector written");
	o->number = 0;
	if (!q)
		return rule_fail(ctx, "config_msix_vector was set to %u, but not read back", o->a);
	return rule_fail_queue(ctx, q->index,
			       "queue_msix_vector of queue %u was set to %u, but not read back",
			       q->index, o->a);
}

/*
 * All vectors may be written before the first is read back, but initialisation is not over before
 * they are; of a queue that is mapped later kicks show that the driver has gone on.
 */
static enum verdict unread(struct rule_context *ctx)
{
	enum verdict v = RULE_NA;

	if (ctx->e->rec->h.type == VQT_KICK)
		return mapping(ctx)->number && driver_ok(ctx) &&
				       ctx->now - mapping(ctx)->ts >= STALL
			       ? unverified(ctx, ctx->q)
			       : RULE_NA;
	if (!register_is(ctx, SPEC_REG_DEVICE_STATUS))
		return mapping(ctx)->number ? RULE_PASSED : RULE_NA;
	if (!(sets(ctx) & VIRTIO_CONFIG_S_DRIVER_OK))
		return RULE_NA;
	if (ctx->d->vectors.unread.number)
		v = unverified(ctx, NULL);
	for (struct check_queue *q = ctx->d->queues; q; q = q->hh.next)
		if (q->setup.vector_unread.number)
			v = unverified(ctx, q);
	return v;
}

/* The model's value is the last one written, until this read. */
static bool was_written(const struct rule_context *ctx)
{
	return ctx->q ? ctx->q->setup.n_vector : ctx->d->vectors.n_config;
}

static enum verdict shown(struct rule_context *ctx)
{
	uint16_t before = (uint16_t)ctx->e->before;

	if (!ctx->e->before_known || !was_written(ctx) || before == VQT_NO_VECTOR)
		return RULE_NA;
	if (value(ctx) == before || value(ctx) == VQT_NO_VECTOR)
		return RULE_PASSED;
	return rule_fail(ctx, "%s reads %u after %u was written", which(ctx), value(ctx), before);
}

static enum verdict unmapping(struct rule_context *ctx)
{
	if (!ctx->e->before_known || !was_written(ctx) || (uint16_t)ctx->e->before != VQT_NO_VECTOR)
		return RULE_NA;
	if (value(ctx) == VQT_NO_VECTOR)
		return RULE_PASSED;
	return rule_fail(ctx, "%s reads %u after NO_VECTOR", which(ctx), value(ctx));
}

static enum verdict refused(struct rule_context *ctx)
{
	const struct obligation *o = mapping(ctx);

	if (!o->number || !table_size(ctx))
		return RULE_NA;
	if (value(ctx) != VQT_NO_VECTOR || o->a >= table_size(ctx))
		return RULE_PASSED;
	rule_related(ctx, o->number, "the vector written");
	return rule_fail(ctx, "%s reads NO_VECTOR after %u was written, in a table of %u",
			 which(ctx), o->a, table_size(ctx));
}

static enum verdict after_reset(struct rule_context *ctx)
{
	if (was_written(ctx) || ctx->d->reset.awaited || !ctx->d->reset.written ||
	    (ctx->q && ctx->q->setup.n_reset))
		return RULE_NA;
	if (value(ctx) == VQT_NO_VECTOR)
		return RULE_PASSED;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "%s reads %u, but was not written since the reset", which(ctx),
			 value(ctx));
}

static enum verdict beyond(struct rule_context *ctx)
{
	unsigned n = table_size(ctx);

	if (!n)
		return RULE_NA;
	if (ctx->e->rec->irq.vector < n)
		return RULE_PASSED;
	return rule_fail(ctx, "an interrupt on vector %u of a table of %u", ctx->e->rec->irq.vector,
			 n);
}

/* Is an event mapped to the vector now?  If not, the message may have been pending since it was. */
static bool has_event(const struct rule_context *ctx, unsigned vector)
{
	if (ctx->dev->config_vector == vector)
		return true;
	for (const struct model_queue *q = ctx->dev->queues; q; q = q->hh.next)
		if (q->vector == vector)
			return true;
	return false;
}

static enum verdict unmapped(struct rule_context *ctx)
{
	unsigned v = ctx->e->rec->irq.vector;

	if (v >= CHECK_VECTORS || !ctx->dev->msix || !ctx->d->status.n_write)
		return RULE_NA;
	if (bit_set(ctx->d->vectors.mapped, v))
		return has_event(ctx, v) ? RULE_PASSED : RULE_NA;
	rule_related(ctx, ctx->d->reset.number, "the reset");
	return rule_fail(ctx, "an interrupt on vector %u, to which no event is mapped", v);
}

/*
 * The device has just decided for a queue without a vector, and a message follows on one
 * that no queue has and that no configuration change is waiting for.
 */
static enum verdict of_nobody(struct rule_context *ctx)
{
	unsigned v = ctx->e->rec->irq.vector;
	const struct check_queue *from = NULL;

	if (ctx->d->irqs.n_queue + 1 != ctx->number || ctx->d->irqs.n_config > ctx->d->irqs.n_msix)
		return RULE_NA;
	for (const struct check_queue *q = ctx->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(ctx->dev, q->index);

		if (m && m->vector == v)
			return RULE_NA;
		if (m && q->seen.n_irq == ctx->d->irqs.n_queue && m->vector == VQT_NO_VECTOR &&
		    q->setup.n_vector)
			from = q;
	}
	if (!from)
		return RULE_NA;
	rule_related(ctx, from->setup.n_vector, "the vector written");
	rule_related(ctx, ctx->d->irqs.n_queue, "the notification");
	return rule_fail_queue(ctx, from->index,
			       "an interrupt on vector %u for queue %u, whose vector is NO_VECTOR",
			       v, from->index);
}

/* The record names a queue or the configuration, and that has no vector. */
static enum verdict no_vector(struct rule_context *ctx)
{
	const struct model_queue *q = ctx->queue;

	if (!ctx->dev->msix)
		return RULE_NA;
	if (ctx->e->rec->h.queue == VQT_NO_QUEUE || !q)
		return of_nobody(ctx);
	if (q->vector != VQT_NO_VECTOR || ctx->q->setup.n_vector == 0)
		return q->vector == VQT_NO_VECTOR ? RULE_NA : RULE_PASSED;
	rule_related(ctx, ctx->q->setup.n_vector, "the vector written");
	return rule_fail(ctx, "an interrupt on vector %u for queue %u, whose vector is NO_VECTOR",
			 ctx->e->rec->irq.vector, q->index);
}

static const struct rule rows[] = {
	{ DEVICE_SHOULD, .id = "msix-table-small", .section = "4.1.5.1.2.1", .refs = "MSIX-V1",
	  .text = "A device with MSI-X has at least two vectors.", .needs = NEED_PCI,
	  .at = AT(PCI_READ), .check = size, .wrong = "Table Size 0" },
	{ DRIVER_MUST, .id = "vector-outside-table", .section = "4.1.5.1.2.2", .refs = "MSIX-D4",
	  .text = "The driver maps events only to vectors that the table has.",
	  .needs = NEED_PCI | NEED_REGS, .at = AT(VECTOR_WRITE), .check = outside,
	  .wrong = "a table of 3, queue_msix_vector <- 3" },
	{ DRIVER_MUST, .id = "vector-not-read-back", .section = "4.1.5.1.2.2",
	  .refs = "MSIX-D5 T14",
	  .text = "After mapping an event to a vector the driver reads the register back: the "
		  "device may refuse.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(VECTOR_READ) | AT(STATUS_WRITE) | AT(KICK),
	  .check = unread, .wrong = "queue_msix_vector <- 1, queue_enable <- 1, DRIVER_OK" },
	{ DEVICE_MUST, .id = "vector-shown", .section = "4.1.5.1.2.1", .refs = "MSIX-V6",
	  .text = "A vector register reads what the driver wrote, or NO_VECTOR.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(VECTOR_READ), .check = shown,
	  .wrong = "queue_msix_vector <- 2, = 0" },
	{ DEVICE_MUST, .id = "vector-unmapping", .section = "4.1.5.1.2.1", .refs = "MSIX-V5",
	  .text = "The device lets the driver unmap any event.", .needs = NEED_REGS | NEED_LIFE,
	  .at = AT(VECTOR_READ), .check = unmapping,
	  .wrong = "config_msix_vector <- NO_VECTOR, = 0" },
	{ DEVICE_SHOULD, .id = "vector-refused", .section = "4.1.5.1.2.1",
	  .refs = "MSIX-V4 MSIX-V8",
	  .text = "The device refuses a vector of the table only when it lacks resources.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(VECTOR_READ), .check = refused,
	  .wrong = "a table of 3, queue_msix_vector <- 2, = NO_VECTOR" },
	{ DEVICE_MUST, .id = "vector-after-reset", .section = "4.1.5.1.2.1", .refs = "MSIX-V7 T15",
	  .text = "After a reset every vector register reads NO_VECTOR.",
	  .needs = NEED_REGS | NEED_LIFE, .at = AT(VECTOR_READ), .check = after_reset,
	  .wrong = "device_status = 0, config_msix_vector = 0" },
	{ DEVICE_MUST, .id = "interrupt-beyond-table", .section = "4.1.5.1.2.1", .refs = "MSIX-V2",
	  .text = "The device uses only vectors below the size of the table.",
	  .needs = NEED_PCI | NEED_IRQ, .at = AT(MSIX), .check = beyond,
	  .wrong = "a table of 3, vector 5 is signalled" },
	{ DEVICE_MUST, .id = "interrupt-unmapped", .section = "4.1.5.3.1",
	  .refs = "NOTIFY-V1 NOTIFY-V2 T15",
	  .text = "The device sends no interrupt on a vector to which no event is mapped.",
	  .needs = NEED_REGS | NEED_LIFE | NEED_IRQ | NEED_MSIX, .at = AT(MSIX), .check = unmapped,
	  .wrong = "all vectors NO_VECTOR, vector 0 is signalled" },
	{ DEVICE_MUST, .id = "interrupt-no-vector", .section = "4.1.5.3.1", .refs = "NOTIFY-V1 T15",
	  .text = "The device sends no interrupts for a queue whose vector is NO_VECTOR.",
	  .needs = NEED_REGS | NEED_LIFE | NEED_IRQ | NEED_MSIX, .at = AT(MSIX), .check = no_vector,
	  .wrong = "queue_msix_vector <- NO_VECTOR, the queue interrupts" },
};

const struct rule_table rules_msix = {
	RULES(rows),
	.why = "A device can run out of vectors, and only reading the register back shows it. A driver that\n"
	       "does not read it back waits for interrupts that never come; a device that uses a vector it\n"
	       "was not given interrupts another queue or device.",
	.right = "queue_msix_vector <- 2\n"
		 "queue_msix_vector = 2 (or NO_VECTOR: the device could not map it)\n"
		 "after a reset all vectors are NO_VECTOR\n",
};
