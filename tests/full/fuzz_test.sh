#!/bin/bash
# SPDX-License-Identifier: MIT
# Every fuzz target for a while, under ASan and UBSan, from real traces: always the same number
# of inputs from the same VQT_FUZZ_SEED (1), however fast the machine, so that what fails here
# fails for a change of ours; by hand: VQT_FUZZ_SEED=$RANDOM VQT_FUZZ_SECONDS=3600.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/fuzz/seeds.sh
seconds=${VQT_FUZZ_SECONDS:-}
seed=${VQT_FUZZ_SEED:-1}

# As many inputs as take some seconds.
inputs() { # TARGET
	case $1 in
	helper_fuzz) echo 100 ;; # it forks
	follow_fuzz) echo 300 ;;
	check_fuzz | replay_fuzz) echo 700 ;;
	trace_fuzz | http_fuzz | stream_fuzz | kvm_stream_fuzz) echo 1500 ;;
	emu_mmio_fuzz | guest_stream_fuzz | layout_fuzz | live_fuzz | snoop_fuzz | stat_fuzz | stuck_fuzz) echo 3000 ;;
	emu_pci_fuzz | qmp_fuzz | qom_fuzz | qtest_fuzz | shrink_fuzz) echo 50000 ;;
	*) echo 10000 ;;
	esac
}

fuzz() { # TARGET
	local dir=$tmp/$1 limit=(-runs="$(inputs "$1")")
	[ -z "$seconds" ] || limit=(-max_total_time="$seconds")
	seeds "$1" "$dir"
	mkdir -p build/fuzz/found
	if ! "build/fuzz/$1" -seed="$seed" "${limit[@]}" -timeout=120 -rss_limit_mb=3000 -print_final_stats=1 \
		-verbosity=0 -print_funcs=0 -artifact_prefix="build/fuzz/found/$1-" "$dir" >"$tmp/log" 2>&1; then
		tail -n 40 "$tmp/log"
		echo "again: build/fuzz/$1 build/fuzz/found/$1-..."
		return 1
	fi
	grep -E 'number_of_executed_units' "$tmp/log"
}

targets=$(for f in tests/fuzz/*_fuzz.c; do basename "$f" .c; done)
plan "$(wc -w <<<"$targets")"
for t in $targets; do
	if [ -x "build/fuzz/$t" ]; then
		check "$t${seconds:+ for $seconds s}" fuzz "$t"
	else
		check "$t is built ('make fuzz')" false
	fi
done
finish
