#!/bin/bash
# SPDX-License-Identifier: MIT
# The requests of any monitor by -i kvm -i memory: against the tap of our own VMM's device, and against
# the probes in a QEMU, all in the same run.  What memory shows and what it says it lost is all that there
# was, and each request that it shows is the one that the other saw.
#
# Its recorder polls with real-time priority, which would take the processors from other tests:
# tests/run: alone
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording
[ -c /dev/kvm ] || { echo "no /dev/kvm here"; exit 77; }
why=$("$vqtrace" doctor -i kvm 2>&1) || { echo "KVM's tracepoints cannot be recorded here: $(grep -i fail <<<"$why" | head -n 1)"; exit 77; }
"$vqtrace" doctor -i memory >/dev/null 2>&1 || { echo "memory of other processes cannot be read here"; exit 77; }

vmm=build/tests/vmm/vmm

events() { # TRACE FILTER
	"$vqtrace" show -r "$1" -T json -Y "$2"
}
count() { # TRACE FILTER
	events "$1" "$2" | wc -l
}

# By position in the ring: the type and the sector of each request that a trace shows.
requests() { # TRACE
	"$vqtrace" show -r "$1" -T json | jq -r 'select(.avail.request.type and .avail.request.type != "not_captured") | .avail as $a | [.queue, $a.pos, $a.request.type, $a.request.sector] | map(tostring) | join(" ")'
}

# All completions of the other trace are seen or lost, and what is seen is the same.
# More may be lost than is counted only where the trace says so: a recorder that waited long for a
# processor cannot know whether an index went round.
same_chains() { # MEMORY OTHER
	local got want lost more
	want=$(count "$2" used)
	got=$(count "$1" used)
	lost=$("$vqtrace" show -r "$1" -T json | jq -s '[.[] | select(.loss and .queue != null) | .loss.lost] | add // 0')
	more=$("$vqtrace" show -r "$1" -T json | jq -s '[.[] | select(.loss.more)] | length')
	echo "completions: $want, by memory $got, $lost lost, $more times more"
	[ "$got" -gt 0 ] || return 1
	[ $((got + lost)) = "$want" ] || { [ "$more" -gt 0 ] && [ $((got + lost)) -lt "$want" ]; } || return 1
}

# What both have by the same position; a ring that is set up again begins anew: in order.
same_requests() { # MEMORY OTHER
	requests "$1" >"$tmp/requests.memory"
	requests "$2" >"$tmp/requests.other"
	echo "requests: $(wc -l <"$tmp/requests.other"), by memory with type and sector $(wc -l <"$tmp/requests.memory")"
	[ -s "$tmp/requests.memory" ] || return 1
	# each of memory's is one of the other's, in the same order
	awk 'NR == FNR { want[NR] = $0; n = NR; next } { while (at < n && want[++at] != $0); if (want[at] != $0) { print "not seen by the other: " $0; exit 1 } }' \
		"$tmp/requests.other" "$tmp/requests.memory"
}

# --- a VMM that is not QEMU ---

own() { # NAME READS VMM-ARGS...
	local name=$1 reads=$2 got
	shift 2
	timeout 300 "$vqtrace" record -i kvm -i memory -w "$tmp/$name.both" -- $vmm "$@" -w "$tmp/$name.tap" "$tmp/guest" "reads=$reads" \
		</dev/null >"$tmp/$name.out" 2>&1
	grep -q "$reads reads done" "$tmp/$name.out" || { cat "$tmp/$name.out"; return 1; }
	same_chains "$tmp/$name.both" "$tmp/$name.tap" && same_requests "$tmp/$name.both" "$tmp/$name.tap" || { cat "$tmp/$name.out"; return 1; }
	[ "$(count "$tmp/$name.both" kick)" = "$reads" ] || { echo "kicks are missing"; return 1; }
	# KVM delivers several as one, if they come close together
	got=$(count "$tmp/$name.both" interrupt)
	[ "$got" -gt 0 ] && [ "$got" -le "$reads" ] || { echo "$got interrupts"; return 1; }
}

registers='select(.register and .register.region != "pci" and .register.region != "notify") | [.register | .region, .op, .offset, .width, .value] | map(tostring) | join(" ")'

accusations() { # TRACE
	"$vqtrace" check --severity suspicious -T json -r "$tmp/$1" | jq -r '.. | objects | select(.rule and .device and .number) | .rule' | sort -u
}

