/* SPDX-License-Identifier: MIT */
/* The tracks: which there are, and what they are called. */
#include <errno.h>
#include <string.h>

#include "decoder/class/class.h"
#include "decoder/export/timeline_impl.h"
#include "decoder/fields/event_names.h"

void put_item(struct timeline *t, struct sequence *s, struct timeline_item *i)
{
	if (t->rc)
		return;
	if (!s->id || i->ts < s->last)
		s->id = ++t->sequences;
	s->last = i->ts;
	i->sequence = s->id;
	t->rc = t->w->item(t->opaque, i);
}

/* --- making them ----------------------------------------------------------------------------- */

static struct track *find(const struct timeline *t, const struct track_key *key)
{
	struct track *k;

	HASH_FIND(hh, t->track, key, sizeof(*key), k);
	return k;
}

static struct track *make(struct timeline *t, const struct track_key *key, struct track *parent,
			  enum timeline_kind kind, const char *name)
{
	struct track *k = NULL;

	if (t->rc)
		return NULL;
	hash_add_new(t->track, key, *key, k);
	if (!k) {
		t->rc = -ENOMEM;
		return NULL;
	}
	k->t.id = ++t->tracks;
	k->t.parent = parent ? &parent->t : NULL;
	k->t.kind = kind;
	k->t.nth = kind == TIMELINE_LANE ? key->n : 0;
	memcpy(k->t.name, name, strnlen(name, sizeof(k->t.name) - 1));
	t->rc = t->w->track(t->opaque, &k->t);
	return t->rc ? NULL : k;
}

/*
 * A trace may tell later that a device is of another type, or is one that it has already as its other
 * side saw it: then it has another name, and other tracks from there on.
 */
uint32_t device_key(const struct model_device *d)
{
	return d->id | (d->virtio_id & 0x7fff) << 16 | (uint32_t)model_second_view(d) << 31;
}

/* Several sources may be of one process: QEMU's probes and KVM's. */
struct track *track_of_source(struct timeline *t, const struct model_source *s)
{
	bool process = s && s->pid && s->kind != VQT_SRC_GUEST;
	const struct track_key key = { .of = TRACK_MACHINE,
				       .kind = process,
				       .n = process ? s->pid
					    : s	    ? s->id
						    : 0 };
	struct track *k = find(t, &key);
	TEXT(name, 160);

	if (k)
		return k;
	if (s)
		text_untrusted(&name, s->name, strnlen(s->name, 64));
	if (!name.len)
		text_puts(&name, s && s->kind == VQT_SRC_GUEST ? "driver's kernel" : "machine");
	if (process)
		text_add(&name, " (%s, pid %u)", event_source_kind(s->kind), s->pid);
	else if (s)
		text_add(&name, " (%s)", event_source_kind(s->kind));
	return make(t, &key, NULL, TIMELINE_GROUP, name.buf);
}

struct track *track_of_device(struct timeline *t, const struct model_device *d)
{
	const struct track_key key = { .of = TRACK_DEVICE, .device = device_key(d) };
	struct track *k = find(t, &key), *parent;
	TEXT(name, 160);

	if (k)
		return k;
	parent = track_of_source(t, model_source(t->m, d->source));
	text_puts(&name, d->name);
	if (*d->user_id) {
		text_puts(&name, " (");
		text_untrusted(&name, d->user_id, strnlen(d->user_id, 32));
		text_puts(&name, ")");
	}
	return parent ? make(t, &key, parent, TIMELINE_GROUP, name.buf) : NULL;
}

struct track *track_of_queue(struct timeline *t, const struct model_device *d, unsigned queue)
{
	const struct track_key key = { .of = TRACK_QUEUE, .device = device_key(d), .queue = queue };
	struct track *k = find(t, &key), *parent;
	TEXT(name, 160);
	char words[64];

	if (k)
		return k;
	parent = track_of_device(t, d);
	class_queue_name(words, sizeof(words), d->virtio_id, queue,
			 d->accepted_known ? d->accepted : NULL, d->num_queues);
	text_add(&name, "queue %u", queue);
	if (strcmp(name.buf, words))
		text_add(&name, " %s", words);
	return parent ? make(t, &key, parent, TIMELINE_GROUP, name.buf) : NULL;
}

struct track *track_of_lane(struct timeline *t, const struct model_device *d, unsigned queue,
			    unsigned kind, unsigned nth)
{
	const struct track_key key = {
		.of = TRACK_LANE, .device = device_key(d), .queue = queue, .kind = kind, .n = nth
	};
	struct track *k = find(t, &key), *parent;

	if (k)
		return k;
	parent = track_of_queue(t, d, queue);
	return parent ? make(t, &key, parent, TIMELINE_LANE,
			     kind == LANE_POSTED ? "posted buffers" : "requests")
		      : NULL;
}

struct track *track_of_counter(struct timeline *t, const struct model_device *d, unsigned queue,
			       unsigned counter)
{
	static const char *const names[] = {
		[COUNTER_FLIGHT] = "in flight",
		[COUNTER_RING] = "available, not popped",
		[COUNTER_RATE] = "requests/s",
	};
	const struct track_key key = {
		.of = TRACK_COUNTER, .device = device_key(d), .queue = queue, .kind = counter
	};
	struct track *k = find(t, &key), *parent;

	if (k)
		return k;
	parent = track_of_queue(t, d, queue);
	return parent ? make(t, &key, parent, TIMELINE_COUNTER, names[counter]) : NULL;
}

/* The threads that accessed registers, or whose writes were kicks, before their first item. */
void note_vcpu(struct timeline *t, const struct event *e)
{
	const struct record *r = e->rec;
	uint64_t key = (uint64_t)r->h.source << 32 | r->h.tid;
	struct vcpu *v;

	if (!r->h.tid || t->last_vcpu == key ||
	    (r->h.type != VQT_REG && (r->h.type != VQT_KICK || r->kick.via == VQT_KICK_IOEVENTFD)))
		return;
	HASH_FIND(hh, t->vcpu, &key, sizeof(key), v);
	if (!v && HASH_COUNT(t->vcpu) < VCPUS_MAX) {
		hash_add_new(t->vcpu, key, key, v);
		if (!v)
			t->rc = -ENOMEM;
	}
	t->last_vcpu = key;
}

static bool is_vcpu(const struct timeline *t, const struct vqt_hdr *h)
{
	uint64_t key = (uint64_t)h->source << 32 | h->tid;
	struct vcpu *v;

	HASH_FIND(hh, t->vcpu, &key, sizeof(key), v);
	return v;
}

struct track *track_of_thread(struct timeline *t, const struct event *e)
{
	const struct model_source *s = e->source;
	const struct vqt_hdr *h = &e->rec->h;
	bool guest = s && s->kind == VQT_SRC_GUEST;
	struct track_key key = { .of = TRACK_THREAD, .device = h->source, .kind = !h->tid };
	struct track *k, *parent;
	TEXT(name, 160);

	if (!s || t->rc)
		return NULL;
	/* in a kernel's idle task, of which each CPU has one */
	key.n = h->tid ? h->tid : guest ? h->cpu : 0;
	k = find(t, &key);
	if (k)
		return k;
	parent = track_of_source(t, s);
	if (h->tid)
		text_add(&name, "%s %u", !guest && is_vcpu(t, h) ? "vCPU thread" : "thread",
			 h->tid);
	else if (guest)
		text_add(&name, "CPU %u, idle", h->cpu);
	else
		text_puts(&name, "unknown thread");
	return parent ? make(t, &key, parent, TIMELINE_THREAD, name.buf) : NULL;
}
