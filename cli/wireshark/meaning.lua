-- SPDX-License-Identifier: MIT
-- What each event means, in words: what decoder/print writes into a line of `vqtrace show`.
local meaning, direction
do

local function slot(g_packed, pos)
	if not g_packed then return format("%d", pos) end
	return format("slot %d%s", pos % 0x8000, pos >= 0x8000 and "" or "'")
end

local function tlv_words(r, before, tag)
	local s = tlv_text(r, tag)
	return s and before .. untrusted(s) or ""
end

-- --- registers: decoder/print/register.c -------------------------------------------------------------

local function register_words(ev, f, g)
	if has(g.flags, K.REG_FAILED) then return "(refused)" end
	if f and f.kind == K.SPEC_FEATURES and g.width == 4 then
		local bits = u32(g.value, 0)
		if bits == 0 then return "none" end
		return format("%s (0x%08x)", features_text(ev.class, ev.select or 0, bits, "name"), bits)
	end
	if f and ev.field_offset == 0 and g.width >= f.width and f.kind ~= K.SPEC_BYTES then
		local v = cut8(g.value, f.width)
		local text = f.kind == K.SPEC_FEATURES and features_text(ev.class, 0, u32(v, 0), "short") or
			format_value(f, v)
		text = fit(text, 256)
		if g.width > f.width then
			text = text .. format(" (0x%s over %d bytes)", hex8(g.value), g.width)
		end
		return text
	end
	return "0x" .. hex8_padded(g.value, 2 * math.min(g.width, 8))
end

local function capability_words(ev)
	local typed, name = capability_name(ev)
	name = typed or name
	return name and format("pci.%s.", name) or format("pci.cap 0x%02x.", ev.cap_id)
end

local function register_name(ev, f, g)
	local t = ""
	if f and has(f.flags, K.SPEC_PER_QUEUE) then t = format("queue %d: ", ev.select or 0) end
	if not f then return format("%s%s+0x%x", t, region_name(g.region), g.offset) end
	if g.region == K.REGION_MSIX_TABLE then
		t = t .. format("msix[%d].", floor(g.offset / 16))
	elseif ev.cap then
		t = t .. capability_words(ev)
	elseif g.region == K.REGION_PCI or g.region == K.REGION_DEVICE then
		t = t .. (g.region == K.REGION_PCI and "pci." or "config.")
	end
	t = t .. f.name
	if f.kind == K.SPEC_FEATURES then return t .. format("[%d]", ev.select or 0) end
	if ev.field_offset == 4 and f.width == 8 then return t .. ".hi" end
	if ev.field_offset == 0 and f.width == 8 and g.width == 4 then return t .. ".lo" end
	return ev.field_offset > 0 and t .. format("+%d", ev.field_offset) or t
end

