/* SPDX-License-Identifier: MIT */
/*
 * What rules look at: the event, and what the checker remembers of the device
 * and the queue.  Rules run before the memory takes the event in, so it tells
 * what was the case before; only decoder/check includes this.
 */
#ifndef VQT_DECODER_CHECK_IMPL_H
#define VQT_DECODER_CHECK_IMPL_H

#include <linux/pci_regs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "decoder/check/rule.h"
#include "decoder/spec/constants.h"

#define SECONDS 1000000000ULL
/* What counts as proof that nobody is coming any more. */
#define STALL (1 * SECONDS)
#define STUCK (30 * SECONDS)
#define ABANDONED (10 * SECONDS)

/* Something the device or driver owes, from an event on. */
struct obligation {
	uint64_t number, ts; /* 0: nothing */
	uint32_t a, b; /* as the rule likes */
};

/* The reset of a queue (2.6.1). */
enum qreset {
	QRESET_NONE,
	QRESET_ASKED, /* 1 written */
	QRESET_DONE, /* 0 read back */
};

/* Why a used buffer notification is due. */
enum irq_by {
	IRQ_BY_EVENT, /* used_event or off/wrap was reached */
	IRQ_BY_FLAGS, /* not suppressed */
	IRQ_BY_EMPTY, /* NOTIFY_ON_EMPTY, 6.3 */
};

struct cqueue {
	uint16_t index;
	UT_hash_handle hh;
	/* Register history since the device's reset, by event number; 0 never. */
	uint64_t n_enable, n_size, n_size_read, n_desc, n_driver, n_device, n_vector;
	uint64_t n_vector_read; /* and it was there */
	uint64_t n_reset, n_reset_read;
	enum qreset reset;
	bool legacy; /* set up by the legacy queue address */
	/* The ring, known from its start on. */
	bool flight; /* in-flight chains and positions below are complete */
	bool draining; /* a reset was asked for; the device may still be busy */
	uint16_t next_avail, next_used; /* positions expected; packed: slot|wrap<<15 */
	bool used_pos_unsure; /* after a batch in a packed ring */
	uint32_t slots; /* ring descriptors in flight */
	uint64_t last_in_order; /* avail event of the chain used last */
	uint16_t last_used_id;
	bool any_used, last_batched;
	uint64_t n_avail, n_used, n_kick, n_irq; /* latest events */
	uint64_t n_stuck; /* the chain that was told to be stuck */
	/* The snapshot before this one and who took it. */
	struct vqt_ring ring;
	uint32_t ring_tid;
	uint64_t n_ring, ts_ring;
	uint64_t completions; /* since the start */
	bool used_event_moved;
	uint64_t notify_config; /* queue_notif_config_data */
	bool notify_config_known;
	uint64_t ts_irq, irqs;
	struct obligation irq; /* a used buffer notification; a: used_event, b: enum irq_by */
	struct obligation
		extra_irq; /* one that nobody asked for; a: used_event or flags, b: by flags */
	bool crossed; /* since the last interrupt one was due, or nobody knows */
	struct obligation early; /* kicked before DRIVER_OK, legacy; b: last_avail */
	struct obligation stall; /* entries wait; a: avail_idx, b: last_avail */
	/*
	 * What samples prove.  Nothing was available and the device asked to be told of
	 * the next entry (a: avail_event, b: last_avail); since then, samples have seen
	 * entries wait with no kick pending, or with one (a: avail_idx, b: last_avail);
	 * the driver's first sign of life after that.
	 */
	struct obligation asked, waiting;
	uint8_t waiting_pending; /* enum vqt_pending, of all those samples */
	uint64_t alive_ts;
	uint32_t irq_tid; /* the thread that owes irq */
	uint16_t
		kick_avail; /* avail_idx at the last kick; packed: last_avail, if it brought nothing */
	bool kick_avail_known, avail_pos_unsure;
	unsigned idle_kicks; /* in a row that brought nothing */
	uint64_t n_idle, ts_idle; /* the first of them */
	unsigned suppressed; /* snapshots in a row with NO_INTERRUPT set */
	/* The last chain, for what the device says right after it. */
	uint64_t n_chain;
	bool chain_faulty;
	uint16_t chain_flags; /* VQT_CHAIN_* */
	bool chain_write_table, chain_after_direct;
};

