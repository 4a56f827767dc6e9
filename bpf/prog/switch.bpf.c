// SPDX-License-Identifier: MIT
/*
 * Looking at the rings of a machine whenever one of its threads wakes another one or goes to sleep, by
 * tracepoints of the scheduler: without a probe in the program.  A driver's notification wakes the
 * device's thread, which wakes those that do its work, and they wake it when they are done: each
 * time a request is in flight, which the driver must not change.  Then the device's thread sleeps.
 * The current thread's own memory is read here, as far as it is present: nothing may wait.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>

#include "bpf/prog/switch.h"
#include "decoder/trace/event.h"
#include "decoder/util/virtqueue.h"

/* 2.7.5 */
#define DESC_F_NEXT 1
#define DESC_F_WRITE 2
#define DESC_F_INDIRECT 4

#define HEADER VQT_HEADER_BYTES /* by which a request is known again */

struct descriptor {
	__u64 addr;
	__u32 len;
	__u16 flags, next;
};

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} snapshots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VQS_MACHINES);
	__type(key, __u32);
	__type(value, struct vqs_machine);
} machines SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VQS_RINGS);
	__type(key, __u32);
	__type(value, struct vqs_ring);
} rings SEC(".maps");

/* How far it was seen, and by whom it is looked at now. */
struct progress {
	__u32 busy;
	__u32 generation; /* of which the rest is */
	__u16 avail, used;
	__u64 looked; /* ns */
	__u32 left; /* descriptors that this look may read */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VQS_RINGS);
	__type(key, __u32);
	__type(value, struct progress);
} progresses SEC(".maps");

/* Where the parts of the chain are that had this id last: they are wanted when it is used. */
struct parts {
	__u64 header, status; /* 0: not known */
	__u32 n;
	__u32 header_len; /* up to HEADER */
	__u64 at[VQS_PARTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VQS_RINGS *VQS_HEADS);
	__type(key, __u32);
	__type(value, struct parts);
} chains SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vqs_snapshot);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VQS_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* What a machine's looks took, in periods. */
struct spent {
	__u64 began, ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VQS_MACHINES);
	__type(key, __u32);
	__type(value, struct spent);
} spending SEC(".maps");

/* Is this processor looking?  Before Linux 6.1 an interrupt may come in between, and wake a thread, too. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} looking SEC(".maps");

/* As far as it is looked at here. */
struct mm_struct;
struct task_struct {
	struct mm_struct *mm;
} __attribute__((preserve_access_index));

/* Device and inode of user space's PID namespace; 0: the first one. */
const volatile __u64 pid_dev, pid_ino;

/* Of new chains that one look at a ring reads: a driver may make longer ones, and this takes time. */
#define DESCRIPTORS 256

