/* SPDX-License-Identifier: MIT */
/*
 * Any trace, replayed against the emulator.  First byte: bit 0 as in trace_fuzz.c
 * (odd: the rest is a file; even: records with a 16-bit length before each), bit 1
 * I/O errors are the backend's, bit 2 the replay is also written.
 */
#include <stdlib.h>
#include <string.h>

#include "emu/replay/replay.h"
#include "tests/fuzz/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS 4096

struct input {
	uint8_t *bytes[RECORDS];
	struct record rec[RECORDS];
	unsigned count;
};

/* A copy: the reader's bytes last until the next record only. */
static void keep(void *to, const struct record *rec)
{
	struct input *in = to;
	uint8_t *bytes;

	if (in->count == RECORDS)
		return;
	bytes = in->bytes[in->count] = malloc(rec->len ? rec->len : 1);
	memcpy(bytes, rec->raw, rec->len);
	if (record_parse(&in->rec[in->count++], bytes, rec->len, NULL) == -EBADMSG)
		abort(); /* the same text parsed without an error before */
}

static void gather(const struct input *in, struct replay_profile *g)
{
	struct model *m = model_new();
	struct event e;

	for (unsigned i = 0; i < in->count; i++)
		if (model_feed(m, &in->rec[i], i + 1, &e) || replay_profile_feed(g, &e))
			abort();
	replay_profile_finish(g, NULL);
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

static void play(const struct input *in, const struct replay_profile *g, unsigned how)
{
	struct replay_options o = {
		.against = &replay_target_emu,
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
	struct replay_profile *g;

	if (!size)
		return 0;
	in.count = 0;
	records_each(data, size, keep, &in);
	g = replay_profile_new();
	gather(&in, g);
	play(&in, g, data[0]);
	replay_profile_free(g);
	for (unsigned i = 0; i < in.count; i++)
		free(in.bytes[i]);
	return 0;
}
