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

static const struct tap_test tests[] = {
	{ "20 us apart while something happens", fast },
	{ "the share of a core is kept, and used", keeps_share },
	{ "idle: every 10 ms, and fast again after an event", idle },
	{ "two events a second keep it fast", slow_events },
	{ "a pause of the recorder allows no more than a burst", pause },
	{ "a look that took long is made up for", debt },
};

TAP_MAIN(tests)
