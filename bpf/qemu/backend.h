/* SPDX-License-Identifier: MIT */
/*
 * Finds the functions that QEMU's block device has the block layer call when it answers.  They
 * are static, and known only as arguments of the device's calls of blk_aio_*().
 */
#ifndef VQT_BPF_QEMU_BACKEND_H
#define VQT_BPF_QEMU_BACKEND_H

#include "bpf/qemu/discover.h"

/* Adds the probes to q: QEMU_ANSWER, or one without a place for each that was not found. */
void backend_probes(struct qemu *q);

#endif
