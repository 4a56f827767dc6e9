/* SPDX-License-Identifier: MIT */
/* How the fuzzers of traces read their input: as a trace file, or as bare records. */
#ifndef VQT_TESTS_FUZZ_RECORDS_H
#define VQT_TESTS_FUZZ_RECORDS_H

#include <errno.h>

#include "decoder/trace/record.h"
#include "decoder/trace/file.h"

/* The bytes are a pcap file: each record that can be read, also behind damage. */
static inline void records_of_file(const uint8_t *data, size_t size,
				   void (*feed)(void *to, const struct record *rec), void *to)
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
			feed(to, &rec);
	trace_close(t);
}

/* The bytes are records, a length of 16 bits before each; also those of unknown types. */
static inline void records_bare(const uint8_t *data, size_t size,
				void (*feed)(void *to, const struct record *rec), void *to)
{
	while (size >= 2) {
		size_t n = get_le16(data);
		struct record rec;

		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		if (record_parse(&rec, data, n, NULL) != -EBADMSG)
			feed(to, &rec);
		data += n;
		size -= n;
	}
}

/* The first byte of the input selects: odd: a file; even: bare records. */
static inline void records_each(const uint8_t *data, size_t size,
				void (*feed)(void *to, const struct record *rec), void *to)
{
	if (data[0] & 1)
		records_of_file(data + 1, size - 1, feed, to);
	else
		records_bare(data + 1, size - 1, feed, to);
}

#endif
