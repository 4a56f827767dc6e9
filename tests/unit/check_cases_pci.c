/* SPDX-License-Identifier: MIT */
/* PCI, MSI-X, ISR status: decoder/check/rules/pci.c, decoder/check/rules/window.c, decoder/check/rules/msix.c, decoder/check/rules/isr.c. */
#include <stddef.h>

#include "tests/unit/check_cases.h"

/* One capability at 0x40: header word, bar and id, offset, length, and one word more. */
#define CAP(head, bar, offset, length) \
	"read pci@0x34/1 0x40; read pci@0x40/4 " head "; read pci@0x44/4 " bar "; " \
	"read pci@0x48/4 " offset "; ! read pci@0x4c/4 " length
#define NEARCAP(head, bar, offset, length) \
	"read pci@0x34/1 0x40; read pci@0x40/4 " head "; read pci@0x44/4 " bar "; " \
	"read pci@0x48/4 " offset "; read pci@0x4c/4 " length
/* A list of capabilities with the types given, the last of which ends it. */
#define LIST(a, b, c, d) \
	"read pci@0x34/1 0x40; read pci@0x40/4 0x" a "105009; read pci@0x50/4 0x" b "106009; " \
	"read pci@0x60/4 0x" c "107009; ! read pci@0x70/4 0x" d "100009"
#define NOTIFYCAP(offset, length, multiplier) \
	"read pci@0x34/1 0x40; read pci@0x40/4 0x02140009; read pci@0x44/4 0; " \
	"read pci@0x48/4 " offset "; read pci@0x4c/4 " length "; read pci@0x50/4 " multiplier "; "
#define DATA \
	"reset; acknowledge; offer 0x30006a46 0x41; accept 0x10006a46 1; features-ok; " \
	"write queue_select 0; "
#define MODERN "read pci@0/4 0x10421af4; "
#define OLD "read pci@0/4 0x10011af4; "
#define VENDOR "read pci@0x34/1 0x40; read pci@0x40/4 0x09100009; "
#define VECTORS "enable-msix; negotiate; write queue_select 0; read queue_size 256; "

/* One vector for the queue and for configuration changes. */
#define SHARE \
	"write config_msix_vector 0; read config_msix_vector 0; write queue_msix_vector 0; " \
	"read queue_msix_vector 0; "
#define QUEUE_RESET "enable-msix; up-queue-reset; write queue_reset 1; read queue_reset 0; " SHARE

