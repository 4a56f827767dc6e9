/* SPDX-License-Identifier: MIT */
/* What our own device and the proxy record: events are built here and handed to `emit`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/spec/vhost_user.h"
#include "decoder/trace/build.h"
#include "decoder/util/virtqueue.h"
#include "emu/virtio/tap.h"

#define DESCS_A_RECORD 4096

struct emu_tap {
	struct emu_tap_config cfg;
	uint64_t time;
	uint32_t seq;
	/*
	 * The records being built: `depth` of them.  To fetch bytes of a buffer a client
	 * may have to be asked by message, which makes a record of its own meanwhile.
	 */
	unsigned depth;
	struct build rec[2];
	uint8_t space[2][VQT_RECORD_MAX] __attribute__((aligned(8)));
};

struct emu_tap *emu_tap_new(const struct emu_tap_config *cfg)
{
	struct emu_tap *t = malloc(sizeof(*t));
	if (!t)
		return NULL;
	memset(t, 0, offsetof(struct emu_tap, space));
	t->cfg = *cfg;
	t->cfg.tick = cfg->tick ? cfg->tick : 1000;
	t->cfg.snaplen = cfg->snaplen ? cfg->snaplen : 64;
	t->cfg.device = cfg->device ? cfg->device : 1;
	t->cfg.source = cfg->source ? cfg->source : 1;
	t->cfg.kind = cfg->kind ? cfg->kind : VQT_SRC_EMU;
	return t;
}

void emu_tap_free(struct emu_tap *t)
{
	free(t);
}

static void stamp_at(struct emu_tap *t, struct vqt_hdr *h, uint64_t ts)
{
	h->ts = ts;
	h->seq = t->seq++;
	h->source = t->cfg.source;
}

static void stamp(struct emu_tap *t, struct vqt_hdr *h)
{
	t->time += t->cfg.tick;
	stamp_at(t, h, t->cfg.now ? t->cfg.now(t->cfg.opaque) : t->time);
}

/* The record that is being built. */
static struct build *now(struct emu_tap *t)
{
	return &t->rec[(t->depth - 1) & 1];
}

static void *begin(struct emu_tap *t, unsigned type, size_t size, uint16_t queue)
{
	t->depth++;
	struct vqt_hdr *h =
		build_begin(now(t), t->space[(t->depth - 1) & 1], VQT_RECORD_MAX, type, size);
	h->device = t->cfg.device;
	h->queue = queue;
	return h;
}

static void end(struct emu_tap *t)
{
	const struct build *b = now(t);
	stamp(t, (struct vqt_hdr *)b->bytes); /* in the order they are handed on */
	t->cfg.emit(t->cfg.opaque, b->bytes, b->len);
	t->depth--;
}

void emu_tap_put(struct emu_tap *t, void *record, size_t len)
{
	if (!t)
		return;
	stamp(t, record);
	t->cfg.emit(t->cfg.opaque, record, len);
}

void emu_tap_put_at(struct emu_tap *t, void *record, size_t len, uint64_t ts)
{
	if (!t)
		return;
	stamp_at(t, record, ts);
	t->cfg.emit(t->cfg.opaque, record, len);
}

static void from_snooper(void *opaque, void *record, size_t len)
{
	emu_tap_put(opaque, record, len);
}

int emu_tap_sink(struct emu_tap *t, struct snoop_sink *out)
{
	*out = (struct snoop_sink){ .record = from_snooper,
				    .opaque = t,
				    .space = malloc(VQT_RECORD_MAX),
				    .device = t->cfg.device,
				    .snaplen = t->cfg.snaplen };
	return out->space ? 0 : -ENOMEM;
}

/* --- descriptive ----------------------------------------------------------------- */

void emu_tap_session(struct emu_tap *t, const char *tool, const char *command, int64_t wall)
{
	if (!t)
		return;
	struct vqt_session *s = begin(t, VQT_SESSION, sizeof(*s), VQT_NO_QUEUE);
	s->h.device = VQT_NO_DEVICE;
	s->major = VQT_VERSION_MAJOR;
	s->minor = VQT_VERSION_MINOR;
	s->snaplen = t->cfg.snaplen;
	s->wall = wall;
	build_text(now(t), VQT_TAG_TOOL, tool);
	build_text(now(t), VQT_TAG_COMMAND, command);
	end(t);
}

void emu_tap_source(struct emu_tap *t, const char *name, uint32_t pid)
{
	if (!t)
		return;
	struct vqt_source *s = begin(t, VQT_SOURCE, sizeof(*s), VQT_NO_QUEUE);
	s->h.device = VQT_NO_DEVICE;
	s->kind = t->cfg.kind;
	s->clock = t->cfg.now ? VQT_CLOCK_MONOTONIC : VQT_CLOCK_VIRTUAL;
	s->pid = pid;
	build_text(now(t), VQT_TAG_NAME, name);
	end(t);
}

