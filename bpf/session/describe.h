/* SPDX-License-Identifier: MIT */
/* Writes the descriptive records: session, source, device. */
#ifndef VQT_BPF_SESSION_DESCRIBE_H
#define VQT_BPF_SESSION_DESCRIBE_H

#include "bpf/session/session.h"

void describe_session(struct capture *c);
void describe_source(struct target *t);
void describe_device(struct device *d);

#endif
