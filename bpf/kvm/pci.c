/* SPDX-License-Identifier: MIT */
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <string.h>

#include "bpf/kvm/pci.h"
#include "decoder/trace/event.h"

#define CAPS_MAX 48 /* a list with more entries than fit in the space is a loop */
#define BARS 6
#define BARS_END (PCI_BASE_ADDRESS_0 + BARS * 4)
#define MSIX_ENTRY 16 /* bytes in the table */
#define LEGACY_SIZE 32 /* the smallest BAR that can hold the legacy registers */
#define PAGE 4096

/* --- bytes ---------------------------------------------------------------------------------- */

static bool is_known(const struct pci_function *f, unsigned at)
{
	return at < PCI_CONFIG && f->known[at / 8] >> at % 8 & 1;
}

bool pci_get(const struct pci_function *f, unsigned offset, unsigned width, uint32_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < width; i++) {
		if (!is_known(f, offset + i))
			return false;
		*value |= (uint32_t)f->config[offset + i] << 8 * i;
	}
	return true;
}

static uint32_t get(const struct pci_function *f, unsigned offset, unsigned width)
{
	uint32_t v;

	return pci_get(f, offset, width, &v) ? v : 0;
}

static void put(struct pci_function *f, unsigned at, uint8_t byte)
{
	f->config[at] = byte;
	f->known[at / 8] |= (uint8_t)(1 << at % 8);
}

static bool is_bar(unsigned at)
{
	return at >= PCI_BASE_ADDRESS_0 && at < BARS_END;
}

/* --- BARs ----------------------------------------------------------------------------------- */

/* What is left of all ones; false: not known, or no BAR. */
static bool bar_mask(const struct pci_function *f, unsigned n, uint32_t *mask)
{
	const uint8_t *m;

	if (n >= BARS)
		return false;
	m = f->mask + 4 * n;
	*mask = (uint32_t)m[0] | (uint32_t)m[1] << 8 | (uint32_t)m[2] << 16 | (uint32_t)m[3] << 24;
	return f->mask_known[n] == 0xf;
}

