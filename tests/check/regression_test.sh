#!/bin/bash
# SPDX-License-Identifier: MIT
# Traces as tests: each line of traces/LIST is a trace, the rules that it is known
# to break, and how its replay against our device ends.
#
#   regression_test.sh            compare
#   regression_test.sh --update   rewrite the list (look at the difference)
#
# Also that `vqtrace record --regression` makes such entries: small, without what
# belongs to the machine, and showing what the whole recording shows.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
traces=${VQT_TRACES:-traces}

findings() { # TRACE: names of rules, comma-separated, or -
	"$vqtrace" check -r "$1" -T json -a --severity suspicious >"$tmp/found" 2>"$tmp/err"
	[ $? -le 1 ] || { cat "$tmp/err" >&2; return 1; }
	jq -rs 'map(select(.type == "finding").rule) | unique | if . == [] then "-" else join(",") end' "$tmp/found"
}

replay() { # TRACE: equal, different, or none: none of its requests can be compared
	"$vqtrace" replay -q -r "$1" >"$tmp/replay" 2>&1
	case $? in
	0) echo equal ;;
	1) echo different ;;
	*) echo none ;;
	esac
}

is() { # WANT GOT
	[ "$1" = "$2" ] || { echo "expected: $1"; echo "now:      $2"; return 1; }
}

as_expected() { # TRACE WANT_FINDINGS WANT_REPLAY
	is "$2" "$(findings "$1")" ||
		{ echo "rules that it breaks; if this is what you meant: make regression, then look at git diff traces/LIST"; return 1; }
	is "$3" "$(replay "$1")" || { head -n 20 "$tmp/replay"; return 1; }
}

lines() { # of the list, without comments
	grep -vE '^(#|$)' "$traces/LIST"
}

update() {
	local line trace
	while IFS= read -r line; do
		case $line in
		'' | \#*) echo "$line" ;;
		*)
			trace=${line%% *}
			printf '%-26s %s %s\n' "$trace" "$(findings "$traces/$trace")" "$(replay "$traces/$trace")"
			;;
		esac
	done <"$traces/LIST" >"$tmp/LIST"
	cmp -s "$tmp/LIST" "$traces/LIST" || cp "$tmp/LIST" "$traces/LIST"
}

