#!/bin/bash
# SPDX-License-Identifier: MIT
# The structure of the tree: which room includes which, headers that compile alone, one format.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/check/problems.sh
# Which room may include which, from the READMEs of the folders: "ROOM: ROOM ...".
table=$(mktemp)
trap 'rm -f "$table"' EXIT
sed -nE 's!^    ((bpf|cli|decoder|emu)(/[a-z/]+)?:.*)$!\1!p' {bpf,cli,decoder,emu}/README.md >"$table"
# What the rooms include beside: "FILE includes ROOM".
forbidden() {
	find bpf decoder emu cli -name '*.[chly]' -exec awk '
		/^#include "/ {
			split($0, part, "\"")
			print FILENAME, part[2]
		}' {} + | awk -v table="$table" '
		function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
		BEGIN {
			while ((getline line < table) > 0) {
				sub(":", "", line)
				n = split(line, room, " ")
				known[room[1]] = 1
				for (i = 2; i <= n; i++)
					may[room[1], room[i]] = 1
			}
		}
		$2 !~ /\// { next } # a header of the same room
		{
			from = folder($1)
			to = folder($2)
			up = to
			if (from == to || (from, to) in may)
				next
			while (up ~ /\//) {
				up = folder(up)
				if ((from, up "/*") in may)
					next
			}
			print $1, (from in known) ? "includes " to : "is in a room that no README has"
		}' 2>&1 | sort -u
}
ok "rooms include what the READMEs allow" "$(forbidden)"
# tsort finds a circle; FOLDER/* is spelled out.
ok "and the table has no circle" "$(awk '
	{ sub(":", ""); room[NR] = $1; line[NR] = $0 }
	END {
		for (i = 1; i <= NR; i++) {
			n = split(line[i], to, " ")
			for (j = 2; j <= n; j++) {
				wild = sub(/\*$/, "", to[j])
				for (k = 1; k <= NR; k++)
					if (wild ? index(room[k], to[j]) == 1 && k != i : room[k] == to[j])
						print room[i], room[k]
			}
		}
	}' "$table" | tsort 2>&1 >/dev/null)"

alone=
for h in $(find decoder emu cli bpf -name '*.h' | sort); do
	grep -q 'vqtrace: BPF side only' "$h" && continue
	out=$(printf '#include "%s"\n' "$h" | ${CC:-cc} -std=gnu11 -fms-extensions -D_GNU_SOURCE -I. -Ibuild -Wall -Wextra \
		-Wno-unused-parameter -fsyntax-only -xc - 2>&1) || alone="$alone$h: $out"$'\n'
done
ok "every header compiles alone" "$alone"

# Device types stand in decoder/class, emu/class and the rules of the checker.
ok "a device type is named in its own files only" "$(grep -rnE \
	'VIRTIO_(BLK|NET|CONSOLE|RNG|BALLOON|SCSI|GPU|INPUT|CRYPTO|VSOCK|FS|SND|MEM|PMEM|IOMMU|CAN|GPIO|I2C|MEDIA|RPMB|RTC|SCMI|SPI|ID)_|virtio_id [!=]= [0-9]' \
	--include='*.[chly]' bpf cli decoder emu | grep -vE '^(decoder/(class|check/rules)|emu/class)/')"

ok "only cli/ prints or exits" "$(grep -rnE '\b(printf|puts|perror|exit|abort)\(' \
	--include='*.c' bpf decoder emu | grep -vE '\b(vs?n?printf|snprintf|fprintf)\(|^\S+:\s*\*|_exit\(' | grep -vE 'bpf\.c:')"
ok "uthash does not end the process: by decoder/util/hash.h only" \
	"$(grep -rnF '<uthash.h>' --include='*.[ch]' bpf cli decoder emu tests | grep -v '^decoder/util/hash\.h:')"
# Names are data: what goes to standard error goes through one function that escapes them.
ok "words on standard error: by cli/cli.c and cli/progress.c only" "$(grep -rnE \
	'(fprintf|vfprintf)\(stderr|, stderr\)' --include='*.c' cli |
	grep -vE '^cli/(cli|progress|main|guest/main)\.c:')"
