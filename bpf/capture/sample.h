/* SPDX-License-Identifier: MIT */
/* Samples of rings where nothing happens. */
#ifndef VQT_BPF_CAPTURE_SAMPLE_H
#define VQT_BPF_CAPTURE_SAMPLE_H

#include "bpf/capture/impl.h"

/* Look at the rings of all targets, if it is time (now in ns). */
void sample_tick(struct capture *c, uint64_t now);
/* Hand on the samples that were taken before ts (ns). */
void sample_flush(struct target *t, uint64_t ts);
void sample_free(struct target *t);

#endif
