/* SPDX-License-Identifier: MIT */
/*
 * QEMU's own virtio device as a target of replay, without a guest: any
 * qemu-system-x86_64 from 7.2 on.  replay_target_config.binary: its name or path.
 * Needs no privilege and leaves no file behind.
 */
#ifndef VQT_EMU_REPLAY_QEMU_QEMU_H
#define VQT_EMU_REPLAY_QEMU_QEMU_H

#include "emu/replay/target.h"

extern const struct replay_target_ops replay_target_qemu;

#endif
