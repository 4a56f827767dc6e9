/* SPDX-License-Identifier: MIT */
/*
 * Applies register accesses to the model: 4.1.4 (virtio-pci), 4.1.4.10 (legacy), 4.2 (MMIO).
 * There is one function a register, found by its id in the table of the transport.  An
 * access that covers several registers, or a part of one, is split here and nowhere else.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <string.h>

#include "decoder/model/impl.h"
#include "decoder/util/virtqueue.h"

#define VENDOR_VIRTIO 0x1af4 /* 4.1.2 */

/* One access, cut to one register. */
struct access {
	struct model *m;
	struct event *e;
	struct model_device *d;
	struct model_queue *q; /* the selected queue, for per-queue registers */
	bool write;
	bool legacy; /* the register is of the legacy interface */
	uint64_t mask; /* the register's bits that the access covers */
	uint64_t value; /* already shifted into place */
};

static uint64_t merged(const struct access *a, uint64_t old)
{
	return (old & ~a->mask) | (a->value & a->mask);
}

static void note_before(struct access *a, uint64_t old)
{
	a->e->before = old;
	a->e->before_known = true;
}

static void device_select(struct access *a)
{
	a->d->device_select = (uint32_t)merged(a, a->d->device_select);
}

static void driver_select(struct access *a)
{
	a->d->driver_select = (uint32_t)merged(a, a->d->driver_select);
}

/* Feature words are 32 bits of a 128-bit set, chosen by the select register. */
static uint32_t get_word(const uint64_t set[2], uint32_t word)
{
	return (uint32_t)(set[word / 2] >> (32 * (word % 2)));
}

static void put_word(uint64_t set[2], uint32_t word, uint32_t bits)
{
	uint64_t mask = 0xffffffffULL << (32 * (word % 2));

	set[word / 2] = (set[word / 2] & ~mask) | (uint64_t)bits << (32 * (word % 2));
}

static void feature(struct access *a, uint64_t set[2], uint8_t *known, uint32_t word)
{
	a->e->select = word;
	if (word > 3)
		return;
	if (*known & 1 << word)
		note_before(a, get_word(set, word));
	put_word(set, word, (uint32_t)merged(a, get_word(set, word)));
	*known |= (uint8_t)(1 << word);
}

/* The legacy interface of virtio-pci has the first word only, and no select registers (4.1.4.10). */
static bool one_word(const struct access *a)
{
	return a->e->rec->reg.region == VQT_REGION_LEGACY;
}

/* A device with the modern interface offers VERSION_1; one of version 1 cannot: 4.2.4, 6.2. */
static void version_by_offer(struct access *a)
{
	struct model_device *d = a->d;

	if (a->e->rec->reg.region == VQT_REGION_MMIO && !d->mmio_version_read &&
	    d->offered_known & 2)
		d->mmio_version = d->offered[0] >> VIRTIO_F_VERSION_1 & 1 ? 2 : 1;
}

static void device_feature(struct access *a)
{
	uint32_t word = one_word(a) ? 0 : a->d->device_select;

	if (a->write)
		a->e->select = word;
	else
		feature(a, a->d->offered, &a->d->offered_known, word);
	version_by_offer(a);
}

static void driver_feature(struct access *a)
{
	feature(a, a->d->accepted, &a->d->accepted_known, one_word(a) ? 0 : a->d->driver_select);
}

/* Without MSI-X, device configuration is where the legacy interface otherwise has its vectors. */
static bool has_vectors(const struct access *a)
{
	return !a->legacy || a->d->msix;
}

static void config_vector(struct access *a)
{
	if (!has_vectors(a))
		return;
	note_before(a, a->d->config_vector);
	a->d->config_vector = (uint16_t)merged(a, a->d->config_vector);
}

static void num_queues(struct access *a)
{
	if (!a->write)
		a->d->num_queues = (uint16_t)merged(a, a->d->num_queues);
}

static void device_status(struct access *a)
{
	struct model_device *d = a->d;

	if (d->status_known)
		note_before(a, d->status);
	if (a->write && !(a->value & 0xff)) {
		model_reset_device(a->m, d); /* 2.4 */
		return;
	}
	if (!a->write && (a->value & 0xff) == 0xff)
		return; /* no device has all bits set: none has answered */
	d->status = (uint8_t)a->value;
	d->status_known = true;
}

static void generation(struct access *a)
{
	if (a->d->generation_known)
		note_before(a, a->d->generation);
	a->d->generation = (uint8_t)a->value;
	a->d->generation_known = true;
}

static void queue_select(struct access *a)
{
	note_before(a, a->d->queue_select);
	a->d->queue_select = (uint16_t)merged(a, a->d->queue_select);
}

