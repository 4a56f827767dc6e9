/* SPDX-License-Identifier: MIT */
#include "tests/unit/trace_buffer.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/trace/file.h"

void trace_buffer_add(struct trace_buffer *t, const void *bytes, size_t len)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 1024;
		t->bytes = realloc(t->bytes, t->cap * sizeof(*t->bytes));
		t->len = realloc(t->len, t->cap * sizeof(*t->len));
		if (!t->bytes || !t->len)
			abort();
	}
	t->bytes[t->n] = malloc(len ? len : 1);
	if (!t->bytes[t->n])
		abort();
	memcpy(t->bytes[t->n], bytes, len);
	t->len[t->n++] = len;
}

bool trace_buffer_load(struct trace_buffer *t, const char *path)
{
	struct trace_reader *r;
	struct trace_error err;
	struct record rec;
	bool again;

	memset(t, 0, sizeof(*t));
	if (trace_open(&r, path, &err))
		return false;
	while (trace_next(r, &rec, &again, &err) == 1)
		trace_buffer_add(t, rec.raw, rec.len);
	trace_close(r);
	return true;
}

void trace_buffer_copy(struct trace_buffer *to, const struct trace_buffer *from)
{
	memset(to, 0, sizeof(*to));
	for (size_t i = 0; i < from->n; i++)
		trace_buffer_add(to, from->bytes[i], from->len[i]);
}

void trace_buffer_remove(struct trace_buffer *t, size_t i)
{
	free(t->bytes[i]);
	t->n--;
	memmove(t->bytes + i, t->bytes + i + 1, (t->n - i) * sizeof(*t->bytes));
	memmove(t->len + i, t->len + i + 1, (t->n - i) * sizeof(*t->len));
}

void trace_buffer_free(struct trace_buffer *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->bytes[i]);
	free(t->bytes);
	free(t->len);
	memset(t, 0, sizeof(*t));
}

uint8_t *trace_buffer_find(struct trace_buffer *t, bool (*is)(const struct event *e), unsigned nth,
			   size_t *index)
{
	struct model *m = model_new();
	uint8_t *found = NULL;

	for (size_t i = 0; m && i < t->n && !found; i++) {
		struct record rec;
		struct event e;

		if (record_parse(&rec, t->bytes[i], t->len[i], NULL) == -74 /* EBADMSG */ ||
		    model_feed(m, &rec, i + 1, &e))
			continue;
		if (!is(&e) || nth--)
			continue;
		found = t->bytes[i];
		if (index)
			*index = i;
	}
	model_free(m);
	return found;
}
