#!/bin/bash
# SPDX-License-Identifier: MIT
# Devices of other types and on virtio-mmio; plugged in and out, filtered, idle before
# the capture began, served by another process; with memory above 4 GiB, with chains
# longer than a record.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

qemu_of() { # 7|11
	[ "$1" = 7 ] && command -v qemu-system-x86_64 || echo "$VQT_QEMU11"
}

# Boot CONFIG on QEMU, with options for record before -- and for guest-cmd behind it.
record() { # NAME QEMU CONFIG STEPS [RECORD-OPTIONS...] [-- GUEST-CMD-OPTIONS...]
	local name=$1 qemu=$2 config=$3 steps=$4 rec=()
	shift 4
	while [ $# -gt 0 ] && [ "$1" != -- ]; do rec+=("$1"); shift; done
	[ $# = 0 ] || shift
	tests/lab/guest-cmd --exec --qemu "$qemu" --serial "$tmp/$name.serial" --run "$steps" "$@" "$config" \
		-- "$vqtrace" record -w "$tmp/$name.pcap" "${rec[@]}" -- >"$tmp/$name.err" 2>&1 && return 0
	cat "$tmp/$name.err"
	tail -n 5 "$tmp/$name.serial"
	return 1
}

count() { # TRACE FILTER
	"$vqtrace" show -r "$tmp/$1.pcap" -T json -Y "$2" | wc -l
}

json() { # TRACE FILTER JQ...
	"$vqtrace" show -r "$tmp/$1.pcap" -T json -Y "$2" | jq -r "$3"
}

want() { # WHAT GOT EXPECTED
	[ "$2" = "$3" ] && return 0
	echo "$1: $2, expected $3"
	return 1
}

more() { # WHAT GOT MINIMUM
	[ "$2" -ge "$3" ] && return 0
	echo "$1: $2, expected at least $3"
	return 1
}

# Descriptions of devices, "DEVICE:ID..." each: on a busy machine one may come before QEMU
# has given the device its id; it counts only where no later one has the id.
identified() {
	awk -F: '{ line[NR] = $0; device[NR] = $1; id[NR] = $2; known[$1] = known[$1] || $2 != "null" }
		END { for (i = 1; i <= NR; i++) if (id[i] != "null" || !known[device[i]]) print line[i] }'
}

none_lost() { # TRACE
	want "lost in $1" "$("$vqtrace" show -r "$tmp/$1.pcap" -T json | jq -s '[.[] | (.loss.lost // 0) + (.missing // 0)] | add')" 0
}

# A pair of pipes NAME.in, NAME.out on descriptors 8 and 9.
pipes() { # NAME
	rm -f "$tmp/$1.in" "$tmp/$1.out"
	mkfifo "$tmp/$1.in" "$tmp/$1.out"
	exec 8<>"$tmp/$1.in" 9<>"$tmp/$1.out"
}

answer() { # PATTERN: read until a line has it
	local line
	while read -r -t 60 line <&9; do
		case $line in
		*"$1"*) return 0 ;;
		*'"error"'*) echo "$line"; return 1 ;;
		esac
	done
	echo "no answer with $1"
	return 1
}

ask() { # COMMAND PATTERN
	echo "$1" >&8
	answer "$2"
}

says() { # NAME WORDS: wait until the guest has said VQT WORDS
	until_said "$tmp/$1.serial" "VQT $2"
}

step() { # NAME N: wait until the guest is there
	says "$1" "STEP $2 "
}

# In the guest: until there is a second disk; if there was one before, until that has gone first.
plugged='[ ! -e /tmp/was ] || { while [ -e /dev/vdb ]; do usleep 50000; done; echo VQT GONE; }; '
plugged+='until [ -b /dev/vdb ]; do usleep 50000; done; echo >/tmp/was'

