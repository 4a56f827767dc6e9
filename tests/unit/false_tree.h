/* SPDX-License-Identifier: MIT */
/*
 * A false tree of QEMU's objects, in memory: tables of 65536 children at each level.  For a test
 * of the reader, and preloaded into a real QEMU.
 */
#ifndef VQT_TESTS_UNIT_FALSE_TREE_H
#define VQT_TESTS_UNIT_FALSE_TREE_H

#include <stdint.h>
#include <stdlib.h>

#define SLOTS 65536

/* struct _GHashTable, struct ObjectProperty and struct Object, as far as they are read */
struct table {
	uint64_t size;
	uint32_t mod, mask, nnodes, noccupied;
	uint64_t flags, keys, hashes, values;
};
struct property {
	uint64_t name, type, rest[6], opaque;
};
struct object {
	uint64_t class, free, properties, ref, parent;
};

/* Give an object a table of which each slot holds the same child.  Nothing is freed. */
static void fill(struct object *o, struct object *child, const char *name)
{
	struct property *p = calloc(1, sizeof(*p));
	struct table *t = calloc(1, sizeof(*t));
	uint64_t *keys = calloc(SLOTS, 8), *values = calloc(SLOTS, 8);
	uint32_t *hashes = calloc(SLOTS, 4);

	p->name = (uintptr_t)name;
	p->type = (uintptr_t) "child<x>";
	p->opaque = (uintptr_t)child;
	child->parent = (uintptr_t)o;
	for (unsigned i = 0; i < SLOTS; i++) {
		keys[i] = p->name;
		values[i] = (uintptr_t)p;
		hashes[i] = 2;
	}
	*t = (struct table){ .size = SLOTS, .mask = SLOTS - 1, .nnodes = SLOTS };
	t->keys = (uintptr_t)keys;
	t->hashes = (uintptr_t)hashes;
	t->values = (uintptr_t)values;
	o->properties = (uintptr_t)t;
}

#endif
