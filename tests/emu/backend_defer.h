/* SPDX-License-Identifier: MIT */
/*
 * A backend that holds the finished I/Os of another one until the test releases them, in any
 * order.
 */
#ifndef VQT_TESTS_EMU_BACKEND_DEFER_H
#define VQT_TESTS_EMU_BACKEND_DEFER_H

#include "emu/class/blk/backend.h"

/* Owns `inner`. */
int emu_backend_defer(struct emu_backend **out, struct emu_backend *inner);
unsigned emu_backend_defer_held(const struct emu_backend *b);
/* Hold I/Os from now on; or release all and hold none. */
void emu_backend_defer_hold(struct emu_backend *b, bool hold);
/* Release the n-th held I/O (0: the oldest), or the oldest with that tag.  0 or -ENOENT. */
int emu_backend_defer_release(struct emu_backend *b, unsigned n);
int emu_backend_defer_release_tag(struct emu_backend *b, uint64_t tag);
/* The next `count` I/Os of op (0: any) fail with -err. */
void emu_backend_defer_fail(struct emu_backend *b, unsigned op, int err, unsigned count);

#endif
