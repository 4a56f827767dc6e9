#!/bin/bash
# SPDX-License-Identifier: MIT
# A machine that lacks packages: make and make install name them before any tool fails, and
# installing shows how far it is.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

# A machine without bison: all commands but that, and a package system that does not have it.
# Ours come first in PATH, in a folder of their own: nothing is written where links lead to
# this machine's programs.
mkdir "$tmp/bin" "$tmp/ours"
for d in /usr/sbin /usr/bin /usr/local/bin; do
	ln -sf $d/* "$tmp/bin/" 2>/dev/null
done
rm -f "$tmp/bin/bison"
path=$tmp/ours:$tmp/bin
cat >"$tmp/ours/dpkg-query" <<'EOF'
#!/bin/sh
case $* in *" bison") exit 1 ;; esac
echo install ok installed
EOF
cat >"$tmp/ours/apt-get" <<'EOF'
#!/bin/sh
case $* in
*" install "*)
	echo dlstatus:1:10.0:Retrieving file 1 of 2 >&3
	echo dlstatus:2:90.0:Retrieving file 2 of 2 >&3
	echo pmstatus:bison:amd64:50.0:Unpacking bison >&3 ;;
esac
EOF
printf '#!/bin/sh\necho 0\n' >"$tmp/ours/id"
chmod +x "$tmp/ours/"*

names_it() { # GOAL...
	PATH=$path make BUILD="$tmp/build" DESTDIR="$tmp/dest" "$@" >"$tmp/out" 2>&1 && { echo "make succeeded"; return 1; }
	grep -q '^missing packages: bison$' "$tmp/out" && grep -q 'make deps' "$tmp/out" &&
		! grep -q 'BISON\|CC ' "$tmp/out" || { head -n 20 "$tmp/out"; return 1; }
}

progress() {
	PATH=$path tests/deps --install build >"$tmp/out" 2>&1 || { cat "$tmp/out"; return 1; }
	grep -q '^installing: bison' "$tmp/out" && grep -q '^  10 % Retrieving file 1 of 2' "$tmp/out" &&
		grep -q '^  50 % Unpacking bison' "$tmp/out" || { cat "$tmp/out"; return 1; }
}

plan 3
check "make names what is missing" names_it
check "make install, too" names_it install
check "installing shows its progress" progress
finish
