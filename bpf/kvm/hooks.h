/* SPDX-License-Identifier: MIT */
/*
 * For who needs more of the source kvm than its records: the memory slots of each machine, and the
 * certainty that nothing else has happened so far.  s: a source of kvm_source_ops.
 */
#ifndef VQT_BPF_KVM_HOOKS_H
#define VQT_BPF_KVM_HOOKS_H

#include "bpf/prog/kvm.h"
#include "decoder/source/source.h"

struct kvm_hooks {
	/*
	 * A slot of the machine with this id (struct vqt_source) changes (VQK_SLOT) or has changed
	 * (VQK_SLOT_SET); in order with its records.
	 */
	void (*slot)(void *ctx, uint8_t source, const struct vqk_event *e);
	void *ctx;
};

/* Before begin(). */
void kvm_hook(struct source *s, const struct kvm_hooks *h);
/* Are the slots of its machines seen?  After begin(). */
bool kvm_sees_slots(const struct source *s);
/*
 * Hand on all hits that there are.  True: every hit that was made before this was called has been
 * handed on; false: some are still on their way.
 */
bool kvm_consume(struct source *s);
/* Slots that were changed and that nothing told of. */
uint64_t kvm_slots_lost(const struct source *s);

#endif
