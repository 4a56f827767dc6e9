/* SPDX-License-Identifier: MIT */
/* Make the command line of a QEMU whose device has the recorded properties. */
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/spec/spec.h"
#include "emu/replay/class.h"
#include "emu/replay/qemu/class.h"
#include "emu/replay/qemu/impl.h"

static const struct qemu_bit core_bits[] = {
	/* 6, 6.3 */
	{ VIRTIO_F_NOTIFY_ON_EMPTY, "notify_on_empty" },
	{ VIRTIO_F_ANY_LAYOUT, "any_layout" },
	{ VIRTIO_RING_F_INDIRECT_DESC, "indirect_desc" },
	{ VIRTIO_RING_F_EVENT_IDX, "event_idx" },
	{ VIRTIO_F_ACCESS_PLATFORM, "iommu_platform" },
	{ VIRTIO_F_RING_PACKED, "packed" },
	{ VIRTIO_F_IN_ORDER, "in_order" },
	{ VIRTIO_F_RING_RESET, "queue_reset" },
};

struct qemu_properties {
	const struct qemu_about *about;
	const struct replay_device *d;
	struct json_object *o;
	bool plain;
};

/* --- properties ----------------------------------------------------------------------- */

/* The type of a property as QEMU calls it; NULL: this QEMU does not have it. */
static const char *type_of(const struct qemu_properties *p, const char *property)
{
	for (size_t i = 0; i < qmp_length(p->about->props); i++) {
		struct json_object *o = json_object_array_get_idx(p->about->props, i);
		const char *name = qmp_string(o, "name"), *type = qmp_string(o, "type");

		if (name && !strcmp(name, property))
			return type ? type : "";
	}
	return NULL;
}

static void put(struct qemu_properties *p, const char *property, struct json_object *v)
{
	json_object_object_add(p->o, property, v);
}

void qemu_set_flag(struct qemu_properties *p, const char *property, bool on)
{
	const char *type = type_of(p, property);

	if (type && !strcmp(type, "bool"))
		put(p, property, json_object_new_boolean(on));
	else if (type)
		put(p, property, json_object_new_string(on ? "on" : "off"));
}

void qemu_set_number(struct qemu_properties *p, const char *property, uint64_t n)
{
	if (!p->plain && type_of(p, property))
		put(p, property, json_object_new_int64(n));
}

void qemu_set_text(struct qemu_properties *p, const char *property, const char *text)
{
	if (type_of(p, property))
		put(p, property, json_object_new_string(text));
}

void qemu_set_name(struct qemu_properties *p, const char *property, const char *text)
{
	if (!p->plain)
		qemu_set_text(p, property, text);
}

bool qemu_offered(const struct replay_device *d, unsigned bit)
{
	return replay_offers(d, bit) ||
	       (bit < 32 && d->transitional && d->legacy_offered >> bit & 1);
}

void qemu_set_bits(struct qemu_properties *p, const struct qemu_bit *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const unsigned bit = rows[i].bit;
		const struct spec_feature *s = spec_feature(NULL, bit);
		bool legacy = p->d->legacy_known && bit < 32; /* read at the legacy interface */

		if (legacy || (p->d->offered_known >> bit / 32 & 1 && !(s && s->legacy)))
			qemu_set_flag(p, rows[i].property, qemu_offered(p->d, bit));
	}
}

bool qemu_field(const struct replay_device *d, unsigned at, unsigned width, uint64_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < width; i++) {
		if (at + i >= REPLAY_CONFIG_MAX || !replay_bit(d->config_known, at + i))
			return false;
		*value |= (uint64_t)d->config[at + i] << i * 8;
	}
	return true;
}

/* --- the device ------------------------------------------------------------------------- */

/* 4.1.2.1: the PCI device ID is more reliable than the name of the type. */
bool qemu_legacy(const struct replay_device *d)
{
	return d->transitional && d->layout.device < VIRTIO_PCI_ID_MODERN;
}

/* PCI Express 7.5.3.3, where a driver read it. */
static bool express_cap(const struct replay_device *d, uint32_t *caps)
{
	const struct emu_pci_cap *c = replay_layout_cap(&d->layout, PCI_CAP_ID_EXP, 0);
	unsigned at = c ? c->at + PCI_EXP_DEVCAP : 0;

	*caps = get_le32(d->pci + at);
	return c && replay_bit(d->pci_known, at);
}

