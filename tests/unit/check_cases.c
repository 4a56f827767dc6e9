/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "tests/unit/check_cases.h"

static const struct check_case *const tables[] = {
	check_cases_core, check_cases_setup, check_cases_ring,
	check_cases_pci,  check_cases_mmio,  check_cases_blk,
};

const struct check_case *check_case_nth(unsigned n)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct check_case *c = tables[t]; c->rule; c++)
			if (!n--)
				return c;
	return NULL;
}
