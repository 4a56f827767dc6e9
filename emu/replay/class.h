/* SPDX-License-Identifier: MIT */
/*
 * A device class for replay that does nothing of its own: it holds each chain
 * until told how the recorded device answered it.  So the transport, the rings
 * and the notifications of any device type can be replayed.
 */
#ifndef VQT_EMU_REPLAY_CLASS_H
#define VQT_EMU_REPLAY_CLASS_H

#include "emu/replay/target.h"
#include "emu/virtio/device.h"

extern const struct emu_class replay_class_any; /* class_config: unused */

/* The class that answers for itself, or replay_class_any.  Never NULL. */
const struct emu_class *replay_class(unsigned virtio_id);
/* Must the answers of this device come from its recording? */
bool replay_scripted(const struct replay_device *d);
/* With replay_class_any: let the chain go. -ENOENT: no such chain. */
int replay_class_answer(struct emu_virtio *v, const struct replay_answer *a);

#endif
