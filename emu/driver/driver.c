/* SPDX-License-Identifier: MIT */
/* The in-process driver: finding the device and bringing it up (4.1.5.1, 3.1). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/util/virtqueue.h"
#include "emu/driver/driver.h"

#define PATIENCE 100000 /* polls of a register that the device must change */
#define BAR_SPACE 0xe0000000u
#define IO_SPACE 0xc000u
#define QALIGN 4096 /* of a legacy queue */

int emu_driver_init(struct emu_driver *d, const struct emu_bus *bus)
{
	memset(d, 0, sizeof(*d));
	d->bus = *bus;
	d->next = bus->ram_gpa + 0x1000; /* address 0 means none */
	return 0;
}

static void free_queues(struct emu_driver *d)
{
	for (unsigned i = 0; d->queue && i < d->num_queues; i++) {
		free(d->queue[i].slot);
		free(d->queue[i].free);
	}
	free(d->queue);
	d->queue = NULL;
}

void emu_driver_fini(struct emu_driver *d)
{
	free_queues(d);
}

uint64_t emu_driver_alloc(struct emu_driver *d, uint64_t size, uint64_t align)
{
	uint64_t at = (d->next + align - 1) & ~(align - 1);
	if (at - d->bus.ram_gpa > d->bus.ram_size || size > d->bus.ram_size - (at - d->bus.ram_gpa))
		return 0;
	d->next = at + size;
	memset(emu_driver_ptr(d, at), 0, size);
	return at;
}

void *emu_driver_ptr(struct emu_driver *d, uint64_t gpa)
{
	return d->bus.ram + (gpa - d->bus.ram_gpa);
}

void emu_driver_run(struct emu_driver *d)
{
	if (d->bus.run)
		d->bus.run(d->bus.opaque);
}

/* --- PCI --------------------------------------------------------------------------- */

static uint32_t cfg(struct emu_driver *d, uint32_t off, unsigned width)
{
	return d->bus.config_read(d->bus.opaque, off, width);
}

static void set_cfg(struct emu_driver *d, uint32_t off, unsigned width, uint32_t v)
{
	d->bus.config_write(d->bus.opaque, off, width, v);
}

/* PCI 6.2.5.1: write ones, read the size, then an address. */
static void place_bars(struct emu_driver *d)
{
	uint64_t mem = BAR_SPACE, io = IO_SPACE;
	for (unsigned i = 0; i < 6; i++) {
		uint32_t at = PCI_BASE_ADDRESS_0 + 4 * i;
		set_cfg(d, at, 4, UINT32_MAX);
		uint32_t lo = cfg(d, at, 4);
		if (!lo)
			continue;
		if (lo & PCI_BASE_ADDRESS_SPACE_IO) {
			d->bar_size[i] = (uint16_t) ~(lo & ~3u) + 1u;
			set_cfg(d, at, 4, io);
			io += d->bar_size[i];
			continue;
		}
		uint64_t mask = (lo & ~15u) | 0xffffffff00000000ull;
		if (lo & PCI_BASE_ADDRESS_MEM_TYPE_64) {
			set_cfg(d, at + 4, 4, UINT32_MAX);
			mask = (lo & ~15u) | (uint64_t)cfg(d, at + 4, 4) << 32;
		}
		uint64_t size = ~mask + 1;
		mem = (mem + size - 1) & ~(size - 1);
		d->bar_size[i] = size;
		set_cfg(d, at, 4, mem);
		if (lo & PCI_BASE_ADDRESS_MEM_TYPE_64) {
			set_cfg(d, at + 4, 4, mem >> 32);
			i++;
		}
		mem += size;
	}
}

