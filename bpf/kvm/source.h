/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_KVM_SOURCE_H
#define VQT_BPF_KVM_SOURCE_H

#include "decoder/source/source.h"

/* Virtual machines of any monitor, as KVM's tracepoints show them. */
extern const struct source_ops kvm_source_ops;

#endif
