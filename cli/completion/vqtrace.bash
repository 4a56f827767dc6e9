# SPDX-License-Identifier: MIT
# bash completion for vqtrace. What it offers is read off --help, --list and --fields, so
# that it cannot fall behind. `make install` puts it where bash-completion looks.

# The options in front of their explanations: "-q, --quiet  text", "--light[=TIME]  text".
_vqtrace_options() { # PROGRAM COMMAND
	"$1" "$2" --help 2>/dev/null | sed -n 's/^  \(-.*\)/\1/p' | sed 's/   *.*//' |
		grep -oE -- '(^|[ ,])--?[[:alnum:]#][[:alnum:]-]*' | tr -d ' ,'
}

# What may follow an option; nothing: a file.
_vqtrace_values() { # PROGRAM COMMAND OPTION
	case $3 in
	--rules | --explain) "$1" check --list 2>/dev/null | cut -d' ' -f1 ;;
	--severity) echo must structural should suspicious ;;
	--color) echo auto always never ;;
	--by) echo queue type size vcpu time ;;
	--against) echo emu qemu ;;
	-p | --pid) pgrep -f qemu-system ;;
	-Y | --filter | -e | --field) "$1" show --fields 2>/dev/null | cut -d' ' -f1 ;;
	# "-T, --format text|json  ..." names them all
	*) "$1" "$2" --help 2>/dev/null | sed -nE "s/^  ($3,.*|.*$3) ([a-z]+[|][a-z|]+).*/\2/p" | tr '|' ' ' ;;
	esac
}

_vqtrace() {
	local program=$1 cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i words

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		words="$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z]*\)  .*/\1/p') --help --version"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do # another command line begins
		[ "${COMP_WORDS[i]}" = -- ] || continue
		if declare -F _command_offset >/dev/null; then
			_command_offset $((i + 1))
		elif [ $i = $((COMP_CWORD - 1)) ]; then
			mapfile -t COMPREPLY < <(compgen -c -- "$cur" | sort -u)
		fi
		return
	done
	if [[ $cur == -* ]]; then
		words=$(_vqtrace_options "$program" "${COMP_WORDS[1]}")
	else
		words=$(_vqtrace_values "$program" "${COMP_WORDS[1]}" "$prev")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o bashdefault -o default -F _vqtrace vqtrace
