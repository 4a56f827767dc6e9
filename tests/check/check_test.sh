#!/bin/bash
# SPDX-License-Identifier: MIT
# `vqtrace check`: selection, severity, formats, exit status, annotated traces.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh

trace=traces/qemu7-q1.pcap # SeaBIOS breaks one rule of severity must: reset-not-awaited

# gives STATUS WORDS COMMAND...: the exit status, and WORDS in the output.
gives() {
	local want=$1 words=$2 rc
	shift 2
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	rc=$?
	[ $rc = "$want" ] || { cat "$tmp/out" "$tmp/err"; echo "exit $rc, not $want"; return 1; }
	grep -qF -- "$words" "$tmp/out" "$tmp/err" || { cat "$tmp/out"; echo "nothing of: $words"; return 1; }
}

# The numbers of findings in this file are of these rules.
counted_on() {
	"$vqtrace" check -r $trace -T json -a --severity should | jq -r 'select(.type == "finding") | "\(.severity) \(.rule)"' |
		sort -u | diff - <(printf '%s\n' "must reset-not-awaited" "should config-read-torn" "should config-read-untimed") && return 0
	echo "< is found now, > was expected. Where a new rule is right about $trace, name it in counted_on(), and"
	echo "change the numbers in json(), junit() and sarif() and the selections at the end of this file."
	return 1
}

pipe() {
	"$vqtrace" check -r $trace | sed "s,$trace,x," >"$tmp/a"
	"$vqtrace" check -r - <$trace | sed 's,standard input,x,' >"$tmp/b"
	cmp "$tmp/a" "$tmp/b"
}

# A finding prints its events as show prints them, without the time since the line before.
lines_of_show() {
	local n line
	"$vqtrace" check -r $trace --severity suspicious >"$tmp/out"
	"$vqtrace" show -r $trace '-#' >"$tmp/show"
	grep -E '^  [> ] +[0-9]+ ' "$tmp/out" | sed 's/^  [> ] *//' >"$tmp/lines"
	[ "$(wc -l <"$tmp/lines")" -ge 12 ] || return 1
	while read -r n line; do
		what=$(sed -E 's/^ *[0-9.]+ +(\+[0-9.]+ [num]?s +)?//; s/   \([^)]*\)$//' <<<"$line")
		grep -E "^ *$n " "$tmp/show" | grep -qF -- "$what" || { echo "$n: $what"; return 1; }
	done <"$tmp/lines"
}

filter() { # the finding is at a write of device_status
	gives 1 reset-not-awaited "$vqtrace" check -r $trace -Y 'register.field == device_status' || return 1
	gives 0 "no findings" "$vqtrace" check -r $trace -Y 'event == kick'
}

window() { # the finding is at 0.269784 s
	gives 1 reset-not-awaited "$vqtrace" check -r $trace --from 0.269s --to 0.27s || return 1
	gives 0 "; findings from 270 ms" "$vqtrace" check -r $trace --from 0.27s --severity must || return 1
	gives 0 "no findings" "$vqtrace" check -r $trace --to 0.269s --severity must || return 1
	gives 2 "nothing is between" "$vqtrace" check -r $trace --from 2s --to 1s
}

count() {
	local n
	n=$("$vqtrace" check -r $trace --severity suspicious -c 2 | grep -cE '^(must|structural|should|suspicious): ')
	[ "$n" = 2 ]
}

# The same packets six times over: each initialisation breaks the rules again.
folded() {
	local n
	{ cat $trace; for n in 1 2 3 4 5; do tail -c +25 $trace; done; } >"$tmp/many.pcap"
	"$vqtrace" check -r "$tmp/many.pcap" >"$tmp/out"
	[ "$(grep -c '^must: reset-not-awaited' "$tmp/out")" = 3 ] || return 1
	grep -q '^more of reset-not-awaited by the driver: blk0' "$tmp/out" || return 1
	grep -q 'must       driver reset-not-awaited .* blk0 6$' "$tmp/out" || return 1
	[ "$("$vqtrace" check -r "$tmp/many.pcap" --all | grep -c '^must: reset-not-awaited')" = 6 ] || return 1
	"$vqtrace" check -r "$tmp/many.pcap" -w "$tmp/many.pcapng" >/dev/null
	[ "$(grep -ac 'reset-not-awaited (driver, must, ' "$tmp/many.pcapng")" = 6 ]
}

