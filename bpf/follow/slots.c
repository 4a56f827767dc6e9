/* SPDX-License-Identifier: MIT */
#include "bpf/follow/slots.h"

#define GUEST_MEMFD 4 /* KVM_MEM_GUEST_MEMFD: the guest may have private memory in its place */

static struct slot *find_id(struct slots *s, uint16_t id)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->slot[i].id == id)
			return &s->slot[i];
	return NULL;
}

void slots_clear(struct slots *s)
{
	s->n = 0;
}

static bool is_usable(const struct vqk_event *e)
{
	return e->value && !(e->width & GUEST_MEMFD) && e->addr + e->value >= e->addr &&
	       e->host + e->value >= e->host;
}

/* By its descriptor; a process that has it twice has, for us, several machines. */
static bool is_of_another(struct slots *s, const struct vqk_event *e)
{
	uint32_t fd = e->width >> VQK_SLOT_FD;

	if (!s->any)
		s->fd = fd;
	s->any = true;
	s->several |= fd != s->fd;
	return s->several;
}

enum slots_change slots_event(struct slots *s, const struct vqk_event *e, struct slot *was)
{
	struct slot now = { (uint16_t)e->count, e->addr, e->value, e->host };
	struct slot *at;

	*was = (struct slot){ 0 };
	if (is_of_another(s, e)) {
		*was = (struct slot){ .len = UINT64_MAX };
		slots_clear(s);
		return SLOTS_LESS;
	}
	if (e->count >> 16) /* another address space: that of system management mode */
		return SLOTS_SAME;
	at = find_id(s, now.id);
	if (at && is_usable(e) && at->gpa == now.gpa && at->len == now.len && at->host == now.host)
		return SLOTS_SAME; /* other flags: dirty pages are logged */
	if (e->kind == VQK_SLOT) {
		if (!at)
			return SLOTS_SAME;
		*was = *at;
		*at = s->slot[--s->n];
		return SLOTS_LESS;
	}
	if (at || !is_usable(e) || s->n == SLOTS_MAX)
		return SLOTS_SAME;
	s->slot[s->n++] = now;
	return SLOTS_MORE;
}

bool slots_find(const void *map, uint64_t gpa, size_t len, uint64_t *host)
{
	const struct slots *s = map;

	for (unsigned i = 0; i < s->n && !s->several; i++) {
		const struct slot *at = &s->slot[i];

		if (gpa < at->gpa || gpa - at->gpa >= at->len || len > at->len - (gpa - at->gpa))
			continue;
		*host = at->host + (gpa - at->gpa);
		return true;
	}
	return false;
}
