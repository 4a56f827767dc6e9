#!/bin/bash
# SPDX-License-Identifier: MIT
# What top serves, as a real Prometheus has it: promtool finds nothing to blame, each query of the
# dashboard returns data, figures are those of stat, alerts fire when they should; and the unit, as
# systemd sees it.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
for c in prometheus promtool curl jq python3; do
	command -v $c >/dev/null || { echo "$c is not installed (make test-world)"; exit 77; }
done
operators=$PWD/cli/operators

# Addresses of the loopback network, and ports, that no other process uses.
host=127.$((1 + ($$ >> 16 & 63))).$(($$ >> 8 & 255)).$(($$ & 255))
server=$host:29790
# One top a trace: both sides, with stages; four queues; a back end; errors.
traces=(qemu7-q1-both.pcap.gz qemu7-mq4.pcap qemu7-calls.pcap qemu7-blkdebug.pcap)
target() { echo "$host:$((29780 + $1))"; }

pids=()
end() {
	kill "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$tmp"
}
trap end EXIT

start() {
	local i targets=
	for i in "${!traces[@]}"; do
		case ${traces[i]} in *.gz) zcat "traces/${traces[i]}" ;; *) cat "traces/${traces[i]}" ;; esac >"$tmp/$i.pcap"
		mkfifo "$tmp/$i.fifo"
		"$vqtrace" top -b -T json --delay 200ms -r - --prometheus "$(target "$i")" <"$tmp/$i.fifo" >/dev/null 2>"$tmp/$i.err" &
		pids+=($!)
		targets+="'$(target "$i")', "
	done
	# as the manual page says it, with these targets
	sed -n '/^scrape_configs:/,/^\.Ed/{/^\.Ed/!p}' cli/man/vqtrace-metrics.7 | sed "s/\['localhost:9752'\]/[$targets]/" >"$tmp/scrape.yml"
	printf 'global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: [%s]\n' "$operators/prometheus-alerts.yml" |
		cat - "$tmp/scrape.yml" >"$tmp/prometheus.yml"
	prometheus --config.file="$tmp/prometheus.yml" --storage.tsdb.path="$tmp/data" --web.listen-address=$server >"$tmp/prometheus.log" 2>&1 &
	pids+=($!)
	until_true curl -sf "http://$server/-/ready" >/dev/null
	for i in "${!traces[@]}"; do
		python3 tests/world/feed.py 30 <"$tmp/$i.pcap" >"$tmp/$i.fifo" 2>"$tmp/feed" &
		pids+=($!)
	done
}

# The vector that a query gives now, or at each second of a time.
query() { curl -s --data-urlencode "query=$1" "http://$server/api/v1/query"; }
value() { query "$1" | jq -r '.data.result[0].value[1] // "none"'; }

requests() { # TRACE-INDEX
	"$vqtrace" stat -r "$tmp/$1.pcap" -T json | jq '[.devices[].counts.used] | add'
}

