/* SPDX-License-Identifier: MIT */
/* The checker: selection, accountability, soundness, loss. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/check/known.h"
#include "tests/unit/check_refs.h"
#include "tests/unit/conversation.h"
#include "tests/unit/tap.h"

static struct conversation s;

static void begin(const char *selection)
{
	memset(&s, 0, sizeof(s));
	conversation_begin(&s, selection);
}

static void show(void)
{
	for (unsigned i = 0; i < s.nfound; i++)
		printf("#   %s at %llu: %s\n", s.found[i].rule->id,
		       (unsigned long long)s.found[i].number, s.found[i].seen);
}

/* A conversation in order: nothing at all is found. */
static void clean(const char *words)
{
	begin(NULL);
	conversation_run(&s, words);
	conversation_end(&s);
	CHECK(!s.error);
	CHECK_EQ(s.nfound, 0);
	if (s.nfound)
		show();
}

static void split(void)
{
	clean("read-caps; negotiate; read-config; setup; write queue_msix_vector 0xffff; "
	      "read queue_msix_vector 0xffff; enable; driver-ok; request; avail 2; kick; "
	      "pop 1: readable 16, readable 4096, writable 1 type OUT sector 16; pop 4; use 1 len 1; "
	      "interrupt; use 4; interrupt; avail; kick; pop 7: readable 16, writable 1 type FLUSH; "
	      "use 7 len 1; interrupt; avail; kick; "
	      "pop 9: readable 16, readable 16, writable 1 type DISCARD segment 0 8 0; use 9 len 1; "
	      "interrupt; read isr 0");
}

static void indirect_event(void)
{
	clean("up-event; read-config; ring used_event 0; avail; kick; "
	      "pop 5: indirect readable 48 | readable 16, writable 4096, writable 1; use 5; interrupt; "
	      "ring used_event 1; avail 2; kick; "
	      "pop 5: indirect readable 64 | readable 16, writable 4096, writable 4096, writable 1; "
	      "use 5 len 8193; interrupt; ring used_event 2; "
	      "pop 6: readable 16, indirect readable 32 | writable 512, writable 1; use 6 len 513; "
	      "interrupt");
}

static void packed(void)
{
	clean("up-packed; read-config; kick; pop 0; use 0; interrupt; kick; pop 1; pop 2; use 2; "
	      "interrupt; use 1; interrupt; kick; "
	      "pop 1: indirect readable 48 | readable 16, writable 512, writable 1; use 1 len 513; "
	      "interrupt; kick; pop 0; use 0; interrupt; kick; pop 0; use 0; interrupt");
}

static void legacy(void)
{
	clean("reset-legacy; acknowledge-legacy; read legacy.device_features 0x39006a46; "
	      "write legacy.driver_features 0x18006a46; read legacy@20/4 0x1000; read legacy@24/4 0; "
	      "read legacy@20/4 0x1000; read legacy@24/4 0; write legacy.queue_select 0; "
	      "read legacy.queue_size 256; write legacy.queue_address 0x10; "
	      "write legacy.device_status 7; avail; kick; pop 5; use 5; interrupt; intx 1; "
	      "read legacy.isr_status 1; intx 0; reset-legacy; write legacy.queue_select 0; "
	      "write legacy.queue_address 0; reset-machine; write legacy.device_status 1");
}

#define MMIO_FIND "device blk mmio; read mmio.MagicValue 0x74726976; read mmio.Version "
#define MMIO_RESET \
	"write mmio.Status 0; read mmio.Status 0; write mmio.Status 1; write mmio.Status 3; "
#define MMIO_SETUP \
	"write mmio.QueueSel 0; read mmio.QueueReady 0; read mmio.QueueSizeMax 1024; " \
	"write mmio.QueueSize 256; write mmio.QueueDescLow 0x10000; write mmio.QueueDescHigh 0; " \
	"write mmio.QueueDriverLow 0x12000; write mmio.QueueDriverHigh 0; " \
	"write mmio.QueueDeviceLow 0x13000; write mmio.QueueDeviceHigh 0; write mmio.QueueReady 1; "
#define MMIO_REQUEST \
	"avail; kick width 4; pop 5; use 5; interrupt; read mmio.InterruptStatus 1; " \
	"write mmio.InterruptACK 1; "

