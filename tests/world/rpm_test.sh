#!/bin/bash
# SPDX-License-Identifier: MIT
# make rpm: what is in the packages, that nothing of the build's is, and that what is installed works.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
command -v rpmbuild >/dev/null || { echo "1..0 # SKIP no rpmbuild (make test-world)"; exit 0; }

built() {
	make rpm BUILD="$tmp/build" >"$tmp/log" 2>&1 || { tail -n 20 "$tmp/log"; return 1; }
	[ "$(ls "$tmp"/build/rpm/RPMS/*/*.rpm "$tmp"/build/rpm/SRPMS/*.src.rpm | wc -l)" = 3 ]
}

# Each file that make install and make install-guest make, once, and no others.
files() {
	rpm -qlp "$package" 2>/dev/null | sort >"$tmp/main"
	rpm -qlp "$guest" 2>/dev/null | sort >"$tmp/guest"
	make -s static >/dev/null || return 1
	make -s NODEPS=1 DESTDIR="$tmp/dest" PREFIX=/usr DATADIR="$(cat build/.datadir)" DEFAULTS=/etc/sysconfig/vqtrace-metrics -o all -o static \
		install install-guest >/dev/null || return 1
	# pages may be compressed; beside the files of the program are folders, licence and README
	(cd "$tmp/dest" && find . ! -type d) | sed "s,^\.,,; s,^$(cat build/.datadir),/usr/share/vqtrace," | sort >"$tmp/want"
	cat "$tmp/main" "$tmp/guest" | grep -vE '^/usr/share/vqtrace(/traces)?$|^/usr/share/(doc|licenses)/|/usr/lib/.build-id' | sed '/\/man\//s/\.gz$//' | sort |
		diff "$tmp/want" - || return 1
	grep -qx /usr/bin/vqtrace-guest "$tmp/guest" && ! comm -12 "$tmp/main" "$tmp/guest" | grep -v build-id | grep .
}

described() {
	local p
	for p in "$package" "$guest"; do
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
	rpm -i --root "$root" --nodeps --noscripts --nosignature "$package" "$guest" >"$tmp/log" 2>&1 || { cat "$tmp/log"; return 1; }
	"$root/usr/bin/vqtrace" --version | grep -q '^vqtrace [0-9]' && "$root/usr/bin/vqtrace-guest" --help | grep -q '^usage: vqtrace-guest' &&
		"$root/usr/bin/vqtrace" check -r "$root/usr/share/vqtrace/traces/qemu7-console.pcap" | grep -q '^driver  no findings' &&
		grep -q "^ExecStart=/usr/bin/vqtrace " "$root/usr/lib/systemd/system/vqtrace-metrics.service" && ! grep -rlI "$tmp" "$root/usr"
}

plan 5
check "make rpm" built
package=$(ls "$tmp"/build/rpm/RPMS/*/vqtrace-[0-9]*.rpm) guest=$(ls "$tmp"/build/rpm/RPMS/*/vqtrace-guest-*.rpm)
check "the files" files
check "licence, libraries, configuration" described
check "every requirement of the build has a name there" requirements
check "what is installed works" works
finish
