#!/bin/bash
# SPDX-License-Identifier: MIT
# Replay against QEMU's own devices: every shipped trace, recorded on either QEMU,
# replays on both without an undeclared difference; a QEMU with a different device is
# reported; so is a program that is no QEMU, hangs or dies; no process or file is left.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

trace=traces/qemu7-q1.pcap
long=traces/qemu7-edk2-net.pcap # 50 s, with its pauses
export VQT_TEST_MARK=replay-qemu-$$ # inherited by all that is started here
export TMPDIR=$tmp/files
mkdir "$TMPDIR"

# Devices that are not played against QEMU: each is named, with the reason.
not_played() { # TRACE QEMU
	"$vqtrace" replay -r "$1" --against "qemu=$2" -T json >"$tmp/json" 2>"$tmp/err"
	[ $? = 2 ] && grep -q 'no device of this trace was replayed' "$tmp/err" &&
		jq -e '.devices | length > 0 and all(.played == false and (.why | length > 20))' "$tmp/json" >/dev/null && return 0
	cat "$tmp/json" "$tmp/err"
	return 1
}

plays() { # TRACE QEMU
	local registers=100 requests=0
	case $1 in
	*microvm* | *arm64* | *riscv64* | *rng.pcap | *console.pcap | *scsi.pcap) not_played "$@"; return ;;
	*late*) registers=0 ;; # set up before the trace
	*kvm*) requests=-1 ;; # KVM sees no rings
	esac
	"$vqtrace" replay -r "$1" --against "qemu=$2" -T json >"$tmp/json" 2>"$tmp/err" ||
		{ jq -c '.differences[]' "$tmp/json"; cat "$tmp/err"; return 1; }
	"$vqtrace" replay -r "$1" -T json >"$tmp/emu.json" 2>"$tmp/err"
	[ $? != 1 ] || return 1
	# three ways: what was played to our device was compared with QEMU's
	jq -es '.[0] as $q | .[1] as $e | $q.divergences == 0 and $q.unmet == [] and
		$q.registers.compared == $q.registers.equal and $q.requests.compared == $q.requests.equal and
		$q.interrupts.compared == $q.interrupts.equal and $q.data.compared == $q.data.equal and
		$q.rings.compared == $q.rings.equal and $q.registers.compared > '$registers' and
		$q.registers.compared + $q.registers.not_compared ==
			$e.registers.compared + $e.registers.not_compared and
		$q.requests.not_compared == 0 and $q.requests.compared > '$requests' and
		$q.requests.compared == $e.requests.compared + $e.requests.not_compared' \
		"$tmp/json" "$tmp/emu.json" >/dev/null || { cat "$tmp/json" "$tmp/emu.json"; return 1; }
}

writes() { # QEMU TRACE: the replay as a trace has all requests, and plays as the recording does
	"$vqtrace" replay -q -r "traces/$2.pcap" --against "qemu=$1" -w "$tmp/w.pcap" || return 1
	[ "$("$vqtrace" show -r "$tmp/w.pcap" -Y 'event == used' | wc -l)" = \
		"$("$vqtrace" show -r "traces/$2.pcap" -Y 'event == used' | wc -l)" ] || { echo "requests are missing"; return 1; }
	"$vqtrace" show -r "$tmp/w.pcap" | grep 'replay against QEMU'
	"$vqtrace" replay -r "$tmp/w.pcap"
}

