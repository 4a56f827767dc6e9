/* SPDX-License-Identifier: MIT */
/* Records wait until they can be played, and are played in order. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/spec/constants.h"
#include "emu/replay/class.h"
#include "emu/replay/impl.h"

/* How far is looked ahead for the chains of a kick: records, bytes. */
#define AHEAD 512
#define AHEAD_BYTES (8u << 20)

/* The replay cannot go on: keep the reason in words; returns rc. */
static int trouble(struct replay *r, struct replay_instance *i, int rc)
{
	const char *why = i && i->ops->error ? i->ops->error(i->target) : "";
	snprintf(r->error, sizeof(r->error), "%s: %s", i ? i->d->name : "replay",
		 *why ? why : strerror(-rc));
	return rc;
}

/* --- records ----------------------------------------------------------------------------- */

/*
 * A capture writes a record of each loss (reported); a gap without one means that the trace was
 * edited.
 */
static void lose(struct replay *r, bool reported)
{
	for (unsigned n = 0; n < r->ninstance; n++) {
		struct replay_instance *i = &r->instance[n];
		i->gap |= !reported;
		if (!reported || !i->target)
			continue;
		i->doubt = i->unsure = true;
		if (i->class->lost)
			i->class->lost(i);
	}
}

static struct replay_instance *instance_of(struct replay *r, const struct event *e)
{
	for (unsigned n = 0; e->dev && n < r->ninstance; n++)
		if (r->instance[n].d->id == e->dev->id)
			return &r->instance[n];
	return NULL;
}

static int play_first(struct replay *r)
{
	struct replay_pending *p = r->first;
	struct event e;
	int ret = model_feed(r->model, &p->rec, p->number, &e);
	r->first = p->next;
	if (!r->first)
		r->last = &r->first;
	r->waiting--;
	r->waiting_bytes -= p->len;
	if (ret == 0) {
		r->now = e.ts;
		if (r->opt.event)
			ret = r->opt.event(r->opt.opaque, &e, r->model);
	}
	if (ret == 0 && (e.gap || p->rec.h.type == VQT_LOSS))
		lose(r, p->rec.h.type == VQT_LOSS);
	struct replay_instance *i = ret == 0 ? instance_of(r, &e) : NULL;
	if (i && i->target) {
		i->n.events++;
		if (i->state_reported && p->rec.h.type >= VQT_REG)
			ret = replay_late(i, &e);
		if (ret == 0)
			ret = replay_play(i, &e, p);
		if (ret < 0)
			trouble(r, i, ret);
	}
	if (ret < 0 && !*r->error)
		trouble(r, NULL, ret);
	free(p);
	return ret < 0 ? ret : 0;
}

int replay_feed(struct replay *r, const struct record *rec, uint64_t number)
{
	struct replay_pending *p;
	int ret = 0;
	if (r->stopped || (r->opt.until && number > r->opt.until)) {
		r->stopped = true;
		return 1;
	}
	p = malloc(sizeof(*p) + rec->len);
	if (!p) {
		trouble(r, NULL, -ENOMEM);
		return -ENOMEM;
	}
	memset(p, 0, sizeof(*p));
	memcpy(p->bytes, rec->raw, rec->len);
	p->number = number;
	p->len = rec->len;
	if (record_parse(&p->rec, p->bytes, p->len, NULL)) { /* cannot be: the caller parsed it */
		free(p);
		return 0;
	}
	*r->last = p;
	r->last = &p->next;
	r->waiting++;
	r->waiting_bytes += p->len;
	while (ret == 0 && (r->waiting > AHEAD || r->waiting_bytes > AHEAD_BYTES))
		ret = play_first(r);
	return ret;
}

/* --- the end ----------------------------------------------------------------------------------- */

static void final_status(struct replay_instance *i, const struct event *e)
{
	uint64_t mine = 0;
	unsigned recorded = i->recorded_status < 0 ? e->dev->status : (unsigned)i->recorded_status;
	if (i->blind || i->doubt || !e->dev->status_known)
		return;
	if (i->status_unseen) {
		replay_skipped(i, &i->n.registers,
			       "device_status that no driver of the trace wrote");
		return;
	}
	const struct replay_status_reg s = replay_status_reg(i, replay_legacy(i, e));
	if (replay_read(i, s.region, s.offset, s.width, &mine))
		return;
	const char *why = "";
	if (mine != recorded && !((mine ^ recorded) & ~replay_status_free(i, &why))) {
		replay_skipped(i, &i->n.registers, why);
		return;
	}
	replay_compared(&i->n.registers, mine == recorded);
	if (mine == recorded)
		return;
	char a[80], b[80];
	spec_format_status(a, sizeof(a), recorded);
	spec_format_status(b, sizeof(b), (unsigned)mine);
	replay_differs(i, e, &(struct replay_found){ .clause = "2.1", .queue = VQT_NO_QUEUE },
		       "state.device_status", a, b);
}

int replay_finish(struct replay *r)
{
	struct record none = { .h = { .type = VQT_NOTE } };
	int ret = 0;
	while (ret == 0 && r->first)
		ret = play_first(r);
	for (unsigned n = 0; n < r->ninstance && ret == 0; n++) {
		struct replay_instance *i = &r->instance[n];
		struct event e = { .rec = &none, .dev = model_device(r->model, i->d->id) };
		if (!i->target || !e.dev)
			continue;
		e.number = i->driver_at;
		final_status(i, &e);
		replay_queues_gone(i, &e);
	}
	return ret;
}

