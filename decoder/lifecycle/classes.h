/* SPDX-License-Identifier: MIT */
/*
 * The classes of devices: of each object that a device consists of its types, where it is, and
 * whose function each callback of its class is.
 */
#ifndef VQT_DECODER_LIFECYCLE_CLASSES_H
#define VQT_DECODER_LIFECYCLE_CLASSES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "decoder/model/model.h"

struct classes_print;

/* json: one object a line for each device.  NULL: no memory. */
struct classes_print *classes_print_new(FILE *to, bool json);
/*
 * Observe an event; of those that are not selected nothing is printed.  A device is printed when
 * the records of another one follow.  0 or -ENOMEM.
 */
int classes_print_feed(struct classes_print *p, const struct event *e, bool selected);
/* Print the last one.  The number of devices that were printed. */
uint64_t classes_print_finish(struct classes_print *p);
void classes_print_free(struct classes_print *p);

#endif
