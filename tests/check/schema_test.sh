#!/bin/bash
# SPDX-License-Identifier: MIT
# The JSON Schemas of cli/schema: what every command prints as JSON matches them, and nothing else does.
#
#   schema_test.sh            compare
#   schema_test.sh --update   rewrite cli/schema/show.json, which is made from the table of fields
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
if [ "${1:-}" = --update ]; then
	"$vqtrace" show --schema >cli/schema/show.json
	exit
fi
for python in python3 /usr/bin/python3; do
	"$python" -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null && break
done
"$python" -c 'import jsonschema' 2>/dev/null || { echo "python3-jsonschema is not installed"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1

# All of them, and all kinds of hostile names: tests/full/schema_test.sh.
traces=$(printf 'traces/%s\n' qemu7-{kvm,late,calls,q1-both,blkdebug}.pcap*)
kinds="quote"
if [ -n "${VQT_SCHEMA_ALL:-}" ]; then
	traces=$(ls traces/*.pcap*) kinds=$(build/tests/lab/hostile --list)
fi

words=()
# output NAME COMMAND...: what the command prints is an output of the schema NAME.
output() {
	local name=$1 file=$tmp/${#words[@]}.json
	shift
	"$vqtrace" "$@" >"$file" 2>/dev/null
	[ ! -s "$file" ] || words+=("$name=$file")
}

of_trace() { # TRACE
	local by
	output show show -r "$1" -T json
	output requests show -r "$1" --requests -T json
	output lifecycle show -r "$1" --lifecycle -T json
	output classes show -r "$1" --classes -T json
	output stat stat -r "$1" -T json
	output stat stat -r "$1" -T json --from 1ms --to 60s -Y device
	output stat-rows stat -r "$1" --latency -T json
	for by in queue type size vcpu time; do
		output stat-rows stat -r "$1" --by $by -T json
	done
	output check check -r "$1" -T json
	output check check -r "$1" -T json --severity suspicious
	output stuck stuck -r "$1" -T json
	output stuck stuck -r "$1" -V -T json
	output replay replay -r "$1" -T json
	output top top -b --delay 2s -r "$1" -T json
	output diff diff -T json "$1" traces/qemu7-two-disks.pcap
}

of_host() {
	local i
	output rules check --list -T json
	for i in kvm vhost-user ${VQT_SCHEMA_ALL:+qemu memory guest}; do
		output doctor doctor -V -i $i -T json
	done
}

real() {
	local t
	words=()
	for t in $traces; do
		of_trace "$t"
	done
	of_host
	"$python" tests/check/schema.py cli/schema "${words[@]}" || return 1
	# Each schema was needed, but of what a page of stat is a part of.
	diff <(printf '%s\n' "${words[@]%%=*}" | sort -u) <(basename -s .json cli/schema/*.json | sort)
}

hostile() {
	local kind t
	words=()
	for kind in $kinds; do
		for t in traces/qemu7-late.pcap ${VQT_SCHEMA_ALL:+traces/qemu7-calls.pcap}; do
			build/tests/lab/hostile "$kind" "$t" "$tmp/hostile.pcap" || return 1
			of_trace "$tmp/hostile.pcap"
		done
	done
	# A trace that is broken: what is readable is shown.
	head -c 60001 traces/qemu7-q1.pcap >"$tmp/cut.pcap"
	of_trace "$tmp/cut.pcap"
	"$python" tests/check/schema.py cli/schema "${words[@]}"
}

generated() {
	"$vqtrace" show --schema | diff -u cli/schema/show.json - |
		head -n 30 | tee "$tmp/diff"
	[ ! -s "$tmp/diff" ] || { echo "look at the promise in vqtrace-json(7), then: make regression"; return 1; }
}

# A key of show's schema is a field of --fields, and the other way round.
same_fields() {
	jq -r '
		def keys_of($defs): . as $s | if $s["$ref"] then $defs[$s["$ref"][8:]] | keys_of($defs)
			elif $s.type == "array" and $s.items.type == "object" then $s.items | keys_of($defs)
			elif $s.type == "object" then $s.properties | to_entries[] |
				.key as $k | .value | [keys_of($defs)] | if . == [] then [$k] else .[] | [$k] + . end
			else empty end;
		."$defs" as $defs | $defs | to_entries[] | select(.key | startswith("event_")) | .value |
			[keys_of($defs)][] | flatten | join(".")' cli/schema/show.json |
		sed 's/^[a-z]*\.request\./request./' | grep -v '^json_version$' | sort -u >"$tmp/keys"
	"$vqtrace" show --fields | grep -v '(filters only)$' | awk '{ print $1 }' | sort -u >"$tmp/fields"
	diff "$tmp/keys" "$tmp/fields"
}

# Each command that prints JSON has a schema, and the page names each schema.
complete() {
	local c s rc=0
	for c in $("$vqtrace" help | awk '/^  [a-z]/ { print $1 }'); do
		"$vqtrace" "$c" --help 2>/dev/null | grep -q 'text|json' || continue
		grep -q "vqtrace $c " cli/schema/*.json || { echo "vqtrace $c -T json has no schema"; rc=1; }
	done
	for s in cli/schema/*.json; do
		s=$(basename "$s")
		grep -qF "$s" cli/man/vqtrace-json.7 || { echo "vqtrace-json(7) does not name $s"; rc=1; }
	done
	grep -q "version is $(jq '."$defs".event_session.properties.json_version.const' cli/schema/show.json)\." cli/man/vqtrace-json.7 ||
		{ echo "vqtrace-json(7) names another version"; rc=1; }
	return $rc
}

plan 5
check "show --schema is cli/schema/show.json" generated
check "its keys are those of show --fields" same_fields
check "every JSON output has a schema, every schema is in the manual" complete
check "outputs match" real
check "with hostile names, and of a broken trace" hostile
finish
