/* SPDX-License-Identifier: MIT */
/*
 * The first reading of a trace for replay: which devices it has and how to build them, what
 * their disks held, which requests their backends failed.  Where reads of the same register
 * gave different values, the device is built with the most frequent one, so that a single
 * wrong value is a difference in replay.
 */
#ifndef VQT_EMU_REPLAY_PROFILE_H
#define VQT_EMU_REPLAY_PROFILE_H

#include "decoder/model/model.h"
#include "emu/replay/target.h"

struct replay_profile;

struct replay_profile *replay_profile_new(void); /* NULL: no memory */
void replay_profile_free(struct replay_profile *g);
/* One event, as model_feed() filled it in.  0 or -ENOMEM. */
int replay_profile_feed(struct replay_profile *g, const struct event *e);
/*
 * After the last event.  disk: a raw file with the disks' contents, instead of what the trace
 * shows, borrowed; or NULL.
 */
void replay_profile_finish(struct replay_profile *g, const char *disk);

/* The devices found, in order of appearance; NULL: no more.  Borrowed. */
const struct replay_device *replay_profile_device(const struct replay_profile *g, unsigned n);
/*
 * Did the request popped in event `number` end with the backend_error of its class,
 * and (unless any) does a backend record say that the backend failed it?
 */
bool replay_profile_failed(const struct replay_profile *g, uint64_t number, bool any);
/*
 * The configuration bytes that the change in event `number` changed, as far as the driver
 * read them before the next change.  NULL: no such event.
 */
const struct replay_config *replay_profile_change(const struct replay_profile *g, unsigned device,
						  uint64_t number);
#endif
