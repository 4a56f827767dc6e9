/* SPDX-License-Identifier: MIT */
/*
 * The disk of a replayed block device.  Its contents come from the trace, or from a file
 * that is never written to; changes are kept in memory.  The backend holds every I/O until
 * replay_backend_go() releases it, so that I/Os complete in recorded order.
 */
#ifndef VQT_EMU_CLASS_BLK_BACKEND_REPLAY_H
#define VQT_EMU_CLASS_BLK_BACKEND_REPLAY_H

#include "emu/class/blk/backend.h"
#include "emu/replay/disk.h"

/*
 * The contents before the trace are in base (borrowed) or fd (owned after success; -1:
 * none); unknown bytes read as zero.  At most `memory` bytes of changes are kept.
 */
int replay_backend_new(struct emu_backend **out, uint64_t size, struct replay_disk *base, int fd,
		       uint64_t memory);
/* The following are as in struct replay_class; d is that backend. */
void replay_backend_close(void *d);
/* Let the I/Os with this tag fail, from now until replay_backend_go().  0 or -ENOMEM. */
int replay_backend_fail(void *d, uint64_t tag);
/* Do all I/Os of the request with that tag. */
void replay_backend_go(void *d, uint64_t tag);

#endif
