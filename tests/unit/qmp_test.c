/* SPDX-License-Identifier: MIT */
/* Asking over QMP: what is understood, what is not asked, and servers that misbehave. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/qemu/query.h"
#include "decoder/trace/event.h"
#include "decoder/util/qmp.h"
#include "tests/unit/tap.h"

static char asked[65536]; /* the client's side of the last conversation */

static bool wants_all(void *ctx, const char *path)
{
	return true;
}

static bool wants_none(void *ctx, const char *path)
{
	return false;
}

/* A server that has said all it will ever say before it is asked. */
static int talk(const char *said, size_t len, bool (*wants)(void *, const char *),
		struct query_answer *a)
{
	const struct query_asker by = { .wants = wants };
	int fd[2], err;
	ssize_t n;

	memset(a, 0, sizeof(*a));
	asked[0] = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) || write(fd[1], said, len) != (ssize_t)len)
		return -EIO;
	shutdown(fd[1], SHUT_WR);
	err = query_devices(fd[0], &by, a);
	n = recv(fd[1], asked, sizeof(asked) - 1, MSG_DONTWAIT);
	asked[n > 0 ? n : 0] = 0;
	close(fd[0]);
	close(fd[1]);
	return err;
}

/* The conversation the fuzzer starts from: one device asked, one of vhost. */
static char *canned(const char *name, size_t *len)
{
	static char buf[65536];
	char path[128];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/qmp_fuzz/%s", name);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	if (fd >= 0)
		close(fd);
	*len = n > 0 ? (size_t)n : 0;
	buf[*len] = 0;
	return buf;
}

static void understands(void)
{
	struct query_answer a;
	size_t len;
	const char *said = canned("blk", &len);

	CHECK_EQ(talk(said, len, wants_all, &a), 0);
	CHECK_EQ(a.n, 2);
	if (a.n == 2) {
		const struct query_device *d = &a.dev[0];

		CHECK_STR(d->path, "/machine/peripheral/blk0/virtio-backend");
		CHECK_EQ(d->virtio_id, 2);
		CHECK_EQ(d->queues, 2);
		CHECK_EQ(d->bdf, 0x0219);
		CHECK_EQ(d->known, VQT_KNOWN_STATUS | VQT_KNOWN_OFFERED | VQT_KNOWN_ACCEPTED);
		CHECK_EQ(d->status, 0x15);
		CHECK_EQ(d->offered[0],
			 1ULL << 40 | 1ULL << 32 | 1ULL << 30 | 1ULL << 28 | 1ULL << 9);
		CHECK_EQ(d->offered[1], 1);
		CHECK_EQ(d->accepted[0], 1ULL << 32 | 1ULL << 9);
		CHECK_EQ(d->nqueue, 1);
		CHECK(d->nqueue == 1 && d->queue[0].known && d->queue[0].size == 256 &&
		      d->queue[0].desc == 4096 && d->queue[0].device == 12288);
		/* a feature without a known name: the set is not whole */
		CHECK_EQ(a.dev[1].known, 0);
		CHECK(a.dev[1].vhost);
		CHECK_EQ(a.dev[1].nqueue, 0);
		CHECK_EQ(a.dev[1].bdf, ~0U);
	}
	query_free(&a);
}

/* Asking a vhost device for its queues stops them. */
static void leaves_vhost_alone(void)
{
	struct query_answer a;
	size_t len;
	const char *said = canned("blk", &len);

	talk(said, len, wants_all, &a);
	CHECK(strstr(asked, "x-query-virtio-queue-status") != NULL);
	CHECK(strstr(asked, "blk0/virtio-backend\", \"queue\"") != NULL);
	CHECK(strstr(asked, "device[0]/virtio-backend\", \"queue\"") == NULL);
	query_free(&a);
}

/* x-query-virtio-status ends some QEMUs. */
static void asks_no_more_than_is_safe(void)
{
	struct query_answer a;
	size_t len;
	const char *said = canned("new", &len);

	CHECK_EQ(talk(said, len, wants_all, &a), 0);
	CHECK(a.states_unsafe);
	CHECK_EQ(a.n, 2);
	CHECK(strstr(asked, "x-query-virtio-status") == NULL);
	CHECK(strstr(asked, "queue-status") == NULL);
	CHECK(a.n == 2 && a.dev[0].bdf == 0x0219 && !a.dev[0].known);
	query_free(&a);
	said = canned("blk", &len);
	talk(said, len, wants_none, &a);
	CHECK(strstr(asked, "x-query-virtio-status") == NULL);
	query_free(&a);
}

static void refuses(const char *said, int want, int line)
{
	struct query_answer a;
	int err = talk(said, strlen(said), wants_all, &a);

	if (err != want) {
		printf("# line %d: %d, not %d\n", line, err, want);
		tap_failed = true;
	}
	query_free(&a);
}

#define GREETING "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7}}}}\n{\"return\": {}}\n"

