/* SPDX-License-Identifier: MIT */
/* Rings: decoder/check/rules/chain.c, decoder/check/rules/used.c, decoder/check/rules/ring.c, decoder/check/rules/packed.c, decoder/check/rules/stall.c, decoder/check/rules/notify.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

#define DATA "reset; acknowledge; offer 0x30006a46 "
#define WITH(bits) DATA bits "; accept 0x10006a46 " bits "; features-ok; "
#define SPOKEN(bits) WITH(bits) "setup; enable; driver-ok; avail; "
#define NOTIFY(bits) WITH(bits) "setup; read queue_notif_config_data 7; enable; driver-ok; avail; "
/* Without INDIRECT_DESC. */
#define PLAIN DATA "0x1; accept 0x6a46 1; features-ok; setup; enable; driver-ok; "
#define PLAIN_PACKED \
	DATA "0x5; accept 0x6a46 5; features-ok; setup-packed; enable; driver-ok; " \
	     "packed; "
/* 8 chains of 3 fill a packed ring of 8 thrice: up to the slot before the end. */
#define THREE(id) "kick; pop " id "; use " id "; interrupt; "
#define EIGHT(x) x x x x x x x x

#define TWO_QUEUES \
	"negotiate-event; setup; enable; write queue_select 1; read queue_size 256; " \
	"write queue_size 256; write queue_desc/4 0x20000; write queue_driver/4 0x22000; " \
	"write queue_device/4 0x23000; enable; driver-ok; "

#define MSIX \
	"read-caps; enable-msix; negotiate-event; setup; write queue_msix_vector 1; " \
	"read queue_msix_vector 1; enable; driver-ok; "

#define PARSED(flags) "pop 0 at 0x8000 flags " flags ": readable 16, writable 512, writable 1; "

