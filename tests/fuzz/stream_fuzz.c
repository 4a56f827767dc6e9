/* SPDX-License-Identifier: MIT */
/*
 * What the programs at a QEMU's functions send, in any order and with gaps, of devices whose memory is
 * anything: what comes out must be a trace.  Input: flags; then steps.
 */
#include <stdlib.h>

#include "bpf/calls/calls.h"
#include "bpf/calls/impl.h"
#include "bpf/capture/capture.h"
#include "bpf/capture/hold.h"
#include "bpf/capture/stacks.h"
#include "bpf/capture/stream.h"
#include "bpf/device/device.h"
#include "bpf/device/sample.h"
#include "bpf/prog/qemu.skel.h"
#include "bpf/session/emit.h"
#include "decoder/model/model.h"
#include "tests/fuzz/programs.h"
#include "tests/unit/fake_qemu.h"
#include "tests/unit/tiny_elf.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NO_PROCESS 0x3fffffff /* more than any has */
#define BASE 1000 /* ns: when they begin */
#define MORE 1000000000

static uint8_t bytes[FAKE_SIZE];
static struct fake_memory mem;
static struct qemu_bpf *skel; /* never loaded: its maps are empty */
static struct qemu q;
static struct capture c;
static struct target t[2];
static struct stacks *stacks[2];
static struct model *model;
static uint64_t number, latest[2];
static uint32_t next[2];

/* In order and numbered (but the session, which is of no source), and what the decoder takes. */
static void on_record(void *ctx, const void *record, size_t len)
{
	struct record r;
	struct event e;
	unsigned i;

	if (record_parse(&r, record, len, NULL) || r.h.source > 2)
		abort();
	if (r.h.source) {
		i = r.h.source - 1U;
		if (r.h.ts < latest[i] || (int32_t)(r.h.seq - next[i]) < 0)
			abort();
		latest[i] = r.h.ts;
		next[i] = r.h.seq + 1;
	}
	if (model_feed(model, &r, ++number, &e))
		abort();
}

static ssize_t read_mem(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf)
{
	return fake_read(&mem.m, range, n, buf);
}

/* Once: it has a child that unwinds, which finds no process. */
static void open_stacks(unsigned i)
{
	c.o.stacks = ~0U;
	t[i].c = &c;
	t[i].p.pid = NO_PROCESS;
	if (stacks_open(&t[i]))
		abort();
	stacks[i] = t[i].stacks;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct tiny_elf elf;

	skel = qemu_bpf__open();
	tiny_elf(&elf, "\xc3", 1);
	if (!skel || elf_open_memory(&q.elf, "qemu", elf.bytes, elf.size))
		abort();
	for (unsigned i = 0; i < 2; i++)
		open_stacks(i);
	return 0;
}

static void open_target(unsigned i, uint8_t how)
{
	t[i] = (struct target){
		.c = &c, .q = &q, .mem.read = read_mem, .source = (uint8_t)(i + 1)
	};
	t[i].p.pid = NO_PROCESS;
	t[i].last_ts = BASE;
	t[i].late = how & 1;
	t[i].stacks = how & 2 ? stacks[i] : NULL;
	stacks_again(&t[i]);
	t[i].order = order_new(&stream_ops, &t[i]);
	if (!t[i].order || calls_open(&t[i]))
		abort();
	if (!t[i].calls)
		return;
	calls_name_add(t[i].calls, "qdev_unplug");
	t[i].calls->name[calls_name_add(t[i].calls, "fn_1234")].callback = 0x1234;
	t[i].calls->name[calls_name_add(t[i].calls, "fn_5678")].callback = 0x5678;
	t[i].calls->name[3].state = NAMING_UNWANTED;
}

