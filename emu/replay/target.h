/* SPDX-License-Identifier: MIT */
/*
 * A target: what a recorded driver can be played against.  The replay engine
 * (emu/replay/replay.h) decides what the driver does and when, lays out rings and buffers,
 * reads the used ring and compares; a target only moves bytes between the engine and
 * one device.  Targets are the emulator (emu.c), which needs no time, and QEMU's own
 * device over qtest (qemu/), which does: see wait().
 *
 * Everything is called from one thread.  Numbers are host-endian; offsets of
 * registers are from the start of their structure; guest addresses are those of
 * the recording.  A recording cannot make a target fail: an access for which its
 * device has no register is -ENXIO, an address without memory -EFAULT.  Any other
 * negative errno ends the replay; error() has the reason in words.
 */
#ifndef VQT_EMU_REPLAY_TARGET_H
#define VQT_EMU_REPLAY_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/trace/record.h"
#include "emu/transport/pci.h"
#include "emu/replay/disk.h"

struct replay_target;

#define REPLAY_QUEUES_MAX 1024
#define REPLAY_CONFIG_MAX 256
#define REPLAY_BARS EMU_PCI_BARS
#define REPLAY_RESIZES 8
#define REPLAY_MEMORY (1ull << 30) /* bytes of guest memory, where nobody says how much */

/*
 * The recorded device, as far as its trace shows: what a target must set up to be
 * like it.  Values that the trace never showed are the usual ones of this kind of
 * device, and their _known flag is clear.
 */
struct replay_device {
	uint16_t id; /* in the trace */
	char name[40]; /* "blk0" */
	char user_id[64]; /* the recorded program's id of it, "" */
	uint16_t virtio_id; /* 5: device type; 0 unknown */
	uint16_t transport; /* enum vqt_transport */
	uint32_t bdf; /* PCI segment<<16|bus<<8|devfn, ~0 unknown */
	uint8_t mmio_version; /* of virtio-mmio: 1 is the legacy interface */
	uint32_t mmio_vendor;
	bool transitional; /* has the legacy interface (and layout.bar[0] is I/O) */
	bool modern; /* has virtio capabilities */
	bool late; /* the trace began after the device did */
	/* Recorded were interrupts with an MSI-X vector; that the device decided to notify; kicks. */
	bool vectored, signals, kicks;
	uint64_t offered[2]; /* feature bits 0-127, modern interface */
	uint8_t offered_known; /* bit n: 32-bit word n was read */
	uint8_t offered_once; /* bit n: it was read once, so that nothing else tells it */
	uint32_t legacy_offered; /* word read at the legacy interface */
	bool legacy_known, legacy_once;
	uint64_t accepted_ever[2]; /* by any driver of the trace */
	uint16_t num_queues;
	bool num_queues_known;
	uint16_t queue_size[REPLAY_QUEUES_MAX]; /* the device's maximum; 0: no such queue */
	uint16_t notify_off[REPLAY_QUEUES_MAX];
	uint8_t config[REPLAY_CONFIG_MAX]; /* 2.5: device configuration before any change */
	uint8_t config_known[REPLAY_CONFIG_MAX / 8];
	uint8_t config_once[REPLAY_CONFIG_MAX / 8]; /* read once: nothing else tells the value */
	uint16_t config_len;
	/*
	 * Configuration space: layout is what was understood of it (ids, BAR sizes
	 * and kinds, capabilities in the order of their links, vectors); pci the
	 * bytes a driver read before it wrote them.
	 */
	struct emu_pci_layout layout;
	uint8_t pci[EMU_PCI_CONFIG];
	uint8_t pci_known[EMU_PCI_CONFIG / 8];
	uint8_t pci_once[EMU_PCI_CONFIG / 8];
	/* Guest memory that rings, tables and buffers lie in. */
	uint64_t mem_first, mem_last; /* first and last byte; first > last: none */
	/* Devices with storage, as their class learned it. */
	uint64_t sectors; /* capacity */
	uint64_t resize[REPLAY_RESIZES]; /* others that it has later, each once */
	unsigned resizes;
	char serial[21]; /* GET_ID's answer, "" unknown */
	bool read_only;
	/* What the disk held before the trace, as far as it was read from it; borrowed. */
	struct replay_disk *disk;
	const char *disk_path; /* contents given by the user instead (never written to); or NULL */
};

/* A bit of a set of bytes, such as config_known. */
static inline bool replay_bit(const uint8_t *set, unsigned n)
{
	return set[n / 8] >> n % 8 & 1;
}

static inline void replay_set_bit(uint8_t *set, unsigned n)
{
	set[n / 8] |= 1 << n % 8;
}

static inline bool replay_offers(const struct replay_device *d, unsigned bit)
{
	return d->offered[bit / 64] >> bit % 64 & 1;
}

/* One notification of the driver's. */
struct replay_kick {
	uint16_t queue;
	uint16_t notify_off; /* of that queue, as the target's device gave it */
	uint32_t value; /* to write (4.1.5.2); the queue's number where none was recorded */
	uint8_t width; /* bytes, 2 or 4 */
	bool legacy; /* by the legacy Queue Notify register */
	/*
	 * The recorded device was processing the ring when the driver added buffers, so
	 * the driver sent no notification.  A target whose device may have stopped
	 * processing makes it go on, by a notification if there is no other way.
	 */
	bool nudge;
};

