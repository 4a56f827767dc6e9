/* SPDX-License-Identifier: MIT */
/* What is said of a guest that was merged. */
#ifndef VQT_DECODER_MERGE_REPORT_H
#define VQT_DECODER_MERGE_REPORT_H

#include "decoder/merge/merge.h"
#include "decoder/util/text.h"

/* "1200 events; 2 of 3 devices are the host's; ... times to +-20 us at best" */
void merge_put_guest(struct text *t, const struct merge_guest *g);

#endif