/* What identity_read() knows a PCI function by. */
static void make_pci(uint64_t proxy)
{
	uint64_t config = fake_new(&mem, 256), bus = fake_object(&mem, "PCIE", 64);
	uint64_t host = fake_object(&mem, "q35-pcihost", 64);

	fake_put32(&mem, config, 0x10421af4);
	fake_put64(&mem, bus + FAKE_BUS_PARENT, host);
	fake_put64(&mem, bus + FAKE_BUS_NAME, fake_string(&mem, "pcie.0"));
	fake_put64(&mem, proxy + 64, bus);
	fake_put64(&mem, proxy + 136, config);
	fake_put32(&mem, proxy + 160 - 24, 0x20);
	fake_put(&mem, proxy + 160, "virtio-blk-pci", 15);
}

static void make_queues(uint64_t vdev)
{
	uint64_t queue = fake_new(&mem, 4 * 192);

	fake_put64(&mem, vdev + 200, queue);
	for (unsigned i = 0; i < 2; i++, queue += 192) {
		fake_put32(&mem, queue + 4, 8);
		fake_put32(&mem, queue + 8, 8); /* num_default */
		fake_put64(&mem, queue + 16, 0x1000);
		fake_put64(&mem, queue + 24, 0x2000);
		fake_put64(&mem, queue + 32, 0x3000);
		fake_put64(&mem, queue + 40, fake_new(&mem, 512)); /* caches */
	}
}

/* A proxy, and a device that is plugged into it by a bus. */
static void furnish(uint64_t *proxy, uint64_t *vdev)
{
	uint64_t bus;

	memset(bytes, 0, sizeof(bytes));
	fake_init(&mem, bytes, sizeof(bytes));
	*proxy = fake_object(&mem, "virtio-blk-pci", 1024);
	*vdev = fake_object(&mem, "virtio-blk-device", 512);
	bus = fake_object(&mem, "virtio-pci-bus", 256);
	fake_put64(&mem, *vdev + 96, bus);
	fake_put64(&mem, bus + FAKE_BUS_PARENT, *proxy);
	fake_put64(&mem, *proxy + FAKE_DEVICE_ID, fake_string(&mem, "disk0"));
	fake_put64(&mem, *proxy + FAKE_DEVICE_PATH, fake_string(&mem, "/machine/peripheral/disk0"));
	make_pci(*proxy);
	make_queues(*vdev);
	q.layout = (struct vqp_proc){
		.dev_bus = 96,
		.vdev_vq = 200,
		.vq_size = 192,
		.vdev_status = 208,
		.vdev_features = 216,
		.vdev_broken = 224,
		.vq_num = 4,
		.vq_desc = 16,
		.vq_avail = 24,
		.vq_used_addr = 32,
		.vq_caches = 40,
		.vq_last = 48,
		.vq_last_wrap = 50,
		.vq_used = 52,
		.vq_used_wrap = 54,
		.vq_index = 56,
		.vq_inuse = 60,
		.vq_vector = 64,
		.vq_vdev = 72,
		.vq_notifier = 80,
		.qiov_size = 32,
		.cache_step = 64,
	};
	q.vdev_host_features = 232;
	q.vdev_config = VQP_UNKNOWN;
}

static void seq_of(struct input *in, struct vqt_hdr *h, uint32_t *seq)
{
	uint8_t how = (uint8_t)take(in, 1);

	if (how & 1)
		*seq += (uint32_t)take(in, how & 2 ? 4 : 1);
	h->seq = (*seq)++;
	if (how & 4)
		h->seq -= (uint32_t)take(in, 1);
}

