/* SPDX-License-Identifier: MIT */
/* Turns a device's lifecycle, its errors and configuration changes into items. */
#include <errno.h>
#include <string.h>

#include "decoder/diff/impl.h"

/* Left out: steps that register accesses show already, or that concern the machine. */
static bool lifecycle_matters(unsigned what)
{
	switch (what) {
	case VQT_LIFECYCLE_TYPE_REGISTER:
	case VQT_LIFECYCLE_RESET:
	case VQT_LIFECYCLE_SET_STATUS:
	case VQT_LIFECYCLE_SET_FEATURES:
	case VQT_LIFECYCLE_SET_RINGS:
	case VQT_LIFECYCLE_SET_NUM:
	case VQT_LIFECYCLE_SET_VECTOR:
	case VQT_LIFECYCLE_QUEUE_ENABLE:
	case VQT_LIFECYCLE_IOEVENTFD_STOP: /* at every status write, started or not */
	case VQT_LIFECYCLE_GSI_COMMIT:
	case VQT_LIFECYCLE_MSI_ROUTE:
	case VQT_LIFECYCLE_IRQFD: return false;
	}
	return true;
}

static char *copy_text(const struct record *r)
{
	size_t len;
	const char *s = record_text(r, &len);

	return strndup(s, len < 120 ? len : 120);
}

static int lifecycle(const struct diff_event *s)
{
	const struct vqt_lifecycle *l = &s->e->rec->lifecycle;
	struct diff_item t = {
		.class = DIFF_LIFECYCLE,
		.kind = ITEM_LIFECYCLE,
		.at = l->what,
		.select = l->h.queue,
	};

	if (!lifecycle_matters(l->what))
		return 0;
	t.text = copy_text(s->e->rec);
	if (!t.text)
		return -ENOMEM;
	if (l->what == VQT_LIFECYCLE_ERROR) {
		t.class = DIFF_ERRORS;
		t.kind = ITEM_ERROR;
		t.select = VQT_NO_QUEUE;
		return diff_setup_step(s, STREAM_SETUP, &t);
	}
	switch (l->what) { /* compare sizes and switches, not addresses */
	case VQT_LIFECYCLE_VIRTIO_INIT:
	case VQT_LIFECYCLE_ADD_QUEUE:
	case VQT_LIFECYCLE_REGION:
	case VQT_LIFECYCLE_BAR:
	case VQT_LIFECYCLE_MSIX_INIT:
	case VQT_LIFECYCLE_HOST_NOTIFIER:
	case VQT_LIFECYCLE_GUEST_NOTIFIER:
		t.v[0] = l->arg[0];
		if (l->what == VQT_LIFECYCLE_VIRTIO_INIT || l->what == VQT_LIFECYCLE_GUEST_NOTIFIER)
			t.v[0] |= l->arg[1] << 32;
	}
	return diff_setup_step(s, STREAM_LIFECYCLE, &t);
}

static int irq(const struct diff_event *s)
{
	struct diff_item t = { .class = DIFF_NOTIFY, .kind = ITEM_CONFIG_IRQ };

	return s->e->rec->irq.kind == VQT_IRQ_CONFIG ? diff_setup_step(s, STREAM_SETUP, &t) : 0;
}

static int used(const struct diff_event *s)
{
	struct diff_item t = { .class = DIFF_ERRORS, .kind = ITEM_ERROR };

	if (!s->e->unknown_id || s->h->facts.flags & VQT_DEV_LATE)
		return 0;
	t.text = strdup("completion of a chain that is not in flight");
	return t.text ? diff_setup_step(s, STREAM_SETUP, &t) : -ENOMEM;
}

int diff_lifecycle_feed(const struct diff_event *s)
{
	switch (s->e->rec->h.type) {
	case VQT_LIFECYCLE: return lifecycle(s);
	case VQT_IRQ: return irq(s);
	case VQT_USED: return used(s);
	}
	return 0;
}
