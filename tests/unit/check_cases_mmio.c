/* SPDX-License-Identifier: MIT */
/* virtio-mmio: decoder/check/rules/mmio.c, and its part of isr.c, queue.c, reset.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

#define FOUND "device blk mmio; read mmio.MagicValue 0x74726976; read mmio.Version 2; "
#define FOUND_1 "device blk mmio; read mmio.MagicValue 0x74726976; read mmio.Version 1; "
#define RESET "write mmio.Status 0; read mmio.Status 0; write mmio.Status 1; write mmio.Status 3; "
#define OFFER \
	"write mmio.DeviceFeaturesSel 0; read mmio.DeviceFeatures 0x30006a46; " \
	"write mmio.DeviceFeaturesSel 1; read mmio.DeviceFeatures 1; "
#define ACCEPT \
	"write mmio.DriverFeaturesSel 0; write mmio.DriverFeatures 0x10006a46; " \
	"write mmio.DriverFeaturesSel 1; write mmio.DriverFeatures 1; "
#define AGREED FOUND RESET OFFER ACCEPT "write mmio.Status 11; read mmio.Status 11; "
#define SELECT "write mmio.QueueSel 0; read mmio.QueueReady 0; read mmio.QueueSizeMax 1024; "
#define ADDRESSES \
	"write mmio.QueueDescLow 0x10000; write mmio.QueueDescHigh 0; " \
	"write mmio.QueueDriverLow 0x12000; write mmio.QueueDriverHigh 0; " \
	"write mmio.QueueDeviceLow 0x13000; write mmio.QueueDeviceHigh 0; "
#define SETUP SELECT "write mmio.QueueSize 256; " ADDRESSES
#define UP AGREED SETUP "write mmio.QueueReady 1; write mmio.Status 15; "
#define UP_SUSPEND \
	FOUND RESET "write mmio.DeviceFeaturesSel 0; read mmio.DeviceFeatures 0x30006a46; " \
		    "write mmio.DeviceFeaturesSel 1; read mmio.DeviceFeatures 0x801; " \
		    "write mmio.DriverFeaturesSel 0; write mmio.DriverFeatures 0x10006a46; " \
		    "write mmio.DriverFeaturesSel 1; write mmio.DriverFeatures 0x801; " \
		    "write mmio.Status 11; read mmio.Status 11; " SETUP \
		    "write mmio.QueueReady 1; write mmio.Status 15; "
#define SERVED "avail; kick width 4; pop 5; use 5; interrupt; "
/* Version 1, up to the queue. */
#define LEGACY \
	FOUND_1 "write mmio.GuestPageSize 4096; " RESET \
		"write mmio.DeviceFeaturesSel 0; read mmio.DeviceFeatures 0x10000a40; " \
		"write mmio.DriverFeaturesSel 0; write mmio.DriverFeatures 0x40; " \
		"write mmio.QueueSel 0; read mmio.QueuePFN 0; read mmio.QueueSizeMax 1024; "

