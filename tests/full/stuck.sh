# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Machines that hang, for stuck_test.sh: a guest under load whose disk is served by qemu-nbd,
# or by `vqtrace serve`, and ways to make it hang and go on again.
# Sourced from the top of the tree after tests/full/lib.sh and serve.sh.

hang=build/tests/lab/hang
# One row a hang: QEMU, configuration, hang, right, given without QMP and with it.
rows=${VQT_TABLE:-/dev/null}

# start NAME QEMU CONFIG LOAD [QEMU-ARGS...]: the guest does that until it is stopped.
start() {
	name=$1 qemu=$2 config=$3
	local load=$4 node d=$tmp/$1
	shift 4
	mkdir -p "$d"
	truncate -s 64M "$d/nbd.img"
	qemu-nbd -t -e 64 -f raw -k "$d/nbd" "$d/nbd.img" &
	nbd=$!
	until_true listens "$d/nbd" || return 1
	node='{"driver":"throttle","throttle-group":"tg0","file":{"driver":"nbd","server":{"type":"unix","path":"'$d/nbd'"}}}'
	tests/lab/guest-cmd --exec --timeout 3000 --qemu "$qemu" --disk "$d/disk.img" --file "$node" \
		--qmp "$d/qmp" --serial "$d/serial" --pidfile "$d/pid" --run "$load" \
		--arg -object --arg throttle-group,id=tg0 --arg -name --arg "$name,debug-threads=on" \
		--arg -chardev --arg "socket,path=$d/gdb,server=on,wait=off,id=gdb" \
		--arg -gdb --arg chardev:gdb "$@" "$config" >"$d/out" 2>&1 &
	guest=$!
	until_said "$d/serial" 'VQT STEP' $guest || { cat "$d/out"; return 1; }
	pid=$(cat "$d/pid")
}

load() { # CONFIG [DEVICE]: four requests at a time for each queue
	case $1 in
	*mq4) echo "read,dev=${2:-vda},cpu=0-3,t=3000,rand,qd=4" ;;
	*) echo "read,dev=${2:-vda},t=3000,rand,qd=4" ;;
	esac
}

finish_machine() {
	kill -CONT "$nbd" "$pid" 2>/dev/null
	kill "$pid" "$nbd" 2>/dev/null
	wait "$guest" "$nbd" 2>/dev/null
}

look() { # OPTIONS...: the answer as JSON in $tmp/$name/json; its exit code
	"$vqtrace" stuck -p "$pid" -T json "$@" >"$tmp/$name/json" 2>"$tmp/$name/err"
}

verdicts() {
	sed -n 's/.*"verdict":"\([a-z-]*\)".*/\1/p' "$tmp/$name/json"
}

works() { # requests are completed
	look --watch 1s
	verdicts | grep -qxE 'moves|slow'
}

ask_machine() { # COMMAND [ARGUMENTS]
	$hang qmp "$tmp/$name/qmp" "$@"
}

fact() { # NAME: of queue 0
	sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$tmp/$name/json" | head -n 1
}