static void hostile(void)
{
	refuses("", -EPIPE, __LINE__);
	refuses("SSH-2.0-OpenSSH\r\n", -EPROTO, __LINE__);
	refuses("[]\n", -EPROTO, __LINE__);
	refuses("{\"QMP\": 1}\n", -EPROTO, __LINE__);
	refuses("{\"QMP\": {}}\n{\"error\": {}}\n", -EPROTO, __LINE__);
	refuses(GREETING "{\"error\": {\"class\": \"CommandNotFound\"}}\n", -EOPNOTSUPP, __LINE__);
	/* types that are none of those agreed on */
	refuses(GREETING "{\"return\": 5}\n{\"return\": null}\n", 0, __LINE__);
	refuses(GREETING "{\"return\": [null, 1, {\"path\": 3}, {\"path\": \"x\"}]}\n"
			 "{\"return\": [[]]}\n{\"return\": {\"devices\": {}}}\n",
		0, __LINE__);
	refuses(GREETING
		"{\"return\": [{\"path\": \"x\"}]}\n"
		"{\"return\": {\"status\": [], \"num-vqs\": -1, \"host-features\": {"
		"\"transports\": [null, 7, \"\", \":\"], \"unknown-dev-features\": 1e99}}}\n",
		0, __LINE__);
}

/* A server that never stops talking about something else. */
static void endless(void)
{
	static const char event[] = "{\"event\": \"BALLOON_CHANGE\"}\n";
	char said[65536];
	size_t at = (size_t)snprintf(said, sizeof(said), "%s", GREETING);
	struct query_answer a;

	while (at + sizeof(event) < sizeof(said))
		at += (size_t)snprintf(said + at, sizeof(said) - at, "%s", event);
	CHECK_EQ(talk(said, at, wants_all, &a), -EPROTO);
	query_free(&a);
}

static void deep(void)
{
	char said[40000] = GREETING "{\"return\": ";
	size_t at = strlen(said);
	struct query_answer a;

	memset(said + at, '[', 30000);
	said[at + 30000] = '\n';
	CHECK_EQ(talk(said, at + 30001, wants_all, &a), -EPROTO);
	query_free(&a);
}

/* --- the client itself --------------------------------------------------------- */

static int gives_up(void *opaque, int fd, int ms)
{
	++*(int *)opaque;
	return -ECANCELED;
}

/* A server that says something and then nothing. */
static int silent(const char *said, int (*wait)(void *opaque, int fd, int ms), void *opaque)
{
	struct json_object *ret;
	struct qmp q;
	int fd[2], err;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	CHECK_EQ(write(fd[1], said, strlen(said)), strlen(said));
	CHECK_EQ(qmp_init(&q, fd[0], 30), 0);
	q.wait = wait;
	q.opaque = opaque;
	err = qmp_greet(&q, NULL);
	if (!err)
		err = qmp_command(&q, "stop", NULL, &ret);
	qmp_fini(&q);
	close(fd[0]);
	close(fd[1]);
	return err;
}

static void slow(void)
{
	int waits = 0;

	CHECK_EQ(silent("", NULL, NULL), -ETIMEDOUT);
	CHECK_EQ(silent(GREETING, NULL, NULL), -ETIMEDOUT);
	CHECK_EQ(silent(GREETING "{\"return\": ", NULL, NULL), -ETIMEDOUT);
	CHECK_EQ(silent(GREETING, gives_up, &waits), -ECANCELED);
	CHECK_EQ(waits, 1);
}

