/* SPDX-License-Identifier: MIT */
/* A traced process: attaches its probes and configures the BPF programs for it. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/calls/calls.h"
#include "bpf/calls/ends.h"
#include "bpf/capture/capture.h"
#include "bpf/session/describe.h"
#include "bpf/device/device.h"
#include "bpf/session/emit.h"
#include "bpf/capture/hold.h"
#include "bpf/capture/light.h"
#include "bpf/capture/late.h"
#include "bpf/device/sample.h"
#include "bpf/capture/stacks.h"
#include "bpf/capture/stream.h"
#include "bpf/capture/target.h"
#include "bpf/capture/wake.h"
#include "bpf/process/caps.h"
#include "bpf/process/state.h"
#include "bpf/prog/qemu.skel.h"

#define ROLE_POINTS (4 * QEMU_PROBES) /* of one program */

static void miss(struct capture *c, pid_t pid, const struct qemu_probe *p, int code)
{
	struct capture_missing *m;

	if (c->nmissing == MISSING)
		return;
	m = &c->missing[c->nmissing++];
	m->pid = pid;
	m->costs = p->costs;
	snprintf(m->probe, sizeof(m->probe), "%s", p->name);
	snprintf(m->reason, sizeof(m->reason), "%s",
		 code ? strerror(-code) : "not found in this QEMU");
}

/* What needs so many probes that only uprobe_multi links (Linux 6.6) can attach them in time. */
static const struct qemu_probe no_names = {
	.name = "functions without exported names",
	.costs = "class and instance initialisation, and what classes hold",
};

/* Light capture needs the probes on requests and devices, and on registers that are kicks. */
static bool counts(const struct qemu_probe *p)
{
	unsigned aux = (unsigned)(p->cookie >> 48), region = aux & 0xff;

	switch (p->program) {
	case QEMU_KICK:
	case QEMU_POP:
	case QEMU_FILL:
	case QEMU_SIGNAL:
	case QEMU_LIFECYCLE: return true;
	case QEMU_REG_WRITE:
		return aux & VQP_AUX_MMIO_NOTIFY || region == VQT_REGION_LEGACY ||
		       region == VQT_REGION_MMIO;
	default: return false;
	}
}

/*
 * Some lifecycle steps are needed to follow the queues, and to tell a device from a freed one
 * that was at the same address, even if they are not recorded.
 */
static bool tells_objects(const struct qemu_probe *p)
{
	unsigned step = (unsigned)(p->cookie >> 48);

	return p->cookie & (VQP_LIFECYCLE_FORGET | VQP_LIFECYCLE_REWIND) ||
	       (p->cookie & VQP_OBJ_KINDS) == VQP_OBJ_ENDS || step == VQT_LIFECYCLE_INSTANCE_INIT ||
	       step == VQT_LIFECYCLE_REALIZE;
}

static bool chosen(const struct capture *c, const struct qemu_probe *p)
{
	if (p->flags & QEMU_PROBE_DELIVERY && !c->o.delivery)
		return false;
	if (p->flags & QEMU_PROBE_CALLS_ONLY && !c->o.lifecycle)
		return false;
	if (p->flags & (c->o.stacks ? QEMU_PROBE_DEEP : QEMU_PROBE_SHALLOW))
		return false;
	if (c->o.no_backend && (p->program == QEMU_SUBMIT || p->program == QEMU_ANSWER))
		return false;
	if (c->o.light && !counts(p))
		return false;
	return !(p->flags & QEMU_PROBE_LIFE && c->o.no_lifecycle) || tells_objects(p);
}

/* The program for a role: the usual one, the counting one in a light capture, or the empty one. */
static void program_name(const struct capture *c, enum qemu_program role, char name[32])
{
	const char *own = qemu_program_name(role);

	if (c->o.empty && !qemu_program_is_return(role))
		own = "on_nothing";
	if (c->o.light && role != QEMU_LIFECYCLE)
		snprintf(name, 32, "light%s", own + strlen("on"));
	else
		snprintf(name, 32, "%s", own);
}

bool target_needs(const struct capture *c, const char *program)
{
	char name[32];

	for (unsigned role = 0; role < QEMU_PROGRAMS; role++) {
		program_name(c, role, name);
		if (!strcmp(name, program))
			return true;
	}
	return false;
}

/* Whether it is recorded as a call. */
static bool is_call(const struct target *t, const struct qemu_probe *p)
{
	return t->calls && p->begin && end_points_has(t->ends, elf_address(t->q->elf, p->begin));
}

/*
 * Where the probe is.  A call that is recorded as one begins where the function does, and so does what
 * is only recorded where calls are.
 */
static struct attach_point point_of(struct target *t, const struct qemu_probe *p)
{
	struct attach_point at = { .offset = p->offset, .cookie = p->cookie };
	bool call = is_call(t, p);

