#!/bin/bash
# SPDX-License-Identifier: MIT
# Recording while things go wrong: signals, dying QEMUs, full disks, closed pipes, limits,
# late attachment, other QEMUs, load. Every file must be readable, nothing lost without
# saying so. Most checks attach to one guest, which lives as long as the test.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

# A guest that runs STEPS; its pid is in $qemu. Options for guest-cmd may follow.
boot() { # NAME STEPS [OPTIONS...]
	local name=$1 steps=$2
	shift 2
	truncate -s 64M "$tmp/$name.img"
	eval "$(tests/lab/guest-cmd --disk "$tmp/$name.img" --serial "$tmp/$name.serial" \
		--run "$steps" "$@" q1) >'$tmp/$name.out' 2>&1 &"
	qemu=$!
	until_said "$tmp/$name.serial" 'VQT STEP 1' $qemu && return 0
	cat "$tmp/$name.out" "$tmp/$name.serial"
	return 1
}

end() { # PID...: end what we started
	kill "$@" 2>/dev/null
	wait "$@" 2>/dev/null
	return 0
}

# Attaching takes a second or two: wait until the trace grows.
flowing() { # TRACE
	large() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -gt 30000 ]; }
	until_true large "$1" || { echo "nothing flows into $1"; return 1; }
}

count() { # TRACE FILTER
	"$vqtrace" show -r "$1" -T json -Y "$2" | wc -l
}

# The file is a trace that can be read to its end, with requests in it.
readable() { # TRACE
	"$vqtrace" show -r "$1" >"$tmp/shown" 2>"$tmp/err" || { cat "$tmp/err"; return 1; }
	[ "$(count "$1" avail)" -gt 0 ]
}

lost() { # TRACE: what the trace says it lost
	"$vqtrace" show -r "$1" -T json | jq -s '[.[] | (.loss.lost // 0) + (.missing // 0)] | add'
}

busy="read,bs=4k,t=7200,rand,qd=4" # longer than anything here takes

attach_and_signal() { # SIGNAL
	local trace=$tmp/sig$1.pcap rec rc
	"$vqtrace" record -w "$trace" -p "$shared" 2>"$tmp/sig.err" &
	rec=$!
	flowing "$trace"
	kill -"$1" $rec
	wait $rec
	rc=$?
	kill -0 "$shared" || { echo "QEMU did not survive"; return 1; }
	cat "$tmp/sig.err"
	[ $rc = 0 ] || { echo "exit $rc"; return 1; }
	readable "$trace" && grep -q "requests" "$tmp/sig.err"
}

# What was there before the capture is learned, not invented.
late() {
	local trace=$tmp/sigTERM.pcap
	readable "$trace" || return 1
	[ "$(count "$trace" 'device_info.flags & LATE')" -ge 1 ] || { echo "not marked late"; return 1; }
	[ "$(count "$trace" 'queue_state.size == 256')" -ge 1 ] || { echo "queue size not learned"; return 1; }
	[ "$(count "$trace" 'queue_state.last_avail >= 0 && queue_state.used >= 0')" -ge 1 ] ||
		{ echo "positions not learned"; return 1; }
	# Only what was in flight already may be undecoded when it is first seen.
	[ "$(count "$trace" 'avail && not request.type')" -le 4 ] || { echo "requests undecoded"; return 1; }
	[ "$(count "$trace" 'used && not request.type')" = 0 ] || { echo "completions undecoded"; return 1; }
}

late_qmp() {
	"$vqtrace" record -q -w "$tmp/qmp.pcap" -p "$shared" --qmp "$tmp/qmp.sock" -c 200 || return 1
	readable "$tmp/qmp.pcap" || return 1
	[ "$(count "$tmp/qmp.pcap" 'device_state.status & DRIVER_OK')" -ge 1 ] || { echo "no status"; return 1; }
	[ "$(count "$tmp/qmp.pcap" 'device_state.accepted & VERSION_1 || device_state.accepted')" -ge 1 ]
}

