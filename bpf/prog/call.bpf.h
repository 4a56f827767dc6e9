/* SPDX-License-Identifier: MIT */
/*
 * Calls of functions whose return is probed, too: which are open in a thread, so that each event can
 * say in which call it happened.
 */
#ifndef VQT_BPF_PROG_CALL_BPF_H
#define VQT_BPF_PROG_CALL_BPF_H

#include "bpf/prog/common.bpf.h"

/* The number of the latest call. */
__u32 last_call;

const volatile struct vqp_open_calls no_calls;

static __always_inline struct vqp_open_calls *open_calls_get(bool make)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct vqp_open_calls *c = bpf_map_lookup_elem(&calls, &tid);

	if (c || !make)
		return c;
	bpf_map_update_elem(&calls, &tid, (const void *)&no_calls, BPF_NOEXIST);
	return bpf_map_lookup_elem(&calls, &tid);
}

/* The device of the innermost open call; 0: none. */
static __always_inline __u16 call_device(void)
{
	struct vqp_open_calls *c = with_calls ? open_calls_get(false) : NULL;
	__u32 n = c ? calls_around(c) : 0;

	return n ? c->call[(n - 1) & (VQP_CALLS - 1)].dev : 0;
}

static long close_step(__u32 i, void *ctx)
{
	struct below *b = ctx;
	struct vqp_open_calls *c = b->of;

	if (!c->n || c->call[(c->n - 1) & (VQP_CALLS - 1)].sp > b->sp)
		return 1;
	c->n--;
	return 0;
}

/* What is open at or below this place of the stack has ended without a return. */
static __always_inline void close_below(struct vqp_open_calls *c, __u64 sp)
{
	struct below b = { c, sp };

	bpf_loop(VQP_CALLS, close_step, &b, 0);
}

/*
 * A function begins; its return address is at sp.  A call whose return address is below that has ended
 * without its return, or is on the stack of a coroutine: its return will not be recorded.  A call at the
 * same place has ended with a jump to this function, and returns together with it.  The next event of
 * this thread is the one with which the call begins.
 */
static __noinline int call_begins(__u64 sp, __u32 dev, __u32 name)
{
	struct vqp_open_calls *c = open_calls_get(true);
	struct vqp_open_call *o;

	if (!c)
		return 0;
	close_below(c, sp - 1);
	if (c->n >= VQP_CALLS) {
		count(VQP_LOST_CALLS);
		return 0;
	}
	o = &c->call[c->n++ & (VQP_CALLS - 1)];
	o->sp = sp;
	o->id = __sync_fetch_and_add(&last_call, 1) + 1;
	o->dev = dev;
	o->name = name;
	o->sent = 0;
	return 0;
}

/* The call whose return address was at sp returns: true, and which one it was. */
static __always_inline bool call_ends(__u64 sp, struct vqp_open_call *out)
{
	struct vqp_open_calls *c = open_calls_get(false);
	struct vqp_open_call *o;

	if (!c)
		return false;
	close_below(c, sp - 1);
	if (!c->n)
		return false;
	o = &c->call[(c->n - 1) & (VQP_CALLS - 1)];
	if (o->sp != sp)
		return false;
	*out = *o;
	c->n--;
	return true;
}

/* A function that is no call has this name, in the next event of the thread. */
static __always_inline void call_named(__u32 name)
{
	struct vqp_open_calls *c = open_calls_get(true);

	if (c)
		c->name = name;
}

static __always_inline void call_return(struct pt_regs *ctx, struct vqp_proc *p)
{
	struct vqt_return r = { .value = PT_REGS_RC(ctx) };
	struct vqp_open_call ended;

	/* the return address was popped */
	if (!call_ends(PT_REGS_SP(ctx) - 8, &ended) || !ended.sent)
		return;
	r.call = ended.id;
	hdr_begin(p, &r.h, VQT_RETURN, ended.dev, VQT_NO_QUEUE);
	emit(&r, sizeof(r));
}

#endif
