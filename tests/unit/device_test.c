/* SPDX-License-Identifier: MIT */
/* Descriptions of devices, with QEMU's memory changing between the looks at it. */
#include <stdlib.h>

#include "bpf/capture/device.h"
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
	snprintf(said + at, sizeof(said) - at, "%s=%s ",
		 record_tlv_str(&rec, VQT_TAG_NAME, name, sizeof(name)),
		 record_tlv_str(&rec, VQT_TAG_ID, id, sizeof(id)));
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

static uint64_t seen(uint16_t id, const char *type)
{
	struct vqt_device r = { .h.device = id, .handle = fake_object(&mem, type, 256) };

	device_seen(&t, &r);
	return r.handle;
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
	CHECK_STR(said, "blk0=mblk blk0=mblk ");
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

static const struct tap_test tests[] = {
	{ "a device that is named after it was described", named_later },
	{ "a QEMU that ends early", ends_early },
	{ "names of devices are unique", names_differ },
	{ "a device that nobody asked for", not_asked_for },
};
TAP_MAIN(tests)
