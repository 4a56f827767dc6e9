/* SPDX-License-Identifier: MIT */
/*
 * The layout of QOM's first structures is the same since 2.x.  Every other value is checked
 * against a known one, and is unknown if the check fails.
 */
#include <stdio.h>
#include <string.h>

#include "bpf/qom/identity.h"
#include "bpf/qom/qom.h"
#include "decoder/class/class.h"

/* DeviceState, BusState: behind Object, the same since 2.x */
#define DEVICE_ID 40
#define BUS_PARENT 40
#define BUS_NAME 48

/* --- PCI ------------------------------------------------------------------- */

/*
 * struct PCIDevice: ... uint8_t *config; ... int32_t devfn; struct { PCIDevice *dev; int
 * type; }; char name[64]; The name is that of the type, and dev is the device itself or its
 * bridge: these are searched for, as their offsets differ.
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

/* Find the configuration space: a pointer to bytes that begin with a vendor and a valid header. */
static uint64_t pci_config(const struct process_memory *m, const uint8_t *head, uint16_t vendor,
			   uint8_t config[256])
{
	for (size_t at = 56; at + 8 <= PCI_HEAD; at += 8) {
		uint64_t p;

		memcpy(&p, head + at, 8);
		if (p > 4096 && !(p & 7) && p >> 48 == 0 && process_mem_all(m, p, config, 256) &&
		    (uint16_t)(config[0] | config[1] << 8) == vendor && (config[0x0e] & 0x7e) == 0)
			return p;
	}
	return 0;
}

/* The number of the device's bus: 0 for a root bus, the secondary number behind a bridge, or -1. */
static int pci_bus(const struct process_memory *m, const uint8_t *head)
{
	for (size_t at = 56; at < 128; at += 8) {
		char type[64], name[64];
		uint64_t bus, parent;
		uint8_t phead[PCI_HEAD];

		memcpy(&bus, head + at, 8);
		if (bus < 4096 || bus >> 48 || bus & 7 ||
		    !*qom_typename(m, bus, type, sizeof(type)))
			continue;
		if (strncmp(type, "PCI", 3) && strncmp(type, "pci", 3) && strncmp(type, "CXL", 3))
			continue;
		process_string(m, process_pointer(m, bus + BUS_NAME), name, sizeof(name));
		parent = process_pointer(m, bus + BUS_PARENT);
		if (!parent || !*qom_typename(m, parent, type, sizeof(type)))
			return -1;
		if (strstr(type, "pcihost") || strstr(type, "pci-host") || strstr(type, "gpex"))
			return 0;
		if (!process_mem_all(m, parent, phead, sizeof(phead)))
			return -1;
		/* the bridge's secondary bus number, once firmware has set it */
		for (size_t c = 56; c + 8 <= PCI_HEAD; c += 8) {
			uint64_t p;
			uint8_t config[64];

			memcpy(&p, phead + c, 8);
			if (p > 4096 && !(p & 7) && p >> 48 == 0 &&
			    process_mem_all(m, p, config, 64) && (config[0x0e] & 0x7f) == 1)
				return config[0x19] ? config[0x19] : -1;
		}
		return -1;
	}
	return -1;
}

/* The class from the type name, used while the PCI identity is unknown. */
unsigned identity_class(const char *type)
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

static void look_pci(struct identity *who, struct vqt_device *r, const struct process_memory *m,
		     bool realized)
{
	uint8_t head[PCI_HEAD], config[256];
	unsigned device, subsystem, class, named;
	uint64_t space;
	int devfn, bus;

	if (!process_mem_all(m, who->proxy, head, sizeof(head)))
		return;
	devfn = pci_devfn(head, who->typename);
	bus = pci_bus(m, head);
	if (devfn >= 0 && bus >= 0)
		r->bdf = (uint32_t)(bus << 8 | devfn);
	space = pci_config(m, head, 0x1af4, config);
	if (!space)
		return;
	device = (unsigned)(config[2] | config[3] << 8);
	subsystem = (unsigned)(config[0x2e] | config[0x2f] << 8);
	class = class_id_of_pci(device, subsystem);
	named = identity_class(who->typename);
	if (class && named && class != named)
		return; /* freed, and in use by another device */
	who->pci_config = space;
	r->transport = VQT_TRANSPORT_PCI;
	if (class)
		r->virtio_id = (uint16_t) class;
	/* All begin as transitional; plugging turns some into modern ones (4.1.2.1). */
	if (realized && device >= 0x1000 && device < 0x1040)
		r->flags |= VQT_DEV_TRANSITIONAL;
}

