#!/bin/bash
# SPDX-License-Identifier: MIT
# top's screen, driven in tmux: a trace played back and a real guest under load;
# every panel, every key, sizes, what a kill leaves on the terminal.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/tmux.sh
new_socket

start() { # COLUMNS LINES COMMAND: the shell stays, and says how the command ended
	T kill-server 2>/dev/null
	rm -f "$tmp/after"
	new_socket
	T new-session -d -x "$1" -y "$2" "cd $tmp; export LC_ALL=C.UTF-8; stty -a >before; $3; echo \"EXIT \$?\"; stty -a >now; mv now after; exec sleep 1000"
}

screen() { T capture-pane -p; }

has() { screen >"$tmp/seen" && grep -qE -- "$1" "$tmp/seen"; }
lacks() { screen >"$tmp/seen" && ! grep -qE -- "$1" "$tmp/seen"; }

# Wait until the screen has what a pattern says.
sees() { # PATTERN
	until_true has "$1" && return 0
	echo "never seen: $1"
	cat "$tmp/seen"
	return 1
}

key() { T send-keys "$@"; }

# The terminal is as it was: modes, no alternate screen.
left_clean() {
	sees "EXIT" && until_true test -e "$tmp/after" && diff "$tmp/before" "$tmp/after" >/dev/null && [ "$(T display -p '#{alternate_on}')" = 0 ] ||
		{ echo "the terminal was left changed"; diff "$tmp/before" "$tmp/after"; return 1; }
}

panels() {
	start 120 36 "$vqtrace top -r $PWD/traces/qemu7-mq4.pcap --speed 0 --delay 200ms"
	sees '^vqtrace top: end at' && sees '^NAME .*REQ/S.*P99.*FIND' && sees '^  blk0 .*DRIVER_OK' && sees '^    q3 ' || return 1
	key Down Down
	key m && sees 'latency over time of blk0 q0' && sees '^ *262 us' && key m || return 1
	key t && sees 'timeline of blk0 q0' && sees 'used id [0-9]+ len' && key Escape || return 1
	key i && sees 'requestq1' && sees 'offered accepted +2 SEG_MAX' && key Escape || return 1
	key e && sees 'reset-not-awaited' && key Escape || return 1
	key r && sees 'nothing is in flight' && key Escape || return 1
	key h && sees 'every second|this help' && key NPage && sees 'Columns' && key Escape && sees '^NAME' || return 1
	# fold, go into, come back, sort, search, filter
	key 1 && sees '^NAME' && until_true lacks '^    q3' && key 3 && sees '^    q3' || return 1
	key Home Enter && sees '^  blk0' && key Escape || return 1
	key '>' && sees 'sorted by NAME' && key '<' && sees 'sorted by VM, device and queue' || return 1
	key / && sees 'search:' && key q3 Enter && key r && sees 'blk0 q3' && key Escape || return 1
	key '\' && sees 'filter' && key 'nonsense ==' Enter && sees 'column' || return 1
	key '\' && sees 'filter' && key 'request.type == in' Enter && sees '\[request.type == in\]' || return 1
	key d && sees 'delay' && key 300ms Enter && sees 'every 0.3s' || return 1
	key s && sees 'this screen is in vqtrace-top' && grep -q 'blk0' "$tmp"/vqtrace-top-*.txt || return 1
	key l && sees 'has no light mode' && key w && sees 'nothing new to save' || return 1
	key q && sees 'EXIT 0' && left_clean
}

# On 80 columns and 24 lines every figure can be had, and no line loses its end: figures are whole,
# the columns that do not fit come with the arrows, words are wrapped.
small() {
	start 80 24 "$vqtrace top -r $PWD/traces/qemu7-two-disks.pcap --speed 0 --delay 200ms"
	sees '^vqtrace top: end at.*every 0.2s$' && sees '^NAME .*STATE.*REQ/S.*FLIGHT.*P99.*FIND$' && sees 'more columns\)' || return 1
	sees '^  blk0 +DRIVER_OK ' || return 1
	key Right Right Right Right Right Right Right && sees '^NAME .*R/KICK.*R/IRQ.*P50' && sees '^  blk0 ' || return 1
	key Right Right Right Right && sees '^NAME .*P99 +ERR +FIND' || return 1
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do key Left; done
	sees '^NAME .*REQ/S.*FLIGHT' || return 1
	# sorted by a column, queues are still told apart
	key '>' '>' '>' '>' && sees 'sorted by REQ/S' && sees '^blk0 q0 ' && sees '^blk1 q0 ' || return 1
	key '<' '<' '<' '<' && sees '^    q0' || return 1
	key e && sees 'reset-not-awaited' && sees 'has not read 0' && sees '^ *since the reset|the reset$' || return 1
	key Escape && key Down && key t && sees 'timeline of blk' && key Right && key q && sees 'EXIT 0' && left_clean
}

# A file that is there is written over only after a yes.
overwrite() {
	echo mine >"$tmp/mine.pcap"
	start 100 30 "$vqtrace top -n nosuchvm"
	sees '^vqtrace top' || return 1
	key w && sees 'save what comes to' && key C-u && key mine.pcap Enter && sees 'is there already; overwrite' || return 1
	key no Enter && sees 'nothing was written' && grep -q mine "$tmp/mine.pcap" || return 1
	key q && sees 'EXIT'
}

