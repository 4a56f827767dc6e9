#!/bin/bash
# SPDX-License-Identifier: MIT
# vqtrace show at the prompt: columns, windows, parts of a trace as traces, compressed ones.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

trace=traces/qemu7-q1.pcap
show() {
	"$vqtrace" show -r "$@" 2>"$tmp/err" || { cat "$tmp/err"; return 1; }
}

refuses() { # WORDS OPTIONS...
	"$vqtrace" show -r $trace "${@:2}" >"$tmp/out" 2>"$tmp/err"
	[ $? = 2 ] && grep -qF -- "$1" "$tmp/err" || { cat "$tmp/err"; return 1; }
}

same() { # WANT GOT, as files or words
	[ "$1" = "$2" ] || { printf 'expected: %s\nnow:      %s\n' "$1" "$2"; return 1; }
}

# The numbers of the first column are those of JSON, of the requests and of findings.
numbers() {
	show $trace -V -T json -Y 'event == avail' | jq .number >"$tmp/json" || return 1
	show $trace '-#' -Y 'event == avail' | awk '{ print $1 }' | cmp - "$tmp/json" || return 1
	show $trace --requests -T json | jq .number | sort -n | cmp - "$tmp/json" || return 1
	show $trace --requests | awk 'NR > 1 { print $1 }' | sort -n | cmp - "$tmp/json" || return 1
	n=$("$vqtrace" check -r $trace -T json | jq -rs 'map(select(.type == "finding").number)[0]')
	show $trace '-#' -Y "number == $n" >"$tmp/out"
	grep -qE "^ *$n " "$tmp/out"
}

# A chain has as many descriptors as its line says.
descriptors() {
	show $trace -Y 'request.descriptors == 3 and event == avail' | cut -c 28- >"$tmp/three"
	show $trace -Y 'event == avail' | grep -F ' 3 descriptors' | cut -c 28- | cmp - "$tmp/three" &&
		grep -q '(indirect)' "$tmp/three"
}

window() {
	show $trace --from 0.26s --to 0.275s >"$tmp/out" || return 1
	awk '$1 < 0.26 || $1 > 0.275 { bad = 1 } END { exit bad || NR < 20 }' "$tmp/out" || return 1
	show $trace -Y 'since in {260ms .. 275ms}' | cmp - "$tmp/out"
}

# Type registrations are one line, unless somebody wants to see them.
folded() {
	show traces/qemu11-q1.pcap >"$tmp/out" || return 1
	same 1 "$(grep -c type_register "$tmp/out")" || return 1
	n=$(show traces/qemu11-q1.pcap -T json | grep -c '"type_register"')
	grep -q "type_register of $n device types; -V lists them" "$tmp/out" || return 1
	same "$n" "$(show traces/qemu11-q1.pcap -V | grep -c 'Step: type_register')" || return 1
	same "$n" "$(show traces/qemu11-q1.pcap -Y 'lifecycle.step == type_register' | wc -l)" || return 1
	for n in 2 3 4; do
		same $n "$(show traces/qemu11-q1.pcap -c $n | wc -l)" || return 1
	done
}

csv() {
	show $trace -Y used -T csv -e number,request.type -e request.latency >"$tmp/csv" || return 1
	same 'number,request.type,request.latency' "$(head -n 1 "$tmp/csv")" || return 1
	show $trace -Y used -T json |
		jq -r '[.number, .used.request.type, .used.request.latency] | @csv' | tr -d '"' >"$tmp/want"
	tail -n +2 "$tmp/csv" | cmp - "$tmp/want" || return 1
	show $trace -Y avail -c 1 -T csv -e avail.descriptors.len,register.field,session.origin >"$tmp/csv"
	same '16;512;1,,' "$(tail -n 1 "$tmp/csv")" || return 1
	show $trace -c 1 -T csv -e session.origin | tail -n 1 | grep -q '^"SeaBIOS, then .*"$' || return 1
	show $trace -Y used -T csv -c 1 | head -n 1 | grep -q '^number,since,device,queue,event,'
}

# What a filter matched is a trace: it has the same lines, nobody is accused of what is not in
# it, and nothing counts as lost.
part() {
	local f=$tmp/part.pcap
	show $trace -Y 'event in {kick, avail, used, lifecycle}' -w "$f" >"$tmp/out" || return 1
	[ ! -s "$tmp/out" ] && grep -q ' of .* events' "$tmp/err" || return 1
	show "$f" -Y 'event in {kick, avail, used, lifecycle}' | cut -c 28- >"$tmp/is"
	show $trace -Y 'event in {kick, avail, used, lifecycle}' | cut -c 28- | cmp - "$tmp/is" || return 1
	show "$f" | grep 'missing before' && return 1
	same 'event in {kick, avail, used, lifecycle}' "$(show "$f" -c 1 -T json | jq -r .session.filter)" || return 1
	"$vqtrace" check -r "$f" >"$tmp/check" || { cat "$tmp/check"; return 1; }
	grep -q 'more were lost' "$tmp/check" && return 1
	show "$f" --to 6s -w "$tmp/part2.pcap" && show "$tmp/part2.pcap" -c 1 | grep -qF '{kick, avail, used, lifecycle}, to 6.00 s'
}

