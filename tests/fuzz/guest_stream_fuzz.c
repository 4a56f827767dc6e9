/* SPDX-License-Identifier: MIT */
/*
 * What the programs in a kernel's virtio drivers send, in any order and with gaps, with call stacks: what
 * comes out must be a trace.  Input: flags; then steps.
 */
#include <stdlib.h>

#include "bpf/guest/stacks.h"
#include "bpf/guest/stream.h"
#include "bpf/prog/guest.skel.h"
#include "decoder/model/model.h"
#include "tests/fuzz/programs.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE 1000 /* ns: when they begin */

static struct guest_bpf *skel; /* never loaded: its maps are empty */
static struct guest_source g;
static struct model *model;
static uint64_t number, latest;
static uint32_t next;

/* In order, numbered, and what the decoder takes. */
static void on_record(void *ctx, const void *record, size_t len)
{
	struct record r;
	struct event e;

	if (record_parse(&r, record, len, NULL) || r.h.source != 1)
		abort();
	if (r.h.seq < next && next - r.h.seq < 1U << 31)
		abort();
	if (r.h.type >= VQT_REG || r.h.type == VQT_LOSS) { /* not those that describe */
		if (r.h.ts < latest)
			abort();
		latest = r.h.ts;
	}
	next = r.h.seq + 1;
	if (model_feed(model, &r, ++number, &e))
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	skel = guest_bpf__open();
	if (!skel)
		abort();
	return 0;
}

/* A stack as bpf_get_stack() and "%pB" give it: symbols that anything may be. */
static void stack(struct input *in)
{
	static const char *const usual[] = { "bpf_trampoline_6442536467_0+0x5c/0x1000",
					     "__traceiter_block_rq_issue+0x4/0x8",
					     "virtqueue_add_sgs+0x4/0x90 [virtio_ring]",
					     "virtqueue_add_sgs+0x9/0x90 [virtio_ring]",
					     "0xffffffffc0201000",
					     "",
					     "vp_notify+0x" };
	static _Alignas(8) uint8_t buf[PROGRAMS_BYTES];
	struct vqt_hdr h = { .type = VQT_STACK };
	struct vqg_stack s = { .key = take(in, 1), .first = (uint16_t)take(in, 1) };
	size_t at = sizeof(h) + sizeof(s), head = at;
	uint8_t how = (uint8_t)take(in, 1);

	s.n = (uint16_t)take(in, 1);
	s.cut = how & 1;
	for (unsigned i = 0; i < 8; i++)
		s.pc[(s.first + i) % VQG_STACK_RAW] = take(in, 1);
	for (unsigned i = 0; i < how >> 4; i++) {
		unsigned which = (unsigned)take(in, 1);
		char text[256];

		if (which < sizeof(usual) / sizeof(usual[0]))
			strcpy(text, usual[which]);
		else
			take_text(in, text, sizeof(text));
		memcpy(buf + at, text, strlen(text) + 1);
		at += strlen(text) + 1;
	}
	s.len = (uint16_t)(how & 2 ? take(in, 2) : at - head);
	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), &s, sizeof(s));
	guest_take(&g, buf, at);
}

static void device(struct input *in, uint8_t *buf, size_t *len)
{
	struct vqg_found found = { .vdev = take(in, 1) };
	size_t n = 12;
	const uint8_t *name;

	if (take(in, 1) & 1) {
		memcpy(found.parent, "0000:00:04.0", 12);
	} else {
		n = sizeof(found.parent);
		name = take_bytes(in, &n);
		if (n)
			memcpy(found.parent, name, n);
	}
	((struct vqt_device *)(void *)buf)->virtio_id = (uint16_t)take(in, 1);
	*len = sizeof(struct vqt_device) + sizeof(found);
	memcpy(buf + sizeof(struct vqt_device), &found, sizeof(found));
}

static void event(struct input *in, uint64_t *ts, uint32_t *seq)
{
	static const uint8_t types[] = { VQT_REG,   VQT_KICK, VQT_RING,	  VQT_AVAIL, VQT_IRQ,
					 VQT_GUEST, VQT_LOSS, VQT_DEVICE, VQT_USED };
	static _Alignas(8) uint8_t buf[PROGRAMS_BYTES];
	struct vqt_hdr *h = (void *)buf;
	uint8_t what = (uint8_t)take(in, 1), how = (uint8_t)take(in, 1);
	size_t len = take_record(in, types[(what >> 1) % sizeof(types)], buf, ts);

	if (!len)
		return;
	if (how & 1)
		*seq += (uint32_t)take(in, how & 2 ? 4 : 1);
	h->seq = (*seq)++;
	if (how & 4)
		h->seq -= (uint32_t)take(in, 1);
	if (h->type == VQT_DEVICE) {
		h->device = (uint16_t)(how & 8 ? take(in, 2) : h->device);
		device(in, buf, &len);
	} else if (what & 1 && len <= VQG_RECORD) {
		struct vqg_stack_ref ref = { { (uint32_t)take(in, 1), 0 } };

		h->source = VQG_SOURCE_STACK;
		len = (len + 3) & ~(size_t)3;
		memcpy(buf + len, &ref, sizeof(ref));
		len += sizeof(ref);
	}
	guest_take(&g, buf, len);
}

static void step(struct input *in, uint64_t *ts, uint32_t *seq)
{
	uint8_t op = (uint8_t)take(in, 1);

	switch (op & 15) {
	case 0: order_expire(g.order, UINT64_MAX, 1); break;
	case 1: guest_describe(&g); break;
	case 2: guest_lost(&g, take(in, 1)); break;
	case 3:
	case 4:
	case 5:
		if (g.stacks)
			stack(in);
		break;
	default: event(in, ts, seq);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = (uint8_t)take(&in, 1);
	uint64_t ts = BASE;
	uint32_t seq = 0;

	g = (struct guest_source){ .request.record = on_record, .skel = skel, .last_ts = BASE };
	g.config.no_calls = how & 1;
	g.stacks = how & 2 ? stacks_new() : NULL;
	if (how & 4)
		g.request.devices = (struct option_list){ { "0000:00:04.0", "net" }, 2 };
	if (how & 8) {
		g.before[0] = (struct guest_before){ "0000:00:04.0", 15, { 1, 1 } };
		g.nbefore = 1;
	}
	g.order = order_new(&guest_order_ops, &g);
	model = model_new();
	if (!g.order || !model)
		abort();
	number = latest = 0;
	next = 0;
	for (unsigned i = 0; in.left && i < 500; i++)
		step(&in, &ts, &seq);
	order_expire(g.order, 0, 0);
	guest_lost_last(&g);
	order_free(g.order);
	stacks_free(g.stacks);
	model_free(model);
	return 0;
}
