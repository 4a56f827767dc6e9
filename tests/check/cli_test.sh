#!/bin/bash
# SPDX-License-Identifier: MIT
# The command line: errors name the thing, the reason and the remedy, and exit 2;
# --help, manual pages and options agree.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

trace=traces/qemu7-q1.pcap

# fails WORDS COMMAND...: exit 2, one line (and perhaps a hint) on stderr with WORDS.
fails() {
	local words=$1 rc
	shift
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	rc=$?
	cat "$tmp/err"
	[ $rc = 2 ] || { echo "exit $rc"; return 1; }
	grep -qF -- "$words" "$tmp/err" || { echo "said nothing of: $words"; return 1; }
	[ "$(wc -l <"$tmp/err")" -le 3 ]
}

cut_file() { # what is before the cut is shown, then exit 2
	head -c 5000 $trace >"$tmp/cut.pcap"
	fails "ends or breaks after record" "$vqtrace" show -r "$tmp/cut.pcap" || return 1
	[ "$(wc -l <"$tmp/out")" -gt 30 ]
}

# A process chooses its name: no escape sequence of it reaches the terminal.
hostile_name() {
	local pid code
	mkfifo "$tmp/hold"
	bash -c 'printf "\033]0;own\007" >/proc/$$/comm; echo; read -r _ <>"$0"' "$tmp/hold" >"$tmp/named" &
	pid=$!
	until_true test -s "$tmp/named"
	fails 'x1b]0;own' "$vqtrace" doctor -p $pid
	code=$?
	kill $pid
	grep -q $'\033' "$tmp/err" && code=1
	return $code
}

pipe() {
	[ "$("$vqtrace" show -r - -T json <$trace | wc -l)" = "$("$vqtrace" show -r $trace -Y number | wc -l)" ]
}

# Does the process handle SIGINT?  Bit 1 of SigCgt.
handles_int() { # PID
	[ "/proc/$1/exe" -ef "$vqtrace" ] && awk '/^SigCgt/ { exit $2 !~ /[2367abef]$/ }' "/proc/$1/status"
}

# Ctrl-C reaches both ends of a pipe; the reader still processes all that the writer wrote.
interrupted() {
	local c pid i
	mkfifo "$tmp/fifo"
	for c in stat check "show --requests"; do
		# shellcheck disable=SC2086
		env --default-signal=INT "$vqtrace" $c -r - <"$tmp/fifo" >"$tmp/whole" 2>"$tmp/err" &
		pid=$!
		exec 7>"$tmp/fifo"
		head -c 40000 $trace >&7
		for ((i = 0; i < 2400; i++)); do
			handles_int $pid && break
			sleep 0.05
		done
		kill -INT $pid
		sleep 0.2
		tail -c +40001 $trace >&7
		exec 7>&-
		wait $pid
		i=$?
		[ $i = 0 ] || { [ "$c" = check ] && [ $i = 1 ]; } || { echo "$c: exit $i"; cat "$tmp/err"; return 1; }
		# shellcheck disable=SC2086
		"$vqtrace" $c -r - <$trace 2>/dev/null | cmp - "$tmp/whole" || return 1
	done
}

# Commands refuse to read a trace from a terminal, and to write one to it.
terminal() {
	local c
	command -v script >/dev/null || { echo "script is not installed (bsdutils)"; return 77; }
	for c in "show -r -" "stat -r -" "check -r -" "replay -r -" "replay -q -r $trace -w -" \
		"export -r - --csv x" "export -r $trace --perfetto -" "export -r $trace --blkparse -" \
		"record -w - -p 1" "serve --disk mem:1M --vfio-user $tmp/sock -w -"; do
		timeout 120 script -qec "'$vqtrace' $c" /dev/null </dev/null >"$tmp/tty" 2>&1
		[ $? = 2 ] && grep -q "is a terminal; pipe" "$tmp/tty" || { echo "$c:"; head -c 300 "$tmp/tty" | cat -v; return 1; }
	done
}

