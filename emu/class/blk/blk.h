/* SPDX-License-Identifier: MIT */
/* The block device (5.2). */
#ifndef VQT_EMU_CLASS_BLK_BLK_H
#define VQT_EMU_CLASS_BLK_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/class/blk.h"
#include "emu/class/blk/backend.h"
#include "emu/virtio/device.h"

/* 5.2.6.2: zones, where ZONED is offered. */
struct emu_blk_zones {
	uint8_t model; /* VIRTIO_BLK_Z_NONE, _HM (zones SWR), _HA (zones SWP) */
	uint32_t zone_sectors;
	uint32_t capacity_sectors; /* writable sectors of a sequential zone; 0: all */
	uint32_t conventional; /* this many leading zones are conventional */
	uint32_t max_open, max_active; /* 0: no limit */
	uint32_t max_append_sectors;
	uint32_t write_granularity; /* bytes; 0: the block size */
};

struct emu_blk_config {
	struct emu_backend *backend; /* owned by the device once init has succeeded */
	uint64_t features; /* VIRTIO_BLK_F_*: offered; 0: those of emu_blk */
	uint64_t capacity; /* sectors; 0: the backend's */
	char serial[21]; /* GET_ID, up to 20 bytes */
	uint32_t blk_size; /* 0: 512 */
	uint32_t max_discard_sectors, max_discard_seg; /* 0: a default */
	uint32_t max_zeroes_sectors, max_zeroes_seg;
	uint32_t max_erase_sectors, max_erase_seg;
	uint16_t lifetime[3]; /* pre_eol_info, estimates of type A and B; 0 undefined */
	struct emu_blk_zones zones;
};

extern const struct emu_class emu_blk; /* class_config: struct emu_blk_config */

uint64_t emu_blk_capacity(struct emu_virtio *v); /* sectors */
int emu_blk_resize(struct emu_virtio *v, uint64_t sectors); /* capacity change, 5.2.6.2 */
/*
 * Read the backend's size again, which others may have changed, and make it the capacity.
 * 1: the capacity has changed; 0: it has not; -EINVAL: a zoned device; -ENOTSUP: the
 * backend's size cannot change; or an error of fstat(2).
 */
int emu_blk_rescan(struct emu_virtio *v);

#endif
