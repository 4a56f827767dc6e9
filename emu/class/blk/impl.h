/* SPDX-License-Identifier: MIT */
/* Between the files of the block device. */
#ifndef VQT_EMU_CLASS_BLK_IMPL_H
#define VQT_EMU_CLASS_BLK_IMPL_H

#include "emu/class/blk/blk.h"
#include "emu/class/class.h"
#include "decoder/spec/constants.h"
#include "decoder/class/blk.h"

struct blk_zone {
	uint64_t wp; /* sectors from the device's start */
	uint8_t type, state;
};

struct blk {
	struct emu_virtio *v;
	struct emu_backend *backend;
	struct emu_blk_config cfg;
	uint64_t capacity; /* sectors */
	struct blk_zone *zone;
	uint32_t zones, open, active;
};

#define BLK_IOV 64
#define BLK_SEGMENTS 256 /* the most segments of a request, whatever the configuration has */

/* A request in progress; lives in emu_chain.priv and is reused with it. */
struct blk_req {
	struct emu_io io;
	struct blk *b;
	struct emu_queue *q;
	struct emu_chain *c;
	uint32_t type; /* VIRTIO_BLK_T_* */
	uint64_t sector; /* of the header */
	uint64_t data_len; /* bytes the type's data has */
	uint64_t start, todo, done; /* data: sectors' byte offset, bytes to move, moved */
	bool submitting, came_back; /* completed while still in submit() */
	bool bouncing;
	uint8_t status;
	uint8_t op; /* enum emu_io_op of the steps */
	uint8_t *bounce;
	size_t bounce_size;
	uint32_t seg, nseg; /* DISCARD, WRITE_ZEROES, SECURE_ERASE */
	struct virtio_blk_discard_write_zeroes *segs;
	struct iovec small[BLK_IOV], *iov;
};

/* One request type: a row, at its number. */
struct blk_type {
	int feature; /* needed, -1 none */
	bool modifies;
	void (*start)(struct blk_req *r); /* ends in blk_finish or blk_move, or runs segments */
};

/* emu/class/blk/setup.c */
extern const struct emu_class_setup blk_setup;

void blk_handle(struct emu_queue *q, struct emu_chain *c);
/* Complete with a status byte, 5.2.6. */
void blk_finish(struct blk_req *r, uint8_t status);
/* Move data between the chain and the backend: bytes at sector `start`. */
void blk_move(struct blk_req *r, uint8_t op, uint64_t sector, uint64_t bytes);

/* emu/class/blk/zone.c */
int blk_zones_init(struct blk *b);
/*
 * Is this access allowed?  VIRTIO_BLK_S_OK or the status to return.  Writes advance the
 * write pointer.
 */
uint8_t blk_zone_write(struct blk *b, uint64_t sector, uint64_t sectors);
uint8_t blk_zone_read(struct blk *b, uint64_t sector,
		      uint64_t *sectors); /* cut to what is written */
uint8_t blk_zone_erase(struct blk *b, uint64_t sector, uint64_t sectors);
bool blk_zone_sequential(const struct blk *b, uint64_t sector, uint64_t sectors);
void blk_zone_report(struct blk_req *r);
void blk_zone_manage(struct blk_req *r);
void blk_zone_append(struct blk_req *r);

#endif
