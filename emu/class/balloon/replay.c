/* SPDX-License-Identifier: MIT */
/*
 * Memory balloons in replay (5.5.6): pages are taken, given back and reported, statistics
 * are given.  The emulator takes note of nothing, and writes to none of them.
 */
#include "decoder/spec/constants.h"
#include "emu/replay/class.h"

const struct replay_class replay_balloon = {
	.virtio_id = VIRTIO_ID_BALLOON,
	.section = "5.5.6",
	.writes_nothing = true,
};
