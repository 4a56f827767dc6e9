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
	struct model_request *done; /* completed; freed at the next feed */
	struct model_request *dropped; /* cancelled by a reset: likewise */
	struct model_request *spare; /* free list, through ->next */
};

struct model_queue *model_get_queue(struct model_device *d, unsigned index);

/* Clear all state that a reset clears in the device, 2.4. */
void model_reset_device(struct model *m, struct model_device *d);
void model_reset_queue(struct model *m, struct model_queue *q);

struct model_request *model_new_request(struct model *m);
void model_free_request(struct model *m, struct model_request *r);

/* Registers (decoder/model/registers.c). */
int model_register(struct model *m, struct event *e); /* 0 */

/* Queues and requests (decoder/model/queue.c). 0 or -ENOMEM. */
int model_kick(struct model *m, struct event *e);
int model_avail(struct model *m, struct event *e);
int model_used(struct model *m, struct event *e);
int model_data(struct model *m, struct event *e);
int model_irq(struct model *m, struct event *e);
void model_ring(struct event *e, const struct vqt_ring *ring);
int model_backend(struct model *m, struct event *e);

#endif