# A monitor that misbehaves is asked before its QEMU has probes, and meanwhile the records of
# another QEMU are written.
false_qmp() { # KIND WORDS
	local server idle rc=0 first described sock=$tmp/$1.sock
	"$tmp/false_qmp" "$sock" "$1" &
	server=$!
	qemu-system-x86_64 -S -machine q35,accel=tcg -m 64 -nodefaults -no-user-config -display none \
		-device virtio-rng-pci &
	idle=$!
	until_true listens "$sock" && until_true grep -q qemu-system /proc/$idle/comm || rc=1
	# both are asked, by the same socket
	"$vqtrace" record -q -w "$tmp/qmp_$1.pcap" -p "$shared" -p $idle --qmp "$sock" --duration 1s 2>"$tmp/qmp.err" || rc=1
	end $server $idle
	[ $rc = 0 ] && readable "$tmp/qmp_$1.pcap" || { cat "$tmp/qmp.err"; return 1; }
	[ "$(grep -c "$1.sock: $2" "$tmp/qmp.err")" = 2 ] || { cat "$tmp/qmp.err"; return 1; }
	"$vqtrace" stat -r "$tmp/qmp_$1.pcap" -T json | jq -e '.trace.lost == 0' >/dev/null || { echo "records were lost"; return 1; }
	# on a fast machine the trace is long
	first=$("$vqtrace" show -r "$tmp/qmp_$1.pcap" -T csv -e number -Y used -c 1 | tail -n 1)
	described=$("$vqtrace" show -r "$tmp/qmp_$1.pcap" -T json -Y "source_info.pid == $idle" | jq .number)
	[ -n "${3:-}" ] || [ "$first" -lt "$described" ] || { echo "nothing was written while the other was asked"; return 1; }
}

false_qmps() {
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -o "$tmp/false_qmp" tests/full/false_qmp.c || return 1
	false_qmp drip 'Connection timed out' && false_qmp silent 'Connection timed out' &&
		false_qmp many 'Connection timed out' || return 1
	# these are over at once
	false_qmp events 'the answer is not QMP' quick && false_qmp line 'the answer is not QMP' quick &&
		false_qmp deep 'the answer is not QMP' quick && false_qmp wide 'the answer is not QMP' quick
}

qemu_dies() { # the last check that needs the shared guest
	"$vqtrace" record -q -w "$tmp/die.pcap" -p "$shared" 2>"$tmp/err2" &
	local rec=$! rc
	flowing "$tmp/die.pcap"
	kill -9 "$shared"
	wait $rec
	rc=$?
	[ $rc = 0 ] || { cat "$tmp/err2"; echo "exit $rc"; return 1; }
	readable "$tmp/die.pcap"
}

recorder_dies() { # kill -9: what was flushed is readable, QEMU goes on
	"$vqtrace" record -q -w "$tmp/rk.pcap" -p "$shared" &
	local rec=$!
	flowing "$tmp/rk.pcap"
	kill -9 $rec
	wait $rec 2>/dev/null
	sleep 0.5
	kill -0 "$shared" || { echo "QEMU did not survive"; return 1; }
	"$vqtrace" show -r "$tmp/rk.pcap" >"$tmp/shown" 2>/dev/null
	[ "$(wc -l <"$tmp/shown")" -gt 100 ]
}

full_disk() {
	mkdir -p "$tmp/small"
	mount -t tmpfs -o size=256k none "$tmp/small" || { echo "no tmpfs here"; return 77; }
	timeout 120 "$vqtrace" record -w "$tmp/small/t.pcap" -p "$shared" 2>"$tmp/fd.err"
	local rc=$?
	cp "$tmp/small/t.pcap" "$tmp/fd.pcap"
	umount "$tmp/small"
	cat "$tmp/fd.err"
	[ $rc = 2 ] || { echo "exit $rc"; return 1; }
	grep -q "No space left" "$tmp/fd.err" || return 1
	# the summary is of what can be read
	local n
	n=$("$vqtrace" show -r "$tmp/fd.pcap" -T json -Y used 2>/dev/null | wc -l)
	[ "$n" -gt 100 ] && grep -q "^$n requests, $(stat -c %s "$tmp/fd.pcap") bytes in 1 file" "$tmp/fd.err"
}

removed() { # while it is written
	"$vqtrace" record -q -w "$tmp/gone.pcap" -p "$shared" 2>"$tmp/gone.err" &
	local rec=$!
	flowing "$tmp/gone.pcap"
	[ "$(stat -c %a "$tmp/gone.pcap")" = 600 ] || { ls -l "$tmp/gone.pcap"; return 1; }
	rm "$tmp/gone.pcap"
	kill -INT $rec
	wait $rec
	grep -q "gone.pcap was removed while it was written" "$tmp/gone.err" || { cat "$tmp/gone.err"; return 1; }
}

closed_pipe() {
	"$vqtrace" record -q -w - -p "$shared" 2>"$tmp/cp.err" | "$vqtrace" show -r - -c 50 >"$tmp/cp.out"
	local rc=${PIPESTATUS[0]}
	cat "$tmp/cp.err"
	echo "record exits $rc, $(wc -l <"$tmp/cp.out") lines"
	[ "$(wc -l <"$tmp/cp.out")" = 50 ] && [ "$rc" = 0 ]
}

