/* SPDX-License-Identifier: MIT */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/edit/anonymise.h"
#include "decoder/trace/file.h"

#define NAMES_MAX 256
#define NAME_MIN 3 /* shorter names are words of the language */
#define THREADS_MAX 1024
#define TEXT_MAX 4096

static const char serial[20] = "vqtrace"; /* VIRTIO_BLK_ID_BYTES */
static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

struct anonymise {
	char *name[NAMES_MAX];
	unsigned nnames;
	uint32_t thread[THREADS_MAX];
	unsigned nthreads;
};

struct anonymise *anonymise_new(void)
{
	return calloc(1, sizeof(struct anonymise));
}

void anonymise_free(struct anonymise *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < a->nnames; i++)
		free(a->name[i]);
	free(a);
}

/* --- names ------------------------------------------------------------------------- */

static void learn_name(struct anonymise *a, const char *s, size_t len)
{
	if (len < NAME_MIN || len > 255 || a->nnames == NAMES_MAX)
		return;
	for (unsigned i = 0; i < a->nnames; i++)
		if (strlen(a->name[i]) == len && !memcmp(a->name[i], s, len))
			return;
	a->name[a->nnames] = strndup(s, len);
	a->nnames += a->name[a->nnames] != NULL;
}

void anonymise_learn(struct anonymise *a, const struct event *e)
{
	static const unsigned tags[] = { VQT_TAG_HOST, VQT_TAG_NAME, VQT_TAG_ID };
	unsigned type = e->rec->h.type;

	if (type != VQT_SESSION && type != VQT_SOURCE && type != VQT_DEVICE)
		return;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		size_t len;
		const char *s = record_tlv(e->rec, tags[i], &len);

		/* A device's own name is what it will be called. */
		if (s && !(e->dev && strlen(e->dev->name) == len && !memcmp(e->dev->name, s, len)))
			learn_name(a, s, len);
	}
}

static size_t name_at(const struct anonymise *a, const char *s, size_t left)
{
	for (unsigned i = 0; i < a->nnames; i++) {
		size_t n = strlen(a->name[i]);

		if (n <= left && !memcmp(a->name[i], s, n))
			return n;
	}
	return 0;
}

/* Known names and words with a slash in them become "(...)". */
static size_t scrub(const struct anonymise *a, const char *s, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 5 < size;) {
		size_t word = i, known = name_at(a, s + i, len - i);

		while (word < len && s[word] != ' ' && s[word] != ',' && s[word] != ';')
			word++;
		if (known) {
			memcpy(out + n, "(...)", 5);
			n += 5;
			i += known;
		} else if (memchr(s + i, '/', word - i)) {
			memcpy(out + n, "(...)", 5);
			n += 5;
			i = word;
		} else {
			out[n++] = s[i++];
		}
	}
	return n;
}

/* --- descriptive records ------------------------------------------------------------ */

static size_t rewrite_tlvs(const struct event *e, uint8_t *buf, size_t fixed, size_t size,
			   const char *origin)
{
	static const unsigned kept[] = {
		VQT_TAG_TOOL,
		VQT_TAG_BUILD_ID,
		VQT_TAG_VERSION,
		VQT_TAG_TYPENAME,
	};
	size_t len = fixed, n;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = record_tlv(e->rec, kept[i], &n);
		size_t more = value ? trace_put_tlv(buf, len, size, kept[i], value, n) : 0;

		len = more ? more : len;
	}
	if (e->rec->h.type == VQT_DEVICE && e->dev && record_tlv(e->rec, VQT_TAG_ID, &n))
		n = trace_put_tlv(buf, len, size, VQT_TAG_ID, e->dev->name, strlen(e->dev->name));
	else if (e->rec->h.type == VQT_SESSION && origin)
		n = trace_put_tlv(buf, len, size, VQT_TAG_ORIGIN, origin, strlen(origin));
	else
		n = 0;
	return n ? n : len;
}

static size_t describe(const struct event *e, uint8_t *buf, size_t size, const char *origin)
{
	switch (e->rec->h.type) {
	case VQT_SESSION: return rewrite_tlvs(e, buf, sizeof(struct vqt_session), size, origin);
	case VQT_SOURCE:
		((struct vqt_source *)(void *)buf)->pid = 0;
		return rewrite_tlvs(e, buf, sizeof(struct vqt_source), size, NULL);
	default:
		((struct vqt_device *)(void *)buf)->handle = 0;
		return rewrite_tlvs(e, buf, sizeof(struct vqt_device), size, NULL);
	}
}