	if (call || (t->calls && p->begin && p->flags & QEMU_PROBE_CALLS_ONLY))
		at = (struct attach_point){
			.offset = p->begin,
			.cookie = p->begin_cookie |
				  (p->program == QEMU_REG_WRITE ? 0
								: VQP_COOKIE_OFF(calls_name(t, p))),
		};
	if (at.cookie != p->cookie && !call) /* its ends are not known */
		at.cookie =
			(at.cookie & ~VQP_COOKIE_AUX(VQP_AUX_CALL)) | VQP_COOKIE_AUX(VQP_AUX_NAMED);
	return at;
}

/* The places of a probe: one, or the returns of its function.  0: they are not known. */
static size_t points_of(struct target *t, const struct qemu_probe *p, struct attach_point *out,
			size_t max)
{
	if (qemu_program_is_return(p->program))
		return end_points_of(t, p->addr, out, max);
	if (!max)
		return 0;
	*out = point_of(t, p);
	return 1;
}

/* Attach all probes of one program.  A probe that fails is only reported as missing. */
static void attach_role(struct target *t, enum qemu_program role)
{
	struct capture *c = t->c;
	struct bpf_program *program;
	char name[32];
	struct attach_point points[ROLE_POINTS];
	const struct qemu_probe *of[ROLE_POINTS];
	size_t n = 0;

	for (size_t i = 0; i < t->q->nprobes; i++) {
		const struct qemu_probe *p = &t->q->probe[i];
		bool ret = qemu_program_is_return(role);
		size_t more;

		if (p->program != role || !chosen(c, p))
			continue;
		if (!p->offset && (p->flags & QEMU_PROBE_OPTIONAL || ret))
			continue; /* the function is missing, which its own probe says */
		more = p->offset ? points_of(t, p, points + n, ROLE_POINTS - n) : 0;
		if (!more)
			miss(c, t->p.pid, p, 0);
		while (more--)
			of[n++] = p;
	}
	if (!n)
		return;
	program_name(c, role, name);
	program = bpf_object__find_program_by_name(c->skel->obj, name);
	attach_points(&t->attach[role], program, c->multi, t->p.pid, t->p.object, points, n);
	for (size_t i = 0; i < n; i++)
		if (points[i].err)
			miss(c, t->p.pid, of[i], points[i].err);
}

/* The functions whose ends are recorded, before anything is attached. */
static int find_ends(struct target *t)
{
	int err = t->c->o.light ? 0 : end_points_open(&t->ends, t);

	if (err || !t->calls || !t->ends)
		return err;
	for (size_t i = 0; i < t->q->nprobes; i++)
		if (t->q->probe[i].begin && chosen(t->c, &t->q->probe[i]))
			end_points_add(t->ends, elf_address(t->q->elf, t->q->probe[i].begin));
	return t->c->multi ? calls_find(t) : -ENOTSUP;
}

static int explain_process(struct source_error *err, pid_t pid, int code, const struct process *p)
{
	TEXT(why, 500);

	switch (code) {
	case -ESRCH:
		return source_fail(
			err, code,
			"process %d: no such process; 'vqtrace record -p' alone lists the QEMUs",
			(int)pid);
	case -EACCES:
	case -EPERM:
		caps_explain(&why, CAPS(SYS_PTRACE) | CAPS(DAC_READ_SEARCH),
			     CAPS_PROBES | CAPS_FOREIGN);
		return source_fail(err, code, "process %d (%s): looking into it is %s", (int)pid,
				   p->comm, why.buf);
	case -ENOEXEC:
	case -ENOENT:
		return source_fail(
			err, code,
			"process %d (%s) is no QEMU system emulator; 'pgrep -a qemu' lists those",
			(int)pid, p->comm);
	case -ETIMEDOUT:
		return source_fail(err, code,
				   "process %d (%s): finding out whether it is a QEMU takes too "
				   "long: its mappings or its files are not those of one",
				   (int)pid, p->comm);
	}
	return source_fail(err, code, "process %d (%s): %s", (int)pid, p->comm, strerror(-code));
}

/* Make the BPF programs accept events of this process. */
static int admit(struct target *t)
{
	struct capture *c = t->c;
	struct vqp_proc proc = t->q->layout;
	struct vqp_memory memory = {};
	uint32_t key = (uint32_t)t->p.pid;
	int err;

	proc.source = t->source;
	proc.snaplen = c->o.snaplen;
	proc.queues = c->o.queues ? c->o.queues : ~0ULL;
	err = bpf_map_update_elem(bpf_map__fd(c->skel->maps.memories), &key, &memory, BPF_ANY);
	if (!err)
		err = bpf_map_update_elem(bpf_map__fd(c->skel->maps.procs), &key, &proc, BPF_ANY);
	return err ? -errno : 0;
}

void target_free(struct target *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < DEVICES; i++)
		if (t->c->device[i] && t->c->device[i]->target == t) {
			device_free(t->c->device[i]);
			t->c->device[i] = NULL;
		}
	wake_remove(t);
	query_free(&t->qmp);
	classes_close(t->classes);
	qemu_close(t->q);
	order_free(t->order);
	sample_free(t);
	stacks_close(t);
	calls_close(t);
	end_points_close(t->ends);
	hold_free(t);
	free(t);
}

