/* SPDX-License-Identifier: MIT */
/* Packets on their way to a file: in one write, whole, and what becomes of them when it cannot be. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/trace/event.h"
#include "decoder/trace/file.h"
#include "decoder/trace/writebuf.h"
#include "tests/unit/tap.h"

#define HEAD 16 /* of a packet */
#define LIMIT 10000

static char path[] = "/tmp/vqtrace-writebuf-test-XXXXXX";
static int fd;
static uint8_t record[VQT_RECORD_MAX];

static void begin(void)
{
	CHECK(!ftruncate(fd, 0));
	lseek(fd, 0, SEEK_SET);
	for (size_t i = 0; i < sizeof(record); i++)
		record[i] = (uint8_t)(i * 7);
}

static size_t size(void)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (size_t)st.st_size;
}

static void one_write(void)
{
	const uint64_t wall = UINT64_C(1700000000123456789);
	struct writebuf b;
	uint8_t got[HEAD + 100];
	uint32_t head[4];

	begin();
	CHECK_EQ(writebuf_open(&b, fd, true), 0);
	CHECK_EQ(writebuf_flush(&b), 0);
	CHECK_EQ(size(), 0);
	for (unsigned i = 0; i < 1000; i++)
		CHECK(writebuf_put(&b, wall + i, record, 100));
	CHECK_EQ(size(), 0);
	CHECK_EQ(writebuf_flush(&b), 0);
	CHECK_EQ(size(), 1000 * sizeof(got));
	CHECK_EQ(pread(fd, got, sizeof(got), 999 * sizeof(got)), sizeof(got));
	memcpy(head, got, sizeof(head));
	CHECK_EQ(head[0], 1700000000);
	CHECK_EQ(head[1], 123456789 + 999);
	CHECK(head[2] == 100 && head[3] == 100 && !memcmp(got + HEAD, record, 100));
	writebuf_free(&b);
}

/* The longest record has room, and then nothing else. */
static void full(void)
{
	struct writebuf b;

	begin();
	CHECK_EQ(writebuf_open(&b, fd, true), 0);
	CHECK(writebuf_put(&b, 0, record, 24));
	CHECK(!writebuf_put(&b, 0, record, VQT_RECORD_MAX));
	CHECK_EQ(writebuf_flush(&b), 0);
	CHECK(writebuf_put(&b, 0, record, VQT_RECORD_MAX));
	CHECK(!writebuf_put(&b, 0, record, 1));
	CHECK(!writebuf_put(&b, 0, record, SIZE_MAX / 2));
	CHECK_EQ(writebuf_flush(&b), 0);
	CHECK_EQ(size(), 2 * HEAD + 24 + VQT_RECORD_MAX);
	writebuf_free(&b);
}

/* The file takes LIMIT bytes: what it has then is whole packets, and the error is told. */
static size_t limited(struct writebuf *b, unsigned packets, size_t len)
{
	struct rlimit before, limit;
	int err;

	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = LIMIT;
	for (unsigned i = 0; i < packets; i++)
		CHECK(writebuf_put(b, i, record, len));
	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	err = writebuf_flush(b);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
	CHECK_EQ(err, (uint64_t)-EFBIG);
	CHECK_EQ(b->len, 0);
	CHECK_EQ(writebuf_flush(b), 0); /* nothing of it is written again */
	return size();
}

static void cut_short(void)
{
	struct writebuf b;

	begin();
	CHECK_EQ(writebuf_open(&b, fd, true), 0);
	CHECK_EQ(limited(&b, 200, 100), LIMIT / (HEAD + 100) * (HEAD + 100));
	CHECK(!ftruncate(fd, LIMIT - 50));
	lseek(fd, LIMIT - 50, SEEK_SET);
	CHECK_EQ(limited(&b, 2, 100), LIMIT - 50); /* not one packet */
	writebuf_free(&b);
	/* a file of others: nothing is taken back */
	begin();
	CHECK_EQ(writebuf_open(&b, fd, false), 0);
	CHECK_EQ(limited(&b, 200, 100), LIMIT);
	writebuf_free(&b);
	/* somebody has appended meanwhile: as if nobody else wrote, but what is theirs stays */
	begin();
	CHECK_EQ(writebuf_open(&b, fd, true), 0);
	CHECK(!ftruncate(fd, LIMIT + 5));
	CHECK_EQ(limited(&b, 200, 100), LIMIT + 5);
	writebuf_free(&b);
}

static void full_disk(void)
{
	int null = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct writebuf b;

	CHECK_EQ(writebuf_open(&b, null, true), 0);
	CHECK(writebuf_put(&b, 0, record, 100));
	CHECK_EQ(writebuf_flush(&b), (uint64_t)-ENOSPC);
	CHECK_EQ(b.len, 0);
	writebuf_free(&b);
	close(null);
}

/* --- a pipe, which takes little at a time, and signals ----------------------------------------- */

static void nothing(int sig)
{
}

struct slow {
	int fd;
	pthread_t writer;
	size_t got;
	bool right;
};