const struct check_case check_cases_mmio[] = {
	/* --- access */
	{ "mmio-access-width", UP "! read mmio.Status/1 15", UP "read mmio.Status 15", "" },
	{ "mmio-access-width", AGREED "! write mmio.QueueSel/2 0", AGREED "write mmio.QueueSel 0",
	  "" },
	{ "mmio-kick-width", UP "avail; ! kick width 2", UP "avail; kick width 4", "" },
	{ "mmio-config-width", UP "read mmio.ConfigGeneration 0; ! read mmio@0x100/1 0",
	  UP "read mmio.ConfigGeneration 0; read mmio@0x100/4 0; read mmio.ConfigGeneration 0; "
	     "read mmio@0x120/1 1",
	  "" },
	{ "mmio-access-nowhere", UP "! read mmio@0xd0/4 0", UP "read mmio@0x8/4 2", "" },
	{ "mmio-read-only-written", FOUND RESET "! write mmio.DeviceFeatures 0x40",
	  FOUND RESET "write mmio.DeviceFeaturesSel 0", "" },
	{ "mmio-write-only-read", UP "! read mmio.QueueSel 0", UP "read mmio.QueueReady 1", "" },
	{ "mmio-legacy-register", AGREED "write mmio.QueueSel 0; ! write mmio.QueueAlign 4096",
	  LEGACY "write mmio.QueueAlign 4096", "" },
	{ "mmio-modern-register", LEGACY "! write mmio.QueueReady 1",
	  AGREED SETUP "write mmio.QueueReady 1", "" },
	{ "mmio-modern-register", LEGACY "! read mmio.ConfigGeneration 0",
	  AGREED "read mmio.ConfigGeneration 0", "" },

	/* --- identity */
	{ "mmio-magic", "device blk mmio; ! read mmio.MagicValue 0x76697274", FOUND, "" },
	{ "mmio-version", "device blk mmio; ! read mmio.Version 3", FOUND_1, "" },
	{ "mmio-version-1-not-offered",
	  FOUND RESET "write mmio.DeviceFeaturesSel 1; ! read mmio.DeviceFeatures 0",
	  FOUND_1 RESET "write mmio.DeviceFeaturesSel 1; read mmio.DeviceFeatures 0", "" },
	{ "mmio-version-unread",
	  "device blk mmio; read mmio.MagicValue 0x74726976; write mmio.Status 0; "
	  "read mmio.Status 0; ! write mmio.Status 1",
	  FOUND "write mmio.Status 0; read mmio.Status 0; write mmio.Status 1", "" },
	{ "mmio-not-recognised",
	  "device blk mmio; read mmio.Version 3; write mmio.Status 0; read mmio.Status 0; "
	  "! write mmio.Status 1",
	  "device blk mmio; read mmio.Version 3; read mmio.VendorID 1", "mmio-version" },
	{ "mmio-not-recognised",
	  "device blk mmio; read mmio.MagicValue 0; read mmio.Version 2; write mmio.Status 0; "
	  "read mmio.Status 0; ! write mmio.Status 1",
	  "device blk mmio; read mmio.MagicValue 0; read mmio.Version 2", "mmio-magic" },
	{ "mmio-no-device", FOUND "read mmio.DeviceID 0; ! write mmio.Status 0",
	  FOUND "read mmio.DeviceID 0; read mmio.VendorID 1", "" },

	/* --- features, queues */
	{ "mmio-features-unselected", FOUND RESET "! read mmio.DeviceFeatures 0x30006a46",
	  FOUND RESET "write mmio.DeviceFeaturesSel 0; read mmio.DeviceFeatures 0x30006a46", "" },
	{ "mmio-features-unselected", FOUND RESET OFFER "! write mmio.DriverFeatures 0x40",
	  FOUND RESET OFFER "write mmio.DriverFeaturesSel 0; write mmio.DriverFeatures 0x40", "" },
	{ "mmio-queue-size", AGREED SELECT "! write mmio.QueueSize 100",
	  AGREED SELECT "write mmio.QueueSize 64", "" },
	{ "mmio-queue-size-too-big", AGREED SELECT "! write mmio.QueueSize 2048",
	  AGREED SELECT "write mmio.QueueSize 1024", "" },
	{ "mmio-queue-size-unwritten", AGREED SELECT ADDRESSES "! write mmio.QueueReady 1",
	  AGREED SETUP "write mmio.QueueReady 1", "" },
	{ "mmio-queue-unconfigured",
	  AGREED SELECT "write mmio.QueueSize 64; write mmio.QueueDescLow 0x10000; "
			"write mmio.QueueDriverLow 0x12000; ! write mmio.QueueReady 1",
	  AGREED SETUP "write mmio.QueueReady 1", "" },
	{ "queue-enabled-empty",
	  AGREED "write mmio.QueueSel 3; read mmio.QueueSizeMax 0; ! write mmio.QueueReady 1",
	  AGREED SETUP "write mmio.QueueReady 1",
	  "mmio-queue-size-unwritten,mmio-queue-unconfigured" },
	{ "mmio-queue-changed-ready",
	  AGREED SETUP "write mmio.QueueReady 1; "
		       "! write mmio.QueueDescLow 0x20000",
	  AGREED SETUP "write mmio.QueueDescLow 0x20000; write mmio.QueueReady 1", "" },
	{ "mmio-queue-stop-unread", UP "write mmio.QueueReady 0; ! write mmio.QueueSel 1",
	  UP "write mmio.QueueReady 0; read mmio.QueueReady 0; write mmio.QueueSel 1", "" },
	{ "mmio-queue-stop-unread", UP SERVED "write mmio.QueueReady 0; ! write mmio.QueueSize 128",
	  UP SERVED
	  "write mmio.QueueReady 0; read mmio.InterruptStatus 1; write mmio.InterruptACK 1; "
	  "read mmio.ConfigGeneration 0; queue 1; kick width 4; queue 0; "
	  "read mmio.QueueReady 0; write mmio.QueueSize 128",
	  "kick-not-enabled" },
	{ "mmio-not-ready-served",
	  UP SERVED "write mmio.QueueReady 0; read mmio.QueueReady 0; avail; ! pop 5", UP SERVED,
	  "" },
	{ "mmio-not-ready-served",
	  UP SERVED
	  "avail; kick width 4; pop 5; write mmio.QueueReady 0; read mmio.QueueReady 0; ! use 5",
	  UP SERVED
	  "avail; kick width 4; pop 5; write mmio.QueueReady 0; use 5; read mmio.QueueReady 0",
	  "" },
	{ "queue-enabled-late",
	  UP "write mmio.QueueSel 1; read mmio.QueueReady 0; read mmio.QueueSizeMax 1024; "
	     "write mmio.QueueSize 256; " ADDRESSES "! write mmio.QueueReady 1",
	  UP "write mmio.QueueReady 0; read mmio.QueueReady 0; write mmio.QueueReady 1", "" },
	{ "avail-index-back", UP SERVED SERVED "avail 3; kick width 4; avail -1; ! kick width 4",
	  UP SERVED SERVED SERVED
	  "write mmio.QueueReady 0; read mmio.QueueReady 0; " ADDRESSES
	  "ring avail_idx 0 last_avail 0 used_idx 0; write mmio.QueueReady 1; " SERVED,
	  "kick-unasked,kick-finds-nothing" },
	{ "request-stuck",
	  UP "avail; kick width 4; pop 5; wait 20000ms; read mmio.Status 15; wait 20000ms; "
	     "! read mmio.Status 15",
	  UP "avail; kick width 4; pop 5; write mmio.QueueReady 0; read mmio.QueueReady 0; "
	     "wait 20000ms; read mmio.Status 15; wait 20000ms; read mmio.Status 15",
	  "" },
	{ "kick-not-enabled",
	  UP SERVED "write mmio.QueueReady 0; read mmio.QueueReady 0; avail; ! kick width 4",
	  UP SERVED "avail; write mmio.QueueReady 0; kick; read mmio.QueueReady 0", "" },
	{ "config-read-torn",
	  UP "read mmio.ConfigGeneration 0; read mmio@0x100/4 1; read mmio@0x104/4 0; "
	     "read mmio.InterruptStatus 1; ! write mmio.QueueSel 0",
	  UP SERVED "read mmio.ConfigGeneration 0; read mmio@0x100/4 1; read mmio@0x104/4 0; "
		    "read mmio.InterruptStatus 1; write mmio.InterruptACK 1; "
		    "read mmio.ConfigGeneration 0; write mmio.QueueSel 0",
	  "" },
	{ "suspend-unverified", UP_SUSPEND "write mmio.Status 31; ! write mmio.QueueSel 0",
	  UP_SUSPEND SERVED "write mmio.Status 31; read mmio.InterruptStatus 1; "
			    "write mmio.InterruptACK 1; read mmio.Status 27; write mmio.QueueSel 0",
	  "" },
	{ "kick-not-enabled", AGREED SETUP "write mmio.Status 15; avail; ! kick width 4",
	  UP "avail; kick width 4", "driver-ok-without-queue" },
	{ "mmio-ready-after-reset",
	  UP
	  "write mmio.Status 0; read mmio.Status 0; write mmio.QueueSel 0; ! read mmio.QueueReady 1",
	  UP
	  "write mmio.Status 0; read mmio.Status 0; write mmio.QueueSel 0; read mmio.QueueReady 0",
	  "" },
	{ "mmio-ready-after-reset",
	  FOUND_1 RESET "write mmio.QueueSel 0; ! read mmio.QueuePFN 0x80",
	  FOUND_1 RESET "write mmio.QueueSel 0; read mmio.QueuePFN 0", "" },
	{ "features-unread",
	  FOUND RESET "write mmio.DeviceFeaturesSel 0; read mmio.DeviceFeatures 0x30006a46; " ACCEPT
		      "! write mmio.Status 11",
	  FOUND RESET OFFER ACCEPT "write mmio.Status 11", "" },
	{ "config-generation-stuck",
	  UP "read mmio.ConfigGeneration 3; read mmio@0x100/4 100; read mmio@0x104/4 0; "
	     "read mmio.ConfigGeneration 3; read mmio@0x100/4 200; read mmio@0x104/4 0; "
	     "! read mmio.ConfigGeneration 3",
	  UP "read mmio.ConfigGeneration 3; read mmio@0x100/4 100; read mmio@0x104/4 0; "
	     "read mmio.ConfigGeneration 3; read mmio@0x100/4 200; read mmio@0x104/4 0; "
	     "read mmio.ConfigGeneration 4",
	  "blk-capacity-untold" },

	/* --- version 1 */
	{ "mmio-queue-align-unwritten", LEGACY "write mmio.QueueSize 256; ! write mmio.QueuePFN 16",
	  LEGACY "write mmio.QueueSize 256; write mmio.QueueAlign 4096; write mmio.QueuePFN 16; "
		 "write mmio.QueuePFN 0; write mmio.QueuePFN 16",
	  "" },
	{ "mmio-queue-size-unwritten",
	  LEGACY "write mmio.QueueAlign 4096; ! write mmio.QueuePFN 16",
	  LEGACY "write mmio.QueueSize 256; write mmio.QueueAlign 4096; write mmio.QueuePFN 16; "
		 "write mmio.QueuePFN 0; write mmio.QueuePFN 16",
	  "" },
	{ "mmio-page-size", FOUND_1 "! write mmio.GuestPageSize 0",
	  FOUND_1 "write mmio.GuestPageSize 4096", "" },
	{ "mmio-page-size-unwritten",
	  FOUND_1 RESET "write mmio.QueueSel 0; read mmio.QueueSizeMax 1024; "
			"write mmio.QueueSize 128; write mmio.QueueAlign 4096; "
			"! write mmio.QueuePFN 0x80c68000",
	  LEGACY "write mmio.QueueSize 128; write mmio.QueueAlign 4096; write mmio.QueuePFN 0x80",
	  "" },
	{ "mmio-queue-align", LEGACY "write mmio.QueueSize 128; ! write mmio.QueueAlign 0",
	  LEGACY "write mmio.QueueSize 128; write mmio.QueueAlign 64", "" },
	{ "mmio-queue-align", LEGACY "write mmio.QueueSize 128; ! write mmio.QueueAlign 3000",
	  LEGACY "write mmio.QueueSize 128; write mmio.QueueAlign 4096", "" },
	{ "mmio-queue-align-unwritten",
	  LEGACY "write mmio.QueueSize 128; ! write mmio.QueuePFN 0x80",
	  LEGACY "write mmio.QueueSize 128; write mmio.QueueAlign 4096; write mmio.QueuePFN 0x80",
	  "" },
	{ "legacy-features-ok", LEGACY "! write mmio.Status 11", LEGACY "write mmio.Status 7",
	  "driver-ok-without-queue" },
	/* Queues first, then FEATURES_OK with no feature ever accepted. */
	{ "queue-set-up-early",
	  FOUND_1
	  "write mmio.GuestPageSize 4096; " RESET
	  "write mmio.QueueSel 0; read mmio.QueueSizeMax 1024; write mmio.QueueSize 128; "
	  "write mmio.QueueAlign 4096; write mmio.QueuePFN 0x80; "
	  "write mmio.DeviceFeaturesSel 0; read mmio.DeviceFeatures 0x200; ! write mmio.Status 11",
	  LEGACY "write mmio.QueueSize 128; write mmio.QueueAlign 4096; write mmio.QueuePFN 0x80; "
		 "write mmio.Status 7",
	  "legacy-features-ok,features-unwritten" },
	/* What a legacy driver may do before DRIVER_OK. */
	{ "config-written-early",
	  AGREED "write mmio.Status 0; read mmio.Status 0; "
		 "write mmio.Status 1; write mmio.Status 3; "
		 "! write mmio@0x120/1 0",
	  LEGACY "write mmio@0x120/1 0", "config-without-feature" },
	{ "blk-writeback-early", FOUND RESET OFFER "! read mmio@0x120/1 0",
	  LEGACY "read mmio@0x120/1 0", "" },
	{ "kick-before-driver-ok", AGREED SETUP "write mmio.QueueReady 1; avail; ! kick width 4",
	  LEGACY "write mmio.QueueSize 128; write mmio.QueueAlign 4096; write mmio.QueuePFN 0x80; "
		 "avail; kick width 4",
	  "" },

	/* --- shared memory */
	{ "mmio-shm-unselected", UP "! read mmio.SHMLenLow 0xffffffff",
	  UP "write mmio.SHMSel 0; read mmio.SHMLenLow 0xffffffff; read mmio.SHMLenHigh 0xffffffff",
	  "" },
	{ "mmio-shm-length",
	  UP "write mmio.SHMSel 0; read mmio.SHMLenLow 0; ! read mmio.SHMLenHigh 0xffffffff",
	  UP "write mmio.SHMSel 0; read mmio.SHMLenLow 0x1000; read mmio.SHMLenHigh 0", "" },

	/* --- interrupts */
	{ "mmio-event-not-shown", UP SERVED "wait 2ms; ! read mmio.InterruptStatus 0",
	  UP SERVED "wait 2ms; read mmio.InterruptStatus 1; read mmio.InterruptStatus 1; "
		    "write mmio.InterruptACK 1; read mmio.InterruptStatus 0",
	  "" },
	{ "mmio-change-not-shown", UP "interrupt config; wait 2ms; ! read mmio.InterruptStatus 0",
	  UP "interrupt config; wait 2ms; read mmio.InterruptStatus 2; write mmio.InterruptACK 2",
	  "" },
	{ "mmio-event-unfounded",
	  UP SERVED "read mmio.InterruptStatus 1; write mmio.InterruptACK 1; "
		    "read mmio.InterruptStatus 1; wait 2ms; ! read mmio.InterruptStatus 1",
	  UP SERVED "read mmio.InterruptStatus 1; write mmio.InterruptACK 1; "
		    "read mmio.InterruptStatus 0; " SERVED
		    "read mmio.InterruptStatus 1; wait 2ms; read mmio.InterruptStatus 1; "
		    "write mmio.InterruptACK 1",
	  "" },
	{ "mmio-interrupt-unread",
	  UP SERVED
	  "read mmio.InterruptStatus 1; write mmio.InterruptACK 1; ! write mmio.InterruptACK 2",
	  UP SERVED "interrupt config; read mmio.InterruptStatus 3; write mmio.InterruptACK 1; "
		    "write mmio.InterruptACK 2",
	  "" },
	{ "mmio-interrupt-unread", UP SERVED "! write mmio.InterruptACK 1",
	  UP SERVED "read mmio.InterruptStatus 1; write mmio.InterruptACK 1", "" },
	{ "mmio-ack-undefined",
	  UP SERVED "read mmio.InterruptStatus 1; ! write mmio.InterruptACK 0xffffffff",
	  UP SERVED "read mmio.InterruptStatus 1; write mmio.InterruptACK 3", "" },
	{ "mmio-interrupt-unacknowledged",
	  UP SERVED "read mmio.InterruptStatus 1; wait 700ms; avail; kick width 4; wait 700ms; "
		    "! read mmio.Status 15",
	  UP SERVED "read mmio.InterruptStatus 1; write mmio.InterruptACK 1; wait 700ms; avail; "
		    "kick width 4; wait 700ms; read mmio.Status 15",
	  "" },
	{ "mmio-ack-after-reaping",
	  UP SERVED "read mmio.InterruptStatus 1; avail; kick width 4; pop 5; use 5; "
		    "! write mmio.InterruptACK 1",
	  UP SERVED "read mmio.InterruptStatus 1; write mmio.InterruptACK 1; avail; kick width 4; "
		    "pop 5; use 5; interrupt",
	  "" },
	{ 0 },
};
