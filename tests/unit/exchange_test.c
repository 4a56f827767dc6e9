/* SPDX-License-Identifier: MIT */
/* Asking a guest for its time: the question, when it is asked, and which answer is believed. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decoder/live/exchange.h"
#include "decoder/trace/question.h"
#include "decoder/util/clock.h"
#include "tests/unit/tap.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct question q;

/* How many questions end in these bytes, and the last one's nonce. */
static unsigned questions(const char *bytes, size_t n, uint64_t *nonce)
{
	unsigned found = 0;

	for (size_t i = 0; i < n; i++)
		found += question_read(&q, (uint8_t)bytes[i], nonce);
	return found;
}

static unsigned in(const char *text, uint64_t *nonce)
{
	return questions(text, strlen(text), nonce);
}

static void question(void)
{
	char bytes[QUESTION_BYTES];
	uint64_t nonce = 0;

	question_make(bytes, 0x0123456789abcdef);
	CHECK(!memcmp(bytes, "vqt-time0123456789abcdef", QUESTION_BYTES));
	CHECK_EQ(questions(bytes, 10, &nonce), 0);
	CHECK_EQ(questions(bytes + 10, sizeof(bytes) - 10, &nonce), 1);
	CHECK_EQ(nonce, 0x0123456789abcdef);
	question_make(bytes, UINT64_MAX);
	CHECK_EQ(questions(bytes, sizeof(bytes), &nonce), 1);
	CHECK_EQ(nonce, UINT64_MAX);
	/* behind noise, behind one that was cut, and twice */
	CHECK_EQ(in("vvqt-vqt-time00000000000000ffvqt-time00000000000000fe", &nonce), 2);
	CHECK_EQ(nonce, 0xfe);
	CHECK_EQ(in("vqt-time0000vqt-time0000000000000001", &nonce), 1);
	CHECK_EQ(nonce, 1);
	/* none */
	CHECK_EQ(in("vqt-time00000000000000FF", &nonce), 0);
	CHECK_EQ(in("vqt-time000000000000000\n", &nonce), 0);
	CHECK_EQ(in("vqt-time0000000000000000", &nonce), 0);
	CHECK_EQ(questions("vqt-time000000000000000", 24, &nonce), 0);
	CHECK_EQ(nonce == 1 || nonce == 0, true);
}

static struct record of_guest(uint64_t nonce)
{
	static struct vqt_exchange x;
	struct record rec;

	x = (struct vqt_exchange){ .h = { .type = VQT_EXCHANGE, .source = 1 }, .nonce = nonce };
	CHECK_EQ(record_parse(&rec, &x, sizeof(x), NULL), 0);
	return rec;
}

static bool take(struct exchange *x, uint64_t nonce, uint64_t now, struct vqt_exchange *out)
{
	const struct record rec = of_guest(nonce);

	return exchange_take(x, &rec, now, out);
}

/* Who has not said that it answers is not asked; nor who was asked, or known of, just now. */
static void due(void)
{
	struct exchange x = { 0 };
	struct vqt_exchange out;
	const uint64_t now = 1000 * SECOND;

	CHECK(!exchange_due(&x, 0, now));
	CHECK(!take(&x, 0, now, &out));
	CHECK(exchange_due(&x, 0, now));
	CHECK(!exchange_due(&x, now, now));
	CHECK(!exchange_due(&x, now + SECOND, now)); /* what the host recorded in the meantime */
	CHECK(!exchange_due(&x, now - 999 * MS, now));
	CHECK(exchange_due(&x, now - 1001 * MS, now));
	/* answers leave 2 ms open, which the drift needs 4 s for */
	x.took = 4 * MS;
	CHECK(!exchange_due(&x, now - 3999 * MS, now));
	CHECK(exchange_due(&x, now - 4001 * MS, now));
	x.took = 100 * SECOND;
	CHECK(!exchange_due(&x, now - 4999 * MS, now));
	CHECK(exchange_due(&x, now - 5001 * MS, now));
	/* once a second at most, and the rarer the more are not answered */
	x.asked = now - 999 * MS;
	CHECK(!exchange_due(&x, 0, now));
	x.asked = now - 1001 * MS;
	CHECK(exchange_due(&x, 0, now));
	x.unanswered = 2;
	CHECK(!exchange_due(&x, 0, now));
	CHECK(!exchange_due(&x, 0, now + 2900 * MS));
	CHECK(exchange_due(&x, 0, now + 3 * SECOND));
	x.unanswered = UINT32_MAX;
	CHECK(!exchange_due(&x, 0, now + 60 * SECOND));
	CHECK(exchange_due(&x, 0, now + 64 * SECOND));
}

