/* SPDX-License-Identifier: MIT */
/* Output whose reader does not read, or reads late: nothing waits for it, and the loss is counted. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decoder/util/clock.h"
#include "decoder/util/outlet.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static char dir[] = "/tmp/vqtrace-outlet-test-XXXXXX";
static char path[100];

struct reader {
	int fd;
	uint8_t *bytes;
	size_t len, cap;
};

static void take(struct reader *r)
{
	ssize_t n;

	do {
		r->cap = r->len + 65536;
		r->bytes = realloc(r->bytes, r->cap);
		n = read(r->fd, r->bytes + r->len, 65536);
		r->len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
}

static void begin(struct reader *r, struct record_builder *t, const char *name)
{
	struct trace_error err;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK(!mkfifo(path, 0600));
	*r = (struct reader){ .fd = open(path, O_RDONLY | O_NONBLOCK) };
	*t = (struct record_builder){ 0 };
	CHECK(!trace_create_live(&t->writer, path, &err));
	builder_begin(t);
}

static void end(struct reader *r, struct record_builder *t)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->bytes);
	builder_finish(t);
	unlink(path);
}

/* How many records the trace has, and how many it says are lost. */
static uint64_t read_back(const struct reader *r, uint64_t *lost)
{
	struct model *m = model_new();
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	struct event e;
	uint64_t n = 0, told = 0;
	bool again;

	CHECK(!trace_open_memory(&t, r->bytes, r->len, &err));
	while (trace_next(t, &rec, &again, &err) == 1) {
		CHECK(!model_feed(m, &rec, ++n, &e));
		told += rec.h.type == VQT_LOSS;
		CHECK_EQ(e.gap, 0); /* explained before it is met */
	}
	*lost = model_lost(m).records;
	trace_close(t);
	model_free(m);
	return n - told;
}

static void late(const char *name)
{
	struct record_builder t;
	struct reader r;
	uint64_t written = 3, lost;

	begin(&r, &t, name);
	for (; !trace_dropped(t.writer) && written < 10000000; written++)
		builder_kick(&t, (uint16_t)written, (uint16_t)(written * 7919));
	for (unsigned i = 0; i < 1000; i++, written++)
		builder_kick(&t, (uint16_t)written, (uint16_t)(written * 7919));
	CHECK_EQ(trace_dropped(t.writer), 1001);
	for (unsigned i = 0; i < 100000 && trace_waiting(t.writer); i++) {
		take(&r);
		CHECK(!trace_flush(t.writer));
	}
	for (unsigned i = 0; i < 10; i++, written++)
		builder_kick(&t, 0, 0);
	CHECK_EQ(trace_dropped(t.writer), 1001);
	CHECK(!trace_finish_within(t.writer, 1000));
	take(&r);
	CHECK_EQ(read_back(&r, &lost), written - 1001);
	CHECK_EQ(lost, 1001);
	end(&r, &t);
}

static void test_late(void)
{
	late("pipe");
}

static void test_compressed(void)
{
	late("pipe.gz");
}

static void test_stopped(void)
{
	struct record_builder t;
	struct reader r;
	uint64_t before;

	begin(&r, &t, "stopped");
	for (unsigned i = 0; i < 5000; i++)
		builder_kick(&t, 0, 0);
	CHECK(trace_waiting(t.writer) > 0);
	before = clock_ns(CLOCK_MONOTONIC);
	CHECK_EQ(trace_finish_within(t.writer, 50), -ETIMEDOUT);
	CHECK(clock_ns(CLOCK_MONOTONIC) - before >= 50000000);
	end(&r, &t);
}

static void nothing(int sig)
{
}

/* Without a limit, a signal still ends it. */
static void test_signal(void)
{
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	struct record_builder t;
	struct reader r;

	sigaction(SIGALRM, &sa, NULL);
	begin(&r, &t, "signal");
	for (unsigned i = 0; i < 5000; i++)
		builder_kick(&t, 0, 0);
	/* again and again: the first may come before the wait */
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 100000 }, { 0, 100000 } }, NULL);
	CHECK_EQ(trace_finish(t.writer), -ETIMEDOUT);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	end(&r, &t);
}

/* It would take a minute for all, and is never still for as long as it takes to give up. */
static void test_trickle(void)
{
	static uint8_t bytes[8 << 20];
	struct outlet *o;
	int fd[2], status;
	pid_t reader;
	FILE *f;

	CHECK(!pipe(fd));
	reader = fork();
	if (!reader) {
		close(fd[1]);
		while (read(fd[0], bytes, 4096) > 0)
			usleep(30000);
		_exit(0);
	}
	close(fd[0]);
	f = outlet_open(fd[1], sizeof(bytes), &o);
	CHECK(f && fwrite(bytes, 1, sizeof(bytes), f) == sizeof(bytes));
	status = outlet_drain(o, OUTLET_HURRY);
	/* it is still when it gets no processor */
	CHECK(status == -ETIME || status == -ETIMEDOUT);
	CHECK(outlet_kept(o) > sizeof(bytes) / 2);
	fclose(f);
	kill(reader, SIGKILL);
	CHECK(waitpid(reader, &status, 0) == reader);
}

