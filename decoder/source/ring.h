/* SPDX-License-Identifier: MIT */
/*
 * A virtqueue read from beside the device: split (2.7) and packed (2.8) rings, and the
 * descriptor chains in them.  Nothing is written.  Driver and device change the ring
 * meanwhile; all that is read is untrusted, copied once and checked.
 */
#ifndef VQT_DECODER_SOURCE_RING_H
#define VQT_DECODER_SOURCE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/build.h"
#include "decoder/trace/event.h"

/* Guest memory by guest-physical address. */
struct ring_memory {
	build_read *read;
	/*
	 * The address of these bytes in this process, valid until the memory changes.  NULL:
	 * only read() reaches them.  May be NULL itself.
	 */
	const void *(*map)(void *opaque, uint64_t gpa, uint64_t len);
	void *opaque;
	/*
	 * A reader that keeps copies of memory has these two; NULL: it keeps none.  renew() forgets
	 * them.  load() forgets them and reads a word: all that is read later is read after it.
	 */
	void (*renew)(void *opaque);
	build_read *load;
};

enum ring_area { RING_DESC, RING_DRIVER, RING_DEVICE, RING_AREAS };

struct ring_reader {
	const struct ring_memory *mem; /* borrowed */
	uint16_t size; /* entries */
	uint16_t max_chain; /* buffers in a chain; 0: size (2.7.5.3.1) */
	bool packed;
	bool indirect, event_idx, in_order; /* negotiated */
	uint64_t area[RING_AREAS]; /* guest-physical addresses */
	/* Positions of the next entries: split: free-running; packed: slot | wrap << 15. */
	uint16_t avail, used;
	uint16_t avail_seen; /* split: avail.idx as last read */
	const uint8_t *at[RING_AREAS]; /* where map() found them, or NULL */
};

/* A descriptor chain, as struct vqt_avail has it. */
struct ring_chain {
	struct ring_chain *next; /* the owner's */
	struct vqt_desc *desc; /* malloced */
	uint32_t cap; /* room in desc */
	/* Of ndesc descriptors ndirect are in the ring, the others in an indirect table. */
	uint32_t ndesc, ndirect;
	uint16_t head; /* split: index of the head; packed: buffer id */
	uint16_t pos;
	uint16_t flags; /* VQT_CHAIN_*: what is wrong with it */
	const char *why; /* the same in one static sentence, or NULL */
	uint32_t nread, nwrite; /* data-bearing descriptors of each direction */
	uint64_t read_len, write_len; /* bytes of each direction */
	bool mixed; /* a device-readable descriptor after a writable one (2.7.4.2) */
	bool table; /* its last direct descriptor refers to an indirect table */
	uint8_t first[VQT_HEADER_BYTES]; /* the owner's: what the readable part began with */
	uint8_t first_len;
};
/* Empty it, but keep what was allocated; zeroes are an empty chain. */
void ring_chain_clear(struct ring_chain *c);
void ring_chain_fini(struct ring_chain *c);
/* The descriptor that refers to the indirect table, or BUILD_NO_TABLE. */
uint32_t ring_chain_table(const struct ring_chain *c);

/* Lengths of the areas, 2.7 and 2.8. */
uint64_t ring_area_len(const struct ring_reader *r, enum ring_area area);
/*
 * Start to read a ring whose size, areas and kind are set, from this vring base on (as
 * vhost has it: packed rings have the used position in bits 16 to 31).  0; -EINVAL:
 * impossible size; -EFAULT: outside guest memory; *why then says so.
 */
int ring_start(struct ring_reader *r, uint32_t base, const char **why);
#define RING_BASE_PACKED 0x80008000u /* of a packed ring at its beginning */
uint32_t ring_base(const struct ring_reader *r);
void ring_set_base(struct ring_reader *r, uint32_t base);
/* To be called before the first access after guest memory may have changed. */
void ring_remap(struct ring_reader *r);

/* Copy from an area; 0 or -EFAULT.  The 16-bit load acquires. */
int ring_read(const struct ring_reader *r, enum ring_area area, uint64_t off, void *buf,
	      size_t len);
/* The same, but it may come from a copy that the reader of memory keeps, and acquires nothing. */
int ring_peek16(const struct ring_reader *r, enum ring_area area, uint64_t off, uint16_t *v);
int ring_load16(const struct ring_reader *r, enum ring_area area, uint64_t off, uint16_t *v);

/* Is an entry available?  1, 0, or negative: the ring cannot be read, or its index jumped. */
int ring_pending(struct ring_reader *r);
/*
 * The chain at position r->avail, which does not move: 1; 0: none is available; -EFAULT,
 * -EBADMSG (c->flags says what is wrong), -ENOMEM.  *after is the position behind it, or
 * r->avail if that is unknown.
 */
int ring_chain(struct ring_reader *r, struct ring_chain *c, uint16_t *after);
/* Split: the chain that begins at c->head: 0 or negative, as above. */
int ring_chain_at_head(const struct ring_reader *r, struct ring_chain *c);
/* Append a descriptor of the ring, and the table that it refers to: 0 or negative. */
int ring_chain_add(const struct ring_reader *r, struct ring_chain *c, const struct vqt_desc *d);
/* The head (buffer id) is in flight already: a split chain has no descriptors of its own. */
int ring_chain_in_flight(const struct ring_reader *r, struct ring_chain *c);
struct ring_entry {
	uint32_t len;
	uint16_t id;
	bool write; /* packed: the descriptor has WRITE */
};
/*
 * The used entry at pos: 1; 0: not written yet; -ESTALE: overwritten; -EFAULT.  busy: are
 * chains in flight?
 */
int ring_used(const struct ring_reader *r, uint16_t pos, bool busy, struct ring_entry *e);
/*
 * Is what it has had still there?  Memory that was cleared, or has another use, may look like a packed
 * ring at rest; but what is before r->avail has the flags that the driver gave it.  True also where
 * that does not tell.
 */
bool ring_kept(const struct ring_reader *r);
/* State of the ring; indices only up to the reader's positions. */
void ring_snapshot(const struct ring_reader *r, struct vqt_ring *out);

#endif