/* 4.2: registers of 32 bits, one of which is notified for all queues. */
static void mmio(void)
{
	clean(MMIO_FIND
	      "2; read mmio.DeviceID 2; read mmio.VendorID 1; " MMIO_RESET
	      "write mmio.DeviceFeaturesSel 0; read mmio.DeviceFeatures 0x30006a46; "
	      "write mmio.DeviceFeaturesSel 1; read mmio.DeviceFeatures 1; "
	      "write mmio.DriverFeaturesSel 0; write mmio.DriverFeatures 0x10006a46; "
	      "write mmio.DriverFeaturesSel 1; write mmio.DriverFeatures 1; "
	      "write mmio.Status 11; read mmio.Status 11; " MMIO_SETUP
	      "read mmio.ConfigGeneration 0; read mmio@0x100/4 0x1000; read mmio@0x104/4 0; "
	      "read mmio.ConfigGeneration 0; write mmio.Status 15; " MMIO_REQUEST MMIO_REQUEST
	      "write mmio.Status 0; read mmio.Status 0");
}

/* 4.2.4: pages instead of addresses, no FEATURES_OK; served and configured before DRIVER_OK. */
static void mmio_legacy(void)
{
	clean(MMIO_FIND
	      "1; read mmio.DeviceID 2; write mmio.GuestPageSize 4096; " MMIO_RESET
	      "write mmio.DeviceFeaturesSel 0; read mmio.DeviceFeatures 0x31006ed4; "
	      "write mmio.DriverFeaturesSel 0; write mmio.DriverFeatures 0; "
	      "write mmio@0x120/1 1; write mmio.QueueSel 0; read mmio.QueuePFN 0; "
	      "read mmio.QueueSizeMax 1024; write mmio.QueueSize 128; "
	      "write mmio.QueueAlign 4096; write mmio.QueuePFN 0x80; read mmio@0x100/4 0x1000; "
	      "read mmio@0x104/4 0; read mmio@0x120/1 1; " MMIO_REQUEST
	      "write mmio.Status 7; " MMIO_REQUEST "write mmio.QueuePFN 0; "
	      "write mmio.Status 0; read mmio.Status 0");
}

static void intx(void)
{
	clean("up; avail; kick; pop 5; use 5; interrupt; intx 1; read isr 1; intx 0; avail; kick; "
	      "pop 6; use 6; interrupt; intx 1; read isr 1; intx 0; interrupt config; intx 1; "
	      "read isr 2; intx 0; read config_generation 0; read config.capacity/4 4096; "
	      "read config.capacity/4+4 0; read config_generation 0");
}

static void again(void)
{
	clean("up; request; avail; kick; pop 5; use 5; interrupt; write status 0; read status 0; up; "
	      "request; avail 2; kick; pop 7; pop 8; write status 0; use 7; use 8; read status 0; up; "
	      "request; reset-machine; up; request");
}

static void one_queue(void)
{
	clean("up-queue-reset; request; avail; kick; pop 5; write queue_reset 1; read queue_reset 1; "
	      "read queue_reset 0; read queue_enable 0; setup; enable; request");
}

static void suspended(void)
{
	clean("up-suspend; request; avail; kick; pop 5; write status 31; use 5; interrupt; "
	      "read status 27; write status 15; read status 15; request");
}

/* ACKNOWLEDGE and DRIVER at once, features written twice: reported, but not as violations. */
static void widespread(void)
{
	begin("must,structural");
	conversation_run(
		&s,
		"write status 0; read status 0; write status 3; offer; accept; accept; features-ok; "
		"setup; enable; driver-ok; request");
	conversation_end(&s);
	CHECK_EQ(s.nfound, 0);
	begin(NULL);
	conversation_run(
		&s,
		"write status 0; read status 0; write status 3; offer; accept; accept; features-ok; "
		"setup; enable; driver-ok; request");
	conversation_end(&s);
	CHECK_EQ(s.nfound, 1);
	CHECK_EQ(conversation_count(&s, "status-steps-merged"), 1);
}

/* Nothing is held against anybody whose beginning was not seen. */
static void late(void)
{
	memset(&s, 0, sizeof(s));
	s.no_reset = true;
	conversation_begin(&s, NULL);
	conversation_run(
		&s,
		"ring avail_idx 7; ring last_avail 7; ring used_idx 5; write status 15; use 3; use 9; "
		"interrupt; avail; kick; pop 4; use 4; interrupt; write queue_enable 1; kick; "
		"read status 15; pop 5 at 99; use 77 at 3");
	conversation_end(&s);
	CHECK_EQ(s.nfound, 0);
	if (s.nfound)
		show();
}

