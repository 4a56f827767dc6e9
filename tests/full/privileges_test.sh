#!/bin/bash
# SPDX-License-Identifier: MIT
# With which capabilities recording works, what is said where one is missing, and what record and top keep
# of those that they had.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root, to become others"; exit 0; }
command -v capsh setpriv >/dev/null || { echo "1..0 # SKIP no capsh (make deps)"; exit 0; }

probes=cap_bpf,cap_perfmon
foreign=cap_sys_ptrace,cap_dac_read_search,cap_checkpoint_restore
# As masks: what status says of the capabilities above; with CAP_SYS_NICE instead of CAP_PERFMON;
# without CAP_CHECKPOINT_RESTORE.
all=000001c000080004 looks=0000018000880004 tracepoints=000000c000080004

# Others must reach it.
chmod 711 "$tmp"
cp "$vqtrace" "$tmp/vqtrace"
vqtrace=$tmp/vqtrace

# nobody CAPABILITIES: "${as[@]}" COMMAND... is run by nobody with these
nobody() {
	# shellcheck disable=SC2016
	as=(capsh --keep=1 --user=nobody --inh="$1" --addamb="$1" -- -c 'exec "$0" "$@"')
}

# A folder of nobody's for traces.
mkdir "$tmp/out"
chown nobody "$tmp/out"

# qemu NAME [COMMAND...]: a machine with a disk, of the user daemon, that waits until it is told to go on;
# $qemu_pid, the monitor at 8 and 9
qemu() {
	local name=$1
	shift
	truncate -s 1M "$tmp/$name.img"
	chown daemon "$tmp/$name.img"
	rm -f "$tmp/to" "$tmp/from"
	mkfifo "$tmp/to" "$tmp/from"
	"$@" qemu-system-x86_64 -name "$name" -machine q35,accel=tcg -m 64 -nodefaults -display none -S -qmp stdio \
		-drive "file=$tmp/$name.img,if=virtio,format=raw" <"$tmp/to" >"$tmp/from" 2>"$tmp/$name.qemu" &
	started_pid=$!
	exec 8>"$tmp/to" 9<"$tmp/from"
	qmp '{"execute":"qmp_capabilities"}' >"$tmp/qmp"
}

daemons_qemu() { # NAME
	qemu "$1" setpriv --reuid=daemon --regid=daemon --clear-groups --inh-caps=-all
	qemu_pid=$started_pid
}

# Let its firmware read from the disk.
go_on() {
	has_read() { qmp '{"execute":"query-blockstats"}' | grep -q '"rd_operations": [1-9]'; }
	qmp '{"execute":"cont"}' >"$tmp/qmp" && until_true has_read
}

qemu_end() {
	kill -KILL "$qemu_pid"
	wait "$qemu_pid" 2>/dev/null
	exec 8>&- 9>&-
}

