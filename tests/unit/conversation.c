/* SPDX-License-Identifier: MIT */
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/fields/event_names.h"
#include "tests/unit/conversation_impl.h"
#include "tests/unit/spec_names.h"

/* A driver that does everything right, in pieces. */
static const struct {
	const char *name, *text;
} pieces[] = {
	{ "reset", "write status 0; read status 0" },
	{ "acknowledge", "write status 1; write status 3" },
	/* Of blk: SIZE_MAX SEG_MAX BLK_SIZE FLUSH CONFIG_WCE DISCARD WRITE_ZEROES; INDIRECT, EVENT_IDX. */
	{ "offer", "offer 0x30006a46 0x1" },
	{ "accept", "accept 0x10006a46 0x1" },
	{ "accept-event", "accept 0x30006a46 0x1" },
	{ "features-ok", "write status 11; read status 11" },
	{ "setup",
	  "write queue_select 0; read queue_size 256; write queue_size 256; "
	  "write queue_desc/4 0x10000; write queue_desc/4+4 0; write queue_driver/4 0x12000; "
	  "write queue_driver/4+4 0; write queue_device/4 0x13000; write queue_device/4+4 0" },
	{ "setup-packed",
	  "write queue_select 0; read queue_size 256; write queue_size 8; "
	  "write queue_desc/4 0x10000; write queue_driver/4 0x12000; write queue_device/4 0x13000" },
	{ "enable", "write queue_enable 1" },
	{ "driver-ok", "write status 15" },
	{ "negotiate", "reset; acknowledge; offer; accept; features-ok" },
	{ "negotiate-event", "reset; acknowledge; offer; accept-event; features-ok" },
	{ "up", "negotiate; setup; enable; driver-ok" },
	{ "up-event", "negotiate-event; setup; enable; driver-ok" },
	{ "read-config",
	  "read config_generation 0; read config.capacity/4 0x1000; read config.capacity/4+4 0; "
	  "read config.seg_max 126; read config.size_max 65536; read config.max_discard_sectors 1024; "
	  "read config.max_discard_seg 1; read config.max_write_zeroes_sectors 1024; "
	  "read config.max_write_zeroes_seg 1; read config_generation 0" },
	{ "request", "avail; kick; pop 5; use 5; interrupt" },
	{ "reset-legacy", "write legacy.device_status 0; read legacy.device_status 0" },
	{ "acknowledge-legacy", "write legacy.device_status 1; write legacy.device_status 3" },
	{ "up-legacy", "reset-legacy; acknowledge-legacy; read legacy.device_features 0x39006a46; "
		       "write legacy.driver_features 0x18006a46; write legacy.queue_select 0; "
		       "read legacy.queue_size 256; write legacy.queue_address 0x10; "
		       "write legacy.device_status 7" },
	{ "up-packed", "reset; acknowledge; offer 0x30006a46 0x5; accept 0x10006a46 0x5; "
		       "features-ok; setup-packed; enable; driver-ok; packed" },
	{ "up-packed-event", "reset; acknowledge; offer 0x30006a46 0x5; accept 0x30006a46 0x5; "
			     "features-ok; setup-packed; enable; driver-ok; packed" },
	{ "up-suspend", "reset; acknowledge; offer 0x30006a46 0x801; accept 0x10006a46 0x801; "
			"features-ok; setup; enable; driver-ok" },
	{ "up-queue-reset", "reset; acknowledge; offer 0x30006a46 0x101; accept 0x10006a46 0x101; "
			    "features-ok; setup; enable; driver-ok" },
	{ "up-in-order", "reset; acknowledge; offer 0x30006a46 0x9; accept 0x10006a46 0x9; "
			 "features-ok; setup; enable; driver-ok" },
	{ "up-zoned", "reset; acknowledge; offer 0x30036a46 0x1; accept 0x10034a46 0x1; "
		      "features-ok; setup; enable; driver-ok; "
		      "read config_generation 0; read config.capacity/4 0x10000; "
		      "read config.capacity/4+4 0; read config.zoned.zone_sectors 4096; "
		      "read config.zoned.max_append_sectors 64; "
		      "read config.zoned.write_granularity 4096; read config.zoned.model 1; "
		      "read config_generation 0" },
	{ "read-caps",
	  "read pci@0/4 0x10421af4; read pci@8/4 0x01000001; read pci@0x2c/4 0x11001af4; "
	  "read pci@0x34/1 0x40; read pci@0x40/4 0x01105009; read pci@0x44/4 4; read pci@0x48/4 0; "
	  "read pci@0x4c/4 0x1000; read pci@0x50/4 0x03106009; read pci@0x54/4 4; "
	  "read pci@0x58/4 0x1000; read pci@0x5c/4 0x1000; read pci@0x60/4 0x04107009; "
	  "read pci@0x64/4 4; read pci@0x68/4 0x2000; read pci@0x6c/4 0x1000; "
	  "read pci@0x70/4 0x02148409; read pci@0x74/4 4; read pci@0x78/4 0x3000; "
	  "read pci@0x7c/4 0x1000; read pci@0x80/4 4; read pci@0x84/4 0x05149809; read pci@0x88/4 0; "
	  "read pci@0x8c/4 0; read pci@0x90/4 0; read pci@0x98/4 0x00020011" },
	{ "enable-msix",
	  "read pci@0x34/1 0x98; read pci@0x98/4 0x00020011; write pci@0x9a/2 0x8002" },
};

