#!/bin/bash
# SPDX-License-Identifier: MIT
# One integrity workload on every kind of virtqueue: split and packed, one and four
# queues, with and without event index, with and without indirect descriptors; all
# sixteen as disks of one guest, over either protocol.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
serve_needs

disks=(a b c d e f g h i j k l m n o p)
servers=()

kind() { # INDEX: sets ring queues event indirect
	ring=$(($1 & 1)) queues=$(($1 & 2 ? 4 : 1)) event=$(($1 >> 2 & 1)) indirect=$(($1 >> 3 & 1))
}

start_all() { # PROTOCOL
	local i list
	for i in "${!disks[@]}"; do
		kind "$i"
		truncate -s 8M "$tmp/$1-$i.img"
		list=
		[ $ring = 0 ] && list=$list,-ring_packed
		[ $event = 0 ] && list=$list,-event_idx
		[ $indirect = 0 ] && list=$list,-indirect_desc
		serve "$1-$i" --disk "$tmp/$1-$i.img" --queues $queues ${list:+--features "${list#,}"} \
			"--$1" "$tmp/$1-$i.sock" || return 1
		servers[i]=$serve_pid
	done
}

# Every writer and reader on a CPU of its own, so that four queues are four queues.
load='e=0; for d in a b c d e f g h i j k l m n o p; do for s in \
write,bs=16k,n=60,qd=8,cpu=0-3 verify,bs=16k,n=60,qd=8,cpu=0-3 \
write,bs=32k,iov=8,n=8,off=4m,fsync=5,seed=2 verify,bs=32k,n=8,off=4m,seed=2 \
read,n=100,qd=16,rand discard,bs=64k,n=2,off=6m zero,bs=64k,n=2,off=7m flush,n=1; do \
vqload $s,dev=vd$d || e=1; done; \
echo VQSUM vd$d $(dd if=/dev/vd$d bs=256k iflag=direct 2>/dev/null | md5sum); done; [ $e = 0 ]'
load=${load//$'\\\n'/}

as_negotiated() { # SERIAL INDEX: what the guest says of its disk is what we meant
	local features queues_seen
	kind "$2"
	features=$(sed -n "s/^VQFEAT virtio$2 .* \([01]*\)\r*\$/\1/p" "$1")
	queues_seen=$(sed -n "s/^VQATTR vd${disks[$2]} hw_queues \([0-9]*\)\r*\$/\1/p" "$1" | tail -n 1)
	[ "${features:34:1}${features:29:1}${features:28:1} $queues_seen" = "$ring$event$indirect $queues" ] ||
		{ echo "disk $2: features $features, queues $queues_seen; meant packed $ring event_idx $event" \
			"indirect $indirect queues $queues"; return 1; }
}

holds() { # SERIAL INDEX IMAGE: the image is what the guest read back
	local sum
	sum=$(md5sum <"$3")
	grep -q "VQSUM vd${disks[$2]} ${sum%% *}" "$1" ||
		{ echo "disk $2: the image has ${sum%% *}"; grep "VQSUM vd${disks[$2]}" "$1"; return 1; }
}

matrix() { # PROTOCOL QEMU
	local i all=() bad=0 serial=$tmp/$1.serial
	start_all "$1" || return 1
	for i in "${!disks[@]}"; do
		kind "$i"
		sock=$tmp/$1-$i.sock
		if [ "$1" = vfio-user ]; then
			all+=(-device "{\"driver\":\"vfio-user-pci\",\"addr\":\"$((i + 4))\",\"socket\":{\"type\":\"unix\",\"path\":\"$sock\"}}")
		else
			all+=(-chardev "socket,id=c$i,path=$sock" -device
				"vhost-user-blk-pci,chardev=c$i,addr=$((i + 4)),num-queues=$queues,disable-legacy=on,packed=$([ $ring = 1 ] && echo on || echo off)")
		fi
	done
	linux "vqt.sh=\"$load\" vqt.run=sh"
	guest_timeout=400 machine "$2" 4 "$serial" "${linux_args[@]}" "${all[@]}"
	for i in "${!disks[@]}"; do
		serve_pid=${servers[$i]} sock=$tmp/$1-$i.sock
		serve_end "$1-$i" || bad=1
	done
	went_well "$serial" || return 1
	for i in "${!disks[@]}"; do
		as_negotiated "$serial" "$i" && holds "$serial" "$i" "$tmp/$1-$i.img" || bad=1
	done
	[ "$(grep -c '^VQSUM' "$serial")" = 16 ] && [ $bad = 0 ]
}

plan 2
check "vfio-user, QEMU 11: sixteen kinds of virtqueue, data as written" matrix vfio-user 11
check "vhost-user, QEMU 7.2: sixteen kinds of virtqueue, data as written" matrix vhost-user 7
finish
