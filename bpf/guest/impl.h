/* SPDX-License-Identifier: MIT */
/* Internal to bpf/guest: a recording of this kernel's drivers. */
#ifndef VQT_BPF_GUEST_IMPL_H
#define VQT_BPF_GUEST_IMPL_H

#include "bpf/guest/device.h"
#include "bpf/prog/guest.h"
#include "bpf/session/order.h"
#include "decoder/source/source.h"

struct guest_config {
	const char *modules;
	bool no_calls, no_fast;
};

struct guest_source {
	struct source base;
	struct source_request request;
	struct guest_config config;
	uint32_t stacks_of; /* bit n: calls with this enum vqt_guest_what get a stack */
	struct guest_bpf *skel;
	struct ring_buffer *rb;
	struct order *order;
	struct attach *attach;
	struct kernel_types *types;
	struct fast *fast;
	struct bpf_link *issue, *complete;
	struct stacks *stacks; /* NULL: none are asked for */
	struct vqg_layout layout;
	struct guest_device device[VQG_DEVICES]; /* by id */
	struct guest_before before[VQG_DEVICES];
	size_t nbefore;
	int64_t wall; /* CLOCK_REALTIME minus the records' clock, ns */
	uint32_t out_seq;
	uint64_t last_ts, stepped, looked;
	uint64_t events, lost, missed;
	uint64_t seen_full; /* records dropped by a full buffer that explained gaps so far */
	unsigned handed;
	uint64_t no_stack; /* events whose stack was taken, and is not known */
	bool begun;
};

#endif
