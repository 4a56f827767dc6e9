/* SPDX-License-Identifier: MIT */
#include "cli/show/save.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "decoder/trace/build.h"
#include "decoder/util/text.h"
#include "decoder/trace/file.h"
#include "decoder/trace/stacks.h"

struct save {
	struct trace_writer *w;
	const char *path, *filter;
	uint64_t seen, matched;
	int error;
	struct kept_stacks stacks; /* those that no event has needed yet */
	uint8_t buf[VQT_RECORD_MAX] __attribute__((aligned(8)));
};

int save_open(struct save **out, const char *path, const char *read, const char *filter)
{
	struct stat in, there;
	struct trace_error err;
	struct save *s;

	if (!strcmp(path, "-") && isatty(STDOUT_FILENO))
		return cli_usage("-w -: standard output is a terminal; pipe it");
	if (!stat(read, &in) && !stat(path, &there) && in.st_dev == there.st_dev &&
	    in.st_ino == there.st_ino)
		return cli_error("-w %s: is the trace itself; give another file", path);
	s = calloc(1, sizeof(*s));
	if (!s)
		return cli_error("no memory");
	s->path = path;
	s->filter = filter;
	if (trace_create(&s->w, path, &err)) {
		free(s);
		return cli_error("%s", err.text);
	}
	*out = s;
	return CLI_OK;
}

/* The session says that it is a part; of an older filter, this one is the rest. */
static size_t session(struct save *s, const struct record *rec)
{
	struct build b = { .bytes = s->buf, .size = sizeof(s->buf) };
	char before[1000];
	TEXT(filter, 2100);

	build_bytes(&b, rec->raw, (size_t)(rec->tail - rec->raw));
	for (unsigned tag = 1; tag < 256; tag++) {
		size_t len;
		const char *value = tag == VQT_TAG_FILTER ? NULL : record_tlv(rec, tag, &len);

		if (value)
			build_tlv(&b, tag, value, len);
	}
	record_tlv_str(rec, VQT_TAG_FILTER, before, sizeof(before));
	text_add(&filter, "%s%s%s", before, before[0] ? ", " : "", s->filter);
	build_text(&b, VQT_TAG_FILTER, filter.buf);
	return b.len;
}

static bool describes(unsigned type)
{
	return type < VQT_REG && type != VQT_STACK;
}

/* A stack is written when an event that is has it. */
static int save_stack(struct save *s, const struct record *rec)
{
	const void *stack;
	size_t len;

	if (rec->h.type == VQT_SOURCE)
		kept_stacks_forget(&s->stacks, rec->h.source);
	stack = kept_stacks_needed(&s->stacks, rec->h.source, rec->stack_id, &len);
	return stack ? trace_write(s->w, stack, len) : 0;
}

int save_event(struct save *s, const struct event *e, bool matched)
{
	const struct record *rec = e->rec;
	const void *bytes = rec->raw;
	size_t len = rec->len;

	s->seen++;
	s->matched += matched;
	if (rec->h.type == VQT_STACK && rec->tail)
		s->error = kept_stacks_add(&s->stacks, rec->raw, rec->len, matched);
	if (s->error || (!matched && !describes(rec->h.type)))
		return s->error;
	if (rec->h.type == VQT_SESSION) {
		len = session(s, rec);
		bytes = s->buf;
	}
	s->error = save_stack(s, rec);
	if (!s->error)
		s->error = trace_write(s->w, bytes, len);
	return s->error;
}

int save_close(struct save *s)
{
	int rc;

	if (!s)
		return CLI_OK;
	rc = trace_finish(s->w);
	if (!s->error)
		s->error = rc;
	rc = CLI_OK;
	if (s->error && s->error != -EPIPE)
		rc = cli_error("%s: %s", s->path, strerror(-s->error));
	else if (strcmp(s->path, "-"))
		cli_say("%s: %" PRIu64 " of %" PRIu64 " events, and what describes them", s->path,
			s->matched, s->seen);
	kept_stacks_free(&s->stacks);
	free(s);
	return rc;
}
