/* SPDX-License-Identifier: MIT */
/* What the rules about block devices remember; zones as far as reports were captured: 5.2.6. */
#include <linux/virtio_ids.h>
#include <stdlib.h>

#include "decoder/check/rules/blk.h"

#define REPORT_HEADER 64
#define DESCRIPTOR 64

static bool touches(const struct model_request *r)
{
	return r->type_raw == VIRTIO_BLK_T_OUT || r->type_raw == VIRTIO_BLK_T_SECURE_ERASE ||
	       (r->type_raw >= VIRTIO_BLK_T_ZONE_APPEND &&
		r->type_raw <= VIRTIO_BLK_T_ZONE_RESET_ALL &&
		r->type_raw != VIRTIO_BLK_T_ZONE_REPORT);
}

struct blk_zone *blk_zone_at(const struct rule_context *ctx, uint64_t sector)
{
	struct blk_zones *z = blk_memory(ctx)->zones;

	for (unsigned i = 0; z && i < z->n; i++)
		if (sector >= z->zone[i].start && sector - z->zone[i].start < z->sectors)
			return &z->zone[i];
	return NULL;
}

static struct blk_zones *zones_of(struct blk_memory *m)
{
	if (!m->zones)
		m->zones = calloc(1, sizeof(*m->zones));
	return m->zones;
}

static struct blk_zone *slot_of(struct blk_zones *z, uint64_t start)
{
	struct blk_zone *c;

	for (unsigned i = 0; i < z->n; i++)
		if (z->zone[i].start == start)
			return &z->zone[i];
	if (z->n == BLK_ZONES)
		return NULL;
	c = &z->zone[z->n++];
	*c = (struct blk_zone){ .start = start };
	return c;
}

/* One descriptor: z_cap, z_start, z_wp, z_type, z_state. */
static void learn(struct rule_context *ctx, struct blk_zones *z, const uint8_t *p, bool settled)
{
	struct blk_zone *c = slot_of(z, get_le64(p + 8));

	if (!c)
		return;
	c->number = ctx->number;
	c->capacity = get_le64(p);
	c->wp = get_le64(p + 16);
	c->type = p[24];
	c->state = p[25];
	c->settled = settled;
}

/* A report that begins the writable part, as many whole descriptors as were captured. */
static void learn_report(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;
	struct blk_memory *m = blk_memory(ctx);
	struct blk_zones *z = zones_of(m);
	struct record_seg seg;
	uint64_t sectors;
	uint32_t pos = 0, first = 0;

	if (!z || !check_config(ctx, BLK_CFG_ZONE_SECTORS, 4, &sectors) || !sectors)
		return;
	z->sectors = sectors;
	while (first < r->ndesc && !(r->desc[first].flags & VRING_DESC_F_WRITE))
		first++;
	while (record_seg_next(ctx->e->rec, &pos, &seg)) {
		uint64_t n;

		if (seg.desc != first || seg.offset || seg.len < REPORT_HEADER)
			continue;
		n = get_le64(seg.bytes);
		for (uint64_t i = 0; i < n && REPORT_HEADER + (i + 1) * DESCRIPTOR <= seg.len; i++)
			learn(ctx, z, seg.bytes + REPORT_HEADER + i * DESCRIPTOR,
			      m->n_zone_touched < r->number);
	}
}

/* A request that may change zones was popped: what was known of them ends here. */
static void zones_touched(struct rule_context *ctx)
{
	struct blk_memory *m = blk_memory(ctx);
	struct blk_zone *c;

	m->n_zone_touched = ctx->number;
	for (unsigned i = 0; m->zones && i < m->zones->n; i++)
		if (ctx->req->type_raw == VIRTIO_BLK_T_SECURE_ERASE ||
		    ctx->req->type_raw == VIRTIO_BLK_T_ZONE_RESET_ALL)
			m->zones->zone[i].settled = false;
	c = blk_zone_at(ctx, ctx->req->sector);
	if (!c)
		return;
	c->expect = 0;
	if (c->settled && ctx->req->type_raw == VIRTIO_BLK_T_OUT)
		c->expect = ctx->req->number;
	c->settled = false;
}

static void request_used(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (r && r->typed && r->type_raw == VIRTIO_BLK_T_ZONE_REPORT && r->status_known &&
	    !r->status && accepted(ctx, VIRTIO_BLK_F_ZONED))
		learn_report(ctx);
}

static void request_popped(struct rule_context *ctx)
{
	struct blk_memory *m = blk_memory(ctx);

	m->writes += ctx->req->type_raw == VIRTIO_BLK_T_OUT;
	m->flushes += ctx->req->type_raw == VIRTIO_BLK_T_FLUSH;
	if (touches(ctx->req))
		zones_touched(ctx);
}

