#!/bin/bash
# SPDX-License-Identifier: MIT
# make rpm: what is in the packages, that nothing of the build's is, and that what is installed works.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
command -v rpmbuild >/dev/null || { echo "1..0 # SKIP no rpmbuild (make test-world)"; exit 0; }

built() {
	make rpm BUILD="$tmp/build" >"$tmp/log" 2>&1 || { tail -n 20 "$tmp/log"; return 1; }
	[ "$(ls "$tmp"/build/rpm/RPMS/*/*.rpm "$tmp"/build/rpm/SRPMS/*.src.rpm | wc -l)" = 5 ]
}

# Each file that make install and make install-guest make, once, and no others.
files() {
	local p
	for p in "$package" "$guest" "$libs" "$devel"; do
		rpm -qlp "$p" 2>/dev/null
	done | grep -vE '^/usr/share/vqtrace(/[a-z]+)?$|^/usr/share/(doc|licenses)/|/usr/lib/.build-id' | sed '/\/man\//s/\.gz$//' | sort >"$tmp/have"
	make -s static >/dev/null || return 1
	make -s NODEPS=1 DESTDIR="$tmp/dest" PREFIX=/usr DATADIR="$(cat build/.datadir)" \
		LIBDIR=/usr/lib64 WIRESHARKDIR=/usr/lib64/wireshark/plugins DEFAULTS=/etc/sysconfig/vqtrace-metrics \
		-o all -o static install install-guest >/dev/null || return 1
	# pages may be compressed; beside the files of the program are folders, licence and README
	(cd "$tmp/dest" && find . ! -type d) | sed "s,^\.,,; s,^$(cat build/.datadir),/usr/share/vqtrace," | sort >"$tmp/want"
	diff "$tmp/want" "$tmp/have" || return 1
	rpm -qlp "$guest" 2>/dev/null | grep -qx /usr/bin/vqtrace-guest && rpm -qlp "$devel" 2>/dev/null | grep -q '\.h$' &&
		rpm -qlp "$libs" 2>/dev/null | grep -q '/libvqtrace\.so\.[0-9]'
}

described() {
	local p
	for p in "$package" "$guest" "$libs" "$devel"; do
		[ "$(rpm -qp --qf '%{LICENSE} %{ARCH}' "$p" 2>/dev/null)" = "MIT x86_64" ] || return 1
	done
	rpm -qp --requires "$package" 2>/dev/null | grep -q '^libpcap.so' && ! rpm -qp --requires "$guest" 2>/dev/null | grep '\.so' &&
		rpm -qcp "$package" 2>/dev/null | grep -qx /etc/sysconfig/vqtrace-metrics
}

# Where Fedora has another name for what the build needs, somebody has to write it down.
requirements() {
	local p bad=0
	for p in $(tests/deps --list build | sort -u); do
		sed -n 's/^# //p' .packaging/vqtrace.spec | tr ' ' '\n' | grep -qxF -- "$p" || { echo ".packaging/vqtrace.spec has no name for $p"; bad=1; }
	done
	return $bad
}

# The libraries are this system's.
works() {
	local root=$tmp/root
	mkdir "$root"
	rpm -i --root "$root" --nodeps --noscripts --nosignature "$package" "$guest" "$libs" "$devel" >"$tmp/log" 2>&1 || { cat "$tmp/log"; return 1; }
	"$root/usr/bin/vqtrace" --version | grep -q '^vqtrace [0-9]' && "$root/usr/bin/vqtrace-guest" --help | grep -q '^usage: vqtrace-guest' &&
		"$root/usr/bin/vqtrace" check -r "$root/usr/share/vqtrace/traces/qemu7-console.pcap" | grep -q '^driver  no findings' &&
		grep -q "^ExecStart=/usr/bin/vqtrace " "$root/usr/lib/systemd/system/vqtrace-metrics.service" && ! grep -rlI "$tmp" "$root/usr"
}

plan 5
check "make rpm" built
package=$(ls "$tmp"/build/rpm/RPMS/*/vqtrace-[0-9]*.rpm) guest=$(ls "$tmp"/build/rpm/RPMS/*/vqtrace-guest-*.rpm)
libs=$(ls "$tmp"/build/rpm/RPMS/*/vqtrace-libs-*.rpm) devel=$(ls "$tmp"/build/rpm/RPMS/*/vqtrace-devel-*.rpm)
check "the files" files
check "licence, libraries, configuration" described
check "every requirement of the build has a name there" requirements
check "what is installed works" works
finish
