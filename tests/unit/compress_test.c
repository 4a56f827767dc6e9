/* SPDX-License-Identifier: MIT */
/* Compressed traces: written and read back, cut, broken, and those that grow without end. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static char dir[] = "/tmp/vqtrace-compress-test-XXXXXX";
static char path[100];
static struct trace_error err;

#define RECORDS 2003 /* session, source, device and the kicks */

static struct trace_writer *unfinished; /* its trace is read while it is being written */

/* A trace as the name says: plain, .gz or .zst.  false: this machine has no such library. */
static bool make(const char *suffix, bool flush_only)
{
	struct record_builder t = { 0 };

	snprintf(path, sizeof(path), "%s/t.pcap%s", dir, suffix);
	if (trace_create(&t.writer, path, &err)) {
		printf("# %s\n", err.text);
		CHECK(strstr(err.text, "libzstd1"));
		return false;
	}
	builder_begin(&t);
	for (unsigned i = 0; i < RECORDS - 3; i++)
		builder_kick(&t, (uint16_t)i, (uint16_t)(i * 7919));
	if (flush_only) {
		CHECK(!trace_flush(t.writer));
		CHECK(trace_written(t.writer) > 0);
		unfinished = t.writer;
		builder_finish(&t);
		return true;
	}
	CHECK(!trace_finish(t.writer));
	builder_finish(&t);
	return true;
}

static unsigned count(int *rc)
{
	struct trace_reader *r;
	struct record rec;
	unsigned n = 0;
	bool again = false;

	err.text[0] = '\0';
	*rc = trace_open(&r, path, &err);
	if (*rc)
		return 0;
	CHECK(trace_progress(r) >= 0);
	while ((*rc = trace_next(r, &rec, &again, &err)) == 1 || (*rc < 0 && again))
		n += *rc == 1;
	CHECK(*rc < 0 || trace_progress(r) == 1000);
	trace_close(r);
	return n;
}

static void round_trip(const char *suffix)
{
	int rc;

	if (!make(suffix, false))
		return;
	CHECK_EQ(count(&rc), RECORDS);
	CHECK_EQ(rc, 0);
	if (!make(suffix, true))
		return;
	CHECK_EQ(count(&rc), RECORDS);
	CHECK(!trace_finish(unfinished));
}

static long size(void)
{
	FILE *f = fopen(path, "rb");
	long n;

	fseek(f, 0, SEEK_END);
	n = ftell(f);
	fclose(f);
	return n;
}

static void test_plain(void)
{
	round_trip("");
}

static void test_gzip(void)
{
	long plain;

	make("", false);
	plain = size();
	round_trip(".gz");
	CHECK(size() * 2 < plain);
}

static void test_zstd(void)
{
	round_trip(".zst");
}

static void cut_anywhere(const char *suffix)
{
	long n;
	unsigned last = 0;
	int rc;

	if (!make(suffix, false))
		return;
	n = size();
	for (long at = n - 1; at > 0; at -= at / 50 + 1) {
		CHECK(!truncate(path, at));
		last = count(&rc);
		CHECK(last < RECORDS || at > n - 32); /* only the trailer is missing */
		CHECK(rc == 0 || err.text[0]);
	}
}

static void test_cut(void)
{
	cut_anywhere(".gz");
	cut_anywhere(".zst");
}

static void broken(const char *suffix)
{
	int rc;

	if (!make(suffix, false))
		return;
	for (long at = 0; at < size(); at += 97) {
		FILE *f = fopen(path, "r+b");
		int was;

		fseek(f, at, SEEK_SET);
		was = fgetc(f);
		fseek(f, at, SEEK_SET);
		fputc(was ^ 0x5a, f);
		fclose(f);
		CHECK(count(&rc) <= RECORDS);
		f = fopen(path, "r+b");
		fseek(f, at, SEEK_SET);
		fputc(was, f);
		fclose(f);
	}
	CHECK_EQ(count(&rc), RECORDS);
}

static void test_broken(void)
{
	broken(".gz");
	broken(".zst");
}

/* Records that are valid, and of which ten thousand bytes shrink to one. */
static void test_records_of_nothing(void)
{
	static uint8_t record[VQT_RECORD_MAX] __attribute__((aligned(8)));
	struct vqt_hdr *h = (void *)record;
	struct vqt_session s = { .h.type = VQT_SESSION, .major = VQT_VERSION_MAJOR };
	struct trace_writer *w;
	int rc;

	snprintf(path, sizeof(path), "%s/t.pcap.zst", dir);
	if (trace_create(&w, path, &err))
		return;
	CHECK(!trace_write(w, &s, sizeof(s)));
	h->type = VQT_IRQ;
	for (unsigned i = 0; i < 300; i++)
		CHECK(!trace_write(w, record, sizeof(record)));
	CHECK(!trace_finish(w));
	CHECK(count(&rc) < 300);
	CHECK_EQ(rc, -EBADMSG);
	CHECK(strstr(err.text, "1000 times its size"));
}

/* One trace, and behind it zeroes without end, of which a kilobyte shrinks to a byte. */
static void test_bomb(void)
{
	static uint8_t zero[1 << 20];
	int rc;
	gzFile f;

	make(".gz", false);
	f = gzopen(path, "ab9");
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(gzwrite(f, zero, sizeof(zero)), sizeof(zero));
	gzclose(f);
	CHECK_EQ(count(&rc), RECORDS); /* ended by broken records, not by the size */
	CHECK_EQ(rc, -EBADMSG);
	CHECK(strstr(err.text, "no more is read"));
	test_records_of_nothing();
}

static const struct tap_test tests[] = {
	{ "a plain file", test_plain },
	{ "gzip", test_gzip },
	{ "zstd", test_zstd },
	{ "a file cut anywhere", test_cut },
	{ "bytes changed", test_broken },
	{ "more than it may become", test_bomb },
};

int main(void)
{
	int rc;

	if (!mkdtemp(dir))
		return 1;
	rc = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	for (unsigned i = 0; i < 3; i++) {
		static const char *const suffix[] = { "", ".gz", ".zst" };

		snprintf(path, sizeof(path), "%s/t.pcap%s", dir, suffix[i]);
		unlink(path);
	}
	rmdir(dir);
	return rc;
}
