/* SPDX-License-Identifier: MIT */
/*
 * A device type (virtio 1.4, chapter 5).  Everything that belongs to one type
 * and not to virtio stands in one file of this folder, which ends with one
 * struct class: tables (features, configuration, request types, queues) and a
 * few functions that read its requests.  A new type is one such file and one
 * row in list.c; rng.c is the file to copy.
 *
 * Code outside this folder names no device type: it asks the class of the
 * device.  All accessors take NULL for a type that is unknown, and then answer
 * for a device of which only the descriptors are known.
 *
 * Nothing here allocates, keeps state or trusts what a request holds.
 */
#ifndef VQT_DECODER_CLASS_CLASS_H
#define VQT_DECODER_CLASS_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/spec/spec.h"

#define CLASS_HEAD_BYTES 64
#define CLASS_WRITTEN_BYTES 16

/* One request, as far as its class is concerned; the model adds to it (struct model_request). */
struct class_request {
	/* What the caller knows of the descriptor chain. */
	const uint64_t *accepted; /* feature bits 0-127 that the driver accepted; borrowed */
	uint16_t queue; /* index */
	uint64_t readable, writable; /* bytes the driver supplies, and room for the device's */
	/* Leading driver-written bytes of the whole chain, as far as captured without a gap. */
	uint8_t head_bytes[CLASS_HEAD_BYTES];
	uint32_t head_len;
	/* What the class makes of them. */
	const struct spec_request *type; /* NULL: not decoded, or unknown */
	bool typed; /* a header was captured: type_raw and sector are valid */
	uint32_t type_raw; /* as the header has it */
	uint64_t sector; /* in units of 512 bytes */
	uint64_t bytes; /* of data, without header and status */
	/* After completion. */
	bool done;
	uint32_t used_len; /* bytes the device says it wrote */
	bool status_known;
	uint8_t status; /* where class_status_at() says */
	/* Leading bytes that the device wrote, as captured without a gap (class.reads_written). */
	uint8_t written[CLASS_WRITTEN_BYTES];
	uint32_t written_len;
};

/* Bytes of one half of a request that are the protocol's own, and hold nobody's data. */
struct class_visible {
	uint64_t head; /* so many leading bytes */
	uint64_t tail; /* and those from this offset on; UINT64_MAX: none */
	const char *instead; /* stands in for the leading bytes, which identify; NULL */
	size_t instead_len;
};

/* What a request asks of the storage behind the device. */
struct class_extent {
	unsigned op; /* enum vqt_backend_op */
	uint64_t offset, bytes;
};

/* Fields that replace those of the configuration while a selector field has this value. */
struct class_variant {
	uint8_t selector; /* offset of the selector, one byte */
	uint8_t value;
	struct spec_fields fields;
};

/* Where a request's status byte stands: an offset in what the device writes, or ... */
enum {
	CLASS_STATUS_NONE = -2,
	CLASS_STATUS_LAST = -1, /* the last byte of the room it was given */
};

struct class
{
	uint16_t id; /* virtio device ID, 5 */
	const char *name; /* short: "blk" */
	const char *other_names; /* that QEMU's types have: "keyboard mouse"; NULL none */
	const char *title; /* "block device" */
	const char *section; /* "5.2"; "5" for a type without a chapter */
	uint16_t transitional; /* PCI device ID of its transitional device, 4.1.2.1; 0 none */

	/* Tables; NULL or empty where the type has none. */
	const struct spec_feature *features; /* its own bits, sorted; ends with name NULL */
	struct spec_fields config; /* device configuration */
	const struct class_variant *variants; /* of config; ends with no fields */
	/* So many leading bytes of config, written by the driver, choose what the rest holds. */
	uint8_t selectors;
	const struct spec_queue *queues; /* in order of index; ends with name NULL */
	/*
	 * Request types, and what statistics count apart (with SPEC_REQ_COUNTED light
	 * capture, too); ends with name NULL.
	 */
	const struct spec_request *requests;
	const struct spec_name *statuses; /* names of status values; ends with name NULL */

	/*
	 * Bytes of each request that are not data, in the driver's and in the device's
	 * part; 0 where that depends on the request.
	 */
	uint8_t framing_out, framing_in;
	uint64_t vhost_user_only; /* protocol feature bits of vhost-user that only this type has */

