/* SPDX-License-Identifier: MIT */
/*
 * Named wrong behaviour: what a driver can do against the rules, and workloads
 * that bring out a device's faults (emu/virtio/fault.h).  Each plays against a fresh
 * in-process device and leaves a trace through the tap.
 */
#ifndef VQT_EMU_DRIVER_VIOLATION_H
#define VQT_EMU_DRIVER_VIOLATION_H

#include "emu/driver/testbed.h"

struct emu_violation {
	const char *name; /* "kick-before-driver-ok" */
	uint8_t top40; /* rank in the list of shipped violations, 0 none */
	const char *clauses;
	const char *what; /* one sentence */
	int (*act)(struct emu_testbed *r);
	uint64_t features; /* for the driver, beside the block device's defaults */
	uint8_t how; /* EMU_VIOLATION_* */
};
#define EMU_VIOLATION_LEGACY 1 /* transitional device, legacy driver */
#define EMU_VIOLATION_INTX 2
#define EMU_VIOLATION_STEPS 4 /* act() brings the device up itself, after PCI probing and reset */
#define EMU_VIOLATION_READ_ONLY 8
#define EMU_VIOLATION_PLATFORM 16 /* the device offers ACCESS_PLATFORM */

const struct emu_violation *emu_violation_nth(unsigned n); /* NULL: no more */
const struct emu_violation *emu_violation_by_name(const char *name);
/* Play it; tap may be NULL.  0, or negative errno when it could not be set up. */
int emu_violation_play(const struct emu_violation *w, const struct emu_tap_config *tap);
/* The same; end() sees the device as the violation left it. */
int emu_violation_play_to(const struct emu_violation *w, const struct emu_tap_config *tap,
			  void (*end)(void *opaque, struct emu_testbed *r), void *opaque);

/*
 * A correct driver's workload (requests on two queues, configuration change, an
 * error, reset and a second life) on a device with that fault; NULL: a good one.
 */
struct emu_workload {
	bool packed, event_idx, indirect, in_order, intx;
};
int emu_fault_play(const struct emu_fault *fault, const struct emu_workload *w,
		   const struct emu_tap_config *tap);

#endif
