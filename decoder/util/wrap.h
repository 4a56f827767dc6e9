/* SPDX-License-Identifier: MIT */
/* Long lines on a narrow terminal: broken between words, and continued below their text. */
#ifndef VQT_DECODER_UTIL_WRAP_H
#define VQT_DECODER_UTIL_WRAP_H

#include <stddef.h>
#include <stdio.h>

/*
 * Write a line, given without its newline, and a newline.  If it is wider than `width`
 * columns, it is broken at blanks and behind bars ("A|B"); of a longer word, anywhere.
 * What follows is indented: in a line of the timeline to the text behind the arrow, else to
 * the last column of the first half that follows a gap, else by four; less, if only so a
 * long word stays in one piece.  No character but the blanks at a break is left out.  Colour sequences take no column.
 */
int wrap_write(FILE *to, const char *line, size_t len, unsigned width);

#endif
