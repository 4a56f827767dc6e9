#!/bin/bash
# SPDX-License-Identifier: MIT
# What somebody who takes over a device or a proxy reaches of the system: nothing.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
. tests/full/proxy.sh

[ -z "${VQTRACE_SERVE:-}" ] || { echo "1..0 # SKIP the sanitizers' runtime needs rights that confinement takes"; exit 0; }
${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I. -shared -fPIC -o "$tmp/attack.so" tests/full/confine_attack.c -ldl -luring || exit 1
echo precious >"$tmp/victim"
disk=$tmp/disk.img
truncate -s 8M "$disk"
sleep 3600 &
bystander=$!
trap 'kill $bystander; rm -rf "$tmp"' EXIT

# attacked NAME ARGS...: vqtrace ARGS with the attacker in it; what got through, and its account
attacked() {
	local name=$1
	shift
	: >"$tmp/$name.report"
	LD_PRELOAD=$tmp/attack.so ATTACK_FD=8 ATTACK_VICTIM=$tmp/victim ATTACK_SOCKET=$tmp/$name.sock \
		ATTACK_OTHER=$tmp/$name.other ATTACK_MADE=$tmp/made ATTACK_PID=$bystander \
		"$vqtrace" "$@" 8>>"$tmp/$name.report" 2>"$tmp/$name.err" &
	attacked_pid=$!
	until_said "$tmp/$name.report" '^stopped' $attacked_pid && kill -INT $attacked_pid
	wait $attacked_pid || { echo "status $?"; cat "$tmp/$name.err"; return 1; }
	cat "$tmp/$name.report"
}

# NAME LEAST: not one attempt got through, and so many were made
nothing_through() {
	local stopped
	stopped=$(sed -n 's/^stopped \([0-9]*\).*/\1/p' "$tmp/$1.report")
	[ "${stopped:-0}" -ge "$2" ] && ! grep THROUGH "$tmp/$1.report" && grep -q precious "$tmp/victim" &&
		[ ! -e "$tmp/made" ] && [ ! -e "$tmp/$1.sock" ]
}

# The attacker itself: where nothing confines, it says what got through.
attacker() {
	ATTACK_TAME=1 attacked free serve -q --no-confine --disk "$disk" --vfio-user "$tmp/free.sock" >/dev/null &&
		[ "$(grep -c THROUGH "$tmp/free.report")" = 3 ] && return
	cat "$tmp/free.report"
	return 1
}

device() {
	attacked device serve -q --disk "$disk" --vfio-user "$tmp/device.sock" && nothing_through device 45
}

device_ring() { # its io_uring, too, where the kernel has one
	grep -q 'ring yes' "$tmp/device.report" || { echo "this kernel gives no io_uring"; return 77; }
	nothing_through device 200
}

vhost() {
	attacked vhost serve -q --rng --vhost-user "$tmp/vhost.sock" && nothing_through vhost 45
}

proxied() {
	serve back --rng --vhost-user "$tmp/back.sock" || return 1
	attacked proxy record -q -w "$tmp/proxy.pcap" --vhost-user "$tmp/proxy.sock=$tmp/back.sock" &&
		nothing_through proxy 45
	local rc=$?
	sock=$tmp/back.sock
	serve_end back && return $rc
}

plan 5
check "the attacker gets through where nothing is confined" attacker
check "a vfio-user device" device
check "its io_uring" device_ring
check "a vhost-user device" vhost
check "a proxy" proxied
finish
