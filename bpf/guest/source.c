/* SPDX-License-Identifier: MIT */
/* The event source that probes the virtio drivers of its own kernel (decoder/source/source.h). */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/guest/attach.h"
#include "bpf/guest/examine.h"
#include "bpf/guest/fast.h"
#include "bpf/guest/impl.h"
#include "bpf/guest/layout.h"
#include "bpf/guest/source.h"
#include "bpf/guest/stacks.h"
#include "bpf/guest/stream.h"
#include "bpf/guest/types.h"
#include "bpf/prog/guest.skel.h"
#include "decoder/class/class.h"
#include "decoder/util/clock.h"

#define STEP_MS 25 /* the kernel does not wake us below a fill level of its buffer */
#define WINDOW 100000000ULL /* ns that a record may arrive after a later one */
#define LOOK_EVERY 200000000ULL /* ns between two looks for modules, ports and missed hits */
#define STEP_EVERY 1000000000ULL /* ns, at most, between two steps towards trampolines */

/* --- options ----------------------------------------------------------------------------- */

#define WHAT(n) (1U << VQT_GUEST_##n)

static const struct stack_word stack_of[] = {
	{ "setup", WHAT(LIFECYCLE) | WHAT(CONFIG_OP) },
	{ "kicks", WHAT(NOTIFY) },
	{ "chains", WHAT(ADD) },
	{ "interrupts", WHAT(INTERRUPT) },
	{ "completions", WHAT(GET_BUF) },
	{ "all", ~0U },
	{},
};

static const struct option_row options[] = {
	{ OPTION_TEXT, 0, "modules", "DIR",
	  "where the drivers' module files are, for what begins before they are loaded "
	  "(default /lib/modules/RELEASE)",
	  OPTION_TO(struct guest_config, modules) },
	{ OPTION_FLAG, 0, "no-calls", NULL,
	  "registers, kicks, chains, completions and interrupts only, no function calls",
	  OPTION_TO(struct guest_config, no_calls) },
	{ OPTION_FLAG, 0, "kprobes-only", NULL, NULL, OPTION_TO(struct guest_config, no_fast) },
	{},
};

/* --- attaching --------------------------------------------------------------------------- */

static int on_sample(void *ctx, void *data, size_t len)
{
	guest_take(ctx, data, len);
	return 0;
}

/* A function of another kernel gives its result otherwise. */
static void find_results(struct guest_source *g)
{
	for (uint32_t i = 0; i < probed_count; i++) {
		struct vqg_function f = probed_functions[i].f;

		if (f.special != VQG_FEATURES)
			continue;
		f.gives = kernel_types_gives(g->types, probed_functions[i].module, f.name);
		bpf_map_update_elem(bpf_map__fd(g->skel->maps.functions), &i, &f, BPF_ANY);
	}
}

static void find_layout(struct guest_source *g)
{
	if (!g->types || !kernel_types_find(g->types, &g->layout))
		return;
	memcpy((void *)&g->skel->bss->shared.layout, &g->layout, sizeof(g->layout));
	find_results(g);
}

/* Who writes the trace. */
static void name_process(struct vqg_shared *s)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st))
		return;
	s->output_type = class_by_name("console")->id;
	s->pid = (uint32_t)getpid();
	s->pid_dev = st.st_dev;
	s->pid_ino = st.st_ino;
}

