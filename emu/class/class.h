/* SPDX-License-Identifier: MIT */
/*
 * The device types that a person can choose and configure: one row each in list.c.  A class
 * lists its options here, so the code that reads a command line or a configuration file
 * knows none of them by name.
 */
#ifndef VQT_EMU_CLASS_CLASS_H
#define VQT_EMU_CLASS_CLASS_H

#include "decoder/util/option.h"
#include "emu/virtio/device.h"

struct emu_class_setup {
	const char *title; /* of its options: "A disk" */
	/*
	 * They fill the configuration.  Giving any of them chooses the class, so names are
	 * unique among all classes.
	 */
	const struct option_row *options;
	size_t config_size; /* of class_config; zeroed, then init() */
	void (*init)(void *config); /* may be NULL */
	/*
	 * All options are set: open the files and other resources that they name.  The
	 * device owns these once it was made; before that, close() releases them.  0, or
	 * negative errno and the reason in why[size].
	 */
	int (*open)(void *config, char *why, size_t size); /* may be NULL */
	void (*close)(void *config); /* may be NULL */
	/*
	 * Something outside this process has changed, such as the size of a file: update the
	 * device.  0 (nothing changed) or 1 (changed), or negative errno; text[size] then
	 * describes the result for the user.
	 */
	int (*reload)(struct emu_virtio *v, const void *config, char *text, size_t size);
};

extern const struct emu_class *const emu_classes[]; /* NULL ends */

#endif
