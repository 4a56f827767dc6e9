/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/record/proxy.h"
#include "decoder/class/class.h"
#include "emu/server/server.h"
#include "emu/server/map.h"
#include "emu/proxy/vhost_user.h"

#define SPIN_US 5
#define LAST_STEPS 64 /* for what waits at the end */

static int bad(struct text *why, const char *words)
{
	text_puts(why, words);
	return -EINVAL;
}

int record_proxy_option(struct record_proxy *p, const char *value, struct text *why)
{
	struct record_proxy_one *one = &p->one[p->n];
	const char *eq = strchr(value, '=');

	if (!eq || eq == value || !eq[1])
		return bad(why,
			   "not LISTEN=BACKEND, two sockets: the front end connects to LISTEN, "
			   "the device serves BACKEND");
	if (p->n == RECORD_PROXIES)
		return bad(why, "too many of them");
	if ((size_t)(eq - value) >= sizeof(one->listen))
		return bad(why, "socket paths have at most 107 bytes");
	memcpy(one->listen, value, (size_t)(eq - value));
	one->backend = eq + 1;
	one->all = p;
	p->n++;
	return 0;
}

int record_proxy_type(struct record_proxy *p, const char *value, struct text *why)
{
	if (!class_by_name(value))
		return bad(why, "no device type such as blk, net, fs, scsi");
	p->type = value;
	return 0;
}

/* --- the doors ------------------------------------------------------------- */

static uint64_t now(void *opaque)
{
	(void)opaque;
	return cli_clock();
}

static void emit(void *opaque, const void *record, size_t len)
{
	struct record_proxy_one *one = opaque;

	one->all->record(one->all->ctx, record, len);
}

static int to_backend(void *opaque)
{
	struct record_proxy_one *one = opaque;
	int fd = vhost_proxy_connect(one->backend);

	if (fd < 0)
		cli_warn("%s: %s; is the device running there?", one->backend, strerror(-fd));
	return fd;
}

static void say(void *opaque, enum server_event what, const char *text)
{
	struct record_proxy_one *one = opaque;

	if (what == SERVER_PROTOCOL_ERROR || what == SERVER_NOTE)
		cli_warn("%s: %s", one->name, text);
	else if (one->all->verbose)
		fprintf(stderr, "%s: %s\n", one->name,
			what == SERVER_CONNECTED ? "a front end connected"
						 : "the front end has gone");
}

static int listen_on(struct record_proxy_one *one)
{
	int fd = server_socket(one->listen), err;

	if (fd < 0) {
		cli_error("cannot listen on %s: %s%s", one->listen, strerror(-fd),
			  fd == -EADDRINUSE
				  ? "; is another server using it, or is it a file? Choose "
				    "another name or remove it"
			  : fd == -ENOENT ? "; its folder does not exist"
					  : "");
		return CLI_TROUBLE;
	}
	one->bound = true;
	err = server_listen(one->server, fd);
	if (err)
		cli_error("cannot wait for front ends: %s", strerror(-err));
	return err ? CLI_TROUBLE : CLI_OK;
}

static int open_one(struct record_proxy *p, unsigned i)
{
	struct record_proxy_one *one = &p->one[i];
	const struct class *c = class_by_name(p->type ? p->type : "blk");
	struct emu_tap_config tap = { .emit = emit,
				      .now = now,
				      .opaque = one,
				      .snaplen = p->snaplen,
				      .device = (uint16_t)(i + 1),
				      .source = (uint8_t)(i + 1),
				      .kind = VQT_SRC_PROXY };
	struct vhost_proxy_config cfg = { .connect = to_backend,
					  .connect_opaque = one,
					  .virtio_id = c->id,
					  .name = one->name,
					  .type_name = one->type,
					  .spin_us = SPIN_US,
					  .say = say,
					  .opaque = one };
	int err = -ENOMEM;

	snprintf(one->name, sizeof(one->name), "%.11s%u", c->name, i);
	snprintf(one->type, sizeof(one->type), "vhost-user-%.19s", c->name);
	cfg.tap = one->tap = emu_tap_new(&tap);
	if (one->tap)
		err = vhost_proxy_new(&one->server, &cfg);
	if (err) {
		cli_error("cannot stand between %s and %s: %s", one->listen, one->backend,
			  strerror(-err));
		return CLI_TROUBLE;
	}
	return listen_on(one);
}

