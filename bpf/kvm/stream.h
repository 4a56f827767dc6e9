/* SPDX-License-Identifier: MIT */
/* The hits of the programs, in order, as records, and the records that describe them. */
#ifndef VQT_BPF_KVM_STREAM_H
#define VQT_BPF_KVM_STREAM_H

#include "bpf/kvm/impl.h"

/* The process, which is described when it is new, at ts (ns).  NULL: no memory, or too many. */
struct kvm_process *kvm_process_get(struct kvm_source *k, pid_t pid, uint64_t ts);
void kvm_process_free(struct kvm_process *p);
/* One hit from the buffer between kernel and user space; its process puts it in order. */
void kvm_hit(struct kvm_source *k, const struct vqk_event *e);
/* Hits that were missing before now - window (ns) are lost; window 0: all that are missing. */
void kvm_expire(struct kvm_source *k, uint64_t window);
/* Does no hit wait for one before it? */
bool kvm_settled(const struct kvm_source *k);
/* So many hits of the process did not fit in all; to be called after all others have been expired. */
void kvm_dropped(struct kvm_source *k, pid_t pid, uint64_t n);
void kvm_describe_session(struct kvm_source *k);
/* The session, and each process with its devices. */
void kvm_describe(struct kvm_source *k);
void kvm_note(struct kvm_process *p, unsigned level, const char *text); /* enum vqt_note_level */

#endif
