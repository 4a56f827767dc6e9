/* SPDX-License-Identifier: MIT */
/* The event source that probes QEMU processes (decoder/source/source.h). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/capture/capture.h"
#include "bpf/capture/examine.h"
#include "bpf/capture/kernel.h"
#include "bpf/capture/source.h"
#include "bpf/process/caps.h"
#include "bpf/process/state.h"
#include "bpf/qemu/choose.h"
#include "bpf/qemu/launch.h"
#include "bpf/qemu/process.h"
#include "bpf/session/emit.h"
#include "bpf/stack/table.h"
#include "decoder/trace/event.h"

#define PROCESSES CHOOSE_PROCESSES
#define FOLLOW_EVERY UINT64_C(1000000000) /* ns between two searches for new processes */
#define STEP_MS 25 /* the kernel does not wake us below a fill level of its buffer */

struct qemu_config {
	const char *qmp;
	bool delivery, lifecycle, no_lifecycle, no_backend, empty, qmp_only;
	uint64_t buffer;
	uint32_t tables;
};

struct qemu_source {
	struct source base;
	struct source_request request;
	struct qemu_config config;
	struct capture *capture;
	bool command; /* was QEMU started by us? */
	pid_t known[PROCESSES]; /* when following: already tried */
	size_t nknown;
	uint64_t looked; /* ns: time of the last search for processes */
	struct source_error why; /* why the latest process could not be attached to */
};

#define EVENT(type) (1U << (VQT_##type - VQT_REG))

static const struct stack_word stack_of[] = {
	{ "setup", EVENT(REG) | EVENT(LIFECYCLE) | EVENT(ROUTES) },
	{ "kicks", EVENT(KICK) },
	{ "chains", EVENT(AVAIL) },
	{ "completions", EVENT(USED) },
	{ "interrupts", EVENT(IRQ) },
	{ "backend", EVENT(BACKEND) },
	{ "all", ~EVENT(RETURN) },
	{},
};

static const struct option_row options[] = {
	{ OPTION_TEXT, 0, "qmp", "SOCKET", "of a running QEMU: ask it for what was missed",
	  OPTION_TO(struct qemu_config, qmp) },
	{ OPTION_FLAG, 0, "delivery", NULL,
	  "MSI-X messages as they are sent, too, not only decisions to interrupt",
	  OPTION_TO(struct qemu_config, delivery) },
	{ OPTION_FLAG, 0, "lifecycle", NULL,
	  "calls of QEMU's functions, too, from class and instance initialisation to realize, and what "
	  "a register write makes QEMU do: with their ends, and those without exported names",
	  OPTION_TO(struct qemu_config, lifecycle) },
	{ OPTION_FLAG, 0, "no-lifecycle", NULL,
	  "no steps of device creation and set-up inside QEMU",
	  OPTION_TO(struct qemu_config, no_lifecycle) },
	{ OPTION_FLAG, 0, "no-backend", NULL,
	  "not when QEMU's block layer gets a request and answers it: two probes less a request",
	  OPTION_TO(struct qemu_config, no_backend) },
	{ OPTION_SIZE, 0, "buffer", "SIZE",
	  "between kernel and file (default 16M); a larger one loses less",
	  OPTION_TO(struct qemu_config, buffer), .min = 65536, .max = 1 << 30,
	  .want = "a size from 64k to 1G" },
	/* for measurements and tests */
	{ OPTION_FLAG, 0, "empty-probes", NULL, NULL, OPTION_TO(struct qemu_config, empty) },
	{ OPTION_FLAG, 0, "qmp-only", NULL, NULL, OPTION_TO(struct qemu_config, qmp_only) },
	{ OPTION_NUMBER, 0, "tables", "N", NULL, OPTION_TO(struct qemu_config, tables), .min = 1,
	  .max = 1 << 20, .want = "a number of queues" },
	{},
};

/* --- which processes ------------------------------------------------------- */

static bool is_chosen(const struct source_request *r, const struct process *p)
{
	for (unsigned i = 0; i < r->npids; i++)
		if (r->pid[i] == p->pid)
			return true;
	for (unsigned i = 0; i < r->names.n; i++)
		if (process_matches(p, r->names.item[i]))
			return true;
	return !r->npids && !r->names.n;
}

static bool is_known(const struct qemu_source *q, pid_t pid)
{
	for (size_t i = 0; i < q->nknown; i++)
		if (q->known[i] == pid)
			return true;
	return false;
}

/* Forget ended processes: their pids may be used again. */
static void forget_dead(struct qemu_source *q)
{
	for (size_t i = 0; i < q->nknown;)
		if (process_alive(q->known[i]))
			i++;
		else
			q->known[i] = q->known[--q->nknown];
}