static int load(struct guest_source *g, struct source_error *err)
{
	int cpus = libbpf_num_possible_cpus(), code;
	TEXT(why, 400);

	g->skel = guest_bpf__open();
	if (!g->skel)
		return source_fail(err, -errno, "cannot open the BPF programs: %s",
				   strerror(errno));
	bpf_map__set_max_entries(g->skel->maps.scratches,
				 VQG_SCRATCH_PER_CPU * (cpus > 0 ? (unsigned)cpus : 1));
	g->skel->rodata->stacks_of = g->stacks_of;
	if (!g->stacks_of)
		bpf_map__set_max_entries(g->skel->maps.stacks, 1);
	code = guest_bpf__load(g->skel);
	if (code == -EPERM || code == -EACCES) {
		caps_explain(&why, CAPS_PROBES, GUEST_CAPABILITIES);
		return source_fail(err, code, "cannot load the BPF programs: %s", why.buf);
	}
	if (code)
		return source_fail(
			err, code,
			"this kernel refuses the programs that probe its drivers (%s); "
			"it must be Linux 5.17 or later, without lockdown=confidentiality",
			strerror(-code));
	memset(&g->layout, 0xff, sizeof(g->layout));
	memcpy((void *)&g->skel->bss->shared.layout, &g->layout, sizeof(g->layout));
	g->skel->bss->shared.snaplen = g->request.snaplen;
	g->skel->bss->shared.page_shift =
		(uint32_t)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	name_process(&g->skel->bss->shared);
	for (uint32_t i = 0; i < probed_count; i++)
		bpf_map_update_elem(bpf_map__fd(g->skel->maps.functions), &i,
				    &probed_functions[i].f, BPF_ANY);
	return 0;
}

static int attach_all(struct guest_source *g, struct source_error *err)
{
	TEXT(why, 256);
	uint64_t start, end;
	unsigned attached = 0;
	int code = attach_open(&g->attach, &why);

	if (code)
		return source_fail(err, code, "%s", why.len ? why.buf : strerror(-code));
	g->skel->bss->shared.linear_map_at = attach_page_offset_base(g->attach);
	attach_entry_text(g->attach, &start, &end);
	g->skel->bss->shared.entry_text = start;
	g->skel->bss->shared.entry_size = end - start;
	for (unsigned i = 0; i < probed_count; i++) {
		if (g->request.ended && g->request.ended(g->request.ctx))
			return source_fail(err, -EINTR, "ended while attaching");
		attached += attach_function(g->attach, i, g->skel->progs.on_entry,
					    g->skel->progs.on_return) <= ATTACH_WAITS;
	}
	if (!attached)
		return source_fail(err, -ENOENT,
				   "no function of a virtio driver could be probed; 'vqtrace "
				   "doctor' says why");
	g->issue = bpf_program__attach(g->skel->progs.on_rq_issue);
	g->complete = bpf_program__attach(g->skel->progs.on_rq_complete);
	return 0;
}

/* The port that the trace goes to, once it is there: before anything is written to it. */
static void look_for_port(void *ctx)
{
	struct guest_source *g = ctx;

	if (!g->skel->bss->shared.output_queues)
		g->skel->bss->shared.output_queues = guest_port_queues(g->request.output);
}

/* --- struct source_ops ---------------------------------------------------------------------- */

static void close_source(struct source *s)
{
	struct guest_source *g = (struct guest_source *)s;

	if (!g)
		return;
	bpf_link__destroy(g->issue);
	bpf_link__destroy(g->complete);
	fast_close(g->fast);
	attach_close(g->attach);
	ring_buffer__free(g->rb);
	order_free(g->order);
	guest_bpf__destroy(g->skel);
	stacks_free(g->stacks);
	kernel_types_close(g->types);
	free(g);
}

static int check(const void *config, const struct source_request *r, bool command,
		 struct source_error *err)
{
	TEXT(why, 256);

	if (r->stacks && !stack_words(stack_of, r->stacks, &why))
		return source_fail(err, -EINVAL, "%s", why.buf);
	if (command)
		return source_fail(err, -EINVAL,
				   "the source guest records the kernel it runs on, not a command");
	return 0;
}

