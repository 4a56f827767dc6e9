/* SPDX-License-Identifier: MIT */
/*
 * A guest of 32 bits for a KVM that runs no Linux: a driver of the first virtio-blk device on bus 0
 * or 1.  It reads sectors, prints to the serial line what it does, and ends QEMU by its device
 * isa-debug-exit.  Multiboot; its command line:
 *
 *   reads=N  so many sectors, from the first on (default 1)
 *   intx     without MSI-X
 *   close=N  the driver area N bytes (even, at most 62) into a page, the device area right behind it; without, they
 *            are in pages of their own
 *   loop     for ever; before each read it reads the device's configuration space, as lspci does
 */
#include "bare.h"

#define QUEUE_SIZE 8
#define SECTORS 2048 /* that a disk has at least; after them the first one is read again */

static struct {
	_Alignas(4096) struct desc desc[QUEUE_SIZE];
	_Alignas(4096) volatile uint16_t avail[2 + QUEUE_SIZE];
	_Alignas(4096) volatile uint16_t used[2 + 4 * QUEUE_SIZE];
	_Alignas(4096) volatile uint32_t header[4];
	volatile uint8_t data[512], status;
	_Alignas(4096) uint8_t close[256];
} ring;

static volatile uint16_t *avail = ring.avail, *used = ring.used;

/* 2.7: the driver area is aligned to 2 bytes and has 6 and 2 an entry, the device area is aligned to 4. */
static void put_close(uint32_t at)
{
	avail = (volatile uint16_t *)(ring.close + at);
	used = (volatile uint16_t *)(ring.close + ((at + 6 + 2 * QUEUE_SIZE + 3) & ~3U));
}

/* Vectors 0 and 1, which the guest never takes: its interrupts are off. */
static void enable_msix(void)
{
	uint32_t where = config_read(msix + 4), table = in_bar(where & 7, where & ~7U);

	config_write(msix, config_read(msix) | 0x80000000);
	for (uint32_t i = 0; i < 2; i++) {
		put(table + 16 * i, 4, 0xfee00000);
		put(table + 16 * i + 4, 4, 0);
		put(table + 16 * i + 8, 4, 0x40 + i);
		put(table + 16 * i + 12, 4, 0);
	}
}

static void negotiate(void)
{
	uint8_t status = 0;

	put(common + 20, 1, 0);
	while (get(common + 20, 1))
		;
	put(common + 20, 1, status |= 1);
	put(common + 20, 1, status |= 2);
	for (uint32_t i = 0; i < 2; i++) {
		put(common, 4, i);
		if (i && !(get(common + 4, 4) & 1))
			end("no VERSION_1");
		else if (!i)
			get(common + 4, 4);
		put(common + 8, 4, i);
		put(common + 12, 4, i); /* VERSION_1 and nothing else */
	}
	put(common + 20, 1, status |= 8);
	if (get(common + 20, 1) != status)
		end("no FEATURES_OK");
}

static void set_vector(uint32_t at, uint32_t vector)
{
	put(at, 2, vector);
	if (get(at, 2) != vector)
		end("no vector");
}

/* The address that notifies the queue. */
static uint32_t set_queue_up(int with_msix)
{
	uint32_t off;

	if (with_msix)
		set_vector(common + 16, 0);
	put(common + 22, 2, 0);
	if (get(common + 24, 2) < QUEUE_SIZE)
		end("a small queue");
	put(common + 24, 2, QUEUE_SIZE);
	if (with_msix)
		set_vector(common + 26, 1);
	put64(common + 32, ring.desc);
	put64(common + 40, avail);
	put64(common + 48, used);
	off = get(common + 30, 2);
	put(common + 28, 2, 1);
	put(common + 20, 1, 1 | 2 | 4 | 8);
	return notify + off * multiplier;
}

static void read_sector(uint32_t sector, uint32_t kick)
{
	uint16_t next = (uint16_t)(avail[1] + 1);

	ring.header[0] = ring.header[1] = ring.header[3] = 0;
	ring.header[2] = sector;
	ring.status = 0xff;
	ring.desc[0] = (struct desc){ (uint32_t)ring.header, 16, 1, 1 };
	ring.desc[1] = (struct desc){ (uint32_t)ring.data, 512, 3, 2 };
	ring.desc[2] = (struct desc){ (uint32_t)&ring.status, 1, 2, 0 };
	avail[2 + (next - 1) % QUEUE_SIZE] = 0;
	__asm__ volatile("" ::: "memory");
	avail[1] = next;
	__asm__ volatile("mfence" ::: "memory");
	put(kick, 2, 0);
	while (used[1] != next)
		__asm__ volatile("pause");
	if (ring.status)
		end("a read failed");
}

/* --- the beginning ---------------------------------------------------------------------------- */

void start(const uint32_t *info)
{
	const char *line = info[0] & 4 ? (const char *)info[4] : "";
	uint32_t reads = find(line, "reads=") ? number(find(line, "reads=")) : 1, kick;
	int intx = find(line, "intx") != 0, loop = find(line, "loop") != 0;

	if (find(line, "close="))
		put_close(number(find(line, "close=")) & 62);
	if (!find_disk())
		end("no disk");
	config_write(4, config_read(4) | 6);
	read_capabilities();
	if (!intx)
		enable_msix();
	negotiate();
	kick = set_queue_up(!intx);
	print("ready\n");
	for (uint32_t i = 0; loop || i < reads; i++) {
		for (uint32_t at = 0; loop && at < 256; at += 4)
			if (at != window + 16) /* its data: that would be an access (4.1.4.9) */
				config_read(at);
		read_sector(loop ? 0 : i % SECTORS, kick);
		if (intx)
			while (!get(isr, 1))
				;
	}
	print_number(reads);
	end(" reads done");
}
