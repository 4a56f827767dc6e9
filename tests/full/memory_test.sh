#!/bin/bash
# SPDX-License-Identifier: MIT
# Watching memory against the probes in QEMU: both record the same guest at the same time.  What
# memory shows and what it says it lost is all that there was, and each request that it shows is the
# one that the probes saw.  How many it shows depends on the machine's load, and is measured by
# tests/bench/memory.
#
# Its recorder polls with real-time priority, which would take the processors from other tests:
# tests/run: alone
#
# usage: memory_test.sh [-k DIR] [QEMU:CONFIG[:OPTION] ...]     (-k keeps the traces)
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording
"$vqtrace" doctor -i memory >/dev/null 2>&1 || { echo "memory of other processes cannot be read here"; exit 77; }

keep=
[ "${1:-}" = -k ] && { keep=$2; shift 2; }
runs=(7:q1 7:q1:--poll-only 7:packed 11:q1 11:iothread 11:mq4 11:mq4:--poll-only)
[ $# = 0 ] || runs=("$@")

load='read,bs=4k,t=3000,rand,qd=1+write,bs=8k,t=3000,rand,gap=3,off=32m'

execute() { # COMMAND
	qmp "{\"execute\":\"$1\"}"
}

# Sets qemu_pid.  The descriptors 8 and 9 are the ends of QEMU's monitor.
start() { # DIR QEMU CONFIG STEPS [GUEST-CMD OPTIONS...]
	local d=$1 qemu=$2 config=$3 steps=$4
	shift 4
	mkdir -p "$d"
	mkfifo "$d/mon.in" "$d/mon.out"
	exec 8<>"$d/mon.in" 9<>"$d/mon.out"
	tests/lab/guest-cmd --exec --timeout 900 --qemu "$qemu" --serial "$d/serial" --pidfile "$d/pid" --disk "$d/disk" \
		--run "$steps" --arg -chardev --arg "pipe,id=mon,path=$d/mon" --arg -mon --arg chardev=mon,mode=control \
		"$@" "$config" >"$d/out" 2>&1 8>&- 9>&- &
	guest=$!
	execute qmp_capabilities >/dev/null && until_said "$d/serial" 'VQT STEP 1' $guest || return 1
	qemu_pid=$(cat "$d/pid")
}

quit() {
	echo '{"execute":"quit"}' >&8
	exec 8>&- 9>&-
	wait "$guest"
}

# The machine stands still again.  What is in the buffer of the probes is written when QEMU has ended.
finish_both() { # BY-PROBES BY-MEMORY
	local rc=0
	execute stop >/dev/null
	kill -INT "$2"
	wait "$2" || rc=1
	quit
	wait "$1" || rc=1
	return $rc
}

# Both attach while the machine stands still, and end while it does: they see the same.
record_both() { # DIR SECONDS [OPTIONS OF -i memory...]
	local d=$1 secs=$2 by_probes by_memory rc=0
	shift 2
	execute stop >/dev/null
	"$vqtrace" record -w "$d/probes" --sample 0 -p "$qemu_pid" 2>"$d/probes.err" &
	by_probes=$!
	"$vqtrace" record -i memory "$@" -w "$d/memory" -p "$qemu_pid" 2>"$d/memory.err" &
	by_memory=$!
	until_said "$d/probes.err" attached $by_probes && until_said "$d/memory.err" attached $by_memory || rc=1
	execute cont >/dev/null
	sleep "$secs"
	finish_both $by_probes $by_memory || rc=1
	[ $rc = 0 ] || cat "$d"/*.err
	return $rc
}

events() { # TRACE FILTER
	"$vqtrace" show -r "$1" -T json -Y "$2"
}

# A line a completion: queue, position, head, type, sector.
completions() { # TRACE
	events "$1" used | jq -r '[.queue, .used.pos, .used.id, (.used.request.type // "?"), (.used.request.sector // "?")] | join(" ")'
}

# The same, and how many were lost between: queue, "lost", number.
completions_and_losses() { # TRACE
	events "$1" 'used || loss' | jq -r 'if .loss then [.queue // "-", "lost", .loss.lost // 0] else
		[.queue, .used.pos, .used.id, (.used.request.type // "?"), (.used.request.sector // "?")] end | join(" ")'
}

# By queue, in order.  A position returns after 65536 entries: which of them it is tells how many were lost.
compare() { # PROBES MEMORY LOST
	awk -v lost="$3" -v least="${told:-1}" '
		function fail(what) { print what; if (++bad > 10) exit 1 }
		NR == FNR { n = ++probes[$1]; line[$1, n] = $0; all++; next }
		function off(n) { n -= nth[q]; return n < 0 ? -n : n }
		$2 == "lost" { nth[$1] += $3; next }
		{
			q = $1
			# those between were lost
			do n = ++memory[q]; while (n <= probes[q] && !(line[q, n] ~ "^" q " " $2 " " && ++seen))
			nth[q]++
			while (n + 65536 <= probes[q] && off(n + 65536) < off(n)) n = memory[q] += 65536
			if (n > probes[q]) { fail("only by memory: " $0); next }
			split(line[q, n], p)
			if (p[3] != $3) fail("another head: " $0 ", not " line[q, n])
			if ($4 == "?") next
			told++
			if (p[4] != "?" && (p[4] != $4 || p[5] != $5)) fail("another request: " $0 ", not " line[q, n])
		}
		END {
			print all " completions by the probes; by memory " seen+0 ", of " told+0 " the request; " lost " lost"
			if (seen + lost != all) fail("that is not all of them")
			if (all < 100 || told < least) fail("too few to compare")
			exit bad > 0
		}' "$1" "$2"
}

lost() { # TRACE
	events "$1" loss | jq -s '[.[].loss.lost] | add // 0'
}

same() { # DIR
	local d=$1
	completions "$d/probes" >"$d/probes.used"
	completions "$d/memory" >"$d/memory.used"
	[ "$(lost "$d/probes")" = 0 ] || { echo "the probes lost records"; return 1; }
	completions_and_losses "$d/memory" >"$d/memory.all"
	compare "$d/probes.used" "$d/memory.all" "$(lost "$d/memory")" || { cat "$d/memory.err"; return 1; }
}

# Each chain and completion says how right its time is, and at the time that it says the probes had
# not seen it yet, or at its own they had.
# A packed ring says neither how many are missing nor, by a position, in which lap: its completion by
# memory is the latest one there by the probes.  If nothing is missing, there are as many.
same_packed() { # DIR
	local d=$1 side
	for side in probes memory; do
		events "$d/$side" used | jq -r '[.ts, .queue, .used.pos, .used.id, (.used.request.type // "?"), (.used.request.sector // "?"), "'$side'"] | join(" ")'
	done | sort -s -n -k 1,1 | awk -v more="$(events "$d/memory" loss.more | wc -l)" '
		$7 == "probes" { all++; latest[$2, $3] = $4 " " $5 " " $6; next }
		{
			seen++
			split(latest[$2, $3], p)
			if (p[1] != $4 || ($5 != "?" && p[2] != "?" && (p[2] != $5 || p[3] != $6))) {
				print "another: " $0 ", not " latest[$2, $3]
				bad++
			}
			told += $5 != "?"
		}
		END {
			print all " completions by the probes; by memory " seen+0 ", of " told+0 " the request; " more " times more"
			exit bad || !told || all < 100 || (more ? seen > all : seen != all)
		}' | tail -n 10
	[ "${PIPESTATUS[1]}" = 0 ]
}

times() { # DIR
	local d=$1
	events "$d/memory" used | jq -r 'select(.within) | [.queue, .used.pos, .ts - .within, .ts] | join(" ")' >"$d/memory.times"
	events "$d/probes" used | jq -r '[.queue, .used.pos, .ts] | join(" ")' >"$d/probes.times"
	awk '
		NR == FNR { at[$1, $2] = at[$1, $2] " " $3; next }
		{
			n = split(at[$1, $2], t, " "); ok = 0
			# the probe is in front of the write: a little earlier
			for (i = 1; i <= n; i++) ok += t[i] <= $4 && t[i] + 1000000000 >= $3
			if (!ok && ++bad < 5) print "no completion by then: " $0 ", but" at[$1, $2]
			all++
		}
		END { print all+0 " times"; exit bad || !all }' "$d/probes.times" "$d/memory.times"
}

observers() { # DIR
	local d=$1
	# nobody is accused
	"$vqtrace" check --severity suspicious -r "$d/memory" >"$d/check" || { cat "$d/check"; return 1; }
	"$vqtrace" check -V -r "$d/memory" | grep -q "not decidable here: kicks were not recorded" || return 1
	"$vqtrace" check -V -r "$d/memory" | grep -q "not decidable here: interrupts were not recorded" || return 1
	"$vqtrace" stat -r "$d/memory" | grep -q "not in the trace: memory shows neither kicks nor interrupts" || return 1
	"$vqtrace" show -r "$d/memory" | grep -q "source 1: memory " || return 1
	"$vqtrace" show -r "$d/memory" | grep -q "note: of [0-9]* events 99 % happened within" || return 1
	grep -q "% of a processor core" "$d/memory.err" && grep -q "events 99 % happened within" "$d/memory.err"
}

one() { # QEMU CONFIG [OPTION]
	local d=$tmp/$1-$2$3 rc=0
	start "$d" "$1" "$2" "$load" && record_both "$d" 4 $3 || rc=1
	if [ $rc = 0 ]; then
		if [[ $2 = packed ]]; then same_packed "$d"; else same "$d"; fi && times "$d" && observers "$d" || rc=1
	fi
	[ -z "$keep" ] || cp -r "$d" "$keep/"
	return $rc
}

# The kernel looks when a driver's notification wakes the device: nothing is there too late for that.
woken() {
	local d=$tmp/woken rc=0
	start "$d" 7 q1 'read,bs=4k,t=3000,rand,qd=1,gap=2' && record_both "$d" 3 --poll-share 100 || rc=1
	[ $rc = 0 ] && same "$d" || return 1
	cat "$d/memory.err"
	awk '{ all++; known += $4 != "?" } END { print known " of " all " known"; exit known < 0.9 * all }' "$d/memory.used" &&
		grep -q "looks by the machine's own threads" "$d/memory.err"
}

# Looks that are far apart see many at once, or lose them: all are counted all the same.
starved() {
	local d=$tmp/starved rc=0
	start "$d" 7 q1 'read,bs=4k,t=3000,rand,qd=32' && record_both "$d" 3 --poll-share 1 || rc=1
	[ $rc = 0 ] && told=0 same "$d"
}

# A recorder that is stopped for a while finds the ring far ahead.
stopped() {
	local d=$tmp/stopped rc=0 by_memory
	start "$d" 7 q1 'read,bs=4k,t=3000,rand,qd=32' || rc=1
	execute stop >/dev/null
	"$vqtrace" record -w "$d/probes" --sample 0 -p "$qemu_pid" 2>"$d/probes.err" &
	by_probes=$!
	"$vqtrace" record -i memory -w "$d/memory" -p "$qemu_pid" 2>"$d/memory.err" &
	by_memory=$!
	until_said "$d/probes.err" attached $by_probes && until_said "$d/memory.err" attached $by_memory || rc=1
	execute cont >/dev/null
	sleep 1
	kill -STOP $by_memory
	far() { [ "$(wc -c <"$d/probes")" -gt $((before + 1000000)) ]; } # more requests than the ring has entries
	before=$(wc -c <"$d/probes")
	until_true far
	kill -CONT $by_memory
	sleep 1
	finish_both $by_probes $by_memory || rc=1
	[ $rc = 0 ] && same "$d" || return 1
	[ "$(lost "$d/memory")" -gt 256 ] || { echo "nothing was lost"; return 1; }
	grep -q "were gone before they could be seen" "$d/memory.err"
}

# A recorder that is told to end while it reads a ring still reads all of it: nothing is lost of which nobody
# knows how much it was.
ended_while_reading() {
	local d=$tmp/ended n rc=0 ended=0
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 -Wall -shared -fPIC -o "$tmp/signal_at.so" tests/full/signal_at.c || return 1
	start "$d" 7 q1 'read,bs=4k,t=60000,rand,qd=4' || return 1
	for n in {9000..9077..7}; do
		SIGNAL_AT=$n LD_PRELOAD=$tmp/signal_at.so "$vqtrace" record -q -i memory --poll-only --duration 60s -w "$d/memory" \
			-p "$qemu_pid" 2>"$d/err" || { cat "$d/err"; rc=1; break; }
		ended=$((ended + $(events "$d/memory" used | head -n 1 | wc -l)))
		events "$d/memory" 'loss.more && !loss.lost' | grep . && { rc=1; break; }
	done
	quit
	[ $rc = 0 ] && [ $ended = 12 ]
}

# Before a killed QEMU is gone its memory is: nothing that has an end then was reset or unplugged.
killed() {
	local d=$tmp/killed rc=0 by_memory
	start "$d" 7 q1 'read,bs=4k,t=60000,rand,qd=4' --mem 2048 --arg -mem-prealloc || rc=1
	"$vqtrace" record -i memory --poll-only -w "$d/memory" -p "$qemu_pid" 2>"$d/err" &
	by_memory=$!
	until_said "$d/err" attached $by_memory || rc=1
	until [ "$(stat -c %s "$d/memory")" -gt 100000 ] || gone $by_memory; do sleep 0.1; done
	kill -9 "$qemu_pid"
	exec 8>&- 9>&-
	wait "$guest"
	wait $by_memory || rc=1
	events "$d/memory" 'lifecycle || device_info.flags & GONE' | grep . && rc=1
	# or it ended while its ring was being read
	events "$d/memory" 'note || loss.more' | grep -E 'the process has ended: what happened in its rings|"more"' || { tail -n 5 "$d/err"; rc=1; }
	return $rc
}

# From QEMU's start, with firmware, a driver that comes and goes, and QEMU's own log as the witness.
from_start() { # QEMU CONFIG
	local d=$tmp/start-$1-$2 want got more
	mkdir -p "$d"
	tests/lab/guest-cmd --exec --qemu "$1" --trace-log "$d/log" --trace-set core --serial "$d/serial" \
		--run "id;read,bs=4k,n=200,rand,qd=8;write,bs=16k,n=50,qd=4;rebind;read,bs=64k,n=20,iov=4;flush,n=2" "$2" -- \
		"$vqtrace" record -i memory -w "$d/memory" -- >"$d/out" 2>&1 || { cat "$d/out"; tail -n 5 "$d/serial"; return 1; }
	tests/lab/witness "$d/log" "$d/serial" >"$d/witness" || return 1
	want=$(awk '$1 ~ /queue\.[0-9]+\.fill$/ { n += $2 } END { print n }' "$d/witness")
	got=$(($(events "$d/memory" 'used && not used.flags & DETACHED' | wc -l) + $(lost "$d/memory")))
	more=$(events "$d/memory" loss.more | wc -l)
	echo "QEMU completed $want, memory shows or lost $got, $more times more"
	# the firmware's life, and two of the driver's, each with the queue's setting up
	[ "$(events "$d/memory" 'lifecycle.step == reset' | wc -l)" -ge 2 ] || { echo "no resets"; return 1; }
	[ "$(events "$d/memory" 'queue_state.size > 0 && queue_state.enabled' | wc -l)" -ge 3 ] || { echo "not set up again"; return 1; }
	"$vqtrace" check --severity suspicious -r "$d/memory" || return 1
	[ "$got" = "$want" ] || { [ "$more" -gt 0 ] && [ "$got" -lt "$want" ]; }
}

# -c, --duration, rotation, filters, top, and a process that is no QEMU.
doors() {
	local d=$tmp/doors rc=0 f
	start "$d" 7 two-disks "$load" || { quit; return 1; }
	"$vqtrace" record -i memory -w "$d/count" -p "$qemu_pid" -c 100 2>"$d/err" &&
		[ "$(events "$d/count" 'avail || used' | wc -l)" = 100 ] || { cat "$d/err"; rc=1; }
	"$vqtrace" record -i memory -w "$d/time" -p "$qemu_pid" --duration 1s -d blk1 2>"$d/err" &&
		[ "$(events "$d/time" 'device_info' | jq -r .device_info.id | sort -u)" = blk1 ] || { cat "$d/err"; rc=1; }
	"$vqtrace" record -q -i memory -w "$d/rot" -p "$qemu_pid" --rotate-size 64k -W 3 --duration 3s || rc=1
	for f in "$d"/rot*; do
		[ "$(events "$f" 'queue_state.last_avail >= 0' | wc -l)" -ge 1 ] && [ "$(events "$f" source_info | wc -l)" = 1 ] ||
			{ echo "$(basename "$f") does not describe its devices"; rc=1; }
	done
	"$vqtrace" top -i memory -p "$qemu_pid" -b -c 2 -T json >"$d/top" && tail -n 1 "$d/top" | grep -q '"name":"blk0"' ||
		{ echo "top"; rc=1; }
	"$vqtrace" doctor -i memory -p "$qemu_pid" | grep -qE "virtio devices +2" || { echo "doctor"; rc=1; }
	"$vqtrace" record -i memory -w "$d/no" -p $$ 2>"$d/err" && rc=1
	grep -q "is no QEMU system emulator.*-i kvm" "$d/err" || { cat "$d/err"; rc=1; }
	"$vqtrace" record -i memory -w "$d/no" -p 999999 2>"$d/err" && rc=1
	grep -q "no such process" "$d/err" || { cat "$d/err"; rc=1; }
	"$vqtrace" record -i memory --light -w "$d/no" -p "$qemu_pid" 2>"$d/err" && rc=1
	grep -q "does not go with the source memory" "$d/err" || { cat "$d/err"; rc=1; }
	# the QEMU goes on, and its end ends a recording
	"$vqtrace" record -q -i memory -w "$d/end" -p "$qemu_pid" 2>"$d/err" &
	f=$!
	until [ "$(stat -c %s "$d/end" 2>/dev/null || echo 0)" -gt 24 ] || gone $f; do sleep 0.1; done # what it describes first
	quit
	wait $f || { cat "$d/err"; rc=1; }
	"$vqtrace" show -r "$d/end" >/dev/null || rc=1
	return $rc
}

plan $((${#runs[@]} + 8))
for r in "${runs[@]}"; do
	IFS=: read -r qemu config option <<<"$r"
	check "QEMU $qemu, $config${option:+, $option}: as the probes see it" one "$qemu" "$config" "$option"
done
check "the kernel's looks see what requests are" woken
check "one percent of a core: all are counted" starved
check "a recorder that was stopped counts what it lost" stopped
check "a recorder that is told to end while it reads" ended_while_reading
check "a QEMU that is killed" killed
check "QEMU 7 from its start, against its log" from_start 7 q1
check "QEMU 11 from its start, against its log" from_start 11 packed
check "options, rotation, top, and what is refused" doors
finish
