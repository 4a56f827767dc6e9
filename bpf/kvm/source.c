/* SPDX-License-Identifier: MIT */
/* The event source that is made of KVM's tracepoints (decoder/source/source.h). */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/kvm/examine.h"
#include "bpf/kvm/exits.h"
#include "bpf/kvm/impl.h"
#include "bpf/kvm/source.h"
#include "bpf/kvm/stream.h"
#include "bpf/kvm/task.h"
#include "bpf/kvm/tracepoints.h"
#include "bpf/process/caps.h"
#include "bpf/process/state.h"
#include "bpf/prog/kvm.skel.h"
#include "decoder/util/child.h"
#include "decoder/util/clock.h"

#define STEP_MS 25 /* the kernel does not wake us */
#define WINDOW 100000000ULL /* ns that a hit may arrive after a later one */

static const struct option_row options[] = {
	{ OPTION_FLAG, 0, "no-exits", NULL,
	  "do not count why the guest's processors stop running it: no program at KVM's exits",
	  OPTION_TO(struct kvm_config, no_exits) },
	{},
};

/* --- opening --------------------------------------------------------------------------------- */

#define CONSUME_NS UINT64_C(100000000) /* at a time */

static int on_sample(void *ctx, void *data, size_t len)
{
	const struct kvm_source *k = ctx;

	if (len >= sizeof(struct vqk_event))
		kvm_hit(ctx, data);
	/* a guest may make hits faster than they are read */
	return k->consume_until && clock_ns(CLOCK_MONOTONIC) > k->consume_until ? -ECANCELED : 0;
}

static int check(const void *config, const struct source_request *r, bool command,
		 struct source_error *err)
{
	if (r->names.n)
		return source_fail(err, -EINVAL, "the source kvm finds no process by name: use -p");
	if (command && r->npids)
		return source_fail(err, -EINVAL, "record what runs (-p) or a command, not both");
	if (!command && !r->npids)
		return source_fail(err, -EINVAL, "say what to record: -p PID or -- COMMAND");
	return 0;
}

static void detach(struct kvm_source *k)
{
	while (k->nlinks)
		bpf_link__destroy(k->link[--k->nlinks]);
}

static void close_source(struct source *s)
{
	struct kvm_source *k = (struct kvm_source *)s;

	if (!k)
		return;
	detach(k);
	if (k->positions)
		munmap((void *)k->positions, 2 * (size_t)getpagesize());
	ring_buffer__free(k->rb);
	kvm_bpf__destroy(k->skel);
	for (unsigned i = 0; i < k->nprocesses; i++)
		kvm_process_free(k->process[i]);
	free(k);
}

static int load(struct kvm_source *k, bool names_elsewhere, struct source_error *err)
{
	TEXT(why, 400);
	struct stat st;
	int code;

	k->skel = kvm_bpf__open();
	if (!k->skel)
		return source_fail(err, -errno, "cannot open the BPF programs: %s",
				   strerror(errno));
	if (stat("/proc/self/ns/pid", &st))
		return source_fail(err, -errno, "/proc/self/ns/pid: %s", strerror(errno));
	k->skel->rodata->pid_dev = st.st_dev;
	k->skel->rodata->pid_ino = st.st_ino;
	k->skel->rodata->self = (uint32_t)getpid();
	k->skel->rodata->names_elsewhere = names_elsewhere;
	k->skel->rodata->task_flags = task_flags_offset();
	if (!k->skel->rodata->task_flags)
		source_say(
			&k->request, SOURCE_DETAIL,
			"this kernel does not describe its types (BTF): interrupts that threads of "
			"vhost send are not recorded");
	code = kvm_bpf__load(k->skel);
	if (code == -EPERM || code == -EACCES) {
		caps_explain(&why, CAPS_PROBES, KVM_CAPABILITIES);
		return source_fail(err, code, "cannot load the BPF programs: %s", why.buf);
	}
	if (code)
		return source_fail(err, code,
				   "this kernel refuses the programs for KVM's tracepoints (%s); "
				   "it must be Linux 5.8 or later",
				   strerror(-code));
	k->rb = ring_buffer__new(bpf_map__fd(k->skel->maps.events), on_sample, k, NULL);
	k->positions = mmap(NULL, 2 * (size_t)getpagesize(), PROT_READ, MAP_SHARED,
			    bpf_map__fd(k->skel->maps.events), 0);
	if (k->positions == MAP_FAILED)
		k->positions = NULL;
	return k->rb ? 0 : source_fail(err, -ENOMEM, "no memory");
}

