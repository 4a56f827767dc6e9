/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "bpf/memory/impl.h"
#include "decoder/trace/build.h"
#include "decoder/util/clock.h"
#include "decoder/util/text.h"

static void emit_at(struct memory_vmm *v, void *record, size_t len, uint64_t ts)
{
	struct memory_source *s = v->all;
	struct vqt_hdr *h = record;

	h->ts = v->emitted = ts;
	h->seq = v->out_seq++;
	h->source = v->source;
	s->handed++;
	s->request.record(s->request.ctx, record, len);
}

static void emit(struct memory_vmm *v, void *record, size_t len)
{
	emit_at(v, record, len, memory_now(v));
}

/* --- what describes the trace ---------------------------------------------------------------- */

void memory_describe_session(struct memory_source *s)
{
	_Alignas(8) uint8_t buf[8192];
	struct build b;
	struct vqt_session *r = build_session(&b, buf, sizeof(buf), s->request.command);

	r->h.ts = clock_ns(CLOCK_MONOTONIC);
	r->snaplen = s->request.snaplen;
	r->wall = s->wall;
	s->request.record(s->request.ctx, buf, b.len);
}

void memory_describe_vmm(struct memory_vmm *v)
{
	_Alignas(8) uint8_t buf[8192];
	struct build b;
	struct vqt_source *r = build_begin(&b, buf, sizeof(buf), VQT_SOURCE, sizeof(*r));

	r->kind = VQT_SRC_MEMORY;
	r->clock = VQT_CLOCK_MONOTONIC;
	r->pid = (uint32_t)v->m.p.pid;
	build_text(&b, VQT_TAG_NAME, v->m.p.name);
	build_text(&b, VQT_TAG_EXE, v->m.p.object_name);
	build_text(&b, VQT_TAG_VERSION, v->m.q->version);
	build_text(&b, VQT_TAG_BUILD_ID, elf_build_id(v->m.q->elf));
	build_text(&b, VQT_TAG_COMMAND, v->m.p.cmdline);
	emit(v, buf, b.len);
	memory_note(v, VQT_NO_DEVICE, VQT_NOTE_INFO,
		    "the rings are read from beside the device: a chain or completion has the time "
		    "when it was found, and says how long before that it may have happened; when a "
		    "chain is popped, kicks, interrupts and register accesses are not seen");
}

void memory_describe_device(struct memory_device *d)
{
	_Alignas(8) uint8_t buf[1024];
	struct build b;
	struct vqt_device *r = build_begin(&b, buf, sizeof(buf), VQT_DEVICE, sizeof(*r));
	struct vqt_hdr h = r->h;

	h.device = d->sink.device;
	*r = d->r;
	r->h = h;
	build_text(&b, VQT_TAG_NAME, d->name);
	build_text(&b, VQT_TAG_ID, d->who.user_id);
	build_text(&b, VQT_TAG_TYPENAME, d->who.typename);
	build_text(&b, VQT_TAG_PATH, d->who.path);
	emit(d->vmm, buf, b.len);
}

/* A driver accepts only what was offered: anything else means that the offset is wrong. */
static void learn_offered(const struct memory_device *d, struct vqt_device_state *r)
{
	const struct qemu *q = d->vmm->m.q;

	if (q->vdev_host_features != VQP_UNKNOWN &&
	    process_mem_all(&d->vmm->m.mem, d->who.vdev + q->vdev_host_features, &r->offered[0],
			    8) &&
	    !(r->accepted[0] & ~r->offered[0]))
		r->known |= VQT_KNOWN_OFFERED;
	else
		r->offered[0] = 0;
}

static size_t learn_config(const struct memory_device *d, uint8_t config[256])
{
	const struct qemu *q = d->vmm->m.q;
	const struct process_memory *m = &d->vmm->m.mem;
	uint64_t len = 0;

	if (q->vdev_config == VQP_UNKNOWN ||
	    !process_mem_all(m, d->who.vdev + q->vdev_config_len, &len, 8) || !len || len > 256 ||
	    !process_mem_all(m, process_pointer(m, d->who.vdev + q->vdev_config), config, len))
		return 0;
	return len;
}

