/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/prog/qemu.h"
#include "bpf/code/ends.h"
#include "bpf/code/insn.h"
#include "decoder/trace/record.h"

#define PARTS 8 /* of one function: the compiler puts what runs seldom elsewhere */
#define TABLE_FAR 16 /* instructions between a switch statement's comparison and its jump */
#define TABLE_MAX 4096 /* entries */
#define CODE_MAX (128U << 20) /* bytes of code whose calls are looked for */
#define POINTED 64 /* data points there */
#define KNOWN 128 /* a function is known to begin there */

struct ends {
	const struct elf *elf;
	uint64_t from, to; /* addresses that have a count */
	uint8_t *calls; /* how often they are called, POINTED, KNOWN */
};

/* What is known of an instruction. */
enum { NOT_PROVEN, PROVEN, FOLLOWED };

/* A function whose ends are being found. */
struct parts {
	const struct ends *x;
	struct function *part[PARTS];
	uint8_t *state[PARTS]; /* of each instruction */
	size_t n;
	bool more; /* some are PROVEN, and not yet FOLLOWED */
	struct function_end *end;
	size_t nends;
};

/* --- where functions begin ------------------------------------------------------------------------ */

void ends_known(struct ends *x, uint64_t addr)
{
	if (addr >= x->from && addr < x->to)
		x->calls[addr - x->from] |= KNOWN;
}

static uint8_t at(const struct ends *x, uint64_t addr)
{
	return addr >= x->from && addr < x->to ? x->calls[addr - x->from] : 0;
}

unsigned ends_calls(const struct ends *x, uint64_t addr)
{
	return at(x, addr) & ENDS_CALLS;
}

static bool add_call(void *ctx, uint64_t addr, uint64_t target)
{
	struct ends *x = ctx;

	if (target >= x->from && target < x->to && ends_calls(x, target) < ENDS_CALLS)
		x->calls[target - x->from]++;
	return true;
}

static bool add_pointer(void *ctx, uint64_t addr, uint64_t target)
{
	struct ends *x = ctx;

	if (target >= x->from && target < x->to)
		x->calls[target - x->from] |= POINTED;
	return true;
}

int ends_open(struct ends **out, const struct elf *e)
{
	struct ends *x = calloc(1, sizeof(*x));

	*out = NULL;
	if (!x)
		return -ENOMEM;
	x->elf = e;
	elf_code(e, &x->from, &x->to);
	if (x->to - x->from > CODE_MAX)
		x->to = x->from;
	x->calls = calloc(x->to - x->from + 1, 1);
	if (!x->calls) {
		ends_close(x);
		return -ENOMEM;
	}
	elf_calls(e, add_call, x);
	elf_pointers(e, add_pointer, x);
	*out = x;
	return 0;
}

void ends_close(struct ends *x)
{
	if (x)
		free(x->calls);
	free(x);
}

/* An entry of a procedure linkage table: a jump through a word, to a function of another object. */
static bool is_linkage(const struct elf *e, uint64_t addr)
{
	static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const uint8_t *b = elf_is_code(e, addr) ? elf_bytes(e, addr, 8) : NULL;

	if (b && !memcmp(b, endbr, sizeof(endbr)))
		b = elf_bytes(e, addr + sizeof(endbr), 8);
	if (b && b[0] == 0xf2) /* bnd */
		b++;
	return b && b[0] == 0xff && b[1] == 0x25;
}

/*
 * Whether another function begins there.  A part of a function is never called, and no data points at
 * it; mostly it also begins with something on the stack.
 */
static bool is_function(const struct ends *x, uint64_t addr)
{
	uint64_t start, end;
	const char *name;

	if (elf_function(x->elf, addr, &start, &end) || start != addr)
		return is_linkage(x->elf, addr);
	if (at(x, addr) & KNOWN)
		return true;
	name = elf_name(x->elf, addr);
	return (at(x, addr) || (name && !strstr(name, "cold"))) && elf_is_called(x->elf, addr);
}

/* --- instructions --------------------------------------------------------------------------------- */

static int add_end(struct parts *p, struct function_end end)
{
	if (p->nends == FUNCTION_ENDS)
		return -E2BIG;
	p->end[p->nends++] = end;
	return 0;
}

