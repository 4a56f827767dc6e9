/* SPDX-License-Identifier: MIT */
/* Internal to bpf/memory: QEMUs whose rings are followed from beside them. */
#ifndef VQT_BPF_MEMORY_IMPL_H
#define VQT_BPF_MEMORY_IMPL_H

#include "bpf/look/find.h"
#include "bpf/look/machine.h"
#include "bpf/look/vring.h"
#include "bpf/memory/copies.h"
#include "bpf/memory/looks.h"
#include "bpf/memory/share.h"
#include "bpf/memory/snapshot.h"
#include "bpf/memory/source.h"
#include "bpf/memory/switches.h"
#include "bpf/memory/words.h"
#include "bpf/qemu/guest.h"
#include "decoder/source/snoop.h"
#include "decoder/source/source.h"
#include "decoder/util/histogram.h"

/* Of one process, at most: devices that there ever were, and queues at a time. */
#define MEMORY_DEVICES 1024
#define MEMORY_QUEUES 1024

struct memory_device;
struct memory_vmm;
struct memory_source;

/* What QEMU keeps of a queue, as far as it says where the ring is. */
struct memory_place {
	uint64_t desc, driver, device; /* guest-physical */
	uint64_t caches; /* where QEMU keeps the addresses in its own memory */
	uint32_t num; /* entries */
	uint16_t popped, used; /* QEMU's positions; packed: with wrap counter */
};

struct memory_queue {
	struct memory_device *device; /* the owner */
	struct snoop snoop;
	struct guest_memory guest;
	struct copies_of copies;
	struct ring_memory memory;
	struct memory_place place; /* of the ring that is followed */
	uint64_t host[VRING_AREAS]; /* its areas in the process */
	bool wanted; /* --queue */
	bool fresh; /* seen while it was not set up: what is set up next begins at 0 */
	bool refused; /* the ring that is there now cannot be followed */
	uint64_t looked; /* ns, when the latest look began: what is found now has happened since */
	uint64_t active; /* ns, when something was found last */
	int number; /* of the ring for the kernel's looks */
	bool offered; /* to them */
};

struct memory_device {
	struct memory_vmm *vmm; /* the owner */
	struct identity who;
	struct vqt_device r;
	char name[64]; /* "blk0" */
	bool wanted, gone, listed; /* listed: in the latest search */
	char type[64]; /* of the VirtIODevice */
	uint64_t vq; /* address of the first VirtQueue */
	uint8_t status;
	uint64_t features;
	bool known; /* status and features were read */
	struct snoop_sink sink;
	struct memory_queue *queue; /* r.queues of them */
	unsigned nqueues;
};

struct memory_vmm {
	struct memory_source *all; /* the owner */
	struct machine m;
	uint8_t source; /* id in the trace */
	bool late; /* it ran before */
	bool gone;
	struct share share; /* of its memory, what is a shared file */
	uint64_t shared; /* ns: when this was checked last */
	bool said; /* how guest memory is read */
	struct copies copies; /* of its memory */
	uint64_t confirmed; /* ns: a look of ours had ended that has read all of a queue in use */
	uint64_t emitted; /* ns: time of the latest record */
	uint32_t out_seq;
	struct memory_device **dev; /* those that are gone, too */
	size_t ndevs;
	bool full; /* there were more than are followed */
	struct snoop_stats past; /* of devices that are gone */
	uint64_t searched, search_cost; /* ns: when devices were searched for, how long it took */
	uint64_t begun; /* ns, of the latest attempt to read */
	uint64_t checked; /* ns, when it was seen last where the rings in use are */
};

struct memory_source {
	struct source base;
	struct source_request request;
	struct memory_config config;
	struct memory_vmm *vmm[SOURCE_PIDS];
	unsigned nvmms;
	uint16_t devices; /* ids that were given */
	uint8_t *space; /* in which records are built */
	struct looks looks;
	uint64_t swept; /* ns: the latest look at all queues */
	int64_t wall;
	unsigned handed; /* records since the latest step began */
	struct source_error why; /* a process that could not be read */
	pid_t known[SOURCE_PIDS * 4]; /* when following: tried already */
	unsigned nknown;
	uint64_t followed; /* ns: the latest search for processes */
	/* statistics */
	uint64_t resets;
	/* looks that the kernel takes; NULL: it does not */
	struct switches *switches;
	struct memory_queue *by_number[VQS_RINGS]; /* the queues they are at */
	struct snapshot_trust trust;
	uint64_t snapshots; /* that have told something */
};

