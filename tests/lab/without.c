/* SPDX-License-Identifier: MIT */
/*
 * A trace without the events of some types: what other captures do not record.
 *
 * usage: without IN.pcap OUT.pcap TYPE...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/file.h"

int main(int argc, char **argv)
{
	static uint8_t buf[VQT_RECORD_MAX];
	uint32_t dropped[256] = { 0 };
	struct trace_reader *in;
	struct trace_writer *out;
	struct trace_error err;
	struct record r;
	bool again;

	if (argc < 4) {
		fprintf(stderr, "usage: without IN.pcap OUT.pcap TYPE...\n");
		return 2;
	}
	if (trace_open(&in, argv[1], &err) || trace_create(&out, argv[2], &err)) {
		fprintf(stderr, "without: %s\n", err.text);
		return 2;
	}
	while (trace_next(in, &r, &again, &err) == 1) {
		bool drop = false;

		for (int i = 3; i < argc; i++)
			drop |= record_type_by_name(argv[i]) == r.h.type;
		if (drop) {
			dropped[r.h.source]++;
			continue;
		}
		memcpy(buf, r.raw, r.len);
		((struct vqt_hdr *)buf)->seq -= dropped[r.h.source]; /* not lost */
		if (trace_write(out, buf, r.len))
			return 2;
	}
	trace_close(in);
	return trace_finish(out) ? 2 : 0;
}
