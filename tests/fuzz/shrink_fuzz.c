/* SPDX-License-Identifier: MIT */
/*
 * Any records shortened and anonymised: what stays parses, and is no more than
 * there was.  Records have a 16-bit length before each, after one byte: how many
 * spells of a class to keep.
 */
#include <stdlib.h>
#include <string.h>

#include "decoder/edit/anonymise.h"
#include "decoder/edit/shrink.h"
#include "tests/fuzz/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct model *m;
	struct shrink *s;
	struct anonymise *a;
	bool apply;
	uint64_t n, kept;
};

static void feed(void *to, const struct record *rec)
{
	static uint8_t buf[VQT_RECORD_MAX + 4096] __attribute__((aligned(8)));
	struct run *r = to;
	struct record again;
	struct event e;
	size_t n;

	if (model_feed(r->m, rec, ++r->n, &e))
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
	if (n && record_parse(&again, buf, n, NULL) == -EBADMSG)
		abort(); /* made a bad record of a good one */
	if (!n)
		shrink_left_out(r->s, &e);
	r->kept += n != 0;
}

static void pass(struct run *r, const uint8_t *data, size_t size)
{
	r->m = model_new();
	r->n = 0;
	records_bare(data, size, feed, r);
	model_free(r->m);
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