/* --- records: stream.c --------------------------------------------------------------------- */

void memory_describe_session(struct memory_source *s);
void memory_describe_vmm(struct memory_vmm *v);
void memory_describe_device(struct memory_device *d);
/* What is known of it: status, features, configuration. */
void memory_describe_state(struct memory_device *d);
void memory_note(struct memory_vmm *v, uint16_t device, unsigned level, const char *text);
/* A step in its life: enum vqt_lifecycle_what; queue VQT_NO_QUEUE: of the device. */
void memory_lifecycle(struct memory_device *d, unsigned what, unsigned queue);
/* More than is known was lost of a queue. */
void memory_lost_more(struct memory_queue *q);
/* The sink of snoopers: opaque is the memory_device. */
void memory_record(void *opaque, void *record, size_t len);

/* Is what QEMU keeps of its queues known well enough? */
bool memory_can_follow(const struct machine *m);

/* --- devices: device.c --------------------------------------------------------------------- */

/*
 * Search the objects of the process for devices that are new or gone.  0 or negative errno:
 * -ENOENT: there is no tree yet.
 */
int memory_search(struct memory_vmm *v);
void memory_device_free(struct memory_device *d);
/* Of all its queues, also of devices that are gone. */
struct snoop_stats memory_totals(const struct memory_vmm *v);

/* --- rings: rings.c ------------------------------------------------------------------------- */

/* What a look reads of a queue: what QEMU keeps of it, and of its ring what changes. */
struct words {
	uint8_t vq[VQP_VQ_BYTES];
	struct words_ring ring;
};

/* The QEMU's VirtQueue: an address in the process. */
uint64_t memory_address(const struct memory_queue *q);
/* The words of the ring that say how far it is are read with all copies from now on. */
void memory_watch(struct memory_queue *q);
/* It is followed no more: it was reset, or cannot be read. */
void memory_end(struct memory_queue *q);
/* As a look has read them, that began at `began` (ns).  Whether something has happened. */
bool memory_on_device(struct memory_device *d, uint8_t status, uint64_t features);
bool memory_on_queue(struct memory_queue *q, const struct words *w, uint64_t began);
/* Is a ring that is followed where it was, by what QEMU keeps of it? */
bool memory_is_in_place(const struct memory_queue *q, const uint8_t vq[VQP_VQ_BYTES]);
/* A look that began then has found the queue as it was. was: it was followed by then. */
void memory_looked(struct memory_queue *q, bool was, uint64_t began);

/* A ring that is still there, and has words that have moved or not. */
bool memory_on_ring(struct memory_queue *q, const struct words_ring *w);

/* --- the kernel's looks: kernel.c ------------------------------------------------------------ */

/* ns: when what is read now was there, and no earlier than the latest record. */
uint64_t memory_now(const struct memory_vmm *v);
/* Let the kernel look at a queue that is followed; at what it was before no more. */
void memory_offer(struct memory_queue *q);
void memory_withdraw(struct memory_queue *q);
/* The process has ended. */
void memory_leave(struct memory_vmm *v);
/* The callback of switches_for(): opaque is the memory_source. */
void memory_on_snapshot(void *opaque, const struct vqs_snapshot *snapshot);
/* Take what was found by now: was there anything? */
bool memory_take_snapshots(struct memory_source *s);

/* --- looking: look.c ---------------------------------------------------------------------- */

/* Before its memory is read: what the attempt before may have used up is no concern of this one. */
void memory_attempt(struct memory_vmm *v, uint64_t now);
/*
 * Look at the queues that something has happened in lately, or at all.  Returns whether something
 * has happened.
 */
bool memory_look(struct memory_vmm *v, bool all, uint64_t now);
/*
 * Device status and features are near each other in a VirtIODevice: where the bytes begin that have
 * both, and where each is in these.  False: they are further apart than VQS_STATUS_BYTES.
 */
uint32_t memory_status_from(const struct vqp_proc *l);
bool memory_status_at(const struct vqp_proc *l, uint32_t *status, uint32_t *features);
/* Of a snooper's sink: opaque is the memory_device. */
uint64_t memory_at_most(void *opaque, uint16_t queue);
/* Is the queue one that is looked at each time? */
bool memory_is_hot(const struct memory_queue *q, uint64_t now);

#endif
