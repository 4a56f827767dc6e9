/* SPDX-License-Identifier: MIT */
/*
 * The model: a state machine that consumes event records and knows, after each one, every
 * device's status, features, configuration, MSI-X, queues, rings and requests in flight.
 *
 * Printers, filters, statistics, checks, the monitor and replay are observers: they read the
 * struct event that model_feed() fills and the structures it points to, and change nothing.
 *
 * Devices, queues and requests in flight bound its memory; the length of a trace does not.
 * Record contents are not trusted beyond the checks of record_parse().
 */
#ifndef VQT_DECODER_MODEL_MODEL_H
#define VQT_DECODER_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/util/hash.h"
#include "decoder/trace/record.h"
#include "decoder/class/class.h"
#include "decoder/model/life.h"
#include "decoder/spec/spec.h"
#include "decoder/util/text.h"

struct model;
struct model_request;

/* Limit of devices in one trace; events of others have no device (a hostile file). */
#define MODEL_DEVICES_MAX 1024

/* A kick, and the available index that the driver had written by then. */
struct model_kick {
	uint64_t ts;
	uint16_t avail_idx; /* split */
	bool known; /* avail_idx is known */
};
#define MODEL_KICKS 8

/* The device's positions in a ring, as the trace learned them at one time. */
struct model_learned {
	bool known;
	uint16_t avail, used; /* next to pop, next to use; packed: slot | wrap << 15 */
};

struct model_queue {
	uint16_t index;
	bool enabled;
	bool packed; /* layout in use (VIRTIO_F_RING_PACKED accepted, or seen in records) */
	bool size_known, addr_known;
	uint16_t size; /* queue_size as last written or read, 0 unknown */
	uint16_t size_max; /* the most that the device offers, 0 unknown */
	bool size_is_max; /* it is the size as long as the driver writes none (virtio-pci) */
	bool size_written; /* since the reset, or nobody knows: what is read is no offer */
	uint32_t align; /* QueueAlign of virtio-mmio version 1, 4.2.4; 0 not written */
	uint16_t vector; /* VQT_NO_VECTOR until assigned */
	uint16_t notify_off;
	bool notify_off_known; /* as read since the trace began */
	uint64_t desc, driver, device; /* areas, guest-physical */
	struct vqt_ring ring; /* the latest snapshot; .known says which fields */
	uint64_t kick_ts; /* latest kick, 0 none */
	struct model_kick latest; /* what it found: .ts is kick_ts */
	uint64_t latest_popped; /* `popped` at that time */
	bool self_notified; /* the device did so, and has not come to hear of it */
	struct model_request *in_flight; /* uthash by head; see model_in_flight() */
	unsigned n_in_flight;
	unsigned n_posted; /* of them buffers that wait for events outside: class_posted() */
	/*
	 * Chains in flight since before the trace that no record names: so many, or, in a packed
	 * ring, where positions count descriptors, there may be more.
	 */
	unsigned unnamed;
	bool unnamed_more;
	unsigned unnamed_slots; /* packed: descriptors of these chains in the ring, at most */
	struct model_learned learned;
	uint64_t kicks, popped, used, irqs; /* counts since the trace began */
	uint64_t popped_since_reset, used_since_reset; /* the same since the last device reset */
	struct model_request *open; /* a chain that continues (VQT_CHAIN_MORE) */
	struct model_kick announced[MODEL_KICKS]; /* of entries not popped, oldest first */
	unsigned nannounced;
	struct model_lives *lives; /* internal to the model; NULL: none of its requests has one */
	UT_hash_handle hh;
};