const struct check_case check_cases_ring[] = {
	{ "head-out-of-range", "up; avail; kick; ! pop 300", "up; avail; kick; pop 255", "" },
	{ "next-out-of-range",
	  "up; avail; kick; ! pop 5 flags BAD_NEXT: readable 16, writable 512, writable 1 next 300",
	  "up; avail; kick; pop 5", "" },
	{ "head-in-flight", "up; avail 2; kick; pop 5; ! pop 5",
	  "up; avail 2; kick; pop 5; use 5; interrupt; pop 5", "" },
	{ "buffer-empty", "up; avail; kick; ! pop 5: readable 16, writable 0, writable 1",
	  "up; avail; kick; pop 5: readable 16, writable 512, writable 1", "" },
	{ "indirect-table-length", "up; avail; kick; ! pop 5 flags BAD_TABLE: indirect readable 40",
	  "up; avail; kick; pop 5: indirect readable 48 | readable 16, writable 512, writable 1",
	  "blk-shape" },
	{ "readable-after-writable",
	  "up; avail; kick; ! pop 5: readable 16, writable 1, readable 512 type OUT sector 8",
	  "up; avail; kick; pop 5: readable 16, readable 512, writable 1 type OUT sector 8", "" },
	{ "chain-loops",
	  "up; avail; kick; ! pop 5 flags LOOP: readable 16, writable 512, writable 1",
	  "up; avail; kick; pop 5", "" },
	{ "chain-too-long",
	  "up; avail; kick; "
	  "! pop 5: indirect readable 4816 | readable 16, writable 512 times 299, writable 1",
	  "up; avail; kick; "
	  "pop 5: indirect readable 4048 | readable 16, writable 512 times 250, writable 1",
	  "" },
	{ "list-too-long",
	  "up-packed; kick; "
	  "! pop 5: indirect readable 160 | readable 16, writable 512 times 8, writable 1",
	  "up-packed; kick; "
	  "pop 5: indirect readable 128 | readable 16, writable 512 times 6, writable 1",
	  "" },
	{ "indirect-unnegotiated",
	  PLAIN
	  "avail; kick; ! pop 5: indirect readable 48 | readable 16, writable 512, writable 1",
	  "up; avail; kick; pop 5: indirect readable 48 | readable 16, writable 512, writable 1",
	  "" },
	{ "indirect-unnegotiated-packed",
	  PLAIN_PACKED
	  "kick; ! pop 5: indirect readable 48 | readable 16, writable 512, writable 1",
	  "up-packed; kick; pop 5: indirect readable 48 | readable 16, writable 512, writable 1",
	  "packed-refused" },
	{ "indirect-nested",
	  "up; avail; kick; "
	  "! pop 5: indirect readable 64 | readable 16, writable 512, writable 512 flags 7, writable 1",
	  "up; avail; kick; "
	  "pop 5: indirect readable 64 | readable 16, writable 512, writable 512, writable 1",
	  "" },
	{ "indirect-table-flags",
	  "up-packed; kick; "
	  "! pop 5: indirect readable 48 | readable 16 flags 1, writable 512, writable 1",
	  "up-packed; kick; pop 5: indirect readable 48 | readable 16, writable 512, writable 1",
	  "" },
	{ "indirect-and-next",
	  "up; avail; kick; "
	  "! pop 5: indirect readable 48 flags 5 | readable 16, writable 512, writable 1",
	  "up; avail; kick; pop 5: indirect readable 48 | readable 16, writable 512, writable 1",
	  "" },
	{ "indirect-in-list",
	  "up-packed; kick; ! pop 5: readable 16, indirect readable 32 | writable 512, writable 1",
	  "up-packed; kick; pop 5: indirect readable 48 | readable 16, writable 512, writable 1",
	  "" },
	{ "in-order-next",
	  "up-in-order; avail; kick; ! pop 5: readable 16 next 9, writable 512, writable 1",
	  "up-in-order; avail; kick; pop 5", "" },
	{ "in-order-table",
	  "up-in-order; avail; kick; "
	  "! pop 5: indirect readable 48 | readable 16 next 2, writable 512, writable 1",
	  "up-in-order; avail; kick; "
	  "pop 5: indirect readable 48 | readable 16, writable 512, writable 1",
	  "" },
	{ "legal-chain-refused",
	  "up; avail; kick; pop 5: readable 8, readable 8, writable 4096, writable 1; ! error",
	  "up; avail; kick; pop 5: readable 16, writable 0, writable 1; error", "buffer-empty" },
	{ "write-on-table-refused",
	  "up; avail; kick; pop 5: indirect writable 48 | readable 16, writable 512, writable 1; "
	  "! error",
	  "up; avail; kick; pop 5: indirect writable 48 | readable 16, writable 512, writable 1; "
	  "use 5 len 513; error",
	  "" },
	{ "table-after-direct-refused",
	  "up; avail; kick; pop 5: readable 16, indirect readable 32 | writable 512, writable 1; "
	  "! error",
	  "up; avail; kick; pop 5: readable 16, indirect readable 32 | writable 512, writable 1; "
	  "use 5 len 513; error",
	  "" },
	{ "spurious-kick-refused", "up; request; kick; ! error", "up; request; avail; kick; error",
	  "" },

	{ "used-id-unknown", "up; avail; kick; pop 5; ! use 6", "up; avail; kick; pop 5; use 5",
	  "" },
	{ "used-id-unknown-packed", "up-packed; kick; pop 5; ! use 6",
	  "up-packed; kick; pop 5; use 5", "" },
	{ "used-len-too-big", "up; avail; kick; pop 5; ! use 5 len 8192",
	  "up; avail; kick; pop 5; use 5", "" },
	/* Without WRITE (VQT_USED_WRITE, 16) the length of a packed used descriptor is reserved. */
	{ "used-len-too-big",
	  "up-packed; avail; kick; pop 5; ring used_idx 0x8000; ! use 5 flags 16 len 8192",
	  "up-packed; avail; kick; pop 5; ring used_idx 0x8000; use 5 len 8192", "" },
	{ "used-len-zero", "up; avail; kick; pop 5; ! use 5 len 0", "up; avail; kick; pop 5; use 5",
	  "" },
	{ "used-out-of-order",
	  "up-in-order; avail 2; kick; pop 5; pop 8; use 8; interrupt; ! use 5",
	  "up-in-order; avail 2; kick; pop 5; pop 8; use 5; interrupt; use 8", "" },
	{ "used-index-wrong", "up; request; ring used_idx 2; avail; ! kick",
	  "up; request; avail; kick; pop 5; use 5", "" },
	{ "used-position-wrong", "up; avail 3; kick; pop 5; use 5; interrupt; pop 8; ! use 8 at 2",
	  "up; avail 3; kick; pop 5; use 5; interrupt; pop 8; use 8", "" },
	{ "request-stuck",
	  "up; avail; kick; pop 5; wait 20000ms; read num_queues 1; wait 11000ms; "
	  "! read num_queues 1",
	  "up; avail; kick; pop 5; wait 20000ms; read num_queues 1; use 5; interrupt; "
	  "wait 11000ms; read num_queues 1; wait 500ms; read num_queues 1",
	  "" },

	{ "queue-stalled",
	  "up; avail; kick; pop 5; sample pending no; wait 1000ms; sample pending no; wait 1000ms; "
	  "! sample pending no",
	  "up; avail; kick; pop 5; sample pending no; wait 1000ms; sample pending no; use 5; "
	  "interrupt; avail; kick; pop 6; wait 1000ms; sample pending no",
	  "" },
	{ "queue-stalled", /* the process was stopped: nobody took samples */
	  "up-packed; kick; pop 5; sample pending no; wait 1000ms; sample pending no; "
	  "wait 1400ms; ! sample pending no",
	  "up-packed; kick; pop 5; sample pending no; wait 3000ms; sample pending no; "
	  "wait 1000ms; sample pending no",
	  "" },

	{ "avail-index-jump", "up; avail 300; ! kick", "up; avail 256; kick", "" },
	{ "avail-index-back", "up; avail 3; kick; avail -1; ! kick",
	  "up; avail 3; kick; avail 1; kick", "" },
	{ "avail-flags", "up; ring avail_flags 2; avail; ! kick",
	  "up; ring avail_flags 1; avail; kick", "" },
	{ "avail-flags-event-idx", "up-event; ring avail_flags 1; avail; ! kick",
	  "up-event; ring used_event 7; avail; kick", "" },
	{ "used-flags", "up; request; ring used_flags 2; avail; ! kick",
	  "up; request; ring used_flags 1; avail; kick", "" },
	{ "used-flags-event-idx", "up-event; request; ring used_flags 1; avail; ! kick",
	  "up-event; request; ring avail_event 1; avail; kick", "" },
	{ "avail-event-without-feature",
	  "up; request; ring avail_event 1; sample; request; ring avail_event 2; sample; ! sample",
	  "up; request; ring avail_event 1; sample; request; ring avail_event 700; sample; request; "
	  "ring avail_event 3; sample; sample",
	  "" },
	{ "used-event-without-feature",
	  "up; request; ring used_event 1; sample; request; ring used_event 2; sample; ! sample",
	  "up-event; request; ring used_event 1; sample; request; ring used_event 2; sample; sample",
	  "" },
	{ "used-flags-uninitialised", "up; ring used_flags 0xa5a4; avail; ! kick",
	  "up; ring used_flags 1; avail; kick", "" },
#define N16(x) x x x x x x x x x x x x x x x x
#define N256(x) N16(N16(x))
	{ "used-event-idle",
	  "up-event; ring used_event 0; " N256(
		  "avail; kick; pop 5; use 5; ") "interrupt; avail; kick; pop 5; ! use 5",
	  "up-event; ring used_event 0; avail; kick; pop 5; use 5; interrupt; ring used_event 100; "
	  "sample; " N256(
		  "avail; kick; pop 5; use 5; ") "ring used_event 0; avail; kick; pop 5; use 5",
	  "" },

	{ "packed-popped-unavailable",
	  "up-packed; kick; ! pop 5: readable 16 flags 0x8001, writable 512, writable 1",
	  "up-packed; kick; pop 5: readable 16, writable 512, writable 1", "" },
	{ "packed-list-early",
	  "up-packed; kick; ! pop 5: readable 16, writable 512 flags 0x8083, writable 1",
	  "up-packed; kick; pop 5: readable 16, writable 512, writable 1", "" },
	{ "packed-popped-order",
	  "up-packed; kick; pop 5: readable 16, writable 512, writable 1; use 5 len 513; "
	  "interrupt; ! pop 5 at 0x8005: readable 16, writable 512, writable 1",
	  "up-packed; kick; pop 5: readable 16, writable 512, writable 1; use 5 len 513; "
	  "interrupt; pop 5: readable 16, writable 512, writable 1",
	  "" },
	{ "packed-popped-wrap",
	  "up-packed; " THREE("5") THREE("5") THREE("5") "kick; ! pop 5 at 0x8001",
	  "up-packed; " EIGHT(THREE("5")) "kick; pop 5", "" },
	{ "packed-used-order", "up-packed; kick; pop 5; use 5; interrupt; pop 5; ! use 5 at 0x8001",
	  "up-packed; kick; pop 5; use 5; interrupt; pop 5; use 5", "" },
	/* As QEMU parsed it, with its table: how many slots it has is not known. */
	{ "packed-used-order",
	  "up-packed; avail; kick; " PARSED(
		  "0x80") "use 0 at 0x8000 len 513; interrupt; pop 1 at 0x8003; "
			  "! use 1 at 0x8001",
	  "up-packed; avail; kick; " PARSED("0xc0") "use 0 at 0x8000 len 513; interrupt; "
						    "pop 1 at 0x8001; use 1 at 0x8001",
	  "" },
	{ "packed-overfull",
	  "up-packed; avail; kick; " PARSED("0x80") "pop 5 at 0x8003; ! pop 6 at 0x8006",
	  "up-packed; avail; kick; " PARSED(
		  "0xc0") "pop 5 at 0x8001 flags 0xc0: readable 16, "
			  "writable 512, writable 1; pop 6 at 0x8002 flags 0xc0: readable 16, writable 512, writable 1",
	  "" },
	/* One used element for a batch, in order. */
	{ "request-stuck",
	  "up-in-order; avail 2; kick; pop 5; pop 6; use 5; interrupt; wait 20000ms; read status 15; "
	  "wait 20000ms; ! read status 15",
	  "up-in-order; avail 3; kick; pop 5; pop 6; pop 7; use 7; interrupt; wait 20000ms; "
	  "read status 15; wait 20000ms; read status 15",
	  "" },
	{ "packed-used-wrap", "up-packed; " THREE("5") THREE("5") "kick; pop 5; ! use 5 at 6",
	  "up-packed; " EIGHT(THREE("5")), "" },
	{ "packed-overfull", "up-packed; kick; pop 5; pop 6; ! pop 7",
	  "up-packed; kick; pop 5; pop 6; use 5; interrupt; pop 7", "" },
	{ "packed-driver-flags", "up-packed; ring avail_flags 3; ! kick",
	  "up-packed; ring avail_flags 1; kick", "" },
	{ "packed-device-flags",
	  "up-packed; kick; pop 5; use 5; interrupt; ring used_flags 2; ! kick",
	  "up-packed; kick; pop 5; use 5; interrupt; ring used_flags 1; kick", "" },
	{ "packed-driver-offset",
	  "up-packed-event; ring avail_flags 2; ring used_event 0x8008; ! kick",
	  "up-packed-event; ring avail_flags 2; ring used_event 0x8007; kick", "" },
	{ "packed-device-offset",
	  "up-packed-event; kick; pop 5; use 5; interrupt; ring used_flags 2; "
	  "ring avail_event 0x8008; ! kick",
	  "up-packed-event; kick; pop 5; use 5; interrupt; ring used_flags 2; "
	  "ring avail_event 0x8007; kick",
	  "" },

	{ "descriptor-changed-in-flight", "up; avail; kick; pop 5; ! lifecycle chain_changed 5 1 0",
	  "up; avail; kick; pop 5; use 5; interrupt; lifecycle chain_changed 5 1 0", "" },
	{ "readable-buffer-changed", "up; avail; kick; pop 5; ! lifecycle chain_changed 5 0 1",
	  "up; avail; kick; pop 5; lifecycle chain_changed 6 0 1", "" },
	{ "address-not-physical",
	  "up; avail; kick; ! pop 5: readable 16 at 0xffff888001234000, writable 512, writable 1",
	  "up; avail; kick; pop 5: readable 16 at 0xffffff01234000, writable 512, writable 1", "" },
	{ "ring-address-not-physical",
	  "negotiate; write queue_select 0; read queue_size 256; write queue_desc/4 0x10000; "
	  "write queue_desc/4+4 0xffff8880; write queue_driver/4 0x12000; "
	  "write queue_driver/4+4 0; write queue_device/4 0x13000; write queue_device/4+4 0; "
	  "! enable",
	  "up", "" },
	{ "areas-not-as-set", "up; ! lifecycle set_rings 0x20000 0x12000 0x13000",
	  "up; lifecycle set_rings 0x10000 0x12000 0x13000", "" },
	{ "qreset-areas-ignored",
	  "up-queue-reset; write queue_reset 1; read queue_reset 0; setup; enable; "
	  "! lifecycle set_rings 0x20000 0x12000 0x13000",
	  "up-queue-reset; write queue_reset 1; read queue_reset 0; setup; enable; "
	  "lifecycle set_rings 0x10000 0x12000 0x13000",
	  "" },
	{ "qreset-size-ignored",
	  WITH("0x105") "setup-packed; enable; driver-ok; packed; write queue_reset 1; read queue_reset 0; "
			"write queue_size 4; write queue_desc/4 0x10000; write queue_driver/4 0x12000; "
			"write queue_device/4 0x13000; enable; kick; pop 5; use 5; interrupt; kick; "
			"! pop 5 at 0x8005",
	  WITH("0x105") "setup-packed; enable; driver-ok; packed; write queue_reset 1; read queue_reset 0; "
			"write queue_size 16; write queue_desc/4 0x10000; write queue_driver/4 0x12000; "
			"write queue_device/4 0x13000; enable; kick; pop 5; use 5; interrupt; kick; pop 5",
	  "packed-popped-order,packed-list-early,packed-popped-unavailable" },
	{ "chain-fragmented",
	  "up; avail; kick; "
	  "! pop 5: indirect readable 3104 | readable 16, writable 16 at 0x200000 times 192, writable 1",
	  "up; avail; kick; "
	  "pop 5: indirect readable 3104 | readable 16, writable 512 times 192, writable 1",
	  "blk-segments" },
	{ "ring-byte-swapped", "up; ring avail_idx 0x100; ! kick heads 16",
	  "up; avail; kick heads 1", "" },
	{ "kick-finds-nothing", "up; kick; wait 600ms; kick; wait 600ms; ! kick",
	  "up; kick; wait 600ms; avail; kick; pop 5; use 5; interrupt; wait 600ms; kick; "
	  "wait 600ms; kick",
	  "" },
	/* By eventfd a QEMU may have notified itself: nobody says that the driver did. */
	{ "kick-finds-nothing", "up; kick; wait 600ms; kick; wait 600ms; ! kick",
	  "source qemu; up; request; kick; wait 600ms; kick; wait 600ms; kick; wait 600ms; kick",
	  "" },
	{ "kick-finds-nothing",
	  "source qemu; up; kick width 2; wait 600ms; kick width 2; wait 600ms; ! kick width 2",
	  "source qemu; up-packed; ring filled 1; kick; pop 0; ring filled 0; use 0; interrupt; kick; "
	  "wait 600ms; kick; wait 600ms; kick; wait 600ms; kick",
	  "" },
	{ "legacy-driver-packed-ring", "up-legacy; packed; ! sample", "up-legacy; sample", "" },
	{ "vector-silent",
	  "negotiate; setup; write queue_msix_vector 1; read queue_msix_vector 1; enable-msix; "
	  "enable; driver-ok; avail; kick; pop 5; use 5; wait 1500ms; avail; ! kick",
	  "negotiate; setup; write queue_msix_vector 1; read queue_msix_vector 1; enable-msix; "
	  "enable; driver-ok; request; wait 1500ms; avail; kick; pop 5; use 5; wait 1500ms; avail; "
	  "kick",
	  "interrupt-missing,pci-modern-without-caps,pci-list-unread" },
	/* The line says it already. */
	{ "interrupt-missing",
	  "up; request; intx 1; read isr 1; intx 0; wait 1500ms; avail; kick; pop 5; use 5; wait 600ms; "
	  "read status 15; wait 600ms; read status 15; avail; ! kick",
	  "up; request; intx 1; wait 1500ms; avail; kick; pop 5; use 5; wait 600ms; read status 15; "
	  "wait 600ms; read status 15; avail; kick",
	  "intx-never-read" },
	{ "interrupt-missing",
	  "up; request; wait 1500ms; avail; kick; pop 5; use 5; wait 1500ms; avail; ! kick",
	  "up; request; wait 1500ms; avail; kick; pop 5; use 5; interrupt; wait 1500ms; avail; kick",
	  "" },
	{ "interrupt-missing-event-idx",
	  "up-event; request; ring used_event 1; avail; kick; pop 5; use 5; wait 1500ms; avail; "
	  "! kick",
	  "up-event; request; ring used_event 1; avail; kick; pop 5; use 5; wait 1500ms; "
	  "ring used_event 2; avail; kick",
	  "" },
	{ "interrupt-missing-packed",
	  "up-packed; kick; pop 5; use 5; interrupt; wait 1500ms; pop 5; use 5; wait 1500ms; ! kick",
	  "up-packed; kick; pop 5; use 5; interrupt; wait 1500ms; pop 5; use 5; interrupt; "
	  "wait 1500ms; kick",
	  "" },
	{ "interrupt-missing-empty",
	  DATA "1; accept 0x11006a46 1; features-ok; setup; enable; driver-ok; "
	       "ring avail_flags 1; avail; kick; pop 5; use 5; wait 1500ms; avail; ! kick",
	  DATA "1; accept 0x11006a46 1; features-ok; setup; enable; driver-ok; "
	       "ring avail_flags 1; avail; kick; pop 5; use 5; interrupt; wait 1500ms; avail; kick",
	  "feature-not-offered,invalid-features-agreed" },
	{ "interrupt-unasked",
	  "up-event; ring used_event 0; request; ring used_event 40; avail; kick; pop 5; use 5; "
	  "interrupt; avail; ! kick",
	  "up-event; ring used_event 0; request; ring used_event 1; avail; kick; pop 5; use 5; "
	  "interrupt; ring used_event 2; avail; kick",
	  "" },
	{ "interrupt-unasked-packed",
	  "up-packed-event; ring avail_flags 2; ring used_event 0x8005; kick; pop 0; use 0; interrupt; "
	  "! kick",
	  "up-packed-event; ring avail_flags 2; ring used_event 0x8000; kick; pop 0; use 0; interrupt; "
	  "kick",
	  "" },
	{ "interrupt-unasked-packed",
	  "up-packed-event; ring avail_flags 1; kick; pop 0; use 0; interrupt; ! kick",
	  "up-packed-event; ring avail_flags 1; kick; pop 0; use 0; interrupt; ring avail_flags 0; kick",
	  "" },
	/* The first one, and of the second queue alone; by MSI-X messages as well. */
	{ "interrupt-unasked",
	  "up-event; ring used_event 0xffff; avail; kick; pop 5; use 5; interrupt; "
	  "avail; ! kick",
	  "up-event; ring used_event 0; avail; kick; pop 5; use 5; interrupt; avail; kick", "" },
	{ "interrupt-unasked",
	  TWO_QUEUES "queue 0; request; queue 1; ring used_event 9; avail; kick; pop 5; use 5; "
		     "interrupt; queue 0; avail; kick; queue 1; avail; ! kick",
	  TWO_QUEUES "queue 0; request; queue 1; ring used_event 0; avail; kick; pop 5; use 5; "
		     "interrupt; queue 0; avail; kick; queue 1; avail; kick",
	  "" },
	{ "interrupt-unasked",
	  MSIX "ring used_event 7; avail; kick; pop 5; use 5; "
	       "interrupt vector 1 queue; avail; ! kick",
	  MSIX "ring used_event 7; avail; kick; pop 5; use 5; "
	       "interrupt vector 1 queue; ring used_event 0; avail; kick",
	  "pci-modern-without-caps" },
	{ "interrupt-suppressed",
	  "up; request; ring avail_flags 1; " N16(
		  "sample; ") "avail; kick; pop 5; use 5; interrupt; avail; ! kick",
	  "up; request; ring avail_flags 1; avail; kick; pop 5; use 5; interrupt; avail; kick",
	  "" },
	{ "kick-missing",
	  "up; request; avail; sample; wait 800ms; read num_queues 1; wait 800ms; ! sample",
	  "up; request; avail; sample; wait 100ms; kick; pop 5; use 5; interrupt; wait 800ms; "
	  "read num_queues 1; wait 800ms; sample",
	  "" },
	{ "kick-missing-event-idx",
	  "up-event; ring used_event 0; request; ring avail_event 1; avail; sample; wait 800ms; "
	  "read num_queues 1; wait 800ms; ! sample",
	  "up-event; ring used_event 0; request; ring avail_event 1; avail; sample; wait 100ms; "
	  "kick; pop 5; wait 800ms; read num_queues 1; wait 800ms; sample",
	  "" },
	{ "kick-ignored",
	  "up; request; avail; kick; wait 800ms; read num_queues 1; wait 800ms; ! sample",
	  "up; request; avail; kick; pop 5; use 5; interrupt; wait 800ms; read num_queues 1; "
	  "wait 800ms; sample",
	  "" },
	{ "device-asleep",
	  "up-event; ring used_event 0; request; ring avail_event 0; avail; sample; wait 800ms; "
	  "read num_queues 1; wait 800ms; ! sample",
	  "up-event; ring used_event 0; request; ring avail_event 1; avail; kick; pop 5; "
	  "wait 800ms; read num_queues 1; wait 800ms; sample",
	  "" },
	/* By samples of a QEMU: each near miss is one of the excuses a driver can have. */
	{ "kick-missing",
	  "source qemu; up; sample pending no; avail; wait 900ms; sample pending no; wait 300ms; "
	  "read num_queues 1; wait 700ms; sample pending no; wait 700ms; ! sample pending no",
	  "source qemu; up; sample pending no; avail; wait 900ms; sample pending no; wait 300ms; "
	  "read num_queues 1; wait 700ms; sample pending yes; wait 700ms; sample pending no; "
	  "wait 700ms; read num_queues 1; wait 700ms; sample pending yes; wait 700ms; "
	  "sample pending yes" /* a kick pends */,
	  "" },
	{ "kick-missing",
	  "source qemu; up; request; sample pending no; avail; wait 900ms; sample pending no; "
	  "wait 300ms; read num_queues 1; wait 700ms; sample pending no; wait 700ms; "
	  "! sample pending no",
	  "source qemu; up; request; sample pending no; avail; wait 900ms; sample pending unknown; "
	  "wait 300ms; read num_queues 1; wait 700ms; sample pending unknown; wait 700ms; "
	  "sample pending unknown; wait 700ms; read num_queues 1; wait 700ms; "
	  "sample pending unknown" /* nobody knows */,
	  "" },
	{ "kick-missing",
	  "source qemu; up; sample status; avail; wait 900ms; sample pending no; wait 300ms; "
	  "read num_queues 1; wait 700ms; sample pending no; wait 700ms; ! sample pending no",
	  "source qemu; up; avail; wait 900ms; sample pending no; wait 300ms; read num_queues 1; "
	  "wait 700ms; sample pending no; wait 700ms; sample pending no; wait 700ms; "
	  "read num_queues 1; wait 700ms; sample pending no" /* not asked before */,
	  "" },
	{ "kick-missing",
	  "source qemu; up; sample pending no; avail; wait 900ms; sample pending no; wait 300ms; "
	  "read num_queues 1; wait 700ms; sample pending no; wait 700ms; ! sample pending no",
	  "source qemu; up; sample pending no; avail; wait 900ms; sample pending no; wait 5000ms; "
	  "sample pending no; wait 5000ms; sample pending no; wait 10ms; read num_queues 1; "
	  "wait 10ms; sample pending no; wait 10ms; sample pending no" /* the machine paused */,
	  "" },
	{ "kick-missing",
	  "source qemu; up; sample pending no; avail; wait 900ms; sample pending no; wait 300ms; "
	  "read num_queues 1; wait 700ms; sample pending no; wait 700ms; ! sample pending no",
	  "source qemu; up; sample pending no; avail; lifecycle vhost_start; wait 900ms; "
	  "sample pending no; wait 300ms; read num_queues 1; wait 700ms; sample pending no; "
	  "wait 700ms; sample pending no" /* served elsewhere */,
	  "" },
	{ "kick-missing",
	  "up; request; avail; sample; wait 800ms; read num_queues 1; wait 800ms; ! sample",
	  "source qemu; up; request; avail; sample; wait 800ms; read num_queues 1; wait 800ms; "
	  "sample; wait 800ms; sample status" /* in an eventfd, for all that is known */,
	  "" },
	{ "kick-missing-event-idx",
	  "source qemu; up-event; sample pending no; kick; avail; wait 900ms; sample pending no; "
	  "wait 300ms; read num_queues 1; wait 700ms; sample pending no; wait 700ms; "
	  "! sample pending no",
	  "source qemu; up-event; sample pending no; avail; kick; wait 900ms; sample pending no; "
	  "wait 300ms; read num_queues 1; wait 700ms; sample pending no; wait 700ms; "
	  "sample pending no" /* kicked */,
	  "" },
	{ "kick-missing-event-idx",
	  "source qemu; up-event; request; ring avail_event 1; sample pending no; avail; "
	  "wait 900ms; sample pending no; wait 300ms; read num_queues 1; wait 700ms; "
	  "sample pending no; wait 700ms; ! sample pending no",
	  "source qemu; up-event; request; ring avail_event 1; sample pending no; avail; "
	  "ring avail_event 2; wait 900ms; sample pending no; wait 300ms; read num_queues 1; "
	  "wait 700ms; sample pending no; wait 700ms; sample pending no" /* the device asks for the one after */
	  ,
	  "" },
	{ "device-asleep",
	  "source qemu; up-event; ring avail_event 0; request; avail; sample pending no; "
	  "wait 900ms; read num_queues 1; wait 900ms; sample pending no; wait 9000ms; "
	  "! sample pending no",
	  "source qemu; up-event; ring avail_event 0; request; avail; sample pending no; "
	  "wait 900ms; read num_queues 1; wait 900ms; sample pending no; wait 5000ms; "
	  "sample pending no",
	  "" }, /* not long enough */
	{ "kick-ignored",
	  "source qemu; up; request; avail; kick; sample pending no; wait 900ms; "
	  "read num_queues 1; wait 900ms; sample pending no; wait 9000ms; ! sample pending no",
	  "source qemu; up; request; avail; kick; sample pending yes; wait 900ms; "
	  "read num_queues 1; wait 900ms; sample pending yes; wait 7000ms; sample pending no; "
	  "wait 900ms; sample pending no" /* it has only now come */,
	  "" },
	{ "interrupt-missing",
	  "up; request; wait 1500ms; avail; kick; pop 5; use 5; wait 1500ms; avail; ! kick",
	  "up; request; wait 1500ms; avail; kick; pop 5; use 5; wait 1500ms; thread 2; avail; kick",
	  "" }, /* the thread that owes it is held up */
	{ "interrupt-missing",
	  "source qemu; up; request; wait 1500ms; avail; kick; pop 5; use 5; wait 900ms; "
	  "read num_queues 1; wait 600ms; ! sample pending no",
	  "source qemu; up; request; wait 1500ms; avail; kick; pop 5; use 5; wait 1500ms; "
	  "sample pending no; wait 1500ms; sample pending no",
	  "" }, /* its thread has not gone on */
	{ "kick-missing-packed",
	  "source qemu; up-packed; ring filled 0; sample pending no; ring filled 1; wait 900ms; "
	  "sample pending no; wait 300ms; read num_queues 1; wait 700ms; sample pending no; "
	  "wait 700ms; ! sample pending no",
	  "source qemu; up-packed; ring filled 0; sample pending no; ring filled 1; wait 900ms; "
	  "sample pending yes; wait 300ms; read num_queues 1; wait 700ms; sample pending yes; "
	  "wait 700ms; sample pending yes",
	  "" }, /* a kick pends */
	{ "kick-missing-packed",
	  "source qemu; up-packed; ring used_flags 2; ring avail_event 0x8000; ring filled 0; "
	  "sample pending no; kick; ring filled 1; wait 900ms; sample pending no; wait 300ms; "
	  "read num_queues 1; wait 700ms; sample pending no; wait 700ms; ! sample pending no",
	  "source qemu; up-packed; ring used_flags 2; ring avail_event 0x8000; ring filled 0; "
	  "sample pending no; ring filled 1; kick; wait 900ms; sample pending no; wait 300ms; "
	  "read num_queues 1; wait 700ms; sample pending no; wait 700ms; sample pending no",
	  "" },
	{ "kick-missing-packed",
	  "source qemu; up-packed; kick; pop 0; use 0; interrupt; ring filled 0; "
	  "sample pending no; ring filled 1; wait 900ms; sample pending no; wait 300ms; "
	  "read num_queues 1; wait 700ms; sample pending no; wait 700ms; ! sample pending no",
	  "source qemu; up-packed; kick; pop 0; use 0; interrupt; ring filled 1; "
	  "sample pending no; wait 900ms; sample pending no; wait 300ms; read num_queues 1; "
	  "wait 700ms; sample pending no; wait 700ms; sample pending no",
	  "" }, /* not seen asking */
	{ "kick-missing-packed",
	  "source qemu; up-packed; ring used_flags 2; ring avail_event 0x8000; ring filled 0; "
	  "sample pending no; ring filled 1; wait 900ms; sample pending no; wait 300ms; "
	  "read num_queues 1; wait 700ms; sample pending no; wait 700ms; ! sample pending no",
	  "source qemu; up-packed; ring used_flags 2; ring avail_event 0x8003; ring filled 0; "
	  "sample pending no; ring filled 1; wait 900ms; sample pending no; wait 300ms; "
	  "read num_queues 1; wait 700ms; sample pending no; wait 700ms; sample pending no",
	  "" }, /* later */
	{ "device-asleep",
	  "source qemu; up-packed; kick; pop 0; use 0; interrupt; ring used_flags 1; "
	  "ring filled 1; sample pending no; wait 900ms; read num_queues 1; wait 900ms; "
	  "sample pending no; wait 9000ms; ! sample pending no",
	  "source qemu; up-packed; kick; pop 0; use 0; interrupt; ring filled 1; "
	  "sample pending no; wait 900ms; read num_queues 1; wait 900ms; sample pending no; "
	  "wait 9000ms; sample pending no",
	  "" },
	{ "kick-unserved",
	  "up-packed; ring filled 1; sample pending yes; wait 900ms; read num_queues 1; "
	  "wait 900ms; sample pending yes; wait 9000ms; ! sample pending yes",
	  "up-packed; ring filled 0; sample pending yes; wait 900ms; read num_queues 1; "
	  "wait 900ms; sample pending yes; wait 9000ms; sample pending yes",
	  "" },
	{ "kick-unserved",
	  "up; request; avail; sample pending yes; wait 900ms; read num_queues 1; wait 900ms; "
	  "sample pending yes; wait 9000ms; ! sample pending yes",
	  "up; request; avail; sample pending yes; wait 900ms; read num_queues 1; wait 900ms; "
	  "sample pending yes; wait 9000ms; sample pending no",
	  "" },
	{ "kick-unasked",
	  "up-event; ring used_event 0; ring avail_event 0; avail; kick width 2; pop 5; use 5; "
	  "interrupt; ring avail_event 40; sample; wait 5ms; avail; ! kick width 2",
	  "up-event; ring used_event 0; ring avail_event 0; avail; kick width 2; pop 5; use 5; "
	  "interrupt; ring avail_event 1; sample; wait 5ms; avail; kick width 2",
	  "" },
	{ "kick-suppressed",
	  "up; avail; kick width 2; pop 5; use 5; interrupt; ring used_flags 1; sample; wait 5ms; "
	  "avail; ! kick width 2",
	  "up; avail; kick width 2; pop 5; use 5; interrupt; ring used_flags 0; sample; wait 5ms; "
	  "avail; kick width 2",
	  "" },
	{ "kick-suppressed-packed",
	  "up-packed; kick width 2; pop 5; use 5; interrupt; ring used_flags 1; sample; wait 5ms; "
	  "! kick width 2",
	  "up-packed; kick width 2; pop 5; use 5; interrupt; ring used_flags 0; sample; wait 5ms; "
	  "kick width 2",
	  "" },

	{ "kick-width", "up; avail; ! kick width 4", "up; avail; kick width 2", "" },
	{ "kick-width-data", SPOKEN("0x41") "! kick width 2",
	  SPOKEN("0x41") "kick width 4 value 0x10000", "kick-next" },
	{ "kick-value", "up; avail; ! kick width 2 value 1", "up; avail; kick width 2 value 0",
	  "" },
	{ "kick-value-data", SPOKEN("0x41") "! kick width 4 value 0x10001",
	  SPOKEN("0x41") "kick width 4 value 0x10000", "" },
	{ "kick-value-config", NOTIFY("0x81") "! kick width 2 value 0",
	  NOTIFY("0x81") "kick width 2 value 7", "" },
	{ "kick-value-config-data", NOTIFY("0xc1") "! kick width 4 value 0x10000",
	  NOTIFY("0xc1") "kick width 4 value 0x10007", "" },
	{ "kick-next", SPOKEN("0x41") "! kick width 4 value 0x90000",
	  SPOKEN("0x41") "kick width 4 value 0x10000", "" },
	/* Where the queue is notified was read before what was lost. */
	{ "kick-nowhere",
	  "read-caps; lose; reset; acknowledge; offer; accept; features-ok; setup; "
	  "read queue_notify_off 1; enable; driver-ok; avail; ! write notify@8/2 0",
	  "read-caps; lose; reset; acknowledge; offer; accept; features-ok; setup; enable; driver-ok; "
	  "avail; write notify@8/2 0",
	  "" },
	{ "kick-nowhere", "up; read queue_notify_off 0; ! write notify@2/2 1",
	  "up; read queue_notify_off 0; avail; write notify@0/2 0; kick width 2", "" },
	{ "kick-not-enabled", "up; queue 1; ! kick", "up; avail; kick", "" },
	{ NULL, NULL, NULL, NULL },
};
