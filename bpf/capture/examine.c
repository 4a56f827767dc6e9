/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpf/capture/examine.h"
#include "bpf/capture/kernel.h"
#include "bpf/process/caps.h"
#include "bpf/qemu/discover.h"
#include "bpf/qemu/layout.h"
#include "bpf/qemu/process.h"
#include "bpf/stack/try.h"
#include "decoder/util/number.h"
#include "decoder/util/json.h"
#include "decoder/util/text.h"

/* --- the host -------------------------------------------------------------- */

static void look_kernel(struct source_report *r)
{
	unsigned major = 0, minor = 0;
	struct utsname u;
	char lock[128] = "";
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");

	uname(&u);
	sscanf(u.release, "%u.%u", &major, &minor);
	source_found(r, major > 5 || (major == 5 && minor >= 17) ? SOURCE_OK : SOURCE_UNAVAILABLE,
		     "kernel", "the QEMU probes need Linux 5.17 (bpf_loop, cookies, ring buffers)",
		     "%s %s", u.release, u.machine);
	if (strcmp(u.machine, "x86_64"))
		source_found(r, SOURCE_UNAVAILABLE, "machine",
			     "QEMU is decoded on x86-64 only, so far", "%s", u.machine);
	source_found(r, access("/sys/kernel/btf/vmlinux", R_OK) ? SOURCE_LIMITED : SOURCE_OK, "BTF",
		     "not needed for QEMU; guest kernels need it for driver probes", "%s",
		     access("/sys/kernel/btf/vmlinux", R_OK) ? "none" : "/sys/kernel/btf/vmlinux");
	if (f) {
		char line[128] = "", *on;

		if (fgets(line, sizeof(line), f) && (on = strchr(line, '['))) {
			on[strcspn(on, "]")] = 0;
			snprintf(lock, sizeof(lock), "%s", on + 1);
		}
		fclose(f);
	}
	if (lock[0])
		source_found(r, SOURCE_OK, "lockdown", "", "%s%s", lock,
			     strcmp(lock, "none")
				     ? " (kernel memory is out of reach; QEMU's is not)"
				     : "");
}

/* What QEMUs of other users need in any case. */
#define NEEDED (CAPS_PROBES | CAPS(SYS_PTRACE))

/* True when a capability is missing. */
static bool look_privileges(struct source_report *r)
{
	uint64_t held = caps_held();
	TEXT(remedy, 192);

	caps_put_remedy(&remedy, CAPS_PROBES | CAPS_FOREIGN);
	source_found(r, SOURCE_OK, "user", "", "%s (uid %u)", geteuid() ? "not root" : "root",
		     geteuid());
	for (const struct caps_row *c = caps_rows; c->name; c++) {
		bool have = held >> c->bit & 1, must = NEEDED >> c->bit & 1;

		if (must || CAPS_FOREIGN >> c->bit & 1)
			source_found(r,
				     have   ? SOURCE_OK
				     : must ? SOURCE_UNAVAILABLE
					    : SOURCE_LIMITED,
				     c->name, remedy.buf, "%s, %s %s", have ? "held" : "not held",
				     must ? "needed" : "helps", c->what);
	}
	return NEEDED & ~held;
}

static void look_bpf(struct source_report *r, bool limited)
{
	struct probe_result p[16];
	size_t n = probe_kernel(p, 16);

	for (size_t i = 0; i < n; i++)
		source_found(r,
			     !p[i].err	   ? SOURCE_OK
			     : p[i].needed ? SOURCE_UNAVAILABLE
					   : SOURCE_LIMITED,
			     p[i].what,
			     limited && (p[i].err == -EPERM || p[i].err == -EACCES)
				     ? "the capabilities above may be all it takes"
				     : p[i].remedy,
			     "%s", p[i].err ? strerror(-p[i].err) : p[i].found);
}

/* For --stacks. */
static void look_stacks(struct source_report *r)
{
	bool restore = caps_held() & CAPS(CHECKPOINT_RESTORE), works, servers;
	TEXT(how, 200);

	works = unwind_try(&how);
	if (works && !restore)
		text_puts(&how, "; not by files that were deleted");
	source_found(r, works && restore ? SOURCE_OK : SOURCE_LIMITED, "call stacks",
		     works ? "grant CAP_CHECKPOINT_RESTORE"
			   : "--stacks will have one address a stack",
		     "%s", how.buf);
	how.len = 0;
	servers = debuginfod_try(&how);
	source_found(r, servers ? SOURCE_OK : SOURCE_LIMITED, "debug information for them",
		     "install libdebuginfod1, or unset DEBUGINFOD_URLS", "symbols, debug files%s%s",
		     how.len ? "; " : "", how.buf);
}

