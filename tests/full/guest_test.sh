#!/bin/bash
# SPDX-License-Identifier: MIT
# Both sides of a conversation, recorded at the same time: the guest's kernel by vqtrace-guest in
# its initramfs, from before the drivers are loaded, through a virtio port; the device by `vqtrace
# record`, which joins both live. What the driver says it did is what the device saw; and what was
# joined live is what is merged afterwards, of the two sides by themselves.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

run='id,n=2;read,n=40;sleep,3;read,n=200,qd=16,rand;write,bs=64k,iov=16,n=10,qd=4;flush,n=3'
run+=';discard,bs=1m,n=2;zero,bs=1m,n=2;rebind'

args=()
boot() { # NAME QEMU CONFIG GUEST
	local d=$tmp/$1 qemu=$2 config=$3 guest=$4 bus
	mkdir -p "$d"
	case $config in
	mmio*) bus=device ;;
	*) bus=pci ;;
	esac
	tests/lab/guest-cmd --exec --qemu "$qemu" --guest "$guest" --initrd "$guest/recorder.cpio.gz" --serial "$d/serial" \
		--run "$run" --append "vqt.guest=\"-w /dev/virtio-ports/vqtrace ${more:-}\" ${append:-}" \
		--arg -chardev --arg "socket,id=rec,path=$d/port,server=on,wait=off,logfile=$d/guest.pcap" \
		--arg -device --arg "virtio-serial-$bus,id=ser0" --arg -device --arg virtserialport,chardev=rec,name=vqtrace \
		"${args[@]}" "$config" \
		-- "$vqtrace" record -w "$d/live.pcap" -i "guest=$d/port" -- >"$d/out" 2>&1 || { cat "$d/out"; return 1; }
	build/tests/lab/without -g "$d/live.pcap" "$d/host.pcap" || return 1
	! grep -a 'VQT ERROR' "$d/serial" && grep -aq 'VQT DONE rc=0' "$d/serial" && grep -aq 'VQT RECORDED rc=0' "$d/serial" &&
		return
	tail -n 20 "$d/serial"
	return 1
}

show() { # FILE FILTER JQ
	"$vqtrace" show -r "$1" -T json -Y "$2" | jq -r "$3"
}

# The walk from the bus to the disk, in order, from entries; where the kernel has the bus's
# driver built in, it found the device before anybody could look.
life() { # DIR FUNCTION...
	# it has the name of its type once that is known, so others are among them
	show "$1/guest.pcap" 'guest.step == lifecycle && (guest.phase == entry || guest.phase == derived)' \
		.guest.function >"$tmp/life"
	local at=0 n f
	shift
	for f in "$@" virtio_dev_probe virtio_features_ok virtblk_probe init_vq vp_setup_vq setup_vq \
		vring_create_virtqueue blk_mq_alloc_tag_set virtio_device_ready device_add_disk; do
		n=$(awk -v f="$f" -v at=$at 'NR > at && $1 == f { print NR; exit }' "$tmp/life")
		[ -n "$n" ] || { echo "no $f after line $at of:"; cat "$tmp/life"; return 1; }
		at=$n
	done
}

# Each function that was entered returns, the innermost first.
nested() { # DIR
	show "$1/guest.pcap" 'guest.step == lifecycle || guest.step == config_op' \
		'"\(.thread) \(.cpu) \(.guest.phase) \(.guest.function)"' | awk '
		$3 == "entry" { stack[$1, ++depth[$1]] = $4; n++ }
		$3 == "return" { if (stack[$1, depth[$1]--] != $4) { print "line " NR ": " $4 " returns"; bad = 1; exit 1 } }
		END { exit bad || n < 50 }'
}

features() { # DIR
	local accepted
	accepted=$(show "$1/guest.pcap" 'device == blk0 && guest.function == virtio_dev_probe && guest.phase == return' \
		'.guest.args[2]' | head -n 1)
	[ -n "$accepted" ] && [ "$accepted" = "$(show "$1/host.pcap" \
		'device == blk0 && register.field == driver_feature && register.op == write' .register.value |
		tail -n 2 | jq -s '.[0] + .[1] * 4294967296')" ]
}

# What the guest wrote is what the device saw last, in the same order.
writes() { # DIR
	local of='device == blk0 && register.region == common && register.op == write && register.field != queue_select'
	of+=' && register.field != driver_feature_select && register.field != device_feature_select'
	for side in guest host; do
		show "$1/$side.pcap" "$of" '"\(.register.field) \(.register.value)"' >"$tmp/$side"
	done
	tail -n "$(wc -l <"$tmp/guest")" "$tmp/host" | diff "$tmp/guest" - && [ "$(wc -l <"$tmp/guest")" -gt 30 ]
}

