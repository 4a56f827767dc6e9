#!/bin/bash
# SPDX-License-Identifier: MIT
# Golden output: one line of tests/TESTLIST, one file in tests/golden.
#
#   golden_test.sh            compare
#   golden_test.sh --update   rewrite what differs (look at the diff before committing)
#
# A line is NAME TRACE ARGUMENTS...; `vqtrace ARGUMENTS -r traces/TRACE` runs in
# the C locale.  A NAME ending in .sum is kept as a checksum: for output too long
# to keep.  The exit status is the last line of the output.  What `vqtrace check`
# finds in each trace of traces/ is golden output too, as TRACE.findings.
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
	for t in traces/*.pcap; do
		t=$(basename "$t" .pcap)
		echo "$t.findings $t.pcap check --ascii --severity suspicious"
	done
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
