#!/bin/bash
# SPDX-License-Identifier: MIT
# QEMUs of another user that lie about their objects, or whose memory never comes: looking at
# them ends, by itself and by Ctrl-C; and who watches all QEMUs sees the others.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording
command -v setpriv >/dev/null || { echo "setpriv is not installed"; exit 77; }
chmod 755 "$tmp"
${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I. -shared -fPIC -o "$tmp/false_tree.so" tests/full/false_tree.c -ldl -lpthread || exit 1
machine="-machine q35,accel=tcg -m 64 -nodefaults -no-user-config -display none"
# shellcheck disable=SC2086
setpriv --reuid=65534 --regid=65534 --clear-groups env LD_PRELOAD="$tmp/false_tree.so" \
	qemu-system-x86_64 -S -name false $machine -device virtio-rng-pci 2>"$tmp/qemu" &
qemu=$!
# shellcheck disable=SC2086
env FALSE_TREE=withheld LD_PRELOAD="$tmp/false_tree.so" \
	qemu-system-x86_64 -S -name withheld $machine -device virtio-rng-pci 2>"$tmp/withheld" &
withheld=$!
# shellcheck disable=SC2086
qemu-system-x86_64 -S -name honest $machine -device virtio-rng-pci,id=honest-rng &
honest=$!
trap 'kill -9 $qemu $withheld $honest; wait $qemu $withheld $honest 2>/dev/null; rm -rf "$tmp"' EXIT

# A command ends, long before it would without limits, and shows no escape sequence.
ends() { # COMMAND...
	timeout -s KILL 120 "$vqtrace" "$@" >"$tmp/out" 2>&1
	local code=$?
	[ $code -lt 3 ] && ! grep -q $'\033' "$tmp/out" && return 0
	echo "exit $code"
	head -c 2000 "$tmp/out" | cat -v
	return 1
}

interrupted() { # PID
	timeout -s INT -k 60 1 "$vqtrace" record -w "$tmp/t.pcap" -p "$1" >"$tmp/out" 2>&1
	[ $? != 137 ] && return 0
	cat -v "$tmp/out"
	return 1
}

said() { # TRACE
	"$vqtrace" show -r "$1" >"$tmp/out" && grep -q 'did not end within the limits' "$tmp/out"
}

# Its memory never comes: a kernel may refuse that to whoever is not root.
withholds() { # COMMAND...
	grep -q 'cannot withhold' "$tmp/withheld" && { echo "userfaultfd cannot be used here"; return 77; }
	"$@"
}

# Without -p and -n all are looked at: the honest one is shown.
serves_others() { # WORDS COMMAND...
	local words=$1
	shift
	ends "$@" && grep -q "$words" "$tmp/out" && return 0
	head -c 4000 "$tmp/out" | cat -v
	return 1
}

plan 14
check "it lies" until_said "$tmp/qemu" replaced $qemu
check "record" ends record -w "$tmp/f.pcap" -p $qemu --duration 1s
check "the trace says that devices may be missing" said "$tmp/f.pcap"
check "record, and Ctrl-C" interrupted $qemu
check "top" ends top -b -c 2 -p $qemu
check "doctor" ends doctor -p $qemu
check "stuck" ends stuck -p $qemu
check "memory never comes" withholds until_said "$tmp/withheld" replaced $withheld
check "record, then" withholds ends record -w "$tmp/w.pcap" -p $withheld --duration 1s
check "the trace says that devices may be missing" withholds said "$tmp/w.pcap"
check "record then, and Ctrl-C" withholds interrupted $withheld
check "top of all" serves_others honest-rng top -b -c 2
check "stuck of all" serves_others honest stuck -V
check "recording all by name" serves_others '0 lost' record -w "$tmp/all.pcap" -n honest --duration 1s
finish
