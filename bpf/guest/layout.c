/* SPDX-License-Identifier: MIT */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpf/guest/layout.h"

#define DEPTH 8 /* of structures in structures */

/* Where a type is defined: the kernel itself, if the driver is built in, or a module. */
enum module { VIRTIO, VIRTIO_RING, VIRTIO_PCI, VIRTIO_MMIO, VIRTIO_BLK, VIRTIO_NET, MODULES };
static const char *const module_names[] = { "virtio",	   "virtio_ring", "virtio_pci",
					    "virtio_mmio", "virtio_blk",  "virtio_net" };

static const struct row {
	uint8_t module;
	const char *type, *member; /* a path with dots; "": the structure's size */
	uint16_t field; /* offset in struct vqg_layout */
	bool optional; /* other kernels lack it, and have something else */
} rows[] = {
#define O(module_, type_, member_, field_, ...) \
	{ \
		.module = module_, .type = type_, .member = member_, \
		.field = offsetof(struct vqg_layout, field_), ##__VA_ARGS__ \
	}
	O(VIRTIO, "virtio_device", "dev", vdev_dev),
	O(VIRTIO, "virtio_device", "id.device", vdev_id_device),
	O(VIRTIO, "virtio_device", "id.vendor", vdev_id_vendor),
	O(VIRTIO, "virtio_device", "features", vdev_features),
	O(VIRTIO, "device", "parent", dev_parent),
	O(VIRTIO, "device", "driver", dev_driver),
	O(VIRTIO, "device", "kobj.name", dev_kobj_name),
	O(VIRTIO, "virtio_driver", "driver", drv_driver),
	O(VIRTIO, "virtio_driver", "feature_table", drv_features),
	O(VIRTIO, "virtio_driver", "feature_table_size", drv_nfeatures),
	O(VIRTIO_MMIO, "virtio_mmio_device", "version", vmd_version, .optional = true),
	O(VIRTIO_PCI, "pci_dev", "dev", pci_dev),
	O(VIRTIO_PCI, "virtio_pci_device", "pci_dev", vpd_pci),
	O(VIRTIO_PCI, "virtio_pci_device", "is_legacy", vpd_legacy),
	O(VIRTIO_PCI, "virtio_pci_device", "vqs", vpd_vqs),
	O(VIRTIO_PCI, "virtio_pci_device", "msix_enabled", vpd_msix),
	O(VIRTIO_PCI, "virtio_pci_modern_device", "pci_dev", mdev_pci),
	O(VIRTIO_PCI, "virtio_pci_legacy_device", "pci_dev", ldev_pci),
	O(VIRTIO_PCI, "virtio_pci_vq_info", "msix_vector", vqi_vector),
	O(VIRTIO_RING, "virtqueue", "vdev", vq_vdev),
	O(VIRTIO_RING, "virtqueue", "index", vq_index),
	O(VIRTIO_RING, "vring_virtqueue", "packed_ring", vvq_packed),
	O(VIRTIO_RING, "vring_virtqueue", "event", vvq_event),
	O(VIRTIO_RING, "vring_virtqueue", "num_added", vvq_added),
	O(VIRTIO_RING, "vring_virtqueue", "last_used_idx", vvq_last_used),
	O(VIRTIO_RING, "vring_virtqueue", "split.vring.num", split_num),
	O(VIRTIO_RING, "vring_virtqueue", "split.vring.desc", split_desc),
	O(VIRTIO_RING, "vring_virtqueue", "split.vring.avail", split_avail),
	O(VIRTIO_RING, "vring_virtqueue", "split.vring.used", split_used),
	O(VIRTIO_RING, "vring_virtqueue", "split.avail_idx_shadow", split_idx),
	O(VIRTIO_RING, "vring_virtqueue", "split.desc_state", split_state),
	O(VIRTIO_RING, "vring_desc_state_split", "", state_size),
	O(VIRTIO_RING, "vring_desc_state_split", "indir_desc", state_table),
	O(VIRTIO_RING, "vring_virtqueue", "packed.vring.num", packed_num),
	O(VIRTIO_RING, "vring_virtqueue", "packed.vring.desc", packed_desc),
	O(VIRTIO_RING, "vring_virtqueue", "packed.vring.driver", packed_driver),
	O(VIRTIO_RING, "vring_virtqueue", "packed.vring.device", packed_device),
	O(VIRTIO_RING, "vring_virtqueue", "packed.avail_wrap_counter", packed_wrap),
	O(VIRTIO_RING, "vring_virtqueue", "packed.next_avail_idx", packed_next),
	O(VIRTIO_RING, "vring_virtqueue", "packed.desc_state", packed_state),
	O(VIRTIO_RING, "vring_desc_state_packed", "", pstate_size),
	O(VIRTIO_RING, "vring_desc_state_packed", "indir_desc", pstate_table),
	O(VIRTIO_RING, "vring_virtqueue", "split.queue_dma_addr", split_dma),
	O(VIRTIO_RING, "vring_virtqueue", "packed.ring_dma_addr", packed_dma),
	O(VIRTIO_RING, "vring_virtqueue", "packed.driver_event_dma_addr", packed_driver_dma),
	O(VIRTIO_RING, "vring_virtqueue", "packed.device_event_dma_addr", packed_device_dma),
	O(VIRTIO_BLK, "request", "q", rq_q),
	O(VIRTIO_BLK, "request", "mq_hctx", rq_hctx),
	O(VIRTIO_BLK, "request", "cmd_flags", rq_flags),
	O(VIRTIO_BLK, "request", "tag", rq_tag),
	O(VIRTIO_BLK, "request", "__data_len", rq_len),
	O(VIRTIO_BLK, "request", "__sector", rq_sector),
	O(VIRTIO_BLK, "request", "start_time_ns", rq_start),
	O(VIRTIO_BLK, "blk_mq_hw_ctx", "queue", hctx_queue),
	O(VIRTIO_BLK, "blk_mq_hw_ctx", "queue_num", hctx_num),
	O(VIRTIO_BLK, "request_queue", "queuedata", q_data),
	O(VIRTIO_BLK, "virtio_blk", "vdev", vblk_vdev),
	O(VIRTIO_BLK, "blk_mq_tag_set", "nr_hw_queues", set_queues),
	O(VIRTIO_BLK, "blk_mq_tag_set", "queue_depth", set_depth),
	O(VIRTIO_BLK, "blk_mq_tag_set", "numa_node", set_node),
	O(VIRTIO_NET, "net_device", "", net_size),
	O(VIRTIO_NET, "net_device", "priv", net_priv, .optional = true),
	O(VIRTIO_NET, "virtnet_info", "vdev", vi_vdev),
	O(VIRTIO_NET, "receive_queue", "napi", rxq_napi),
	O(VIRTIO_NET, "receive_queue", "vq", rxq_vq),
	O(VIRTIO_NET, "send_queue", "napi", txq_napi),
	O(VIRTIO_NET, "send_queue", "vq", txq_vq),
#undef O
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct kernel_types {
	struct btf *kernel;
	struct btf *module[MODULES];
	bool searched[MODULES]; /* for the rows */
	bool looked; /* once; after that only loaded modules are new */
	uint8_t built_in; /* bit n: built_in[n] is part of the kernel; the search takes long */
	char folder[256];
};

static uint16_t *field(struct vqg_layout *l, const struct row *r)
{
	return (uint16_t *)((uint8_t *)l + r->field);
}

/* The offset in bytes of a member of this name, also in structures without a name; -ENOENT. */
static int find_member(const struct btf *btf, const struct btf_type *t, const char *name,
		       size_t len, const struct btf_type **type, unsigned depth)
{
	const struct btf_member *m = btf_members(t);

	for (unsigned i = 0; i < btf_vlen(t); i++) {
		const char *n = btf__name_by_offset(btf, m[i].name_off);
		uint32_t bits = btf_member_bit_offset(t, i);
		const struct btf_type *mt;
		int id = btf__resolve_type(btf, m[i].type), at;

		mt = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
		if (bits % 8 || !mt)
			continue;
		if (n && strlen(n) == len && !memcmp(n, name, len)) {
			*type = mt;
			return (int)(bits / 8);
		}
		if (n && *n)
			continue;
		if (!btf_is_composite(mt) || depth == DEPTH)
			continue;
		at = find_member(btf, mt, name, len, type, depth + 1);
		if (at >= 0)
			return (int)(bits / 8) + at;
	}
	return -ENOENT;
}

static int find_path(const struct btf *btf, const char *struct_name, const char *path)
{
	int id = btf__find_by_name_kind(btf, struct_name, BTF_KIND_STRUCT), at = 0;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	if (t && !*path)
		return (int)t->size;
	while (t) {
		size_t len = strcspn(path, ".");
		int n = btf_is_composite(t) ? find_member(btf, t, path, len, &t, 0) : -ENOENT;

		if (n < 0)
			return n;
		at += n;
		if (!path[len])
			return at;
		path += len + 1;
	}
	return -ENOENT;
}

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
	for (unsigned i = 0; i < MODULES; i++)
		btf__free(t->module[i]);
	btf__free(t->kernel);
	free(t);
}