# A disk comes, is read from, goes, and comes again: ten reads, then seven.
come_and_go() { # NAME QEMU RECORD-OPTIONS...
	local rec name=$1 qemu=$2
	shift 2
	truncate -s 16M "$tmp/$name.img"
	pipes "$name"
	record "$name" "$qemu" q1 "sh;read,dev=vdb,n=10;sh;read,dev=vdb,n=7" "$@" -- --machine pc --append "vqt.sh=\"$plugged\"" \
		--arg -chardev --arg "pipe,id=mon,path=$tmp/$name" --arg -mon --arg chardev=mon,mode=control \
		--arg -blockdev --arg "driver=raw,node-name=hot,file.driver=file,file.filename=$tmp/$name.img" &
	rec=$!
	local add='{"execute":"device_add","arguments":{"driver":"virtio-blk-pci","drive":"hot","disable-legacy":"on"'
	step "$name" 1 && ask '{"execute":"qmp_capabilities"}' return && ask "$add,\"id\":\"hot0\"}}" return &&
		step "$name" 3 && ask '{"execute":"device_del","arguments":{"id":"hot0"}}' DEVICE_DELETED &&
		says "$name" GONE && ask "$add,\"id\":\"hot1\"}}" return || { kill $rec; wait $rec; return 1; }
	wait $rec || return 1
	exec 8>&- 9>&-
	none_lost "$name"
}

hotplug() { # QEMU
	local name=hot$1
	come_and_go "$name" "$1" || return 1
	# plugged in, used, gone (flag 8); the next one is another device
	want devices "$(json "$name" device_info '[.device, .device_info.id, .device_info.flags] | map(tostring) | join(":")' |
		identified | uniq | tr '\n' ' ')" "blk0:blk0:0 blk1:hot0:0 blk1:hot0:8 blk2:hot1:0 " || return 1
	more "reads of hot0" "$(count "$name" 'device == "blk1" && used.status == OK')" 10 &&
		more "reads of hot1" "$(count "$name" 'device == "blk2" && used.status == OK')" 7 || return 1
	# nothing of the first one after it is gone
	want "events of the dead" "$("$vqtrace" show -r "$tmp/$name.pcap" -T json -Y 'device == "blk1"' |
		jq -s 'map((.device_info.flags // 0) >= 8) | (length - 1) - index(true)')" 0
}

# Without a guest: objects that QEMU only creates to list their properties, devices that it
# cannot realize, and devices that come and go, all at the same few addresses.
reused() { # QEMU
	local name=reused$1 rec i type drv id n=0 said
	pipes "$name"
	"$vqtrace" record -q -w "$tmp/$name.pcap" -- "$(qemu_of "$1")" -machine pc,accel=tcg -S -m 64 -display none \
		-nodefaults -chardev "pipe,id=mon,path=$tmp/$name" -mon chardev=mon,mode=control \
		-blockdev driver=null-co,node-name=d0 -netdev user,id=n0,restrict=on 2>"$tmp/$name.err" &
	rec=$!
	do_qmp() { # COMMAND ARGUMENTS PATTERN
		ask "{\"execute\":\"$1\",\"arguments\":$2}" "$3"
	}
	hmp() {
		do_qmp human-monitor-command "{\"command-line\":\"$1\"}" return
	}
	churn() {
		ask '{"execute":"qmp_capabilities"}' return || return 1
		for i in 1 2 3; do
			for drv in virtio-net-pci,netdev=n0 virtio-blk-pci,drive=d0 virtio-rng-pci,max-bytes=1; do
				for type in virtio-rng-pci virtio-net-pci virtio-blk-pci; do
					do_qmp device-list-properties "{\"typename\":\"$type\"}" return || return 1
				done
				# it has no drive
				do_qmp device_add '{"driver":"virtio-blk-pci","id":"bad'$i'"}' return >/dev/null && return 1
				id=hot$((n++))
				hmp "device_add $drv,id=$id,addr=0x10" && do_qmp device_del "{\"id\":\"$id\"}" return || return 1
				# in place of the guest: the slot may be ejected
				hmp "o /4 0xae10 0" && hmp "o /4 0xae08 0x10000" || return 1
				while do_qmp qom-list '{"path":"/machine/peripheral/'$id'"}' return >/dev/null; do :; done
			done
		done
		ask '{"execute":"quit"}' return
	}
	churn || { kill $rec; wait $rec; cat "$tmp/$name.err"; return 1; }
	wait $rec
	exec 8>&- 9>&-
	none_lost "$name" || return 1
	# the steps of a device are those of one object, and have its class
	said=$(json "$name" 'lifecycle.step == instance_init || lifecycle.step == realize' '"\(.device) \(.lifecycle.step) \(.lifecycle.text)"')
	want "steps of other classes" "$(awk '{ sub(/[0-9]*$/, "", $1) } $3 !~ "^virtio-" $1' <<<"$said")" "" || return 1
	want "devices begun" "$(grep -c instance_init <<<"$said")" 18 &&
		want "devices begun twice" "$(grep instance_init <<<"$said" | sort | uniq -d)" "" || return 1
	want "devices that did not end" "$(json "$name" device_info '"\(.device) \(.device_info.flags)"' |
		awk '{ flags[$1] = $2 } END { for (d in flags) if (flags[d] < 8) print d }')" "" || return 1
	# QEMU may have freed a device before it could be read: then it has no id, but never another's
	want "ids of two devices" "$(json "$name" 'device_info.id' '"\(.device_info.id) \(.device)"' | grep '^hot' | sort -u |
		cut -d' ' -f1 | uniq -d)" ""
}