# A selection of rules gives the findings that all rules give, only fewer.
selection() {
	local t s n
	for t in traces/qemu7-q1 traces/qemu7-legacy traces/qemu11-packed; do
		n=0
		for s in '*' device driver should 'config-*' T04; do
			"$vqtrace" check -r $t.pcap -T json -a --severity suspicious --rules "$s" >"$tmp/selected$n"
			n=$((n + 1))
		done
		jq -ne --slurpfile all "$tmp/selected0" --slurpfile device "$tmp/selected1" --slurpfile driver "$tmp/selected2" \
			--slurpfile should "$tmp/selected3" --slurpfile config "$tmp/selected4" --slurpfile T04 "$tmp/selected5" '
			def findings: map(select(.type == "finding"));
			($all | findings) as $f | ($f | length) > 2 and
			($device | findings) == ($f | map(select(.party == "device"))) and
			($driver | findings) == ($f | map(select(.party == "driver"))) and
			($should | findings) == ($f | map(select(.severity == "should"))) and
			($config | findings) == ($f | map(select(.rule | startswith("config-")))) and
			($T04 | findings) == ($f | map(select(.clauses | index("T04"))))' || { echo "$t"; return 1; }
	done
}

json() {
	"$vqtrace" check -r $trace -T json --severity suspicious >"$tmp/json"
	[ $? = 1 ] || return 1
	jq -e -s 'map(select(.type == "finding" and .rule == "reset-not-awaited"))[0]
		| .party == "driver" and .severity == "must" and .device == "blk0"
		and (.clauses | index("RESET-D1")) != null and (.events[-1].number == .number)
		and (.events[0].what == "the reset") and (.events[0].text | contains("RESET"))' "$tmp/json" || return 1
	# Every rule has a line; one that could not be decided has a reason.
	jq -e -s '(map(select(.type == "rule")) | length) == '"$("$vqtrace" check --list | wc -l)" "$tmp/json" || return 1
	"$vqtrace" check -r "$tmp/early" -T json >"$tmp/early.json" 2>/dev/null
	jq -e -s 'map(select(.type == "rule" and .state == "not decidable")) | length > 100 and all(.why | length > 0)' \
		"$tmp/early.json" || return 1
	jq -e -s 'map(select(.type == "summary")) | length == 1 and .[0].driver.must == 1' "$tmp/json"
}

junit() {
	command -v xmllint >/dev/null || { echo "xmllint is not installed (libxml2-utils)"; return 77; }
	"$vqtrace" check -r $trace -T junit >"$tmp/junit.xml"
	[ $? = 1 ] || return 1
	xmllint --noout "$tmp/junit.xml" || return 1
	[ "$(xmllint --xpath 'count(//testcase)' "$tmp/junit.xml")" = "$("$vqtrace" check --list | wc -l)" ] || return 1
	[ "$(xmllint --xpath 'count(//testcase)' "$tmp/junit.xml")" = "$(xmllint --xpath 'string(/testsuite/@tests)' "$tmp/junit.xml")" ] || return 1
	[ "$(xmllint --xpath 'string(/testsuite/@failures)' "$tmp/junit.xml")" = 1 ] || return 1
	[ "$(xmllint --xpath 'count(//testcase[skipped])' "$tmp/junit.xml")" = "$(xmllint --xpath 'string(/testsuite/@skipped)' "$tmp/junit.xml")" ] || return 1
	[ "$(xmllint --xpath 'string(//testcase[failure]/@name)' "$tmp/junit.xml")" = reset-not-awaited ]
}

# The properties that the SARIF schema requires, and those that viewers read.
# Of a trace that breaks off before anything is wrong: no report that looks good.
unreadable() {
	head -c 5000 $trace >"$tmp/cut.pcap"
	"$vqtrace" check -r "$tmp/cut.pcap" -T junit >"$tmp/cut.xml" 2>/dev/null
	[ $? = 2 ] || return 1
	[ "$(xmllint --xpath 'concat(/testsuite/@failures, " ", /testsuite/@errors, " ", //testcase[error]/@name)' "$tmp/cut.xml")" = "0 1 readable" ] &&
		[ "$(xmllint --xpath 'count(//testcase)' "$tmp/cut.xml")" = "$(xmllint --xpath 'string(/testsuite/@tests)' "$tmp/cut.xml")" ] &&
		xmllint --xpath 'string(//error/@message)' "$tmp/cut.xml" | grep -q 'breaks after record' || return 1
	"$vqtrace" check -r "$tmp/cut.pcap" -T sarif >"$tmp/cut.sarif" 2>/dev/null
	[ $? = 2 ] && jq -e '.runs[0].invocations[0] | .executionSuccessful == false and (.toolExecutionNotifications[0] |
		.level == "error" and (.message.text | contains("breaks after record")))' "$tmp/cut.sarif"
}