own_vmm() {
	own vmm 2000 || return 1
	"$vqtrace" show -r "$tmp/vmm.both" -T json | jq -r "$registers" >"$tmp/registers.both"
	"$vqtrace" show -r "$tmp/vmm.tap" -T json | jq -r "$registers" >"$tmp/registers.tap"
	diff "$tmp/registers.both" "$tmp/registers.tap" | head
	[ -s "$tmp/registers.both" ] && cmp -s "$tmp/registers.both" "$tmp/registers.tap" || return 1
	"$vqtrace" stat -r "$tmp/vmm.both" -T json >"$tmp/vmm.json"
	jq -e '.devices | length == 1 and (.[0] | .bdf == "0000:00:03.0" and .counts.kicks == 2000 and .counts.used > 0)' "$tmp/vmm.json" >/dev/null ||
		{ jq -c .devices "$tmp/vmm.json"; return 1; }
	"$vqtrace" show -r "$tmp/vmm.both" | grep -q "note: guest memory is read by a read-only mapping of the file that it is (/memfd:ram" ||
		{ "$vqtrace" show -r "$tmp/vmm.both" | grep note; return 1; }
	[ "$(accusations vmm.both)" = "$(accusations vmm.tap)" ] || { accusations vmm.both; return 1; }
}

own_vmm_exits() {
	own exits 200 -k
}

# Each file of a rotation describes its devices and rings.
rotated() {
	local f
	timeout 60 "$vqtrace" record -q -i kvm -i memory -w "$tmp/rot" --rotate-size 200k -W 3 --duration 3s -- $vmm "$tmp/guest" loop \
		</dev/null >"$tmp/rot.out" 2>&1 || { cat "$tmp/rot.out"; return 1; }
	[ -s "$tmp/rot2" ] || { ls "$tmp"; return 1; }
	for f in "$tmp"/rot[0-9]; do
		"$vqtrace" show -r "$f" -T json >"$tmp/json" || return 1
		[ "$(jq -c 'select(.source_info) | .source_info.kind' "$tmp/json" | tr '\n' ' ')" = '"kvm" "memory" ' ] &&
			[ "$(jq -c 'select(.queue_state)' "$tmp/json" | wc -l)" -ge 1 ] ||
			{ head -n 8 "$tmp/json"; return 1; }
		cat "$tmp/json" >>"$tmp/rot.json"
	done
	[ "$(jq -c 'select(.used)' "$tmp/rot.json" | wc -l)" -ge 1 ]
}

# What is not given its other half says what to do.
refused() {
	local pid rc=0
	$vmm "$tmp/guest" loop >"$tmp/loop" 2>&1 </dev/null &
	pid=$!
	until_said "$tmp/loop" ready $pid || rc=1
	"$vqtrace" record -i memory -w "$tmp/no" -p $pid 2>"$tmp/err" && rc=1
	grep -q "is no QEMU system emulator.*add -i kvm and start it" "$tmp/err" || { cat "$tmp/err"; rc=1; }
	"$vqtrace" record -i memory -i kvm -w "$tmp/no" -p $pid 2>"$tmp/err" && rc=1
	grep -q "needs the machine from its start" "$tmp/err" || { cat "$tmp/err"; rc=1; }
	"$vqtrace" record -i kvm -i qemu -w "$tmp/no" -p $pid 2>"$tmp/err" && rc=1
	grep -q "kvm and memory are recorded together" "$tmp/err" || { cat "$tmp/err"; rc=1; }
	"$vqtrace" record -i memory -w "$tmp/no" -- $vmm "$tmp/guest" reads=1 2>"$tmp/err" >/dev/null && rc=1
	grep -q "of another monitor add -i kvm" "$tmp/err" || { cat "$tmp/err"; rc=1; }
	kill -KILL $pid
	wait $pid 2>/dev/null
	return $rc
}

# --- QEMU: the probes in it, KVM's tracepoints and its memory, of one run ---

printf '\xba\x01\x05\xb0\x00\xee\xf4\xeb\xfd' >"$tmp/disk.img"
truncate -s 1M "$tmp/disk.img"

