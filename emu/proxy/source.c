/* SPDX-License-Identifier: MIT */
/* Proxies between vhost-user front ends and back ends as a source of events. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/class/class.h"
#include "decoder/util/child.h"
#include "decoder/util/clock.h"
#include "decoder/util/guard.h"
#include "decoder/util/number.h"
#include "emu/proxy/poll.h"
#include "emu/proxy/report.h"
#include "emu/proxy/source.h"
#include "emu/proxy/vhost_user.h"
#include "emu/server/helper.h"
#include "emu/server/server.h"

#define PROXIES 32
#define SPIN_US 5
#define STEP_MS 100 /* at most, of passive ones */
#define LAST_STEPS 64 /* for events that are still pending at the end */

struct proxy_config {
	struct {
		char listen[108]; /* where front ends connect */
		const char *backend;
	} pair[PROXIES];
	unsigned n;
	const char *type; /* of the devices; NULL: what they look like */
	bool passive; /* --passive */
	unsigned share; /* percent of a core; 0: by what the processors have to spare */
};

struct proxy_source;

struct proxy_one {
	struct proxy_source *all;
	char listen[108];
	const char *backend;
	char name[24]; /* in the trace */
	struct server *server;
	struct emu_tap *tap;
	unsigned index;
	bool bound; /* this process created the socket and removes it */
};

struct proxy_source {
	struct source base;
	struct source_request request;
	struct proxy_one one[PROXIES];
	unsigned n;
	struct helper *helper; /* does what needs paths: this process may be confined */
	bool passive;
	struct proxy_poll poll;
};

enum { TASK_CONNECT, TASK_REMOVE }; /* the argument is the index of a proxy */

/* --- options --------------------------------------------------------------- */

static int add_pair(void *config, const char *value, struct text *why)
{
	struct proxy_config *c = config;
	const char *eq = strchr(value, '=');

	if (!eq || eq == value || !eq[1])
		return option_refuse(
			why, "not LISTEN=BACKEND, two sockets: the front end connects to LISTEN, "
			     "the device serves BACKEND");
	if (c->n == PROXIES)
		return option_refuse(why, "too many of them");
	if ((size_t)(eq - value) >= sizeof(c->pair[0].listen))
		return option_refuse(why, "socket paths have at most 107 bytes");
	memcpy(c->pair[c->n].listen, value, (size_t)(eq - value));
	c->pair[c->n++].backend = eq + 1;
	return 0;
}

static int set_type(void *config, const char *value, struct text *why)
{
	if (!class_by_name(value))
		return option_refuse(why, "no device type such as blk, net, fs, scsi");
	((struct proxy_config *)config)->type = value;
	return 0;
}

static int set_passive(void *config, const char *value, struct text *why)
{
	unsigned long long share = 0;

	if (value && (!number_parse(value, 100, &share) || !share))
		return option_refuse(why, "not a percentage from 1 to 100");
	((struct proxy_config *)config)->passive = true;
	((struct proxy_config *)config)->share = (unsigned)share;
	return 0;
}

static const struct option_row options[] = {
	{ OPTION_CALL, 0, "vhost-user", "LISTEN=BACKEND",
	  "any vhost-user front end connects to the socket LISTEN, the device serves BACKEND "
	  "(repeat); COMMAND, if there is one, starts the front end",
	  .call = add_pair },
	{ OPTION_CALL, 0, "type", "NAME",
	  "the device's type (blk, net, fs, ...), which the protocol does not say (default: what "
	  "its features, configuration and requests tell)",
	  .call = set_type },
	{ OPTION_CALL, 0, "passive", "[=PERCENT]",
	  "let kicks and calls pass straight between the two sides, unseen, and look at the rings as "
	  "often as PERCENT of one processor core allows (10; less, down to 2, where the processors have "
	  "nothing to spare): costs the sides less, tells less",
	  .call = set_passive },
	{},
};

