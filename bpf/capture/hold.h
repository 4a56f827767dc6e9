/* SPDX-License-Identifier: MIT */
/*
 * Records that wait for what becomes of an object.  QEMU creates some objects only to list their
 * properties, and frees them; nothing tells them from devices before they are realized.  Where calls are
 * recorded there are many records until then, of it and of the calls that it is made in: they all wait, so
 * that they stay in their order.
 */
#ifndef VQT_BPF_CAPTURE_HOLD_H
#define VQT_BPF_CAPTURE_HOLD_H

#include "bpf/session/session.h"

/* Whether this record has to wait.  If it is what decides about an object, none has to any more. */
bool hold_needed(struct target *t, const struct vqt_hdr *h, size_t len);
/* Let it wait.  False: there is no room, and it can be passed on. */
bool hold_put(struct target *t, const void *record, size_t len);
/*
 * Pass on what waits, but records of objects that nothing is known of yet; `all`: these, too.  Times of
 * the records that are passed on are not changed if nothing later was passed on before.
 */
void hold_release(struct target *t, bool all);
/*
 * A device is made, or ends.  If its id was that of an object of which nothing more is known, that
 * object was freed, and what waits of it is not passed on; else what waits comes first.
 */
void hold_before(struct target *t, uint16_t device);
/* To be called now and then: nobody waits for long. */
void hold_tick(struct target *t, uint64_t now);
void hold_free(struct target *t);

#endif
