#!/bin/bash
# SPDX-License-Identifier: MIT
# Whose function each callback of a class is, in QEMUs that are stripped: what memory has where gdb
# looks, and, when a device is added, gdb stops in the functions that realize it, each within the one
# that is said to call it.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
need_recording

qemu_of() { # VERSION
	case $1 in
	7) command -v qemu-system-x86_64 ;;
	*) [ -x "build/qemu$1/qemu-system-x86_64" ] && echo "$PWD/build/qemu$1/qemu-system-x86_64" ;;
	esac
}

# begin VERSION: a machine that does not run, with a disk and a network card; $machine is its process.
begin() {
	local qemu
	qemu=$(qemu_of "$1") || { echo "no QEMU $1 (make qemu$1)"; return 77; }
	mkfifo "$tmp/$1.monitor" || return 1
	"$qemu" -machine pc,accel=tcg -m 64 -S -nodefaults -display none -blockdev driver=null-co,node-name=n \
		-device virtio-blk-pci,drive=n,id=disk -device virtio-net-pci,id=net -monitor stdio \
		<"$tmp/$1.monitor" >"$tmp/$1.out" 2>&1 &
	machine=$!
	exec 8>"$tmp/$1.monitor"
	until_said "$tmp/$1.out" '(qemu)' $machine
}
end() {
	echo quit >&8
	exec 8>&-
	wait "$machine"
	exec 8>&-
}

# What is recorded of the machine that runs, as JSON: a line each device.
recorded() { # VERSION
	# they are written before anything that happens
	"$vqtrace" record -q --lifecycle --duration 1s -p "$machine" -w "$tmp/$1.trace" || return 1
	"$vqtrace" show -r "$tmp/$1.trace" --classes -T json >"$tmp/$1.json" || return 1
	[ "$(jq -r .id "$tmp/$1.json" | sort | xargs)" = "disk net" ] || { cat "$tmp/$1.json"; return 1; }
}

gdb_here() { # VERSION COMMANDS
	local bias
	# a QEMU that its own loader runs is none of the files that gdb finds by itself
	bias=$(jq -r '[.objects[].callbacks[] | select(.address) | .address - .file_address][0]' "$tmp/$1.json" | head -n 1)
	{
		echo 'set pagination off
			set confirm off
			set width 0
			handle SIGUSR1 SIGUSR2 SIGPIPE nostop noprint pass'
		[ "$1" = 7 ] || echo "add-symbol-file build/qemu$1/root/usr/bin/qemu-system-x86_64 -o $bias"
		cat "$2"
	} >"$2.all"
	timeout 120 gdb -q --batch -nx -p "$machine" -x "$2.all"
}

# From each object to its class and its type, and each callback: what gdb reads there is what we say.
as_memory() { # VERSION
	jq -r '.objects[] | . as $o | "object \(.object) \(.class) \(.class_size) \(.object_size) \(.types[0])",
		(.callbacks[] | select(.offset != null and (.name | startswith("ResettableClass") | not)) | "callback \($o.class + .offset) \(.address // 0)")' "$tmp/$1.json" >"$tmp/$1.ours"
	awk '$1 == "object" {
			o = "*(unsigned long *)"
			printf "printf \"object %s %%lu %%lu %%lu %%s\\n\", %s%s, %s(%s(%s%s) + 8), %s(%s(%s%s) + 16), (char *)%s(%s(%s%s))\n",
				$2, o, $2, o, o, o, $2, o, o, o, $2, o, o, o, $2
		}
		$1 == "callback" { printf "printf \"callback %s %%lu\\n\", *(unsigned long *)%s\n", $2, $2 }' "$tmp/$1.ours" >"$tmp/$1.read"
	gdb_here "$1" "$tmp/$1.read" 2>"$tmp/$1.err" | grep '^object \|^callback ' >"$tmp/$1.theirs"
	[ "$(grep -c callback "$tmp/$1.ours")" -ge 50 ] && cmp "$tmp/$1.ours" "$tmp/$1.theirs" && return 0
	diff "$tmp/$1.ours" "$tmp/$1.theirs"
	tail -n 5 "$tmp/$1.err"
	return 1
}

# The callbacks in the order in which a device that is added comes to them, and the one that has called
# it, at the end of its own work or before.
steps='
proxy	DeviceClass.realize	-
proxy	VirtioPCIClass.parent_dc_realize	DeviceClass.realize
proxy	PCIDeviceClass.realize	VirtioPCIClass.parent_dc_realize
proxy	VirtioPCIClass.realize	PCIDeviceClass.realize
device	DeviceClass.realize	VirtioPCIClass.realize
device	VirtioDeviceClass.realize	DeviceClass.realize
bus	VirtioBusClass.pre_plugged	DeviceClass.realize
device	VirtioDeviceClass.FEATURES	DeviceClass.realize
bus	VirtioBusClass.device_plugged	DeviceClass.realize'

