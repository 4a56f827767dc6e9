#!/bin/bash
# SPDX-License-Identifier: MIT
# A hostile guest (tests/guest/hostile.c), whose descriptors, indices, registers and features change
# while requests run, against our device and against QEMU's own, next to each other: does it live, does
# it serve a right driver afterwards, are its memory and descriptors as they were?  What QEMU's did is
# shown; ours must hold.  VQT_ROUNDS (50) and VQT_SEED (1) for more.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
rounds=${VQT_ROUNDS:-50} seed=${VQT_SEED:-1} guest_timeout=120
[ -x "$VQT_QEMU11" ] || { echo "1..0 # SKIP no QEMU 11 (make qemu11)"; exit 0; }
for g in hostile kvm; do
	tests/guest/mkkvm "$tmp/$g" $g || exit 1
done

# Anonymous memory in KiB, and descriptors.
measure() { # PID
	echo "$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status") $(find "/proc/$1/fd" -mindepth 1 | wc -l)"
}

# The guest attacks until it is healthy, or QEMU ends. $how: healthy, sick: ..., or QEMU's end;
# $half and $last: what was measured.
attack() { # NAME QEMU SEED PID-OF-DEVICE|'' DEVICE-ARGS...: '': it is QEMU itself
	local name=$1 qemu=$2 with=$3 pid=$4 machine n rc
	shift 4
	rm -f "$tmp/$name.pid" "$tmp/$name.serial"
	machine "$qemu" 1 "$tmp/$name.serial" -device isa-debug-exit -pidfile "$tmp/$name.pid" -kernel "$tmp/hostile" \
		-append "seed=$with rounds=$rounds ${again:-}" "$@" &
	machine=$! half='' last=''
	until_said "$tmp/$name.serial" half $machine
	n=$(cat "$tmp/$name.pid" 2>/dev/null)
	half=$(measure "${pid:-$n}" 2>/dev/null)
	until_said "$tmp/$name.serial" 'healthy\|sick' $machine
	last=$(measure "${pid:-$n}" 2>/dev/null)
	how=$(grep -o 'healthy\|sick.*' "$tmp/$name.serial" | head -n 1)
	[ -z "$n" ] || kill -9 "$n" 2>/dev/null
	wait $machine
	rc=$?
	[ -n "$how" ] || how="QEMU ended with $rc after '$(tail -n 1 "$tmp/$name.serial")': $(tail -n 1 "$tmp/$name.serial.qemu")"
}

row() { # DEVICE SEED FIRST LAST
	printf '%-22s seed %-4s %-10s KiB and descriptors %s, then %s\n' "$1" "$2" "$how" "${3:-unknown}" "${4:-unknown}" >>"$tmp/table"
}

# A right driver, in a QEMU of its own, reads.
next_client() { # NAME DEVICE-ARGS...
	local name=$1
	shift
	machine 11 1 "$tmp/$name.next" -device isa-debug-exit -kernel "$tmp/kvm" -append reads=20 "$@"
	grep -q '20 reads done' "$tmp/$name.next" && return
	cat "$tmp/$name.next" "$tmp/$name.next.qemu"
	return 1
}

# Twice, with two seeds; what it has when it is healthy again must be the same both times.
ours() { # PROTOCOL SERVER-ARGS...
	local name=ours-$1-$# protocol=$1 first=() second=() again='' reconnect=,reconnect-ms=100
	shift
	truncate -s 16M "$tmp/$name.img"
	serve "$name" --disk "$tmp/$name.img" --queues 4 "--$protocol" "$tmp/$name.sock" "$@" || return 1
	if [ "$protocol" = vfio-user ]; then vfio_user; else again=again && vhost_user num-queues=4,disable-legacy=on; fi
	for s in "$seed" $((seed + 1)); do
		attack "$name" 11 "$s" $serve_pid "${device[@]}"
		row "vqtrace $protocol $*" "$s" "$half" "$last"
		! gone $serve_pid || { echo "the device has died"; cat "$tmp/$name.err"; return 1; }
		case $how in
		healthy | QEMU*) ;;
		*) echo "$how"; tail -n 20 "$tmp/$name.err"; kill -9 $serve_pid; return 1 ;;
		esac
		# shellcheck disable=SC2206 # two numbers; a client that has gone has taken its descriptors along
		[ "$how" != healthy ] || if [ ${#first[@]} -gt 0 ]; then second=($last); else first=($last); fi
	done
	next_client "$name" "${device[@]}" || { tail -n 20 "$tmp/$name.err"; kill -9 $serve_pid; return 1; }
	serve_end "$name" || return 1
	[ ${#second[@]} -gt 0 ] || { echo "QEMU did not live long enough to compare"; return 77; }
	[ "${second[0]}" -le $((first[0] + 1024)) ] && [ "${second[1]}" -le "${first[1]}" ] && return
	echo "it grew: KiB and descriptors ${first[*]}, then ${second[*]}"
	return 1
}

# Nothing that it does fails the test; that it was attacked at all must be so.
qemus() { # QEMU
	truncate -s 16M "$tmp/q$1.img"
	attack "q$1" "$1" "$seed" '' -drive "if=none,id=d,format=raw,file=$tmp/q$1.img" \
		-device virtio-blk-pci,drive=d,num-queues=4,disable-legacy=on
	row "QEMU $1" "$seed" "$half" "$last"
	grep -q "seed $seed" "$tmp/q$1.serial"
}

echo "# seeds $seed and $((seed + 1)), $rounds rounds each"
plan 5
check "our device, vfio-user" ours vfio-user
check "our device, vfio-user, without io_uring" ours vfio-user --no-io-uring
check "our device, vhost-user" ours vhost-user
check "QEMU 7.2's own was attacked" qemus 7
check "QEMU 11's own was attacked" qemus 11
sed 's/^/# /' "$tmp/table"
finish
