/* SPDX-License-Identifier: MIT */
/*
 * Virtqueue rings, the device's side: split (2.7) and packed (2.8).  A ring pops
 * descriptor chains in the order in which the driver made them available, checks them in
 * full, and writes used entries.  What the driver wrote is copied once.
 */
#ifndef VQT_EMU_VIRTIO_RING_H
#define VQT_EMU_VIRTIO_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/source/ring.h"
#include "decoder/trace/event.h"
#include "emu/virtio/memory.h"

struct emu_queue;

/* A descriptor chain popped from a ring. */
struct emu_chain {
	struct emu_chain *next; /* lists of the owner */
	struct emu_queue *queue;
	struct ring_chain chain; /* its descriptors as they were read */
	bool done; /* completed, but an older chain is not (IN_ORDER) */
	uint16_t account; /* for struct emu_queue_account (emu/virtio/device.h) */
	uint32_t used_len;
	uint64_t completed; /* number of completions of the queue when this was popped */
	uint64_t touched; /* leading writable bytes known to be written */
	void *priv; /* the device class's, kept with the chain when it is reused */
	void (*priv_free)(void *priv);
};

/* Copies of a chain's bytes; off counts from its first readable (writable) byte. */
int emu_chain_read(struct emu_mem *m, const struct emu_chain *c, uint64_t off, void *buf,
		   size_t len);
int emu_chain_write(struct emu_mem *m, const struct emu_chain *c, uint64_t off, const void *buf,
		    size_t len);
/* Read writable bytes back; a device may do this for diagnosis only (2.7.4.2). */
int emu_chain_read_written(struct emu_mem *m, const struct emu_chain *c, uint64_t off, void *buf,
			   size_t len);
/* Zeroes [off, off+len) of the writable bytes; how many leading ones were reached. */
uint64_t emu_chain_zero(struct emu_mem *m, const struct emu_chain *c, uint64_t off, uint64_t len);
/* Host pieces of a part: count, -EFAULT, -ENOTSUP (copy instead), -E2BIG. */
int emu_chain_map(struct emu_mem *m, const struct emu_chain *c, bool writable, uint64_t off,
		  uint64_t len, struct iovec *iov, int max);
struct emu_chain *emu_chain_new(void); /* NULL: no memory */
void emu_chain_free(struct emu_chain *c);

/* A chain that an earlier process popped. */
struct emu_again {
	uint16_t head; /* as in emu_chain */
	uint16_t account;
	/* packed: a copy of its descriptors, which the ring may not have any more */
	const struct vqt_desc *desc;
	unsigned ndesc;
};

struct emu_ring {
	const struct emu_ring_ops *ops;
	struct emu_mem *mem;
	struct ring_memory memory; /* mem, for `in` */
	struct ring_reader in; /* size, areas and positions; set before start */
	bool notify_on_empty; /* 6.3, legacy */
	uint16_t signalled; /* split: in.used at the last decision to notify */
	bool signalled_valid;
	uint16_t unsignalled; /* used since the last decision (saturates) */
	bool kicks_off; /* the driver was asked not to notify */
	uint32_t popped; /* chains in flight */
	bool stuck_wrap; /* a fault: the used wrap counter never toggles */
	const char *why; /* after an error: one static sentence */
	/* private: host addresses of the areas that are written, when they have one */
	unsigned gen;
	bool resolved;
	uint8_t *out[RING_AREAS];
	uint64_t *busy; /* heads or buffer ids in flight */
};

/* What differs between split and packed rings. */
struct emu_ring_ops {
	const char *name; /* "split", "packed" */
	/* Write and publish one used entry. */
	int (*push)(struct emu_ring *r, struct emu_chain *c, uint32_t len);
	/* Enable or disable available buffer notifications. */
	int (*want_kicks)(struct emu_ring *r, bool on);
	/* Must the driver be notified of what was used since the last call?  2.7.7, 2.8.10 */
	int (*must_notify)(struct emu_ring *r);
};

extern const struct emu_ring_ops emu_ring_split, emu_ring_packed;

/* Guest memory for a reader of rings; mem is borrowed. */
struct ring_memory emu_ring_memory(struct emu_mem *mem);
int emu_ring_init(struct emu_ring *r, struct emu_mem *mem); /* zeroes; -ENOMEM */
void emu_ring_fini(struct emu_ring *r);
/* Back to the state before start; keeps areas and size. */
void emu_ring_rewind(struct emu_ring *r);
/* Check size and areas (alignment, overlap, wrap-around): 0 or -EINVAL with why. */
int emu_ring_start(struct emu_ring *r);
/* 1 and a chain; 0 nothing available; negative: the ring is broken, see why. */
int emu_ring_pop(struct emu_ring *r, struct emu_chain *c);
/* The same for a chain that was popped before; the position does not change. */
int emu_ring_pop_again(struct emu_ring *r, struct emu_chain *c, const struct emu_again *a);
/* Is a chain available?  Reads the ring. */
int emu_ring_pending(struct emu_ring *r);
void emu_ring_snapshot(struct emu_ring *r, struct vqt_ring *out);
void emu_ring_set_base(struct emu_ring *r, uint32_t base); /* as ring_set_base */

/* For the ring implementations. */
void emu_ring_map(struct emu_ring *r); /* before accesses: memory may have changed */
int emu_ring_load16(struct emu_ring *r, enum ring_area area, uint64_t off, uint16_t *v);
int emu_ring_write(struct emu_ring *r, enum ring_area area, uint64_t off, const void *buf,
		   size_t len);
int emu_ring_store16(struct emu_ring *r, enum ring_area area, uint64_t off,
		     uint16_t v); /* release */
int emu_ring_unreachable(struct emu_ring *r); /* sets why */
void emu_ring_set_busy(struct emu_ring *r, uint16_t id, bool on);

#endif