/* In which of the parts this address is; p->n: in none. */
static size_t part_at(const struct parts *p, uint64_t addr)
{
	size_t k = 0;

	while (k < p->n && !(addr >= p->part[k]->start && addr < p->part[k]->end))
		k++;
	return k;
}

static int add_part(struct parts *p, uint64_t addr)
{
	uint64_t start, end;
	struct function *f;
	int err;

	if (p->n == PARTS)
		return -E2BIG;
	err = function_open_stack(&f, p->x->elf, addr);
	if (err)
		return err == -ENOMEM ? err : -EILSEQ;
	p->part[p->n] = f;
	p->state[p->n] = calloc(f->n, 1);
	if (!p->state[p->n++])
		return -ENOMEM;
	/* nothing may be left over that could not be decoded, or is of another function, too */
	if (f->insn[f->n - 1].addr + f->insn[f->n - 1].len != f->end ||
	    elf_function(p->x->elf, f->end - 1, &start, &end) || start != f->start)
		return -EILSEQ;
	return 0;
}

/* An instruction begins there, as one that is proven leads there. */
static int prove(struct parts *p, uint64_t addr)
{
	size_t k = part_at(p, addr), i;
	int err = k == p->n ? add_part(p, addr) : 0;

	if (err)
		return err;
	i = function_at(p->part[k], addr);
	if (i == p->part[k]->n)
		return -EILSEQ;
	if (p->state[k][i] == NOT_PROVEN) {
		p->state[k][i] = PROVEN;
		p->more = true;
	}
	return 0;
}

/* The bytes of an instruction behind a prefix that changes nothing; *len of them. */
static const uint8_t *opcode(const struct elf *e, const struct insn *in, size_t *len)
{
	const uint8_t *b = elf_bytes(e, in->addr, in->len);

	*len = in->len;
	if (b && *len > 1 && (b[0] == 0xf2 || b[0] == 0xf3)) { /* bnd, rep */
		b++;
		--*len;
	}
	return b;
}

static int at_return(struct parts *p, const struct insn *in)
{
	size_t len;
	const uint8_t *b = opcode(p->x->elf, in, &len);

	if (!b || !((b[0] == 0xc3 && len == 1) || (b[0] == 0xc2 && len == 3)))
		return -EILSEQ;
	return add_end(p, (struct function_end){ .addr = in->addr, .kind = END_RETURN });
}

static int at_jump(struct parts *p, const struct insn *in)
{
	struct function_end end = { .addr = in->addr, .target = in->target, .kind = END_JUMP };
	size_t len;
	const uint8_t *b = opcode(p->x->elf, in, &len);

	if (part_at(p, in->target) < p->n || !is_function(p->x, in->target))
		return prove(p, in->target);
	if (is_linkage(p->x->elf, in->target))
		end.target = 0;
	if (!b)
		return -EILSEQ;
	if (in->kind == INSN_JCC) {
		end.kind = END_JUMP_IF;
		end.condition = (b[0] == 0x0f ? b[1] : b[0]) & 15;
		if (b[0] == 0x0f ? (b[1] & 0xf0) != 0x80 || len != 6
				 : (b[0] & 0xf0) != 0x70 || len != 2)
			return -EILSEQ;
	} else if (!(b[0] == 0xe9 && len == 5) && !(b[0] == 0xeb && len == 2)) {
		return -EILSEQ;
	}
	return add_end(p, end);
}

/* A pointer that the function was given, that it read as a whole, not out of a table, or got of a call. */
static bool is_pointer(const struct function *f, struct value v)
{
	const struct insn *from;

	if (v.scale || v.base == VALUE_UNKNOWN || v.base == VALUE_CONST)
		return false;
	if (v.base < VALUE_LOAD)
		return v.base != VALUE_STACK;
	from = &f->insn[v.base - VALUE_LOAD];
	return from->kind == INSN_CALL || (from->load_width == 8 && !from->indexed);
}

/*
 * An indirect jump is one to another function if nothing of this one is left on the stack, and if its
 * target is no entry of a table: those of switch statements are read by an index, or added to an address.
 */
