/* SPDX-License-Identifier: MIT */
/* QEMUs whose rings are followed by their memory, as a source of events (decoder/source/source.h). */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/memory/examine.h"
#include "bpf/memory/impl.h"
#include "bpf/memory/source.h"
#include "bpf/process/caps.h"
#include "bpf/process/state.h"
#include "bpf/qemu/choose.h"
#include "bpf/qemu/launch.h"
#include "decoder/model/model.h"
#include "decoder/util/clock.h"

#define SECOND UINT64_C(1000000000)
#define YOUNG (10 * SECOND) /* ns that a QEMU that was started may take to create its devices */
#define FOLLOW (2 * SECOND) /* ns between two searches for new QEMUs, without work to do */

static const struct option_row options[] = {
	{ OPTION_NUMBER, 0, "poll-share", "PERCENT",
	  "look at the rings as often as this share of one processor core allows (default 20)",
	  OPTION_TO(struct memory_config, share), .min = 1, .max = 100,
	  .want = "a percentage from 1 to 100" },
	{ OPTION_FLAG, 0, "poll-only", NULL,
	  "look by time only: not also whenever a thread of the QEMU wakes another or goes to sleep",
	  OPTION_TO(struct memory_config, poll_only) },
	{},
};

/* --- opening --------------------------------------------------------------------------------- */

static int check(const void *config, const struct source_request *r, bool command,
		 struct source_error *err)
{
	if (command && (r->npids || r->names.n))
		return source_fail(err, -EINVAL,
				   "record what runs (-p, -n) or a command, not both");
	if (!command && !r->npids && !r->names.n && !r->follow)
		return source_fail(err, -EINVAL,
				   "say what to record: -p PID, -n NAME or -- COMMAND");
	return 0;
}

static void free_vmm(struct memory_vmm *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->ndevs; i++)
		memory_device_free(v->dev[i]);
	free(v->dev);
	share_close(&v->share);
	machine_close(&v->m);
	free(v);
}

static void close_source(struct source *source)
{
	struct memory_source *s = (struct memory_source *)source;

	if (!s)
		return;
	for (unsigned i = 0; i < s->nvmms; i++)
		free_vmm(s->vmm[i]);
	switches_close(s->switches);
	looks_close(&s->looks);
	free(s->space);
	free(s);
}

static bool look(void *opaque, uint64_t now);

static int open_source(struct source **out, const void *config,
		       const struct source_request *request, struct source_error *err)
{
	struct memory_source *s = calloc(1, sizeof(*s));
	const struct foreign_stop stop = { request->ended, request->ctx };
	int code = 0;

	if (!s)
		return source_fail(err, -ENOMEM, "no memory");
	s->base.ops = &memory_source_ops;
	s->request = *request;
	s->config = *(const struct memory_config *)config;
	s->wall = clock_wall_offset();
	s->space = aligned_alloc(8, VQT_RECORD_MAX);
	if (looks_open(&s->looks, s->config.share ? s->config.share : MEMORY_SHARE, look, s) ||
	    !s->space)
		code = source_fail(err, -ENOMEM, "no memory");
	if (!code)
		s->switches = switches_for(s->looks.pace.share, s->config.poll_only,
					   memory_on_snapshot, s, &s->request);
	for (unsigned i = 0; i < request->names.n && !request->follow && !code; i++) {
		struct text why = { .buf = err->text, .size = sizeof(err->text) };

		if (s->request.npids == SOURCE_PIDS)
			break;
		code = choose_named(request->names.item[i], &stop,
				    &s->request.pid[s->request.npids], &why);
		s->request.npids += !code;
	}
	if (code) {
		close_source(&s->base);
		return code;
	}
	*out = &s->base;
	return 0;
}

/* --- beginning ------------------------------------------------------------------------------- */

static int explain(struct source_error *err, pid_t pid, int code, const struct source_error *why)
{
	if (code == -ENOEXEC || code == -ENOENT)
		return source_fail(
			err, code,
			"process %d is no QEMU system emulator: where the rings of another "
			"monitor are, its memory does not tell; add -i kvm and start it "
			"(-i kvm -i memory -- COMMAND), or record its registers, kicks and "
			"interrupts by -i kvm alone",
			(int)pid);
	return source_fail(err, code, "%s", why->text);
}

/* Describe a process, and whatever devices it has by now. */
static int attach(struct memory_source *s, pid_t pid, bool late, struct source_error *err)
{
	const struct foreign_stop stop = { s->request.ended, s->request.ctx };
	struct memory_vmm *v = s->nvmms < SOURCE_PIDS ? calloc(1, sizeof(*v)) : NULL;
	struct source_error why;
	int code;

	if (!v)
		return source_fail(err, -ENOMEM, "no memory for more processes");
	v->all = s;
	v->late = late;
	v->source = (uint8_t)(s->nvmms + 1);
	v->copies.m = &v->share.m;
	share_init(&v->share, &v->m.foreign);
	code = machine_open(&v->m, pid, &stop, &why);
	if (!code && !memory_can_follow(&v->m))
		code = source_fail(
			&why, -ENOTSUP,
			"process %d (%s): what this QEMU keeps of its virtqueues could not "
			"be found; -i qemu needs less",
			(int)pid, v->m.p.comm);
	if (code) {
		free_vmm(v);
		return explain(err, pid, code, &why);
	}
	s->vmm[s->nvmms++] = v;
	memory_describe_vmm(v);
	code = memory_search(v);
	return code == -ENOMEM ? source_fail(err, code, "no memory")
	       : code && late && !v->ndevs
		       ? source_fail(err, code,
				     "process %d (%s): its devices could not be read: %s", (int)pid,
				     v->m.p.comm, strerror(-code))
		       : 0;
}

