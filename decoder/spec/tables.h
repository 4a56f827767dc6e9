/* SPDX-License-Identifier: MIT */
/*
 * Internal to the specification tables: how rows are written, and the tables of each file.
 * Only decoder/spec and decoder/class include this.
 */
#ifndef VQT_DECODER_SPEC_TABLES_H
#define VQT_DECODER_SPEC_TABLES_H

#include "decoder/trace/event.h"
#include "decoder/spec/spec.h"

#define SPEC_TABLE(a) \
	{ \
		.field = (a), .count = sizeof(a) / sizeof((a)[0]) \
	}

/* One spec_field; `names` and the alternative feature are given by name where needed. */
#define SPEC_FIELD(off, wid, knd, flg, nam, feat, sec, ...) \
	{ \
		.offset = (off), .width = (wid), .kind = SPEC_##knd, .flags = (flg), \
		.name = (nam), .feature = (feat), .section = (sec), ##__VA_ARGS__ \
	}

/* One spec_feature; prerequisites are given by name where needed. */
#define SPEC_FEATURE(b, nam, sec, ...) \
	{ \
		.bit = (b), .name = (nam), .section = (sec), ##__VA_ARGS__ \
	}

#define SPEC_END \
	{ \
		.name = NULL \
	}

extern const struct spec_feature spec_core_features[]; /* ends with name NULL */
extern const struct spec_fields spec_pci_header; /* PCI 7.5.1 */
extern const struct spec_fields spec_msix_table; /* one entry */
extern const struct spec_fields spec_msix_pba; /* one qword */
extern const struct spec_fields spec_common, spec_notify, spec_isr; /* 4.1.4 */
extern const struct spec_fields spec_legacy; /* 4.1.4.10 */
extern const struct spec_fields spec_mmio; /* 4.2.2, 4.2.4 */

#endif
