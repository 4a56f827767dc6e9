#!/bin/bash
# SPDX-License-Identifier: MIT
# How devices come to be, in a distribution's QEMU: class and instance initialisation, realize at each
# level, what DRIVER_OK makes QEMU do up to KVM's interrupt routes; each call in the one that made it.
# Their call stacks are those that gdb has at the same functions in another run.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

# A disk whose boot sector ends QEMU.
printf '\xba\x01\x05\xb0\x00\xee\xf4\xeb\xfd' >"$tmp/disk.img"
printf '\x55\xaa' | dd of="$tmp/disk.img" bs=1 seek=510 conv=notrunc status=none
truncate -s 1M "$tmp/disk.img"

# A machine; what runs it stands before it. stopped: only made, and ended by its monitor; kvm: with a guest
# of ours, which sets up a disk in an I/O thread.
machine() { # KIND NAME PREFIX...
	local kind=$1 name=$2 qemu=${qemu:-qemu-system-x86_64}
	shift 2
	case $kind in
	stopped)
		(until_true made "$name" && echo quit) | timeout 300 "$@" "$qemu" -machine pc -nodefaults -display none -S -monitor stdio \
			-blockdev driver=null-co,node-name=n -device virtio-blk-pci,drive=n,id=disk0 -device virtio-net-pci \
			>"$tmp/$name.out" 2>&1 || { tail -n 20 "$tmp/$name.out"; return 1; }
		;;
	kvm)
		timeout 300 "$@" "$qemu" -accel kvm -m 64 -nodefaults -display none -no-user-config -device isa-debug-exit \
			-drive "if=none,id=d,format=raw,file=$tmp/disk.img" -kernel "$tmp/guest" -append reads=20 \
			-object iothread,id=t0 -device virtio-blk-pci,drive=d,iothread=t0 -serial "file:$tmp/$name.serial" \
			</dev/null >"$tmp/$name.out" 2>&1
		grep -q 'reads done' "$tmp/$name.serial" || { tail -n 20 "$tmp/$name.out"; return 1; }
		;;
	esac
}

# Whether the recorder has written all that is known of a machine that is made: it reads names and classes while
# QEMU lives. Without a recorder there is nothing to wait for.
made() { # NAME
	[[ $1 != *.recorded ]] || [ "$("$vqtrace" show -r "$tmp/${1%.recorded}.trace" -T json -Y 'lifecycle.step == reset' 2>/dev/null |
		jq -r .device | sort -u | wc -l)" = 2 ]
}

recorded() { # KIND
	[ "$1" = stopped ] || [ -c /dev/kvm ] || { echo "no /dev/kvm here"; return 77; }
	machine "$1" "$1.recorded" setarch -R "$vqtrace" record -q --lifecycle --stacks=setup -w "$tmp/$1.trace" -- || return 1
	"$vqtrace" stat -r "$tmp/$1.trace" -T json | jq -e '.trace.lost == 0' >/dev/null || { echo "events were lost"; return 1; }
	"$vqtrace" show -r "$tmp/$1.trace" --lifecycle -T json >"$tmp/$1.trees"
	! grep -i 'no probe\|stack' "$tmp/$1.recorded.out"
}

# Of each event that begins a call: its step, then where its function begins and its callers return to.
our_stacks() { # KIND
	"$vqtrace" show -r "$tmp/$1.trace" -T json | jq -r '
		def hex: [while(. > 0; . / 16 | floor) | . % 16] | reverse | map("0123456789abcdef"[.:. + 1]) | join("");
		if .stack_info then "S \(.stack_info.id) \([.stack_info.frames[] | if .symbol | endswith("[jit]") then "jit" else "\(.pc / 4294967296 | floor | hex) \(.pc % 4294967296 | hex)" end] | join(","))"
		elif .lifecycle and .call and .stack_id then "E \(.lifecycle.step) \(.stack_id)" else empty end' |
		awk '
			function address(w,  half) { if (w == "jit") return w; split(w, half, " "); return sprintf("0x%08s%08s", half[1], half[2]) }
			$1 == "S" { id = $2; sub(/^S [0-9]+ /, ""); n = split($0, frame, ","); s = ""
				for (i = 1; i <= n; i++) { a = address(frame[i]); gsub(/ /, "0", a); s = s " " a }
				stack[id] = s }
			$1 == "E" { print $2 stack[$3] }' | sort -u
}

