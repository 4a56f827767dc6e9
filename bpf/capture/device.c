/* SPDX-License-Identifier: MIT */
/*
 * Who a device is, read out of QEMU's memory.  QOM's first structures have not
 * moved since 2.x; everything further is checked against something known before
 * it is believed, and unknown otherwise.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/capture/impl.h"
#include "bpf/prog/qemu.skel.h"
#include "decoder/class/class.h"
#include "decoder/trace/file.h"

/* Looks at a device that is still being made, at the pace of housekeeping. */
#define TRIES 500

struct device *device_get(struct target *t, uint16_t id)
{
	struct capture *c = t->c;
	struct device *d;

	if (!id || id >= DEVICES)
		return NULL;
	if (c->device[id])
		return c->device[id];
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->target = t;
	d->wanted = true;
	d->r.bdf = ~0U;
	d->r.h.device = id;
	c->device[id] = d;
	return d;
}

/* --- PCI ------------------------------------------------------------------- */

/*
 * struct PCIDevice: ... uint8_t *config; ... int32_t devfn; struct { PCIDevice
 * *dev; int type; }; char name[64]; the name is the type's and the pointer is
 * the device itself or its bridge: found by that, not by an offset.
 */
#define PCI_HEAD 512

static int pci_devfn(const uint8_t *head, const char *typename)
{
	size_t n = strlen(typename) + 1;
	const uint8_t *name = n > 1 ? memmem(head + 128, PCI_HEAD - 128, typename, n) : NULL;
	int32_t devfn;

	if (!name || (name - head) % 8)
		return -1;
	memcpy(&devfn, name - 24, sizeof(devfn));
	return devfn >= 0 && devfn < 256 ? devfn : -1;
}

/* The configuration space: a pointer to bytes that begin with a vendor and a sane header. */
static uint64_t pci_config(pid_t pid, const uint8_t *head, uint16_t vendor, uint8_t config[256])
{
	for (size_t at = 56; at + 8 <= PCI_HEAD; at += 8) {
		uint64_t p;

		memcpy(&p, head + at, 8);
		if (p > 4096 && !(p & 7) && p >> 48 == 0 && process_mem_all(pid, p, config, 256) &&
		    (uint16_t)(config[0] | config[1] << 8) == vendor && (config[0x0e] & 0x7e) == 0)
			return p;
	}
	return 0;
}

/* The bus a device sits on: 0 for a root bus, the secondary number behind a bridge, -1. */
static int pci_bus(pid_t pid, const uint8_t *head)
{
	for (size_t at = 56; at < 128; at += 8) {
		char type[64], name[64];
		uint64_t bus, parent;
		uint8_t phead[PCI_HEAD];

		memcpy(&bus, head + at, 8);
		if (bus < 4096 || bus >> 48 || bus & 7 ||
		    !*qom_typename(pid, bus, type, sizeof(type)))
			continue;
		if (strncmp(type, "PCI", 3) && strncmp(type, "pci", 3) && strncmp(type, "CXL", 3))
			continue;
		process_string(pid, qom_pointer(pid, bus + BUS_NAME), name, sizeof(name));
		parent = qom_pointer(pid, bus + BUS_PARENT);
		if (!parent || !*qom_typename(pid, parent, type, sizeof(type)))
			return -1;
		if (strstr(type, "pcihost") || strstr(type, "pci-host") || strstr(type, "gpex"))
			return 0;
		if (!process_mem_all(pid, parent, phead, sizeof(phead)))
			return -1;
		/* the bridge's secondary bus number, once firmware has set it */
		for (size_t c = 56; c + 8 <= PCI_HEAD; c += 8) {
			uint64_t p;
			uint8_t config[64];

			memcpy(&p, phead + c, 8);
			if (p > 4096 && !(p & 7) && p >> 48 == 0 &&
			    process_mem_all(pid, p, config, 64) && (config[0x0e] & 0x7f) == 1)
				return config[0x19] ? config[0x19] : -1;
		}
		return -1;
	}
	return -1;
}

static void look_pci(struct device *d)
{
	pid_t pid = d->target->p.pid;
	uint8_t head[PCI_HEAD], config[256];
	int devfn, bus;

	if (!process_mem_all(pid, d->proxy, head, sizeof(head)))
		return;
	devfn = pci_devfn(head, d->typename);
	bus = pci_bus(pid, head);
	if (devfn >= 0 && bus >= 0)
		d->r.bdf = (uint32_t)(bus << 8 | devfn);
	d->pci_config = pci_config(pid, head, 0x1af4, config);
	if (d->pci_config) {
		unsigned device = (unsigned)(config[2] | config[3] << 8);
		unsigned subsystem = (unsigned)(config[0x2e] | config[0x2f] << 8);

		d->r.transport = VQT_TRANSPORT_PCI;
		if (class_id_of_pci(device, subsystem))
			d->r.virtio_id = (uint16_t)class_id_of_pci(device, subsystem);
		/* All begin as transitional; plugging makes them modern ones (4.1.2.1). */
		if (d->realized && device >= 0x1000 && device < 0x1040)
			d->r.flags |= VQT_DEV_TRANSITIONAL;
	}
}

