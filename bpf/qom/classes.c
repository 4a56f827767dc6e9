/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/qom/classes.h"
#include "bpf/qom/classes_impl.h"
#include "bpf/qom/qom.h"

#define CLASS_BYTES 8192 /* of a class that are looked at; those of virtio have 512 */
#define ROLES 1024

/* struct TypeImpl begins with: name, class_size, instance_size. */
#define TYPE_WORDS 32

/* A type of the process. */
struct live_type {
	uint64_t class;
	uint64_t class_size, instance_size;
	uint64_t resettable; /* its class for that interface; 0: none */
	char name[64];
};

struct chain {
	struct live_type type[CLASS_TYPES];
	unsigned n;
};

struct role {
	uint64_t address;
	char name[128];
};

struct classes {
	const struct qemu *q;
	uint64_t bias;
	struct class_layout layout;
	uint64_t seen[CLASS_RULES]; /* the class of each rule's type; QEMU frees none */
	struct role role[ROLES];
	size_t nroles;
};

int classes_open(struct classes **out, const struct qemu *q, uint64_t bias)
{
	struct classes *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->q = q;
	c->bias = bias;
	class_layout_init(&c->layout, q);
	*out = c;
	return 0;
}

void classes_close(struct classes *c)
{
	free(c);
}

uint64_t classes_bias(const struct classes *c)
{
	return c->bias;
}

/* --- types in memory ---------------------------------------------------------------- */

/*
 * Where a TypeImpl says what its parent is: it declares the parent's name, the parent and the
 * class one after the other, and the class is known.  Index of the class; 0: not found.
 */
static unsigned find_class(const struct process_memory *m, const uint64_t *w, unsigned n,
			   uint64_t class)
{
	for (unsigned i = 5; i < n; i++) {
		char said[64], is[64];

		if (w[i] != class)
			continue;
		if (!w[i - 1] && !w[i - 2])
			return i;
		process_string(m, w[i - 2], said, sizeof(said));
		process_string(m, process_pointer(m, w[i - 1]), is, sizeof(is));
		if (*said && !strcmp(said, is))
			return i;
	}
	return 0;
}