/* In halves it may be less for a moment. */
static void capacity_read(struct rule_context *ctx)
{
	struct blk_memory *m = blk_memory(ctx);
	uint64_t now;

	if (!check_config(ctx, BLK_CFG_CAPACITY, 8, &now))
		return;
	if (now < m->capacity_known) {
		m->capacity_before = m->capacity_known;
		m->ts_shrunk = ctx->now;
	}
	m->capacity_known = now;
}

static void config_accessed(struct rule_context *ctx, uint64_t triggers)
{
	uint32_t at = config_offset(ctx);
	struct blk_memory *m = blk_memory(ctx);
	unsigned in = BLK_CFG_WRITEBACK - at;

	if (triggers & AT(CONFIG_WRITE) && in < reg(ctx)->width && in < 8)
		m->writeback_set = (uint8_t)(reg(ctx)->value >> (8 * in));
	if (triggers & AT(CONFIG_READ) && at < BLK_CFG_CAPACITY + 8)
		capacity_read(ctx);
	if (triggers & AT(CONFIG_READ) && at == BLK_CFG_CAPACITY) {
		m->capacity_read.number = 0;
		m->capacity_reads++;
	}
	if (triggers & AT(CONFIG_WRITE) && reg(ctx)->region == VQT_REGION_LEGACY &&
	    at == BLK_CFG_WRITEBACK && reg(ctx)->width == 1 && !ctx->d->features.n_offer &&
	    !ctx->d->features.n_accept)
		m->early_write = obligation(ctx, (uint8_t)reg(ctx)->value, 0);
}

static void register_accessed(struct rule_context *ctx, uint64_t triggers)
{
	struct blk_memory *m = blk_memory(ctx);

	if (triggers & (AT(STATUS_WRITE) | AT(FEATURE_WRITE) | AT(CONFIG_WRITE)))
		m->early_write.number = 0;
	if (triggers & AT(STATUS_READ) && reg(ctx)->value & VIRTIO_CONFIG_S_NEEDS_RESET &&
	    !ctx->d->reset.awaited)
		m->capacity_read.number = 0;
	if (triggers & (AT(CONFIG_READ) | AT(CONFIG_WRITE)))
		config_accessed(ctx, triggers);
}

static void remember(struct rule_context *ctx, uint64_t triggers)
{
	struct blk_memory *m = blk_memory(ctx);

	if (triggers & AT(REQUEST))
		request_popped(ctx);
	if (triggers & AT(USED))
		request_used(ctx);
	if (ctx->e->rec->h.type == VQT_REG)
		register_accessed(ctx, triggers);
	if (triggers & AT(CONFIG_IRQ) && driver_ok(ctx) && !ctx->d->status.n_error &&
	    !ctx->d->status.n_needs_reset)
		m->capacity_read = obligation(ctx, 0, 0);
}

static void reset(void *memory)
{
	struct blk_memory *m = memory;

	m->early_write.number = m->capacity_read.number = 0;
	m->capacity_reads = 0;
	m->capacity_known = m->capacity_before = 0;
	m->writeback_set = false;
	m->capacity.seen.number = m->may_unmap.seen.number = 0;
	if (m->zones)
		m->zones->n = 0;
}

static void free_zones(void *memory)
{
	free(((struct blk_memory *)memory)->zones);
}

static bool usual(const struct model_request *r)
{
	return r->type_raw <= VIRTIO_BLK_T_OUT;
}

/* 5.2.5: zoned characteristics, and the cache mode. */
static bool config_varies(unsigned offset)
{
	return (offset >= BLK_CFG_ZONE_SECTORS && offset < BLK_CFG_LEN) ||
	       offset == BLK_CFG_WRITEBACK;
}

const struct check_class check_class_blk = {
	.virtio_id = VIRTIO_ID_BLOCK,
	.serves = true,
	.writes = true,
	.insists = 1ULL << VIRTIO_BLK_F_ZONED, /* 5.2.5.2 */
	.usual = usual,
	.config_varies = config_varies,
	.memory = sizeof(struct blk_memory),
	.remember_at = AT(REQUEST) | AT(USED) | AT(STATUS_WRITE) | AT(STATUS_READ) |
		       AT(FEATURE_WRITE) | AT(CONFIG_READ) | AT(CONFIG_WRITE) | AT(CONFIG_IRQ),
	.remember = remember,
	.reset = reset,
	.free = free_zones,
};
