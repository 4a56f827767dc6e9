/* SPDX-License-Identifier: MIT */
/* What this kernel lets us see of its virtio drivers. */
#ifndef VQT_BPF_GUEST_EXAMINE_H
#define VQT_BPF_GUEST_EXAMINE_H

#include "decoder/source/source.h"

/* As in struct source_ops. */
enum source_verdict guest_available(struct text *reason, struct text *remedy);
int guest_examine(const char *target, struct source_report *r, struct source_error *err);

#endif
