# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For checks that list what is wrong.  ok WHAT PROBLEMS: passes when PROBLEMS is empty.
n=0 bad=0
ok() {
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$2" | head -n 20 | sed 's/^/# /'
		bad=1
	fi
}
