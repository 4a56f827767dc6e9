/* SPDX-License-Identifier: MIT */
/* More that is known of an item. */
#include <string.h>

#include "decoder/export/timeline_impl.h"

void args_number(struct args *a, const char *key, uint64_t n)
{
	if (a->n < ARGS_MAX)
		a->arg[a->n++] = (struct timeline_arg){ .key = key, .number = n };
}

void args_text(struct args *a, const char *key, const char *text)
{
	if (a->n < ARGS_MAX && *text)
		a->arg[a->n++] = (struct timeline_arg){ .key = key, .text = text };
}

void args_untrusted(struct args *a, const char *key, const char *text, size_t len)
{
	struct text t = { .buf = a->text + a->used, .size = ARGS_TEXT - a->used };

	if (t.size < 8)
		return;
	*t.buf = '\0';
	text_untrusted(&t, text, len);
	a->used += t.len + 1;
	args_text(a, key, t.buf);
}
