/* SPDX-License-Identifier: MIT */
/* The hits of KVM's tracepoints in order, and those that are missing. */
#include <string.h>
#include <unistd.h>

#include "bpf/kvm/stream.h"
#include "tests/unit/tap.h"

static struct kvm_source all;
static uint32_t next_seq;
static uint64_t lost, notes;

static void on_record(void *ctx, const void *record, size_t len)
{
	const struct vqt_loss *l = record;

	CHECK(l->h.seq >= next_seq);
	next_seq = l->h.seq + 1;
	notes += l->h.type == VQT_NOTE;
	if (l->h.type == VQT_LOSS) {
		CHECK_EQ(l->why, VQT_LOSS_BUFFER);
		lost += l->lost;
	}
}

static void begin(void)
{
	memset(&all, 0, sizeof(all));
	all.request.record = on_record;
	lost = notes = next_seq = 0;
}

static void slot(uint32_t seq)
{
	struct vqk_event e = { .h = { .ts = seq, .seq = seq },
			       .kind = VQK_SLOT,
			       .pid = (uint32_t)getpid() };

	kvm_hit(&all, &e);
}

static void end(void)
{
	for (unsigned i = 0; i < all.nprocesses; i++)
		kvm_process_free(all.process[i]);
}

/* The buffer was full at the end, too: those are followed by none that would show them missing. */
static void test_full_at_the_end(void)
{
	begin();
	slot(0);
	slot(3);
	kvm_expire(&all, 0);
	CHECK_EQ(lost, 2);
	kvm_dropped(&all, getpid(), 7);
	CHECK_EQ(lost, 7);
	CHECK_EQ(all.lost, 7);
	CHECK_EQ(notes, 2);
	end();
}

static void test_full_before(void)
{
	begin();
	slot(2);
	kvm_expire(&all, 0);
	kvm_dropped(&all, getpid(), 2);
	CHECK_EQ(lost, 2);
	end();
}

/* Not one hit of it has come. */
static void test_all_missing(void)
{
	begin();
	kvm_dropped(&all, getpid(), 5);
	CHECK_EQ(all.nprocesses, 1);
	CHECK_EQ(lost, 5);
	end();
}

static const struct tap_test tests[] = {
	{ "the buffer is full at the end", test_full_at_the_end },
	{ "it was full before", test_full_before },
	{ "nothing has come of a process", test_all_missing },
};

TAP_MAIN(tests)
