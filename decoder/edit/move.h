/* SPDX-License-Identifier: MIT */
/* Moves the positions in a record of a queue back by what was left out of the trace before. */
#ifndef VQT_DECODER_EDIT_MOVE_H
#define VQT_DECODER_EDIT_MOVE_H

#include "decoder/model/model.h"

struct move {
	uint32_t avail, used; /* entries (packed: slots) left out */
};

/* buf holds a copy of the record of e, which has a queue; it is changed in place. */
void move_record(uint8_t *buf, const struct move *by, const struct event *e);

#endif
