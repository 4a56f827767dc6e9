/* SPDX-License-Identifier: MIT */
/* Between virtio.c and queue.c. */
#ifndef VQT_EMU_VIRTIO_IMPL_H
#define VQT_EMU_VIRTIO_IMPL_H

#include "emu/virtio.h"

int emu_queues_init(struct emu_virtio *v, const struct emu_virtio_config *cfg);
void emu_queues_fini(struct emu_virtio *v);
void emu_queues_reset(struct emu_virtio *v);
/* DRIVER_OK: rings of queues enabled before their features were known. */
void emu_queues_start(struct emu_virtio *v);
void emu_virtio_settle(struct emu_virtio *v);

#endif
