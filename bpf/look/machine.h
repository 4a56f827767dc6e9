/* SPDX-License-Identifier: MIT */
/* A QEMU that is looked at from outside: its process, its run state, offsets that only this needs. */
#ifndef VQT_BPF_LOOK_MACHINE_H
#define VQT_BPF_LOOK_MACHINE_H

#include "bpf/process/memory.h"
#include "bpf/qemu/discover.h"
#include "bpf/qemu/process.h"
#include "decoder/source/source.h"
#include "decoder/stuck/stuck.h"

struct machine {
	struct process p;
	struct foreign foreign;
	struct process_memory mem;
	struct qemu *q;
	uint64_t bias; /* what is added to addresses of its object */
	/* Offsets in PCIDevice; VQP_UNKNOWN. */
	uint16_t msix_masked, msix_table, msix_pba;
	/* Offset in VirtQueue of signalled_used, which signalled_used_valid follows. */
	uint16_t vq_signalled;
	uint64_t runstate; /* address of the run state; 0 unknown */
	uint32_t running; /* its value while the processors run */
	char state[32]; /* the run state as last read, in QEMU's words */
	bool asked, asked_paused; /* QMP's answer, if it was asked */
};

/* Negative errno with *err. */
int machine_open(struct machine *m, pid_t pid, const struct foreign_stop *stop,
		 struct source_error *err);
void machine_close(struct machine *m);
enum stuck_fact machine_stopped(const struct machine *m);
/* Whether the machine is paused; fills in m->state. */
enum stuck_fact machine_paused(struct machine *m);

#endif
