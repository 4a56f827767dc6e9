/* SPDX-License-Identifier: MIT */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/guest/attach.h"

#define PLACES 4 /* functions of one name: virtio_pci has a modern and a legacy vp_get */
#define SAME_TIME 64 /* calls of a function whose return is awaited */

/* A name in /proc/kallsyms. */
struct place {
	uint64_t addr;
	bool module;
};

struct probe {
	enum attach_state state;
	int err;
	unsigned nplaces;
	struct place place[PLACES];
	struct bpf_link *link[2 * PLACES];
	unsigned nlinks;
};

struct attach {
	char tracefs[64];
	char group[32];
	bool mounted;
	uint64_t page_offset_base; /* where the kernel has this variable; 0 unknown */
	uint64_t entry_start, entry_end; /* where it is entered; 0 unknown */
	bool looked_for_places;
	struct probe probe[VQG_FUNCTIONS];
};

/* --- tracefs ---------------------------------------------------------------------- */

static const char *const folders[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

static bool has_events(const char *folder)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/kprobe_events", folder);
	return !access(path, W_OK);
}

/* The one that is mounted; NULL: none is. */
static const char *mounted_tracefs(void)
{
	for (size_t i = 0; i < 2; i++)
		if (has_events(folders[i]))
			return folders[i];
	return NULL;
}

bool attach_has_tracefs(void)
{
	return mounted_tracefs() != NULL;
}

static int find_tracefs(struct attach *a, struct text *why)
{
	const char *found = mounted_tracefs();

	if (found) {
		snprintf(a->tracefs, sizeof(a->tracefs), "%s", found);
		return 0;
	}
	if (mount("tracefs", folders[0], "tracefs", 0, NULL)) {
		int err = -errno;

		text_add(why, "tracefs is not mounted, and cannot be (%s)", strerror(-err));
		return err;
	}
	a->mounted = true;
	snprintf(a->tracefs, sizeof(a->tracefs), "%s", folders[0]);
	if (has_events(folders[0]))
		return 0;
	umount2(folders[0], MNT_DETACH);
	text_puts(why, "the kernel has no kprobe events (CONFIG_KPROBE_EVENTS)");
	return -ENOENT;
}

/* One line to a file of tracefs: 0 or negative errno. */
static int write_line(const struct attach *a, const char *file, const char *line)
{
	char path[128];
	ssize_t n;
	int fd, err;

	snprintf(path, sizeof(path), "%s/%s", a->tracefs, file);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, line, strlen(line));
	err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* Events that an earlier run left when it was killed stay until somebody removes them. */
static void remove_group(const struct attach *a, const char *group)
{
	char path[512], line[384];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/events/%s", a->tracefs, group);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || !strcmp(e->d_name, "enable") ||
		    !strcmp(e->d_name, "filter"))
			continue;
		snprintf(line, sizeof(line), "-:%.60s/%.255s\n", group, e->d_name);
		write_line(a, "kprobe_events", line);
	}
	if (d)
		closedir(d);
}

static void remove_stale(const struct attach *a)
{
	char path[96];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/events", a->tracefs);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		long pid = strncmp(e->d_name, "vqtrace_", 8) ? 0 : atol(e->d_name + 8);

		if (pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH)
			remove_group(a, e->d_name);
	}
	if (d)
		closedir(d);
}

/* --- symbols ------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return strcmp(probed_functions[*(const uint16_t *)a].f.name,
		      probed_functions[*(const uint16_t *)b].f.name);
}

static int name_to_row(const void *name, const void *row)
{
	return strcmp(name, probed_functions[*(const uint16_t *)row].f.name);
}

/* setup_vq and init_vq are common names: of our module only.  "" is the kernel itself. */
static bool is_of_module(const struct probed *p, const char *module)
{
	return !*module || !p->module || !strncmp(module + 1, p->module, strlen(p->module));
}

/* A line of /proc/kallsyms: "ffffffffc0000000 t name\t[module]".  There are some 150,000. */
static void read_symbol(struct attach *a, const uint16_t *sorted, char *line)
{
	char *type = strchr(line, ' '), *name = type ? type + 3 : NULL, *module, *end;
	struct probe *p;
	uint16_t *row;

	if (!type || (type[1] != 't' && type[1] != 'T' && type[1] != 'D' && type[1] != 'd'))
		return;
	end = name + strcspn(name, "\t\n");
	module = *end == '\t' ? end + 1 : "";
	*end = 0;
	if (!strcmp(name, "page_offset_base"))
		a->page_offset_base = strtoull(line, NULL, 16);
	if (!strcmp(name, "__entry_text_start"))
		a->entry_start = strtoull(line, NULL, 16);
	if (!strcmp(name, "__entry_text_end"))
		a->entry_end = strtoull(line, NULL, 16);
	row = bsearch(name, sorted, probed_count, sizeof(*sorted), name_to_row);
	if (!row || !is_of_module(&probed_functions[*row], module))
		return;
	p = &a->probe[*row];
	if (p->nplaces < PLACES && (type[1] == 't' || type[1] == 'T'))
		p->place[p->nplaces++] = (struct place){ strtoull(line, NULL, 16), *module != 0 };
}

