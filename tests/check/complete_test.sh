#!/bin/bash
# SPDX-License-Identifier: MIT
# What `vqtrace complete` offers, and what Tab puts into the lines of real shells on a terminal.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

end() {
	[ -z "${qemu:-}" ] || kill "$qemu"
	wait 2>/dev/null
	rm -rf "$tmp"
}
trap end EXIT

# offered WORDS COMMAND-LINE...: the last word is completed to these, among others, and nothing is said
offered() {
	local want=$1
	shift
	"$vqtrace" complete -- "$@" >"$tmp/offer" 2>"$tmp/err" || { echo "status $?"; return 1; }
	[ ! -s "$tmp/err" ] || { cat "$tmp/err"; return 1; }
	tr ' ' '\n' <<<"$want" | sed '/^$/d' | sort -u >"$tmp/want"
	sed '1d; s/\t.*//' "$tmp/offer" | sort -u | comm -13 - "$tmp/want" | grep . && { echo "not offered for: $*"; return 1; }
	return 0
}

# only WORDS COMMAND-LINE...: these and no others
only() {
	offered "$@" || return 1
	[ "$(sed '1d; s/\t.*//' "$tmp/offer" | sort -u)" = "$(cat "$tmp/want")" ] || { echo "for $*:"; cat "$tmp/offer"; return 1; }
}

also() { # WHAT: the first line
	[ "$(head -n 1 "$tmp/offer")" = "$1" ] || { echo "$1: $(head -n 1 "$tmp/offer")"; return 1; }
}

commands() {
	"$vqtrace" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'
}

options() {
	local c
	only "$(commands | paste -sd' ') help --help --version" "" && only "$(commands | paste -sd' ')" help "" || return 1
	for c in $(commands); do
		only "$("$vqtrace" "$c" --help | sed -nE 's/^  (-., )?(--[a-z-]+).*/\2/p' | paste -sd' ')" "$c" -- &&
			offered "$("$vqtrace" "$c" --help | sed -nE 's/^  (-.), .*/\1/p' | paste -sd' ')" "$c" - || return 1
	done
	! commands | grep -x complete && only "--light" record --lig
}

words() {
	only "r a d e" show -t "" && only "--time=d" show --time=d && only "-Tjson" show -Tj && only "json junit" check -aT j &&
		only "auto always never" show --color "" && only "kvm" record -i k && only "emu qemu" replay --against "" &&
		only "reset-not-awaited" check --explain reset-not-a && only "must,!kick-missing-packed" check --rules "must,!kick-missing-p" &&
		only "ring.used_idx " show -Y ring.used_i && offered "ring.filled" show -Y ring. &&
		only "kick,ring.used_idx" export -e kick,ring.used_i
}

only_line() { # LINE COMMAND-LINE...: the same for a candidate with blanks
	local want=$1
	shift
	"$vqtrace" complete -- "$@" >"$tmp/offer" || return 1
	[ "$(sed '1d; s/\t.*//' "$tmp/offer")" = "$want" ] || { echo "for $*:"; cat "$tmp/offer"; return 1; }
}

filters() {
	only_line "queue == 0 && event == kick" show -Y "queue == 0 && event == kic" &&
		only_line "(event == kick && ring.used_idx" show -Y "(event == kick && ring.used_i" &&
		only_line "device == blk0" show -r traces/qemu7-q1.pcap -Y "device == b"
}

devices() {
	only blk0 replay -r traces/qemu7-q1.pcap -d "" && only "-dblk0" replay traces/qemu7-q1.pcap -db &&
		only "--device=blk0" stuck -r traces/qemu7-q1.pcap --device= && offered "blk0 blk0.driver" replay -r traces/qemu7-q1-both.pcap.gz -d "" &&
		only "blk0=blk0" diff traces/qemu7-q1.pcap traces/qemu7-mq4.pcap -d blk0=
}

others() {
	only "" show -r "" && also files && only "" show traces/ && also files && only "" record -w x -- qem && also "command 5" &&
		only "" record -p 1 qem && also "command 4" && only "" record -w x -- qemu -m "" && also "command 5" &&
		only "" record -w x --snaplen "" && also words && only "" frobnicate --x && only "" complete "" && only "" show --no-such-option=
}

# What cannot be read costs nothing, and is not waited for.
troubles() {
	mkfifo "$tmp/fifo"
	head -c 3000 traces/qemu7-q1.pcap >"$tmp/cut.pcap"
	only "" replay -r "$tmp/fifo" -d "" && only "" replay -r - -d "" && only "" replay -r /dev/zero -d "" && only "" replay -r README.md -d "" &&
		only "" replay -r "$tmp/none" -d "" && only blk0 replay -r "$tmp/cut.pcap" -d "" && only "" record -p 4194300 -d "" && only "" stuck -p $$ -d ""
}

# Names that a terminal should not get, or that nobody can type, are left out.
hostile() {
	local id
	for id in '\x1b[2J' 'a\xe2\x80\x8b' '\xff\xfe\xc3(' '\xc2\x9b1m' 'x\ny\t'; do
		LC_ALL=C sed "s/blk0/$id/g" traces/qemu7-q1.pcap >"$tmp/hostile.pcap"
		"$vqtrace" complete replay -r "$tmp/hostile.pcap" -d "" >"$tmp/offer" || return 1
		! LC_ALL=C grep -aP '[\x01-\x08\x0b-\x1f\x7f-\xff]' "$tmp/offer" && [ "$(wc -l <"$tmp/offer")" -le 2 ] || { cat -v "$tmp/offer"; return 1; }
	done
}

