/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/code/insn.h"
#include "bpf/qom/types.h"
#include "bpf/prog/qemu.h"
#include "decoder/trace/record.h"
#include "decoder/util/array.h"

#define NAMES_MAX 65536 /* words of the object that point at a name */
#define NAME_LEN 63
#define CALLS_MAX 256 /* of virtio_pci_types_register */
#define INSTANCE_MAX (1U << 20)
#define CLASS_MAX (1U << 16)
#define ALIGN_MAX 4096

/* A word that points at what can be the name of a type. */
struct named {
	uint64_t at;
	const char *name;
};

struct types {
	const struct elf *elf;
	struct named *named; /* while types are being found */
	size_t nnamed, named_cap;
	unsigned aligned; /* a TypeInfo has instance_align: 1, it has not: 0 */
	struct qemu_type *type;
	size_t n, cap;
};

/* --- what a word can be ------------------------------------------------------------ */

static const char *name_at(const struct elf *e, uint64_t addr)
{
	const char *s = elf_string(e, addr, NAME_LEN);

	if (!s || !isalpha((unsigned char)*s))
		return NULL;
	for (const char *c = s; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.,:+/", *c))
			return NULL;
	return s;
}

static bool is_function(const struct elf *e, uint64_t addr)
{
	uint64_t start, end;

	return elf_is_code(e, addr) && !elf_function(e, addr, &start, &end) && start == addr;
}

static bool function_or_none(const struct elf *e, uint64_t v)
{
	return !v || is_function(e, v);
}

static bool data_or_none(const struct elf *e, uint64_t v)
{
	return !v || (!elf_is_code(e, v) && elf_bytes(e, v, 8));
}

static uint64_t word(const struct elf *e, uint64_t at, unsigned i)
{
	return elf_pointer(e, at + 8ULL * i);
}

static bool of_virtio(const char *name)
{
	return !strncmp(name, "virtio-", 7) || !strncmp(name, "vhost-", 6);
}

/* --- TypeInfo ---------------------------------------------------------------------- */

/*
 * struct TypeInfo: name, parent, instance_size, (instance_align), instance_init,
 * instance_post_init, instance_finalize, abstract, class_size, class_init, class_base_init,
 * class_data, interfaces.
 */
static bool read_info(const struct types *t, const struct named *from, unsigned aligned,
		      struct qemu_type *out)
{
	const struct elf *e = t->elf;
	uint64_t at = from->at, parent = word(e, at, 1), align = aligned ? word(e, at, 3) : 0;
	uint64_t init = at + (aligned ? 32 : 24), abstract = word(e, init, 3);
	struct qemu_type r = {
		.name = from->name,
		.parent = parent ? name_at(e, parent) : NULL,
		.info = at,
		.instance_size = word(e, at, 2),
		.instance_init = word(e, init, 0),
		.instance_post_init = word(e, init, 1),
		.instance_finalize = word(e, init, 2),
		.abstract = abstract,
		.class_size = word(e, init, 4),
		.class_init = word(e, init, 5),
		.class_base_init = word(e, init, 6),
	};

	if (!elf_bytes(e, at, (size_t)(init - at) + 72) || abstract > 1 ||
	    (parent ? !r.parent : strcmp(r.name, "object") != 0) ||
	    r.instance_size > INSTANCE_MAX || align > ALIGN_MAX || (align & (align - 1)) ||
	    r.class_size > CLASS_MAX || !function_or_none(e, r.instance_init) ||
	    !function_or_none(e, r.instance_post_init) ||
	    !function_or_none(e, r.instance_finalize) || !function_or_none(e, r.class_init) ||
	    !function_or_none(e, r.class_base_init) || !data_or_none(e, word(e, init, 8)) ||
	    !(r.instance_size || r.instance_init || r.class_size || r.class_init))
		return false;
	*out = r;
	return true;
}

static bool keep_name(void *ctx, uint64_t addr, uint64_t value)
{
	struct types *t = ctx;
	const char *name = name_at(t->elf, value);

	if (!name)
		return true;
	if (t->nnamed == NAMES_MAX || !array_room(t->named, t->named_cap, t->nnamed + 1))
		return false;
	t->named[t->nnamed++] = (struct named){ addr, name };
	return true;
}

/* QEMU 5.1 put instance_align behind instance_size: which one fits those that fit one only? */
static void choose_form(struct types *t)
{
	size_t votes[2] = { 0, 0 };

	for (size_t i = 0; i < t->nnamed; i++) {
		struct qemu_type r;
		bool fits[2];

		if (!of_virtio(t->named[i].name))
			continue;
		for (unsigned a = 0; a < 2; a++)
			fits[a] = read_info(t, &t->named[i], a, &r);
		for (unsigned a = 0; a < 2; a++)
			votes[a] += fits[a] && !fits[!a];
	}
	t->aligned = votes[1] >= votes[0];
}

static struct qemu_type *add(struct types *t, const struct qemu_type *r)
{
	if (t->n == TYPES_MAX || !array_room(t->type, t->cap, t->n + 1))
		return NULL;
	t->type[t->n] = *r;
	return &t->type[t->n++];
}

static bool have(const struct types *t, const char *name)
{
	return types_by_name(t, name) != NULL;
}

static void add_named(struct types *t, const char *name)
{
	struct qemu_type r;

	for (size_t i = 0; i < t->nnamed; i++)
		if (!strcmp(t->named[i].name, name) && read_info(t, &t->named[i], t->aligned, &r)) {
			add(t, &r);
			return;
		}
}

static void add_virtio(struct types *t)
{
	for (size_t i = 0; i < t->nnamed; i++) {
		struct qemu_type r;

		if (of_virtio(t->named[i].name) && !have(t, t->named[i].name) &&
		    read_info(t, &t->named[i], t->aligned, &r))
			add(t, &r);
	}
}

static void add_parents(struct types *t)
{
	/* t->n grows by those added, whose parents come later */
	for (size_t i = 0; i < t->n; i++)
		if (t->type[i].parent && !have(t, t->type[i].parent))
			add_named(t, t->type[i].parent);
}

/* --- VirtioPCIDeviceTypeInfo --------------------------------------------------------- */

static bool optional_name(const struct elf *e, uint64_t at, unsigned i, const char **name)
{
	uint64_t v = word(e, at, i);

	*name = v ? name_at(e, v) : NULL;
	return !v || *name;
}

/*
 * struct VirtioPCIDeviceTypeInfo: base_name, generic_name, transitional_name,
 * non_transitional_name, parent, instance_size, class_size, instance_init,
 * (instance_finalize), class_init, interfaces.  QEMU 7.0 added instance_finalize.
 */
static bool read_pci(const struct types *t, uint64_t at, struct qemu_type *out)
{
	const struct elf *e = t->elf;
	struct qemu_type r = { .info = at, .pci = true };
	const char *generic;
	unsigned finalize;

	if (!elf_bytes(e, at, 80) || !optional_name(e, at, 0, &r.base) ||
	    !optional_name(e, at, 1, &generic) || !optional_name(e, at, 2, &r.transitional) ||
	    !optional_name(e, at, 3, &r.non_transitional) || !optional_name(e, at, 4, &r.parent) ||
	    (!r.base && !generic))
		return false;
	finalize = elf_bytes(e, at, 88) && is_function(e, word(e, at, 9));
	r.name = generic ? generic : r.base;
	if (!r.parent)
		r.parent = "virtio-pci";
	r.instance_size = word(e, at, 5);
	r.class_size = word(e, at, 6);
	r.instance_init = word(e, at, 7);
	r.instance_finalize = finalize ? word(e, at, 8) : 0;
	r.class_init = word(e, at, 8 + finalize);
	if (!of_virtio(r.name) || r.instance_size > INSTANCE_MAX || r.class_size > CLASS_MAX ||
	    !function_or_none(e, r.instance_init) || !function_or_none(e, r.instance_finalize) ||
	    !function_or_none(e, r.class_init) || !(r.instance_init || r.class_init) ||
	    !data_or_none(e, word(e, at, 9 + finalize)))
		return false;
	*out = r;
	return true;
}

/* The record that is handed to virtio_pci_types_register() at a call or a jump; 0 unknown. */
static uint64_t argument_of(const struct elf *e, uint64_t call)
{
	struct function *f;
	uint64_t at = 0;
	size_t i;

	if (function_open(&f, e, call))
		return 0;
	i = function_at(f, call);
	if (i < f->n && f->reached[i] && f->in[i][VQP_RDI].base == VALUE_CONST &&
	    !f->in[i][VQP_RDI].scale)
		at = (uint64_t)f->in[i][VQP_RDI].off;
	function_close(f);
	return at;
}

/* Records that are handed to virtio_pci_types_register(); the number of them. */
static size_t add_called(struct types *t)
{
	uint64_t target = elf_symbol(t->elf, "virtio_pci_types_register"), call = 0;
	struct qemu_type r;
	size_t found = 0;

	for (unsigned n = 0; target && n < CALLS_MAX; n++) {
		uint64_t at;

		call = elf_find_call(t->elf, target, call);
		at = call ? argument_of(t->elf, call) : 0;
		if (!call)
			break;
		if (!at || !read_pci(t, at, &r))
			continue;
		found++;
		if (!have(t, r.name))
			add(t, &r);
	}
	return found;
}

/* Without such calls: records of which one name is another with something behind it. */
static void add_alike(struct types *t)
{
	for (size_t i = 0; i < t->nnamed; i++) {
		const char *name = t->named[i].name, *generic = NULL;
		size_t n = strlen(name);
		struct qemu_type r;

		if (!of_virtio(name) || !read_pci(t, t->named[i].at, &r) || !r.base ||
		    have(t, name))
			continue;
		generic = r.name != r.base ? r.name : r.non_transitional;
		if (generic && strlen(generic) < n && !strncmp(name, generic, strlen(generic)))
			add(t, &r);
	}
}

/* --- all of them --------------------------------------------------------------------- */

int types_find(struct types **out, const struct elf *e)
{
	struct types *t = calloc(1, sizeof(*t));

	*out = NULL;
	if (!t)
		return -ENOMEM;
	t->elf = e;
	elf_pointers(e, keep_name, t);
	choose_form(t);
	add_virtio(t);
	if (!add_called(t))
		add_alike(t);
	add_parents(t);
	free(t->named);
	t->named = NULL;
	t->nnamed = t->named_cap = 0;
	*out = t;
	return 0;
}

void types_free(struct types *t)
{
	if (!t)
		return;
	free(t->type);
	free(t);
}

size_t types_count(const struct types *t)
{
	return t->n;
}

const struct qemu_type *types_at(const struct types *t, size_t i)
{
	return &t->type[i];
}

static bool same(const char *a, const char *b)
{
	return a && !strcmp(a, b);
}

const struct qemu_type *types_by_name(const struct types *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct qemu_type *r = &t->type[i];

		if (same(r->name, name) || same(r->base, name) || same(r->transitional, name) ||
		    same(r->non_transitional, name))
			return r;
	}
	return NULL;
}

