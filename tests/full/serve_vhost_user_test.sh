#!/bin/bash
# SPDX-License-Identifier: MIT
# vqtrace serve over vhost-user: guests in both QEMUs, our data path.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
serve_needs

# NAME QEMU QUEUES APPEND PROPERTIES SERVER-ARGS...
workload() {
	local name=$1 qemu=$2 queues=$3 append=$4 properties=$5
	shift 5
	truncate -s 64M "$tmp/$name.img"
	serve "$name" --disk "$tmp/$name.img" --queues "$queues" --vhost-user "$tmp/$name.sock" \
		-w "$tmp/$name.pcap" "$@" || return 1
	vhost_user "num-queues=$queues,$properties"
	linux "vqt.sh=\"$resize_sh\" $append vqt.run=$work;$resize"
	resize_disk "$name" &
	machine "$qemu" "$queues" "$tmp/$name.serial" "${linux_args[@]}" "${device[@]}"
	kill $! 2>/dev/null
	serve_end "$name" && went_well "$tmp/$name.serial" && was_resized "$name" &&
		same_account "$tmp/$name.pcap" "$tmp/$name.serial"
}

modern=disable-legacy=on

file_system() {
	truncate -s 128M "$tmp/fs.img"
	serve fs --disk "$tmp/fs.img" --vhost-user "$tmp/fs.sock" || return 1
	vhost_user "num-queues=1,$modern"
	initrd=build/guest/ext4.cpio.gz linux "vqt.sh=\"$make_fs\" vqt.merge=1 vqt.run=sh"
	machine 7 1 "$tmp/fs.serial" "${linux_args[@]}" "${device[@]}"
	serve_end fs && went_well "$tmp/fs.serial" && check_fs "$tmp/fs.img" "$tmp/fs.serial"
}

# The server is killed under I/O, and comes back: no request fails, nothing is lost.
crash() { # QEMU RECONNECT PROPERTIES
	truncate -s 64M "$tmp/crash$1.img"
	serve "crash$1" --disk "$tmp/crash$1.img" --queues 2 --vhost-user "$tmp/crash$1.sock" || return 1
	reconnect=,$2 vhost_user "num-queues=2,$3"
	linux "vqt.run=write,bs=4k,t=6,qd=16,rand;write,bs=16k,n=500,qd=8;verify,bs=16k,n=500;flush"
	machine "$1" 2 "$tmp/crash$1.serial" "${linux_args[@]}" "${device[@]}" &
	local qemu=$! i
	until_said "$tmp/crash$1.serial" 'STEP 1' "$qemu"
	for i in 1 2; do
		sleep 1
		kill -9 "$serve_pid"
		wait "$serve_pid" 2>/dev/null
		serve "crash$1" --disk "$tmp/crash$1.img" --queues 2 --vhost-user "$tmp/crash$1.sock" || return 1
		until_said "$tmp/crash$1.err" 'a client connected' "$qemu"
		sleep 1
	done
	wait "$qemu"
	serve_end "crash$1" && went_well "$tmp/crash$1.serial"
}

next_client() {
	serve next --disk mem:64M --vhost-user "$tmp/next.sock" || return 1
	vhost_user "num-queues=1,$modern"
	linux "vqt.run=write,bs=16k,n=60,qd=8"
	machine 7 1 "$tmp/next.serial" "${linux_args[@]}" "${device[@]}"
	linux "vqt.run=verify,bs=16k,n=60"
	machine 11 1 "$tmp/next2.serial" "${linux_args[@]}" "${device[@]}"
	serve_end next && went_well "$tmp/next.serial" && went_well "$tmp/next2.serial"
}

# libblkio, a client of another make: all its requests, and the image holds what it wrote.
blkio() { # NAME QUEUES SERVER-ARGS...
	local name=blkio-$1 queues=$2 sum
	shift 2
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	truncate -s 16M "$tmp/$name.img"
	dd if=/dev/urandom of="$tmp/$name.img" bs=64k count=40 conv=notrunc 2>/dev/null
	serve "$name" --disk "$tmp/$name.img" --queues 4 --vhost-user "$tmp/$name.sock" \
		-w "$tmp/$name.pcap" "$@" || return 1
	# twice: the second finds what the first wrote
	for seed in 1 2; do
		timeout 300 build/blkio/client "$sock" verify "$queues" $seed "$tmp/$name.copy" || return 1
	done
	sum=$(sha256sum <"$tmp/$name.img")
	[ "$sum" = "$(sha256sum <"$tmp/$name.copy")" ] || { echo "the image is not what was written"; return 1; }
	serve_end "$name" || return 1
	"$vqtrace" show -r "$tmp/$name.pcap" --requests >"$tmp/$name.requests" || return 1
	awk -v queues="$queues" '
		$3 ~ /:[0-9]+$/ { n[$4]++; q[$3]++; if (!/ OK/) bad++ }
		END {
			for (x in q) nq++
			if (!n["IN"] || !n["OUT"] || !n["FLUSH"] || !n["DISCARD"] || !n["WRITE_ZEROES"]) e = 1
			if (bad || nq != queues || e) {
				for (x in n) print x, n[x]
				print bad + 0, "requests not OK;", nq, "queues"
				exit 1
			}
		}' "$tmp/$name.requests"
}

# Who reads the trace from a pipe has stopped: the guest's disk goes on, and a signal ends it.
stopped_reader() {
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	mkfifo "$tmp/stopped.pcap"
	exec 7<>"$tmp/stopped.pcap"
	serve stopped --disk mem:64M --check --vhost-user "$tmp/stopped.sock" -w "$tmp/stopped.pcap" || return 1
	timeout 100 build/blkio/client "$sock" load 4 1500 || { kill -KILL "$serve_pid"; return 1; }
	kill -TERM "$serve_pid"
	until_true gone "$serve_pid" || { kill -KILL "$serve_pid"; echo "a signal does not end it"; return 1; }
	wait "$serve_pid"
	[ $? = 2 ] && grep -q 'its reader stopped reading' "$tmp/stopped.err" || { cat "$tmp/stopped.err"; return 1; }
	exec 7>&-
}

plan 10 4
check "QEMU 7.2, split ring: the workload, and the trace accounts for it" workload q7 7 1 '' $modern
check_more "QEMU 7.2, packed ring, four queues" workload p7 7 4 '' $modern,packed=on
check "QEMU 7.2, legacy driver" workload l7 7 1 vqt.legacy=1 disable-legacy=off
check_more "QEMU 7.2, no event index, no indirect descriptors" workload e7 7 1 '' \
	$modern,event_idx=off,indirect_desc=off --no-io-uring
check_more "QEMU 11, split ring, four queues" workload q11 11 4 '' $modern
check "QEMU 11, packed ring" workload p11 11 1 '' $modern,packed=on
check "a guest partitions, makes ext4, writes: the image holds it" file_system
check "QEMU 7.2: the server is killed twice under I/O" crash 7 reconnect=1 $modern
check_more "QEMU 11, packed ring: the server is killed twice under I/O" crash 11 reconnect-ms=500 $modern,packed=on
check "the next client finds what the last one wrote" next_client
check "libblkio: reads, writes, flush, discard, write zeroes; one queue" blkio one 1
check "libblkio: four queues at once" blkio four 4
check "a reader of the trace that has stopped" stopped_reader
check "libblkio: plain system calls, no event index, no indirect descriptors" blkio plain 2 \
	--no-io-uring --features -event_idx,-indirect_desc
finish
