/* SPDX-License-Identifier: MIT */
#include <elfutils/libdwelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "bpf/process/foreign.h"
#include "bpf/stack/debug_file.h"
#include "bpf/stack/debuginfod.h"
#include "decoder/util/text.h"

#define DEBUG "/usr/lib/debug"
#define FILE_MAX (UINT64_C(1) << 32) /* bytes: a QEMU with debug information has some 100 MB */
#define DEBUG_MAX (1 << 30) /* bytes of one that are read for its checksum */
#define ID_MAX 64 /* bytes of a build-id */

bool debug_file_is_elf(int fd)
{
	struct stat st;
	char magic[SELFMAG];

	return !fstat(fd, &st) && (uint64_t)st.st_size <= FILE_MAX &&
	       pread(fd, magic, SELFMAG, 0) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

/* Whether it is the file whose checksum a debuglink has. */
static bool has_crc(int fd, GElf_Word want)
{
	static uint8_t buf[65536];
	uLong crc = crc32(0, NULL, 0);
	off_t at = 0;
	ssize_t n;

	while (at < DEBUG_MAX && (n = pread(fd, buf, sizeof(buf), at)) > 0) {
		crc = crc32(crc, buf, (uInt)n);
		at += n;
	}
	return at && at < DEBUG_MAX && crc == want;
}

static bool has_build_id(int fd, const uint8_t *want, size_t len)
{
	Elf *elf = debug_file_is_elf(fd) ? elf_begin(fd, ELF_C_READ_MMAP, NULL) : NULL;
	const void *id;
	bool same =
		elf && dwelf_elf_gnu_build_id(elf, &id) == (ssize_t)len && !memcmp(id, want, len);

	elf_end(elf);
	return same;
}

/* Open a file that should have this build-id; -1. */
static int open_with_id(struct foreign *by, const char *path, const uint8_t *id, size_t len)
{
	int fd = foreign_open(by, path);

	if (fd < 0 || has_build_id(fd, id, len))
		return fd < 0 ? -1 : fd;
	close(fd);
	return -1;
}

static int by_build_id(struct foreign *by, const uint8_t *id, size_t len, char *path, size_t size)
{
	struct text t = { .buf = path, .size = size };

	if (len < 2 || len > ID_MAX)
		return -1;
	text_add(&t, DEBUG "/.build-id/%02x/", id[0]);
	for (size_t i = 1; i < len; i++)
		text_add(&t, "%02x", id[i]);
	text_puts(&t, ".debug");
	return open_with_id(by, path, id, len);
}

static int by_server(const uint8_t *id, size_t len, char *path, size_t size)
{
	int fd = len < 2 || len > ID_MAX ? -1 : debuginfod_ask(id, len);

	if (fd < 0 || has_build_id(fd, id, len)) {
		snprintf(path, size, "(debuginfod)");
		return fd;
	}
	close(fd);
	return -1;
}

static int open_link(struct foreign *by, const char *path, GElf_Word crc)
{
	int fd = foreign_open(by, path);

	if (fd < 0 || (debug_file_is_elf(fd) && has_crc(fd, crc)))
		return fd < 0 ? -1 : fd;
	close(fd);
	return -1;
}

/* First as the process names it, which may see other file systems. */
static int by_link(const struct mapped_file *f, const char *link, GElf_Word crc, char *path,
		   size_t size)
{
	static const char *const places[][2] = { { "", "" }, { "", ".debug/" }, { DEBUG, "" } };
	int dir = (int)(file_name(f->path) - f->path), fd = -1;
	char name[1000];

	if (strchr(link, '/') || f->path[0] != '/')
		return -1;
	for (unsigned i = 0; fd < 0 && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(name, sizeof(name), "root%s%.*s%s%s", places[i][0], dir, f->path,
			 places[i][1], link);
		fd = open_link(f->by, foreign_path(f->by, path, size, name), crc);
		if (fd < 0)
			fd = open_link(f->by, strcpy(path, name + 4), crc);
	}
	return fd;
}

int debug_file_find(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base,
		    const char *file, const char *link, GElf_Word crc, char **found)
{
	struct mapped_file *f = *data;
	const uint8_t *id;
	GElf_Addr at;
	char path[1200];
	int n, fd;

	/* without a file: what dwz has moved, see debug_file_alternate() */
	if (!f || !file)
		return -1;
	stack_attempt(f->by);
	n = dwfl_module_build_id(mod, &id, &at);
	fd = by_build_id(f->by, id, n < 0 ? 0 : (size_t)n, path, sizeof(path));
	if (fd < 0 && link)
		fd = by_link(f, link, crc, path, sizeof(path));
	if (fd < 0)
		fd = by_server(id, n < 0 ? 0 : (size_t)n, path, sizeof(path));
	if (fd >= 0)
		*found = strdup(path);
	return fd;
}

/* --- what several debug files share ---------------------------------------------------------- */

bool debug_file_alternate_path(const char *link, char *path, size_t size)
{
	const char *within = strstr(link, "/.dwz/");

	if (!within || strstr(within, "/../"))
		return false;
	return snprintf(path, size, DEBUG "%s", within) < (int)size;
}

void debug_file_alternate(struct mapped_file *f, Dwarf *dw)
{
	const char *link;
	const void *id;
	ssize_t n;
	char path[1200];
	int fd;

	if (f->alternate_tried)
		return;
	f->alternate_tried = true;
	n = dwelf_dwarf_gnu_debugaltlink(dw, &link, &id);
	if (n < 2 || n > ID_MAX)
		return;
	stack_attempt(f->by);
	fd = by_build_id(f->by, id, (size_t)n, path, sizeof(path));
	if (fd < 0 && debug_file_alternate_path(link, path, sizeof(path)))
		fd = open_with_id(f->by, path, id, (size_t)n);
	if (fd < 0)
		return;
	f->alternate_fd = fd;
	f->alternate = dwarf_begin(fd, DWARF_C_READ);
	if (f->alternate)
		dwarf_setalt(dw, f->alternate);
}
