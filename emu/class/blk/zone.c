/* SPDX-License-Identifier: MIT */
/* Zoned block devices: 5.2.6.2 (zones, their states and what may be done to them). */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/class/blk.h"
#include "emu/class/blk/impl.h"

#define OK VIRTIO_BLK_S_OK
#define INVALID VIRTIO_BLK_S_ZONE_INVALID_CMD

struct report_header {
	uint64_t nr_zones;
	uint8_t reserved[56];
};

struct report_zone {
	uint64_t capacity, start, wp;
	uint8_t type, state;
	uint8_t reserved[38];
};

_Static_assert(sizeof(struct report_header) == 64, "5.2.6.2");
_Static_assert(sizeof(struct report_zone) == 64, "5.2.6.2");

static uint64_t zone_start(const struct blk *b, uint32_t i)
{
	return (uint64_t)i * b->cfg.zones.zone_sectors;
}

/* Writable sectors; the last zone may be shorter. */
static uint64_t zone_capacity(const struct blk *b, uint32_t i)
{
	uint64_t cap = b->cfg.zones.zone_sectors;
	if (b->zone[i].type != VIRTIO_BLK_ZT_CONV && b->cfg.zones.capacity_sectors)
		cap = b->cfg.zones.capacity_sectors;
	uint64_t left = b->capacity - zone_start(b, i);
	return cap < left ? cap : left;
}

static uint64_t zone_end(const struct blk *b, uint32_t i)
{
	return zone_start(b, i) + zone_capacity(b, i);
}

int blk_zones_init(struct blk *b)
{
	struct emu_blk_zones *z = &b->cfg.zones;
	if (z->model == VIRTIO_BLK_Z_NONE)
		return 0;
	if (z->model > VIRTIO_BLK_Z_HA || !z->zone_sectors || z->capacity_sectors > z->zone_sectors)
		return -EINVAL;
	uint64_t n = (b->capacity + z->zone_sectors - 1) / z->zone_sectors;
	if (n > UINT32_MAX / sizeof(*b->zone))
		return -EINVAL;
	b->zone = calloc(n ? n : 1, sizeof(*b->zone));
	if (!b->zone)
		return -ENOMEM;
	b->zones = n;
	for (uint32_t i = 0; i < b->zones; i++) {
		bool conv = i < z->conventional;
		b->zone[i] = (struct blk_zone){ .wp = zone_start(b, i),
						.type = conv ? VIRTIO_BLK_ZT_CONV
							: z->model == VIRTIO_BLK_Z_HM
								? VIRTIO_BLK_ZT_SWR
								: VIRTIO_BLK_ZT_SWP,
						.state = conv ? VIRTIO_BLK_ZS_NOT_WP
							      : VIRTIO_BLK_ZS_EMPTY };
	}
	return 0;
}

/* Negotiated, and the device has zones. */
static bool is_zoned(const struct blk *b)
{
	return b->zones && emu_virtio_has(b->v, VIRTIO_BLK_F_ZONED);
}

static bool is_open(uint8_t state)
{
	return state == VIRTIO_BLK_ZS_IOPEN || state == VIRTIO_BLK_ZS_EOPEN;
}

static bool is_active(uint8_t state)
{
	return is_open(state) || state == VIRTIO_BLK_ZS_CLOSED;
}

static void set_state(struct blk *b, struct blk_zone *z, uint8_t state)
{
	b->open += is_open(state) - is_open(z->state);
	b->active += is_active(state) - is_active(z->state);
	z->state = state;
}

/* Are these sectors in zones that must be written sequentially? */
bool blk_zone_sequential(const struct blk *b, uint64_t sector, uint64_t sectors)
{
	if (!is_zoned(b) || !sectors)
		return false;
	for (uint64_t i = sector / b->cfg.zones.zone_sectors;
	     i <= (sector + sectors - 1) / b->cfg.zones.zone_sectors && i < b->zones; i++)
		if (b->zone[i].type != VIRTIO_BLK_ZT_CONV)
			return true;
	return false;
}

