/* SPDX-License-Identifier: MIT */
/* What the files of the replay engine share; users include replay.h. */
#ifndef VQT_EMU_REPLAY_IMPL_H
#define VQT_EMU_REPLAY_IMPL_H

#include "decoder/spec/constants.h"
#include "decoder/util/hash.h"
#include "emu/replay/replay.h"
#include "emu/virtio/tap.h"

struct replay_instance;

/* Driver-written bytes of a chain that the recording kept. */
struct replay_known_bytes {
	uint32_t desc, offset, len;
};

/* A descriptor chain of the recording, made available in the target's ring. */
struct replay_chain {
	uint16_t head; /* split: index; packed: buffer id */
	uint16_t ndirect;
	uint32_t ndesc, cap;
	struct vqt_desc *desc; /* as in struct vqt_avail */
	uint64_t number; /* of its avail event */
	uint64_t order; /* of publication in this queue, from 0 */
	uint64_t status_at; /* guest address of the last writable byte */
	bool has_status;
	bool popped; /* its avail event has been played */
	bool fail; /* the backend fails it, as recorded */
	bool done; /* the target has used it: */
	uint32_t len;
	uint64_t room; /* bytes of guest memory that it may come to need */
	struct replay_known_bytes *bytes;
	unsigned nbytes, bytes_cap;
	UT_hash_handle hh;
};

/* Whether one side, the recorded or the replayed device, sent notifications when due. */
struct replay_side {
	bool news; /* a buffer was used since its last notification */
	uint64_t reported_popped; /* chains popped when it last notified */
	bool due; /* a notification is due and has not been sent */
	uint64_t due_at; /* event number of the used buffer it is due for */
	uint64_t due_popped; /* chains popped by then: a later one shows that the driver went on */
	/* Of the interrupts counted as equal, those that are not if this one is never sent. */
	unsigned counted;
};
enum { RECORDED, REPLAYED };

struct replay_queue {
	struct replay_instance *i; /* it belongs to */
	uint16_t index;
	bool up; /* rings are laid out in the target */
	bool torn; /* some chains could not be laid out */
	unsigned broken; /* id of the difference since which it is out of step, 0 none */
	bool packed, event_idx, in_order;
	uint16_t size;
	uint64_t desc, driver, device; /* areas */
	/* Positions in the target's ring: virtq_number() of decoder/util/virtqueue.h, split: indices. */
	uint32_t avail, used;
	uint32_t shift; /* recorded position minus the target's */
	uint16_t flags, event; /* notification suppression by the driver, as laid out */
	bool flags_known;
	struct replay_chain *chains; /* uthash by head: published, completion not matched yet */
	struct replay_chain *spare;
	uint64_t published, popped;
	uint64_t used_recorded, used_replayed; /* since the ring came up */
	uint32_t used_last; /* recorded: the target's position after the latest used entry */
	struct replay_side side[2]; /* RECORDED, REPLAYED */
};

/* How a driver resets a device. */
enum replay_cause {
	REPLAY_NO_RESET,
	REPLAY_RESET_STATUS, /* 2.1: device_status becomes 0 */
	REPLAY_RESET_QUEUE, /* a legacy driver gives up a queue: QEMU resets the device */
	REPLAY_RESET_FUNCTION, /* PCI: function level reset, power management */
};

/* A difference that others may follow from: causes.c. */
struct replay_cause_of {
	unsigned id; /* of the difference */
	uint16_t queue;
	uint32_t request; /* its type, 0 none or unknown */
	uint64_t number; /* of the event */
	bool open; /* a register that has not been equal since */
	char subject[80], recorded[128], replayed[128];
};

