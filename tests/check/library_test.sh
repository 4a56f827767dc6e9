#!/bin/bash
# SPDX-License-Identifier: MIT
# libvqtrace, as a program of somebody else finds it: installed, by pkg-config.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
for c in jq pkg-config nm; do
	command -v $c >/dev/null || { echo "$c is not installed"; exit 77; }
done
cc=${CC:-cc} root=$tmp/root map=decoder/api/libvqtrace.map
lib=build/api/libvqtrace.so

# All of them: tests/full/library_test.sh.
traces=$(printf 'traces/%s\n' qemu7-{two-disks,kvm,late,q1-both,packed-mq4,blkdebug,microvm}.pcap* qsd11-libblkio.pcap)
[ -z "${VQT_LIBRARY_ALL:-}" ] || traces=$(ls traces/*.pcap*)

symbols() {
	sed -n '/^global:/,/^local:/s/^	\([a-z0-9_]*\);$/\1/p' $map | sort >"$tmp/map"
	[ -s "$tmp/map" ] || { echo "the map has no symbols"; return 1; }
	nm -D --defined-only $lib | awk '$2 != "A" { print $3 }' | sort >"$tmp/exported"
	diff <(sed 's/$/@@VQTRACE_0/' "$tmp/map") "$tmp/exported" || return 1
	# What the header declares is what is exported.
	grep -oE '\bvqtrace_[a-z0-9_]+\(' decoder/api/vqtrace.h | tr -d '(' | sort -u | diff "$tmp/map" -
}

# What a library must not do: print, end the process, start others, change what is the whole process's.
manners() {
	local bad
	bad=$(nm -D --undefined-only $lib | awk '{ sub("@.*", "", $2); print $2 }' | grep -xE \
		'_*(v?f?printf(_chk)?|puts|putchar|fputs|perror|exit|_exit|abort|assert_fail|quick_exit|std(out|err)|fork|exec.*|posix_spawn.*|system|signal|sigaction|setlocale|setenv|putenv|chdir|atexit|alarm|setitimer)')
	[ -z "$bad" ] || { echo "it uses $bad"; return 1; }
	objdump -p $lib | awk '/NEEDED/ { print $2 }' | grep -vE '^(lib(c|m|pcap|z|pthread)|ld-linux.*)\.so' | grep . && return 1
	[ "$(objdump -p $lib | awk '/SONAME/ { print $2 }')" = libvqtrace.so.0 ]
}

installed() { # where it went: /usr/local, if nobody has said otherwise
	find "$root" -name libvqtrace.pc | sed 's!/lib/pkgconfig/libvqtrace.pc$!!'
}

installs() {
	MAKEFLAGS='' make -s -o all -o library install DESTDIR="$root" >"$tmp/install" 2>&1 || { cat "$tmp/install"; return 1; }
	prefix=$(installed)
	# ldconfig finds the library and agrees about its name.
	PATH=$PATH:/sbin:/usr/sbin ldconfig -n -v "$prefix/lib" 2>/dev/null | grep -q 'libvqtrace.so.0 -> libvqtrace.so.0\.' ||
		{ echo "ldconfig does not know it"; return 1; }
	[ "$(find "$root" -name '*.h' -printf '%f ')" = "vqtrace.h " ] || { echo "other headers are installed"; return 1; }
	diff <(cd cli/schema && ls) <(cd "$prefix/share/vqtrace/schema" && ls) &&
		! grep -rn "$root\|@[A-Z]*@" "$prefix/lib/pkgconfig" && [ ! -x "$prefix/lib/libvqtrace.so.0.1" ]
}

build() { # FILE OPTION...: with what is installed, and as strict as a compiler is
	local name
	name=$tmp/$(basename "${1%.c}")
	# shellcheck disable=SC2046 # options
	PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root \
		pkg-config --cflags --libs libvqtrace >"$tmp/flags" || return 1
	# shellcheck disable=SC2046 # options
	$cc -Wall -Wextra -Werror -pedantic -std=c99 -D_POSIX_C_SOURCE=200809L "${@:2}" -o "$name" "$1" $(cat "$tmp/flags") &&
		! ldd "$name" | grep 'not found'
}

examples() {
	local f
	for f in "$prefix"/share/vqtrace/examples/*.c; do
		[ "$(wc -l <"$f")" -lt 60 ] || { echo "${f##*/} is not short"; return 1; }
		build "$f" || return 1
	done
	printf '#include <vqtrace.h>\nint main() { return vqtrace_version() == 0; }\n' >"$tmp/plus.cc"
	! command -v clang >/dev/null || # a C++ compiler takes the header
		clang -x c++ -Wall -Wextra -Werror -pedantic -fsyntax-only -I"$prefix/include" "$tmp/plus.cc" || return 1
	[ -x "$tmp/count" ] && [ -x "$tmp/unit_test" ] && [ -x "$tmp/observer" ]
}

of_stat() { # TRACE FILTER-OF-JQ
	"$vqtrace" stat -r "$1" -T json | jq -r "$2" | sort
}

