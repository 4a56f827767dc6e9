/* SPDX-License-Identifier: MIT */
/*
 * The command line of a QEMU whose device is like the recorded one: tables from
 * what a trace shows (a feature bit, a field of the device configuration) to the
 * property that brings it about.  Properties that this QEMU has not are left out:
 * what then differs, the comparison shows.
 */
#include <json-c/json.h>
#include <net/ethernet.h>
#include <linux/virtio_net.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/class/blk/blk.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"
#include "emu/replay/qemu/impl.h"

/* A bit that is offered or not, as a property that is on or off. */
struct bit_row {
	uint8_t bit;
	const char *prop;
};

static const struct bit_row core_bits[] = {
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

static const struct bit_row blk_bits[] = {
	/* 5.2.3 */
	{ VIRTIO_BLK_F_CONFIG_WCE, "config-wce" },
	{ VIRTIO_BLK_F_FLUSH, "write-cache" },
	{ VIRTIO_BLK_F_DISCARD, "discard" },
	{ VIRTIO_BLK_F_WRITE_ZEROES, "write-zeroes" },
};

static const struct bit_row net_bits[] = {
	/* 5.1.3; those that QEMU's backend must help with: not here */
	{ VIRTIO_NET_F_MRG_RXBUF, "mrg_rxbuf" },
	{ VIRTIO_NET_F_STATUS, "status" },
	{ VIRTIO_NET_F_CTRL_VQ, "ctrl_vq" },
	{ VIRTIO_NET_F_CTRL_RX, "ctrl_rx" },
	{ VIRTIO_NET_F_CTRL_VLAN, "ctrl_vlan" },
	{ VIRTIO_NET_F_CTRL_RX_EXTRA, "ctrl_rx_extra" },
	{ VIRTIO_NET_F_CTRL_MAC_ADDR, "ctrl_mac_addr" },
	{ VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, "ctrl_guest_offloads" },
	{ VIRTIO_NET_F_GUEST_ANNOUNCE, "guest_announce" },
	{ VIRTIO_NET_F_MQ, "mq" },
};

/* A little-endian number of the device configuration: value * unit is the property's. */
struct field_row {
	uint8_t at, width;
	enum { BLOCKS, SECTORS, EXPONENT, NOT_ZERO } kind;
	const char *prop;
};

static const struct field_row blk_fields[] = {
	/* 5.2.4 */
	{ BLK_CFG_BLK_SIZE, 4, NOT_ZERO, "logical_block_size" },
	{ BLK_CFG_PHYS_EXP, 1, EXPONENT, "physical_block_size" },
	{ BLK_CFG_MIN_IO, 2, BLOCKS, "min_io_size" },
	{ BLK_CFG_OPT_IO, 4, BLOCKS, "opt_io_size" },
	{ BLK_CFG_DISCARD_SECTORS, 4, NOT_ZERO, "max-discard-sectors" },
	{ BLK_CFG_DISCARD_ALIGN, 4, SECTORS, "discard_granularity" },
	{ BLK_CFG_ZEROES_SECTORS, 4, NOT_ZERO, "max-write-zeroes-sectors" },
};

struct builder {
	const struct qemu_about *about;
	const struct replay_device *d;
	struct json_object *o;
	bool plain;
};

/* --- one property --------------------------------------------------------------------- */

/* The type of a property as QEMU calls it; NULL: this QEMU has not got it. */
static const char *type_of(const struct builder *b, const char *prop)
{
	size_t n = b->about->props ? json_object_array_length(b->about->props) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *p = json_object_array_get_idx(b->about->props, i), *v;

		if (json_object_is_type(p, json_type_object) &&
		    json_object_object_get_ex(p, "name", &v) &&
		    json_object_is_type(v, json_type_string) &&
		    !strcmp(json_object_get_string(v), prop)) {
			if (!json_object_object_get_ex(p, "type", &v) ||
			    !json_object_is_type(v, json_type_string))
				return "";
			return json_object_get_string(v);
		}
	}
	return NULL;
}

static void put(struct builder *b, const char *prop, struct json_object *v)
{
	json_object_object_add(b->o, prop, v);
}