enum suspend {
	SUSPEND_NO,
	SUSPEND_ASKED, /* the driver wrote SUSPEND */
	SUSPEND_DONE, /* status showed SUSPEND without DRIVER_OK */
	SUSPEND_RESUMING, /* the driver wrote DRIVER_OK */
};

/* A zone as the latest report has it. */
struct czone {
	uint64_t start, capacity, wp; /* sectors */
	uint8_t type, state; /* 5.2.6: VIRTIO_BLK_ZT_*, ZS_* */
	bool settled; /* nothing was sent since that could change it */
	uint64_t number; /* of the report */
	uint64_t expect; /* a write taken while settled: its avail event */
};

#define CHECK_ZONES 64
struct czones {
	uint64_t sectors; /* of a zone */
	unsigned n;
	struct czone zone[CHECK_ZONES];
};

struct config_diff {
	uint64_t n_old, n_new; /* the reads; 0: none pending */
	uint32_t offset, width, old_width;
	uint8_t generation; /* as read at or before n_old */
	bool generation_known, across_features_ok;
};

#define CHECK_CONFIG 256
#define CHECK_VECTORS 2048

struct cdev {
	uint16_t id;
	UT_hash_handle hh;
	struct model_device *m;
	struct cqueue *queues;
	struct cqueue *last_queue; /* they are never freed before the device */
	unsigned have; /* NEED_*: recorded for this device at all */
	/* This life: everything here starts over at a reset. */
	bool born; /* history since the reset is complete */
	bool agreed; /* what the model knows of features and queues is so */
	bool modern, legacy; /* registers of which interface were used in this life */
	uint64_t n_reset; /* the event that began it */
	bool reset_written, reset_wait; /* by the driver; 0 not read back yet */
	uint64_t reset_ts, n_reset_done, reset_reads;
	uint8_t written; /* device_status as the driver last wrote it */
	uint8_t ever; /* every status bit the driver wrote in this life */
	uint64_t n_status, n_status_read; /* the latest */
	uint64_t n_ack, n_driver, n_features_ok, n_driver_ok, n_failed, n_needs_reset;
	bool features_checked, features_refused; /* status read back after FEATURES_OK */
	uint64_t n_refused, ts_status;
	uint8_t offer_read, accept_written; /* feature words */
	uint64_t n_offer, n_feature_write;
	uint64_t n_setup; /* latest write to a queue register */
	struct obligation
		vector; /* written and not read back; a: value, b: queue or VQT_NO_QUEUE */
	uint8_t vector_mapped[CHECK_VECTORS / 8];
	uint64_t n_config_vector;
	uint64_t n_config_irq, n_config_irq_isr, n_queue_irq, n_queue_irq_isr, n_any_irq, n_msix;
	uint64_t ts_config_irq, ts_queue_irq;
	bool intx_since_config, intx_since_queue;
	struct obligation needs_reset_irq, capacity_read, capacity_irq, intx, nochange;
	bool nochange_status, nochange_generation;
	uint64_t n_isr;
	bool isr_read;
	/* Device configuration as read in this life. */
	uint8_t config[CHECK_CONFIG];
	uint8_t config_known[CHECK_CONFIG / 8];
	uint64_t n_config[CHECK_CONFIG / 4]; /* reads, by word */
	uint8_t width[CHECK_CONFIG / 4]; /* of those */
	uint64_t n_generation, n_generation_same; /* the latest read; the first with that value */
	uint8_t generation;
	uint64_t n_config_read; /* the latest, and its width */
	unsigned config_width;
	uint16_t admin_index, admin_num; /* as read; num 0 unknown */
	bool admin_index_known;
	struct config_diff diff;
	struct obligation early; /* writeback written before features were read, legacy; a: value */
	struct obligation torn; /* a multi-word field read; a: offset */
	unsigned capacity_reads;
	enum suspend suspend;
	uint64_t n_suspend, n_suspended, n_resume, ts_resumed;
	struct obligation
		susp_write; /* configuration written while suspended; a: offset, b: new byte | old << 8 */
	struct obligation susp_change; /* and changed */
	struct obligation
		shared; /* a configuration change told by an interrupt that queues have, too */
	uint64_t n_error;
	/* Beyond a life. */
	uint64_t n_lost; /* the loss that ended what was known */
	bool from_start; /* no reset has been needed yet: seen since it was made */
	uint64_t ok_set[2]; /* a feature set that was once agreed on */
	bool ok_set_known;
	uint64_t n_ok_set;
	uint16_t num_queues; /* as read from the register */
	bool num_queues_known;
	uint64_t caps_seen; /* bit offset/4 of capabilities read whole */
	bool caps_whole;
	uint32_t bar_size[6]; /* from sizing, 0 unknown */
	uint8_t bar_sizing; /* all ones were written */
	uint64_t vendor_read; /* bit offset/4 of vendor capabilities whose vendor_id was read */
	struct obligation window; /* pci_cfg_data written; a: value, b: offset in the BAR */
	bool config_unsure; /* some of what the model holds of the configuration may be wrong */
	bool msix_sure; /* the model knows whether MSI-X is enabled */
	uint16_t msix_table; /* vectors, as read from the capability; 0 unknown */
	uint64_t via_value;
	uint32_t via_offset;
	uint8_t via_region;
	bool via_failed; /* the register refused: there is no value */
	uint64_t n_via;
	struct czones *zones; /* NULL: no report yet */
	uint64_t n_zone_touched;
	uint64_t driver_ts; /* the driver's latest sign of life */
	uint64_t flushes, writes;
	uint8_t framed[2][2]; /* block requests: unusual framing, failed; saturating */
	bool backend_ends; /* it was seen that the backend finished one */
	uint64_t first_ts;
	uint32_t *nth; /* findings by rule */
};

