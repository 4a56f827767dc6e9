/* SPDX-License-Identifier: MIT */
/* Rings: decoder/check/rules/chain.c, decoder/check/rules/used.c, decoder/check/rules/ring.c, decoder/check/rules/packed.c, decoder/check/rules/stall.c, decoder/check/rules/notify.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

#define DATA \
	"@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 s:device_feature_select=1 "
#define WITH(bits) \
	DATA "g:device_feature=" bits " s:driver_feature_select=0 s:driver_feature=0x10006a46 " \
	     "s:driver_feature_select=1 s:driver_feature=" bits " @fok "
#define SPOKEN(bits) WITH(bits) "@queue @enable @dok A "
#define NOTIFY(bits) WITH(bits) "@queue g:queue_notif_config_data=7 @enable @dok A "
/* Without INDIRECT_DESC. */
#define PLAIN \
	DATA "g:device_feature=0x1 s:driver_feature_select=0 s:driver_feature=0x6a46 " \
	     "s:driver_feature_select=1 s:driver_feature=1 @fok @queue @enable @dok "
#define PLAIN_PACKED \
	DATA "g:device_feature=0x5 s:driver_feature_select=0 s:driver_feature=0x6a46 " \
	     "s:driver_feature_select=1 s:driver_feature=5 @fok s:queue_select=0 g:queue_size=256 s:queue_size=8 " \
	     "s:queue_desc/4=0x10000 s:queue_driver/4=0x12000 s:queue_device/4=0x13000 @enable @dok packed "
/* 8 chains of 3 fill a packed ring of 8 thrice: up to the slot before the end. */
#define THREE(id) "K C" id " U" id " I "
#define EIGHT(x) x x x x x x x x