static void found(struct emu_driver *d, uint8_t at)
{
	struct emu_place p = { .found = true,
			       .at = at,
			       .bar = cfg(d, at + VIRTIO_PCI_CAP_BAR, 1),
			       .offset = cfg(d, at + VIRTIO_PCI_CAP_OFFSET, 4),
			       .length = cfg(d, at + VIRTIO_PCI_CAP_LENGTH, 4) };
	struct emu_place *all[] = { NULL, &d->common, &d->notify, &d->isr, &d->config, &d->window };
	unsigned type = cfg(d, at + VIRTIO_PCI_CAP_CFG_TYPE, 1);
	if (cfg(d, at + VIRTIO_PCI_CAP_LEN, 1) < sizeof(struct virtio_pci_cap) || !type ||
	    type > VIRTIO_PCI_CAP_PCI_CFG || all[type]->found)
		return; /* 4.1.4: the first that is usable, unknown ones skipped */
	*all[type] = p;
	if (type == VIRTIO_PCI_CAP_NOTIFY_CFG)
		d->notify_multiplier = cfg(d, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4);
}

static void walk_caps(struct emu_driver *d)
{
	uint8_t at = cfg(d, PCI_CAPABILITY_LIST, 1) & ~3u;
	for (unsigned guard = 0; at >= 0x40 && guard < 48; guard++) {
		uint8_t id = cfg(d, at, 1);
		if (id == PCI_CAP_ID_VNDR)
			found(d, at);
		if (id == PCI_CAP_ID_MSIX) {
			d->msix_at = at;
			d->vectors = (cfg(d, at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
		}
		at = cfg(d, at + PCI_CAP_LIST_NEXT, 1) & ~3u;
	}
}

int emu_driver_probe(struct emu_driver *d)
{
	d->device_id = cfg(d, PCI_DEVICE_ID, 2);
	d->subsys = cfg(d, PCI_SUBSYSTEM_ID, 2);
	if (cfg(d, PCI_VENDOR_ID, 2) != VIRTIO_PCI_VENDOR || d->device_id < 0x1000 ||
	    d->device_id > 0x107f)
		return -ENODEV;
	place_bars(d);
	set_cfg(d, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (cfg(d, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST)
		walk_caps(d);
	return d->common.found || d->device_id < 0x1040 ? 0 : -ENODEV;
}

/* --- registers ------------------------------------------------------------------------ */

uint64_t emu_driver_read(struct emu_driver *d, const struct emu_place *p, uint32_t off, unsigned w)
{
	return d->bus.bar_read(d->bus.opaque, p->bar, p->offset + (uint64_t)off, w);
}

void emu_driver_write(struct emu_driver *d, const struct emu_place *p, uint32_t off, unsigned w,
		      uint64_t v)
{
	d->bus.bar_write(d->bus.opaque, p->bar, p->offset + (uint64_t)off, w, v);
}

/* The legacy structure: BAR 0 itself. */
static const struct emu_place legacy = { .found = true };

uint8_t emu_driver_status(struct emu_driver *d)
{
	return d->opt.legacy ? emu_driver_read(d, &legacy, VIRTIO_PCI_STATUS, 1)
			     : emu_driver_read(d, &d->common, VIRTIO_PCI_COMMON_STATUS, 1);
}

void emu_driver_set_status(struct emu_driver *d, uint8_t s)
{
	if (d->opt.legacy)
		emu_driver_write(d, &legacy, VIRTIO_PCI_STATUS, 1, s);
	else
		emu_driver_write(d, &d->common, VIRTIO_PCI_COMMON_STATUS, 1, s);
}

void emu_driver_config(struct emu_driver *d, uint32_t off, void *buf, uint32_t len)
{
	uint8_t *p = buf;
	if (d->opt.legacy) {
		bool msix = d->msix_at &&
			    cfg(d, d->msix_at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE;
		for (uint32_t i = 0; i < len; i++)
			p[i] = emu_driver_read(d, &legacy, VIRTIO_PCI_CONFIG_OFF(msix) + off + i,
					       1);
		return;
	}
	uint8_t before, after;
	unsigned tries = 0;
	do { /* 2.5.1 */
		before = emu_driver_read(d, &d->common, VIRTIO_PCI_COMMON_CFGGENERATION, 1);
		for (uint32_t i = 0; i < len;) {
			unsigned w = 4;
			while (w > 1 && ((off + i) % w || w > len - i))
				w >>= 1;
			uint32_t v = emu_driver_read(d, &d->config, off + i, w);
			memcpy(p + i, &v, w);
			i += w;
		}
		after = emu_driver_read(d, &d->common, VIRTIO_PCI_COMMON_CFGGENERATION, 1);
	} while (before != after && ++tries < 100);
}

bool emu_driver_has(const struct emu_driver *d, unsigned bit)
{
	return d->accepted[bit / 64] >> bit % 64 & 1;
}

/* --- 3.1.1 ------------------------------------------------------------------------------ */

int emu_driver_reset(struct emu_driver *d)
{
	emu_driver_set_status(d, 0);
	for (unsigned i = 0; i < PATIENCE; i++) {
		emu_driver_run(d);
		if (emu_driver_status(d) == 0)
			return 0;
	}
	d->why = "device_status never became 0";
	return -ETIMEDOUT;
}

static void read_features(struct emu_driver *d)
{
	memset(d->offered, 0, sizeof(d->offered));
	if (d->opt.legacy) {
		d->offered[0] = (uint32_t)emu_driver_read(d, &legacy, VIRTIO_PCI_HOST_FEATURES, 4);
		return;
	}
	for (unsigned s = 0; s < 2; s++) {
		emu_driver_write(d, &d->common, VIRTIO_PCI_COMMON_DFSELECT, 4, s);
		uint64_t w = (uint32_t)emu_driver_read(d, &d->common, VIRTIO_PCI_COMMON_DF, 4);
		d->offered[s / 2] |= w << s % 2 * 32;
	}
}

static void write_features(struct emu_driver *d)
{
	if (d->opt.legacy) {
		emu_driver_write(d, &legacy, VIRTIO_PCI_GUEST_FEATURES, 4, d->accepted[0]);
		return;
	}
	for (unsigned s = 0; s < 2; s++) {
		emu_driver_write(d, &d->common, VIRTIO_PCI_COMMON_GFSELECT, 4, s);
		emu_driver_write(d, &d->common, VIRTIO_PCI_COMMON_GF, 4,
				 (uint32_t)(d->accepted[s / 2] >> s % 2 * 32));
	}
}

int emu_driver_negotiate(struct emu_driver *d)
{
	uint64_t want = d->opt.features[0];
	if (!d->opt.legacy)
		want |= 1ull << VIRTIO_F_VERSION_1;
	emu_driver_set_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	emu_driver_set_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	read_features(d);
	d->accepted[0] = d->offered[0] & want;
	d->accepted[1] = d->offered[1] & d->opt.features[1];
	write_features(d);
	if (d->opt.legacy)
		return 0;
	uint8_t s =
		VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;
	emu_driver_set_status(d, s);
	if (emu_driver_status(d) & VIRTIO_CONFIG_S_FEATURES_OK)
		return 0;
	emu_driver_set_status(d, s | VIRTIO_CONFIG_S_FAILED);
	d->why = "FEATURES_OK was refused";
	return -ENOTSUP;
}

void emu_driver_ok(struct emu_driver *d)
{
	uint8_t s =
		VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK;
	if (!d->opt.legacy)
		s |= VIRTIO_CONFIG_S_FEATURES_OK;
	emu_driver_set_status(d, s);
	emu_driver_run(d);
}

/* MSI-X: vector 0 for configuration changes, 1 + n for queue n, as far as they go. */
static void setup_msix(struct emu_driver *d)
{
	uint32_t table = cfg(d, d->msix_at + PCI_MSIX_TABLE, 4);
	unsigned bar = table & PCI_MSIX_TABLE_BIR;
	for (unsigned v = 0; v < d->vectors; v++) {
		uint64_t e = (table & PCI_MSIX_TABLE_OFFSET) + v * (uint64_t)PCI_MSIX_ENTRY_SIZE;
		d->bus.bar_write(d->bus.opaque, bar, e + PCI_MSIX_ENTRY_LOWER_ADDR, 4, 0xfee00000);
		d->bus.bar_write(d->bus.opaque, bar, e + PCI_MSIX_ENTRY_UPPER_ADDR, 4, 0);
		d->bus.bar_write(d->bus.opaque, bar, e + PCI_MSIX_ENTRY_DATA, 4, 0x40 + v);
		d->bus.bar_write(d->bus.opaque, bar, e + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0);
	}
	set_cfg(d, d->msix_at + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
}

static int set_vector(struct emu_driver *d, uint32_t modern, uint32_t old, uint16_t v)
{
	const struct emu_place *p = d->opt.legacy ? &legacy : &d->common;
	uint32_t off = d->opt.legacy ? old : modern;
	emu_driver_write(d, p, off, 2, v);
	if (emu_driver_read(d, p, off, 2) == v) /* 4.1.5.1.2.2 */
		return 0;
	d->why = "a vector could not be mapped";
	return -EBUSY;
}

static int alloc_queue(struct emu_driver *d, struct emu_driver_queue *q)
{
	uint64_t n = q->size;
	q->slot = calloc(n, sizeof(*q->slot));
	q->free = calloc(n, sizeof(*q->free));
	if (!q->slot || !q->free)
		return -ENOMEM;
	if (d->opt.legacy) { /* 2.7.2 */
		q->desc = emu_driver_alloc(
			d, virtq_legacy_device(0, n, QALIGN) + virtq_device_len(n, false), QALIGN);
		q->driver = virtq_legacy_driver(q->desc, n);
		q->device = virtq_legacy_device(q->desc, n, QALIGN);
	} else {
		q->desc = emu_driver_alloc(d, virtq_desc_at(n), 16);
		q->driver = emu_driver_alloc(d, virtq_driver_len(n, q->packed), 4);
		q->device = emu_driver_alloc(d, virtq_device_len(n, q->packed), 4);
	}
	if (!q->desc || !q->driver || !q->device)
		return -ENOMEM;
	q->p_desc = emu_driver_ptr(d, q->desc);
	q->p_driver = emu_driver_ptr(d, q->driver);
	q->p_device = emu_driver_ptr(d, q->device);
	for (unsigned i = 0; i < n; i++)
		q->free[i] = i;
	q->free_count = q->free_desc = n;
	q->avail = q->used = q->packed ? virtq_position(0, true) : 0;
	return 0;
}

static void write_addresses(struct emu_driver *d, const struct emu_driver_queue *q)
{
	if (d->opt.legacy) {
		emu_driver_write(d, &legacy, VIRTIO_PCI_QUEUE_PFN, 4,
				 q->desc >> VIRTIO_PCI_QUEUE_ADDR_SHIFT);
		return;
	}
	const uint64_t a[3] = { q->desc, q->driver, q->device };
	for (unsigned i = 0; i < 3; i++) {
		uint32_t off = VIRTIO_PCI_COMMON_Q_DESCLO + 8 * i;
		emu_driver_write(d, &d->common, off, 4, (uint32_t)a[i]);
		emu_driver_write(d, &d->common, off + 4, 4, a[i] >> 32);
	}
	emu_driver_write(d, &d->common, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

static int queue_size(struct emu_driver *d, struct emu_driver_queue *q)
{
	if (d->opt.legacy) {
		emu_driver_write(d, &legacy, VIRTIO_PCI_QUEUE_SEL, 2, q->index);
		q->size = emu_driver_read(d, &legacy, VIRTIO_PCI_QUEUE_NUM, 2);
		q->notify_value = q->index;
		return q->size ? 0 : -ENODEV;
	}
	emu_driver_write(d, &d->common, VIRTIO_PCI_COMMON_Q_SELECT, 2, q->index);
	q->size = emu_driver_read(d, &d->common, VIRTIO_PCI_COMMON_Q_SIZE, 2);
	if (!q->size)
		return -ENODEV;
	if (d->opt.queue_size && d->opt.queue_size < q->size) {
		emu_driver_write(d, &d->common, VIRTIO_PCI_COMMON_Q_SIZE, 2, d->opt.queue_size);
		q->size = emu_driver_read(d, &d->common, VIRTIO_PCI_COMMON_Q_SIZE, 2);
	}
	q->notify_off =
		emu_driver_read(d, &d->common, VIRTIO_PCI_COMMON_Q_NOFF, 2) * d->notify_multiplier;
	q->notify_value = emu_driver_has(d, VIRTIO_F_NOTIF_CONFIG_DATA)
				  ? emu_driver_read(d, &d->common, VIRTIO_PCI_COMMON_Q_NDATA, 2)
				  : q->index;
	return 0;
}

int emu_driver_queue(struct emu_driver *d, uint16_t index)
{
	struct emu_driver_queue *q = &d->queue[index];
	free(q->slot);
	free(q->free);
	memset(q, 0, sizeof(*q));
	q->index = index;
	q->packed = emu_driver_has(d, VIRTIO_F_RING_PACKED);
	q->event_idx = emu_driver_has(d, VIRTIO_RING_F_EVENT_IDX);
	q->indirect = emu_driver_has(d, VIRTIO_RING_F_INDIRECT_DESC);
	q->in_order = emu_driver_has(d, VIRTIO_F_IN_ORDER);
	int ret = queue_size(d, q);
	if (ret == 0)
		ret = alloc_queue(d, q);
	if (ret == 0 && d->msix_at && !d->opt.no_msix)
		ret = set_vector(d, VIRTIO_PCI_COMMON_Q_MSIX, VIRTIO_MSI_QUEUE_VECTOR,
				 index + 1 < d->vectors ? index + 1 : d->vectors - 1);
	if (ret == 0)
		write_addresses(d, q);
	return ret;
}

int emu_driver_queues(struct emu_driver *d)
{
	unsigned n = d->opt.queues ? d->opt.queues : 1;
	free_queues(d);
	d->queue = calloc(n, sizeof(*d->queue));
	if (!d->queue)
		return -ENOMEM;
	d->num_queues = n;
	int ret = 0;
	if (d->msix_at && !d->opt.no_msix) {
		setup_msix(d);
		ret = set_vector(d, VIRTIO_PCI_COMMON_MSIX, VIRTIO_MSI_CONFIG_VECTOR, 0);
	}
	for (unsigned i = 0; i < n && ret == 0; i++)
		ret = emu_driver_queue(d, i);
	return ret;
}

int emu_driver_start(struct emu_driver *d, const struct emu_driver_options *opt)
{
	d->opt = *opt;
	int ret = emu_driver_probe(d);
	if (ret == 0)
		ret = emu_driver_reset(d);
	if (ret == 0)
		ret = emu_driver_negotiate(d);
	if (ret == 0)
		ret = emu_driver_queues(d);
	if (ret == 0)
		emu_driver_ok(d);
	return ret;
}

int emu_driver_queue_reset(struct emu_driver *d, uint16_t index)
{
	emu_driver_write(d, &d->common, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
	emu_driver_write(d, &d->common, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	for (unsigned i = 0; i < PATIENCE; i++) {
		emu_driver_run(d);
		if (!emu_driver_read(d, &d->common, VIRTIO_PCI_COMMON_Q_RESET, 2) &&
		    !emu_driver_read(d, &d->common, VIRTIO_PCI_COMMON_Q_ENABLE, 2))
			return 0;
	}
	d->why = "queue_reset never became 0";
	return -ETIMEDOUT;
}
