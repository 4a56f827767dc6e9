/* SPDX-License-Identifier: MIT */
/* Fields of the records around the conversation: who speaks, lifecycle, loss, notes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/fields/fields.h"
#include "decoder/fields/event_names.h"
#include "decoder/trace/guest.h"

#define TLV(name, tag) \
	static bool get_##name(const struct event *e, unsigned i, struct field_value *v) \
	{ \
		v->str = record_tlv(e->rec, tag, &v->len); \
		return v->str != NULL; \
	}
TLV(host, VQT_TAG_HOST)
TLV(os, VQT_TAG_OS)
TLV(tool, VQT_TAG_TOOL)
TLV(command, VQT_TAG_COMMAND)
TLV(name, VQT_TAG_NAME)
TLV(exe, VQT_TAG_EXE)
TLV(build_id, VQT_TAG_BUILD_ID)
TLV(version, VQT_TAG_VERSION)
TLV(id, VQT_TAG_ID)
TLV(typename, VQT_TAG_TYPENAME)
TLV(path, VQT_TAG_PATH)
TLV(origin, VQT_TAG_ORIGIN)
TLV(filter, VQT_TAG_FILTER)

/* --- session, source --- */

static bool get_format(const struct event *e, unsigned i, struct field_value *v)
{
	v->len = (size_t)snprintf(v->buf, sizeof(v->buf), "%u.%u", e->rec->session.major,
				  e->rec->session.minor);
	v->str = v->buf;
	return true;
}

const struct field fields_session[] = {
	{ "session.version", FIELD_STR, .get = get_format, .label = "Vocabulary",
	  .help = "version of the event vocabulary" },
	{ "session.tool", FIELD_STR, .get = get_tool, .label = "Tool",
	  .help = "what made the trace" },
	{ "session.host", FIELD_STR, .get = get_host, .label = "Host", .help = "host name" },
	{ "session.os", FIELD_STR, .get = get_os, .label = "System",
	  .help = "its kernel and machine" },
	{ "session.command", FIELD_STR, .get = get_command, .label = "Command",
	  .help = "command line of the capture" },
	{ "session.origin", FIELD_STR, .get = get_origin, .label = "Origin",
	  .help = "where a shipped trace is from" },
	{ "session.filter", FIELD_STR, .get = get_filter, .label = "Filter",
	  .help = "of a filtered copy: what its events matched" },
	{ "session.snaplen", FIELD_U64, FIELD_AT(session.snaplen), .label = "Snap length",
	  .help = "leading bytes kept of each buffer" },
	{ "session.wall", FIELD_I64, FIELD_AT(session.wall), .label = "Wall clock offset",
	  .help = "realtime minus the trace's clock, ns" },
	{ .path = NULL },
};

const struct field fields_source[] = {
	{ "source_info.kind", FIELD_STR, FIELD_AT(source.kind), .names = event_source_kinds,
	  .label = "Kind", .help = "qemu, kvm, guest, emu or replay" },
	{ "source_info.name", FIELD_STR, .get = get_name, .label = "Name", .help = "its name" },
	{ "source_info.pid", FIELD_U64, FIELD_AT(source.pid), .label = "Process",
	  .help = "process id" },
	{ "source_info.clock", FIELD_STR, FIELD_AT(source.clock), .names = event_clock_ids,
	  .label = "Clock", .help = "monotonic, guest or virtual" },
	{ "source_info.exe", FIELD_STR, .get = get_exe, .label = "Program",
	  .help = "path of the traced program" },
	{ "source_info.version", FIELD_STR, .get = get_version, .label = "Version",
	  .help = "version of the program" },
	{ "source_info.build_id", FIELD_STR, .get = get_build_id, .label = "Build id",
	  .help = "build id of the program" },
	{ "source_info.command", FIELD_STR, .get = get_command, .label = "Command",
	  .help = "its command line" },
	{ .path = NULL },
};

/* --- devices and queues --- */

static bool get_bdf(const struct event *e, unsigned i, struct field_value *v)
{
	if (e->rec->device.bdf == ~0U)
		return false;
	event_format_bdf(v->buf, sizeof(v->buf), e->rec->device.bdf);
	return field_set_str(v, v->buf);
}

static bool get_peer(const struct event *e, unsigned i, struct field_value *v)
{
	return e->dev && e->dev->peer && field_set_str(v, e->dev->peer->name);
}