/* What the trace itself shows of a hang is decidable, however late it began. */
static void late_hang(void)
{
	static const char learned[] =
		"learned 0 1; ring avail_idx 7; ring last_avail 7; ring used_idx 6; ";

	for (unsigned found = 0; found < 2; found++) {
		memset(&s, 0, sizeof(s));
		s.no_reset = true;
		conversation_begin(&s, NULL);
		conversation_run(&s, learned);
		conversation_run(&s, found ? "pop 5 at 6 flags BEFORE" : "pop 5 at 6 flags 0xc00");
		conversation_run(&s, "wait 20000ms; read num_queues 1; wait 11000ms; "
				     "read num_queues 1; wait 1ms; read num_queues 1");
		CHECK_EQ(conversation_count(&s, "request-stuck"), found);
		conversation_run(&s, "sample pending no; wait 1000ms; sample pending no; "
				     "wait 1000ms; sample pending no");
		CHECK_EQ(conversation_count(&s, "queue-stalled"), 1);
		conversation_end(&s);
		CHECK_EQ(s.nfound, 1 + found);
		if (s.nfound != 1 + found)
			show();
	}
}

/* An interrupt that is missing in the trace is, whatever was before; a kick may have been made. */
static void late_silence(void)
{
	static const char late[] =
		"learned 0x20000000 1; ring avail_idx 9; ring last_avail 7; ring used_idx 7; "
		"ring avail_event 6; ring used_event 7; thread 3; ";

	memset(&s, 0, sizeof(s));
	s.no_reset = true;
	conversation_begin(&s, NULL);
	conversation_run(&s, late);
	conversation_run(&s, "pop 4 at 6; use 4 at 6; interrupt; ring avail_idx 9; sample; "
			     "wait 600ms; read num_queues 1; wait 600ms; sample");
	CHECK_EQ(s.nfound, 0);
	conversation_run(&s, "pop 5 at 7; use 5 at 7; wait 1000ms; read num_queues 1; "
			     "wait 100ms; sample");
	CHECK_EQ(conversation_count(&s, "interrupt-missing-event-idx"), 1);
	CHECK_EQ(s.nfound, 1);
	conversation_end(&s);
	if (s.nfound != 1)
		show();
}

static void lost(void)
{
	begin(NULL);
	conversation_run(
		&s,
		"up; request; avail; kick; pop 5; lose; use 6; use 5; use 9; interrupt; write status 11; "
		"avail 39; kick; pop 17 at 40; use 17 at 40; interrupt");
	CHECK_EQ(s.nfound, 0);
	if (s.nfound)
		show();
	/* a reset, and all is known again */
	conversation_run(&s, "up; request; avail; kick; pop 5; use 6");
	conversation_end(&s);
	CHECK_EQ(conversation_count(&s, "used-id-unknown"), 1);
}

static void migrated(void)
{
	begin(NULL);
	conversation_run(
		&s,
		"reset-machine; restore-status 15; avail; kick; pop 5 at 700; use 5 at 699; interrupt");
	conversation_end(&s);
	CHECK_EQ(s.nfound, 0);
	if (s.nfound)
		show();
}

/* Its state is learned when QEMU has loaded it: what was negotiated is known from then on. */
static void migrated_learned(void)
{
	begin(NULL);
	conversation_run(&s, "reset-machine; restore-status 15; learned 0 1; avail; kick; "
			     "pop 5 at 700; use 5 at 699 len 0; interrupt");
	conversation_end(&s);
	CHECK_EQ(conversation_count(&s, "used-len-zero"), 1);
	CHECK_EQ(s.nfound, 1);
	if (s.nfound != 1)
		show();
}

/* --- findings --------------------------------------------------------------- */

static void findings(void)
{
	begin(NULL);
	conversation_run(&s, "negotiate; setup; enable; avail; kick; kick; write status 15");
	CHECK_EQ(conversation_count(&s, "kick-before-driver-ok"), 2);
	CHECK_EQ(s.found[1].nth, 2);
	CHECK_EQ(s.found[0].queue, 0);
	CHECK(s.found[0].nbefore >= 2);
	CHECK_STR(
		s.found[0].seen,
		"queue 0 was kicked while device_status is ACKNOWLEDGE|DRIVER|FEATURES_OK (0x0b)");
	conversation_end(&s);
}

