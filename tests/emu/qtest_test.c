/* SPDX-License-Identifier: MIT */
/* What replay against QEMU is built of, without a QEMU: child, qtest, NBD. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decoder/util/child.h"
#include "emu/replay/qemu/nbd.h"
#include "emu/replay/qemu/qtest.h"
#include "tests/emu/tap.h"

/* --- child --------------------------------------------------------------------------- */

static void test_child(void)
{
	char *sh[] = { "/bin/sh", "-c", NULL, NULL };
	char *none[] = { "/nonexistent/program", NULL }, *data[] = { "/etc/passwd", NULL };
	char words[200], pid[32] = "";
	struct child c;
	int fd[2];

	is(-child_start(&c, none, NULL, 0), ENOENT, "a program that is not there");
	ok(!c.pid && !c.ended, "... leaves no child");
	is(-child_start(&c, data, NULL, 0), EACCES, "a file that is no program");

	sh[2] = "echo first >&2; echo the reason >&2; exit 3";
	is(child_start(&c, sh, NULL, 0), 0, "a program that fails");
	ok(child_ended(&c, 20000), "... ends");
	child_words(&c, words, sizeof(words));
	ok(!strcmp(words, "ended with status 3: the reason"), "... with its last words: %s", words);
	child_stop(&c);

	if (pipe2(fd, O_CLOEXEC))
		abort();
	/* a grandchild keeps the pipe open until it is ended, too */
	sh[2] = "sleep 1000 & echo $! >&3; wait";
	is(child_start(&c, sh, &fd[1], 1), 0,
	   "a program with a descriptor of ours, and a child of its own");
	close(fd[1]);
	ok(read(fd[0], pid, sizeof(pid) - 1) > 0 && atoi(pid) > 1, "... writes to it");
	ok(!child_ended(&c, 0), "... runs");
	child_stop(&c);
	ok(!child_ended(&c, 0) == false && c.ended, "... is ended");
	is(read(fd[0], pid, 1), 0, "... with its child");
	close(fd[0]);

	sh[2] = "yes >&2";
	is(child_start(&c, sh, NULL, 0), 0, "a program that does not stop talking");
	for (int i = 0; i < 50; i++)
		child_listen(&c);
	ok(c.said_len <= sizeof(c.said), "... is not kept whole");
	child_stop(&c);
}

/* --- qtest ----------------------------------------------------------------------------- */

/* A client whose answers are all there already. */
static void answers(struct qtest *q, int fd[2], const char *text)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		abort();
	if (write(fd[1], text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	qtest_init(q, fd[0], 100);
}

static void hang_up(int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

static void test_qtest(void)
{
	static const struct {
		const char *text;
		int err;
	} bad[] = {
		{ "OK\n", EPROTO },
		{ "OK 0x12 3\n", EPROTO },
		{ "OK zwölf\n", EPROTO },
		{ "OK 0x123\n", EPROTO },
		{ "OKAY 0x1\n", EPROTO },
		{ "hello\n", EPROTO },
		{ "FAIL Unknown command\n", EIO },
		{ "IRQ burn 3\nOK 0x1\n", EPROTO },
		{ "OK 0x", ETIMEDOUT },
		{ "", ETIMEDOUT },
	};
	struct qtest_irq irq;
	struct qtest q;
	char asked[64] = "";
	uint32_t v;
	uint64_t w;
	int fd[2];

	answers(&q, fd, "IRQ raise 20\nOK 0x12\nIRQ lower 20\nOK\n");
	is(qtest_in(&q, 0xcfc, 1, &v), 0, "a port is read");
	is(v, 0x12, "... its value");
	ok(read(fd[1], asked, sizeof(asked) - 1) > 0 && !strcmp(asked, "inb 0xcfc\n"),
	   "... as asked for");
	is(qtest_write(&q, 0xfebf8000, 4, 1), 0, "memory is written");
	ok(qtest_next_irq(&q, &irq) && irq.line == 20 && irq.level, "an interrupt came in between");
	ok(qtest_next_irq(&q, &irq) && irq.line == 20 && !irq.level, "... and went");
	ok(!qtest_next_irq(&q, &irq), "... once");
	close(fd[1]);
	is(-qtest_read(&q, 0, 8, &w), EPIPE, "closed");
	close(fd[0]);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		answers(&q, fd, bad[i].text);
		is(-qtest_in(&q, 1, 1, &v), bad[i].err, "answer %zu is none", i);
		ok(q.why[0] != 0, "... and why: %s", q.why);
		hang_up(fd);
	}
	is(-qtest_in(&q, 1, 8, &v), EINVAL, "no port is so wide");
}

/* --- NBD --------------------------------------------------------------------------------- */

#define DISK 8192u
static uint8_t disk[DISK];
static int failing;

static int disk_read(void *opaque, uint64_t off, void *buf, uint32_t len)
{
	memcpy(buf, disk + off, len);
	return 0;
}

static int disk_write(void *opaque, uint64_t off, const void *buf, uint32_t len)
{
	memcpy(disk + off, buf, len);
	return 0;
}

static int disk_zero(void *opaque, uint64_t off, uint32_t len, bool discard)
{
	memset(disk + off, 0, len);
	return 0;
}

/* Requests of sector 1 are kept back under the id 5. */
static int64_t disk_came(void *opaque, enum nbd_op op, uint64_t off, uint32_t len)
{
	return off == 512 ? 5 : 0;
}

static int disk_going(void *opaque, int64_t id)
{
	return id == 5 ? failing : 0;
}

struct client {
	struct nbd n;
	int fd[2];
};

static void send_request(struct client *c, uint16_t type, uint64_t cookie, uint64_t off,
			 uint32_t len, const void *data)
{
	struct {
		uint32_t magic;
		uint16_t flags, type;
		uint64_t cookie, off;
		uint32_t len;
	} __attribute__((packed))
	r = { htobe32(0x25609513), 0, htobe16(type), cookie, htobe64(off), htobe32(len) };

	if (write(c->fd[1], &r, sizeof(r)) < 0 || (data && write(c->fd[1], data, len) < 0))
		abort();
}

/* The next answer: its error, or -1 none; data of a read to buf. */
static int answer(struct client *c, uint64_t *cookie, void *buf, size_t len)
{
	struct {
		uint32_t magic, error;
		uint64_t cookie;
	} __attribute__((packed)) r;

	nbd_run(&c->n);
	if (recv(c->fd[1], &r, sizeof(r), MSG_DONTWAIT) != sizeof(r))
		return -1;
	*cookie = r.cookie;
	if (!r.error && len && recv(c->fd[1], buf, len, MSG_DONTWAIT) != (ssize_t)len)
		return -2;
	return be32toh(r.error);
}

static void shake_hands(struct client *c, const struct nbd_disk *d)
{
	static const uint8_t go[] =
		"\0\0\0\3IHAVEOPT\0\0\0\10\0\0\0\0IHAVEOPT\0\0\0\7\0\0\0\6\0\0\0\0\0\0";
	uint8_t in[256];
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, c->fd) ||
	    nbd_init(&c->n, c->fd[0], d) || write(c->fd[1], go, sizeof(go) - 1) < 0)
		abort();
	is(nbd_run(&c->n), 1, "handshake");
	n = recv(c->fd[1], in, sizeof(in), MSG_DONTWAIT);
	/* greeting, refusal of structured replies, export, block size, end */
	ok(n == 18 + 20 + 32 + 34 + 20 && !memcmp(in, "NBDMAGICIHAVEOPT", 16), "... in %zd bytes",
	   n);
}