static int open_source(struct source **out, const void *config,
		       const struct source_request *request, struct source_error *err)
{
	struct kvm_source *k = calloc(1, sizeof(*k));
	TEXT(why, 500);
	struct tracefs t;
	int code;

	if (!k)
		return source_fail(err, -ENOMEM, "no memory");
	k->base.ops = &kvm_source_ops;
	k->request = *request;
	k->config = *(const struct kvm_config *)config;
	k->wall = clock_wall_offset();
	k->late = request->npids;
	code = tracefs_open(&t, &why);
	if (code) {
		source_fail(err, code, "%s", why.buf);
	} else {
		code = load(k, tracepoint_child(&t) == 20, err);
		tracefs_close(&t);
	}
	if (code) {
		close_source(&k->base);
		return code;
	}
	*out = &k->base;
	return 0;
}

/* --- beginning ------------------------------------------------------------------------------- */

static bool is_used(const struct kvm_source *k, const struct tracepoint *p, bool command)
{
	return p->use == TRACEPOINT_EXITS     ? !k->config.no_exits
	       : p->use == TRACEPOINT_COMMAND ? command
	       : p->use == TRACEPOINT_SLOTS   ? command && k->hooks.slot
					      : true;
}

/* The program at the tracepoint; NULL with errno. */
static struct bpf_link *link_to(struct bpf_program *prog, int id)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT,
					.size = sizeof(attr),
					.config = (uint64_t)id };
	/* by one of its processors the program is attached for all */
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	struct bpf_link *link = fd < 0 ? NULL : bpf_program__attach_perf_event(prog, fd);

	if (fd >= 0 && !link)
		close(fd);
	return link;
}

static int attach_one(struct kvm_source *k, const struct tracefs *t, const struct tracepoint *p)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(k->skel->obj, p->name);
	int code = prog && k->nlinks < KVM_LINKS ? tracepoint_check(t, p) : -ENOENT;
	int id = code ? code : tracepoint_id(t, p);
	struct bpf_link *link = id < 0 ? NULL : link_to(prog, id);

	if (link)
		k->link[k->nlinks++] = link;
	return link ? 0 : id < 0 ? id : -errno;
}

/* 0, also where the tracepoint is missing and not needed: that is said. */
static int attach(struct kvm_source *k, const struct tracefs *t, const struct tracepoint *p,
		  struct source_error *err)
{
	int code = attach_one(k, t, p);

	if (!code && p->use == TRACEPOINT_COMMAND && !strcmp(p->name, "sys_enter_ioctl"))
		k->sees_slots = true;
	if (code && p->use == TRACEPOINT_SLOTS)
		k->sees_slots = false;
	if (code && p->use == TRACEPOINT_NEEDED)
		return source_fail(err, code,
				   "cannot record by the tracepoint %s:%s: %s; 'vqtrace doctor -i "
				   "kvm' says more",
				   p->group, p->name,
				   code == -ENOENT ? "this kernel has none (is kvm loaded?)"
						   : strerror(-code));
	if (code && *p->costs)
		source_say(&k->request, SOURCE_WARNING,
			   "no tracepoint %s:%s (%s): the trace lacks %s", p->group, p->name,
			   strerror(-code), p->costs);
	return 0;
}

static int attach_all(struct kvm_source *k, bool command, struct source_error *err)
{
	TEXT(why, 500);
	struct tracefs t;
	int code = tracefs_open(&t, &why);

	if (code)
		return source_fail(err, code, "%s", why.buf);
	for (const struct tracepoint *p = tracepoints; p->group && !code; p++)
		if (is_used(k, p, command))
			code = attach(k, &t, p, err);
	tracefs_close(&t);
	return code;
}

/* Its own children are recorded, too, which the program at sched_process_fork sees to. */
static int start(struct kvm_source *k, char *const argv[], struct source_child *child,
		 struct source_error *err)
{
	struct child_held h;
	int code;

	k->skel->bss->starting = 1;
	code = child_hold(&h, argv);
	k->skel->bss->starting = 0;
	if (!code) {
		k->child = h.pid;
		*child = (struct source_child){ .pid = h.pid, .worker = h.pid };
		code = child_go(&h);
		if (!code)
			code = child_outcome(&h);
		child_forget(&h);
	}
	return code ? source_fail(err, code, "cannot start %s: %s%s", argv[0], strerror(-code),
				  code == -ENOENT ? "; is it installed and in PATH?" : "")
		    : 0;
}

static int want(struct kvm_source *k, pid_t pid, struct source_error *err)
{
	uint32_t key = (uint32_t)pid;

	if (!process_alive(pid))
		return source_fail(err, -ESRCH, "there is no process %d", (int)pid);
	if (bpf_map_update_elem(bpf_map__fd(k->skel->maps.wanted), &key, &key, BPF_ANY) ||
	    !kvm_process_get(k, pid, clock_ns(CLOCK_MONOTONIC)))
		return source_fail(err, -ENOMEM, "no memory");
	return 0;
}

