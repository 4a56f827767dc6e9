-- SPDX-License-Identifier: MIT
-- The peer of tests/bench/wireshark: what somebody would write by hand for traces of vqtrace. Ten fields
-- at fixed places, no state, no checks.
local proto = Proto("tenfields", "ten fields of a virtio event")
local f = {
	ts = ProtoField.uint64("tenfields.ts", "Time"),
	seq = ProtoField.uint32("tenfields.seq", "Sequence"),
	thread = ProtoField.uint32("tenfields.thread", "Thread"),
	device = ProtoField.uint16("tenfields.device", "Device"),
	queue = ProtoField.uint16("tenfields.queue", "Queue"),
	type = ProtoField.uint8("tenfields.type", "Type"),
	source = ProtoField.uint8("tenfields.source", "Source"),
	cpu = ProtoField.uint16("tenfields.cpu", "CPU"),
	head = ProtoField.uint16("tenfields.head", "Head"),
	len = ProtoField.uint32("tenfields.len", "Length"),
}
proto.fields = { f.ts, f.seq, f.thread, f.device, f.queue, f.type, f.source, f.cpu, f.head, f.len }

function proto.dissector(tvb, pinfo, tree)
	local type = tvb(20, 1):uint()
	local root = tree:add(proto, tvb())
	root:add_le(f.ts, tvb(0, 8))
	root:add_le(f.seq, tvb(8, 4))
	root:add_le(f.thread, tvb(12, 4))
	root:add_le(f.device, tvb(16, 2))
	root:add_le(f.queue, tvb(18, 2))
	root:add_le(f.type, tvb(20, 1))
	root:add_le(f.source, tvb(21, 1))
	root:add_le(f.cpu, tvb(22, 2))
	if type == 19 then root:add_le(f.head, tvb(40, 2)) end
	if type == 20 then
		root:add_le(f.head, tvb(44, 2))
		root:add_le(f.len, tvb(40, 4))
	end
	pinfo.cols.protocol = "virtio"
	pinfo.cols.info = string.format("type %d queue %d", type, tvb(18, 2):le_uint())
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, proto)
