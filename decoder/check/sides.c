/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/check/sides.h"
#include "decoder/spec/spec.h"
#include "decoder/trace/guest.h"

#define SEEN 1024 /* accesses of devices that are remembered */
#define PENDING 256 /* of drivers that wait to be compared */
#define USED 1024 /* completions of devices that drivers have not taken */
#define THREADS 64 /* of drivers */

/* An access to a register, on either side. */
struct access {
	uint64_t ts, number, since;
	uint64_t value;
	uint32_t offset;
	uint16_t device;
	uint8_t source, region, width, op;
};

/* An access by a driver: the device has to have it between `from` and `to`, times of its clock. */
struct pending {
	struct access a;
	char field[32];
	uint32_t tid;
	uint64_t from, to; /* to: UINT64_MAX: its function may still be running */
	uint32_t error;
};

struct used {
	uint64_t number;
	uint32_t len;
	uint16_t device, queue, id, pos;
};

struct thread {
	uint64_t key, ts; /* source << 32 | tid; when it did something last */
};

struct sides {
	sides_found *found;
	void *opaque;
	struct sides_count count[SIDES_WHATS];
	struct access seen[SEEN]; /* a ring */
	uint64_t nseen;
	struct pending pending[PENDING];
	unsigned npending;
	struct used used[USED]; /* the oldest first */
	unsigned nused;
	struct thread thread[THREADS];
	uint64_t lost[256]; /* by source: time of the latest loss */
	uint64_t now[256]; /* and of the latest event */
};

struct sides *sides_new(sides_found *found, void *opaque)
{
	struct sides *s = calloc(1, sizeof(*s));

	if (s) {
		s->found = found;
		s->opaque = opaque;
	}
	return s;
}

void sides_free(struct sides *s)
{
	free(s);
}

const struct sides_count *sides_counts(const struct sides *s)
{
	return s->count;
}

static const struct {
	const char *name, *key;
} whats[SIDES_WHATS] = {
	[SIDES_WRITE] = { "writes of registers", "writes" },
	[SIDES_READ] = { "reads of registers", "reads" },
	[SIDES_CHAIN] = { "chains", "chains" },
	[SIDES_USED] = { "completions", "completions" },
};

const char *sides_name(enum sides_what what)
{
	return whats[what].name;
}

const char *sides_key(enum sides_what what)
{
	return whats[what].key;
}

/* --- registers ------------------------------------------------------------------------------- */

static struct access access_of(const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	uint64_t mask = r->width < 8 ? (UINT64_C(1) << 8 * r->width) - 1 : UINT64_MAX;

	return (struct access){ .ts = e->ts,
				.number = e->number,
				.since = e->since,
				.value = r->value & mask,
				.offset = r->offset,
				.device = r->h.device,
				.source = r->h.source,
				.region = (uint8_t)r->region,
				.width = (uint8_t)r->width,
				.op = (uint8_t)r->op };
}

static bool overlap(const struct access *a, const struct access *b)
{
	return a->region == b->region && a->op == b->op && a->offset < b->offset + b->width &&
	       b->offset < a->offset + a->width;
}

/* What the device has that may be this access. */
struct candidates {
	const struct access *other; /* at the same place, with another value; NULL: none */
	bool equal, another_width;
	bool region; /* it records such registers at all */
	bool whole; /* everything of that time is still known */
};

static struct candidates look_for(const struct sides *s, const struct pending *p, uint16_t device)
{
	uint64_t first = s->nseen > SEEN ? s->nseen - SEEN : 0;
	struct candidates c = { .whole = !first || s->seen[first % SEEN].ts < p->from };

	for (uint64_t i = first; i < s->nseen; i++) {
		const struct access *a = &s->seen[i % SEEN];

		if (a->device != device)
			continue;
		c.region |= a->region == p->a.region;
		if (a->ts < p->from || a->ts > p->to || !overlap(a, &p->a))
			continue;
		if (a->offset != p->a.offset || a->width != p->a.width)
			c.another_width = true;
		else if (a->value == p->a.value)
			c.equal = true;
		else
			c.other = a;
	}
	return c;
}

