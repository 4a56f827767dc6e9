#!/bin/bash
# SPDX-License-Identifier: MIT
# README.md and the guides are true: every command shown with a `$` prints the lines that
# are shown, in that order (a line "…" stands for any lines left out), every link leads to a
# file, and README stays short enough to be read.
set -u
cd "$(dirname "$0")/../.." || exit 1
vqtrace=${VQTRACE:-build/vqtrace}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C.UTF-8 TZ=UTC
guides="README.md .github/CONTRIBUTING.md $(ls ./*/README.md tests/bench/README.md)"
. tests/check/problems.sh

# Lines of $1 that do not follow each other in $2; a line "…" may stand for any.
missing() {
	awk -v out="$2" '
		BEGIN { while ((getline line < out) > 0) have[++lines] = line }
		{ sub(/^    /, ""); sub(/^ *…$/, "…") }
		$0 == "…" { loose = 1; next }
		{
			for (i = at + 1; i <= lines && have[i] != $0; i++)
				if (!loose) { i = lines + 1; break }
			if (i > lines) { print "not printed there: " $0; exit }
			at = i; loose = 0
		}' "$1"
}

for page in $guides; do
	# Blocks: a line "    $ vqtrace ...", then indented lines up to an empty one.
	awk -v dir="$tmp" '/^    \$ vqtrace / { file = dir "/" ++n; sub(/^    \$ vqtrace /, "")
			print > (file ".cmd"); next }
		/^    / && file { print > (file ".want"); next }
		{ file = "" }
		END { print n + 0 > (dir "/count") }' "$page"
	for i in $(seq "$(cat "$tmp/count")"); do
		touch "$tmp/$i.want"
		eval "set -- $(cat "$tmp/$i.cmd")"
		"$vqtrace" "$@" >"$tmp/out" 2>&1
		ok "$page: vqtrace $*" "$(missing "$tmp/$i.want" "$tmp/out")"
	done
	rm -f "$tmp"/*.cmd "$tmp"/*.want
	ok "$page: links lead somewhere" "$(grep -oE '\]\([^)#]+' "$page" | sed 's/^](//' | grep -v '^http' |
		while read -r to; do [ -e "$(dirname "$page")/$to" ] || echo "$to"; done)"
done
ok "README.md has at most 200 lines" "$([ "$(wc -l <README.md)" -le 200 ] || wc -l README.md)"
echo "1..$n"
exit $bad