# What others could make us wait for or read without end is read by the accessor only. Beside it:
#   bpf/process/reader.c        the accessor's thread
#   emu/class/blk/holder.c      a line of the kernel about a lock, when an image is refused
round=$(grep -rnE 'process_vm_(readv|writev)|PTRACE_PEEK|/proc/(%|"|[0-9])|"/proc"|/(map_files|pagemap|mem)"' \
	--include='*.[chly]' bpf cli decoder emu |
	grep -vE '^(bpf/process/(foreign|reader)\.c|emu/class/blk/holder\.c):' |
	# comments; the kernel's seccomp rules name calls, too
	grep -vE ':[0-9]+:\s*(/?\*|//)|CALL\(process_vm' |
	# lists the processes, and opens none
	grep -vE '^bpf/qemu/process\.c:[0-9]+:.*opendir\("/proc"\)' |
	# names, which the accessor opens
	grep -vE 'foreign_(path|proc|link|lines_open|open|pread)\(')
ok "other processes are read through bpf/process/foreign.c only" "$round"
# In the folder that reads foreign processes, what is opened and read otherwise is our own or the kernel's.
#   bpf/code/elf_file.c         memory for the pieces that are read, of no file
#   bpf/stack/debug_file.c      descriptors of foreign_open(); in a child that has limits
#   bpf/capture/light.c, bpf/kvm/source.c        tables of our own BPF programs
own='"/proc/(self|sys|kallsyms)|"/sys/|"/dev/null"|tracefs|MAP_ANONYMOUS'
ok "files are opened through it, too" "$(grep -rnE '\b(fopen|open|openat|pread|pread64|mmap|elf_begin|dwarf_begin|opendir|readlink|readlinkat)\(' \
	--include='*.c' bpf |
	grep -vE '\.bpf\.c:|:[0-9]+:\s*(/?\*|//)|^bpf/(process/foreign|process/reader|code/elf_file|stack/debug_file|capture/light|kvm/source)\.c:' |
	grep -vE '^bpf/(guest|kvm/tracepoints)' | # of the kernel that we run on: sysfs, tracefs
	grep -vE '^bpf/qemu/process\.c:[0-9]+:.*opendir\("/proc"\)' |
	grep -vE "$own|\bops->open\(|\.open\(")"
# What the program is linked with: a new library is a decision, and has a line here.
#   libbpf libelf libdw     loading BPF programs; a QEMU's symbols, debug files, call frames
#   libpcap libz            trace files, compressed ones
#   libncursesw libtinfo    the screen of top
#   libjson-c               QMP, JSON output
#   liburing                serve: the disk's reads and writes
#   libseccomp              what a server that was taken over can still do
#   libmicrohttpd           top --prometheus
#   libZydis                the machine code of a QEMU without symbols
#   libprotobuf-c          export --perfetto
ok "libraries are those that are named here" "$(objdump -p build/vqtrace | awk '/NEEDED/ { print $2 }' | grep -vE \
	'^(ld-linux.*|lib(c|m|bpf|elf|dw|pcap|z|ncursesw|tinfo|json-c|uring|seccomp|microhttpd|Zydis|protobuf-c))\.so')"
# The tables of threats name the tests that show what bounds them.
ok "tests that the tables of threats name exist" "$(awk -F '|' '/^\| threat /, /^$/ { print $5 }' {bpf,emu}/README.md |
	grep -oE '`[^`]*\.(c|sh)`' | tr -d '`' | sort -u | while read -r name; do
	[ "$name" != "${name#tests/}" ] && [ -e "$name" ] || [ -n "$(find tests -name "${name##*/}")" ] || echo "$name"; done)"
if command -v clang-format-14 >/dev/null; then
	ok "the tree is formatted (make format)" "$(find bpf cli decoder emu tests -name '*.[ch]' -print0 |
		xargs -0 -n 40 -P 2 clang-format-14 --dry-run 2>&1 | grep 'clang-formatted' | cut -d: -f1 | sort -u)"
else
	n=$((n + 1))
	echo "ok $n - the tree is formatted # SKIP no clang-format-14 (make deps)"
fi
if git rev-parse --git-dir >/dev/null 2>&1; then
	ok "nothing new at the top level" "$(git ls-files | cut -d/ -f1 | sort -u |
		grep -vxE 'Makefile|README\.md|LICENSE|bpf|cli|decoder|emu|traces|tests|\..*')"
	ok "recorded traces are below 1 MiB" "$(git ls-files traces | while read -r f; do
		[ -f "$f" ] && [ "$(stat -c %s "$f")" -ge 1048576 ] && echo "$f"; done)"
else
	echo "ok $((n + 1)) - nothing new at the top level # SKIP no git checkout"
	echo "ok $((n + 2)) - recorded traces are below 1 MiB # SKIP no git checkout"
	n=$((n + 2))
fi
echo "1..$n"
exit $bad
