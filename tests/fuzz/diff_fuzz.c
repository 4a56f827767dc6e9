/* SPDX-License-Identifier: MIT */
/*
 * Any two conversations compared: records with a 16-bit length before each, the
 * top bit of the length says which side.  What both sides say must be alike.
 */
#include <stdlib.h>

#include "decoder/diff/diff.h"
#include "decoder/diff/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS 4096

struct input {
	const uint8_t *at[RECORDS];
	size_t len[RECORDS];
	size_t n;
};

static void cut(struct input side[DIFF_SIDES], const uint8_t *data, size_t size, bool both)
{
	while (size >= 2) {
		size_t n = get_le16(data) & 0x7fff;
		struct input *in = &side[!both && data[1] >> 7];

		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		if (in->n < RECORDS) {
			in->at[in->n] = data;
			in->len[in->n++] = n;
		}
		data += n;
		size -= n;
	}
	if (both)
		side[DIFF_B] = side[DIFF_A];
}

static bool feed(struct model *m, const struct input *in, size_t i, struct record *rec,
		 struct event *e)
{
	if (record_parse(rec, in->at[i], in->len[i], NULL) == -74 /* EBADMSG */)
		return false;
	if (model_feed(m, rec, i + 1, e))
		abort();
	return true;
}

static void survey(struct diff *d, enum diff_side side, const struct input *in)
{
	struct model *m = model_new();
	struct model_device *dev;
	struct record rec;
	struct event e;

	for (size_t i = 0; i < in->n; i++)
		feed(m, in, i, &rec, &e);
	for (unsigned i = 0; (dev = model_device_nth(m, i)); i++)
		if (diff_add_device(d, side, dev))
			abort();
	model_free(m);
}

static void compare(struct diff *d, const struct input in[DIFF_SIDES])
{
	struct model *m[DIFF_SIDES] = { model_new(), model_new() };
	size_t at[DIFF_SIDES] = { 0, 0 };
	unsigned ended = 0;

	while (ended < DIFF_SIDES) {
		enum diff_side side = diff_wants(d);
		struct record rec;
		struct event e;

		if (at[side] == in[side].n) {
			ended++;
			if (diff_end(d, side))
				abort();
		} else if (feed(m[side], &in[side], at[side]++, &rec, &e)) {
			if (diff_feed(d, side, &e))
				abort();
		}
	}
	if (diff_finish(d))
		abort();
	model_free(m[DIFF_A]);
	model_free(m[DIFF_B]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in[DIFF_SIDES];
	const struct diff_trace trace[DIFF_SIDES] = { { .path = "a" }, { .path = "b" } };
	const struct print_diff_options o = { .color = true };
	static FILE *null;
	struct diff *d;
	bool both;

	if (!null)
		null = fopen("/dev/null", "w");
	if (!size || !null)
		return 0;
	both = data[0] & 1;
	in[DIFF_A].n = in[DIFF_B].n = 0;
	cut(in, data + 1, size - 1, both);
	d = diff_new(data[0] & 2 ? diff_classes_strict() : ~0U);
	survey(d, DIFF_A, &in[DIFF_A]);
	survey(d, DIFF_B, &in[DIFF_B]);
	if (diff_match(d))
		abort();
	compare(d, in);
	if (both && diff_total(d))
		abort(); /* anything is like itself */
	print_diff(null, d, trace, &o);
	print_diff_json(null, d, trace);
	diff_free(d);
	return 0;
}
