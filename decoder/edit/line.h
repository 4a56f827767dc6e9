/* SPDX-License-Identifier: MIT */
/*
 * Which queue an interrupt without a vector stands for.  INTx and virtio-mmio have one line
 * for all queues of a device: the driver reads an interrupt status (4.1.4.5, 4.2.2) and then
 * looks at its queues.  What belongs to the line (its level, reads of the status,
 * acknowledgements) belongs to a queue if that queue alone has signalled since the last read.
 */
#ifndef VQT_DECODER_EDIT_LINE_H
#define VQT_DECODER_EDIT_LINE_H

#include "decoder/model/model.h"
#include "decoder/util/hash.h"

#define LINE_NONE (-1)
#define LINE_SHARED (-2) /* several queues, or a configuration change, have signalled */

struct line {
	unsigned device;
	int owner; /* queue index, LINE_NONE, LINE_SHARED */
	bool served; /* the driver has read the status since */
	UT_hash_handle hh;
};

/* Whether a register access is the driver's to an interrupt status: a read, or an acknowledgement. */
bool line_is_status(const struct event *e);

/*
 * Follow an event.  When a queue signals while another's signal has not been served, *also is
 * that other queue (its signal can then not be told apart any more), else LINE_NONE.
 * Returns 0 or -ENOMEM.
 */
int line_follow(struct line **lines, const struct event *e, int *also);
const struct line *line_of(struct line *lines, unsigned device); /* NULL: nothing was signalled */
void line_forget(struct line *lines); /* all that was followed, to follow it anew */
void line_free(struct line **lines);

#endif
