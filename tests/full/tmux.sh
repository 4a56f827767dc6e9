# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Terminals for tests: servers of tmux whose sockets are $tmp/tmux-*, all ended with the test.
# Sourced after lib.sh.

command -v tmux >/dev/null || { echo "tmux is not installed"; exit 77; }
# shellcheck disable=SC2034 # of the test
shown='\033]2;shown\033\\' # to be printed behind the output: see ended

T() { tmux -S "$socket" -f /dev/null "$@"; }

end_servers() { # those of the subshells in which tests run, too
	local s
	for s in "$tmp"/tmux-*; do
		[ ! -S "$s" ] || tmux -S "$s" kill-server 2>/dev/null
	done
}
trap 'end_servers; rm -rf "$tmp"' EXIT

# Another server: the one before may take its time to go.
new_socket() { socket=$(mktemp -u "$tmp/tmux-XXXXXX"); }

# The terminal has the title "shown" once it has shown all that was printed before it.
ended() { [ "$(T display-message -p '#{pane_title}')" = shown ]; }
