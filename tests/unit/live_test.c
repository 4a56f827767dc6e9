/* SPDX-License-Identifier: MIT */
/* Both sides joined while they come: the same as afterwards, whatever comes late or not at all. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "decoder/live/live.h"
#include "tests/unit/tap.h"
#include "tests/unit/two_sides.h"

#define PATIENCE (30 * SECOND)
#define STEP (25 * MS)
#define LATE UINT64_MAX /* it never comes */

struct joining {
	struct live *l;
	struct file to;
	uint64_t now, stepped;
	uint64_t written;
	int guest;
	bool begun; /* a trace of the guest */
};

static int write_record(void *ctx, const void *record, size_t len)
{
	struct joining *j = ctx;

	CHECK(((const struct vqt_hdr *)record)->ts <= j->now); /* nothing is of the future */
	j->written++;
	return trace_write(j->to.w, record, len);
}

static void join_begin(struct joining *j, uint64_t patience, pid_t pid)
{
	struct trace_error err;

	*j = (struct joining){ .now = BEGIN - 2 * SECOND, .stepped = BEGIN - 2 * SECOND };
	file_make(&j->to);
	if (trace_create(&j->to.w, j->to.path, &err))
		abort();
	j->l = live_new(patience, write_record, j);
	j->guest = live_add_guest(j->l, "guest", pid);
	CHECK_EQ(j->guest, 0);
}

/* Time goes on; as often as recorders look, what is decided is written. */
static void until(struct joining *j, uint64_t now)
{
	while (now > j->stepped + STEP) {
		j->stepped += STEP;
		CHECK_EQ(live_step(j->l, j->stepped), 0);
	}
	j->now = now > j->now ? now : j->now;
}

static void join_end(struct joining *j)
{
	CHECK_EQ(live_end(j->l, j->now), 0);
	file_end(&j->to);
}

/* Records of a trace, each when it came. */
struct coming {
	struct trace_reader *t;
	struct record rec;
	uint64_t at; /* host time; LATE: no more */
};

/* When the host sees a guest's record: 100 ms later, or what `stall` says. */
struct delay {
	uint64_t from, until; /* host time: what comes between them comes at `until` */
};

static void next(struct coming *c, const struct clocks *clocks, const struct delay *d)
{
	struct trace_error err;
	bool again;

	if (trace_next(c->t, &c->rec, &again, &err) <= 0) {
		c->at = LATE;
		return;
	}
	c->at = c->rec.h.ts + 20 * MS;
	if (!clocks)
		return;
	/* the inverse of guest_time(), roughly */
	c->at = BEGIN + (c->rec.h.ts - 77 * SECOND) + 100 * MS;
	if (clocks->pause && c->rec.h.ts - 77 * SECOND > clocks->chains / 2 * MS + MS / 2)
		c->at += clocks->pause;
	if (d && c->at >= d->from && c->at < d->until)
		c->at = d->until;
}

static void open_coming(struct coming *c, const struct file *f, const struct clocks *clocks,
			const struct delay *d)
{
	struct trace_error err;

	if (trace_open(&c->t, f->path, &err))
		abort();
	next(c, clocks, d);
}

/* Both as they came. */
static void play(struct joining *j, const struct file *host, const struct file *guest,
		 const struct clocks *clocks, const struct delay *d)
{
	struct coming h = { .at = LATE }, g = { .at = LATE };

	open_coming(&h, host, NULL, NULL);
	if (guest) {
		open_coming(&g, guest, clocks, d);
		if (!j->begun)
			CHECK_EQ(live_guest_begins(j->l, 0), 0);
		j->begun = true;
	}
	while (h.at != LATE || g.at != LATE) {
		if (h.at <= g.at) {
			until(j, h.at);
			CHECK_EQ(live_host(j->l, h.rec.raw, h.rec.len, j->now), 0);
			next(&h, NULL, NULL);
		} else {
			until(j, g.at);
			CHECK_EQ(live_guest(j->l, 0, &g.rec, j->now), 0);
			next(&g, clocks, d);
		}
	}
	trace_close(h.t);
	if (g.t)
		trace_close(g.t);
}