listed() { # each once, and says where it is from
	local f
	is "$(cd "$traces" && ls -- *.pcap)" "$(lines | awk '{ print $1 }' | sort)" || return 1
	for f in "$traces"/*.pcap; do
		"$vqtrace" show -r "$f" -T json -Y 'event in {session, source}' | jq -rs '
			(select(.[0].session.origin | length <= 10) | "does not say where it is from"),
			(.[] | select(.session.host // .session.command // .source_info.exe // .source_info.command)
				| "names a machine")' >"$tmp/why" && [ ! -s "$tmp/why" ] || { echo "$f"; cat "$tmp/why"; return 1; }
	done
}

# --- record --regression ------------------------------------------------------------

shorten() { # IN NAME [OPTION...]: the line it prints is in $tmp/line
	"$vqtrace" record -r "$1" --regression "$2" "${@:3}" >"$tmp/line" 2>"$tmp/err" || { cat "$tmp/err"; return 1; }
}

# Every trace when shortened has the same set-up, findings and replay, and fewer requests.
short_shows_the_same() {
	local f n found verdict
	mkdir -p "$tmp/short"
	while read -r f found verdict; do # what the whole one shows was compared with the list above
		n=$tmp/short/${f%.pcap} f=$traces/$f
		shorten "$f" "$n" || return 1
		[ -f "${f%.pcap}.declared" ] && cp "${f%.pcap}.declared" "$n.declared"
		is "$found" "$(findings "$n.pcap")" || { echo "$f"; return 1; }
		is "$verdict" "$(replay "$n.pcap")" || { echo "$f"; head -n 20 "$tmp/replay"; return 1; }
		"$vqtrace" diff -T json "$f" "$n.pcap" >"$tmp/json"
		jq -e '[.differences[] | select(.class != "requests" or .b != null)] == []' "$tmp/json" >/dev/null ||
			{ echo "$f"; jq -c '.differences[]' "$tmp/json" | head -n 5; return 1; }
	done < <(lines)
}

# EDK2 selects its queue, and reads where to notify it, for each of 140 requests.
selecting_anew() {
	[ "$("$vqtrace" show --requests -r "$tmp/short/qemu7-edk2.pcap" | wc -l)" -lt 40 ]
}

errors_stay() {
	"$vqtrace" show --requests -r "$tmp/short/qemu7-blkdebug.pcap" >"$tmp/rows"
	is 4 "$(grep -c ' IOERR ' "$tmp/rows")" && [ "$(wc -l <"$tmp/rows")" -lt 20 ]
}

nothing_lost() { # and nothing that does not fit
	! "$vqtrace" show --ascii -r "$tmp/short/qemu7-packed-mq4.pcap" |
		grep -E 'LOST|are missing|no such chain|still in flight'
}

markers='SeededHost SeededGuest SeededPath SeededSerial SeededPayload SeededSecretDisk SeededTag'
none_of_it_survives() {
	local m
	build/tests/lab/seed $traces/qemu7-q1.pcap "$tmp/seeded.pcap" || return 1
	for m in $markers; do
		grep -qa $m "$tmp/seeded.pcap" || { echo "$m was not seeded"; return 1; }
	done
	shorten "$tmp/seeded.pcap" "$tmp/clean" --origin "a test" || return 1
	for m in $markers; do
		grep -qa $m "$tmp/clean.pcap" && { echo "$m survived"; return 1; }
	done
	"$vqtrace" show -r "$tmp/clean.pcap" -c 1 -T json | jq -e '.session.origin == "a test"' >/dev/null
}

# The MAC address is found by the register reads that return it, not by a pattern: all of QEMU's
# begin with 52:54:00.
mac_replaced() {
	local n=$tmp/short/qemu7-net.pcap
	"$vqtrace" show --ascii -r "$n" | grep -q 'config.mac' || return 1
	"$vqtrace" show -r $traces/qemu7-net.pcap -T json -Y 'register.region == device and register.field == mac' |
		jq -c '[.register.offset, .register.width, .register.value]' | sort -u >"$tmp/whole"
	"$vqtrace" show -r "$n" -T json -Y 'register.region == device and register.field == mac' |
		jq -c '[.register.offset, .register.width, .register.value]' | sort -u >"$tmp/short.mac"
	[ -s "$tmp/short.mac" ] && [ "$(wc -l <"$tmp/whole")" = "$(wc -l <"$tmp/short.mac")" ]
}

# The command makes an entry for traces/LIST; it passes, and fails when it is changed.
an_entry() {
	mkdir -p "$tmp/entry"
	shorten $traces/qemu7-q1.pcap "$tmp/entry/bug" --origin "somebody's machine" || return 1
	cp "$tmp/line" "$tmp/entry/LIST"
	VQT_TRACES=$tmp/entry tests/check/regression_test.sh --update || return 1
	grep -q '^bug.pcap .*reset-not-awaited.* equal$' "$tmp/entry/LIST" || { cat "$tmp/entry/LIST"; return 1; }
	VQT_TRACES=$tmp/entry tests/check/regression_test.sh >"$tmp/out" || { cat "$tmp/out"; return 1; }
	sed -i 's/equal/different/' "$tmp/entry/LIST"
	! VQT_TRACES=$tmp/entry tests/check/regression_test.sh >"$tmp/out" && grep -q '^not ok .*bug.pcap' "$tmp/out"
}

refuses() { # WORDS OPTIONS...
	local words=$1
	shift
	"$vqtrace" record "$@" >"$tmp/out" 2>&1 </dev/null
	[ $? = 2 ] && grep -qF -- "$words" "$tmp/out" || { cat "$tmp/out"; return 1; }
}

# The trace of a queue that is never idle is cut at 1 MiB, and the command says so.
never_idle() {
	build/tests/bench/mktrace "$tmp/busy.pcap" 6000 || return 1
	shorten "$tmp/busy.pcap" "$tmp/busy-short" && grep -q 'cut off at 1 MiB' "$tmp/err" &&
		[ "$(stat -c %s "$tmp/busy-short.pcap")" -lt 1048576 ] &&
		[ "$(findings "$tmp/busy-short.pcap")" = "$(findings "$tmp/busy.pcap")" ]
}

there_already() {
	touch "$tmp/there.pcap"
	refuses "is there already" -r $traces/qemu7-q1.pcap --regression "$tmp/there"
}

if [ "${1:-}" = --update ]; then
	update
	exit
fi
own=11
[ -n "${VQT_TRACES:-}" ] && own=0
plan $(($(lines | wc -l) + 1 + own))
check "every trace is listed, and says where it is from" listed
while read -r trace found verdict; do
	check "$trace: findings, replay" as_expected "$traces/$trace" "$found" "$verdict"
done < <(lines)
[ $own = 0 ] && finish
check "shortened traces show the same" short_shows_the_same
check "a driver that selects its queue for each request" selecting_anew
check "errors stay" errors_stay
check "nothing is lost on the way" nothing_lost
check "names, paths, data and serial numbers do not survive" none_of_it_survives
check "a MAC address is another one" mac_replaced
check "from a trace to an entry" an_entry
check "a queue that is never idle" never_idle
check "a name that is taken" there_already
check "-r without --regression" refuses "go with --regression" -r $traces/qemu7-q1.pcap
check "a trace that is not there" refuses "No such file" -r "$tmp/none.pcap" --regression "$tmp/x"
finish
