/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/live/waiting.h"
#include "decoder/util/array.h"

struct entry {
	uint64_t came;
	uint64_t len;
	/* the record, padded to a multiple of 8 */
};

static size_t padded(size_t len)
{
	return sizeof(struct entry) + (len + 7) / 8 * 8;
}

static size_t read_entry(const struct waiting *w, size_t at, struct record *rec, uint64_t *came)
{
	struct entry e;

	memcpy(&e, w->bytes + at, sizeof(e));
	*came = e.came;
	record_parse(rec, w->bytes + at + sizeof(e), e.len, NULL);
	return padded(e.len);
}

static void read_first(struct waiting *w)
{
	if (w->records)
		read_entry(w, w->at, &w->rec, &w->came);
}

int waiting_add(struct waiting *w, const struct record *rec, uint64_t came)
{
	const struct entry e = { .came = came, .len = rec->len };
	size_t more = padded(rec->len);
	bool moved = false;

	if (w->kept > w->n / 2 && w->n + more > w->cap) {
		memmove(w->bytes, w->bytes + w->kept, w->n - w->kept);
		w->n -= w->kept;
		w->at -= w->kept;
		w->kept = 0;
		moved = true;
	}
	if (w->n + more > w->cap) {
		if (!array_room(w->bytes, w->cap, w->n + more))
			return -ENOMEM;
		moved = true;
	}
	memcpy(w->bytes + w->n, &e, sizeof(e));
	memcpy(w->bytes + w->n + sizeof(e), rec->raw, rec->len);
	w->n += more;
	if (!w->records++ || moved)
		read_first(w);
	return 0;
}

void waiting_drop(struct waiting *w)
{
	struct record rec;
	uint64_t came;

	w->at += read_entry(w, w->at, &rec, &came);
	w->records--;
	while (w->at - w->kept > w->keep)
		w->kept += read_entry(w, w->kept, &rec, &came);
	if (w->kept == w->n)
		w->kept = w->at = w->n = 0;
	read_first(w);
}

bool waiting_walk(const struct waiting *w, struct waiting_place *p)
{
	size_t at = p->at ? p->at : w->kept;

	if (at >= w->n)
		return false;
	p->at = at + read_entry(w, at, &p->rec, &p->came);
	return true;
}

void waiting_free(struct waiting *w)
{
	free(w->bytes);
	*w = (struct waiting){ .keep = w->keep };
}
