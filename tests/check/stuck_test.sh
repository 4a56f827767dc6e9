#!/bin/bash
# SPDX-License-Identifier: MIT
# `vqtrace stuck` on traces: nobody is accused at the end of a conversation that ended well.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

trace=traces/qemu7-q1.pcap

# Its devices were used until the machine ended.
no_accusation() {
	local t bad=0
	for t in traces/*.pcap*; do
		"$vqtrace" stuck -r "$t" >"$tmp/out" 2>&1 && ! grep -q 'STUCK' "$tmp/out" && continue
		echo "$t:"
		head -n 5 "$tmp/out"
		bad=1
	done
	return $bad
}

json() {
	"$vqtrace" stuck -r $trace -T json >"$tmp/json" || return 1
	[ "$(jq -r '.stuck, .machines[0].trace, .machines[0].queues[0].device,
		(.machines[0].queues[0] | .stuck, .facts.in_flight)' "$tmp/json" | paste -sd' ')" = \
		"0 $trace blk0 false 0" ] && return 0
	head -n 20 "$tmp/json"
	return 1
}

one_device() {
	"$vqtrace" stuck -V -r $trace -d blk0 >"$tmp/out" && grep -q '^blk0 .*queue 0' "$tmp/out" &&
		"$vqtrace" stuck -r $trace -d net7 | grep -qx 'no such virtio device'
}

refused() { # WORDS OPTIONS...: exit 2, with the words
	local words=$1
	shift
	"$vqtrace" stuck "$@" >"$tmp/out" 2>&1
	[ $? = 2 ] && grep -qF -- "$words" "$tmp/out" && return 0
	cat "$tmp/out"
	return 1
}

plan 7
check "traces/: nobody is accused" no_accusation
check "JSON" json
check "one device" one_device
check "a process that is not there" refused "no such process" -p 4194300
check "a process that is no QEMU" refused "no QEMU system emulator" -p $$
check "a trace and a process" refused "not both" -r $trace -p 1
check "a watch that is too short" refused "1s or more" --watch 10ms
finish
