/* SPDX-License-Identifier: MIT */
/*
 * What replay needs to know about a device type, beyond what every virtio device has: one
 * struct replay_class in emu/class/TYPE, one row in class.c.  A type without one is
 * replayed, too: the emulator provides its PCI function, registers, rings and notifications,
 * and the answers to its requests come from the recording.
 */
#ifndef VQT_EMU_REPLAY_CLASS_H
#define VQT_EMU_REPLAY_CLASS_H

#include "decoder/model/model.h"
#include "emu/replay/target.h"
#include "emu/virtio/device.h"

struct qemu_class; /* emu/replay/qemu/class.h */
struct replay_change;
struct replay_completion;
struct replay_finding;
struct replay_instance;

/* All functions may be NULL. */
struct replay_class {
	uint16_t virtio_id;
	uint8_t pci_class; /* base class of its PCI class code */
	const char *section; /* of the specification: its requests */
	int backend_error; /* the status with which a failure of the backend is reported; 0: none */
	/* Its requests are used with length 0, also those with room for the device to write. */
	bool writes_nothing;
	const struct emu_class *device; /* of the emulator, if that answers requests by itself */
	const struct qemu_class *qemu; /* NULL: cannot be played against QEMU */

	/* The first reading: emu/replay/profile_impl.h. */
	/* A request was used.  0 or -ENOMEM. */
	int (*learn)(struct replay_finding *f, const struct event *e);
	/* Correct what the specification or the rest of the trace rules out. */
	void (*normalise)(struct replay_finding *f);
	/* Fill in f->d; then, for each configuration change, c->differs. */
	void (*describe)(struct replay_finding *f);
	void (*describe_change)(struct replay_finding *f, struct replay_change *c,
				const uint8_t now[REPLAY_CONFIG_MAX]);
	void (*forget)(struct replay_finding *f); /* release f->learned */

	/* The emulator's device.  `backend` is what make() returned, owned by the device. */
	/* Must this device's answers come from the recording, though it has .device? */
	bool (*scripted)(const struct replay_device *d);
	/*
	 * *config: class_config, to be freed when the device is made.  0, or negative errno
	 * and why in words.
	 */
	int (*make)(void **backend, void **config, const struct replay_target_config *cfg,
		    char *why, size_t size);
	void (*unmake)(void *backend); /* release the backend, as no device was made */
	/*
	 * fail: let the I/O of the request with this tag fail; 0 or -ENOMEM.  complete: do
	 * that I/O now.
	 */
	int (*fail)(void *backend, uint64_t tag);
	void (*complete)(void *backend, uint64_t tag);
	/*
	 * The configuration is about to become this one.  Returns true if the driver has
	 * been notified.
	 */
	bool (*reconfigure)(struct emu_virtio *v, const uint8_t config[REPLAY_CONFIG_MAX]);

	/* The second reading: emu/replay/impl.h. */
	int (*begin)(struct replay_instance *i); /* sets i->play; 0 or -ENOMEM */
	void (*end)(struct replay_instance *i);
	void (*lost)(struct replay_instance *i); /* records are missing */
	/* What a request is for the storage below the device: out->io, offset, len. */
	void (*io)(const struct model_request *r, struct replay_request *out);
	/* Compare the data of a request; length and status have been compared.  0 or errno. */
	int (*compare)(struct replay_completion *c);
	void (*unplayed)(struct replay_instance *i, const struct model_request *r);
};

extern const struct replay_class replay_balloon, replay_blk, replay_net;

const struct replay_class *replay_class(unsigned virtio_id); /* never NULL */
/* Must the answers of this device come from its recording? */
bool replay_scripted(const struct replay_device *d);

/*
 * A class of the emulator that processes no requests: it holds each chain until
 * replay_class_answer() gives the recorded device's answer.  class_config is not used.
 */
extern const struct emu_class replay_class_any;
/* For replay_class_any: write this answer and complete the chain.  -ENOENT: no such chain. */
int replay_class_answer(struct emu_virtio *v, const struct replay_answer *a);

#endif
