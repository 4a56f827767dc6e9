/* SPDX-License-Identifier: MIT */
/*
 * The guest memory of the QEMU that is replayed against: a sparse file in memory that
 * both processes map, so that accesses to it need no message.  As on any q35 machine,
 * it ends below the PCI hole and continues at 4 GiB.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emu/replay/qemu/impl.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define CHUNK 65536u
#define LOW_ALL 0xb0000000ull /* q35: all of it below 4 GiB, if it is smaller than this */
#define LOW_SPLIT (2 * GIB) /* else this much */
#define RAM_MAX (256 * GIB) /* of address space; little of it is touched */
#define BIOS_SIZE 65536
#define ROM_SIZE 2048 /* of the smallest ROM a function can have; its BAR may be larger */
#define VGA_FIRST 0xa0000u
#define VGA_LAST 0xbffffu

/* Up to the last address of the recording, and room for the doorbells behind it. */
static uint64_t ram_size(const struct replay_device *d)
{
	uint64_t last = d->mem_first <= d->mem_last ? d->mem_last : 0, size;

	if (last >= 4 * GIB)
		size = last - 4 * GIB + LOW_SPLIT;
	else
		size = last < LOW_ALL ? last : LOW_ALL - 1;
	if (size > RAM_MAX)
		size = LOW_SPLIT; /* the recorded addresses have no memory then */
	size = (size / MIB + 2) * MIB;
	if (size < 16 * MIB)
		size = 16 * MIB;
	/* from there on QEMU splits memory otherwise */
	if (last < 4 * GIB && size >= LOW_ALL)
		size = LOW_ALL - MIB;
	if (last >= 4 * GIB && size < LOW_ALL)
		size = LOW_ALL;
	return size;
}

int qemu_ram_new(struct replay_target *t, const struct replay_target_config *cfg)
{
	t->ram_size = ram_size(cfg->device);
	t->ram_low = t->ram_size < LOW_ALL ? t->ram_size : LOW_SPLIT;
	t->ram_fd = memfd_create("vqtrace-ram", MFD_CLOEXEC);
	if (t->ram_fd < 0 || ftruncate(t->ram_fd, t->ram_size))
		return -errno;
	t->ram = mmap(NULL, t->ram_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		      t->ram_fd, 0);
	if (t->ram == MAP_FAILED) {
		t->ram = NULL;
		return -errno;
	}
	t->touched = calloc(1, t->ram_size / CHUNK / 8 + 1);
	t->chunks_left = cfg->memory / CHUNK;
	t->doorbell = t->ram_size - QEMU_VECTORS * 4;
	if (t->ram_size > t->ram_low)
		t->doorbell += 4 * GIB - t->ram_low;
	return t->touched ? 0 : -ENOMEM;
}

/* A file of that size in memory, zeroes but for these bytes. */
static int image(const char *name, off_t size, const void *code, size_t len, off_t at)
{
	int fd = memfd_create(name, MFD_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, size) || pwrite(fd, code, len, at) != (ssize_t)len)
		rc = errno ? -errno : -EIO;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

int qemu_bios(void)
{
	/* at the reset vector: cli; 1: hlt; jmp 1b */
	static const uint8_t code[] = { 0xfa, 0xf4, 0xeb, 0xfd };

	return image("vqtrace-bios", BIOS_SIZE, code, sizeof(code), BIOS_SIZE - 16);
}

int qemu_rom(void)
{
	static const uint8_t signature[] = { 0x55, 0xaa }; /* PCI Firmware 5.2.1 */

	return image("vqtrace-rom", ROM_SIZE, signature, sizeof(signature), 0);
}

void qemu_ram_free(struct replay_target *t)
{
	if (t->ram)
		munmap(t->ram, t->ram_size);
	if (t->ram_fd >= 0)
		close(t->ram_fd);
	free(t->touched);
	t->ram = t->touched = NULL;
	t->ram_fd = -1;
}

uint8_t *qemu_ram_at(struct replay_target *t, uint64_t gpa, uint64_t len)
{
	uint64_t high = t->ram_size - t->ram_low;

	if (gpa < t->ram_low && len <= t->ram_low - gpa)
		return gpa <= VGA_LAST && gpa + len > VGA_FIRST ? NULL : t->ram + gpa;
	if (gpa >= 4 * GIB && gpa - 4 * GIB < high && len <= high - (gpa - 4 * GIB))
		return t->ram + t->ram_low + (gpa - 4 * GIB);
	return NULL;
}

int qemu_mem_read(struct replay_target *t, uint64_t gpa, void *buf, size_t len)
{
	const uint8_t *p = qemu_ram_at(t, gpa, len);

	if (!p)
		return -EFAULT;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	memcpy(buf, p, len);
	return 0;
}

/* Written pages of the file take memory, also those written by the device: bound them. */
int qemu_mem_touch(struct replay_target *t, uint64_t gpa, uint64_t len)
{
	const uint8_t *p = qemu_ram_at(t, gpa, len);
	uint64_t first, last, new = 0;

	if (!p)
		return len ? -EFAULT : 0;
	if (!len)
		return 0;
	first = (p - t->ram) / CHUNK;
	last = (p - t->ram + len - 1) / CHUNK;
	for (uint64_t c = first; c <= last; c++)
		new += !(t->touched[c / 8] >> c % 8 & 1);
	if (new > t->chunks_left)
		return -EFAULT;
	for (uint64_t c = first; new &&c <= last; c++)
		t->touched[c / 8] |= 1 << c % 8;
	t->chunks_left -= new;
	return 0;
}

int qemu_mem_write(struct replay_target *t, uint64_t gpa, const void *buf, size_t len)
{
	int rc = qemu_mem_touch(t, gpa, len);

	if (rc)
		return rc;
	if (len)
		memcpy(qemu_ram_at(t, gpa, len), buf, len);
	/* QEMU sees this write before later ones, at the latest with the next command */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return 0;
}
