/* SPDX-License-Identifier: MIT */
/*
 * Hash tables and hashes.  uthash is built so that it does not end the process
 * when there is no memory: HASH_ADD() then leaves the element out of the table,
 * and the caller still owns it.
 */
#ifndef VQT_DECODER_UTIL_HASH_H
#define VQT_DECODER_UTIL_HASH_H

#include <stdint.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* After HASH_ADD(): is it in the table? */
#define hash_holds(element) ((element)->hh.tbl != NULL)

/*
 * Make an element of a table: zeroed, with its member `key` set to `value`.  e becomes NULL
 * if there is no memory.
 */
#define hash_add_new(head, key, value, e) \
	do { \
		(e) = calloc(1, sizeof(*(e))); \
		if (!(e)) \
			break; \
		(e)->key = (value); \
		HASH_ADD(hh, head, key, sizeof((e)->key), e); \
		if (!hash_holds(e)) { \
			free(e); \
			(e) = NULL; \
		} \
	} while (0)

/* Free all elements of a table; they own nothing else. */
#define hash_free(head) \
	do { \
		__typeof__(head) element_, next_; \
\
		HASH_ITER (hh, head, element_, next_) { \
			HASH_DEL(head, element_); \
			free(element_); \
		} \
	} while (0)

/*
 * Mixes v into the hash h; order matters.  64 bits wide, so that hashes may stand
 * for what they were made of: of n things, two are taken for one with a chance of
 * n * n / 2^65.  Not for input that an attacker chooses to collide.
 */
static inline uint64_t hash_mix(uint64_t h, uint64_t v)
{
	h ^= v + 0x9e3779b97f4a7c15ULL + (h << 6) + (h >> 2);
	h ^= h >> 30;
	h *= 0xbf58476d1ce4e5b9ULL;
	h ^= h >> 27;
	h *= 0x94d049bb133111ebULL;
	return h ^ h >> 31;
}

static inline uint64_t hash_mix_text(uint64_t h, const char *s)
{
	while (*s)
		h = hash_mix(h, (unsigned char)*s++);
	return h;
}

#endif
