/* SPDX-License-Identifier: MIT */
/*
 * The checker against our own device and driver: nothing is found when both
 * behave; and each named wrong behaviour of a driver (tests/emu/violation.h) or device
 * (emu/virtio/fault.h) is found by the rule that is about it, and by no others than
 * those it breaks with it.
 */
#include <stdlib.h>

#include "tests/emu/violation.h"
#include "tests/emu/check.h"
#include "tests/emu/tap.h"

#define US ((uint64_t)1000)
#define MS (1000 * US)
#define FAST US
#define SLOW (20 * MS)
#define STALLED (250 * MS) /* between any two records: seconds go by */
#define STUCK (1000 * MS)

/* The device offers packed rings and ANY_LAYOUT to drivers that do without. */
#define USUAL "packed-refused,any-layout-refused,"

struct expected {
	const char *name, *rule, *also;
	uint64_t tick; /* 0: FAST */
};

static const struct expected drivers[] = {
	{ "kick-before-driver-ok", "kick-before-driver-ok", "", 0 },
	{ "features-ok-skipped", "driver-ok-without-features-ok", "queue-set-up-early", 0 },
	{ "features-ok-not-reread", "features-ok-unread", "", 0 },
	{ "status-steps-merged", "status-steps-merged", "features-unread,queue-set-up-early", 0 },
	{ "continues-after-refusal", "init-after-refusal",
	  "feature-not-offered,feature-undefined-accepted,"
	  "queue-set-up-early,status-steps-merged",
	  0 },
	{ "status-bit-cleared", "status-bit-cleared", "", 0 },
	{ "features-ok-again", "status-bit-cleared", "", 0 },
	{ "reset-not-waited", "reset-not-awaited", "", 0 },
	{ "no-reset-after-failed", "used-after-failed", "status-bit-cleared", 0 },
	{ "version-1-not-accepted", "version-1-refused", "", 0 },
	{ "accepts-unoffered", "feature-not-offered", "", 0 },
	{ "features-after-features-ok", "features-after-features-ok", "used-flags-event-idx", 0 },
	{ "access-platform-not-accepted", "access-platform-refused", "", 0 },
	{ "legacy-features-ok", "legacy-features-ok", "", 0 },
	{ "legacy-queue-size-written", "legacy-read-only-written", "", 0 },
	{ "config-without-generation", "config-read-untimed", "", 0 },
	{ "wrong-access-width", "access-width", "", 0 },
	{ "config-misaligned", "access-width", "config-read-untimed", 0 },
	{ "vector-not-read-back", "vector-not-read-back", "", 0 },
	{ "vector-outside-table", "vector-outside-table", "", 0 },
	{ "queue-select-outside", "absent-queue-written",
	  "queue-enabled-late,queue-enabled-unconfigured", 0 },
	{ "writes-read-only", "read-only-written", "", 0 },
	{ "enable-before-addresses", "queue-enabled-unconfigured", "queue-changed-enabled", 0 },
	{ "enable-written-zero", "queue-disabled", "kick-not-enabled,kick-nowhere", 0 },
	{ "driver-ok-without-queue", "driver-ok-without-queue", "", 0 },
	{ "queue-changed-while-enabled", "queue-changed-enabled", "", 0 },
	{ "queue-misaligned", "queue-misaligned", "", 0 },
	{ "queue-size-not-power-of-2", "queue-size-split", "", 0 },
	{ "queue-size-beyond", "queue-size-too-big", "", 0 },
	{ "queue-reset-not-waited", "qreset-unread", "qreset-unconfigured", 0 },
	{ "notify-no-queue", "kick-nowhere", "", 0 },
	{ "notify-wrong-value", "kick-value", "", 0 },
	{ "notify-wrong-width", "kick-width", "", 0 },
	{ "notify-wrong-next", "kick-next", "", 0 },
	{ "isr-never-read", "intx-never-read", "", STALLED },
	{ "isr-read-with-msix", "isr-read-with-msix", "", 0 },
	{ "kick-missing", "kick-missing", "", STALLED },
	{ "kick-missing-event-idx", "kick-missing-event-idx", "", STALLED },
	{ "kick-unwanted", "kick-suppressed", "", STALLED },
	{ "used-event-stale", "used-event-idle", "", 0 },
	{ "avail-flags-with-event-idx", "avail-flags-event-idx", "", 0 },
	{ "event-flags-reserved", "packed-driver-flags", "", 0 },
	{ "buffers-taken-back", "avail-index-back", "avail-index-jump", 0 },
	{ "changed-in-flight", "descriptor-changed-in-flight", "", 0 },
	{ "chain-too-long", "chain-too-long", "", 0 },
	{ "chain-too-long-packed", "list-too-long", "", 0 },
	{ "descriptor-loop", "chain-loops", "", 0 },
	{ "chain-over-4-gib", "chain-loops", "blk-length", 0 },
	{ "indirect-not-negotiated", "indirect-unnegotiated", "", 0 },
	{ "indirect-nested", "indirect-nested", "", 0 },
	{ "indirect-with-next", "indirect-and-next", "blk-shape", 0 },
	{ "indirect-table-length", "indirect-table-length", "", 0 },
	{ "avail-index-jumps", "avail-index-jump", "", 0 },
	{ "head-outside", "head-out-of-range", "", 0 },
	{ "next-outside", "next-out-of-range", "", 0 },
	{ "head-in-flight", "head-in-flight", "", 0 },
	{ "zero-length-buffer", "buffer-empty", "", 0 },
	{ "readable-after-writable", "readable-after-writable", "", 0 },
	{ "readable-after-writable-packed", "readable-after-writable", "", 0 },
	{ "packed-wrap-not-toggled", "kick-finds-nothing", "", STALLED },
	{ "packed-next-in-indirect", "indirect-table-flags", "", 0 },
	{ "in-order-next", "in-order-next", "", 0 },
	{ "beyond-capacity", "blk-past-end", "", 0 },
	{ "length-not-sectors", "blk-length", "", 0 },
	{ "write-to-read-only", "blk-ro-refused", "", 0 },
	{ "flush-with-sector", "blk-flush-sector", "", 0 },
	{ "get-id-length", "blk-id-length", "", 0 },
	{ "request-not-negotiated", "blk-unnegotiated", "", 0 },
	{ "discard-unmap", "blk-discard-unmap", "", 0 },
	{ "segment-flags-reserved", "blk-segment-flags", "", 0 },
	{ "too-many-segments", "blk-discard-segments", "", 0 },
	{ "segment-length", "blk-segment-length", "", 0 },
	{ "no-status-descriptor", "blk-shape", "", 0 },
	{ "short-header", "blk-shape", "", 0 },
	{ "wrong-direction", "blk-other-way", "", 0 },
	{ NULL, NULL, NULL, 0 },
};

