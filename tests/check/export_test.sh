#!/bin/bash
# SPDX-License-Identifier: MIT
# vqtrace export: each format is read by a parser that is not ours, and says what other commands say
# of the same trace.
#
#   export_test.sh            compare
#   export_test.sh --update   rewrite what differs of tests/golden/export
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
update=
[ "${1:-}" = --update ] && update=1

# All of them: tests/full/export_test.sh.
viewed=$(printf 'traces/%s\n' qemu7-{two-disks,net,kvm,late,calls,q1-both,packed-mq4}.pcap* qemu11-legacy.pcap qsd11-libblkio.pcap)
kinds="quote bidi"
if [ -n "${VQT_EXPORT_ALL:-}" ]; then
	viewed=$(ls traces/*.pcap*) kinds=$(build/tests/lab/hostile --list)
fi

for python in python3 /usr/bin/python3; do
	"$python" -c 'import google.protobuf' 2>/dev/null && break
done
"$python" -c 'import google.protobuf' 2>/dev/null || { echo "python3-protobuf is not installed"; exit 77; }
for c in protoc jq blkparse btt fio; do
	command -v $c >/dev/null || { echo "$c is not installed"; exit 77; }
done
proto=decoder/export/perfetto.proto
protoc --proto_path=decoder/export --python_out="$tmp" perfetto.proto || exit 1
export PYTHONDONTWRITEBYTECODE=1

# What viewers show of a trace, against itself and against stat and show.
viewers() { # TRACE [OPTION...]
	local trace=$1
	shift
	"$vqtrace" export -r "$trace" --perfetto "$tmp/t.pftrace" --chrome "$tmp/t.json" "$@" 2>"$tmp/err" || return 1
	[ ! -s "$tmp/err" ] || { cat "$tmp/err"; return 1; }
	"$vqtrace" stat -r "$trace" -T json "$@" >"$tmp/stat.json"
	"$vqtrace" show -r "$trace" --requests -T json "$@" >"$tmp/requests.json"
	"$python" tests/check/export.py "$tmp" "$tmp/t.pftrace" "$tmp/t.json" "$tmp/stat.json" "$tmp/requests.json"
}

every_trace() {
	local t bad=0
	for t in $viewed; do
		viewers "$t" >"$tmp/why" || { echo "$t:"; cat "$tmp/why"; bad=1; }
	done
	return $bad
}

# A part of a trace has the completions that stat counts in it, and nothing of other devices.
part() {
	local want got
	for a in "--from 6s" "--to 6.5s" "--from 100ms --to 7s -Y device==blk1"; do
		# shellcheck disable=SC2086 # words
		"$vqtrace" export -r traces/qemu7-two-disks.pcap --chrome "$tmp/part.json" $a || return 1
		# shellcheck disable=SC2086
		want=$("$vqtrace" stat -r traces/qemu7-two-disks.pcap -T json $a | jq '[.devices[].counts.used] | add')
		got=$(jq '[.traceEvents[] | select(.cat == "used" and .ph != "t")] | length' "$tmp/part.json")
		[ "$got" = "$want" ] && [ "$want" -gt 0 ] || { echo "$a: $got used, stat $want"; return 1; }
	done
	! grep -q blk0 "$tmp/part.json"
}

# A request that was popped before the trace, and one that is in flight at its end, get no times.
unknown() {
	viewers traces/qsd11-libblkio.pcap || return 1
	[ "$(jq '[.traceEvents[] | select(.args.begin == "not in the trace" and .args.at_least_ns > 0 and .ph != "B")] |
		length' "$tmp/t.json")" = 16 ] || { echo "begins that nobody knows"; return 1; }
	[ "$(grep -c 'in flight at the end of the trace' "$tmp/t.json")" = 13 ] || { echo "requests in flight"; return 1; }
	# blkparse has their completions, fio has nothing of them
	"$vqtrace" export -r traces/qsd11-libblkio.pcap --blkparse /dev/null --fio /dev/null 2>"$tmp/err"
	[ "$(grep -c '16 requests (popped at an unknown time; only their completions are there)$' "$tmp/err")" = 1 ] &&
		[ "$(grep -c '16 requests (popped at an unknown time),' "$tmp/err")" = 1 ] || { cat "$tmp/err"; return 1; }
}

# What was lost is not what a filter left out, also of a trace that has both.
lost() {
	local t=traces/qemu7-q1-both.pcap.gz
	"$vqtrace" show -r $t -T json -Y 'event == loss' | jq -r 'select(.event == "loss") | "\(.number) \(.loss.lost) events lost"' >"$tmp/want"
	"$vqtrace" export -r $t --chrome - | jq -r '.traceEvents[] | select(.cat == "loss" and (.name | test("filter") | not)) |
		"\(.args.event) \(.name)"' | diff "$tmp/want" - && [ -s "$tmp/want" ]
}

same_as_show() {
	local t=traces/qemu7-q1.pcap
	cmp <("$vqtrace" export -r $t --csv -) <("$vqtrace" show -r $t -T csv) || return 1
	cmp <("$vqtrace" export -r $t --csv - -Y used -e since,device -e request.latency) \
		<("$vqtrace" show -r $t -T csv -Y used -e since,device,request.latency) || return 1
	build/tests/lab/hostile quote $t "$tmp/stacks.pcap" || return 1
	"$vqtrace" export -r "$tmp/stacks.pcap" --folded "$tmp/folded" -Y stack_id || return 1
	[ -s "$tmp/folded" ] && cmp "$tmp/folded" <("$vqtrace" show -r "$tmp/stacks.pcap" -T folded -Y stack_id)
}

# Each format alone to standard output is what it is with the others in files; and from a pipe.
at_once() {
	local f formats="perfetto chrome csv folded blkparse fio" options=() t=traces/qemu7-q1-both.pcap.gz
	for f in $formats; do
		options+=("--$f" "$tmp/once.$f")
	done
	"$vqtrace" export -r $t "${options[@]}" 2>"$tmp/err" || { cat "$tmp/err"; return 1; }
	for f in $formats; do
		"$vqtrace" export -r - --$f - <$t 2>/dev/null | cmp - "$tmp/once.$f" || return 1
		[ "$(stat -c %a "$tmp/once.$f")" = 600 ] || { echo "others can read $f"; return 1; }
	done
}

fails() { # WORDS ARGUMENT...
	local words=$1
	shift
	"$vqtrace" export "$@" >/dev/null 2>"$tmp/err" </dev/null
	[ $? = 2 ] && grep -qF -- "$words" "$tmp/err" || { echo "$*:"; cat "$tmp/err"; return 1; }
}

errors() {
	local t=traces/qemu7-q1.pcap f
	cp $t "$tmp/own.pcap"
	fails "into which format?" -r $t &&
		fails "one format can go to standard output" -r $t --csv - --fio - &&
		fails "-e names the columns" -r $t --fio - -e since &&
		fails "did you mean 'since'" -r $t --csv - -e sinse &&
		fails "cannot be written: No such file" -r $t --fio /nonexistent/x &&
		fails "is the trace itself" -r "$tmp/own.pcap" --csv "$tmp/own.pcap" &&
		cmp "$tmp/own.pcap" $t && fails "are the same file" -r $t --csv "$tmp/one" --fio "$tmp/../${tmp##*/}/one" &&
		fails "No such file" -r /nonexistent/x --fio "$tmp/never" && [ ! -e "$tmp/never" ] || return 1
	for f in perfetto chrome csv blkparse fio; do
		fails "/dev/full cannot be written: No space left" -r $t --$f /dev/full || return 1
		"$vqtrace" export -r $t --$f - 2>"$tmp/err" >/dev/full
		[ $? = 2 ] && grep -q "No space left" "$tmp/err" || { echo "$f:"; cat "$tmp/err"; return 1; }
	done
	# the others go on
	"$vqtrace" export -r $t --chrome /dev/full --fio "$tmp/goes.on" 2>/dev/null
	[ $? = 2 ] && cmp "$tmp/goes.on" <("$vqtrace" export -r $t --fio - 2>/dev/null)
}