/*
 * CAP_PERFMON, too, lets its mappings be read (Linux 6.14), but not its memory, without which nothing is
 * known of its devices.
 */
static bool is_hidden(const struct target *t)
{
	char byte;

	return !(caps_held() & CAPS(SYS_PTRACE)) &&
	       process_mem(&t->mem, t->p.text, &byte, sizeof(byte)) == -EPERM;
}

static int target_open(struct capture *c, struct target **out, pid_t pid, struct source_error *err)
{
	struct target *t = calloc(1, sizeof(*t));
	int code;

	if (!t)
		return source_fail(err, -ENOMEM, "out of memory");
	t->c = c;
	t->end_fd = -1;
	foreign_init(&t->foreign, pid, &c->o.stop);
	t->mem = process_memory(&t->foreign);
	code = process_read(&t->p, &t->foreign);
	if (!code)
		code = is_hidden(t) ? -EPERM : qemu_open(&t->q, t->p.object, &c->o.stop);
	if (code) {
		explain_process(err, pid, code, &t->p);
		target_free(t);
		return code;
	}
	t->order = order_new(&stream_ops, t);
	if (!t->order || stacks_open(t) || calls_open(t) || qemu_unusable(t->q)) {
		source_fail(err, -ENOTSUP,
			    "process %d: %.200s: its virtqueues could not be understood (%.40s); "
			    "'vqtrace doctor %.100s' says more",
			    (int)pid, t->p.object_name,
			    qemu_unusable(t->q) ? qemu_unusable(t->q) : "no memory",
			    t->p.object_name);
		target_free(t);
		return -ENOTSUP;
	}
	*out = t;
	return 0;
}

int capture_attach(struct capture *c, pid_t pid, bool late, const struct capture_monitor *qmp,
		   struct source_error *err)
{
	struct target *t = NULL;
	bool hot = false;
	int code;

	if (c->ntargets == TARGETS)
		return source_fail(err, -ENOSPC, "too many processes for one capture; trace fewer");
	code = target_open(c, &t, pid, err);
	if (code)
		return code;
	t->late = late;
	if (qmp)
		late_ask(t, qmp);
	t->source = (uint8_t)(c->ntargets + 1);
	t->last_ts = capture_now();
	c->target[c->ntargets++] = t;
	code = find_ends(t);
	/* the ends first: without them the calls would have none */
	if (t->calls && t->ends)
		end_points_attach(t->ends, c->skel->progs.on_call_end);
	for (unsigned role = 0; role < QEMU_PROGRAMS; role++)
		attach_role(t, role);
	if (t->calls && !code)
		code = calls_attach(t);
	if (code)
		miss(c, pid, &no_names, code == -ENOENT ? 0 : code);
	if (late)
		late_find(t);
	hot = t->attach[QEMU_POP] && t->attach[QEMU_FILL];
	code = hot ? admit(t) : -EINVAL;
	if (code) {
		target_detach(t);
		c->ntargets--;
		if (!process_alive(pid))
			source_fail(
				err, code,
				"process %d ended while it was being attached to; nothing was recorded",
				(int)pid);
		else
			source_fail(err, code,
				    "process %d: uprobes could not be attached (%s); "
				    "'vqtrace doctor' looks closer",
				    (int)pid,
				    c->nmissing ? c->missing[c->nmissing - 1].reason
						: strerror(-code));
		target_free(t);
		return code;
	}
	wake_add(t);
	if (!c->stats.records)
		describe_session(c);
	t->last_ts = capture_now();
	describe_source(t);
	if (c->light)
		light_begin(t);
	for (size_t i = 0; i < c->nmissing; i++) {
		char text[256];

		if (c->missing[i].pid != pid)
			continue;
		snprintf(text, sizeof(text), "no probe for %s (%s): the trace lacks %s",
			 c->missing[i].probe, c->missing[i].reason, c->missing[i].costs);
		target_note(t, VQT_NO_DEVICE, text);
	}
	if (t->ends)
		end_points_done(t->ends);
	if (late)
		late_describe(t);
	if (qmp)
		late_answered(t);
	return 0;
}

void target_end(struct target *t)
{
	uint32_t key = (uint32_t)t->p.pid;

	bpf_map_delete_elem(bpf_map__fd(t->c->skel->maps.procs), &key);
}

void target_detach(struct target *t)
{
	target_end(t);
	for (unsigned role = 0; role < QEMU_PROGRAMS; role++) {
		attach_detach(t->attach[role]);
		t->attach[role] = NULL;
	}
	calls_detach(t);
	end_points_close(t->ends);
	t->ends = NULL;
	t->dead = true;
}

struct target *capture_target(const struct capture *c, pid_t pid)
{
	for (size_t i = c->ntargets; i--;)
		if (c->target[i]->p.pid == pid)
			return c->target[i];
	return NULL;
}
