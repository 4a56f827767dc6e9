#!/bin/bash
# SPDX-License-Identifier: MIT
# KVM's view of a guest against QEMU's, or that of the device of our own VMM, recorded in the same run:
# the same register accesses with the same values in the same order, the same kicks and interrupts. The
# guest is one of our own and SeaBIOS before it: a KVM that runs no Linux will do.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording
[ -c /dev/kvm ] || { echo "no /dev/kvm here"; exit 77; }
why=$("$vqtrace" doctor -i kvm 2>&1) || { echo "KVM's tracepoints cannot be recorded here: $(grep -i fail <<<"$why" | head -n 1)"; exit 77; }

# A disk whose boot sector ends QEMU.
printf '\xba\x01\x05\xb0\x00\xee\xf4\xeb\xfd' >"$tmp/disk.img"
printf '\x55\xaa' | dd of="$tmp/disk.img" bs=1 seek=510 conv=notrunc status=none
truncate -s 1M "$tmp/disk.img"

qemu() { # ARGS...: the machine, with its disk's image as the drive "d"
	echo qemu-system-x86_64 -accel kvm -m 64 -nodefaults -display none -no-user-config -device isa-debug-exit \
		-drive "if=none,id=d,format=raw,file=$tmp/disk.img" "$@"
}

# Recorded from both sides: NAME.kvm and NAME.qemu. The guest ends QEMU.
both() { # NAME QEMU-ARGS...
	local name=$1
	shift
	# shellcheck disable=SC2046
	timeout 300 "$vqtrace" record -V -i kvm -w "$tmp/$name.kvm" -- \
		"$vqtrace" record -q --delivery -w "$tmp/$name.qemu" -- \
		$(qemu "$@" -serial "file:$tmp/$name.serial") </dev/null >"$tmp/$name.out" 2>&1
	[[ $* != *-kernel* ]] || grep -q 'reads done' "$tmp/$name.serial" ||
		{ cat "$tmp/$name.out" "$tmp/$name.serial"; return 1; }
	for side in kvm qemu; do
		"$vqtrace" stat -r "$tmp/$name.$side" -T json | jq -e '.trace.lost == 0' >/dev/null ||
			{ echo "$side has lost records"; return 1; }
	done
}

# A line an event, by device: what both sides record. By KVM a device has another name before its type
# is known; by QEMU its PCI address may be what it was before the guest numbered the buses. QEMU does
# not see the write of a kick by ioeventfd, which is a register of the legacy interface.
lines() { # FILE JQ-OF-EVENT
	"$vqtrace" show -r "$1" -T json | jq -rs '
		(map(select(.device_info.bdf)) | group_by(.device_info.bdf)
			| map([.[].device] as $n | $n[] | { (.): $n[-1] }) | add) as $names
		| .[] | select(.device) | [(if .source == "qemu" then .device else $names[.device] end)] + ('"$2"') | map(tostring) | join(" ")' | sort -s -k 1,1
}
registers='if .register and (.register | .region != "legacy" or .offset != 16) then [.register | .region, .op, .offset, .width, .value, .via] else empty end'
kicks='if .kick and (.kick.self | not) then ["kick", .queue] else empty end'

same() { # NAME WHAT JQ-OF-EVENT AT-LEAST [THE-OTHER-SIDE]
	local name=$1 what=$2 other=${5:-qemu}
	lines "$tmp/$name.kvm" "$3" >"$tmp/$name.$what.kvm"
	lines "$tmp/$name.$other" "$3" >"$tmp/$name.$what.$other"
	echo "$what: $(wc -l <"$tmp/$name.$what.kvm") and $(wc -l <"$tmp/$name.$what.$other")"
	[ "$(wc -l <"$tmp/$name.$what.kvm")" -ge "$4" ] || { cat "$tmp/$name.out"; return 1; }
	diff "$tmp/$name.$what.kvm" "$tmp/$name.$what.$other" | head -n 20
	cmp -s "$tmp/$name.$what.kvm" "$tmp/$name.$what.$other"
}

