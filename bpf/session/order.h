/* SPDX-License-Identifier: MIT */
/*
 * Sorts records of one source, sent from many CPUs, by sequence number.  A record that does
 * not arrive within the window counts as lost; the loss is reported where the record is
 * missing.
 */
#ifndef VQT_BPF_SESSION_ORDER_H
#define VQT_BPF_SESSION_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct order;

struct order_ops {
	void (*record)(void *ctx, void *record, size_t len); /* may be changed in place */
	void (*lost)(void *ctx, uint32_t count, uint64_t ts); /* before the record at ts */
};

struct order *order_new(const struct order_ops *ops, void *ctx);
void order_free(struct order *o);
/*
 * Pass on a record that need not wait, and those that have waited for it.  1: passed on; 0: it comes before
 * its turn, and is for order_put(); -ENOMEM: it is dropped and will be counted as lost.
 */
int order_take(struct order *o, const void *record, size_t len);
/* The same for any record; one that has to wait does so from now (ns) on. */
int order_put(struct order *o, const void *record, size_t len, uint64_t now);
/* Does a record wait for one before it? */
bool order_waits(const struct order *o);
/*
 * Count as lost all records that were missing before now - window (ns).  window 0: all that
 * are missing.
 */
void order_expire(struct order *o, uint64_t now, uint64_t window);

#endif
