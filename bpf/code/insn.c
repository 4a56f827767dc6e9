/* SPDX-License-Identifier: MIT */
#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/code/insn.h"
#include "bpf/prog/qemu.h"

#define INSN_MAX 8192
#define OPERANDS 4 /* explicit operands kept for each instruction */

#define SLOTS 32 /* words of a stack that are tracked */
#define LOCAL 64 /* bytes that a pointer to the stack is taken to reach */

/* Words of the stack that only the function's own stores change. */
struct insn_frame {
	int64_t off[SLOTS]; /* from the stack pointer at the entry */
	size_t n;
	struct value *in; /* n for each instruction: what they hold before it */
};

static const struct value unknown = { .base = VALUE_UNKNOWN };

static const uint8_t arg_regs[] = { VQP_RDI, VQP_RSI, VQP_RDX, VQP_RCX, VQP_R8, VQP_R9 };

/* A decoded instruction: the part of Zydis's result that is evaluated. */
struct decoded {
	uint64_t addr;
	uint16_t mnemonic, written; /* bit n: general register n is written */
	uint8_t len, nops; /* explicit operands */
	ZydisDecodedOperand op[OPERANDS];
};

/* Number of a general register in a cookie, its size in bytes in *size; -1 for others. */
static int family(ZydisRegister reg, unsigned *size)
{
	static const uint8_t order[16] = {
		VQP_RAX, VQP_RCX, VQP_RDX, VQP_RBX, VQP_RSP, VQP_RBP, VQP_RSI, VQP_RDI,
		VQP_R8,	 VQP_R9,  VQP_R10, VQP_R11, VQP_R12, VQP_R13, VQP_R14, VQP_R15,
	};
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	*size = ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, reg) / 8;
	if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
		return -1;
	return order[whole - ZYDIS_REGISTER_RAX];
}

static bool same(struct value a, struct value b)
{
	return a.base == b.base &&
	       (a.base == VALUE_UNKNOWN || (a.scale == b.scale && a.off == b.off));
}

/* Offsets are addresses: they wrap.  No code of a compiler scales an argument out of 32 bits. */
static struct value make(int32_t base, int64_t scale, uint64_t off)
{
	if (scale < INT32_MIN || scale > INT32_MAX)
		return unknown;
	return (struct value){ base, (int32_t)scale, (int64_t)off };
}

static struct value add(struct value a, struct value b)
{
	if (a.base == VALUE_UNKNOWN || b.base == VALUE_UNKNOWN || (a.base && b.base))
		return unknown;
	return make(a.base + b.base, (int64_t)a.scale + b.scale, (uint64_t)a.off + (uint64_t)b.off);
}

static struct value times(struct value a, int64_t by)
{
	if (by == 1)
		return a;
	if (a.base != VALUE_CONST || by < INT32_MIN || by > INT32_MAX)
		return unknown;
	return make(VALUE_CONST, a.scale * by, (uint64_t)a.off * (uint64_t)by);
}

static struct value constant(int64_t v)
{
	return (struct value){ .base = VALUE_CONST, .off = v };
}

static struct value of_reg(const struct value r[16], ZydisRegister reg)
{
	unsigned size;
	int f = family(reg, &size);

	return f < 0 || size < 4 ? unknown : r[f];
}

static struct value of_mem(const struct value r[16], const struct decoded *d,
			   const ZydisDecodedOperand *op)
{
	struct value v = constant(op->mem.disp.value);

	if (op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS)
		return unknown;
	if (op->mem.base == ZYDIS_REGISTER_RIP)
		return constant((int64_t)(d->addr + d->len + (uint64_t)op->mem.disp.value));
	if (op->mem.base != ZYDIS_REGISTER_NONE)
		v = add(v, of_reg(r, op->mem.base));
	if (op->mem.index != ZYDIS_REGISTER_NONE)
		v = add(v, times(of_reg(r, op->mem.index), op->mem.scale));
	return v;
}

/* What the tracked words of the stack hold before instruction i; NULL: none are tracked. */
static struct value *stack_in(const struct function *f, size_t i)
{
	return f->frame && f->frame->in ? &f->frame->in[i * f->frame->n] : NULL;
}

/* The number of a tracked word; SLOTS: it is none. */
static size_t slot_at(const struct insn_frame *fr, struct value at)
{
	if (at.base == VALUE_STACK && !at.scale)
		for (size_t k = 0; k < fr->n; k++)
			if (fr->off[k] == at.off)
				return k;
	return SLOTS;
}

static struct value from_stack(const struct function *f, struct value at, size_t index)
{
	const struct value *in = stack_in(f, index);
	size_t k = in ? slot_at(f->frame, at) : SLOTS;

	return k < SLOTS ? in[k] : unknown;
}

