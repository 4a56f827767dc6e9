#!/bin/bash
# SPDX-License-Identifier: MIT
# Call stacks of a small program: the functions, inlined ones and lines that gdb and eu-addr2line name,
# wherever its debug information is: in it, in another file, packed, on a server. Then what is hostile,
# or cannot be read: the file, the offset in it, and the reason.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
unset DEBUGINFOD_URLS
unwind=build/tests/lab/unwind
cc=${CC:-cc}

for t in gdb eu-addr2line xz dwz debuginfod-find; do
	command -v $t >/dev/null || { echo "$t is not installed"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "debug files are put below /usr/lib/debug: run as root"; exit 77; }

# The program, and of it: without debug information, without any symbols, and what was taken from it.
$cc -O2 -g -Wl,--build-id -o "$tmp/program" tests/full/symbols.c -ldl &&
	objcopy --strip-debug "$tmp/program" "$tmp/symtab" &&
	objcopy --strip-all "$tmp/program" "$tmp/stripped" &&
	objcopy --only-keep-debug "$tmp/program" "$tmp/program.debug" || exit 1
id=$(readelf -n "$tmp/program" | sed -n 's/.*Build ID: //p')
byid=/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
bylink=/usr/lib/debug$tmp/program.debug
dwz=/usr/lib/debug/.dwz/$(basename "$tmp").debug
displace() {
	rm -f "$byid" "$bylink" "$dwz"
	rmdir "$(dirname "$bylink")" "/usr/lib/debug$(dirname "$tmp")" "$(dirname "$byid")" 2>/dev/null || :
}
trap 'displace; rm -rf "$tmp"' EXIT

place() { # FILE AT
	mkdir -p "$(dirname "$2")" && cp "$1" "$2"
}

# The frames of the program: "innermost", "inlined_twice inlined", ... with " FILE:LINE" where there is one.
ours() { # PROGRAM
	"$unwind" "$1" >"$tmp/out" || return 1
	grep -qx 'lost 0' "$tmp/out" || { cat "$tmp/out"; return 1; }
	sed -nE "s/^0x[0-9a-f]+ (\S+) \(inlined\) \[$(basename "$1")\]/\1 inlined/p
		s/^0x[0-9a-f]+ (\S+)\+0x[0-9a-f]+\/0x[0-9a-f]+ \[$(basename "$1")\]/\1/p" "$tmp/out" | tr -d '()'
}
functions() { # of ours
	cut -d' ' -f1 "$1" | grep -v '^_start$'
}

# What gdb has of the same program, stopped there, up to main.
gdbs() { # PROGRAM
	gdb -q --batch -nx -ex 'set debuginfod enabled off' -ex 'handle SIGSTOP stop print nopass' -ex run -ex bt "$1" 2>/dev/null |
		sed -nE 's/^#[0-9]+ +(0x[0-9a-f]+ in )?([a-z_]+) \(.*(symbols\.c:[0-9]+|\(\))?$/\2 \3/p' | sed -n '/innermost/,$p'
}

# As gdb has those of the whole program, inlined ones, too; and each line as eu-addr2line has it.
as_others() { # PROGRAM WHOLE
	local at
	ours "$1" >"$tmp/ours" || return 1
	functions "$tmp/ours" >"$tmp/a"
	gdbs "$2" | cut -d' ' -f1 >"$tmp/b"
	[ -s "$tmp/b" ] && diff "$tmp/a" "$tmp/b" || { echo "gdb has others"; return 1; }
	# where it is mapped is taken from the last frame, _start, whose address is known
	at=$(($(awk '/ _start\+0x/ { print $1 }' "$tmp/out") - 0x$(nm "$2" | awk '$3 == "_start" { print $1 }') - 0x21))
	grep -v '_start\|\[lib' "$tmp/out" | grep "\[$(basename "$1")\]" | grep -v inlined | while read -r pc symbol; do
		printf '0x%x\n' $((pc - at - 1))
		echo "$symbol" >>"$tmp/lines"
	done >"$tmp/addresses"
	[ "$(wc -l <"$tmp/addresses")" = 4 ] || return 1
	eu-addr2line -f -i -e "$2" $(cat "$tmp/addresses") | sed -nE 's/ inlined.*//; s/.*\/(symbols\.c:[0-9]+).*/\1/p' >"$tmp/b"
	grep -oE 'symbols\.c:[0-9]+' "$tmp/out" >"$tmp/a"
	[ "$(wc -l <"$tmp/a")" -ge 6 ] && diff "$tmp/a" "$tmp/b" || { echo "eu-addr2line has other lines"; return 1; }
}

