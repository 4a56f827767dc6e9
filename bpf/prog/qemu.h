/* SPDX-License-Identifier: MIT */
/*
 * Interface between the QEMU probe programs and user space: the offsets of a traced process,
 * the format of probe cookies, and map layouts.  Included by BPF C: fixed layouts and
 * <linux/types.h> only.
 */
#ifndef VQT_BPF_PROG_QEMU_H
#define VQT_BPF_PROG_QEMU_H

#include <linux/types.h>
#include <stdbool.h>

/* An offset that was not found; the facts that need it are not recorded. */
#define VQP_UNKNOWN 0xffff

/* Guest memory as QEMU has it mapped: hva = gpa + delta for lo <= gpa < hi. */
struct vqp_region {
	__u64 lo, hi, delta;
};
#define VQP_REGIONS 8

/* Offsets in QEMU's structures, and settings, of one traced process. */
struct vqp_proc {
	__u32 seq; /* next sequence number, atomically counted */
	__u32 snaplen;
	__u8 source;
	__u8 pad;
	__u16 cache_step; /* sizeof(MemoryRegionCache), 0 until BPF has found it */
	/* struct VirtIODevice */
	__u16 vdev_vq, vdev_features, vdev_broken, vdev_status, vdev_config_vector;
	/* struct VirtQueue */
	__u16 vq_size, vq_num, vq_desc, vq_avail, vq_used_addr, vq_caches;
	__u16 vq_last, vq_last_wrap, vq_used, vq_used_wrap;
	__u16 vq_index, vq_inuse, vq_vector, vq_vdev;
	__u16 dev_bus; /* struct DeviceState: parent_bus */
	__u16 vq_notifier; /* host_notifier: the eventfd of kicks */
	__u16 qiov_size; /* struct QEMUIOVector */
	__u16 vq_bytes; /* of a VirtQueue, up to the last field that each hit needs; at most VQP_VQ_BYTES */
	__u64 queues; /* bit n: record queue n (n < 63; bit 63 all others) */
};

/*
 * Known mappings of guest memory.  The BPF programs add regions, user space extends their
 * bounds.
 */
struct vqp_memory {
	struct vqp_region region[VQP_REGIONS];
	__u32 learning; /* 1 while a program changes the regions */
	__u32 pad;
};

/* Bytes of a VirtQueue that one read copies at most; all vq_ offsets above are below this. */
#define VQP_VQ_BYTES 192

/* Map key for objects in a process: their address and the process. */
struct vqp_key {
	__u64 ptr;
	__u32 tgid;
	__u32 pad;
};

/* A device, found under its VirtIODevice and under its proxy (VirtIOPCIProxy). */
struct vqp_dev {
	__u16 id; /* device id in the trace; 0: not a virtio device, ignore */
	__u8 skip; /* not selected for recording */
	__u8 begun; /* an object that QEMU has only begun to create: maybe no device (object_begins) */
	__u32 queues; /* highest queue index seen, plus 1 */
	__u64 vdev, proxy; /* 0 unknown */
};

#define VQP_QUEUE_MAX 1024 /* VIRTQUEUE_MAX_SIZE */
/* vqp_queue.head[] */
#define VQP_HEAD_OPEN 0x01 /* its VQT_AVAIL was recorded */
#define VQP_HEAD_UNREAD 0x02 /* its buffers could not be read when it was popped */
#define VQP_HEAD_INDIRECT 0x04 /* chain begins with one indirect descriptor */
#define VQP_HEAD_NO_TABLE 0x08 /* its indirect table could not be read when it was popped */
/* enum vqt_backend_op of what was submitted for it last; 0 nothing */
#define VQP_HEAD_OP(op) (((op)&15) << 4)
#define VQP_HEAD_GET_OP(head) ((head) >> 4)

struct vqp_queue {
	__u16 dev, index;
	__u16 seen; /* next position whose chain has not been recorded */
	__u8 valid; /* seen is valid */
	__u8 skip;
	__u64 vdev;
	__u32 tally; /* light: 1 + the index in the map of tallies, 0 none */
	__u16 none_at,
		none; /* packed: position where QEMU found no chain, and whether it is still waiting there */
	__u64 looked; /* light: ns when QEMU found no chain at `seen`; 0 if it has popped since */
	__u8 told; /* light: QEMU may have notified itself, and no kick has come since */
	__u8 pad[7];
	__u8 head[VQP_QUEUE_MAX];
};

