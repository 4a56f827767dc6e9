#!/bin/bash
# SPDX-License-Identifier: MIT
# Golden output: one line of tests/TESTLIST, one file in tests/golden.
#
#   golden_test.sh            compare
#   golden_test.sh --update   rewrite what differs (look at the diff before committing)
#
# A line is NAME TRACE ARGUMENTS...; `vqtrace ARGUMENTS -r traces/TRACE` runs in
# the C locale.  A NAME ending in .sum is kept as a checksum: for output too long
# to keep.  The exit status is the last line of the output.  Of each trace in
# traces/LIST there is more: every event as text and as JSON (TRACE.text.sum,
# TRACE.json.sum), and what `vqtrace check` finds (TRACE.findings).
set -u
cd "$(dirname "$0")/../.." || exit 1
update=
[ "${1:-}" = --update ] && update=1
vqtrace=${VQTRACE:-build/vqtrace}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C TZ=UTC
n=0 bad=0

list() {
	cat tests/TESTLIST
	while read -r t _; do
		case $t in '' | \#*) continue ;; esac
		echo "${t%.pcap}.text.sum $t show --ascii"
		echo "${t%.pcap}.json.sum $t show -T json"
		echo "${t%.pcap}.findings $t check --ascii --severity suspicious"
	done <traces/LIST
}

while read -r name trace args; do
	case $name in '' | \#*) continue ;; esac
	n=$((n + 1))
	eval "set -- $args"
	"$vqtrace" "$@" -r "traces/$trace" >"$tmp/out" 2>&1
	echo "exit $?" >>"$tmp/out"
	case $name in
	*.sum) sha256sum <"$tmp/out" | cut -d' ' -f1 >"$tmp/sum" && mv "$tmp/sum" "$tmp/out" ;;
	esac
	if cmp -s "$tmp/out" "tests/golden/$name"; then
		echo "ok $n - $name"
	elif [ -n "$update" ]; then
		cp "$tmp/out" "tests/golden/$name"
		echo "ok $n - $name (updated)"
	else
		echo "not ok $n - $name: vqtrace $args -r traces/$trace"
		diff -u "tests/golden/$name" "$tmp/out" 2>&1 | head -n 30 | sed 's/^/# /'
		bad=1
	fi
done < <(list)
echo "1..$n"
exit $bad
