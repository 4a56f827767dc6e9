/* SPDX-License-Identifier: MIT */
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/kvm/machine_impl.h"
#include "decoder/class/class.h"
#include "decoder/trace/build.h"

#define CONFIG_ADDRESS 0xcf8 /* configuration mechanism 1: PCI 3.2.2.3.2 */
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE 0x80000000U
/* --- records -------------------------------------------------------------------------------- */

void machine_stamp(const struct machine *m, struct vqt_hdr *h, uint8_t type, uint16_t device)
{
	*h = m->now;
	h->type = type;
	h->device = device;
	h->queue = VQT_NO_QUEUE;
}

static void emit_reg(struct machine *m, const struct device *d, const struct access *a,
		     uint8_t region, uint32_t offset)
{
	struct vqt_reg r = { .region = region,
			     .op = a->write ? VQT_WRITE : VQT_READ,
			     .width = (uint8_t)a->width,
			     .flags = a->flags,
			     .offset = offset,
			     .value = a->value };

	machine_stamp(m, &r.h, VQT_REG, d->id);
	m->c.emit(m->c.ctx, &r, sizeof(r));
}

static void emit_kick(struct machine *m, const struct device *d, const struct access *a,
		      uint16_t queue, uint8_t via)
{
	struct vqt_kick k = { .value = (uint32_t)a->value, .via = via, .width = (uint8_t)a->width };

	machine_stamp(m, &k.h, VQT_KICK, d->id);
	k.h.queue = queue;
	m->stats.kicks++;
	m->c.emit(m->c.ctx, &k, sizeof(k));
}

static void emit_loss(struct machine *m, const struct device *d, uint64_t lost)
{
	struct vqt_loss l = { .lost = lost, .why = VQT_LOSS_LIMIT };

	machine_stamp(m, &l.h, VQT_LOSS, d->id);
	m->c.emit(m->c.ctx, &l, sizeof(l));
}

static void describe(struct machine *m, const struct device *d, uint32_t flags)
{
	struct vqt_device r = { .virtio_id = d->virtio_id,
				.transport = VQT_TRANSPORT_PCI,
				.bdf = d->bdf };

	machine_stamp(m, &r.h, VQT_DEVICE, d->id);
	r.flags =
		flags | (m->c.late ? VQT_DEV_LATE : 0) | (d->pci.legacy ? VQT_DEV_TRANSITIONAL : 0);
	m->c.emit(m->c.ctx, &r, sizeof(r));
}

/* --- devices -------------------------------------------------------------------------------- */

struct device *machine_device(const struct machine *m, uint16_t bdf)
{
	for (unsigned i = 0; i < MACHINE_DEVICES; i++)
		if (m->device[i] && m->device[i]->bdf == bdf)
			return m->device[i];
	return NULL;
}

static struct device *add_device(struct machine *m, uint16_t bdf)
{
	for (unsigned i = 0; i < MACHINE_DEVICES; i++) {
		struct device *d;

		if (m->device[i])
			continue;
		d = *m->c.devices < UINT16_MAX ? calloc(1, sizeof(*d)) : NULL;
		if (!d)
			break;
		d->id = ++*m->c.devices;
		d->bdf = bdf;
		m->device[i] = d;
		m->stats.devices++;
		return d;
	}
	m->stats.limited++;
	return NULL;
}

static void free_device(struct machine *m, struct device *d)
{
	if (!d)
		return;
	interrupts_forget(m, d);
	free(d->vector);
	free(d);
}

/* An access to it is not recorded that may have chosen a queue or written its MSI-X table. */
static void unclear(struct machine *m, struct device *d, const struct access *a, uint64_t lost)
{
	emit_loss(m, d, lost);
	if (!a->write)
		return;
	d->select = QUEUES; /* not known */
	interrupts_forget(m, d);
}

