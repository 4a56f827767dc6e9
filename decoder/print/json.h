/* SPDX-License-Identifier: MIT */
/* One JSON object an event and line (NDJSON), keys as decoder/fields/fields.h names them. */
#ifndef VQT_DECODER_PRINT_JSON_H
#define VQT_DECODER_PRINT_JSON_H

#include <stdio.h>

#include "decoder/model/model.h"

/*
 * Version of the format: "json_version" in the session object, with which a trace begins.
 * It grows when a key changes its name or meaning, not when one is added.  1 had "taken" for
 * "popped"; up to 2 request.descriptors counted the one that refers to an indirect table.
 */
#define JSON_VERSION 3

/*
 * Keys come in the table's order; a key without a value is left out.  Always
 * valid JSON and UTF-8, whatever bytes the trace holds: those that are not
 * UTF-8 become U+FFFD.  0 or a negative errno of the write.  Does not allocate.
 */
int print_json(FILE *to, const struct event *e);

#endif
