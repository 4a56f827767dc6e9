-- SPDX-License-Identifier: MIT
-- The values of fields that are no plain number in the record, by path: what decoder/fields has
-- functions for. get[path](ev, r, i): element i (from 0) of an event's value, and the bytes it is of,
-- if it stands in them: a number of at most 53 bits, 8 bytes, a text, or a boolean; nil: it has none.
local format_bdf, capability_name, groups_of, percentile, tally_type, vhost_message, payload_value,
	record_text, guest_function, exchange_took, lost, callbacks_of, field_value
do

local get_value = {}

local function at_member(value, m, base)
	if value == nil then return nil end
	return value, m[1] + (base or 0), m[2]
end

-- --- all events ---------------------------------------------------------------------------------------

get_value["ts"] = function(ev, r)
	if ev.untimed then return { 0, 0 } end
	if ev.own_clock then return get8(r.s, O.hdr.ts), O.hdr.ts[1], O.hdr.ts[2] end
	local seconds, ns = absolute(ev.ts)
	return { seconds, ns }, O.hdr.ts[1], O.hdr.ts[2]
end
get_value["number"] = function(ev) return ev.number end
get_value["source"] = function(ev)
	if #ev.source_name > 0 then return ev.source_name end
	return name_of(V.source_kinds, ev.source_kind) or "unknown"
end
-- Not its user's id as well, as filters of vqtrace have it: columns and -T json would show both.
get_value["device"] = function(ev) return ev.device end
get_value["device_type"] = function(ev)
	if ev.device and ev.device_type > 0 then return class_name(ev.device_type) end
end
get_value["device_id"] = function(ev)
	if ev.device and #ev.user_id > 0 then return ev.user_id end
end
get_value["device_status"] = function(ev) return ev.status end
get_value["queue"] = function(ev, r)
	if r.queue ~= K.NO_QUEUE then return at_member(r.queue, O.hdr.queue) end
	return ev.queue
end
get_value["event"] = function(ev, r)
	return at_member(V.types[r.type] and V.types[r.type].name or "unknown", O.hdr.type)
end
get_value["thread"] = function(ev, r)
	if r.tid > 0 then return at_member(r.tid, O.hdr.tid) end
end
get_value["delta"] = function(ev) return ev.delta or 0 end
get_value["since"] = function(ev) return ev.since or 0 end
get_value["missing"] = function(ev) return ev.gap end
get_value["within"] = function(ev, r)
	if r.within > 0 then return r.within, r.within_at, 4 end
end
get_value["stack_id"] = function(ev, r)
	if r.stack_id > 0 then return r.stack_id, r.stack_at, 4 end
end
get_value["call"] = function(ev, r)
	if r.call > 0 then return r.call, r.call_at, 4 end
end
get_value["within_call"] = function(ev, r)
	if r.within_call > 0 then return r.within_call, r.call_at + 4, 4 end
end
get_value["stack"] = function(ev, r, i)
	local frame = ev.stack and r.stack_id > 0 and ev.stack[i + 1]
	if frame then return #frame.symbol > 0 and frame.symbol or "0x" .. hex8(frame.pc) end
end

-- --- descriptions: tagged values ---------------------------------------------------------------------

local function tlv(path, tag)
	get_value[path] = function(ev, r)
		local at, n = find_tlv(r, tag)
		if at then return sub(r.s, at + 1, at + n), at, n end
	end
end

tlv("session.host", K.TAG_HOST)
tlv("session.os", K.TAG_OS)
tlv("session.tool", K.TAG_TOOL)
tlv("session.command", K.TAG_COMMAND)
tlv("session.origin", K.TAG_ORIGIN)
tlv("session.filter", K.TAG_FILTER)
tlv("source_info.name", K.TAG_NAME)
tlv("source_info.exe", K.TAG_EXE)
tlv("source_info.version", K.TAG_VERSION)
tlv("source_info.build_id", K.TAG_BUILD_ID)
tlv("source_info.command", K.TAG_COMMAND)
tlv("device_info.id", K.TAG_ID)
tlv("device_info.typename", K.TAG_TYPENAME)
tlv("device_info.path", K.TAG_PATH)
tlv("class.types", K.TAG_TYPENAME)

get_value["session.version"] = function(ev, r)
	return format("%d.%d", get(r.s, O.session.major), get(r.s, O.session.minor)), O.session.major[1], 4
