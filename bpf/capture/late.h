/* SPDX-License-Identifier: MIT */
/* Attaching to a QEMU that has been running. */
#ifndef VQT_BPF_CAPTURE_LATE_H
#define VQT_BPF_CAPTURE_LATE_H

#include "bpf/capture/impl.h"

/* Find its devices, before its probes may speak. */
void late_find(struct target *t);
/* Then describe them. */
void late_describe(struct target *t);

#endif
