/* SPDX-License-Identifier: MIT */
/* Inside a capture session: what capture.c, device.c and qmp.c share. */
#ifndef VQT_BPF_CAPTURE_IMPL_H
#define VQT_BPF_CAPTURE_IMPL_H

#include "bpf/capture/attach.h"
#include "bpf/capture/capture.h"
#include "bpf/qemu/discover.h"
#include "bpf/capture/order.h"
#include "bpf/qemu/process.h"
#include "bpf/qemu/query.h"
#include "bpf/qemu/qom.h"

#define TARGETS 64
#define DEVICES 1024
#define MISSING 128

/* DeviceState, BusState: behind Object, the same since 2.x */
#define DEVICE_ID 40
#define DEVICE_PATH 48
#define BUS_PARENT 40
#define BUS_NAME 48

/* A device as far as it is known. */
struct device {
	struct vqt_device r; /* what was last written of it */
	struct target *target;
	uint64_t proxy, vdev; /* 0 unknown */
	uint64_t pci_config; /* its configuration space in the process, 0 unknown */
	char user_id[128], typename[64], path[256], name[64];
	bool wanted, complete, gone, written, state_written;
	bool realized; /* QEMU has finished making it: its PCI identity is what it will be */
	/*
	 * QEMU makes objects only to look at them, and frees them: a device is one
	 * when more than its making is seen.  That waits here.
	 */
	bool fresh;
	struct vqt_lifecycle *making;
	size_t making_len;
	bool noted; /* that its data path is elsewhere */
	bool placeholder; /* of QMP's telling only: not yet met in memory */
	uint32_t state_known; /* VQT_KNOWN_* as last written */
	unsigned number; /* of its class, for "blk0" */
	unsigned tries;
};

/* A traced process. */
struct target {
	struct capture *c;
	struct process p;
	struct qemu *q;
	struct order *order;
	struct attach *attach[QEMU_PROGRAMS];
	uint32_t out_seq; /* of records handed on */
	uint64_t last_ts;
	uint64_t region_done[VQP_REGIONS]; /* upper bound of each when last widened */
	uint8_t source;
	bool late, dead;
	bool listed; /* all devices there were are known */
	struct samples
		*samples; /* taken, and not yet at their place in the stream; NULL: none ever */
	struct query_answer qmp; /* fills gaps only */
};

struct capture {
	struct capture_options o;
	struct qemu_bpf *skel;
	struct ring_buffer *rb;
	bool multi;
	int64_t wall; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
	struct target *target[TARGETS];
	size_t ntargets;
	struct device *device[DEVICES]; /* by id */
	struct capture_missing missing[MISSING];
	size_t nmissing;
	struct capture_stats stats;
	uint64_t seen_lost; /* drops for want of buffer that a gap has been laid to */
	uint64_t tick; /* time of the last housekeeping */
	uint64_t sampled; /* of the last samples */
	unsigned handed; /* by the current poll */
	struct light *light; /* NULL: full */
	int cost_fd; /* as long as it is open the kernel counts; 0 not yet */
};

uint64_t capture_now(void); /* CLOCK_MONOTONIC */
/* Number, count and hand on a record of a target; its header's device and type are set. */
void target_emit(struct target *t, void *record, size_t len);
/* Give hdr.ts and hdr.source to a record of our own making. */
void target_stamp(struct target *t, struct vqt_hdr *h, uint8_t type, uint16_t device);
void target_note(struct target *t, uint16_t device, const char *text);

/* Write why into err, for a person; returns code. */
int capture_fail(struct capture_error *err, int code, const char *text);
void capture_write_session(struct capture *c);
void target_write_source(struct target *t);
extern const struct order_ops target_order_ops; /* what becomes of records in order */

/* target.c, besides capture_attach() and capture_detach() */
void target_free(struct target *t);
bool target_needs(const struct capture *c, const char *program); /* is it attached at all? */

/* device.c */
struct device *device_get(struct target *t, uint16_t id); /* NULL without memory */
/* The proxy a VirtIODevice is plugged into: what its bus, a virtio bus, belongs to; 0. */
uint64_t device_slot(const struct target *t, uint64_t vdev);
/* Learn what it is and what it is called; tell the programs if nobody asked for it. */
void device_meet(struct device *d);
/* First sight in the stream: handle is the pointer BPF saw. */
void device_seen(struct target *t, const struct vqt_device *r);
/* A record of it has come: what does that tell of the device itself? */
void device_hear(struct device *d, const struct vqt_hdr *h);
/* Look again at what is incomplete; write what is new. */
void device_refresh(struct device *d);
void device_write(struct device *d);
void device_gone(struct device *d);
/* A record of it came: true when it is to be kept back for now. */
bool device_keeps(struct device *d, const void *record, size_t len);
void device_free(struct device *d);
/* The lifecycle record tells something about the device itself. */
void device_life(struct target *t, const struct vqt_lifecycle *l);
/* What QMP said of it, NULL; and that it has now said something. */
const struct query_device *device_answer(const struct device *d);
void device_answered(struct device *d);

/* state.c: what was negotiated and set up before, from memory or by QMP. */
void device_write_state(struct device *d);

/* late.c: find the devices of a running QEMU before its probes may speak; then describe them. */
void late_find(struct target *t);
void late_describe(struct target *t);

/* light.c: before the programs are loaded, and after; 0 or negative errno. */
int light_prepare(struct capture *c);
int light_open(struct capture *c);
void light_close(struct capture *c);
void light_tick(struct capture *c, uint64_t now); /* look, if it is time */
void light_read(struct capture *c);

/* sample.c: look at the rings, if it is time; hand on what was seen before ts. */
void sample_tick(struct capture *c, uint64_t now);
void sample_flush(struct target *t, uint64_t ts);
void sample_free(struct target *t);

/* memory.c */
void memory_update(struct target *t);

#endif
