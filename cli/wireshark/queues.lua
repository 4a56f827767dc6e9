-- SPDX-License-Identifier: MIT
-- Queues and requests in flight, as decoder/model/queue.c, before.c and backend.c follow them: 2.7, 2.8.
-- Times are ns since the trace's first event; nil is unknown.
local forget_flight, ZERO16, read_ring, is_packed, model_ring, model_kick, model_learn,
	recognise_request, model_avail, model_data, model_used, model_irq, model_backend
do

function get_queue(d, index)
	local q = d.queues[index]
	if q then return q end
	q = {
		index = index, size = 0, size_max = 0, align = 0, vector = K.NO_VECTOR, desc = ZERO8,
		driver = ZERO8, device = ZERO8, in_flight = {}, n_in_flight = 0, unnamed = 0, unnamed_slots = 0,
		popped = 0, popped_since_reset = 0, used_since_reset = 0, latest = {}, latest_popped = 0,
		size_written = d.late or d.status == nil,
	}
	d.queues[index] = q
	return q
end

function forget_flight(q)
	q.in_flight, q.n_in_flight = {}, 0
	q.unnamed, q.unnamed_slots = 0, 0
	q.learned, q.open = nil, nil
end

function reset_queue(q)
	forget_flight(q)
	q.enabled, q.addr_known = false, false
	q.desc, q.driver, q.device = ZERO8, ZERO8, ZERO8
	q.size = q.size_is_max and q.size_max or 0
	q.size_known = q.size > 0
	q.size_written = false
	q.align, q.vector, q.packed = 0, K.NO_VECTOR, false
	q.kick_ts, q.latest, q.latest_popped = nil, {}, q.popped
	q.self_notified = false
	q.popped_since_reset, q.used_since_reset = 0, 0
end

ZERO16 = rep("\0", 16)

function reset_device(d)
	d.status = 0
	d.accepted, d.accepted_known = ZERO16, {}
	d.device_select, d.driver_select, d.queue_select = 0, 0, 0
	d.config_vector = K.NO_VECTOR
	d.swapped = false
	for _, q in pairs(d.queues) do reset_queue(q) end
end

-- --- rings --------------------------------------------------------------------------------------

function read_ring(s, base)
	return {
		known = get(s, O.ring.known, base), avail_idx = get(s, O.ring.avail_idx, base),
		last_avail = get(s, O.ring.last_avail, base), used_idx = get(s, O.ring.used_idx, base),
	}
end

function is_packed(g) return has(g.known, K.RING_PACKED) end

function model_ring(q, g)
	if q and g.known ~= 0 then q.packed = is_packed(g) end
end

-- Whether an available entry waits for the device: nil where the record does not say so.
local function ring_waits(g)
	if not has(g.known, K.RING_LAST_AVAIL) then return nil end
	if is_packed(g) then
		if not has(g.known, K.RING_SLOT) then return nil end
		return has(g.known, K.RING_FILLED)
	end
	if not has(g.known, K.RING_AVAIL_IDX) then return nil end
	return g.avail_idx ~= g.last_avail
end

local function virtq_number(pos, size)
	local n = pos % 0x8000 + (pos >= 0x8000 and 0 or size)
	return size > 0 and n % (2 * size) or 0
end

local function slots_between(from, to, size)
	local a, b = virtq_number(from, size), virtq_number(to, size)
	return b >= a and b - a or b + 2 * size - a
end

-- --- kicks ----------------------------------------------------------------------------------------

-- Nothing waits, and everything that was made available was so before the kick before.
local function brings_nothing(q, g)
	if ring_waits(g) ~= false then return false end
	if not is_packed(g) then
		if q.latest.known then return g.avail_idx == q.latest.avail_idx end
		return not q.kick_ts and g.avail_idx == 0
	end
	return q.popped - q.latest_popped <= ((q.kick_ts and q.latest.known) and 1 or 0)
end

local function is_self(ev, r, g)
	local kind, d, q = ev.source.kind, ev.dev, ev.q
	if get(r.s, O.kick.via) ~= K.KICK_IOEVENTFD then return false end
	if kind == K.SRC_EMU or kind == K.SRC_REPLAY then return false end
	if d.tells_self and not q.self_notified then return false end
	if d.tells_self and ring_waits(g) == false then return true end
	return brings_nothing(q, g)
