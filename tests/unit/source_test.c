/* SPDX-License-Identifier: MIT */
/* What sources of events share: waiting for one and for something else, words, findings. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "decoder/source/source.h"
#include "tests/unit/tap.h"

/* A source whose descriptor is a pipe; it notes how it is stepped. */
struct pipe_source {
	struct source base;
	int fd;
	int lowered; /* the longest it can be left alone, ms */
	int steps, waited; /* waited: the time given to the last step */
};

static unsigned descriptors(struct source *s, struct pollfd *fd, unsigned max, int *timeout_ms)
{
	struct pipe_source *p = (struct pipe_source *)s;

	if (*timeout_ms < 0 || *timeout_ms > p->lowered)
		*timeout_ms = p->lowered;
	fd[0] = (struct pollfd){ .fd = p->fd, .events = POLLIN };
	return 1;
}

static int step(struct source *s, int timeout_ms)
{
	struct pipe_source *p = (struct pipe_source *)s;

	p->steps++;
	p->waited = timeout_ms;
	return 7;
}

static const struct source_ops ops = { .name = "pipe", .descriptors = descriptors, .step = step };

static void waits(void)
{
	struct pipe_source p = { .base.ops = &ops, .lowered = 20 };
	int own[2], other[2];

	CHECK(!pipe(own) && !pipe(other));
	p.fd = own[0];
	/* alone, the source waits for itself */
	CHECK_EQ(source_step(&p.base, -1, 1234), 7);
	CHECK_EQ(p.waited, 1234);
	/* with another descriptor it does not, and its own limit holds: this returns at all */
	CHECK_EQ(source_step(&p.base, other[0], -1), 7);
	CHECK_EQ(p.waited, 0);
	/* either descriptor ends the wait */
	p.lowered = 600000;
	CHECK(write(other[1], "x", 1) == 1);
	CHECK_EQ(source_step(&p.base, other[0], -1), 7);
	CHECK(read(other[0], &(char){ 0 }, 1) == 1);
	CHECK(write(own[1], "x", 1) == 1);
	CHECK_EQ(source_step(&p.base, other[0], -1), 7);
	CHECK_EQ(p.waited, 0);
	/* one whose other end is closed is always ready: the source waits in its stead */
	close(other[1]);
	CHECK_EQ(source_step(&p.base, other[0], 50), 7);
	CHECK(p.waited > 0);
	CHECK_EQ(p.steps, 5);
	close(own[0]);
	close(own[1]);
	close(other[0]);
}

static void on_words(void *ctx, enum source_level level, const char *text)
{
	snprintf(ctx, 64, "%d %s", (int)level, text);
}

static void says(void)
{
	char heard[64] = "", long_word[2000];
	const struct source_request r = { .say = on_words, .ctx = heard };
	struct source_error err;

	source_say(&r, SOURCE_WARNING, "%d lost", 3);
	CHECK(!strcmp(heard, "2 3 lost"));
	CHECK_EQ(source_fail(&err, -ENOENT, "no %s", "QEMU"), (uint64_t)-ENOENT);
	CHECK(!strcmp(err.text, "no QEMU"));
	memset(long_word, 'a', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	source_say(&r, SOURCE_INFO, "%s", long_word);
	CHECK_EQ(strlen(heard), 63);
}

static void finds(void)
{
	static struct source_report r;
	size_t max = sizeof(r.finding) / sizeof(r.finding[0]);

	source_found(&r, SOURCE_OK, "kernel", "never shown", "%s", "6.1");
	source_found(&r, SOURCE_LIMITED, "BTF", "install it", "none");
	CHECK_EQ(r.n, 2);
	CHECK(!r.finding[0].remedy[0]); /* nothing is to be done */
	CHECK(!strcmp(r.finding[1].remedy, "install it"));
	for (size_t i = 0; i < max + 5; i++)
		source_found(&r, SOURCE_OK, "more", "", "than there is room for");
	CHECK_EQ(r.n, max);
}

static const struct tap_test tests[] = {
	{ "a source and another descriptor are waited for together", waits },
	{ "words are cut where they do not fit", says },
	{ "findings: no remedy where all is well, no more than there is room for", finds },
};
TAP_MAIN(tests)