/* Where everything is slow, device and driver look so, too. */
#define LATE \
	"interrupt-missing,interrupt-missing-event-idx,interrupt-missing-packed,vector-silent," \
	"intx-unacknowledged,intx-never-read,blk-capacity-unread,reset-never-ends"
#define IDS "used-id-unknown,used-id-unknown-packed"

static const struct expected devices[] = {
	{ "status-bit-cleared", "device-clears-status-bits", "status-steps-merged", 0 },
	{ "reset-stuck", "reset-never-ends", LATE ",kick-after-needs-reset", STALLED },
	{ "reset-keeps-enable", "enabled-after-reset", "", 0 },
	{ "reset-keeps-isr", "intx-kept-over-reset", "", 0 },
	{ "reset-still-uses", "busy-after-reset", IDS, 0 },
	{ "generation-stuck", "config-generation-stuck", "config-irq-without-change", 0 },
	{ "vector-after-reset", "vector-after-reset", "", 0 },
	{ "irq-for-no-vector", "interrupt-no-vector", "", 0 },
	{ "absent-queue-size", "absent-queue-size", "", 0 },
	{ "cap-len", "cap-length", "", 0 },
	{ "cfg-window", "window-read-wrong", "", 0 },
	{ "config-irq-spurious", "config-irq-without-change", "", 0 },
	{ "isr-not-cleared", "isr-not-cleared", "", 0 },
	{ "isr-no-config", "isr-config-bit", "", SLOW },
	{ "needs-reset-silent", "needs-reset-silent", LATE, STALLED },
	{ "sets-failed", "device-sets-failed", "status-bit-cleared", 0 },
	{ "irq-lost", "interrupt-missing", "interrupt-missing-packed,vector-silent", SLOW },
	{ "irq-extra", "interrupt-unasked", "interrupt-unasked-packed", 0 },
	{ "avail-event-stale", "device-asleep", LATE, STALLED },
	{ "used-flags-stuck", "device-asleep", LATE, STALLED },
	{ "kick-ignored", "kick-ignored", "device-asleep," LATE, STALLED },
	{ "used-id-unknown", "used-id-unknown",
	  "blk-len-short,used-id-unknown-packed,used-len-too-big", 0 },
	{ "used-id-duplicate", "used-id-unknown",
	  "blk-len-short,packed-used-order,used-id-unknown-packed", 0 },
	{ "used-id-middle", "used-id-unknown", "", 0 },
	{ "used-len-zero", "used-len-zero", "", 0 },
	{ "used-len-no-status", "blk-len-short", "used-len-zero", 0 },
	{ "used-len-too-long", "used-len-too-big", "", 0 },
	{ "refuses-framing", "blk-framing-refused", "", 0 },
	{ "wrap-not-toggled", "packed-used-wrap", "", 0 },
	{ "out-of-order", "used-out-of-order", "in-order-next",
	  0 }, /* our driver's free list is not in order */
	{ "writes-ro", "blk-write-on-ro", "blk-ro-refused", 0 },
	{ "flush-refused", "blk-negotiated-refused", "", 0 },
	{ "bad-flags-ok", "blk-discard-unmap-done", "blk-discard-unmap", 0 },
	{ "status-unwritten", "blk-status-range", "used-len-zero", 0 },
	{ "status-reserved", "blk-status-range", "", 0 },
	{ "never-completes", "request-stuck", LATE, STUCK },
	{ "consumes-early", "served-before-driver-ok", "", 0 },
	{ "offers-without-prerequisite", "blk-wce-without-flush", "blk-unnegotiated", 0 },
	{ "features-ok-always", "invalid-features-agreed", "feature-not-offered,packed-refused",
	  0 },
	{ "writes-readable", "readable-buffer-changed", "", 0 },
	{ NULL, NULL, NULL, 0 },
};

