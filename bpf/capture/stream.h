/* SPDX-License-Identifier: MIT */
/* The records of a target in their order: what becomes of each. */
#ifndef VQT_BPF_CAPTURE_STREAM_H
#define VQT_BPF_CAPTURE_STREAM_H

#include "bpf/capture/impl.h"
#include "bpf/prog/qemu.h"

extern const struct order_ops stream_ops; /* with a struct target */

/* What the programs have counted. */
uint64_t stream_counter(const struct capture *c, enum vqp_counter which);

#endif
