# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the benchmarks: quick mode, medians, and lines of the summary table.
# Sourced from the top of the tree.

# default FULL QUICK: how much to measure, if no argument says so.
default() {
	[ -n "${VQT_BENCH_QUICK:-}" ] && echo "$2" || echo "$1"
}

# median FILE: of its first column; of an even number the lower one.
median() {
	sort -g "$1" | sed -n "$((($(wc -l <"$1") + 1) / 2))p" | cut -d' ' -f1
}

# result WHAT VALUE [PEER]: a line of the table that tests/bench/run prints at its end.
# PEER says what VALUE is a multiple of; a VALUE of its own carries its unit.
result() {
	[ -z "${VQT_BENCH_SUMMARY:-}" ] || printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"$VQT_BENCH_SUMMARY"
}

# wait_for_socket PATH
wait_for_socket() {
	local i
	for ((i = 0; i < 300; i++)); do
		[ -S "$1" ] && return
		sleep 0.1
	done
	echo "$1: nobody serves it" >&2
	return 1
}