/* Another function answers in its place. */
static void device_gone(struct machine *m, struct device *d)
{
	describe(m, d, VQT_DEV_GONE);
	for (unsigned i = 0; i < MACHINE_DEVICES; i++)
		if (m->device[i] == d)
			m->device[i] = NULL;
	free_device(m, d);
}

/* 4.1.2.1; a transitional one of another type than those in the table says it as its subsystem. */
static void name_device(struct machine *m, struct device *d)
{
	uint32_t device, subsystem;
	unsigned id = 0;

	if (d->virtio_id)
		return;
	if (!pci_get(&d->pci, PCI_SUBSYSTEM_ID, 2, &subsystem))
		subsystem = 0;
	if (pci_get(&d->pci, PCI_DEVICE_ID, 2, &device))
		id = class_id_of_pci(device, subsystem);
	d->virtio_id = (uint16_t)id;
	if (!d->described || id)
		describe(m, d, 0);
	d->described = true;
}

/* --- bytes of an access --------------------------------------------------------------------- */

bool access_covers(uint64_t offset, unsigned width, uint64_t at)
{
	return at >= offset && at - offset < width;
}

/* Put the bytes of an access that are in the field of 2 bytes at `at` into it; false: none is. */
static bool update16(const struct access *a, uint64_t offset, uint64_t at, uint16_t *field)
{
	bool any = false;

	for (unsigned i = 0; i < 2; i++) {
		unsigned shift = 8 * i;

		if (!access_covers(offset, a->width, at + i))
			continue;
		*field = (uint16_t)((*field & ~(0xff << shift)) |
				    (a->value >> 8 * (at + i - offset) & 0xff) << shift);
		any = true;
	}
	return any;
}

/* --- the structures of virtio ---------------------------------------------------------------- */

static void common_accessed(struct device *d, const struct access *a, uint32_t offset)
{
	struct queue *q;

	if (a->write) {
		update16(a, offset, VIRTIO_PCI_COMMON_Q_SELECT, &d->select);
		return;
	}
	if (d->select >= QUEUES)
		return;
	q = &d->queue[d->select];
	if (!update16(a, offset, VIRTIO_PCI_COMMON_Q_NOFF, &q->notify_off))
		return;
	q->known = true;
	if (d->nqueues <= d->select)
		d->nqueues = d->select + 1U;
}

/*
 * The queue that a write there notifies, 4.1.5.2: the one that has this address, and where several
 * have it, or none is known, the one that is written.  VQT_NO_QUEUE: not known.
 */
static uint16_t notified(const struct device *d, const struct pci_area *area, uint32_t offset,
			 const struct access *a)
{
	uint16_t value = a->width >= 2 ? (uint16_t)a->value : VQT_NO_QUEUE, found = VQT_NO_QUEUE;
	unsigned n = 0;

	for (unsigned i = 0; i < d->nqueues; i++) {
		if (!d->queue[i].known ||
		    (uint64_t)d->queue[i].notify_off * area->multiplier != offset)
			continue;
		if (i == value)
			return value;
		found = (uint16_t)i;
		n++;
	}
	return n == 1 ? found : d->nqueues ? VQT_NO_QUEUE : value;
}

static void notify(struct machine *m, struct device *d, const struct pci_area *area,
		   uint32_t offset, const struct access *a)
{
	uint16_t queue = notified(d, area, offset, a);

	if (a->e->kind == VQK_MMIO_FAST)
		emit_kick(m, d, a, queue, VQT_KICK_IOEVENTFD);
	else if (queue != VQT_NO_QUEUE)
		emit_kick(m, d, a, queue, VQT_KICK_MMIO);
	else
		emit_reg(m, d, a, area->region, offset);
}

static void legacy_written(struct machine *m, const struct device *d, const struct access *a,
			   uint32_t offset)
{
	/* of another width, which queue it is depends on the device */
	if (offset == VIRTIO_PCI_QUEUE_NOTIFY && a->width == 2)
		emit_kick(m, d, a, (uint16_t)a->value, VQT_KICK_LEGACY);
}