const struct field fields_device[] = {
	{ "device_info.type", FIELD_U64, FIELD_AT(device.virtio_id), .label = "Device type",
	  .help = "virtio device ID, 0 unknown" },
	{ "device_info.id", FIELD_STR, .get = get_id, .label = "Id",
	  .help = "the id its user gave it" },
	{ "device_info.typename", FIELD_STR, .get = get_typename, .label = "Type name",
	  .help = "type in the source, such as virtio-blk-pci" },
	{ "device_info.path", FIELD_STR, .get = get_path, .label = "Path",
	  .help = "path in the source's object tree" },
	{ "device_info.transport", FIELD_STR, FIELD_AT(device.transport), .names = event_transports,
	  .label = "Transport", .help = "pci, mmio or ccw" },
	{ "device_info.bdf", FIELD_STR, .get = get_bdf, .label = "PCI address",
	  .help = "segment:bus:device.function" },
	{ "device_info.flags", FIELD_HEX, FIELD_AT(device.flags), .names = event_device_flags,
	  .label = "Flags", .help = "TRANSITIONAL, DATAPATH_ELSEWHERE, LATE, GONE" },
	{ "device_info.queues", FIELD_U64, FIELD_AT(device.queues), FIELD_IF(device.queues, 0xffff),
	  .label = "Queues", .help = "virtqueues it has" },
	{ "device_info.peer", FIELD_STR, .get = get_peer, .label = "Other side",
	  .help = "the same device as its other side recorded it" },
	{ "device_info.handle", FIELD_HEX, FIELD_AT(device.handle), .label = "Handle",
	  .help = "pointer in the source" },
	{ .path = NULL },
};

/* Names of feature bits reach over two words of 64. */
static bool resolve_feature(const struct event *e, unsigned i, const char *word, uint64_t *value)
{
	const struct class *c;
	int bit;

	if (!e) {
		for (size_t k = 0; (c = class_nth(k)); k++)
			if (class_feature_by_name(c->id, word) >= 0)
				return true;
		return class_feature_by_name(0, word) >= 0;
	}
	bit = class_feature_by_name(e->dev ? e->dev->virtio_id : 0, word);
	if (bit < 0 || (unsigned)bit / 64 != i)
		return false;
	*value = 1ULL << (bit % 64);
	return true;
}

static uint64_t state_features(const struct event *e, const uint64_t recorded[2], unsigned i)
{
	uint64_t set[2];

	model_state_features(e, recorded, set);
	return set[i];
}

FIELD_GETTER(offered, i < 2, state_features(e, e->rec->device_state.offered, i))
FIELD_GETTER(accepted, i < 2, state_features(e, e->rec->device_state.accepted, i))
static bool get_config(const struct event *e, unsigned i, struct field_value *v)
{
	v->bytes = e->rec->tail;
	v->len = e->rec->device_state.config_len;
	return true;
}

#define STATE(member, bit) FIELD_AT(device_state.member), FIELD_IF(device_state.known, bit)

const struct field fields_device_state[] = {
	{ "device_state.status", FIELD_HEX, STATE(status, VQT_KNOWN_STATUS),
	  .names = spec_status_bits, .label = "Status", .help = "device status" },
	{ "device_state.offered", FIELD_HEX, FIELD_ARRAY, .get = get_offered,
	  FIELD_IF(device_state.known, VQT_KNOWN_OFFERED), .resolve = resolve_feature,
	  .label = "Offered", .help = "features the device offers, two words of 64 bits" },
	{ "device_state.accepted", FIELD_HEX, FIELD_ARRAY, .get = get_accepted,
	  FIELD_IF(device_state.known, VQT_KNOWN_ACCEPTED), .resolve = resolve_feature,
	  .label = "Accepted", .help = "features the driver accepted" },
	{ "device_state.msix", FIELD_BOOL, STATE(msix, VQT_KNOWN_MSIX), .label = "MSI-X",
	  .help = "MSI-X is enabled" },
	{ "device_state.config", FIELD_BYTES, .get = get_config,
	  FIELD_IF(device_state.known, VQT_KNOWN_CONFIG), .label = "Configuration",
	  .help = "device configuration" },
	{ .path = NULL },
};

#define QUEUE(member, bit) FIELD_AT(queue_state.member), FIELD_IF(queue_state.known, bit)

