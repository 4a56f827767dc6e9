/* SPDX-License-Identifier: MIT */
/* What can be recorded by KVM's tracepoints here. */
#ifndef VQT_BPF_KVM_EXAMINE_H
#define VQT_BPF_KVM_EXAMINE_H

#include "decoder/source/source.h"

enum source_verdict kvm_available(struct text *reason, struct text *remedy);
int kvm_examine(const char *target, struct source_report *r, struct source_error *err);

#endif
