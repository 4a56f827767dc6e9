#!/bin/bash
# SPDX-License-Identifier: MIT
# Names in a trace are those of guests, users and whoever made the file. Every command prints traces
# with hostile names in each place where one can stand (tests/lab/hostile.c), whose files have such
# names, too, in every format that it has; each output is read by a real parser of it
# (tests/full/parse_names.py).
#
# usage: [VQT_NAMES=all] names_test.sh
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/tmux.sh
need_recording

hostile=build/tests/lab/hostile
for python in python3 /usr/bin/python3; do
	"$python" -c 'import prometheus_client.parser' 2>/dev/null && break
done
"$python" -c 'import prometheus_client.parser' 2>/dev/null ||
	{ echo "python3-prometheus-client is not installed"; exit 77; }
"$python" -c 'import google.protobuf' 2>/dev/null || { echo "python3-protobuf is not installed"; exit 77; }
for c in tshark curl protoc; do
	command -v $c >/dev/null || { echo "$c is not installed"; exit 77; }
done

# Rows that print a trace: the format of what they print, then the words. TRACE is the trace, OUT a
# file to be written, OTHER a trace with the names as they were; * of a format: any that ends.
rows() {
	local t f
	for t in r a d e; do
		echo "text show -r TRACE -t $t"
	done
	cat <<-'ROWS'
		text show -r TRACE -V
		text show -r TRACE -V --ascii
		color show -r TRACE -V --color always
		text show -r TRACE -x
		text show -r TRACE -# -l -c 100
		text show -r TRACE --from 0s --to 1h
		text show -r TRACE -Y device.id!=nothing
		text show -r TRACE --requests
		json show -r TRACE --requests -T json
		text show -r TRACE --lifecycle
		text show -r TRACE --lifecycle -V
		json show -r TRACE --lifecycle -T json
		text show -r TRACE --classes
		text show -r TRACE --classes -V
		json show -r TRACE --classes -T json
		json show -r TRACE -T json
		text show -r TRACE -T folded
		csv show -r TRACE -T csv -e FIELDS
		text show -r TRACE -w OUT.pcap
		text show --fields
		text stat -r TRACE
		text stat -r TRACE --from 0s --to 1h -Y device.id!=nothing
		text stat -r TRACE --latency
		json stat -r TRACE --latency -T json
		csv stat -r TRACE --latency -T csv
		json stat -r TRACE -T json
		text stat -r TRACE --plot OUT.xml
		text stat -r TRACE --flame OUT.xml
		text stat -r TRACE --html OUT.xml
	ROWS
	cat <<-'ROWS'
		pftrace export -r TRACE --perfetto -
		json export -r TRACE --chrome -
		json export -r TRACE --chrome - --from 0s --to 1h -Y device.id!=nothing
		csv export -r TRACE --csv - -e FIELDS
		text export -r TRACE --folded -
		blktrace export -r TRACE --blkparse -
		text export -r TRACE --fio -
		text export -r TRACE --perfetto OUT.pftrace --chrome OUT.json --csv OUT.csv --folded OUT.text --blkparse OUT.blktrace
		text export -r TRACE --fio /nonexistent/BYTES
	ROWS
	for t in queue type size vcpu time; do
		echo "text stat -r TRACE --by $t"
		echo "json stat -r TRACE --by $t -T json"
		echo "csv stat -r TRACE --by $t -T csv"
	done
	cat <<-'ROWS'
		text check -r TRACE -V -a --severity suspicious
		text check -r TRACE --ascii -l -c 3 -Y device.id!=nothing
		text check -r TRACE --rules driver --from 0s --to 1h
		color check -r TRACE --color always --severity suspicious
		json check -r TRACE -a -T json --severity suspicious
		json check -r TRACE -a -T sarif --severity suspicious
		xml check -r TRACE -a -T junit --severity suspicious
		text check -r TRACE -a --severity suspicious -w OUT.pcapng
		text check --list
		text check --explain reset-not-awaited
		text stuck -r TRACE -V
		json stuck -r TRACE -T json
		text stuck -r TRACE -d blk0
		text diff TRACE OTHER -C 5
		color diff TRACE OTHER --strict --color always
		text diff OTHER TRACE --strict --ascii
		json diff TRACE OTHER -T json --strict
		text diff TRACE OTHER --only lifecycle
		text diff TRACE OTHER --ignore requests -Y device.id!=nothing
		text diff -d blk0=BYTES TRACE OTHER
		text diff -q TRACE OTHER
		text diff --classes
		text replay -r TRACE -V
		color replay -r TRACE --color always
		json replay -r TRACE -T json
		text replay -r TRACE -q -w OUT.pcap -s 64
		text replay -r TRACE -d BYTES
		text replay -r TRACE --until 300 --memory 64M
		text replay -r TRACE --declared DECLARED -V
		json replay -r TRACE --declared DECLARED -T json
		text replay -r TRACE --disk /nonexistent/BYTES
		text replay -r TRACE --against qemu=/nonexistent/BYTES
		text merge -w OUT.pcap TRACE OTHER
		text merge -w OUT.pcap TRACE TRACE
		text merge -w OUT.pcap OTHER /nonexistent/BYTES
		text top -b -r TRACE --speed 0 --delay 10s
		text top -b -r TRACE --speed 0 --delay 10s --ascii --no-check -c 1
		text top -b -r TRACE --speed 0 --delay 10s -Y device.id!=nothing
		json top -b -r TRACE --speed 0 --delay 10s -T json
		text record -r TRACE --regression OUT
		text record -r TRACE --regression OUT --origin BYTES -q
		text demo -r TRACE
		color demo -r TRACE --color always
		text demo -w /nonexistent/BYTES -r BYTES
		text serve --disk mem:1M -w /nonexistent/BYTES --vfio-user /nonexistent/BYTES
	ROWS
	# Errors, in which the words of the command line are.
	for t in show stat check stuck diff replay merge export top serve doctor demo record; do
		echo "text $t --BYTES"
		echo "text $t -r BYTES"
		echo "text $t -T BYTES"
		echo "text $t -Y BYTES"
		echo "text $t BYTES BYTES BYTES"
	done
	for f in "show -e" "show -t" "show --from" "show --color" "export --csv - -e" "check --rules" "check --severity" "check --explain" \
		"diff --only" "diff -d" "stat --by" "replay --memory" "replay --declared" "top -i" "top --speed" "top --delay" \
		"top --prometheus" "record -i" "record -n" "record -p" "record -s" "record --vhost-user" "record -w /dev/null -n" \
		"stuck -n" "stuck -p" "doctor -i" "doctor -p" "demo --qemu" "demo --guest" "serve --disk" "serve --fault" \
		"serve --features" "serve --zones"; do
		echo "text $f BYTES"
	done
}

