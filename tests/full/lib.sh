# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the shell tests: TAP output, a temporary directory, what is needed.
# Sourced from the top of the tree.

vqtrace=${VQTRACE:-$PWD/build/vqtrace}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/vqtrace-test-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C.UTF-8 VQT_QEMU11=${VQT_QEMU11:-$PWD/build/qemu11/qemu-system-x86_64}
tap_n=0 tap_bad=0

# plan CHECKS [MORE]: MORE of them by check_more
plan() {
	echo "1..$(($1 + (${VQT_MATRIX:+1}0 ? ${2:-0} : 0)))"
}

# check NAME COMMAND...: the command's output becomes comments, its status the result.
check() {
	local name=$1 out rc
	shift
	tap_n=$((tap_n + 1))
	out=$("$@" 2>&1)
	rc=$?
	if [ $rc = 0 ]; then
		echo "ok $tap_n - $name"
	elif [ $rc = 77 ]; then
		echo "ok $tap_n - $name # SKIP $(tail -n 1 <<<"$out")"
	else
		echo "not ok $tap_n - $name"
		head -n 40 <<<"$out" | sed 's/^#* */# /'
		tap_bad=1
	fi
}

# Combinations that add little to those of `make test`: `make conformance` runs them,
# with VQT_MATRIX=all.
check_more() {
	[ -z "${VQT_MATRIX:-}" ] || check "$@"
}

finish() {
	exit $tap_bad
}

# until_true COMMAND...: wait until the command succeeds, five minutes at most: the
# machine may be busy.
until_true() {
	local end=$((SECONDS + 300))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

gone() { # PID: has it ended, waited for or not?
	! kill -0 "$1" 2>/dev/null || grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

# until_said FILE WORDS [PID]: wait until the file has the words, while the process lives.
until_said() {
	said_or_dead() {
		grep -q -- "$2" "$1" 2>/dev/null || { [ -n "${3:-}" ] && ! kill -0 "$3" 2>/dev/null; }
	}
	until_true said_or_dead "$@" && grep -q -- "$2" "$1" 2>/dev/null && return 0
	echo "no '$2' in $(basename "$1")" >&2
	return 1
}

# Does a process listen at this socket? The file exists shortly before that.
listens() { # PATH
	grep -q " 00010000 .* $1\$" /proc/net/unix
}

# Recording needs root and BPF; where doctor says no, the whole test is skipped.
need_recording() {
	local why
	if ! why=$("$vqtrace" doctor 2>&1); then
		echo "recording is not possible here: $(grep -i fail <<<"$why" | head -n 1)"
		exit 77
	fi
}

# qmp COMMAND: its answer on stdout. The descriptors 8 and 9 are the ends of QEMU's monitor.
qmp() {
	local line
	echo "$1" >&8
	while read -r -t 100 line <&9; do
		case $line in
		*'"return"'*) echo "$line"; return 0 ;;
		*'"error"'*) echo "$1: $line" >&2; return 1 ;;
		esac
	done
	echo "QMP does not answer: $1" >&2
	return 1
}
