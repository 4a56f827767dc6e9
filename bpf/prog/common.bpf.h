/* SPDX-License-Identifier: MIT */
/* Code that all QEMU probes use: maps, registers, records. */
#ifndef VQT_BPF_PROG_COMMON_BPF_H
#define VQT_BPF_PROG_COMMON_BPF_H

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/prog/qemu.h"
#include "decoder/trace/event.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct vqp_proc);
} procs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct vqp_memory);
} memories SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct vqp_key);
	__type(value, struct vqp_dev);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct vqp_key);
	__type(value, struct vqp_queue);
} queues SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VQP_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* A register access in progress, by thread. */
struct access {
	__u32 offset;
	__u16 dev, aux;
	__u8 width, pad[7];
	__u64 sp,
		to; /* of an access to configuration space: where the return address is, and that */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct access);
} in_read SEC(".maps"), in_config SEC(".maps");

/* A chain being read. */
struct walk {
	__u64 table; /* host-virtual address of the table being walked */
	__u64 ind_addr;
	__u32 ind_len;
	__u32 entries; /* in that table */
	__u32 next; /* index to read; packed: slot */
	__u32 n, ndirect;
	__u32 snaplen;
	__u16 flags; /* VQT_CHAIN_* */
	__u16 id, head, pos;
	__u8 indirect; /* inside an indirect table */
	__u8 more; /* chain goes on */
	__u8 packed, unread;
	__u8 ahead; /* descriptors that are there already, behind the latest */
};

/* struct iovec */
struct iov {
	__u64 base, len;
};

/* struct VirtQueueElement up to out_sg, the same in all versions since 2.0. */
struct element {
	__u32 index, len, ndescs, out_num, in_num, pad;
	__u64 in_addr, out_addr, in_sg, out_sg;
};
/*
 * What virtqueue_alloc_element() allocates is the device's request, which begins with the element, then its
 * addresses and buffers.  So much of it is read at once; a power of two.
 */
#define ELEMENT_BLOCK 512

#define DRIVER_MOST \
	1024 /* bytes of a driver area that are read at once, less one; a power of two */

struct scratch {
	__u32 busy;
	/*
	 * Loop state is kept here and not on the stack: the verifier would follow stack values
	 * through every iteration and every outcome.  So is what is large: a program and what it
	 * calls have 512 bytes of stack.  No pointers: the verifier would not know them again.
	 */
	struct walk w;
	struct vqt_ring ring;
	union {
		struct element e;
		__u8 block[ELEMENT_BLOCK + sizeof(struct iov)];
	};
	__u32 pos, segs, room; /* bytes of rec written, segments among them, where to stop */
	__u32 base, next, full; /* continuations: where this one begins, next descriptor to read */
	__u32 block_len; /* valid bytes of block */
	__u64 element; /* where block is in the process */
	__u64 left; /* bytes of the buffers not yet accounted for */
	__u8 vq[256];
	__u8 caches[1024]; /* of the ring's areas */
	__u32 driver_len; /* valid bytes of driver: 0, or at least 4 */
	__u8 driver[DRIVER_MOST + 4]; /* split: the driver area, maybe with what follows it */
	struct iov iov; /* one that is not in block */
	__u8 rec[VQP_REC_MAX + 2112]; /* the last append may begin just before VQP_REC_MAX */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VQP_SCRATCH_PER_CPU); /* times CPUs, set at load */
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* The programs wake the reader when this many bytes wait in the buffer. */
const volatile __u64 wake_level = 4 << 20;

#define E2BIG_ 7

/* The initial value of a queue. */
const volatile struct vqp_queue no_queue;

/* Programs may sleep (Linux 6.0), so they can fault in an absent page. */
const volatile bool can_sleep = false;

/* The kernel has bpf_find_vma (Linux 5.17). */
const volatile bool can_find_vma = false;