static void area_accessed(struct machine *m, struct device *d, const struct pci_area *area,
			  uint32_t offset, const struct access *a)
{
	if (area->region == VQT_REGION_NOTIFY && a->write) {
		notify(m, d, area, offset, a);
		return;
	}
	if (a->e->kind == VQK_MMIO_FAST) { /* what was written there is not known */
		unclear(m, d, a, 1);
		return;
	}
	emit_reg(m, d, a, area->region, offset);
	if (area->region == VQT_REGION_COMMON)
		common_accessed(d, a, offset);
	else if (area->region == VQT_REGION_MSIX_TABLE && a->write)
		interrupts_vector(m, d, a, offset);
	else if (area->region == VQT_REGION_LEGACY && a->write)
		legacy_written(m, d, a, offset);
}

/* --- configuration space --------------------------------------------------------------------- */

static bool overlaps(uint64_t a, unsigned width, uint64_t b, unsigned size)
{
	return a < b + size && b < a + width;
}

/* Are bytes accessed that are the data register of the access window? */
static bool is_window(const struct device *d, uint32_t offset, unsigned width)
{
	return d->pci.window &&
	       overlaps(offset, width, d->pci.window + sizeof(struct virtio_pci_cap), 4);
}

static void window_opened(struct machine *m, struct device *d, const struct pci_area *area,
			  uint32_t at, struct access *inside)
{
	inside->value &= UINT32_MAX >> (32 - 8 * inside->width);
	inside->flags = VQT_REG_VIA_CFG | (area->io ? VQT_REG_PIO : 0);
	area_accessed(m, d, area, at, inside);
}

/*
 * 4.1.4.9: an access to the data register accesses the place that the window points to.  What is
 * written there is known if all of it was written now.
 */
static void window_accessed(struct machine *m, struct device *d, const struct access *a,
			    uint32_t offset)
{
	struct access inside = *a;
	const struct pci_area *area;
	enum pci_window w;
	uint32_t at;

	if (!is_window(d, offset, a->width))
		return;
	w = pci_find_window(&d->pci, &area, &at, &inside.width);
	m->stats.elsewhere += w == PCI_WINDOW_ELSEWHERE;
	if (w == PCI_WINDOW_UNKNOWN ||
	    (w == PCI_WINDOW_OPEN &&
	     (inside.width > a->width || offset != d->pci.window + sizeof(struct virtio_pci_cap))))
		unclear(m, d, a, 1);
	else if (w == PCI_WINDOW_OPEN)
		window_opened(m, d, area, at, &inside);
}

#define Q35_MCH 0x29c08086 /* as read from 00:00.0 */
#define PCIEXBAR 0x60

static void bridge_accessed(struct machine *m, uint32_t offset, const struct access *a)
{
	pci_config(&m->bridge, a->write, offset, a->width, (uint32_t)a->value);
	for (unsigned i = 0; i < 8; i++) {
		if (!access_covers(offset, a->width, PCIEXBAR + i))
			continue;
		m->ecam[i] = (uint8_t)(a->value >> 8 * (PCIEXBAR + i - offset));
		m->ecam_known |= (uint8_t)(1 << i);
	}
}

/*
 * The function whose vendor is virtio's is found when its vendor is read.  NULL: it is another one,
 * or not known.
 */
static struct device *device_at(struct machine *m, uint16_t bdf, uint32_t offset,
				const struct access *a)
{
	struct device *d = machine_device(m, bdf);
	uint32_t id, read = (uint32_t)a->value;
	bool vendor = !a->write && !offset && a->width >= 2, there = (uint16_t)read != 0xffff;

	/* unplugged: another device may get its addresses */
	if (vendor && d && !there)
		pci_gone(&d->pci);
	if (vendor && d && there &&
	    ((uint16_t)read != PCI_VENDOR_VIRTIO ||
	     (a->width == 4 && pci_get(&d->pci, 0, 4, &id) && id != read))) {
		device_gone(m, d);
		d = NULL;
	}
	return !d && vendor && (uint16_t)read == PCI_VENDOR_VIRTIO ? add_device(m, bdf) : d;
}