sarif() {
	"$vqtrace" check -r $trace -T sarif --severity should >"$tmp/sarif"
	[ $? = 1 ] || return 1
	jq -e '.version == "2.1.0" and (.["$schema"] | contains("sarif-2.1.0")) and (.runs | length) == 1' "$tmp/sarif" || return 1
	jq -e '.runs[0].tool.driver | .name == "vqtrace" and (.rules | length) > 250 and
		(.rules | all(.id != "" and .shortDescription.text != "" and .fullDescription.text != "" and .help.text != ""
			and (has("helpUri") | not))) and ((.rules | map(.id) | unique | length) == (.rules | length))' "$tmp/sarif" || return 1
	jq -e '.runs[0] | (.tool.driver.rules | map(.id)) as $rules | .results | length == 3 and
		all(.message.text != "" and (.level | IN("error", "warning", "note")) and (.ruleId | IN($rules[]))
			and .locations[0].physicalLocation.artifactLocation.uri == "'$trace'"
			and .locations[0].logicalLocations[0].name == "blk0" and .properties.eventNumber > 0)' "$tmp/sarif" || return 1
	jq -e '.runs[0].invocations[0].executionSuccessful' "$tmp/sarif" || return 1
	"$vqtrace" check -r "$tmp/early" -T sarif >"$tmp/early.sarif" 2>/dev/null
	jq -e '.runs[0].invocations[0].toolExecutionNotifications | length > 0
		and any(.message.text | contains("not decidable"))' "$tmp/early.sarif"
}

list() {
	"$vqtrace" check --list -T json >"$tmp/list"
	# members of struct rule, decoder/check/rule.h
	jq -r '. as $r | {clauses: "refs", section: "section", needs: "needs", expected: "text"} | to_entries[]
		| select($r[.key] | length == 0) | "\($r.rule): its row has no .\(.value)"' "$tmp/list"
	jq -r .rule "$tmp/list" | sort | uniq -d | sed 's/$/: two rules have this .id/'
	jq -e -s 'length > 250 and all(.rule != "" and (.clauses | length) > 0 and (.party | IN("driver", "device"))
		and .section != "" and (.needs | length) > 0 and .expected != "") and ((map(.rule) | unique | length) == length)' "$tmp/list" || return 1
	[ "$("$vqtrace" check --list --rules 'T01' -T json | jq -r .rule)" = kick-before-driver-ok ]
}

pages() { # every rule has one, with all its parts
	local id page part bad=0
	for id in $("$vqtrace" check --list | cut -d' ' -f1); do
		page=$("$vqtrace" check --explain "$id") || { echo "$id: exit $?"; bad=1; }
		for part in "$id" "Why it matters" "Right" "in a trace:" "Wrong" "  ! " "  seen: " "virtio 1.4, "; do
			[[ $page == *"$part"* ]] || { echo "$id: no '$part'"; bad=1; }
		done
	done
	return $bad
}

annotated() {
	"$vqtrace" check -r $trace --severity should -w "$tmp/a.pcapng" >/dev/null
	"$vqtrace" show -r "$tmp/a.pcapng" >"$tmp/a" && "$vqtrace" show -r $trace | cmp - "$tmp/a" || return 1
	"$vqtrace" check -r "$tmp/a.pcapng" --severity should | sed "s,$tmp/a.pcapng,x," >"$tmp/b"
	"$vqtrace" check -r $trace --severity should | sed "s,$trace,x," | cmp - "$tmp/b"
}

wireshark() {
	command -v tshark >/dev/null || { echo "tshark is not installed"; return 77; }
	"$vqtrace" check -r $trace -T json --severity should | jq -r 'select(.type == "finding") | .number' |
		sort -un >"$tmp/want"
	"$vqtrace" check -r $trace --severity should -w "$tmp/a.pcapng" >/dev/null
	tshark -n -r "$tmp/a.pcapng" -Y frame.comment -T fields -e frame.number -e frame.comment >"$tmp/ws" 2>"$tmp/err" ||
		{ cat "$tmp/err"; return 1; }
	cut -f1 "$tmp/ws" | cmp - "$tmp/want" || { cat "$tmp/ws"; return 1; }
	grep -q 'reset-not-awaited (driver, must, virtio 1.4 ' "$tmp/ws" || return 1
	# The packets are those of the trace, to the nanosecond.
	tshark -n -r "$tmp/a.pcapng" -T fields -e frame.time_epoch -e frame.len >"$tmp/x" 2>/dev/null
	tshark -n -r $trace -T fields -e frame.time_epoch -e frame.len 2>/dev/null | cmp - "$tmp/x"
}

cut_file() { # what is before the cut is checked, then exit 2
	head -c 60000 $trace >"$tmp/cut.pcap"
	gives 2 reset-not-awaited "$vqtrace" check -r "$tmp/cut.pcap" || return 1
	grep -q "ends or breaks" "$tmp/err" && grep -q "^summary" "$tmp/out"
}

