-- SPDX-License-Identifier: MIT
-- Device types: what decoder/class does with a request, by the name of the type. Tables are generated.
local class_by_id, class_name, accepted, request_type, is_request, class_parse, class_describe,
	class_result, class_status_is_last, class_failed, class_extent, class_header, field_at, config_field_at,
	features_text, feature_of, can_offer, can_have_config, recognise_class, class_of_request
do

class_by_id = {}
for _, c in ipairs(V.classes) do class_by_id[c.id] = c end

function class_name(id)
	return class_by_id[id] and class_by_id[id].name or format("virtio-%d", id)
end

-- A request: readable, writable, head (leading driver-written bytes), queue, accepted (feature bits,
-- 16 bytes), used_len, done, written. What the type makes of it: type, typed, type_raw, sector (8
-- bytes), bytes.
function accepted(set, bit)
	return floor(byte(set, floor(bit / 8) + 1) / 2 ^ (bit % 8)) % 2 == 1
end

function request_type(c, type)
	if not c then return nil end
	if not c.by_type then
		c.by_type = {}
		for _, r in ipairs(c.requests) do c.by_type[r.type] = c.by_type[r.type] or r end
	end
	return c.by_type[type]
end

local function type_named(c, json)
	for _, r in ipairs(c.requests) do
		if r.json == json then return r.type end
	end
	return -1
end

local function feature_bit(c, short)
	for _, f in ipairs(c.features) do
		if f.short == short then return f.bit end
	end
	for _, f in ipairs(V.features) do
		if f.short == short then return f.bit end
	end
end

local function class_named(name)
	for _, c in ipairs(V.classes) do
		if c.name == name then return c end
	end
end

is_request = {}
local parse, describe, result, status_is_last, extent, header = {}, {}, {}, {}, {}, {}

-- 5.2.6
local BLK_HEADER, BLK_SEGMENT, SECTOR, BLK_ID = 16, 16, 512, 20
local blk = class_named("blk")
local BLK_IN, BLK_OUT = type_named(blk, "in"), type_named(blk, "out")
local BLK_FLUSH, BLK_GET_ID = type_named(blk, "flush"), type_named(blk, "get_id")

function parse.blk(r)
	local data_in = r.writable > 0 and r.writable - 1 or 0 -- the status byte is last
	local data_out = r.readable > BLK_HEADER and r.readable - BLK_HEADER or 0
	r.bytes = data_in + data_out
	if #r.head < BLK_HEADER then return end
	r.typed, r.type_raw, r.sector = true, u32(r.head, 0), sub(r.head, 9, 16)
	r.type = request_type(blk, r.type_raw)
	if not r.type then return end
	if has(r.type.flags, K.SPEC_REQ_SEGMENTS) then
		local sectors = 0
		for at = BLK_HEADER, #r.head - BLK_SEGMENT, BLK_SEGMENT do
			sectors = sectors + u32(r.head, at + 8)
		end
		r.bytes = sectors * SECTOR
		if #r.head >= BLK_HEADER + BLK_SEGMENT then
			r.sector = sub(r.head, BLK_HEADER + 1, BLK_HEADER + 8)
		end
	elseif has(r.type.flags, K.SPEC_REQ_DATA_IN) then
		r.bytes = data_in
	elseif has(r.type.flags, K.SPEC_REQ_DATA_OUT) then
		r.bytes = data_out
	else
		r.bytes = 0
	end
end

function describe.blk(r)
	if not r.typed then return format("request (header not captured), %d bytes", r.bytes) end
	if not r.type then return format("type %d (unknown) sector %s", r.type_raw, dec8(r.sector)) end
	if has(r.type.flags, K.SPEC_REQ_SECTOR + K.SPEC_REQ_SEGMENTS) then
		local cut = has(r.type.flags, K.SPEC_REQ_SEGMENTS) and r.readable > #r.head
		local rest = r.bytes % SECTOR
		return format("%s sector %s, %s%s%s", r.type.name, dec8(r.sector), cut and "at least " or "",
			plural(floor(r.bytes / SECTOR), "sector"), rest > 0 and format(" + %d bytes", rest) or "")
	end
	return r.bytes > 0 and format("%s %d bytes", r.type.name, r.bytes) or r.type.name
end

function is_request.blk(r)
	if #r.head < BLK_HEADER or r.readable < BLK_HEADER or u32(r.head, 4) ~= 0 then return false end
	local data, type = r.readable - BLK_HEADER, u32(r.head, 0)
	if type == BLK_IN then return data == 0 and r.writable % SECTOR == 1 and r.writable > 1 end
	if type == BLK_OUT then return data > 0 and data % SECTOR == 0 and r.writable == 1 end
	if type == BLK_FLUSH then return data == 0 and r.writable == 1 end
	return type == BLK_GET_ID and data == 0 and r.writable == BLK_ID + 1
