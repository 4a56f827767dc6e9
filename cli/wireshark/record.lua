-- SPDX-License-Identifier: MIT
-- A packet's bytes become checked records, as decoder/trace/record.c and carried.c do it. Nothing
-- else reads a byte whose place is not checked here.
local values_from, parse_record, find_tlv, tlv_text, segments, descriptor, carried_events
do

-- The tagged values from `pos` to `len`: a function that returns the next tag, and where it is.
function values_from(s, pos, len)
	return function()
		if pos > len or len - pos < O.tlv.size_of[2] then return nil end
		local tag, n = get(s, O.tlv.tag, pos), get(s, O.tlv.len, pos)
		local at = pos + O.tlv.size_of[2]
		if tag == K.TAG_END or n > len - at then return nil end
		pos = at + align4(n)
		return tag, at, n
	end
end

local function check_tlvs(r)
	local pos, len = r.tail, r.len
	while len - pos >= O.tlv.size_of[2] do
		local n = get(r.s, O.tlv.len, pos)
		if get(r.s, O.tlv.tag, pos) == K.TAG_END then return nil end
		if n > len - pos - O.tlv.size_of[2] then return "a tagged value runs past the end" end
		pos = pos + O.tlv.size_of[2] + align4(n)
		if pos > len then return nil end -- the last one's padding may be cut
	end
	return nil
end

local function check_segs(r, at, n)
	local pos, len = at, r.len
	for _ = 1, n do
		if len - pos < O.seg.size_of[2] then return "its buffer bytes run past the end" end
		local bytes = align4(get(r.s, O.seg.len, pos))
		pos = pos + O.seg.size_of[2]
		if bytes > len - pos then return "its buffer bytes run past the end" end
		pos = pos + bytes
	end
	r.segs, r.segs_end = at, pos
	r.known = pos
	return nil
end

local function text_tail(member)
	return function(r)
		r.text_len = get(r.s, member)
		r.known = r.tail + r.text_len
		r.text_at = r.tail
		if r.text_len > r.len - r.tail then return "its text runs past the end" end
	end
end

local function tlv_tail(r)
	r.known = r.len
	return check_tlvs(r)
end

local function seg_tail(count)
	return function(r) return check_segs(r, r.tail, get(r.s, count)) end
end

-- What follows the fixed part: an error, or nil.
local tails = {
	[K.SESSION] = tlv_tail, [K.SOURCE] = tlv_tail, [K.DEVICE] = tlv_tail, [K.CLASS] = tlv_tail,
	[K.NOTE] = text_tail(O.note.len), [K.LIFECYCLE] = text_tail(O.lifecycle.len),
	[K.VHOST_USER] = text_tail(O.vhost_user.len),
	[K.DEVICE_STATE] = function(r)
		local n = get(r.s, O.device_state.config_len)
		r.known = r.tail + n
		if n > r.len - r.tail then return "its configuration bytes run past the end" end
	end,
	[K.KICK] = function(r)
		local n = get(r.s, O.kick.nheads)
		r.known = r.tail + align4(n * 2)
		if n * 2 > r.len - r.tail then return "its ring entries run past the end" end
	end,
	[K.STACK] = function(r)
		local frames, n = 8 * get(r.s, O.stack.nframes), get(r.s, O.stack.len)
		r.known = r.tail + frames + n
		if frames + n > r.len - r.tail then return "its frames run past the end" end
	end,
	[K.AVAIL] = function(r)
		local n = get(r.s, O.avail.ndesc) * O.desc.size_of[2]
		if n > r.len - r.tail then return "its descriptors run past the end" end
		return check_segs(r, r.tail + n, get(r.s, O.avail.nseg))
	end,
	[K.USED] = seg_tail(O.used.nseg), [K.DATA] = seg_tail(O.data.nseg),
	[K.TALLY] = function(r)
		local pos = r.tail
		for _ = 1, get(r.s, O.tally.ngroup) do
			if r.len - pos < O.tally_group.size_of[2] then return "its counts run past the end" end
			local n = get(r.s, O.tally_group.nbucket, pos)
			pos = pos + O.tally_group.size_of[2]
			if n * O.tally_bucket.size_of[2] > r.len - pos then return "its counts run past the end" end
			pos = pos + n * O.tally_bucket.size_of[2]
		end
		r.segs, r.segs_end = r.tail, pos
		r.known = pos
	end,
	[K.GUEST] = function(r)
		local n = get(r.s, O.guest.nargs)
		if n > K.GUEST_ARGS then return "it has more arguments than a function may" end
		r.text_at, r.text_len = r.tail + 8 * n, get(r.s, O.guest.len)
		r.known = r.text_at + r.text_len
		if r.known > r.len then return "its arguments run past the end" end
	end,
	[K.ROUTES] = function(r)
		local n = get(r.s, O.routes.n)
		if n > K.ROUTES_MAX then return "it has more routes than a table may" end
		r.known = r.tail + n * O.route.size_of[2]
		if r.known > r.len then return "its routes run past the end" end
	end,
}

-- The tagged values behind an event.
local function find_values(r)
	for tag, at, n in values_from(r.s, align4(math.min(r.known, r.len)), r.len) do
		if tag == K.TAG_STACK and n == 4 then
			r.stack_id, r.stack_at = u32(r.s, at), at
		elseif tag == K.TAG_CALL and n == 8 then
			r.call, r.within_call, r.call_at = u32(r.s, at), u32(r.s, at + 4), at
		elseif tag == K.TAG_FUNCTION and n > 0 then
			r.function_at, r.function_len = at, n
		elseif tag == K.TAG_WITHIN and n == 4 then
			r.within, r.within_at = u32(r.s, at), at
		elseif tag == K.TAG_CARRIED then
			r.carried, r.carried_len = at, n
			r.accounted = true
			r.len = at - O.tlv.size_of[2]
			return
		end
		r.known = at + n
	end
