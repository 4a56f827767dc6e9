#!/bin/bash
# SPDX-License-Identifier: MIT
# vqtrace stat --html: parsers that are not ours read the page; its figures are those of -T json; names
# do no harm; a page as it is meant.
#
#   report_test.sh            compare
#   report_test.sh --update   rewrite tests/golden/report/late.html
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
export TZ=UTC LC_ALL=C
update=
[ "${1:-}" = --update ] && update=1
for c in python3 jq xmllint; do
	command -v $c >/dev/null || { echo "$c is not installed"; exit 77; }
done
mq4=traces/qemu7-mq4.pcap

page() { # TRACE [OPTION...]
	local trace=$1
	shift
	"$vqtrace" stat -r "$trace" --html "$tmp/page.html" "$@" >"$tmp/text" || return 1
	"$vqtrace" stat -r "$trace" -T json "$@" >"$tmp/stat.json" && "$vqtrace" show -r "$trace" --requests -T json >"$tmp/requests.json" &&
		python3 tests/check/report.py "$tmp/page.html" "$tmp/stat.json" "$tmp/requests.json" >"$tmp/said" 2>&1 &&
		xmllint --noout "$tmp/page.html" && return 0
	tail -n 5 "$tmp/said"
	return 1
}

figures() {
	local t
	for t in qemu7-{q1-both,net,kvm,late,blkdebug}.pcap* qsd11-libblkio.pcap; do
		page traces/"$(cd traces && echo $t)" || { echo "$t"; return 1; }
	done
	page $mq4 && [ "$(sed 's/ .*//' "$tmp/said")" -gt 150 ] || { cat "$tmp/said"; return 1; }
	# and what it prints beside is the page of text, which it holds, too
	"$vqtrace" stat -r $mq4 | cmp - "$tmp/text" || return 1
	python3 - "$tmp/page.html" "$tmp/text" <<-'PYTHON'
		import html, re, sys
		page = open(sys.argv[1]).read()
		text = html.unescape(re.search("<pre>(.*)</pre>", page, re.S)[1])
		sys.exit(text != open(sys.argv[2]).read())
	PYTHON
}

# Parts of a trace: what stat counts of them, and says so.
parts() {
	page $mq4 --from 6.1s --to 6.5s && grep -q '<p>Counted is the time from 6.10 s to 6.50 s after' "$tmp/page.html" &&
		page $mq4 -Y 'request.type == in' && grep -q '<code>request.type == in</code>' "$tmp/page.html" &&
		page $mq4 -Y 'event == session' && grep -q '>Nothing matched.<' "$tmp/page.html"
}

# Of what is known from below only: in a list of its own, and in no percentile.
unknown() {
	page traces/qsd11-libblkio.pcap || return 1
	grep -q 'requests were popped at an unknown time' "$tmp/page.html" || return 1
	sed -n '/<tbody data-least="yes">/,/<\/tbody><\/table><\/div>/p' "$tmp/page.html" | grep '<tr data-request' >"$tmp/least"
	[ "$(grep -c . "$tmp/least")" -gt 10 ] && ! grep -v '>at least <data' "$tmp/least" &&
		grep -q 'in flight at the end' "$tmp/least" || { cut -c1-300 "$tmp/least"; return 1; }
	page traces/qemu7-kvm.pcap && grep -q 'Requests are unknown: KVM does not show them' "$tmp/page.html"
}

# Idle time is cut out of the picture, which says how long it was; the wall clock is that of show.
idle() {
	page $mq4 || return 1
	grep -q '>5.54 s idle</text>' "$tmp/page.html" && grep -q '<title>5.54 s without a request, left out</title>' "$tmp/page.html" || return 1
	"$vqtrace" show -r $mq4 -t d -c 1 | grep -q "^$(sed -n 's/.*, begun at \([-0-9: ]*\) +0000.*/\1/p' "$tmp/page.html")" ||
		{ grep -o 'begun at.*' "$tmp/page.html"; "$vqtrace" show -r $mq4 -t d -c 1; return 1; }
}

