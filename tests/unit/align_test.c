/* SPDX-License-Identifier: MIT */
/* Two clocks aligned: pauses, steps, outliers, what cannot be known; and any numbers at all. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/align/align.h"
#include "tests/unit/tap.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define GUEST (UINT64_MAX - 3 * SECOND) /* wraps soon */
#define HOST (77 * SECOND)

static uint64_t random_state;

static uint64_t some(uint64_t below)
{
	random_state = random_state * 6364136223846793005 + 1442695040888963407;
	return (random_state >> 33) % below;
}

/* What a test is about: f(g) = g + ahead + fast ppm, and the bounds that are told of it. */
struct clocks {
	struct align *a;
	uint64_t g, from; /* guest time: now, and where `ahead` holds */
	uint64_t ahead;
	int64_t fast; /* ppm */
};

static uint64_t host(const struct clocks *c, uint64_t g)
{
	return g + c->ahead + (uint64_t)((int64_t)(g - c->from) * c->fast / 1000000);
}

static struct clocks begin(int64_t fast)
{
	random_state = 1;
	return (struct clocks){
		.a = align_new(NULL), .g = GUEST, .from = GUEST, .ahead = HOST - GUEST, .fast = fast
	};
}

/* A notification, seen after 5 us or more; an interrupt, handled after 8 us or more. */
static void notify(struct clocks *c)
{
	align_before(c->a, c->g, host(c, c->g) + 5000 + (some(4) ? some(100000) : 0));
}

static void interrupt(struct clocks *c)
{
	align_after(c->a, c->g, host(c, c->g) - 8000 - (some(4) ? some(100000) : 0));
}

/* For so long, one of each every ms. */
static void talk(struct clocks *c, uint64_t ns)
{
	for (uint64_t i = 0; i < ns / MS; i++) {
		c->g += MS / 2;
		notify(c);
		c->g += MS / 2;
		interrupt(c);
	}
}

static void pause_host(struct clocks *c, int64_t ns)
{
	c->ahead += (uint64_t)ns;
}

/* How far the map is off at g, of at most `most` claimed. */
static void check_map(const struct clocks *c, uint64_t g, uint32_t most)
{
	uint64_t h = 0;
	uint32_t error = 0;
	int64_t off;

	CHECK_EQ(align_map(c->a, g, &h, &error), ALIGN_IS);
	off = (int64_t)(h - host(c, g));
	CHECK(off <= error && -off <= error);
	CHECK(error <= most);
	if (error > most)
		printf("# error is %u\n", error);
}

/* The segment with this reason, and that there is one only. */
static struct align_segment only(struct align *a, unsigned reason)
{
	struct align_segment s, found = { 0 };
	unsigned n = 0;

	while (align_next(a, &s))
		if (s.reason == reason) {
			found = s;
			n++;
		}
	CHECK_EQ(n, 1);
	return found;
}

static struct align_counts counts(const struct align *a)
{
	struct align_counts c;

	align_counts(a, &c);
	return c;
}

static void steady(void)
{
	struct clocks c = begin(150);
	uint64_t end;

	talk(&c, 5 * SECOND);
	end = c.g;
	align_end(c.a);
	/* The delays are 5 and 8 us: half of their sum is what there is to know. */
	for (uint64_t g = GUEST + 10 * MS; g != end - 10 * MS; g += MS)
		check_map(&c, g, 8000);
	check_map(&c, GUEST - SECOND, 600000); /* before the first one the drift counts */
	check_map(&c, end + SECOND, 600000);
	CHECK_EQ(counts(c.a).steps + counts(c.a).outliers + counts(c.a).lost, 0);
	CHECK_EQ(counts(c.a).before, 5000);
	CHECK_EQ(counts(c.a).after, 5000);
	CHECK(!align_unrelated(c.a));
	struct align_segment s = only(c.a, ALIGN_START);
	CHECK_EQ(s.guest, GUEST + MS / 2);
	align_free(c.a);
}

