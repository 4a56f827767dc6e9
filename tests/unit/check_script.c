/* SPDX-License-Identifier: MIT */
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check_script.h"

/* A driver that does everything right, in pieces. */
static const struct {
	const char *name, *words;
} pieces[] = {
	{ "reset", "S=0 g=0" },
	{ "ack", "S=1 S=3" },
	/* BLK: SIZE_MAX SEG_MAX RO? no; BLK_SIZE FLUSH CONFIG_WCE DISCARD WRITE_ZEROES; ring features */
	{ "offer", "s:device_feature_select=0 g:device_feature=0x30006a46 s:device_feature_select=1 "
		   "g:device_feature=0x1" },
	{ "accept", "s:driver_feature_select=0 s:driver_feature=0x10006a46 s:driver_feature_select=1 "
		    "s:driver_feature=0x1" },
	{ "accept-event", "s:driver_feature_select=0 s:driver_feature=0x30006a46 "
			  "s:driver_feature_select=1 s:driver_feature=0x1" },
	{ "fok", "S=11 g=11" },
	{ "queue", "s:queue_select=0 g:queue_size=256 s:queue_size=256 s:queue_desc/4=0x10000 "
		   "s:queue_desc/4+4=0 s:queue_driver/4=0x12000 s:queue_driver/4+4=0 "
		   "s:queue_device/4=0x13000 s:queue_device/4+4=0" },
	{ "enable", "s:queue_enable=1" },
	{ "dok", "S=15" },
	{ "neg", "@reset @ack @offer @accept @fok" },
	{ "neg-event", "@reset @ack @offer @accept-event @fok" },
	{ "up", "@neg @queue @enable @dok" },
	{ "up-event", "@neg-event @queue @enable @dok" },
	{ "config", "g:config_generation=0 cg:capacity/4=0x1000 cg:capacity/4+4=0 cg:seg_max=126 "
		    "cg:size_max=65536 cg:max_discard_sectors=1024 cg:max_discard_seg=1 "
		    "cg:max_write_zeroes_sectors=1024 cg:max_write_zeroes_seg=1 g:config_generation=0" },
	{ "one", "A K C5 U5 I" },
	{ "old", "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
		 "lg:device_features=0x39006a46 ls:driver_features=0x18006a46 ls:queue_select=0 "
		 "lg:queue_size=256 ls:queue_address=0x10 ls:device_status=7" },
	{ "packed-up", "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
		       "s:device_feature_select=1 g:device_feature=0x5 s:driver_feature_select=0 "
		       "s:driver_feature=0x10006a46 s:driver_feature_select=1 s:driver_feature=0x5 @fok "
		       "s:queue_select=0 g:queue_size=256 s:queue_size=8 s:queue_desc/4=0x10000 "
		       "s:queue_driver/4=0x12000 s:queue_device/4=0x13000 @enable @dok packed" },
	{ "packed-up-event", "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
			     "s:device_feature_select=1 g:device_feature=0x5 s:driver_feature_select=0 "
			     "s:driver_feature=0x30006a46 s:driver_feature_select=1 s:driver_feature=0x5 @fok "
			     "s:queue_select=0 g:queue_size=256 s:queue_size=8 s:queue_desc/4=0x10000 "
			     "s:queue_driver/4=0x12000 s:queue_device/4=0x13000 @enable @dok packed" },
	{ "suspend-up", "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
			"s:device_feature_select=1 g:device_feature=0x801 s:driver_feature_select=0 "
			"s:driver_feature=0x10006a46 s:driver_feature_select=1 s:driver_feature=0x801 @fok "
			"@queue @enable @dok" },
	{ "qreset-up", "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
		       "s:device_feature_select=1 g:device_feature=0x101 s:driver_feature_select=0 "
		       "s:driver_feature=0x10006a46 s:driver_feature_select=1 s:driver_feature=0x101 @fok "
		       "@queue @enable @dok" },
	{ "order-up", "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
		      "s:device_feature_select=1 g:device_feature=0x9 s:driver_feature_select=0 "
		      "s:driver_feature=0x10006a46 s:driver_feature_select=1 s:driver_feature=0x9 @fok "
		      "@queue @enable @dok" },
	{ "zone-up", "@reset @ack s:device_feature_select=0 g:device_feature=0x30036a46 "
		     "s:device_feature_select=1 g:device_feature=0x1 s:driver_feature_select=0 "
		     "s:driver_feature=0x10034a46 s:driver_feature_select=1 s:driver_feature=0x1 @fok "
		     "@queue @enable @dok g:config_generation=0 cg:capacity/4=0x10000 cg:capacity/4+4=0 "
		     "cg:zoned.zone_sectors=4096 cg:zoned.max_append_sectors=64 "
		     "cg:zoned.write_granularity=4096 cg:zoned.model=1 g:config_generation=0" },
	{ "caps", "pg:0/4=0x10421af4 pg:8/4=0x01000001 pg:0x2c/4=0x11001af4 pg:0x34/1=0x40 "
		  "pg:0x40/4=0x01105009 pg:0x44/4=4 pg:0x48/4=0 pg:0x4c/4=0x1000 "
		  "pg:0x50/4=0x03106009 pg:0x54/4=4 pg:0x58/4=0x1000 pg:0x5c/4=0x1000 "
		  "pg:0x60/4=0x04107009 pg:0x64/4=4 pg:0x68/4=0x2000 pg:0x6c/4=0x1000 "
		  "pg:0x70/4=0x02148409 pg:0x74/4=4 pg:0x78/4=0x3000 pg:0x7c/4=0x1000 pg:0x80/4=4 "
		  "pg:0x84/4=0x05149809 pg:0x88/4=0 pg:0x8c/4=0 pg:0x90/4=0 "
		  "pg:0x98/4=0x00020011" },
	{ "msix", "pg:0x34/1=0x98 pg:0x98/4=0x00020011 ps:0x9a/2=0x8002" },
};