static int open_source(struct source **out, const void *config,
		       const struct source_request *request, struct source_error *err)
{
	struct guest_source *g = calloc(1, sizeof(*g));
	TEXT(why, 256);
	int code;

	if (!g)
		return source_fail(err, -ENOMEM, "no memory");
	g->base.ops = &guest_source_ops;
	g->request = *request;
	g->config = *(const struct guest_config *)config;
	g->stacks_of = stack_words(stack_of, request->stacks, &why);
	g->wall = clock_wall_offset();
	code = kernel_types_open(&g->types, g->config.modules);
	if (code)
		source_say(request, SOURCE_WARNING,
			   "the kernel has no BTF (CONFIG_DEBUG_INFO_BTF): calls are recorded, "
			   "rings and devices are not known");
	code = load(g, err);
	if (!code) {
		g->order = order_new(&guest_order_ops, g);
		g->stacks = g->stacks_of ? stacks_new() : NULL;
		g->rb = ring_buffer__new(bpf_map__fd(g->skel->maps.events), on_sample, g, NULL);
		if (!g->order || !g->rb || (g->stacks_of && !g->stacks))
			code = source_fail(err, -ENOMEM, "no memory");
	}
	if (code) {
		close_source(&g->base);
		return code;
	}
	find_layout(g);
	*out = &g->base;
	return 0;
}

static void describe(struct source *s)
{
	guest_describe((struct guest_source *)s);
}

static int begin(struct source *s, char *const argv[], struct source_child *child,
		 struct source_error *err)
{
	struct guest_source *g = (struct guest_source *)s;
	int code;

	guest_describe(g);
	g->nbefore = guest_devices_before(g->before, VQG_DEVICES);
	code = attach_all(g, err);
	if (code)
		return code;
	if (g->request.snaplen && !g->skel->bss->shared.linear_map_at)
		source_say(&g->request, SOURCE_WARNING,
			   "bytes of buffers and the status of requests are not in the trace: the "
			   "kernel does not tell where it maps memory (kernel.kptr_restrict=2, or "
			   "not x86-64)");
	if (g->stacks_of && !g->skel->bss->shared.entry_size)
		source_say(
			&g->request, SOURCE_WARNING,
			"stacks of interrupts go on with what was interrupted: the kernel does not "
			"tell where it is entered (kernel.kptr_restrict=2)");
	if (g->types && !g->config.no_fast)
		g->fast = fast_new(g->skel, g->types, g->attach, g->stacks_of, look_for_port, g);
	g->begun = true;
	return 0;
}

static unsigned descriptors(struct source *s, struct pollfd *fd, unsigned max, int *timeout_ms)
{
	struct guest_source *g = (struct guest_source *)s;

	if (*timeout_ms < 0 || *timeout_ms > STEP_MS)
		*timeout_ms = STEP_MS;
	fd[0] = (struct pollfd){ .fd = ring_buffer__epoll_fd(g->rb), .events = POLLIN };
	return 1;
}

/* Names that were not known when the device was first seen. */
static void look_at_devices(struct guest_source *g)
{
	for (unsigned i = 0; i < VQG_DEVICES; i++) {
		struct guest_device *d = &g->device[i];

		if (d->written && d->r.virtio_id && !d->virtio[0] && guest_device_look(d))
			guest_describe_device(g, d);
	}
}

/*
 * What was called and is not in the trace.  A probe does not run while another one does on the
 * same processor, nor a program that is running there: what an interrupt does then is missed, and
 * the kernel counts it.  The programs count what they did not follow.
 */
static uint64_t count_missed(const struct guest_source *g)
{
	return attach_missed(g->attach) + fast_missed_by(g->skel->obj) +
	       (g->fast ? fast_missed(g->fast) : 0) + guest_counter(g, VQG_MISSED);
}

static void look_for_missed(struct guest_source *g)
{
	uint64_t missed = count_missed(g);

	if (missed <= g->missed)
		return;
	guest_lost(g, missed - g->missed);
	g->missed = missed;
}

static void look(struct guest_source *g, uint64_t now)
{
	if (now - g->looked < LOOK_EVERY)
		return;
	g->looked = now;
	look_at_devices(g);
	look_for_missed(g);
	attach_look_for_places(g->attach, g->skel->progs.on_entry, g->skel->progs.on_return);
}