end

function model_kick(ev, r)
	local q = ev.q
	if not q then return end
	local g = read_ring(r.s, O.kick.ring[1])
	ev.self = is_self(ev, r, g)
	ev.tells_self = ev.dev.tells_self
	q.self_notified = false
	if not ev.self then
		q.latest = { avail_idx = g.avail_idx }
		if is_packed(g) then
			q.latest.known = ring_waits(g) == true
		else
			q.latest.known = has(g.known, K.RING_AVAIL_IDX)
		end
		q.latest_popped = q.popped
		q.kick_ts = ev.ts
	end
	model_ring(q, g)
end

-- --- chains in flight since before the trace -----------------------------------------------------

-- Is the position one that the learned position has passed?
local function passed(q, pos, which)
	if not q.learned then return false end
	if q.packed then
		if q.size == 0 then return false end
		local behind = slots_between(pos, q.learned[which], q.size)
		return behind > 0 and behind <= q.size
	end
	return (q.learned[which] - pos - 1) % 65536 < (q.size > 0 and q.size or 0x8000)
end

local function set_slots(q, slots)
	q.unnamed_slots = slots
	q.unnamed = slots > 0 and 1 or 0
end

local function slots_of(ndirect) return ndirect > 0 and ndirect or 1 end

function model_learn(ev, r)
	local q, s = ev.q, r.s
	if not ((q.popped_since_reset == 0 and q.used_since_reset == 0 and not q.learned) or ev.by_snooper) then
		return
	end
	local last, used = get(s, O.queue_state.last_avail), get(s, O.queue_state.used)
	local flight = q.packed and slots_between(used, last, q.size) or (last - used) % 65536
	if flight > q.size then return end
	q.learned = { avail = last, used = used }
	local named = 0
	for _, request in pairs(q.in_flight) do
		named = named + (q.packed and slots_of(request.ndirect) or 1)
	end
	flight = math.max(flight - named, 0)
	if q.packed then set_slots(q, flight) else q.unnamed = flight end
end

local function take_unnamed(q, ndirect)
	if q.unnamed == 0 then return false end
	if q.packed then
		set_slots(q, math.max(q.unnamed_slots - slots_of(ndirect), 0))
	else
		q.unnamed = q.unnamed - 1
	end
	return true
end

local function unname(q, request)
	if q.packed then
		set_slots(q, q.unnamed_slots + slots_of(request.ndirect))
	else
		q.unnamed = q.unnamed + 1
	end
end

local function was_before(q, a)
	local used = has(a.ring.known, K.RING_USED_IDX + K.RING_USED_POS) and passed(q, a.ring.used_idx, "used")
	if has(a.flags, K.CHAIN_BEFORE) then
		take_unnamed(q, a.ndirect)
		return true
	end
	if has(a.flags, K.CHAIN_DERIVED) then return not used and take_unnamed(q, a.ndirect) end
	if passed(q, a.pos, "avail") then take_unnamed(q, a.ndirect) else q.learned = nil end
	return false
end

local function used_before(q, flags, pos)
	if has(flags, K.USED_DETACHED) or passed(q, pos, "used") then return q.learned ~= nil end
	if not q.packed then return take_unnamed(q, 1) end
	if q.unnamed_slots == 0 then return false end
	q.unnamed_slots = q.unnamed_slots - 1
	q.unnamed = 0
	return true
end

-- --- chains -----------------------------------------------------------------------------------------

local CHAIN_MAX = 65536

-- The segment that begins a descriptor's buffer.
local function find_seg(r, desc)
	if not r.seg_of then
		r.seg_of = {}
		for _, seg in ipairs(segments(r)) do
			if seg.offset == 0 and not r.seg_of[seg.desc] then r.seg_of[seg.desc] = seg end
		end
	end
	return r.seg_of[desc]
end

