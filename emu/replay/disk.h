/* SPDX-License-Identifier: MIT */
/*
 * What is known of a disk's contents: sparse bytes, each known or not.  They are
 * learned from the reads and writes of a recording; replay compares data only where
 * they are known.  Sizes are in bytes.
 */
#ifndef VQT_EMU_REPLAY_DISK_H
#define VQT_EMU_REPLAY_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay_disk;

#define REPLAY_DISK_BLOCK 4096u

/* At most `limit` bytes of contents are kept (0: 1 GiB); the rest stays unknown. */
struct replay_disk *replay_disk_new(uint64_t limit); /* NULL: no memory */
void replay_disk_free(struct replay_disk *d);
/* A deep copy; NULL: no memory. */
struct replay_disk *replay_disk_copy(const struct replay_disk *d);

/* These bytes are there.  0, -ENOSPC over the limit, -ENOMEM. */
int replay_disk_set(struct replay_disk *d, uint64_t off, const void *bytes, size_t len);
int replay_disk_zero(struct replay_disk *d, uint64_t off, uint64_t len); /* they are 0 */
/* The same for bytes not known yet; the others keep their value. */
int replay_disk_learn(struct replay_disk *d, uint64_t off, const void *bytes, size_t len);
/* These bytes are there, but where they are 0 and nothing was there before, that stays so. */
int replay_disk_fill(struct replay_disk *d, uint64_t off, const void *bytes, size_t len);
/* Bytes of the blocks that were ever touched. */
uint64_t replay_disk_size(const struct replay_disk *d);
/* The value of these bytes is not known any more. */
void replay_disk_forget(struct replay_disk *d, uint64_t off, uint64_t len);
/*
 * Contents; known (may be NULL) gets 1 or 0 for each byte. Unknown bytes are 0.
 * Whether anything was ever known there.
 */
bool replay_disk_get(const struct replay_disk *d, uint64_t off, uint8_t *bytes, uint8_t *known,
		     size_t len);

/*
 * Walk the blocks of REPLAY_DISK_BLOCK bytes that were ever touched, in rising
 * order: the first one at or after *off, which gets its offset; known: a bit for
 * each byte.  Go on with *off + REPLAY_DISK_BLOCK.  false: no more.
 */
bool replay_disk_next(struct replay_disk *d, uint64_t *off, const uint8_t **bytes,
		      const uint8_t **known);

#endif
