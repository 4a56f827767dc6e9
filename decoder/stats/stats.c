/* SPDX-License-Identifier: MIT */
/* Making and freeing statistics, reading their figures, the names of these. */
#include <stdlib.h>
#include <string.h>

#include "decoder/stats/impl.h"

_Static_assert(sizeof(struct stats_counts) % sizeof(uint64_t) == 0, "subtracted as an array");

struct stats *stats_new(void)
{
	struct stats *s = calloc(1, sizeof(*s));

	if (s)
		s->total.slice_ns = STATS_SLICE_NS;
	return s;
}

static void free_spans(struct hist **span)
{
	for (unsigned i = 0; i < STATS_SPANS; i++)
		free(span[i]);
}

static void free_device(struct stats_device *d)
{
	struct stats_queue *q, *next;

	HASH_ITER (hh, d->queues, q, next) {
		HASH_DEL(d->queues, q);
		free_spans(q->span);
		free(q->stages);
		free(q);
	}
	free_spans(d->span);
	for (unsigned i = 0; i < STATS_TYPES; i++) {
		free(d->type[i]);
		free(d->type_stages[i]);
	}
	for (unsigned i = 0; i < STATS_SIZES; i++)
		free(d->size[i]);
	free(d->slice);
	free(d->stages);
	free(d);
}

void stats_free(struct stats *s)
{
	struct stats_device *d, *next;

	if (!s)
		return;
	HASH_ITER (hh, s->devices, d, next) {
		HASH_DEL(s->devices, d);
		free_device(d);
	}
	hash_free(s->threads);
	free(s);
}

void stats_counts_sub(struct stats_counts *out, const struct stats_counts *now,
		      const struct stats_counts *before)
{
	struct stats_counts diff = *now, minus = *before;

	for (size_t at = 0; at < sizeof(diff); at += sizeof(uint64_t))
		*stats_member(&diff, at) -= *stats_member(&minus, at);
	*out = diff;
}

const struct stats_device *stats_device(const struct stats *s, unsigned id)
{
	uint16_t key = (uint16_t)id;
	struct stats_device *d;

	HASH_FIND(hh, s->devices, &key, sizeof(key), d);
	return d;
}

const struct stats_device *stats_device_nth(const struct stats *s, unsigned n)
{
	const struct stats_device *d = s->devices;

	while (d && n--)
		d = d->hh.next;
	return d;
}

struct stats_queue *stats_queue_find(const struct stats_device *d, uint16_t index)
{
	struct stats_queue *q;

	HASH_FIND(hh, d->queues, &index, sizeof(index), q);
	return q;
}

const struct stats_queue *stats_queue(const struct stats_device *d, unsigned index)
{
	return index < VQT_NO_QUEUE ? stats_queue_find(d, (uint16_t)index) : NULL;
}

const struct stats_thread *stats_threads(const struct stats *s)
{
	return s->threads;
}

/* What has been in flight since the last change. */
static void go_on(struct stats_counts *c, unsigned flight, uint64_t since, uint64_t now)
{
	if (!flight || now <= since)
		return;
	c->flight_ns += (now - since) * flight;
	c->busy_ns += now - since;
}

void stats_device_counts(const struct stats *s, const struct stats_device *d, uint64_t now,
			 struct stats_counts *out)
{
	*out = d->counts;
	if (d->tallied)
		return;
	now = now ? now : s->now;
	go_on(out, d->flight, d->depth_ts, now);
	for (const struct stats_queue *q = d->queues; q; q = q->hh.next)
		out->stalls += stats_stalled_for(q, now) >= STATS_STALL_NS;
}

void stats_queue_counts(const struct stats *s, const struct stats_queue *q, uint64_t now,
			struct stats_counts *out)
{
	*out = q->counts;
	if (q->tallied)
		return;
	now = now ? now : s->now;
	go_on(out, q->flight, q->depth_ts, now);
	out->stalls += stats_stalled_for(q, now) >= STATS_STALL_NS;
}

uint64_t stats_stalled_for(const struct stats_queue *q, uint64_t now)
{
	return q->flight && now > q->progress_ts ? now - q->progress_ts : 0;
}