/* Close a zone that was opened implicitly, which the device may do (5.2.6.2). */
static bool close_one(struct blk *b)
{
	for (uint32_t i = 0; i < b->zones; i++)
		if (b->zone[i].state == VIRTIO_BLK_ZS_IOPEN) {
			set_state(b, &b->zone[i], VIRTIO_BLK_ZS_CLOSED);
			return true;
		}
	return false;
}

/* Change to IOPEN or EOPEN, if the limits allow it. */
static uint8_t open_zone(struct blk *b, struct blk_zone *z, uint8_t state)
{
	const struct emu_blk_zones *c = &b->cfg.zones;
	if (!is_active(z->state) && c->max_active && b->active >= c->max_active)
		return VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE;
	if (!is_open(z->state) && c->max_open && b->open >= c->max_open && !close_one(b))
		return VIRTIO_BLK_S_ZONE_OPEN_RESOURCE;
	set_state(b, z, state);
	return OK;
}

static bool dead(const struct blk_zone *z)
{
	return z->state == VIRTIO_BLK_ZS_OFFLINE;
}

static bool unwritable(const struct blk_zone *z)
{
	return dead(z) || z->state == VIRTIO_BLK_ZS_RDONLY;
}

/* Every zone of a range: is one of them SWR though there are several, or gone? */
static uint8_t check_span(const struct blk *b, uint64_t sector, uint64_t sectors, bool write)
{
	uint64_t first = sector / b->cfg.zones.zone_sectors;
	uint64_t last = (sector + sectors - 1) / b->cfg.zones.zone_sectors;
	for (uint64_t i = first; i <= last; i++) {
		const struct blk_zone *z = &b->zone[i];
		if (first != last && z->type == VIRTIO_BLK_ZT_SWR)
			return INVALID;
		if (write ? unwritable(z) : dead(z))
			return INVALID;
	}
	return OK;
}

static bool misaligned(const struct blk *b, uint64_t sector, uint64_t sectors)
{
	uint32_t g = b->cfg.zones.write_granularity / BLK_SECTOR;
	return g > 1 && (sector % g || sectors % g);
}

static uint8_t write_at_pointer(struct blk *b, uint32_t i, uint64_t sectors)
{
	struct blk_zone *z = &b->zone[i];
	if (z->state == VIRTIO_BLK_ZS_FULL || sectors > zone_end(b, i) - z->wp)
		return INVALID;
	if (!is_open(z->state)) {
		uint8_t s = open_zone(b, z, VIRTIO_BLK_ZS_IOPEN);
		if (s != OK)
			return s;
	}
	z->wp += sectors;
	if (z->wp == zone_end(b, i))
		set_state(b, z, VIRTIO_BLK_ZS_FULL);
	return OK;
}

/* SWP: writes may go anywhere; the pointer follows the highest sector written. */
static void follow_preferred(struct blk *b, uint64_t sector, uint64_t sectors)
{
	for (uint64_t s = sector; s < sector + sectors;) {
		uint32_t i = s / b->cfg.zones.zone_sectors;
		uint64_t next = zone_start(b, i + 1), end = sector + sectors;
		struct blk_zone *z = &b->zone[i];
		end = end < next ? end : next;
		if (z->type == VIRTIO_BLK_ZT_SWP && end > z->wp) {
			z->wp = end < zone_end(b, i) ? end : zone_end(b, i);
			if (z->wp == zone_end(b, i))
				set_state(b, z, VIRTIO_BLK_ZS_FULL);
			else if (!is_open(z->state))
				open_zone(b, z, VIRTIO_BLK_ZS_IOPEN);
		}
		s = end;
	}
}