# Ctrl-C while a write waits for the reader: what was recorded still comes, and whole.
slow_reader() {
	mkfifo "$tmp/slow"
	env --default-signal=INT "$vqtrace" record -q -w - -p "$shared" >"$tmp/slow" 2>"$tmp/slow.err" &
	local rec=$! rc
	exec 7<"$tmp/slow"
	full() { [ "$(awk '/^wchar/ { print $2 }' /proc/$rec/io)" -ge 16384 ]; } # it has begun to fill the pipe
	until_true full
	kill -INT $rec
	while grep -q 'Pnd:.*[1-9a-f]' /proc/$rec/status; do # until it has been told
		sleep 0.1
	done 2>/dev/null
	cat <&7 >"$tmp/slow.pcap"
	exec 7<&-
	wait $rec
	rc=$?
	# on a busy machine it may be too late for the reader: that is said, and what it has is whole
	[ $rc = 0 ] || { [ $rc = 2 ] && grep -q 'stopped reading' "$tmp/slow.err"; } ||
		{ cat "$tmp/slow.err"; echo "exit $rc"; return 1; }
	readable "$tmp/slow.pcap"
}

# A guest may be held up: not for so long, but until all three files have been begun.
rotated() {
	local rec
	"$vqtrace" record -q -w "$tmp/r.pcap" -p "$shared" --rotate-size 32k -W 3 &
	rec=$!
	until_true test -s "$tmp/r.pcap2"
	kill -INT $rec
	wait $rec
}

limits() {
	"$vqtrace" record -q -w "$tmp/c.pcap" -p "$shared" -c 100 || return 1
	"$vqtrace" record -q -w "$tmp/m.pcap" -p "$shared" --max-size 64k || return 1
	"$vqtrace" record -q -w "$tmp/d.pcap" -p "$shared" --duration 3s || return 1
	rotated || return 1
	"$vqtrace" record -q -w "$tmp/none.pcap" -p "$shared" --queue 9 --duration 1s || return 1
	[ "$(count "$tmp/c.pcap" 'avail || used || kick || interrupt || register || lifecycle || data || backend')" = 100 ] ||
		{ echo "-c 100 gave $(count "$tmp/c.pcap" ts)"; return 1; }
	[ "$(stat -c %s "$tmp/m.pcap")" -le 66000 ] || { ls -l "$tmp/m.pcap"; return 1; }
	readable "$tmp/d.pcap" || return 1
	[ "$(count "$tmp/none.pcap" avail)" = 0 ] || { echo "--queue 9 recorded queue 0"; return 1; }
	local f n=0 all=0
	for f in "$tmp"/r.pcap*; do
		"$vqtrace" show -r "$f" | head -n 2 | grep -q "source 1: qemu" || { echo "$f"; return 1; }
		n=$((n + 1))
		all=$((all + $(count "$f" avail)))
	done
	[ $n = 3 ] && [ $all -gt 0 ] || { ls "$tmp"; return 1; }
}

neighbours() { # two QEMUs, one asked for
	local first=$shared rc
	boot n2 "$busy" || return 1
	"$vqtrace" record -q -w "$tmp/n.pcap" -p "$first" -c 5000
	rc=$?
	end "$qemu"
	[ $rc = 0 ] && readable "$tmp/n.pcap" || return 1
	# A chain that was in flight before the recording was popped by nobody whom it saw.
	[ "$("$vqtrace" show -r "$tmp/n.pcap" -T json -Y 'avail && !(avail.flags & BEFORE)' | jq -r .thread | sort -u | while read -r t; do
		[ "$t" = "$first" ] || echo "$t"; done)" = "" ] || { echo "foreign threads"; return 1; }
}

by_name() {
	"$vqtrace" record -q -w "$tmp/bn.pcap" -n "shared-$$" -d blk0 -c 60 && readable "$tmp/bn.pcap"
}

# What is started gets none of our descriptors: the reader of a pipe would wait for it to end.
private() {
	sh -c "ls /proc/self/fd >$tmp/fds.plain" 2>"$tmp/fds.err" | cat >"$tmp/fds.pcap"
	"$vqtrace" record --check -w - -- sh -c "ls /proc/self/fd >$tmp/fds.started" 2>"$tmp/fds.err" |
		cat >"$tmp/fds.pcap"
	[ -s "$tmp/fds.started" ] || { cat "$tmp/fds.err"; return 1; }
	diff "$tmp/fds.plain" "$tmp/fds.started"
}

