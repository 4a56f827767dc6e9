/* SPDX-License-Identifier: MIT */
/*
 * Interface between the programs at KVM's tracepoints and user space.  Included by BPF C: fixed
 * layouts and <linux/types.h> only.
 */
#ifndef VQT_BPF_PROG_KVM_H
#define VQT_BPF_PROG_KVM_H

#include <linux/types.h>

#include "decoder/trace/event.h"

#define VQK_MACHINES 256 /* processes with a virtual machine, and their children */
#define VQK_EXITS 1024 /* reasons to exit that are counted apart */

enum vqk_kind {
	VQK_MMIO_READ = 1, /* addr: guest-physical */
	VQK_MMIO_WRITE = 2,
	VQK_MMIO_FAST = 3, /* a write whose width and value KVM has not looked at */
	VQK_PIO_READ = 4, /* addr: port */
	VQK_PIO_WRITE = 5,
	VQK_MSI = 6, /* addr, value: of the message */
	VQK_LINE = 7, /* addr: GSI, value: level */
	/*
	 * What KVM is asked for, and what it has done: addr: guest-physical, value: bytes (0: removed),
	 * count: slot, host, width: flags, and the machine's descriptor above them.
	 */
	VQK_SLOT = 8,
	VQK_SLOT_SET = 9,
};

#define VQK_SLOT_FLAGS 0xff
#define VQK_SLOT_FD 8 /* bits */

/* One hit of a tracepoint. */
struct vqk_event {
	struct vqt_hdr h; /* ts, tid, cpu; seq counts those of the machine, lost ones too */
	__u32 pid; /* of the machine */
	__u16 kind; /* enum vqk_kind */
	__u16 pad;
	__u32 width; /* bytes of the access, or of each of several */
	__u32 count; /* accesses of one instruction: value is that of the first */
	__u64 addr, value;
	__u64 host; /* host-virtual address */
};

/* By process: of the kernel's first PID namespace. */
struct vqk_machine {
	__u32 pid; /* as user space sees it; 0: not known yet */
	__u32 seq;
};

/* Why a processor of the guest stopped running it; the key of a counter. */
enum vqk_exit_kind {
	VQK_EXIT_USER = 0, /* to user space: KVM_EXIT_* */
	VQK_EXIT_VMX = 1, /* to KVM: basic exit reason of Intel's, code of AMD's */
	VQK_EXIT_SVM = 2,
	VQK_EXIT_SIGNAL = 3, /* KVM_RUN ended with an error: mostly a signal */
};

struct vqk_exit {
	__u32 kind; /* enum vqk_exit_kind */
	__u32 reason;
};

#endif
