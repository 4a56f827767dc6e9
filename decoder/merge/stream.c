/* SPDX-License-Identifier: MIT */
#include "decoder/merge/stream.h"

int stream_open(struct stream *s, const char *path, struct trace_error *err)
{
	int rc;

	*s = (struct stream){ .t = NULL };
	rc = trace_open(&s->t, path, err);
	if (rc)
		return rc;
	stream_next(s);
	return 0;
}

void stream_next(struct stream *s)
{
	bool again = false;
	int rc;

	do {
		rc = trace_next(s->t, &s->rec, &again, &s->why);
		s->broken += rc < 0 && again;
		s->cut |= rc < 0 && !again;
	} while (rc < 0 && again);
	s->has = rc > 0;
	s->number = trace_number(s->t);
}

void stream_close(struct stream *s)
{
	if (s->t)
		trace_close(s->t);
	s->t = NULL;
}
