/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "decoder/trace/guest.h"
#include "decoder/trace/record.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* What follows the fixed part of a record. */
enum tail {
	TAIL_NONE,
	TAIL_TLV,
	TAIL_TEXT, /* counted by the record's len field */
	TAIL_CONFIG,
	TAIL_HEADS,
	TAIL_CHAIN, /* descriptors, then segments */
	TAIL_SEGS,
	TAIL_STACK,
	TAIL_TALLY,
	TAIL_GUEST, /* arguments, then text */
	TAIL_ROUTES,
};

static const struct row {
	const char *name;
	uint16_t size;
	uint8_t tail;
	uint8_t least; /* size before the record type grew; 0: it never did */
} rows[] = {
	[VQT_SESSION] = { "session", sizeof(struct vqt_session), TAIL_TLV },
	[VQT_SOURCE] = { "source", sizeof(struct vqt_source), TAIL_TLV },
	[VQT_DEVICE] = { "device", sizeof(struct vqt_device), TAIL_TLV },
	[VQT_DEVICE_STATE] = { "device_state", sizeof(struct vqt_device_state), TAIL_CONFIG },
	[VQT_QUEUE_STATE] = { "queue_state", sizeof(struct vqt_queue_state), TAIL_NONE },
	[VQT_CLOCK] = { "clock", sizeof(struct vqt_clock), TAIL_NONE },
	[VQT_LOSS] = { "loss", sizeof(struct vqt_loss), TAIL_NONE },
	[VQT_NOTE] = { "note", sizeof(struct vqt_note), TAIL_TEXT },
	[VQT_STACK] = { "stack", sizeof(struct vqt_stack), TAIL_STACK },
	[VQT_EXCHANGE] = { "exchange", sizeof(struct vqt_exchange), TAIL_NONE },
	[VQT_CLASS] = { "class", sizeof(struct vqt_class), TAIL_TLV },
	[VQT_REG] = { "register", sizeof(struct vqt_reg), TAIL_NONE },
	[VQT_KICK] = { "kick", sizeof(struct vqt_kick), TAIL_HEADS },
	[VQT_RING] = { "ring", sizeof(struct vqt_ringstate), TAIL_NONE, VQT_RINGSTATE_SIZE_1 },
	[VQT_AVAIL] = { "avail", sizeof(struct vqt_avail), TAIL_CHAIN },
	[VQT_USED] = { "used", sizeof(struct vqt_used), TAIL_SEGS },
	[VQT_IRQ] = { "interrupt", sizeof(struct vqt_irq), TAIL_NONE },
	[VQT_DATA] = { "data", sizeof(struct vqt_data), TAIL_SEGS },
	[VQT_TALLY] = { "tally", sizeof(struct vqt_tally), TAIL_TALLY },
	[VQT_LIFECYCLE] = { "lifecycle", sizeof(struct vqt_lifecycle), TAIL_TEXT },
	[VQT_GUEST] = { "guest", sizeof(struct vqt_guest), TAIL_GUEST },
	[VQT_VHOST_USER] = { "vhost_user", sizeof(struct vqt_vhost_user), TAIL_TEXT },
	[VQT_BACKEND] = { "backend", sizeof(struct vqt_backend), TAIL_NONE },
	[VQT_RETURN] = { "return", sizeof(struct vqt_return), TAIL_NONE },
	[VQT_ROUTES] = { "routes", sizeof(struct vqt_routes), TAIL_ROUTES },
};

static uint32_t align4(uint32_t n)
{
	return (n + 3) & ~3U;
}

/* Check that every counted array fits in the record. */
static bool check_tlvs(const struct record *r)
{
	uint32_t pos = 0;

	while (r->tail_len - pos >= sizeof(struct vqt_tlv)) {
		uint32_t len = get_le16(r->tail + pos + 2);

		if (get_le16(r->tail + pos) == VQT_TAG_END)
			return true;
		if (len > r->tail_len - pos - sizeof(struct vqt_tlv))
			return false;
		pos += sizeof(struct vqt_tlv) + align4(len);
		if (pos > r->tail_len) /* the last one's padding may be cut */
			return true;
	}
	return true;
}

