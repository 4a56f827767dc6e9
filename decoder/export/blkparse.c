/* SPDX-License-Identifier: MIT */
/*
 * blktrace's records (struct blk_io_trace), as blkparse and btt read them: Q is the kick that
 * announced a request, D its pop, C its completion.  A request without a known kick has no Q, one that
 * was popped before the trace no D.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/blktrace_api.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/export/export.h"
#include "decoder/export/io.h"
#include "decoder/fields/event_names.h"

/*
 * A trace has no device numbers: those that Linux often gives to virtio-blk, 16 minors a disk,
 * as blktrace has them: major << 20 | minor.
 */
#define MAJOR 252
#define MINORS 16
#define MINOR_BITS 20

#define SECTOR 512
#define NS 1000000000LL
#define ERROR_IO 5 /* EIO: what Linux makes of a failure */

#define NAMED 1024
#define NAME_BYTES 16 /* TASK_COMM_LEN */

struct blkparse {
	FILE *to;
	const struct model *model;
	struct io *io;
	uint32_t sequence;
	bool begun, unknown_named;
	uint32_t named[NAMED]; /* threads whose name was put, each at a place of its number */
};

static const uint32_t categories[] = {
	[VQT_BACKEND_READ] = BLK_TC_READ,    [VQT_BACKEND_WRITE] = BLK_TC_WRITE,
	[VQT_BACKEND_FLUSH] = BLK_TC_FLUSH,  [VQT_BACKEND_DISCARD] = BLK_TC_WRITE | BLK_TC_DISCARD,
	[VQT_BACKEND_ZEROES] = BLK_TC_WRITE,
};

static const uint32_t actions[] = {
	[IO_QUEUED] = BLK_TA_QUEUE,
	[IO_ISSUED] = BLK_TA_ISSUE,
	[IO_COMPLETED] = BLK_TA_COMPLETE,
};

static uint32_t device_number(const struct blkparse *b, const struct model_device *d)
{
	const struct model_device *m;
	uint32_t minor = 0;

	for (unsigned i = 0; (m = model_device_nth(b->model, i)) && m != d; i++)
		minor += m->class && m->class->block_io ? MINORS : 0;
	return MAJOR << MINOR_BITS | minor;
}

/* What time of day it was at the first record. */
static void put_start(struct blkparse *b, uint64_t ts)
{
	int64_t wall = (int64_t)ts + model_wall(b->model);
	struct blk_io_trace t = {
		.magic = BLK_IO_TRACE_MAGIC | BLK_IO_TRACE_VERSION,
		.time = ts,
		.action = BLK_TN_TIMESTAMP,
		.pdu_len = 2 * sizeof(uint32_t),
	};
	uint32_t start[2] = { (uint32_t)(wall / NS), (uint32_t)(wall % NS) };

	b->begun = true;
	if (!model_wall(b->model) || wall < 0)
		return;
	fwrite(&t, sizeof(t), 1, b->to);
	fwrite(start, sizeof(start), 1, b->to);
}

/*
 * Threads have no names in a trace: that of their machine, or what kind of source it is.  Of 0 it is not
 * known which one it was.
 */
static void put_name(struct blkparse *b, const struct io_item *i)
{
	const struct model_source *s = model_source(b->model, i->device->source);
	struct blk_io_trace t = {
		.magic = BLK_IO_TRACE_MAGIC | BLK_IO_TRACE_VERSION,
		.time = i->ts,
		.action = BLK_TN_PROCESS,
		.pid = i->tid,
		.pdu_len = NAME_BYTES,
	};
	TEXT(name, NAME_BYTES);

	if (i->tid ? b->named[i->tid % NAMED] == i->tid : b->unknown_named)
		return;
	if (i->tid)
		b->named[i->tid % NAMED] = i->tid;
	else
		b->unknown_named = true;
	if (!i->tid)
		text_puts(&name, "unknown");
	else if (s)
		text_untrusted(&name, s->name, strnlen(s->name, sizeof(s->name)));
	if (!name.len && s)
		text_puts(&name, event_source_kind(s->kind));
	fwrite(&t, sizeof(t), 1, b->to);
	fwrite(name.buf, NAME_BYTES, 1, b->to);
}

static int put(void *opaque, const struct io_item *i)
{
	struct blkparse *b = opaque;
	struct blk_io_trace t = {
		.magic = BLK_IO_TRACE_MAGIC | BLK_IO_TRACE_VERSION,
		.sequence = ++b->sequence,
		.time = i->ts,
		.sector = i->offset / SECTOR,
		.bytes = i->bytes < UINT32_MAX ? (uint32_t)i->bytes : UINT32_MAX,
		.action = actions[i->step] | BLK_TC_ACT(categories[i->op]),
		.pid = i->tid,
		.device = device_number(b, i->device),
		.cpu = 0, /* one file: it is that of CPU 0 */
		.error = i->failed ? (uint16_t)-ERROR_IO : 0,
	};

	if (!b->begun)
		put_start(b, i->ts);
	put_name(b, i);
	return fwrite(&t, sizeof(t), 1, b->to) == 1 ? 0 : -EIO;
}

static void release(void *x)
{
	struct blkparse *b = x;

	io_free(b->io);
	free(b);
}

static void *make(const struct export_output *o)
{
	struct blkparse *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->to = o->to;
	b->model = o->model;
	b->io = io_new(put, b);
	if (b->io)
		return b;
	free(b);
	return NULL;
}

static int feed(void *x, const struct event *e, bool matched)
{
	return io_feed(((struct blkparse *)x)->io, e, matched);
}

static int finish(void *x, const struct model_life *lives)
{
	return io_finish(((struct blkparse *)x)->io);
}

static void lacks(const void *x, struct text *t)
{
	io_lacks(((const struct blkparse *)x)->io, t, true);
}

const struct export_format export_blkparse = {
	.name = "blkparse",
	.make = make,
	.feed = feed,
	.finish = finish,
	.lacks = lacks,
	.free = release,
};