# Every access to a register, in order, with its width and value: what the guest did from the last
# FROM on, the device saw last. Not what only an interrupt's handler shows, and not that QueueReady
# is read back, which nothing shows.
accesses() { # DIR REGION FROM MORE
	local side
	for side in guest host; do
		show "$1/$side.pcap" "device == blk0 && register.region == $2" \
			'"\(.register.field // .register.offset) \(.register.op) \(.register.width) \(.register.value)"' | awk '
			/^(isr_status|InterruptStatus|InterruptACK) / { next }
			/^QueueReady read/ && was ~ /^QueueReady write 4 0/ { next }
			{ print; was = $0 }' >"$tmp/$side"
	done
	awk -v from="$3" '$0 ~ from { n = 0; on = 1 } on { line[n++] = $0 } END { for (i = 0; i < n; i++) print line[i] }' \
		"$tmp/guest" >"$tmp/since"
	tail -n "$(wc -l <"$tmp/since")" "$tmp/host" | diff "$tmp/since" - && [ "$(wc -l <"$tmp/since")" -ge "$4" ]
}

# What the handlers read, and acknowledged: as the device has it, but for interrupts that were missed.
isr() { # DIR
	local side
	for side in guest host; do
		show "$1/$side.pcap" 'device == blk0 && register.value != 0 &&
			(register.field in {isr_status, InterruptStatus} || register.field == InterruptACK)' \
			'"\(.register.field) \(.register.op) \(.register.value)"' | sort | uniq -c | sort >"$tmp/$side"
	done
	awk '{ key = $2 " " $3 " " $4 } NR == FNR { n[key] = $1; next } { if ($1 > n[key]) { print; bad = 1 } all += $1 }
		END { exit bad || all < 40 }' "$tmp/host" "$tmp/guest"
}

# Kprobes, which work until the modules are there, miss what an interrupt does while one runs;
# that is counted as lost. So the device may have more, as it has what the firmware read.
requests() { # DIR: type, sector, head of each, in the order of every queue
	local q
	for side in guest host; do
		"$vqtrace" show -r "$1/$side.pcap" --requests -T json |
			jq -r 'select(.device == "blk0") | "\(.queue) \(.type) \(.sector) \(.head) \(.bytes)"' >"$tmp/$side"
	done
	for q in $(cut -d' ' -f1 "$tmp/guest" | sort -u); do
		grep "^$q " "$tmp/guest" >"$tmp/guest.q"
		grep "^$q " "$tmp/host" | diff "$tmp/guest.q" - | grep '^<' | head -n 5 | grep . && return 1
	done
	[ "$(wc -l <"$tmp/guest")" -gt 200 ]
}

