#!/bin/bash
# SPDX-License-Identifier: MIT
# The tests of vqtrace export with every shipped trace and every kind of hostile name.
VQT_EXPORT_ALL=1 exec "$(dirname "$0")/../check/export_test.sh"
