/* SPDX-License-Identifier: MIT */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/session/emit.h"
#include "bpf/calls/ends.h"
#include "bpf/prog/qemu.skel.h"
#include "bpf/code/ends.h"
#include "decoder/util/array.h"

#define FUNCTIONS (2 * VQP_NAMES) /* at most */
#define POINTS 16384 /* probes at most */
/*
 * A function that a recorded one jumps to is followed if it leads to other recorded ones, which are then in
 * the call, and is called from few places: others may be called for every request or queue.  A probe at a
 * return instruction is single-stepped, which takes some 5 to 20 us.
 */
#define CALLED_BY 32
#define WORK 8 /* times the usual limits: functions are decoded */

/* A function whose ends are known, and where they are in end[]. */
struct known {
	uint64_t addr;
	size_t first, n;
};

struct end_points {
	struct target *t;
	struct ends *finder;
	struct known *function;
	size_t n, cap;
	struct function_end *end;
	size_t nends, ends_cap;
	unsigned failed; /* functions whose ends are not known */
	struct attach *link;
};

int end_points_open(struct end_points **out, struct target *t)
{
	struct end_points *e = calloc(1, sizeof(*e));
	int err;

	*out = NULL;
	if (t->q->work)
		foreign_begin_large(t->q->work, WORK);
	err = e ? ends_open(&e->finder, t->q->elf) : -ENOMEM;
	if (err) {
		free(e);
		return err;
	}
	e->t = t;
	*out = e;
	return 0;
}

static uint64_t running_address(const struct target *t, uint64_t addr)
{
	return addr + t->p.text - elf_address(t->q->elf, t->p.text_offset);
}

/* What the programs know of jumps: the functions whose ends are probed. */
static void say_begin(const struct target *t, uint64_t addr, bool begins)
{
	struct vqp_key key = { .ptr = running_address(t, addr), .tgid = (uint32_t)t->p.pid };
	int map = bpf_map__fd(t->c->skel->maps.begins);
	uint32_t one = 1;

	if (begins)
		bpf_map_update_elem(map, &key, &one, BPF_ANY);
	else
		bpf_map_delete_elem(map, &key);
}

void end_points_close(struct end_points *e)
{
	if (!e)
		return;
	if (e->link)
		for (size_t i = 0; i < e->n; i++)
			say_begin(e->t, e->function[i].addr, false);
	attach_detach(e->link);
	ends_close(e->finder);
	free(e->function);
	free(e->end);
	free(e);
}

bool end_points_has(const struct end_points *e, uint64_t addr)
{
	for (size_t i = 0; e && i < e->n; i++)
		if (e->function[i].addr == addr)
			return true;
	return false;
}

/* Whether the program can work out where it jumps to. */
static bool fits(const struct function_end *end)
{
	return end->off < 16384 && end->off >= -16384;
}

static int add(struct end_points *e, uint64_t addr)
{
	struct function_end end[FUNCTION_ENDS];
	size_t n = 0;
	int err = ends_find(e->finder, addr, end, &n);

	for (size_t i = 0; i < n && !err; i++)
		err = fits(&end[i]) ? 0 : -E2BIG;
	if (err || e->n == FUNCTIONS || e->nends + n > POINTS)
		return err ? err : -E2BIG;
	if (!array_room(e->function, e->cap, e->n + 1) ||
	    !array_room(e->end, e->ends_cap, e->nends + n + 1))
		return -ENOMEM;
	e->function[e->n++] = (struct known){ addr, e->nends, n };
	memcpy(e->end + e->nends, end, n * sizeof(*end));
	e->nends += n;
	return 0;
}

bool end_points_add(struct end_points *e, uint64_t addr)
{
	if (end_points_has(e, addr))
		return true;
	ends_known(e->finder, addr);
	if (!add(e, addr))
		return true;
	e->failed++;
	return false;
}

/* Whether a moment of it is recorded; such functions may be called for every request or queue. */
static bool is_moment(const struct target *t, uint64_t addr)
{
	uint64_t start, end;

	for (size_t i = 0; i < t->q->nprobes; i++)
		if (t->q->probe[i].addr &&
		    !elf_function(t->q->elf, t->q->probe[i].addr, &start, &end) && start == addr)
			return true;
	return false;
}