static int at_indirect(struct parts *p, const struct function *f, size_t i)
{
	static const uint8_t order[16] = {
		VQP_RAX, VQP_RCX, VQP_RDX, VQP_RBX, VQP_RSP, VQP_RBP, VQP_RSI, VQP_RDI,
		VQP_R8,	 VQP_R9,  VQP_R10, VQP_R11, VQP_R12, VQP_R13, VQP_R14, VQP_R15,
	};
	const struct insn *in = &f->insn[i];
	struct function_end end = { .addr = in->addr, .kind = END_JUMP_THROUGH };
	struct value sp = f->in[i][VQP_RSP], v;
	size_t len, rex;
	const uint8_t *b = opcode(p->x->elf, in, &len);
	unsigned mod, rm;

	if (!f->reached[i] || !b || sp.base != VALUE_STACK || sp.scale || sp.off)
		return 0;
	rex = len > 2 && (b[0] & 0xfe) == 0x40 ? b[0] & 1 : 0;
	b += len > 2 && (b[0] & 0xfe) == 0x40;
	if (b[0] != 0xff || (b[1] >> 3 & 7) != 4) /* notrack, or with an index in r8 to r15 */
		return 0;
	mod = b[1] >> 6;
	rm = b[1] & 7;
	if (!mod && rm == 5) { /* a word of the object */
		end.kind = END_JUMP;
		return add_end(p, end);
	}
	end.memory = mod != 3;
	b += 2;
	if (end.memory && rm == 4) {
		rm = *b & 7;
		if ((*b++ >> 3 & 7) != 4 || (!mod && rm == 5))
			return 0;
	}
	end.off = mod == 1 ? (int8_t)*b : mod == 2 ? (int32_t)get_le32(b) : 0;
	end.reg = order[rm + 8 * rex];
	v = f->in[i][end.reg];
	if (!is_pointer(f, v) || (!end.memory && v.off))
		return 0;
	return add_end(p, end);
}

/* The number that an instruction compares with; false: it is no such comparison. */
static bool compares(const struct parts *p, const struct insn *in)
{
	const uint8_t *b = elf_bytes(p->x->elf, in->addr, in->len);
	size_t i = 0;

	while (b && i + 2 < in->len && (b[i] == 0x66 || (b[i] & 0xf0) == 0x40)) /* size, REX */
		i++;
	if (!b || !in->has_imm || in->imm < 0 || in->imm >= TABLE_MAX)
		return false;
	return b[i] == 0x3c || b[i] == 0x3d ||
	       ((b[i] == 0x80 || b[i] == 0x81 || b[i] == 0x83) && (b[i + 1] >> 3 & 7) == 7);
}

/* How many entries a table has: the comparison before it leaves out others.  0: not known. */
static uint64_t table_size(const struct parts *p, const struct function *f, size_t i)
{
	size_t first = i < TABLE_FAR ? 0 : i - TABLE_FAR, len;
	const struct insn *in = NULL;
	const uint8_t *b;

	while (i > first && (in = &f->insn[--i])->kind == INSN_OTHER)
		;
	b = in && in->kind == INSN_JCC ? opcode(p->x->elf, in, &len) : NULL;
	if (!b || !(b[0] == 0x77 || (b[0] == 0x0f && b[1] == 0x87))) /* ja */
		return 0;
	while (i > first && (in = &f->insn[--i])->kind == INSN_OTHER)
		if (compares(p, in))
			return (uint64_t)in->imm + 1;
	return 0;
}

/*
 * A switch statement jumps to the sum of its table's address and an entry, a number of four bytes.  Where
 * those lead to, instructions begin.
 */
static int at_table(struct parts *p, const struct function *f, size_t i)
{
	struct value v = { .base = VALUE_UNKNOWN };
	uint64_t n, table;
	const struct insn *from;
	const uint8_t *b;
	int err = 0;

	if (f->reached[i] && f->insn[i].through != VQP_NO_REG)
		v = f->in[i][f->insn[i].through];
	if (v.base < VALUE_LOAD || v.scale)
		return 0;
	from = &f->insn[v.base - VALUE_LOAD];
	if (!from->indexed || from->load_width != 4)
		return 0;
	n = table_size(p, f, i);
	table = (uint64_t)v.off;
	b = elf_bytes(p->x->elf, table, 4 * n);
	for (uint64_t k = 0; b && k < n && !err; k++)
		err = prove(p, table + (uint64_t)(int64_t)(int32_t)get_le32(b + 4 * k));
	return err;
}

