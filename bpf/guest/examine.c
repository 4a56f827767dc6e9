/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/guest/attach.h"
#include "bpf/guest/examine.h"
#include "bpf/guest/layout.h"
#include "bpf/guest/types.h"

/* How many virtio devices this kernel has. */
static unsigned virtio_devices(void)
{
	DIR *d = opendir("/sys/bus/virtio/devices");
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* A folder of tracefs that is not mounted is empty, but there. */
static bool has_tracefs_folder(void)
{
	return !access("/sys/kernel/tracing", F_OK);
}

static bool is_locked_down(void)
{
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "";
	bool locked = f && fgets(line, sizeof(line), f) && strstr(line, "[confidentiality]");

	if (f)
		fclose(f);
	return locked;
}

enum source_verdict guest_available(struct text *reason, struct text *remedy)
{
	if (geteuid()) { /* tracefs is root's to write to */
		text_puts(reason, "probes in the kernel need root");
		text_puts(remedy, "run as root");
		return SOURCE_UNAVAILABLE;
	}
	if (is_locked_down()) {
		text_puts(reason, "the kernel is locked down: its memory may not be read");
		text_puts(remedy, "boot it without lockdown=confidentiality");
		return SOURCE_UNAVAILABLE;
	}
	if (!attach_has_tracefs() && !has_tracefs_folder()) {
		text_puts(reason, "the kernel has no tracefs (CONFIG_FTRACE)");
		return SOURCE_UNAVAILABLE;
	}
	if (!virtio_devices()) {
		text_puts(reason, "there is no virtio device here, yet");
		return SOURCE_LIMITED;
	}
	return SOURCE_OK;
}

static void look_types(struct source_report *r)
{
	struct kernel_types *t;
	struct vqg_layout l;
	TEXT(missing, 200);

	if (kernel_types_open(&t, NULL)) {
		source_found(
			r, SOURCE_LIMITED, "BTF of the kernel",
			"a kernel with CONFIG_DEBUG_INFO_BTF: rings and devices are then known",
			"none");
		return;
	}
	memset(&l, 0xff, sizeof(l));
	kernel_types_find(t, &l);
	guest_layout_missing(&l, &missing);
	source_found(r, missing.len ? SOURCE_LIMITED : SOURCE_OK, "drivers' structures",
		     missing.len ? "load the drivers, or name their files with --modules" : "",
		     "%s%s", missing.len ? "unknown: " : "all known", missing.buf);
	kernel_types_close(t);
}

int guest_examine(const char *target, struct source_report *r, struct source_error *err)
{
	unsigned n = virtio_devices();

	source_found(r, n ? SOURCE_OK : SOURCE_LIMITED, "virtio devices",
		     n ? "" : "only needed for the source guest", "%u driven by this kernel", n);
	source_found(r, attach_has_tracefs() ? SOURCE_OK : SOURCE_LIMITED, "kprobe events",
		     attach_has_tracefs()
			     ? ""
			     : "the recorder mounts tracefs itself, where the kernel has it",
		     "%s", attach_has_tracefs() ? "tracefs is mounted" : "tracefs is not mounted");
	if (is_locked_down())
		source_found(r, SOURCE_LIMITED, "lockdown", "only needed for the source guest",
			     "confidentiality: kernel memory may not be read");
	look_types(r);
	return 0;
}
