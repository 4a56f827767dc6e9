/* SPDX-License-Identifier: MIT */
/*
 * Internal to bpf/follow: the rings of any machine of KVM's, followed by reading guest memory.  Where
 * they are, the registers tell; where guest memory is, the memory slots.
 */
#ifndef VQT_BPF_FOLLOW_IMPL_H
#define VQT_BPF_FOLLOW_IMPL_H

#include "bpf/follow/output.h"
#include "bpf/follow/slots.h"
#include "bpf/kvm/hooks.h"
#include "bpf/memory/copies.h"
#include "bpf/memory/looks.h"
#include "bpf/memory/snapshot.h"
#include "bpf/memory/switches.h"
#include "bpf/memory/share.h"
#include "bpf/memory/words.h"
#include "decoder/model/model.h"
#include "decoder/source/snoop.h"
#include "decoder/source/source.h"
#include "decoder/util/histogram.h"

#define FOLLOW_QUEUES 1024 /* of a process, at a time */

struct follow_source;
struct follow_vmm;
struct follow_device;

/* What the registers say of a queue. */
struct follow_setup {
	bool up; /* the device uses it */
	uint64_t features;
	uint64_t area[RING_AREAS]; /* guest-physical */
	uint16_t size; /* entries */
};

struct follow_queue {
	struct follow_queue *next; /* of the device */
	struct follow_device *device; /* the owner */
	uint16_t index;
	struct follow_setup setup; /* as it was set up last */
	struct snoop snoop;
	struct guest_memory guest;
	struct copies_of copies;
	struct ring_memory memory;
	uint64_t host[RING_AREAS]; /* its areas in the process */
	bool fresh; /* set up, and nobody has followed it since */
	bool refused; /* it cannot be followed, until it is set up again */
	bool missing; /* its memory is in no slot, and this was said */
	bool suspended; /* as above, and it was followed before */
	bool rested; /* nothing was in flight then, at this position */
	uint16_t rested_at;
	bool kicked; /* since it was set up */
	uint64_t before; /* chains that were seen until then */
	bool more; /* this look lost chains, and nobody knows how many */
	uint64_t looked; /* ns, when the latest look began; 0: none yet */
	uint64_t active; /* ns, when something was found last */
	int number; /* of the ring for the kernel's looks */
	bool offered; /* to them */
};

struct follow_device {
	struct follow_device *next; /* of the process */
	struct follow_vmm *vmm; /* the owner */
	struct snoop_sink sink;
	struct follow_queue *queues;
	bool blocked; /* accesses are missing: nothing is known until the next reset */
	unsigned resets; /* as the model counted them then */
};

struct follow_vmm {
	struct follow_source *all; /* the owner */
	uint8_t kvm, source; /* ids in the trace: of the accesses, of the rings */
	pid_t pid;
	struct foreign foreign;
	struct share share;
	struct copies copies;
	struct slots slots;
	struct follow_device *devices;
	unsigned nqueues;
	bool full; /* there were more, and this was said */
	uint32_t out_seq;
	bool said, gone;
	uint64_t begun, checked; /* ns: of the attempt to read; when mappings were looked at */
	uint64_t read; /* ns: the latest time of a record that was read of a ring */
	struct snoop_stats past; /* of queues that are gone */
};

struct follow_source {
	struct source base;
	struct source_request request; /* as it was asked for */
	struct source *kvm;
	struct looks looks;
	struct output out;
	struct model *model;
	uint64_t number; /* of records that the model has consumed */
	struct follow_vmm *vmm[SOURCE_PIDS];
	unsigned nvmms;
	uint8_t *space; /* in which records are built */
	uint64_t slots_lost; /* as it was acted upon */
	uint64_t swept; /* ns: the latest look at all queues */
	uint64_t dropped; /* records that were read of what was no ring any more */
	uint64_t stamp; /* ns: time of records that are made now; 0: the present */
	unsigned handed;
	bool failed; /* no memory: rings are not followed any more */
	/* looks that the kernel takes; NULL: it does not */
	struct switches *switches;
	struct follow_queue *by_number[VQS_RINGS]; /* the queues they are at */
	struct snapshot_trust trust;
	uint64_t snapshots; /* that have told something */
	uint64_t flushed; /* ns: the latest time that went into the trace */
};

/* --- records: stream.c --------------------------------------------------------------------- */

void follow_describe_vmm(struct follow_vmm *v);
void follow_note(struct follow_vmm *v, uint16_t device, unsigned level, const char *text);
void follow_lost_more(struct follow_queue *q);
/* The sink of snoopers: opaque is the follow_device. */
void follow_record(void *opaque, void *record, size_t len);
/* To the outer source, in order: of struct output. */
void follow_emit(void *ctx, void *record, size_t len);

/* --- what the registers tell: setup.c ------------------------------------------------------ */

/* A record of the source kvm: it goes into the trace, and may begin or end rings. */
void follow_on_kvm(struct follow_source *f, const void *record, size_t len);
void follow_on_slot(struct follow_source *f, uint8_t source, const struct vqk_event *e);
/* What was read and is not sure yet is given up. */
void follow_drop_all(struct follow_source *f);
/* Nothing is known of any memory any more. */
void follow_forget_slots(struct follow_source *f);
void follow_free_vmm(struct follow_vmm *v);
/* How the model says that the queue is set up; zeroes: it is not. */
struct follow_setup follow_setup_of(const struct model_device *d, const struct model_queue *q);

/* --- looking: rings.c ---------------------------------------------------------------------- */

/* Follow the queue, which has been set up at ts (ns); where that cannot be, a note says why. */
void follow_begin(struct follow_queue *q, uint64_t ts);
/* It is no ring any more. */
void follow_end(struct follow_queue *q);
/* Where its memory is is not known, until a slot says so. */
void follow_suspend(struct follow_queue *q);
/* Let the kernel look at all rings that are followed, as guest memory is now. */
void follow_offer_all(struct follow_vmm *v);
/* It is not looked at by the kernel any more. */
void follow_withdraw(struct follow_queue *q);
/* The callback of switches_for(): opaque is the follow_source. */
void follow_on_snapshot(void *opaque, const struct vqs_snapshot *s);
/* ns: when what is read now was there, and no earlier than what was read before. */
uint64_t follow_now(const struct follow_vmm *v);
/* What was found: the words of the ring have moved. */
void follow_words(struct follow_queue *q, const struct words_ring *words);
void follow_looked(struct follow_queue *q, uint64_t began);
/* The end: what has happened since then in those that are suspended is not known. */
void follow_lose_suspended(struct follow_vmm *v);
/* Before its memory is read: what the attempt before may have used up is no concern of this one. */
void follow_attempt(struct follow_vmm *v, uint64_t now);
/* Look at those queues that are due.  Whether something has happened. */
bool follow_look(struct follow_vmm *v, bool all, uint64_t now);
struct snoop_stats follow_totals(const struct follow_source *f);
uint64_t follow_at_most(void *opaque, uint16_t queue);

#endif