/* --- beginning ------------------------------------------------------------------------------------ */

static uint64_t tap_now(void *opaque)
{
	return ((struct replay *)opaque)->now;
}

static void tap_emit(void *opaque, const void *record, size_t len)
{
	struct replay *r = opaque;
	r->opt.emit(r->opt.opaque, record, len);
}

static struct emu_tap_config tap_config(struct replay *r, uint8_t source, uint16_t device)
{
	return (struct emu_tap_config){ .emit = r->opt.emit ? tap_emit : NULL,
					.now = tap_now,
					.opaque = r,
					.snaplen = r->opt.snaplen,
					.device = device,
					.source = source,
					.kind = VQT_SRC_REPLAY };
}

static const char *unplayable(const struct replay *r, const struct replay_device *d)
{
	if (r->opt.only && strcmp(r->opt.only, d->name) && strcmp(r->opt.only, d->user_id))
		return "not asked for";
	if (!d->virtio_id)
		return "the trace does not say what type of device it is";
	if (d->transport == VQT_TRANSPORT_MMIO)
		return r->opt.against->mmio ? NULL
					    : "it is on virtio-mmio; this target has PCI only";
	if (d->transport != VQT_TRANSPORT_PCI && d->transport != VQT_TRANSPORT_UNKNOWN)
		return "it is neither on PCI nor on virtio-mmio";
	return NULL;
}

static int begin(struct replay_instance *i, const struct replay_device *d)
{
	struct replay *r = i->r;
	struct replay_target_config cfg = {
		.device = d,
		.tap = tap_config(r, 1 + (i - r->instance) % 255, d->id),
		.memory = r->opt.memory,
		.binary = r->opt.binary,
	};
	i->d = d;
	i->why = unplayable(r, d);
	if (i->why)
		return 0;
	i->blind = i->unsure = d->late;
	i->recorded_status = -1;
	i->config_once = d->config_once;
	i->class = replay_class(d->virtio_id);
	i->scripted = i->ops->scripted && i->ops->scripted(d);
	i->queue = calloc(d->num_queues, sizeof(*i->queue));
	int ret = !i->queue ? -ENOMEM : i->class->begin ? i->class->begin(i) : 0;
	for (unsigned n = 0; ret == 0 && n < d->num_queues; n++)
		i->queue[n] = (struct replay_queue){ .i = i, .index = n };
	if (ret == 0)
		ret = i->ops->create(&i->target, &cfg, i->why_text, sizeof(i->why_text));
	if (ret == -ENOTSUP) {
		i->why = i->why_text;
		i->target = NULL;
		return 0;
	}
	if (ret == 0 && i->blind && d->vectored)
		ret = replay_msix_assume(i, true);
	return ret;
}

static void begin_trace(struct replay *r)
{
	struct emu_tap_config cfg = tap_config(r, 255, 0);
	struct emu_tap *tap = cfg.emit ? emu_tap_new(&cfg) : NULL;
	emu_tap_session(tap, "vqtrace " VQTRACE_VERSION, "vqtrace replay", r->opt.wall);
	emu_tap_free(tap);
}

int replay_new(struct replay **out, const struct replay_profile *g,
	       const struct replay_options *opt, char *why, size_t size)
{
	struct replay *r = calloc(1, sizeof(*r));
	unsigned n = 0;
	int ret = 0;
	if (!r)
		return -ENOMEM;
	r->profile = g;
	r->opt = *opt;
	if (!r->opt.memory)
		r->opt.memory = REPLAY_MEMORY;
	r->now = opt->start;
	r->last = &r->first;
	r->model = model_new();
	while (replay_profile_device(g, n))
		n++;
	r->instance = calloc(n ? n : 1, sizeof(*r->instance));
	if (!r->model || !r->instance)
		ret = -ENOMEM;
	else
		begin_trace(r);
	for (unsigned k = 0; k < n && ret == 0; k++) {
		struct replay_instance *i = &r->instance[r->ninstance++];
		i->r = r;
		i->ops = opt->against;
		ret = begin(i, replay_profile_device(g, k));
		if (ret < 0)
			snprintf(why, size, "%s: %s", replay_profile_device(g, k)->name,
				 *i->why_text ? i->why_text : strerror(-ret));
	}
	if (ret < 0) {
		replay_free(r);
		return ret;
	}
	*out = r;
	return 0;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	while (r->first) {
		struct replay_pending *p = r->first;
		r->first = p->next;
		free(p);
	}
	for (unsigned n = 0; n < r->ninstance; n++) {
		struct replay_instance *i = &r->instance[n];
		if (i->target)
			i->ops->destroy(i->target);
		for (unsigned k = 0; i->queue && k < i->d->num_queues; k++)
			replay_ring_down(&i->queue[k]);
		free(i->queue);
		free(i->cause);
		if (i->class && i->class->end)
			i->class->end(i);
	}
	free(r->instance);
	model_free(r->model);
	free(r);
}

const char *replay_error(const struct replay *r)
{
	return r->error;
}
