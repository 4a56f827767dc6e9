/* SPDX-License-Identifier: MIT */
/*
 * Make the trace of a busy disk of many queues, for measuring those who watch it:
 * RATE requests a second on each of QUEUES, each in four events or, light, as one
 * tally a queue and second.
 */
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/histogram.h"
#include "tests/unit/record_builder.h"

static void tally(struct record_builder *t, uint64_t rate)
{
	struct vqt_tally y = { .interval = 1000000000,
			       .kicks = rate,
			       .popped = rate,
			       .interrupts = rate,
			       .flight_max = 8,
			       .ngroup = 1 };
	struct {
		struct vqt_tally_group g;
		struct vqt_tally_bucket b[100];
	} group = { .g = { .type = 0,
			   .nbucket = 100,
			   .used = rate,
			   .bytes_in = 4096 * rate,
			   .timed = rate,
			   .sum = rate * 100000 } };

	for (unsigned i = 0; i < 100; i++)
		group.b[i] =
			(struct vqt_tally_bucket){ hist_bucket(50000) + i, (uint32_t)rate / 100 };
	builder_add(t, VQT_TALLY, &y, sizeof(y), &group, sizeof(group));
}

static void request(struct record_builder *t, uint16_t index)
{
	builder_kick(t, index, index + 1);
	builder_read_request(t, 0, index * 8U % 65536);
	t->ts += 100000;
	builder_used(t, 0, 4097, 0);
	builder_irq(t, VQT_IRQ_SIGNAL, 1);
}

int main(int argc, char **argv)
{
	unsigned queues = argc > 4 ? (unsigned)atoi(argv[2]) : 0;
	unsigned secs = queues ? (unsigned)atoi(argv[3]) : 0,
		 rate = secs ? (unsigned)atoi(argv[4]) : 0;
	bool light = argc > 5 && !strcmp(argv[5], "light");
	uint64_t begin = 1000000000;
	static struct record_builder t;
	struct trace_error err;

	if (!rate || trace_create(&t.writer, argv[1], &err)) {
		fprintf(stderr, "usage: mkqueues FILE QUEUES SECONDS RATE [light]\n");
		return 2;
	}
	builder_begin(&t);
	for (unsigned i = 0; i < secs * (light ? 1 : rate); i++)
		for (t.queue = 0; t.queue < queues; t.queue++) {
			uint64_t ts = begin + (uint64_t)i * 1000000000 / (light ? 1 : rate);

			t.ts = t.ts > ts ? t.ts : ts;
			if (light)
				tally(&t, rate);
			else
				request(&t, (uint16_t)i);
		}
	builder_finish(&t);
	return trace_finish(t.writer) ? 2 : 0;
}
