#!/bin/bash
# SPDX-License-Identifier: MIT
# vqtrace diff: exit codes, differences between real traces, options, JSON.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

t=traces

# same OPTIONS...: no differences, and it says so.
same() {
	"$vqtrace" diff "$@" >"$tmp/out" 2>&1 && grep -q '^no differences' "$tmp/out" && return 0
	cat "$tmp/out"
	return 1
}

# differs FIRST OPTIONS...: exit 1, and FIRST is on the line of the first difference.
differs() {
	local first=$1 rc
	shift
	"$vqtrace" diff --ascii "$@" >"$tmp/out" 2>&1
	rc=$?
	[ $rc = 1 ] && grep -q "^First difference: $first" "$tmp/out" && return 0
	echo "exit $rc"
	head -n 30 "$tmp/out"
	return 1
}

every() {
	local f
	for f in $t/*.pcap; do
		same --strict "$f" "$f" || { echo "$f"; return 1; }
	done
}

# The same guest and requests on two versions of QEMU differ only in QEMU's lifecycle steps.
versions() {
	local c
	for c in q1 mq4 packed intx legacy iothread; do
		same --ignore lifecycle $t/qemu7-$c.pcap $t/qemu11-$c.pcap || { echo "$c"; return 1; }
	done
	differs 'blk0, lifecycle' $t/qemu7-q1.pcap $t/qemu11-q1.pcap
}

shows_both_sides() {
	differs 'blk0, features: device_feature\[0\] offered' $t/qemu7-q1.pcap $t/qemu7-indirect-off.pcap || return 1
	grep -q '^  A #181: has VIRTIO_F_INDIRECT_DESC$' "$tmp/out" &&
		grep -q '^  B #181: lacks VIRTIO_F_INDIRECT_DESC$' "$tmp/out" &&
		[ "$(grep -c '^  =>    181 .*device_feature\[0\] = ' "$tmp/out")" = 2 ] &&
		grep -qE '^    IN: chain \([0-9]+ times' "$tmp/out"
}

an_error() { # blkdebug fails writes to some sectors
	differs 'blk0, completions: OUT: status' --only completions -Y 'request.type == out' \
		$t/qemu7-blkdebug.pcap $t/qemu7-blkdebug.pcap && return 1
	"$vqtrace" diff --only completions,requests -T json $t/qemu7-q1.pcap $t/qemu7-blkdebug.pcap >"$tmp/json"
	[ $? = 1 ] && jq -e '[.differences[].class] | unique - ["completions", "requests"] == []' "$tmp/json"
}

# A register is the same on both interfaces: what differs is its value, not that one lacks it.
across_interfaces() {
	differs 'blk0, ' $t/qemu7-q1.pcap $t/qemu7-legacy.pcap || return 1
	"$vqtrace" diff --only features -T json $t/qemu7-q1.pcap $t/qemu7-legacy.pcap >"$tmp/json"
	[ $? = 1 ] && jq -e '[.differences[] | select(.a and .b) | .subject] | any(test("\\[0\\] offered"))' "$tmp/json"
}

json() {
	"$vqtrace" diff -T json $t/qemu7-q1.pcap $t/qemu7-mq4.pcap >"$tmp/json"
	[ $? = 1 ] && [ "$(wc -l <"$tmp/json")" = 1 ] &&
		jq -e '.a.events == 950 and .devices[0].by == "id" and (.differences | length) > 5 and
			.differences[0].subject == "queues" and .differences[0].a.says == "1" and
			.total == ([.differences[].count] | add)' "$tmp/json"
}

pipe() {
	"$vqtrace" diff - $t/qemu7-q1.pcap <$t/qemu7-q1.pcap >/dev/null || return 1
	differs 'blk0, device: queues' $t/qemu7-q1.pcap - <$t/qemu7-mq4.pcap
}

forced() { # the first disk against the second: other sectors
	differs 'blk0 / blk1' -d blk0=blk1 --only requests $t/qemu7-two-disks.pcap $t/qemu7-two-disks.pcap
}

missing_device() {
	differs 'blk1 (only in A), device: device' $t/qemu7-two-disks.pcap $t/qemu7-q1.pcap
}

not_recorded() { # a trace without lifecycle records is not one without lifecycle
	build/tests/lab/without "$t/qemu7-q1.pcap" "$tmp/bare.pcap" lifecycle || return 1
	same "$t/qemu7-q1.pcap" "$tmp/bare.pcap" && grep -q '^note: lifecycle steps are not in B' "$tmp/out"
}

# Where replay reports no difference, the trace that it writes equals the recording.
replayed() {
	local c
	for c in q1 packed-mq4 intx legacy blkdebug two-disks; do
		"$vqtrace" replay -q -r $t/qemu7-$c.pcap -w "$tmp/replay.pcap" || return 1
		same $t/qemu7-$c.pcap "$tmp/replay.pcap" || { echo "$c"; return 1; }
		grep -q '^note: lifecycle steps are of another kind of device' "$tmp/out" || return 1
	done
}

trouble() { # OPTIONS...: exit 2 with WORDS
	local words=$1
	shift
	"$vqtrace" diff "$@" >"$tmp/out" 2>&1 </dev/null
	[ $? = 2 ] && grep -qF -- "$words" "$tmp/out" || { cat "$tmp/out"; return 1; }
}

cut_file() { # compared up to there, and exit 2
	head -c 30000 $t/qemu7-q1.pcap >"$tmp/cut.pcap"
	trouble "ends or breaks after record" "$tmp/cut.pcap" $t/qemu7-q1.pcap &&
		grep -q '^First difference' "$tmp/out"
}

plan 20
check "every trace is like itself" every
check "QEMU 7.2 and 11.1 are alike but for lifecycle" versions
check "the first difference, from both sides" shows_both_sides
check "completions alone" an_error
check "kicks by another way" differs 'blk0, notify: kicks arrive by' $t/qemu7-q1.pcap $t/qemu7-noioeventfd.pcap
check "packed against split" differs 'blk0, features: device_feature\[1\]' $t/qemu7-mq4.pcap $t/qemu7-packed-mq4.pcap
check "legacy against modern" across_interfaces
check "MSI-X against INTx" differs 'blk0, vectors' --ignore pci,lifecycle $t/qemu7-q1.pcap $t/qemu7-intx.pcap
check "JSON" json
check "from a pipe" pipe
check "devices forced together" forced
check "a device that only one has" missing_device
check "what is not recorded is no difference" not_recorded
check "a recording and its replay" replayed
check "quiet" sh -c "[ -z \"\$('$vqtrace' diff -q $t/qemu7-q1.pcap $t/qemu7-mq4.pcap)\" ]"
check "a file cut off in the middle" cut_file
check "a class that is not there" trouble "no class 'nonsense'" --only nonsense $t/qemu7-q1.pcap $t/qemu7-q1.pcap
check "a device that is not there" trouble "has no device 'blk7'" -d blk7=blk0 $t/qemu7-q1.pcap $t/qemu7-q1.pcap
check "one trace is not enough" trouble "which two traces" $t/qemu7-q1.pcap
check "standard input twice" trouble "only one" - -
finish