/* One fault is one finding, however often what follows shows it. */
static void once(void)
{
	begin(NULL);
	conversation_run(&s, "reset; write status 2; offer; accept; write status 10; "
			     "read status 10; setup; enable; write status 14; request");
	conversation_end(&s);
	CHECK_EQ(conversation_count(&s, "acknowledge-missing"), 1);
	CHECK_EQ(conversation_count(&s, "features-ok-before-driver"), 1);
	CHECK_EQ(s.nfound, 2);
	begin(NULL);
	conversation_run(&s, "up; read config_generation 0; read config.capacity/4 4096; "
			     "read config.capacity/4+4 0; wait 2000ms; request; request; request");
	conversation_end(&s);
	CHECK_EQ(conversation_count(&s, "config-read-torn"), 1);
	CHECK_EQ(s.nfound, 1);
}

/* What stays wrong, too: until it changes, or the queue begins anew. */
static void once_lasting(void)
{
	static const struct {
		const char *rule, *words, *more;
	} row[] = {
		{ "avail-flags", "up; ring avail_flags 2; request; request",
		  "ring avail_flags 4; avail; kick" },
		{ "avail-flags-event-idx", "up-event; ring avail_flags 1; request; request",
		  "ring avail_flags 0; avail; kick; ring avail_flags 1; avail; kick" },
		{ "used-flags", "up; request; ring used_flags 2; request; request",
		  "ring used_flags 6; avail; kick" },
		{ "used-index-wrong", "up; request; ring used_idx 2; avail; kick; kick; kick",
		  "ring used_idx 3; kick" },
		{ "resume-not-awaited",
		  "up-suspend; write status 31; read status 27; write status 15; kick; kick",
		  "read status 15; write status 31; read status 27; write status 15; kick" },
		{ "legacy-driver-packed-ring", "up-legacy; packed; kick; kick; kick", NULL },
		{ "init-abandoned",
		  "device blk pci; reset; write status 1; write status 3; device net pci; wait 6000ms; "
		  "kick; wait 6000ms; kick; wait 3000ms; kick",
		  NULL },
		{ "avail-index-jump", "up; ring avail_idx 1000; kick; kick; kick",
		  "ring avail_idx 1001; kick" },
		{ "packed-driver-flags", "up-packed; ring avail_flags 3; kick; kick; kick",
		  "up-packed; ring avail_flags 3; kick" },
		{ "packed-device-flags",
		  "up-packed; kick; pop 5; use 5; interrupt; ring used_flags 2; kick; kick; kick",
		  "ring used_flags 3; kick" },
		{ "packed-driver-offset",
		  "up-packed-event; ring avail_flags 2; ring used_event 0x8008; kick; kick; kick",
		  "ring used_event 0x8009; kick" },
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		begin(NULL);
		conversation_run(&s, row[i].words);
		CHECK(!s.error);
		CHECK_EQ(conversation_count(&s, row[i].rule), 1);
		if (row[i].more) {
			conversation_run(&s, row[i].more);
			CHECK_EQ(conversation_count(&s, row[i].rule), 2);
		}
		conversation_end(&s);
	}
}

static unsigned selected(const char *selection)
{
	struct check_tally t;
	struct check *c;
	const struct rule *r;
	unsigned n = 0;

	if (check_new(&c, selection, NULL, NULL, NULL))
		return 0;
	for (unsigned i = 0; (r = rule_nth(i)); i++) {
		check_tally(c, r, &t);
		n += t.selected;
	}
	check_free(c);
	return n;
}

/* A proxy is not told the type: a file system's requests are not a disk's, and judged by no disk's rules. */
static void assumed_type(void)
{
	static const char other[] =
		"up; avail; kick; pop 5: readable 64, writable 96 type 77; use 5 len 96; ";
	struct check_tally t;

	begin(NULL);
	conversation_run(&s, "source proxy; device blk pci");
	conversation_run(&s, other);
	CHECK(!s.error);
	check_tally(s.c, rule_by_id("blk-type-undefined"), &t);
	CHECK(t.why && strstr(t.why, "of this type"));
	CHECK_EQ(s.nfound, 0);
	/* Once it has shown that it is a disk it is held to be one. */
	conversation_run(&s, "request; avail; kick; pop 6: readable 64, writable 96 type 77");
	CHECK_EQ(conversation_count(&s, "blk-type-undefined"), 1);
	conversation_end(&s);
	begin(NULL);
	conversation_run(&s, other);
	CHECK_EQ(conversation_count(&s, "blk-type-undefined"), 1);
	conversation_end(&s);
}