-- An access to several fields at once: each by name; nil if it is not one.
local function several_words(ev, f, g, sign)
	if (g.region ~= K.REGION_PCI and g.region ~= K.REGION_COMMON) or not f or ev.field_offset > 0 or
		g.width > 8 or g.width <= f.width then
		return nil
	end
	local base = ev.cap or 0
	local fields = ev.cap and cap_fields(ev.cap_id, ev.cap_type) or region_fields(g.region)
	local t, at, last = {}, g.offset, g.offset + g.width
	while at < last do
		local part = field_at(fields, at - base, 1)
		if not part or part.offset ~= at - base or part.width > last - at then break end
		local v = cut8(down8(g.value, at - g.offset), part.width)
		t[#t + 1] = format("%s%s %s %s", ev.cap and capability_words(ev) or "", part.name, sign,
			part.kind == K.SPEC_FEATURES and features_text(nil, 0, u32(v, 0), "short") or
			format_value(part, v))
		at = at + part.width
	end
	if at < last then
		t[#t + 1] = format("... (0x%s over %d bytes)", hex8_padded(g.value, 2 * g.width), g.width)
	end
	return table.concat(t, ", ")
end

local WORDS_MAX = 1535 -- bytes, as `vqtrace show` has at most

local words = {}

words[K.REG] = function(ev, r)
	local s, f = r.s, ev.field
	local g = {
		region = get(s, O.reg.region), offset = get(s, O.reg.offset), width = get(s, O.reg.width),
		flags = get(s, O.reg.flags), value = get8(s, O.reg.value), write = get(s, O.reg.op) == K.WRITE,
	}
	local sign = g.write and "←" or "="
	if g.write and ev.areas and g.value == to8(1) then
		local q = ev.areas
		return format("queue %d: enable, size %d, desc 0x%s %s 0x%s %s 0x%s%s", ev.queue, q.size,
			hex8(q.desc), ev.packed and "driver" or "avail", hex8(q.driver),
			ev.packed and "device" or "used", hex8(q.device),
			q.vector ~= K.NO_VECTOR and format(", vector %d", q.vector) or "")
	end
	local t = several_words(ev, f, g, sign) or
		format("%s %s %s", register_name(ev, f, g), sign, register_words(ev, f, g))
	return has(g.flags, K.REG_VIA_CFG) and t .. " (through the PCI configuration window)" or t
end

-- --- queues: decoder/print/meaning.c -------------------------------------------------------------------

local kick_via = { [0] = "?", "MMIO", "ioeventfd", "legacy register", "call" }

words[K.KICK] = function(ev, r)
	local s, g, width = r.s, read_ring(r.s, O.kick.ring[1]), get(r.s, O.kick.width)
	local t = format("kick q%d", r.queue)
	local at = has(g.known, K.RING_LAST_AVAIL)
	if at and has(g.known, K.RING_AVAIL_IDX) then
		t = t .. format(" (avail %d → %d)", g.last_avail, g.avail_idx)
	elseif at then
		t = t .. format(" (at %s)", slot(is_packed(g), g.last_avail))
	end
	t = t .. " by " .. (kick_via[get(s, O.kick.via)] or "?")
	if width > 0 then
		t = t .. format(", value 0x%0" .. 2 * math.min(width, 4) .. "x", get(s, O.kick.value))
	end
	if ev.self then
		t = t .. (ev.tells_self and " [the device's own]" or " [the device's own, or for nothing]")
	end
	return t
end

local chain_flags = {
	{ K.CHAIN_CUT, "chain cut by the capture" },
	{ K.CHAIN_LOOP, "LOOP: more descriptors than the queue has" },
	{ K.CHAIN_BAD_NEXT, "next outside the table" },
	{ K.CHAIN_BAD_HEAD, "head outside the table" },
	{ K.CHAIN_NO_TABLE, "indirect table unreadable" },
	{ K.CHAIN_BAD_TABLE, "indirect table length no multiple of 16" },
	{ K.CHAIN_AGAIN, "popped again" },
}

words[K.AVAIL] = function(ev, r)
	local s = r.s
	local head, flags, first = get(s, O.avail.head), get(s, O.avail.flags), get(s, O.avail.first)
	local n = get(s, O.avail.ndesc)
	if not ev.req then return format("avail head %d, %d descriptors", head, n) end
	if first > 0 then
		local t = format("... head %d, ", head)
		if n > 1 then
			t = t .. format("descriptors %d to %d", first, first + n - 1)
		elseif n > 0 then
			t = t .. format("descriptor %d", first)
		else
			t = t .. "more bytes of " .. plural(get(s, O.avail.nseg), "buffer")
		end
		return has(flags, K.CHAIN_DERIVED) and t .. ", as the device read them" or t
	end
	local t = ev.req.before and format("in flight since before the trace%s: ",
		has(flags, K.CHAIN_LIKELY) and " (likely)" or "") or ""
	t = t .. ev.what .. ", " .. plural(ev.req.descriptors, "descriptor")
	if ev.indirect then t = t .. " (indirect)" end
	t = t .. format(", head %d", head)
	for _, row in ipairs(chain_flags) do
		if has(flags, row[1]) then t = t .. " [" .. row[2] .. "]" end
	end
	return ev.head_in_flight and t .. " [head was still in flight]" or t
end

words[K.USED] = function(ev, r)
	local id = get(r.s, O.used.id)
	if has(get(r.s, O.used.flags), K.USED_DETACHED) then return format("given up: id %d", id) end
	local t = format("used id %d len %d", id, get(r.s, O.used.len))
	if not ev.req then
		return t .. (ev.unknown_id and " [no such chain seen in flight]" or
			ev.unnamed and ", in flight since before the trace" or "")
	end
	t = t .. (#ev.result > 0 and " " or "") .. ev.result .. ", "
	if ev.req.avail_ts then return t .. duration(ev.latency) end
	return t .. "at least " .. duration(ev.req.at_least or 0) ..
		(ev.req.before and ", since before the trace" or "")
end

words[K.IRQ] = function(ev, r)
	local kind, vector = get(r.s, O.irq.kind), get(r.s, O.irq.vector)
	if kind == K.IRQ_MSIX then return format("MSI-X vector %d delivered", vector) end
	if kind == K.IRQ_INTX then
		return get(r.s, O.irq.level) > 0 and "INTx asserted" or "INTx released"
	end
	if kind ~= K.IRQ_SIGNAL and kind ~= K.IRQ_CONFIG and kind ~= K.IRQ_HANDLER and
		kind ~= K.IRQ_CONFIG_HANDLER then
		return format("interrupt of kind %d", kind)
	end
	local config = kind == K.IRQ_CONFIG or kind == K.IRQ_CONFIG_HANDLER
	return (config and "configuration change interrupt" or "interrupt") ..
		(kind >= K.IRQ_HANDLER and " handled" or "") ..
		(vector ~= K.NO_VECTOR and format(": MSI-X vector %d", vector) or "")
end

local ring_why = { [0] = "", ", at a status write", ", sampled" }
local ring_pending = { [0] = "", ", no kick pending", ", a kick pending" }

words[K.RING] = function(ev, r)
	local base, s = O.ringstate.ring[1], r.s
	local g = read_ring(s, base)
	local function of(member) return get(s, O.ring[member], base) end
	local t = format("ring q%d: ", r.queue)
	if is_packed(g) then
		t = t .. format("driver's flags %d, device's flags %d", of("avail_flags"), of("used_flags"))
	else
		t = t .. format("avail %d flags %d, used %d flags %d, used_event %d, avail_event %d", g.avail_idx,
			of("avail_flags"), g.used_idx, of("used_flags"), of("used_event"), of("avail_event"))
	end
	if has(g.known, K.RING_LAST_AVAIL) then
		t = t .. ", next to take " .. slot(is_packed(g), g.last_avail)
		if has(g.known, K.RING_SLOT) then
			t = t .. (has(g.known, K.RING_FILLED) and " (filled)" or " (empty)")
		end
	end
	return t .. (ring_why[get(s, O.ringstate.why)] or "") .. (ring_pending[get(s, O.ringstate.pending)] or "")
end

words[K.DATA] = function(ev, r)
	return format("bytes of head %d, not readable earlier%s", get(r.s, O.data.head),
		ev.req and ": " .. ev.what or "")
end

-- --- descriptions ------------------------------------------------------------------------------------------

words[K.DEVICE] = function(ev, r)
	local flags, bdf, t = get(r.s, O.device.flags), get(r.s, O.device.bdf), "device"
	if ev.class then t = t .. ": virtio-" .. ev.class.name end
	if ev.device and #ev.type_name > 0 then t = t .. " " .. untrusted(ev.type_name) end
	if ev.device and #ev.user_id > 0 then t = t .. " id " .. untrusted(ev.user_id) end
	if bdf ~= TWO32 - 1 then t = t .. " at " .. format_bdf(bdf) end
	if has(flags, K.DEV_LATE) then t = t .. " (was there before the capture)" end
	if has(flags, K.DEV_DATAPATH_ELSEWHERE) then t = t .. " [data path is not in this process]" end
	return has(flags, K.DEV_GONE) and t .. " is gone" or t
end

words[K.DEVICE_STATE] = function(ev, r)
	local o, t = O.device_state, "learned:"
	local known = get(r.s, o.known)
	if has(known, K.KNOWN_STATUS) then t = t .. " status " .. format_status(get(r.s, o.status)) end
	if has(known, K.KNOWN_ACCEPTED) then
		t = t .. " accepted 0x" .. hex8(sub(state_features(ev, r, o.accepted), 1, 8))
	end
	if has(known, K.KNOWN_OFFERED) then
		t = t .. " offered 0x" .. hex8(sub(state_features(ev, r, o.offered), 1, 8))
	end
	if known == K.KNOWN_CONFIG then t = t .. format(" configuration, %d bytes", get(r.s, o.config_len)) end
	return t
end

words[K.QUEUE_STATE] = function(ev, r)
	local s, o = r.s, O.queue_state
	local known, t = get(s, o.known), format("learned: queue %d", r.queue)
	if has(known, K.KNOWN_SIZE) then t = t .. format(" size %d", get(s, o.size)) end
	if has(known, K.KNOWN_ADDR) then
		t = t .. format(" desc 0x%s driver 0x%s device 0x%s", hex8(get8(s, o.desc)), hex8(get8(s, o.driver)),
			hex8(get8(s, o.device)))
	end
	if has(known, K.KNOWN_VECTOR) and get(s, o.vector) ~= K.NO_VECTOR then
		t = t .. format(" vector %d", get(s, o.vector))
	end
	if has(known, K.KNOWN_INDEX) then
		local last, used = get(s, o.last_avail), get(s, o.used)
		t = t .. ", next to take " .. slot(ev.packed, last) .. ", next used " .. slot(ev.packed, used)
		if not ev.packed then t = t .. format(" (%d in flight)", (last - used) % 65536) end
	end
	return t
end

words[K.SESSION] = function(ev, r)
	return "trace by" .. tlv_words(r, " ", K.TAG_TOOL) .. tlv_words(r, " on ", K.TAG_HOST) ..
		tlv_words(r, " ", K.TAG_OS) .. format(", %d bytes of each buffer", get(r.s, O.session.snaplen)) ..
		tlv_words(r, ", only what matched ", K.TAG_FILTER)
end

words[K.SOURCE] = function(ev, r)
	local pid = get(r.s, O.source.pid)
	return format("source %d: %s", r.source, name_of(V.source_kinds, get(r.s, O.source.kind)) or "?") ..
		tlv_words(r, " ", K.TAG_NAME) .. tlv_words(r, " ", K.TAG_VERSION) .. tlv_words(r, " ", K.TAG_EXE) ..
		(pid > 0 and format(", pid %d", pid) or "")
end

words[K.LOSS] = function(ev, r)
	local n, more = lost(ev, r)
	local why = name_of(V.loss_whys, get(r.s, O.loss.why)) or "?"
	if n == ZERO8 and more then return "LOST an unknown number of events: " .. why end
	return format("LOST %s events%s: %s", dec8(n), more and " and an unknown number more" or "", why)
end

words[K.NOTE] = function(ev, r)
	return (get(r.s, O.note.level) == K.NOTE_WARNING and "warning: " or "note: ") .. untrusted(record_text(r))
end

words[K.TALLY] = function(ev, r)
	local s, o = r.s, O.tally
	local t = format("in %s: %s popped, %s kicks, %s interrupts", duration(number8(get8(s, o.interval))),
		dec8(get8(s, o.popped)), dec8(get8(s, o.kicks)), dec8(get8(s, o.interrupts)))
	for i, group in ipairs(groups_of(r)) do
		if #t > WORDS_MAX then break end
		local errors = get8(s, O.tally_group.errors, group)
		t = t .. (i == 1 and "; used: " or ", ") ..
			format("%s %s", dec8(get8(s, O.tally_group.used, group)), tally_type(ev, r, group))
		if errors ~= ZERO8 then t = t .. format(" (%s ERRORS)", dec8(errors)) end
		local p50, total = percentile(r, group, 500000)
		if total > 0 then
			local p99 = percentile(r, group, 990000)
			local function text(v) return duration(type(v) == "string" and number8(v) or v) end
			t = t .. " p50 " .. text(p50) .. " p99 " .. text(p99)
		end
	end
	if get8(s, o.dropped) ~= ZERO8 then
		t = t .. format("; %s taken back by a reset", dec8(get8(s, o.dropped)))
	end
	return t .. format("; %d in flight", get(s, o.flight))
end

local backend_ops = { [0] = "?", "read", "write", "flush", "discard", "write zeroes" }

words[K.BACKEND] = function(ev, r)
	local s, o = r.s, O.backend
	local done, ret = get(s, o.phase) > 0, get(s, o.ret)
	local t = format("backend %s %s", backend_ops[get(s, o.op)] or "?", done and "done" or "start")
	if get8(s, o.bytes) ~= ZERO8 then
		t = t .. format(" offset %s, %s bytes", dec8(get8(s, o.offset)), dec8(get8(s, o.bytes)))
	end
	if ev.req and ev.req.merged then t = t .. format(" of %d requests", 1 + ev.req.merged) end
	if done and ret >= 0x80000000 then
		local errno = TWO32 - ret
		t = t .. ": " .. (V.errors[errno] or
			format(errno < 4096 and "Unknown error %d" or "error -%d", errno))
	end
	return t
end

local clock_reasons = {
	[K.CLOCK_PAUSE] = "; it has stood still", [K.CLOCK_STEP] = "; it was set forward",
	[K.CLOCK_BACK] = "; it was set back", [K.CLOCK_RATE] = "; its rate has changed",
}

words[K.CLOCK] = function(ev, r)
	local s, o = r.s, O.clock
	local e = get(s, o.error)
	return format("clock of source %d stood at %s ns %s%s", get(s, o.other), dec8(get8(s, o.there)),
		e == K.CLOCK_UNKNOWN and "(how exactly is unknown)" or format("(+-%d)", e),
		clock_reasons[get(s, o.reason)] or "")
end

words[K.EXCHANGE] = function(ev, r)
	local o, nonce = O.exchange, get8(r.s, O.exchange.nonce)
	if nonce == ZERO8 then return "questions about its clock are answered" end
	local t = format("question %s about a clock", hex8_padded(nonce, 16))
	if ev.source_kind == K.SRC_GUEST then
		return t .. format(" was read at %s ns%s", dec8(get8(r.s, o.from)),
			get8(r.s, o.wall) ~= ZERO8 and ", with a PTP clock" or "")
	end
	return t .. " was answered after " .. duration(math.max(exchange_took(r), 0))
end

words[K.STACK] = function(ev, r)
	local t, frames = format("stack %d, %d frames", get(r.s, O.stack.id), get(r.s, O.stack.nframes)), ev.stack
	if not frames or not frames[1] or #frames[1].symbol == 0 then return t end
	t = t .. ": " .. untrusted(frames[1].symbol)
	if frames[2] and #frames[2].symbol > 0 then t = t .. ", called by " .. untrusted(frames[2].symbol) end
	return t
end

-- --- steps: decoder/print/steps.c, guest.c ------------------------------------------------------------------

words[K.LIFECYCLE] = function(ev, r)
	local what = get(r.s, O.lifecycle.what)
	local step, text = V.steps[what], record_text(r)
	if not step then return format("lifecycle step %d", what) end
	local called = r.function_at and untrusted(sub(r.s, r.function_at + 1, r.function_at + r.function_len))
	if what == K.LIFECYCLE_CALLBACK and called then return called end
	local t = step.name
	if r.queue ~= K.NO_QUEUE then t = t .. format(" q%d", r.queue) end
	if #text > 0 then t = t .. " " .. untrusted(text) end
	local function arg(i) return sub(r.s, O.lifecycle.arg[1] + 8 * i - 7, O.lifecycle.arg[1] + 8 * i) end
	if what == K.LIFECYCLE_SET_STATUS then
		t = t .. " " .. format_status(u32(arg(1), 0))
	else
		for i, a in ipairs(step) do
			t = t .. (i > 1 and ", " or " ") .. a.name .. " " .. (a.hex and "0x" .. hex8(arg(i)) or dec8(arg(i)))
		end
	end
	return t .. " [" .. (called or step.func) .. "]"
end

words[K.RETURN] = function(ev, r)
	local o = O["return"]
	if has(get(r.s, o.flags), K.RETURN_JUMPED) then
		return format("call %d ends with a jump to a function that returns for it", get(r.s, o.call))
	end
	return format("call %d returns 0x%s", get(r.s, o.call), hex8(get8(r.s, o.value)))
end

words[K.ROUTES] = function(ev, r)
	local s, t = r.s, { format("%d interrupt routes given to KVM", get(r.s, O.routes.total)) }
	for i = 0, math.min(get(s, O.routes.n), WORDS_MAX) - 1 do
		local at = r.tail + i * O.route.size_of[2]
		if get(s, O.route.kind, at) == K.ROUTE_MSI then
			t[#t + 1] = format("%sgsi %d = MSI 0x%s data 0x%x", #t == 1 and ": " or ", ",
				get(s, O.route.gsi, at), hex8(get8(s, O.route.address, at)), get(s, O.route.data, at))
		end
	end
	return table.concat(t) .. " [KVM_SET_GSI_ROUTING]"
end

words[K.CLASS] = function(ev, r)
	local types, known = tlv_text(r, K.TAG_TYPENAME) or "", 0
	for _, c in ipairs(callbacks_of(r)) do
		if get(r.s, O.callback.offset, c.at) ~= K.CLASS_UNKNOWN then known = known + 1 end
	end
	return format("class of the %s, %s, %d callbacks known", name_of(V.class_of, get(r.s, O.class.of)) or
		"object", untrusted(types:match("^[^ ]*")), known)
end

-- enum req_op, the low byte of a request's cmd_flags
local req_ops = { [0] = "READ", "WRITE", "FLUSH", "DISCARD", [5] = "SECURE_ERASE", [9] = "WRITE_ZEROES",
	[34] = "DRV_IN", [35] = "DRV_OUT" }

local function guest_value(kind, v)
	if kind == K.GUEST_NONE then return "" end
	if kind == K.GUEST_NUMBER then return dec8(v) end
	if kind == K.GUEST_SIGNED or kind == K.GUEST_ERRNO then
		local n = u32(v, 0)
		return format("%d", n >= 0x80000000 and n - TWO32 or n)
	end
	local low_byte = byte(v, 1)
	if kind == K.GUEST_BOOL then return low_byte > 0 and "true" or "false" end
	if kind == K.GUEST_STATUS then return format_status(low_byte) end
	if kind == K.GUEST_REQ_OP then return req_ops[low_byte] or format("op %d", low_byte) end
	return "0x" .. hex8(v)
end

local function guest_time(now, at)
	local ns = (u32(now, 4) - u32(at, 4)) * TWO32 + u32(now, 0) - u32(at, 0)
	return (at == ZERO8 or ns < 0) and "?" or duration(ns) .. " before"
end

words[K.GUEST] = function(ev, r)
	local s, f, phase = r.s, guest_function(r), get(r.s, O.guest.phase)
	local t = f and f.name or untrusted(record_text(r))
	if r.queue ~= K.NO_QUEUE then t = t .. format(" q%d", r.queue) end
	if phase == K.GUEST_RETURN then t = t .. " returns" end
	if phase == K.GUEST_RETURN and f and f.ret > 0 then
		t = t .. " " .. guest_value(f.ret, get8(s, O.guest.ret))
	end
	local rows = f and (phase == K.GUEST_RETURN and f.at_return or f.entry) or {}
	for i = 1, get(s, O.guest.nargs) do
		local v, row = sub(s, r.tail + 8 * i - 7, r.tail + 8 * i), rows[i]
		t = t .. (i > 1 and ", " or " ") .. (row and row.name or "?") .. " "
		if row and row.kind == K.GUEST_TIME then
			t = t .. guest_time(get8(s, O.hdr.ts), v)
		else
			t = t .. guest_value(row and row.kind or K.GUEST_HEX, v)
		end
	end
	if phase == K.GUEST_DERIVED then t = t .. format(" (inlined; %s)", f and f.proof or "derived") end
	return t
end

-- --- vhost-user: decoder/print/vhost_user.c -------------------------------------------------------------------

local REGION_FIELDS = 4 -- of each region in a table of memory, behind their number

local function payload_fields(r, all)
	local n, most = 0, #all
	while n < most and all[n + 1].offset + all[n + 1].width <= r.text_len do
		if n == 0 and most > REGION_FIELDS and most % REGION_FIELDS == 1 then
			local regions = number8((payload_value(r, all[1])))
			if regions < floor(most / REGION_FIELDS) then most = 1 + regions * REGION_FIELDS end
		end
		n = n + 1
	end
	return n
end

words[K.VHOST_USER] = function(ev, r)
	local s, o = r.s, O.vhost_user
	local m, all = vhost_message(r)
	local n, flags, size = payload_fields(r, all), get(s, o.flags), get(s, o.size)
	local t = m and "vhost-user " .. m.name or format("vhost-user request %d (unknown)", get(s, o.request))
	if r.is_ack then
		local answer = n > 0 and payload_value(r, all[1])
		if not answer then return t .. ": a reply without a result" end
		return t .. (answer ~= ZERO8 and format(": REFUSED (%s)", dec8(answer)) or ": done")
	end
	if has(flags, K.VHOST_USER_REPLY) then t = t .. " =" end
	for i = 0, math.min(n - 1, 2 * REGION_FIELDS) do
		local f = all[i + 1]
		t = t .. (i > 0 and ", " or " ") .. f.name .. " " .. fit(format_value(f, (payload_value(r, f))), 160)
	end
	if n > 2 * REGION_FIELDS + 1 then t = t .. ", ..." end
	local last = all[#all]
	if size > (last and last.offset + last.width or 0) and size - r.text_len >= 8 then
		t = t .. format(", %d bytes", size - r.text_len)
	end
	if get(s, o.fds) > 0 then t = t .. ", " .. plural(get(s, o.fds), "descriptor") end
	if has(flags, K.VHOST_USER_NEED_REPLY) and not has(flags, K.VHOST_USER_REPLY) then
		t = t .. ", wants a reply"
	end
	return t
end

-- --- all --------------------------------------------------------------------------------------------------------

local undecodable_words = { [K.AVAIL] = "chain popped", [K.USED] = "chain used", [K.DATA] = "bytes of a chain",
	[K.RING] = "ring sample" }

function meaning(ev, r)
	local t
	if ev.undecodable then
		t = r.type == K.KICK and words[K.KICK](ev, r) or format("%s, q%d", undecodable_words[r.type], r.queue)
		if ev.undecodable_first then
			t = t .. " [rings in the guest's byte order, without VERSION_1: not decoded]"
		end
	elseif words[r.type] then
		t = words[r.type](ev, r)
	else
		t = format("event of type %d, unknown to this version", r.type)
	end
	if #t > WORDS_MAX then
		local n = WORDS_MAX
		while byte(t, n + 1) >= 0x80 and byte(t, n + 1) < 0xc0 do n = n - 1 end
		t = sub(t, 1, n)
	end
	if ev.gap and not ev.filtered then
		t = t .. format(" [%d events are missing before this one]", ev.gap)
	end
	return t
end

local to_device = { [K.KICK] = true, [K.AVAIL] = true, [K.DATA] = true, [K.GUEST] = true }
local to_driver = { [K.USED] = true, [K.IRQ] = true }

-- 1: the driver speaks; 2: the device; 0: neither.
function direction(r)
	if r.type == K.REG then return get(r.s, O.reg.op) == K.WRITE and 1 or 2 end
	if r.type == K.VHOST_USER then
		local from = get(r.s, O.vhost_user.from)
		return (from == K.FROM_FRONT_END or from == K.FROM_FRONT_END_CHANNEL) and 1 or 2
	end
	return to_device[r.type] and 1 or to_driver[r.type] and 2 or 0
end
end
