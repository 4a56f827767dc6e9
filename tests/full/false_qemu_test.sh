#!/bin/bash
# SPDX-License-Identifier: MIT
# A QEMU of another user that lies about its objects: looking at it ends, and so does
# watching all QEMUs, by itself and by Ctrl-C.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording
command -v setpriv >/dev/null || { echo "setpriv is not installed"; exit 77; }
chmod 755 "$tmp"
${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I. -shared -fPIC -o "$tmp/false_tree.so" tests/full/false_tree.c -ldl -lpthread || exit 1
setpriv --reuid=65534 --regid=65534 --clear-groups env LD_PRELOAD="$tmp/false_tree.so" \
	qemu-system-x86_64 -S -name false -machine q35,accel=tcg -m 64 -nodefaults -no-user-config \
	-display none -device virtio-rng-pci 2>"$tmp/qemu" &
qemu=$!
trap 'kill -9 $qemu; wait $qemu 2>/dev/null; rm -rf "$tmp"' EXIT

# A command ends, long before it would without limits, and shows no escape sequence.
ends() { # COMMAND...
	timeout -s KILL 120 "$vqtrace" "$@" >"$tmp/out" 2>&1
	local code=$?
	[ $code -lt 3 ] && ! grep -q $'\033' "$tmp/out" && return 0
	echo "exit $code"
	head -c 2000 "$tmp/out" | cat -v
	return 1
}

interrupted() {
	timeout -s INT -k 60 1 "$vqtrace" record -w "$tmp/t.pcap" -p $qemu >"$tmp/out" 2>&1
	[ $? != 137 ] && return 0
	cat -v "$tmp/out"
	return 1
}

said() {
	"$vqtrace" show -r "$tmp/f.pcap" >"$tmp/out" && grep -q 'did not end within the limits' "$tmp/out"
}

plan 7
check "it lies" until_said "$tmp/qemu" replaced $qemu
check "record" ends record -w "$tmp/f.pcap" -p $qemu --duration 1s
check "the trace says that devices may be missing" said
check "record, and Ctrl-C" interrupted
check "top" ends top -b -c 2 -p $qemu
check "doctor" ends doctor -p $qemu
check "stuck" ends stuck -p $qemu
finish
