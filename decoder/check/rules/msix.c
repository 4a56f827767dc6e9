/* SPDX-License-Identifier: MIT */
/* MSI-X vectors: 4.1.5.1.2, 4.1.5.3. */
#include <inttypes.h>

#include "decoder/check/impl.h"

static uint16_t value(const struct look *l)
{
	return (uint16_t)reg(l)->value;
}

/* Vectors in the table; 0 not known. */
static unsigned table_size(const struct look *l)
{
	return l->d->msix_table;
}

static const char *which(const struct look *l)
{
	return l->e->field->name;
}

static enum verdict size(struct look *l)
{
	unsigned cap = l->e->pci_cap;

	if (!cap || l->dev->pci[cap] != PCI_CAP_ID_MSIX || reg(l)->offset > cap + 2 ||
	    reg(l)->offset + reg(l)->width < cap + 4)
		return RULE_NA;
	if (get_le16(l->dev->pci + cap + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE)
		return RULE_HELD;
	return fail(l, "the MSI-X table has one vector");
}

static enum verdict outside(struct look *l)
{
	unsigned n = table_size(l);

	if (!n)
		return RULE_NA;
	if (value(l) == VQT_NO_VECTOR || value(l) < n)
		return RULE_HELD;
	return fail(l, "%s <- %u and the table has %u vectors", which(l), value(l), n);
}

/* Anything but reading the same register back. */
static enum verdict unread(struct look *l)
{
	struct owed *o = &l->d->vector;
	uint16_t queue = (uint16_t)o->b;

	if (!o->number || !is_write(l))
		return RULE_NA;
	also(l, o->number, "the vector written");
	o->number = 0;
	if (queue == VQT_NO_QUEUE)
		return fail(l, "config_msix_vector was set to %u and not read back", o->a);
	return fail_queue(l, queue, "queue_msix_vector of queue %u was set to %u and not read back",
			  queue, o->a);
}

static enum verdict read_back(struct look *l)
{
	const struct owed *o = &l->d->vector;

	if (!o->number || o->b != (l->q ? l->q->index : VQT_NO_QUEUE))
		return RULE_NA;
	return RULE_HELD;
}

static enum verdict unread_or_read(struct look *l)
{
	if (l->e->rec->h.type == VQT_REG && !is_write(l))
		return read_back(l);
	return unread(l);
}

/* The model's value is the last one written, until this read. */
static bool was_written(const struct look *l)
{
	return l->q ? l->q->n_vector : l->d->n_config_vector;
}

static enum verdict shown(struct look *l)
{
	uint16_t before = (uint16_t)l->e->before;

	if (!l->e->before_known || !was_written(l) || before == VQT_NO_VECTOR)
		return RULE_NA;
	if (value(l) == before || value(l) == VQT_NO_VECTOR)
		return RULE_HELD;
	return fail(l, "%s reads %u after %u was written", which(l), value(l), before);
}

static enum verdict unmapping(struct look *l)
{
	if (!l->e->before_known || !was_written(l) || (uint16_t)l->e->before != VQT_NO_VECTOR)
		return RULE_NA;
	if (value(l) == VQT_NO_VECTOR)
		return RULE_HELD;
	return fail(l, "%s reads %u after NO_VECTOR", which(l), value(l));
}

static enum verdict refused(struct look *l)
{
	const struct owed *o = &l->d->vector;

	if (!o->number || o->b != (l->q ? l->q->index : VQT_NO_QUEUE) || !table_size(l))
		return RULE_NA;
	if (value(l) != VQT_NO_VECTOR || o->a >= table_size(l))
		return RULE_HELD;
	also(l, o->number, "the vector written");
	return fail(l, "%s reads NO_VECTOR after %u was written, in a table of %u", which(l), o->a,
		    table_size(l));
}

static enum verdict after_reset(struct look *l)
{
	if (was_written(l) || l->d->reset_wait || !l->d->reset_written || (l->q && l->q->n_reset))
		return RULE_NA;
	if (value(l) == VQT_NO_VECTOR)
		return RULE_HELD;
	also(l, l->d->n_reset, "the reset");
	return fail(l, "%s reads %u since the reset, nobody wrote it", which(l), value(l));
}

static enum verdict beyond(struct look *l)
{
	unsigned n = table_size(l);

	if (!n)
		return RULE_NA;
	if (l->e->rec->irq.vector < n)
		return RULE_HELD;
	return fail(l, "an interrupt on vector %u of a table of %u", l->e->rec->irq.vector, n);
}

static enum verdict unmapped(struct look *l)
{
	unsigned v = l->e->rec->irq.vector;

	if (v >= CHECK_VECTORS || !l->dev->msix || !l->d->n_status)
		return RULE_NA;
	if (bit_set(l->d->vector_mapped, v))
		return RULE_HELD;
	also(l, l->d->n_reset, "the reset");
	return fail(l, "an interrupt on vector %u, which is mapped to nothing", v);
}

/*
 * The device has just decided for a queue without a vector, and a message follows on one
 * that no queue has and that no configuration change is waiting for.
 */
static enum verdict of_nobody(struct look *l)
{
	unsigned v = l->e->rec->irq.vector;
	const struct cqueue *from = NULL;

