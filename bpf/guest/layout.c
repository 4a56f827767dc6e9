/* SPDX-License-Identifier: MIT */
#include <bpf/btf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "bpf/guest/layout.h"

#define DEPTH 8 /* of structures in structures */
/*
 * Members that are looked at for one offset: a structure may have many without a name, and each of those,
 * too.  In a kernel's they are a few hundred.
 */
#define MEMBERS 10000

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
	O(KERNEL_VIRTIO, "virtio_device", "dev", vdev_dev),
	O(KERNEL_VIRTIO, "virtio_device", "id.device", vdev_id_device),
	O(KERNEL_VIRTIO, "virtio_device", "id.vendor", vdev_id_vendor),
	O(KERNEL_VIRTIO, "virtio_device", "features", vdev_features),
	O(KERNEL_VIRTIO, "device", "parent", dev_parent),
	O(KERNEL_VIRTIO, "device", "driver", dev_driver),
	O(KERNEL_VIRTIO, "device", "kobj.name", dev_kobj_name),
	O(KERNEL_VIRTIO, "virtio_driver", "driver", drv_driver),
	O(KERNEL_VIRTIO, "virtio_driver", "feature_table", drv_features),
	O(KERNEL_VIRTIO, "virtio_driver", "feature_table_size", drv_nfeatures),
	O(KERNEL_VIRTIO_MMIO, "virtio_mmio_device", "version", vmd_version, .optional = true),
	O(KERNEL_VIRTIO_PCI, "pci_dev", "dev", pci_dev),
	O(KERNEL_VIRTIO_PCI, "virtio_pci_device", "pci_dev", vpd_pci),
	O(KERNEL_VIRTIO_PCI, "virtio_pci_device", "is_legacy", vpd_legacy),
	O(KERNEL_VIRTIO_PCI, "virtio_pci_device", "vqs", vpd_vqs),
	O(KERNEL_VIRTIO_PCI, "virtio_pci_device", "msix_enabled", vpd_msix),
	O(KERNEL_VIRTIO_PCI, "virtio_pci_modern_device", "pci_dev", mdev_pci),
	O(KERNEL_VIRTIO_PCI, "virtio_pci_legacy_device", "pci_dev", ldev_pci),
	O(KERNEL_VIRTIO_PCI, "virtio_pci_vq_info", "msix_vector", vqi_vector),
	O(KERNEL_VIRTIO_RING, "virtqueue", "vdev", vq_vdev),
	O(KERNEL_VIRTIO_RING, "virtqueue", "index", vq_index),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed_ring", vvq_packed),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "event", vvq_event),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "num_added", vvq_added),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "last_used_idx", vvq_last_used),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "split.vring.num", split_num),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "split.vring.desc", split_desc),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "split.vring.avail", split_avail),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "split.vring.used", split_used),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "split.avail_idx_shadow", split_idx),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "split.desc_state", split_state),
	O(KERNEL_VIRTIO_RING, "vring_desc_state_split", "", state_size),
	O(KERNEL_VIRTIO_RING, "vring_desc_state_split", "indir_desc", state_table),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed.vring.num", packed_num),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed.vring.desc", packed_desc),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed.vring.driver", packed_driver),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed.vring.device", packed_device),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed.avail_wrap_counter", packed_wrap),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed.next_avail_idx", packed_next),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed.desc_state", packed_state),
	O(KERNEL_VIRTIO_RING, "vring_desc_state_packed", "", pstate_size),
	O(KERNEL_VIRTIO_RING, "vring_desc_state_packed", "indir_desc", pstate_table),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "split.queue_dma_addr", split_dma),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed.ring_dma_addr", packed_dma),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed.driver_event_dma_addr", packed_driver_dma),
	O(KERNEL_VIRTIO_RING, "vring_virtqueue", "packed.device_event_dma_addr", packed_device_dma),
	O(KERNEL_VIRTIO_BLK, "request", "q", rq_q),
	O(KERNEL_VIRTIO_BLK, "request", "mq_hctx", rq_hctx),
	O(KERNEL_VIRTIO_BLK, "request", "cmd_flags", rq_flags),
	O(KERNEL_VIRTIO_BLK, "request", "tag", rq_tag),
	O(KERNEL_VIRTIO_BLK, "request", "__data_len", rq_len),
	O(KERNEL_VIRTIO_BLK, "request", "__sector", rq_sector),
	O(KERNEL_VIRTIO_BLK, "request", "start_time_ns", rq_start),
	O(KERNEL_VIRTIO_BLK, "blk_mq_hw_ctx", "queue", hctx_queue),
	O(KERNEL_VIRTIO_BLK, "blk_mq_hw_ctx", "queue_num", hctx_num),
	O(KERNEL_VIRTIO_BLK, "request_queue", "queuedata", q_data),
	O(KERNEL_VIRTIO_BLK, "virtio_blk", "vdev", vblk_vdev),
	O(KERNEL_VIRTIO_BLK, "blk_mq_tag_set", "nr_hw_queues", set_queues),
	O(KERNEL_VIRTIO_BLK, "blk_mq_tag_set", "queue_depth", set_depth),
	O(KERNEL_VIRTIO_BLK, "blk_mq_tag_set", "numa_node", set_node),
	O(KERNEL_VIRTIO_NET, "net_device", "", net_size),
	O(KERNEL_VIRTIO_NET, "net_device", "priv", net_priv, .optional = true),
	O(KERNEL_VIRTIO_NET, "virtnet_info", "vdev", vi_vdev),
	O(KERNEL_VIRTIO_NET, "receive_queue", "napi", rxq_napi),
	O(KERNEL_VIRTIO_NET, "receive_queue", "vq", rxq_vq),
	O(KERNEL_VIRTIO_NET, "send_queue", "napi", txq_napi),
	O(KERNEL_VIRTIO_NET, "send_queue", "vq", txq_vq),