const struct field fields_queue_state[] = {
	{ "queue_state.size", FIELD_U64, QUEUE(size, VQT_KNOWN_SIZE), .label = "Size",
	  .help = "entries" },
	{ "queue_state.desc", FIELD_HEX, QUEUE(desc, VQT_KNOWN_ADDR), .label = "Descriptor area",
	  .help = "address of the descriptor table or ring" },
	{ "queue_state.driver", FIELD_HEX, QUEUE(driver, VQT_KNOWN_ADDR), .label = "Driver area",
	  .help = "address of the available ring or driver event area" },
	{ "queue_state.device", FIELD_HEX, QUEUE(device, VQT_KNOWN_ADDR), .label = "Device area",
	  .help = "address of the used ring or device event area" },
	{ "queue_state.vector", FIELD_U64, QUEUE(vector, VQT_KNOWN_VECTOR), .label = "Vector",
	  .help = "MSI-X vector, 65535 none" },
	{ "queue_state.enabled", FIELD_BOOL, QUEUE(enabled, VQT_KNOWN_ENABLED), .label = "Enabled",
	  .help = "the queue is enabled" },
	{ "queue_state.last_avail", FIELD_U64, QUEUE(last_avail, VQT_KNOWN_INDEX),
	  .label = "Next to take", .help = "the device's position in the available ring" },
	{ "queue_state.used", FIELD_U64, QUEUE(used, VQT_KNOWN_INDEX), .label = "Next used",
	  .help = "the device's position in the used ring" },
	{ .path = NULL },
};

/* --- lifecycle, guest, backend --- */

static bool get_step(const struct event *e, unsigned i, struct field_value *v)
{
	const struct lifecycle_step *s = lifecycle_step(e->rec->lifecycle.what);

	return field_set_word(v, s ? s->name : NULL, e->rec->lifecycle.what);
}

static bool get_function(const struct event *e, unsigned i, struct field_value *v)
{
	const struct lifecycle_step *s = lifecycle_step(e->rec->lifecycle.what);

	if (!e->rec->function)
		return s && s->function && field_set_str(v, s->function);
	v->str = e->rec->function;
	v->len = e->rec->function_len;
	return true;
}

/* An unknown step may mean all three. */
static bool get_arg(const struct event *e, unsigned i, struct field_value *v)
{
	const struct lifecycle_step *s = lifecycle_step(e->rec->lifecycle.what);

	if (i > 2 || (s && !s->arg[i].name))
		return false;
	return field_set_u64(v, e->rec->lifecycle.arg[i]);
}

static bool get_text(const struct event *e, unsigned i, struct field_value *v)
{
	v->str = record_text(e->rec, &v->len);
	return v->len > 0;
}

const struct field fields_lifecycle[] = {
	{ "lifecycle.step", FIELD_STR, .get = get_step, .word = lifecycle_step_name,
	  .label = "Step", .help = "realize, add_queue, reset, set_status, error, ..." },
	{ "lifecycle.args", FIELD_HEX, FIELD_ARRAY, .get = get_arg, .label = "Arguments",
	  .help = "the step's arguments" },
	{ "lifecycle.text", FIELD_STR, .get = get_text, .label = "Text",
	  .help = "the step's words, such as an error message" },
	{ "lifecycle.function", FIELD_STR, .get = get_function, .label = "Function",
	  .help = "QEMU's function for it, or its role where it has no name" },
	{ .path = NULL },
};

static const struct spec_name route_kinds[] = {
	{ VQT_ROUTE_IRQCHIP, "irqchip" },
	{ VQT_ROUTE_MSI, "msi" },
	{ 0, NULL },
};

FIELD_GETTER(returned_value, !(e->rec->returned.flags & VQT_RETURN_JUMPED), e->rec->returned.value)
FIELD_GETTER(returned_jumped, e->rec->returned.flags &VQT_RETURN_JUMPED, 1)

const struct field fields_returned[] = {
	{ "returned.call", FIELD_U64, FIELD_AT(returned.call), .label = "Call",
	  .help = "the number of the call that has returned" },
	{ "returned.value", FIELD_HEX, .get = get_returned_value, .label = "Value",
	  .help = "what it returned; anything where the function has no result" },
	{ "returned.jumped", FIELD_BOOL, .get = get_returned_jumped, .label = "Jumped",
	  .help = "it has jumped to another function, which returns in its place: no value is known" },
	{ .path = NULL },
};

FIELD_GETTER(route_gsi, i < e->rec->routes.n, record_route(e->rec, i).gsi)
FIELD_GETTER(route_address, i < e->rec->routes.n, record_route(e->rec, i).address)
FIELD_GETTER(route_data, i < e->rec->routes.n, record_route(e->rec, i).data)
static bool get_route_kind(const struct event *e, unsigned i, struct field_value *v)
{
	unsigned kind;

	if (i >= e->rec->routes.n)
		return false;
	kind = record_route(e->rec, i).kind;
	return field_set_word(v, spec_name_of(route_kinds, kind), kind);
}

