#!/bin/bash
# SPDX-License-Identifier: MIT
# The recipes of vqtrace-ci(7) that need no guest, run as they stand there.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/check/recipes.sh
top=$PWD
mkdir "$tmp/bin" "$tmp/home"
ln -s "$vqtrace" "$tmp/bin/vqtrace"
export PATH="$tmp/bin:$PATH" HOME="$tmp/home" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b

# --- the option ----------------------------------------------------------------------------------

status() { # WANTED COMMAND...
	local want=$1 rc
	shift
	"$@" >"$tmp/out" 2>&1
	rc=$?
	[ $rc = "$want" ] || { echo "exit $rc: $*"; tail -n 3 "$tmp/out"; return 1; }
}

statuses() {
	local c
	head -c 5000 traces/qemu7-q1.pcap >"$tmp/cut.pcap"
	cp traces/qemu7-blkdebug.pcap "$tmp/undeclared.pcap"
	status 1 "$vqtrace" check --bisect -r traces/qemu7-q1.pcap && status 0 "$vqtrace" check --bisect -r traces/qemu7-microvm.pcap &&
		status 1 "$vqtrace" replay --bisect -r "$tmp/undeclared.pcap" && status 0 "$vqtrace" replay --bisect -r traces/qemu7-q1.pcap || return 1
	for c in check replay; do
		status 125 "$vqtrace" $c --bisect -r "$tmp/none" && status 125 "$vqtrace" $c --bisect -r "$tmp/cut.pcap" && status 125 "$vqtrace" $c -r README.md --bisect &&
			status 125 "$vqtrace" $c --nonsense --bisect && status 125 "$vqtrace" $c --bisect && status 125 "$vqtrace" $c --bisect -r traces/qemu7-q1.pcap -T xml &&
			status 2 "$vqtrace" $c --nonsense && status 0 "$vqtrace" $c --bisect --help || return 1
	done
	[ ! -e /dev/full ] || { "$vqtrace" replay --bisect -r traces/qemu7-q1.pcap >/dev/full 2>&1; [ $? = 125 ]; } || { echo "a full disk"; return 1; }
	status 125 "$vqtrace" check --bisect -r traces/qemu7-q1.pcap --rules virtio-no-such-rule
}

# --- git bisect ----------------------------------------------------------------------------------

# repository MAKE-FILE: ten commits in $tmp/repo, of which the third cannot be built, the fifth gives no
# trace, and the seventh is the first bad one; make and boot do what each has in its files
repository() {
	local i
	rm -rf "$tmp/repo"
	git init -q -b main "$tmp/repo"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		(
			cd "$tmp/repo" || exit
			"$@" $i
			[ $i != 3 ] || printf 'all:\n\tfalse\n' >Makefile
			git add -A && git commit -q -m "change $i"
		) || return 1
	done
	git -C "$tmp/repo" tag bad && git -C "$tmp/repo" tag good HEAD~9 && cp traces/qemu7-q1.pcap "$tmp/repo/works.pcap"
}

booting() { # GOOD-TRACE BAD-TRACE N
	local trace=$1
	printf 'all:\n\t@true\n' >Makefile
	[ "$3" -lt 7 ] || trace=$2
	[ "$3" != 5 ] || trace=$tmp/cut.pcap
	printf '#!/bin/sh\n# %s\ncp %s "$1"\n' "$3" "$trace" >boot
	chmod +x boot
}

# A QEMU that offers one feature less; one that does not start.
qemu() { # N
	local edit=
	printf 'all:\n\t@true\n' >Makefile
	[ "$1" -lt 7 ] || edit='s/"event_idx": *true/"event_idx":false/'
	printf '#!/bin/sh\n# %s\nfor a; do shift; set -- "$@" "$(printf %%s "$a" | sed '\''%s'\'')"; done\n%s exec qemu-system-x86_64 "$@"\n' "$1" "$edit" "$([ "$1" != 5 ] || echo 'exit 1;')" >qemu-system-x86_64
	chmod +x qemu-system-x86_64
}

