/* SPDX-License-Identifier: MIT */
/* Trace files: what is written is read back; what is broken is said, and nothing before it lost. */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <unistd.h>

#include "decoder/trace/build.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static char path[] = "/tmp/vqtrace-trace-test-XXXXXX";

/* A small trace in memory; the caller frees. */
static uint8_t *make_trace(size_t *len)
{
	struct trace_error err;
	struct record_builder t = { 0 };
	uint8_t *bytes;
	FILE *f;

	if (!t.writer)
		CHECK(!trace_create(&t.writer, path, &err));
	builder_begin(&t);
	builder_kick(&t, 0, 1);
	builder_read_request(&t, 0, 64);
	builder_used(&t, 0, 4097, 0);
	CHECK(!trace_finish(t.writer));
	builder_finish(&t);
	f = fopen(path, "rb");
	fseek(f, 0, SEEK_END);
	*len = (size_t)ftell(f);
	rewind(f);
	bytes = malloc(*len);
	CHECK(fread(bytes, 1, *len, f) == *len);
	fclose(f);
	return bytes;
}

/* Records read until the end; *rc is how it ended. */
static unsigned count(const void *bytes, size_t len, int *rc, char *why, size_t size)
{
	struct trace_reader *r;
	struct trace_error err = { "" };
	struct record rec;
	unsigned n = 0;
	bool again;

	*rc = trace_open_memory(&r, bytes, len, &err);
	if (!*rc) {
		while ((*rc = trace_next(r, &rec, &again, &err)) == 1 || (*rc < 0 && again))
			n += *rc == 1;
		trace_close(r);
	}
	snprintf(why, size, "%s", err.text);
	return n;
}

static void round_trip(void)
{
	size_t len;
	uint8_t *b = make_trace(&len);
	char why[400];
	int rc;

	CHECK_EQ(count(b, len, &rc, why, sizeof(why)), 6);
	CHECK_EQ(rc, 0);
	free(b);
}

/*
 * Cut the file at every byte: the whole records before the cut are read, and the cut is
 * reported.
 */
static void truncation(void)
{
	size_t len;
	uint8_t *b = make_trace(&len);
	unsigned last = 0;
	char why[400];
	int rc;

	for (size_t cut = 1; cut < len; cut++) {
		unsigned n = count(b, cut, &rc, why, sizeof(why));

		CHECK(n >= last && n < 6);
		CHECK(rc <= 0);
		CHECK(rc == 0 || why[0]);
		last = n;
	}
	CHECK_EQ(last, 5);
	free(b);
}

/* Every byte turned over: no crash, no hang, and never more records than there are. */
static void corruption(void)
{
	size_t len;
	uint8_t *b = make_trace(&len);
	char why[400];
	int rc;

	for (size_t i = 0; i < len; i++) {
		b[i] ^= 0xff;
		CHECK(count(b, len, &rc, why, sizeof(why)) <= 6);
		b[i] ^= 0xff;
	}
	free(b);
}

static void expect(const void *bytes, size_t len, int code, const char *words)
{
	char why[400];
	int rc;

	CHECK_EQ(count(bytes, len, &rc, why, sizeof(why)), 0);
	CHECK_EQ(rc, code);
	if (!strstr(why, words)) {
		printf("# said: %s\n# wanted: %s\n", why, words);
		CHECK(false);
	}
}

static void refusals(void)
{
	size_t len;
	uint8_t *b = make_trace(&len);

	expect("", 0, -ENODATA, "empty");
	expect("ab", 2, -ENODATA, "too short");
	expect("this is a text file, not a capture", 34, -EBADMSG, "not a pcap file");
	b[20] = 1; /* link type: Ethernet */
	expect(b, len, -EPROTOTYPE, "EN10MB");
	b[20] = 147;
	b[24 + 16 + sizeof(struct vqt_hdr)] = 99; /* major version */
	expect(b, len, -EPROTONOSUPPORT, "version 99.0");
	b[24 + 16 + sizeof(struct vqt_hdr)] = VQT_VERSION_MAJOR;
	b[24 + 16 + 20] = VQT_KICK;
	expect(b, len, -EBADMSG, "record 1");
	free(b);
}

static void no_file(void)
{
	struct trace_reader *r;
	struct trace_writer *w;
	struct trace_error err;

	CHECK_EQ(trace_open(&r, "/nonexistent/x.pcap", &err), -ENOENT);
	CHECK(strstr(err.text, "/nonexistent/x.pcap"));
	CHECK_EQ(trace_create(&w, "/nonexistent/x.pcap", &err), -ENOENT);
}

