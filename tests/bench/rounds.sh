#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# What runs inside the guest of tests/bench/guest: rounds of the same reads, under nothing and
# under each recorder by turns. Says what it does on the serial line that is descriptor 3, and
# waits there for the host, which records from outside.
#
# usage: rounds.sh ROUNDS SECONDS READS HOW...
#   ROUNDS of loads of SECONDS each; READS of a load whose bytes are counted; HOW: see below
#
#   BENCH begin HOW DEPTH        a load begins
#   BENCH end HOW DEPTH IOPS REQUESTS
#   BENCH bytes HOW DEPTH BYTES REQUESTS
#   BENCH lost HOW RECORDS
#   BENCH took HOW SECONDS       until its probes were in place
#   BENCH ask host|both|none     the host answers with a line
set -u
rounds=$1 secs=$2 reads=$3
shift 3

t=/sys/kernel/tracing
mount -t tracefs none $t
mount -t debugfs none /sys/kernel/debug
mount -t tmpfs -o size=600m none /tmp
cd /tmp || exit 2

# The functions of vqtrace's fast path, what they are called with and what they return; of a chain
# also what it asks for. Everything is fetched where vqtrace records it.
cat >kprobes <<'EOF'
p:vq/rq virtio_queue_rq hctx=$arg1:x64 bd=$arg2:x64
r:vq/rq_ret virtio_queue_rq ret=$retval:u8
p:vq/add virtqueue_add_sgs vq=$arg1:x64 out=$arg3:u32 in=$arg4:u32 data=$arg5:x64 type=+0($arg5):u32 sector=+8($arg5):u64
r:vq/add_ret virtqueue_add_sgs ret=$retval:s32
r:vq/prepare_ret virtqueue_kick_prepare ret=$retval:u8
p:vq/notify vp_notify vq=$arg1:x64
r:vq/notify_ret vp_notify ret=$retval:u8
p:vq/irq vring_interrupt irq=$arg1:u32 vq=$arg2:x64
r:vq/irq_ret vring_interrupt ret=$retval:u32
p:vq/done virtblk_done vq=$arg1:x64
r:vq/done_ret virtblk_done
r:vq/disable_ret virtqueue_disable_cb
r:vq/enable_ret virtqueue_enable_cb ret=$retval:u8
p:vq/take virtqueue_get_buf_ctx vq=$arg1:x64
r:vq/take_ret virtqueue_get_buf_ctx data=$retval:x64
EOF
cat >probes.bt <<'EOF'
kprobe:virtio_queue_rq { printf("%llu rq %lx %lx\n", nsecs, arg0, arg1); }
kretprobe:virtio_queue_rq { printf("%llu rq_ret %d\n", nsecs, retval); }
kprobe:virtqueue_add_sgs { printf("%llu add %lx %d %d %lx %d %lu\n", nsecs, arg0, arg2, arg3, arg4,
	*(uint32*)arg4, *(uint64*)(arg4 + 8)); }
kretprobe:virtqueue_add_sgs { printf("%llu add_ret %d\n", nsecs, retval); }
kretprobe:virtqueue_kick_prepare { printf("%llu prepare_ret %d\n", nsecs, retval); }
kprobe:vp_notify { printf("%llu notify %lx\n", nsecs, arg0); }
kretprobe:vp_notify { printf("%llu notify_ret %d\n", nsecs, retval); }
kprobe:vring_interrupt { printf("%llu irq %d %lx\n", nsecs, arg0, arg1); }
kretprobe:vring_interrupt { printf("%llu irq_ret %d\n", nsecs, retval); }
kprobe:virtblk_done { printf("%llu done %lx\n", nsecs, arg0); }
kretprobe:virtblk_done { printf("%llu done_ret\n", nsecs); }
kretprobe:virtqueue_disable_cb { printf("%llu disable_ret\n", nsecs); }
kretprobe:virtqueue_enable_cb { printf("%llu enable_ret %d\n", nsecs, retval); }
kprobe:virtqueue_get_buf_ctx { printf("%llu take %lx\n", nsecs, arg0); }
kretprobe:virtqueue_get_buf_ctx { printf("%llu take_ret %lx\n", nsecs, retval); }
tracepoint:block:block_rq_issue { printf("%llu issue %d %lu %d %d\n", nsecs, args->dev, args->sector,
	args->nr_sector, args->bytes); }
tracepoint:block:block_rq_complete { printf("%llu complete %d %lu %d %d\n", nsecs, args->dev, args->sector,
	args->nr_sector, args->error); }
EOF

say() { echo "BENCH $*" >&3; }
up() { cut -d' ' -f1 /proc/uptime; }

ask() {
	say ask "$1"
	read -r _ <&3
}

# load HOW DEPTH AMOUNT: "IOPS REQUESTS"
load() {
	vqload "read,bs=4k,rand,qd=$2,$3" | sed -n 's/.*"done":\([0-9]*\).*"iops":\([0-9]*\).*/\2 \1/p'
}

