/* SPDX-License-Identifier: MIT */
/* What a recorded driver can be played against.  The first row is the default. */
#include "emu/replay/target.h"

const struct replay_target_ops *const replay_targets[] = {
	&replay_target_emu,
	&replay_target_qemu,
	NULL,
};