/* Of rings in another byte order nothing is known, and nobody accused. */
static void byte_order(void)
{
	struct check_tally t;

	begin(NULL);
	conversation_run(
		&s, "device blk ccw; lifecycle set_features 0x50; avail 256; kick; pop 0; "
		    "pop 0: readable 268435440; use 0 len 513; interrupt; use 77; wait 2000ms; "
		    "kick; sample");
	CHECK(!s.error);
	check_finish(s.c, s.t.model);
	CHECK_EQ(s.nfound, 0);
	check_tally(s.c, rule_by_id("used-id-unknown"), &t);
	CHECK(t.why && strstr(t.why, "byte order"));
	CHECK(!t.passed);
	conversation_end(&s);
}

static void selection(void)
{
	unsigned all = selected(NULL);
	const char *bad = NULL;
	struct check *c;

	CHECK(all > 250);
	CHECK_EQ(selected("kick-before-driver-ok"), 1);
	CHECK_EQ(selected("INIT-D13"), 1);
	CHECK(selected("blk-*") > 40);
	CHECK_EQ(selected("driver") + selected("device"), all);
	CHECK_EQ(selected("!blk-*") + selected("blk-*"), all);
	CHECK_EQ(selected("blk-*,!blk-status-range") + 1, selected("blk-*"));
	CHECK_EQ(check_new(&c, "blk-*,nonsense", NULL, NULL, &bad), -ENOENT);
	CHECK(bad && !strcmp(bad, "nonsense"));
}

/* How often a rule was obeyed in this conversation, in which nothing is found. */
static uint64_t obeyed(const char *id, const char *words)
{
	struct check_tally t;

	begin(NULL);
	conversation_run(&s, words);
	CHECK(!s.error);
	CHECK_EQ(conversation_count(&s, id), 0);
	check_tally(s.c, rule_by_id(id), &t);
	conversation_end(&s);
	return t.passed;
}

#define EXTENDED "read pci@0/4 0x10421af4; read pci@0x100/4 "
#define SRIOV_ACCEPTED \
	"reset; acknowledge; offer 0x30006a46 0x21; accept 0x10006a46 0x21; write status 11"

#define MAPPED "enable-msix; up; write queue_msix_vector 1; read queue_msix_vector 1; "
#define DISCARDS "avail; kick; pop 5: readable 16, readable 16, writable 1 type DISCARD"
static const char *const segment_rules[] = { "blk-past-end", "blk-segment-too-long",
					     "blk-discard-unmap", "blk-segment-flags" };

/* A rule is obeyed only where what it goes by was recorded. */
static void not_obeyed(void)
{
	CHECK_EQ(obeyed("sr-iov-without-capability", EXTENDED "0x00010010; " SRIOV_ACCEPTED), 1);
	CHECK_EQ(obeyed("sr-iov-without-capability", "read pci@0/4 0x10421af4; " SRIOV_ACCEPTED),
		 0);
	/* A vector that was taken back again: its message may have been pending. */
	CHECK_EQ(obeyed("interrupt-unmapped", MAPPED "interrupt vector 1"), 1);
	CHECK_EQ(obeyed("interrupt-unmapped",
			MAPPED "write queue_msix_vector 0xffff; interrupt vector 1"),
		 0);
	/* Nothing was recorded of the line. */
	CHECK_EQ(obeyed("intx-kept-over-reset", "up; intx 1; intx 0; reset"), 1);
	CHECK_EQ(obeyed("intx-kept-over-reset", "up; request; reset"), 0);
	/* The bytes of segments, a limit that was not read. */
	for (unsigned i = 0; i < sizeof(segment_rules) / sizeof(segment_rules[0]); i++) {
		CHECK_EQ(obeyed(segment_rules[i], "up; read-config; " DISCARDS " segment 8 8 0"),
			 1);
		CHECK_EQ(obeyed(segment_rules[i], "up; read-config; " DISCARDS), 0);
	}
	CHECK_EQ(obeyed("blk-segments", "up; read-config; request"), 1);
	CHECK_EQ(obeyed("blk-segments", "up; read config.num_queues 1; request"), 0);
	CHECK_EQ(obeyed("blk-segments", "up; read-config; lose; learned 0x10006a46 1; "
					"read config.blk_size 512; request"),
		 0);
	/* What was selected before the records that were lost, or popped. */
	CHECK_EQ(obeyed("mmio-shm-unselected",
			"device blk mmio; write mmio.SHMSel 0; read mmio.SHMLenLow 0"),
		 1);
	CHECK_EQ(obeyed("mmio-shm-unselected", "device blk mmio; lose; read mmio.SHMLenLow 0"), 0);
	CHECK_EQ(obeyed("suspend-not-drained",
			"up-suspend; request; write status 31; read status 27"),
		 1);
	CHECK_EQ(obeyed("suspend-not-drained",
			"up-suspend; request; lifecycle vhost_start; write status 31; "
			"read status 27"),
		 0);
	CHECK_EQ(obeyed("suspend-not-told",
			"up-suspend; request; lifecycle vhost_start; write status 31; "
			"read status 27"),
		 0);
}