timed() { # HOW
	for depth in 1 32; do
		say begin "$1" $depth
		say end "$1" $depth "$(load "$1" $depth "t=$secs")"
	done
}

vqtrace() { # OUTPUT [OPTION...]
	out=$1
	shift
	vqtrace-guest record --modules /modules --ready ready -w "$out" "$@" >said 2>&1 &
	recorder=$!
	until [ -e ready ] || ! kill -0 $recorder; do usleep 20000; done
	rm -f ready
}

trace_cmd() { # [OPTION...]
	trace-cmd record -e vq -e block:block_rq_issue -e block:block_rq_complete -o trace.dat "$@" >said 2>&1 &
	recorder=$!
	until [ "$(cat $t/events/vq/enable $t/events/block/block_rq_complete/enable | tr -d '\n')" = 11 ] ||
		! kill -0 $recorder; do usleep 20000; done
	sleep 1 # for its reader, which is started then
}

start() { # HOW
	began=$(up)
	case $1 in
	vqtrace) vqtrace trace.pcap ;;
	compressed) vqtrace trace.pcap.gz ;;
	no-calls) vqtrace trace.pcap --no-calls ;;
	port) vqtrace /dev/virtio-ports/file ;;
	host) ask host ;;
	both)
		ask both
		vqtrace /dev/virtio-ports/joined
		;;
	trace-cmd) trace_cmd ;;
	trace-cmd-raw) trace_cmd --compression none ;;
	bpftrace)
		# as large a buffer as trace-cmd's and vqtrace's together: its own loses half
		BPFTRACE_PERF_RB_PAGES=2048 bpftrace -o trace.txt probes.bt >said 2>&1 &
		recorder=$!
		# it says so in a buffer only; the tracepoints come last
		until [ "$(grep -cv DISABLED /sys/kernel/debug/kprobes/list)" -ge 15 ] || ! kill -0 $recorder; do
			usleep 20000
		done
		sleep 2
		;;
	esac
	say took "$1" "$(awk -v a="$began" -v b="$(up)" 'BEGIN { printf "%.1f", b - a }')"
}

stop() { # HOW
	lost=0
	case $1 in
	trace-cmd*)
		sleep 1 # what its reader has not taken yet
		lost=$(cat $t/per_cpu/cpu*/stats | awk '/overrun|dropped/ { n += $NF } END { print n + 0 }')
		;;
	esac
	case $1 in
	none | host) ;;
	*)
		kill -INT $recorder || cat said >&3
		wait $recorder
		;;
	esac
	case $1 in
	vqtrace | compressed | no-calls | port | both) lost=$(sed -n 's/.* events, \([0-9]*\) lost.*/\1/p' said) ;;
	bpftrace) lost=$(awk '/^Lost/ { n += $2 } END { print n + 0 }' said trace.txt) ;;
	host) ask none ;;
	esac
	[ "$1" != both ] || ask none
	say lost "$1" "$lost"
}

size() { stat -c %s "$1" 2>/dev/null || echo 0; }

# Its size once it does not grow any more: readers lag behind.
settled() {
	was=-1
	while [ "$was" != "$(size "$1")" ]; do
		was=$(size "$1")
		sleep 2
	done
	echo "$was"
}

# What a load of READS adds to a file that is written as things come. A recording's fixed part, what
# it says of the system and the devices, is not in it.
stream_bytes() { # HOW FILE
	before=$(settled "$2")
	say fixed "$1" "$before"
	for depth in 1 32; do
		n=$(load "$1" $depth "n=$reads")
		after=$(settled "$2")
		say bytes "$1" $depth $((after - before)) "${n#* }"
		before=$after
	done
}

# The same of trace.dat, which is made when it is all there; with its usual compression, and without.
trace_cmd_bytes() {
	for how_tc in trace-cmd trace-cmd-raw; do
		before=0
		for depth in 0 1 32; do
			start $how_tc
			n='0 0'
			[ $depth = 0 ] || n=$(load $how_tc $depth "n=$reads")
			stop $how_tc
			if [ $depth = 0 ]; then
				before=$(size trace.dat)
				say fixed $how_tc "$before"
			else
				say bytes $how_tc $depth $(($(size trace.dat) - before)) "${n#* }"
			fi
		done
	done
}

while read -r k; do
	echo "$k" >>$t/kprobe_events || say "error: $k"
done <kprobes

i=0
while [ $i -lt "$rounds" ]; do
	for how; do
		[ "$how/$i" != trace-cmd/0 ] || trace_cmd_bytes
		timed none
		start "$how"
		case $how/$i in
		vqtrace/0 | no-calls/0) stream_bytes "$how" trace.pcap ;;
		compressed/0) stream_bytes "$how" trace.pcap.gz ;;
		bpftrace/0) stream_bytes "$how" trace.txt ;;
		esac
		timed "$how"
		stop "$how"
		rm -f trace.pcap trace.pcap.gz trace.dat trace.txt
	done
	i=$((i + 1))
done
timed none
say done
