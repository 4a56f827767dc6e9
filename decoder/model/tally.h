/* SPDX-License-Identifier: MIT */
/* Interprets the groups of a tally (VQT_TALLY). */
#ifndef VQT_DECODER_MODEL_TALLY_H
#define VQT_DECODER_MODEL_TALLY_H

#include "decoder/model/model.h"
#include "decoder/trace/record.h"
#include "decoder/util/histogram.h"

/* Name of a group's request type: "in"; "other".  dev may be NULL. */
const char *tally_type_name(const struct model_device *dev, uint32_t type);
/*
 * Convert a group's durations to a histogram; its least and most are the ends of the
 * outermost buckets.  Bucket numbers that do not exist count as the last one.
 */
void tally_hist(const struct record_group *g, struct hist *out);

#endif
