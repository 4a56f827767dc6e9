/* SPDX-License-Identifier: MIT */
/* Every named violation and fault plays, leaves whole records, and survives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/record.h"
#include "tests/emu/violation.h"
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

/* --- what exactly our device makes of each ------------------------------------------- */

struct seen {
	unsigned used;
	struct vqt_used last;
	char text[64];
};

static void watch(void *opaque, const void *rec, size_t len)
{
	struct seen *s = opaque;
	if (((const struct vqt_hdr *)rec)->type != VQT_USED)
		return;
	s->used++;
	memcpy(&s->last, rec, sizeof(s->last));
}

/* device_status, how many chains were used, and of the last one length and status byte */
static void look(void *opaque, struct emu_testbed *r)
{
	struct seen *s = opaque;
	int n = sprintf(s->text, "0x%02x used %u", r->v->status, s->used);
	if (s->used)
		n += sprintf(s->text + n, " len %u", s->last.len);
	if (s->used && s->last.flags & VQT_USED_STATUS)
		sprintf(s->text + n, " status %u", s->last.status);
}

static const struct {
	const char *name, *want;
} outcomes[] = {
	{ "kick-before-driver-ok", "0x0f used 1 len 513 status 0" },
	{ "features-ok-skipped", "0x43 used 0" },
	{ "features-ok-not-reread", "0x0f used 0" },
	{ "status-steps-merged", "0x0f used 0" },
	{ "continues-after-refusal", "0x43 used 0" },
	{ "status-bit-cleared", "0x0f used 1 len 513 status 0" },
	{ "features-ok-again", "0x0f used 1 len 513 status 0" },
	{ "reset-not-waited", "0x01 used 0" },
	{ "no-reset-after-failed", "0x8f used 0" },
	{ "version-1-not-accepted", "0x03 used 0" },
	{ "accepts-unoffered", "0x03 used 0" },
	{ "features-after-features-ok", "0x0f used 1 len 513 status 0" },
	{ "access-platform-not-accepted", "0x0f used 1 len 513 status 0" },
	{ "legacy-features-ok", "0x0f used 1 len 513 status 0" },
	{ "legacy-queue-size-written", "0x07 used 1 len 513 status 0" },
	{ "config-without-generation", "0x0f used 0" },
	{ "wrong-access-width", "0x0f used 0" },
	{ "config-misaligned", "0x0f used 0" },
	{ "vector-not-read-back", "0x0f used 0" },
	{ "vector-outside-table", "0x0f used 0" },
	{ "queue-select-outside", "0x0f used 0" },
	{ "writes-read-only", "0x0f used 1 len 513 status 0" },
	{ "enable-before-addresses", "0x4f used 0" },
	{ "enable-written-zero", "0x0f used 1 len 513 status 0" },
	{ "driver-ok-without-queue", "0x0f used 0" },
	{ "queue-changed-while-enabled", "0x0f used 1 len 513 status 0" },
	{ "queue-misaligned", "0x4f used 0" },
	{ "queue-size-not-power-of-2", "0x0b used 0" },
	{ "queue-size-beyond", "0x0b used 0" },
	{ "queue-reset-not-waited", "0x4f used 0" },
	{ "notify-no-queue", "0x0f used 0" },
	{ "notify-wrong-value", "0x0f used 1 len 513 status 0" },
	{ "notify-wrong-width", "0x0f used 1 len 513 status 0" },
	{ "notify-wrong-next", "0x0f used 1 len 513 status 0" },
	{ "isr-never-read", "0x0f used 4 len 513 status 0" },
	{ "isr-read-with-msix", "0x0f used 1 len 513 status 0" },
	{ "kick-missing", "0x0f used 0" },
	{ "kick-missing-event-idx", "0x0f used 0" },
	{ "kick-unwanted", "0x0f used 1 len 513 status 0" },
	{ "used-event-stale", "0x0f used 300 len 513 status 0" },
	{ "avail-flags-with-event-idx", "0x0f used 1 len 513 status 0" },
	{ "event-flags-reserved", "0x0f used 1 len 513 status 0" },
	{ "buffers-taken-back", "0x4f used 1 len 513 status 0" },
	{ "changed-in-flight", "0x0f used 1 len 513 status 0" },
	{ "chain-too-long", "0x4f used 0" },
	{ "chain-too-long-packed", "0x4f used 0" },
	{ "descriptor-loop", "0x4f used 0" },
	{ "chain-over-4-gib", "0x4f used 0" },
	{ "indirect-not-negotiated", "0x4f used 0" },
	{ "indirect-nested", "0x4f used 0" },
	{ "indirect-with-next", "0x4f used 0" },
	{ "indirect-table-length", "0x4f used 0" },
	{ "avail-index-jumps", "0x4f used 0" },
	{ "head-outside", "0x4f used 0" },
	{ "next-outside", "0x4f used 0" },
	{ "head-in-flight", "0x4f used 0" },
	{ "zero-length-buffer", "0x0f used 1 len 1 status 0" },
	{ "readable-after-writable", "0x4f used 0" },
	{ "readable-after-writable-packed", "0x4f used 0" },
	{ "packed-wrap-not-toggled", "0x0f used 6 len 513 status 0" },
	{ "packed-next-in-indirect", "0x0f used 1 len 513 status 0" },
	{ "in-order-next", "0x0f used 1 len 513 status 0" },
	{ "beyond-capacity", "0x0f used 1 len 513 status 1" },
	{ "length-not-sectors", "0x0f used 1 len 1 status 1" },
	{ "write-to-read-only", "0x0f used 1 len 1 status 1" },
	{ "flush-with-sector", "0x0f used 1 len 1 status 0" },
	{ "get-id-length", "0x0f used 1 len 9 status 1" },
	{ "request-not-negotiated", "0x0f used 1 len 1 status 2" },
	{ "discard-unmap", "0x0f used 1 len 1 status 2" },
	{ "segment-flags-reserved", "0x0f used 1 len 1 status 2" },
	{ "too-many-segments", "0x0f used 1 len 1 status 2" },
	{ "segment-length", "0x0f used 1 len 1 status 1" },
	{ "no-status-descriptor", "0x4f used 0" },
	{ "short-header", "0x0f used 1 len 513 status 1" },
	{ "wrong-direction", "0x0f used 1 len 513 status 1" },
};

