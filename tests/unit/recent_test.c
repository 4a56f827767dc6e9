/* SPDX-License-Identifier: MIT */
/* Recent events: which are kept, for how long, and that they still print as they did. */
#include <stdlib.h>
#include <string.h>

#include "decoder/check/report/recent.h"
#include "decoder/print/line.h"
#include "tests/unit/record_builder.h"
#include "tests/unit/tap.h"

static struct record_builder t;
static struct recent *k;

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	builder_begin(&t);
	k = recent_new();
	recent_event_add(k, &t.e);
}

static void end(void)
{
	recent_free(k);
	builder_finish(&t);
}

static char *line(const struct event *e)
{
	struct line_options o = { .ascii = true };
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	print_line(to, e, t.model, &o);
	fclose(to);
	return text;
}

static void status(unsigned value)
{
	builder_write(&t, VQT_REGION_COMMON, 20, 1, value);
	recent_event_add(k, &t.e);
}

static void request(unsigned head)
{
	builder_read_request(&t, (uint16_t)head, 8);
	recent_event_add(k, &t.e);
	builder_used(&t, (uint16_t)head, 4097, 0);
	recent_event_add(k, &t.e);
}

/* A busy queue does not push out the registers. */
static void rings(void)
{
	uint64_t ok;

	begin();
	status(15);
	ok = t.number;
	for (unsigned i = 0; i < 5000; i++)
		request(i & 63);
	CHECK(recent_event(k, ok) != NULL);
	CHECK_EQ(recent_event(k, ok)->rec->reg.value, 15);
	CHECK(recent_event(k, ok + 1) == NULL);
	CHECK(recent_event(k, t.number) != NULL);
	CHECK(recent_event(k, t.number - 50) != NULL);
	CHECK_EQ(recent_event(k, t.number - 50)->number, t.number - 50);
	CHECK(recent_event(k, t.number + 1) == NULL);
	end();
}

/* The request is freed and the queue set up anew; the lines are what they were. */
static void lines(void)
{
	uint64_t number[3];
	char *before[3];

	begin();
	builder_write(&t, VQT_REGION_COMMON, 24, 2, 128); /* queue_size */
	recent_event_add(k, &t.e);
	builder_write(&t, VQT_REGION_COMMON, 28, 2, 1); /* queue_enable */
	recent_event_add(k, &t.e);
	before[0] = line(&t.e);
	number[0] = t.number;
	builder_read_request(&t, 5, 1024);
	recent_event_add(k, &t.e);
	before[1] = line(&t.e);
	number[1] = t.number;
	builder_used(&t, 5, 4097, 1);
	recent_event_add(k, &t.e);
	before[2] = line(&t.e);
	number[2] = t.number;
	status(0);
	builder_write(&t, VQT_REGION_COMMON, 24, 2, 8);
	recent_event_add(k, &t.e);
	request(5);
	for (unsigned i = 0; i < 3; i++) {
		char *after = line(recent_event(k, number[i]));

		CHECK(!strcmp(before[i], after));
		free(before[i]);
		free(after);
	}
	end();
}

static void texts(void)
{
	static char words[1000];
	struct vqt_note n = { .level = VQT_NOTE_WARNING, .len = sizeof(words) };
	const struct event *e;
	size_t len = 0;

	begin();
	memset(words, 'x', sizeof(words));
	builder_add(&t, VQT_NOTE, &n, sizeof(n), words, sizeof(words));
	recent_event_add(k, &t.e);
	e = recent_event(k, t.number);
	CHECK(e && !memcmp(record_text(e->rec, &len), words, 64));
	CHECK(len >= 64 && len < sizeof(words));
	end();
}

/* What came right before, of a device and its queue. */
static void before(void)
{
	uint64_t first, second;
	const struct event *e;

	begin();
	status(1);
	first = t.number;
	builder_read(&t, VQT_REGION_PCI, 4, 2, 7);
	recent_event_add(k, &t.e);
	request(1);
	second = t.number;
	t.queue = 1;
	request(2);
	t.device = 2;
	request(3);
	e = recent_event_before(k, t.number + 1, 1, 0);
	CHECK(e && e->number == second);
	e = recent_event_before(k, second - 1, 1, 0);
	CHECK(e && e->number == first); /* not the access to configuration space */
	e = recent_event_before(k, t.number + 1, 1, VQT_NO_QUEUE);
	CHECK(e && e->number == second + 2);
	CHECK(recent_event_before(k, 1, 1, 0) == NULL);
	CHECK(recent_event_before(k, t.number, 77, 0) == NULL);
	end();
}

static const struct tap_test tests[] = {
	{ "registers stay while a queue is busy", rings },
	{ "kept events print as they did", lines },
	{ "long texts are cut", texts },
	{ "what came right before", before },
};

TAP_MAIN(tests)
