/* SPDX-License-Identifier: MIT */
/* Between device.c, queue.c and chain_snoop.c. */
#ifndef VQT_EMU_VIRTIO_IMPL_H
#define VQT_EMU_VIRTIO_IMPL_H

#include "emu/virtio/device.h"

int emu_queues_init(struct emu_virtio *v, const struct emu_virtio_config *cfg);
void emu_queues_fini(struct emu_virtio *v);
void emu_queues_reset(struct emu_virtio *v);
/* The features are settled: sizes that go with a packed ring only are not kept. */
void emu_queues_negotiated(struct emu_virtio *v);
/* DRIVER_OK: rings of queues enabled before their features were known. */
void emu_queues_start(struct emu_virtio *v);
void emu_virtio_settle(struct emu_virtio *v);
/* For the tap: remember a chain when it is popped; report what differs when it is completed. */
void emu_chain_keep(struct emu_mem *m, struct emu_chain *c);
void emu_chain_report(struct emu_queue *q, const struct emu_chain *c);

#endif
