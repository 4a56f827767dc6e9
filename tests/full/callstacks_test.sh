#!/bin/bash
# SPDX-License-Identifier: MIT
# Call stacks in a distribution's QEMU, which is stripped and has no frame pointers: those of gdb at
# the same places, in another run whose addresses are the same; and each goes to where its thread began.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

functions="qdev_realize virtio_init virtio_add_queue virtio_bus_device_plugged pci_register_bar msix_init
virtio_instance_init_common virtio_set_status virtio_bus_start_ioeventfd virtio_blk_data_plane_start
virtio_bus_set_host_notifier virtio_queue_set_rings"

# A machine, what runs it stands before it. guest: a disk in an I/O thread and a network card, which a
# guest sets up; hmp, qmp: a disk is added by the monitor; kvm: a disk in an I/O thread by KVM, which runs no
# Linux everywhere.
machine() { # KIND NAME PREFIX...
	local kind=$1 name=$2
	shift 2
	case $kind in
	guest) guest "$name" "$@" ;;
	kvm) by_kvm "$name" "$@" ;;
	hmp) says 'device_add virtio-blk-pci,drive=n,id=hot' quit | monitor "$name" -monitor "$@" ;;
	qmp)
		says '{"execute":"qmp_capabilities"}{"execute":"device_add","arguments":{"driver":"virtio-blk-pci","drive":"n","id":"hot"}}' \
			'{"execute":"quit"}' | monitor "$name" -qmp "$@"
		;;
	esac
}
# The end a moment later: of a process that lives some milliseconds the files cannot be read.
says() {
	echo "$1"
	sleep 2
	echo "$2"
}
monitor() { # NAME OPTION PREFIX...
	local name=$1 option=$2
	shift 2
	"$@" qemu-system-x86_64 -machine pc -nodefaults -display none -S "$option" stdio -blockdev driver=null-co,node-name=n \
		>"$tmp/$name.out" 2>&1 || { tail -n 20 "$tmp/$name.out"; return 1; }
}
guest() { # NAME PREFIX...
	local name=$1
	shift
	tests/lab/guest-cmd --exec --disk "$tmp/$name.img" --serial "$tmp/$name.serial" --run read,n=20 --arg -device \
		--arg virtio-net-pci iothread -- "$@" >"$tmp/$name.out" 2>&1 || { tail -n 20 "$tmp/$name.out"; return 1; }
	grep -aq 'VQT DONE' "$tmp/$name.serial" || { tail -n 20 "$tmp/$name.serial"; return 1; }
}

by_kvm() { # NAME PREFIX...
	local name=$1
	shift
	# the guest ends it with another status than 0
	"$@" qemu-system-x86_64 -accel kvm -m 64 -nodefaults -display none -no-user-config -device isa-debug-exit \
		-blockdev driver=null-co,node-name=n,size=1048576,read-zeroes=on -object iothread,id=t0 \
		-device virtio-blk-pci,drive=n,iothread=t0 -serial "file:$tmp/$name.serial" -kernel "$tmp/guest32" -append reads=5 \
		</dev/null >"$tmp/$name.out" 2>&1
	grep -q '5 reads done' "$tmp/$name.serial" || { tail -n 20 "$tmp/$name.out"; return 1; }
}

recorded() { # KIND
	machine "$1" "$1.recorded" setarch -R "$vqtrace" record -q --stacks=all -w "$tmp/$1.trace" -- || return 1
	! grep -i 'no probe\|stack' "$tmp/$1.recorded.out"
}

# At each function: HIT, its name and the stack.
debugged() { # KIND
	{
		echo 'set pagination off
			set confirm off
			set width 0
			set print thread-events off
			set backtrace past-main on
			set backtrace past-entry on
			handle SIGUSR1 SIGUSR2 SIGPIPE nostop noprint pass'
		for f in $functions; do
			printf 'break *%s\ncommands\nsilent\nprintf "HIT %s\\n"\nbt 60\ncontinue\nend\n' "$f" "$f"
		done
		echo run
	} >"$tmp/commands"
	machine "$1" "$1.debugged" gdb -q --batch -nx -x "$tmp/commands" --args
}