struct replay_instance {
	struct replay *r; /* it belongs to */
	const struct replay_target_ops *ops;
	const struct replay_device *d;
	const struct replay_class *class;
	void *play; /* of the class */
	struct replay_target *target; /* NULL: not played, for this reason: */
	const char *why;
	char why_text[192];
	bool scripted; /* answers come from the recording: replay_scripted() */
	bool state_reported; /* device_state or queue_state records came: see late.c */
	bool line; /* INTx of the target is asserted */
	bool blind; /* the driver set the device up before the trace began */
	bool msix_assumed; /* MSI-X was enabled before the trace, as its interrupts show */
	bool unsure; /* of PCI and MSI-X registers, which no device reset restores: late, or lost */
	/* The driver wrote to a capability that nothing is known of: it may be MSI-X's. */
	bool msix_unknown;
	bool doubt; /* records were lost since the last reset */
	bool gap; /* sequence numbers are missing, and no loss record explains it */
	uint32_t generation[2]; /* as last read: RECORDED, REPLAYED */
	bool generation_known, generation_steady;
	bool touched; /* the driver may have accessed it since the platform's last reset */
	enum replay_cause resets; /* what the driver did last may reset the device, and */
	uint32_t resets_tid; /* in which thread: a reset there is then the driver's own */
	bool status_reset; /* 0 was written and the recorded device has not answered 0 yet */
	uint8_t status_was;
	/* Bits of device_status that the driver set since the reset, and wrote last. */
	uint8_t status_set, status_wrote;
	bool master_off; /* bus mastering went off since then: QEMU takes DRIVER_OK back */
	bool master_given; /* DRIVER_OK came without it, at the legacy interface: QEMU sets it */
	int recorded_status; /* -1: as the model has it */
	bool status_unseen; /* it has bits that no driver of the trace wrote */
	struct replay_queue *queue;
	uint64_t room; /* of the chains in flight */
	bool used_since_isr; /* so one side's ISR status may already show it */
	bool queue_resetting; /* queue_reset was written */
	uint64_t driver_at; /* event number of the driver's last action */
	bool config_moved; /* CONFIG_CHANGE since config_generation was read */
	bool config_differs; /* and the configuration differs since */
	/* Bytes of it: changed in the recording and not here; written by the driver. */
	uint8_t config_unmade[REPLAY_CONFIG_MAX / 8], config_wrote[REPLAY_CONFIG_MAX / 8];
	const uint8_t *config_once; /* bytes of it that only one read tells now */
	bool unmade; /* a change was not made here, so this device has not notified of it */
	struct replay_counts n;
	struct replay_cause_of *cause;
	unsigned ncauses, causes_cap;
	unsigned broken; /* since its last reset: id of the difference that broke it, 0 none */
	unsigned lacks_feature; /* id of the difference in a feature that the driver accepted */
};

/* A record waiting to be played. */
struct replay_pending {
	struct replay_pending *next;
	uint64_t number;
	bool published; /* avail: laid out already */
	struct record rec;
	size_t len;
	uint8_t bytes[] __attribute__((aligned(8)));
};

struct replay {
	const struct replay_profile *profile;
	struct replay_options opt;
	struct model *model;
	struct replay_instance *instance;
	unsigned ninstance;
	struct replay_pending *first, **last; /* oldest first */
	unsigned waiting;
	size_t waiting_bytes;
	uint64_t now; /* ns, of the event being played */
	bool stopped;
	struct replay_skip skip[REPLAY_SKIPS];
	char error[256];
	unsigned differences; /* how many there were, which numbers them */
};

static inline bool replay_has(const struct event *e, unsigned bit)
{
	return model_accepted(e->dev, bit);
}

/* Does the driver use the legacy interface? */
static inline bool replay_legacy(const struct replay_instance *i, const struct event *e)
{
	return i->d->transitional && !replay_has(e, VIRTIO_F_VERSION_1);
}

/* Does the device interrupt by MSI-X vectors now? */
static inline bool replay_msix(const struct replay_instance *i, const struct event *e)
{
	return e->dev->msix || i->msix_assumed;
}

/* Where device_status is. */
struct replay_status_reg {
	unsigned region, width;
	uint32_t offset;
};

static inline struct replay_status_reg replay_status_reg(const struct replay_instance *i,
							 bool legacy)
{
	if (i->d->transport == VQT_TRANSPORT_MMIO)
		return (struct replay_status_reg){ VQT_REGION_MMIO, 4, VIRTIO_MMIO_STATUS };
	if (legacy)
		return (struct replay_status_reg){ VQT_REGION_LEGACY, 1, VIRTIO_PCI_STATUS };
	return (struct replay_status_reg){ VQT_REGION_COMMON, 1, VIRTIO_PCI_COMMON_STATUS };
}

static inline int replay_read(struct replay_instance *i, unsigned region, uint32_t off,
			      unsigned width, uint64_t *value)
{
	return i->ops->access(i->target, region, off, width, value, false);
}

static inline int replay_write(struct replay_instance *i, unsigned region, uint32_t off,
			       unsigned width, uint64_t value)
{
	return i->ops->access(i->target, region, off, width, &value, true);
}

/* Where descriptor n begins in the bytes of its direction. */
static inline uint64_t replay_desc_place(const struct vqt_desc *desc, uint32_t n)
{
	uint64_t at = 0;
	for (uint32_t k = 0; k < n; k++)
		if (!(desc[k].flags & VRING_DESC_F_INDIRECT) &&
		    !((desc[k].flags ^ desc[n].flags) & VRING_DESC_F_WRITE))
			at += desc[k].len;
	return at;
}