uint64_t stats_stall_max(const struct stats *s, const struct stats_queue *q, bool *now)
{
	uint64_t ns = stats_stalled_for(q, s->now);

	*now = ns >= STATS_STALL_NS && ns > q->stall_max;
	return *now ? ns : q->stall_max;
}

uint64_t stats_device_stall_max(const struct stats *s, const struct stats_device *d, bool *now)
{
	uint64_t most = d->stall_max;

	*now = false;
	for (const struct stats_queue *q = d->queues; q; q = q->hh.next) {
		bool goes_on;
		uint64_t ns = stats_stall_max(s, q, &goes_on);

		if (goes_on && ns > most) {
			most = ns;
			*now = true;
		}
	}
	return most;
}

void stats_begin(struct stats *s, uint64_t ts)
{
	for (struct stats_device *d = s->devices; d; d = d->hh.next) {
		d->counts.flight_ns = d->counts.busy_ns = 0;
		d->flight_max = d->flight;
		d->depth_ts = ts;
		if (d->flight)
			d->first_ts = d->last_ts = ts;
		for (struct stats_queue *q = d->queues; q; q = q->hh.next) {
			q->counts.flight_ns = q->counts.busy_ns = 0;
			q->flight_max = q->flight;
			q->waiting_max = q->waiting;
			q->depth_ts = ts;
			if (q->progress_ts && q->progress_ts < ts)
				q->progress_ts = ts;
			if (q->flight)
				q->first_ts = q->last_ts = ts;
		}
	}
}

double stats_rate(uint64_t n, uint64_t ns)
{
	return ns ? (double)n * 1e9 / (double)ns : 0;
}

double stats_ratio(uint64_t n, uint64_t by)
{
	return by ? (double)n / (double)by : 0;
}

uint64_t stats_active_ns(const struct stats *s, uint64_t first_ts, uint64_t last_ts,
			 unsigned flight)
{
	uint64_t end = flight && s->now > last_ts ? s->now : last_ts;

	return first_ts && end > first_ts ? end - first_ts : 0;
}

uint64_t stats_slice_start(const struct stats *s, uint64_t index)
{
	uint64_t begin = s->slice_ts > s->total.start_ts ? s->slice_ts - s->total.start_ts : 0;

	return begin + index * s->total.slice_ns;
}

const struct stats_total *stats_total(const struct stats *s)
{
	return &s->total;
}

/* --- names --- */

#define ROW(member_, text, ...) \
	{ \
		.name = #member_, .help = text, .at = offsetof(struct stats_counts, member_), \
		.n = 1, ##__VA_ARGS__ \
	}
#define ONE(member, text) ROW(member, text)
#define LIGHT(member, text) ROW(member, text, .tallied = true)
#define MANY(member_, n_, names, text) \
	{ \
		.name = #member_, .help = text, .at = offsetof(struct stats_counts, member_), \
		.n = n_, .element = names \
	}
/* Also known where rings are not seen. */
#define OUTSIDE(member, text) ROW(member, text, .no_rings = true)
#define OUTSIDE_LIGHT(member, text) ROW(member, text, .tallied = true, .no_rings = true)