/* Whether what is behind an instruction may be run after it. */
static bool goes_on(const struct parts *p, const struct insn *in)
{
	const uint8_t *b = elf_bytes(p->x->elf, in->addr, in->len);

	return in->kind != INSN_RET && in->kind != INSN_JMP && in->kind != INSN_JMP_INDIRECT && b &&
	       !(in->len == 2 && b[0] == 0x0f && b[1] == 0x0b); /* ud2 */
}

static int follow(struct parts *p, const struct function *f, size_t i)
{
	const struct insn *in = &f->insn[i];
	int err = 0;

	switch (in->kind) {
	case INSN_RET: err = at_return(p, in); break;
	case INSN_JMP:
	case INSN_JCC: err = at_jump(p, in); break;
	case INSN_JMP_INDIRECT:
		err = at_indirect(p, f, i);
		if (!err)
			err = at_table(p, f, i);
		break;
	}
	return !err && goes_on(p, in) && i + 1 < f->n ? prove(p, in->addr + in->len) : err;
}

static int follow_all(struct parts *p)
{
	int err = 0;

	while (p->more && !err) {
		p->more = false;
		for (size_t k = 0; k < p->n && !err; k++) /* p->n grows by what is found */
			for (size_t i = 0; i < p->part[k]->n && !err; i++)
				if (p->state[k][i] == PROVEN) {
					p->state[k][i] = FOLLOWED;
					err = follow(p, p->part[k], i);
				}
	}
	return err;
}

/*
 * Of what nothing leads to it is not known that it is code: a probe in the middle of an instruction would
 * make another one of it.  So it may have no ends, and no jumps to it, or out of it.
 */
static bool is_understood(const struct parts *p)
{
	for (size_t k = 0; k < p->n; k++)
		for (size_t i = 0; i < p->part[k]->n; i++)
			if (p->state[k][i] != FOLLOWED && p->part[k]->insn[i].kind >= INSN_JMP)
				return false;
	return true;
}

int ends_find(const struct ends *x, uint64_t addr, struct function_end out[FUNCTION_ENDS],
	      size_t *n)
{
	struct parts p = { .x = x, .end = out };
	uint64_t start, end;
	int err = 0;

	*n = 0;
	if (elf_function(x->elf, addr, &start, &end) || start != addr)
		return -ENOENT;
	err = prove(&p, addr);
	if (!err)
		err = follow_all(&p);
	if (!err && !is_understood(&p))
		err = -EILSEQ;
	for (size_t i = 0; i < p.n; i++) {
		function_close(p.part[i]);
		free(p.state[i]);
	}
	*n = err ? 0 : p.nends;
	return err;
}

#define LEADS_DEPTH 2
#define LEADS_MAX 2000 /* functions that are looked through for one */

struct leads {
	const struct ends *x;
	bool (*wanted)(const void *ctx, uint64_t addr);
	const void *ctx;
	unsigned left; /* of LEADS_MAX */
};

static bool leads(struct leads *l, uint64_t addr, unsigned depth)
{
	uint64_t start, end, to;
	const uint8_t *b;

	if (!l->left || elf_function(l->x->elf, addr, &start, &end) || start != addr)
		return false;
	l->left--;
	b = elf_bytes(l->x->elf, start, end - start);
	for (uint64_t i = 0; b && i + 5 <= end - start; i++) {
		if ((b[i] & 0xfe) != 0xe8) /* call, jmp */
			continue;
		to = start + i + 5 + (uint64_t)(int64_t)(int32_t)get_le32(b + i + 1);
		if (l->wanted(l->ctx, to) || (depth && to != addr && leads(l, to, depth - 1)))
			return true;
	}
	return false;
}

bool ends_leads_to(const struct ends *x, uint64_t addr, bool wanted(const void *ctx, uint64_t addr),
		   const void *ctx)
{
	struct leads l = { x, wanted, ctx, LEADS_MAX };
	struct function *f;
	bool indirect = false;

	if (function_open(&f, x->elf, addr))
		return false;
	for (size_t i = 0; i < f->n; i++)
		indirect |= f->insn[i].kind == INSN_CALL_INDIRECT;
	function_close(f);
	return indirect || leads(&l, addr, LEADS_DEPTH);
}
