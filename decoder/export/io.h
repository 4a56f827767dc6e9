/* SPDX-License-Identifier: MIT */
/*
 * What a trace says of the storage behind its devices, as those see it who know block devices only:
 * when a range was queued, issued and completed.  Decided once, for the formats that print it.
 */
#ifndef VQT_DECODER_EXPORT_IO_H
#define VQT_DECODER_EXPORT_IO_H

#include "decoder/model/model.h"

enum io_step {
	IO_QUEUED, /* the first kick that announced it: it waits in the ring from then on, at least */
	IO_ISSUED, /* the device has popped it; of a driver's trace: the driver has added it */
	IO_COMPLETED, /* the device has used it; of a driver's trace: the driver has taken it */
};

struct io_item {
	uint64_t ts; /* ns on the trace's clock */
	uint64_t order; /* among those of the same time */
	enum io_step step;
	unsigned op; /* enum vqt_backend_op */
	uint64_t offset, bytes; /* of a flush 0 */
	const struct model_device *device;
	uint32_t tid; /* 0 unknown */
	bool failed; /* completed: with an error */
};

struct io;

/* What it does with each item, in order of time.  0 or a negative errno, which ends the export. */
typedef int io_put(void *opaque, const struct io_item *i);

struct io *io_new(io_put *put, void *opaque); /* NULL: no memory */
/* 0, -ENOMEM, or what put returned. */
int io_feed(struct io *s, const struct event *e, bool matched);
/* Put all that is left. */
int io_finish(struct io *s);
/*
 * After that: the requests that it had to leave out, in words; nothing if there are none.  completions:
 * the format has those also of requests that were issued at an unknown time.
 */
void io_lacks(const struct io *s, struct text *t, bool completions);
/* One more kind of those: n requests, and why, in a few words. */
void io_lack(struct text *t, uint64_t n, const char *what);
void io_free(struct io *s);

#endif