names_only() { # PROGRAM: functions, nothing that was inlined
	ours "$1" >"$tmp/ours" || return 1
	functions "$tmp/ours" >"$tmp/a"
	printf '%s\n' innermost middle outermost main | diff - "$tmp/a"
}
has_none() { # PROGRAM: no name of the program's functions
	ours "$1" >"$tmp/ours" && [ -s "$tmp/ours" ] && ! grep -qE 'innermost|middle|outermost' "$tmp/ours" && grep -q '^fn_' "$tmp/ours"
}

by_build_id() {
	has_none "$tmp/stripped" || return 1
	place "$tmp/program.debug" "$byid"
	as_others "$tmp/stripped" "$tmp/program"
	local rc=$?
	displace
	# that of another program is not taken
	place /bin/true "$byid"
	has_none "$tmp/stripped" || rc=1
	displace
	return $rc
}

# Beside it, in .debug/ there, and below /usr/lib/debug.
by_debuglink() {
	local at rc=0
	objcopy --strip-all --remove-section .note.gnu.build-id "$tmp/program" "$tmp/linked" &&
		(cd "$tmp" && objcopy --add-gnu-debuglink=program.debug linked) || return 1
	mv "$tmp/program.debug" "$tmp/kept"
	has_none "$tmp/linked" || rc=1
	for at in "$tmp/program.debug" "$tmp/.debug/program.debug" "$bylink"; do
		place "$tmp/kept" "$at"
		as_others "$tmp/linked" "$tmp/program" || { echo "at $at"; rc=1; }
		rm -f "$at"
	done
	displace
	mv "$tmp/kept" "$tmp/program.debug"
	return $rc
}

# MiniDebugInfo: the symbol table of functions, packed, in the program.
mini() {
	nm -D "$tmp/program" --format=posix --defined-only | cut -d' ' -f1 | sort >"$tmp/dynamic"
	nm "$tmp/program" --format=posix --defined-only | awk '$2 ~ /[Tt]/ { print $1 }' | sort | comm -13 "$tmp/dynamic" - >"$tmp/keep"
	objcopy -S --keep-symbols="$tmp/keep" "$tmp/program.debug" "$tmp/mini" 2>/dev/null && xz -f "$tmp/mini" &&
		objcopy --add-section .gnu_debugdata="$tmp/mini.xz" "$tmp/stripped" "$tmp/packed" && names_only "$tmp/packed"
}

# Packed to more than the reader has memory for: it does without, or takes too long.
bomb() {
	head -c 1500000000 /dev/zero | xz -0 -T1 >"$tmp/bomb.xz" &&
		objcopy --add-section .gnu_debugdata="$tmp/bomb.xz" "$tmp/stripped" "$tmp/bombed" || return 1
	"$unwind" "$tmp/bombed" >"$tmp/out"
	if grep -qx 'lost 0' "$tmp/out"; then
		grep -q ' fn_[0-9a-f]*+0x[0-9a-f/x]* \[bombed\]' "$tmp/out"
	else
		grep -qE ' \+0x[0-9a-f]+ \[bombed\] \(not read: the reader of its debug information (took 10.0 s|crashed, .*)\)$' "$tmp/out"
	fi || { cat "$tmp/out"; return 1; }
}