static void join_free(struct joining *j)
{
	live_free(j->l);
	close(j->to.fd);
}

/* Do two traces hold the same bytes? */
static bool same(const char *a, const char *b)
{
	struct trace_reader *x, *y;
	struct trace_error err;
	struct record p, q;
	bool again, same = true;
	int more = 1;

	if (trace_open(&x, a, &err) || trace_open(&y, b, &err))
		abort();
	while (same && more > 0) {
		more = trace_next(x, &p, &again, &err);
		same = trace_next(y, &q, &again, &err) == more &&
		       (more <= 0 || (p.len == q.len && !memcmp(p.raw, q.raw, p.len)));
	}
	trace_close(x);
	trace_close(y);
	return same;
}

static void merged_like(const struct clocks *c, pid_t pid)
{
	struct file host, guest, merged;
	struct merge_job job = { .paths = 2 };
	struct merge_result result;
	struct trace_error err;
	struct live_state state;
	struct joining j;
	struct seen s;

	record_both(c, &host, &guest, 0);
	join_begin(&j, PATIENCE, pid);
	play(&j, &host, &guest, c, NULL);
	join_end(&j);
	file_make(&merged);
	job.path[0] = host.path;
	job.path[1] = guest.path;
	job.write = merged.path;
	CHECK_EQ(merge_files(&job, &result, &err), 0);
	CHECK(same(j.to.path, merged.path));
	look(&s, c, j.to.path);
	CHECK_EQ(s.guests, c->chains);
	CHECK_EQ(s.wrong, 0);
	CHECK_EQ(s.stackless, 0);
	CHECK_EQ(s.peer, HOST_DEVICE);
	CHECK_EQ(live_report(j.l, 0, &state)->pairs.paired, result.guest[0].pairs.paired);
	CHECK_EQ(state.unwritten, 0);
	join_free(&j);
	close(merged.fd);
	close(host.fd);
	close(guest.fd);
}

static void like_afterwards(void)
{
	const struct clocks plain = { .chains = 20000 };

	merged_like(&plain, HOST_PID);
}

/* A device that has no place on a bus is known by where its queues are, and not before. */
static void by_addresses(void)
{
	const struct clocks mmio = { .chains = 20000, .mmio = true };

	merged_like(&mmio, HOST_PID);
}

/* What relays the stream is no QEMU: the guest is found by what it does. */
static void process_unknown(void)
{
	const struct clocks plain = { .chains = 20000 };

	merged_like(&plain, 0);
	merged_like(&plain, HOST_PID + 1);
}

static void paused(void)
{
	const struct clocks c = { .chains = 20000, .pause = 12 * SECOND };

	merged_like(&c, HOST_PID);
}

/* With less patience and a stream that stands still: late, in its order, and no claim too small. */
static void stalled(void)
{
	const struct clocks c = { .chains = 30000 };
	const struct delay d = { BEGIN + 10 * SECOND, BEGIN + 22 * SECOND };
	struct file host, guest;
	struct joining j;
	struct seen s;

	record_both(&c, &host, &guest, 0);
	join_begin(&j, 3 * SECOND, HOST_PID);
	play(&j, &host, &guest, &c, &d);
	join_end(&j);
	look(&s, &c, j.to.path);
	CHECK_EQ(s.guests, c.chains);
	CHECK_EQ(s.hosts, c.chains);
	CHECK_EQ(s.wrong, 0);
	CHECK_EQ(s.stackless, 0);
	CHECK_EQ(s.backwards, 0);
	CHECK(s.most > SECOND); /* of what came late */
	CHECK(s.unknown > 1000); /* by more than can be said */
	join_free(&j);
	close(host.fd);
	close(guest.fd);
}

