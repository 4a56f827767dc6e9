/* SPDX-License-Identifier: MIT */
/*
 * Statistics of a conversation: an observer of the model that counts, and keeps histograms
 * of latencies, per device, queue, request type, request size, thread and slice of time.
 * `stat` prints it at the end of a trace and `top` reads it while it grows, so both show the
 * same figures.
 *
 * Everything is an integer, times are ns on the trace's clock.  The counts of an interval
 * are the difference of two copies: stats_counts_sub(), hist_sub().
 *
 * Devices, queues and the constants below bound its memory; the length of a trace does not.
 * Only the model reads records; this code reads the model.
 */
#ifndef VQT_DECODER_STATS_STATS_H
#define VQT_DECODER_STATS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/util/hash.h"
#include "decoder/model/model.h"
#include "decoder/stats/stages.h"
#include "decoder/util/histogram.h"

/* A queue that has had requests in flight for this many ns without a completion is stalled. */
#define STATS_STALL_NS UINT64_C(1000000000)
/* Limits of queues and threads; further ones are counted together. */
#define STATS_QUEUES_MAX 4096
#define STATS_THREADS_MAX 256
/* Queues and request types whose stages are kept apart; those of further ones are the device's. */
#define STATS_STAGES_MAX 64
/* Most slices of time in which a device is active; when there are more, neighbours are joined. */
#define STATS_SLICES 128
#define STATS_SLICE_NS UINT64_C(1000000) /* the first width; doubles */
/* Number of recent runs of neighbouring sectors in which a request may continue one. */
#define STATS_STREAMS 16

/*
 * The parts of a request's time.
 *
 * wait     from the first kick that announced it until the device popped it: known
 *          where the kick's record shows how far the driver had filled the ring;
 *          in packed rings, only for the first request after a kick
 * service  from pop to used, where the pop was seen
 * total    both.  Buffers that are posted in advance (receive and event queues) have
 *          neither, nor service: they wait by design
 * notify   one for each interrupt: from the completion for which the driver had
 *          requested it (2.7.7, 2.8.10) until the interrupt; where no snapshot of
 *          the ring shows which that was, from the last one before it
 * backend  the part of `service` spent in the layer below the device (where recorded)
 */
enum stats_span {
	STATS_WAIT,
	STATS_SERVICE,
	STATS_TOTAL,
	STATS_NOTIFY,
	STATS_BACKEND,
	STATS_SPANS,
};
extern const struct stats_span_name {
	const char *name, *title; /* "service", "popped to used" */
} stats_span_names[STATS_SPANS];
/* Its title for a device; of the driver's view: "added to taken". */
const char *stats_span_title(enum stats_span span, const struct model_device *dev);

/* Batches: 0, 1, 2-3, 4-7 ... 64 and more. */
#define STATS_BATCHES 8
const char *stats_batch_name(unsigned batch); /* "4-7" */

/* Completion statuses counted separately; the last is "any other". */
#define STATS_STATUSES 16

/*
 * Counts since the statistics began.  Members are uint64_t and only grow, so
 * that any two copies of one subject can be subtracted.
 */
