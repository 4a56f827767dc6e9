/* SPDX-License-Identifier: MIT */
/*
 * How devices came to be: the calls of the driver's kernel as trees, with how long each took and
 * the registers that it wrote and read, and the steps of QEMU between them.
 */
#ifndef VQT_DECODER_LIFECYCLE_LIFECYCLE_H
#define VQT_DECODER_LIFECYCLE_LIFECYCLE_H

#include <stdbool.h>
#include <stdio.h>

#include "decoder/model/model.h"

struct lifecycle_print;

/*
 * json: one object a line for each outermost call or step.  stacks: below a call or step where it
 * happened, if that was recorded (json has it always).  NULL: no memory.
 */
struct lifecycle_print *lifecycle_print_new(FILE *to, bool json, bool ascii, bool stacks);
/*
 * Observe an event; of those that are not selected nothing is printed.  A tree is printed when its
 * outermost call returns.  0 or -ENOMEM.
 */
int lifecycle_print_feed(struct lifecycle_print *p, const struct event *e, bool selected);
/* Print the calls that have not returned. */
void lifecycle_print_finish(struct lifecycle_print *p);
void lifecycle_print_free(struct lifecycle_print *p);

#endif