static void attach_new(struct qemu_source *q)
{
	static struct process all[PROCESSES];
	const struct foreign_stop stop = { q->request.ended, q->request.ctx };
	size_t n = process_list(all, PROCESSES, &stop);

	choose_say_left_out(&q->request);
	forget_dead(q);
	q->looked = capture_now();
	for (size_t i = 0; i < n; i++) {
		if (is_known(q, all[i].pid) || !is_chosen(&q->request, &all[i]) ||
		    q->nknown == PROCESSES)
			continue;
		q->known[q->nknown++] = all[i].pid; /* do not try again: it would fail alike */
		if (capture_attach(q->capture, all[i].pid, true, NULL, &q->why))
			source_say(&q->request, SOURCE_WARNING, "%s", q->why.text);
	}
}

/* --- beginning ------------------------------------------------------------- */

static int check(const void *config, const struct source_request *r, bool command,
		 struct source_error *err)
{
	const struct qemu_config *c = config;
	TEXT(why, 256);

	if (r->stacks && !stack_words(stack_of, r->stacks, &why))
		return source_fail(err, -EINVAL, "%s", why.buf);
	if (c->lifecycle && (c->no_lifecycle || r->light))
		return source_fail(err, -EINVAL, "--lifecycle does not go with %s",
				   r->light ? "--light, which records no events"
					    : "--no-lifecycle");
	if (command && (r->npids || r->names.n))
		return source_fail(err, -EINVAL,
				   "record what runs (-p, -n) or a command, not both");
	if (!command && !r->npids && !r->names.n && !r->follow)
		return source_fail(err, -EINVAL,
				   "say what to record: -p PID, -n NAME or -- COMMAND (or another "
				   "source: -D lists them)");
	return 0;
}

static int open_source(struct source **out, const void *config,
		       const struct source_request *request, struct source_error *err)
{
	const struct qemu_config *c = config;
	struct qemu_source *q = calloc(1, sizeof(*q));
	TEXT(why, 256);
	int code;

	if (!q)
		return source_fail(err, -ENOMEM, "no memory");
	q->base.ops = &qemu_source_ops;
	q->request = *request;
	q->config = *c;
	const struct capture_options o = {
		.snaplen = request->snaplen,
		.buffer = c->buffer,
		.queues = request->queues,
		.devices = q->request.devices.n ? q->request.devices.item : NULL,
		.without = q->request.without,
		.delivery = c->delivery,
		.no_lifecycle = c->no_lifecycle,
		.no_backend = c->no_backend,
		.lifecycle = c->lifecycle,
		.stacks = stack_words(stack_of, request->stacks, &why),
		.tables = c->tables,
		.qmp_only = c->qmp_only,
		.light = request->light,
		.sample = request->sample,
		.empty = c->empty,
		.command = request->command,
		.record = request->record,
		.ctx = request->ctx,
		.stop = { request->ended, request->ctx },
	};
	/* -n selects among running processes; with follow, among later ones, too */
	for (unsigned i = 0; i < request->names.n && !request->follow; i++) {
		struct text words = { .buf = err->text, .size = sizeof(err->text) };

		if (q->request.npids == SOURCE_PIDS)
			break;
		code = choose_named(request->names.item[i], &o.stop,
				    &q->request.pid[q->request.npids], &words);
		if (code) {
			free(q);
			return code;
		}
		q->request.npids++;
	}
	code = capture_open(&q->capture, &o, err);
	if (code) {
		free(q);
		return code;
	}
	*out = &q->base;
	return 0;
}

static int begin_command(struct qemu_source *q, char *const argv[], struct source_child *child,
			 struct source_error *err)
{
	struct launch l = { .child = 0 };
	int code = launch_start(&l, argv);

	if (code)
		return source_fail(err, code, "cannot start %s: %s%s", argv[0], strerror(-code),
				   code == -ENOENT ? "; is it installed and in PATH?" : "");
	if (!l.qemu)
		return source_fail(err, -ENOEXEC,
				   "%s ended without becoming a QEMU system emulator; nothing was "
				   "recorded",
				   argv[0]);
	code = capture_attach(q->capture, l.qemu, false, NULL, err);
	if (code)
		kill(l.qemu, SIGKILL);
	launch_release(&l);
	*child = (struct source_child){ .pid = l.child, .worker = l.qemu };
	q->command = true;
	return code;
}

