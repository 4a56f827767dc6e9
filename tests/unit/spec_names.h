/* SPDX-License-Identifier: MIT */
/* Tests name registers and fields as the specification does. */
#ifndef VQT_TESTS_UNIT_SPEC_NAMES_H
#define VQT_TESTS_UNIT_SPEC_NAMES_H

#include <string.h>

#include "decoder/spec/spec.h"

/* NULL when there is none. */
static inline const struct spec_field *spec_field_by_name(const struct spec_fields *fields,
							  const char *name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (!strcmp(fields->field[i].name, name))
			return &fields->field[i];
	return NULL;
}

#endif
