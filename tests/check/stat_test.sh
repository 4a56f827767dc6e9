#!/bin/bash
# SPDX-License-Identifier: MIT
# `vqtrace stat`: its figures equal those that jq counts from the events; its formats
# agree with each other; its errors.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

trace=traces/qemu7-mq4.pcap

# The figures of a device and its queues and types, from the timeline.
from_events() {
	"$vqtrace" show -r "$1" -T json | jq -rn '
		def rank(p): (length * p / 1000000 | ceil) as $r | sort[([$r, 1] | max) - 1];
		def lat(k): if length > 0 then
			"\(k).count \(length)", "\(k).sum \(add)", "\(k).min \(min)", "\(k).max \(max)",
			"\(k).p50 \(rank(500000))", "\(k).p90 \(rank(900000))", "\(k).p99 \(rank(990000))",
			"\(k).p99_9 \(rank(999000))"
			else empty end;
		def good: select(.used.status == null or .used.status == "OK");
		def bytes: [.[] | good | .used.request | .bytes] | add // 0;
		[inputs | select(.device)] | "events \(length)", (group_by(.device)[]
		| .[0].device as $d | (if .[0].source == "kvm" then null else 0 end) as $none
		| (map(select(.event == "used" and .used.request)) as $u
		   | if any(.[]; .device_type == "blk") then
			"\($d).kicks \(map(select(.event == "kick" and (.kick.self | not))) | length)",
			"\($d).interrupts \(map(select(.event == "interrupt" and (.interrupt.kind == "signal" or .source == "kvm"))) | length)",
			"\($d).popped \(map(select(.event == "avail" and ((.avail.first // 0) == 0)) | 1) | add // $none)",
			"\($d).used \($u | map(1) | add // $none)",
			"\($d).errors \($u | map(select(.used.status and .used.status != "OK") | 1) | add // $none)",
			($u | map(.used.latency | values) | lat("\($d).service")),
			($u | group_by(.queue)[] | .[0].queue as $q
				| "\($d).q\($q).used \(length)", (map(.used.latency | values) | lat("\($d).q\($q).service"))),
			($u | group_by(.used.request.type)[] | (.[0].used.request.type) as $t
				| "\($d).\($t).requests \(length)",
				  "\($d).\($t).bytes \(bytes)")
		     else empty end))' | sort
}

# The same from stat.
from_stat() {
	"$vqtrace" stat -r "$1" -T json | jq -r '
		def lat(k): if . then "\(k).count \(.count)", "\(k).sum \(.sum)", "\(k).min \(.min)",
			"\(k).max \(.max)", "\(k).p50 \(.p50)", "\(k).p90 \(.p90)", "\(k).p99 \(.p99)",
			"\(k).p99_9 \(.p99_9)" else empty end;
		"events \(.devices | map(.counts.events) | add)",
		(.devices[] | select(.device_type == "blk") | .device as $d
		| (.counts | "\($d).kicks \(.kicks)",
			"\($d).interrupts \(.interrupts)", "\($d).popped \(.popped)", "\($d).used \(.used)",
			"\($d).errors \(.errors)"),
		  (.latency.service | lat("\($d).service")),
		  (.queues[] | select(.requests > 0) | .queue as $q | "\($d).q\($q).used \(.counts.used)",
			(.latency.service | lat("\($d).q\($q).service"))),
		  (.types[]? | "\($d).\(.type).requests \(.requests)",
			"\($d).\(.type).bytes \(.bytes_in + .bytes_out + .bytes_ranged)"))' | sort
}

# Equal; percentiles not below and at most 1/16 above.
agree() {
	from_events "$1" >"$tmp/events" || return 1
	from_stat "$1" >"$tmp/stat" || return 1
	local least=20 # but of traces without a block device only the events are counted here
	[ "$1" != traces/qemu7-kvm.pcap ] || least=5 # and there is no request in this one
	[ -n "$("$vqtrace" show -r "$1" -Y 'device_type == blk' -c 1)" ] || least=1
	[ "$(wc -l <"$tmp/events")" -ge $least ] || { echo "too little was counted"; return 1; }
	join -a1 -a2 -e none -o 0,1.2,2.2 "$tmp/events" "$tmp/stat" | awk -v least=$least '
		$1 ~ /\.p[0-9_]+$/ && $3 >= $2 && $3 <= $2 + $2 / 16 { n++; next }
		$2 == $3 { n++; next }
		{ print $1 ": of the events " $2 ", stat says " $3; bad = 1 }
		END { exit bad || n < least }'
}