	if (l->d->n_queue_irq + 1 != l->number || l->d->n_config_irq > l->d->n_msix)
		return RULE_NA;
	for (const struct cqueue *q = l->d->queues; q; q = q->hh.next) {
		const struct model_queue *m = model_queue(l->dev, q->index);

		if (m && m->vector == v)
			return RULE_NA;
		if (m && q->n_irq == l->d->n_queue_irq && m->vector == VQT_NO_VECTOR && q->n_vector)
			from = q;
	}
	if (!from)
		return RULE_NA;
	also(l, from->n_vector, "the vector written");
	also(l, l->d->n_queue_irq, "the notification");
	return fail_queue(l, from->index,
			  "an interrupt on vector %u for queue %u, whose vector is NO_VECTOR", v,
			  from->index);
}

/* The record names a queue or the configuration, and that has no vector. */
static enum verdict no_vector(struct look *l)
{
	const struct model_queue *q = l->queue;

	if (!l->dev->msix)
		return RULE_NA;
	if (l->e->rec->h.queue == VQT_NO_QUEUE || !q)
		return of_nobody(l);
	if (q->vector != VQT_NO_VECTOR || l->q->n_vector == 0)
		return q->vector == VQT_NO_VECTOR ? RULE_NA : RULE_HELD;
	also(l, l->q->n_vector, "the vector written");
	return fail(l, "an interrupt on vector %u for queue %u, whose vector is NO_VECTOR",
		    l->e->rec->irq.vector, q->index);
}

static const struct lesson lesson = {
	.why = "A device may run out of vectors: only reading back tells. A driver that does not look waits\n"
	       "for interrupts that cannot come; a device that uses a vector nobody gave it interrupts\n"
	       "somebody else.",
	.right = "queue_msix_vector <- 2\n"
		 "queue_msix_vector = 2 (or NO_VECTOR: it could not)\n"
		 "after a reset all vectors are NO_VECTOR\n",
};

#define DRIVER CHECK_DRIVER, CHECK_MUST, 0
#define DEVICE CHECK_DEVICE, CHECK_MUST, 0
#define DEVICE_SHOULD CHECK_DEVICE, CHECK_SHOULD, 0
#define READ NEED_REGS | NEED_LIFE, AT(VECTOR_READ)

const struct rule rules_msix[] = {
	{ "msix-table-small", "MSIX-V1", DEVICE_SHOULD, "4.1.5.1.2.1",
	  "A device with MSI-X has two vectors or more.", NEED_PCI, AT(PCI_READ), size, 0, &lesson,
	  "Table Size 0" },
	{ "vector-outside-table", "MSIX-D4", DRIVER, "4.1.5.1.2.2",
	  "Events are mapped to vectors that the table has.", NEED_PCI | NEED_REGS,
	  AT(VECTOR_WRITE), outside, 0, &lesson, "a table of 3, queue_msix_vector <- 3" },
	{ "vector-not-read-back", "MSIX-D5 T14", DRIVER, "4.1.5.1.2.2",
	  "After mapping a vector the driver reads it back, for the device may refuse.",
	  NEED_REGS | NEED_LIFE, AT(COMMON), unread_or_read, 0, &lesson,
	  "queue_msix_vector <- 1, queue_enable <- 1" },
	{ "vector-shown", "MSIX-V6", DEVICE, "4.1.5.1.2.1",
	  "A vector register reads what was written, or NO_VECTOR.", READ, shown, 0, &lesson,
	  "queue_msix_vector <- 2, = 0" },
	{ "vector-unmapping", "MSIX-V5", DEVICE, "4.1.5.1.2.1", "Any event can be unmapped.", READ,
	  unmapping, 0, &lesson, "config_msix_vector <- NO_VECTOR, = 0" },
	{ "vector-refused", "MSIX-V4 MSIX-V8", DEVICE_SHOULD, "4.1.5.1.2.1",
	  "A mapping to a vector of the table fails only for want of resources.", READ, refused, 0,
	  &lesson, "a table of 3, queue_msix_vector <- 2, = NO_VECTOR" },
	{ "vector-after-reset", "MSIX-V7 T15", DEVICE, "4.1.5.1.2.1",
	  "After a reset every vector reads NO_VECTOR.", READ, after_reset, 0, &lesson,
	  "device_status = 0, config_msix_vector = 0" },
	{ "interrupt-beyond-table", "MSIX-V2", DEVICE, "4.1.5.1.2.1",
	  "Vectors in use are below the size of the table.", NEED_PCI | NEED_IRQ, AT(MSIX), beyond,
	  0, &lesson, "a table of 3, vector 5 is signalled" },
	{ "interrupt-unmapped", "NOTIFY-V1 NOTIFY-V2 T15", DEVICE, "4.1.5.3.1",
	  "No interrupt comes on a vector that no event is mapped to.",
	  NEED_REGS | NEED_LIFE | NEED_IRQ | NEED_MSIX, AT(MSIX), unmapped, 0, &lesson,
	  "all vectors NO_VECTOR, vector 0 is signalled" },
	{ "interrupt-no-vector", "NOTIFY-V1 T15", DEVICE, "4.1.5.3.1",
	  "A queue whose vector is NO_VECTOR sends no interrupts.",
	  NEED_REGS | NEED_LIFE | NEED_IRQ | NEED_MSIX, AT(MSIX), no_vector, 0, &lesson,
	  "queue_msix_vector <- NO_VECTOR, the queue interrupts" },
	ROW_END,
};
