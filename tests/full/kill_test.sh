#!/bin/bash
# SPDX-License-Identifier: MIT
# serve is killed (SIGKILL) while it writes: what a FLUSH covered is in the image, each time.
# VQT_KILLS times (10); by hand: VQT_KILLS=200.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
kills=${VQT_KILLS:-10}
RANDOM=${VQT_SEED:-1}

# NAME SEED lose|'' SERVER-ARGS...: once; what the client says, and its status
killed() {
	local name=$1 seed=$2 lose=$3 client
	shift 3
	rm -f "$tmp/$name.img"
	truncate -s 1M "$tmp/$name.img"
	serve "$name" --disk "$tmp/$name.img" --vfio-user "$tmp/$name.sock" "$@" || return 2
	"$tmp/client" "$sock" "$tmp/$name.img" "$seed" $lose >"$tmp/$name.said" 2>&1 &
	client=$!
	until_said "$tmp/$name.said" flushed $client
	sleep "0.$(printf %03d $((RANDOM % 200)))"
	kill -9 $serve_pid
	wait $serve_pid 2>/dev/null
	wait $client
	set -- $?
	tail -n 1 "$tmp/$name.said"
	[ "$1" = 0 ] || [ -n "$lose" ] || cat "$tmp/$name.said" "$tmp/$name.err"
	return "$1"
}

# Each way to write takes its turn; the last line sums up.
rounds() {
	local i bad=0 modes=('' --no-io-uring --direct)
	for i in $(seq "$kills"); do
		# shellcheck disable=SC2086
		killed round "$i" '' ${modes[i % 3]} >"$tmp/out" || { bad=$((bad + 1)); echo "kill $i:"; cat "$tmp/out"; }
		tail -n 1 "$tmp/out" >>"$tmp/all"
	done
	awk -v kills="$kills" '
		{ flushes += $1; blocks += $3; newer += $6; lost += $9 }
		END {
			printf "%d kills: %d flushes, %d blocks compared, %d sectors newer, %d lost\n", kills, flushes, blocks, newer, lost
			exit NR != kills || !flushes || !blocks || lost
		}' "$tmp/all" >"$tmp/sum" || bad=1
	cat "$tmp/sum"
	[ $bad = 0 ]
}

noticed() { # a sector that is not there is noticed
	killed lost 1 lose
	[ $? = 1 ]
}

${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 -Wall -o "$tmp/client" tests/full/flush_client.c || exit 1
plan 2
check "serve is killed $kills times: nothing that was flushed is lost" rounds
sed 's/^/# /' "$tmp/sum"
check "a sector that is lost is noticed" noticed
finish