void emu_tap_device(struct emu_tap *t, unsigned virtio_id, unsigned transport, unsigned flags,
		    uint32_t bdf, unsigned queues, const char *id, const char *type_name)
{
	if (!t)
		return;
	struct vqt_device *d = begin(t, VQT_DEVICE, sizeof(*d), VQT_NO_QUEUE);
	d->virtio_id = virtio_id;
	d->transport = transport;
	d->flags = flags;
	d->bdf = bdf;
	d->queues = queues;
	build_text(now(t), VQT_TAG_ID, id);
	build_text(now(t), VQT_TAG_TYPENAME, type_name);
	end(t);
}

void emu_tap_note(struct emu_tap *t, unsigned level, const char *text)
{
	if (!t)
		return;
	struct vqt_note *n = begin(t, VQT_NOTE, sizeof(*n), VQT_NO_QUEUE);
	size_t len = strlen(text);
	n->level = level;
	n->len = len < 4096 ? len : 4096;
	build_bytes(now(t), text, n->len);
	end(t);
}

void emu_tap_vhost_user(struct emu_tap *t, unsigned from, uint32_t request, uint32_t flags,
			const uint8_t *payload, uint32_t size, unsigned fds)
{
	if (!t)
		return;
	struct vqt_vhost_user *m = begin(t, VQT_VHOST_USER, sizeof(*m), VQT_NO_QUEUE);
	m->request = request;
	m->flags = flags;
	m->size = size;
	m->from = (uint8_t)from;
	m->fds = (uint8_t)fds;
	size_t len = spec_vhost_user_covered(m);
	len = len < size ? len : size;
	m->len = (uint16_t)(len < VQT_VHOST_USER_BYTES ? len : VQT_VHOST_USER_BYTES);
	build_bytes(now(t), payload, m->len);
	end(t);
}

/* --- events ------------------------------------------------------------------------ */

void emu_tap_reg(struct emu_tap *t, unsigned region, unsigned op, unsigned width, unsigned flags,
		 uint32_t offset, uint64_t value)
{
	if (!t)
		return;
	struct vqt_reg *r = begin(t, VQT_REG, sizeof(*r), VQT_NO_QUEUE);
	r->region = region;
	r->op = op;
	r->width = width;
	r->flags = flags;
	r->offset = offset;
	r->value = value;
	end(t);
}

/* Can the ring be read without a DMA message? */
static bool at_hand(struct emu_ring *r)
{
	if (!r->ops)
		return false;
	emu_ring_map(r);
	return r->in.at[RING_DRIVER] && r->in.at[RING_DEVICE];
}

void emu_tap_kick(struct emu_tap *t, uint16_t queue, struct emu_ring *r, uint32_t value,
		  unsigned via, unsigned width)
{
	if (!t)
		return;
	struct vqt_kick *k = begin(t, VQT_KICK, sizeof(*k), queue);
	uint16_t heads[VQT_KICK_HEADS];
	k->value = value;
	k->via = via;
	k->width = width;
	if (at_hand(r)) {
		emu_ring_snapshot(r, &k->ring);
		uint16_t n = k->ring.avail_idx - r->in.avail;
		if (r->in.packed || !(k->ring.known & VQT_RING_AVAIL_IDX))
			n = 0;
		n = n < VQT_KICK_HEADS ? n : VQT_KICK_HEADS;
		for (unsigned i = 0; i < n; i++)
			if (emu_ring_load16(r, RING_DRIVER,
					    virtq_avail_at((r->in.avail + i) % r->in.size),
					    &heads[k->nheads]) == 0)
				k->nheads++;
		build_bytes(now(t), heads, 2u * k->nheads);
	}
	end(t);
}

void emu_tap_ring(struct emu_tap *t, uint16_t queue, struct emu_ring *r, unsigned why,
		  unsigned pending)
{
	if (!t || !at_hand(r))
		return;
	struct vqt_ringstate *s = begin(t, VQT_RING, sizeof(*s), queue);
	emu_ring_snapshot(r, &s->ring);
	s->why = why;
	s->pending = pending;
	end(t);
}

static int read_buffer(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	struct emu_mem *m = opaque;
	/* outside of guest memory no client is asked */
	return emu_mem_check(m, gpa, len, 0) < 0 ? -1 : emu_mem_read(m, gpa, buf, len);
}

/* The chain's buffers of this direction, descriptors [first, end). */
static unsigned add_buffers(struct emu_tap *t, struct emu_mem *m, const struct emu_chain *c,
			    bool writable, uint32_t first, uint32_t end, uint64_t total)
{
	const struct build_buffers from = { .desc = c->chain.desc,
					    .first = first,
					    .end = end,
					    .table = ring_chain_table(&c->chain),
					    .writable = writable,
					    .each = t->cfg.snaplen,
					    .total = total,
					    .read = read_buffer,
					    .opaque = m };
	return build_segs(now(t), &from);
}

