/* SPDX-License-Identifier: MIT */
/*
 * Any records shortened and anonymised: what stays parses, and is no more than
 * there was.  Records have a 16-bit length before each, after one byte: how many
 * spells of a class to keep.
 */
#include <stdlib.h>
#include <string.h>

#include "decoder/anonymise.h"
#include "decoder/shrink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct shrink *s;
	struct anonymise *a;
	bool apply;
	uint64_t n, kept;
};

static void feed(struct run *r, struct model *m, const uint8_t *data, size_t len)
{
	static uint8_t buf[VQT_RECORD_MAX + 4096] __attribute__((aligned(8)));
	struct record rec, again;
	struct event e;
	size_t n;

	if (record_parse(&rec, data, len, NULL) == -74 /* EBADMSG */)
		return;
	if (model_feed(m, &rec, ++r->n, &e))
		abort();
	if (!r->apply) {
		anonymise_learn(r->a, &e);
		if (shrink_plan(r->s, &e))
			abort();
		return;
	}
	if (!shrink_apply(r->s, &e, buf, &n))
		return;
	n = anonymise_record(r->a, &e, buf, n, sizeof(buf), "fuzz");
	if (n && record_parse(&again, buf, n, NULL) == -74)
		abort(); /* made a bad record of a good one */
	if (!n)
		shrink_left_out(r->s, &e);
	r->kept += n != 0;
}

static void pass(struct run *r, const uint8_t *data, size_t size)
{
	struct model *m = model_new();

	r->n = 0;
	while (size >= 2) {
		size_t n = get_le16(data);

		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		feed(r, m, data, n);
		data += n;
		size -= n;
	}
	model_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shrink_stats stats;
	struct run r = { 0 };

	if (!size)
		return 0;
	r.s = shrink_new(data[0]);
	r.a = anonymise_new();
	pass(&r, data + 1, size - 1);
	if (shrink_plan_end(r.s))
		abort();
	r.apply = true;
	pass(&r, data + 1, size - 1);
	shrink_stats(r.s, &stats);
	if (stats.events != r.n || stats.events_kept != r.kept)
		abort();
	shrink_free(r.s);
	anonymise_free(r.a);
	return 0;
}
