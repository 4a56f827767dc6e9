/* SPDX-License-Identifier: MIT */
/* The rooms of the gathering among themselves. */
#ifndef VQT_EMU_REPLAY_PROFILE_IMPL_H
#define VQT_EMU_REPLAY_PROFILE_IMPL_H

#include "decoder/util/hash.h"
#include "decoder/spec/constants.h"
#include "emu/replay/profile.h"

/* The answers to one question. */
struct replay_vote {
	uint64_t value;
	uint32_t count;
	bool any;
};
void replay_vote(struct replay_vote *v, uint64_t value);

struct replay_queue_finding {
	struct replay_vote size, notify_off;
	uint16_t added; /* size at its creation */
	bool written; /* the driver chose a size since the reset */
};

/* The configuration from a change of it on, until the next. */
struct replay_change {
	uint64_t number; /* of the event */
	uint64_t sectors_used;
	struct replay_vote config[REPLAY_CONFIG_MAX];
	struct replay_config told; /* what differs from before, at the end */
};
#define REPLAY_CHANGES_MAX 1024 /* later ones go under with the last */

/* A device as it emerges. */
struct replay_finding {
	uint16_t key;
	struct replay_device d;
	struct replay_disk *disk; /* contents before the trace */
	struct replay_disk *now; /* what the trace wrote: marked, not kept */
	struct replay_vote pci[EMU_PCI_CONFIG], config[REPLAY_CONFIG_MAX];
	struct replay_vote feature[4], legacy, num_queues;
	struct replay_queue_finding queue[REPLAY_QUEUES_MAX];
	uint8_t pci_written[EMU_PCI_CONFIG / 8], config_written[REPLAY_CONFIG_MAX / 8];
	uint8_t bar_mask[24]; /* read back after all ones were written */
	uint32_t rom_mask; /* the same of the expansion ROM, without its lowest 11 bits */
	bool rom_probe, rom_sized;
	bool bar_probe[REPLAY_BARS], bar_sized[REPLAY_BARS], bar_life[REPLAY_BARS];
	uint8_t bar_type[REPLAY_BARS];
	unsigned transport, queues_told, added, spoken;
	uint64_t config_len, sectors_used;
	uint32_t vectors_used, regions; /* regions: bit n: VQT_REGION n was accessed */
	uint64_t vectors, msix_bar;
	bool msix_life, transitional, legacy_seen, serial_known;
	struct replay_change *change;
	unsigned changes;
	bool just_changed;
	uint64_t region_len[VIRTIO_PCI_CAP_DEVICE_CFG + 1]; /* by VIRTIO_PCI_CAP_*; 0: I/O BAR */
	uint64_t agreed[2]; /* accepted, when device_status was read with FEATURES_OK */
	uint32_t agreed_legacy; /* accepted by a legacy driver whose request was done */
	bool wrote; /* a request that modifies the disk was done */
	bool kicks, signals;
	bool born, late; /* its making was seen; the capture says it came late */
	UT_hash_handle hh;
};

/* A request that did not end well. */
struct replay_outcome {
	uint64_t number; /* of its avail event */
	bool failed; /* the backend said so */
	int status; /* -1 unknown */
	UT_hash_handle hh;
};

struct replay_profile {
	struct replay_finding *devices;
	struct replay_outcome *outcomes;
	const char *disk_path;
};

/* A block request was used (emu/replay/profile_blk.c). */
void replay_profile_blk(struct replay_finding *f, const struct event *e);
/* Fill f->d from what was found (emu/replay/describe.c), then what became of it. */
void replay_describe(struct replay_finding *f);
void replay_describe_changes(struct replay_finding *f);

/* emu/replay/normalise.c: answers that something else decides, once the others are there. */
void replay_normalise_features(struct replay_finding *f);
void replay_normalise_queues(struct replay_finding *f);
void replay_normalise_config(struct replay_finding *f);
void replay_normalise_pci(struct replay_finding *f, const struct emu_pci_layout *normal);

#endif