static int check(const void *config, const struct source_request *r, bool command,
		 struct source_error *err)
{
	const struct proxy_config *c = config;

	if (!c->n)
		return source_fail(err, -EINVAL,
				   "say between what to stand: --vhost-user LISTEN=BACKEND");
	return 0;
}

/* --- opening --------------------------------------------------------------- */

static uint64_t now(void *opaque)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void emit(void *opaque, const void *record, size_t len)
{
	struct proxy_source *p = ((struct proxy_one *)opaque)->all;

	p->request.record(p->request.ctx, record, len);
}

static int to_backend(void *opaque)
{
	struct proxy_one *one = opaque;
	int fd = helper_ask(one->all->helper, TASK_CONNECT, one->index);

	if (fd < 0)
		server_report(one->server, SERVER_NOTE, "%s: %s; is the device running there?",
			      one->backend, strerror(-fd));
	return fd;
}

static void on_event(void *opaque, enum server_event what, const char *text)
{
	struct proxy_one *one = opaque;
	const struct source_request *r = &one->all->request;

	if (!text)
		return; /* said too often */
	if (what == SERVER_PROTOCOL_ERROR || what == SERVER_NOTE)
		source_say(r, SOURCE_WARNING, "%s: %s", one->name, text);
	else
		source_say(r, SOURCE_DETAIL, "%s: %s", one->name,
			   what == SERVER_CONNECTED ? "a front end connected"
						    : "the front end disconnected");
}

static void close_source(struct source *s)
{
	struct proxy_source *p = (struct proxy_source *)s;

	for (unsigned i = 0; p && i < p->n; i++) {
		server_free(p->one[i].server);
		emu_tap_free(p->one[i].tap);
		if (p->one[i].bound)
			helper_ask(p->helper, TASK_REMOVE, i);
	}
	if (p)
		helper_end(p->helper);
	if (p && p->passive)
		proxy_poll_close(&p->poll);
	free(p);
}

static int open_one(struct proxy_source *p, unsigned i, const char *type, struct source_error *err)
{
	struct proxy_one *one = &p->one[i];
	const struct class *c = type ? class_by_name(type) : NULL;
	struct emu_tap_config tap = { .emit = emit,
				      .now = now,
				      .opaque = one,
				      .snaplen = p->request.snaplen,
				      .device = (uint16_t)(i + 1),
				      .source = (uint8_t)(i + 1),
				      .kind = p->passive ? VQT_SRC_PROXY_PASSIVE : VQT_SRC_PROXY };
	struct vhost_proxy_config cfg = { .connect = to_backend,
					  .connect_opaque = one,
					  .virtio_id = c ? c->id : 0,
					  .name = one->name,
					  .spin_us = p->passive ? 0 : SPIN_US,
					  .passive = p->passive,
					  .within = p->passive ? &p->poll.within : NULL,
					  .report = on_event,
					  .opaque = one };
	int code = -ENOMEM;

	one->all = p;
	one->index = i;
	snprintf(one->name, sizeof(one->name), "%.11s%u", c ? c->name : "dev", i);
	cfg.tap = one->tap = emu_tap_new(&tap);
	if (one->tap)
		code = vhost_proxy_new(&one->server, &cfg);
	if (code)
		return source_fail(err, code, "cannot stand between %s and %s: %s", one->listen,
				   one->backend, strerror(-code));
	return 0;
}

static int open_source(struct source **out, const void *config,
		       const struct source_request *request, struct source_error *err)
{
	const struct proxy_config *c = config;
	struct proxy_source *p = calloc(1, sizeof(*p));
	int code = 0;

	if (!p)
		return source_fail(err, -ENOMEM, "no memory");
	p->base.ops = &proxy_source_ops;
	p->request = *request;
	p->poll.timer = -1;
	p->passive = c->passive;
	if (p->passive && proxy_poll_open(&p->poll, c->share) < 0)
		code = source_fail(err, -errno, "cannot make a timer: %s", strerror(errno));
	for (unsigned i = 0; i < c->n && !code; i++, p->n++) {
		memcpy(p->one[i].listen, c->pair[i].listen, sizeof(p->one[i].listen));
		p->one[i].backend = c->pair[i].backend;
		code = open_one(p, i, c->type, err);
	}
	if (code) {
		close_source(&p->base);
		return code;
	}
	*out = &p->base;
	return 0;
}

