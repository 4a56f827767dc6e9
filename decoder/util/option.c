/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decoder/util/option.h"

const char *const option_text_or_json[] = { "text", "json", NULL };

int option_refuse(struct text *why, const char *fmt, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	text_untrusted(why, words, strlen(words));
	return -EINVAL;
}