static void contradict(struct sides *s, const struct pending *p, const struct model_device *d,
		       const struct access *other)
{
	bool write = p->a.op == VQT_WRITE;
	char text[200];

	if (other)
		snprintf(text, sizeof(text),
			 "the driver %s %s = 0x%" PRIx64 ", the device %s 0x%" PRIx64,
			 write ? "wrote" : "read", p->field, p->a.value, write ? "got" : "gave",
			 other->value);
	else
		snprintf(text, sizeof(text),
			 "the driver %s %s%s0x%" PRIx64 ", and the device has not seen that",
			 write ? "wrote" : "read", p->field, " = ", p->a.value);
	s->found(s->opaque, &(struct sides_contradiction){
				    .what = write ? SIDES_WRITE : SIDES_READ,
				    .device = d,
				    .queue = VQT_NO_QUEUE,
				    .driver = p->a.number,
				    .host = other ? other->number : 0,
				    .since = p->a.since,
				    .text = text,
			    });
}

static void judge(struct sides *s, const struct model *m, const struct pending *p)
{
	const struct model_device *driver = model_device(m, p->a.device);
	const struct model_device *d = driver ? driver->peer : NULL;
	struct sides_count *n = &s->count[p->a.op == VQT_WRITE ? SIDES_WRITE : SIDES_READ];
	struct candidates c;

	if (!d || s->lost[d->source] >= p->from || s->lost[p->a.source] >= p->a.ts) {
		n->unknown++;
		return;
	}
	c = look_for(s, p, d->id);
	if (c.equal) {
		n->agree++;
	} else if (!c.whole || !c.region || c.another_width) {
		n->unknown++;
	} else {
		n->differ += c.other != NULL;
		n->missing += c.other == NULL;
		contradict(s, p, d, c.other);
	}
}

/* Judge the accesses to devices of this source that it had to have before `ts`. */
static void judge_passed(struct sides *s, const struct model *m, unsigned source, uint64_t ts)
{
	unsigned left = 0;

	for (unsigned i = 0; i < s->npending; i++) {
		const struct model_device *driver = model_device(m, s->pending[i].a.device);

		if (driver && driver->peer && driver->peer->source == source &&
		    s->pending[i].to < ts)
			judge(s, m, &s->pending[i]);
		else
			s->pending[left++] = s->pending[i];
	}
	s->npending = left;
}

static struct thread *thread_of(struct sides *s, const struct vqt_hdr *h)
{
	return &s->thread[(h->tid * 31 + h->source) % THREADS];
}

/* When this thread did something last: 0 unknown. */
static uint64_t before(struct sides *s, const struct vqt_hdr *h)
{
	const struct thread *t = thread_of(s, h);

	return t->key == ((uint64_t)h->source << 32 | h->tid) ? t->ts : 0;
}

/* It runs inside of what it interrupts, which goes on. */
static bool is_by_interrupt(const struct vqt_guest *g, const struct guest_function *f)
{
	return (g->what != VQT_GUEST_LIFECYCLE && g->what != VQT_GUEST_CONFIG_OP) ||
	       (f && !strcmp(f->name, "virtio_config_changed"));
}

/*
 * A function returns: what its thread did before is over.  An entry does not show that: accesses were
 * recorded in front of the entry of the function that makes them.
 */
static void thread_acts(struct sides *s, const struct event *e)
{
	const struct vqt_hdr *h = &e->rec->h;

	if (h->type != VQT_GUEST || is_by_interrupt(&e->rec->guest, guest_function_of(e->rec)))
		return;
	for (unsigned i = 0; i < s->npending; i++) {
		struct pending *p = &s->pending[i];

		if (e->rec->guest.phase == VQT_GUEST_RETURN && p->to == UINT64_MAX &&
		    p->a.source == h->source && p->tid == h->tid && e->ts > p->a.ts)
			p->to = e->ts + p->error;
	}
	*thread_of(s, h) = (struct thread){ (uint64_t)h->source << 32 | h->tid, e->ts };
}

/*
 * What an interrupt's handler has read, and acknowledged: its value is concluded from what the handler
 * calls, whose probes may have been missed.
 */
static bool is_concluded(const struct event *e)
{
	return e->field->id == SPEC_REG_ISR || e->field->id == SPEC_REG_ISR_ACK;
}

