#!/bin/bash
# SPDX-License-Identifier: MIT
# Conversations over virtio-mmio, of real drivers and of both versions: everything that
# the guest did is in the trace, under the names of the devices.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/mmio.sh
need_recording

show() { # TRACE FILTER JQ
	"$vqtrace" show -r "$tmp/$1.pcap" -T json -Y "$2" | jq -r "$3"
}

want() { # WHAT GOT EXPECTED
	[ "$2" = "$3" ] && return 0
	echo "$1: $2, expected $3"
	return 1
}

# What every one of these conversations has: the version, whole, nothing made up.
whole() { # TRACE VERSION
	want "lost" "$("$vqtrace" show -r "$tmp/$1.pcap" -T json | jq -s '[.[] | (.loss.lost // 0) + (.missing // 0)] | add')" 0 &&
		want "transports" "$(show "$1" device_info .device_info.transport | sort -u)" mmio &&
		want "versions" "$(show "$1" 'register.field == Version && register.op == read' .register.value | sort -u)" "$2" &&
		want "chains of no sense" "$(show "$1" 'avail.flags & BAD_HEAD || avail.flags & BAD_NEXT || avail.flags & DERIVED' .seq)" ""
}

# Our device answers as QEMU's did, register by register.
replays() { # TRACE REQUESTS: so many at least are compared, of the disk
	"$vqtrace" replay -r "$tmp/$1.pcap" -T json >"$tmp/replay.json" &&
		jq -e '.divergences == 0 and ([.devices[] | select(.played | not)] == []) and
			.registers.compared >= 20 and
			.registers.compared + .registers.not_compared >= 40 and .requests.compared >= '"$2" "$tmp/replay.json" >/dev/null ||
		{ jq -c '.differences[], .devices' "$tmp/replay.json"; return 1; }
}

devices() { # TRACE: as they were called last
	show "$1" device_info '"\(.device):\(.device_info.id)"' | grep -v ':null$' | sort -u | tr '\n' ' '
}

# By Linux: the firmware of microvm reads a single sector.
completed() { # TRACE DEVICE TYPE
	show "$1" "device == \"$2\" && used && request.type == $3 && request.bytes >= 4096 && used.status == OK" .seq | wc -l
}

packed_on() { # MACHINE
	[ "$1" = arm64 ] || [ "$1" = microvm11 ]
}

linux() { # MACHINE VERSION
	local name=linux-$1-$2 s=$tmp/linux-$1-$2.serial n
	mmio_machine "$1" "$2"
	mmio_devices all "$([ "$2" = 1 ] || ! packed_on "$1" || echo packed=on)"
	mmio_linux "$1" "sh;ping,3;rebind" "$s" "$vqtrace" record -q -w "$tmp/$name.pcap" -- || return 1
	whole "$name" "$2" && want devices "$(devices "$name")" "blk0:blk0 console0:ser0 net0:nic0 rng0:rng0 " || return 1
	# the kernel's own count of reads, in both of the driver's lives
	n=$(awk '/^VQSTAT vda/ { reads += $3; writes += $7 } END { print reads, writes }' "$s")
	want "reads and writes" "$(completed "$name" blk0 in) $(completed "$name" blk0 out)" "$n" || return 1
	replays "$name" 10 || return 1
	want "port" "$(cat "$tmp/mmio.said")" "from guest" || return 1
	# an interrupt is acknowledged by what InterruptStatus said (4.2.3.3)
	show "$name" 'register.field == InterruptStatus || register.field == InterruptACK' \
		'"\(.device) \(.register.op) \(.register.value)"' | awk '
		$2 == "read" { status[$1] = $3 }
		$2 == "write" { n++; if ($3 != status[$1]) print "acknowledged " $0 ", status " status[$1] }
		END { if (!n) print "no interrupt was acknowledged" }' | head -n 3 | { ! grep .; }
}

uboot() { # MACHINE VERSION
	local name=uboot-$1-$2
	mmio_machine "$1" "$2"
	mmio_devices few
	mmio_uboot "$1" "$tmp/$name.serial" "$vqtrace" record -q -w "$tmp/$name.pcap" -- || return 1
	whole "$name" "$2" && want devices "$(devices "$name")" "blk0:blk0 net0:nic0 " &&
		want "bytes written" "$(show "$name" 'used && request.type == out' '.used.request.bytes // .request.bytes' | awk '{ n += $1 } END { print n }')" 8192 &&
		replays "$name" 4
}

plan 3 7
check "Linux on microvm of QEMU 7.2, version 1" linux microvm7 1
check "Linux on microvm of QEMU 11, version 2, packed rings" linux microvm11 2
check "U-Boot on arm64, version 1" uboot arm64 1
check_more "U-Boot on arm64, version 2" uboot arm64 2
check_more "U-Boot on riscv64, version 1" uboot riscv64 1
check_more "U-Boot on riscv64, version 2" uboot riscv64 2
check_more "Linux on arm64, version 1" linux arm64 1
check_more "Linux on arm64, version 2, packed rings" linux arm64 2
check_more "Linux on riscv64, version 1" linux riscv64 1
check_more "Linux on riscv64, version 2" linux riscv64 2
finish
