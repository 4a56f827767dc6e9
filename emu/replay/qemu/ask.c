/* SPDX-License-Identifier: MIT */
/* Ask a QEMU for its version and for the properties of a device type, over QMP. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decoder/util/qmp.h"
#include "emu/replay/qemu/impl.h"

static int converse(struct qmp *q, struct qemu_about *a, const char *type)
{
	struct json_object *v, *args;
	int rc = qmp_greet(q, &v);

	if (!rc && !v)
		rc = -EPROTO;
	if (!rc)
		snprintf(a->version, sizeof(a->version), "%d.%d.%d", (int)qmp_number(v, "major", 0),
			 (int)qmp_number(v, "minor", 0), (int)qmp_number(v, "micro", 0));
	json_object_put(v);
	if (rc)
		return rc;
	args = json_object_new_object();
	json_object_object_add(args, "typename", json_object_new_string(type));
	rc = qmp_command(q, "device-list-properties", args, &a->props);
	if (rc || json_object_is_type(a->props, json_type_array))
		return rc;
	qemu_about_fini(a);
	return -EPROTO;
}

int qemu_ask_fd(struct qemu_about *a, int fd, int patience, const char *type, char *why,
		size_t size)
{
	struct qmp q;
	int rc = qmp_init(&q, fd, patience);

	if (!rc)
		rc = converse(&q, a, type);
	if (rc == -EPROTO)
		snprintf(why, size, "does not speak QMP: it is not QEMU");
	else if (rc == -ETIMEDOUT)
		snprintf(why, size, "said nothing for %d s: is it QEMU?", patience / 1000);
	else if (rc == -EOPNOTSUPP)
		snprintf(why, size, "(QEMU %s) has no %s", a->version, type);
	else if (rc)
		snprintf(why, size, "%s", strerror(-rc));
	qmp_fini(&q);
	return rc;
}

void qemu_about_fini(struct qemu_about *a)
{
	json_object_put(a->props);
	a->props = NULL;
}

/* Why there is no QEMU to talk to: it could not be run, or it ended. */
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
