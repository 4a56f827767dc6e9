#!/bin/bash
# SPDX-License-Identifier: MIT
# `vqtrace record --regression` on live guests makes, in one step, a trace that can be
# sent: short, anonymous, with the findings of the whole recording.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

work="id;read,bs=4k,n=600,rand,qd=1;write,bs=16k,n=150,qd=4;verify,bs=16k,n=150;flush,n=3"
work="$work;read,bs=8k,n=60;discard,bs=64k,n=3;rebind;read,bs=64k,n=40,iov=4"

# A machine's own name may be two letters long, which any megabyte of bytes holds by chance:
# the recorder runs under a name that cannot come from anywhere else.
host=nowhere-else.example

findings() {
	"$vqtrace" check -r "$1" -T json -a --severity suspicious |
		jq -r 'select(.type == "finding") | .rule' | sort -u
}

one() { # QEMU CONFIG
	local d=$tmp/$1-$2 n
	mkdir -p "$d"
	unshare --uts sh -c 'hostname "$0" && exec "$@"' "$host" \
		tests/lab/guest-cmd --exec --qemu "$1" --serial "$d/serial" --run "$work" "$2" -- \
		"$vqtrace" record -q -w "$d/whole.pcap" --regression "$d/short" --origin "a live guest" -- \
		>"$d/line" 2>"$d/err" || { cat "$d/err"; return 1; }
	grep -q '^short.pcap [a-z0-9,-]* ?$' "$d/line" || { cat "$d/line"; return 1; }
	[ "$(stat -c %s "$d/short.pcap")" -lt 1048576 ] || return 1
	n=$("$vqtrace" show -r "$d/whole.pcap" -Y used | wc -l)
	[ $(($("$vqtrace" show -r "$d/short.pcap" -Y used | wc -l) * 4)) -lt "$n" ] || { echo "not short"; return 1; }
	diff <(findings "$d/whole.pcap") <(findings "$d/short.pcap") || return 1
	"$vqtrace" diff -T json "$d/whole.pcap" "$d/short.pcap" >"$d/json"
	jq -e '[.differences[] | select(.class != "requests" or .b != null)] == []' "$d/json" >/dev/null ||
		{ jq -c '.differences[]' "$d/json" | head -n 5; return 1; }
	"$vqtrace" replay -q -r "$d/short.pcap" || return 1
	for n in "$host" "$tmp" "$vqtrace" qemu-system; do
		grep -qaF -- "$n" "$d/short.pcap" && { echo "'$n' is in it"; return 1; }
	done
	grep -qaF -- "$host" "$d/whole.pcap"
}

plan 2 2
check "QEMU 7.2, packed rings, four queues" one 7 packed-mq4
check_more "QEMU 7.2, INTx" one 7 intx
check_more "QEMU 11.1, four queues" one 11 mq4
check "QEMU 11.1, legacy" one 11 legacy
finish