/*
 * Read memory of the process.  Nearly always it is there.  The kernel removes pages for a short time
 * (THP collapse, NUMA balancing, swap): only then a program that may sleep takes the dearer helper, which
 * faults them in.
 */
static __always_inline long read_user(void *to, __u32 n, const void *from)
{
	long err = bpf_probe_read_user(to, n, from);

	if (err && can_sleep)
		err = bpf_copy_from_user(to, n, from);
	return err;
}

static __always_inline long read_user_str(char *to, __u32 n, const void *from)
{
	long len = bpf_probe_read_user_str(to, n, from);
	char byte;

	/* Fault the page in and try again; text that continues into another absent page is cut. */
	if (len < 0 && can_sleep && !bpf_copy_from_user(&byte, 1, from))
		len = bpf_probe_read_user_str(to, n, from);
	return len;
}

/* The mapping of the process that contains an address. */
struct mapping {
	__u64 start, end;
};

struct vm_area_struct {
	unsigned long vm_start, vm_end;
} __attribute__((preserve_access_index));

static long mapping_found(struct task_struct *task, struct vm_area_struct *vma, void *ctx)
{
	struct mapping *to = ctx;

	to->start = vma->vm_start;
	to->end = vma->vm_end;
	return 0;
}

/*
 * If bpf_find_vma is missing, or the mappings are being changed, *to stays empty and the
 * caller assumes what it can.
 */
static __always_inline void mapping_get(struct mapping *to, __u64 addr)
{
	if (can_find_vma)
		bpf_find_vma(bpf_get_current_task_btf(), addr, mapping_found, to, 0);
}

struct rewind {
	__u64 vq;
	__u32 step, tgid, forget;
};

static __always_inline struct vqp_proc *proc_get(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	return bpf_map_lookup_elem(&procs, &tgid);
}

static __always_inline struct vqp_memory *memory_get(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	return bpf_map_lookup_elem(&memories, &tgid);
}

static __always_inline void count(__u32 which)
{
	__u64 *c = bpf_map_lookup_elem(&counters, &which);

	if (c)
		__sync_fetch_and_add(c, 1);
}

/* --- registers by number: the context takes only constant offsets ---------- */

#define REG_CASE(n, field) \
	case n: \
		asm volatile("%0 = *(u64 *)(%1 + %2)" \
			     : "=r"(v) \
			     : "r"(ctx), "i"(offsetof(struct pt_regs, field))); \
		break

static __noinline __u64 reg(struct pt_regs *ctx, __u32 n)
{
	__u64 v = 0;

	switch (n) {
		REG_CASE(VQP_RAX, rax);
		REG_CASE(VQP_RBX, rbx);
		REG_CASE(VQP_RCX, rcx);
		REG_CASE(VQP_RDX, rdx);
		REG_CASE(VQP_RSI, rsi);
		REG_CASE(VQP_RDI, rdi);
		REG_CASE(VQP_RBP, rbp);
		REG_CASE(VQP_RSP, rsp);
		REG_CASE(VQP_R8, r8);
		REG_CASE(VQP_R9, r9);
		REG_CASE(VQP_R10, r10);
		REG_CASE(VQP_R11, r11);
		REG_CASE(VQP_R12, r12);
		REG_CASE(VQP_R13, r13);
		REG_CASE(VQP_R14, r14);
		REG_CASE(VQP_R15, r15);
	}
	return v;
}

static __always_inline bool has_arg(__u64 cookie, int n)
{
	return (cookie >> (8 + 5 * n) & 31) != VQP_NO_REG;
}

static __always_inline __u64 arg(struct pt_regs *ctx, __u64 cookie, int n)
{
	return reg(ctx, cookie >> (8 + 5 * n) & 31);
}

/* The first value: a register plus a small signed offset. */
static __always_inline __u64 arg0(struct pt_regs *ctx, __u64 cookie)
{
	return reg(ctx, cookie >> 8 & 31) + ((__s64)(cookie << 16) >> 49);
}