/* --- a QEMU ---------------------------------------------------------------- */

static void look_probes(struct source_report *r, const struct qemu *q)
{
	unsigned found = 0, emulated = 0, hot = 0, hot_emulated = 0;
	char missing[200] = "";

	for (size_t i = 0; i < q->nprobes; i++) {
		const struct qemu_probe *p = &q->probe[i];

		if (!p->addr) {
			if (!(p->flags & QEMU_PROBE_OPTIONAL))
				source_found(r,
					     p->flags & QEMU_PROBE_ESSENTIAL ? SOURCE_UNAVAILABLE
									     : SOURCE_LIMITED,
					     p->name, "a trace of this QEMU lacks that",
					     "not found: costs %s", p->costs);
			else
				snprintf(missing + strlen(missing),
					 sizeof(missing) - strlen(missing), "%s%s",
					 missing[0] ? ", " : "", p->name);
			continue;
		}
		found++;
		emulated += p->emulated;
		if (p->flags & QEMU_PROBE_HOT) {
			hot++;
			hot_emulated += p->emulated;
		}
		if (r->verbose)
			source_found(r, SOURCE_OK, p->name, "", "0x%llx, %s, %s",
				     (unsigned long long)p->addr, p->placed,
				     p->emulated ? "emulated" : "single-stepped");
	}
	source_found(r, SOURCE_OK, "probes", "", "%u found, %u of them emulated by the kernel",
		     found, emulated);
	source_found(r, hot == hot_emulated ? SOURCE_OK : SOURCE_LIMITED, "probes per request",
		     "single-stepped probes cost about five times as much", "%u, %u emulated", hot,
		     hot_emulated);
	if (missing[0])
		source_found(r, SOURCE_OK, "absent in this version", "", "%s", missing);
}

static void look_layout(struct source_report *r, const struct qemu *q)
{
	struct layout_field f[32];
	size_t n = layout_list(q, f, 32), known = 0;

	for (size_t i = 0; i < n; i++) {
		known += f[i].value != VQP_UNKNOWN;
		if (r->verbose && f[i].value != VQP_UNKNOWN)
			source_found(r, SOURCE_OK, f[i].name, "", "0x%x", f[i].value);
	}
	for (size_t i = 0; i < q->nnotes; i++)
		source_found(r, SOURCE_LIMITED, q->note[i].what, "a trace of this QEMU lacks that",
			     "not decoded: costs %s", q->note[i].costs);
	source_found(r, qemu_unusable(q) ? SOURCE_UNAVAILABLE : SOURCE_OK, "structures",
		     "please report this build; its virtqueues cannot be followed",
		     "%zu of %zu decoded", known, n);
}

static void look_regions(struct source_report *r, const struct qemu *q)
{
	char list[200] = "";

	for (size_t i = 0; i < q->nprobes; i++) {
		const struct qemu_probe *p = &q->probe[i];

		if (p->program != QEMU_REG_WRITE || !p->addr)
			continue;
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%.*s",
			 list[0] ? ", " : "", (int)strcspn(p->name, " "), p->name);
	}
	source_found(r, list[0] ? SOURCE_OK : SOURCE_LIMITED, "register regions",
		     "register accesses will be missing", "%s", list[0] ? list : "none found");
}

static struct json_object *probe_json(const struct qemu_probe *p)
{
	struct json_object *o = json_object_new_object();

	json_put_str(o, "name", p->name);
	json_put_str(o, "program", qemu_program_name(p->program));
	json_object_object_add(o, "found", json_object_new_boolean(p->addr != 0));
	json_object_object_add(o, "address", json_object_new_int64((int64_t)p->addr));
	json_put_str(o, "placed", p->placed);
	json_object_object_add(o, "emulated", json_object_new_boolean(p->emulated));
	json_put_str(o, "costs", p->costs);
	return o;
}