end

function header.blk() return #blk.header.fields end

function status_is_last.blk() return true end

function extent.blk(r)
	if not r.typed then return nil end
	local op = r.type_raw == BLK_IN and K.BACKEND_READ or r.type_raw == BLK_OUT and K.BACKEND_WRITE
	if op then return op, number8(r.sector) * SECTOR, r.bytes end
end

-- 5.1.6
local net = class_named("net")
local MRG_RXBUF = feature_bit(net, "MRG_RXBUF")

local function is_command(r) return r.readable > 0 and r.writable > 0 end

-- num_buffers is there with VERSION_1 or MRG_RXBUF only.
local function long_header(r)
	return accepted(r.accepted, K.VIRTIO_F_VERSION_1) or accepted(r.accepted, MRG_RXBUF)
end

function parse.net(r)
	local bytes = is_command(r) and 0 or long_header(r) and 12 or 10
	r.bytes = math.max(r.readable + r.writable - bytes, 0)
end

function header.net(r)
	return r.writable == 0 and #net.header.fields - (long_header(r) and 0 or 1) or 0
end

function describe.net(r)
	if is_command(r) then
		return format("control class %d command %d", byte(r.head, 1) or 0, byte(r.head, 2) or 0)
	end
	return format(r.readable > 0 and "transmit %d bytes" or "receive buffer of %d bytes", r.bytes)
end

function status_is_last.net(r) return r ~= nil and is_command(r) end

-- 5.3.6
local CONTROL_BYTES, CONTROL_RX, CONTROL_TX = 8, 2, 3
local console = class_named("console")
local MULTIPORT = feature_bit(console, "MULTIPORT")
-- 5.3.6.2
local function put_control(s)
	local event = console.header.fields[2]
	local name = name_of(event.names, u16(s, 4)) or format("event %d", u16(s, 4))
	return format("control: %s port %d, value %d", name, u32(s, 0), u16(s, 6))
end

function describe.console(r)
	local multiport, to_device = accepted(r.accepted, MULTIPORT), r.writable == 0
	if multiport and r.queue == CONTROL_TX and #r.head >= CONTROL_BYTES then
		return put_control(r.head)
	end
	return format("%s%d bytes %s", multiport and (r.queue == CONTROL_RX or r.queue == CONTROL_TX) and
		"control: " or "", to_device and r.readable or r.writable,
		to_device and "to the device" or "of room")
end

function header.console(r)
	return accepted(r.accepted, MULTIPORT) and r.queue == CONTROL_TX and #console.header.fields or 0
end

function result.console(r)
	if accepted(r.accepted, MULTIPORT) and r.queue == CONTROL_RX and #r.written >= CONTROL_BYTES then
		return put_control(r.written)
	end
	return ""
end

-- 5.4.6
function parse.rng(r)
	r.type = class_named("rng").requests[1]
	r.bytes = r.writable
	if r.done and r.used_len < r.bytes then r.bytes = r.used_len end
end

function describe.rng(r)
	return "entropy, " .. plural(r.writable, "byte")
end

function result.rng(r)
	return r.bytes == r.writable and "full" or format("%d of %d bytes", r.bytes, r.writable)
end

-- What tells types apart where nobody said which it is: 5.11.6.1, 5.7.6.7, 5.6.6.1, 5.10.6.
function is_request.fs(r)
	return #r.head >= 8 and r.readable >= 40 and u32(r.head, 0) == r.readable
end

function is_request.gpu(r)
	local type = #r.head >= 8 and u32(r.head, 0) or 0
	return type >= 0x100 and type <= 0x10d and r.readable >= 24 and r.writable >= 24 and
		u32(r.head, 4) <= 3
end

function is_request.scsi(r)
	return r.queue >= 2 and #r.head >= 8 and r.readable >= 51 and r.writable >= 108 and
		byte(r.head, 1) == 1 and u32(r.head, 4) == 0 and byte(r.head, 3) < 0x80
end

function is_request.vsock(r)
	local h = r.head
	if r.queue ~= 1 or r.writable > 0 or #h < 32 or r.readable < 44 then return false end
	local type, op = byte(h, 29), byte(h, 31)
	return u32(h, 4) == 0 and u32(h, 12) == 0 and u32(h, 24) == r.readable - 44 and
		(type == 1 or type == 2) and byte(h, 30) == 0 and op >= 1 and op <= 7 and byte(h, 32) == 0