/* Where the functions are now. */
static void read_symbols(struct attach *a)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	uint16_t sorted[VQG_FUNCTIONS];
	char line[1024];

	for (unsigned i = 0; i < probed_count; i++) {
		sorted[i] = (uint16_t)i;
		a->probe[i].nplaces = 0;
	}
	qsort(sorted, probed_count, sizeof(sorted[0]), by_name);
	while (f && fgets(line, sizeof(line), f))
		read_symbol(a, sorted, line);
	if (f)
		fclose(f);
}

uint64_t attach_page_offset_base(const struct attach *a)
{
	return a->page_offset_base;
}

void attach_entry_text(const struct attach *a, uint64_t *start, uint64_t *end)
{
	bool known = a->entry_start && a->entry_end > a->entry_start;

	*start = known ? a->entry_start : 0;
	*end = known ? a->entry_end : 0;
}

/* --- events --------------------------------------------------------------------------- */

static int event_id(const struct attach *a, const char *event)
{
	char path[256], text[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/events/%s/%s/id", a->tracefs, a->group, event);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = 0;
	return atoi(text);
}

static int open_event(int id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = (uint64_t)id,
		.sample_period = 1,
		.wakeup_events = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Make the event at `where` and run the program at it. */
static int attach_event(struct attach *a, unsigned index, unsigned nth, bool at_return,
			const char *where, struct bpf_program *prog)
{
	DECLARE_LIBBPF_OPTS(bpf_perf_event_opts, opts, .bpf_cookie = index);
	struct probe *p = &a->probe[index];
	char event[64], line[256], type[8] = "p";
	int err, fd;

	if (at_return)
		snprintf(type, sizeof(type), "r%u", SAME_TIME);
	snprintf(event, sizeof(event), "%s_%c%u_%u", a->group, at_return ? 'r' : 'p', index, nth);
	snprintf(line, sizeof(line), "%s:%s/%s %s\n", type, a->group, event, where);
	err = write_line(a, "kprobe_events", line);
	if (err)
		return err;
	err = event_id(a, event);
	if (err < 0)
		return err;
	fd = open_event(err);
	if (fd < 0)
		return fd;
	p->link[p->nlinks] = bpf_program__attach_perf_event_opts(prog, fd, &opts);
	if (!p->link[p->nlinks]) {
		err = -errno;
		close(fd);
		return err;
	}
	p->nlinks++;
	return 0;
}

/* The return first: every call whose entry is seen is seen to return. */
static int attach_place(struct attach *a, unsigned index, unsigned nth, const char *where,
			struct bpf_program *entry, struct bpf_program *at_return)
{
	int err = attach_event(a, index, nth, true, where, at_return);

	return err ? err : attach_event(a, index, nth, false, where, entry);
}

/* The entries first, for the same reason: they were attached last. */
static void detach(struct probe *p)
{
	while (p->nlinks)
		bpf_link__destroy(p->link[--p->nlinks]);
}

/* Loaded, or built in: what it does not have now it never will. */
static bool module_is_there(const char *module)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/module/%.64s", module);
	return !access(path, F_OK);
}

enum attach_state attach_function(struct attach *a, unsigned index, struct bpf_program *entry,
				  struct bpf_program *at_return)
{
	const struct probed *f = &probed_functions[index];
	struct probe *p = &a->probe[index];
	char where[128];

	if (!p->nplaces && (!f->module || module_is_there(f->module))) {
		p->state = ATTACH_ABSENT;
		return p->state;
	}
	if (!p->nplaces) { /* tracefs remembers it until the module comes */
		snprintf(where, sizeof(where), "%s:%s", f->module, f->f.name);
		p->err = attach_place(a, index, 0, where, entry, at_return);
		p->state = p->err ? ATTACH_FAILED : ATTACH_WAITS;
	}
	for (unsigned i = 0; i < p->nplaces && !p->err; i++) {
		if (p->nplaces > 1) /* of one name: only the address tells them apart */
			snprintf(where, sizeof(where), "0x%" PRIx64, p->place[i].addr);
		else if (p->place[i].module)
			snprintf(where, sizeof(where), "%s:%s", f->module, f->f.name);
		else
			snprintf(where, sizeof(where), "%s", f->f.name);
		p->err = attach_place(a, index, i, where, entry, at_return);
		p->state = p->err ? ATTACH_FAILED : ATTACH_DONE;
	}
	return p->state;
}

void attach_remove(struct attach *a, unsigned index)
{
	detach(&a->probe[index]);
}

/* Hits and missed hits of an event, or of all whose names begin so. */
static unsigned long long profile(const struct attach *a, const char *begin,
				  unsigned long long *missed)
{
	char path[96], line[256], event[128];
	unsigned long long h, m, hits = 0;
	size_t n = strlen(begin);
	FILE *f;

	*missed = 0;
	snprintf(path, sizeof(path), "%s/kprobe_profile", a->tracefs);
	f = fopen(path, "re");
	/* the events of all programs, by name; the names of ours begin with our group's */
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%127s %llu %llu", event, &h, &m) == 3 &&
		    !strncmp(event, begin, n) && (event[n] == '_' || !event[n])) {
			hits += h;
			*missed += m;
		}
	if (f)
		fclose(f);
	return hits;
}

