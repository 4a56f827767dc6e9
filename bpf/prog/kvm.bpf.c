// SPDX-License-Identifier: MIT
/*
 * Programs at the tracepoints of KVM.  What each tracepoint has is declared here; user space
 * compares that with what the kernel says of it, and attaches no program where they differ
 * (bpf/kvm/tracepoints.c).
 */
#include <linux/bpf.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>

#include "bpf/prog/kvm.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

/* Of a command also its children, which may become machines; a thread of one is here in vain. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4 * VQK_MACHINES);
	__type(key, __u32);
	__type(value, struct vqk_machine);
} machines SEC(".maps");

/* Processes that are asked for, in the PID namespace of user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VQK_MACHINES);
	__type(key, __u32);
	__type(value, __u32);
} wanted SEC(".maps");

/* Records of a machine that did not fit: those that no later one follows leave no gap. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VQK_MACHINES);
	__type(key, __u32);
	__type(value, __u64);
} dropped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, VQK_EXITS);
	__type(key, struct vqk_exit);
	__type(value, __u64);
} exits SEC(".maps");

/* What a thread asks KVM for now: VQK_SLOT. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, VQK_MACHINES);
	__type(key, __u64);
	__type(value, struct vqk_event);
} slots SEC(".maps");

/* Device and inode of user space's PID namespace, and its process there. */
const volatile __u64 pid_dev, pid_ino;
const volatile __u32 self;
/* Where sched_process_fork has the child: names were of 16 bytes, and are elsewhere now. */
const volatile bool names_elsewhere;

/* Where `flags` is in the kernel's struct task_struct; 0: not known. */
const volatile __u32 task_flags;

/* Children of `self` are followed that are made while this is set. */
__u32 starting;
/* Changes of memory slots that no record tells of. */
__u64 slots_lost;
/* Nothing is recorded from when this is set: all programs end at the same time. */
__u32 stopped;

/* --- whose it is ---------------------------------------------------------------------------- */

/* The process in user space's namespace; 0: it is in another one. */
static __always_inline __u32 visible_pid(void)
{
	struct bpf_pidns_info ns = {};

	return bpf_get_ns_current_pid_tgid(pid_dev, pid_ino, &ns, sizeof(ns)) ? 0 : ns.tgid;
}

static __noinline __u32 digits(const char *s)
{
	__u32 n = 0;

	for (int i = 0; i < 8 && s[i] >= '0' && s[i] <= '9'; i++)
		n = n * 10 + s[i] - '0';
	return n;
}

#define PF_KTHREAD 0x00200000

static __always_inline bool is_kernel_thread(void)
{
	__u32 flags = 0;

	if (task_flags)
		bpf_probe_read_kernel(&flags, sizeof(flags),
				      (void *)bpf_get_current_task() + task_flags);
	return flags & PF_KTHREAD;
}

/*
 * The process for which this one works: vhost's kernel threads (before Linux 6.4) send interrupts,
 * and are called "vhost-" and the process that made them.  Anybody may call a thread so that is not
 * the kernel's.
 */
static __always_inline __u32 worker_of(void)
{
	char name[16] = {};

	if (!is_kernel_thread() || bpf_get_current_comm(name, sizeof(name)))
		return 0;
	return name[0] == 'v' && name[1] == 'h' && name[2] == 'o' && name[3] == 's' &&
			       name[4] == 't' && name[5] == '-'
		       ? digits(name + 6)
		       : 0;
}

/* The machine that the current thread belongs to, if it is recorded. */
static __always_inline struct vqk_machine *machine_get(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, pid;
	struct vqk_machine *m = bpf_map_lookup_elem(&machines, &tgid), made = {};

	if (m && m->pid)
		return m;
	pid = visible_pid();
	if (m) {
		m->pid = pid ? pid : tgid;
		return m;
	}
	if (!pid || !bpf_map_lookup_elem(&wanted, &pid))
		return NULL;
	made.pid = pid;
	bpf_map_update_elem(&machines, &tgid, &made, BPF_NOEXIST);
	return bpf_map_lookup_elem(&machines, &tgid);
}

static __always_inline struct vqk_machine *machine_or_worker(void)
{
	struct vqk_machine *m = machine_get();
	__u32 tgid;

	if (m)
		return m;
	tgid = worker_of();
	m = tgid ? bpf_map_lookup_elem(&machines, &tgid) : NULL;
	return m && m->pid ? m : NULL;
}

