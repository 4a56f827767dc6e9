#!/bin/bash
# SPDX-License-Identifier: MIT
# decoder/check/KNOWN.md says what the table of the test says.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

bin=$(dirname "$vqtrace")/tests/unit

same() {
	"$bin/check_known_test" --markdown >"$tmp/now.md" || return 1
	diff decoder/check/KNOWN.md "$tmp/now.md" >"$tmp/diff" && return 0
	head -n 10 "$tmp/diff"
	echo "'make known' writes it"
	return 1
}

plan 1
check "decoder/check/KNOWN.md is up to date" same
finish
