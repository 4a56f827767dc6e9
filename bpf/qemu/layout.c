/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "bpf/qemu/layout.h"

/* Index of an offset field in struct vqp_proc. */
#define FIELD(f) offsetof(struct vqp_proc, f)

static uint16_t *field(struct vqp_proc *l, size_t at)
{
	return (uint16_t *)((uint8_t *)l + at);
}

static void set(struct vqp_proc *l, size_t at, int64_t v)
{
	if (v >= 0 && v < VQP_UNKNOWN)
		*field(l, at) = (uint16_t)v;
}

static struct function *open_symbol(const struct qemu *q, const char *name)
{
	uint64_t addr = elf_symbol(q->elf, name);
	struct function *f;

	return addr && !function_open(&f, q->elf, addr) ? f : NULL;
}

/*
 * Whether v is vdev->vq[n] or an address inside it: a load from (argument 0 + vq), plus n
 * scaled.
 */
static bool in_queue(const struct function *f, struct value v, int64_t *vq)
{
	const struct insn *l;

	if (v.base < VALUE_LOAD || v.scale < 64 || v.scale > 4096)
		return false;
	l = &f->insn[v.base - VALUE_LOAD];
	if (l->load.base != VALUE_ARG(0) || l->load.scale || l->load_width != 8)
		return false;
	*vq = l->load.off;
	return true;
}

/* Loads from vdev->vq[n], in address order, at most max. */
static size_t queue_loads(const struct function *f, struct insn *out, size_t max)
{
	size_t n = 0;
	int64_t vq;

	for (size_t i = 0; i < f->n; i++) {
		size_t k;

		if (!f->insn[i].load_width || !in_queue(f, f->insn[i].load, &vq))
			continue;
		for (k = 0; k < n; k++)
			if (out[k].load.off == f->insn[i].load.off)
				break;
		if (k < n || n == max)
			continue;
		for (k = n++; k > 0 && out[k - 1].load.off > f->insn[i].load.off; k--)
			out[k] = out[k - 1];
		out[k] = f->insn[i];
	}
	return n;
}

/* Accessors of the form vdev->vq[n].field: the one load of that width. */
static const struct {
	const char *symbol;
	size_t field;
	uint8_t width;
} accessors[] = {
	{ "virtio_queue_get_desc_addr", FIELD(vq_desc), 8 },
	{ "virtio_queue_get_avail_addr", FIELD(vq_avail), 8 },
	{ "virtio_queue_get_used_addr", FIELD(vq_used_addr), 8 },
	{ "virtio_queue_get_num", FIELD(vq_num), 4 },
	{ "virtio_queue_vector", FIELD(vq_vector), 2 },
};

static void find_accessors(struct qemu *q)
{
	for (size_t a = 0; a < sizeof(accessors) / sizeof(accessors[0]); a++) {
		struct function *f = open_symbol(q, accessors[a].symbol);
		struct insn loads[4];
		size_t n = f ? queue_loads(f, loads, 4) : 0;

		for (size_t i = 0; i < n; i++) {
			int64_t vq;

			if (loads[i].load_width != accessors[a].width)
				continue;
			set(&q->layout, accessors[a].field, loads[i].load.off);
			if (in_queue(f, loads[i].load, &vq)) {
				set(&q->layout, FIELD(vdev_vq), vq);
				set(&q->layout, FIELD(vq_size), loads[i].load.scale);
			}
			break;
		}
		function_close(f);
	}
}

/*
 * Find the positions of both sides and the bit for packed rings, from the code that saves a
 * queue.
 */
static void find_indices(struct qemu *q)
{
	struct function *f = open_symbol(q, "virtio_queue_get_last_avail_idx");
	struct insn loads[8];
	size_t n = f ? queue_loads(f, loads, 8) : 0, words = 0, bytes = 0;

	for (size_t i = 0; i < n; i++) {
		/* declared: last_avail_idx, its wrap counter, ..., used_idx, its wrap counter */
		if (loads[i].load_width == 2)
			set(&q->layout, words++ ? FIELD(vq_used) : FIELD(vq_last),
			    loads[i].load.off);
		else if (loads[i].load_width == 1)
			set(&q->layout, bytes++ ? FIELD(vq_used_wrap) : FIELD(vq_last_wrap),
			    loads[i].load.off);
	}
	for (size_t i = 0; f && i < f->n; i++) {
		const struct insn *in = &f->insn[i];

		if (in->load.base != VALUE_ARG(0) || in->load.scale || !in->has_imm)
			continue;
		/* VIRTIO_F_RING_PACKED is bit 34: 4 in byte 4, or a bit test of the whole */
		if (in->load_width == 1 && in->imm == 4 && in->load.off > 4)
			set(&q->layout, FIELD(vdev_features), in->load.off - 4);
		else if (in->load_width == 8 && in->imm == 34)
			set(&q->layout, FIELD(vdev_features), in->load.off);
	}
	function_close(f);
}