# A machine unlike those of the shipped traces: memory above 4 GiB, the disk behind a PCIe port.
record_large() {
	local line=() args=() a
	[ -e build/guest/vmlinuz ] || { echo "no guest (make guest)"; return 77; }
	"$vqtrace" doctor >/dev/null 2>&1 || { echo "recording is not possible here"; return 77; }
	eval "line=($(tests/lab/guest-cmd --mem 5000 --disk "$tmp/large.img" --serial "$tmp/serial" \
		--run 'id;read,n=20,qd=4,rand;write,n=10;rebind;read,n=5' q1))"
	for a in "${line[@]}"; do
		case $a in
		virtio-blk-pci*) args+=(pcie-root-port,id=rp0,addr=7.0 -device "${a/addr=04.0/bus=rp0,addr=0.0}") ;;
		*) args+=("$a") ;;
		esac
	done
	timeout -k 3 300 "$vqtrace" record -q -w "$tmp/large.pcap" -- "${args[@]}" &&
		grep -q 'VQT DONE rc=0' "$tmp/serial"
}

plays_large() { # QEMU
	[ -s "$tmp/large.pcap" ] || { echo "no recording"; return 77; }
	"$vqtrace" replay -r "$tmp/large.pcap" --against "qemu=$1" -T json >"$tmp/json" || { cat "$tmp/json"; return 1; }
	jq -e '.requests.compared > 35 and .registers.compared > 400' "$tmp/json" >/dev/null || { cat "$tmp/json"; return 1; }
	# a ring above 4 GiB, and Express capabilities, are really in it
	"$vqtrace" show -r "$tmp/large.pcap" | grep -qE 'enable, size 256, desc 0x[0-9a-f]{9}' &&
		"$vqtrace" show -r "$tmp/large.pcap" | grep -q 'device_capabilities'
}

wrapper() { # NAME SCRIPT: "$@" is QEMU's command line
	printf '#!/bin/bash\n%s\n' "$2" >"$tmp/$1"
	chmod +x "$tmp/$1"
}

# Another device than the recorded one: change an argument of QEMU, and expect replay to report it.
other() { # FROM TO SUBJECT EVENT
	wrapper other "exec ${qemu@Q} \"\${@//${1//\"/\\\"}/${2//\"/\\\"}}\""
	"$vqtrace" replay -r $trace --against "qemu=$tmp/other" >"$tmp/out" 2>"$tmp/err"
	[ $? = 1 ] || { cat "$tmp/out" "$tmp/err"; return 1; }
	grep -qE "^event $4 .*$3" "$tmp/out" || { grep ^event "$tmp/out"; return 1; }
}

# The number of the first event that matches.
event() { # FILTER
	"$vqtrace" show -r $trace -T json -Y "$1" -c 1 | jq .number
}

trouble() { # BINARY WORDS: exit 2, and one line that says it
	"$vqtrace" replay -r $trace --against "qemu=$1" >"$tmp/out" 2>"$tmp/err"
	[ $? = 2 ] && grep -q "$2" "$tmp/err" && [ "$(wc -l <"$tmp/err")" -le 2 ] && return 0
	cat "$tmp/out" "$tmp/err"
	return 1
}

dies() { # in the middle of a replay that takes as long as the recording
	wrapper dies "case \"\$*\" in *'-machine none'*) exec ${qemu@Q} \"\$@\" ;; esac
		${qemu@Q} \"\$@\" & sleep 3; kill -SEGV \$!; wait \$!; echo 'gone for a reason' >&2; exit 9"
	"$vqtrace" replay --realtime -r $long --against "qemu=$tmp/dies" >"$tmp/out" 2>"$tmp/err"
	[ $? = 2 ] && grep -q 'ended with status 9: gone for a reason' "$tmp/err" && return 0
	cat "$tmp/out" "$tmp/err"
	return 1
}

marked() { # QEMUs of this test ([]: not the greps that look for them)
	local p
	for p in /proc/[0-9]*; do
		grep -qsz "^VQT_TEST_MARK=$VQT_TEST_MARK\$" "$p/environ" &&
			tr '\0' ' ' <"$p/cmdline" 2>/dev/null | grep -e '-[q]test' -e '-[m]achine none'
	done
	return 0
}

