#!/bin/bash
# SPDX-License-Identifier: MIT
# Sampling of idle rings (record --sample): a real driver that does not kick is reported,
# and one that kicks is not, also under load, while QMP pauses the machine, and while the
# process is stopped.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

stalls='kick-missing*,kick-ignored,device-asleep,kick-unserved,interrupt-missing*'

count() { # TRACE FILTER
	"$vqtrace" show -r "$1" -T json -Y "$2" | wc -l
}

declare -A device=([driver]=disable-modern=on,disable-legacy=off [packed]=disable-legacy=on,packed=on)
declare -A rule=([driver]='must: kick-missing' [packed]='structural: kick-missing-packed')

image() { # NAME DRIVER OPTIONS...: of the assembler
	local name=$1 source=tests/lab/quiet-$2.S
	shift 2
	as --32 "$@" -o "$tmp/$name.o" "$source" &&
		objcopy -O binary -j .text "$tmp/$name.o" "$tmp/$name.img" &&
		truncate -s 1M "$tmp/$name.img"
}

# Was it reported that the driver does not kick?
reported() { # NAME DRIVER
	grep -q "^${rule[$2]} by" "$tmp/$1.err"
}

# Has the driver used its queue, and gone on for ten seconds?
went_on() { # NAME
	[ "$(count "$tmp/$1.pcap" 'avail && device_status & DRIVER_OK')" -ge 2 ] &&
		[ "$(count "$tmp/$1.pcap" 'sample.why == periodic')" -ge 3 ] && sleep 10
} 2>/dev/null # not there yet, or still growing

# A driver of tests/lab on a QEMU, until reported or went_on is true.
driver() { # UNTIL NAME DRIVER QEMU OPTIONS...: of the assembler
	local until=$1 name=$2 kind=$3 qemu=$4 rec
	shift 4
	image "$name" "$kind" "$@" || return 1
	rm -f "$tmp/$name.pcap" # the other driver's
	: >"$tmp/$name.err"
	"$vqtrace" record --check --sample 500ms -w "$tmp/$name.pcap" -- "$qemu" \
		-machine q35,accel=tcg -m 64 -display none -nodefaults \
		-drive "file=$tmp/$name.img,format=raw,if=none,id=d" \
		-device "virtio-blk-pci,drive=d,addr=4,${device[$kind]}" \
		2>"$tmp/$name.err" &
	rec=$!
	until_true $until "$name" "$kind"
	kill -INT $rec
	wait $rec
}

assembler() {
	command -v as >/dev/null && command -v objcopy >/dev/null || { echo "binutils is not installed"; return 77; }
}

no_kick() { # NAME DRIVER QEMU
	assembler || return
	driver reported "$@"
	"$vqtrace" check -r "$tmp/$1.pcap" --rules "$stalls" --severity suspicious >"$tmp/$1.found"
	[ "$(grep -c ' by the d[a-z]*: blk0' "$tmp/$1.found")" = 1 ] &&
		grep -q "^${rule[$2]} by the driver: blk0 queue 0" "$tmp/$1.found" &&
		grep -q "^${rule[$2]} by the driver" "$tmp/$1.err" && return 0
	cat "$tmp/$1.err"
	cat "$tmp/$1.found"
	return 1
}

no_finding() { # TRACE
	"$vqtrace" check -r "$tmp/$1.pcap" --rules "$stalls" --severity suspicious
}

kicks() { # NAME DRIVER QEMU
	assembler || return
	driver went_on "$@" --defsym KICK=1
	[ "$(count "$tmp/$1.pcap" 'avail && device_status & DRIVER_OK')" -ge 2 ] && no_finding "$1"
}