static int begin(struct source *s, char *const argv[], struct source_child *child,
		 struct source_error *err)
{
	struct kvm_source *k = (struct kvm_source *)s;
	int code = 0;

	kvm_describe_session(k);
	for (unsigned i = 0; i < k->request.npids && !code; i++)
		code = want(k, k->request.pid[i], err);
	if (!code)
		code = attach_all(k, argv, err);
	return code || !argv ? code : start(k, argv, child, err);
}

/* --- running --------------------------------------------------------------------------------- */

static unsigned descriptors(struct source *s, struct pollfd *fd, unsigned max, int *timeout_ms)
{
	struct kvm_source *k = (struct kvm_source *)s;

	if (*timeout_ms < 0 || *timeout_ms > STEP_MS)
		*timeout_ms = STEP_MS;
	fd[0] = (struct pollfd){ .fd = ring_buffer__epoll_fd(k->rb), .events = POLLIN };
	return 1;
}

static int consume(struct kvm_source *k)
{
	int n;

	k->consume_until = clock_ns(CLOCK_MONOTONIC) + CONSUME_NS;
	n = ring_buffer__consume(k->rb);
	k->consume_until = 0;
	kvm_expire(k, WINDOW);
	return n == -ECANCELED ? 0 : n;
}

static int step(struct source *s, int timeout_ms)
{
	struct kvm_source *k = (struct kvm_source *)s;
	struct pollfd p = { .fd = ring_buffer__epoll_fd(k->rb), .events = POLLIN };
	int n;

	k->handed = 0;
	if (poll(&p, 1, timeout_ms) < 0)
		return -errno;
	n = consume(k);
	return n < 0 ? n : (int)k->handed;
}

/* --- for who asks for more ------------------------------------------------------------------- */

void kvm_hook(struct source *s, const struct kvm_hooks *h)
{
	((struct kvm_source *)s)->hooks = *h;
}

bool kvm_sees_slots(const struct source *s)
{
	const struct kvm_source *k = (const struct kvm_source *)s;

	return k->sees_slots && k->positions;
}

uint64_t kvm_slots_lost(const struct source *s)
{
	const struct kvm_source *k = (const struct kvm_source *)s;

	return __atomic_load_n(&k->skel->bss->slots_lost, __ATOMIC_ACQUIRE);
}

/* Where the consumer is in the ring buffer, and where the producer: bytes, free-running. */
static uint64_t position(const struct kvm_source *k, bool producer)
{
	const uint8_t *page = k->positions;

	return __atomic_load_n((const uint64_t *)(page + (producer ? getpagesize() : 0)),
			       __ATOMIC_ACQUIRE);
}

bool kvm_consume(struct source *s)
{
	struct kvm_source *k = (struct kvm_source *)s;
	uint64_t until = position(k, true);

	if ((position(k, false) < until || !kvm_settled(k)) && consume(k) < 0)
		return false;
	/* a record that is being written stops the consumer; what is behind it has happened, too */
	return position(k, false) >= until && kvm_settled(k);
}

static void describe(struct source *s)
{
	kvm_describe((struct kvm_source *)s);
}

static struct machine_stats totals(const struct kvm_source *k)
{
	struct machine_stats t = {};

	for (unsigned i = 0; i < k->nprocesses; i++) {
		struct machine_stats m = machine_stats(k->process[i]->machine);

		t.devices += m.devices;
		t.kicks += m.kicks;
		t.interrupts += m.interrupts;
		t.elsewhere += m.elsewhere;
		t.unknown_msi += m.unknown_msi;
		t.unknown_line += m.unknown_line;
		t.limited += m.limited;
		t.overlapping += m.overlapping;
		t.crowded += m.crowded;
	}
	return t;
}

static void put_exits(const struct kvm_source *k, struct text *t, bool to_user)
{
	static struct exit_count c[VQK_EXITS];
	int cpus = libbpf_num_possible_cpus(), fd = bpf_map__fd(k->skel->maps.exits);
	uint64_t *each = cpus > 0 ? calloc((size_t)cpus, sizeof(*each)) : NULL;
	struct vqk_exit key, *before = NULL;
	size_t n = 0;

	while (each && n < VQK_EXITS && !bpf_map_get_next_key(fd, before, &key)) {
		c[n] = (struct exit_count){ .why = key };
		if (!bpf_map_lookup_elem(fd, &key, each))
			for (int i = 0; i < cpus; i++)
				c[n].n += each[i];
		before = &c[n++].why;
	}
	free(each);
	exits_put(t, c, n, to_user, totals(k).kicks);
}

static void note_exits(struct kvm_source *k, bool to_user)
{
	TEXT(t, 512);

	put_exits(k, &t, to_user);
	if (t.len && k->nprocesses)
		kvm_note(k->process[0], VQT_NOTE_INFO, t.buf);
}

