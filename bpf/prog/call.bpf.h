/* SPDX-License-Identifier: MIT */
/*
 * Calls of functions whose ends are probed, too: which are open in a thread, so that each event can
 * say in which call it happened.  A call is known by the place of its return address: where a return
 * instruction finds that place at the stack pointer, the call ends, whatever function that is in.
 */
#ifndef VQT_BPF_PROG_CALL_BPF_H
#define VQT_BPF_PROG_CALL_BPF_H

#include "bpf/prog/common.bpf.h"

/* The number of the latest call. */
__u32 last_call;

const volatile struct vqp_open_calls no_calls;

static __always_inline struct vqp_open_calls *open_calls_get(bool make)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct vqp_open_calls *c = bpf_map_lookup_elem(&calls, &thread);

	if (c || !make)
		return c;
	if (!bpf_map_update_elem(&calls, &thread, (const void *)&no_calls, BPF_NOEXIST))
		__sync_fetch_and_add(&calling_threads, 1);
	c = bpf_map_lookup_elem(&calls, &thread);
	if (!c)
		count(VQP_LOST_CALLS);
	return c;
}

/* The device of the innermost open call; 0: none. */
static __always_inline __u16 call_device(void)
{
	struct vqp_open_calls *c = with_calls ? open_calls_get(false) : NULL;
	__u32 n = c ? calls_around(c, c->n, false) : 0;

	return n ? c->call[(n - 1) & (VQP_CALLS - 1)].dev : 0;
}

struct sweep {
	struct vqp_open_calls *c;
	struct mapping stack;
	__u64 sp, to;
};

/* Keep it, unless it has ended: it is below on the same stack, or at the same place, for another caller. */
static long sweep_step(__u32 i, void *ctx)
{
	struct sweep *s = ctx;
	struct vqp_open_call *o = &s->c->call[i & (VQP_CALLS - 1)];

	if (i >= s->c->n)
		return 1;
	if (!o->sp || (o->sp < s->sp && o->sp >= s->stack.start) ||
	    (o->sp == s->sp && !(o->jumped && o->to == s->to)))
		return 0;
	if (s->c->kept != i)
		s->c->call[s->c->kept & (VQP_CALLS - 1)] = *o;
	s->c->kept++;
	return 0;
}

/*
 * Forget the calls of the thread that have ended, seen from here, where the stack pointer is sp and what
 * it points at is `to`, a return address.  Calls on other stacks are left as they are.
 */
static __always_inline void sweep(struct vqp_open_calls *c, __u64 sp, __u64 to)
{
	struct sweep s = { .c = c, .sp = sp, .to = to };

	if (!c->n)
		return;
	s.stack.start = ~0ULL; /* not known: nothing is below */
	mapping_get(&s.stack, sp);
	c->kept = 0;
	bpf_loop(VQP_CALLS, sweep_step, &s, 0);
	c->n = c->kept;
}

/*
 * A function begins whose ends are probed; its return address is at the stack pointer.  Of calls that
 * are there, too, only that of a function that has jumped to this one goes on.
 */
static __noinline int call_enters(struct pt_regs *ctx)
{
	struct vqp_open_calls *c = open_calls_get(false);
	__u64 to = 0;

	if (!ctx || !c || !c->n)
		return 0;
	if (read_user(&to, 8, (void *)PT_REGS_SP(ctx)))
		return 0;
	sweep(c, PT_REGS_SP(ctx), to);
	return 0;
}

/* The same, and it is to be recorded.  The next event of this thread is the one with which it begins. */
static __noinline int call_begins(__u64 sp, __u32 dev, __u32 name)
{
	struct vqp_open_calls *c = open_calls_get(true);
	struct vqp_open_call *o;
	__u64 to = 0;

	if (!c || read_user(&to, 8, (void *)sp))
		return 0;
	if (c->n >= VQP_CALLS) {
		count(VQP_LOST_CALLS);
		return 0;
	}
	o = &c->call[c->n++ & (VQP_CALLS - 1)];
	o->sp = sp;
	o->to = to;
	o->id = __sync_fetch_and_add(&last_call, 1) + 1;
	o->dev = dev;
	o->name = name;
	o->sent = o->jumped = 0;
	return 0;
}