# Tables by queue, type, size, thread and time slice add up to the totals.
sums() {
	local t what all
	for t in traces/*.pcap; do
		"$vqtrace" stat -r "$t" -T json >"$tmp/by-all" || return 1
		for what in queue type size time vcpu; do
			"$vqtrace" stat -r "$t" --by $what -T json >"$tmp/by-$what" || return 1
		done
		jq -nr --slurpfile all "$tmp/by-all" --slurpfile queue "$tmp/by-queue" --slurpfile type "$tmp/by-type" \
			--slurpfile size "$tmp/by-size" --slurpfile time "$tmp/by-time" --slurpfile vcpu "$tmp/by-vcpu" '
			[null, null, null, null] as $unseen | # by KVM
			def rows: group_by(.device) | map([.[0].device, (map(.requests) | add), (map(.bytes_in) | add),
				(map(.bytes_out) | add), (map(.errors) | add)]) | map(select(.[1:] | . != [0, 0, 0, 0] and . != $unseen));
			($all[0].devices | map([.device, .counts.used, .counts.bytes_in, .counts.bytes_out, .counts.errors])
				| map(select(.[1:] | . != [0, 0, 0, 0] and . != $unseen)) | sort) as $want |
			({$queue, $type, $size, $time} | to_entries[] | select((.value | rows) != $want)
				| "by \(.key): \(.value | rows), in all \($want)"),
			(($vcpu | map(.requests) | add // 0) as $n | ($want | map(.[1]) | add // 0) as $all |
				select($n != $all) | "by vcpu: \($n), in all \($all)")' >"$tmp/differ" || return 1
		[ ! -s "$tmp/differ" ] || { echo "$t"; cat "$tmp/differ"; return 1; }
	done
}

csv_is_json() {
	local what
	for what in queue type size vcpu time; do
		"$vqtrace" stat -r $trace --by $what -T csv >"$tmp/csv" || return 1
		"$vqtrace" stat -r $trace --by $what -T json | jq -rs --arg head "$(head -n 1 "$tmp/csv")" '
			($head | split(",")) as $k | .[] as $row
			| [$k[] | $row[.] | if . == null then "" else tostring end] | join(",")' >"$tmp/rows"
		# jq drops the zeros that end a fraction
		tail -n +2 "$tmp/csv" | sed -E 's/(\.[0-9]*[1-9])0+(,|$)/\1\2/g; s/\.0+(,|$)/\1/g; s/(\.[0-9]*[1-9])0+(,|$)/\1\2/g; s/\.0+(,|$)/\1/g' |
			cmp - <(sed -E 's/\.0+(,|$)/\1/g; s/\.0+(,|$)/\1/g; s/(\.[0-9]*[1-9])0+(,|$)/\1\2/g; s/(\.[0-9]*[1-9])0+(,|$)/\1\2/g' "$tmp/rows") || return 1
	done
	"$vqtrace" stat -r $trace --latency -T csv | tail -n +2 | awk -F, '$3 == "" && $2 == "service" { n += $6 }
		END { print n }' >"$tmp/a"
	"$vqtrace" stat -r $trace -T json | jq .devices[0].counts.used | cmp - "$tmp/a"
}

# Of both sides: each stage as the page has it; types and queues add up to the device; CSV the same.
latency_stages() {
	local t=traces/qemu7-q1-both.pcap.gz
	"$vqtrace" stat -r $t --latency -T json >"$tmp/rows" && "$vqtrace" stat -r $t -T json >"$tmp/page" || return 1
	jq -sr '.[] | select(.device == "blk0" and .share and (.type or .queue == 0 | not)) |
		[.span, .count, .p50, .p99, .max, .error > 0] | @tsv' "$tmp/rows" | grep until_ >"$tmp/a"
	jq -r '.devices[] | select(.device == "blk0").stages.until | to_entries[] |
		["until_" + .key, .value.count, .value.p50, .value.p99, .value.max, .value.between_sides] | @tsv' "$tmp/page" |
		diff - "$tmp/a" && [ "$(wc -l <"$tmp/a")" = 12 ] || return 1
	jq -se 'map(select(.device == "blk0" and .share)) | map(select(.span != "life")) as $all |
		($all | map(select((.type or has("queue")) | not))) as $of | ($of | map(.share) | add) as $share |
		$share > 99.9 and $share < 100.1 and
		all($of[]; .span as $s | .count as $n |
			([$all[] | select(.span == $s and .type).count] | add) == $n and
			([$all[] | select(.span == $s and has("queue")).count] | add) == $n)' "$tmp/rows" >/dev/null ||
		{ echo "types and queues do not add up"; return 1; }
	jq -sr '.[] | select(has("queue") | not) | .device as $d | .span as $s | (.type // "") as $t | .buckets[] |
		[$d, $s, $t, .[0], .[1], .[2]] | join(",")' "$tmp/rows" >"$tmp/a"
	"$vqtrace" stat -r $t --latency -T csv | tail -n +2 | diff "$tmp/a" - >/dev/null || { echo "CSV says something else"; return 1; }
}

pipe() {
	"$vqtrace" stat -r $trace >"$tmp/a" && "$vqtrace" stat -r - <$trace | cmp - "$tmp/a"
}

filtered() { # a filter and its opposite make the whole
	local all in out
	all=$("$vqtrace" stat -r $trace -T json | jq '.devices[0].counts.used')
	in=$("$vqtrace" stat -r $trace -T json -Y 'request.type == in' | jq '.devices[0].counts.used')
	out=$("$vqtrace" stat -r $trace -T json -Y 'not request.type == in' | jq '.devices[0].counts.used')
	[ "$in" -gt 0 ] && [ "$out" -gt 0 ] && [ $((in + out)) = "$all" ] || return 1
	[ "$("$vqtrace" stat -r $trace -T json --by queue -Y 'queue == 2' | jq -s length)" = 1 ] || return 1
	"$vqtrace" stat -r $trace -Y 'device == nothing' | grep -q "nothing matched"
}

# Of three stretches of time: what they count adds up, and is what show has of each; what was
# set up before is known in all.
window() {
	local from=0s to sums=$tmp/sums
	: >"$sums"
	for to in 6.1000005s 6.3000005s 100s; do
		"$vqtrace" stat -r $trace -T json --from $from --to $to >"$tmp/json" || return 1
		jq -c '.devices[0].counts | [.events, .kicks, .popped, .used, .interrupts, .bytes_in, .bytes_out, .reg_writes]' "$tmp/json" >>"$sums"
		[ "$(jq .devices[0].counts.used "$tmp/json")" = \
			"$("$vqtrace" show -r $trace -T json --from $from --to $to -Y used | wc -l)" ] || { echo "not those of show"; return 1; }
		jq -e '.devices[0] | .negotiation.accepted != null and .counts.busy_ns <= .counts.flight_ns and
			.active >= .counts.busy_ns' "$tmp/json" >/dev/null || { jq .devices[0].negotiation "$tmp/json"; return 1; }
		from=$to
	done
	[ "$(jq -sc 'transpose | map(add)' "$sums")" = "$("$vqtrace" stat -r $trace -T json |
		jq -c '.devices[0].counts | [.events, .kicks, .popped, .used, .interrupts, .bytes_in, .bytes_out, .reg_writes]')" ] ||
		{ cat "$sums"; return 1; }
	[ "$(jq '.[3]' "$sums" | sort -n | head -n 1)" -gt 0 ] || { echo "nothing in a stretch"; cat "$sums"; return 1; }
	"$vqtrace" stat -r $trace --from 6.3s --by queue -T csv >"$tmp/a" && [ "$(wc -l <"$tmp/a")" -gt 1 ] || return 1
	"$vqtrace" stat -r $trace --from 6.1s --to 6.3s | grep -q "^counted: from 6.10 s to 6.30 s$" || return 1
	# findings are those of the time
	"$vqtrace" stat -r traces/qemu7-q1.pcap --to 1s | grep -q 'reset-not-awaited' || return 1
	! "$vqtrace" stat -r traces/qemu7-q1.pcap --from 1s | grep -q 'reset-not-awaited'
}

plot() {
	"$vqtrace" stat -r $trace --plot "$tmp/p.svg" >/dev/null || return 1
	xmllint --noout "$tmp/p.svg" || return 1
	# a panel each, curves told apart by their strokes, a heat map in shades of grey only
	cat >"$tmp/titles" <<-'TITLES'
		requests a second
		MiB a second
		requests in flight
		latency, popped to used
		waiting (kick to popped) and service
		latency, popped to used: how many requests
		requests completed, by queue
		requests completed, by type
		percentiles
		of service, by type
		of service, by queue
	TITLES
	sed -n 's/.*<text class="b"[^>]*>\(.*\)<\/text>/\1/p' "$tmp/p.svg" | diff "$tmp/titles" - || return 1
	# five seconds without a request are cut out, so that slices are fine; the wall clock is show's
	grep -q '>slices of 1.00 ms, idle time cut out; seconds since the trace began, wall clock of 2026-11-21, UTC' "$tmp/p.svg" &&
		grep -q '>5.54 s idle<' "$tmp/p.svg" || return 1
	[ "$("$vqtrace" show -r $trace -t a -Y 'since > 6.4495s' -c 1 | cut -c1-10)" = "$(sed -n 's/.*>6.45 s<.*>\([0-9:.]*\)<\/text><\/g>$/\1/p' "$tmp/p.svg" | head -n 1 | cut -c1-10)" ] || return 1
	grep -q 'class="l2" d="M' "$tmp/p.svg" && grep -q 'class="h7"' "$tmp/p.svg" || return 1
	grep -q 'stroke-dasharray' "$tmp/p.svg" || return 1
	! grep -oE '#[0-9a-f]{6}' "$tmp/p.svg" | grep -vE '#(..)\1\1' || return 1
	"$vqtrace" stat -r traces/qemu7-two-disks.pcap --plot "$tmp/p.svg" >/dev/null &&
		[ "$(grep -c '>requests in flight<' "$tmp/p.svg")" = 2 ] && xmllint --noout "$tmp/p.svg" || return 1
	"$vqtrace" stat -r traces/qemu7-kvm.pcap --plot "$tmp/p.svg" >/dev/null && xmllint --noout "$tmp/p.svg" &&
		grep -q 'requests are not in the trace' "$tmp/p.svg" || return 1
	# a plot without requests is still a valid picture
	"$vqtrace" stat -r $trace -Y 'event == session' --plot "$tmp/p.svg" >/dev/null &&
		xmllint --noout "$tmp/p.svg" && grep -q "no requests" "$tmp/p.svg"
}

# Of a trace without stacks: a picture that says so, and a warning; and where it cannot be written.
flame_without() {
	"$vqtrace" stat -r $trace --flame "$tmp/f.svg" >"$tmp/a" 2>"$tmp/err" && "$vqtrace" stat -r $trace | cmp - "$tmp/a" &&
		xmllint --noout "$tmp/f.svg" && grep -q 'no event has a call stack' "$tmp/f.svg" &&
		! grep -q '<rect' "$tmp/f.svg" && grep -q 'no event has a call stack: record with --stacks' "$tmp/err" &&
		fails "cannot be written" "$vqtrace" stat -r $trace --flame /nonexistent/x.svg
}

# Of both sides there is one picture more, for the device; with words for its patterns, and for
# those who do not see it. Without lives there is none.
plot_stages() {
	local p=$tmp/p.svg
	"$vqtrace" stat -r traces/qemu7-q1-both.pcap.gz --plot "$p" >"$tmp/page" && xmllint --noout "$p" || return 1
	[ "$(grep -c '>where the time goes' "$p")" = 1 ] && grep -q '>latency, added to taken<' "$p" && [ "$(grep -c 'role="img"' "$p")" = 1 ] || return 1
	[ "$(xmllint --xpath 'string(//*[local-name()="desc"])' "$p")" = \
		"69 requests; $(sed -n 's/^  \(most of the time\)/\1/p' "$tmp/page"); $(sed -n 's/^  \(of the slowest\)/\1/p' "$tmp/page")" ] ||
		{ xmllint --xpath '//*[local-name()="desc"]' "$p"; return 1; }
	grep -q '>handled: the interrupt.s way to the driver.s handler (36 %)<' "$p" || return 1
	# each pattern in the legend is drawn, and is there
	grep -o 'style="fill:url([^)]*)' "$p" | sed 's/.*(#/"/; s/)/"/' | sort >"$tmp/legend"
	[ "$(wc -l <"$tmp/legend")" = 12 ] && grep -o '<path fill="url([^)]*)' "$p" | sed 's/.*(#/"/; s/)/"/' | sort | cmp - "$tmp/legend" || return 1
	grep -o '<pattern id="[^ ]*' "$p" | sed 's/.*=//' | sort | comm -13 - "$tmp/legend" | grep . && return 1
	! grep -oE '#[0-9a-f]{6}\b' "$p" | grep -vE '#(..)\1\1' && ! grep -oE '#[0-9a-f]{3}\b' "$p" | grep -vE '#(.)\1\1' || return 1
	"$vqtrace" stat -r $trace --plot "$p" >/dev/null && ! grep -qE 'pattern|stage|role' "$p"
}

fails() { # WORDS COMMAND...
	local words=$1 rc
	shift
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	rc=$?
	[ $rc = 2 ] && grep -qF -- "$words" "$tmp/err" || { cat "$tmp/err"; echo "exit $rc"; return 1; }
}

errors() {
	fails "--by" "$vqtrace" stat -r $trace --by colour &&
		fails "choices are" "$vqtrace" stat -r $trace -T xml &&
		fails "tables" "$vqtrace" stat -r $trace -T csv &&
		fails "exclude each other" "$vqtrace" stat -r $trace --by queue --latency &&
		fails "which trace" "$vqtrace" stat &&
		fails "did you mean" "$vqtrace" stat -r $trace -Y 'evnt == kick' &&
		fails "cannot be written" "$vqtrace" stat -r $trace --plot /nonexistent/x.svg
}

full_disk() {
	"$vqtrace" stat -r $trace >/dev/full 2>"$tmp/err"
	[ $? = 2 ] && grep -q "No space left" "$tmp/err"
}

cut_file() { # what is before the cut is counted
	head -c 60000 $trace >"$tmp/cut.pcap"
	fails "ends or breaks after record" "$vqtrace" stat -r "$tmp/cut.pcap" && grep -q '^blk0' "$tmp/out"
}

loss() { # a packet that is missing in the middle is reported
	tshark -r $trace -w "$tmp/hole.pcap" -F nsecpcap 'frame.number != 600' 2>"$tmp/err" || { cat "$tmp/err"; return 1; }
	"$vqtrace" stat -r "$tmp/hole.pcap" | head -n 1 | grep -q '1 LOST'
}

undecidable() {
	"$vqtrace" show -r $trace -Y 'event == interrupt' -w "$tmp/irq.pcap" 2>/dev/null || return 1
	"$vqtrace" stat -r "$tmp/irq.pcap" | grep -q '^  findings  *unknown: nothing was decidable' &&
		"$vqtrace" stat -r "$tmp/irq.pcap" -T json | jq -e 'all(.devices[]; .findings == null)' >/dev/null &&
		"$vqtrace" stat -r $trace | grep -q '^  findings' &&
		"$vqtrace" stat -r $trace -T json | jq -e 'all(.devices[]; .findings != null)' >/dev/null || return 1
	# and what is known of one device says nothing of another
	"$vqtrace" stat -r traces/qemu7-q1-both.pcap.gz -T json |
		jq -e '[.devices[] | select(.findings) | .device] == ["blk0", "blk0.driver"] and any(.devices[]; .device == "console0")' >/dev/null
}

to_stdout() { # a picture or a report on standard output has it for itself
	local o
	for o in html plot; do
		"$vqtrace" stat -r $trace --$o "$tmp/named" >"$tmp/page" && "$vqtrace" stat -r $trace --$o - >"$tmp/out" && cmp "$tmp/named" "$tmp/out" || return 1
		[ -s "$tmp/out" ] && grep -q '^blk0' "$tmp/page" && [ ! -e - ] || return 1
	done
	fails "can go to standard output" "$vqtrace" stat -r $trace --html - --plot -
}

set -- traces/*.pcap
plan $(($# + 15))
for t in "$@"; do
	check "$(basename "$t"): stat counts and times what the events say" agree "$t"
done
check "queues, types, sizes, threads and slices add up to the whole" sums
check "CSV and JSON say the same" csv_is_json
check "stages with --latency" latency_stages
check "from a pipe" pipe
check "a filter" filtered
check "--from and --to" window
check "a plot" plot
check "to standard output" to_stdout
check "a plot of stages" plot_stages
check "a flame graph of no stacks" flame_without
check "bad usage" errors
check "to a full disk" full_disk
check "a file cut off in the middle" cut_file
check "a loss is said" loss
check "where nothing is decidable, no findings are no reassurance" undecidable
finish