void emu_tap_avail(struct emu_tap *t, uint16_t queue, const struct vqt_ring *before,
		   struct emu_mem *m, const struct emu_chain *c)
{
	if (!t)
		return;
	uint32_t first = 0;
	do {
		struct vqt_avail *a = begin(t, VQT_AVAIL, sizeof(*a), queue);
		uint32_t n = c->chain.ndesc - first;
		n = n < DESCS_A_RECORD ? n : DESCS_A_RECORD;
		a->ring = *before;
		a->head = c->chain.head;
		a->pos = c->chain.pos;
		a->flags = c->chain.flags | (first + n < c->chain.ndesc ? VQT_CHAIN_MORE : 0);
		a->first = first;
		a->ndesc = n;
		a->ndirect = c->chain.ndirect;
		if (n)
			build_bytes(now(t), c->chain.desc + first, n * sizeof(*c->chain.desc));
		a->nseg = add_buffers(t, m, c, false, first, first + n, UINT64_MAX);
		end(t);
		first += n;
	} while (first < c->chain.ndesc);
}

void emu_tap_used(struct emu_tap *t, uint16_t queue, const struct vqt_ring *before, uint16_t pos,
		  struct emu_mem *m, const struct emu_chain *c, const struct ring_entry *e)
{
	if (!t)
		return;
	struct vqt_used *u = begin(t, VQT_USED, sizeof(*u), queue);
	u->ring = *before;
	u->id = e->id;
	u->pos = pos;
	u->len = e->len;
	if (e->write)
		u->flags |= VQT_USED_WRITE;
	if (c->chain.write_len &&
	    emu_chain_read_written(m, c, c->chain.write_len - 1, &u->status, 1) == 0)
		u->flags |= VQT_USED_STATUS;
	u->nseg = add_buffers(t, m, c, true, 0, c->chain.ndesc, e->len);
	end(t);
}

void emu_tap_irq(struct emu_tap *t, uint16_t queue, unsigned kind, uint16_t vector, unsigned level)
{
	if (!t)
		return;
	struct vqt_irq *i = begin(t, VQT_IRQ, sizeof(*i), queue);
	i->kind = kind;
	i->vector = vector;
	i->level = level;
	end(t);
}

void emu_tap_lifecycle(struct emu_tap *t, unsigned what, uint16_t queue, uint64_t arg0,
		       uint64_t arg1, uint64_t arg2, const char *text)
{
	if (!t)
		return;
	struct vqt_lifecycle *l = begin(t, VQT_LIFECYCLE, sizeof(*l), queue);
	l->what = what;
	l->arg[0] = arg0;
	l->arg[1] = arg1;
	l->arg[2] = arg2;
	if (text) {
		l->len = strlen(text);
		build_bytes(now(t), text, l->len);
	}
	end(t);
}

void emu_tap_backend(struct emu_tap *t, uint16_t queue, uint16_t head, unsigned op, bool over,
		     int ret, uint64_t offset, uint64_t bytes, uint64_t cookie)
{
	if (!t)
		return;
	struct vqt_backend *b = begin(t, VQT_BACKEND, sizeof(*b), queue);
	b->op = op;
	b->phase = over;
	b->head = head;
	b->ret = ret;
	b->offset = offset;
	b->bytes = bytes;
	b->cookie = cookie;
	end(t);
}

/* --- state -------------------------------------------------------------------------- */

void emu_tap_device_state(struct emu_tap *t, uint32_t known, uint8_t status,
			  const uint64_t offered[2], const uint64_t accepted[2],
			  const uint8_t *config, uint16_t config_len)
{
	if (!t)
		return;
	struct vqt_device_state *s = begin(t, VQT_DEVICE_STATE, sizeof(*s), VQT_NO_QUEUE);
	s->known = known & ~VQT_KNOWN_CONFIG;
	s->status = status;
	memcpy(s->offered, offered, sizeof(s->offered));
	memcpy(s->accepted, accepted, sizeof(s->accepted));
	if (known & VQT_KNOWN_CONFIG && config && config_len) {
		s->known |= VQT_KNOWN_CONFIG;
		s->config_len = config_len;
		build_bytes(now(t), config, config_len);
	}
	end(t);
}

void emu_tap_queue_state(struct emu_tap *t, uint16_t queue, const struct emu_ring *r,
			 uint16_t last_avail, uint16_t used)
{
	if (!t)
		return;
	struct vqt_queue_state *s = begin(t, VQT_QUEUE_STATE, sizeof(*s), queue);
	s->known = VQT_KNOWN_SIZE | VQT_KNOWN_ADDR | VQT_KNOWN_ENABLED | VQT_KNOWN_INDEX;
	s->size = r->in.size;
	s->vector = VQT_NO_VECTOR;
	s->desc = r->in.area[RING_DESC];
	s->driver = r->in.area[RING_DRIVER];
	s->device = r->in.area[RING_DEVICE];
	s->last_avail = last_avail;
	s->used = used;
	s->enabled = 1;
	end(t);
}
