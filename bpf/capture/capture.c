/* SPDX-License-Identifier: MIT */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bpf/capture/capture.h"
#include "bpf/device/class.h"
#include "bpf/capture/stacks.h"
#include "bpf/session/describe.h"
#include "bpf/device/device.h"
#include "bpf/session/emit.h"
#include "bpf/capture/hold.h"
#include "bpf/capture/light.h"
#include "bpf/capture/memory.h"
#include "bpf/device/sample.h"
#include "bpf/device/state.h"
#include "bpf/capture/stream.h"
#include "bpf/capture/target.h"
#include "bpf/capture/wake.h"
#include "bpf/process/caps.h"
#include "bpf/prog/qemu.skel.h"
#include "decoder/util/clock.h"

/*
 * How long to wait for a missing record when a later one has arrived.  The BPF programs
 * count the records that they could not send.  While a record is missing beyond that count,
 * it is still to come: its thread was interrupted between numbering and sending it.
 */
#define ORDER_WINDOW 200000000ULL
#define ORDER_PATIENCE 20000000000ULL
#define HOUSEKEEPING 20000000ULL

#define CLOCK_EVERY 256 /* records between two looks at the clock */

/* Has this turn taken its time?  Unwinding may be slower than what makes the records. */
static bool is_over(struct capture *c, bool unwound)
{
	if (!c->consume_until || (!unwound && ++c->consumed % CLOCK_EVERY))
		return false;
	return capture_now() > c->consume_until;
}

static int on_sample(void *ctx, void *data, size_t len)
{
	struct capture *c = ctx;

	return is_over(c, stream_take(c, data, len)) ? -ECANCELED : 0;
}

void capture_preamble(struct capture *c)
{
	describe_session(c);
	for (size_t i = 0; i < c->ntargets; i++) {
		describe_source(c->target[i]);
		stacks_again(c->target[i]);
	}
	for (size_t i = 0; i < DEVICES; i++) {
		struct device *d = c->device[i];

		if (!d || !d->wanted || d->gone || d->fresh)
			continue;
		describe_device(d);
		state_write(d);
		d->classes_written = false;
		if (class_due(d))
			class_write(d);
	}
}

/* --- opening --------------------------------------------------------------- */

/* The kernel takes a program that does nothing, but not ours: so says its verifier. */
static bool is_refused(int code)
{
	return (code == -EACCES || code == -EINVAL || code == -E2BIG) &&
	       !(CAPS_PROBES & ~caps_held()) &&
	       libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_KPROBE, NULL) == 1 &&
	       libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL) == 1;
}

