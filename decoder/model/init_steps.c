/* SPDX-License-Identifier: MIT */
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "decoder/model/init_steps.h"

static const char *const titles[INIT_STEPS] = {
	[INIT_RESET] = "reset the device",
	[INIT_ACKNOWLEDGE] = "ACKNOWLEDGE: a driver has noticed the device",
	[INIT_DRIVER] = "DRIVER: it knows how to drive it",
	[INIT_FEATURES] = "features: read what is offered, write what is accepted",
	[INIT_FEATURES_OK] = "FEATURES_OK: no more feature changes from here",
	[INIT_CHECK] = "read the status again: does the device agree?",
	[INIT_SETUP] = "set-up: configuration, interrupts, virtqueues",
	[INIT_DRIVER_OK] = "DRIVER_OK: the device is live",
};

const char *init_step_title(enum init_step step)
{
	return step > INIT_NONE && step < INIT_STEPS ? titles[step] : "";
}

/* Which bits of device status stand for which step. */
static unsigned steps_of_status(unsigned now, unsigned before)
{
	static const struct {
		unsigned bit;
		enum init_step step;
	} rows[] = {
		{ VIRTIO_CONFIG_S_ACKNOWLEDGE, INIT_ACKNOWLEDGE },
		{ VIRTIO_CONFIG_S_DRIVER, INIT_DRIVER },
		{ VIRTIO_CONFIG_S_FEATURES_OK, INIT_FEATURES_OK },
		{ VIRTIO_CONFIG_S_DRIVER_OK, INIT_DRIVER_OK },
	};
	unsigned steps = 0;

	if (!now)
		return 1 << INIT_RESET;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (now & ~before & rows[i].bit)
			steps |= 1U << rows[i].step;
	return steps;
}

static unsigned steps_of_field(const struct event *e)
{
	const struct vqt_reg *r = &e->rec->reg;
	unsigned id = e->field ? e->field->id : SPEC_REG_NONE;

	if (id == SPEC_REG_DEVICE_STATUS) {
		if (r->op == VQT_WRITE)
			return steps_of_status((unsigned)r->value & 0xff, e->status_before);
		if (!e->status_before)
			return 1 << INIT_RESET; /* waiting for it, 4.1.4.3.2 */
		if (e->status_before & VIRTIO_CONFIG_S_DRIVER_OK)
			return 0;
		return e->status_before & VIRTIO_CONFIG_S_FEATURES_OK ? 1 << INIT_CHECK : 0;
	}
	if (e->status_before & VIRTIO_CONFIG_S_DRIVER_OK)
		return 0;
	if (id == SPEC_REG_DEVICE_FEATURES_SELECT || id == SPEC_REG_DEVICE_FEATURES ||
	    id == SPEC_REG_DRIVER_FEATURES_SELECT || id == SPEC_REG_DRIVER_FEATURES)
		return 1 << INIT_FEATURES;
	return e->status_before & VIRTIO_CONFIG_S_DRIVER ? 1 << INIT_SETUP : 0;
}

unsigned init_steps_of(const struct event *e)
{
	if (e->rec->h.type != VQT_REG || !e->dev)
		return 0;
	switch (e->rec->reg.region) {
	case VQT_REGION_COMMON:
	case VQT_REGION_LEGACY:
	case VQT_REGION_MMIO: return steps_of_field(e);
	case VQT_REGION_DEVICE:
		return e->status_before & VIRTIO_CONFIG_S_DRIVER_OK ? 0 : 1 << INIT_SETUP;
	}
	return 0;
}
