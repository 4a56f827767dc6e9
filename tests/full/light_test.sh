#!/bin/bash
# SPDX-License-Identifier: MIT
# Light recording of real guests counts what QEMU's own log counts, for each queue, and
# loses nothing.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

steps="id;read,bs=4k,n=2000,rand,qd=8;write,bs=16k,n=300,qd=4;flush,n=2;discard,bs=64k,n=3;zero,bs=64k,n=3;rebind;read,bs=64k,n=20,iov=4"

# What the tallies come to, in the witness's words; the device is the disk, number 0.
account() { # TRACE
	"$vqtrace" show -r "$1" -T json -Y tally | jq -rs '
		group_by(.queue)[] | "dev.0.queue.\(.[0].queue)" as $q | map(.tally) |
		"\($q).notify \(map(.kicks) | add)", "\($q).pop \(map(.popped) | add)",
		"\($q).fill \([.[].groups // [] | .[].used] | add // 0)", "\($q).irq \(map(.interrupts) | add)"'
	"$vqtrace" show -r "$1" -T json -Y tally | jq -rs '
		{ IN: "read", OUT: "write", FLUSH: "flush", DISCARD: "discard", WRITE_ZEROES: "zero" } as $name |
		[.[].tally.groups // [] | .[] | select($name[.type])] | group_by(.type)[] |
		"dev.0.\($name[.[0].type]).requests \(map(.used) | add)",
		if .[0].type == "IN" then "dev.0.read.sectors \(map(.bytes_in) | add / 512)"
		elif .[0].type == "OUT" then "dev.0.write.sectors \(map(.bytes_out) | add / 512)" else empty end'
}

one() { # QEMU CONFIG
	local d=$tmp/$1-$2 diff
	mkdir -p "$d"
	tests/lab/guest-cmd --exec --qemu "$1" --trace-log "$d/log" --trace-set core --serial "$d/serial" \
		--run "$steps" "$2" -- "$vqtrace" record --light=200ms -w "$d/trace.pcap" -- >"$d/out" 2>&1 ||
		{ cat "$d/out"; tail -n 5 "$d/serial"; return 1; }
	tests/lab/witness "$d/log" "$d/serial" | sort >"$d/witness" || return 1
	account "$d/trace.pcap" | sort >"$d/account" || return 1
	[ "$(grep -c . "$d/account")" -ge 10 ] || { echo "too little was counted"; cat "$d/account"; return 1; }
	diff=$(join -a1 -e none -o 0,1.2,2.2 "$d/account" "$d/witness" | awk '$2 != $3 { print $1 ": tallies " $2 ", witness " $3 }')
	[ -z "$diff" ] || { echo "$diff"; return 1; }
	[ "$("$vqtrace" show -r "$d/trace.pcap" -T json -Y 'loss || avail || used || kick || register' | wc -l)" = 0 ] ||
		{ echo "it has records of single events, or losses"; return 1; }
	# each completion was timed, and their total is what the histograms hold
	"$vqtrace" show -r "$d/trace.pcap" -T json -Y tally | jq -se '
		[.[].tally.groups // [] | .[]] | all(.timed == .used and .p50 <= .p99 and .sum > 0)' >/dev/null ||
		{ echo "completions without a time"; return 1; }
}

plan 3 3
check "QEMU 7.2, one queue" one 7 q1
check_more "QEMU 11, one queue" one 11 q1
check "QEMU 11, packed ring, four queues" one 11 packed-mq4
check_more "QEMU 7.2, legacy" one 7 legacy
check "QEMU 7.2, kicks as register writes" one 7 noioeventfd
check_more "QEMU 11, iothread" one 11 iothread
finish