# Of a trace that is cut off, all that is readable is there, and it is whole.
broken() {
	head -c 60000 traces/qemu7-mq4.pcap >"$tmp/cut.pcap"
	fails "breaks after record" -r "$tmp/cut.pcap" --chrome "$tmp/cut.json" --perfetto "$tmp/cut.pftrace" || return 1
	jq -e '.traceEvents | length > 500' "$tmp/cut.json" >/dev/null &&
		protoc --decode=perfetto.protos.Trace $proto <"$tmp/cut.pftrace" >/dev/null
}

# --- block I/O -------------------------------------------------------------------------------

# What blkparse and btt read is what show says of reads, writes, flushes, discards and zeroes.
blktrace() {
	local t=traces/qemu7-two-disks.pcap first most
	"$vqtrace" export -r $t --blkparse "$tmp/b.blktrace.0" --chrome "$tmp/b.json" 2>/dev/null || return 1
	# in the order of their times, also where several were announced before the first was popped
	cp "$tmp/b.blktrace.0" "$tmp/b.blktrace"
	"$python" tests/full/parse_names.py "$tmp/b.blktrace" || return 1
	(cd "$tmp" && blkparse -i b -f '%a %d %M,%m %S %n %T %t\n' -d b.bin >b.text) || return 1
	grep -q 'Skips: 0 forward' "$tmp/b.text" || { tail -n 12 "$tmp/b.text"; return 1; }
	# its times are since the first one, which is a Q
	first=$(od -An -t u8 -j 8 -N 8 "$tmp/b.blktrace.0")
	awk -v first="$first" '$1 ~ /^[DC]$/ { printf "%s %s %.0f\n", $1, $3, $6 * 1000000000 + $7 }' "$tmp/b.text" | sort >"$tmp/got"
	"$vqtrace" show -r $t --requests -T json | jq -r --argjson first "$first" 'select(.type != "get_id") |
		"D \(.device) \(.avail - $first)", "C \(.device) \(.used - $first)"' |
		sed 's/blk0/252,0/; s/blk1/252,16/' | sort | diff - "$tmp/got" || return 1
	# a Q is a kick that announced it
	[ "$(grep -c ^Q "$tmp/b.text")" = "$(jq '[.traceEvents[] | select(.ph == "B")] | . as $e | [range(length) |
		select($e[.].cat == "request" and $e[.].name != "GET_ID" and $e[. + 1].name == "in the ring, until the device pops it")] |
		length' "$tmp/b.json")" ] || { echo "$(grep -c ^Q "$tmp/b.text") Q"; return 1; }
	# the longest of btt is that of stat
	(cd "$tmp" && btt -i b.bin >b.btt 2>&1)
	most=$("$vqtrace" stat -r $t -T json | jq '[.devices[].queues[].latency.service.max] | max')
	awk -v most="$most" '$1 == "D2C" && NF == 5 { exit $4 != sprintf("%.9f", most / 1000000000) }' "$tmp/b.btt" &&
		grep -q '^D2C ' "$tmp/b.btt" || { grep D2C "$tmp/b.btt"; return 1; }
}

