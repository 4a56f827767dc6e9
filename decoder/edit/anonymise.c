/* SPDX-License-Identifier: MIT */
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/trace/build.h"
#include "decoder/edit/anonymise.h"
#include "decoder/trace/file.h"

#define NAMES_MAX 256
#define NAME_MIN 3 /* shorter names may be ordinary words */
#define THREADS_MAX 1024
#define TEXT_MAX 4096

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

		/* The device's new name. */
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

/* Replace known names, and words that contain a slash, by "(...)". */
static size_t scrub(const struct anonymise *a, const char *s, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 5 < size;) {
		size_t word = i, known = name_at(a, s + i, len - i);

		while (word < len && s[word] != ' ' && s[word] != ',' && s[word] != ';')
			word++;
		if (!known && !memchr(s + i, '/', word - i)) {
			out[n++] = s[i++];
			continue;
		}
		memcpy(out + n, "(...)", 5);
		n += 5;
		i = known ? i + known : word;
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
	struct build b = { .bytes = buf, .size = size, .len = fixed };
	size_t n;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = record_tlv(e->rec, kept[i], &n);

		if (value)
			build_tlv(&b, kept[i], value, n);
	}
	if (e->rec->h.type == VQT_DEVICE && e->dev && record_tlv(e->rec, VQT_TAG_ID, &n))
		build_text(&b, VQT_TAG_ID, e->dev->name);
	else if (e->rec->h.type == VQT_SESSION)
		build_text(&b, VQT_TAG_ORIGIN, origin);
	return b.len;
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

static size_t lifecycle(struct anonymise *a, const struct event *e, uint8_t *buf, size_t size)
{
	struct vqt_lifecycle *l = (void *)buf;

	if (l->what == VQT_LIFECYCLE_ADD_QUEUE)
		l->arg[1] = 0; /* a pointer into the program */
	return retext(a, e, buf, size, sizeof(*l), &l->len);
}

/* --- device configuration ----------------------------------------------------------- */

static void hide_config(const struct model_device *d, uint32_t offset, uint8_t *bytes, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		uint32_t at = offset + (uint32_t)k;
		const struct spec_field *f =
			class_config_at(d->class, d->config, sizeof(d->config), at, 1);

		if (f && f->flags & SPEC_IDENTITY)
			bytes[k] = f->instead ? f->instead[at - f->offset] : 0;
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
	else if (r->region == VQT_REGION_PCI && e->field && e->field->id == SPEC_REG_PCI_CFG_DATA &&
		 class_config_identifies(e->dev->class))
		r->value = 0; /* the access window to other regions (4.1.4.9): may hold identity */
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

/* Offset of a descriptor in its half of the chain, and which half that is. */
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
	struct class_visible v = { .tail = UINT64_MAX };

	if (e->req && e->dev)
		v = class_visible(e->dev->class, &e->req->io, writable);
	for (unsigned i = 0; i < seg->len; i++, at++) {
		if (at < v.instead_len && at < v.tail)
			bytes[i] = (uint8_t)v.instead[at];
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
			return 0; /* people's comments may contain anything */
		return retext(a, e, buf, size, sizeof(*n), &n->len);
	case VQT_STACK: return 0;
	case VQT_REG: hide_register(e, (void *)buf); break;
	case VQT_AVAIL:
	case VQT_USED:
	case VQT_DATA: hide_segs(e, buf); break;
	case VQT_LIFECYCLE: return lifecycle(a, e, buf, size);
	}
	return len;
}
