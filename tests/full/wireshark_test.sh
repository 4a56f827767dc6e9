#!/bin/bash
# SPDX-License-Identifier: MIT
# The dissector for Wireshark in tshark, as `make install` installs it and without preferences: each
# value of each event of the shipped traces is that of vqtrace; requests and responses are linked; what
# is not ours is left alone; broken records are malformed and no error of Lua's.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

for c in tshark editcap jq xmllint; do
	command -v $c >/dev/null || { echo "$c is not installed"; exit 77; }
done
[ -x build/tests/lab/hostile ] || { echo "build/tests/lab/hostile is missing (make tools)"; exit 77; }
folder=$(tshark -G folders 2>/dev/null | sed -n 's/^Global Lua Plugins:[[:space:]]*//p')
[ ! -e "$folder/vqtrace.lua" ] || { echo "$folder/vqtrace.lua is installed: it would be tested instead"; exit 77; }

# Its home has the dissector alone, and no preferences.
mkdir -p "$tmp/home/.local/lib/wireshark/plugins" "$tmp/two-pass" "$tmp/root"
for way in "" -2; do
	printf '#!/bin/sh\nunset XDG_CONFIG_HOME\nHOME=%s exec tshark %s "$@"\n' "$tmp/home" "$way" >"$tmp/tshark$way"
	chmod +x "$tmp/tshark$way"
done
export PYTHONDONTWRITEBYTECODE=1 # none beside our files
ts() { "$tmp/tshark" "$@" 2>"$tmp/errors"; }

plan 16

installed() {
	# with the folder of data that the tree was built with: nothing is built again
	make -s install-wireshark PREFIX=/usr DATADIR="$(cat build/.datadir)" DESTDIR="$tmp/root" >/dev/null || return 1
	[ -e "$tmp/root$folder/vqtrace.lua" ] || { find "$tmp/root" -name '*.lua'; return 1; }
	cp "$tmp/root$folder/vqtrace.lua" "$tmp/home/.local/lib/wireshark/plugins"
}
check "make install puts it where tshark looks for plugins" installed

named() {
	ts -G fields | awk -F '\t' '$1 == "F" { print $3 }' | sort >"$tmp/names"
	"$vqtrace" show --fields | awk '{ print "vqtrace." $1 }' | sort >"$tmp/wanted"
	[ "$(wc -l <"$tmp/wanted")" -gt 200 ] && ! comm -23 "$tmp/wanted" "$tmp/names" | grep .
}
check "each name of show --fields is a field" named

