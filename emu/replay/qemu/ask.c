/* SPDX-License-Identifier: MIT */
/* Asking a QEMU what it is and which properties its device has: QMP, docs/interop/qmp-spec. */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "emu/replay/qemu/impl.h"

#define ANSWER_MAX (8u << 20)

struct talk {
	int fd;
	long until; /* ms, CLOCK_MONOTONIC */
	struct json_tokener *tok;
	int (*wait)(void *opaque, int fd, int ms); /* NULL: poll(2) */
	void *opaque;
	char in[4096]; /* read, not parsed yet */
	size_t at, have;
	size_t total;
};

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int fill(struct talk *t)
{
	for (;;) {
		struct pollfd p = { .fd = t->fd, .events = POLLIN };
		long left = t->until - now_ms();
		ssize_t n = recv(t->fd, t->in, sizeof(t->in), MSG_DONTWAIT);

		if (n > 0) {
			t->at = 0;
			t->have = n;
			t->total += n;
			return t->total > ANSWER_MAX ? -EPROTO : 0;
		}
		if (!n || (errno != EAGAIN && errno != EINTR))
			return -EPIPE;
		if (left <= 0)
			return -ETIMEDOUT;
		if (t->wait) {
			int rc = t->wait(t->opaque, t->fd, left);

			if (rc < 0)
				return rc;
		} else if (poll(&p, 1, left) < 0 && errno != EINTR)
			return -errno;
	}
}

/* The next message: an object, to be put. */
static int next(struct talk *t, struct json_object **out)
{
	*out = NULL;
	json_tokener_reset(t->tok);
	for (;;) {
		enum json_tokener_error e;
		int rc = t->at < t->have ? 0 : fill(t);

		if (rc)
			return rc;
		*out = json_tokener_parse_ex(t->tok, t->in + t->at, t->have - t->at);
		e = json_tokener_get_error(t->tok);
		if (e == json_tokener_continue) {
			t->at = t->have;
			continue;
		}
		t->at += json_tokener_get_parse_end(t->tok);
		if (e != json_tokener_success || !json_object_is_type(*out, json_type_object)) {
			json_object_put(*out);
			*out = NULL;
			return -EPROTO;
		}
		return 0;
	}
}

/* Send a command; its answer, past events: *out is its "return", to be put. */
static int ask(struct talk *t, const char *command, struct json_object **out)
{
	size_t len = strlen(command);

	*out = NULL;
	if (send(t->fd, command, len, MSG_NOSIGNAL) != (ssize_t)len)
		return -EPIPE;
	for (;;) {
		struct json_object *o, *v;
		int rc = next(t, &o);

		if (rc)
			return rc;
		if (json_object_object_get_ex(o, "return", &v))
			*out = json_object_get(v);
		else if (json_object_object_get_ex(o, "error", &v))
			rc = -ENOTSUP;
		else if (!json_object_object_get_ex(o, "event", &v))
			rc = -EPROTO;
		else
			rc = -EAGAIN;
		json_object_put(o);
		if (rc != -EAGAIN)
			return rc;
	}
}

static struct json_object *member(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	if (json_object_is_type(o, json_type_object))
		json_object_object_get_ex(o, name, &v);
	return v;
}

/* {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}, ...}}} */
static int greeting(struct talk *t, struct qemu_about *a)
{
	struct json_object *o, *v;
	int rc = next(t, &o);

	if (rc)
		return rc;
	v = member(member(member(o, "QMP"), "version"), "qemu");
	snprintf(a->version, sizeof(a->version), "%d.%d.%d",
		 json_object_get_int(member(v, "major")), json_object_get_int(member(v, "minor")),
		 json_object_get_int(member(v, "micro")));
	rc = v ? 0 : -EPROTO;
	json_object_put(o);
	return rc;
}

