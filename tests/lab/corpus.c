/* SPDX-License-Identifier: MIT */
/*
 * Seeds for tests/fuzz/trace_fuzz.c out of a trace: pieces of it as records with
 * a 16-bit length before each, the form in which mutations reach the model.
 *
 * usage: corpus TRACE.pcap PREFIX [RECORDS-A-PIECE]
 */
#include <stdio.h>
#include <stdlib.h>

#include "decoder/trace/file.h"

static FILE *next_piece(const char *prefix, unsigned n)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s-%04u", prefix, n);
	f = fopen(path, "wb");
	if (f)
		fputc(0, f); /* even: records */
	else
		perror(path);
	return f;
}

int main(int argc, char **argv)
{
	unsigned each = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 0) : 40, n = 0, left = 0;
	struct trace_reader *t;
	struct trace_error err;
	struct record r;
	FILE *f = NULL;
	bool again;

	if (argc < 3 || !each) {
		fprintf(stderr, "usage: corpus TRACE.pcap PREFIX [RECORDS-A-PIECE]\n");
		return 2;
	}
	if (trace_open(&t, argv[1], &err)) {
		fprintf(stderr, "corpus: %s\n", err.text);
		return 2;
	}
	while (trace_next(t, &r, &again, &err) == 1) {
		if (!left) {
			if (f)
				fclose(f);
			f = next_piece(argv[2], n++);
			if (!f)
				return 2;
			left = each;
		}
		left--;
		fputc(r.len & 0xff, f);
		fputc(r.len >> 8 & 0xff, f);
		fwrite(r.raw, 1, r.len & 0xffff, f);
	}
	if (f)
		fclose(f);
	trace_close(t);
	return 0;
}
