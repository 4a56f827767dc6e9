/* SPDX-License-Identifier: MIT */
/*
 * A look at a running QEMU from outside, without probes: its virtio devices, the state of
 * their queues, and what moves.  It works on a machine that does nothing any more.
 */
#ifndef VQT_BPF_LOOK_LOOK_H
#define VQT_BPF_LOOK_LOOK_H

#include "bpf/look/queue.h"
#include "decoder/stuck/report.h"

struct look_queue {
	struct queue_look last;
	bool moved;
	uint32_t completed;
};

struct look_device {
	char name[64]; /* "blk0" */
	char user_id[128], typename[64], path[256];
	uint16_t virtio_id;
	struct queue_device q;
	struct look_queue *queue;
	struct stuck_row *row; /* nqueues of each; the rows are valid after look_watch() */
	size_t nqueues;
};

/* A PCI function that another process serves: QEMU does not know its queues, if it is virtio. */
struct look_remote {
	char name[128]; /* the user's own, or QEMU's */
	char typename[64];
};
#define LOOK_REMOTES 16 /* that are named */

struct look {
	struct machine m;
	struct look_device *dev;
	size_t ndevs;
	struct look_remote remote[LOOK_REMOTES];
	size_t nremotes; /* may be more than are named */
	bool endless; /* the tree of devices exceeded the limits: some may be missing */
	bool was_stopped, was_running, was_paused; /* at any look */
	uint64_t begun; /* CLOCK_MONOTONIC, of the first look; 0: none yet */
	uint64_t stopped_since; /* CLOCK_MONOTONIC; 0: it was not at the last look */
};

/* Find the devices.  Negative errno with *err. */
int look_open(struct look **out, pid_t pid, const struct foreign_stop *stop,
	      struct source_error *err);
void look_close(struct look *l);
/* The first look; what is done until look_watch() counts as watching. */
void look_begin(struct look *l);
/*
 * Look at all queues again and again for at most ns, less when nothing is outstanding or all
 * that is moves; then judge.  0, or -EINTR.
 */
int look_watch(struct look *l, uint64_t ns);

#endif
