/* SPDX-License-Identifier: MIT */
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/conversation_impl.h"

/* A driver that does everything right, in pieces. */
static const struct {
	const char *name, *words;
} pieces[] = {
	{ "reset", "S=0 g=0" },
	{ "ack", "S=1 S=3" },
	/* BLK: SIZE_MAX SEG_MAX RO? no; BLK_SIZE FLUSH CONFIG_WCE DISCARD WRITE_ZEROES; ring features */
	{ "offer",
	  "s:device_feature_select=0 g:device_feature=0x30006a46 s:device_feature_select=1 "
	  "g:device_feature=0x1" },
	{ "accept",
	  "s:driver_feature_select=0 s:driver_feature=0x10006a46 s:driver_feature_select=1 "
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
	{ "config",
	  "g:config_generation=0 cg:capacity/4=0x1000 cg:capacity/4+4=0 cg:seg_max=126 "
	  "cg:size_max=65536 cg:max_discard_sectors=1024 cg:max_discard_seg=1 "
	  "cg:max_write_zeroes_sectors=1024 cg:max_write_zeroes_seg=1 g:config_generation=0" },
	{ "one", "A K C5 U5 I" },
	{ "old", "ls:device_status=0 lg:device_status=0 ls:device_status=1 ls:device_status=3 "
		 "lg:device_features=0x39006a46 ls:driver_features=0x18006a46 ls:queue_select=0 "
		 "lg:queue_size=256 ls:queue_address=0x10 ls:device_status=7" },
	{ "packed-up",
	  "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
	  "s:device_feature_select=1 g:device_feature=0x5 s:driver_feature_select=0 "
	  "s:driver_feature=0x10006a46 s:driver_feature_select=1 s:driver_feature=0x5 @fok "
	  "s:queue_select=0 g:queue_size=256 s:queue_size=8 s:queue_desc/4=0x10000 "
	  "s:queue_driver/4=0x12000 s:queue_device/4=0x13000 @enable @dok packed" },
	{ "packed-up-event",
	  "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
	  "s:device_feature_select=1 g:device_feature=0x5 s:driver_feature_select=0 "
	  "s:driver_feature=0x30006a46 s:driver_feature_select=1 s:driver_feature=0x5 @fok "
	  "s:queue_select=0 g:queue_size=256 s:queue_size=8 s:queue_desc/4=0x10000 "
	  "s:queue_driver/4=0x12000 s:queue_device/4=0x13000 @enable @dok packed" },
	{ "suspend-up",
	  "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
	  "s:device_feature_select=1 g:device_feature=0x801 s:driver_feature_select=0 "
	  "s:driver_feature=0x10006a46 s:driver_feature_select=1 s:driver_feature=0x801 @fok "
	  "@queue @enable @dok" },
	{ "qreset-up",
	  "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
	  "s:device_feature_select=1 g:device_feature=0x101 s:driver_feature_select=0 "
	  "s:driver_feature=0x10006a46 s:driver_feature_select=1 s:driver_feature=0x101 @fok "
	  "@queue @enable @dok" },
	{ "order-up",
	  "@reset @ack s:device_feature_select=0 g:device_feature=0x30006a46 "
	  "s:device_feature_select=1 g:device_feature=0x9 s:driver_feature_select=0 "
	  "s:driver_feature=0x10006a46 s:driver_feature_select=1 s:driver_feature=0x9 @fok "
	  "@queue @enable @dok" },
	{ "zone-up",
	  "@reset @ack s:device_feature_select=0 g:device_feature=0x30036a46 "
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

static void feed(struct conversation *s)
{
	if (check_feed(s->c, s->t.model, &s->t.e))
		abort();
}

static void found(void *opaque, const struct finding *f)
{
	struct conversation *s = opaque;

	if (s->nfound == CONVERSATION_FINDINGS)
		return;
	s->found[s->nfound].rule = f->rule;
	s->found[s->nfound].number = f->number;
	s->found[s->nfound].nth = f->nth;
	s->found[s->nfound].nbefore = f->nbefore;
	s->found[s->nfound].queue = f->queue;
	snprintf(s->found[s->nfound].seen, sizeof(s->found[0].seen), "%s", f->seen);
	s->nfound++;
}

void conversation_begin(struct conversation *s, const char *selection)
{
	struct vqt_session session = { .major = VQT_VERSION_MAJOR, .snaplen = 256 };
	struct vqt_source src = { .kind = VQT_SRC_EMU, .pid = 42 };
	struct vqt_device d = {
		.virtio_id = VIRTIO_ID_BLOCK,
		.transport = VQT_TRANSPORT_PCI,
		.bdf = 0x18,
		.flags = s->no_reset ? VQT_DEV_LATE : 0,
	};

	if (check_new(&s->c, selection, found, s, NULL))
		abort();
	s->t.model = model_new();
	s->t.ts = 1000000;
	s->size = 8;
	builder_add(&s->t, VQT_SESSION, &session, sizeof(session), NULL, 0);
	feed(s);
	builder_add(&s->t, VQT_SOURCE, &src, sizeof(src), NULL, 0);
	feed(s);
	s->t.device = 1;
	builder_add(&s->t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
	feed(s);
}

void conversation_end(struct conversation *s)
{
	check_finish(s->c, s->t.model);
	check_free(s->c);
	builder_finish(&s->t);
}

unsigned conversation_count(const struct conversation *s, const char *id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nfound; i++)
		n += !strcmp(s->found[i].rule->id, id);
	return n;
}

/* --- registers -------------------------------------------------------------- */

unsigned long long conversation_number(const char **at)
{
	char *end;
	unsigned long long v = strtoull(*at, &end, 0);

	*at = end;
	return v;
}

static void access_reg(struct conversation *s, unsigned region, bool write, bool via,
		       uint32_t offset, unsigned width, uint64_t value)
{
	struct vqt_reg r = {
		.region = (uint8_t)region,
		.op = write ? VQT_WRITE : VQT_READ,
		.width = (uint8_t)width,
		.offset = offset,
		.value = value,
		.flags = via ? VQT_REG_VIA_CFG : 0,
	};

	builder_add(&s->t, VQT_REG, &r, sizeof(r), NULL, 0);
}

/* REG[/W][+O]=N */
static bool named(struct conversation *s, unsigned region, bool write, bool via, const char *word)
{
	const struct spec_fields *fields = class_region_fields(region, VIRTIO_ID_BLOCK);
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
		width = (unsigned)conversation_number(&word);
	}
	if (*word == '+') {
		word++;
		plus = (uint32_t)conversation_number(&word);
	}
	if (*word++ != '=')
		return false;
	access_reg(s, region, write, via, f->offset + plus, width, conversation_number(&word));
	return true;
}

/* A/W=N */
static bool placed(struct conversation *s, unsigned region, bool write, const char *word)
{
	uint32_t at = (uint32_t)conversation_number(&word);
	unsigned width;

	if (*word++ != '/')
		return false;
	width = (unsigned)conversation_number(&word);
	if (*word++ != '=')
		return false;
	access_reg(s, region, write, false, at, width, conversation_number(&word));
	return true;
}

static const struct {
	const char *prefix;
	unsigned region;
	bool write, by_place;
} spaces[] = {
	{ "s:", VQT_REGION_COMMON, true, false },  { "g:", VQT_REGION_COMMON, false, false },
	{ "ls:", VQT_REGION_LEGACY, true, false }, { "lg:", VQT_REGION_LEGACY, false, false },
	{ "cs:", VQT_REGION_DEVICE, true, false }, { "cg:", VQT_REGION_DEVICE, false, false },
	{ "ps:", VQT_REGION_PCI, true, true },	   { "pg:", VQT_REGION_PCI, false, true },
	{ "las:", VQT_REGION_LEGACY, true, true }, { "lag:", VQT_REGION_LEGACY, false, true },
	{ "ms:", VQT_REGION_MMIO, true, false },   { "mg:", VQT_REGION_MMIO, false, false },
	{ "as:", VQT_REGION_COMMON, true, true },  { "ag:", VQT_REGION_COMMON, false, true },
};

static int reg_word(struct conversation *s, const char *word)
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

/* --- the rest --------------------------------------------------------------- */

static void irq_word(struct conversation *s, const char *word)
{
	struct vqt_irq i = { .vector = VQT_NO_VECTOR };
	uint16_t queue = s->t.queue;
	char kind = *word++;

	if (kind != 'I')
		s->t.queue = VQT_NO_QUEUE;
	switch (kind) {
	case 'I': i.kind = VQT_IRQ_SIGNAL; break;
	case 'M':
		i.kind = VQT_IRQ_MSIX;
		i.vector = (uint16_t)conversation_number(&word);
		if (*word == 'q')
			s->t.queue = queue;
		break;
	case 'N': i.kind = VQT_IRQ_CONFIG; break;
	case 'X':
		i.kind = VQT_IRQ_INTX;
		i.level = (uint8_t)conversation_number(&word);
		break;
	}
	builder_add(&s->t, VQT_IRQ, &i, sizeof(i), NULL, 0);
	s->t.queue = queue;
}

static void event_name_word(struct conversation *s, unsigned what, uint64_t arg)
{
	struct vqt_lifecycle l = { .what = (uint16_t)what, .arg = { arg } };
	uint16_t queue = s->t.queue;

	s->t.queue = VQT_NO_QUEUE;
	builder_add(&s->t, VQT_LIFECYCLE, &l, sizeof(l), NULL, 0);
	s->t.queue = queue;
}

/* E:WHAT=A,B,C of the queue */
static void life_of_queue(struct conversation *s, const char *w)
{
	struct vqt_lifecycle l = { .what = (uint16_t)conversation_number(&w) };

	for (unsigned i = 0; i < 3 && *w; i++) {
		w++;
		l.arg[i] = conversation_number(&w);
	}
	builder_add(&s->t, VQT_LIFECYCLE, &l, sizeof(l), NULL, 0);
}

/* B a flush of the backend for head H begins, b it ends */
static void backend_word(struct conversation *s, const char *w)
{
	struct vqt_backend b = { .op = VQT_BACKEND_FLUSH, .phase = *w == 'b', .cookie = 1 };

	w++;
	b.head = (uint16_t)conversation_number(&w);
	builder_add(&s->t, VQT_BACKEND, &b, sizeof(b), NULL, 0);
}

/* D=TYPE,TRANSPORT: another device, which speaks from here on */
static void device_word(struct conversation *s, const char *w)
{
	struct vqt_device d = { .bdf = 0x20 };

	d.virtio_id = (uint16_t)conversation_number(&w);
	w++;
	d.transport = (uint16_t)conversation_number(&w);
	s->t.device++;
	builder_add(&s->t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
}

static bool one_event(struct conversation *s, const char *w)
{
	struct vqt_ringstate g = { .ring = *conversation_ring(s) };
	struct vqt_loss loss = { .lost = 3, .why = VQT_LOSS_BUFFER };
	struct vqt_source source = { .kind = VQT_SRC_QEMU, .pid = 42 };
	int rc = reg_word(s, w);

	if (rc)
		return rc > 0;
	if (!strncmp(w, "S=", 2) || !strncmp(w, "g=", 2)) {
		const char *v = w + 2;

		access_reg(s, VQT_REGION_COMMON, *w == 'S', false, 20, 1, conversation_number(&v));
	} else if (!strncmp(w, "isr=", 4)) {
		const char *v = w + 4;

		access_reg(s, VQT_REGION_ISR, false, false, 0, 1, conversation_number(&v));
	} else if (!strncmp(w, "n:", 2)) {
		const char *v = w + 2;
		uint32_t at = (uint32_t)conversation_number(&v);

		v++;
		access_reg(s, VQT_REGION_NOTIFY, true, false, at, 2, conversation_number(&v));
	} else if (!strncmp(w, "D=", 2)) {
		device_word(s, w + 2);
	} else if (*w == 'K') {
		conversation_kick(s, w + 1);
	} else if (*w == 'C') {
		conversation_chain(s, w + 1);
	} else if (*w == 'U') {
		conversation_used(s, w + 1);
	} else if (strchr("IMNX", *w)) {
		irq_word(s, w);
	} else if (*w == 'G' && strlen(w) <= 2) {
		static const char pending[] = "uny"; /* enum vqt_pending */
		const char *p = w[1] ? strchr(pending, w[1]) : NULL;

		g.why = p ? VQT_RING_PERIODIC : w[1] == 'S' ? VQT_RING_STATUS : VQT_RING_ASKED;
		g.pending = p ? (uint8_t)(p - pending) : VQT_PENDING_UNKNOWN;
		builder_add(&s->t, VQT_RING, &g, sizeof(g), NULL, 0);
	} else if (!strcmp(w, "qemu") || !strcmp(w, "proxy")) {
		if (*w == 'p')
			source.kind = VQT_SRC_PROXY;
		builder_add(&s->t, VQT_SOURCE, &source, sizeof(source), NULL, 0);
	} else if (!strncmp(w, "E:", 2)) {
		life_of_queue(s, w + 2);
	} else if ((*w == 'B' || *w == 'b') && w[1] >= '0' && w[1] <= '9') {
		backend_word(s, w);
	} else if (!strcmp(w, "E")) {
		event_name_word(s, VQT_LIFECYCLE_ERROR, 0);
	} else if (!strcmp(w, "R")) {
		event_name_word(s, VQT_LIFECYCLE_RESET, 0);
	} else if (!strncmp(w, "Q=", 2)) {
		const char *v = w + 2;

		event_name_word(s, VQT_LIFECYCLE_SET_STATUS, conversation_number(&v));
	} else if (!strcmp(w, "L")) {
		builder_add(&s->t, VQT_LOSS, &loss, sizeof(loss), NULL, 0);
		s->t.seq += 3;
	} else {
		return false;
	}
	return true;
}

static void restart_ring(struct conversation *s, const char *w)
{
	if (!strcmp(w, "S=0") || !strcmp(w, "R") || !strcmp(w, "ls:device_status=0"))
		memset(s->ring, 0, sizeof(s->ring));
	if (!strcmp(w, "s:queue_reset=1"))
		memset(&s->ring[s->t.queue & 3], 0, sizeof(s->ring[0]));
}

/* Words that are no event. True if it was one. */
static bool setting(struct conversation *s, const char *w)
{
	const char *v = w + 1;

	if (*w == 'q' && w[1] >= '0' && w[1] <= '9')
		s->t.queue = (uint16_t)conversation_number(&v);
	else if (*w == 'A')
		conversation_ring(s)->avail_idx = (uint16_t)(conversation_ring(s)->avail_idx +
							     (w[1] ? conversation_number(&v) : 1));
	else if (!strncmp(w, "r.", 2))
		return conversation_set_ring(s, w + 2);
	else if (!strcmp(w, "packed"))
		s->packed = true;
	else if (!strncmp(w, "T+", 2)) {
		v = w + 2;
		s->t.ts += conversation_number(&v) * 1000000;
	} else if (!strncmp(w, "th=", 3)) {
		v = w + 3;
		s->t.tid = (uint32_t)conversation_number(&v);
	} else {
		return false;
	}
	return true;
}

static void word(struct conversation *s, const char *w)
{
	bool mark = *w == '!';

	w += mark;
	if (*w == '@') {
		for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
			if (!strcmp(pieces[i].name, w + 1)) {
				conversation_run(s, pieces[i].words);
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

void conversation_run(struct conversation *s, const char *words)
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
