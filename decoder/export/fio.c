/* SPDX-License-Identifier: MIT */
/*
 * fio's iolog, version 3: what was asked of block devices, and when, for fio to ask it again
 * (--read_iolog; --replay_redirect names another device).  A device is a file of its name here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "decoder/export/export.h"
#include "decoder/export/io.h"

struct fio {
	FILE *to;
	struct io *io;
	uint64_t first; /* ns: of the first item */
	uint64_t us; /* of the latest one */
	uint8_t opened[MODEL_DEVICES_MAX / 8]; /* by the number of the device */
	const struct model *model;
	uint64_t zeroes; /* requests that fio has no word for */
	bool headed;
};

static const char *const actions[] = {
	[VQT_BACKEND_READ] = "read",
	[VQT_BACKEND_WRITE] = "write",
	[VQT_BACKEND_FLUSH] = "sync",
	[VQT_BACKEND_DISCARD] = "trim",
};

static int number_of(const struct fio *f, const struct model_device *d)
{
	const struct model_device *m;

	for (unsigned i = 0; (m = model_device_nth(f->model, i)); i++)
		if (m == d)
			return (int)i;
	return -1;
}

static void head(struct fio *f)
{
	if (!f->headed)
		fputs("fio version 3 iolog\n", f->to);
	f->headed = true;
}

static void open_device(struct fio *f, const struct model_device *d)
{
	int n = number_of(f, d);

	if (n < 0 || f->opened[n / 8] >> n % 8 & 1)
		return;
	f->opened[n / 8] |= (uint8_t)(1 << n % 8);
	fprintf(f->to, "%" PRIu64 " %s add\n%" PRIu64 " %s open\n", f->us, d->name, f->us, d->name);
}

static int put(void *opaque, const struct io_item *i)
{
	struct fio *f = opaque;

	if (i->step != IO_ISSUED)
		return 0;
	if (i->op >= sizeof(actions) / sizeof(actions[0]) || !actions[i->op]) {
		f->zeroes++;
		return 0;
	}
	head(f);
	f->first = f->first ? f->first : i->ts;
	if (i->ts > f->first && (i->ts - f->first) / 1000 > f->us)
		f->us = (i->ts - f->first) / 1000;
	open_device(f, i->device);
	fprintf(f->to, "%" PRIu64 " %s %s %" PRIu64 " %" PRIu64 "\n", f->us, i->device->name,
		actions[i->op], i->offset, i->bytes);
	return ferror(f->to) ? -EIO : 0;
}

static void release(void *x)
{
	struct fio *f = x;

	io_free(f->io);
	free(f);
}

static void *make(const struct export_output *o)
{
	struct fio *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->to = o->to;
	f->model = o->model;
	f->io = io_new(put, f);
	if (f->io)
		return f;
	free(f);
	return NULL;
}

static int feed(void *x, const struct event *e, bool matched)
{
	return io_feed(((struct fio *)x)->io, e, matched);
}

static int finish(void *x, const struct model_life *lives)
{
	const struct model_device *d;
	struct fio *f = x;
	int rc = io_finish(f->io);

	if (rc)
		return rc;
	head(f);
	for (unsigned i = 0; (d = model_device_nth(f->model, i)); i++)
		if (f->opened[i / 8] >> i % 8 & 1)
			fprintf(f->to, "%" PRIu64 " %s close\n", f->us, d->name);
	return ferror(f->to) ? -EIO : 0;
}

static void lacks(const void *x, struct text *t)
{
	const struct fio *f = x;

	io_lacks(f->io, t, false);
	io_lack(t, f->zeroes, "write zeroes, for which an iolog has no word");
}

const struct export_format export_fio = {
	.name = "fio",
	.make = make,
	.feed = feed,
	.finish = finish,
	.lacks = lacks,
	.free = release,
};
