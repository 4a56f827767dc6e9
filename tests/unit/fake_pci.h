/* SPDX-License-Identifier: MIT */
/* A virtio function and a guest that walks through it by KVM's tracepoints, for bpf/kvm. */
#ifndef VQT_TESTS_UNIT_FAKE_PCI_H
#define VQT_TESTS_UNIT_FAKE_PCI_H

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/prog/kvm.h"

/* The includer's: KVM reports this. */
static void hit(unsigned kind, uint64_t addr, unsigned width, uint64_t value);

/* A PCI function: what it has, and what of it can be written. */
struct function {
	uint16_t bdf;
	uint8_t bytes[256], writable[256];
};

static void set32(uint8_t *at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t config_read(const struct function *f, unsigned offset, unsigned width)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (uint32_t)f->bytes[offset + i] << 8 * i;
	hit(VQK_PIO_WRITE, 0xcf8, 4, 0x80000000U | (uint32_t)f->bdf << 8 | (offset & ~3U));
	hit(VQK_PIO_READ, 0xcfc + offset % 4, width, v);
	return v;
}

static void config_write(struct function *f, unsigned offset, unsigned width, uint32_t value)
{
	hit(VQK_PIO_WRITE, 0xcf8, 4, 0x80000000U | (uint32_t)f->bdf << 8 | (offset & ~3U));
	hit(VQK_PIO_WRITE, 0xcfc + offset % 4, width, value);
	for (unsigned i = 0; i < width; i++) {
		uint8_t w = f->writable[offset + i], *at = &f->bytes[offset + i];

		*at = (uint8_t)((*at & ~w) | (value >> 8 * i & w));
	}
}

static inline void add_bar(struct function *f, unsigned n, uint64_t size, uint32_t kind)
{
	uint64_t mask = ~(size - 1);

	set32(f->bytes + 0x10 + 4 * n, kind);
	set32(f->writable + 0x10 + 4 * n, (uint32_t)mask & ~15U);
	if (kind & 1)
		set32(f->writable + 0x10 + 4 * n, (uint32_t)mask & ~3U);
	if (kind & 4)
		set32(f->writable + 0x14 + 4 * n, (uint32_t)(mask >> 32));
}

static void add_cap(struct function *f, unsigned at, unsigned next, unsigned type, unsigned bar,
		    uint32_t offset, uint32_t len)
{
	f->bytes[at] = PCI_CAP_ID_VNDR;
	f->bytes[at + 1] = (uint8_t)next;
	f->bytes[at + 2] = type == VIRTIO_PCI_CAP_COMMON_CFG ? 16 : 20;
	f->bytes[at + 3] = (uint8_t)type;
	f->bytes[at + 4] = (uint8_t)bar;
	set32(f->bytes + at + 8, offset);
	set32(f->bytes + at + 12, len);
}

/* A disk as QEMU has it: BAR 1 with MSI-X, BAR 4 with the structures. */
static struct function disk(uint16_t bdf)
{
	struct function f = { .bdf = bdf };

	set32(f.bytes, 0x10421af4);
	f.writable[PCI_COMMAND] = 7;
	f.bytes[PCI_CAPABILITY_LIST] = 0x98;
	f.bytes[PCI_INTERRUPT_PIN] = 1;
	f.writable[PCI_INTERRUPT_LINE] = 0xff;
	add_bar(&f, 1, 0x1000, 0);
	add_bar(&f, 4, 0x4000, 0xc);
	f.bytes[0x98] = PCI_CAP_ID_MSIX;
	f.bytes[0x99] = 0x84;
	f.bytes[0x9a] = 1; /* two vectors */
	f.writable[0x9b] = 0xc0;
	set32(f.bytes + 0x9c, 1);
	set32(f.bytes + 0xa0, 0x800 | 1);
	add_cap(&f, 0x84, 0x70, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 0);
	f.writable[0x88] = 0xff;
	set32(f.writable + 0x8c, ~0U);
	set32(f.writable + 0x90, ~0U);
	add_cap(&f, 0x70, 0x60, VIRTIO_PCI_CAP_NOTIFY_CFG, 4, 0x3000, 0x1000);
	set32(f.bytes + 0x80, 4);
	add_cap(&f, 0x60, 0x50, VIRTIO_PCI_CAP_DEVICE_CFG, 4, 0x2000, 0x1000);
	add_cap(&f, 0x50, 0x40, VIRTIO_PCI_CAP_ISR_CFG, 4, 0x1000, 0x1000);
	add_cap(&f, 0x40, 0, VIRTIO_PCI_CAP_COMMON_CFG, 4, 0, 0x1000);
	return f;
}

#define MSIX 0xfebfe000ull
#define BAR4 0x3800000000ull
#define COMMON BAR4
#define ISR (BAR4 + 0x1000)
#define DEVICE (BAR4 + 0x2000)
#define NOTIFY (BAR4 + 0x3000)

/* As Linux: size a BAR, then put what it had back. */
static void size_bar(struct function *f, unsigned n)
{
	uint32_t old = config_read(f, 0x10 + 4 * n, 4);

	config_write(f, 0x10 + 4 * n, 4, ~0U);
	config_read(f, 0x10 + 4 * n, 4);
	config_write(f, 0x10 + 4 * n, 4, old);
}

static void read_caps(const struct function *f, bool lengths)
{
	for (unsigned at = config_read(f, PCI_CAPABILITY_LIST, 1); at;) {
		bool virtio = config_read(f, at, 1) == PCI_CAP_ID_VNDR;

		if (virtio) {
			config_read(f, at + 3, 1);
			config_read(f, at + 4, 1);
			config_read(f, at + 8, 4);
		}
		if (virtio && lengths)
			config_read(f, at + 12, 4);
		if (virtio && f->bytes[at + 3] == VIRTIO_PCI_CAP_NOTIFY_CFG)
			config_read(f, at + 16, 4);
		if (!virtio)
			for (unsigned i = 2; i < 12; i += 2)
				config_read(f, at + i, 2);
		at = config_read(f, at + 1, 1);
	}
}

static void place(struct function *f, uint64_t bar1, uint64_t bar4)
{
	config_write(f, 0x14, 4, (uint32_t)bar1);
	config_write(f, 0x20, 4, (uint32_t)bar4);
	config_write(f, 0x24, 4, (uint32_t)(bar4 >> 32));
	config_write(f, PCI_COMMAND, 2, 7);
}

static void enumerate(struct function *f)
{
	config_read(f, 0, 4);
	for (unsigned n = 0; n < 6; n++)
		size_bar(f, n);
	place(f, MSIX, BAR4);
	read_caps(f, true);
}

#endif
