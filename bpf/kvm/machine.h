/* SPDX-License-Identifier: MIT */
/*
 * From the hits of KVM's tracepoints to records: which virtio devices a machine has, and what of its
 * accesses and interrupts is theirs.  Pure: no kernel, no clock.
 *
 * The guest is hostile.  Devices, areas and functions that are remembered are limited; what exceeds
 * a limit, and what cannot be said for sure to be a device's, is counted.
 */
#ifndef VQT_BPF_KVM_MACHINE_H
#define VQT_BPF_KVM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/prog/kvm.h"

#define MACHINE_DEVICES 64 /* virtio functions that are remembered */

struct machine;

struct machine_config {
	/* The record; its header's source and seq are the callee's to set. */
	void (*emit)(void *ctx, void *record, size_t len);
	void *ctx;
	uint16_t *devices; /* the latest id that was given to a device of this trace; borrowed */
	bool late; /* the guest ran before: VQT_DEV_LATE */
};

struct machine_stats {
	unsigned devices;
	uint64_t kicks, interrupts;
	uint64_t elsewhere; /* accesses to memory in no known structure of virtio */
	uint64_t unknown_msi,
		unknown_line; /* messages, changes of lines that are no known device's */
	uint64_t limited; /* devices that were too many */
	uint64_t overlapping; /* accesses to where several devices are */
	uint64_t crowded; /* of unknown_msi: so many entries of MSI-X tables may send them */
};

struct machine *machine_new(const struct machine_config *c); /* NULL: no memory */
void machine_free(struct machine *m);
/* Consume one hit of vqk_kind VQK_MMIO_READ to VQK_LINE. */
void machine_event(struct machine *m, const struct vqk_event *e);
/* Hits are missing here: what is known by the order of hits is known no more. */
void machine_lost(struct machine *m);
/* The device with this id again, if it has it, as a new file needs it; ts: ns. */
void machine_describe(struct machine *m, uint64_t ts, uint16_t id);
struct machine_stats machine_stats(const struct machine *m);

#endif