/*
 * What an access did is not known: one of a width that a function has no access of (what is behind
 * it may split it, or not), or the later ones of one instruction.
 */
static void config_unclear(struct machine *m, uint16_t bdf, uint32_t offset, const struct access *a,
			   uint64_t lost)
{
	struct device *d = machine_device(m, bdf);

	if (d && is_window(d, offset, a->width))
		unclear(m, d, a, lost);
	else if (d)
		emit_loss(m, d, lost);
	if (!a->write)
		return;
	if (access_covers(offset, a->width, PCI_INTERRUPT_LINE) ||
	    (d && d->pci.msix && access_covers(offset, a->width, d->pci.msix + PCI_MSIX_FLAGS + 1)))
		m->more_interrupts = true;
	if (d)
		pci_forget(&d->pci, offset, a->width);
	if (!bdf && overlaps(offset, a->width, PCIEXBAR, sizeof(m->ecam)))
		m->ecam_known = 0;
}

static void config_accessed(struct machine *m, uint16_t bdf, uint32_t offset,
			    const struct access *a)
{
	struct device *d;

	if (a->width != 1 && a->width != 2 && a->width != 4) {
		config_unclear(m, bdf, offset, a, 1);
		return;
	}
	interrupts_config(m, bdf, offset, a);
	if (!bdf)
		bridge_accessed(m, offset, a);
	d = device_at(m, bdf, offset, a);
	if (!d)
		return;
	pci_config(&d->pci, a->write, offset, a->width, (uint32_t)a->value);
	name_device(m, d);
	if (!a->write) /* a read is recorded when it returns */
		window_accessed(m, d, a, offset);
	emit_reg(m, d, a, VQT_REGION_PCI, offset);
	if (a->write)
		window_accessed(m, d, a, offset);
}

/* Of several accesses of one instruction the first is known. */
static void data_port_accessed(struct machine *m, const struct access *a)
{
	uint16_t bdf = (uint16_t)(m->address >> 8);
	uint32_t offset = (m->address & 0xfc) + (uint32_t)(a->e->addr - CONFIG_DATA);

	if (!m->address_known || !(m->address & CONFIG_ENABLE))
		return;
	config_accessed(m, bdf, offset, a);
	if (a->e->count > 1)
		config_unclear(m, bdf, offset, a, a->e->count - 1);
}

/* Whether the address is that of a function's configuration space in memory: PCI Express 7.2.2. */
static bool is_ecam(const struct machine *m, uint64_t addr)
{
	uint64_t base = 0, size;
	uint32_t id;

	if (m->ecam_known != 0xff || !pci_get(&m->bridge, 0, 4, &id) || id != Q35_MCH)
		return false;
	for (unsigned i = 0; i < 8; i++)
		base |= (uint64_t)m->ecam[i] << 8 * i;
	if (!(base & 1) || (base >> 1 & 3) == 3)
		return false;
	size = UINT64_C(0x10000000) >> (base >> 1 & 3);
	base &= ~(size - 1) & UINT64_C(0xfffffffff); /* bits 35 to 26, 27 or 28 */
	return addr - base < size;
}

/* --- hits ----------------------------------------------------------------------------------- */

static void found(struct machine *m, struct device *d, const struct pci_area *area, uint64_t addr,
		  struct access *a)
{
	const struct vqk_event *e = a->e;

	if (a->width > 8 || (a->width & (a->width - 1)) ||
	    (!a->width && e->kind != VQK_MMIO_FAST)) {
		unclear(m, d, a, e->count ? e->count : 1);
		return;
	}
	area_accessed(m, d, area, (uint32_t)(addr - area->start), a);
	if (e->count > 1)
		unclear(m, d, a, e->count - 1);
}

