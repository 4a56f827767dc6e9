/* SPDX-License-Identifier: MIT */
/*
 * Hits of KVM's tracepoints by several machines, in any order and with gaps, as the programs send them:
 * what comes out must be a trace.  What one machine makes of them: kvm_fuzz.  Input: flags; then steps.
 */
#include <stdlib.h>
#include <unistd.h>

#include "bpf/kvm/stream.h"
#include "decoder/model/model.h"
#include "tests/fuzz/input.h"
#include "tests/unit/fake_pci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIDS 6

static struct kvm_source all;
static struct model *model;
static uint64_t number, slots, hits;
static uint32_t next[256];
static uint64_t latest[256];
static uint32_t seq[PIDS];

/* Numbered (but the session, which is of no source), and what the decoder takes. */
static void on_record(void *ctx, const void *record, size_t len)
{
	struct record r;
	struct event e;

	if (record_parse(&r, record, len, NULL) || r.h.source > all.nprocesses + 1)
		abort();
	if (r.h.source && (int32_t)(r.h.seq - next[r.h.source]) < 0)
		abort();
	next[r.h.source] = r.h.seq + 1;
	if (r.h.type >= VQT_REG || r.h.type == VQT_LOSS) { /* not those that describe */
		if (r.h.ts < latest[r.h.source])
			abort();
		latest[r.h.source] = r.h.ts;
	}
	if (model_feed(model, &r, ++number, &e))
		abort();
}

static void on_slot(void *ctx, uint8_t source, const struct vqk_event *e)
{
	if (!source || (e->kind != VQK_SLOT && e->kind != VQK_SLOT_SET))
		abort();
	slots++;
}

/* This process; one that has ended, or never was. */
static uint32_t pid_of(unsigned i)
{
	return i ? 0x3fffff00 + i : (uint32_t)getpid();
}

/* Of the first machine, whose guest finds its disk: for enumerate(). */
static void hit(unsigned kind, uint64_t addr, unsigned width, uint64_t value)
{
	struct vqk_event e = { .h.seq = seq[0]++,
			       .pid = pid_of(0),
			       .kind = (uint16_t)kind,
			       .width = width,
			       .count = 1,
			       .addr = addr,
			       .value = value };

	kvm_hit(&all, &e);
	hits++;
}

static void any_hit(struct input *in, unsigned machine, uint64_t *ts)
{
	static const uint64_t bases[] = { 0xcf8, 0xcfc, BAR4, BAR4 + 0x3000, MSIX, 0xfee00000, 0 };
	uint8_t how = (uint8_t)take(in, 1), what = (uint8_t)take(in, 1), order;
	struct vqk_event e = { .pid = pid_of(machine), .kind = what % (VQK_SLOT_SET + 2) };

	e.width = how & 1 ? (uint32_t)take(in, 1) : 1U << (how >> 1 & 3);
	e.count = how & 8 ? (uint32_t)take(in, 2) : 1;
	e.addr = bases[(how >> 4 & 7) % 7] + take(in, 2);
	e.value = take(in, how & 128 ? 8 : 4);
	e.host = how & 8 ? take(in, 4) : 0;
	*ts += take(in, 1);
	e.h.ts = what & 128 ? *ts - take(in, 1) : *ts;
	order = (uint8_t)take(in, 1);
	if (order & 1)
		seq[machine] += (uint32_t)take(in, order & 2 ? 4 : 1);
	e.h.seq = seq[machine]++;
	if (order & 4)
		e.h.seq -= (uint32_t)take(in, 1);
	kvm_hit(&all, &e);
	hits++;
}

static void step(struct input *in, uint64_t *ts)
{
	uint8_t op = (uint8_t)take(in, 1);
	unsigned machine = (op >> 4) % PIDS;

	switch (op & 15) {
	case 0: kvm_expire(&all, 0); break;
	case 1: kvm_dropped(&all, (pid_t)pid_of(machine), take(in, op & 128 ? 3 : 1)); break;
	case 2:
		if (all.nprocesses)
			kvm_describe(&all);
		break;
	default: any_hit(in, machine, ts);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = (uint8_t)take(&in, 1);
	uint64_t ts = 1000;

	all = (struct kvm_source){ .request.record = on_record, .late = how & 1 };
	if (how & 2)
		all.hooks.slot = on_slot;
	model = model_new();
	number = slots = hits = 0;
	memset(next, 0, sizeof(next));
	memset(latest, 0, sizeof(latest));
	memset(seq, 0, sizeof(seq));
	if (how & 4) {
		struct function f = disk(0x10);

		enumerate(&f);
	}
	for (unsigned i = 0; in.left && i < 500; i++)
		step(&in, &ts);
	kvm_expire(&all, 0);
	if (!kvm_settled(&all) || all.hits != hits)
		abort();
	for (unsigned i = 0; i < all.nprocesses; i++)
		kvm_process_free(all.process[i]);
	model_free(model);
	return 0;
}
