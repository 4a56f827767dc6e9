/* SPDX-License-Identifier: MIT */
/* The block device as a device class: features and configuration, 5.2.3 to 5.2.5. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/class/blk.h"
#include "emu/class/blk/impl.h"
#include "emu/virtio/fault.h"

#define BIT(n) (1ull << (n))
#define SEGMENT_MAX (1u << 20) /* bytes */
#define HEADS 16
#define SECTORS 63

#define DEFAULT_FEATURES \
	(BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_GEOMETRY) | BIT(VIRTIO_BLK_F_BLK_SIZE) | \
	 BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_CONFIG_WCE) | \
	 BIT(VIRTIO_BLK_F_MQ) | BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES) | \
	 BIT(VIRTIO_BLK_F_SIZE_MAX))
#define ALL_FEATURES \
	(DEFAULT_FEATURES | BIT(VIRTIO_BLK_F_RO) | BIT(VIRTIO_BLK_F_LIFETIME) | \
	 BIT(VIRTIO_BLK_F_SECURE_ERASE) | BIT(VIRTIO_BLK_F_ZONED))

static void put(struct emu_virtio *v, unsigned off, unsigned len, uint64_t value)
{
	for (unsigned i = 0; i < len; i++)
		v->config[off + i] = value >> 8 * i;
}

static void default_to(uint32_t *field, uint32_t value)
{
	if (!*field)
		*field = value;
}

/* Header and status take two descriptors of a queue. */
static uint32_t seg_max(const struct emu_virtio *v)
{
	unsigned size = v->queue_size_usual ? v->queue_size_usual : v->queue[0].size_max;
	return size > 2 ? size - 2 : 1;
}

static void fill_defaults(struct blk *b)
{
	struct emu_blk_config *c = &b->cfg;
	default_to(&c->blk_size, BLK_SECTOR);
	default_to(&c->max_discard_sectors, 1u << 22);
	default_to(&c->max_discard_seg, 1);
	default_to(&c->max_zeroes_sectors, 1u << 22);
	default_to(&c->max_zeroes_seg, 1);
	default_to(&c->max_erase_sectors, 1u << 22);
	default_to(&c->max_erase_seg, 1);
	if (c->zones.model != VIRTIO_BLK_Z_NONE) {
		default_to(&c->zones.write_granularity, c->blk_size);
		uint64_t most = (uint64_t)seg_max(b->v) * SEGMENT_MAX / BLK_SECTOR; /* 5.2.5.2 */
		if (c->zones.max_append_sectors > most)
			c->zones.max_append_sectors = most;
	}
}

static void fill_zones(struct emu_virtio *v, bool show)
{
	const struct blk *b = v->priv;
	const struct emu_blk_zones *z = &b->cfg.zones;
	if (v->exact) /* a recorded device's bytes stay */
		return;
	memset(v->config + BLK_CFG_ZONE_SECTORS, 0, BLK_CFG_LEN - BLK_CFG_ZONE_SECTORS);
	if (!show || z->model == VIRTIO_BLK_Z_NONE)
		return;
	put(v, BLK_CFG_ZONE_SECTORS, 4, z->zone_sectors);
	put(v, BLK_CFG_ZONE_OPEN, 4, z->max_open);
	put(v, BLK_CFG_ZONE_ACTIVE, 4, z->max_active);
	put(v, BLK_CFG_ZONE_APPEND, 4, z->max_append_sectors);
	put(v, BLK_CFG_ZONE_GRANULARITY, 4, z->write_granularity);
	put(v, BLK_CFG_ZONE_MODEL, 1, z->model);
}

