/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "decoder/util/text.h"
#include "decoder/util/wrap.h"

#define STEP 4 /* columns that a continuation is indented by, where no column is better */
#define ROOM 24 /* columns that a continuation has at least */
#define ARROW_MIN 20 /* an arrow further left is no arrow of the timeline */

/* One character, or one colour sequence, which takes no column. */
static size_t glyph(const char *p, size_t left, unsigned *columns)
{
	size_t n = 2;

	*columns = 1;
	if (left > 2 && p[0] == '\033' && p[1] == '[') {
		while (n < left && p[n] != 'm')
			n++;
		*columns = 0;
		return n < left ? n + 1 : left;
	}
	n = text_utf8(p, left);
	return n ? n : 1;
}

static bool is_arrow(const char *p, size_t n)
{
	static const char *const arrows[] = { "·", "→", "←", ".", ">", "<" };

	for (size_t i = 0; i < sizeof(arrows) / sizeof(*arrows); i++)
		if (n == strlen(arrows[i]) && !memcmp(p, arrows[i], n))
			return true;
	return false;
}

/* Where the continuations of a line begin. */
static unsigned hang_of(const char *line, size_t len, unsigned width)
{
	unsigned col = 0, blanks = 0, gap = 0, begin = 0, columns;
	bool begun = false;

	for (size_t i = 0, n; i < len; i += n, col += columns) {
		n = glyph(line + i, len - i, &columns);
		if (n == 1 && line[i] == ' ') {
			blanks++;
			continue;
		}
		if (!columns)
			continue;
		if (!begun)
			begin = col;
		else if (blanks > 1 && col <= width / 2)
			gap = col;
		if (blanks && col >= ARROW_MIN && i + n < len && line[i + n] == ' ' &&
		    is_arrow(line + i, n))
			return col + 2;
		begun = true;
		blanks = 0;
	}
	return gap ? gap : begin + STEP;
}

/* How many bytes fit from column `at`; those up to *next are blanks that a break replaces. */
static size_t fit(const char *p, size_t left, unsigned at, unsigned width, size_t *next)
{
	size_t best = 0, i = 0, n;
	unsigned col = at, columns;
	bool text = false;

	for (; i < left; i += n, col += columns) {
		n = glyph(p + i, left - i, &columns);
		if (text && p[i] == ' ' && p[i - 1] != ' ')
			best = i;
		if (col + columns > width)
			break;
		text |= columns && p[i] != ' ';
		if (text && p[i] == '|' && i + 1 < left)
			best = i + 1;
	}
	if (i == left)
		return *next = left;
	if (!best) /* a word that is longer than the line */
		best = i ? i : glyph(p, left, &columns);
	*next = best;
	while (*next < left && p[*next] == ' ')
		++*next;
	return best;
}

/* Columns of the first word, with its bar. */
static unsigned first_word(const char *p, size_t left)
{
	unsigned col = 0, columns;

	for (size_t i = 0, n; i < left && p[i] != ' '; i += n, col += columns) {
		n = glyph(p + i, left - i, &columns);
		if (p[i] == '|')
			return col + 1;
	}
	return col;
}

int wrap_write(FILE *to, const char *line, size_t len, unsigned width)
{
	unsigned hang = hang_of(line, len, width), at = 0,
		 most = width > 2 * ROOM ? width - ROOM : STEP;

	if (hang > most)
		hang = STEP;
	do {
		size_t next, n = fit(line, len, at, width, &next);

		if (fprintf(to, "%*s", (int)at, "") < 0 || fwrite(line, 1, n, to) != n ||
		    fputc('\n', to) == EOF)
			return -EIO;
		line += next;
		len -= next;
		at = first_word(line, len);
		/* a long word begins further left, if that keeps it in one piece */
		at = hang + at > width && STEP + at <= width ? width - at : hang;
	} while (len);
	return 0;
}