end

function format_bdf(bdf)
	return format("%04x:%02x:%02x.%x", floor(bdf / 65536), floor(bdf / 256) % 256, floor(bdf / 8) % 32,
		bdf % 8)
end

get_value["device_info.bdf"] = function(ev, r)
	local bdf = get(r.s, O.device.bdf)
	if bdf ~= TWO32 - 1 then return at_member(format_bdf(bdf), O.device.bdf) end
end
get_value["device_info.peer"] = function(ev) return ev.peer end

local function features(path, member)
	get_value[path] = function(ev, r, i)
		if i < 2 then return sub(state_features(ev, r, member), 8 * i + 1, 8 * i + 8), member[1] + 8 * i, 8 end
	end
end

features("device_state.offered", O.device_state.offered)
features("device_state.accepted", O.device_state.accepted)
get_value["device_state.config"] = function(ev, r)
	local n = get(r.s, O.device_state.config_len)
	return sub(r.s, r.tail + 1, r.tail + n), r.tail, n
end

-- --- registers -------------------------------------------------------------------------------------------

get_value["register.region"] = function(ev, r)
	return at_member(region_name(get(r.s, O.reg.region)), O.reg.region)
end
function capability_name(ev)
	local name = name_of(V.pci_caps, ev.cap_id)
	if ev.cap_id == K.PCI_CAP_ID_VNDR then return name_of(V.cap_types, ev.cap_type), name end
	return name, name
end
get_value["register.capability"] = function(ev) return ev.cap and (capability_name(ev)) or nil end
get_value["register.field"] = function(ev) return ev.field and ev.field.name end
get_value["register.part"] = function(ev)
	return ev.field and ev.field_offset > 0 and ev.field_offset or nil
end
get_value["register.select"] = function(ev)
	local f = ev.field
	if f and (f.kind == K.SPEC_FEATURES or has(f.flags, K.SPEC_PER_QUEUE)) then return ev.select or 0 end
end
get_value["register.value"] = function(ev, r)
	if has(get(r.s, O.reg.flags), K.REG_FAILED) then return nil end
	return get8(r.s, O.reg.value), O.reg.value[1], O.reg.value[2]
end
get_value["register.before"] = function(ev) return ev.before end
get_value["register.text"] = function(ev, r)
	local f, width, v = ev.field, get(r.s, O.reg.width), get8(r.s, O.reg.value)
	if not f or has(get(r.s, O.reg.flags), K.REG_FAILED) or width > 8 or f.kind == K.SPEC_BYTES then
		return nil
	end
	if f.kind == K.SPEC_FEATURES then
		if width ~= 4 or ev.field_offset > 0 or (ev.select or 0) > 3 then return nil end
		return fit(features_text(ev.class, ev.select or 0, u32(v, 0), "short"), 512)
	end
	if ev.field_offset > 0 then
		if f.kind ~= K.SPEC_BITS or ev.field_offset >= 8 then return nil end
		v = up8(v, ev.field_offset)
	end
	return fit(format_value(f, cut8(v, f.width)), 512)
end
get_value["register.via"] = function(ev, r)
	local flags = get(r.s, O.reg.flags)
	if has(flags, K.REG_VIA_CFG) then return "window" end
	if get(r.s, O.reg.region) == K.REGION_PCI then return "config" end
	return has(flags, K.REG_PIO) and "pio" or "mmio"
end

-- --- kicks, chains, requests -------------------------------------------------------------------------------

get_value["kick.new"] = function(ev, r)
	local g = read_ring(r.s, O.kick.ring[1])
	if is_packed(g) or not has(g.known, K.RING_AVAIL_IDX) or not has(g.known, K.RING_LAST_AVAIL) then
		return nil
	end
	return (g.avail_idx - g.last_avail) % 65536
end
get_value["kick.value"] = function(ev, r)
	if get(r.s, O.kick.width) > 0 then return at_member(get(r.s, O.kick.value), O.kick.value) end
end
get_value["kick.heads"] = function(ev, r, i)
	if i < get(r.s, O.kick.nheads) then return u16(r.s, r.tail + 2 * i), r.tail + 2 * i, 2 end
end
get_value["kick.self"] = function(ev) return ev.self or nil end

