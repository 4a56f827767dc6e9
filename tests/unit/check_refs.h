/* SPDX-License-Identifier: MIT */
/*
 * What the rules are accountable to: every normative statement of virtio 1.4 for the core,
 * PCI, block and network devices by a short ref of ours, and what no rule looks at, with the
 * reason.  check_test proves that rules and reasons together account for every statement.
 *
 * A ref is a section's name, who is bound, and a number: statements are counted in the order
 * of the specification, those of the driver, the device and both each by themselves.  The
 * text is not repeated here; `vqtrace check --list -T json` shows the section and the refs of
 * each rule.
 */
#ifndef VQT_TESTS_UNIT_CHECK_REFS_H
#define VQT_TESTS_UNIT_CHECK_REFS_H

struct check_ref {
	const char *ref; /* "STATUS-D2": D of the driver, V of the device, B of both */
	char force; /* M must, S should, m may */
};
extern const struct check_ref check_refs[]; /* ends with ref NULL */

struct check_left_out {
	const char *refs; /* separated by spaces; a trailing * stands for anything */
	const char *reason;
};
extern const struct check_left_out check_left_out[]; /* ends with refs NULL */

/* The structural rules: I01 to I27. */
#define CHECK_STRUCTURAL_RULES 27

#endif
