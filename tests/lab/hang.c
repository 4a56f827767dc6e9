/* SPDX-License-Identifier: MIT */
/*
 * Makes a machine hang in a chosen way, for tests:
 *   hang hold TID          stops one thread (of a processor, of an I/O thread) until it is killed
 *   hang steal PID FD [N]  takes what is written to an eventfd of the process, N times (1)
 *   hang poke PID FD       writes to an eventfd of the process
 *   hang qmp SOCKET COMMAND [ARGS]   runs a command of QEMU's monitor; ARGS is JSON
 *   hang measure FILE COMMAND...   runs it, and writes to FILE: seconds, of which it waited for a
 *                          processor, of which it computed; the most MiB that it had
 * By QEMU's gdb stub:
 *   hang spin SOCKET       the guest's first processor loops with interrupts off, or sleeps
 *                          with them off
 *   hang load SOCKET ADDR  prints 32 bits at a guest-physical address
 *   hang store SOCKET ADDR VALUE   writes them; ADDR is hexadecimal
 *   hang function SOCKET SLOT on|off   Function Mask of MSI-X of the device in
 *                          that slot of bus 0 of a q35 machine
 *   hang intx SOCKET SLOT on|off       and Interrupt Disable
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decoder/util/clock.h"
#include "decoder/util/qmp.h"

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int hold(pid_t tid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ||
	    waitpid(tid, &status, __WALL) != tid)
		return fail("ptrace");
	puts("held");
	fflush(stdout);
	pause(); /* the kernel detaches when this process ends */
	return 0;
}

/* --- eventfds ------------------------------------------------------------------------- */

static int take(pid_t pid, int fd)
{
	int at = (int)syscall(SYS_pidfd_open, pid, 0);

	return at < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, at, fd, 0);
}

static int steal(pid_t pid, int fd, unsigned times)
{
	struct pollfd p = { .fd = take(pid, fd), .events = POLLIN };
	uint64_t count;

	if (p.fd < 0)
		return fail("pidfd_getfd");
	while (times)
		if (read(p.fd, &count, sizeof(count)) == sizeof(count))
			times--;
	puts("stolen");
	return 0;
}

static int poke(pid_t pid, int fd)
{
	uint64_t one = 1;
	int copy = take(pid, fd);

	return copy < 0 || write(copy, &one, sizeof(one)) != sizeof(one) ? fail("eventfd") : 0;
}

/* --- the gdb stub ------------------------------------------------------------------------ */

static int open_stub(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	return connect(fd, (struct sockaddr *)&sa, sizeof(sa)) ? -1 : fd;
}

static int next_byte(int fd)
{
	unsigned char c;

	return read(fd, &c, 1) == 1 ? c : -1;
}

static bool receive(int fd, char *answer, size_t size)
{
	size_t n = 0;
	int c;

	while ((c = next_byte(fd)) != '$')
		if (c < 0)
			return false;
	while ((c = next_byte(fd)) != '#' && c >= 0)
		if (n + 1 < size)
			answer[n++] = (char)c;
	answer[n] = 0;
	return c >= 0 && next_byte(fd) >= 0 && next_byte(fd) >= 0 && write(fd, "+", 1) == 1;
}

/* One packet, and the answer without its frame; false when the stub is gone. */
static bool ask(int fd, const char *packet, char *answer, size_t size)
{
	char frame[8300];
	unsigned sum = 0;

	for (const char *p = packet; *p; p++)
		sum += (unsigned char)*p;
	snprintf(frame, sizeof(frame), "$%s#%02x", packet, sum & 0xff);
	if (write(fd, frame, strlen(frame)) < 0)
		return false;
	/* that the machine has stopped may be reported at any time */
	do {
		if (!receive(fd, answer, size))
			return false;
	} while (answer[0] == 'T' && packet[0] != 's');
	return true;
}

/* The 64-bit register at this place of the answer to 'g', in its byte order. */
static uint64_t reg(const char *regs, unsigned at)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--) {
		char byte[3] = { regs[at * 16 + i * 2], regs[at * 16 + i * 2 + 1], 0 };

		v = v << 8 | strtoul(byte, NULL, 16);
	}
	return v;
}

/* Addresses are physical, or virtual; the stub remembers it from one client to the next. */
static bool physical(int fd, bool on)
{
	char answer[64];

	return ask(fd, on ? "Qqemu.PhyMemMode:1" : "Qqemu.PhyMemMode:0", answer, sizeof(answer)) &&
	       !strcmp(answer, "OK");
}

/*
 * The stub stops the machine when it is connected to.  Interrupts go off in the flags, so
 * the loop needs no cli, which a program of the guest could not run: a jump to itself.
 */
static int spin(int fd)
{
	char regs[8192], answer[64], code[64], all[8200];
	uint64_t rip;
	char *flags;

	if (!physical(fd, false) || !ask(fd, "g", regs, sizeof(regs)) || strlen(regs) < 18 * 16)
		return fail("gdb stub");
	rip = reg(regs, 16);
	flags = regs + 17 * 16; /* of 4 bytes; IF is bit 1 of the second, the lower digit */
	flags[3] = "0123456789abcdef"[strtoul((char[]){ flags[3], 0 }, NULL, 16) & ~2UL];
	snprintf(all, sizeof(all), "G%s", regs);
	snprintf(code, sizeof(code), "M%llx,2:ebfe", (unsigned long long)rip);
	if (!ask(fd, code, answer, sizeof(answer)) || strcmp(answer, "OK") ||
	    !ask(fd, all, answer, sizeof(answer)) || strcmp(answer, "OK"))
		return fail(answer);
	return !ask(fd, "D", answer, sizeof(answer));
}