static void queue_size(struct access *a)
{
	if (a->q->size_known)
		note_before(a, a->q->size);
	a->q->size = (uint16_t)merged(a, a->q->size);
	a->q->size_known = true;
	a->q->size_written |= a->write;
	if (a->q->size_written)
		return;
	a->q->size_max = a->q->size;
	a->q->size_is_max = true;
}

/* 4.2.2: the driver has to choose a size; what the device takes otherwise is not said. */
static void queue_size_max(struct access *a)
{
	if (a->write)
		return;
	a->q->size_max = (uint16_t)merged(a, a->q->size_max);
	a->q->size_is_max = false;
}

static void queue_vector(struct access *a)
{
	if (!has_vectors(a))
		return;
	note_before(a, a->q->vector);
	a->q->vector = (uint16_t)merged(a, a->q->vector);
}

static void queue_enable(struct access *a)
{
	if (a->legacy) /* QueueReady: version 1 of virtio-mmio has no such register */
		return;
	note_before(a, a->q->enabled);
	a->q->enabled = a->value & 1;
	if (a->write)
		a->q->packed = model_accepted(a->d, VIRTIO_F_RING_PACKED);
	else if (!a->q->enabled && a->e->rec->reg.region == VQT_REGION_MMIO)
		model_stop_queue(a->m,
				 a->q); /* 4.2.2.2: read back, the driver has stopped using it */
}

static void queue_notify_off(struct access *a)
{
	a->q->notify_off = (uint16_t)a->value;
	a->q->notify_off_known = true;
}

static void queue_address(struct access *a, uint64_t *addr)
{
	note_before(a, *addr);
	*addr = merged(a, *addr);
	a->q->addr_known = true;
}

static void queue_desc(struct access *a)
{
	queue_address(a, &a->q->desc);
}

static void queue_driver(struct access *a)
{
	queue_address(a, &a->q->driver);
}

static void queue_device(struct access *a)
{
	queue_address(a, &a->q->device);
}

static void queue_reset(struct access *a)
{
	if (a->write && a->value & 1)
		model_reset_queue(a->m, a->q);
}

