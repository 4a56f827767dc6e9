/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a QEMU says to a replay: answers of qtest, answers of QMP, and
 * the requests of its NBD client; the first byte chooses.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emu/replay/qemu/nbd.h"
#include "emu/replay/qemu/qtest.h"
#include "emu/replay/qemu/impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DISK 65536u

static void as_qtest(int fd, uint8_t how)
{
	struct qtest_irq irq;
	struct qtest q;
	uint64_t v;
	uint32_t n;

	qtest_init(&q, fd, 0);
	for (int i = 0; i < 8; i++) {
		int rc;

		switch ((how + i) % 5) {
		case 0:
			rc = qtest_in(&q, 0x80, 1 << i % 3, &n);
			if (!rc && i % 3 < 2 && n >> (8 << i % 3))
				abort(); /* wider than was asked for */
			break;
		case 1: rc = qtest_write(&q, 0x1000, 8, 1); break;
		case 2: rc = qtest_read(&q, 0x1000, 1 << i % 4, &v); break;
		case 3: rc = qtest_pci_write(&q, 0x20, 4, 2, 7); break;
		default: rc = qtest_intercept(&q, "ioapic");
		}
		if (rc && (!q.why[0] || strlen(q.why) >= sizeof(q.why)))
			abort(); /* no trouble without words */
	}
	for (unsigned i = 0; qtest_next_irq(&q, &irq); i++)
		if (i > QTEST_IRQS)
			abort();
}

static void as_qmp(int fd)
{
	struct qemu_about a = { 0 };
	char why[100] = "";

	if (qemu_ask_fd(&a, fd, 0, "virtio-blk-pci", why, sizeof(why)) && !why[0])
		abort();
	qemu_about_fini(&a);
}

static uint8_t disk[DISK];

static int get(void *opaque, uint64_t off, void *buf, uint32_t len)
{
	if (off > DISK || len > DISK - off)
		abort();
	memcpy(buf, disk + off, len);
	return 0;
}

static int set(void *opaque, uint64_t off, const void *buf, uint32_t len)
{
	if (off > DISK || len > DISK - off)
		abort();
	memcpy(disk + off, buf, len);
	return 0;
}

static int zero(void *opaque, uint64_t off, uint32_t len, bool discard)
{
	if (off > DISK || len > DISK - off)
		abort();
	memset(disk + off, 0, len);
	return 0;
}

static int64_t came(void *opaque, enum nbd_op op, uint64_t off, uint32_t len)
{
	return off % 3 == 1 ? (int64_t)(off % 7) : off % 3 == 2 ? -5 : 0;
}

static void as_nbd(int fd, uint8_t how)
{
	struct nbd_disk d = { .size = DISK,
			      .read_only = how & 1,
			      .read = get,
			      .write = set,
			      .zero = zero,
			      .came = how & 2 ? came : NULL };
	struct nbd n;

	if (nbd_init(&n, fd, &d))
		return;
	for (int i = 0; i < 64 && nbd_run(&n) > 0; i++)
		if (how & 4)
			nbd_release(&n, i % 8);
	if (n.nheld > NBD_HELD_MAX || n.held_bytes > NBD_MAX_IO)
		abort();
	nbd_release(&n, 0);
	nbd_run(&n);
	nbd_fini(&n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd[2];

	/* what fits into the socket at once: what is asked is never read */
	if (!size || size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		return 0;
	if (size > 1 && write(fd[1], data + 1, size - 1) != (ssize_t)size - 1)
		abort();
	shutdown(fd[1], SHUT_WR);
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	if (data[0] % 3 == 0)
		as_qtest(fd[0], data[0]);
	else if (data[0] % 3 == 1)
		as_qmp(fd[0]);
	else
		as_nbd(fd[0], data[0] / 3);
	close(fd[0]);
	close(fd[1]);
	return 0;
}
