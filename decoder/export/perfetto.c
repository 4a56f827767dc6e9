/* SPDX-License-Identifier: MIT */
/*
 * The timeline as Perfetto's track events.  perfetto.proto says what of the format is used, and
 * protobuf-c writes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/export/export.h"
#include "decoder/export/perfetto.pb-c.h"
#include "decoder/export/timeline.h"

#define ARGS_MAX 32
#define FLOWS_MAX 2048
/* Each packet names its clock, so that none depends on another one of its sequence. */
#define CLOCK PERFETTO__PROTOS__BUILTIN_CLOCK__BUILTIN_CLOCK_MONOTONIC

typedef Perfetto__Protos__TracePacket packet;

struct perfetto {
	FILE *to;
	struct timeline *timeline;
	uint8_t *buf;
	size_t size;
	uint64_t flows[FLOWS_MAX];
};

/* A trace of one packet: what follows it in the file is more of the same trace. */
static int put(struct perfetto *p, packet *k)
{
	packet *packets[] = { k };
	Perfetto__Protos__Trace t = PERFETTO__PROTOS__TRACE__INIT;
	size_t n;

	t.n_packet = 1;
	t.packet = packets;
	n = perfetto__protos__trace__get_packed_size(&t);
	if (n > p->size) {
		uint8_t *more = realloc(p->buf, 2 * n);

		if (!more)
			return -ENOMEM;
		p->buf = more;
		p->size = 2 * n;
	}
	perfetto__protos__trace__pack(&t, p->buf);
	return fwrite(p->buf, 1, n, p->to) == n ? 0 : -EIO;
}

/* Which time of day it was: Perfetto knows the trace's clock as CLOCK_MONOTONIC. */
static int begin(void *opaque, uint64_t ts, int64_t wall)
{
	packet k = PERFETTO__PROTOS__TRACE_PACKET__INIT;
	Perfetto__Protos__ClockSnapshot s = PERFETTO__PROTOS__CLOCK_SNAPSHOT__INIT;
	Perfetto__Protos__ClockSnapshot__Clock clock[2] = {
		PERFETTO__PROTOS__CLOCK_SNAPSHOT__CLOCK__INIT,
		PERFETTO__PROTOS__CLOCK_SNAPSHOT__CLOCK__INIT,
	}, *clocks[] = { &clock[0], &clock[1] };

	clock[0].has_clock_id = clock[0].has_timestamp = 1;
	clock[0].clock_id = CLOCK;
	clock[0].timestamp = ts;
	clock[1].has_clock_id = clock[1].has_timestamp = 1;
	clock[1].clock_id = PERFETTO__PROTOS__BUILTIN_CLOCK__BUILTIN_CLOCK_REALTIME;
	clock[1].timestamp = ts + (uint64_t)wall;
	s.n_clocks = wall ? 2 : 1;
	s.clocks = clocks;
	s.has_primary_trace_clock = 1;
	s.primary_trace_clock = CLOCK;
	k.clock_snapshot = &s;
	k.has_trusted_packet_sequence_id = 1;
	k.trusted_packet_sequence_id = UINT32_MAX; /* of no item */
	return put(opaque, &k);
}

static int track(void *opaque, const struct timeline_track *t)
{
	packet k = PERFETTO__PROTOS__TRACE_PACKET__INIT;
	Perfetto__Protos__TrackDescriptor d = PERFETTO__PROTOS__TRACK_DESCRIPTOR__INIT;
	Perfetto__Protos__CounterDescriptor counter = PERFETTO__PROTOS__COUNTER_DESCRIPTOR__INIT;

	d.has_uuid = 1;
	d.uuid = t->id;
	d.name = (char *)t->name;
	if (t->parent) {
		d.has_parent_uuid = 1;
		d.parent_uuid = t->parent->id;
		d.has_sibling_order_rank = 1;
		d.sibling_order_rank = (int32_t)t->id;
	}
	if (t->kind == TIMELINE_GROUP) {
		d.has_child_ordering = 1;
		d.child_ordering =
			PERFETTO__PROTOS__TRACK_DESCRIPTOR__CHILD_TRACKS_ORDERING__EXPLICIT;
	}
	if (t->kind == TIMELINE_COUNTER) {
		counter.has_unit = 1;
		counter.unit = PERFETTO__PROTOS__COUNTER_DESCRIPTOR__UNIT__UNIT_COUNT;
		d.counter = &counter;
	}
	k.track_descriptor = &d;
	k.has_trusted_packet_sequence_id = 1;
	k.trusted_packet_sequence_id = UINT32_MAX;
	return put(opaque, &k);
}

