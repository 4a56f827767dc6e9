/* SPDX-License-Identifier: MIT */
/* What no rule looks at, with the reason; see check_refs.h. */
#include "tests/unit/check_refs.h"

const struct check_left_out check_left_out[] = {
	{ "NET-*", "the network device: its rules come with its chapter" },

	{ "FEAT-B1 QRESET-D2 BITS-D2 BITS-D8 BITS-D11 BITS-V2 BITS-V4 BITS-V6 BITS-V7 BITS-V10 "
	  "SPLIT-V2 SPLIT-D14 SPLIT-D16 SPLIT-V15 SPLIT-V17 SPLIT-V19 SPLIT-D26 SPLIT-D27 SPLIT-D28 "
	  "SPLIT-V21 SPLIT-V22 SPLIT-D31 PACKED-V3 PACKED-D5 PACKED-V8 PACKED-D16 PACKED-V9 PACKED-V10 "
	  "PACKED-D19 PCIDISC-V2 PCIDISC-V5 PCIDISC-D4 PCICAP-D2 PCICAP-V2 PCICAP-V3 PCICAP-V4 "
	  "PCICAP-D3 PCICAP-V6 COMMON-V5 COMMON-D8 COMMON-D9 COMMON-D11 MSIX-D2 MSIX-D3 MSIX-D6 "
	  "NOTIFY-B1 MMIO-D7 MMIO-D9 MMIO-D22 MMIO-D23 BLKINIT-D2 BLKINIT-D7 BLKINIT-D9 BLKINIT-V12 BLKINIT-V17 BLKLEG-D1 BLKOP-D12 "
	  "BLKOP-D19 BLKOP-D24 BLKOP-V1 BLKOP-V6 BLKOP-V7 BLKOP-V12 BLKOP-V32 BLKLEG-D4",
	  "a permission: nothing can break it" },

	/* Nothing of it is in the conversation. */
	{ "FEAT-B2 BLKLEG-V1 MMIOINIT-D6",
	  "an umbrella over other statements, which have their own rules" },
	{ "BITS-D7 SPLIT-D29 SPLIT-D30 PACKED-D17 PACKED-D18",
	  "a memory barrier leaves no trace; what a missing one does is found by the rules about missing "
	  "notifications and wrong chains" },
	{ "DEVCFG-D3 DEVCFG-D4 PCICAP-D8 BLKLEG-D2 BLKLEG-D6 SPLIT-D18 PACKED-D9 BLKOP-D13 BLKOP-D15 "
	  "BLKOP-D16 MMIO-D11 MMIO-D18 MMIOINIT-D5 MMIOINT-D2",
	  "what a driver assumes or maps inside itself is not in a trace" },
	{ "BLKINIT-D5 BLKINIT-D8 BLKINIT-D10",
	  "what zone models a driver can handle is not in a trace" },
	{ "BITS-V3 BITS-V8 PCICAP-V7 MSIX-V3 SHM-V1",
	  "a property of the platform, or a matter of performance or purpose" },
	{ "BLKOP-V9 BLKOP-V13 BLKOP-V14", "a property of the storage behind the device" },
	{ "PCIDEV-V5 PCIDEV-V8", "a side effect of a read cannot be told from a change by itself" },
	{ "PACKED-V7", "the order inside one list leaves no mark: there is one used descriptor" },
	{ "BLKOP-D17",
	  "sectors are counted in 512 bytes in the header itself: it cannot be broken" },
	{ "BLKOP-V37", "the other of two allowed ways" },

	/* The device has to ask for it: replay and the emulator can, a recording cannot. */
	{ "FEAT-D8 SPLIT-D17 PCIDISC-D1 PCIDISC-D2 PCIDISC-D3 PCICAP-D6 PCICAP-D9 MSIX-D1",
	  "what a driver bears shows only when a device tries it: an active test with the emulator" },

	/* Needs capture that there is not yet. */
	{ "PACKED-V6",
	  "needs capture: used descriptors read again until the driver takes them, and a memory "
	  "watch to tell who wrote" },
	{ "SPLIT-V13", "needs capture: used elements read again after used.idx moved" },
	{ "BLKOP-V8 BLKOP-V35 BLKOP-V36", "needs capture: the data of reads in full" },

	/* A check would be a guess. */
	{ "MMIOINIT-D2",
	  "a device's type may be known from elsewhere, or have been read before the recording began" },
	{ "PCILEG-V7 PCILEG-V8",
	  "that a legacy driver for the device once existed is not in a trace" },
	{ "PCILEG-D7", "what kind of driver looks at a device without capabilities is not known" },
	{ 0 },
};
