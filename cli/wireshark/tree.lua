-- SPDX-License-Identifier: MIT
-- The protocol: its fields, what it shows of a packet, and which packets are ours.
do

local proto = Proto("vqtrace", "vqtrace virtio event")

-- --- fields -----------------------------------------------------------------------------------------

local fields = {} -- ProtoField by name
local groups_of_type = {} -- by record type

local sized = { ProtoField.uint8, ProtoField.uint16, [4] = ProtoField.uint32 }

-- A number as wide as it is in the record, or of 64 bits.
local function make_number(name, f, shown)
	f.small = f.size and sized[f.size] ~= nil
	return (f.small and sized[f.size] or ProtoField.uint64)(name, f.label, shown, nil, nil, f.help)
end

local makers = {
	u64 = function(name, f) return make_number(name, f, base.DEC) end,
	hex = function(name, f) return make_number(name, f, base.HEX) end,
	i64 = function(name, f) return ProtoField.int64(name, f.label, base.DEC, nil, nil, f.help) end,
	time = function(name, f) return ProtoField.relative_time(name, f.label, f.help) end,
	str = function(name, f) return ProtoField.string(name, f.label, base.NONE, f.help) end,
	bool = function(name, f) return ProtoField.bool(name, f.label, base.NONE, nil, nil, f.help) end,
	bytes = function(name, f) return ProtoField.bytes(name, f.label, base.NONE, f.help) end,
}