/* PCI 6.8.2: the Enable bit of the MSI-X capability, in QEMU's configuration space. */
static void learn_msix(const struct memory_device *d, struct vqt_device_state *r)
{
	uint8_t c[256];
	unsigned at;

	if (!d->who.pci_config || !process_mem_all(&d->vmm->m.mem, d->who.pci_config, c, sizeof(c)))
		return;
	r->known |= VQT_KNOWN_MSIX;
	at = c[0x06] & 0x10 ? c[0x34] & 0xfc : 0; /* is there a list of capabilities */
	for (unsigned n = 0; at >= 0x40 && at <= 0xfc && n < 48; n++, at = c[at + 1] & 0xfc)
		if (c[at] == 0x11)
			r->msix = c[at + 3] >> 7;
}

void memory_describe_state(struct memory_device *d)
{
	_Alignas(8) uint8_t buf[512], config[256];
	struct build b;
	struct vqt_device_state *r =
		build_begin(&b, buf, sizeof(buf), VQT_DEVICE_STATE, sizeof(*r));
	size_t n;

	r->h.device = d->sink.device;
	r->known = VQT_KNOWN_STATUS | VQT_KNOWN_ACCEPTED;
	r->status = d->status;
	r->accepted[0] = d->features;
	learn_offered(d, r);
	learn_msix(d, r);
	n = learn_config(d, config);
	if (n) {
		r->known |= VQT_KNOWN_CONFIG;
		r->config_len = (uint16_t)n;
		build_bytes(&b, config, n);
	}
	emit(d->vmm, buf, b.len);
}

/* --- events ---------------------------------------------------------------------------------- */

void memory_note(struct memory_vmm *v, uint16_t device, unsigned level, const char *text)
{
	_Alignas(8) uint8_t buf[1024];
	struct build b;
	struct vqt_note *n = build_begin(&b, buf, sizeof(buf), VQT_NOTE, sizeof(*n));
	size_t len = strnlen(text, 900);

	n->h.device = device;
	n->level = (uint16_t)level;
	n->len = (uint16_t)len;
	build_bytes(&b, text, len);
	emit(v, buf, b.len);
}

void memory_lifecycle(struct memory_device *d, unsigned what, unsigned queue)
{
	struct vqt_lifecycle l = { .what = (uint16_t)what };

	l.h = (struct vqt_hdr){ .type = VQT_LIFECYCLE,
				.device = d->sink.device,
				.queue = (uint16_t)queue };
	emit(d->vmm, &l, sizeof(l));
}

void memory_lost_more(struct memory_queue *q)
{
	struct vqt_loss l = { .why = VQT_LOSS_MEMORY, .flags = VQT_LOSS_MORE };

	l.h = (struct vqt_hdr){ .type = VQT_LOSS,
				.device = q->device->sink.device,
				.queue = q->snoop.queue };
	q->snoop.stats.lost_more++;
	emit(q->device->vmm, &l, sizeof(l));
}

void memory_record(void *opaque, void *record, size_t len)
{
	struct memory_device *d = opaque;
	const struct vqt_hdr *h = record;
	struct build b = { .bytes = record, .size = VQT_RECORD_MAX, .len = len };
	uint64_t now = memory_now(d->vmm); /* once: what is within is counted back from it */

	if (h->type == VQT_NOTE) /* that a packed ring is lost: QEMU knows where it is */
		return;
	looks_event(&d->vmm->all->looks, record);
	if (h->queue < d->nqueues &&
	    (h->type == VQT_USED ||
	     (h->type == VQT_AVAIL &&
	      !(((const struct vqt_avail *)record)->flags & VQT_CHAIN_BEFORE))))
		looks_add_within(&d->vmm->all->looks, now, d->queue[h->queue].looked, &b);
	emit_at(d->vmm, record, b.len, now);
}
