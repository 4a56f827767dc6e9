/* SPDX-License-Identifier: MIT */
/* Late attach: finding the devices of a QEMU that is already running. */
#ifndef VQT_BPF_CAPTURE_LATE_H
#define VQT_BPF_CAPTURE_LATE_H

#include "bpf/capture/impl.h"

/* Find its devices.  Call before its probes can send records. */
void late_find(struct target *t);
/* Then write their descriptive records. */
void late_describe(struct target *t);

#endif