# On a server: only where it was named; and one that never answers is not waited for much.
from_server() {
	local port=$((20000 + $$ % 10000)) rc=0 server i
	mkdir -p "$tmp/served" "$tmp/cache" && cp "$tmp/program.debug" "$tmp/served" || return 1
	HOME=$tmp debuginfod -F -d :memory: -p $port "$tmp/served" >"$tmp/server.log" 2>&1 &
	server=$!
	for i in $(seq 100); do
		DEBUGINFOD_CACHE_PATH=$tmp/try DEBUGINFOD_URLS=http://127.0.0.1:$port debuginfod-find debuginfo "$id" >/dev/null 2>&1 && break
		rm -rf "$tmp/try"
		sleep 0.2
	done
	has_none "$tmp/stripped" || rc=1
	export DEBUGINFOD_CACHE_PATH=$tmp/cache DEBUGINFOD_URLS=http://127.0.0.1:$port
	as_others "$tmp/stripped" "$tmp/program" || { tail -n 5 "$tmp/server.log"; rc=1; }
	kill $server
	wait $server 2>/dev/null
	# it is in the cache now
	as_others "$tmp/stripped" "$tmp/program" || rc=1
	perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 9, LocalAddr => "127.0.0.1:'$port'", ReuseAddr => 1) or die;
		$SIG{ALRM} = sub { exit }; alarm 100; while (1) { push @c, $s->accept }' &
	server=$!
	sleep 0.5
	DEBUGINFOD_CACHE_PATH=$tmp/cache2 has_none "$tmp/stripped" || { cat "$tmp/out"; rc=1; }
	kill $server
	wait $server 2>/dev/null
	unset DEBUGINFOD_CACHE_PATH DEBUGINFOD_URLS
	return $rc
}

# What two programs share, in a third file: below /usr/lib/debug, and nowhere else.
shared() {
	local rc=0
	cp "$tmp/program" "$tmp/one" && sed 's/symbols_test/the_other/' tests/full/symbols.c >"$tmp/symbols.c" &&
		$cc -O2 -g -o "$tmp/two" "$tmp/symbols.c" -ldl || return 1
	mkdir -p /usr/lib/debug/.dwz
	(cd "$tmp" && dwz -m "$dwz" -M "$dwz" one two) || return 1
	[ -s "$dwz" ] || { echo "nothing is shared"; displace; return 1; }
	as_others "$tmp/one" "$tmp/program" || rc=1
	# the same, at a place that anybody may name: a FIFO there would be waited for
	$cc -O2 -g -o "$tmp/one" tests/full/symbols.c -ldl && $cc -O2 -g -o "$tmp/two" "$tmp/symbols.c" -ldl &&
		(cd "$tmp" && dwz -m "$tmp/anywhere" -M "$tmp/anywhere" one two) || rc=1
	displace
	rm "$tmp/anywhere" && mkfifo "$tmp/anywhere"
	ours "$tmp/one" >"$tmp/ours" && grep -q '^middle' "$tmp/ours" || { cat "$tmp/out"; rc=1; }
	return $rc
}

# In a mount namespace of its own, where its file and its debug file are and nobody else sees them.
namespaced() {
	unshare -m true 2>/dev/null || { echo "no mount namespace of its own can be made here"; return 77; }
	mkdir -p "$tmp/own"
	cat >"$tmp/start" <<-END
		#!/bin/sh
		mount -t tmpfs none "$tmp/own" && cp "$tmp/linked" "$tmp/kept.debug" "$tmp/own" &&
			mv "$tmp/own/kept.debug" "$tmp/own/program.debug" && exec "$tmp/own/linked"
	END
	cp "$tmp/program.debug" "$tmp/kept.debug"
	chmod +x "$tmp/start"
	mv "$tmp/program.debug" "$tmp/hidden"
	"$unwind" /usr/bin/unshare -m "$tmp/start" >"$tmp/out"
	mv "$tmp/hidden" "$tmp/program.debug"
	for f in 'innermost+0x' 'inlined_twice (inlined)' 'middle+0x' 'main+0x'; do
		grep -qF " $f" "$tmp/out" || { echo "no $f"; cat "$tmp/out"; return 1; }
	done
	[ ! -e "$tmp/own/linked" ]
}

# Deleted since: read all the same by who may; else the file, the offset in it and why.
deleted() {
	cp "$tmp/symtab" "$tmp/gone"
	"$unwind" --delete "$tmp/gone" >"$tmp/out" && grep -q ' innermost+0x' "$tmp/out" || { cat "$tmp/out"; return 1; }
	cp "$tmp/symtab" "$tmp/gone"
	setpriv --bounding-set -all --inh-caps -all "$unwind" --delete "$tmp/gone" >"$tmp/out" || return 1
	grep -qE '^0x[0-9a-f]+ \+0x[0-9a-f]+ \[gone \(deleted\)\] \(Operation not permitted\)$' "$tmp/out" || { cat "$tmp/out"; return 1; }
}