replay() {
	local t=traces/qemu7-two-disks.pcap
	"$vqtrace" export -r $t --fio "$tmp/t.iolog" 2>"$tmp/err" || return 1
	grep -q 'write zeroes' "$tmp/err" || { cat "$tmp/err"; return 1; }
	(cd "$tmp" && fio --name=replay --read_iolog=t.iolog --replay_no_stall=1 --ioengine=null --size=1g \
		--output-format=json >fio.json 2>fio.err) || { cat "$tmp/fio.err"; return 1; }
	"$vqtrace" show -r $t --requests -T json | jq -sc '[("in", "out") as $t |
		map(select(.type == $t)) | length, (map(.bytes) | add)]' >"$tmp/want"
	sed -n '/^{/,$p' "$tmp/fio.json" | jq -c '.jobs[0] | [.read.total_ios, .read.io_bytes, .write.total_ios, .write.io_bytes]' |
		diff "$tmp/want" - || return 1
	# the order and the times are those of the pops, in us from the first one
	diff <(awk '$3 == "read" || $3 == "write" { print $1, $2, $4, $5 }' "$tmp/t.iolog") \
		<("$vqtrace" show -r $t --requests -T json | jq -sr 'sort_by(.avail) | .[0].avail as $first |
			.[] | select(.type == ("in", "out")) |
			"\((.avail - $first) / 1000 | floor) \(.device) \(.sector * 512) \(.bytes)"')
}

# --- names, and golden files ------------------------------------------------------------------

names() {
	local kind
	for kind in $kinds; do
		build/tests/lab/hostile "$kind" traces/qemu7-q1-both.pcap.gz "$tmp/h.pcap" || return 1
		"$vqtrace" export -r "$tmp/h.pcap" --perfetto "$tmp/h.pftrace" --chrome "$tmp/h.json" --csv "$tmp/h.csv" \
			--folded "$tmp/h.text" --blkparse "$tmp/h.blktrace" --fio "$tmp/h.fio.text" 2>/dev/null || return 1
		"$python" tests/full/parse_names.py "$tmp"/h.{pftrace,json,csv,text,blktrace,fio.text} >"$tmp/why" ||
			{ echo "$kind:"; cat "$tmp/why"; return 1; }
		grep -q PWN "$tmp/h.pftrace" && grep -q PWN "$tmp/h.json" || { echo "$kind: no name came through"; return 1; }
	done
}

golden() { # NAME: standard input
	cat >"$tmp/golden"
	[ -z "$update" ] || cmp -s "$tmp/golden" "tests/golden/export/$1" || cp "$tmp/golden" "tests/golden/export/$1"
	diff -u "tests/golden/export/$1" "$tmp/golden"
}

expected() {
	local t=traces/qemu7-late.pcap
	"$vqtrace" export -r $t --perfetto - | protoc --decode=perfetto.protos.Trace $proto | golden late.pftrace.text &&
		"$vqtrace" export -r $t --chrome - | golden late.json &&
		"$vqtrace" export -r $t --csv - | golden late.csv &&
		"$vqtrace" export -r $t --fio - | golden late.iolog || return 1
	build/tests/lab/hostile quote $t "$tmp/stacks.pcap"
	"$vqtrace" export -r "$tmp/stacks.pcap" --folded - -Y stack_id | golden late.folded || return 1
	"$vqtrace" export -r $t --blkparse - >"$tmp/g.blktrace.0"
	(cd "$tmp" && blkparse -i g) | golden late.blkparse
}

plan 12
check "viewers: what they show is right" every_trace
check "a part of a trace" part
check "what is unknown is no time" unknown
check "losses are losses, and what a filter left out is not" lost
check "CSV and stacks are those of show" same_as_show
check "several formats at once" at_once
check "errors" errors
check "a trace that is cut off" broken
check "blkparse and btt read the I/O" blktrace
check "fio replays the I/O" replay
check "hostile names" names
check "golden files" expected
finish