/* Read all of it in small pieces, and interrupt the writer before each of them. */
static void *reader(void *arg)
{
	struct slow *s = arg;
	uint8_t piece[1000];
	ssize_t n;

	s->right = true;
	do {
		pthread_kill(s->writer, SIGUSR1);
		n = read(s->fd, piece, sizeof(piece));
		for (ssize_t i = 0; i < n; i++) {
			size_t at = (s->got + (size_t)i) % (HEAD + 50000);

			s->right &= at < HEAD || piece[i] == record[at - HEAD];
		}
		s->got += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	return NULL;
}

static void interrupted(void)
{
	const struct sigaction act = { .sa_handler = nothing }; /* without SA_RESTART */
	struct slow s = { .writer = pthread_self() };
	struct writebuf b;
	pthread_t thread;
	int ends[2];

	begin();
	sigaction(SIGUSR1, &act, NULL);
	CHECK(!pipe(ends));
	s.fd = ends[0];
	CHECK_EQ(writebuf_open(&b, ends[1], false), 0);
	for (unsigned i = 0; i < 5; i++)
		CHECK(writebuf_put(&b, i, record, 50000));
	CHECK_EQ(pthread_create(&thread, NULL, reader, &s), 0);
	CHECK_EQ(writebuf_flush(&b), 0);
	close(ends[1]);
	pthread_join(thread, NULL);
	CHECK_EQ(s.got, 5 * (HEAD + 50000));
	CHECK(s.right);
	close(ends[0]);
	writebuf_free(&b);
}

static void no_reader(void)
{
	struct writebuf b;
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	CHECK(!pipe(ends));
	close(ends[0]);
	CHECK_EQ(writebuf_open(&b, ends[1], false), 0);
	CHECK(writebuf_put(&b, 0, record, 100));
	CHECK_EQ(writebuf_flush(&b), (uint64_t)-EPIPE);
	close(ends[1]);
	writebuf_free(&b);
}

/* --- as a trace uses it ------------------------------------------------------------------------- */

static size_t on_disk(const char *name)
{
	struct stat st;

	return stat(name, &st) ? 0 : (size_t)st.st_size;
}

/* By itself a file gets each 4 KiB; between batches nothing, and then all or nothing of less. */
static void batches(void)
{
	struct vqt_session s = { .h.type = VQT_SESSION, .major = 1 };
	struct trace_writer *w;
	struct trace_error err;
	size_t had;

	CHECK_EQ(trace_create_live(&w, path, &err), 0);
	for (unsigned i = 0; i < 1000; i++) {
		CHECK_EQ(trace_write(w, &s, sizeof(s)), 0);
		CHECK(trace_written(w) - on_disk(path) < 4096 + 24);
	}
	CHECK_EQ(trace_flush(w), 0);
	had = on_disk(path);
	CHECK_EQ(had, trace_written(w));
	trace_batches(w);
	for (unsigned i = 0; i < 1000; i++)
		CHECK_EQ(trace_write(w, &s, sizeof(s)), 0);
	CHECK_EQ(on_disk(path), had);
	CHECK_EQ(trace_batch(w, false), 0);
	had = on_disk(path);
	CHECK_EQ(had, trace_written(w));
	CHECK_EQ(trace_write(w, &s, sizeof(s)), 0);
	CHECK_EQ(trace_batch(w, false), 0);
	CHECK_EQ(on_disk(path), had);
	CHECK_EQ(trace_batch(w, true), 0);
	CHECK_EQ(on_disk(path), trace_written(w));
	/* more than there is room for need not wait for the end of the batch */
	for (unsigned i = 0; i < 10000; i++)
		CHECK_EQ(trace_write(w, &s, sizeof(s)), 0);
	CHECK(on_disk(path) > had);
	CHECK_EQ(trace_finish(w), 0);
	CHECK_EQ(on_disk(path), 24 + 12001 * (16 + sizeof(s)));
}

/* The batch that does not fit into the file says so, and so does everything after it. */
static void batch_fails(void)
{
	struct vqt_session s = { .h.type = VQT_SESSION, .major = 1 };
	struct trace_writer *w;
	struct trace_error err;

	CHECK_EQ(trace_create_live(&w, "/dev/full", &err), 0);
	trace_batches(w);
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(trace_write(w, &s, sizeof(s)), 0);
	CHECK_EQ(trace_batch(w, false), (uint64_t)-ENOSPC);
	CHECK_EQ(trace_write(w, &s, sizeof(s)), (uint64_t)-ENOSPC);
	CHECK_EQ(trace_batch(w, true), (uint64_t)-ENOSPC);
	CHECK_EQ(trace_finish(w), (uint64_t)-ENOSPC);
}

static const struct tap_test tests[] = {
	{ "many packets in one write", one_write },
	{ "no more room", full },
	{ "a file that takes no more", cut_short },
	{ "a full disk", full_disk },
	{ "a slow reader and signals", interrupted },
	{ "a reader that has gone", no_reader },
	{ "batches of records", batches },
	{ "a batch that cannot be written", batch_fails },
};

int main(void)
{
	int rc;

	fd = mkstemp(path);
	rc = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	close(fd);
	unlink(path);
	return rc;
}
