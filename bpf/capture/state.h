/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_CAPTURE_STATE_H
#define VQT_BPF_CAPTURE_STATE_H

#include "bpf/capture/impl.h"

/* What QMP answered about the device; NULL nothing. */
const struct query_device *state_answer(const struct device *d);
/*
 * Record what a device and its queues had come to before the capture began: from QEMU's
 * memory where the offsets are known, else from what QMP answered.  Nothing is recorded
 * if neither knows.
 */
void state_write(struct device *d);

#endif