nothing_left() {
	local _
	for _ in $(seq 600); do
		[ -z "$(marked)" ] && break
		sleep 0.1
	done
	[ -z "$(marked)" ] || { marked; return 1; }
	[ -z "$(ls -A "$TMPDIR")" ] || { ls -A "$TMPDIR"; return 1; }
}

killed() { # vqtrace itself: QEMU goes with it
	local pid _
	"$vqtrace" replay --realtime -r $long --against "qemu=$qemu" >/dev/null 2>&1 &
	pid=$!
	for _ in $(seq 600); do
		marked | grep -q -e '-[q]test' && break
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	marked | grep -q -e '-[q]test' || { echo "no QEMU was started"; return 1; }
	kill -KILL $pid
	wait $pid 2>/dev/null
	nothing_left
}

contents() { # a disk given by the user is read, and stays as it is
	truncate -s 64M "$tmp/disk.img"
	# what the trace does not tell: QEMU's disk has it, so a read differs
	printf 'not what was there' | dd of="$tmp/disk.img" conv=notrunc status=none
	md5sum "$tmp/disk.img" >"$tmp/sum"
	"$vqtrace" replay -r $trace --disk "$tmp/disk.img" --against "qemu=$qemu" >"$tmp/out"
	[ $? = 1 ] && grep -q 'request.data' "$tmp/out" && md5sum -c --quiet "$tmp/sum"
}

hangs() { # begun before the others, as it takes 20 s
	wait "$hanging"
	[ $? = 2 ] && grep -q 'said nothing for 20 s: is it QEMU?' "$tmp/hangs.err" || { cat "$tmp/hangs.err"; return 1; }
}

qemu=$(command -v qemu-system-x86_64) || { echo "1..0 # SKIP no qemu-system-x86_64"; exit 0; }
qemus=("$qemu")
[ -x "$VQT_QEMU11" ] && qemus+=("$VQT_QEMU11")
all=(traces/qemu*.pcap) # the others have no registers: QEMU's device cannot be set up from them
plan $((${#all[@]} * ${#qemus[@]} + 5 * ${#qemus[@]} + 14))
wrapper hang 'sleep 1000'
"$vqtrace" replay -r $trace --against "qemu=$tmp/hang" >"$tmp/hangs.out" 2>"$tmp/hangs.err" &
hanging=$!
for q in "${qemus[@]}"; do
	for t in "${all[@]}"; do
		check "$t against $q" plays "$t" "$q"
	done
done
for q in "${qemus[@]}"; do
	for t in qemu7-mq4 qemu7-packed qemu11-intx qemu7-legacy; do
		check "$t against $q, written as a trace" writes "$q" $t
	done
done
check "a recording with memory above 4 GiB, behind a PCIe port" record_large
for q in "${qemus[@]}"; do
	check "... against $q" plays_large "$q"
done
check "another feature is found out" other '"event_idx": true' '"event_idx": false' \
	register.common.device_feature "$(event 'register.field == device_feature')"
check "another serial number" other VQT-BLK0 VQT-BLKX request.data \
	"$(event 'request.type == get_id && event == used')"
check "no MSI-X" other '"vectors": 2' '"vectors": 0' register.pci '[0-9]+'
check "a disk of the user's" contents
check "no such program" trouble /nonexistent/qemu 'not found; install it'
check "no program" trouble /etc/passwd 'cannot be run: Permission denied'
check "not QEMU" trouble "$(command -v true)" 'ended with status 0.*is it QEMU?'
wrapper noise 'echo "hello, I am not QMP" >&3; sleep 1000'
check "no QMP" trouble "$tmp/noise" 'does not speak QMP'
wrapper refuses "exec ${qemu@Q} \"\$@\" -device nosuch"
check "a program that says nothing" hangs
check "QEMU that refuses its options" trouble "$tmp/refuses" 'nosuch.* is not a valid device model'
check "QEMU that dies in the middle" dies
check "vqtrace is killed in the middle" killed
check "no process, no file is left" nothing_left
finish
