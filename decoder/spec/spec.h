/* SPDX-License-Identifier: MIT */
/*
 * The specification as data: registers, features and status bits of virtio 1.4,
 * and how rows of device types are written, as tables which code only walks.
 * The device types themselves stand in decoder/class.
 * Everything here is constant and needs no initialisation; nothing allocates.
 */
#ifndef VQT_DECODER_SPEC_SPEC_H
#define VQT_DECODER_SPEC_SPEC_H

#include <stddef.h>
#include <stdint.h>

/* A name for one value, or (in a bit set) for one bit or a field of several bits. */
struct spec_name {
	uint64_t value; /* or mask; one of several bits is shown as "NAME=number" */
	const char *name; /* as in the specification, without its VIRTIO_ prefix */
};

enum spec_kind {
	SPEC_HEX, /* a number shown in hexadecimal (addresses, raw) */
	SPEC_DEC, /* a number shown in decimal (sizes, indices) */
	SPEC_ENUM, /* one of .names */
	SPEC_BITS, /* a set of .names */
	SPEC_FEATURES, /* feature bits: which 32 depends on the select register */
	SPEC_VECTOR, /* MSI-X vector or NO_VECTOR */
	SPEC_BYTES, /* opaque (MAC address, reserved) */
};

/* spec_field.flags */
#define SPEC_RO 0x01 /* read-only for the driver */
#define SPEC_WO 0x02
#define SPEC_LO 0x04 /* low 32 bits of a 64-bit field, where halves are listed */
#define SPEC_HI 0x40 /* the high ones */
#define SPEC_PER_QUEUE 0x08 /* refers to the queue in queue_select */
#define SPEC_LEGACY 0x10 /* legacy interface only */
#define SPEC_IDENTITY 0x20 /* identifies the device or its owner: anonymising replaces it */
#define SPEC_MODERN 0x80 /* virtio-mmio: not in the legacy layout, 4.2.4 */

/* What a register or field is, on whichever transport (spec_field.id). */
enum spec_reg {
	SPEC_REG_NONE = 0,
	SPEC_REG_DEVICE_FEATURES_SELECT,
	SPEC_REG_DEVICE_FEATURES,
	SPEC_REG_DRIVER_FEATURES_SELECT,
	SPEC_REG_DRIVER_FEATURES,
	SPEC_REG_CONFIG_VECTOR,
	SPEC_REG_NUM_QUEUES,
	SPEC_REG_DEVICE_STATUS,
	SPEC_REG_CONFIG_GENERATION,
	SPEC_REG_ISR,
	SPEC_REG_ISR_ACK,
	SPEC_REG_QUEUE_SELECT,
	SPEC_REG_QUEUE_SIZE, /* legacy: the only possible one */
	SPEC_REG_QUEUE_SIZE_MAX,
	SPEC_REG_QUEUE_ALIGN,
	SPEC_REG_QUEUE_VECTOR,
	SPEC_REG_QUEUE_ENABLE,
	SPEC_REG_QUEUE_NOTIFY,
	SPEC_REG_QUEUE_NOTIFY_OFF,
	SPEC_REG_QUEUE_NOTIFY_DATA, /* queue_notif_config_data */
	SPEC_REG_QUEUE_DESC, /* SPEC_LO, SPEC_HI: half of it */
	SPEC_REG_QUEUE_DRIVER,
	SPEC_REG_QUEUE_DEVICE,
	SPEC_REG_QUEUE_PFN, /* legacy: address of the queue, in pages */
	SPEC_REG_QUEUE_RESET,
	SPEC_REG_ADMIN_QUEUE_INDEX,
	SPEC_REG_ADMIN_QUEUE_NUM,
	SPEC_REG_PCI_CFG_DATA, /* 4.1.4.9 */
	SPEC_REG_MSIX_CONTROL, /* PCI 7.7.2.2 */
	SPEC_REG_MAGIC, /* of virtio-mmio, with those that follow: 4.2.2 */
	SPEC_REG_VERSION,
	SPEC_REG_DEVICE_ID,
	SPEC_REG_GUEST_PAGE_SIZE, /* legacy: unit of QueuePFN */
	SPEC_REG_SHM_SELECT,
	SPEC_REG_SHM_LENGTH, /* SPEC_LO, SPEC_HI: half of it */
	SPEC_REG_SHM_BASE,
	SPEC_REG_REQUEST_TYPE, /* in the header of a request */
	SPEC_REGS,
};

