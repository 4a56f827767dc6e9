#!/bin/bash
# SPDX-License-Identifier: MIT
# emu/DIFFERENCES.md says what the tables of the tests say.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

# beside the program under test: an instrumented build has its own
bin=$(dirname "$vqtrace")/tests/emu

same() {
	{ "$bin/bad_input_test" --markdown && "$bin/violation_test" --markdown; } >"$tmp/now.md" || return 1
	diff emu/DIFFERENCES.md "$tmp/now.md" >"$tmp/diff" && return 0
	head -n 10 "$tmp/diff"
	echo "'make differences' writes it"
	return 1
}

plan 1
check "emu/DIFFERENCES.md is up to date" same
finish
