/* SPDX-License-Identifier: MIT */
/* Where records leave the capture: numbered, counted, and given to its user. */
#ifndef VQT_BPF_CAPTURE_EMIT_H
#define VQT_BPF_CAPTURE_EMIT_H

#include "bpf/capture/impl.h"

uint64_t capture_now(void); /* ns, CLOCK_MONOTONIC: the clock of the probes */

/* A record of no target: the session's. */
void emit_record(struct capture *c, const void *record, size_t len);
/* Number a record of a target, count it and hand it on; its header is complete but for seq. */
void target_emit(struct target *t, void *record, size_t len);
/* Fill in the header of a record of our own making: it happens now in the target's stream. */
void target_stamp(struct target *t, struct vqt_hdr *h, uint8_t type, uint16_t device);
/* A VQT_NOTE, a warning; text is cut at 256 bytes. */
void target_note(struct target *t, uint16_t device, const char *text);
/* count records are missing before the one at ts (ns). */
void target_lost(struct target *t, uint32_t count, uint64_t ts, enum vqt_loss_why why);

#endif