/* Segments meet, never run back, and keep the bounds: causes precede effects. */
static void causes_first(void)
{
	static struct {
		uint64_t g, h;
		bool before;
	} told[20000];
	struct align *a = align_new(NULL);
	struct align_segment s, last = { 0 };
	unsigned n = 0, at = 0, against = 0, gaps = 0;
	uint64_t g = 5, h;

	random_state = 7;
	for (; n < 20000; n++) {
		g += 1 + some(2 * MS);
		h = g + HOST + g / 10000;
		told[n].g = g;
		told[n].before = some(2);
		told[n].h = told[n].before ? h + 100 + some(30000) : h - 100 - some(30000);
		(told[n].before ? align_before : align_after)(a, g, told[n].h);
	}
	align_end(a);
	for (n = 0; align_next(a, &s); n++) {
		gaps += n && (s.guest != last.guest_end || s.host != last.host_end);
		gaps += s.host_end < s.host || s.guest_end <= s.guest;
		for (; at < 20000 && told[at].g <= s.guest_end; at++) {
			h = align_segment_map(&s, told[at].g);
			if (s.error != ALIGN_UNKNOWN)
				against +=
					told[at].before ? h > told[at].h + 1 : h + 1 < told[at].h;
		}
		last = s;
	}
	CHECK_EQ(gaps, 0);
	CHECK_EQ(against, 0);
	CHECK_EQ(at, 20000);
	CHECK(n > 50);
	align_free(a);
}

static void one_kind_is_not_enough(void)
{
	struct clocks c = begin(0);
	uint64_t h;
	uint32_t error;

	for (unsigned i = 0; i < 3000; i++) {
		c.g += MS;
		notify(&c);
	}
	align_end(c.a);
	CHECK_EQ(align_map(c.a, GUEST + SECOND, &h, &error), ALIGN_NOT_KNOWN);
	struct align_segment s = only(c.a, ALIGN_START);
	CHECK_EQ(s.error, ALIGN_UNKNOWN);
	align_free(c.a);
}

static void nothing(void)
{
	struct align *a = align_new(NULL);
	struct align_segment s;
	uint64_t h;
	uint32_t error;

	CHECK_EQ(align_map(a, 0, &h, &error), ALIGN_LATER);
	align_end(a);
	align_before(a, 1, 1); /* too late: is ignored */
	CHECK(!align_next(a, &s));
	CHECK_EQ(align_map(a, 0, &h, &error), ALIGN_NOT_KNOWN);
	align_free(a);
}

static void step_of(int64_t ns, unsigned reason)
{
	struct clocks c = begin(-80);
	uint64_t at;

	talk(&c, 3 * SECOND);
	at = c.g;
	struct clocks before = c;
	pause_host(&c, ns);
	talk(&c, 3 * SECOND);
	align_end(c.a);
	check_map(&before, at - 20 * MS, 9000);
	check_map(&c, at + 20 * MS, 9000);
	struct align_segment s = only(c.a, reason);
	CHECK(at - s.guest <= 10 * MS && s.guest_end - at <= 10 * MS);
	CHECK(llabs(s.jump - ns) < 30000);
	CHECK_EQ(counts(c.a).steps, 1);
	CHECK_EQ(counts(c.a).outliers, 0);
	align_free(c.a);
}

static void steps(void)
{
	step_of(200000, ALIGN_PAUSE); /* barely more than the delays */
	step_of((int64_t)(3600 * SECOND), ALIGN_PAUSE);
	step_of(-200000, ALIGN_STEP);
	step_of(-(int64_t)(3600 * SECOND), ALIGN_STEP);
	step_of(INT64_C(1) << 60, ALIGN_PAUSE); /* to another host */
}

/* A snapshot of 2 s ago is loaded. */
static void goes_back(void)
{
	struct clocks c = begin(20);

	talk(&c, 3 * SECOND);
	c.g -= 2 * SECOND;
	pause_host(&c, (int64_t)(2 * SECOND + 500 * MS));
	uint64_t again = c.g;
	talk(&c, 3 * SECOND);
	align_end(c.a);
	check_map(&c, again + 100 * MS, 9000); /* the later of the two times it was this late */
	struct align_segment s = only(c.a, ALIGN_BACK);
	CHECK(s.guest - again < 10 * MS);
	CHECK_EQ(counts(c.a).late, 0);
	align_free(c.a);
}