enum replay_io {
	REPLAY_IO_NONE,
	REPLAY_IO_READ,
	REPLAY_IO_WRITE,
	REPLAY_IO_FLUSH,
	REPLAY_IO_DISCARD,
	REPLAY_IO_ZEROES,
};

/* A request the engine is about to make available. */
struct replay_request {
	uint16_t queue, head;
	enum replay_io io; /* what it makes the storage below the device do */
	uint64_t offset, len; /* bytes; of reads and writes */
	bool fail; /* the recorded backend failed it: so must this one's */
};

/* How the recorded device answered a request: for answers that cannot be computed. */
struct replay_answer {
	uint16_t queue, head;
	uint32_t len; /* used length */
	const struct record *used; /* the event, with the bytes it kept */
};

/* Bytes of the device configuration that have changed. */
struct replay_config {
	uint8_t bytes[REPLAY_CONFIG_MAX];
	uint8_t known[REPLAY_CONFIG_MAX / 8]; /* bit n: bytes[n] has changed; others stay */
	uint8_t once[REPLAY_CONFIG_MAX / 8]; /* until the next change: as config_once */
	bool any;
	bool asked; /* by a request of the driver's: a device does it by itself, and does not notify */
	uint64_t sectors; /* block devices: the capacity */
};

/* An interrupt, as the platform sees it. */
struct replay_irq {
	uint8_t kind; /* VQT_IRQ_MSIX, VQT_IRQ_INTX */
	uint8_t level; /* INTX */
	uint16_t vector; /* MSIX */
};

struct replay_target_config {
	const struct replay_device *device;
	/* For the events of the target's own side; .emit is NULL if they are not wanted. */
	struct emu_tap_config tap;
	uint64_t memory; /* at most so many bytes of guest memory */
	const char *binary; /* of the program with the device; NULL: the usual */
};

struct replay_target_ops {
	const char *name; /* "emu", "qemu": --against */
	/*
	 * Make a device like cfg->device (borrowed for the target's life), as after
	 * power-on.  Negative errno with the reason in why[size], in
	 * words: -ENOTSUP for a device it cannot be (that device is skipped).
	 */
	int (*create)(struct replay_target **out, const struct replay_target_config *cfg, char *why,
		      size_t size);
	void (*destroy)(struct replay_target *t);
	/* "vqtrace 0.1", "QEMU 7.2.22": borrowed. */
	const char *(*version)(struct replay_target *t);
	/* The latest failure in words; borrowed.  May be NULL. */
	const char *(*error)(struct replay_target *t);
	/*
	 * Are the answers to this device's requests those of the recording, because the
	 * target has no such device?  NULL: never.
	 */
	bool (*scripted)(const struct replay_device *d);
	bool from_trace; /* its registers have the values of replay_device, not of its own */
	bool mmio; /* it can be a device on virtio-mmio */

	/*
	 * Registers: region is enum vqt_region (PCI, COMMON ... LEGACY), width 1, 2 or 4
	 * bytes, 8 only in BARs.
	 */
	int (*access)(struct replay_target *t, unsigned region, uint32_t off, unsigned width,
		      uint64_t *value, bool write);
	/* Guest memory. */
	int (*mem_read)(struct replay_target *t, uint64_t gpa, void *buf, size_t len);
	int (*mem_write)(struct replay_target *t, uint64_t gpa, const void *buf, size_t len);
	/* Make sure that there is memory, of any contents: a buffer for the device. */
	int (*mem_touch)(struct replay_target *t, uint64_t gpa, uint64_t len);
	/*
	 * Bytes that guest memory takes now.  Where a target has this, the engine lays out
	 * only what fits into cfg.memory with it; others refuse with -EFAULT by themselves.
	 */
	uint64_t (*memory)(struct replay_target *t);

	/* Called before a request is published in its ring; may be NULL. */
	int (*request)(struct replay_target *t, const struct replay_request *r);
	/* Available buffer notification; the device may begin to work. */
	int (*kick)(struct replay_target *t, const struct replay_kick *k);
	/*
	 * The recording has come to the event in which this request was used: let it
	 * complete.  For targets that hold requests back until then, so that they
	 * complete in recorded order; NULL for a device with its own timing.
	 */
	int (*complete)(struct replay_target *t, const struct replay_answer *a);
	/*
	 * Let the device work.  The engine calls this after each action and reads the
	 * used rings afterwards; while a completion is missing it calls again with
	 * growing patience (ms; 0: only what can be done at once).  1: more may
	 * follow, call again; 0: nothing will follow without another action, or the
	 * target waited long enough.
	 */
	int (*wait)(struct replay_target *t, unsigned patience);
	/* Interrupts since the last call, oldest first: how many (at most max). */
	int (*irqs)(struct replay_target *t, struct replay_irq *out, unsigned max);

	/* From outside the driver.  Each may be NULL: cannot; so is -ENOTSUP. */
	int (*config_change)(struct replay_target *t, const struct replay_config *now);
	int (*platform_reset)(struct replay_target *t); /* power-on state again, memory kept */
};

/* One row a target, ending in NULL (emu/replay/targets.c): --against NAME. */
extern const struct replay_target_ops *const replay_targets[];
extern const struct replay_target_ops replay_target_emu, replay_target_qemu;

#endif
