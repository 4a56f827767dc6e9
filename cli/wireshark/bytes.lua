-- SPDX-License-Identifier: MIT
-- Numbers in records. Those of Lua 5.2, which Wireshark has up to 4.2, hold 53 bits: what needs 64 stays a
-- string of its 8 bytes, the lowest first, and times become numbers relative to the trace's first one.
local byte, sub, char, format, rep = string.byte, string.sub, string.char, string.format, string.rep
local floor = math.floor
local K, O = V.K, V.O
local TWO32 = 2 ^ 32 -- in Lua 5.4 no integer: those wrap

-- bit32 is Lua's own, "bit" is Wireshark's, whose results have a sign.
local band = bit32 and bit32.band or function(a, b) return bit.band(a, b) % TWO32 end

local function has(set, mask)
	return band(set, mask) ~= 0
end

local function flag(set, mask) -- one bit; cheaper
	return set % (mask * 2) >= mask
end

-- All of these: the caller knows that the bytes are there. `at` counts from 0.
local function u16(s, at)
	local a, b = byte(s, at + 1, at + 2)
	return a + b * 256
end

local function u32(s, at)
	local a, b, c, d = byte(s, at + 1, at + 4)
	return a + b * 256 + c * 65536 + d * 16777216
end

-- A member of a record, at most 4 bytes; base: where the structure begins.
local function get(s, m, base)
	local at, size = m[1] + (base or 0), m[2]
	if size == 1 then return byte(s, at + 1) end
	if size == 2 then return u16(s, at) end
	return u32(s, at)
end

-- A member of 8 bytes: the low and the high half; the string of its bytes.
local function get2(s, m, base)
	local at = m[1] + (base or 0)
	return u32(s, at), u32(s, at + 4)
end

local function get8(s, m, base)
	local at = m[1] + (base or 0)
	return sub(s, at + 1, at + 8)
end

local ZERO8 = rep("\0", 8)

-- Numbers of at most 53 bits, and back: above them the value is not exact.
local function to8(n)
	local t = {}
	n = floor(n)
	for i = 1, 8 do
		t[i] = n % 256
		n = floor(n / 256)
	end
	return char(t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8])
end

local function number8(s)
	return u32(s, 0) + u32(s, 4) * TWO32
end

-- The low n bytes, as a number (n <= 4) and as 8 bytes.
local function low(s, n)
	return u32(s, 0) % 256 ^ n
end

local function cut8(s, n)
	return n >= 8 and s or sub(s, 1, n) .. rep("\0", 8 - n)
end

-- The 8 bytes moved down, or up, by n bytes.
local function down8(s, n)
	return sub(s, n + 1) .. rep("\0", n < 8 and n or 8)
end

local function up8(s, n)
	return sub(rep("\0", n) .. s, 1, 8)
end

local function hex8(s)
	local lo, hi = u32(s, 0), u32(s, 4)
	return hi > 0 and format("%x%08x", hi, lo) or format("%x", lo)
end

-- At least so many digits.
local function hex8_padded(s, digits)
	local h = hex8(s)
	return #h < digits and rep("0", digits - #h) .. h or h
end

local function dec8(s)
	local lo, hi = u32(s, 0), u32(s, 4)
	if hi < 2097152 then return format("%d", lo + hi * TWO32) end
	return tostring(UInt64.new(lo, hi))
end

local function uint8(s) -- for a field of 64 bits
	return UInt64.new(u32(s, 0), u32(s, 4))
end

local function align4(n)
	return n + (-n % 4)
end