/* A record of the guest alone, as a function of its driver makes it: when it was, by its clock. */
static void send_step(struct joining *j, uint64_t guest, uint64_t now)
{
	const struct vqt_guest g = { .h = { .ts = guest, .type = VQT_GUEST, .source = 1 } };
	struct record rec;

	CHECK_EQ(record_parse(&rec, &g, sizeof(g), NULL), 0);
	until(j, now);
	CHECK_EQ(live_guest(j->l, 0, &rec, j->now), 0);
}

/*
 * The machine is stopped, and goes on without a request: nothing tells how long that was, so no time
 * is claimed that would be wrong by it.
 */
static void quiet_after_pause(void)
{
	const struct clocks c = { .chains = 4000 };
	const uint64_t stop = BEGIN + 4 * SECOND, on = stop + 12 * SECOND;
	struct file host, guest;
	struct joining j;
	struct trace_reader *t;
	struct trace_error err;
	struct record r;
	uint32_t error = VQT_CLOCK_UNKNOWN, steps = 0;
	bool again;

	record_both(&c, &host, &guest, 0);
	join_begin(&j, 3 * SECOND, HOST_PID);
	play(&j, &host, &guest, &c, NULL);
	for (unsigned i = 1; i <= 5; i++)
		send_step(&j, guest_time(&c, stop + i * SECOND), on + i * SECOND + 100 * MS);
	until(&j, j.now + 10 * SECOND);
	join_end(&j);
	if (trace_open(&t, j.to.path, &err))
		abort();
	while (trace_next(t, &r, &again, &err) > 0) {
		uint64_t was = on + (steps + 1) * SECOND;
		uint64_t off = r.h.ts > was ? r.h.ts - was : was - r.h.ts;

		if (r.h.type == VQT_CLOCK)
			error = r.clock.error;
		if (r.h.type != VQT_GUEST)
			continue;
		CHECK(error == VQT_CLOCK_UNKNOWN || off <= error);
		steps++;
	}
	trace_close(t);
	CHECK_EQ(steps, 5);
	join_free(&j);
	close(host.fd);
	close(guest.fd);
}

/* A guest whose clock is an hour ahead all of a sudden puts off nobody's records. */
static void far_ahead(void)
{
	const struct clocks c = { .chains = 4000 };
	struct file host, guest;
	struct vqt_kick k = { .h = { .type = VQT_KICK, .source = 1, .device = HOST_DEVICE } };
	struct joining j;
	uint64_t before;

	record_both(&c, &host, &guest, 0);
	join_begin(&j, 3 * SECOND, HOST_PID);
	play(&j, &host, &guest, &c, NULL);
	send_step(&j, guest_time(&c, j.now + 3600 * SECOND), j.now + MS);
	CHECK_EQ(live_flush(j.l, j.now), 0);
	before = j.written;
	for (unsigned i = 0; i < 100; i++) {
		k.h.ts = j.now;
		CHECK_EQ(live_host(j.l, &k, sizeof(k), j.now), 0);
		until(&j, j.now + 100 * MS);
	}
	CHECK(j.written - before > 50);
	join_end(&j);
	join_free(&j);
	close(host.fd);
	close(guest.fd);
}

/* Boots without end, and devices that are the host's in none of them: others keep their numbers. */
static void many_boots(void)
{
	static struct vqt_device d = { .virtio_id = 2, .bdf = ~0U };
	const struct vqt_source source = { .h = { .type = VQT_SOURCE, .source = 1 },
					   .kind = VQT_SRC_GUEST };
	const struct clocks c = { .chains = 2000 };
	struct file host, guest;
	struct live_state state;
	struct joining j;
	struct record rec;

	record_both(&c, &host, &guest, 0);
	join_begin(&j, 3 * SECOND, HOST_PID);
	CHECK_EQ(live_add_guest(j.l, "hostile", HOST_PID), 1);
	for (unsigned boot = 0; boot < 400; boot++) {
		CHECK_EQ(live_guest_begins(j.l, 1), 0);
		CHECK_EQ(record_parse(&rec, &source, sizeof(source), NULL), 0);
		CHECK_EQ(live_guest(j.l, 1, &rec, j.now), 0);
		for (uint16_t i = 1; i <= 128; i++) {
			d.h = (struct vqt_hdr){ .type = VQT_DEVICE,
						.source = 1,
						.device = (uint16_t)(boot * 128 + i) };
			CHECK_EQ(record_parse(&rec, &d, sizeof(d), NULL), 0);
			CHECK_EQ(live_guest(j.l, 1, &rec, j.now), 0);
		}
		CHECK_EQ(live_step(j.l, j.now), 0);
	}
	play(&j, &host, &guest, &c, NULL);
	join_end(&j);
	CHECK(live_report(j.l, 0, &state)->records > 2 * c.chains);
	CHECK_STR(state.refused, "");
	join_free(&j);
	close(host.fd);
	close(guest.fd);
}