/* --- records -------------------------------------------------------------------------------- */

static __noinline void count_dropped(__u32 pid)
{
	__u64 none = 0, *n = bpf_map_lookup_elem(&dropped, &pid);

	if (!n) {
		bpf_map_update_elem(&dropped, &pid, &none, BPF_NOEXIST);
		n = bpf_map_lookup_elem(&dropped, &pid);
	}
	if (n)
		__sync_fetch_and_add(n, 1);
}

/* A record that does not fit leaves a gap in the sequence.  False: it did not. */
static __always_inline bool emit(struct vqk_machine *m, struct vqk_event *e)
{
	if (stopped)
		return false;
	e->h.seq = __sync_fetch_and_add(&m->seq, 1);
	e->h.ts = bpf_ktime_get_ns();
	e->h.tid = bpf_get_current_pid_tgid();
	e->h.cpu = bpf_get_smp_processor_id();
	e->pid = m->pid;
	if (!bpf_ringbuf_output(&events, e, sizeof(*e), BPF_RB_NO_WAKEUP))
		return true;
	count_dropped(e->pid);
	return false;
}

/* --- accesses ------------------------------------------------------------------------------- */

/* The local APIC: no BAR is there, and a guest may access it all the time. */
#define APIC_PAGE 0xfee00000ull
#define PAGE 4096

struct kvm_mmio {
	__u64 common;
	__u32 type, len;
	__u64 gpa, val;
};

SEC("tracepoint/kvm/kvm_mmio")
int kvm_mmio(struct kvm_mmio *a)
{
	/* type 0: a read that user space will answer, and that comes again then */
	struct vqk_event e = { .kind = a->type == 2 ? VQK_MMIO_WRITE : VQK_MMIO_READ };
	struct vqk_machine *m;

	if (!a->type || a->gpa - APIC_PAGE < PAGE)
		return 0;
	m = machine_get();
	if (!m)
		return 0;
	e.width = a->len;
	e.count = 1;
	e.addr = a->gpa;
	e.value = a->val;
	emit(m, &e);
	return 0;
}

struct kvm_fast_mmio {
	__u64 common;
	__u64 gpa;
};

SEC("tracepoint/kvm/kvm_fast_mmio")
int kvm_fast_mmio(struct kvm_fast_mmio *a)
{
	struct vqk_event e = { .kind = VQK_MMIO_FAST, .count = 1 };
	struct vqk_machine *m = machine_get();

	if (!m)
		return 0;
	e.addr = a->gpa;
	emit(m, &e);
	return 0;
}

struct kvm_pio {
	__u64 common;
	__u32 rw, port, size, count, val;
};

#define BOARD_PORTS 0x100 /* below are the devices of a PC's board, and never a BAR */

SEC("tracepoint/kvm/kvm_pio")
int kvm_pio(struct kvm_pio *a)
{
	struct vqk_event e = { .kind = a->rw ? VQK_PIO_WRITE : VQK_PIO_READ };
	struct vqk_machine *m;

	if (a->port < BOARD_PORTS)
		return 0;
	m = machine_get();
	if (!m)
		return 0;
	e.width = a->size;
	e.count = a->count;
	e.addr = a->port;
	e.value = a->val;
	emit(m, &e);
	return 0;
}

/* --- interrupts ----------------------------------------------------------------------------- */

struct kvm_msi_set_irq {
	__u64 common;
	__u64 address, data;
};

SEC("tracepoint/kvm/kvm_msi_set_irq")
int kvm_msi_set_irq(struct kvm_msi_set_irq *a)
{
	struct vqk_event e = { .kind = VQK_MSI, .count = 1 };
	struct vqk_machine *m = machine_or_worker();

	if (!m)
		return 0;
	e.addr = a->address;
	e.value = a->data;
	emit(m, &e);
	return 0;
}

struct kvm_set_irq {
	__u64 common;
	__u32 gsi;
	__s32 level;
};

SEC("tracepoint/kvm/kvm_set_irq")
int kvm_set_irq(struct kvm_set_irq *a)
{
	struct vqk_event e = { .kind = VQK_LINE, .count = 1 };
	struct vqk_machine *m = machine_or_worker();

	if (!m)
		return 0;
	e.addr = a->gsi;
	e.value = a->level != 0;
	emit(m, &e);
	return 0;
}

