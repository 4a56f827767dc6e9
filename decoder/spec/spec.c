/* SPDX-License-Identifier: MIT */
/* Walkers over the specification tables: fields, features, requests, queues. */
#include "decoder/spec/tables.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct spec_fields no_fields;

static const struct {
	const char *name;
	const struct spec_fields *fields; /* NULL: none, or by device type */
} regions[] = {
	[VQT_REGION_PCI] = { "pci", &spec_pci_header },
	[VQT_REGION_COMMON] = { "common", &spec_common },
	[VQT_REGION_NOTIFY] = { "notify", &spec_notify },
	[VQT_REGION_ISR] = { "isr", &spec_isr },
	[VQT_REGION_DEVICE] = { "device", NULL },
	[VQT_REGION_MSIX_TABLE] = { "msix_table", &spec_msix_table },
	[VQT_REGION_MSIX_PBA] = { "msix_pba", &spec_msix_pba },
	[VQT_REGION_LEGACY] = { "legacy", &spec_legacy },
	[VQT_REGION_MMIO] = { "mmio", &spec_mmio },
	[VQT_REGION_BAR] = { "bar", NULL },
};
#define REGIONS (sizeof(regions) / sizeof(regions[0]))

/* Where device configuration begins among the MMIO registers, 4.2.2. */
#define MMIO_CONFIG 0x100

const char *spec_region_name(unsigned region)
{
	return region < REGIONS && regions[region].name ? regions[region].name : "unknown";
}

const struct spec_fields *spec_region_fields(unsigned region)
{
	return region < REGIONS && regions[region].fields ? regions[region].fields : &no_fields;
}

uint32_t spec_legacy_config_base(int msix)
{
	return msix ? 24 : 20;
}

unsigned spec_field_region(unsigned region, uint32_t *offset, int msix)
{
	switch (region) {
	case VQT_REGION_LEGACY:
		if (*offset < spec_legacy_config_base(msix))
			return region;
		*offset -= spec_legacy_config_base(msix);
		return VQT_REGION_DEVICE;
	case VQT_REGION_MMIO:
		if (*offset < MMIO_CONFIG)
			return region;
		*offset -= MMIO_CONFIG;
		return VQT_REGION_DEVICE;
	case VQT_REGION_MSIX_TABLE: *offset %= 16; return region;
	case VQT_REGION_MSIX_PBA: *offset %= 8; return region;
	case VQT_REGION_NOTIFY: *offset = 0; return region;
	default: return region;
	}
}

uint32_t spec_field_offset(unsigned region, uint32_t offset, int msix)
{
	spec_field_region(region, &offset, msix);
	return offset;
}

const struct spec_field *spec_fields_at(const struct spec_fields *fields, uint32_t offset,
					unsigned width)
{
	if (!width)
		return NULL;
	for (size_t i = 0; i < fields->count; i++) {
		const struct spec_field *f = &fields->field[i];

		if (offset >= f->offset && offset - f->offset < f->width)
			return f;
	}
	return NULL;
}

const struct spec_field *spec_field_by_id(const struct spec_fields *fields, enum spec_reg id)
{
	for (size_t i = 0; i < fields->count; i++)
		if (fields->field[i].id == id)
			return &fields->field[i];
	return NULL;
}

static int has_bit(const uint64_t bits[2], int bit)
{
	return (bits[bit / 64] & SPEC_BIT(bit)) != 0;
}

int spec_field_exists(const struct spec_field *f, const uint64_t features[2])
{
	return f->feature < 0 || has_bit(features, f->feature) ||
	       (f->feature2 && has_bit(features, f->feature2));
}

static const struct spec_feature *feature_in(const struct spec_feature *f, unsigned bit)
{
	for (; f && f->name; f++)
		if (f->bit == bit)
			return f;
	return NULL;
}

const struct spec_feature *spec_feature(const struct spec_feature *own, unsigned bit)
{
	const struct spec_feature *f = feature_in(spec_core_features, bit);

	return f ? f : feature_in(own, bit);
}

const char *spec_feature_short(const struct spec_feature *f)
{
	const char *p = strstr(f->name, "_F_");

	return p ? p + 3 : f->name;
}

static int feature_named(const struct spec_feature *f, const char *name)
{
	for (; f && f->name; f++)
		if (!strcasecmp(f->name, name) || !strcasecmp(spec_feature_short(f), name))
			return f->bit;
	return -ENOENT;
}

int spec_feature_by_name(const struct spec_feature *own, const char *name)
{
	static const char ring[] = "VIRTIO_RING_F_"; /* Linux's spelling of bits 28 and 29 */
	int bit;

	if (!strncasecmp(name, ring, sizeof(ring) - 1))
		name += sizeof(ring) - 1;
	bit = feature_named(spec_core_features, name);
	return bit >= 0 ? bit : feature_named(own, name);
}

/* The bits the specification keeps for the core (2.2). */
static int core_bit(unsigned bit)
{
	return (bit >= 24 && bit <= 40) || bit == 43;
}

enum spec_feature_kind spec_feature_kind(const struct spec_feature *own, int chapter, unsigned bit,
					 unsigned transport)
{
	const struct spec_feature *f = spec_feature(own, bit);

	if (f && f->legacy)
		return SPEC_FEATURE_LEGACY;
	if (f && transport < 8 && (f->not_on & 1u << transport))
		return SPEC_FEATURE_TRANSPORT;
	if (f)
		return SPEC_FEATURE_DEFINED;
	if (core_bit(bit) || (bit >= 44 && bit <= 49) || bit >= 128)
		return SPEC_FEATURE_RESERVED;
	return chapter ? SPEC_FEATURE_UNDEFINED : SPEC_FEATURE_UNKNOWN;
}

enum spec_missing spec_feature_missing(const struct spec_feature *f, const uint64_t have[2],
				       uint64_t missing[2])
{
	uint64_t any = 0, got = 0;

	for (int i = 0; i < 2; i++) {
		missing[i] = f->requires[i] & ~have[i];
		any |= f->any_of[i];
		got |= f->any_of[i] & have[i];
	}
	if (missing[0] || missing[1])
		return SPEC_MISSING_ALL;
	if (!any || got)
		return SPEC_MISSING_NONE;
	missing[0] = f->any_of[0];
	missing[1] = f->any_of[1];
	return SPEC_MISSING_ANY;
}

const struct spec_request *spec_request(const struct spec_request *rows, uint32_t type)
{
	for (; rows && rows->name; rows++)
		if (rows->type == type)
			return rows;
	return NULL;
}

const char *spec_name_of(const struct spec_name *names, uint64_t value)
{
	for (; names && names->name; names++)
		if (names->value == value)
			return names->name;
	return NULL;
}
