/* SPDX-License-Identifier: MIT */
/*
 * Make a recording fit to ship: say where it is from, leave out what belongs to
 * the machine it was made on (host name, paths, command lines).
 *
 * usage: provenance IN.pcap OUT.pcap ORIGIN
 */
#include <stdio.h>
#include <string.h>

#include "decoder/trace/build.h"
#include "decoder/trace/file.h"

/* Tags of descriptive records that are about the conversation, not the machine. */
static const unsigned kept[] = {
	VQT_TAG_TOOL, VQT_TAG_BUILD_ID, VQT_TAG_VERSION, VQT_TAG_ID, VQT_TAG_TYPENAME, VQT_TAG_PATH,
};

static size_t rewrite(const struct record *r, const char *origin, uint8_t *out, size_t size)
{
	struct build b = { .bytes = out, .size = size, .len = r->len - r->tail_len };

	memcpy(out, r->raw, b.len);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		size_t n;
		const char *value = record_tlv(r, kept[i], &n);

		if (value)
			build_tlv(&b, kept[i], value, n);
	}
	if (r->h.type == VQT_SESSION)
		build_text(&b, VQT_TAG_ORIGIN, origin);
	return b.len;
}

static int copy(struct trace_reader *in, struct trace_writer *out, const char *origin)
{
	static uint8_t buf[65536];
	struct trace_error err;
	struct record r;
	bool again;
	int rc;

	while ((rc = trace_next(in, &r, &again, &err)) == 1) {
		const void *bytes = r.raw;
		size_t len = r.len;

		if (r.h.type == VQT_SESSION || r.h.type == VQT_SOURCE || r.h.type == VQT_DEVICE) {
			len = rewrite(&r, origin, buf, sizeof(buf));
			bytes = buf;
		}
		if (trace_write(out, bytes, len))
			return 2;
	}
	if (rc < 0)
		fprintf(stderr, "provenance: %s\n", err.text);
	return rc < 0 ? 2 : 0;
}

int main(int argc, char **argv)
{
	struct trace_reader *in;
	struct trace_writer *out;
	struct trace_error err;
	int rc;

	if (argc != 4) {
		fprintf(stderr, "usage: provenance IN.pcap OUT.pcap ORIGIN\n");
		return 2;
	}
	if (trace_open(&in, argv[1], &err) || trace_create(&out, argv[2], &err)) {
		fprintf(stderr, "provenance: %s\n", err.text);
		return 2;
	}
	rc = copy(in, out, argv[3]);
	trace_close(in);
	return trace_finish(out) ? 2 : rc;
}
