-- SPDX-License-Identifier: MIT
-- Texts for people, as decoder/util/text.c and decoder/spec/format.c make them.
local name_of, duration, untrusted, fit, format_bits, format_status, format_value, plural
do

local function names_of(list) -- { value, name } ...: by value; made once
	if not list then return nil end
	if not list.by_value then
		local t = {}
		for i = #list, 1, -1 do t[list[i][1]] = list[i][2] end
		list.by_value = t
	end
	return list.by_value
end

function name_of(list, value)
	local t = names_of(list)
	return t and t[value]
end

-- "118 us", "1.24 ms": three significant digits.
function duration(ns)
	local unit, decimals, u = 1000, 2, 1
	if ns < 1000 then return format("%d ns", ns) end
	while u < 3 and ns >= unit * 1000 - unit / 2 do
		unit = unit * 1000
		u = u + 1
	end
	local function rounded(div)
		return floor(ns / div) + (ns % div >= floor(div / 2) and 1 or 0)
	end
	local div = unit / 100
	while decimals > 0 and rounded(div) >= 1000 do
		div = div * 10
		decimals = decimals - 1
	end
	local v, name = rounded(div), ({ " us", " ms", " s" })[u]
	if decimals == 2 then return format("%d.%02d%s", floor(v / 100), v % 100, name) end
	if decimals == 1 then return format("%d.%d%s", floor(v / 10), v % 10, name) end
	return format("%d%s", v, name)
end

-- Length of the UTF-8 sequence at `at` (from 1) and its character; 0 if it is none, or a C1 control.
local function utf8_at(s, at)
	local a, b, c, d = byte(s, at, at + 3)
	local function more(x) return x and x >= 0x80 and x < 0xc0 end
	if a < 0x80 then return 1, a end
	if a >= 0xc2 and a < 0xe0 and more(b) then
		local cp = (a - 0xc0) * 64 + b - 0x80
		return cp < 0xa0 and 0 or 2, cp
	end
	if a >= 0xe0 and a < 0xf0 and more(b) and more(c) then
		local cp = (a - 0xe0) * 4096 + (b - 0x80) * 64 + c - 0x80
		return (cp < 0x800 or (cp >= 0xd800 and cp < 0xe000)) and 0 or 3, cp
	end
	if a >= 0xf0 and a < 0xf5 and more(b) and more(c) and more(d) then
		local cp = (a - 0xf0) * 262144 + (b - 0x80) * 4096 + (c - 0x80) * 64 + d - 0x80
		return (cp < 0x10000 or cp > 0x10ffff) and 0 or 4, cp
	end
	return 0
end

local function is_format(cp)
	for _, r in ipairs(V.format_characters) do
		if cp < r[1] then return false end
		if cp <= r[2] then return true end
	end
	return false
end

-- Bytes of unknown origin: control characters and invalid UTF-8 become \xNN, what is invisible or
-- reorders the line \uNNNN or \UNNNNNNNN.
function untrusted(s)
	if not s:find("[^\32-\126]") then return s end
	local out, at = {}, 1
	while at <= #s do
		local n, cp = utf8_at(s, at)
		local a = byte(s, at)
		if n == 0 or a < 0x20 or a == 0x7f then
			out[#out + 1] = format("\\x%02x", a)
			n = 1
		elseif n > 1 and is_format(cp) then
			out[#out + 1] = format(cp > 0xffff and "\\U%08x" or "\\u%04x", cp)
		else
			out[#out + 1] = sub(s, at, at + n - 1)
		end
		at = at + n
	end
	return table.concat(out)
end

-- A result that does not fit in so many bytes with a NUL ends with "...".
function fit(s, size)
	return #s < size and s or sub(s, 1, size - 4) .. "..."
end

-- The set bits of 8 bytes by name, each as "NAME", or "NAME=number" where it has several bits.
local function put_bits(out, names, v)
	local lo, hi = u32(v, 0), u32(v, 4)
	for _, row in ipairs(names or {}) do
		local mask = row[1]
		local mask_lo, mask_hi = mask % TWO32, floor(mask / TWO32)
		local got_lo, got_hi = band(lo, mask_lo), band(hi, mask_hi)
		if got_lo > 0 or got_hi > 0 then
			local lowest = 1
			while floor(mask / lowest) % 2 == 0 do lowest = lowest * 2 end
			local got = got_hi * TWO32 + got_lo
			out[#out + 1] = mask ~= lowest and format("%s=%d", row[2], got / lowest) or row[2]
			lo, hi = lo - got_lo, hi - got_hi
		end
	end
	if hi > 0 then
		out[#out + 1] = format("0x%x%08x", hi, lo)
	elseif lo > 0 then
		out[#out + 1] = format("0x%x", lo)
	end
	return out
end

function format_bits(names, v)
	return v == ZERO8 and "none" or table.concat(put_bits({}, names, v), "|")
end

function format_status(status) -- a number
	if status == 0 then return "RESET (0x00)" end
	return table.concat(put_bits({}, V.status_bits, to8(status)), "|") .. format(" (0x%02x)", status)
end

-- The value of a whole field of the specification, by its kind.
function format_value(f, v)
	v = cut8(v, f.width)
	if f.kind == K.SPEC_DEC then return dec8(v) end
	if f.kind == K.SPEC_ENUM then
		local name = name_of(f.names, number8(v))
		return name and format("%s (%s)", name, dec8(v)) or dec8(v)
	end
	local hex = "0x" .. hex8_padded(v, 2 * math.min(f.width, 8))
	if f.kind == K.SPEC_BITS then
		if f.names.status == nil then
			f.names.status = #f.names == #V.status_bits and f.names[1][2] == V.status_bits[1][2]
		end
		if f.names.status then return format_status(u32(v, 0)) end
		if v == ZERO8 then return hex end
		return format("%s (%s)", table.concat(put_bits({}, f.names, v), "|"), hex)
	end
	if f.kind == K.SPEC_VECTOR then
		return number8(v) == K.NO_VECTOR and "NO_VECTOR" or dec8(v)
	end
	if f.kind == K.SPEC_BYTES then
		local t = {}
		for i = 1, math.min(f.width, 8) do t[i] = format("%02x", byte(v, i)) end
		return table.concat(t, ":")
	end
	return hex
end

function plural(n, word)
	return format("%d %s%s", n, word, n == 1 and "" or "s")
end
end