# Both as lines: the function and where it and its callers return to. Translated code is elsewhere each time.
gdb_stacks() { # KIND
	awk '
		function put() { if (line) print line; line = "" }
		/^HIT / { put(); line = $2; next }
		/^#0 / { next }
		/^#[0-9]+ / { if (line) line = line " " ($4 == "code_gen_buffer" ? "jit" : $2); next }
		{ put() }
		END { put() }' "$tmp/$1.debugged.out" | sort -u
}
our_stacks() { # KIND
	"$vqtrace" show -r "$tmp/$1.trace" -T json | jq -r '
		if .stack_info then "S \(.stack_info.id) \([.stack_info.frames[] | if .symbol | endswith("[jit]") then "jit" else .pc end] | join(" "))"
		elif .lifecycle and .stack_id then "E \(.lifecycle.function) \(.stack_id)" else empty end' |
		awk 'function part(x, of) { return int(x / of) % 65536 } # more digits than awk prints at once
			function hex(x) { return sprintf("0x%04x%04x%04x%04x", 0, part(x, 4294967296), part(x, 65536), part(x, 1)) }
			$1 == "S" { s = ""; for (i = 4; i <= NF; i++) s = s " " ($i == "jit" ? $i : hex($i)); stack[$2] = s }
			$1 == "E" { print $2 stack[$3] }' | grep -wf <(tr ' ' '\n' <<<"$functions") | sort -u
}

# as_gdb KIND FUNCTIONS COUNT: each of ours is one of gdb's; of each function there is one, of all so many.
as_gdb() {
	local f
	gdb_stacks "$1" >"$tmp/theirs"
	our_stacks "$1" >"$tmp/ours"
	for f in $2; do
		grep -q "^$f " "$tmp/ours" || { echo "no stack of $f"; return 1; }
	done
	[ "$(wc -l <"$tmp/ours")" -ge "$3" ] || { cat "$tmp/ours"; return 1; }
	comm -23 "$tmp/ours" "$tmp/theirs" >"$tmp/differ"
	[ ! -s "$tmp/differ" ] || { echo "gdb has not:"; cat "$tmp/differ"; return 1; }
}

# A device that is added by a monitor: both in one, as they take a second.
added() { # KIND FUNCTION
	recorded "$1" && debugged "$1" && as_gdb "$1" "qdev_realize virtio_add_queue virtio_init" 8 || return 1
	"$vqtrace" show -r "$tmp/$1.trace" -T json -Y "lifecycle.step == add_queue && stack contains \"$2\"" | grep -q . ||
		{ echo "not from $2"; return 1; }
}

