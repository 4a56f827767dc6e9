# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Guests on virtio-mmio, for tests and for conformance: QEMU's machines microvm (x86) and
# virt (arm64, riscv64), with version 1 (QEMU's default) or version 2 of the registers.
# Sourced after lib.sh.

# What goes through the devices of mmio_devices: block, entropy, console; the rest is
# the step ping. No program of ours is in the guest of another architecture.
mmio_shell='dd if=/dev/vda of=/dev/null bs=4k count=6 iflag=direct; dd if=/dev/zero of=/dev/vda bs=4k count=4 oflag=direct; '
mmio_shell+='dd if=/dev/hwrng of=/dev/null bs=64 count=2; p=$(echo /dev/vport*p1); head -c 6 $p; echo from guest >$p'

# QEMU of a machine: microvm7, microvm11, arm64, riscv64. $mmio: its command line.
mmio_machine() { # MACHINE VERSION
	case $1 in
	microvm7) mmio=(qemu-system-x86_64 -machine microvm,accel=tcg -cpu qemu64) ;;
	microvm11) mmio=("$VQT_QEMU11" -machine microvm,accel=tcg -cpu qemu64) ;;
	arm64) mmio=(qemu-system-aarch64 -machine virt -cpu cortex-a57) ;;
	riscv64) mmio=(qemu-system-riscv64 -machine virt) ;;
	esac
	mmio+=(-m 256 -nodefaults -no-user-config -no-reboot -display none)
	[ "$2" = 1 ] || mmio+=(-global virtio-mmio.force-legacy=false)
}

# A disk, a network card, and, unless "few", an entropy source and a console with a port.
# A PROPERTY, such as packed=on, is for all of them.
mmio_devices() { # all|few [PROPERTY]
	local p=${2:+,$2}
	rm -f "$tmp"/mmio.*
	truncate -s 8M "$tmp/mmio.img"
	mmio+=(-blockdev "driver=raw,node-name=d,file.driver=file,file.filename=$tmp/mmio.img"
		-device "virtio-blk-device,id=blk0,drive=d$p" -netdev user,id=n,restrict=on,ipv6=off
		-device "virtio-net-device,id=nic0,netdev=n,mac=52:54:00:12:34:56$p")
	[ "$1" = few ] || mmio+=(-device "virtio-rng-device,id=rng0$p" -device "virtio-serial-device,id=ser0,max_ports=3$p"
		-chardev "pipe,id=c,path=$tmp/mmio" -device virtserialport,chardev=c,name=vqt.0)
}

# COMMAND..., with the host's ends of the console's port: what the guest wrote is in $tmp/mmio.said.
host_port() {
	local rc line=''
	rm -f "$tmp/mmio.in" "$tmp/mmio.out"
	mkfifo "$tmp/mmio.in" "$tmp/mmio.out"
	exec 8<>"$tmp/mmio.in" 9<>"$tmp/mmio.out"
	echo "to the guest" >&8
	"$@"
	rc=$?
	read -r -t 1 line <&9
	echo "$line" >"$tmp/mmio.said"
	exec 8>&- 9>&-
	return $rc
}

# Linux, from tests/guest/mkguest: boots, does STEPS, powers off. Output in SERIAL.
mmio_linux() { # MACHINE STEPS SERIAL COMMAND...: COMMAND is put before QEMU's
	local dir=build/guest-$1 console=ttyS0 append='' machine=$1 steps=$2 serial=$3
	shift 3
	case $machine in
	microvm*)
		dir=build/guest
		# With ACPI, microvm has neither PIT nor HPET to measure the TSC with.
		append="no_timer_check tsc_early_khz=$(awk '/^cpu MHz/ { print int($4 * 1000); exit }' /proc/cpuinfo) "
		;;
	arm64) console=ttyAMA0 ;;
	esac
	[ -e "$dir/vmlinuz" ] || { echo "no kernel in $dir: tests/guest/mkguest makes it"; return 1; }
	host_port timeout -k 5 "${guest_timeout:-300}" "$@" "${mmio[@]}" -serial "file:$serial" -kernel "$dir/vmlinuz" -initrd "$dir/initramfs.cpio.gz" \
		-append "console=$console quiet panic=-1 ${append}vqt.sh=\"$mmio_shell\" vqt.run=$steps" || return 1
	grep -q 'VQT DONE' "$serial" || { tail -n 5 "$serial"; return 1; }
}

# U-Boot's console: types a command at each prompt. Ctrl-C stops its automatic boot.
uboot_type() { # SERIAL COMMAND...
	local serial=$1 n=0 command
	prompts() { grep -c '^=> ' "$serial" 2>/dev/null; }
	prompted() { [ "$(prompts)" -gt "$n" ]; }
	interrupted() { printf '\003'; sleep 0.3; prompted; }
	shift
	until_true interrupted || return 1
	sleep 1 # more than one Ctrl-C may have been on its way
	n=$(($(prompts) - 1))
	for command; do
		until_true prompted || return 1
		n=$(prompts)
		echo "$command"
	done
}

# U-Boot reads and writes the disk, asks for an address, pings, and resets, which ends QEMU.
mmio_uboot() { # MACHINE SERIAL COMMAND...
	local serial=$2 bios rc
	case $1 in
	arm64) bios=(-bios /usr/lib/u-boot/qemu_arm64/u-boot.bin) ;;
	riscv64) bios=(-kernel /usr/lib/u-boot/qemu-riscv64_smode/uboot.elf) ;;
	esac
	[ -e "${bios[1]}" ] || { echo "no ${bios[1]} (apt-get install u-boot-qemu)"; return 1; }
	shift 2
	: >"$serial"
	uboot_type "$serial" 'virtio info' 'virtio read $kernel_addr_r 0 8' 'virtio write $kernel_addr_r 8 10' \
		'virtio read $kernel_addr_r 8 1' 'setenv autoload no' dhcp 'ping 10.0.2.2' reset 2>"$serial.typed" |
		timeout -k 5 "${guest_timeout:-300}" "$@" "${mmio[@]}" -serial stdio "${bios[@]}" >"$serial"
	rc=$?
	[ $rc = 0 ] && grep -q '10.0.2.2 is alive' "$serial" && grep -q '16 blocks written: OK' "$serial" && return 0
	tail -n 5 "$serial"
	return 1
}
