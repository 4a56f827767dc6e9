/* SPDX-License-Identifier: MIT */
/* Control messages of the console device, 5.3.6.2, in both directions. */
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "decoder/class/class.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static struct record_builder t;
static char text[128];

static void begin(uint64_t accepted)
{
	struct vqt_device d = { .virtio_id = VIRTIO_ID_CONSOLE, .bdf = ~0U };
	struct vqt_device_state s = { .known = VQT_KNOWN_ACCEPTED, .accepted = { accepted } };

	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	builder_add(&t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	builder_add(&t, VQT_DEVICE_STATE, &s, sizeof(s), NULL, 0);
}

/* A chain of one buffer: its first 8 bytes, of n, if the driver supplies them. */
static void avail(uint16_t queue, const uint8_t *bytes, uint32_t n)
{
	struct {
		struct vqt_desc d;
		struct vqt_seg seg;
		uint8_t bytes[8];
	} tail = { .d = { 0x1000, n, bytes ? 0 : VRING_DESC_F_WRITE, 0 }, .seg = { .len = 8 } };
	struct vqt_avail a = { .ndesc = 1, .ndirect = 1, .nseg = bytes != NULL };

	if (bytes)
		memcpy(tail.bytes, bytes, 8);
	t.queue = queue;
	builder_add(&t, VQT_AVAIL, &a, sizeof(a), &tail, bytes ? sizeof(tail) : sizeof(tail.d));
}

static void used(uint32_t len, const uint8_t *bytes, uint16_t captured)
{
	struct {
		struct vqt_seg seg;
		uint8_t bytes[8];
	} tail = { .seg = { .len = captured } };
	struct vqt_used u = { .len = len, .nseg = 1 };

	memcpy(tail.bytes, bytes, captured);
	builder_add(&t, VQT_USED, &u, sizeof(u), &tail, sizeof(tail.seg) + ((captured + 3U) & ~3U));
}

static const char *described(void)
{
	class_describe(t.e.dev->class, &t.e.req->io, text, sizeof(text));
	return text;
}

static const char *resulted(void)
{
	class_result(t.e.dev->class, &t.e.req->io, text, sizeof(text));
	return text;
}

static const uint8_t open_port[8] = { 1, 0, 0, 0, 6, 0, 1, 0 };
static const uint8_t strange[8] = { 2, 1, 0, 0, 99, 1, 7, 0 };

static void messages(void)
{
	begin(1 << 1); /* MULTIPORT */
	avail(3, open_port, 8);
	CHECK_STR(described(), "control: PORT_OPEN port 1, value 1");
	CHECK_EQ(class_header(t.e.dev->class, &t.e.req->io)->count, 3);
	avail(3, strange, 8);
	CHECK_STR(described(), "control: event 355 port 258, value 7");
	avail(2, NULL, 4096);
	CHECK_STR(described(), "control: 4096 bytes of room");
	used(8, open_port, 8);
	CHECK_STR(resulted(), "control: PORT_OPEN port 1, value 1");
	avail(2, NULL, 4096);
	used(8, open_port, 4); /* not captured whole */
	CHECK_STR(resulted(), "");
	avail(2, NULL, 4096);
	used(4, open_port, 8); /* the device says that it wrote less */
	CHECK_STR(resulted(), "");
	builder_finish(&t);
}

static void data(void)
{
	begin(1 << 1);
	avail(5, open_port, 8); /* of port 1 */
	CHECK_STR(described(), "8 bytes to the device");
	avail(4, NULL, 32);
	CHECK_STR(described(), "32 bytes of room");
	used(8, open_port, 8);
	CHECK_STR(resulted(), "");
	builder_finish(&t);
	begin(1 << 0); /* SIZE only: there are two queues */
	avail(3, open_port, 8);
	CHECK_STR(described(), "8 bytes to the device");
	builder_finish(&t);
}

static const struct tap_test tests[] = {
	{ "control messages", messages },
	{ "what is not a control message", data },
};

TAP_MAIN(tests)
