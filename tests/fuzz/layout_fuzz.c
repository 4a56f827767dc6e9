/* SPDX-License-Identifier: MIT */
/*
 * BTF as a kernel and a module have it, or anybody who writes a file of that name: structures of the names
 * that are looked for, in each other, in themselves, with any offsets and sizes.  Input: a byte of flags;
 * then steps that build the types, or a blob.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/guest/layout.h"
#include "bpf/kvm/task.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAMES 128

static char names[4096];
static const char *type_name[NAMES], *member_name[NAMES];
static unsigned ntypes, nmembers;

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static void add_name(const char **to, unsigned *n, const char *name)
{
	for (unsigned i = 0; i < *n; i++)
		if (!strcmp(to[i], name))
			return;
	if (*n == NAMES)
		abort();
	to[(*n)++] = name;
}

/* The names that are looked for are those that are missing where nothing is known: "type.a.b, ...". */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct text t = { .buf = names, .size = sizeof(names) };
	struct vqg_layout l;
	char *next, *part;

	libbpf_set_print(silent);
	memset(&l, 0xff, sizeof(l));
	guest_layout_missing(&l, &t);
	for (char *at = strtok_r(names, ", ", &next); at; at = strtok_r(NULL, ", ", &next)) {
		char *rest = NULL;

		add_name(type_name, &ntypes, strtok_r(at, ".", &rest));
		while ((part = strtok_r(NULL, ".", &rest)))
			add_name(member_name, &nmembers, part);
	}
	add_name(type_name, &ntypes, "task_struct");
	add_name(member_name, &nmembers, "flags");
	add_name(type_name, &ntypes, "vp_get_features");
	return 0;
}

static const char *pick(struct input *in, const char *const *from, unsigned n)
{
	unsigned i = (unsigned)take(in, 1);

	return i < n ? from[i] : i & 1 ? NULL : "another";
}

/* One that there is, or will be, or never. */
static int any_type(struct input *in, const struct btf *btf)
{
	return (int)(take(in, 1) % (btf__type_cnt(btf) + 3));
}

/* A structure, and members until one is 0xff. */
static void add_composite(struct input *in, struct btf *btf, bool is_union)
{
	const char *name = pick(in, type_name, ntypes);
	uint8_t how = (uint8_t)take(in, 1);
	uint32_t size = (uint32_t)take(in, how & 1 ? 4 : 1);

	if (is_union)
		btf__add_union(btf, name, size);
	else
		btf__add_struct(btf, name, size);
	for (unsigned i = 0; i < how >> 2 && in->left; i++) {
		const char *member = pick(in, member_name, nmembers);
		int type = any_type(in, btf);
		uint8_t where = (uint8_t)take(in, 1);
		uint32_t bits = where & 1 ? (uint32_t)take(in, 4) : 8U * (where >> 1);

		btf__add_field(btf, member, type, is_union ? 0 : bits,
			       how & 2 ? (uint32_t)take(in, 1) : 0);
	}
}

static void add_function(struct input *in, struct btf *btf)
{
	const char *name = pick(in, type_name, ntypes);
	int proto = btf__add_func_proto(btf, any_type(in, btf));

	for (unsigned n = (unsigned)take(in, 1) & 3; n; n--)
		btf__add_func_param(btf, "a", any_type(in, btf));
	btf__add_func(btf, name ? name : "vp_get_features", BTF_FUNC_STATIC,
		      take(in, 1) & 1 ? any_type(in, btf) : proto);
}

static void step(struct input *in, struct btf *btf)
{
	uint8_t op = (uint8_t)take(in, 1);

	switch (op & 7) {
	case 0:
	case 1:
	case 2: add_composite(in, btf, op & 8); break;
	case 3: btf__add_int(btf, "int", 4, 0); break;
	case 4: btf__add_typedef(btf, pick(in, type_name, ntypes), any_type(in, btf)); break;
	case 5:
		if (op & 8)
			btf__add_const(btf, any_type(in, btf));
		else
			btf__add_ptr(btf, any_type(in, btf));
		break;
	case 6:
		btf__add_array(btf, any_type(in, btf), any_type(in, btf), (uint32_t)op << 24);
		break;
	default: add_function(in, btf);
	}
}

/* What a module has is read from its file. */
static struct btf *read_bytes(const uint8_t *p, size_t n, struct btf *base)
{
	struct btf *btf;
	char path[40];
	int fd;

	if (!base) {
		btf = btf__new(p, (uint32_t)n);
		return libbpf_get_error(btf) ? NULL : btf;
	}
	fd = memfd_create("module", MFD_CLOEXEC);
	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	btf = btf__parse_split(path, base);
	close(fd);
	return libbpf_get_error(btf) ? NULL : btf;
}

/* The types as a file has them, some bytes changed. */
static struct btf *reread(struct input *in, const struct btf *btf, struct btf *base)
{
	uint32_t size;
	const void *raw = btf__raw_data(btf, &size);
	uint8_t *bytes = malloc(size + 1);
	struct btf *out;

	if (!raw || !bytes)
		abort();
	memcpy(bytes, raw, size);
	for (unsigned i = 0; i < 8 && in->left; i++) {
		uint64_t at = take(in, 2);

		bytes[at % size] = (uint8_t)take(in, 1);
	}
	out = read_bytes(bytes, size, base);
	free(bytes);
	return out;
}

static struct btf *build(struct input *in, struct btf *base, bool changed)
{
	struct btf *btf = base ? btf__new_empty_split(base) : btf__new_empty(), *again;
	unsigned n = (unsigned)take(in, 1);

	if (!btf)
		abort();
	for (unsigned i = 0; i < n && in->left; i++)
		step(in, btf);
	if (!changed)
		return btf;
	again = reread(in, btf, base);
	btf__free(btf);
	return again;
}

static struct btf *blob(struct input *in, struct btf *base)
{
	size_t n = base ? in->left : (size_t)take(in, 2);
	const uint8_t *p = take_bytes(in, &n);

	return read_bytes(p, n, base);
}

/* What is known stays, and what a BTF has not told it does not tell later. */
static void look(struct vqg_layout *l, const struct btf *btf, unsigned modules)
{
	struct vqg_layout before = *l;
	const uint16_t *was = (const uint16_t *)&before, *is = (const uint16_t *)l;
	bool found = guest_layout_find(l, btf, modules);

	for (size_t i = 0; i < sizeof(before) / sizeof(*was); i++)
		if (was[i] != VQG_UNKNOWN && was[i] != is[i])
			abort();
	if (found == !memcmp(&before, l, sizeof(before)) || guest_layout_find(l, btf, modules))
		abort();
	guest_layout_gives(btf, 1, "vp_get_features");
	task_flags_in(btf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = (uint8_t)take(&in, 1);
	struct btf *kernel = how & 1 ? blob(&in, NULL) : build(&in, NULL, how & 2), *module = NULL;
	TEXT(missing, 200);
	struct vqg_layout l;

	if (!kernel)
		return 0;
	memset(&l, 0xff, sizeof(l));
	look(&l, kernel, ~0U);
	if (how & 4)
		module = how & 8 ? blob(&in, kernel) : build(&in, kernel, how & 16);
	if (module) {
		look(&l, module, 1U << (how >> 5) % KERNEL_MODULES);
		guest_layout_gives(module, btf__type_cnt(kernel), "vp_get_features");
	}
	guest_layout_missing(&l, &missing);
	btf__free(module);
	btf__free(kernel);
	return 0;
}
