#!/bin/bash
# SPDX-License-Identifier: MIT
# make deb, and what it makes in a Debian 12 that has nothing else: manual pages, completion, traces, and the
# package's own tests (debian/tests) on the installed files.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
for c in mmdebstrap lintian dpkg-buildpackage dpkg-source unshare; do
	command -v $c >/dev/null || { echo "1..0 # SKIP no $c (make test-world)"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root, for chroot"; exit 0; }
root=$tmp/root

# in COMMAND: by a shell in the new root, as root, with the mounts that a system has; they end with it
in_root() {
	# shellcheck disable=SC2016 # the inner shells expand
	unshare -m bash -c '
		set -e
		mount --make-rprivate /
		mount --rbind /sys "$1/sys"
		mount --rbind /dev "$1/dev"
		mount -t proc proc "$1/proc"
		mount -t tmpfs tmpfs "$1/tmp"
		exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LC_ALL=C.UTF-8 \
			DEBIAN_FRONTEND=noninteractive chroot "$1" bash -c "$2"' - "$root" "$1" </dev/null
}

built() {
	make deb BUILD="$tmp/build" >"$tmp/log" 2>&1 || { tail -n 30 "$tmp/log"; return 1; }
	[ "$(ls "$tmp"/build/deb/vqtrace_*_amd64.deb "$tmp"/build/deb/vqtrace-guest_*_amd64.deb "$tmp"/build/deb/*.dsc | wc -l)" = 3 ]
}

# Nothing but what every Debian has, and apt; then the two packages, with what they depend on.
installed() {
	mmdebstrap --quiet --mode=root --variant=minbase bookworm "$root" http://deb.debian.org/debian >"$tmp/log" 2>&1 ||
		{ tail -n 5 "$tmp/log"; return 1; }
	cp /etc/resolv.conf "$root/etc/"
	mkdir "$root/packages"
	cp "$tmp"/build/deb/vqtrace_*_amd64.deb "$tmp"/build/deb/vqtrace-guest_*_amd64.deb "$root/packages"
	in_root 'apt-get -qq update && apt-get -qq install -y --no-install-recommends /packages/*.deb' >"$tmp/log" 2>&1 || { tail -n 20 "$tmp/log"; return 1; }
	in_root 'dpkg --audit; dpkg -l vqtrace vqtrace-guest | grep -c ^ii' | grep -qx 2
}

works() {
	in_root 'vqtrace --version && vqtrace check -r /usr/share/vqtrace/traces/qemu7-console.pcap && vqtrace-guest --help &&
		vqtrace replay -q -r /usr/share/vqtrace/traces/qemu7-q1.pcap && zcat -f /usr/share/doc/vqtrace/copyright | grep -q Expat' >"$tmp/out" 2>&1 &&
		grep -q '^vqtrace [0-9]' "$tmp/out" && grep -q '^driver  no findings' "$tmp/out" || { cat "$tmp/out"; return 1; }
	in_root 'vqtrace check -r /usr/share/vqtrace/traces/qemu7-q1.pcap' >"$tmp/out" 2>&1
	[ $? = 1 ]
}

# What the package's tests and the shells need: the names are those of debian/tests/control.
prepared() {
	local needs
	(cd "$tmp" && dpkg-source -x --no-check build/deb/*.dsc source) >"$tmp/log" 2>&1 && cp -a "$tmp/source" "$root/source" || { cat "$tmp/log"; return 1; }
	needs=$(sed -n 's/^Depends: @, *//p' "$root/source/debian/tests/control" | tr -d ,)
	[ -n "$needs" ] || { echo "no Depends in debian/tests/control"; return 1; }
	in_root "apt-get -qq install -y --no-install-recommends bash-completion man-db $needs" >"$tmp/log" 2>&1 || { tail -n 20 "$tmp/log"; return 1; }
}

pages() {
	local p
	for p in 1:vqtrace 1:vqtrace-check 1:vqtrace-guest 5:vqtrace-trace 7:vqtrace-ci 7:vqtrace-metrics; do
		in_root "man -P cat ${p%:*} ${p#*:}" >"$tmp/page" 2>&1 && grep -qi "^${p#*:}(${p%:*})" "$tmp/page" || { echo "$p"; head -n 5 "$tmp/page"; return 1; }
	done
}

# Each shell finds its file by itself.
completes() {
	in_root '. /usr/share/bash-completion/bash_completion; _completion_loader vqtrace; complete -p vqtrace' | grep -q '_vqtrace vqtrace$' || { echo bash; return 1; }
	in_root 'zsh -f -c "autoload -Uz compinit; compinit -u -D; print \$_comps[vqtrace]"' | grep -qx _vqtrace || { echo zsh; return 1; }
	in_root 'fish -c "complete -C \"vqtrace che\""' | grep -q '^check[[:space:]]' || { echo fish; return 1; }
}

autopkgtest() {
	in_root 'cd /source && sh debian/tests/quick' >"$tmp/quick" 2>&1
	grep -qE '^[0-9]{3} passed, 0 failed, 0 skipped' "$tmp/quick" || { grep -v '^ok' "$tmp/quick"; return 1; }
}

# A machine that reads its disk 84 times, writes it once, and switches itself off; recorded, and read by tshark.
records() {
	gcc -c -o "$tmp/boot.o" tests/lab/bootsector.S && objcopy -O binary "$tmp/boot.o" "$root/boot.img" &&
		truncate -s 1M "$root/boot.img" || return 1
	in_root 'cp /boot.img /tmp/disk && cd /tmp && vqtrace record -q -w t.pcap -- qemu-system-x86_64 -machine q35,accel=tcg -nodefaults \
			-no-user-config -display none -drive file=disk,format=raw,if=none,id=d -device virtio-blk-pci,drive=d &&
		vqtrace stat -r t.pcap -T json | jq ".devices[0].counts.used" &&
		setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp tshark -r - <t.pcap -Y "vqtrace.event == \"used\"" -T fields -e vqtrace.request.type | sort | uniq -c' >"$tmp/out" 2>&1
	grep -qx 85 "$tmp/out" && grep -qE '^ *84 in$' "$tmp/out" && grep -qE '^ *1 out$' "$tmp/out" || { cat "$tmp/out"; return 1; }
}

# A program of somebody's, built with what libvqtrace-dev brings.
library() {
	cp "$tmp"/build/deb/libvqtrace0_*_amd64.deb "$tmp"/build/deb/libvqtrace-dev_*_amd64.deb "$root/packages"
	in_root 'apt-get -qq install -y --no-install-recommends gcc libc6-dev pkg-config /packages/libvqtrace*.deb' >"$tmp/log" 2>&1 ||
		{ tail -n 20 "$tmp/log"; return 1; }
	in_root 'cd /tmp && gcc -Wall -o count $(dpkg -L libvqtrace-dev | grep /count.c) $(pkg-config --cflags --libs libvqtrace) &&
		./count /usr/share/vqtrace/traces/qemu7-q1.pcap' >"$tmp/out" 2>&1 && grep -qw in "$tmp/out" || { cat "$tmp/out"; return 1; }
}

removed() {
	in_root 'apt-get -qq purge -y vqtrace vqtrace-guest libvqtrace0 libvqtrace-dev' >"$tmp/log" 2>&1 || { tail -n 20 "$tmp/log"; return 1; }
	! find "$root" -xdev -name '*vqtrace*' ! -path "$root/source/*" ! -path "$root/packages/*" ! -path "$root/var/lib/apt/*" \
		! -path "$root/var/log/*" ! -path "$root/var/cache/man/*" ! -path "$root/var/lib/systemd/*" | grep .
}

plan 10
check "make deb, which lintian takes" built
check "in a Debian that has nothing else" installed
check "what is installed works" works
check "what the package's tests need" prepared
check "manual pages" pages
check "completion" completes
check "debian/tests/quick on the installed files" autopkgtest
check "a machine recorded, and read by tshark" records
check "a program that uses the library" library
check "removed without a rest" removed
finish