# Under load the machine is paused by QMP, then the process is stopped, for longer than a
# stall takes to be proven.
interrupted() { # QEMU CONFIG
	local name=w$1$2 rec
	mkfifo "$tmp/$name.in" "$tmp/$name.out"
	exec 8<>"$tmp/$name.in" 9<>"$tmp/$name.out"
	tests/lab/guest-cmd --exec --qemu "$1" --serial "$tmp/$name.serial" --pidfile "$tmp/$name.pid" \
		--run "read,bs=4k,t=8,rand,qd=8;sleep,2" --arg -chardev --arg "pipe,id=mon,path=$tmp/$name" \
		--arg -mon --arg chardev=mon,mode=control "$2" -- \
		"$vqtrace" record --sample 20ms -w "$tmp/$name.pcap" -- >"$tmp/$name.out1" 2>"$tmp/$name.err" &
	rec=$!
	until_said "$tmp/$name.serial" 'VQT STEP 1' $rec
	sleep 1
	echo '{"execute":"qmp_capabilities"} {"execute":"stop"}' >&8
	sleep 3
	echo '{"execute":"cont"}' >&8
	sleep 1
	kill -STOP "$(cat "$tmp/$name.pid")"
	sleep 3
	kill -CONT "$(cat "$tmp/$name.pid")"
	wait $rec
	exec 8<&- 9<&-
	grep -q 'VQT DONE rc=0' "$tmp/$name.serial" || { tail -n 5 "$tmp/$name.serial" "$tmp/$name.err"; return 1; }
	echo "samples: $(count "$tmp/$name.pcap" 'sample.why == periodic')," \
		"$(count "$tmp/$name.pcap" 'sample.pending == yes') with a kick pending"
	# A paused machine's kicks cannot be seen on their way.
	[ "$(count "$tmp/$name.pcap" 'sample.why == periodic && sample.pending == unknown')" -ge 1 ] &&
		[ "$(count "$tmp/$name.pcap" 'sample.pending == no')" -ge 1 ] && no_finding "$name"
}

# Our own device samples, too. It looks often: it has to see the ring while it is empty.
served() { # DRIVER SERVE-OPTIONS...
	local serve kind=$1
	shift
	assembler || return
	[ -x "$VQT_QEMU11" ] || { echo "no QEMU 11 (make qemu11)"; return 77; }
	image s "$kind" || return 1
	rm -f "$tmp/s.sock"
	: >"$tmp/s.err"
	"$vqtrace" serve --disk "$tmp/s.img" "$@" --vfio-user "$tmp/s.sock" --check --sample 10ms \
		-w "$tmp/s.pcap" 2>"$tmp/s.err" &
	serve=$!
	until_true listens "$tmp/s.sock"
	"$VQT_QEMU11" -machine q35,accel=tcg,memory-backend=m0 -m 64 -display none -nodefaults \
		-object memory-backend-memfd,id=m0,size=64M,share=on \
		-device "{'driver':'vfio-user-pci','addr':'4','id':'d0','socket':{'type':'unix','path':'$tmp/s.sock'}}" &
	until_true reported s "$kind"
	kill $!
	wait $!
	kill -INT $serve
	wait $serve
	grep -q "^${rule[$kind]} by the driver: blk0 queue 0" "$tmp/s.err" &&
		grep -q '^device  no findings' "$tmp/s.err" && return 0
	cat "$tmp/s.err"
	return 1
}

none() { # --sample 0: none but those at status writes
	tests/lab/guest-cmd --exec --serial "$tmp/none.serial" --run "read,n=20" q1 -- \
		"$vqtrace" record --sample 0 -w "$tmp/none.pcap" -- 2>"$tmp/none.err" || { cat "$tmp/none.err"; return 1; }
	[ "$(count "$tmp/none.pcap" 'sample.why == periodic')" = 0 ] &&
		[ "$(count "$tmp/none.pcap" 'sample.why == status')" -ge 3 ]
}

plan 13 4
for d in driver packed; do
	check "$d: one that does not kick is found on QEMU 7.2" no_kick quiet7 $d qemu-system-x86_64
	check "$d: and on QEMU 11" no_kick quiet11 $d "$VQT_QEMU11"
	check "$d: one that kicks is not on QEMU 7.2" kicks loud7 $d qemu-system-x86_64
	check "$d: nor on QEMU 11" kicks loud11 $d "$VQT_QEMU11"
done
for c in 7:q1 11:packed; do
	check "load, a pause, a stop: no finding on QEMU ${c%:*}, ${c#*:}" interrupted ${c%:*} ${c#*:}
done
for c in 7:iothread 7:packed 11:q1 11:iothread; do
	check_more "load, a pause, a stop: no finding on QEMU ${c%:*}, ${c#*:}" interrupted ${c%:*} ${c#*:}
done
check "our own device finds it, too" served driver --transitional
check "our own device finds it on a packed ring" served packed
check "--sample 0: only at status writes" none
finish
