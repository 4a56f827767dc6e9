/* SPDX-License-Identifier: MIT */
/*
 * A source of events and the streams of guests, joined while they are recorded: a source again,
 * which those who use one need not know to be two.
 */
#ifndef VQT_DECODER_LIVE_JOINED_H
#define VQT_DECODER_LIVE_JOINED_H

#include "decoder/merge/merge.h"
#include "decoder/source/source.h"

struct joined_config {
	const struct source_ops *ops; /* of the host's source */
	const void *config; /* its own */
	/* Unix sockets, of chardevs that guests' recorders write to. */
	const char *socket[MERGE_GUESTS];
	unsigned sockets;
};

/*
 * The table of a source whose config is a struct joined_config: that of ops, with what differs.  It
 * is written to *out.
 */
void joined_ops(const struct source_ops *ops, struct source_ops *out);

#endif
