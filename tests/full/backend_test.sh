#!/bin/bash
# SPDX-License-Identifier: MIT
# What QEMU's block layer is given and answers, of real guests: every request has both, in order,
# also merged ones; and the time of a disk that is throttled is found there.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

steps="id,n=2;read,n=20,qd=4;write,n=64,qd=16;read,n=64,qd=16;flush,n=3;discard,bs=1m,n=2;zero,bs=1m,n=2"

boot() { # NAME QEMU CONFIG [GUEST-CMD OPTIONS... --] RECORD OPTIONS...
	local d=$tmp/$1 qemu=$2 config=$3 more=()
	shift 3
	while [[ " $* " == *" -- "* ]]; do
		[ "$1" = -- ] || more+=("$1")
		shift
	done
	mkdir -p "$d"
	tests/lab/guest-cmd --exec --qemu "$qemu" --disk "$d/img" --serial "$d/serial" --run "${run:-$steps}" "${more[@]}" \
		"$config" -- "$vqtrace" record -q -w "$d/trace" "$@" -- >"$d/out" 2>&1 || { cat "$d/out"; return 1; }
	grep -aq 'VQT DONE' "$d/serial" || { tail -n 20 "$d/serial"; return 1; }
	! grep -i 'no probe' "$d/out"
}

events() { # NAME FILTER: as JSON
	"$vqtrace" show -r "$tmp/$1/trace" -T json -Y "$2"
}

# Of each request that has been popped at a known time: the back end had it in between. (Only the
# identification is the device's own.)
in_order() { # NAME
	"$vqtrace" show -r "$tmp/$1/trace" --requests -T json | jq -se '
		map(select(.state == "used" and .avail and .type != "get_id")) as $r |
		($r | map(select((.submitted and .answered and .avail <= .submitted and
			.submitted <= .answered and .answered <= .used) | not))) as $bad |
		($bad[:5][] | tostring | stderr | empty),
		($r | length) >= 150 and ($bad | length) == 0' >/dev/null || { echo "not in order"; return 1; }
	# the device's own asks nothing of the back end
	"$vqtrace" show -r "$tmp/$1/trace" --requests -T json | jq -se '
		map(select(.type == "get_id")) | length > 0 and all(.submitted or .answered | not)' >/dev/null ||
		{ echo "an identification was submitted"; return 1; }
}

# What was given to the block layer is, byte by byte, what the driver asked for; in fewer pieces.
bytes() { # NAME
	local of
	for of in in:read out:write discard:discard write_zeroes:zeroes; do
		[ "$("$vqtrace" show -r "$tmp/$1/trace" --requests -T json |
			jq -s "map(select(.type == \"${of%:*}\") | .bytes) | add")" = \
			"$(events "$1" "backend.op == ${of#*:} && backend.phase == start" | jq -s 'map(.backend.bytes) | add')" ] ||
			{ echo "$of: not the same bytes"; return 1; }
	done
	[ "$(events "$1" 'backend.phase == start && backend.merged > 0' | wc -l)" -gt 0 ] || { echo "nothing was merged"; return 1; }
	[ "$(events "$1" 'backend.op == flush && backend.phase == start' | wc -l)" -ge 3 ]
}

# Each start has its end, with the same cookie and of the same kind.
paired() { # NAME
	events "$1" backend | jq -r '"\(.backend.cookie) \(.backend.phase) \(.backend.op)"' | awk '
		$2 == "start" { if ($1 in open) print "submitted twice: " $0; open[$1] = $3; n++ }
		$2 == "end" { if (open[$1] != $3) print "not submitted: " $0; delete open[$1] }
		END { for (c in open) print "not answered: " c; if (!n) print "nothing" }' | { ! grep .; }
}

# A request fails exactly if the block layer has said so. Of those that were merged, the first is
# named.
results() { # NAME FAILURES
	events "$1" 'backend.phase == end || used' | jq -r '
		if .used then "used \(.queue) \(.used.id) \(.used.status)" else "end \(.queue) \(.backend.head) \(.backend.ret)" end' | awk '
		$1 == "end" { ret[$2, $3] = $4 }
		$1 == "used" && ($2, $3) in ret {
			if (($4 == "IOERR") != (ret[$2, $3] < 0)) print $0 ": " ret[$2, $3]
			failed += ret[$2, $3] < 0
			n++
			delete ret[$2, $3]
		}
		END { if (n < '"${3:-15}"' || (failed > 0) != '"$2"') print n " results, " failed+0 " failed" }' | { ! grep .; }
}

