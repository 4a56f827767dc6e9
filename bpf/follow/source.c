/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/follow/impl.h"
#include "bpf/follow/source.h"
#include "bpf/kvm/source.h"
#include "bpf/process/caps.h"
#include "bpf/process/state.h"
#include "decoder/util/clock.h"

#define SETTLE_MS 200 /* after which no hit is waited for any more */

/* --- opening --------------------------------------------------------------------------------- */

static int check(const void *config, const struct source_request *r, bool command,
		 struct source_error *err)
{
	const struct follow_config *c = config;

	if (!command)
		return source_fail(
			err, -EINVAL,
			"-i kvm -i memory needs the machine from its start, which tells where its "
			"memory and its rings are: give the command that starts it (-- COMMAND); of a "
			"QEMU that runs, -i memory alone knows that");
	return kvm_source_ops.check(c->kvm, r, command, err);
}

static void on_record(void *ctx, const void *record, size_t len)
{
	follow_on_kvm(ctx, record, len);
}

static void on_slot(void *ctx, uint8_t source, const struct vqk_event *e)
{
	follow_on_slot(ctx, source, e);
}

static void on_words(void *ctx, enum source_level level, const char *text)
{
	struct follow_source *f = ctx;

	f->request.say(f->request.ctx, level, text);
}

static bool is_ended(void *ctx)
{
	struct follow_source *f = ctx;

	return f->request.ended(f->request.ctx);
}

static void close_source(struct source *s)
{
	struct follow_source *f = (struct follow_source *)s;

	if (!f)
		return;
	kvm_source_ops.close(f->kvm);
	for (unsigned i = 0; i < f->nvmms; i++)
		follow_free_vmm(f->vmm[i]);
	switches_close(f->switches);
	looks_close(&f->looks);
	output_free(&f->out);
	model_free(f->model);
	free(f->space);
	free(f);
}

static bool look(void *opaque, uint64_t now);

static int open_source(struct source **out, const void *config,
		       const struct source_request *request, struct source_error *err)
{
	const struct follow_config *c = config;
	struct follow_source *f = calloc(1, sizeof(*f));
	struct source_request inner = *request;
	int code;

	if (!f)
		return source_fail(err, -ENOMEM, "no memory");
	f->base.ops = &follow_source_ops;
	f->request = *request;
	f->out.emit = follow_emit;
	f->out.ctx = f;
	f->model = model_new();
	f->space = aligned_alloc(8, VQT_RECORD_MAX);
	code = looks_open(&f->looks, c->memory->share ? c->memory->share : MEMORY_SHARE, look, f);
	inner.record = on_record;
	inner.say = on_words;
	inner.ended = request->ended ? is_ended : NULL;
	inner.ctx = f;
	if (code || !f->model || !f->space)
		code = source_fail(err, -ENOMEM, "no memory");
	else
		code = kvm_source_ops.open(&f->kvm, c->kvm, &inner, err);
	if (!code) /* before the machine begins: it takes a while */
		f->switches = switches_for(f->looks.pace.share, c->memory->poll_only,
					   follow_on_snapshot, f, request);
	if (code) {
		close_source(&f->base);
		return code;
	}
	kvm_hook(f->kvm, &(struct kvm_hooks){ .slot = on_slot, .ctx = f });
	*out = &f->base;
	return 0;
}

static int begin(struct source *s, char *const argv[], struct source_child *child,
		 struct source_error *err)
{
	struct follow_source *f = (struct follow_source *)s;
	int code = kvm_source_ops.begin(f->kvm, argv, child, err);

	if (!code && !kvm_sees_slots(f->kvm)) {
		kill(child->pid, SIGKILL);
		code = source_fail(err, -ENOTSUP,
				   "this kernel does not show where guest memory is (tracepoints "
				   "syscalls:sys_enter_ioctl and sys_exit_ioctl): -i kvm alone "
				   "records all but the rings");
	}
	if (!code)
		looks_begin(&f->looks);
	return code;
}

/* --- running --------------------------------------------------------------------------------- */

/* What has happened by now is handed on; true: all of it, so that what was read before is sure. */
static bool catch_up(struct follow_source *f)
{
	bool sure;
	uint64_t lost;

	if (f->switches) /* before what may end the rings they were of */
		switches_consume(f->switches);
	sure = kvm_consume(f->kvm);
	lost = kvm_slots_lost(f->kvm);
	if (lost != f->slots_lost) {
		f->slots_lost = lost;
		follow_forget_slots(f);
	}
	/* a guest may make hits faster than they are handed on */
	if (f->failed || (!sure && output_full(&f->out)))
		follow_drop_all(f);
	if (sure || f->failed || !output_waits(&f->out))
		output_flush(&f->out);
	return sure;
}

/*
 * What was read of a ring is sure when everything has been handed on that had happened by then, and
 * nothing of it ended the ring.  Until then nothing more is read.
 */