# The same under gdb, stopped where those functions begin.
debugged() { # KIND
	our_stacks "$1" >"$tmp/$1.ours"
	{
		echo 'set pagination off
			set confirm off
			set width 0
			set print thread-events off
			set backtrace past-main on
			set backtrace past-entry on
			handle SIGUSR1 SIGUSR2 SIGPIPE nostop noprint pass
			set breakpoint pending on
			starti'
		cut -d ' ' -f 2 "$tmp/$1.ours" | sort -u | while read -r a; do
			printf 'break *%s\ncommands\nsilent\nprintf "HIT %s\\n"\nbt 90\ncontinue\nend\n' "$a" "$a"
		done
		echo continue
	} >"$tmp/commands"
	machine "$1" "$1.debugged" gdb -q --batch -nx -x "$tmp/commands" --args
}
gdb_stacks() { # KIND
	awk '
		function put() { if (line) print line; line = "" }
		/^HIT / { put(); line = $2; next }
		/^#0 / { next }
		/^#[0-9]+ / { if (line) line = line " " ($4 == "code_gen_buffer" ? "jit" : $2); next }
		{ put() }
		END { put() }' "$tmp/$1.debugged.out" | sort -u
}

# as_gdb KIND STEPS COUNT: each of our stacks is one of gdb's; of each step there is one, and so many of all.
as_gdb() {
	local s
	[ -s "$tmp/$1.ours" ] || { echo "there is no record"; return 77; }
	gdb_stacks "$1" >"$tmp/theirs"
	cut -d ' ' -f 2- "$tmp/$1.ours" | sort -u >"$tmp/ours"
	for s in $2; do
		grep -q "^$s " "$tmp/$1.ours" || { echo "no stack of $s"; return 1; }
	done
	echo "$(wc -l <"$tmp/ours") stacks of $(cut -d ' ' -f 1 "$tmp/ours" | sort -u | wc -l) functions"
	[ "$(wc -l <"$tmp/ours")" -ge "$3" ] || return 1
	comm -23 "$tmp/ours" "$tmp/theirs" >"$tmp/differ"
	[ ! -s "$tmp/differ" ] || { echo "gdb has not:"; cut -c 1-400 "$tmp/differ"; return 1; }
}

# nested KIND PATTERN...: somewhere in the trees there is a call that the first pattern means, in it one that the
# next one means, and so on; not always directly.
nested() {
	local kind=$1
	[ -s "$tmp/$kind.trees" ] || { echo "there is no record"; return 77; }
	shift
	jq -ne --args '
		def inside($p): if $p == [] then true else
			any(.. | objects | select(.what and (.what | test($p[0]))); [.inside // []] | inside($p[1:])) end;
		[inputs] | inside($ARGS.positional)' "$@" <"$tmp/$kind.trees" >/dev/null && return
	printf 'not in one another: %s\n' "$@"
	head -c 3000 "$tmp/$kind.trees"
	return 1
}

# Each call has one end, at most, after its begin and after those in it; few are open when QEMU ends. There are
# more than 100, and so many in another.
ends() { # KIND IN-ANOTHER
	"$vqtrace" show -r "$tmp/$1.trace" -T json | jq -sr --argjson least "$2" '
		(map(select(.call)) | map({ (.call | tostring): . }) | add) as $calls |
		(map(select(.returned)) | map({ (.returned.call | tostring): . }) | add) as $ends |
		($calls | length) as $n | ($calls | map(select(.within_call)) | length) as $in |
		[$calls[] | select($ends[.call | tostring] == null)] as $open |
		[$ends | to_entries[] | select($calls[.key].number >= .value.number)] as $early |
		[$calls[] | select(.within_call and $ends[.call | tostring] and $ends[.within_call | tostring] and
			$ends[.call | tostring].number > $ends[.within_call | tostring].number)] as $late |
		"\($n) calls, \($in) in another, \($open | length) open, \($early | length) early, \($late | length) late",
		if $n > 100 and $in > $least and ($open | length) < 10 and $early == [] and $late == [] then empty else "bad" end' >"$tmp/ends"
	cat "$tmp/ends"
	! grep -q bad "$tmp/ends"
}

# A trace with calls has the same steps as one without, and means the same.
same_steps() {
	machine stopped plain "$vqtrace" record -q -w "$tmp/plain.trace" -- || return 1
	steps() {
		"$vqtrace" show -r "$1" -T json -Y "lifecycle" | jq -r '.lifecycle | select(.step | IN("class_init", "object_init",
			"callback", "device_add", "device_del", "property", "aio_context", "set_vector") | not) | "\(.step) \(.text)"' | sort
	}
	steps "$tmp/stopped.trace" >"$tmp/with"
	steps "$tmp/plain.trace" >"$tmp/without"
	diff "$tmp/without" "$tmp/with" | head -n 20
	[ -s "$tmp/with" ] && cmp -s "$tmp/with" "$tmp/without"
}