/* One register or configuration field. */
struct spec_field {
	uint32_t offset; /* from the start of its region or structure */
	uint16_t width; /* bytes; more than 8 only for SPEC_BYTES */
	uint8_t kind; /* enum spec_kind */
	uint8_t flags; /* SPEC_RO ... */
	const char *name; /* "device_status", "queue_desc", "seg_max" */
	const struct spec_name *names; /* for SPEC_ENUM and SPEC_BITS; ends with name NULL */
	int16_t feature; /* bit without which the field does not exist; -1 always */
	const char *section; /* of virtio 1.4, or "PCI " and that of PCI Express Base 5.0 */
	int16_t feature2; /* an alternative to `feature`; 0 none */
	uint8_t id; /* enum spec_reg: what it is, on whichever transport */
	const uint8_t *instead; /* SPEC_IDENTITY: `width` bytes to show; NULL: zeros */
};

/* A table of fields sorted by offset. */
struct spec_fields {
	const struct spec_field *field;
	size_t count;
};

/* enum vqt_region -> its name ("common") and, where the layout is fixed, its fields. */
const char *spec_region_name(unsigned region);
/* Fields of a region, except device configuration: class_region_fields().  Never NULL. */
const struct spec_fields *spec_region_fields(unsigned region);
/*
 * The region whose table describes `*offset`, which is made relative to what that
 * table counts from: device configuration lies inside the legacy and MMIO regions.
 */
unsigned spec_field_region(unsigned region, uint32_t *offset, int msix);
/* The offset that spec_field_region() makes of it. */
uint32_t spec_field_offset(unsigned region, uint32_t offset, int msix);
/* Where device configuration begins in the legacy region: 20, or 24 with MSI-X enabled. */
uint32_t spec_legacy_config_base(int msix);
/*
 * The field of a table that an access of `width` bytes at `offset` begins in; NULL
 * when there is none.
 */
const struct spec_field *spec_fields_at(const struct spec_fields *fields, uint32_t offset,
					unsigned width);
/* The first field of a table with this id, not SPEC_REG_NONE; NULL when there is none. */
const struct spec_field *spec_field_by_id(const struct spec_fields *fields, enum spec_reg id);
/* Whether a field exists when these feature bits (0-127) are set. */
int spec_field_exists(const struct spec_field *f, const uint64_t features[2]);
/*
 * Fields of a PCI capability, offsets from its start; never NULL, just id and
 * next for an unknown one.  cfg_type matters for vendor-specific (9) ones only:
 * 4.1.4.
 */
const struct spec_fields *spec_pci_cap_fields(unsigned cap_id, unsigned cfg_type);

/* One feature bit. */
struct spec_feature {
	uint8_t bit;
	uint8_t legacy; /* meaningful only in the legacy interface */
	uint8_t not_on; /* transports that reserve it: 1 << enum vqt_transport */
	const char *name; /* "VIRTIO_F_RING_PACKED" */
	const char *section;
	/* Sets of bits 0-127.  Whoever offers or accepts this one must offer or accept ... */
	uint64_t requires[2]; /* all of these */
	uint64_t any_of[2]; /* and at least one of these, if there are any */
	uint64_t offers[2]; /* a device must offer these too; a driver may refuse them */
};
#define SPEC_BIT(n) (UINT64_C(1) << ((n) % 64))

/* A request type of a device class that has requests. */
struct spec_request {
	uint32_t type; /* as the driver sends it */
	const char *name; /* "IN" */
	const char *json; /* "in", also what filters compare with */
	int16_t feature; /* bit needed, -1 none */
	uint8_t flags; /* SPEC_REQ_* */
	const char *section;
};
#define SPEC_REQ_DATA_IN 0x01 /* the device writes data */
#define SPEC_REQ_DATA_OUT 0x02 /* the driver supplies data */
#define SPEC_REQ_SECTOR 0x04 /* header sector is meaningful */
#define SPEC_REQ_SEGMENTS 0x08 /* data is an array of discard/write-zeroes segments */
#define SPEC_REQ_LEGACY 0x10 /* legacy interface only */
#define SPEC_REQ_COUNTED 0x40 /* light capture counts it apart, by the first word */
#define SPEC_REQ_RESULT 0x20 /* 8 more bytes (append_sector) lie before the status byte */

/* spec_queue.flags */
#define SPEC_QUEUE_REPEAT 0x01 /* neighbours so marked repeat together, numbered from 1 */
#define SPEC_QUEUE_LAST 0x02 /* follows the repeated ones */
#define SPEC_QUEUE_SHIFT 0x04 /* without its feature the later ones move down */
/* Its buffers are posted in advance and wait for events outside the driver: not requests. */
#define SPEC_QUEUE_POSTED 0x08
/* What was used of it the driver may leave until it adds more: nobody waits for that. */
#define SPEC_QUEUE_RECLAIMED 0x10

/* One virtqueue, or a group of them, in order of index. */
struct spec_queue {
	const char *name; /* "controlq"; "#" stands for its number */
	int16_t feature; /* bit without which it does not exist; -1 always */
	uint8_t flags; /* SPEC_QUEUE_* */
	uint64_t many; /* repeats only with one of these bits; 0 always */
};

