/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decoder/util/clock.h"
#include "emu/replay/qemu/qtest.h"

#define PORT_CONFIG_ADDRESS 0xcf8
#define PORT_CONFIG_DATA 0xcfc
#define MS 1000000 /* ns */

void qtest_init(struct qtest *q, int fd, int patience)
{
	memset(q, 0, sizeof(*q));
	q->fd = fd;
	q->patience = patience;
}

static int fail(struct qtest *q, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(q->why, sizeof(q->why), fmt, ap);
	va_end(ap);
	return rc;
}

/* Into q->why, which is shown on terminals. */
static int fail_line(struct qtest *q, int rc, const char *what, const char *line)
{
	int n = snprintf(q->why, sizeof(q->why), "%s: \"%.100s\"", what, line);

	for (int i = 0; i < n && i < (int)sizeof(q->why) - 1; i++)
		if (!isprint((unsigned char)q->why[i]))
			q->why[i] = '?';
	return rc;
}

static int wait_fd(struct qtest *q, int ms)
{
	struct pollfd p = { .fd = q->fd, .events = POLLIN };
	int n;

	if (q->wait)
		return q->wait(q->opaque, q->fd, ms);
	n = poll(&p, 1, ms);
	return n < 0 ? (errno == EINTR ? 0 : -errno) : n;
}

/* "IRQ raise 17": QEMU sends this between answers, whenever a line changes. */
static int take_irq(struct qtest *q, const char *line)
{
	char what[8];
	unsigned n;
	int end = -1;

	if (sscanf(line, "IRQ %7s %u%n", what, &n, &end) != 2 || line[end] || n > UINT16_MAX ||
	    (strcmp(what, "raise") && strcmp(what, "lower")))
		return fail_line(q, -EPROTO, "not an interrupt of the qtest protocol", line);
	if (q->nirq == QTEST_IRQS) { /* the oldest is dropped */
		q->irq_first = (q->irq_first + 1) % QTEST_IRQS;
		q->nirq--;
	}
	q->irq[(q->irq_first + q->nirq++) % QTEST_IRQS] =
		(struct qtest_irq){ .line = n, .level = what[0] == 'r' };
	return 0;
}

/* A whole line from the buffer, without its end: 1, 0 not yet. */
static int next_line(struct qtest *q, char line[QTEST_LINE])
{
	char *end = memchr(q->in, '\n', q->have);
	size_t n;

	if (!end)
		return q->have < sizeof(q->in)
			       ? 0
			       : fail(q, -EPROTO, "an answer too long for the qtest protocol");
	n = end - q->in;
	if (memchr(q->in, 0, n))
		return fail(q, -EPROTO, "an answer of the qtest protocol holds a zero byte");
	memcpy(line, q->in, n);
	line[n && line[n - 1] == '\r' ? n - 1 : n] = '\0';
	q->have -= n + 1;
	memmove(q->in, end + 1, q->have);
	return 1;
}

/* The next line that is an answer, within the time that is left. */
static int receive(struct qtest *q, char line[QTEST_LINE])
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) / MS + q->patience;

	for (;;) {
		long left = until - clock_ns(CLOCK_MONOTONIC) / MS;
		ssize_t n;
		int rc = next_line(q, line);

		if (rc > 0 && !strncmp(line, "IRQ ", 4)) {
			rc = take_irq(q, line);
			if (rc)
				return rc;
			continue;
		}
		if (rc)
			return rc;
		n = recv(q->fd, q->in + q->have, sizeof(q->in) - q->have, MSG_DONTWAIT);
		if (n > 0) {
			q->have += n;
			continue;
		}
		if (!n || (errno != EAGAIN && errno != EINTR))
			return fail(q, -EPIPE, "the qtest connection was closed");
		if (left <= 0)
			return fail(q, -ETIMEDOUT, "no answer within %d s", q->patience / 1000);
		rc = wait_fd(q, left);
		if (rc < 0)
			return fail(q, rc, "waiting for an answer: %s", strerror(-rc));
	}
}

static int send_all(struct qtest *q, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(q->fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) /* not for want of room: commands are short and answered one by one */
			return fail(q, -EPIPE, "the qtest connection was closed");
		text += n;
		len -= n;
	}
	return 0;
}

