/* SPDX-License-Identifier: MIT */
/* Interrupts over vfio-user: event descriptors for INTx and each MSI-X vector. */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <unistd.h>

#include "emu/transport/virtio_pci.h"
#include "emu/server/vfio_user.h"

static unsigned vectors(const struct vfio_user *u)
{
	return emu_vpci_pci(u->dev)->l.vectors;
}

int vfio_user_irq_info(struct vfio_user *u, uint32_t index, uint32_t *flags, uint32_t *count)
{
	*flags = *count = 0;
	if (index >= VU_IRQS)
		return -EINVAL;
	if (index == VFIO_PCI_INTX_IRQ_INDEX) {
		*flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
		*count = emu_vpci_pci(u->dev)->l.pin != 0;
	} else if (index == VFIO_PCI_MSIX_IRQ_INDEX) {
		*flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
		*count = vectors(u);
	} else if (index == VFIO_PCI_ERR_IRQ_INDEX) { /* offered, never used */
		*flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
		*count = 1;
	}
	return 0;
}

void vfio_user_irqs_init(struct vfio_user *u)
{
	u->intx_fd = u->intx_unmask.fd = -1;
	for (unsigned i = 0; i < VU_VECTORS; i++)
		u->vector_fd[i] = -1;
}

void vfio_user_irqs_drop(struct vfio_user *u)
{
	server_close(&u->intx_fd);
	server_drop(&u->server, &u->intx_unmask);
	u->intx_masked = false;
	for (unsigned i = 0; i < VU_VECTORS; i++)
		server_close(&u->vector_fd[i]);
	memset(u->pending, 0, sizeof(u->pending));
}

void vfio_user_msix(void *opaque, uint16_t vector)
{
	struct vfio_user *u = opaque;
	if (vector < VU_VECTORS && u->vector_fd[vector] >= 0)
		server_interrupt(&u->server, &u->vector_fd[vector]);
	else if (vector < VU_VECTORS)
		u->pending[vector] = true;
}

/* INTx is level-triggered: signal once, then not before the client unmasks it. */
static void update_intx(struct vfio_user *u)
{
	if (!u->intx_level || u->intx_masked || u->intx_fd < 0)
		return;
	u->intx_masked = true;
	server_interrupt(&u->server, &u->intx_fd);
}

void vfio_user_intx(void *opaque, bool level)
{
	struct vfio_user *u = opaque;
	u->intx_level = level;
	update_intx(u);
}

static void on_unmask(struct server *d, struct server_source *s, uint32_t events)
{
	struct vfio_user *u = (struct vfio_user *)d;
	uint64_t n;
	if (read(s->fd, &n, sizeof(n)) != sizeof(n)) {
		if (events & (EPOLLHUP | EPOLLERR))
			server_drop(&u->server, &u->intx_unmask);
		return;
	}
	u->intx_masked = false;
	update_intx(u);
}

static int set_unmask_fd(struct vfio_user *u)
{
	int fd = server_take_fd(&u->server, 0);
	server_drop(&u->server, &u->intx_unmask);
	if (fd < 0)
		return 0;
	server_nonblock(fd);
	u->intx_unmask.ready = on_unmask;
	return server_own(&u->server, &u->intx_unmask, fd, EPOLLIN);
}

static int set_intx(struct vfio_user *u, const struct vfio_irq_set *s, const uint8_t *data)
{
	bool one = s->count && (!(s->flags & VFIO_IRQ_SET_DATA_BOOL) || data[0]);
	uint32_t action = s->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	if (action == VFIO_IRQ_SET_ACTION_UNMASK && s->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		return set_unmask_fd(u);
	if (action == VFIO_IRQ_SET_ACTION_TRIGGER && s->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		server_close(&u->intx_fd);
		u->intx_fd = server_take_fd(&u->server, 0);
		if (u->intx_fd >= 0)
			server_nonblock(u->intx_fd);
		u->intx_masked = false;
	} else if (action == VFIO_IRQ_SET_ACTION_TRIGGER && !s->count) {
		server_close(&u->intx_fd);
		server_drop(&u->server, &u->intx_unmask);
	} else if (action == VFIO_IRQ_SET_ACTION_TRIGGER && one && u->intx_fd >= 0) {
		server_signal(&u->server, u->intx_fd);
	} else if (action == VFIO_IRQ_SET_ACTION_MASK && one) {
		u->intx_masked = true;
	} else if (action == VFIO_IRQ_SET_ACTION_UNMASK && one) {
		u->intx_masked = false;
	}
	update_intx(u);
	return 0;
}

/* fd -1 takes the descriptor away, which masks the vector; a new one gets what is pending, PCI 6.8.3.4. */
static void set_vector_fd(struct vfio_user *u, uint32_t vector, int fd)
{
	server_close(&u->vector_fd[vector]);
	u->vector_fd[vector] = fd;
	if (fd < 0)
		return;
	server_nonblock(fd);
	if (u->pending[vector])
		server_interrupt(&u->server, &u->vector_fd[vector]);
	u->pending[vector] = false;
}

static int set_msix(struct vfio_user *u, const struct vfio_irq_set *s, const uint8_t *data)
{
	if ((s->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTSUP; /* clients mask a vector by removing its descriptor */
	if (!s->count)
		for (unsigned i = 0; i < vectors(u); i++)
			server_close(&u->vector_fd[i]);
	for (uint32_t i = 0; i < s->count; i++) {
		int *fd = &u->vector_fd[s->start + i];
		if (s->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
			set_vector_fd(u, s->start + i, server_take_fd(&u->server, i));
		} else if (*fd >= 0 && (!(s->flags & VFIO_IRQ_SET_DATA_BOOL) || data[i])) {
			server_signal(&u->server, *fd);
		}
	}
	return 0;
}

int vfio_user_set_irqs(struct vfio_user *u, const uint8_t *p, size_t len)
{
	struct vfio_irq_set s;
	uint32_t flags, have;
	memcpy(&s, p, sizeof(s));
	int ret = vfio_user_irq_info(u, s.index, &flags, &have);
	if (ret < 0)
		return ret;
	if (s.start > have || s.count > have - s.start)
		return -EINVAL;
	if (s.flags & VFIO_IRQ_SET_DATA_BOOL && s.count > len - sizeof(s))
		return -EINVAL;
	const uint8_t *data = p + sizeof(s);
	if (s.index == VFIO_PCI_INTX_IRQ_INDEX)
		return set_intx(u, &s, data);
	if (s.index == VFIO_PCI_MSIX_IRQ_INDEX)
		return set_msix(u, &s, data);
	return 0;
}
