/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/process/memory.h"
#include "bpf/process/state.h"
#include "bpf/qemu/budget.h"
#include "bpf/qemu/discover.h"
#include "bpf/qemu/process.h"
#include "decoder/util/clock.h"

/*
 * Whether an object is QEMU.  Cached, because most processes map the same objects; the
 * answer that took too long is not.
 */
static bool object_is_qemu(struct foreign *f, const struct process_mapping *m, const char *path)
{
	static struct {
		uint64_t inode;
		unsigned major, minor;
		bool is;
	} seen[256];
	static size_t n;
	struct stat st;
	size_t at;
	bool is;

	for (size_t i = 0; i < n && i < 256; i++)
		if (seen[i].inode == m->inode && seen[i].major == m->major &&
		    seen[i].minor == m->minor)
			return seen[i].is;
	/* A system emulator is large; other libraries of that size do not export virtqueue_pop. */
	is = !stat(path, &st) && st.st_size > 1 << 20 && qemu_is(f, path);
	if (f->err)
		return false;
	at = n++ % 256;
	seen[at].inode = m->inode;
	seen[at].major = m->major;
	seen[at].minor = m->minor;
	seen[at].is = is;
	return is;
}

static int find_object(struct process *p, struct foreign *f)
{
	struct foreign_lines maps;
	struct process_mapping m;
	char path[512];
	int err = foreign_lines_open(&maps, f, "maps");

	if (err)
		return err == -ENOENT ? -ESRCH : err;
	err = -ENOEXEC;
	while (err && process_next_mapping(&maps, &m)) {
		if (!strchr(m.perms, 'x') || m.path[0] != '/' || !m.inode)
			continue;
		process_openable(f, &m, path, sizeof(path));
		if (!object_is_qemu(f, &m, path))
			continue;
		snprintf(p->object, sizeof(p->object), "%s", path);
		snprintf(p->object_name, sizeof(p->object_name), "%s", m.path);
		p->text = m.start;
		p->text_offset = m.offset;
		err = 0;
	}
	if (err && f->err)
		err = f->err;
	else if (err && maps.err)
		err = -EACCES;
	foreign_lines_close(&maps);
	return err;
}

/* guest name: -name NAME[,...] or -name guest=NAME[,...] */
static void parse_name(const char *arg, char *out, size_t size)
{
	const char *g = strstr(arg, "guest=");

	if (g)
		arg = g + 6;
	snprintf(out, size, "%.*s", (int)strcspn(arg, ","), arg);
}

static void read_cmdline(struct process *p, struct foreign *f)
{
	char raw[sizeof(p->cmdline)];
	ssize_t n = foreign_proc(f, "cmdline", raw, sizeof(raw));
	const char *prev = "";

	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(raw + at) + 1) {
		if (!strcmp(prev, "-name") || !strcmp(prev, "--name"))
			parse_name(raw + at, p->name, sizeof(p->name));
		if (!strcmp(prev, "-uuid") || !strcmp(prev, "--uuid"))
			snprintf(p->uuid, sizeof(p->uuid), "%.39s", raw + at);
		prev = raw + at;
	}
	for (ssize_t i = 0; i + 1 < n; i++)
		if (!raw[i])
			raw[i] = ' ';
	if (n > 0)
		snprintf(p->cmdline, sizeof(p->cmdline), "%s", raw);
}

int process_read(struct process *p, struct foreign *f)
{
	memset(p, 0, sizeof(*p));
	p->pid = f->pid;
	foreign_begin(f);
	if (foreign_proc(f, "comm", p->comm, sizeof(p->comm)) < 0)
		return f->err ? f->err : -ESRCH;
	p->comm[strcspn(p->comm, "\n")] = 0;
	read_cmdline(p, f);
	return find_object(p, f);
}

/* --- all processes ------------------------------------------------------------- */

static struct budget budget; /* static, because lists are made again and again */

/* The 22nd field of its stat: unique among processes of one number. */
static unsigned long long begun(pid_t pid)
{
	char text[1024] = "", *at;
	struct foreign f;

	foreign_init(&f, pid, NULL);
	foreign_proc(&f, "stat", text, sizeof(text));
	at = strrchr(text, ')');
	for (unsigned i = 2; at && i < 22; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* Read one process; false if it is no QEMU, or there is no time left for it. */
static bool list_one(struct process *p, struct foreign *f)
{
	uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall = foreign_clock();
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	const struct budget_process who = { f->pid, foreign_user(f), begun };
	struct budget_cost cost;
	int code;

	if (who.uid < 0 || !budget_allows(&budget, &who, now))
		return false;
	code = process_read(p, f);
	cost.cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	cost.wall = foreign_clock() - wall;
	cost.too_long = code == -ETIMEDOUT;
	budget_took(&budget, &who, &cost, now);
	return !code;
}

bool process_left_out(size_t n, struct text *line)
{
	return budget_left_out(&budget, n, line);
}

bool process_newly_left_out(struct text *line)
{
	return budget_newly_left_out(&budget, line);
}

size_t process_list(struct process *out, size_t max, const struct foreign_stop *stop)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	size_t n = 0;

	budget_begin(&budget, process_alive);
	while (d && n < max && (e = readdir(d))) {
		pid_t pid = (pid_t)atoi(e->d_name);
		struct foreign f;

		if (stop && stop->asked && stop->asked(stop->ctx))
			break;
		if (pid <= 0 || pid == getpid())
			continue;
		foreign_init(&f, pid, stop);
		n += list_one(&out[n], &f);
	}
	if (d)
		closedir(d);
	return n;
}

bool process_matches(const struct process *p, const char *word)
{
	const char *base = strrchr(p->object_name, '/');

	return !strcmp(p->name, word) || !strcasecmp(p->uuid, word) || !strcmp(p->comm, word) ||
	       (base && !strcmp(base + 1, word));
}