/*
 * Light capture: the programs count the events of a queue instead of recording them.  All
 * counters but `flight` only grow.  Durations are counted in the buckets of struct hist
 * (decoder/util/histogram.h); user space asserts that both layouts agree.
 */
#define VQP_HIST_SUB_BITS 4
#define VQP_HIST_OCTAVES 40
#define VQP_HIST_BUCKETS (((VQP_HIST_OCTAVES - VQP_HIST_SUB_BITS + 1) << VQP_HIST_SUB_BITS) + 1)

/*
 * Requests are counted by their first 32-bit word, one group for each of these type numbers
 * (of any class: the programs do not know the class, user space does), and one group for all
 * others.
 */
#define VQP_TYPES 5
#define VQP_GROUP_OTHER VQP_TYPES
#define VQP_GROUPS (VQP_TYPES + 1)

struct vqp_group {
	__u64 used; /* completions */
	__u64 errors; /* completions whose last written byte is not 0 */
	__u64 bytes_in, bytes_out; /* of all buffers, headers and status included */
	__u64 timed, sum; /* completions whose pop was seen; the sum of their durations, ns */
	__u32 bucket[VQP_HIST_BUCKETS];
};

/* vqp_tally.owner */
#define VQP_TALLY_FREE 0
#define VQP_TALLY_USED 1
#define VQP_TALLY_GONE 2 /* its queue was deleted: user space reads it once more and frees it */
#define VQP_TALLY_CLAIMED 3 /* being initialised: not to be read yet */

struct vqp_tally {
	__u32 owner;
	__u32 tgid;
	__u16 dev, index;
	__u32 flight, flight_max; /* requests popped and not used, as far as seen */
	__u32 pad;
	__u64 kicks, popped, signals, detached, dropped;
	struct vqp_group group[VQP_GROUPS];
	__u64 began[VQP_QUEUE_MAX]; /* by head: ns when it was popped, 0 not in flight */
};
#define VQP_TALLIES 1024 /* queues counted at a time */

/*
 * A probe's cookie names the kind of probe and, for up to five values, the register that
 * holds each one at the probed instruction.  User space finds the registers by decoding, so
 * one BPF program serves every QEMU build and every probe address.
 */
#define VQP_NO_REG 31
#define VQP_COOKIE_REG(n, reg) ((__u64)((reg)&31) << (8 + 5 * (n)))
#define VQP_COOKIE_OFF(off) ((__u64)((off)&0x7fff) << 33)
#define VQP_COOKIE_AUX(aux) ((__u64)(aux) << 48)
#define VQP_COOKIE(what) ((__u64)(what)&0xff)

/* Numbers of the registers in a cookie. */
enum vqp_reg {
	VQP_RAX,
	VQP_RBX,
	VQP_RCX,
	VQP_RDX,
	VQP_RSI,
	VQP_RDI,
	VQP_RBP,
	VQP_RSP,
	VQP_R8,
	VQP_R9,
	VQP_R10,
	VQP_R11,
	VQP_R12,
	VQP_R13,
	VQP_R14,
	VQP_R15,
};

/*
 * The type of object that the first value of a lifecycle probe points to (low byte of the
 * cookie).
 */
enum vqp_object {
	VQP_OBJ_NONE = 0,
	VQP_OBJ_VDEV = 1, /* VirtIODevice */
	VQP_OBJ_PCI = 2, /* PCIDevice, virtio or not */
	VQP_OBJ_VQ = 3, /* VirtQueue */
	VQP_OBJ_BUS = 4, /* VirtioBusState */
	VQP_OBJ_QDEV = 5, /* DeviceState of any device */
	VQP_OBJ_ENDS = 6, /* Object of any type, about to be removed: makes no VQT_LIFECYCLE */
	VQP_OBJ_KINDS = 7, /* mask */
	/* flags */
	VQP_LIFECYCLE_TEXT = 0x08, /* second value is a string to record */
	VQP_LIFECYCLE_TYPENAME = 0x10, /* record the object's QOM type name */
	VQP_LIFECYCLE_FORGET = 0x20, /* the device is being deleted */
	VQP_LIFECYCLE_REWIND = 0x40, /* the positions of its queues are reset */
	VQP_LIFECYCLE_IRQ = 0x80, /* makes a VQT_IRQ_CONFIG, not a VQT_LIFECYCLE */
};

/*
 * Cookie aux of lifecycle programs: enum vqt_lifecycle_what in the low byte.  With VQP_AUX_CALL the
 * probe is at the begin of the function and its ends are probed, too: then the offset of the first
 * value is 0, and in its place is the number of the function's name.
 */
