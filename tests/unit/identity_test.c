/* SPDX-License-Identifier: MIT */
/* Who a device is, read while QEMU is making it, has made it, and has freed it. */
#include <stdlib.h>

#include "bpf/qom/identity.h"
#include "tests/unit/fake_qemu.h"
#include "tests/unit/tap.h"

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory mem;
static struct identity who;
static struct vqt_device r;

#define BUS_AT 96 /* DeviceState.parent_bus */
#define QUEUES_AT 200 /* VirtIODevice.vq */
#define QUEUE_SIZE 64 /* of VirtQueue; vring.num stands first */

static const struct vqp_proc layout = {
	.dev_bus = BUS_AT,
	.vdev_vq = QUEUES_AT,
	.vq_size = QUEUE_SIZE,
	.vq_num = 0,
};

static void begin(void)
{
	memset(bytes, 0, sizeof(bytes));
	fake_init(&mem, bytes, sizeof(bytes));
	memset(&who, 0, sizeof(who));
	memset(&r, 0, sizeof(r));
	r.bdf = ~0U;
}

static void look(bool realized)
{
	identity_read(&who, &r, &mem.m, &layout, realized);
}

static uint64_t blk_device(void)
{
	return fake_object(&mem, "virtio-blk-device", 256);
}

static void name(uint64_t obj, const char *id, const char *path)
{
	fake_put64(&mem, obj + FAKE_DEVICE_ID, id ? fake_string(&mem, id) : 0);
	fake_put64(&mem, obj + FAKE_DEVICE_PATH, path ? fake_string(&mem, path) : 0);
}

static void named_later(void)
{
	begin();
	who.vdev = blk_device();
	look(false);
	CHECK_STR(who.typename, "virtio-blk-device");
	CHECK_STR(who.user_id, "");
	CHECK_EQ(r.virtio_id, 2);
	name(who.vdev, "mblk", NULL);
	look(false);
	CHECK_STR(who.user_id, "mblk");
	CHECK_STR(who.path, "");
	name(who.vdev, "mblk", "/machine/peripheral/mblk");
	look(true);
	CHECK_STR(who.path, "/machine/peripheral/mblk");
}

static void same_as(const struct identity *was, const struct vqt_device *r_was, int line)
{
	look(true);
	if (memcmp(&who, was, sizeof(who)) || memcmp(&r, r_was, sizeof(r))) {
		printf("# line %d: \"%s\" \"%s\" \"%s\" %u queues\n", line, who.typename,
		       who.user_id, who.path, r.queues);
		tap_failed = true;
	}
}

/* What was known stays known, whatever becomes of the memory. */
static void kept(void)
{
	struct identity was;
	struct vqt_device r_was;
	uint64_t vqs;

	begin();
	vqs = fake_new(&mem, 3 * QUEUE_SIZE);
	who.vdev = blk_device();
	name(who.vdev, "mblk", "/machine/peripheral/mblk");
	fake_put64(&mem, who.vdev + QUEUES_AT, vqs);
	for (unsigned i = 0; i < 2; i++)
		fake_put32(&mem, vqs + i * QUEUE_SIZE + 4, 256);
	look(true);
	CHECK_STR(who.user_id, "mblk");
	CHECK_EQ(r.queues, 2);
	was = who;
	r_was = r;
	mem.size = 0; /* the process has ended */
	same_as(&was, &r_was, __LINE__);
	mem.size = sizeof(bytes);
	name(who.vdev, NULL, NULL); /* it is being unplugged */
	fake_put32(&mem, vqs + 4, 0);
	same_as(&was, &r_was, __LINE__);
	name(who.vdev, "net9", "/machine/peripheral/net9"); /* its memory is another's now */
	fake_type(&mem, who.vdev, "virtio-net-device");
	same_as(&was, &r_was, __LINE__);
	memset(bytes, 0x41, sizeof(bytes));
	same_as(&was, &r_was, __LINE__);
}

/* QEMU adds queues one by one. */
static void queues_grow(void)
{
	uint64_t vqs;

	begin();
	vqs = fake_new(&mem, 4 * QUEUE_SIZE);
	who.vdev = blk_device();
	fake_put64(&mem, who.vdev + QUEUES_AT, vqs);
	fake_put32(&mem, vqs + 4, 128);
	look(false);
	CHECK_EQ(r.queues, 1);
	fake_put32(&mem, vqs + QUEUE_SIZE + 4, 128);
	fake_put32(&mem, vqs + 3 * QUEUE_SIZE + 4, 128); /* behind a gap */
	look(false);
	CHECK_EQ(r.queues, 2);
	fake_put32(&mem, vqs + 2 * QUEUE_SIZE + 4, 40000); /* no queue is that large */
	look(false);
	CHECK_EQ(r.queues, 2);
}

