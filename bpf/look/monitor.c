/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/look/monitor.h"
#include "decoder/util/clock.h"
#include "decoder/util/qmp.h"

#define PATIENCE_MS 600 /* for all answers */

static int query(struct machine *m, int fd)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + PATIENCE_MS * UINT64_C(1000000), now;
	struct json_object *ret = NULL, *running;
	struct qmp q;
	int err = qmp_init(&q, fd, PATIENCE_MS / 2); /* greeting, and the end of it */

	if (!err)
		err = qmp_greet(&q, NULL);
	now = clock_ns(CLOCK_MONOTONIC);
	q.patience = now < until ? (int)((until - now) / 1000000) + 1 : 1;
	if (!err)
		err = qmp_command(&q, "query-status", NULL, &ret);
	running = err ? NULL : qmp_member(ret, "running", json_type_boolean);
	if (running) {
		const char *status = qmp_string(ret, "status");

		m->asked = true;
		m->asked_paused = !json_object_get_boolean(running);
		if (!m->runstate)
			snprintf(m->state, sizeof(m->state), "%s", status ? status : "");
	}
	json_object_put(ret);
	qmp_fini(&q);
	return err;
}

int monitor_ask(struct machine *m, const char *socket, struct source_error *err)
{
	int fd = qmp_connect(socket), code = fd < 0 ? fd : query(m, fd);

	if (fd >= 0)
		close(fd);
	return code < 0 ? source_fail(err, code, "QMP socket %.200s: %s%s", socket,
				      code == -EPROTO  ? "the answer is not QMP"
				      : code == -EPIPE ? "the connection was closed"
						       : strerror(-code),
				      code == -ETIMEDOUT
					      ? ": QEMU's main thread hangs or is stopped, or "
						"another client holds the monitor"
					      : "")
			: 0;
}