static bool printable(const char *s)
{
	for (const char *c = s; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	return *s;
}

/* Read a type whose class is known; *parent becomes the class of its parent, 0: it has none. */
static bool read_type(const struct process_memory *m, uint64_t class, struct live_type *t,
		      uint64_t *parent)
{
	uint64_t type = process_pointer(m, class), w[TYPE_WORDS], pw[TYPE_WORDS];
	unsigned at;

	*parent = 0;
	if (!type || !process_mem_all(m, type, w, sizeof(w)))
		return false;
	process_string(m, w[0], t->name, sizeof(t->name));
	t->class = class;
	t->class_size = w[1];
	t->instance_size = w[2];
	at = find_class(m, w, TYPE_WORDS, class);
	if (!at || !printable(t->name) || t->class_size < 8 || t->class_size > 1 << 20 ||
	    t->instance_size > 1 << 30)
		return false;
	if (!w[at - 1])
		return true;
	if (!process_mem_all(m, w[at - 1], pw, sizeof(pw)))
		return false;
	*parent = pw[at];
	return *parent != 0;
}

#define INTERFACES 32
#define CLASS_INTERFACES 8 /* struct ObjectClass: type, interfaces, ... */

/*
 * The class that a type's class has for an interface; 0: none.  They are a GSList, and QEMU makes a
 * type of its own for each, "virtio-blk-pci::resettable".
 */
static uint64_t find_interface(const struct process_memory *m, const struct live_type *t,
			       const char *name)
{
	uint64_t node = process_pointer(m, t->class + CLASS_INTERFACES), pair[2];
	char want[128], is[128];

	snprintf(want, sizeof(want), "%s::%s", t->name, name);
	for (unsigned n = 0; node && n < INTERFACES; n++, node = pair[1]) {
		if (!process_mem_all(m, node, pair, sizeof(pair)))
			return 0;
		process_string(m, process_pointer(m, process_pointer(m, pair[0])), is, sizeof(is));
		if (!strcmp(is, want))
			return pair[0];
	}
	return 0;
}

static int read_chain(const struct process_memory *m, uint64_t object, struct chain *out)
{
	uint64_t class = process_pointer(m, object);

	out->n = 0;
	while (class) {
		struct live_type *t = &out->type[out->n];

		if (out->n == CLASS_TYPES || !read_type(m, class, t, &class))
			return -EFAULT;
		t->resettable = find_interface(m, t, "resettable");
		out->n++;
	}
	return out->n ? 0 : -EFAULT;
}

static const struct live_type *in_chain(const struct chain *ch, const char *name)
{
	for (unsigned i = 0; i < ch->n; i++)
		if (!strcmp(ch->type[i].name, name))
			return &ch->type[i];
	return NULL;
}

/* --- names -------------------------------------------------------------------------- */

const char *classes_role(const struct classes *c, uint64_t address)
{
	for (size_t i = 0; i < c->nroles; i++)
		if (c->role[i].address == address)
			return c->role[i].name;
	return NULL;
}

static void add_role(struct classes *c, uint64_t address, enum class_slot slot, const char *type)
{
	if (c->nroles == ROLES || classes_role(c, address))
		return;
	c->role[c->nroles].address = address;
	snprintf(c->role[c->nroles].name, sizeof(c->role[0].name), "%s of %.64s",
		 class_slot_name(slot), type);
	c->nroles++;
}

char *classes_name(const struct classes *c, uint64_t address, char *buf, size_t size,
		   enum vqt_callback_naming *how)
{
	const char *name = elf_name(c->q->elf, address - c->bias);

	*how = VQT_NAMED_SYMBOL;
	if (!name) {
		name = classes_role(c, address);
		*how = VQT_NAMED_ROLE;
	}
	if (name) {
		snprintf(buf, size, "%s", name);
		return buf;
	}
	*how = VQT_NAMED_ADDRESS;
	snprintf(buf, size, "fn_%" PRIx64, address - c->bias);
	return buf;
}

/* --- slots -------------------------------------------------------------------------- */

/* Whether the class of type i of the chain, or of a parent, declares the slot. */
static bool declares(const struct chain *ch, unsigned i, enum class_slot slot)
{
	if (class_slot_of_interface(slot))
		return ch->type[i].resettable;
	for (; i < ch->n; i++)
		if (!strcmp(ch->type[i].name, class_slot_type(slot)))
			return true;
	return false;
}

/* Where a slot of a type is in the process; 0: the class has no such place, or it is not known. */
static uint64_t place(const struct classes *c, const struct live_type *t, enum class_slot slot)
{
	uint32_t offset = c->layout.offset[slot];

	if (offset == CLASS_UNKNOWN)
		return 0;
	if (class_slot_of_interface(slot))
		return t->resettable ? t->resettable + offset : 0;
	return offset + 8ULL <= t->class_size ? t->class + offset : 0;
}

/* Name the functions of a chain by the type nearest to "object" that has them. */
static void name_roles(struct classes *c, const struct process_memory *m, const struct chain *ch)
{
	for (unsigned i = ch->n; i--;)
		for (unsigned s = 0; s < CLASS_SLOTS; s++) {
			uint64_t at = declares(ch, i, s) ? place(c, &ch->type[i], s) : 0;
			uint64_t f = at ? process_pointer(m, at) : 0;

			if (f)
				add_role(c, f, s, ch->type[i].name);
		}
}

static void read_slot(const struct classes *c, const struct process_memory *m,
		      const struct chain *ch, enum class_slot slot, struct class_function *out)
{
	uint64_t at = place(c, &ch->type[0], slot);

	*out = (struct class_function){ .slot = slot, .offset = CLASS_UNKNOWN };
	if (!at || !process_mem_all(m, at, &out->address, 8))
		return;
	out->offset = c->layout.offset[slot];
	if (out->address)
		classes_name(c, out->address, out->name, sizeof(out->name), &out->naming);
}

/* The function in a slot of the class of the rule's type; 0: not known yet. */
static uint64_t function_of(const struct classes *c, const struct process_memory *m,
			    const struct class_rule *r)
{
	uint32_t offset = c->layout.offset[r->via];
	uint64_t class = c->seen[class_rule_number(r)], address;

	address = class && offset != CLASS_UNKNOWN ? process_pointer(m, class + offset) : 0;
	return address ? address - c->bias : 0;
}

/* Learn where slots are, from functions that the classes seen so far have in known slots. */
static void learn(struct classes *c, const struct process_memory *m, const struct chain *ch)
{
	for (unsigned i = 0; i < ch->n; i++)
		class_layout_bounds(&c->layout, ch->type[i].name,
				    i + 1 < ch->n ? ch->type[i + 1].class_size : 0,
				    ch->type[i].class_size);
	for (const struct class_rule *r = NULL; (r = class_rule_next(r));) {
		const struct live_type *t = r->type ? in_chain(ch, r->type) : NULL;

		if (t)
			c->seen[class_rule_number(r)] = t->class;
		class_layout_apply(&c->layout, c->q, r, r->type ? function_of(c, m, r) : 0);
	}
}

int classes_read(struct classes *c, const struct process_memory *m, uint64_t object,
		 struct class_view *out)
{
	struct chain *ch = calloc(1, sizeof(*ch));
	int err = ch ? read_chain(m, object, ch) : -ENOMEM;

	*out = (struct class_view){ .object = object };
	if (!err) {
		learn(c, m, ch);
		out->class = ch->type[0].class;
		out->class_size = (uint32_t)ch->type[0].class_size;
		out->instance_size = (uint32_t)ch->type[0].instance_size;
		for (; out->ntypes < ch->n; out->ntypes++)
			memcpy(out->type[out->ntypes], ch->type[out->ntypes].name,
			       sizeof(out->type[0]));
		name_roles(c, m, ch);
		for (unsigned s = 0; s < CLASS_SLOTS; s++)
			if (declares(ch, 0, s) &&
			    (c->layout.offset[s] != CLASS_UNKNOWN || !class_slot_newer(s)))
				read_slot(c, m, ch, s, &out->function[out->nfunctions++]);
	}
	free(ch);
	return err;
}