static int begin_running(struct qemu_source *q, struct source_error *err)
{
	struct source_error why;
	const struct capture_monitor monitor = { q->config.qmp, &why };

	for (unsigned i = 0; i < q->request.npids; i++) {
		pid_t pid = q->request.pid[i];
		int code;

		why.text[0] = 0;
		code = capture_attach(q->capture, pid, true, q->config.qmp ? &monitor : NULL, err);
		if (code)
			return code;
		if (why.text[0])
			source_say(&q->request, SOURCE_WARNING, "%s", why.text);
	}
	return 0;
}

static int begin_following(struct qemu_source *q, struct source_error *err)
{
	const struct source_request *r = &q->request;

	attach_new(q);
	if (r->npids && !q->nknown)
		return source_fail(err, -ESRCH,
				   "none of these processes is a QEMU that runs; -D lists those");
	if (r->npids && !r->names.n && !capture_alive(q->capture))
		return source_fail(err, -ESRCH, "%s", q->why.text);
	if (!q->nknown) {
		/* the wall clock offset, which otherwise comes with the first QEMU */
		capture_preamble(q->capture);
		source_say(r, SOURCE_WARNING, "no QEMU %s; waiting for one to start",
			   r->names.n ? "that -n names runs" : "runs that we may see");
	}
	return 0;
}

static int begin(struct source *s, char *const argv[], struct source_child *child,
		 struct source_error *err)
{
	struct qemu_source *q = (struct qemu_source *)s;

	return argv		   ? begin_command(q, argv, child, err)
	       : q->request.follow ? begin_following(q, err)
				   : begin_running(q, err);
}

/* --- running --------------------------------------------------------------- */

static unsigned descriptors(struct source *s, struct pollfd *fd, unsigned max, int *timeout_ms)
{
	struct qemu_source *q = (struct qemu_source *)s;

	if (*timeout_ms < 0 || *timeout_ms > STEP_MS)
		*timeout_ms = STEP_MS;
	if (capture_behind(q->capture))
		*timeout_ms = 0;
	fd[0] = (struct pollfd){ .fd = capture_fd(q->capture), .events = POLLIN };
	return 1;
}

static int step(struct source *s, int timeout_ms)
{
	struct qemu_source *q = (struct qemu_source *)s;
	int n = capture_poll(q->capture, timeout_ms);

	if (q->request.follow && capture_now() - q->looked >= FOLLOW_EVERY)
		attach_new(q);
	return n;
}

static void describe(struct source *s)
{
	capture_preamble(((struct qemu_source *)s)->capture);
}

static void settle(struct source *s)
{
	capture_settle(((struct qemu_source *)s)->capture);
}

static void stop(struct source *s)
{
	capture_stop(((struct qemu_source *)s)->capture);
}

static void stats(const struct source *s, struct source_stats *out)
{
	const struct qemu_source *q = (const struct qemu_source *)s;

	*out = (struct source_stats){ .lost.records = capture_lost(q->capture),
				      .alive = capture_alive(q->capture) };
}

static bool alive(const struct source *s, pid_t pid)
{
	return process_alive(pid);
}

static bool cost(struct source *s, uint64_t *hits, uint64_t *ns)
{
	return !capture_cost(((struct qemu_source *)s)->capture, hits, ns);
}

static void close_source(struct source *s)
{
	struct qemu_source *q = (struct qemu_source *)s;

	if (q)
		capture_close(q->capture);
	free(q);
}

/* --- the end --------------------------------------------------------------- */

static void report_losses(const struct qemu_source *q, const struct capture_stats *c)
{
	struct capture_missing missing[128];
	size_t n = capture_missing(q->capture, missing, 128);

	if (c->lost || c->chains_missed)
		source_say(
			&q->request, SOURCE_WARNING,
			"%llu records lost (%llu buffer full, %llu memory unreadable, %llu table "
			"full), %llu chains missed; a larger --buffer helps against the first",
			(unsigned long long)c->lost,
			(unsigned long long)c->lost_why[VQT_LOSS_BUFFER],
			(unsigned long long)c->lost_why[VQT_LOSS_MEMORY],
			(unsigned long long)c->lost_why[VQT_LOSS_LIMIT],
			(unsigned long long)c->chains_missed);
	if (c->calls_missed)
		source_say(&q->request, SOURCE_WARNING,
			   "of %llu calls it is not known what they were in, or when they ended",
			   (unsigned long long)c->calls_missed);
	if (c->stacks_missed)
		source_say(
			&q->request, SOURCE_WARNING,
			"%llu events are without their call stack: the buffer was full (--buffer), or "
			"there were more than %u different ones",
			(unsigned long long)c->stacks_missed, STACKS_MAX);
	if (c->stacks_unread)
		source_say(&q->request, SOURCE_WARNING,
			   "%llu call stacks have frames in files that could not be read; 'vqtrace "
			   "show -V' says which and why",
			   (unsigned long long)c->stacks_unread);
	if (c->stacks_given_up)
		source_say(
			&q->request, SOURCE_WARNING,
			"call stacks have one address only: unwinding failed three times with the files "
			"of a process");
	for (size_t i = 0; i < n; i++)
		source_say(&q->request, SOURCE_WARNING, "no probe for %s (%s): the trace lacks %s",
			   missing[i].probe, missing[i].reason, missing[i].costs);
}