static void feed(struct conversation *s)
{
	if (check_feed(s->c, s->t.model, &s->t.e))
		abort();
}

static void found(void *opaque, const struct finding *f)
{
	struct conversation *s = opaque;

	if (s->hook)
		s->hook(s->opaque, s, f);
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
	struct vqt_source src = { .kind = s->kind ? s->kind : VQT_SRC_EMU, .pid = 42 };
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

static void access_reg(struct conversation *s, const struct vqt_reg *r)
{
	struct vqt_reg one = *r;

	builder_add(&s->t, VQT_REG, &one, sizeof(one), NULL, 0);
}

static const struct {
	const char *name;
	unsigned region;
} spaces[] = {
	{ "common", VQT_REGION_COMMON }, { "config", VQT_REGION_DEVICE },
	{ "legacy", VQT_REGION_LEGACY }, { "mmio", VQT_REGION_MMIO },
	{ "pci", VQT_REGION_PCI },	 { "notify", VQT_REGION_NOTIFY },
};

/* SPACE, up to its "." or "@", which is returned; 0 if the word begins with a name. */
static char split_space(const char **word, unsigned *region)
{
	size_t n = strcspn(*word, ".@");

	*region = VQT_REGION_COMMON;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		if (strlen(spaces[i].name) != n || strncmp(*word, spaces[i].name, n))
			continue;
		*region = spaces[i].region;
		*word += n + 1;
		return (*word)[-1];
	}
	return 0;
}

static unsigned long long number_in(const char **at)
{
	char *end;
	unsigned long long v = strtoull(*at, &end, 0);

	*at = end;
	return v;
}

static bool find_name(struct vqt_reg *r, const char **word)
{
	const struct spec_field *f;
	char name[64];
	size_t n = strcspn(*word, "/+");

	snprintf(name, sizeof(name), "%.*s", (int)n, *word);
	*word += n;
	f = spec_field_by_name(class_region_fields(r->region, VIRTIO_ID_BLOCK),
			       strcmp(name, "status") ? name : "device_status");
	if (!f)
		return false;
	r->offset = f->offset;
	r->width = (uint8_t)f->width;
	return true;
}

/* REG */
static bool find_register(struct vqt_reg *r, const char *word)
{
	unsigned region;
	char by;

	if (!strcmp(word, "isr")) {
		r->region = VQT_REGION_ISR;
		r->width = 1;
		return true;
	}
	by = split_space(&word, &region);
	r->region = (uint8_t)region;
	if (by == '@')
		r->offset = (uint32_t)number_in(&word);
	else if (!find_name(r, &word))
		return false;
	if (*word == '/') {
		word++;
		r->width = (uint8_t)number_in(&word);
	}
	if (*word == '+') {
		word++;
		r->offset += (uint32_t)number_in(&word);
	}
	return r->width && !*word;
}

/* The rings of a device, or of a queue, start over. */
static void restart_rings(struct conversation *s, const struct vqt_reg *r, const char *name)
{
	if (r->op != VQT_WRITE)
		return;
	if (!r->value && (!strcmp(name, "status") || !strcmp(name, "legacy.device_status")))
		memset(s->ring, 0, sizeof(s->ring));
	if (r->value == 1 && !strcmp(name, "queue_reset"))
		memset(&s->ring[s->t.queue & 3], 0, sizeof(s->ring[0]));
}

static void access_statement(struct conversation *s, struct statement *w, bool via)
{
	struct vqt_reg r = { .op = statement_takes(w, "write") ? VQT_WRITE : VQT_READ,
			     .flags = via ? VQT_REG_VIA_CFG : 0 };
	const char *name;

	if (r.op == VQT_READ)
		w->bad |= !statement_takes(w, "read");
	name = w->word[w->at];
	if (!*name || !find_register(&r, name)) {
		w->bad = true;
		return;
	}
	w->at++;
	r.value = statement_number(w);
	restart_rings(s, &r, name);
	access_reg(s, &r);
}