/* --- virtio ---------------------------------------------------------------- */

uint64_t identity_slot(const struct process_memory *m, const struct vqp_proc *layout, uint64_t vdev)
{
	uint64_t bus;
	char type[64];

	if (layout->dev_bus == VQP_UNKNOWN)
		return 0;
	bus = process_pointer(m, vdev + layout->dev_bus);
	if (!bus || strncmp(qom_typename(m, bus, type, sizeof(type)), "virtio-", 7) ||
	    !strstr(type, "-bus"))
		return 0;
	return process_pointer(m, bus + BUS_PARENT);
}

/* The queues that exist now: QEMU adds them one by one while it realizes the device. */
static unsigned count_queues(const struct process_memory *m, const struct vqp_proc *l,
			     uint64_t vdev)
{
	uint64_t vq;
	unsigned n = 0;

	if (!vdev || l->vdev_vq == VQP_UNKNOWN || l->vq_size == VQP_UNKNOWN)
		return 0;
	vq = process_pointer(m, vdev + l->vdev_vq);
	for (; vq && n < VQP_QUEUE_MAX; n++) {
		uint32_t num[2];

		/* vring.num_default, right behind vring.num, is 0 where there is no queue */
		if (!process_mem_all(m, vq + (uint64_t)n * l->vq_size + l->vq_num, num, 8) ||
		    !num[1] || num[1] > 32768)
			break;
	}
	return n;
}

/* Replace the known value by the value read, unless that is empty. */
static void learn(char *known, size_t size, const char *read)
{
	if (*read)
		snprintf(known, size, "%s", read);
}

/*
 * Read the type, the user's id and the path of an object.  False when it cannot be read, or
 * has another type than before: then it was freed, and its memory has another use.
 */
static bool look_names(struct identity *who, const struct process_memory *m, uint64_t obj)
{
	char type[sizeof(who->typename)], id[sizeof(who->user_id)], path[sizeof(who->path)];

	qom_typename(m, obj, type, sizeof(type));
	if (!*type || (who->named == obj && strcmp(type, who->typename)))
		return false;
	process_string(m, process_pointer(m, obj + DEVICE_ID), id, sizeof(id));
	process_string(m, process_pointer(m, obj + IDENTITY_PATH), path, sizeof(path));
	who->named = obj;
	learn(who->typename, sizeof(who->typename), type);
	learn(who->user_id, sizeof(who->user_id), id);
	if (path[0] == '/')
		learn(who->path, sizeof(who->path), path);
	return true;
}

void identity_read(struct identity *who, struct vqt_device *r, const struct process_memory *m,
		   const struct vqp_proc *layout, bool realized)
{
	uint64_t obj;
	unsigned queues;
	char type[64];

	if (!who->proxy && who->vdev)
		who->proxy = identity_slot(m, layout, who->vdev);
	obj = who->proxy ? who->proxy : who->vdev;
	if (!obj)
		return;
	/* For virtio-mmio the device has the names, not the transport it is plugged into. */
	if (strstr(qom_typename(m, obj, type, sizeof(type)), "mmio")) {
		r->transport = VQT_TRANSPORT_MMIO;
		obj = who->vdev;
	}
	if (!obj || !look_names(who, m, obj))
		return;
	if (!r->virtio_id)
		r->virtio_id = (uint16_t)identity_class(who->typename);
	if (r->transport != VQT_TRANSPORT_MMIO && who->proxy)
		look_pci(who, r, m, realized);
	queues = count_queues(m, layout, who->vdev);
	if (queues > r->queues)
		r->queues = (uint16_t)queues;
}
