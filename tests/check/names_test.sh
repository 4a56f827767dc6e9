#!/bin/bash
# SPDX-License-Identifier: MIT
# Names in a trace are those of guests, users and whoever made the file.  Whatever they
# hold, each output is valid in its format and does no harm to a terminal.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

# Each of the same length as the name it replaces, so that the records stay as they are.
hostile() { # FILE TYPE-OF-14-BYTES ID-OF-4-BYTES
	LC_ALL=C sed "s/virtio-blk-pci/$2/g; s/blk0/$3/g" traces/qemu7-q1.pcap >"$1"
}
hostile "$tmp/bidi.pcap" '\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf\xf3\xa0\x80\x81a' 'a\xe2\x80\x8b'
hostile "$tmp/invalid.pcap" '\xff\xed\xa0\x80\xf5\xc0\x80\xc3(\xe2\x80\xf0\x9f\xc2' '\xff\xfe\xc3('
hostile "$tmp/control.pcap" '\x1b[2J\xc2\x9b31m\x7f\x08\r\nx' '\xc2\x9b\x1b['
hostile "$tmp/none.pcap" '\xef\xbf\xbe\xef\xbf\xbfnoncharx' '\xef\xbf\xbfa' # no characters, though UTF-8
hostile "$tmp/quote.pcap" '"\\\\<\&>]]>,{}\x27%' '"\\\\n'

# All outputs of a trace, each in a file of "$tmp/out" that is named by its format.
outputs() { # TRACE
	local by o=$tmp/out
	rm -rf "$o"
	mkdir "$o"
	"$vqtrace" show -r "$1" >"$o/show.text" 2>&1
	"$vqtrace" show -V -r "$1" >"$o/verbose.text" 2>&1
	"$vqtrace" show -r "$1" -T json >"$o/show.json"
	"$vqtrace" show --requests -r "$1" >"$o/requests.text" 2>&1
	"$vqtrace" show --requests -r "$1" -T json >"$o/requests.json"
	"$vqtrace" stat -r "$1" --plot "$o/plot.xml" --html "$o/report.xml" --flame "$o/flame.xml" >"$o/stat.text" 2>&1
	"$vqtrace" stat -r "$1" -T json >"$o/stat.json"
	for by in queue vcpu time; do
		"$vqtrace" stat -r "$1" --by $by -T json >"$o/by-$by.json"
		"$vqtrace" stat -r "$1" --by $by -T csv >"$o/by-$by.text"
	done
	"$vqtrace" check -r "$1" >"$o/check.text" 2>&1
	"$vqtrace" check -r "$1" -T json >"$o/check.json"
	"$vqtrace" check -r "$1" -T sarif >"$o/sarif.json"
	"$vqtrace" check -r "$1" -T junit >"$o/junit.xml"
	"$vqtrace" diff "$1" traces/qemu7-mq4.pcap >"$o/diff.text" 2>&1
	"$vqtrace" diff -T json "$1" traces/qemu7-mq4.pcap >"$o/diff.json"
	"$vqtrace" export -r "$1" --chrome "$o/chrome.json" --csv "$o/csv.text" --fio "$o/fio.text" 2>"$o/export.text"
	"$vqtrace" top -b --delay 10s -r "$1" >"$o/top.text" 2>&1
	"$vqtrace" top -b --delay 10s -r "$1" -T json >"$o/top.json"
	"$vqtrace" replay -r "$1" >"$o/replay.text" 2>&1
	"$vqtrace" replay -r "$1" -T json >"$o/replay.json"
}

# Format characters and controls that text must not have; tags are beyond the classes.
harm='[\x01-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\p{Cf}\p{Zl}\p{Zp}]'

harmless() { # TRACE
	local f rc=0
	outputs "$1"
	for f in "$tmp"/out/*; do
		[ -s "$f" ] || { echo "${f##*/} is empty"; rc=1; }
		iconv -f UTF-8 -t UTF-16 <"$f" >/dev/null || { echo "${f##*/} is not UTF-8"; rc=1; }
		! grep -qaP "$harm" "$f" || { echo "${f##*/}: $(grep -aP "$harm" "$f" | head -n 1 | cat -v | cut -c1-200)"; rc=1; }
		case $f in
		*.json) jq empty "$f" || { echo "${f##*/} is not JSON"; rc=1; } ;;
		*.xml) xmllint --noout "$f" || { echo "${f##*/} is not XML"; rc=1; } ;;
		esac
	done
	return $rc
}

# JSON keeps what can be kept: the name is the same in all outputs.
same_name() {
	local want=$'a\xe2\x80\x8b' what
	outputs "$tmp/bidi.pcap"
	[ "$(jq -r '.devices[0].id' "$tmp/out/stat.json")" = "$want" ] || { echo "stat has another name"; return 1; }
	[ "$(jq -r 'select(.event == "device").device_info.id' "$tmp/out/show.json" | sort -u)" = "$want" ] ||
		{ echo "show has another name"; return 1; }
	[ "$(jq -r '.rows[] | select(.kind == "device").name' "$tmp/out/top.json" | sort -u)" = "$want" ] ||
		{ echo "top has another name"; return 1; }
}

# What is said of a file has its name, too.
messages() {
	local name
	name=$tmp/$(printf 'a\xe2\x80\xaeb\x1b[2J\xff')
	echo nothing >"$name"
	"$vqtrace" show -r "$name" >/dev/null 2>"$tmp/err"
	[ $? = 2 ] || { echo "that was a trace?"; return 1; }
	! grep -qaP "$harm" "$tmp/err" && grep -q 'a\\u202eb\\x1b\[2J\\xff' "$tmp/err" || { cat -v "$tmp/err"; return 1; }
}

# Each character, and each two bytes: a real parser reads them as they are, or escaped so that one can
# tell what they were.
characters() {
	build/tests/unit/xml_test --characters >"$tmp/characters.xml"
	xmllint --huge --noout "$tmp/characters.xml" || return 1
	python3 - "$tmp/characters.xml" <<-'PYTHON'
		import re, sys, xml.etree.ElementTree

		def bytes_of(m):
		    return bytes([int(m[1], 16)]) if m[1] else chr(int(m[2] or m[3], 16)).encode()

		lines = xml.etree.ElementTree.parse(sys.argv[1]).getroot().text.split("\n")[:-1]
		escape = re.compile(rb"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")
		for line in lines:
		    was, is_now = line.split(" ", 1)
		    if escape.sub(bytes_of, is_now.encode()) != bytes.fromhex(was):
		        sys.exit("%s became %s" % (was, ascii(is_now)))
		if len(lines) != 0x10fffe + 254 * 254:
		    sys.exit("%d lines" % len(lines))
	PYTHON
}

plan 8
for kind in bidi invalid control none quote; do
	check "names: $kind" harmless "$tmp/$kind.pcap"
done
check "one name in all of JSON" same_name
check "messages" messages
check "each character in XML" characters
finish
