#!/bin/bash
# SPDX-License-Identifier: MIT
# vqtrace record --vhost-user: between front ends and back ends that are not ours, and in
# front of our own device, with whose own trace the recording is compared.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
. tests/full/proxy.sh
serve_needs

# No finding of severity must or structural.
sound() { # NAME
	"$vqtrace" check -r "$tmp/$1.pcap" --severity structural >"$tmp/$1.check" && return 0
	grep -v '^ ' "$tmp/$1.check" | tail -n 20
	return 1
}

# What it says of itself: $unread, chains without descriptors, $unsure, completions without status.
summary() { # NAME
	read -r unread unsure < <(sed -n 's/.* \([0-9]*\) used before they could.* read, \([0-9]*\) without.*/\1 \2/p' \
		"$tmp/$1.proxy")
	[ -n "$unsure" ] || { cat "$tmp/$1.proxy"; return 1; }
}

# No request is missing: the trace has as many as were made, each was used, nothing is
# lost; and those without descriptors are the ones that the summary counts.
complete() { # NAME REQUESTS
	summary "$1" || return 1
	"$vqtrace" show -r "$tmp/$1.pcap" -T json | jq -c '[.event, .used.flags // 0, (.avail.descriptors // [] | length)]' |
		awk -F'[][",]+' -v made="$2" -v unread="$unread" '
			$2 == "avail" { taken++; if (!$4) cut++ }
			$2 == "used" && !int($3 / 8) { used++ }
			$2 == "loss" { lost++ }
			END {
				printf "%d made; %d taken, %d used, %d cut, %d losses; %d counted\n",
					made, taken, used, cut, lost, unread
				exit taken != made || used != made || cut + 0 != unread || lost
			}' || { cat "$tmp/$1.proxy"; return 1; }
}

# libblkio, so many requests, each of which must find its data.
load() { # QSD QUEUES DEPTH REQUESTS
	local name=load$1-$2-$3
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	truncate -s 64M "$tmp/$name.img"
	qsd "$1" "$tmp/$name.img" "$2" && proxy "$name" || return 1
	timeout 300 build/blkio/client "$sock" load "$3" "$4" "$2" >"$tmp/$name.client" || {
		cat "$tmp/$name.client"
		return 1
	}
	proxy_end "$name" && qsd_end && complete "$name" "$4" && sound "$name"
}

# Every kind of request, twice, the second time finding what the first wrote.
verify() { # QSD QUEUES [OPTION]
	local name=verify$1${3:-}
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	truncate -s 16M "$tmp/$name.img"
	qsd "$1" "$tmp/$name.img" "$2" && proxy "$name" || return 1
	for seed in 1 2; do
		timeout 300 build/blkio/client "$sock" verify "$2" $seed "$tmp/$name.copy" || return 1
	done
	proxy_end "$name" && qsd_end || return 1
	cmp "$tmp/$name.img" "$tmp/$name.copy" || return 1
	[ -z "${3:-}" ] || { sound "$name"; return; } # how many are read depends on the machine's load
	"$vqtrace" stat -r "$tmp/$name.pcap" >"$tmp/$name.stat"
	for t in in out flush discard write_zeroes; do
		grep -qE "^ *$t +[1-9]" "$tmp/$name.stat" || { echo "no $t"; return 1; }
	done
	sound "$name"
}