static int explain_load(struct source_error *err, int code)
{
	TEXT(why, 400);

	if (is_refused(code))
		return source_fail(
			err, code,
			"cannot load the BPF programs: this kernel's verifier refuses them (%s); "
			"that is a bug of vqtrace, please report it with what 'uname -r' says",
			strerror(-code));
	switch (code) {
	case -EPERM:
	case -EACCES:
		caps_explain(&why, CAPS_PROBES, CAPS_PROBES | CAPS_FOREIGN);
		return source_fail(err, code, "cannot load the BPF programs: %s", why.buf);
	case -ENOENT:
	case -ENOTSUP:
	case -EINVAL:
		return source_fail(
			err, code,
			"cannot load the BPF programs: this kernel lacks something they need "
			"(Linux 5.17 or later; 'vqtrace doctor' says what)");
	}
	return source_fail(err, code,
			   "cannot load the BPF programs: %s; 'vqtrace doctor' looks closer",
			   strerror(-code));
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static size_t power_of_two(size_t n)
{
	size_t p = 4096;

	while (p < n && p < 1UL << 31)
		p <<= 1;
	return p;
}

#define LARGE_BUFFER (4 << 20) /* bytes: many times what the programs write between two looks */

static int load(struct capture *c, struct source_error *err)
{
	size_t buffer = power_of_two(c->o.buffer ? c->o.buffer : CAPTURE_BUFFER);
	struct bpf_program *prog;
	int ncpu = libbpf_num_possible_cpus(), code;
	bool sleep;

	c->skel = qemu_bpf__open();
	if (!c->skel)
		return explain_load(err, -errno);
	c->multi = attach_have_multi();
	sleep = attach_can_sleep();
	c->skel->rodata->can_sleep = sleep;
	c->skel->rodata->can_find_vma =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_find_vma, NULL) == 1;
	bpf_object__for_each_program(prog, c->skel->obj)
	{
		attach_prepare(prog, c->multi, sleep);
		bpf_program__set_autoload(prog, target_needs(c, bpf_program__name(prog)));
	}
	if (c->o.light && light_prepare(c))
		return explain_load(err, -EINVAL);
	bpf_map__set_max_entries(c->skel->maps.events, (uint32_t)buffer);
	bpf_map__set_max_entries(c->skel->maps.scratches,
				 (uint32_t)(ncpu > 0 ? ncpu : 1) * VQP_SCRATCH_PER_CPU);
	if (c->o.tables)
		bpf_map__set_max_entries(c->skel->maps.queues, c->o.tables);
	c->skel->rodata->wake_level = buffer / 2;
	if (buffer < LARGE_BUFFER)
		c->skel->rodata->look_mask = 0;
	c->skel->rodata->stacks_of = c->o.light ? 0 : c->o.stacks;
	c->skel->rodata->stack_level = buffer / 2;
	c->skel->rodata->with_calls = c->o.lifecycle && !c->o.light;
	if (c->o.stacks) {
		c->skel->rodata->wake_level = buffer / 8;
		bpf_map__set_max_entries(c->skel->maps.stack_scratches,
					 (uint32_t)(ncpu > 0 ? ncpu : 1) * VQP_SCRATCH_PER_CPU);
	}
	code = qemu_bpf__load(c->skel);
	if (code)
		return explain_load(err, code);
	if (c->o.light && (code = light_open(c)))
		return explain_load(err, code);
	c->rb = ring_buffer__new(bpf_map__fd(c->skel->maps.events), on_sample, c, NULL);
	if (!c->rb)
		return explain_load(err, -errno);
	code = wake_open(c);
	return code ? explain_load(err, code) : 0;
}

int capture_open(struct capture **out, const struct capture_options *options,
		 struct source_error *err)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct capture *c = calloc(1, sizeof(*c));
	int code;

	*out = NULL;
	if (!c)
		return source_fail(err, -ENOMEM, "out of memory");
	c->o = *options;
	c->wall = clock_wall_offset();
	/* Only kernels before 5.11 need it; later ones may refuse it. */
	setrlimit(RLIMIT_MEMLOCK, &all);
	libbpf_set_print(quiet);
	code = load(c, err);
	if (code) {
		capture_close(c);
		return code;
	}
	*out = c;
	return 0;
}

/* --- running --------------------------------------------------------------- */

/* Records that are missing come no more after so long. */
static uint64_t window(const struct capture *c)
{
	return stream_counter(c, VQP_LOST_BUFFER) > c->seen_lost ? ORDER_WINDOW : ORDER_PATIENCE;
}

/* Of a process from which nothing comes there is nothing to do. */
static void keep_target(struct target *t, uint64_t now)
{
	if (order_waits(t->order))
		order_expire(t->order, now, window(t->c));
	hold_tick(t, now);
	wake_look(t);
	if (t->heard && !t->dead)
		t->heard = !memory_update(t);
}

static void housekeeping(struct capture *c, uint64_t now)
{
	if (now - c->tick < HOUSEKEEPING)
		return;
	c->tick = now;
	for (size_t i = 0; i < c->ntargets; i++)
		keep_target(c->target[i], now);
	light_tick(c, now);
	sample_tick(c, now);
	for (size_t i = 0; i < DEVICES; i++)
		if (c->device[i] && !c->device[i]->complete && !c->device[i]->gone &&
		    !c->device[i]->fresh)
			device_refresh(c->device[i]);
		else if (c->device[i] && class_due(c->device[i]))
			class_write(c->device[i]);
}

#define CONSUME_NS UINT64_C(100000000) /* at a time */

/* Records that are there; their number, or negative errno. */
static int consume(struct capture *c)
{
	int n;

	c->consume_until = capture_now() + CONSUME_NS;
	n = ring_buffer__consume(c->rb);
	c->consume_until = 0;
	c->behind = n == -ECANCELED;
	return c->behind ? 0 : n;
}