/* Nothing comes of the guest: the host's records wait as long as patience lasts, and no longer. */
static void silent(void)
{
	const struct clocks c = { .chains = 20000 };
	struct file host, guest;
	struct live_state state;
	struct joining j;
	struct seen s;

	record_both(&c, &host, &guest, 0);
	join_begin(&j, 3 * SECOND, HOST_PID);
	play(&j, &host, NULL, NULL, NULL);
	until(&j, j.now + SECOND);
	CHECK(j.written >= 2 * c.chains);
	join_end(&j);
	look(&s, &c, j.to.path);
	CHECK_EQ(s.hosts, c.chains);
	CHECK_EQ(s.guests, 0);
	CHECK_EQ(live_report(j.l, 0, &state)->records, 0);
	CHECK_EQ(state.boots, 0);
	join_free(&j);
	close(host.fd);
	close(guest.fd);
}

/* What the guest sends has nothing to do with this host: nothing of it is written. */
static void of_another(void)
{
	const struct clocks c = { .chains = 8000 };
	struct file host, guest;
	struct live_state state;
	struct joining j;
	struct seen s;

	record_both(&c, &host, &guest, 100000);
	join_begin(&j, 3 * SECOND, 0);
	play(&j, &host, &guest, &c, NULL);
	CHECK(!live_linked(j.l, 0));
	join_end(&j);
	look(&s, &c, j.to.path);
	CHECK_EQ(s.hosts, c.chains);
	CHECK_EQ(s.guests, 0);
	live_report(j.l, 0, &state);
	CHECK(state.unwritten >= 2 * c.chains);
	join_free(&j);
	close(host.fd);
	close(guest.fd);
}

/* It boots again: its clock begins anew, its device is the same one, and no record is missing. */
static void boots_again(void)
{
	const struct clocks c = { .chains = 6000 };
	struct file host, guest;
	struct live_state state;
	struct trace_reader *t;
	struct trace_error err;
	struct record r;
	struct joining j;
	uint32_t devices = 0, sources = 0, chains = 0, seq = 0, gaps = 0;
	uint16_t id = 0;
	bool again;

	record_both(&c, &host, &guest, 0);
	join_begin(&j, PATIENCE, HOST_PID);
	play(&j, &host, &guest, &c, NULL);
	CHECK(live_guest_wants(j.l, 0));
	CHECK_EQ(live_guest_begins(j.l, 0), 0);
	CHECK(!live_guest_wants(j.l, 0)); /* what came before is written first */
	until(&j, j.now + 2 * SECOND);
	CHECK(live_guest_wants(j.l, 0));
	play(&j, &host, &guest, &c, NULL); /* the same again, late by all of it */
	join_end(&j);
	if (trace_open(&t, j.to.path, &err))
		abort();
	while (trace_next(t, &r, &again, &err) > 0) {
		if (r.h.source == 1 || r.h.type == VQT_CLOCK || !r.h.source)
			continue;
		gaps += seq && r.h.seq && r.h.seq != seq + 1;
		seq = r.h.seq ? r.h.seq : seq;
		sources += r.h.type == VQT_SOURCE;
		chains += r.h.type == VQT_AVAIL;
		if (r.h.type != VQT_DEVICE)
			continue;
		devices += !id || id == r.h.device;
		CHECK(!id || id == r.h.device);
		id = r.h.device;
	}
	trace_close(t);
	CHECK_EQ(sources, 2);
	CHECK(devices >= 2);
	CHECK_EQ(chains, 2 * c.chains);
	CHECK_EQ(gaps, 0);
	CHECK_EQ(live_report(j.l, 0, &state)->pairs.paired, 2 * c.chains);
	CHECK_EQ(state.boots, 2);
	join_free(&j);
	close(host.fd);
	close(guest.fd);
}

