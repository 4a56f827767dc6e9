# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the tests of vqtrace serve: a server, guests on it, and accounts to compare.
# Sourced after lib.sh.

# serve NAME ARGS...: a server in the background; $sock, $serve_pid, $tmp/NAME.err.
serve() {
	local name=$1
	shift
	sock=$tmp/$name.sock
	: >"$tmp/$name.err" # what one before it said does not count
	# the sanitizers' runtime needs rights that a confined server gave up
	"$vqtrace" serve ${VQTRACE_SERVE:-} "$@" -V 2>"$tmp/$name.err" &
	serve_pid=$!
	for _ in $(seq 1200); do
		[ -S "$sock" ] && grep -q 'virtio-[a-z]* on' "$tmp/$name.err" && return 0
		kill -0 "$serve_pid" 2>/dev/null || break
		sleep 0.1
	done
	cat "$tmp/$name.err"
	return 1
}

serve_end() { # NAME: Ctrl-C; it must end well and take its socket along
	kill -INT "$serve_pid"
	wait "$serve_pid" || { echo "server: status $?"; cat "$tmp/$1.err"; return 1; }
	[ ! -e "$sock" ] || { echo "the socket is still there"; return 1; }
	! grep -qE 'AddressSanitizer|runtime error' "$tmp/$1.err" || { cat "$tmp/$1.err"; return 1; }
}

machine() { # QEMU SMP SERIAL [ARGS...]: what all guests have
	local q=$1 smp=$2 serial=$3
	shift 3
	[ "$q" = 11 ] && q=$VQT_QEMU11 || q=qemu-system-x86_64
	timeout -k 3 "${guest_timeout:-300}" "$q" -machine "q35,accel=tcg,memory-backend=m0" -cpu qemu64 \
		-smp "$smp,maxcpus=$((smp + 1))" -m 256 -object memory-backend-memfd,id=m0,size=256M,share=on -nodefaults \
		-no-user-config -display none -serial "file:$serial" "$@" 2>"$serial.qemu" && return
	set -- $?
	[ "$1" != 124 ] || echo "the guest still ran after ${guest_timeout:-300} s, and was ended"
	return "$1"
}

linux() { # APPEND: the test guest
	linux_args=(-no-reboot -kernel build/guest/vmlinuz -initrd "${initrd:-build/guest/initramfs.cpio.gz}"
		-append "console=ttyS0 quiet panic=-1 no_timer_check $1")
}

vfio_user() {
	device=(-device "{\"driver\":\"vfio-user-pci\",\"id\":\"d0\",\"socket\":{\"type\":\"unix\",\"path\":\"$sock\"}${1:-}}")
}

vhost_user() { # PROPERTIES
	device=(-chardev "socket,id=c0,path=$sock${reconnect:-}" -device "vhost-user-blk-pci,id=d0,chardev=c0,$1")
}

# The guest did everything that it was asked to do, without an error.
went_well() { # SERIAL
	grep -q 'VQT DONE rc=0' "$1" && ! grep -q 'VQT ERROR' "$1" && return 0
	tail -n 20 "$1"
	cat "$1.qemu"
	return 1
}

# Requests in a trace against the guest kernel's own count, of all lives of its driver.
same_account() { # TRACE SERIAL [REQUESTS WITHOUT A HEADER [WITHOUT A STATUS]]
	"$vqtrace" show -r "$1" --requests >"$1.requests" || return 1
	awk -v unread="${3:-0}" -v unsure="${4:-0}" '
		FNR == NR {
			if ($1 == "VQSTAT") { reads += $3; writes += $7; discards += $14; flushes += $18 }
			next
		}
		$3 ~ /:[0-9]+$/ { n[$4]++; if (!/ OK/) bad++ }
		function off(have, want) { return have > want || have + unread < want }
		END {
			# firmware reads, too, before Linux does
			if (n["IN"] + unread < reads || n["IN"] > reads + 40) { print "IN", n["IN"], "guest", reads; e = 1 }
			# the kernel counts an empty write for each flush that is asked for
			if (off(n["OUT"] + n["WRITE_ZEROES"] + flushes, writes)) { print "OUT", n["OUT"], "WRITE_ZEROES", n["WRITE_ZEROES"], "guest", writes, "of which flushes", flushes; e = 1 }
			if (off(n["DISCARD"] + 0, discards)) { print "DISCARD", n["DISCARD"], "guest", discards; e = 1 }
			if (n["FLUSH"] + unread < flushes) { print "FLUSH", n["FLUSH"], "guest", flushes; e = 1 }
			if (n["request"] > unread) { print n["request"], "without a header"; e = 1 }
			if (bad > unsure) { print bad, "requests not OK"; e = 1 }
			if (!reads || !writes) { print "nothing was compared"; e = 1 }
			exit e
		}' "$2" "$1.requests"
}

