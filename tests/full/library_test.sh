#!/bin/bash
# SPDX-License-Identifier: MIT
# The tests of libvqtrace with every shipped trace.
VQT_LIBRARY_ALL=1 exec "$(dirname "$0")/../check/library_test.sh"
