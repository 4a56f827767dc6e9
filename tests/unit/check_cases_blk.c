/* SPDX-License-Identifier: MIT */
/* The block device: rules/blk*.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

#define OFFER(low, high) "reset; acknowledge; offer " low " " high "; "
#define ACCEPT(low, high) "accept " low " " high "; "
#define LIVE "features-ok; setup; enable; driver-ok; "
#define RO_UP OFFER("0x30006a66", "1") ACCEPT("0x10006a66", "1") LIVE
#define OLD_UP \
	"reset-legacy; acknowledge-legacy; read legacy.device_features 0x39006ac7; " \
	"write legacy.driver_features 0x10006ac7; write legacy.queue_select 0; " \
	"read legacy.queue_size 256; write legacy.queue_address 0x10; " \
	"write legacy.device_status 7; "
#define LEGACY "any-layout-refused,any-layout-not-offered"
#define READY "up; read-config; avail; kick; "
#define ZONES "up-zoned; avail; kick; "

#define UNDEFINED "up; avail; kick; pop 5: readable 16, writable 512, writable 1 type "

#define CAPACITY(low) \
	"read config_generation 1; read config.capacity/4 " low "; read config.capacity/4+4 0; " \
	"read config_generation 1; "

const struct check_case check_cases_blk[] = {
	{ "blk-type-undefined",
	  "up; avail; kick; ! pop 5: readable 16, writable 512, writable 1 "
	  "type 0xdeadbeef",
	  "up; avail; kick; pop 5: readable 16, writable 512, writable 1 type IN", "" },
	/* The barrier bit, and FLUSH_OUT, are of the legacy interface. */
	{ "blk-type-undefined",
	  "up; avail; kick; ! pop 5: readable 16, writable 512, writable 1 "
	  "type 0x80000000",
	  "up-legacy; avail; kick; pop 5: readable 16, writable 512, writable 1 type 0x80000000",
	  "" },
	{ "blk-type-undefined", "up; avail; kick; ! pop 5: readable 16, writable 1 type FLUSH_OUT",
	  "up-legacy; avail; kick; pop 5: readable 16, writable 1 type FLUSH_OUT", "" },
	{ "blk-type-undefined", "up-packed; kick; ! pop 0: readable 16, writable 1 type 0x04000000",
	  "up-packed; kick; pop 0: readable 16, writable 1 type FLUSH", "" },
	{ "blk-undefined-done", UNDEFINED "0xdeadbeef; ! use 5 len 513",
	  UNDEFINED "0xdeadbeef; use 5 len 1 status 2", "blk-type-undefined" },
	{ "blk-undefined-done", UNDEFINED "0x80000000; ! use 5 len 513",
	  UNDEFINED "0x80000000; use 5 len 1 status 1", "blk-type-undefined" },
	{ "blk-shape", "up; avail; kick; ! pop 5: readable 16, readable 512 type OUT sector 8",
	  "up; avail; kick; pop 5: readable 16, readable 512, writable 1 type OUT sector 8", "" },
	{ "blk-other-way", "up; avail; kick; ! pop 5: readable 528, writable 512, writable 1",
	  "up; avail; kick; pop 5: readable 16, writable 512, writable 1", "" },
	{ "blk-unnegotiated",
	  "up; avail; kick; "
	  "! pop 5: readable 16, readable 16, writable 1 type SECURE_ERASE segment 0 8 0",
	  "up; avail; kick; pop 5: readable 16, readable 16, writable 1 type DISCARD segment 0 8 0",
	  "" },
	{ "blk-sector-unused",
	  "up; avail; kick; ! pop 5: readable 16, writable 20, writable 1 type GET_ID sector 8",
	  "up; avail; kick; pop 5: readable 16, writable 20, writable 1 type GET_ID", "" },
	{ "blk-segments",
	  READY
	  "! pop 5: indirect readable 2064 | readable 16, writable 512 times 127, writable 1 type IN",
	  READY
	  "pop 5: indirect readable 2048 | readable 16, writable 512 times 126, writable 1 type IN",
	  "" },
	{ "blk-past-end",
	  READY "! pop 5: readable 16, writable 4096, writable 1 type IN sector 0xff9",
	  READY "pop 5: readable 16, writable 4096, writable 1 type IN sector 0xff8", "" },
	{ "blk-flush-sector",
	  "up; avail; kick; ! pop 5: readable 16, writable 1 type FLUSH sector 8",
	  "up; avail; kick; pop 5: readable 16, writable 1 type FLUSH", "" },
	{ "blk-flush-data",
	  "up; avail; kick; ! pop 5: readable 16, readable 512, writable 1 type FLUSH",
	  "up; avail; kick; pop 5: readable 16, writable 1 type FLUSH", "" },
	{ "blk-length", "up; avail; kick; ! pop 5: readable 16, writable 500, writable 1",
	  "up; avail; kick; pop 5: readable 16, writable 512, writable 1", "" },
	{ "blk-segment-length",
	  "up; avail; kick; "
	  "! pop 5: readable 16, readable 24, writable 1 type DISCARD segment 0 8 0",
	  "up; avail; kick; pop 5: readable 16, readable 16, writable 1 type DISCARD segment 0 8 0",
	  "" },
	{ "blk-id-length",
	  "up; avail; kick; ! pop 5: readable 16, writable 16, writable 1 type GET_ID",
	  "up; avail; kick; pop 5: readable 16, writable 20, writable 1 type GET_ID", "" },
	{ "blk-discard-segments",
	  READY
	  "! pop 5: readable 16, readable 32, writable 1 type DISCARD segment 0 8 0 segment 8 8 0",
	  READY "pop 5: readable 16, readable 16, writable 1 type DISCARD segment 0 8 0", "" },
	{ "blk-erase-segments",
	  "up-zoned; read config.max_secure_erase_seg 1; avail; kick; "
	  "! pop 5: readable 16, readable 32, writable 1 type SECURE_ERASE segment 0 4096 0 segment 4096 4096 0",
	  "up-zoned; read config.max_secure_erase_seg 1; avail; kick; "
	  "pop 5: readable 16, readable 16, writable 1 type SECURE_ERASE segment 0 4096 0",
	  "blk-unnegotiated" },
	{ "blk-zeroes-segments",
	  READY
	  "! pop 5: readable 16, readable 32, writable 1 type WRITE_ZEROES segment 0 8 0 segment 8 8 0",
	  READY "pop 5: readable 16, readable 16, writable 1 type WRITE_ZEROES segment 0 8 1", "" },
	{ "blk-segment-too-long",
	  READY "! pop 5: readable 16, readable 16, writable 1 type DISCARD segment 0 1025 0",
	  READY "pop 5: readable 16, readable 16, writable 1 type DISCARD segment 0 1024 0", "" },
	{ "blk-discard-unmap",
	  READY "! pop 5: readable 16, readable 16, writable 1 type DISCARD segment 0 8 1",
	  READY "pop 5: readable 16, readable 16, writable 1 type WRITE_ZEROES segment 0 8 1", "" },
	{ "blk-segment-flags",
	  READY "! pop 5: readable 16, readable 16, writable 1 type WRITE_ZEROES segment 0 8 4",
	  READY "pop 5: readable 16, readable 16, writable 1 type WRITE_ZEROES segment 0 8 1", "" },
	{ "blk-zone-start", ZONES "! pop 5: readable 16, writable 1 type ZONE_OPEN sector 8",
	  ZONES "pop 5: readable 16, writable 1 type ZONE_OPEN sector 4096", "" },
	{ "blk-zone-reset-all",
	  ZONES "! pop 5: readable 16, writable 1 type ZONE_RESET_ALL sector 8",
	  ZONES "pop 5: readable 16, writable 1 type ZONE_RESET_ALL", "" },
	{ "blk-append-start",
	  ZONES "! pop 5: readable 16, readable 4096, writable 9 type ZONE_APPEND sector 8",
	  ZONES "pop 5: readable 16, readable 4096, writable 9 type ZONE_APPEND sector 4096", "" },
	{ "blk-append-size",
	  ZONES "! pop 5: readable 16, readable 65536, writable 9 type ZONE_APPEND sector 4096",
	  ZONES "pop 5: readable 16, readable 32768, writable 9 type ZONE_APPEND sector 4096", "" },
	{ "blk-erase-zones",
	  ZONES "! pop 5: readable 16, readable 16, writable 1 type SECURE_ERASE segment 0 8 0",
	  ZONES "pop 5: readable 16, readable 16, writable 1 type SECURE_ERASE segment 0 4096 0",
	  "blk-unnegotiated" },

	{ "blk-ro-refused", OFFER("0x30006a66", "1") "accept; ! write status 11", RO_UP, "" },
	{ "blk-wce-without-flush",
	  "reset; acknowledge; write device_feature_select 0; ! read device_feature 0x30006846",
	  "reset; acknowledge; offer", "" },
	{ "blk-flush-not-offered",
	  "reset; acknowledge; write device_feature_select 0; ! read device_feature 0x30006046",
	  "reset; acknowledge; offer", "" },
	{ "blk-writeback-early", "reset; acknowledge; offer; ! read config.writeback 1",
	  "up; read config.writeback 1", "" },
	{ "blk-writeback-on",
	  OFFER("0x30006a46", "1") ACCEPT("0x10006846", "1") LIVE "! read config.writeback 1",
	  OFFER("0x30006a46", "1") ACCEPT("0x10006846", "1") LIVE "read config.writeback 0", "" },
	/* The disk shrinks: what was made available before the driver knew. */
	{ "blk-past-end", "up; read-config; " CAPACITY("8") "wait 1500ms; avail; kick; ! pop 5",
	  "up; read-config; avail; " CAPACITY("8") "kick; pop 5", "blk-capacity-untold" },
	/* And between the halves of a disk that grows. */
	{ "blk-past-end",
	  "up; read config_generation 0; read config.capacity/4 0x10; read config.capacity/4+4 0; "
	  "read config_generation 0; avail; kick; ! pop 5 type IN sector 0x100",
	  "up; read config_generation 0; read config.capacity/4 0xfffffff0; "
	  "read config.capacity/4+4 0; read config_generation 1; read config.capacity/4 0x10; "
	  "avail; kick; pop 5 type IN sector 0x100; read config.capacity/4+4 1; "
	  "read config_generation 1",
	  "blk-capacity-untold" },
	{ "blk-writeback-on",
	  OFFER("0x30006a46", "1") ACCEPT("0x10006846", "1") LIVE "write config.writeback 0; "
								  "! read config.writeback 1",
	  OFFER("0x30006a46", "1") ACCEPT("0x10006846", "1") LIVE "read config.writeback 0; "
								  "write config.writeback 1; "
								  "read config.writeback 1",
	  "" },
	{ "blk-writeback-on",
	  OFFER("0x30006a46", "1") ACCEPT("0x10006846", "1") LIVE "! read config.writeback 1",
	  "up; lose; learned 0x10006846 1; read status 15; read config.writeback 1", "" },
	{ "blk-padding", "up; ! read config.unused0 255", "up; read config.unused0 0", "" },
	{ "blk-padding-zoned", "up-zoned; ! read config.zoned.unused2/1 1",
	  "up-zoned; read config.zoned.unused2/1 0", "" },
	{ "blk-zoned-none", OFFER("0x30036a46", "1") "! read config.zoned.model 0",
	  OFFER("0x30036a46", "1") "read config.zoned.model 2", "" },
	{ "blk-zone-model",
	  OFFER("0x30036a46", "1") ACCEPT("0x10034a46", "1") LIVE "! read config.zoned.model 7",
	  "up-zoned", "" },
	{ "blk-zoned-legacy",
	  "reset-legacy; acknowledge-legacy; ! read legacy.device_features 0x39026a46", "up-legacy",
	  LEGACY },
	{ "blk-zoned-discard",
	  OFFER("0x30036a46", "1") "read config.zoned.model 1; " ACCEPT("0x10036a46",
									"1") "! write status 11",
	  OFFER("0x30036a46", "1") "read config.zoned.model 1; " ACCEPT("0x10034a46",
									"1") "write status 11",
	  "" },
	{ "blk-zoned-agreed",
	  OFFER("0x30036a46", "1") "read config.zoned.model 1; " ACCEPT(
		  "0x10006a46", "1") "write status 11; ! read status 11",
	  OFFER("0x30036a46", "1") "read config.zoned.model 1; " ACCEPT(
		  "0x10006a46", "1") "write status 11; read status 3",
	  "blk-zoned-discard" },
	{ "blk-zoned-fields",
	  OFFER("0x30036a46", "1") ACCEPT("0x10006a46", "1") LIVE
	  "! read config.zoned.zone_sectors 8",
	  OFFER("0x30036a46", "1") ACCEPT("0x10006a46", "1") LIVE
	  "read config.zoned.zone_sectors 0",
	  "" },
	{ "blk-append-limit", "up-zoned; read config.seg_max 1; ! read config.size_max 4096",
	  "up-zoned; read config.seg_max 16; read config.size_max 4096", "" },
	{ "blk-erase-alignment",
	  OFFER("0x30036a46", "1") ACCEPT("0x10034a46", "1") LIVE
	  "read config.zoned.zone_sectors 4096; ! read config.secure_erase_sector_alignment 8",
	  OFFER("0x30036a46", "1") ACCEPT("0x10034a46", "1") LIVE
	  "read config.zoned.zone_sectors 4096; read config.secure_erase_sector_alignment 8192",
	  "" },
	{ "blk-capacity-unread",
	  "up; interrupt config; wait 700ms; read num_queues 1; wait 700ms; ! read num_queues 1",
	  "up; interrupt config; wait 100ms; read-config; wait 700ms; read num_queues 1; "
	  "wait 700ms; read num_queues 1",
	  "" },
	{ "blk-capacity-untold",
	  "up; read-config; read config_generation 1; read config.capacity/4 0x2000; "
	  "read config.capacity/4+4 0; read config_generation 1; wait 2000ms; ! read status 15",
	  "up; read-config; wait 100ms; read config_generation 1; read config.capacity/4 0x2000; "
	  "read config.capacity/4+4 0; read config_generation 1; interrupt config; "
	  "read config_generation 1; read config.capacity/4 0x2000; read config.capacity/4+4 0; "
	  "read config_generation 1; wait 2000ms; read status 15",
	  "config-irq-without-change" },
	{ "blk-capacity-untold",
	  "up; read-config; read config_generation 1; read config.capacity/4 0x2000; "
	  "read config.capacity/4+4 0; read config_generation 1; wait 2000ms; ! read status 15",
	  "up; read-config; interrupt config; read config_generation 1; "
	  "read config.capacity/4 0x2000; read config.capacity/4+4 0; read config_generation 1",
	  "" },
	{ "blk-may-unmap-untold",
	  "up; read config_generation 0; read config.write_zeroes_may_unmap 1; "
	  "read config_generation 1; read config.write_zeroes_may_unmap 0; wait 2000ms; "
	  "! read status 15",
	  "up; read config_generation 0; read config.write_zeroes_may_unmap 1; interrupt config; "
	  "read config_generation 1; read config.write_zeroes_may_unmap 0; wait 1000ms; read status 15",
	  "blk-capacity-unread" },
	{ "blk-may-unmap-untold",
	  "enable-msix; up; interrupt; write config_msix_vector 0; read config_msix_vector 0; "
	  "read config_generation 0; read config.write_zeroes_may_unmap 1; "
	  "read config_generation 1; read config.write_zeroes_may_unmap 0; wait 2000ms; "
	  "! read status 15",
	  "enable-msix; up; interrupt; read config_generation 0; "
	  "read config.write_zeroes_may_unmap 1; read config_generation 1; "
	  "read config.write_zeroes_may_unmap 0; wait 2000ms; read status 15",
	  "pci-modern-without-caps" },
