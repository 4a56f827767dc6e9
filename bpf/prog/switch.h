/* SPDX-License-Identifier: MIT */
/*
 * Interface between the programs that look at rings when a thread of their machine wakes another one or
 * goes to sleep, and user space (bpf/memory/switches.h).  Included by BPF C: fixed layouts and <linux/types.h> only.
 */
#ifndef VQT_BPF_PROG_SWITCH_H
#define VQT_BPF_PROG_SWITCH_H

#include <linux/types.h>

#define VQS_MACHINES 64
#define VQS_RINGS 64 /* of all machines */
#define VQS_EACH 16 /* rings of one machine that are looked at */
#define VQS_AREAS 8
#define VQS_WORD 8 /* bytes that are read of a word: bpf/memory/words.h says why */
#define VQS_BLOCK 512U /* divides a page */
#define VQS_BLOCKS 32
#define VQS_STATUS_BYTES 64 /* of the VirtIODevice, with its status and features */
#define VQS_QUEUE_BYTES 192 /* VQP_VQ_BYTES: of the VirtQueue */
#define VQS_CHAINS 16 /* new chains of a ring that one look takes in */
#define VQS_DESCRIPTORS 64 /* of a chain */
#define VQS_HEADS 512 /* ids of chains of which is remembered where their parts are */
#define VQS_PARTS 8 /* of a chain, that are remembered */
#define VQS_PERIOD 10000000 /* ns */

/* Whose threads look at which rings; by process. */
struct vqs_machine {
	__u32 n;
	__u32 ring[VQS_EACH];
	__u32 most; /* ns of each VQS_PERIOD that looking may take, of all processors together */
};

/* A split ring.  All addresses are of the machine's process, but lo and hi. */
struct vqs_ring {
	__u32 generation; /* names what user space knows of it; 0: not to be looked at */
	__u32 pid; /* whose memory it is in, as user space knows it */
	__u32 size; /* entries: a power of 2 */
	__u32 snaplen; /* bytes of a buffer that are recorded */
	__u32 nareas;
	__u32 pad;
	__u64 status, queue; /* VQS_STATUS_BYTES and VQS_QUEUE_BYTES; 0: nowhere */
	__u64 desc, driver, device;
	struct {
		__u64 lo, hi; /* guest-physical; hi is behind it */
		__u64 distance; /* to add */
	} area[VQS_AREAS];
};

/* What a look at a ring has found that another did not. */
struct vqs_snapshot {
	__u32 ring, generation;
	__u64 since; /* ns, CLOCK_MONOTONIC: when the look before began, which found nothing; 0: none */
	__u64 began, ended;
	/* read in this order */
	__u8 status[VQS_STATUS_BYTES];
	__u8 queue[VQS_QUEUE_BYTES];
	__u8 driver[VQS_WORD],
		device[VQS_WORD]; /* around the indices, before and after the blocks */
	__u16 avail_from, used_from; /* the entries from here to the indices are in the blocks */
	/* What tells that a used chain is as it was may have been read before the rest of it. */
	__u32 unsure;
	__u32 n;
	__u32 lacks; /* something is not in it */
	__u64 block[VQS_BLOCKS]; /* address / VQS_BLOCK */
	__u8 bytes[VQS_BLOCKS * VQS_BLOCK]; /* as many as there are blocks */
};

enum vqs_counter {
	VQS_LOOKS = 0,
	VQS_NS, /* that looks took */
	VQS_FULL, /* snapshots that there was no room for */
	VQS_TORN, /* a ring went on while it was read */
	VQS_PART, /* snapshots that lack something: there was no room, or the page is not present */
	VQS_OVER, /* looks that the share did not allow */
	VQS_COUNTERS,
};

#endif
