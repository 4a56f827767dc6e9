/* SPDX-License-Identifier: MIT */
/* Traces of two clocks that are known, merged: order, times and what is claimed of them. */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decoder/merge/merge.h"
#include "decoder/trace/build.h"
#include "tests/unit/tap.h"
#include "tests/unit/two_sides.h"

struct merged {
	struct file to;
	struct merge_result result;
	struct trace_error err;
	int rc;
};

static void merge(struct merged *m, const char *a, const char *b)
{
	struct merge_job job = { .path = { a, b }, .paths = b ? 2 : 1 };

	file_make(&m->to);
	job.write = m->to.path;
	m->rc = merge_files(&job, &m->result, &m->err);
}

static void closed(struct merged *m, struct file *host, struct file *guest)
{
	close(m->to.fd);
	close(host->fd);
	close(guest->fd);
}

static void two(void)
{
	const struct clocks c = { .chains = 3000 };
	struct file host, guest;
	struct merged m;
	struct seen s;

	record_both(&c, &host, &guest, 0);
	merge(&m, guest.path, host.path); /* in any order */
	CHECK_EQ(m.rc, 0);
	CHECK_STR(m.result.host, host.path);
	CHECK_EQ(m.result.guests, 1);
	CHECK_EQ(m.result.guest[0].linked, 1);
	CHECK_EQ(m.result.guest[0].pairs.paired, 3000);
	look(&s, &c, m.to.path);
	CHECK_EQ(s.hosts, 3000);
	CHECK_EQ(s.guests, 3000);
	CHECK_EQ(s.wrong, 0);
	CHECK_EQ(s.stackless, 0);
	CHECK_EQ(s.backwards, 0);
	CHECK_EQ(s.peer, HOST_DEVICE);
	CHECK_EQ(s.clock, VQT_CLOCK_MAPPED);
	CHECK_EQ(s.unknown, 0);
	CHECK(s.most < 100 * US && s.clocks < 100);
	closed(&m, &host, &guest);
}

/* Recorded with these clocks, merged: what is right whatever the clocks did. */
static void look_at(struct seen *s, const struct clocks *c)
{
	struct file host, guest;
	struct merged m;

	record_both(c, &host, &guest, 0);
	merge(&m, host.path, guest.path);
	CHECK_EQ(m.rc, 0);
	look(s, c, m.to.path);
	CHECK_EQ(s->guests, c->chains);
	CHECK_EQ(s->wrong, 0);
	CHECK_EQ(s->stackless, 0);
	CHECK_EQ(s->backwards, 0);
	closed(&m, &host, &guest);
}

static void paused(void)
{
	const struct clocks c = { .chains = 3000, .pause = 40 * SECOND };
	struct seen s;

	look_at(&s, &c);
	CHECK_EQ(s.reasons[VQT_CLOCK_PAUSE], 1);
	CHECK(s.unknown < 20); /* on which side of the pause */
}

/* One record that is late, as its CPU was held up: the others keep their times. */
static void disorder(void)
{
	const struct clocks c = { .chains = 3000, .late = true };
	struct seen s;

	look_at(&s, &c);
	CHECK_EQ(s.unknown, 0);
	CHECK_EQ(s.reasons[VQT_CLOCK_BACK], 0);
}

/* The guest's clock was set back, as when a snapshot is loaded. */
static void set_back(void)
{
	const struct clocks c = { .chains = 3000, .back = 5 * SECOND };
	struct seen s;

	look_at(&s, &c);
	CHECK_EQ(s.reasons[VQT_CLOCK_BACK], 1);
	CHECK(s.unknown < 20);
}

/* Of chains alone that nobody has taken back: after what they were is not known. */
static void no_times(void)
{
	const struct clocks c = { .chains = 0 };
	struct file host, guest;
	struct merged m;

	file_begin(&host, VQT_SRC_QEMU, HOST_DEVICE, BEGIN);
	file_begin(&guest, VQT_SRC_GUEST, GUEST_DEVICE, guest_time(&c, BEGIN));
	for (uint32_t n = 0; n < 50; n++) {
		put_avail(&guest, GUEST_DEVICE, n, guest_time(&c, BEGIN + n * MS), 0);
		put_avail(&host, HOST_DEVICE, n, BEGIN + n * MS, 0);
	}
	file_end(&host);
	file_end(&guest);
	merge(&m, host.path, guest.path);
	CHECK_EQ(m.rc, -EXDEV);
	CHECK(strstr(m.err.text, "nothing in it says when"));
	closed(&m, &host, &guest);
}