static bool check_segs(struct record *r, const uint8_t *at, uint32_t avail, unsigned nseg)
{
	uint32_t pos = 0;

	r->segs = at;
	for (unsigned i = 0; i < nseg; i++) {
		uint32_t len;

		if (avail - pos < sizeof(struct vqt_seg))
			return false;
		len = align4(get_le16(at + pos + 2));
		pos += sizeof(struct vqt_seg);
		if (len > avail - pos)
			return false;
		pos += len;
	}
	r->segs_len = pos;
	return true;
}

static unsigned seg_count(const struct record *r)
{
	switch (r->h.type) {
	case VQT_AVAIL: return r->avail.nseg;
	case VQT_USED: return r->used.nseg;
	default: return r->data.nseg;
	}
}

static unsigned text_len(const struct record *r)
{
	switch (r->h.type) {
	case VQT_NOTE: return r->note.len;
	case VQT_LIFECYCLE: return r->lifecycle.len;
	case VQT_VHOST_USER: return r->vhost_user.len;
	default: return r->guest.len;
	}
}

static uint32_t guest_len(const struct record *r)
{
	return r->guest.nargs * 8U + r->guest.len;
}

static bool check_groups(struct record *r)
{
	uint32_t pos = 0;

	for (uint32_t i = 0; i < r->tally.ngroup; i++) {
		uint32_t n;

		if (r->tail_len - pos < sizeof(struct vqt_tally_group))
			return false;
		n = get_le32(r->tail + pos + offsetof(struct vqt_tally_group, nbucket));
		pos += sizeof(struct vqt_tally_group);
		if (n > (r->tail_len - pos) / sizeof(struct vqt_tally_bucket))
			return false;
		pos += n * (uint32_t)sizeof(struct vqt_tally_bucket);
	}
	r->segs = r->tail;
	r->segs_len = pos;
	return true;
}

/* What runs past the end of the record; NULL: nothing. */
static const char *check_tail(struct record *r, enum tail kind)
{
	uint32_t need;

	switch (kind) {
	case TAIL_NONE: break;
	case TAIL_TLV: return check_tlvs(r) ? NULL : "a tagged value runs past the end";
	case TAIL_TEXT: return text_len(r) <= r->tail_len ? NULL : "its text runs past the end";
	case TAIL_CONFIG:
		if (r->device_state.config_len > r->tail_len)
			return "its configuration bytes run past the end";
		break;
	case TAIL_HEADS:
		if (r->kick.nheads * 2U > r->tail_len)
			return "its ring entries run past the end";
		break;
	case TAIL_STACK:
		if (r->stack.nframes * 8U > r->tail_len ||
		    r->stack.len > r->tail_len - r->stack.nframes * 8U)
			return "its frames run past the end";
		break;
	case TAIL_CHAIN:
	case TAIL_SEGS:
		need = kind == TAIL_CHAIN ? r->avail.ndesc * (uint32_t)sizeof(struct vqt_desc) : 0;
		if (need > r->tail_len)
			return "its descriptors run past the end";
		if (!check_segs(r, r->tail + need, r->tail_len - need, seg_count(r)))
			return "its buffer bytes run past the end";
		break;
	case TAIL_TALLY: return check_groups(r) ? NULL : "its counts run past the end";
	case TAIL_ROUTES:
		if (r->routes.n > VQT_ROUTES_MAX)
			return "it has more routes than a table may";
		if (r->routes.n * sizeof(struct vqt_route) > r->tail_len)
			return "its routes run past the end";
		break;
	case TAIL_GUEST:
		if (r->guest.nargs > VQT_GUEST_ARGS)
			return "it has more arguments than a function may";
		if (guest_len(r) > r->tail_len)
			return "its arguments run past the end";
		break;
	}
	return NULL;
}

static int broken(const char **why, const char *text)
{
	if (why)
		*why = text;
	return -EBADMSG;
}

/* The record ends where the carried events begin (at `tlv`), which are n bytes. */
static void take_carried(struct record *r, size_t tlv, size_t n)
{
	size_t known = record_known_len(r);

	r->carried = r->raw + tlv + sizeof(struct vqt_tlv);
	r->carried_len = (uint32_t)n;
	/* between a text and the first value there are zeroes */
	r->len = (uint32_t)(tlv - known < 4 ? known : tlv);
	r->tail_len = r->len - (uint32_t)(r->tail - r->raw);
}

