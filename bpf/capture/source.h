/* SPDX-License-Identifier: MIT */
/* Probes in QEMU processes as a source of events. */
#ifndef VQT_BPF_CAPTURE_SOURCE_H
#define VQT_BPF_CAPTURE_SOURCE_H

#include "decoder/source/source.h"

extern const struct source_ops qemu_source_ops;

#endif