static bool is_power_of_2(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* 2.7.2, 4.1.5.1.3, 4.2.4. */
static void legacy_pfn(struct access *a)
{
	const bool mmio = a->e->rec->reg.region == VQT_REGION_MMIO;
	uint32_t page = mmio ? a->d->guest_page_size : 1U << VIRTIO_PCI_QUEUE_ADDR_SHIFT;
	uint32_t align = mmio ? a->q->align : VIRTIO_PCI_VRING_ALIGN;
	struct model_queue *q = a->q;

	if (!a->write || !a->legacy)
		return;
	if (!(a->value & 0xffffffff)) {
		model_reset_queue(a->m, q);
		return;
	}
	q->enabled = true;
	q->addr_known = q->size_known && is_power_of_2(page) && is_power_of_2(align);
	if (!q->addr_known)
		return;
	q->desc = (a->value & 0xffffffff) * page;
	q->driver = virtq_legacy_driver(q->desc, q->size);
	q->device = virtq_legacy_device(q->desc, q->size, align);
}

static void queue_align(struct access *a)
{
	if (a->write)
		a->q->align = (uint32_t)merged(a, a->q->align);
}

static void guest_page_size(struct access *a)
{
	if (a->write)
		a->d->guest_page_size = (uint32_t)merged(a, a->d->guest_page_size);
}

static void mmio_version(struct access *a)
{
	if (a->write)
		return;
	a->d->mmio_version = a->value < 0x100 ? (uint8_t)a->value : 0xff;
	a->d->mmio_version_read = true;
}

static void (*const appliers[SPEC_REGS])(struct access *a) = {
	[SPEC_REG_DEVICE_FEATURES_SELECT] = device_select,
	[SPEC_REG_DEVICE_FEATURES] = device_feature,
	[SPEC_REG_DRIVER_FEATURES_SELECT] = driver_select,
	[SPEC_REG_DRIVER_FEATURES] = driver_feature,
	[SPEC_REG_CONFIG_VECTOR] = config_vector,
	[SPEC_REG_NUM_QUEUES] = num_queues,
	[SPEC_REG_DEVICE_STATUS] = device_status,
	[SPEC_REG_CONFIG_GENERATION] = generation,
	[SPEC_REG_QUEUE_SELECT] = queue_select,
	[SPEC_REG_QUEUE_SIZE] = queue_size,
	[SPEC_REG_QUEUE_VECTOR] = queue_vector,
	[SPEC_REG_QUEUE_ENABLE] = queue_enable,
	[SPEC_REG_QUEUE_NOTIFY_OFF] = queue_notify_off,
	[SPEC_REG_QUEUE_DESC] = queue_desc,
	[SPEC_REG_QUEUE_DRIVER] = queue_driver,
	[SPEC_REG_QUEUE_DEVICE] = queue_device,
	[SPEC_REG_QUEUE_PFN] = legacy_pfn,
	[SPEC_REG_QUEUE_RESET] = queue_reset,
	[SPEC_REG_QUEUE_SIZE_MAX] = queue_size_max,
	[SPEC_REG_QUEUE_ALIGN] = queue_align,
	[SPEC_REG_VERSION] = mmio_version,
	[SPEC_REG_GUEST_PAGE_SIZE] = guest_page_size,
};

bool model_legacy_region(const struct model_device *d, unsigned region)
{
	return region == VQT_REGION_LEGACY || (region == VQT_REGION_MMIO && d->mmio_version == 1);
}

/* Until the version was read, the registers that only one of the two has tell which it is. */
static void version_by_use(struct model_device *d, const struct event *e,
			   const struct spec_field *f)
{
	if (d->mmio_version || d->mmio_version_read)
		return;
	/* recorded of drivers of version 1, too, before format 1.7: there the function reads nothing */
	if (event_by_driver(e) && f->id == SPEC_REG_CONFIG_GENERATION)
		return;
	if (f->flags & SPEC_LEGACY)
		d->mmio_version = 1;
	else if (f->flags & SPEC_MODERN)
		d->mmio_version = 2;
}

static uint64_t ones(unsigned bytes)
{
	return bytes >= 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1;
}

static void apply_field(struct model *m, struct event *e, const struct spec_field *f)
{
	const struct vqt_reg *reg = &e->rec->reg;
	uint64_t start = reg->offset > f->offset ? reg->offset : f->offset;
	uint64_t end = (uint64_t)reg->offset + reg->width;
	struct access a = {
		.m = m,
		.e = e,
		.d = e->dev,
		.write = reg->op == VQT_WRITE,
	};
	uint64_t value;
	unsigned shift; /* of the covered bits, in the register */

	if (reg->region == VQT_REGION_MMIO)
		version_by_use(a.d, e, f);
	a.legacy = model_legacy_region(a.d, reg->region);
	if (end > (uint64_t)f->offset + f->width)
		end = (uint64_t)f->offset + f->width;
	if (f->flags & SPEC_PER_QUEUE) {
		a.q = model_get_queue(a.d, a.d->queue_select);
		if (!a.q)
			return;
		e->queue = a.q;
		e->select = a.d->queue_select;
	}
	value = reg->value >> (8 * (start - reg->offset)) & ones((unsigned)(end - start));
	shift = 8 * (unsigned)(start - f->offset) + (f->flags & SPEC_HI ? 32 : 0);
	a.value = value << shift;
	a.mask = ones((unsigned)(end - start)) << shift;
	if (appliers[f->id])
		appliers[f->id](&a);
}

static void apply_registers(struct model *m, struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	const struct spec_fields *fields = spec_region_fields(reg->region);
	uint64_t end = (uint64_t)reg->offset + reg->width;

	for (size_t i = 0; i < fields->count && fields->field[i].offset < end; i++) {
		const struct spec_field *f = &fields->field[i];

		if (reg->offset < f->offset + f->width)
			apply_field(m, e, f);
	}
}

/* Bytes of a space as last read or written. */
static void store(uint8_t *bytes, uint8_t *known, size_t size, uint64_t offset,
		  const struct vqt_reg *reg)
{
	for (unsigned i = 0; i < reg->width && i < 8 && offset + i < size; i++) {
		bytes[offset + i] = (uint8_t)(reg->value >> (8 * i));
		known[(offset + i) / 8] |= (uint8_t)(1 << (offset + i) % 8);
	}
}

static bool pci_known(const struct model_device *d, unsigned at, unsigned n)
{
	for (unsigned i = at; i < at + n; i++)
		if (i >= sizeof(d->pci) || !(d->pci_known[i / 8] >> (i % 8) & 1))
			return false;
	return true;
}

/* A list with more entries than fit in the space is a loop. */
#define CAPS_MAX 48

/* The capability after `at` (0: the first), 0 at the end of what was seen. */
static unsigned next_cap(const struct model_device *d, unsigned at)
{
	unsigned link = at ? at + 1 : PCI_CAPABILITY_LIST;
	unsigned next = pci_known(d, link, 1) ? d->pci[link] & ~3U : 0;

	return next >= 0x40 && pci_known(d, next, 1) ? next : 0;
}

unsigned model_pci_cap(const struct model_device *d, unsigned id, unsigned nth)
{
	unsigned at = next_cap(d, 0);

	for (int i = 0; i < CAPS_MAX && at; i++, at = next_cap(d, at))
		if (d->pci[at] == id && !nth--)
			return at;
	return 0;
}

unsigned model_pci_cap_at(const struct model_device *d, unsigned offset)
{
	unsigned best = 0, at = next_cap(d, 0);

	for (int i = 0; i < CAPS_MAX && at; i++, at = next_cap(d, at))
		if (at <= offset && at > best)
			best = at;
	return best;
}

static void apply_pci(struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	struct model_device *d = e->dev;
	unsigned msix, id;

	store(d->pci, d->pci_known, sizeof(d->pci), reg->offset, reg);
	msix = model_pci_cap(d, PCI_CAP_ID_MSIX, 0);
	if (msix && reg->offset < msix + 4 && reg->offset + reg->width > msix + 2)
		d->msix = d->pci[msix + 3] >> 7; /* MSI-X Enable */
	if (d->virtio_id || reg->offset + reg->width <= PCI_DEVICE_ID)
		return;
	if (!pci_known(d, PCI_VENDOR_ID, 4) || get_le16(d->pci) != VENDOR_VIRTIO)
		return;
	id = class_id_of_pci(get_le16(d->pci + PCI_DEVICE_ID), get_le16(d->pci + PCI_SUBSYSTEM_ID));
	if (id) {
		d->virtio_id = id;
		d->class = class_find(id);
	}
}

/* Device configuration, in a region of its own or behind the registers: 4.1.4.10, 4.2.2. */
static void apply_config(struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	uint32_t at = reg->offset;

	if (spec_field_region(reg->region, &at, e->dev->msix) == VQT_REGION_DEVICE)
		store(e->dev->config, e->dev->config_known, sizeof(e->dev->config), at, reg);
}

/* Fields of the capability that an access to configuration space is in, 4.1.4. */
static void find_cap_field(struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	const struct model_device *d = e->dev;
	unsigned start = model_pci_cap_at(d, reg->offset);

	if (!start || reg->offset - start > 0xff)
		return;
	e->pci_cap = (uint16_t)start;
	e->field = spec_fields_at(spec_pci_cap_fields(d->pci[start], d->pci[start + 3]),
				  reg->offset - start, reg->width);
	if (e->field)
		e->field_offset = reg->offset - start - e->field->offset;
}

static void find_field(struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	int msix = e->dev && e->dev->msix;
	uint32_t at = reg->offset;
	unsigned region = spec_field_region(reg->region, &at, msix);

	if (e->dev && region == VQT_REGION_DEVICE)
		e->field = class_config_at(e->dev->class, e->dev->config, sizeof(e->dev->config),
					   at, reg->width);
	else
		e->field = spec_fields_at(spec_region_fields(region), at, reg->width);
	if (e->field)
		e->field_offset = at - e->field->offset;
}

/*
 * Of a kernel's driver PCI configuration accesses are not recorded.  But the vector registers of the
 * legacy interface are there with MSI-X only, are two bytes each, and nothing else behind the
 * registers is accessed so; and where the configuration begins is in the record.
 */
static void driver_msix(struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;

	if (!e->dev || !event_by_driver(e) || reg->region != VQT_REGION_LEGACY ||
	    reg->offset < VIRTIO_PCI_CONFIG_OFF(0))
		return;
	if (reg->width == 2)
		e->dev->msix |= reg->offset < VIRTIO_PCI_CONFIG_OFF(1);
	else
		e->dev->msix = reg->flags & VQT_REG_MSIX;
}

int model_register(struct model *m, struct event *e)
{
	const struct vqt_reg *reg = &e->rec->reg;
	struct model_device *d = e->dev;

	driver_msix(e);
	find_field(e);
	if (!d || reg->flags & VQT_REG_FAILED || reg->width > 8)
		return 0;
	switch (reg->region) {
	case VQT_REGION_PCI:
		apply_pci(e);
		if (reg->offset >= PCI_STD_HEADER_SIZEOF && reg->offset < sizeof(d->pci) - 4)
			find_cap_field(e);
		break;
	case VQT_REGION_DEVICE: apply_config(e); break;
	case VQT_REGION_LEGACY:
	case VQT_REGION_MMIO:
		apply_config(e);
		apply_registers(m, e);
		break;
	case VQT_REGION_COMMON: apply_registers(m, e); break;
	}
	return 0;
}