# All of the shipped ones, and made-up records of the types that those do not have.
values() {
	tests/full/wireshark_values.py "$vqtrace" "$tmp/tshark" traces/*.pcap* made:1 made:17 made:23 >"$tmp/values" ||
		{ cat "$tmp/values"; return 1; }
	cat "$tmp/values"
	grep -qx 'no value:' "$tmp/values"
}
check "each value of each event is vqtrace's, and each field has had one" values
check "also when packets are dissected again, in the second pass" tests/full/wireshark_values.py \
	"$vqtrace" "$tmp/tshark-2" traces/qemu7-q1-both.pcap.gz traces/qemu7-net.pcap traces/qsd11-libblkio.pcap made:4
# Changed packets: no error of Lua's, and the values of those that vqtrace can read are its values.
check "hostile packets are malformed or have the same values" tests/full/wireshark_values.py "$vqtrace" "$tmp/tshark" \
	mutated:{1,2,3}:traces/{qemu7-q1,qemu7-calls,qemu7-packed,qemu7-net,qemu11-legacy,qsd11-libblkio,qemu7-arm64-linux}.pcap
# Names that a guest or a user chose; tshark's output is read as XML.
hostile_names() {
	local kind traces=()
	for kind in $(build/tests/lab/hostile --list); do
		traces+=("hostile:$kind:traces/qemu7-q1-both.pcap.gz" "hostile:$kind:traces/qsd11-libblkio.pcap")
	done
	tests/full/wireshark_values.py "$vqtrace" "$tmp/tshark" "${traces[@]}"
}
check "hostile names do no harm" hostile_names

broken() {
	python3 - "$tmp/broken.pcap" <<-'END'
		import sys
		sys.path.insert(0, "tests/full")
		import wireshark_traces as t
		header, packets = t.packets_of("traces/qemu7-q1.pcap")
		cut = [(time, data[: len(data) - 9] if i == 300 else data) for i, (time, data) in enumerate(packets)]
		with open(sys.argv[1], "wb") as f:
		    f.write(header + b"".join(time + t.struct.pack("<II", len(data), len(data)) + data for time, data in cut))
	END
	[ "$(ts -r "$tmp/broken.pcap" -Y vqtrace.malformed -T fields -e frame.number)" = 301 ] &&
		[ "$(ts -r "$tmp/broken.pcap" -Y _ws.malformed -T fields -e frame.number)" = 301 ]
}
check "a record that is cut is marked as malformed" broken

# Of more than 4096 elements the first ones are shown.
large() {
	local n
	n=$(PYTHONPATH=tests/full python3 -c "import wireshark_traces as t; print(t.large('$tmp/large.pcap'))") || return 1
	ts -r "$tmp/large.pcap" -T pdml >"$tmp/large.xml"
	xmllint --huge --noout "$tmp/large.xml" && ! grep -m 1 -i 'lua.error\|too many items' "$tmp/large.xml" || return 1
	[ "$(ts -r "$tmp/large.pcap" -Y vqtrace | wc -l)" = "$n" ] &&
		[ "$(grep -c 'name="vqtrace.kick.heads"' "$tmp/large.xml")" = 4096 ]
}
check "the largest records are shown" large

# The columns, against show's lines: those of show -Y have no types folded into one line.
columns() {
	local filter='event != lifecycle'
	"$vqtrace" show -r traces/qemu7-net.pcap -Y "$filter" | sed -E 's/^.{27}[^ ]* +(→|←|·) /\1 /' >"$tmp/lines"
	ts -r traces/qemu7-net.pcap -Y 'vqtrace.event != "lifecycle"' -T fields -e _ws.col.Info >"$tmp/info"
	[ "$(wc -l <"$tmp/lines")" -gt 500 ] && diff "$tmp/lines" "$tmp/info"
}
check "the Info column is what show has" columns

# What has no field of its own: bits by name, headers of requests.
details() {
	local bits='([.01]{4} ?)+ = .*set' trace
	for trace in traces/{qemu7-late,qemu7-net,qemu7-console,qemu11-packed,qemu7-arm64-linux}.pcap; do
		"$vqtrace" show -V -r $trace | sed -E 's/^ +//; s/ \(virtio [0-9.]+\)$//' |
			grep -E "^($bits|bit [0-9]+ = .*|Header .*)\$" >"$tmp/bits"
		ts -V -r $trace | sed -E 's/^ +//; s/^\[(Header .*)\]$/\1/' |
			grep -E "^($bits|bit [0-9]+ = .*|Header .*)\$" | diff "$tmp/bits" - || { echo "$trace"; return 1; }
		[ -s "$tmp/bits" ] || return 1
	done
}
check "the tree has the bits and headers of show -V" details

# Of each request: the response is where the request says, and the other way round; the time is the latency.
links() {
	"$tmp/tshark-2" -r traces/qemu11-mq4.pcap -Y 'vqtrace.avail || vqtrace.used' -T fields -e frame.number -e vqtrace.event \
		-e vqtrace.response_in -e vqtrace.request_in -e vqtrace.time -e vqtrace.used.latency 2>/dev/null | awk -F '\t' '
		$2 == "avail" && $3 != "" { answer[$1] = $3; n++ }
		$2 == "used" && $4 != "" { asked[$1] = $4; if ($5 == "" || $5 != $6) bad = bad $0 "\n" }
		END {
			for (request in answer)
				if (asked[answer[request]] != request)
					bad = bad "request " request " in " answer[request] "\n"
			for (used in asked)
				m++
			printf "%d requests, %d responses\n%s", n, m, bad
			exit !(n > 100 && n == m && bad == "")
		}'
}
check "requests and responses are linked, with the time between them" links

experts() {
	ts -r traces/qemu7-blkdebug.pcap -q -z expert >"$tmp/expert"
	grep -qE 'VQTRACE .* used id .* IOERR' "$tmp/expert" || return 1
	"$vqtrace" show -r traces/qemu7-kvm.pcap -T json | jq -r '.note.text // empty' >"$tmp/notes"
	ts -r traces/qemu7-kvm.pcap -Y 'vqtrace.expert.note || vqtrace.expert.warning || vqtrace.expert.comment' \
		-T fields -e vqtrace.note.text | diff - "$tmp/notes" && [ -s "$tmp/notes" ]
}
check "failed requests and notes are expert information" experts

# Not a trace of ours: the dissector that a user has chosen for this link type has it.
declined() {
	python3 - "$tmp/other.pcap" <<-'END'
		import sys
		sys.path.insert(0, "tests/full")
		import wireshark_traces as t
		ip = bytes.fromhex("4500002000010000401166cbc0a80001c0a80002") + bytes.fromhex("3039d431000c0000") + b"abcd"
		packets = [ip, bytes(range(256)), b"x", b"\x10" * 40, bytes(24), bytes(20) + b"\x10\x01" + bytes(60)]
		with open(sys.argv[1], "wb") as f:
		    f.write(t.HEADER)
		    for p in packets:
		        f.write(t.struct.pack("<IIII", 1, 1, len(p), len(p)) + p)
	END
	[ -z "$(ts -r "$tmp/other.pcap" -Y vqtrace)" ] &&
		[ "$(ts -r "$tmp/other.pcap" -o 'uat:user_dlts:"User 0 (DLT=147)","ip","0","","0",""' -c 1 -T fields -e ip.dst)" = 192.168.0.2 ]
}
check "packets that are not ours are left to others" declined

# A part of a trace, without its first records.
part() {
	editcap -r traces/qemu7-q1.pcap "$tmp/part.pcap" 400-700 2>/dev/null
	[ "$(ts -r "$tmp/part.pcap" -Y vqtrace | wc -l)" = 301 ]
}
check "a part of a trace is ours, too" part

# Each rule is a valid filter, and the shipped traces have packets for most.
colors() {
	local name filter n used=0 rules="$tmp/root$(cat build/.datadir)/wireshark/colorfilters"
	while IFS=@ read -r _ name filter _; do
		n=$(ts -r traces/qemu7-blkdebug.pcap -Y "$filter" | wc -l)
		! grep -v 'Running as user' "$tmp/errors" || { echo "$name: $filter"; return 1; }
		[ "$n" = 0 ] || used=$((used + 1))
	done < <(grep '^@' "$rules")
	echo "$used rules have packets"
	[ $used -ge 7 ]
}
check "the coloring rules are valid" colors

# tshark itself applies them: a rule's name is then a field.
applied() {
	mkdir -p "$tmp/home/.config/wireshark"
	cp "$tmp/root$(cat build/.datadir)/wireshark/colorfilters" "$tmp/home/.config/wireshark/colorfilters"
	coloured() { # TRACE RULE
		COLORTERM=truecolor ts --color -r "$1" -Y "frame.coloring_rule.name == \"vqtrace: $2\"" -T fields -e vqtrace.event
	}
	coloured traces/qemu7-q1.pcap kicks | sort | uniq -c | grep -E '^ *[0-9]+ kick$' || return 1
	# what a filter left out is not missing, and who failed is not said of what was not seen
	"$vqtrace" show -r traces/qemu7-q1.pcap -Y 'event == used' -w "$tmp/used.pcap" 2>/dev/null || return 1
	[ -z "$(coloured "$tmp/used.pcap" "events are missing")$(coloured "$tmp/used.pcap" failures)" ] &&
		[ "$(coloured "$tmp/used.pcap" "completions of unseen chains" | sort -u)" = used ]
}
check "and colour packets" applied
finish
