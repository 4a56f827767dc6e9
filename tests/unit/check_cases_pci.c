/* SPDX-License-Identifier: MIT */
/* PCI, MSI-X, ISR status: decoder/check/rules/pci.c, decoder/check/rules/window.c, decoder/check/rules/msix.c, decoder/check/rules/isr.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

/* One capability at 0x40: header word, bar and id, offset, length, and one word more. */
#define CAP(head, bar, offset, length) \
	"pg:0x34/1=0x40 pg:0x40/4=" head " pg:0x44/4=" bar " pg:0x48/4=" offset \
	" !pg:0x4c/4=" length
#define NEARCAP(head, bar, offset, length) \
	"pg:0x34/1=0x40 pg:0x40/4=" head " pg:0x44/4=" bar " pg:0x48/4=" offset " pg:0x4c/4=" length
/* A list of capabilities with the types given, the last of which ends it. */
#define LIST(a, b, c, d) \
	"pg:0x34/1=0x40 pg:0x40/4=0x" a "105009 pg:0x50/4=0x" b "106009 pg:0x60/4=0x" c \
	"107009 !pg:0x70/4=0x" d "100009"
#define NOTIFYCAP(offset, length, multiplier) \
	"pg:0x34/1=0x40 pg:0x40/4=0x02140009 pg:0x44/4=0 pg:0x48/4=" offset " pg:0x4c/4=" length \
	" pg:0x50/4=" multiplier " "
#define DATA \
	"@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 s:device_feature_select=1 " \
	"g:device_feature=0x41 s:driver_feature_select=0 s:driver_feature=0x10006a46 s:driver_feature_select=1 " \
	"s:driver_feature=1 @fok s:queue_select=0 "
#define MODERN "pg:0/4=0x10421af4 "
#define OLD "pg:0/4=0x10011af4 "
#define VENDOR "pg:0x34/1=0x40 pg:0x40/4=0x09100009 "
#define VECTORS "@msix @neg s:queue_select=0 g:queue_size=256 "