	/* Functions; each may be NULL. */
	/*
	 * Does a chain have the form of a request of this type, which hardly a chain of another type
	 * has?  Tells the types apart where nobody said which it is.
	 */
	bool (*is_request)(const struct class_request *r);
	/*
	 * Fill in type, typed, type_raw, sector and bytes.  Called again when more bytes
	 * of the request became known, and after its completion.
	 */
	void (*parse)(struct class_request *r);
	/* What is asked: "IN sector 2048, 8 sectors". */
	void (*describe)(const struct class_request *r, char *buf, size_t len);
	bool reads_written; /* result() needs what the device wrote */
	/* What the completion says: "OK"; may leave buf empty. */
	void (*result)(const struct class_request *r, char *buf, size_t len);
	/* The fields of the header that begins the driver's part; NULL: this request has none. */
	const struct spec_fields *(*header)(const struct class_request *r);
	/* Offset or CLASS_STATUS_*.  r is NULL for a completion whose chain was not seen. */
	int (*status_at)(const struct class_request *r);
	/* Whether this status is a failure.  NULL: every value but 0 is. */
	bool (*failed)(uint8_t status);
	/*
	 * What it asks of the storage behind the device, where that is one range.  false: something
	 * else, or not known.
	 */
	bool (*extent)(const struct class_request *r, struct class_extent *x);
	/*
	 * The same as those see it who know block devices only: also what moves no data.  A flush has no
	 * range; what names several ranges is not known.  NULL: it is no block device.
	 */
	bool (*block_io)(const struct class_request *r, struct class_extent *x);
	/* Which bytes may be shown to others, of the device's part or the driver's. */
	struct class_visible (*visible)(const struct class_request *r, bool writable);
};

/* --- finding a class (list.c) --- */

const struct class *class_find(unsigned virtio_id); /* NULL unknown */
const struct class *class_by_name(const char *name); /* "blk", or one of other_names; NULL */
/* All classes, for listings: iterate until NULL. */
const struct class *class_nth(size_t n);
/* "blk", or "virtio-99" into buf for an unknown type. */
const char *class_name(unsigned virtio_id, char *buf, size_t len);
/* virtio device ID of a PCI device ID (4.1.2.1), transitional ids too; 0 if neither. */
unsigned class_id_of_pci(unsigned pci_device_id, unsigned subsystem_id);

/* --- recognising a device whose type nobody said (recognise.c) --- */

/* What is known of the device; zeroes are what is not. */
struct class_evidence {
	uint64_t offered[2]; /* features */
	size_t config_len; /* bytes of configuration that it has */
	uint64_t vhost_user; /* protocol features of its back end */
};
/* The only type that fits; NULL: none, or several. */
const struct class *class_recognise(const struct class_evidence *v);
/* Can a device of this type offer these features?  Have so much configuration? */
bool class_can_offer(const struct class *c, const uint64_t offered[2]);
bool class_can_have_config(const struct class *c, size_t len);
/* The only type whose is_request() says so; NULL. */
const struct class *class_of_request(const struct class_request *r);

/* --- requests --- */

/* Never fail; c may be NULL.  describe and result always terminate buf; len is at least 1. */
void class_parse(const struct class *c, struct class_request *r);
void class_describe(const struct class *c, const struct class_request *r, char *buf, size_t len);
void class_result(const struct class *c, const struct class_request *r, char *buf, size_t len);
/* Empty where there is no header. */
const struct spec_fields *class_header(const struct class *c, const struct class_request *r);
int class_status_at(const struct class *c, const struct class_request *r);
/* Whether the request completed, as far as is known, with an error. */
bool class_failed(const struct class *c, const struct class_request *r);
bool class_extent(const struct class *c, const struct class_request *r, struct class_extent *x);
bool class_block_io(const struct class *c, const struct class_request *r, struct class_extent *x);
struct class_visible class_visible(const struct class *c, const struct class_request *r,
				   bool writable);
/*
 * Whether buffers of a virtqueue are posted in advance, for the device to use when something
 * happens outside: receive queues, event queues.  features and queues as for
 * class_queue_name().
 */
bool class_queue_posted(const struct class *c, unsigned index, const uint64_t *features,
			unsigned queues);
/*
 * Whether drivers may leave what was used of a virtqueue until they add the next: nobody waits for
 * it.
 */