light_unplug() { # QEMU: no look at the counts is due before the disk goes
	local name=light$1
	come_and_go "$name" "$1" --light=1h || return 1
	reads() {
		json "$name" "tally && device == $1" '.tally.groups[]? | select(.type == "IN") | .used' |
			awk '{ n += $1 } END { print n + 0 }'
	}
	more "reads of the first" "$(reads blk1)" 10 && more "reads of the second" "$(reads blk2)" 7
}

filters() {
	record flt 7 two-disks "read,n=20;read,dev=vdb,n=20" -d blk1 --delivery --no-lifecycle || return 1
	none_lost flt || return 1
	want devices "$(json flt device_info '"\(.device):\(.device_info.id)"' | identified | cut -d: -f2 | sort -u)" blk1 || return 1
	more "completions of blk1" "$(count flt used)" 20 || return 1
	more "MSI-X messages" "$(count flt 'interrupt.kind == msix')" 15 || return 1
	want "lifecycle steps" "$(count flt lifecycle)" 0 || return 1
	record flq 7 mq4 "read,n=12,cpu=0-3" --queue 2 --queue 3 || return 1
	want "other queues" "$(count flq '(avail || used || kick) && queue != 2 && queue != 3')" 0 || return 1
	more "completions of queue 3" "$(count flq 'used && queue == 3')" 12 && none_lost flq
}

# A frame of 6,000 bytes fills several buffers of the driver: published at once.
batched() {
	local port=$((20000 + $$ % 20000)) rec i
	record net 7 q1 "ping,1;sleep,3" -- \
		--arg -netdev --arg "socket,id=n0,udp=127.0.0.1:$((port + 1)),localaddr=127.0.0.1:$port" \
		--arg -device --arg "virtio-net-pci,netdev=n0,id=nic0,romfile=,mac=52:54:00:12:34:56" &
	rec=$!
	step net 2 # the interface is up
	{ printf '\xff\xff\xff\xff\xff\xff\x52\x54\x00\x00\x00\x01\x08\x00'; head -c 6000 /dev/zero; } >"$tmp/frame"
	exec 7<>"/dev/udp/127.0.0.1/$port"
	for i in 1 2 3; do
		dd if="$tmp/frame" bs=6014 status=none >&7
	done
	exec 7>&-
	wait $rec || return 1
	none_lost net || return 1
	[ "$(count net 'device == "net0" && used.flags & BATCHED')" -gt 0 ] || {
		echo "no batch: the driver's queue is not up here"
		return 77
	}
	# used positions follow one another, batched or not
	want "gaps in the used ring" "$(json net 'device == "net0" && queue == 0 && used' .used.pos |
		awk 'NR > 1 && $1 != last + 1 { n++ } { last = $1 } END { print n + 0 }')" 0
}

