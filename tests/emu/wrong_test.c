/* SPDX-License-Identifier: MIT */
/* Every named violation and fault plays, leaves whole records, and survives. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/record.h"
#include "emu/wrong.h"
#include "tests/emu/tap.h"

struct sum {
	unsigned records, bad;
	uint64_t hash;
};

static void emit(void *opaque, const void *rec, size_t len)
{
	struct sum *s = opaque;
	struct record r;
	s->bad += record_parse(&r, rec, len, NULL) < 0;
	s->records++;
	for (size_t i = 0; i < len; i++)
		s->hash = (s->hash ^ ((const uint8_t *)rec)[i]) * 0x100000001b3ull;
}

int main(void)
{
	uint64_t ranks = 0;
	const struct emu_wrong *w;
	for (unsigned n = 0; (w = emu_wrong_nth(n)); n++) {
		struct sum s = {0}, again = {0};
		struct emu_tap_config t = {.emit = emit, .opaque = &s};
		int ret = emu_wrong_play(w, &t);
		t.opaque = &again;
		emu_wrong_play(w, &t);
		ok(ret == 0 && s.records > 20 && !s.bad && s.hash == again.hash,
			"%s: %u records (%d)", w->name, s.records, ret);
		ok(emu_wrong_by_name(w->name) == w, "%s: unique", w->name);
		ranks |= 1ull << w->top40;
	}
	is((uintptr_t)emu_wrong_by_name("no such"), 0, "an unknown name");
	struct sum base[16];
	for (unsigned bits = 0; bits < 16; bits++) {
		struct emu_workload w = {bits & 1, bits & 2, bits & 4, false, bits & 8};
		struct emu_tap_config t = {.emit = emit, .opaque = &base[bits]};
		base[bits] = (struct sum){0};
		is((uint64_t)emu_fault_play(NULL, &w, &t), 0, "good device, workload %u", bits);
	}
	for (const struct emu_fault_row *f = emu_faults; f->name; f++) {
		bool differs = false, whole = true;
		struct emu_fault fault = {.id = f->id};
		for (unsigned bits = 0; bits < 16; bits++) {
			struct emu_workload w = {bits & 1, bits & 2, bits & 4, false, bits & 8};
			struct sum s = {0};
			struct emu_tap_config t = {.emit = emit, .opaque = &s};
			if (f->id == EMU_FAULT_OUT_OF_ORDER)
				w.in_order = true;
			whole &= emu_fault_play(&fault, &w, &t) == 0 && !s.bad;
			differs |= s.hash != base[bits].hash;
		}
		ok(whole && differs, "fault %s shows", f->name);
		ok(emu_fault_by_name(f->name) == f, "fault %s: unique", f->name);
		ranks |= 1ull << f->top40;
	}
	is((uintptr_t)emu_fault_by_name("no such"), 0, "an unknown fault");
	is(~ranks & ((1ull << 41) - 2), 0, "all of the forty are covered");
	return done();
}
