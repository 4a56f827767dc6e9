/* SPDX-License-Identifier: MIT */
/* What the checker remembers of zones: as far as reports were captured, 5.2.6. */
#include <stdlib.h>

#include "decoder/check/rules/blk.h"

#define REPORT_HEADER 64
#define DESCRIPTOR 64

static bool touches(const struct model_request *r)
{
	return r->type_raw == BLK_OUT || r->type_raw == BLK_SECURE_ERASE ||
	       (r->type_raw >= BLK_ZONE_APPEND && r->type_raw <= BLK_ZONE_RESET_ALL &&
		r->type_raw != BLK_ZONE_REPORT);
}

struct czone *check_zone_at(const struct cdev *d, uint64_t sector)
{
	for (unsigned i = 0; d->zones && i < d->zones->n; i++)
		if (sector >= d->zones->zone[i].start &&
		    sector - d->zones->zone[i].start < d->zones->sectors)
			return &d->zones->zone[i];
	return NULL;
}

void check_zones_forget(struct cdev *d)
{
	if (d->zones)
		d->zones->n = 0;
}

static struct czones *zones_of(struct cdev *d)
{
	if (!d->zones)
		d->zones = calloc(1, sizeof(*d->zones));
	return d->zones;
}

static struct czone *slot_of(struct czones *z, uint64_t start)
{
	struct czone *c;

	for (unsigned i = 0; i < z->n; i++)
		if (z->zone[i].start == start)
			return &z->zone[i];
	if (z->n == CHECK_ZONES)
		return NULL;
	c = &z->zone[z->n++];
	*c = (struct czone){ .start = start };
	return c;
}

/* One descriptor: z_cap, z_start, z_wp, z_type, z_state. */
static void learn(struct rule_context *ctx, struct czones *z, const uint8_t *p, bool settled)
{
	struct czone *c = slot_of(z, get_le64(p + 8));

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
	struct czones *z = zones_of(ctx->d);
	struct record_seg seg;
	uint64_t sectors;
	uint32_t pos = 0, first = 0;

	if (!z || !check_config(ctx, BLK_ZONE_SECTORS, 4, &sectors) || !sectors)
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
			      ctx->d->n_zone_touched < r->number);
	}
}

/* A request that may change zones was taken: what was known of them ends here. */
void check_zone_popped(struct rule_context *ctx)
{
	struct cdev *d = ctx->d;
	struct czone *c;

	if (ctx->dev->virtio_id != VIRTIO_ID_BLOCK || !touches(ctx->req))
		return;
	d->n_zone_touched = ctx->number;
	for (unsigned i = 0; d->zones && i < d->zones->n; i++)
		if (ctx->req->type_raw == BLK_SECURE_ERASE ||
		    ctx->req->type_raw == BLK_ZONE_RESET_ALL)
			d->zones->zone[i].settled = false;
	c = check_zone_at(d, ctx->req->sector);
	if (!c)
		return;
	c->expect = 0;
	if (c->settled && ctx->req->type_raw == BLK_OUT)
		c->expect = ctx->req->number;
	c->settled = false;
}

void check_zone_used(struct rule_context *ctx)
{
	const struct model_request *r = ctx->req;

	if (!r || !r->typed || ctx->dev->virtio_id != VIRTIO_ID_BLOCK)
		return;
	if (r->type_raw == BLK_ZONE_REPORT && r->status_known && !r->status &&
	    accepted(ctx, VIRTIO_BLK_F_ZONED))
		learn_report(ctx);
}
