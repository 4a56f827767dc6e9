#!/bin/bash
# SPDX-License-Identifier: MIT
# Requests that are slow for one known reason, recorded on both sides: stat says in which stage the
# time goes. And what the workload itself measures of each request contains what the trace says.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh
need_recording

# longest TRACE DEVICE all|slowest STAGE: that stage takes most of the time, and half of it at least.
longest() {
	"$vqtrace" stat -r "$1" -T json | jq -c ".devices[] | select(.device == \"$2\") | .stages.$3" >"$1.$3"
	[ -s "$1.$3" ] && jq -e --arg stage "$4" '.requests > 0 and .longest == $stage and .sum[$stage] * 3 > ([.sum[]] | add)' "$1.$3" >/dev/null && return
	cat "$1.$3"
	return 1
}

went() { # SERIAL
	grep -aq 'VQT DONE rc=0' "$1" && grep -aq 'VQT RECORDED rc=0' "$1" && return
	tail -n 20 "$1"
	return 1
}

# One boot of QEMU's own devices, joined live: a disk that may do twenty requests a second, and one
# that works while its interrupts, which threads handle, find the processor held by somebody else.
qemu() {
	local d=$tmp/qemu
	mkdir -p "$d"
	tests/lab/guest-cmd --exec --guest build/guest --initrd build/guest/recorder.cpio.gz --serial "$d/serial" \
		--run 'read,dev=vdb,n=60,rand;read,n=200,rand,qd=4,times;read,n=100,rand+hog,t=8,busy=8,gap=1' \
		--append 'threadirqs vqt.guest="-w /dev/virtio-ports/vqtrace"' \
		--arg -object --arg throttle-group,id=slow,x-iops-total=20 \
		--arg -blockdev --arg driver=throttle,node-name=slow,throttle-group=slow,file.driver=null-co,file.size=67108864,file.read-zeroes=on \
		--arg -device --arg virtio-blk-pci,id=slow0,drive=slow,addr=09.0 \
		q1 -- "$vqtrace" record -w "$tmp/qemu.pcap" --with-guest -- >"$d/out" 2>&1 && went "$d/serial" && return
	cat "$d/out"
	return 1
}

# Of each read that the workload timed: it was made in blk-mq, popped, pushed and completed between
# when it was submitted and when it was seen to have ended, as far as the clocks are known.
elapsed() {
	sed -n 's/^VQTIME vda //p' "$tmp/qemu/serial" | tr -d '\r' | sort -k2n >"$tmp/times"
	"$vqtrace" show -r "$tmp/qemu.pcap" -T json -Y clock | jq -r '[.clock.there, .ts, .clock.error // "-"] | @tsv' >"$tmp/clocks"
	"$vqtrace" show -r "$tmp/qemu.pcap" --requests -T json | jq -r 'select(.device == "blk0" and .type == "in" and .sides == "both") |
		[.sector, .points.made // .points.issued, .points.popped, .points.pushed, .points.completed // .points.taken] | @tsv' >"$tmp/reads"
	awk '
		function host(g) { return g - there[at] + ts[at] }
		FILENAME ~ /clocks$/ { if ($3 != "-") { n++; there[n] = $1; ts[n] = $2; error[n] = $3 } next }
		FILENAME ~ /reads$/ { m++; sector[m] = $1; for (i = 2; i <= 5; i++) p[m, i] = $i; next }
		{
			while (at < n && there[at + 1] <= $2) at++
			from = host($2); to = host($3); e = error[at] > error[at + 1] ? error[at] : error[at + 1]
			found = 0
			# the same sector may have been read at another time
			for (k = 1; k <= m; k++)
				if (sector[k] == $1 && p[k, 3] + 2 * e >= from && p[k, 4] - 2 * e <= to) {
					found++
					if (p[k, 2] + 2 * e < from || p[k, 5] - 2 * e > to) { print $0 ": " from, to, "is not around", p[k, 2], p[k, 5], "+-" e; bad++ }
				}
			if (found) ok++
			else { print "no request in the trace for", $0; missing++ }
		}
		END { print ok + 0, "of", NR - n - m; exit bad || missing > 10 || ok < 180 }' "$tmp/clocks" "$tmp/reads" "$tmp/times"
}

# ours NAME RUN SERVE-ARGS...: a boot on our own device, the two sides merged afterwards.
ours() {
	local name=$1 run=$2
	shift 2
	serve "$name" --disk mem:64M --vfio-user "$tmp/$name.sock" -w "$tmp/$name.host" --once "$@" || return 1
	initrd=build/guest/recorder.cpio.gz linux "vqt.run=$run vqt.guest=\"-w /dev/virtio-ports/vqtrace\""
	vfio_user
	machine 11 1 "$tmp/$name.serial" "${linux_args[@]}" "${device[@]}" -chardev "file,id=rec,path=$tmp/$name.guest" \
		-device virtio-serial-pci -device virtserialport,chardev=rec,name=vqtrace || return 1
	wait "$serve_pid" || { cat "$tmp/$name.err"; return 1; }
	went "$tmp/$name.serial" && "$vqtrace" merge -w "$tmp/$name.pcap" "$tmp/$name.host" "$tmp/$name.guest"
}

late_interrupts() {
	ours late 'read,n=100,rand' --delay-interrupts 20ms && longest "$tmp/late.pcap" blk0 all handled
}

# One kick that the device does not follow: its request waits until somebody else's kick, who makes one
# a second. (With event indices nobody would kick again.)
ignored_kick() {
	ours kick 'read,n=100,rand,gap=2+read,n=12,gap=1000' --features -event_idx --fault kick-ignored,after=50,times=1 &&
		longest "$tmp/kick.pcap" blk0 slowest kicked
}

plan 6
check "a boot with a throttled disk and a processor that is held" qemu
check "a throttled back end" longest "$tmp/qemu.pcap" blk1 all answered
check "a processor that does not get to interrupts" longest "$tmp/qemu.pcap" blk0 all handled
check "what the workload measured" elapsed
check "interrupts that come late" late_interrupts
check "a kick without effect" ignored_kick
finish