struct stats_counts {
	uint64_t events; /* records */
	uint64_t reg_reads, reg_writes; /* register accesses; PCI configuration space apart */
	uint64_t pci_reads, pci_writes;
	uint64_t kicks;
	uint64_t kicks_empty; /* kicks without an available entry (split rings) */
	uint64_t kick_batch[STATS_BATCHES]; /* entries waiting at a kick (split rings) */
	uint64_t popped; /* requests and posted buffers the device popped */
	uint64_t posted; /* of them buffers that wait for events outside, and are no load */
	uint64_t announced; /* of the requests those that a kick had announced */
	uint64_t found; /* and those popped before the device saw a kick for them (split rings) */
	uint64_t used; /* of those popped, completed */
	uint64_t errors; /* of them with a status other than success */
	uint64_t untimed; /* of them popped at an unknown time: their duration is not known */
	uint64_t detached; /* dropped by the device without using them */
	uint64_t dropped; /* cancelled by a reset */
	uint64_t unknown; /* completions whose request is not known to be in flight */
	uint64_t interrupts; /* of used buffers: see stats_feed() */
	uint64_t irqs_empty; /* with no completion since the one before */
	uint64_t irqs_wanted; /* completions for which the driver had requested an interrupt */
	uint64_t irqs_unwanted; /* completions for which the driver had requested no interrupt */
	uint64_t irq_batch[STATS_BATCHES]; /* completions since the previous interrupt */
	uint64_t config_irqs; /* of configuration changes */
	uint64_t bytes_in; /* data to the driver (reads), of successful requests */
	uint64_t bytes_out; /* data from the driver (writes), of successful requests */
	uint64_t cut; /* popped whose descriptors the capture could not read, or not all */
	uint64_t
		cut_bytes; /* that the device wrote in them; what the driver put there is unknown */
	uint64_t bytes_ranged; /* that successful discards and the like named */
	uint64_t descriptors; /* of requests completed; those that name a table not counted */
	uint64_t indirect; /* requests completed that used an indirect table */
	uint64_t status[STATS_STATUSES]; /* completions whose status is known, by it */
	uint64_t stalls; /* how often a queue completed nothing for STATS_STALL_NS and more */
	uint64_t device_errors; /* the device reported an error of the driver (virtio_error) */
	uint64_t resets; /* of the device, or of the queue */
	/* Of the whole queue, also of events that are not counted (see stats_feed): */
	uint64_t flight_ns; /* requests in flight, integrated over time */
	uint64_t busy_ns; /* time with at least one */
};

/* now - before, member by member. */
void stats_counts_sub(struct stats_counts *out, const struct stats_counts *now,
		      const struct stats_counts *before);

/* Counts and latencies of one group of requests, from their completions. */
struct stats_group {
	struct stats_counts counts; /* used, errors, bytes, status */
	struct hist service;
};

/* Every member by name, in order, for printers; ends with name NULL. */
struct stats_count_name {
	const char *name, *help;
	uint16_t at; /* offsetof */
	uint8_t n; /* elements */
	bool tallied; /* light captures know it, too */
	bool no_rings; /* as do sources that see no ring: model_no_rings() */
	const char *(*element)(unsigned i); /* their names; NULL: numbered */
};
extern const struct stats_count_name stats_count_names[];
/* Is it known of what a light capture counted, or a source that sees no ring? */
static inline bool stats_count_known(const struct stats_count_name *n, bool tallied, bool no_rings)
{
	return (!tallied || n->tallied) && (!no_rings || n->no_rings);
}
static inline uint64_t stats_count(const struct stats_counts *c, const struct stats_count_name *n,
				   unsigned i)
{
	return ((const uint64_t *)(const void *)((const char *)c + n->at))[i];
}

struct stats_queue {
	uint16_t device, index;
	struct stats_counts counts;
	struct hist *span[STATS_SPANS]; /* NULL: never known */
	uint16_t size, vector; /* when it was enabled last; 0, VQT_NO_VECTOR unknown */
	bool packed;
	bool set_up; /* was it ever enabled? */
	bool posts; /* buffers in it wait for events outside: class_queue_posted() */
	unsigned flight, flight_max; /* requests popped and not used: now, most */
	unsigned posted; /* buffers popped and not used */
	uint16_t waiting, waiting_max; /* available and not popped, as last seen (split) */
	uint64_t tallied; /* ns: time of the last tally of a light capture; 0 none */
	uint64_t hidden; /* completed requests that no record showed in flight before */
	struct stats_stages *stages; /* NULL: none of its requests' lives is kept apart */
	uint64_t stall_max; /* of stalls that have ended; see stats_stall_max() */
	uint64_t first_ts, last_ts; /* of kicks, requests, completions; 0 none */
	/* Private. */
	uint64_t depth_ts, progress_ts, model_popped;
	uint64_t due_ts, last_used_ts; /* ns, since the last interrupt: completions that */
	uint64_t since_irq; /* ... requested one; of any kind; and their number */
	UT_hash_handle hh;
};

