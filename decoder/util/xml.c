/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "decoder/util/text.h"
#include "decoder/util/xml.h"

/* The character at `s`, of which `left` bytes (at least 1) are there; how many it takes. */
static size_t put_character(FILE *to, const char *s, size_t left)
{
	size_t n = text_utf8(s, left);
	TEXT(t, 16);

	switch (*s) {
	case '&': fputs("&amp;", to); break;
	case '<': fputs("&lt;", to); break;
	case '>': fputs("&gt;", to); break;
	case '"': fputs("&quot;", to); break;
	default:
		n = n ? n : 1;
		text_untrusted(&t, s, n);
		fputs(t.buf, to);
	}
	return n;
}

void xml_escape(FILE *to, const char *bytes, size_t len)
{
	for (size_t at = 0; at < len;)
		at += put_character(to, bytes + at, len - at);
}

void xml_begin(struct xml *w, FILE *to)
{
	*w = (struct xml){ .to = to };
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", to);
}

static void end_tag(struct xml *w, const char *with)
{
	if (w->tag)
		fputs(with, w->to);
	w->tag = false;
}

void xml_open(struct xml *w, const char *name)
{
	if (w->depth++ >= XML_DEPTH)
		return;
	end_tag(w, ">\n");
	fprintf(w->to, "%*s<%s", (int)w->depth - 1, "", name);
	w->name[w->depth - 1] = name;
	w->tag = true;
	w->text = false;
}

void xml_attribute(struct xml *w, const char *key, const char *value)
{
	if (!w->tag || w->depth > XML_DEPTH)
		return;
	fprintf(w->to, " %s=\"", key);
	xml_escape(w->to, value, strlen(value));
	fputc('"', w->to);
}

void xml_attribute_u64(struct xml *w, const char *key, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	xml_attribute(w, key, digits);
}

void xml_text(struct xml *w, const char *s)
{
	if (!w->depth || w->depth > XML_DEPTH)
		return;
	end_tag(w, ">");
	w->text = true;
	for (size_t left = strlen(s), n; left; s += n, left -= n) {
		n = strcspn(s, "\n");
		xml_escape(w->to, s, n);
		if (n < left) {
			fputc('\n', w->to);
			n++;
		}
	}
}

void xml_close(struct xml *w)
{
	if (!w->depth || w->depth-- > XML_DEPTH)
		return;
	if (w->tag)
		end_tag(w, "/>\n");
	else
		fprintf(w->to, "%*s</%s>\n", w->text ? 0 : (int)w->depth, "", w->name[w->depth]);
	w->text = false;
}