static bool is_recorded(const void *ctx, uint64_t addr)
{
	return end_points_has(ctx, addr);
}

/* What they jump to; and what that jumps to.  A kick without an ioeventfd may be in each request. */
static void follow(struct end_points *e)
{
	uint64_t kick = elf_symbol(e->t->q->elf, "virtio_queue_notify");

	for (size_t i = 0; i < e->nends; i++) { /* e->nends grows */
		uint64_t to = e->end[i].target;

		if (to && to != kick && !end_points_has(e, to) &&
		    ends_calls(e->finder, to) <= CALLED_BY && !is_moment(e->t, to) &&
		    ends_leads_to(e->finder, to, is_recorded, e))
			add(e, to);
	}
}

static uint64_t cookie_of(const struct end_points *e, const struct function_end *end)
{
	bool known = end->target && end_points_has(e, end->target);
	uint64_t cookie = VQP_COOKIE_REG(0, end->reg) | VQP_COOKIE_OFF(end->off);

	switch ((enum function_end_kind)end->kind) {
	case END_RETURN: return VQP_COOKIE(VQP_END_RETURN);
	case END_JUMP: return VQP_COOKIE(known ? VQP_END_JUMP_KNOWN : VQP_END_JUMP);
	case END_JUMP_IF:
		return VQP_COOKIE(known ? VQP_END_JUMP_KNOWN : VQP_END_JUMP) |
		       VQP_COOKIE_AUX(VQP_AUX_IF | end->condition);
	case END_JUMP_THROUGH:
		return cookie | VQP_COOKIE(VQP_END_JUMP_THROUGH) |
		       VQP_COOKIE_AUX(end->memory ? VQP_AUX_MEMORY : 0);
	}
	return 0;
}

/* To all or to none: without one of its ends a call would seem to go on. */
static int attach_all(struct end_points *e, struct bpf_program *program,
		      struct attach_point *points, size_t n)
{
	int err = attach_points(&e->link, program, e->t->c->multi, e->t->p.pid, e->t->p.object,
				points, n);

	for (size_t i = 0; i < n && !err; i++)
		err = points[i].err;
	if (err) {
		attach_detach(e->link);
		e->link = NULL;
	}
	return err;
}

void end_points_attach(struct end_points *e, struct bpf_program *program)
{
	struct attach_point *points;
	size_t n = 0;
	int err = 0;

	if (!e->n)
		return;
	follow(e);
	points = calloc(e->nends + 1, sizeof(*points));
	for (size_t i = 0; points && i < e->nends; i++) {
		uint64_t offset = elf_offset(e->t->q->elf, e->end[i].addr);
		bool have = false;

		for (size_t k = 0; k < n && !have; k++) /* two functions may share a part */
			have = points[k].offset == offset;
		if (!have)
			points[n++] = (struct attach_point){ .offset = offset,
							     .cookie = cookie_of(e, &e->end[i]) };
	}
	if (n)
		err = attach_all(e, program, points, n);
	free(points);
	if (err || !points) {
		e->failed += (unsigned)e->n;
		e->n = e->nends = 0;
	}
	for (size_t i = 0; i < e->n; i++)
		say_begin(e->t, e->function[i].addr, true);
}

void end_points_done(struct end_points *e)
{
	char text[160];

	ends_close(e->finder);
	e->finder = NULL;
	if (!e->failed)
		return;
	snprintf(text, sizeof(text),
		 "%u functions are recorded without their ends: these could not be found, or not "
		 "be probed",
		 e->failed);
	target_note(e->t, VQT_NO_DEVICE, text);
}

size_t end_points_of(struct target *t, uint64_t addr, struct attach_point *out, size_t max)
{
	struct function_end end[FUNCTION_ENDS];
	size_t n = 0, found = 0;

	if (!t->ends || !t->ends->finder || ends_find(t->ends->finder, addr, end, &n))
		return 0;
	for (size_t i = 0; i < n && found < max; i++)
		if (end[i].kind == END_RETURN)
			out[found++] = (struct attach_point){ .offset = elf_offset(t->q->elf,
										   end[i].addr) };
	return found;
}
