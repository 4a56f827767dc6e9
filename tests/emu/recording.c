/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "decoder/trace/file.h"
#include "tests/emu/recording.h"

void recording_insert(struct recording *t, unsigned n, const void *record, size_t len)
{
	if (t->count == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 256;
		t->bytes = realloc(t->bytes, t->cap * sizeof(*t->bytes));
		t->len = realloc(t->len, t->cap * sizeof(*t->len));
	}
	memmove(t->bytes + n + 1, t->bytes + n, (t->count - n) * sizeof(*t->bytes));
	memmove(t->len + n + 1, t->len + n, (t->count - n) * sizeof(*t->len));
	t->bytes[n] = malloc(len);
	memcpy(t->bytes[n], record, len);
	t->len[n] = (uint32_t)len;
	t->count++;
}

static void recording_add(struct recording *t, const void *record, size_t len)
{
	recording_insert(t, t->count, record, len);
}

void recording_emit(void *opaque, const void *record, size_t len)
{
	recording_add(opaque, record, len);
}

void recording_load(struct recording *t, const char *path)
{
	struct trace_reader *r;
	struct trace_error err;
	struct record rec;
	bool again;

	memset(t, 0, sizeof(*t));
	if (trace_open(&r, path, &err)) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	while (trace_next(r, &rec, &again, &err) == 1)
		recording_add(t, rec.raw, rec.len);
	trace_close(r);
}

void *recording_at(struct recording *t, unsigned n)
{
	return t->bytes[n];
}

void recording_delete(struct recording *t, unsigned n)
{
	free(t->bytes[n]);
	t->count--;
	memmove(t->bytes + n, t->bytes + n + 1, (t->count - n) * sizeof(*t->bytes));
	memmove(t->len + n, t->len + n + 1, (t->count - n) * sizeof(*t->len));
}

void recording_renumber(struct recording *t, unsigned from, int by)
{
	for (unsigned i = from; i < t->count; i++) {
		struct vqt_hdr *h = recording_at(t, i);

		h->seq += by;
	}
}

void *recording_splice(struct recording *t, unsigned n, const void *record, size_t len)
{
	const struct vqt_hdr *before = recording_at(t, n - 1);
	const unsigned type = ((const struct vqt_hdr *)record)->type;
	struct vqt_hdr *h;

	recording_renumber(t, n, 1);
	recording_insert(t, n, record, len);
	h = recording_at(t, n);
	*h = *before;
	h->seq = before->seq + 1;
	h->type = type;
	h->queue = VQT_NO_QUEUE;
	return h;
}

/* A read of the PCI device ID, which goes with the type: 4.1.2.1. */
static void change_id(struct vqt_reg *r, unsigned type)
{
	unsigned id = VIRTIO_PCI_ID_MODERN + type;
	if (r->h.type != VQT_REG || r->region != VQT_REGION_PCI || r->op != VQT_READ)
		return;
	if (r->offset == PCI_DEVICE_ID && r->width == 2)
		r->value = id;
	else if (r->offset == PCI_VENDOR_ID && r->width == 4)
		r->value = id << 16 | VIRTIO_PCI_VENDOR;
}

void recording_set_type(struct recording *t, unsigned type)
{
	for (unsigned i = 0; i < t->count; i++) {
		struct vqt_device *d = recording_at(t, i);
		struct vqt_lifecycle *l = recording_at(t, i);

		if (d->h.type == VQT_DEVICE)
			d->virtio_id = type;
		if (l->h.type == VQT_LIFECYCLE && l->what == VQT_LIFECYCLE_VIRTIO_INIT)
			l->arg[0] = type;
		change_id(recording_at(t, i), type);
	}
}

void recording_free(struct recording *t)
{
	while (t->count)
		recording_delete(t, t->count - 1);
	free(t->bytes);
	free(t->len);
	memset(t, 0, sizeof(*t));
}

static void note(void *opaque, const struct replay_divergence *d)
{
	struct outcome *o = opaque;

	if (d->follows)
		o->following++;
	else if (!d->declared && (!o->differences++ || d->number < o->first.number))
		o->first = *d;
}

static void gather(struct recording *t, struct replay_profile *g)
{
	struct model *m = model_new();
	struct record rec;
	struct event e;

	for (unsigned i = 0; i < t->count; i++)
		if (record_parse(&rec, t->bytes[i], t->len[i], NULL) == 0 &&
		    model_feed(m, &rec, i + 1, &e) == 0)
			replay_profile_feed(g, &e);
	replay_profile_finish(g, NULL);
	model_free(m);
}

void recording_replay(struct recording *t, const struct replay_options *opt, struct outcome *out)
{
	struct replay_profile *g = replay_profile_new();
	struct replay_options o = opt ? *opt : (struct replay_options){ 0 };
	struct replay *r = NULL;
	struct record rec;

	memset(out, 0, sizeof(*out));
	gather(t, g);
	if (!o.against)
		o.against = &replay_target_emu;
	o.diverged = note;
	if (!o.emit)
		o.opaque = out;
	out->rc = replay_new(&r, g, &o, out->why, sizeof(out->why));
	for (unsigned i = 0; i < t->count && out->rc == 0; i++)
		if (record_parse(&rec, t->bytes[i], t->len[i], NULL) == 0)
			out->rc = replay_feed(r, &rec, i + 1);
	if (r && out->rc >= 0)
		out->rc = replay_finish(r);
	if (r) {
		out->n = replay_counts(r);
		if (out->rc < 0)
			snprintf(out->why, sizeof(out->why), "%s", replay_error(r));
	}
	replay_free(r);
	replay_profile_free(g);
}

bool outcome_names(const struct outcome *o, uint64_t number, const char *subject)
{
	bool right = o->rc == 0 && o->differences && o->first.number == number &&
		     !strncmp(o->first.subject, subject, strlen(subject));

	if (!right)
		printf("# rc %d (%s), %u differences, first at event %llu (want %llu): %s: %s | %s\n",
		       o->rc, o->why, o->differences, (unsigned long long)o->first.number,
		       (unsigned long long)number, o->first.subject, o->first.recorded,
		       o->first.replayed);
	return right;
}
