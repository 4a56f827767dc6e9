/* SPDX-License-Identifier: MIT */
/*
 * What a rule has before it: the event, what the checker remembers, and how to say
 * that the rule was broken.  Rules run before the event is remembered, so memory
 * tells what was the case before.  Only decoder/check includes this.
 */
#ifndef VQT_DECODER_CHECK_CONTEXT_H
#define VQT_DECODER_CHECK_CONTEXT_H

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "decoder/check/memory.h"
#include "decoder/check/rule.h"
#include "decoder/spec/constants.h"

#define SECONDS 1000000000ULL
/* For how long the other side must have gone on before a silence counts. */
#define STALL (1 * SECONDS)
#define HELD (2 * SECONDS)
#define SAMPLES_APART (SECONDS * 3 / 2) /* at most: they are taken once a second */
#define STUCK (30 * SECONDS)
#define ABANDONED (10 * SECONDS)

struct rule_context {
	struct check *c;
	const struct model *model;
	const struct event *e; /* NULL at the end */
	const struct rule *rule;
	unsigned index; /* of the rule */
	const struct model_device *dev; /* never NULL */
	struct model_queue *queue; /* NULL if none */
	struct check_device *d; /* never NULL */
	struct check_queue *q; /* NULL if none */
	const struct model_request *req;
	const struct vqt_ring *ring; /* the event's snapshot, NULL if its kind has none */
	unsigned lacks; /* NEED_* that is missing at this event */
	bool tick; /* AT_TICK, AT_END: the event is of any device */
	unsigned cap; /* AT_CAP: its offset in configuration space */
	uint64_t now, number, since; /* of the event */
	uint64_t driver_ts; /* latest sign of life of any driver of this source */
	struct finding f;
};

/* What is due since the event. */
static inline struct obligation obligation(const struct rule_context *ctx, uint32_t a, uint32_t b)
{
	return (struct obligation){ ctx->number, ctx->now, a, b };
}