const struct field fields_routes[] = {
	{ "routes.total", FIELD_U64, FIELD_AT(routes.total), .label = "Routes",
	  .help = "in the table that is given to KVM" },
	{ "routes.table.gsi", FIELD_U64, FIELD_ARRAY, .get = get_route_gsi, .label = "GSI",
	  .help = "the interrupt that is routed" },
	{ "routes.table.kind", FIELD_STR, FIELD_ARRAY, .get = get_route_kind, .names = route_kinds,
	  .label = "Kind", .help = "msi or irqchip" },
	{ "routes.table.address", FIELD_HEX, FIELD_ARRAY, .get = get_route_address,
	  .label = "Address", .help = "where an MSI is written; number of the irqchip" },
	{ "routes.table.data", FIELD_HEX, FIELD_ARRAY, .get = get_route_data, .label = "Data",
	  .help = "what is written there; pin of the irqchip" },
	{ .path = NULL },
};

static bool get_guest_function(const struct event *e, unsigned i, struct field_value *v)
{
	const struct guest_function *f = guest_function_of(e->rec);

	if (!f)
		return get_text(e, i, v);
	v->str = f->name;
	v->len = strlen(f->name);
	return true;
}

FIELD_GETTER(guest_ret, e->rec->guest.phase == VQT_GUEST_RETURN, (uint64_t)e->rec->guest.ret)
FIELD_GETTER(guest_arg, i < e->rec->guest.nargs, record_guest_arg(e->rec, i))
const struct field fields_guest[] = {
	{ "guest.step", FIELD_STR, FIELD_AT(guest.what), .names = event_guest_steps,
	  .label = "Step", .help = "lifecycle, config_op, kick_prepare, submit, done, ..." },
	{ "guest.phase", FIELD_STR, FIELD_AT(guest.phase), .names = event_guest_phases,
	  .label = "Phase", .help = "entry, return, point or derived" },
	{ "guest.ret", FIELD_I64, .get = get_guest_ret, .label = "Result",
	  .help = "on return: the function's result" },
	{ "guest.args", FIELD_HEX, FIELD_ARRAY, .get = get_guest_arg, .label = "Arguments",
	  .help = "the step's arguments" },
	{ "guest.function", FIELD_STR, .get = get_guest_function, .label = "Function",
	  .help = "the kernel's function" },
	{ .path = NULL },
};

FIELD_GETTER(backend_ret, e->rec->backend.phase == 1, (uint64_t)(int64_t)e->rec->backend.ret)
FIELD_GETTER(backend_head, e->rec->backend.head != 0xffff, e->rec->backend.head)
/* QEMU does not repeat at the end what was asked for. */
static bool has_range(const struct event *e)
{
	const struct vqt_backend *b = &e->rec->backend;

	return !b->phase || b->bytes || b->op == VQT_BACKEND_FLUSH;
}

FIELD_GETTER(backend_offset, has_range(e), e->rec->backend.offset)
FIELD_GETTER(backend_bytes, has_range(e), e->rec->backend.bytes)
FIELD_GETTER(backend_merged, e->req && e->req->merged, e->req->merged)
const struct field fields_backend[] = {
	{ "backend.op", FIELD_STR, FIELD_AT(backend.op), .names = event_backend_ops,
	  .label = "Operation", .help = "read, write, flush, discard or zeroes" },
	{ "backend.phase", FIELD_STR, FIELD_AT(backend.phase), .names = event_backend_phases,
	  .label = "Phase", .help = "start or end" },
	{ "backend.head", FIELD_U64, .get = get_backend_head, .label = "Head",
	  .help = "the chain it serves" },
	{ "backend.ret", FIELD_I64, .get = get_backend_ret, .label = "Result",
	  .help = "on end: bytes, or a negative errno" },
	{ "backend.offset", FIELD_U64, .get = get_backend_offset, .label = "Offset",
	  .help = "byte in the image" },
	{ "backend.bytes", FIELD_U64, .get = get_backend_bytes, .label = "Bytes",
	  .help = "length" },
	{ "backend.merged", FIELD_U64, .get = get_backend_merged, .label = "Merged requests",
	  .help = "on start: other requests that it serves, too" },
	{ "backend.cookie", FIELD_HEX, FIELD_AT(backend.cookie), .label = "Cookie",
	  .help = "pairs start and end" },
	{ .path = NULL },
};

/* --- clock, loss, note, stack --- */

FIELD_GETTER(clock_error, e->rec->clock.error != VQT_CLOCK_UNKNOWN, e->rec->clock.error)

