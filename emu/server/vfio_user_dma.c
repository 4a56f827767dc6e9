/* SPDX-License-Identifier: MIT */
/*
 * Guest memory without a descriptor: DMA_READ and DMA_WRITE, sent to the client.
 *
 * The client may itself wait for us, with its locks held, and then answers no DMA message
 * before it has its own answer.  So messages that arrive meanwhile are handled at once
 * where that is possible (reads of registers always are) and kept for later where it is
 * not.  If both sides wait for each other, our wait ends first.  A client that does not
 * wait for us is only slow, and gets more time.
 */
#include <errno.h>
#include <string.h>

#include "decoder/trace/record.h"
#include "decoder/util/clock.h"
#include "emu/server/vfio_user.h"

#define SLICE_US 100000 /* one wait counts at most this: the machine may have been paused */
#define ENDS_US 300000 /* of patience in all, once the server is about to end */
#define SLOW 5 /* the timeout times this, while the client waits for no answer of ours */

void vfio_user_dma_answer(struct vfio_user *u, const struct vfio_user_hdr *h, const uint8_t *p,
			  size_t len)
{
	if (!u->dma.waiting || h->id != u->dma.id || h->command != u->dma.command)
		return; /* the answer to a DMA whose wait timed out */
	u->dma.waiting = false;
	if (h->flags & VU_ERROR) {
		u->dma.ret = h->error > 0 && h->error < 4096 ? -(int)h->error : -EIO;
	} else if (u->dma.in) {
		size_t head = sizeof(struct vfio_user_dma_access);
		if (len < head || len - head < u->dma.len)
			u->dma.ret = -EIO;
		else
			memcpy(u->dma.in, p + head, u->dma.len);
	}
}

/* A client that answers slowly, many times, does not keep the server from ending. */
static bool ends(struct vfio_user *u, int64_t now)
{
	if (!u->ends_us && u->server.ends && u->server.ends(u->server.opaque))
		u->ends_us = now;
	int64_t most = u->dma_timeout_ms * 1000ll;
	return u->ends_us && now - u->ends_us > (most < ENDS_US ? most : ENDS_US);
}

static int wait_answer(struct vfio_user *u)
{
	int64_t waited = 0;
	int ret = 0;
	while (u->dma.waiting && ret >= 0) {
		int64_t left = u->dma_timeout_ms * (u->later ? 1000ll : 1000ll * SLOW) - waited;
		int64_t before = clock_ns(CLOCK_MONOTONIC) / 1000;
		int64_t slice = left < SLICE_US ? left : SLICE_US;
		if (ends(u, before)) {
			u->dma.waiting = false;
			return server_fail(&u->server,
					   "it was slow to answer a DMA as the server ended");
		}
		ret = left <= 0 ? -ETIMEDOUT : server_receive(&u->server, (slice + 999) / 1000);
		if (ret == -EINTR)
			ret = 0;
		int64_t passed = (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000) - before;
		waited += passed < SLICE_US ? passed : SLICE_US;
	}
	u->dma.waiting = false;
	if (ret < 0 && ret != -ETIMEDOUT)
		u->dma.ret = server_fail(&u->server, "the connection broke during a DMA");
	return ret < 0 ? ret : u->dma.ret;
}

/* p: where what is read goes, or what is written. */
static int transfer(struct vfio_user *u, uint16_t command, uint64_t gpa, uint8_t *p, size_t len)
{
	const size_t sent = command == VU_DMA_WRITE ? len : 0;
	struct vfio_user_dma_access a = { .address = gpa, .count = len };
	struct vfio_user_hdr h = { .id = u->next_id++,
				   .command = command,
				   .size = sizeof(h) + sizeof(a) + sent };
	struct iovec iov[] = { { &h, sizeof(h) }, { &a, sizeof(a) }, { p, sent } };
	if (u->dma.waiting || u->dma.refused || !server_connected(&u->server) || u->server.why[0])
		return -EIO;
	u->dma.waiting = true;
	u->dma.id = h.id;
	u->dma.command = command;
	u->dma.in = sent ? NULL : p;
	u->dma.len = len;
	u->dma.ret = 0;
	int ret = server_send(&u->server, iov, 3, -1);
	if (ret < 0) {
		u->dma.waiting = false;
		return ret;
	}
	return wait_answer(u);
}

static int transfer_all(struct vfio_user *u, uint16_t command, uint64_t gpa, uint8_t *p, size_t len)
{
	int ret = 0;
	for (size_t n; len && ret == 0; len -= n, p += n, gpa += n) {
		n = len < u->client_data_max ? len : u->client_data_max;
		ret = transfer(u, command, gpa, p, n);
	}
	return ret;
}

static int dma_read(void *opaque, uint64_t gpa, void *buf, size_t len)
{
	return transfer_all(opaque, VU_DMA_READ, gpa, buf, len);
}

static int dma_write(void *opaque, uint64_t gpa, const void *buf, size_t len)
{
	return transfer_all(opaque, VU_DMA_WRITE, gpa, (uint8_t *)buf, len);
}

const struct emu_mem_ops vfio_user_dma_ops = { .read = dma_read, .write = dma_write };