reader_leaves() { # a closed pipe ends show quietly
	"$vqtrace" show -r $trace 2>"$tmp/err" | head -n 1 >/dev/null
	[ ! -s "$tmp/err" ]
}


full_disk() { # whatever prints: 2 and a word about it
	local c
	for c in "show -r $trace" "stat -r $trace" "check -r $trace" "replay -r $trace" "diff $trace $trace" "export -r $trace --chrome -" \
		"show --fields" "diff --classes" "check --list" help --help --version "help top" "stat --help"; do
		# shellcheck disable=SC2086
		"$vqtrace" $c 2>"$tmp/err" >/dev/full
		[ $? = 2 ] || { echo "$c: not 2"; return 1; }
		[ "$(wc -l <"$tmp/err")" = 1 ] && grep -qE "No space left|not all" "$tmp/err" ||
			{ echo "$c:"; cat "$tmp/err"; return 1; }
	done
}

# A character that is not ASCII is printed in a UTF-8 locale, and as "?" with --ascii.
ascii() {
	local more
	LC_ALL=C sed 's,(Debian,(Deb\xc3\xa4n,g' $trace >"$tmp/umlaut.pcap"
	for more in "" -V; do
		# shellcheck disable=SC2086
		LC_ALL=C.UTF-8 "$vqtrace" show $more -r "$tmp/umlaut.pcap" | grep -q '(Debän' || { echo "no umlaut"; return 1; }
		# shellcheck disable=SC2086
		LC_ALL=C.UTF-8 "$vqtrace" show $more --ascii -r "$tmp/umlaut.pcap" >"$tmp/ascii"
		LC_ALL=C grep -n $'[\x80-\xff]' "$tmp/ascii" && return 1
		grep -q '(Deb?n' "$tmp/ascii" || return 1
	done
}

ethernet() {
	printf '\x4d\x3c\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0' >"$tmp/eth.pcap"
	fails "EN10MB" "$vqtrace" show -r "$tmp/eth.pcap"
}

newer() { # the major version is the first byte after the first record's header
	cp $trace "$tmp/new.pcap"
	printf '\x63' | dd of="$tmp/new.pcap" bs=1 seek=64 conv=notrunc 2>/dev/null
	fails "format version 99" "$vqtrace" show -r "$tmp/new.pcap"
}

not_qemu() {
	sleep 60 &
	local pid=$! rc
	fails "is no QEMU" "$vqtrace" record -w "$tmp/x.pcap" -p $pid
	rc=$?
	kill $pid
	return $rc
}

nobody() {
	[ "$(id -u)" = 0 ] || { echo "needs root to become nobody"; return 77; }
	chmod 755 "$tmp"
	mkdir -p "$tmp/open" && chmod 777 "$tmp/open"
	cp "$vqtrace" "$tmp/vqtrace" && chmod 755 "$tmp/vqtrace" # whatever the umask
	fails "run as root" setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$tmp/vqtrace" record -w "$tmp/open/x.pcap" -p 1
}

# Unknown options, long and short, alone and after others; values where none belongs, or none where one does.
options_wrong() {
	local c
	for c in $(commands); do
		fails "no option '--nonsense'" "$vqtrace" "$c" --nonsense=3 || { echo "$c --"; return 1; }
		fails "no option '-Q'" "$vqtrace" "$c" -Q || { echo "$c -Q"; return 1; }
		"$vqtrace" "$c" -h | cmp - <("$vqtrace" "$c" --help) || return 1
	done
	fails "no option '-Q'" "$vqtrace" show --ascii -VQx &&
		fails "no option '-Q'" "$vqtrace" show --color=never -QV &&
		fails "--ascii takes no value" "$vqtrace" show --ascii=yes &&
		fails "--color needs a value" "$vqtrace" show -V --color &&
		fails "-Y needs a value" "$vqtrace" show -V -xY &&
		fails "begins several options" "$vqtrace" show --f
}