/* An earlier event that matters; 0 is left out.  Before rule_fail(). */
void rule_related(struct rule_context *ctx, uint64_t number, const char *what);
/* Report; returns RULE_BROKEN. */
enum verdict rule_fail(struct rule_context *ctx, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, of a certain queue (ticks). */
enum verdict rule_fail_queue(struct rule_context *ctx, unsigned queue, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether this device broke the rule before: some are reported once only. */
static inline bool reported(const struct rule_context *ctx)
{
	return ctx->d->nth && ctx->d->nth[ctx->index];
}

/*
 * Of a value in a ring: whether it is wrong, and new.  One that a side wrote once is found by each
 * snapshot until it changes.
 */
static inline enum verdict found_value(struct rule_context *ctx, enum check_found which,
				       uint16_t value, bool wrong)
{
	struct check_value *f = &ctx->q->found[which];
	bool again = wrong && f->wrong && f->value == value;

	*f = (struct check_value){ wrong, value };
	return again ? RULE_NA : wrong ? RULE_BROKEN : RULE_PASSED;
}

/*
 * Whether the length of a used event means something.  Of a packed ring it is reserved unless
 * the used descriptor has WRITE (2.8.4); often it is then what the driver wrote there.
 */
static inline bool used_len_counts(const struct rule_context *ctx)
{
	return !ctx->queue->packed || ctx->e->rec->used.flags & VQT_USED_WRITE;
}

/* The event's snapshot of the ring, or NULL. */
const struct vqt_ring *check_ring(const struct event *e);
/* Whether the device asks for a kick at the next entry (2.7.10, 2.8.10), as the ring has it. */
bool check_asks(const struct rule_context *ctx, const struct vqt_ring *r);
/* Whether the sample shows the same chains in flight as the one before, shortly before it. */
bool check_held(const struct rule_context *ctx);
/* When the driver wants to be notified, as the ring has it: used_event, flags << 16. */
static inline uint32_t check_wish(const struct vqt_ring *r)
{
	return (r->known & VQT_RING_USED_EVENT ? r->used_event : 0) |
	       (r->known & VQT_RING_AVAIL_FLAGS ? (uint32_t)r->avail_flags << 16 : 0);
}

/* When this thread of the event's source last acted before the event, ns; 0 not known. */
uint64_t check_spoke(const struct rule_context *ctx, uint32_t tid);

/* --- small questions, used by many rules ------------------------------------ */

static inline const struct vqt_reg *reg(const struct rule_context *ctx)
{
	return &ctx->e->rec->reg;
}

static inline bool is_write(const struct rule_context *ctx)
{
	return reg(ctx)->op == VQT_WRITE;
}

/* Whether the access is to this register (SPEC_REG_*), on whichever transport. */
static inline bool register_is(const struct rule_context *ctx, enum spec_reg id)
{
	return ctx->e->field && ctx->e->field->id == id;
}

/* The device is on virtio-mmio (4.2). */
static inline bool check_mmio(const struct model_device *d)
{
	return d->transport == VQT_TRANSPORT_MMIO || (!d->transport && d->mmio_version);
}

/*
 * The event is a kick by eventfd: recorded when the device came to hear of it.  The driver made
 * it before, and before which of its other events nobody knows.
 */
static inline bool kick_by_eventfd(const struct rule_context *ctx)
{
	return ctx->e->rec->h.type == VQT_KICK && ctx->e->rec->kick.via == VQT_KICK_IOEVENTFD;
}

/* The access is by the legacy interface: 4.1.4.10, 4.2.4. */
static inline bool legacy_access(const struct rule_context *ctx)
{
	return model_legacy_region(ctx->dev, reg(ctx)->region);
}

/* The access is by the modern interface: 4.1.4.3, 4.2.2.  Neither: the version is not known. */
static inline bool modern_access(const struct rule_context *ctx)
{
	return reg(ctx)->region == VQT_REGION_COMMON ||
	       (reg(ctx)->region == VQT_REGION_MMIO && ctx->dev->mmio_version == 2);
}

/* A vector is taken back, as drivers do when they are done with a device: no set-up. */
static inline bool unmaps_vector(const struct rule_context *ctx)
{
	return is_write(ctx) && (uint16_t)reg(ctx)->value == VQT_NO_VECTOR &&
	       (register_is(ctx, SPEC_REG_QUEUE_VECTOR) ||
		register_is(ctx, SPEC_REG_CONFIG_VECTOR));
}

/* The access is to one of the queue's three addresses. */
static inline bool places_queue(const struct rule_context *ctx)
{
	return register_is(ctx, SPEC_REG_QUEUE_DESC) || register_is(ctx, SPEC_REG_QUEUE_DRIVER) ||
	       register_is(ctx, SPEC_REG_QUEUE_DEVICE);
}

static inline bool accepted(const struct rule_context *ctx, unsigned bit)
{
	return ctx->dev->accepted[bit / 64] >> (bit % 64) & 1; /* bit < 128 */
}

static inline bool event_idx(const struct rule_context *ctx)
{
	return accepted(ctx, VIRTIO_RING_F_EVENT_IDX);
}

static inline bool offered_known(const struct rule_context *ctx, unsigned bit)
{
	return ctx->dev->offered_known >> (bit / 32) & 1;
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

/* The status bits that this write of device_status sets. */
static inline uint8_t sets(const struct rule_context *ctx)
{
	return (uint8_t)reg(ctx)->value & (uint8_t)~ctx->e->status_before;
}

/* The write ends negotiation: FEATURES_OK, or DRIVER_OK where the interface has no such step. */
static inline bool settles(const struct rule_context *ctx)
{
	return sets(ctx) &
	       (legacy_access(ctx) ? VIRTIO_CONFIG_S_DRIVER_OK : VIRTIO_CONFIG_S_FEATURES_OK);
}

static inline bool driver_ok(const struct rule_context *ctx)
{
	return ctx->dev->status_known && ctx->dev->status & VIRTIO_CONFIG_S_DRIVER_OK;
}

/* The device has said that it cannot go on, or was asked to rest: nothing is due of it. */
static inline bool stopped(const struct rule_context *ctx)
{
	return ctx->d->status.n_error || ctx->d->status.n_needs_reset || ctx->d->suspend.state;
}

/* Configuration changes have no vector, or nobody knows: no notification can be expected. */
static inline bool changes_unheard(const struct rule_context *ctx)
{
	return ctx->dev->config_vector == VQT_NO_VECTOR && !check_mmio(ctx->dev) &&
	       (ctx->dev->msix || !ctx->d->known.msix);
}

/* The modern interface is in use since the reset; false too when nobody knows. */
static inline bool modern(const struct rule_context *ctx)
{
	return ctx->d->modern && !ctx->d->legacy;
}

/* The legacy one alone. */
static inline bool legacy_only(const struct rule_context *ctx)
{
	return ctx->d->legacy && !ctx->d->modern;
}

static inline bool bit_set(const uint8_t *bits, unsigned n)
{
	return bits[n / 8] >> (n % 8) & 1;
}

/* Where in the device configuration the access is. */
static inline uint32_t config_offset(const struct rule_context *ctx)
{
	return spec_field_offset(reg(ctx)->region, reg(ctx)->offset, ctx->dev->msix);
}

/* A field of the device configuration, of at most 8 bytes, as last read; false when not known. */
bool check_config(const struct rule_context *ctx, unsigned offset, unsigned width, uint64_t *value);
/* Bytes of PCI configuration space, all seen? */
bool check_pci(const struct model_device *d, unsigned offset, unsigned width, uint32_t *value);

/* 4 bytes of PCI configuration space, seen or not. */
static inline uint32_t pci32(const struct rule_context *ctx, unsigned at)
{
	return get_le32(ctx->dev->pci + (at & 0xffc));
}

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