static int step(struct source *s, int timeout_ms)
{
	struct guest_source *g = (struct guest_source *)s;
	uint64_t now;
	int n;

	g->handed = 0;
	find_layout(g);
	look_for_port(g);
	n = ring_buffer__poll(g->rb, timeout_ms);
	if (n >= 0)
		n = ring_buffer__consume(g->rb);
	now = clock_ns(CLOCK_MONOTONIC);
	order_expire(g->order, now, WINDOW);
	look(g, now);
	/* while nothing happens, if that is ever so */
	if (g->fast && (!g->handed || now - g->stepped > STEP_EVERY)) {
		fast_step(g->fast);
		g->stepped = clock_ns(CLOCK_MONOTONIC);
	}
	return n < 0 ? n : (int)g->handed;
}

static void stop(struct source *s)
{
	struct guest_source *g = (struct guest_source *)s;

	bpf_link__destroy(g->issue);
	bpf_link__destroy(g->complete);
	g->issue = g->complete = NULL;
	ring_buffer__consume(g->rb);
	order_expire(g->order, clock_ns(CLOCK_MONOTONIC), 0);
	guest_lost_last(g);
	look_for_missed(g);
}

static void stats(const struct source *s, struct source_stats *out)
{
	const struct guest_source *g = (const struct guest_source *)s;

	*out = (struct source_stats){ .lost.records = g->lost, .alive = g->begun };
}

static void report_missing(struct guest_source *g)
{
	struct attach_result r[VQG_FUNCTIONS];
	size_t n = attach_results(g->attach, r, VQG_FUNCTIONS);
	TEXT(missing, 1024);

	for (size_t i = 0; i < n; i++)
		if (r[i].state == ATTACH_FAILED ||
		    (r[i].state == ATTACH_ABSENT && r[i].probed->costs))
			source_say(&g->request, SOURCE_WARNING, "no probe for %s: %s%s%s",
				   r[i].probed->f.name,
				   r[i].err ? strerror(-r[i].err)
					    : "this kernel has no such function",
				   r[i].probed->costs ? "; the trace lacks " : "",
				   r[i].probed->costs ? r[i].probed->costs : "");
	if (g->types)
		guest_layout_missing(&g->layout, &missing);
	if (g->fast)
		source_say(&g->request, SOURCE_DETAIL, "%u functions by trampolines",
			   fast_count(g->fast));
	if (missing.len)
		source_say(&g->request, SOURCE_DETAIL, "not in the kernel's BTF: %s", missing.buf);
}

static void report(struct source *s)
{
	struct guest_source *g = (struct guest_source *)s;

	if (!g->attach)
		return;
	attach_look_again(g->attach);
	report_missing(g);
	if (g->lost)
		source_say(&g->request, SOURCE_WARNING, "%llu records lost",
			   (unsigned long long)g->lost);
	if (g->no_stack || guest_counter(g, VQG_STACKS_MISSED))
		source_say(&g->request, SOURCE_WARNING,
			   "%llu stacks could not be taken; of %llu events the stack is not in the "
			   "trace",
			   (unsigned long long)guest_counter(g, VQG_STACKS_MISSED),
			   (unsigned long long)g->no_stack);
	if (!g->events)
		source_say(&g->request, SOURCE_WARNING,
			   "no virtio driver was called while recording");
}

const struct source_ops guest_source_ops = {
	.name = "guest",
	.summary = "the virtio drivers of the kernel that this runs on: in a guest, or a host "
		   "with virtio hardware",
	.noun = "kernel",
	.takes = SOURCE_TAKES_DEVICES | SOURCE_TAKES_STACKS,
	.options = options,
	.config_size = sizeof(struct guest_config),
	.available = guest_available,
	.examine = guest_examine,
	.check = check,
	.open = open_source,
	.begin = begin,
	.descriptors = descriptors,
	.step = step,
	.describe = describe,
	.stop = stop,
	.capabilities = GUEST_CAPABILITIES,
	.stats = stats,
	.report = report,
	.close = close_source,
};
