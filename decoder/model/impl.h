/* SPDX-License-Identifier: MIT */
/* Internal to decoder/model; observers include model.h. */
#ifndef VQT_DECODER_MODEL_IMPL_H
#define VQT_DECODER_MODEL_IMPL_H

#include "decoder/model/model.h"

struct model {
	struct model_device *device[MODEL_DEVICES_MAX]; /* in order of appearance */
	unsigned ndevice;
	struct model_source *source[256]; /* by id */
	uint64_t first_ts, last_ts;
	bool any;
	int64_t wall;
	bool filtered;
	struct model_request *done; /* completed; freed at the next feed */
	struct model_request *dropped; /* cancelled by a reset: likewise */
	struct model_request *spare; /* free list, through ->next */
	struct life_links *lives; /* all that are not over */
	struct model_life *ended; /* freed at the next feed */
	struct known_stacks *stacks; /* NULL: none */
	struct record readable; /* of a record with undecodable memory: the rest */
};

struct model_queue *model_get_queue(struct model_device *d, unsigned index);

/* Clear all state that a reset clears in the device, 2.4. */
void model_reset_device(struct model *m, struct model_device *d);
void model_reset_queue(struct model *m, struct model_queue *q);
/* What is in flight and the positions alone: its registers keep their values. */
void model_stop_queue(struct model *m, struct model_queue *q);

struct model_request *model_new_request(struct model *m);
void model_free_request(struct model *m, struct model_request *r);

/* Descriptions of devices (decoder/model/describe.c). 0. */
int model_describe(struct model *m, struct event *e);
/* A record of this device's rings has come. */
void model_note_rings(struct event *e);
int model_learn_device(struct model *m, struct event *e);
void model_name_device(const struct model *m, struct model_device *d);
/* Let a chain tell the type of a device that nobody knows for sure. */
void model_recognise_request(struct model *m, struct event *e, struct model_request *r);

/* Call stacks (decoder/model/stack.c).  0 or -ENOMEM. */
int model_stack(struct model *m, struct event *e);
const struct model_stack *model_stack_of(const struct model *m, const struct record *r); /* NULL */
void model_forget_stacks(struct model *m, unsigned source);
void model_free_stacks(struct model *m);

/* Registers (decoder/model/registers.c). */
int model_register(struct model *m, struct event *e); /* 0 */

/*
 * Chains that were in flight before the trace (decoder/model/before.c).  Positions of a ring
 * have been learned: what they say of chains in flight.
 */
void model_learn(struct event *e);
/* A chain begins that was in flight before, and was only counted so far?  Then it is not any more. */
bool model_was_before(struct model_queue *q, const struct vqt_avail *a);
/* A chain that was taken for one of those in flight is none: another one is. */
void model_unname(struct model_queue *q, const struct model_request *r);
/* The same for a used entry whose chain is not known. */
bool model_used_before(struct model_queue *q, const struct vqt_used *u);

/* Queues and requests (decoder/model/queue.c). 0 or -ENOMEM. */
int model_kick(struct model *m, struct event *e);
int model_avail(struct model *m, struct event *e);
int model_used(struct model *m, struct event *e);
int model_data(struct model *m, struct event *e);
int model_irq(struct model *m, struct event *e);
void model_ring(struct event *e, const struct vqt_ring *ring);
/* What the back end gets and answers (decoder/model/backend.c). 0. */
int model_backend(struct model *m, struct event *e);

/*
 * Lives of requests (decoder/model/life.c): what each event says of them.  The ints: 0 or -ENOMEM.
 * model_life_avail() comes after the request was decoded.
 */
int model_life_avail(struct model *m, struct event *e, struct model_request *r);
void model_life_used(struct model *m, struct event *e, struct model_request *r);
/* It is forgotten without having been used. */
void model_life_dropped(struct model *m, struct model_request *r);
void model_life_irq(struct model *m, struct event *e);
void model_life_kick(struct event *e);
int model_life_guest(struct model *m, struct event *e);
void model_lives_reset(struct model *m, struct model_queue *q);
void model_lives_free(struct model *m, struct model_queue *q);
void model_lives_let_go(struct model *m);

/* Byte order (decoder/model/byte_order.c): the transport by the name of the type. */
void model_transport_by_name(struct model_device *d);
/* Sets e->undecodable and replaces e->rec, if that is so. */
void model_leave_out_undecodable(struct model *m, struct event *e);
int model_count_undecodable(struct event *e); /* 0 */

#endif
