/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "decoder/edit/line.h"

bool line_is_status(const struct event *e)
{
	return e->rec->h.type == VQT_REG && e->field &&
	       e->field->id == (e->rec->reg.op == VQT_READ ? SPEC_REG_ISR : SPEC_REG_ISR_ACK);
}

const struct line *line_of(struct line *lines, unsigned device)
{
	struct line *l;

	HASH_FIND(hh, lines, &device, sizeof(device), l);
	return l;
}

static void signalled(struct line *l, int queue, int *also)
{
	if (l->served || l->owner == LINE_NONE) {
		l->owner = queue;
		l->served = false;
	} else if (l->owner != queue) {
		*also = l->owner;
		l->owner = LINE_SHARED;
	}
}

int line_follow(struct line **lines, const struct event *e, int *also)
{
	const struct vqt_irq *irq = &e->rec->irq;
	bool signal = e->rec->h.type == VQT_IRQ &&
		      (irq->kind == VQT_IRQ_CONFIG || (irq->kind == VQT_IRQ_SIGNAL && e->queue)) &&
		      irq->vector == VQT_NO_VECTOR;
	struct line *l;

	*also = LINE_NONE;
	if (!e->dev)
		return 0;
	HASH_FIND(hh, *lines, &e->dev->id, sizeof(l->device), l);
	if (!l && signal) {
		hash_add_new(*lines, device, e->dev->id, l);
		if (!l)
			return -ENOMEM;
		l->owner = LINE_NONE;
	}
	if (!l)
		return 0;
	if (signal)
		signalled(l, irq->kind == VQT_IRQ_CONFIG ? LINE_SHARED : (int)e->queue->index,
			  also);
	else if (line_is_status(e) && e->rec->reg.op == VQT_READ)
		l->served = true;
	else if (e->dropped)
		l->owner = LINE_NONE;
	return 0;
}

void line_forget(struct line *lines)
{
	for (struct line *l = lines; l; l = l->hh.next) {
		l->owner = LINE_NONE;
		l->served = false;
	}
}

void line_free(struct line **lines)
{
	hash_free(*lines);
}
