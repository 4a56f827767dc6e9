#!/bin/bash
# SPDX-License-Identifier: MIT
# State that nobody wrote while it was recorded: a machine goes back to its own snapshot
# (loadvm), and another one continues from its file (-incoming).  The trace gets what the driver
# had set up, as with -p, once a device and when QEMU loads it.  Witnesses of it: the guest
# says which features it has accepted, and QMP which rings and positions QEMU has when it saves.
#
# usage: restore_test.sh [-k DIR] [QEMU:CONFIG[:late] ...]    (-k keeps traces and answers)
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

keep=
[ "${1:-}" = -k ] && { keep=$2; shift 2; }

# The guest reads for longer than the test lasts.
# shellcheck disable=SC2016 # for the guest's shell
facts='cd /sys/bus/virtio/devices; for d in *; do echo VQFEAT $(cat $d/device $d/features); done'
ping='ifconfig eth0 10.0.2.15 up; ping -i 0.1 10.0.2.2 >/dev/null & '
load='sh;read,bs=4k,t=3000,rand,qd=4,off=1m,size=32m'
inside='.type == "in" and .sector >= 2048 and .sector < 67584 and .bytes == 4096 and .status == "OK"'

# --- the run ------------------------------------------------------------------

execute() { # COMMAND [ARGUMENTS]
	qmp "{\"execute\":\"$1\"${2:+,\"arguments\":$2}}"
}

monitor() { # COMMAND of the human monitor, which says nothing if all is well
	local said
	said=$(execute human-monitor-command "{\"command-line\":\"$1\"}") || return 1
	[ "$(jq -r .return <<<"$said")" = "" ] || { echo "$1: $said" >&2; return 1; }
}

# Sets rec.  The descriptors 8 and 9 are the ends of QEMU's monitor: opened for both directions,
# because opening a pipe for one waits for who opens the other.
start() { # DIR NAME ARG...: the guest of $qemu and $config under PREFIX, which is in $prefix
	local dir=$1 name=$2 a args=() sh=$facts of=${config%-packed} # net-packed: of both devices
	shift 2
	[ "$of" = "$config" ] || args+=(--arg -global --arg virtio-net-pci.packed=on --blk packed=on)
	[ "$of" != net ] || sh=$ping$facts
	for a in "$@"; do
		args+=(--arg "$a")
	done
	mkfifo "$dir/$name.in" "$dir/$name.out"
	exec 8<>"$dir/$name.in" 9<>"$dir/$name.out"
	tests/lab/guest-cmd --exec --timeout 400 --qemu "$qemu" --serial "$dir/$name.serial" --pidfile "$dir/$name.pid" \
		--disk "$dir/disk" --format qcow2 --run "$load" --append "vqt.sh=\"$sh\"" "${args[@]}" \
		--arg -chardev --arg "pipe,id=mon,path=$dir/$name" --arg -mon --arg chardev=mon,mode=control "$of" \
		-- "${prefix[@]}" >"$dir/$name.said" 2>&1 8>&- 9>&- &
	rec=$!
	execute qmp_capabilities >/dev/null
}

stop() { # QEMU and its recording
	echo '{"execute":"quit"}' >&8
	exec 8>&- 9>&-
	wait "$rec"
}

reads() { # of the disk, as QEMU counts them
	execute query-blockstats | jq '[.return[].stats.rd_operations] | max'
}

at_least() { # N reads
	[ "$(reads)" -ge "$1" ]
}

go_on() { # for so many reads
	until_true at_least $(($(reads) + $1))
}

migrated() {
	execute query-migrate | grep -q '"completed"'
}

paused() { # with all state loaded
	execute query-status | grep -q '"status": "paused"'
}

# The rings as QEMU keeps them, one line a queue.
rings() {
	local dev n
	for dev in $(execute x-query-virtio | jq -r '.return[].path'); do
		for n in 0 1 2 3; do
			execute x-query-virtio-queue-status "{\"path\":\"$dev\",\"queue\":$n}" 2>/dev/null |
				jq -r --arg d "$(cut -d/ -f4 <<<"$dev")" --arg n $n '.return | select(.["vring-desc"] != 0) |
				"\($d) queue \($n): size \(.["vring-num"]) desc \(.["vring-desc"]) at \(.["last-avail-idx"]) \(.["used-idx"])"'
		done
	done | sort
}

