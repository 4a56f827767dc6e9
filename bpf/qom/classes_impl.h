/* SPDX-License-Identifier: MIT */
/* Internal to classes.c and classes_layout.c: where in a class its callbacks are. */
#ifndef VQT_BPF_QOM_CLASSES_IMPL_H
#define VQT_BPF_QOM_CLASSES_IMPL_H

#include "bpf/qom/classes.h"

/* The structures that declare callbacks, by the type that has each. */
enum class_kind {
	CLASS_KIND_DEVICE,
	CLASS_KIND_PCI,
	CLASS_KIND_VIRTIO_PCI,
	CLASS_KIND_VIRTIO,
	CLASS_KIND_BUS,
	CLASS_KIND_RESETTABLE, /* an interface */
	CLASS_KINDS
};

#define CLASS_RULES 64 /* there is room for so many */

struct class_layout {
	uint32_t offset[CLASS_SLOTS]; /* CLASS_UNKNOWN */
	/* bytes of the class that the structure itself declares; to 0: not known yet */
	struct {
		uint64_t from, to;
	} own[CLASS_KINDS];
	uint64_t tried; /* bit n: rule n was applied with all that it needs */
};

/* Where one slot is to be seen; classes_layout.c has them. */
struct class_rule {
	enum class_slot slot;
	/* a function that calls through it: an exported one, or the callback `via` of type's class */
	const char *symbol, *type;
	enum class_slot via;
	bool argument; /* the slot is a word of its first argument: not called through */
	bool callees; /* the functions that it calls are looked at, too */
	/* slots between which it is declared; CLASS_SLOTS: that is not needed */
	enum class_slot after, before;
	bool last; /* of those that are possible then */
	/* its second argument is a word of the object, or an address in it */
	bool loaded, inside;
};

void class_layout_init(struct class_layout *l, const struct qemu *q);
/* The classes of a type have `size` bytes, its parent's `above`. */
void class_layout_bounds(struct class_layout *l, const char *type, uint64_t above, uint64_t size);
/* All rules, in an order in which each finds what it needs; NULL begins, NULL ends. */
const struct class_rule *class_rule_next(const struct class_rule *r);
unsigned class_rule_number(const struct class_rule *r); /* < CLASS_RULES */
/* Apply a rule; address: of the function, if the rule names no symbol; 0: not known. */
void class_layout_apply(struct class_layout *l, const struct qemu *q, const struct class_rule *r,
			uint64_t address);
/* The type whose class structure declares the slot: "virtio-device". */
const char *class_slot_type(enum class_slot slot);
bool class_slot_of_interface(enum class_slot slot);
/* Whether an older QEMU does not have it: then it is not missed. */
bool class_slot_newer(enum class_slot slot);

#endif
