/* SPDX-License-Identifier: MIT */
/* Events as comma-separated values (RFC 4180), one line an event, for spreadsheets and scripts. */
#ifndef VQT_DECODER_PRINT_CSV_H
#define VQT_DECODER_PRINT_CSV_H

#include <stdio.h>

#include "decoder/fields/fields.h"

/*
 * column: n fields.  Both return 0 or a negative errno of the write and do not allocate.
 * Values are those of JSON: numbers in decimal, times in ns, true and false.  A field without a
 * value is empty; elements of an array are joined by ";".  Control characters and what is not
 * UTF-8 become \xNN.
 */
int print_csv_header(FILE *to, const struct field *const *column, size_t n);
int print_csv(FILE *to, const struct event *e, const struct field *const *column, size_t n);

#endif