thread() { # NAME: of a thread, its id
	local t
	for t in /proc/"$pid"/task/*; do
		grep -q "^$1" "$t/comm" && basename "$t" && return 0
	done
	echo "no thread $1"
	return 1
}

row() { # HANG RIGHT GIVEN [WITH-QMP]: "-" where it was not asked
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$qemu" "$config" "$1" "${2//|/ or }" "$3" "${4--}" >>"$rows"
}

# judge RIGHT CODE: is the answer in json right, and the exit code with it?  RIGHT is a pattern
# of verdicts, and other queues may be idle, or move, if slowly.
judge() {
	local good=0
	verdicts | grep -qxE "$1" && ! verdicts | grep -qvxE "$1|idle|moves|slow" || good=1
	if grep -q '"stuck":true' "$tmp/$name/json"; then [ "$2" = 1 ]; else [ "$2" = 0 ]; fi || good=1
	[ $good = 0 ] || cat "$tmp/$name/json" "$tmp/$name/err"
	return $good
}

# answers HANG RIGHT: what stuck says now, and where the matrix is asked for, also with QMP.
answers() {
	local what=$1 right=$2 given with=- code good=0
	shift 2
	look "$@"
	code=$?
	given=$(verdicts | sort -u | paste -sd' ')
	judge "$right" $code || good=1
	if [ -n "${VQT_MATRIX:-}" ]; then
		look --qmp "$tmp/$name/qmp"
		code=$?
		with=$(verdicts | sort -u | paste -sd' ')
		judge "$right" $code || good=1
	fi
	row "$what" "$right" "$given" "$with"
	echo "$what: $given; $with"
	return $good
}

# --- hangs -----------------------------------------------------------------------------------

back_end_stopped() {
	kill -STOP "$nbd"
	until_true at_rest not-answered
	answers "back end stopped" not-answered "$@"
	local code=$?
	grep -q '"request":"IN sector' "$tmp/$name/json" || code=1
	kill -CONT "$nbd"
	return $code
}

throttled() {
	ask_machine qom-set '{"path":"/objects/tg0","property":"limits","value":{"iops-total":1}}' || return 1
	until_true at_rest slow
	answers "one request a second" slow
	local code=$?
	ask_machine qom-set '{"path":"/objects/tg0","property":"limits","value":{"iops-total":0}}' || return 1
	return $code
}

qemu_stopped() { # with requests at the back end
	kill -STOP "$nbd"
	until_true at_rest not-answered
	kill -STOP "$pid"
	answers "QEMU under SIGSTOP" stopped
	local code=$?
	kill -CONT "$pid" "$nbd"
	return $code
}

paused() {
	ask_machine stop || return 1
	# what was in flight is answered before QEMU pauses
	answers "machine paused" 'paused|idle'
	local code=$?
	grep -q '"state":"paused"' "$tmp/$name/json" || code=1
	ask_machine cont || return 1
	return $code
}

# lost FACT HANG RIGHT: all that is written to an eventfd is taken before it is read, until
# nothing moves.  The fact tells which eventfd.
lost() {
	local eventfd=$1 what=$2 right=$3 fd thief code
	look
	fd=$(fact "$eventfd")
	[ -n "$fd" ] || { echo "no $eventfd"; return 1; }
	$hang steal "$pid" "$fd" 1000000 &
	thief=$!
	until_true at_rest "$right"
	answers "$what" "$right"
	code=$?
	kill $thief
	wait $thief 2>/dev/null # or it takes this one, too
	$hang poke "$pid" "$fd"
	return $code
}

kick_lost() {
	lost kick_eventfd "kick lost" not-kicked
}

at_rest() { # VERDICT: of any queue
	look --watch 1s
	verdicts | grep -qxE "$1"
}

# The entry of vector 1, queue 0, in guest memory.
vector_entry() {
	local at
	at=$(ask_machine human-monitor-command '{"command-line":"info mtree -f"}' |
		grep -oE '[0-9a-f]+-[0-9a-f]+ \(prio 0, i/o\): msix-table' | head -n 1 | cut -d- -f1)
	[ -n "$at" ] && printf '%d' $((0x$at + 16))
}

load_word() { # ADDRESS
	$hang load "$tmp/$name/gdb" "$(printf '%x' "$1")"
}

store_word() { # ADDRESS VALUE
	$hang store "$tmp/$name/gdb" "$(printf '%x' "$1")" "$2"
}

# Where the eventfd to the guest is in use it is emptied; else the message goes to a processor
# that is not there.
interrupt_lost() {
	local at to data code
	if [ "$config" = iothread ]; then
		lost interrupt_eventfd "interrupt lost" not-reaped
		return
	fi
	at=$(vector_entry) && to=$(load_word "$at") && data=$(load_word $((at + 8))) || return 1
	store_word "$at" 0xfee7f000 || return 1
	until_true at_rest not-reaped
	answers "interrupt lost" not-reaped
	code=$?
	# the message that was lost
	store_word "$at" "$to" && store_word $((to)) "$data" || return 1
	return $code
}

# With requests at the back end, the first processor stops; then they are answered.
processor_stopped() {
	local holder code
	kill -STOP "$nbd"
	until_true at_rest not-answered
	: >"$tmp/$name/held"
	$hang hold "$(thread 'CPU 0')" >"$tmp/$name/held" &
	holder=$!
	until_said "$tmp/$name/held" held $holder
	kill -CONT "$nbd"
	until_true at_rest not-reaped
	answers "processor stopped" not-reaped
	code=$?
	kill $holder
	return $code
}

# switched HANG RIGHT COMMAND WHERE ON OFF: a bit of the device, written by the gdb stub
switched() {
	local what=$1 right=$2 command=$3 where=$4 on=$5 off=$6 code
	$hang "$command" "$tmp/$name/gdb" "$where" "$on" || return 1
	until_true at_rest "$right"
	answers "$what" "$right"
	code=$?
	$hang "$command" "$tmp/$name/gdb" "$where" "$off" || return 1
	return $code
}

function_masked() {
	switched "Function Mask set" function-masked function 4 on off
}

vector_masked() {
	local at
	at=$(vector_entry) || return 1
	switched "vector masked" vector-masked store "$(printf '%x' $((at + 12)))" 1 0
}

intx_disabled() {
	switched "Interrupt Disable set" intx-disabled intx 4 on off
}

# The thread that serves the queue stops: kicks stay in the eventfd.
device_stopped() {
	local holder code
	$hang hold "$(thread 'IO io0')" &
	holder=$!
	until_true at_rest 'kick-waits|not-answered'
	answers "I/O thread stopped" 'kick-waits|not-answered|not-popped'
	code=$?
	kill $holder
	return $code
}

# The last: the guest does not come back.
spins() { # QEMU waits for what is in flight before it lets the stub in
	local stub
	kill -STOP "$nbd"
	until_true at_rest not-answered
	$hang spin "$tmp/$name/gdb" &
	stub=$!
	sleep 1
	kill -CONT "$nbd"
	wait $stub || return 1
	# of INTx more is known: the driver has not read the ISR
	answers "guest spins, interrupts off" "$([ "$config" = intx ] && echo not-served || echo not-reaped)"
}

# --- our own device --------------------------------------------------------------------------

# served HANG FAULT LIVE TRACED WHO QEMU PROTOCOL CONFIG: `vqtrace serve` breaks a rule.  What
# QEMU's memory shows of it and who has to act, and what the server's own trace shows.
served() {
	local what=$1 fault=$2 live=$3 traced=$4 who=$5 qemu=$6 protocol=$7 config=$8 name=${2%%,*}$6$7$8
	local queues=1 features=-ring_packed packed=off code=0 given
	# shellcheck disable=SC2034 # of machine
	local guest_timeout=3000
	case $config in *mq4) queues=4 ;; esac
	case $config in packed*) features=+ring_packed packed=on ;; esac
	mkdir -p "$tmp/$name"
	serve "$name" --disk mem:64M --queues $queues --features $features --fault "$fault" \
		"--$protocol" "$tmp/$name.sock" -w "$tmp/$name.pcap" || return 1
	if [ "$protocol" = vfio-user ]; then vfio_user; else vhost_user "num-queues=$queues,packed=$packed,disable-legacy=on"; fi
	linux "vqt.run=$(load "$config")"
	machine "$qemu" $queues "$tmp/$name/serial" "${linux_args[@]}" "${device[@]}" -pidfile "$tmp/$name/pid" \
		-qmp "unix:$tmp/$name/qmp,server=on,wait=off" >"$tmp/$name/out" 2>&1 &
	guest=$!
	if ! until_said "$tmp/$name/serial" 'VQT STEP 1' $guest; then
		kill $guest "$serve_pid" # timeout ends QEMU, too
		wait $guest "$serve_pid"
		return 1
	fi
	pid=$(cat "$tmp/$name/pid")
	# of a whole function of another process QEMU does not know the queues
	[ "$protocol" = vhost-user ] || live=cannot-tell
	until_true at_rest "$live"
	sleep 2
	config=$config,$protocol
	answers "$what" "$live" || code=1
	[ "$live" = cannot-tell ] || grep -q "\"next\":\"$who\"" "$tmp/$name/json" || code=1
	"$vqtrace" stuck -r "$tmp/$name.pcap" -T json >"$tmp/$name/json" 2>"$tmp/$name/err"
	judge "$traced" $? || code=1
	given=$(verdicts | sort -u | paste -sd' ')
	row "the same, by serve's trace" "$traced" "$given"
	echo "the trace: $given"
	kill "$pid"
	wait $guest
	serve_end "$name" || code=1
	return $code
}

held() { # QEMU PROTOCOL CONFIG: it pops the requests and completes them no more
	served "completions held by serve" never-completes,after=300 not-answered not-answered "back end" "$@"
}

# It completes and does not interrupt, of which QEMU knows nothing: the answer names both who
# may have to act.
not_raised() {
	served "interrupt not sent by serve" irq-lost,after=100 not-reaped not-raised "driver or device" "$@"
}

# --- machines that work ------------------------------------------------------------------------

# The machine is stopped for a moment, and paused, again and again.
noise() {
	while [ ! -e "$tmp/$name/quiet" ]; do
		sleep 0.7
		kill -STOP "$pid"
		sleep 0.2
		kill -CONT "$pid"
		sleep 0.7
		ask_machine stop >/dev/null
		sleep 0.2
		ask_machine cont >/dev/null
	done
}

# A look that fell into one stop or pause as a whole says so: that is true, and passes.
between_noises() { # OPTIONS...; code: what look() returned
	look "$@"
	code=$?
	! verdicts | grep -qxE 'paused|stopped'
}

innocent() { # LOOKS: does an answer accuse anybody?
	local i code
	for ((i = 0; i < $1; i++)); do
		# shellcheck disable=SC2046 # none or two words
		until_true between_noises $([ $((i % 2)) = 0 ] || echo --watch 1s) && [ $code = 0 ] &&
			! verdicts | grep -qvE '^(moves|slow|idle|cannot-tell)$' && continue
		cat "$tmp/$name/json" "$tmp/$name/err"
		return 1
	done
}

say_whether() { # CODE WHAT: a row of the table
	row "$2" "nobody accused" "$([ "$1" = 0 ] && echo nobody accused || echo accused)"
	return "$1"
}

# The checker, live and in `stat`; and the end of the trace.
views() { # EXIT-CODE-OF-RECORD WHAT
	local d=$tmp/$name
	[ "$1" = 0 ] && ! grep -q ' by the d[a-z]*: ' "$d/check" &&
		{ [ "$2" = idle ] || grep -q '^device  no findings' "$d/check"; } &&
		"$vqtrace" stat -r "$d/pcap" >"$d/stat" && ! grep '^ *findings' "$d/stat" | grep -qv ' none$' &&
		"$vqtrace" stuck -r "$d/pcap" >"$d/end" && return 0
	tail -n 20 "$d/check" "$d/stat" "$d/end"
	return 1
}

# healthy LOOKS WHAT: at a machine under load or idle, with noise; meanwhile the other views.
healthy() {
	local quake code=0 check='' top d=$tmp/$name
	noise &
	quake=$!
	if [ -n "${VQT_MATRIX:-}" ] && "$vqtrace" doctor >/dev/null 2>&1; then
		"$vqtrace" record -p "$pid" --check=suspicious -w "$d/pcap" --duration 12s >"$d/check" 2>&1 &
		check=$!
		"$vqtrace" top -p "$pid" -b -c 8 -T json >"$d/top" 2>&1 &
		top=$!
	fi
	innocent "$1"
	say_whether $? "$2: $1 looks" || code=1
	if [ -n "$check" ]; then
		wait "$check"
		views $? "$2"
		say_whether $? "$2: record --check, stat, stuck -r" || code=1
		wait "$top"
		! grep -qE '"(findings|stalled)":[1-9]' "$d/top" && grep -q '"findings":' "$d/top"
		say_whether $? "$2: top" || { code=1; tail -c 2000 "$d/top"; }
	fi
	: >"$tmp/$name/quiet"
	wait $quake
	return $code
}

# --- many queues ---------------------------------------------------------------------------------

measured() { # WHAT CODE OPTIONS...: a look, with its time and memory
	local what=$1 code=$2 mib
	shift 2
	# first in the queue for a processor: other machines of this test are busy
	nice -n -15 $hang measure "$tmp/$name/cost" "$vqtrace" stuck -p "$pid" "$@" >"$tmp/$name/many" 2>&1
	[ $? = "$code" ] || { cat "$tmp/$name/many"; return 1; }
	[ "$code" = 0 ] || grep -q '^64 queues are stuck' "$tmp/$name/many" || { cat "$tmp/$name/many"; return 1; }
	printf 'cost\t%s\t%s\t%s\n' "$qemu" "$what" "$(cat "$tmp/$name/cost")" >>"$rows"
	mib=$(cut -f 4 "$tmp/$name/cost")
	echo "$what: $(cat "$tmp/$name/cost")"
	[ "$mib" -le 48 ]
}

# Sixteen disks with four queues each, all in use.
many() { # QEMU
	local i args=() jobs d=$tmp/many$1 code=0 letter
	jobs=$(load mq4)
	for ((i = 1; i < 16; i++)); do
		# shellcheck disable=SC2059 # b to p
		letter=$(printf "\\x$(printf '%x' $((97 + i)))")
		jobs="$jobs+$(load mq4 "vd$letter")"
		args+=(--arg -blockdev --arg '{"driver":"nbd","node-name":"n'"$i"'","server":{"type":"unix","path":"'"$d"'/nbd"}}'
			--arg -device --arg "virtio-blk-pci,id=more$i,drive=n$i,num-queues=4,disable-legacy=on,addr=$(printf '%02x' $((5 + i))).0")
	done
	start "many$1" "$1" mq4 "$jobs" "${args[@]}" && until_true works || { finish_machine; return 1; }
	measured "under load" 0 || code=1
	kill -STOP "$nbd"
	until_true all_64 || { cat "$d/json"; code=1; }
	measured "all stuck" 1 || code=1
	measured "all stuck, with QMP" 1 --qmp "$d/qmp" || code=1
	kill -STOP "$pid"
	measured "QEMU stopped, with QMP that does not answer" 1 --qmp "$d/qmp" || code=1
	finish_machine
	return $code
}

all_64() {
	look
	grep -q '"stuck":64' "$tmp/$name/json"
}