static void mmio(void)
{
	uint64_t slot, bus;

	begin();
	who.vdev = blk_device();
	name(who.vdev, "mblk", NULL);
	look(false);
	CHECK_EQ(r.transport, 0);
	CHECK_EQ(who.proxy, 0);
	slot = fake_object(&mem, "virtio-mmio", 128);
	name(slot, NULL, "/machine/unattached/device[7]");
	bus = fake_object(&mem, "virtio-mmio-bus", 128);
	fake_put64(&mem, bus + FAKE_BUS_PARENT, slot);
	fake_put64(&mem, who.vdev + BUS_AT, bus);
	look(false);
	CHECK_EQ(who.proxy, slot);
	CHECK_EQ(r.transport, VQT_TRANSPORT_MMIO);
	CHECK_STR(who.user_id, "mblk");
	CHECK_STR(who.path, "");
	name(who.vdev, "mblk", "/machine/peripheral/mblk");
	look(true);
	CHECK_STR(who.path, "/machine/peripheral/mblk");
}

/* A slot without a device has no name that counts. */
static void empty_slot(void)
{
	begin();
	who.proxy = fake_object(&mem, "virtio-mmio", 128);
	name(who.proxy, "slot", "/machine/unattached/device[7]");
	look(true);
	CHECK_EQ(r.virtio_id, 0);
	CHECK_STR(who.user_id, "");
	who.vdev = blk_device();
	name(who.vdev, "mblk", "/machine/peripheral/mblk");
	look(true);
	CHECK_STR(who.user_id, "mblk");
	CHECK_STR(who.typename, "virtio-blk-device");
}

static void pci(void)
{
	uint64_t config, bus, host;
	uint8_t c[256] = { 0xf4, 0x1a, 0x42, 0x10 };

	begin();
	who.proxy = fake_object(&mem, "virtio-blk-pci", 1024);
	name(who.proxy, "disk0", "/machine/peripheral/disk0");
	bus = fake_object(&mem, "PCIE", 128);
	host = fake_object(&mem, "q35-pcihost", 128);
	fake_put64(&mem, bus + FAKE_BUS_NAME, fake_string(&mem, "pcie.0"));
	fake_put64(&mem, bus + FAKE_BUS_PARENT, host);
	fake_put64(&mem, who.proxy + 88, bus);
	config = fake_new(&mem, 256);
	fake_put(&mem, config, c, sizeof(c));
	fake_put64(&mem, who.proxy + 168, config);
	fake_put32(&mem, who.proxy + 200, 3 << 3); /* devfn, 24 bytes before the name */
	fake_put(&mem, who.proxy + 224, "virtio-blk-pci", 15);
	look(true);
	CHECK_EQ(r.transport, VQT_TRANSPORT_PCI);
	CHECK_EQ(r.bdf, 3 << 3);
	CHECK_EQ(r.virtio_id, 2);
	CHECK_EQ(r.flags, 0);
	CHECK_EQ(who.pci_config, config);
	c[2] = 0x01; /* 4.1.2.1: a transitional block device */
	c[0x2e] = 2;
	fake_put(&mem, config, c, sizeof(c));
	look(false);
	CHECK_EQ(r.flags, 0);
	look(true);
	CHECK_EQ(r.flags, VQT_DEV_TRANSITIONAL);
	/* freed: the configuration space is a network device's now */
	memset(&r, 0, sizeof(r));
	c[2] = 0x41;
	fake_put(&mem, config, c, sizeof(c));
	look(true);
	CHECK_EQ(r.virtio_id, 2);
	CHECK_EQ(r.transport, 0);
}

static const struct tap_test tests[] = {
	{ "an id and a path that come later are learned", named_later },
	{ "nothing that is known is forgotten", kept },
	{ "queues are counted as they are added", queues_grow },
	{ "a device in an mmio slot has its own names", mmio },
	{ "an empty slot has no name", empty_slot },
	{ "the PCI function", pci },
};
TAP_MAIN(tests)
