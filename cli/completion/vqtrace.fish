# SPDX-License-Identifier: MIT
# fish completion for vqtrace: `vqtrace complete` finds all that is offered, this asks it and hands on
# the answer. `make install` puts it where fish looks.

function __vqtrace_complete
    set -l typed (commandline -opc)
    set -l word (commandline -ct)
    # as it was typed, a quote may be open
    set -l plain (string unescape -- $word; or string replace -r '^[\'"]' '' -- $word)
    set -l lines ($typed[1] complete -- $typed[2..] "$plain" 2>/dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path "$plain"
        case 'command *'
            set -l first (math (string replace 'command ' '' -- $lines[1]) + 1)
            set -l rest
            if test $first -le (count $typed)
                set rest (string escape -- $typed[$first..])
            end
            complete -C (string join ' ' -- $rest $word)
    end
    string join \n -- $lines[2..]
end

complete -c vqtrace -f -a '(__vqtrace_complete)'
