#!/bin/bash
# SPDX-License-Identifier: MIT
# `record --check` on a real guest: SeaBIOS breaks a rule (it does not wait for the
# reset), Linux none. The finding is printed while the guest runs, and equals that of
# `check` afterwards.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
need_recording

boot() { # NAME OPTIONS...: a whole boot, recorded
	local name=$1
	shift
	tests/lab/guest-cmd --exec --serial "$tmp/$name.serial" --run "read,n=20" \
		--arg -device --arg virtio-rng-pci,id=rng0 q1 -- \
		"$vqtrace" record -w "$tmp/$name.pcap" "$@" -- >"$tmp/$name.out" 2>"$tmp/$name.err"
}

live() {
	boot live --check=suspicious
	[ $? = 1 ] || { cat "$tmp/live.err"; return 1; }
	grep -q '^must: reset-not-awaited by the driver: blk0' "$tmp/live.err" || { cat "$tmp/live.err"; return 1; }
	# Found live as it is found later.
	"$vqtrace" check -r "$tmp/live.pcap" --severity suspicious >"$tmp/later"
	sed -n '/^[a-z]*: .* by the d[a-z]*: blk/,$p' "$tmp/live.err" | grep -vE '^[0-9]+ (events|requests)' >"$tmp/told"
	diff "$tmp/later" "$tmp/told"
}

# The finding is printed while the guest runs: it stands before the summary of the recording.
early() {
	local told summary
	told=$(grep -n '^must: reset-not-awaited' "$tmp/live.err" | head -n 1 | cut -d: -f1)
	summary=$(grep -nE '^[0-9]+ events' "$tmp/live.err" | head -n 1 | cut -d: -f1)
	[ -n "$told" ] && [ -n "$summary" ] && [ "$told" -lt "$summary" ]
}

clean() { # Linux alone drives this device: nothing of the severity asked, exit 0
	boot clean --check=must -d rng0
	[ $? = 0 ] || { cat "$tmp/clean.err"; return 1; }
	grep -q '^driver  no findings' "$tmp/clean.err" && ! grep -q 'nothing was decidable' "$tmp/clean.err" ||
		{ cat "$tmp/clean.err"; return 1; }
}

quiet() { # nothing could be checked: that is said, and not "no findings"
	boot quiet --check=must -d net0
	[ $? = 0 ] || { cat "$tmp/quiet.err"; return 1; }
	! grep -q 'no findings' "$tmp/quiet.err" && grep -q 'nothing was decidable' "$tmp/quiet.err" ||
		{ cat "$tmp/quiet.err"; return 1; }
}

# Our own device in a guest: the drivers' findings are those with QEMU's device, and it has none.
served() {
	[ -x "$VQT_QEMU11" ] || { echo "no QEMU 11 (make qemu11)"; return 77; }
	"$vqtrace" serve --disk mem:64M --vfio-user "$tmp/s.sock" --check=structural 2>"$tmp/s.err" &
	local pid=$! rc
	until_true listens "$tmp/s.sock"
	linux "vqt.run=read,n=20;write,n=10;flush"
	sock=$tmp/s.sock
	vfio_user
	machine 11 1 "$tmp/s.serial" "${device[@]}" "${linux_args[@]}"
	kill -INT $pid
	wait $pid
	rc=$?
	[ $rc = 1 ] && grep -q '^device  no findings' "$tmp/s.err" &&
		grep -q '^driver  1 must, 0 structural, ' "$tmp/s.err" && return 0
	echo "exit $rc"
	cat "$tmp/s.err"
	return 1
}

plan 5
check "record --check finds what check finds" live
check "and prints it while the guest runs" early
check "nothing found: exit 0" clean
check "nothing that could be checked" quiet
check "serve --check: its device breaks no rule" served
finish