static void test_nbd(void)
{
	struct nbd_disk d = { .size = DISK,
			      .read = disk_read,
			      .write = disk_write,
			      .zero = disk_zero,
			      .came = disk_came,
			      .going = disk_going };
	struct client c;
	uint8_t buf[512];
	uint64_t cookie = 0;

	shake_hands(&c, &d);
	memset(disk, 7, sizeof(disk));
	send_request(&c, 1, 1, 1024, 4, "abcd");
	is(answer(&c, &cookie, NULL, 0), 0, "write");
	ok(cookie == 1 && !memcmp(disk + 1024, "abcd\7", 5), "... is there");
	send_request(&c, 0, 2, 512, 512, NULL);
	is(answer(&c, &cookie, buf, 512), -1, "a read is kept back");
	send_request(&c, 0, 3, 1024, 4, NULL);
	is(answer(&c, &cookie, buf, 4), 0, "a later one is not");
	ok(cookie == 3 && !memcmp(buf, "abcd", 4), "... with its data");
	is(nbd_release(&c.n, 4), 0, "another id: nothing");
	is(nbd_release(&c.n, 5), 1, "it is let go");
	ok(answer(&c, &cookie, buf, 512) == 0 && cookie == 2 && buf[511] == 7, "... and answered");
	failing = -EIO;
	send_request(&c, 1, 4, 512, 4, "none");
	is(answer(&c, &cookie, NULL, 0), -1, "a write is kept back");
	is(nbd_release(&c.n, 0), 1, "all are let go");
	is(answer(&c, &cookie, NULL, 0), EIO, "... and it fails as it should");
	is(disk[512], 7, "... without a trace");
	send_request(&c, 0, 6, DISK - 4, 8, NULL);
	is(answer(&c, &cookie, NULL, 0), EINVAL, "a read past the end");
	send_request(&c, 1, 7, UINT64_MAX - 1, 4, "abcd");
	is(answer(&c, &cookie, NULL, 0), ENOSPC, "a write past the end");
	d.read_only = true;
	send_request(&c, 6, 8, 0, 512, NULL);
	is(answer(&c, &cookie, NULL, 0), EPERM, "read-only");
	send_request(&c, 2, 9, 0, 0, NULL);
	is(-nbd_run(&c.n), EPIPE, "good bye");
	nbd_fini(&c.n);
	hang_up(c.fd);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_child();
	test_qtest();
	test_nbd();
	return done();
}