static void undecidable(void)
{
	struct check_tally t;

	begin(NULL);
	conversation_run(&s, "up; request");
	check_finish(s.c, s.t.model);
	check_tally(s.c, rule_by_id("cap-length"), &t);
	CHECK(t.why && !strcmp(t.why, "PCI configuration accesses were not recorded"));
	check_tally(s.c, rule_by_id("kick-before-driver-ok"), &t);
	CHECK(!t.why);
	CHECK_EQ(t.passed, 1);
	check_tally(s.c, rule_by_id("blk-flush-sector"), &t);
	CHECK(!t.why && !t.passed); /* no FLUSH: nothing to say */
	conversation_end(&s);
}

/* From beside, a notification may be judged by a used_event that is newer than it. */
static void beside(void)
{
	static const char words[] =
		"up-event; ring used_event 0; request; ring used_event 40; avail; kick; pop 5; use 5; "
		"interrupt; avail; kick width 2";
	const struct rule *r = rule_by_id("interrupt-unasked");
	struct check_tally t;

	begin(NULL);
	conversation_run(&s, words);
	CHECK_EQ(conversation_count(&s, "interrupt-unasked"), 1);
	conversation_end(&s);
	begin(NULL);
	conversation_run(&s, "source proxy");
	conversation_run(&s, words);
	CHECK(!s.error);
	check_finish(s.c, s.t.model);
	CHECK_EQ(conversation_count(&s, "interrupt-unasked"), 0);
	check_tally(s.c, r, &t);
	CHECK(t.blocked);
	CHECK(t.why && !strncmp(t.why, "ring states were read by an observer", 36));
	conversation_end(&s);
}

/* --- accountability --------------------------------------------------------- */

static bool in_list(const char *list, const char *ref)
{
	size_t n = strlen(ref);

	while (*list) {
		size_t len = strcspn(list, " ");

		if (len == n && !strncmp(list, ref, n))
			return true;
		if (len && list[len - 1] == '*' && !strncmp(list, ref, len - 1))
			return true;
		list += len + (list[len] == ' ');
	}
	return false;
}

static unsigned rules_of(const char *ref)
{
	const struct rule *r;
	unsigned n = 0;

	for (unsigned i = 0; (r = rule_nth(i)); i++)
		n += rule_has_ref(r, ref);
	return n;
}

static unsigned left_out(const char *ref)
{
	unsigned n = 0;

	for (const struct check_left_out *o = check_left_out; o->refs; o++)
		n += in_list(o->refs, ref);
	return n;
}

/* Every statement has a rule or a reason, and not both. */
static void accounted(void)
{
	unsigned n = 0;

	for (const struct check_ref *f = check_refs; f->ref; f++, n++) {
		bool ruled = rules_of(f->ref), out = left_out(f->ref);

		if (ruled == out) {
			printf("# %s: %s\n", f->ref,
			       ruled ? "a rule, and left out" : "unaccounted for");
			tap_failed = true;
		}
	}
	CHECK_EQ(n, 773); /* all of the text: 463, and 310 of the network device */
}

