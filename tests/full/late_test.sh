#!/bin/bash
# SPDX-License-Identifier: MIT
# Attaching to a guest whose back end holds its requests: every view knows the requests that
# were in flight before.  The back end is an NBD server that is stopped by a signal; how many
# requests there are, the guest's queue depth says.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

depth=4

# The command line of a guest on the NBD server's disk, which reads at this depth.
guest() { # QEMU CONFIG DIR
	local nbd='\{\"driver\":\"nbd\"\,\"server\":\{\"type\":\"unix\"\,\"path\":\"'$3/nbd'\"\}\}'
	local file='\{\"driver\":\"file\"' all
	all=$(tests/lab/guest-cmd --qemu "$1" --disk "$3/disk" --serial "$3/serial" --pidfile "$3/pid" \
		--run "read,bs=4k,t=600,rand,qd=$depth" "$2")
	printf '%s%s' "${all%%"$file"*}" "$nbd"
	all=${all#*"$file"}
	echo "${all#*'\}'}"
}

events() { # TRACE FILTER
	"$vqtrace" show -r "$1" -T json -Y "$2" 2>/dev/null | wc -l
}

samples() { # TRACE AT-LEAST
	[ "$(events "$1" 'sample.why == periodic')" -ge "$2" ]
}

# Record the running QEMU until COMMAND succeeds.
attach() { # TRACE PID COMMAND...
	local trace=$1 pid=$2 rec
	shift 2
	"$vqtrace" record -w "$trace" -p "$pid" 2>"$trace.err" &
	rec=$!
	until_true "$@"
	kill -INT $rec
	wait $rec
}

says() { # WHAT WANTED GOT
	[ "$2" = "$3" ] || { echo "$1: $3, not $2"; return 1; }
}

rows() { # TRACE WORD
	"$vqtrace" show -r "$1" --requests -T json | grep -c "$2"
}

figure() { # TRACE KEY: of the disk
	"$vqtrace" stat -r "$1" -T json | jq -c ".devices[] | select(.device == \"blk0\") | $2"
}

# How many chains are named: in a packed ring the device writes what it has used over the
# descriptors of chains that it has overtaken.  Then there are more, of which the number of
# descriptors is known.
named() { # TRACE CONFIG
	named=$(rows "$1" '"head":.*"state":"in_flight"')
	[ "$named" = $depth ] && return
	[[ $2 == *packed ]] && [ "$named" -ge 1 ] || says "chains that are named" $depth "$named" || return 1
	says "chains that nobody names" 1 "$(rows "$1" '"unnamed":1')" &&
		says "or more" "$([ $((depth - named)) -gt 1 ] && echo 1 || echo 0)" "$(rows "$1" '"more":true')"
}

all_views() { # TRACE CONFIG
	local top named all
	named "$1" "$2" || return 1
	all=$((named == depth ? depth : named + 1))
	top=$("$vqtrace" top -r "$1" -b -T json | tail -n 1)
	says "requests in flight in show --requests" $all "$(rows "$1" '"state":"in_flight"')" &&
		says "of them from before" $all "$(rows "$1" '"before_trace":true')" &&
		says "in flight in stat" $all "$(figure "$1" .in_flight)" &&
		says "from before in stat" $all "$(figure "$1" .in_flight_before)" &&
		says "stalled in stat" true "$(figure "$1" .stalled)" &&
		grep -q "\"flight\":$all" <<<"$top" &&
		grep -q '"stalled":[1-9]' <<<"$top" &&
		"$vqtrace" check -r "$1" --severity suspicious | grep -q '^suspicious: queue-stalled by the device: blk0 queue 0'
}

# Once they are in the trace, the back end goes on, and they come back.  As many requests are
# in flight as the guest's depth.
came_back() { # TRACE NBD
	samples "$1" 1 && kill -CONT "$2"
	[ "$(events "$1" 'used && request.before_trace')" -ge $depth ]
}

completions() { # TRACE
	local named
	named=$(rows "$1" '"head":.*"before_trace":true')
	says "requests from before that came back" "$named" "$(rows "$1" '"at_least":.*"before_trace":true.*"state":"used"')" &&
		says "times of popping that are unknown" "$named" "$(figure "$1" .counts.untimed)" &&
		"$vqtrace" check -r "$1" # accuses nobody
}

held() { # QEMU CONFIG
	local dir=$tmp/$1$2 nbd qemu pid rc=0
	mkdir -p "$dir"
	truncate -s 64M "$dir/disk"
	qemu-nbd -f raw -t -e 4 -k "$dir/nbd" "$dir/disk" 2>"$dir/nbd.err" &
	nbd=$!
	until_true listens "$dir/nbd"
	eval "$(guest "$1" "$2" "$dir")" 2>"$dir/err" &
	qemu=$!
	until_said "$dir/serial" 'VQT STEP 1' $qemu || rc=1
	sleep 1
	pid=$(cat "$dir/pid")
	kill -STOP $nbd
	sleep 1
	if [ $rc = 0 ]; then
		attach "$dir/held" "$pid" samples "$dir/held" 5
		attach "$dir/back" "$pid" came_back "$dir/back" $nbd
		all_views "$dir/held" "$2" && completions "$dir/back" || rc=1
	fi
	kill $qemu $pid
	kill -CONT $nbd
	kill $nbd
	wait
	[ $rc = 0 ] || tail -n 5 "$dir"/err "$dir"/*.err
	return $rc
}

command -v qemu-nbd >/dev/null || { echo "1..0 # SKIP qemu-nbd is not installed (qemu-utils)"; exit 0; }
plan 2 2
check "QEMU 7.2, split ring: all views know what is in flight" held 7 q1
check "QEMU 11, packed ring: all views know what is in flight" held 11 packed
check_more "QEMU 11, split ring" held 11 mq4
check_more "QEMU 7.2, packed ring" held 7 packed
finish