work="id;read,n=100;write,bs=16k,n=60,qd=8;verify,bs=16k,n=60;write,bs=64k,iov=8,n=20,off=8m,fsync=5;verify,bs=64k,n=20,off=8m;flush,n=2;read,n=300,qd=16,rand;discard,bs=64k,n=3,off=16m;zero,bs=64k,n=3,off=20m;rebind;read,n=50"

# Two more steps: the disk grows under the guest, which finds what is there, then shrinks.
resize="resize-wait,60;sh;write,bs=64k,n=20,off=80m;verify,bs=64k,n=20,off=80m;resize-wait,60;read,n=20"
resize_sh="echo VQNEW \$(dd if=/dev/vda bs=64k skip=1280 count=1 2>/dev/null | head -c 11)"

# resize_disk NAME: what happens meanwhile on the host; in the background, before the guest
resize_disk() {
	local n=0 size
	for size in 96M 32M; do
		n=$((n + 1))
		for _ in $(seq 2500); do
			[ "$(grep -c 'VQT SIZE' "$tmp/$1.serial" 2>/dev/null)" = $n ] && break
			sleep 0.1
		done
		truncate -s $size "$tmp/$1.img"
		[ $size != 96M ] || printf 'NEW SECTORS' | dd of="$tmp/$1.img" bs=64k seek=1280 conv=notrunc 2>/dev/null
		kill -HUP "$serve_pid"
	done
}

# Did it see the sizes, and what was new?
was_resized() { # NAME
	local serial=$tmp/$1.serial
	grep -q 'VQT RESIZE 131072 196608' "$serial" && grep -q 'VQNEW NEW SECTORS' "$serial" &&
		grep -q 'VQT RESIZE 196608 65536' "$serial" && grep -q 'VQATTR vda size 65536' "$serial" &&
		[ "$(grep -c 'sectors, before .* the driver is notified' "$tmp/$1.err")" = 2 ] && return 0
	grep -E 'RESIZE|VQNEW|vda size' "$serial"
	cat "$tmp/$1.err"
	return 1
}

# (By its path: the shell of the guest prefers its own mke2fs.)
# Build a file system in the guest, on a partition; the host checks it: the
# checksum as the guest saw it, fsck, and the same file read back from the image.
make_fs='printf "n\np\n1\n\n\nw\n" | fdisk /dev/vda >/dev/null; sleep 1; /bin/mke2fs -q -t ext4 /dev/vda1 &&
mount -t ext4 /dev/vda1 /mnt && dd if=/dev/urandom of=/mnt/file bs=64k count=100 2>/dev/null && sync &&
echo VQSUM $(md5sum </mnt/file) && umount /mnt && mount -t ext4 /dev/vda1 /mnt && echo VQSUM $(md5sum </mnt/file) && umount /mnt'
make_fs=${make_fs//$'\n'/ }
make_fs=${make_fs//\"/\'}

check_fs() { # IMAGE SERIAL
	local first start
	start=$(od -An -tu4 -j454 -N4 "$1" | tr -d ' ')
	dd if="$1" of="$1.part" bs=512 skip="$start" 2>/dev/null
	e2fsck -fn "$1.part" >"$1.fsck" 2>&1 || { cat "$1.fsck"; return 1; }
	debugfs -R "dump /file $1.file" "$1.part" >/dev/null 2>&1
	first=$(md5sum <"$1.file")
	[ "$(grep -c "VQSUM ${first%% *}" "$2")" = 2 ] || { grep VQSUM "$2"; echo "host: $first"; return 1; }
}

serve_needs() {
	[ -x "$VQT_QEMU11" ] || { echo "1..0 # SKIP no QEMU 11 (make qemu11)"; exit 0; }
	[ -e build/guest/vmlinuz ] || { echo "1..0 # SKIP no guest (make guest)"; exit 0; }
	tests/guest/mkguest --initrd ext4 --program /sbin/mke2fs build/guest || exit 1
}
