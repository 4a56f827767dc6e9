/* SPDX-License-Identifier: MIT */
/* Allocated arrays that grow, and the order of arrays. */
#ifndef VQT_DECODER_UTIL_ARRAY_H
#define VQT_DECODER_UTIL_ARRAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline void *array_grow(void *array, size_t *cap, size_t need, size_t size)
{
	size_t more = *cap ? *cap : 16;
	while (more < need)
		more *= 2;
	void *p = reallocarray(array, more, size);
	if (p)
		*cap = more;
	return p;
}

/*
 * Make room for `need` (not 0) items in an array that has room for `cap`; both variables may
 * change.  false: no memory, and neither has changed.
 */
#define array_room(array, cap, need) \
	({ \
		size_t room_ = (cap), need_ = (need); \
		void *array_ = need_ <= room_ \
				       ? (array) \
				       : array_grow(array, &room_, need_, sizeof(*(array))); \
		if (array_) { \
			(array) = array_; \
			(cap) = room_; \
		} \
		array_ != NULL; \
	})

/* Compares two uint64_t, for qsort() and bsearch(); or structures that begin with one. */
static inline int array_by_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#endif
