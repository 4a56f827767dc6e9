/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "decoder/spec/spec.h"
#include "decoder/model/tally.h"

const char *tally_type_name(const struct model_device *dev, uint32_t type)
{
	const struct spec_request *r = NULL;

	if (dev && type != VQT_TALLY_OTHER)
		r = class_request_type(dev->class, type);
	return r ? r->name : "other";
}

void tally_hist(const struct record_group *g, struct hist *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < g->g.nbucket; i++) {
		struct vqt_tally_bucket b = record_bucket(g, i);
		unsigned at = b.bucket < HIST_BUCKETS ? b.bucket : HIST_BUCKETS - 1;

		if (!b.count)
			continue;
		if (!out->count || hist_lower(at) < out->min)
			out->min = hist_lower(at);
		if (!out->count || hist_upper(at) > out->max)
			out->max = hist_upper(at);
		out->bucket[at] += b.count;
		out->count += b.count;
	}
	out->sum = g->g.sum;
}