/* --- virtio ---------------------------------------------------------------- */

/* The class from the type name, where the PCI identity says nothing yet. */
static unsigned id_of_typename(const char *type)
{
	char word[64];
	const char *p = strncmp(type, "virtio-", 7) ? type : type + 7;
	const struct class *s;

	if (!strncmp(p, "vhost-user-", 11))
		p += 11;
	else if (!strncmp(p, "vhost-", 6))
		p += 6;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, "-"), p);
	s = class_by_name(word);
	return s ? s->id : 0;
}

uint64_t device_slot(const struct target *t, uint64_t vdev)
{
	uint64_t bus;
	char type[64];

	if (t->q->layout.dev_bus == VQP_UNKNOWN)
		return 0;
	bus = qom_pointer(t->p.pid, vdev + t->q->layout.dev_bus);
	if (!bus || strncmp(qom_typename(t->p.pid, bus, type, sizeof(type)), "virtio-", 7) ||
	    !strstr(type, "-bus"))
		return 0;
	return qom_pointer(t->p.pid, bus + BUS_PARENT);
}

/* The BPF side knows which VirtIODevice belongs to a proxy once it has met one. */
static void look_vdev(struct device *d)
{
	struct capture *c = d->target->c;
	struct vqp_key k = { .ptr = d->proxy, .tgid = (uint32_t)d->target->p.pid };
	struct vqp_dev e;

	if (d->vdev || !d->proxy || bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.devices), &k, &e))
		return;
	d->vdev = e.vdev;
}

static unsigned count_queues(const struct device *d)
{
	const struct vqp_proc *l = &d->target->q->layout;
	pid_t pid = d->target->p.pid;
	uint64_t vq;
	unsigned n = 0;

	if (!d->vdev || l->vdev_vq == VQP_UNKNOWN || l->vq_size == VQP_UNKNOWN)
		return 0;
	vq = qom_pointer(pid, d->vdev + l->vdev_vq);
	for (; vq && n < VQP_QUEUE_MAX; n++) {
		uint32_t num[2];

		/* vring.num_default, right behind vring.num, is 0 where there is no queue */
		if (!process_mem_all(pid, vq + (uint64_t)n * l->vq_size + l->vq_num, num, 8) ||
		    !num[1] || num[1] > 32768)
			break;
	}
	return n;
}

const struct query_device *device_answer(const struct device *d)
{
	const struct query_answer *a = &d->target->qmp;
	char path[sizeof(d->path) + 16];

	snprintf(path, sizeof(path), "%s/virtio-backend", d->path);
	for (size_t i = 0; i < a->n && d->path[0] && !d->gone; i++)
		if (!strcmp(a->dev[i].path, path) || !strcmp(a->dev[i].path, d->path))
			return &a->dev[i];
	return NULL;
}

/* Gaps that QMP can fill. */
static void look_qmp(struct device *d)
{
	const struct query_device *m = device_answer(d);

	if (!m)
		return;
	if (!d->r.virtio_id)
		d->r.virtio_id = m->virtio_id;
	if (!d->r.queues)
		d->r.queues = m->queues;
	if (d->r.bdf == ~0U)
		d->r.bdf = m->bdf;
	if (m->vhost)
		d->r.flags |= VQT_DEV_DATAPATH_ELSEWHERE;
}

/* What the user calls it, and what it is; of virtio-mmio the device knows, not its slot. */
static void look_names(struct device *d, pid_t pid, uint64_t obj)
{
	qom_typename(pid, obj, d->typename, sizeof(d->typename));
	if (strstr(d->typename, "mmio")) {
		d->r.transport = VQT_TRANSPORT_MMIO;
		if (d->vdev)
			qom_typename(pid, obj = d->vdev, d->typename, sizeof(d->typename));
	}
	process_string(pid, qom_pointer(pid, obj + DEVICE_ID), d->user_id, sizeof(d->user_id));
	process_string(pid, qom_pointer(pid, obj + DEVICE_PATH), d->path, sizeof(d->path));
	if (d->path[0] != '/')
		d->path[0] = 0;
	if (!d->r.virtio_id)
		d->r.virtio_id = (uint16_t)id_of_typename(d->typename);
}

