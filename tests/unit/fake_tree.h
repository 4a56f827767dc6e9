/* SPDX-License-Identifier: MIT */
/* A tree of QOM objects, with properties in hash tables as glib has them. */
#ifndef VQT_TESTS_UNIT_FAKE_TREE_H
#define VQT_TESTS_UNIT_FAKE_TREE_H

#include "tests/unit/fake_qemu.h"

#define FAKE_SLOTS 8

/* struct _GHashTable: size, mod, mask, nnodes, noccupied, flags, keys, hashes, values */
struct fake_table {
	uint64_t size;
	uint32_t mod, mask, nnodes, noccupied;
	uint64_t flags, keys, hashes, values;
};

static inline uint64_t fake_get64(const struct fake_memory *f, uint64_t addr)
{
	uint64_t v;

	memcpy(&v, f->bytes + (addr - FAKE_BASE), sizeof(v));
	return v;
}

/* The table of an object's properties. */
static inline uint64_t fake_table_of(const struct fake_memory *f, uint64_t obj)
{
	return fake_get64(f, obj + FAKE_PROPERTIES);
}

/* Add child to obj under that name. */
static inline void fake_child(struct fake_memory *f, uint64_t obj, const char *name, uint64_t child)
{
	uint64_t table = fake_table_of(f, obj), property = fake_new(f, 80);
	uint64_t key = fake_string(f, name);
	struct fake_table t;

	if (!table) {
		table = fake_new(f, sizeof(t));
		fake_put64(f, obj + FAKE_PROPERTIES, table);
		t = (struct fake_table){ .size = FAKE_SLOTS,
					 .mask = FAKE_SLOTS - 1,
					 .keys = fake_new(f, 8 * FAKE_SLOTS),
					 .hashes = fake_new(f, 4 * FAKE_SLOTS),
					 .values = fake_new(f, 8 * FAKE_SLOTS) };
	} else {
		memcpy(&t, f->bytes + (table - FAKE_BASE), sizeof(t));
	}
	fake_put32(f, t.hashes + 4 * t.nnodes, 1000 + t.nnodes);
	fake_put64(f, t.keys + 8 * t.nnodes, key);
	fake_put64(f, t.values + 8 * t.nnodes, property);
	t.nnodes++;
	fake_put(f, table, &t, sizeof(t));
	fake_put64(f, property, key);
	fake_put64(f, property + 8, fake_string(f, "child<object>"));
	fake_put64(f, property + 64, child);
	fake_put64(f, child + FAKE_PARENT, obj);
}

/* A machine with one disk: the variable that points at the root object. */
static inline uint64_t fake_tree(struct fake_memory *f, uint64_t *machine, uint64_t *disk)
{
	uint64_t root = fake_new(f, 8), top;

	top = fake_object(f, "container", 64);
	*machine = fake_object(f, "pc", 64);
	*disk = fake_object(f, "virtio-blk-pci", 1024);
	fake_put64(f, root, top);
	fake_child(f, top, "machine", *machine);
	fake_child(f, *machine, "disk0", *disk);
	fake_child(f, *disk, "virtio-backend", fake_object(f, "virtio-blk-device", 512));
	return root;
}

#endif
