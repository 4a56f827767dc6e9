/* SPDX-License-Identifier: MIT */
/* What this kernel lets us see of its virtio drivers. */
#ifndef VQT_BPF_GUEST_EXAMINE_H
#define VQT_BPF_GUEST_EXAMINE_H

#include "bpf/process/caps.h"
#include "decoder/source/source.h"

/* Drivers are probed when they are loaded; a tracefs that was mounted for that is unmounted. */
#define GUEST_CAPABILITIES (CAPS_PROBES | CAPS(DAC_READ_SEARCH) | CAPS(SYSLOG) | CAPS(SYS_ADMIN))

/* As in struct source_ops. */
enum source_verdict guest_available(struct text *reason, struct text *remedy);
int guest_examine(const char *target, struct source_report *r, struct source_error *err);

#endif