static bool look(void *opaque, uint64_t now)
{
	struct follow_source *f = opaque;
	bool all = now - f->swept >= PACE_SLOW, found = false;
	uint64_t before = f->snapshots;

	if (!catch_up(f) && output_waits(&f->out) && !f->failed)
		return true;
	if (f->failed)
		return false;
	now = clock_ns(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < f->nvmms; i++)
		if (!f->vmm[i]->gone)
			found |= follow_look(f->vmm[i], all, now);
	if (all) {
		f->swept = now;
		if (f->switches) /* both together keep within the share */
			looks_others(&f->looks, switches_count(f->switches, VQS_NS));
	}
	snapshot_weigh(&f->trust, 0, f->looks.arrived);
	pace_assist(&f->looks.pace, snapshot_trusted(&f->trust));
	if (found)
		catch_up(f);
	return found || f->snapshots != before;
}

static unsigned descriptors(struct source *s, struct pollfd *fd, unsigned max, int *timeout_ms)
{
	return looks_descriptor(&((struct follow_source *)s)->looks, fd, timeout_ms);
}

static int step(struct source *s, int timeout_ms)
{
	struct follow_source *f = (struct follow_source *)s;
	int code;

	f->handed = 0;
	code = looks_run(&f->looks, timeout_ms);
	return code ? code : (int)f->handed;
}

static void describe(struct source *s)
{
	struct follow_source *f = (struct follow_source *)s;

	f->out.as_put = true;
	kvm_source_ops.describe(f->kvm);
	for (unsigned i = 0; i < f->nvmms; i++)
		for (struct follow_device *d = f->vmm[i]->devices; d; d = d->next)
			for (struct follow_queue *q = d->queues; q; q = q->next)
				if (q->snoop.on)
					snoop_describe(&q->snoop);
	output_flush(&f->out);
	f->out.as_put = false;
}

/* --- the end --------------------------------------------------------------------------------- */

static void note_within(struct follow_source *f)
{
	TEXT(t, 200);

	if (!f->looks.within.count)
		return;
	looks_put_within(&f->looks, &t);
	for (unsigned i = 0; i < f->nvmms; i++)
		follow_note(f->vmm[i], VQT_NO_DEVICE, VQT_NOTE_INFO, t.buf);
}

/* What was read belongs to the file before. */
static void settle(struct source *s)
{
	struct follow_source *f = (struct follow_source *)s;

	uint64_t until = clock_ns(CLOCK_MONOTONIC) + SETTLE_MS * UINT64_C(1000000);
	bool sure = catch_up(f);

	while (!sure && clock_ns(CLOCK_MONOTONIC) < until) {
		usleep(1000);
		sure = catch_up(f);
	}
	if (!sure)
		follow_drop_all(f);
	note_within(f);
	output_flush(&f->out);
}

/* Of queues that could not be looked at any more, nobody knows what came since the look before. */
static void lose_unseen(struct follow_vmm *v, uint64_t since)
{
	for (struct follow_device *d = v->devices; d; d = d->next)
		for (struct follow_queue *q = d->queues; q; q = q->next)
			if (q->snoop.on && q->looked < since)
				follow_lost_more(q);
}

static void stop(struct source *s)
{
	struct follow_source *f = (struct follow_source *)s;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	catch_up(f);
	for (unsigned i = 0; i < f->nvmms && !f->failed; i++) {
		struct follow_vmm *v = f->vmm[i];

		v->begun = 0;
		if (!v->gone)
			follow_look(v, true, now);
		if (!v->gone)
			lose_unseen(v, now);
		follow_lose_suspended(v);
	}
	note_within(f);
	kvm_source_ops.stop(f->kvm);
	output_flush(&f->out);
}

static void stats(const struct source *s, struct source_stats *out)
{
	const struct follow_source *f = (const struct follow_source *)s;
	struct snoop_stats t = follow_totals(f);

	kvm_source_ops.stats(f->kvm, out);
	out->lost.records += t.lost;
	out->lost.more |= t.lost_more != 0;
}

static bool alive(const struct source *s, pid_t pid)
{
	return process_alive(pid);
}

static void report(struct source *s)
{
	struct follow_source *f = (struct follow_source *)s;
	const struct source_request *r = &f->request;
	struct snoop_stats t = follow_totals(f);

	kvm_source_ops.report(f->kvm);
	if (f->switches)
		switches_report(f->switches, r, f->looks.began);
	looks_report(&f->looks, r, &t, "ended");
	if (f->failed)
		source_say(r, SOURCE_WARNING, "no memory: from there on rings were not followed");
}

static const struct option_row options[] = { {} };

const struct source_ops follow_source_ops = {
	.name = "kvm+memory",
	.summary = "virtual machines of any monitor from their start: what kvm records, and their "
		   "rings: -- COMMAND",
	.noun = "machine",
	.takes = SOURCE_TAKES_PROCESSES,
	.options = options,
	.config_size = sizeof(struct follow_config),
	.check = check,
	.open = open_source,
	.begin = begin,
	.descriptors = descriptors,
	.step = step,
	.settle = settle,
	.describe = describe,
	.stop = stop,
	.whole_stop = true,
	.capabilities = CAPS_PROBES | CAPS_FOREIGN | CAPS(SYS_NICE),
	.stats = stats,
	.alive = alive,
	.report = report,
	.close = close_source,
};
