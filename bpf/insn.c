/* SPDX-License-Identifier: MIT */
#include <capstone/capstone.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/insn.h"
#include "bpf/qemu.h"

#define INSN_MAX 8192

static const struct value unknown = { .base = VALUE_UNKNOWN };

static const uint8_t arg_regs[] = { VQP_RDI, VQP_RSI, VQP_RDX, VQP_RCX, VQP_R8, VQP_R9 };

/* Capstone's register numbers are not in a useful order: name -> family and size. */
static const struct {
	uint16_t cs[4]; /* 64, 32, 16, 8 bits */
} families[16] = {
	[VQP_RAX] = { { X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL } },
	[VQP_RBX] = { { X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL } },
	[VQP_RCX] = { { X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL } },
	[VQP_RDX] = { { X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL } },
	[VQP_RSI] = { { X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL } },
	[VQP_RDI] = { { X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL } },
	[VQP_RBP] = { { X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL } },
	[VQP_RSP] = { { X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL } },
	[VQP_R8] = { { X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B } },
	[VQP_R9] = { { X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B } },
	[VQP_R10] = { { X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B } },
	[VQP_R11] = { { X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B } },
	[VQP_R12] = { { X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B } },
	[VQP_R13] = { { X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B } },
	[VQP_R14] = { { X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B } },
	[VQP_R15] = { { X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B } },
};

/* Family of a register, its size in bytes in *size; -1 for others. */
static int family(unsigned reg, unsigned *size)
{
	static const uint8_t sizes[] = { 8, 4, 2, 1 };

	for (int f = 0; f < 16; f++)
		for (int s = 0; s < 4; s++)
			if (families[f].cs[s] == reg) {
				*size = sizes[s];
				return f;
			}
	*size = 0;
	return -1;
}

static bool same(struct value a, struct value b)
{
	return a.base == b.base && (a.base == VALUE_UNKNOWN || (a.scale == b.scale && a.off == b.off));
}

static struct value add(struct value a, struct value b)
{
	if (a.base == VALUE_UNKNOWN || b.base == VALUE_UNKNOWN || (a.base && b.base))
		return unknown;
	return (struct value){ a.base + b.base, a.scale + b.scale, a.off + b.off };
}

static struct value times(struct value a, int64_t by)
{
	if (by == 1)
		return a;
	if (a.base != VALUE_CONST)
		return unknown;
	return (struct value){ VALUE_CONST, (int32_t)(a.scale * by), a.off * by };
}

static struct value constant(int64_t v)
{
	return (struct value){ .base = VALUE_CONST, .off = v };
}

static struct value of_reg(const struct value r[16], unsigned reg)
{
	unsigned size;
	int f = family(reg, &size);

	return f < 0 || size < 4 ? unknown : r[f];
}

static struct value of_mem(const struct value r[16], const cs_insn *ci, const x86_op_mem *m)
{
	struct value v = constant(m->disp);

	if (m->segment == X86_REG_FS || m->segment == X86_REG_GS)
		return unknown;
	if (m->base == X86_REG_RIP)
		return constant((int64_t)(ci->address + ci->size) + m->disp);
	if (m->base != X86_REG_INVALID)
		v = add(v, of_reg(r, m->base));
	if (m->index != X86_REG_INVALID)
		v = add(v, times(of_reg(r, m->index), m->scale));
	return v;
}

/* The value an instruction leaves in its destination register. */
static struct value result(const struct value r[16], const cs_insn *ci, size_t index)
{
	const cs_x86 *x = &ci->detail->x86;
	const cs_x86_op *src = &x->operands[x->op_count > 1 ? 1 : 0], *dst = &x->operands[0];
	struct value load = { .base = VALUE_LOAD + (int32_t)index };
	bool mem = src->type == X86_OP_MEM, imm = src->type == X86_OP_IMM;

	switch (ci->id) {
	case X86_INS_MOV:
	case X86_INS_MOVZX:
	case X86_INS_MOVSX:
	case X86_INS_MOVSXD:
	case X86_INS_MOVABS:
		return mem ? load : imm ? constant(src->imm) : of_reg(r, src->reg);
	case X86_INS_LEA:
		return of_mem(r, ci, &src->mem);
	case X86_INS_ADD:
		return add(of_reg(r, dst->reg),
			   mem ? load : imm ? constant(src->imm) : of_reg(r, src->reg));
	case X86_INS_SUB:
		return imm ? add(of_reg(r, dst->reg), constant(-src->imm)) : unknown;
	case X86_INS_SHL:
	case X86_INS_SAL:
		return imm && src->imm < 32 ? times(of_reg(r, dst->reg), 1LL << src->imm) : unknown;
	case X86_INS_IMUL:
		if (x->op_count == 3 && src->type == X86_OP_REG)
			return times(of_reg(r, src->reg), x->operands[2].imm);
		return unknown;
	case X86_INS_XOR:
		return src->type == X86_OP_REG && src->reg == dst->reg ? constant(0) : unknown;
	}
	return unknown;
}

