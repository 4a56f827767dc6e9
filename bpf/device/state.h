/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_DEVICE_STATE_H
#define VQT_BPF_DEVICE_STATE_H

#include "bpf/session/session.h"

/* QMP's answer about the device; NULL if there is none. */
const struct query_device *state_answer(const struct device *d);
/* VQT_KNOWN_*: what of a device's state QEMU's memory shows; d->who is known. */
uint32_t state_in_memory(const struct device *d);
/*
 * Record the state of a device and its queues at the start of the capture: from QEMU's
 * memory where the offsets are known, else from QMP's answer.  Writes nothing if neither is
 * available.
 */
void state_write(struct device *d);

#endif