/* A descriptor chain, from when the device pops it until it is used. */
struct model_request {
	union {
		struct class_request; /* what its device class decodes */
		struct class_request io; /* the same, to pass to functions of the class */
	};
	uint16_t device;
	uint16_t head, pos;
	uint16_t flags; /* VQT_CHAIN_* */
	uint16_t ndirect;
	bool posted; /* a buffer that waits for an event outside, not a request */
	bool before; /* popped before the trace began */
	uint64_t number; /* of the avail event in the trace */
	uint64_t seen_ts; /* of the first record of it: the device had popped it by then */
	uint64_t avail_ts; /* when the device popped it, 0 unknown: it was read later */
	uint64_t kick_ts, used_ts; /* kick_ts: the last kick before the pop; 0 unknown */
	uint64_t announce_ts; /* the first kick that announced it; 0: none, or unknown */
	/*
	 * When its back end got it, and had answered all of it; 0 unknown, or not yet.  Of a request
	 * that the device has merged with others they are theirs.
	 */
	uint64_t backend_ts, backend_end_ts;
	uint64_t
		foreign; /* cookie of a submission that named it and is not for what it asks; 0 none */
	uint64_t submission; /* number of the latest VQT_BACKEND that submitted it, 0 none */
	uint16_t submitted; /* submissions of it that are not answered */
	bool failed; /* its latest answer was an error: it may be submitted again */
	uint16_t merged; /* other requests that its own latest one serves, until it is answered */
	uint32_t ndesc, cap;
	struct vqt_desc *desc;
	uint32_t head_next; /* index of the descriptor that continues head_bytes */
	struct model_life *life; /* NULL: none, or it is over */
	bool lived; /* it had one */
	struct model_request *next; /* in event.dropped */
	UT_hash_handle hh;
};

/* Whether a chain has an indirect table, 2.7.5.3. */
static inline bool model_indirect(const struct model_request *r)
{
	return r->ndirect < r->ndesc;
}

/* Descriptors of a chain that describe buffers: not the one that refers to the table. */
static inline uint32_t model_descriptors(const struct model_request *r)
{
	return r->ndesc - model_indirect(r);
}

struct model_device {
	uint16_t id; /* trace-wide */
	uint8_t source;
	/*
	 * The same device as its other side recorded it, where the trace has both: the driver's view
	 * and the device's.  It has this one as its peer.  NULL: none.
	 */
	struct model_device *peer;
	/* "blk0": class name and a count, unique in the trace; "blk0.driver": the driver's view of it */
	char name[40];
	char user_id[64]; /* the user's own id, "" if none */
	char type_name[64]; /* QOM type, "" unknown */
	const struct class *class; /* NULL unknown */
	unsigned virtio_id; /* 0 unknown */
	/*
	 * A vhost-user proxy is told the type, or not: where features, configuration and requests
	 * tell that it is another one, class is that, and this the recorded one (0: none).
	 */
	unsigned recorded_id;
	bool recognised; /* by these */
	bool typed; /* a request has confirmed class */
	unsigned transport; /* enum vqt_transport */
	uint32_t flags; /* VQT_DEV_* */
	uint32_t bdf; /* ~0 unknown */

	bool status_known;
	uint8_t status; /* as the driver last wrote or read it, 2.1 */
	unsigned resets; /* number of resets seen, which numbers the initialisations */
	uint64_t offered[2], accepted[2];
	uint8_t offered_known, accepted_known; /* bit n: 32-bit word n was seen */
	uint32_t device_select, driver_select; /* feature selects */
	uint16_t queue_select;
	uint16_t config_vector;
	uint8_t generation;
	bool generation_known;
	uint16_t num_queues; /* 0 unknown */
	uint8_t mmio_version; /* virtio-mmio: 1 is the legacy interface (4.2.4), 0 unknown */
	bool mmio_version_read; /* from the Version register; else it shows in what is used */
	uint32_t guest_page_size; /* virtio-mmio version 1: unit of QueuePFN, 0 not written */
	bool msix; /* MSI-X enabled in its capability */
	uint8_t intx; /* line level */
	uint8_t pci[4096]; /* configuration space as read or written */
	uint8_t pci_known[4096 / 8];
	uint8_t config[1024]; /* device configuration as read or written */
	uint8_t config_known[1024 / 8];
	struct model_queue *queues; /* uthash by index; iterate with hh.next */
	bool swapped; /* the rings looked like the other byte order: until a reset */
	bool undecodable; /* an event was (struct event) */
	bool by_driver; /* recorded by the driver's side: event_by_driver() */
	bool no_rings; /* recorded by such a source: model_no_rings() */
	bool no_notifications; /* event_by_looks(): kicks and interrupts are not seen */
	/*
	 * Its registers and notifications are KVM's, its chains and completions were found by looks:
	 * in which order they happened, to each other, is not known.
	 */
	bool apart;
	bool tells_self; /* when it notifies itself is recorded (VQT_LIFECYCLE_NOTIFIER_ATTACH) */
	uint64_t events, kicks, irqs, requests, errors;
};

