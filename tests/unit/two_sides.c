/* SPDX-License-Identifier: MIT */
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/mman.h>

#include "decoder/trace/build.h"
#include "tests/unit/two_sides.h"

_Alignas(8) uint8_t file_bytes[1024];

void file_make(struct file *f)
{
	f->fd = memfd_create("trace", 0);
	f->seq = 0;
	f->stacks = false;
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
	if (f->fd < 0)
		abort();
}

void file_put(struct file *f, struct build *b, uint64_t ts)
{
	struct vqt_hdr *h = (void *)file_bytes;

	h->ts = ts;
	h->seq = ++f->seq;
	h->source = 1;
	h->tid = 9;
	if (trace_write(f->w, file_bytes, b->len))
		abort();
}

static void begin_at(struct file *f, unsigned kind, uint16_t device, uint32_t bdf, uint64_t ts)
{
	struct build b;
	struct vqt_session *s;
	struct vqt_source *o;
	struct vqt_device *d;
	struct trace_error err;

	file_make(f);
	if (trace_create(&f->w, f->path, &err))
		abort();
	s = build_begin(&b, file_bytes, sizeof(file_bytes), VQT_SESSION, sizeof(*s));
	s->major = VQT_VERSION_MAJOR;
	s->minor = VQT_VERSION_MINOR;
	s->snaplen = 32;
	file_put(f, &b, ts);
	o = build_begin(&b, file_bytes, sizeof(file_bytes), VQT_SOURCE, sizeof(*o));
	o->kind = (uint16_t)kind;
	o->pid = kind == VQT_SRC_GUEST ? 0 : HOST_PID;
	o->clock = kind == VQT_SRC_GUEST ? VQT_CLOCK_GUEST : VQT_CLOCK_MONOTONIC;
	file_put(f, &b, ts);
	d = build_begin(&b, file_bytes, sizeof(file_bytes), VQT_DEVICE, sizeof(*d));
	d->h.device = device;
	d->virtio_id = VIRTIO_ID_BLOCK;
	d->bdf = bdf;
	file_put(f, &b, ts);
}

void file_begin(struct file *f, unsigned kind, uint16_t device, uint64_t ts)
{
	begin_at(f, kind, device, 0x20, ts);
}

void file_end(struct file *f)
{
	if (trace_finish(f->w))
		abort();
	f->w = NULL;
}

void put_avail(struct file *f, uint16_t device, uint32_t n, uint64_t ts, unsigned adding)
{
	const struct vqt_desc d = { 0x1000, 16, 0, 0 };
	struct build b;
	struct vqt_avail *a =
		build_begin(&b, file_bytes, sizeof(file_bytes), VQT_AVAIL, sizeof(*a));
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
	if (f->stacks)
		build_stack(&b, 1U + (uint16_t)n % STACKS);
	file_put(f, &b, ts);
}

void put_stacks(struct file *f, uint64_t ts)
{
	for (uint32_t id = 1; id <= STACKS; id++) {
		struct build b;
		struct vqt_stack *s =
			build_begin(&b, file_bytes, sizeof(file_bytes), VQT_STACK, sizeof(*s));
		uint64_t pc = id;

		s->id = id;
		s->nframes = 1;
		build_bytes(&b, &pc, sizeof(pc));
		file_put(f, &b, ts);
	}
	f->stacks = true;
}

void put_used(struct file *f, uint16_t device, uint32_t n, uint64_t ts)
{
	struct build b;
	struct vqt_used *u = build_begin(&b, file_bytes, sizeof(file_bytes), VQT_USED, sizeof(*u));

	u->h.device = device;
	u->h.queue = 0;
	u->id = n % 4;
	u->pos = (uint16_t)n;
	file_put(f, &b, ts);
}

