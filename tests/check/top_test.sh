#!/bin/bash
# SPDX-License-Identifier: MIT
# top without a terminal: its figures on traces equal those of stat exactly; the page
# for Prometheus; pipes; errors.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

# The scalars of every device and queue that both print, and the latencies' histogram.
by_stat() { # TRACE
	"$vqtrace" stat -r "$1" -T json | jq -c '.devices[] | [.device, (.counts | with_entries(select(.value | type == "number"))),
		.in_flight_max, (.latency.service // {} | [.count, .p50, .p99, .max])]'
}

# stat has a page for devices that did something.
by_top() { # TRACE
	local known
	known=$("$vqtrace" stat -r "$1" -T json | jq -c "[.devices[] | .id // .device]")
	"$vqtrace" top -b -T json --delay 700ms -r "$1" | tail -n 1 | jq -c --argjson known "$known" '.rows[] | select(.kind == "device") |
		select(.name as $n | $known | index($n)) | [.name, (.total | with_entries(select(.value | type == "number"))),
		.flight_max, (.latency_total | [.count, .p50, .p99, .max] | if .[0] == 0 then [null, null, null, null] else . end)]'
}

same() { # TRACE...
	local t a b rc=0
	for t; do
		a=$(by_stat "$t" | jq -c '.[1:]') b=$(by_top "$t" | jq -c '.[1:]')
		[ -n "$a" ] || { echo "$t: stat says nothing"; rc=1; }
		[ "$a" = "$b" ] || { echo "$t differs:"; diff <(jq -S . <<<"$a") <(jq -S . <<<"$b") | head -n 12; rc=1; }
	done
	return $rc
}

# The intervals of a trace add up to its totals, however it is cut.
intervals() {
	local d
	for d in 50ms 333ms 10s; do
		"$vqtrace" top -b -T json --delay $d -r traces/qemu7-mq4.pcap | jq -se '
			([.[].rows[] | select(.kind == "queue") | .interval.used] | add) as $sum |
			([.[-1].rows[] | select(.kind == "queue") | .total.used] | add) as $all |
			$sum == $all and $all > 100' >/dev/null || { echo "at $d they do not add up"; return 1; }
	done
}

text() {
	local out
	out=$("$vqtrace" top -b -r traces/qemu11-q1.pcap --delay 10s) || return 1
	grep -q '^NAME .*REQ/S.*P99' <<<"$out" && grep -q ' q0 .*split' <<<"$out" && grep -q '0 lost$' <<<"$out" ||
		{ echo "$out"; return 1; }
	[ "$("$vqtrace" top -b -c 2 --delay 100ms -r traces/qemu11-q1.pcap | grep -c '^NAME')" = 2 ] || { echo "-c 2 is not two"; return 1; }
}

# When a pipe pauses, top shows what it has read so far; the rest follows.
piped() {
	local size
	size=$(stat -c %s traces/qemu7-q1.pcap)
	rm -f "$tmp/piped"
	{
		head -c $((size / 2)) traces/qemu7-q1.pcap
		until_true grep -qs '"events":[1-9]' "$tmp/piped" || echo "nothing was shown of the first half" >&2
		tail -c +$((size / 2 + 1)) traces/qemu7-q1.pcap
	} | "$vqtrace" top -b -T json --delay 200ms -r - >"$tmp/piped" || return 1
	jq -se '([.[].events] | unique | length) >= 2 and (.[-1].rows[] | select(.kind == "device") | .total.used) > 50' \
		>/dev/null "$tmp/piped" || { tail -n 1 "$tmp/piped" | cut -c1-300; return 1; }
	[ "$(tail -n 1 "$tmp/piped" | jq -c '.rows[] | select(.kind == "device") | .total.used')" = \
		"$("$vqtrace" stat -r traces/qemu7-q1.pcap -T json | jq -c '.devices[0].counts.used')" ] || { echo "not all arrived"; return 1; }
}

# Stages of both sides: in all as stat has them; and the intervals add up.
stages() {
	local t=traces/qemu7-q1-both.pcap.gz
	"$vqtrace" stat -r $t -T json | jq -cS '[.devices[] | select(.stages) | .stages, (.queues[] | select(.stages).stages)]' >"$tmp/a"
	"$vqtrace" top -b -T json --delay 700ms -r $t >"$tmp/b" || return 1
	tail -n 1 "$tmp/b" | jq -cS '[.rows[] | select(.stages_total).stages_total]' | diff "$tmp/a" - || return 1
	jq -se '[.[].rows[] | select(.kind == "device" and .stages).stages] | length > 3 and (map(.requests) | max) < 69 and
		(map(.requests) | add) == 69 and (map(.until.handled.count // 0) | add) == 69' "$tmp/b" >/dev/null ||
		{ echo "the intervals do not add up"; return 1; }
	"$vqtrace" top -b -T json --delay 700ms -r traces/qemu7-q1.pcap | tail -n 1 | jq -e 'all(.rows[]; has("stages") | not)' >/dev/null
}

get() { # ADDRESS PORT PATH
	exec 3<>"/dev/tcp/$1/$2" || return 1
	printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$3" >&3
	timeout 30 cat <&3
	exec 3>&- 3<&-
}

shows_all() { # ADDRESS PORT WANT: into $tmp/page
	get "$1" "$2" /metrics >"$tmp/page" 2>/dev/null
	[ "$(awk '/^vqtrace_requests_total{/ { n += $NF } END { print n + 0 }' "$tmp/page")" = "$3" ] ||
		! kill -0 "$pid" 2>/dev/null
}

not_found() { # ADDRESS PORT
	get "$1" "$2" /nothing 2>/dev/null | head -n 1 | grep -q 404
}

# An address of the loopback network and a port that no other process uses: ephemeral
# ports are above 32767, and other servers listen on 127.0.0.1.
prometheus() {
	local at=127.$((1 + ($$ >> 16 & 63))).$(($$ >> 8 & 255)).$(($$ & 255)) port=29752 pid want rc=0
	mkfifo "$tmp/prom"
	"$vqtrace" top -b -T json --delay 100ms -r - --prometheus $at:$port <"$tmp/prom" >"$tmp/prom.json" 2>"$tmp/prom.err" &
	pid=$!
	exec 8>"$tmp/prom" # kept open: the trace does not end
	# a name of the same length that a label cannot hold as it is
	LC_ALL=C sed 's/blk0/"\xe2\x80\xae/g' traces/qemu7-mq4.pcap >&8
	want=$("$vqtrace" stat -r traces/qemu7-mq4.pcap -T json | jq '.devices[0].counts.used')
	until_true shows_all $at $port "$want"
	until_true not_found $at $port || { echo "no 404"; rc=1; }
	kill $pid
	wait $pid 2>/dev/null
	exec 8>&-
	# every sample belongs to a family that is described, and the sums are stat's
	awk -v want="$want" '
		/^# TYPE/ { type[$3] = $4 }
		/^vqtrace_/ { n = $1; sub(/{.*/, "", n); f = n; sub(/_(bucket|sum|count)$/, "", f)
			if (!(n in type) && !(f in type)) { print "no type: " n; bad = 1 }
			if (n == "vqtrace_requests_total") sum += $NF
			if (n == "vqtrace_request_seconds_count") count += $NF
			if (n == "vqtrace_request_seconds_bucket" && /le="\+Inf"/) inf += $NF }
		/^vqtrace_requests_total/ && !/device="\\"\\\\u202e"/ { print "label: " $0; bad = 1 }
		END { if (sum != want || count != want || inf != want) { print "sum " sum ", count " count ", +Inf " inf ", stat " want; bad = 1 }
			exit bad }' "$tmp/page" || rc=1
	[ $rc = 0 ] || { head -n 20 "$tmp/page"; cat "$tmp/prom.err"; }
	return $rc
}

host_is() { # ADDRESS PORT HOST: the status of the answer
	local line
	exec 7<>"/dev/tcp/$1/$2" || return 1
	printf 'GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$3" >&7
	read -r -t 60 line <&7
	exec 7>&-
	echo "${line:9:3}"
}

# Clients that say nothing, too much, or too little at a time; and a page of another host's in a browser.
prometheus_clients() {
	local at=127.$((1 + ($$ >> 16 & 63))).$(($$ >> 8 & 255)).$(($$ & 255)) port=29754 pid rc=0 i fd line
	local -a idle=()
	mkfifo "$tmp/quiet"
	"$vqtrace" top -b -T json --delay 100ms -r - --prometheus $at:$port <"$tmp/quiet" >"$tmp/prom.json" 2>"$tmp/prom.err" &
	pid=$!
	exec 8>"$tmp/quiet"
	trap "" PIPE # writing to who has gone is an answer
	cat traces/qemu7-q1.pcap >&8
	until_true not_found $at $port || { echo "no answer"; rc=1; }
	for i in $(seq 64); do # more than are served at a time
		{ exec {fd}<>"/dev/tcp/$at/$port"; } 2>/dev/null && idle+=("$fd")
		[ $((i % 8)) = 0 ] && sleep 0.2
	done
	[ ${#idle[@]} -ge 33 ] || { echo "only ${#idle[@]} clients"; rc=1; }
	for i in 1 2 3; do
		[ "$(host_is $at $port localhost)" = 200 ] || { echo "no page beside idle clients"; rc=1; }
	done
	# the one that came first had to go
	read -r -t 60 line <&"${idle[0]}"
	[ $? -le 128 ] || { echo "the oldest client is still there"; rc=1; }
	for fd in "${idle[@]}"; do exec {fd}>&-; done
	[ "$(host_is $at $port "$at:$port") $(host_is $at $port '[::1]:9752')" = "200 200" ] || { echo "its own names"; rc=1; }
	[ "$(host_is $at $port evil.example) $(host_is $at $port 127.evil.example)" = "403 403" ] || { echo "another's name"; rc=1; }
	# a request larger than any, which is not kept
	exec 7<>"/dev/tcp/$at/$port"
	{ printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: '; head -c 1000000 /dev/zero | tr '\0' x; } >&7 2>/dev/null
	read -r -t 60 line <&7
	[ $? -le 128 ] && [[ $line != *" 200 "* ]] || { echo "a large request: $line"; rc=1; }
	exec 7>&-
	# one that never ends: its time is up, though there is always a byte
	exec 7<>"/dev/tcp/$at/$port"
	printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ' >&7
	for i in $(seq 300); do
		printf x >&7 2>/dev/null || break
		sleep 0.2
	done
	[ "$i" -lt 300 ] || { echo "a request that drips is still read after a minute"; rc=1; }
	exec 7>&-
	[ "$(host_is $at $port localhost)" = 200 ] || { echo "no page afterwards"; rc=1; }
	kill $pid
	wait $pid 2>/dev/null
	exec 8>&-
	trap - PIPE
	[ $rc = 0 ] || cat "$tmp/prom.err"
	return $rc
}

stages_show_all() { # ADDRESS PORT WANT: into $tmp/page
	get "$1" "$2" /metrics >"$tmp/page" 2>/dev/null
	[ "$(awk '/^vqtrace_request_stage_seconds_count{/ { n += $NF } END { print n + 0 }' "$tmp/page")" = "$3" ] ||
		! kill -0 "$pid" 2>/dev/null
}

prometheus_stages() {
	local at=127.$((1 + ($$ >> 16 & 63))).$(($$ >> 8 & 255)).$(($$ & 255)) port=29753 pid want
	mkfifo "$tmp/stages"
	"$vqtrace" top -b -T json --delay 100ms -r - --prometheus $at:$port <"$tmp/stages" >"$tmp/prom.json" 2>"$tmp/prom.err" &
	pid=$!
	exec 8>"$tmp/stages" # kept open: the trace does not end
	zcat traces/qemu7-q1-both.pcap.gz >&8
	want=$("$vqtrace" stat -r traces/qemu7-q1-both.pcap.gz -T json | jq '[.devices[].stages | values | .until[].count] | add')
	until_true stages_show_all $at $port "$want"
	kill $pid
	wait $pid 2>/dev/null
	exec 8>&-
	awk -v want="$want" '
		/^# TYPE vqtrace_request_stage_seconds histogram/ { types++ }
		!/^vqtrace_request_stage_seconds/ { next }
		!/device="blk0",type="blk",operation="[a-z_]+",stage="[a-z]+"/ { print "label: " $0; bad = 1 }
		/_count{/ { sum += $NF; split($0, part, "stage=\""); sub(/".*/, "", part[2]); n += !seen[part[2]]++ }
		/_sum{/ { if ($NF <= 0) { print $0; bad = 1 } }
		/le="\+Inf"/ { inf += $NF }
		END { exit bad || sum != want || inf != want || n != 12 || types != 1 }' "$tmp/page" ||
		{ grep stage "$tmp/page" | head -n 20; cat "$tmp/prom.err"; return 1; }
}

refused() { # WORD ARGS...
	local out rc word=$1
	shift
	out=$("$vqtrace" top "$@" 2>&1 </dev/null)
	rc=$?
	[ $rc = 2 ] && grep -q -- "$word" <<<"$out" && return 0
	echo "top $*: exit $rc: $out"
	return 1
}

refusals() {
	refused "not a terminal" -r traces/qemu7-q1.pcap &&
		refused "No such file" -b -r "$tmp/none.pcap" &&
		refused "50ms or more" -b --delay 1ms -r traces/qemu7-q1.pcap &&
		refused "not for -r" -b --light -r traces/qemu7-q1.pcap &&
		refused "no field" -b -Y 'nosuch == 1' -r traces/qemu7-q1.pcap &&
		refused "not an address" -b --prometheus '[::1' -r traces/qemu7-q1.pcap &&
		refused "for -b" -T json -r traces/qemu7-q1.pcap
}

# Of a truncated file top shows what can be read, and reports the rest.
broken() {
	head -c 20000 traces/qemu7-q1.pcap >"$tmp/cut.pcap"
	"$vqtrace" top -b -r "$tmp/cut.pcap" >"$tmp/cut.out" 2>"$tmp/cut.err"
	grep -q blk0 "$tmp/cut.out" && [ -s "$tmp/cut.err" ] || { cat "$tmp/cut.out" "$tmp/cut.err"; return 1; }
}

full() { # what cannot be written is trouble, not the end
	"$vqtrace" top -b -r traces/qemu7-q1.pcap >/dev/full 2>"$tmp/err"
	[ $? = 2 ] && grep -q "No space left" "$tmp/err"
}

# On a terminal that cannot move its cursor, top refuses and names the alternative.
dumb() {
	command -v script >/dev/null || { echo "script is not installed (bsdutils)"; return 77; }
	TERM=dumb script -qec "'$vqtrace' top -r traces/qemu7-q1.pcap" /dev/null </dev/null >"$tmp/dumb" 2>&1
	[ $? = 2 ] && grep -q "TERM=dumb.*-b prints tables" "$tmp/dumb"
}

plan 12
check "to a full disk" full
check "a terminal that is none" dumb
check "a trace gives stat's figures" same traces/qemu7-{q1,packed-mq4,two-disks,net,legacy,ipxe}.pcap traces/qemu11-*.pcap
check "intervals add up" intervals
check "text, and -n" text
check "stages" stages
check "a pipe that grows" piped
check "the page for Prometheus" prometheus
check "and of stages" prometheus_stages
check "clients that are not trusted" prometheus_clients
check "what is refused" refusals
check "a trace cut off" broken
finish
