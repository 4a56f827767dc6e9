# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# recipe NAME: the text of a recipe of vqtrace-ci(7), as a reader of the page has it.
recipe() {
	awk -v name="$1" '
		$0 == ".\\\" recipe: " name { here = 1; next }
		here && /^\.Bd/ { text = 1; next }
		text && /^\.Ed/ { exit }
		text { gsub(/\\e/, "\\"); print }' cli/man/vqtrace-ci.7
}