bytes= n=0
# One row, whose words are those of a command line; what it prints to "$o", and which file is of which
# row to "$o/of".
row() { # FORMAT WORDS...
	local format=$1 words=() w rc
	shift
	n=$((n + 1))
	for w; do
		[ "$w" != FIELDS ] || w=$("$vqtrace" show --fields | awk '{ print $1 }' | paste -sd,)
		w=${w/TRACE/"$trace"} w=${w/OTHER/"$other"} w=${w/OUT/"$o/$n.out"} w=${w/BYTES/"$bytes"}
		words+=("${w/DECLARED/"$o/declared"}")
	done
	timeout -k 5 120 "$vqtrace" "${words[@]}" </dev/null >"$o/$n.$format" 2>"$o/$n.err.text"
	rc=$?
	[ $rc -le 2 ] || { echo "exit $rc: $*"; return 1; }
	for w in "$o/$n".*; do
		if [ -s "$w" ]; then printf '%s\t%s\n' "${w##*/}" "$*" >>"$o/of"; else rm "$w"; fi
	done
	printf '%s\n' "$*" >>"$tmp/rows"
}

begin() { # KIND: its bytes, and a folder for what is printed
	o=$tmp/$1
	rm -rf "$o"
	mkdir "$o"
	: >"$o/of"
	n=0
	bytes=$("$hostile" "$1"; echo x)
	bytes=${bytes%x}
	# a file's name has at most 255 bytes, and half a character does not harm
	name=$(printf %s "$bytes" | head -c 150; echo x)
	name=${name%x}
}