static void look(struct device *d)
{
	pid_t pid = d->target->p.pid;
	uint64_t obj = d->proxy ? d->proxy : d->vdev;

	if (!d->proxy && d->vdev) {
		d->proxy = device_slot(d->target, d->vdev);
		obj = d->proxy ? d->proxy : d->vdev;
	}
	if (obj) {
		look_vdev(d);
		look_names(d, pid, obj);
		if (d->r.transport != VQT_TRANSPORT_MMIO && d->proxy &&
		    (d->r.transport != VQT_TRANSPORT_PCI || d->r.bdf == ~0U || !d->complete))
			look_pci(d);
		d->r.queues = (uint16_t)count_queues(d);
	}
	if (!strncmp(d->typename, "vhost-", 6))
		d->r.flags |= VQT_DEV_DATAPATH_ELSEWHERE;
	look_qmp(d);
}

/* --- names and filters ----------------------------------------------------- */

/* "blk0": class and number of first sight, when the user gave no id. */
static void name_device(struct device *d)
{
	struct capture *c = d->target->c;
	char buf[32];
	unsigned n = 0;

	if (!d->r.virtio_id)
		return;
	for (unsigned i = 0; i < d->r.h.device; i++)
		if (c->device[i] && c->device[i]->target == d->target &&
		    c->device[i]->r.virtio_id == d->r.virtio_id)
			n++;
	d->number = n;
	snprintf(d->name, sizeof(d->name), "%.20s%u", class_name(d->r.virtio_id, buf, sizeof(buf)),
		 n);
}

/* Our names count for nothing where the user's ids look the same: "blk1" is that id, then. */
static bool named(const struct device *d, const char *word)
{
	size_t n = strcspn(d->name, "0123456789");

	if (strcmp(word, d->name))
		return false;
	return strncmp(d->user_id, d->name, n) || !d->user_id[n] ||
	       d->user_id[n + strspn(d->user_id + n, "0123456789")];
}

static bool is_wanted(const struct capture *c, const struct device *d)
{
	if (!c->o.devices)
		return true;
	for (const char *const *w = c->o.devices; *w; w++)
		if (!strcmp(*w, d->user_id) || named(d, *w) || !strcmp(*w, d->path) ||
		    !strcmp(*w, d->typename))
			return true;
	/* Not realized, no id yet: what it will be called is not decided. */
	return !d->path[0] && !d->user_id[0];
}

/* Tell the programs to look away. */
static void skip_in_kernel(struct device *d)
{
	struct capture *c = d->target->c;
	int fd = bpf_map__fd(c->skel->maps.devices);
	const uint64_t ptr[2] = { d->proxy, d->vdev };

	for (size_t i = 0; i < 2; i++) {
		struct vqp_key k = { .ptr = ptr[i], .tgid = (uint32_t)d->target->p.pid };
		struct vqp_dev e;

		if (!ptr[i] || bpf_map_lookup_elem(fd, &k, &e))
			continue;
		e.skip = 1;
		bpf_map_update_elem(fd, &k, &e, BPF_EXIST);
	}
}

static void skip_queues(struct device *d)
{
	const struct vqp_proc *l = &d->target->q->layout;
	int fd = bpf_map__fd(d->target->c->skel->maps.queues);
	uint64_t vq = d->vdev ? qom_pointer(d->target->p.pid, d->vdev + l->vdev_vq) : 0;

	for (unsigned i = 0; vq && i < d->r.queues; i++) {
		struct vqp_key k = { .ptr = vq + (uint64_t)i * l->vq_size,
				     .tgid = (uint32_t)d->target->p.pid };
		struct vqp_queue q;

		if (bpf_map_lookup_elem(fd, &k, &q))
			continue;
		q.skip = 1;
		bpf_map_update_elem(fd, &k, &q, BPF_EXIST);
	}
}

/* --- records --------------------------------------------------------------- */

static size_t put(uint8_t *buf, size_t at, size_t size, unsigned tag, const char *s)
{
	size_t n = *s ? trace_put_tlv(buf, at, size, tag, s, strlen(s)) : 0;

	return n ? n : at;
}

void device_write(struct device *d)
{
	_Alignas(8) uint8_t buf[1024] = {};
	struct vqt_device *r = (void *)buf;
	uint16_t id = d->r.h.device;
	size_t at = sizeof(*r);

	target_stamp(d->target, &d->r.h, VQT_DEVICE, id);
	*r = d->r;
	at = put(buf, at, sizeof(buf), VQT_TAG_NAME, d->name);
	at = put(buf, at, sizeof(buf), VQT_TAG_ID, d->user_id);
	at = put(buf, at, sizeof(buf), VQT_TAG_TYPENAME, d->typename);
	at = put(buf, at, sizeof(buf), VQT_TAG_PATH, d->path);
	d->written = true;
	target_emit(d->target, buf, at);
}

