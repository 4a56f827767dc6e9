#!/bin/bash
# SPDX-License-Identifier: MIT
# What top serves to Prometheus: both formats by a strict grammar, with hostile names, too; figures
# as stat has them; and that the manual page, the dashboard and the alert rules speak of metrics
# that there are.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
for c in python3 curl jq; do
	command -v $c >/dev/null || { echo "$c is not installed"; exit 77; }
done
metrics() { python3 tests/check/metrics.py "$@"; }

# An address of the loopback network and a port that no other process uses.
at=127.$((1 + ($$ >> 16 & 63))).$(($$ >> 8 & 255)).$(($$ & 255)):29756

fetch() { # ACCEPT FILE
	curl -s --max-time 20 -H "Accept: $1" -D "$2.head" "http://$at/metrics" >"$2"
}

# All records are in, and a tick has made rows of them.
complete() { # REQUESTS
	fetch application/openmetrics-text "$tmp/now" &&
		[ "$(awk '/^vqtrace_requests_total{/ { n += $NF } END { print n + 0 }' "$tmp/now")" = "$1" ] || ! kill -0 "$pid" 2>/dev/null
}

# "$tmp/NAME.text" and "$tmp/NAME.om": the page of a whole trace, on which so many requests (all) are.
page() { # NAME TRACE [OPTION...]
	local name=$1 trace=$2 want=${requests:-} rc=0
	shift 2
	want=${want:-$("$vqtrace" stat -r "$trace" -T json | jq '[.devices[].counts.used] | add')}
	rm -f "$tmp/fifo"
	mkfifo "$tmp/fifo"
	"$vqtrace" top -b -T json --delay 50ms -r - --prometheus $at "$@" <"$tmp/fifo" >/dev/null 2>"$tmp/err" &
	pid=$!
	exec 8>"$tmp/fifo" # kept open: the trace does not end
	case $trace in *.gz) zcat "$trace" ;; *) cat "$trace" ;; esac >&8
	until_true complete "$want" && fetch 'application/openmetrics-text; version=1.0.0' "$tmp/$name.om" &&
		fetch 'text/plain' "$tmp/$name.text" || rc=1
	kill $pid
	wait $pid 2>/dev/null
	exec 8>&-
	[ $rc = 0 ] && [ -s "$tmp/$name.om" ] && return
	cat "$tmp/err"
	return 1
}