#define TEN(x) x x x x x x x x x x
	{ "blk-never-flushed",
	  "up; avail 1000; ring avail_idx 0; " TEN(TEN(TEN(
		  "avail; kick; pop 5: readable 16, readable 512, writable 1 type OUT sector 8; "
		  "use 5 len 1; interrupt; "))) "wait 61000ms; avail; kick; "
						"pop 5: readable 16, readable 512, writable 1 type OUT sector 8; use 5 len 1; interrupt",
	  "up; avail; kick; pop 5: readable 16, writable 1 type FLUSH; use 5 len 1; interrupt; " TEN(TEN(
		  TEN("avail; kick; pop 5: readable 16, readable 512, writable 1 type OUT sector 8; "
		      "use 5 len 1; interrupt; "))) "wait 61000ms; avail; kick; "
						    "pop 5: readable 16, readable 512, writable 1 type OUT sector 8; use 5 len 1; interrupt",
	  "" },

	{ "blk-status-range", "up; avail; kick; pop 5; ! use 5 status 0x55",
	  "up; avail; kick; pop 5; use 5 len 1 status 1", "blk-len-short" },
	{ "blk-write-on-ro",
	  RO_UP "avail; kick; pop 5: readable 16, readable 512, writable 1 type OUT sector 8; "
		"! use 5 len 1",
	  RO_UP "avail; kick; pop 5: readable 16, readable 512, writable 1 type OUT sector 8; "
		"use 5 len 1 status 1",
	  "" },
	{ "blk-unknown-flags-done",
	  READY "pop 5: readable 16, readable 16, writable 1 type WRITE_ZEROES segment 0 8 4; "
		"! use 5 len 1",
	  READY "pop 5: readable 16, readable 16, writable 1 type WRITE_ZEROES segment 0 8 4; "
		"use 5 len 1 status 2",
	  "blk-segment-flags" },
	{ "blk-discard-unmap-done",
	  READY
	  "pop 5: readable 16, readable 16, writable 1 type DISCARD segment 0 8 1; ! use 5 len 1",
	  READY "pop 5: readable 16, readable 16, writable 1 type DISCARD segment 0 8 1; "
		"use 5 len 1 status 2",
	  "blk-discard-unmap" },
	{ "blk-zone-unnegotiated-done",
	  READY "pop 5: readable 16, writable 1 type ZONE_OPEN; ! use 5 len 1",
	  READY "pop 5: readable 16, writable 1 type ZONE_OPEN; use 5 len 1 status 2",
	  "blk-unnegotiated" },
	{ "blk-append-start-done",
	  ZONES
	  "pop 5: readable 16, readable 4096, writable 9 type ZONE_APPEND sector 8; ! use 5 len 9",
	  ZONES "pop 5: readable 16, readable 4096, writable 9 type ZONE_APPEND sector 8; "
		"use 5 len 9 status 3",
	  "blk-append-start" },
	{ "blk-append-size-done",
	  ZONES "pop 5: readable 16, readable 65536, writable 9 type ZONE_APPEND sector 4096; "
		"! use 5 len 9",
	  ZONES "pop 5: readable 16, readable 65536, writable 9 type ZONE_APPEND sector 4096; "
		"use 5 len 9 status 3",
	  "blk-append-size" },
	{ "blk-append-unsupported-done",
	  "up-zoned; read config.zoned.max_append_sectors 0; avail; kick; "
	  "pop 5: readable 16, readable 4096, writable 9 type ZONE_APPEND sector 4096; "
	  "! use 5 len 9",
	  "up-zoned; read config.zoned.max_append_sectors 0; avail; kick; "
	  "pop 5: readable 16, readable 4096, writable 9 type ZONE_APPEND sector 4096; "
	  "use 5 len 9 status 2",
	  "blk-append-size" },
	{ "blk-append-sector",
	  ZONES "pop 5: readable 16, readable 4096, writable 9 type ZONE_APPEND sector 4096; "
		"! use 5 len 9 bytes 2 0",
	  ZONES "pop 5: readable 16, readable 4096, writable 9 type ZONE_APPEND sector 4096; "
		"use 5 len 9 bytes 2 4100",
	  "" },
	{ "blk-flush-early",
	  "up; avail 2; kick; pop 5: readable 16, writable 1 type FLUSH; backend begin 5; "
	  "backend end 5; use 5 len 1; interrupt; pop 6: readable 16, writable 1 type FLUSH; "
	  "backend begin 6; ! use 6 len 1",
	  "up; avail 2; kick; pop 5: readable 16, writable 1 type FLUSH; backend begin 5; "
	  "backend end 5; use 5 len 1; interrupt; pop 6: readable 16, writable 1 type FLUSH; "
	  "backend begin 6; backend end 6; use 6 len 1",
	  "" },
	{ "blk-lifetime",
	  OFFER("0x3000ea46", "1") ACCEPT("0x1000ea46", "1") LIVE
	  "avail; kick; pop 5: readable 16, writable 6, writable 1 type GET_LIFETIME; "
	  "! use 5 len 7 bytes 1 9",
	  OFFER("0x3000ea46", "1") ACCEPT("0x1000ea46", "1") LIVE
	  "avail; kick; pop 5: readable 16, writable 6, writable 1 type GET_LIFETIME; "
	  "use 5 len 7 bytes 1 1",
	  "" },
	{ "blk-negotiated-refused",
	  "up; avail; kick; pop 5: readable 16, writable 1 type FLUSH; ! use 5 len 1 status 2",
	  "up; avail; kick; pop 5: readable 16, writable 1 type FLUSH; use 5 len 1", "" },
	{ "blk-len-short", "up; avail; kick; pop 5; ! use 5 len 4096",
	  "up; avail; kick; pop 5; use 5", "" },
