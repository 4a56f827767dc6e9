/* SPDX-License-Identifier: MIT */
/* Tests whether QEMU probes work on this host, for `vqtrace doctor`. */
#ifndef VQT_BPF_CAPTURE_EXAMINE_H
#define VQT_BPF_CAPTURE_EXAMINE_H

#include "decoder/source/source.h"

/*
 * Test the kernel, the user's privileges and BPF by using them, and examine QEMU.  target is
 * a process id or the path of a binary; NULL: all running QEMUs and the installed one.
 * Negative errno when the target is no QEMU or cannot be read; err says why.
 */
int qemu_examine(const char *target, struct source_report *r, struct source_error *err);

#endif
