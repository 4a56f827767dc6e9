/* SPDX-License-Identifier: MIT */
/*
 * The specification as data: registers, features, status bits, configuration
 * fields and request types of virtio 1.4 as tables which code only walks.
 * Everything here is constant and needs no initialisation; nothing allocates.
 */
#ifndef VQT_DECODER_SPEC_H
#define VQT_DECODER_SPEC_H

#include <stddef.h>
#include <stdint.h>

/* A name for one value, or (in a bit set) for one bit mask. */
struct spec_name {
	uint64_t value; /* or mask */
	const char *name; /* as the specification spells it, without its VIRTIO_ prefix noise */
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
#define SPEC_RO 0x01 /* the driver must not write it */
#define SPEC_WO 0x02
#define SPEC_LO 0x04 /* low 32 bits of a 64-bit field, where halves are listed */
#define SPEC_PER_QUEUE 0x08 /* refers to the queue in queue_select */
#define SPEC_LEGACY 0x10 /* legacy interface only */

/* One register or configuration field. */
struct spec_field {
	uint32_t offset; /* from the start of its region or structure */
	uint16_t width; /* bytes; more than 8 only for SPEC_BYTES */
	uint8_t kind; /* enum spec_kind */
	uint8_t flags; /* SPEC_RO ... */
	const char *name; /* "device_status", "queue_desc", "seg_max" */
	const struct spec_name *names; /* for SPEC_ENUM and SPEC_BITS; ends with name NULL */
	int16_t feature; /* bit without which the field does not exist; -1 always */
	const char *section; /* of virtio 1.4, or of the PCI specification ("PCI 7.5.1") */
};

/* A table of fields sorted by offset. */
struct spec_fields {
	const struct spec_field *field;
	size_t count;
};

/* enum vqt_region -> its name ("common") and, where the layout is fixed, its fields. */
const char *spec_region_name(unsigned region);
int spec_region_by_name(const char *name); /* -ENOENT */
/* Fields of a region; for VQT_REGION_DEVICE those of the device type. Never NULL. */
const struct spec_fields *spec_region_fields(unsigned region, unsigned virtio_id);
/*
 * The field an access of `width` bytes at `offset` begins in or lies in; NULL
 * when there is none.  A half of a 64-bit field gives that field; compare
 * offset with field->offset.  For the legacy region pass msix so that device
 * configuration is looked for at 20 or 24 (4.1.4.10).
 */
const struct spec_field *spec_field_at(unsigned region, unsigned virtio_id, uint32_t offset,
				       unsigned width, int msix);

/* One feature bit. */
struct spec_feature {
	uint8_t bit;
	const char *name; /* "VIRTIO_BLK_F_SEG_MAX" */
	const char *section;
	uint8_t requires[3]; /* bits that must be accepted too, 0xff ends */
	uint8_t legacy; /* meaningful only in the legacy interface */
};

/* A request type of a device class that has requests. */
struct spec_request {
	uint32_t type; /* VIRTIO_BLK_T_* */
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

/* One device type (chapter 5). */
struct spec_class {
	uint16_t id; /* 5: virtio device ID */
	const char *name; /* short: "blk" */
	const char *title; /* "block device" */
	const char *section;
	const struct spec_feature *features; /* its own bits, sorted; ends with name NULL */
	struct spec_fields config; /* device configuration */
	const struct spec_request *requests; /* ends with name NULL; NULL if not decoded */
	const struct spec_name *statuses; /* of requests; NULL if none */
	const char *const *queues; /* names by index, NULL-terminated; the last repeats; or NULL */
};

const struct spec_class *spec_class(unsigned virtio_id); /* NULL unknown */
const struct spec_class *spec_class_by_name(const char *name); /* "blk"; NULL */
/* All classes, for listings: iterate until NULL. */
const struct spec_class *spec_class_nth(size_t n);
/* "blk", or "virtio-99" into buf for an unknown type. */
const char *spec_class_name(unsigned virtio_id, char *buf, size_t len);
/* virtio device ID of a PCI device ID (4.1.2.1), transitional ids too; 0 if neither. */
unsigned spec_virtio_id_of_pci(unsigned pci_device_id, unsigned subsystem_id);

/* A feature bit of the core or of the device type; NULL when undefined or reserved. */
const struct spec_feature *spec_feature(unsigned virtio_id, unsigned bit);
/* The bit of a name, with or without VIRTIO_[class_]F_; negative errno. */
int spec_feature_by_name(unsigned virtio_id, const char *name);
const struct spec_request *spec_request(unsigned virtio_id, uint32_t type); /* NULL */

/*
 * Formatting.  All write at most len bytes with a terminating NUL and return
 * buf; a result that does not fit ends with "...".
 */
/* "ACKNOWLEDGE|DRIVER (0x03)"; undefined bits as hex; 0 as "RESET (0x00)". */
char *spec_format_status(char *buf, size_t len, unsigned status);
/* Feature word `select` (32 bits of it): "SEG_MAX|FLUSH|..." with the class prefix dropped. */
char *spec_format_features(char *buf, size_t len, unsigned virtio_id, unsigned select,
			   uint32_t bits);
/* The value of a field, by its kind, as people read it. */
char *spec_format_value(char *buf, size_t len, const struct spec_field *f, unsigned virtio_id,
			uint64_t value);
/* A name from a table, NULL if absent. */
const char *spec_name_of(const struct spec_name *names, uint64_t value);
char *spec_format_bits(char *buf, size_t len, const struct spec_name *names, uint64_t bits);

/* Tables used by name elsewhere. */
extern const struct spec_name spec_status_bits[]; /* 2.1 */
extern const struct spec_name spec_desc_flags[]; /* 2.7.5, 2.8 */
extern const struct spec_name spec_isr_bits[]; /* 4.1.4.5 */
extern const struct spec_name spec_cap_types[]; /* 4.1.4: VIRTIO_PCI_CAP_* */
extern const struct spec_name spec_pci_caps[]; /* PCI capability ids */

#endif
