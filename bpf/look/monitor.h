/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_LOOK_MONITOR_H
#define VQT_BPF_LOOK_MONITOR_H

#include "bpf/look/machine.h"

/*
 * Ask QEMU over its QMP socket whether the machine runs, where its memory does not tell:
 * fills in m->asked, m->asked_paused and m->state.  Negative errno, with *err: a QEMU whose
 * main thread hangs does not answer.
 */
int monitor_ask(struct machine *m, const char *socket, struct source_error *err);

#endif