/* Request types counted separately: the class's own, then these. */
enum stats_type_other {
	STATS_TYPE_UNKNOWN, /* a type number the class does not have */
	STATS_TYPE_UNSEEN, /* the header was not captured */
	STATS_TYPE_TO_DEVICE, /* classes without request types: by direction */
	STATS_TYPE_FROM_DEVICE,
	STATS_TYPE_BOTH,
	STATS_TYPE_OTHERS,
};
#define STATS_TYPES 40
/* Sizes: 0; up to 512 bytes; 1 KiB; 2 KiB ... 8 MiB; more. */
#define STATS_SIZES 17
unsigned stats_size_class(uint64_t bytes);
const char *stats_size_name(unsigned size); /* "4 KiB": up to that, and more than the one before */
/* The same as a number: the most bytes of a class, UINT64_MAX for the last. */
uint64_t stats_size_limit(unsigned size);

/* Alignments: 512 bytes, 1 KiB ... 1 MiB and more. */
#define STATS_ALIGNS 12

/* Where a block device's requests are on the disk, in the order of their pops. */
struct stats_access {
	uint64_t sequential; /* began where one of the latest runs ended */
	uint64_t random; /* elsewhere; the first, too */
	uint64_t align[STATS_ALIGNS]; /* by the largest power of 2 that divides start and length */
	uint64_t sector_min, sector_end; /* touched; min ~0 if nothing was */
};

/* Queues whose completions a slice counts apart: the first ones; those of all others together. */
#define STATS_SLICE_QUEUES 16

/* One slice of time of one device, in which it was active. */
struct stats_slice {
	uint64_t index; /* its number if there were no idle ones: stats_slice_start() */
	uint64_t kicks, popped, used, errors, interrupts, bytes_in, bytes_out;
	/* Requests in flight, also of events that are not counted: most, and integrated over time. */
	uint64_t flight_max, flight_ns;
	uint64_t timed, service_sum, service_max; /* requests of known duration, ns */
	uint64_t service_min; /* meaningless while `timed` is 0 */
	uint64_t waited, wait_max; /* requests popped whose wait is known, ns */
	uint32_t service[COARSE_BUCKETS]; /* decoder/util/histogram.h */
	uint32_t wait[COARSE_BUCKETS];
	uint32_t queue_used[STATS_SLICE_QUEUES + 1], type_used[STATS_TYPES]; /* saturate */
};

/*
 * The negotiation in force, or the last one that was (3.1.1): a reset clears it in the device,
 * but not here.
 */
struct stats_ready {
	unsigned times; /* DRIVER_OK was seen to be set */
	bool known; /* whether the rest is */
	bool learned; /* from a record of the state, not from the driver's write */
	uint64_t number, ts; /* of the event */
	uint64_t took_ns; /* since the first status bit after the reset, 0 unknown */
	uint64_t over; /* number of the event that reset the device; 0: it is in force */
	uint64_t offered[2], accepted[2];
	bool msix;
};

struct stats_device {
	uint16_t id; /* model_device.id */
	struct stats_counts counts; /* of its queues, and of events without a queue */
	struct hist *span[STATS_SPANS]; /* of all its queues; NULL: never known */
	struct stats_queue *queues; /* uthash by index, in order of appearance */
	struct stats_group *type[STATS_TYPES]; /* NULL: none seen; stats_type_name() */
	struct stats_group *size[STATS_SIZES];
	struct stats_access access;
	struct stats_slice
		*slice; /* nslices of stats_total.slice_ns each, in order; idle time has none */
	unsigned nslices;
	struct stats_ready ready; /* the latest completed negotiation */
	struct stats_stages *stages; /* NULL: of none of its requests more than the service */
	struct stats_stages *type_stages[STATS_TYPES]; /* NULL: none of the type is kept apart */
	unsigned flight, flight_max, posted; /* of all its queues together */
	uint64_t hidden; /* as in its queues */
	uint64_t stall_max;
	uint64_t first_ts, last_ts; /* of kicks, requests, completions; 0 none */
	/*
	 * Counted by a light capture: what its tallies do not contain (stats_count_name.tallied)
	 * is unknown.
	 */
	bool tallied;
	bool by_eventfd; /* kicks came by eventfd, which may make one of several */
	/* Private. */
	unsigned slices_cap;
	bool decides; /* records show its decisions to interrupt */
	unsigned resets; /* of the device, as last seen */
	uint64_t born_ts;
	uint64_t depth_ts;
	uint64_t stream_end[STATS_STREAMS];
	unsigned nstreams, stream_next;
	UT_hash_handle hh;
};