end

-- A record of its bytes; nil and why not. Of an unknown type it has `unknown`.
function parse_record(s)
	local hdr = O.hdr
	if #s < hdr.size_of[2] then return nil, "it is shorter than a record header" end
	if #s > K.RECORD_MAX then return nil, "it is longer than a record may be" end
	local r = {
		s = s, len = #s, type = get(s, hdr.type), source = get(s, hdr.source),
		device = get(s, hdr.device), queue = get(s, hdr.queue), seq = get(s, hdr.seq),
		tid = get(s, hdr.tid), within = 0, stack_id = 0, call = 0, within_call = 0,
	}
	local row = V.types[r.type]
	if not row then
		r.unknown = true
		r.tail, r.known = hdr.size_of[2], hdr.size_of[2]
		return r
	end
	local size = row.size
	if #s < size and row.least > 0 and #s >= row.least then
		-- an older writer's record: the fields it did not know are 0
		r.s = s .. rep("\0", size - #s)
		r.tail = #s
	elseif #s < size then
		return nil, "it is shorter than its type needs"
	else
		r.tail = size
	end
	r.known = r.tail
	local bad = tails[r.type] and tails[r.type](r)
	if bad then return nil, bad end
	if r.type >= K.REG then find_values(r) end
	return r
end

-- The value of a tag of a descriptive record: where it is, and how long.
function find_tlv(r, wanted)
	for tag, at, n in values_from(r.s, r.tail, r.len) do
		if tag == wanted then return at, n end
	end
	return nil
end

function tlv_text(r, wanted)
	local at, n = find_tlv(r, wanted)
	return at and sub(r.s, at + 1, at + n)
end

-- Where the captured bytes are: { desc=, offset=, at=, len= } ...
function segments(r)
	local list, pos = {}, r.segs
	while pos and pos < r.segs_end do
		local n = get(r.s, O.seg.len, pos)
		list[#list + 1] = {
			desc = get(r.s, O.seg.desc, pos), offset = get(r.s, O.seg.offset, pos),
			at = pos + O.seg.size_of[2], len = n, from = pos,
		}
		pos = pos + O.seg.size_of[2] + align4(n)
	end
	return list
end

-- Descriptor i (from 0) of a chain.
function descriptor(r, i)
	local at = r.tail + i * O.desc.size_of[2]
	return at, get(r.s, O.desc.len, at), get(r.s, O.desc.flags, at)
end

-- The number at `at`, 7 bits a byte, and what follows it; nil: there is none.
local function carried_number(s, at, last)
	local v, scale = 0, 1
	for i = 0, 9 do
		local b = at <= last and byte(s, at) or nil
		if not b then return nil end
		v = v + b % 128 * scale
		at = at + 1
		if b < 128 then return v, at end
		scale = scale * 128
	end
	return nil
end

-- The events that a packet carries, as the bytes of their records: a list; nil: they are broken.
-- Numbers above 53 bits, which are inexact here, are none of a valid packet.
function carried_events(r)
	local s, at, last = r.s, r.carried + 1, r.carried + r.carried_len
	local list, count, before, first = {}, nil, nil, true
	count, at = carried_number(s, at, last)
	if not count then return list, true end
	before, at = carried_number(s, at, last)
	local ts = number8(get8(s, O.hdr.ts))
	if not before or count == 0 or count >= TWO32 or before > ts then return list, true end
	local own = ts
	local h = { seq = (r.seq - count) % TWO32, ts = ts - before, tid = r.tid, device = r.device,
		queue = r.queue, cpu = get(s, O.hdr.cpu) }
	for _ = 1, count do
		local kind, since, n = at <= last and byte(s, at) or nil, 0, nil
		if not kind then return list, true end
		at = at + 1
		local who = kind >= K.CARRIED_WHO
		h.type = kind % K.CARRIED_WHO
		if h.type < K.REG then return list, true end
		for _, member in ipairs(who and { "tid", "device", "queue", "cpu" } or {}) do
			h[member], at = carried_number(s, at, last)
			if not h[member] or h[member] >= (member == "tid" and TWO32 or 65536) then return list, true end
			if member == "queue" then h.queue = (h.queue - 1) % 65536 end
		end
		if not first then
			since, at = carried_number(s, at, last)
		end
		if since then n, at = carried_number(s, at, last) end
		if not since or since > own - h.ts or not n or n > K.CARRIED_MAX then return list, true end
		local body = {}
		for from = 0, n - 1, 8 do
			local mask = at <= last and byte(s, at) or nil
			if not mask then return list, true end
			at = at + 1
			for i = 0, 7 do
				local is = floor(mask / 2 ^ i) % 2 == 1
				if is and (from + i >= n or at > last) then return list, true end
				if from + i < n then body[#body + 1] = is and sub(s, at, at) or "\0" end
				if is then at = at + 1 end
			end
		end
		h.ts = h.ts + since
		list[#list + 1] = to8(h.ts) .. sub(to8(h.seq), 1, 4) .. sub(to8(h.tid), 1, 4) ..
			sub(to8(h.device), 1, 2) .. sub(to8(h.queue), 1, 2) .. char(h.type, r.source) ..
			sub(to8(h.cpu), 1, 2) .. table.concat(body)
		h.seq = (h.seq + 1) % TWO32
		first = false
	end
	return list
end
end