found() { # RECIPE
	recipe "$1" >"$tmp/recipe"
	[ -s "$tmp/recipe" ] || { echo "no recipe $1"; return 1; }
	(cd "$tmp/repo" && sh -e "$tmp/recipe") >"$tmp/bisect" 2>&1
	grep -q 'is the first bad commit' "$tmp/bisect" && [ "$(git -C "$tmp/repo" log -1 --format=%s refs/bisect/bad)" = "change 7" ] ||
		{ tail -n 20 "$tmp/bisect"; return 1; }
}

skipped() { # the commits that bisect met, but could not test
	git -C "$tmp/repo" bisect log | grep -c '^git bisect skip'
}

bisect_check() {
	cut_trace
	repository booting "$top/traces/qemu7-microvm.pcap" "$top/traces/qemu7-q1.pcap" && found bisect-check && [ "$(skipped)" -gt 0 ]
}

bisect_replay() {
	cut_trace
	cp traces/qemu7-blkdebug.pcap "$tmp/undeclared.pcap"
	repository booting "$top/traces/qemu7-q1.pcap" "$tmp/undeclared.pcap" && found bisect-replay && [ "$(skipped)" -gt 0 ]
}

cut_trace() {
	head -c 5000 traces/qemu7-q1.pcap >"$tmp/cut.pcap"
}

bisect_qemu() {
	command -v qemu-system-x86_64 >/dev/null || { echo "no qemu-system-x86_64"; return 77; }
	repository qemu && found bisect-qemu && [ "$(skipped)" -gt 0 ]
}

# --- the workflow --------------------------------------------------------------------------------

# As a job does it: each command of a step in order, by bash -e, in the repository's folder.
workflow() {
	local t want rc
	python3 -c 'import yaml' 2>/dev/null || { echo "no python3-yaml (make deps)"; return 77; }
	recipe workflow >"$tmp/workflow.yml"
	python3 - "$tmp/workflow.yml" >"$tmp/steps" <<-'PYTHON' || return 1
		import sys, yaml
		w = yaml.safe_load(open(sys.argv[1]))
		assert w["permissions"] == {"contents": "read", "security-events": "write"}
		(job,) = w["jobs"].values()
		for step in job["steps"]:
		    assert ("run" in step) != ("uses" in step), step
		    if "sarif" in step.get("uses", ""):
		        assert step["with"]["sarif_file"] == "virtio.sarif" and step["if"] == "always()"
		    print(step.get("run", ""))
	PYTHON
	for t in qemu7-q1:1 qemu7-microvm:0; do
		want=${t#*:} t=${t%:*}
		rm -rf "$tmp/job"
		mkdir "$tmp/job"
		cp "traces/$t.pcap" "$tmp/job/boot.pcap"
		(cd "$tmp/job" && bash -e "$tmp/steps") >"$tmp/job.out" 2>&1
		rc=$?
		[ $rc = "$want" ] || { echo "$t: exit $rc"; cat "$tmp/job.out"; return 1; }
		xmllint --noout "$tmp/job/virtio.xml" && [ "$(xmllint --xpath 'string(/testsuite/@failures)' "$tmp/job/virtio.xml")" = "$want" ] || { echo "$t: JUnit"; return 1; }
		# what SARIF's schema requires of these objects, and GitHub of a result
		jq -e --argjson n "$want" '.version == "2.1.0" and (.runs | length) == 1 and (.runs[0] | .tool.driver.name == "vqtrace" and
			([.tool.driver.rules[].id] as $ids | (.results | length) == $n and all(.results[]; (.message.text | length) > 0 and (.ruleId | IN($ids[]))
				and (.level | IN("none", "note", "warning", "error")) and (.locations | length) == 1
				and (.locations[0].physicalLocation | .artifactLocation.uri == "boot.pcap" and .region.startLine == 1)))
			and all(.invocations[]; .executionSuccessful))' "$tmp/job/virtio.sarif" >/dev/null || { echo "$t: SARIF"; return 1; }
	done
	rm "$tmp/job"/* # without a trace the job fails, and uploads no findings
	! (cd "$tmp/job" && bash -e "$tmp/steps") >"$tmp/job.out" 2>&1 && [ ! -e "$tmp/job/virtio.sarif" ]
}

plan 5
check "check --bisect, replay --bisect: exit status" statuses
check "git bisect run: check" bisect_check
check "git bisect run: replay" bisect_replay
check "git bisect run: replay against QEMU" bisect_qemu
check "the GitHub workflow" workflow
finish
