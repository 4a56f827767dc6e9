/* SPDX-License-Identifier: MIT */
/* Registers: decoder/check/rules/common.c, decoder/check/rules/queue.c, decoder/check/rules/config.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

#define ADMIN \
	"reset; acknowledge; offer 0x30006a46 0x201; accept 0x10006a46 0x201; features-ok; " \
	"read num_queues 3; "
#define RESETTABLE \
	"reset; acknowledge; offer 0x30006a46 0x101; accept 0x10006a46 1; features-ok; setup; " \
	"enable; driver-ok; "

#define EARLY \
	"reset-legacy; acknowledge-legacy; read legacy.device_features 0x38000000; " \
	"write legacy.driver_features 0x18000000; write legacy.queue_select 0; " \
	"read legacy.queue_size 256; write legacy.queue_address 0x10; "

const struct check_case check_cases_setup[] = {
	{ "access-width", "reset; ! read num_queues/4 1", "reset; read num_queues 1", "" },
	{ "access-64-bit", "negotiate; write queue_select 0; ! write queue_desc 0x10000",
	  "negotiate; setup", "" },
	{ "access-nowhere", "reset; ! read common@0x80/4 0", "reset; read common@0x10/2 0xffff",
	  "" },
	{ "read-only-written", "negotiate; ! write num_queues 4", "negotiate; write queue_select 1",
	  "" },
	{ "legacy-read-only-written", "up-legacy; ! write legacy.queue_size 64",
	  "up-legacy; write legacy.queue_select 0", "" },
	{ "register-without-feature", "up; ! write queue_reset 1",
	  "up-queue-reset; write queue_reset 1", "queue-reset-unnegotiated" },
	{ "admin-queue-range", ADMIN "! read admin_queue_index 2", ADMIN "read admin_queue_index 3",
	  "" },
	{ "admin-queue-index",
	  ADMIN "read admin_queue_index 4; read admin_queue_num 1; write queue_select 5; "
		"! write queue_size 8",
	  ADMIN "read admin_queue_index 4; read admin_queue_num 1; write queue_select 4; "
		"write queue_size 8",
	  "" },

	{ "absent-queue-written",
	  "negotiate; read num_queues 1; write queue_select 1; ! write queue_size 256",
	  "negotiate; read num_queues 2; write queue_select 1; write queue_size 256", "" },
	{ "absent-queue-size",
	  "negotiate; read num_queues 1; write queue_select 1; ! read queue_size 256",
	  "negotiate; read num_queues 1; write queue_select 1; read queue_size 0", "" },
	{ "queue-size-offered", "negotiate; write queue_select 0; ! read queue_size 100",
	  "negotiate; write queue_select 0; read queue_size 128", "" },
	{ "queue-size-split", "negotiate; write queue_select 0; ! write queue_size 100",
	  "negotiate; write queue_select 0; write queue_size 64", "" },
	{ "queue-size-zero", "up-packed; write queue_select 1; ! write queue_size 0",
	  "up-packed; write queue_select 1; write queue_size 7", "" },
	{ "queue-size-too-big",
	  "negotiate; write queue_select 0; read queue_size 128; ! write queue_size 256",
	  "negotiate; write queue_select 0; read queue_size 128; write queue_size 64", "" },
	{ "queue-enabled-empty",
	  "negotiate; write queue_select 0; read queue_size 0; write queue_desc/4 0x10000; "
	  "write queue_driver/4 0x12000; write queue_device/4 0x13000; ! write queue_enable 1",
	  "negotiate; setup; enable", "" },
	{ "queue-changed-enabled", "up; ! write queue_desc/4 0x50000",
	  "negotiate; setup; write queue_desc/4 0x50000; enable", "" },
	{ "queue-enabled-unconfigured",
	  "negotiate; write queue_select 0; read queue_size 256; write queue_desc/4 0x10000; "
	  "write queue_driver/4 0x12000; ! write queue_enable 1",
	  "negotiate; setup; enable", "" },
	{ "queue-disabled", "up; ! write queue_enable 0", "up", "" },
	{ "queue-misaligned",
	  "negotiate; write queue_select 0; read queue_size 256; write queue_desc/4 0x10008; "
	  "write queue_driver/4 0x12000; write queue_device/4 0x13000; ! write queue_enable 1",
	  "negotiate; write queue_select 0; read queue_size 256; write queue_desc/4 0x10010; "
	  "write queue_driver/4 0x12002; write queue_device/4 0x13004; write queue_enable 1",
	  "" },
	{ "queue-misaligned-packed",
	  "up-packed; write queue_select 1; write queue_size 8; write queue_desc/4 0x10000; "
	  "write queue_driver/4 0x12002; write queue_device/4 0x13000; ! write queue_enable 1",
	  "up-packed", "queue-enabled-late" },
	/* What it has read and written of a queue it knows when it takes the queue back. */
	{ "legacy-size-unread",
	  "reset-legacy; acknowledge-legacy; write legacy.queue_select 0; "
	  "! write legacy.queue_address 0x10",
	  "up-legacy; write legacy.queue_address 0; write legacy.queue_address 0x20", "" },
	{ "legacy-size-unread",
	  "reset-legacy; acknowledge-legacy; read legacy.device_features 0x38006a46; "
	  "write legacy.driver_features 0x18006a46; write legacy.queue_select 0; "
	  "! write legacy.queue_address 0x10",
	  "up-legacy", "any-layout-refused" },
	{ "queue-reset-unnegotiated", RESETTABLE "! write queue_reset 1",
	  "up-queue-reset; write queue_reset 1", "" },

	{ "config-read-torn",
	  "up; read config_generation 0; read config.capacity/4 1; read config.capacity/4+4 0; "
	  "! write queue_select 0",
	  "up; read config_generation 0; read config.capacity/4 1; read config.capacity/4+4 0; "
	  "read config_generation 0; write queue_select 0",
	  "" },
	{ "config-read-untimed",
	  "up; ! read config.capacity/4 1; read config.capacity/4+4 0; read config_generation 0",
	  "up; read-config", "" },
	{ "config-read-torn",
	  "up; read config_generation 0; read config.capacity/4 1; read config.capacity/4+4 0; "
	  "wait 2000ms; avail; ! kick width 2",
	  "up; read config_generation 0; read config.capacity/4 1; avail; kick width 2; "
	  "read config.capacity/4+4 0; avail; kick width 2; read config_generation 0",
	  "" },
	{ "config-without-feature", "up; ! read config.max_secure_erase_seg 0",
	  "up; read config.seg_max 1", "" },
	/* A driver that sets the device up again may remember what it offers. */
	{ "config-without-feature",
	  "up; reset; acknowledge; accept; features-ok; ! read config.max_secure_erase_seg 0",
	  "up; reset; acknowledge; accept; features-ok; read config.seg_max 126",
	  "features-unread" },
	{ "config-without-feature", "reset; acknowledge; ! read config.seg_max 126",
	  "lose; reset; acknowledge; read config.seg_max 126", "" },
	{ "config-generation-stuck",
	  "up; read-config; read config_generation 0; read config.capacity/4 0x2000; "
	  "read config.capacity/4+4 0; ! read config_generation 0",
	  "up; read-config; interrupt config; read config_generation 1; "
	  "read config.capacity/4 0x2000; read config.capacity/4+4 0; read config_generation 1",
	  "blk-capacity-untold" },
	{ "config-halves-disagree",
	  "up; read config_generation 0; read config.capacity 0x1000; "
	  "read config.capacity/4 0x1000; read config.capacity/4+4 0x1000; "
	  "! read config_generation 0",
	  "up; read config_generation 0; read config.capacity 0x1000; "
	  "read config.capacity/4 0x1000; read config.capacity/4+4 0; read config_generation 0",
	  "access-64-bit,blk-capacity-untold" },
	{ "config-differs-early",
	  "reset; acknowledge; offer; read config_generation 0; read config.seg_max 1; accept; "
	  "features-ok; read config.seg_max 2; ! read config_generation 0",
	  "reset; acknowledge; offer; read config_generation 0; read config.seg_max 1; accept; "
	  "features-ok; read config.seg_max 1; read config_generation 0",
	  "" },
	{ "legacy-config-read-once",
	  "reset-legacy; acknowledge-legacy; read legacy.device_features 0x38006a46; "
	  "write legacy.driver_features 0x18006a46; read legacy@20/4 0x1000; read legacy@24/4 0; "
	  "write legacy.queue_select 0; read legacy.queue_size 256; "
	  "write legacy.queue_address 0x10; ! write legacy.device_status 7",
	  "reset-legacy; acknowledge-legacy; read legacy.device_features 0x38006a46; "
	  "write legacy.driver_features 0x18006a46; read legacy@20/4 0x1000; read legacy@24/4 0; "
	  "read legacy@20/4 0x1000; read legacy@24/4 0; write legacy.queue_select 0; "
	  "read legacy.queue_size 256; write legacy.queue_address 0x10; "
	  "write legacy.device_status 7",
	  "any-layout-refused" },
	{ "legacy-config-misplaced", "enable-msix; up-legacy; ! read legacy@20/4 0",
	  "up-legacy; read legacy@20/4 0", "pci-legacy-id,vector-after-reset" },
	{ "legacy-config-width", "up-legacy; read legacy@20/4 0x800; ! read legacy@21/1 0",
	  "up-legacy; read legacy@20/4 0x800; read legacy@21/1 8", "blk-capacity-untold" },
	/* Two changes, found by one read. */
	{ "config-irq-without-change",
	  "up; read config_generation 3; interrupt config; read config_generation 4; read status 15; "
	  "interrupt config; read config_generation 4; ! read status 15",
	  "up; read config_generation 3; interrupt config; read config_generation 5; read status 15; "
	  "interrupt config; read config_generation 5; read status 15",
	  "" },
	/* Of a change that the driver found before, or that is none: nobody is told before DRIVER_OK. */
	{ "config-irq-without-change",
	  "up; read config_generation 3; read config.seg_max 1; read config_generation 3; "
	  "interrupt config; read config_generation 3; ! read status 15",
	  "up; read config_generation 3; read config.seg_max 1; wait 10ms; read config_generation 4; "
	  "interrupt config; read config_generation 4; read status 15",
	  "" },
	{ "config-irq-without-change",
	  "up; read config_generation 3; read config_generation 4; interrupt config; "
	  "read config_generation 4; interrupt config; read config_generation 4; ! read status 15",
	  "reset; acknowledge; offer; accept; read config_generation 3; interrupt config; "
	  "read config_generation 3; write status 11; read status 11",
	  "" },
	{ "config-irq-without-change",
	  "up; read config_generation 3; interrupt config; read config_generation 3; "
	  "! read status 15",
	  "up; read config_generation 3; interrupt config; read config_generation 4; read status 15",
	  "" },
	{ "legacy-config-write-lost",
	  "up-legacy; reset-legacy; acknowledge-legacy; write legacy@52/1 0; ! read legacy@52/1 1",
	  "up-legacy; reset-legacy; acknowledge-legacy; write legacy@52/1 0; read legacy@52/1 0",
	  "" },
	/* A receive queue waits for packets. */
	{ "legacy-early-use-ignored",
	  EARLY "avail 5; kick; wait 600ms; read legacy.device_status 3; wait 600ms; "
		"read legacy.device_status 3; avail; ! kick",
	  "device net pci; " EARLY
	  "avail 5; kick; wait 600ms; read legacy.device_status 3; wait 600ms; "
	  "read legacy.device_status 3; avail; kick",
	  "blk-flush-not-offered" },
	{ "legacy-early-use-ignored",
	  "reset-legacy; acknowledge-legacy; write legacy.queue_select 0; "
	  "read legacy.queue_size 256; write legacy.queue_address 0x10; avail; kick; wait 700ms; "
	  "read legacy.queue_size 256; wait 700ms; ! kick",
	  "reset-legacy; acknowledge-legacy; write legacy.queue_select 0; "
	  "read legacy.queue_size 256; write legacy.queue_address 0x10; avail; kick; pop 5; use 5; "
	  "interrupt; wait 700ms; read legacy.queue_size 256; wait 700ms; avail; kick",
	  "" },
	{ NULL, NULL, NULL, NULL },
};
