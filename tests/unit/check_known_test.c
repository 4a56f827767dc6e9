/* SPDX-License-Identifier: MIT */
/*
 * The forty violations that real drivers and devices shipped (decoder/check/known.c): for
 * each a conversation in which it happens, and the rule that finds it.  Every
 * issue that is cited there has its row here.  --markdown writes the table of
 * the documentation, decoder/check/KNOWN.md.
 */
#include <stdio.h>
#include <stdlib.h>

#include "decoder/check/known.h"
#include "tests/unit/check_cases.h"
#include "tests/unit/conversation.h"

struct known {
	unsigned rank;
	const char *rule;
	const char *what; /* happens in the conversation */
	const char *where; /* of rule_known.where, or NULL: all of it */
	const char *words; /* NULL: the conversation that breaks the rule in check_cases_*.c */
	const char *also; /* other rules that are broken with it */
};

#define OFFER "reset; acknowledge; offer; "

static const struct known rows[] = {
	{ 1, "kick-before-driver-ok", "queues are filled and kicked, then DRIVER_OK is set", NULL,
	  "negotiate; setup; enable; avail; ! kick; driver-ok; avail; kick; pop 5; use 5; interrupt",
	  "" },
	{ 2, "status-steps-merged", "ACKNOWLEDGE, DRIVER and the rest in few writes",
	  "asterinas#3465",
	  "reset; ! write status 3; offer; accept; features-ok; setup; enable; driver-ok", "" },
	{ 2, "init-after-refusal", "the device refuses FEATURES_OK, the driver sets up queues",
	  "virtio-win#1612", NULL, "valid-features-refused" },
	{ 2, "features-ok-unread", "FEATURES_OK is set and never read back", "hermit#2207",
	  OFFER "accept; write status 11; write queue_select 0; read queue_size 256; "
		"! write queue_size 256; write queue_desc/4 0x10000",
	  "" },
	{ 3, "status-bit-cleared", "device_status is written with a bit less, without a reset",
	  "propolis#1064", NULL, "" },
	{ 3, "device-clears-status-bits",
	  "FEATURES_OK comes again with DRIVER_OK, features are settled twice and "
	  "the device falls back",
	  "propolis#1053", NULL, "" },
	{ 4, "reset-not-awaited", "0 is written and the driver goes on without reading it back",
	  "seabios#2; zephyr#115151; rcore/virtio-drivers#69", NULL, "" },
	{ 4, "reset-never-ends", "0 is written and device_status never reads 0", "firecracker#5455",
	  NULL, "" },
	{ 5, "position-kept-over-reset", "a second driver starts at 0, the device at its old index",
	  "cloud-hypervisor#1120",
	  "up; request; request; request; write status 0; read status 0; up; avail; kick; "
	  "! pop 5 at 3",
	  "" },
	{ 5, "busy-after-reset", "a request of before the reset is written to memory after it",
	  "openvmm#3915", NULL, "used-id-unknown" },
	{ 5, "intx-kept-over-reset", "the interrupt line stays asserted", "libvmm#349", NULL, "" },
	{ 6, "buffers-taken-back", "the queue is taken down with requests in flight", NULL, NULL,
	  "queue-changed-enabled" },
	{ 7, "version-1-refused", "VERSION_1 is offered and left out", NULL, NULL, "" },
	{ 8, "feature-not-offered", "a bit is accepted that is not offered", "reactos#9462", NULL,
	  "" },
	{ 8, "indirect-unnegotiated", "indirect descriptors without their feature",
	  "spdk#650 (INDIRECT)", NULL, "" },
	{ 8, "feature-without-prerequisite", "a feature is accepted without the one it requires",
	  "virtio-spec#158", NULL, "" },
	{ 9, "access-platform-refused", "ACCESS_PLATFORM is offered and left out", NULL, NULL, "" },
	{ 10, "legacy-features-ok", "FEATURES_OK is written to a legacy device",
	  "operating-system-in-1000-lines#119", NULL, "features-unread,features-unwritten" },
	{ 10, "legacy-size-unread", "a legacy queue is laid out by a size of the driver's own",
	  "unikraft#1796", NULL, "any-layout-refused" },
	{ 11, "config-generation-stuck", "the capacity changes and config_generation does not",
	  NULL, NULL, "blk-capacity-untold" },
	{ 12, "config-read-untimed", "capacity is read in halves, config_generation never", NULL,
	  NULL, "" },
	{ 13, "access-width", "a register is read in another width than its own", NULL, NULL, "" },
	{ 14, "vector-not-read-back", "a vector is written and not read back", NULL, NULL, "" },
	{ 15, "vector-after-reset", "a vector reads other than NO_VECTOR after a reset", NULL, NULL,
	  "" },
	{ 16, "absent-queue-written", "registers of a queue are written that is not there",
	  "cloud-hypervisor#7918",
	  "negotiate; read num_queues 1; write queue_select 0xffff; ! write queue_msix_vector 0; "
	  "read queue_msix_vector 0xffff",
	  "" },
	{ 16, "absent-queue-size", "a queue that is not there has a size", "alioth#483", NULL, "" },
	{ 17, "queue-enabled-unconfigured", "queue_enable comes before the addresses",
	  "rcore/virtio-drivers#51", NULL, "" },
	{ 17, "queue-disabled", "0 is written to queue_enable", "cloud-hypervisor#8190", NULL, "" },
	{ 17, "driver-ok-without-queue", "DRIVER_OK with no queue enabled", "libvmm#186", NULL,
	  "" },
	{ 18, "queue-misaligned", "the descriptor table is not at a multiple of 16",
	  "rust-vmm/vm-virtio#94; firecracker#59", NULL, "" },
	{ 18, "queue-size-split", "a split queue gets a size that is no power of 2",
	  "zephyr#112757", NULL, "" },
	{ 19, "kick-nowhere", "a kick is written where no queue has its place",
	  "awkernel#505; hermit#1218,#1238,#1240", NULL, "" },
	{ 19, "kick-value", "the value of a kick is another queue's index",
	  "hermit#1218,#1238,#1240", NULL, "" },
	{ 20, "cap-length", "a capability is shorter than what it describes", "openvmm#3858", NULL,
	  "" },
	{ 20, "window-read-wrong",
	  "the configuration window reads another register than it was set to",
	  "cloud-hypervisor#8238,#8272", NULL, "" },
	{ 21, "intx-never-read", "INTx stays asserted and ISR status is never read", "hermit#2231",
	  NULL, "" },
	{ 21, "config-irq-without-change", "a configuration interrupt and nothing has changed",
	  "openvmm#4049", NULL, "" },
	{ 21, "isr-config-bit", "a configuration interrupt without its bit in ISR status",
	  "virtio-spec#133", NULL, "" },
	{ 22, "needs-reset-silent", "DEVICE_NEEDS_RESET appears and nobody is told",
	  "firecracker#5351; cloud-hypervisor#8166", NULL, "" },
	{ 22, "device-sets-failed", "the device sets FAILED", "propolis#586", NULL, "" },
	{ 23, "interrupt-missing", "a chain is used, avail.flags is 0, and no interrupt comes",
	  "acrn#2733; spdk#3178", NULL, "" },
	{ 23, "interrupt-missing-event-idx", "used_event is passed and no interrupt comes",
	  "cloud-hypervisor#897; lkl#148", NULL, "" },
	{ 24, "kick-missing-event-idx", "avail_event is passed and no kick comes",
	  "virtio-win#1150; qemu/qemu#267 (PR)", NULL, "" },
	{ 24, "device-asleep", "the device sleeps and its avail_event is behind",
	  "cloud-hypervisor#2179; firecracker#5958", NULL, "" },
	{ 25, "used-event-idle", "EVENT_IDX is accepted and used_event never moves",
	  "rcore/virtio-drivers#121; virtio-win#198", NULL, "" },
	{ 25, "avail-flags-event-idx", "avail.flags is 1 with EVENT_IDX", "propolis#1171", NULL,
	  "" },
	{ 26, "chain-too-long", "a chain of more descriptors than the queue has",
	  "virtio-win#578; openvmm#2985,#2986", NULL, "" },
	{ 26, "blk-segments", "a request of more segments than seg_max", "propolis#1188", NULL,
	  "" },
	{ 27, "chain-loops", "a chain comes back to itself", NULL, NULL, "" },
	{ 28, "indirect-unnegotiated", "indirect descriptors without their feature", "spdk#650",
	  NULL, "" },
	{ 28, "indirect-nested", "an indirect descriptor in a table", "openvmm#3137", NULL, "" },
	{ 28, "indirect-table-flags", "NEXT in the table of a packed queue", "openvmm#2983", NULL,
	  "" },
	{ 29, "avail-index-jump", "avail.idx is more than the queue size ahead",
	  "vm-virtio#196; firecracker#3156; cloud-hypervisor#7605", NULL, "" },
	{ 29, "avail-index-back", "avail.idx goes back", "virtio-win#195", NULL, "" },
	{ 30, "head-out-of-range", "the available ring names a descriptor beyond the table", NULL,
	  NULL, "" },
	{ 30, "next-out-of-range", "next names a descriptor beyond the table", NULL, NULL, "" },
	{ 31, "head-in-flight", "a descriptor is made available again in flight", "nanos#633", NULL,
	  "" },
	{ 31, "packed-overfull", "more descriptors in flight than the ring has", "openvmm#4002",
	  NULL, "" },
	{ 32, "used-id-unknown", "an id is used twice", "zephyr#111289; MigTD#986",
	  "up; avail 2; kick; pop 5; pop 8; use 5; interrupt; ! use 5", "" },
	{ 32, "used-id-unknown", "a used id is no head", "kvm-host#50",
	  "up; avail; kick; pop 5; ! use 6", "" },
	{ 33, "used-len-zero", "len is 0 after a read", "firecracker#2364", NULL, "" },
	{ 33, "blk-len-short", "len leaves the status byte out", "cloud-hypervisor#8066", NULL,
	  "" },
	{ 33, "used-len-too-big", "len is more than the chain has", NULL, NULL, "" },
	{ 34, "buffer-empty", "a descriptor of length 0", NULL, NULL, "" },
	{ 35, "readable-after-writable", "a readable descriptor comes after a writable one",
	  "Kani blog 2022-07-13 (Firecracker)", NULL, "" },
	{ 35, "blk-framing-refused", "requests fail that are cut otherwise into descriptors",
	  "cloud-hypervisor#8346,#7803", NULL, "" },
	{ 36, "packed-used-wrap", "the used wrap counter does not turn at the end of the ring",
	  "kvm-host#50", NULL, "" },
	{ 36, "indirect-table-flags", "NEXT in the table of a packed queue", "openvmm#3990,#2983",
	  NULL, "" },
	{ 37, "used-out-of-order", "IN_ORDER is negotiated and the order not kept",
	  "SerenityOS#26513/#26523", NULL, "" },
	{ 37, "head-in-flight", "a head is reused as if all before it were back", "nanos#633",
	  "up; avail 3; kick; pop 5; pop 8; use 8; interrupt; ! pop 5", "" },
	{ 38, "blk-past-end", "a request goes beyond the capacity",
	  "virtio-win#997; openvmm#4046; cloud-hypervisor#7873,#8557", NULL, "" },
	{ 38, "blk-length", "data is no multiple of 512 bytes", "cloud-hypervisor#7873,#8557", NULL,
	  "" },
	{ 39, "blk-write-on-ro", "a write to a read-only disk ends in OK",
	  "cloud-hypervisor#4888,#7697,#7698", NULL, "" },
	{ 39, "blk-negotiated-refused", "FLUSH is negotiated and refused",
	  "cloud-hypervisor#4888,#7697,#7698", NULL, "" },
	{ 39, "blk-flush-early", "FLUSH is answered before the storage has flushed",
	  "also FLUSH durability firecracker#2172", NULL, "" },
	{ 40, "blk-discard-unmap-done", "DISCARD with the unmap flag ends in OK",
	  "cloud-hypervisor#7919,#7920,#7874", NULL, "blk-discard-unmap" },
	{ 40, "blk-unknown-flags-done", "WRITE_ZEROES with an unknown flag ends in OK",
	  "cloud-hypervisor#7919,#7920,#7874", NULL, "blk-segment-flags" },
	{ 40, "blk-discard-segments", "more segments than max_discard_seg",
	  "cloud-hypervisor#7919,#7920,#7874", NULL, "" },
	{ 40, "blk-shape", "a request without a descriptor for the status", "firecracker#857", NULL,
	  "" },
	{ 40, "blk-segment-length", "a segment of another length than 16 bytes", "virtio-spec#231",
	  NULL, "" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static unsigned n, bad;

static void ok(bool good, unsigned rank, const char *rule, const char *what)
{
	printf("%sok %u - %u, %s: %s\n", good ? "" : "not ", ++n, rank, rule, what);
	bad += !good;
}

static const struct check_case *case_of(const char *id)
{
	static const struct check_case *const tables[] = {
		check_cases_core, check_cases_setup, check_cases_ring,
		check_cases_pci,  check_cases_blk,
	};

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct check_case *c = tables[t]; c->rule; c++)
			if (!strcmp(c->rule, id))
				return c;
	return NULL;
}

static bool listed(const char *list, const char *id)
{
	size_t len = strlen(id);

	for (; list && *list; list += strcspn(list, ","), list += *list == ',')
		if (!strncmp(list, id, len) && (list[len] == ',' || !list[len]))
			return true;
	return false;
}

static void play(const struct known *k)
{
	static struct conversation s;
	const struct check_case *c = case_of(k->rule);
	const struct rule *r = rule_by_id(k->rule);
	bool found = false, others = false;
	char ref[8];

	snprintf(ref, sizeof(ref), "T%02u", k->rank);
	ok(r && rule_has_ref(r, ref), k->rank, k->rule, "is the rule for it");
	memset(&s, 0, sizeof(s));
	conversation_begin(&s, NULL);
	conversation_run(&s, k->words ? k->words : c ? c->broken : "?");
	conversation_end(&s);
	for (unsigned i = 0; i < s.nfound; i++) {
		const char *id = s.found[i].rule->id;

		if (!strcmp(id, k->rule))
			found |= !s.mark || s.found[i].number == s.mark;
		else if (!listed(k->also, id) && !(c && !k->words && listed(c->also, id)))
			others = true;
	}
	ok(found && !s.error, k->rank, k->rule, k->what);
	ok(!others, k->rank, k->rule, "and nothing else");
}

/* Item i of "a; b; c"; NULL past the end. */
static const char *item(const char *list, unsigned i, size_t *len)
{
	while (i-- && list) {
		list = strstr(list, "; ");
		list = list ? list + 2 : NULL;
	}
	if (!list)
		return NULL;
	*len = strstr(list, "; ") ? (size_t)(strstr(list, "; ") - list) : strlen(list);
	return list;
}

static bool has_item(const char *list, const char *what, size_t len)
{
	const char *one;
	size_t size;

	for (unsigned i = 0; (one = item(list, i, &size)); i++)
		if (size == len && !strncmp(one, what, len))
			return true;
	return false;
}

static void cited(unsigned rank)
{
	const char *where = rule_known[rank - 1].where, *one;
	size_t len;

	for (unsigned i = 0; (one = item(where, i, &len)); i++) {
		bool any = false;

		for (size_t k = 0; k < ROWS; k++)
			any |= rows[k].rank == rank &&
			       (!rows[k].where || has_item(rows[k].where, one, len));
		if (!any)
			printf("# %.*s has no conversation\n", (int)len, one);
		ok(any, rank, "all", "every issue cited has a conversation");
	}
	for (size_t k = 0; k < ROWS; k++)
		for (unsigned i = 0;
		     rows[k].rank == rank && rows[k].where && (one = item(rows[k].where, i, &len));
		     i++)
			ok(has_item(where, one, len), rank, rows[k].rule,
			   "cites an issue of the list");
}

static void markdown(void)
{
	printf("# Violations that shipped, and the rules that find them\n\n"
	       "Forty ways in which real drivers and devices broke the specification, by how often they\n"
	       "were met, with issues of the projects concerned. Each row is a conversation in which it\n"
	       "happens, played by `tests/unit/check_known_test.c`; `vqtrace check --explain RULE` tells\n"
	       "more. `make known` writes this table.\n\n"
	       "| | Violation | What happens | Rule | Clauses | Issues |\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < ROWS; i++) {
		const struct rule *r = rule_by_id(rows[i].rule);
		bool first = !i || rows[i - 1].rank != rows[i].rank;

		if (first)
			printf("| %u | %s ", rows[i].rank, rule_known[rows[i].rank - 1].what);
		else
			printf("| | ");
		printf("| %s | `%s` | %s; %s | %s |\n", rows[i].what, rows[i].rule,
		       r ? r->section : "", r ? r->refs : "",
		       rows[i].where ? rows[i].where : rule_known[rows[i].rank - 1].where);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--markdown")) {
		markdown();
		return 0;
	}
	for (size_t i = 0; i < ROWS; i++)
		play(&rows[i]);
	for (unsigned rank = 1; rank <= RULE_KNOWN; rank++)
		cited(rank);
	printf("1..%u\n", n);
	return bad != 0;
}
