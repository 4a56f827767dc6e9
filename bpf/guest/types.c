/* SPDX-License-Identifier: MIT */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpf/guest/layout.h"
#include "bpf/guest/types.h"

#define DEPTH 8 /* of folders in folders */

static const char *const module_names[KERNEL_MODULES] = {
	[KERNEL_VIRTIO] = "virtio",	    [KERNEL_VIRTIO_RING] = "virtio_ring",
	[KERNEL_VIRTIO_PCI] = "virtio_pci", [KERNEL_VIRTIO_MMIO] = "virtio_mmio",
	[KERNEL_VIRTIO_BLK] = "virtio_blk", [KERNEL_VIRTIO_NET] = "virtio_net",
};

struct kernel_types {
	struct btf *kernel;
	struct btf *module[KERNEL_MODULES];
	bool searched[KERNEL_MODULES]; /* for the offsets */
	bool looked; /* once; after that only loaded modules are new */
	uint8_t built_in; /* bit n: built_in[n] is part of the kernel; the search takes long */
	char folder[256];
};

/* virtio_blk's file may be called virtio-blk.ko. */
static bool is_file_of(const char *file, const char *module)
{
	size_t n = strlen(module);

	for (size_t i = 0; i < n; i++)
		if (file[i] != module[i] && !(file[i] == '-' && module[i] == '_'))
			return false;
	return !strcmp(file + n, ".ko");
}

static bool find_file(const char *folder, const char *module, char *path, size_t size,
		      unsigned depth)
{
	DIR *d = depth < DEPTH ? opendir(folder) : NULL;
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d))) {
		if (e->d_name[0] == '.' ||
		    snprintf(path, size, "%s/%s", folder, e->d_name) >= (int)size)
			continue;
		if (is_file_of(e->d_name, module)) {
			found = true;
		} else if (e->d_type == DT_DIR) {
			char below[1024];

			snprintf(below, sizeof(below), "%s", path);
			found = find_file(below, module, path, size, depth + 1);
		}
	}
	if (d)
		closedir(d);
	return found;
}

/* Its types, if it is loaded; or, at the first look, those of its file. */
static void find_module(struct kernel_types *t, unsigned m)
{
	bool first = !t->looked;
	char path[1024];

	if (t->module[m])
		return;
	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", module_names[m]);
	if (!access(path, R_OK))
		t->module[m] = btf__load_module_btf(module_names[m], t->kernel);
	else if (first && find_file(t->folder, module_names[m], path, sizeof(path), 0))
		t->module[m] = btf__parse_split(path, t->kernel);
}

/* Built in, its functions are among the kernel's own: one of them stands for all. */
static const char *const built_in[][2] = {
	{ "virtio_ring", "vring_interrupt" },
	{ "virtio_pci", "virtio_pci_probe" },
	{ "virtio_mmio", "virtio_mmio_probe" },
	{ "virtio_blk", "virtblk_probe" },
};
#define BUILT_IN (sizeof(built_in) / sizeof(built_in[0]))

static void find_built_in(struct kernel_types *t)
{
	for (size_t i = 0; i < BUILT_IN; i++)
		if (btf__find_by_name_kind(t->kernel, built_in[i][1], BTF_KIND_FUNC) > 0)
			t->built_in |= (uint8_t)(1 << i);
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

int kernel_types_open(struct kernel_types **out, const char *modules)
{
	struct kernel_types *t = calloc(1, sizeof(*t));
	struct utsname u;

	*out = NULL;
	if (!t)
		return -ENOMEM;
	libbpf_set_print(silent);
	t->kernel = btf__load_vmlinux_btf();
	if (!t->kernel) {
		free(t);
		return -ENOENT;
	}
	if (modules)
		snprintf(t->folder, sizeof(t->folder), "%s", modules);
	else if (!uname(&u))
		snprintf(t->folder, sizeof(t->folder), "/lib/modules/%s/kernel", u.release);
	find_built_in(t);
	*out = t;
	return 0;
}

void kernel_types_close(struct kernel_types *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < KERNEL_MODULES; i++)
		btf__free(t->module[i]);
	btf__free(t->kernel);
	free(t);
}

bool kernel_types_find(struct kernel_types *t, struct vqg_layout *l)
{
	bool more = !t->looked && guest_layout_find(l, t->kernel, ~0U);

	for (unsigned m = 0; m < KERNEL_MODULES; m++) {
		find_module(t, m);
		if (t->searched[m] || !t->module[m])
			continue;
		guest_layout_find(l, t->module[m], 1U << m);
		t->searched[m] = more = true;
	}
	t->looked = true;
	return more;
}

bool kernel_types_has_module(struct kernel_types *t, const char *module)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", module);
	if (!access(path, R_OK))
		return true;
	for (size_t i = 0; i < BUILT_IN; i++)
		if (!strcmp(built_in[i][0], module))
			return t->built_in >> i & 1;
	return false;
}

bool kernel_types_has_function(struct kernel_types *t, const char *module, const char *function)
{
	for (unsigned m = 0; m < KERNEL_MODULES; m++) {
		if (strcmp(module_names[m], module))
			continue;
		find_module(t, m);
		if (t->module[m] &&
		    btf__find_by_name_kind(t->module[m], function, BTF_KIND_FUNC) > 0)
			return true;
	}
	return btf__find_by_name_kind(t->kernel, function, BTF_KIND_FUNC) > 0;
}

enum vqg_gives kernel_types_gives(const struct kernel_types *t, const char *module,
				  const char *function)
{
	for (unsigned m = 0; m < KERNEL_MODULES; m++)
		if (!strcmp(module_names[m], module) && t->module[m])
			return guest_layout_gives(t->module[m], btf__type_cnt(t->kernel), function);
	return guest_layout_gives(t->kernel, 1, function);
}