get_value["avail.first"] = function(ev, r)
	local first = get(r.s, O.avail.first)
	if first > 0 then return at_member(first, O.avail.first) end
end
get_value["avail.in_flight"] = function(ev) return ev.head_in_flight or nil end
get_value["avail.adding"] = function(ev, r)
	local adding = get(r.s, O.avail.adding)
	if adding > 0 and adding ~= K.ADDING_MORE then
		return at_member(adding * K.ADDING_NS, O.avail.adding)
	end
end

local function of_descriptor(path, value)
	get_value[path] = function(ev, r, i)
		if i < get(r.s, O.avail.ndesc) then return value(r, r.tail + i * O.desc.size_of[2], i) end
	end
end

of_descriptor("avail.descriptors.addr", function(r, at) return at_member(get8(r.s, O.desc.addr, at), O.desc.addr, at) end)
of_descriptor("avail.descriptors.len", function(r, at) return at_member(get(r.s, O.desc.len, at), O.desc.len, at) end)
of_descriptor("avail.descriptors.flags", function(r, at)
	return at_member(get(r.s, O.desc.flags, at), O.desc.flags, at)
end)
of_descriptor("avail.descriptors.next", function(r, at)
	return at_member(get(r.s, O.desc.next, at), O.desc.next, at)
end)
of_descriptor("avail.descriptors.write", function(r, at)
	return has(get(r.s, O.desc.flags, at), K.VRING_DESC_F_WRITE)
end)
of_descriptor("avail.descriptors.indirect", function(r, at, i)
	return get(r.s, O.avail.first) + i >= get(r.s, O.avail.ndirect)
end)

local function of_request(member, path)
	get_value[path or "request." .. member] = function(ev) return ev.req and ev.req[member] end
end

for _, member in ipairs({ "number", "type", "sector", "bytes", "descriptors", "readable", "writable", "wait",
	"backend", "latency", "at_least" }) do
	of_request(member)
end
of_request("latency", "used.latency")
get_value["request.before_trace"] = function(ev)
	return (ev.unnamed or (ev.req and ev.req.before)) and true or nil
end

get_value["used.status"] = function(ev, r)
	local status = get(r.s, O.used.status)
	if ev.req then
		status = ev.req.status
	elseif not has(get(r.s, O.used.flags), K.USED_STATUS) or not class_status_is_last(ev.class, nil) then
		return nil
	end
	if not status then return nil end
	return at_member(ev.class and name_of(ev.class.statuses, status) or format("%d", status), O.used.status)
end
get_value["used.unknown"] = function(ev) return ev.unknown_id or nil end

get_value["interrupt.vector"] = function(ev, r)
	local vector = get(r.s, O.irq.vector)
	if vector ~= K.NO_VECTOR then return at_member(vector, O.irq.vector) end
end
get_value["interrupt.level"] = function(ev, r)
	if get(r.s, O.irq.kind) == K.IRQ_INTX then return at_member(get(r.s, O.irq.level), O.irq.level) end
end

local function of_segment(path, value)
	get_value[path] = function(ev, r, i)
		r.seg_list = r.seg_list or segments(r)
		local seg = r.seg_list[i + 1]
		if seg then return value(r, seg) end
	end
end

of_segment("buffers.descriptor", function(r, seg) return at_member(seg.desc, O.seg.desc, seg.from) end)
of_segment("buffers.offset", function(r, seg) return at_member(seg.offset, O.seg.offset, seg.from) end)
of_segment("buffers.bytes", function(r, seg)
	return sub(r.s, seg.at + 1, seg.at + seg.len), seg.at, seg.len
end)

-- --- tallies --------------------------------------------------------------------------------------------------

function groups_of(r)
	if r.group_list then return r.group_list end
	local list, pos = {}, r.segs
	for i = 1, get(r.s, O.tally.ngroup) do
		list[i] = pos
		pos = pos + O.tally_group.size_of[2] +
			get(r.s, O.tally_group.nbucket, pos) * O.tally_bucket.size_of[2]
	end
	r.group_list = list
	return list
end

