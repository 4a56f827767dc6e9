/* SPDX-License-Identifier: MIT */
/*
 * Names that identify a machine or its owner (of hosts, guests, devices, files, and the values
 * of a command line), and their removal from texts.
 */
#ifndef VQT_DECODER_EDIT_NAMES_H
#define VQT_DECODER_EDIT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct names;

struct names *names_new(void); /* NULL: no memory */
void names_free(struct names *n);

/* A name, wherever in a text it stands. */
void names_learn(struct names *n, const char *s, size_t len);
/* The words of a path or a command line, where they stand alone. */
void names_learn_words(struct names *n, const char *s, size_t len);

/*
 * Copy a text of len bytes to out, of size bytes: names and words with a slash become "(...)",
 * and so do quoted words, addresses and long numbers.  Returns the new length, at most size.
 * When not every name could be learned, no text is known to be free of them: it becomes
 * "(...)" as a whole.
 */
size_t names_scrub(const struct names *n, const char *s, size_t len, char *out, size_t size);

#endif
