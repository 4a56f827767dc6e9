# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For tests of vqtrace record --vhost-user: back ends of others, and the proxy before them.
# Sourced after lib.sh.

# Bound is not enough: until somebody listens there, who connects is refused.
wait_socket() { # PATH PID
	for _ in $(seq 600); do
		listens "$1" && return 0
		kill -0 "$2" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# What a test that failed left running.
proxy_leave() {
	[ -z "${proxy_pid:-}" ] || kill "$proxy_pid" 2>/dev/null
	[ -z "${qsd_pid:-}" ] || kill "$qsd_pid" 2>/dev/null
	proxy_pid='' qsd_pid=''
}

# A disk served by qemu-storage-daemon: $qsd_pid, $sock.
qsd() { # 7|11 IMAGE QUEUES
	local d=qemu-storage-daemon
	[ "$1" = 7 ] || d=build/qemu11/qemu-storage-daemon
	sock=$2.qsd
	rm -f "$sock"
	"$d" --blockdev "driver=file,node-name=f,filename=$2" --export \
		"type=vhost-user-blk,id=e,node-name=f,writable=on,num-queues=$3,addr.type=unix,addr.path=$sock" &
	qsd_pid=$!
	[ "$BASH_SUBSHELL" = 0 ] || trap proxy_leave EXIT # whatever becomes of the test
	wait_socket "$sock" $qsd_pid || { echo "qemu-storage-daemon $1 did not start"; return 1; }
}

qsd_end() {
	kill $qsd_pid
	wait $qsd_pid 2>/dev/null
	qsd_pid=''
	return 0
}

# proxy NAME ARGS...: before $sock, which then is the proxy's; $proxy_pid, $tmp/NAME.pcap.
proxy() {
	local name=$1 behind=$sock
	shift
	sock=$tmp/$name.proxy.sock
	# as in serve.sh
	"$vqtrace" record ${VQTRACE_SERVE:-} -w "$tmp/$name.pcap" --vhost-user "$sock=$behind" "$@" 2>"$tmp/$name.proxy" &
	proxy_pid=$!
	wait_socket "$sock" $proxy_pid || { cat "$tmp/$name.proxy"; return 1; }
}

# Ctrl-C; it must end well, take its socket along and have nothing lost.
proxy_end() { # NAME
	kill -INT $proxy_pid
	wait $proxy_pid || { proxy_pid=''; echo "proxy: status $?"; cat "$tmp/$1.proxy"; return 1; }
	proxy_pid=''
	[ ! -e "$tmp/$1.proxy.sock" ] || { echo "the socket is still there"; return 1; }
	! grep -qE 'AddressSanitizer|runtime error' "$tmp/$1.proxy" || { cat "$tmp/$1.proxy"; return 1; }
}