static void qemu_json(struct source_report *r, const struct qemu *q)
{
	struct json_object *o = json_object_new_object(), *probes = json_object_new_array();
	struct json_object *offsets = json_object_new_object();
	struct layout_field f[32];
	size_t n = layout_list(q, f, 32);

	json_put_str(o, "path", elf_path(q->elf));
	json_put_str(o, "version", q->version);
	json_put_str(o, "build_id", elf_build_id(q->elf));
	for (size_t i = 0; i < q->nprobes; i++)
		json_object_array_add(probes, probe_json(&q->probe[i]));
	for (size_t i = 0; i < n; i++)
		if (f[i].value != VQP_UNKNOWN)
			json_object_object_add(offsets, f[i].name, json_object_new_int(f[i].value));
	json_object_object_add(o, "probes", probes);
	json_object_object_add(o, "offsets", offsets);
	r->detail = strdup(json_object_to_json_string(o));
	json_object_put(o);
}

static int look_qemu(struct source_report *r, const char *path, const char *shown,
		     struct source_error *err)
{
	struct qemu *q;
	int code = qemu_open(&q, path, NULL);

	if (code)
		return source_fail(
			err, code, "%s: %s", shown,
			code == -ENOENT || code == -ENOEXEC
				? "not a QEMU system emulator for x86-64 (no virtqueue_pop in it)"
				: strerror(-code));
	source_found(r, SOURCE_OK, "QEMU", "", "%s", shown);
	source_found(r, q->version[0] ? SOURCE_OK : SOURCE_LIMITED, "version",
		     "no version string in the binary", "%s",
		     q->version[0] ? q->version : "unknown");
	source_found(r, SOURCE_OK, "build id", "", "%s",
		     elf_build_id(q->elf)[0] ? elf_build_id(q->elf) : "none");
	source_found(r, SOURCE_OK, "debug information", "", "%s",
		     elf_has_dwarf(q->elf)    ? "present"
		     : elf_has_symtab(q->elf) ? "symbol table only"
					      : "stripped (not needed: decoded from the code)");
	look_layout(r, q);
	look_regions(r, q);
	look_probes(r, q);
	if (r->json)
		qemu_json(r, q);
	qemu_close(q);
	return 0;
}

static int look_target(struct source_report *r, const char *what, struct source_error *err)
{
	unsigned long long pid;
	TEXT(why, 500);
	struct process p;
	struct foreign f;
	int code;

	if (!number_parse(what, 1 << 22, &pid))
		return look_qemu(r, what, what, err);
	foreign_init(&f, (pid_t)pid, NULL);
	code = process_read(&p, &f);
	caps_explain(&why, CAPS(SYS_PTRACE) | CAPS(DAC_READ_SEARCH), CAPS_PROBES | CAPS_FOREIGN);
	if (code)
		return source_fail(err, code, "process %s%s%s%s: %s", what, p.comm[0] ? " (" : "",
				   p.comm, p.comm[0] ? ")" : "",
				   code == -ENOEXEC  ? "is no QEMU system emulator"
				   : code == -EACCES ? why.buf
						     : strerror(-code));
	source_found(r, SOURCE_OK, "process", "", "%llu %s%s%s", pid, p.comm,
		     p.name[0] ? ", guest " : "", p.name);
	return look_qemu(r, p.object, p.object_name, err);
}

static void say_left_out(struct source_report *r)
{
	for (size_t i = 0;; i++) {
		TEXT(line, PROCESS_LEFT_OUT);

		if (!process_left_out(i, &line))
			return;
		source_found(r, SOURCE_LIMITED, "", "", "%s", line.buf);
	}
}

static void look_running(struct source_report *r)
{
	static struct process all[64];
	size_t n = process_list(all, 64, NULL);
	struct source_error err;

	source_found(r, SOURCE_OK, "running QEMUs", "", "%zu%s", n, n ? "" : " that we may see");
	for (size_t i = 0; i < n; i++)
		source_found(r, SOURCE_OK, "", "", "%d %s %.160s", (int)all[i].pid, all[i].name,
			     all[i].object_name);
	say_left_out(r);
	if (!access("/usr/bin/qemu-system-x86_64", R_OK))
		look_qemu(r, "/usr/bin/qemu-system-x86_64", "/usr/bin/qemu-system-x86_64", &err);
}

int qemu_examine(const char *target, struct source_report *r, struct source_error *err)
{
	look_kernel(r);
	look_bpf(r, look_privileges(r));
	look_stacks(r);
	if (target)
		return look_target(r, target, err);
	look_running(r);
	return 0;
}