save() { # DIR
	until_said "$1/first.serial" 'VQT STEP 2' "$rec" && go_on 300 &&
		execute stop >/dev/null && rings >"$1/rings.loadvm" && monitor 'savevm one' &&
		execute cont >/dev/null && go_on 300
}

# A machine that saves itself, goes back, is migrated into a file, and goes on all the same.
first() { # DIR
	start "$1" first && save "$1" && monitor 'loadvm one' && go_on 300 &&
		execute stop >/dev/null && rings >"$1/rings.incoming" &&
		execute migrate "{\"uri\":\"exec:cat >$1/state\"}" >/dev/null && until_true migrated &&
		execute cont >/dev/null && go_on 100
}

second() { # DIR: recorded from its start, or while it waits for the state
	prefix=()
	[ -n "$late" ] || prefix=("$vqtrace" record -w "$1/second.pcap" --)
	start "$1" second -incoming defer || return 1
	if [ -n "$late" ]; then
		"$vqtrace" record -w "$1/second.pcap" -p "$(cat "$1/second.pid")" 2>"$1/record.said" 8>&- 9>&- &
		attached=$!
		until_said "$1/record.said" attached $attached || { cat "$1/record.said"; return 1; }
	fi
	execute migrate-incoming "{\"uri\":\"exec:cat $1/state\"}" >/dev/null && until_true paused &&
		execute cont >/dev/null && go_on 500 && execute stop >/dev/null && reads >"$1/reads"
}