end

-- A device type of which a function is missing here would be decoded otherwise than by vqtrace.
for _, c in ipairs(V.classes) do
	for flag_name, list in pairs({ has_parse = parse, has_describe = describe, has_result = result,
		has_is_request = is_request, has_status = status_is_last, has_extent = extent, has_header = header }) do
		if c[flag_name] and not list[c.name] then
			error("vqtrace.lua lacks a function of " .. c.name .. ": " .. flag_name)
		end
	end
end

-- --- what the rest asks of a type; c nil: unknown -----------------------------------------------

function class_parse(c, r)
	if c and parse[c.name] then parse[c.name](r) else r.bytes = r.readable + r.writable end
end

function class_describe(c, r)
	local text
	if c and describe[c.name] then
		text = describe[c.name](r)
	elseif r.writable == 0 then
		text = format("%d bytes to the device", r.readable)
	elseif r.readable == 0 then
		text = format("%d bytes of room", r.writable)
	else
		text = format("%d bytes to the device, %d bytes of room", r.readable, r.writable)
	end
	return sub(text, 1, 159)
end

function class_result(c, r)
	if c and result[c.name] then return sub(result[c.name](r), 1, 39) end
	if not r.status then return "" end
	return c and name_of(c.statuses, r.status) or format("status 0x%02x", r.status)
end

function class_status_is_last(c, r)
	return c ~= nil and status_is_last[c.name] ~= nil and status_is_last[c.name](r)
end

function class_failed(c, r)
	if not r.status then return false end
	return not c and r.status ~= 0 or c ~= nil and c.failed[r.status + 1] == 1
end

function class_extent(c, r)
	if c and extent[c.name] then return extent[c.name](r) end
end

-- How many fields of the type's header begin the driver's part of this request.
function class_header(c, r)
	return c and header[c.name] and header[c.name](r) or 0
end

-- The field of a table that an access at this offset begins in.
function field_at(fields, offset, width)
	if width == 0 then return nil end
	for _, f in ipairs(fields) do
		if offset >= f.offset and offset - f.offset < f.width then return f end
	end
end

function config_field_at(c, config, offset, width)
	if not c then return nil end
	for _, v in ipairs(c.variants) do
		if (config[v.selector] or 0) == v.value then
			local f = field_at(v.fields, offset, width)
			if f then return f end
		end
	end
	return field_at(c.config.fields, offset, width)
end

function feature_of(c, bit)
	if not V.feature_by_bit then
		V.feature_by_bit = {}
		for _, f in ipairs(V.features) do V.feature_by_bit[f.bit] = f end
	end
	if V.feature_by_bit[bit] then return V.feature_by_bit[bit] end
	if not c then return nil end
	if not c.feature_by_bit then
		c.feature_by_bit = {}
		for _, f in ipairs(c.features) do c.feature_by_bit[f.bit] = f end
	end
	return c.feature_by_bit[bit]
end

-- The names of the bits of a 32-bit word; "name" or "short".
function features_text(c, word, bits, how)
	local t = {}
	for i = 0, 31 do
		if floor(bits / 2 ^ i) % 2 == 1 then
			local bit_number = word * 32 + i
			local f = bit_number < 128 and feature_of(c, bit_number)
			t[#t + 1] = f and f[how] or format("bit %d", bit_number)
		end
	end
	return #t > 0 and table.concat(t, "|") or "none"
end

-- --- types that nobody named: decoder/class/recognise.c -----------------------------------------

local function own_bit(n)
	return n < 24 or n >= 50 and n < 128
end

function can_offer(c, offered)
	for n = 0, 127 do
		if own_bit(n) and accepted(offered, n) and not feature_of(c, n) then return false end
	end
	return true
end

function can_have_config(c, len)
	local fields = c.config.fields
	local last = fields[#fields]
	return len == 0 or last ~= nil and len <= last.offset + last.width and len >= fields[1].width
end

function recognise_class(offered, len)
	local any, found = len > 0, nil
	for n = 0, 127 do any = any or own_bit(n) and accepted(offered, n) end
	if not any then return nil end
	for _, c in ipairs(V.classes) do
		if can_offer(c, offered) and can_have_config(c, len) then
			if found then return nil end
			found = c
		end
	end
	return found
end

function class_of_request(r)
	local found
	for _, c in ipairs(V.classes) do
		if is_request[c.name] and is_request[c.name](r) then
			if found then return nil end
			found = c
		end
	end
	return found
end
end