# Debug information that ends its reader: scopes in scopes, deeper than a stack is.
deep() {
	{
		cat <<-END
			.globl enter
			.type enter,@function
			.text
			enter: .cfi_startproc
			sub \$8,%rsp
			.cfi_adjust_cfa_offset 8
			mov \$19,%edi
			call raise@plt
			add \$8,%rsp
			.cfi_adjust_cfa_offset -8
			ret
			.cfi_endproc
			.Lend: .size enter,.-enter
			.section .debug_abbrev
			.uleb128 1,0x11; .byte 1; .uleb128 0x11,0x01,0x12,0x07,0,0
			.uleb128 2,0x2e; .byte 1; .uleb128 0x11,0x01,0x12,0x07,0,0
			.uleb128 3,0x0b; .byte 1; .uleb128 0x11,0x01,0x12,0x0b,0,0
			.byte 0
			.section .debug_info
			.long .Lu1-.Lu0
			.Lu0: .value 4; .long 0; .byte 8
			.uleb128 1; .quad enter,.Lend-enter
			.uleb128 2; .quad enter,.Lend-enter
			.rept 400000
			.uleb128 3; .quad enter; .byte .Lend-enter
			.endr
			.rept 400002
			.byte 0
			.endr
			.Lu1:
			.section .debug_aranges
			.long .La1-.La0
			.La0: .value 2; .long 0; .byte 8,0; .long 0
			.quad enter,.Lend-enter,0,0
			.La1:
			.section .note.GNU-stack
		END
	} | sed 's/^\t*//; s/; /\n/g' >"$tmp/deep.s"
	$cc -shared -o "$tmp/deep.so" "$tmp/deep.s" || return 1
	"$unwind" "$tmp/program" "$tmp/deep.so" >"$tmp/out"
	grep -qE '\+0x[0-9a-f]+ \[deep.so\] \(not read: the reader of its debug information crashed, Segmentation fault\)$' "$tmp/out" &&
		grep -qx 'lost 1' "$tmp/out" || { cat "$tmp/out"; return 1; }
	# another one goes on: the same for the same, and for what comes after it names
	"$unwind" "$tmp/program" "$tmp/deep.so" "$tmp/first.so" "$tmp/deep.so" >"$tmp/out"
	grep -q ' first+0x' "$tmp/out" && grep -qx 'lost 2' "$tmp/out" || { cat "$tmp/out"; return 1; }
}

# One library where another one was.
remapped() {
	local n
	for n in first other; do
		printf '#include <signal.h>\nstatic __attribute__((noinline)) int %s(int n) { raise(SIGSTOP); return n + 1; }\nint enter(int n) { return %s(n) + 1; }\n' \
			$n $n >"$tmp/$n.c"
		$cc -O2 -g -shared -fPIC -o "$tmp/$n.so" "$tmp/$n.c" || return 1
	done
	"$unwind" "$tmp/program" "$tmp/first.so" "$tmp/other.so" "$tmp/first.so" >"$tmp/out"
	grep -oE '^stack [0-9]+| (first|other)\+0x|^0x[0-9a-f]+ enter' "$tmp/out" | sed 's/+0x//' | xargs >"$tmp/a"
	awk '{ exit !($1 " " $2 == "stack 1" && $3 == "first" && $6 " " $7 == "stack 2" && $8 == "other" &&
		$11 " " $12 == "stack 1" && $13 == "first" && $4 == $9 && $9 == $14) }' "$tmp/a" || { cat "$tmp/a" "$tmp/out"; return 1; }
}

plan 12
check "debug information in the program, as gdb and eu-addr2line have it" as_others "$tmp/program" "$tmp/program"
check "a symbol table only" names_only "$tmp/symtab"
check "by build-id" by_build_id
check "by debuglink" by_debuglink
check "MiniDebugInfo" mini
check "MiniDebugInfo without end" bomb
check "from a server" from_server
check "shared by dwz" shared
check "in its own mount namespace" namespaced
check "a deleted file" deleted
check "a library where another one was" remapped
check "debug information that ends its reader" deep
finish