static void set_flag(struct builder *b, const char *prop, bool on)
{
	const char *type = type_of(b, prop);

	if (type && !strcmp(type, "bool"))
		put(b, prop, json_object_new_boolean(on));
	else if (type)
		put(b, prop, json_object_new_string(on ? "on" : "off"));
}

static void set_number(struct builder *b, const char *prop, uint64_t n)
{
	if (!b->plain && type_of(b, prop))
		put(b, prop, json_object_new_int64(n));
}

static void set_text(struct builder *b, const char *prop, const char *text)
{
	if (type_of(b, prop))
		put(b, prop, json_object_new_string(text));
}

/* --- what the trace showed --------------------------------------------------------------- */

static bool offered(const struct replay_device *d, unsigned bit)
{
	return d->offered[bit / 64] >> bit % 64 & 1 ||
	       (bit < 32 && d->transitional && d->legacy_offered >> bit & 1);
}

static bool bit_known(const struct replay_device *d, unsigned bit)
{
	return d->offered_known >> bit / 32 & 1 || (bit < 32 && d->legacy_known);
}

/* These two are offered at the legacy interface only (6.3): unknown without it. */
static bool legacy_bit(unsigned bit)
{
	return bit == VIRTIO_F_NOTIFY_ON_EMPTY || bit == VIRTIO_F_ANY_LAYOUT;
}

static void set_bits(struct builder *b, const struct bit_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bit_known(b->d, rows[i].bit) &&
		    (!legacy_bit(rows[i].bit) || b->d->legacy_known))
			set_flag(b, rows[i].prop, offered(b->d, rows[i].bit));
}

static bool field(const struct replay_device *d, unsigned at, unsigned width, uint64_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < width; i++) {
		if (at + i >= REPLAY_CONFIG_MAX ||
		    !(d->config_known[(at + i) / 8] >> (at + i) % 8 & 1))
			return false;
		*value |= (uint64_t)d->config[at + i] << i * 8;
	}
	return true;
}

static void set_fields(struct builder *b, const struct field_row *rows, size_t n)
{
	uint64_t block = BLK_SECTOR, v;

	if (!field(b->d, BLK_CFG_BLK_SIZE, 4, &block) || !block)
		block = BLK_SECTOR;
	for (size_t i = 0; i < n; i++) {
		if (!field(b->d, rows[i].at, rows[i].width, &v))
			continue;
		switch (rows[i].kind) {
		case NOT_ZERO:
			if (!v)
				continue;
			break;
		case BLOCKS: v *= block; break;
		case SECTORS:
			v *= BLK_SECTOR;
			if (v <= block) /* QEMU's default says the same */
				continue;
			break;
		case EXPONENT: v = v < 32 ? block << v : block; break;
		}
		if (v <= INT64_MAX)
			set_number(b, rows[i].prop, v);
	}
}

/* --- the device ---------------------------------------------------------------------------- */

/* QEMU takes text, not bytes. */
static bool printable(const char *s)
{
	while (*s >= ' ' && *s <= '~')
		s++;
	return !*s;
}

static void blk(struct builder *b)
{
	uint64_t v;

	put(b, "drive", json_object_new_string("disk0"));
	set_bits(b, blk_bits, sizeof(blk_bits) / sizeof(blk_bits[0]));
	set_fields(b, blk_fields, sizeof(blk_fields) / sizeof(blk_fields[0]));
	if (field(b->d, BLK_CFG_CYLINDERS, 4, &v) && v & 0xffff && v >> 16 & 0xff && v >> 24) {
		set_number(b, "cyls", v & 0xffff);
		set_number(b, "heads", v >> 16 & 0xff);
		set_number(b, "secs", v >> 24);
	}
	if (field(b->d, BLK_CFG_SEG_MAX, 4, &v)) /* seg_max: 126 is that of QEMU's older machines */
		set_flag(b, "seg-max-adjust", v != 126 || b->d->queue_size[0] == 128);
	if (b->d->num_queues_known && b->d->num_queues)
		set_number(b, "num-queues", b->d->num_queues);
	if (b->d->queue_size[0])
		set_number(b, "queue-size", b->d->queue_size[0]);
	if (!b->plain && b->d->serial[0] && printable(b->d->serial))
		set_text(b, "serial", b->d->serial);
	/* errors go to the driver; each request is an I/O of its own */
	set_text(b, "rerror", "report");
	set_text(b, "werror", "report");
	set_flag(b, "request-merging", false);
}