static const struct expected *of(const struct expected *table, const char *name)
{
	while (table->name && strcmp(table->name, name))
		table++;
	return table->name ? table : NULL;
}

static struct emu_workload workload(unsigned bits)
{
	return (struct emu_workload){ bits & 1, bits & 2, bits & 4, bits & 16, bits & 8 };
}

static void good(unsigned bits, uint64_t tick)
{
	struct emu_workload load = workload(bits);
	struct watch w;
	struct emu_tap_config tap;

	watch_begin(&w, tick, "");
	tap = watch_tap(&w);
	ok(!emu_fault_play(NULL, &load, &tap), "workload %u plays", bits);
	watch_end(&w);
	if (!ok(!w.found,
		"workload %u, %" PRIu64 " us a record: nothing found in %" PRIu64 " events", bits,
		tick / US, w.number))
		printf("# %s\n", w.first);
	watch_free(&w);
}

static void driver(const struct emu_violation *violation)
{
	const struct expected *e = of(drivers, violation->name);
	struct emu_tap_config tap;
	char except[512];
	struct watch w;

	if (!ok(e != NULL, "%s has a rule", violation->name))
		return;
	snprintf(except, sizeof(except), USUAL "%s,%s", e->rule, e->also);
	watch_begin(&w, e->tick ? e->tick : FAST, except);
	tap = watch_tap(&w);
	emu_violation_play(violation, &tap);
	watch_end(&w);
	ok(watch_hit(&w, e->rule), "driver %s: found by %s", violation->name, e->rule);
	if (!ok(!w.found, "driver %s: by that alone", violation->name))
		printf("# %s\n", w.first);
	watch_free(&w);
}

static void device(const struct emu_fault_row *row)
{
	const struct expected *e = of(devices, row->name);
	struct emu_fault fault = { .id = row->id, .after = row->id == EMU_FAULT_RESET_STUCK };
	unsigned hit = 0, others = 0;
	char except[512];

	if (!ok(e != NULL, "%s has a rule", row->name))
		return;
	snprintf(except, sizeof(except), "%s,%s", e->rule, e->also);
	/* A driver polls a stuck device for long: two are enough. */
	for (unsigned bits = 0; bits < (row->id == EMU_FAULT_RESET_STUCK ? 2 : 16); bits++) {
		struct emu_workload load =
			workload(bits | (row->id == EMU_FAULT_OUT_OF_ORDER ? 16 : 0));
		struct emu_tap_config tap;
		struct watch w;

		watch_begin(&w, e->tick ? e->tick : FAST, except);
		tap = watch_tap(&w);
		emu_fault_play(&fault, &load, &tap);
		watch_end(&w);
		hit += watch_hit(&w, e->rule);
		if (w.found)
			printf("# workload %u: %s\n", bits, w.first);
		others += w.found;
		watch_free(&w);
	}
	ok(hit, "device %s: found by %s in %u workloads", row->name, e->rule, hit);
	ok(!others, "device %s: by that alone", row->name);
}

static void rules_exist(const struct expected *table)
{
	for (; table->name; table++)
		ok(rule_by_id(table->rule) != NULL, "%s is a rule", table->rule);
}

int main(void)
{
	const struct emu_violation *violation;

	rules_exist(drivers);
	rules_exist(devices);
	for (unsigned bits = 0; bits < 32; bits++) {
		good(bits, FAST);
		good(bits, SLOW);
	}
	for (unsigned n = 0; (violation = emu_violation_nth(n)); n++)
		driver(violation);
	for (const struct emu_fault_row *row = emu_faults; row->name; row++)
		device(row);
	return done();
}
