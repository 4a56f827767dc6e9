#!/bin/bash
# SPDX-License-Identifier: MIT
# stat's figures against two witnesses of the same run of a real guest:
#
# QEMU's query-blockstats and its latency histograms.  QEMU accounts a request from
# when its device model has parsed it until just after it was completed; `stat` says
# "popped to used" from virtqueue_pop to virtqueue_push.  The same span but for a few
# microseconds of QEMU's own, so counts, bytes and failures are equal and every
# percentile is within one bucket of a power of two, whatever the backend.
#
# The guest's load generator.  It counts what it submitted: equal.  Its latencies are
# of another span: they begin and end in the guest's user space, and contain the
# guest's kernel, which under emulation is slower than a disk in page cache.  No
# request can be faster for the guest than for the device: that is checked of every
# percentile.  They agree within one bucket where the device's time is most of it: on
# a second disk, whose backend takes 3 ms a request and is throttled to 500 requests a
# second, at depths from 1 to 16 (3 to 35 ms).
#
# usage: stat_test.sh [-k DIR] [QEMU:CONFIG ...]     (-k keeps traces and answers)
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

keep=
[ "${1:-}" = -k ] && { keep=$2; shift 2; }
runs=("$@")
[ ${#runs[@]} = 0 ] && runs=(7:q1 11:iothread)

# On the first disk the load stays where the kernel does not read.
free="read,n=1500,rand,off=1m,size=24m,hist"
free+=";rw,n=1500,rand,qd=16,off=1m,size=24m;write,bs=64k,n=200,qd=4,off=1m,size=24m,fsync=40"
free+=";read,bs=128k,n=100,qd=2,off=1m,size=24m;discard,bs=64k,n=20,off=1m,size=8m;zero,bs=64k,n=20,off=1m,size=8m"
slow=
for qd in 1 2 4 8 16; do
	slow+=";read,dev=vdb,n=$((150 + 10 * qd)),qd=$qd,rand,off=1m,size=24m,seed=$qd,hist"
done
inside='request.sector >= 2048 && request.sector < 51200'
in_free="device_id == blk0 && $inside"
in_slow="device_id == blk1 && $inside"
boundaries=$(for ((i = 12; i < 36; i++)); do printf '%s%s' "${sep:-}" $((1 << i)); sep=,; done)

disk=/machine/peripheral/blk0/virtio-backend
slow_disk=/machine/peripheral/blk1/virtio-backend
throttle='"bps":0,"bps_rd":0,"bps_wr":0,"iops":500,"iops_rd":0,"iops_wr":0'

conduct() { # DIR: the run, over QMP
	qmp '{"execute":"qmp_capabilities"}' >/dev/null &&
		qmp "{\"execute\":\"block-latency-histogram-set\",\"arguments\":{\"id\":\"$disk\",\"boundaries\":[$boundaries]}}" >/dev/null &&
		qmp "{\"execute\":\"block-latency-histogram-set\",\"arguments\":{\"id\":\"$slow_disk\",\"boundaries\":[$boundaries]}}" >/dev/null &&
		qmp "{\"execute\":\"block_set_io_throttle\",\"arguments\":{\"id\":\"$slow_disk\",$throttle}}" >/dev/null &&
		qmp '{"execute":"cont"}' >/dev/null &&
		until_said "$1/serial" 'VQT DONE' &&
		qmp '{"execute":"query-blockstats"}' >"$1/blockstats" && waits >"$1/waits"
}

waits() { # of QEMU's threads: ns they could have run and had no processor, ns they ran
	local t
	for t in "/proc/$(cat "$d/pid")/task"/*; do
		awk -v t="${t##*/}" '{ print t, $2, $1 }' "$t/schedstat"
	done
}

# By how many octaves the guest was slower because QEMU's threads had to wait.
slowdown() { # DIR
	awk '{ waited += $2; ran += $3 } END { printf "%d\n", log((waited + ran) / ran) / log(2) + 0.5 }' "$1/waits"
}

run() { # QEMU CONFIG DIR
	local rec rc=0
	mkfifo "$3/mon.in" "$3/mon.out"
	exec 8<>"$3/mon.in" 9<>"$3/mon.out"
	tests/lab/guest-cmd --exec --qemu "$1" --serial "$3/serial" --pidfile "$3/pid" --run "$free$slow" \
		--arg -blockdev --arg driver=null-co,node-name=slow,size=67108864,latency-ns=3000000,read-zeroes=on \
		--arg -device --arg virtio-blk-pci,id=blk1,drive=slow,disable-legacy=on,addr=08.0 --arg -S --arg -no-shutdown \
		--arg -chardev --arg "pipe,id=mon,path=$3/mon" --arg -mon --arg chardev=mon,mode=control "$2" \
		-- "$vqtrace" record -q -w "$3/trace.pcap" -- >"$3/out" 2>&1 &
	rec=$!
	conduct "$3" || rc=1
	echo '{"execute":"quit"}' >&8
	wait $rec || { cat "$3/out"; rc=1; }
	exec 8>&- 9>&-
	return $rc
}

none_lost() {
	[ "$("$vqtrace" stat -r "$1/trace.pcap" -T json | jq .trace.lost)" = 0 ]
}

# same NAME OURS THEIRS ...: equal, and not nothing
same() {
	local bad=0
	while [ $# -gt 0 ]; do
		[ "$2" = "$3" ] && [ -n "$2" ] && [ "$2" != null ] || { echo "$1: stat $2, witness $3"; bad=1; }
		shift 3
	done
	return $bad
}

# A figure of the request types (TYPE|TYPE) of a disk, added up.
types() { # DIR DEVICE TYPES KEY
	"$vqtrace" stat -r "$1/trace.pcap" --by type -T json -Y "device_id == $2" |
		jq -s "map(select(.type | test(\"^($3)$\")) | .$4) | add // 0"
}

blockstats() { # DIR DEVICE KEY
	jq ".return[] | select(.qdev != null and (.qdev | test(\"$2\"))) | .stats.$3" "$1/blockstats"
}

# QEMU counts write-zeroes among the writes, and a guest's discards nowhere.
qemu_counts() {
	local d=$1 out zeroes
	out=$(types "$d" blk0 out bytes_out) zeroes=$(types "$d" blk0 write_zeroes bytes_ranged)
	same reads "$(types "$d" blk0 in requests)" "$(blockstats "$d" blk0 rd_operations)" \
		'bytes read' "$(types "$d" blk0 in bytes_in)" "$(blockstats "$d" blk0 rd_bytes)" \
		writes "$(types "$d" blk0 'out|write_zeroes' requests)" "$(blockstats "$d" blk0 wr_operations)" \
		'bytes written' $((out + zeroes)) "$(blockstats "$d" blk0 wr_bytes)" \
		flushes "$(types "$d" blk0 flush requests)" "$(blockstats "$d" blk0 flush_operations)" \
		'failures' "$(types "$d" blk0 in errors)" "$(blockstats "$d" blk0 failed_rd_operations)" \
		'slow reads' "$(types "$d" blk1 in requests)" "$(blockstats "$d" blk1 rd_operations)" \
		'bytes of them' "$(types "$d" blk1 in bytes_in)" "$(blockstats "$d" blk1 rd_bytes)" || return 1
	[ "$(types "$d" blk0 in requests)" -gt 2000 ] && [ "$(types "$d" blk1 in requests)" -gt 1000 ]
}

load() { # DIR STEPS JQ: of the guest's reports of these steps
	sed -n 's/^VQLOAD //p' "$1/serial" | tr -d '\r' | jq -s "map(select(.step >= ${2%-*} and .step <= ${2#*-})) | $3"
}

ours() { # DIR FILTER JQ: of the only device that has something to count
	"$vqtrace" stat -r "$1/trace.pcap" -T json -Y "$2" | jq ".devices[0] | $3"
}

guest_counts() {
	local d=$1
	same reads "$(ours "$d" "$in_free" '[.types[] | select(.type == "in") | .requests] | add')" \
		"$(load "$d" 1-6 'map(.reads) | add')" \
		'bytes read' "$(ours "$d" "$in_free" .counts.bytes_in)" "$(load "$d" 1-6 'map(.read_bytes) | add')" \
		writes "$(ours "$d" "$in_free" '[.types[] | select(.type == "out") | .requests] | add')" \
		"$(load "$d" 1-6 'map(.writes) | add')" \
		'bytes written' "$(ours "$d" "$in_free" .counts.bytes_out)" "$(load "$d" 1-6 'map(.write_bytes) | add')" \
		'bytes discarded and zeroed' "$(ours "$d" "$in_free" .counts.bytes_ranged)" \
		"$(load "$d" 1-6 'map(.discard_bytes + .zero_bytes) | add')" \
		flushes "$(types "$d" blk0 flush requests)" "$(load "$d" 1-6 'map(.flushes) | add')" \
		'slow reads' "$(ours "$d" "$in_slow" .counts.used)" "$(load "$d" 7-11 'map(.reads) | add')" \
		'bytes of them' "$(ours "$d" "$in_slow" .counts.bytes_in)" "$(load "$d" 7-11 'map(.read_bytes) | add')"
}

# Histograms as "log2 count" lines.
our_octaves() { # DIR TYPES FILTER
	"$vqtrace" stat -r "$1/trace.pcap" --latency -T json -Y "$3" |
		jq -r "select(.span == \"service\" and .type != null and (.type | test(\"^($2)$\"))) | .buckets[] | \"\(.[0] | log2 | floor) \(.[2])\""
}

qemu_octaves() { # DIR DEVICE rd|wr|flush; bin i is up to 2^(12 + i)
	blockstats "$1" "$2" "$3_latency_histogram.bins" |
		jq -r 'to_entries[] | select(.value > 0) | "\(.key + 11) \(.value)"'
}

guest_octaves() { # DIR STEPS
	load "$1" "$2" '[.[].lat_histogram[]][] | "\(.[0] | log2 | floor) \(.[1])"' | tr -d '"'
}

# How many requests of these types have no duration: they were popped between two probes,
# when the driver added one just after the first had looked.  Only a busy machine does that.
untimed() { # DIR TYPES FILTER
	local of="used && request.type matches \"^($2)\$\" && $3"
	"$vqtrace" show -r "$1/trace.pcap" -T csv -e number -Y "$of && !request.latency" | grep -c '^[0-9]'
}

# within_one OURS UNTIMED THEIRS [ordered [FURTHER]]: as many (ours and untimed ones, at most
# one in a hundred), and percentiles at most one octave apart, give or take one request in a
# hundred that lost the CPU between the one's clock and the other's; ordered: ours never
# above, and the witness's further above on a busy machine.  Octaves below 4 us are one for
# QEMU.
within_one() {
	awk -v untimed="$2" -v ordered="${4:-}" -v further="${5:-0}" '
		{ o = $1 < 11 ? 11 : $1; n[FILENAME, o] += $2; all[FILENAME] += $2 }
		function at(f, rank,  i, seen) { # octave of the request of this rank
			rank = rank < 1 ? 1 : rank > all[f] ? all[f] : rank
			for (i = 11; i < 64; i++)
				if ((seen += n[f, i]) >= rank) return i
		}
		END {
			a = ARGV[1]; b = ARGV[2]
			if (all[a] + untimed != all[b] || !all[a] || untimed * 100 > all[b]) {
				print "numbers: " all[a] " and " untimed " untimed, " all[b]
				exit 1
			}
			some = (all[a] < 100 ? 1 : all[a] / 100) + untimed
			for (i = 1; i <= split("1 5 10 25 50 75 90 95 99", p, " "); i++) {
				rank = all[a] * p[i] / 100
				x = at(a, rank); y = at(b, rank)
				if (x < at(b, rank - some) - 1 - further || x > at(b, rank + some) + 1 || (ordered && x > y)) {
					printf "p%d: 2^%d ns, the witness 2^%d ns\n", p[i], x, y; bad = 1
				}
			}
			exit bad
		}' "$1" "$3"
}

qemu_latencies() {
	local d=$1 row type dev kind ours theirs waited
	for row in 'in blk0 rd' 'out|write_zeroes blk0 wr' 'flush blk0 flush' 'in blk1 rd'; do
		read -r type dev kind <<<"$row"
		our_octaves "$d" "$type" "device_id == $dev" >"$tmp/a"
		qemu_octaves "$d" "$dev" "$kind" >"$tmp/b"
		within_one "$tmp/a" "$(untimed "$d" "$type" "device_id == $dev")" "$tmp/b" || { echo "of $row"; return 1; }
	done
	# And the time of all reads together, which no bucket hides.  QEMU's ends a little later:
	# after its thread has woken another by the interrupt, which on a busy machine runs first.
	for dev in blk0 blk1; do
		ours=$("$vqtrace" stat -r "$d/trace.pcap" --latency -T json -Y "device_id == $dev" |
			jq 'select(.span == "service" and .type == "in") | .sum')
		theirs=$(blockstats "$d" $dev rd_total_time_ns)
		waited=$("$vqtrace" show -r "$d/trace.pcap" -T json -Y "used && device_id == $dev" | jq .thread |
			sort | uniq -c | sort -rn | awk 'NR == FNR { if (!t) t = $2; next } $1 == t { print $2 }' - "$d/waits")
		echo "$dev: time of all reads: $ours ns, QEMU's $theirs; its thread waited $waited for a processor"
		awk -v a="$ours" -v b="$theirs" -v w="$waited" 'BEGIN { exit !(a > 0.8 * b - w && a < 1.05 * b + w) }' ||
			return 1
	done
}

guest_latencies() { # where the device's time is most of the guest's
	our_octaves "$1" in "$in_slow" >"$tmp/a"
	guest_octaves "$1" 7-11 >"$tmp/b"
	within_one "$tmp/a" "$(untimed "$1" in "$in_slow")" "$tmp/b" ordered "$(slowdown "$1")" || return 1
	# the depths spread them: this is no comparison of one bucket with itself
	[ "$(cut -d' ' -f1 "$tmp/a" | sort -u | wc -l)" -ge 4 ]
}

# Where it is not: the device is never slower than the guest sees it, at any percentile.
never_slower() {
	local p d=$1 dev guest of
	of="$in_free && request.bytes == 4096 && number < $(second "$d")"
	ours "$d" "$of" .latency.service >"$tmp/dev"
	[ $(($(jq .count "$tmp/dev") + $(untimed "$d" in "$of"))) = "$(load "$d" 1-1 '.[0].reads')" ] ||
		{ echo "not the same requests"; return 1; }
	for p in p50:lat_p50_ns p90:lat_p90_ns p99:lat_p99_ns max:lat_max_ns; do
		dev=$(jq ".${p%:*}" "$tmp/dev")
		guest=$(load "$d" 1-1 ".[0].${p#*:}")
		# the guest gives the lower end of a bucket, stat the upper one
		awk -v a="$dev" -v b="$guest" 'BEGIN { exit !(a * 16 / 17 <= b * 17 / 16) }' ||
			{ echo "${p%:*}: the device $dev ns, the guest $guest"; return 1; }
	done
}

# The first request of the guest's second job: after all those of the first.
second() {
	"$vqtrace" show -r "$1/trace.pcap" --requests -T json | jq -rn --argjson n "$(load "$1" 1-1 '.[0].reads')" \
		'[inputs | select(.device == "blk0" and .sector >= 2048 and .sector < 51200)] | sort_by(.number) | .[$n].number'
}

# Rates: the guest's elapsed time holds all its requests and little else.
rates() {
	local ours guest qd=1 step
	for step in 7 9 11; do
		guest=$(load "$1" $step-$step '.[0] | .iops')
		ours=$("$vqtrace" show -r "$1/trace.pcap" --requests -T json | jq -n \
			--argjson skip "$([ $step = 7 ] && echo 0 || load "$1" 7-$((step - 1)) 'map(.reads) | add')" \
			--argjson n "$(load "$1" $step-$step '.[0].reads')" '
			[inputs | select(.device == "blk1" and .sector >= 2048 and .sector < 51200)] | sort_by(.number)
			| .[$skip:$skip + $n] | "\(.[0].number) \(.[-1].number)"' | tr -d '"')
		ours=$("$vqtrace" stat -r "$1/trace.pcap" --by queue -T json \
			-Y "$in_slow && request.number >= ${ours% *} && request.number <= ${ours#* }" |
			jq -s '.[0].requests_per_second')
		awk -v a="$ours" -v b="$guest" 'BEGIN { exit !(a > 0.97 * b && a < 1.35 * b) }' ||
			{ echo "step $step: $ours/s, the guest says $guest/s"; return 1; }
	done
}

plan $((8 * ${#runs[@]}))
for r in "${runs[@]}"; do
	name="QEMU ${r%%:*}, ${r#*:}"
	d=$tmp/${r/:/-}
	mkdir -p "$d"
	check "$name: a run" run "${r%%:*}" "${r#*:}" "$d"
	check "$name: nothing lost" none_lost "$d"
	check "$name: counts and bytes are those of query-blockstats" qemu_counts "$d"
	check "$name: counts and bytes are those of the guest" guest_counts "$d"
	check "$name: latencies are those of QEMU's histograms" qemu_latencies "$d"
	check "$name: latencies are those of the guest, where the disk is slow" guest_latencies "$d"
	check "$name: and below the guest's where it is the slower one" never_slower "$d"
	check "$name: rates are those of the guest" rates "$d"
	[ -n "$keep" ] && mkdir -p "$keep" && cp -r "$d" "$keep/"
done
finish
