/* SPDX-License-Identifier: MIT */
/* Records that wait to be written, in the order in which they came. */
#ifndef VQT_DECODER_LIVE_WAITING_H
#define VQT_DECODER_LIVE_WAITING_H

#include "decoder/trace/record.h"

struct waiting {
	uint8_t *bytes;
	size_t at, n, cap; /* [at, n) waits */
	size_t kept; /* [kept, at) has been dropped, and can still be walked through */
	size_t keep; /* so many bytes of that at most; set by the owner */
	uint64_t records;
	struct record rec; /* the first, if there is one; it points into bytes */
	uint64_t came; /* when it did */
};

struct waiting_place { /* for walking through them */
	size_t at;
	struct record rec;
	uint64_t came;
};

/* came: ns, not before that of the one before.  0 or -ENOMEM. */
int waiting_add(struct waiting *w, const struct record *rec, uint64_t came);
void waiting_drop(struct waiting *w); /* the first */
static inline size_t waiting_bytes(const struct waiting *w)
{
	return w->n - w->at;
}
/* The next one, from {0}, those first that are kept: false at the end. */
bool waiting_walk(const struct waiting *w, struct waiting_place *p);
void waiting_free(struct waiting *w);

#endif