/* 4.1: what is the same for all classes. */
static void transport(struct qemu_properties *p)
{
	const struct replay_device *d = p->d;
	const struct emu_pci_cap *notify =
		replay_layout_cap(&d->layout, PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_NOTIFY_CFG);
	uint32_t caps;
	char rom[32] = "";

	if (d->layout.rom_size)
		snprintf(rom, sizeof(rom), "/proc/self/fd/%d", QEMU_FD_ROM);
	qemu_set_flag(p, "disable-legacy", !qemu_legacy(d));
	qemu_set_flag(p, "disable-modern", !d->modern);
	qemu_set_number(p, "vectors", d->layout.vectors);
	if (notify)
		qemu_set_flag(p, "page-per-vq", notify->multiplier == 4096);
	if (express_cap(d, &caps)) /* the default has changed between versions */
		qemu_set_flag(p, "x-pcie-ext-tag", caps & PCI_EXP_DEVCAP_EXT_TAG);
	/* A ROM of the recorded size, or none, whatever this QEMU has for the device. */
	qemu_set_text(p, "romfile", rom);
	if (d->layout.rom_size)
		qemu_set_number(p, "romsize", d->layout.rom_size);
	qemu_set_flag(p, "ioeventfd",
		      false); /* a kick takes effect before the access is answered */
	qemu_set_bits(p, core_bits, sizeof(core_bits) / sizeof(core_bits[0]));
}

unsigned qemu_slot(const struct replay_device *d)
{
	unsigned slot = d->bdf == UINT32_MAX ? 4 : d->bdf >> 3 & 31;

	return slot < 1 || slot > 30 ? 4 : slot;
}

/* --- the command line ------------------------------------------------------------------------ */

static void push(struct qemu_args *a, char *text)
{
	if (!text || a->n >= QEMU_ARGS) {
		a->failed = true;
		free(text);
	} else {
		a->v[a->n++] = text;
	}
}

/* An option and its value. */
static void add(struct qemu_args *a, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void add(struct qemu_args *a, const char *option, const char *fmt, ...)
{
	char *value;
	va_list ap;

	push(a, strdup(option));
	va_start(ap, fmt);
	push(a, vasprintf(&value, fmt, ap) < 0 ? NULL : value);
	va_end(ap);
}

static void add_device(struct qemu_args *a, const struct replay_device *d,
		       const struct qemu_about *about, bool plain)
{
	const struct qemu_class *class = replay_class(d->virtio_id)->qemu;
	struct qemu_properties p = {
		.about = about, .d = d, .o = json_object_new_object(), .plain = plain
	};
	char addr[16];

	if (!p.o) {
		a->failed = true;
		return;
	}
	put(&p, "driver", json_object_new_string(class->type));
	put(&p, "id", json_object_new_string("dev"));
	snprintf(addr, sizeof(addr), "%x.0", d->layout.express ? 0 : qemu_slot(d));
	put(&p, "addr", json_object_new_string(addr));
	if (d->layout.express)
		put(&p, "bus", json_object_new_string("rootport"));
	transport(&p);
	class->properties(&p, d);
	add(a, "-device", "%s", json_object_to_json_string(p.o));
	json_object_put(p.o);
}

static void add_backend(struct qemu_args *a, const struct replay_device *d)
{
	add(a, "-chardev", "socket,id=qmp,fd=%d", QEMU_FD_QMP);
	add(a, "-mon", "chardev=qmp,mode=control");
	if (!replay_class(d->virtio_id)->qemu->disk) {
		add(a, "-netdev", "socket,id=net,fd=%d", QEMU_FD_BACKEND);
		return;
	}
	for (unsigned i = 0; i <= d->resizes; i++)
		add(a, "-blockdev",
		    "{\"driver\":\"raw\",\"node-name\":\"disk%u\",\"discard\":\"unmap\","
		    "\"read-only\":%s,\"file\":{\"driver\":\"nbd\","
		    "\"server\":{\"type\":\"fd\",\"str\":\"%d\"}}}",
		    i, d->read_only ? "true" : "false", QEMU_FD_BACKEND + i);
}

void qemu_args(struct qemu_args *a, const char *binary, const struct replay_device *d,
	       const struct qemu_about *about, uint64_t ram, bool plain)
{
	memset(a, 0, sizeof(*a));
	push(a, strdup(binary));
	add(a, "-machine", "q35,accel=tcg,memory-backend=ram");
	add(a, "-display", "none");
	push(a, strdup("-nodefaults"));
	push(a, strdup("-no-user-config"));
	add(a, "-m", "%lluM", (unsigned long long)(ram >> 20));
	add(a, "-object",
	    "memory-backend-file,id=ram,share=on,size=%lluM,mem-path=/proc/self/fd/%d",
	    (unsigned long long)(ram >> 20), QEMU_FD_RAM);
	/* Not stopped (-S), as the NIC of a stopped machine does nothing; the firmware sleeps. */
	add(a, "-bios", "/proc/self/fd/%d", QEMU_FD_BIOS);
	/* QEMU 11 uses the character device "qtest", whatever -qtest says. */
	add(a, "-chardev", "socket,id=qtest,fd=%d", QEMU_FD_QTEST);
	add(a, "-qtest", "chardev:qtest");
	add(a, "-qtest-log", "/dev/null");
	if (d->layout.express)
		add(a, "-device", "pcie-root-port,id=rootport,addr=%x.0", qemu_slot(d));
	add_backend(a, d);
	add_device(a, d, about, plain);
}

void qemu_args_fini(struct qemu_args *a)
{
	for (unsigned i = 0; i < a->n; i++)
		free(a->v[i]);
	memset(a, 0, sizeof(*a));
}
