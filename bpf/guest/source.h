/* SPDX-License-Identifier: MIT */
#ifndef VQT_BPF_GUEST_SOURCE_H
#define VQT_BPF_GUEST_SOURCE_H

#include "decoder/source/source.h"

/* The virtio drivers of the kernel that this runs on. */
extern const struct source_ops guest_source_ops;

#endif
