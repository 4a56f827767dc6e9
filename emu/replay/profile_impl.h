/* SPDX-License-Identifier: MIT */
/* What the files of the first reading share. */
#ifndef VQT_EMU_REPLAY_PROFILE_IMPL_H
#define VQT_EMU_REPLAY_PROFILE_IMPL_H

#include "decoder/util/hash.h"
#include "decoder/spec/constants.h"
#include "emu/replay/class.h"
#include "emu/replay/profile.h"

/* The values that one register, or one byte of it, was read with. */
struct replay_vote {
	uint64_t value;
	uint32_t count;
	uint32_t reads; /* how many values there were */
	bool any;
};

struct replay_queue_finding {
	struct replay_vote size, notify_off;
	uint16_t added; /* size at its creation */
	bool written; /* the driver wrote a size since the reset */
};

/*
 * The configuration between one change of it and the next; the first element: from the
 * beginning of the trace.
 */
struct replay_change {
	uint64_t number; /* of the event */
	uint64_t used; /* how far into the storage requests reached; for its class */
	struct replay_vote config[REPLAY_CONFIG_MAX];
	struct replay_config differs; /* what differs from before, at the end */
};
#define REPLAY_VECTORS_MAX 2048 /* PCI 6.8.2.3 */
#define REPLAY_CHANGES_MAX 1024 /* later changes count as the last one */

/* What has been found out about a device. */
struct replay_finding {
	uint16_t key;
	struct replay_device d;
	const struct replay_class *class;
	void *learned; /* by its class, from requests; NULL: nothing */
	struct replay_vote pci[EMU_PCI_CONFIG];
	struct replay_vote feature[4], learned_feature[4], legacy, num_queues, mmio_version,
		mmio_vendor;
	struct replay_queue_finding queue[REPLAY_QUEUES_MAX];
	uint8_t pci_written[EMU_PCI_CONFIG / 8], config_written[REPLAY_CONFIG_MAX / 8];
	struct replay_vote command[16]; /* by bit: as read back after 1 was written */
	uint16_t command_written;
	uint8_t bar_mask[24]; /* read back after all ones were written */
	uint32_t rom_mask; /* the same of the expansion ROM, without its lowest 11 bits */
	bool rom_probe, rom_sized;
	bool bar_probe[REPLAY_BARS], bar_sized[REPLAY_BARS], bar_recorded[REPLAY_BARS];
	uint8_t bar_type[REPLAY_BARS];
	unsigned queues_reported, added, queues_seen;
	uint64_t config_len;
	uint32_t vectors_used, vectors_sent; /* by the driver in the table, by the device */
	uint64_t vectors, msix_bar;
	bool msix_recorded, transitional, legacy_seen, modern_seen;
	struct replay_change *change;
	unsigned changes; /* at least 1 */
	bool just_changed;
	uint64_t region_len[VIRTIO_PCI_CAP_DEVICE_CFG + 1]; /* by VIRTIO_PCI_CAP_*; 0: I/O BAR */
	uint64_t agreed[2]; /* accepted, when device_status was read with FEATURES_OK */
	uint32_t agreed_legacy; /* accepted by a legacy driver whose request was done */
	bool born, late; /* its creation was recorded; the capture began after it */
	UT_hash_handle hh;
};

/* A request that failed. */
struct replay_outcome {
	uint64_t number; /* of its avail event */
	bool backend; /* a backend record says that the backend failed it */
	bool error; /* its status is the backend_error of its class */
	UT_hash_handle hh;
};

struct replay_profile {
	struct replay_finding *devices;
	struct replay_outcome *outcomes;
};

/*
 * The configuration may read otherwise from event `number` on.  asked: a request of the driver's
 * has changed it, so the device does not notify.  0 or -ENOMEM.
 */
int replay_changed(struct replay_finding *f, uint64_t number, bool asked);

/* describe.c calls nothing of profile.c */
/* The most frequent of the answers, in constant space (Boyer and Moore); of two the earlier. */
void replay_vote(struct replay_vote *v, uint64_t value);
/* Fill in f->d from what was found; its PCI function (describe_pci.c). */
void replay_describe(struct replay_finding *f);
void replay_describe_pci(struct replay_finding *f);
/* Was it recorded how QEMU made the device?  Then its layout is known. */
bool replay_from_qemu(const struct replay_finding *f);

/* For classes: the value of what was read, whatever it was. */
void replay_must_offer(struct replay_device *d, unsigned bit);
void replay_set_config(struct replay_device *d, unsigned at, unsigned len, uint64_t value);

#endif