/* What did not fit, also where nothing came after it. */
static void take_dropped(struct kvm_source *k)
{
	int fd = bpf_map__fd(k->skel->maps.dropped);
	uint32_t key, *before = NULL;
	uint64_t n;

	while (!bpf_map_get_next_key(fd, before, &key)) {
		before = &key;
		if (!bpf_map_lookup_elem(fd, &key, &n))
			kvm_dropped(k, (pid_t)key, n);
	}
}

/*
 * To detach takes long, and is done for one program after the other: all stop at once before.  Those
 * that run at that time have ended when it is done.
 */
static void stop(struct source *s)
{
	struct kvm_source *k = (struct kvm_source *)s;

	k->skel->bss->stopped = 1;
	detach(k);
	ring_buffer__consume(k->rb);
	kvm_expire(k, 0);
	take_dropped(k);
	note_exits(k, true);
	note_exits(k, false);
}

static void stats(const struct source *s, struct source_stats *out)
{
	const struct kvm_source *k = (const struct kvm_source *)s;

	*out = (struct source_stats){ .lost.records = k->lost };
	for (unsigned i = 0; i < k->request.npids; i++)
		out->alive += process_alive(k->request.pid[i]);
	if (!k->child)
		return;
	for (unsigned i = 0; i < k->nprocesses; i++)
		out->alive += process_alive(k->process[i]->pid);
	/* it may have no machine yet, and start another one */
	if (!out->alive)
		out->alive = process_alive(k->child);
}

static bool alive(const struct source *s, pid_t pid)
{
	return process_alive(pid);
}

/* --- the end --------------------------------------------------------------------------------- */

static void report_unknown(const struct kvm_source *k, const struct machine_stats *t)
{
	const struct source_request *r = &k->request;

	if (k->lost)
		source_say(r, SOURCE_WARNING, "%llu records lost", (unsigned long long)k->lost);
	if (k->strangers || t->limited)
		source_say(r, SOURCE_WARNING,
			   "not recorded: %llu devices of one machine, and what %llu hits of other "
			   "machines were, for there were too many",
			   (unsigned long long)t->limited, (unsigned long long)k->strangers);
	if (t->overlapping)
		source_say(r, SOURCE_WARNING,
			   "%llu accesses not recorded: several devices have that address",
			   (unsigned long long)t->overlapping);
	if (t->crowded)
		source_say(
			r, SOURCE_WARNING,
			"whose %llu MSI messages were is unknown: too many entries of MSI-X tables may "
			"send them",
			(unsigned long long)t->crowded);
	if (t->unknown_msi || t->unknown_line)
		source_say(r, SOURCE_DETAIL,
			   "not in the trace, as it is not known to be a virtio device's: %llu MSI "
			   "messages, %llu interrupts by lines",
			   (unsigned long long)t->unknown_msi, (unsigned long long)t->unknown_line);
}

static void report_exits(const struct kvm_source *k, bool to_user)
{
	TEXT(t, 512);

	put_exits(k, &t, to_user);
	if (t.len)
		source_say(&k->request, SOURCE_INFO, "%s", t.buf);
}

static void report(struct source *s)
{
	struct kvm_source *k = (struct kvm_source *)s;
	struct machine_stats t = totals(k);

	report_exits(k, true);
	report_exits(k, false);
	report_unknown(k, &t);
	if (!k->hits)
		source_say(
			&k->request, SOURCE_WARNING,
			"KVM had nothing to tell: is this a process with a machine of KVM's, and does "
			"its guest run?");
	else if (!t.devices)
		source_say(
			&k->request, SOURCE_WARNING,
			"no virtio device was seen, and %llu accesses to memory of unknown devices: one is "
			"known from when the guest reads its PCI configuration space%s",
			(unsigned long long)t.elsewhere,
			k->late ? ", which it did before (in Linux, lspci -v as root does it again)"
				: "");
}

const struct source_ops kvm_source_ops = {
	.name = "kvm",
	.summary = "virtual machines of any monitor, by KVM's tracepoints: registers, kicks and "
		   "interrupts: -p PID, -- COMMAND",
	.noun = "machine",
	.takes = SOURCE_TAKES_PROCESSES,
	.no_rings = true,
	.options = options,
	.config_size = sizeof(struct kvm_config),
	.available = kvm_available,
	.examine = kvm_examine,
	.check = check,
	.open = open_source,
	.begin = begin,
	.descriptors = descriptors,
	.step = step,
	.describe = describe,
	.stop = stop,
	.whole_stop = true,
	.capabilities = KVM_CAPABILITIES,
	.stats = stats,
	.alive = alive,
	.report = report,
	.close = close_source,
};
