/* SPDX-License-Identifier: MIT */
/*
 * Writing XML.  With --characters: a document with one line for each character of Unicode but the
 * line feed, and then for each two bytes, as hexadecimal digits and as written, for a real parser:
 * tests/check/names_test.sh.
 */
#include <stdlib.h>
#include <string.h>

#include "decoder/util/xml.h"
#include "tests/unit/tap.h"

/* --- a document --------------------------------------------------------------------------- */

static char *page;
static size_t len;

static FILE *begin(struct xml *w)
{
	FILE *to = open_memstream(&page, &len);

	if (!to)
		exit(2);
	xml_begin(w, to);
	return to;
}

static void compare(FILE *to, const char *want)
{
	fclose(to);
	CHECK_STR(page, want);
	free(page);
}

#define DECLARED "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static void test_elements(void)
{
	struct xml w;
	FILE *to = begin(&w);

	xml_open(&w, "suite");
	xml_attribute(&w, "name", "a<b&\"c\"");
	xml_attribute_u64(&w, "most", UINT64_MAX);
	xml_open(&w, "empty");
	xml_close(&w);
	xml_open(&w, "case");
	xml_attribute(&w, "n", "");
	xml_open(&w, "text");
	xml_text(&w, "one\n");
	xml_text(&w, "");
	xml_text(&w, "two ]]> <&\n\n");
	xml_attribute(&w, "late", "left out");
	xml_close(&w);
	xml_open(&w, "none");
	xml_text(&w, "");
	xml_close(&w);
	xml_close(&w);
	xml_close(&w);
	xml_close(&w); /* nothing is open */
	compare(to,
		DECLARED "<suite name=\"a&lt;b&amp;&quot;c&quot;\" most=\"18446744073709551615\">\n"
			 " <empty/>\n"
			 " <case n=\"\">\n"
			 "  <text>one\ntwo ]]&gt; &lt;&amp;\n\n</text>\n"
			 "  <none></none>\n"
			 " </case>\n"
			 "</suite>\n");
}

static void test_bytes(void)
{
	struct xml w;
	FILE *to = begin(&w);

	xml_open(&w, "a");
	xml_attribute(&w, "v", "1\n2\t\x1b\xc2\x85\xff\xe2\x80\xae\xef\xbf\xbe\xed\xa0\x80");
	xml_text(&w, "1\r\n\t2\xef\xbf\xbf\xf0\x9f\x98\x80\xf0\x9f");
	xml_close(&w);
	compare(to,
		DECLARED "<a v=\"1\\x0a2\\x09\\x1b\\xc2\\x85\\xff\\u202e\\ufffe\\xed\\xa0\\x80\">"
			 "1\\x0d\n\\x092\\uffff\xf0\x9f\x98\x80\\xf0\\x9f</a>\n");
}

static void test_deep(void)
{
	struct xml w;
	FILE *to = begin(&w);

	for (unsigned i = 0; i < XML_DEPTH + 2; i++)
		xml_open(&w, "e");
	xml_attribute(&w, "left", "out");
	xml_text(&w, "left out");
	for (unsigned i = 0; i < XML_DEPTH + 2; i++)
		xml_close(&w);
	fclose(to);
	CHECK(strstr(page, "<e/>") && !strstr(page, "out"));
	CHECK_EQ(len, strlen(DECLARED) + (XML_DEPTH - 1) * strlen("<e>\n</e>\n") +
			      strlen("<e/>\n") + (XML_DEPTH - 1) * (XML_DEPTH - 2) + XML_DEPTH - 1);
	free(page);
}

/* --- characters --------------------------------------------------------------------------- */

static size_t encode(char *to, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(n == 1 ? c : (0xf00U >> n & 0xf0) | c);
	return n;
}

static void put_line(struct xml *w, const char *bytes, size_t n)
{
	char line[32];
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at, "%02x",
				       (unsigned char)bytes[i]);
	line[at++] = ' ';
	memcpy(line + at, bytes, n);
	strcpy(line + at + n, "\n");
	xml_text(w, line);
}

static void put_characters(void)
{
	struct xml w;
	char c[4];

	xml_begin(&w, stdout);
	xml_open(&w, "characters");
	for (uint32_t i = 1; i <= 0x10ffff; i++)
		if (i != '\n')
			put_line(&w, c, encode(c, i));
	for (uint32_t i = 0; i <= 0xffff; i++) {
		c[0] = (char)(i >> 8);
		c[1] = (char)i;
		if (c[0] && c[1] && c[0] != '\n' && c[1] != '\n')
			put_line(&w, c, 2);
	}
	xml_close(&w);
}

static const struct tap_test tests[] = {
	{ "elements, attributes, text", test_elements },
	{ "bytes that XML cannot hold", test_bytes },
	{ "more levels than there are", test_deep },
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--characters")) {
		put_characters();
		return ferror(stdout);
	}
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