# The device signals each interrupt that KVM delivers.
messages() { # NAME VECTOR COUNT
	local got want
	got=$("$vqtrace" show -r "$tmp/$1.kvm" -T json | jq -s -c '[.[] | select(.interrupt) | .interrupt.vector] | group_by(.) | map([.[0], length])')
	want=$("$vqtrace" show -r "$tmp/$1.qemu" -T json | jq -s '[.[] | select(.interrupt.kind == "signal")] | length')
	echo "by KVM: $got (vector and how often); QEMU signalled $want"
	[ "$got" = "[[$2,$3]]" ] && [ "$want" = "$3" ]
}

modern() {
	both modern -kernel "$tmp/guest" -append reads=20 -device virtio-blk-pci,drive=d,disable-legacy=on || return 1
	same modern registers "$registers" 200 && same modern kicks "$kicks" 20 && messages modern 1 20
}

# Kicks reach QEMU as writes: their values, and their place among the registers.
no_ioeventfd() {
	local all="if .kick then [\"kick\", .queue, .kick.width, .kick.value] else $registers end"
	both noio -kernel "$tmp/guest" -append reads=20 -device virtio-blk-pci,drive=d,ioeventfd=off || return 1
	same noio all "$all" 220 && [ "$(grep -c kick "$tmp/noio.all.kvm")" = 20 ] && messages noio 1 20
}

two_behind_bridge() {
	both q35 -M q35 -kernel "$tmp/guest" -append reads=3 -device pcie-root-port,id=p1,chassis=1 \
		-device pcie-root-port,id=p2,chassis=2 -object iothread,id=t0 \
		-device virtio-blk-pci,drive=d,bus=p1,iothread=t0 -device virtio-rng-pci,bus=p2 || return 1
	same q35 registers "$registers" 250 && same q35 kicks "$kicks" 3 && messages q35 1 3 || return 1
	"$vqtrace" show -r "$tmp/q35.kvm" -T json | jq -r 'select(.device_info.type > 0) | "\(.device) \(.device_info.bdf)"' |
		sort -u >"$tmp/q35.devices"
	printf 'blk0 0000:01:00.0\nrng0 0000:02:00.0\n' | diff - "$tmp/q35.devices"
}

# The line as it changes: QEMU is told more often.
line='if .interrupt.kind == "intx" then [.interrupt.level] else empty end'
intx() {
	both intx -kernel "$tmp/guest" -append reads=10,intx -device virtio-blk-pci,drive=d || return 1
	same intx registers "$registers" 200 && same intx kicks "$kicks" 10 || return 1
	lines "$tmp/intx.kvm" "$line" >"$tmp/line.kvm"
	{ echo 0; lines "$tmp/intx.qemu" "$line" | cut -d' ' -f2; } | uniq | tail -n +2 >"$tmp/line.qemu"
	cut -d' ' -f2 "$tmp/line.kvm" | diff - "$tmp/line.qemu" || return 1
	# ten at most: the driver may read ISR status before the line is raised
	[ "$(grep -c ' 1$' "$tmp/line.kvm")" -gt 0 ]
}

seabios() { # NAME QEMU-ARGS...: it alone, reading the boot sector
	both "$@" || return 1
	same "$1" registers "$registers" 90 && same "$1" kicks "$kicks" 1
}

# What KVM's view accuses somebody of, QEMU's does, too; and rules that need more are not decidable.
accusations() { # NAME
	local side
	for side in kvm qemu; do
		"$vqtrace" check --severity suspicious -T json -r "$tmp/$1.$side" >"$tmp/$1.$side.json"
		jq -r '.. | objects | select(.rule and .device and .number) | "\(.rule) \(.device) \(.queue)"' \
			"$tmp/$1.$side.json" | sort >"$tmp/$1.$side.found"
	done
	# SeaBIOS's
	grep -q reset-not-awaited "$tmp/$1.kvm.found" || { cat "$tmp/$1.kvm.json"; return 1; }
	comm -23 "$tmp/$1.kvm.found" "$tmp/$1.qemu.found" | grep . && return 1
	"$vqtrace" check -V -r "$tmp/$1.kvm" | grep -q "not decidable here: KVM does not tell" || return 1
	"$vqtrace" check -V -r "$tmp/$1.kvm" | grep -q "not decidable here: descriptor chains were not recorded"
}

