/* SPDX-License-Identifier: MIT */
/* The steps of device initialisation, 3.1.1, recognised in events. */
#ifndef VQT_DECODER_MODEL_INIT_STEPS_H
#define VQT_DECODER_MODEL_INIT_STEPS_H

#include "decoder/model/model.h"

enum init_step {
	INIT_NONE,
	INIT_RESET = 1, /* the numbers are the specification's */
	INIT_ACKNOWLEDGE,
	INIT_DRIVER,
	INIT_FEATURES,
	INIT_FEATURES_OK,
	INIT_CHECK, /* status read again: is FEATURES_OK still set? */
	INIT_SETUP, /* queues, interrupts, device configuration */
	INIT_DRIVER_OK,
	INIT_STEPS,
};

/*
 * The initialisation steps that an event performs, as a set of bits 1 << step; one status
 * write may perform several.  0: the event is not part of an initialisation.
 */
unsigned init_steps_of(const struct event *e);
/* "acknowledge: the driver has seen the device" */
const char *init_step_title(enum init_step step);

#endif
