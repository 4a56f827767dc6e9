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

#define US UINT64_C(1000)
#define MS (1000 * US)
#define SECOND (1000 * MS)
#define BEGIN (1000 * SECOND) /* host time of the first chain */
#define HOST_DEVICE 1
#define GUEST_DEVICE 7

/* A trace in memory, opened by its path in /proc. */
struct file {
	int fd;
	char path[32];
	struct trace_writer *w;
	uint32_t seq;
};

static _Alignas(8) uint8_t bytes[1024];

static void file_make(struct file *f)
{
	f->fd = memfd_create("trace", 0);
	f->seq = 0;
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
	if (f->fd < 0)
		abort();
}

static void put(struct file *f, struct build *b, uint64_t ts)
{
	struct vqt_hdr *h = (void *)bytes;

	h->ts = ts;
	h->seq = ++f->seq;
	h->source = 1;
	h->tid = 9;
	if (trace_write(f->w, bytes, b->len))
		abort();
}

/* What both kinds of traces begin with. */
static void begin(struct file *f, unsigned kind, uint16_t device, uint64_t ts)
{
	struct build b;
	struct vqt_session *s;
	struct vqt_source *o;
	struct vqt_device *d;
	struct trace_error err;

	file_make(f);
	if (trace_create(&f->w, f->path, &err))
		abort();
	s = build_begin(&b, bytes, sizeof(bytes), VQT_SESSION, sizeof(*s));
	s->major = VQT_VERSION_MAJOR;
	s->minor = 5;
	put(f, &b, ts);
	o = build_begin(&b, bytes, sizeof(bytes), VQT_SOURCE, sizeof(*o));
	o->kind = (uint16_t)kind;
	o->clock = kind == VQT_SRC_GUEST ? VQT_CLOCK_GUEST : VQT_CLOCK_MONOTONIC;
	put(f, &b, ts);
	d = build_begin(&b, bytes, sizeof(bytes), VQT_DEVICE, sizeof(*d));
	d->h.device = device;
	d->virtio_id = VIRTIO_ID_BLOCK;
	d->bdf = 0x20;
	put(f, &b, ts);
}

static void end(struct file *f)
{
	if (trace_finish(f->w))
		abort();
	f->w = NULL;
}

static void avail(struct file *f, uint16_t device, uint32_t n, uint64_t ts, unsigned adding)
{
	const struct vqt_desc d = { 0x1000, 16, 0, 0 };
	struct build b;
	struct vqt_avail *a = build_begin(&b, bytes, sizeof(bytes), VQT_AVAIL, sizeof(*a));
	uint8_t *seg;

	a->h.device = device;
	a->h.queue = 0;
	a->pos = (uint16_t)n;
	a->head = n % 4;
	a->ndesc = a->ndirect = a->nseg = 1;
	a->adding = (uint16_t)adding;
	build_bytes(&b, &d, sizeof(d));
	seg = build_seg(&b, 0, 0, 16);
	memcpy(seg, &n, sizeof(n));
	put(f, &b, ts);
}

static void used(struct file *f, uint16_t device, uint32_t n, uint64_t ts)
{
	struct build b;
	struct vqt_used *u = build_begin(&b, bytes, sizeof(bytes), VQT_USED, sizeof(*u));

	u->h.device = device;
	u->h.queue = 0;
	u->id = n % 4;
	u->pos = (uint16_t)n;
	put(f, &b, ts);
}

/* Something that the driver does. */
static void step(struct file *f, uint64_t ts)
{
	struct build b;

	build_begin(&b, bytes, sizeof(bytes), VQT_GUEST, sizeof(struct vqt_guest));
	put(f, &b, ts);
}

/* The guest's clock: 40 ppm slow, behind by hours, and in the middle stopped, or set back. */
struct clocks {
	uint32_t chains;
	uint64_t pause, back;
	bool late; /* one record has a time of 50 ms before */
};

static uint64_t guest_time(const struct clocks *c, uint64_t host)
{
	uint64_t since = host - BEGIN, at = c->chains / 2 * MS + MS / 2;

	uint64_t back = since > at ? c->back : 0;

	if (c->pause && since > at)
		since -= since > at + c->pause ? c->pause : since - at;
	return 77 * SECOND + since - since / 25000 - back;
}

/* Host time at which the n-th chain is begun to be added. */
static uint64_t added(const struct clocks *c, uint32_t n)
{
	return BEGIN + n * MS + (n > c->chains / 2 ? c->pause : 0);
}