/* --- beginning ------------------------------------------------------------- */

static int listen_on(struct proxy_one *one, struct source_error *err)
{
	int fd = server_socket(one->listen), code;

	if (fd < 0)
		return source_fail(
			err, fd, "cannot listen on %s: %s%s", one->listen, strerror(-fd),
			fd == -EADDRINUSE ? "; is another server using it, or is it a file? Choose "
					    "another name or remove it"
			: fd == -ENOENT	  ? "; its folder does not exist"
					  : "");
	one->bound = true;
	code = server_listen(one->server, fd);
	if (code)
		return source_fail(err, code, "cannot wait for front ends: %s", strerror(-code));
	return 0;
}

static const char passive_note[] =
	"passive: kicks and calls pass straight between front end and back end and are not seen; the "
	"rings are read from beside the device: a chain or completion has the time when it was found, "
	"and says how long before that it may have happened";

static void describe(struct source *s)
{
	struct proxy_source *p = (struct proxy_source *)s;
	char name[320];

	emu_tap_session(p->one[0].tap, "vqtrace " VQTRACE_VERSION, p->request.command,
			(int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC)));
	for (unsigned i = 0; i < p->n; i++) {
		snprintf(name, sizeof(name), "vhost-user, before %s%s", p->one[i].backend,
			 p->passive ? ", passive" : "");
		emu_tap_source(p->one[i].tap, name, (uint32_t)getpid());
		if (p->passive)
			emu_tap_note(p->one[i].tap, VQT_NOTE_INFO, passive_note);
		vhost_proxy_preamble(p->one[i].server);
	}
}

static int connect_task(void *opaque, uint32_t arg, int *gives)
{
	const struct proxy_source *p = opaque;

	*gives = arg < p->n ? vhost_proxy_connect(p->one[arg].backend) : -EINVAL;
	return *gives < 0 ? *gives : 0;
}

static int remove_task(void *opaque, uint32_t arg, int *gives)
{
	const struct proxy_source *p = opaque;

	return arg < p->n ? server_socket_remove(p->one[arg].listen) : -EINVAL;
}

static int start_helper(struct proxy_source *p, struct source_error *err)
{
	static struct helper_task tasks[] = {
		[TASK_CONNECT] = { connect_task }, [TASK_REMOVE] = { remove_task }
	};
	int code;

	tasks[TASK_CONNECT].opaque = tasks[TASK_REMOVE].opaque = p;
	code = helper_start(&p->helper, tasks, 2);
	return code ? source_fail(err, code, "cannot start a helper: %s", strerror(-code)) : 0;
}

static int begin(struct source *s, char *const argv[], struct source_child *child,
		 struct source_error *err)
{
	struct proxy_source *p = (struct proxy_source *)s;
	int code = start_helper(p, err);

	guard_install();
	for (unsigned i = 0; i < p->n && !code; i++)
		code = listen_on(&p->one[i], err);
	if (code)
		return code;
	describe(s);
	for (unsigned i = 0; i < p->n; i++)
		source_say(&p->request, SOURCE_INFO, "%s: front ends of %s connect to %s",
			   p->one[i].name, p->one[i].backend, p->one[i].listen);
	if (argv) {
		pid_t pid = child_run(argv[0], argv);

		if (pid < 0)
			return source_fail(err, pid, "cannot start %s: %s%s", argv[0],
					   strerror(-pid),
					   pid == -ENOENT ? "; is it installed and in PATH?" : "");
		*child = (struct source_child){ .pid = pid, .worker = pid };
	}
	if (p->passive)
		proxy_poll_begin(&p->poll); /* not before: a command inherits what this changes */
	return 0;
}