# To where a program or a thread begins; or a coroutine, for which nothing says that it is the beginning.
to_the_start() { # KIND
	"$vqtrace" show -r "$tmp/$1.trace" -T json | jq -r '
		if .stack_info then "S \(.stack_info.id) \(.stack_info.cut) \(.stack_info.frames[-1].symbol)" elif .stack_id then "E \(.event) \(.stack_id)" else empty end' |
		awk '$1 == "S" { cut[$2] = $3; last[$2] = $4 " " $5 }
			$1 == "E" { n++; if (cut[$3] == "true" && last[$3] !~ /\[libc/) { print $2, last[$3]; bad++ } whole += cut[$3] == "false" }
			END { print n, whole; exit !n || bad || whole < n / 2 }'
}

kvm_to_the_start() {
	[ -c /dev/kvm ] || { echo "no /dev/kvm here"; return 77; }
	to_the_start kvm
}

every_event() {
	local n
	[ -s "$tmp/guest.trace" ] || return 1
	n=$("$vqtrace" show -r "$tmp/guest.trace" -T json -Y 'event in {register, kick, avail, used, interrupt, backend, lifecycle} && not stack_id' | wc -l)
	[ "$n" = 0 ] || { echo "$n events have none"; return 1; }
}

# Functions that have no name are told apart by where they begin.
unnamed() {
	"$vqtrace" show -r "$tmp/guest.trace" -T json -Y stack_info | jq -r '.stack_info.frames[].symbol | select(endswith("[qemu-system-x86_64]"))' |
		awk '/^fn_[0-9a-f]+\+0x[0-9a-f]+\/0x[0-9a-f]+ / { n++ } /^\+/ { bad++ } END { print n, bad + 0; exit n < 100 || bad }'
}

# What the notes have of the way from the driver's DRIVER_OK to the I/O thread.
driver_ok() {
	"$vqtrace" show -r "$tmp/guest.trace" -T json -Y 'lifecycle.step == dataplane_start' | jq -se '
		length > 0 and (.[0].stack | map(sub("\\+.*"; "")) as $s |
			($s | index("virtio_blk_data_plane_start")) < ($s | index("virtio_bus_start_ioeventfd")) and
			($s | index("virtio_bus_start_ioeventfd")) < ($s | index("memory_region_dispatch_write")) and
			($s | index("memory_region_dispatch_write")) < ($s | index("cpu_exec")))' >/dev/null
}

# Counted: as many as have one, and the functions outermost first.
folded() {
	local n
	n=$("$vqtrace" show -r "$tmp/guest.trace" -T json -Y stack_id | wc -l)
	"$vqtrace" show -r "$tmp/guest.trace" -T folded 2>"$tmp/err" >"$tmp/folded" || return 1
	[ ! -s "$tmp/err" ] && [ "$(awk '{ n += $NF } END { print n }' "$tmp/folded")" = "$n" ] &&
		grep -q '^blk0;lifecycle;.*;cpu_exec;.*;memory_region_dispatch_write;.*;virtio_bus_start_ioeventfd;virtio_blk_data_plane_start ' "$tmp/folded"
}

# Where KVM is told how interrupts go: by the machine when it is made, and for vectors at DRIVER_OK.
routing="kvm_irqchip_commit_routes kvm_irqchip_add_msi_route kvm_irqchip_add_irqfd_notifier_gsi"
routes() {
	local functions=$routing
	[ -c /dev/kvm ] || { echo "no /dev/kvm here"; return 77; }
	tests/guest/mkkvm "$tmp/guest32" && recorded kvm && debugged kvm && as_gdb kvm "$routing" 4 || return 1
	"$vqtrace" show -r "$tmp/kvm.trace" -T json -Y 'lifecycle.step in {gsi_commit, msi_route, irqfd}' |
		jq -r '"\(.lifecycle.step) \(.stack | map(sub("\\+.*"; "")) | join(" "))"' >"$tmp/routes"
	grep '^gsi_commit .* main$\|^gsi_commit .* main ' "$tmp/routes" | grep -qv memory_region_dispatch_write || { cat "$tmp/routes"; return 1; }
	for f in msi_route irqfd gsi_commit; do
		grep -q "^$f .* virtio_bus_start_ioeventfd .*memory_region_dispatch_write .*kvm_cpu_exec " "$tmp/routes" ||
			{ echo "$f: not from DRIVER_OK"; cat "$tmp/routes"; return 1; }
	done
}

# Drawn: the same functions, each on its caller, and a function as wide as all its events.
flame() {
	"$vqtrace" stat -r "$tmp/guest.trace" --flame "$tmp/flame.svg" >/dev/null && xmllint --noout "$tmp/flame.svg" || return 1
	xmllint --xpath '//*[local-name()="g"]/*[local-name()="title"]/text()' "$tmp/flame.svg" |
		sed -nE 's/^(.*) \(([0-9]+) events?, .*/\1 \2/p' | sed 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&amp;/\&/g' |
		awk '{ n = $NF; sub(/ [0-9]+$/, ""); sum[$0] += n } END { for (name in sum) print name, sum[name] }' | sort >"$tmp/drawn"
	awk '{ events = $NF; sub(/ [0-9]+$/, ""); n = split($0, f, ";"); for (i = 1; i <= n; i++) sum[f[i]] += events }
		END { for (name in sum) print name, sum[name] }' "$tmp/folded" | sort >"$tmp/counted"
	[ "$(wc -l <"$tmp/drawn")" -gt 100 ] && diff "$tmp/drawn" "$tmp/counted"
}

# A QEMU whose file only it sees: in a mount namespace of its own.
namespaced() {
	local modules private=(-m)
	# below a root that is no mount point, nothing is shared that could be made private
	unshare -m true 2>/dev/null || private+=(--propagation unchanged)
	modules=$(dirname "$(find /usr/lib -path '*/qemu/accel-tcg-x86_64.so' | head -n 1)")
	mkdir -p "$tmp/own"
	cat >"$tmp/start" <<-END
		#!/bin/sh
		mount -t tmpfs none "$tmp/own" && cp "$(command -v qemu-system-x86_64)" "$tmp/own" &&
			QEMU_MODULE_DIR=$modules exec "$tmp/own/"\$* -L /usr/share/qemu -L /usr/share/seabios
	END
	chmod +x "$tmp/start"
	says 'device_add virtio-blk-pci,drive=n,id=hot' quit |
		monitor own -monitor "$vqtrace" record -q --stacks=all -w "$tmp/own.trace" -- unshare "${private[@]}" "$tmp/start" || return 1
	! grep -i 'stack' "$tmp/own.out" && [ ! -e "$tmp/own/qemu-system-x86_64" ] || return 1
	"$vqtrace" show -r "$tmp/own.trace" -T json -Y 'lifecycle.step == add_queue && stack contains "qdev_device_add"' | grep -q .
}

plan 14
check "a disk and a network card, recorded" recorded guest
check "the same under gdb" debugged guest
check "stacks of gdb at the same places" as_gdb guest "$functions" 30
check "each goes to the start of its thread" to_the_start guest
check "each event has one" every_event
check "functions without a name" unnamed
check "folded" folded
check "drawn" flame
check "from DRIVER_OK to the data plane" driver_ok
check "a disk that is added by HMP" added hmp hmp_device_add
check "a disk that is added by QMP" added qmp qmp_device_add
check "GSI routing, when the machine is made and at DRIVER_OK, by KVM" routes
check "each of KVM's goes to the start of its thread" kvm_to_the_start
check "in its own mount namespace" namespaced
finish