/* 5.2.4; fields of features that are not offered stay 0, as does the topology. */
static void fill_config(struct emu_virtio *v)
{
	const struct blk *b = v->priv;
	const struct emu_blk_config *c = &b->cfg;
	const uint64_t cylinders = b->capacity / (HEADS * SECTORS);
	const uint32_t unit = c->blk_size / BLK_SECTOR ? c->blk_size / BLK_SECTOR : 1;
	/* 5.2.6.2: erasing is resetting zones */
	const bool zoned = c->zones.model != VIRTIO_BLK_Z_NONE;
	const struct {
		uint8_t off, len, feature;
		uint64_t value;
	} fields[] = {
		{ BLK_CFG_SIZE_MAX, 4, VIRTIO_BLK_F_SIZE_MAX, SEGMENT_MAX },
		{ BLK_CFG_SEG_MAX, 4, VIRTIO_BLK_F_SEG_MAX, seg_max(v) },
		{ BLK_CFG_CYLINDERS, 2, VIRTIO_BLK_F_GEOMETRY,
		  cylinders > 16383 ? 16383
		  : cylinders	    ? cylinders
				    : 1 },
		{ BLK_CFG_HEADS, 1, VIRTIO_BLK_F_GEOMETRY, HEADS },
		{ BLK_CFG_SECTORS, 1, VIRTIO_BLK_F_GEOMETRY, SECTORS },
		{ BLK_CFG_BLK_SIZE, 4, VIRTIO_BLK_F_BLK_SIZE, c->blk_size },
		{ BLK_CFG_WRITEBACK, 1, VIRTIO_BLK_F_CONFIG_WCE, 1 },
		{ BLK_CFG_NUM_QUEUES, 2, VIRTIO_BLK_F_MQ, v->nqueues },
		{ BLK_CFG_DISCARD_SECTORS, 4, VIRTIO_BLK_F_DISCARD, c->max_discard_sectors },
		{ BLK_CFG_DISCARD_SEG, 4, VIRTIO_BLK_F_DISCARD, c->max_discard_seg },
		{ BLK_CFG_DISCARD_ALIGN, 4, VIRTIO_BLK_F_DISCARD, unit },
		{ BLK_CFG_ZEROES_SECTORS, 4, VIRTIO_BLK_F_WRITE_ZEROES, c->max_zeroes_sectors },
		{ BLK_CFG_ZEROES_SEG, 4, VIRTIO_BLK_F_WRITE_ZEROES, c->max_zeroes_seg },
		{ BLK_CFG_ZEROES_UNMAP, 1, VIRTIO_BLK_F_WRITE_ZEROES, b->backend->can_discard },
		{ BLK_CFG_ERASE_SECTORS, 4, VIRTIO_BLK_F_SECURE_ERASE, c->max_erase_sectors },
		{ BLK_CFG_ERASE_SEG, 4, VIRTIO_BLK_F_SECURE_ERASE, c->max_erase_seg },
		{ BLK_CFG_ERASE_ALIGN, 4, VIRTIO_BLK_F_SECURE_ERASE,
		  zoned ? c->zones.zone_sectors : unit },
	};
	v->config_len = BLK_CFG_LEN;
	put(v, BLK_CFG_CAPACITY, 8, b->capacity);
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (emu_virtio_offers(v, fields[i].feature))
			put(v, fields[i].off, fields[i].len, fields[i].value);
	fill_zones(v, emu_virtio_offers(v, VIRTIO_BLK_F_ZONED));
}

static void choose_features(struct emu_virtio *v)
{
	struct blk *b = v->priv;
	uint64_t f = b->cfg.features ? b->cfg.features : DEFAULT_FEATURES;
	f = (f | v->features_on) & ~v->features_off;
	if (b->backend->read_only)
		f |= BIT(VIRTIO_BLK_F_RO);
	if (b->cfg.zones.model == VIRTIO_BLK_Z_HM) /* 5.2.5.1 */
		f = (f & ~BIT(VIRTIO_BLK_F_DISCARD)) | BIT(VIRTIO_BLK_F_ZONED);
	if (f & BIT(VIRTIO_BLK_F_CONFIG_WCE) &&
	    !emu_fault_hit(v->fault, EMU_FAULT_OFFERS_WITHOUT_PREREQ)) /* 5.2.5.2 */
		f |= BIT(VIRTIO_BLK_F_FLUSH);
	v->offered[0] = f & ALL_FEATURES;
}

static int blk_init(struct emu_virtio *v, const void *config)
{
	const struct emu_blk_config *cfg = config;
	struct blk *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->v = v;
	b->cfg = *cfg;
	b->backend = cfg->backend;
	b->capacity = cfg->capacity ? cfg->capacity : b->backend->size / BLK_SECTOR;
	v->priv = b;
	fill_defaults(b);
	int ret =
		b->capacity > b->backend->size / BLK_SECTOR || b->capacity > INT64_MAX / BLK_SECTOR
			? -EINVAL
			: blk_zones_init(b);
	if (ret < 0) {
		free(b);
		v->priv = NULL;
		return ret;
	}
	choose_features(v);
	fill_config(v);
	return 0;
}

static void blk_fini(struct emu_virtio *v)
{
	struct blk *b = v->priv;
	if (!b)
		return;
	emu_backend_close(b->backend);
	free(b->zone);
	free(b);
}

