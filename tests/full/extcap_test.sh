#!/bin/bash
# SPDX-License-Identifier: MIT
# Wireshark's interfaces: the link that `make install` puts into its folder lists each running QEMU,
# describes the dialog, and captures into a pipe, from a machine that restarts again and again; tshark
# finds and captures it.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording
for c in tshark qemu-system-x86_64 jq; do
	command -v $c >/dev/null || { echo "$c is not installed"; exit 77; }
done

plan 9

# SeaBIOS finds nothing to boot and restarts: what it does with its disk is a conversation without end.
truncate -s 1M "$tmp/disk.img"
qemu-system-x86_64 -name 'web{1}' -machine pc,accel=tcg -m 32 -nodefaults -display none \
	-drive "file=$tmp/disk.img,format=raw,if=none,id=d0" -device virtio-blk-pci,drive=d0,id=disk0 \
	-device virtio-rng-pci -boot reboot-timeout=300 >/dev/null 2>&1 &
qemu=$!
trap 'kill $qemu 2>/dev/null; rm -rf "$tmp"' EXIT

installed() {
	make -s install-wireshark PREFIX=/usr DATADIR="$(cat build/.datadir)" DESTDIR="$tmp/root" >/dev/null || return 1
	folder=$(tshark -G folders 2>/dev/null | sed -n 's/^Extcap path:[[:space:]]*//p')
	[ "$(readlink "$tmp/root$folder/vqtrace")" = /usr/bin/vqtrace ]
}
check "make install puts a link where Wireshark looks for programs that capture" installed
folder=$(tshark -G folders 2>/dev/null | sed -n 's/^Extcap path:[[:space:]]*//p')

listed() {
	"$vqtrace" --extcap-interfaces --extcap-version=4.0 >"$tmp/interfaces"
	cat "$tmp/interfaces"
	head -n 1 "$tmp/interfaces" | grep -qE '^extcap \{version=[0-9.]+\}' &&
		grep -qxF "interface {value=vqtrace-$qemu}{display=virtio: web_1_, process $qemu}" "$tmp/interfaces"
}
check "each running QEMU is an interface, its name no syntax" until_true listed

described() {
	local i=(--extcap-interface "vqtrace-$qemu")
	"$vqtrace" --extcap-dlts "${i[@]}" | grep -qE '^dlt \{number=147\}\{name=USER0\}' || return 1
	"$vqtrace" --extcap-config "${i[@]}" >"$tmp/config"
	cat "$tmp/config"
	grep -qF '{value=blk0}{display=blk0 (virtio-blk-pci, disk0)}' "$tmp/config" &&
		grep -qF '{value=rng0}' "$tmp/config" && grep -q 'call=--snaplen' "$tmp/config" &&
		grep -q 'call=--mode' "$tmp/config"
}
check "its link type, and a dialog with its devices" described

refused() {
	! "$vqtrace" --extcap-dlts --extcap-interface eth0 2>"$tmp/err" && grep -q 'no such interface' "$tmp/err" &&
		! "$vqtrace" --extcap-interface "vqtrace-$qemu" --capture 2>"$tmp/err" && grep -q 'fifo' "$tmp/err"
}
check "other interfaces are refused" refused

# capture NAME [OPTION ...]: until the pipe's reader has $least events that match $want; then a signal ends it,
# as Wireshark does.
want='number > 0'
capture() {
	local name=$1 pid n
	shift
	mkfifo "$tmp/$name.fifo"
	"$vqtrace" --capture --extcap-interface "vqtrace-$qemu" --fifo "$tmp/$name.fifo" "$@" 2>"$tmp/$name.err" &
	pid=$!
	cat "$tmp/$name.fifo" >"$tmp/$name.pcap" &
	enough() { ! kill -0 $pid 2>/dev/null || [ "$("$vqtrace" show -r "$tmp/$name.pcap" -Y "$want" 2>/dev/null | wc -l)" -ge "$least" ]; }
	until_true enough
	kill $pid 2>/dev/null
	wait $pid
	n=$?
	"$vqtrace" show -r "$tmp/$name.pcap" -T json >"$tmp/$name.json" || return 1
	[ $n = 0 ] && kill -0 $qemu || { cat "$tmp/$name.err"; return 1; }
}

events() {
	least=150 capture events || return 1
	jq -es '.[0].session.snaplen == 256 and any(.event == "register") and any(.device == "blk0") and any(.device == "rng0")' \
		"$tmp/events.json" && grep -q '{default=256}' "$tmp/config"
}
check "what is captured is a trace, and a signal ends it" events

one_device() {
	want='event == used' least=1 capture device --device blk0 --snaplen 16 --mode events || return 1
	jq -es '.[0].session.snaplen == 16 and any(.used) and all(.device == "blk0" or .device == null)' "$tmp/device.json"
}
check "of the device that was chosen, with its snap length" one_device

light() {
	want='event == tally' least=1 capture light --mode light || return 1
	jq -es 'any(.event == "tally") and all(.event != "avail")' "$tmp/light.json"
}
check "only counts, in that mode" light

# Wireshark goes away without a signal: nobody reads.
closed() {
	mkfifo "$tmp/closed.fifo"
	"$vqtrace" --capture --extcap-interface "vqtrace-$qemu" --fifo "$tmp/closed.fifo" 2>/dev/null &
	local pid=$!
	head -c 20000 "$tmp/closed.fifo" >/dev/null
	until_true gone $pid && kill -0 $qemu
}
check "it ends when nobody reads the pipe" closed

# In a mount namespace of its own, where the link lies in tshark's folder.
live() {
	unshare -m true 2>/dev/null || { echo "no mount namespaces here"; return 77; }
	mkdir "$tmp/extcap"
	ln -s "$vqtrace" "$tmp/extcap/vqtrace"
	cat >"$tmp/tshark" <<-END
		#!/bin/sh
		mount --bind "$tmp/extcap" "$folder" && HOME=$tmp exec tshark "\$@"
	END
	chmod +x "$tmp/tshark"
	unshare -m "$tmp/tshark" -D 2>/dev/null | grep -F "vqtrace-$qemu (virtio: web_1_, process $qemu)" || return 1
	timeout 200 unshare -m "$tmp/tshark" -X lua_script:build/wireshark/vqtrace.lua -i "vqtrace-$qemu" -c 200 \
		-T fields -e vqtrace.event 2>"$tmp/err" | sort | uniq -c | grep -E '[0-9]+ register' || { cat "$tmp/err"; return 1; }
}
check "tshark lists it, and captures from it" live
finish
