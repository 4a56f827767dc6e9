/* SPDX-License-Identifier: MIT */
/* Late attach: finding the devices of a QEMU that is already running. */
#ifndef VQT_BPF_CAPTURE_LATE_H
#define VQT_BPF_CAPTURE_LATE_H

#include "bpf/session/session.h"

/*
 * Ask its monitor for what its memory does not show.  Call before there are probes in it:
 * the answers may take long.
 */
void late_ask(struct target *t, const struct capture_monitor *qmp);
/* Write what they told: call after late_describe(). */
void late_answered(struct target *t);
/* Find its devices.  Call before its probes can send records. */
void late_find(struct target *t);
/* Then write their descriptive records. */
void late_describe(struct target *t);

#endif
