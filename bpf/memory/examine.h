/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_MEMORY_EXAMINE_H
#define VQT_BPF_MEMORY_EXAMINE_H

#include "decoder/source/source.h"

/* As in struct source_ops. */
enum source_verdict memory_available(struct text *reason, struct text *remedy);
int memory_examine(const char *target, struct source_report *r, struct source_error *err);

#endif