int64_t layout_first_load(const struct qemu *q, const char *symbol, int base, uint8_t width,
			  int64_t imm)
{
	struct function *f = open_symbol(q, symbol);
	int64_t off = -1;

	for (size_t i = 0; f && i < f->n && off < 0; i++) {
		const struct insn *in = &f->insn[i];

		if (f->reached[i] && in->load_width == width && in->load.base == base &&
		    !in->load.scale && (imm < 0 || (in->has_imm && in->imm == imm)))
			off = in->load.off;
	}
	function_close(f);
	return off;
}

/*
 * The offset of a queue's kick eventfd: virtio_queue_get_host_notifier(vq) adds it, and
 * virtio_queue_host_notifier_read(notifier) subtracts it.  Both must agree.
 */
static void find_notifier(struct qemu *q)
{
	struct function *f = open_symbol(q, "virtio_queue_get_host_notifier");
	int64_t given = -1, taken = -1;

	for (size_t i = 0; f && i < f->n; i++)
		if (f->insn[i].kind == INSN_RET && f->reached[i] &&
		    f->in[i][VQP_RAX].base == VALUE_ARG(0) && !f->in[i][VQP_RAX].scale)
			given = f->in[i][VQP_RAX].off;
	function_close(f);
	f = open_symbol(q, "virtio_queue_host_notifier_read");
	for (size_t i = 0; f && i < f->n; i++) {
		struct value v = f->in[i][VQP_RDI];

		if ((f->insn[i].kind == INSN_CALL || f->insn[i].kind == INSN_JMP) &&
		    f->reached[i] && v.base == VALUE_ARG(0) && v.off < 0 && v.off > -VQP_VQ_BYTES)
			taken = -v.off;
	}
	function_close(f);
	/* The flag that follows it (struct EventNotifier is 12 bytes) says whether it is in use. */
	if (given > 0 && given == taken && given + 16 <= VQP_VQ_BYTES)
		set(&q->layout, FIELD(vq_notifier), given);
}

/* Find the variable in which object_get_root() keeps the root object. */
static void find_root(struct qemu *q)
{
	struct function *f = open_symbol(q, "object_get_root");

	for (size_t i = 0; f && i < f->n && !q->root; i++)
		if (f->insn[i].rip_ref && f->insn[i].load_width == 8)
			q->root = f->insn[i].rip_ref;
	function_close(f);
}

/* Offsets of fields that struct VirtIODevice declares beside known ones. */
static void find_device_state(struct qemu *q)
{
	const struct vqp_proc *l = &q->layout;
	unsigned sets, first;

	q->vdev_host_features = q->vdev_config = q->vdev_config_len = VQP_UNKNOWN;
	if (l->vdev_vq == VQP_UNKNOWN || l->vdev_features == VQP_UNKNOWN ||
	    l->vdev_status == VQP_UNKNOWN || l->vdev_config_vector == VQP_UNKNOWN)
		return;
	/* ... features..., config_len, config, config_vector */
	q->vdev_config_len = l->vdev_config_vector - 16;
	q->vdev_config = l->vdev_config_vector - 8;
	/* status, isr, queue_sel, then three feature sets of one or two words */
	first = (l->vdev_status + 4U + 7) & ~7U;
	sets = (q->vdev_config_len - first) / 3;
	if (q->vdev_config_len <= first || (sets != 8 && sets != 16))
		return;
	/* guest, host, backend before 10.2; host, guest, backend since */
	if (l->vdev_features == first)
		q->vdev_host_features = (uint16_t)(first + sets);
	else if (l->vdev_features == first + sets)
		q->vdev_host_features = (uint16_t)first;
}

static void note(struct qemu *q, const char *what, const char *costs)
{
	if (q->nnotes == QEMU_NOTES)
		return;
	snprintf(q->note[q->nnotes].what, sizeof(q->note[0].what), "%s", what);
	q->note[q->nnotes++].costs = costs;
}

