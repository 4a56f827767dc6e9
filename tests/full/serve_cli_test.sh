#!/bin/bash
# SPDX-License-Identifier: MIT
# vqtrace serve as a command: its messages, exit codes and confinement.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
. tests/full/serve.sh

# WORDS ARGS...: refused with status 2 and these words
refused() {
	local words=$1 rc
	shift
	timeout -s INT 120 "$vqtrace" serve "$@" >"$tmp/out" 2>&1
	rc=$?
	[ $rc = 2 ] && grep -q -- "$words" "$tmp/out" && return 0
	echo "status $rc"
	cat "$tmp/out"
	return 1
}

refusals() {
	local s=(--vhost-user "$tmp/r.sock")
	refused 'say which device to be' "${s[@]}" &&
		refused 'say where to serve' --disk mem:1M &&
		refused 'choose one protocol' --disk mem:1M "${s[@]}" --vfio-user "$tmp/x" &&
		refused '--size 1G makes one' --disk "$tmp/none.img" "${s[@]}" &&
		refused 'not a size' --disk "$tmp/none.img" --size many "${s[@]}" &&
		refused 'not a size' --disk mem:no "${s[@]}" &&
		refused 'power of two' --disk mem:1M --queue-size 100 "${s[@]}" &&
		refused 'not a feature' --disk mem:1M --features +speed "${s[@]}" &&
		refused 'is not understood' --disk mem:1M --zones hm,wide=3 "${s[@]}" &&
		refused 'at most 107 bytes' --disk mem:1M --vhost-user "$tmp/$(printf '%0120d' 0)" &&
		refused 'folder does not exist' --disk mem:1M --vhost-user "$tmp/no/such" &&
		refused 'not a fault; these are' --disk mem:1M --fault slow "${s[@]}" &&
		refused 'want NAME' --disk mem:1M --fault irq-lost,soon=1 "${s[@]}" &&
		refused 'are of a trace' --disk mem:1M --max-size 1M "${s[@]}" &&
		refused 'cannot be rotated' --disk mem:1M --rotate-size 1M -w - "${s[@]}" &&
		refused "client's" --disk mem:1M --transitional "${s[@]}"
}

help() {
	"$vqtrace" serve --help | grep -q 'vfio-user-pci\|--vfio-user SOCKET' &&
		"$vqtrace" help | grep -q '^  serve'
}

confined() {
	serve conf --disk mem:1M --vfio-user "$tmp/conf.sock" || return 1
	[ -n "${VQTRACE_SERVE:-}" ] && { serve_end conf; echo 'runs unconfined'; return 77; }
	local ok=1
	grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$serve_pid/status" &&
		[ "$(grep -c '^Cap...:[[:space:]]*0000000000000000$' "/proc/$serve_pid/status")" = 5 ] &&
		grep -q '^Seccomp:[[:space:]]*2' "/proc/$serve_pid/status" && ok=0
	grep confined "$tmp/conf.err"
	serve_end conf && return $ok
}

one_server() { # a second one on the same socket is refused, one on a stale socket is not
	serve one --disk mem:1M --vhost-user "$tmp/one.sock" || return 1
	refused 'another server' --disk mem:1M --vhost-user "$tmp/one.sock" || return 1
	kill -9 "$serve_pid"
	wait "$serve_pid" 2>/dev/null
	[ -S "$tmp/one.sock" ] || return 1
	serve one --disk mem:1M --vhost-user "$tmp/one.sock" && serve_end one
}

not_a_socket() { # a file of that name is not removed
	echo precious >"$tmp/file"
	refused 'cannot listen' --disk mem:1M --vhost-user "$tmp/file" && grep -q precious "$tmp/file"
}

empty_trace() { # a server that nobody talked to still leaves a trace that can be read
	serve quiet --disk mem:1M --vfio-user "$tmp/quiet.sock" -w "$tmp/quiet.pcap" && serve_end quiet &&
		"$vqtrace" show -r "$tmp/quiet.pcap" | grep -q 'vfio-user-blk'
}

new_disk() { # made if it is not there; left alone if it is
	serve new --disk "$tmp/new.img" --size 3M --vhost-user "$tmp/new.sock" && serve_end new &&
		[ "$(stat -c %s "$tmp/new.img")" = 3145728 ] && echo mark | dd of="$tmp/new.img" conv=notrunc 2>/dev/null &&
		serve new --disk "$tmp/new.img" --size 8M --vhost-user "$tmp/new.sock" && serve_end new &&
		[ "$(stat -c %s "$tmp/new.img")" = 3145728 ] && head -c 4 "$tmp/new.img" | grep -q mark
}

