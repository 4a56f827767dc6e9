#!/bin/bash
# SPDX-License-Identifier: MIT
# Ten thousand pairs of clocks of known offset, drift, pauses, steps and loss: what is claimed
# of them is true, and near what the bounds allow.
set -u
cd "$(dirname "$0")/../.." || exit 1
exec build/tests/unit/align_simulation_test 10000
