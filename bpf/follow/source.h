/* SPDX-License-Identifier: MIT */
/*
 * The event source that is made of two: KVM's tracepoints (bpf/kvm/source.h), and the rings that the
 * registers set up, followed by reading guest memory.
 */
#ifndef VQT_BPF_FOLLOW_SOURCE_H
#define VQT_BPF_FOLLOW_SOURCE_H

#include "bpf/memory/source.h"
#include "decoder/source/source.h"

struct follow_config {
	const void *kvm; /* the config of the source kvm; borrowed */
	const struct memory_config *memory; /* of the source memory; borrowed */
};

extern const struct source_ops follow_source_ops;

#endif