others() { # no garbage from devices that are only known by their rings
	record oth 7 q1 "read,n=5;sleep,1" -- --arg -device --arg virtio-scsi-pci,id=scsi0 \
		--arg -device --arg virtio-rng-pci,id=rng0 --arg -device --arg virtio-balloon-pci,id=bal0 \
		--arg -drive --arg "file=null-co://,if=none,id=nul,format=raw" \
		--arg -device --arg scsi-hd,drive=nul,bus=scsi0.0 || return 1
	none_lost oth || return 1
	want classes "$(json oth device_info '"\(.device):\(.device_info.id)"' | identified | sort -u | tr '\n' ' ')" \
		"balloon0:bal0 blk0:blk0 rng0:rng0 scsi0:scsi0 " || return 1
	# SeaBIOS asks the SCSI disk, Linux the random number generator
	more "scsi completions" "$(count oth 'device == "scsi0" && used')" 2 &&
		more "rng completions" "$(count oth 'device == "rng0" && used.len > 0')" 1 || return 1
	want "chains of no sense" "$(count oth 'avail.flags & BAD_HEAD || avail.flags & BAD_NEXT || avail.flags & DERIVED')" 0
}

vhost_user() {
	command -v qemu-storage-daemon >/dev/null || { echo "no qemu-storage-daemon"; return 77; }
	truncate -s 16M "$tmp/vu.img"
	qemu-storage-daemon --blockdev "driver=file,node-name=f,filename=$tmp/vu.img" --export \
		"type=vhost-user-blk,id=e,node-name=f,writable=on,addr.type=unix,addr.path=$tmp/vu.sock" &
	local daemon=$! rc
	while ! listens "$tmp/vu.sock" && kill -0 $daemon; do sleep 0.1; done
	record vu 7 q1 "read,dev=vdb,n=10;read,n=3" -- --machine q35,memory-backend=m0 \
		--arg -object --arg memory-backend-memfd,id=m0,size=256M,share=on \
		--arg -chardev --arg "socket,id=c0,path=$tmp/vu.sock" --arg -device --arg vhost-user-blk-pci,id=vu0,chardev=c0
	rc=$?
	kill $daemon
	wait $daemon 2>/dev/null
	[ $rc = 0 ] && none_lost vu || return 1
	grep -q "its data path is not in this QEMU" "$tmp/vu.err" || { cat "$tmp/vu.err"; return 1; }
	more notes "$(count vu 'note && device == "blk1"')" 1 || return 1
	more "status writes" "$(count vu 'device == "blk1" && register.field == "device_status" && register.op == write')" 4 &&
		want requests "$(count vu 'device == "blk1" && avail')" 0
}

# virtio-mmio without a guest: its registers and memory are driven by hand (4.2).
mmio() { # QEMU
	local name=mmio$1 rec s a base line
	truncate -s 1M "$tmp/$name.img"
	pipes "$name"
	"$vqtrace" record -q -w "$tmp/$name.pcap" -- "$(qemu_of "$1")" -machine microvm,accel=tcg -S -m 64 \
		-display none -nodefaults -global virtio-mmio.force-legacy=false \
		-blockdev "driver=raw,node-name=d0,file.driver=file,file.filename=$tmp/$name.img" \
		-device virtio-blk-device,drive=d0,id=mblk -qtest "pipe:$tmp/$name" -qtest-log /dev/null 2>/dev/null &
	rec=$!
	q() {
		echo "$1" >&8
		while read -r -t 60 line <&9; do
			case $line in OK*) echo "${line#OK }"; return ;; esac
		done
		return 1
	}
	w() { q "writel $((base + $1)) $2" >/dev/null; }
	for ((s = 0; s < 24; s++)); do
		base=$((0xfeb00000 + s * 512))
		[ "$(q "readl $((base + 8))")" = 0x0000000000000002 ] && break
	done
	# reset to FEATURES_OK with VERSION_1, a queue of 8 at 1 MiB, DRIVER_OK
	for a in "0x70 0" "0x70 1" "0x70 3" "0x24 1" "0x20 1" "0x24 0" "0x20 0" "0x70 11" "0x30 0" "0x38 8" \
		"0x80 0x100000" "0x84 0" "0x90 0x101000" "0x94 0" "0xa0 0x102000" "0xa4 0" "0x44 1" "0x70 15"; do
		# shellcheck disable=SC2086 # two words
		w $a
	done
	# a read of sector 3: header, 512 bytes, status
	for a in "0x110000 16 0x00000000000000000300000000000000" \
		"0x100000 16 0x00001100000000001000000001000100" "0x100010 16 0x00001200000000000002000003000200" \
		"0x100020 16 0x00001300000000000100000002000000" "0x101000 6 0x000001000000"; do
		q "write $a" >/dev/null
	done
	w 0x50 0
	for ((s = 0; s < 600; s++)); do
		[ "$(q "read 0x102002 2")" = 0x0100 ] && break
		sleep 0.1
	done
	kill $rec
	wait $rec
	exec 8>&- 9>&-
	none_lost "$name" || return 1
	want devices "$(json "$name" device_info '"\(.device):\(.device_info.id)"' | identified | sort -u | tr '\n' ' ')" \
		"blk0:mblk " || return 1
	more "status writes" "$(count "$name" 'register.region == mmio && register.field == "Status" && register.op == write')" 5 || return 1
	more kicks "$(count "$name" kick)" 1 && want request \
		"$(json "$name" 'avail' '.avail.request | "\(.type) \(.sector) \(.bytes)"')" "in 3 512" &&
		want completion "$(count "$name" 'used.status == OK && used.len == 513')" 1
}

