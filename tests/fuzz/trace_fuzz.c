/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a trace: the reader, the record parser, the model, every printer.
 * First byte odd: the rest is a file.  Even: records with a 16-bit length before
 * each, so that mutations reach past libpcap's framing.
 */
#include <stdlib.h>

#include "decoder/print/hex.h"
#include "decoder/model/model.h"
#include "decoder/print/json.h"
#include "decoder/print/line.h"
#include "decoder/requests/table.h"
#include "decoder/print/verbose.h"
#include "tests/fuzz/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *null;

struct run {
	struct model *m;
	struct request_table *rows;
	struct line_options line;
	uint64_t n;
};

static void feed(void *to, const struct record *rec)
{
	struct run *r = to;
	struct event e;

	if (model_feed(r->m, rec, ++r->n, &e))
		abort();
	print_line(null, &e, r->m, &r->line);
	print_json(null, &e);
	print_verbose(null, &e, r->m, false);
	print_hex(null, &e);
	request_table_feed(r->rows, r->m, &e, r->n % 3 != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { 0 };

	if (!null)
		null = fopen("/dev/null", "w");
	if (!size || !null)
		return 0;
	r.m = model_new();
	r.rows = request_table_new(null, data[0] & 2, data[0] & 4 ? 80 : 0);
	if (data[0] & 8)
		request_table_selects(r.rows);
	records_each(data, size, feed, &r);
	request_table_finish(r.rows, r.m);
	request_table_free(r.rows);
	model_free(r.m);
	return 0;
}
