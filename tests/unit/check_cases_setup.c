/* SPDX-License-Identifier: MIT */
/* Registers: decoder/check/rules/common.c, decoder/check/rules/queue.c, decoder/check/rules/config.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

#define ADMIN \
	"@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 s:device_feature_select=1 " \
	"g:device_feature=0x201 s:driver_feature_select=0 s:driver_feature=0x10006a46 " \
	"s:driver_feature_select=1 s:driver_feature=0x201 @fok g:num_queues=3 "
#define RESETTABLE \
	"@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 " \
	"s:device_feature_select=1 g:device_feature=0x101 s:driver_feature_select=0 " \
	"s:driver_feature=0x10006a46 s:driver_feature_select=1 s:driver_feature=1 @fok @queue @enable @dok "

const struct check_case check_cases_setup[] = {
	{ "access-width", "@reset !g:num_queues/4=1", "@reset g:num_queues=1", "" },
	{ "access-64-bit", "@neg s:queue_select=0 !s:queue_desc=0x10000", "@neg @queue", "" },
	{ "access-nowhere", "@reset !ag:0x80/4=0", "@reset ag:0x10/2=0xffff", "" },
	{ "read-only-written", "@neg !s:num_queues=4", "@neg s:queue_select=1", "" },
	{ "legacy-read-only-written", "@old !ls:queue_size=64", "@old ls:queue_select=0", "" },
	{ "register-without-feature", "@up !s:queue_reset=1", "@qreset-up s:queue_reset=1",
	  "queue-reset-unnegotiated" },
	{ "admin-queue-range", ADMIN "!g:admin_queue_index=2", ADMIN "g:admin_queue_index=3", "" },
	{ "admin-queue-index",
	  ADMIN "g:admin_queue_index=4 g:admin_queue_num=1 s:queue_select=5 !s:queue_size=8",
	  ADMIN "g:admin_queue_index=4 g:admin_queue_num=1 s:queue_select=4 s:queue_size=8", "" },

	{ "absent-queue-written", "@neg g:num_queues=1 s:queue_select=1 !s:queue_size=256",
	  "@neg g:num_queues=2 s:queue_select=1 s:queue_size=256", "" },
	{ "absent-queue-size", "@neg g:num_queues=1 s:queue_select=1 !g:queue_size=256",
	  "@neg g:num_queues=1 s:queue_select=1 g:queue_size=0", "" },
	{ "queue-size-offered", "@neg s:queue_select=0 !g:queue_size=100",
	  "@neg s:queue_select=0 g:queue_size=128", "" },
	{ "queue-size-split", "@neg s:queue_select=0 !s:queue_size=100",
	  "@neg s:queue_select=0 s:queue_size=64", "" },
	{ "queue-size-zero", "@packed-up s:queue_select=1 !s:queue_size=0",
	  "@packed-up s:queue_select=1 s:queue_size=7", "" },
	{ "queue-size-too-big", "@neg s:queue_select=0 g:queue_size=128 !s:queue_size=256",
	  "@neg s:queue_select=0 g:queue_size=128 s:queue_size=64", "" },
	{ "queue-enabled-empty",
	  "@neg s:queue_select=0 g:queue_size=0 s:queue_desc/4=0x10000 "
	  "s:queue_driver/4=0x12000 s:queue_device/4=0x13000 !s:queue_enable=1",
	  "@neg @queue @enable", "" },
	{ "queue-changed-enabled", "@up !s:queue_desc/4=0x50000",
	  "@neg @queue s:queue_desc/4=0x50000 @enable", "" },
	{ "queue-enabled-unconfigured",
	  "@neg s:queue_select=0 g:queue_size=256 s:queue_desc/4=0x10000 "
	  "s:queue_driver/4=0x12000 !s:queue_enable=1",
	  "@neg @queue @enable", "" },
	{ "queue-disabled", "@up !s:queue_enable=0", "@up", "" },
	{ "queue-misaligned",
	  "@neg s:queue_select=0 g:queue_size=256 s:queue_desc/4=0x10008 "
	  "s:queue_driver/4=0x12000 s:queue_device/4=0x13000 !s:queue_enable=1",
	  "@neg s:queue_select=0 "
	  "g:queue_size=256 s:queue_desc/4=0x10010 s:queue_driver/4=0x12002 s:queue_device/4=0x13004 "
	  "s:queue_enable=1",
	  "" },
	{ "queue-misaligned-packed",
	  "@packed-up s:queue_select=1 s:queue_size=8 s:queue_desc/4=0x10000 "
	  "s:queue_driver/4=0x12002 s:queue_device/4=0x13000 !s:queue_enable=1",
	  "@packed-up", "queue-enabled-late" },
	{ "legacy-size-unread",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
	  "lg:device_features=0x38006a46 ls:driver_features=0x18006a46 ls:queue_select=0 !ls:queue_address=0x10",
	  "@old", "any-layout-refused" },
	{ "queue-reset-unnegotiated", RESETTABLE "!s:queue_reset=1", "@qreset-up s:queue_reset=1",
	  "" },

	{ "config-read-torn",
	  "@up g:config_generation=0 cg:capacity/4=1 cg:capacity/4+4=0 !s:queue_select=0",
	  "@up g:config_generation=0 cg:capacity/4=1 cg:capacity/4+4=0 g:config_generation=0 s:queue_select=0",
	  "" },
	{ "config-read-untimed", "@up !cg:capacity/4=1 cg:capacity/4+4=0 g:config_generation=0",
	  "@up @config", "" },
	{ "config-without-feature", "@up !cg:max_secure_erase_seg=0", "@up cg:seg_max=1", "" },
	{ "config-generation-stuck",
	  "@up @config g:config_generation=0 cg:capacity/4=0x2000 cg:capacity/4+4=0 "
	  "!g:config_generation=0",
	  "@up @config N g:config_generation=1 cg:capacity/4=0x2000 cg:capacity/4+4=0 "
	  "g:config_generation=1",
	  "blk-capacity-untold" },
	{ "config-halves-disagree",
	  "@up g:config_generation=0 cg:capacity=0x1000 cg:capacity/4=0x1000 "
	  "cg:capacity/4+4=0x1000 !g:config_generation=0",
	  "@up g:config_generation=0 cg:capacity=0x1000 "
	  "cg:capacity/4=0x1000 cg:capacity/4+4=0 g:config_generation=0",
	  "access-64-bit,blk-capacity-untold" },
	{ "config-differs-early",
	  "@reset @ack @offer g:config_generation=0 cg:seg_max=1 @accept @fok cg:seg_max=2 "
	  "!g:config_generation=0",
	  "@reset @ack @offer g:config_generation=0 cg:seg_max=1 @accept @fok "
	  "cg:seg_max=1 g:config_generation=0",
	  "" },
	{ "legacy-config-read-once",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
	  "lg:device_features=0x38006a46 ls:driver_features=0x18006a46 lag:20/4=0x1000 lag:24/4=0 "
	  "ls:queue_select=0 lg:queue_size=256 ls:queue_address=0x10 !ls:device_status=7",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
	  "lg:device_features=0x38006a46 ls:driver_features=0x18006a46 lag:20/4=0x1000 lag:24/4=0 "
	  "lag:20/4=0x1000 lag:24/4=0 ls:queue_select=0 lg:queue_size=256 ls:queue_address=0x10 "
	  "ls:device_status=7",
	  "any-layout-refused" },
	{ "legacy-config-misplaced", "@msix @old !lag:20/4=0", "@old lag:20/4=0",
	  "pci-legacy-id,vector-after-reset" },
	{ "legacy-config-width", "@old lag:20/4=0x800 !lag:21/1=0",
	  "@old lag:20/4=0x800 lag:21/1=8", "blk-capacity-untold" },
	{ "config-irq-without-change", "@up g:config_generation=3 N g:config_generation=3 !g=15",
	  "@up g:config_generation=3 N g:config_generation=4 g=15", "" },
	{ "legacy-config-write-lost",
	  "@old ls:device_status=0 lg:device_status=0 ls:device_status=1 "
	  "ls:device_status=3 las:52/1=0 !lag:52/1=1",
	  "@old ls:device_status=0 lg:device_status=0 "
	  "ls:device_status=1 ls:device_status=3 las:52/1=0 lag:52/1=0",
	  "" },
	{ "legacy-early-use-ignored",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
	  "ls:queue_select=0 lg:queue_size=256 ls:queue_address=0x10 A K T+700 lg:queue_size=256 T+700 !K",
	  "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 ls:queue_select=0 "
	  "lg:queue_size=256 ls:queue_address=0x10 A K C5 U5 I T+700 lg:queue_size=256 T+700 A K",
	  "" },
	{ NULL, NULL, NULL, NULL },
};
