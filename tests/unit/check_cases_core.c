/* SPDX-License-Identifier: MIT */
/* Status, reset, features: decoder/check/rules/status.c, decoder/check/rules/reset.c, decoder/check/rules/features.c, decoder/check/rules/suspend.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

#define OFFER "@reset @ack @offer "

const struct check_case check_cases_core[] = {
	/* --- status */
	{ "status-bit-cleared", "@reset @ack !S=2", "@reset @ack S=3", "" },
	{ "init-without-reset", "!S=1 S=3", "@reset S=1 S=3", "" },
	{ "acknowledge-missing", "@reset S=2 @offer !s:driver_feature=0x40",
	  "@reset @ack @offer @accept", "" },
	{ "driver-missing", "@reset S=1 @offer !s:driver_feature=0x40",
	  "@reset @ack @offer @accept", "" },
	{ "features-ok-before-driver", "@reset S=1 @offer @accept !S=9", "@neg", "driver-missing" },
	{ "driver-ok-without-features-ok", "@reset @ack @offer @accept @queue @enable !S=7", "@up",
	  "queue-set-up-early" },
	{ "status-steps-merged", "@reset !S=3", "@reset @ack", "" },
	{ "features-unread", "@reset @ack g:device_feature=0x30006a46 @accept !S=11",
	  OFFER "@accept S=11", "" },
	{ "features-unwritten", OFFER "!S=11", OFFER "@accept S=11", "version-1-refused" },
	{ "features-ok-unread",
	  OFFER "@accept S=11 s:queue_select=0 g:queue_size=256 !s:queue_size=256", "@up", "" },
	{ "init-after-refusal",
	  OFFER "@accept S=11 g=3 s:queue_select=0 g:queue_size=256 !s:queue_size=256",
	  OFFER "@accept S=11 g=3 S=131", "valid-features-refused" },
	{ "features-after-features-ok",
	  "@neg s:driver_feature_select=0 !s:driver_feature=0x30006a46",
	  "@neg s:driver_feature_select=0 s:driver_feature=0x10006a46", "" },
	{ "features-dropped-late", "@neg s:driver_feature_select=0 !s:driver_feature=0x40",
	  "@neg s:driver_feature_select=0 s:driver_feature=0x10006a46", "" },
	{ "config-written-early", "@reset @ack @offer @accept !cs:writeback=0",
	  "@up cs:writeback=0", "" },
	{ "queue-set-up-early", OFFER "@accept @queue !s:queue_enable=1", "@neg @queue @enable",
	  "" },
	{ "queue-enabled-late",
	  "@up s:queue_select=1 g:queue_size=256 s:queue_desc/4=0x30000 "
	  "s:queue_driver/4=0x32000 s:queue_device/4=0x33000 !s:queue_enable=1",
	  "@up", "" },
	{ "driver-ok-without-queue", "@neg @queue !S=15", "@up", "" },
	{ "kick-before-driver-ok", "@neg @queue @enable A !K S=15", "@up A K", "" },
	{ "legacy-features-ok",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
	  "!ls:device_status=11",
	  "@old", "features-unread,features-unwritten" },
	{ "features-ok-on-legacy-device",
	  "@reset @ack s:device_feature_select=0 g:device_feature=0x40 "
	  "s:device_feature_select=1 g:device_feature=0 s:driver_feature_select=0 s:driver_feature=0x40 !S=11",
	  "@neg", "version-1-not-offered,blk-flush-not-offered" },
	{ "init-abandoned", "@reset @ack T+11000 D=1,1 !S=0", "@reset @ack S=131 T+11000 D=1,1 S=0",
	  "" },
	{ "used-after-failed", "@reset @ack S=131 !s:driver_feature=0",
	  "@reset @ack S=131 S=0 g=0 S=1", "" },
	{ "kick-after-needs-reset", "@up g=79 N A !K", "@up g=15 A K",
	  "config-irq-without-change" },
	{ "served-before-driver-ok", "@neg @queue @enable A !C5", "@up A C5", "" },
	{ "device-sets-failed", "@up !g=143", "@up g=15", "" },
	{ "device-sets-status-bits", "@reset S=1 !g=3", "@reset S=1 g=1", "" },
	{ "device-clears-status-bits", "@up !g=13", "@up g=79 N", "" },
	{ "needs-reset-silent", "@up g=79 T+2000 !g=79", "@up g=79 N T+2000 g=79", "" },
	{ "error-without-needs-reset", "@up E !g=15", "@up E N g=79", "" },

	/* --- reset */
	{ "reset-not-awaited", "S=0 !S=1", "S=0 g=15 g=0 S=1", "" },
	{ "legacy-reset-not-read", "ls:device_status=0 !ls:device_status=1",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1", "" },
	{ "reset-never-ends", "@up S=0 g=15 T+600 g=15 T+600 !g=15", "@up S=0 g=15 T+100 g=0", "" },
	{ "busy-after-reset", "@up A K C5 S=0 g=0 !U5", "@up A K C5 S=0 U5 g=0",
	  "used-id-unknown" },
	{ "intx-kept-over-reset", "@up A K C5 U5 I X1 S=0 !g=0", "@up A K C5 U5 I X1 S=0 X0 g=0",
	  "" },
	{ "enabled-after-reset", "@up S=0 g=0 S=1 S=3 !g:queue_enable=1",
	  "@up S=0 g=0 S=1 S=3 g:queue_enable=0", "" },
	{ "position-kept-over-reset", "@up A K !C5@17", "@up A K C5", "" },
	{ "buffers-taken-back", "@up A K C5 !s:queue_desc/4=0x50000",
	  "@up A K C5 U5 I s:queue_msix_vector=0xffff", "queue-changed-enabled" },
	{ "qreset-busy", "@qreset-up A K C5 s:queue_reset=1 g:queue_reset=0 !U5",
	  "@qreset-up A K C5 s:queue_reset=1 U5 g:queue_reset=0", "used-id-unknown" },
	{ "qreset-position",
	  "@qreset-up @one s:queue_reset=1 g:queue_reset=0 @queue @enable A K !C5@1",
	  "@qreset-up @one s:queue_reset=1 g:queue_reset=0 @queue @enable A K C5", "" },
	{ "qreset-unread", "@qreset-up s:queue_reset=1 g:queue_reset=1 !s:queue_size=64",
	  "@qreset-up s:queue_reset=1 g:queue_reset=1 g:queue_reset=0 s:queue_size=64", "" },
	{ "qreset-unconfigured", "@qreset-up s:queue_reset=1 g:queue_reset=0 !s:queue_enable=1",
	  "@qreset-up s:queue_reset=1 g:queue_reset=0 @queue @enable", "" },
	{ "qreset-after-reset", "@qreset-up S=0 g=0 !g:queue_reset=1",
	  "@qreset-up S=0 g=0 g:queue_reset=0", "" },
	{ "qreset-after-enable", "@qreset-up !g:queue_reset=1", "@qreset-up g:queue_reset=0", "" },
	{ "qreset-still-enabled", "@qreset-up s:queue_reset=1 g:queue_reset=0 !g:queue_enable=1",
	  "@qreset-up s:queue_reset=1 g:queue_reset=0 g:queue_enable=0", "" },

	/* --- features */
	{ "feature-not-offered", OFFER "!s:driver_feature=0x10006a47", OFFER "@accept", "" },
#define NET(offer, accept) \
	"D=1,1 @reset @ack s:device_feature_select=0 g:device_feature=" offer \
	" s:device_feature_select=1 g:device_feature=1 s:driver_feature_select=0 s:driver_feature=" accept \
	" s:driver_feature_select=1 s:driver_feature=1 "
	{ "feature-without-prerequisite", NET("0x82", "0x80") "!S=11", NET("0x82", "0x82") "S=11",
	  "" },
	{ "feature-reserved-accepted",
	  "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
	  "s:device_feature_select=1 g:device_feature=0x1001 s:driver_feature_select=1 "
	  "s:driver_feature=0x1001 !S=11",
	  "@neg", "feature-undefined-offered" },
#define MMIO(accept) \
	"D=2,2 ms:Status=0 mg:Status=0 ms:Status=1 ms:Status=3 ms:DeviceFeaturesSel=0 " \
	"mg:DeviceFeatures=0x200 ms:DeviceFeaturesSel=1 mg:DeviceFeatures=0x21 ms:DriverFeaturesSel=0 " \
	"ms:DriverFeatures=0x200 ms:DriverFeaturesSel=1 ms:DriverFeatures=" accept " "
	{ "feature-other-transport-accepted", MMIO("0x21") "!ms:Status=11",
	  MMIO("1") "ms:Status=11", "feature-undefined-offered" },
	{ "feature-undefined-accepted",
	  "@reset @ack s:device_feature_select=0 g:device_feature=0x30106a46 "
	  "s:device_feature_select=1 g:device_feature=0x1 s:driver_feature=0x10106a46 "
	  "s:driver_feature_select=1 s:driver_feature=0x1 !S=11",
	  "@neg", "feature-undefined-offered" },
	{ "version-1-refused",
	  OFFER "s:driver_feature_select=0 s:driver_feature=0x10006a46 "
		"s:driver_feature_select=1 s:driver_feature=0 !S=11",
	  "@neg", "" },
#define OFFER_BIT(word) \
	"@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 " \
	"s:device_feature_select=1 g:device_feature=" word " s:driver_feature_select=0 " \
	"s:driver_feature=0x10006a46 s:driver_feature_select=1 s:driver_feature="
	{ "access-platform-refused", OFFER_BIT("3") "1 !S=11", OFFER_BIT("3") "3 S=11", "" },
	{ "packed-refused", OFFER_BIT("5") "1 !S=11", OFFER_BIT("5") "5 S=11", "" },
	{ "order-platform-refused", OFFER_BIT("0x11") "1 !S=11", OFFER_BIT("0x11") "0x11 S=11",
	  "" },
	{ "notif-config-data-refused", OFFER_BIT("0x81") "1 !S=11", OFFER_BIT("0x81") "0x81 S=11",
	  "" },
	{ "version-1-not-offered", "@reset @ack s:device_feature_select=1 !g:device_feature=0",
	  "@neg", "" },
	{ "offer-without-prerequisite",
	  "D=1,1 @reset @ack s:device_feature_select=0 g:device_feature=0x80 "
	  "s:device_feature_select=1 !g:device_feature=1",
	  NET("0x82", "0x82"), "" },
	{ "feature-undefined-offered",
	  "@reset @ack s:device_feature_select=0 !g:device_feature=0x30106a46",
	  "@reset @ack @offer", "" },
	{ "offer-changed",
	  "@reset @ack @offer s:device_feature_select=0 !g:device_feature=0x30006a44",
	  "@reset @ack @offer s:device_feature_select=0 g:device_feature=0x30006a46", "" },
	{ "accepted-not-shown", OFFER "s:driver_feature=0x46 !g:driver_feature=0x06",
	  OFFER "s:driver_feature=0x46 g:driver_feature=0x46", "" },
	{ "valid-features-refused", OFFER "@accept S=11 !g=3", "@neg", "" },
	{ "invalid-features-agreed",
	  OFFER "s:driver_feature=0x10006a47 s:driver_feature_select=1 "
		"s:driver_feature=1 S=11 !g=11",
	  OFFER "s:driver_feature=0x10006a47 s:driver_feature_select=1 "
		"s:driver_feature=1 S=11 g=3",
	  "feature-not-offered" },
	{ "features-agreed-before", "@up S=0 g=0 @ack @offer @accept S=11 !g=3", "@up @neg",
	  "valid-features-refused" },
	{ "any-layout-not-offered",
	  "@caps pg:0/4=0x10011af4 ls:device_status=0 lg:device_status=0 ls:device_status=1 "
	  "ls:device_status=3 !lg:device_features=0x30006a46",
	  "@caps pg:0/4=0x10011af4 @old", "" },
	/* A device with the legacy interface only. */
	{ "any-layout-not-offered",
	  "@caps pg:0/4=0x10011af4 ls:device_status=0 lg:device_status=0 ls:device_status=1 "
	  "ls:device_status=3 !lg:device_features=0x30006a46",
	  "pg:0/4=0x10011af4 pg:0x34/1=0x98 "
	  "pg:0x98/4=0x00020011 ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
	  "lg:device_features=0x30006a46",
	  "" },
	{ "any-layout-refused",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 "
	  "ls:device_status=3 lg:device_features=0x38006a46 ls:driver_features=0x10006a46 ls:queue_select=0 "
	  "lg:queue_size=256 ls:queue_address=0x10 !ls:device_status=7",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 "
	  "ls:device_status=3 lg:device_features=0x38006a46 ls:driver_features=0x18006a46",
	  "" },
	{ "bit-30-accepted",
	  "@reset @ack s:device_feature_select=0 g:device_feature=0x70006a46 "
	  "s:device_feature_select=1 g:device_feature=1 s:driver_feature=0x40006a46 "
	  "s:driver_feature_select=1 s:driver_feature=1 !S=11",
	  "@neg", "" },
#define EXT "pg:0x34/1=0x40 pg:0x100/4=0x00010001 "
#define SRIOV "pg:0x34/1=0x40 pg:0x100/4=0x00010010 "
	{ "sr-iov-without-capability", EXT OFFER_BIT("0x21") "0x21 !S=11",
	  SRIOV OFFER_BIT("0x21") "0x21 S=11", "sr-iov-offer" },
	{ "sr-iov-offer", EXT OFFER_BIT("0x21") "1 !S=11", EXT "@neg", "" },
	{ "sr-iov-enabled-early", "@reset " SRIOV "!ps:0x108/2=1",
	  SRIOV OFFER_BIT("0x21") "0x21 @fok "
				  "ps:0x108/2=1",
	  "" },

	/* --- suspend */
	{ "suspend-out-of-place", "@up !S=31", "@suspend-up S=31 g=27", "" },
	{ "suspend-unverified", "@suspend-up S=31 !s:queue_select=0",
	  "@suspend-up S=31 g=27 s:queue_select=0", "" },
	{ "suspend-made-available", "@suspend-up @one S=31 G g=27 A !G",
	  "@suspend-up @one S=31 G g=27 G", "" },
	{ "suspend-kicked", "@suspend-up S=31 g=27 !K", "@suspend-up S=31 g=27 S=15 g=15 A K", "" },
	{ "suspend-config-written", "@suspend-up S=31 g=27 !cs:writeback=0",
	  "@suspend-up cs:writeback=0", "" },
	{ "resume-not-awaited", "@suspend-up S=31 g=27 S=15 A !K",
	  "@suspend-up S=31 g=27 S=15 g=15 A K", "" },
	{ "suspend-early-obeyed", "@reset S=1 S=3 S=19 !g=19", "@reset S=1 S=3 S=19 g=3",
	  "suspend-out-of-place" },
	{ "suspended-active", "@suspend-up A K S=31 g=27 !C5", "@suspend-up A K S=31 C5 U5 I g=27",
	  "" },
	{ "suspended-config-notified", "@suspend-up S=31 g=27 !N",
	  "@suspend-up S=31 g=27 S=15 g=15 N", "config-irq-without-change" },
	{ "suspended-config-changed", "@suspend-up S=31 g=27 cg:seg_max=1 !cg:seg_max=2",
	  "@suspend-up cg:seg_max=1 S=31 g=27 cg:seg_max=1 cg:seg_max=1", "" },
	{ "suspended-write-taken",
	  "@suspend-up S=31 g=27 cg:writeback=1 cs:writeback=0 !cg:writeback=0",
	  "@suspend-up S=31 g=27 cg:writeback=1 cs:writeback=0 cg:writeback=1",
	  "suspend-config-written" },
	{ "suspended-change-untold",
	  "@suspend-up S=31 g=27 cg:seg_max=1 cg:seg_max=2 S=15 g=15 T+2000 !g=15",
	  "@suspend-up S=31 g=27 cg:seg_max=1 cg:seg_max=2 S=15 g=15 N T+2000 g=15",
	  "suspended-config-changed,blk-capacity-unread" },
	{ "suspend-undecided", "@suspend-up S=31 g=31 T+2000 !g=31",
	  "@suspend-up S=31 g=31 T+2000 g=95 N", "needs-reset-silent" },
	{ "resume-undecided", "@suspend-up S=31 g=27 S=15 T+2000 !g=27",
	  "@suspend-up S=31 g=27 S=15 T+2000 g=15", "" },
	{ "suspend-not-drained", "@suspend-up A K C5 S=31 !g=27",
	  "@suspend-up A K C5 S=31 U5 I g=27", "" },
	{ "suspend-not-told", "@suspend-up @one A K C6 U6 T+10 S=31 !g=27",
	  "@suspend-up @one A K C6 U6 I T+10 S=31 g=27", "" },
	{ NULL, NULL, NULL, NULL },
};