/* Instructions whose first operand is only read. */
static bool only_reads(unsigned id)
{
	switch (id) {
	case X86_INS_CMP:
	case X86_INS_TEST:
	case X86_INS_BT:
	case X86_INS_PUSH:
	case X86_INS_NOP:
	case X86_INS_JMP:
	case X86_INS_CALL:
		return true;
	}
	return false;
}

static void step(struct function *f, size_t i, const cs_insn *ci, struct value out[16])
{
	static const uint8_t clobbered[] = { VQP_RAX, VQP_RCX, VQP_RDX, VQP_RSI, VQP_RDI,
					     VQP_R8,  VQP_R9,  VQP_R10, VQP_R11 };
	const cs_x86 *x = &ci->detail->x86;
	struct insn *in = &f->insn[i];
	struct value v;
	unsigned size;
	int fam;

	for (int o = 0; o < x->op_count; o++) {
		const cs_x86_op *op = &x->operands[o];

		if (op->type == X86_OP_MEM && !in->lea) {
			in->load = of_mem(f->in[i], ci, &op->mem);
			in->load_width = op->size;
		}
	}
	memcpy(out, f->in[i], sizeof(f->in[i]));
	if (in->kind == INSN_CALL || in->kind == INSN_CALL_INDIRECT) {
		for (size_t c = 0; c < sizeof(clobbered); c++)
			out[clobbered[c]] = unknown;
		return;
	}
	if (ci->id == X86_INS_POP || ci->id == X86_INS_XCHG || ci->id == X86_INS_CMPXCHG ||
	    ci->id == X86_INS_XADD || x->op_count == 0 ||
	    (ci->id == X86_INS_IMUL && x->op_count == 1) || ci->id == X86_INS_MUL ||
	    ci->id == X86_INS_DIV || ci->id == X86_INS_IDIV) {
		/* rare: forget whatever it may write */
		for (int o = 0; o < x->op_count; o++)
			if (x->operands[o].type == X86_OP_REG &&
			    (fam = family(x->operands[o].reg, &size)) >= 0)
				out[fam] = unknown;
		for (uint8_t w = 0; w < ci->detail->regs_write_count; w++) {
			fam = family(ci->detail->regs_write[w], &size);
			if (fam >= 0)
				out[fam] = unknown;
		}
		return;
	}
	if (only_reads(ci->id) || x->operands[0].type != X86_OP_REG)
		return;
	fam = family(x->operands[0].reg, &size);
	if (fam < 0)
		return;
	v = size >= 4 ? result(f->in[i], ci, i) : unknown;
	out[fam] = v;
}

/* Merge a state into an instruction's; true when that changed something. */
static bool merge(struct function *f, size_t i, const struct value s[16])
{
	bool changed = false;

	if (!f->reached[i]) {
		memcpy(f->in[i], s, sizeof(f->in[i]));
		f->reached[i] = true;
		return true;
	}
	for (int r = 0; r < 16; r++)
		if (f->in[i][r].base != VALUE_UNKNOWN && !same(f->in[i][r], s[r])) {
			f->in[i][r] = unknown;
			changed = true;
		}
	return changed;
}

