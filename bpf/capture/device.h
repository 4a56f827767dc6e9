/* SPDX-License-Identifier: MIT */
/* Devices as they appear in the stream: identity, name, and whether they are to be recorded. */
#ifndef VQT_BPF_CAPTURE_DEVICE_H
#define VQT_BPF_CAPTURE_DEVICE_H

#include "bpf/capture/impl.h"

/* The device with this id, made when it is new; NULL for id 0, one too large, without memory. */
struct device *device_get(struct target *t, uint16_t id);
void device_free(struct device *d);

/* Learn who it is and what it is called; make the programs skip it if nobody asked for it. */
void device_meet(struct device *d);
/* Look again at what is incomplete; describe it, and again whenever something changed. */
void device_refresh(struct device *d);
/* It has been unplugged: describe it for the last time. */
void device_gone(struct device *d);
/* QMP has answered (state_answer). */
void device_answered(struct device *d);

/* First sight in the stream: r->handle is the object that BPF saw. */
void device_seen(struct target *t, const struct vqt_device *r);
/* A record of it has come: what does it tell of the device itself? */
void device_hear(struct device *d, const struct vqt_hdr *h);
/* The same record: true when it is kept back for now. */
bool device_keeps(struct device *d, const void *record, size_t len);
/* The same of a lifecycle record that is recorded. */
void device_lifecycle(struct target *t, const struct vqt_lifecycle *l);

#endif