struct rule_context {
	struct check *c;
	const struct model *model;
	const struct event *e; /* NULL at the end */
	const struct rule *rule;
	unsigned index; /* of the rule */
	const struct model_device *dev; /* never NULL */
	struct model_queue *queue; /* NULL if none */
	struct cdev *d; /* never NULL */
	struct cqueue *q; /* NULL if none */
	const struct model_request *req;
	const struct vqt_ring *ring; /* the event's snapshot, NULL if its kind has none */
	unsigned lacks; /* NEED_* that is missing at this event */
	unsigned cap; /* AT_CAP: its offset in configuration space */
	uint64_t now, number, since; /* of this moment */
	uint64_t driver_ts; /* latest sign of life of any driver of this source */
	struct finding f;
};

/* An earlier event that matters; 0 is left out.  Before rule_fail(). */
void rule_related(struct rule_context *ctx, uint64_t number, const char *what);
/* Report; returns RULE_BROKEN. */
enum verdict rule_fail(struct rule_context *ctx, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, of a certain queue (ticks). */
enum verdict rule_fail_queue(struct rule_context *ctx, unsigned queue, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether the rule was broken by this device before: some need telling once. */
static inline bool told(const struct rule_context *ctx)
{
	return ctx->d->nth && ctx->d->nth[ctx->index];
}

/* The memory of the checker (decoder/check/state.c). */
struct cqueue *check_queue(struct cdev *d, unsigned index); /* find or make; NULL no memory */
void check_life(struct cdev *d, uint64_t number); /* a reset: start over */
void check_forget(struct cdev *d, uint64_t number); /* a loss: nothing is known any more */
void check_remember(struct rule_context *ctx, uint64_t triggers); /* take the event in */
void check_free_queues(struct cdev *d);
void check_clear_queue(struct cqueue *q, bool flight); /* all but who it is */
void check_set_draining(struct cdev *d, bool on);
/* Registers (decoder/check/registers.c), configuration spaces (decoder/check/config.c), interrupts (decoder/check/irq.c). */
void check_remember_register(struct rule_context *ctx, uint64_t triggers);
void check_config_read(struct rule_context *ctx);
void check_config_written(struct rule_context *ctx);
void check_generation_read(struct rule_context *ctx);
void check_pci_access(struct rule_context *ctx);
void check_via_cfg(struct rule_context *ctx);
/* Zones (decoder/check/zone.c). */
struct czone *check_zone_at(const struct cdev *d, uint64_t sector); /* NULL not known */
void check_zones_forget(struct cdev *d);
void check_zone_popped(struct rule_context *ctx);
void check_zone_used(struct rule_context *ctx);
void check_remember_irq(struct rule_context *ctx, uint64_t triggers);
/* Rings (decoder/check/queue.c). */
void check_remember_queue(struct rule_context *ctx, uint64_t triggers);
const struct vqt_ring *check_ring(const struct event *e); /* the event's snapshot, or NULL */
/* Does the device want to be told of the next entry (2.7.10, 2.8.10), as the ring has it? */
bool check_asks(const struct rule_context *ctx, const struct vqt_ring *r);
/* When this thread of the event's source spoke last before the event; 0 not known. */
uint64_t check_spoke(const struct rule_context *ctx, uint32_t tid);
/* What an event is (decoder/check/trigger.c). */
uint64_t check_triggers(struct rule_context *ctx);
unsigned check_have(const struct event *e);

/* --- small questions, used by many rules ------------------------------------ */

static inline const struct vqt_reg *reg(const struct rule_context *ctx)
{
	return &ctx->e->rec->reg;
}

static inline bool is_write(const struct rule_context *ctx)
{
	return reg(ctx)->op == VQT_WRITE;
}

static inline bool field_is(const struct rule_context *ctx, const char *name)
{
	return ctx->e->field && !strcmp(ctx->e->field->name, name);
}

static inline bool accepted(const struct rule_context *ctx, unsigned bit)
{
	return ctx->dev->accepted[bit / 64] >> (bit % 64) & 1; /* bit < 128 */
}

static inline bool word_known(uint8_t known, unsigned bit)
{
	return known >> (bit / 32) & 1;
}

static inline bool offered_known(const struct rule_context *ctx, unsigned bit)
{
	return word_known(ctx->dev->offered_known, bit);
}

static inline bool offered(const struct rule_context *ctx, unsigned bit)
{
	return ctx->dev->offered[bit / 64] >> (bit % 64) & 1;
}

/* Negotiation is over: what was accepted is what counts (legacy: once DRIVER_OK). */
static inline bool negotiated(const struct rule_context *ctx)
{
	return ctx->dev->status_known && ctx->dev->accepted_known &&
	       ctx->dev->status & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

static inline bool driver_ok(const struct rule_context *ctx)
{
	return ctx->dev->status_known && ctx->dev->status & VIRTIO_CONFIG_S_DRIVER_OK;
}

/* The modern interface is in use in this life; false too when nobody knows. */
static inline bool modern(const struct rule_context *ctx)
{
	return ctx->d->modern && !ctx->d->legacy;
}

static inline bool bit_set(const uint8_t *bits, unsigned n)
{
	return bits[n / 8] >> (n % 8) & 1;
}

/* A field of the device configuration as last read; false when not known. */
bool check_config(const struct rule_context *ctx, unsigned offset, unsigned width, uint64_t *value);
/* Bytes of PCI configuration space, all seen? */
bool check_pci(const struct model_device *d, unsigned offset, unsigned width, uint32_t *value);

/* Descriptors can be trusted to be what the driver wrote, all of them. */
static inline bool chain_true(const struct model_request *r)
{
	return !(r->flags & (VQT_CHAIN_DERIVED | VQT_CHAIN_LATE));
}

static inline bool chain_whole(const struct model_request *r)
{
	return !(r->flags & (VQT_CHAIN_CUT | VQT_CHAIN_LOOP | VQT_CHAIN_BAD_NEXT |
			     VQT_CHAIN_BAD_HEAD | VQT_CHAIN_NO_TABLE | VQT_CHAIN_BAD_TABLE));
}

#endif