/* since: when its thread did something before; 0 unknown. */
static void driver_access(struct sides *s, const struct event *e, uint64_t since)
{
	struct pending p = { .a = access_of(e), .tid = e->rec->h.tid, .error = e->source->error };
	bool read = p.a.op == VQT_READ;

	if (!e->field || is_concluded(e) || p.error == VQT_CLOCK_UNKNOWN || !e->source->mapped ||
	    !p.tid || !since || s->npending == PENDING) {
		s->count[read ? SIDES_READ : SIDES_WRITE].unknown++;
		return;
	}
	/* it is recorded when its function is entered, or has returned: a read, and what follows one */
	p.from = since - p.error;
	p.to = read ? e->ts + p.error : UINT64_MAX;
	snprintf(p.field, sizeof(p.field), "%s", e->field->name);
	s->pending[s->npending++] = p;
}

/* --- chains ---------------------------------------------------------------------------------- */

/* The buffers of a chain: not the descriptor that refers to a table. */
static const struct vqt_desc *buffer(const struct model_request *r, uint32_t *i)
{
	while (*i < r->ndesc && r->desc[*i].flags & VRING_DESC_F_INDIRECT)
		++*i;
	return *i < r->ndesc ? &r->desc[(*i)++] : NULL;
}

/* NULL: they are the same. */
static const char *difference(const struct model_request *a, const struct model_request *b)
{
	uint32_t i = 0, k = 0;

	for (;;) {
		const struct vqt_desc *x = buffer(a, &i), *y = buffer(b, &k);

		if (!x || !y)
			return x || y ? "another number of buffers" : NULL;
		if (x->addr != y->addr)
			return "a buffer at another address";
		if (x->len != y->len)
			return "a buffer of another length";
		if ((x->flags ^ y->flags) & VRING_DESC_F_WRITE)
			return "a buffer for the other direction";
	}
}

static bool whole(const struct model_request *r)
{
	return !(r->flags & ~VQT_CHAIN_LATE) && r->ndesc && !r->before;
}

static void compare_chain(struct sides *s, const struct event *e)
{
	const struct model_queue *q = model_queue(e->dev->peer, e->queue->index);
	const struct model_request *other = q ? model_in_flight(q, e->req->head) : NULL;
	const struct model_request *driver = e->dev->by_driver ? e->req : other;
	const struct model_request *host = e->dev->by_driver ? other : e->req;
	const char *how;
	char text[200];

	if (!other || other->pos != e->req->pos)
		return; /* the other side has not come to it yet, or did not record it */
	if (!whole(driver) || !whole(host) || s->lost[e->dev->source] >= other->seen_ts ||
	    s->lost[e->dev->peer->source] >= other->seen_ts) {
		s->count[SIDES_CHAIN].unknown++;
		return;
	}
	how = difference(driver, host);
	if (!how) {
		s->count[SIDES_CHAIN].agree++;
		return;
	}
	s->count[SIDES_CHAIN].differ++;
	snprintf(text, sizeof(text), "the device popped head %u with %s than the driver added",
		 host->head, how);
	s->found(s->opaque, &(struct sides_contradiction){
				    .what = SIDES_CHAIN,
				    .device = e->dev->by_driver ? e->dev->peer : e->dev,
				    .queue = e->queue->index,
				    .driver = driver->number,
				    .host = host->number,
				    .since = e->since,
				    .text = text,
			    });
}

static void forget_used(struct sides *s, unsigned i)
{
	s->nused--;
	memmove(&s->used[i], &s->used[i + 1], (s->nused - i) * sizeof(s->used[0]));
}

static void device_used(struct sides *s, const struct event *e)
{
	if (s->nused == USED)
		forget_used(s, 0);
	s->used[s->nused++] =
		(struct used){ e->number,	e->rec->used.len,	   e->dev->id,
			       e->queue->index, (uint16_t)e->rec->used.id, e->rec->used.pos };
}

/* Its driver will take none of them any more. */
static void reset_used(struct sides *s, uint16_t device)
{
	unsigned left = 0;

	for (unsigned i = 0; i < s->nused; i++)
		if (s->used[i].device != device)
			s->used[left++] = s->used[i];
	s->nused = left;
}