/* --- records --------------------------------------------------------------- */

static __always_inline void hdr_begin(struct vqp_proc *p, struct vqt_hdr *h, __u8 type, __u16 dev,
				      __u16 queue)
{
	h->seq = __sync_fetch_and_add(&p->seq, 1);
	h->ts = bpf_ktime_get_ns();
	h->tid = bpf_get_current_pid_tgid();
	h->device = dev;
	h->queue = queue;
	h->type = type;
	h->source = p->source;
	h->cpu = bpf_get_smp_processor_id();
}

/*
 * One of so many records asks how full the buffer is; a power of two, less 1.  Sixteen are at most 1 MiB:
 * in a buffer that is small next to that, each does.
 */
const volatile __u32 look_mask = 15;

/*
 * Wake the reader only when there is much to read: a wake-up costs more than a record.  To ask how much
 * there is costs something, too: one of several records does.
 */
static __always_inline long send(void *rec, __u64 len)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (!(((struct vqt_hdr *)rec)->seq & look_mask) &&
	    bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > wake_level)
		flags = BPF_RB_FORCE_WAKEUP;
	return bpf_ringbuf_output(&events, rec, len, flags);
}

/* --- call stacks --- */

/*
 * The process has no frame pointers, so a program cannot walk its stack: user space gets the registers
 * and the top of the stack before the event, under the event's sequence number, and unwinds them
 * (bpf/stack).
 */

/* Bit n: events of type VQT_REG + n get a stack. */
const volatile __u32 stacks_of;
/* Above this many bytes in the buffer stacks are left out, so that they displace no events. */
const volatile __u64 stack_level = 4 << 20;

/* Where a stack is copied to: an event may hold a scratch meanwhile. */
struct stack_scratch {
	__u32 busy, pos, room, pad;
	__u8 rec[sizeof(struct vqp_stack) + VQP_STACK_BYTES + 1024];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* with stacks VQP_SCRATCH_PER_CPU times CPUs, set at load */
	__type(key, __u32);
	__type(value, struct stack_scratch);
} stack_scratches SEC(".maps");

static __always_inline struct stack_scratch *stack_scratch_take(void)
{
	__u32 base = bpf_get_smp_processor_id() * VQP_SCRATCH_PER_CPU;

	for (int i = 0; i < VQP_SCRATCH_PER_CPU; i++) {
		__u32 key = base + i;
		struct stack_scratch *s = bpf_map_lookup_elem(&stack_scratches, &key);

		if (s && !__sync_val_compare_and_swap(&s->busy, 0, 1))
			return s;
	}
	return NULL;
}

struct copy {
	struct stack_scratch *s;
	__u64 from;
};

#define COPY_MOST 1024 /* bytes at once */
#define COPY_LEAST 16

/* As far as it is mapped: where some bytes cannot be read, try a quarter of them. */
static long copy_step(__u32 i, void *ctx)
{
	struct copy *c = ctx;
	struct stack_scratch *s = c->s;
	__u32 pos = s->pos, n = s->room;

	if (pos >= VQP_STACK_BYTES || n < COPY_LEAST || n > COPY_MOST)
		return 1;
	if (read_user(s->rec + sizeof(struct vqp_stack) + (pos & (VQP_STACK_BYTES - 1)), n,
		      (void *)(c->from + pos)))
		s->room = n / 4;
	else
		s->pos = pos + n;
	return 0;
}

/* The registers of the process where it met the probe. */
static __always_inline void copy_registers(__u64 *to)
{
	struct pt_regs *r = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

	to[0] = r->rax;
	to[1] = r->rdx;
	to[2] = r->rcx;
	to[3] = r->rbx;
	to[4] = r->rsi;
	to[5] = r->rdi;
	to[6] = r->rbp;
	to[7] = r->rsp;
	to[8] = r->r8;
	to[9] = r->r9;
	to[10] = r->r10;
	to[11] = r->r11;
	to[12] = r->r12;
	to[13] = r->r13;
	to[14] = r->r14;
	to[15] = r->r15;
	to[16] = r->rip;
}

