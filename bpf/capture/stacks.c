/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/capture/stacks.h"
#include "bpf/session/emit.h"
#include "bpf/stack/unwind.h"
#include "decoder/trace/build.h"

#define WAITING 65536 /* events that are not passed on yet */

_Static_assert(VQP_DWARF_REGS == UNWIND_REGS, "registers by DWARF numbers");

struct stacks {
	struct unwinder *unwinder;
	struct stack_table *table;
	struct {
		uint32_t seq, id;
	} waiting[WAITING]; /* by seq */
	uint64_t unknown; /* that have no number */
	uint64_t unread; /* stacks with frames whose file cannot be read */
	struct stack_frames walked, named;
	_Alignas(8) uint8_t event[VQP_REC_MAX + BUILD_STACK_MAX + 1];
	_Alignas(8) uint8_t description[STACK_RECORD];
};

int stacks_open(struct target *t)
{
	struct stacks *s;

	if (!t->c->o.stacks)
		return 0;
	s = t->stacks = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->unwinder = unwinder_new(t->p.pid);
	s->table = stack_table_new();
	return s->unwinder && s->table ? 0 : -ENOMEM;
}

void stacks_close(struct target *t)
{
	struct stacks *s = t->stacks;

	if (!s)
		return;
	unwinder_free(s->unwinder);
	stack_table_free(s->table);
	free(s);
	t->stacks = NULL;
}

static uint32_t number_of(struct stacks *s, const struct unwind_copy *from)
{
	uint32_t id;

	unwinder_walk(s->unwinder, from, &s->walked);
	id = stack_table_find(s->table, &s->walked);
	if (id)
		return id;
	if (stack_table_full(s->table))
		return 0;
	unwinder_name(s->unwinder, &s->walked, &s->named);
	s->unread += s->named.unread > 0;
	return stack_table_add(s->table, &s->walked, &s->named);
}

void stacks_take(struct target *t, const void *record, size_t len)
{
	const struct vqt_hdr *h = record;
	struct stacks *s = t->stacks;
	struct unwind_copy from;
	struct vqp_stack in;

	if (!s || len < sizeof(in))
		return;
	memcpy(&in, record, sizeof(in));
	if (in.len > len - sizeof(in))
		return;
	memcpy(from.reg, in.reg, sizeof(from.reg));
	from.bytes = (const uint8_t *)record + sizeof(in);
	from.len = in.len;
	s->waiting[h->seq % WAITING].seq = h->seq;
	s->waiting[h->seq % WAITING].id = number_of(s, &from);
	s->unknown += !s->waiting[h->seq % WAITING].id;
}

static void describe(struct target *t, uint32_t id)
{
	struct stacks *s = t->stacks;
	size_t len = stack_table_describe(s->table, id, s->description, sizeof(s->description));

	if (!len)
		return;
	target_stamp(t, (void *)s->description, VQT_STACK, VQT_NO_DEVICE);
	target_emit(t, s->description, len);
}

void *stacks_append(struct target *t, void *record, size_t *len)
{
	const struct vqt_hdr *h = record;
	struct stacks *s = t->stacks;
	struct build b;
	uint32_t id;

	if (!s || h->type < VQT_REG || *len > VQP_REC_MAX ||
	    s->waiting[h->seq % WAITING].seq != h->seq)
		return record;
	id = s->waiting[h->seq % WAITING].id;
	s->waiting[h->seq % WAITING].id = 0;
	if (!id)
		return record;
	describe(t, id);
	memcpy(s->event, record, *len);
	b = (struct build){ .bytes = s->event, .size = sizeof(s->event), .len = *len };
	build_stack(&b, id);
	*len = b.len;
	return s->event;
}

uint64_t stacks_unknown(const struct target *t)
{
	return t->stacks ? t->stacks->unknown : 0;
}

uint64_t stacks_unread(const struct target *t)
{
	return t->stacks ? t->stacks->unread : 0;
}

bool stacks_given_up(const struct target *t)
{
	return t->stacks && unwinder_lost(t->stacks->unwinder) == UNWINDER_CHILDREN;
}

void stacks_again(struct target *t)
{
	if (t->stacks)
		stack_table_describe_again(t->stacks->table);
}
