-- SPDX-License-Identifier: MIT
-- Applies register accesses to a device's state, as decoder/model/registers.c: 4.1.4, 4.1.4.10, 4.2.
local NO_FIELDS, region_fields, region_name, reset_queue, reset_device, get_queue, CONFIG_SPACE,
	cap_fields, model_register
do

-- The region whose table describes an offset, and the offset in it.
local function field_region(region, offset, msix)
	if region == K.REGION_LEGACY then
		local config = msix and K.VIRTIO_PCI_CONFIG_MSIX or K.VIRTIO_PCI_CONFIG
		if offset < config then return region, offset end
		return K.REGION_DEVICE, offset - config
	elseif region == K.REGION_MMIO then
		if offset < 0x100 then return region, offset end -- 4.2.2
		return K.REGION_DEVICE, offset - 0x100
	elseif region == K.REGION_MSIX_TABLE then
		return region, offset % 16
	elseif region == K.REGION_MSIX_PBA then
		return region, offset % 8
	elseif region == K.REGION_NOTIFY then
		return region, 0
	end
	return region, offset
end

NO_FIELDS = {}

function region_fields(region)
	return V.regions[region] and V.regions[region].fields or NO_FIELDS
end

function region_name(region)
	return V.regions[region] and V.regions[region].name or "unknown"
end

-- One access, cut to one register: `value` and what `merged` makes are in the register's place.
local function merged(a, old)
	return sub(old, 1, a.shift) .. sub(a.bytes, 1, a.n) .. sub(old, a.shift + a.n + 1)
end

local function merged_number(a, old, width)
	return low(merged(a, to8(old)), width)
end

local function feature(a, set, known, word)
	local d = a.d
	a.ev.select = word
	if word > 3 then return end
	local old = sub(d[set], word * 4 + 1, word * 4 + 4)
	if d[known][word] then a.ev.before = old .. "\0\0\0\0" end
	d[set] = sub(d[set], 1, word * 4) .. sub(merged(a, old .. "\0\0\0\0"), 1, 4) ..
		sub(d[set], word * 4 + 5)
	d[known][word] = true
end

-- Without MSI-X, device configuration is where the legacy interface otherwise has its vectors.
local function has_vectors(a)
	return not a.legacy or a.d.msix
end

local function queue_address(member)
	return function(a)
		a.ev.before = a.q[member]
		a.q[member] = merged(a, a.q[member])
		a.q.addr_known = true
	end
end

local function is_power_of_2(n)
	return n > 0 and band(n, n - 1) == 0
end