formats() {
	local name type
	page both traces/qemu7-q1-both.pcap.gz && page mq4 traces/qemu7-mq4.pcap && page blkdebug traces/qemu7-blkdebug.pcap &&
		page calls traces/qemu7-calls.pcap || return 1
	for name in both mq4 blkdebug calls; do
		metrics same "$tmp/$name.text" "$tmp/$name.om" || return 1
	done
	type=$(grep -i '^content-type:' "$tmp"/mq4.{om,text}.head | cut -d: -f3 | tr -d '\r')
	[ "$type" = " application/openmetrics-text; version=1.0.0; charset=utf-8
 text/plain; version=0.0.4; charset=utf-8" ] && grep -qi '^vary: accept' "$tmp/mq4.om.head" || { echo "$type"; return 1; }
}

# What Prometheus itself reads it with, in Python.
clients() {
	local python
	for python in python3 /usr/bin/python3; do
		"$python" -c 'import prometheus_client.parser' 2>/dev/null && break
	done
	"$python" - "$tmp"/*.om <<-'PYTHON'
		import sys
		try:
		    from prometheus_client.openmetrics.parser import text_string_to_metric_families
		    from prometheus_client.parser import text_string_to_metric_families as text_families
		except ImportError:
		    print("python3-prometheus-client is not installed")
		    sys.exit(77)
		for path in sys.argv[1:]:
		    with open(path, encoding="utf-8") as a, open(path[:-2] + "text", encoding="utf-8") as b:
		        one = {s.name for f in text_string_to_metric_families(a.read()) for s in f.samples}
		        two = {s.name for f in text_families(b.read()) for s in f.samples}
		    if one != two or len(one) < 30:
		        sys.exit("%s: %s" % (path, one ^ two))
	PYTHON
}

# Lines "METRIC [LABEL=VALUE]... : JQ" say what of a page is which figure of stat: to the last request.
agrees() { # NAME TRACE
	local line metric=() jq=
	while read -r line; do
		metric+=("${line% : *}")
		jq+="${jq:+,}(${line#* : })"
	done
	"$vqtrace" stat -r "$2" -T json | jq -r "$jq" >"$tmp/want" && metrics sum "$tmp/$1.om" "${metric[@]}" >"$tmp/got" || return 1
	printf '%s\n' "${metric[@]}" | paste -d: - "$tmp/got" "$tmp/want" | awk -F: '
		$2 != $3 || !($2 > 0) { print $1 " is " $2 ", of stat " $3; bad = 1 }
		END { exit bad || NR < 2 }'
}

figures() {
	agrees mq4 traces/qemu7-mq4.pcap <<-'FIGURES' || return 1
		vqtrace_requests_total : .devices[0].counts.used
		vqtrace_requests_total queue=2 : .devices[0].queues[2].counts.used
		vqtrace_to_driver_bytes_total : .devices[0].counts.bytes_in
		vqtrace_operation_to_driver_bytes_total : .devices[0].counts.bytes_in
		vqtrace_to_device_bytes_total : .devices[0].counts.bytes_out
		vqtrace_operation_to_device_bytes_total : .devices[0].counts.bytes_out
		vqtrace_kicks_total : .devices[0].counts.kicks
		vqtrace_interrupts_total : .devices[0].counts.interrupts
		vqtrace_operation_requests_total operation=in : .devices[0].types[] | select(.type == "in").requests
		vqtrace_operation_seconds_count operation=in : .devices[0].types[] | select(.type == "in").requests
		vqtrace_request_seconds_count : .devices[0].latency.service.count
		vqtrace_request_wait_seconds_count : .devices[0].latency.wait.count
		vqtrace_interrupt_delay_seconds_count : .devices[0].latency.notify.count
	FIGURES
	agrees blkdebug traces/qemu7-blkdebug.pcap <<-'FIGURES' || return 1
		vqtrace_request_errors_total : .devices[0].counts.errors
		vqtrace_operation_errors_total : .devices[0].counts.errors
	FIGURES
	agrees calls traces/qemu7-calls.pcap <<-'FIGURES' || return 1
		vqtrace_requests_total : .devices[0].counts.used
		vqtrace_backend_seconds_count : .devices[0].latency.backend.count
	FIGURES
	agrees both traces/qemu7-q1-both.pcap.gz <<-'FIGURES'
		vqtrace_request_stage_seconds_count : [.devices[].stages | values | .until[].count] | add
		vqtrace_request_stage_seconds_count stage=handled : [.devices[].stages | values | .until.handled.count] | add
	FIGURES
}

findings() {
	local party severity want
	page q1 traces/qemu7-q1.pcap || return 1
	"$vqtrace" check -r traces/qemu7-q1.pcap -T json -a --severity suspicious >"$tmp/check"
	for party in driver device; do
		for severity in must should suspicious; do
			want=$(jq -s "[.[] | select(.type == \"finding\" and .party == \"$party\" and .severity == \"$severity\")] | length" "$tmp/check")
			[ "$(metrics sum "$tmp/q1.om" "vqtrace_findings_total party=$party severity=$severity")" = "$want" ] ||
				{ echo "$party $severity: not $want"; return 1; }
		done
	done
	page unchecked traces/qemu7-q1.pcap --no-check && ! grep -q '^vqtrace_findings_total' "$tmp/unchecked.om"
}

# An id may be the name of a device that has none: both have series.
same_id() {
	LC_ALL=C sed 's/blk1/blk0/g' traces/qemu7-two-disks.pcap >"$tmp/twins.pcap"
	page twins "$tmp/twins.pcap" && metrics same "$tmp/twins.text" "$tmp/twins.om" || return 1
	[ "$(grep -o '^vqtrace_device_driver_ok{.*' "$tmp/twins.om" | grep -oE 'device="[^"]*"' | sort | sed 's/#.*/#/' | paste -sd ' ')" = \
		'device="blk0" device="blk0#' ] || { grep driver_ok "$tmp/twins.om"; return 1; }
}

# One of them is unplugged: the other one goes on with the series, alone.
replugged() {
	local id requests
	for id in 1 2; do
		python3 - $id "$tmp/twins.pcap" >"$tmp/replugged.pcap" <<-'PYTHON'
			import struct, sys

			data = open(sys.argv[2], "rb").read()
			sys.stdout.buffer.write(data)
			at, last = 24, None
			while at < len(data):
			    packet = bytearray(data[at : at + 16 + struct.unpack_from("<I", data, at + 8)[0]])
			    at += len(packet)
			    if packet[36] == 3 and packet[32:34] == struct.pack("<H", int(sys.argv[1])):  # VQT_DEVICE
			        last = packet
			last[0:8], last[16:24] = packet[0:8], packet[16:24]  # the times of the last record
			last[44] |= 8  # VQT_DEV_GONE
			sys.stdout.buffer.write(last)
		PYTHON
		requests=$("$vqtrace" stat -r "$tmp/twins.pcap" -T json | jq ".devices[$((2 - id))].counts.used")
		page replugged "$tmp/replugged.pcap" && metrics same "$tmp/replugged.text" "$tmp/replugged.om" || return 1
		[ "$(grep '^vqtrace_requests_total' "$tmp/replugged.om" | cut -d, -f3- | sort)" = "device=\"blk0\",type=\"blk\",queue=\"0\"} $requests" ] ||
			{ grep '^vqtrace_requests_total' "$tmp/replugged.om"; return 1; }
	done
}