static const char *blk_refuse(struct emu_virtio *v)
{
	const struct blk *b = v->priv;
	if (b->cfg.zones.model != VIRTIO_BLK_Z_HM || v->exact)
		return NULL;
	if (!emu_virtio_has(v, VIRTIO_BLK_F_ZONED)) /* 5.2.5.2 */
		return "a host-managed zoned device needs ZONED";
	return NULL;
}

static void blk_negotiated(struct emu_virtio *v)
{
	bool flush = emu_virtio_has(v, VIRTIO_BLK_F_FLUSH);
	bool wce = emu_virtio_has(v, VIRTIO_BLK_F_CONFIG_WCE);
	/* 5.2.5.2; a legacy driver may have written it before: keep that, 5.2.5.3 */
	if (!wce || (!flush && !v->legacy))
		v->config[BLK_CFG_WRITEBACK] = flush;
	fill_zones(v, emu_virtio_has(v, VIRTIO_BLK_F_ZONED));
}

static void blk_reset(struct emu_virtio *v)
{
	v->config[BLK_CFG_WRITEBACK] = v->config_first[BLK_CFG_WRITEBACK];
	fill_zones(v, emu_virtio_offers(v, VIRTIO_BLK_F_ZONED));
}

/* The one field that a driver may write: writeback, where CONFIG_WCE is negotiated. */
static void blk_config_write(struct emu_virtio *v, uint32_t off, const uint8_t *buf, uint32_t len)
{
	if (off > BLK_CFG_WRITEBACK || len <= BLK_CFG_WRITEBACK - off)
		return;
	bool may = emu_virtio_has(v, VIRTIO_BLK_F_CONFIG_WCE) ||
		   (v->legacy && emu_virtio_offers(v, VIRTIO_BLK_F_CONFIG_WCE));
	uint8_t value = buf[BLK_CFG_WRITEBACK - off];
	if (may && value <= 1)
		v->config[BLK_CFG_WRITEBACK] = value;
}

static void blk_commit(struct emu_virtio *v)
{
	struct blk *b = v->priv;
	emu_backend_commit(b->backend);
}

static int blk_poll(struct emu_virtio *v, bool wait)
{
	struct blk *b = v->priv;
	return emu_backend_poll(b->backend, wait);
}

static int blk_fd(struct emu_virtio *v)
{
	struct blk *b = v->priv;
	return emu_backend_fd(b->backend);
}

uint64_t emu_blk_capacity(struct emu_virtio *v)
{
	const struct blk *b = v->priv;
	return b->capacity;
}

/* 5.2.4: only the capacity changes; geometry and limits do not. */
static void set_capacity(struct emu_virtio *v, uint64_t sectors)
{
	struct blk *b = v->priv;
	b->capacity = sectors;
	put(v, BLK_CFG_CAPACITY, 8, sectors);
	emu_virtio_config_changed(v); /* 5.2.6.2 */
}

int emu_blk_rescan(struct emu_virtio *v)
{
	struct blk *b = v->priv;
	if (b->zones)
		return -EINVAL;
	int ret = b->backend->ops->reload ? b->backend->ops->reload(b->backend) : -ENOTSUP;
	uint64_t sectors = b->backend->size / BLK_SECTOR;
	if (ret < 0 || sectors == b->capacity)
		return ret;
	set_capacity(v, sectors);
	return 1;
}

int emu_blk_resize(struct emu_virtio *v, uint64_t sectors)
{
	struct blk *b = v->priv;
	if (b->zones || sectors > INT64_MAX / BLK_SECTOR)
		return -EINVAL;
	int ret = b->backend->ops->resize
			  ? b->backend->ops->resize(b->backend, sectors * BLK_SECTOR)
			  : -ENOTSUP;
	if (ret < 0)
		return ret;
	set_capacity(v, sectors);
	return 0;
}

const struct emu_class emu_blk = {
	.virtio_id = VIRTIO_ID_BLOCK,
	.name = "blk",
	.pci_class = 0x010000,
	.pci_transitional = 0x1001,
	.modern_only = BIT(VIRTIO_BLK_F_ZONED), /* 5.2.5.2 */
	.features = DEFAULT_FEATURES,
	.features_all = ALL_FEATURES,
	.setup = &blk_setup,
	.init = blk_init,
	.fini = blk_fini,
	.refuse = blk_refuse,
	.config_write = blk_config_write,
	.negotiated = blk_negotiated,
	.reset = blk_reset,
	.handle = blk_handle,
	.commit = blk_commit,
	.poll = blk_poll,
	.fd = blk_fd,
};