/* --- running --------------------------------------------------------------- */

static unsigned descriptors(struct source *s, struct pollfd *fd, unsigned max, int *timeout_ms)
{
	struct proxy_source *p = (struct proxy_source *)s;
	unsigned n = p->n < max ? p->n : max;

	if (p->passive && n < max)
		fd[n] = (struct pollfd){ .fd = proxy_poll_timer(&p->poll), .events = POLLIN };
	for (unsigned i = 0; i < n; i++) {
		int own = vhost_proxy_timeout(p->one[i].server);

		if (own >= 0 && (*timeout_ms < 0 || own < *timeout_ms))
			*timeout_ms = own;
		fd[i] = (struct pollfd){ .fd = p->one[i].server->ep, .events = POLLIN };
	}
	return n + (p->passive && n < max);
}

/* One look at all rings, if it is due. */
static void look(struct proxy_source *p)
{
	bool follows = false;
	unsigned found = 0;
	uint32_t in_flight = 0;

	if (!proxy_poll_due(&p->poll))
		return;
	for (unsigned i = 0; i < p->n; i++) {
		follows |= vhost_proxy_follows(p->one[i].server);
		found += vhost_proxy_look(p->one[i].server, &in_flight);
	}
	proxy_poll_looked(&p->poll, follows, found, in_flight);
}

/* Wait so long, ns, for what comes for this proxy, and handle it. */
static int serve(struct proxy_source *p, struct server *d, uint64_t wait)
{
	uint64_t before = d->stats.messages;
	bool connected = server_connected(d);
	int code = server_step_ns(d, wait);

	if (d->stats.messages != before || server_connected(d) != connected)
		proxy_poll_wake(&p->poll);
	if (vhost_proxy_notified(d))
		proxy_poll_notified(&p->poll);
	return code;
}

/* The same for all; with `spent` kicks and calls wake nobody. */
static int serve_any(struct proxy_source *p, uint64_t wait, bool spent)
{
	struct timespec t = { .tv_sec = (time_t)(wait / 1000000000),
			      .tv_nsec = (long)(wait % 1000000000) };
	struct pollfd fd[PROXIES * VHOST_PROXY_SOCKETS];
	unsigned n = 0;
	int code;

	for (unsigned i = 0; i < p->n; i++) {
		struct server *d = p->one[i].server;

		if (spent)
			n += vhost_proxy_sockets(d, fd + n);
		else
			fd[n++] = (struct pollfd){ .fd = d->ep, .events = POLLIN };
	}
	code = ppoll(fd, n, &t, NULL);
	for (unsigned i = 0; code > 0 && i < p->n; i++)
		serve(p, p->one[i].server, 0);
	return code < 0 ? -errno : 0;
}

/* Wait for messages, kicks and calls, and for the time to look. */
static int serve_until(struct proxy_source *p, uint64_t until)
{
	uint64_t wait = proxy_poll_wait(&p->poll, until);
	/* who has waited in poll() has been woken by kicks and calls: then they are taken note of */
	bool spent = wait && proxy_poll_spent(&p->poll);

	return p->n == 1 && !spent ? serve(p, p->one[0].server, wait) : serve_any(p, wait, spent);
}

static int step_passive(struct proxy_source *p, int timeout_ms)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) +
			 (uint64_t)(timeout_ms < 0 ? STEP_MS : timeout_ms) * 1000000;
	int code;

	do {
		code = serve_until(p, until);
		look(p);
	} while (!code && clock_ns(CLOCK_MONOTONIC) < until);
	return code;
}

