/* SPDX-License-Identifier: MIT */
/* Writes the descriptive records: session, source, device. */
#ifndef VQT_BPF_CAPTURE_DESCRIBE_H
#define VQT_BPF_CAPTURE_DESCRIBE_H

#include "bpf/capture/impl.h"

void describe_session(struct capture *c);
void describe_source(struct target *t);
void describe_device(struct device *d);

#endif
