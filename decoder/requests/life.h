/* SPDX-License-Identifier: MIT */
/* A row of the table of requests for a request whose driver's side was recorded. */
#ifndef VQT_DECODER_REQUESTS_LIFE_H
#define VQT_DECODER_REQUESTS_LIFE_H

#include <stdio.h>

#include "decoder/model/model.h"

/* What the columns of its times are called; as wide as the row's. */
extern const char *const life_heading;
/* What is asked, in so many bytes at most. */
void life_put_request(struct text *t, const struct model_life *l);
/* The number of descriptors, the times, and how it ended. */
void life_put_times(struct text *t, const struct model_life *l);
/* One object. */
void life_print_json(FILE *to, const struct model_life *l);
/* The device that it is of, as it is called. */
const char *life_device(const struct model_life *l);
/* When it was seen first, ns on the trace's clock. */
uint64_t life_begin(const struct model_life *l);

#endif