local apply = {
	[K.SPEC_REG_DEVICE_FEATURES_SELECT] = function(a)
		a.d.device_select = merged_number(a, a.d.device_select, 4)
	end,
	[K.SPEC_REG_DEVICE_FEATURES] = function(a)
		local d, word = a.d, a.region == K.REGION_LEGACY and 0 or a.d.device_select
		if a.write then
			a.ev.select = word
		else
			feature(a, "offered", "offered_known", word)
		end
		if a.region == K.REGION_MMIO and not d.mmio_version_read and d.offered_known[1] then
			d.mmio_version = accepted(d.offered, K.VIRTIO_F_VERSION_1) and 2 or 1
		end
	end,
	[K.SPEC_REG_DRIVER_FEATURES_SELECT] = function(a)
		a.d.driver_select = merged_number(a, a.d.driver_select, 4)
	end,
	[K.SPEC_REG_DRIVER_FEATURES] = function(a)
		feature(a, "accepted", "accepted_known",
			a.region == K.REGION_LEGACY and 0 or a.d.driver_select)
	end,
	[K.SPEC_REG_CONFIG_VECTOR] = function(a)
		if not has_vectors(a) then return end
		a.ev.before = to8(a.d.config_vector)
		a.d.config_vector = merged_number(a, a.d.config_vector, 2)
	end,
	[K.SPEC_REG_NUM_QUEUES] = function(a)
		if not a.write then a.d.num_queues = merged_number(a, a.d.num_queues, 2) end
	end,
	[K.SPEC_REG_DEVICE_STATUS] = function(a)
		local d, status = a.d, byte(a.value, 1)
		if d.status then a.ev.before = to8(d.status) end
		if a.write and status == 0 then
			reset_device(d) -- 2.4
		else
			d.status = status
		end
	end,
	[K.SPEC_REG_CONFIG_GENERATION] = function(a)
		if a.d.generation then a.ev.before = to8(a.d.generation) end
		a.d.generation = byte(a.value, 1)
	end,
	[K.SPEC_REG_QUEUE_SELECT] = function(a)
		a.ev.before = to8(a.d.queue_select)
		a.d.queue_select = merged_number(a, a.d.queue_select, 2)
	end,
	[K.SPEC_REG_QUEUE_SIZE] = function(a)
		local q = a.q
		if q.size_known then a.ev.before = to8(q.size) end
		q.size = merged_number(a, q.size, 2)
		q.size_known = true
		q.size_written = q.size_written or a.write
		if q.size_written then return end
		q.size_max, q.size_is_max = q.size, true
	end,
	[K.SPEC_REG_QUEUE_SIZE_MAX] = function(a)
		if a.write then return end
		a.q.size_max = merged_number(a, a.q.size_max, 2)
		a.q.size_is_max = false
	end,
	[K.SPEC_REG_QUEUE_VECTOR] = function(a)
		if not has_vectors(a) then return end
		a.ev.before = to8(a.q.vector)
		a.q.vector = merged_number(a, a.q.vector, 2)
	end,
	[K.SPEC_REG_QUEUE_ENABLE] = function(a)
		if a.legacy then return end
		a.ev.before = to8(a.q.enabled and 1 or 0)
		a.q.enabled = byte(a.value, 1) % 2 == 1
		if a.write then a.q.packed = accepted(a.d.accepted, K.VIRTIO_F_RING_PACKED) end
	end,
	[K.SPEC_REG_QUEUE_DESC] = queue_address("desc"),
	[K.SPEC_REG_QUEUE_DRIVER] = queue_address("driver"),
	[K.SPEC_REG_QUEUE_DEVICE] = queue_address("device"),
	[K.SPEC_REG_QUEUE_RESET] = function(a)
		if a.write and byte(a.value, 1) % 2 == 1 then reset_queue(a.q) end
	end,
	-- 2.7.2, 4.1.5.1.3, 4.2.4
	[K.SPEC_REG_QUEUE_PFN] = function(a)
		local mmio, q, pfn = a.region == K.REGION_MMIO, a.q, u32(a.value, 0)
		if not a.write or not a.legacy then return end
		if pfn == 0 then
			reset_queue(q)
			return
		end
		local page = mmio and a.d.guest_page_size or 2 ^ K.VIRTIO_PCI_QUEUE_ADDR_SHIFT
		local align = mmio and q.align or K.VIRTIO_PCI_VRING_ALIGN
		q.enabled = true
		q.addr_known = q.size_known and is_power_of_2(page) and is_power_of_2(align)
		if not q.addr_known then return end
		local desc = pfn * page
		local driver = desc + 16 * q.size
		local last = driver + 6 + 2 * q.size + align - 1
		q.desc, q.driver, q.device = to8(desc), to8(driver), to8(last - last % align)
	end,
	[K.SPEC_REG_QUEUE_ALIGN] = function(a)
		if a.write then a.q.align = merged_number(a, a.q.align, 4) end
	end,
	[K.SPEC_REG_GUEST_PAGE_SIZE] = function(a)
		if a.write then a.d.guest_page_size = merged_number(a, a.d.guest_page_size, 4) end
	end,
	[K.SPEC_REG_VERSION] = function(a)
		if a.write then return end
		a.d.mmio_version = math.min(number8(a.value), 0xff)
		a.d.mmio_version_read = true
	end,
}

-- Until the version was read, the registers that only one of the two has tell which it is.
local function version_by_use(d, f, by_driver)
	if d.mmio_version > 0 or d.mmio_version_read then return end
	if by_driver and f.id == K.SPEC_REG_CONFIG_GENERATION then return end
	if has(f.flags, K.SPEC_LEGACY) then
		d.mmio_version = 1
	elseif has(f.flags, K.SPEC_MODERN) then
		d.mmio_version = 2
	end
end

local function apply_field(ev, d, f, g)
	local from = math.max(g.offset, f.offset)
	local to = math.min(g.offset + g.width, f.offset + f.width)
	if g.region == K.REGION_MMIO then version_by_use(d, f, ev.by_driver) end
	local a = {
		ev = ev, d = d, write = g.write, region = g.region, n = to - from,
		legacy = g.region == K.REGION_LEGACY or g.region == K.REGION_MMIO and d.mmio_version == 1,
		bytes = down8(g.value, from - g.offset),
		shift = from - f.offset + (has(f.flags, K.SPEC_HI) and 4 or 0),
	}
	if has(f.flags, K.SPEC_PER_QUEUE) then
		a.q = get_queue(d, d.queue_select)
		ev.q = a.q
		ev.select = d.queue_select
	end
	a.value = merged(a, ZERO8)
	if apply[f.id] then apply[f.id](a) end
end

local function apply_registers(ev, d, g)
	for _, f in ipairs(region_fields(g.region)) do
		if f.offset >= g.offset + g.width then return end
		if g.offset < f.offset + f.width then apply_field(ev, d, f, g) end
	end
end

-- Bytes of a space as last read or written.
local function store(bytes, size, offset, g)
	for i = 0, math.min(g.width, 8) - 1 do
		if offset + i < size then bytes[offset + i] = byte(g.value, i + 1) end
	end
end

-- The capability after `at` (0: the first), 0 at the end of what was seen.
local function next_cap(d, at)
	local link = d.pci[at > 0 and at + 1 or K.PCI_CAPABILITY_LIST] or 0
	local following = link - link % 4
	return following >= 0x40 and d.pci[following] and following or 0
