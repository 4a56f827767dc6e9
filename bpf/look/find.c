/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/look/find.h"
#include "bpf/qom/qom.h"

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static bool visit(void *ctx, const struct process_memory *memory, uint64_t obj, uint64_t parent,
		  const char *name)
{
	struct look_search *s = ctx;
	const struct machine *m = s->m;
	uint64_t proxy;
	char type[64];

	qom_typename(memory, obj, type, sizeof(type));
	if (!strcmp(type, "vfio-user-pci") && s->remote)
		s->remote(s->ctx, name, type);
	if (!begins(type, "virtio-") && !begins(type, "vhost-"))
		return true;
	proxy = identity_slot(memory, &m->q->layout, obj);
	if (!proxy && !strcmp(name, "virtio-backend"))
		proxy = parent;
	if (!proxy)
		return true;
	if (s->n < LOOK_DEVICES) {
		struct look_found *f = &s->found[s->n];

		*f = (struct look_found){ .who = { .vdev = obj, .proxy = proxy },
					  .r = { .bdf = ~0U } };
		identity_read(&f->who, &f->r, memory, &m->q->layout, true);
		s->n += f->r.queues > 0;
	}
	return false;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct look_found *)a)->who.path,
		      ((const struct look_found *)b)->who.path);
}

int look_find(struct machine *m, struct look_search *s)
{
	uint8_t byte;
	int n;

	s->m = m;
	s->n = 0;
	foreign_begin(&m->foreign);
	n = qom_walk(&m->mem, m->q->root + m->bias, visit, s);
	/* a process that ends has no memory any more: then devices are missing that were there */
	if (process_mem(&m->mem, m->q->root + m->bias, &byte, 1) == -ESRCH)
		n = -ESRCH;
	s->endless = n == -ETIMEDOUT || n == -E2BIG;
	/* Hash table order has no meaning: number the devices in the order of their paths. */
	qsort(s->found, s->n, sizeof(s->found[0]), by_path);
	return n < 0 && !s->endless ? n : 0;
}
