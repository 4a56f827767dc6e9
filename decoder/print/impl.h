/* SPDX-License-Identifier: MIT */
/* Internal to the timeline printer: columns, meanings, registers. */
#ifndef VQT_DECODER_PRINT_IMPL_H
#define VQT_DECODER_PRINT_IMPL_H

#include "decoder/print/line.h"

/* Direction of an event: from the driver or from the device. */
enum direction { NEITHER, TO_DEVICE, TO_DRIVER };

/* decoder/print/meaning.c: any event, and its direction. */
enum direction print_direction(struct text *t, const struct event *e, const struct line_options *o);
/* decoder/print/register.c: VQT_REG. */
enum direction print_register(struct text *t, const struct event *e, const struct line_options *o);

#endif