# What the kernel says of a process: Eff, Prm, Bnd, ..., NoNewPrivs.
has() { # PID FIELD
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# Effective, permitted, bounding: the same, and never more.
has_only() { # PID MASK
	local field
	for field in CapEff CapPrm CapBnd; do
		[ "$(has "$1" $field)" = "$2" ] || { echo "$field: $(has "$1" $field), not $2"; return 1; }
	done
	[ "$(has "$1" CapAmb)$(has "$1" CapInh)" = 00000000000000000000000000000000 ] && [ "$(has "$1" NoNewPrivs)" = 1 ]
}

# Requests; where rings are looked at from beside, which may miss some, what is known of the disk.
seen() { # TRACE
	if grep -q ' looks, ' "$1.err"; then
		"$vqtrace" show -r "$1" | grep ' device: virtio-blk '
	else
		"$vqtrace" show -r "$1" -T json -Y used | grep .
	fi
}

# record ... &, of the machine: it must attach, then see it.
recorded() { # TRACE PID
	until_said "$1.err" 'attached, recording' "$2" && go_on || { cat "$1.err"; return 1; }
	kill -INT "$2"
	wait "$2" || { echo "status $?"; cat "$1.err"; return 1; }
	seen "$1" >/dev/null || { cat "$1.err"; return 1; }
}

nobody_records() { # NAME CAPABILITIES ARGS...
	local trace=$tmp/out/$1.pcap rc
	daemons_qemu "$1"
	nobody "$2"
	"${as[@]}" "$vqtrace" record -w "$trace" --sample 100ms -p $qemu_pid "${@:3}" 2>"$trace.err" &
	recorded "$trace" $!
	rc=$?
	qemu_end
	return $rc
}

# What the manual page says: the program itself has them, and nobody has none.
set_on_the_program() {
	local rc trace=$tmp/out/set.pcap
	cp "$vqtrace" "$tmp/set" && setcap $probes,$foreign+ep "$tmp/set" || { echo "no file capabilities here"; return 77; }
	daemons_qemu set
	setpriv --reuid=nobody --clear-groups --inh-caps=-all --bounding-set=-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search,+checkpoint_restore \
		"$tmp/set" record -w "$trace" -p $qemu_pid 2>"$trace.err" &
	recorded "$trace" $!
	rc=$?
	qemu_end
	return $rc
}

nobody_watches() {
	local rc
	daemons_qemu watched
	go_on
	nobody $probes,$foreign
	"${as[@]}" "$vqtrace" top -b -c 3 -T json -n watched >"$tmp/top.json" 2>"$tmp/top.err"
	rc=$?
	qemu_end
	[ $rc = 0 ] && jq -se '.[-1].rows | map(select(.kind == "device")) | length > 0' "$tmp/top.json" && return
	cat "$tmp/top.err" "$tmp/top.json"
	return 1
}

# without NAME: the rest does not do, and the error says which is missing, what for and how to give it
without() { # CAPABILITY WHAT
	local rc caps=$probes,$foreign
	daemons_qemu without
	nobody "$(tr , '\n' <<<"$caps" | grep -v "$1" | paste -sd,)"
	"${as[@]}" "$vqtrace" record -w "$tmp/out/without.pcap" -p $qemu_pid 2>"$tmp/err"
	rc=$?
	qemu_end
	cat "$tmp/err"
	[ $rc = 2 ] && grep -qi "not permitted without $1 ($2); run as root, or: setcap $probes,.*+ep $tmp/vqtrace" "$tmp/err" &&
		[ "$(grep -ci 'cap_' "$tmp/err")" = 1 ]
}

doctor_says() {
	nobody cap_bpf,cap_sys_ptrace
	"${as[@]}" "$vqtrace" doctor >"$tmp/doctor"
	[ $? = 2 ] && grep -qE '^ok +CAP_BPF +held' "$tmp/doctor" && grep -qE '^fail +CAP_PERFMON +not held, needed to attach' "$tmp/doctor" &&
		grep -qE '^warn +CAP_DAC_READ_SEARCH +not held' "$tmp/doctor" && grep -q -- '-> run as root, or: setcap cap_bpf,' "$tmp/doctor" &&
		return
	cat "$tmp/doctor"
	return 1
}

# What root's record keeps, and that it is enough.
root_records() { # NAME MASK ARGS...
	local trace=$tmp/root-$1.pcap rc=1 pid
	daemons_qemu "root-$1"
	"$vqtrace" record -w "$trace" --sample 100ms -p $qemu_pid "${@:3}" 2>"$trace.err" &
	pid=$!
	until_said "$trace.err" 'attached, recording' $pid && has_only $pid "$2" && recorded "$trace" $pid && rc=0
	[ $rc = 0 ] || { cat "$trace.err"; kill -KILL $pid; }
	qemu_end
	return $rc
}

# KVM tells nothing of a machine without it: what is kept counts.
root_records_kvm() {
	local pid rc=1
	[ -e /dev/kvm ] || { echo "no KVM"; return 77; }
	daemons_qemu kvm
	"$vqtrace" record -i kvm -w "$tmp/root-kvm.pcap" -p $qemu_pid 2>"$tmp/root-kvm.err" &
	pid=$!
	until_said "$tmp/root-kvm.err" 'attached, recording' $pid && has_only $pid $tracepoints && rc=0
	kill -INT $pid
	wait $pid || rc=1
	qemu_end
	[ $rc = 0 ] || cat "$tmp/root-kvm.err"
	return $rc
}

# Only root can mount tracefs where a system has not done so: then in a namespace of its own.
with_tracefs() {
	local private=(-m)
	if grep -q ' tracefs ' /proc/mounts; then
		exec "$@"
	fi
	# below a root that is no mount point, nothing is shared that could be made private
	unshare -m true 2>/dev/null || private+=(--propagation unchanged)
	# shellcheck disable=SC2016
	exec unshare "${private[@]}" sh -c 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"' sh "$@"
}

nobody_records_kvm() {
	local pid rc=1
	[ -e /dev/kvm ] || { echo "no KVM"; return 77; }
	daemons_qemu kvm
	nobody $probes,cap_dac_read_search
	with_tracefs "${as[@]}" "$vqtrace" record -i kvm -w "$tmp/out/kvm.pcap" -p $qemu_pid 2>"$tmp/kvm.err" &
	pid=$!
	until_said "$tmp/kvm.err" 'attached, recording' $pid && rc=0
	kill -INT $pid
	wait $pid || rc=1
	qemu_end
	[ $rc = 0 ] || cat "$tmp/kvm.err"
	return $rc
}

# The reader of call stacks has less than that.
unwinder() {
	local trace=$tmp/stacks.pcap pid child rc=1
	daemons_qemu stacks
	"$vqtrace" record -w "$trace" --stacks=all -p $qemu_pid 2>"$trace.err" &
	pid=$!
	find_child() { child=$(pgrep -P $pid -x vqtrace-unwind | head -n 1) && [ -n "$child" ]; }
	until_said "$trace.err" 'attached, recording' $pid && go_on && until_true find_child &&
		[ "$(has "$child" CapEff)" = 0000010000080004 ] && rc=0
	kill -INT $pid
	wait $pid || rc=1
	qemu_end
	[ $rc = 0 ] && "$vqtrace" show -V -r "$trace" | grep -q 'virtqueue_pop' && return
	cat "$trace.err"
	return 1
}

# A machine that starts later, of somebody else, is attached to with what top has kept.
root_watches() {
	local pid rc=1
	"$vqtrace" top -b --delay 200ms -T json -n later >"$tmp/later.json" 2>"$tmp/later.err" &
	pid=$!
	until_true test -s "$tmp/later.json" && has_only $pid $all || { kill -KILL $pid; return 1; }
	daemons_qemu later
	go_on
	sees() { jq -se 'map(.rows[] | select(.kind == "device")) | length > 0' "$tmp/later.json" >/dev/null 2>&1; }
	until_true sees && has_only $pid $all && rc=0
	kill -INT $pid
	wait $pid || rc=1
	qemu_end
	[ $rc = 0 ] || { cat "$tmp/later.err"; tail -n 3 "$tmp/later.json"; }
	return $rc
}

# What is started to be recorded has all that its user had.
command_keeps() { # ARGS...
	local pid rc=0 field trace=$tmp/command.pcap
	rm -f "$trace.err"
	qemu command "$vqtrace" record -w "$trace" "$@" --
	pid=$started_pid
	until_said "$tmp/command.qemu" 'attached, recording' $pid || return 1
	qemu_pid=$(pgrep -P $pid -x qemu-system-x86 | head -n 1)
	for field in CapEff CapPrm CapBnd CapInh CapAmb NoNewPrivs Seccomp; do
		[ "$(has "$qemu_pid" $field)" = "$(has $$ $field)" ] && continue
		echo "$field: $(has "$qemu_pid" $field), not $(has $$ $field)"
		rc=1
	done
	[ "$(has $pid NoNewPrivs)" = 1 ] || rc=1
	go_on && kill -INT $qemu_pid
	wait $pid || rc=1
	exec 8>&- 9>&-
	[ $rc = 0 ] || cat "$tmp/command.qemu"
	return $rc
}

# The files after the first are made in a folder of somebody else's, by root, as the first is.
next_files() {
	local pid rc=1
	mkdir "$tmp/theirs"
	chown daemon "$tmp/theirs"
	daemons_qemu rotated
	"$vqtrace" record -w "$tmp/theirs/t.pcap" --rotate-time 100ms -p $qemu_pid 2>"$tmp/theirs.err" &
	pid=$!
	until_true test -e "$tmp/theirs/t.pcap3" && has_only $pid $all && rc=0
	kill -INT $pid
	wait $pid || rc=1
	qemu_end
	[ $rc = 0 ] && "$vqtrace" show -r "$tmp/theirs/t.pcap2" | grep -q 'blk' && return
	cat "$tmp/theirs.err"
	return 1
}

plan 19
check "nobody records a QEMU of another user, with these capabilities" nobody_records all $probes,$foreign
check "the same with three of them" nobody_records three $probes,cap_sys_ptrace
check "nobody, -i memory, with one" nobody_records memory cap_sys_ptrace -i memory
check "nobody, -i kvm" nobody_records_kvm
check "with those that setcap gives the program" set_on_the_program
check "nobody watches it" nobody_watches
check "without CAP_BPF" without cap_bpf 'to load BPF programs'
check "without CAP_PERFMON" without cap_perfmon 'to attach them'
check "without CAP_SYS_PTRACE" without cap_sys_ptrace 'to look into processes of other users'
check "doctor tells which there are" doctor_says
check "root's record keeps what it needs" root_records qemu $all
check "with --stacks, too" root_records with-stacks $all --stacks=all
check "and with -i memory" root_records memory $looks -i memory
check "and with -i kvm" root_records_kvm
check "the reader of call stacks keeps less" unwinder
check "root's top keeps what it needs, and attaches later" root_watches
check "a command that is recorded keeps all" command_keeps
check "with -i memory, too" command_keeps -i memory
check "the files after the first" next_files
finish