static void feed(struct script *s)
{
	if (check_feed(s->c, s->t.model, &s->t.e))
		abort();
}

static void found(void *opaque, const struct finding *f)
{
	struct script *s = opaque;

	if (s->nfound == SCRIPT_FINDINGS)
		return;
	s->found[s->nfound].rule = f->rule;
	s->found[s->nfound].number = f->number;
	s->found[s->nfound].nth = f->nth;
	s->found[s->nfound].nbefore = f->nbefore;
	s->found[s->nfound].queue = f->queue;
	snprintf(s->found[s->nfound].seen, sizeof(s->found[0].seen), "%s", f->seen);
	s->nfound++;
}

void script_begin(struct script *s, const char *selection)
{
	struct vqt_session session = { .major = VQT_VERSION_MAJOR, .snaplen = 256 };
	struct vqt_source src = { .kind = VQT_SRC_EMU, .pid = 42 };
	struct vqt_device d = {
		.virtio_id = VIRTIO_ID_BLOCK, .transport = VQT_TRANSPORT_PCI, .bdf = 0x18,
		.flags = s->no_reset ? VQT_DEV_LATE : 0,
	};

	if (check_new(&s->c, selection, found, s, NULL))
		abort();
	s->t.model = model_new();
	s->t.ts = 1000000;
	s->size = 8;
	talk_say(&s->t, VQT_SESSION, &session, sizeof(session), NULL, 0);
	feed(s);
	talk_say(&s->t, VQT_SOURCE, &src, sizeof(src), NULL, 0);
	feed(s);
	s->t.device = 1;
	talk_say(&s->t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	feed(s);
}

void script_end(struct script *s)
{
	check_finish(s->c, s->t.model);
	check_free(s->c);
	talk_end(&s->t);
}

unsigned script_count(const struct script *s, const char *id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nfound; i++)
		n += !strcmp(s->found[i].rule->id, id);
	return n;
}

/* --- registers -------------------------------------------------------------- */

static unsigned long long number(const char **at)
{
	char *end;
	unsigned long long v = strtoull(*at, &end, 0);

	*at = end;
	return v;
}

static void access_reg(struct script *s, unsigned region, bool write, bool via, uint32_t offset,
		       unsigned width, uint64_t value)
{
	struct vqt_reg r = {
		.region = (uint8_t)region, .op = write ? VQT_WRITE : VQT_READ, .width = (uint8_t)width,
		.offset = offset, .value = value, .flags = via ? VQT_REG_VIA_CFG : 0,
	};

	talk_say(&s->t, VQT_REG, &r, sizeof(r), NULL, 0);
}

