/* SPDX-License-Identifier: MIT */
/*
 * What playing a device type against QEMU needs: tables from what a trace shows (a feature
 * bit, a field of the device configuration) to the property of QEMU's device that brings it
 * about.  Properties that this QEMU does not have are left out; the comparison shows what
 * then differs.
 */
#ifndef VQT_EMU_REPLAY_QEMU_CLASS_H
#define VQT_EMU_REPLAY_QEMU_CLASS_H

#include "emu/replay/target.h"

struct qemu_properties; /* of the device that is being described to QEMU */

struct qemu_class {
	const char *type; /* "virtio-blk-pci" */
	/* Its backend: a disk, or else a netdev that carries frames. */
	bool disk;
	void (*properties)(struct qemu_properties *p, const struct replay_device *d);
	/*
	 * Length of the header before the frame that this answer received; 0: the answer
	 * received none.  NULL for disks.
	 */
	unsigned (*frame)(const struct replay_device *d, const struct replay_answer *a);
	/*
	 * Let the configuration become this one: a QMP command, its arguments in *args, which
	 * may use single quotes.  NULL: it cannot.
	 */
	const char *(*change)(const struct replay_config *now, const char **args);
};

extern const struct qemu_class qemu_blk;

/* A feature bit that is offered or not, as a property that is on or off. */
struct qemu_bit {
	uint8_t bit;
	const char *property;
};
void qemu_set_bits(struct qemu_properties *p, const struct qemu_bit *rows, size_t n);
void qemu_set_flag(struct qemu_properties *p, const char *property, bool on);
/* Sizes, counts and names: left out when QEMU has refused the recorded ones. */
void qemu_set_number(struct qemu_properties *p, const char *property, uint64_t n);
void qemu_set_name(struct qemu_properties *p, const char *property, const char *text);
void qemu_set_text(struct qemu_properties *p, const char *property, const char *text);
/* At either interface. */
bool qemu_offered(const struct replay_device *d, unsigned bit);
/* A little-endian number of the configuration; false: the trace does not show it. */
bool qemu_field(const struct replay_device *d, unsigned at, unsigned width, uint64_t *value);

#endif
