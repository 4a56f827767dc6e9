#!/bin/bash
# SPDX-License-Identifier: MIT
# What commands show on a terminal of 80 columns and 24 lines, page by page against
# tests/golden/screens. The traces are those of traces/.
#
#   screens_test.sh            compare
#   screens_test.sh --update   rewrite what differs (look at the diff before committing)
set -u
cd "$(dirname "$0")/../.." || exit 1
update=${1:-}
. tests/full/lib.sh
. tests/full/tmux.sh
pages=tests/golden/screens

begin() { # COMMAND
	new_socket
	T new-session -d -x 80 -y 24 \
		"export LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1; $1; printf '$shown'; exec sleep 1000"
}

is_page() { # NAME
	T capture-pane -p | sed 's/ *$//' >"$tmp/screen"
	cmp -s "$tmp/screen" "$pages/$1"
}

# The screen; where it is another one, it may not have been drawn to its end yet.
same() { # NAME
	local rc=0
	if [ -n "$update" ]; then sleep 1; is_page "$1"; else until_true is_page "$1"; fi || rc=1
	T kill-server
	[ $rc = 1 ] || return 0
	[ -z "$update" ] || { cp "$tmp/screen" "$pages/$1"; return; }
	diff "$pages/$1" "$tmp/screen"
	echo "if this is what you meant: make regression, then look at git diff $pages"
	return 1
}

# The last page of what the command prints.
page() { # NAME WORDS...
	local name=$1
	shift
	begin "'$vqtrace' $*"
	until_true ended && same "$name"
}

shows() { T capture-pane -p | grep -qE -- "$1"; }

# Keys are sent once the screen has what the one before was to bring.
press() { # [KEY PATTERN]...
	while [ $# -gt 0 ]; do
		T send-keys "$1"
		until_true shows "$2" || { T capture-pane -p; return 1; }
		shift 2
	done
}

# top stands still; from its beginning it is led to a time of the trace, not of this machine.
top() { # NAME TRACE [KEY PATTERN]...
	local name=$1 trace=$2
	shift 2
	begin "'$vqtrace' top -r traces/$trace --speed 0.001 --delay 500ms"
	until_true shows '^VM 1 ' && press Space 'top: paused' '[' 'at 0.0 s' ']' 'at 5.0 s' ']' 'at ([67]|10)\.' "$@" && same "$name"
}

plan 11
check "show" page show show -r traces/qemu7-q1.pcap --from 6876ms -c 12
check "show -V" page show-verbose show -V -r traces/qemu7-q1.pcap --from 6876ms -c 2
check "show --requests" page show-requests show --requests -r traces/qemu7-q1.pcap
check "stat" page stat stat -r traces/qemu7-q1.pcap
check "check" page check check -r traces/qemu7-q1.pcap
check "check --list" page check-list check --list
check "top" top top qemu7-mq4.pcap
check "top, a device" top top-device qemu7-mq4.pcap Down 'blk0' i '^device of'
check "top, findings" top top-findings qemu7-q1.pcap Down 'blk0' e '^findings'
check "top, stages" top top-stages qemu7-q1-both.pcap.gz Down 'blk0' b '^stages of requests of blk0'
check "top, no stages" top top-no-stages qemu7-q1.pcap Down 'blk0' b '^stages of requests of blk0'
finish