#define USUAL "avail; kick; pop 5; use 5; interrupt; "
#define ODD \
	"avail; kick; pop 5: readable 8, readable 8, writable 4096, writable 1; use 5 status 1; " \
	"interrupt; "
	{ "blk-framing-refused",
	  "up; read-config; " USUAL USUAL USUAL ODD ODD
	  "avail; kick; pop 5: readable 8, readable 8, writable 4096, writable 1; ! use 5 status 1",
	  "up; read-config; " USUAL USUAL USUAL ODD ODD
	  "avail; kick; pop 5; use 5 status 1; interrupt; " ODD,
	  "" },

#define REPORT(zone) \
	"avail; kick; pop 5: readable 16, writable 192, writable 1 type ZONE_REPORT; " \
	"use 5 len 193 zone 1 " zone "; interrupt; avail; kick; "
	{ "blk-zone-status",
	  ZONES
	  "pop 5: readable 16, writable 1 type ZONE_CLOSE sector 4096; ! use 5 len 1 status 5",
	  ZONES "pop 5: readable 16, writable 1 type ZONE_CLOSE sector 4096; use 5 len 1 status 3",
	  "" },
	{ "blk-zone-limits",
	  "up-zoned; read config.zoned.max_active_zones 4; ! read config.zoned.max_open_zones 8",
	  "up-zoned; read config.zoned.max_active_zones 4; read config.zoned.max_open_zones 4",
	  "" },
	{ "blk-zone-conventional-managed",
	  "up-zoned; " REPORT(
		  "0 4096 0 1 0") "pop 5: readable 16, writable 1 type ZONE_OPEN; ! use 5 len 1",
	  "up-zoned; " REPORT(
		  "0 4096 0 1 0") "pop 5: readable 16, writable 1 type ZONE_OPEN; use 5 len 1 status 3",
	  "" },
	{ "blk-zone-append-elsewhere",
	  "up-zoned; " REPORT(
		  "4096 4096 0 1 0") "pop 5: readable 16, readable 4096, writable 9 type ZONE_APPEND sector 4096; "
				     "! use 5 len 9",
	  "up-zoned; " REPORT(
		  "4096 4096 4096 2 2") "pop 5: readable 16, readable 4096, writable 9 type ZONE_APPEND sector 4096; use 5 len 9",
	  "" },
	{ "blk-zone-read-only-written",
	  "up-zoned; " REPORT(
		  "4096 4096 4096 2 13") "pop 5: readable 16, readable 4096, writable 1 type OUT sector 4096; ! use 5 len 1",
	  "up-zoned; " REPORT(
		  "4096 4096 4096 2 13") "pop 5: readable 16, readable 4096, writable 1 type OUT sector 4096; use 5 len 1 status 3",
	  "" },
	{ "blk-zone-offline-served",
	  "up-zoned; " REPORT(
		  "4096 4096 4096 2 15") "pop 5: readable 16, writable 4096, writable 1 type IN sector 4096; ! use 5",
	  "up-zoned; " REPORT(
		  "4096 4096 4096 2 15") "pop 5: readable 16, writable 4096, writable 1 type IN sector 4096; use 5 len 1 status 3",
	  "" },
	{ "blk-zone-crossed",
	  ZONES "pop 5: readable 16, readable 2560000, writable 9 type ZONE_APPEND sector 4096; "
		"! use 5 len 9",
	  ZONES "pop 5: readable 16, readable 2560000, writable 9 type ZONE_APPEND sector 4096; "
		"use 5 len 9 status 3",
	  "blk-append-size,blk-append-size-done,blk-zone-overrun" },
	{ "blk-zone-overrun-done",
	  "up-zoned; " REPORT(
		  "4096 4000 8092 2 2") "pop 5: readable 16, readable 4096, writable 1 type OUT sector 8092; ! use 5 len 1",
	  "up-zoned; " REPORT(
		  "4096 4000 8092 2 2") "pop 5: readable 16, readable 4096, writable 1 type OUT sector 8092; use 5 len 1 status 3",
	  "blk-zone-overrun" },
	{ "blk-zone-unaligned-done",
	  "up-zoned; " REPORT(
		  "4096 4096 4100 2 2") "pop 5: readable 16, readable 4096, writable 1 type OUT sector 4096; ! use 5 len 1",
	  "up-zoned; " REPORT(
		  "4096 4096 4100 2 2") "pop 5: readable 16, readable 4096, writable 1 type OUT sector 4096; "
					"use 5 len 1 status 4; interrupt; avail; kick; "
					"pop 6: readable 16, readable 4096, writable 1 type OUT sector 4108; use 6 len 1",
	  "" },
	{ "blk-zone-write-refused",
	  "up-zoned; " REPORT(
		  "4096 4096 4100 2 2") "pop 5: readable 16, readable 4096, writable 1 type OUT sector 4100; "
					"! use 5 len 1 status 3",
	  "up-zoned; " REPORT(
		  "4096 4096 4100 2 2") "pop 5: readable 16, readable 4096, writable 1 type OUT sector 4100; use 5 len 1 status 5",
	  "" },
	{ "blk-zone-overrun",
	  ZONES "! pop 5: readable 16, readable 2560000, writable 9 type ZONE_APPEND sector 4096",
	  ZONES "pop 5: readable 16, readable 32768, writable 9 type ZONE_APPEND sector 4096",
	  "blk-append-size" },
	{ "blk-zone-misplaced",
	  ZONES "pop 5: readable 16, writable 192, writable 1 type ZONE_REPORT; "
		"! use 5 len 193 zone 1 4100 4096 4100 2 2",
	  ZONES "pop 5: readable 16, writable 192, writable 1 type ZONE_REPORT; "
		"use 5 len 193 zone 1 8192 4096 8192 2 2",
	  "" },

	{ "blk-legacy-layout",
	  OLD_UP "avail; kick; ! pop 5: readable 528, writable 1 type OUT sector 8",
	  OLD_UP "avail; kick; pop 5: readable 16, readable 512, writable 1 type OUT sector 8",
	  LEGACY },
	{ "blk-legacy-config-implausible",
	  OLD_UP "read legacy@20/4 0; ! read legacy@24/4 0x08000000",
	  OLD_UP "read legacy@20/4 0x800; read legacy@24/4 0", LEGACY },
	{ "blk-legacy-byte-swapped",
	  OLD_UP
	  "avail; kick; ! pop 5: readable 16, readable 512, writable 1 type 0x01000000 sector 8",
	  OLD_UP "avail; kick; pop 5: readable 16, readable 512, writable 1 type OUT sector 8",
	  LEGACY },
	{ "blk-legacy-scsi-command",
	  OLD_UP
	  "avail; kick; ! pop 5: readable 22, writable 96, writable 16, writable 1 type SCSI_CMD",
	  OLD_UP
	  "avail; kick; "
	  "pop 5: readable 16, readable 6, writable 96, writable 16, writable 1 type SCSI_CMD",
	  LEGACY },
	{ "blk-legacy-scsi-sense",
	  OLD_UP
	  "avail; kick; "
	  "! pop 5: readable 16, readable 6, writable 64, writable 16, writable 1 type SCSI_CMD",
	  OLD_UP
	  "avail; kick; "
	  "pop 5: readable 16, readable 6, writable 96, writable 16, writable 1 type SCSI_CMD",
	  LEGACY },
	{ "blk-legacy-flush-out",
	  OLD_UP
	  "avail; kick; pop 5: readable 16, writable 1 type FLUSH_OUT; ! use 5 len 1 status 2",
	  OLD_UP "avail; kick; pop 5: readable 16, writable 1 type FLUSH_OUT; use 5 len 1",
	  LEGACY },
	{ "blk-legacy-barrier",
	  OLD_UP
	  "avail 2; kick; pop 5: readable 16, readable 512, writable 1 type OUT sector 8; "
	  "pop 9: readable 16, readable 512, writable 1 type 0x80000001 sector 16; ! use 9 len 1",
	  OLD_UP
	  "avail 2; kick; pop 5: readable 16, readable 512, writable 1 type OUT sector 8; "
	  "pop 9: readable 16, readable 512, writable 1 type 0x80000001 sector 16; use 5 len 1; "
	  "use 9 len 1",
	  LEGACY },
	/* DRIVER_OK may, whatever is written after it. */
	{ "blk-legacy-writeback-status",
	  "up-legacy; read legacy@52/1 1; write legacy.device_status 7; ! read legacy@52/1 0",
	  "reset-legacy; acknowledge-legacy; read legacy.device_features 0x39006ac7; "
	  "read legacy@52/1 1; write legacy.queue_select 0; read legacy.queue_size 256; "
	  "write legacy.queue_address 16; write legacy.device_status 7; "
	  "write legacy.device_status 7; read legacy@52/1 0",
	  LEGACY ",legacy-config-read-once" },
	{ "blk-legacy-writeback-status",
	  "reset-legacy; write legacy.device_status 1; read legacy.device_features 0x39006ac7; "
	  "read legacy@52/1 1; write legacy.device_status 3; ! read legacy@52/1 0",
	  "reset-legacy; write legacy.device_status 1; read legacy.device_features 0x39006ac7; "
	  "read legacy@52/1 1; write legacy.device_status 3; read legacy@52/1 1",
	  LEGACY },
	{ "blk-legacy-writeback-features",
	  "reset-legacy; acknowledge-legacy; read legacy.device_features 0x39006ac7; "
	  "read legacy@52/1 1; write legacy.driver_features 0x10006ac7; ! read legacy@52/1 0",
	  "reset-legacy; acknowledge-legacy; read legacy.device_features 0x39006ac7; "
	  "read legacy@52/1 1; write legacy.driver_features 0x10006ac7; read legacy@52/1 1",
	  LEGACY },
	{ NULL, NULL, NULL, NULL },
};