int capture_poll(struct capture *c, int timeout_ms)
{
	int n = wake_wait(c, c->behind ? 0 : timeout_ms);

	if (n == -EINTR)
		return n;
	c->handed = 0;
	for (size_t i = 0; i < c->ntargets; i++)
		foreign_begin_with_use(&c->target[i]->foreign);
	n = consume(c);
	housekeeping(c, capture_now());
	return n < 0 ? n : (int)c->handed;
}

int capture_fd(const struct capture *c)
{
	return c->wake_fd;
}

bool capture_behind(const struct capture *c)
{
	return c->behind;
}

void capture_settle(struct capture *c)
{
	if (c->light)
		light_read(c);
}

void capture_stop(struct capture *c)
{
	sample_last(c);
	/* The end was asked for: what arrives until then is still complete. */
	for (size_t i = 0; i < c->ntargets; i++) {
		c->target[i]->foreign.stop.asked = NULL;
		if (c->target[i]->q->work)
			c->target[i]->q->work->stop.asked = NULL;
		foreign_begin(&c->target[i]->foreign);
	}
	/* what was recorded until here is whole, and all of it is read */
	for (size_t i = 0; i < c->ntargets; i++)
		target_end(c->target[i]);
	for (size_t i = 0; i < c->ntargets; i++)
		target_detach(c->target[i]);
	if (c->rb)
		ring_buffer__consume(c->rb);
	for (size_t i = 0; i < c->ntargets; i++) {
		order_expire(c->target[i]->order, capture_now(), 0);
		/* of what never became a device nothing is written */
		hold_release(c->target[i], false);
		sample_flush(c->target[i], UINT64_MAX);
	}
	stream_lost_last(c);
	capture_settle(c);
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	if (c->skel)
		for (size_t i = 0; i < c->ntargets; i++)
			target_detach(c->target[i]);
	for (size_t i = 0; i < c->ntargets; i++)
		target_free(c->target[i]);
	if (c->cost_fd > 0)
		close(c->cost_fd);
	light_close(c);
	wake_close(c);
	ring_buffer__free(c->rb);
	qemu_bpf__destroy(c->skel);
	free(c);
}

unsigned capture_alive(const struct capture *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->ntargets; i++)
		n += !c->target[i]->dead;
	return n;
}

uint64_t capture_lost(const struct capture *c)
{
	return c->stats.lost;
}

void capture_stats(const struct capture *c, struct capture_stats *out)
{
	*out = c->stats;
	out->chains_missed = stream_counter(c, VQP_LOST_CHAINS);
	out->stacks_missed = stream_counter(c, VQP_LOST_STACKS);
	out->calls_missed = stream_counter(c, VQP_LOST_CALLS);
	out->alive = capture_alive(c);
	for (size_t i = 0; i < c->ntargets; i++) {
		out->stacks_missed += stacks_unknown(c->target[i]);
		out->stacks_unread += stacks_unread(c->target[i]);
		out->stacks_given_up |= stacks_given_up(c->target[i]);
	}
}

int capture_cost(struct capture *c, uint64_t *hits, uint64_t *ns)
{
	struct bpf_program *prog;

	*hits = *ns = 0;
	if (!c->cost_fd)
		c->cost_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (c->cost_fd < 0)
		return c->cost_fd;
	bpf_object__for_each_program(prog, c->skel->obj)
	{
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);
		int fd = bpf_program__fd(prog);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
			continue;
		*hits += info.run_cnt;
		*ns += info.run_time_ns;
	}
	return 0;
}

size_t capture_missing(const struct capture *c, struct capture_missing *out, size_t max)
{
	size_t n = c->nmissing < max ? c->nmissing : max;

	memcpy(out, c->missing, n * sizeof(*out));
	return n;
}

size_t capture_devices(const struct capture *c, struct capture_device *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < DEVICES && n < max; i++) {
		const struct device *d = c->device[i];

		if (!d || d->fresh)
			continue;
		out[n] = (struct capture_device){ .id = (uint16_t)i,
						  .virtio_id = d->r.virtio_id,
						  .flags = d->r.flags,
						  .pid = d->target->p.pid,
						  .recorded = d->wanted };
		snprintf(out[n].name, sizeof(out[n].name), "%s", d->name);
		snprintf(out[n].type, sizeof(out[n].type), "%s", d->who.typename);
		n++;
	}
	return n;
}