/*
 * A feature bit of the core or of the device type, whose own rows are given (NULL:
 * none); NULL when undefined or reserved.
 */
const struct spec_feature *spec_feature(const struct spec_feature *own, unsigned bit);
/* The bit of a name, with or without VIRTIO_[class_]F_, in any case; -ENOENT. */
int spec_feature_by_name(const struct spec_feature *own, const char *name);
/* The name without VIRTIO_[class_]F_: "RING_PACKED" of VIRTIO_F_RING_PACKED. */
const char *spec_feature_short(const struct spec_feature *f);

/* What the specification says of a bit on this transport (2.2, 4.2.5, 4.3.4, 6). */
enum spec_feature_kind {
	SPEC_FEATURE_DEFINED = 0,
	SPEC_FEATURE_LEGACY, /* described for the legacy interface only */
	SPEC_FEATURE_TRANSPORT, /* described, but not for this transport */
	SPEC_FEATURE_RESERVED, /* in a reserved range, or a core bit without a meaning */
	SPEC_FEATURE_UNDEFINED, /* a device-specific bit this type does not define */
	SPEC_FEATURE_UNKNOWN, /* device-specific, of a type without a chapter: unknown */
};
/* chapter: whether one describes the type.  transport: enum vqt_transport. */
enum spec_feature_kind spec_feature_kind(const struct spec_feature *own, int chapter, unsigned bit,
					 unsigned transport);

/* The features that a feature lacks (FEAT-D1, FEAT-V1). */
enum spec_missing {
	SPEC_MISSING_NONE = 0,
	SPEC_MISSING_ALL, /* every bit of missing[] is required */
	SPEC_MISSING_ANY, /* one bit of missing[] would do */
};
enum spec_missing spec_feature_missing(const struct spec_feature *f, const uint64_t have[2],
				       uint64_t missing[2]);

/*
 * The name of a virtqueue.  features: as accepted, NULL if unknown; queues: how
 * many the device has, 0 if unknown.  "queue 9" for one without a name.
 */
char *spec_queue_name(char *buf, size_t len, const struct spec_queue *rows, unsigned index,
		      const uint64_t *features, unsigned queues);
/*
 * The row of a virtqueue, with the same parameters, and its number among those that the row
 * stands for (from 1; 0: the only one); NULL: none.
 */
const struct spec_queue *spec_queue_row(const struct spec_queue *rows, unsigned index,
					const uint64_t *features, unsigned queues,
					unsigned *number);
/* The row of a request type; NULL. */
const struct spec_request *spec_request(const struct spec_request *rows, uint32_t type);

/*
 * Formatting.  All write at most len bytes with a terminating NUL and return
 * buf; a result that does not fit ends with "...".
 */
/* "ACKNOWLEDGE|DRIVER (0x03)"; undefined bits as hex; 0 as "RESET (0x00)". */
char *spec_format_status(char *buf, size_t len, unsigned status);
/* See class_format_features() and class_format_feature_set(). */
char *spec_format_features(char *buf, size_t len, const struct spec_feature *own, unsigned select,
			   uint32_t bits);
char *spec_format_feature_set(char *buf, size_t len, const struct spec_feature *own,
			      const uint64_t bits[2]);
/* The value of a whole field, by its kind, as people read it; not of SPEC_FEATURES. */
char *spec_format_value(char *buf, size_t len, const struct spec_field *f, uint64_t value);
/*
 * The value of an access, which need not be to the whole field: a part, or
 * more than the field, is shown as a plain number of its width (SPEC_BYTES: as
 * bytes).  offset is that of spec_field_offset().
 */
char *spec_format_access(char *buf, size_t len, const struct spec_field *f, uint32_t offset,
			 unsigned width, uint64_t value);
/*
 * What an access touches: "queue_desc", "queue_desc.lo", "queue_desc.hi",
 * "mac+4" (a part), "cols..." (begins there and reaches further).
 */
char *spec_format_field(char *buf, size_t len, const struct spec_field *f, uint32_t offset,
			unsigned width);
/* A name from a table, NULL if absent. */
const char *spec_name_of(const struct spec_name *names, uint64_t value);
/* "ENABLE|0x4" of a bit set; 0 as "none". */
char *spec_format_bits(char *buf, size_t len, const struct spec_name *names, uint64_t bits);

/* Tables used by name elsewhere. */
extern const struct spec_name spec_status_bits[]; /* 2.1 */
extern const struct spec_name spec_desc_flags[]; /* 2.7.5, 2.8 */
extern const struct spec_name spec_isr_bits[]; /* 4.1.4.5 */
extern const struct spec_name spec_cap_types[]; /* 4.1.4: VIRTIO_PCI_CAP_* */
extern const struct spec_name spec_pci_caps[]; /* PCI capability ids */

#endif
