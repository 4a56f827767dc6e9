#!/bin/bash
# SPDX-License-Identifier: MIT
# The dissector for Wireshark knows each field and each function of a device type: it refuses to load
# otherwise. tests/full/wireshark_test.sh compares all traces.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
command -v tshark >/dev/null || { echo "tshark is not installed"; exit 77; }

mkdir "$tmp/home"
printf '#!/bin/sh\nunset XDG_CONFIG_HOME\nHOME=%s exec tshark -X lua_script:%s "$@"\n' "$tmp/home" "$PWD/build/wireshark/vqtrace.lua" \
	>"$tmp/tshark"
chmod +x "$tmp/tshark"
folder=$(tshark -G folders 2>/dev/null | sed -n 's/^Global Lua Plugins:[[:space:]]*//p')
[ ! -e "$folder/vqtrace.lua" ] || { echo "$folder/vqtrace.lua is installed: it would be loaded, too"; exit 77; }

plan 2
loads() {
	"$tmp/tshark" -r traces/qemu7-late.pcap -c 1 >"$tmp/out" 2>&1
	! grep -i 'lua\|lacks' "$tmp/out"
}
check "it loads" loads
check "its values are those of vqtrace" tests/full/wireshark_values.py "$vqtrace" "$tmp/tshark" traces/qemu7-late.pcap made:1
finish