static const char *outcome(const char *name)
{
	for (unsigned i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (!strcmp(outcomes[i].name, name))
			return outcomes[i].want;
	return "not in the table";
}

/* For emu/DIFFERENCES.md, behind that of bad_input_test. */
static void markdown(void)
{
	const struct emu_violation *w;
	printf("%s",
	       "\n## What shipped drivers did wrong\n\n"
	       "The violations that our driver commits on request (tests/emu/violation.h), and what the device\n"
	       "makes of each: device_status after it, chains used, and of the last one the length and\n"
	       "the status byte.\n\n"
	       "| violation | what | rules | outcome |\n|---|---|---|---|\n");
	for (unsigned n = 0; (w = emu_violation_nth(n)); n++)
		printf("| %s | %s | %s | `%s` |\n", w->name, w->what, w->clauses, outcome(w->name));
}

static void test_outcomes(void)
{
	const struct emu_violation *w;
	for (unsigned n = 0; (w = emu_violation_nth(n)); n++) {
		struct seen s = { 0 };
		struct emu_tap_config t = { .emit = watch, .opaque = &s };
		const char *want = outcome(w->name);
		emu_violation_play_to(w, &t, look, &s);
		if (!ok(!strcmp(s.text, want), "%s: %s", w->name, want))
			printf("#  got %s\n", s.text);
	}
}

int main(int argc, char **argv)
{
	uint64_t ranks = 0;
	if (argc > 1 && !strcmp(argv[1], "--markdown")) {
		markdown();
		return 0;
	}
	test_outcomes();
	const struct emu_violation *w;
	for (unsigned n = 0; (w = emu_violation_nth(n)); n++) {
		struct sum s = { 0 }, again = { 0 };
		struct emu_tap_config t = { .emit = emit, .opaque = &s };
		int ret = emu_violation_play(w, &t);
		t.opaque = &again;
		emu_violation_play(w, &t);
		ok(ret == 0 && s.records > 20 && !s.bad && s.hash == again.hash,
		   "%s: %u records (%d)", w->name, s.records, ret);
		ok(emu_violation_by_name(w->name) == w, "%s: unique", w->name);
		ranks |= 1ull << w->top40;
	}
	is((uintptr_t)emu_violation_by_name("no such"), 0, "an unknown name");
	struct sum base[16];
	for (unsigned bits = 0; bits < 16; bits++) {
		struct emu_workload w = { bits & 1, bits & 2, bits & 4, false, bits & 8 };
		struct emu_tap_config t = { .emit = emit, .opaque = &base[bits] };
		base[bits] = (struct sum){ 0 };
		is((uint64_t)emu_fault_play(NULL, &w, &t), 0, "good device, workload %u", bits);
	}
	for (const struct emu_fault_row *f = emu_faults; f->name; f++) {
		bool differs = false, whole = true;
		struct emu_fault fault = { .id = f->id };
		for (unsigned bits = 0; bits < 16; bits++) {
			struct emu_workload w = { bits & 1, bits & 2, bits & 4, false, bits & 8 };
			struct sum s = { 0 };
			struct emu_tap_config t = { .emit = emit, .opaque = &s };
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
