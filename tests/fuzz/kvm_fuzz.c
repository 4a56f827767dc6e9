/* SPDX-License-Identifier: MIT */
/*
 * Any hits of KVM's tracepoints: the guest chooses addresses and values, the monitor memory slots.  What comes out must be
 * records that the decoder takes.  The first byte: has the guest found a disk before?
 */
#include <stdlib.h>
#include <string.h>

#include "bpf/follow/slots.h"
#include "bpf/kvm/machine.h"
#include "decoder/model/model.h"
#include "tests/unit/fake_pci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct machine *machine;
static struct model *model;
static uint16_t ids;
static uint64_t number;
static struct slots slots;

static void on_record(void *ctx, void *record, size_t len)
{
	struct vqt_hdr *h = record;
	struct record r;
	struct event e;

	h->source = 1;
	h->seq = (uint32_t)number;
	if (record_parse(&r, record, len, NULL) || !r.h.device || r.h.device > ids)
		abort();
	if (r.h.type == VQT_REG &&
	    (!r.reg.width || r.reg.width > 8 || r.reg.width & (r.reg.width - 1) || !r.reg.region ||
	     r.reg.region > VQT_REGION_BAR))
		abort();
	if (model_feed(model, &r, ++number, &e))
		abort();
}

static void hits(unsigned kind, uint64_t addr, unsigned width, unsigned count, uint64_t value)
{
	struct vqk_event e = {
		.kind = (uint16_t)kind, .width = width, .count = count, .addr = addr, .value = value
	};

	machine_event(machine, &e);
}

static void hit(unsigned kind, uint64_t addr, unsigned width, uint64_t value)
{
	hits(kind, addr, width, 1, value);
}

static uint64_t take(const uint8_t **at, const uint8_t *end, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n && *at < end; i++)
		v |= (uint64_t) * (*at)++ << 8 * i;
	return v;
}

/* Addresses near what is known are more interesting than others. */
static uint64_t address(const uint8_t **at, const uint8_t *end)
{
	static const uint64_t bases[] = { 0,	  MSIX,	      BAR4,	  0xcf8,
					  0xc000, 0xb0000000, 0xfee00000, BAR4 + 0x3000 };
	uint64_t base = bases[take(at, end, 1) % 8];

	return base ? base + take(at, end, 2) : take(at, end, 8);
}

/* Wherever bytes are found, they are in what was given to the machine last. */
static void change_slot(const struct vqk_event *e)
{
	uint64_t gpa = e->addr + e->width, host;
	struct slot was;

	if (e->kind != VQK_SLOT && e->kind != VQK_SLOT_SET)
		return;
	slots_event(&slots, e, &was);
	if (!slots_find(&slots, gpa, e->count, &host))
		return;
	for (unsigned i = 0; i < slots.n; i++) {
		const struct slot *s = &slots.slot[i];

		if (host >= s->host && host - s->host == gpa - s->gpa &&
		    e->count <= s->len - (host - s->host))
			return;
	}
	abort();
}

static void one_hit(const uint8_t **at, const uint8_t *end)
{
	unsigned kind = (unsigned)take(at, end, 1), width = (unsigned)take(at, end, 1);
	struct vqk_event e = { .kind = (uint16_t)(kind % (VQK_SLOT_SET + 1)),
			       .width = width & 0x80 ? width : 1U << width % 5,
			       .count = kind & 0x80 ? width : 1,
			       .addr = address(at, end),
			       .value = take(at, end, 4) };

	machine_event(machine, &e);
	change_slot(&e);
}

/* A configuration cycle, or several of one instruction. */
static void cycle(const uint8_t **at, const uint8_t *end, bool write)
{
	uint32_t address = 0x80000000U | (uint32_t)take(at, end, 2) << 2;
	unsigned low = (unsigned)take(at, end, 1);

	hit(VQK_PIO_WRITE, 0xcf8, 4, address);
	hits(write ? VQK_PIO_WRITE : VQK_PIO_READ, 0xcfc + (low & 3), 1U << (low >> 2 & 15) % 3,
	     low & 0x80 ? 3 : 1, take(at, end, 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *at = data, *end = data + size;
	const struct machine_config c = { on_record, NULL, &ids, size & 1 };

	ids = 0;
	number = 0;
	memset(&slots, 0, sizeof(slots));
	machine = machine_new(&c);
	model = model_new();
	if (!machine || !model)
		abort();
	if (take(&at, end, 1) & 1) {
		struct function f = disk(0x10);

		enumerate(&f);
	}
	while (at < end) {
		unsigned what = (unsigned)take(&at, end, 1);

		if (what == 0xff)
			machine_lost(machine);
		else if (what == 0xfe)
			machine_describe(machine, 0, 1);
		else if (what & 1)
			cycle(&at, end, what & 2);
		else
			one_hit(&at, end);
	}
	if (machine_stats(machine).devices < ids)
		abort();
	machine_free(machine);
	model_free(model);
	return 0;
}
