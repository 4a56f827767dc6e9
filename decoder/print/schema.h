/* SPDX-License-Identifier: MIT */
/* The JSON Schema (draft 2020-12) of what print_json() writes, made from decoder/fields/fields.h. */
#ifndef VQT_DECODER_PRINT_SCHEMA_H
#define VQT_DECODER_PRINT_SCHEMA_H

#include <stdio.h>

/* One object, indented.  0, -ENOMEM or -EIO. */
int print_schema(FILE *to);

#endif
