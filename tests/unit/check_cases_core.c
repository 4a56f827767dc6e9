/* SPDX-License-Identifier: MIT */
/* Status, reset, features: decoder/check/rules/status.c, decoder/check/rules/reset.c, decoder/check/rules/features.c, decoder/check/rules/suspend.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

#define OFFER "reset; acknowledge; offer; "

const struct check_case check_cases_core[] = {
	/* --- status */
	{ "status-bit-cleared", "reset; acknowledge; ! write status 2",
	  "reset; acknowledge; write status 3", "" },
	{ "status-bit-cleared", "up; read status 79; ! write status 13",
	  "up; read status 255; write status 143", "" },
	{ "init-without-reset", "! write status 1; write status 3",
	  "reset; write status 1; write status 3", "" },
	{ "acknowledge-missing", "reset; write status 2; offer; ! write driver_feature 0x40",
	  "reset; acknowledge; offer; accept", "" },
	{ "driver-missing", "reset; write status 1; offer; ! write driver_feature 0x40",
	  "reset; acknowledge; offer; accept", "" },
	{ "features-ok-before-driver", "reset; write status 1; offer; accept; ! write status 9",
	  "negotiate", "driver-missing" },
	{ "driver-ok-without-features-ok",
	  "reset; acknowledge; offer; accept; setup; enable; ! write status 7", "up",
	  "queue-set-up-early" },
	{ "status-steps-merged", "reset; ! write status 3", "reset; acknowledge", "" },
	{ "features-unread",
	  "reset; acknowledge; read device_feature 0x30006a46; accept; ! write status 11",
	  OFFER "accept; write status 11", "" },
	{ "features-unwritten", OFFER "! write status 11", OFFER "accept; write status 11",
	  "version-1-refused" },
	{ "features-ok-unread",
	  OFFER "accept; write status 11; write queue_select 0; read queue_size 256; "
		"! write queue_size 256",
	  "up", "" },
	{ "init-after-refusal",
	  OFFER
	  "accept; write status 11; read status 3; write queue_select 0; read queue_size 256; "
	  "! write queue_size 256",
	  OFFER "accept; write status 11; read status 3; write status 131",
	  "valid-features-refused" },
	/* It reads the refusal late, and goes on. */
	{ "init-after-refusal",
	  "reset; acknowledge; offer; accept; write status 11; write queue_select 0; "
	  "write queue_size 256; read status 3; ! write queue_size 128",
	  "reset; acknowledge; offer; accept; write status 11; write queue_select 0; "
	  "write queue_size 256; read status 11; write queue_size 128",
	  "features-ok-unread,valid-features-refused" },
	{ "features-after-features-ok",
	  "negotiate; write driver_feature_select 0; ! write driver_feature 0x30006a46",
	  "negotiate; write driver_feature_select 0; write driver_feature 0x10006a46", "" },
	{ "features-dropped-late",
	  "negotiate; write driver_feature_select 0; ! write driver_feature 0x40",
	  "negotiate; write driver_feature_select 0; write driver_feature 0x10006a46", "" },
	{ "config-written-early", "reset; acknowledge; offer; accept; ! write config.writeback 0",
	  "up; write config.writeback 0", "" },
	{ "queue-set-up-early", OFFER "accept; setup; ! write queue_enable 1",
	  "negotiate; setup; enable", "" },
	{ "queue-enabled-late",
	  "up; write queue_select 1; read queue_size 256; write queue_desc/4 0x30000; "
	  "write queue_driver/4 0x32000; write queue_device/4 0x33000; ! write queue_enable 1",
	  "up", "" },
	{ "driver-ok-without-queue", "negotiate; setup; ! write status 15", "up", "" },
	{ "kick-before-driver-ok", "negotiate; setup; enable; avail; ! kick; write status 15",
	  "up; avail; kick", "" },
	{ "legacy-features-ok", "reset-legacy; acknowledge-legacy; ! write legacy.device_status 11",
	  "up-legacy", "features-unread,features-unwritten" },
	{ "features-ok-on-legacy-device",
	  "reset; acknowledge; offer 0x40 0; write driver_feature_select 0; "
	  "write driver_feature 0x40; ! write status 11",
	  "negotiate", "version-1-not-offered,blk-flush-not-offered" },
	{ "init-abandoned", "reset; acknowledge; wait 11000ms; device net pci; ! write status 0",
	  "reset; acknowledge; write status 131; wait 11000ms; device net pci; write status 0",
	  "" },
	{ "used-after-failed", "reset; acknowledge; write status 131; ! write driver_feature 0",
	  "reset; acknowledge; write status 131; write status 0; read status 0; write status 1",
	  "" },
	{ "used-after-failed", "up; write status 143; ! write queue_msix_vector 1",
	  "up; write status 143; write queue_select 0; write queue_msix_vector 0xffff", "" },
	{ "kick-after-needs-reset", "up; read status 79; interrupt config; avail; ! kick",
	  "up; read status 15; avail; kick", "config-irq-without-change" },
	{ "served-before-driver-ok", "negotiate; setup; enable; avail; ! pop 5", "up; avail; pop 5",
	  "" },
	{ "device-sets-failed", "up; ! read status 143", "up; read status 15", "" },
	/* All ones is what the bus answers when no device does. */
	{ "device-sets-failed", "up; ! read status 223",
	  "up; read status 255; wait 2000ms; read status 255", "" },
	{ "device-sets-status-bits", "reset; write status 1; ! read status 11",
	  "reset; write status 1; read status 255", "" },
	{ "device-sets-status-bits", "reset; write status 1; ! read status 3",
	  "reset; write status 1; read status 1", "" },
	{ "device-clears-status-bits", "up; ! read status 13",
	  "up; read status 79; interrupt config", "" },
	{ "device-clears-status-bits", "up; ! read status 7",
	  "reset; acknowledge; offer; accept; write status 11; read status 3; setup; enable; "
	  "write status 15; read status 7",
	  "valid-features-refused,init-after-refusal,queue-set-up-early,status-steps-merged" },
	{ "device-clears-status-bits", "up; read status 15; ! read status 7",
	  "reset; acknowledge; offer; accept; write status 11; setup; enable; write status 15; "
	  "read status 7",
	  "features-ok-unread,valid-features-refused" },
	{ "device-clears-status-bits", "up-legacy; ! read legacy.device_status 3",
	  "up-legacy; read legacy.device_status 7", "any-layout-refused,legacy-config-read-once" },
	{ "needs-reset-silent", "up; read status 79; wait 2000ms; ! read status 79",
	  "up; read status 79; interrupt config; wait 2000ms; read status 79", "" },
	/* Nobody can be notified: configuration changes have no vector. */
	{ "needs-reset-silent",
	  "enable-msix; up; write config_msix_vector 0; read config_msix_vector 0; "
	  "read status 79; wait 2000ms; ! read status 79",
	  "enable-msix; up; write config_msix_vector 0; read config_msix_vector 0; "
	  "write config_msix_vector 0xffff; interrupt; "
	  "read status 79; wait 2000ms; read status 79",
	  "pci-modern-without-caps" },
	/* A message on their vector may be one. */
	{ "needs-reset-silent",
	  "enable-msix; up; write config_msix_vector 0; read config_msix_vector 0; "
	  "interrupt vector 0; read status 15; read status 79; wait 2000ms; ! read status 79",
	  "enable-msix; up; write config_msix_vector 0; read config_msix_vector 0; read status 15; "
	  "interrupt vector 0; read status 79; wait 2000ms; read status 79",
	  "pci-modern-without-caps" },
	{ "error-without-needs-reset", "up; error; ! read status 15",
	  "up; error; interrupt config; read status 79", "" },

	/* --- reset */
	{ "reset-not-awaited", "write status 0; ! write status 1",
	  "write status 0; read status 15; read status 0; write status 1", "" },
	/* Unmapping vectors is no initialisation. */
	{ "reset-not-awaited", "up; write status 0; ! write queue_size 128",
	  "up; write status 0; write queue_select 0; write queue_msix_vector 0xffff; "
	  "write config_msix_vector 0xffff; read status 0",
	  "" },
	{ "intx-kept-over-reset", "up; intx 1; write status 0; ! read status 0",
	  "up; request; intx 1; lose; write status 0; read status 0", "" },
	{ "legacy-reset-not-read", "write legacy.device_status 0; ! write legacy.device_status 1",
	  "reset-legacy; write legacy.device_status 1", "" },
	{ "reset-never-ends",
	  "up; write status 0; read status 15; wait 20000ms; read status 15; wait 20000ms; "
	  "! read status 15",
	  "up; write status 0; read status 15; wait 2000ms; read status 15; wait 100ms; read status 0",
	  "" },
	/* Whose message it was the reset has undone. */
	{ "busy-after-reset",
	  "enable-msix; up; write queue_msix_vector 1; read queue_msix_vector 1; write status 0; "
	  "wait 1ms; read status 0; ! interrupt vector 1",
	  "enable-msix; up; write queue_msix_vector 1; read queue_msix_vector 1; write status 0; "
	  "wait 1ms; interrupt vector 1; read status 0",
	  "pci-modern-without-caps" },
	{ "busy-after-reset", "up; avail; kick; pop 5; write status 0; read status 0; ! use 5",
	  "up; avail; kick; pop 5; write status 0; use 5; read status 0", "used-id-unknown" },
	{ "intx-kept-over-reset",
	  "up; avail; kick; pop 5; use 5; interrupt; intx 1; write status 0; ! read status 0",
	  "up; avail; kick; pop 5; use 5; interrupt; intx 1; write status 0; intx 0; read status 0",
	  "" },
	{ "enabled-after-reset",
	  "up; write status 0; read status 0; write status 1; write status 3; ! read queue_enable 1",
	  "up; write status 0; read status 0; write status 1; write status 3; read queue_enable 0",
	  "" },
	{ "position-kept-over-reset", "up; avail; kick; ! pop 5 at 17", "up; avail; kick; pop 5",
	  "" },
	{ "buffers-taken-back", "up; avail; kick; pop 5; ! write queue_desc/4 0x50000",
	  "up; avail; kick; pop 5; use 5; interrupt; write queue_msix_vector 0xffff",
	  "queue-changed-enabled" },
	{ "qreset-busy",
	  "up-queue-reset; avail; kick; pop 5; write queue_reset 1; read queue_reset 0; ! use 5",
	  "up-queue-reset; avail; kick; pop 5; write queue_reset 1; use 5; read queue_reset 0",
	  "used-id-unknown" },
	{ "qreset-position",
	  "up-queue-reset; request; write queue_reset 1; read queue_reset 0; setup; enable; avail; "
	  "kick; ! pop 5 at 1",
	  "up-queue-reset; request; write queue_reset 1; read queue_reset 0; setup; enable; avail; "
	  "kick; pop 5",
	  "" },
	{ "qreset-unread", "up-queue-reset; write queue_reset 1; ! kick width 2",
	  "up-queue-reset; request; avail; write queue_reset 1; kick; read queue_reset 0", "" },
	{ "qreset-unread",
	  "up-queue-reset; write queue_reset 1; read queue_reset 1; ! write queue_size 64",
	  "up-queue-reset; write queue_reset 1; read queue_reset 1; read queue_reset 0; "
	  "write queue_size 64",
	  "" },
	{ "qreset-unconfigured",
	  "up-queue-reset; write queue_reset 1; read queue_reset 0; ! write queue_enable 1",
	  "up-queue-reset; write queue_reset 1; read queue_reset 0; setup; enable", "" },
	{ "qreset-after-reset",
	  "up-queue-reset; write status 0; read status 0; ! read queue_reset 1",
	  "up-queue-reset; write status 0; read status 0; read queue_reset 0", "" },
	{ "qreset-after-enable", "up-queue-reset; ! read queue_reset 1",
	  "up-queue-reset; read queue_reset 0", "" },
	{ "qreset-still-enabled",
	  "up-queue-reset; write queue_reset 1; read queue_reset 0; ! read queue_enable 1",
	  "up-queue-reset; write queue_reset 1; read queue_reset 0; read queue_enable 0", "" },

	/* --- features */
	{ "feature-not-offered", OFFER "! write driver_feature 0x10006a47", OFFER "accept", "" },
