/* SPDX-License-Identifier: MIT */
/* The device types: each is `const struct emu_class emu_NAME`; a row each. */
#include "emu/class/class.h"

#define CLASSES(X) \
	X(blk) \
	X(rng)

#define DECLARE(name) extern const struct emu_class emu_##name;
CLASSES(DECLARE)

#define ROW(name) &emu_##name,
const struct emu_class *const emu_classes[] = { CLASSES(ROW) NULL };