#define VQP_AUX_CALL 0x8000
#define VQP_AUX_NAMED 0x2000 /* the same, but its ends are not known: it is no call */
#define VQP_AUX_BEGINS 0x4000 /* the first that is called of a device that is created */
#define VQP_COOKIE_NAME(cookie) ((__u32)((cookie) >> 33 & 0x7fff))
#define VQP_NAMES 2048 /* at most */

/*
 * What is at the end of a function, in the low byte of the cookie of a probe there.  The jumps are to
 * other functions, which return in its place.
 */
enum vqp_end {
	VQP_END_RETURN,
	VQP_END_JUMP, /* the ends of the other one are not probed */
	VQP_END_JUMP_KNOWN, /* they are: this one ends with the other one */
	VQP_END_JUMP_THROUGH, /* to the first value of the cookie, or what is in memory there */
};
#define VQP_AUX_IF \
	0x0100 /* if the condition holds that is in the low four bits, as in the opcode */
#define VQP_AUX_MEMORY 0x0200

/* cookie aux of register handlers: enum vqt_region in the low byte */
#define VQP_AUX_MMIO_NOTIFY 0x0100 /* writes are kicks */
#define VQP_AUX_IS_PIO 0x0200

/* cookie aux of the program for submissions: enum vqt_backend_op in the low byte */
#define VQP_AUX_QIOV 0x0100 /* the length is that of a QEMUIOVector */

/* cookie aux of the interrupt program */
enum vqp_irq {
	VQP_IRQ_INTX = 0, /* pci_set_irq(dev, level) */
	VQP_IRQ_MSIX = 1, /* msix_notify(dev, vector) */
};

/* Counters, one array map. */
enum vqp_counter {
	VQP_LOST_BUFFER, /* the ring buffer was full */
	VQP_LOST_CHAINS, /* chains that the device popped without a record */
	VQP_LOST_STACKS, /* stacks that could not be taken or sent */
	VQP_LOST_CALLS, /* calls that are too deep in others, or could not be sent */
	VQP_COUNTERS
};

/* Registers as DWARF numbers them on x86-64: rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 ... r15, rip. */
#define VQP_DWARF_REGS 17
#define VQP_DWARF_SP 7
#define VQP_DWARF_PC 16
#define VQP_STACK_BYTES 16384

/*
 * Before an event: what its call stack can be unwound from.  A VQT_STACK that has the sequence number
 * of the event and no number of its own.
 */
struct vqp_stack {
	__u8 header[24]; /* struct vqt_hdr */
	__u64 reg[VQP_DWARF_REGS];
	__u32 len; /* bytes of memory from rsp on that follow */
	__u32 pad;
	/* __u8 bytes[len] */
};

/*
 * Before an event: the calls around it, and the number of the name of the function that was called,
 * 0 none.  The header has the sequence number of the event and no number of its own.
 */
struct vqp_call {
	__u8 header[24]; /* struct vqt_hdr */
	__u32 call, within; /* as in struct vqt_call */
	__u32 name;
	__u32 pad;
};
#define VQP_CALL 63 /* its type, which no record of a trace has */
#define VQP_CALLS 32 /* in one another, that are followed */

/* Of a thread: the calls that are open, in the order in which they began; maybe on several stacks. */
struct vqp_open_call {
	__u64 sp, to; /* where its return address is, and that address */
	__u32 id;
	__u16 dev, name;
	__u8 sent; /* the event with which it begins */
	__u8 jumped; /* to a function that returns in its place, and whose ends are probed */
	__u8 pad[6];
};
struct vqp_open_calls {
	__u32 n;
	__u32 name; /* of a function that is no call, and whose event comes next; 0: none */
	__u32 kept, pad; /* while those are forgotten that have ended */
	struct vqp_open_call call[VQP_CALLS];
};

#define VQP_CALLBACK_HITS 10000 /* calls of one callback that are recorded */

/*
 * Whether len is a possible length of a mapped area: QEMU maps a split ring without
 * EVENT_IDX without its 2-byte event field.
 */
static inline bool vqp_is_area(__u64 len, __u64 whole, bool packed)
{
	return len == whole || (!packed && len == whole - 2);
}

#define VQP_REC_MAX 65536 /* bytes of the largest record built in BPF */
#define VQP_CHAIN_MAX 1024 /* descriptors of a ring or table recorded */
#define VQP_MORE_MAX 32768 /* bytes of a continuation */
#define VQP_MORE 64 /* continuations of one chain */
#define VQP_SCRATCH_PER_CPU 4

#endif