# Lines "NAME ADDRESS BEFORE", with numbers for names, for a network card.
planned() { # VERSION
	local of name within features=get_features n=0
	jq -e 'select(.id == "net") | .objects[2].callbacks[] | select(.name == "VirtioDeviceClass.get_features_ex" and .address)' \
		"$tmp/$1.json" >/dev/null && features=get_features_ex
	while read -r of name _; do
		[ -n "$of" ] || continue
		name=${name/FEATURES/$features}
		n=$((n + 1))
		echo "$n $(jq -r --arg of "$of" --arg name "$name" 'select(.id == "net") | .objects[] | select(.of == $of) |
			.callbacks[] | select(.name == $name) | .address' "$tmp/$1.json") $of.$name"
	done <<<"$steps"
}

# Where gdb stops: in this order; and when it stops, the word at which each function of those before found
# where it returns to is as it was, if that one has not returned.
in_order() { # VERSION
	planned "$1" >"$tmp/$1.plan"
	awk 'function word(n) { return "*(unsigned long *)$sp" n }
		{
			printf "break *%s\ncommands\nsilent\nset $sp%d = $rsp\nset $ret%d = *(unsigned long *)$rsp\nprintf \"HIT %d\"\n", $2, $1, $1, $1
			for (i = 1; i < $1; i++)
				printf "printf \" %%d\", $sp%d >= $rsp && %s == $ret%d\n", i, word(i), i
			print "printf \"\\n\""
			if ($1 < 9)
				print "continue"
			print "end"
		}
		END { print "printf \"READY\\n\"\ncontinue\ndelete\ndetach" }' "$tmp/$1.plan" >"$tmp/$1.breaks"
	gdb_here "$1" "$tmp/$1.breaks" >"$tmp/$1.hits" 2>&1 &
	local debugger=$!
	until_said "$tmp/$1.hits" READY $debugger || { cat "$tmp/$1.hits"; return 1; }
	echo 'device_add virtio-net-pci,id=added' >&8
	wait $debugger || { cat "$tmp/$1.hits"; return 1; }
	grep '^HIT' "$tmp/$1.hits" >"$tmp/$1.is"
	# 1 calls 2 and so on to 6, which has returned when 7, 8 and 9 are called from 5
	cat >"$tmp/should" <<-EOF
		HIT 1
		HIT 2 1
		HIT 3 1 1
		HIT 4 1 1 1
		HIT 5 1 1 1 1
		HIT 6 1 1 1 1 1
		HIT 7 1 1 1 1 1 0
		HIT 8 1 1 1 1 1 0 0
		HIT 9 1 1 1 1 1 0 0 0
	EOF
	diff "$tmp/should" "$tmp/$1.is" && return 0
	cat "$tmp/$1.plan"
	return 1
}

all_known() { # VERSION
	"$vqtrace" show -r "$tmp/$1.trace" --classes >"$tmp/$1.text" || return 1
	! grep 'unknown' "$tmp/$1.text" || return 1
	grep -q '< virtio-pci < pci-device < device < object' "$tmp/$1.text" || return 1
	# the PCI functions are reset in one way or the other
	awk '/^  [a-z]/ { if (n) exit 1; n = $1 == "proxy," }
		/(DeviceClass.reset|ResettableClass.phases.(enter|hold|exit)) .* 0x/ { n = 0 }' "$tmp/$1.text" ||
		{ cat "$tmp/$1.text"; return 1; }
	# the function that virtio-pci has put its own before is the one that its parent has
	[ "$(grep -c 'VirtioPCIClass.parent_dc_realize .* DeviceClass.realize of pci-device$' "$tmp/$1.text")" = 2 ] || return 1
	grep -q 'VirtioDeviceClass.realize .* VirtioDeviceClass.realize of virtio-blk-device' "$tmp/$1.text" &&
		grep -q 'VirtioDeviceClass.realize .* VirtioDeviceClass.realize of virtio-net-device' "$tmp/$1.text"
}

with() { # VERSION COMMAND
	qemu_of "$1" >/dev/null || { echo "no QEMU $1 (make qemu$1)"; return 77; }
	command -v gdb >/dev/null || { echo "no gdb"; return 77; }
	"$2" "$1"
}
plan 12
for v in 7 10 11; do
	machine=
	if qemu_of $v >/dev/null; then
		begin $v >"$tmp/begun" 2>&1 || { cat "$tmp/begun" "$tmp/$v.out"; }
	fi
	check "QEMU $v: its classes are recorded" with $v recorded
	check "QEMU $v: no callback is unknown, and each type is in its place" with $v all_known
	check "QEMU $v: gdb reads the same of its memory" with $v as_memory
	check "QEMU $v: gdb stops there in the order in which they call each other" with $v in_order
	[ -z "$machine" ] || end
done
finish