# Names of devices, of the file and in filters: escaped, and no markup of the page.
hostile() {
	local evil='</script><b>"x'
	LC_ALL=C sed "s/virtio-blk-pci/<script>a(1)\&x/g; s/blk0/\"'<\&/g" traces/qemu7-q1.pcap >"$tmp/$(printf '<img src=x onerror=y>\x1b').pcap" || return 1
	set -- "$tmp"/*onerror*.pcap
	page "$1" && ! grep -qE '<script>a|<img' "$tmp/page.html" && grep -q '&lt;script&gt;a(1)&amp;x' "$tmp/page.html" &&
		grep -q '<title>&lt;img src=x onerror=y&gt;\\x1b.pcap: vqtrace stat</title>' "$tmp/page.html" || return 1
	page $mq4 -Y "device_id != \"${evil//\"/\\\"}\"" && ! grep -q '<b>"x' "$tmp/page.html" && grep -q '&lt;/script&gt;&lt;b&gt;' "$tmp/page.html"
}

# Words that depend on the device: clauses of its transport, and what its side sees; no heading without a table.
words() {
	python3 - traces/qemu11-microvm-v2.pcap "$tmp/mmio.pcap" <<-'PYTHON' || return 1
		import struct, sys
		# 1 is never written to QueueReady: queues are kicked that are not enabled
		b, at = bytearray(open(sys.argv[1], "rb").read()), 24
		while at < len(b):
		    record, at = at + 16, at + 16 + struct.unpack_from("<I", b, at + 8)[0]
		    if b[record + 20] == 16 and struct.unpack_from("<I", b, record + 28)[0] == 0x44 and b[record + 25] == 1:
		        struct.pack_into("<Q", b, record + 32, 0)
		open(sys.argv[2], "wb").write(b)
	PYTHON
	page "$tmp/mmio.pcap" && grep 'data-rule="kick-not-enabled"' "$tmp/page.html" | grep -qF '(virtio 1.4, 4.2.3.3)' || return 1
	page traces/qemu7-q1-both.pcap.gz || return 1
	[ "$(grep -c '<h3>By queue</h3>' "$tmp/page.html")" = 2 ] || return 1
	sed -n '/data-device="blk0.driver"/,/<\/section>/p' "$tmp/page.html" >"$tmp/driver"
	grep -q 'median, added to taken' "$tmp/driver" && grep -q '>added to taken, by type<' "$tmp/driver" &&
		! grep -E 'of service|>service<|median service' "$tmp/driver"
}

# As --flame's: private, and the error names the file.
made() {
	rm -f "$tmp/new.html"
	"$vqtrace" stat -r $mq4 --html "$tmp/new.html" >/dev/null && [ "$(stat -c %a "$tmp/new.html")" = 600 ] || return 1
	"$vqtrace" stat -r $mq4 --html /nonexistent/x.html >/dev/null 2>"$tmp/err"
	[ $? = 2 ] && grep -q '/nonexistent/x.html cannot be written' "$tmp/err" || return 1
	"$vqtrace" stat -r $mq4 --html /dev/full >/dev/null 2>"$tmp/err"
	[ $? = 2 ] && grep -q '/dev/full cannot be written' "$tmp/err"
}

# Without style and script, which a browser has to look at (tests/world/report_test.sh).
golden() {
	"$vqtrace" stat -r traces/qemu7-late.pcap --html "$tmp/page.html" >/dev/null || return 1
	sed '/^<style>/,/^<\/style>/d; /^<script>/,/^<\/script>/d' "$tmp/page.html" >"$tmp/out"
	[ -z "$update" ] || cp "$tmp/out" tests/golden/report/late.html
	diff tests/golden/report/late.html "$tmp/out"
}

plan 8
check "figures are those of JSON, and the text is the page" figures
check "--from, --to and a filter" parts
check "what is unknown" unknown
check "idle time and the wall clock" idle
check "hostile names" hostile
check "words of a transport and of a side" words
check "how it is written" made
check "as it is meant: tests/golden/report/late.html" golden
finish
