#!/bin/bash
# SPDX-License-Identifier: MIT
# On Debian 12's own kernel, which is older than that of most machines the tests run on: its verifier takes all
# programs, and what is recorded there is what is recorded here.  The kernel runs in a guest, and a QEMU in
# that, with a boot sector in place of a system.  VQT_SUITE=bookworm-backports (or another one) takes the
# kernel of that.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

qemu=$(command -v qemu-system-x86_64) || { echo "no qemu-system-x86_64"; exit 77; }
module=/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so
suite=${VQT_SUITE:-bookworm}
guest=build/guest${VQT_SUITE:+-$VQT_SUITE}
modes=(plain stacks lifecycle light memory)

disk() { # FILE
	gcc -c -o "$tmp/boot.o" tests/lab/bootsector.S && objcopy -O binary "$tmp/boot.o" "$1" && truncate -s 1M "$1"
}

# A machine that switches itself off: SeaBIOS and the boot sector drive the disk, over one reset.
cat >"$tmp/machine" <<'END'
cp /boot.img "$tmp/disk"
exec qemu-system-x86_64 -machine q35,accel=tcg -nodefaults -no-user-config -display none \
	-drive "file=$tmp/disk,format=raw,if=none,id=d" -device virtio-blk-pci,id=blk0,drive=d
END

# In the guest: record it in each mode, and send the traces home on the disk.
cat >"$tmp/modes" <<'END'
export tmp=/tmp LC_ALL=C.UTF-8
mkdir -p /traces
uname -r >/traces/kernel
vqtrace doctor --color never >/traces/doctor 2>&1
echo "doctor $?" >>/traces/status
mode() { # NAME OPTIONS
	name=$1
	shift
	vqtrace record -q "$@" -w "/traces/$name.pcap" -- sh /machine >"/traces/$name.out" 2>&1
	echo "$name $?" >>/traces/status
	echo "VQT recorded $name"
}
mode plain
mode stacks --stacks=all
mode lifecycle --lifecycle --stacks
mode light --light
mode memory -i memory --poll-share 50
vqtrace check -r /traces/plain.pcap >/traces/check 2>&1
tar cf /dev/vda -C / traces
END

there() {
	disk "$tmp/boot.img" && tests/guest/mkguest --suite "$suite" --initrd host --program "$vqtrace" --program "$qemu" --program "$module" \
		--add "$module:lib/x86_64-linux-gnu/qemu/$(basename "$module")" --add "$tmp/modes:modes" \
		--add "$tmp/machine:machine" --add "$tmp/boot.img:boot.img" \
		--add /usr/share/seabios/bios-256k.bin:share/seabios/bios-256k.bin \
		--add /usr/share/qemu/kvmvapic.bin:share/qemu/kvmvapic.bin "$guest" || return 1
	tests/lab/guest-cmd --exec --guest "$guest" --initrd "$guest/host.cpio.gz" --mem 2048 --disk "$tmp/home" \
		--serial "$tmp/serial" --run sh --append 'vqt.sh="sh /modes"' q1 || { tail -n 40 "$tmp/serial"; return 1; }
	tar xf "$tmp/home" -C "$tmp" || { tail -n 40 "$tmp/serial"; return 1; }
	cat "$tmp/traces/kernel" "$tmp/traces/status"
	[ "$(grep -v doctor "$tmp/traces/status" | grep -c ' 0$')" = ${#modes[@]} ] && return
	cat "$tmp"/traces/doctor "$tmp"/traces/*.out
	return 1
}

here() {
	tmp=$tmp bash -c 'cd "$tmp" && sed s,/boot.img,boot.img, machine >machine.here'
	(cd "$tmp" && tmp=$tmp "$vqtrace" record -q -w here.pcap -- sh machine.here) && : >"$tmp/recorded"
}

loaded() {
	[ "$(grep -c '^ok.*verified and loaded' "$tmp/traces/doctor")" = 2 ]
}

count() { # TRACE FILTER
	"$vqtrace" show -r "$tmp/traces/$1.pcap" -T json -Y "$2" >"$tmp/counted" || return 1
	wc -l <"$tmp/counted"
}

lossless() {
	local m n
	for m in plain stacks lifecycle light; do
		n=$(count "$m" loss) && [ "$n" = 0 ] || { echo "$m: $n losses"; return 1; }
	done
}

# What driver and device did does not depend on the kernel that the probes are in.
same() { # FILE
	"$vqtrace" diff "$tmp/here.pcap" "$1"
}

with_stacks() {
	local what='event in {register, kick, avail, used, interrupt, backend}' all without main
	all=$(count stacks "$what") && without=$(count stacks "$what && not stack_id") &&
		main=$(count stacks 'stack_info.frames.symbol contains "main_loop_wait"') || return 1
	echo "$all events, $without of them without a stack, $main stacks from main_loop_wait"
	[ "$all" -gt 500 ] && [ "$without" = 0 ] && [ "$main" -gt 0 ]
}

with_calls() {
	local begin end
	begin=$(count lifecycle call) && end=$(count lifecycle returned) || return 1
	echo "$begin calls, $end returns"
	[ "$begin" -gt 50 ] && [ "$end" = "$begin" ]
}

used() { # TRACE
	"$vqtrace" stat -r "$tmp/traces/$1.pcap" -T json | jq '[.devices[].counts.used] | add // 0'
}

# 41 reads in each life, SeaBIOS's own among them, one more after that, and one write.
counted() {
	local n
	n=$(used light) || return 1
	echo "$n requests"
	[ "$n" = 85 ]
}

# Looking at the rings from time to time may miss some, which it says.
looked() {
	local n
	n=$(used memory) || return 1
	echo "$n requests"
	[ "$n" -gt 0 ] && [ "$n" -le 85 ]
}

plan 10
check "recorded in each mode, in a guest with Debian's kernel" there
check "the verifier takes the programs" loaded
check "recorded on this kernel" here
check "nothing is lost" lossless
check "the same conversation" same "$tmp/traces/plain.pcap"
check "the same with call stacks" same "$tmp/traces/stacks.pcap"
check "call stacks" with_stacks
check "calls, with their ends" with_calls
check "requests counted" counted
check "requests seen in memory, at least some" looked
finish
