/* SPDX-License-Identifier: MIT */
#include "bpf/look/vring.h"
#include "bpf/prog/qemu.h"
#include "decoder/trace/record.h"
#include "decoder/util/virtqueue.h"

/* struct VRingMemoryRegionCaches: rcu_head, then desc, avail, used (MemoryRegionCache). */
#define CACHES_FIRST 16
#define CACHE_LEN 16
#define CACHE_STEP_MAX 256

/* sizeof(MemoryRegionCache) differs by version: try until the areas have their lengths (2.7, 2.8). */
static size_t cache_step(const uint8_t *b, size_t n, uint64_t num, bool packed)
{
	for (size_t step = 64; step <= CACHE_STEP_MAX; step += 8) {
		size_t at = CACHES_FIRST + CACHE_LEN;
		uint64_t avail, used;

		if (at + 2 * step + 8 > n)
			return 0;
		avail = get_le64(b + at + step);
		used = get_le64(b + at + 2 * step);
		if (vqp_is_area(avail, virtq_driver_len((uint32_t)num, packed), packed) &&
		    vqp_is_area(used, virtq_device_len((uint32_t)num, packed), packed))
			return step;
	}
	return 0;
}

bool vring_areas(const struct process_memory *m, uint64_t caches, uint64_t num, bool packed,
		 uint64_t area[VRING_AREAS])
{
	uint8_t b[CACHES_FIRST + 3 * CACHE_STEP_MAX];
	ssize_t n = caches ? process_mem(m, caches, b, sizeof(b)) : -1;
	size_t step;

	if (n < CACHES_FIRST + CACHE_LEN + 8 ||
	    get_le64(b + CACHES_FIRST + CACHE_LEN) != virtq_desc_at((uint32_t)num))
		return false;
	step = cache_step(b, (size_t)n, num, packed);
	if (!step)
		return false;
	for (unsigned i = 0; i < VRING_AREAS; i++)
		area[i] = get_le64(b + CACHES_FIRST + i * step);
	return area[VRING_DESC] && area[VRING_DRIVER] && area[VRING_DEVICE];
}
