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
#include "decoder/util/hash.h"

#define ARGS_MAX 32
#define FLOWS_MAX 2048
#define CLOCK PERFETTO__PROTOS__BUILTIN_CLOCK__BUILTIN_CLOCK_MONOTONIC
#define CLEARED PERFETTO__PROTOS__SEQUENCE_FLAGS__SEQ_INCREMENTAL_STATE_CLEARED
#define NEEDS_STATE PERFETTO__PROTOS__SEQUENCE_FLAGS__SEQ_NEEDS_INCREMENTAL_STATE
#define OTHER_SEQUENCE UINT32_MAX /* of what is no item */

typedef Perfetto__Protos__TracePacket packet;

/*
 * Words that come again and again: a sequence says one once, and from then on its number.  There are
 * few of them, and no more than so many of a kind have a number.
 */
#define WORDS_MAX 256
#define NEW_MAX (ARGS_MAX + 2) /* words that are new with one packet */
enum { WORD_CATEGORY, WORD_NAME, WORD_KEY, WORDS };

struct word {
	uint64_t iid; /* from 1 */
	UT_hash_handle hh;
	char text[];
};

/* Which of them a sequence has said.  One whose place another one took begins anew. */
#define SAID 1024
struct said {
	uint32_t sequence;
	uint8_t words[WORDS][WORDS_MAX / 8 + 1];
};

struct perfetto {
	struct viewer viewer; /* first */
	FILE *to;
	struct word *word[WORDS];
	struct said said[SAID];
	uint8_t *buf;
	size_t size;
	uint64_t flows[FLOWS_MAX];
	/* of the packet that is made */
	Perfetto__Protos__InternedData new;
	Perfetto__Protos__InternedString text[NEW_MAX], *texts[WORDS][NEW_MAX];
	unsigned ntext;
};

/* --- words ------------------------------------------------------------------------------------- */

/* The number of a word; 0: it has none, and is written out. */
static uint64_t number_of(struct perfetto *p, unsigned kind, const char *text)
{
	size_t len = strlen(text);
	struct word *w;

	HASH_FIND(hh, p->word[kind], text, len, w);
	if (w || HASH_COUNT(p->word[kind]) == WORDS_MAX)
		return w ? w->iid : 0;
	w = calloc(1, sizeof(*w) + len + 1);
	if (!w)
		return 0;
	memcpy(w->text, text, len + 1);
	w->iid = HASH_COUNT(p->word[kind]) + 1;
	HASH_ADD(hh, p->word[kind], text, len, w);
	if (hash_holds(w))
		return w->iid;
	free(w);
	return 0;
}

/* The same, and the sequence has said it with this packet. */
static uint64_t say(struct perfetto *p, struct said *said, unsigned kind, const char *text)
{
	uint64_t iid = number_of(p, kind, text);
	Perfetto__Protos__InternedString *s;
	size_t *n = kind == WORD_CATEGORY ? &p->new.n_event_categories
		    : kind == WORD_NAME	  ? &p->new.n_event_names
					  : &p->new.n_debug_annotation_names;

	if (!iid || said->words[kind][iid / 8] >> iid % 8 & 1)
		return iid;
	said->words[kind][iid / 8] |= (uint8_t)(1 << iid % 8);
	s = &p->text[p->ntext++];
	perfetto__protos__interned_string__init(s);
	s->has_iid = 1;
	s->iid = iid;
	s->name = (char *)text;
	p->texts[kind][(*n)++] = s;
	return iid;
}

/* What is said by the sequence of an item; flags: of the packet. */
static struct said *said_by(struct perfetto *p, uint32_t sequence, uint32_t *flags)
{
	struct said *said = &p->said[sequence % SAID];

	perfetto__protos__interned_data__init(&p->new);
	p->new.event_categories = p->texts[WORD_CATEGORY];
	p->new.event_names = p->texts[WORD_NAME];
	p->new.debug_annotation_names = p->texts[WORD_KEY];
	p->ntext = 0;
	*flags = NEEDS_STATE;
	if (said->sequence == sequence)
		return said;
	*said = (struct said){ .sequence = sequence };
	*flags |= CLEARED;
	return said;
}

/* --- packets ------------------------------------------------------------------------------------ */

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
	k.trusted_packet_sequence_id = OTHER_SEQUENCE;
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
	k.trusted_packet_sequence_id = OTHER_SEQUENCE;
	return put(opaque, &k);
}

static Perfetto__Protos__DebugAnnotation set_arg(struct perfetto *p, struct said *said,
						 const struct timeline_arg *arg)
{
	Perfetto__Protos__DebugAnnotation a = PERFETTO__PROTOS__DEBUG_ANNOTATION__INIT;

	a.name_iid = say(p, said, WORD_KEY, arg->key);
	a.has_name_iid = a.name_iid != 0;
	a.name = a.has_name_iid ? NULL : (char *)arg->key;
	a.string_value = (char *)arg->text;
	a.has_uint_value = !arg->text;
	a.uint_value = arg->number;
	return a;
}

static void set_names(struct perfetto *p, struct said *said, Perfetto__Protos__TrackEvent *e,
		      const struct timeline_item *i, uint64_t *category)
{
	if (!i->name)
		return;
	e->name_iid = say(p, said, WORD_NAME, i->name);
	e->has_name_iid = e->name_iid != 0;
	e->name = e->has_name_iid ? NULL : (char *)i->name;
	*category = say(p, said, WORD_CATEGORY, i->category);
	e->n_category_iids = *category != 0;
	e->category_iids = category;
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
	Perfetto__Protos__TracePacketDefaults d = PERFETTO__PROTOS__TRACE_PACKET_DEFAULTS__INIT;
	Perfetto__Protos__DebugAnnotation arg[ARGS_MAX], *args[ARGS_MAX];
	struct said *said = said_by(p, i->sequence, &k.sequence_flags);
	uint64_t category;

	for (unsigned n = 0; n < i->narg && n < ARGS_MAX; n++) {
		arg[n] = set_arg(p, said, &i->arg[n]);
		args[e.n_debug_annotations++] = &arg[n];
	}
	e.debug_annotations = args;
	for (unsigned n = 0; n < i->nflow && n < FLOWS_MAX; n++)
		p->flows[e.n_flow_ids++] = i->flow[n].id;
	e.flow_ids = p->flows;
	set_names(p, said, &e, i, &category);
	e.has_type = 1;
	e.type = types[i->what];
	e.has_track_uuid = 1;
	e.track_uuid = i->track->id;
	e.has_counter_value = i->what == TIMELINE_COUNT;
	e.counter_value = (int64_t)i->count;
	k.has_sequence_flags = 1;
	d.has_timestamp_clock_id = 1;
	d.timestamp_clock_id = CLOCK;
	k.trace_packet_defaults = k.sequence_flags & CLEARED ? &d : NULL;
	k.interned_data = p->ntext ? &p->new : NULL;
	k.has_timestamp = 1;
	k.timestamp = i->ts;
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
	p->viewer.timeline = timeline_new(&writer, p, o->model);
	if (p->viewer.timeline)
		return p;
	free(p);
	return NULL;
}

static void release(void *x)
{
	struct perfetto *p = x;

	timeline_free(p->viewer.timeline);
	for (unsigned i = 0; i < WORDS; i++)
		hash_free(p->word[i]);
	free(p->buf);
	free(p);
}

const struct export_format export_perfetto = {
	.name = "perfetto",
	.make = make,
	.feed = viewer_feed,
	.finding = viewer_finding,
	.finish = viewer_finish,
	.lacks = viewer_lacks,
	.free = release,
};
