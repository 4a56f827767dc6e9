#!/bin/bash
# SPDX-License-Identifier: MIT
# Golden output: one line of tests/TESTLIST, one file in tests/golden.
#
#   golden_test.sh            compare
#   golden_test.sh --update   rewrite what differs (look at the diff before committing)
#
# A line is NAME TRACE ARGUMENTS...; `vqtrace ARGUMENTS -r traces/TRACE` runs in
# the C locale.  The exit status is the last line of the output.
#
# Of each trace in traces/LIST there is more: what `vqtrace check` finds
# (TRACE.findings), and digests of every event as text (TRACE.events) and as JSON
# (events.json, one file for all traces). A digest holds one line of each shape,
# the first of the trace, with its real values. Two lines have the same shape if
# they differ only in times and large numbers (text) or in numbers (JSON).
set -u
cd "$(dirname "$0")/../.." || exit 1
update=
[ "${1:-}" = --update ] && update=1
vqtrace=${VQTRACE:-build/vqtrace}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C TZ=UTC
n=0 bad=0 hint="if this is what you meant: make regression, then look at git diff tests/golden"

list() {
	cat tests/TESTLIST
	for t in "${traces[@]}"; do
		echo "${t%.pcap}.findings $t check --ascii --severity suspicious"
	done
}

# same NAME HOW: $tmp/out against the file in tests/golden; HOW makes it.
same() {
	n=$((n + 1))
	if cmp -s "$tmp/out" "tests/golden/$1"; then
		echo "ok $n - $1"
	elif [ -n "$update" ]; then
		cp "$tmp/out" "tests/golden/$1"
		echo "ok $n - $1 (updated)"
	else
		echo "not ok $n - $1: $2"
		[ -z "$hint" ] || echo "# $hint"
		diff -u "tests/golden/$1" "$tmp/out" 2>&1 | head -n 30 | sed 's/^/# /'
		bad=1 hint=
	fi
}

# How often each shape occurs, and its first line without the time columns. Numbers
# of up to three digits, hexadecimal ones of up to four, are part of the shape.
digest_text() {
	sed -E 's/^ *[0-9.]+( +\+[0-9.]+ [num]?s)?//' "$tmp/all" >"$tmp/lines"
	sed -E 's/[0-9.]+ [num]?s\b/T/g; s/0x[0-9a-f]{5,}/X/g; s/[0-9]{4,}/N/g' "$tmp/lines" |
		paste - "$tmp/lines" | awk -F '\t' '
		{ if (!n[$1]++) { order[++shapes] = $1; first[$1] = $2 } }
		END { for (i = 1; i <= shapes; i++) printf "%5d%s\n", n[order[i]], first[order[i]] }'
}

# A line about the trace with the number of each kind of event, then the first line
# of each shape that no earlier trace has.
digest_json() { # TRACE STATUS
	sed -E 's/"[0-9a-f ]{8,}"/"HEX"/g; s/-?[0-9]+(\.[0-9]+)?/N/g; s/(\{[^{}]*\})(,\1)+/\1,.../g
		s/"(thread|cpu)":N,//g' "$tmp/all" | paste - "$tmp/all" | awk -F '\t' -v trace="$1" -v status="$2" -v seen="$tmp/seen" '
		BEGIN { while ((getline line < seen) > 0) known[line] = 1 }
		{ kind = $1; sub(/.*"event":"/, "", kind); sub(/".*/, "", kind)
		  if (!n[kind]++) kinds[++count] = kind }
		!known[$1]++ { print $1 >> seen; new[++shapes] = $2 }
		END {
			printf "{\"trace\":\"%s\",\"exit\":%d,\"events\":%d", trace, status, NR
			for (i = 1; i <= count; i++) printf ",\"%s\":%d", kinds[i], n[kinds[i]]
			print "}"
			for (i = 1; i <= shapes; i++) print new[i]
		}'
}

mapfile -t traces < <(awk '!/^#/ && NF { print $1 }' traces/LIST)
while read -r name trace args; do
	case $name in '' | \#*) continue ;; esac
	eval "set -- $args"
	"$vqtrace" "$@" -r "traces/$trace" >"$tmp/out" 2>&1
	echo "exit $?" >>"$tmp/out"
	same "$name" "vqtrace $args -r traces/$trace"
done < <(list)

: >"$tmp/json"
: >"$tmp/seen"
for t in "${traces[@]}"; do
	"$vqtrace" show --ascii -r "traces/$t" >"$tmp/all" 2>&1
	{ echo "exit $?, $(wc -l <"$tmp/all") lines; how often each shape occurs, and its first line:"; digest_text; } >"$tmp/out"
	same "${t%.pcap}.events" "a digest of vqtrace show --ascii -r traces/$t"
	"$vqtrace" show -T json -r "traces/$t" >"$tmp/all" 2>&1
	digest_json "$t" $? >>"$tmp/json"
done
mv "$tmp/json" "$tmp/out"
same events.json "a digest of vqtrace show -T json of all traces"

# Each golden file belongs to a line or a trace; those of screens/ to screens_test.sh.
n=$((n + 1))
left=$({ list | awk '!/^#/ && NF { print $1 }'; printf '%s\n' "${traces[@]/%.pcap/.events}" events.json; } |
	sort | comm -13 - <(find tests/golden -maxdepth 1 -type f -printf '%f\n' | sort))
if [ -z "$left" ]; then
	echo "ok $n - no golden file is left over"
else
	echo "not ok $n - no golden file is left over"
	echo "# no line of tests/TESTLIST or traces/LIST makes these; git rm them in tests/golden"
	sed 's/^/# /' <<<"$left"
	bad=1
fi
echo "1..$n"
exit $bad