/* A flood of the host's while the guest says nothing: memory is bounded, so all else is written. */
static void bounded(void)
{
	struct vqt_kick k = { .h = { .type = VQT_KICK, .source = 1, .device = 1 } };
	struct live_state state;
	struct joining j;
	const uint64_t n = 2000000;

	join_begin(&j, PATIENCE, HOST_PID);
	CHECK_EQ(trace_write(
			 j.to.w,
			 &(struct vqt_session){ .h.type = VQT_SESSION, .major = VQT_VERSION_MAJOR },
			 sizeof(struct vqt_session)),
		 0);
	for (uint64_t i = 0; i < n; i++) {
		k.h.ts = j.now;
		CHECK_EQ(live_host(j.l, &k, sizeof(k), j.now), 0);
		if (i % 1000 == 0)
			CHECK_EQ(live_step(j.l, j.now), 0);
	}
	CHECK(n - j.written < (33U << 20) / sizeof(k));
	CHECK_EQ(live_end(j.l, j.now), 0);
	CHECK_EQ(j.written, n);
	live_report(j.l, 0, &state);
	file_end(&j.to);
	join_free(&j);
}

/* A new file begins with what it needs: the host's descriptions, then the guest's. */
static void new_file(void)
{
	const struct clocks c = { .chains = 4000 };
	struct file host, guest;
	struct coming h = { .at = 0 }, g = { .at = 0 };
	uint32_t id;
	unsigned described = 0, stacks = 0, chains = 0;
	struct joining j;
	struct trace_reader *t;
	struct trace_error err;
	struct record r;
	uint8_t types[4];
	unsigned n = 0;
	bool again;

	record_both(&c, &host, &guest, 0);
	join_begin(&j, PATIENCE, HOST_PID);
	play(&j, &host, &guest, &c, NULL);
	CHECK_EQ(live_flush(j.l, j.now), 0);
	file_end(&j.to);
	close(j.to.fd);
	file_make(&j.to);
	if (trace_create(&j.to.w, j.to.path, &err))
		abort();
	live_describe_begin(j.l);
	open_coming(&h, &host, NULL, NULL);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(live_host(j.l, h.rec.raw, h.rec.len, j.now), 0);
		next(&h, NULL, NULL);
	}
	trace_close(h.t);
	CHECK_EQ(live_describe_end(j.l), 0);
	/* a chain whose stack was described in the file before */
	open_coming(&g, &guest, &c, NULL);
	while (!g.rec.stack_id)
		next(&g, &c, NULL);
	id = g.rec.stack_id;
	CHECK_EQ(live_guest(j.l, 0, &g.rec, j.now), 0);
	trace_close(g.t);
	join_end(&j);
	if (trace_open(&t, j.to.path, &err))
		abort();
	while (trace_next(t, &r, &again, &err) > 0) {
		if (r.h.source != 1 && r.h.type < VQT_REG && n < 4)
			types[n++] = r.h.type;
		if (r.h.type == VQT_DEVICE && r.h.source != 1)
			CHECK_EQ(r.device.peer, HOST_DEVICE);
		described += r.h.type == VQT_STACK && r.stack.id == id;
		stacks += r.h.type == VQT_STACK;
		chains += r.stack_id == id && described == 1;
	}
	CHECK_EQ(stacks, 1);
	CHECK_EQ(chains, 1);
	trace_close(t);
	CHECK(n >= 2 && types[0] == VQT_SOURCE && types[1] == VQT_DEVICE);
	join_free(&j);
	close(host.fd);
	close(guest.fd);
}