const char *types_parent(const struct types *t, const char *name)
{
	const struct qemu_type *r = types_by_name(t, name);

	if (!r)
		return NULL;
	return r->pci && r->base && strcmp(r->base, name) != 0 ? r->base : r->parent;
}

/* --- what class_init functions hand on -------------------------------------------------- */

static size_t add_candidate(const struct elf *e, uint64_t addr, uint64_t *out, size_t n, size_t max)
{
	if (n == max || !addr || !is_function(e, addr))
		return n;
	for (size_t i = 0; i < n; i++)
		if (out[i] == addr)
			return n;
	out[n] = addr;
	return n + 1;
}

size_t types_candidates(const struct elf *e, uint64_t class_init, uint64_t *out, size_t max)
{
	struct function *f;
	size_t n = 0;

	if (function_open(&f, e, class_init))
		return 0;
	for (size_t i = 0; i < f->n; i++) {
		const struct insn *in = &f->insn[i];

		if (in->lea && in->rip_ref)
			n = add_candidate(e, in->rip_ref, out, n, max);
		/* a pair of pointers is stored at once, from data that has them side by side */
		for (unsigned at = 0; in->rip_ref && at + 8 <= in->load_width; at += 8)
			n = add_candidate(e, elf_pointer(e, in->rip_ref + at), out, n, max);
		/* an object that is not position-independent has addresses in the code */
		if (in->has_imm && in->kind == INSN_OTHER)
			n = add_candidate(e, (uint64_t)in->imm, out, n, max);
	}
	function_close(f);
	return n;
}
