/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/process/cache.h"
#include "bpf/process/memory.h"
#include "bpf/qom/qom.h"

#define DEPTH 12
#define OBJECTS 65536
#define TABLE 65536 /* slots of one object's table of properties */
#define SLOTS (4U << 20) /* of all tables together */

/* struct _GHashTable of glib 2.38 and later, as far as it is needed. */
struct hash_table {
	uint64_t size;
	int32_t mod;
	uint32_t mask, nnodes, noccupied;
	uint64_t flags;
	uint64_t keys, hashes, values;
};

/* struct ObjectProperty: name, type, description, get, set, resolve, release, init, opaque */
struct property {
	uint64_t name, type, rest[6], opaque;
};

struct walk {
	const struct process_memory *m;
	qom_visit *visit;
	void *ctx;
	int n; /* objects visited */
	size_t slots; /* hash table slots read */
};

const char *qom_typename(const struct process_memory *m, uint64_t obj, char *buf, size_t size)
{
	/* Object -> class -> type -> name */
	uint64_t p = process_pointer(m, obj);

	p = p ? process_pointer(m, p) : 0;
	p = p ? process_pointer(m, p) : 0;
	process_string(m, p, buf, size);
	for (const char *s = buf; *s; s++)
		if (*s <= ' ' || *s > '~')
			buf[0] = 0;
	return buf;
}

static int walk(struct walk *w, uint64_t obj, unsigned depth);

/* Handle one slot of the hash table: visit it and what is below it if it is a child. */
static int follow(struct walk *w, uint64_t obj, uint64_t key, uint64_t value, unsigned depth)
{
	char type[8], name[128];
	struct property p;

	if (!process_mem_all(w->m, value, &p, sizeof(p)) || p.name != key ||
	    !process_mem_all(w->m, p.type, type, 6) || memcmp(type, "child<", 6) ||
	    process_pointer(w->m, p.opaque + QOM_PARENT) != obj)
		return 0;
	if (w->n == OBJECTS)
		return -E2BIG;
	w->n++;
	process_string(w->m, p.name, name, sizeof(name));
	return w->visit(w->ctx, w->m, p.opaque, obj, name) ? walk(w, p.opaque, depth + 1) : 0;
}

/* Visit the children of one object. */
static int walk(struct walk *w, uint64_t obj, unsigned depth)
{
	uint64_t table = process_pointer(w->m, obj + QOM_PROPERTIES), *keys, *values;
	uint32_t *hashes;
	struct hash_table t;
	int err = 0;

	if (depth == DEPTH || !table || !process_mem_all(w->m, table, &t, sizeof(t)) ||
	    t.size > TABLE || t.size < 2 || t.size & (t.size - 1) || t.mask != t.size - 1 ||
	    t.nnodes > t.size)
		return 0;
	w->slots += t.size;
	if (w->slots > SLOTS)
		return -E2BIG;
	/* a GHashTable used as a set has no values: not a table of properties */
	keys = calloc(t.size, sizeof(*keys) * 2 + sizeof(*hashes));
	if (!keys)
		return -ENOMEM;
	values = keys + t.size;
	hashes = (uint32_t *)(values + t.size);
	if (process_mem_all(w->m, t.keys, keys, t.size * 8) &&
	    process_mem_all(w->m, t.values, values, t.size * 8) &&
	    process_mem_all(w->m, t.hashes, hashes, t.size * 4))
		for (size_t i = 0; i < t.size && !err; i++)
			if (hashes[i] > 1) /* 0 unused, 1 deleted */
				err = follow(w, obj, keys[i], values[i], depth);
	free(keys);
	return err;
}

int qom_walk(const struct process_memory *m, uint64_t root, qom_visit *visit, void *ctx)
{
	struct process_memory *cache = process_cache(m);
	struct walk w = { .m = cache ? cache : m, .visit = visit, .ctx = ctx };
	uint64_t obj = root ? process_pointer(w.m, root) : 0;
	char type[32];
	int err = -ENOENT;

	if (obj && !strcmp(qom_typename(w.m, obj, type, sizeof(type)), "container"))
		err = walk(&w, obj, 0);
	process_cache_free(cache);
	if (!err && m->by)
		err = m->by->err;
	return err ? err : w.n;
}
