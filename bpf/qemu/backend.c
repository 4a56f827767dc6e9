/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "bpf/code/insn.h"
#include "bpf/qemu/backend.h"
#include "bpf/qemu/probes.h"

/*
 * The device's code is followed from the exported function that serves its queue: through calls
 * and jumps, so deep and no further, to so many functions and no more.
 */
#define START "virtio_blk_handle_vq"
#define DEPTH 3
#define FUNCTIONS 192
#define CALLBACKS 16

/* The calls, and the register that holds the callback. */
static const struct call {
	const char *symbol;
	enum vqp_reg callback;
} calls[] = {
	{ "blk_aio_preadv", VQP_R8 },	     { "blk_aio_pwritev", VQP_R8 },
	{ "blk_aio_flush", VQP_RSI },	     { "blk_aio_pdiscard", VQP_RCX },
	{ "blk_aio_pwrite_zeroes", VQP_R8 },
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

struct search {
	struct qemu *q;
	uint64_t call[CALLS]; /* addresses; 0 not exported */
	bool found[CALLS]; /* a callback of it */
	uint64_t callback[CALLBACKS];
	size_t ncallbacks;
	uint64_t function[FUNCTIONS]; /* to look at, and looked at */
	unsigned depth[FUNCTIONS];
	size_t nfunctions;
};

static const struct probe_row row = {
	.program = QEMU_ANSWER,
	.flags = QEMU_PROBE_HOT,
	.arg = { PROBE_ARG(0), PROBE_ARG(1) },
	.costs = "when the back end has answered requests",
};

static void add_probe(struct search *s, size_t call, uint64_t addr)
{
	char name[48];

	snprintf(name, sizeof(name), "callback of %s", calls[call].symbol);
	probe_function(s->q, name, addr, &row);
}

static bool is_function(const struct search *s, uint64_t addr)
{
	uint64_t start, end;

	return elf_is_code(s->q->elf, addr) && !elf_function(s->q->elf, addr, &start, &end) &&
	       start == addr;
}

/*
 * The callback that is passed at instruction i; 0 unknown.  Code behind a jump table is not
 * followed: there it is the function whose address was loaded last, if nothing else is called
 * in between.
 */
static uint64_t callback_at(const struct search *s, const struct function *f, size_t i,
			    enum vqp_reg reg)
{
	struct value v = f->in[i][reg];

	if (f->reached[i])
		return v.base == VALUE_CONST && !v.scale && is_function(s, (uint64_t)v.off)
			       ? (uint64_t)v.off
			       : 0;
	while (i-- && f->insn[i].kind == INSN_OTHER)
		if (f->insn[i].lea && is_function(s, f->insn[i].rip_ref))
			return f->insn[i].rip_ref;
	return 0;
}

static void add_callback(struct search *s, size_t call, uint64_t addr)
{
	if (!addr)
		return;
	s->found[call] = true;
	for (size_t i = 0; i < s->ncallbacks; i++)
		if (s->callback[i] == addr)
			return;
	if (s->ncallbacks == CALLBACKS)
		return;
	s->callback[s->ncallbacks++] = addr;
	add_probe(s, call, addr);
}

static void add_function(struct search *s, uint64_t addr, unsigned depth)
{
	for (size_t i = 0; i < s->nfunctions; i++)
		if (s->function[i] == addr)
			return;
	if (depth > DEPTH || s->nfunctions == FUNCTIONS || !elf_is_code(s->q->elf, addr))
		return;
	s->function[s->nfunctions] = addr;
	s->depth[s->nfunctions++] = depth;
}

static bool leaves(const struct function *f, const struct insn *in)
{
	return (in->kind == INSN_CALL || in->kind == INSN_JMP || in->kind == INSN_JCC) &&
	       (in->target < f->start || in->target >= f->end);
}

static void look(struct search *s, uint64_t addr, unsigned depth)
{
	struct function *f;

	if (function_open(&f, s->q->elf, addr))
		return;
	for (size_t i = 0; i < f->n; i++) {
		size_t call = 0;

		if (!leaves(f, &f->insn[i]))
			continue;
		while (call < CALLS && s->call[call] != f->insn[i].target)
			call++;
		if (call < CALLS)
			add_callback(s, call, callback_at(s, f, i, calls[call].callback));
		else
			add_function(s, f->insn[i].target, depth + 1);
	}
	function_close(f);
}

void backend_probes(struct qemu *q)
{
	struct search s = { .q = q };

	for (size_t i = 0; i < CALLS; i++)
		s.call[i] = elf_symbol(q->elf, calls[i].symbol);
	add_function(&s, elf_symbol(q->elf, START), 0);
	for (size_t i = 0; i < s.nfunctions; i++)
		look(&s, s.function[i], s.depth[i]);
	for (size_t i = 0; i < CALLS; i++)
		if (!s.found[i])
			add_probe(&s, i, 0);
}