size_t function_at(const struct function *f, uint64_t addr)
{
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (f->insn[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->n && f->insn[lo].addr == addr ? lo : f->n;
}

static int follow(struct function *f, const cs_insn *ci)
{
	size_t *todo = calloc(f->n * 4 + 1, sizeof(*todo)), n = 0;
	struct value start[16], out[16];

	if (!todo)
		return -ENOMEM;
	for (int r = 0; r < 16; r++)
		start[r] = unknown;
	for (size_t a = 0; a < 6; a++)
		start[arg_regs[a]] = (struct value){ .base = VALUE_ARG((int)a) };
	start[VQP_RSI] = (struct value){ .base = VALUE_CONST, .scale = 1 };
	merge(f, 0, start);
	todo[n++] = 0;
	while (n) {
		size_t i = todo[--n], t;
		const struct insn *in = &f->insn[i];

		step(f, i, &ci[i], out);
		if ((in->kind == INSN_JMP || in->kind == INSN_JCC) &&
		    (t = function_at(f, in->target)) < f->n && merge(f, t, out) && n < f->n * 4)
			todo[n++] = t;
		if (in->kind != INSN_JMP && in->kind != INSN_JMP_INDIRECT && in->kind != INSN_RET &&
		    i + 1 < f->n && merge(f, i + 1, out) && n < f->n * 4)
			todo[n++] = i + 1;
	}
	free(todo);
	return 0;
}

/* What the kernel's arch/x86/kernel/uprobes.c emulates: push reg, nop, call, jmp, jcc. */
static bool emulated(const uint8_t *b, size_t len)
{
	if (b[0] >= 0x50 && b[0] <= 0x57)
		return len == 1;
	if (b[0] == 0x41 && b[1] >= 0x50 && b[1] <= 0x57)
		return len == 2;
	if (b[0] == 0x90 || b[0] == 0xe8 || b[0] == 0xe9 || b[0] == 0xeb)
		return true;
	return (b[0] >= 0x70 && b[0] <= 0x7f) || (b[0] == 0x0f && b[1] >= 0x80 && b[1] <= 0x8f);
}

static void describe(struct insn *in, const cs_insn *ci)
{
	const cs_x86 *x = &ci->detail->x86;
	bool direct = x->op_count && x->operands[0].type == X86_OP_IMM;

	in->addr = ci->address;
	in->len = (uint8_t)ci->size;
	in->emulated = emulated(ci->bytes, ci->size);
	in->lea = ci->id == X86_INS_LEA || ci->id == X86_INS_NOP;
	for (int o = 0; o < x->op_count; o++) {
		const cs_x86_op *op = &x->operands[o];

		if (op->type == X86_OP_MEM && op->mem.base == X86_REG_RIP)
			in->rip_ref = ci->address + ci->size + (uint64_t)op->mem.disp;
		if (op->type == X86_OP_IMM) {
			in->has_imm = true;
			in->imm = op->imm;
		}
	}
	if (ci->id == X86_INS_CALL)
		in->kind = direct ? INSN_CALL : INSN_CALL_INDIRECT;
	else if (ci->id == X86_INS_JMP)
		in->kind = direct ? INSN_JMP : INSN_JMP_INDIRECT;
	else if (ci->id == X86_INS_RET)
		in->kind = INSN_RET;
	else
		for (uint8_t g = 0; g < ci->detail->groups_count; g++)
			if (ci->detail->groups[g] == X86_GRP_JUMP)
				in->kind = INSN_JCC;
	if (direct)
		in->target = (uint64_t)x->operands[0].imm;
}

/*
 * Capstone 4 decodes some instructions by what malloc left in its memory (seen
 * on `test $imm8, mem`): give it zeroed memory, and one instruction at a time.
 */
static void *zeroed(size_t n)
{
	return calloc(1, n);
}

static int disassemble(struct function *f, const uint8_t *code, csh h, cs_insn *all,
		       cs_detail *details)
{
	size_t left = f->end - f->start;
	uint64_t addr = f->start;
	cs_insn *one = cs_malloc(h);

	if (!one)
		return -ENOMEM;
	while (left && f->n < INSN_MAX) {
		memset(one->detail, 0, sizeof(*one->detail));
		if (!cs_disasm_iter(h, &code, &left, &addr, one))
			break;
		details[f->n] = *one->detail;
		all[f->n] = *one;
		all[f->n].detail = &details[f->n];
		describe(&f->insn[f->n], &all[f->n]);
		f->n++;
	}
	cs_free(one, 1);
	return f->n ? 0 : -EILSEQ;
}

static int decode(struct function *f)
{
	static const cs_opt_mem memory = { zeroed, calloc, realloc, free, vsnprintf };
	const uint8_t *code = elf_bytes(f->elf, f->start, f->end - f->start);
	size_t max = f->end - f->start < INSN_MAX ? f->end - f->start : INSN_MAX;
	cs_insn *all = calloc(max, sizeof(*all));
	cs_detail *details = calloc(max, sizeof(*details));
	int err = -ENOMEM;
	csh h;

	cs_option(0, CS_OPT_MEM, (size_t)&memory);
	if (!code || cs_open(CS_ARCH_X86, CS_MODE_64, &h) != CS_ERR_OK)
		goto out;
	cs_option(h, CS_OPT_DETAIL, CS_OPT_ON);
	f->insn = calloc(max, sizeof(*f->insn));
	f->in = calloc(max, sizeof(*f->in));
	f->reached = calloc(max, sizeof(*f->reached));
	if (all && details && f->insn && f->in && f->reached)
		err = disassemble(f, code, h, all, details);
	if (!err)
		err = follow(f, all);
	cs_close(&h);
out:
	free(all);
	free(details);
	return err;
}

int function_open(struct function **out, const struct elf *e, uint64_t addr)
{
	struct function *f = calloc(1, sizeof(*f));
	int err;

	*out = NULL;
	if (!f)
		return -ENOMEM;
	f->elf = e;
	err = elf_function(e, addr, &f->start, &f->end);
	if (!err)
		err = decode(f);
	if (err) {
		function_close(f);
		return err;
	}
	*out = f;
	return 0;
}

void function_close(struct function *f)
{
	if (!f)
		return;
	free(f->insn);
	free(f->in);
	free(f->reached);
	free(f);
}

unsigned function_arg_reg_near(const struct function *f, size_t i, unsigned n, int64_t *off)
{
	if (i >= f->n || !f->reached[i])
		return VQP_NO_REG;
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned r = 0; r < 16; r++) {
			struct value v = f->in[i][r];
			bool is = n == 1 ? v.base == VALUE_CONST && v.scale == 1 :
					   v.base == VALUE_ARG((int)n) && !v.scale;

			/* first the argument itself, then something near it */
			if (is && (pass ? off != NULL : !v.off)) {
				if (off)
					*off = v.off;
				return r;
			}
		}
	return VQP_NO_REG;
}

unsigned function_arg_reg(const struct function *f, size_t i, unsigned n)
{
	return function_arg_reg_near(f, i, n, NULL);
}

static bool args_live(const struct function *f, size_t i, unsigned mask)
{
	for (unsigned n = 0; n < 6; n++)
		if (mask & 1U << n && function_arg_reg(f, i, n) == VQP_NO_REG)
			return false;
	return true;
}

/* Is anything from the first to instruction i reached by a jump, too? */
static bool jumped_into(const struct function *f, size_t i)
{
	for (size_t k = 0; k < f->n; k++)
		if ((f->insn[k].kind == INSN_JMP || f->insn[k].kind == INSN_JCC) &&
		    f->insn[k].target >= f->start && f->insn[k].target <= f->insn[i].addr)
			return true;
	return false;
}

size_t function_probe_point(const struct function *f, unsigned mask)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct insn *in = &f->insn[i];

		if (in->emulated && args_live(f, i, mask))
			return jumped_into(f, i) ? 0 : i;
		if (in->kind != INSN_OTHER)
			break;
	}
	return 0;
}

