/* SPDX-License-Identifier: MIT */
/* The captured bytes of an event's buffers, as a hex dump. */
#ifndef VQT_DECODER_PRINT_HEX_H
#define VQT_DECODER_PRINT_HEX_H

#include <stdio.h>

#include "decoder/model/model.h"

/* Each buffer's under a line that says which it is.  0 or negative errno. */
int print_hex(FILE *to, const struct event *e);

#endif
