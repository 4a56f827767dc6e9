/* SPDX-License-Identifier: MIT */
/* What panels draw with. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "cli/top/screen_impl.h"

static const struct {
	short fg;
	attr_t with, without; /* colours */
} paints[PAINTS] = {
	[PAINT_PLAIN] = { -1, A_NORMAL, A_NORMAL },
	[PAINT_HEAD] = { COLOR_CYAN, A_REVERSE, A_REVERSE },
	[PAINT_BAD] = { COLOR_RED, A_BOLD, A_BOLD },
	[PAINT_GOOD] = { COLOR_GREEN, A_NORMAL, A_NORMAL },
	[PAINT_WARN] = { COLOR_YELLOW, A_NORMAL, A_BOLD },
	[PAINT_NOTE] = { COLOR_CYAN, A_NORMAL, A_DIM },
	[PAINT_SELECTED] = { -1, A_REVERSE, A_REVERSE },
};

void screen_start_colors(void)
{
	start_color();
	use_default_colors();
	for (short i = 1; i < PAINTS; i++)
		init_pair(i, paints[i].fg, -1);
}

static void screen_paint(struct screen *x, enum paint p, bool on)
{
	attr_t a = x->color ? paints[p].with : paints[p].without;

	if (x->color && paints[p].fg >= 0)
		a |= (attr_t)COLOR_PAIR(p);
	if (on)
		attron(a);
	else
		attroff(a);
}

/* Characters, not bytes: a cell each, which is all that we print. */
static int cells(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* The bytes of the first n characters. */
static int cut(const char *s, int n)
{
	const char *p = s;

	while (*p && (n > 0 || ((unsigned char)*p & 0xc0) == 0x80)) {
		n -= ((unsigned char)*p & 0xc0) != 0x80;
		if (n < 0)
			break;
		p++;
	}
	while (((unsigned char)*p & 0xc0) == 0x80)
		p++;
	return (int)(p - s);
}

int screen_put(struct screen *x, int y, int at, enum paint p, const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	int room = COLS - at, n;
	TEXT(t, 1024);

	if (y < 0 || y >= LINES || room <= 0)
		return at;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	text_untrusted(&t, buf, strlen(buf)); /* names are those of guests and users */
	n = cells(t.buf);
	if (n > room)
		t.buf[cut(t.buf, room)] = '\0';
	screen_paint(x, p, true);
	mvaddstr(y, at, t.buf);
	screen_paint(x, p, false);
	return at + (n > room ? room : n);
}

void screen_put_line(struct screen *x, int y, enum paint p, const char *text)
{
	TEXT(t, 2048);

	text_untrusted(&t, text, strlen(text)); /* before it is cut: an escape is one thing */
	screen_put(x, y, 0, p, "%s", t.buf + cut(t.buf, (int)x->aside));
}

void screen_put_bar(struct screen *x, int y, enum paint p, const char *text)
{
	int n = COLS - cells(text);

	screen_put(x, y, 0, p, "%s%*s", text, n > 0 ? n : 0, "");
}

void screen_put_gauge(struct screen *x, int y, int at, int width, double share)
{
	char bar[64];
	int n = width - 2 < 60 ? width - 2 : 60, full;

	if (n < 1)
		return;
	share = share < 0 ? 0 : share > 1 ? 1 : share;
	full = (int)(share * n + 0.5);
	for (int i = 0; i < n; i++)
		bar[i] = i < full ? '|' : ' ';
	bar[n] = '\0';
	at = screen_put(x, y, at, PAINT_PLAIN, "[");
	at = screen_put(x, y, at,
			share > 0.9   ? PAINT_BAD
			: share > 0.6 ? PAINT_WARN
				      : PAINT_GOOD,
			"%s", bar);
	screen_put(x, y, at, PAINT_PLAIN, "]");
}

const char *screen_spark(const struct screen *x, unsigned level)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const plain[] = { " ", ".", ":", "-", "=", "+", "*", "#", "@" };

	return (x->ascii ? plain : blocks)[level < 9 ? level : 8];
}

void screen_put_sparkline(struct screen *x, int y, int at, int width, const struct top_row *r,
			  double (*value)(const struct top_past *p))
{
	double most = 0;

	for (int i = 0; i < width; i++) {
		const struct top_past *p = top_row_past(r, (unsigned)i);

		if (p && value(p) > most)
			most = value(p);
	}
	for (int i = 0; i < width && most > 0; i++) {
		const struct top_past *p = top_row_past(r, (unsigned)(width - 1 - i));
		double v = p ? value(p) : 0;
		unsigned level = v > 0 ? 1 + (unsigned)(v / most * 7.0) : 0;

		screen_put(x, y, at + i, PAINT_NOTE, "%s", screen_spark(x, level));
	}
}

int screen_save_text(const char *path)
{
	FILE *to = fopen(path, "wxe"); /* x: not over one that is there */
	int err;

	if (!to)
		return -errno;
	for (int y = 0; y < LINES; y++) {
		wchar_t line[1024];
		int n = COLS < 1023 ? COLS : 1023;

		mvinnwstr(y, 0, line, n);
		line[n] = L'\0';
		n = (int)wcslen(line);
		while (n && line[n - 1] == L' ')
			line[--n] = L'\0';
		fprintf(to, "%ls\n", line);
	}
	err = ferror(to) ? EIO : 0;
	if (fclose(to))
		err = errno;
	return -err;
}
