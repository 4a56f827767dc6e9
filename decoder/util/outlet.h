/* SPDX-License-Identifier: MIT */
/*
 * Output to a pipe or socket that never waits for its reader.  What the reader has not taken
 * yet is kept, up to a limit; the writer asks for room first, and what has none is lost.
 */
#ifndef VQT_DECODER_UTIL_OUTLET_H
#define VQT_DECODER_UTIL_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct outlet;

/* Can a write to it have to wait for a reader? */
bool outlet_needed(int fd);
/*
 * A stream that keeps at most `limit` bytes; NULL with errno.  fd -1: there is no reader yet,
 * outlet_attach() gives it one.  Closing the stream closes fd, frees *o and drops what is still
 * kept.
 */
FILE *outlet_open(int fd, size_t limit, struct outlet **o);
void outlet_attach(struct outlet *o, int fd);
/* For messages that may be lost: one that has no room is dropped without an error. */
void outlet_drop(struct outlet *o);
/* Bytes that can be written to the stream now, and those that are kept. */
size_t outlet_room(const struct outlet *o);
size_t outlet_kept(const struct outlet *o);
/* Hand on what the reader takes without waiting.  0 or negative errno (EPIPE), for good. */
int outlet_push(struct outlet *o);
/*
 * Hand on all that is kept.  -ETIMEDOUT: the reader took nothing for so long; after a signal
 * that is OUTLET_HURRY at most.  ms -1: no limit.  -ETIME: within OUTLET_END it has not taken all;
 * this holds after a signal, and when ms is no more than OUTLET_HURRY.
 */
#define OUTLET_HURRY 500 /* ms */
#define OUTLET_END 2000 /* ms */
int outlet_drain(struct outlet *o, int ms);

#endif
