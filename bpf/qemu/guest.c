/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bpf/qemu/guest.h"

#define GIB (UINT64_C(1) << 30)

/*
 * The mapping around the area, on its side of 4 GiB: a PC has its memory in one mapping, of
 * which a part begins there.
 */
void guest_learn(struct guest_memory *g, uint64_t gpa, uint64_t host, uint64_t len)
{
	uint64_t start, end, lo, hi;

	if (g->n == GUEST_AREAS || gpa + len < gpa || host + len < host)
		return;
	lo = gpa;
	hi = gpa + len;
	if (!g->areas_only && g->m->by && process_mapping(g->m->by, host, &start, &end)) {
		lo = gpa > host - start ? gpa - (host - start) : 0;
		hi = gpa + (end - host);
		if (gpa >= 4 * GIB && lo < 4 * GIB)
			lo = 4 * GIB;
		if (gpa < 4 * GIB && hi > 4 * GIB)
			hi = 4 * GIB;
	}
	g->area[g->n].gpa = gpa;
	g->area[g->n].host = host;
	g->area[g->n].len = len;
	g->area[g->n].lo = lo;
	g->area[g->n++].hi = hi;
}

static bool inside(uint64_t lo, uint64_t hi, uint64_t gpa, size_t len)
{
	return gpa >= lo && gpa < hi && len <= hi - gpa;
}

bool guest_find(const struct guest_memory *g, uint64_t gpa, size_t len, uint64_t *host)
{
	unsigned i = 0;

	if (g->find)
		return g->find(g->map, gpa, len, host);
	/* The areas first: behind an IOMMU their addresses are on their own. */
	while (i < g->n && !inside(g->area[i].gpa, g->area[i].gpa + g->area[i].len, gpa, len))
		i++;
	for (unsigned k = 0; i == g->n && k < g->n; k++)
		if (inside(g->area[k].lo, g->area[k].hi, gpa, len))
			i = k;
	if (i == g->n)
		return false;
	*host = g->area[i].host + (gpa - g->area[i].gpa);
	return true;
}

int guest_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	const struct guest_memory *g = opaque;
	uint64_t host;

	return guest_find(g, gpa, len, &host) && process_mem_all(g->m, host, buf, len) ? 0
										       : -EFAULT;
}