static int begin_command(struct memory_source *s, char *const argv[], struct source_child *child,
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
				   "recorded; of another monitor add -i kvm",
				   argv[0]);
	code = attach(s, l.qemu, false, err);
	if (code)
		kill(l.qemu, SIGKILL);
	launch_release(&l);
	*child = (struct source_child){ .pid = l.child, .worker = l.qemu };
	return code;
}

static bool is_known(struct memory_source *s, pid_t pid)
{
	for (unsigned i = 0; i < s->nknown; i++)
		if (s->known[i] == pid)
			return true;
	return false;
}

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

static void attach_new(struct memory_source *s)
{
	static struct process all[64];
	const struct foreign_stop stop = { s->request.ended, s->request.ctx };
	size_t n = process_list(all, sizeof(all) / sizeof(all[0]), &stop);

	choose_say_left_out(&s->request);
	for (unsigned i = 0; i < s->nknown;)
		if (process_alive(s->known[i]))
			i++;
		else
			s->known[i] = s->known[--s->nknown];
	for (size_t i = 0; i < n; i++) {
		if (s->nknown == sizeof(s->known) / sizeof(s->known[0]) ||
		    is_known(s, all[i].pid) || !is_chosen(&s->request, &all[i]))
			continue;
		s->known[s->nknown++] = all[i].pid; /* do not try again: it would fail alike */
		if (attach(s, all[i].pid, true, &s->why))
			source_say(&s->request, SOURCE_WARNING, "%s", s->why.text);
	}
	s->followed = clock_ns(CLOCK_MONOTONIC);
}

static int begin(struct source *source, char *const argv[], struct source_child *child,
		 struct source_error *err)
{
	struct memory_source *s = (struct memory_source *)source;
	int code = 0;

	memory_describe_session(s);
	if (argv)
		code = begin_command(s, argv, child, err);
	else if (s->request.follow)
		attach_new(s);
	else
		for (unsigned i = 0; i < s->request.npids && !code; i++)
			code = attach(s, s->request.pid[i], true, err);
	if (!code && s->request.follow && s->request.npids && !s->nvmms)
		code = source_fail(err, -ESRCH, "%s",
				   s->why.text[0] ? s->why.text
						  : "none of these processes is a QEMU that runs; "
						    "-D lists those");
	if (!code)
		looks_begin(&s->looks);
	return code;
}

/* --- running --------------------------------------------------------------------------------- */

static bool is_busy(const struct memory_vmm *v, uint64_t now)
{
	for (size_t i = 0; i < v->ndevs; i++)
		for (unsigned k = 0; k < v->dev[i]->nqueues; k++)
			if (memory_is_hot(&v->dev[i]->queue[k], now))
				return true;
	return false;
}

/* Searching for devices takes as long as hundreds of looks: seldom while there is work. */
static void search(struct memory_vmm *v, uint64_t now)
{
	uint64_t every = is_busy(v, now)					    ? 30 * SECOND
			 : v->late || v->ndevs || now - v->all->looks.began > YOUNG ? SECOND
										    : SECOND / 50;
	uint64_t least = v->search_cost * 50;

	if (v->gone || now - v->searched < (every > least ? every : least))
		return;
	looks_hurry(&v->all->looks, false);
	memory_search(v);
}

/* One look at everything that is due; returns whether something was found. */
static bool look(void *opaque, uint64_t now)
{
	struct memory_source *s = opaque;
	bool all = now - s->swept >= PACE_SLOW, found = false;
	uint64_t before = s->snapshots;

	memory_take_snapshots(s); /* what is older than what we see now */
	for (unsigned i = 0; i < s->nvmms; i++) {
		struct memory_vmm *v = s->vmm[i];

		if (v->gone) {
			memory_leave(v);
			continue;
		}
		found |= memory_look(v, all, now);
		search(v, now);
	}
	snapshot_weigh(&s->trust, 0, s->looks.arrived);
	pace_assist(&s->looks.pace, snapshot_trusted(&s->trust));
	found |= s->snapshots != before;
	if (all) {
		s->swept = now;
		if (s->switches) /* both together keep within the share */
			looks_others(&s->looks, switches_count(s->switches, VQS_NS));
	}
	if (s->request.follow && !found && now - s->followed >= FOLLOW) {
		looks_hurry(&s->looks, false);
		attach_new(s);
	}
	return found;
}

static unsigned descriptors(struct source *source, struct pollfd *fd, unsigned max, int *timeout_ms)
{
	return looks_descriptor(&((struct memory_source *)source)->looks, fd, timeout_ms);
}