static void record(const struct clocks *c, struct file *host, struct file *guest, uint64_t salt)
{
	begin(host, VQT_SRC_QEMU, HOST_DEVICE, BEGIN - SECOND);
	begin(guest, VQT_SRC_GUEST, GUEST_DEVICE, guest_time(c, BEGIN) - 300 * MS);
	for (uint32_t n = 0; n < c->chains; n++) {
		uint64_t t = added(c, n), slow = n * 7919 % 300 * US;

		avail(guest, GUEST_DEVICE, n + (uint32_t)salt, guest_time(c, t + 4 * US),
		      4 * US / VQT_ADDING_NS + 1);
		if (c->late && n == c->chains / 3)
			step(guest, guest_time(c, t) - 50 * MS);
		avail(host, HOST_DEVICE, n, t + 9 * US + slow, 0);
		used(host, HOST_DEVICE, n, t + 30 * US + slow);
		used(guest, GUEST_DEVICE, n + (uint32_t)salt,
		     guest_time(c, t + 45 * US + 2 * slow));
	}
	end(host);
	end(guest);
}

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

/* What the merged trace says of time. */
struct seen {
	uint32_t guests, hosts, wrong, unknown, backwards, clocks, reasons[6];
	uint32_t most; /* the largest error claimed of a chain, ns */
	uint16_t peer;
	uint16_t clock;
};

static void look(struct seen *s, const struct clocks *c, const char *path)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record r;
	uint64_t last = 0;
	uint32_t error = VQT_CLOCK_UNKNOWN, n = 0;
	bool again;

	memset(s, 0, sizeof(*s));
	if (trace_open(&t, path, &err))
		abort();
	while (trace_next(t, &r, &again, &err) > 0) {
		s->backwards += r.h.ts < last;
		last = r.h.ts;
		if (r.h.type == VQT_CLOCK) {
			error = r.clock.error;
			s->clocks++;
			s->reasons[r.clock.reason]++;
		} else if (r.h.type == VQT_SOURCE && r.h.source != 1) {
			s->clock = r.source.clock;
		} else if (r.h.type == VQT_DEVICE && r.h.source != 1) {
			s->peer = r.device.peer;
		} else if (r.h.type == VQT_AVAIL && r.h.source == 1) {
			s->hosts++;
		} else if (r.h.type == VQT_AVAIL) {
			int64_t off = (int64_t)(r.h.ts - (added(c, n++) + 4 * US));

			s->guests++;
			if (error == VQT_CLOCK_UNKNOWN) {
				s->unknown++;
				continue;
			}
			s->wrong += off > error || -off > error;
			s->most = error > s->most ? error : s->most;
		}
	}
	trace_close(t);
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

	record(&c, &host, &guest, 0);
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

	record(c, &host, &guest, 0);
	merge(&m, host.path, guest.path);
	CHECK_EQ(m.rc, 0);
	look(s, c, m.to.path);
	CHECK_EQ(s->guests, c->chains);
	CHECK_EQ(s->wrong, 0);
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

	begin(&host, VQT_SRC_QEMU, HOST_DEVICE, BEGIN);
	begin(&guest, VQT_SRC_GUEST, GUEST_DEVICE, guest_time(&c, BEGIN));
	for (uint32_t n = 0; n < 50; n++) {
		avail(&guest, GUEST_DEVICE, n, guest_time(&c, BEGIN + n * MS), 0);
		avail(&host, HOST_DEVICE, n, BEGIN + n * MS, 0);
	}
	end(&host);
	end(&guest);
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

	record(&c, &host, &guest, 100000);
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

	record(&c, &host, &guest, 0);
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

	record(&c, &host, &guest, 0);
	if (ftruncate(guest.fd, lseek(guest.fd, 0, SEEK_END) / 2 + 3))
		abort();
	merge(&m, host.path, guest.path);
	CHECK_EQ(m.rc, 0);
	CHECK(m.result.guest[0].cut && !m.result.host_cut);
	look(&s, &c, m.to.path);
	CHECK_EQ(s.hosts, 2000);
	CHECK(s.guests > 900 && s.guests < 1100);
	CHECK_EQ(s.wrong, 0);
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

	begin(&host, VQT_SRC_QEMU, HOST_DEVICE, BEGIN);
	begin(&guest, VQT_SRC_GUEST, GUEST_DEVICE, guest_time(&c, BEGIN));
	for (uint32_t n = 0; n < 50; n++) {
		uint64_t t0 = BEGIN + n * MS;

		avail(&guest, GUEST_DEVICE, n, guest_time(&c, t0 + 4 * US), 300);
		avail(&guest, 99, n, guest_time(&c, t0 + 4 * US), 300); /* never described */
		build_begin(&b, bytes, sizeof(bytes), VQT_CLOCK, sizeof(struct vqt_clock));
		put(&guest, &b, t0);
		avail(&host, HOST_DEVICE, n, t0 + 9 * US, 0);
		used(&host, HOST_DEVICE, n, t0 + 20 * US);
		used(&guest, GUEST_DEVICE, n, guest_time(&c, t0 + 30 * US));
	}
	build_begin(&b, bytes, sizeof(bytes), VQT_SOURCE, sizeof(struct vqt_source));
	((struct vqt_source *)(void *)bytes)->kind = VQT_SRC_QEMU;
	put(&guest, &b, guest_time(&c, BEGIN + SECOND));
	end(&host);
	end(&guest);
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
