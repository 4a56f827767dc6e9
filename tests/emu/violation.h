/* SPDX-License-Identifier: MIT */
/*
 * Rules that a driver can break, by name, and a workload that shows a device's
 * faults (emu/virtio/fault.h).  Each is played on a new in-process block device and
 * leaves a trace through the tap.
 */
#ifndef VQT_TESTS_EMU_VIOLATION_H
#define VQT_TESTS_EMU_VIOLATION_H

#include "tests/emu/testbed.h"

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
 * The workload of a driver that breaks no rule, on a device with that fault (NULL:
 * none): requests on two queues, a configuration change, an error, a reset, and all
 * of it again.
 */
struct emu_workload {
	bool packed, event_idx, indirect, in_order, intx;
};
int emu_fault_play(const struct emu_fault *fault, const struct emu_workload *w,
		   const struct emu_tap_config *tap);

#endif