# Paused, stepped, sought in: back at the start it knows less, at the end the same again.
playback() {
	start 120 30 "$vqtrace top -r $PWD/traces/qemu7-q1.pcap --speed 0.01 --delay 200ms"
	sees 'playing 0' && key Space && sees 'paused at' || return 1
	key . && key . && sees 'paused at' || return 1
	key ] && key ] && key ] && sees 'paused at|end at' && sees '^  blk0 .*DRIVER_OK' || return 1
	key '[' && key '[' && key '[' && key '[' && sees 'paused at 0.0' || return 1
	key Space && key + && sees 'speed 0.02x' && key - && sees 'speed 0.01x' || return 1
	key q && sees 'EXIT 0' && left_clean
}

sizes() {
	local size
	start 120 40 "$vqtrace top -r $PWD/traces/qemu7-mq4.pcap --speed 0 --delay 200ms"
	sees '^    q3 ' || return 1
	for size in "80 24" "40 10" "200 60" "20 3" "120 40"; do
		T resize-window -x ${size% *} -y ${size#* }
		sleep 0.7
		[ "$(screen | wc -L)" -le ${size% *} ] || { echo "too wide at $size"; return 1; }
	done
	sees '^    q3 ' && T resize-window -x 80 -y 24 && sees '^NAME .*REQ/S.*FLIGHT.*P99' && key q && sees 'EXIT 0'
}

# No colour, plain letters; a terminal that cannot.
plain() {
	start 100 30 "NO_COLOR=1 $vqtrace top --ascii -r $PWD/traces/qemu7-mq4.pcap --speed 0 --delay 200ms"
	sees '^    q3 ' && key Down t || return 1
	sees 'timeline' && ! screen | LC_ALL=C grep -q '[^ -~]' || { echo "not plain"; screen; return 1; }
	key q && sees 'EXIT 0' || return 1
	start 80 24 "TERM=nosuch $vqtrace top -r $PWD/traces/qemu7-q1.pcap"
	sees 'cannot be used for a screen' && sees 'EXIT 2'
}

given_back() { [ "$(T display -p '#{alternate_on}#{cursor_flag}')" = 01 ]; }

# It has ended.  Of a parent that is killed the shell knows before the screen does: its
# words may be on the screen that is left.  So both are asked, not what is seen.
over() { [ -e "$tmp/after" ] && [ ! -d "/proc/$child" ]; }

# Whichever of its two processes is killed, and however: the terminal is given back.
killed() {
	local sig who pid child
	for sig in TERM KILL SEGV; do
		for who in parent child; do
			start 100 30 "$vqtrace top -r $PWD/traces/qemu7-q1.pcap --speed 0.01 --delay 200ms"
			sees '^NAME' || return 1
			pid=$(pgrep -P "$(T display -p '#{pane_pid}')") && child=$(pgrep -P "$pid") || return 1
			[ $who = child ] && kill -$sig "$child" || kill -$sig "$pid"
			until_true over || { echo "$who, $sig: it did not end"; ls "$tmp/after"; ps "$child"; return 1; }
			until_true given_back || { echo "$who, $sig: the screen was left"; return 1; }
		done
	done
}

# Some hundreds of requests.
saved() { [ "$(stat -c %s "$tmp/saved.pcap")" -gt 400000 ]; }

# A real guest under load: rates, both depths, its sudden end.
live() {
	local qemu guest
	"$vqtrace" doctor >/dev/null 2>&1 || { echo "recording is not possible here"; return 77; }
	start 130 30 "$vqtrace top -n top-$$ --delay 500ms"
	sees 'no QEMU runs|^NAME' || return 1
	eval "tests/lab/guest-cmd --exec --timeout 600 --serial '$tmp/serial' --run 'read,bs=4k,t=600,rand,qd=8' --pidfile '$tmp/pid' --arg -name --arg top-$$ q1" >"$tmp/guest.out" 2>&1 &
	guest=$!
	trap '[ ! -e "$tmp/pid" ] || kill -9 "$(cat "$tmp/pid")"' RETURN
	sees '^  blk0 .*DRIVER_OK +[1-9][0-9.]*k? ' || { cat "$tmp/guest.out"; return 1; }
	qemu=$(cat "$tmp/pid")
	sees '1 QEMU.*, full.*[1-9][0-9]* probe hits/s, [0-9.]+% of a core' || return 1
	key Down Down && key t && sees 'kick q0|used id' && key Escape && key r && sees ' IN sector' && key Escape || return 1
	key w && sees 'save what comes' && key C-u && key "$tmp/saved.pcap" Enter && sees SAVING && until_true saved && key w && sees 'saving ended' || return 1
	key l && sees '1 QEMU.*, light' && sees '^  blk0 .*DRIVER_OK +[1-9][0-9.]*k? ' || return 1
	key Down Down && key m && sees 'latency over time' && key Escape || return 1
	kill -9 "$qemu"
	wait $guest 2>/dev/null
	trap - RETURN
	sees 'ended|gone' && sees '0 QEMUs, light' && key q && sees 'EXIT 0' && left_clean || return 1
	[ "$("$vqtrace" stat -r "$tmp/saved.pcap" -T json | jq '.devices[0].counts.used')" -gt 100 ] || { echo "nothing was saved"; return 1; }
}

plan 8
check "panels and keys on a trace" panels
check "playback: pause, step, seek, speed" playback
check "sizes" sizes
check "80 columns, 24 lines" small
check "a file that is there" overwrite
check "without colour and UTF-8; no usable terminal" plain
check "killed: the terminal is given back" killed
check "a guest under load, in both depths, and its sudden end" live
finish
