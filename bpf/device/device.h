/* SPDX-License-Identifier: MIT */
/* Devices as they appear in the stream: identity, name, and whether they are to be recorded. */
#ifndef VQT_BPF_DEVICE_DEVICE_H
#define VQT_BPF_DEVICE_DEVICE_H

#include "bpf/session/session.h"

/*
 * The device with this id; created if it is new.  NULL for id 0, for an id that is too
 * large, or without memory.
 */
struct device *device_get(struct target *t, uint16_t id);
void device_free(struct device *d);

/* Find the device's identity and name, and make the BPF programs skip it if it was not selected. */
void device_meet(struct device *d);
/* Read again what is still unknown.  Write a VQT_DEVICE the first time and after each change. */
void device_refresh(struct device *d);
/* The device was unplugged: write its last VQT_DEVICE. */
void device_gone(struct device *d);
/* Called when QMP has answered for the device (state_answer()). */
void device_answered(struct device *d);

/*
 * Called when the BPF programs name the object of a device, in r->handle: a new device, or the
 * next object of an id that became none.  With VQT_DEV_GONE: it was freed and became none.
 */
void device_seen(struct target *t, const struct vqt_device *r);
/* Update the device from the header of one of its records. */
void device_hear(struct device *d, const struct vqt_hdr *h);
/* Keep the positions of a queue that the BPF programs sent, for device_restored(). */
void device_position(struct device *d, const struct vqt_queue_state *s);
/* Called when the record is in the trace: does it show that QEMU has loaded the device's state? */
void device_restored(struct device *d, const struct vqt_hdr *h);
/* Called with the same record; true: the record is held until the device is known to be real. */
bool device_keeps(struct device *d, const void *record, size_t len);
/* Update a device from a lifecycle record that will be in the trace. */
void device_lifecycle(struct target *t, const struct vqt_lifecycle *l);

#endif