#define NET(offer, accept) \
	"device net pci; reset; acknowledge; offer " offer " 1; accept " accept " 1; "
	{ "feature-without-prerequisite", NET("0x82", "0x80") "! write status 11",
	  NET("0x82", "0x82") "write status 11", "" },
	{ "feature-reserved-accepted",
	  "reset; acknowledge; offer 0x30006a46 0x1001; write driver_feature_select 1; "
	  "write driver_feature 0x1001; ! write status 11",
	  "negotiate", "feature-undefined-offered" },
#define MMIO(accept) \
	"device blk mmio; read mmio.Version 2; write mmio.Status 0; read mmio.Status 0; write mmio.Status 1; " \
	"write mmio.Status 3; write mmio.DeviceFeaturesSel 0; read mmio.DeviceFeatures 0x200; " \
	"write mmio.DeviceFeaturesSel 1; read mmio.DeviceFeatures 0x21; " \
	"write mmio.DriverFeaturesSel 0; write mmio.DriverFeatures 0x200; " \
	"write mmio.DriverFeaturesSel 1; write mmio.DriverFeatures " accept "; "
#define MMIO_READ \
	MMIO("1") \
	"write mmio.Status 11; read mmio.Status 11; read mmio.ConfigGeneration 0; " \
	"read mmio@0x100/4 1; read mmio@0x104/4 0; "
	{ "feature-other-transport-accepted", MMIO("0x21") "! write mmio.Status 11",
	  MMIO("1") "write mmio.Status 11", "feature-undefined-offered" },
	/* The registers of virtio-mmio are those of virtio-pci by other names. */
	{ "config-read-torn", MMIO_READ "! write mmio.QueueSel 0",
	  MMIO_READ "read mmio.ConfigGeneration 0; write mmio.QueueSel 0",
	  "feature-undefined-offered" },
	{ "used-after-failed", MMIO("1") "write mmio.Status 131; ! write mmio.QueueSize 16",
	  MMIO("1") "write mmio.Status 131; write mmio.Status 0; read mmio.Status 0",
	  "feature-undefined-offered" },
	{ "mmio-reset-not-read",
	  "device blk mmio; read mmio.Version 2; write mmio.Status 0; ! write mmio.Status 1",
	  "device blk mmio; read mmio.Version 2; write mmio.Status 0; write mmio.Status 0; read mmio.Status 0",
	  "" },
	{ "feature-undefined-accepted",
	  "reset; acknowledge; offer 0x30106a46 0x1; write driver_feature 0x10106a46; "
	  "write driver_feature_select 1; write driver_feature 0x1; ! write status 11",
	  "negotiate", "feature-undefined-offered" },
	{ "version-1-refused", OFFER "accept 0x10006a46 0; ! write status 11", "negotiate", "" },
