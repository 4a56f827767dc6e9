/* SPDX-License-Identifier: MIT */
/* The block device: rules/blk*.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

#define OFFER(low, high) \
	"@reset @ack s:device_feature_select=0 g:device_feature=" low \
	" s:device_feature_select=1 " \
	"g:device_feature=" high " "
#define ACCEPT(low, high) \
	"s:driver_feature_select=0 s:driver_feature=" low " s:driver_feature_select=1 " \
	"s:driver_feature=" high " "
#define LIVE "@fok @queue @enable @dok "
#define RO_UP OFFER("0x30006a66", "1") ACCEPT("0x10006a66", "1") LIVE
#define OLD_UP \
	"ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 " \
	"lg:device_features=0x39006ac7 ls:driver_features=0x10006ac7 ls:queue_select=0 lg:queue_size=256 " \
	"ls:queue_address=0x10 ls:device_status=7 "
#define LEGACY "any-layout-refused,any-layout-not-offered"
#define READY "@up @config A K "
#define ZONES "@zone-up A K "

const struct check_case check_cases_blk[] = {
	{ "blk-shape", "@up A K !C5:r16,r512%1,8", "@up A K C5:r16,r512,w1%1,8", "" },
	{ "blk-other-way", "@up A K !C5:r528,w512,w1", "@up A K C5:r16,w512,w1", "" },
	{ "blk-unnegotiated", "@up A K !C5:r16,r16,w1%14,0;0.8.0",
	  "@up A K C5:r16,r16,w1%11,0;0.8.0", "" },
	{ "blk-sector-unused", "@up A K !C5:r16,w20,w1%8,8", "@up A K C5:r16,w20,w1%8,0", "" },
	{ "blk-segments", READY "!C5:ir2064|r16,w512*127,w1%0,0",
	  READY "C5:ir2048|r16,w512*126,w1%0,0", "" },
	{ "blk-past-end", READY "!C5:r16,w4096,w1%0,0xff9", READY "C5:r16,w4096,w1%0,0xff8", "" },
	{ "blk-flush-sector", "@up A K !C5:r16,w1%4,8", "@up A K C5:r16,w1%4,0", "" },
	{ "blk-flush-data", "@up A K !C5:r16,r512,w1%4,0", "@up A K C5:r16,w1%4,0", "" },
	{ "blk-length", "@up A K !C5:r16,w500,w1", "@up A K C5:r16,w512,w1", "" },
	{ "blk-segment-length", "@up A K !C5:r16,r24,w1%11,0;0.8.0",
	  "@up A K C5:r16,r16,w1%11,0;0.8.0", "" },
	{ "blk-id-length", "@up A K !C5:r16,w16,w1%8,0", "@up A K C5:r16,w20,w1%8,0", "" },
	{ "blk-discard-segments", READY "!C5:r16,r32,w1%11,0;0.8.0;8.8.0",
	  READY "C5:r16,r16,w1%11,0;0.8.0", "" },
	{ "blk-erase-segments",
	  "@zone-up cg:max_secure_erase_seg=1 A K !C5:r16,r32,w1%14,0;0.4096.0;4096.4096.0",
	  "@zone-up cg:max_secure_erase_seg=1 A K C5:r16,r16,w1%14,0;0.4096.0",
	  "blk-unnegotiated" },
	{ "blk-zeroes-segments", READY "!C5:r16,r32,w1%13,0;0.8.0;8.8.0",
	  READY "C5:r16,r16,w1%13,0;0.8.1", "" },
	{ "blk-segment-too-long", READY "!C5:r16,r16,w1%11,0;0.1025.0",
	  READY "C5:r16,r16,w1%11,0;0.1024.0", "" },
	{ "blk-discard-unmap", READY "!C5:r16,r16,w1%11,0;0.8.1", READY "C5:r16,r16,w1%13,0;0.8.1",
	  "" },
	{ "blk-segment-flags", READY "!C5:r16,r16,w1%13,0;0.8.4", READY "C5:r16,r16,w1%13,0;0.8.1",
	  "" },
	{ "blk-zone-start", ZONES "!C5:r16,w1%18,8", ZONES "C5:r16,w1%18,4096", "" },
	{ "blk-zone-reset-all", ZONES "!C5:r16,w1%26,8", ZONES "C5:r16,w1%26,0", "" },
	{ "blk-append-start", ZONES "!C5:r16,r4096,w9%15,8", ZONES "C5:r16,r4096,w9%15,4096", "" },
	{ "blk-append-size", ZONES "!C5:r16,r65536,w9%15,4096", ZONES "C5:r16,r32768,w9%15,4096",
	  "" },
	{ "blk-erase-zones", ZONES "!C5:r16,r16,w1%14,0;0.8.0", ZONES "C5:r16,r16,w1%14,0;0.4096.0",
	  "blk-unnegotiated" },

	{ "blk-ro-refused", OFFER("0x30006a66", "1") "@accept !S=11", RO_UP, "" },
	{ "blk-wce-without-flush",
	  "@reset @ack s:device_feature_select=0 !g:device_feature=0x30006846",
	  "@reset @ack @offer", "" },
	{ "blk-flush-not-offered",
	  "@reset @ack s:device_feature_select=0 !g:device_feature=0x30006046",
	  "@reset @ack @offer", "" },
	{ "blk-writeback-early", "@reset @ack @offer !cg:writeback=1", "@up cg:writeback=1", "" },
	{ "blk-writeback-on",
	  OFFER("0x30006a46", "1") ACCEPT("0x10006846", "1") LIVE "!cg:writeback=1",
	  OFFER("0x30006a46", "1") ACCEPT("0x10006846", "1") LIVE "cg:writeback=0", "" },
	{ "blk-padding", "@up !cg:unused0=255", "@up cg:unused0=0", "" },
	{ "blk-padding-zoned", "@zone-up !cg:zoned.unused2/1=1", "@zone-up cg:zoned.unused2/1=0",
	  "" },
	{ "blk-zoned-none", OFFER("0x30036a46", "1") "!cg:zoned.model=0",
	  OFFER("0x30036a46", "1") "cg:zoned.model=2", "" },
	{ "blk-zone-model",
	  OFFER("0x30036a46", "1") ACCEPT("0x10034a46", "1") LIVE "!cg:zoned.model=7", "@zone-up",
	  "" },
	{ "blk-zoned-legacy",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
	  "!lg:device_features=0x39026a46",
	  "@old", LEGACY },
	{ "blk-zoned-discard",
	  OFFER("0x30036a46", "1") "cg:zoned.model=1 " ACCEPT("0x10036a46", "1") "!S=11",
	  OFFER("0x30036a46", "1") "cg:zoned.model=1 " ACCEPT("0x10034a46", "1") "S=11", "" },
	{ "blk-zoned-agreed",
	  OFFER("0x30036a46", "1") "cg:zoned.model=1 " ACCEPT("0x10006a46", "1") "S=11 !g=11",
	  OFFER("0x30036a46", "1") "cg:zoned.model=1 " ACCEPT("0x10006a46", "1") "S=11 g=3",
	  "blk-zoned-discard" },
	{ "blk-zoned-fields",
	  OFFER("0x30036a46", "1") ACCEPT("0x10006a46", "1") LIVE "!cg:zoned.zone_sectors=8",
	  OFFER("0x30036a46", "1") ACCEPT("0x10006a46", "1") LIVE "cg:zoned.zone_sectors=0", "" },
	{ "blk-append-limit", "@zone-up cg:seg_max=1 !cg:size_max=4096",
	  "@zone-up cg:seg_max=16 cg:size_max=4096", "" },
	{ "blk-erase-alignment",
	  OFFER("0x30036a46", "1") ACCEPT("0x10034a46", "1") LIVE
	  "cg:zoned.zone_sectors=4096 !cg:secure_erase_sector_alignment=8",
	  OFFER("0x30036a46", "1") ACCEPT("0x10034a46", "1") LIVE
	  "cg:zoned.zone_sectors=4096 cg:secure_erase_sector_alignment=8192",
	  "" },
	{ "blk-capacity-unread", "@up N T+700 g:num_queues=1 T+700 !g:num_queues=1",
	  "@up N T+100 @config T+700 g:num_queues=1 T+700 g:num_queues=1", "" },
	{ "blk-capacity-untold",
	  "@up @config g:config_generation=1 !cg:capacity/4=0x2000 cg:capacity/4+4=0 "
	  "g:config_generation=1",
	  "@up @config N g:config_generation=1 cg:capacity/4=0x2000 cg:capacity/4+4=0 "
	  "g:config_generation=1",
	  "" },
	{ "blk-may-unmap-untold",
	  "@up g:config_generation=0 cg:write_zeroes_may_unmap=1 g:config_generation=1 "
	  "!cg:write_zeroes_may_unmap=0",
	  "@up g:config_generation=0 cg:write_zeroes_may_unmap=1 N "
	  "g:config_generation=1 cg:write_zeroes_may_unmap=0",
	  "" },
#define TEN(x) x x x x x x x x x x
	{ "blk-never-flushed",
	  "@up A1000 r.ai=0 " TEN(TEN(
		  TEN("A K C5:r16,r512,w1%1,8 U5=1 I "))) "T+61000 A K C5:r16,r512,w1%1,8 U5=1 I",
	  "@up A K C5:r16,w1%4,0 U5=1 I " TEN(TEN(
		  TEN("A K C5:r16,r512,w1%1,8 U5=1 I "))) "T+61000 A K C5:r16,r512,w1%1,8 U5=1 I",
	  "" },

	{ "blk-status-range", "@up A K C5 !U5=4097,0x55", "@up A K C5 U5=1,1", "blk-len-short" },
	{ "blk-write-on-ro", RO_UP "A K C5:r16,r512,w1%1,8 !U5=1,0",
	  RO_UP "A K C5:r16,r512,w1%1,8 U5=1,1", "" },
	{ "blk-unknown-flags-done", READY "C5:r16,r16,w1%13,0;0.8.4 !U5=1,0",
	  READY "C5:r16,r16,w1%13,0;0.8.4 U5=1,2", "blk-segment-flags" },
	{ "blk-discard-unmap-done", READY "C5:r16,r16,w1%11,0;0.8.1 !U5=1,0",
	  READY "C5:r16,r16,w1%11,0;0.8.1 U5=1,2", "blk-discard-unmap" },
	{ "blk-zone-unnegotiated-done", READY "C5:r16,w1%18,0 !U5=1,0",
	  READY "C5:r16,w1%18,0 U5=1,2", "blk-unnegotiated" },
	{ "blk-append-start-done", ZONES "C5:r16,r4096,w9%15,8 !U5=9,0",
	  ZONES "C5:r16,r4096,w9%15,8 U5=9,3", "blk-append-start" },
	{ "blk-append-size-done", ZONES "C5:r16,r65536,w9%15,4096 !U5=9,0",
	  ZONES "C5:r16,r65536,w9%15,4096 U5=9,3", "blk-append-size" },
	{ "blk-append-unsupported-done",
	  "@zone-up cg:zoned.max_append_sectors=0 A K C5:r16,r4096,w9%15,4096 !U5=9,0",
	  "@zone-up cg:zoned.max_append_sectors=0 A K C5:r16,r4096,w9%15,4096 U5=9,2",
	  "blk-append-size" },
	{ "blk-append-sector", ZONES "C5:r16,r4096,w9%15,4096 !U5=9,0;2.0",
	  ZONES "C5:r16,r4096,w9%15,4096 U5=9,0;2.4100", "" },
	{ "blk-flush-early", "@up A2 K C5:r16,w1%4,0 B5 b5 U5=1,0 I C6:r16,w1%4,0 B6 !U6=1,0",
	  "@up A2 K C5:r16,w1%4,0 B5 b5 U5=1,0 I C6:r16,w1%4,0 B6 b6 U6=1,0", "" },
	{ "blk-lifetime",
	  OFFER("0x3000ea46", "1") ACCEPT("0x1000ea46", "1") LIVE
	  "A K C5:r16,w6,w1%10,0 !U5=7,0;1.9",
	  OFFER("0x3000ea46", "1") ACCEPT("0x1000ea46", "1") LIVE
	  "A K C5:r16,w6,w1%10,0 U5=7,0;1.1",
	  "" },
	{ "blk-negotiated-refused", "@up A K C5:r16,w1%4,0 !U5=1,2", "@up A K C5:r16,w1%4,0 U5=1,0",
	  "" },
	{ "blk-len-short", "@up A K C5 !U5=4096,0", "@up A K C5 U5=4097,0", "" },
#define USUAL "A K C5 U5=4097,0 I "
#define ODD "A K C5:r8,r8,w4096,w1 U5=4097,1 I "
	{ "blk-framing-refused",
	  "@up @config " USUAL USUAL USUAL ODD ODD "A K C5:r8,r8,w4096,w1 !U5=4097,1",
	  "@up @config " USUAL USUAL USUAL ODD ODD "A K C5 U5=4097,1 I " ODD, "" },

#define REPORT(zone) "A K C5:r16,w192,w1%16,0 U5=193,0;z1." zone " I A K "
	{ "blk-zone-status", ZONES "C5:r16,w1%20,4096 !U5=1,5", ZONES "C5:r16,w1%20,4096 U5=1,3",
	  "" },
	{ "blk-zone-limits", "@zone-up cg:zoned.max_active_zones=4 !cg:zoned.max_open_zones=8",
	  "@zone-up cg:zoned.max_active_zones=4 cg:zoned.max_open_zones=4", "" },
	{ "blk-zone-conventional-managed",
	  "@zone-up " REPORT("0.4096.0.1.0") "C5:r16,w1%18,0 !U5=1,0",
	  "@zone-up " REPORT("0.4096.0.1.0") "C5:r16,w1%18,0 U5=1,3", "" },
	{ "blk-zone-append-elsewhere",
	  "@zone-up " REPORT("4096.4096.0.1.0") "C5:r16,r4096,w9%15,4096 !U5=9,0",
	  "@zone-up " REPORT("4096.4096.4096.2.2") "C5:r16,r4096,w9%15,4096 U5=9,0", "" },
	{ "blk-zone-read-only-written",
	  "@zone-up " REPORT("4096.4096.4096.2.13") "C5:r16,r4096,w1%1,4096 !U5=1,0",
	  "@zone-up " REPORT("4096.4096.4096.2.13") "C5:r16,r4096,w1%1,4096 U5=1,3", "" },
	{ "blk-zone-offline-served",
	  "@zone-up " REPORT("4096.4096.4096.2.15") "C5:r16,w4096,w1%0,4096 !U5=4097,0",
	  "@zone-up " REPORT("4096.4096.4096.2.15") "C5:r16,w4096,w1%0,4096 U5=1,3", "" },
	{ "blk-zone-crossed", ZONES "C5:r16,r2560000,w9%15,4096 !U5=9,0",
	  ZONES "C5:r16,r2560000,w9%15,4096 U5=9,3",
	  "blk-append-size,blk-append-size-done,blk-zone-overrun" },
	{ "blk-zone-overrun-done",
	  "@zone-up " REPORT("4096.4000.8092.2.2") "C5:r16,r4096,w1%1,8092 !U5=1,0",
	  "@zone-up " REPORT("4096.4000.8092.2.2") "C5:r16,r4096,w1%1,8092 U5=1,3",
	  "blk-zone-overrun" },
	{ "blk-zone-unaligned-done",
	  "@zone-up " REPORT("4096.4096.4100.2.2") "C5:r16,r4096,w1%1,4096 !U5=1,0",
	  "@zone-up " REPORT(
		  "4096.4096.4100.2.2") "C5:r16,r4096,w1%1,4096 U5=1,4 I A K C6:r16,r4096,w1%1,4108 "
					"U6=1,0",
	  "" },
	{ "blk-zone-write-refused",
	  "@zone-up " REPORT("4096.4096.4100.2.2") "C5:r16,r4096,w1%1,4100 !U5=1,3",
	  "@zone-up " REPORT("4096.4096.4100.2.2") "C5:r16,r4096,w1%1,4100 U5=1,5", "" },
	{ "blk-zone-overrun", ZONES "!C5:r16,r2560000,w9%15,4096", ZONES "C5:r16,r32768,w9%15,4096",
	  "blk-append-size" },
	{ "blk-zone-misplaced", ZONES "C5:r16,w192,w1%16,0 !U5=193,0;z1.4100.4096.4100.2.2",
	  ZONES "C5:r16,w192,w1%16,0 U5=193,0;z1.8192.4096.8192.2.2", "" },

	{ "blk-legacy-layout", OLD_UP "A K !C5:r528,w1%1,8", OLD_UP "A K C5:r16,r512,w1%1,8",
	  LEGACY },
	{ "blk-legacy-config-implausible", OLD_UP "lag:20/4=0 !lag:24/4=0x08000000",
	  OLD_UP "lag:20/4=0x800 lag:24/4=0", LEGACY },
	{ "blk-legacy-byte-swapped", OLD_UP "A K !C5:r16,r512,w1%0x01000000,8",
	  OLD_UP "A K C5:r16,r512,w1%1,8", LEGACY },
	{ "blk-legacy-scsi-command", OLD_UP "A K !C5:r22,w96,w16,w1%2,0",
	  OLD_UP "A K C5:r16,r6,w96,w16,w1%2,0", LEGACY },
	{ "blk-legacy-scsi-sense", OLD_UP "A K !C5:r16,r6,w64,w16,w1%2,0",
	  OLD_UP "A K C5:r16,r6,w96,w16,w1%2,0", LEGACY },
	{ "blk-legacy-flush-out", OLD_UP "A K C5:r16,w1%5,0 !U5=1,2",
	  OLD_UP "A K C5:r16,w1%5,0 U5=1,0", LEGACY },
	{ "blk-legacy-barrier",
	  OLD_UP "A2 K C5:r16,r512,w1%1,8 C9:r16,r512,w1%0x80000001,16 !U9=1,0",
	  OLD_UP "A2 K C5:r16,r512,w1%1,8 C9:r16,r512,w1%0x80000001,16 U5=1,0 U9=1,0", LEGACY },
	{ "blk-legacy-writeback-status",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 "
	  "lg:device_features=0x39006ac7 lag:52/1=1 ls:device_status=3 !lag:52/1=0",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 "
	  "lg:device_features=0x39006ac7 lag:52/1=1 ls:device_status=3 lag:52/1=1",
	  LEGACY },
	{ "blk-legacy-writeback-features",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
	  "lg:device_features=0x39006ac7 lag:52/1=1 ls:driver_features=0x10006ac7 !lag:52/1=0",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
	  "lg:device_features=0x39006ac7 lag:52/1=1 ls:driver_features=0x10006ac7 lag:52/1=1",
	  LEGACY },
	{ NULL, NULL, NULL, NULL },
};
