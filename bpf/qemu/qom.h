/* SPDX-License-Identifier: MIT */
/*
 * QEMU's tree of objects, read from the memory of a running process: it lists all devices,
 * used or not.  An entry counts only if it confirms itself: the key of a property in the
 * table is the property's own name, and the parent pointer of a child leads back.
 */
#ifndef VQT_BPF_QEMU_QOM_H
#define VQT_BPF_QEMU_QOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/qemu/process.h"

/* struct Object {class, free, properties, ref, parent}: the same since 2.x. */
#define QOM_PROPERTIES 16
#define QOM_PARENT 32

/* Name of an object's type; "" when that is no object. */
const char *qom_typename(const struct process_memory *m, uint64_t obj, char *buf, size_t size);

/* Called for each object below the root; false: do not go below this one. */
typedef bool qom_visit(void *ctx, uint64_t obj, uint64_t parent, const char *name);

/*
 * Visit the tree under the object that *root points at.  The number of objects
 * visited, or -ENOENT when there is no tree there, -E2BIG when it does not end.
 */
int qom_walk(const struct process_memory *m, uint64_t root, qom_visit *visit, void *ctx);

#endif