const struct field fields_clock[] = {
	{ "clock.other", FIELD_U64, FIELD_AT(clock.other), .label = "Other source",
	  .help = "number of the source whose clock was compared" },
	{ "clock.there", FIELD_TIME, FIELD_AT(clock.there), .label = "Its time",
	  .help = "what its clock said" },
	{ "clock.error", FIELD_TIME, .get = get_clock_error, .label = "Uncertainty",
	  .help = "half width of the uncertainty; absent where it is unknown" },
	{ "clock.reason", FIELD_STR, FIELD_AT(clock.reason), .names = event_clock_reasons,
	  .label = "Reason", .help = "what has happened to its clock since the record before" },
	{ .path = NULL },
};

FIELD_GETTER(exchange_took, e->rec->exchange.until > e->rec->exchange.from,
	     e->rec->exchange.until - e->rec->exchange.from)
FIELD_GETTER(exchange_wall, e->rec->exchange.wall || e->rec->exchange.wall_most,
	     (uint64_t)e->rec->exchange.wall)
FIELD_GETTER(exchange_wall_most, e->rec->exchange.wall || e->rec->exchange.wall_most,
	     (uint64_t)e->rec->exchange.wall_most)

const struct field fields_exchange[] = {
	{ "exchange.nonce", FIELD_HEX, FIELD_AT(exchange.nonce), .label = "Nonce",
	  .help = "of a question about the other clock and its answer; 0: it answers some" },
	{ "exchange.from", FIELD_TIME, FIELD_AT(exchange.from), .label = "From",
	  .help = "when the question was sent; in a guest, when it was read" },
	{ "exchange.until", FIELD_TIME, FIELD_AT(exchange.until), .label = "Until",
	  .help = "when the answer came; in a guest, when it was given" },
	{ "exchange.took", FIELD_TIME, .get = get_exchange_took, .label = "Took",
	  .help = "between question and answer" },
	{ "exchange.wall", FIELD_I64, .get = get_exchange_wall, .label = "Wall clock",
	  .help = "ns the host's wall clock was ahead of its clock, at least; in a guest, what it "
		  "was by a PTP clock; absent where it is unknown" },
	{ "exchange.wall_most", FIELD_I64, .get = get_exchange_wall_most,
	  .label = "Wall clock, at most", .help = "the same, at most" },
	{ .path = NULL },
};

FIELD_GETTER(lost, model_loss_of(e).records || !model_loss_of(e).more, model_loss_of(e).records)
FIELD_GETTER(lost_more, true, model_loss_of(e).more)

const struct field fields_loss[] = {
	{ "loss.lost", FIELD_U64, .get = get_lost, .label = "Events lost",
	  .help = "events that went missing, at least; absent where nobody knows how many" },
	{ "loss.more", FIELD_BOOL, .get = get_lost_more, .label = "More lost",
	  .help = "more events went missing, and how many is unknown" },
	{ "loss.why", FIELD_STR, FIELD_AT(loss.why), .names = event_loss_whys, .label = "Why",
	  .help = "buffer, memory, limit or file" },
	{ .path = NULL },
};

const struct field fields_note[] = {
	{ "note.level", FIELD_STR, FIELD_AT(note.level), .names = event_note_levels,
	  .label = "Level", .help = "info, warning or comment" },
	{ "note.text", FIELD_STR, .get = get_text, .label = "Text", .help = "text for people" },
	{ .path = NULL },
};

FIELD_GETTER(frame_pc, e->stack &&i < e->stack->n, e->stack->frame[i].pc)
FIELD_TEXT_GETTER(frame_symbol, e->stack &&i < e->stack->n, e->stack->frame[i].symbol)
FIELD_GETTER(stack_cut, true, e->rec->stack.flags &VQT_STACK_CUT ? 1 : 0)

const struct field fields_stack[] = {
	{ "stack_info.id", FIELD_U64, FIELD_AT(stack.id), .label = "Id",
	  .help = "its number; events have it as stack_id" },
	{ "stack_info.cut", FIELD_BOOL, .get = get_stack_cut, .label = "Cut",
	  .help = "there are more frames, further out" },
	{ "stack_info.frames.pc", FIELD_HEX, FIELD_ARRAY, .get = get_frame_pc, .label = "Address",
	  .help = "address of the frame" },
	{ "stack_info.frames.symbol", FIELD_STR, FIELD_ARRAY, .get = get_frame_symbol,
	  .label = "Symbol", .help = "its function, where known" },
	{ .path = NULL },
};
