/* SPDX-License-Identifier: MIT */
/* The output of vqtrace-guest: what a late reader misses is counted once, in the trace and here. */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/guest/output.h"
#include "cli/guest/ptp.h"
#include "decoder/trace/question.h"
#include "decoder/util/clock.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

#define SECOND UINT64_C(1000000000)

static char dir[] = "/tmp/vqtrace-guest-output-test-XXXXXX";

static struct output *out;
static int reader; /* of the FIFO */
static uint8_t *bytes;
static size_t len;
static uint32_t seq;
static uint64_t events;

static void take(void)
{
	ssize_t n;

	do {
		bytes = realloc(bytes, len + 65536);
		n = read(reader, bytes + len, 65536);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
}

static void put(void *record, size_t size, unsigned type)
{
	struct vqt_hdr *h = record;

	h->type = (uint8_t)type;
	h->source = 1;
	h->seq = seq++;
	h->ts = 1000 + seq;
	h->device = type == VQT_KICK || type == VQT_DEVICE;
	h->queue = type == VQT_KICK ? 0 : VQT_NO_QUEUE;
	events += type == VQT_KICK;
	output_record(out, record, size);
}

static void kicks(unsigned n)
{
	while (n--) {
		struct vqt_kick k = { .value = n };

		put(&k, sizeof(k), VQT_KICK);
	}
}

static void note(void)
{
	struct vqt_note n = { .level = VQT_NOTE_INFO };

	put(&n, sizeof(n), VQT_NOTE);
}

static void describe(void)
{
	struct vqt_session s = { .major = VQT_VERSION_MAJOR };
	struct vqt_source from = { .kind = VQT_SRC_GUEST };
	struct vqt_device d = { .virtio_id = VIRTIO_ID_BLOCK, .transport = VQT_TRANSPORT_PCI };

	put(&s, sizeof(s), VQT_SESSION);
	put(&from, sizeof(from), VQT_SOURCE);
	put(&d, sizeof(d), VQT_DEVICE);
}

static void begin(void)
{
	char path[100];
	const char *why;

	snprintf(path, sizeof(path), "%s/fifo", dir);
	CHECK(!mkfifo(path, 0600));
	reader = open(path, O_RDONLY | O_NONBLOCK);
	len = events = seq = 0;
	CHECK(!output_open(&out, path, &why));
	describe();
	unlink(path);
}

/* Nothing is lost but what is told, and that is told before it is met. */
static void end(void)
{
	struct model *m = model_new();
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	struct event e;
	uint64_t n = 0, read = 0, dropped = output_dropped(out);
	bool again;

	take();
	CHECK_EQ(output_bytes(out), len);
	CHECK(!output_close(out));
	CHECK(!trace_open_memory(&t, bytes, len, &err));
	while (trace_next(t, &rec, &again, &err) == 1) {
		CHECK(!model_feed(m, &rec, ++n, &e));
		read += rec.h.type == VQT_KICK;
		CHECK_EQ(e.gap, 0);
	}
	CHECK_EQ(read + dropped, events);
	CHECK_EQ(model_lost(m).records, dropped);
	trace_close(t);
	model_free(m);
	free(bytes);
	bytes = NULL;
	close(reader);
}

static void fill(void)
{
	for (unsigned i = 0; i < 1000 && !output_dropped(out); i++)
		kicks(1000);
	CHECK(output_dropped(out) > 0);
}

static void late(void)
{
	uint64_t dropped;

	begin();
	fill();
	kicks(500);
	note(); /* what describes is written all the same */
	kicks(500);
	dropped = output_dropped(out);
	take(); /* what a pipe holds: too little to go on */
	CHECK(!output_flush(out));
	kicks(1);
	CHECK_EQ(output_dropped(out), ++dropped);
	for (unsigned i = 0; i < 1000; i++) {
		take();
		CHECK(!output_flush(out));
	}
	kicks(10);
	CHECK_EQ(output_dropped(out), dropped);
	CHECK(!output_finish(out, 100));
	end();
}

static volatile bool reads;

static void *take_all(void *ctx)
{
	while (reads) {
		take();
		usleep(1000);
	}
	return NULL;
}

/* The reader goes on when nothing is to come: the loss is the last record. */
static void lost_last(void)
{
	pthread_t thread;

	begin();
	fill();
	kicks(500);
	reads = true;
	CHECK(!pthread_create(&thread, NULL, take_all, NULL));
	CHECK(!output_finish(out, 5000));
	reads = false;
	pthread_join(thread, NULL);
	end();
}

static void nobody(void)
{
	begin();
	fill();
	CHECK_EQ(output_finish(out, 50), -ETIMEDOUT);
	CHECK(!output_close(out));
	close(reader);
}

/* A compressed file is the same trace; what is old is in it before it is ended. */
static void compressed(void)
{
	char path[100];
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	const char *why;
	unsigned read = 0;
	struct stat st;
	bool again;

	snprintf(path, sizeof(path), "%s/x.pcap.gz", dir);
	events = seq = 0;
	CHECK(!output_open(&out, path, &why));
	describe();
	kicks(20000);
	CHECK(!output_flush(out));
	CHECK(!stat(path, &st) && (uint64_t)st.st_size == output_bytes(out));
	for (unsigned pass = 0; pass < 2; pass++) {
		CHECK(!trace_open(&t, path, &err));
		for (read = 0; trace_next(t, &rec, &again, &err) == 1;)
			read += rec.h.type == VQT_KICK;
		trace_close(t);
		CHECK_EQ(read, events);
		if (!pass)
			kicks(1000);
		if (!pass)
			CHECK(!output_finish(out, 1000));
	}
	CHECK(!stat(path, &st) && (uint64_t)st.st_size == output_bytes(out));
	CHECK(st.st_size < 21000 * 10);
	CHECK(!output_close(out));
	unlink(path);
}

/* --- questions ---------------------------------------------------------------------- */

static int terminal; /* of the host: what it is connected to is the output */

static void begin_terminal(void)
{
	const char *why;

	terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	CHECK(terminal >= 0 && !grantpt(terminal) && !unlockpt(terminal));
	len = events = seq = 0;
	CHECK(!output_open(&out, ptsname(terminal), &why));
	reader = terminal;
}

static void ask(uint64_t nonce)
{
	char bytes[QUESTION_BYTES];

	question_make(bytes, nonce);
	CHECK_EQ(write(terminal, bytes, sizeof(bytes)), sizeof(bytes));
}

/* As the program does, until a question has come. */
static void answer(void)
{
	struct pollfd p = { .fd = output_asks(out), .events = POLLIN };

	CHECK(p.fd >= 0);
	CHECK_EQ(poll(&p, 1, 5000), 1);
	output_answer(out);
	CHECK(!output_flush(out));
}

/* The trace so far: its exchanges' nonces, and all of its bytes are records. */
static unsigned exchanges(uint64_t *nonce, unsigned max, uint64_t since)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record rec;
	unsigned n = 0;
	bool again;
	int rc;

	take();
	CHECK(!trace_open_memory(&t, bytes, len, &err));
	while ((rc = trace_next(t, &rec, &again, &err)) == 1) {
		if (rec.h.type != VQT_EXCHANGE)
			continue;
		CHECK(rec.exchange.from >= since && rec.exchange.from <= rec.exchange.until &&
		      rec.exchange.until <= clock_ns(CLOCK_MONOTONIC));
		CHECK_EQ(rec.h.ts, 0);
		CHECK_EQ(rec.h.source, 1);
		if (n < max)
			nonce[n] = rec.exchange.nonce;
		n++;
	}
	CHECK_EQ(rc, 0);
	trace_close(t);
	return n;
}

