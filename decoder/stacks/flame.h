/* SPDX-License-Identifier: MIT */
/*
 * Call stacks of events as a flame graph: a picture (SVG) in which each function is as wide as the
 * number of events below it, and stands on its caller.
 */
#ifndef VQT_DECODER_STACKS_FLAME_H
#define VQT_DECODER_STACKS_FLAME_H

#include "decoder/stacks/stacks.h"

/*
 * Draw what was counted; of: what it is of, for the title, UTF-8 that nothing was checked of.  It needs
 * no script: titles tell names and numbers.  At most FLAME_FRAMES are drawn, the widest; the picture says
 * what was left out.  The counts remain.  0 or -EIO.
 */
#define FLAME_FRAMES 10000
int flame_svg(FILE *to, struct stack_counts *s, const char *of);

#endif