static struct value of_operand(const struct function *f, const struct value r[16],
			       const struct decoded *d, const ZydisDecodedOperand *op, size_t index)
{
	struct value v;

	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER: return of_reg(r, op->reg.value);
	case ZYDIS_OPERAND_TYPE_IMMEDIATE: return constant(op->imm.value.s);
	case ZYDIS_OPERAND_TYPE_MEMORY:
		v = op->size == 64 ? from_stack(f, of_mem(r, d, op), index) : unknown;
		if (v.base != VALUE_UNKNOWN)
			return v;
		return (struct value){ .base = VALUE_LOAD + (int32_t)index };
	default: return unknown;
	}
}

/* The value that an instruction writes to its first operand, a register. */
static struct value result(const struct function *f, const struct value r[16],
			   const struct decoded *d, size_t index)
{
	const ZydisDecodedOperand *dst = &d->op[0], *src = &d->op[1];
	bool imm = src->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	if (d->nops < 2)
		return unknown;
	switch (d->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVZX:
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD: return of_operand(f, r, d, src, index);
	case ZYDIS_MNEMONIC_LEA: return of_mem(r, d, src);
	case ZYDIS_MNEMONIC_ADD:
		return add(of_reg(r, dst->reg.value), of_operand(f, r, d, src, index));
	case ZYDIS_MNEMONIC_SUB:
		return imm ? add(of_reg(r, dst->reg.value), constant((int64_t)-src->imm.value.u))
			   : unknown;
	case ZYDIS_MNEMONIC_SHL:
		return imm && src->imm.value.u < 32
			       ? times(of_reg(r, dst->reg.value), 1LL << src->imm.value.u)
			       : unknown;
	case ZYDIS_MNEMONIC_IMUL:
		return d->nops == 3 && src->type == ZYDIS_OPERAND_TYPE_REGISTER
			       ? times(of_reg(r, src->reg.value), d->op[2].imm.value.s)
			       : unknown;
	case ZYDIS_MNEMONIC_XOR:
		return src->type == ZYDIS_OPERAND_TYPE_REGISTER && src->reg.value == dst->reg.value
			       ? constant(0)
			       : unknown;
	}
	return unknown;
}

