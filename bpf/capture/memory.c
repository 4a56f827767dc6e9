/* SPDX-License-Identifier: MIT */
/*
 * Bounds of guest memory.  The BPF programs learn one pair of guest and host addresses at a
 * time. The difference of the two is valid for the whole mapping that contains the host
 * address.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "bpf/capture/memory.h"
#include "bpf/prog/qemu.skel.h"

#define GIB (1ULL << 30)

/*
 * A PC's RAM starts at guest address 0; what does not fit below the PCI hole continues at
 * 4 GiB, in the same mapping and at another distance from it.  On other machines RAM starts
 * elsewhere (virt: 1 or 2 GiB) and has no hole.  An address on each side of 4 GiB at the same
 * distance is proof that there is no hole between them.
 */
void memory_widen(struct vqp_region *g, uint64_t start, uint64_t end, uint64_t low_end)
{
	uint64_t lo = start - g->delta, hi = end - g->delta;

	if (g->lo >= 4 * GIB) {
		g->lo = lo > 4 * GIB && lo <= g->lo ? lo : 4 * GIB;
		g->hi = hi;
	} else if (lo || g->hi > 4 * GIB) {
		g->lo = lo;
		g->hi = hi;
	} else {
		/* q35 puts the hole at 2 GiB if there is more memory than fits below it */
		uint64_t known = low_end ? low_end : g->hi > 2 * GIB ? g->hi : 2 * GIB;

		g->lo = 0;
		g->hi = hi < known ? hi : known;
	}
}

static bool widen(struct foreign *f, struct vqp_region *g, uint64_t low_end)
{
	struct vqp_region old = *g;
	uint64_t start, end;

	if (!process_mapping(f, g->lo + g->delta, &start, &end) &&
	    !process_mapping(f, g->hi - 1 + g->delta, &start, &end))
		return false;
	memory_widen(g, start, end, low_end);
	return memcmp(&old, g, sizeof(old)) != 0;
}

bool memory_update(struct target *t)
{
	int fd = bpf_map__fd(t->c->skel->maps.memories);
	uint32_t key = (uint32_t)t->p.pid;
	uint64_t low_end = 0, start, end;
	struct vqp_memory m, before, now;
	bool changed = false;

	if (bpf_map_lookup_elem(fd, &key, &m) || m.learning)
		return false;
	before = m;
	for (size_t i = 0; i < VQP_REGIONS; i++)
		if (m.region[i].lo >= 4 * GIB &&
		    process_mapping(&t->foreign, m.region[i].hi - 1 + m.region[i].delta, &start,
				    &end) &&
		    4 * GIB + m.region[i].delta > start)
			low_end = 4 * GIB + m.region[i].delta - start;
	for (size_t i = 0; i < VQP_REGIONS; i++) {
		struct vqp_region *g = &m.region[i];

		if (!g->hi || t->region_done[i] == g->hi)
			continue;
		changed |= widen(&t->foreign, g, low_end);
	}
	/*
	 * Do not overwrite what the BPF programs have learned in the meantime: try again next time.
	 */
	if (changed && (bpf_map_lookup_elem(fd, &key, &now) || memcmp(&now, &before, sizeof(now)) ||
			bpf_map_update_elem(fd, &key, &m, BPF_EXIST)))
		return false;
	for (size_t i = 0; i < VQP_REGIONS; i++)
		t->region_done[i] = m.region[i].hi;
	return true;
}
