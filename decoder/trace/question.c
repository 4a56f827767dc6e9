/* SPDX-License-Identifier: MIT */
#include "decoder/trace/question.h"

#include <string.h>

static const char word[] = "vqt-time"; /* its first letter is in it once */
#define WORD (sizeof(word) - 1)

static const char digits[] = "0123456789abcdef";

void question_make(char to[QUESTION_BYTES], uint64_t nonce)
{
	memcpy(to, word, WORD);
	for (unsigned i = WORD; i < QUESTION_BYTES; i++)
		to[i] = digits[nonce >> 4 * (QUESTION_BYTES - 1 - i) & 15];
}

static int digit_of(uint8_t byte)
{
	const char *p = byte ? strchr(digits, byte) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* Is it the next byte of a question? */
static bool fits(struct question *q, uint8_t byte)
{
	int digit;

	if (q->n < WORD)
		return byte == (uint8_t)word[q->n];
	digit = digit_of(byte);
	q->nonce = q->nonce << 4 | (uint64_t)(digit & 15);
	return digit >= 0;
}

bool question_read(struct question *q, uint8_t byte, uint64_t *nonce)
{
	if (!fits(q, byte)) {
		q->n = byte == (uint8_t)word[0];
		return false;
	}
	if (++q->n < QUESTION_BYTES)
		return false;
	q->n = 0;
	*nonce = q->nonce;
	return *nonce != 0;
}
