-- SPDX-License-Identifier: MIT
-- What each record says, given those before it, as decoder/model/model.c and describe.c. Each event is
-- fed once, in order; what is shown of it later is in its `ev`.
local state, new_state, absolute, state_features, leave_out, model_feed
do


function new_state()
	state = {
		devices = {}, order = {}, sources = {}, number = 0, ours = false, filtered = false,
		base = nil, -- { low, high } of the first time
		frames = {}, -- of each frame its events
		stack_bytes = 0,
	}
end
new_state()

local function relative(lo, hi)
	return (hi - state.base[2]) * TWO32 + (lo - state.base[1])
end

-- Of a time since the trace's first event: seconds and ns on the trace's clock.
function absolute(ts)
	local lo, hi = state.base[1], state.base[2]
	if hi < 2097152 then
		local ns = hi * TWO32 + lo + ts
		return floor(ns / 1e9), ns % 1e9
	end
	local base = UInt64.new(lo, hi)
	local seconds = (base / 1000000000):tonumber()
	local ns = (base % 1000000000):tonumber() + ts
	return seconds + floor(ns / 1e9), ns % 1e9
end

local function get_source(id)
	local s = state.sources[id]
	if not s then
		s = { id = id, kind = 0, name = "", clock = 0, excused = 0, loss_at = 0, stacks = {} }
		state.sources[id] = s
	end
	return s
end

-- --- devices -------------------------------------------------------------------------------------------

local DEVICES_MAX, NAME_TRIES = 1024, 8

local function second_view(d) return d.peer ~= nil and d.by_driver end

local function is_taken(d, name)
	for _, other in ipairs(state.order) do
		if other ~= d and other.name == name then return true end
	end
	return false
end

-- blk0, blk1, net0; what its driver recorded of the same one is blk0.driver.
local function name_device(d)
	if second_view(d) then
		d.name = sub(d.peer.name, 1, 30) .. ".driver"
		return
	end
	local n, name = 0, nil
	for _, other in ipairs(state.order) do
		if other ~= d and other.virtio_id == d.virtio_id and not second_view(other) then n = n + 1 end
	end
	for tries = 0, NAME_TRIES do
		if tries == NAME_TRIES then n = DEVICES_MAX + d.id end
		name = format("%s%d", d.virtio_id > 0 and class_name(d.virtio_id) or "virtio", n)
		if not is_taken(d, name) then break end
		n = n + 1
	end
	d.name = name
	if d.peer then name_device(d.peer) end
end