/* What happens while nothing goes on: steps of the driver alone, 1 s apart. */
#define QUIET 16
#define STEP_AT(n) (BEGIN + 6 * SECOND + (n)*SECOND + 300 * MS)
#define WALL INT64_C(1700000000000000000) /* the host's CLOCK_REALTIME less its clock */

enum asked {
	NOT_ASKED,
	ASKED,
	WITH_PTP, /* the guest reads its host's wall clock */
	WITH_WRONG_PTP, /* which is 50 ms ahead */
	ASKINGS
};

/* In each second once; the answer comes after 150 to 350 us. */
static void put_question(struct file *host, struct file *guest, const struct clocks *c, unsigned n,
			 enum asked how)
{
	uint64_t sent = STEP_AT(n) + 400 * MS, took = (150 + n * 37 % 200) * US;
	uint64_t read = sent + took * (n % 8 + 1) / 10;
	struct vqt_exchange h = { .nonce = n + 1, .from = sent, .until = sent + took };
	struct vqt_exchange g = { .nonce = n + 1,
				  .from = guest_time(c, read),
				  .until = guest_time(c, read + (how < WITH_PTP ? 0 : 3 * US)) };

	if (how >= WITH_PTP) {
		h.wall = WALL - 40;
		h.wall_most = WALL + 30;
		g.wall = g.wall_most = (int64_t)(read + 1 * US) + WALL +
				       (how == WITH_WRONG_PTP ? (int64_t)(50 * MS) : 0);
	}
	put_exchange(guest, g);
	g.from = g.until -= 300 * MS; /* who answers again, and otherwise, is not believed */
	put_exchange(guest, g);
	put_exchange(guest,
		     (struct vqt_exchange){ .nonce = 1000 + n, .from = g.from, .until = g.until });
	put_step(guest, guest_time(c, STEP_AT(n)));
	put_exchange(host, h);
}

/* Two busy whiles, and between them QUIET seconds. */
static void record_quiet(struct file *host, struct file *guest, struct clocks *c, enum asked how)
{
	*c = (struct clocks){ .chains = 1 };
	file_begin(host, VQT_SRC_QEMU, HOST_DEVICE, BEGIN - SECOND);
	file_begin(guest, VQT_SRC_GUEST, GUEST_DEVICE, guest_time(c, BEGIN) - 300 * MS);
	put_exchange(guest, (struct vqt_exchange){ .from = 1, .until = 1 });
	put_stacks(guest, guest_time(c, BEGIN) - 300 * MS);
	for (uint32_t n = 0; n < 8000; n++) {
		uint64_t t = BEGIN + n * MS + (n < 4000 ? 0 : (QUIET + 4) * SECOND);

		for (unsigned k = 0; n == 4000 && k < QUIET; k++) {
			if (how)
				put_question(host, guest, c, k, how);
			else
				put_step(guest, guest_time(c, STEP_AT(k)));
		}
		put_avail(guest, GUEST_DEVICE, n, guest_time(c, t + 4 * US),
			  4 * US / VQT_ADDING_NS + 1);
		put_avail(host, HOST_DEVICE, n, t + 9 * US, 0);
		put_used(host, HOST_DEVICE, n, t + 30 * US);
		put_used(guest, GUEST_DEVICE, n, guest_time(c, t + 45 * US));
	}
	file_end(host);
	file_end(guest);
}

