/* SPDX-License-Identifier: MIT */
/* Which event gets which call stack, between the programs that copy stacks and the trace. */
#include <stdlib.h>
#include <unistd.h>

#include "bpf/capture/stacks.h"
#include "bpf/stack/table.h"
#include "decoder/trace/record.h"
#include "tests/unit/tap.h"

static struct capture c;
static struct target t;

static unsigned described; /* VQT_STACK records */
static uint32_t described_id;

static void on_record(void *ctx, const void *record, size_t len)
{
	struct record r;

	CHECK_EQ(record_parse(&r, record, len, NULL), 0);
	CHECK_EQ(r.h.type, VQT_STACK);
	CHECK(r.stack.nframes >= 1);
	described++;
	described_id = r.stack.id;
}

static void begin(void)
{
	memset(&c, 0, sizeof(c));
	memset(&t, 0, sizeof(t));
	c.o.stacks = ~0U;
	c.o.record = on_record;
	t.c = &c;
	t.p.pid = getpid();
	t.source = 1;
	described = 0;
	CHECK_EQ(stacks_open(&t), 0);
}

static void end(void)
{
	stacks_close(&t);
	CHECK(!t.stacks);
}

/* A program has copied the stack of event `seq`, which is at pc: nowhere in this process. */
static void take(uint32_t seq, uint64_t pc)
{
	struct vqp_stack s = { .len = 0 };
	struct vqt_hdr h = { .seq = seq, .type = VQT_STACK, .source = 1 };

	memcpy(s.header, &h, sizeof(h));
	s.reg[VQP_DWARF_PC] = pc;
	stacks_take(&t, &s, sizeof(s));
}

/* The event is passed on: the number of its stack, 0 none. */
static uint32_t pass(uint32_t seq)
{
	struct vqt_kick k = { .h = { .seq = seq, .type = VQT_KICK, .source = 1 } };
	size_t len = sizeof(k);
	void *record = stacks_append(&t, &k, &len);
	struct record r;

	CHECK_EQ(record_parse(&r, record, len, NULL), 0);
	CHECK_EQ(r.h.type, VQT_KICK);
	CHECK_EQ(r.h.seq, seq);
	CHECK(record == &k ? len == sizeof(k) : r.stack_id != 0);
	return r.stack_id;
}

static void its_own(void)
{
	uint32_t a, b;

	begin();
	take(7, 0x1000);
	take(9, 0x2000);
	CHECK_EQ(pass(6), 0);
	b = pass(9); /* of another processor, earlier */
	CHECK(b > 0);
	CHECK_EQ(described, 1);
	CHECK_EQ(described_id, b);
	CHECK_EQ(pass(8), 0); /* its stack was lost */
	a = pass(7);
	CHECK(a > 0 && a != b);
	CHECK_EQ(pass(7), 0); /* once */
	take(10, 0x2000);
	CHECK_EQ(pass(10), b);
	CHECK_EQ(described, 2); /* each once */
	end();
}

/* The event of a stack was lost: no other gets it, not the one that comes to the same place either. */
static void nobody_elses(void)
{
	begin();
	take(100, 0x1000);
	CHECK_EQ(pass(100 + 65536), 0);
	take(101, 0x1000);
	take(101 + 65536, 0x2000);
	CHECK_EQ(pass(101), 0);
	CHECK(pass(101 + 65536) > 0);
	end();
}

static void cut_short(void)
{
	struct vqp_stack s = { .len = 100 };
	struct vqt_hdr h = { .seq = 1, .type = VQT_STACK, .source = 1 };

	begin();
	memcpy(s.header, &h, sizeof(h));
	stacks_take(&t, &s, sizeof(s));
	stacks_take(&t, &s, sizeof(s) - 1);
	CHECK_EQ(pass(1), 0);
	end();
}

/* A file that begins later has what its events refer to. */
static void another_file(void)
{
	uint32_t id;

	begin();
	take(1, 0x1000);
	id = pass(1);
	take(2, 0x1000);
	stacks_again(&t);
	CHECK_EQ(pass(2), id);
	CHECK_EQ(described, 2);
	end();
}

static void too_many(void)
{
	begin();
	for (uint32_t i = 0; i < STACKS_MAX; i++) {
		take(i, 0x1000 + i);
		CHECK(pass(i) > 0);
	}
	CHECK_EQ(stacks_unknown(&t), 0);
	take(STACKS_MAX, 0x100000);
	CHECK_EQ(pass(STACKS_MAX), 0);
	CHECK_EQ(stacks_unknown(&t), 1);
	take(STACKS_MAX + 1, 0x1000);
	CHECK(pass(STACKS_MAX + 1) > 0);
	CHECK(!stacks_given_up(&t));
	end();
}

static void not_asked_for(void)
{
	memset(&c, 0, sizeof(c));
	memset(&t, 0, sizeof(t));
	t.c = &c;
	CHECK_EQ(stacks_open(&t), 0);
	CHECK(!t.stacks);
	take(1, 0x1000);
	CHECK_EQ(pass(1), 0);
	stacks_again(&t);
	stacks_close(&t);
}

static const struct tap_test tests[] = {
	{ "each event its own", its_own },
	{ "the stack of an event that was lost", nobody_elses },
	{ "copies that are cut", cut_short },
	{ "described again in another file", another_file },
	{ "more than are told apart", too_many },
	{ "none that was not asked for", not_asked_for },
};

int main(void)
{
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
