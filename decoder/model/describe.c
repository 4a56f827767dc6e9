/* SPDX-License-Identifier: MIT */
/* What descriptive records say of a device: its identity, its name, its state. */
#include <linux/virtio_config.h>
#include <stdio.h>
#include <string.h>

#include "decoder/model/impl.h"

#define NAME_TRIES 8

static bool is_taken(const struct model *m, const struct model_device *d, const char *name)
{
	for (unsigned i = 0; i < m->ndevice; i++)
		if (m->device[i] != d && !strcmp(m->device[i]->name, name))
			return true;
	return false;
}

/*
 * A device's name is its class and a count in order of appearance: blk0, blk1, net0.  What its
 * driver recorded of the same one is blk0.driver.
 */
void model_name_device(const struct model *m, struct model_device *d)
{
	char buf[24], name[sizeof(d->name)];
	unsigned n = 0;

	if (model_second_view(d)) {
		snprintf(d->name, sizeof(d->name), "%.30s.driver", d->peer->name);
		return;
	}
	for (unsigned i = 0; i < m->ndevice; i++)
		n += m->device[i] != d && m->device[i]->virtio_id == d->virtio_id &&
		     !model_second_view(m->device[i]);
	for (unsigned tries = 0;; tries++, n++) {
		if (tries == NAME_TRIES)
			n = MODEL_DEVICES_MAX + d->id; /* of a trace made to collide */
		if (d->virtio_id)
			snprintf(name, sizeof(name), "%s%u",
				 class_name(d->virtio_id, buf, sizeof(buf)), n);
		else
			snprintf(name, sizeof(name), "virtio%u", n);
		if (tries == NAME_TRIES || !is_taken(m, d, name))
			break;
	}
	memcpy(d->name, name, sizeof(name));
	if (d->peer)
		model_name_device(m, d->peer);
}

/* Both sides of one device: each is the other's peer, once and for all. */
static void join_sides(const struct model *m, struct model_device *d, unsigned id)
{
	struct model_device *p = model_device(m, id);

	if (!p || p == d || p->peer || d->peer || p->by_driver == d->by_driver)
		return;
	d->peer = p;
	p->peer = d;
	model_name_device(m, d->by_driver ? d : p);
}

/* A later description replaces an earlier one, except for texts that it leaves out. */
static void learn_text(const struct record *r, unsigned tag, char *buf, size_t size)
{
	size_t len;

	if (record_tlv(r, tag, &len) && len)
		record_tlv_str(r, tag, buf, size);
}

static void set_type(struct model *m, struct model_device *d, unsigned virtio_id)
{
	d->virtio_id = virtio_id;
	d->class = class_find(virtio_id);
	model_name_device(m, d);
}

/* What features, configuration or a request say of the type: it is this class. */
static void recognise(struct model *m, struct model_device *d, const struct class *c)
{
	if (!c || c == d->class)
		return;
	d->recorded_id = d->recorded_id ? d->recorded_id : d->virtio_id;
	d->recognised = true;
	set_type(m, d, c->id);
}

/* The type of a device behind a proxy is only said, or not even that. */
static bool type_is_open(const struct event *e)
{
	return e->dev && event_by_proxy(e) && !e->dev->typed;
}

void model_recognise_request(struct model *m, struct event *e, struct model_request *r)
{
	struct model_device *d = e->dev;

	if (!type_is_open(e))
		return;
	d->typed = d->class && d->class->is_request && d->class->is_request(&r->io);
	if (d->typed)
		return;
	recognise(m, d, class_of_request(&r->io));
	d->typed = d->class && d->class->is_request && d->class->is_request(&r->io);
}

static void recognise_state(struct model *m, struct event *e, size_t config_len)
{
	struct model_device *d = e->dev;
	struct class_evidence v = { .offered = { d->offered[0], d->offered[1] },
				    .config_len = config_len };

	if (!type_is_open(e))
		return;
	if (!d->class || !class_can_offer(d->class, v.offered) ||
	    !class_can_have_config(d->class, config_len))
		recognise(m, d, class_recognise(&v));
}

bool model_no_rings(const struct model_source *s)
{
	return s && s->kind == VQT_SRC_KVM;
}

int model_describe(struct model *m, struct event *e)
{
	const struct vqt_device *v = &e->rec->device;
	struct model_device *d = e->dev;

	if (!d)
		return 0;
	if (v->virtio_id && d->recognised)
		d->recorded_id = v->virtio_id != d->virtio_id ? v->virtio_id : 0;
	else if (v->virtio_id && v->virtio_id != d->virtio_id)
		set_type(m, d, v->virtio_id);
	if (v->transport)
		d->transport = v->transport;
	if (v->bdf != ~0U)
		d->bdf = v->bdf;
	if (v->queues)
		d->num_queues = v->queues;
	d->flags |= v->flags;
	d->by_driver |= event_by_driver(e);
	d->no_rings |= model_no_rings(e->source) && !d->apart;
	d->no_notifications |= event_by_looks(e);
	learn_text(e->rec, VQT_TAG_ID, d->user_id, sizeof(d->user_id));
	learn_text(e->rec, VQT_TAG_TYPENAME, d->type_name, sizeof(d->type_name));
	model_transport_by_name(d);
	if (v->peer != VQT_NO_DEVICE)
		join_sides(m, d, v->peer);
	return 0;
}

void model_note_rings(struct event *e)
{
	if (!e->dev || !e->dev->no_rings || !event_by_looks(e))
		return;
	e->dev->no_rings = false;
	e->dev->apart = true;
}

void model_state_features(const struct event *e, const uint64_t recorded[2], uint64_t out[2])
{
	out[0] = recorded[0];
	out[1] = recorded[1];
	if (event_by_proxy(e))
		out[0] &= ~VQT_VHOST_FEATURES;
}

/*
 * What the device keeps is one set for both interfaces.  Which of them the driver uses, VERSION_1 tells:
 * what has a meaning in the legacy interface only (6.3) is not offered in the other one.
 */
static void learn_offered(struct event *e, const struct vqt_device_state *s)
{
	struct model_device *d = e->dev;

	model_state_features(e, s->offered, d->offered);
	d->offered_known = 0x0f;
	if (s->known & VQT_KNOWN_ACCEPTED && s->accepted[0] >> VIRTIO_F_VERSION_1 & 1)
		d->offered[0] &= ~(uint64_t)class_legacy_features(d->virtio_id);
}

int model_learn_device(struct model *m, struct event *e)
{
	const struct vqt_device_state *s = &e->rec->device_state;
	struct model_device *d = e->dev;
	size_t n;

	if (!d)
		return 0;
	if (s->known & VQT_KNOWN_STATUS) {
		d->status = s->status;
		d->status_known = true;
	}
	if (s->known & VQT_KNOWN_OFFERED)
		learn_offered(e, s);
	if (s->known & VQT_KNOWN_ACCEPTED) {
		model_state_features(e, s->accepted, d->accepted);
		d->accepted_known = 0x0f;
	}
	if (s->known & VQT_KNOWN_MSIX)
		d->msix = s->msix;
	n = s->config_len < sizeof(d->config) ? s->config_len : sizeof(d->config);
	if (s->known & VQT_KNOWN_CONFIG) {
		memcpy(d->config, e->rec->tail, n);
		for (size_t i = 0; i < n; i++)
			d->config_known[i / 8] |= (uint8_t)(1 << i % 8);
	}
	recognise_state(m, e, s->known & VQT_KNOWN_CONFIG ? s->config_len : 0);
	return 0;
}