local function add_descs(q, r, n)
	for i = 0, math.min(n, CHAIN_MAX - #q.desc) - 1 do
		local _, len, flags = descriptor(r, i)
		local indirect, write = has(flags, K.VRING_DESC_F_INDIRECT), has(flags, K.VRING_DESC_F_WRITE)
		q.desc[#q.desc + 1] = { len = len, write = write, indirect = indirect }
		if not indirect then
			if write then q.writable = q.writable + len else q.readable = q.readable + len end
		end
	end
end

-- Driver-written bytes in chain order, up to the first gap.
local function collect_head(q, r)
	while q.head_next < #q.desc and #q.head < K.CLASS_HEAD_BYTES do
		local d = q.desc[q.head_next + 1]
		if not d.indirect then
			if d.write then return end
			local seg = find_seg(r, q.head_next)
			if not seg then return end
			local n = math.min(seg.len, d.len, K.CLASS_HEAD_BYTES - #q.head)
			q.head = q.head .. sub(r.s, seg.at + 1, seg.at + n)
			if n < d.len then
				q.head_next = #q.desc
				return
			end
		end
		q.head_next = q.head_next + 1
	end
end

-- Leading bytes of the device's part, up to the first gap.
local function collect_written(q, r)
	local left = q.used_len
	for i, d in ipairs(q.desc) do
		if left == 0 or #q.written >= K.CLASS_WRITTEN_BYTES then return end
		if not d.indirect and d.write then
			local seg = find_seg(r, i - 1)
			if not seg then return end
			local n = math.min(seg.len, d.len, left, K.CLASS_WRITTEN_BYTES - #q.written)
			q.written = q.written .. sub(r.s, seg.at + 1, seg.at + n)
			left = left - n
			if n < d.len then return end
		end
	end
end

local function popped_earlier(a)
	return has(a.flags, K.CHAIN_LATE + K.CHAIN_DERIVED + K.CHAIN_BEFORE)
end

local function set_times(q, ev, a)
	q.seen_ts = ev.ts
	if ev.by_driver then
		q.avail_ts = ev.ts
	elseif not popped_earlier(a) then
		q.avail_ts, q.kick_ts = ev.ts, ev.q.kick_ts
	end
end

local function count_pop(queue)
	queue.popped = queue.popped + 1
	queue.popped_since_reset = queue.popped_since_reset + 1
end

local function new_request()
	return { desc = {}, readable = 0, writable = 0, head = "", head_next = 0, written = "", used_len = 0,
		submitted = 0, merged = 0, bytes = 0, sector = ZERO8 }
end

-- The chain anew: its contents, and its times unless they began earlier.
local function again(old, ev, a)
	local q = new_request()
	for _, member in ipairs({ "before", "backend_ts", "backend_end_ts", "submission", "submitted", "merged",
		"failed", "foreign", "number", "link" }) do
		q[member] = old[member]
	end
	set_times(q, ev, a)
	if q.avail_ts then
		q.before = false
		count_pop(ev.q)
	else
		q.seen_ts = old.seen_ts
	end
	return q
end

local function begin_chain(ev, a)
	local queue = ev.q
	local old = queue.in_flight[a.head]
	local known, counted = false, false
	if old then
		known = old.before and (popped_earlier(a) or a.pos == old.pos) or false
		if not known then
			if old.before and has(old.flags, K.CHAIN_LIKELY) then
				unname(queue, old)
			else
				ev.head_in_flight = not has(a.flags, K.CHAIN_AGAIN)
			end
		end
		counted = not known and not old.before
		if queue.open == old then queue.open = nil end
		queue.n_in_flight = queue.n_in_flight - 1
		queue.in_flight[a.head] = nil
	end
	local q
	if known then
		q = again(old, ev, a)
	else
		q = new_request()
		q.number, q.link = ev.number, { frame = ev.frame }
		set_times(q, ev, a)
		if not counted then
			q.before = was_before(queue, a)
			if not q.before then count_pop(queue) end
		end
	end
	q.queue, q.pos, q.ndirect = queue.index, a.pos, a.ndirect
	queue.in_flight[a.head] = q
	queue.n_in_flight = queue.n_in_flight + 1
	return q
end

local HEADER_BYTES = 16 -- of the longest header

-- What an event says of its request, as it is now.
local function snapshot(ev, q)
	ev.link = q.link -- the same for all its events: where they are
	local kind = q.type and q.type.json or q.typed and format("%d", q.type_raw) or nil
	ev.req = {
		number = q.number, type = kind, bytes = q.bytes, readable = q.readable, writable = q.writable,
		descriptors = #q.desc - (q.ndirect < #q.desc and 1 or 0), before = q.before, merged = q.merged > 0 and q.merged or nil,
		avail_ts = q.avail_ts, done = q.done, status = q.status,
	}
	local e = ev.req
	local n = class_header(ev.dev.class, q)
	if n > 0 and #q.head > 0 then e.header, e.head = n, sub(q.head, 1, HEADER_BYTES) end
	if q.typed and (not q.type or has(q.type.flags, K.SPEC_REQ_SECTOR + K.SPEC_REQ_SEGMENTS)) then
		e.sector = q.sector
	end
	if q.kick_ts and q.avail_ts >= q.kick_ts then e.wait = q.avail_ts - q.kick_ts end
	if q.backend_ts and q.backend_end_ts and q.backend_end_ts >= q.backend_ts then
		e.backend = q.backend_end_ts - q.backend_ts
	end
	if q.done and q.avail_ts then e.latency = ev.latency end
	local seen = q.seen_ts + ev.within
	if not q.avail_ts and ev.ts > seen then e.at_least = ev.ts - seen end
end


function model_avail(ev, r)
	local queue, s = ev.q, r.s
	if not queue then return end
	local a = {
		head = get(s, O.avail.head), pos = get(s, O.avail.pos), flags = get(s, O.avail.flags),
		first = get(s, O.avail.first), ndirect = get(s, O.avail.ndirect),
		ring = read_ring(s, O.avail.ring[1]),
	}
	model_ring(queue, a.ring)
	local q
	if a.first > 0 then
		q = queue.in_flight[a.head]
		if not has(a.flags, K.CHAIN_DERIVED) and queue.open ~= q then q = nil end
	end
	q = q or begin_chain(ev, a)
	q.accepted = ev.dev.accepted
	add_descs(q, r, get(s, O.avail.ndesc))
	q.flags = a.flags
	collect_head(q, r)
	queue.open = has(a.flags, K.CHAIN_MORE) and q or nil
	if not queue.open then recognise_request(ev, q) end
	class_parse(ev.dev.class, q)
	ev.what = class_describe(ev.dev.class, q)
	ev.indirect = q.ndirect < #q.desc
	snapshot(ev, q)
end

function model_data(ev, r)
	local q = ev.q and ev.q.in_flight[get(r.s, O.data.head)]
	if not q then return end
	q.accepted = ev.dev.accepted
	collect_head(q, r)
	class_parse(ev.dev.class, q)
	ev.what = class_describe(ev.dev.class, q)
	snapshot(ev, q)
end

function model_used(ev, r)
	local queue, s = ev.q, r.s
	if not queue then return end
	local id, flags = get(s, O.used.id), get(s, O.used.flags)
	model_ring(queue, read_ring(s, O.used.ring[1]))
	queue.used_since_reset = queue.used_since_reset + 1
	local q = queue.in_flight[id]
	if not q then
		ev.unnamed = used_before(queue, flags, get(s, O.used.pos))
		ev.unknown_id = not ev.unnamed
		return
	end
	queue.in_flight[id] = nil
	queue.n_in_flight = queue.n_in_flight - 1
	if queue.open == q then queue.open = nil end
	q.done, q.link.used_frame = true, ev.frame
	q.accepted, q.used_len = ev.dev.accepted, get(s, O.used.len)
	local class = ev.dev.class
	if class_status_is_last(class, q) and has(flags, K.USED_STATUS) then
		q.status = get(s, O.used.status)
	end
	if class and class.reads_written then collect_written(q, r) end
	class_parse(class, q)
	ev.latency = q.avail_ts and math.max(ev.ts - q.avail_ts, 0) or 0
	ev.result = class_result(class, q)
	ev.failed = class_failed(class, q)
	snapshot(ev, q)
end

function model_irq(ev, r)
	local d, kind = ev.dev, get(r.s, O.irq.kind)
	if not d or (kind == K.IRQ_INTX and get(r.s, O.irq.level) == 0) then return end
	if ev.q or kind ~= K.IRQ_MSIX then return end
	local vector, found = get(r.s, O.irq.vector), nil
	if vector == K.NO_VECTOR then return end
	for _, q in pairs(d.queues) do
		if q.vector == vector then
			if found then return end -- shared by several queues: unknown
			found = q
		end
	end
	ev.q = found
end

-- --- what the device submits to its back end: decoder/model/backend.c ----------------------------

local FLIGHT_MAX, MERGED_MAX = 4096, 63

local function begin(q, ev)
	if q.failed or (not q.backend_ts and not q.backend_end_ts) then q.backend_ts = ev.ts end
	q.failed, q.backend_end_ts, q.submission = false, nil, ev.number
	q.submitted = math.min(q.submitted + 1, 65535)
end

local function finish(q, ev, b)
	if (q.foreign and q.foreign == b.cookie) or (q.submission or q.number) < ev.loss_at then return end
	q.failed = b.ret >= 0x80000000
	if q.submitted > 0 then q.submitted = q.submitted - 1 end
	if q.submitted == 0 then q.backend_end_ts = ev.ts end
end

local function doubt(q)
	q.backend_ts, q.backend_end_ts, q.submission = nil, nil, nil
	q.submitted, q.merged, q.failed = 0, 0, false
end

-- Requests not submitted that ask for a part of what follows the first one's, by where they begin.
local function find_parts(ev, own, b, from)
	local parts, n = {}, 0
	for _, q in pairs(ev.q.in_flight) do
		local op, offset, bytes = class_extent(ev.dev.class, q)
		if q ~= own and q.submitted == 0 and op == b.op and bytes > 0 and offset >= from and
			offset + bytes <= b.offset + b.bytes then
			n = n + 1
			parts[offset] = parts[offset] and "several" or { q = q, bytes = bytes }
		end
	end
	return n <= MERGED_MAX and parts or {}
end

local function begin_merged(ev, own, b)
	local op, offset, bytes = class_extent(ev.dev.class, own)
	if op ~= b.op or offset ~= b.offset or b.bytes <= bytes or ev.q.n_in_flight > FLIGHT_MAX then return end
	local at, way = b.offset + bytes, {}
	local parts = find_parts(ev, own, b, at)
	while at < b.offset + b.bytes do
		local p = parts[at]
		if not p or p == "several" or p.q.number < ev.loss_at then return end
		way[#way + 1] = p.q
		at = at + p.bytes
	end
	if at ~= b.offset + b.bytes then return end
	for _, q in ipairs(way) do begin(q, ev) end
	own.merged = #way
end

local function others_of(ev, own, submission, act)
	for _, q in pairs(ev.q.in_flight) do
		if q ~= own and q.submitted > 0 and q.submission == submission then act(q) end
	end
	own.merged = 0
end

local function serves(ev, q, b)
	local op, offset, bytes = class_extent(ev.dev.class, q)
	return not op or (op == b.op and b.offset >= offset and b.offset - offset <= bytes)
end

function model_backend(ev, r)
	local s = r.s
	local q = ev.q and ev.q.in_flight[get(s, O.backend.head)]
	if not q then return end
	local b = {
		op = get(s, O.backend.op), offset = number8(get8(s, O.backend.offset)),
		bytes = number8(get8(s, O.backend.bytes)), cookie = get8(s, O.backend.cookie),
		ret = get(s, O.backend.ret), done = get(s, O.backend.phase) ~= 0,
	}
	if not b.done and (q.number < ev.loss_at or not serves(ev, q, b)) then
		doubt(q)
		q.foreign = b.cookie ~= ZERO8 and b.cookie or nil
	elseif b.done then
		if q.merged > 0 then others_of(ev, q, q.submission, function(o) finish(o, ev, b) end) end
		finish(q, ev, b)
	else
		if q.merged > 0 then others_of(ev, q, q.submission, doubt) end
		begin(q, ev)
		begin_merged(ev, q, b)
	end
	snapshot(ev, q)
end
end