zoned() {
	serve zoned --disk mem:64M --zones hm,size=4M,conventional=2,open=4,active=6 \
		--vhost-user "$tmp/zoned.sock" && serve_end zoned &&
		refused 'do not fit together' --disk mem:64M --zones hm,size=100 --vhost-user "$tmp/zoned.sock"
}

# Who writes an image has it alone, and is named; readers share it.
one_writer() {
	truncate -s 1M "$tmp/one.img"
	serve writer --disk "$tmp/one.img" --vhost-user "$tmp/writer.sock" || return 1
	local writer=$serve_pid
	refused "process $writer (vqtrace) uses the image" --disk "$tmp/one.img" --vhost-user "$tmp/w2.sock" &&
		refused "process $writer (vqtrace) uses the image for writing" --read-only --disk "$tmp/one.img" \
			--vhost-user "$tmp/w2.sock" || return 1
	serve_end writer && serve reader --read-only --disk "$tmp/one.img" --vhost-user "$tmp/reader.sock" || return 1
	local reader=$serve_pid
	serve reader2 --read-only --disk "$tmp/one.img" --vhost-user "$tmp/reader2.sock" && serve_end reader2 &&
		refused "process $reader (vqtrace) uses" --disk "$tmp/one.img" --vhost-user "$tmp/w2.sock" || return 1
	serve_pid=$reader sock=$tmp/reader.sock
	serve_end reader
}

# Limits end the trace, not the device; files are opened while confined.
limits() {
	local args
	for args in '--duration 100ms' '--max-size 100' '--rotate-time 100ms -W 3'; do
		# shellcheck disable=SC2086
		serve limit --disk mem:1M --vfio-user "$tmp/limit.sock" -w "$tmp/limit.pcap" $args &&
			until_said "$tmp/limit.err" 'the trace ends: .*; the device continues' $serve_pid &&
			serve_end limit && "$vqtrace" show -r "$tmp/limit.pcap" | grep -q 'trace by vqtrace' || return 1
	done
	"$vqtrace" show -r "$tmp/limit.pcap2" | grep -q 'vfio-user-blk' && [ ! -e "$tmp/limit.pcap3" ]
}

# Files that are opened while confined are their owner's only, and follow no link in a shared folder.
next_files() {
	local shared=$tmp/shared
	mkdir -m 1777 "$shared"
	echo precious >"$tmp/victim"
	ln -s "$tmp/victim" "$shared/next.pcap2"
	umask 0
	serve next --disk mem:1M --vfio-user "$tmp/next.sock" -w "$shared/next.pcap" --rotate-time 100ms &&
		until_said "$tmp/next.err" 'next.pcap2: cannot be written: .*; the trace ends here, the device does not' $serve_pid &&
		kill -INT $serve_pid && ! wait $serve_pid || { cat "$tmp/next.err"; return 1; }
	[ "$(stat -c %a "$shared/next.pcap" "$shared/next.pcap1" | sort -u)" = 600 ] && grep -q '^precious$' "$tmp/victim" &&
		"$vqtrace" show -r "$shared/next.pcap1" | grep -q 'vfio-user-blk' || { ls -l "$shared"; return 1; }
}

# Standard error is a full pipe that nobody reads: nothing waits for it.
unread_words() {
	mkfifo "$tmp/words"
	exec 7<>"$tmp/words"
	head -c 65536 /dev/zero >&7
	"$vqtrace" serve ${VQTRACE_SERVE:-} --check --disk mem:1M --vhost-user "$tmp/words.sock" 2>&7 &
	serve_pid=$!
	until_true listens "$tmp/words.sock" && sleep 1 && kill -TERM $serve_pid && until_true gone $serve_pid || {
		kill -KILL $serve_pid
		return 1
	}
	wait $serve_pid
}

# A trace whose reader stalls loses records, and the guest's disk none of its requests.
stalled() { # SIGNAL
	rm -f "$tmp/stalled"
	mkfifo "$tmp/stalled"
	exec 7<>"$tmp/stalled"
	"$vqtrace" serve ${VQTRACE_SERVE:-} --disk mem:1M -s 1024 -w - --vfio-user "$tmp/stalled.sock" >&7 2>"$tmp/stalled.err" &
	serve_pid=$!
	until_true listens "$tmp/stalled.sock" && "$tmp/client" "$tmp/stalled.sock" 19200 || {
		kill -KILL $serve_pid
		cat "$tmp/stalled.err"
		return 1
	}
	kill -"$1" $serve_pid
	wait $serve_pid
	[ $? = 2 ] && grep -q 'its reader stopped reading' "$tmp/stalled.err" &&
		grep -qE '19200 requests.*, [1-9][0-9]* lost' "$tmp/stalled.err" && return
	cat "$tmp/stalled.err"
	return 1
}

