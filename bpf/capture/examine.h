/* SPDX-License-Identifier: MIT */
/* What probes in QEMU can and cannot do here: for doctor. */
#ifndef VQT_BPF_CAPTURE_EXAMINE_H
#define VQT_BPF_CAPTURE_EXAMINE_H

#include "decoder/source/source.h"

/*
 * Kernel, privileges and BPF, found out by trying; and one QEMU: a process id or the path
 * of a binary, NULL for those that run and the installed one.  Negative errno, err says
 * why, when the target is no QEMU or cannot be read.
 */
int qemu_examine(const char *target, struct source_report *r, struct source_error *err);

#endif