# 4 KiB at queue depth 32 for ten seconds, default settings: no loss.
load() { # QEMU
	tests/lab/guest-cmd --exec --qemu "$1" --serial "$tmp/load.serial" \
		--run "read,bs=4k,t=10,rand,qd=32" q1 -- "$vqtrace" record -w "$tmp/load.pcap" -- \
		2>"$tmp/load.err" || { cat "$tmp/load.err"; return 1; }
	local done traced
	done=$(sed -n 's/^VQLOAD .*"done":\([0-9]*\).*/\1/p' "$tmp/load.serial")
	traced=$("$vqtrace" show -r "$tmp/load.pcap" -T json -Y 'used && device_status & DRIVER_OK' | wc -l)
	echo "the guest did $done reads; the trace has $traced completions, $(lost "$tmp/load.pcap") lost"
	tail -n 2 "$tmp/load.err"
	[ "$(lost "$tmp/load.pcap")" = 0 ] || return 1
	# The kernel's partition scan and SeaBIOS add two.
	[ "$traced" -ge "$done" ] && [ "$traced" -le $((done + 4)) ]
}

# A buffer far too small: every lost event is counted, and the counts add up.
counted_loss() { # nobody reads until the load has ended
	local guest rec n said
	tests/lab/guest-cmd --exec --serial "$tmp/cl.serial" --pidfile "$tmp/cl.pid" --run "read,bs=4k,t=5,rand,qd=32" q1 -- \
		"$vqtrace" record --buffer 64k -s 1024 -w "$tmp/cl.pcap" -- 2>"$tmp/cl.err" &
	guest=$!
	until_said "$tmp/cl.serial" 'VQT STEP 1' $guest
	rec=$(ps -o ppid= -p "$(cat "$tmp/cl.pid")")
	kill -STOP $rec
	until_said "$tmp/cl.serial" VQLOAD $guest
	kill -CONT $rec
	wait $guest || { cat "$tmp/cl.err"; return 1; }
	n=$(lost "$tmp/cl.pcap")
	said=$(sed -n 's/.* \([0-9]*\) lost.*/\1/p' "$tmp/cl.err" | tail -n 1)
	echo "the trace says $n lost, the summary $said"
	[ "$n" -gt 0 ] && [ "$n" = "$said" ]
}

# And those that are the last: no later event shows that they are missing.
counted_last() {
	local guest rec qemu n said done
	tests/lab/guest-cmd --exec --serial "$tmp/last.serial" --pidfile "$tmp/last.pid" --run "read,bs=4k,t=5,rand,qd=32" q1 -- \
		"$vqtrace" record --buffer 64k -s 1024 -w "$tmp/last.pcap" -- 2>"$tmp/last.err" &
	guest=$!
	until_said "$tmp/last.serial" 'VQT STEP 1' $guest
	qemu=$(cat "$tmp/last.pid")
	rec=$(ps -o ppid= -p "$qemu")
	kill -STOP $rec
	until_said "$tmp/last.serial" VQLOAD $guest
	kill -KILL "$qemu"
	kill -CONT $rec
	wait $guest
	n=$(lost "$tmp/last.pcap")
	said=$(sed -n 's/.* \([0-9]*\) lost.*/\1/p' "$tmp/last.err" | tail -n 1)
	done=$(sed -n 's/^VQLOAD .*"done":\([0-9]*\).*/\1/p' "$tmp/last.serial")
	echo "the guest did $done reads; the trace says $n lost, the summary $said"
	[ "$n" -gt "$done" ] && [ "$n" = "$said" ]
}

constant_memory() {
	build/tests/bench/mktrace "$tmp/big.pcap" 300000
	build/tests/bench/mktrace "$tmp/small.pcap" 30000
	local a b
	a=$(peak "$tmp/big.pcap") b=$(peak "$tmp/small.pcap")
	rm -f "$tmp/big.pcap"
	echo "$a KiB for ten times the events that take $b KiB"
	[ -n "$a" ] && [ -n "$b" ] && [ "$a" -lt $((b + 1024)) ]
}

# The most it has ever had, asked near its end: it waits for us to read the last 300 kB.
peak() {
	local size show
	size=$("$vqtrace" show -r "$1" | wc -c)
	exec 6< <(exec "$vqtrace" show -r "$1")
	show=$!
	head -c $((size - 300000)) <&6 >/dev/null
	awk '/VmHWM/ { print $2 }' "/proc/$show/status"
	cat <&6 >/dev/null
	exec 6<&-
}

