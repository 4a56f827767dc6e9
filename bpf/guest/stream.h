/* SPDX-License-Identifier: MIT */
/* The records of the programs, in order, and those that describe them. */
#ifndef VQT_BPF_GUEST_STREAM_H
#define VQT_BPF_GUEST_STREAM_H

#include "bpf/guest/impl.h"

extern const struct order_ops guest_order_ops; /* with a struct guest_source */
/* A record has come from the programs. */
void guest_take(struct guest_source *g, const void *record, size_t len);

/* The session, the source, and the devices known so far. */
void guest_describe(struct guest_source *g);
void guest_describe_device(struct guest_source *g, struct guest_device *d);
/* So many records are missing here, by a limit. */
void guest_lost(struct guest_source *g, uint64_t count);
/* At the end: no later record shows the gap of those that a full buffer dropped last. */
void guest_lost_last(struct guest_source *g);
/* The value of a counter of the BPF programs. */
uint64_t guest_counter(const struct guest_source *g, enum vqg_counter which);

#endif
