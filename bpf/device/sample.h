/* SPDX-License-Identifier: MIT */
/* Reads rings of idle queues at intervals. */
#ifndef VQT_BPF_DEVICE_SAMPLE_H
#define VQT_BPF_DEVICE_SAMPLE_H

#include "bpf/session/session.h"

/* Sample the rings of all targets if the interval has passed (now in ns). */
void sample_tick(struct capture *c, uint64_t now);
/* Pass on the samples whose time is before ts (ns). */
void sample_flush(struct target *t, uint64_t ts);
void sample_free(struct target *t);
/* The end: where chains are in flight or wait, one last sample says that they still do. */
void sample_last(struct capture *c);

/* Whether this queue number is to be recorded. */
bool sample_chosen(const struct capture *c, unsigned queue);

#endif