void device_meet(struct device *d)
{
	look(d);
	if (!d->name[0])
		name_device(d);
	d->wanted = is_wanted(d->target->c, d);
	if (!d->wanted) {
		skip_in_kernel(d);
		skip_queues(d);
	}
}

/* Met at last: what QMP told of it was said under another id. */
static void retire_placeholder(struct device *d)
{
	struct capture *c = d->target->c;

	for (size_t i = 0; i < DEVICES && d->path[0]; i++) {
		struct device *p = c->device[i];

		if (p && p != d && p->placeholder && !p->gone && p->target == d->target &&
		    !strcmp(p->path, d->path))
			device_gone(p);
	}
}

void device_refresh(struct device *d)
{
	struct vqt_device before = d->r;
	char path[sizeof(d->path)];

	snprintf(path, sizeof(path), "%s", d->path);
	d->realized |= d->tries >= TRIES;
	device_meet(d);
	if (!d->placeholder)
		retire_placeholder(d);
	d->complete = (d->realized && d->path[0] && d->vdev && d->r.queues && d->r.virtio_id &&
		       (d->r.transport == VQT_TRANSPORT_PCI ? d->r.bdf != ~0U : d->r.transport)) ||
		      ++d->tries > TRIES;
	if (!d->wanted) {
		d->complete = d->complete || d->vdev;
		return;
	}
	if (!d->written || memcmp(&before, &d->r, sizeof(before)) || strcmp(path, d->path))
		device_write(d);
	if (d->target->late && (d->vdev || d->placeholder) && !d->state_written)
		device_write_state(d);
}

/* A driver only meets what is realized, and QEMU ends realizing with a reset. */
void device_hear(struct device *d, const struct vqt_hdr *h)
{
	const struct vqt_lifecycle *l = (const void *)h;

	d->realized |= h->type == VQT_REG || h->type == VQT_KICK || h->type == VQT_AVAIL ||
		       (h->type == VQT_LIFECYCLE && l->what == VQT_LIFECYCLE_RESET);
}

void device_answered(struct device *d)
{
	const struct query_device *m = device_answer(d);

	device_refresh(d);
	if (d->wanted && d->target->late && m && (m->known & ~d->state_known))
		device_write_state(d);
}

void device_seen(struct target *t, const struct vqt_device *r)
{
	struct device *d = device_get(t, r->h.device);
	char type[64];

	if (!d)
		return;
	/* BPF hands out ids for proxies; a device without one stands for itself. */
	qom_typename(t->p.pid, r->handle, type, sizeof(type));
	if (strstr(type, "-device"))
		d->vdev = r->handle;
	else
		d->proxy = r->handle;
	d->r.handle = r->handle;
	if (t->late)
		d->r.flags |= VQT_DEV_LATE;
	d->tries = 0;
	d->fresh = true;
}

static bool keep(struct device *d, const void *record, size_t len)
{
	struct vqt_lifecycle *copy = realloc(d->making, len);

	if (!copy)
		return false;
	memcpy(copy, record, len);
	d->making = copy;
	d->making_len = len;
	return true;
}

bool device_keeps(struct device *d, const void *record, size_t len)
{
	const struct vqt_lifecycle *l = record;

	if (!d->fresh)
		return false;
	if (l->h.type == VQT_LIFECYCLE && l->what == VQT_LIFECYCLE_INSTANCE_INIT &&
	    keep(d, record, len))
		return true;
	d->fresh = false;
	device_refresh(d);
	if (d->making && d->wanted && !d->target->c->o.no_lifecycle) {
		d->making->h.ts = d->target->last_ts; /* what has been written since came first */
		target_emit(d->target, d->making, d->making_len);
	}
	free(d->making);
	d->making = NULL;
	return false;
}

void device_free(struct device *d)
{
	free(d->making);
	free(d);
}

void device_gone(struct device *d)
{
	d->r.flags |= VQT_DEV_GONE;
	d->gone = true;
	device_write(d);
}

void device_life(struct target *t, const struct vqt_lifecycle *l)
{
	struct device *d = l->h.device ? device_get(t, l->h.device) : NULL;

	if (!d || l->what != VQT_LIFECYCLE_VHOST_START || d->noted)
		return;
	d->noted = true;
	if (!(d->r.flags & VQT_DEV_DATAPATH_ELSEWHERE)) {
		d->r.flags |= VQT_DEV_DATAPATH_ELSEWHERE;
		device_write(d);
	}
	target_note(t, l->h.device,
		    "the data path of this device is not in this process (vhost): "
		    "its rings are served elsewhere and not recorded");
}
