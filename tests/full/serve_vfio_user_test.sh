#!/bin/bash
# SPDX-License-Identifier: MIT
# vqtrace serve over vfio-user: real guests in QEMU 11 on our PCI function.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
serve_needs

# NAME SMP APPEND SERVER-ARGS...: the workload, on an image that the trace must account for
workload() {
	local name=$1 smp=$2 append=$3
	shift 3
	truncate -s 64M "$tmp/$name.img"
	serve "$name" --disk "$tmp/$name.img" --vfio-user "$tmp/$name.sock" -w "$tmp/$name.pcap" "$@" || return 1
	vfio_user
	linux "vqt.sh=\"$resize_sh\" $append vqt.run=$work;$resize"
	resize_disk "$name" &
	machine 11 "$smp" "$tmp/$name.serial" "${linux_args[@]}" "${device[@]}"
	kill $! 2>/dev/null
	serve_end "$name" && went_well "$tmp/$name.serial" && was_resized "$name" &&
		same_account "$tmp/$name.pcap" "$tmp/$name.serial"
}

split() { workload split 1 '' --features -ring_packed; }
packed() { workload packed 1 ''; }
four_queues() {
	workload mq 4 '' --queues 4 || return 1
	[ "$(grep -c 'PCI-MSI.*virtio0-req' "$tmp/mq.serial")" = 8 ] || { grep VQIRQ "$tmp/mq.serial"; return 1; }
}
intx() {
	workload intx 1 pci=nomsi || return 1
	grep -q 'VQIRQ.*fasteoi virtio0' "$tmp/intx.serial" || { grep VQIRQ "$tmp/intx.serial"; return 1; }
}
plain() { workload plain 1 '' --features -event_idx,-indirect_desc,-ring_packed; }
in_order() { workload inorder 1 '' --features +in_order; }
legacy() { workload legacy 1 vqt.legacy=1 --transitional; }
small() { workload small 2 '' --queues 2 --queue-size 16 --block-size 4096 --no-io-uring; }

messages() { # no shared memory: rings and data by messages
	truncate -s 64M "$tmp/dma.img"
	serve dma --disk "$tmp/dma.img" --vfio-user "$tmp/dma.sock" -w "$tmp/dma.pcap" || return 1
	vfio_user
	linux "vqt.run=read,n=20;write,bs=16k,n=10,qd=4;verify,bs=16k,n=10;rebind;read,n=10"
	timeout -k 3 300 "$VQT_QEMU11" -machine q35,accel=tcg -cpu qemu64 -m 256 -nodefaults -no-user-config \
		-display none -serial "file:$tmp/dma.serial" "${linux_args[@]}" "${device[@]}" 2>"$tmp/dma.serial.qemu"
	serve_end dma && went_well "$tmp/dma.serial" && same_account "$tmp/dma.pcap" "$tmp/dma.serial"
}

file_system() {
	truncate -s 128M "$tmp/fs.img"
	serve fs --disk "$tmp/fs.img" --vfio-user "$tmp/fs.sock" -w "$tmp/fs.pcap" || return 1
	vfio_user
	initrd=build/guest/ext4.cpio.gz linux "vqt.sh=\"$make_fs\" vqt.merge=1 vqt.run=sh"
	machine 11 1 "$tmp/fs.serial" "${linux_args[@]}" "${device[@]}"
	serve_end fs && went_well "$tmp/fs.serial" && check_fs "$tmp/fs.img" "$tmp/fs.serial"
}

reboot() { # the first boot leaves a mark and reboots, the second finds it
	serve reboot --disk mem:64M --vfio-user "$tmp/reboot.sock" -w "$tmp/reboot.pcap" || return 1
	vfio_user
	linux "vqt.sh=\"dd if=/dev/vda bs=4 count=1 2>/dev/null | grep -q MARK || { echo MARK | dd of=/dev/vda conv=sync bs=512 2>/dev/null; sync; reboot -f; }\" vqt.run=read,n=20;sh;write,n=20,off=1m;verify,n=20,off=1m"
	machine 11 1 "$tmp/reboot.serial" "${linux_args[@]/-no-reboot/-no-fd-bootchk}" "${device[@]}"
	serve_end reboot && went_well "$tmp/reboot.serial" || return 1
	[ "$(grep -c 'VQT BEGIN' "$tmp/reboot.serial")" = 2 ] || { cat "$tmp/reboot.serial"; return 1; }
	[ "$(grep -c 'a client connected' "$tmp/reboot.err")" = 1 ]
}

