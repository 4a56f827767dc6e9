/* SPDX-License-Identifier: MIT */
/*
 * The QOM types of a QEMU binary, from the TypeInfo records in its file: names, parents, sizes
 * and the functions that make classes and objects, known before the program runs.  A record
 * counts only if each of its words is what that field can hold, and which fields a record has
 * is decided by all records together.
 */
#ifndef VQT_BPF_QOM_TYPES_H
#define VQT_BPF_QOM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/code/elf.h"

/*
 * A type.  Addresses are link addresses in the object, as elf_symbol() gives them; 0: it has
 * none.  Sizes are in bytes; 0: those of the parent.  Strings are the object's and valid until
 * elf_close().
 */
struct qemu_type {
	const char *name, *parent; /* parent NULL: none */
	uint64_t info; /* the address of the record */
	uint64_t instance_init, instance_post_init, instance_finalize;
	uint64_t class_init, class_base_init;
	uint64_t instance_size, class_size;
	bool abstract;
	/*
	 * From a VirtioPCIDeviceTypeInfo, of which QEMU makes up to four types when it starts:
	 * class_init is the base type's, whose parent is `parent`; the others are its children.
	 * Here name is the generic name, or else the base type's.
	 */
	bool pci;
	const char *base; /* NULL: QEMU makes a name of its own of the generic one */
	const char *transitional, *non_transitional; /* NULL: there is no such type */
};

struct types;

#define TYPES_MAX 512

/*
 * Find the types of virtio and vhost devices and buses, and all their parents: at most
 * TYPES_MAX.  The object must outlive *out.  0, also when there are none (types_count());
 * -ENOMEM.  An object that is read within limits may end early: then types are missing, and
 * the `err` of its struct foreign says so.
 */
int types_find(struct types **out, const struct elf *e);
void types_free(struct types *t); /* NULL is allowed */

size_t types_count(const struct types *t);
const struct qemu_type *types_at(const struct types *t, size_t i); /* i < types_count() */
/* By any of its names; NULL unknown. */
const struct qemu_type *types_by_name(const struct types *t, const char *name);
/* The name of the parent of a type, also of the types of a VirtioPCIDeviceTypeInfo; or NULL. */
const char *types_parent(const struct types *t, const char *name);

/*
 * The functions whose addresses a class_init function stores or hands on: each once, in the
 * order of the code, at most max; the number of them.  Among them are a device's callbacks
 * (realize, reset, get_features, set_status, ...), which have no names in a stripped QEMU.
 */
size_t types_candidates(const struct elf *e, uint64_t class_init, uint64_t *out, size_t max);

#endif
