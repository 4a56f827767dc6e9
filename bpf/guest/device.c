/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <limits.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/guest/device.h"
#include "bpf/prog/guest.h"
#include "decoder/class/class.h"
#include "decoder/trace/build.h"

/* "0000:00:04.0" as VQT_DEVICE has it; ~0: not a PCI function. */
static uint32_t parse_bdf(const char *name)
{
	unsigned segment, bus, device, function;
	char rest;

	if (sscanf(name, "%x:%x:%x.%x%c", &segment, &bus, &device, &function, &rest) != 4 ||
	    segment > 0xffff || bus > 0xff || device > 31 || function > 7)
		return ~0U;
	return segment << 16 | bus << 8 | device << 3 | function;
}

/* The parent's name of a virtio device in sysfs. */
static bool parent_of(const char *virtio, char *parent, size_t size)
{
	char path[PATH_MAX], real[PATH_MAX], *slash;

	snprintf(path, sizeof(path), "/sys/bus/virtio/devices/%.64s/..", virtio);
	if (!realpath(path, real))
		return false;
	slash = strrchr(real, '/');
	if (!slash)
		return false;
	snprintf(parent, size, "%.31s", slash + 1);
	return true;
}

static void find_virtio(struct guest_device *d)
{
	DIR *dir = opendir("/sys/bus/virtio/devices");
	struct dirent *e;
	char parent[32];

	while (dir && !d->virtio[0] && (e = readdir(dir)))
		if (e->d_name[0] != '.' && parent_of(e->d_name, parent, sizeof(parent)) &&
		    !strcmp(parent, d->parent))
			snprintf(d->virtio, sizeof(d->virtio), "%.15s", e->d_name);
	if (dir)
		closedir(dir);
}

/* The first line of an attribute; "" if it cannot be read. */
static void read_attribute(const char *virtio, const char *name, char *line, size_t size)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/virtio/devices/%.64s/%s", virtio, name);
	line[0] = 0;
	f = fopen(path, "re");
	if (f && !fgets(line, (int)size, f))
		line[0] = 0;
	if (f)
		fclose(f);
}

size_t guest_devices_before(struct guest_before *out, size_t max)
{
	DIR *dir = opendir("/sys/bus/virtio/devices");
	struct dirent *e;
	size_t n = 0;

	while (dir && n < max && (e = readdir(dir))) {
		struct guest_before *b = &out[n];
		char line[160];

		*b = (struct guest_before){ .status = 0 };
		if (e->d_name[0] == '.' || !parent_of(e->d_name, b->parent, sizeof(b->parent)))
			continue;
		read_attribute(e->d_name, "status", line, sizeof(line));
		b->status = (uint8_t)strtoul(line, NULL, 16);
		/* a digit a feature, bit 0 first */
		read_attribute(e->d_name, "features", line, sizeof(line));
		for (unsigned i = 0; i < 128 && (line[i] == '0' || line[i] == '1'); i++)
			b->features[i / 64] |= (uint64_t)(line[i] - '0') << i % 64;
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

size_t guest_state_record(const struct guest_device *d, const struct guest_before *b, uint8_t *buf,
			  size_t size)
{
	struct build build;
	struct vqt_device_state *s = build_begin(&build, buf, size, VQT_DEVICE_STATE, sizeof(*s));

	if (!s)
		return 0;
	s->h.ts = d->r.h.ts;
	s->h.device = d->r.h.device;
	s->known = VQT_KNOWN_STATUS;
	s->status = b->status;
	if (b->status & VIRTIO_CONFIG_S_DRIVER_OK) {
		s->known |= VQT_KNOWN_ACCEPTED;
		s->accepted[0] = b->features[0];
		s->accepted[1] = b->features[1];
	}
	return build.len;
}

void guest_device_find(struct guest_device *d, const void *record, size_t len)
{
	struct vqg_found found;
	struct vqt_device r;

	if (len < sizeof(r) + sizeof(found))
		return;
	memcpy(&r, record, sizeof(r));
	memcpy(&found, (const uint8_t *)record + sizeof(r), sizeof(found));
	found.parent[sizeof(found.parent) - 1] = 0;
	d->r.h = r.h;
	if (r.virtio_id)
		d->r.virtio_id = r.virtio_id;
	memcpy(d->parent, found.parent, sizeof(d->parent));
	d->r.bdf = parse_bdf(d->parent);
	d->r.transport = d->r.bdf == ~0U ? VQT_TRANSPORT_MMIO : VQT_TRANSPORT_PCI;
	d->r.handle = r.handle;
	find_virtio(d);
}

bool guest_device_look(struct guest_device *d)
{
	find_virtio(d);
	return d->virtio[0] != 0;
}

bool guest_device_chosen(const struct guest_device *d, const struct option_list *names)
{
	const struct class *c = class_find(d->r.virtio_id);

	for (unsigned i = 0; i < names->n; i++) {
		const char *n = names->item[i];

		if (!strcmp(n, d->parent) || !strcmp(n, d->virtio) ||
		    (c && !strncmp(n, c->name, strlen(c->name))))
			return true;
	}
	return !names->n;
}

size_t guest_device_record(const struct guest_device *d, uint8_t *buf, size_t size)
{
	char path[128];
	struct build b;
	struct vqt_device *r = build_begin(&b, buf, size, VQT_DEVICE, sizeof(*r));

	if (!r)
		return 0;
	*r = d->r;
	r->h.type = VQT_DEVICE;
	r->h.queue = VQT_NO_QUEUE;
	build_text(&b, VQT_TAG_ID, d->virtio);
	if (d->virtio[0]) {
		snprintf(path, sizeof(path), "/sys/bus/virtio/devices/%s", d->virtio);
		build_text(&b, VQT_TAG_PATH, path);
	}
	return b.len;
}

static bool port_is_called(const char *port, const char *name)
{
	char path[PATH_MAX], line[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%.64s/name", port);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	line[strcspn(line, "\n")] = 0;
	return !strcmp(line, name);
}

bool guest_port_device(const char *path, char *device, size_t size)
{
	static const char folder[] = "/dev/virtio-ports/";
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(device, size, "%s", path);
	if (!access(path, F_OK))
		return true;
	if (strncmp(path, folder, strlen(folder)))
		return false;
	d = opendir("/sys/class/virtio-ports");
	while (d && !found && (e = readdir(d))) {
		found = e->d_name[0] != '.' && port_is_called(e->d_name, path + strlen(folder));
		if (found)
			snprintf(device, size, "/dev/%s", e->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

/* 5.3.2: port 0 has the queues 0 and 1, the control queues are 2 and 3, port n has 2n + 2. */
uint64_t guest_port_queues(const char *path)
{
	char device[PATH_MAX], real[PATH_MAX], *at;
	unsigned port;

	if (!path || !guest_port_device(path, device, sizeof(device)) || !realpath(device, real) ||
	    strncmp(real, "/dev/vport", 10))
		return 0;
	at = strrchr(real, 'p');
	if (!at || sscanf(at, "p%u", &port) != 1 || port > 30)
		return 0;
	return 3ULL << (port ? 2 * port + 2 : 0);
}