static void full_disk(void)
{
	struct vqt_session s = { .h.type = VQT_SESSION, .major = 1 };
	struct trace_writer *w;
	struct trace_error err;
	int rc = 0;

	if (trace_create(&w, "/dev/full", &err)) {
		CHECK(false);
		return;
	}
	for (int i = 0; i < 10000 && !rc; i++)
		rc = trace_write(w, &s, sizeof(s));
	CHECK_EQ(rc, -ENOSPC);
	CHECK_EQ(trace_finish(w), -ENOSPC);
}

static void first_is_session(void)
{
	struct vqt_irq i = { .h.type = VQT_IRQ };
	struct trace_writer *w;
	struct trace_error err;

	CHECK(!trace_create(&w, path, &err));
	CHECK_EQ(trace_write(w, &i, sizeof(i)), -EINVAL);
	CHECK_EQ(trace_write(w, &i, 3), -EMSGSIZE);
	CHECK(!trace_finish(w));
}

static void tlvs(void)
{
	uint8_t buf[64];
	struct vqt_source s = { .h.type = VQT_SOURCE, .h.source = 1 };
	struct record r;
	char text[8];
	struct build b = { .bytes = buf, .size = sizeof(buf), .len = sizeof(s) };

	memcpy(buf, &s, sizeof(s));
	CHECK(build_tlv(&b, VQT_TAG_NAME, "abcde", 5) && build_tlv(&b, VQT_TAG_ID, "xy", 2));
	CHECK_EQ(b.len, sizeof(s) + 12 + 8);
	CHECK(!build_tlv(&b, VQT_TAG_EXE, buf, 20));
	CHECK(!record_parse(&r, buf, b.len, NULL));
	CHECK_STR(record_tlv_str(&r, VQT_TAG_ID, text, sizeof(text)), "xy");
	CHECK_STR(record_tlv_str(&r, VQT_TAG_NAME, text, 4), "abc");
	CHECK_STR(record_tlv_str(&r, VQT_TAG_EXE, text, sizeof(text)), "");
	/* a length that runs past the end is refused, not read */
	buf[sizeof(s) + 12 + 2] = 3;
	buf[sizeof(s) + 12 + 3] = 1;
	CHECK_EQ(record_parse(&r, buf, b.len, NULL), -EBADMSG);
}

/* pcapng of the same link type is read too, because libpcap does. */
static void pcapng(void)
{
	size_t len;
	uint8_t *b = make_trace(&len), *ng = calloc(1, len * 2 + 256);
	const uint32_t shb[] = { 0x0a0d0d0a, 28, 0x1a2b3c4d, 0x00000001, ~0U, ~0U, 28 };
	const uint32_t idb[] = { 1, 32, 147, VQT_RECORD_MAX, 0x00010009, 9, 0, 32 };
	size_t at = 0;
	char why[400];
	int rc;

	memcpy(ng, shb, sizeof(shb));
	at += sizeof(shb);
	memcpy(ng + at, idb, sizeof(idb)); /* if_tsresol 9: nanoseconds */
	at += sizeof(idb);
	for (size_t p = 24; p < len;) {
		uint32_t n = get_le32(b + p + 8), padded = (n + 3) & ~3U;
		uint32_t epb[7] = { 6, 32 + padded, 0, 0, 0, n, n };

		memcpy(ng + at, epb, sizeof(epb));
		memcpy(ng + at + 28, b + p + 16, n);
		memcpy(ng + at + 28 + padded, &epb[1], 4);
		at += 32 + padded;
		p += 16 + n;
	}
	CHECK_EQ(count(ng, at, &rc, why, sizeof(why)), 6);
	CHECK_EQ(rc, 0);
	free(ng);
	free(b);
}

static const struct tap_test tests[] = {
	{ "what is written is read back", round_trip },
	{ "a file cut anywhere", truncation },
	{ "a file with any byte changed", corruption },
	{ "files that are no traces", refusals },
	{ "files that cannot be opened", no_file },
	{ "a full disk", full_disk },
	{ "the session comes first", first_is_session },
	{ "tagged values", tlvs },
	{ "pcapng", pcapng },
};

int main(void)
{
	int fd = mkstemp(path), rc;

	close(fd);
	rc = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	unlink(path);
	return rc;
}