static __noinline int stack_before(struct vqt_hdr *event)
{
	struct vqp_stack *out;
	struct copy c = {};
	__u32 pos;

	if (!event)
		return 0;
	c.s = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < stack_level ? stack_scratch_take()
									  : NULL;
	if (!c.s) {
		count(VQP_LOST_STACKS);
		return 0;
	}
	out = (void *)c.s->rec;
	__builtin_memset(out, 0, sizeof(*out));
	((struct vqt_hdr *)out->header)->type = VQT_STACK;
	((struct vqt_hdr *)out->header)->seq = event->seq;
	((struct vqt_hdr *)out->header)->source = event->source;
	copy_registers(out->reg);
	c.from = out->reg[VQP_DWARF_SP];
	c.s->pos = 0;
	c.s->room = COPY_MOST;
	bpf_loop(VQP_STACK_BYTES / COPY_MOST + 16, copy_step, &c, 0);
	pos = c.s->pos;
	if (pos > VQP_STACK_BYTES)
		pos = VQP_STACK_BYTES;
	out->len = pos;
	if (send(out, sizeof(*out) + pos))
		count(VQP_LOST_STACKS);
	__sync_lock_test_and_set(&c.s->busy, 0);
	return 0;
}

/* --- calls (call.bpf.h) --- */

const volatile bool with_calls;

/*
 * By thread and process, of those that are in a call.  An LRU map would drop some unseen, and earlier than it
 * is full: each CPU keeps many of its places for itself.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct vqp_open_calls);
} calls SEC(".maps");

/* How many threads are in there.  While there are none, no event has to look. */
__u32 calling_threads;

static __always_inline void calls_forget(__u64 thread)
{
	if (!bpf_map_delete_elem(&calls, &thread))
		__sync_fetch_and_add(&calling_threads, -1);
}

/*
 * Whether the return address of a call is still where it was.  What is called later at the same place
 * writes over it, so a call whose end was missed does not stay open.
 */
static __always_inline bool is_open(const struct vqp_open_call *o)
{
	__u64 to = 0;

	return o->sp && !read_user(&to, 8, (void *)o->sp) && to == o->to;
}

struct around {
	struct vqp_open_calls *c;
	struct mapping stack;
	__u64 sp;
	__u32 n; /* calls to look at; then: up to and with the one that was found, 0 none */
	bool sent; /* only those whose begin was sent: of others nothing is known outside */
};

static long around_step(__u32 i, void *ctx)
{
	struct around *a = ctx;
	struct vqp_open_call *o = &a->c->call[(a->n - 1) & (VQP_CALLS - 1)];

	if (!a->n ||
	    ((o->sent || !a->sent) && o->sp >= a->sp && o->sp < a->stack.end && is_open(o)))
		return 1;
	a->n--;
	return 0;
}

/*
 * Of the thread's first n calls the last one that is around what it does now: on the same stack, further
 * up, and open.  A thread runs coroutines, each on a stack of its own; what of a coroutine was begun
 * before another stack's turn goes on later, maybe in another thread.  So places on different stacks say
 * nothing about each other.  A stack has no other one in its mapping, as below each there is a page that
 * is not to be touched.  sent: of those whose begin was sent, for a record; if the stack is not known, that is
 * counted.
 */
static __always_inline __u32 calls_around(struct vqp_open_calls *c, __u32 n, bool sent)
{
	struct pt_regs *r = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct around a = { .c = c, .sp = r->rsp, .n = n, .sent = sent };

	if (!n)
		return 0;
	mapping_get(&a.stack, a.sp);
	if (!a.stack.end) {
		if (sent)
			count(VQP_LOST_CALLS);
		return 0;
	}
	bpf_loop(VQP_CALLS + 1, around_step, &a, 0);
	return a.n;
}