static void outliers(void)
{
	struct clocks c = begin(100);
	struct align_outlier o;
	uint64_t low, high;

	talk(&c, 2 * SECOND);
	low = c.g += MS;
	align_before(c.a, c.g, host(&c, c.g) - 3 * MS); /* paired with another request */
	talk(&c, 2 * SECOND);
	high = c.g += MS;
	align_after(c.a, c.g, host(&c, c.g) + 700 * MS);
	talk(&c, 2 * SECOND);
	align_end(c.a);
	CHECK(align_next_outlier(c.a, &o) && o.before && o.guest == low);
	CHECK(align_next_outlier(c.a, &o) && !o.before && o.guest == high);
	CHECK(!align_next_outlier(c.a, &o));
	CHECK_EQ(counts(c.a).steps, 0);
	CHECK_EQ(counts(c.a).outliers, 2);
	for (uint64_t g = GUEST + 20 * MS; g != GUEST + 5 * SECOND; g += MS)
		check_map(&c, g, 9000);
	CHECK(!align_unrelated(c.a));
	align_free(c.a);
}

/* Times from `from` to `to`, in steps of 20 us, at which what is claimed is not true. */
static unsigned wrong_claims(const struct clocks *c, uint64_t from, uint64_t to)
{
	unsigned n = 0;

	for (uint64_t g = from; g != to; g += 20000) {
		uint64_t h = 0;
		uint32_t error = 0;

		if (align_map(c->a, g, &h, &error) == ALIGN_IS) {
			int64_t off = (int64_t)(h - host(c, g));

			n += off > error || -off > error;
		}
	}
	return n;
}

/* For some ms only bounds of one kind, ten every ms. */
static void talk_one_way(struct clocks *c, unsigned ms, void (*say)(struct clocks *c))
{
	for (unsigned i = 0; i < 10 * ms; i++) {
		c->g += MS / 10;
		say(c);
	}
}

/*
 * A false bound; few of the other kind, which prove that; then a step the same way.  The false one
 * must not be taken for what shows the step, whichever of them are looked at together (`phase`).
 * The tightest of the other kind comes before it, so that it hides the others where they are.
 */
static void false_before(int64_t off, int64_t step, unsigned phase)
{
	void (*lie)(struct align * a, uint64_t g, uint64_t h) =
		off < 0 ? align_before : align_after;
	void (*deny)(struct align * a, uint64_t g, uint64_t h) =
		off < 0 ? align_after : align_before;
	int64_t delay = off < 0 ? -8000 : 8000;
	struct clocks c = begin(30), before;
	uint64_t at;

	talk(&c, 2 * SECOND);
	for (unsigned i = 0; i < phase; i++) {
		c.g += MS / 10;
		notify(&c);
	}
	c.g += MS / 10;
	deny(c.a, c.g, host(&c, c.g) + (uint64_t)delay);
	at = c.g += MS / 10;
	lie(c.a, at, host(&c, at) + (uint64_t)off);
	for (unsigned i = 0; i < 4; i++) {
		c.g += MS / 10;
		deny(c.a, c.g, host(&c, c.g) + (uint64_t)(3 * delay));
	}
	before = c;
	pause_host(&c, step);
	talk(&c, 2 * SECOND);
	align_end(c.a);
	CHECK_EQ(wrong_claims(&before, at - 10 * MS, before.g), 0);
	CHECK_EQ(wrong_claims(&c, before.g + MS / 10, before.g + MS / 10 + 50 * MS), 0);
	check_map(&c, before.g + 50 * MS, 9000);
	CHECK_EQ(counts(c.a).steps, 1);
	align_free(c.a);
}

/* Few bounds prove one false; then, before others could, the clocks step that way and back. */
static void false_before_two(unsigned phase)
{
	struct clocks c = begin(-100), first, second;
	uint64_t at;

	talk(&c, 2 * SECOND);
	talk_one_way(&c, 1, notify);
	for (unsigned i = 0; i < phase; i++) {
		c.g += MS / 10;
		notify(&c);
	}
	c.g += MS / 10;
	at = c.g;
	align_before(c.a, c.g, host(&c, c.g) - 350000);
	for (unsigned i = 0; i < 3; i++) {
		c.g += MS / 10;
		interrupt(&c);
	}
	first = c;
	pause_host(&c, 100 * MS);
	talk_one_way(&c, 1, interrupt);
	talk(&c, 2 * MS);
	talk_one_way(&c, 6, notify);
	second = c;
	pause_host(&c, -120 * (int64_t)MS);
	talk_one_way(&c, 2, notify);
	talk(&c, 2 * SECOND);
	align_end(c.a);
	CHECK_EQ(wrong_claims(&first, at - 10 * MS, first.g), 0);
	CHECK_EQ(wrong_claims(&second, first.g + MS / 10, second.g), 0);
	CHECK_EQ(wrong_claims(&c, second.g + MS / 10, second.g + MS / 10 + 50 * MS), 0);
	check_map(&c, second.g + 50 * MS, 9000);
	CHECK_EQ(counts(c.a).steps, 2);
	align_free(c.a);
}

