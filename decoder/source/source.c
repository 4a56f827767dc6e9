/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decoder/source/source.h"
#include "decoder/util/text.h"

#define DESCRIPTORS 64

static void put_escaped(char *to, size_t size, const char *said)
{
	struct text t = { .buf = to, .size = size };

	*to = '\0';
	text_untrusted(&t, said, strlen(said));
}

int source_fail(struct source_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	char said[sizeof(err->text)];

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	put_escaped(err->text, sizeof(err->text), said);
	return code;
}

void source_say(const struct source_request *r, enum source_level level, const char *fmt, ...)
{
	char said[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	r->say(r->ctx, level, said);
}

void source_found(struct source_report *r, enum source_verdict verdict, const char *what,
		  const char *remedy, const char *fmt, ...)
{
	struct source_finding *f;
	char said[512];
	va_list ap;

	if (r->n == sizeof(r->finding) / sizeof(r->finding[0]))
		return;
	f = &r->finding[r->n++];
	f->verdict = verdict;
	put_escaped(f->what, sizeof(f->what), what);
	put_escaped(f->remedy, sizeof(f->remedy), verdict == SOURCE_OK ? "" : remedy);
	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	put_escaped(f->found, sizeof(f->found), said);
}

int source_step(struct source *s, int other, int timeout_ms)
{
	struct pollfd fd[DESCRIPTORS + 1];
	unsigned n;

	if (other < 0)
		return s->ops->step(s, timeout_ms);
	n = s->ops->descriptors(s, fd, DESCRIPTORS, &timeout_ms);
	fd[n] = (struct pollfd){ .fd = other, .events = POLLIN };
	if (poll(fd, n + 1, timeout_ms) < 0 && errno == EINTR)
		return -EINTR;
	/* one that is closed at its other end is always ready */
	return s->ops->step(s, fd[n].revents & ~POLLIN ? timeout_ms : 0);
}
