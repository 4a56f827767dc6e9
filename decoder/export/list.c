/* SPDX-License-Identifier: MIT */
#include "decoder/export/export.h"

const struct export_format *const export_formats[EXPORT_COUNT] = {
#define EXPORT_ROW(name, help) [EXPORT_##name] = &export_##name,
	EXPORT_FORMATS(EXPORT_ROW)
};