/* A dword of guest-physical memory; 0 if it cannot be read. */
static uint32_t load(int fd, uint64_t addr)
{
	char answer[64], packet[64];

	snprintf(packet, sizeof(packet), "m%llx,4", (unsigned long long)addr);
	if (!ask(fd, packet, answer, sizeof(answer)) || strlen(answer) != 8)
		return 0;
	return __builtin_bswap32((uint32_t)strtoul(answer, NULL, 16));
}

static bool store(int fd, uint64_t addr, uint32_t v)
{
	char answer[64], packet[128];

	snprintf(packet, sizeof(packet), "M%llx,4:%08x", (unsigned long long)addr,
		 __builtin_bswap32(v));
	return ask(fd, packet, answer, sizeof(answer)) && !strcmp(answer, "OK");
}

#define ECAM 0xb0000000ULL /* of q35 */

/* Set or clear a bit of the configuration space: in the MSI-X capability, or the command register. */
static int config_bit(int fd, unsigned slot, bool msix, bool on)
{
	uint64_t base = ECAM + (slot << 15), at = base + 4;
	uint32_t bit = msix ? 1U << 30 : 1U << 10, v;
	char answer[64];

	if (!physical(fd, true))
		return fail("gdb stub");
	if (msix) {
		unsigned cap = load(fd, base + 0x34) & 0xfc;

		while (cap >= 0x40 && (load(fd, base + cap) & 0xff) != 0x11)
			cap = load(fd, base + cap) >> 8 & 0xfc;
		at = base + cap;
	}
	v = load(fd, at);
	if (!store(fd, at, on ? v | bit : v & ~bit))
		return fail("configuration space");
	return !ask(fd, "D", answer, sizeof(answer));
}

/* v: what to store; NULL: load and print. */
static int word(int fd, uint64_t addr, const char *v)
{
	char answer[256];

	if (!physical(fd, true) || (v && !store(fd, addr, (uint32_t)strtoul(v, NULL, 0))))
		return fail("gdb stub");
	if (!v)
		printf("0x%x\n", load(fd, addr));
	return !ask(fd, "D", answer, sizeof(answer));
}

/* --- others ------------------------------------------------------------------------------ */

static int measure(const char *path, char **command)
{
	uint64_t begun = clock_ns(CLOCK_MONOTONIC), waited = 0;
	struct rusage used;
	siginfo_t info;
	char stat[48];
	int status = 0;
	pid_t child = fork();
	FILE *to;

	if (!child) {
		execvp(command[0], command);
		_exit(127);
	}
	if (child < 0 || waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT))
		return fail(command[0]);
	snprintf(stat, sizeof(stat), "/proc/%d/schedstat", (int)child);
	to = fopen(stat, "r");
	if (!to || fscanf(to, "%*u %" SCNu64, &waited) != 1)
		waited = 0;
	if (to)
		fclose(to);
	if (wait4(child, &status, 0, &used) != child)
		return fail(command[0]);
	to = fopen(path, "w");
	if (!to)
		return fail(path);
	fprintf(to, "%.1f\t%.1f\t%.2f\t%ld\n", (double)(clock_ns(CLOCK_MONOTONIC) - begun) / 1e9,
		(double)waited / 1e9,
		(double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
		(used.ru_maxrss + 1023) / 1024);
	fclose(to);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int monitor(const char *path, const char *command, const char *args)
{
	struct json_object *ret = NULL;
	struct qmp q;
	int fd = qmp_connect(path), err = fd < 0 ? fd : qmp_init(&q, fd, 60000);

	if (!err)
		err = qmp_greet(&q, NULL);
	if (!err)
		err = qmp_command(&q, command, args ? json_tokener_parse(args) : NULL, &ret);
	if (!err)
		puts(json_object_is_type(ret, json_type_string) ? json_object_get_string(ret)
								: json_object_to_json_string(ret));
	errno = -err;
	return err ? fail(command) : 0;
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[1] : "";
	long first = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	int fd;

	if (!strcmp(how, "hold"))
		return hold((pid_t)first);
	if (!strcmp(how, "steal") && argc > 3)
		return steal((pid_t)first, atoi(argv[3]), argc > 4 ? (unsigned)atoi(argv[4]) : 1);
	if (!strcmp(how, "qmp") && argc > 3)
		return monitor(argv[2], argv[3], argc > 4 ? argv[4] : NULL);
	if (!strcmp(how, "poke") && argc > 3)
		return poke((pid_t)first, atoi(argv[3]));
	if (!strcmp(how, "measure") && argc > 3)
		return measure(argv[2], argv + 3);
	if (strcmp(how, "spin") && (strcmp(how, "load") || argc < 4) &&
	    ((strcmp(how, "store") && strcmp(how, "function") && strcmp(how, "intx")) ||
	     argc < 5)) {
		fputs("usage: see the head of tests/lab/hang.c\n", stderr);
		return 2;
	}
	fd = open_stub(argv[2]);
	if (fd < 0)
		return fail(argv[2]);
	if (!strcmp(how, "spin"))
		return spin(fd);
	if (!strcmp(how, "load") || !strcmp(how, "store"))
		return word(fd, strtoull(argv[3], NULL, 16), argc > 4 ? argv[4] : NULL);
	return config_bit(fd, (unsigned)atoi(argv[3]), !strcmp(how, "function"),
			  !strcmp(argv[4], "on"));
}
