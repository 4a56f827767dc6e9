/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "decoder/live/exchange.h"
#include "decoder/live/joined.h"
#include "decoder/live/live.h"
#include "decoder/merge/report.h"
#include "decoder/trace/feed.h"
#include "decoder/util/clock.h"
#include "decoder/util/socket.h"

#define DESCRIPTORS 256
/*
 * How long records of one side wait for the other's.  Nobody watches a file while it grows, so it can
 * be later than a pipe or a screen.
 */
#define WATCHED UINT64_C(3000000000) /* ns */
#define UNWATCHED UINT64_C(30000000000)
#define RETRY UINT64_C(100000000) /* ns between two attempts to connect */
#define WARN_AFTER UINT64_C(10000000000) /* ns without anything that says whose guest it is */
#define STEP_BYTES (1U << 20) /* of a guest, between two steps of the host's source */
#define LAST_STEPS 64 /* of them, at the end */
#define LOST_MOST (UINT64_C(1) << 48) /* records */

/* The stream of a guest. */
struct stream_in {
	const char *path;
	int fd; /* -1: not connected */
	uint64_t tried, began; /* ns; began: 0 nothing has come */
	struct trace_feed *feed;
	struct exchange exchange;
	uint64_t lost; /* records, as the guest says */
	bool linked, warned; /* said */
};

struct joined {
	struct source s;
	struct source *inner;
	struct source_request request; /* as it was asked for */
	struct live *live;
	struct stream_in guest[MERGE_GUESTS];
	unsigned guests;
	bool mute; /* what the host's source hands on is not complete */
	bool failed; /* no memory: what comes is handed on as it is */
};

/* --- between ------------------------------------------------------------------------------------ */

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static int hand_on(void *ctx, const void *record, size_t len)
{
	struct joined *j = ctx;

	j->request.record(j->request.ctx, record, len);
	return 0;
}

/* Without the memory for it there is no joining; the host's side is recorded all the same. */
static void fail(struct joined *j, int rc)
{
	if (!rc || j->failed)
		return;
	j->failed = true;
	live_give_up(j->live);
	source_say(&j->request, SOURCE_WARNING, "%s: from here on the guests' side is not recorded",
		   strerror(-rc));
}

static void on_record(void *ctx, const void *record, size_t len)
{
	struct joined *j = ctx;

	if (j->mute)
		return;
	if (!j->failed)
		fail(j, live_host(j->live, record, len, now_ns()));
	if (j->failed)
		hand_on(j, record, len);
}

static void on_words(void *ctx, enum source_level level, const char *text)
{
	struct joined *j = ctx;

	j->request.say(j->request.ctx, level, text);
}

static bool is_ended(void *ctx)
{
	struct joined *j = ctx;

	return j->request.ended(j->request.ctx);
}

/* --- streams ------------------------------------------------------------------------------------ */

