/* SPDX-License-Identifier: MIT */
/* What the groups of a tally (VQT_TALLY) mean. */
#ifndef VQT_DECODER_MODEL_TALLY_H
#define VQT_DECODER_MODEL_TALLY_H

#include "decoder/model/model.h"
#include "decoder/trace/record.h"
#include "decoder/util/histogram.h"

/* Name of a group's request type: "in"; "other".  dev may be NULL. */
const char *tally_type_name(const struct model_device *dev, uint32_t type);
/*
 * A group's durations; least and most are the ends of its outermost buckets.
 * Buckets that do not exist count as the last one.
 */
void tally_hist(const struct record_group *g, struct hist *out);

#endif