local function get_device(id, source)
	local d = state.devices[id]
	if d or id == K.NO_DEVICE or #state.order == DEVICES_MAX then return d end
	d = {
		id = id, source = source, user_id = "", type_name = "", virtio_id = 0, transport = 0,
		offered = ZERO16, accepted = ZERO16, offered_known = {}, accepted_known = {},
		device_select = 0, driver_select = 0, queue_select = 0, config_vector = K.NO_VECTOR,
		num_queues = 0, mmio_version = 0, guest_page_size = 0, pci = {}, config = {}, queues = {},
	}
	state.devices[id] = d
	state.order[#state.order + 1] = d
	name_device(d)
	return d
end

local function set_type(d, id)
	d.virtio_id, d.class = id, class_by_id[id]
	name_device(d)
end

local function recognise(d, c)
	if not c or c == d.class then return end
	d.recognised = true
	set_type(d, c.id)
end

local function type_is_open(ev)
	return ev.dev and ev.by_proxy and not ev.dev.typed
end

function recognise_request(ev, q)
	local d = ev.dev
	if not type_is_open(ev) then return end
	local function fits()
		return d.class ~= nil and is_request[d.class.name] ~= nil and is_request[d.class.name](q)
	end
	d.typed = fits()
	if d.typed then return end
	recognise(d, class_of_request(q))
	d.typed = fits()
end

local function join_sides(d, id)
	local p = state.devices[id]
	if not p or p == d or p.peer or d.peer or (p.by_driver or false) == (d.by_driver or false) then return end
	d.peer, p.peer = p, d
	name_device(d.by_driver and d or p)
end

local function learn_text(d, member, r, tag, size)
	local s = tlv_text(r, tag)
	if s and #s > 0 then d[member] = sub((s:gsub("[\0].*", "")), 1, size - 1) end
end

-- --- a function a record type ----------------------------------------------------------------------------

local feed = {}

feed[K.SOURCE] = function(ev, r)
	local s = ev.source
	for _, stack in pairs(s.stacks) do state.stack_bytes = state.stack_bytes - stack.size end
	s.stacks = {}
	s.kind = get(r.s, O.source.kind)
	s.mapped = get(r.s, O.source.clock) == K.CLOCK_MAPPED
	if s.mapped then s.clock = 0 end
	s.name = sub((tlv_text(r, K.TAG_NAME) or ""):gsub("[\0].*", ""), 1, 63)
end

feed[K.DEVICE] = function(ev, r)
	local d, id, s = ev.dev, get(r.s, O.device.virtio_id), r.s
	if not d then return end
	if id > 0 and not d.recognised and id ~= d.virtio_id then set_type(d, id) end
	if get(s, O.device.transport) > 0 then d.transport = get(s, O.device.transport) end
	if get(s, O.device.queues) > 0 then d.num_queues = get(s, O.device.queues) end
	d.late = d.late or has(get(s, O.device.flags), K.DEV_LATE)
	d.by_driver = d.by_driver or ev.by_driver
	d.no_rings = d.no_rings or (ev.source.kind == K.SRC_KVM and not d.apart)
	learn_text(d, "user_id", r, K.TAG_ID, 64)
	learn_text(d, "type_name", r, K.TAG_TYPENAME, 64)
	if sub(d.type_name, -4) == "-ccw" then d.transport = K.TRANSPORT_CCW end
	local peer = get(s, O.device.peer)
	if peer ~= K.NO_DEVICE then join_sides(d, peer) end
end

-- Features in a device state: what a proxy recorded without the bits of vhost itself.
function state_features(ev, r, member)
	local set = sub(r.s, member[1] + 1, member[1] + 16)
	if not ev.by_proxy then return set end
	local low32 = u32(set, 0)
	return sub(to8(low32 - band(low32, K.VHOST_FEATURES)), 1, 4) .. sub(set, 5)
end

feed[K.DEVICE_STATE] = function(ev, r)
	local d, s = ev.dev, r.s
	if not d then return end
	local known, all = get(s, O.device_state.known), { [0] = true, true, true, true }
	if has(known, K.KNOWN_STATUS) then d.status = get(s, O.device_state.status) end
	if has(known, K.KNOWN_OFFERED) then
		d.offered, d.offered_known = state_features(ev, r, O.device_state.offered), all
	end
	if has(known, K.KNOWN_ACCEPTED) then
		d.accepted = state_features(ev, r, O.device_state.accepted)
		d.accepted_known = { [0] = true, true, true, true }
	end
	if has(known, K.KNOWN_MSIX) then d.msix = get(s, O.device_state.msix) ~= 0 end
	local len = 0
	if has(known, K.KNOWN_CONFIG) then
		len = get(s, O.device_state.config_len)
		for i = 0, math.min(len, CONFIG_SPACE) - 1 do d.config[i] = byte(s, r.tail + i + 1) end
	end
	if type_is_open(ev) and (not d.class or not can_offer(d.class, d.offered) or
		not can_have_config(d.class, len)) then
		recognise(d, recognise_class(d.offered, len))
	end
end

feed[K.QUEUE_STATE] = function(ev, r)
	local q, s, o = ev.q, r.s, O.queue_state
	if not q then return end
	local known = get(s, o.known)
	if has(known, K.KNOWN_SIZE) then q.size, q.size_known = get(s, o.size), true end
	if has(known, K.KNOWN_ADDR) then
		q.desc, q.driver, q.device = get8(s, o.desc), get8(s, o.driver), get8(s, o.device)
		q.addr_known = true
	end
	if has(known, K.KNOWN_VECTOR) then q.vector = get(s, o.vector) end
	if has(known, K.KNOWN_ENABLED) then q.enabled = get(s, o.enabled) ~= 0 end
	q.packed = accepted(ev.dev.accepted, K.VIRTIO_F_RING_PACKED)
	if has(known, K.KNOWN_INDEX) then
		model_learn(ev, r)
		if not q.packed then q.latest = { avail_idx = get(s, o.last_avail), known = true } end
	end
end

feed[K.CLOCK] = function(ev, r)
	local s = state.sources[get(r.s, O.clock.other)]
	if s and not s.mapped then s.clock = ev.ts - relative(get2(r.s, O.clock.there)) end
end

feed[K.LOSS] = function(ev, r)
	local why = get(r.s, O.loss.why)
	ev.old_loss = ev.source.kind == K.SRC_PROXY and why == K.LOSS_MEMORY and ev.q ~= nil and
		ev.q.packed and number8(get8(r.s, O.loss.lost)) == 1
	ev.source.loss_at = ev.number
	if ev.q and why == K.LOSS_MEMORY and ev.by_snooper then forget_flight(ev.q) end
end

local STACKS_BYTES = 67108864 -- of all stacks that are remembered

feed[K.STACK] = function(ev, r)
	local s, id = r.s, get(r.s, O.stack.id)
	local n, len, frames = get(s, O.stack.nframes), get(s, O.stack.len), {}
	local at, last = r.tail + 8 * n + 1, r.tail + 8 * n + len
	for i = 1, n do
		local to = at <= last and s:find("\0", at, true) or last + 1
		if not to or to > last then to = last + 1 end
		frames[i] = { pc = sub(s, r.tail + 8 * i - 7, r.tail + 8 * i), symbol = sub(s, at, to - 1) }
		at = math.min(to + 1, last + 1)
	end
	local old = ev.source.stacks[id]
	state.stack_bytes = state.stack_bytes - (old and old.size or 0)
	ev.source.stacks[id] = nil
	frames.size = #s
	if id == 0 or frames.size > STACKS_BYTES - state.stack_bytes then return end
	ev.source.stacks[id] = frames
	state.stack_bytes = state.stack_bytes + frames.size
	ev.stack = frames
end

feed[K.LIFECYCLE] = function(ev, r)
	local d, what = ev.dev, get(r.s, O.lifecycle.what)
	if not d then return end
	if what == K.LIFECYCLE_RESET then
		reset_device(d)
	elseif what == K.LIFECYCLE_QUEUE_RESET then
		if ev.q then reset_queue(ev.q) end
	elseif what == K.LIFECYCLE_IOEVENTFD_START then
		for _, q in pairs(d.queues) do q.self_notified = true end
	elseif what == K.LIFECYCLE_NOTIFIER_ATTACH then
		d.tells_self = true
		if ev.q then ev.q.self_notified = true end
	elseif what == K.LIFECYCLE_SET_FEATURES and d.transport == K.TRANSPORT_CCW then
		d.accepted = sub(r.s, O.lifecycle.arg[1] + 1, O.lifecycle.arg[1] + 8) .. sub(d.accepted, 9)
		d.accepted_known[0], d.accepted_known[1] = true, true
	end
end

feed[K.RING] = function(ev, r) model_ring(ev.q, read_ring(r.s, O.ringstate.ring[1])) end
feed[K.REG] = model_register
feed[K.KICK] = model_kick
feed[K.AVAIL] = model_avail
feed[K.USED] = model_used
feed[K.IRQ] = function(ev, r)
	if ev.dev and get(r.s, O.irq.kind) == K.IRQ_INTX then ev.dev.intx = get(r.s, O.irq.level) end
	model_irq(ev, r)
end
feed[K.DATA] = model_data
feed[K.BACKEND] = model_backend

-- --- rings that are not little-endian: decoder/model/byte_order.c -----------------------------------------

local function looks_swapped(ev, r)
	if r.type ~= K.KICK or not ev.q then return false end
	local g, n = read_ring(r.s, O.kick.ring[1]), get(r.s, O.kick.nheads)
	if is_packed(g) or not has(g.known, K.RING_AVAIL_IDX) or not has(g.known, K.RING_LAST_AVAIL) or
		g.last_avail > 0 or ev.q.popped_since_reset > 0 or n < 2 or g.avail_idx == 0 or
		g.avail_idx % 256 > 0 then
		return false
	end
	for i = 1, n - 1 do
		if u16(r.s, r.tail + 2 * i) ~= u16(r.s, r.tail) then return false end
	end
	return true
end

local in_memory = { [K.KICK] = true, [K.RING] = true, [K.AVAIL] = true, [K.USED] = true,
	[K.DATA] = true }

local function is_undecodable(ev, r)
	local d = ev.dev
	if not in_memory[r.type] or not d or accepted(d.accepted, K.VIRTIO_F_VERSION_1) then return false end
	if d.transport == K.TRANSPORT_CCW then return true end
	if not d.swapped and next(d.accepted_known) and looks_swapped(ev, r) then d.swapped = true end
	return d.swapped
end

-- The record without what it has of guest memory: the header, and of a kick how it came.
function leave_out(r)
	local s, size = r.s, V.types[r.type].size
	local from, to = O.hdr.size_of[2], size
	if r.type == K.KICK then
		s = sub(s, 1, O.kick.nheads[1]) .. "\0\0" .. sub(s, O.kick.nheads[1] + 3)
		to = from + O.ring.known[1] + O.ring.known[2]
	elseif r.type == K.RING then
		to = O.ringstate.why[1]
	end
	r.s = sub(s, 1, from) .. rep("\0", to - from) .. sub(s, to + 1)
	r.segs = nil
end

-- --- all events ----------------------------------------------------------------------------------------------

local function track_seq(ev, r)
	local s, seq = ev.source, r.seq
	local gap = (seq - (s.next_seq or 0)) % TWO32
	if r.type == K.LOSS and get(r.s, O.loss.why) == K.LOSS_BUFFER then
		s.excused = s.excused + number8(get8(r.s, O.loss.lost))
	end
	if r.type < K.REG and seq == 0 then return end
	if s.next_seq and gap > 0 and gap < 0x80000000 then
		local excused = math.min(gap, s.excused)
		s.excused = s.excused - excused
		ev.gap = gap > excused and gap - excused or nil
		if not state.filtered then s.loss_at = ev.number end
	elseif not s.next_seq and state.filtered and seq > 1 then
		ev.gap = seq - 1
	end
	if not s.next_seq or gap < 0x80000000 then s.next_seq = (seq + 1) % TWO32 end
end

local function track_time(ev, r)
	local lo, hi = get2(r.s, O.hdr.ts)
	ev.delta, ev.since = 0, 0
	if lo == 0 and hi == 0 and r.type < K.REG then
		ev.ts = state.last or 0
		ev.untimed = not state.last
		ev.since = state.last and state.last - state.first or 0
		return
	end
	state.base = state.base or { lo, hi }
	ev.ts = relative(lo, hi) + ev.source.clock
	ev.own_clock = ev.source.clock == 0
	if not state.last then state.first, state.last = ev.ts, ev.ts end
	ev.delta = math.max(ev.ts - state.last, 0)
	ev.since = math.max(ev.ts - state.first, 0)
	state.last = ev.ts
end

local function is_proxy(kind) return kind == K.SRC_PROXY or kind == K.SRC_PROXY_PASSIVE end

-- What many events have in common, as the __index of their tables.
local function common_of(d, source)
	local holder = d or source
	local c = holder.common and holder.common.__index
	if c and c.source_kind == source.kind and c.source_name == source.name and c.filtered == state.filtered and
		(not d or c.device == d.name and c.device_type == d.virtio_id and c.user_id == d.user_id and
		c.class == d.class and c.status == d.status and c.type_name == d.type_name) then
		return holder.common
	end
	c = { source_kind = source.kind, source_name = source.name, filtered = state.filtered,
		by_proxy = is_proxy(source.kind) }
	if d then
		c.device, c.device_type, c.user_id = d.name, d.virtio_id, d.user_id
		c.class, c.status, c.type_name = d.class, d.status, d.type_name
	end
	holder.common = { __index = c }
	return holder.common
end

local only_now = { dev = true, q = true, source = true, by_driver = true, by_proxy = true, by_snooper = true,
	loss_at = true, within = true, frame = true }

-- What is to be seen of an event later: nothing that a later event changes, and in a small table.
local function kept(ev, r)
	local d, q, out = ev.dev, ev.q, {}
	if d and r.type == K.DEVICE and d.peer then ev.peer = d.peer.name end
	if q then
		ev.queue, ev.packed = q.index, q.packed
		if ev.field and ev.field.id == K.SPEC_REG_QUEUE_ENABLE then
			ev.areas = { size = q.size, desc = q.desc, driver = q.driver, device = q.device,
				vector = q.vector }
		end
	end
	for k, v in pairs(ev) do
		if v and not only_now[k] then out[k] = v end
	end
	return setmetatable(out, common_of(d, ev.source))
end

function model_feed(r, frame)
	state.number = state.number + 1
	local ev = { number = state.number, frame = frame, source = get_source(r.source), within = r.within }
	local kind = ev.source.kind
	track_seq(ev, r)
	track_time(ev, r)
	if r.type == K.SESSION then
		state.filtered = state.filtered or find_tlv(r, K.TAG_FILTER) ~= nil
		return kept(ev, r)
	end
	ev.by_driver = kind == K.SRC_GUEST
	ev.by_proxy = is_proxy(kind)
	ev.by_snooper = ev.by_proxy or kind == K.SRC_MEMORY
	ev.loss_at = ev.source.loss_at
	ev.dev = get_device(r.device, r.source)
	local d = ev.dev
	if d and r.queue ~= K.NO_QUEUE then ev.q = get_queue(d, r.queue) end
	if r.queue ~= K.NO_QUEUE and d and d.no_rings and
		(kind == K.SRC_MEMORY or kind == K.SRC_PROXY_PASSIVE) then
		d.no_rings, d.apart = false, true
	end
	ev.stack = r.stack_id > 0 and ev.source.stacks[r.stack_id] or nil
	ev.undecodable = is_undecodable(ev, r)
	if ev.undecodable then
		leave_out(r)
		ev.undecodable_first = not d.undecodable
		d.undecodable = true
		if r.type == K.KICK and ev.q then ev.q.kick_ts = ev.ts end
		if r.type == K.USED and ev.q then ev.q.used_since_reset = ev.q.used_since_reset + 1 end
	elseif feed[r.type] then
		-- events by the driver after its source record; the source itself is described by this one
		feed[r.type](ev, r)
	end
	return kept(ev, r)
end
end
