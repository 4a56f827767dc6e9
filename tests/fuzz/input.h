/* SPDX-License-Identifier: MIT */
/* Bytes that decide what is done next; after their end all are 0. */
#ifndef VQT_TESTS_FUZZ_INPUT_H
#define VQT_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *p;
	size_t left;
};

static inline uint64_t take(struct input *in, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n && in->left; i++, in->left--)
		v |= (uint64_t)*in->p++ << 8 * i;
	return v;
}

/* The next so many bytes, fewer if there are no more; *n says how many. */
static inline const uint8_t *take_bytes(struct input *in, size_t *n)
{
	const uint8_t *p = in->p;

	*n = *n < in->left ? *n : in->left;
	in->p += *n;
	in->left -= *n;
	return p;
}

/* The same as a C string. */
static inline void take_text(struct input *in, char *to, size_t size)
{
	size_t n = (size_t)take(in, 1);
	const uint8_t *p = take_bytes(in, &n);

	n = n < size - 1 ? n : size - 1;
	if (n)
		memcpy(to, p, n);
	to[n] = 0;
}

#endif