static int step(struct source *s, int timeout_ms)
{
	struct proxy_source *p = (struct proxy_source *)s;
	struct pollfd fd[PROXIES];
	unsigned n;

	if (p->passive)
		return step_passive(p, timeout_ms);
	n = descriptors(s, fd, PROXIES, &timeout_ms);
	if (n == 1) /* it can wait for itself */
		server_step(p->one[0].server, timeout_ms, NULL);
	else if (poll(fd, n, timeout_ms) < 0)
		return -errno;
	for (unsigned i = 0; n > 1 && i < n; i++)
		server_step(p->one[i].server, 0, NULL);
	return 0; /* nothing is buffered */
}

/* How right the times in the file so far are. */
static void settle(struct source *s)
{
	struct proxy_source *p = (struct proxy_source *)s;
	TEXT(t, 200);

	proxy_poll_put_within(&p->poll, &t);
	for (unsigned i = 0; t.len && i < p->n; i++)
		emu_tap_note(p->one[i].tap, VQT_NOTE_INFO, t.buf);
}

/* Handle everything that has been signalled so far; then disconnect the front ends. */
static void stop(struct source *s)
{
	struct proxy_source *p = (struct proxy_source *)s;

	for (unsigned i = 0; i < p->n; i++) {
		struct server *d = p->one[i].server;

		for (int n = 0; n < LAST_STEPS && server_connected(d) && !server_idle(d); n++)
			server_step(d, 0, NULL);
		server_disconnect(d);
	}
	settle(s);
}

static void stats(const struct source *s, struct source_stats *out)
{
	const struct proxy_source *p = (const struct proxy_source *)s;

	*out = (struct source_stats){ .alive = p->n };
	for (unsigned i = 0; i < p->n; i++) {
		struct snoop_stats q = vhost_proxy_stats(p->one[i].server).rings;

		out->lost.records += q.lost;
		out->lost.more |= q.lost_more != 0;
	}
}

static void report_polling(const struct proxy_source *p)
{
	TEXT(t, 256);

	proxy_poll_put_cost(&p->poll, &t);
	source_say(&p->request, SOURCE_INFO, "%s", t.buf);
	t.len = 0;
	proxy_poll_put_within(&p->poll, &t);
	if (t.len)
		source_say(&p->request, SOURCE_INFO, "%s", t.buf);
}

static void report(struct source *s)
{
	struct proxy_source *p = (struct proxy_source *)s;

	for (unsigned i = 0; i < p->n; i++) {
		struct vhost_proxy_stats v = vhost_proxy_stats(p->one[i].server);

		proxy_report(&p->request, p->one[i].name, &v, p->passive);
	}
	if (p->passive)
		report_polling(p);
}

/* --- what can be done here ------------------------------------------------- */

static enum source_verdict available(struct text *reason, struct text *remedy)
{
	return SOURCE_OK; /* it needs only UNIX sockets and shared memory, which every host has */
}

static int examine(const char *target, struct source_report *r, struct source_error *err)
{
	if (target)
		return source_fail(err, -EINVAL,
				   "%s: this source looks at no process; it stands between two "
				   "sockets",
				   target);
	source_found(r, SOURCE_OK, "privileges", "",
		     "none needed, but to connect to the device's socket");
	source_found(r, SOURCE_OK, "front ends", "",
		     "any that share their memory by descriptor (QEMU: share=on)");
	return 0;
}

const struct source_ops proxy_source_ops = {
	.name = "vhost-user",
	.summary = "a vhost-user front end and its device, from between them: --vhost-user",
	.noun = "device",
	.options = options,
	.config_size = sizeof(struct proxy_config),
	.available = available,
	.examine = examine,
	.check = check,
	.open = open_source,
	.begin = begin,
	.descriptors = descriptors,
	.step = step,
	.settle = settle,
	.describe = describe,
	.stop = stop,
	.confinable = true,
	.between = true,
	.whole_stop = true,
	.stats = stats,
	.report = report,
	.close = close_source,
};