/* REG[/W][+O]=N */
static bool named(struct script *s, unsigned region, bool write, bool via, const char *word)
{
	const struct spec_fields *fields = spec_region_fields(region, VIRTIO_ID_BLOCK);
	const struct spec_field *f;
	char name[64];
	size_t n = strcspn(word, "/+=");
	unsigned width;
	uint32_t plus = 0;

	snprintf(name, sizeof(name), "%.*s", (int)n, word);
	word += n;
	f = spec_field_by_name(fields, name);
	if (!f)
		return false;
	width = f->width;
	if (*word == '/') {
		word++;
		width = (unsigned)number(&word);
	}
	if (*word == '+') {
		word++;
		plus = (uint32_t)number(&word);
	}
	if (*word++ != '=')
		return false;
	access_reg(s, region, write, via, f->offset + plus, width, number(&word));
	return true;
}

/* A/W=N */
static bool placed(struct script *s, unsigned region, bool write, const char *word)
{
	uint32_t at = (uint32_t)number(&word);
	unsigned width;

	if (*word++ != '/')
		return false;
	width = (unsigned)number(&word);
	if (*word++ != '=')
		return false;
	access_reg(s, region, write, false, at, width, number(&word));
	return true;
}

static const struct {
	const char *prefix;
	unsigned region;
	bool write, by_place;
} spaces[] = {
	{ "s:", VQT_REGION_COMMON, true, false },
	{ "g:", VQT_REGION_COMMON, false, false },
	{ "ls:", VQT_REGION_LEGACY, true, false },
	{ "lg:", VQT_REGION_LEGACY, false, false },
	{ "cs:", VQT_REGION_DEVICE, true, false },
	{ "cg:", VQT_REGION_DEVICE, false, false },
	{ "ps:", VQT_REGION_PCI, true, true },
	{ "pg:", VQT_REGION_PCI, false, true },
	{ "las:", VQT_REGION_LEGACY, true, true },
	{ "lag:", VQT_REGION_LEGACY, false, true },
	{ "ms:", VQT_REGION_MMIO, true, false },
	{ "mg:", VQT_REGION_MMIO, false, false },
	{ "as:", VQT_REGION_COMMON, true, true },
	{ "ag:", VQT_REGION_COMMON, false, true },
};

static int reg_word(struct script *s, const char *word)
{
	bool via = !strncmp(word, "v:", 2);

	if (via)
		word += 2;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		size_t n = strlen(spaces[i].prefix);

		if (strncmp(word, spaces[i].prefix, n))
			continue;
		if (spaces[i].by_place)
			return placed(s, spaces[i].region, spaces[i].write, word + n) ? 1 : -1;
		return named(s, spaces[i].region, spaces[i].write, via, word + n) ? 1 : -1;
	}
	return 0;
}

/* --- rings ------------------------------------------------------------------ */

static struct vqt_ring *ring(struct script *s)
{
	struct vqt_ring *r = &s->ring[s->t.queue & 3];

	if (s->packed && !(r->known & VQT_RING_PACKED)) {
		memset(r, 0, sizeof(*r));
		r->last_avail = r->used_idx = 0x8000;
		r->known = VQT_RING_PACKED | VQT_RING_LAST_AVAIL | VQT_RING_USED_POS |
			   VQT_RING_AVAIL_FLAGS | VQT_RING_USED_FLAGS | VQT_RING_USED_EVENT |
			   VQT_RING_AVAIL_EVENT;
	} else if (!s->packed) {
		r->known = 0x7f;
	}
	return r;
}

static uint16_t advance(const struct script *s, uint16_t pos, unsigned n)
{
	unsigned slot = (pos & 0x7fff) + n, wrap = pos >> 15;

	if (!s->packed)
		return (uint16_t)(pos + n);
	if (slot >= s->size) {
		slot -= s->size;
		wrap ^= 1;
	}
	return (uint16_t)(slot | wrap << 15);
}