uint8_t blk_zone_write(struct blk *b, uint64_t sector, uint64_t sectors)
{
	if (!is_zoned(b) || !sectors)
		return OK;
	uint8_t status = check_span(b, sector, sectors, true);
	if (status != OK)
		return status;
	uint32_t i = sector / b->cfg.zones.zone_sectors;
	if (b->zone[i].type != VIRTIO_BLK_ZT_SWR) {
		follow_preferred(b, sector, sectors);
		return OK;
	}
	if (b->zone[i].state == VIRTIO_BLK_ZS_FULL)
		return INVALID;
	if (sector != b->zone[i].wp || misaligned(b, sector, sectors))
		return VIRTIO_BLK_S_ZONE_UNALIGNED_WP;
	return write_at_pointer(b, i, sectors);
}

/* Sectors beyond the write pointer are unwritten and read as zeroes. */
uint8_t blk_zone_read(struct blk *b, uint64_t sector, uint64_t *sectors)
{
	if (!is_zoned(b) || !*sectors)
		return OK;
	uint8_t status = check_span(b, sector, *sectors, false);
	uint32_t i = sector / b->cfg.zones.zone_sectors;
	const struct blk_zone *z = &b->zone[i];
	if (status == OK && z->type == VIRTIO_BLK_ZT_SWR && z->state != VIRTIO_BLK_ZS_RDONLY) {
		uint64_t written = sector < z->wp ? z->wp - sector : 0;
		*sectors = *sectors < written ? *sectors : written;
	}
	return status;
}

/* 5.2.6.2: the zone a management request names by its first sector. */
static struct blk_zone *named(struct blk *b, uint64_t sector, uint32_t *index)
{
	uint64_t i = sector / b->cfg.zones.zone_sectors;
	if (sector % b->cfg.zones.zone_sectors || i >= b->zones)
		return NULL;
	*index = i;
	return &b->zone[i];
}

static uint8_t close_zone(struct blk *b, struct blk_zone *z, uint32_t i)
{
	if (z->state == VIRTIO_BLK_ZS_CLOSED)
		return OK;
	if (!is_open(z->state))
		return INVALID;
	set_state(b, z, z->wp == zone_start(b, i) ? VIRTIO_BLK_ZS_EMPTY : VIRTIO_BLK_ZS_CLOSED);
	return OK;
}

static uint8_t reset_zone(struct blk *b, struct blk_zone *z, uint32_t i)
{
	if (unwritable(z) || z->type == VIRTIO_BLK_ZT_CONV)
		return INVALID;
	z->wp = zone_start(b, i);
	set_state(b, z, VIRTIO_BLK_ZS_EMPTY);
	return OK;
}

static uint8_t finish_zone(struct blk *b, struct blk_zone *z, uint32_t i)
{
	z->wp = zone_end(b, i);
	set_state(b, z, VIRTIO_BLK_ZS_FULL);
	return OK;
}

uint8_t blk_zone_erase(struct blk *b, uint64_t sector, uint64_t sectors)
{
	uint32_t i;
	if (!is_zoned(b) || !sectors)
		return OK;
	if (!named(b, sector, &i) || sectors % b->cfg.zones.zone_sectors)
		return INVALID;
	for (uint64_t n = sectors / b->cfg.zones.zone_sectors; n && i < b->zones; n--, i++) {
		uint8_t s =
			b->zone[i].type == VIRTIO_BLK_ZT_CONV ? OK : reset_zone(b, &b->zone[i], i);
		if (s != OK)
			return s;
	}
	return OK;
}

static uint8_t reset_all(struct blk *b)
{
	for (uint32_t i = 0; i < b->zones; i++)
		reset_zone(b, &b->zone[i], i); /* zones that cannot be reset keep their state */
	return OK;
}