/* Where the driver has put a queue's descriptors. */
static void put_address(struct file *f, uint16_t device, uint64_t ts)
{
	struct build b;
	struct vqt_reg *r = build_begin(&b, file_bytes, sizeof(file_bytes), VQT_REG, sizeof(*r));

	r->h.device = device;
	r->region = VQT_REGION_MMIO;
	r->op = VQT_WRITE;
	r->width = 4;
	r->offset = VIRTIO_MMIO_QUEUE_DESC_LOW;
	r->value = 0x7f000;
	file_put(f, &b, ts);
}

void put_step(struct file *f, uint64_t ts)
{
	struct build b;

	build_begin(&b, file_bytes, sizeof(file_bytes), VQT_GUEST, sizeof(struct vqt_guest));
	file_put(f, &b, ts);
}

void put_exchange(struct file *f, struct vqt_exchange x)
{
	x.h = (struct vqt_hdr){ .type = VQT_EXCHANGE, .queue = VQT_NO_QUEUE, .source = 1 };
	if (trace_write(f->w, &x, sizeof(x)))
		abort();
}

uint64_t guest_time(const struct clocks *c, uint64_t host)
{
	uint64_t since = host - BEGIN, at = c->chains / 2 * MS + MS / 2;

	uint64_t back = since > at ? c->back : 0;

	if (c->pause && since > at)
		since -= since > at + c->pause ? c->pause : since - at;
	return 77 * SECOND + since - since / 25000 - back;
}

uint64_t added_at(const struct clocks *c, uint32_t n)
{
	return BEGIN + n * MS + (n > c->chains / 2 ? c->pause : 0);
}

void record_both(const struct clocks *c, struct file *host, struct file *guest, uint64_t salt)
{
	begin_at(host, VQT_SRC_QEMU, HOST_DEVICE, c->mmio ? ~0U : 0x20, BEGIN - SECOND);
	begin_at(guest, VQT_SRC_GUEST, GUEST_DEVICE, c->mmio ? ~0U : 0x20,
		 guest_time(c, BEGIN) - 300 * MS);
	if (c->mmio) {
		put_address(host, HOST_DEVICE, BEGIN - 200 * MS);
		put_address(guest, GUEST_DEVICE, guest_time(c, BEGIN) - 200 * MS);
	}
	put_stacks(guest, guest_time(c, BEGIN) - 300 * MS);
	for (uint32_t n = 0; n < c->chains; n++) {
		uint64_t t = added_at(c, n), slow = n * 7919 % 300 * US;

		put_avail(guest, GUEST_DEVICE, n + (uint32_t)salt, guest_time(c, t + 4 * US),
			  4 * US / VQT_ADDING_NS + 1);
		if (c->late && n == c->chains / 3)
			put_step(guest, guest_time(c, t) - 50 * MS);
		put_avail(host, HOST_DEVICE, n, t + 9 * US + slow, 0);
		put_used(host, HOST_DEVICE, n, t + 30 * US + slow);
		put_used(guest, GUEST_DEVICE, n + (uint32_t)salt,
			 guest_time(c, t + 45 * US + 2 * slow));
	}
	file_end(host);
	file_end(guest);
}

void look(struct seen *s, const struct clocks *c, const char *path)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record r;
	uint64_t last = 0;
	uint32_t error = VQT_CLOCK_UNKNOWN, n = 0;
	bool again, described[1 + STACKS] = { false };

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
			memset(described, 0, sizeof(described));
		} else if (r.h.type == VQT_STACK && r.h.source != 1) {
			described[r.stack.id] = get_le64(r.tail) == r.stack.id;
		} else if (r.h.type == VQT_DEVICE && r.h.source != 1) {
			s->peer = r.device.peer;
		} else if (r.h.type == VQT_AVAIL && r.h.source == 1) {
			s->hosts++;
		} else if (r.h.type == VQT_AVAIL) {
			int64_t off = (int64_t)(r.h.ts - (added_at(c, n++) + 4 * US));

			s->guests++;
			s->stackless +=
				r.stack_id != 1U + r.avail.pos % STACKS || !described[r.stack_id];
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