static __always_inline void count(__u32 which, __u64 n)
{
	__u64 *v = bpf_map_lookup_elem(&counters, &which);

	if (v)
		*v += n;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What is read before must not be read later: an exchange is a barrier everywhere. */
static __always_inline void in_order(struct progress *p)
{
	__sync_lock_test_and_set(&p->busy, 1);
}

static __always_inline bool read(void *to, __u32 n, __u64 from)
{
	return !bpf_probe_read_user(to, n, (const void *)from);
}

/*
 * Global functions: the verifier looks at each once, and not wherever it is called.  They find what
 * they work on themselves.
 */

/* The block that the byte is in becomes a part of the snapshot: 1; 0: it could not. */
__noinline int want(__u64 at)
{
	__u64 block = at / VQS_BLOCK;
	__u32 zero = 0, n;
	struct vqs_snapshot *s = bpf_map_lookup_elem(&scratch, &zero);

	if (!s)
		return 0;
	n = s->n;
	for (__u32 i = 0; i < VQS_BLOCKS && i < n; i++)
		if (s->block[i] == block)
			return 1;
	if (n >= VQS_BLOCKS || !read(s->bytes + n * VQS_BLOCK, VQS_BLOCK, block * VQS_BLOCK)) {
		s->lacks = 1;
		return 0;
	}
	s->block[n] = block;
	s->n = n + 1;
	return 1;
}

/* Read n <= HEADER bytes of one block again where the snapshot has it, later than the rest. */
__noinline int renew(__u64 at, __u32 n)
{
	__u64 block = at / VQS_BLOCK;
	__u32 zero = 0, i = 0, off;
	struct vqs_snapshot *s = bpf_map_lookup_elem(&scratch, &zero);

	if (!s || n > HEADER)
		return 0;
	while (i < VQS_BLOCKS && i < s->n && s->block[i] != block)
		i++;
	if (i >= VQS_BLOCKS || i >= s->n)
		return 0;
	off = i * VQS_BLOCK + at % VQS_BLOCK;
	asm volatile("" : "+r"(off)); /* the verifier is to see the limit */
	if (off <= sizeof(s->bytes) - HEADER && read(s->bytes + off, n, at))
		return 1;
	s->unsure = 1;
	return 0;
}

/* What is behind it may be newer than what told of it: not a byte more, and of each block its own. */
static __always_inline void renew_header(const struct parts *found)
{
	__u32 n = found->header_len, room = VQS_BLOCK - found->header % VQS_BLOCK;
	__u32 first = n < room ? n : room;

	renew(found->header, first);
	if (first < n)
		renew(found->header + first, n - first);
}

/* Guest memory in the process; 0: not known. */
__noinline __u64 find(__u32 ring, __u64 gpa)
{
	const struct vqs_ring *r = bpf_map_lookup_elem(&rings, &ring);

	for (__u32 i = 0; r && i < VQS_AREAS && i < r->nareas; i++)
		if (gpa >= r->area[i].lo && gpa < r->area[i].hi)
			return gpa + r->area[i].distance;
	return 0;
}

/* --- chains ------------------------------------------------------------------------------------ */

struct walk {
	const struct vqs_ring *r;
	struct parts *found;
	__u32 ring;
	__u64 table; /* of descriptors */
	__u32 next, size; /* in the table */
	bool indirect;
	__u32 *left; /* descriptors that may be read: in a map, so that the verifier does not count */
};

static __always_inline void remember(struct walk *w, __u64 at)
{
	__u32 n = w->found->n;

	if (n < VQS_PARTS) {
		w->found->at[n] = at;
		w->found->n = n + 1;
	}
}

/*
 * The bytes of a buffer that are recorded: now, if the driver has written them; those that the device
 * writes when it has used the chain.  The last one may be a status.
 */
static __always_inline void want_buffer(struct walk *w, const struct descriptor *d)
{
	__u64 at = find(w->ring, d->addr);
	__u32 n = d->len < w->r->snaplen ? d->len : w->r->snaplen;

	if (n < HEADER)
		n = d->len < HEADER ? d->len : HEADER;
	if (!d->len)
		return;
	remember(w, at);
	if (d->flags & DESC_F_WRITE) {
		w->found->status = find(w->ring, d->addr + d->len - 1);
		return;
	}
	if (!w->found->header) {
		w->found->header = at;
		w->found->header_len = d->len < HEADER ? d->len : HEADER;
	}
	want(at);
	want(at + n - 1);
}

static long one_descriptor(__u32 i, struct walk *w)
{
	struct descriptor d;
	__u64 at = w->table + (__u64)w->next * sizeof(d);

	if (w->next >= w->size || !*w->left || !want(at) || !read(&d, sizeof(d), at))
		return 1;
	--*w->left;
	if (!w->indirect && d.flags & DESC_F_INDIRECT) {
		w->table = find(w->ring, d.addr);
		w->size = d.len / sizeof(d);
		w->next = 0;
		w->indirect = true;
		remember(w, w->table);
		return 0;
	}
	want_buffer(w, &d);
	w->next = d.next;
	return d.flags & DESC_F_NEXT ? 0 : 1;
}

struct pass {
	const struct vqs_ring *r;
	__u32 ring;
	__u16 from, to; /* positions */
	__u32 *left;
};

static __always_inline struct parts *parts_of(const struct pass *p, __u32 head)
{
	__u32 key = p->ring * VQS_HEADS + head;

	return head < VQS_HEADS ? bpf_map_lookup_elem(&chains, &key) : NULL;
}

static long one_chain(__u32 i, struct pass *p)
{
	__u16 pos = p->from + i, head;
	__u64 at = p->r->driver + virtq_avail_at(pos & (p->r->size - 1));
	struct parts none = {}, *found;

	if (pos == p->to)
		return 1;
	if (!want(at) || !read(&head, sizeof(head), at))
		return 1;
	found = parts_of(p, head);
	struct walk w = { .r = p->r,
			  .ring = p->ring,
			  .found = found ? found : &none,
			  .table = p->r->desc,
			  .next = head,
			  .size = p->r->size,
			  .left = p->left };

	w.found->header = w.found->status = 0;
	w.found->n = 0;
	bpf_loop(VQS_DESCRIPTORS, one_descriptor, &w, 0);
	return 0;
}

/*
 * A used entry, and its status, which is read before what tells whether the chain is as it was: that
 * one_rest() reads.
 */
static long one_used(__u32 i, struct pass *p)
{
	__u16 pos = p->from + i;
	__u64 at = p->r->device + virtq_used_at(pos & (p->r->size - 1));
	const struct parts *found;
	__u32 id;

	if (pos == p->to)
		return 1;
	if (!want(at) || !want(at + 7) || !read(&id, sizeof(id), at))
		return 1;
	found = parts_of(p, id);
	if (found && found->status)
		want(found->status);
	return 0;
}

/* The rest of the chain, and the header once more, after the status. */
static long one_rest(__u32 i, struct pass *p)
{
	__u16 pos = p->from + i;
	__u64 at = p->r->device + virtq_used_at(pos & (p->r->size - 1));
	const struct parts *found;
	__u32 id;

	if (pos == p->to || !read(&id, sizeof(id), at))
		return 1;
	want(p->r->desc + virtq_desc_at(id & (p->r->size - 1)));
	found = parts_of(p, id);
	if (!found || !found->header)
		return 0;
	for (__u32 k = 0; k < VQS_PARTS && k < found->n; k++)
		want(found->at[k]);
	renew_header(found);
	return 0;
}

/* --- a look ------------------------------------------------------------------------------------ */

static __always_inline bool read_words(const struct vqs_ring *r, __u8 *driver, __u8 *device)
{
	__u64 a = r->driver + VIRTQ_RING_IDX, u = r->device + VIRTQ_RING_IDX;

	return read(driver, VQS_WORD, a & ~(__u64)(VQS_WORD - 1)) &&
	       read(device, VQS_WORD, u & ~(__u64)(VQS_WORD - 1));
}

/* Of what is around it. */
static __always_inline __u16 index_in(const __u8 *word, __u64 area)
{
	__u32 at = (area + VIRTQ_RING_IDX) & (VQS_WORD - 2);

	return word[at] | word[(at + 1) & (VQS_WORD - 1)] << 8;
}

static __always_inline void gather(__u32 ring, const struct vqs_ring *r, struct progress *p,
				   struct vqs_snapshot *s)
{
	__u16 avail = index_in(s->driver, r->driver), used = index_in(s->device, r->device);
	struct pass taken = {
		.r = r, .ring = ring, .from = p->avail, .to = avail, .left = &p->left
	};
	struct pass done = { .r = r, .ring = ring, .from = p->used, .to = used };

	if ((__u16)(avail - taken.from) > VQS_CHAINS)
		taken.from = avail - VQS_CHAINS;
	if ((__u16)(used - done.from) > VQS_CHAINS)
		done.from = used - VQS_CHAINS;
	p->left = DESCRIPTORS;
	s->avail_from = taken.from;
	s->used_from = done.from;
	bpf_loop(VQS_CHAINS, one_used, &done, 0);
	want(r->driver);
	want(r->device);
	want(r->driver + virtq_used_event_at(r->size));
	want(r->device + virtq_avail_event_at(r->size));
	bpf_loop(VQS_CHAINS, one_chain, &taken, 0);
	bpf_loop(VQS_CHAINS, one_rest, &done, 0);
}

static __always_inline void submit(struct vqs_snapshot *s)
{
	__u32 len = offsetof(struct vqs_snapshot, bytes) + s->n * VQS_BLOCK;

	if (len > sizeof(*s))
		len = sizeof(*s);
	if (bpf_ringbuf_output(&snapshots, s, len, BPF_RB_NO_WAKEUP))
		count(VQS_FULL, 1);
}

static __always_inline void take(__u32 ring, const struct vqs_ring *r, struct progress *p)
{
	__u8 driver[VQS_WORD], device[VQS_WORD];
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;
	struct vqs_snapshot *s = bpf_map_lookup_elem(&scratch, &zero);

	if (!s || !read_words(r, driver, device))
		return;
	if (p->generation != r->generation) {
		p->generation = r->generation;
		p->looked = 0;
		p->avail = index_in(driver, r->driver) - 1; /* take in what is there */
		p->used = index_in(device, r->device) - 1;
	}
	if (index_in(driver, r->driver) == p->avail && index_in(device, r->device) == p->used) {
		p->looked = now;
		return;
	}
	s->ring = ring;
	s->generation = r->generation;
	s->since = p->looked;
	s->began = now;
	s->n = s->lacks = s->unsure = 0;
	if ((r->status && !read(s->status, VQS_STATUS_BYTES, r->status)) ||
	    (r->queue && !read(s->queue, VQS_QUEUE_BYTES, r->queue)))
		return;
	in_order(p);
	if (!read_words(r, s->driver, s->device))
		return;
	in_order(p);
	gather(ring, r, p, s);
	in_order(p);
	if (!read_words(r, driver, device))
		return;
	/* else the next look tells, or user space's */
	if (index_in(driver, r->driver) != index_in(s->driver, r->driver) ||
	    index_in(device, r->device) != index_in(s->device, r->device)) {
		count(VQS_TORN, 1);
		return;
	}
	if (r->generation != s->generation) /* it was removed or added anew meanwhile */
		return;
	if (s->lacks)
		count(VQS_PART, 1);
	s->ended = bpf_ktime_get_ns();
	p->avail = index_in(driver, r->driver);
	p->used = index_in(device, r->device);
	p->looked = now;
	submit(s);
}

struct round {
	const struct vqs_machine *m;
	__u32 pid;
	__u64 until; /* ns: then no other ring is looked at any more */
};

static long one_ring(__u32 i, struct round *all)
{
	const struct vqs_machine *m = all->m;
	__u32 ring = i < VQS_EACH ? m->ring[i & (VQS_EACH - 1)] : VQS_RINGS;
	const struct vqs_ring *r;
	struct progress *p;

	if (i >= m->n || bpf_ktime_get_ns() > all->until)
		return 1;
	r = bpf_map_lookup_elem(&rings, &ring);
	p = bpf_map_lookup_elem(&progresses, &ring);
	/* what is found by a process may be another's by now */
	if (!r || !p || !r->generation || r->pid != all->pid ||
	    __sync_lock_test_and_set(&p->busy, 1))
		return 0;
	take(ring, r, p);
	__sync_lock_test_and_set(&p->busy, 0);
	return 0;
}

/* May it look at all in this period?  What is under way on other processors is not counted yet. */
static __always_inline bool may_look(const struct vqs_machine *m, struct spent *s, __u64 now)
{
	if (now - s->began >= VQS_PERIOD) {
		s->began = now;
		s->ns = 0;
	}
	return s->ns <= m->most;
}

/* The process as user space knows it; 0: it is in another PID namespace. */
static __always_inline __u32 process(void)
{
	struct bpf_pidns_info ns = {};

	if (!pid_ino)
		return bpf_get_current_pid_tgid() >> 32;
	return bpf_get_ns_current_pid_tgid(pid_dev, pid_ino, &ns, sizeof(ns)) ? 0 : ns.tgid;
}

/* A thread that ends has given its memory back, and what the processor reaches may be another process's. */
static __always_inline bool has_memory(void)
{
	return bpf_get_current_task_btf()->mm;
}

static __always_inline void look(const struct vqs_machine *m, __u32 pid)
{
	struct spent *s = bpf_map_lookup_elem(&spending, &pid);
	struct round all = { m, pid };
	__u64 now = bpf_ktime_get_ns(), ns;

	if (!s)
		return;
	if (!may_look(m, s, now)) {
		count(VQS_OVER, 1);
		return;
	}
	all.until = now + m->most;
	bpf_loop(VQS_EACH, one_ring, &all, 0);
	ns = bpf_ktime_get_ns() - now;
	__sync_fetch_and_add(&s->ns, ns);
	count(VQS_LOOKS, 1);
	count(VQS_NS, ns);
}

/* At several tracepoints: what they have is not looked at. */
SEC("raw_tp")
int on_switch(void *ctx)
{
	__u32 pid = process(), zero = 0, *busy;
	const struct vqs_machine *m = bpf_map_lookup_elem(&machines, &pid);

	if (!m || !m->n || !has_memory())
		return 0;
	busy = bpf_map_lookup_elem(&looking, &zero);
	if (!busy || *(volatile __u32 *)busy)
		return 0;
	*(volatile __u32 *)busy = 1;
	look(m, pid);
	*(volatile __u32 *)busy = 0;
	return 0;
}
