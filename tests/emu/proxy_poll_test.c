/* SPDX-License-Identifier: MIT */
/* When a passive proxy looks at its rings: simulated, no clock is asked. */
#include <stdlib.h>

#include "emu/proxy/poll.h"
#include "tests/emu/tap.h"

#define US UINT64_C(1000)
#define MS (1000 * US)
#define SECOND (1000 * MS)

static struct proxy_poll w;
static struct proxy_poll_look l;

static void begin(unsigned share)
{
	if (proxy_poll_open(&w, share) < 0)
		abort();
	l = (struct proxy_poll_look){ .now = 5 * SECOND, .follows = true };
}

/* Look at that time, which costs so much. */
static void look(uint64_t at, uint64_t cost, unsigned found, uint32_t in_flight)
{
	l.now = at;
	l.cpu += cost;
	l.found = found;
	l.in_flight = in_flight;
	proxy_poll_plan(&w, &l);
}

static void by_time(void)
{
	begin(20);
	ok(w.resting, "without a ring nothing is due");
	proxy_poll_wake(&w);
	ok(!w.resting && !w.due, "a message: look at once");
	look(l.now, US, 0, 0);
	is(w.due - l.now, PACE_FAST, "and often, as requests may follow it");
	for (unsigned i = 0; i < 100000 && w.due - l.now < PACE_SLOW; i++)
		look(w.due, US, 0, 0);
	is(w.due - l.now, PACE_SLOW, "then rarely");
	l.follows = false;
	look(w.due, US, 0, 0);
	ok(w.resting, "no ring any more");
	proxy_poll_close(&w);
}

static void by_notification(void)
{
	begin(20);
	proxy_poll_wake(&w);
	look(l.now, US, 0, 0);
	for (unsigned i = 0; i < 100; i++) {
		proxy_poll_notified(&w);
		ok(w.due <= l.now + 30 * US,
		   "one chain in flight: a look after each kick and call");
		look(l.now + 100 * US, 5 * US, 1, i % 2 == 0);
	}
	ok(w.due - l.now >= 400 * US, "and by time only now and then, as kicks and calls come");
	for (unsigned i = 0; i < 2000; i++)
		look(w.due, US, 0, 0);
	ok(w.due - l.now < 400 * US, "when they come no more, by time again");
	proxy_poll_close(&w);
}

static void deep(void)
{
	begin(100);
	proxy_poll_wake(&w);
	look(l.now, US, 0, 0);
	/* 64 in flight, 50 a ms: each takes 1.28 ms */
	for (unsigned i = 0; i < 100; i++) {
		proxy_poll_notified(&w);
		look(l.now + 200 * US, US, 20, 64);
	}
	ok(w.free - l.now > 300 * US && w.free - l.now < 330 * US,
	   "a deep queue: a quarter of the time that a request takes");
	for (unsigned i = 0; i < 100; i++)
		look(l.now + SECOND, US, 1, UINT32_MAX);
	ok(w.free - l.now <= MS, "however long it takes");
	proxy_poll_close(&w);
}

static void share(void)
{
	uint64_t from, spent;

	begin(10);
	proxy_poll_wake(&w);
	look(l.now, US, 0, 0);
	from = l.now;
	spent = l.cpu;
	while (l.now - from < 10 * SECOND) {
		proxy_poll_notified(&w);
		look(w.due > l.now ? w.due : l.now + US, 20 * US, 2, 1);
	}
	ok(l.cpu - spent <= SECOND + PACE_BURST + 40 * US,
	   "kicks and calls do not exceed the share");
	ok(l.cpu - spent >= SECOND * 8 / 10, "and it is used");
	proxy_poll_close(&w);
}

/* As much as there is to spare, within limits; what it takes itself is not missing. */
static void spares(void)
{
	ok(proxy_poll_share(0, 0) == PROXY_SHARE_LEAST &&
		   proxy_poll_share(0, PROXY_SHARE_LEAST) == PROXY_SHARE_LEAST,
	   "little is taken of busy processors");
	ok(proxy_poll_share(50, 10) == 6, "a part of what they have to spare");
	ok(proxy_poll_share(100, 0) == PROXY_SHARE && proxy_poll_share(6400, 100) == PROXY_SHARE,
	   "no more than the limit");
	ok(proxy_poll_share(-1, 0) == PROXY_SHARE, "where that is unknown, too");
}

int main(void)
{
	by_time();
	by_notification();
	deep();
	share();
	spares();
	return done();
}