static bool set_ring(struct script *s, const char *word)
{
	struct vqt_ring *r = ring(s);
	struct {
		const char *name;
		uint16_t *at;
	} keys[] = {
		{ "ai", &r->avail_idx }, { "la", &r->last_avail }, { "af", &r->avail_flags },
		{ "ue", &r->used_event }, { "ui", &r->used_idx }, { "uf", &r->used_flags },
		{ "ae", &r->avail_event },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strncmp(word, keys[i].name, 2) && word[2] == '=') {
			word += 3;
			*keys[i].at = (uint16_t)number(&word);
			return true;
		}
	return false;
}

struct chain {
	struct vqt_avail a;
	struct vqt_desc desc[600];
	uint8_t bytes[512];
	unsigned len;
};

/* rL, wL, ir.., &A, fX, >N, *N */
static void descriptor(struct chain *c, const char **at, bool last, bool table, bool packed)
{
	struct vqt_desc *d = &c->desc[c->a.ndesc];
	bool placed = false;

	if (**at == 'i') {
		d->flags |= VRING_DESC_F_INDIRECT;
		++*at;
	}
	if (**at == 'w')
		d->flags |= VRING_DESC_F_WRITE;
	++*at;
	d->len = (uint32_t)number(at);
	d->addr = 0x100000 + 0x10000 * c->a.ndesc;
	if (!last && !(packed && table)) {
		d->flags |= VRING_DESC_F_NEXT;
		d->next = (uint16_t)(table ? c->a.ndesc - c->a.ndirect + 1 : c->a.head + c->a.ndesc + 1);
	}
	if (**at == '&') {
		++*at;
		d->addr = number(at);
		placed = true;
	}
	if (**at == 'f') {
		++*at;
		d->flags = (uint16_t)number(at);
	}
	if (**at == '>') {
		++*at;
		d->next = (uint16_t)number(at);
	}
	if (**at == '*') { /* as often */
		unsigned n;

		++*at;
		for (n = (unsigned)number(at); n > 1 && c->a.ndesc < 590; n--) {
			c->desc[c->a.ndesc + 1] = *d;
			if (placed)
				c->desc[c->a.ndesc + 1].addr = c->desc[c->a.ndesc].addr + d->len;
			c->a.ndesc++;
		}
	}
	c->a.ndesc++;
}

static void descriptors(struct chain *c, const char **at, bool packed)
{
	bool table = false;

	for (;;) {
		size_t n = strcspn(*at, ",|%");

		descriptor(c, at, (*at)[0] == '\0' || strchr("|%", (*at)[n]) || !(*at)[n], table, packed);
		if (**at == '|') {
			table = true;
			c->a.ndirect = c->a.ndesc;
		} else if (**at != ',') {
			break;
		}
		++*at;
	}
	if (!table)
		c->a.ndirect = c->a.ndesc;
}

static void put(struct chain *c, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		c->bytes[c->len++] = (uint8_t)(v >> (8 * i));
}

static void header(struct chain *c, const char **at)
{
	unsigned long long type = 0, sector = 8;

	if (**at == '%') {
		++*at;
		if (**at == '-') {
			++*at;
			return;
		}
		type = number(at);
		sector = 0;
		if (**at == ',') {
			++*at;
			sector = number(at);
		}
	}
	put(c, type, 8);
	put(c, sector, 8);
	while (**at == ';') {
		++*at;
		put(c, number(at), 8);
		++*at;
		put(c, number(at), 4);
		++*at;
		put(c, number(at), 4);
	}
}

/* The bytes of the stream, over the readable descriptors. */
static size_t segments(const struct chain *c, uint8_t *tail)
{
	size_t len = 0;
	unsigned done = 0;

	for (unsigned i = 0; i < c->a.ndesc && done < c->len; i++) {
		struct vqt_seg seg = { .desc = (uint16_t)i };
		unsigned n = c->len - done;

		if (c->desc[i].flags & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT))
			continue;
		n = n < c->desc[i].len ? n : c->desc[i].len;
		seg.len = (uint16_t)n;
		memcpy(tail + len, &seg, sizeof(seg));
		memcpy(tail + len + sizeof(seg), c->bytes + done, n);
		len += sizeof(seg) + ((n + 3) & ~3U);
		done += n;
		((struct vqt_avail *)&c->a)->nseg++;
	}
	return len;
}

