/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bpf/qemu/discover.h"
#include "bpf/qemu/process.h"

struct mapping {
	uint64_t start, end, offset, inode;
	unsigned major, minor;
	char perms[5];
	char path[512];
};

static bool next_mapping(FILE *f, struct mapping *m)
{
	char line[1024];
	int at = 0;

	while (fgets(line, sizeof(line), f)) {
		m->path[0] = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
			   &m->start, &m->end, m->perms, &m->offset, &m->major, &m->minor,
			   &m->inode, &at) < 7)
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(m->path, sizeof(m->path), "%s", line + at);
		return true;
	}
	return false;
}

static FILE *proc_open(pid_t pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return fopen(path, "re");
}

/* Read a small file of a process into buf; bytes, or negative errno. */
static ssize_t proc_read(pid_t pid, const char *file, char *buf, size_t size)
{
	FILE *f = proc_open(pid, file);
	size_t n;

	if (!f)
		return -errno;
	n = fread(buf, 1, size - 1, f);
	fclose(f);
	buf[n] = 0;
	return (ssize_t)n;
}

static bool same_file(const char *path, const struct mapping *m)
{
	struct stat st;

	/* Compare inodes only: device numbers differ on overlay and btrfs. */
	return !stat(path, &st) && st.st_ino == m->inode;
}

/* A path by which this process can open what the other has mapped, whatever its root directory. */
static void openable(pid_t pid, const struct mapping *m, char *out, size_t size)
{
	snprintf(out, size, "%.511s", m->path);
	if (same_file(out, m))
		return;
	snprintf(out, size, "/proc/%d/root%.480s", (int)pid, m->path);
	if (same_file(out, m))
		return;
	/* deleted since, by an upgrade for example */
	snprintf(out, size, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid, m->start, m->end);
}

/* Cached, because most processes map the same objects. */
static bool object_is_qemu(uint64_t inode, unsigned major, unsigned minor, const char *path)
{
	static struct {
		uint64_t inode;
		unsigned major, minor;
		bool is;
	} seen[256];
	static size_t n;
	struct stat st;
	size_t at;

	for (size_t i = 0; i < n && i < 256; i++)
		if (seen[i].inode == inode && seen[i].major == major && seen[i].minor == minor)
			return seen[i].is;
	at = n++ % 256;
	seen[at].inode = inode;
	seen[at].major = major;
	seen[at].minor = minor;
	/* A system emulator is large; other libraries of that size do not export virtqueue_pop. */
	seen[at].is = !stat(path, &st) && st.st_size > 1 << 20 && qemu_is(path);
	return seen[at].is;
}

static int find_object(struct process *p)
{
	FILE *f = proc_open(p->pid, "maps");
	struct mapping m;
	char path[512];
	int err = -ENOEXEC;

	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (err && next_mapping(f, &m)) {
		if (!strchr(m.perms, 'x') || m.path[0] != '/' || !m.inode)
			continue;
		openable(p->pid, &m, path, sizeof(path));
		if (!object_is_qemu(m.inode, m.major, m.minor, path))
			continue;
		snprintf(p->object, sizeof(p->object), "%s", path);
		snprintf(p->object_name, sizeof(p->object_name), "%s", m.path);
		p->text = m.start;
		p->text_offset = m.offset;
		err = 0;
	}
	if (err && ferror(f))
		err = -EACCES;
	fclose(f);
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

static void read_cmdline(struct process *p)
{
	char raw[sizeof(p->cmdline)];
	ssize_t n = proc_read(p->pid, "cmdline", raw, sizeof(raw));
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

int process_read(struct process *p, pid_t pid)
{
	memset(p, 0, sizeof(*p));
	p->pid = pid;
	if (proc_read(pid, "comm", p->comm, sizeof(p->comm)) < 0)
		return -ESRCH;
	p->comm[strcspn(p->comm, "\n")] = 0;
	read_cmdline(p);
	return find_object(p);
}

size_t process_list(struct process *out, size_t max)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	size_t n = 0;

	while (d && n < max && (e = readdir(d))) {
		pid_t pid = (pid_t)atoi(e->d_name);

		if (pid > 0 && pid != getpid() && !process_read(&out[n], pid))
			n++;
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

/* --- memory ---------------------------------------------------------------- */

static size_t total(const struct iovec *range, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += range[i].iov_len;
	return len;
}

static ssize_t read_live(const struct process_memory *m, const struct iovec *range, unsigned n,
			 void *buf)
{
	struct iovec local = { buf, total(range, n) };
	ssize_t got = process_vm_readv(m->pid, &local, 1, range, n, 0);

	return got < 0 ? -errno : got;
}

struct process_memory process_memory(pid_t pid)
{
	return (struct process_memory){ .pid = pid, .read = read_live };
}

ssize_t process_mem(const struct process_memory *m, uint64_t addr, void *buf, size_t len)
{
	struct iovec range = { (void *)(uintptr_t)addr, len };

	return m->read(m, &range, 1, buf);
}

bool process_mem_all(const struct process_memory *m, uint64_t addr, void *buf, size_t len)
{
	return process_mem(m, addr, buf, len) == (ssize_t)len;
}

bool process_mem_ranges(const struct process_memory *m, const struct iovec *range, unsigned n,
			void *buf)
{
	return m->read(m, range, n, buf) == (ssize_t)total(range, n);
}

uint64_t process_pointer(const struct process_memory *m, uint64_t addr)
{
	uint64_t v = 0;

	return process_mem_all(m, addr, &v, sizeof(v)) ? v : 0;
}

char *process_string(const struct process_memory *m, uint64_t addr, char *buf, size_t size)
{
	/* do not cross into the next page, which may be unmapped */
	size_t room = 4096 - (addr & 4095), want = size - 1 < room ? size - 1 : room;
	ssize_t n = addr ? process_mem(m, addr, buf, want) : 0;

	if (n == (ssize_t)want && want < size - 1 && !memchr(buf, 0, want)) {
		ssize_t more = process_mem(m, addr + want, buf + want, size - 1 - want);

		n += more > 0 ? more : 0;
	}
	buf[n > 0 ? n : 0] = 0;
	return buf;
}

/* --- its state --------------------------------------------------------------- */

bool process_mapping(pid_t pid, uint64_t addr, uint64_t *start, uint64_t *end)
{
	FILE *f = proc_open(pid, "maps");
	struct mapping m;
	bool found = false;

	while (f && !found && next_mapping(f, &m))
		if (addr >= m.start && addr < m.end) {
			*start = m.start;
			*end = m.end;
			found = true;
		}
	if (f)
		fclose(f);
	return found;
}

/* The state letter that ps shows; 0 when there is no such process. */
static char process_state(pid_t pid)
{
	char stat[256], *p;

	if (proc_read(pid, "stat", stat, sizeof(stat)) < 0)
		return 0;
	p = strrchr(stat, ')');
	return p && p[1] == ' ' ? p[2] : 0;
}

bool process_alive(pid_t pid)
{
	char state = process_state(pid);

	return state && state != 'Z' && state != 'X';
}

bool process_stopped(pid_t pid)
{
	char state = process_state(pid);

	return !state || state == 'T' || state == 't';
}

int process_eventfd(pid_t pid, int fd)
{
	static const char key[] = "eventfd-count:";
	char file[32], text[512], *at;
	ssize_t n;

	snprintf(file, sizeof(file), "fdinfo/%d", fd);
	n = proc_read(pid, file, text, sizeof(text));
	if (n < 0)
		return (int)n;
	at = strstr(text, key);
	return at ? strtoull(at + sizeof(key) - 1, NULL, 16) != 0 : -EINVAL;
}