# --- a QEMU that runs ----------------------------------------------------------------------------

# A name that a careless file would run, cut or expand; another one that cannot be typed.
odd="vq$$ \$(owned) \`owned\`;'\$(owned)\"\$(owned)\\ *&|<x>"
start_qemu() {
	command -v qemu-system-x86_64 >/dev/null || return 1
	qemu-system-x86_64 -S -name "guest=$odd" -machine q35,accel=tcg -m 64 -nodefaults -no-user-config -display none \
		-drive if=none,id=d,file=null-co://,format=raw -device virtio-blk-pci,drive=d,id=disk0 >"$tmp/qemu" 2>&1 &
	qemu=$!
	runs() { "$vqtrace" complete stuck -p $qemu -d "" 2>&1 | grep -q disk0 || ! kill -0 $qemu 2>/dev/null; }
	until_true runs
}

running() {
	[ -n "${qemu:-}" ] || { echo "no qemu-system-x86_64"; return 77; }
	only_line "$odd" record -n "vq$$ " && offered "$qemu" record -p "" && offered "disk0 blk0" record -p $qemu -d "" &&
		only disk0 stuck -n "$odd" -d d && grep -q "blk0" "$tmp/offer" &&
		only_line "--name=$odd" stuck "--name=vq$$"
}

# Tab in a real shell: the program that is named vqtrace there writes down how it was called.
mkdir "$tmp/bin"
cat >"$tmp/bin/vqtrace" <<-END
	#!/bin/bash
	[ "\${1:-}" = complete ] && exec "$vqtrace" "\$@"
	{ printf '<%s>' "\$@"; echo; } >>"$tmp/called"
	echo DONE
END
printf '#!/bin/sh\ntouch "%s"\n' "$tmp/owned" >"$tmp/bin/owned"
chmod +x "$tmp/bin"/*

# type_lines SHELL: each of $tmp/lines, then Tab and Enter
type_lines() {
	local start
	mkdir -p "$tmp/home"
	case $1 in
	bash)
		printf '. %q\nPS1="READY> "\n' "$PWD/cli/completion/vqtrace.bash" >"$tmp/home/bashrc"
		start=(bash --noprofile --rcfile "$tmp/home/bashrc" -i) ;;
	zsh)
		printf 'fpath=(%q $fpath)\nautoload -Uz compinit && compinit -u -d %q\nPS1="READY> "\n' "$PWD/cli/completion" "$tmp/home/dump" >"$tmp/home/.zshrc"
		start=(zsh -d -i) ;;
	fish)
		start=(fish --no-config -i -C "source $PWD/cli/completion/vqtrace.fish; function fish_prompt; echo 'READY> '; end; function fish_right_prompt; end") ;;
	esac
	rm -f "$tmp/called"
	env -i PATH="$tmp/bin:$PATH" HOME="$tmp/home" ZDOTDIR="$tmp/home" TERM=xterm LC_ALL=C.UTF-8 \
		python3 tests/check/shells.py "$tmp/lines" "${start[@]}"
}

# tabbed LINE WANTED...: what is typed, and the words that it becomes
tabbed() {
	printf '%s\n' "$1" >>"$tmp/lines"
	shift
	printf '<%s>' "$@" >>"$tmp/wanted"
	echo >>"$tmp/wanted"
}

shell() { # SHELL
	local mark=$'\''
	command -v "$1" >/dev/null || { echo "$1 is not installed (make deps)"; return 77; }
	rm -f "$tmp/lines" "$tmp/wanted"
	tabbed 'vqtrace sho' show
	tabbed 'vqtrace show --fiel' show --field
	tabbed 'vqtrace check --explain reset-not-a' check --explain reset-not-awaited
	tabbed 'vqtrace show --color=al' show --color=always
	tabbed "vqtrace show -Y ${mark}event == kic" show -Y "event == kick"
	tabbed 'vqtrace show -r traces/qemu7-mq' show -r traces/qemu7-mq4.pcap
	tabbed 'vqtrace replay -r traces/qemu7-q1.pcap -d ' replay -r traces/qemu7-q1.pcap -d blk0
	tabbed 'vqtrace record -w x -- vqtrac' record -w x -- vqtrace
	if [ -n "${qemu:-}" ]; then
		tabbed "vqtrace stuck -n vq$$" stuck -n "$odd"
		tabbed "vqtrace stuck -n ${mark}vq$$ " stuck -n "$odd"
		tabbed "vqtrace stuck -n \"vq$$ " stuck -n "$odd"
		tabbed "vqtrace stuck -p $qemu -d di" stuck -p $qemu -d disk0
	fi
	type_lines "$1" && diff "$tmp/wanted" "$tmp/called" && [ ! -e "$tmp/owned" ]
}

plan 11
start_qemu || :
check "commands and options, as --help has them" options
check "words of options" words
check "the last word of a filter" filters
check "devices of a trace" devices
check "files, other commands, nothing" others
check "what cannot be read" troubles
check "hostile names" hostile
check "a QEMU that runs: process, name, devices" running
for sh in bash zsh fish; do
	check "Tab in $sh" shell $sh
done
finish