/* The address of a word that the instruction stores a register in; or unknown. */
static struct value stored_at(const struct function *f, size_t i, const struct decoded *d)
{
	if (d->mnemonic != ZYDIS_MNEMONIC_MOV || d->nops != 2 ||
	    d->op[0].type != ZYDIS_OPERAND_TYPE_MEMORY || d->op[0].size != 64 ||
	    d->op[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
		return unknown;
	return of_mem(f->in[i], d, &d->op[0]);
}

/* What an instruction leaves in the tracked words of the stack. */
static void store(const struct function *f, size_t i, const struct decoded *d, struct value *out)
{
	const struct insn_frame *fr = f->frame;
	const ZydisDecodedOperand *dst = &d->op[0];
	struct value at = stored_at(f, i, d);

	memcpy(out, stack_in(f, i), fr->n * sizeof(*out));
	if (slot_at(fr, at) < SLOTS) {
		out[slot_at(fr, at)] = of_reg(f->in[i], d->op[1].reg.value);
		return;
	}
	if (!d->nops || dst->type != ZYDIS_OPERAND_TYPE_MEMORY)
		return;
	at = of_mem(f->in[i], d, dst);
	for (size_t k = 0; at.base == VALUE_STACK && k < fr->n; k++)
		if (dst->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE && fr->off[k] > at.off - 8 &&
		    fr->off[k] < at.off + dst->size / 8)
			out[k] = unknown;
}

/* The stack pointer after an instruction, if that is one that moves it in passing. */
static struct value stack_after(struct value sp, const struct insn *in, const struct decoded *d,
				struct value otherwise)
{
	if (sp.base != VALUE_STACK)
		return otherwise;
	if (in->kind == INSN_CALL || in->kind == INSN_CALL_INDIRECT)
		return sp;
	if (d->mnemonic == ZYDIS_MNEMONIC_PUSH)
		return add(sp, constant(-8));
	if (d->mnemonic == ZYDIS_MNEMONIC_POP)
		return add(sp, constant(8));
	return otherwise;
}

static void step(struct function *f, size_t i, const struct decoded *d,
		 struct value out[16 + SLOTS])
{
	static const uint8_t clobbered[] = { VQP_RAX, VQP_RCX, VQP_RDX, VQP_RSI, VQP_RDI,
					     VQP_R8,  VQP_R9,  VQP_R10, VQP_R11 };
	struct insn *in = &f->insn[i];
	unsigned size = 0;
	int fam;

	for (unsigned o = 0; o < d->nops; o++)
		if (d->op[o].type == ZYDIS_OPERAND_TYPE_MEMORY && !in->lea) {
			in->load = of_mem(f->in[i], d, &d->op[o]);
			in->load_width = (uint8_t)(d->op[o].size / 8);
		}
	memcpy(out, f->in[i], sizeof(f->in[i]));
	if (stack_in(f, i))
		store(f, i, d, out + 16);
	if (in->kind == INSN_CALL || in->kind == INSN_CALL_INDIRECT)
		for (size_t c = 0; c < sizeof(clobbered); c++)
			out[clobbered[c]] = unknown;
	for (int r = 0; r < 16; r++)
		if (d->written >> r & 1)
			out[r] = unknown;
	out[VQP_RSP] = stack_after(f->in[i][VQP_RSP], in, d, out[VQP_RSP]);
	if (in->kind == INSN_CALL)
		out[VQP_RAX] = (struct value){ .base = VALUE_LOAD + (int32_t)i };
	if (!d->nops || d->op[0].type != ZYDIS_OPERAND_TYPE_REGISTER)
		return;
	fam = family(d->op[0].reg.value, &size);
	if (fam >= 0 && d->written >> fam & 1 && size >= 4)
		out[fam] = result(f, f->in[i], d, i);
}

static bool merge_values(struct value *into, const struct value *from, size_t n)
{
	bool changed = false;

	for (size_t i = 0; i < n; i++)
		if (into[i].base != VALUE_UNKNOWN && !same(into[i], from[i])) {
			into[i] = unknown;
			changed = true;
		}
	return changed;
}

/* Merge a state into an instruction's; true when that changed something. */
static bool merge(struct function *f, size_t i, const struct value s[16 + SLOTS])
{
	struct value *stack = stack_in(f, i);
	size_t n = stack ? f->frame->n : 0;
	bool changed;

	if (!f->reached[i]) {
		memcpy(f->in[i], s, sizeof(f->in[i]));
		if (stack)
			memcpy(stack, s + 16, n * sizeof(*stack));
		f->reached[i] = true;
		return true;
	}
	changed = merge_values(f->in[i], s, 16);
	return merge_values(stack, s + 16, n) || changed;
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

static int follow(struct function *f, const struct decoded *d)
{
	size_t *todo = calloc(f->n * 4 + 1, sizeof(*todo)), n = 0;
	struct value start[16 + SLOTS], out[16 + SLOTS];

	if (!todo)
		return -ENOMEM;
	memset(f->reached, 0, f->n * sizeof(*f->reached));
	for (int r = 0; r < 16 + SLOTS; r++)
		start[r] = unknown;
	if (f->frame)
		start[VQP_RSP] = (struct value){ .base = VALUE_STACK };
	for (size_t a = 0; a < 6; a++)
		start[arg_regs[a]] = (struct value){ .base = VALUE_ARG((int)a) };
	start[VQP_RSI] = (struct value){ .base = VALUE_CONST, .scale = 1 };
	merge(f, 0, start);
	todo[n++] = 0;
	while (n) {
		size_t i = todo[--n], t;
		const struct insn *in = &f->insn[i];

		step(f, i, &d[i], out);
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

/* The words of the stack that are worth tracking. */
static void choose_slots(struct function *f, const struct decoded *d)
{
	struct insn_frame *fr = f->frame;

	for (size_t i = 0; i < f->n; i++) {
		struct value at = f->reached[i] ? stored_at(f, i, &d[i]) : unknown;

		if (at.base == VALUE_STACK && !at.scale && fr->n < SLOTS &&
		    slot_at(fr, at) == SLOTS)
			fr->off[fr->n++] = at.off;
	}
	/* what has a pointer to it may be changed by anybody */
	for (size_t i = 0; i < f->n; i++) {
		struct value to = f->reached[i] && d[i].mnemonic == ZYDIS_MNEMONIC_LEA
					  ? of_mem(f->in[i], &d[i], &d[i].op[1])
					  : unknown;

		if (to.base != VALUE_STACK || d[i].op[0].reg.value == ZYDIS_REGISTER_RSP)
			continue;
		for (size_t k = 0; k < fr->n;)
			if (fr->off[k] > to.off - 8 && fr->off[k] < to.off + LOCAL)
				fr->off[k] = fr->off[--fr->n];
			else
				k++;
	}
}

static int follow_stack(struct function *f, const struct decoded *d)
{
	int err;

	f->frame = calloc(1, sizeof(*f->frame));
	err = f->frame ? follow(f, d) : -ENOMEM;
	if (err)
		return err;
	choose_slots(f, d);
	if (!f->frame->n)
		return 0;
	f->frame->in = calloc(f->n * f->frame->n, sizeof(*f->frame->in));
	return f->frame->in ? follow(f, d) : -ENOMEM;
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

static uint8_t kind_of(const ZydisDecodedInstruction *zi, bool direct)
{
	switch (zi->meta.category) {
	case ZYDIS_CATEGORY_CALL: return direct ? INSN_CALL : INSN_CALL_INDIRECT;
	case ZYDIS_CATEGORY_UNCOND_BR: return direct ? INSN_JMP : INSN_JMP_INDIRECT;
	case ZYDIS_CATEGORY_COND_BR: return INSN_JCC;
	case ZYDIS_CATEGORY_RET: return INSN_RET;
	default: return INSN_OTHER;
	}
}

static uint8_t through(ZydisRegister reg)
{
	unsigned size;
	int fam = family(reg, &size);

	return fam < 0 ? VQP_NO_REG : (uint8_t)fam;
}

static void describe(struct insn *in, struct decoded *d, const ZydisDecodedInstruction *zi,
		     const ZydisDecodedOperand *ops, const uint8_t *bytes, uint64_t addr)
{
	bool direct = zi->operand_count && ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
	unsigned size;

	in->addr = d->addr = addr;
	in->len = d->len = zi->length;
	in->emulated = emulated(bytes, zi->length);
	in->lea = zi->mnemonic == ZYDIS_MNEMONIC_LEA || zi->mnemonic == ZYDIS_MNEMONIC_NOP;
	in->kind = kind_of(zi, direct);
	in->through = VQP_NO_REG;
	if ((in->kind == INSN_CALL_INDIRECT || in->kind == INSN_JMP_INDIRECT) &&
	    zi->operand_count && ops[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
		in->through = through(ops[0].reg.value);
	d->mnemonic = (uint16_t)zi->mnemonic;
	for (unsigned o = 0; o < zi->operand_count; o++) {
		int fam = ops[o].type == ZYDIS_OPERAND_TYPE_REGISTER
				  ? family(ops[o].reg.value, &size)
				  : -1;

		if (fam >= 0 && ops[o].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			d->written |= (uint16_t)(1U << fam);
		if (o < zi->operand_count_visible && o < OPERANDS)
			d->op[d->nops++] = ops[o];
		if (ops[o].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    ops[o].mem.base == ZYDIS_REGISTER_RIP)
			in->rip_ref = addr + zi->length + (uint64_t)ops[o].mem.disp.value;
		if (ops[o].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    ops[o].mem.index != ZYDIS_REGISTER_NONE)
			in->indexed = true;
		if (ops[o].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
			in->has_imm = true;
			in->imm = ops[o].imm.value.s;
		}
	}
	if (direct && in->kind != INSN_OTHER)
		in->target = addr + zi->length + (uint64_t)ops[0].imm.value.s;
}

static int decode(struct function *f, bool stack)
{
	size_t len = f->end - f->start, max = len < INSN_MAX ? len : INSN_MAX, at = 0;
	const uint8_t *code = elf_bytes(f->elf, f->start, len);
	struct decoded *all = calloc(max, sizeof(*all));
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction zi;
	ZydisDecoder dec;
	int err = -ENOMEM;

	f->insn = calloc(max, sizeof(*f->insn));
	f->in = calloc(max, sizeof(*f->in));
	f->reached = calloc(max, sizeof(*f->reached));
	if (!code || !all || !f->insn || !f->in || !f->reached)
		goto out;
	ZydisDecoderInit(&dec, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	while (at < len && f->n < max) {
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&dec, code + at, len - at, &zi, ops)))
			break;
		describe(&f->insn[f->n], &all[f->n], &zi, ops, code + at, f->start + at);
		f->n++;
		at += zi.length;
	}
	err = f->n ? stack ? follow_stack(f, all) : follow(f, all) : -EILSEQ;
out:
	free(all);
	return err;
}

static int open_at(struct function **out, const struct elf *e, uint64_t addr, bool stack)
{
	struct function *f = calloc(1, sizeof(*f));
	int err;

	*out = NULL;
	if (!f)
		return -ENOMEM;
	f->elf = e;
	err = elf_function(e, addr, &f->start, &f->end);
	if (!err)
		err = decode(f, stack);
	if (err) {
		function_close(f);
		return err;
	}
	*out = f;
	return 0;
}

int function_open(struct function **out, const struct elf *e, uint64_t addr)
{
	return open_at(out, e, addr, false);
}

int function_open_stack(struct function **out, const struct elf *e, uint64_t addr)
{
	return open_at(out, e, addr, true);
}

void function_close(struct function *f)
{
	if (!f)
		return;
	free(f->insn);
	free(f->in);
	free(f->reached);
	if (f->frame)
		free(f->frame->in);
	free(f->frame);
	free(f);
}