bool kernel_types_find(struct kernel_types *t, struct vqg_layout *l)
{
	bool first = !t->looked, more = false, came[MODULES];

	for (unsigned m = 0; m < MODULES; m++) {
		find_module(t, m);
		came[m] = t->module[m] && !t->searched[m];
		t->searched[m] = t->module[m] != NULL;
		more = more || came[m];
	}
	t->looked = true;
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];
		uint16_t *f = field(l, r);
		int at = -ENOENT;

		if (*f != VQG_UNKNOWN)
			continue;
		if (first)
			at = find_path(t->kernel, r->type, r->member);
		if (at < 0 && came[r->module])
			at = find_path(t->module[r->module], r->type, r->member);
		if (at < 0 || at >= VQG_UNKNOWN)
			continue;
		*f = (uint16_t)at;
		more = true;
	}
	return more;
}

void kernel_types_missing(const struct kernel_types *t, const struct vqg_layout *l, struct text *to)
{
	for (size_t i = 0; i < ROWS; i++)
		if (*field((struct vqg_layout *)l, &rows[i]) == VQG_UNKNOWN && !rows[i].optional)
			text_add(to, "%s%s.%s", to->len ? ", " : "", rows[i].type, rows[i].member);
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
	for (unsigned m = 0; m < MODULES; m++) {
		if (strcmp(module_names[m], module))
			continue;
		find_module(t, m);
		if (t->module[m] &&
		    btf__find_by_name_kind(t->module[m], function, BTF_KIND_FUNC) > 0)
			return true;
	}
	return btf__find_by_name_kind(t->kernel, function, BTF_KIND_FUNC) > 0;
}

/* Of the functions of this name from type `first` on; nothing, if they do not agree. */
static enum vqg_gives gives_in(const struct btf *btf, uint32_t first, const char *function)
{
	enum vqg_gives all = VQG_GIVES_UNKNOWN;

	for (uint32_t id = first; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		enum vqg_gives one;

		if (!btf_is_func(t) || strcmp(btf__name_by_offset(btf, t->name_off), function))
			continue;
		t = btf__type_by_id(btf, t->type);
		one = t->type ? VQG_GIVES_RESULT : VQG_GIVES_ARG1;
		if (one == VQG_GIVES_ARG1 && btf_vlen(t) != 2)
			return VQG_GIVES_UNKNOWN;
		if (all != VQG_GIVES_UNKNOWN && all != one)
			return VQG_GIVES_UNKNOWN;
		all = one;
	}
	return all;
}

enum vqg_gives kernel_types_gives(const struct kernel_types *t, const char *module,
				  const char *function)
{
	for (unsigned m = 0; m < MODULES; m++)
		if (!strcmp(module_names[m], module) && t->module[m])
			return gives_in(t->module[m], btf__type_cnt(t->kernel), function);
	return gives_in(t->kernel, 1, function);
}