# A machine is migrated into a QEMU that waits for it, and goes on there. That QEMU loads its state in a coroutine,
# which yields when it waits for more; functions are recorded meanwhile.
incoming() {
	local words='echo MIGRATE NOW; for i in 1 2 3 4 5 6; do dd if=/dev/vda of=/dev/null iflag=direct bs=4096 count=4; sleep 1; done;
echo ALL READ; poweroff -f' guest second rc
	qemu-img create -q -f raw "$tmp/moved.img" 64M || return 1
	guest=(qemu-system-x86_64 -accel tcg -m 256 -nodefaults -display none -no-user-config -no-reboot
		-blockdev "driver=file,node-name=n,filename=$tmp/moved.img,locking=off" -device virtio-blk-pci,drive=n,disable-legacy=on
		-kernel build/guest/vmlinuz -initrd build/guest/initramfs.cpio.gz
		-append "console=ttyS0 quiet panic=-1 vqt.run=sh vqt.sh=\"$(tr -d '\n' <<<"$words")\"")
	timeout 300 "$vqtrace" record -q --lifecycle -w "$tmp/moved.trace" -- "${guest[@]}" -serial "file:$tmp/second.serial" \
		-incoming "unix:$tmp/migration" </dev/null >"$tmp/second.out" 2>&1 &
	second=$!
	(until_true grep -aqs 'MIGRATE NOW' "$tmp/first.serial" && until_true [ -S "$tmp/migration" ] &&
		echo "migrate unix:$tmp/migration" && until_true gone $second
		echo quit) | timeout 300 "${guest[@]}" -serial "file:$tmp/first.serial" -monitor stdio >"$tmp/first.out" 2>&1
	wait $second
	rc=$?
	tail -n 3 "$tmp/second.out" "$tmp/second.serial" "$tmp/first.out"
	[ $rc = 0 ] && grep -aq 'ALL READ' "$tmp/second.serial" || return 1
	"$vqtrace" show -r "$tmp/moved.trace" --lifecycle -T json >"$tmp/moved.trees"
	"$vqtrace" stat -r "$tmp/moved.trace" -T json | jq -e '.trace.lost == 0' >/dev/null || { echo "events were lost"; return 1; }
	# QEMU sets the status when it has loaded the device; the driver sets none
	nested moved '^DeviceClass.realize of virtio-pci$' '^PCIDeviceClass.realize of virtio-pci$' && nested moved '^set_status' &&
		ends moved 30
}

# The same walk in other versions: nothing is known of them but what their files say.
version() { # FILE-OF-QEMU
	[ -x "$1" ] || { echo "$1 is not there"; return 77; }
	local qemu=$1
	rm -f "$tmp/version.trace"
	machine stopped version.recorded "$vqtrace" record -q --lifecycle -w "$tmp/version.trace" -- || return 1
	"$vqtrace" show -r "$tmp/version.trace" --lifecycle -T json >"$tmp/version.trees"
	nested version '^class_init virtio-blk-device' &&
		nested version device_add 'object_init virtio-net-pci' 'instance_init virtio-net-device' 'object_init virtio-net-device' &&
		nested version device_add '^realize virtio-net-pci ' '^DeviceClass.realize of virtio-pci$' \
			'^DeviceClass.realize of pci-device$' '^PCIDeviceClass.realize of virtio-pci$' \
			'^VirtioPCIClass.realize of virtio-net-pci-base$' '^realize virtio-net-device' \
			'^DeviceClass.realize of virtio-device$' 'bus_plugged' 'msix_init' &&
		nested version 'bus_plugged' '^VirtioBusClass.device_plugged of virtio-pci-bus$' &&
		nested version '^DeviceClass.realize of virtio-device$' '^VirtioDeviceClass.realize of virtio-blk-device$' add_queue
}

