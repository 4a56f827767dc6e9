#!/bin/bash
# SPDX-License-Identifier: MIT
# The shipped traces are of drivers and devices that are not ours. Each finding of
# severity must or structural in them is explained in tests/lab/explained.tsv; a new
# finding fails here until somebody has explained it.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

explained() { # TRACE
	local new
	tests/lab/findings --severity structural "$1" >"$tmp/findings" || return 1
	new=$(awk -F'\t' '$9 == "unexplained" { print $1, $3, "by", $5 ", event", $7 ": " $8 }' "$tmp/findings")
	[ -z "$new" ] || { echo "$new"; return 1; }
}

# tests/lab/findings attributes SeaBIOS's missing read to SeaBIOS, and has no explanation without the file.
attributed() {
	tests/lab/findings --severity must traces/qemu7-q1.pcap >"$tmp/f" || return 1
	[ "$(cut -f3,5,9 "$tmp/f")" = "$(printf 'reset-not-awaited\tSeaBIOS\ttheirs')" ] || { cat "$tmp/f"; return 1; }
	VQT_EXPLAINED=/dev/null tests/lab/findings --severity must traces/qemu7-q1.pcap >"$tmp/f" || return 1
	[ "$(cut -f9 "$tmp/f")" = unexplained ] || { cat "$tmp/f"; return 1; }
}

# Each line names an existing rule and explains the finding.
well_formed() {
	"$vqtrace" check --list -T json | jq -r .rule >"$tmp/rules" || return 1
	awk -F'\t' 'NR == FNR { rule[$1] = 1; next } /^#/ { next }
		NF != 4 || !($1 in rule) || $3 !~ /^(theirs|interpretation|ours)$/ || length($4) < 40 { print "line " FNR ": " $0; bad = 1 }
		END { exit bad }' "$tmp/rules" tests/lab/explained.tsv
}

traces=(traces/*.pcap)
plan $((2 + ${#traces[@]}))
check "explanations are well formed" well_formed
check "findings are told by who did it" attributed
for t in "${traces[@]}"; do
	check "$(basename "$t"): every finding is explained" explained "$t"
done
finish