# Every step of 3.1.1, in order, for both drivers, can be read off the demo.
demo_steps() {
	"$vqtrace" demo -r traces/qemu7-q1.pcap >"$tmp/demo" || return 1
	[ "$(grep -oE '^   step [0-9]' "$tmp/demo" | grep -oE '[0-9]$' | tr -d '\n' | grep -oE '12345678' | wc -l)" -ge 2 ] ||
		{ grep -E '^(==|   step)' "$tmp/demo"; return 1; }
}

demo_live() {
	"$vqtrace" demo --guest build/guest -w "$tmp/demo.pcap" >"$tmp/demo" 2>"$tmp/err" ||
		{ cat "$tmp/err"; return 1; }
	grep -q "Booting a Linux guest" "$tmp/demo" && ! grep -q "is shown instead" "$tmp/demo" || { cat "$tmp/demo"; return 1; }
	for words in "The same from the driver's side" "virtio_pci_probe = 0" "virtio_device_ready" "One request, whole" \
		"the interrupt's way to the driver's handler"; do
		grep -q "$words" "$tmp/demo" || { echo "no '$words'"; return 1; }
	done
	readable "$tmp/demo.pcap"
}

demo_fallback() { # no guest to boot: says so, shows a shipped trace
	"$vqtrace" demo --guest "$tmp/nowhere" >"$tmp/demo" || return 1
	grep -q "is shown instead, because there is no guest" "$tmp/demo" && grep -q "step 8" "$tmp/demo"
}

# What is close together is read at once, wherever the driver has put it: the k-th request is popped and returned
# when k are available and k - 1 used.
close_areas() { # QEMU
	local qemu=qemu-system-x86_64 at want
	[ "$1" = 7 ] || qemu=$VQT_QEMU11
	tests/guest/mkkvm "$tmp/guest32" && truncate -s 1M "$tmp/close.img" || return 1
	want=$(for k in {1..20}; do echo "avail $k $((k - 1)) $((k - 1))"; echo "used $k $((k - 1)) $k"; done)
	for at in apart close={0,2,4,6}; do
		timeout 100 "$vqtrace" record -q -w "$tmp/$at.pcap" -- "$qemu" -accel tcg -m 64 -nodefaults -display none \
			-no-user-config -device isa-debug-exit -drive "if=none,id=d,format=raw,file=$tmp/close.img" \
			-device virtio-blk-pci,drive=d -kernel "$tmp/guest32" -append "reads=20 $at" \
			-serial "file:$tmp/$at.serial" >"$tmp/$at.out" 2>&1
		grep -q '20 reads done' "$tmp/$at.serial" || { cat "$tmp/$at.serial" "$tmp/$at.out"; return 1; }
		"$vqtrace" show -r "$tmp/$at.pcap" -T json -Y 'event == avail || event == used' |
			jq -r '"\(.event) \(.ring.avail_idx) \(.ring.used_idx) \(.ring.last_avail)"' >"$tmp/$at.rings"
		diff <(echo "$want") "$tmp/$at.rings" || { echo "$at"; return 1; }
	done
}

plan 25
boot shared "$busy" --qmp "$tmp/qmp.sock" --arg -name --arg "shared-$$" || finish
shared=$qemu
trap 'kill -9 "$shared" 2>/dev/null; rm -rf "$tmp"' EXIT
check "attach, then SIGINT" attach_and_signal INT
check "attach, then SIGTERM" attach_and_signal TERM
check "late attachment learns the queue" late
check "late attachment asks by QMP" late_qmp
check "monitors that misbehave" false_qmps
check "the recorder is killed" recorder_dies
check "the disk is full" full_disk
check "the trace is removed" removed
check "the reader of the pipe leaves" closed_pipe
check "Ctrl-C while the reader of the pipe is slow" slow_reader
check "count, size, duration, rotation, queue" limits
check "another QEMU is not recorded" neighbours
check "by name and device" by_name
check "QEMU is killed" qemu_dies
check "what is started inherits nothing" private
check "queue depth 32 for ten seconds on QEMU 7.2 without loss" load 7
check "queue depth 32 for ten seconds on QEMU 11 without loss" load 11
check "areas that are close together on QEMU 7.2" close_areas 7
check "areas that are close together on QEMU 11" close_areas 11
check "loss is counted" counted_loss
check "and what is lost last" counted_last
check "show needs no more memory for a longer trace" constant_memory
check "the demo has every step of the initialisation" demo_steps
check "the demo records a guest" demo_live
check "the demo without a guest" demo_fallback
finish
