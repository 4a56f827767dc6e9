/* SPDX-License-Identifier: MIT */
/* Violations that real drivers and devices shipped; rules name them T01 to T40. */
#ifndef VQT_DECODER_CHECK_KNOWN_H
#define VQT_DECODER_CHECK_KNOWN_H

struct rule_known {
	const char *what;
	const char *where; /* projects and their issue numbers */
};
#define RULE_KNOWN 40
extern const struct rule_known rule_known[RULE_KNOWN]; /* by how often they were met */

#endif
