/* SPDX-License-Identifier: MIT */
/*
 * What a device type adds to the checker: what of its requests and configuration the
 * common rules have to know, and what its own rules remember.  One of these stands in
 * the type's file of decoder/check/rules, beside its rules; a row in
 * decoder/check/rule.c names both.
 */
#ifndef VQT_DECODER_CHECK_CLASS_H
#define VQT_DECODER_CHECK_CLASS_H

#include "decoder/check/rule.h"

struct check_device;

struct check_class {
	unsigned virtio_id;
	/* Devices take requests as they come and complete each: one that waits is a fault. */
	bool serves;
	/* Each request has a byte that the device writes, so a used length of 0 is a lie. */
	bool writes;
	/* Features 0 to 63 that a device may insist on: refusing FEATURES_OK without is right. */
	uint64_t insists;
	/* Whether a request is of the common kinds, for which ONLY(UNUSUAL) rules are skipped. */
	bool (*usual)(const struct model_request *r);
	/* Whether the configuration at an offset may depend on the features accepted. */
	bool (*config_varies)(unsigned offset);
	/* What its rules remember: bytes, zeroed; 0 nothing. */
	size_t memory;
	uint64_t remember_at; /* AT(): when remember is called, after the common memory */
	void (*remember)(struct rule_context *ctx, uint64_t triggers);
	void (*reset)(void *memory); /* a reset or a loss */
	void (*free)(void *memory); /* what it points to */
};

/* Never NULL: types without one share one that says nothing. */
const struct check_class *check_class(unsigned virtio_id);

extern const struct check_class check_class_blk;

#endif
