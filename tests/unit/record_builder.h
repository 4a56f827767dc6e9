/* SPDX-License-Identifier: MIT */
/*
 * Make event records as a capture would, and feed them to a model.  A record builder has the
 * clock, the sequence number and the last event.
 */
#ifndef VQT_TESTS_UNIT_RECORD_BUILDER_H
#define VQT_TESTS_UNIT_RECORD_BUILDER_H

#include "decoder/model/model.h"
#include "decoder/trace/file.h"

struct record_builder {
	struct model *model;
	struct trace_writer *writer; /* also written here if not NULL */
	uint64_t ts; /* of the next record; advances by 1000 ns each */
	uint32_t seq;
	uint8_t source; /* 0: source 1 */
	uint16_t device, queue;
	uint32_t tid;
	uint64_t number;
	/* The last record and what the model made of it. */
	uint8_t bytes[65536];
	size_t len;
	struct record rec;
	struct event e;
};

void builder_begin(struct record_builder *t); /* model, session, source 1 (QEMU), device 1 (blk) */
void builder_finish(struct record_builder *t);
/* Any record: fixed part, then tail; the header is filled in.  The event is in t->e. */
void builder_add(struct record_builder *t, unsigned type, void *fixed, size_t size,
		 const void *tail, size_t n);

void builder_read(struct record_builder *t, unsigned region, uint32_t offset, unsigned width,
		  uint64_t value);
void builder_write(struct record_builder *t, unsigned region, uint32_t offset, unsigned width,
		   uint64_t value);
void builder_kick(struct record_builder *t, uint16_t last_avail, uint16_t avail_idx);
/* A virtio-blk request of n descriptors; the header bytes go with descriptor 0. */
void builder_avail(struct record_builder *t, uint16_t head, const struct vqt_desc *desc, unsigned n,
		   uint32_t type, uint64_t sector);
void builder_used(struct record_builder *t, uint16_t id, uint32_t len, uint8_t status);
void builder_irq(struct record_builder *t, unsigned kind, uint16_t vector);
/* The usual IN request: header, 4096 bytes, status. */
void builder_read_request(struct record_builder *t, uint16_t head, uint64_t sector);

#endif