static void chain_word(struct script *s, const char *word)
{
	static struct chain c;
	static uint8_t tail[16384];
	struct vqt_ring *r = ring(s);
	size_t at;

	memset(&c, 0, sizeof(c));
	memset(tail, 0, sizeof(tail));
	c.a.head = (uint16_t)number(&word);
	c.a.pos = r->last_avail;
	c.a.ring = *r;
	if (*word == '@') {
		word++;
		c.a.pos = (uint16_t)number(&word);
	}
	if (*word == '^') {
		word++;
		c.a.flags = (uint16_t)number(&word);
	}
	if (*word == ':') {
		word++;
		descriptors(&c, &word, s->packed);
	} else {
		const char *usual = "r16,w4096,w1";

		descriptors(&c, &usual, s->packed);
	}
	header(&c, &word);
	for (unsigned i = 0; s->packed && i < c.a.ndirect; i++)
		if (!(c.desc[i].flags & 0x8080))
			c.desc[i].flags |= advance(s, c.a.pos, i) >> 15 ? 0x80 : 0x8000;
	at = c.a.ndesc * sizeof(c.desc[0]);
	memcpy(tail, c.desc, at);
	at += segments(&c, tail + at);
	r->last_avail = advance(s, c.a.pos, s->packed ? c.a.ndirect : 1);
	talk_say(&s->t, VQT_AVAIL, &c.a, sizeof(c.a), tail, at);
}

/* zD.START.CAPACITY.WP.TYPE.STATE: a report of one zone in descriptor D, 5.2.6 */
static size_t zone_report(uint8_t *tail, const char **at)
{
	struct vqt_seg seg = { .len = 128 };
	uint8_t *zone = tail + sizeof(seg) + 64;
	uint64_t v[5];

	++*at;
	seg.desc = (uint16_t)number(at);
	for (unsigned i = 0; i < 5; i++) {
		++*at;
		v[i] = number(at);
	}
	memcpy(tail, &seg, sizeof(seg));
	tail[sizeof(seg)] = 1; /* nr_zones */
	memcpy(zone, &v[1], 8);
	memcpy(zone + 8, &v[0], 8);
	memcpy(zone + 16, &v[2], 8);
	zone[24] = (uint8_t)v[3];
	zone[25] = (uint8_t)v[4];
	return sizeof(seg) + seg.len;
}

static void used_word(struct script *s, const char *word)
{
	struct vqt_ring *r = ring(s);
	struct vqt_used u = { .ring = *r, .len = 4097, .flags = VQT_USED_STATUS, .pos = r->used_idx };
	struct model_request *req;
	uint8_t tail[192] = { 0 };
	size_t len = 0;
	unsigned slots;

	u.id = (uint16_t)number(&word);
	if (*word == '@') {
		word++;
		u.pos = (uint16_t)number(&word);
	}
	if (*word == '^') {
		word++;
		u.flags |= (uint8_t)number(&word);
	}
	if (*word == '=') {
		word++;
		u.len = (uint32_t)number(&word);
		if (*word == ',') {
			word++;
			u.status = (uint8_t)number(&word);
		}
	}
	if (*word == ';' && word[1] == 'z') {
		word++;
		u.nseg = 1;
		len = zone_report(tail, &word);
	} else if (*word == ';') { /* ;D.V: 8 bytes of descriptor D */
		struct vqt_seg seg = { .len = 8 };
		uint64_t v;

		word++;
		seg.desc = (uint16_t)number(&word);
		word++;
		v = number(&word);
		memcpy(tail, &seg, sizeof(seg));
		memcpy(tail + sizeof(seg), &v, 8);
		u.nseg = 1;
		len = sizeof(seg) + 8;
	}
	req = model_device(s->t.model, 1) && model_queue(model_device(s->t.model, 1), s->t.queue)
		? model_in_flight(model_queue(model_device(s->t.model, 1), s->t.queue), u.id) : NULL;
	slots = s->packed && req ? req->ndirect : 1;
	r->used_idx = advance(s, u.pos, slots);
	talk_say(&s->t, VQT_USED, &u, sizeof(u), tail, len);
}

