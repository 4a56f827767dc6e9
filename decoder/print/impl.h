/* SPDX-License-Identifier: MIT */
/* Internal to the timeline printer: columns, meanings, registers. */
#ifndef VQT_DECODER_PRINT_IMPL_H
#define VQT_DECODER_PRINT_IMPL_H

#include "decoder/print/line.h"

/* Direction of an event: from the driver or from the device. */
enum direction { NEITHER, TO_DEVICE, TO_DRIVER };

enum direction print_direction(const struct event *e);
/* decoder/print/register.c: VQT_REG. */
void print_register(struct text *t, const struct event *e, bool ascii);
/* decoder/print/guest.c: VQT_GUEST. */
void print_guest(struct text *t, const struct event *e, bool ascii);
/* decoder/print/vhost_user.c: VQT_VHOST_USER. */
void print_vhost_user(struct text *t, const struct event *e, bool ascii);
/* decoder/print/steps.c: VQT_LIFECYCLE, VQT_RETURN, VQT_ROUTES, VQT_CLASS. */
void print_lifecycle_step(struct text *t, const struct event *e, bool ascii);
void print_returned(struct text *t, const struct event *e, bool ascii);
void print_routes(struct text *t, const struct event *e, bool ascii);
void print_class(struct text *t, const struct event *e, bool ascii);

#endif