# Read what was printed; a name has to be somewhere in it.
parsed() {
	local files f why bad=0
	mapfile -d '' files < <(find "$o" -name '[0-9]*.*' ! -name '*.pcap' -print0 | sort -z)
	"$python" tests/full/parse_names.py "${files[@]}" >"$o/problems" || bad=1
	while IFS=: read -r f why; do
		echo "$(awk -F'\t' -v f="${f##*/}" '$1 == f { print $2; exit }' "$o/of") (${f##*.}):$why"
	done <"$o/problems"
	grep -qaF PWN "${files[@]}" || { echo "no name came through"; bad=1; }
	return $bad
}

# --- traces --------------------------------------------------------------------------------

printed() { # KIND TRACE
	local line bad=0
	begin "$1"
	trace=$o/$name.pcap other=$PWD/$2
	"$hostile" "$1" "$2" "$trace" || return 1
	printf 'emu nothing 2.7 %s\n* %s - %s\n' "${bytes//$'\n'/ }" "${bytes//[[:space:]]/}" "${bytes//$'\n'/ }" >"$o/declared"
	while read -r line; do
		# shellcheck disable=SC2086 # words
		row $line || bad=1
	done < <(rows)
	parsed || bad=1
	for line in "$o"/*.pcapng; do
		[ ! -e "$line" ] || tshark -n -r "$line" -Y frame.comment -T json >"$o/tshark" 2>/dev/null &&
			"$python" -c 'import json, sys; json.load(open(sys.argv[1]))' "$o/tshark" ||
			{ echo "tshark does not read ${line##*/}"; bad=1; }
	done
	return $bad
}

# --- top ------------------------------------------------------------------------------------

# An address of the loopback network and a port that no other process uses.
at=127.$((1 + ($$ >> 16 & 63))).$(($$ >> 8 & 255)).$(($$ & 255)) port=29755
has_page() { curl -s --max-time 20 "http://$at:$port/metrics" >"$o/1.prom" && grep -q 'PWN.*blk' "$o/1.prom"; }

metrics() { # KIND
	local pid rc=0
	begin "$1"
	"$hostile" "$1" traces/qemu7-q1-both.pcap.gz "$o/t.pcap" || return 1
	mkfifo "$o/fifo"
	"$vqtrace" top -b -T json --delay 100ms -r - --prometheus $at:$port <"$o/fifo" >"$o/2.json" 2>"$o/3.text" &
	pid=$!
	exec 8>"$o/fifo" # kept open: the trace does not end
	cat "$o/t.pcap" >&8
	until_true has_page || { cat "$o/1.prom"; rc=1; }
	curl -s --max-time 20 -H 'Accept: application/openmetrics-text' "http://$at:$port/metrics" >"$o/4.openmetrics"
	kill $pid
	wait $pid 2>/dev/null
	exec 8>&-
	sed -i '$!b; /}$/!d' "$o/2.json" # it was ended while it wrote, perhaps
	[ -s "$o/3.text" ] || rm "$o/3.text"
	parsed || rc=1
	echo "top --prometheus" >>"$tmp/rows"
	return $rc
}

# A key may come before top waits for any.
opened() { # KEY...: to a row of the table, whose timeline shows that it is one
	T send-keys Escape
	sleep 0.5
	T send-keys "$@"
	T send-keys t
	sleep 0.5
	shows '^timeline'
}

shows() { T capture-pane -p -J >"$o/now" && grep -qE -- "$1" "$o/now"; }