pci_rebind() { # under I/O: the driver is taken away while requests are in flight
	serve rebind --disk mem:64M --vfio-user "$tmp/rebind.sock" || return 1
	vfio_user
	linux "vqt.sh=\"(vqload read,t=3,qd=32,rand; true) & sleep 1; cd /sys/bus/pci/drivers/virtio-pci; d=\$(echo *:*); echo \$d >unbind; wait; echo \$d >bind; sleep 1\" vqt.run=read,n=20;sh;pcirebind,3;write,bs=16k,n=50,qd=8;verify,bs=16k,n=50"
	machine 11 1 "$tmp/rebind.serial" "${linux_args[@]}" "${device[@]}"
	serve_end rebind && went_well "$tmp/rebind.serial"
}

next_client() { # QEMU dies without a word; the next one is served, and finds the data
	serve next --disk mem:64M --queues 2 --vfio-user "$tmp/next.sock" || return 1
	vfio_user
	linux "vqt.run=write,bs=16k,n=60,qd=8,off=4m;write,bs=64k,t=60,qd=16,off=16m"
	machine 11 2 "$tmp/next.serial" "${linux_args[@]}" -pidfile "$tmp/next.pid" "${device[@]}" &
	local qemu=$!
	until_said "$tmp/next.serial" 'STEP 2' "$qemu"
	sleep 1
	kill -9 "$(cat "$tmp/next.pid")"
	wait "$qemu"
	linux "vqt.run=verify,bs=16k,n=60,off=4m;write,bs=16k,n=10;verify,bs=16k,n=10"
	machine 11 2 "$tmp/next2.serial" "${linux_args[@]}" "${device[@]}"
	serve_end next && went_well "$tmp/next2.serial" || return 1
	[ "$(grep -c 'a client connected' "$tmp/next.err")" = 2 ]
}

boot() { # SeaBIOS boots from it: a boot sector that says so
	{
		printf '\x31\xc0\x8e\xd8\xba\xf8\x03\xbe\x14\x7c\xac\x84\xc0\x74\x03\xee\xeb\xf8\xfa\xf4'
		printf 'BOOTED FROM OUR DISK\n\0'
	} >"$tmp/boot.img"
	truncate -s 510 "$tmp/boot.img"
	printf '\x55\xaa' >>"$tmp/boot.img"
	truncate -s 8M "$tmp/boot.img"
	serve boot --disk "$tmp/boot.img" --read-only --vfio-user "$tmp/boot.sock" || return 1
	vfio_user
	machine 11 1 "$tmp/boot.serial" -pidfile "$tmp/boot.pid" "${device[@]}" &
	local qemu=$!
	until_said "$tmp/boot.serial" 'BOOTED FROM OUR DISK' "$qemu"
	kill "$(cat "$tmp/boot.pid")"
	wait "$qemu"
	serve_end boot && grep -q 'BOOTED FROM OUR DISK' "$tmp/boot.serial"
}

unplug() { # device_del in the middle of I/O; the guest lets it go, QEMU hangs up
	serve unplug --disk mem:64M --vfio-user "$tmp/unplug.sock" || return 1
	vfio_user ',"bus":"rp0"'
	linux "vqt.sh=\"(vqload read,t=5,qd=8,rand; true) & echo PLUGGED; for i in \$(seq 600); do [ -e /sys/block/vda ] || break; usleep 100000; done; [ -e /sys/block/vda ] || echo UNPLUGGED; wait\" vqt.run=read,n=20;sh"
	{
		until_said "$tmp/unplug.serial" PLUGGED
		sleep 1
		echo device_del d0
		until_said "$tmp/unplug.serial" UNPLUGGED "$(cat "$tmp/unplug.pid")"
	} | machine 11 1 "$tmp/unplug.serial" "${linux_args[@]}" -device pcie-root-port,id=rp0,slot=1 "${device[@]}" \
		-pidfile "$tmp/unplug.pid" -monitor stdio >"$tmp/unplug.monitor" 2>&1
	# QEMU 11.1.3 may die of an assertion of its own when the device goes, before or
	# after the guest has let go of it; the server must not mind either.
	serve_end unplug && { grep -q UNPLUGGED "$tmp/unplug.serial" ||
		grep -q "memory_region_del_subregion: Assertion" "$tmp/unplug.serial.qemu"; } || { tail -n 20 "$tmp/unplug.serial" "$tmp/unplug.monitor"; return 1; }
}

plan 13 2
check "split ring: the workload, and the trace accounts for it" split
check_more "packed ring, by MSI-X" packed
check "four queues, a vector each" four_queues
check "INTx" intx
check_more "no event index, no indirect descriptors" plain
check "IN_ORDER" in_order
check "the legacy interface" legacy
check "16 entries, blocks of 4 KiB, without io_uring" small
check "memory that is not shared: DMA by messages" messages
check "a guest partitions, makes ext4, writes: the image holds it" file_system
check "the guest reboots" reboot
check "the driver is unbound under I/O, and bound again" pci_rebind
check "QEMU is killed; the next QEMU finds the data" next_client
check "SeaBIOS boots from it" boot
check "hot-unplug under I/O" unplug
finish
