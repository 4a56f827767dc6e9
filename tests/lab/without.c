/* SPDX-License-Identifier: MIT */
/*
 * A trace without the events of some types: what other captures do not record.  Or, with -l N, one
 * that has lost one event in N, by chance, always the same ones: sequence numbers show that.  Or,
 * with -g, one without what was recorded in guests: the host's part of a merged trace.
 *
 * usage: without [-l N | -g] IN.pcap OUT.pcap TYPE...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/file.h"

/* A number below n; the same ones in each run. */
static uint32_t chance(uint32_t n)
{
	static uint64_t state = 12345;

	state = state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(state >> 33) % n;
}

static int usage(void)
{
	fprintf(stderr, "usage: without [-l N | -g] IN.pcap OUT.pcap TYPE...\n");
	return 2;
}

static bool is_one_of(unsigned type, char **types)
{
	for (; *types; types++)
		if (record_type_by_name(*types) == (int)type)
			return true;
	return false;
}

/* Is it of a guest, or does it say something of one? */
static bool is_of_guest(const struct record *r)
{
	static bool guest[256];

	if (r->h.type == VQT_SOURCE)
		guest[r->h.source] = r->source.kind == VQT_SRC_GUEST;
	return guest[r->h.source] || (r->h.type == VQT_CLOCK && guest[r->clock.other]);
}

int main(int argc, char **argv)
{
	static uint8_t buf[VQT_RECORD_MAX];
	uint32_t dropped[256] = { 0 }, one_in = 0;
	struct trace_reader *in;
	struct trace_writer *out;
	struct trace_error err;
	struct record r;
	bool again, host_only = argc > 1 && !strcmp(argv[1], "-g");

	argv += host_only;
	argc -= host_only;
	if (argc > 2 && !strcmp(argv[1], "-l")) {
		one_in = (uint32_t)strtoul(argv[2], NULL, 10);
		argv += 2;
		argc -= 2;
	}
	if (argc < 3 || (argc < 4 && !one_in && !host_only))
		return usage();
	if (trace_open(&in, argv[1], &err) || trace_create(&out, argv[2], &err)) {
		fprintf(stderr, "without: %s\n", err.text);
		return 2;
	}
	while (trace_next(in, &r, &again, &err) == 1) {
		if (host_only && is_of_guest(&r))
			continue;
		if (is_one_of(r.h.type, argv + 3)) {
			dropped[r.h.source]++;
			continue;
		}
		if (one_in && r.h.type >= VQT_REG && !chance(one_in))
			continue; /* lost */
		memcpy(buf, r.raw, r.len);
		((struct vqt_hdr *)buf)->seq -= dropped[r.h.source];
		if (trace_write(out, buf, r.len))
			return 2;
	}
	trace_close(in);
	return trace_finish(out) ? 2 : 0;
}