/* The largest error claimed of the steps; none is too small. */
static uint32_t quiet_error(const char *path)
{
	struct trace_reader *t;
	struct trace_error err;
	struct record r;
	uint32_t error = VQT_CLOCK_UNKNOWN, most = 0;
	unsigned steps = 0;
	bool again;

	if (trace_open(&t, path, &err))
		abort();
	while (trace_next(t, &r, &again, &err) > 0) {
		uint64_t off = r.h.ts - STEP_AT(steps);

		if (r.h.type == VQT_CLOCK)
			error = r.clock.error;
		if (r.h.type != VQT_GUEST)
			continue;
		off = (int64_t)off < 0 ? -off : off;
		CHECK(off <= error);
		most = error > most ? error : most;
		steps++;
	}
	trace_close(t);
	CHECK_EQ(steps, QUIET);
	return most;
}

/* Joined live as afterwards; the error that is claimed. */
static uint32_t joined_quiet(enum asked how)
{
	struct file host, guest, merged;
	struct merge_job job = { .paths = 2 };
	struct merge_result result;
	const struct pair_counts *live, *later = &result.guest[0].pairs;
	struct trace_error err;
	struct live_state state;
	struct joining j;
	struct clocks c;
	uint32_t error;
	uint64_t told;

	record_quiet(&host, &guest, &c, how);
	join_begin(&j, PATIENCE, HOST_PID);
	CHECK(!live_told(j.l, 0, &told));
	play(&j, &host, &guest, &c, NULL);
	CHECK(live_told(j.l, 0, &told) && told > STEP_AT(QUIET) && told <= j.now);
	join_end(&j);
	CHECK(!live_told(j.l, 0, &told));
	file_make(&merged);
	job.path[0] = host.path;
	job.path[1] = guest.path;
	job.write = merged.path;
	CHECK_EQ(merge_files(&job, &result, &err), 0);
	/* unasked its clock is decided before all is known, as nothing waits for ever */
	CHECK(how == NOT_ASKED || same(j.to.path, merged.path));
	error = quiet_error(merged.path);
	live = &live_report(j.l, 0, &state)->pairs;
	CHECK_EQ(state.unwritten, 0);
	CHECK_EQ(result.guest[0].refused, 0);
	CHECK_EQ(result.guest[0].clock.outliers + result.guest[0].clock.steps, 0);
	CHECK_EQ(later->exchanges, how == NOT_ASKED ? 0 : QUIET);
	CHECK_EQ(later->ptp, how == WITH_PTP ? QUIET : 0);
	CHECK_EQ(later->ptp_wrong, how == WITH_WRONG_PTP ? QUIET : 0);
	CHECK(!memcmp(live, later, sizeof(*live)));
	join_free(&j);
	close(merged.fd);
	close(host.fd);
	close(guest.fd);
	return error;
}

/* A guest that answers while nothing else goes on: its times are known as if something did. */
static void asked(void)
{
	uint32_t error[ASKINGS];

	for (unsigned how = 0; how < ASKINGS; how++)
		error[how] = joined_quiet(how);
	printf("# claimed of what happens alone: +-%u ns, asked +-%u, by PTP +-%u, by a wrong one +-%u\n",
	       error[NOT_ASKED], error[ASKED], error[WITH_PTP], error[WITH_WRONG_PTP]);
	CHECK(error[NOT_ASKED] > 5 * MS);
	CHECK(error[ASKED] < 200 * US);
	CHECK(error[WITH_PTP] < 20 * US);
	CHECK(error[WITH_WRONG_PTP] < 200 * US);
}

static const struct tap_test tests[] = {
	{ "what is merged live is what is merged afterwards", like_afterwards },
	{ "a device that has no place on a bus", by_addresses },
	{ "a guest whose process is not known", process_unknown },
	{ "a guest that is paused", paused },
	{ "a stream that stands still", stalled },
	{ "a guest that was stopped, and does nothing", quiet_after_pause },
	{ "a guest whose clock is ahead", far_ahead },
	{ "a guest that boots again and again", many_boots },
	{ "a guest that says nothing", silent },
	{ "a guest of somebody else", of_another },
	{ "a guest that boots again", boots_again },
	{ "a guest that is asked for its time", asked },
	{ "bounded memory", bounded },
	{ "a new file", new_file },
};
TAP_MAIN(tests)
