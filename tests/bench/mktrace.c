/* SPDX-License-Identifier: MIT */
/*
 * Make a long trace: COUNT requests of a busy disk, for measuring readers.  The
 * conversation is in order from the reset on, so that every rule has to look.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/conversation.h"

#define DEPTH 32 /* requests in flight */

static void request(struct conversation *s, unsigned long i)
{
	unsigned long head = i % DEPTH * 3;
	char text[160];

	if (i >= DEPTH) {
		snprintf(text, sizeof(text), "use %lu; interrupt", head);
		conversation_run(s, text);
	}
	snprintf(text, sizeof(text),
		 "avail; kick; "
		 "pop %lu: readable 16, writable 4096, writable 1 type IN sector %lu",
		 head, i * 8 % 4096);
	conversation_run(s, text);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	static struct conversation s;
	struct trace_error err;

	if (!count) {
		fprintf(stderr, "usage: mktrace FILE COUNT\n");
		return 2;
	}
	if (trace_create(&s.t.writer, argv[1], &err)) {
		fprintf(stderr, "mktrace: %s\n", err.text);
		return 2;
	}
	conversation_begin(&s, "reset-not-awaited"); /* the findings are not wanted here */
	conversation_run(&s, "up; read-config");
	for (unsigned long i = 0; i < count && !s.error; i++)
		request(&s, i);
	if (s.error)
		return 2;
	conversation_end(&s);
	return trace_finish(s.t.writer) ? 2 : 0;
}
