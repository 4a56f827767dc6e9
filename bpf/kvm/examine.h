/* SPDX-License-Identifier: MIT */
/* What can be recorded by KVM's tracepoints here. */
#ifndef VQT_BPF_KVM_EXAMINE_H
#define VQT_BPF_KVM_EXAMINE_H

#include "bpf/process/caps.h"
#include "decoder/source/source.h"

/*
 * The tracepoints are described in tracefs, which its owner alone may read; the processes may be hidden
 * (hidepid of proc(5)).
 */
#define KVM_CAPABILITIES (CAPS_PROBES | CAPS(SYS_PTRACE) | CAPS(DAC_READ_SEARCH))

enum source_verdict kvm_available(struct text *reason, struct text *remedy);
int kvm_examine(const char *target, struct source_report *r, struct source_error *err);

#endif