/* --- exits ---------------------------------------------------------------------------------- */

static __always_inline void count_exit(__u32 kind, __u32 reason)
{
	struct vqk_exit key = { kind, reason };
	__u64 one = 1, *n;

	if (stopped || !machine_get())
		return;
	n = bpf_map_lookup_elem(&exits, &key);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&exits, &key, &one, BPF_NOEXIST);
}

struct kvm_userspace_exit {
	__u64 common;
	__u32 reason;
	__s32 error;
};

SEC("tracepoint/kvm/kvm_userspace_exit")
int kvm_userspace_exit(struct kvm_userspace_exit *a)
{
	if (a->error < 0)
		count_exit(VQK_EXIT_SIGNAL, 0);
	else
		count_exit(VQK_EXIT_USER, a->reason);
	return 0;
}

struct kvm_exit {
	__u64 common;
	__u32 exit_reason, pad;
	__u64 guest_rip;
	__u32 isa;
};

SEC("tracepoint/kvm/kvm_exit")
int kvm_exit(struct kvm_exit *a)
{
	if (a->isa == VQK_EXIT_VMX)
		count_exit(VQK_EXIT_VMX, a->exit_reason & 0xffff);
	else if (a->isa == VQK_EXIT_SVM)
		count_exit(VQK_EXIT_SVM, a->exit_reason);
	return 0;
}

/* --- memory slots --------------------------------------------------------------------------- */

struct sys_enter_ioctl {
	__u64 common;
	__u64 nr;
	__u64 fd, cmd, arg;
};

/* KVM_SET_USER_MEMORY_REGION2 begins like it, and has this much more behind. */
#define SET_REGION2 _IOW(KVMIO, 0x49, __u8[160])

SEC("tracepoint/syscalls/sys_enter_ioctl")
int sys_enter_ioctl(struct sys_enter_ioctl *a)
{
	struct vqk_event e = { .kind = VQK_SLOT };
	__u64 thread = bpf_get_current_pid_tgid();
	struct kvm_userspace_memory_region r;
	struct vqk_machine *m;

	if ((__u32)a->cmd != KVM_SET_USER_MEMORY_REGION && (__u32)a->cmd != SET_REGION2)
		return 0;
	m = machine_get();
	if (!m || bpf_probe_read_user(&r, sizeof(r), (void *)a->arg))
		return 0;
	e.width = (r.flags & VQK_SLOT_FLAGS) | (__u32)a->fd << VQK_SLOT_FD;
	e.count = r.slot;
	e.addr = r.guest_phys_addr;
	e.value = r.memory_size;
	e.host = r.userspace_addr;
	if (!emit(m, &e))
		__sync_fetch_and_add(&slots_lost, 1);
	bpf_map_update_elem(&slots, &thread, &e, BPF_ANY);
	return 0;
}

struct sys_exit_ioctl {
	__u64 common;
	__u64 nr;
	__s64 ret;
};

SEC("tracepoint/syscalls/sys_exit_ioctl")
int sys_exit_ioctl(struct sys_exit_ioctl *a)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct vqk_event *asked = bpf_map_lookup_elem(&slots, &thread), e;
	struct vqk_machine *m;

	if (!asked)
		return 0;
	e = *asked;
	bpf_map_delete_elem(&slots, &thread);
	m = machine_get();
	e.kind = VQK_SLOT_SET;
	if (m && !a->ret && !emit(m, &e))
		__sync_fetch_and_add(&slots_lost, 1);
	return 0;
}

/* --- processes of a command ------------------------------------------------------------------ */

struct sched_process_fork {
	__u64 common;
	__u32 names[3], child_pid; /* names_elsewhere */
	__u32 more_names[5], child_pid_old;
};

SEC("tracepoint/sched/sched_process_fork")
int sched_process_fork(struct sched_process_fork *a)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, child;
	struct vqk_machine made = {};

	if (!bpf_map_lookup_elem(&machines, &tgid) && !(starting && visible_pid() == self))
		return 0;
	if (names_elsewhere) {
		child = a->child_pid;
		barrier_var(child); /* the context takes only constant offsets */
	} else {
		child = a->child_pid_old;
	}
	bpf_map_update_elem(&machines, &child, &made, BPF_NOEXIST);
	return 0;
}

SEC("tracepoint/sched/sched_process_exit")
int sched_process_exit(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&machines, &tid); /* the number may be used again */
	return 0;
}
