/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bpf/memory/share.h"

#define PAGE 4096U
#define PRESENT (UINT64_C(1) << 63) /* /proc/PID/pagemap */

/* --- reading --------------------------------------------------------------------------------- */

static struct share_window *find(const struct share *s, uint64_t addr, uint64_t len)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct share_window *w = s->window[i];

		if (!w->guard.lost && addr >= w->is.start && addr < w->is.end &&
		    len <= w->is.end - addr)
			return w;
	}
	return NULL;
}

/* Has the process this page?  If it has once, it is not asked for again. */
static bool is_touched(struct share *s, struct share_window *w, uint64_t addr)
{
	uint64_t page = (addr - w->is.start) / PAGE, entry;

	if (w->touched[page / 8] >> page % 8 & 1)
		return true;
	if (foreign_pread(s->m.by, s->pagemap, &entry, sizeof(entry),
			  addr / PAGE * sizeof(entry)) ||
	    !(entry & PRESENT))
		return false;
	w->touched[page / 8] |= (uint8_t)(1 << page % 8);
	return true;
}

static bool can_copy(struct share *s, const struct iovec *range)
{
	uint64_t addr = (uintptr_t)range->iov_base, end = addr + range->iov_len;
	struct share_window *w = find(s, addr, range->iov_len);

	for (uint64_t at = addr; w && at < end; at = (at / PAGE + 1) * PAGE)
		if (!is_touched(s, w, at))
			return false;
	return w != NULL;
}

/* What driver and device change at once is read at once; and before what is read after it. */
static void copy(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len == 2 && !((uintptr_t)from & 1)) {
		uint16_t v = __atomic_load_n((const uint16_t *)from, __ATOMIC_ACQUIRE);

		memcpy(to, &v, sizeof(v));
	} else if (len == 4 && !((uintptr_t)from & 3)) {
		uint32_t v = __atomic_load_n((const uint32_t *)from, __ATOMIC_ACQUIRE);

		memcpy(to, &v, sizeof(v));
	} else if (len == 8 && !((uintptr_t)from & 7)) {
		uint64_t v = __atomic_load_n((const uint64_t *)from, __ATOMIC_ACQUIRE);

		memcpy(to, &v, sizeof(v));
	} else {
		memcpy(to, from, len);
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static ssize_t read_shared(const struct process_memory *m, const struct iovec *range, unsigned n,
			   void *buf)
{
	struct share *s = (struct share *)m;
	size_t done = 0;

	for (unsigned i = 0; i < n; i++)
		if (!can_copy(s, &range[i]))
			return foreign_memory(m->by, range, n, buf);
	for (unsigned i = 0; i < n; i++) {
		uint64_t addr = (uintptr_t)range[i].iov_base;
		const struct share_window *w = find(s, addr, range[i].iov_len);

		if (!w)
			break;
		copy((uint8_t *)buf + done, w->at + (addr - w->is.start), range[i].iov_len);
		if (w->guard.lost) /* zeroes may be what was read */
			break;
		done += range[i].iov_len;
	}
	return done ? (ssize_t)done : -EFAULT;
}

/* --- windows --------------------------------------------------------------------------------- */

void share_init(struct share *s, struct foreign *f)
{
	static bool guarded;

	*s = (struct share){ .m = { .by = f, .read = read_shared }, .pagemap = -1 };
	if (!guarded)
		guarded = !guard_install();
}

static void free_window(struct share_window *w)
{
	guard_unmap(&w->guard);
	free(w->touched);
	free(w);
}

void share_close(struct share *s)
{
	while (s->n)
		free_window(s->window[--s->n]);
	if (s->pagemap >= 0)
		close(s->pagemap);
	s->pagemap = -1;
}

static bool find_mapping(struct foreign *f, uint64_t addr, struct process_mapping *m)
{
	struct foreign_lines maps;
	bool found = false;

	if (foreign_lines_open(&maps, f, "maps"))
		return false;
	while (!found && process_next_mapping(&maps, m))
		found = addr >= m->start && addr < m->end;
	foreign_lines_close(&maps);
	return found;
}

static bool is_same(const struct process_mapping *a, const struct process_mapping *b)
{
	return a->start == b->start && a->end == b->end && a->offset == b->offset &&
	       a->inode == b->inode && a->major == b->major && a->minor == b->minor &&
	       a->perms[3] == b->perms[3];
}

static bool is_shared_file(const struct process_mapping *m)
{
	return m->inode && m->perms[0] == 'r' && m->perms[3] == 's' &&
	       m->end - m->start <= SHARE_LEN_MAX;
}

/* A descriptor of the file that it maps, or negative errno. */
static int open_file(struct foreign *f, const struct process_mapping *m)
{
	char name[64], path[96];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)m->start,
		 (unsigned long long)m->end);
	fd = foreign_open(f, foreign_path(f, path, sizeof(path), name));
	if (fd >= 0 && (fstat(fd, &st) || st.st_ino != m->inode || major(st.st_dev) != m->major ||
			minor(st.st_dev) != m->minor)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

static int open_pagemap(struct share *s)
{
	char path[64];

	if (s->pagemap < 0)
		s->pagemap =
			foreign_open(s->m.by, foreign_path(s->m.by, path, sizeof(path), "pagemap"));
	return s->pagemap < 0 ? s->pagemap : 0;
}

static int map(struct share *s, struct share_window *w)
{
	struct process_mapping again;
	uint64_t len = w->is.end - w->is.start;
	uint8_t *at;
	int fd = open_file(s->m.by, &w->is), code;

	if (fd < 0)
		return fd;
	code = guard_map(&w->guard, fd, w->is.offset, len, PROT_READ, &at);
	close(fd);
	if (code)
		return code;
	w->at = at;
	w->touched = calloc(len / PAGE / 8 + 1, 1);
	if (!w->touched)
		return -ENOMEM;
	/* it may have changed while it was opened */
	if (!find_mapping(s->m.by, w->is.start, &again) || !is_same(&again, &w->is))
		return -ESTALE;
	return open_pagemap(s);
}

void share_learn(struct share *s, uint64_t addr, uint64_t len)
{
	struct share_window *w;
	int code;

	if (!len || find(s, addr, len) || s->n == SHARE_WINDOWS)
		return;
	w = calloc(1, sizeof(*w));
	if (!w)
		return;
	if (!find_mapping(s->m.by, addr, &w->is) || !is_shared_file(&w->is)) {
		s->kept = true;
		free_window(w);
		return;
	}
	code = map(s, w);
	if (code) {
		s->err = code;
		free_window(w);
		return;
	}
	s->window[s->n++] = w;
}

void share_check(struct share *s)
{
	for (unsigned i = 0; i < s->n;) {
		struct share_window *w = s->window[i];
		struct process_mapping now;

		if (!w->guard.lost && find_mapping(s->m.by, w->is.start, &now) &&
		    is_same(&now, &w->is)) {
			i++;
			continue;
		}
		free_window(w);
		s->window[i] = s->window[--s->n];
	}
}

void share_put_way(const struct share *s, struct text *t)
{
	text_puts(t, "guest memory is read ");
	if (s->n)
		text_add(t, "by a read-only mapping of the file that it is (%s)%s",
			 s->window[0]->is.path, s->kept || s->err ? ", and " : "");
	if (s->kept || s->err || !s->n)
		text_puts(t, "by a system call each time");
	if (s->err)
		text_add(t, ": its file cannot be mapped here (%s)", strerror(-s->err));
	else if (s->kept || !s->n)
		text_puts(t, ": it is no file that the process shares");
}