/* Try to connect: the socket is there once QEMU is. */
static void connect_to(struct joined *j, unsigned i, uint64_t now)
{
	struct stream_in *g = &j->guest[i];
	struct ucred who;
	socklen_t len = sizeof(who);

	if (now - g->tried < RETRY)
		return;
	g->tried = now;
	g->fd = socket_try_connect(g->path);
	if (g->fd < 0)
		return;
	trace_feed_restart(g->feed);
	g->exchange = (struct exchange){ 0 };
	if (!getsockopt(g->fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		live_set_process(j->live, i, who.pid);
}

static void disconnect(struct joined *j, unsigned i)
{
	struct stream_in *g = &j->guest[i];

	close(g->fd);
	g->fd = -1;
	trace_feed_end(g->feed);
}

/* What a guest says that it has lost; it can say anything. */
static void note_loss(struct stream_in *g, const struct record *rec)
{
	uint64_t lost = rec->h.type == VQT_LOSS ? rec->loss.lost : 0;

	lost = lost < UINT32_MAX ? lost : UINT32_MAX;
	g->lost = g->lost + lost < LOST_MOST ? g->lost + lost : LOST_MOST;
}

static int take_record(struct joined *j, unsigned i, const struct record *rec, uint64_t now)
{
	struct stream_in *g = &j->guest[i];
	struct vqt_exchange x;
	int rc = live_guest(j->live, i, rec, now);

	g->began = g->began ? g->began : now;
	note_loss(g, rec);
	if (!rc && exchange_take(&g->exchange, rec, now, &x))
		rc = live_host(j->live, &x, sizeof(x), now);
	return rc;
}

/* What has come is of before `now`. */
static int take_records(struct joined *j, unsigned i, uint64_t now)
{
	struct stream_in *g = &j->guest[i];
	struct record rec;
	int rc = 0;

	while (!rc && live_guest_wants(j->live, i)) {
		switch (trace_feed_next(g->feed, &rec)) {
		case FEED_MORE: return 0;
		case FEED_BAD: break;
		case FEED_BEGIN:
			g->exchange = (struct exchange){ 0 };
			rc = live_guest_begins(j->live, i);
			break;
		case FEED_RECORD: rc = take_record(j, i, &rec, now); break;
		}
	}
	return rc;
}

/* What has come of it, at most so many bytes. */
static int read_stream(struct joined *j, unsigned i, size_t most, bool *more)
{
	struct stream_in *g = &j->guest[i];
	size_t done = 0;
	int rc = 0;

	while (!rc && g->fd >= 0 && done < most && live_guest_wants(j->live, i)) {
		size_t room;
		uint8_t *to = trace_feed_room(g->feed, &room);
		ssize_t n = room ? recv(g->fd, to, room, 0) : -1;

		if (!room || (n < 0 && (errno == EAGAIN || errno == EINTR)))
			break;
		if (n <= 0)
			disconnect(j, i);
		else
			trace_feed_add(g->feed, (size_t)n);
		done += n > 0 ? (size_t)n : 0;
		*more = true;
		rc = take_records(j, i, now_ns());
		if (!rc && n <= 0)
			rc = live_guest_ends(j->live, i);
	}
	return rc;
}

/* more: something has come. */
static int read_streams(struct joined *j, size_t most, bool *more)
{
	int rc = 0;

	*more = false;
	for (unsigned i = 0; !rc && i < j->guests; i++) {
		struct stream_in *g = &j->guest[i];
		uint64_t now = now_ns();

		rc = take_records(j, i, now); /* that had to wait */
		if (!rc && g->fd < 0)
			connect_to(j, i, now);
		if (!rc)
			rc = read_stream(j, i, most, more);
	}
	return rc;
}

/* Where nothing tells of a guest's clock, the guest does. */
static void ask(struct joined *j, unsigned i, uint64_t now)
{
	struct stream_in *g = &j->guest[i];
	uint64_t told;

	if (g->fd >= 0 && live_told(j->live, i, &told) && exchange_due(&g->exchange, told, now))
		exchange_ask(&g->exchange, g->fd);
}

/* Once: whose guest it is, or that this is not known. */
static void say_linked(struct joined *j, unsigned i, uint64_t now)
{
	struct stream_in *g = &j->guest[i];

	if (g->linked || !g->began)
		return;
	g->linked = live_linked(j->live, i);
	if (g->linked)
		source_say(&j->request, SOURCE_INFO, "guest=%s: its side is recorded, too",
			   g->path);
	else if (!g->warned && now - g->began > WARN_AFTER) {
		g->warned = true;
		source_say(
			&j->request, SOURCE_WARNING,
			"guest=%s: nothing yet says that it is a guest of what is recorded here; "
			"what it sends waits, and is lost if that stays so",
			g->path);
	}
}

/* --- the source ---------------------------------------------------------------------------------- */

static int check(const void *config, const struct source_request *request, bool command,
		 struct source_error *err)
{
	const struct joined_config *c = config;
	static const struct sockaddr_un any;

	for (unsigned i = 0; i < c->sockets; i++)
		if (!c->socket[i][0] || strlen(c->socket[i]) >= sizeof(any.sun_path))
			return source_fail(err, -EINVAL,
					   "guest=%.120s: the path of a socket has 1 to %zu bytes",
					   c->socket[i], sizeof(any.sun_path) - 1);
	if (request->light)
		return source_fail(err, -EINVAL,
				   "--light counts without recording events, and there is nothing "
				   "that could be joined with a guest's; leave one out");
	return c->ops->check(c->config, request, command, err);
}

static void close_source(struct source *s)
{
	struct joined *j = (struct joined *)s;

	if (!j)
		return;
	if (j->inner)
		j->inner->ops->close(j->inner);
	for (unsigned i = 0; i < j->guests; i++) {
		if (j->guest[i].fd >= 0)
			close(j->guest[i].fd);
		trace_feed_free(j->guest[i].feed);
	}
	live_free(j->live);
	free((void *)s->ops);
	free(j);
}

static int add_streams(struct joined *j, const struct joined_config *c)
{
	bool watched = !j->request.output || !strcmp(j->request.output, "-");

	j->live = live_new(watched ? WATCHED : UNWATCHED, hand_on, j);
	for (unsigned i = 0; j->live && i < c->sockets; i++) {
		j->guest[i] = (struct stream_in){ .path = c->socket[i],
						  .fd = -1,
						  .feed = trace_feed_new() };
		j->guests++;
		if (!j->guest[i].feed || live_add_guest(j->live, c->socket[i], 0) < 0)
			return -ENOMEM;
	}
	return j->live ? 0 : -ENOMEM;
}

static int open_source(struct source **out, const void *config,
		       const struct source_request *request, struct source_error *err)
{
	const struct joined_config *c = config;
	struct joined *j = calloc(1, sizeof(*j));
	struct source_ops *ops = calloc(1, sizeof(*ops));
	struct source_request inner = *request;
	int rc;

	if (!j || !ops) {
		free(j);
		free(ops);
		return source_fail(err, -ENOMEM, "no memory");
	}
	joined_ops(c->ops, ops);
	j->s.ops = ops;
	j->request = *request;
	inner.record = on_record;
	inner.say = on_words;
	inner.ended = request->ended ? is_ended : NULL;
	inner.ctx = j;
	rc = add_streams(j, c);
	if (rc)
		source_fail(err, rc, "no memory");
	else
		rc = c->ops->open(&j->inner, c->config, &inner, err);
	if (rc) {
		close_source(&j->s);
		return rc;
	}
	*out = &j->s;
	return 0;
}

static int begin(struct source *s, char *const argv[], struct source_child *child,
		 struct source_error *err)
{
	struct joined *j = (struct joined *)s;

	return j->inner->ops->begin(j->inner, argv, child, err);
}

static unsigned descriptors(struct source *s, struct pollfd *fd, unsigned max, int *timeout_ms)
{
	struct joined *j = (struct joined *)s;
	unsigned n = j->inner->ops->descriptors(j->inner, fd, max, timeout_ms);

	for (unsigned i = 0; i < j->guests && n < max && !j->failed; i++)
		if (j->guest[i].fd >= 0 && live_guest_wants(j->live, i))
			fd[n++] = (struct pollfd){ .fd = j->guest[i].fd, .events = POLLIN };
	return n;
}

static int step(struct source *s, int timeout_ms)
{
	struct joined *j = (struct joined *)s;
	struct pollfd fd[DESCRIPTORS];
	unsigned n = descriptors(s, fd, DESCRIPTORS, &timeout_ms);
	uint64_t now;
	bool unused;
	int more, rc;

	if (timeout_ms && poll(fd, n, timeout_ms) < 0 && errno == EINTR)
		return -EINTR;
	more = j->inner->ops->step(j->inner, 0);
	if (j->failed)
		return more;
	rc = read_streams(j, STEP_BYTES, &unused);
	now = now_ns();
	fail(j, rc ? rc : live_step(j->live, now));
	for (unsigned i = 0; i < j->guests; i++) {
		say_linked(j, i, now);
		ask(j, i, now);
	}
	return more;
}

static void settle(struct source *s)
{
	struct joined *j = (struct joined *)s;

	if (j->inner->ops->settle)
		j->inner->ops->settle(j->inner);
	if (!j->failed)
		fail(j, live_flush(j->live, now_ns()));
}

static void describe(struct source *s)
{
	struct joined *j = (struct joined *)s;

	live_describe_begin(j->live);
	j->inner->ops->describe(j->inner);
	fail(j, live_describe_end(j->live));
}

static void stats(const struct source *s, struct source_stats *out)
{
	const struct joined *j = (const struct joined *)s;

	j->inner->ops->stats(j->inner, out);
	for (unsigned i = 0; i < j->guests; i++)
		out->lost.records += j->guest[i].lost;
}

/* What is still in the sockets, also of a guest that has to wait for what came before. */
static void read_last(struct joined *j)
{
	bool more = true;

	for (unsigned i = 0; i < LAST_STEPS && more && !j->failed; i++) {
		int rc = read_streams(j, STEP_BYTES, &more);

		for (unsigned k = 0; k < j->guests; k++)
			more |= !live_guest_wants(j->live, k);
		fail(j, rc ? rc : live_flush(j->live, now_ns()));
	}
}

static void stop(struct source *s)
{
	struct joined *j = (struct joined *)s;
	struct source_stats inner;

	/* While probes are detached from a process that runs on, some of its events are missed. */
	j->inner->ops->stats(j->inner, &inner);
	j->mute = !j->inner->ops->whole_stop && inner.alive;
	j->inner->ops->stop(j->inner);
	read_last(j);
	if (!j->failed)
		fail(j, live_end(j->live, now_ns()));
}

static bool alive(const struct source *s, pid_t pid)
{
	const struct joined *j = (const struct joined *)s;

	return j->inner->ops->alive(j->inner, pid);
}

static bool cost(struct source *s, uint64_t *hits, uint64_t *ns)
{
	struct joined *j = (struct joined *)s;

	return j->inner->ops->cost(j->inner, hits, ns);
}

static void report_guest(struct joined *j, unsigned i)
{
	struct stream_in *g = &j->guest[i];
	struct feed_counts feed;
	struct live_state state;
	const struct merge_guest *r = live_report(j->live, i, &state);
	TEXT(t, 500);

	trace_feed_counts(g->feed, &feed);
	if (!g->began && feed.skipped) {
		source_say(
			&j->request, SOURCE_WARNING,
			"guest=%s: %llu bytes came, and no beginning of a trace: the guest's recorder "
			"was running already; start it again while this is recorded",
			g->path, (unsigned long long)feed.skipped);
		return;
	}
	if (!g->began) {
		source_say(
			&j->request, SOURCE_WARNING,
			"guest=%s: nothing came%s; the guest has to run 'vqtrace record -i guest "
			"-w /dev/virtio-ports/NAME' (or another port of that chardev)",
			g->path, g->fd < 0 && !feed.begun ? ", and nobody listened there" : "");
		return;
	}
	merge_put_guest(&t, r);
	source_say(&j->request, SOURCE_INFO, "guest=%s: %s", g->path, t.buf);
	if (state.boots > 1)
		source_say(&j->request, SOURCE_INFO, "guest=%s: it was started %llu times", g->path,
			   (unsigned long long)state.boots);
	if (state.refused[0])
		source_say(&j->request, SOURCE_WARNING, "guest=%s: %s", g->path, state.refused);
	if (state.unwritten)
		source_say(&j->request, SOURCE_WARNING,
			   "guest=%s: %llu events are not recorded: nothing says when they were",
			   g->path, (unsigned long long)state.unwritten);
	if (feed.bad || r->refused)
		source_say(&j->request, SOURCE_WARNING,
			   "guest=%s: %llu records were damaged or none that a guest may write",
			   g->path, (unsigned long long)(feed.bad + r->refused));
}

static void report(struct source *s)
{
	struct joined *j = (struct joined *)s;

	j->inner->ops->report(j->inner);
	for (unsigned i = 0; i < j->guests; i++)
		report_guest(j, i);
}

void joined_ops(const struct source_ops *ops, struct source_ops *out)
{
	*out = *ops;
	out->config_size = sizeof(struct joined_config);
	out->check = check;
	out->open = open_source;
	out->begin = begin;
	out->descriptors = descriptors;
	out->step = step;
	out->settle = settle;
	out->describe = describe;
	out->stop = stop;
	out->whole_stop = true;
	out->no_rings = false; /* the driver's side knows of requests */
	out->stats = stats;
	out->alive = ops->alive ? alive : NULL;
	out->cost = ops->cost ? cost : NULL;
	out->report = report;
	out->close = close_source;
}
