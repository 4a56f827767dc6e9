/* SPDX-License-Identifier: MIT */
/* A copy of a trace in which findings are comments of packets. */
#ifndef VQT_CLI_CHECK_ANNOTATE_H
#define VQT_CLI_CHECK_ANNOTATE_H

#include <stdint.h>

#include "decoder/check/check.h"

struct annotate;

/* 0 or negative errno. */
int annotate_open(struct annotate **out, const char *path);
/* The next record, before its findings; wall: ns since 1970.  Errors wait for the end. */
void annotate_record(struct annotate *a, const struct record *rec, uint64_t wall);
/* A finding at the last record. */
void annotate_finding(struct annotate *a, const struct finding *f);
/* Writes what is left and frees; the first error, 0 if none. */
int annotate_close(struct annotate *a);

#endif
