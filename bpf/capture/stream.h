/* SPDX-License-Identifier: MIT */
/* Processes the sorted records of a target. */
#ifndef VQT_BPF_CAPTURE_STREAM_H
#define VQT_BPF_CAPTURE_STREAM_H

#include "bpf/prog/qemu.h"
#include "bpf/session/session.h"

extern const struct order_ops stream_ops; /* with a struct target */

/*
 * A record has come from the programs.  True: a stack was unwound for it, which may be slower than what makes
 * such records.
 */
bool stream_take(struct capture *c, const void *record, size_t len);
/* Pass a record on, to be written: it is the next one. */
void stream_pass(struct target *t, void *record, size_t len);
/*
 * At the end: no later record shows the gap of those that a full buffer dropped last.  Whose they
 * were is not known where there are several processes.
 */
void stream_lost_last(struct capture *c);
/* The value of a counter of the BPF programs. */
uint64_t stream_counter(const struct capture *c, enum vqp_counter which);

#endif