part_of_all() { # the whole is the same trace, plus that it is a copy
	show $trace -w "$tmp/all.pcap" && show "$tmp/all.pcap" | tail -n +2 >"$tmp/is"
	show $trace | tail -n +2 | cmp - "$tmp/is"
}

itself() {
	cp $trace "$tmp/own.pcap"
	"$vqtrace" show -r "$tmp/own.pcap" -w "$tmp/own.pcap" 2>"$tmp/err"
	[ $? = 2 ] && grep -q 'is the trace itself' "$tmp/err" && cmp $trace "$tmp/own.pcap"
}

compressed() { # SUFFIX TOOL
	command -v "$2" >/dev/null || { echo "$2 is not installed"; return 77; }
	"$2" -qc <$trace >"$tmp/by-tool$1" && show "$tmp/by-tool$1" >"$tmp/is" || return 1
	show $trace | cmp - "$tmp/is" || return 1
	show - <"$tmp/by-tool$1" | cmp - "$tmp/is" || return 1
	show $trace -w "$tmp/ours$1" && "$2" -dc <"$tmp/ours$1" >"$tmp/plain.pcap" || return 1
	show $trace -w "$tmp/plain2.pcap" && cmp "$tmp/plain.pcap" "$tmp/plain2.pcap" || return 1
	"$vqtrace" check -r "$tmp/by-tool$1" -T json | grep '"type":"finding"' >"$tmp/is"
	"$vqtrace" check -r $trace -T json | grep '"type":"finding"' | cmp - "$tmp/is" || return 1
	"$vqtrace" record -r "$tmp/by-tool$1" --regression "$tmp/short$1" >/dev/null 2>&1
}

# Reading that takes long says so, on a terminal only, and takes the line away again.
progress() {
	command -v script >/dev/null || { echo "script is not installed (bsdutils)"; return 77; }
	build/tests/bench/mktrace "$tmp/long.pcap" 20000 || return 1
	cat >"$tmp/slowly" <<-EOF
		half=\$((\$(stat -c %s "$tmp/long.pcap") / 2))
		{ head -c \$half "$tmp/long.pcap"; sleep 2; tail -c +\$((half + 1)) "$tmp/long.pcap"; } |
			"$vqtrace" show -r - -Y used.unknown >/dev/null
	EOF
	script -qec "bash '$tmp/slowly'" /dev/null </dev/null >"$tmp/tty"
	tr '\r' '\n' <"$tmp/tty" | grep -qE '^reading: [0-9]+ events' || { head -c 300 "$tmp/tty" | cat -v; return 1; }
	tail -c 5 "$tmp/tty" | cat -v | grep -qF '^[[K' || return 1
	bash "$tmp/slowly" >"$tmp/out" 2>&1 && [ ! -s "$tmp/out" ]
}

plan 19
check "event numbers" numbers
check "descriptors as the line says" descriptors
check "--from and --to" window
check "--to before --from" refuses "nothing is between" --from 2s --to 1s
check "--from without sense" refuses "a time with its unit" --from soon
check "type registrations" folded
check "-T csv" csv
check "-e without -T csv" refuses "give both" -e number
check "-e of no field" refuses "did you mean 'number'" -T csv -e nubmer
check "-T of no format" refuses "the choices are text, json, csv and folded" -T xml
in_flight_as_chosen() { # at the end: 13 of queue 0
	still() { "$vqtrace" show -r traces/qsd11-libblkio.pcap --requests "$@" | grep -c 'still in flight'; }
	[ "$(still)" = 13 ] && [ "$(still -Y 'queue == 0')" = 13 ] && [ "$(still -Y 'queue == 1')" = 0 ]
}
check "requests in flight at the end are filtered, too" in_flight_as_chosen
check "-w with --requests" refuses "leave one out" -w "$tmp/x" --requests
check "-w: what matched" part
check "-w: all of it" part_of_all
check "-w: onto the trace itself" itself
check "-w to a place that is not there" refuses "cannot be written" -w "$tmp/none/x.pcap"
check "gzip" compressed .gz gzip
check "zstd" compressed .zst zstd
check "progress" progress
finish