# Each panel of the screen: what the terminal shows, and all that was written to it.
screen() { # KIND
	local key words i=0 bad=0
	begin "$1"
	"$hostile" "$1" traces/qemu7-calls.pcap "$o/$name.pcap" || return 1
	cat >"$o/run" <<-RUN
		export LC_ALL=C.UTF-8
		cd "$o" && exec "$vqtrace" top --speed 0 --delay 200ms -r ./*.pcap
	RUN
	new_socket
	T new-session -d -x 200 -y 50 "sleep 1; bash '$o/run'; sleep 1000"
	T pipe-pane "cat >'$o/9.screen'"
	until_true shows 'end at' || { cat "$o/now"; return 1; }
	# Escape and another key at once are yet another key
	while read -r key words; do
		case $key in
		Home) until_true opened Home Down ;;
		End) until_true opened End ;;
		*) T send-keys "$key" ;;
		esac
		until_true shows "$words" || { echo "$key does not show $words"; grep . "$o/now" | tail -n 12; bad=1; break; }
		i=$((i + 1))
		cp "$o/now" "$o/$i.text"
		T send-keys Escape
		until_true shows '^VMs, devices' || { echo "no Escape from $key"; bad=1; break; }
	done <<-'KEYS'
		Home ^timeline.of.blk0
		i ^device
		e ^findings
		r ^requests
		b ^stages
		m ^latency
		h ^help
		End ^timeline.of.virtio-999
		i ^device
	KEYS
	[ "$(T display-message -p '#{pane_title}')" != PWN ] || { echo "a name is the title of the terminal"; bad=1; }
	T kill-server
	parsed || bad=1
	return $bad
}

# --- processes --------------------------------------------------------------------------------

# A QEMU whose guest, program and folder have such names, and a monitor that answers with them.
live() { # KIND
	local pid out bad=0 line monitor
	begin "$1"
	trace=/dev/null other=/dev/null
	mkdir "$o/$name"
	cp "$(command -v qemu-system-x86_64)" "$o/$name/qemu$name" || return 1
	# where its modules are it finds out by where it is
	QEMU_MODULE_DIR=$(dirname "$(find /usr/lib -name accel-tcg-x86_64.so | head -n 1)") \
		"$o/$name/qemu$name" -L /usr/share/qemu -L /usr/share/seabios -S -name "guest=${bytes//,/,,}" -machine q35,accel=tcg -m 64 -nodefaults -no-user-config \
		-display none -drive "if=none,id=d,file=null-co://,format=raw" -device virtio-blk-pci,drive=d,id=disk0 \
		-device "virtio-blk-pci,drive=e,serial=${bytes:0:9}" -drive "if=none,id=e,file=null-co://,format=raw" >"$o/qemu" 2>&1 &
	pid=$!
	"$python" tests/full/false_monitor.py "$o/monitor" "$bytes" >"$o/monitor.ready" &
	monitor=$!
	until_true grep -qs disk0 "/proc/$pid/cmdline" || { cat "$o/qemu"; kill $monitor; return 1; }
	until_said "$o/monitor.ready" ready $monitor || { kill $pid $monitor; return 1; }
	while read -r line; do
		# shellcheck disable=SC2086 # words
		row ${line//PID/$pid} || bad=1
	done <<-ROWS
		text record -w OUT.pcap -V --duration 1s -p PID
		text record -w OUT.pcap -V --duration 1s -p PID --qmp $o/monitor
		text record -w OUT.pcap -V --duration 1s --lifecycle --stacks -p PID
		text record -w OUT.pcap -V --duration 1s -i memory -p PID
		text record -w OUT.pcap -V --duration 1s -i kvm -p PID
		text record -w OUT.pcap -n nothing-is-called-so
		text record -w OUT.pcap -i memory -n nothing-is-called-so
		text record -w OUT.pcap -p PID -d BYTES --duration 1s
		text record -D
		text doctor -p PID -V
		json doctor -p PID -V -T json
		text doctor -p $o/BYTES
		text stuck -p PID -V
		json stuck -p PID -T json
		text stuck -p PID --qmp $o/monitor
		json stuck -p PID -T json --qmp $o/monitor
		text top -b -c 2 -p PID
		json top -b -c 2 -p PID -T json
		text top -b -c 2 -i memory -p PID
		text top -D
		text doctor -D
		text top -b -c 1 -n BYTES -p PID
		text top -b -c 1 -p PID -d BYTES
		text top -b -c 1 -p PID --qmp $o/monitor
		text top -b -c 1 -p PID --lifecycle
	ROWS
	gone $pid && { echo "QEMU has ended:"; cat "$o/qemu"; bad=1; }
	kill -9 $pid $monitor
	wait $pid $monitor 2>/dev/null
	for out in "$o"/*.out.pcap; do
		trace=$out
		row text show -r TRACE -V || bad=1
		row json show -r TRACE -T json || bad=1
		row text stat -r TRACE || bad=1
	done
	# a process that is no QEMU
	mkfifo "$o/fifo" # before it is opened, or it would be a file, and the process would end
	bash -c 'printf %s "$1" >/proc/$$/comm; exec 3<>"$0"; read -r _ <&3' "$o/fifo" "${bytes:0:15}" &
	pid=$!
	until_true grep -q PWN "/proc/$pid/comm" || { echo "no process with that name"; bad=1; }
	for line in "text record -w OUT.pcap -p $pid" "text doctor -p $pid" "json doctor -T json -p $pid" "text stuck -p $pid" \
		"text top -b -c 1 -p $pid" "text record -w OUT.pcap -i memory -p $pid"; do
		# shellcheck disable=SC2086 # words
		row $line || bad=1
	done
	kill $pid
	wait $pid 2>/dev/null
	parsed || bad=1
	return $bad
}

# --- what has no row ----------------------------------------------------------------------------

# Options that change nothing of what is printed of names, or that other tests have.
without_row='--help|--(speed|ascii|color|number|until|step|realtime|io-errors|watch|memory|snaplen|files|duration|count|time|all|line-buffered|hex|from|to|queue|sample|buffer|poll-(share|only)|passive|light|stacks|delivery|no-[a-z-]+|max-size|rotate-size|rotate-time|check|with-guest|confine|once|spin|delay-interrupts|queues|queue-size|transitional|size|read-only|direct|block-size|rng|rng-seed|vfio-user|vhost-user|type|modules|serial|quiet|verbose|context|strict|limit|bisect)'

# Each command, each of its formats and each option that may print something is in a row.
complete() {
	local c value letter long bad=0
	sed -E 's/^(text|color|json|csv|xml|pftrace|blktrace) //' "$tmp/rows" >"$tmp/lines"
	for c in $("$vqtrace" help | sed -nE 's/^  ([a-z]+)  .*/\1/p'); do
		for value in $("$vqtrace" $c --help | sed -nE 's/^  -T, --format ([a-z|]+) .*/\1/p; s/^  -T, --format ([a-z|]+)$/\1/p' | tr '|' ' '); do
			[ "$value" = text ] || grep -qE -- "^$c .*-T $value" "$tmp/lines" || { echo "$c -T $value has no row"; bad=1; }
		done
		while read -r letter long; do
			[[ $long =~ ^($without_row)$ ]] ||
				grep -qE -- "^$c( .*)? ($long|-${letter/-/x})( |$)" "$tmp/lines" || { echo "$c $long has no row"; bad=1; }
		done < <("$vqtrace" $c --help | sed -nE 's/^  -(.), (--[a-z-]+).*/\1 \2/p; s/^  (--[a-z-]+).*/- \1/p')
	done
	return $bad
}

kinds=$("$hostile" --list)
traces=(traces/qemu7-calls.pcap traces/qemu7-q1-both.pcap.gz traces/qemu7-console.pcap traces/qsd11-libblkio.pcap)
# Each kind with one trace, and screens and processes with some; with VQT_NAMES=all, half an hour, all of all.
i=0
for kind in $kinds; do
	for t in "${traces[@]}"; do
		[ "${VQT_NAMES:-}" != all ] && [ "$t" != "${traces[i % ${#traces[@]}]}" ] ||
			what+=("$kind: $t" printed "$kind" "$t")
	done
	what+=("$kind: the page for Prometheus" metrics "$kind" -)
	[[ ${VQT_NAMES:-} != all && ! $kind =~ ^(control|bidi)$ ]] || what+=("$kind: the screen of top" screen "$kind" -)
	[[ ${VQT_NAMES:-} != all && ! $kind =~ ^(line|invalid)$ ]] || what+=("$kind: processes" live "$kind" -)
	i=$((i + 1))
done
plan $((${#what[@]} / 4 + 1))
for ((i = 0; i < ${#what[@]}; i += 4)); do
	check "${what[@]:i:4}"
done
check "every command and format is tested" complete
finish