same_counts() {
	local t
	for t in $traces; do
		"$tmp/count" "$t" | sort >"$tmp/counted" || return 1
		# Where requests name no type, stat tells them by their direction.
		"$vqtrace" stat -r "$t" --by type -T json | jq -r 'select(.requests > 0) |
			[.device, (if .device | test("^(blk|rng)") then .type else "-" end), .requests, .errors] | @tsv' |
			awk '{ k = $1 " " $2; n[k] += $3; e[k] += $4 } END { for (k in n) print k, n[k], e[k] }' | sort >"$tmp/stat"
		diff "$tmp/counted" "$tmp/stat" || { echo "$t"; return 1; }
	done
}

same_findings() {
	local t rc
	for t in $traces; do
		"$tmp/unit_test" "$t" >"$tmp/tap"
		rc=$?
		awk '/^# [a-z0-9-]+ [a-z0-9.]+ (driver|device) [0-9]+:/ { print $3, $2, $4 }' "$tmp/tap" |
			sort | uniq -c | awk '{ print $2, $3, $4, $1 }' >"$tmp/found"
		of_stat "$t" '.devices[] | .device as $d | (.findings // [])[] | "\($d) \(.rule) \(.party) \(.count)"' |
			diff "$tmp/found" - || { echo "$t"; return 1; }
		"$vqtrace" check -r "$t" -T json 2>/dev/null | jq -se --argjson rc $rc '.[-1] |
			(if .decided.driver | not then 2 elif .driver.must + .driver.structural > 0 then 1 else 0 end) == $rc' \
			>/dev/null || { echo "$t: exit status $rc"; tail -n 2 "$tmp/tap"; return 1; }
	done
}

same_times() {
	local t
	for t in $traces; do
		"$tmp/observer" "$t" | cut -d' ' -f1-4 | sort >"$tmp/observed"
		# Buffers that wait for events outside are no requests to stat.
		of_stat "$t" '.devices[] | select(.counts.posted == 0 and .latency.service) |
			"\(.device) \(.latency.service | "\(.count) \(.sum) \(.max)")"' >"$tmp/stat"
		comm -13 "$tmp/observed" "$tmp/stat" | grep . && { echo "$t"; return 1; }
		cat "$tmp/stat"
	done >"$tmp/times" || { cat "$tmp/times"; return 1; }
	[ -s "$tmp/times" ]
}

python() {
	local python t
	for python in python3 /usr/bin/python3; do
		"$python" -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null && break
	done
	"$python" -c 'import jsonschema' 2>/dev/null || { echo "python3-jsonschema is not installed"; return 77; }
	for t in traces/qemu7-two-disks.pcap traces/qemu7-blkdebug.pcap; do
		PATH=$prefix/bin:$PATH "$python" "$prefix/share/vqtrace/examples/requests.py" "$prefix/share/vqtrace/schema" $t \
			>"$tmp/counted" || return 1
		"$vqtrace" stat -r $t --by type -T json | jq -r '"\(.device) \(.type) \(.requests)"' | sort |
			diff <(sort "$tmp/counted") - || return 1
	done
}

