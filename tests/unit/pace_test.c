/* SPDX-License-Identifier: MIT */
/* When the rings of another process are looked at: simulated, there is no clock in it. */
#include "decoder/source/pace.h"
#include "tests/unit/tap.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

struct run {
	struct pace p;
	uint64_t now, cpu, looks;
};

/* Look until `until`; each look costs `cost` and, every `every` ns (0: never), finds something. */
static void run(struct run *r, uint64_t until, uint64_t cost, uint64_t every)
{
	uint64_t due = r->now + every;

	while (r->now < until) {
		bool found = every && r->now >= due;

		if (found)
			due = r->now + every;
		r->cpu += cost;
		r->looks++;
		r->now = pace_next(&r->p, r->now + cost, r->cpu, found);
	}
}

static struct run begin(unsigned share)
{
	struct run r = { .now = 5 * SECOND };

	pace_init(&r.p, share);
	return r;
}

static void fast(void)
{
	struct run r = begin(20);

	/* 2 us a look: 9 % of a core */
	run(&r, 15 * SECOND, 2000, SECOND / 2000);
	CHECK(r.looks > 440000 && r.looks < 460000);
}

static void keeps_share(void)
{
	static const unsigned shares[] = { 1, 5, 20, 100 };

	for (unsigned i = 0; i < 4; i++) {
		struct run r = begin(shares[i]);
		uint64_t most;

		run(&r, 15 * SECOND, 30000, SECOND / 1000);
		most = 10 * SECOND * shares[i] / 100 + PACE_BURST + 2 * 30000;
		CHECK(r.cpu <= most);
		/* what is allowed is used, as far as looks 20 us apart can */
		CHECK(r.cpu >= (shares[i] == 100 ? most / 2 : most * 9 / 10));
	}
}

static void idle(void)
{
	struct run r = begin(20);
	uint64_t before;

	run(&r, 5 * SECOND + 900 * MS, 2000, 0);
	CHECK(r.looks > 40000);
	run(&r, 7 * SECOND, 2000, 0);
	before = r.looks;
	run(&r, 17 * SECOND, 2000, 0);
	CHECK(r.looks - before >= 999 && r.looks - before < 1010);
	r.now = pace_next(&r.p, r.now, r.cpu, true);
	before = r.looks;
	run(&r, r.now + 100 * MS, 2000, 0);
	CHECK(r.looks - before > 4000);
}

static void slow_events(void)
{
	struct run r = begin(20);

	run(&r, 25 * SECOND, 2000, SECOND / 2);
	CHECK(r.looks > 890000);
}

/* A stopped recorder has not saved up for a long burst. */
static void pause(void)
{
	struct run r = begin(20);
	uint64_t before;

	run(&r, 6 * SECOND, 20000, SECOND / 1000);
	r.now += 3600 * SECOND;
	before = r.cpu;
	run(&r, r.now + SECOND, 20000, SECOND / 1000);
	CHECK(r.cpu - before <= SECOND / 5 + PACE_BURST + 40000);
	r.now = UINT64_MAX / 2;
	r.now = pace_next(&r.p, r.now, r.cpu, false);
	CHECK(r.now > UINT64_MAX / 2 && r.now <= UINT64_MAX / 2 + PACE_SLOW);
}

/* One look that took long is made up for by a pause, and forgotten then. */
static void debt(void)
{
	struct run r = begin(10);
	uint64_t from;

	run(&r, 6 * SECOND, 2000, SECOND / 1000);
	from = r.now;
	r.cpu += SECOND / 10;
	r.now = pace_next(&r.p, r.now + SECOND / 10, r.cpu, true);
	CHECK(r.now - from > 700 * MS && r.now - from <= 1000 * MS);
	from = r.now;
	run(&r, r.now + SECOND, 1000, SECOND / 1000);
	CHECK(r.p.credit > -1000 * 100);
}

/* A guest that makes a request after another; each can be read while it is in flight. */
struct guest {
	unsigned least, spread; /* us from one request to the next: most are early */
	unsigned idle, busy; /* us of processor time of a look that finds nothing, or something */
	unsigned percent; /* of the requests that looks must see in flight */
};