static inline void replay_compared(struct replay_compared *c, bool equal)
{
	c->compared++;
	c->equal += equal;
}

/*
 * The files below call only those above them.  All take the event being played;
 * int is 0, or negative errno, which ends the replay.
 */

/* causes.c: number a difference, and find the one it follows from. */
void replay_cause(struct replay_instance *i, const struct event *e, struct replay_divergence *d);
/* This register has been equal: another difference there has another cause. */
void replay_cause_over(struct replay_instance *i, const char *subject);

/* account.c */
#define REPLAY_SCRIPTED \
	"requests answered from the trace, as no model of this device says what is right"
#define REPLAY_DOUBT "records that were lost, or left out, before them may decide the answer"
/* An answer was not compared.  of: the figure of i->n it would count in, or NULL; why: static. */
void replay_skipped(struct replay_instance *i, struct replay_compared *of, const char *why);
struct replay_found {
	const char *clause, *hint; /* NULL: none */
	uint64_t number; /* 0: that of the event */
	uint64_t related;
	uint16_t queue;
};
/* A difference, in words; while records are missing it is skipped instead. */
void replay_differs(struct replay_instance *i, const struct event *e, const struct replay_found *f,
		    const char *subject, const char *recorded, const char *replayed);

/* notifications.c */
/* An entry was used at that position, of that chain (NULL unknown). */
void replay_notifications_used(struct replay_queue *q, unsigned side, const struct event *e,
			       uint32_t position, const struct replay_chain *c);
/* q: the queue it is for, if the record says so, or NULL. */
void replay_notifications_irq(struct replay_instance *i, const struct event *e, unsigned side,
			      const struct replay_irq *irq, struct replay_queue *q);
/* The queue goes down, or the trace ends: which notifications are still due? */
void replay_notifications_end(struct replay_queue *q, const struct event *e);

/* ring.c: the driver's half of a ring in guest memory. */
/* The queue is about to be enabled: fresh rings. */
int replay_ring_up(struct replay_instance *i, const struct event *e, const struct model_queue *m);
void replay_ring_down(struct replay_queue *q);
/* Write the driver's fields of a recorded snapshot. */
int replay_ring_apply(struct replay_queue *q, const struct vqt_ring *ring);
/* Lay out the chain that begins in this avail record.  1: done; 0: it cannot be, and why. */
int replay_ring_publish(struct replay_queue *q, struct replay_pending *p, const char **why);
/* Let the device see what was laid out: write avail.idx. */
int replay_ring_show(struct replay_queue *q);
/* Read what the target used since: completions are noted in their chains. */
int replay_ring_collect(struct replay_queue *q, const struct event *e);
struct replay_chain *replay_ring_chain(struct replay_queue *q, uint16_t head);
void replay_ring_forget(struct replay_queue *q, struct replay_chain *c);
uint32_t replay_ring_position(const struct replay_queue *q, uint16_t pos); /* of a record */

/* settle.c */
struct replay_queue *replay_queue_of(struct replay_instance *i, const struct event *e);
/* After any action: let the device work, collect what it used and its interrupts. */
int replay_settle(struct replay_instance *i, const struct event *e);
/* A ring is given up, or all of the device's: compare how far it was used. */
void replay_queue_gone(struct replay_queue *q, const struct event *e);
void replay_queues_gone(struct replay_instance *i, const struct event *e);

/* request.c */
int replay_play_used(struct replay_instance *i, const struct event *e);
/* A completion that is being compared. */
struct replay_completion {
	struct replay_instance *i;
	struct replay_queue *q;
	struct replay_chain *c; /* NULL: none is meant */
	const struct event *e;
	bool equal; /* so far */
	bool doubtful; /* a difference was not reported, as records are missing */
	bool scripted; /* the answer is the recorded one, so there is nothing to compare */
};
void replay_completion_differs(struct replay_completion *l, const char *subject, const char *clause,
			       const char *hint, const char *recorded, const char *replayed);

/* late.c: set the target up as the recorded device was when the trace began. */
int replay_msix_assume(struct replay_instance *i, bool on);
int replay_late(struct replay_instance *i, const struct event *e);

/* registers.c */
/*
 * The bits of device_status that both devices may have set or not, after what the driver did;
 * why: static.
 */
uint8_t replay_status_free(const struct replay_instance *i, const char **why);
int replay_play_reg(struct replay_instance *i, const struct event *e);

/* play.c */
int replay_play(struct replay_instance *i, const struct event *e, struct replay_pending *p);

#endif