static uint64_t asked(int fd)
{
	char bytes[QUESTION_BYTES + 1];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	uint64_t nonce = 0;

	CHECK_EQ(n, QUESTION_BYTES);
	CHECK_EQ(questions(bytes, QUESTION_BYTES, &nonce), 1);
	return nonce;
}

/* Only the answer to the latest question counts, and once. */
static void believed(void)
{
	struct exchange x = { .answers = true };
	struct vqt_exchange out;
	uint64_t before = clock_ns(CLOCK_MONOTONIC), first, second, now;
	int fd[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	exchange_ask(&x, fd[0]);
	first = asked(fd[1]);
	exchange_ask(&x, fd[0]);
	second = asked(fd[1]);
	now = clock_ns(CLOCK_MONOTONIC) + 50 * MS;
	CHECK(first && second && first != second);
	CHECK(!take(&x, first, now, &out));
	CHECK(!take(&x, second + 1, now, &out));
	CHECK(!take(&x, 0, now, &out));
	CHECK_EQ(x.unanswered, 2);
	CHECK(take(&x, second, now, &out));
	CHECK_EQ(out.nonce, second);
	CHECK_EQ(out.h.type, VQT_EXCHANGE);
	CHECK_EQ(out.h.source, 0);
	CHECK(out.from >= before && out.from < now);
	CHECK_EQ(out.until, now);
	CHECK_EQ(x.unanswered, 0);
	CHECK_EQ(x.took, now - out.from);
	CHECK(!take(&x, second, now, &out));
	CHECK(out.wall && out.wall <= out.wall_most);
	close(fd[0]);
	close(fd[1]);
}

/* The host's wall clock is known where it was the same at both times. */
static void wall(void)
{
	struct exchange x = { .answers = true };
	struct vqt_exchange out;
	int fd[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	exchange_ask(&x, fd[0]);
	CHECK(x.wall && x.wall <= x.wall_most);
	x.wall -= 1000;
	CHECK(take(&x, asked(fd[1]), clock_ns(CLOCK_MONOTONIC), &out));
	CHECK(out.wall > x.wall && out.wall_most <= x.wall_most);
	for (int by = -1; by <= 1; by += 2) {
		exchange_ask(&x, fd[0]);
		/* it was set by a second in between */
		x.wall += by * (int64_t)SECOND;
		x.wall_most += by * (int64_t)SECOND;
		CHECK(take(&x, asked(fd[1]), clock_ns(CLOCK_MONOTONIC), &out));
		CHECK(!out.wall && !out.wall_most);
	}
	close(fd[0]);
	close(fd[1]);
}

/* A port that nobody reads, and one that is gone: nothing waits, nothing is believed. */
static void unread(void)
{
	static const char much[65536];
	struct exchange x = { .answers = true };
	struct vqt_exchange out;
	int fd[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	while (send(fd[0], much, sizeof(much), MSG_DONTWAIT) > 0)
		;
	CHECK_EQ(errno, EAGAIN);
	for (unsigned i = 0; i < 100; i++)
		exchange_ask(&x, fd[0]);
	CHECK_EQ(x.nonce, 0);
	CHECK(!take(&x, 0, clock_ns(CLOCK_MONOTONIC), &out));
	close(fd[1]);
	exchange_ask(&x, fd[0]);
	CHECK_EQ(x.nonce, 0);
	close(fd[0]);
	/* no socket is no place for a question */
	CHECK(!pipe(fd));
	exchange_ask(&x, fd[1]);
	CHECK_EQ(x.nonce, 0);
	close(fd[1]);
	CHECK_EQ(read(fd[0], &out, 1), 0);
	close(fd[0]);
}

static const struct tap_test tests[] = {
	{ "a question among other bytes", question }, { "when a guest is asked", due },
	{ "which answer is believed", believed },     { "the host's wall clock", wall },
	{ "a question that nobody reads", unread },
};
TAP_MAIN(tests)
