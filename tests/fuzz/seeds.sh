# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What fuzzing begins with, beside what tests/fuzz/corpus has.  Sourced from the top of the tree; $tmp
# is a folder for a while.

seeds() { # TARGET DIR
	local t
	mkdir -p "$2"
	case $1 in
	trace_fuzz | api_fuzz | check_fuzz | diff_fuzz | merge_fuzz | stat_fuzz | shrink_fuzz | stuck_fuzz)
		for t in traces/qemu7-q1 traces/qemu7-packed traces/qemu7-legacy traces/qemu7-net; do
			build/tests/lab/corpus $t.pcap "$2/$(basename $t)"
		done
		for t in traces/qemu7-blkdebug traces/qemu11-q1; do
			{ printf '\1'; head -c 20000 $t.pcap; } >"$2/$(basename $t).file"
		done
		# pcapng, and compressed
		if [ "$1" = trace_fuzz ] || [ "$1" = api_fuzz ]; then
			build/vqtrace check -r traces/qemu7-q1.pcap -w "$tmp/annotated.pcapng" >"$tmp/out" 2>&1
			{ printf '\1'; head -c 8000 "$tmp/annotated.pcapng"; } >"$2/pcapng.file"
			{ printf '\1'; head -c 20000 traces/qemu7-q1.pcap | gzip -9n; } >"$2/gzip.file"
			{ printf '\1'; head -c 20000 traces/qemu7-q1.pcap | zstd -q; } >"$2/zstd.file"
		fi
		# both sides: their requests' lives
		zcat traces/qemu7-q1-both.pcap.gz >"$tmp/both"
		build/tests/lab/corpus "$tmp/both" "$2/both"
		{ printf '\1'; head -c 40000 "$tmp/both"; } >"$2/both.file"
		# packets of many events, as vqtrace-guest writes them
		cp tests/fuzz/corpus/trace_fuzz/guest-stream "$2/"
		;;
	replay_fuzz) # whole conversations
		for t in qemu7-q1 qemu7-packed qemu7-legacy qemu7-net qemu11-intx; do
			build/tests/lab/corpus traces/$t.pcap "$2/$t" 1000
			{ printf '\7'; head -c 60000 traces/$t.pcap; } >"$2/$t.file"
		done
		;;
	elf_fuzz) # the code of the unit tests, as an object of its own
		${CC:-cc} -shared -nostdlib -Wl,-Bsymbolic -Wl,-z,noseparate-code -s \
			-o "$2/fake" tests/unit/fake_qemu_code.c
		;;
	stack_fuzz) # small objects with debug information, without, and linked to it
		${CC:-cc} -g -O2 -shared -fPIC -o "$2/debug" tests/fuzz/stack_seed.c &&
			objcopy --strip-all "$2/debug" "$2/stripped" && cp "$2/stripped" "$2/linked" &&
			objcopy --add-gnu-debuglink="$2/debug" "$2/linked" &&
			objcopy --compress-debug-sections "$2/debug" "$2/packed"
		printf '\2../../.dwz/x86_64-linux-gnu/a.debug' >"$2/path"
		# a descriptor at 0x10000, its entry, and an image
		{
			printf '\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\30\0\1\0\0\0\0\0'
			printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\70\0\1\0\0\0\0\0\0\10\0\0\0\0\0\0'
			head -c 2048 "$2/debug"
		} >"$2/jit"
		;;
	insn_fuzz) # some functions of a program that is at hand
		for t in 1 2 3 4 5 6 7 8; do
			dd if=build/vqtrace bs=500 skip=$((t * 500)) count=1 of="$2/$t" status=none
		done
		;;
	esac
	[ -d "tests/fuzz/corpus/$1" ] && cp "tests/fuzz/corpus/$1"/* "$2/"
	return 0
}
