#!/bin/bash
# SPDX-License-Identifier: MIT
# The recipes of vqtrace-ci(7) that boot a guest, run as they stand there: a test of an operating system,
# and the same with what a container has, no more: capabilities, mounts, network.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/check/recipes.sh
need_recording
[ -e build/guest/vmlinuz ] || { echo "1..0 # SKIP no guest (make guest)"; exit 0; }
command -v unshare setpriv >/dev/null || { echo "1..0 # SKIP no unshare and setpriv"; exit 0; }

# The folder of the recipes: what the system's build has left there, for all to read.
os=$tmp/os
mkdir "$os" "$tmp/bin"
chmod 755 "$tmp" "$os" "$tmp/bin"
cp build/guest/vmlinuz build/guest/initramfs.cpio.gz "$os"
truncate -s 64M "$os/disk.img"
chmod 644 "$os"/*
install -m 755 "$vqtrace" "$tmp/bin/vqtrace"
export PATH="$tmp/bin:$PATH"
export APPEND="quiet panic=-1 no_timer_check vqt.run=read,n=20;write,n=10;flush"

# boot [SED-SCRIPT]: the recipe with a change; its exit status
boot() {
	recipe boot | sed "${1:-}" >"$tmp/recipe"
	[ "$(wc -l <"$tmp/recipe")" -gt 3 ] || { echo "no recipe"; return 99; }
	rm -f "$os/boot.pcap"
	(cd "$os" && sh -e "$tmp/recipe") >"$tmp/out" 2>&1 </dev/null
}

requests() { # TRACE: the guest's, of which there are at least so many
	[ "$("$vqtrace" show -r "$1" -T json -Y 'used && request.type' | wc -l)" -ge 30 ]
}

good() {
	boot
	[ $? = 0 ] && grep -q '^driver  no findings' "$tmp/out" && requests "$os/boot.pcap" && return
	cat "$tmp/out"
	return 1
}

# The same with a driver that breaks a rule: SeaBIOS.
bad() {
	boot 's/-bios qboot.rom//'
	[ $? = 1 ] && grep -q '^must: reset-not-awaited by the driver' "$tmp/out" && requests "$os/boot.pcap" && return
	cat "$tmp/out"
	return 1
}

# No answer: the guest hangs, QEMU cannot start.
trouble() {
	boot 's/timeout 300/timeout 3/; s/panic=-1/panic=0/; s/-kernel vmlinuz -initrd initramfs.cpio.gz -append "$APPEND"/-S/'
	[ $? = 2 ] || { echo "ended by timeout"; cat "$tmp/out"; return 1; }
	boot 's/-nodefaults/-nodefaults -no-such-option/'
	[ $? = 2 ] || { echo "no QEMU"; cat "$tmp/out"; return 1; }
}

can_mount() {
	unshare -m true 2>/dev/null || { echo "no mount namespace whose root can be made read-only"; return 1; }
}

# The options of the engine that this test can stand in for, each of which has to be in the recipe.
contained() {
	local caps option
	recipe container >"$tmp/recipe"
	for option in --pid=host --network=none --read-only --tmpfs=/tmp --tmpfs=/var/tmp --cap-drop=ALL --security-opt=no-new-privileges '-v "$PWD:/work:ro"'; do
		grep -qF -- "$option" "$tmp/recipe" || { echo "the recipe has no $option"; return 1; }
	done
	caps=$(grep -o -- '--cap-add=[A-Z_]*' "$tmp/recipe" | sed 's/.*=/+/' | tr 'A-Z\n' 'a-z,')
	[ -n "$caps" ] || { echo "no capabilities"; return 1; }
	# what is behind the image's name is vqtrace's command line
	tr '\n' ' ' <"$tmp/recipe" | sed 's/\\ //g; s/.* vqtrace record /exec vqtrace record /' >"$tmp/inside"
	grep -q '^exec vqtrace record --check -w - ' "$tmp/inside" || { cat "$tmp/inside"; return 1; }
	sed -i 's/ >boot.pcap *$//' "$tmp/inside"
	cp "$tmp/inside" "$os/inside"
	# All mounts read-only, an empty /tmp, /work; then only these capabilities, and none to be gained.
	cat >"$tmp/container" <<-'END'
		set -e
		mount --make-rprivate /
		mount -t tmpfs tmpfs /mnt
		mkdir /mnt/work /mnt/bin
		mount --bind "$OS" /mnt/work
		mount --bind "$BIN" /mnt/bin
		mount -t tmpfs tmpfs /tmp
		mount -t tmpfs tmpfs /var/tmp
		cut -d' ' -f5 /proc/self/mountinfo | sort -u | while read -r m; do
			case $m in /tmp | /var/tmp | /dev | /dev/* | /proc | /proc/*) continue ;; esac
			mount -o remount,bind,ro "$m" 2>/dev/null || :
		done
		! touch /mnt/work/x 2>/dev/null && ! touch /x 2>/dev/null
		cd /mnt/work
		export PATH="/mnt/bin:$PATH" HOME=/tmp
		exec setpriv --bounding-set="-all,$CAPS" --inh-caps=-all --ambient-caps=-all --no-new-privs sh -e ./inside
	END
	OS=$os BIN=$tmp/bin CAPS=${1:-${caps%,}} unshare -m -n bash "$tmp/container" >"$tmp/boot.pcap" 2>"$tmp/err" </dev/null
}

container() {
	can_mount || return 77
	contained
	[ $? = 0 ] && grep -q '^driver  no findings' "$tmp/err" && requests "$tmp/boot.pcap" && return
	cat "$tmp/err"
	return 1
}

# Least: without one of them it does not work.
least() {
	local without
	can_mount || return 77
	for without in bpf perfmon; do
		contained "$([ $without = bpf ] && echo +perfmon || echo +bpf)"
		[ $? = 2 ] && grep -qi "CAP_$without" "$tmp/err" || { echo "without $without:"; cat "$tmp/err"; return 1; }
	done
}

# The image's commands: each is one of Debian's, the file is the one that make deb builds.
containerfile() {
	recipe containerfile >"$tmp/Containerfile"
	[ "$(grep -cE '^(FROM|COPY|RUN|ENTRYPOINT) ' "$tmp/Containerfile")" = 4 ] && grep -q '^ENTRYPOINT \["vqtrace"\]' "$tmp/Containerfile" &&
		sed -n '/^RUN /,/^ENTRYPOINT/{s/^RUN //; /^ENTRYPOINT/!p}' "$tmp/Containerfile" | sh -n
}

plan 6
check "a system whose driver breaks no rule" good
check "one whose firmware does" bad
check "a guest that hangs, a QEMU that does not start" trouble
check "with what a container has" container
check "each capability is needed" least
check "the Containerfile" containerfile
finish