/* On a terminal: nothing of what is asked comes back but the answer. */
static void questions(void)
{
	uint64_t nonce[4], since = clock_ns(CLOCK_MONOTONIC);

	begin_terminal();
	CHECK_EQ(output_asks(out), -1); /* nothing is recorded yet */
	describe();
	output_answer(out);
	CHECK(!output_flush(out));
	CHECK_EQ(exchanges(nonce, 4, since), 1);
	CHECK_EQ(nonce[0], 0);
	ask(0x1122334455667788);
	answer();
	CHECK_EQ(exchanges(nonce, 4, since), 2);
	CHECK_EQ(nonce[1], 0x1122334455667788);
	/* of several that wait, the last one; what is none is nothing */
	CHECK_EQ(write(terminal, "what time is it?\n", 17), 17);
	ask(5);
	ask(6);
	answer();
	output_answer(out);
	CHECK(!output_flush(out));
	CHECK_EQ(exchanges(nonce, 4, since), 3);
	CHECK_EQ(nonce[2], 6);
	CHECK_EQ(output_bytes(out), len);
	/* the other end is closed: no waiting for what is always ready */
	close(terminal);
	output_answer(out);
	CHECK_EQ(output_asks(out), -1);
	output_close(out);
	free(bytes);
	bytes = NULL;
}