# The guest's workload counted the same; together no more are missing than were lost.
counts() { # DIR
	local type op lost made seen
	lost=$("$vqtrace" stat -r "$1/guest.pcap" -T json | jq .trace.lost)
	for type in in:reads out:writes flush:flushes discard:discards write_zeroes:zeroes; do
		op=${type#*:} type=${type%:*}
		made=$(sed -n 's/^VQLOAD //p' "$1/serial" | tr -d '\r' | jq -s "map(.$op) | add")
		seen=$("$vqtrace" stat -r "$1/guest.pcap" --by type -T json -Y "device == blk0" |
			jq -s "map(select(.type == \"$type\")) | .[0].requests // 0")
		[ "$made" -gt 0 ] && [ "$seen" -gt 0 ] || { echo "$type: $made made, $seen seen"; return 1; }
		[ "$seen" -ge "$made" ] || lost=$((lost - made + seen))
	done
	[ "$lost" -ge 0 ] || { echo "$((-lost)) fewer than the guest made"; return 1; }
}

# A request that begins ends, in the same queue with the same tag. (A flush ends twice: as what
# was submitted, and as what the block layer made of it.)
blk_mq() { # DIR
	show "$1/guest.pcap" 'device == blk0 && (guest.step == rq_issue || guest.step == rq_complete)' \
		'"\(.guest.step) \(.queue)/\(.guest.args[1]) \(.guest.args[4])"' | awk '
		$1 == "rq_issue" { n++; if ($2 in open) print "issued twice"; open[$2] = $3 }
		$1 == "rq_complete" { if (!($2 in open) && $3) print "not issued"; delete open[$2] }
		END { if (n < 250) print n " requests" }' | { ! grep .; }
}

clean() { # DIR
	"$vqtrace" check -r "$1/guest.pcap" >"$tmp/check" || { head -n 40 "$tmp/check"; return 1; }
}

replays() { # DIR
	"$vqtrace" replay -r "$1/guest.pcap" >"$tmp/replay" || { cat "$tmp/replay"; return 1; }
	grep -q 'requests  *[1-9][0-9]* compared' "$tmp/replay"
}

# The port that the trace went through is not in it.
not_itself() { # DIR
	[ "$(show "$1/guest.pcap" 'device == console0 && device_info' .number | wc -l)" -gt 0 ] ||
		{ echo "the console is not in it"; return 1; }
	[ "$(show "$1/guest.pcap" 'device == console0 && queue == 5 && (avail || used || kick)' .number | wc -l)" = 0 ]
}

# A packet's way: the stack hands it over, and a chain of the transmit queue holds it.
packets() {
	run="ping,20" boot net 7 net build/guest || return 1
	local d=$tmp/net n
	show "$d/guest.pcap" 'device == net0 && guest.function == start_xmit && guest.phase == entry' .number >"$tmp/xmit"
	show "$d/guest.pcap" 'avail && device == net0 && queue == 1' .number >"$tmp/sent"
	n=$(wc -l <"$tmp/xmit")
	[ "$n" -ge 20 ] && [ "$n" -ge "$(wc -l <"$tmp/sent")" ] || { echo "$n calls, $(wc -l <"$tmp/sent") chains"; return 1; }
	[ "$(show "$d/guest.pcap" 'device == net0 && queue == 0 && guest.function == virtnet_poll' .number | wc -l)" -gt 20 ]
}

# Where no module file can be read, their structures are known once they are loaded, each for
# itself here.
no_files() {
	run='read,n=50' more='--modules /nowhere' append=vqt.pause=1 boot nofiles 7 q1 build/guest || return 1
	local d=$tmp/nofiles n what
	for what in avail used; do
		n=$(show "$d/guest.pcap" "$what && device == blk0" .number | wc -l)
		[ "$n" -ge 50 ] || { echo "$n $what"; return 1; }
	done
}

# virtio_pci has two functions of some names: those of its legacy part are known by their
# addresses, once it is loaded.
legacy() {
	run='read,n=50;sleep,8;rebind;read,n=5' boot legacy 7 legacy build/guest || return 1
	local f
	for f in vp_get vp_get_status vp_set_status vp_reset vp_get_features setup_vq; do
		[ "$(show "$tmp/legacy/guest.pcap" "device == blk0 && guest.function == $f" .number | wc -l)" -ge 2 ] ||
			{ echo "no $f"; return 1; }
	done
	nested "$tmp/legacy"
}

# Both traces as one: both sides of each device; what the driver does first is first, but for what
# is claimed of the clocks; and what each side is found to have done is what it was found before.
merged() { # DIR
	local d=$1
	"$vqtrace" merge -w "$d/merged.pcap" "$d/guest.pcap" "$d/host.pcap" 2>"$d/merge" || { cat "$d/merge"; return 1; }
	"$vqtrace" show -r "$d/merged.pcap" -T json \
		-Y 'clock || ((avail || used) && device in {blk0, "blk0.driver"} && !(avail.flags & 0x4d8))' >"$tmp/merged"
	jq -r 'if .event == "clock" then ["clock", .clock.error // "-"] else
		[.event, .device, .queue, (.avail.pos // .used.pos), (.ts - (.avail.adding // 0))] end | @tsv' "$tmp/merged" |
		awk -F'\t' '
			$1 == "clock" { error = $2; next }
			{ key = $1 " " $3 " " $4; side = $2 == "blk0" ? "host" : "guest" }
			side == "guest" { claim[key] = error }
			# positions of a packed ring come again: those of the latest lap
			{ t[side, key] = $5; if ((("host", key) in t) && (("guest", key) in t)) {
				by = t["host", key] - t["guest", key]
				by = $1 == "avail" ? by : -by
				if (claim[key] != "-" && by < -2 * claim[key] && by > -10^6) { bad++; print key, "is the wrong way round by", -by, "ns,", claim[key], "claimed" }
				n++
				delete t["host", key]
				delete t["guest", key] } }
			END { if (n < 500) print n + 0, "pairs"; exit bad || n < 500 }' || return 1
	"$vqtrace" check -r "$d/merged.pcap" -T json | jq -c 'select(.type == "finding") | [.rule, .device]' | sort >"$tmp/both"
	for side in host guest; do
		"$vqtrace" check -r "$d/$side.pcap" -T json | jq -c 'select(.type == "finding") | [.rule, .device]'
	done | sort | diff - "$tmp/both" || return 1
	"$vqtrace" check -r "$d/merged.pcap" -T json | jq -ce 'select(.type == "summary") | .sides |
		[.[].differ, .[].missing] == [0, 0, 0, 0, 0, 0, 0, 0] and .writes.agree > 50 and .reads.agree > 50 and
		.chains.agree > 200 and .completions.agree > 200' >"$tmp/sides" ||
		{ "$vqtrace" check -r "$d/merged.pcap" | grep -E '^contradiction|^both sides'; return 1; }
	"$vqtrace" diff "$d/host.pcap" "$d/merged.pcap" | tail -n 1 | grep '^no differences' && said "$d"
}

# Each request of the disk whole: with the times that the device's trace has for it, and those of the
# driver's, in order; but for what one side has lost.
whole() { # DIR
	local d=$1 lost n
	lost=$("$vqtrace" stat -r "$d/guest.pcap" -T json | jq .trace.lost)
	"$vqtrace" show -r "$d/merged.pcap" --requests -T json |
		jq -r 'select(.device == "blk0" and .sides == "both") | .points as $p |
			[.queue, .head, .type, .sector, .bytes, $p.popped, $p.submitted, $p.answered, $p.pushed] | @tsv' | sort >"$tmp/joined"
	"$vqtrace" show -r "$d/host.pcap" --requests -T json |
		jq -r 'select(.device == "blk0") | [.queue, .head, .type, .sector, .bytes, .avail, .submitted, .answered, .used] | @tsv' | sort >"$tmp/device"
	comm -23 "$tmp/joined" "$tmp/device" | head -n 5 | grep . && { echo "are not the device's"; return 1; }
	n=$("$vqtrace" show -r "$d/guest.pcap" --requests -T json | jq -c 'select(.device == "blk0" and .state == "used")' | wc -l)
	[ "$(wc -l <"$tmp/joined")" -ge $((n - lost)) ] && [ "$n" -gt 200 ] ||
		{ echo "$(wc -l <"$tmp/joined") of $n joined, $lost lost"; return 1; }
	"$vqtrace" stat -r "$d/merged.pcap" -T json | jq -e '.devices[] | select(.device == "blk0") | .stages |
		.both_sides > 200 and .all.longest and .until.popped.count > 200 and .until.answered.count > 200 and .until.completed.count > 150 and
		.until.kicked.between_sides and .error.min < 1000000' >/dev/null || { echo "stages"; return 1; }
}

# Live the same requests are joined, and the driver's times differ by no more than is said of them.
live() { # DIR
	local d=$1 side
	grep -q 'guest=.*: its side is recorded, too' "$d/out" || { cat "$d/out"; return 1; }
	for side in live merged; do
		"$vqtrace" show -r "$d/$side.pcap" --requests -T json | jq -r 'select(.sides == "both") | .points as $p |
			[([.device, .queue, .head, .type, .sector, $p.popped, $p.pushed] | map(tostring) | join("/")), .error // "-",
			 ("adding", "added", "notified", "handled", "taken", "completed" | $p[.] // "-")] | @tsv' | sort >"$tmp/$side.points"
	done
	cut -f1 "$tmp/live.points" >"$tmp/live.keys"
	cut -f1 "$tmp/merged.points" | diff "$tmp/live.keys" - || return 1
	paste "$tmp/live.points" "$tmp/merged.points" | awk -F'\t' '
		{ for (i = 3; i <= 8; i++) { by = $i - $(i + 8); by = by < 0 ? -by : by; n++
			if (($i == "-") != ($(i + 8) == "-") || ($2 != "-" && $10 != "-" && by > $2 + $10)) {
				print $1 ": " $i " and " $(i + 8) ", +-" $2 " and +-" $10; bad = 1; exit } } }
		END { exit bad || n < 1000 }'
}

# While nothing went on the guest was asked for its time, and its answers are in both traces; live and
# afterwards they say the same.
asked() { # DIR
	local d=$1 n
	show "$d/host.pcap" exchange .exchange.nonce | sort >"$tmp/asked.host"
	show "$d/guest.pcap" 'exchange && exchange.nonce != 0' .exchange.nonce | sort >"$tmp/asked.guest"
	n=$(comm -12 "$tmp/asked.host" "$tmp/asked.guest" | wc -l)
	[ "$n" -gt 0 ] && [ "$n" = "$(wc -l <"$tmp/asked.host")" ] || { echo "$n of $(wc -l <"$tmp/asked.host") answers are the guest's"; return 1; }
	[ "$(show "$d/guest.pcap" 'exchange && exchange.nonce == 0' .number | wc -l)" = 1 ] || { echo "offered"; return 1; }
	grep -q "it was asked for its time $n times" "$d/out" && grep -q "it was asked for its time $n times" "$d/merge" ||
		{ grep -h 'devices are the host' "$d/out" "$d/merge"; return 1; }
	show "$d/host.pcap" exchange .exchange.took | sort -n | awk '{ t[NR] = $1 } END { print "answers in", t[1], "to", t[NR], "ns" }'
}

# What is joined: the request, when the device popped it, and which of blk-mq's it was.
pairs() { # MERGED
	"$vqtrace" show -r "$1" --requests -T json | jq -r 'select(.device == "blk0" and .sides == "both" and .tag != null) |
		[.queue, .head, .type, .sector, .points.popped, .tag] | @tsv' | sort
}

# One record in a hundred of each side is lost: nothing is joined wrongly, and what is not joined any
# more is no more than was lost.
lossy() { # DIR
	local d=$1 side n lost
	for side in host guest; do
		build/tests/lab/without -l 100 "$d/$side.pcap" "$tmp/lossy.$side" || return 1
	done
	"$vqtrace" merge -q -w "$tmp/lossy.pcap" "$tmp/lossy.host" "$tmp/lossy.guest" || return 1
	pairs "$d/merged.pcap" >"$tmp/pairs"
	pairs "$tmp/lossy.pcap" >"$tmp/pairs.lossy"
	comm -13 "$tmp/pairs" "$tmp/pairs.lossy" | head -n 5 | grep . && { echo "joined wrongly"; return 1; }
	lost=$("$vqtrace" stat -r "$tmp/lossy.pcap" -T json | jq .trace.lost)
	n=$(comm -23 "$tmp/pairs" "$tmp/pairs.lossy" | wc -l)
	[ "$n" -gt 0 ] && [ "$n" -le "$lost" ] && [ "$(wc -l <"$tmp/pairs.lossy")" -gt 150 ] ||
		{ echo "$n of $(wc -l <"$tmp/pairs") not joined, $lost lost"; return 1; }
}

# The driver's walk as a tree: each function where it was called, with the registers that it wrote.
tree() { # DIR
	"$vqtrace" show -r "$1/merged.pcap" --lifecycle -T json -Y 'device == "blk0.driver"' |
		jq -r 'def walk(at): (at + "/" + (.what | split(" ")[0])) as $p | $p, (.inside // [] | .[] | walk($p)); walk("")' >"$tmp/paths"
	local way
	for way in /virtio_dev_probe/vp_finalize_features/driver_feature_select /virtio_dev_probe/virtio_features_ok/vp_set_status/device_status \
		/virtio_dev_probe/virtblk_probe/init_vq/vp_modern_find_vqs/ /vp_setup_vq/setup_vq/vring_create_virtqueue \
		/virtio_dev_probe/virtblk_probe/device_add_disk; do
		grep -q "$way" "$tmp/paths" || { echo "no $way in:"; head -n 30 "$tmp/paths"; return 1; }
	done
	"$vqtrace" show -r "$1/guest.pcap" --lifecycle | grep -qE '^ +[0-9.]+ +[0-9.]+ [mun]?s blk0 +virtio_dev_probe = 0 offered'
}

# Another boot of the same machine is another conversation.
other_boot() {
	"$vqtrace" merge -w "$tmp/never.pcap" "$tmp/mq4/host.pcap" "$tmp/packed/guest.pcap" 2>"$tmp/refused" && return 1
	grep -q 'do not belong together' "$tmp/refused" && [ ! -e "$tmp/never.pcap" ] || { cat "$tmp/refused"; return 1; }
}

# Every one of the driver's chains of the disk was found on the device's side, and at times that
# are known to the tenth of a ms at best.
said() { # DIR
	grep -E 'of [0-9]+ devices are the host.s; [0-9]+ of [0-9]+ chains' "$1/merge" && grep -qE 'times to \+-[0-9.]+ us at best' "$1/merge"
}

# It is stopped for a while, goes on, and is then booted again: both boots are there, each with a
# clock of its own, and the device is the same one.
boots_again() {
	local d=$tmp/again p
	mkdir -p "$d"
	mkfifo "$d/mon.in" "$d/mon.out"
	exec 8<>"$d/mon.in" 9<>"$d/mon.out"
	args=(--arg -action --arg reboot=reset --arg -chardev --arg "pipe,id=mon,path=$d/mon" --arg -mon --arg chardev=mon,mode=control)
	run='read,n=40;sleep,5;read,n=200,qd=16,rand' boot again 7 q1 build/guest &
	p=$!
	args=()
	until_said "$d/serial" 'STEP 2 sleep' $p || return 1
	echo '{"execute":"qmp_capabilities"}{"execute":"stop"}' >&8
	sleep 2
	echo '{"execute":"cont"}' >&8
	sleep 1
	echo '{"execute":"system_reset"}' >&8
	wait $p || return 1
	exec 8>&- 9>&-
	grep -q 'it was started 2 times' "$d/out" || { cat "$d/out"; return 1; }
	[ "$(show "$d/live.pcap" 'source_info.kind == guest' .seq | wc -l)" = 2 ] || { echo "not two boots"; return 1; }
	# the one disk, with forty requests of the first boot and more than two hundred of the second
	"$vqtrace" show -r "$d/live.pcap" --requests -T json | jq -r 'select(.device == "blk0" and .sides == "both") | .number' |
		awk -v at="$(show "$d/live.pcap" 'source_info.kind == guest' .number | tail -n 1)" '
			{ n[$1 > at]++ } END { print n[0] + 0, n[1] + 0; exit n[0] < 35 || n[1] < 190 }'
	[ "$(show "$d/live.pcap" 'device == "blk0.driver" && device_info' .device | sort -u | wc -l)" = 1 ]
}

# Two guests of one system at once, each in a QEMU of its own: each is found to be whose it is, and
# its requests are those of its own disk. They begin to run when both are recorded.
two() {
	local d=$tmp/two g p=() rec a b lost
	mkdir -p "$d"
	for g in 1 2; do
		mkfifo "$d/mon$g.in" "$d/mon$g.out"
		tests/lab/guest-cmd --exec --guest build/guest --initrd build/guest/recorder.cpio.gz --serial "$d/serial$g" \
			--pidfile "$d/pid$g" --run "read,n=$((g * 100)),qd=4,rand" --append 'vqt.guest="-w /dev/virtio-ports/vqtrace"' \
			--arg -S --arg -chardev --arg "pipe,id=mon,path=$d/mon$g" --arg -mon --arg chardev=mon \
			--arg -chardev --arg "socket,id=rec,path=$d/port$g,server=on,wait=off" --arg -device --arg virtio-serial-pci \
			--arg -device --arg virtserialport,chardev=rec,name=vqtrace q1 >"$d/out$g" 2>&1 &
		p+=($!)
	done
	exec 6<>"$d/mon1.out" 7<>"$d/mon2.out" 8<>"$d/mon1.in" 9<>"$d/mon2.in"
	until_true test -s "$d/pid1" -a -s "$d/pid2" || return 1
	"$vqtrace" record -w "$d/live.pcap" -p "$(cat "$d/pid1")" -p "$(cat "$d/pid2")" -i "guest=$d/port2" -i "guest=$d/port1" 2>"$d/out" &
	rec=$!
	until_said "$d/out" 'recording 2 QEMUs' $rec || { cat "$d/out"; return 1; }
	echo cont >&8
	echo cont >&9
	wait $rec || { cat "$d/out"; return 1; }
	wait "${p[@]}"
	exec 6>&- 7>&- 8>&- 9>&-
	[ "$(grep -c 'its side is recorded, too' "$d/out")" = 2 ] || { cat "$d/out"; return 1; }
	# on a busy machine the recorders in the guests miss some calls, and say so
	lost=$(show "$d/live.pcap" loss .loss.lost | awk '{ n += $1 } END { print n + 0 }')
	# on a busy machine its times are known too badly for latencies; whose chains are whose is known
	a=$(sed -n 's/.*port1: .* \([0-9]*\) of [0-9]* chains were recorded by the host, too.*/\1/p' "$d/out")
	b=$(sed -n 's/.*port2: .* \([0-9]*\) of [0-9]* chains were recorded by the host, too.*/\1/p' "$d/out")
	echo "$a and $b, $lost lost"
	[ $((a + lost)) -ge 95 ] && [ "$a" -ge 50 ] && [ $((b + lost)) -ge 190 ] && [ "$b" -ge 100 ]
}

# The port, the socket and the device that carries the trace are made by record itself.
with_guest() {
	local d=$tmp/with
	mkdir -p "$d"
	tests/lab/guest-cmd --exec --guest build/guest --initrd build/guest/recorder.cpio.gz --serial "$d/serial" --run 'read,n=60' \
		--append 'vqt.guest="-w /dev/virtio-ports/vqtrace"' q1 -- "$vqtrace" record -w - --with-guest -- 2>"$d/out" |
		"$vqtrace" show -r - -T json >"$d/json" || { cat "$d/out"; return 1; }
	jq -r 'select(.event == "avail") | .device' "$d/json" | sort | uniq -c >"$d/chains"
	awk '$2 == "blk0" || $2 == "blk0.driver" { n += $1 >= 60 } END { exit n != 2 }' "$d/chains" || { cat "$d/chains" "$d/out"; return 1; }
	jq -r 'select(.event == "avail" and .source == "qemu" and (.device | startswith("console")))' "$d/json" | { ! grep -q .; } ||
		{ echo "the port's own device"; return 1; }
	[ ! -e "$(sed -n 's/^guest=\([^:]*\): its side.*/\1/p' "$d/out")" ]
}

# The events of a filter whose stack has these functions in this order: how many of how many.
stacks_with() { # FILE FILTER FUNCTION...
	local file=$1 filter=$2
	shift 2
	show "$file" "$filter" '[.stack[]? | split("+")[0]] | join(" ")' | awk -v way="$*" '
		BEGIN { n = split(way, f, " ") }
		{ at = 1; for (i = 1; i <= NF && at <= n; i++) at += $i ~ ("^" f[at] "$"); found += at > n }
		END { print found + 0, NR }'
}

# Where the driver is ready, and where it kicks; each stack once, and every one that events refer to.
stacks() { # NAME QEMU CONFIG [GUEST]
	local d=$tmp/stacks-$1 found of n at
	run='read,n=40;sleep,3;read,n=200,qd=16,rand;rebind' more=--stacks boot "stacks-$1" "$2" "$3" "${4:-build/guest}" || return 1
	read -r found of < <(stacks_with "$d/guest.pcap" \
		'device == blk0 && register.field == device_status && register.op == write && register.value == 15' \
		vp_modern_set_status virtblk_probe virtio_dev_probe really_probe)
	[ "$found" = "$of" ] && [ "$found" -ge 1 ] || { echo "ready: $found of $of"; return 1; }
	read -r found of < <(stacks_with "$d/guest.pcap" 'device == blk0 && guest.function == virtio_device_ready' \
		virtblk_probe virtio_dev_probe)
	[ "$found" = "$of" ] && [ "$found" -ge 1 ] || { echo "virtio_device_ready: $found of $of"; return 1; }
	read -r found of < <(stacks_with "$d/guest.pcap" 'device == blk0 && kick' \
		vp_notify virtqueue_notify 'virtio_(queue_rqs?|commit_rqs)' '(__)?blk_mq_.*')
	[ "$found" = "$of" ] && [ "$found" -ge 10 ] || { echo "kicks: $found of $of"; return 1; }
	# set-up has one each, what was not asked for has none
	n=$(show "$d/guest.pcap" '(register || kick || guest.step in {lifecycle, config_op}) && !stack' .number | wc -l)
	at=$(show "$d/guest.pcap" '(avail || used || interrupt || guest.step in {submit, rq_issue}) && stack_id' .number | wc -l)
	[ "$n" = 0 ] && [ "$at" = 0 ] || { echo "$n without, $at with one that was not asked for"; return 1; }
	n=$("$vqtrace" show -r "$d/guest.pcap" -T json -Y stack_info | grep -o '"frames":.*' | tee "$tmp/frames" | wc -l)
	[ "$n" = "$(sort -u "$tmp/frames" | wc -l)" ] || { echo "a stack is there twice"; return 1; }
	at=$(show "$d/guest.pcap" stack_id .number | wc -l)
	[ "$n" -ge 20 ] && [ "$at" -gt $((2 * n)) ] || { echo "$n stacks of $at events"; return 1; }
	! show "$d/guest.pcap" stack '.stack[]' | grep -E 'bpf_|rethook|ftrace' || return 1
	stacks_stay "$d"
}

# Joined live, merged and filtered, an event has the stack that it had.
stacks_stay() { # DIR
	local d=$1 f
	for f in guest live; do
		show "$d/$f.pcap" stack_id '[.event, .stack] | @json' >"$tmp/stay.$f"
	done
	diff "$tmp/stay.guest" "$tmp/stay.live" || return 1
	"$vqtrace" show -r "$d/live.pcap" -Y 'kick && device == "blk0.driver"' -w "$tmp/kicks.pcap" 2>/dev/null || return 1
	show "$d/live.pcap" 'kick && device == "blk0.driver"' '[.event, .stack] | @json' >"$tmp/stay.kicks"
	show "$tmp/kicks.pcap" kick '[.event, .stack] | @json' | diff "$tmp/stay.kicks" - && grep -q virtio_queue_rq "$tmp/stay.kicks" || return 1
	[ "$(show "$tmp/kicks.pcap" stack_info .number | wc -l)" = "$(show "$tmp/kicks.pcap" stack_id .stack_id | sort -u | wc -l)" ]
}

# Every event of every CPU has one, by whatever probe; what an interrupt has interrupted is not in it.
stacks_of_all() { # NAME QEMU CONFIG [GUEST]
	local d=$tmp/stacks-$1 n found of
	run='read,n=200,qd=16,rand' more=--stacks=all boot "stacks-$1" "$2" "$3" "${4:-build/guest}" || return 1
	n=$(show "$d/guest.pcap" '(register || kick || avail || used || interrupt || guest) && !stack' .number | wc -l)
	[ "$n" = 0 ] || { echo "$n events without"; return 1; }
	read -r found of < <(stacks_with "$d/guest.pcap" 'device == blk0 && avail' 'virtqueue_add_.*' virtblk_add_req)
	[ "$found" = "$of" ] && [ "$found" -ge 150 ] || { echo "chains: $found of $of"; return 1; }
	read -r found of < <(stacks_with "$d/guest.pcap" 'device == blk0 && interrupt' vring_interrupt handle_irq_event 'asm_common_interrupt')
	[ "$found" = "$of" ] && [ "$found" -ge 10 ] || { echo "interrupts: $found of $of"; return 1; }
	n=$(show "$d/guest.pcap" interrupt '.stack | last | split("+")[0]' | sort -u)
	[ "$n" = asm_common_interrupt ] || { echo "$n"; return 1; }
	[ "$(show "$d/guest.pcap" stack_info .stack_info.id | wc -l)" -lt 500 ]
}

# Without being asked for, none is there: not a byte of one.
no_stacks() { # DIR
	[ "$(show "$1/guest.pcap" 'stack_info || stack_id' .number | wc -l)" = 0 ]
}

# A guest on virtio-mmio: set-up, configuration and interrupts are in the registers of one window.
mmio() { # NAME QEMU CONFIG CHECK [GUEST]
	local d=$tmp/$1 check=$4
	$check "$1: a boot, both sides recorded" boot "$1" "$2" "$3" "${5:-build/guest}"
	$check "$1: the device saw the accesses that the driver made" accesses "$d" mmio MagicValue 80
	$check "$1: and merged" merged "$d"
	$check "$1: check finds nothing" clean "$d"
	check_more "$1: what interrupts' handlers read" isr "$d"
	check_more "$1: functions return as they were called" nested "$d"
	check_more "$1: its requests" requests "$d"
	check_more "$1: as many as the guest made" counts "$d"
	check_more "$1: replay of the driver's side" replays "$d"
	check_more "$1: the way of the trace itself is not in it" not_itself "$d"
	check_more "$1: each request whole" whole "$d"
	check_more "$1: joined live as afterwards" live "$d"
}

intx() {
	boot intx 7 intx build/guest && merged "$tmp/intx"
}

plan 26 136
all() { # NAME QEMU CONFIG CHECK [GUEST]
	local d=$tmp/$1 check=$4
	$check "$1: a boot, both sides recorded" boot "$1" "$2" "$3" "${5:-build/guest}"
	$check "$1: the driver's walk from the bus to the disk" life "$d" \
		$([ "${5:-}" ] || echo virtio_pci_modern_probe vp_modern_probe vp_modern_map_capability register_virtio_device)
	$check "$1: functions return as they were called" nested "$d"
	$check "$1: features as they were written" features "$d"
	$check "$1: the device saw the writes that the driver made" writes "$d"
	$check "$1: and its requests" requests "$d"
	$check "$1: as many as the guest made" counts "$d"
	$check "$1: begun and ended in blk-mq" blk_mq "$d"
	$check "$1: check finds nothing" clean "$d"
	$check "$1: replay of the driver's side" replays "$d"
	$check "$1: the way of the trace itself is not in it" not_itself "$d"
	$check "$1: merged" merged "$d"
	$check "$1: each request whole" whole "$d"
	$check "$1: joined live as afterwards" live "$d"
	$check "$1: asked for its time while nothing goes on" asked "$d"
	$check "$1: the driver's calls as a tree" tree "$d"
	[ "$1" != q1 ] || $check "$1: no stacks that were not asked for" no_stacks "$d"
	$check "$1: with one record in a hundred lost on each side" lossy "$d"
}
env -u CC tests/guest/mkguest --initrd recorder --add build/vqtrace-guest build/guest || exit 1
all q1 7 q1 check
all packed-mq4 11 packed-mq4 check_more
all mq4 7 mq4 check_more
all packed 7 packed check_more
# a short one, unless all of it is checked
run=${VQT_MATRIX:+$run} run=${run:-id,n=2;read,n=40;read,n=240,qd=16,rand;rebind} mmio mmio 7 mmio check
check_more "traces of two boots are refused" other_boot
check "a guest that is stopped, goes on and boots again" boots_again
check "two guests" two
check "call stacks of set-up and kicks" stacks mq4 7 mq4
check "call stacks of all events" stacks_of_all packed 7 packed
check_more "a port that record adds" with_guest
[ -z "${VQT_MATRIX:-}" ] || env -u CC tests/guest/mkguest --suite bookworm-backports --initrd recorder \
	--add build/vqtrace-guest build/guest-backports || exit 1
check_more "a packet's way" packets
check_more "module files that cannot be read" no_files
mmio mmio-v1 7 mmio-v1 check_more
args=(--blk packed=on)
mmio mmio-packed 11 mmio check_more
args=()
check_more "INTx: a boot, and merged" intx
check_more "INTx: what interrupts' handlers read" isr "$tmp/intx"
check_more "functions of the legacy driver" legacy
check_more "legacy: the device saw the accesses that the driver made" accesses "$tmp/legacy" legacy '^device_status write 1 0$' 60
check_more "legacy: check finds nothing" clean "$tmp/legacy"
check_more "legacy: replay of the driver's side" replays "$tmp/legacy"
all linux612 11 q1 check_more build/guest-backports
mmio mmio-612 11 mmio check_more build/guest-backports
mmio mmio-v1-612 11 mmio-v1 check_more build/guest-backports
check_more "linux612: call stacks of set-up and kicks" stacks linux612 11 q1 build/guest-backports
check_more "linux612: call stacks of all events" stacks_of_all all612 11 q1 build/guest-backports
finish
