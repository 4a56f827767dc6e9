/* SPDX-License-Identifier: MIT */
/* Everything an event says, as a tree: `show -V`, after Wireshark's packet details. */
#ifndef VQT_DECODER_PRINT_VERBOSE_H
#define VQT_DECODER_PRINT_VERBOSE_H

#include <stdbool.h>
#include <stdio.h>

#include "decoder/model/model.h"

/* 0 or a negative errno of the write. ascii: no characters beyond ASCII. */
int print_verbose(FILE *to, const struct event *e, const struct model *m, bool ascii);

#endif