# A guest that resets its disk while requests are in flight, which complete in coroutines of the same thread: it
# lives on, and what it does is recorded.
in_flight() {
	local words='r=$(sed -n 5p /sys/block/vda/device/../resource); a=$(echo $r | cut -d\  -f1);
dd if=/dev/vda of=/dev/null iflag=direct bs=4096 count=100;
for i in $(seq 1 40); do dd if=/dev/vda of=/dev/null iflag=direct bs=4096 count=1 skip=$((i * 200)) & done;
busybox devmem $((a + 0x14)) 8 0; echo AFTER RESET; sleep 1; echo STILL ALIVE; poweroff -f'
	qemu-img create -q -f qcow2 "$tmp/flight.qcow2" 64M || return 1
	timeout 300 "$vqtrace" record -q --lifecycle -w "$tmp/flight.trace" -- qemu-system-x86_64 -accel tcg -m 256 -nodefaults \
		-display none -no-user-config -no-reboot -object throttle-group,id=tg,x-iops-total=10 \
		-blockdev "driver=qcow2,node-name=q,file.driver=file,file.filename=$tmp/flight.qcow2" \
		-blockdev driver=throttle,node-name=n,throttle-group=tg,file=q \
		-device virtio-blk-pci,drive=n,disable-legacy=on,event_idx=off -kernel build/guest/vmlinuz \
		-initrd build/guest/initramfs.cpio.gz -append "console=ttyS0 iomem=relaxed quiet panic=-1 vqt.run=sh vqt.sh=\"$(tr -d '\n' <<<"$words")\"" \
		-serial "file:$tmp/flight.serial" </dev/null >"$tmp/flight.out" 2>&1
	tail -n 3 "$tmp/flight.out"
	grep -aq 'STILL ALIVE' "$tmp/flight.serial" || { tail -n 5 "$tmp/flight.serial"; return 1; }
	"$vqtrace" show -r "$tmp/flight.trace" --lifecycle -T json >"$tmp/flight.trees"
	nested flight 'device_status .*RESET' '^reset .virtio_reset'
}

with_kvm() { # COMMAND...
	[ -c /dev/kvm ] || { echo "no /dev/kvm here"; return 77; }
	"$@"
}

plan 23
check "the guest is built" tests/guest/mkkvm "$tmp/guest"
check "a machine is made, recorded" recorded stopped
check "the same under gdb" debugged stopped
check "stacks of gdb at the same functions" as_gdb stopped "class_init object_init instance_init callback realize \
virtio_init add_queue bus_plugged msix_init bar device_add property" 60
check "realize of a disk, level by level" nested stopped 'device_add' '^realize virtio-blk-pci ' \
	'^DeviceClass.realize of virtio-pci$' '^DeviceClass.realize of pci-device$' \
	'^PCIDeviceClass.realize of virtio-pci$' '^VirtioPCIClass.realize of virtio-blk-pci-base$' \
	'^realize virtio-blk-device' '^DeviceClass.realize of virtio-device$' \
	'^VirtioDeviceClass.realize of virtio-blk-device$' 'virtio_init device type 2'
check "realize of a network card" nested stopped 'device_add' '^realize virtio-net-pci ' '^DeviceClass.realize of virtio-pci$' \
	'^VirtioPCIClass.realize of virtio-net-pci-base$' '^VirtioDeviceClass.realize of virtio-net-device$' 'virtio_init device type 1'
check "a queue, in realize of the VirtIODevice" nested stopped '^realize virtio-net-device' 'add_queue size 256'
check "MSI-X, when it is plugged in" nested stopped '^realize virtio-blk-device' 'bus_plugged' 'msix_init vectors 2'
check "what the bus does then" nested stopped 'bus_plugged' '^VirtioBusClass.device_plugged of virtio-pci-bus$'
check "instance initialisation" nested stopped 'device_add' 'object_init virtio-blk-pci' \
	'instance_init virtio-blk-device' 'object_init virtio-blk-device'
check "class initialisation" nested stopped 'class_init virtio-blk-device'
check "each call has its end" ends stopped 50
check "the same steps as without calls" same_steps
check "a QEMU into which a machine is migrated" incoming
check "the walk in QEMU 10" version "$PWD/build/qemu10/qemu-system-x86_64"
check "the walk in QEMU 11" version "$VQT_QEMU11"
check "a reset with requests in flight" in_flight
check "a guest under KVM, recorded" recorded kvm
check "from DRIVER_OK to the interrupt routes" nested kvm 'device_status .*DRIVER_OK' 'ioeventfd_start' 'dataplane_start' \
	'gsi_commit' 'routes given to KVM: gsi [0-9]+ = MSI 0xfee00000 data 0x41'
check "an irqfd, in the data plane's start" nested kvm 'device_status .*DRIVER_OK' 'dataplane_start' 'irqfd gsi'
check "the block layer is given to the I/O thread" nested kvm 'device_status .*DRIVER_OK' 'dataplane_start' 'aio_context'
check "the same guest under gdb" with_kvm debugged kvm
check "stacks of gdb at the same functions, with KVM" as_gdb kvm "gsi_commit msi_route irqfd dataplane_start ioeventfd_start \
guest_notifier host_notifier set_status set_rings reset callback" 60
finish