static size_t retext(struct anonymise *a, const struct event *e, uint8_t *buf, size_t size,
		     size_t fixed, uint16_t *field)
{
	char text[TEXT_MAX];
	size_t len, n;
	const char *s = record_text(e->rec, &len);

	n = scrub(a, s, len, text, sizeof(text) < size - fixed ? sizeof(text) : size - fixed);
	memcpy(buf + fixed, text, n);
	*field = (uint16_t)n;
	return fixed + n;
}

static size_t life(struct anonymise *a, const struct event *e, uint8_t *buf, size_t size)
{
	struct vqt_lifecycle *l = (void *)buf;

	if (l->what == VQT_LIFECYCLE_ADD_QUEUE)
		l->arg[1] = 0; /* a pointer into the program */
	return retext(a, e, buf, size, sizeof(*l), &l->len);
}

/* --- device configuration ----------------------------------------------------------- */

/* What stands in for byte i of a field: names become nothing, a MAC QEMU's first. */
static bool hidden(const struct spec_field *f, uint32_t i, uint8_t *out)
{
	bool is_mac = strstr(f->name, "mac") != NULL;

	if (f->kind != SPEC_BYTES || strstr(f->name, "unused") || strstr(f->name, "reserved"))
		return false;
	*out = is_mac && i < sizeof(mac) ? mac[i] : 0;
	return true;
}

static void hide_config(const struct model_device *d, uint32_t offset, uint8_t *bytes, size_t n)
{
	const struct spec_fields *fields = spec_region_fields(VQT_REGION_DEVICE, d->virtio_id);

	for (size_t k = 0; k < n; k++) {
		uint32_t at = offset + (uint32_t)k;
		const struct spec_field *f = spec_fields_at(fields, at, 1);
		uint8_t instead;

		if (f && at - f->offset < f->width && hidden(f, at - f->offset, &instead))
			bytes[k] = instead;
	}
}

static void hide_register(const struct event *e, struct vqt_reg *r)
{
	uint8_t bytes[8];
	uint32_t base = 0;

	if (!e->dev || r->width > 8)
		return;
	if (r->region == VQT_REGION_LEGACY)
		base = spec_legacy_config_base(e->dev->msix);
	else if (r->region == VQT_REGION_MMIO)
		base = 0x100;
	else if (r->region == VQT_REGION_PCI && e->field &&
		 !strcmp(e->field->name, "pci_cfg_data") && e->dev->virtio_id != VIRTIO_ID_BLOCK)
		r->value = 0; /* the window to any of the regions, 4.1.4.9 */
	else if (r->region != VQT_REGION_DEVICE)
		return;
	if (r->region == VQT_REGION_PCI || r->offset < base)
		return;
	for (unsigned i = 0; i < r->width; i++)
		bytes[i] = (uint8_t)(r->value >> 8 * i);
	hide_config(e->dev, r->offset - base, bytes, r->width);
	r->value = 0;
	for (unsigned i = 0; i < r->width; i++)
		r->value |= (uint64_t)bytes[i] << 8 * i;
}

/* --- buffers ------------------------------------------------------------------------- */

/* Which bytes of a chain's readable or writable half are the protocol's own. */
struct visible {
	uint64_t head; /* leading bytes that stay */
	uint64_t tail; /* and those from here on */
	bool serial; /* the head is an identity, and replaced */
};

static struct visible blk_visible(const struct model_request *r, bool writable)
{
	struct visible v = { .tail = UINT64_MAX };

	if (!writable) {
		v.head = sizeof(struct virtio_blk_outhdr);
		if (r->type && r->type->flags & SPEC_REQ_SEGMENTS)
			v.head = UINT64_MAX; /* sectors, not data */
		return v;
	}
	v.tail = r->writable ? r->writable - 1 : 0; /* the status byte */
	if (!r->typed)
		return v;
	v.serial = r->type_raw == VIRTIO_BLK_T_GET_ID;
	if (r->type &&
	    (r->type_raw == 10 /* GET_LIFETIME */ || r->type_raw == 16 /* ZONE_REPORT */))
		v.head = UINT64_MAX;
	if (r->type && r->type->flags & SPEC_REQ_RESULT && r->writable >= 9)
		v.tail = r->writable - 9;
	return v;
}

