/* SPDX-License-Identifier: MIT */
/*
 * Where calls are recorded: events that wait until it is known what becomes of an object, and the calls
 * that they are in.
 */
#include <stdlib.h>
#include <unistd.h>

#include "bpf/calls/calls.h"
#include "bpf/calls/impl.h"
#include "bpf/device/device.h"
#include "bpf/capture/hold.h"
#include "bpf/capture/stream.h"
#include "bpf/prog/qemu.skel.h"
#include "bpf/session/emit.h"
#include "decoder/fields/event_names.h"
#include "decoder/trace/record.h"
#include "decoder/util/text.h"
#include "tests/unit/fake_qemu.h"
#include "tests/unit/tap.h"

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory mem;
static struct capture c;
static struct target t;
static struct qemu q;
static TEXT(said, 4096);
static uint64_t now, latest;
static uint32_t seq;

/* What is written: "step device time", and its calls. */
static void on_record(void *ctx, const void *record, size_t len)
{
	struct record r;
	size_t n;

	CHECK_EQ(record_parse(&r, record, len, NULL), 0);
	CHECK(r.h.ts >= latest);
	latest = r.h.ts;
	if (r.h.type == VQT_DEVICE)
		text_puts(&said, "device");
	else if (r.h.type == VQT_LIFECYCLE)
		text_puts(&said, lifecycle_step(r.lifecycle.what)->name);
	else if (r.h.type == VQT_RETURN)
		text_add(&said, "return of %u", r.returned.call);
	else
		text_puts(&said, record_type_name(r.h.type));
	text_add(&said, " %u", r.h.device);
	if (r.h.type >= VQT_REG)
		text_add(&said, " at %u", (unsigned)r.h.ts);
	if (r.call.call || r.call.within)
		text_add(&said, " call %u in %u", r.call.call, r.call.within);
	if (r.function)
		text_add(&said, " %.*s", (int)r.function_len, r.function);
	text_puts(&said, ", ");
	record_text(&r, &n);
}

static ssize_t read_mem(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf)
{
	return fake_read(&mem.m, range, n, buf);
}

static void begin(void)
{
	static struct qemu_bpf *skel; /* never loaded: its maps are empty */

	memset(bytes, 0, sizeof(bytes));
	fake_init(&mem, bytes, sizeof(bytes));
	skel = skel ? skel : qemu_bpf__open();
	memset(&q, 0, sizeof(q));
	q.layout.dev_bus = q.layout.vdev_vq = q.layout.vq_size = VQP_UNKNOWN;
	c = (struct capture){ .o = { .lifecycle = true, .record = on_record }, .skel = skel };
	t = (struct target){ .c = &c, .q = &q, .mem.read = read_mem, .source = 1 };
	t.p.pid = getpid();
	CHECK_EQ(calls_open(&t), 0);
	said.len = 0;
	said.buf[0] = 0;
	now = latest = 1000;
	seq = 0;
}

static void end(void)
{
	hold_free(&t);
	calls_close(&t);
	for (size_t i = 0; i < DEVICES; i++)
		if (c.device[i])
			device_free(c.device[i]);
}

/* The next event begins this call, in that one; `name` of the function. */
static void called(uint32_t call, uint32_t within, uint32_t name)
{
	struct vqp_call v = { .call = call, .within = within, .name = name };
	struct vqt_hdr h = { .seq = seq, .type = VQP_CALL, .source = 1 };

	memcpy(v.header, &h, sizeof(h));
	calls_take(&t, &v, sizeof(v));
}

static void step(uint16_t device, uint16_t what)
{
	struct vqt_lifecycle l = { .h = { .ts = now += 10,
					  .seq = seq++,
					  .type = VQT_LIFECYCLE,
					  .device = device,
					  .source = 1 },
				   .what = what };

	stream_ops.record(&t, &l, sizeof(l));
}

static void returns(uint16_t device, uint32_t call)
{
	struct vqt_return r = { .h = { .ts = now += 10,
				       .seq = seq++,
				       .type = VQT_RETURN,
				       .device = device,
				       .source = 1 },
				.call = call };

	stream_ops.record(&t, &r, sizeof(r));
}

/* QEMU makes an object, which has this id. */
static void object(uint16_t id)
{
	struct vqt_device r = { .h = { .ts = now += 10,
				       .seq = seq++,
				       .type = VQT_DEVICE,
				       .device = id,
				       .source = 1 },
				.handle = fake_object(&mem, "virtio-blk-device", 256) };

	stream_ops.record(&t, &r, sizeof(r));
}