# -D lists the sources, each of which -i knows and doctor examines; options go to their own.
sources() {
	local c s
	for c in record top doctor; do
		"$vqtrace" $c -D >"$tmp/sources" 2>"$tmp/err" || { cat "$tmp/err"; return 1; }
		grep -q '^qemu ' "$tmp/sources" && grep -q '^vhost-user ' "$tmp/sources" || { cat "$tmp/sources"; return 1; }
	done
	for s in $(sed -n 's/^\([a-z-]*\)  .*/\1/p' "$tmp/sources"); do
		"$vqtrace" doctor -i "$s" -T json 2>/dev/null | jq -e --arg s "$s" '.source == $s and (.checks | length) > 0' >/dev/null ||
			{ echo "doctor -i $s"; return 1; }
		# the kernel that it runs on is what the source guest records
		[ "$s" = guest ] || fails "say " "$vqtrace" record -i "$s" -w "$tmp/x" || return 1
	done
	fails "no such source, did you mean 'qemu'" "$vqtrace" record -i qemo -w "$tmp/x" &&
		fails "no such source" "$vqtrace" doctor -i nothing &&
		fails "of the source qemu, not of vhost-user" "$vqtrace" record -i vhost-user --delivery -w "$tmp/x" &&
		fails "of the source vhost-user, not of qemu" "$vqtrace" top -i qemu --vhost-user a=b &&
		fails "-d does not go with" "$vqtrace" record --vhost-user a=b -d blk0 -w "$tmp/x" &&
		fails "--light does not go with" "$vqtrace" top --vhost-user a=b --light -b &&
		fails "not a command" "$vqtrace" record -i guest -w "$tmp/x" -- true &&
		fails "of the source guest, not of qemu" "$vqtrace" record -i qemu --no-calls -p 1 -w "$tmp/x" &&
		fails "not LISTEN=BACKEND" "$vqtrace" record --vhost-user a -w "$tmp/x" &&
		fails "no device type" "$vqtrace" record --vhost-user a=b --type nothing -w "$tmp/x" &&
		fails "not a process id" "$vqtrace" record -p 0 -w "$tmp/x" &&
		fails "not both" "$vqtrace" record -p 1 -w "$tmp/x" -- true
}

helps() {
	local c
	"$vqtrace" help | grep -q '^usage:' || return 1
	for c in $(commands); do
		"$vqtrace" "$c" --help >"$tmp/help" || { echo "$c --help failed"; return 1; }
		grep -q "^usage: vqtrace $c" "$tmp/help" || { echo "$c: no usage line"; return 1; }
		"$vqtrace" help "$c" | cmp - "$tmp/help" || return 1
	done
}

commands() {
	"$vqtrace" help | sed -n 's/^  \([a-z]*\) .*/\1/p'
}

# The options a text names: -x or --word, not -WORD.
options() {
	sed 's/[][,(|=]/ /g; s/ /  /g' | grep -oE '(^| )(--[a-z][a-z-]*|-[a-zA-Z])( |$)' | tr -d ' ' | sort -u
}

# vqtrace.1 has every command, make help every target that is one.
indexes() {
	local c bad=0
	for c in $(commands); do
		grep -qx ".It Cm $c" cli/man/vqtrace.1 || { echo "cli/man/vqtrace.1 lacks '.It Cm $c'"; bad=1; }
	done
	make -s help >"$tmp/help" || return 1
	for c in $(sed -n 's/^\.PHONY: *//p' Makefile); do
		[ "$c" = all ] || [ "$c" = help ] || grep -qw "$c" "$tmp/help" || { echo "make help lacks $c"; bad=1; }
	done
	return $bad
}

# Every option of --help is in the manual page, and the other way round.
manuals() {
	local c bad=0 a b
	for c in $(commands); do
		[ -f "cli/man/vqtrace-$c.1" ] || { echo "no manual page cli/man/vqtrace-$c.1"; bad=1; continue; }
		a=$("$vqtrace" "$c" --help | sed '/^Examples:/,$d' | options)
		b=$(man -l -Tascii "cli/man/vqtrace-$c.1" 2>/dev/null | col -bx |
			sed '/^EXAMPLES/,/^SEE ALSO/d' | options)
		a=$(grep -vxE -- '--help|-h' <<<"$a")
		for o in $a; do
			grep -qxF -- "$o" <<<"$b" || { echo "$c: $o is not in its manual page"; bad=1; }
		done
	done
	return $bad
}