const struct check_case check_cases_pci[] = {
	{ "pci-vendor-id", "!pg:0/4=0x10421af5", MODERN, "" },
	{ "pci-device-id", "!pg:0/4=0x10411af4", MODERN, "" },
	{ "pci-revision", MODERN "!pg:8/4=0x01000000", MODERN "pg:8/4=0x01000001", "" },
	{ "pci-subsystem", MODERN "!pg:0x2c/4=0x00021af4", MODERN "pg:0x2c/4=0x11001af4", "" },
	{ "pci-revision-transitional", OLD "!pg:8/4=0x01000001", OLD "pg:8/4=0x01000000", "" },
	{ "pci-subsystem-transitional", OLD "!pg:0x2c/4=0x00011af4", OLD "pg:0x2c/4=0x00021af4",
	  "" },
	{ "pci-legacy-bar", OLD "!pg:0x10/4=0xfe000000", OLD "pg:0x10/4=0xc001", "" },
	{ "pci-legacy-id", MODERN "pg:0x34/1=0x40 !ls:device_status=0",
	  OLD "pg:0x34/1=0x40 ls:device_status=0", "" },
	{ "pci-list-unread", MODERN "!S=0", MODERN "pg:0x34/1=0x40 S=0", "" },
	{ "pci-list-unread-legacy", OLD "!ls:device_status=0",
	  OLD "pg:0x34/1=0x40 ls:device_status=0", "" },
	{ "pci-modern-without-caps", "pg:0x34/1=0x40 pg:0x40/4=0x00020011 !S=0", "@caps S=0", "" },
	{ "cap-common-missing", LIST("03", "04", "02", "05"), "@caps", "cap-length" },
	{ "cap-notify-missing", LIST("01", "03", "04", "05"), "@caps", "cap-length" },
	{ "cap-isr-missing", LIST("01", "02", "04", "05"), "@caps", "cap-length" },
	{ "cap-device-missing", LIST("01", "02", "03", "05"), "@caps", "cap-length" },
	{ "cap-window-missing", LIST("01", "02", "03", "04"), "@caps", "cap-length" },
	{ "cap-length", CAP("0x02105009", "4", "0x3000", "0x1000"),
	  NEARCAP("0x01105009", "4", "0", "0x1000"), "" },
	{ "cap-common-aligned", CAP("0x01105009", "4", "2", "0x1000"),
	  NEARCAP("0x01105009", "4", "4", "0x1000"), "" },
	{ "cap-device-aligned", CAP("0x04105009", "4", "1", "0x1000"),
	  NEARCAP("0x04105009", "4", "8", "0x1000"), "" },
	{ "cap-outside-bar",
	  "ps:0x20/4=0xffffffff pg:0x20/4=0xffffc00c " CAP("0x01105009", "4", "0x3000", "0x2000"),
	  "ps:0x20/4=0xffffffff pg:0x20/4=0xffffc00c " NEARCAP("0x01105009", "4", "0x3000",
							       "0x1000"),
	  "" },
	{ "cap-shm-outside-bar",
	  "ps:0x20/4=0xffffffff pg:0x20/4=0xffffc00c pg:0x34/1=0x40 pg:0x40/4=0x08185c09 "
	  "pg:0x44/4=4 pg:0x48/4=0x3000 pg:0x4c/4=0x2000 !pg:0x50/4=0",
	  "ps:0x20/4=0xffffffff pg:0x20/4=0xffffc00c pg:0x34/1=0x40 pg:0x40/4=0x08185c09 "
	  "pg:0x44/4=4 pg:0x48/4=0x3000 pg:0x4c/4=0x1000 pg:0x50/4=0",
	  "" },
#define SHM(second) \
	"pg:0x34/1=0x40 pg:0x40/4=0x08185c09 pg:0x44/4=4 pg:0x48/4=0 pg:0x4c/4=0x1000 pg:0x50/4=0 " \
	"pg:0x54/4=0 pg:0x5c/4=0x08180009 pg:0x60/4=" second \
	" pg:0x64/4=0 pg:0x68/4=0x1000 !pg:0x6c/4=0"
	{ "cap-shm-id", SHM("4"), "@caps",
	  "cap-common-missing,cap-notify-missing,cap-isr-missing,"
	  "cap-device-missing,cap-window-missing" },
	{ "cap-vendor-id", VENDOR "!pg:0x44/4=0x1af4", VENDOR "pg:0x44/4=0x8086",
	  "cap-common-missing,cap-notify-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "cap-vendor-length", "pg:0x34/1=0x40 pg:0x40/4=0x090e5009 !pg:0x44/4=0x8086",
	  "pg:0x34/1=0x40 pg:0x40/4=0x090c5009 pg:0x44/4=0x8086", "" },
	{ "cap-vendor-written", "pg:0x34/1=0x40 pg:0x40/4=0x09105009 pg:0x44/4=0x8086 !ps:0x48/4=1",
	  "pg:0x34/1=0x40 pg:0x40/4=0x09105009 pg:0x44/4=0x8086 pg:0x48/4=1", "" },
	{ "cap-vendor-unread", "pg:0x34/1=0x40 pg:0x40/4=0x09105009 !pg:0x48/4=1",
	  "pg:0x34/1=0x40 pg:0x40/4=0x09105009 pg:0x44/4=0x8086 pg:0x48/4=1", "" },
	{ "cap-written", "@caps !ps:0x4c/4=0", "@caps ps:0x8c/4=0 ps:0x90/4=4", "" },
	{ "notify-offset", NOTIFYCAP("1", "0x1000", "4") "@neg s:queue_select=0 !g:queue_size=256",
	  NOTIFYCAP("2", "0x1000", "4") "@neg s:queue_select=0 g:queue_size=256",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-multiplier",
	  NOTIFYCAP("0", "0x1000", "6") "@neg s:queue_select=0 !g:queue_size=256",
	  NOTIFYCAP("0", "0x1000", "2") "@neg s:queue_select=0 g:queue_size=256",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-length", NOTIFYCAP("0", "8", "4") "@neg s:queue_select=3 !g:queue_notify_off=3",
	  NOTIFYCAP("0", "14", "4") "@neg s:queue_select=3 g:queue_notify_off=3",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-offset-data", NOTIFYCAP("2", "0x1000", "4") DATA "!g:queue_size=256",
	  NOTIFYCAP("4", "0x1000", "4") DATA "g:queue_size=256",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-multiplier-data", NOTIFYCAP("0", "0x1000", "2") DATA "!g:queue_size=256",
	  NOTIFYCAP("0", "0x1000", "4") DATA "g:queue_size=256",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-length-data", NOTIFYCAP("0", "6", "4") DATA "!g:queue_notify_off=1",
	  NOTIFYCAP("0", "8", "4") DATA "g:queue_notify_off=1",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "pci-interrupt-status", "@up A K C5 U5 I X1 T+5 !pg:6/2=0x10",
	  "@up A K C5 U5 I X1 T+5 pg:6/2=0x18", "" },

	{ "window-misaligned", "@caps ps:0x88/4=4 ps:0x8c/4=2 ps:0x90/4=4 !pg:0x94/4=0",
	  "@caps ps:0x88/4=4 ps:0x8c/4=4 ps:0x90/4=4 pg:0x94/4=0", "" },
	{ "window-outside", "@caps ps:0x88/4=4 ps:0x8c/4=0x100000 ps:0x90/4=4 !pg:0x94/4=0",
	  "@caps ps:0x88/4=4 ps:0x8c/4=0x1000 ps:0x90/4=1 pg:0x94/4=0", "" },
#define ODDCAP(head, bar) \
	"pg:0x34/1=0x40 pg:0x40/4=0x01105009 pg:0x44/4=4 pg:0x48/4=0 pg:0x4c/4=0x1000 " \
	"pg:0x50/4=" head " pg:0x54/4=" bar \
	" pg:0x58/4=0x3000 pg:0x5c/4=0x1000 pg:0x84/4=0x05140009 " \
	"ps:0x88/4=" bar " ps:0x8c/4=0x3000 ps:0x90/4=4 "
	{ "cap-reserved-type-used", ODDCAP("0xc8108409", "4") "!pg:0x94/4=0",
	  ODDCAP("0x04108409", "4") "pg:0x94/4=0",
	  "cap-notify-missing,cap-isr-missing,cap-device-missing" },
	{ "cap-reserved-bar-used", ODDCAP("0x04108409", "7") "!pg:0x94/4=0",
	  ODDCAP("0x04108409", "4") "pg:0x94/4=0",
	  "cap-notify-missing,cap-isr-missing,cap-device-missing" },
	{ "cap-later-instance", ODDCAP("0x01108409", "4") "!pg:0x94/4=0",
	  ODDCAP("0x04108409", "4") "pg:0x94/4=0",
	  "cap-notify-missing,cap-isr-missing,cap-device-missing" },
	{ "window-read-wrong",
	  "@caps ps:0x88/4=4 ps:0x8c/4=0x12 ps:0x90/4=2 v:g:device_status=0 !pg:0x94/4=1",
	  "@caps ps:0x88/4=4 ps:0x8c/4=0x12 ps:0x90/4=2 v:g:num_queues=1 pg:0x94/4=1", "" },
	{ "window-write-wrong",
	  "@caps ps:0x88/4=4 ps:0x8c/4=0x14 ps:0x90/4=1 ps:0x94/4=0 !v:s:queue_select=0",
	  "@caps ps:0x88/4=4 ps:0x8c/4=0x14 ps:0x90/4=1 ps:0x94/4=0 v:s:device_status=0", "" },

	{ "msix-table-small", "pg:0x34/1=0x98 !pg:0x98/4=0x00000011",
	  "pg:0x34/1=0x98 pg:0x98/4=0x00010011", "" },
	{ "vector-outside-table", VECTORS "!s:queue_msix_vector=3", VECTORS "s:queue_msix_vector=2",
	  "pci-modern-without-caps" },
	{ "vector-not-read-back", "@neg @queue s:queue_msix_vector=1 !s:queue_enable=1",
	  "@neg @queue s:queue_msix_vector=1 g:queue_msix_vector=1 s:queue_enable=1", "" },
	{ "vector-shown", "@neg s:queue_select=0 s:queue_msix_vector=1 !g:queue_msix_vector=0",
	  "@neg s:queue_select=0 s:queue_msix_vector=1 g:queue_msix_vector=0xffff", "" },
	{ "vector-unmapping", "@neg s:config_msix_vector=0xffff !g:config_msix_vector=0",
	  "@neg s:config_msix_vector=0xffff g:config_msix_vector=0xffff", "" },
	{ "vector-refused", VECTORS "s:queue_msix_vector=2 !g:queue_msix_vector=0xffff",
	  VECTORS "s:queue_msix_vector=2 g:queue_msix_vector=2", "pci-modern-without-caps" },
	{ "vector-after-reset", "@reset !g:config_msix_vector=0",
	  "@reset g:config_msix_vector=0xffff", "" },
	{ "interrupt-beyond-table", VECTORS "!M5",
	  VECTORS "s:queue_msix_vector=2 g:queue_msix_vector=2 M2",
	  "pci-modern-without-caps,interrupt-unmapped,served-before-driver-ok" },
	{ "interrupt-unmapped", VECTORS "!M1",
	  VECTORS "s:queue_msix_vector=1 g:queue_msix_vector=1 M1",
	  "pci-modern-without-caps,served-before-driver-ok" },
	{ "interrupt-no-vector",
	  VECTORS "s:queue_msix_vector=1 g:queue_msix_vector=1 s:queue_msix_vector=0xffff !M1q",
	  VECTORS "s:queue_msix_vector=1 g:queue_msix_vector=1 M1q",
	  "pci-modern-without-caps,served-before-driver-ok" },

	{ "isr-config-bit", "@up N X1 !isr=0", "@up N X1 isr=2", "" },
	{ "isr-queue-bit", "@up A K C5 U5 I X1 !isr=0", "@up A K C5 U5 I X1 isr=1", "" },
	{ "isr-not-cleared", "@up A K C5 U5 I X1 isr=1 !isr=1", "@up A K C5 U5 I X1 isr=1 isr=0",
	  "" },
	{ "isr-read-with-msix",
	  VECTORS
	  "s:queue_msix_vector=1 g:queue_msix_vector=1 @queue @enable @dok A K C5 U5 I !isr=0",
	  "@up A K C5 U5 I X1 isr=1", "pci-modern-without-caps" },
	{ "shared-interrupt-overlooked", "@up A K C5 U5 I N X1 isr=3 X0 T+700 A K C6 U6 I T+700 !K",
	  "@up A K C5 U5 I N X1 isr=3 X0 g=15 T+700 A K C6 U6 I T+700 K", "blk-capacity-unread" },
	{ "intx-unacknowledged", "@up A K C5 U5 I X1 T+700 A K T+700 !K",
	  "@up A K C5 U5 I X1 isr=1 T+700 A K T+700 K", "" },
	{ NULL, NULL, NULL, NULL },
};
