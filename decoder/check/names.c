/* SPDX-License-Identifier: MIT */
/* What users call parties and severities. */
#include <errno.h>
#include <string.h>

#include "decoder/check/check.h"

static const char *const parties[] = { "driver", "device" };
static const char *const severities[] = { "must", "structural", "should", "suspicious" };

const char *check_party_name(unsigned party)
{
	return party < CHECK_PARTIES ? parties[party] : "?";
}

const char *check_severity_name(unsigned severity)
{
	return severity < CHECK_SEVERITIES ? severities[severity] : "?";
}

int check_severity_by_name(const char *name)
{
	for (int i = 0; i < CHECK_SEVERITIES; i++)
		if (!strcmp(name, severities[i]))
			return i;
	return -ENOENT;
}
