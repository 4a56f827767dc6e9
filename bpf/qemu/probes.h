/* SPDX-License-Identifier: MIT */
/* The table of probes on functions that QEMU exports, one row each. */
#ifndef VQT_BPF_QEMU_PROBES_H
#define VQT_BPF_QEMU_PROBES_H

#include "bpf/qemu/discover.h"

#define PROBE_SLOTS 5 /* of a cookie, for arguments */
#define PROBE_ARG(n) \
	((n) + 1) /* in a slot: the C argument n, counted from 0; a slot of 0 is empty */

struct probe_row {
	const char *symbol;
	const char *costs; /* what is missing from the trace without it */
	uint8_t program; /* enum qemu_program */
	uint8_t flags; /* QEMU_PROBE_* */
	uint16_t aux; /* of the cookie: depends on the program */
	uint8_t what; /* low byte of the cookie: enum vqp_object */
	uint8_t arg[PROBE_SLOTS]; /* PROBE_ARG() */
};

/*
 * Add a probe on the function at addr, at the first instruction where a probe is cheap; addr 0: a
 * probe that has no place.
 */
void probe_function(struct qemu *q, const char *name, uint64_t addr, const struct probe_row *row);

extern const struct probe_row probe_rows[];
extern const size_t probe_nrows;

#endif