# What both recordings say of the rings, queue by queue: what was popped, what was used.
# A line of the proxy without descriptors or status stands for any.
said() { # TRACE
	"$vqtrace" show -r "$1" -T json | jq -r '
		select(.event == "avail") | [.queue, "popped", .avail.head,
			(.avail.request // {} | .type, .sector, .bytes), (.avail.descriptors | length)] | @tsv' &&
		"$vqtrace" show -r "$1" -T json | jq -r '
			select(.event == "used" and (.used.flags // 0) < 8) | [.queue, "used", .used.id, .used.len,
				.used.request.status // "?"] | @tsv'
}

same() { # NAME: the proxy's and the device's own
	said "$tmp/$1.pcap" | sort -s -n -k1,1 >"$tmp/$1.seen"
	said "$tmp/$1.own.pcap" | sort -s -n -k1,1 >"$tmp/$1.own"
	[ "$(wc -l <"$tmp/$1.own")" -gt 500 ] || { echo "nothing was compared"; return 1; }
	paste -d'|' "$tmp/$1.seen" "$tmp/$1.own" | awk -F'|' '
		{ split($1, a, "\t"); split($2, b, "\t"); n++ }
		$1 == $2 { next }
		a[1] == b[1] && a[2] == b[2] && a[3] == b[3] &&
			(a[2] == "popped" ? a[7] == 0 : a[4] == b[4] && a[5] == "?") { less++; next }
		{ if (bad++ < 5) print "proxy: " $1, "device: " $2 }
		END {
			print n + 0, "compared,", less + 0, "of which the proxy knows less,", bad + 0, "differ"
			exit bad || less > n / 4
		}'
}

# A guest in a QEMU, the proxy, our device; sets $lost to the losses in the trace.
witness() { # NAME QEMU QUEUES PROPERTIES
	truncate -s 64M "$tmp/$1.img"
	serve "$1" --disk "$tmp/$1.img" --queues "$3" --vhost-user "$tmp/$1.sock" -w "$tmp/$1.own.pcap" &&
		proxy "$1" || return 1
	vhost_user "num-queues=$3,$4"
	linux "vqt.run=$work"
	machine "$2" "$3" "$tmp/$1.serial" "${linux_args[@]}" "${device[@]}"
	proxy_end "$1" || return 1
	sock=$tmp/$1.sock
	serve_end "$1" && went_well "$tmp/$1.serial" && summary "$1" || return 1
	lost=$("$vqtrace" show -r "$tmp/$1.pcap" -T json -Y loss | wc -l)
}

# A device that finds entries without a kick may use them before the proxy gets a processor, and
# writes over them in a packed ring.  Then the trace says that the queue could not be followed, or
# that something was lost, and the guest is run again.
witnessed() { # NAME QEMU QUEUES PROPERTIES
	local lost
	for _ in 1 2 3 4 5; do
		witness "$@" || return 1
		[ "$lost" != 0 ] || break
		echo "run again: $lost losses"
	done
	same_account "$tmp/$1.pcap" "$tmp/$1.serial" "$unread" "$unsure" && same "$1" && sound "$1"
}

# And before a device of others, with the guest's own count.
guest_on_qsd() { # QEMU QSD
	local name=guest$1
	truncate -s 64M "$tmp/$name.img"
	qsd "$2" "$tmp/$name.img" 2 && proxy "$name" || return 1
	vhost_user "num-queues=2,disable-legacy=on"
	linux "vqt.run=$work"
	machine "$1" 2 "$tmp/$name.serial" "${linux_args[@]}" "${device[@]}"
	proxy_end "$name" && qsd_end && went_well "$tmp/$name.serial" && summary "$name" &&
		same_account "$tmp/$name.pcap" "$tmp/$name.serial" "$unread" "$unsure" && sound "$name"
}

# --- passive: what it has not seen it counts -------------------------------------------------

# Completions and losses of a trace: $used, $lost, $more, how many times nobody knows how many more.
counted() { # TRACE
	used=$("$vqtrace" show -r "$1" -T json -Y 'used && not used.flags & DETACHED' | wc -l)
	lost=$("$vqtrace" show -r "$1" -T json -Y loss | jq -s '[.[].loss.lost] | add // 0')
	more=$("$vqtrace" show -r "$1" -T json -Y loss.more | wc -l)
}

# Each request is in the trace or counted as lost.
all_counted() { # NAME REQUESTS
	local used lost more
	counted "$tmp/$1.pcap"
	echo "$2 made; $used used, $lost lost, $more times more"
	[ "$((used + lost))" = "$2" ] || { [ "$more" != 0 ] && [ "$((used + lost))" -lt "$2" ]; } || {
		cat "$tmp/$1.proxy"
		return 1
	}
}

# Nobody is accused, or said to be right, of what was not seen, and the trace says what that is.
says_so() { # NAME
	local t=$tmp/$1.pcap used lost more rc
	counted "$t"
	if [ "$used" = 0 ] && [[ $1 = *-little ]]; then # a quick daemon and little processor time: then all is unknown, and that is said
		"$vqtrace" check --severity suspicious -r "$t" >"$tmp/$1.check" 2>&1
		rc=$?
		"$vqtrace" show -r "$t" >"$tmp/$1.show"
		[ $rc = 2 ] && [ "$lost" -gt 0 ] && grep -q 'nothing was decidable' "$tmp/$1.check" &&
			grep -q 'source 1: passive-proxy ' "$tmp/$1.show" &&
			grep -q 'were gone before they could be read' "$tmp/$1.proxy" || { tail "$tmp/$1.check" "$tmp/$1.proxy"; return 1; }
		return 0
	fi
	"$vqtrace" check --severity suspicious -r "$t" >"$tmp/$1.check" || { grep -v '^ ' "$tmp/$1.check" | tail; return 1; }
	"$vqtrace" check -V -r "$t" >"$tmp/$1.check"
	"$vqtrace" show -r "$t" >"$tmp/$1.show"
	[ "$("$vqtrace" show -r "$t" -T json -Y 'kick || (interrupt && queue >= 0)' | wc -l)" = 0 ] &&
		grep -q 'not decidable here: kicks were not recorded' "$tmp/$1.check" &&
		grep -q 'not decidable here: interrupts were not recorded' "$tmp/$1.check" &&
		"$vqtrace" stat -r "$t" | grep -q 'notifications  *not in the trace' &&
		grep -q 'source 1: passive-proxy ' "$tmp/$1.show" &&
		grep -q 'note: passive: kicks and calls pass straight' "$tmp/$1.show" &&
		grep -q 'note: times are right to' "$tmp/$1.show" &&
		grep -q '% of a processor core' "$tmp/$1.proxy" || { tail -n 20 "$tmp/$1.check" "$tmp/$1.proxy"; return 1; }
}

# libblkio, several times through the same proxy.
load_passive() { # QSD QUEUES DEPTH REQUESTS TIMES [OPTION]
	local name=passive$1-$2-$3${6:+-little}
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	truncate -s 64M "$tmp/$name.img"
	qsd "$1" "$tmp/$name.img" "$2" && proxy "$name" "${6:---passive}" || return 1
	for _ in $(seq "$5"); do
		timeout 300 build/blkio/client "$sock" load "$3" "$4" "$2" >"$tmp/$name.client" || {
			cat "$tmp/$name.client"
			return 1
		}
	done
	proxy_end "$name" && qsd_end && all_counted "$name" $(($4 * $5)) && says_so "$name"
}

# A line a completion: queue, position, id, length, type, sector, bytes, status.
completions() { # TRACE
	"$vqtrace" show -r "$1" -T json -Y 'used && not used.flags & DETACHED' | jq -r '[.queue, .used.pos, .used.id, .used.len,
		(.used.request // {} | .type // "?", .sector // "?", (if .type then .bytes else "?" end), .status // "?")] | join(" ")'
}

# What the passive proxy has seen is what the other recording has, in its order, queue by queue; "?" stands
# for any.  Those between were lost.  Positions come again when a ring is started again.
agrees() { # NAME OTHER LOST MORE
	completions "$tmp/$1.pcap" >"$tmp/$1.seen"
	completions "$2" >"$tmp/$1.other"
	awk -v lost="$3" -v more="$4" '
		function fail(what) { print what; if (++bad > 10) exit 1 }
		function same(line,   i, o) {
			split(line, o)
			for (i = 1; i <= NF; i++)
				if ($i != o[i] && $i != "?" && o[i] != "?") return 0
			for (i = 5; i <= NF; i++) told += $i == o[i] && $i != "?"
			return 1
		}
		NR == FNR { line[$1, ++all[$1]] = $0; total++; next }
		{
			do n = ++at[$1]; while (n <= all[$1] && !same(line[$1, n]))
			if (n > all[$1]) fail("not in the other: " $0)
			seen++
		}
		END {
			print total + 0, "completions, passive", seen + 0 ", lost", lost, "and", more, "times more,", told + 0, "compared"
			if (more ? seen + lost > total : seen + lost != total) fail("that is not all of them")
			if (total < 500 || (!told && !more)) fail("too few to compare")
			exit bad > 0
		}' "$tmp/$1.other" "$tmp/$1.seen" || { cat "$tmp/$1.proxy"; return 1; }
}

# The passive proxy before the other one: both record the same conversation.
both_proxies() { # QSD QUEUES
	local name=both$1 active used lost more
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	truncate -s 64M "$tmp/$name.img"
	qsd "$1" "$tmp/$name.img" "$2" && proxy "$name-active" || return 1
	active=$proxy_pid
	proxy "$name" --passive=50 || { kill "$active"; return 1; }
	timeout 300 build/blkio/client "$sock" load 8 4000 "$2" >"$tmp/$name.client" || { cat "$tmp/$name.client"; kill "$active"; return 1; }
	proxy_end "$name" || return 1
	proxy_pid=$active
	proxy_end "$name-active" && qsd_end || return 1
	counted "$tmp/$name.pcap"
	agrees "$name" "$tmp/$name-active.pcap" "$lost" "$more"
}

# A guest's firmware and its Linux, whose driver is bound again: rings stop and start.  Our device's own
# trace has all that there was.
guest_passive() { # QEMU QUEUES PROPERTIES
	local name=gp$1 used lost more
	truncate -s 64M "$tmp/$name.img"
	serve "$name" --disk "$tmp/$name.img" --queues "$2" --vhost-user "$tmp/$name.sock" -w "$tmp/$name.own.pcap" &&
		proxy "$name" --passive=50 || return 1
	vhost_user "num-queues=$2,$3"
	linux "vqt.run=$work"
	machine "$1" "$2" "$tmp/$name.serial" "${linux_args[@]}" "${device[@]}"
	proxy_end "$name" || return 1
	sock=$tmp/$name.sock
	serve_end "$name" && went_well "$tmp/$name.serial" || return 1
	counted "$tmp/$name.pcap"
	agrees "$name" "$tmp/$name.own.pcap" "$lost" "$more" && says_so "$name"
}

# What it may spend is what it spends: of a core, in percent, 1 to 100.
passive_options() {
	local value
	for value in 0 101 x; do
		"$vqtrace" record -q -w "$tmp/o.pcap" --vhost-user "$tmp/o=$tmp/none" "--passive=$value" -- true 2>"$tmp/o.err"
		[ $? = 2 ] && grep -q 'not a percentage from 1 to 100' "$tmp/o.err" || { cat "$tmp/o.err"; return 1; }
	done
}

# A command that is the front end; the recording ends with it, and with its status.
command_too() {
	local rc
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	truncate -s 16M "$tmp/c.img"
	qsd 7 "$tmp/c.img" 1 || return 1
	"$vqtrace" record --check=structural -w "$tmp/c.pcap" --vhost-user "$tmp/c.front=$sock" -- \
		build/blkio/client "$tmp/c.front" load 4 200 2>"$tmp/c.proxy" || { cat "$tmp/c.proxy"; return 1; }
	"$vqtrace" record -q -w "$tmp/c2.pcap" --vhost-user "$tmp/c.front=$sock" -- false 2>"$tmp/c2.proxy"
	rc=$?
	qsd_end
	grep -q 'of 200 chains' "$tmp/c.proxy" && [ $rc = 2 ] && grep -q 'ended with status 1' "$tmp/c2.proxy" ||
		{ cat "$tmp/c.proxy" "$tmp/c2.proxy"; return 1; }
}

# Without a back end the front end's connection ends, and the user reads why.
nobody() {
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	sock=$tmp/none.sock
	proxy nobody || return 1
	timeout 20 build/blkio/client "$sock" bench 1 0.1 2>/dev/null && return 1
	proxy_end nobody && grep -q 'is the device running' "$tmp/nobody.proxy"
}

# The disk is full: the summary is of what can be read, which a confined process cannot open.
full_disk() {
	local rc n
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	mkdir "$tmp/small"
	mount -t tmpfs -o size=256k none "$tmp/small" || { echo "no tmpfs here"; return 77; }
	truncate -s 64M "$tmp/full.img"
	if qsd 7 "$tmp/full.img" 1; then
		"$vqtrace" record ${VQTRACE_SERVE:-} -w "$tmp/small/full.pcap" --vhost-user "$tmp/full.front=$sock" -- \
			build/blkio/client "$tmp/full.front" load 4 8000 2>"$tmp/full.proxy"
		rc=$?
		qsd_end
		cp "$tmp/small/full.pcap" "$tmp/full.pcap"
	fi
	umount "$tmp/small"
	n=$("$vqtrace" show -r "$tmp/full.pcap" -T json -Y used 2>/dev/null | wc -l)
	[ "${rc:-}" = 2 ] && [ "$n" -gt 100 ] && grep -q 'No space left' "$tmp/full.proxy" &&
		grep -q "^$n requests, $(stat -c %s "$tmp/full.pcap") bytes in 1 file" "$tmp/full.proxy" && return
	echo "status ${rc:-}, $n completions"
	cat "$tmp/full.proxy"
	return 1
}

# Who reads the trace from a pipe has stopped: front end and back end go on.
stopped_reader() {
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	truncate -s 64M "$tmp/stopped.img"
	qsd 11 "$tmp/stopped.img" 1 || return 1
	mkfifo "$tmp/stopped.pcap"
	exec 7<>"$tmp/stopped.pcap"
	proxy stopped || return 1
	timeout 100 build/blkio/client "$sock" load 4 1500 || { kill -KILL $proxy_pid; return 1; }
	kill -TERM $proxy_pid
	until_true gone $proxy_pid || { kill -KILL $proxy_pid; echo "a signal does not end it"; return 1; }
	wait $proxy_pid
	[ $? = 2 ] && grep -q 'its reader stopped reading' "$tmp/stopped.proxy" || { cat "$tmp/stopped.proxy"; return 1; }
	proxy_pid=''
	qsd_end
}

# A reader that leaves ends the trace, and nothing else: front end and back end go on.
reader_left() {
	[ -x build/blkio/client ] || { echo "no libblkio client (make blkio)"; return 77; }
	truncate -s 64M "$tmp/left.img"
	qsd 11 "$tmp/left.img" 1 || return 1
	mkfifo "$tmp/left.pcap"
	head -c 24 "$tmp/left.pcap" >"$tmp/left.got" &
	proxy left || return 1
	timeout 100 build/blkio/client "$sock" load 4 1500 &&
		until_said "$tmp/left.proxy" 'the trace ends: its reader has left; the proxy continues' $proxy_pid &&
		timeout 100 build/blkio/client "$sock" load 4 1500 || { kill -KILL $proxy_pid; cat "$tmp/left.proxy"; return 1; }
	proxy_end left && qsd_end && [ "$(stat -c %s "$tmp/left.got")" = 24 ] &&
		[ "$(grep -c 'the trace ends' "$tmp/left.proxy")" = 1 ]
}

plan 23
check "libblkio, qemu-storage-daemon 7.2: one queue, depth 1" load 7 1 1 1000
check "libblkio, qemu-storage-daemon 7.2: four queues, depth 32" load 7 4 32 8000
check "libblkio, qemu-storage-daemon 11: one queue, depth 32" load 11 1 32 8000
check "libblkio, qemu-storage-daemon 11: four queues, depth 1" load 11 4 1 1000
check "libblkio, qemu-storage-daemon 11: every request, the image holds what was written" verify 11 2
check "libblkio, qemu-storage-daemon 7.2: every request, the image holds what was written" verify 7 1
check "QEMU 7.2's guest on our device: both say the same of split rings" \
	witnessed w7 7 1 disable-legacy=on
check "QEMU 11's guest on our device: both say the same of four packed rings" \
	witnessed w11 11 4 disable-legacy=on,packed=on
check "QEMU 11's guest on qemu-storage-daemon 11, counted by the guest, too" guest_on_qsd 11 11
check "passive, qemu-storage-daemon 7.2: one queue, depth 1, each request seen or counted" load_passive 7 1 1 1000 1
check "passive, qemu-storage-daemon 7.2: four queues, depth 32, three times" load_passive 7 4 32 8000 3
check "passive, qemu-storage-daemon 11: one queue, depth 32, twice" load_passive 11 1 32 8000 2
check "passive, one percent of a core: what is lost is counted" load_passive 7 1 32 8000 2 --passive=1
check "passive before active: what is seen is the same, split rings of two queues" both_proxies 7 2
check "passive, QEMU 7.2's guest on our device: as the device has it" guest_passive 7 1 disable-legacy=on
check "passive, QEMU 11's guest on our device: as the device has it, four packed rings" \
	guest_passive 11 4 disable-legacy=on,packed=on
check "passive: every request, the image holds what was written" verify 11 2 --passive
check "passive: what the option takes" passive_options
check "a command may be the front end" command_too
check "a disk that is full" full_disk
check "a reader of the trace that has stopped" stopped_reader
check "a reader of the trace that leaves" reader_left
check "no back end: reported, and the client is not left waiting" nobody
finish
