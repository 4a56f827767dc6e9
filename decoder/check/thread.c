/* SPDX-License-Identifier: MIT */
/* When each thread of a source acted last. */
#include "decoder/check/impl.h"

static unsigned spoke_at(uint32_t tid, uint8_t source)
{
	return (tid * 31 + source) % CHECK_THREADS;
}

uint64_t check_spoke(const struct rule_context *ctx, uint32_t tid)
{
	uint8_t source = ctx->e ? ctx->e->rec->h.source : 0;
	unsigned at = spoke_at(tid, source);

	return ctx->c->spoke[at].tid == tid && ctx->c->spoke[at].source == source
		       ? ctx->c->spoke[at].ts
		       : 0;
}

/* Samples are ours, not the device's thread's. */
void check_thread_acted(struct check *c, const struct vqt_hdr *h, uint64_t ts)
{
	unsigned at = spoke_at(h->tid, h->source);

	if (h->type < VQT_REG || h->type == VQT_RING)
		return;
	c->spoke[at].tid = h->tid;
	c->spoke[at].source = h->source;
	c->spoke[at].ts = ts;
}