void record_proxy_preamble(struct record_proxy *p)
{
	struct timespec ts;
	char name[320];

	clock_gettime(CLOCK_REALTIME, &ts);
	emu_tap_session(p->one[0].tap, "vqtrace " VQTRACE_VERSION, p->command,
			(int64_t)((uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec -
				  cli_clock()));
	for (unsigned i = 0; i < p->n; i++) {
		snprintf(name, sizeof(name), "vhost-user, before %s", p->one[i].backend);
		emu_tap_source(p->one[i].tap, name, (uint32_t)getpid());
		vhost_proxy_preamble(p->one[i].server);
	}
}

int record_proxy_open(struct record_proxy *p)
{
	int code = CLI_OK;

	server_map_guard();
	for (unsigned i = 0; i < p->n && code == CLI_OK; i++)
		code = open_one(p, i);
	if (code == CLI_OK)
		record_proxy_preamble(p);
	for (unsigned i = 0; i < p->n && code == CLI_OK && !p->quiet; i++)
		fprintf(stderr, "%s: front ends of %s connect to %s\n", p->one[i].name,
			p->one[i].backend, p->one[i].listen);
	return code;
}

/* --- while it runs --------------------------------------------------------- */

void record_proxy_poll(struct record_proxy *p, int ms)
{
	struct pollfd fd[RECORD_PROXIES];

	for (unsigned i = 0; i < p->n; i++) {
		int own = vhost_proxy_timeout(p->one[i].server);

		ms = own >= 0 && own < ms ? own : ms;
		fd[i] = (struct pollfd){ .fd = p->one[i].server->ep, .events = POLLIN };
	}
	if (p->n == 1) { /* it can wait for itself */
		server_step(p->one[0].server, ms, NULL);
		return;
	}
	if (poll(fd, p->n, ms) < 0)
		return;
	for (unsigned i = 0; i < p->n; i++)
		server_step(p->one[i].server, 0, NULL);
}

void record_proxy_end(struct record_proxy *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct server *d = p->one[i].server;

		for (int n = 0; d && n < LAST_STEPS && server_connected(d) && !server_quiet(d); n++)
			server_step(d, 0, NULL);
		if (d)
			server_hang_up(d);
	}
}

uint64_t record_proxy_lost(const struct record_proxy *p)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < p->n; i++)
		lost += p->one[i].server ? vhost_proxy_stats(p->one[i].server).rings.lost : 0;
	return lost;
}

void record_proxy_summarize(const struct record_proxy *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct vhost_proxy_stats s = vhost_proxy_stats(p->one[i].server);
		const struct snoop_stats *r = &s.rings;

		if (!p->quiet)
			fprintf(stderr,
				"%s: %llu front end%s, %llu messages, %llu kicks, %llu calls; of "
				"%llu chains %llu seen late, %llu used before they could be read, %llu "
				"without their status\n",
				p->one[i].name, (unsigned long long)s.clients,
				s.clients == 1 ? "" : "s", (unsigned long long)s.messages,
				(unsigned long long)r->kicks, (unsigned long long)r->calls,
				(unsigned long long)r->chains, (unsigned long long)r->late,
				(unsigned long long)r->unread, (unsigned long long)r->unsure);
		if (s.unknown)
			cli_warn(
				"%s: %llu messages of kinds not known here were handed on as they came",
				p->one[i].name, (unsigned long long)s.unknown);
		if (r->lost)
			cli_warn(
				"%s: %llu chains were gone before they could be looked at; both sides "
				"poll, and this process got no processor",
				p->one[i].name, (unsigned long long)r->lost);
	}
}

void record_proxy_close(struct record_proxy *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		server_free(p->one[i].server);
		emu_tap_free(p->one[i].tap);
		if (p->one[i].bound)
			unlink(p->one[i].listen);
		p->one[i].server = NULL;
		p->one[i].tap = NULL;
		p->one[i].bound = false;
	}
}