# Guest memory in two pieces, with the buffers in the upper one.
high_memory() {
	[ "$(awk '/MemAvailable/ { print $2 }' /proc/meminfo)" -gt 7000000 ] || { echo "too little memory"; return 77; }
	record high 7 q1 "write,bs=16k,n=30,qd=4;verify,bs=16k,n=30;read,bs=4k,n=50,qd=8" -- --mem 5120 || return 1
	none_lost high || return 1
	more "chains above 4 GiB" "$(json high 'avail && request.type == out' \
		'select(.avail.descriptors | map(.addr) | max >= 4294967296) | .seq' | wc -l)" 20 || return 1
	want "undecoded requests" "$(count high 'used && not request.type')" 0 || return 1
	# The ring teaches where it all is; at worst ring, table and buffers do so one by one.
	more "read late" 3 "$(count high data)"
}

# Two megabytes in two requests of 256 buffers, 1,024 bytes of each kept.
long_chains() {
	record long 7 q1 "write,bs=1m,iov=256,n=2" -s 1024 -- --blk queue-size=1024 || return 1
	none_lost long || return 1
	more continuations "$(count long 'avail.first > 200')" 4 || return 1
	want "the last of a chain says so" "$(json long 'request.type == out' '.avail | select(. != null) | [.head, .first // 0, .flags % 2] | join(" ")' |
		awk '$2 == 0 && open { bad++ } { open = $3 } END { print bad + open + 0 }')" 0 || return 1
	more "bytes of the trace" "$(stat -c %s "$tmp/long.pcap")" $((512 * 1032))
}

# More queues than there is room for: every record of the others is counted, in its place.
no_room() {
	record room 7 mq4 "read,n=20,cpu=0-3" --tables 2 || return 1
	local n
	n=$(json room loss .loss.lost | awk '{ n += $1 } END { print n + 0 }')
	more "records lost" "$n" 100 && want "in the summary" "$(sed -n 's/.* \([0-9]*\) lost$/\1/p' "$tmp/room.err" | tail -n 1)" "$n" &&
		want "of recorded queues" "$(count room 'loss && (queue == 0 || queue == 1)')" 0 &&
		want reasons "$(json room loss .loss.why | sort -u)" limit
}

# What a late trace knows: QEMU's memory, and QMP alone where that is safe to ask.
late() { # QEMU [--qmp-only]
	local name=late$1${2:-} qemu i rc=0
	truncate -s 64M "$tmp/$name.img"
	eval "$(tests/lab/guest-cmd --qemu "$1" --disk "$tmp/$name.img" --serial "$tmp/$name.serial" --run "read,n=5;sleep,600" \
		--qmp "$tmp/$name.sock" --arg -device --arg virtio-balloon-pci,id=bal0 net) >'$tmp/$name.out' 2>&1 &"
	qemu=$!
	step "$name" 2 || { cat "$tmp/$name.out"; kill $qemu; return 1; }
	"$vqtrace" record -q -w "$tmp/$name.pcap" -p $qemu --qmp "$tmp/$name.sock" ${2:+"$2"} --duration 1s || rc=1
	kill -0 $qemu || { echo "QEMU did not survive being asked"; rc=1; }
	kill $qemu
	wait $qemu 2>/dev/null
	[ $rc = 0 ] || return 1
	want devices "$(json "$name" 'device_info.flags & LATE' .device_info.id | sort | tr '\n' ' ')" "bal0 blk0 nic0 " || return 1
	want "ready devices" "$(count "$name" 'device_state.status & DRIVER_OK')" 3 || return 1
	want "with features" "$(json "$name" device_state '.device_state | select(.accepted != null and .offered != null) | 1' | wc -l)" 3 || return 1
	want queues "$(json "$name" queue_state '"\(.device):\(.queue) \(.queue_state.size)"' | sort | tr '\n' ',')" \
		"balloon0:0 128,balloon0:1 128,balloon0:2 128,blk0:0 256,net0:0 256,net0:1 256,net0:2 64," || return 1
	want "without addresses" "$(json "$name" queue_state '.queue_state | select((.desc // 0) == 0)' | wc -l)" 0
}

