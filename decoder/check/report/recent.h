/* SPDX-License-Identifier: MIT */
/*
 * Recent events, kept so that a report can print them when they turn out to
 * matter.  Memory is fixed: accesses to PCI configuration space, accesses to
 * registers and all other events have a ring each, so that a busy queue does
 * not push out the initialisation.
 */
#ifndef VQT_DECODER_CHECK_REPORT_RECENT_H
#define VQT_DECODER_CHECK_REPORT_RECENT_H

#include "decoder/model/model.h"

struct recent;

struct recent *recent_new(void); /* NULL: no memory */
void recent_free(struct recent *k);
/* After model_feed() made `e`, for every event, in order. */
void recent_event_add(struct recent *k, const struct event *e);
/*
 * The event of this number, NULL if it is too old (or never was).  It can be
 * printed as a line, not as a tree: descriptors and captured bytes are gone,
 * long texts cut.  Borrowed until recent_event_add(), and from the model.
 */
const struct event *recent_event(const struct recent *k, uint64_t number);
/*
 * The last kept event before `number` that is of this device and, unless
 * VQT_NO_QUEUE, of this queue or of none; NULL if there is none.  Accesses to
 * PCI configuration space count only where that event is one itself.
 */
const struct event *recent_event_before(const struct recent *k, uint64_t number, unsigned device,
					unsigned queue);

#endif
