/* SPDX-License-Identifier: MIT */
/* Whose interrupt it is: by what the guest wrote to MSI-X tables and to configuration space. */
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/kvm/machine_impl.h"

static void emit_irq(struct machine *m, const struct device *d, uint8_t kind, uint16_t vector)
{
	struct vqt_irq r = { .kind = kind, .vector = vector, .level = d->line };

	machine_stamp(m, &r.h, VQT_IRQ, d->id);
	m->stats.interrupts++;
	m->c.emit(m->c.ctx, &r, sizeof(r));
}

void interrupts_vector(struct device *d, const struct access *a, uint32_t offset)
{
	if (!d->vector)
		d->vector = calloc(VECTORS, sizeof(*d->vector));
	for (unsigned i = 0; i < a->width && d->vector; i++) {
		uint32_t at = offset + i;

		if (at / 16 >= VECTORS)
			return;
		d->vector[at / 16].bytes[at % 16] = (uint8_t)(a->value >> 8 * i);
		d->vector[at / 16].known |= (uint16_t)(1 << at % 16);
		if (d->nvectors <= at / 16)
			d->nvectors = at / 16 + 1;
	}
}

void interrupts_config(struct machine *m, uint16_t bdf, uint32_t offset, const struct access *a)
{
	struct interrupt *x = m->interrupt, *end = x + m->ninterrupts;
	bool line = access_covers(offset, a->width, PCI_INTERRUPT_LINE);
	bool pin = access_covers(offset, a->width, PCI_INTERRUPT_PIN) && !a->write;

	if ((!line && !pin) ||
	    (!a->write && a->width == 4 && a->value == ~0U)) /* nothing is there */
		return;
	while (x < end && x->bdf != bdf)
		x++;
	if (x == end) {
		m->more_interrupts |= m->ninterrupts == FUNCTIONS;
		if (m->ninterrupts == FUNCTIONS)
			return;
		*x = (struct interrupt){ .bdf = bdf };
		m->ninterrupts++;
	}
	if (line)
		x->line = (uint8_t)(a->value >> 8 * (PCI_INTERRUPT_LINE - offset));
	if (pin)
		x->pin = (uint8_t)(a->value >> 8 * (PCI_INTERRUPT_PIN - offset));
	x->line_known |= line;
	x->pin_known |= pin;
}

/*
 * Whether an entry sends this message: to the local APICs, at 0xfeexxxxx.  Of its address KVM has the
 * upper half only where it looks at it, and QEMU gives it what is behind 0xfee00000 only, if it sends
 * the message itself and not by an eventfd.
 */
static bool sends(const struct vector *v, uint64_t addr, uint64_t data)
{
	const uint8_t *b = v->bytes;
	uint32_t low, high, value, to = (uint32_t)addr;

	memcpy(&low, b, 4);
	memcpy(&high, b + 4, 4);
	memcpy(&value, b + 8, 4);
	return (v->known & 0xf0f) == 0xf0f && (low == to || (low ^ to) == 0xfee00000) &&
	       value == (uint32_t)data && (!(addr >> 32) || high == addr >> 32);
}

/* The device whose MSI-X table has this message, if it is one only. */
void interrupts_message(struct machine *m, const struct vqk_event *e)
{
	const struct device *from = NULL;
	uint16_t vector = VQT_NO_VECTOR;
	unsigned n = 0;

	for (unsigned i = 0; i < MACHINE_DEVICES; i++) {
		const struct device *d = m->device[i];

		/* what is left in a table that is off may be another device's now */
		for (unsigned v = 0; d && d->pci.msix_on && v < d->nvectors; v++) {
			if (!sends(&d->vector[v], e->addr, e->value))
				continue;
			vector = from ? VQT_NO_VECTOR : (uint16_t)v;
			n += from != d;
			from = d;
		}
	}
	if (n == 1)
		emit_irq(m, from, VQT_IRQ_MSIX, vector);
	else
		m->stats.unknown_msi++;
}

/*
 * The device whose Interrupt Line is this one, if no other function, virtio's or not, may assert it.
 * Where the guest uses I/O APICs, that register may say nothing of the line: then it is unknown.
 */
static struct device *asserts(const struct machine *m, uint64_t gsi)
{
	const struct interrupt *from = NULL;
	struct device *d;

	for (unsigned i = 0; i < m->ninterrupts; i++) {
		const struct interrupt *x = &m->interrupt[i];

		if (!x->line_known || x->line != gsi || (x->pin_known && !x->pin))
			continue;
		if (from)
			return NULL;
		from = x;
	}
	if (!from || !from->pin_known || m->more_interrupts)
		return NULL;
	d = machine_device(m, from->bdf);
	return d && !d->pci.msix_on ? d : NULL;
}

void interrupts_line(struct machine *m, const struct vqk_event *e)
{
	struct device *d = asserts(m, e->addr);

	if (!d) {
		m->stats.unknown_line += e->value != 0;
		return;
	}
	if (d->line == !!e->value) /* KVM is told more often than it changes */
		return;
	d->line = e->value;
	emit_irq(m, d, VQT_IRQ_INTX, VQT_NO_VECTOR);
}