static struct visible net_visible(const struct model_device *d)
{
	bool full = model_accepted(d, VIRTIO_F_VERSION_1) || model_accepted(d, 15 /* MRG_RXBUF */);

	return (struct visible){ .head = full ? 12 : 10, .tail = UINT64_MAX };
}

static struct visible visible_of(const struct event *e, bool writable)
{
	if (!e->req || !e->dev)
		return (struct visible){ .tail = UINT64_MAX };
	if (e->dev->virtio_id == VIRTIO_ID_BLOCK)
		return blk_visible(e->req, writable);
	if (e->dev->virtio_id == VIRTIO_ID_NET)
		return net_visible(e->dev);
	return (struct visible){ .tail = UINT64_MAX };
}

/* Where in its half of the chain a descriptor begins, and which half that is. */
static uint64_t place_of(const struct model_request *r, unsigned desc, bool *writable)
{
	uint64_t at = 0;

	*writable = desc < r->ndesc && r->desc[desc].flags & VRING_DESC_F_WRITE;
	for (unsigned i = 0; i < desc && i < r->ndesc; i++)
		if (!(r->desc[i].flags & VRING_DESC_F_INDIRECT) &&
		    !(r->desc[i].flags & VRING_DESC_F_WRITE) == !*writable)
			at += r->desc[i].len;
	return at;
}

static void hide_bytes(const struct event *e, const struct vqt_seg *seg, uint8_t *bytes)
{
	bool writable = e->rec->h.type == VQT_USED;
	uint64_t at = e->req ? place_of(e->req, seg->desc, &writable) + seg->offset : 0;
	struct visible v = visible_of(e, writable);

	for (unsigned i = 0; i < seg->len; i++, at++) {
		if (v.serial && at < sizeof(serial) && at < v.tail)
			bytes[i] = (uint8_t)serial[at];
		else if (at >= v.head && at < v.tail)
			bytes[i] = 0;
	}
}

static void hide_segs(const struct event *e, uint8_t *buf)
{
	size_t at = e->rec->segs ? (size_t)(e->rec->segs - e->rec->raw) : 0,
	       end = at + e->rec->segs_len;

	while (e->rec->segs && at + sizeof(struct vqt_seg) <= end) {
		struct vqt_seg seg;

		memcpy(&seg, buf + at, sizeof(seg));
		at += sizeof(seg);
		if (seg.len > end - at)
			return;
		hide_bytes(e, &seg, buf + at);
		at += (seg.len + 3U) & ~3U;
	}
}

/* --------------------------------------------------------------------------------------- */

static uint32_t thread(struct anonymise *a, uint32_t tid)
{
	unsigned i = 0;

	if (!tid)
		return 0;
	while (i < a->nthreads && a->thread[i] != tid)
		i++;
	if (i == a->nthreads) {
		if (i == THREADS_MAX)
			return 0;
		a->thread[a->nthreads++] = tid;
	}
	return i + 1;
}

size_t anonymise_record(struct anonymise *a, const struct event *e, uint8_t *buf, size_t len,
			size_t size, const char *origin)
{
	struct vqt_hdr *h = (void *)buf;
	struct vqt_device_state *s = (void *)buf;
	struct vqt_note *n = (void *)buf;

	h->tid = thread(a, h->tid);
	switch (h->type) {
	case VQT_SESSION:
	case VQT_SOURCE:
	case VQT_DEVICE: return describe(e, buf, size, origin);
	case VQT_DEVICE_STATE:
		if (e->dev)
			hide_config(e->dev, 0, buf + sizeof(*s),
				    len - sizeof(*s) < s->config_len ? len - sizeof(*s)
								     : s->config_len);
		break;
	case VQT_NOTE:
		if (n->level == VQT_NOTE_COMMENT)
			return 0; /* people write anything */
		return retext(a, e, buf, size, sizeof(*n), &n->len);
	case VQT_STACK: return 0;
	case VQT_REG: hide_register(e, (void *)buf); break;
	case VQT_AVAIL:
	case VQT_USED:
	case VQT_DATA: hide_segs(e, buf); break;
	case VQT_LIFECYCLE: return life(a, e, buf, size);
	}
	return len;
}