/* Several devices are there: which of them answers is not known. */
static void found_several(struct machine *m, bool io, uint64_t addr, const struct access *a)
{
	m->stats.overlapping++;
	for (unsigned i = 0; i < MACHINE_DEVICES; i++)
		if (m->device[i] && pci_find(&m->device[i]->pci, io, addr))
			unclear(m, m->device[i], a, a->e->count ? a->e->count : 1);
}

/* An access to memory or a port; false: it is in no structure of a device. */
static bool access_at(struct machine *m, bool io, uint64_t addr, struct access *a)
{
	const struct pci_area *area = NULL;
	struct device *at = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < MACHINE_DEVICES; i++) {
		struct device *d = m->device[i];
		const struct pci_area *here;

		if (!d || !pci_claims(&d->pci, io, addr))
			continue;
		n++;
		here = pci_find(&d->pci, io, addr);
		at = here ? d : at;
		area = here ? here : area;
	}
	if (!at)
		return false;
	if (n > 1)
		found_several(m, io, addr, a);
	else
		found(m, at, area, addr, a);
	return true;
}

static void on_memory(struct machine *m, struct access *a)
{
	uint64_t addr = a->e->addr;

	if (a->e->kind != VQK_MMIO_FAST && is_ecam(m, addr)) {
		uint64_t at = addr & 0xfffffff;

		config_accessed(m, (uint16_t)(at >> 12), at & 0xfff, a);
	} else if (!access_at(m, false, addr, a)) {
		m->stats.elsewhere++;
	}
}

static void on_port(struct machine *m, struct access *a)
{
	uint64_t port = a->e->addr;

	a->flags = VQT_REG_PIO;
	if (port == CONFIG_ADDRESS && a->width == 4) {
		m->address = (uint32_t)a->value;
		m->address_known =
			a->e->count <= 1; /* of several the last one counts, which is not known */
	} else if (port >= CONFIG_DATA && port < CONFIG_DATA + 4) {
		a->flags = 0; /* how the cycle was made is not the device's business */
		data_port_accessed(m, a);
	} else {
		access_at(m, true, port, a);
	}
}

void machine_event(struct machine *m, const struct vqk_event *e)
{
	struct access a = { .e = e, .width = e->width, .value = e->value };

	m->now = e->h;
	a.write = e->kind == VQK_MMIO_WRITE || e->kind == VQK_PIO_WRITE || e->kind == VQK_MMIO_FAST;
	if (e->width < 8)
		a.value &= (UINT64_C(1) << 8 * e->width) - 1;
	switch (e->kind) {
	case VQK_MMIO_READ:
	case VQK_MMIO_WRITE:
	case VQK_MMIO_FAST: on_memory(m, &a); break;
	case VQK_PIO_READ:
	case VQK_PIO_WRITE: on_port(m, &a); break;
	case VQK_MSI: interrupts_message(m, e); break;
	case VQK_LINE: interrupts_line(m, e); break;
	}
}

/* --- the whole ------------------------------------------------------------------------------- */

struct machine *machine_new(const struct machine_config *c)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (m)
		m->c = *c;
	/* of a guest that ran before not all functions are known */
	if (m)
		m->more_interrupts = c->late;
	return m;
}

void machine_free(struct machine *m)
{
	for (unsigned i = 0; m && i < MACHINE_DEVICES; i++)
		free_device(m, m->device[i]);
	free(m);
}

void machine_lost(struct machine *m)
{
	m->address_known = false;
	m->more_interrupts = true;
	for (unsigned i = 0; i < MACHINE_DEVICES; i++)
		if (m->device[i])
			m->device[i]->select = QUEUES; /* not known */
}

void machine_describe(struct machine *m, uint64_t ts, uint16_t id)
{
	m->now = (struct vqt_hdr){ .ts = ts };
	for (unsigned i = 0; i < MACHINE_DEVICES; i++)
		if (m->device[i] && m->device[i]->id == id)
			describe(m, m->device[i], 0);
}

struct machine_stats machine_stats(const struct machine *m)
{
	return m->stats;
}
