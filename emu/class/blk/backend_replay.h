/* SPDX-License-Identifier: MIT */
/*
 * The disk of a replayed block device: contents known from the trace or from a
 * file that is never written to, changes kept in memory; every I/O is held until
 * it is told to happen, so that they happen in recorded order.
 */
#ifndef VQT_EMU_CLASS_BLK_BACKEND_REPLAY_H
#define VQT_EMU_CLASS_BLK_BACKEND_REPLAY_H

#include "emu/class/blk/backend.h"
#include "emu/replay/disk.h"

/*
 * base (borrowed) or fd (owned from success on; -1: none) says what was there
 * before; unknown bytes read as zero.  memory bounds the changes kept, bytes.
 */
int replay_backend_new(struct emu_backend **out, uint64_t size, struct replay_disk *base, int fd,
		       uint64_t memory);
/* The I/Os of this tag from now until replay_backend_go() fail. */
int replay_backend_fail(struct emu_backend *b, uint64_t tag);
/* Do the I/Os of the request of that tag, all its steps: how many. */
unsigned replay_backend_go(struct emu_backend *b, uint64_t tag);

#endif
