/* SPDX-License-Identifier: MIT */
/* Writes the classes of a device: VQT_CLASS. */
#ifndef VQT_BPF_DEVICE_CLASS_H
#define VQT_BPF_DEVICE_CLASS_H

#include "bpf/session/session.h"

/* What is known of the classes of a process; NULL: no memory. */
struct classes *class_all(struct target *t);
/*
 * Learn the roles of functions from the class of an object, and of the device that it is part of, NULL
 * unknown.  Whether all of them could be read.
 */
bool class_learn(struct target *t, uint64_t object, const struct device *d);

/* Whether they are wanted, can be read now, and have not been written to this file. */
bool class_due(const struct device *d);
/* Read and write them; what cannot be read now is tried again later, a few times. */
void class_write(struct device *d);

#endif