observers() {
	"$vqtrace" stat -r "$tmp/modern.kvm" | grep -q "not in the trace: KVM shows registers" || return 1
	"$vqtrace" stat -r "$tmp/modern.kvm" | grep -q "20 kicks; 20 interrupts known to be its own" || return 1
	"$vqtrace" stuck -r "$tmp/modern.kvm" | grep -q "cannot tell" || return 1
	"$vqtrace" show -r "$tmp/modern.kvm" | grep -qE "note: memory slot 0.0: guest-physical 0x0, [0-9]+ bytes" || return 1
	"$vqtrace" show -r "$tmp/modern.kvm" | grep -qE "note: [0-9]+ exits of the guest to user space \(IO [0-9]+" || return 1
	grep -qE "[0-9]+ exits of the guest to user space .*, [0-9.]+ a kick" "$tmp/modern.out" || return 1
	"$vqtrace" replay -r "$tmp/modern.kvm" | grep -q "no difference in what was compared"
}

# Attached to a guest that runs: nothing is known until it reads the configuration space again, and then the
# device is; what was negotiated is not.
late() {
	local pid rc
	# shellcheck disable=SC2046
	$(qemu -kernel "$tmp/guest" -append loop -device virtio-blk-pci,drive=d -serial "file:$tmp/late.serial") &
	pid=$!
	until_said "$tmp/late.serial" ready $pid || return 1
	"$vqtrace" record -i kvm -w "$tmp/late.kvm" -p $pid -c 1000 2>"$tmp/late.err"
	rc=$?
	kill $pid
	wait $pid 2>/dev/null
	cat "$tmp/late.err"
	[ $rc = 0 ] || return 1
	"$vqtrace" show -r "$tmp/late.kvm" -T json >"$tmp/late.json"
	jq -se 'map(select(.device_info.bdf == "0000:00:02.0")) | length > 0' "$tmp/late.json" >/dev/null &&
		jq -se 'map(select(.kick.value == 0 and .queue == 0)) | length > 5' "$tmp/late.json" >/dev/null ||
		{ head -n 20 "$tmp/late.json"; return 1; }
	"$vqtrace" show -r "$tmp/late.kvm" | grep -q "warning: the machine ran before this" || return 1
	"$vqtrace" check --severity suspicious -r "$tmp/late.kvm" | grep -A3 findings
	"$vqtrace" check --severity suspicious -r "$tmp/late.kvm" >/dev/null
}

# Two at the same time: each is a source with devices of its own, and a file of a rotation says so again.
two_machines() {
	local a b rc f
	# shellcheck disable=SC2046
	$(qemu -snapshot -kernel "$tmp/guest" -append loop -device virtio-blk-pci,drive=d -serial "file:$tmp/a.serial") &
	a=$!
	# shellcheck disable=SC2046
	$(qemu -snapshot -kernel "$tmp/guest" -append loop,intx -device virtio-rng-pci -device virtio-blk-pci,drive=d \
		-serial "file:$tmp/b.serial") &
	b=$!
	until_said "$tmp/a.serial" ready $a && until_said "$tmp/b.serial" ready $b || { kill $a $b; return 1; }
	"$vqtrace" record -q -i kvm -w "$tmp/two" -p $a -p $b --rotate-size 64k -W 3 &
	rc=$!
	until_true test -s "$tmp/two2"
	kill -INT $rc
	wait $rc
	rc=$?
	kill $a $b
	wait $a $b 2>/dev/null
	[ $rc = 0 ] || { echo "exit $rc"; return 1; }
	for f in "$tmp"/two*; do
		[ -s "$f" ] || continue
		"$vqtrace" show -r "$f" -T json >"$tmp/json"
		jq -se --argjson a $a --argjson b $b '[.[] | select(.source_info) | .source_info.pid] == [$a, $b]' "$tmp/json" >/dev/null ||
			{ head -n 5 "$tmp/json"; return 1; }
		cat "$tmp/json" >>"$tmp/all"
	done
	jq -r 'select(.device_info) | "\(.device) \(.device_info.bdf)"' "$tmp/all" | sort -u >"$tmp/names"
	jq -r 'select(.kick) | .device' "$tmp/all" | sort -u >>"$tmp/names"
	# which is met first is the first one, in all files
	printf 'blk0\nblk1\n' >"$tmp/kicks"
	{ printf 'blk0 0000:00:02.0\nblk1 0000:00:03.0\n'; cat "$tmp/kicks"; } | cmp -s - "$tmp/names" ||
		{ printf 'blk0 0000:00:03.0\nblk1 0000:00:02.0\n'; cat "$tmp/kicks"; } | diff - "$tmp/names"
}