all_scraped() {
	local i
	for i in "${!traces[@]}"; do
		[ "$(value "sum(vqtrace_requests_total{instance=\"$(target "$i")\"})")" = "$(requests "$i")" ] || return 1
	done
}

scraped() {
	promtool check config "$tmp/prometheus.yml" || return 1
	until_true all_scraped || { query vqtrace_requests_total; tail "$tmp/prometheus.log" "$tmp"/*.err; return 1; }
	[ "$(value 'count(up{job="vqtrace"} == 1)')" = ${#traces[@]} ]
}

# Units come with OpenMetrics only: it is what Prometheus asked for and got.
negotiated() {
	[ "$(curl -s "http://$server/api/v1/metadata" | jq -r '.data.vqtrace_to_driver_bytes[0] | "\(.type) \(.unit)"')" = "counter bytes" ] ||
		{ curl -s "http://$server/api/v1/metadata" | jq -c '.data | keys'; return 1; }
	! grep -iE 'level=(warn|error)' "$tmp/prometheus.log"
}

promtool_metrics() {
	local i
	for i in "${!traces[@]}"; do
		curl -s "http://$(target "$i")/metrics" >"$tmp/page" && promtool check metrics <"$tmp/page" || return 1
	done
}

promtool_rules() {
	promtool check rules "$operators/prometheus-alerts.yml" || return 1
	sed "s,RULES,$operators/prometheus-alerts.yml," tests/world/alerts.yml >"$tmp/alerts.yml"
	promtool test rules "$tmp/alerts.yml" && curl -s "http://$server/api/v1/rules" |
		jq -e '[.data.groups[].rules[] | .health] | length > 6 and all(. == "ok")' >/dev/null
}

# The queries of the dashboard over the time of the load, with what Grafana puts into them.
dashboard() {
	local title expr n=0 bad=0 now
	now=$(date +%s)
	while IFS=$'\t' read -r title expr; do
		expr=${expr//\$__rate_interval/10s} expr=${expr//\$__range/1m}
		expr=${expr//\$vm/.*} expr=${expr//\$device/.*}
		curl -s --data-urlencode "query=$expr" -d "start=$((now - 60))" -d "end=$now" -d step=1 "http://$server/api/v1/query_range" >"$tmp/answer"
		jq -e '.status == "success" and ([.data.result[].values[][1] | select(. != "NaN" and . != "+Inf")] | length > 0)' "$tmp/answer" >/dev/null ||
			{ echo "$title: $expr: $(head -c 300 "$tmp/answer")"; bad=1; }
		n=$((n + 1))
	done < <(jq -r '.panels[] | . as $p | .targets[]? | [$p.title, .expr] | @tsv' "$operators/grafana-dashboard.json" | sed 's/\\\\/\\/g')
	while read -r expr; do # what the variables offer
		[ "$(curl -s -G --data-urlencode "match[]=${expr%,*}" "http://$server/api/v1/label/${expr##*, }/values" | jq '.data | length > 0')" = true ] ||
			{ echo "nothing of $expr"; bad=1; }
	done < <(jq -r '.templating.list[].query | objects.query' "$operators/grafana-dashboard.json" | sed 's/label_values(\(.*\))/\1/; s/\$vm/.*/')
	[ $n -gt 30 ] || { echo "only $n queries"; bad=1; }
	return $bad
}

# Percentiles of a histogram are right to the width of a bucket: a factor of 1.5 at most.
figures() {
	local i p name want got bad=0
	for i in "${!traces[@]}"; do
		"$vqtrace" stat -r "$tmp/$i.pcap" -T json | jq '[.devices[] | select(.latency.service.count > 0)][0]' >"$tmp/stat"
		name=$(jq -r '.id // .device' "$tmp/stat")
		for p in 50 90 99; do
			want=$(jq ".latency.service.p$p" "$tmp/stat")
			got=$(value "histogram_quantile(0.$p, sum by (le) (vqtrace_request_seconds_bucket{instance=\"$(target "$i")\",device=\"$name\"}))")
			awk -v a="$want" -v b="$got" 'BEGIN { b *= 1e9; exit !(a > 0 && b > a / 1.6 && b < a * 1.6) }' ||
				{ echo "${traces[i]} p$p: $got s, of stat $want ns"; bad=1; }
		done
	done
	want=$("$vqtrace" check -r "$tmp/0.pcap" -T json -a --severity suspicious | jq -s '[.[] | select(.type == "finding")] | length')
	got=$(value "sum(vqtrace_findings_total{instance=\"$(target 0)\"})")
	[ "$got" = "$want" ] || { echo "$got findings, of check $want"; bad=1; }
	return $bad
}

# --- the unit ------------------------------------------------------------------------------------

installed_unit() {
	command -v systemd-analyze >/dev/null || { echo "systemd-analyze is not installed (systemd)"; return 77; }
	make -s -o all install NODEPS=1 DESTDIR="$tmp/dest" PREFIX=/usr DATADIR="$(cat build/.datadir)" >/dev/null || return 1
	sed "s,^ExecStart=,&$tmp/dest," "$tmp/dest/usr/lib/systemd/system/vqtrace-metrics.service" >"$tmp/vqtrace-metrics.service"
	systemd-analyze verify --man=no "$tmp/vqtrace-metrics.service" || return 1
	# 10 is a service of root's without any limit; what remains is what it is for
	systemd-analyze security --offline=true --threshold=30 "$tmp/vqtrace-metrics.service" >"$tmp/security" || { tail -n 1 "$tmp/security"; return 1; }
}

allowed() { # GROUP...: the calls in it
	local word
	for word; do
		case $word in
		@*) allowed $(systemd-analyze syscall-filter "$word" | sed '1d; /^ *#/d') ;;
		*) echo "$word" ;;
		esac
	done
}

# It serves a QEMU as a user with the unit's capabilities and no new ones, and each call that succeeds
# is one that the unit's filter lets through.
rights() {
	local caps qemu at=$host:29789 options traced rc=0
	for caps in systemd-analyze strace setpriv qemu-system-x86_64; do
		command -v $caps >/dev/null || { echo "$caps is not installed"; return 77; }
	done
	"$vqtrace" doctor >/dev/null 2>&1 || { echo "recording is not possible here"; return 77; }
	caps=-all$(sed -n 's/^AmbientCapabilities=//p' "$operators/vqtrace-metrics.service" | tr 'A-Z ' 'a-z\n' | sed 's/^cap_/,+/' | tr -d '\n')
	allowed $(sed -n 's/^SystemCallFilter=\([^~]\)/\1/p' "$operators/vqtrace-metrics.service") | sort -u >"$tmp/yes"
	allowed $(sed -n 's/^SystemCallFilter=~//p' "$operators/vqtrace-metrics.service") | sort -u >"$tmp/no"
	# what sets the scene for strace's child
	{ comm -23 "$tmp/yes" "$tmp/no"; printf '%s\n' execve arch_prctl setresuid setresgid setgroups; } | sort -u >"$tmp/allowed"
	qemu-system-x86_64 -S -name guest=rights -machine q35,accel=tcg -m 64 -nodefaults -no-user-config -display none \
		-drive if=none,id=d,file=null-co://,format=raw -device virtio-blk-pci,drive=d,id=disk0 >"$tmp/qemu" 2>&1 &
	qemu=$!
	install -m 755 "$vqtrace" "$tmp/program"
	chmod 755 "$tmp"
	for options in --light ''; do
		# shellcheck disable=SC2086 # words
		strace -f -qq -o "$tmp/calls" setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps="$caps" --ambient-caps="$caps" \
			--bounding-set="$caps" --no-new-privs "$tmp/program" top --prometheus $at -p $qemu $options </dev/null >"$tmp/rights" 2>&1 &
		traced=$!
		until_true serves $at $traced && grep -q '^vqtrace_device_driver_ok{vm="rights",.*device="disk0"' "$tmp/page" ||
			{ cat "$tmp/rights"; head -n 3 "$tmp/page"; rc=1; }
		kill "$(cat /proc/$traced/task/$traced/children)"
		wait $traced
		awk '$2 ~ /^[a-z]/ && !/= -1 E/ { sub(/\(.*/, "", $2); print $2 }' "$tmp/calls" | sort -u | comm -23 - "$tmp/allowed" >"$tmp/more"
		[ ! -s "$tmp/more" ] && grep -q 'bpf(BPF_LINK_CREATE' "$tmp/calls" || { echo "$options: $(paste -sd' ' "$tmp/more")"; rc=1; }
	done
	kill $qemu
	return $rc
}

serves() { # ADDRESS PID
	curl -s --max-time 20 "http://$1/metrics" >"$tmp/page" && grep -q disk0 "$tmp/page" || ! kill -0 "$2" 2>/dev/null
}

plan 8
start # not in check, which would wait for it
check "Prometheus scrapes four traces" scraped
check "in OpenMetrics, without a complaint" negotiated
check "promtool check metrics" promtool_metrics
check "promtool check rules, test rules; Prometheus evaluates them" promtool_rules
check "each query of the dashboard returns data" dashboard
check "percentiles and findings as stat and check have them" figures
check "the unit, as systemd-analyze sees it" installed_unit
check "the unit's capabilities and calls suffice for a QEMU" rights
finish
