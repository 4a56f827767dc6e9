/* SPDX-License-Identifier: MIT */
/*
 * A vfio-user client with one queue that reads its disk: vfio_client SOCKET COUNT.  Exit status 0
 * when each of COUNT reads (a multiple of 64) was completed, however long they took.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "vfio_user.h"

#define RAM (1u << 20)
#define BATCH 64 /* requests a kick */

static void set_chains(uint8_t *mem)
{
	struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_IN };

	memcpy(mem + DATA, &h, sizeof(h));
	for (uint16_t i = 0; i < BATCH; i++) {
		uint16_t d = (uint16_t)(3 * i);
		struct chain_desc desc[] = { { DATA, 16, 1, (uint16_t)(d + 1) },
					     { DATA + 4096, 4096, 3, (uint16_t)(d + 2) },
					     { DATA + 16, 1, 2, 0 } };

		memcpy(mem + DESC + 16 * d, desc, sizeof(desc));
		for (unsigned slot = i; slot < ENTRIES; slot += BATCH)
			memcpy(mem + AVAIL + 4 + 2 * slot, &d, sizeof(d));
	}
}

int main(int argc, char **argv)
{
	int ram = memfd_create("ram", 0);
	volatile uint16_t *used;
	uint8_t *mem;

	if (argc < 3 || ftruncate(ram, RAM))
		return 2;
	mem = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, ram, 0);
	if (mem == MAP_FAILED)
		fail("mmap");
	set_chains(mem);
	set_up(argv[1], ram, RAM, 0);
	used = (volatile uint16_t *)(mem + USED + 2);
	for (unsigned i = BATCH; i <= (unsigned)atoi(argv[2]); i += BATCH) {
		uint16_t idx = (uint16_t)i;

		memcpy(mem + AVAIL + 2, &idx, sizeof(idx));
		reg(4, 0x3000, 0, 2);
		while (*used != idx)
			usleep(20);
	}
	return 0;
}