/* A frame of a call stack. */
struct model_frame {
	uint64_t pc;
	const char *symbol; /* "name+0xoffset/0xsize [module]", hostile; "" unknown */
};

/* A call stack: VQT_STACK. */
struct model_stack {
	uint32_t id; /* of its source */
	uint16_t n;
	bool cut; /* there are more frames, further out */
	const struct model_frame *frame; /* the innermost first */
};

struct model_source {
	uint8_t id;
	unsigned kind; /* enum vqt_source_kind */
	uint32_t pid;
	char name[64];
	uint32_t next_seq;
	bool seq_known;
	uint64_t lost; /* reported by loss records, or found as gaps */
	bool lost_more; /* and more; nobody knows how many */
	uint64_t loss_at; /* number of the latest event before which records are lost, 0 none */
	uint64_t excused; /* part of a later gap that a loss record has already reported */
	int64_t clock; /* ns to add to its times to get the trace's clock */
	bool mapped; /* they are of the trace's clock already (VQT_CLOCK_MAPPED), to +-error */
	uint32_t error; /* ns, VQT_CLOCK_UNKNOWN */
};

/*
 * What model_feed() derived from one record.  Pointers are borrowed from the model and the
 * record; valid until the next feed.
 */
struct event {
	const struct record *rec;
	uint64_t number; /* in the trace, from 1 */
	uint64_t ts; /* ns on the trace's clock */
	uint64_t delta; /* since the event before, 0 for the first */
	uint64_t since; /* since the first event */
	struct model_source *source; /* NULL unknown */
	struct model_device *dev; /* NULL if none */
	struct model_queue *queue; /* NULL if none */
	struct model_request *req; /* of avail, used, data records; used: freed at the next feed */
	/* Registers */
	const struct spec_field *field; /* NULL unknown */
	uint32_t field_offset; /* of the access within the field */
	uint16_t pci_cap; /* start of the PCI capability the access is in, 0 none */
	uint32_t select; /* feature word or queue the register refers to */
	uint64_t before; /* value the model held before, where it keeps one */
	bool before_known;
	uint8_t status_before; /* device status before this event */
	/* Requests */
	bool unknown_id; /* used: no chain with this id is in flight */
	bool head_in_flight; /* avail: the head was already in flight */
	bool typed_now; /* avail, data: with this event the request's header became known */
	bool unnamed; /* used: of a chain in flight since before the trace that no record names */
	bool self; /* kick: no driver's, or for nothing; counted nowhere */
	uint64_t latency; /* avail to used, ns; 0: when it was popped is not known */
	struct model_request *dropped; /* requests that a reset cancelled, linked by ->next */
	struct model_life *lives; /* of requests that are over with this event, linked by ->next */
	uint64_t gap; /* sequence numbers missing before this record */
	/*
	 * Where it happened; of a VQT_STACK the one that it describes.  NULL with rec->stack_id: what
	 * describes it is not in the trace.
	 */
	const struct model_stack *stack;
	/*
	 * The rings are in the guest's byte order, which is not ours or not known (legacy virtio-ccw).
	 * `rec` has then nothing of what was read of them, and there is no request.
	 */
	bool undecodable;
	bool undecodable_first; /* of this device */
};

/*
 * Whether the record is of the driver's side: chains have the time at which the driver adds
 * them, completions that at which it takes them, and what the device does in between is not
 * seen.
 */
static inline bool event_by_driver(const struct event *e)
{
	return e->source && e->source->kind == VQT_SRC_GUEST;
}

/* Of a vhost-user proxy, which knows the device only as the messages tell it. */
static inline bool event_by_proxy(const struct event *e)
{
	return e->source &&
	       (e->source->kind == VQT_SRC_PROXY || e->source->kind == VQT_SRC_PROXY_PASSIVE);
}

/* Rings as they are read from beside the device. */
static inline bool event_by_snooper(const struct event *e)
{
	return event_by_proxy(e) || (e->source && e->source->kind == VQT_SRC_MEMORY);
}

/* Of those, rings that are looked at by time: kicks and interrupts are not seen. */
static inline bool event_by_looks(const struct event *e)
{
	return e->source &&
	       (e->source->kind == VQT_SRC_MEMORY || e->source->kind == VQT_SRC_PROXY_PASSIVE);
}