static void test_gone(void)
{
	struct record_builder t;
	struct reader r;

	signal(SIGPIPE, SIG_IGN);
	begin(&r, &t, "gone");
	close(r.fd);
	r.fd = -1;
	for (unsigned i = 0; i < 5000; i++)
		builder_kick(&t, 0, 0);
	CHECK_EQ(trace_flush(t.writer), -EPIPE);
	CHECK_EQ(trace_finish(t.writer), -EPIPE);
	end(&r, &t);
}

/* A ring of bytes over a socket: all of it arrives, in order, whatever the sizes. */
static void test_socket(void)
{
	struct outlet *o;
	struct reader r = { 0 };
	size_t n = 0, want = 1 << 20;
	int pair[2];
	FILE *f;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK(outlet_needed(pair[0]));
	r.fd = pair[1];
	fcntl(r.fd, F_SETFL, O_NONBLOCK);
	f = outlet_open(pair[0], 100003, &o);
	while (f && n < want) {
		uint8_t b[997];
		size_t k = 1 + n % sizeof(b);

		for (size_t i = 0; i < k; i++)
			b[i] = (uint8_t)((n + i) * 31 >> 3);
		while (outlet_room(o) < k) {
			take(&r);
			CHECK(!outlet_push(o));
		}
		CHECK_EQ(fwrite(b, 1, k, f), k);
		n += k;
	}
	for (unsigned i = 0; i < 1000 && outlet_kept(o); i++) {
		take(&r);
		outlet_push(o);
	}
	take(&r);
	CHECK_EQ(r.len, n);
	for (size_t i = 0; i < r.len; i++)
		if (r.bytes[i] != (uint8_t)(i * 31 >> 3)) {
			CHECK_EQ(i, ~0UL);
			break;
		}
	if (f)
		fclose(f);
	close(r.fd);
	free(r.bytes);
}

static void test_files(void)
{
	char file[100];
	int fd;

	snprintf(file, sizeof(file), "%s/file", dir);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0 && !outlet_needed(fd)); /* a disk is waited for */
	close(fd);
	unlink(file);
}

static bool takes_nothing;

/* In place of the C library's: some devices say that they are ready and take nothing. */
ssize_t write(int fd, const void *bytes, size_t n)
{
	return takes_nothing ? 0 : syscall(SYS_write, fd, bytes, n);
}

static void test_takes_nothing(void)
{
	struct outlet *o;
	int fd[2];
	FILE *f;

	CHECK(!pipe(fd));
	f = outlet_open(fd[1], 100, &o);
	CHECK(f && fwrite("abc", 1, 3, f) == 3);
	takes_nothing = true;
	CHECK(!outlet_push(o));
	CHECK_EQ(outlet_drain(o, 25), -ETIMEDOUT);
	CHECK_EQ(outlet_kept(o), 3);
	takes_nothing = false;
	CHECK(!outlet_drain(o, 0));
	CHECK_EQ(outlet_kept(o), 0);
	fclose(f);
	close(fd[0]);
}

/* What is written before there is a reader is kept, up to the limit, and then read in order. */
static void test_no_reader_yet(void)
{
	struct outlet *o;
	FILE *f = outlet_open(-1, 8, &o);
	char got[16];
	int fd[2];

	CHECK(f && !pipe(fd));
	CHECK(fwrite("abcdef", 1, 6, f) == 6);
	CHECK(!outlet_push(o));
	CHECK_EQ(outlet_kept(o), 6);
	CHECK_EQ(outlet_room(o), 2);
	outlet_attach(o, fd[1]);
	CHECK(fwrite("gh", 1, 2, f) == 2);
	CHECK(!outlet_drain(o, 1000));
	CHECK_EQ(outlet_kept(o), 0);
	CHECK(read(fd[0], got, sizeof(got)) == 8 && !memcmp(got, "abcdefgh", 8));
	fclose(f); /* and the pipe's end with it */
	CHECK(read(fd[0], got, sizeof(got)) == 0);
	close(fd[0]);
}

static const struct tap_test tests[] = {
	{ "a reader that is late", test_late },
	{ "and compressed", test_compressed },
	{ "a reader that has stopped", test_stopped },
	{ "a signal ends the wait for it", test_signal },
	{ "a reader that takes little at a time", test_trickle },
	{ "a reader that has gone", test_gone },
	{ "a socket", test_socket },
	{ "a file", test_files },
	{ "a reader that comes later", test_no_reader_yet },
	{ "a device that takes nothing", test_takes_nothing },
};

int main(void)
{
	int rc;

	if (!mkdtemp(dir))
		return 1;
	rc = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	rmdir(dir);
	return rc;
}