static void listed(const char *prefix, unsigned n)
{
	char ref[8];

	for (unsigned i = 1; i <= n; i++) {
		snprintf(ref, sizeof(ref), "%s%02u", prefix, i);
		if (!rules_of(ref)) {
			printf("# %s has no rule\n", ref);
			tap_failed = true;
		}
	}
}

static void shipped(void)
{
	listed("T", RULE_KNOWN);
	listed("I", CHECK_STRUCTURAL_RULES);
}

static bool known_ref(const char *ref)
{
	for (const struct check_ref *f = check_refs; f->ref; f++)
		if (!strcmp(f->ref, ref))
			return true;
	return (*ref == 'T' && atoi(ref + 1) <= RULE_KNOWN) || (*ref == 'I' && strlen(ref) == 3);
}

static void rows(void)
{
	const struct rule *r, *other;

	for (unsigned i = 0; (r = rule_nth(i)); i++) {
		char refs[128], *save = NULL;

		snprintf(refs, sizeof(refs), "%s", r->refs);
		for (char *ref = strtok_r(refs, " ", &save); ref; ref = strtok_r(NULL, " ", &save))
			if (!known_ref(ref)) {
				printf("# %s: what is %s?\n", r->id, ref);
				tap_failed = true;
			}
		CHECK(r->text && r->section && r->check && r->at && rule_explanation(r)->why &&
		      r->wrong);
		CHECK(r->text[strlen(r->text) - 1] == '.');
		for (unsigned j = 0; j < i && (other = rule_nth(j)); j++)
			if (!strcmp(other->id, r->id)) {
				printf("# %s twice\n", r->id);
				tap_failed = true;
			}
	}
}

/* A rule that says MUST has a statement that does, and none says less than all it has. */
static void severities(void)
{
	const struct rule *r;

	for (unsigned i = 0; (r = rule_nth(i)); i++) {
		bool must = false, any = false;

		for (const struct check_ref *f = check_refs; f->ref; f++) {
			if (!rule_has_ref(r, f->ref))
				continue;
			any = true;
			must |= f->force == 'M';
		}
		if (r->severity == CHECK_MUST && (!any || !must)) {
			printf("# %s says must and no statement does\n", r->id);
			tap_failed = true;
		}
	}
}

/* 2.7.8.2: the device may have written more than len says, so a low len proves nothing. */
static void low_len(void)
{
	static const char *const rules[] = { "used-len-zero", "blk-len-short" };

	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		CHECK_EQ(rule_by_id(rules[i])->severity, CHECK_SUSPICIOUS);
	begin(NULL);
	conversation_run(&s,
			 "up; request; avail; kick; pop 5; use 5 len 1; interrupt; avail; kick; "
			 "pop 5; use 5 len 0; interrupt");
	conversation_end(&s);
	for (unsigned i = 0; i < s.nfound; i++)
		CHECK(s.found[i].rule->severity == CHECK_SUSPICIOUS);
	CHECK_EQ(s.nfound, 2);
}

static const struct tap_test tests[] = {
	{ "in order: split ring", split },
	{ "in order: indirect descriptors, event index", indirect_event },
	{ "in order: packed ring", packed },
	{ "in order: legacy interface", legacy },
	{ "in order: virtio-mmio", mmio },
	{ "in order: virtio-mmio version 1", mmio_legacy },
	{ "in order: INTx", intx },
	{ "in order: reset and set up again", again },
	{ "in order: reset of one queue", one_queue },
	{ "in order: suspend and resume", suspended },
	{ "widespread and harmless", widespread },
	{ "a late capture", late },
	{ "a hang in a late capture", late_hang },
	{ "silence in a late capture", late_silence },
	{ "records lost", lost },
	{ "a migrated device", migrated },
	{ "a migrated device whose state is learned", migrated_learned },
	{ "what a finding says", findings },
	{ "one fault, one finding", once },
	{ "what stays wrong, one finding", once_lasting },
	{ "a type that was only assumed", assumed_type },
	{ "rings in another byte order", byte_order },
	{ "selections", selection },
	{ "not decidable here", undecidable },
	{ "obeyed only where it shows", not_obeyed },
	{ "not decidable from beside", beside },
	{ "every statement has a rule or a reason", accounted },
	{ "every shipped violation and structural rule", shipped },
	{ "rows are complete", rows },
	{ "severities", severities },
	{ "a len that is too low accuses nobody", low_len },
};

TAP_MAIN(tests)
