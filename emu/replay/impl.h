/* SPDX-License-Identifier: MIT */
/* The rooms of the replay engine among themselves; users include replay.h. */
#ifndef VQT_EMU_REPLAY_IMPL_H
#define VQT_EMU_REPLAY_IMPL_H

#include "decoder/util/hash.h"
#include "emu/replay/replay.h"
#include "emu/virtio/tap.h"

/* Driver-written bytes of a chain that the recording kept. */
struct replay_known_bytes {
	uint32_t desc, offset, len;
};

/* A chain of the recording, made available in the target's ring. */
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
	struct replay_known_bytes *bytes;
	unsigned nbytes, bytes_cap;
	UT_hash_handle hh;
};

/* One side's view of whether notifications came when due. */
struct replay_side {
	bool news; /* something was used since it last told */
	uint64_t reported_popped; /* chains taken when it last told */
	bool due; /* a notification is owed */
	uint64_t due_at; /* event number of the used buffer it is owed for */
	uint64_t due_popped; /* chains taken by then: a later one shows the driver went on */
};

struct replay_queue {
	uint16_t index;
	bool up; /* rings are laid out in the target */
	bool torn; /* but for chains that could not be */
	bool packed, event_idx, in_order;
	uint16_t size, vector;
	uint64_t desc, driver, device; /* areas */
	/* Positions of the target's ring: split free-running; packed slot + size * lap, mod 2 * size. */
	uint32_t avail, used;
	uint32_t shift; /* recorded position - ours */
	uint16_t flags, event; /* the driver's suppression, as laid out */
	bool flags_known;
	struct replay_chain *chains; /* uthash by head: published, completion not yet matched */
	struct replay_chain *spare;
	uint64_t published, popped, matched;
	uint64_t used_recorded, used_replayed; /* since the ring came up */
	uint32_t used_last; /* recorded: position after the latest used entry, ours */
	struct replay_side side[2]; /* RECORDED, REPLAYED */
};
enum { RECORDED, REPLAYED };

/* Which bytes of a disk have a known value: a set. */
struct replay_known {
	struct replay_disk *set;
	bool inverted; /* the set is of the unknown ones */
};

#define REPLAY_WRITES 64

struct replay_instance {
	const struct replay_device *d;
	struct replay_target *target;
	const char *why; /* not played */
	char why_text[192];
	bool scripted; /* its class cannot answer for itself */
	bool state_told; /* device_state or queue_state records came: see emu/replay/late.c */
	bool line; /* INTx of the target is asserted */
	bool blind; /* the driver set it up before the trace did begin */
	bool msix_assumed; /* enabled before the trace, by all that is seen */
	bool unsure; /* of PCI and MSI-X, which no device reset brings back: late, or lost */
	bool doubt; /* records were lost since the last reset */
	bool gap; /* some are missing, and nobody said that they were lost */
	uint8_t generation[2]; /* as last read: RECORDED, REPLAYED */
	bool generation_known, generation_steady;
	bool status_reset; /* 0 was written and the recorded device has not said 0 yet */
	uint8_t status_was;
	struct replay_queue *queue;
	struct replay_known known;
	struct {
		uint64_t off, len, number;
	} writes[REPLAY_WRITES]; /* the latest: a read beside one may see either */
	unsigned nwrites;
	bool used_since_isr; /* so ISR may show it on one side already */
	bool queue_resetting; /* queue_reset was written */
	uint64_t driver_at; /* event number of the driver's last action */
	bool config_moved; /* CONFIG_CHANGE since config_generation was read */
	bool config_differs; /* and with it the configuration */
	struct replay_counts n;
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
	const struct replay_target_ops *ops;
	struct model *model;
	struct replay_instance *instance;
	unsigned ninstance;
	struct replay_pending *first, **last; /* oldest first */
	unsigned waiting;
	size_t waiting_bytes;
	uint64_t now; /* ns, of the event being played */
	bool stopped, began;
	struct replay_skip skip[REPLAY_SKIPS];
	struct replay_counts n;
	char error[256];
};