/*
 * The tagged values behind an event.  What an older writer may have left there is none: then there
 * is no such tag of this length, or no such stack.
 */
static void find_values(struct record *r)
{
	size_t pos = (record_known_len(r) + 3) & ~(size_t)3;

	while (pos <= r->len && r->len - pos >= sizeof(struct vqt_tlv)) {
		unsigned tag = get_le16(r->raw + pos), n = get_le16(r->raw + pos + 2);

		pos += sizeof(struct vqt_tlv);
		if (n > r->len - pos || tag == VQT_TAG_END)
			return;
		if (tag == VQT_TAG_STACK && n == sizeof(r->stack_id))
			r->stack_id = get_le32(r->raw + pos);
		if (tag == VQT_TAG_CALL && n == sizeof(r->call))
			r->call = (struct vqt_call){ get_le32(r->raw + pos),
						     get_le32(r->raw + pos + 4) };
		if (tag == VQT_TAG_FUNCTION && n) {
			r->function = (const char *)r->raw + pos;
			r->function_len = n;
		}
		if (tag == VQT_TAG_WITHIN && n == sizeof(r->within))
			r->within = get_le32(r->raw + pos);
		if (tag == VQT_TAG_CARRIED) {
			take_carried(r, pos - sizeof(struct vqt_tlv), n);
			return;
		}
		pos += align4(n);
	}
}

int record_parse(struct record *r, const void *bytes, size_t len, const char **why)
{
	const char *bad;
	struct vqt_hdr h;
	uint16_t size;

	if (len < sizeof(h))
		return broken(why, "it is shorter than a record header");
	if (len > VQT_RECORD_MAX)
		return broken(why, "it is longer than a record may be");
	memcpy(&h, bytes, sizeof(h));
	r->raw = bytes;
	r->len = (uint32_t)len;
	r->tail = r->segs = NULL;
	r->tail_len = r->segs_len = 0;
	r->stack_id = r->within = 0;
	r->call = (struct vqt_call){ 0 };
	r->function = NULL;
	r->function_len = 0;
	r->carried = NULL;
	r->carried_len = 0;
	if (h.type >= ARRAY_LEN(rows) || !rows[h.type].name) {
		r->h = h;
		return -ENOTSUP;
	}
	size = rows[h.type].size;
	if (len < size && rows[h.type].least && len >= rows[h.type].least) {
		/* An older writer's record is shorter: the fields it did not know are 0. */
		memset((uint8_t *)&r->h + len, 0, size - len);
		size = (uint16_t)len;
	}
	if (len < size)
		return broken(why, "it is shorter than its type needs");
	memcpy(&r->h, bytes, size);
	r->tail = r->raw + size;
	r->tail_len = r->len - size;
	bad = check_tail(r, rows[h.type].tail);
	if (bad)
		return broken(why, bad);
	if (h.type >= VQT_REG)
		find_values(r);
	return 0;
}

size_t record_known_len(const struct record *r)
{
	size_t n;

	if (!r->tail)
		return sizeof(r->h);
	n = (size_t)(r->tail - r->raw);
	switch (rows[r->h.type].tail) {
	case TAIL_NONE: break;
	case TAIL_TLV: n = r->len; break;
	case TAIL_TEXT: n += text_len(r); break;
	case TAIL_CONFIG: n += r->device_state.config_len; break;
	case TAIL_GUEST: n += guest_len(r); break;
	case TAIL_ROUTES: n += r->routes.n * sizeof(struct vqt_route); break;
	case TAIL_HEADS: n += align4(r->kick.nheads * 2U); break;
	case TAIL_STACK: n += r->stack.nframes * 8U + r->stack.len; break;
	case TAIL_CHAIN: n += r->avail.ndesc * sizeof(struct vqt_desc) + r->segs_len; break;
	case TAIL_SEGS:
	case TAIL_TALLY: n += r->segs_len; break;
	}
	return n < r->len ? n : r->len;
}

const char *record_type_name(unsigned type)
{
	return type < ARRAY_LEN(rows) && rows[type].name ? rows[type].name : "unknown";
}

