/* SPDX-License-Identifier: MIT */
/* The files of the checker among themselves; rules need decoder/check/context.h only. */
#ifndef VQT_DECODER_CHECK_IMPL_H
#define VQT_DECODER_CHECK_IMPL_H

#include "decoder/check/class.h"
#include "decoder/check/context.h"

#define CHECK_THREADS 64

struct tally {
	uint64_t passed, broken, blocked;
	unsigned blocked_by; /* NEED_* */
	unsigned virtio_id; /* the one device type the rule is about, 0 any */
	bool selected;
};

/* What may be there at one time and not at another: lacking() says. */
#define NEEDS_BY_TIME \
	(NEED_LIFE | NEED_FLIGHT | NEED_AGREED | NEED_MSIX | NEED_PROMPT | NEED_DEVICE | NEED_EXACT)

/* What a rule needs at each event, close together: this is the hot path. */
struct slot {
	enum verdict (*check)(struct rule_context *ctx);
	const struct rule *rule;
	struct tally *tally;
	unsigned index, needs;
};

/*
 * The rules that look at an event of certain triggers and a certain device type,
 * each once, by the first of the triggers.  There are as many plans as there are
 * kinds of events, each made when the first of its kind comes.
 */
struct plan {
	struct plan_key {
		uint64_t triggers, virtio_id; /* AT() and ONLY() */
	} key;
	UT_hash_handle hh;
	unsigned n;
	struct slot slot[];
};

/* A thread of a source, and when it acted last. */
struct check_thread {
	uint32_t tid;
	uint8_t source;
	uint64_t ts;
};

struct check {
	check_found *found;
	void *opaque;
	unsigned nrules;
	struct tally *tally; /* by rule */
	const struct rule **rule; /* all */
	struct plan *plans;
	struct plan *recent[64]; /* of them, by a hash of the key */
	unsigned nplans;
	struct check_device *devices;
	struct check_device *last; /* most events are of the same one */
	unsigned have; /* of any device */
	bool undecodable; /* rings of some device */
	bool no_rings, no_notifications; /* of some device, struct model_device */
	uint64_t next_tick, now, since, number;
	uint64_t driver_ts[256]; /* by source */
	struct check_thread threads[CHECK_THREADS]; /* the latest of those that share a place */
	uint64_t lost[256]; /* by source: the latest event after a loss, 0 none */
};

/* Selection (decoder/check/selection.c): 0, -ENOMEM, -ENOENT as check_new(). */
int check_index_rules(struct check *c);
int check_select(struct check *c, const char *text, const char **bad);
/* Plans (decoder/check/plan.c): NULL if there is no memory. */
const struct plan *check_plan_find(struct check *c, struct plan_key key);
void check_free_plans(struct check *c);

/* Where the plan of a key is kept once it was used. */
static inline struct plan **check_plan_recent(struct check *c, struct plan_key key)
{
	return &c->recent[(key.triggers * 0x9e3779b97f4a7c15ULL >> 58 ^ key.virtio_id) & 63];
}

/* All types without rules of their own share plans: a hostile trace can have many types. */
static inline const struct plan *check_plan(struct check *c, uint64_t triggers,
					    const struct check_class *class)
{
	struct plan_key key = { triggers, class->virtio_id };
	const struct plan *p = *check_plan_recent(c, key);

	if (p && p->key.triggers == key.triggers && p->key.virtio_id == key.virtio_id)
		return p;
	return check_plan_find(c, key);
}

/* What an event is (decoder/check/trigger.c): AT() and NEED_*. */
uint64_t check_triggers(struct rule_context *ctx);
unsigned check_have(const struct event *e);

/* Devices and queues (decoder/check/device.c): NULL if there is no memory. */
struct check_device *check_device_find(struct check *c, struct model_device *m);
struct check_queue *check_queue_find(struct check_device *d, unsigned index);

static inline struct check_device *check_device_get(struct check *c, struct model_device *m)
{
	struct check_device *d = c->last;

	/* Most events are of the same one; a device can be described after its first events. */
	if (d && d->id == m->id && d->virtio_id == m->virtio_id)
		return d;
	return check_device_find(c, m);
}

static inline struct check_queue *check_queue_get(struct check_device *d, unsigned index)
{
	struct check_queue *q = d->last_queue;

	return q && q->index == index ? q : check_queue_find(d, index);
}

/* Judge the device by its type from here on, if that can be believed.  0 or -ENOMEM. */
int check_settle_type(struct rule_context *ctx);
void check_device_free(struct check_device *d);
/* A reset: everything starts over. */
void check_device_reset(struct check_device *d, uint64_t number);
/* A loss: nothing is known any more. */
void check_device_forget(struct check_device *d, uint64_t number);
void check_device_drain(struct check_device *d, bool on);
void check_queue_clear(struct check_queue *q, bool flight); /* all but which it is */

/* Take an event in, after the rules have seen it: each topic in the file of its name. */
void check_remember(struct rule_context *ctx, uint64_t triggers);
void check_remember_register(struct rule_context *ctx, uint64_t triggers);
void check_remember_config(struct rule_context *ctx, uint64_t triggers);
void check_remember_pci(struct rule_context *ctx);
void check_remember_window(struct rule_context *ctx);
void check_remember_suspend(struct rule_context *ctx, uint64_t triggers);
void check_remember_mmio(struct rule_context *ctx, uint64_t triggers);
void check_note_used(struct rule_context *ctx); /* mmio.c */
void check_note_popped(struct rule_context *ctx);
void check_remember_irq(struct rule_context *ctx, uint64_t triggers);
void check_remember_queue(struct rule_context *ctx, uint64_t triggers);

#endif
