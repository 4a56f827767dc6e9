/* SPDX-License-Identifier: MIT */
/*
 * When a guest is asked for its time, over the connection that its trace comes by: where nothing has
 * told of its clock for so long that an answer says more.  What both record of it (VQT_EXCHANGE) is
 * one more pair of bounds, live and afterwards.
 *
 * Only who has said that it answers is asked.  Nothing waits for an answer, one question at a time is
 * open, and those without answer become rare.
 */
#ifndef VQT_DECODER_LIVE_EXCHANGE_H
#define VQT_DECODER_LIVE_EXCHANGE_H

#include "decoder/trace/record.h"

/* With one recorder in a guest; zeroed when its trace begins. */
struct exchange {
	bool answers; /* it has said so */
	uint64_t nonce; /* of the open question; 0: none is */
	uint64_t asked; /* ns: when it was, or the latest before it */
	int64_t wall, wall_most; /* of vqt_exchange, when it was */
	uint64_t took; /* ns: what answers need; 0 unknown */
	unsigned unanswered; /* questions in a row */
};

/* Is it time?  told: of live_told(); both ns of CLOCK_MONOTONIC. */
bool exchange_due(const struct exchange *x, uint64_t told, uint64_t now);
/*
 * Send a question to a connected stream socket.  Never waits; what cannot be sent is left out, and
 * tried again later.
 */
void exchange_ask(struct exchange *x, int fd);
/*
 * A VQT_EXCHANGE of the guest, which had come at `now`.  true: it answers the open question, and
 * *out is the host's record of that.
 */
bool exchange_take(struct exchange *x, const struct record *rec, uint64_t now,
		   struct vqt_exchange *out);

#endif