run() { # DIR
	local name rc=0 attached # the recorder that second() starts
	for name in first second; do
		prefix=("$vqtrace" record -w "$1/$name.pcap" --)
		attached=
		$name "$1" || rc=1
		stop || rc=1
		[ -z "$attached" ] || wait "$attached" || rc=1
		wait
		[ $rc = 0 ] || { cat "$1"/*.said; return 1; }
	done
}

# --- what the traces say --------------------------------------------------------

none_lost() { # DIR
	local t
	for t in "$1"/*.pcap; do
		[ "$("$vqtrace" stat -r "$t" -T json | jq .trace.lost)" = 0 ] || { echo "$t: $("$vqtrace" stat -r "$t" | head -n 1)"; return 1; }
	done
}

events() { # TRACE FILTER
	"$vqtrace" show -r "$1" -T json -Y "$2"
}

same() { # WHAT WITNESS OURS: files
	[ -s "$2" ] && diff "$2" "$3" && return 0
	echo "$1: < the witness, > the trace"
	return 1
}

# Once a device, what the guest has accepted and where QEMU was in its rings.
learned() { # DIR NAME HOW
	events "$1/$2.pcap" 'event == device_state && device_state.status != 0' >"$tmp/states"
	tr -d '\r' <"$1/first.serial" | awk '/^VQFEAT/ { print $2, $3 }' | sort >"$tmp/a"
	jq -r '[.device_type, .device_state.status, .device_state.accepted[0]] | @tsv' "$tmp/states" |
		awk -v done="$([ "$config" = legacy ] && echo 7 || echo 15)" '{ bits = ""; for (i = 0; i < 64; i++) { bits = bits $3 % 2; $3 = int($3 / 2) }
			print $1 == "net" ? "0x0001" : "0x0002", bits; if ($2 != done) print "status", $2 }' | sort >"$tmp/b"
	same "features" "$tmp/a" "$tmp/b" || return 1
	# the position in a packed ring has the wrap counter beside it, which QMP does not tell
	events "$1/$2.pcap" 'event == queue_state && queue_state.desc != 0' |
		jq -r --argjson mod "$([[ $config == *packed ]] && echo 32768 || echo 65536)" \
			'"\({blk0: "blk0", net0: "nic0"}[.device]) queue \(.queue): " + (.queue_state |
			"size \(.size) desc \(.desc) at \(.last_avail % $mod) \(.used % $mod)")' | sort >"$tmp/b"
	same "rings" "$1/rings.$3" "$tmp/b"
}

# And it was learned before anything else was said of the rings.
in_time() { # DIR
	local t=$1/second.pcap first
	first=$(events "$t" 'event in {kick, avail, used}' | head -n 1 | jq .number)
	[ "$(events "$t" 'event in {device_state, queue_state}' | tail -n 1 | jq .number)" -lt "$first" ] ||
		{ echo "the first event of a ring is $first"; return 1; }
}

requests() { # DIR
	local t=$1/second.pcap n
	"$vqtrace" show -r "$t" --requests -T json >"$tmp/requests"
	n=$(jq -c "select(.device == \"blk0\" and .state == \"used\" and $inside)" "$tmp/requests" | wc -l)
	[ "$n" = "$(cat "$1/reads")" ] || { echo "$n reads, QEMU counts $(cat "$1/reads")"; return 1; }
	! jq -ce 'select(.before_trace or (.device == "blk0" and .type != "in"))' "$tmp/requests" | head -n 5 | grep .
}

# A ping is of 98 bytes with the Ethernet header; the length of the virtio-net header is known
# from the features.
packets() { # DIR
	local n
	"$vqtrace" show -r "$1/second.pcap" --requests -T json | jq -c 'select(.device == "net0")' >"$tmp/packets"
	n=$(jq -c 'select(.queue == 1 and .bytes == 98)' "$tmp/packets" | wc -l)
	[ "$n" -gt 0 ] && [ "$(jq -c 'select(.queue == 0 and .len == 110)' "$tmp/packets" | wc -l)" -gt 0 ] && return 0
	echo "$n pings; of $(wc -l <"$tmp/packets") packets:"
	head -n 5 "$tmp/packets"
	return 1
}

# Nobody is accused of what was before; and what can be decided is.
accuses_nobody() { # DIR NAME
	local from
	from=$(events "$1/$2.pcap" 'event == device_state' | head -n 1 | jq .number)
	[ -n "$from" ] || { echo "nothing was learned"; return 1; }
	"$vqtrace" check -r "$1/$2.pcap" -T json >"$tmp/findings"
	[ "$(jq -s 'map(select(.state == "in order")) | length' "$tmp/findings")" -gt 10 ] || { echo "nothing was decided"; return 1; }
	! jq -c "select(.type == \"finding\" and .number > $from)" "$tmp/findings" | head -n 5 | grep .
}

# A run is QEMU:CONFIG, and :late if the second machine is attached to while it waits.
look_at() { # RUN
	IFS=: read -r qemu config late <<<"$1"
	d=$tmp/${1//:/-}
}

conduct() { # RUN
	look_at "$1"
	mkdir -p "$d"
	run "$d" >"$d/said" 2>&1
	echo $? >"$d/rc"
}

conducted() {
	cat "$d/said"
	return "$(cat "$d/rc")"
}

restored() { # RUN
	local name
	look_at "$1"
	name="QEMU $qemu, $config${late:+, attached to}"
	check "$name: a run" conducted
	check "$name: nothing lost" none_lost "$d"
	check "$name: loadvm: state is learned" learned "$d" first loadvm
	check "$name: incoming: state is learned" learned "$d" second incoming
	check "$name: before the rings are used" in_time "$d"
	check "$name: requests are decoded" requests "$d"
	[[ $config != net* ]] || check "$name: and packets" packets "$d"
	check "$name: loadvm: nobody is accused" accuses_nobody "$d" first
	check "$name: incoming: nobody is accused" accuses_nobody "$d" second
	[ -z "$keep" ] || cp -r "$d" "$keep/"
}

runs=("$@")
[ $# -gt 0 ] || runs=(7:net 11:net-packed:late)
[ $# -gt 0 ] || [ -z "${VQT_MATRIX:-}" ] ||
	runs+=(7:q1:late 7:packed 7:iothread 7:legacy 11:q1 11:packed 11:mq4 11:net:late)
with_net=("${runs[@]}")
for i in "${!runs[@]}"; do
	[[ ${runs[i]} == *:net* ]] || unset "with_net[$i]"
done
echo "1..$((8 * ${#runs[@]} + ${#with_net[@]}))"
[ -z "$keep" ] || mkdir -p "$keep"
for ((i = 0; i < ${#runs[@]}; i += 2)); do # two at a time
	for r in "${runs[@]:i:2}"; do
		conduct "$r" &
	done
	wait
	for r in "${runs[@]:i:2}"; do
		restored "$r"
	done
done
finish
