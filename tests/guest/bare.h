/* SPDX-License-Identifier: MIT */
/*
 * What guests of 32 bits have in common, which run without any system: one file each, that includes
 * this.  They find the first virtio-blk device on bus 0 or 1, print to the serial line, and end QEMU
 * by its device isa-debug-exit.  Multiboot; start() gets multiboot's structure.
 */
#ifndef VQT_TESTS_GUEST_BARE_H
#define VQT_TESTS_GUEST_BARE_H

#include <stdint.h>

#define DEBUG_EXIT 0x501
#define SERIAL 0x3f8

#define MULTIBOOT_MAGIC 0x1badb002
__attribute__((section(".multiboot"), used)) static const uint32_t multiboot[] = {
	MULTIBOOT_MAGIC, 0, -(uint32_t)MULTIBOOT_MAGIC
};

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static uint32_t bus, slot; /* of the device */

/* --- the machine ---------------------------------------------------------------------------- */

static void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}

static uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void print(const char *s)
{
	while (*s)
		outb(SERIAL, (uint8_t)*s++);
}

static void print_number(uint32_t v)
{
	if (v >= 10)
		print_number(v / 10);
	outb(SERIAL, (uint8_t)('0' + v % 10));
}

static void end(const char *why)
{
	print(why);
	print("\n");
	outb(DEBUG_EXIT, 0);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* --- PCI ------------------------------------------------------------------------------------- */

static uint32_t config_read(uint32_t at)
{
	outl(0xcf8, 0x80000000 | bus << 16 | slot << 11 | (at & ~3U));
	return inl(0xcfc);
}

static void config_write(uint32_t at, uint32_t v)
{
	outl(0xcf8, 0x80000000 | bus << 16 | slot << 11 | (at & ~3U));
	outl(0xcfc, v);
}

static uint8_t config_byte(uint32_t at)
{
	return (uint8_t)(config_read(at) >> 8 * (at & 3));
}

static int is_disk(uint32_t id)
{
	return id == 0x10421af4 || id == 0x10011af4;
}

static int find_disk(void)
{
	for (bus = 0; bus < 2; bus++)
		for (slot = 0; slot < 32; slot++)
			if (is_disk(config_read(0)))
				return 1;
	return 0;
}

/* For the BARs of a machine without firmware. */
static uint32_t next_bar = 0xe0000000;

/* All ones are written, the size is what stays zero; then the address. */
static void place_bar(uint32_t at)
{
	uint32_t size;

	config_write(at, ~0U);
	size = ~(config_read(at) & ~15U) + 1;
	next_bar = (next_bar + size - 1) & ~(size - 1);
	config_write(at, next_bar);
	if ((config_read(at) & 6) == 4)
		config_write(at + 4, 0);
	next_bar += size;
}

/* Where an offset in a BAR is; SeaBIOS has placed it below 4 GiB. */
static uint32_t in_bar(uint32_t bar, uint32_t offset)
{
	uint32_t low;

	if (!(config_read(0x10 + 4 * bar) & ~15U))
		place_bar(0x10 + 4 * bar);
	low = config_read(0x10 + 4 * bar);
	if ((low & 6) == 4 && config_read(0x14 + 4 * bar))
		end("a BAR above 4 GiB");
	return (low & ~15U) + offset;
}

static uint32_t common, notify, isr, multiplier, msix, window;

static void read_capabilities(void)
{
	for (uint32_t at = config_byte(0x34); at; at = config_byte(at + 1)) {
		uint8_t id = config_byte(at), type = config_byte(at + 3);

		if (id == 0x11)
			msix = at;
		if (id == 9 && type == 5)
			window = at;
		if (id != 9 || type > 3)
			continue;
		uint32_t addr = in_bar(config_byte(at + 4), config_read(at + 8));

		if (config_read(at + 12) < 1)
			continue;
		if (type == 1)
			common = addr;
		if (type == 2) {
			notify = addr;
			multiplier = config_read(at + 16);
		}
		if (type == 3)
			isr = addr;
	}
	if (!common || !notify || !isr || !msix)
		end("a capability is missing");
}

/* --- virtio ----------------------------------------------------------------------------------- */

static uint32_t get(uint32_t at, unsigned width)
{
	if (width == 1)
		return *(volatile uint8_t *)at;
	return width == 2 ? *(volatile uint16_t *)at : *(volatile uint32_t *)at;
}

static void put(uint32_t at, unsigned width, uint32_t v)
{
	if (width == 1)
		*(volatile uint8_t *)at = (uint8_t)v;
	else if (width == 2)
		*(volatile uint16_t *)at = (uint16_t)v;
	else
		*(volatile uint32_t *)at = v;
}

static void put64(uint32_t at, volatile void *p)
{
	put(at, 4, (uint32_t)p);
	put(at + 4, 4, 0);
}

/* --- the command line ------------------------------------------------------------------------- */

/* What follows a word in the command line; NULL: it is not there. */
static const char *find(const char *line, const char *word)
{
	for (; *line; line++) {
		const char *a = line, *b = word;

		while (*b && *a == *b)
			a++, b++;
		if (!*b)
			return a;
	}
	return 0;
}

static uint32_t number(const char *s)
{
	uint32_t v = 0;

	for (; s && *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint32_t)(*s - '0');
	return v;
}

void start(const uint32_t *info);

__asm__(".text\n.globl _start\n_start:\n\tcli\n\tmov $stack + 16384, %esp\n\tpush %ebx\n\tcall start\n"
	".bss\n.align 16\nstack: .skip 16384\n.text\n");

#endif