-- A value that so many millionths are not above: the upper end of its bucket.
function percentile(r, group, ppm)
	local counts, total, most = {}, 0, 0
	local lower = V.bucket_lower
	for i = 0, get(r.s, O.tally_group.nbucket, group) - 1 do
		local at = group + O.tally_group.size_of[2] + i * O.tally_bucket.size_of[2]
		local b, n = get(r.s, O.tally_bucket.bucket, at), get(r.s, O.tally_bucket.count, at)
		b = math.min(b, #lower - 1)
		if n > 0 then
			counts[b] = (counts[b] or 0) + n
			total = total + n
			most = math.max(most, b)
		end
	end
	if total == 0 then return 0, 0 end
	local need, seen = math.max(math.ceil(total * ppm / 1000000), 1), 0
	for b = 0, #lower - 1 do
		seen = seen + (counts[b] or 0)
		if seen >= need then
			return b + 1 < #lower and lower[b + 2] - 1 or "\255\255\255\255\255\255\255\255", total
		end
	end
	return 0, total
end

local function of_group(member, value)
	get_value["tally.groups." .. member] = function(ev, r, i)
		local group = groups_of(r)[i + 1]
		if not group then return nil end
		if value then return value(ev, r, group) end
		local m = O.tally_group[member]
		return get8(r.s, m, group), m[1] + group, m[2]
	end
end

function tally_type(ev, r, group)
	local type = get(r.s, O.tally_group.type, group)
	local row = ev.device and type ~= K.TALLY_OTHER and request_type(ev.class, type)
	return row and row.name or "other"
end

of_group("type", function(ev, r, group) return at_member(tally_type(ev, r, group), O.tally_group.type, group) end)
for _, member in ipairs({ "used", "errors", "bytes_in", "bytes_out", "timed", "sum" }) do of_group(member) end
for member, ppm in pairs({ p50 = 500000, p99 = 990000 }) do
	of_group(member, function(ev, r, group)
		if get8(r.s, O.tally_group.timed, group) == ZERO8 then return nil end
		return (percentile(r, group, ppm))
	end)
end

-- --- vhost-user ---------------------------------------------------------------------------------------------------

function vhost_message(r)
	if r.message ~= nil then return r.message, r.payload end
	local from, request = get(r.s, O.vhost_user.from), get(r.s, O.vhost_user.request)
	local back_end = from == K.FROM_BACK_END_CHANNEL or from == K.FROM_FRONT_END_CHANNEL
	local m = (back_end and V.back_end_messages or V.messages)[request] or false
	local reply = has(get(r.s, O.vhost_user.flags), K.VHOST_USER_REPLY)
	r.message, r.payload = m, NO_FIELDS
	r.is_ack = reply and m and not m.replies
	if r.is_ack then
		r.payload = V.ack.fields
	elseif m then
		r.payload = (reply and m.reply or m.request).fields
	end
	return m, r.payload
end

local function payload_field(r, i)
	local _, fields = vhost_message(r)
	local f = fields[i + 1]
	if f and f.offset + f.width <= r.text_len then return f end
end

function payload_value(r, f)
	local at = r.tail + f.offset
	return cut8(sub(r.s, at + 1, at + math.min(f.width, 8)) .. ZERO8, math.min(f.width, 8)), at, f.width
end

get_value["vhost_user.request"] = function(ev, r)
	local m = vhost_message(r)
	return at_member(m and m.name or format("%d", get(r.s, O.vhost_user.request)), O.vhost_user.request)
end
get_value["vhost_user.payload.field"] = function(ev, r, i)
	local f = payload_field(r, i)
	return f and f.name
end
get_value["vhost_user.payload.value"] = function(ev, r, i)
	local f = payload_field(r, i)
	if f then return payload_value(r, f) end
end
get_value["vhost_user.reply"] = function(ev, r)
	return at_member(has(get(r.s, O.vhost_user.flags), K.VHOST_USER_REPLY), O.vhost_user.flags)
end
get_value["vhost_user.need_reply"] = function(ev, r)
	return at_member(has(get(r.s, O.vhost_user.flags), K.VHOST_USER_NEED_REPLY), O.vhost_user.flags)
end
get_value["vhost_user.refused"] = function(ev, r)
	vhost_message(r)
	if r.is_ack and r.text_len >= 8 then return sub(r.s, r.tail + 1, r.tail + 8) ~= ZERO8, r.tail, 8 end
end

-- --- lifecycle, guest, back end --------------------------------------------------------------------------------------

function record_text(r)
	return sub(r.s, r.text_at + 1, r.text_at + r.text_len)
end

local function get_text(ev, r)
	if r.text_len > 0 then return record_text(r), r.text_at, r.text_len end
end

get_value["note.text"] = get_text
get_value["lifecycle.text"] = get_text
get_value["lifecycle.step"] = function(ev, r)
	local what = get(r.s, O.lifecycle.what)
	return at_member(V.steps[what] and V.steps[what].name or format("%d", what), O.lifecycle.what)
end
get_value["lifecycle.args"] = function(ev, r, i)
	local step = V.steps[get(r.s, O.lifecycle.what)]
	local at = O.lifecycle.arg[1] + 8 * i
	if i < 3 and (not step or step[i + 1]) then return sub(r.s, at + 1, at + 8), at, 8 end
end
get_value["lifecycle.function"] = function(ev, r)
	if r.function_at then return sub(r.s, r.function_at + 1, r.function_at + r.function_len), r.function_at, r.function_len end
	local step = V.steps[get(r.s, O.lifecycle.what)]
	return step and step.func
end

get_value["returned.value"] = function(ev, r)
	local o = O["return"]
	if not has(get(r.s, o.flags), K.RETURN_JUMPED) then return at_member(get8(r.s, o.value), o.value) end
end
get_value["returned.jumped"] = function(ev, r)
	return has(get(r.s, O["return"].flags), K.RETURN_JUMPED) or nil
end

local route_kinds = { [K.ROUTE_IRQCHIP] = "irqchip", [K.ROUTE_MSI] = "msi" }
local function of_route(member, value)
	get_value["routes.table." .. member] = function(ev, r, i)
		if i >= get(r.s, O.routes.n) then return nil end
		local m, base = O.route[member], r.tail + i * O.route.size_of[2]
		local v = m[2] == 8 and get8(r.s, m, base) or get(r.s, m, base)
		return value and value(v) or v, m[1] + base, m[2]
	end
end
of_route("gsi")
of_route("address")
of_route("data")
of_route("kind", function(kind) return route_kinds[kind] or format("%d", kind) end)

function guest_function(r)
	local number, what = get(r.s, O.guest["function"]), get(r.s, O.guest.what)
	local name = number == 0 and r.text_len > 0 and record_text(r)
	local traced = what == K.GUEST_RQ_ISSUE or what == K.GUEST_RQ_COMPLETE
	for _, f in ipairs(V.functions) do
		if number > 0 and f.number == number or name and f.name == name or
			number == 0 and not name and traced and f.what == what then
			return f
		end
	end
end

get_value["guest.function"] = function(ev, r)
	local f = guest_function(r)
	if f then return f.name end
	return get_text(ev, r)
end
get_value["guest.ret"] = function(ev, r)
	if get(r.s, O.guest.phase) == K.GUEST_RETURN then return at_member(get8(r.s, O.guest.ret), O.guest.ret) end
end
get_value["guest.args"] = function(ev, r, i)
	local at = r.tail + 8 * i
	if i < get(r.s, O.guest.nargs) then return sub(r.s, at + 1, at + 8), at, 8 end
end

get_value["backend.ret"] = function(ev, r)
	if get(r.s, O.backend.phase) ~= 1 then return nil end
	local ret = sub(r.s, O.backend.ret[1] + 1, O.backend.ret[1] + 4)
	local sign = byte(ret, 4) >= 0x80 and "\255\255\255\255" or "\0\0\0\0"
	return ret .. sign, O.backend.ret[1], 4, true
end
get_value["backend.head"] = function(ev, r)
	local head = get(r.s, O.backend.head)
	if head ~= 0xffff then return at_member(head, O.backend.head) end
end
local function has_range(r)
	return get(r.s, O.backend.phase) == 0 or get8(r.s, O.backend.bytes) ~= ZERO8 or
		get(r.s, O.backend.op) == K.BACKEND_FLUSH
end
for _, member in ipairs({ "offset", "bytes" }) do
	get_value["backend." .. member] = function(ev, r)
		if has_range(r) then return at_member(get8(r.s, O.backend[member]), O.backend[member]) end
	end
end
get_value["backend.merged"] = function(ev)
	return ev.req and ev.req.merged
end

-- --- clocks, loss, stacks, classes ------------------------------------------------------------------------------------

get_value["clock.error"] = function(ev, r)
	local e = get(r.s, O.clock.error)
	if e ~= K.CLOCK_UNKNOWN then return at_member(e, O.clock.error) end
end
function exchange_took(r)
	local lo, hi = get2(r.s, O.exchange["until"])
	local from_lo, from_hi = get2(r.s, O.exchange.from)
	return (hi - from_hi) * TWO32 + (lo - from_lo)
end
get_value["exchange.took"] = function(ev, r)
	local took = exchange_took(r)
	return took > 0 and took or nil
end
for _, member in ipairs({ "wall", "wall_most" }) do
	get_value["exchange." .. member] = function(ev, r)
		if get8(r.s, O.exchange.wall) ~= ZERO8 or get8(r.s, O.exchange.wall_most) ~= ZERO8 then
			return at_member(get8(r.s, O.exchange[member]), O.exchange[member])
		end
	end
end

-- How many events a loss is of, as 8 bytes, and whether there are more.
function lost(ev, r)
	return ev.old_loss and ZERO8 or get8(r.s, O.loss.lost),
		ev.old_loss or has(get(r.s, O.loss.flags), K.LOSS_MORE)
end
get_value["loss.lost"] = function(ev, r)
	local n, more = lost(ev, r)
	if n ~= ZERO8 or not more then return n end
end
get_value["loss.more"] = function(ev, r)
	local _, more = lost(ev, r)
	return more
end

get_value["stack_info.cut"] = function(ev, r) return has(get(r.s, O.stack.flags), K.STACK_CUT) end
get_value["stack_info.frames.pc"] = function(ev, r, i)
	local frame = ev.stack and ev.stack[i + 1]
	if frame then return frame.pc, r.tail + 8 * i, 8 end
end
get_value["stack_info.frames.symbol"] = function(ev, r, i)
	local frame = ev.stack and ev.stack[i + 1]
	return frame and frame.symbol
end

get_value["class.offset"] = function(ev, r)
	local offset = get(r.s, O.class.offset)
	if offset ~= K.CLASS_UNKNOWN then return at_member(offset, O.class.offset) end
end

function callbacks_of(r)
	if r.callback_list then return r.callback_list end
	local list, fixed = {}, O.callback.size_of[2]
	for tag, at, n in values_from(r.s, r.tail, r.len) do
		local len = tag == K.TAG_CALLBACK and n >= fixed and get(r.s, O.callback.len, at)
		if len and len <= n - fixed then
			list[#list + 1] = { at = at, name = at + fixed, len = len, function_len = n - fixed - len }
		end
	end
	r.callback_list = list
	return list
end
local function of_callback(member, value)
	get_value["class.callbacks." .. member] = function(ev, r, i)
		local c = callbacks_of(r)[i + 1]
		if c then return value(r, c) end
	end
end
of_callback("name", function(r, c) return sub(r.s, c.name + 1, c.name + c.len), c.name, c.len end)
of_callback("function", function(r, c)
	local at = c.name + c.len
	return sub(r.s, at + 1, at + c.function_len), at, c.function_len
end)
of_callback("address", function(r, c)
	return get8(r.s, O.callback["function"], c.at), c.at + O.callback["function"][1], 8
end)
of_callback("offset", function(r, c)
	local offset = get(r.s, O.callback.offset, c.at)
	if offset == K.CLASS_UNKNOWN then return "\255\255\255\255\255\255\255\255" end
	return to8(offset)
end)

-- --- any field -------------------------------------------------------------------------------------------------------

-- Element i of a field: as above.
function field_value(f, ev, r, i)
	if f.known and not has(u16(r.s, f.known_at), f.known) then return nil end
	if f.get then return get_value[f.path](ev, r, i) end
	if i > 0 then return nil end
	local m = f.member
	if f.size == 8 then return get8(r.s, m), f.at, 8 end
	local v = get(r.s, m)
	if f.kind == "str" then v = name_of(f.names, v) or format("%d", v) end
	if f.kind == "bool" then
		if f.bit > 0 then v = has(v, f.bit) else v = v ~= 0 end
	end
	return v, f.at, f.size
end

for _, g in ipairs(V.groups) do
	for _, f in ipairs(g.fields) do
		f.member = f.at and { f.at, f.size }
		if f.get and not get_value[f.path] then error("vqtrace.lua lacks the value of " .. f.path) end
	end
end
end