static void kick_word(struct script *s, const char *word)
{
	struct vqt_kick k = { .ring = *ring(s), .via = VQT_KICK_IOEVENTFD };
	uint8_t heads[2 * VQT_KICK_HEADS] = { 0 };

	if (*word && *word != ':') {
		k.via = VQT_KICK_MMIO;
		k.width = (uint8_t)number(&word);
		k.value = s->t.queue;
		if (*word == '=') {
			word++;
			k.value = (uint32_t)number(&word);
		}
	}
	if (*word == ':') {
		word++;
		k.nheads = (uint16_t)number(&word);
	}
	talk_say(&s->t, VQT_KICK, &k, sizeof(k), heads, (2u * k.nheads + 3) & ~3U);
}

/* --- the rest --------------------------------------------------------------- */

static void irq_word(struct script *s, const char *word)
{
	struct vqt_irq i = { .vector = VQT_NO_VECTOR };
	uint16_t queue = s->t.queue;
	char kind = *word++;

	if (kind != 'I')
		s->t.queue = VQT_NO_QUEUE;
	switch (kind) {
	case 'I':
		i.kind = VQT_IRQ_SIGNAL;
		break;
	case 'M':
		i.kind = VQT_IRQ_MSIX;
		i.vector = (uint16_t)number(&word);
		if (*word == 'q')
			s->t.queue = queue;
		break;
	case 'N':
		i.kind = VQT_IRQ_CONFIG;
		break;
	case 'X':
		i.kind = VQT_IRQ_INTX;
		i.level = (uint8_t)number(&word);
		break;
	}
	talk_say(&s->t, VQT_IRQ, &i, sizeof(i), NULL, 0);
	s->t.queue = queue;
}

static void life_word(struct script *s, unsigned what, uint64_t arg)
{
	struct vqt_life l = { .what = (uint16_t)what, .arg = { arg } };
	uint16_t queue = s->t.queue;

	s->t.queue = VQT_NO_QUEUE;
	talk_say(&s->t, VQT_LIFE, &l, sizeof(l), NULL, 0);
	s->t.queue = queue;
}

/* E:WHAT=A,B,C of the queue */
static void life_of_queue(struct script *s, const char *w)
{
	struct vqt_life l = { .what = (uint16_t)number(&w) };

	for (unsigned i = 0; i < 3 && *w; i++) {
		w++;
		l.arg[i] = number(&w);
	}
	talk_say(&s->t, VQT_LIFE, &l, sizeof(l), NULL, 0);
}

/* B a flush of the backend for head H begins, b it ends */
static void backend_word(struct script *s, const char *w)
{
	struct vqt_backend b = { .op = VQT_BACKEND_FLUSH, .phase = *w == 'b', .cookie = 1 };

	w++;
	b.head = (uint16_t)number(&w);
	talk_say(&s->t, VQT_BACKEND, &b, sizeof(b), NULL, 0);
}

