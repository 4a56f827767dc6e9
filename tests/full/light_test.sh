#!/bin/bash
# SPDX-License-Identifier: MIT
# Light recording of real guests counts what QEMU's own log counts, for each queue, and
# loses nothing.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

steps="id;read,bs=4k,n=2000,rand,qd=8;write,bs=16k,n=300,qd=4;flush,n=2;discard,bs=64k,n=3;zero,bs=64k,n=3;rebind;read,bs=64k,n=20,iov=4"

# What the tallies come to, in the witness's words; the device is the disk, number 0. The
# witness counts QEMU's own notifications with the driver's: see both().
account() { # TRACE
	"$vqtrace" show -r "$1" -T json -Y tally | jq -rs '
		group_by(.queue)[] | "dev.0.queue.\(.[0].queue)" as $q | map(.tally) |
		"\($q).pop \(map(.popped) | add)",
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
	[ "$("$vqtrace" show -r "$d/trace.pcap" -T json -Y 'loss || avail || used || kick || register || backend' | wc -l)" = 0 ] ||
		{ echo "it has records of single events, or losses"; return 1; }
	# each completion was timed, and their total is what the histograms hold
	"$vqtrace" show -r "$d/trace.pcap" -T json -Y tally | jq -se '
		[.[].tally.groups // [] | .[]] | all(.timed == .used and .p50 <= .p99 and .sum > 0)' >/dev/null ||
		{ echo "completions without a time"; return 1; }
}

# Recorded both ways at the same time, from before the machine runs: the same kicks of the
# driver. QEMU's own are among neither, also those after its block layer was drained.
both() { # QEMU CONFIG
	local d=$tmp/both-$1-$2 qemu light full i rc=0
	mkdir -p "$d"
	truncate -s 64M "$d/img"
	eval "exec $(tests/lab/guest-cmd --qemu "$1" --disk "$d/img" --serial "$d/serial" --qmp "$d/qmp" --arg -S \
		--run "read,bs=4k,n=300,rand,qd=4;rebind;write,n=20,qd=4;read,bs=4k,t=3000,rand,qd=4" "$2")" >"$d/out" 2>&1 &
	qemu=$!
	until_true listens "$d/qmp" || { kill $qemu; wait $qemu; return 1; }
	"$vqtrace" record --light=200ms -w "$d/light" -p $qemu >"$d/light.err" 2>&1 &
	light=$!
	"$vqtrace" record -w "$d/full" -p $qemu >"$d/full.err" 2>&1 &
	full=$!
	until_said "$d/light.err" attached $light && until_said "$d/full.err" attached $full || rc=1
	build/tests/lab/hang qmp "$d/qmp" cont >/dev/null || rc=1
	until_said "$d/serial" 'VQT STEP 4' $qemu || rc=1
	for i in 1 2 3; do # it is drained
		build/tests/lab/hang qmp "$d/qmp" block_resize '{"node-name":"drive0","size":67108864}' >/dev/null || rc=1
	done
	build/tests/lab/hang qmp "$d/qmp" quit >/dev/null || rc=1
	[ $rc = 0 ] || kill $qemu $light $full
	wait $qemu $light $full
	[ $rc = 0 ] || { cat "$d"/*.err "$d/out"; return 1; }
	"$vqtrace" show -r "$d/light" -T json -Y tally |
		jq -rs 'group_by(.queue)[] | "\(.[0].queue) \(map(.tally.kicks) | add)"' >"$d/counted"
	"$vqtrace" show -r "$d/full" -T json -Y kick | jq -rs '
		group_by(.queue)[] | "\(.[0].queue) \(map(select(.kick.self | not)) | length)"' >"$d/recorded"
	[ "$("$vqtrace" show -r "$d/full" -T json -Y kick | jq -s 'map(select(.kick.self)) | length')" -ge 2 ] ||
		{ echo "QEMU never notified itself"; return 1; }
	diff "$d/recorded" "$d/counted"
}

plan 5 3
check "QEMU 7.2, one queue" one 7 q1
check_more "QEMU 11, one queue" one 11 q1
check "QEMU 11, packed ring, four queues" one 11 packed-mq4
check_more "QEMU 7.2, legacy" one 7 legacy
check "QEMU 7.2, kicks as register writes" one 7 noioeventfd
check_more "QEMU 11, iothread" one 11 iothread
check "QEMU's own kicks are not the driver's, QEMU 7.2" both 7 q1
check "QEMU's own kicks are not the driver's, QEMU 11" both 11 packed-mq4
finish
