/* SPDX-License-Identifier: MIT */
/* Descriptions of devices, with QEMU's memory changing between the looks at it. */
#include <stdlib.h>

#include "bpf/device/device.h"
#include "bpf/prog/qemu.skel.h"
#include "decoder/model/model.h"
#include "tests/unit/fake_qemu.h"
#include "tests/unit/tap.h"

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory mem;
static struct capture c;
static struct target t;
static struct qemu q;
static struct model *model;
static char said[4096]; /* "blk0=id " for each description */
static char names[1024]; /* what the model has then */

static void on_record(void *ctx, const void *record, size_t len)
{
	const struct vqt_hdr *h = record;
	struct record rec;
	struct event e;
	char name[64], id[64];
	size_t at = strlen(said);

	CHECK_EQ(record_parse(&rec, record, len, NULL), 0);
	if (h->type != VQT_DEVICE)
		return;
	snprintf(said + at, sizeof(said) - at, "%s=%s%s ",
		 record_tlv_str(&rec, VQT_TAG_NAME, name, sizeof(name)),
		 record_tlv_str(&rec, VQT_TAG_ID, id, sizeof(id)),
		 ((const struct vqt_device *)record)->flags & VQT_DEV_GONE ? "-" : "");
	CHECK_EQ(model_feed(model, &rec, 0, &e), 0);
	snprintf(names, sizeof(names), "%s=%s", e.dev ? e.dev->name : "",
		 e.dev ? e.dev->user_id : "");
}

/* t.mem is a copy of the accessor, without the buffer behind it. */
static ssize_t read_mem(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf)
{
	return fake_read(&mem.m, range, n, buf);
}

static void begin(const char *const *devices)
{
	static struct qemu_bpf *skel; /* never loaded: its maps are empty */

	for (size_t i = 0; i < DEVICES; i++)
		free(c.device[i]);
	memset(bytes, 0, sizeof(bytes));
	fake_init(&mem, bytes, sizeof(bytes));
	skel = skel ? skel : qemu_bpf__open();
	memset(&q, 0, sizeof(q));
	q.layout.dev_bus = q.layout.vdev_vq = q.layout.vq_size = VQP_UNKNOWN;
	c = (struct capture){ .o = { .devices = devices, .record = on_record }, .skel = skel };
	t = (struct target){ .c = &c, .q = &q, .mem.read = read_mem, .source = 1, .last_ts = 1000 };
	t.p.pid = getpid();
	model_free(model);
	model = model_new();
	*said = *names = 0;
}

static void seen_at(uint16_t id, uint64_t handle)
{
	struct vqt_device r = { .h.device = id, .handle = handle };

	device_seen(&t, &r);
}

static uint64_t seen(uint16_t id, const char *type)
{
	uint64_t handle = fake_object(&mem, type, 256);

	seen_at(id, handle);
	return handle;
}

static void ends(uint16_t id)
{
	struct vqt_device r = { .h.device = id, .flags = VQT_DEV_GONE };

	device_seen(&t, &r);
}

static void name(uint64_t obj, const char *id, const char *path)
{
	fake_put64(&mem, obj + FAKE_DEVICE_ID, fake_string(&mem, id));
	fake_put64(&mem, obj + FAKE_DEVICE_PATH, fake_string(&mem, path));
}

/* A record of the device, of this lifecycle step: true when it is kept back. */
static bool life(uint16_t id, uint16_t what)
{
	struct vqt_lifecycle l = { .h = { .type = VQT_LIFECYCLE, .device = id }, .what = what };

	device_hear(c.device[id], &l.h);
	return device_keeps(c.device[id], &l, sizeof(l));
}

/* Described before QEMU has named it: described again, and the later description counts. */
static void named_later(void)
{
	uint64_t obj;

	begin(NULL);
	obj = seen(1, "virtio-blk-device");
	CHECK(life(1, VQT_LIFECYCLE_INSTANCE_INIT));
	CHECK_STR(said, "");
	CHECK(!life(1, VQT_LIFECYCLE_REALIZE));
	CHECK_STR(said, "blk0= ");
	name(obj, "mblk", "/machine/peripheral/mblk");
	device_refresh(c.device[1]);
	CHECK_STR(said, "blk0= blk0=mblk ");
	CHECK_STR(names, "blk0=mblk");
	device_refresh(c.device[1]);
	CHECK_STR(said, "blk0= blk0=mblk ");
}

/* QEMU ends before all is known of it: what was said holds. */
static void ends_early(void)
{
	uint64_t obj;

	begin(NULL);
	obj = seen(1, "virtio-blk-device");
	name(obj, "mblk", "/machine/peripheral/mblk");
	CHECK(!life(1, VQT_LIFECYCLE_REALIZE));
	CHECK_STR(said, "blk0=mblk ");
	CHECK(!c.device[1]->complete);
	mem.size = 0;
	device_refresh(c.device[1]);
	CHECK_STR(said, "blk0=mblk ");
	device_gone(c.device[1]);
	CHECK_STR(said, "blk0=mblk blk0=mblk- ");
}