static void in_order(void)
{
	begin();
	called(1, 0, 0);
	step(0, VQT_LIFECYCLE_DEVICE_ADD);
	CHECK_STR(said.buf, "device_add 0 at 1010 call 1 in 0, ");
	object(1);
	called(2, 1, 0);
	step(1, VQT_LIFECYCLE_OBJECT_INIT);
	called(3, 2, 0);
	step(0, VQT_LIFECYCLE_CLASS_INIT); /* of no device, but in a call that waits */
	returns(0, 3);
	returns(1, 2);
	CHECK_STR(said.buf, "device_add 0 at 1010 call 1 in 0, ");
	called(4, 1, 0);
	step(1, VQT_LIFECYCLE_REALIZE);
	CHECK_STR(said.buf, "device_add 0 at 1010 call 1 in 0, device 1, "
			    "object_init 1 at 1030 call 2 in 1, class_init 0 at 1040 call 3 in 2, "
			    "return of 3 0 at 1050, return of 2 1 at 1060, "
			    "realize 1 at 1070 call 4 in 1, ");
	step(1, VQT_LIFECYCLE_RESET); /* nothing waits any more */
	CHECK(strstr(said.buf, "reset 1 at 1080, "));
	end();
}

/* An object that QEMU makes to list its properties, and frees: nothing is written of it. */
static void listed(void)
{
	begin();
	object(1);
	called(1, 0, 0);
	step(1, VQT_LIFECYCLE_OBJECT_INIT);
	returns(1, 1);
	object(1); /* the next one is there */
	called(2, 0, 0);
	step(1, VQT_LIFECYCLE_OBJECT_INIT);
	returns(1, 2);
	step(1, VQT_LIFECYCLE_REALIZE);
	CHECK_STR(said.buf, "device 1, object_init 1 at 1050 call 2 in 0, return of 2 1 at 1060, "
			    "realize 1 at 1070, ");
	said.len = 0;
	object(2);
	step(2, VQT_LIFECYCLE_OBJECT_INIT);
	hold_release(&t, false); /* the end */
	CHECK_EQ(said.len, 0);
	end();
}

/* Other devices do not wait for long for one that may never be one. */
static void others(void)
{
	begin();
	object(1);
	step(1, VQT_LIFECYCLE_REALIZE);
	said.len = 0;
	object(2);
	step(2, VQT_LIFECYCLE_OBJECT_INIT);
	step(1, VQT_LIFECYCLE_RESET);
	CHECK_EQ(said.len, 0);
	hold_tick(&t, capture_now());
	CHECK_EQ(said.len, 0);
	hold_tick(&t, capture_now() + UINT64_C(10000000000));
	CHECK_STR(said.buf, "reset 1 at 1050, ");
	step(1, VQT_LIFECYCLE_SET_STATUS);
	CHECK_STR(said.buf, "reset 1 at 1050, set_status 1 at 1060, ");
	said.len = 0;
	step(2, VQT_LIFECYCLE_REALIZE); /* its past is told now; times do not go back */
	CHECK_STR(said.buf, "device 2, object_init 2 at 1060, realize 2 at 1070, ");
	end();
}

/* More than there is room for: nothing is lost. */
static void many(void)
{
	unsigned n = 0;

	begin();
	object(1);
	for (unsigned i = 0; i < 5000; i++) {
		step(1, VQT_LIFECYCLE_PROPERTY);
		said.len = said.len > 3000 ? 0 : said.len;
	}
	step(1, VQT_LIFECYCLE_REALIZE);
	for (const uint64_t *by = c.stats.by_type; by < c.stats.by_type + 64; by++)
		n += *by;
	CHECK_EQ(n, 5002);
	CHECK_EQ(c.stats.by_type[VQT_LIFECYCLE], 5001);
	end();
}

/* A callback that is of no interest, and what is in it. */
static void dropped(void)
{
	struct call_name *n;

	begin();
	object(1);
	step(1, VQT_LIFECYCLE_REALIZE);
	said.len = 0;
	n = &t.calls->name[calls_name_add(t.calls, "fn_1234")];
	n->callback = 0x1234;
	n->state = NAMING_UNWANTED;
	calls_name_add(t.calls, "qdev_unplug");
	called(1, 0, 2);
	step(1, VQT_LIFECYCLE_DEVICE_DEL);
	called(2, 1, 1);
	step(1, VQT_LIFECYCLE_CALLBACK);
	called(3, 2, 1);
	step(1, VQT_LIFECYCLE_CALLBACK);
	called(4, 3, 0);
	step(1, VQT_LIFECYCLE_RESET);
	returns(1, 4);
	returns(1, 3);
	returns(1, 2);
	returns(1, 1);
	CHECK_STR(said.buf, "device_del 1 at 1030 call 1 in 0 qdev_unplug, "
			    "reset 1 at 1060 call 4 in 1, return of 4 1 at 1070, "
			    "return of 1 1 at 1100, ");
	end();
}

/* What the programs never send. */
static void hostile(void)
{
	uint8_t cut[8] = { 0 };

	begin();
	calls_take(&t, cut, sizeof(cut));
	object(1);
	called(5, 7, 999999);
	step(1, VQT_LIFECYCLE_REALIZE);
	CHECK_STR(said.buf, "device 1, realize 1 at 1020 call 5 in 7, ");
	end();
}

static const struct tap_test tests[] = {
	{ "in their order", in_order },	     { "objects that are no devices", listed },
	{ "other devices", others },	     { "more than there is room for", many },
	{ "calls of no interest", dropped }, { "odd numbers", hostile },
};

TAP_MAIN(tests)