/* While the reader is behind, no answer is late, and none takes the room of events. */
static void no_room(void)
{
	uint64_t nonce, since = clock_ns(CLOCK_MONOTONIC);
	pthread_t thread;

	begin_terminal();
	describe();
	output_answer(out);
	fill();
	ask(7);
	usleep(1000);
	for (unsigned i = 0; i < 10; i++)
		output_answer(out);
	reads = true;
	CHECK(!pthread_create(&thread, NULL, take_all, NULL));
	CHECK(!output_finish(out, 5000));
	reads = false;
	pthread_join(thread, NULL);
	CHECK_EQ(exchanges(&nonce, 1, since), 1);
	CHECK_EQ(nonce, 0);
	end();
}

/* What cannot be read from is not asked: a file, a pipe. */
static void one_way(void)
{
	char path[100];
	const char *why;

	begin();
	CHECK_EQ(output_asks(out), -1);
	output_answer(out);
	CHECK(!output_finish(out, 1000));
	end();
	snprintf(path, sizeof(path), "%s/file", dir);
	CHECK(!output_open(&out, path, &why));
	describe();
	CHECK_EQ(output_asks(out), -1);
	output_answer(out);
	CHECK(!output_finish(out, 1000));
	CHECK_EQ(output_bytes(out), 24 + 3 * 16 + sizeof(struct vqt_session) +
					    sizeof(struct vqt_source) + sizeof(struct vqt_device));
	CHECK(!output_close(out));
	unlink(path);
}

static void name_clock(const char *device, const char *name)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, device);
	CHECK(!mkdir(path, 0700));
	strcat(path, "/clock_name");
	f = fopen(path, "w");
	CHECK(f && fputs(name, f) >= 0 && !fclose(f));
}

static void forget_clock(const char *device)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s/clock_name", dir, device);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

/* Only KVM's clock is the host's. */
static void which_clock(void)
{
	static const char *const devices[] = { "ptp0", "ptp1", "ptp2", "other", "ptp17" };
	char device[32] = "", path[100];

	snprintf(path, sizeof(path), "%s/none", dir);
	CHECK(!ptp_find(path, device, sizeof(device)));
	name_clock("ptp0", "e1000e-ptp\n");
	name_clock("ptp1", "KVM virtual PTP and more\n");
	name_clock("ptp2", "");
	name_clock("other", "KVM virtual PTP\n");
	CHECK(!ptp_find(dir, device, sizeof(device)));
	CHECK_STR(device, "");
	name_clock("ptp17", "KVM virtual PTP\n");
	CHECK(ptp_find(dir, device, sizeof(device)));
	CHECK_STR(device, "/dev/ptp17");
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		forget_clock(devices[i]);
}

/* Between the two times it was what the clock says; one that cannot be read says nothing. */
static void reading(void)
{
	struct vqt_exchange x = { .from = clock_ns(CLOCK_MONOTONIC) }, before = x;
	int64_t wall = clock_wall_offset();

	ptp_read_clock(CLOCK_REALTIME, &x);
	CHECK(x.from >= before.from && x.from <= x.until);
	CHECK_EQ(x.wall, x.wall_most);
	/* as near as this can tell: both are read one after the other */
	CHECK(x.wall - wall >= (int64_t)x.from - (int64_t)SECOND &&
	      x.wall - wall <= (int64_t)x.until + (int64_t)SECOND);
	x = before;
	ptp_read_clock((clockid_t)(~3U << 3 | 3), &x); /* what is open there is no clock */
	CHECK(!memcmp(&x, &before, sizeof(x)));
}

/* Nobody answers: the host's own loopback has no such port. */
static void vsock(void)
{
	uint64_t before = clock_ns(CLOCK_MONOTONIC);
	const char *why;

	CHECK(!output_open(&out, "vsock:1:4000000000", &why));
	CHECK(!output_flush(out));
	CHECK(clock_ns(CLOCK_MONOTONIC) - before < 1000000000);
	CHECK(!output_close(out));
	CHECK_EQ(output_open(&out, "vsock:x", &why), -EINVAL);
}

static const struct tap_test tests[] = {
	{ "a reader that is late", late },
	{ "what is dropped last", lost_last },
	{ "a reader that takes nothing", nobody },
	{ "a compressed file", compressed },
	{ "a vsock that nobody answers", vsock },
	{ "questions about the clock", questions },
	{ "a question while the reader is behind", no_room },
	{ "a file and a pipe, which ask nothing", one_way },
	{ "which PTP clock is the host's", which_clock },
	{ "reading a PTP clock", reading },
};

int main(void)
{
	int rc;

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir))
		return 1;
	rc = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	rmdir(dir);
	return rc;
}
