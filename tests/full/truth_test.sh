#!/bin/bash
# SPDX-License-Identifier: MIT
# Truth against a witness: real guests on real QEMUs are recorded while QEMU
# writes its own trace log; every figure that both know must be equal, and
# nothing lost.  tests/lab/witness and tests/lab/account say what is counted.
#
# usage: truth_test.sh [-k DIR] [QEMU:CONFIG ...]     (-k keeps the traces)
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
[ -n "${NODOC:-}" ] || need_recording

keep=
[ "${1:-}" = -k ] && { keep=$2; shift 2; }
# Each configuration on one QEMU; with VQT_MATRIX=all, the rest of both.
runs=(7:q1 7:packed-mq4 7:intx 7:noioeventfd 7:event-idx-off 7:blkdebug
	11:q1 11:mq4 11:packed 11:legacy 11:iothread 11:indirect-off 11:two-disks)
[ -z "${VQT_MATRIX:-}" ] || runs=({7,11}:{q1,mq4,packed,packed-mq4,intx,legacy,iothread}
	{7,11}:{noioeventfd,indirect-off,event-idx-off,blkdebug,two-disks})
[ $# = 0 ] || runs=("$@")

# Every kind of request, several at a time, then everything again after a reset.
steps() {
	local more="id;read,bs=4k,n=200,rand,qd=8;write,bs=16k,n=50,qd=4;verify,bs=16k,n=50;flush,n=2"
	case $1 in
	*mq4) echo "$more;read,bs=4k,n=60,cpu=0-3,qd=4;write,bs=8k,n=30,cpu=0-3" ;;
	blkdebug) echo "read,bs=4k,n=20,off=2m,size=64k;write,bs=4k,n=20,off=2m,size=64k;flush,n=1" ;;
	*) echo "$more;discard,bs=64k,n=3;zero,bs=64k,n=3;rebind;read,bs=64k,n=20,iov=4" ;;
	esac
}

one() { # QEMU CONFIG
	local d=$tmp/$1-$2 diff
	mkdir -p "$d"
	tests/lab/guest-cmd --exec --qemu "$1" --trace-log "$d/log" --serial "$d/serial" \
		--run "$(steps "$2")" "$2" -- "$vqtrace" record -q -w "$d/trace.pcap" -- \
		>"$d/out" 2>&1 || { sed 's/^/# /' "$d/out"; tail -n 5 "$d/serial" | sed 's/^/# /'; return 1; }
	tests/lab/witness "$d/log" "$d/serial" | sort >"$d/witness" || return 1
	tests/lab/account "$d/trace.pcap" | sort >"$d/account" || return 1
	# Each of our figures has its witness, except what only we know.
	diff=$(join -a1 -e none -o 0,1.2,2.2 "$d/account" "$d/witness" |
		awk '$1 != "lost" && $2 != $3 { print "# " $1 ": trace " $2 ", witness " $3 }
		     $1 == "lost" && $2 != 0 { print "# lost: " $2 }')
	[ -n "$diff" ] && { echo "$diff"; return 1; }
	# And the witness saw nothing that we did not.
	diff=$(join -v2 "$d/account" "$d/witness" | grep -E \
		'^dev\.[0-9]+\.(queue\.[0-9]+\.(notify|pop|fill|irq)|[a-z_]+\.requests) [1-9]' | sed 's/^/# unseen: /')
	[ -n "$diff" ] && { echo "$diff"; return 1; }
	[ "$(grep -c . "$d/account")" -gt 30 ] || { echo "# too little was counted"; return 1; }
}

plan "${#runs[@]}"
for r in "${runs[@]}"; do
	check "QEMU ${r%%:*}, ${r#*:}: the trace agrees with QEMU's own log" one "${r%%:*}" "${r#*:}"
	[ -n "$keep" ] && mkdir -p "$keep" && cp -r "$tmp/${r%%:*}-${r#*:}" "$keep/"
	rm -rf "${tmp:?}/${r%%:*}-${r#*:}"
done
finish