# In a PID namespace of its own the recorder sees other numbers than the kernel.
namespace() {
	unshare --pid --fork --mount-proc true 2>/dev/null || { echo "no PID namespace can be made here"; return 77; }
	# shellcheck disable=SC2046
	unshare --pid --fork --mount-proc "$vqtrace" record -i kvm -w "$tmp/ns.kvm" -- \
		sh -c "$(qemu -kernel "$tmp/guest" -append reads=2 -device virtio-blk-pci,drive=d); true" </dev/null \
		>"$tmp/ns.out" 2>&1 || { cat "$tmp/ns.out"; return 1; }
	"$vqtrace" show -r "$tmp/ns.kvm" | grep -qE "source 1: kvm .*, pid [1-9]$" && [ "$("$vqtrace" show -r "$tmp/ns.kvm" -Y kick | wc -l)" -ge 2 ] ||
		{ cat "$tmp/ns.out"; "$vqtrace" show -r "$tmp/ns.kvm" | head -n 5; return 1; }
}

# Nothing of virtio is there: that is said, and why.
nothing() {
	# shellcheck disable=SC2046
	"$vqtrace" record -i kvm -w "$tmp/none.kvm" -- $(qemu -kernel "$tmp/guest") </dev/null >"$tmp/none.out" 2>&1
	grep -q "no virtio device was seen" "$tmp/none.out" || { cat "$tmp/none.out"; return 1; }
	"$vqtrace" record -i kvm -w "$tmp/none.kvm" -p 999999 2>"$tmp/none.err" && return 1
	grep -q "there is no process 999999" "$tmp/none.err" || return 1
	"$vqtrace" record -i kvm -w "$tmp/none.kvm" -n web1 2>"$tmp/none.err" && return 1
	grep -q "use -p" "$tmp/none.err"
}

# --- a VMM that is not QEMU, and has no symbols ---

vmm=build/tests/vmm/vmm

# Recorded by KVM and by the tap of its device: NAME.kvm and NAME.tap.
own() { # NAME VMM-ARGS...
	local name=$1
	shift
	strip -o "$tmp/vmm" $vmm || return 1
	timeout 300 "$vqtrace" record -i kvm -w "$tmp/$name.kvm" -- "$tmp/vmm" "$@" -w "$tmp/$name.tap" "$tmp/guest" reads=20 \
		</dev/null >"$tmp/$name.out" 2>&1
	grep -q '20 reads done' "$tmp/$name.out" && grep -q ' 0 lost' "$tmp/$name.out" || { cat "$tmp/$name.out"; return 1; }
}

own_vmm() {
	local f
	own vmm && same vmm registers "$registers" 90 tap && same vmm kicks "$kicks" 20 tap || return 1
	"$vqtrace" show -r "$tmp/vmm.kvm" >"$tmp/vmm.text"
	for f in "device_status ← ACKNOWLEDGE|DRIVER|DRIVER_OK|FEATURES_OK" "memory slot 0.1: guest-physical 0x100000" "kick q0" "MSI-X vector 1"; do
		grep -q "$f" "$tmp/vmm.text" || { echo "no '$f'"; cat "$tmp/vmm.text"; return 1; }
	done
	"$vqtrace" stat -r "$tmp/vmm.kvm" -T json >"$tmp/vmm.json"
	jq -e '.devices | length == 1 and (.[0] | .bdf == "0000:00:03.0" and .negotiation.accepted == ["VIRTIO_F_VERSION_1"]
		and .counts.kicks == 20 and .counts.interrupts == 20 and .counts.used == null and .queues[0].ring_size == 8)' \
		"$tmp/vmm.json" >/dev/null || { cat "$tmp/vmm.json"; return 1; }
}