const struct check_case check_cases_pci[] = {
	{ "pci-vendor-id", "! read pci@0/4 0x10421af5", MODERN, "" },
	{ "pci-device-id", "! read pci@0/4 0x10411af4", MODERN, "" },
	{ "pci-revision", MODERN "! read pci@8/4 0x01000000", MODERN "read pci@8/4 0x01000001",
	  "" },
	{ "pci-subsystem", MODERN "! read pci@0x2c/4 0x00021af4",
	  MODERN "read pci@0x2c/4 0x11001af4", "" },
	{ "pci-revision-transitional", OLD "! read pci@8/4 0x01000001",
	  OLD "read pci@8/4 0x01000000", "" },
	{ "pci-subsystem-transitional", OLD "! read pci@0x2c/4 0x00011af4",
	  OLD "read pci@0x2c/4 0x00021af4", "" },
	{ "pci-legacy-bar", OLD "! read pci@0x10/4 0xfe000000", OLD "read pci@0x10/4 0xc001", "" },
	{ "pci-legacy-id", MODERN "read pci@0x34/1 0x40; ! write legacy.device_status 0",
	  OLD "read pci@0x34/1 0x40; write legacy.device_status 0", "" },
	{ "pci-list-unread", MODERN "! write status 0",
	  MODERN "read pci@0x34/1 0x40; write status 0", "" },
	{ "pci-list-unread-legacy", OLD "! write legacy.device_status 0",
	  OLD "read pci@0x34/1 0x40; write legacy.device_status 0", "" },
	{ "pci-modern-without-caps",
	  "read pci@0x34/1 0x40; read pci@0x40/4 0x00020011; ! write status 0",
	  "read-caps; write status 0", "" },
	{ "cap-common-missing", LIST("03", "04", "02", "05"), "read-caps", "cap-length" },
	{ "cap-notify-missing", LIST("01", "03", "04", "05"), "read-caps", "cap-length" },
	{ "cap-isr-missing", LIST("01", "02", "04", "05"), "read-caps", "cap-length" },
	{ "cap-device-missing", LIST("01", "02", "03", "05"), "read-caps", "cap-length" },
	{ "cap-window-missing", LIST("01", "02", "03", "04"), "read-caps", "cap-length" },
	{ "cap-length", CAP("0x02105009", "4", "0x3000", "0x1000"),
	  NEARCAP("0x01105009", "4", "0", "0x1000"), "" },
	{ "cap-common-aligned", CAP("0x01105009", "4", "2", "0x1000"),
	  NEARCAP("0x01105009", "4", "4", "0x1000"), "" },
	{ "cap-device-aligned", CAP("0x04105009", "4", "1", "0x1000"),
	  NEARCAP("0x04105009", "4", "8", "0x1000"), "" },
	{ "cap-outside-bar",
	  "write pci@0x20/4 0xffffffff; read pci@0x20/4 0xffffc00c; " CAP("0x01105009", "4",
									  "0x3000", "0x2000"),
	  "write pci@0x20/4 0xffffffff; read pci@0x20/4 0xffffc00c; " NEARCAP("0x01105009", "4",
									      "0x3000", "0x1000"),
	  "" },
	{ "cap-shm-outside-bar",
	  "write pci@0x20/4 0xffffffff; read pci@0x20/4 0xffffc00c; read pci@0x34/1 0x40; "
	  "read pci@0x40/4 0x08185c09; read pci@0x44/4 4; read pci@0x48/4 0x3000; "
	  "read pci@0x4c/4 0x2000; ! read pci@0x50/4 0",
	  "write pci@0x20/4 0xffffffff; read pci@0x20/4 0xffffc00c; read pci@0x34/1 0x40; "
	  "read pci@0x40/4 0x08185c09; read pci@0x44/4 4; read pci@0x48/4 0x3000; "
	  "read pci@0x4c/4 0x1000; read pci@0x50/4 0",
	  "" },
#define SHM(second) \
	"read pci@0x34/1 0x40; read pci@0x40/4 0x08185c09; read pci@0x44/4 4; read pci@0x48/4 0; " \
	"read pci@0x4c/4 0x1000; read pci@0x50/4 0; read pci@0x54/4 0; " \
	"read pci@0x5c/4 0x08180009; read pci@0x60/4 " second "; read pci@0x64/4 0; " \
	"read pci@0x68/4 0x1000; ! read pci@0x6c/4 0"
	{ "cap-shm-id", SHM("4"), "read-caps",
	  "cap-common-missing,cap-notify-missing,cap-isr-missing,"
	  "cap-device-missing,cap-window-missing" },
	{ "cap-vendor-id", VENDOR "! read pci@0x44/4 0x1af4", VENDOR "read pci@0x44/4 0x8086",
	  "cap-common-missing,cap-notify-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "cap-vendor-length",
	  "read pci@0x34/1 0x40; read pci@0x40/4 0x090e5009; ! read pci@0x44/4 0x8086",
	  "read pci@0x34/1 0x40; read pci@0x40/4 0x090c5009; read pci@0x44/4 0x8086", "" },
	{ "cap-vendor-written",
	  "read pci@0x34/1 0x40; read pci@0x40/4 0x09105009; read pci@0x44/4 0x8086; "
	  "! write pci@0x48/4 1",
	  "read pci@0x34/1 0x40; read pci@0x40/4 0x09105009; read pci@0x44/4 0x8086; "
	  "read pci@0x48/4 1",
	  "" },
	{ "cap-vendor-unread",
	  "read pci@0x34/1 0x40; read pci@0x40/4 0x09105009; ! read pci@0x48/4 1",
	  "read pci@0x34/1 0x40; read pci@0x40/4 0x09105009; read pci@0x44/4 0x8086; "
	  "read pci@0x48/4 1",
	  "" },
	{ "cap-written", "read-caps; ! write pci@0x4c/4 0",
	  "read-caps; write pci@0x8c/4 0; write pci@0x90/4 4", "" },
	{ "notify-offset",
	  NOTIFYCAP("1", "0x1000", "4") "negotiate; write queue_select 0; ! read queue_size 256",
	  NOTIFYCAP("2", "0x1000", "4") "negotiate; write queue_select 0; read queue_size 256",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-multiplier",
	  NOTIFYCAP("0", "0x1000", "6") "negotiate; write queue_select 0; ! read queue_size 256",
	  NOTIFYCAP("0", "0x1000", "2") "negotiate; write queue_select 0; read queue_size 256",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-length",
	  NOTIFYCAP("0", "8", "4") "negotiate; write queue_select 3; ! read queue_notify_off 3",
	  NOTIFYCAP("0", "14", "4") "negotiate; write queue_select 3; read queue_notify_off 3",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	/* Of a queue that is not there nothing is said: by num_queues, and by its size. */
	{ "notify-length",
	  NOTIFYCAP("0", "8", "4") "read num_queues 4; negotiate; write queue_select 3; "
				   "read queue_size 64; ! read queue_notify_off 3",
	  NOTIFYCAP("0", "8", "4") "read num_queues 1; negotiate; write queue_select 3; "
				   "read queue_notify_off 3",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-length",
	  NOTIFYCAP("0", "8", "4") "negotiate; write queue_select 3; read queue_size 64; "
				   "! read queue_notify_off 3",
	  NOTIFYCAP("0", "8", "4") "negotiate; write queue_select 3; read queue_size 0; "
				   "read queue_notify_off 3",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-offset-data", NOTIFYCAP("2", "0x1000", "4") DATA "! read queue_size 256",
	  NOTIFYCAP("4", "0x1000", "4") DATA "read queue_size 256",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-multiplier-data", NOTIFYCAP("0", "0x1000", "2") DATA "! read queue_size 256",
	  NOTIFYCAP("0", "0x1000", "4") DATA "read queue_size 256",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "notify-length-data", NOTIFYCAP("0", "6", "4") DATA "! read queue_notify_off 1",
	  NOTIFYCAP("0", "8", "4") DATA "read queue_notify_off 1",
	  "cap-common-missing,cap-isr-missing,cap-device-missing,cap-window-missing" },
	{ "pci-interrupt-status",
	  "up; avail; kick; pop 5; use 5; interrupt; intx 1; wait 5ms; ! read pci@6/2 0x10",
	  "up; avail; kick; pop 5; use 5; interrupt; intx 1; wait 5ms; read pci@6/2 0x18", "" },

	{ "window-misaligned",
	  "read-caps; write pci@0x88/4 4; write pci@0x8c/4 2; write pci@0x90/4 4; "
	  "! read pci@0x94/4 0",
	  "read-caps; write pci@0x88/4 4; write pci@0x8c/4 4; write pci@0x90/4 4; read pci@0x94/4 0",
	  "" },
	{ "window-outside",
	  "read-caps; write pci@0x88/4 4; write pci@0x8c/4 0x100000; write pci@0x90/4 4; "
	  "! read pci@0x94/4 0",
	  "read-caps; write pci@0x88/4 4; write pci@0x8c/4 0x1000; write pci@0x90/4 1; "
	  "read pci@0x94/4 0",
	  "" },
#define ODDCAP(head, bar) \
	"read pci@0x34/1 0x40; read pci@0x40/4 0x01105009; read pci@0x44/4 4; read pci@0x48/4 0; " \
	"read pci@0x4c/4 0x1000; read pci@0x50/4 " head "; read pci@0x54/4 " bar "; " \
	"read pci@0x58/4 0x3000; read pci@0x5c/4 0x1000; read pci@0x84/4 0x05140009; " \
	"write pci@0x88/4 " bar "; write pci@0x8c/4 0x3000; write pci@0x90/4 4; "
	{ "cap-reserved-type-used", ODDCAP("0xc8108409", "4") "! read pci@0x94/4 0",
	  ODDCAP("0x04108409", "4") "read pci@0x94/4 0",
	  "cap-notify-missing,cap-isr-missing,cap-device-missing" },
	{ "cap-reserved-bar-used", ODDCAP("0x04108409", "7") "! read pci@0x94/4 0",
	  ODDCAP("0x04108409", "4") "read pci@0x94/4 0",
	  "cap-notify-missing,cap-isr-missing,cap-device-missing" },
	{ "cap-later-instance", ODDCAP("0x01108409", "4") "! read pci@0x94/4 0",
	  ODDCAP("0x04108409", "4") "read pci@0x94/4 0",
	  "cap-notify-missing,cap-isr-missing,cap-device-missing" },
	{ "window-read-wrong",
	  "read-caps; write pci@0x88/4 4; write pci@0x8c/4 0x12; write pci@0x90/4 2; "
	  "window read device_status 0; ! read pci@0x94/4 1",
	  "read-caps; write pci@0x88/4 4; write pci@0x8c/4 0x12; write pci@0x90/4 2; "
	  "window read num_queues 1; read pci@0x94/4 1",
	  "" },
	{ "window-write-wrong",
	  "read-caps; write pci@0x88/4 4; write pci@0x8c/4 0x14; write pci@0x90/4 1; "
	  "write pci@0x94/4 0; ! window write queue_select 0",
	  "read-caps; write pci@0x88/4 4; write pci@0x8c/4 0x14; write pci@0x90/4 1; "
	  "write pci@0x94/4 0; window write device_status 0",
	  "" },

	{ "msix-table-small", "read pci@0x34/1 0x98; ! read pci@0x98/4 0x00000011",
	  "read pci@0x34/1 0x98; read pci@0x98/4 0x00010011", "" },
	{ "vector-outside-table", VECTORS "! write queue_msix_vector 3",
	  VECTORS "write queue_msix_vector 2", "pci-modern-without-caps" },
	{ "vector-not-read-back",
	  "negotiate; setup; write queue_msix_vector 1; write queue_enable 1; ! write status 15",
	  "negotiate; setup; write queue_msix_vector 1; read queue_msix_vector 1; "
	  "write queue_enable 1; write status 15",
	  "" },
	/* All are mapped, then all are read; and one that was not needs no look. */
	{ "vector-not-read-back",
	  "negotiate; write config_msix_vector 0; setup; write queue_msix_vector 1; enable; "
	  "write queue_select 1; read queue_size 256; write queue_msix_vector 0xffff; "
	  "read config_msix_vector 0; ! write status 15",
	  "negotiate; write config_msix_vector 0; setup; write queue_msix_vector 1; enable; "
	  "write queue_select 1; read queue_size 256; write queue_msix_vector 0xffff; "
	  "read config_msix_vector 0; write queue_select 0; read queue_msix_vector 1; "
	  "write status 15",
	  "" },
	{ "vector-not-read-back",
	  "up; write queue_msix_vector 1; wait 2000ms; avail; ! kick width 2",
	  "up; write queue_msix_vector 1; avail; kick width 2; read queue_msix_vector 1; "
	  "wait 2000ms; avail; kick width 2",
	  "kick-unasked" },
	{ "vector-shown",
	  "negotiate; write queue_select 0; write queue_msix_vector 1; ! read queue_msix_vector 0",
	  "negotiate; write queue_select 0; write queue_msix_vector 1; "
	  "read queue_msix_vector 0xffff",
	  "" },
	{ "vector-unmapping",
	  "negotiate; write config_msix_vector 0xffff; ! read config_msix_vector 0",
	  "negotiate; write config_msix_vector 0xffff; read config_msix_vector 0xffff", "" },
	{ "vector-refused", VECTORS "write queue_msix_vector 2; ! read queue_msix_vector 0xffff",
	  VECTORS "write queue_msix_vector 2; read queue_msix_vector 2",
	  "pci-modern-without-caps" },
	{ "vector-after-reset", "reset; ! read config_msix_vector 0",
	  "reset; read config_msix_vector 0xffff", "" },
	{ "interrupt-beyond-table", VECTORS "! interrupt vector 5",
	  VECTORS "write queue_msix_vector 2; read queue_msix_vector 2; interrupt vector 2",
	  "pci-modern-without-caps,interrupt-unmapped,served-before-driver-ok" },
	{ "interrupt-unmapped", VECTORS "! interrupt vector 1",
	  VECTORS "write queue_msix_vector 1; read queue_msix_vector 1; interrupt vector 1",
	  "pci-modern-without-caps,served-before-driver-ok" },
	{ "served-before-driver-ok", VECTORS SHARE "! interrupt vector 0 queue",
	  VECTORS SHARE "interrupt config; interrupt vector 0", "pci-modern-without-caps" },
	{ "qreset-busy", QUEUE_RESET "! interrupt vector 0 queue",
	  QUEUE_RESET "interrupt config; interrupt vector 0", "pci-modern-without-caps" },
	{ "interrupt-no-vector",
	  VECTORS
	  "write queue_msix_vector 1; read queue_msix_vector 1; write queue_msix_vector 0xffff; "
	  "! interrupt vector 1 queue",
	  VECTORS "write queue_msix_vector 1; read queue_msix_vector 1; interrupt vector 1 queue",
	  "pci-modern-without-caps,served-before-driver-ok" },

	{ "isr-read-with-msix",
	  VECTORS SHARE
	  "write status 15; interrupt config; read isr 2; interrupt vector 0 queue; ! read isr 0",
	  VECTORS SHARE "write status 15; interrupt vector 0 queue; interrupt config; read isr 2",
	  "pci-modern-without-caps,driver-ok-without-queue" },
	{ "isr-config-bit", "up; interrupt config; intx 1; ! read isr 0",
	  "up; interrupt config; intx 1; read isr 2", "" },
	{ "isr-queue-bit", "up; avail; kick; pop 5; use 5; interrupt; intx 1; ! read isr 0",
	  "up; avail; kick; pop 5; use 5; interrupt; intx 1; read isr 1", "" },
	{ "isr-not-cleared",
	  "up; avail; kick; pop 5; use 5; interrupt; intx 1; read isr 1; ! read isr 1",
	  "up; avail; kick; pop 5; use 5; interrupt; intx 1; read isr 1; read isr 0", "" },
	{ "isr-read-with-msix",
	  VECTORS
	  "write queue_msix_vector 1; read queue_msix_vector 1; setup; enable; driver-ok; avail; "
	  "kick; pop 5; use 5; interrupt; ! read isr 0",
	  "up; avail; kick; pop 5; use 5; interrupt; intx 1; read isr 1",
	  "pci-modern-without-caps" },
	{ "shared-interrupt-overlooked",
	  "up; avail; kick; pop 5; use 5; interrupt; interrupt config; intx 1; read isr 3; intx 0; "
	  "wait 700ms; avail; kick; pop 6; use 6; interrupt; wait 700ms; ! kick",
	  "up; avail; kick; pop 5; use 5; interrupt; interrupt config; intx 1; read isr 3; intx 0; "
	  "read status 15; wait 700ms; avail; kick; pop 6; use 6; interrupt; wait 700ms; kick",
	  "blk-capacity-unread" },
	{ "intx-unacknowledged",
	  "up; avail; kick; pop 5; use 5; interrupt; intx 1; read isr 1; intx 0; avail; kick; pop 5; "
	  "use 5; interrupt; intx 1; wait 700ms; avail; kick; wait 700ms; ! kick",
	  "up; avail; kick; pop 5; use 5; interrupt; intx 1; read isr 1; wait 700ms; avail; kick; "
	  "wait 700ms; kick",
	  "" },
	/* Read in the reset, by firmware, is not read for an interrupt. */
	{ "intx-never-read",
	  "up; read isr 0; avail; kick; pop 5; use 5; interrupt; intx 1; wait 700ms; avail; kick; "
	  "wait 700ms; ! kick",
	  "up; write pci@4/2 0x406; avail; kick; pop 5; use 5; interrupt; intx 1; wait 700ms; avail; "
	  "kick; wait 700ms; kick",
	  "" },
	{ NULL, NULL, NULL, NULL },
};