static void net(struct builder *b)
{
	uint64_t v;
	char mac[18];

	put(b, "netdev", json_object_new_string("net"));
	put(b, "romfile", json_object_new_string(""));
	set_bits(b, net_bits, sizeof(net_bits) / sizeof(net_bits[0]));
	if (field(b->d, 0, ETH_ALEN, &v)) {
		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", b->d->config[0],
			 b->d->config[1], b->d->config[2], b->d->config[3], b->d->config[4],
			 b->d->config[5]);
		set_text(b, "mac", mac);
	}
	if (b->d->queue_size[0])
		set_number(b, "rx_queue_size", b->d->queue_size[0]);
	if (b->d->queue_size[1])
		set_number(b, "tx_queue_size", b->d->queue_size[1]);
	if (offered(b->d, VIRTIO_NET_F_MTU) && field(b->d, 10, 2, &v))
		set_number(b, "host_mtu", v);
	set_text(b, "tx", "bh"); /* a timer would not run: the machine stands still */
}

static const struct {
	uint16_t virtio_id;
	const char *type;
	void (*build)(struct builder *b);
} classes[] = {
	{ VIRTIO_ID_BLOCK, "virtio-blk-pci", blk },
	{ VIRTIO_ID_NET, "virtio-net-pci", net },
};

/* 4.1.2.1: the number says it more surely than a type's name. */
bool qemu_legacy(const struct replay_device *d)
{
	return d->transitional && d->layout.device < VIRTIO_PCI_ID_MODERN;
}

const char *qemu_type(const struct replay_device *d)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (classes[i].virtio_id == d->virtio_id)
			return classes[i].type;
	return NULL;
}

static const struct emu_pci_cap *vendor_cap(const struct replay_device *d, unsigned type)
{
	for (unsigned i = 0; i < EMU_PCI_CAPS && d->layout.cap[i].id; i++)
		if (d->layout.cap[i].id == PCI_CAP_ID_VNDR && d->layout.cap[i].type == type)
			return &d->layout.cap[i];
	return NULL;
}

/* PCI Express 7.5.3.3, where a driver read it. */
static bool express_cap(const struct replay_device *d, uint32_t *caps)
{
	for (unsigned i = 0; i < EMU_PCI_CAPS && d->layout.cap[i].id; i++) {
		unsigned at = d->layout.cap[i].at + PCI_EXP_DEVCAP;

		if (d->layout.cap[i].id != PCI_CAP_ID_EXP || !(d->pci_known[at / 8] >> at % 8 & 1))
			continue;
		*caps = get_le32(d->pci + at);
		return true;
	}
	return false;
}

/* 4.1: what is the same for all classes. */
static void transport(struct builder *b)
{
	const struct replay_device *d = b->d;
	const struct emu_pci_cap *notify = vendor_cap(d, VIRTIO_PCI_CAP_NOTIFY_CFG);
	uint32_t caps;

	set_flag(b, "disable-legacy", !qemu_legacy(d));
	set_flag(b, "disable-modern", !d->modern);
	set_number(b, "vectors", d->layout.vectors);
	if (notify)
		set_flag(b, "page-per-vq", notify->multiplier == 4096);
	if (express_cap(d, &caps)) /* the default has changed between versions */
		set_flag(b, "x-pcie-ext-tag", caps & PCI_EXP_DEVCAP_EXT_TAG);
	set_flag(b, "ioeventfd", false); /* a kick is dealt with when it is given */
	set_bits(b, core_bits, sizeof(core_bits) / sizeof(core_bits[0]));
}

/* On q35 the first and the last slot are taken. */
static unsigned slot_of(const struct replay_device *d)
{
	unsigned slot = d->bdf == UINT32_MAX ? 4 : d->bdf >> 3 & 31;

	return slot < 1 || slot > 30 ? 4 : slot;
}