/* Chains that are not the same. */
static void strangers(void)
{
	const struct clocks c = { .chains = 500 };
	struct file host, guest;
	struct merged m;

	record_both(&c, &host, &guest, 100000);
	merge(&m, host.path, guest.path);
	CHECK_EQ(m.rc, -EXDEV);
	CHECK(strstr(m.err.text, "do not belong together"));
	closed(&m, &host, &guest);
}

static void kinds(void)
{
	const struct clocks c = { .chains = 5 };
	struct file host, guest;
	struct merged m;

	record_both(&c, &host, &guest, 0);
	merge(&m, guest.path, guest.path);
	CHECK_EQ(m.rc, -EINVAL);
	close(m.to.fd);
	merge(&m, host.path, host.path);
	CHECK_EQ(m.rc, -EINVAL);
	close(m.to.fd);
	merge(&m, host.path, NULL);
	CHECK_EQ(m.rc, -EINVAL);
	closed(&m, &host, &guest);
}

/* A guest's trace that ends in the middle of a record. */
static void cut(void)
{
	const struct clocks c = { .chains = 2000 };
	struct file host, guest;
	struct merged m;
	struct seen s;

	record_both(&c, &host, &guest, 0);
	if (ftruncate(guest.fd, lseek(guest.fd, 0, SEEK_END) / 2 + 3))
		abort();
	merge(&m, host.path, guest.path);
	CHECK_EQ(m.rc, 0);
	CHECK(m.result.guest[0].cut && !m.result.host_cut);
	look(&s, &c, m.to.path);
	CHECK_EQ(s.hosts, 2000);
	CHECK(s.guests > 900 && s.guests < 1100);
	CHECK_EQ(s.wrong, 0);
	CHECK_EQ(s.stackless, 0);
	closed(&m, &host, &guest);
}

/* A guest speaks for itself: of no other source, no session, no clock, and no device it has not. */
static void liar(void)
{
	const struct clocks c = { .chains = 0 };
	struct file host, guest;
	struct merged m;
	struct build b;
	struct trace_reader *t;
	struct record r;
	bool again;
	unsigned foreign = 0;

	file_begin(&host, VQT_SRC_QEMU, HOST_DEVICE, BEGIN);
	file_begin(&guest, VQT_SRC_GUEST, GUEST_DEVICE, guest_time(&c, BEGIN));
	for (uint32_t n = 0; n < 50; n++) {
		uint64_t t0 = BEGIN + n * MS;

		put_avail(&guest, GUEST_DEVICE, n, guest_time(&c, t0 + 4 * US), 300);
		put_avail(&guest, 99, n, guest_time(&c, t0 + 4 * US), 300); /* never described */
		build_begin(&b, file_bytes, sizeof(file_bytes), VQT_CLOCK,
			    sizeof(struct vqt_clock));
		file_put(&guest, &b, t0);
		put_avail(&host, HOST_DEVICE, n, t0 + 9 * US, 0);
		put_used(&host, HOST_DEVICE, n, t0 + 20 * US);
		put_used(&guest, GUEST_DEVICE, n, guest_time(&c, t0 + 30 * US));
	}
	build_begin(&b, file_bytes, sizeof(file_bytes), VQT_SOURCE, sizeof(struct vqt_source));
	((struct vqt_source *)(void *)file_bytes)->kind = VQT_SRC_QEMU;
	file_put(&guest, &b, guest_time(&c, BEGIN + SECOND));
	file_end(&host);
	file_end(&guest);
	merge(&m, host.path, guest.path);
	CHECK_EQ(m.rc, 0);
	CHECK_EQ(m.result.guest[0].refused, 101);
	CHECK_EQ(trace_open(&t, m.to.path, &m.err), 0);
	while (trace_next(t, &r, &again, &m.err) > 0)
		foreign +=
			r.h.device == 99 ||
			(r.h.source != 1 && (r.h.type == VQT_SESSION || r.h.type == VQT_CLOCK)) ||
			(r.h.type == VQT_SOURCE && r.h.source != 1 &&
			 r.source.kind != VQT_SRC_GUEST);
	trace_close(t);
	CHECK_EQ(foreign, 0);
	closed(&m, &host, &guest);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "a host and its guest", two },
		{ "a guest that was stopped", paused },
		{ "a record that is late", disorder },
		{ "a clock that was set back", set_back },
		{ "nothing that tells the time", no_times },
		{ "traces of different machines", strangers },
		{ "which trace is the host's", kinds },
		{ "a trace that is cut", cut },
		{ "a guest speaks for itself", liar },
	};

	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