static bool is_64(const struct pci_function *f, unsigned n)
{
	return n < 5 && f->kind_known >> n & 1 && !(f->kind[n] & PCI_BASE_ADDRESS_SPACE_IO) &&
	       (f->kind[n] & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
}

/* Whether BAR n is one, and not the upper half of the one before. */
static bool is_bar_number(const struct pci_function *f, unsigned n)
{
	unsigned i = 0;

	while (i < n)
		i += is_64(f, i) ? 2 : 1;
	return i == n && n < BARS;
}

/* False: its address, or its kind, is not known. */
static bool bar_address(const struct pci_function *f, unsigned n, uint64_t *addr, bool *io)
{
	uint32_t low, high = 0, mask;

	if (!is_bar_number(f, n) || !(f->kind_known >> n & 1) || f->sizing >> n & 1 ||
	    !pci_get(f, PCI_BASE_ADDRESS_0 + 4 * n, 4, &low))
		return false;
	if (is_64(f, n) &&
	    (f->sizing >> (n + 1) & 1 || !pci_get(f, PCI_BASE_ADDRESS_0 + 4 * (n + 1), 4, &high)))
		return false;
	*io = f->kind[n] & PCI_BASE_ADDRESS_SPACE_IO;
	low &= *io ? ~3U : ~15U;
	if (bar_mask(f, n, &mask))
		low &= mask;
	*addr = (uint64_t)high << 32 | low;
	return *addr != 0;
}

/* Bytes; 0: not known.  Of the mask of I/O space the upper half may be zeroes. */
static uint64_t bar_size(const struct pci_function *f, unsigned n)
{
	uint32_t mask;

	if (!bar_mask(f, n, &mask))
		return 0;
	if (f->kind[n] & PCI_BASE_ADDRESS_SPACE_IO)
		return (~(mask & ~3U) & 0xffff) + 1;
	return mask & ~15U ? (uint64_t) ~(mask & ~15U) + 1 : 0;
}

static void bar_written(struct pci_function *f, unsigned n)
{
	uint32_t v;

	if (!pci_get(f, PCI_BASE_ADDRESS_0 + 4 * n, 4, &v))
		return;
	f->unclear &= (uint8_t) ~(1 << n);
	if ((v | 15) == ~0U)
		f->sizing |= (uint8_t)(1 << n);
	else
		f->sizing &= (uint8_t) ~(1 << n);
}

static void bar_read(struct pci_function *f, unsigned at, uint8_t byte)
{
	unsigned n = (at - PCI_BASE_ADDRESS_0) / 4, i = at % 4;

	if (!i) {
		f->kind[n] = byte;
		f->kind_known |= (uint8_t)(1 << n);
	}
	if (f->unclear >> n & 1)
		return;
	if (!(f->sizing >> n & 1)) {
		put(f, at, byte);
		return;
	}
	f->mask[4 * n + i] = byte;
	f->mask_known[n] |= (uint8_t)(1 << i);
}

/* --- structures ----------------------------------------------------------------------------- */

static bool decodes(const struct pci_function *f, bool io)
{
	uint32_t command;

	return !pci_get(f, PCI_COMMAND, 2, &command) ||
	       command & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
}

static struct pci_area *add_area(struct pci_function *f, unsigned region, unsigned bar,
				 uint32_t offset, uint64_t len)
{
	struct pci_area a = {
		.region = (uint8_t)region, .bar = (uint8_t)bar, .offset = offset, .len = len
	};

	if (f->nareas == PCI_AREAS)
		return NULL;
	f->area[f->nareas] = a;
	return &f->area[f->nareas++];
}

/* struct virtio_pci_cap, 4.1.4 */
static void add_virtio(struct pci_function *f, unsigned at)
{
	static const uint8_t regions[] = {
		[VIRTIO_PCI_CAP_COMMON_CFG] = VQT_REGION_COMMON,
		[VIRTIO_PCI_CAP_NOTIFY_CFG] = VQT_REGION_NOTIFY,
		[VIRTIO_PCI_CAP_ISR_CFG] = VQT_REGION_ISR,
		[VIRTIO_PCI_CAP_DEVICE_CFG] = VQT_REGION_DEVICE,
	};
	uint32_t type, bar, offset, len;
	struct pci_area *a;

	if (!pci_get(f, at + VIRTIO_PCI_CAP_CFG_TYPE, 1, &type))
		return;
	if (type == VIRTIO_PCI_CAP_PCI_CFG && at + 20 <= PCI_CONFIG && !f->window)
		f->window = (uint8_t)at;
	if (type >= sizeof(regions) || !regions[type] ||
	    !pci_get(f, at + VIRTIO_PCI_CAP_BAR, 1, &bar) ||
	    !pci_get(f, at + VIRTIO_PCI_CAP_OFFSET, 4, &offset))
		return;
	if (!pci_get(f, at + VIRTIO_PCI_CAP_LENGTH, 4, &len))
		len = 0; /* for now: see set_length() */
	a = add_area(f, regions[type], bar, offset, len);
	if (a && type == VIRTIO_PCI_CAP_NOTIFY_CFG)
		a->multiplier = get(f, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4);
}

static void add_msix(struct pci_function *f, unsigned at)
{
	uint32_t control, table, pba, vectors;

	f->msix = (uint8_t)at;
	if (!pci_get(f, at + PCI_MSIX_FLAGS, 2, &control))
		return;
	vectors = (control & PCI_MSIX_FLAGS_QSIZE) + 1;
	if (pci_get(f, at + PCI_MSIX_TABLE, 4, &table))
		add_area(f, VQT_REGION_MSIX_TABLE, table & 7, table & ~7U, vectors * MSIX_ENTRY);
	if (pci_get(f, at + PCI_MSIX_PBA, 4, &pba))
		add_area(f, VQT_REGION_MSIX_PBA, pba & 7, pba & ~7U, (vectors + 63) / 64 * 8);
}

/*
 * A driver may not have read how long a structure is.  Then it is taken to end where the next one
 * of its BAR begins, or with its BAR, or, where that has no known end, after a page.
 */
static void set_length(const struct pci_function *f, struct pci_area *a)
{
	uint64_t end = bar_size(f, a->bar);

	if (a->len)
		return;
	if (!end)
		end = a->offset + (uint64_t)PAGE;
	for (unsigned i = 0; i < f->nareas; i++)
		if (f->area[i].bar == a->bar && f->area[i].offset > a->offset &&
		    f->area[i].offset < end)
			end = f->area[i].offset;
	a->len = end > a->offset ? end - a->offset : 0;
}

static void set_place(const struct pci_function *f, struct pci_area *a)
{
	set_length(f, a);
	if (!bar_address(f, a->bar, &a->start, &a->io))
		return;
	a->start += a->offset;
	if (a->start < a->offset || a->start > UINT64_MAX - a->len)
		a->start = 0; /* it would go around */
}

/* 4.1.4.10: BAR 0 of a transitional device */
static void add_legacy(struct pci_function *f)
{
	uint64_t size = bar_size(f, 0);

	if (f->legacy && f->kind_known & 1 && f->kind[0] & PCI_BASE_ADDRESS_SPACE_IO)
		add_area(f, VQT_REGION_LEGACY, 0, 0, size ? size : LEGACY_SIZE);
}

static void find_areas(struct pci_function *f)
{
	unsigned at = get(f, PCI_CAPABILITY_LIST, 1) & ~3U;
	uint32_t id, next, device;

	f->nareas = 0;
	f->window = f->msix = 0;
	f->legacy = pci_get(f, PCI_DEVICE_ID, 2, &device) && device >= 0x1000 && device < 0x1040;
	add_legacy(f);
	for (int i = 0; i < CAPS_MAX && at >= 0x40 && pci_get(f, at, 1, &id); i++) {
		if (id == PCI_CAP_ID_VNDR)
			add_virtio(f, at);
		else if (id == PCI_CAP_ID_MSIX)
			add_msix(f, at);
		at = pci_get(f, at + PCI_CAP_LIST_NEXT, 1, &next) ? next & ~3U : 0;
	}
	for (unsigned i = 0; i < f->nareas; i++)
		set_place(f, &f->area[i]);
}

/* --- accesses ------------------------------------------------------------------------------- */

/* The bytes in which a write has effects that matter here. */
static bool is_writable(const struct pci_function *f, unsigned at)
{
	unsigned w = f->window;

	return is_bar(at) || at / 2 == PCI_COMMAND / 2 ||
	       (w && (at == w + VIRTIO_PCI_CAP_BAR ||
		      (at >= w + VIRTIO_PCI_CAP_OFFSET && at < w + VIRTIO_PCI_CAP_LENGTH + 4)));
}

void pci_gone(struct pci_function *f)
{
	for (unsigned at = PCI_COMMAND; at < PCI_COMMAND + 2; at++) {
		f->config[at] = 0;
		f->known[at / 8] |= (uint8_t)(1 << at % 8);
	}
	f->msix_on = false;
}

void pci_forget(struct pci_function *f, uint32_t offset, unsigned width)
{
	for (unsigned i = 0; i < width && offset + i < PCI_CONFIG; i++) {
		unsigned at = offset + i;

		if (is_writable(f, at))
			f->known[at / 8] &= (uint8_t) ~(1 << at % 8);
		if (is_bar(at))
			f->unclear |= (uint8_t)(1 << (at - PCI_BASE_ADDRESS_0) / 4);
		if (f->msix && at == f->msix + PCI_MSIX_FLAGS + 1U)
			f->msix_on = false;
	}
	find_areas(f);
}

void pci_config(struct pci_function *f, bool write, uint32_t offset, unsigned width, uint32_t value)
{
	unsigned at;

	for (unsigned i = 0; i < width && i < 4 && offset + i < PCI_CONFIG; i++) {
		uint8_t byte = (uint8_t)(value >> 8 * i);

		at = offset + i;
		if (write ? is_writable(f, at) : !is_bar(at))
			put(f, at, byte);
		else if (!write)
			bar_read(f, at, byte);
	}
	for (unsigned n = 0; write && n < BARS; n++)
		if (offset < PCI_BASE_ADDRESS_0 + 4 * n + 4 &&
		    offset + width > PCI_BASE_ADDRESS_0 + 4 * n)
			bar_written(f, n);
	find_areas(f);
	at = f->msix + PCI_MSIX_FLAGS + 1U;
	if (f->msix && at >= offset && at < offset + width)
		f->msix_on = value >> 8 * (at - offset) & PCI_MSIX_FLAGS_ENABLE >> 8;
}

const struct pci_area *pci_find(const struct pci_function *f, bool io, uint64_t addr)
{
	for (unsigned i = 0; i < f->nareas; i++) {
		const struct pci_area *a = &f->area[i];

		if (a->start && a->io == io && addr >= a->start && addr - a->start < a->len)
			return decodes(f, io) ? a : NULL;
	}
	return NULL;
}

bool pci_claims(const struct pci_function *f, bool io, uint64_t addr)
{
	if (pci_find(f, io, addr))
		return true;
	for (unsigned n = 0; decodes(f, io) && n < BARS; n++) {
		uint64_t start;
		bool is_io;

		if (bar_address(f, n, &start, &is_io) && is_io == io && addr >= start &&
		    addr - start < bar_size(f, n))
			return true;
	}
	return false;
}

enum pci_window pci_find_window(const struct pci_function *f, const struct pci_area **area,
				uint32_t *offset, unsigned *width)
{
	uint32_t bar, at, len;

	if (!f->window || !pci_get(f, f->window + VIRTIO_PCI_CAP_LENGTH, 4, &len))
		return PCI_WINDOW_UNKNOWN;
	if (len != 1 && len != 2 && len != 4)
		return PCI_WINDOW_SHUT;
	if (!pci_get(f, f->window + VIRTIO_PCI_CAP_BAR, 1, &bar) ||
	    !pci_get(f, f->window + VIRTIO_PCI_CAP_OFFSET, 4, &at))
		return PCI_WINDOW_UNKNOWN;
	for (unsigned i = 0; i < f->nareas; i++) {
		const struct pci_area *a = &f->area[i];

		if (a->bar != bar || at < a->offset || at - a->offset >= a->len)
			continue;
		*area = a;
		*offset = at - a->offset;
		*width = len;
		return PCI_WINDOW_OPEN;
	}
	return PCI_WINDOW_ELSEWHERE;
}