unsigned record_fixed_size(unsigned type, unsigned *least)
{
	bool known = type < ARRAY_LEN(rows) && rows[type].name;

	*least = known ? rows[type].least : 0;
	return known ? rows[type].size : 0;
}

int record_type_by_name(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].name && !strcmp(rows[i].name, name))
			return (int)i;
	return -ENOENT;
}

struct vqt_desc record_desc(const struct record *r, unsigned i)
{
	struct vqt_desc d;

	memcpy(&d, r->tail + i * sizeof(d), sizeof(d));
	return d;
}

uint16_t record_head(const struct record *r, unsigned i)
{
	return get_le16(r->tail + 2 * i);
}

struct vqt_route record_route(const struct record *r, unsigned i)
{
	struct vqt_route route;

	memcpy(&route, r->tail + i * sizeof(route), sizeof(route));
	return route;
}

int record_seg_next(const struct record *r, uint32_t *pos, struct record_seg *out)
{
	const uint8_t *p;

	if (*pos >= r->segs_len)
		return 0;
	p = r->segs + *pos;
	out->desc = get_le16(p);
	out->len = get_le16(p + 2);
	out->offset = get_le32(p + 4);
	out->bytes = p + sizeof(struct vqt_seg);
	*pos += sizeof(struct vqt_seg) + align4(out->len);
	return 1;
}

int record_group_next(const struct record *r, uint32_t *pos, struct record_group *out)
{
	if (*pos >= r->segs_len)
		return 0;
	memcpy(&out->g, r->segs + *pos, sizeof(out->g));
	out->buckets = r->segs + *pos + sizeof(out->g);
	*pos += (uint32_t)(sizeof(out->g) + out->g.nbucket * sizeof(struct vqt_tally_bucket));
	return 1;
}

struct vqt_tally_bucket record_bucket(const struct record_group *g, uint32_t i)
{
	struct vqt_tally_bucket b;

	memcpy(&b, g->buckets + i * sizeof(b), sizeof(b));
	return b;
}

/* The next value of a tag; *pos is behind it then. */
static const char *next_tlv(const struct record *r, unsigned tag, uint32_t *pos, size_t *len)
{
	while (*pos <= r->tail_len && r->tail_len - *pos >= sizeof(struct vqt_tlv)) {
		unsigned t = get_le16(r->tail + *pos);
		uint32_t n = get_le16(r->tail + *pos + 2), at;

		if (t == VQT_TAG_END)
			break;
		at = *pos + (uint32_t)sizeof(struct vqt_tlv);
		*pos = at + align4(n);
		if (t == tag) {
			*len = n;
			return (const char *)r->tail + at;
		}
	}
	*len = 0;
	return NULL;
}

const char *record_tlv(const struct record *r, unsigned tag, size_t *len)
{
	uint32_t pos = 0;

	return next_tlv(r, tag, &pos, len);
}

int record_callback_next(const struct record *r, uint32_t *pos, struct record_callback *out)
{
	const char *value;
	size_t n;

	while ((value = next_tlv(r, VQT_TAG_CALLBACK, pos, &n))) {
		if (n < sizeof(out->c))
			continue;
		memcpy(&out->c, value, sizeof(out->c));
		n -= sizeof(out->c);
		if (out->c.len > n)
			continue;
		out->callback = value + sizeof(out->c);
		out->callback_len = out->c.len;
		out->function = out->callback + out->c.len;
		out->function_len = n - out->c.len;
		return 1;
	}
	return 0;
}

char *record_tlv_str(const struct record *r, unsigned tag, char *buf, size_t size)
{
	size_t len;
	const char *s = record_tlv(r, tag, &len);

	if (!s)
		len = 0;
	if (len >= size)
		len = size - 1;
	memcpy(buf, s ? s : "", len);
	buf[len] = '\0';
	return buf;
}

const char *record_text(const struct record *r, size_t *len)
{
	const struct guest_function *f = r->h.type == VQT_GUEST && r->guest.function
						 ? guest_function_numbered(r->guest.function)
						 : NULL;

	if (f) {
		*len = strlen(f->name);
		return f->name;
	}
	*len = text_len(r);
	return (const char *)r->tail + (r->h.type == VQT_GUEST ? r->guest.nargs * 8U : 0);
}