static inline bool replay_has(const struct event *e, unsigned bit)
{
	return model_accepted(e->dev, bit);
}

/* Does the device speak by vectors now? */
static inline bool replay_msix(const struct replay_instance *i, const struct event *e)
{
	return e->dev->msix || i->msix_assumed;
}

/* replay.c: accounts.  All take the event being played. */
void replay_skipped(struct replay *r, struct replay_instance *i, const char *why);
struct replay_found {
	const char *clause, *hint; /* NULL: none */
	uint64_t number; /* 0: that of the event */
	uint64_t related;
	uint16_t queue;
};
/* A difference, in words. */
void replay_differs(struct replay *r, struct replay_instance *i, const struct event *e,
		    const struct replay_found *f, const char *subject, const char *recorded,
		    const char *replayed);
/* After any action: let the device work, see what it used and told. */
int replay_settle(struct replay *r, struct replay_instance *i, const struct event *e);
/* A ring is given up: the final comparison. */
void replay_queue_gone(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		       const struct event *e);
struct replay_queue *replay_queue_of(struct replay_instance *i, const struct event *e);

/* emu/replay/ring.c: the driver's half of a ring in guest memory. */
/* The queue is about to be enabled: fresh rings. */
int replay_ring_up(struct replay *r, struct replay_instance *i, const struct event *e,
		   const struct model_queue *q);
void replay_ring_down(struct replay_queue *q);
/* The driver's fields of a recorded snapshot. */
int replay_ring_apply(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		      const struct vqt_ring *ring);
/* Lay out the chain that begins in this avail record.  1: done; 0: it cannot be, and why. */
int replay_ring_publish(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			struct replay_pending *p, const char **why);
/* Let what was laid out be seen: avail.idx. */
int replay_ring_show(struct replay *r, struct replay_instance *i, struct replay_queue *q);
/* What the target used since: completions are noted in their chains. */
int replay_ring_collect(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			const struct event *e);
struct replay_chain *replay_ring_chain(struct replay_queue *q, uint16_t head);
void replay_ring_forget(struct replay_queue *q, struct replay_chain *c);
uint32_t replay_ring_wrap(const struct replay_queue *q); /* positions count modulo this */
uint32_t replay_ring_position(const struct replay_queue *q, uint16_t pos); /* of a record */

/* emu/replay/late.c: set the target up as the recorded device stood when the trace began. */
int replay_msix_on(struct replay *r, struct replay_instance *i);
int replay_late(struct replay *r, struct replay_instance *i, const struct event *e);

/* emu/replay/request.c */
int replay_play_used(struct replay *r, struct replay_instance *i, const struct event *e);
int replay_requests_begin(struct replay_instance *i, bool whole_disk);
void replay_forget_disk(struct replay_instance *i); /* nothing on it is known any more */
void replay_requests_end(struct replay_instance *i);
/* What a target is told of a request: type, place, whether it fails. */
void replay_request_of(struct replay *r, struct replay_instance *i, struct replay_queue *q,
		       const struct replay_chain *c, const uint8_t *head, size_t len,
		       struct replay_request *out);

/* emu/replay/registers.c */
int replay_play_reg(struct replay *r, struct replay_instance *i, const struct event *e);

/* emu/replay/notifications.c: notifications. */
void replay_notifications_used(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			       unsigned side, const struct event *e, uint32_t position,
			       uint32_t slots);
void replay_notifications_irq(struct replay *r, struct replay_instance *i, const struct event *e,
			      unsigned side, const struct replay_irq *irq, struct replay_queue *q);
void replay_notifications_popped(struct replay_queue *q);
/* The queue goes down, or the trace ends: what is still owed? */
void replay_notifications_end(struct replay *r, struct replay_instance *i, struct replay_queue *q,
			      const struct event *e, bool went_on);

#endif