/*
 * The kernel found the first place of the name, which is the first here too; since Linux 6.7 it
 * finds none.  An event that has hit is left alone: it may be inside the function now.
 */
static void attach_places(struct attach *a, unsigned index, struct bpf_program *entry,
			  struct bpf_program *at_return)
{
	struct probe *p = &a->probe[index];
	unsigned long long missed;
	char event[64], where[32];
	bool hit;

	snprintf(event, sizeof(event), "%s_p%u_0", a->group, index);
	hit = profile(a, event, &missed) > 0;
	if (!hit)
		attach_remove(a, index);
	for (unsigned i = hit; i < p->nplaces && !p->err; i++) {
		snprintf(where, sizeof(where), "0x%" PRIx64, p->place[i].addr);
		p->err = attach_place(a, index, PLACES + i, where, entry, at_return);
	}
	p->state = p->err ? ATTACH_FAILED : ATTACH_DONE;
}

void attach_look_for_places(struct attach *a, struct bpf_program *entry,
			    struct bpf_program *at_return)
{
	static const char module[] = "virtio_pci"; /* no other one has two functions of a name */
	bool waits = false;

	if (a->looked_for_places || !module_is_there(module))
		return;
	a->looked_for_places = true;
	for (unsigned i = 0; i < probed_count; i++)
		waits |= a->probe[i].state == ATTACH_WAITS && probed_functions[i].module &&
			 !strcmp(probed_functions[i].module, module);
	if (!waits)
		return;
	read_symbols(a);
	for (unsigned i = 0; i < probed_count; i++) {
		const struct probe *p = &a->probe[i];

		/* kernel.kptr_restrict=2 makes all addresses 0 */
		if (p->state == ATTACH_WAITS && p->nplaces > 1 && p->place[0].addr)
			attach_places(a, i, entry, at_return);
	}
}

void attach_look_again(struct attach *a)
{
	read_symbols(a);
	for (unsigned i = 0; i < probed_count; i++) {
		struct probe *p = &a->probe[i];

		if (p->state != ATTACH_WAITS)
			continue;
		if (p->nplaces == 1)
			p->state = ATTACH_DONE;
		else if (!p->nplaces && module_is_there(probed_functions[i].module))
			p->state = ATTACH_ABSENT;
	}
}

size_t attach_results(const struct attach *a, struct attach_result *out, size_t max)
{
	size_t n = 0;

	for (unsigned i = 0; i < probed_count && n < max; i++)
		out[n++] = (struct attach_result){ &probed_functions[i], a->probe[i].state,
						   a->probe[i].err };
	return n;
}

unsigned long long attach_missed(const struct attach *a)
{
	unsigned long long missed;

	profile(a, a->group, &missed);
	return missed;
}

int attach_open(struct attach **out, struct text *why)
{
	struct attach *a = calloc(1, sizeof(*a));
	int err;

	*out = NULL;
	if (!a)
		return -ENOMEM;
	err = find_tracefs(a, why);
	if (err) {
		free(a);
		return err;
	}
	snprintf(a->group, sizeof(a->group), "vqtrace_%d", (int)getpid());
	remove_stale(a);
	read_symbols(a);
	*out = a;
	return 0;
}

void attach_close(struct attach *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < probed_count; i++)
		detach(&a->probe[i]);
	remove_group(a, a->group);
	if (a->mounted)
		umount2(a->tracefs, MNT_DETACH);
	free(a);
}
