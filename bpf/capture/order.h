/* SPDX-License-Identifier: MIT */
/*
 * Records of one source, submitted by many CPUs, put back into the order of
 * their sequence numbers.  What does not come within the window is lost, and
 * reported at the place where it is missing.
 */
#ifndef VQT_BPF_CAPTURE_ORDER_H
#define VQT_BPF_CAPTURE_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct order;

struct order_ops {
	void (*record)(void *ctx, void *record, size_t len); /* may be changed in place */
	void (*lost)(void *ctx, uint32_t count, uint64_t ts); /* before the record at ts */
};

struct order *order_new(const struct order_ops *ops, void *ctx);
void order_free(struct order *o);
/* -ENOMEM: the record is dropped and will be counted as lost. */
int order_put(struct order *o, const void *record, size_t len, uint64_t now);
/* Give up on records missing since before now - window (ns); 0 gives up on all. */
void order_expire(struct order *o, uint64_t now, uint64_t window);

#endif