end

local CAPS_MAX = 48

local function pci_cap(d, id)
	local at = next_cap(d, 0)
	for _ = 1, CAPS_MAX do
		if at == 0 then return 0 end
		if d.pci[at] == id then return at end
		at = next_cap(d, at)
	end
	return 0
end

local function pci_cap_at(d, offset)
	local best, at = 0, next_cap(d, 0)
	for _ = 1, CAPS_MAX do
		if at == 0 then break end
		if at <= offset and at > best then best = at end
		at = next_cap(d, at)
	end
	return best
end

local function id_of_pci(device, subsystem)
	if device > 0x1040 and device <= 0x107f then return device - 0x1040 end
	for _, c in ipairs(V.classes) do
		if c.transitional == device and device > 0 then return c.id end
	end
	if device >= 0x1000 and device < 0x1040 and class_by_id[subsystem] then return subsystem end
	return 0
end

local PCI_SPACE = 4096
CONFIG_SPACE = 1024

local function apply_pci(d, g)
	local pci = d.pci
	store(pci, PCI_SPACE, g.offset, g)
	local msix = pci_cap(d, K.PCI_CAP_ID_MSIX)
	if msix > 0 and g.offset < msix + 4 and g.offset + g.width > msix + 2 then
		d.msix = (pci[msix + 3] or 0) >= 0x80 -- MSI-X Enable
	end
	if d.virtio_id > 0 or g.offset + g.width <= K.PCI_DEVICE_ID then return end
	for i = K.PCI_VENDOR_ID, K.PCI_VENDOR_ID + 3 do
		if not pci[i] then return end
	end
	local function word(at) return (pci[at] or 0) + (pci[at + 1] or 0) * 256 end
	if word(K.PCI_VENDOR_ID) ~= 0x1af4 then return end -- 4.1.2
	local id = id_of_pci(word(K.PCI_DEVICE_ID), word(K.PCI_SUBSYSTEM_ID))
	if id > 0 then d.virtio_id, d.class = id, class_by_id[id] end
end

local function apply_config(d, g)
	local region, at = field_region(g.region, g.offset, d.msix)
	if region == K.REGION_DEVICE then store(d.config, CONFIG_SPACE, at, g) end
end

function cap_fields(id, type)
	local t = id == K.PCI_CAP_ID_VNDR and V.vendor_caps[type] or V.caps[id] or V.cap_unknown
	return t.fields
end

-- Fields of the capability that an access to configuration space is in, 4.1.4.
local function find_cap_field(ev, d, g)
	local start = pci_cap_at(d, g.offset)
	if start == 0 or g.offset - start > 0xff then return end
	ev.cap, ev.cap_id, ev.cap_type = start, d.pci[start] or 0, d.pci[start + 3] or 0
	ev.field = field_at(cap_fields(ev.cap_id, ev.cap_type), g.offset - start, g.width)
	if ev.field then ev.field_offset = g.offset - start - ev.field.offset end
end

local function find_field(ev, d, g)
	local region, at = field_region(g.region, g.offset, d and d.msix)
	if d and region == K.REGION_DEVICE then
		ev.field = config_field_at(d.class, d.config, at, g.width)
	else
		ev.field = field_at(region_fields(region), at, g.width)
	end
	ev.field_offset = ev.field and at - ev.field.offset or 0
end

-- Of a kernel's driver PCI configuration accesses are not recorded: 4.1.4.10 tells by the width.
local function driver_msix(ev, d, g)
	if not d or not ev.by_driver or g.region ~= K.REGION_LEGACY or g.offset < K.VIRTIO_PCI_CONFIG then
		return
	end
	if g.width == 2 then
		d.msix = d.msix or g.offset < K.VIRTIO_PCI_CONFIG_MSIX
	else
		d.msix = has(g.flags, K.REG_MSIX)
	end
end

function model_register(ev, r)
	local s, d = r.s, ev.dev
	local g = {
		region = get(s, O.reg.region), offset = get(s, O.reg.offset), width = get(s, O.reg.width),
		flags = get(s, O.reg.flags), write = get(s, O.reg.op) == K.WRITE, value = get8(s, O.reg.value),
	}
	driver_msix(ev, d, g)
	find_field(ev, d, g)
	if not d or has(g.flags, K.REG_FAILED) or g.width > 8 then return end
	if g.region == K.REGION_PCI then
		apply_pci(d, g)
		if g.offset >= K.PCI_STD_HEADER_SIZEOF and g.offset < PCI_SPACE - 4 then
			find_cap_field(ev, d, g)
		end
	elseif g.region == K.REGION_DEVICE then
		apply_config(d, g)
	elseif g.region == K.REGION_LEGACY or g.region == K.REGION_MMIO then
		apply_config(d, g)
		apply_registers(ev, d, g)
	elseif g.region == K.REGION_COMMON then
		apply_registers(ev, d, g)
	end
end
end