/* D=TYPE,TRANSPORT: another device, which speaks from here on */
static void device_word(struct script *s, const char *w)
{
	struct vqt_device d = { .bdf = 0x20 };

	d.virtio_id = (uint16_t)number(&w);
	w++;
	d.transport = (uint16_t)number(&w);
	s->t.device++;
	talk_say(&s->t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
}

static bool one_event(struct script *s, const char *w)
{
	struct vqt_ringstate g = { .ring = *ring(s) };
	struct vqt_loss loss = { .lost = 3, .why = VQT_LOSS_BUFFER };
	struct vqt_source qemu = { .kind = VQT_SRC_QEMU, .pid = 42 };
	int rc = reg_word(s, w);

	if (rc)
		return rc > 0;
	if (!strncmp(w, "S=", 2) || !strncmp(w, "g=", 2)) {
		const char *v = w + 2;

		access_reg(s, VQT_REGION_COMMON, *w == 'S', false, 20, 1, number(&v));
	} else if (!strncmp(w, "isr=", 4)) {
		const char *v = w + 4;

		access_reg(s, VQT_REGION_ISR, false, false, 0, 1, number(&v));
	} else if (!strncmp(w, "n:", 2)) {
		const char *v = w + 2;
		uint32_t at = (uint32_t)number(&v);

		v++;
		access_reg(s, VQT_REGION_NOTIFY, true, false, at, 2, number(&v));
	} else if (!strncmp(w, "D=", 2)) {
		device_word(s, w + 2);
	} else if (*w == 'K') {
		kick_word(s, w + 1);
	} else if (*w == 'C') {
		chain_word(s, w + 1);
	} else if (*w == 'U') {
		used_word(s, w + 1);
	} else if (strchr("IMNX", *w)) {
		irq_word(s, w);
	} else if (*w == 'G' && strlen(w) <= 2) {
		static const char pending[] = "uny"; /* enum vqt_pending */
		const char *p = w[1] ? strchr(pending, w[1]) : NULL;

		g.why = p ? VQT_RING_PERIODIC : w[1] == 'S' ? VQT_RING_STATUS : VQT_RING_ASKED;
		g.pending = p ? (uint8_t)(p - pending) : VQT_PENDING_UNKNOWN;
		talk_say(&s->t, VQT_RING, &g, sizeof(g), NULL, 0);
	} else if (!strcmp(w, "qemu")) {
		talk_say(&s->t, VQT_SOURCE, &qemu, sizeof(qemu), NULL, 0);
	} else if (!strncmp(w, "E:", 2)) {
		life_of_queue(s, w + 2);
	} else if ((*w == 'B' || *w == 'b') && w[1] >= '0' && w[1] <= '9') {
		backend_word(s, w);
	} else if (!strcmp(w, "E")) {
		life_word(s, VQT_LIFE_ERROR, 0);
	} else if (!strcmp(w, "R")) {
		life_word(s, VQT_LIFE_RESET, 0);
	} else if (!strncmp(w, "Q=", 2)) {
		const char *v = w + 2;

		life_word(s, VQT_LIFE_SET_STATUS, number(&v));
	} else if (!strcmp(w, "L")) {
		talk_say(&s->t, VQT_LOSS, &loss, sizeof(loss), NULL, 0);
		s->t.seq += 3;
	} else {
		return false;
	}
	return true;
}

static void restart_ring(struct script *s, const char *w)
{
	if (!strcmp(w, "S=0") || !strcmp(w, "R") || !strcmp(w, "ls:device_status=0"))
		memset(s->ring, 0, sizeof(s->ring));
	if (!strcmp(w, "s:queue_reset=1"))
		memset(&s->ring[s->t.queue & 3], 0, sizeof(s->ring[0]));
}

/* Words that are no event. True if it was one. */
static bool setting(struct script *s, const char *w)
{
	const char *v = w + 1;

	if (*w == 'q' && w[1] >= '0' && w[1] <= '9')
		s->t.queue = (uint16_t)number(&v);
	else if (*w == 'A')
		ring(s)->avail_idx = (uint16_t)(ring(s)->avail_idx + (w[1] ? number(&v) : 1));
	else if (!strncmp(w, "r.", 2))
		return set_ring(s, w + 2);
	else if (!strcmp(w, "packed"))
		s->packed = true;
	else if (!strncmp(w, "T+", 2)) {
		v = w + 2;
		s->t.ts += number(&v) * 1000000;
	} else {
		return false;
	}
	return true;
}

static void word(struct script *s, const char *w)
{
	bool mark = *w == '!';

	w += mark;
	if (*w == '@') {
		for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
			if (!strcmp(pieces[i].name, w + 1)) {
				script_run(s, pieces[i].words);
				if (mark) /* the last of it */
					s->mark = s->t.number;
				return;
			}
		s->error = "@?";
		return;
	}
	if (setting(s, w))
		return;
	restart_ring(s, w);
	if (!one_event(s, w)) {
		fprintf(stderr, "script: what is '%s'?\n", w);
		s->error = "?";
		return;
	}
	if (mark)
		s->mark = s->t.number;
	feed(s);
}

void script_run(struct script *s, const char *words)
{
	while (words && *words) {
		size_t n = strcspn(words, " ");
		char one[512];

		snprintf(one, sizeof(one), "%.*s", (int)n, words);
		if (n)
			word(s, one);
		words += n + (words[n] == ' ');
	}
}
