/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decoder/util/text.h"

/* What does not fit is left out in whole characters: half of one is no UTF-8. */
static size_t whole(const char *bytes, size_t n)
{
	size_t at = n;

	while (at && n - at < 3 && ((unsigned char)bytes[at - 1] & 0xc0) == 0x80)
		at--;
	if (at && (unsigned char)bytes[at - 1] >= 0xc0 && !text_utf8(bytes + at - 1, n - at + 1))
		return at - 1;
	return n;
}

void text_add(struct text *t, const char *fmt, ...)
{
	size_t room = t->size - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= room) {
		t->cut = true;
		n = (int)whole(t->buf + t->len, room - 1);
		t->buf[t->len + (size_t)n] = '\0';
	}
	t->len += (size_t)n;
}

void text_puts(struct text *t, const char *s)
{
	size_t n = strlen(s), room = t->size - t->len - 1;

	if (n > room) {
		t->cut = true;
		n = whole(s, room);
	}
	memcpy(t->buf + t->len, s, n);
	t->len += n;
	t->buf[t->len] = '\0';
}

size_t text_utf8(const char *bytes, size_t left)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t n = p[0] < 0x80			 ? 1
		   : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		   : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		   : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						 : 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms and surrogates */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	/* C1 controls move terminals too */
	return n == 2 && p[0] == 0xc2 && p[1] < 0xa0 ? 0 : n;
}

uint32_t text_code_point(const char *bytes, size_t n)
{
	const unsigned char *p = (const unsigned char *)bytes;
	uint32_t c = n < 2 ? p[0] : p[0] & (0xffU >> (n + 1));

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

bool text_is_format(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{ 0x00ad, 0x00ad }, /* soft hyphen */
		{ 0x061c, 0x061c }, /* Arabic letter mark */
		{ 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },
		{ 0x180b, 0x180f }, /* fillers, selectors */
		{ 0x200b, 0x200f }, /* zero width; direction marks */
		{ 0x2028, 0x202e }, /* line separators; embeddings, overrides */
		{ 0x2060, 0x206f }, /* invisible operators; isolates */
		{ 0x3164, 0x3164 },   { 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb },   { 0xfffe, 0xffff }, /* no characters: XML cannot hold them */
		{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
		{ 0xe0000, 0xe0fff }, /* tags */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]) && c >= ranges[i][0]; i++)
		if (c <= ranges[i][1])
			return true;
	return false;
}

void text_u64(struct text *t, uint64_t v, unsigned width, char pad)
{
	char digits[21], *p = digits + 20;

	*p = '\0';
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (p > digits && digits + 20 - p < (int)width)
		*--p = pad;
	text_puts(t, p);
}

void text_untrusted(struct text *t, const char *bytes, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes;

	while (len) {
		size_t n = text_utf8((const char *)p, len);
		uint32_t c = n > 1 ? text_code_point((const char *)p, n) : 0;

		if (!n || *p < 0x20 || *p == 0x7f) {
			text_add(t, "\\x%02x", *p);
			n = 1;
		} else if (text_is_format(c)) {
			text_add(t, c > 0xffff ? "\\U%08" PRIx32 : "\\u%04" PRIx32, c);
		} else {
			text_add(t, "%.*s", (int)n, (const char *)p);
		}
		p += n;
		len -= n;
	}
}

void text_write_untrusted(FILE *to, const char *s)
{
	for (size_t left = strlen(s), n; left; s += n, left -= n) {
		TEXT(t, 256);

		/* in pieces that end with a character */
		n = whole(s, left < 20 ? left : 20);
		n += !n;
		text_untrusted(&t, s, n);
		fputs(t.buf, to);
	}
}

void text_untrusted_lines(struct text *t, const char *s)
{
	size_t n = strcspn(s, "\n");

	for (; s[n]; s += n + 1, n = strcspn(s, "\n")) {
		text_untrusted(t, s, n);
		text_puts(t, "\n");
	}
	text_untrusted(t, s, n);
}

void text_ascii(struct text *t)
{
	size_t at = 0;

	for (size_t i = 0; i < t->len; i++)
		if ((t->buf[i] & 0xc0) != 0x80)
			t->buf[at++] = t->buf[i] & 0x80 ? '?' : t->buf[i];
	t->buf[at] = '\0';
	t->len = at;
}

void text_pad(struct text *t, size_t column)
{
	size_t at = 0;

	for (size_t i = 0; i < t->len; i++)
		at += (t->buf[i] & 0xc0) != 0x80;
	do {
		text_puts(t, " ");
	} while (++at < column && !t->cut);
}

static uint64_t rounded(uint64_t v, uint64_t div)
{
	return v / div + (v % div >= div / 2);
}

/* Three significant digits, by hand: this is the hot path of the timeline. */
size_t text_line(const char *bytes, size_t left, size_t width)
{
	size_t n = width;

	if (left <= width)
		return left;
	while (n > 1 && bytes[n] != ' ' && bytes[n - 1] != '|')
		n--;
	if (n > 1)
		return n;
	n = width ? width : 1;
	while (n < left && (bytes[n] & 0xc0) == 0x80) /* not within a character */
		n++;
	return n;
}

void text_duration(struct text *t, uint64_t ns)
{
	static const char *const units[] = { " us", " ms", " s" };
	uint64_t unit = 1000, div = 10, v;
	unsigned u = 0, decimals = 2;

	if (ns < 1000) {
		text_u64(t, ns, 0, ' ');
		text_puts(t, " ns");
		return;
	}
	while (u < 2 && ns >= unit * 1000 - unit / 2) {
		unit *= 1000;
		u++;
	}
	/* div: ns in one of the last digit shown */
	for (div = unit / 100; decimals && rounded(ns, div) >= 1000; decimals--)
		div *= 10;
	v = rounded(ns, div);
	text_u64(t, decimals == 2 ? v / 100 : decimals ? v / 10 : v, 0, ' ');
	if (decimals) {
		text_puts(t, ".");
		text_u64(t, decimals == 2 ? v % 100 : v % 10, decimals, '0');
	}
	text_puts(t, units[u]);
}

void text_size(struct text *t, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	unsigned u = 0;

	while (v >= 1023.5 && u < 4) {
		v /= 1024;
		u++;
	}
	text_add(t, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

size_t text_distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][TEXT_DISTANCE_MAX + 1];
	size_t *two_up = rows[0], *up = rows[1], *row = rows[2], *spare;

	for (size_t j = 0; j <= nb; j++)
		up[j] = j;
	for (size_t i = 1; i <= na; i++) {
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);

			row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + !same);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) && two_up[j - 2] + 1 < row[j])
				row[j] = two_up[j - 2] + 1;
		}
		spare = two_up;
		two_up = up;
		up = row;
		row = spare;
	}
	return up[nb];
}