static int step(struct source *source, int timeout_ms)
{
	struct memory_source *s = (struct memory_source *)source;
	int code;

	s->handed = 0;
	code = looks_run(&s->looks, timeout_ms);
	return code ? code : (int)s->handed;
}

static void describe_queues(struct memory_device *d)
{
	for (unsigned i = 0; i < d->nqueues; i++)
		if (d->queue[i].snoop.on)
			snoop_describe(&d->queue[i].snoop);
}

static void describe(struct source *source)
{
	struct memory_source *s = (struct memory_source *)source;

	memory_describe_session(s);
	for (unsigned i = 0; i < s->nvmms; i++) {
		memory_describe_vmm(s->vmm[i]);
		for (size_t k = 0; k < s->vmm[i]->ndevs; k++) {
			struct memory_device *d = s->vmm[i]->dev[k];

			if (!d->wanted || d->gone)
				continue;
			memory_describe_device(d);
			if (d->known)
				memory_describe_state(d);
			describe_queues(d);
		}
	}
}

/* --- the end --------------------------------------------------------------------------------- */

static struct snoop_stats totals(const struct memory_source *s)
{
	struct snoop_stats t = {};

	for (unsigned i = 0; i < s->nvmms; i++) {
		struct snoop_stats q = memory_totals(s->vmm[i]);

		snoop_stats_add(&t, &q);
	}
	return t;
}

static void settle(struct source *source)
{
	struct memory_source *s = (struct memory_source *)source;
	TEXT(t, 200);

	if (!s->looks.within.count)
		return;
	looks_put_within(&s->looks, &t);
	for (unsigned i = 0; i < s->nvmms; i++)
		memory_note(s->vmm[i], VQT_NO_DEVICE, VQT_NOTE_INFO, t.buf);
}

/* Of queues that could not be looked at any more, nobody knows what came since the look before. */
static void lose_unseen(struct memory_vmm *v, uint64_t since)
{
	for (size_t i = 0; i < v->ndevs; i++)
		for (unsigned k = 0; k < v->dev[i]->nqueues; k++) {
			struct memory_queue *q = &v->dev[i]->queue[k];

			if (q->wanted && q->snoop.on && q->looked < since)
				memory_lost_more(q);
		}
}

static void stop(struct source *source)
{
	struct memory_source *s = (struct memory_source *)source;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	for (unsigned i = 0; i < s->nvmms; i++)
		s->vmm[i]->begun = 0; /* a search may have been broken off */
	memory_take_snapshots(s);
	for (unsigned i = 0; i < s->nvmms; i++) {
		struct memory_vmm *v = s->vmm[i];

		v->begun = 0;
		if (!v->gone)
			memory_look(v, true, clock_ns(CLOCK_MONOTONIC));
		if (!v->gone)
			lose_unseen(v, now);
	}
	settle(source);
}

static void stats(const struct source *source, struct source_stats *out)
{
	const struct memory_source *s = (const struct memory_source *)source;
	struct snoop_stats t = totals(s);

	*out = (struct source_stats){ .lost = { t.lost, t.lost_more != 0 } };
	for (unsigned i = 0; i < s->nvmms; i++)
		out->alive += !s->vmm[i]->gone && process_alive(s->vmm[i]->m.p.pid);
}

static bool alive(const struct source *s, pid_t pid)
{
	return process_alive(pid);
}

static void report(struct source *source)
{
	struct memory_source *s = (struct memory_source *)source;
	const struct source_request *r = &s->request;
	struct snoop_stats t = totals(s);
	unsigned devices = 0, wanted = 0;

	for (unsigned i = 0; i < s->nvmms; i++)
		for (size_t k = 0; k < s->vmm[i]->ndevs; k++, devices++)
			wanted += s->vmm[i]->dev[k]->wanted;
	if (s->switches)
		switches_report(s->switches, r, s->looks.began);
	looks_report(&s->looks, r, &t, "was reset");
	if (!wanted)
		source_say(r, SOURCE_WARNING, "%s",
			   devices ? "no device that -d names was seen"
				   : "no virtio device was seen");
}

const struct source_ops memory_source_ops = {
	.name = "memory",
	.summary =
		"the rings of a QEMU, by reading its memory: no probe, nothing is stopped: -p PID, "
		"-n NAME, -- COMMAND",
	.noun = "QEMU",
	.takes = SOURCE_TAKES_PROCESSES | SOURCE_TAKES_DEVICES | SOURCE_TAKES_QUEUES,
	.options = options,
	.config_size = sizeof(struct memory_config),
	.available = memory_available,
	.list = choose_list,
	.examine = memory_examine,
	.check = check,
	.open = open_source,
	.begin = begin,
	.descriptors = descriptors,
	.step = step,
	.settle = settle,
	.describe = describe,
	.stop = stop,
	.whole_stop = true,
	/* CAP_BPF for maps of programs that run: before Linux 5.19 each access took it */
	.capabilities = CAPS(BPF) | CAPS_FOREIGN | CAPS(SYS_NICE),
	.stats = stats,
	.alive = alive,
	.report = report,
	.close = close_source,
};
