/* SPDX-License-Identifier: MIT */
#include "decoder/edit/names.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/util/array.h"

#define NAMES_MAX 4096
#define ANYWHERE_MIN 3 /* a shorter name is removed only where it stands alone */
#define NUMBER_MIN 8 /* digits of a number that may identify something */

struct name {
	char *s;
	size_t len;
	bool alone; /* only where no letter or digit stands beside it */
};

struct names {
	struct name *name;
	size_t n, cap;
	uint8_t begins[256]; /* whether a name begins with this character */
	bool incomplete; /* a name could not be stored */
};

struct names *names_new(void)
{
	return calloc(1, sizeof(struct names));
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n; i++)
		free(n->name[i].s);
	free(n->name);
	free(n);
}

static void learn(struct names *n, const char *s, size_t len, bool alone)
{
	char *copy;

	if (!len)
		return;
	for (size_t i = 0; i < n->n; i++)
		if (n->name[i].len == len && !memcmp(n->name[i].s, s, len)) {
			n->name[i].alone &= alone;
			return;
		}
	copy = n->n < NAMES_MAX && array_room(n->name, n->cap, n->n + 1) ? malloc(len) : NULL;
	if (!copy) {
		n->incomplete = true;
		return;
	}
	memcpy(copy, s, len);
	n->name[n->n++] = (struct name){ .s = copy, .len = len, .alone = alone };
	n->begins[(uint8_t)*s] = 1;
}

void names_learn(struct names *n, const char *s, size_t len)
{
	learn(n, s, len, len < ANYWHERE_MIN);
}

static bool of_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' || (uint8_t)c >= 0x80;
}

/* The names of programs and of QEMU's own types are no secret, and options are none. */
static bool ordinary(const char *s, size_t len)
{
	return s[0] == '-' || memmem(s, len, "virtio", 6) || (len >= 4 && !memcmp(s, "qemu", 4)) ||
	       (len == 7 && !memcmp(s, "vqtrace", 7));
}

void names_learn_words(struct names *n, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t end = i;

		while (end < len && of_word(s[end]))
			end++;
		/* what stands before = is the name of an option */
		if (end - i >= 2 && !(end < len && s[end] == '=') && !ordinary(s + i, end - i))
			learn(n, s + i, end - i, true);
		i = end + (end == i);
	}
}

/* Length of a name at s + i. */
static size_t name_at(const struct names *n, const char *s, size_t i, size_t len)
{
	if (!n->begins[(uint8_t)s[i]])
		return 0;
	for (size_t k = 0; k < n->n; k++) {
		const struct name *m = &n->name[k];

		if (m->len > len - i || memcmp(m->s, s + i, m->len))
			continue;
		if (!m->alone ||
		    ((!i || !of_word(s[i - 1])) && (i + m->len == len || !of_word(s[i + m->len]))))
			return m->len;
	}
	return 0;
}

static bool ends_word(char c)
{
	return c == ' ' || c == ',' || c == ';' || c == '(' || c == ')' || c == '=';
}

/* A path, a quoted word, an address of hardware or of a network, a serial number. */
static bool identifies(const char *word, size_t len)
{
	size_t colons = 0, digits = 0, dots = 0;

	for (size_t i = 0; i < len; i++) {
		if (word[i] == '/' || word[i] == '\'' || word[i] == '"' || word[i] == '@' ||
		    (uint8_t)word[i] >= 0x80)
			return true;
		colons += word[i] == ':' && i + 1 < len;
		dots += word[i] == '.' && i + 1 < len;
		digits += isxdigit((unsigned char)word[i]) != 0;
	}
	if (len > 1 && word[0] == '0' && word[1] == 'x')
		return false;
	return colons > 1 || (dots == 3 && digits >= 4) ||
	       (digits >= NUMBER_MIN && digits * 2 > len);
}

static size_t hide(char *out, size_t n, size_t size)
{
	static const char hidden[] = "(...)";
	size_t len = sizeof(hidden) - 1;

	if (len > size - n)
		return n;
	memcpy(out + n, hidden, len);
	return n + len;
}

size_t names_scrub(const struct names *names, const char *s, size_t len, char *out, size_t size)
{
	size_t n = 0, word_end = 0;

	if (names->incomplete)
		return len ? hide(out, 0, size) : 0;
	for (size_t i = 0; i < len && n < size;) {
		size_t known = name_at(names, s, i, len), word = i;

		if (i >= word_end) {
			while (word < len && !ends_word(s[word]))
				word++;
			word_end = word > i ? word : i + 1;
			if (!known && identifies(s + i, word - i)) {
				n = hide(out, n, size);
				i = word_end;
				continue;
			}
		}
		if (known) {
			n = hide(out, n, size);
			i += known;
			continue;
		}
		out[n++] = s[i++];
	}
	return n;
}