/* More bytes than an answer may have, without an end. */
static void too_long(void)
{
	static char much[65536];
	struct json_object *ret;
	struct qmp q;
	int fd[2];
	pid_t pid;

	memset(much, ' ', sizeof(much));
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	pid = fork();
	if (!pid) {
		close(fd[0]);
		while (send(fd[1], much, sizeof(much), MSG_NOSIGNAL) > 0)
			;
		_exit(0);
	}
	close(fd[1]);
	CHECK_EQ(qmp_init(&q, fd[0], 60000), 0);
	CHECK_EQ(qmp_command(&q, "stop", NULL, &ret), -EPROTO);
	CHECK(ret == NULL);
	qmp_fini(&q);
	close(fd[0]);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* Values that take a hundred times the memory of their text. */
static void too_many(void)
{
	static char said[200000] = GREETING "{\"return\": [";
	size_t at = strlen(said);
	struct query_answer a;

	for (unsigned i = 0; i <= QMP_VALUES_MAX / 2; i++, at += 3)
		memcpy(said + at, "{},", 3);
	strcpy(said + at, "0]}\n");
	CHECK_EQ(talk(said, at + 4, wants_all, &a), -EPROTO);
	query_free(&a);
}

static int turns_of_others(void *opaque, int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	*(unsigned *)opaque += !ms;
	return poll(&p, 1, ms) < 0 ? -errno : 0;
}

/* Others have their turn while a server has something to say all the time. */
static void flood(void)
{
	static char much[65536];
	struct json_object *ret;
	unsigned turns = 0;
	struct qmp q;
	int fd[2];
	pid_t pid;

	memset(much, ' ', sizeof(much));
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	pid = fork();
	if (!pid) {
		close(fd[0]);
		while (send(fd[1], much, sizeof(much), MSG_NOSIGNAL) > 0)
			;
		_exit(0);
	}
	close(fd[1]);
	CHECK_EQ(qmp_init(&q, fd[0], 60000), 0);
	q.wait = turns_of_others;
	q.opaque = &turns;
	CHECK_EQ(qmp_command(&q, "stop", NULL, &ret), -EPROTO);
	CHECK(turns >= QMP_ANSWER_MAX / sizeof(q.in) / 32);
	qmp_fini(&q);
	close(fd[0]);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* Each answer is in time, but there are too many of them. */
static void many_devices(void)
{
	const struct query_asker by = { .wants = wants_all };
	struct query_answer a;
	char line[4096];
	int fd[2], n = 0;
	pid_t pid;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	pid = fork();
	if (!pid) {
		FILE *f = fdopen(fd[1], "r+");

		close(fd[0]);
		signal(SIGPIPE, SIG_IGN);
		setvbuf(f, NULL, _IONBF, 0);
		dprintf(fd[1], "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7}}}}\n");
		while (fgets(line, sizeof(line), f)) {
			if (!strstr(line, "\"x-query-virtio\"")) {
				usleep(100000);
				dprintf(fd[1], "{\"return\": {\"num-vqs\": 65535}}\n");
				continue;
			}
			dprintf(fd[1], "{\"return\": [0");
			for (n = 0; n < 3000; n++)
				dprintf(fd[1], ", {\"path\": \"/machine/%d\"}", n);
			dprintf(fd[1], "]}\n");
		}
		_exit(0);
	}
	close(fd[1]);
	CHECK_EQ(query_devices(fd[0], &by, &a), -ETIMEDOUT);
	CHECK(a.n > 0 && a.n <= QUERY_DEVICES); /* what was learned by then counts */
	CHECK(!a.n || !strcmp(a.dev[0].path, "/machine/0"));
	query_free(&a);
	close(fd[0]);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* Two messages in one read, and the arguments of a command. */
static void commands(void)
{
	static const char said[] = GREETING "{\"event\": \"STOP\"} {\"return\": {\"a\": 7}}"
					    "{\"error\": {}}{\"return\": null}";
	struct json_object *ret, *args = json_object_new_object();
	struct qmp q;
	int fd[2];
	ssize_t n;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	CHECK_EQ(write(fd[1], said, sizeof(said) - 1), sizeof(said) - 1);
	CHECK_EQ(qmp_init(&q, fd[0], 1000), 0);
	CHECK_EQ(qmp_greet(&q, NULL), 0);
	json_object_object_add(args, "path", json_object_new_string("/x"));
	CHECK_EQ(qmp_command(&q, "qom-get", args, &ret), 0);
	CHECK_EQ(qmp_number(ret, "a", 1), 7);
	CHECK_EQ(qmp_number(ret, "b", 1), 1);
	CHECK(qmp_string(ret, "a") == NULL);
	CHECK_EQ(qmp_length(ret), 0);
	json_object_put(ret);
	CHECK_EQ(qmp_command(&q, "bad", NULL, &ret), -EOPNOTSUPP);
	CHECK_EQ(qmp_command(&q, "good", NULL, &ret), 0); /* an error does not end it */
	CHECK(ret == NULL);
	qmp_fini(&q);
	n = recv(fd[1], asked, sizeof(asked) - 1, MSG_DONTWAIT);
	asked[n > 0 ? n : 0] = 0;
	CHECK(strstr(asked, "\"execute\": \"qom-get\", \"arguments\": { \"path\": \"/x\" }") !=
	      NULL);
	close(fd[0]);
	close(fd[1]);
}

/* More clients wait than the server accepts: connecting ends. */
static void nobody_accepts(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client[8];
	char dir[] = "/tmp/vqtrace-qmp-XXXXXX";
	size_t n = 0;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", dir);
	CHECK_EQ(bind(server, (struct sockaddr *)&sa, sizeof(sa)), 0);
	CHECK_EQ(listen(server, 0), 0);
	while (n < 8 && (client[n] = qmp_connect(sa.sun_path)) >= 0)
		n++;
	CHECK(n > 0 && n < 8);
	CHECK(n == 8 || client[n] == -ETIMEDOUT);
	while (n--)
		close(client[n]);
	close(server);
	unlink(sa.sun_path);
	rmdir(dir);
}

static const struct tap_test tests[] = {
	{ "states, features and queues are understood", understands },
	{ "queues of vhost devices are left alone", leaves_vhost_alone },
	{ "no question that ends a QEMU, none without need", asks_no_more_than_is_safe },
	{ "answers of no sense", hostile },
	{ "events without end", endless },
	{ "arrays without end", deep },
	{ "commands, arguments, answers and errors", commands },
	{ "servers that say nothing", slow },
	{ "answers that do not end", too_long },
	{ "answers of too many values", too_many },
	{ "others have their turn in a flood", flood },
	{ "3,000 devices", many_devices },
	{ "a server that accepts nobody", nobody_accepts },
};
TAP_MAIN(tests)