/*
 * Up and back, and farther, with so few bounds between that they look false: all that is claimed
 * of that while must allow for what they say.
 */
static void short_between(unsigned phase)
{
	struct clocks c = begin(0), first, second;

	talk(&c, 2 * SECOND);
	talk_one_way(&c, 1, notify);
	for (unsigned i = 0; i < phase; i++) {
		c.g += MS / 10;
		notify(&c);
	}
	first = c;
	pause_host(&c, 100 * MS);
	for (unsigned i = 0; i < 2; i++) {
		c.g += MS / 10;
		interrupt(&c);
		c.g += MS / 10;
		notify(&c);
	}
	second = c;
	pause_host(&c, -120 * (int64_t)MS);
	talk(&c, 2 * SECOND);
	align_end(c.a);
	CHECK_EQ(wrong_claims(&first, first.g - 10 * MS, first.g), 0);
	CHECK_EQ(wrong_claims(&second, first.g + MS / 10, second.g), 0);
	CHECK_EQ(wrong_claims(&c, second.g + MS / 10, second.g + MS / 10 + 50 * MS), 0);
	check_map(&c, second.g + 50 * MS, 9000);
	align_free(c.a);
}

static void false_before_steps(void)
{
	for (unsigned phase = 0; phase < 8; phase++) {
		false_before(-200 * (int64_t)MS, -6000 * (int64_t)MS, phase);
		false_before(200 * (int64_t)MS, 6000 * (int64_t)MS, phase);
		false_before_two(phase);
		short_between(phase);
	}
}

/* Guest and host of different conversations. */
static void unrelated(void)
{
	struct align *a = align_new(NULL);
	uint64_t g = 0, h = 0;

	random_state = 3;
	for (unsigned i = 0; i < 3000; i++) {
		g += some(3 * MS);
		h += some(3 * MS);
		(some(2) ? align_before : align_after)(a, g, h);
	}
	align_end(a);
	CHECK(align_unrelated(a));
	align_free(a);
}

/* What is decided does not lag: 1 s where bounds of both kinds come, less where many come. */
static void lag(void)
{
	struct clocks c = begin(0);
	uint64_t h;
	uint32_t error;
	unsigned late = 0;

	for (unsigned i = 0; i < 50; i++) {
		talk(&c, 100 * MS);
		if (i > 20)
			late += align_map(c.a, c.g - 1300 * MS, &h, &error) != ALIGN_IS;
	}
	for (unsigned i = 0; i < 200000; i++) {
		c.g += 10000;
		(some(2) ? notify : interrupt)(&c);
		if (i > 100000 && i % 1000 == 0)
			late += align_map(c.a, c.g - 100 * MS, &h, &error) != ALIGN_IS;
	}
	CHECK_EQ(late, 0);
	align_free(c.a);
}

/* Of a silent guest only the drift that is possible is known, and that nothing proves it. */
static void advance(void)
{
	struct clocks c = begin(0);
	struct align_segment s = { 0 };
	uint64_t h;
	uint32_t error;

	talk(&c, 2 * SECOND);
	align_advance(c.a, c.g + 60 * SECOND);
	CHECK_EQ(align_map(c.a, c.g + 55 * SECOND, &h, &error), ALIGN_LATER);
	check_map(&c, c.g + 30 * SECOND, 60 * 500 * 1000);
	while (align_next(c.a, &s))
		;
	CHECK(s.extrapolated && s.guest_end == c.g + 50 * SECOND);
	c.g += 60 * SECOND;
	talk(&c, 2 * SECOND);
	align_end(c.a);
	check_map(&c, c.g - SECOND, 9000);
	align_free(c.a);
}

