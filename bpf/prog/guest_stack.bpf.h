/* SPDX-License-Identifier: MIT */
/*
 * The kernel's call stacks where events happen, if they are asked for.
 *
 * A stack is taken at the entry of a function, where its first frame is that function, and is that of
 * all events of the call.  User space gets its frames once; events have a hash of them.  The hash is
 * 64 bits wide: of ten thousand stacks, two are taken for one with a chance of 10^-12.
 *
 * The kernel names the frames here and now: a moment later, another module may be where one was that
 * has been initialised.
 */
#ifndef VQT_BPF_PROG_GUEST_STACK_BPF_H
#define VQT_BPF_PROG_GUEST_STACK_BPF_H

#include "bpf/prog/guest_common.bpf.h"

/* The stacks that user space has got.  Of one that falls out it gets the frames again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, VQG_STACKS); /* 1 where none are asked for */
	__type(key, __u64);
	__type(value, __u32);
} stacks SEC(".maps");

/* A trampoline returns into a function so far behind its begin at most: endbr64, call. */
#define ENTRY_BYTES 32
#define RAW_AT (sizeof(struct vqt_hdr) + offsetof(struct vqg_stack, pc))
#define TEXT_AT (sizeof(struct vqt_hdr) + sizeof(struct vqg_stack))

struct frames {
	struct scratch *s;
	__u64 ip; /* the first frame that counts is in this function; 0: the first is */
	__u32 n;
};

static long frame_step(__u32 i, void *ctx)
{
	struct frames *w = ctx;
	struct scratch *s = w->s;
	__u64 pc;

	if (i >= w->n)
		return 1;
	pc = *(__u64 *)(s->rec + ((RAW_AT + 8 * i) & (VQG_RECORD - 1)));
	if (!s->found) {
		if (w->ip && pc - w->ip >= ENTRY_BYTES)
			return 0; /* the probe's own: helper, program, trampoline */
		s->found = 1;
		s->first = i;
	}
	s->key = hash_mix(s->key, pc);
	s->end = i + 1;
	/* what an interrupt has interrupted did not call the driver */
	return pc - shared.entry_text < shared.entry_size;
}

#define NAME 128 /* bytes of a frame's, cut */

static long name_step(__u32 i, void *ctx)
{
	struct frames *w = ctx;
	struct scratch *s = w->s;
	__u32 at = s->first + i, pos = s->pos;
	char *name;
	__u64 pc;
	long n;

	if (at >= s->end || pos >= VQG_RECORD - NAME)
		return 1;
	pc = *(__u64 *)(s->rec + ((RAW_AT + 8 * at) & (VQG_RECORD - 1)));
	name = (char *)s->rec + (pos & (VQG_RECORD - 1));
	/* the others are return addresses, which may be behind the function that called */
	n = i ? BPF_SNPRINTF(name, NAME, "%pB", pc) : BPF_SNPRINTF(name, NAME, "%pS", pc);
	if (n < 1) {
		*name = 0;
		n = 1;
	}
	s->pos = pos + (n < NAME ? n : NAME);
	return 0;
}

static __noinline int send_stack(struct frames *w)
{
	struct scratch *s = w ? w->s : NULL;
	struct vqg_stack *out;
	__u32 known = 1;
	__u64 key;

	if (!s)
		return 0;
	s->pos = TEXT_AT;
	bpf_loop(VQG_STACK_RAW, name_step, w, 0);
	hdr_begin_unnumbered((void *)s->rec, VQT_STACK);
	out = (void *)(s->rec + sizeof(struct vqt_hdr));
	out->key = key = s->key;
	out->first = s->first;
	out->n = s->end - s->first;
	out->len = s->pos - TEXT_AT;
	out->cut = s->end == VQG_STACK_RAW;
	if (send(s->rec, s->pos & (VQG_RECORD - 1))) {
		count(VQG_STACKS_MISSED, 1);
		return 0;
	}
	bpf_map_update_elem(&stacks, &key, &known, BPF_ANY);
	return 0;
}

/* The stack of a function that is entered: the context is that of the probe at its entry. */
static __noinline int take_stack(void *ctx, struct frame *fr, __u64 ip)
{
	struct frames w = { .ip = ip };
	struct scratch *s;
	__u64 key;
	long n;

	if (!fr)
		return 0;
	s = w.s = scratch_get();
	if (!s) {
		count(VQG_STACKS_MISSED, 1);
		return 0;
	}
	n = bpf_get_stack(ctx, s->rec + RAW_AT, 8 * VQG_STACK_RAW, 0);
	w.n = n > 0 ? (__u32)n / 8 : 0;
	s->key = s->found = 0;
	bpf_loop(VQG_STACK_RAW, frame_step, &w, 0);
	key = s->key;
	if (!s->found)
		count(VQG_STACKS_MISSED, 1);
	else if (!bpf_map_lookup_elem(&stacks, &key))
		send_stack(&w);
	fr->stack = s->found ? key : 0;
	scratch_put(s);
	return 0;
}

#endif