/* Whatever order they become known in, no two have one name. */
static void names_differ(void)
{
	begin(NULL);
	seen(1, "virtio-blk-device");
	seen(2, "virtio-blk-device");
	seen(3, "virtio-net-device");
	life(2, VQT_LIFECYCLE_REALIZE);
	life(3, VQT_LIFECYCLE_REALIZE);
	life(1, VQT_LIFECYCLE_REALIZE);
	CHECK_STR(said, "blk0= net0= blk1= ");
}

/* Asked for by a name it does not have: not a word of it, once its name is known. */
static void not_asked_for(void)
{
	static const char *const devices[] = { "other", NULL };
	uint64_t obj;

	begin(devices);
	obj = seen(1, "virtio-blk-device");
	name(obj, "mblk", "/machine/peripheral/mblk");
	CHECK(!life(1, VQT_LIFECYCLE_REALIZE));
	CHECK(!c.device[1]->wanted);
	CHECK_STR(said, "");
	obj = seen(2, "virtio-blk-device");
	name(obj, "other", "/machine/peripheral/other");
	CHECK(!life(2, VQT_LIFECYCLE_REALIZE));
	CHECK_STR(said, "blk1=other ");
}

/* Objects that QEMU created to list their properties: no devices, and none with their names. */
static void no_devices(void)
{
	uint64_t obj;

	begin(NULL);
	obj = seen(1, "virtio-net-pci");
	CHECK(life(1, VQT_LIFECYCLE_INSTANCE_INIT));
	seen(2, "virtio-rng-pci");
	CHECK(life(2, VQT_LIFECYCLE_INSTANCE_INIT));
	/* a disk at the address of the first, with its id, too */
	fake_type(&mem, obj, "virtio-blk-pci");
	name(obj, "disk", "/machine/peripheral/disk");
	seen_at(1, obj);
	CHECK(life(1, VQT_LIFECYCLE_INSTANCE_INIT));
	CHECK_STR(said, "");
	CHECK(!life(1, VQT_LIFECYCLE_REALIZE));
	CHECK_STR(said, "blk0=disk ");
	/* the other one is replaced by a device with another id, and freed */
	seen_at(3, c.device[2]->r.handle);
	ends(2);
	CHECK(c.device[2]->gone && !c.device[2]->written);
	CHECK(!life(3, VQT_LIFECYCLE_REALIZE));
	CHECK_STR(said, "blk0=disk rng0= ");
}

/* What comes at the address of a device that has ended is not that device. */
static void another_there(void)
{
	uint64_t obj;

	begin(NULL);
	obj = seen(1, "virtio-blk-pci");
	name(obj, "bad", "/machine/peripheral/bad");
	CHECK(!life(1, VQT_LIFECYCLE_REALIZE));
	ends(1); /* it could not be realized */
	CHECK_STR(said, "blk0=bad blk0=bad- ");
	name(obj, "good", "/machine/peripheral/good");
	device_refresh(c.device[1]);
	CHECK_STR(c.device[1]->who.user_id, "bad");
	seen_at(2, obj);
	CHECK(!life(2, VQT_LIFECYCLE_REALIZE));
	CHECK_STR(said, "blk0=bad blk0=bad- blk1=good ");
	/* its end was not seen: the next one's begin is its end */
	name(obj, "third", "/machine/peripheral/third");
	seen_at(3, obj);
	CHECK(c.device[2]->gone);
	CHECK(!life(3, VQT_LIFECYCLE_REALIZE));
	CHECK_STR(said, "blk0=bad blk0=bad- blk1=good blk1=good- blk2=third ");
}

/* QEMU has freed it before it could be looked at: its step tells what it was. */
static void known_by_step(void)
{
	struct {
		struct vqt_lifecycle l;
		char text[14];
	} r = { { .h = { .type = VQT_LIFECYCLE, .device = 1 },
		  .what = VQT_LIFECYCLE_REALIZE,
		  .len = 14 },
		"virtio-rng-pci" };

	begin(NULL);
	seen_at(1, 64);
	t.p.pid = 0; /* nor does QEMU live */
	CHECK(!device_keeps(c.device[1], &r, sizeof(r.l) + 14));
	CHECK_STR(said, "rng0= ");
	CHECK_STR(c.device[1]->who.typename, "virtio-rng-pci");
}

static const struct tap_test tests[] = {
	{ "a device that is named after it was described", named_later },
	{ "a QEMU that ends early", ends_early },
	{ "names of devices are unique", names_differ },
	{ "a device that nobody asked for", not_asked_for },
	{ "objects that never become devices", no_devices },
	{ "another device at the same address", another_there },
	{ "a device that is gone before it is looked at", known_by_step },
};
TAP_MAIN(tests)