static void set_arg(Perfetto__Protos__DebugAnnotation *a, const struct timeline_arg *arg)
{
	perfetto__protos__debug_annotation__init(a);
	a->name = (char *)arg->key;
	a->string_value = (char *)arg->text;
	a->has_uint_value = !arg->text;
	a->uint_value = arg->number;
}

static int item(void *opaque, const struct timeline_item *i)
{
	static const Perfetto__Protos__TrackEvent__Type types[] = {
		[TIMELINE_BEGIN] = PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN,
		[TIMELINE_END] = PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_SLICE_END,
		[TIMELINE_INSTANT] = PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_INSTANT,
		[TIMELINE_COUNT] = PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_COUNTER,
	};
	struct perfetto *p = opaque;
	packet k = PERFETTO__PROTOS__TRACE_PACKET__INIT;
	Perfetto__Protos__TrackEvent e = PERFETTO__PROTOS__TRACK_EVENT__INIT;
	Perfetto__Protos__DebugAnnotation arg[ARGS_MAX], *args[ARGS_MAX];
	char *categories[] = { (char *)i->category };

	for (unsigned n = 0; n < i->narg && n < ARGS_MAX; n++) {
		set_arg(&arg[n], &i->arg[n]);
		args[e.n_debug_annotations++] = &arg[n];
	}
	e.debug_annotations = args;
	for (unsigned n = 0; n < i->nflow && n < FLOWS_MAX; n++)
		p->flows[e.n_flow_ids++] = i->flow[n].id;
	e.flow_ids = p->flows;
	e.has_type = 1;
	e.type = types[i->what];
	e.has_track_uuid = 1;
	e.track_uuid = i->track->id;
	e.name = (char *)i->name;
	e.n_categories = i->category != NULL;
	e.categories = categories;
	e.has_counter_value = i->what == TIMELINE_COUNT;
	e.counter_value = (int64_t)i->count;
	k.has_timestamp = 1;
	k.timestamp = i->ts;
	k.has_timestamp_clock_id = 1;
	k.timestamp_clock_id = CLOCK;
	k.has_trusted_packet_sequence_id = 1;
	k.trusted_packet_sequence_id = i->sequence;
	k.track_event = &e;
	return put(p, &k);
}

static int end(void *opaque)
{
	return 0;
}

static const struct timeline_writer writer = {
	.begin = begin,
	.track = track,
	.item = item,
	.end = end,
};

static void *make(const struct export_output *o)
{
	struct perfetto *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->to = o->to;
	p->timeline = timeline_new(&writer, p, o->model);
	if (p->timeline)
		return p;
	free(p);
	return NULL;
}

static int feed(void *x, const struct event *e, bool matched)
{
	return timeline_feed(((struct perfetto *)x)->timeline, e, matched);
}

static int finding(void *x, const struct finding *f)
{
	return timeline_finding(((struct perfetto *)x)->timeline, f);
}

static int finish(void *x, const struct model_life *lives)
{
	return timeline_finish(((struct perfetto *)x)->timeline, lives);
}

static void lacks(const void *x, struct text *t)
{
	timeline_lacks(((const struct perfetto *)x)->timeline, t);
}

static void release(void *x)
{
	struct perfetto *p = x;

	timeline_free(p->timeline);
	free(p->buf);
	free(p);
}

const struct export_format export_perfetto = {
	.name = "perfetto",
	.make = make,
	.feed = feed,
	.finding = finding,
	.finish = finish,
	.lacks = lacks,
	.free = release,
};