static uint8_t manage(struct blk_req *r)
{
	struct blk *b = r->b;
	uint32_t i = 0;
	if (r->type == VIRTIO_BLK_T_ZONE_RESET_ALL)
		return r->sector ? INVALID : reset_all(b);
	struct blk_zone *z = named(b, r->sector, &i);
	if (!z || z->type == VIRTIO_BLK_ZT_CONV || unwritable(z))
		return INVALID;
	switch (r->type) {
	case VIRTIO_BLK_T_ZONE_OPEN:
		return z->state == VIRTIO_BLK_ZS_FULL ? INVALID
						      : open_zone(b, z, VIRTIO_BLK_ZS_EOPEN);
	case VIRTIO_BLK_T_ZONE_CLOSE: return close_zone(b, z, i);
	case VIRTIO_BLK_T_ZONE_FINISH: return finish_zone(b, z, i);
	default: return reset_zone(b, z, i);
	}
}

void blk_zone_manage(struct blk_req *r)
{
	blk_finish(r, r->b->zones ? manage(r) : INVALID);
}

/* The zones from the one that holds `sector`, as many as the buffer takes. */
void blk_zone_report(struct blk_req *r)
{
	struct blk *b = r->b;
	struct report_header h = { 0 };
	uint64_t room = r->c->chain.write_len - 1, n = 0;
	if (!b->zones || r->sector >= b->capacity ||
	    room < sizeof(h) + sizeof(struct report_zone)) {
		blk_finish(r, INVALID);
		return;
	}
	uint32_t i = r->sector / b->cfg.zones.zone_sectors;
	room = (room - sizeof(h)) / sizeof(struct report_zone);
	for (; i < b->zones && n < room; i++, n++) {
		const struct blk_zone *z = &b->zone[i];
		struct report_zone d = { .capacity = htole64(zone_capacity(b, i)),
					 .start = htole64(zone_start(b, i)),
					 .wp = htole64(z->type == VIRTIO_BLK_ZT_CONV ? UINT64_MAX
										     : z->wp),
					 .type = z->type,
					 .state = z->state };
		if (emu_chain_write(b->v->mem, r->c, sizeof(h) + n * sizeof(d), &d, sizeof(d)) <
		    0) {
			blk_finish(r, VIRTIO_BLK_S_IOERR);
			return;
		}
	}
	h.nr_zones = htole64(n);
	if (emu_chain_write(b->v->mem, r->c, 0, &h, sizeof(h)) == 0)
		r->c->touched = sizeof(h) + n * sizeof(struct report_zone);
	blk_finish(r, r->c->touched ? OK : VIRTIO_BLK_S_IOERR);
}

static uint8_t check_append(struct blk_req *r, uint32_t *index)
{
	struct blk *b = r->b;
	uint64_t sectors = r->data_len / BLK_SECTOR;
	if (!b->zones)
		return INVALID;
	if (!b->cfg.zones.max_append_sectors)
		return VIRTIO_BLK_S_UNSUPP;
	struct blk_zone *z = named(b, r->sector, index);
	if (!z || z->type != VIRTIO_BLK_ZT_SWR || unwritable(z))
		return INVALID;
	if (!sectors || r->data_len % BLK_SECTOR || sectors > b->cfg.zones.max_append_sectors)
		return INVALID;
	if (misaligned(b, 0, sectors))
		return VIRTIO_BLK_S_ZONE_UNALIGNED_WP;
	return OK;
}

/* The sector the data went to precedes the status byte: struct virtio_blk_req_za. */
void blk_zone_append(struct blk_req *r)
{
	struct blk *b = r->b;
	uint32_t i = 0;
	uint8_t s = r->c->chain.write_len != 9 ? VIRTIO_BLK_S_IOERR : check_append(r, &i);
	uint64_t wp = s == OK ? b->zone[i].wp : 0, le = htole64(wp);
	if (s == OK)
		s = write_at_pointer(b, i, r->data_len / BLK_SECTOR);
	if (s == OK && emu_chain_write(b->v->mem, r->c, 0, &le, sizeof(le)) < 0)
		s = VIRTIO_BLK_S_IOERR;
	if (s != OK) {
		blk_finish(r, s);
		return;
	}
	r->c->touched = sizeof(le);
	blk_move(r, EMU_IO_WRITE, wp, r->data_len);
}