static const struct {
	const char *name;
	size_t field;
	const char *costs; /* what is missing without it; NULL: a capture is impossible */
} fields[] = {
	{ "DeviceState.parent_bus", FIELD(dev_bus), "virtio-mmio, idle devices on late attach" },
	{ "VirtIODevice.vq", FIELD(vdev_vq), "kicks by register, queue state on late attach" },
	{ "VirtIODevice.guest_features", FIELD(vdev_features), NULL },
	{ "VirtIODevice.broken", FIELD(vdev_broken), "whether a kick was ignored" },
	{ "VirtIODevice.status", FIELD(vdev_status), "the device status on late attach" },
	{ "VirtIODevice.config_vector", FIELD(vdev_config_vector), "configuration vectors" },
	{ "sizeof(VirtQueue)", FIELD(vq_size), "kicks by register" },
	{ "VirtQueue.vring.num", FIELD(vq_num), NULL },
	{ "VirtQueue.vring.desc", FIELD(vq_desc), NULL },
	{ "VirtQueue.vring.avail", FIELD(vq_avail), NULL },
	{ "VirtQueue.vring.used", FIELD(vq_used_addr), NULL },
	{ "VirtQueue.vring.caches", FIELD(vq_caches), NULL },
	{ "VirtQueue.last_avail_idx", FIELD(vq_last), NULL },
	{ "VirtQueue.last_avail_wrap_counter", FIELD(vq_last_wrap), "packed rings" },
	{ "VirtQueue.used_idx", FIELD(vq_used), "used positions" },
	{ "VirtQueue.used_wrap_counter", FIELD(vq_used_wrap), "packed rings" },
	{ "VirtQueue.queue_index", FIELD(vq_index), NULL },
	{ "VirtQueue.inuse", FIELD(vq_inuse), "queues taken beyond their size" },
	{ "VirtQueue.vector", FIELD(vq_vector), "vectors of interrupts" },
	{ "VirtQueue.vdev", FIELD(vq_vdev), NULL },
	{ "VirtQueue.host_notifier", FIELD(vq_notifier),
	  "in ring samples: whether a kick is pending" },
	{ "QEMUIOVector.size", FIELD(qiov_size), "the lengths of what the back end is given" },
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

/* Up to the end of the fields that the probe programs take from their copy of a VirtQueue. */
static uint16_t queue_bytes(const struct vqp_proc *l)
{
	const uint16_t end[] = { l->vq_num + 4,	      l->vq_desc + 8, l->vq_caches + 8,
				 l->vq_last + 2,      l->vq_used + 2, l->vq_last_wrap + 1,
				 l->vq_used_wrap + 1, l->vq_inuse + 4 };
	uint16_t n = 0;

	for (size_t i = 0; i < sizeof(end) / sizeof(end[0]); i++)
		if (end[i] > n && end[i] <= VQP_VQ_BYTES)
			n = end[i];
	return (uint16_t)((n + 7) & ~7);
}

void layout_find(struct qemu *q)
{
	struct vqp_proc *l = &q->layout;

	for (size_t i = 0; i < FIELDS; i++)
		*field(l, fields[i].field) = VQP_UNKNOWN;
	find_accessors(q);
	find_indices(q);
	find_notifier(q);
	set(l, FIELD(vq_index),
	    layout_first_load(q, "virtio_get_queue_index", VALUE_ARG(0), 2, -1));
	set(l, FIELD(vq_vdev), layout_first_load(q, "virtqueue_pop", VALUE_ARG(0), 8, -1));
	set(l, FIELD(qiov_size), layout_first_load(q, "blk_aio_preadv", VALUE_ARG(2), 8, -1));
	set(l, FIELD(dev_bus), layout_first_load(q, "qdev_get_parent_bus", VALUE_ARG(0), 8, -1));
	set(l, FIELD(vdev_broken), layout_first_load(q, "virtio_queue_notify", VALUE_ARG(0), 1, 0));
	/* VIRTIO_CONFIG_S_DRIVER_OK */
	set(l, FIELD(vdev_status),
	    layout_first_load(q, "virtio_notify_config", VALUE_ARG(0), 1, 4));
	set(l, FIELD(vdev_config_vector),
	    layout_first_load(q, "virtio_notify_config", VALUE_ARG(0), 2, -1));
	/* declared one after the other: vring.used and vring.caches; queue_index and inuse */
	if (l->vq_used_addr != VQP_UNKNOWN)
		l->vq_caches = l->vq_used_addr + 8;
	if (l->vq_index != VQP_UNKNOWN)
		l->vq_inuse = (l->vq_index + 2 + 3) & ~3;
	for (size_t i = 0; i < FIELDS; i++) {
		/* one read of VQP_VQ_BYTES copies all of a queue's fields */
		if (!strncmp(fields[i].name, "VirtQueue.", 10) &&
		    *field(l, fields[i].field) > VQP_VQ_BYTES - 8)
			*field(l, fields[i].field) = VQP_UNKNOWN;
		if (*field(l, fields[i].field) == VQP_UNKNOWN)
			note(q, fields[i].name,
			     fields[i].costs ? fields[i].costs : "rings, chains and completions");
	}
	l->vq_bytes = queue_bytes(l);
	find_device_state(q);
	find_root(q);
	if (!q->root)
		note(q, "the tree of objects", "idle devices on late attach");
}

const char *layout_unusable(const struct vqp_proc *l)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (!fields[i].costs &&
		    *field((struct vqp_proc *)l, fields[i].field) == VQP_UNKNOWN)
			return fields[i].name;
	return NULL;
}

size_t layout_list(const struct qemu *q, struct layout_field *out, size_t max)
{
	size_t n = 0;

	for (; n < FIELDS && n < max; n++)
		out[n] =
			(struct layout_field){ fields[n].name, *field((struct vqp_proc *)&q->layout,
								      fields[n].field) };
	return n;
}
