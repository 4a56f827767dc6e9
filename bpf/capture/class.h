/* SPDX-License-Identifier: MIT */
/* Writes the classes of a device: VQT_CLASS. */
#ifndef VQT_BPF_CAPTURE_CLASS_H
#define VQT_BPF_CAPTURE_CLASS_H

#include "bpf/capture/impl.h"

/* Whether they are wanted, can be read now, and have not been written to this file. */
bool class_due(const struct device *d);
/* Read and write them; what cannot be read now is tried again later, a few times. */
void class_write(struct device *d);

#endif