const struct stats_count_name stats_count_names[] = {
	OUTSIDE_LIGHT(events, "records"),
	OUTSIDE(reg_reads, "register reads"),
	OUTSIDE(reg_writes, "register writes"),
	OUTSIDE(pci_reads, "reads of PCI configuration space"),
	OUTSIDE(pci_writes, "writes of PCI configuration space"),
	OUTSIDE_LIGHT(kicks, "available buffer notifications"),
	ONE(kicks_empty, "kicks when nothing was available"),
	MANY(kick_batch, STATS_BATCHES, stats_batch_name, "kicks by how many entries waited"),
	LIGHT(popped, "requests and posted buffers the device popped"),
	LIGHT(posted, "of them buffers that wait for events outside"),
	ONE(announced, "of the requests those that a kick had announced"),
	ONE(found, "requests popped before the device saw a kick for them"),
	LIGHT(used, "requests completed"),
	LIGHT(errors, "requests completed with an error"),
	ONE(untimed, "requests completed that were popped at an unknown time"),
	LIGHT(detached, "requests the device gave up"),
	LIGHT(dropped, "requests taken back by a reset"),
	ONE(unknown, "completions of nothing in flight"),
	OUTSIDE_LIGHT(interrupts, "used buffer notifications"),
	ONE(irqs_empty, "interrupts with nothing new"),
	ONE(irqs_wanted, "completions for which the driver had asked for a notification"),
	ONE(irqs_unwanted, "completions for which the driver had asked for no notification"),
	MANY(irq_batch, STATS_BATCHES, stats_batch_name, "interrupts by how many completions"),
	OUTSIDE(config_irqs, "configuration change notifications"),
	LIGHT(bytes_in, "bytes of data to the driver"),
	LIGHT(bytes_out, "bytes of data from the driver"),
	ONE(cut, "popped whose descriptors were not captured, or not all"),
	ONE(cut_bytes, "bytes the device wrote in them"),
	ONE(bytes_ranged, "bytes named by discards and the like"),
	ONE(descriptors, "descriptors of completed requests"),
	ONE(indirect, "completed requests with an indirect table"),
	MANY(status, STATS_STATUSES, NULL, "completions by status"),
	ONE(stalls, "times nothing was completed for a second and more"),
	OUTSIDE_LIGHT(device_errors, "errors the device declared"),
	OUTSIDE_LIGHT(resets, "resets"),
	LIGHT(flight_ns, "requests in flight times ns"),
	ONE(busy_ns, "ns with requests in flight"),
	{ .name = NULL },
};

const struct stats_span_name stats_span_names[STATS_SPANS] = {
	[STATS_WAIT] = { "wait", "kick to popped" },
	[STATS_SERVICE] = { "service", "popped to used" },
	[STATS_TOTAL] = { "total", "kick to used" },
	[STATS_NOTIFY] = { "notify", "used to interrupt" },
	[STATS_BACKEND] = { "backend", "in the backend" },
};

const char *stats_span_title(enum stats_span span, const struct model_device *dev)
{
	return span == STATS_SERVICE && dev->by_driver ? "added to taken"
						       : stats_span_names[span].title;
}

const char *stats_batch_name(unsigned batch)
{
	static const char *const names[STATS_BATCHES] = {
		"0", "1", "2-3", "4-7", "8-15", "16-31", "32-63", "64+",
	};

	return batch < STATS_BATCHES ? names[batch] : NULL;
}

unsigned stats_size_class(uint64_t bytes)
{
	unsigned size = 0;

	while (size < STATS_SIZES - 1 && bytes > stats_size_limit(size))
		size++;
	return size;
}

uint64_t stats_size_limit(unsigned size)
{
	if (size >= STATS_SIZES - 1)
		return UINT64_MAX;
	return size ? UINT64_C(256) << size : 0;
}

const char *stats_size_name(unsigned size)
{
	static const char *const names[STATS_SIZES] = {
		"0",	  "512 B",  "1 KiB",  "2 KiB",	 "4 KiB",   "8 KiB",
		"16 KiB", "32 KiB", "64 KiB", "128 KiB", "256 KiB", "512 KiB",
		"1 MiB",  "2 MiB",  "4 MiB",  "8 MiB",	 "more",
	};

	return size < STATS_SIZES ? names[size] : NULL;
}

const char *stats_type_name(const struct class *class, unsigned type)
{
	static const char *const names[STATS_TYPE_OTHERS] = {
		[STATS_TYPE_UNKNOWN] = "unknown",     [STATS_TYPE_UNSEEN] = "not_captured",
		[STATS_TYPE_TO_DEVICE] = "to_device", [STATS_TYPE_FROM_DEVICE] = "from_device",
		[STATS_TYPE_BOTH] = "both_ways",
	};
	const unsigned others = STATS_TYPES - STATS_TYPE_OTHERS;

	if (type >= others)
		return type < STATS_TYPES ? names[type - others] : NULL;
	if (!stats_has_types(class))
		return NULL;
	for (unsigned i = 0; class->requests[i].name; i++)
		if (i == type)
			return class->requests[i].json;
	return NULL;
}