hostile() {
	local kind
	for kind in line raw quote; do # all kinds: tests/full/names_test.sh
		build/tests/lab/hostile "$kind" traces/qemu7-q1.pcap "$tmp/hostile.pcap" || return 1
		page hostile "$tmp/hostile.pcap" --no-check && metrics same "$tmp/hostile.text" "$tmp/hostile.om" || { echo "$kind"; return 1; }
		grep -q 'PWN.*vqtrace_\|vqtrace_.*PWN' "$tmp/hostile.om" || { echo "$kind: no name came through"; return 1; }
	done
}

documents() {
	metrics manual cli/man/vqtrace-metrics.7 "$tmp"/{both,mq4,calls}.om
}

# Each query is of metrics and labels that there are; the JSON is what Grafana imports.
dashboard() {
	metrics names cli/operators/grafana-dashboard.json "$tmp"/{both,mq4,calls}.om || return 1
	jq -e '.title != "" and .uid != "" and .schemaVersion >= 36 and (.panels | length) > 10 and
		([.panels[].id] | length == (unique | length)) and
		([.panels[] | select(.type != "row")] | all((.title | length) > 0 and (.description | length) > 0 and (.targets | length) > 0 and
			(.datasource.uid == "${datasource}") and (.gridPos | .x + .w <= 24 and .w > 0 and .h > 0))) and
		([.panels[] | select(.type != "row") | .targets | map(.refId) | length == (unique | length)] | all) and
		(.templating.list | map(.name)) == ["datasource", "vm", "device"]' cli/operators/grafana-dashboard.json >/dev/null
}

alerts() {
	metrics names cli/operators/prometheus-alerts.yml "$tmp"/{both,mq4,calls}.om || return 1
	[ "$(grep -c '^ *- alert: ' cli/operators/prometheus-alerts.yml)" = "$(grep -c '^ *summary: ' cli/operators/prometheus-alerts.yml)" ]
}

# make, which builds nothing: other tests run what is there, and it has the place of its data in it.
make_here() { make -s -o all DESTDIR="$tmp/dest" PREFIX=/opt/v DATADIR="$(cat build/.datadir)" NODEPS=1 "$@"; }

# The unit has the capabilities that the manual page names; what it runs are options that there are.
unit() {
	local want got
	want=$(sed -n 's/^\.Dl AmbientCapabilities=//p' cli/man/vqtrace-record.1)
	[ -n "$want" ] || return 1
	for got in Ambient Bounding; do
		[ "$(sed -n "s/^\(${got}Capabilities\|Capability${got}Set\)=//p" cli/operators/vqtrace-metrics.service)" = "$want" ] ||
			{ echo "$got is not $want"; return 1; }
	done
	for got in $(grep -ohE -- '--[a-z-]+' cli/operators/vqtrace-metrics.{service,default} | sort -u); do
		"$vqtrace" top --help | grep -q -- "$got\b" || { echo "top has no $got"; return 1; }
	done
	make_here install >"$tmp/install" 2>&1 || { tail "$tmp/install"; return 1; }
	! grep -n '@[A-Z]' "$tmp/dest/opt/v/lib/systemd/system/vqtrace-metrics.service" &&
		grep -q '^ExecStart=/opt/v/bin/vqtrace top ' "$tmp/dest/opt/v/lib/systemd/system/vqtrace-metrics.service" || return 1
	# what an administrator changed stays
	echo VQTRACE_OPTIONS= >"$tmp/dest/etc/default/vqtrace-metrics"
	make_here install >"$tmp/install" 2>&1 || { tail "$tmp/install"; return 1; }
	[ "$(cat "$tmp/dest/etc/default/vqtrace-metrics")" = VQTRACE_OPTIONS= ] || { echo "overwritten"; return 1; }
	make_here uninstall >/dev/null && [ "$(find "$tmp/dest" -type f)" = "$tmp/dest/etc/default/vqtrace-metrics" ] ||
		{ find "$tmp/dest" -type f; return 1; }
}

plan 11
check "both formats" formats
check "read by another parser" clients
check "figures as stat has them" figures
check "findings as check has them" findings
check "two devices of one name" same_id
check "one of them unplugged" replugged
check "hostile names" hostile
check "the manual page" documents
check "the dashboard" dashboard
check "the alert rules" alerts
check "the unit, and what is installed" unit
finish
