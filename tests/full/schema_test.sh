#!/bin/bash
# SPDX-License-Identifier: MIT
# The tests of the JSON Schemas with every shipped trace and every kind of hostile name.
VQT_SCHEMA_ALL=1 exec "$(dirname "$0")/../check/schema_test.sh"
