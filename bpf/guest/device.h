/* SPDX-License-Identifier: MIT */
/* The virtio devices of this kernel: what sysfs and the driver's structures say of them. */
#ifndef VQT_BPF_GUEST_DEVICE_H
#define VQT_BPF_GUEST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/event.h"
#include "decoder/util/option.h"

/* A device, named by the struct device that it hangs on: a PCI function, a platform device. */
struct guest_device {
	struct vqt_device r; /* as in its latest VQT_DEVICE; h.device 0: none */
	char parent[32]; /* "0000:00:04.0", "LNRO0005:01" */
	char virtio[16]; /* "virtio0"; "" while it is not registered */
	bool wanted, written;
};

/* A device that was there before the recording, and what sysfs said of it then. */
struct guest_before {
	char parent[32];
	uint8_t status; /* 2.1 */
	uint64_t features[2]; /* that its driver accepted */
};

/* Those that are there; their number, at most max. */
size_t guest_devices_before(struct guest_before *out, size_t max);
/* The VQT_DEVICE_STATE of one; its length. */
size_t guest_state_record(const struct guest_device *d, const struct guest_before *b, uint8_t *buf,
			  size_t size);
/* Take over what a program found, and look at sysfs. */
void guest_device_find(struct guest_device *d, const void *record, size_t len);
/* Look at sysfs again.  True: its name is known now. */
bool guest_device_look(struct guest_device *d);
/* Whether its names are among those asked for; an empty list asks for all. */
bool guest_device_chosen(const struct guest_device *d, const struct option_list *names);
/* The VQT_DEVICE; its length. */
size_t guest_device_record(const struct guest_device *d, uint8_t *buf, size_t size);
/*
 * The device of a virtio port: /dev/virtio-ports/NAME, which udev makes, is looked up in sysfs,
 * for an initramfs has no udev.  Any other path is itself.  False: it is not there (yet).
 */
bool guest_port_device(const char *path, char *device, size_t size);
/*
 * The queues of the virtio port that this path names ("/dev/virtio-ports/NAME", "/dev/vport0p1"),
 * bit n for queue n: what is written there makes events of its own.  0: it is no port.
 */
uint64_t guest_port_queues(const char *path);

#endif