/* A function that is no call has this name, in the next event of the thread. */
static __always_inline void call_named(__u32 name)
{
	struct vqp_open_calls *c = open_calls_get(true);

	if (c)
		c->name = name;
}

/* --- ends ------------------------------------------------------------------------------------- */

/* Functions whose ends are probed, by where they begin. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16 * VQP_NAMES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct vqp_key);
	__type(value, __u32);
} begins SEC(".maps");

struct ending {
	struct vqp_open_calls *c;
	struct vqp_proc *p;
	__u64 sp, value;
	__u32 n; /* calls to look at */
	__u32 flags; /* of struct vqt_return */
	__u32 jumps; /* it does not end yet */
	__u32 some; /* there was one */
};

/* The innermost first: a function that has jumped to another one ends with that. */
static long end_step(__u32 i, void *ctx)
{
	struct ending *e = ctx;
	struct vqp_open_call *o = &e->c->call[(e->n - 1) & (VQP_CALLS - 1)];
	struct vqt_return r = {};

	if (!e->n)
		return 1;
	e->n--;
	if (o->sp != e->sp || !is_open(o))
		return 0;
	e->some = 1;
	if (e->jumps) {
		o->jumped = 1;
		return 0;
	}
	o->sp = 0;
	if (!o->sent)
		return 0;
	r.value = e->value;
	r.flags = e->flags;
	r.call = o->id;
	hdr_begin(e->p, &r.h, VQT_RETURN, o->dev, VQT_NO_QUEUE);
	emit(&r, sizeof(r));
	return 0;
}

#define PT_REGS_FLAGS(ctx) ((ctx)->eflags)
#define FLAG_CARRY 0x0001
#define FLAG_PARITY 0x0004
#define FLAG_ZERO 0x0040
#define FLAG_SIGN 0x0080
#define FLAG_OVERFLOW 0x0800

/* Whether a conditional jump is taken. */
static __always_inline bool is_taken(__u64 flags, __u32 condition)
{
	bool less = !(flags & FLAG_SIGN) != !(flags & FLAG_OVERFLOW), is = false;

	switch (condition >> 1 & 7) {
	case 0: is = flags & FLAG_OVERFLOW; break;
	case 1: is = flags & FLAG_CARRY; break;
	case 2: is = flags & FLAG_ZERO; break;
	case 3: is = flags & (FLAG_CARRY | FLAG_ZERO); break;
	case 4: is = flags & FLAG_SIGN; break;
	case 5: is = flags & FLAG_PARITY; break;
	case 6: is = less; break;
	case 7: is = less || flags & FLAG_ZERO; break;
	}
	return is != (condition & 1);
}

/* Whether the ends of the function are probed that an indirect jump leads to. */
static __always_inline bool leads_on(struct pt_regs *ctx, __u64 cookie)
{
	struct vqp_key k = { .ptr = arg0(ctx, cookie), .tgid = bpf_get_current_pid_tgid() >> 32 };

	if (cookie >> 48 & VQP_AUX_MEMORY && read_user(&k.ptr, 8, (void *)k.ptr))
		return false;
	return bpf_map_lookup_elem(&begins, &k) != NULL;
}

/*
 * An instruction that may end a function.  Most of the times it ends no call that is recorded: then
 * none has its return address here.
 */
static __always_inline void call_end(struct pt_regs *ctx, struct vqp_proc *p, __u64 cookie)
{
	struct ending e = { .c = open_calls_get(false), .p = p, .sp = PT_REGS_SP(ctx) };
	__u32 kind = cookie & 0xff, aux = cookie >> 48;
	__u64 thread = bpf_get_current_pid_tgid();

	if (!e.c || !e.c->n || (aux & VQP_AUX_IF && !is_taken(PT_REGS_FLAGS(ctx), aux)))
		return;
	if (kind == VQP_END_RETURN)
		e.value = PT_REGS_RC(ctx);
	else
		e.flags = VQT_RETURN_JUMPED;
	e.jumps = kind == VQP_END_JUMP_KNOWN ||
		  (kind == VQP_END_JUMP_THROUGH && leads_on(ctx, cookie));
	e.n = e.c->n;
	bpf_loop(VQP_CALLS, end_step, &e, 0);
	if (!e.some)
		return;
	call_enters(ctx); /* of those that are left some have ended, too */
	if (!e.c->n && !e.c->name)
		calls_forget(thread);
}

#endif
