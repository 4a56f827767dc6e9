/* SPDX-License-Identifier: MIT */
/*
 * What the rules are accountable to: every normative statement of virtio 1.4 for
 * the core, PCI, block and network devices by a short ref of ours, the structural rules
 * (I01..) and the violations that real projects shipped (T01..).
 */
#ifndef VQT_DECODER_CHECK_REFS_H
#define VQT_DECODER_CHECK_REFS_H

#include <stddef.h>

struct rule_ref {
	const char *ref; /* "STATUS-D2" */
	char party; /* d driver, v device, b both */
	char force; /* M must, S should, m may */
};
extern const struct rule_ref rule_refs[]; /* ends with ref NULL */

/* What no rule looks at, and why not. */
struct rule_left_out {
	const char *refs; /* separated by spaces; a trailing * stands for anything */
	const char *reason;
};
extern const struct rule_left_out rule_left_out[]; /* ends with refs NULL */

/* A violation that shipped; rank 1 to 40. */
struct rule_known {
	const char *what;
	const char *where; /* projects and their issue numbers */
};
extern const struct rule_known rule_known[]; /* [rank - 1] */
#define RULE_KNOWN 40
#define RULE_STRUCTURAL 27

#endif