full_disk() {
	"$vqtrace" check -r $trace 2>"$tmp/err" >/dev/full
	[ $? = 2 ] && grep -q "No space left" "$tmp/err" || return 1
	"$vqtrace" check -r $trace -w /dev/full >/dev/null 2>"$tmp/err"
	[ $? = 2 ] && grep -q "No space left" "$tmp/err"
}

reader_leaves() {
	"$vqtrace" check -r $trace -V 2>"$tmp/err" | head -n 1 >/dev/null
	[ ! -s "$tmp/err" ]
}

itself() {
	cp $trace "$tmp/t.pcap"
	gives 2 "is the trace itself" "$vqtrace" check -r "$tmp/t.pcap" -w "$tmp/t.pcap" || return 1
	cmp $trace "$tmp/t.pcap"
}

plain() { # no colour, no progress, no terminal's controls in a pipe
	NO_COLOR=1 "$vqtrace" check -r $trace -w "$tmp/a.pcapng" 2>&1 | grep -q $'\033' && return 1
	"$vqtrace" check -r $trace --color always | grep -q $'\033' || return 1
	LC_ALL=C "$vqtrace" check -r $trace | grep -qP '[^\x00-\x7f]' && return 1
	return 0
}

many_undecided() { # a few are named, many are counted; -V names all
	local n
	"$vqtrace" check -r "$tmp/early" >"$tmp/few" 2>/dev/null
	n=$(sed -n 's/^not decidable here: descriptor chains.*: \([0-9]*\) rules (.*-V.*/\1/p' "$tmp/few")
	[ "${n:-0}" -gt 16 ] || { cat "$tmp/few"; return 1; }
	! grep -q '^    .*head-out-of-range' "$tmp/few" || return 1
	"$vqtrace" check -V -r "$tmp/early" >"$tmp/all" 2>/dev/null
	! grep -q ' rules (' "$tmp/all" || return 1
	[ "$(sed -n '/^not decidable here: descriptor chains/,/^[^ ]/p' "$tmp/all" | grep '^    ' | wc -w)" = "$n" ]
}

nothing_decidable() { # in no format, and not by the exit status
	local what=(-r traces/qsd11-libblkio.pcap --rules 'status-bit-cleared,device-sets-failed')
	gives 2 "nothing was decidable" "$vqtrace" check "${what[@]}" || return 1
	! grep -q "no findings" "$tmp/out" || return 1
	gives 2 '"decided":{"driver":false,"device":false}' "$vqtrace" check "${what[@]}" -T json &&
		gives 2 "<system-err>nothing was decidable of the driver" \
			"$vqtrace" check "${what[@]}" -T junit &&
		gives 2 "nothing was decidable of the device" "$vqtrace" check "${what[@]}" -T sarif
}

head -c 14000 $trace >"$tmp/early" # ends before the first kick
head -c 24 $trace >"$tmp/nothing" # no record at all
plan 32
check "the trace breaks the rules that this file counts on" counted_on
check "findings of severity must: exit 1" gives 1 reset-not-awaited "$vqtrace" check -r $trace
check "none of the rules asked: exit 0" gives 0 "no findings" "$vqtrace" check -r $trace --rules device
check "less severe ones are counted, not printed" gives 0 "config-read-torn" "$vqtrace" check -r $trace --rules config-read-torn
check "and found when asked" gives 1 "seen: " "$vqtrace" check -r $trace --rules config-read-torn --severity should
check "what is taken away" gives 0 "no findings" "$vqtrace" check -r $trace --rules '!T04' --severity must
check "what cannot be decided is said" gives 2 "not decidable here: kicks" "$vqtrace" check -r "$tmp/early"
check "many are counted, not named" many_undecided
check "nothing decidable is not nothing found" nothing_decidable
check "a trace without devices" gives 2 "no virtio device in this trace" "$vqtrace" check -r "$tmp/nothing"
check "from a pipe" pipe
check "events as show prints them" lines_of_show
check "a filter" filter
check "--from and --to" window
check "a count" count
check "repetitions are folded" folded
check "a selection only takes away" selection
check "JSON" json
check "JUnit" junit
check "JUnit, SARIF: a trace that breaks off" unreadable
check "SARIF" sarif
check "the list" list
check "a page for every rule" pages
check "an annotated trace reads as before" annotated
check "comments in Wireshark" wireshark
check "a file cut off in the middle" cut_file
check "a full disk" full_disk
check "a reader that leaves" reader_leaves
check "never over the trace itself" itself
check "colour and ASCII" plain
check "an unknown rule" gives 2 "did you mean 'kick-before-driver-ok'" "$vqtrace" check --explain kick-before-driver
check "an unknown selection" gives 2 "'nonsense' names no rule" "$vqtrace" check -r $trace --rules 'driver,nonsense'
finish