# KVM without a guest system: SeaBIOS reads, a boot sector reads one more and leaves.
kvm() { # QEMU on|off
	[ -w /dev/kvm ] || { echo "no KVM here"; return 77; }
	local name=kvm$1$2 rc
	truncate -s 16M "$tmp/$name.img"
	# int 13h, function 42h, then a byte to isa-debug-exit
	{ printf '\xfa\x31\xc0\x8e\xd8\x8e\xc0\x8e\xd0\xbc\x00\x7c\xfb\xbe\x90\x7c\xb4\x42\xcd\x13'
	  printf '\xba\x01\x05\xb0\x31\xee\xf4\xeb\xfd'; } |
		dd of="$tmp/$name.img" conv=notrunc status=none
	printf '\x10\x00\x01\x00\x00\x80\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00' |
		dd of="$tmp/$name.img" bs=1 seek=144 conv=notrunc status=none
	printf '\x55\xaa' | dd of="$tmp/$name.img" bs=1 seek=510 conv=notrunc status=none
	timeout 240 "$vqtrace" record -q -w "$tmp/$name.pcap" -- "$(qemu_of "$1")" -machine q35,accel=kvm -m 64 \
		-display none -nodefaults -no-reboot -device isa-debug-exit \
		-blockdev "driver=raw,node-name=d0,file.driver=file,file.filename=$tmp/$name.img" \
		-device "virtio-blk-pci,drive=d0,id=blk0,bootindex=0,ioeventfd=$2" 2>"$tmp/$name.err"
	rc=$?
	[ $rc != 124 ] || { cat "$tmp/$name.err"; echo "SeaBIOS never came to the boot sector"; return 1; }
	none_lost "$name" || return 1
	more "register accesses" "$(count "$name" register)" 50 && want "requests" \
		"$(json "$name" 'avail.request.type == in' .avail.request.sector | tr '\n' ' ')" "0 3 " || return 1
	want completions "$(count "$name" 'used.status == OK')" 2 || return 1
	if [ "$2" = on ]; then
		more "kicks by ioeventfd" "$(count "$name" 'kick.via == ioeventfd')" 2
	else
		want "kicks by register" "$(count "$name" 'kick.via == mmio')" 2
	fi
}

plan 18 2
check "hotplug and unplug on QEMU 7.2" hotplug 7
check "objects at reused addresses on QEMU 7.2" reused 7
check "objects at reused addresses on QEMU 11" reused 11
check "light recording counts to the end of an unplugged disk" light_unplug 11
check "hotplug and unplug on QEMU 11" hotplug 11
check "only what was asked for; MSI-X messages" filters
check "network buffers published together" batched
check "scsi, rng and balloon" others
check "vhost-user: the data path is elsewhere" vhost_user
check "virtio-mmio on QEMU 7.2" mmio 7
check "virtio-mmio on QEMU 11" mmio 11
check "memory above 4 GiB" high_memory
check "chains longer than a record" long_chains
check "no room for a queue" no_room
check "KVM with ioeventfd on QEMU 7.2" kvm 7 on
check_more "KVM without ioeventfd on QEMU 7.2" kvm 7 off
check_more "KVM with ioeventfd on QEMU 11" kvm 11 on
check "KVM without ioeventfd on QEMU 11" kvm 11 off
check "idle devices before the capture, QEMU 7.2, by QMP alone" late 7 --qmp-only
check "idle devices before the capture, QEMU 11" late 11
finish
