/* SPDX-License-Identifier: MIT */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/guest/attach.h"
#include "bpf/guest/fast.h"
#include "bpf/guest/functions.h"
#include "bpf/guest/types.h"
#include "bpf/prog/guest.skel.h"
#include "bpf/prog/guest_fast.skel.h"

#define LINKS 64

/* The functions of a module have their programs in an object of their own. */
static const char *const modules[] = { "virtio_ring", "virtio_pci", "virtio_mmio", "virtio_blk" };
#define MODULES (sizeof(modules) / sizeof(modules[0]))

struct fast {
	struct guest_bpf *slow;
	struct kernel_types *types;
	struct attach *kprobes;
	struct guest_fast_bpf *skel[MODULES];
	bool tried[MODULES];
	struct bpf_link *link[LINKS];
	unsigned nlinks, nfunctions;
	uint32_t stacks;
	void (*between)(void *ctx);
	void *ctx;
	bool removable[VQG_FUNCTIONS]; /* its kprobes do nothing any more */
};

struct fast *fast_new(struct guest_bpf *slow, struct kernel_types *types, struct attach *kprobes,
		      uint32_t stacks, void (*between)(void *ctx), void *ctx)
{
	struct fast *f = calloc(1, sizeof(*f));

	if (f) {
		f->slow = slow;
		f->types = types;
		f->kprobes = kprobes;
		f->stacks = stacks;
		f->between = between;
		f->ctx = ctx;
	}
	return f;
}

/* Programs of all objects use the same maps. */
static int share_maps(struct guest_fast_bpf *f, struct guest_bpf *s)
{
	struct bpf_map *const pairs[][2] = {
		{ f->maps.events, s->maps.events },
		{ f->maps.functions, s->maps.functions },
		{ f->maps.threads, s->maps.threads },
		{ f->maps.devices, s->maps.devices },
		{ f->maps.block_queues, s->maps.block_queues },
		{ f->maps.heads, s->maps.heads },
		{ f->maps.counters, s->maps.counters },
		{ f->maps.scratches, s->maps.scratches },
		{ f->maps.stacks, s->maps.stacks },
		{ f->maps.bss, s->maps.bss },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]) && !err; i++)
		err = bpf_map__reuse_fd(pairs[i][0], bpf_map__fd(pairs[i][1]));
	return err;
}

/* The function of a program: "fentry/vp_notify". */
static int function_of(const struct bpf_program *p)
{
	const char *name = strchr(bpf_program__section_name(p), '/') + 1;

	for (unsigned i = 0; i < probed_count; i++)
		if (!strcmp(probed_functions[i].f.name, name))
			return (int)i;
	return -ENOENT;
}

/* The program at the entry of a function, or at its return. */
static struct bpf_program *program_at(struct guest_fast_bpf *skel, unsigned index, const char *kind)
{
	char section[64];
	struct bpf_program *p;

	snprintf(section, sizeof(section), "%s/%s", kind, probed_functions[index].f.name);
	bpf_object__for_each_program(
		p, skel->obj) if (!strcmp(bpf_program__section_name(p), section)) return p;
	return NULL;
}

static struct bpf_link *attach(struct bpf_program *p, unsigned index)
{
	DECLARE_LIBBPF_OPTS(bpf_trace_opts, opts, .cookie = index);

	return p && bpf_program__fd(p) >= 0 ? bpf_program__attach_trace_opts(p, &opts) : NULL;
}

/* Both, or the kprobes go on. */
static void take_over(struct fast *f, struct guest_fast_bpf *skel, unsigned index)
{
	struct vqg_function row = probed_functions[index].f;
	struct bpf_link *in = attach(program_at(skel, index, "fentry"), index);
	struct bpf_link *out = in ? attach(program_at(skel, index, "fexit"), index) : NULL;
	uint32_t key = index;

	if (!out || f->nlinks + 2 > LINKS) {
		bpf_link__destroy(in);
		bpf_link__destroy(out);
		return;
	}
	f->link[f->nlinks++] = in;
	f->link[f->nlinks++] = out;
	row.fast = 1;
	bpf_map_update_elem(bpf_map__fd(f->slow->maps.functions), &key, &row, BPF_ANY);
	f->removable[index] = true;
	f->nfunctions++;
}

static void load_module(struct fast *f, size_t m)
{
	struct guest_fast_bpf *skel = guest_fast_bpf__open();
	struct bpf_program *p;
	unsigned wanted = 0;

	f->tried[m] = true;
	if (!skel)
		return;
	skel->rodata->stacks_of = f->stacks;
	bpf_object__for_each_program(p, skel->obj)
	{
		int i = function_of(p);
		bool here =
			i >= 0 && !strcmp(probed_functions[i].module, modules[m]) &&
			kernel_types_has_function(f->types, modules[m], probed_functions[i].f.name);

		bpf_program__set_autoload(p, here);
		wanted += here;
	}
	if (!wanted || share_maps(skel, f->slow) || guest_fast_bpf__load(skel)) {
		guest_fast_bpf__destroy(skel);
		return;
	}
	f->skel[m] = skel;
	for (unsigned i = 0; i < probed_count; i++)
		if (probed_functions[i].module && !strcmp(probed_functions[i].module, modules[m]) &&
		    program_at(skel, i, "fentry")) {
			take_over(f, skel, i);
			f->between(f->ctx);
		}
}

/* Attaching takes long: not of a driver that is loaded for nothing, as virtio_mmio may be. */
static bool is_used(const char *module)
{
	DIR *d = strcmp(module, "virtio_mmio") ? NULL
					       : opendir("/sys/bus/platform/drivers/virtio-mmio");
	bool used = d == NULL;
	struct dirent *e;

	while (d && !used && (e = readdir(d)))
		used = e->d_type == DT_LNK && strcmp(e->d_name, "module") != 0;
	if (d)
		closedir(d);
	return used;
}

bool fast_step(struct fast *f)
{
	for (size_t m = 0; m < MODULES; m++)
		if (!f->tried[m] && kernel_types_has_module(f->types, modules[m]) &&
		    is_used(modules[m])) {
			load_module(f, m);
			return true;
		}
	for (unsigned i = 0; i < probed_count; i++)
		if (f->removable[i]) {
			f->removable[i] = false;
			attach_remove(f->kprobes, i);
			return true;
		}
	return false;
}

unsigned fast_count(const struct fast *f)
{
	return f->nfunctions;
}

uint64_t fast_missed_by(const struct bpf_object *o)
{
	struct bpf_program *p;
	uint64_t all = 0;

	bpf_object__for_each_program(p, o)
	{
		struct bpf_prog_info info = { .id = 0 };
		uint32_t size = sizeof(info);
		int fd = bpf_program__fd(p);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size))
			all += info.recursion_misses;
	}
	return all;
}

uint64_t fast_missed(const struct fast *f)
{
	uint64_t all = 0;

	for (size_t m = 0; m < MODULES; m++)
		if (f->skel[m])
			all += fast_missed_by(f->skel[m]->obj);
	return all;
}

void fast_close(struct fast *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->nlinks; i++)
		bpf_link__destroy(f->link[i]);
	for (size_t m = 0; m < MODULES; m++)
		guest_fast_bpf__destroy(f->skel[m]);
	free(f);
}