static void limits(void)
{
	static const struct align_limits bad[] = {
		{ 200000000, 1000, SECOND, MS, SECOND }, { 500000, 600000, SECOND, MS, SECOND },
		{ 500000, 1000, 0, MS, SECOND },	 { 500000, 1000, SECOND, 0, SECOND },
		{ 500000, 1000, SECOND, SECOND, MS },	 { 500000, 1000, SECOND, MS, 2 * SECOND },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		CHECK(!align_new(&bad[i]) && errno == EINVAL);
	}
	align_free(NULL);
}

/* Segments so far that do not join the last one, or run back, and do not say so. */
static unsigned out_of_order(struct align *a, struct align_segment *last)
{
	struct align_segment s;
	unsigned n = 0;

	for (; align_next(a, &s); *last = s) {
		bool joins = s.reason != ALIGN_START && s.reason != ALIGN_BACK;

		n += joins && (s.guest != last->guest_end || s.host != last->host_end);
		n += (int64_t)(s.host_end - s.host) < 0 && s.error != ALIGN_UNKNOWN &&
		     s.reason != ALIGN_STEP;
		n += s.reason > ALIGN_RATE || align_segment_map(&s, s.guest) != s.host ||
		     (s.guest != s.guest_end && align_segment_map(&s, s.guest_end) != s.host_end);
		align_segment_rate(&s);
	}
	return n;
}

/* Any numbers: nothing overflows, waits or runs back unsaid, and what comes out is in order. */
static void any_numbers(void)
{
	static const uint64_t ends[] = {
		0, 1, UINT64_MAX, INT64_MAX, SECOND, UINT64_C(1) << 63, UINT64_C(1) << 53, 12345
	};
	unsigned wrong = 0;

	for (unsigned round = 0; round < 40; round++) {
		struct align *a = align_new(NULL);
		struct align_segment last = { .error = 1 };
		uint64_t g = 0, h = 0;

		random_state = round;
		for (unsigned i = 0; i < 3000; i++) {
			switch (some(round < 20 ? 5 : 12)) {
			case 0: g = ends[some(8)]; break;
			case 1: h = ends[some(8)]; break;
			case 2: g -= some(20 * MS); break;
			case 3: h -= some(SECOND); break;
			case 4: g += some(1u << 31) << some(32); break;
			default:
				g += some(MS);
				h += some(MS);
				break;
			}
			if (some(50))
				(some(2) ? align_before : align_after)(a, g, h);
			else
				align_advance(a, g);
			wrong += out_of_order(a, &last);
		}
		align_end(a);
		wrong += out_of_order(a, &last);
		align_map(a, g, &h, &(uint32_t){ 0 });
		align_free(a);
	}
	CHECK_EQ(wrong, 0);
}

/* One moment is known, by a bound of each kind: a segment of no length says so. */
static void one_moment(void)
{
	struct align *a = align_new(NULL);
	struct align_segment s;

	align_before(a, 1000000, 9000500);
	align_after(a, 1000000, 9000100);
	align_end(a);
	CHECK(align_next(a, &s));
	CHECK_EQ(s.guest, 1000000);
	CHECK_EQ(s.guest_end, 1000000);
	CHECK(s.host >= 9000100 && s.host <= 9000500);
	CHECK(s.error >= 200 && s.error < 300);
	CHECK_EQ(s.reason, ALIGN_START);
	CHECK(!align_next(a, &s));
	align_free(a);
	/* bounds of one kind say nothing */
	a = align_new(NULL);
	align_before(a, 1000000, 9000500);
	align_end(a);
	CHECK(!align_next(a, &s));
	align_free(a);
}

static const struct tap_test tests[] = {
	{ "a steady pair is known to half of the delays", steady },
	{ "causes precede effects, segments join", causes_first },
	{ "bounds of one kind say nothing", one_kind_is_not_enough },
	{ "no bounds", nothing },
	{ "pauses and steps are found where they are", steps },
	{ "a snapshot that is loaded", goes_back },
	{ "false bounds are told and change nothing", outliers },
	{ "a false bound just before a step is not the step", false_before_steps },
	{ "traces that do not belong together", unrelated },
	{ "decisions do not lag", lag },
	{ "without bounds: extrapolated, and said so", advance },
	{ "limits that make no sense", limits },
	{ "any numbers", any_numbers },
	{ "one moment", one_moment },
};

TAP_MAIN(tests)