static uint64_t events_of(const struct capture_stats *c)
{
	uint64_t n = 0;

	for (unsigned type = VQT_REG; type < 64; type++)
		n += type == VQT_RING ? 0 : c->by_type[type];
	return n;
}

static void report_device(const struct qemu_source *q, const struct capture_device *d,
			  bool unmatched)
{
	if (d->recorded && d->flags & VQT_DEV_DATAPATH_ELSEWHERE)
		source_say(&q->request, SOURCE_WARNING,
			   "%s (%s): its data path is not in this QEMU (vhost, vhost-user): "
			   "registers are recorded, requests are not%s",
			   d->name, d->type,
			   strstr(d->type, "vhost-user")
				   ? "; 'vqtrace record --vhost-user' between QEMU and the device "
				     "records them"
				   : "");
	else
		source_say(&q->request, unmatched ? SOURCE_INFO : SOURCE_DETAIL, "  %-12s %s%s",
			   d->name, d->type, d->recorded ? "" : " (not asked for)");
}

static void report(struct source *s)
{
	struct qemu_source *q = (struct qemu_source *)s;
	const struct source_request *r = &q->request;
	struct capture_device dev[64];
	struct capture_stats c;
	size_t n, matched = 0;
	bool unmatched;

	capture_stats(q->capture, &c);
	report_losses(q, &c);
	n = capture_devices(q->capture, dev, 64);
	for (size_t i = 0; i < n; i++)
		matched += dev[i].recorded;
	unmatched = r->devices.n && !matched;
	if (unmatched)
		source_say(r, SOURCE_WARNING, "no device that -d names was seen%s",
			   n ? "; these were:" : "");
	else if (!n)
		source_say(r, SOURCE_WARNING, "no virtio device was seen");
	else if (!events_of(&c) && !q->command && !r->light)
		source_say(r, SOURCE_WARNING,
			   "nothing happened while recording: the guest is idle or hangs, or -d "
			   "and --queue leave nothing; 'vqtrace show' has the state of its queues");
	for (size_t i = 0; i < n; i++)
		report_device(q, &dev[i], unmatched);
}

/* --- what can be done here ------------------------------------------------- */

static enum source_verdict available(struct text *reason, struct text *remedy)
{
	struct probe_result p[16];
	size_t n = probe_kernel(p, 16);
	enum source_verdict verdict = SOURCE_OK;

	for (size_t i = 0; i < n; i++) {
		if (!p[i].err || (verdict == SOURCE_LIMITED && !p[i].needed))
			continue;
		reason->len = remedy->len = 0;
		text_add(reason, "%s: %s", p[i].what, strerror(-p[i].err));
		if (p[i].err == -EPERM || p[i].err == -EACCES)
			caps_explain(remedy, CAPS_PROBES, CAPS_PROBES | CAPS_FOREIGN);
		else
			text_add(remedy, "%s; 'vqtrace doctor' says more", p[i].remedy);
		verdict = p[i].needed ? SOURCE_UNAVAILABLE : SOURCE_LIMITED;
		if (p[i].needed)
			break;
	}
	return verdict;
}

const struct source_ops qemu_source_ops = {
	.name = "qemu",
	.summary = "QEMU processes, by BPF probes: -p PID, -n NAME, -- COMMAND",
	.noun = "QEMU",
	.takes = SOURCE_TAKES_PROCESSES | SOURCE_TAKES_DEVICES | SOURCE_TAKES_QUEUES |
		 SOURCE_TAKES_LIGHT | SOURCE_TAKES_SAMPLE | SOURCE_TAKES_STACKS,
	.options = options,
	.config_size = sizeof(struct qemu_config),
	.available = available,
	.list = choose_list,
	.examine = qemu_examine,
	.check = check,
	.open = open_source,
	.begin = begin,
	.descriptors = descriptors,
	.step = step,
	.settle = settle,
	.describe = describe,
	.stop = stop,
	.whole_stop = true,
	.capabilities = CAPS_PROBES | CAPS_FOREIGN,
	.stats = stats,
	.alive = alive,
	.cost = cost,
	.report = report,
	.close = close_source,
};
