/* SPDX-License-Identifier: MIT */
/*
 * Any trace, replayed against the emulator.  First byte: bit 0 as in trace_fuzz.c
 * (odd: the rest is a file; even: records with a 16-bit length before each), bit 1
 * I/O errors are the backend's, bit 2 the replay is also written.
 */
#include <stdlib.h>
#include <string.h>

#include "decoder/trace.h"
#include "emu/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS 4096

struct input {
	uint8_t *bytes[RECORDS];
	struct record rec[RECORDS];
	unsigned count;
};

/* A copy: the reader's bytes last until the next record only. */
static void keep(struct input *in, const void *bytes, size_t len)
{
	struct record *r = &in->rec[in->count];
	int ret;

	if (in->count == RECORDS)
		return;
	in->bytes[in->count] = malloc(len ? len : 1);
	memcpy(in->bytes[in->count], bytes, len);
	ret = record_parse(r, in->bytes[in->count], len, NULL);
	if (ret == 0 || ret == -95 /* ENOTSUP */)
		in->count++;
	else
		free(in->bytes[in->count]);
}

static void from_file(struct input *in, const uint8_t *data, size_t size)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	bool again;
	int rc;

	if (trace_open_memory(&t, data, size, &err))
		return;
	while ((rc = trace_next(t, &rec, &again, &err)) == 1 || (rc < 0 && again))
		if (rc == 1)
			keep(in, rec.raw, rec.len);
	trace_close(t);
}

static void from_records(struct input *in, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		size_t n = get_le16(data);

		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		keep(in, data, n);
		data += n;
		size -= n;
	}
}

static void gather(const struct input *in, struct replay_gather *g)
{
	struct model *m = model_new();
	struct event e;

	for (unsigned i = 0; i < in->count; i++)
		if (model_feed(m, &in->rec[i], i + 1, &e) || replay_gather_feed(g, &e))
			abort();
	replay_gather_finish(g);
	model_free(m);
}

/* What is written must be readable. */
static void check_record(void *opaque, const void *record, size_t len)
{
	struct record r;

	if (record_parse(&r, record, len, NULL))
		abort();
}

static void differs(void *opaque, const struct replay_divergence *d)
{
	if (!d->number || !*d->subject)
		abort();
}

static void play(const struct input *in, const struct replay_gather *g, unsigned how)
{
	struct replay_options o = {
		.memory = 64 << 20,
		.io_errors = how & 2,
		.emit = how & 4 ? check_record : NULL,
		.diverged = differs,
	};
	struct replay *r;
	char why[128];
	int ret = 0;

	if (replay_new(&r, g, &o, why, sizeof(why)))
		return;
	for (unsigned i = 0; i < in->count && ret == 0; i++)
		ret = replay_feed(r, &in->rec[i], i + 1);
	if (ret == 0)
		replay_finish(r);
	replay_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in;
	struct replay_gather *g;

	if (!size)
		return 0;
	in.count = 0;
	if (data[0] & 1)
		from_file(&in, data + 1, size - 1);
	else
		from_records(&in, data + 1, size - 1);
	g = replay_gather_new();
	gather(&in, g);
	play(&in, g, data[0]);
	replay_gather_free(g);
	for (unsigned i = 0; i < in.count; i++)
		free(in.bytes[i]);
	return 0;
}