/* A thread of a source that kicked, popped or completed requests. */
struct stats_thread {
	struct {
		uint32_t tid; /* 0: unknown, or one of too many */
		uint32_t source;
	} key;
	struct stats_group group; /* latencies of the requests it completed */
	bool vcpu; /* accessed registers: ran the driver */
	UT_hash_handle hh;
};

struct stats;

struct stats *stats_new(void); /* NULL: no memory */
void stats_free(struct stats *s);
/*
 * Call after model_feed() made `e`, for every event.  `counted`: whether to count the event
 * (it matched a filter).  The others only update what is in flight and what waits for an
 * interrupt. 0 or -ENOMEM.
 *
 * An interrupt is counted once: when the device decides to notify, or, for a device whose
 * records never show that, when the message or line is seen.
 */
int stats_feed(struct stats *s, const struct model *m, const struct event *e, bool counted);
/* Count the lives that are over when the trace is (model_finish()).  0 or -ENOMEM. */
int stats_lives(struct stats *s, const struct model_life *lives);
/* The trace is over: what is in flight was so until the latest event.  0 or -ENOMEM. */
int stats_end(struct stats *s);

/*
 * Counting begins at this time, with the next event: the time that requests are in flight, and
 * their number, count from now on.  What is known of devices and queues is kept.
 */
void stats_begin(struct stats *s, uint64_t ts);

/* A device by trace id, or in order of appearance; NULL. */
const struct stats_device *stats_device(const struct stats *s, unsigned id);
const struct stats_device *stats_device_nth(const struct stats *s, unsigned n);
const struct stats_queue *stats_queue(const struct stats_device *d, unsigned index);
/* Threads, iterate with hh.next; NULL if none. */
const struct stats_thread *stats_threads(const struct stats *s);

/*
 * Copies of the counts at time `now` (0: the latest event), with flight_ns, busy_ns and the
 * stalls that have not ended up to then.
 */
void stats_device_counts(const struct stats *s, const struct stats_device *d, uint64_t now,
			 struct stats_counts *out);
void stats_queue_counts(const struct stats *s, const struct stats_queue *q, uint64_t now,
			struct stats_counts *out);
/* How long q has had requests in flight and completed none, ns; 0 if it has none. */
uint64_t stats_stalled_for(const struct stats_queue *q, uint64_t now);
/*
 * The longest stall of a queue, or of all queues of a device, ns; 0 none.  One that has not
 * ended counts until the latest event; *now: is it the longest?
 */
uint64_t stats_stall_max(const struct stats *s, const struct stats_queue *q, bool *now);
uint64_t stats_device_stall_max(const struct stats *s, const struct stats_device *d, bool *now);

/*
 * Whether the time with requests in flight, and their number, can be relied on: false if more
 * than one in a hundred was in flight for a time that no record shows.
 */
static inline bool stats_depth_known(uint64_t hidden, const struct stats_counts *c)
{
	return hidden * 100 <= c->used;
}

/* n / ns, a second; n / by; 0 where that is not defined. */
double stats_rate(uint64_t n, uint64_t ns);
double stats_ratio(uint64_t n, uint64_t by);
/* ns from the first to the last kick, request or completion; to now if a request is in flight. */
uint64_t stats_active_ns(const struct stats *s, uint64_t first_ts, uint64_t last_ts,
			 unsigned flight);

/* "in", "flush"; NULL for an index without a meaning.  The class may be NULL. */
const char *stats_type_name(const struct class *class, unsigned type);

/*
 * When the slice of this index begins, ns since the trace did: 0 with the first counted request or
 * kick.
 */
uint64_t stats_slice_start(const struct stats *s, uint64_t index);

struct stats_total {
	uint64_t events; /* counted */
	struct model_loss lost; /* records, of all sources */
	uint64_t left_out; /* events of queues beyond STATS_QUEUES_MAX, and those that name none */
	uint64_t start_ts; /* of the trace */
	uint64_t first_ts, last_ts; /* of the events that were counted */
	uint64_t slice_ns; /* width of the slices now */
};
const struct stats_total *stats_total(const struct stats *s);

#endif
