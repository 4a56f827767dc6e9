/* SPDX-License-Identifier: MIT */
/* Internal to bpf/kvm: a recording of machines by KVM's tracepoints. */
#ifndef VQT_BPF_KVM_IMPL_H
#define VQT_BPF_KVM_IMPL_H

#include "bpf/kvm/hooks.h"
#include "bpf/kvm/machine.h"
#include "bpf/prog/kvm.h"
#include "bpf/session/order.h"
#include "decoder/source/source.h"

#define KVM_LINKS 16 /* tracepoints */

struct kvm_config {
	bool no_exits;
};

struct kvm_source;

/* A process with a virtual machine. */
struct kvm_process {
	struct kvm_source *all;
	pid_t pid;
	uint8_t source; /* its id in the trace */
	struct machine *machine;
	struct order *order;
	uint32_t out_seq;
	uint64_t last_ts; /* of a record */
	uint64_t missing; /* hits, by gaps in their sequence */
};

struct kvm_source {
	struct source base;
	struct source_request request;
	struct kvm_config config;
	struct kvm_bpf *skel;
	struct bpf_link *link[KVM_LINKS];
	unsigned nlinks;
	struct ring_buffer *rb;
	struct kvm_hooks hooks; /* zeroes: nobody asks */
	bool sees_slots; /* where they change, and where they have changed */
	const void *positions; /* of the ring buffer: the consumer's page, then the producer's */
	uint64_t consume_until; /* ns: then other things have their turn; 0: never */
	struct kvm_process *process[SOURCE_PIDS];
	unsigned nprocesses;
	pid_t child; /* the command; 0: none */
	bool late; /* the guests ran before */
	int64_t wall; /* CLOCK_REALTIME minus the records' clock, ns */
	uint16_t devices; /* ids that were given */
	uint64_t hits, lost, strangers; /* all; lost; of processes that were too many */
	unsigned handed;
};

#endif