/* What follows "OK" is a number, or nothing when value is NULL. */
static int answer(struct qtest *q, uint64_t *value)
{
	char line[QTEST_LINE], *end;
	int rc = receive(q, line);

	if (rc < 0)
		return rc;
	if (!strncmp(line, "FAIL", 4))
		return fail_line(q, -EIO, "qtest refused a command", line);
	if (strncmp(line, "OK", 2) || (line[2] && line[2] != ' '))
		return fail_line(q, -EPROTO, "not an answer of the qtest protocol", line);
	if (!value)
		return 0;
	errno = 0;
	*value = strtoull(line + 2, &end, 0);
	if (end == line + 2 || *end || errno)
		return fail_line(q, -EPROTO, "not a number of the qtest protocol", line);
	return 0;
}

static char letter(unsigned width)
{
	return width == 1 ? 'b' : width == 2 ? 'w' : width == 4 ? 'l' : width == 8 ? 'q' : 0;
}

static int command(struct qtest *q, uint64_t *value, const char *fmt, ...)
{
	char text[QTEST_LINE];
	va_list ap;
	int n, rc;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || n >= (int)sizeof(text))
		return fail(q, -EINVAL, "a command too long for qtest");
	rc = send_all(q, text, n);
	return rc ? rc : answer(q, value);
}

/* No answer is wider than what was asked for. */
static int number(struct qtest *q, int rc, unsigned width, uint64_t value)
{
	if (!rc && width < 8 && value >> width * 8)
		return fail(q, -EPROTO, "a %u-byte read was answered with %#llx", width,
			    (unsigned long long)value);
	return rc;
}

int qtest_in(struct qtest *q, uint16_t port, unsigned width, uint32_t *value)
{
	uint64_t v = 0;
	int rc;

	if (!letter(width) || width > 4)
		return fail(q, -EINVAL, "a port cannot be read %u bytes at a time", width);
	rc = command(q, &v, "in%c 0x%x\n", letter(width), port);
	*value = v;
	return number(q, rc, width, v);
}

int qtest_out(struct qtest *q, uint16_t port, unsigned width, uint32_t value)
{
	if (!letter(width) || width > 4)
		return fail(q, -EINVAL, "a port cannot be written %u bytes at a time", width);
	return command(q, NULL, "out%c 0x%x 0x%x\n", letter(width), port, value);
}

int qtest_read(struct qtest *q, uint64_t addr, unsigned width, uint64_t *value)
{
	int rc;

	*value = 0;
	if (!letter(width))
		return fail(q, -EINVAL, "memory cannot be read %u bytes at a time", width);
	rc = command(q, value, "read%c 0x%llx\n", letter(width), (unsigned long long)addr);
	return number(q, rc, width, *value);
}

int qtest_write(struct qtest *q, uint64_t addr, unsigned width, uint64_t value)
{
	if (!letter(width))
		return fail(q, -EINVAL, "memory cannot be written %u bytes at a time", width);
	return command(q, NULL, "write%c 0x%llx 0x%llx\n", letter(width), (unsigned long long)addr,
		       (unsigned long long)value);
}

static int pci_select(struct qtest *q, uint16_t bdf, uint8_t off)
{
	return qtest_out(q, PORT_CONFIG_ADDRESS, 4, 1u << 31 | (uint32_t)bdf << 8 | (off & ~3u));
}

int qtest_pci_read(struct qtest *q, uint16_t bdf, uint8_t off, unsigned width, uint32_t *value)
{
	int rc = pci_select(q, bdf, off);

	return rc ? rc : qtest_in(q, PORT_CONFIG_DATA + off % 4, width, value);
}

int qtest_pci_write(struct qtest *q, uint16_t bdf, uint8_t off, unsigned width, uint32_t value)
{
	int rc = pci_select(q, bdf, off);

	return rc ? rc : qtest_out(q, PORT_CONFIG_DATA + off % 4, width, value);
}

int qtest_intercept(struct qtest *q, const char *path)
{
	return command(q, NULL, "irq_intercept_in %s\n", path);
}

int qtest_barrier(struct qtest *q)
{
	/* it only returns a constant; QEMU 7.2 without accel=qtest has few commands */
	return command(q, NULL, "endianness\n");
}

bool qtest_next_irq(struct qtest *q, struct qtest_irq *irq)
{
	if (!q->nirq)
		return false;
	*irq = q->irq[q->irq_first];
	q->irq_first = (q->irq_first + 1) % QTEST_IRQS;
	q->nirq--;
	return true;
}
