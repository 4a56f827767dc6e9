# SPDX-License-Identifier: MIT
# bash completion for vqtrace: `vqtrace complete` finds all that is offered, this asks it and hands on
# the answer. `make install` puts it where bash-completion looks.

# The words before the cursor, as they were typed in quotes or without: readline cuts at = and :, too.
_vqtrace_words() {
	local line=${COMP_LINE:0:COMP_POINT} rest i word
	words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		rest=${line#"${line%%[![:blank:]]*}"}
		[ $i != "$COMP_CWORD" ] || word=$rest # up to the cursor
		if [ $i -gt 0 ] && [ "$rest" = "$line" ] && [ -n "$rest" ]; then
			words[${#words[@]} - 1]+=$word
		else
			words+=("$word")
		fi
		line=${rest#"$word"}
	done
}

# A word without its quotes and backslashes; nothing in it is expanded.
_vqtrace_plain() {
	local left=$1 c in=
	plain=
	while [ -n "$left" ]; do
		c=${left:0:1} left=${left:1}
		if [ "$c" = "$in" ]; then
			in=
		elif [ -z "$in" ] && [[ $c == [\'\"] ]]; then
			in=$c
		elif [ "$c" = \\ ] && [ "$in" != "'" ]; then
			plain+=${left:0:1} left=${left:1}
		else
			plain+=$c
		fi
	done
	quote=$in
}

_vqtrace() {
	local program words word plain quote lines line cut typed=()

	COMPREPLY=()
	_vqtrace_words
	for word in "${words[@]}"; do
		_vqtrace_plain "$word"
		typed+=("$plain")
	done
	program=${typed[0]/#\~/$HOME}
	mapfile -t lines < <("$program" complete -- "${typed[@]:1}" 2>/dev/null)
	case ${lines[0]} in
	files) compopt -o default 2>/dev/null ;;
	command*)
		if declare -F _command_offset >/dev/null; then
			_command_offset "${lines[0]#command }"
		elif [ "${lines[0]#command }" = $((${#words[@]} - 1)) ]; then
			mapfile -t COMPREPLY < <(compgen -c -- "$plain" | sort -u)
		else
			compopt -o default 2>/dev/null
		fi
		return ;;
	esac
	# readline puts the reply in the place of what is behind the last = or :
	cut=
	[ -n "$quote" ] || cut=${plain%"${plain##*[=:]}"}
	for line in "${lines[@]:1}"; do
		line=${line%%$'\t'*}
		line=${line#"$cut"}
		case $quote in # which is open: what would end it, or be expanded in it, is escaped
		\') line=${line//\'/\'\\\'\'} ;;
		\") line=$(sed 's/[\\"`$]/\\&/g' <<<"$line") ;;
		*) printf -v line %q "$line" ;;
		esac
		COMPREPLY+=("$line")
	done
}

complete -F _vqtrace vqtrace
