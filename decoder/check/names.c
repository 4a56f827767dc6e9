/* SPDX-License-Identifier: MIT */
/* What users call parties and severities. */
#include <errno.h>
#include <string.h>

#include "decoder/check/check.h"

static const char *const parties[] = { "driver", "device" };
const char *const check_severity_names[] = { "must", "structural", "should", "suspicious", NULL };

const char *check_party_name(unsigned party)
{
	return party < CHECK_PARTIES ? parties[party] : "?";
}

const char *check_severity_name(unsigned severity)
{
	return severity < CHECK_SEVERITIES ? check_severity_names[severity] : "?";
}

int check_severity_by_name(const char *name)
{
	for (int i = 0; i < CHECK_SEVERITIES; i++)
		if (!strcmp(name, check_severity_names[i]))
			return i;
	return -ENOENT;
}
