#!/bin/bash
# SPDX-License-Identifier: MIT
# Replay against the emulator: every shipped trace replays without an undeclared
# difference, twice with the same result; the options of the command.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

trace=traces/qemu7-q1.pcap

plays() { # nothing left uncompared for want of trying, either
	local n want=0 different=0 regs=100 least='.requests.compared > 30 and .interrupts.compared > 15 and .data.compared > 300 and .rings.compared > 1'
	case $1 in
	*ipxe.pcap) different=4 ;;& # registers, declared
	*resize-intx.pcap) different=2 ;;& # likewise
	*late.pcap) regs=0 least='.requests.compared == 7 and .interrupts.compared == 7 and .rings.compared == 1' ;;
	*uboot*) regs=20 least='.requests.compared >= 6 and .data.compared > 150 and .rings.compared == 3' ;; # polled
	*microvm* | *arm64* | *riscv64*) least='.requests.compared >= 8 and .interrupts.compared > 20 and .rings.compared >= 10' ;;
	*rng* | *console* | *scsi*) regs=250 least='.requests.compared + .requests.not_compared > 3 and .interrupts.compared > 3 and .rings.compared > 0' ;;
	*qemu7-net.pcap) least='.requests.compared > 17 and .requests.not_compared > 10 and .interrupts.compared > 15' ;;
	*link-net*) least='.requests.compared > 15 and .requests.not_compared > 20 and .interrupts.compared > 20' ;;
	*edk2-net*) least='.requests.compared > 8 and .requests.not_compared > 5' ;;
	*resize*) least='.requests.compared > 25 and .interrupts.compared > 15 and .data.compared > 300 and .rings.compared > 1' ;;
	*ipxe*) least='.requests.compared > 0 and .requests.not_compared > 0 and .rings.compared > 1' ;; # a network card's, polled
	*qsd*) regs=0 least='.requests.compared > 100 and .interrupts.compared > 15 and .data.compared > 50' ;; # from between
	*calls*) regs=100 least='.requests.compared == 20 and .interrupts.compared == 20 and .rings.compared > 0' ;;
	*kvm.pcap) regs=80 least='.registers.not_compared < 100' ;; # without rings
	*edk2* | *seabios*) least='.requests.compared > 20' ;; # polled, without interrupts
	esac
	case $1 in # nothing but registers and notifications is compared, which is trouble
	*rng.pcap | *scsi.pcap) want=2 ;;
	esac
	"$vqtrace" replay -r "$1" -T json >"$tmp/json" 2>"$tmp/err"
	[ $? = $want ] || { jq -c .differences "$tmp/json"; cat "$tmp/err"; return 1; }
	jq -e '.divergences == 0 and .unmet == [] and '"(.registers.compared > $regs)"' and
		.registers.compared == .registers.equal + '$different' and
		.requests.compared == .requests.equal and .interrupts.compared == .interrupts.equal and
		.data.compared == .data.equal and .rings.compared == .rings.equal and '"$least" "$tmp/json" >/dev/null ||
		{ cat "$tmp/json"; return 1; }
	# as many requests as the trace has: compared, but for those of devices that we do not have
	n=$("$vqtrace" show -r "$1" -Y 'event == used' | wc -l)
	jq -e ".requests.compared + .requests.not_compared == $n and
		([.devices[] | select(.played and .requests.not_compared > 0 and (.device | startswith(\"blk\")))] == []) and
		([.devices[] | select(.played and .requests.not_compared == 0 and (.device | startswith(\"net\")))] == [])" \
		"$tmp/json" >/dev/null || { echo "not all of $n requests"; return 1; }
}

twice() {
	"$vqtrace" replay -q -r $trace -w "$tmp/1.pcap" && "$vqtrace" replay -q -r $trace -w "$tmp/2.pcap" &&
		cmp "$tmp/1.pcap" "$tmp/2.pcap" &&
		"$vqtrace" show -r "$tmp/1.pcap" | grep -q 'used id 0 len 65537 OK'
}

again() { # what was written can itself be replayed
	"$vqtrace" replay -q -r $trace -w "$tmp/1.pcap" && "$vqtrace" replay -r "$tmp/1.pcap"
}

undeclared() { # without its declarations the broken disk is two differences, reads and writes, each twice
	cp traces/qemu7-blkdebug.pcap "$tmp/b.pcap"
	"$vqtrace" replay -r "$tmp/b.pcap" >"$tmp/out"
	[ $? = 1 ] && [ "$(grep -c '^event.*request.status' "$tmp/out")" = 2 ] && grep -q 'event 585 ' "$tmp/out" &&
		grep -q '2 differences and 2 that follow' "$tmp/out" &&
		"$vqtrace" replay -q --io-errors -r "$tmp/b.pcap"
}

unmet() {
	echo '* register.common.num_queues 4.1.4.3 none such' >"$tmp/d"
	"$vqtrace" replay --declared "$tmp/d" -r $trace >"$tmp/out"
	[ $? = 1 ] && grep -q 'line 1 matches no difference' "$tmp/out"
}

bad_declared() {
	echo 'emu request.status' >"$tmp/d"
	"$vqtrace" replay --declared "$tmp/d" -r $trace 2>"$tmp/err"
	[ $? = 2 ] && grep -q 'line 1' "$tmp/err"
}

until_event() {
	[ "$("$vqtrace" replay -r $trace --until 230 -T json | jq .requests.compared)" = 1 ]
}

one_device() {
	"$vqtrace" replay -r traces/qemu7-two-disks.pcap -d blk1 -T json |
		jq -e '.requests.compared == 3 and (.devices[0].played | not)' >/dev/null &&
		! "$vqtrace" replay -r $trace -d blk7 >"$tmp/out" 2>"$tmp/err" &&
		grep -q 'nothing was compared' "$tmp/out" && grep -q 'no device' "$tmp/err"
}

from_pipe() {
	[ "$("$vqtrace" replay -r - -T json <$trace | jq .requests.equal)" = 70 ]
}

by_step() {
	printf '\n\nc\n' | "$vqtrace" replay --step -r $trace >"$tmp/out" &&
		[ "$(grep -c type_register "$tmp/out")" = 3 ] && grep -q '70 equal' "$tmp/out" &&
		printf 'q\n' | "$vqtrace" replay --step -r $trace -T json | tail -n 1 | grep -q '"events":0'
}

given_disk() { # a disk of other contents than the recorded one: data differs, nothing else
	yes | head -c 64M >"$tmp/disk"
	sum=$(sha256sum <"$tmp/disk")
	"$vqtrace" replay --disk "$tmp/disk" -r $trace -T json >"$tmp/json"
	[ $? = 1 ] && jq -e '[.differences[].subject] | unique == ["request.data"]' "$tmp/json" >/dev/null &&
		[ "$(sha256sum <"$tmp/disk")" = "$sum" ] || return 1
	truncate -s 0 "$tmp/disk" && truncate -s 64M "$tmp/disk" # which is what it was
	"$vqtrace" replay --disk "$tmp/disk" -r $trace
}

cut_short() { # what can be read is replayed, and the exit status says it is not all
	head -c 60000 $trace >"$tmp/cut.pcap"
	"$vqtrace" replay -r "$tmp/cut.pcap" >"$tmp/out" 2>"$tmp/err"
	[ $? = 2 ] && grep -q 'no difference' "$tmp/out" && grep -q 'breaks' "$tmp/err"
}

not_compared() { # where no request can be, nothing is called equal, also by the exit status
	build/tests/lab/without $trace "$tmp/w.pcap" register || return 1
	"$vqtrace" replay -r "$tmp/w.pcap" >"$tmp/out" 2>"$tmp/err"
	[ $? = 2 ] && grep -q 'requests  *0 compared, 0 equal, 70 not compared' "$tmp/out" &&
		grep -q 'none of 70 requests was compared: ' "$tmp/err" || { cat "$tmp/out" "$tmp/err"; return 1; }
}

little_memory() { # what does not fit is said, and nobody is blamed for it
	"$vqtrace" replay -r $trace --memory 64K >"$tmp/out" 2>"$tmp/err"
	[ $? = 0 ] && grep -q 'requests  *2 compared, 2 equal, 68 not compared' "$tmp/out" &&
		grep -q 'no memory.*--memory' "$tmp/out" || { cat "$tmp/out" "$tmp/err"; return 1; }
	"$vqtrace" replay -r $trace --memory 64 2>"$tmp/err"
	[ $? = 2 ] && grep -q 'a size of 64K or more' "$tmp/err"
}

plan $(($(ls traces/*.pcap | wc -l) + 14))
for t in traces/*.pcap; do
	check "$t" plays "$t"
done
check "two runs write the same bytes" twice
check "a replay can be replayed" again
check "errors of the disk are declared or told" undeclared
check "a declaration that nothing meets" unmet
check "a declaration that is none" bad_declared
check "--until" until_event
check "-d" one_device
check "from a pipe" from_pipe
check "--step" by_step
check "--disk" given_disk
check "a trace that is cut off" cut_short
check "--memory" little_memory
check "requests that cannot be compared" not_compared
check "against what is not there" sh -c "'$vqtrace' replay --against nothing -r $trace; [ \$? = 2 ]"
finish