static int converse(struct talk *t, struct qemu_about *a, const char *type)
{
	struct json_object *o;
	char text[160];
	int rc = greeting(t, a);

	if (!rc)
		rc = ask(t, "{\"execute\":\"qmp_capabilities\"}\n", &o);
	if (rc)
		return rc == -ENOTSUP ? -EPROTO : rc;
	json_object_put(o);
	snprintf(text, sizeof(text),
		 "{\"execute\":\"device-list-properties\",\"arguments\":{\"typename\":\"%s\"}}\n",
		 type);
	rc = ask(t, text, &a->props);
	if (!rc && !json_object_is_type(a->props, json_type_array)) {
		json_object_put(a->props);
		a->props = NULL;
		rc = -EPROTO;
	}
	return rc;
}

int qemu_ask_fd(struct qemu_about *a, int fd, int patience, const char *type, char *why,
		size_t size)
{
	struct talk t = { .fd = fd, .until = now_ms() + patience, .tok = json_tokener_new() };
	int rc = t.tok ? converse(&t, a, type) : -ENOMEM;

	if (rc == -EPROTO)
		snprintf(why, size, "does not speak QMP: it is not QEMU");
	else if (rc == -ETIMEDOUT)
		snprintf(why, size, "said nothing for %d s: is it QEMU?", patience / 1000);
	else if (rc == -ENOTSUP)
		snprintf(why, size, "(QEMU %s) has no %s", a->version, type);
	else if (rc)
		snprintf(why, size, "%s", strerror(-rc));
	if (t.tok)
		json_tokener_free(t.tok);
	return rc;
}

int qemu_tell(int fd, bool first, int (*wait)(void *opaque, int fd, int ms), void *opaque,
	      const char *const *commands)
{
	struct talk t = { .fd = fd,
			  .until = now_ms() + QEMU_ANSWER_MS,
			  .wait = wait,
			  .opaque = opaque,
			  .tok = json_tokener_new() };
	struct qemu_about about;
	struct json_object *o = NULL;
	int rc = !t.tok ? -ENOMEM : first ? greeting(&t, &about) : 0;

	if (!rc && first)
		rc = ask(&t, "{\"execute\":\"qmp_capabilities\"}\n", &o);
	while (!rc && *commands) {
		json_object_put(o);
		rc = ask(&t, *commands++, &o);
	}
	if (!rc)
		json_object_put(o);
	if (t.tok)
		json_tokener_free(t.tok);
	return rc;
}

void qemu_about_fini(struct qemu_about *a)
{
	json_object_put(a->props);
	a->props = NULL;
}

/* In words: it could not be run, or it ended. */
static void explain(struct child *c, const char *binary, int rc, char *why, size_t size)
{
	char words[140];

	if (rc == -ENOENT)
		snprintf(why, size,
			 "%s: not found; install it (Debian: apt-get install qemu-system-x86) "
			 "or name another: --against qemu=BINARY",
			 binary);
	else if (c->pid <= 0 && !c->ended)
		snprintf(why, size, "%s: cannot be run: %s", binary, strerror(-rc));
	else {
		child_words(c, words, sizeof(words));
		snprintf(why, size, "%s %s%s", binary, words,
			 c->said_len ? "" : ", without a word: is it QEMU?");
	}
}

int qemu_ask(struct qemu_about *a, const char *binary, const char *type, char *why, size_t size)
{
	char *argv[] = { (char *)binary,
			 "-machine",
			 "none,accel=tcg",
			 "-S",
			 "-display",
			 "none",
			 "-nodefaults",
			 "-no-user-config",
			 "-chardev",
			 "socket,id=mon,fd=3",
			 "-mon",
			 "chardev=mon,mode=control",
			 NULL };
	char words[200] = "";
	struct child c;
	int fd[2], rc;

	memset(a, 0, sizeof(*a));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) {
		rc = -errno;
		snprintf(why, size, "socketpair: %s", strerror(-rc));
		return rc;
	}
	rc = child_start(&c, argv, &fd[1], 1);
	close(fd[1]);
	if (rc) {
		explain(&c, binary, rc, why, size);
	} else {
		rc = qemu_ask_fd(a, fd[0], QEMU_START_MS, type, words, sizeof(words));
		if (rc == -EPIPE && child_ended(&c, QEMU_END_MS))
			explain(&c, binary, rc, why, size);
		else if (rc)
			snprintf(why, size, "%s %s", binary, words);
	}
	close(fd[0]);
	child_stop(&c);
	return rc;
}