static bool is_reset(const struct event *e)
{
	return e->field && e->field->id == SPEC_REG_DEVICE_STATUS && e->rec->reg.op == VQT_WRITE &&
	       !e->rec->reg.value;
}

static void driver_took(struct sides *s, const struct event *e)
{
	const struct vqt_used *u = &e->rec->used;
	struct used was;
	unsigned i = 0;
	char text[200];

	while (i < s->nused &&
	       (s->used[i].device != e->dev->peer->id || s->used[i].queue != e->queue->index ||
		s->used[i].id != (uint16_t)u->id || s->used[i].pos != u->pos))
		i++;
	if (i == s->nused)
		return; /* the device's record came later, or there is none */
	was = s->used[i];
	forget_used(s, i);
	if (was.len == u->len) {
		s->count[SIDES_USED].agree++;
		return;
	}
	s->count[SIDES_USED].differ++;
	snprintf(text, sizeof(text),
		 "the driver took id %" PRIu32 " with length %" PRIu32
		 ", the device wrote %" PRIu32,
		 (uint32_t)u->id, u->len, was.len);
	s->found(s->opaque, &(struct sides_contradiction){
				    .what = SIDES_USED,
				    .device = e->dev->peer,
				    .queue = e->queue->index,
				    .driver = e->number,
				    .host = was.number,
				    .since = e->since,
				    .text = text,
			    });
}

/* --- feeding ---------------------------------------------------------------------------------- */

static void lose(struct sides *s, const struct model *m, const struct event *e)
{
	unsigned left = 0;

	s->lost[e->rec->h.source] = e->ts;
	for (unsigned i = 0; i < s->nused; i++) {
		const struct model_device *d = model_device(m, s->used[i].device);

		if (d && d->source != e->rec->h.source &&
		    !(d->peer && d->peer->source == e->rec->h.source))
			s->used[left++] = s->used[i];
	}
	s->nused = left;
}

static void feed_device(struct sides *s, const struct event *e)
{
	switch (e->rec->h.type) {
	case VQT_REG:
		if (is_reset(e))
			reset_used(s, e->dev->id);
		break;
	case VQT_USED:
		if (e->queue && !(e->rec->used.flags & (VQT_USED_DETACHED | VQT_USED_SYNTHETIC)))
			device_used(s, e);
		break;
	}
}

static void feed_driver(struct sides *s, const struct event *e, uint64_t since)
{
	switch (e->rec->h.type) {
	case VQT_REG: driver_access(s, e, since); break;
	case VQT_USED:
		if (e->queue)
			driver_took(s, e);
		break;
	}
}

void sides_feed(struct sides *s, const struct model *m, const struct event *e)
{
	const struct vqt_hdr *h = &e->rec->h;
	uint64_t since = before(s, h);

	/* a source that is described again has begun anew */
	if (e->gap || h->type == VQT_LOSS || h->type == VQT_SOURCE)
		lose(s, m, e);
	if (event_by_driver(e) && h->tid)
		thread_acts(s, e);
	if (!e->dev)
		return;
	/* also before its driver has been seen: the first accesses show that it is one of virtio */
	if (!e->dev->by_driver && h->type == VQT_REG)
		s->seen[s->nseen++ % SEEN] = access_of(e);
	if (!e->dev->peer)
		return;
	s->now[h->source] = e->ts;
	if (h->type == VQT_AVAIL && e->queue && e->req)
		compare_chain(s, e);
	if (e->dev->by_driver) {
		feed_driver(s, e, since);
		return;
	}
	feed_device(s, e);
	judge_passed(s, m, h->source, e->ts);
}

void sides_finish(struct sides *s, const struct model *m)
{
	for (unsigned i = 0; i < s->npending; i++) {
		const struct pending *p = &s->pending[i];
		const struct model_device *driver = model_device(m, p->a.device);

		/* the device's side has not been recorded for long enough to tell */
		if (!driver || !driver->peer || p->to >= s->now[driver->peer->source])
			s->count[p->a.op == VQT_WRITE ? SIDES_WRITE : SIDES_READ].unknown++;
		else
			judge(s, m, p);
	}
	s->npending = 0;
}