static void read_statement(struct conversation *s, struct statement *w)
{
	w->at--;
	access_statement(s, w, false);
}

static void window_statement(struct conversation *s, struct statement *w)
{
	access_statement(s, w, true);
}

/* --- the rest --------------------------------------------------------------- */

static void add_without_queue(struct conversation *s, unsigned type, void *fixed, size_t size)
{
	uint16_t queue = s->t.queue;

	s->t.queue = VQT_NO_QUEUE;
	builder_add(&s->t, type, fixed, size, NULL, 0);
	s->t.queue = queue;
}

static void interrupt_statement(struct conversation *s, struct statement *w)
{
	struct vqt_irq i = { .vector = VQT_NO_VECTOR, .kind = VQT_IRQ_SIGNAL };
	bool of_queue = true;

	if (statement_takes(w, "config")) {
		i.kind = VQT_IRQ_CONFIG;
		of_queue = false;
	} else if (statement_takes(w, "vector")) {
		i.kind = VQT_IRQ_MSIX;
		i.vector = (uint16_t)statement_number(w);
		of_queue = statement_takes(w, "queue");
	}
	if (of_queue)
		builder_add(&s->t, VQT_IRQ, &i, sizeof(i), NULL, 0);
	else
		add_without_queue(s, VQT_IRQ, &i, sizeof(i));
}

static void intx_statement(struct conversation *s, struct statement *w)
{
	struct vqt_irq i = { .vector = VQT_NO_VECTOR, .kind = VQT_IRQ_INTX };

	i.level = (uint8_t)statement_number(w);
	add_without_queue(s, VQT_IRQ, &i, sizeof(i));
}

static void device_step(struct conversation *s, unsigned what, uint64_t arg)
{
	struct vqt_lifecycle l = { .what = (uint16_t)what, .arg = { arg } };

	add_without_queue(s, VQT_LIFECYCLE, &l, sizeof(l));
}

static void reset_machine_statement(struct conversation *s, struct statement *w)
{
	(void)w;
	memset(s->ring, 0, sizeof(s->ring));
	device_step(s, VQT_LIFECYCLE_RESET, 0);
}

static void restore_status_statement(struct conversation *s, struct statement *w)
{
	device_step(s, VQT_LIFECYCLE_SET_STATUS, statement_number(w));
}

static void error_statement(struct conversation *s, struct statement *w)
{
	(void)w;
	device_step(s, VQT_LIFECYCLE_ERROR, 0);
}

static void lifecycle_statement(struct conversation *s, struct statement *w)
{
	struct vqt_lifecycle l = { 0 };
	const char *name;

	for (unsigned i = 0; (name = lifecycle_step_name(i)); i++)
		if (*name && !strcmp(name, w->word[w->at]))
			l.what = (uint16_t)i;
	if (l.what)
		w->at++;
	else
		w->bad = true;
	for (unsigned i = 0; i < 3 && *w->word[w->at]; i++)
		l.arg[i] = statement_number(w);
	builder_add(&s->t, VQT_LIFECYCLE, &l, sizeof(l), NULL, 0);
}

static void backend_statement(struct conversation *s, struct statement *w)
{
	struct vqt_backend b = { .op = VQT_BACKEND_FLUSH, .cookie = 1 };

	b.phase = statement_takes(w, "end");
	w->bad |= !b.phase && !statement_takes(w, "begin");
	b.head = (uint16_t)statement_number(w);
	builder_add(&s->t, VQT_BACKEND, &b, sizeof(b), NULL, 0);
}

static void device_statement(struct conversation *s, struct statement *w)
{
	const struct class *class = class_by_name(w->word[w->at]);
	struct vqt_device d = { .bdf = 0x20 };

	if (!class) {
		w->bad = true;
		return;
	}
	w->at++;
	d.virtio_id = class->id;
	d.transport = (uint16_t)statement_name(w, event_transports);
	s->t.device++;
	builder_add(&s->t, VQT_DEVICE, &d, sizeof(d), NULL, 0);
}

static void learned_statement(struct conversation *s, struct statement *w)
{
	struct vqt_device_state d = { .known = VQT_KNOWN_STATUS | VQT_KNOWN_ACCEPTED |
					       VQT_KNOWN_OFFERED | VQT_KNOWN_MSIX };

	d.status = 15;
	d.accepted[0] = statement_number(w) | statement_number(w) << 32;
	d.offered[0] = d.accepted[0];
	builder_add(&s->t, VQT_DEVICE_STATE, &d, sizeof(d), NULL, 0);
}