/* Does the straight line from instruction i touch the variable before it branches twice? */
static bool touches(const struct function *f, size_t i, uint64_t variable)
{
	for (size_t k = i; k < f->n && k < i + 6; k++) {
		if (f->insn[k].rip_ref == variable)
			return true;
		if (f->insn[k].kind != INSN_OTHER)
			return false;
	}
	return false;
}

static bool touches_cold(const struct function *f, uint64_t addr, uint64_t variable)
{
	struct function *cold;
	bool found = false;
	size_t i = function_at(f, addr);

	if (i < f->n)
		return touches(f, i, variable);
	/* gcc moves unlikely blocks into a function of their own */
	if (function_open(&cold, f->elf, addr))
		return false;
	i = function_at(cold, addr);
	found = i < cold->n && touches(cold, i, variable);
	function_close(cold);
	return found;
}

size_t function_trace_site(const struct function *f, uint64_t enabled_count, uint64_t state,
			   size_t from)
{
	if (!enabled_count || !state)
		return f->n;
	for (size_t i = from; i < f->n; i++) {
		if (f->insn[i].rip_ref != enabled_count)
			continue;
		for (size_t k = i; k < f->n && k < i + 8; k++) {
			if (f->insn[k].kind == INSN_OTHER)
				continue;
			if (f->insn[k].kind == INSN_JCC &&
			    (touches_cold(f, f->insn[k].target, state) || touches(f, k + 1, state)))
				return k;
			break;
		}
	}
	return f->n;
}

size_t function_call_site(const struct function *f, uint64_t target, size_t from)
{
	for (size_t i = from; i < f->n; i++)
		if ((f->insn[i].kind == INSN_CALL || f->insn[i].kind == INSN_JMP) &&
		    f->insn[i].target == target)
			return i;
	return f->n;
}