share() { # NAME: percent of the time at the device that was the back end's
	"$vqtrace" stat -r "$tmp/$1/trace" -T json | jq '
		[.devices[] | select(.stages)][0].stages.all.sum | 100 * .answered / (.submitted + .answered + .pushed) | floor'
}

# A disk of so many requests a second: the device waits for it, and stat says so.
throttled() { # NAME QEMU CONFIG
	boot "$1" "$2" "$3" --arg -object --arg throttle-group,id=slow,x-iops-total=40 --file \
		"{\"driver\":\"throttle\",\"throttle-group\":\"slow\",\"discard\":\"unmap\",\"file\":{\"driver\":\"file\",\"filename\":\"$tmp/$1/img\",\"discard\":\"unmap\"}}" -- ||
		return 1
	in_order "$1" && bytes "$1" && paired "$1" && results "$1" 0 || return 1
	[ "$(share "$1")" -gt 50 ] || { echo "$(share "$1") % in the back end"; return 1; }
	"$vqtrace" stat -r "$tmp/$1/trace" | grep -q 'most of the time: .* until answered (in the back end)'
}

plain() { # NAME QEMU CONFIG
	boot "$@" && in_order "$1" && bytes "$1" && paired "$1" && results "$1" 0
}

# rerror and werror report: the block layer's error is what the driver is told.
failing() { # NAME QEMU
	run="read,n=20;read,off=2m,n=3;write,off=2101248,n=2;read,n=20;write,off=2m,n=16,qd=8" boot "$1" "$2" blkdebug || return 1
	paired "$1" && results "$1" 1 40 || return 1
	# so the disk is known to be at fault, and the device is not: also of merged requests
	"$vqtrace" replay -r "$tmp/$1/trace" >"$tmp/replayed" || { cat "$tmp/replayed"; return 1; }
	[ "$(events "$1" 'backend.merged > 0' | wc -l)" -gt 0 ]
}

# Of a device that is not recorded nothing is, and with --no-backend of none.
chosen() {
	run="read,n=20;read,dev=vdb,n=20" boot one 11 two-disks -- -d blk1 || return 1
	[ "$(events one 'backend && device == blk1' | wc -l)" -ge 40 ] || { echo "not of blk1"; return 1; }
	[ "$(events one 'backend && device != blk1' | wc -l)" = 0 ] || { echo "of others"; return 1; }
	run="read,n=20" boot without 7 q1 -- --no-backend || return 1
	[ "$(events without used | wc -l)" -ge 20 ] && [ "$(events without backend | wc -l)" = 0 ]
}

# What else is done with a trace goes on as it did.
tools() { # NAME
	local t=$tmp/$1/trace
	"$vqtrace" replay -r "$t" >"$tmp/replayed" || { cat "$tmp/replayed"; return 1; }
	"$vqtrace" diff "$t" "$t" >"$tmp/diff" || { cat "$tmp/diff"; return 1; }
	grep -q "requests  *[1-9][0-9]* compared" "$tmp/replayed"
}

# Records are lost: what is still known of the back end is what it was.
lossy() { # NAME...
	local name every t known
	for name in "$@"; do
		for every in 5 20 50; do
			build/tests/lab/without -l $every "$tmp/$name/trace" "$tmp/lossy" || return 1
			for t in "$tmp/$name/trace" "$tmp/lossy"; do
				"$vqtrace" show -r "$t" --requests -T json | jq -r 'select(.avail) | "\(.queue)/\(.head)/\(.avail)" as $r |
					"\($r) submitted \(.submitted)", "\($r) answered \(.answered)"' | grep -v null | sort >"$tmp/known.$(basename "$t")"
			done
			known=$(wc -l <"$tmp/known.lossy")
			[ "$known" -gt 10 ] && [ "$known" -lt "$(wc -l <"$tmp/known.trace")" ] || { echo "$name, 1 in $every: $known times known"; return 1; }
			comm -13 "$tmp/known.trace" "$tmp/known.lossy" | head -n 5 | grep . && { echo "$name, 1 in $every: made up"; return 1; }
		done
	done
	return 0
}

plan 10
check "QEMU 7.2, a throttled disk" throttled slow7 7 q1
check "QEMU 11, a throttled disk, I/O thread" throttled slow11 11 iothread
check "QEMU 7.2, packed ring, four queues" plain packed7 7 packed-mq4
check "QEMU 11, kicks as register writes" plain mmio11 11 noioeventfd
check "QEMU 7.2, a disk that fails" failing fail7 7
check "QEMU 11, a disk that fails" failing fail11 11
check "only the devices that are recorded" chosen
check "QEMU 7.2: replayed and compared" tools slow7
check "QEMU 11: replayed and compared" tools slow11
check "records are lost" lossy slow7 slow11 packed7 mmio11
finish
