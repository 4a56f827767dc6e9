/* SPDX-License-Identifier: MIT */
/*
 * A virtio device without its transport: status, features, configuration, queues
 * (virtio 1.4, 2 and 3).  Register accesses never touch guest memory; emu_virtio_run()
 * does all work on rings.  Transports and the vhost-user server call it; it calls the
 * device type (struct emu_class).
 */
#ifndef VQT_EMU_VIRTIO_DEVICE_H
#define VQT_EMU_VIRTIO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/virtio/memory.h"
#include "emu/virtio/ring.h"
#include "emu/virtio/tap.h"

struct emu_virtio;
struct emu_queue;

/* Records chains in flight where they outlive this process (vhost-user). */
struct emu_queue_account {
	void (*popped)(void *opaque, struct emu_queue *q,
		       struct emu_chain *c); /* may set c->account */
	/* before the used entry is written, and after it was published */
	void (*using)(void *opaque, struct emu_queue *q, struct emu_chain *c);
	void (*used)(void *opaque, struct emu_queue *q, struct emu_chain *c);
};

struct emu_queue {
	struct emu_virtio *v;
	uint16_t index;
	uint16_t size_max, size; /* after reset; as the driver chose */
	uint64_t desc, driver, device; /* areas as the driver wrote them */
	uint16_t vector; /* VQT_NO_VECTOR */
	bool enabled;
	bool resetting; /* queue_reset under way: requests still in flight */
	bool kicked; /* has work, as far as we know */
	bool polled; /* read the ring at every run, not only after a kick */
	struct emu_ring ring; /* running while ring.ops */
	uint32_t inflight; /* chains the class holds */
	struct emu_chain *order, **order_tail; /* IN_ORDER: popped, oldest first */
	struct emu_chain *free;
	struct emu_chain *lost; /* by a fault: never completed */
	const struct emu_queue_account *account; /* NULL: chains are not recorded */
	void *account_opaque;
	uint64_t completed; /* statistics */
};

/* What the device calls in its transport. */
struct emu_virtio_host {
	void (*used)(void *opaque, struct emu_queue *q); /* used buffer notification */
	void (*config)(void *opaque); /* configuration change notification */
	void (*reset_done)(void *opaque); /* device_status became 0 */
	/* Of a change of the configuration it is told without a driver, too: it keeps a copy. */
	bool keeps_config;
};

/* A rule that the device breaks on purpose, to test drivers and the checker. */
struct emu_fault; /* emu/virtio/fault.h */

/* One device type. */
struct emu_class {
	uint16_t virtio_id;
	const char *name; /* "blk" */
	uint32_t pci_class; /* class, subclass, interface: 24 bits */
	uint16_t pci_transitional; /* 4.1.2.1: transitional PCI device ID */
	uint32_t modern_only; /* features 0-31 the legacy interface must not show */
	/* Feature bits 0 to 63 of this device type: offered by default; that it can offer. */
	uint64_t features, features_all;
	uint16_t queues_max; /* 0: as many as a device may have */
	const struct emu_class_setup *setup; /* emu/class/class.h; NULL: only programs make one */
	/* Set v->offered, v->config, v->priv from the class's own configuration. */
	int (*init)(struct emu_virtio *v, const void *config);
	void (*fini)(struct emu_virtio *v);
	/* May these features be negotiated?  NULL, or why not. */
	const char *(*refuse)(struct emu_virtio *v);
	/* The driver wrote config bytes [off, off+len); keep what is writable. */
	void (*config_write)(struct emu_virtio *v, uint32_t off, const uint8_t *buf, uint32_t len);
	/* The features are settled: FEATURES_OK accepted; legacy: DRIVER_OK. */
	void (*negotiated)(struct emu_virtio *v);
	void (*reset)(struct emu_virtio *v);
	/* A chain was popped: complete it, now or later, by one call of emu_queue_complete(). */
	void (*handle)(struct emu_queue *q, struct emu_chain *c);
	void (*commit)(struct emu_virtio *v); /* after a batch of handle() */
	int (*poll)(struct emu_virtio *v, bool wait); /* deliver completions; how many */
	int (*fd)(struct emu_virtio *v); /* readable when poll() has completions; -1: none */
};

