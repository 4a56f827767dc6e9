/* SPDX-License-Identifier: MIT */
/*
 * Hides what a record holds of a device's configuration and of its requests.  Shown is what
 * the class of the device declares (class_config_shown(), class_visible()); everything else,
 * also everything of a device that is not known, becomes 0 or what the class puts in its place.
 */
#ifndef VQT_DECODER_EDIT_HIDE_H
#define VQT_DECODER_EDIT_HIDE_H

#include "decoder/model/model.h"

/* rec: the copy of e's record that is changed; len: its length in bytes. */
void hide_state(const struct event *e, uint8_t *rec, size_t len); /* VQT_DEVICE_STATE */
void hide_register(const struct event *e, uint8_t *rec); /* VQT_REG */
void hide_segments(const struct event *e, uint8_t *rec); /* VQT_AVAIL, VQT_USED, VQT_DATA */
void hide_status(const struct event *e, uint8_t *rec); /* VQT_USED */

#endif