/* Whether what happens now is the begin of the thread's last call: it is where that has its return address. */
static __always_inline bool begins_now(struct vqp_open_calls *c)
{
	struct pt_regs *r = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct vqp_open_call *o = &c->call[(c->n - 1) & (VQP_CALLS - 1)];

	return c->n && !o->sent && o->sp == r->rsp;
}

/* Before an event: in which call of its thread it is, or which call begins with it. */
static __noinline int call_before(struct vqt_hdr *event)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct vqp_open_calls *c = bpf_map_lookup_elem(&calls, &thread);
	struct vqp_open_call *begun = NULL;
	struct vqp_call out = {};
	struct vqt_hdr *h = (void *)out.header;
	__u32 outer;

	if (!event || !c)
		return 0;
	if (begins_now(c))
		begun = &c->call[(c->n - 1) & (VQP_CALLS - 1)];
	outer = calls_around(c, c->n - !!begun, true);
	out.name = begun ? begun->name : c->name;
	c->name = 0;
	if (begun)
		out.call = begun->id;
	if (outer)
		out.within = c->call[(outer - 1) & (VQP_CALLS - 1)].id;
	if (!c->n)
		calls_forget(thread);
	if (!out.call && !out.within && !out.name)
		return 0;
	h->type = VQP_CALL;
	h->seq = event->seq;
	h->source = event->source;
	if (send(&out, sizeof(out)))
		count(VQP_LOST_CALLS);
	else if (begun)
		begun->sent = 1;
	return 0;
}

/* A record that no call and no stack goes before. */
static __always_inline void emit_alone(void *rec, __u64 len)
{
	if (send(rec, len))
		count(VQP_LOST_BUFFER);
}

static __always_inline void emit(void *rec, __u64 len)
{
	struct vqt_hdr *h = rec;

	if (with_calls && calling_threads && h->type >= VQT_REG && h->type != VQT_RETURN)
		call_before(h);
	if (stacks_of && h->type >= VQT_REG && stacks_of >> ((h->type - VQT_REG) & 31) & 1)
		stack_before(h);
	emit_alone(rec, len);
}

/* Emit the record that was built in a scratch. */
static __always_inline void scratch_emit(struct scratch *s)
{
	__u32 len = s->pos;

	if (len > VQP_REC_MAX)
		len = VQP_REC_MAX;
	emit(s->rec, len);
}

/* Emit a VQT_LOSS: n records are missing here. */
static __noinline int lose(struct vqp_proc *p, __u32 dev, __u32 queue, __u32 why, __u64 n)
{
	struct vqt_loss l = { .lost = n, .why = why };

	if (!p)
		return 0;
	hdr_begin(p, &l.h, VQT_LOSS, dev, queue);
	emit_alone(&l, sizeof(l));
	return 0;
}

/* Space for a large record.  The thread stays on its CPU, but can be preempted there. */
static __always_inline struct scratch *scratch_for(struct vqp_proc *p, __u16 dev, __u16 queue)
{
	__u32 base = bpf_get_smp_processor_id() * VQP_SCRATCH_PER_CPU;

	for (int i = 0; i < VQP_SCRATCH_PER_CPU; i++) {
		__u32 key = base + i;
		struct scratch *s = bpf_map_lookup_elem(&scratches, &key);

		if (s && !__sync_val_compare_and_swap(&s->busy, 0, 1))
			return s;
	}
	lose(p, dev, queue, VQT_LOSS_LIMIT, 1);
	return NULL;
}

static __always_inline struct scratch *scratch_get(struct vqp_proc *p, struct vqp_queue *q)
{
	return scratch_for(p, q->dev, q->index);
}

static __always_inline void scratch_put(struct scratch *s)
{
	__sync_lock_test_and_set(&s->busy, 0);
}

#endif