# Each fault that serve lists is in its manual page, and the other way round.
faults() {
	"$vqtrace" serve --fault list | cut -d' ' -f1 | sort >"$tmp/listed"
	sed -n '/^\.Sh FAULTS/,/^\.Sh RECONNECTING/s/^\.It Cm //p' cli/man/vqtrace-serve.1 | sort >"$tmp/named"
	[ "$(wc -l <"$tmp/listed")" -gt 30 ] && diff "$tmp/listed" "$tmp/named"
}

# Each letter stands for one long option, whatever the command.
letters() {
	local c
	for c in $(commands); do
		"$vqtrace" "$c" --help | sed -nE 's/^  -(.), --([a-z-]+).*/\1 \2/p'
	done | sort -u >"$tmp/letters"
	[ "$(wc -l <"$tmp/letters")" -gt 15 ] || { echo "--help shows hardly a letter"; return 1; }
	[ -z "$(cut -d' ' -f1 "$tmp/letters" | uniq -d)" ] || { cat "$tmp/letters"; return 1; }
}

plan 39
check "no command" fails "usage: vqtrace" sh -c "'$vqtrace' 2>&1 | head -n 1 >&2; exit 2"
check "an unknown command" fails "no command 'shwo'; did you mean 'show'?" "$vqtrace" shwo
check "a command that is like none" fails "no command 'frobnicate'; 'vqtrace help'" "$vqtrace" frobnicate
check "show without a file" fails "which trace?" "$vqtrace" show
check "show with too much" fails "after -Y" "$vqtrace" show -r $trace event == kick
check "show an unknown option" fails "no option '--nonsense'" "$vqtrace" show --nonsense
check "show a misspelt option" fails "no option '--requets'; did you mean '--requests'?" "$vqtrace" show --requets
check "every command names the option that it does not know, or what it lacks" options_wrong
check "a file that is not there" fails "No such file" "$vqtrace" show -r "$tmp/none"
check "a directory" fails "directory" "$vqtrace" show -r "$tmp"
check "an empty file" fails "empty" "$vqtrace" show -r /dev/null
check "a text file" fails "not a pcap file" "$vqtrace" show -r README.md
check "another link type" ethernet
check "a newer format" newer
check "a file cut off in the middle" cut_file
check "from a pipe" pipe
check "--ascii is ASCII" ascii
check "Ctrl-C in a pipe" interrupted
check "a trace to or from a terminal" terminal
check "to a reader that leaves" reader_leaves
check "to a full disk" full_disk
check "a filter with an unknown field" fails "did you mean 'event'" "$vqtrace" show -r $trace -Y 'evnt == kick'
check "a filter that ends early" fails "^" "$vqtrace" show -r $trace -Y 'event =='
check "a filter of the wrong type" fails "register" "$vqtrace" show -r $trace -Y 'register.offset == kick'
check "a bad format" fails "text, json, csv and folded" "$vqtrace" show -r $trace -T xml
check "a bad count" fails "-c 0" "$vqtrace" show -r $trace -c 0
check "record a process that is not there" fails "no such process" "$vqtrace" record -w "$tmp/x" -p 4194300
check "record a process that is no QEMU" not_qemu
check "record a program that ends" fails "without becoming a QEMU" "$vqtrace" record -w "$tmp/x" -- /bin/true
check "record to nowhere" fails "cannot be written" "$vqtrace" record -w /nonexistent/x -- /bin/true
check "record without privileges" nobody
check "doctor for a file that is no QEMU" fails "not a QEMU" "$vqtrace" doctor -p README.md
check "doctor for a process with a hostile name" hostile_name
check "sources: listed, chosen, their options refused elsewhere" sources
check "every command explains itself" helps
check "a letter means the same in every command" letters
check "manual pages have every option" manuals
check "the manual page has every fault" faults
check "the first manual page and make help are complete" indexes
finish
