/* SPDX-License-Identifier: MIT */
/*
 * Replay of traces that lack something: it plays what it can, says what it
 * cannot, and blames no device for what is missing.
 */
#include <stdlib.h>

#include "decoder/spec/constants.h"
#include "tests/emu/recording.h"
#include "tests/emu/tap.h"

static struct vqt_hdr *header(struct recording *t, unsigned n)
{
	return recording_at(t, n);
}

/* Where the driver of the recording takes the device for the nth time (from 0). */
static unsigned nth_reset(struct recording *t, unsigned n)
{
	for (unsigned i = 0; i < t->count; i++) {
		struct vqt_reg *r = recording_at(t, i);
		if (r->h.type == VQT_REG && r->op == VQT_WRITE && r->region == VQT_REGION_COMMON &&
		    r->offset == VIRTIO_PCI_COMMON_STATUS && !r->value && n-- == 0)
			return i;
	}
	return t->count;
}

static void lose(struct recording *t, unsigned at, unsigned count)
{
	struct vqt_loss l = { .h = *header(t, at), .lost = count, .why = VQT_LOSS_BUFFER };
	l.h.type = VQT_LOSS;
	l.h.device = VQT_NO_DEVICE;
	l.h.queue = VQT_NO_QUEUE;
	for (unsigned i = 0; i < count; i++)
		recording_delete(t, at);
	l.h.seq = header(t, at)->seq;
	for (unsigned i = at; i < t->count; i++)
		header(t, i)->seq++;
	recording_insert(t, at, &l, sizeof(l));
}

/* Records lost anywhere, and said so: no difference, and after a reset all is well. */
static void test_loss(void)
{
	struct recording t;
	struct outcome o;
	unsigned clean = 0, after = 0, tried = 0;
	for (unsigned at = 240; at < 760; at += 23, tried++) {
		recording_load(&t, "traces/qemu7-q1.pcap");
		lose(&t, at, 1 + at % 7);
		recording_replay(&t, NULL, &o);
		clean += o.rc == 0 && !o.differences;
		after += o.n.requests.equal >= 7; /* of the last life */
		if (o.differences)
			outcome_names(&o, 0, "nothing");
		recording_free(&t);
	}
	is(clean, tried, "no difference is made of what was lost");
	is(after, tried, "what follows the next reset is replayed");
}

/* The beginning is missing up to somewhere between two resets. */
static void test_late(void)
{
	struct recording t;
	struct outcome o;
	recording_load(&t, "traces/qemu7-q1.pcap");
	unsigned second = nth_reset(&t, 1), third = nth_reset(&t, 2);
	recording_free(&t);
	for (unsigned cut = second + 5; cut < third; cut += (third - second) / 9) {
		recording_load(&t, "traces/qemu7-q1.pcap");
		for (unsigned i = 2, left = cut - 2; left;
		     left--) { /* all but who speaks of what */
			struct vqt_device *d = recording_at(&t, i);
			if (d->h.type == VQT_DEVICE) {
				d->flags |= VQT_DEV_LATE;
				i++;
			} else {
				recording_delete(&t, i);
			}
		}
		recording_replay(&t, NULL, &o);
		if (!ok(o.rc == 0 && !o.differences && o.n.requests.equal >= 7 && o.n.skipped,
			"the first %u events are missing", cut))
			outcome_names(&o, 0, "nothing");
		recording_free(&t);
	}
}

/* A device type that nobody has: its requests are answered as recorded. */
static void test_type(unsigned type)
{
	struct recording t;
	struct outcome o;
	recording_load(&t, "traces/qemu7-q1.pcap");
	recording_set_type(&t, type);
	recording_replay(&t, NULL, &o);
	ok(o.rc == 0 && !o.differences && !o.n.requests.compared && !o.n.requests.equal &&
		   o.n.requests.not_compared == 70 && o.n.skipped >= 70 &&
		   o.n.registers.equal > 300 && o.n.interrupts.equal == 38,
	   "device type %u: its transport is compared", type);
	if (o.differences)
		outcome_names(&o, 0, "nothing");
	recording_free(&t);
}

/* An end in the middle of things is no missing notification, and no leak. */
static void test_end(void)
{
	struct recording t;
	struct outcome o;
	unsigned bad = 0;
	recording_load(&t, "traces/qemu7-mq4.pcap");
	while (t.count > 700) {
		for (unsigned i = 0; i < 17; i++)
			recording_delete(&t, t.count - 1);
		recording_replay(&t, NULL, &o);
		bad += o.rc != 0 || o.differences;
		if (o.differences)
			outcome_names(&o, 0, "nothing");
	}
	is(bad, 0, "wherever the trace ends");
	recording_free(&t);
}

