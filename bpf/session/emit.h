/* SPDX-License-Identifier: MIT */
/* Output of the capture: numbers and counts records and passes them to options.record. */
#ifndef VQT_BPF_SESSION_EMIT_H
#define VQT_BPF_SESSION_EMIT_H

#include "bpf/session/session.h"

uint64_t capture_now(void); /* ns, CLOCK_MONOTONIC: the clock of the probes */

/* Pass on a record that belongs to no target, as the session record does. */
void emit_record(struct capture *c, const void *record, size_t len);
/* Number and count a record of a target and pass it on.  Its header is complete except for seq. */
void target_emit(struct target *t, void *record, size_t len);
/*
 * Fill in the header of a record that user space makes: its time is that of the target's
 * latest record.
 */
void target_stamp(struct target *t, struct vqt_hdr *h, uint8_t type, uint16_t device);
/* Write a VQT_NOTE of level warning; text is cut at 256 bytes. */
void target_note(struct target *t, uint16_t device, const char *text);
/* Write a VQT_LOSS: count records are missing before the one at ts (ns). */
void target_lost(struct target *t, uint32_t count, uint64_t ts, enum vqt_loss_why why);

#endif