/* How long its request has been in flight at least, when nobody knows when it was popped; 0: unknown. */
static inline uint64_t event_at_least(const struct event *e)
{
	const struct model_request *r = e->req;
	uint64_t seen = r ? r->seen_ts + e->rec->within : 0;

	return r && !r->avail_ts && e->ts > seen ? e->ts - seen : 0;
}

/* Whether the device is its driver's view of one that the trace also has as the device saw it. */
static inline bool model_second_view(const struct model_device *d)
{
	return d && d->peer && d->by_driver;
}

struct model *model_new(void); /* NULL: no memory */
void model_free(struct model *m);
/*
 * Consume one parsed record.  0 or -ENOMEM; any contents are accepted.  `number` is the
 * event's number in reports.
 */
int model_feed(struct model *m, const struct record *rec, uint64_t number, struct event *out);

/*
 * The trace is over: the lives of requests that were used and still wait for an interrupt, or to be
 * completed, linked by ->next.  Valid until the model is fed again, or freed.
 */
const struct model_life *model_finish(struct model *m);

/* Read the state.  Devices and sources are numbered from 0 for iteration. */
struct model_device *model_device(const struct model *m, unsigned id); /* by trace id; NULL */
struct model_device *model_device_nth(const struct model *m, unsigned n);
struct model_source *model_source(const struct model *m, unsigned id);
/*
 * Does this source show accesses and interrupts, but no memory, as KVM does?  Then nothing is known
 * of rings and requests, and not of each interrupt whose it is.  NULL: false.
 */
bool model_no_rings(const struct model_source *s);
/* A queue of a device by index; NULL if no record named it. */
struct model_queue *model_queue(const struct model_device *d, unsigned index);
/* Offset of the nth PCI capability with this id in d->pci, 0 if not seen. */
unsigned model_pci_cap(const struct model_device *d, unsigned id, unsigned nth);
/* Start of the known capability that contains offset (>= 0x40), 0 if none. */
unsigned model_pci_cap_at(const struct model_device *d, unsigned offset);
/* The chain in flight with this head or id; NULL. */
struct model_request *model_in_flight(const struct model_queue *q, uint16_t head);
/* Whether its back end has it and has not answered, for sure. */
bool model_in_back_end(const struct model *m, const struct model_request *r);
/* All chains in flight, those that no record names included. */
static inline unsigned model_flight(const struct model_queue *q)
{
	return q->n_in_flight + q->unnamed;
}
/* How many of them were in flight before the trace began, posted buffers not counted. */
unsigned model_flight_before(const struct model_device *d, const struct model_queue *q);
/*
 * Whether the driver has requested a notification when the entry at `pos` is used, for a
 * chain of `slots` ring slots: 2.7.7, 2.8.10.  1 yes, 0 no, -1 the snapshot does not say.
 */
int model_irq_due(const struct model_device *d, const struct model_queue *q,
		  const struct vqt_ring *r, uint16_t pos, unsigned slots);
/*
 * Whether registers of this region (enum vqt_region) are those of the legacy interface: by the
 * region with virtio-pci (4.1.4.10), by the version with virtio-mmio (4.2.4).
 */
bool model_legacy_region(const struct model_device *d, unsigned region);
/*
 * The device's features in a VQT_DEVICE_STATE: what a proxy recorded without the bits of vhost
 * itself (VQT_VHOST_FEATURES).
 */
void model_state_features(const struct event *e, const uint64_t recorded[2], uint64_t out[2]);
/* Whether the driver accepted this feature bit. */
bool model_accepted(const struct model_device *d, unsigned bit);
/* Facts of the whole trace. */
int64_t model_wall(const struct model *m); /* realtime minus trace clock, ns */
/* Records that were lost. */
struct model_loss {
	uint64_t records; /* at least */
	bool more; /* more were; how many is unknown */
};
struct model_loss model_lost(const struct model *m); /* of all sources */
struct model_loss model_loss_of(const struct event *e); /* what a VQT_LOSS reports */
/*
 * "7 events", "an unknown number of events", "7 events and an unknown number more"; what: "events",
 * or "" for the number alone.
 */
void model_put_lost(struct text *t, struct model_loss lost, const char *what);
/*
 * Whether the trace is what a filter left of another one.  Then events are missing on purpose:
 * e->gap counts them, as nobody knows what they were, and model_lost() does not.
 */
bool model_filtered(const struct model *m);

#endif
