/* SPDX-License-Identifier: MIT */
/*
 * Reads QEMU's object tree, which lists all devices, from the memory of a running process.
 * An entry counts only if it is consistent: the key of a property in the hash table equals
 * the property's own name, and a child's parent pointer points to its parent.
 */
#ifndef VQT_BPF_QOM_QOM_H
#define VQT_BPF_QOM_QOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/process/memory.h"

/* struct Object {class, free, properties, ref, parent}: the same since 2.x. */
#define QOM_PROPERTIES 16
#define QOM_PARENT 32

/* Name of the object's type; "" when obj is not an object. */
const char *qom_typename(const struct process_memory *m, uint64_t obj, char *buf, size_t size);

/*
 * Called for each object below the root.  Return false to skip the objects below this one.  m is the
 * memory as the walk reads it: pages that it has read before are not read again.
 */
typedef bool qom_visit(void *ctx, const struct process_memory *m, uint64_t obj, uint64_t parent,
		       const char *name);

/*
 * Visit the tree under the object that *root points to.  Returns the number of objects
 * visited; -ENOENT when there is no tree; -E2BIG, -ETIMEDOUT when the tree exceeds the limits;
 * -EINTR.
 */
int qom_walk(const struct process_memory *m, uint64_t root, qom_visit *visit, void *ctx);

#endif
