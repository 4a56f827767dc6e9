/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "bpf/process/memory.h"

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
	return foreign_memory(m->by, range, n, buf);
}

struct process_memory process_memory(struct foreign *f)
{
	return (struct process_memory){ .by = f, .read = read_live };
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

/* --- mappings ---------------------------------------------------------------- */

bool process_next_mapping(struct foreign_lines *l, struct process_mapping *m)
{
	char line[1024];
	int at = 0;

	while (foreign_line(l, line, sizeof(line))) {
		m->path[0] = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
			   &m->start, &m->end, m->perms, &m->offset, &m->major, &m->minor,
			   &m->inode, &at) < 7)
			continue;
		snprintf(m->path, sizeof(m->path), "%s", line + at);
		return true;
	}
	return false;
}

static bool same_file(const char *path, const struct process_mapping *m)
{
	struct stat st;

	/* Compare inodes only: device numbers differ on overlay and btrfs. */
	return !stat(path, &st) && S_ISREG(st.st_mode) && st.st_ino == m->inode;
}

void process_openable(const struct foreign *f, const struct process_mapping *m, char *out,
		      size_t size)
{
	char name[600];

	snprintf(out, size, "%.511s", m->path);
	if (same_file(out, m))
		return;
	snprintf(name, sizeof(name), "root%.480s", m->path);
	if (same_file(foreign_path(f, out, size, name), m))
		return;
	/* deleted since, by an upgrade for example */
	snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, m->start, m->end);
	foreign_path(f, out, size, name);
}

bool process_mapping(struct foreign *f, uint64_t addr, uint64_t *start, uint64_t *end)
{
	struct foreign_lines maps;
	struct process_mapping m;
	bool found = false;

	if (foreign_lines_open(&maps, f, "maps"))
		return false;
	while (!found && process_next_mapping(&maps, &m))
		if (addr >= m.start && addr < m.end) {
			*start = m.start;
			*end = m.end;
			found = true;
		}
	foreign_lines_close(&maps);
	return found;
}
