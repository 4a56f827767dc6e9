/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "bpf/kvm/examine.h"
#include "bpf/kvm/tracepoints.h"

const struct tracepoint tracepoints[] = {
	{ "kvm",
	  "kvm_mmio",
	  TRACEPOINT_NEEDED,
	  "register accesses",
	  { { "type", 8, 4 }, { "len", 12, 4 }, { "gpa", 16, 8 }, { "val", 24, 8 } } },
	{ "kvm",
	  "kvm_pio",
	  TRACEPOINT_NEEDED,
	  "devices: PCI configuration cycles",
	  { { "rw", 8, 4 },
	    { "port", 12, 4 },
	    { "size", 16, 4 },
	    { "count", 20, 4 },
	    { "val", 24, 4 } } },
	{ "kvm",
	  "kvm_fast_mmio",
	  TRACEPOINT_USUAL,
	  "kicks that KVM hands on without their value",
	  { { "gpa", 8, 8 } } },
	{ "kvm",
	  "kvm_msi_set_irq",
	  TRACEPOINT_USUAL,
	  "MSI-X interrupts",
	  { { "address", 8, 8 }, { "data", 16, 8 } } },
	{ "kvm",
	  "kvm_set_irq",
	  TRACEPOINT_USUAL,
	  "INTx interrupts",
	  { { "gsi", 8, 4 }, { "level", 12, 4 } } },
	{ "kvm",
	  "kvm_userspace_exit",
	  TRACEPOINT_EXITS,
	  "how often the guest's exits reach user space",
	  { { "reason", 8, 4 }, { "errno", 12, 4 } } },
	{ "kvm",
	  "kvm_exit",
	  TRACEPOINT_EXITS,
	  "how often and why the guest exits",
	  { { "exit_reason", 8, 4 }, { "isa", 24, 4 } } },
	{ "syscalls",
	  "sys_enter_ioctl",
	  TRACEPOINT_COMMAND,
	  "memory slots",
	  { { "cmd", 24, 8 }, { "arg", 32, 8 } } },
	{ "syscalls",
	  "sys_exit_ioctl",
	  TRACEPOINT_SLOTS,
	  "where guest memory is",
	  { { "ret", 16, 8 } } },
	{ "sched", "sched_process_fork", TRACEPOINT_COMMAND, "what the command starts", { { 0 } } },
	{ "sched", "sched_process_exit", TRACEPOINT_USUAL, "", { { 0 } } },
	{ 0 },
};

/* --- tracefs --------------------------------------------------------------------------------- */

/* -EACCES: one is mounted, and may not be read. */
static int open_mounted(void)
{
	static const char *const folders[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

	int err = -ENOENT;

	for (size_t i = 0; i < 2; i++) {
		int dir = open(folders[i], O_PATH | O_DIRECTORY | O_CLOEXEC), events;

		if (dir < 0)
			continue;
		/* access(2) would not take capabilities into account */
		events = openat(dir, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (events >= 0) {
			close(events);
			return dir;
		}
		if (errno == EACCES)
			err = -EACCES;
		close(dir);
	}
	return err;
}

static int open_own(void)
{
	int fs = fsopen("tracefs", FSOPEN_CLOEXEC), dir;

	if (fs < 0)
		return -errno;
	dir = fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) ? -1
							       : fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (dir < 0)
		dir = -errno;
	close(fs);
	return dir;
}

int tracefs_open(struct tracefs *t, struct text *why)
{
	t->dir = open_mounted();
	t->mounted = t->dir >= 0;
	if (t->dir == -ENOENT)
		t->dir = open_own();
	if (t->dir == -EACCES) {
		text_puts(why, "tracefs, which says what KVM's tracepoints are: ");
		caps_explain(why, CAPS(DAC_READ_SEARCH), KVM_CAPABILITIES);
	} else if (t->dir == -EPERM) {
		text_puts(why, "tracefs, which says what KVM's tracepoints are, is not mounted: ");
		caps_explain(why, CAPS(SYS_ADMIN), KVM_CAPABILITIES | CAPS(SYS_ADMIN));
	} else if (t->dir < 0) {
		text_add(why,
			 "tracefs, which says what KVM's tracepoints are, is not mounted and "
			 "cannot be (%s)",
			 strerror(-t->dir));
	}
	return t->dir < 0 ? t->dir : 0;
}

void tracefs_close(struct tracefs *t)
{
	if (t->dir >= 0)
		close(t->dir);
	t->dir = -1;
}

/* --- formats --------------------------------------------------------------------------------- */

/* "\tfield:unsigned int port;\toffset:12;\tsize:4;\tsigned:0;" */
bool tracepoint_line(const char *line, struct tracepoint_field *field)
{
	const char *end = strchr(line, ';'), *name = end;
	size_t n = strlen(field->name);

	if (!end || strncmp(line, "\tfield:", 7))
		return false;
	while (name > line && name[-1] != ' ' && name[-1] != ':')
		name--;
	return (size_t)(end - name) == n && !memcmp(name, field->name, n) &&
	       sscanf(end, "; offset:%u; size:%u;", &field->offset, &field->size) == 2;
}

static FILE *open_file(const struct tracefs *t, const char *group, const char *name,
		       const char *what)
{
	char path[160];
	int fd;
	FILE *f;

	snprintf(path, sizeof(path), "events/%s/%s/%s", group, name, what);
	fd = openat(t->dir, path, O_RDONLY | O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (fd >= 0 && !f)
		close(fd);
	return f;
}

int tracepoint_id(const struct tracefs *t, const struct tracepoint *p)
{
	FILE *f = open_file(t, p->group, p->name, "id");
	int id = -EPROTO;

	if (!f)
		return -errno;
	if (fscanf(f, "%d", &id) != 1 || id < 0)
		id = -EPROTO;
	fclose(f);
	return id;
}

/* Whether the file has this field: then where. */
static bool find_field(FILE *f, struct tracepoint_field *field)
{
	char line[512];

	rewind(f);
	while (fgets(line, sizeof(line), f))
		if (tracepoint_line(line, field))
			return true;
	return false;
}

int tracepoint_check(const struct tracefs *t, const struct tracepoint *p)
{
	FILE *f = open_file(t, p->group, p->name, "format");
	int code = f ? 0 : -ENOENT;

	for (const struct tracepoint_field *want = p->field; f && want->name; want++) {
		struct tracepoint_field has = { .name = want->name };

		if (!find_field(f, &has) || has.offset != want->offset || has.size != want->size)
			code = -EPROTO;
	}
	if (f)
		fclose(f);
	return code;
}

unsigned tracepoint_child(const struct tracefs *t)
{
	struct tracepoint_field child = { .name = "child_pid" };
	FILE *f = open_file(t, "sched", "sched_process_fork", "format");
	bool there = f && find_field(f, &child);

	if (f)
		fclose(f);
	return there && child.size == 4 && (child.offset == 20 || child.offset == 44) ? child.offset
										      : 0;
}
