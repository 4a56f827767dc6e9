/* SPDX-License-Identifier: MIT */
/* Statements as words. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/conversation_impl.h"

void statement_cut(struct statement *w, const char *text, size_t len)
{
	char *to = w->text, *end = w->text + sizeof(w->text) - 4;
	unsigned n = 0;

	w->at = 0;
	w->bad = false;
	for (size_t i = 0; i < len && n < STATEMENT_WORDS && to < end;) {
		size_t word = 0;

		if (isspace((unsigned char)text[i])) {
			i++;
			continue;
		}
		while (i + word < len && !isspace((unsigned char)text[i + word]) &&
		       !strchr(",:|!", text[i + word]))
			word++;
		word += !word;
		w->word[n++] = to;
		while (word-- && to < end)
			*to++ = text[i++];
		*to++ = '\0';
	}
	w->bad = n == STATEMENT_WORDS || to >= end;
	w->word[n] = "";
}

bool statement_takes(struct statement *w, const char *word)
{
	if (strcmp(w->word[w->at], word))
		return false;
	w->at++;
	return true;
}

unsigned long long statement_number(struct statement *w)
{
	const char *word = w->word[w->at];
	unsigned long long v;
	char *end;

	v = strtoull(word, &end, 0);
	if (!*word || *end) {
		w->bad = true;
		return 0;
	}
	w->at++;
	return v;
}

unsigned long long statement_option(struct statement *w, const char *word,
				    unsigned long long otherwise)
{
	return statement_takes(w, word) ? statement_number(w) : otherwise;
}

unsigned long long statement_name(struct statement *w, const struct spec_name *names)
{
	for (; names->name; names++)
		if (statement_takes(w, names->name))
			return names->value;
	return statement_number(w);
}