static void source_statement(struct conversation *s, struct statement *w)
{
	struct vqt_source source = { .pid = 42 };

	source.kind = (uint16_t)statement_name(w, event_source_kinds);
	builder_add(&s->t, VQT_SOURCE, &source, sizeof(source), NULL, 0);
}

static void lose_statement(struct conversation *s, struct statement *w)
{
	struct vqt_loss loss = { .lost = 3, .why = VQT_LOSS_BUFFER };

	(void)w;
	builder_add(&s->t, VQT_LOSS, &loss, sizeof(loss), NULL, 0);
	s->t.seq += 3;
}

static void queue_statement(struct conversation *s, struct statement *w)
{
	s->t.queue = (uint16_t)statement_number(w);
}

static void avail_statement(struct conversation *s, struct statement *w)
{
	struct vqt_ring *r = conversation_ring(s);

	r->avail_idx = (uint16_t)(r->avail_idx + (*w->word[w->at] ? statement_number(w) : 1));
}

static void packed_statement(struct conversation *s, struct statement *w)
{
	(void)w;
	s->packed = true;
}

static void thread_statement(struct conversation *s, struct statement *w)
{
	s->t.tid = (uint32_t)statement_number(w);
}

static void wait_statement(struct conversation *s, struct statement *w)
{
	const char *word = w->word[w->at++];
	uint64_t ms = number_in(&word);

	w->bad |= strcmp(word, "ms") != 0;
	s->t.ts += ms * 1000000;
}

static const struct {
	const char *word;
	void (*run)(struct conversation *s, struct statement *w);
	bool setting; /* no event */
} statements[] = {
	{ "write", read_statement, false },
	{ "read", read_statement, false },
	{ "window", window_statement, false },
	{ "queue", queue_statement, true },
	{ "packed", packed_statement, true },
	{ "avail", avail_statement, true },
	{ "ring", conversation_set_ring, true },
	{ "kick", conversation_kick, false },
	{ "pop", conversation_pop, false },
	{ "use", conversation_use, false },
	{ "sample", conversation_sample, false },
	{ "interrupt", interrupt_statement, false },
	{ "intx", intx_statement, false },
	{ "device", device_statement, false },
	{ "learned", learned_statement, false },
	{ "source", source_statement, false },
	{ "thread", thread_statement, true },
	{ "wait", wait_statement, true },
	{ "lose", lose_statement, false },
	{ "reset-machine", reset_machine_statement, false },
	{ "restore-status", restore_status_statement, false },
	{ "error", error_statement, false },
	{ "lifecycle", lifecycle_statement, false },
	{ "backend", backend_statement, false },
};

/* "offer LOW HIGH", "accept LOW HIGH": two words of features. */
static bool run_features(struct conversation *s, struct statement *w)
{
	bool offer = !strcmp(w->word[w->at], "offer");
	const char *register_name = offer ? "device_feature" : "driver_feature",
		   *op = offer ? "read" : "write";
	char text[256];

	if ((!offer && strcmp(w->word[w->at], "accept")) || !*w->word[w->at + 1])
		return false;
	snprintf(text, sizeof(text),
		 "write %s_select 0; %s %s %.32s; write %s_select 1; %s %s %.32s", register_name,
		 op, register_name, w->word[w->at + 1], register_name, op, register_name,
		 w->word[w->at + 2]);
	w->at += 3;
	conversation_run(s, text);
	return true;
}

static bool run_piece(struct conversation *s, struct statement *w)
{
	if (run_features(s, w))
		return true;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		if (statement_takes(w, pieces[i].name)) {
			conversation_run(s, pieces[i].text);
			return true;
		}
	return false;
}

static bool run_event(struct conversation *s, struct statement *w, bool *setting)
{
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		if (statement_takes(w, statements[i].word)) {
			*setting = statements[i].setting;
			statements[i].run(s, w);
			return true;
		}
	return false;
}

static void run_statement(struct conversation *s, const char *text, size_t len)
{
	bool piece, known, setting = false, mark;
	struct statement w;

	statement_cut(&w, text, len);
	mark = statement_takes(&w, "!");
	if (!*w.word[w.at])
		return;
	piece = run_piece(s, &w);
	known = piece || run_event(s, &w, &setting);
	if (!known || w.bad || *w.word[w.at] || (mark && setting)) {
		fprintf(stderr, "conversation: what is '%.*s'?\n", (int)len, text);
		s->error = true;
		return;
	}
	if (mark)
		s->mark = s->t.number;
	if (!piece && !setting)
		feed(s);
}

void conversation_run(struct conversation *s, const char *text)
{
	while (text && *text) {
		size_t n = strcspn(text, ";");

		run_statement(s, text, n);
		text += n + (text[n] == ';');
	}
}
