/* SPDX-License-Identifier: MIT */
/* Any bytes as a trace: what its queues wait for at the end, as text and JSON.  Input: as trace_fuzz. */
#include <stdlib.h>
#include <json-c/json.h>

#include "decoder/stuck/calls.h"
#include "decoder/stuck/report.h"
#include "decoder/stuck/trace.h"
#include "tests/fuzz/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(void *to, const struct record *rec)
{
	if (stuck_trace_feed(to, rec))
		abort();
}

static void check_row(const struct stuck_row *row)
{
	struct json_object *o = stuck_json(row);

	if (row->nrequests > STUCK_REQUESTS || !memchr(row->device, 0, sizeof(row->device)) ||
	    !memchr(row->id, 0, sizeof(row->id)) || !memchr(row->type, 0, sizeof(row->type)))
		abort();
	for (size_t i = 0; i < row->nrequests; i++)
		if (!memchr(row->request[i].text, 0, sizeof(row->request[i].text)))
			abort();
	json_object_put(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *null;
	struct stuck_trace *t;
	struct stuck_call *calls = NULL;
	struct stuck_row *rows = NULL;
	size_t n;

	if (!null)
		null = fopen("/dev/null", "w");
	if (!size || !null)
		return 0;
	t = stuck_trace_new();
	if (!t)
		return 0;
	records_each(data, size, feed, t);
	n = stuck_trace_end(t, &rows);
	for (size_t i = 0; i < n; i++)
		check_row(rows + i);
	stuck_print(null, rows, n, data[0] & 2);
	if (stuck_count(rows, n) > n)
		abort();
	n = stuck_trace_calls(t, &calls);
	stuck_calls_print(null, calls, n);
	json_object_put(stuck_calls_json(calls, n));
	free(calls);
	free(rows);
	stuck_trace_free(t);
	return 0;
}