qemu() { # NAME QEMU-ARGS...
	local name=$1
	shift
	timeout 300 "$vqtrace" record -V -i kvm -i memory -w "$tmp/$name.both" -- \
		"$vqtrace" record -q --delivery -w "$tmp/$name.qemu" -- \
		qemu-system-x86_64 -accel kvm -m 64 -nodefaults -display none -no-user-config -device isa-debug-exit \
		-drive "if=none,id=d,format=raw,file=$tmp/disk.img" -kernel "$tmp/guest" -append reads=200 \
		-device virtio-blk-pci,drive=d,disable-legacy=on -serial "file:$tmp/$name.serial" "$@" \
		</dev/null >"$tmp/$name.out" 2>&1
	grep -q 'reads done' "$tmp/$name.serial" || { cat "$tmp/$name.out" "$tmp/$name.serial"; return 1; }
}

# A line an event, as both record it: kvm_test.sh says more of the differences.
lines() { # FILE JQ
	"$vqtrace" show -r "$1" -T json | jq -r 'select(.device)'"| $2"' | map(tostring) | join(" ")'
}
qemu_registers='if .register and (.register | .region != "legacy" or .offset != 16) then [.register | .region, .op, .offset, .width, .value, .via] else empty end'
qemu_kicks='if .kick and (.kick.self | not) then ["kick", .queue] else empty end'

three() { # NAME WAY QEMU-ARGS...
	local name=$1 way=$2 what
	shift 2
	qemu "$name" "$@" || return 1
	for what in registers kicks; do
		lines "$tmp/$name.both" "$([ $what = registers ] && echo "$qemu_registers" || echo "$qemu_kicks")" >"$tmp/$what.both"
		lines "$tmp/$name.qemu" "$([ $what = registers ] && echo "$qemu_registers" || echo "$qemu_kicks")" >"$tmp/$what.qemu"
		echo "$what: $(wc -l <"$tmp/$what.both") and $(wc -l <"$tmp/$what.qemu")"
		[ "$(wc -l <"$tmp/$what.both")" -ge 200 ] || { cat "$tmp/$name.out"; return 1; }
		diff "$tmp/$what.both" "$tmp/$what.qemu" | head -n 10
		cmp -s "$tmp/$what.both" "$tmp/$what.qemu" || return 1
	done
	same_chains "$tmp/$name.both" "$tmp/$name.qemu" && same_requests "$tmp/$name.both" "$tmp/$name.qemu" || { cat "$tmp/$name.out"; return 1; }
	"$vqtrace" show -r "$tmp/$name.both" | grep -q "note: guest memory is read by $way" || { "$vqtrace" show -r "$tmp/$name.both" | grep note; return 1; }
}

# -i memory alone, which knows QEMU's rings by itself, reads the same file.
alone() {
	local pid
	qemu-system-x86_64 -accel kvm -m 64 -nodefaults -display none -no-user-config -device isa-debug-exit \
		-machine pc,memory-backend=m0 -object memory-backend-memfd,id=m0,size=64M,share=on \
		-drive "if=none,id=d,format=raw,file=$tmp/disk.img" -kernel "$tmp/guest" -append loop \
		-device virtio-blk-pci,drive=d,disable-legacy=on -serial "file:$tmp/alone.serial" </dev/null >"$tmp/alone.out" 2>&1 &
	pid=$!
	until_said "$tmp/alone.serial" ready $pid || { cat "$tmp/alone.out"; return 1; }
	"$vqtrace" record -i memory -w "$tmp/alone" -p $pid -c 200 2>"$tmp/alone.err"
	kill $pid
	wait $pid 2>/dev/null
	"$vqtrace" show -r "$tmp/alone" | grep -q "note: guest memory is read by a read-only mapping of the file that it is (/memfd:" &&
		[ "$(count "$tmp/alone" 'avail || used')" -ge 200 ] || { cat "$tmp/alone.err"; "$vqtrace" show -r "$tmp/alone" | head; return 1; }
}

plan 8
check "the guest is built" tests/guest/mkkvm "$tmp/guest"
check "a VMM of our own, against its device's tap" own_vmm
check "a VMM of our own, without ioeventfd" own_vmm_exits
check "files of a rotation" rotated
check "QEMU, private memory, against the probes in it" three private "a system call"
check "QEMU, its memory a shared file" three shared "a read-only mapping" -machine pc,memory-backend=m0 -object memory-backend-memfd,id=m0,size=64M,share=on
check "QEMU alone, its memory a shared file" alone
check "what is refused says what to do" refused
finish