/* --- the command line ------------------------------------------------------------------------ */

static void add(struct qemu_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct qemu_args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (a->n >= QEMU_ARGS || vasprintf(&a->v[a->n], fmt, ap) < 0) {
		a->failed = true;
		if (a->n < QEMU_ARGS)
			a->v[a->n] = NULL;
	} else {
		a->v[++a->n] = NULL;
	}
	va_end(ap);
}

static void add_device(struct qemu_args *a, const struct replay_device *d,
		       const struct qemu_about *about, bool plain)
{
	struct builder b = {
		.about = about, .d = d, .o = json_object_new_object(), .plain = plain
	};
	char addr[16];

	if (!b.o) {
		a->failed = true;
		return;
	}
	put(&b, "driver", json_object_new_string(qemu_type(d)));
	put(&b, "id", json_object_new_string("dev"));
	snprintf(addr, sizeof(addr), "%x.0", d->layout.express ? 0 : slot_of(d));
	put(&b, "addr", json_object_new_string(addr));
	if (d->layout.express)
		put(&b, "bus", json_object_new_string("rootport"));
	transport(&b);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (classes[i].virtio_id == d->virtio_id)
			classes[i].build(&b);
	add(a, "-device");
	add(a, "%s", json_object_to_json_string(b.o));
	json_object_put(b.o);
}

static void add_backend(struct qemu_args *a, const struct replay_device *d)
{
	if (d->virtio_id == VIRTIO_ID_NET) {
		add(a, "-netdev");
		add(a, "socket,id=net,fd=%d", QEMU_FD_BACKEND);
		return;
	}
	for (unsigned i = 0; i <= d->resizes; i++) {
		add(a, "-blockdev");
		add(a,
		    "{\"driver\":\"raw\",\"node-name\":\"disk%u\",\"discard\":\"unmap\","
		    "\"read-only\":%s,\"file\":{\"driver\":\"nbd\","
		    "\"server\":{\"type\":\"fd\",\"str\":\"%d\"}}}",
		    i, d->read_only ? "true" : "false", QEMU_FD_BACKEND + i);
	}
	if (d->resizes) {
		add(a, "-chardev");
		add(a, "socket,id=qmp,fd=%d", QEMU_FD_QMP);
		add(a, "-mon");
		add(a, "chardev=qmp,mode=control");
	}
}

void qemu_args(struct qemu_args *a, const char *binary, const struct replay_device *d,
	       const struct qemu_about *about, uint64_t ram, bool plain)
{
	static const char *const fixed[] = { "-machine",    "q35,accel=tcg,memory-backend=ram",
					     "-display",    "none",
					     "-nodefaults", "-no-user-config" };

	memset(a, 0, sizeof(*a));
	add(a, "%s", binary);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		add(a, "%s", fixed[i]);
	add(a, "-m");
	add(a, "%lluM", (unsigned long long)(ram >> 20));
	add(a, "-object");
	add(a, "memory-backend-file,id=ram,share=on,size=%lluM,mem-path=/proc/self/fd/%d",
	    (unsigned long long)(ram >> 20), QEMU_FD_RAM);
	/* running, because a NIC of a stopped machine does nothing; its processor sleeps at once */
	add(a, "-bios");
	add(a, "/proc/self/fd/%d", QEMU_FD_BIOS);
	/* 11 looks for the character device "qtest", whatever is said here: so that is its name */
	add(a, "-chardev");
	add(a, "socket,id=qtest,fd=%d", QEMU_FD_QTEST);
	add(a, "-qtest");
	add(a, "chardev:qtest");
	add(a, "-qtest-log");
	add(a, "/dev/null");
	if (d->layout.express) {
		add(a, "-device");
		add(a, "pcie-root-port,id=rootport,addr=%x.0", slot_of(d));
	}
	add_backend(a, d);
	add_device(a, d, about, plain);
}

void qemu_args_fini(struct qemu_args *a)
{
	for (unsigned i = 0; i < a->n; i++)
		free(a->v[i]);
	memset(a, 0, sizeof(*a));
}