#define OFFER_BIT(word) "reset; acknowledge; offer 0x30006a46 " word "; accept 0x10006a46 "
	{ "access-platform-refused", OFFER_BIT("3") "1; ! write status 11",
	  OFFER_BIT("3") "3; write status 11", "" },
	{ "packed-refused", OFFER_BIT("5") "1; ! write status 11",
	  OFFER_BIT("5") "5; write status 11", "" },
	{ "order-platform-refused", OFFER_BIT("0x11") "1; ! write status 11",
	  OFFER_BIT("0x11") "0x11; write status 11", "" },
	{ "notif-config-data-refused", OFFER_BIT("0x81") "1; ! write status 11",
	  OFFER_BIT("0x81") "0x81; write status 11", "" },
	{ "version-1-not-offered",
	  "reset; acknowledge; write device_feature_select 1; ! read device_feature 0", "negotiate",
	  "" },
	{ "offer-without-prerequisite",
	  "device net pci; reset; acknowledge; write device_feature_select 0; "
	  "read device_feature 0x80; write device_feature_select 1; ! read device_feature 1",
	  NET("0x82", "0x82"), "" },
	{ "feature-undefined-offered",
	  "reset; acknowledge; write device_feature_select 0; ! read device_feature 0x30106a46",
	  "reset; acknowledge; offer", "" },
	{ "offer-changed",
	  "reset; acknowledge; offer; write device_feature_select 0; "
	  "! read device_feature 0x30006a44",
	  "reset; acknowledge; offer; write device_feature_select 0; read device_feature 0x30006a46",
	  "" },
	{ "accepted-not-shown", OFFER "write driver_feature 0x46; ! read driver_feature 0x06",
	  OFFER "write driver_feature 0x46; read driver_feature 0x46", "" },
	{ "valid-features-refused", OFFER "accept; write status 11; ! read status 3", "negotiate",
	  "" },
	{ "invalid-features-agreed",
	  OFFER
	  "write driver_feature 0x10006a47; write driver_feature_select 1; write driver_feature 1; "
	  "write status 11; ! read status 11",
	  OFFER
	  "write driver_feature 0x10006a47; write driver_feature_select 1; write driver_feature 1; "
	  "write status 11; read status 3",
	  "feature-not-offered" },
	{ "features-agreed-before",
	  "up; write status 0; read status 0; acknowledge; offer; accept; write status 11; "
	  "! read status 3",
	  "up; negotiate", "valid-features-refused" },
	{ "any-layout-not-offered",
	  "read-caps; read pci@0/4 0x10011af4; reset-legacy; acknowledge-legacy; "
	  "! read legacy.device_features 0x30006a46",
	  "read-caps; read pci@0/4 0x10011af4; up-legacy", "" },
	/* A device with the legacy interface only. */
	{ "any-layout-not-offered",
	  "read-caps; read pci@0/4 0x10011af4; reset-legacy; acknowledge-legacy; "
	  "! read legacy.device_features 0x30006a46",
	  "read pci@0/4 0x10011af4; read pci@0x34/1 0x98; read pci@0x98/4 0x00020011; "
	  "reset-legacy; acknowledge-legacy; read legacy.device_features 0x30006a46",
	  "" },
	{ "any-layout-refused",
	  "reset-legacy; acknowledge-legacy; read legacy.device_features 0x38006a46; "
	  "write legacy.driver_features 0x10006a46; write legacy.queue_select 0; "
	  "read legacy.queue_size 256; write legacy.queue_address 0x10; "
	  "! write legacy.device_status 7",
	  "reset-legacy; acknowledge-legacy; read legacy.device_features 0x38006a46; "
	  "write legacy.driver_features 0x18006a46",
	  "" },
	{ "bit-30-accepted",
	  "reset; acknowledge; offer 0x70006a46 1; write driver_feature 0x40006a46; "
	  "write driver_feature_select 1; write driver_feature 1; ! write status 11",
	  "negotiate", "" },