# Arrays, each of their fields in its own way: forwards, backwards, beside the others.  As show has them.
arrays() {
	local t
	cat >"$tmp/arrays.c" <<-'C'
		#include <stdio.h>
		#include <vqtrace.h>

		static char text[256];

		static int get(const struct vqtrace_event *e, const char *name, unsigned i)
		{
			return vqtrace_get_text(e, vqtrace_field(name), i, text, sizeof(text));
		}

		int main(int argc, char **argv)
		{
			const struct vqtrace_event *e;
			struct vqtrace *t;
			int k, n;

			if (argc != 2 || vqtrace_open(&t, argv[1], NULL, 0))
				return 2;
			while (vqtrace_next(t, &e) == 1) {
				for (n = 0; get(e, "buffers.bytes", (unsigned)n) >= 0; n++)
					if (n > 100000)
						return 1;
				if (get(e, "buffers.offset", (unsigned)n) >= 0)
					return 1;
				for (k = 0; k < n; k++) {
					printf("%d", get(e, "buffers.bytes", (unsigned)k) / 2);
					get(e, "buffers.descriptor", (unsigned)k);
					printf(" %s", text);
					get(e, "buffers.offset", (unsigned)k);
					printf(" %s\n", text);
				}
				for (k = n; k-- > 0;)
					if (get(e, "buffers.descriptor", (unsigned)k) < 0)
						return 1;
				for (k = 0; get(e, "avail.descriptors.addr", (unsigned)k) >= 0; k++) {
					printf("at %s", text);
					printf(" %s\n", get(e, "avail.descriptors.next", (unsigned)k) < 0 ? "-" : text);
				}
			}
			vqtrace_close(t);
			return 0;
		}
	C
	build "$tmp/arrays.c" || return 1
	for t in $traces; do
		timeout 60 "$tmp/arrays" "$t" >"$tmp/got" || { echo "$t: exit status $?"; return 1; }
		"$vqtrace" show -r "$t" -T json 2>/dev/null | jq -r '
			((.buffers // [])[] | "\(.bytes | length / 2) \(.descriptor) \(.offset)"),
			((.avail.descriptors // [])[] | "at \(.addr) \(.next // "-")")' | diff "$tmp/got" - | head -n 5 |
			grep . && { echo "$t"; return 1; }
	done
	[ -s "$tmp/got" ]
}

# A program that reads files, each through all that the library has; ASan tells of leaks.
hostile() {
	local t n=0
	[ -x build/tests/lab/corpus ] || { echo "build/tests/lab/corpus is not built (make tools)"; return 77; }
	. tests/fuzz/seeds.sh
	{
		cat tests/fuzz/api_fuzz.c
		cat <<-'C'
			#include <stdio.h>
			int main(int argc, char **argv)
			{
				static uint8_t bytes[1 << 22];

				for (int i = 1; i < argc; i++) {
					FILE *f = fopen(argv[i], "rb");
					size_t n = f ? fread(bytes, 1, sizeof(bytes), f) : 0;

					if (f)
						fclose(f);
					LLVMFuzzerTestOneInput(bytes, n);
				}
				return argc - 1 == 0;
			}
		C
	} >"$tmp/walk.c"
	build "$tmp/walk.c" -I. -g -fsanitize=address || return 1
	seeds trace_fuzz "$tmp/seeds" || return 1
	# Damage: cut off, and a byte in a hundred changed.
	for t in traces/qemu7-late.pcap traces/qemu7-legacy.pcap traces/qemu7-net.pcap; do
		for n in 1 2 3 4; do
			{ printf '\1'; head -c $((n * 10007)) $t; } >"$tmp/seeds/cut-$n-$(basename $t)"
			{ printf '\1'; perl -e 'srand($ARGV[0]); undef $/; $_ = <STDIN>;
				for my $i (1 .. length($_) / 100) { substr($_, 24 + rand(length($_) - 24), 1) = chr(rand(256)) }
				print' $n <$t | head -c 60000; } >"$tmp/seeds/changed-$n-$(basename $t)"
		done
	done
	[ "$(find "$tmp/seeds" -type f | wc -l)" -gt 25 ] || { echo "the inputs are missing"; return 1; }
	"$tmp/walk" "$tmp"/seeds/* >"$tmp/said" 2>&1 || { tail -n 20 "$tmp/said"; return 1; }
	[ ! -s "$tmp/said" ] || { echo "the library printed"; cat "$tmp/said"; return 1; }
}

errors() {
	local f
	printf 'no trace at all, but long enough to be looked at' >"$tmp/text"
	printf '' >"$tmp/empty"
	for f in text empty none; do
		"$tmp/count" "$tmp/$f" >"$tmp/said"
		[ $? = 2 ] && [ -s "$tmp/said" ] || { echo "$f: $(cat "$tmp/said")"; return 1; }
	done
	head -c 60001 traces/qemu7-q1.pcap >"$tmp/cut.pcap"
	"$tmp/count" "$tmp/cut.pcap" >"$tmp/said"
	[ $? = 2 ] && grep -q '^blk0' "$tmp/said" || { echo "a trace that is cut off: $(cat "$tmp/said")"; return 1; }
	# As the header says at vqtrace_next(): a later format.
	cat >"$tmp/later.c" <<-'C'
		#include <errno.h>
		#include <vqtrace.h>

		int main(int argc, char **argv)
		{
			const struct vqtrace_event *e;
			struct vqtrace *t;
			int rc;

			if (argc != 2 || vqtrace_open(&t, argv[1], 0, 0))
				return 1;
			rc = vqtrace_next(t, &e) != -EPROTONOSUPPORT || e || !*vqtrace_error(t) || vqtrace_next(t, &e);
			vqtrace_close(t);
			return rc;
		}
	C
	{ head -c 64 traces/qemu7-q1.pcap; printf '\x63'; tail -c +66 traces/qemu7-q1.pcap; } >"$tmp/later.pcap"
	build "$tmp/later.c" && "$tmp/later" "$tmp/later.pcap" || { echo "a later format"; return 1; }
	"$tmp/count" - <traces/qemu7-late.pcap | diff - <("$tmp/count" traces/qemu7-late.pcap)
}

plan 11
check "it exports what the map and the header name" symbols
check "it does not print, exit, or change the process" manners
check "make install: library, header, pkg-config, schemas" installs
prefix=$(installed)
export LD_LIBRARY_PATH=$prefix/lib
check "the examples are built with what is installed" examples
check "count: as stat counts" same_counts
check "unit_test: the findings of stat and check" same_findings
check "observer: the times of stat" same_times
check "arrays: elements in any order, as show has them" arrays
check "requests.py: reads JSON by the schema, counts as stat" python
check "errors are returned" errors
check "hostile traces: no crash, no leak, no word" hostile
finish