const struct check_case check_cases_ring[] = {
	{ "head-out-of-range", "@up A K !C300", "@up A K C255", "" },
	{ "next-out-of-range", "@up A K !C5^8:r16,w512,w1>300", "@up A K C5", "" },
	{ "head-in-flight", "@up A2 K C5 !C5", "@up A2 K C5 U5 I C5", "" },
	{ "buffer-empty", "@up A K !C5:r16,w0,w1", "@up A K C5:r16,w512,w1", "" },
	{ "indirect-table-length", "@up A K !C5^0x200:ir40", "@up A K C5:ir48|r16,w512,w1",
	  "blk-shape" },
	{ "readable-after-writable", "@up A K !C5:r16,w1,r512%1,8", "@up A K C5:r16,r512,w1%1,8",
	  "" },
	{ "chain-loops", "@up A K !C5^4:r16,w512,w1", "@up A K C5", "" },
	{ "chain-too-long", "@up A K !C5:ir4816|r16,w512*299,w1",
	  "@up A K C5:ir4048|r16,w512*250,w1", "" },
	{ "list-too-long", "@packed-up K !C5:ir160|r16,w512*8,w1",
	  "@packed-up K C5:ir128|r16,w512*6,w1", "" },
	{ "indirect-unnegotiated", PLAIN "A K !C5:ir48|r16,w512,w1", "@up A K C5:ir48|r16,w512,w1",
	  "" },
	{ "indirect-unnegotiated-packed", PLAIN_PACKED "K !C5:ir48|r16,w512,w1",
	  "@packed-up K C5:ir48|r16,w512,w1", "packed-refused" },
	{ "indirect-nested", "@up A K !C5:ir64|r16,w512,w512f7,w1",
	  "@up A K C5:ir64|r16,w512,w512,w1", "" },
	{ "indirect-table-flags", "@packed-up K !C5:ir48|r16f1,w512,w1",
	  "@packed-up K C5:ir48|r16,w512,w1", "" },
	{ "indirect-and-next", "@up A K !C5:ir48f5|r16,w512,w1", "@up A K C5:ir48|r16,w512,w1",
	  "" },
	{ "indirect-in-list", "@packed-up K !C5:r16,ir32|w512,w1",
	  "@packed-up K C5:ir48|r16,w512,w1", "" },
	{ "in-order-next", "@order-up A K !C5:r16>9,w512,w1", "@order-up A K C5", "" },
	{ "in-order-table", "@order-up A K !C5:ir48|r16>2,w512,w1",
	  "@order-up A K C5:ir48|r16,w512,w1", "" },
	{ "legal-chain-refused", "@up A K C5:r8,r8,w4096,w1 !E", "@up A K C5:r16,w0,w1 E",
	  "buffer-empty" },
	{ "write-on-table-refused", "@up A K C5:iw48|r16,w512,w1 !E",
	  "@up A K C5:iw48|r16,w512,w1 U5=513 E", "" },
	{ "table-after-direct-refused", "@up A K C5:r16,ir32|w512,w1 !E",
	  "@up A K C5:r16,ir32|w512,w1 U5=513 E", "" },
	{ "spurious-kick-refused", "@up @one K !E", "@up @one A K E", "" },

	{ "used-id-unknown", "@up A K C5 !U6", "@up A K C5 U5", "" },
	{ "used-id-unknown-packed", "@packed-up K C5 !U6", "@packed-up K C5 U5", "" },
	{ "used-len-too-big", "@up A K C5 !U5=8192", "@up A K C5 U5=4097", "" },
	{ "used-len-zero", "@up A K C5 !U5=0", "@up A K C5 U5", "" },
	{ "used-out-of-order", "@order-up A2 K C5 C8 U8 I !U5", "@order-up A2 K C5 C8 U5 I U8",
	  "" },
	{ "used-index-wrong", "@up @one r.ui=2 A !K", "@up @one A K C5 U5", "" },
	{ "used-position-wrong", "@up A3 K C5 U5 I C8 !U8@2", "@up A3 K C5 U5 I C8 U8", "" },
	{ "request-stuck", "@up A K C5 T+20000 g:num_queues=1 T+11000 !g:num_queues=1",
	  "@up A K C5 T+20000 g:num_queues=1 U5 I T+11000 g:num_queues=1 T+500 g:num_queues=1",
	  "" },

	{ "avail-index-jump", "@up A300 !K", "@up A256 K", "" },
	{ "avail-index-back", "@up A3 K A-1 !K", "@up A3 K A1 K", "" },
	{ "avail-flags", "@up r.af=2 A !K", "@up r.af=1 A K", "" },
	{ "avail-flags-event-idx", "@up-event r.af=1 A !K", "@up-event r.ue=7 A K", "" },
	{ "used-flags", "@up @one r.uf=2 A !K", "@up @one r.uf=1 A K", "" },
	{ "used-flags-event-idx", "@up-event @one r.uf=1 A !K", "@up-event @one r.ae=1 A K", "" },
	{ "used-flags-uninitialised", "@up r.uf=0xa5a4 A !K", "@up r.uf=1 A K", "" },
#define N16(x) x x x x x x x x x x x x x x x x
#define N256(x) N16(N16(x))
	{ "used-event-idle", "@up-event r.ue=0 " N256("A K C5 U5 ") "I A K C5 !U5",
	  "@up-event r.ue=0 A K C5 U5 I r.ue=100 G " N256("A K C5 U5 ") "r.ue=0 A K C5 U5", "" },

	{ "packed-popped-unavailable", "@packed-up K !C5:r16f0x8001,w512,w1",
	  "@packed-up K C5:r16,w512,w1", "" },
	{ "packed-list-early", "@packed-up K !C5:r16,w512f0x8083,w1", "@packed-up K C5:r16,w512,w1",
	  "" },
	{ "packed-popped-order", "@packed-up K C5:r16,w512,w1 U5=513 I !C5@0x8005:r16,w512,w1",
	  "@packed-up K C5:r16,w512,w1 U5=513 I C5:r16,w512,w1", "" },
	{ "packed-popped-wrap", "@packed-up " THREE("5") THREE("5") THREE("5") "K !C5@0x8001",
	  "@packed-up " EIGHT(THREE("5")) "K C5", "" },
	{ "packed-used-order", "@packed-up K C5 U5 I C5 !U5@0x8001", "@packed-up K C5 U5 I C5 U5",
	  "" },
	{ "packed-used-wrap", "@packed-up " THREE("5") THREE("5") "K C5 !U5@6",
	  "@packed-up " EIGHT(THREE("5")), "" },
	{ "packed-overfull", "@packed-up K C5 C6 !C7", "@packed-up K C5 C6 U5 I C7", "" },
	{ "packed-driver-flags", "@packed-up r.af=3 !K", "@packed-up r.af=1 K", "" },
	{ "packed-device-flags", "@packed-up K C5 U5 I r.uf=2 !K", "@packed-up K C5 U5 I r.uf=1 K",
	  "" },
	{ "packed-driver-offset", "@packed-up-event r.af=2 r.ue=0x8008 !K",
	  "@packed-up-event r.af=2 r.ue=0x8007 K", "" },
	{ "packed-device-offset", "@packed-up-event K C5 U5 I r.uf=2 r.ae=0x8008 !K",
	  "@packed-up-event K C5 U5 I r.uf=2 r.ae=0x8007 K", "" },

	{ "descriptor-changed-in-flight", "@up A K C5 !E:34=5,1,0", "@up A K C5 U5 I E:34=5,1,0",
	  "" },
	{ "readable-buffer-changed", "@up A K C5 !E:34=5,0,1", "@up A K C5 E:34=6,0,1", "" },
	{ "address-not-physical", "@up A K !C5:r16&0xffff888001234000,w512,w1",
	  "@up A K "
	  "C5:r16&0xffffff01234000,w512,w1",
	  "" },
	{ "ring-address-not-physical",
	  "@neg s:queue_select=0 g:queue_size=256 s:queue_desc/4=0x10000 "
	  "s:queue_desc/4+4=0xffff8880 s:queue_driver/4=0x12000 s:queue_driver/4+4=0 s:queue_device/4=0x13000 "
	  "s:queue_device/4+4=0 !@enable",
	  "@up", "" },
	{ "areas-not-as-set", "@up !E:22=0x20000,0x12000,0x13000",
	  "@up E:22=0x10000,0x12000,0x13000", "" },
	{ "qreset-areas-ignored",
	  "@qreset-up s:queue_reset=1 g:queue_reset=0 @queue @enable "
	  "!E:22=0x20000,0x12000,0x13000",
	  "@qreset-up s:queue_reset=1 g:queue_reset=0 @queue @enable "
	  "E:22=0x10000,0x12000,0x13000",
	  "" },
	{ "qreset-size-ignored",
	  WITH("0x105") "s:queue_select=0 g:queue_size=256 s:queue_size=8 "
			"s:queue_desc/4=0x10000 s:queue_driver/4=0x12000 s:queue_device/4=0x13000 @enable @dok packed "
			"s:queue_reset=1 g:queue_reset=0 s:queue_size=4 s:queue_desc/4=0x10000 s:queue_driver/4=0x12000 "
			"s:queue_device/4=0x13000 @enable K C5 U5 I K !C5@0x8005",
	  WITH("0x105") "s:queue_select=0 "
			"g:queue_size=256 s:queue_size=8 s:queue_desc/4=0x10000 s:queue_driver/4=0x12000 "
			"s:queue_device/4=0x13000 @enable @dok packed s:queue_reset=1 g:queue_reset=0 s:queue_size=16 "
			"s:queue_desc/4=0x10000 s:queue_driver/4=0x12000 s:queue_device/4=0x13000 @enable K C5 U5 I K C5",
	  "packed-popped-order,packed-list-early,packed-popped-unavailable" },
	{ "chain-fragmented", "@up A K !C5:ir3104|r16,w16&0x200000*192,w1",
	  "@up A K C5:ir3104|r16,w512*192,w1", "blk-segments" },
	{ "ring-byte-swapped", "@up r.ai=0x100 !K:16", "@up A K:1", "" },
	{ "kick-finds-nothing", "@up K T+600 K T+600 !K", "@up K T+600 A K C5 U5 I T+600 K T+600 K",
	  "" },
	{ "legacy-driver-packed-ring", "@old packed !G", "@old G", "" },
	{ "vector-silent",
	  "@neg @queue s:queue_msix_vector=1 g:queue_msix_vector=1 @msix @enable @dok A K C5 U5 "
	  "T+1500 A !K",
	  "@neg @queue s:queue_msix_vector=1 g:queue_msix_vector=1 @msix @enable @dok @one T+1500 "
	  "A K C5 U5 T+1500 A K",
	  "interrupt-missing,pci-modern-without-caps,pci-list-unread" },
	{ "interrupt-missing", "@up @one T+1500 A K C5 U5 T+1500 A !K",
	  "@up @one T+1500 A K C5 U5 I T+1500 A K", "" },
	{ "interrupt-missing-event-idx", "@up-event @one r.ue=1 A K C5 U5 T+1500 A !K",
	  "@up-event @one r.ue=1 A K C5 U5 T+1500 r.ue=2 A K", "" },
	{ "interrupt-missing-packed", "@packed-up K C5 U5 I T+1500 C5 U5 T+1500 !K",
	  "@packed-up K C5 U5 I T+1500 C5 U5 I T+1500 K", "" },
	{ "interrupt-missing-empty",
	  DATA
	  "g:device_feature=1 s:driver_feature_select=0 s:driver_feature=0x11006a46 "
	  "s:driver_feature_select=1 s:driver_feature=1 @fok @queue @enable @dok r.af=1 A K C5 U5 T+1500 A !K",
	  DATA
	  "g:device_feature=1 s:driver_feature_select=0 s:driver_feature=0x11006a46 "
	  "s:driver_feature_select=1 s:driver_feature=1 @fok @queue @enable @dok r.af=1 A K C5 U5 I T+1500 A K",
	  "feature-not-offered,invalid-features-agreed" },
	{ "interrupt-unasked", "@up-event r.ue=0 @one r.ue=40 A K C5 U5 I A !K",
	  "@up-event r.ue=0 @one r.ue=1 A K C5 U5 I r.ue=2 A K", "" },
	{ "interrupt-suppressed", "@up @one r.af=1 " N16("G ") "A K C5 U5 I A !K",
	  "@up @one r.af=1 A K C5 U5 I A K", "" },
	{ "kick-missing", "@up @one A G T+800 g:num_queues=1 T+800 !G",
	  "@up @one A G T+100 K C5 U5 I T+800 g:num_queues=1 T+800 G", "" },
	{ "kick-missing-event-idx",
	  "@up-event r.ue=0 @one r.ae=1 A G T+800 g:num_queues=1 T+800 !G",
	  "@up-event r.ue=0 @one r.ae=1 A G T+100 K C5 T+800 g:num_queues=1 T+800 G", "" },
	{ "kick-ignored", "@up @one A K T+800 g:num_queues=1 T+800 !G",
	  "@up @one A K C5 U5 I T+800 g:num_queues=1 T+800 G", "" },
	{ "device-asleep", "@up-event r.ue=0 @one r.ae=0 A G T+800 g:num_queues=1 T+800 !G",
	  "@up-event r.ue=0 @one r.ae=1 A K C5 T+800 g:num_queues=1 T+800 G", "" },
	/* By samples of a QEMU: each near miss is one of the excuses a driver can have. */
	{ "kick-missing",
	  "qemu @up Gn A T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn", /* a kick pends */
	  "qemu @up Gn A T+900 Gn T+300 g:num_queues=1 T+700 Gy T+700 Gn T+700 g:num_queues=1 T+700 Gy T+700 Gy",
	  "" },
	{ "kick-missing",
	  "qemu @up @one Gn A T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn", /* nobody knows */
	  "qemu @up @one Gn A T+900 Gu T+300 g:num_queues=1 T+700 Gu T+700 Gu T+700 g:num_queues=1 T+700 Gu",
	  "" },
	{ "kick-missing",
	  "qemu @up GS A T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn", /* not asked before */
	  "qemu @up A T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 Gn T+700 g:num_queues=1 T+700 Gn",
	  "" },
	{ "kick-missing",
	  "qemu @up Gn A T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn", /* the machine paused */
	  "qemu @up Gn A T+900 Gn T+5000 Gn T+5000 Gn T+10 g:num_queues=1 T+10 Gn T+10 Gn", "" },
	{ "kick-missing",
	  "qemu @up Gn A T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn", /* served elsewhere */
	  "qemu @up Gn A E:32=0,0,0 T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 Gn", "" },
	{ "kick-missing",
	  "@up @one A G T+800 g:num_queues=1 T+800 !G", /* in an eventfd, for all that is known */
	  "qemu @up @one A G T+800 g:num_queues=1 T+800 G T+800 GS", "" },
	{ "kick-missing-event-idx",
	  "qemu @up-event Gn K A T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn", /* kicked */
	  "qemu @up-event Gn A K T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 Gn", "" },
	{ "kick-missing-event-idx",
	  "qemu @up-event @one r.ae=1 Gn A T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn",
	  /* the device asks for the one after */
	  "qemu @up-event @one r.ae=1 Gn A r.ae=2 T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 Gn",
	  "" },
	{ "device-asleep",
	  "qemu @up-event r.ae=0 @one A Gn T+900 g:num_queues=1 T+900 Gn T+9000 !Gn",
	  "qemu @up-event r.ae=0 @one A Gn T+900 g:num_queues=1 T+900 Gn T+5000 Gn",
	  "" }, /* not long enough */
	{ "kick-ignored",
	  "qemu @up @one A K Gn T+900 g:num_queues=1 T+900 Gn T+9000 !Gn", /* it has only now come */
	  "qemu @up @one A K Gy T+900 g:num_queues=1 T+900 Gy T+7000 Gn T+900 Gn", "" },
	{ "interrupt-missing", "@up @one T+1500 A K C5 U5 T+1500 A !K",
	  "@up @one T+1500 A K C5 U5 T+1500 th=2 A K",
	  "" }, /* the thread that owes it is held up */
	{ "interrupt-missing", "qemu @up @one T+1500 A K C5 U5 T+900 g:num_queues=1 T+600 !Gn",
	  "qemu @up @one T+1500 A K C5 U5 T+1500 Gn T+1500 Gn",
	  "" }, /* its thread has not gone on */
	{ "kick-missing-packed",
	  "qemu @packed-up r.fi=0 Gn r.fi=1 T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn",
	  "qemu @packed-up r.fi=0 Gn r.fi=1 T+900 Gy T+300 g:num_queues=1 T+700 Gy T+700 Gy",
	  "" }, /* a kick pends */
	{ "kick-missing-packed",
	  "qemu @packed-up r.uf=2 r.ae=0x8000 r.fi=0 Gn K r.fi=1 T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn",
	  "qemu @packed-up r.uf=2 r.ae=0x8000 r.fi=0 Gn r.fi=1 K T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 Gn",
	  "" },
	{ "kick-missing-packed",
	  "qemu @packed-up K C0 U0 I r.fi=0 Gn r.fi=1 T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn",
	  "qemu @packed-up K C0 U0 I r.fi=1 Gn T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 Gn",
	  "" }, /* not seen asking */
	{ "kick-missing-packed",
	  "qemu @packed-up r.uf=2 r.ae=0x8000 r.fi=0 Gn r.fi=1 T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 !Gn",
	  "qemu @packed-up r.uf=2 r.ae=0x8003 r.fi=0 Gn r.fi=1 T+900 Gn T+300 g:num_queues=1 T+700 Gn T+700 Gn",
	  "" }, /* later */
	{ "device-asleep",
	  "qemu @packed-up K C0 U0 I r.uf=1 r.fi=1 Gn T+900 g:num_queues=1 T+900 Gn T+9000 !Gn",
	  "qemu @packed-up K C0 U0 I r.fi=1 Gn T+900 g:num_queues=1 T+900 Gn T+9000 Gn", "" },
	{ "kick-unserved", "@packed-up r.fi=1 Gy T+900 g:num_queues=1 T+900 Gy T+9000 !Gy",
	  "@packed-up r.fi=0 Gy T+900 g:num_queues=1 T+900 Gy T+9000 Gy", "" },
	{ "kick-unserved", "@up @one A Gy T+900 g:num_queues=1 T+900 Gy T+9000 !Gy",
	  "@up @one A Gy T+900 g:num_queues=1 T+900 Gy T+9000 Gn", "" },
	{ "kick-unasked", "@up-event r.ue=0 r.ae=0 A K2 C5 U5 I r.ae=40 G T+5 A !K2",
	  "@up-event r.ue=0 r.ae=0 A K2 C5 U5 I r.ae=1 G T+5 A K2", "" },
	{ "kick-suppressed", "@up A K2 C5 U5 I r.uf=1 G T+5 A !K2",
	  "@up A K2 C5 U5 I r.uf=0 G T+5 A K2", "" },
	{ "kick-suppressed-packed", "@packed-up K2 C5 U5 I r.uf=1 G T+5 !K2",
	  "@packed-up K2 C5 U5 I r.uf=0 G T+5 K2", "" },

	{ "kick-width", "@up A !K4", "@up A K2", "" },
	{ "kick-width-data", SPOKEN("0x41") "!K2", SPOKEN("0x41") "K4=0x10000", "kick-next" },
	{ "kick-value", "@up A !K2=1", "@up A K2=0", "" },
	{ "kick-value-data", SPOKEN("0x41") "!K4=0x10001", SPOKEN("0x41") "K4=0x10000", "" },
	{ "kick-value-config", NOTIFY("0x81") "!K2=0", NOTIFY("0x81") "K2=7", "" },
	{ "kick-value-config-data", NOTIFY("0xc1") "!K4=0x10000", NOTIFY("0xc1") "K4=0x10007", "" },
	{ "kick-next", SPOKEN("0x41") "!K4=0x90000", SPOKEN("0x41") "K4=0x10000", "" },
	{ "kick-nowhere", "@up !n:2=1", "@up A n:0=0 K2", "" },
	{ "kick-not-enabled", "@up q1 !K", "@up A K", "" },
	{ NULL, NULL, NULL, NULL },
};