#define EXT "read pci@0x34/1 0x40; read pci@0x100/4 0x00010001; "
#define SRIOV "read pci@0x34/1 0x40; read pci@0x100/4 0x00010010; "
	{ "sr-iov-without-capability", EXT OFFER_BIT("0x21") "0x21; ! write status 11",
	  SRIOV OFFER_BIT("0x21") "0x21; write status 11", "sr-iov-offer" },
	{ "sr-iov-offer", EXT OFFER_BIT("0x21") "1; ! write status 11", EXT "negotiate", "" },
	{ "sr-iov-enabled-early", "reset; " SRIOV "! write pci@0x108/2 1",
	  SRIOV OFFER_BIT("0x21") "0x21; features-ok; write pci@0x108/2 1", "" },

	/* --- suspend */
	{ "suspend-out-of-place", "up; ! write status 31",
	  "up-suspend; write status 31; read status 27", "" },
	{ "suspend-unverified", "up-suspend; write status 31; ! write queue_select 0",
	  "up-suspend; write status 31; read status 27; write queue_select 0", "" },
	{ "suspend-made-available",
	  "up-suspend; request; write status 31; sample; read status 27; avail; ! sample",
	  "up-suspend; request; write status 31; sample; read status 27; sample", "" },
	{ "suspend-kicked", "up-suspend; write status 31; ! kick width 2",
	  "up-suspend; request; avail; write status 31; kick; pop 5; use 5; interrupt; read status 27",
	  "" },
	{ "suspend-kicked", "up-suspend; write status 31; read status 27; ! kick",
	  "up-suspend; write status 31; read status 27; write status 15; read status 15; avail; "
	  "kick",
	  "" },
	{ "suspend-config-written",
	  "up-suspend; write status 31; read status 27; ! write config.writeback 0",
	  "up-suspend; write config.writeback 0", "" },
	{ "resume-not-awaited",
	  "up-suspend; write status 31; read status 27; write status 15; avail; ! kick",
	  "up-suspend; write status 31; read status 27; write status 15; read status 15; avail; "
	  "kick",
	  "" },
	{ "suspend-early-obeyed",
	  "reset; write status 1; write status 3; write status 19; ! read status 19",
	  "reset; write status 1; write status 3; write status 19; read status 3",
	  "suspend-out-of-place" },
	{ "suspended-active", "up-suspend; avail; kick; write status 31; read status 27; ! pop 5",
	  "up-suspend; avail; kick; write status 31; pop 5; use 5; interrupt; read status 27", "" },
	{ "suspended-config-notified",
	  "up-suspend; write status 31; read status 27; ! interrupt config",
	  "up-suspend; write status 31; read status 27; write status 15; read status 15; "
	  "interrupt config",
	  "config-irq-without-change" },
	{ "suspended-config-changed",
	  "up-suspend; write status 31; read status 27; read config.seg_max 1; "
	  "! read config.seg_max 2",
	  "up-suspend; read config.seg_max 1; write status 31; read status 27; "
	  "read config.seg_max 1; read config.seg_max 1",
	  "" },
	{ "suspended-write-taken",
	  "up-suspend; write status 31; read status 27; read config.writeback 1; "
	  "write config.writeback 0; ! read config.writeback 0",
	  "up-suspend; write status 31; read status 27; read config.writeback 1; "
	  "write config.writeback 0; read config.writeback 1",
	  "suspend-config-written" },
	{ "suspended-change-untold",
	  "up-suspend; write status 31; read status 27; read config.seg_max 1; "
	  "read config.seg_max 2; write status 15; read status 15; wait 2000ms; ! read status 15",
	  "up-suspend; write status 31; read status 27; read config.seg_max 1; "
	  "read config.seg_max 2; write status 15; read status 15; interrupt config; wait 2000ms; "
	  "read status 15",
	  "suspended-config-changed,blk-capacity-unread" },
	{ "suspended-change-untold",
	  "enable-msix; up-suspend; write config_msix_vector 0; read config_msix_vector 0; interrupt; "
	  "write status 31; read status 27; read config.seg_max 1; read config.seg_max 2; "
	  "write status 15; read status 15; wait 2000ms; ! read status 15",
	  "enable-msix; up-suspend; interrupt; write status 31; read status 27; "
	  "read config.seg_max 1; read config.seg_max 2; write status 15; read status 15; "
	  "wait 2000ms; read status 15",
	  "suspended-config-changed,pci-modern-without-caps" },
	{ "suspend-undecided",
	  "up-suspend; write status 31; read status 31; wait 2000ms; ! read status 31",
	  "up-suspend; write status 31; read status 31; wait 2000ms; read status 95; "
	  "interrupt config",
	  "needs-reset-silent" },
	{ "resume-undecided",
	  "up-suspend; write status 31; read status 27; write status 15; wait 2000ms; "
	  "! read status 27",
	  "up-suspend; write status 31; read status 27; write status 15; wait 2000ms; "
	  "read status 15",
	  "" },
	{ "suspend-not-drained",
	  "up-suspend; avail; kick; pop 5; write status 31; ! read status 27",
	  "up-suspend; avail; kick; pop 5; write status 31; use 5; interrupt; read status 27", "" },
	{ "suspend-not-told",
	  "up-suspend; request; avail; kick; pop 6; use 6; wait 10ms; write status 31; "
	  "! read status 27",
	  "up-suspend; request; avail; kick; pop 6; use 6; interrupt; wait 10ms; write status 31; "
	  "read status 27",
	  "" },
	{ NULL, NULL, NULL, NULL },
};