struct emu_virtio {
	const struct emu_class *cls;
	const struct emu_virtio_host *host;
	void *host_opaque;
	struct emu_mem *mem;
	struct emu_tap *tap;
	struct emu_fault *fault; /* NULL: breaks no rule */
	void *priv; /* the class's */
	uint8_t status; /* 2.1; not 0 while a reset is under way */
	bool legacy; /* driven through the legacy interface since reset */
	bool resetting; /* 0 was written, requests are in flight */
	bool suspending; /* SUSPEND was written, requests are in flight */
	bool config_pending; /* changed while suspended: notify on resuming */
	bool lingering; /* by a fault: the reset is over, requests are still in flight */
	bool broken; /* DEVICE_NEEDS_RESET */
	bool paused; /* no DMA now: bus mastering is off, or the server has paused the device */
	uint64_t features_on, features_off; /* the class's init() adds or removes these */
	uint16_t queue_size_usual; /* what drivers are expected to choose; 0: not known */
	bool exact; /* offers exactly the features given (replay) */
	bool legacy_exact; /* and legacy_offered at the legacy interface */
	uint32_t legacy_offered;
	uint64_t offered[2], accepted[2]; /* accepted: as written, then as negotiated */
	uint8_t config[256];
	uint8_t config_first[256]; /* as it was before the first driver */
	uint16_t config_len;
	uint8_t generation; /* 4.1.4.3 */
	bool config_was_read; /* since generation last changed */
	uint16_t nqueues;
	struct emu_queue *queue;
	uint32_t inflight;
	uint32_t max_chain; /* buffers a chain may have; 0: queue size */
	const char *why; /* of the last error */
};

/* Negotiated (FEATURES_OK, or legacy and written). */
static inline bool emu_virtio_has(const struct emu_virtio *v, unsigned bit)
{
	return bit < 128 && v->accepted[bit / 64] >> bit % 64 & 1;
}
static inline bool emu_virtio_offers(const struct emu_virtio *v, unsigned bit)
{
	return bit < 128 && v->offered[bit / 64] >> bit % 64 & 1;
}
/* DRIVER_OK and nothing wrong: rings may be served, 2.1.2. */
bool emu_virtio_live(const struct emu_virtio *v);

struct emu_virtio_config {
	const struct emu_class *cls;
	const void *class_config;
	struct emu_mem *mem; /* borrowed */
	struct emu_tap *tap; /* borrowed, may be NULL */
	struct emu_fault *fault; /* borrowed, may be NULL */
	uint16_t queues; /* 0: 1 */
	uint16_t queue_size; /* 0: 256 */
	uint16_t queue_size_usual; /* what drivers are expected to choose; 0: not known */
	const uint16_t *queue_sizes; /* per queue, overrides; 0 entries: absent queue */
	uint64_t features; /* of the core, beside the class's; 0: emu_virtio_core_features() */
	/* Bits 0 to 63, of core or class: offered though not by default; not offered. */
	uint64_t features_on, features_off;
	const uint64_t *features_exact; /* [2]: offer exactly these (replay) */
	const uint32_t *legacy_exact; /* and this at the legacy interface; NULL: the same */
	const uint8_t *config_exact; /* configuration space bytes, overlaid (replay) */
	uint16_t config_exact_len;
	uint32_t max_chain; /* buffers in a chain; 0: queue size, as 2.7.5.3.1 has it */
	bool transitional;
};
/* The core features that this device offers by default; all are below bit 64. */
uint64_t emu_virtio_core_features(void);

int emu_virtio_init(struct emu_virtio *v, const struct emu_virtio_config *cfg,
		    const struct emu_virtio_host *host, void *opaque);
void emu_virtio_fini(struct emu_virtio *v);