bool class_queue_reclaimed(const struct class *c, unsigned index, const uint64_t *features,
			   unsigned queues);
/*
 * Whether this chain is such a buffer; of a queue without a name: if there is nothing in it for
 * the device to read.
 */
bool class_posted(const struct class *c, const struct class_request *r, unsigned queues);
/* A row of c->requests by the number in the header; NULL. */
const struct spec_request *class_request_type(const struct class *c, uint32_t type);

/* The one row of c->requests where every request is of the same type; else NULL. */
const struct spec_request *class_only_type(const struct class *c);
/* The numbers of all types with SPEC_REQ_COUNTED, of any class, once each; how many. */
size_t class_counted_types(uint32_t *types, size_t max);

/* --- device configuration --- */

/*
 * Fields of a region; for VQT_REGION_DEVICE those of the device type.  Never NULL.
 */
const struct spec_fields *class_region_fields(unsigned region, unsigned virtio_id);
/*
 * The field an access of `width` bytes at `offset` begins in; NULL when there is
 * none.  A half of a 64-bit field gives that field, an access to several fields
 * the first.  For the legacy region pass msix so that device configuration is
 * looked for at 20 or 24 (4.1.4.10).
 *
 * Compare field->offset with spec_field_offset(), not with the offset in the
 * region: device configuration inside the legacy and MMIO regions, entries of
 * the MSI-X structures and the notification area have their own origin.
 * PCI configuration space past the header depends on the device's capability
 * list: use spec_pci_cap_fields() with spec_fields_at().
 */
const struct spec_field *class_field_at(unsigned region, unsigned virtio_id, uint32_t offset,
					unsigned width, int msix);
/*
 * The field of device configuration at `offset`, while its first len bytes hold
 * `config`: what a selector chose goes before the plain field.  NULL: none.
 */
const struct spec_field *class_config_at(const struct class *c, const uint8_t *config, size_t len,
					 uint32_t offset, unsigned width);
/*
 * Whether a field of the configuration may be shown to others.  Not what identifies a device or
 * its owner, not bytes without a number's meaning, and not what no field describes (NULL).
 */
bool class_config_shown(const struct spec_field *f);

/* --- features --- */

/* A feature bit of the core or of the device type; NULL when undefined or reserved. */
const struct spec_feature *class_feature(unsigned virtio_id, unsigned bit);
/* The bits from 0 to 31 that only the legacy interface shows, 6.3: a device has one set for both. */
uint32_t class_legacy_features(unsigned virtio_id);
/* The bit of a name, with or without VIRTIO_[class_]F_, in any case; -ENOENT. */
int class_feature_by_name(unsigned virtio_id, const char *name);
/* transport: enum vqt_transport; VQT_TRANSPORT_UNKNOWN never gives SPEC_FEATURE_TRANSPORT. */
enum spec_feature_kind class_feature_kind(unsigned virtio_id, unsigned bit, unsigned transport);

/* --- text; all as the formatting functions of spec.h --- */

/*
 * The name of a virtqueue.  features: as accepted, NULL if unknown; queues: how
 * many the device has, 0 if unknown.  "queue 9" for one without a name.
 */
char *class_queue_name(char *buf, size_t len, unsigned virtio_id, unsigned index,
		       const uint64_t *features, unsigned queues);
/*
 * Feature word `select` (32 bits of it): "SEG_MAX|FLUSH|bit 23" with the class
 * prefix dropped; 0 as "none".
 */
char *class_format_features(char *buf, size_t len, unsigned virtio_id, unsigned select,
			    uint32_t bits);
/* The same with the names in full, `between` between them, and nothing for 0. */
struct text;
void class_put_features(struct text *t, unsigned virtio_id, unsigned word, uint32_t bits,
			const char *between);
/* The names of bits 0-127, without the prefix. */
char *class_format_feature_set(char *buf, size_t len, unsigned virtio_id, const uint64_t bits[2]);
/* spec_format_value(), and features as word 0. */
char *class_format_value(char *buf, size_t len, const struct spec_field *f, unsigned virtio_id,
			 uint64_t value);
/* spec_format_access(), and features as word 0. */
char *class_format_access(char *buf, size_t len, const struct spec_field *f, unsigned virtio_id,
			  uint32_t offset, unsigned width, uint64_t value);

#endif