static void event(struct input *in, const uint64_t object[2], uint64_t *ts, uint32_t *seq)
{
	static const uint8_t types[] = { VQT_REG,    VQT_KICK,	     VQT_RING,	    VQT_AVAIL,
					 VQT_USED,   VQT_IRQ,	     VQT_LIFECYCLE, VQT_RETURN,
					 VQT_DEVICE, VQT_DATA,	     VQT_BACKEND,   VQT_ROUTES,
					 VQT_LOSS,   VQT_QUEUE_STATE };
	static _Alignas(8) uint8_t buf[PROGRAMS_BYTES];
	struct vqt_hdr *h = (void *)buf;
	uint8_t what = (uint8_t)take(in, 1);
	size_t len = take_record(in, types[(what >> 1) % sizeof(types)], buf, ts);

	if (!len)
		return;
	if (h->type == VQT_DEVICE && what & 128)
		((struct vqt_device *)(void *)buf)->handle = object[what & 1];
	h->source = (uint8_t)(1 + (what & 1));
	if (h->device && what & 1)
		h->device += DEVICES / 2; /* no two processes have one */
	seq_of(in, h, &seq[what & 1]);
	stream_take(&c, buf, len);
}

/* Before an event: the call that it is in, or its stack. */
static void before_event(struct input *in, const uint32_t *seq)
{
	uint8_t what = (uint8_t)take(in, 1);
	struct vqt_hdr h = { .seq = seq[what & 1] + (uint32_t)(what >> 2 & 3),
			     .source = (uint8_t)(1 + (what & 1)) };

	if (what & 2) {
		struct vqp_call call = { .call = (uint32_t)take(in, 1),
					 .within = (uint32_t)take(in, 1),
					 .name = (uint32_t)take(in, 1) };

		h.type = VQP_CALL;
		memcpy(call.header, &h, sizeof(h));
		stream_take(&c, &call, sizeof(call));
	} else {
		struct vqp_stack s = { .len = (uint32_t)take(in, 1) };

		h.type = VQT_STACK;
		memcpy(s.header, &h, sizeof(h));
		s.reg[VQP_DWARF_PC] = take(in, 1);
		stream_take(&c, &s, sizeof(s));
	}
}

static void refresh(void)
{
	for (size_t i = 0; i < DEVICES; i++)
		if (c.device[i] && !c.device[i]->complete && !c.device[i]->gone &&
		    !c.device[i]->fresh)
			device_refresh(c.device[i]);
}

static void step(struct input *in, const uint64_t object[2], uint64_t *ts, uint32_t *seq)
{
	uint8_t op = (uint8_t)take(in, 1);

	switch (op & 15) {
	case 0: order_expire(t[op >> 4 & 1].order, UINT64_MAX, 1); break;
	case 1: hold_tick(&t[op >> 4 & 1], capture_now() + MORE); break;
	case 2:
		if (op & 0x80)
			capture_preamble(&c);
		refresh();
		break;
	case 3: fake_put64(&mem, FAKE_BASE + take(in, 2) % (FAKE_SIZE - 8), take(in, 8)); break;
	case 4:
	case 5: before_event(in, seq); break;
	default: event(in, object, ts, seq);
	}
}

static void close_target(unsigned i)
{
	order_expire(t[i].order, 0, 0);
	hold_release(&t[i], true);
	order_free(t[i].order);
	hold_free(&t[i]);
	sample_free(&t[i]);
	calls_close(&t[i]);
	classes_close(t[i].classes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = (uint8_t)take(&in, 1);
	static const char *const chosen[] = { "disk0", NULL };
	uint64_t object[2], ts = BASE;
	uint32_t seq[2] = { 0, 0 };

	furnish(&object[0], &object[1]);
	c = (struct capture){ .o = { .record = on_record }, .skel = skel, .ntargets = 2 };
	c.o.lifecycle = how & 4;
	c.o.no_lifecycle = how & 8;
	c.o.devices = how & 16 ? chosen : NULL;
	model = model_new();
	number = latest[0] = latest[1] = 0;
	next[0] = next[1] = 0;
	for (unsigned i = 0; i < 2; i++) {
		c.target[i] = &t[i];
		open_target(i, how);
	}
	for (unsigned i = 0; in.left && i < 500; i++)
		step(&in, object, &ts, seq);
	for (unsigned i = 0; i < 2; i++)
		close_target(i);
	for (size_t i = 0; i < DEVICES; i++)
		if (c.device[i])
			device_free(c.device[i]);
	model_free(model);
	return 0;
}