#undef O
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static uint16_t *field(struct vqg_layout *l, const struct row *r)
{
	return (uint16_t *)((uint8_t *)l + r->field);
}

/* A search for one offset. */
struct search {
	const struct btf *btf;
	unsigned left; /* members that may still be looked at */
};

/* Far more than is ever asked for, and no sum of a few of these overflows. */
static int within(uint32_t bytes)
{
	return bytes < 1 << 24 ? (int)bytes : -ERANGE;
}

/* The offset in bytes of a member of this name, also in structures without a name; -ENOENT. */
static int find_member(struct search *s, const struct btf_type *t, const char *name, size_t len,
		       const struct btf_type **type, unsigned depth)
{
	const struct btf_member *m = btf_members(t);

	for (unsigned i = 0; i < btf_vlen(t) && s->left; i++) {
		const char *n = btf__name_by_offset(s->btf, m[i].name_off);
		uint32_t bits = btf_member_bit_offset(t, i);
		const struct btf_type *mt;
		int id = btf__resolve_type(s->btf, m[i].type), at;

		s->left--;
		mt = id > 0 ? btf__type_by_id(s->btf, (uint32_t)id) : NULL;
		if (bits % 8 || !mt)
			continue;
		if (n && strlen(n) == len && !memcmp(n, name, len)) {
			*type = mt;
			return within(bits / 8);
		}
		if (n && *n)
			continue;
		if (!btf_is_composite(mt) || depth == DEPTH)
			continue;
		at = find_member(s, mt, name, len, type, depth + 1);
		if (at >= 0)
			return within(bits / 8 + (uint32_t)at);
	}
	return -ENOENT;
}

static int find_path(const struct btf *btf, const char *struct_name, const char *path)
{
	int id = btf__find_by_name_kind(btf, struct_name, BTF_KIND_STRUCT), at = 0;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	struct search s = { btf, MEMBERS };

	if (t && !*path)
		return within(t->size);
	while (t) {
		size_t len = strcspn(path, ".");
		int n = btf_is_composite(t) ? find_member(&s, t, path, len, &t, 0) : -ENOENT;

		if (n < 0)
			return n;
		at += n;
		if (!path[len])
			return at;
		path += len + 1;
	}
	return -ENOENT;
}

bool guest_layout_find(struct vqg_layout *l, const struct btf *btf, unsigned modules)
{
	bool found = false;

	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];
		uint16_t *f = field(l, r);
		int at;

		if (*f != VQG_UNKNOWN || !(modules >> r->module & 1))
			continue;
		at = find_path(btf, r->type, r->member);
		if (at < 0 || at >= VQG_UNKNOWN)
			continue;
		*f = (uint16_t)at;
		found = true;
	}
	return found;
}

void guest_layout_missing(const struct vqg_layout *l, struct text *to)
{
	for (size_t i = 0; i < ROWS; i++)
		if (*field((struct vqg_layout *)l, &rows[i]) == VQG_UNKNOWN && !rows[i].optional)
			text_add(to, "%s%s.%s", to->len ? ", " : "", rows[i].type, rows[i].member);
}

enum vqg_gives guest_layout_gives(const struct btf *btf, uint32_t first, const char *function)
{
	enum vqg_gives all = VQG_GIVES_UNKNOWN;

	for (uint32_t id = first; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name = btf_is_func(t) ? btf__name_by_offset(btf, t->name_off) : NULL;
		enum vqg_gives one;

		if (!name || strcmp(name, function))
			continue;
		t = btf__type_by_id(btf, t->type);
		if (!t || !btf_is_func_proto(t))
			return VQG_GIVES_UNKNOWN;
		one = t->type ? VQG_GIVES_RESULT : VQG_GIVES_ARG1;
		if (one == VQG_GIVES_ARG1 && btf_vlen(t) != 2)
			return VQG_GIVES_UNKNOWN;
		if (all != VQG_GIVES_UNKNOWN && all != one)
			return VQG_GIVES_UNKNOWN;
		all = one;
	}
	return all;
}
