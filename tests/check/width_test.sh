#!/bin/bash
# SPDX-License-Identifier: MIT
# On a terminal of 80 columns and 24 lines: no line is longer, and nothing is left out that a
# wide terminal shows.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/tmux.sh

# The whole output on a terminal of so many columns, and its last screen as the terminal has it.
on_terminal() { # COLUMNS COMMAND...
	local columns=$1 socket
	shift
	new_socket
	T new-session -d -x "$columns" -y 24 \
		"export LC_ALL=C.UTF-8 NO_COLOR=1; \
		script -qec '$*' '$tmp/typescript' >/dev/null; $*; printf '$shown'; exec sleep 1000"
	until_true ended || return 1
	T capture-pane -p >"$tmp/screen"
	T kill-server
	sed '1d; $d; s/\r$//' "$tmp/typescript" >"$tmp/all"
}

# Without blanks at the ends of lines, and without blank lines at the end.
without_end() { sed 's/ *$//' "$1" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'; }
words() { tr -s ' |#\n' '\n' <"$1" | sort -u; } # a word may be broken behind a bar

fits() { # COMMAND...
	on_terminal 300 "$@" || return 1
	words "$tmp/all" >"$tmp/wide"
	[ "$(wc -l <"$tmp/wide")" -gt 30 ] || { cat "$tmp/all"; return 1; }
	on_terminal 80 "$@" || return 1
	# by characters: awk counts bytes
	sed 's/[→←·]/?/g' "$tmp/all" | awk 'length($0) > 80 { print length($0) ": " $0; bad = 1 } END { exit bad }' || return 1
	words "$tmp/all" | comm -23 "$tmp/wide" - >"$tmp/gone"
	[ ! -s "$tmp/gone" ] || { echo "not on the narrow terminal:"; head -n 10 "$tmp/gone"; return 1; }
	# the screen is the end of it, line by line: none was broken by the terminal
	without_end "$tmp/screen" >"$tmp/shown"
	without_end "$tmp/all" | tail -n "$(wc -l <"$tmp/shown")" | diff - "$tmp/shown"
}

t=$PWD/traces/qemu7-mq4.pcap
plan 17
check "show" fits "$vqtrace" show -r "$t"
check "show -V" fits "$vqtrace" show -V -c 300 -r "$t"
check "show -x" fits "$vqtrace" show -x -c 300 -r "$t"
check "show --requests" fits "$vqtrace" show --requests -r "$t"
check "show --fields" fits "$vqtrace" show --fields
both=$PWD/traces/qemu7-q1-both.pcap.gz
check "stat of both sides" fits "$vqtrace" stat -r "$both"
check "stat --latency of both sides" fits "$vqtrace" stat --latency -r "$both"
check "check" fits "$vqtrace" check -V --severity suspicious -r "$t"
check "check --explain" fits "$vqtrace" check --explain reset-not-awaited
check "stat" fits "$vqtrace" stat -r "$t"
for by in queue type size vcpu time; do
	check "stat --by $by" fits "$vqtrace" stat -r "$t" --by $by
done
check "stat --latency" fits "$vqtrace" stat -r "$t" --latency
check "check --list" fits "$vqtrace" check --list
finish
