#!/bin/bash
# SPDX-License-Identifier: MIT
# `vqtrace stuck` on machines that hang for real, each in its own way, and on healthy ones.
# With VQT_TABLE=FILE the answers are also written there (make hangs).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
. tests/full/stuck.sh
for p in qemu-nbd qemu-system-x86_64; do
	command -v $p >/dev/null || { echo "$p is not installed"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "looking at other processes needs root"; exit 77; }

# One hang after the other; after each the machine works again, but not after the last, "spins".
hangs() { # HANG...
	local h
	for h in "$@"; do
		case $h in
		*-qmp) "${h%-qmp}" --qmp "$tmp/$name/qmp" || return 1 ;;
		healthy*) healthy "${h#healthy}" "under load" || return 1 ;;
		*) "$h" || return 1 ;;
		esac
		[ "$h" = spins ] || until_true works || { echo "after $h the machine does not work"; return 1; }
	done
}

hanging() { # QEMU CONFIG HANG...
	local code
	start "$1-$2" "$1" "$2" "$(load "$2")" && until_true works && hangs "${@:3}"
	code=$?
	finish_machine
	return $code
}

idle() { # QEMU LOOKS
	local code
	start "idle$1" "$1" q1 "read,n=20;sleep,3000" && until_said "$tmp/$name/serial" 'VQT STEP 2' $guest &&
		healthy "$2" idle
	code=$?
	finish_machine
	return $code
}

# begin COMMAND...: in the background; machines that hang leave the processors to others.
# After that, report NAME is its check: in the order in which they have begun.
begun=0 reported=0
begin() {
	local n=$begun
	begun=$((begun + 1))
	while [ "$(jobs -r | wc -l)" -ge "${VQT_MACHINES:-3}" ]; do
		wait -n
	done
	(
		rows=$tmp/rows.$n
		: >"$rows"
		"$@" >"$tmp/said.$n" 2>&1
		echo $? >"$tmp/code.$n"
	) &
}

report() {
	local n=$reported
	reported=$((reported + 1))
	check "$1" said "$n"
	cat "$tmp/rows.$n" >>"$rows"
}

said() {
	cat "$tmp/said.$1"
	return "$(cat "$tmp/code.$1")"
}

usual="back_end_stopped throttled qemu_stopped paused kick_lost interrupt_lost processor_stopped function_masked vector_masked"

if [ -z "${VQT_MATRIX:-}" ]; then
	plan 3
	begin hanging 7 iothread healthy3 back_end_stopped-qmp device_stopped interrupt_lost spins
	begin hanging 11 packed-mq4 throttled kick_lost interrupt_lost function_masked vector_masked paused spins
	begin held 7 vhost-user q1
	wait
	report "QEMU 7, an I/O thread"
	report "QEMU 11, packed rings, four queues"
	report "completions held by our device"
	finish
fi

names=()
run() { # NAME COMMAND...
	names+=("$1")
	begin "${@:2}"
}
for q in 7 11; do
	for c in q1 mq4 packed packed-mq4; do
		# shellcheck disable=SC2086 # a list
		run "QEMU $q, $c" hanging $q $c healthy6 $usual spins
	done
	run "QEMU $q, an I/O thread" hanging $q iothread back_end_stopped device_stopped kick_lost interrupt_lost spins
	run "QEMU $q, INTx" hanging $q intx back_end_stopped intx_disabled spins
	run "QEMU $q, idle" idle $q 10
	for c in q1 mq4 packed packed-mq4; do
		run "QEMU $q, $c, served over vhost-user" held $q vhost-user $c
		[ $q = 7 ] || run "QEMU $q, $c, served over vfio-user" held $q vfio-user $c
	done
	for c in mq4 packed; do
		run "QEMU $q, $c, no interrupts from vhost-user" not_raised $q vhost-user $c
		[ $q = 7 ] || run "QEMU $q, $c, no interrupts from vfio-user" not_raised $q vfio-user $c
	done
	run "QEMU $q, 64 queues" many $q
done
wait
echo "1..${#names[@]}"
for n in "${names[@]}"; do
	report "$n"
done
finish
