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

#include "decoder/util/mix.h"

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

static inline uint64_t hash_mix_text(uint64_t h, const char *s)
{
	while (*s)
		h = hash_mix(h, (unsigned char)*s++);
	return h;
}

#endif