# Their values, and their place among the registers.
own_vmm_kicks() {
	own exits -k && same exits all "if .register.region == \"notify\" then empty
		elif .kick then [\"kick\", .queue, .kick.width, .kick.value] else $registers end" 110 tap
}

loops() { # NAME: the VMM, whose guest reads for ever
	"$tmp/vmm" "$tmp/guest" loop >"$tmp/$1.serial" 2>&1 </dev/null &
	looping=$!
	until_said "$tmp/$1.serial" ready $looping
}
done_with() { # PID: end it
	kill -KILL "$1"
	wait "$1" 2>/dev/null
}
noted() { # FILE
	"$vqtrace" show -r "$1" | grep -q 'note: .* exits of the guest to user space' && return
	"$vqtrace" show -r "$1" | tail -n 3
	return 1
}

# The exits are in the trace however it ended.
ends() {
	local rc
	loops ends || return 1
	"$vqtrace" record -q -i kvm -w "$tmp/long.kvm" -p $looping --duration 1 || return 1
	"$vqtrace" record -i kvm -w "$tmp/int.kvm" -p $looping 2>"$tmp/int.err" &
	rc=$!
	until_said "$tmp/int.err" attached $rc || return 1
	kill -INT $rc
	wait $rc || { cat "$tmp/int.err"; return 1; }
	done_with $looping
	noted "$tmp/long.kvm" && noted "$tmp/int.kvm" || return 1
	# with the driver's side, of which nothing comes
	"$vqtrace" record -q -i kvm -i "guest=$tmp/none.sock" -w "$tmp/joined.kvm" -- "$tmp/vmm" "$tmp/guest" reads=2 >"$tmp/joined.out" 2>&1
	noted "$tmp/joined.kvm" || { cat "$tmp/joined.out"; return 1; }
}

# The recorder stands still while the buffer gets full, until the machine is gone: nothing comes after what did
# not fit.
full_at_the_end() {
	local lost
	# shellcheck disable=SC2016
	"$vqtrace" record -i kvm -w "$tmp/full.kvm" -- sh -c 'kill -STOP $PPID; "$@"; kill -CONT $PPID' sh \
		"$tmp/vmm" "$tmp/guest" reads=80000 >"$tmp/full.out" 2>&1 </dev/null
	grep -q 'reads done' "$tmp/full.out" || { cat "$tmp/full.out"; return 1; }
	lost=$("$vqtrace" stat -r "$tmp/full.kvm" -T json | jq .trace.lost)
	echo "$lost lost"
	"$vqtrace" show -r "$tmp/full.kvm" | tail -n 4
	[ "$lost" -gt 10000 ]
}

# Another machine, of somebody who calls its threads as vhost's are called, sends the same messages.
not_vhost() {
	local rc pid
	# shellcheck disable=SC2016
	"$vqtrace" record -q -i kvm -w "$tmp/alone.kvm" -- sh -c 'echo $$ >"$0"; exec "$@"' "$tmp/pid" \
		"$tmp/vmm" "$tmp/guest" loop >"$tmp/alone.out" 2>&1 </dev/null &
	rc=$!
	until_said "$tmp/alone.out" ready $rc || return 1
	pid=$(cat "$tmp/pid")
	ln -s vmm "$tmp/vhost-$pid"
	"$tmp/vhost-$pid" "$tmp/guest" reads=500 | grep -q 'reads done' || return 1
	kill -KILL "$pid"
	wait $rc
	"$vqtrace" stat -r "$tmp/alone.kvm" -T json >"$tmp/alone.json"
	jq -c '.devices[0].counts | {kicks, interrupts}' "$tmp/alone.json"
	jq -e '.devices[0].counts | .interrupts > 0 and .interrupts <= .kicks' "$tmp/alone.json" >/dev/null
}

plan 18
check "the guest is built" tests/guest/mkkvm "$tmp/guest"
check "modern, MSI-X, ioeventfd" modern
check "without ioeventfd: values and places of kicks" no_ioeventfd
check "two devices behind bridges, an iothread" two_behind_bridge
check "INTx" intx
check "SeaBIOS, modern" seabios bios -device virtio-blk-pci,drive=d,disable-legacy=on
check "SeaBIOS, legacy" seabios legacy -device virtio-blk-pci,drive=d,disable-modern=on
check "no accusation that QEMU's trace does not have" accusations modern
check "stat, stuck, show and replay say what is unknown" observers
check "attached to a guest that runs" late
check "two machines at once, rotated" two_machines
check "in another PID namespace, by a shell" namespace
check "no device, no process" nothing
check "a VMM of our own" own_vmm
check "a VMM of our own, without ioeventfd" own_vmm_kicks
check "the exits are noted at any end" ends
check "what did not fit at the end is lost" full_at_the_end
check "a thread that is called as vhost's" not_vhost
finish
