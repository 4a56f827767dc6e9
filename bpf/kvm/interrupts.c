/* SPDX-License-Identifier: MIT */
/* Whose interrupt it is: by what the guest wrote to MSI-X tables and to configuration space. */
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "bpf/kvm/machine_impl.h"

static void emit_irq(struct machine *m, const struct device *d, uint8_t kind, uint16_t vector)
{
	struct vqt_irq r = { .kind = kind, .vector = vector, .level = d->line };

	machine_stamp(m, &r.h, VQT_IRQ, d->id);
	m->stats.interrupts++;
	m->c.emit(m->c.ctx, &r, sizeof(r));
}

/* --- messages of MSI-X tables ------------------------------------------------------------------ */

/* The guest chooses what the entries send, also all the same: of a bucket not more are looked at. */
#define LOOK_MAX 256

static uint32_t word(const struct vector *v, unsigned at)
{
	uint32_t w;

	memcpy(&w, v->bytes + at, 4);
	return w;
}

static struct vector **bucket(struct machine *m, uint32_t addr, uint32_t data)
{
	/* the upper bits of the address are not always told: see sends() */
	uint32_t key = (addr & 0xfffff) * 0x9e3779b1U ^ data * 0x85ebca6bU;

	return &m->message[(key ^ key >> 16) % MESSAGES];
}

static struct vector **bucket_of(struct machine *m, const struct vector *v)
{
	return bucket(m, word(v, 0), word(v, 8));
}

static void take_out(struct machine *m, struct vector *v)
{
	struct vector **b = bucket_of(m, v);

	if (v->filed)
		DL_DELETE(*b, v);
	v->filed = false;
}

/* Once its address and data are known. */
static void put_in(struct machine *m, struct vector *v)
{
	struct vector **b = bucket_of(m, v);

	v->filed = (v->known & 0xf0f) == 0xf0f;
	if (v->filed)
		DL_APPEND(*b, v);
}

void interrupts_vector(struct machine *m, struct device *d, const struct access *a, uint32_t offset)
{
	if (!d->vector)
		d->vector = calloc(VECTORS, sizeof(*d->vector));
	for (unsigned i = 0; i < a->width && d->vector; i++) {
		uint32_t at = offset + i;
		struct vector *v;

		if (at / 16 >= VECTORS)
			return;
		v = &d->vector[at / 16];
		take_out(m, v);
		v->device = d;
		v->bytes[at % 16] = (uint8_t)(a->value >> 8 * i);
		v->known |= (uint16_t)(1 << at % 16);
		put_in(m, v);
		if (d->nvectors <= at / 16)
			d->nvectors = at / 16 + 1;
	}
}

void interrupts_forget(struct machine *m, struct device *d)
{
	for (unsigned i = 0; i < d->nvectors; i++) {
		take_out(m, &d->vector[i]);
		d->vector[i].known = 0;
	}
	d->nvectors = 0;
}

/* --- configuration space ----------------------------------------------------------------------- */

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

/* --- whose it is ------------------------------------------------------------------------------- */

/*
 * Whether an entry sends this message: to the local APICs, at 0xfeexxxxx.  Of its address KVM has the
 * upper half only where it looks at it, and QEMU gives it what is behind 0xfee00000 only, if it sends
 * the message itself and not by an eventfd.
 */
static bool sends(const struct vector *v, uint64_t addr, uint64_t data)
{
	uint32_t low = word(v, 0), to = (uint32_t)addr;

	return (low == to || (low ^ to) == 0xfee00000) && word(v, 8) == (uint32_t)data &&
	       (!(addr >> 32) || word(v, 4) == addr >> 32);
}

/* The device whose MSI-X table has this message; NULL: not known, as for one that several have. */
static const struct device *sender(struct machine *m, const struct vqk_event *e, uint16_t *vector)
{
	const struct vector *v = *bucket(m, (uint32_t)e->addr, (uint32_t)e->value);
	const struct device *from = NULL;
	unsigned looked = 0;

	for (; v; v = v->next) {
		if (looked++ == LOOK_MAX) {
			m->stats.crowded++;
			return NULL;
		}
		/* what is left in a table that is off may be another device's now */
		if (!v->device->pci.msix_on || !sends(v, e->addr, e->value))
			continue;
		if (from && from != v->device)
			return NULL;
		*vector = from ? VQT_NO_VECTOR : (uint16_t)(v - v->device->vector);
		from = v->device;
	}
	return from;
}

void interrupts_message(struct machine *m, const struct vqk_event *e)
{
	uint16_t vector = VQT_NO_VECTOR;
	const struct device *from = sender(m, e, &vector);

	if (from)
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
