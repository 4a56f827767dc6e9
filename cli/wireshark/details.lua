-- SPDX-License-Identifier: MIT
-- What the tree says below a value: bits by name, headers of requests, as `vqtrace show -V` does it.
local below, element_words, add_header
do

-- ".... 1... = NAME: set", four bits at a time.
local function bit_line(width, n, set, name)
	local t = {}
	for i = width - 1, 0, -1 do
		t[#t + 1] = i ~= n and "." or set and "1" or "0"
		if i > 0 and i % 4 == 0 then t[#t + 1] = " " end
	end
	return format("%s = %s: %s", table.concat(t), name, set and "set" or "not set")
end

local function is_set(v, n)
	return floor(byte(v, floor(n / 8) + 1) / 2 ^ (n % 8)) % 2 == 1
end

-- Of a set of names: each bit that has one, and those without one that are set.
local function add_bits(item, range, names, width, v)
	local of_bit = {}
	for _, row in ipairs(names) do
		local mask, n = row[1], 0
		while mask % 2 == 0 do
			mask = mask / 2
			n = n + 1
		end
		if mask == 1 then
			of_bit[n] = row[2]
		else -- a field of several bits is named in the value's own text
			for i = 0, 63 do
				if floor(row[1] / 2 ^ i) % 2 == 1 then of_bit[i] = false end
			end
		end
	end
	for n = 0, width - 1 do
		local set = is_set(v, n)
		local name = of_bit[n] or of_bit[n] == nil and set and "undefined"
		if name then item:add(range, bit_line(width, n, set, name)) end
	end
end

local function add_feature_bits(item, range, class, word, v)
	for n = 0, 31 do
		local f, set = word < 4 and feature_of(class, word * 32 + n), is_set(v, n)
		if f or set then
			item:add(range, bit_line(32, n, set, f and f.name or format("bit %d, undefined", word * 32 + n)))
		end
	end
end

-- The bits that are set, of two words of 64.
local function add_feature_set(item, range, class, first, v)
	for n = 0, 63 do
		if is_set(v, n) then
			local f = feature_of(class, first + n)
			item:add(range, format("bit %d = %s", first + n, f and f.name or "undefined"))
		end
	end
end

below = {}

below["register.value"] = function(item, tvb, ev, r, v)
	local f, width = ev.field, get(r.s, O.reg.width)
	local range = tvb(O.reg.value[1], O.reg.value[2])
	if not f or width > 8 or ev.field_offset > 0 then return end
	if f.kind == K.SPEC_FEATURES and width == 4 then
		add_feature_bits(item, range, ev.class, ev.select or 0, v)
	elseif f.kind == K.SPEC_BITS and f.names then
		add_bits(item, range, f.names, 8 * math.min(width, f.width), v)
	end
end

below["device_state.status"] = function(item, tvb, ev, r, v)
	add_bits(item, tvb(O.device_state.status[1], 1), V.status_bits, 8, to8(v))
end

-- Element i of the two words.
local function feature_words(member)
	return function(item, tvb, ev, r, v, i)
		add_feature_set(item, tvb(member[1] + 8 * i, 8), ev.class, 64 * i, v)
	end
end

below["device_state.offered"] = feature_words(O.device_state.offered)
below["device_state.accepted"] = feature_words(O.device_state.accepted)

below["lifecycle.args"] = function(item, tvb, ev, r, v, i)
	if i == 0 and get(r.s, O.lifecycle.what) == K.LIFECYCLE_SET_STATUS then
		add_bits(item, tvb(O.lifecycle.arg[1], 8), V.status_bits, 8, v)
	end
end

element_words = {
	["avail.descriptors"] = function(r, i)
		local at, len, flags = descriptor(r, i)
		local first = get(r.s, O.avail.first)
		return format(" %d: 0x%s, %s, %s%s", first + i, hex8(get8(r.s, O.desc.addr, at)), plural(len, "byte"),
			format_bits(V.descriptor_flags, to8(flags)), has(flags, K.VRING_DESC_F_INDIRECT) and
			" (names the indirect table)" or has(flags, K.VRING_DESC_F_WRITE) and " (device writes)" or
			" (device reads)")
	end,
}

function add_header(branch, tvb, ev)
	local e = ev.req
	if not e or not e.header then return end
	for i = 1, e.header do
		local f = ev.class.header.fields[i]
		if f.offset + f.width > #e.head then return end
		local v = sub(e.head .. ZERO8, f.offset + 1, f.offset + 8)
		local row = f.id == K.SPEC_REG_REQUEST_TYPE and request_type(ev.class, u32(v, 0))
		branch:add(tvb(0, 0), format("Header %s: %s%s", f.name, format_value(f, cut8(v, f.width)),
			row and format(" (%s)", row.name) or "")):set_generated()
	end
end
end
