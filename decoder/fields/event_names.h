/* SPDX-License-Identifier: MIT */
/*
 * Names of the event vocabulary's own small enumerations (decoder/trace/event.h), as
 * the specification has none for them: lifecycle steps and what their arguments
 * mean, steps of a guest driver, ways of a kick, kinds of interrupt and so on.
 */
#ifndef VQT_DECODER_FIELDS_EVENT_NAMES_H
#define VQT_DECODER_FIELDS_EVENT_NAMES_H

#include "decoder/trace/event.h"
#include "decoder/spec/spec.h"

struct lifecycle_arg {
	const char *name; /* NULL: the step has no such argument */
	enum spec_kind kind; /* SPEC_HEX or SPEC_DEC */
};

/* What a step's function returns, if that says something to people. */
enum lifecycle_result {
	STEP_NOTHING,
	STEP_ERRNO, /* int: negative errno if it failed */
	STEP_GSI, /* int: the interrupt, or negative errno */
	STEP_SUCCESS, /* bool: false if it failed */
};

/* One lifecycle step: enum vqt_lifecycle_what. */
struct lifecycle_step {
	const char *name; /* "add_queue" */
	const char *function; /* QEMU's, where the probe is */
	const char *meaning; /* for people */
	struct lifecycle_arg arg[3];
	const char *text; /* what the record's text is, NULL none */
	enum lifecycle_result result;
};

const struct lifecycle_step *lifecycle_step(unsigned what); /* NULL unknown */
/* For lists: the names in order of their numbers; "" holes, NULL the end. */
const char *lifecycle_step_name(unsigned what);

/* Never NULL. */
const char *event_source_kind(unsigned kind);
const char *event_loss_why(unsigned why); /* for people: "the ring buffer was full" */

/* Numbers and names, end with name NULL. */
extern const struct spec_name event_source_kinds[]; /* enum vqt_source_kind */
extern const struct spec_name event_clock_ids[];
extern const struct spec_name event_clock_reasons[];
extern const struct spec_name event_transports[];
extern const struct spec_name event_device_flags[]; /* bits VQT_DEV_* */
extern const struct spec_name event_class_of[]; /* enum vqt_class_of */
extern const struct spec_name event_callback_namings[]; /* enum vqt_callback_naming */
extern const struct spec_name event_reg_ops[];
extern const struct spec_name event_kick_vias[];
extern const struct spec_name event_ring_whys[]; /* enum vqt_ring_why */
extern const struct spec_name event_pendings[]; /* enum vqt_pending */
extern const struct spec_name event_irq_kinds[];
extern const struct spec_name event_chain_flags[]; /* bits VQT_CHAIN_* */
extern const struct spec_name event_used_flags[]; /* bits VQT_USED_* */
extern const struct spec_name event_loss_whys[];
extern const struct spec_name event_note_levels[];
extern const struct spec_name event_guest_steps[]; /* enum vqt_guest_what */
extern const struct spec_name event_guest_phases[];
extern const struct spec_name event_vhost_user_froms[]; /* enum vqt_vhost_user_from */
extern const struct spec_name event_backend_ops[];
extern const struct spec_name event_backend_phases[];
/* "0000:00:04.0"; bdf: domain, bus, device and function as records have them. */
void event_format_bdf(char *buf, size_t len, uint32_t bdf);

#endif