/* --- for transports ----------------------------------------------------------- */
/* Features word `select` (32 bits) offered through the modern or legacy interface. */
uint32_t emu_virtio_offered(const struct emu_virtio *v, unsigned select, bool legacy);
uint32_t emu_virtio_accepted(const struct emu_virtio *v, unsigned select);
void emu_virtio_accept(struct emu_virtio *v, unsigned select, uint32_t bits, bool legacy);
void emu_virtio_set_status(struct emu_virtio *v, uint8_t status, bool legacy);
/* Any length at any offset; bytes outside read as 0, and writes to them are ignored. */
void emu_virtio_config_read(struct emu_virtio *v, uint32_t off, void *buf, uint32_t len);
void emu_virtio_config_write(struct emu_virtio *v, uint32_t off, const void *buf, uint32_t len);
/* The configuration was changed from outside the driver: increment the generation, notify. */
void emu_virtio_config_changed(struct emu_virtio *v);

/* NULL: there is no such queue. */
struct emu_queue *emu_virtio_queue(struct emu_virtio *v, unsigned index);
void emu_queue_set_size(struct emu_queue *q, uint16_t size); /* ignored when not legal, 4.1.4.3.2 */
int emu_queue_enable(struct emu_queue *q); /* -EINVAL: device needs reset */
void emu_queue_reset(struct emu_queue *q); /* 2.6.1; over when !q->resetting */
void emu_queue_kick(struct emu_queue *q, uint32_t value, unsigned via, unsigned width);
/*
 * For a server that does not see the registers (vhost-user): regard these features as
 * negotiated and the device as running.  Then start each queue, whose size and areas are
 * set, at its vring base.
 */
void emu_virtio_adopt(struct emu_virtio *v, const uint64_t features[2]);
int emu_queue_start_at(struct emu_queue *q, uint32_t base);
uint32_t emu_queue_base(const struct emu_queue *q); /* where it would continue */
/* Pop a chain again that was in flight when its device died: positive, or as emu_ring_pop(). */
int emu_queue_again(struct emu_queue *q, const struct emu_again *a);
/* Stop the queue without a request of the driver (vhost GET_VRING_BASE); drain first. */
void emu_queue_stop(struct emu_queue *q);
/* An unrecoverable error of the driver: DEVICE_NEEDS_RESET, 2.1.2. */
void emu_virtio_break(struct emu_virtio *v, struct emu_queue *q, const char *why);

/*
 * Work: deliver completions, pop chains, start I/O, write used entries, notify; until all
 * that is left needs waiting, or `budget` chains (0: no limit) were popped, where a chain
 * counts once more for each MiB of its buffers.  Returns chains popped, so counted, plus
 * completions delivered.
 */
int emu_virtio_run(struct emu_virtio *v, unsigned budget);
/* Was the budget of the last run used up, so that there may be more to do? */
bool emu_virtio_busy(const struct emu_virtio *v);
int emu_virtio_fd(struct emu_virtio *v); /* readable when there are completions; -1: none */
/* Are completions left alone now?  Then do not wait for emu_virtio_fd(). */
bool emu_virtio_holds(const struct emu_virtio *v);
/*
 * Report the state of the rings to the tap, which shows chains without a notification. 
 * The caller says why, and whether a kick may be under way (enum vqt_ring_why,
 * vqt_pending).
 */
void emu_virtio_sample(struct emu_virtio *v, unsigned why, unsigned pending);
/* Write the device's state to the tap, for a trace file that begins now.  NULL is fine. */
void emu_virtio_describe(struct emu_virtio *v);
/* Wait for the requests in flight: 0, or -EAGAIN when the class cannot wait. */
int emu_virtio_drain(struct emu_virtio *v);

/* --- for device classes --------------------------------------------------------- */
/*
 * Use a chain, with `len` bytes reported as written.  The chain must not be touched after.
 * The run loop, or emu_virtio_notify(), sends the notification.
 */
void emu_queue_complete(struct emu_queue *q, struct emu_chain *c, uint32_t len);
void emu_virtio_notify(struct emu_virtio *v);

#endif