-- Members of one array of structures are adjacent: they become one list of `members`. An array of a
-- group's own name ("buffers") has no name behind it.
local function prepare_group(g)
	local items, list = {}, nil
	for _, f in ipairs(g.fields) do
		local prefix = f.array and f.path:match("^(.*)%.[^.]*$") or nil
		if prefix and (prefix ~= g.name or g.fields[1].array) then
			if not list or list.prefix ~= prefix then
				list = { prefix = prefix, members = {} }
				items[#items + 1] = list
			end
			list.members[#list.members + 1] = f
		else
			list = nil
			items[#items + 1] = f
		end
		f.name = "vqtrace." .. f.path
		fields[f.name] = makers[f.kind](f.name, f)
		f.field = fields[f.name]
	end
	g.items = items
	for _, item in ipairs(items) do
		if item.members and item.prefix ~= g.name then
			local label = item.prefix:match("[^.]*$"):gsub("s$", ""):gsub("^%l", string.upper)
			item.field = ProtoField.none("vqtrace." .. item.prefix, label)
			fields["vqtrace." .. item.prefix] = item.field
		end
	end
	if g.name ~= "" and not fields["vqtrace." .. g.name] then
		g.field = ProtoField.none("vqtrace." .. g.name, g.title)
		fields["vqtrace." .. g.name] = g.field
	end
	for type = 0, 63 do
		if g.events[type] then
			groups_of_type[type] = groups_of_type[type] or {}
			table.insert(groups_of_type[type], g)
		end
	end
end

for _, g in ipairs(V.groups) do prepare_group(g) end

local links = {
	response = ProtoField.framenum("vqtrace.response_in", "Response in", base.NONE, frametype.RESPONSE, 0,
		"packet in which the device returns the chain"),
	request = ProtoField.framenum("vqtrace.request_in", "Request in", base.NONE, frametype.REQUEST, 0,
		"packet in which the device took the chain"),
	time = ProtoField.relative_time("vqtrace.time", "Time from request",
		"from the packet of the request to that of its response"),
	info = ProtoField.string("vqtrace.info", "Info", base.NONE, "the event in words, as `vqtrace show` has it"),
}
for _, link in pairs(links) do fields[link] = link end

local list = {}
for _, f in pairs(fields) do list[#list + 1] = f end
proto.fields = list

local experts = {
	malformed = ProtoExpert.new("vqtrace.malformed", "Malformed record", expert.group.MALFORMED,
		expert.severity.ERROR),
	note = ProtoExpert.new("vqtrace.expert.note", "Note", expert.group.COMMENTS_GROUP, expert.severity.NOTE),
	warning = ProtoExpert.new("vqtrace.expert.warning", "Warning", expert.group.UNDECODED,
		expert.severity.WARN),
	comment = ProtoExpert.new("vqtrace.expert.comment", "Comment", expert.group.COMMENTS_GROUP,
		expert.severity.COMMENT),
	lost = ProtoExpert.new("vqtrace.expert.lost", "Events are missing", expert.group.SEQUENCE,
		expert.severity.WARN),
	failed = ProtoExpert.new("vqtrace.expert.failed", "The request failed", expert.group.RESPONSE_CODE,
		expert.severity.WARN),
	unknown = ProtoExpert.new("vqtrace.expert.no_request", "No such chain was seen in flight",
		expert.group.SEQUENCE, expert.severity.WARN),
	broken = ProtoExpert.new("vqtrace.expert.device_error", "The device declared itself broken",
		expert.group.RESPONSE_CODE, expert.severity.ERROR),
}
local expert_list = {}
for _, e in pairs(experts) do expert_list[#expert_list + 1] = e end
proto.experts = expert_list

-- --- the tree ---------------------------------------------------------------------------------------------

local function as_time(v)
	if type(v) == "table" then return NSTime.new(v[1], v[2]) end
	if type(v) == "number" then return NSTime.new(floor(v / 1e9), v % 1e9) end
	local n = uint8(v)
	return NSTime.new((n / 1000000000):tonumber(), (n % 1000000000):tonumber())
end

local function as_number(v)
	if type(v) == "string" then return uint8(v) end
	return UInt64.new(v % TWO32, floor(v / TWO32))
end

local FLAG_WORDS = 1024 -- that are remembered of a field

-- Flags repeat: their words are made once.
local function flag_words(f, v)
	if not f.words or f.words_made == FLAG_WORDS then f.words, f.words_made = {}, 0 end
	if not f.words[v] then
		f.words_made = f.words_made + 1
		f.words[v] = " (" .. format_bits(f.names, type(v) == "number" and to8(v) or v) .. ")"
	end
	return f.words[v]
end

-- One value; the bytes it stands in are marked, and a value that stands in none is in brackets.
local function add_value(tree, tvb, f, v, at, len)
	local range = at and at + len <= tvb:len() and tvb(at, len) or nil
	local item
	if f.kind == "str" then
		item = tree:add(f.field, range or tvb(0, 0), untrusted(v))
	elseif f.kind == "bool" then
		item = tree:add(f.field, range or tvb(0, 0), v)
	elseif f.kind == "time" then
		item = tree:add(f.field, range or tvb(0, 0), as_time(v))
	elseif f.kind == "bytes" then
		if not range then return nil end
		item = tree:add(f.field, range)
	elseif f.kind == "i64" then
		item = tree:add(f.field, range or tvb(0, 0), Int64.new(u32(v, 0), u32(v, 4)))
	else
		item = tree:add(f.field, range or tvb(0, 0), f.small and v or as_number(v))
		if f.kind == "hex" and not f.small then
			item:set_text(format("%s: 0x%s", f.label, type(v) == "string" and hex8(v) or format("%x", v)))
		end
		if f.names and v ~= 0 then item:append_text(flag_words(f, v)) end
	end
	if not at then item:set_generated() end
	return item
end

local ELEMENTS_MAX = 4096 -- of an array that are shown: a packet may have more items than a tree should

-- A tree that nobody sees has only the fields that a filter or a column asks for: `wanted` says which.
local function all_wanted() return true end

local function add_field(tree, tvb, f, ev, r)
	local most = f.array and ELEMENTS_MAX or 1
	for i = 0, most - 1 do
		local v, at, len = field_value(f, ev, r, i)
		if v == nil then return end
		local item = add_value(tree, tvb, f, v, at, len)
		if item and below[f.path] and tree.visible then below[f.path](item, tvb, ev, r, v, i) end
	end
end

local function add_structures(tree, tvb, item, ev, r, members)
	for i = 0, ELEMENTS_MAX - 1 do
		local first = field_value(item.members[1], ev, r, i)
		if first == nil then return end
		local one
		if item.field then
			one = tree:add(item.field, tvb(0, 0))
			one:append_text(element_words[item.prefix] and element_words[item.prefix](r, i) or format(" %d", i))
		else
			one = tree:add(tvb(0, 0), format("Buffer %d", i))
		end
		for _, f in ipairs(members) do
			local v, at, len = field_value(f, ev, r, i)
			if v ~= nil then add_value(one, tvb, f, v, at, len) end
		end
	end
end

local function has_any(g, ev, r)
	for _, f in ipairs(g.fields) do
		if not f.filter and field_value(f, ev, r, 0) ~= nil then return true end
	end
	return false
end

-- The members of an array that are wanted; nil: neither one of them nor the array is.
local function wanted_members(item, wanted)
	if wanted == all_wanted then return item.members end
	local list = {}
	for _, f in ipairs(item.members) do
		if wanted(f.field) then list[#list + 1] = f end
	end
	return (#list > 0 or (item.field and wanted(item.field))) and list or nil
end

local function add_group(tree, tvb, g, ev, r, wanted)
	if g.memory and ev.undecodable then return end
	local branch = g.name == "" and tree or nil
	if g.name ~= "" and wanted(g.field) then
		if not has_any(g, ev, r) then return end
		branch = tree:add(g.field, tvb(0, 0))
	end
	for _, item in ipairs(g.items) do
		if item.members then
			local members = wanted_members(item, wanted)
			if members then add_structures(branch or tree, tvb, item, ev, r, members) end
		elseif wanted(item.field) then
			add_field(branch or tree, tvb, item, ev, r)
		end
	end
	if branch and g.name == "request" and branch.visible then add_header(branch, tvb, ev) end
end

-- Where the other half of the conversation is, as other dissectors have it.
local function add_links(tree, ev, r)
	local link = ev.link
	if not link then return end
	if r.type == K.USED then
		tree:add(links.request, link.frame):set_generated()
		if ev.req.latency then tree:add(links.time, as_time(ev.req.latency)):set_generated() end
	elseif link.used_frame then
		tree:add(links.response, link.used_frame):set_generated()
	end
end

-- A label of Wireshark's holds 240 bytes, and is cut within a character.
local LABEL_MAX = 230

local function label(s)
	if #s <= LABEL_MAX then return s end
	local n = LABEL_MAX - 3
	while byte(s, n + 1) >= 0x80 and byte(s, n + 1) < 0xc0 do n = n - 1 end
	return sub(s, 1, n) .. "..."
end

local function add_experts(tree, ev, r, text)
	text = label(text)
	if r.type == K.NOTE then
		local level = get(r.s, O.note.level)
		tree:add_proto_expert_info(level == K.NOTE_WARNING and experts.warning or
			level == K.NOTE_COMMENT and experts.comment or experts.note, text)
	elseif r.type == K.LOSS then
		tree:add_proto_expert_info(experts.lost, text)
	elseif r.type == K.LIFECYCLE and get(r.s, O.lifecycle.what) == K.LIFECYCLE_ERROR then
		tree:add_proto_expert_info(experts.broken, text)
	elseif r.type == K.USED and ev.failed then
		tree:add_proto_expert_info(experts.failed, text)
	elseif r.type == K.USED and ev.unknown_id then
		tree:add_proto_expert_info(experts.unknown)
	end
	if ev.gap and not ev.filtered then
		tree:add_proto_expert_info(experts.lost, format("%d events are missing before this one", ev.gap))
	end
end

local self -- our dissector, once it is registered

local function add_event(tree, tvb, ev, r)
	local text = meaning(ev, r)
	local wanted, root = all_wanted, nil
	if tree.visible then
		local name = ev.device and ev.device .. (ev.queue and format(":%d", ev.queue) or "") .. ": " or ""
		root = tree:add(proto, tvb(0, tvb:len()), label("virtio event, " .. name .. text))
		root:add(links.info, tvb(0, 0), text):set_generated()
	else
		root = tree:add(proto, tvb(0, tvb:len()))
		self = self or Dissector.get("vqtrace")
		if not root:referenced(self) then -- nor is any of its fields
			add_experts(root, ev, r, text)
			return text
		end
		wanted = function(field) return root:referenced(field) end
		if wanted(links.info) then root:add(links.info, tvb(0, 0), text) end
	end
	for _, g in ipairs(groups_of_type[r.type] or { V.groups[1] }) do
		add_group(root, tvb, g, ev, r, wanted)
	end
	add_links(root, ev, r)
	add_experts(root, ev, r, text)
	return text
end

-- --- packets ----------------------------------------------------------------------------------------------

local arrows = { [0] = "· ", "→ ", "← " }

local function set_columns(pinfo, ev, r, texts)
	local cols = pinfo.cols
	local way = direction(r)
	local device = ev.device or ""
	cols.protocol = ev.class and "virtio-" .. ev.class.name or "virtio"
	if ev.device and ev.queue and r.queue ~= K.NO_QUEUE then device = format("%s:%d", device, ev.queue) end
	cols.src = way == 1 and "driver" or device
	cols.dst = way == 1 and device or way == 2 and "driver" or ""
	cols.info = table.concat(texts, "; ")
end

-- The records of a packet with what becomes of each, and why it is broken, if it is.
local function read_packet(tvb, frame, visited)
	local bytes = tvb:raw(0, tvb:len())
	local own, why = parse_record(bytes)
	if not own then return nil, why end
	local events, broken = {}, nil
	if own.carried then
		local parts
		parts, broken = carried_events(own)
		for _, part in ipairs(parts) do
			local r = parse_record(part)
			if not r or r.carried then
				broken = true
				break
			end
			events[#events + 1] = { r = r, bytes = part }
		end
		-- the record ends where they begin
		own.s = sub(own.s, 1, own.len)
	end
	events[#events + 1] = { r = own }
	local known = state.frames[frame]
	if not known or not visited then
		known = {}
		for i, e in ipairs(events) do
			if broken and i == #events then state.number = state.number + 1 end
			known[i] = model_feed(e.r, frame)
		end
		state.frames[frame] = known
	else
		for i, e in ipairs(events) do
			if known[i] and known[i].undecodable then leave_out(e.r) end
		end
	end
	for i, e in ipairs(events) do e.ev = known[i] end
	return events, broken and "what its packet carries is broken"
end

-- A trace's packets are ours: those behind a session record, with which it begins, and all of a part of
-- one, whose first packet is a record of which every byte has its meaning.
local function is_ours(tvb)
	if state.ours then return true end
	if tvb:len() < O.hdr.size_of[2] or tvb:len() > K.RECORD_MAX then
		state.decided = true
		return false
	end
	local r = parse_record(tvb:raw(0, tvb:len()))
	if r and r.type == K.SESSION then
		state.ours = get(r.s, O.session.major) == K.VERSION_MAJOR
	elseif r and not r.unknown and not state.decided then
		state.ours = r.source > 0 and (r.accounted or align4(r.known) == align4(#r.s))
	end
	state.decided = true
	return state.ours
end

local previous = DissectorTable.get("wtap_encap"):get_dissector(wtap.USER0)

local function dissect(tvb, pinfo, tree)
	local visited = pinfo.visited
	local events, why = read_packet(tvb, pinfo.number, visited)
	if not events then
		pinfo.cols.protocol = "virtio"
		pinfo.cols.info = "broken record: " .. why
		local root = tree:add(proto, tvb(0, tvb:len()), "virtio event, broken")
		root:add_proto_expert_info(experts.malformed, "the record is broken: " .. why)
		if not visited then state.number = state.number + 1 end
		return tvb:len()
	end
	local texts = {}
	for _, e in ipairs(events) do
		if e.ev then
			local own = e.bytes and ByteArray.new(e.bytes, true):tvb("Carried event") or tvb
			local text = add_event(tree, own, e.ev, e.r)
			texts[#texts + 1] = arrows[direction(e.r)] .. text
			if e.r == events[#events].r then set_columns(pinfo, e.ev, e.r, texts) end
		end
	end
	if why then
		local root = tree:add(proto, tvb(0, tvb:len()), "virtio event, broken")
		root:add_proto_expert_info(experts.malformed, why)
	end
	return tvb:len()
end

function proto.dissector(tvb, pinfo, tree)
	if not is_ours(tvb) then
		if previous then return previous:call(tvb, pinfo, tree) end
		return 0
	end
	return dissect(tvb, pinfo, tree)
end

-- A file is opened, or dissected anew.
function proto.init()
	new_state()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, proto)
end