# A reader that always takes a little does not hold up the end for as long as it takes to read all.
trickled() {
	local reader rc
	mkfifo "$tmp/trickled"
	"$vqtrace" serve ${VQTRACE_SERVE:-} --disk mem:1M -s 1024 -w - --vfio-user "$tmp/trickled.sock" \
		>"$tmp/trickled" 2>"$tmp/trickled.err" &
	serve_pid=$!
	while head -c 4096 >/dev/null && sleep 0.05; do :; done <"$tmp/trickled" &
	reader=$!
	until_true listens "$tmp/trickled.sock" && "$tmp/client" "$tmp/trickled.sock" 19200 || {
		kill -KILL $serve_pid $reader
		cat "$tmp/trickled.err"
		return 1
	}
	kill -INT $serve_pid
	wait $serve_pid
	rc=$?
	kill $reader
	[ $rc = 2 ] && grep -qE 'its reader (was too slow|stopped reading)' "$tmp/trickled.err" && return
	cat "$tmp/trickled.err"
	return 1
}

# A reader that leaves ends the trace, of which only standard output stays open, and the guest's disk goes on.
reader_left() {
	mkfifo "$tmp/left"
	"$vqtrace" serve ${VQTRACE_SERVE:-} --disk mem:1M -w - --vfio-user "$tmp/left.sock" >"$tmp/left" 2>"$tmp/left.err" &
	serve_pid=$!
	sock=$tmp/left.sock
	head -c 24 "$tmp/left" >"$tmp/left.got"
	until_true listens "$sock" && "$tmp/client" "$sock" 1920 &&
		until_said "$tmp/left.err" 'the trace ends: its reader has left; the device continues' $serve_pid &&
		"$tmp/client" "$sock" 640 && [ "$(readlink "/proc/$serve_pid/fd/"* | grep -c "$tmp/left$")" = 1 ] || {
		kill -KILL $serve_pid
		cat "$tmp/left.err"
		return 1
	}
	serve_end left && [ "$(stat -c %s "$tmp/left.got")" = 24 ] && grep -q '2560 requests' "$tmp/left.err"
}

# A request that never ends: a signal ends the device all the same, and that is said.
never_ending() { # SIGNAL
	local client rc
	[ -z "${VQTRACE_SERVE:-}" ] || { echo 'a sanitizer wants to be loaded first'; return 77; }
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 -shared -fPIC -o "$tmp/never.so" tests/full/never.c || return 1
	truncate -s 1M "$tmp/never.img"
	LD_PRELOAD=$tmp/never.so "$vqtrace" serve --disk "$tmp/never.img" --vfio-user "$tmp/never.sock" 2>"$tmp/never.err" &
	serve_pid=$!
	until_true listens "$tmp/never.sock" || return 1
	"$tmp/client" "$tmp/never.sock" 64 2>/dev/null &
	client=$!
	until_said "$tmp/never.err" 'this request never ends' $serve_pid && kill -"$1" $serve_pid && until_true gone $serve_pid
	rc=$?
	kill -KILL $client
	[ $rc = 0 ] || kill -KILL $serve_pid
	wait $serve_pid
	[ $? = 2 ] && [ $rc = 0 ] && grep -q 'the device did not end by itself, and was ended' "$tmp/never.err" && return
	cat "$tmp/never.err"
	return 1
}

${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 -o "$tmp/client" tests/full/vfio_client.c || exit 1
plan 18
check "help" help
check "what is refused, and how" refusals
check "it runs confined" confined
check "one server a socket; a stale one is replaced" one_server
check "what is not a socket stays" not_a_socket
check "a trace without a client" empty_trace
check "--size makes a disk" new_disk
check "zones" zoned
check "one writer an image, or readers" one_writer
check "a reader that stalls, SIGINT" stalled INT
check "a reader that stalls, SIGTERM" stalled TERM
check "a reader that trickles" trickled
check "a reader that leaves" reader_left
check "a request that never ends, SIGINT" never_ending INT
check "a request that never ends, SIGTERM" never_ending TERM
check "limits of the trace" limits
check "the files of a trace after the first" next_files
check "standard error that nobody reads" unread_words
finish