/* Little memory: what does not fit is skipped, with words. */
static void test_memory(void)
{
	struct recording t;
	struct outcome o;
	struct replay_options opt = { .memory = 128 << 10 };
	recording_load(&t, "traces/qemu7-q1.pcap");
	recording_replay(&t, &opt, &o);
	ok(o.rc == 0 && !o.differences && o.n.skipped > 60, "with next to no guest memory");
	if (o.differences)
		outcome_names(&o, 0, "nothing");
	recording_free(&t);
}

/* Memory is taken by what is written: not by distance, and not by a buffer's size. */
static void test_sparse(void)
{
	struct recording t;
	struct outcome o;
	struct replay_options opt = { .memory = 4 << 20 };
	unsigned n = 0;
	recording_load(&t, "traces/qemu7-q1.pcap");
	for (unsigned i = 0; i < t.count; i++) {
		struct vqt_avail *a = recording_at(&t, i);
		struct vqt_desc *d = (void *)(a + 1);
		for (unsigned k = 0; a->h.type == VQT_AVAIL && k < a->ndesc; k++, n++)
			if (!(d[k].flags & VRING_DESC_F_INDIRECT))
				d[k].addr = (uint64_t)(n + 1) << 33 | (d[k].addr & 0xff0);
	}
	recording_replay(&t, &opt, &o);
	ok(o.rc == 0 && !o.differences && n > 200 && o.n.requests.equal == 70,
	   "%u buffers far apart, in 4 MiB", n);
	if (o.differences)
		outcome_names(&o, 0, "nothing");
	recording_free(&t);
}

/* Where status bytes were not captured, it is said that they are not compared. */
static void test_no_status(void)
{
	struct recording t;
	struct outcome o;
	uint64_t before;
	recording_load(&t, "traces/qemu7-q1.pcap");
	recording_replay(&t, NULL, &o);
	before = o.n.skipped;
	for (unsigned i = 0; i < t.count; i++) {
		struct vqt_used *u = recording_at(&t, i);
		if (u->h.type == VQT_USED)
			u->flags &= ~VQT_USED_STATUS;
	}
	recording_replay(&t, NULL, &o);
	ok(o.rc == 0 && !o.differences, "no status was captured");
	ok(o.n.skipped >= before + 70, "so that of 70 requests is not compared: %u answers more",
	   (unsigned)(o.n.skipped - before));
	recording_free(&t);
}

/* The emulator, whose interrupts are lost from some moment on. */
static struct replay_target_ops mute;
static unsigned heard, unheard;

static int lose_irqs(struct replay_target *t, struct replay_irq *out, unsigned max)
{
	int n = replay_target_emu.irqs(t, out, max);
	bool lost = heard >= 30;
	*(lost ? &unheard : &heard) += n > 0 ? (unsigned)n : 0;
	return lost && n > 0 ? 0 : n;
}

/* The difference is one, and it is not said of what it covers that it was equal. */
static void test_mute(void)
{
	struct recording t;
	struct outcome o;
	struct replay_options opt = { .against = &mute };
	mute = replay_target_emu;
	mute.irqs = lose_irqs;
	recording_load(&t, "traces/qemu7-q1.pcap");
	recording_replay(&t, &opt, &o);
	ok(o.rc == 0 && o.differences == 1 && !strcmp(o.first.subject, "interrupt.missing"),
	   "%u notifications are lost: %s", unheard, o.first.subject);
	is(o.n.interrupts.compared, 38, "all are compared");
	is(o.n.interrupts.equal, 38 - unheard, "those that were lost are not equal");
	recording_free(&t);
}

static void test_declared(void)
{
	struct replay_declared *d;
	char why[64];
	const char text[] = "# comment\n\nemu request.* 5.2.6 because\n* io-error - disk\r\n";
	is(replay_declared_parse(&d, text, strlen(text), why, sizeof(why)), 0, "declarations");
	is(replay_declared_nth(d, "qemu", 0)->line, 4, "for another target");
	ok(!replay_declared_meet(d, "qemu", "request.status"), "not for this target");
	ok(!replay_declared_meet(d, "emu", "register.x"), "not this subject");
	ok(replay_declared_meet(d, "emu", "request.status")->met == 1, "met once");
	ok(replay_declared_io_errors(d, "emu"), "I/O errors");
	replay_declared_free(d);
	is(replay_declared_parse(&d, "emu x 5.2\n", 10, why, sizeof(why)), -22, "without a reason");
}

int main(void)
{
	test_loss();
	test_late();
	test_type(3);
	test_end();
	test_memory();
	test_sparse();
	test_no_status();
	test_mute();
	test_declared();
	return done();
}
