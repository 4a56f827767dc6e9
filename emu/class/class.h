/* SPDX-License-Identifier: MIT */
/*
 * The device types that a person can choose and configure: one row each in list.c.
 * A class says here which options it has; whoever reads a command line or a
 * configuration file knows none of them by name.
 */
#ifndef VQT_EMU_CLASS_CLASS_H
#define VQT_EMU_CLASS_CLASS_H

#include "decoder/util/option.h"
#include "emu/virtio/device.h"

struct emu_class_setup {
	const char *title; /* of its options: "A disk" */
	/* Into the configuration.  Any of them chooses the class; names are unique in all. */
	const struct option_row *options;
	size_t config_size; /* of class_config; zeroed, then init() */
	void (*init)(void *config); /* may be NULL */
	/*
	 * All options are set: open what they name.  The device owns it once one was
	 * made; until then close() gives it back.  0, or negative errno and why.
	 */
	int (*open)(void *config, char *why, size_t size); /* may be NULL */
	void (*close)(void *config); /* may be NULL */
	/*
	 * Something outside was changed: take it over.  0 or 1 and what is to be told,
	 * or negative errno and why it could not be.
	 */
	int (*reload)(struct emu_virtio *v, const void *config, char *text, size_t size);
};

extern const struct emu_class *const emu_classes[]; /* NULL ends */

#endif