#define IN_FLIGHT 90 /* us */

static uint64_t pause_of(const struct guest *g, uint32_t *seed)
{
	unsigned part = (*seed = *seed * 1664525 + 1013904223) >> 24;

	return 1000ull * (g->least + g->spread * part / 255 * part / 255 + (part > 250) * 1000);
}

static void watch(const struct guest *g)
{
	uint64_t now = SECOND, cpu = 0, request = now + MS, seen = 0, all = 0;
	uint32_t seed = 1;
	bool in_flight = false;
	struct pace p;

	pace_init(&p, 20);
	while (now < 11 * SECOND) {
		unsigned n = 0, missed = 0, cost;
		bool found = in_flight; /* its end */

		in_flight = false;
		for (; request <= now; n++, request += pause_of(g, &seed)) {
			in_flight = now < request + 1000 * IN_FLIGHT;
			missed += !in_flight;
		}
		all += n;
		seen += n - missed;
		cost = 1000 * (found || n ? g->busy : g->idle);
		cpu += cost;
		now += cost;
		if (n)
			pace_arrival(&p, now, n, missed != 0);
		now = pace_next(&p, now, cpu, found || n);
	}
	CHECK(seen * 100 >= all * g->percent);
	CHECK(cpu <= 10 * SECOND / 5 + PACE_BURST + 100000);
}

static void arrivals(void)
{
	static const struct guest guests[] = {
		{ 350, 150, 10, 20, 99 }, { 350, 150, 20, 35, 95 },    { 350, 150, 25, 40, 88 },
		{ 220, 500, 12, 25, 97 }, { 350, 300, 20, 35, 93 },    { 2000, 1000, 25, 40, 93 },
		{ 0, 2000, 25, 40, 58 },  { 20000, 1000, 25, 40, 92 },
	};

	for (unsigned i = 0; i < sizeof(guests) / sizeof(guests[0]); i++)
		watch(&guests[i]);
}

/* One who has always waited for seconds, and whose requests are dear to read by now. */
static void long_gaps(void)
{
	uint64_t now = SECOND, cpu = 0, before;
	struct pace p;

	pace_init(&p, 20);
	for (unsigned i = 0; i < 2 * PACE_GAPS; i++) {
		now = pace_next(&p, now, cpu, false) + 10 * SECOND;
		now = pace_next(&p, now, cpu, false);
		pace_arrival(&p, now, 1, false);
		now = pace_next(&p, now, cpu, true);
	}
	pace_arrival(&p, now, 1, false);
	before = now;
	cpu += PACE_BURST + MS;
	now = pace_next(&p, now + PACE_BURST + MS, cpu, true);
	/* the debt, the burst that was borrowed, and no look less than when nothing happens */
	CHECK(now - before < PACE_BURST * 100 / 20 + 2 * PACE_SLOW);
}

/* Something else tells of all: few looks are needed, until it does not any more. */
static void assisted(void)
{
	uint64_t now = SECOND, before;
	struct pace p;

	pace_init(&p, 20);
	for (unsigned i = 0; i < 100; i++)
		now = pace_next(&p, now, 0, true);
	pace_assist(&p, true);
	before = pace_next(&p, now, 0, true);
	CHECK_EQ(before - now, PACE_ASSISTED);
	pace_assist(&p, false);
	now = pace_next(&p, before, 0, true);
	CHECK_EQ(now - before, PACE_FAST);
}

static const struct tap_test tests[] = {
	{ "20 us apart while something happens", fast },
	{ "the share of a core is kept, and used", keeps_share },
	{ "idle: every 10 ms, and fast again after an event", idle },
	{ "two events a second keep it fast", slow_events },
	{ "a pause of the recorder allows no more than a burst", pause },
	{ "no look so soon after a request that none ever followed", arrivals },
	{ "who waits long is not left alone for long", long_gaps },
	{ "a look that took long is made up for", debt },
	{ "rarer while something else tells", assisted },
};

TAP_MAIN(tests)
