/* SPDX-License-Identifier: MIT */
/* Lines on a narrow terminal. */
#include <stdlib.h>
#include <string.h>

#include "decoder/util/wrap.h"
#include "tests/unit/tap.h"

static char *wrapped(const char *line, unsigned width)
{
	static char *buf;
	size_t size;
	FILE *f;

	free(buf);
	f = open_memstream(&buf, &size);
	CHECK_EQ(wrap_write(f, line, strlen(line), width), 0);
	fclose(f);
	return buf;
}

static void short_lines(void)
{
	CHECK_STR(wrapped("", 80), "\n");
	CHECK_STR(wrapped("abc", 3), "abc\n");
	CHECK_STR(wrapped("→→→", 3), "→→→\n");
	CHECK_STR(wrapped("\033[31mabc\033[0m", 3), "\033[31mabc\033[0m\n");
}

static void words(void)
{
	CHECK_STR(wrapped("one two three", 9), "one two\n    three\n");
	CHECK_STR(wrapped("  one two three", 11), "  one two\n    three\n");
	CHECK_STR(wrapped("seen:     one two three four five six seven eight nine", 50),
		  "seen:     one two three four five six seven eight\n          nine\n");
	/* a blank at the very end of a line is not missed, and none begins the next */
	CHECK_STR(wrapped("abcd   efgh", 4), "abcd\n    e\n    f\n    g\n    h\n");
}

static void bars(void)
{
	CHECK_STR(wrapped("f = ABC|DEF|GHI", 12), "f = ABC|DEF|\n    GHI\n");
	CHECK_STR(wrapped("abcdefghij", 6), "abcdef\n    gh\n    ij\n");
}

static void timeline(void)
{
	static const char line[] =
		"     0.143248   +31.4 us   blk0     ← device_feature[0] = SEG_MAX|GEOMETRY|BLK_SIZE";

	CHECK_STR(wrapped(line, 70),
		  "     0.143248   +31.4 us   blk0     ← device_feature[0] = SEG_MAX|\n"
		  "                                      GEOMETRY|BLK_SIZE\n");
	CHECK_STR(
		wrapped("     0.143248   +31.4 us   blk0     · added [a_function_with_a_long_name_of_it]",
			62),
		"     0.143248   +31.4 us   blk0     · added\n"
		"                           [a_function_with_a_long_name_of_it]\n");
	/* too narrow for that */
	CHECK_STR(wrapped(line, 50), "     0.143248   +31.4 us   blk0     ←\n"
				     "    device_feature[0] = SEG_MAX|GEOMETRY|BLK_SIZE\n");
}

/* Whatever the line and the width, no more than the width is used, and no word is lost. */
static void anything(void)
{
	static const char glyphs[] = "ab |  >·→\033[0m";
	unsigned seed = 1;

	for (unsigned run = 0; run < 3000; run++) {
		char line[200], *got;
		size_t n = 0, k = 0, i = 0;

		while (n < 60) {
			unsigned at = (seed = seed * 1103515245 + 12345) >> 16;

			at %= 7;
			line[n++] = glyphs[at];
		}
		line[n] = 0;
		got = wrapped(line, 1 + run % 70);
		for (const char *p = got; *p; p++) /* all that is no blank, in order */
			if (*p != ' ' && *p != '\n') {
				while (line[k] == ' ')
					k++;
				CHECK_EQ(*p, line[k++]);
			}
		while (line[k] == ' ')
			k++;
		CHECK_EQ(line[k], 0);
		for (const char *p = got; *p; p++) {
			i = *p == '\n' ? 0 : i + 1;
			CHECK(i <= (1 + run % 70 < 5 ? 5 : 1 + run % 70));
		}
	}
}

static const struct tap_test tests[] = {
	{ "lines that fit", short_lines },
	{ "between words", words },
	{ "behind bars, and within words", bars },
	{ "below the text of the timeline", timeline },
	{ "any line", anything },
};
TAP_MAIN(tests)
