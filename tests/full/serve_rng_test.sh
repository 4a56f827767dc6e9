#!/bin/bash
# SPDX-License-Identifier: MIT
# vqtrace serve --rng: a Linux guest reads /dev/hwrng, over both protocols.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
serve_needs

# In the guest: two reads of 64 bytes, and one of 4 KiB.
read_hwrng="echo VQRNG current \$(cat /sys/class/misc/hw_random/rng_current);
for i in 1 2; do echo VQRNG bytes \$(dd if=/dev/hwrng bs=64 count=1 2>/dev/null | od -An -v -tx1 | tr -dc 0-9a-f); done;
echo VQRNG read \$(dd if=/dev/hwrng bs=64 count=64 2>/dev/null | wc -c)"
read_hwrng=${read_hwrng//$'\n'/ }

guest() { # NAME QEMU PROTOCOL ARGS...
	local name=$1 qemu=$2 protocol=$3
	shift 3
	serve "$name" --rng "--$protocol" "$tmp/$name.sock" -w "$tmp/$name.pcap" -s 64 "$@" || return 1
	case $protocol in
	vfio-user) vfio_user ;;
	*) device=(-chardev "socket,id=c0,path=$sock" -device "vhost-user-rng-pci,id=d0,chardev=c0") ;;
	esac
	linux "vqt.sh=\"$read_hwrng\" vqt.run=sh"
	machine "$qemu" 1 "$tmp/$name.serial" "${linux_args[@]}" "${device[@]}"
	serve_end "$name" && went_well "$tmp/$name.serial" && same_entropy "$name"
}

# What the guest read is what the device gave, by the trace.
same_entropy() { # NAME
	local serial=$tmp/$1.serial trace=$tmp/$1.pcap hex requests given
	grep -q 'VQRNG current virtio_rng' "$serial" && grep -q 'VQRNG read 4096' "$serial" ||
		{ grep VQRNG "$serial"; return 1; }
	"$vqtrace" show -r "$trace" -T json >"$trace.json" || return 1
	grep -oE 'VQRNG bytes [0-9a-f]{128}' "$serial" | cut -d' ' -f3 | sort -u >"$trace.read"
	[ "$(wc -l <"$trace.read")" = 2 ] || { echo 'not two reads that differ'; grep VQRNG "$serial"; return 1; }
	while read -r hex; do
		[ -n "${hex//0/}" ] || { echo 'all bytes are zero'; return 1; }
	done <"$trace.read"
	# a read may be the end of one buffer and the beginning of another
	grep '"event":"used"' "$trace.json" >"$trace.used"
	sed 's/.*"bytes":"\([0-9a-f]*\)".*/\1/' "$trace.used" | tr -d '\n' >"$trace.given"
	for hex in $(fold -w 32 "$trace.read"); do
		grep -q "$hex" "$trace.given" || { echo "not in the trace: $hex"; return 1; }
	done
	sed 's/.*"len":\([0-9]*\).*/\1/' "$trace.used" >"$trace.lens"
	requests=$(wc -l <"$trace.lens")
	given=$(awk '{ n += $1 } END { print n + 0 }' "$trace.lens")
	# the kernel reads some for its own pool
	[ "$given" -ge $((4096 + 2 * 64)) ] || { echo "the device gave only $given bytes"; return 1; }
	grep -q " $requests requests" "$tmp/$1.err" ||
		{ echo "$requests completions in the trace"; cat "$tmp/$1.err"; return 1; }
	"$vqtrace" check -r "$trace"
}

seeded() { # the two that had the same seed: the same first bytes, whatever the protocol
	local name
	for name in legacy vhost11; do
		head -c 1024 "$tmp/$name.pcap.given" >"$tmp/$name.first"
		[ "$(wc -c <"$tmp/$name.first")" = 1024 ] || return 1
	done
	cmp "$tmp/legacy.first" "$tmp/vhost11.first"
}

# What the device gives is random: no request can be compared, but all else is equal.
replayed() {
	local t
	for t in packed legacy; do
		"$vqtrace" replay -r "$tmp/$t.pcap" -T json >"$tmp/replay.json" 2>"$tmp/err"
		[ $? = 2 ] && jq -e '.divergences == 0 and .interrupts.compared > 0 and
			.requests.compared == 0 and .requests.not_compared > 0' "$tmp/replay.json" >/dev/null ||
			{ cat "$tmp/replay.json" "$tmp/err"; return 1; }
	done
}

one_queue() {
	"$vqtrace" serve --rng --queues 2 --vfio-user "$tmp/q.sock" 2>&1 | grep -q 'has at most 1'
}

plan 8
check "vfio-user, split ring: the guest reads what the device gave" guest split 11 vfio-user --features -ring_packed
check "vfio-user, packed ring" guest packed 11 vfio-user
check "vfio-user, the legacy interface" guest legacy 11 vfio-user --transitional --rng-seed 7
check "vhost-user in QEMU 11" guest vhost11 11 vhost-user --rng-seed 7
check "vhost-user in this system's QEMU" guest vhost7 7 vhost-user
check "a seed repeats" seeded
check "the traces play back" replayed
check "one queue is all it has" one_queue
finish
