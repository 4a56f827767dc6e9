/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpf/qemu/discover.h"
#include "bpf/qemu/layout.h"
#include "bpf/capture/kernel.h"
#include "bpf/qemu/process.h"
#include "cli/options.h"
#include "decoder/util/number.h"

enum verdict { OK, WARN, FAIL };

static const char *const words[] = { [OK] = "ok", [WARN] = "warn", [FAIL] = "fail" };
static const char *const colors[] = { [OK] = "\033[32m", [WARN] = "\033[33m", [FAIL] = "\033[31m" };

/* The findings, as they come; printed at the end as text or JSON. */
struct finding {
	enum verdict verdict;
	char what[64], found[256], remedy[192];
};

struct report {
	struct finding f[160];
	size_t n;
	const char *target;
	bool json, verbose, limited; /* limited: a capability is missing */
	struct json_object *qemu;
};

__attribute__((format(printf, 5, 6))) static void say(struct report *r, enum verdict v,
						      const char *what, const char *remedy,
						      const char *fmt, ...)
{
	struct finding *f;
	va_list ap;

	if (r->n == sizeof(r->f) / sizeof(r->f[0]))
		return;
	f = &r->f[r->n++];
	f->verdict = v;
	snprintf(f->what, sizeof(f->what), "%s", what);
	snprintf(f->remedy, sizeof(f->remedy), "%s", v == OK ? "" : remedy);
	va_start(ap, fmt);
	vsnprintf(f->found, sizeof(f->found), fmt, ap);
	va_end(ap);
}

/* --- the host -------------------------------------------------------------- */

static void look_kernel(struct report *r)
{
	unsigned major = 0, minor = 0;
	struct utsname u;
	char lock[128] = "";
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");

	uname(&u);
	sscanf(u.release, "%u.%u", &major, &minor);
	say(r, major > 5 || (major == 5 && minor >= 17) ? OK : FAIL, "kernel",
	    "the QEMU probes need Linux 5.17 (bpf_loop, cookies, ring buffers)", "%s %s", u.release,
	    u.machine);
	if (strcmp(u.machine, "x86_64"))
		say(r, FAIL, "machine", "QEMU is decoded on x86-64 only, so far", "%s", u.machine);
	say(r, access("/sys/kernel/btf/vmlinux", R_OK) ? WARN : OK, "BTF",
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
		say(r, OK, "lockdown", "", "%s%s", lock,
		    strcmp(lock, "none") ? " (kernel memory is out of reach; QEMU's is not)" : "");
}

static void look_privileges(struct report *r)
{
	static const struct {
		unsigned bit;
		const char *name, *needed;
	} caps[] = {
		{ 39, "CAP_BPF", "to load the programs" },
		{ 38, "CAP_PERFMON", "to attach probes" },
		{ 19, "CAP_SYS_PTRACE", "to read the state of a QEMU that is not yours" },
	};
	unsigned long long eff = probe_capabilities();
	bool admin = eff >> 21 & 1;

	say(r, OK, "user", "", "%s (uid %u)", geteuid() ? "not root" : "root", geteuid());
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		bool have = eff >> caps[i].bit & 1 || (admin && caps[i].bit != 19);

		r->limited |= !have;
		say(r, have ? OK : FAIL, caps[i].name, "run as root, or grant it with setcap",
		    "%s, needed %s", have ? "held" : "not held", caps[i].needed);
	}
}

static void look_bpf(struct report *r)
{
	struct probe_result p[16];
	size_t n = probe_kernel(p, 16);

	for (size_t i = 0; i < n; i++)
		say(r,
		    !p[i].err	  ? OK
		    : p[i].needed ? FAIL
				  : WARN,
		    p[i].what,
		    r->limited && (p[i].err == -EPERM || p[i].err == -EACCES)
			    ? "the capabilities above may be all it takes"
			    : p[i].remedy,
		    "%s", p[i].err ? strerror(-p[i].err) : p[i].found);
}

/* --- a QEMU ---------------------------------------------------------------- */

static void look_probes(struct report *r, const struct qemu *q)
{
	unsigned found = 0, emulated = 0, hot = 0, hot_emulated = 0;
	char missing[200] = "";

	for (size_t i = 0; i < q->nprobes; i++) {
		const struct qemu_probe *p = &q->probe[i];

		if (!p->addr) {
			if (!(p->flags & QEMU_PROBE_OPTIONAL))
				say(r, p->flags & QEMU_PROBE_ESSENTIAL ? FAIL : WARN, p->name,
				    "a trace of this QEMU lacks that", "not found: costs %s",
				    p->costs);
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
			say(r, OK, p->name, "", "0x%llx, %s, %s", (unsigned long long)p->addr,
			    p->placed, p->emulated ? "emulated" : "single-stepped");
	}
	say(r, OK, "probes", "", "%u found, %u of them emulated by the kernel", found, emulated);
	say(r, hot == hot_emulated ? OK : WARN, "probes per request",
	    "single-stepped probes cost about five times as much", "%u, %u emulated", hot,
	    hot_emulated);
	if (missing[0])
		say(r, OK, "absent in this version", "", "%s", missing);
}

static void look_layout(struct report *r, const struct qemu *q)
{
	struct layout_field f[32];
	size_t n = layout_list(q, f, 32), known = 0;

	for (size_t i = 0; i < n; i++) {
		known += f[i].value != VQP_UNKNOWN;
		if (r->verbose && f[i].value != VQP_UNKNOWN)
			say(r, OK, f[i].name, "", "0x%x", f[i].value);
	}
	for (size_t i = 0; i < q->nnotes; i++)
		say(r, WARN, q->note[i].what, "a trace of this QEMU lacks that",
		    "not decoded: costs %s", q->note[i].costs);
	say(r, qemu_unusable(q) ? FAIL : OK, "structures",
	    "please report this build; its virtqueues cannot be followed", "%zu of %zu decoded",
	    known, n);
}

static void look_regions(struct report *r, const struct qemu *q)
{
	char list[200] = "";

	for (size_t i = 0; i < q->nprobes; i++) {
		const struct qemu_probe *p = &q->probe[i];

		if (p->program != QEMU_REG_WRITE || !p->addr)
			continue;
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%.*s",
			 list[0] ? ", " : "", (int)strcspn(p->name, " "), p->name);
	}
	say(r, list[0] ? OK : WARN, "register regions", "register accesses will be missing", "%s",
	    list[0] ? list : "none found");
}

static struct json_object *probe_json(const struct qemu_probe *p)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(p->name));
	json_object_object_add(o, "program", json_object_new_string(qemu_program_name(p->program)));
	json_object_object_add(o, "found", json_object_new_boolean(p->addr != 0));
	json_object_object_add(o, "address", json_object_new_int64((int64_t)p->addr));
	json_object_object_add(o, "placed", json_object_new_string(p->placed));
	json_object_object_add(o, "emulated", json_object_new_boolean(p->emulated));
	json_object_object_add(o, "costs", json_object_new_string(p->costs));
	return o;
}

static void qemu_json(struct report *r, const struct qemu *q)
{
	struct json_object *o = json_object_new_object(), *probes = json_object_new_array();
	struct json_object *offsets = json_object_new_object();
	struct layout_field f[32];
	size_t n = layout_list(q, f, 32);

	json_object_object_add(o, "path", json_object_new_string(elf_path(q->elf)));
	json_object_object_add(o, "version", json_object_new_string(q->version));
	json_object_object_add(o, "build_id", json_object_new_string(elf_build_id(q->elf)));
	for (size_t i = 0; i < q->nprobes; i++)
		json_object_array_add(probes, probe_json(&q->probe[i]));
	for (size_t i = 0; i < n; i++)
		if (f[i].value != VQP_UNKNOWN)
			json_object_object_add(offsets, f[i].name, json_object_new_int(f[i].value));
	json_object_object_add(o, "probes", probes);
	json_object_object_add(o, "offsets", offsets);
	r->qemu = o;
}

static int look_qemu(struct report *r, const char *path, const char *shown)
{
	struct qemu *q;
	int err = qemu_open(&q, path);

	if (err) {
		cli_error("%s: %s", shown,
			  err == -ENOENT || err == -ENOEXEC
				  ? "not a QEMU system emulator for x86-64 (no virtqueue_pop in it)"
				  : strerror(-err));
		return CLI_TROUBLE;
	}
	say(r, OK, "QEMU", "", "%s", shown);
	say(r, q->version[0] ? OK : WARN, "version", "no version string in the binary", "%s",
	    q->version[0] ? q->version : "unknown");
	say(r, OK, "build id", "", "%s", elf_build_id(q->elf)[0] ? elf_build_id(q->elf) : "none");
	say(r, OK, "debug information", "", "%s",
	    elf_has_dwarf(q->elf)    ? "present"
	    : elf_has_symtab(q->elf) ? "symbol table only"
				     : "stripped (not needed: decoded from the code)");
	look_layout(r, q);
	look_regions(r, q);
	look_probes(r, q);
	if (r->json)
		qemu_json(r, q);
	qemu_close(q);
	return CLI_OK;
}

static int look_target(struct report *r, const char *what)
{
	unsigned long long pid;
	struct process p;
	int err;

	if (!number_parse(what, 1 << 22, &pid))
		return look_qemu(r, what, what);
	err = process_read(&p, (pid_t)pid);
	if (err) {
		cli_error("process %s%s%s%s: %s", what, p.comm[0] ? " (" : "", p.comm,
			  p.comm[0] ? ")" : "",
			  err == -ENOEXEC  ? "is no QEMU system emulator"
			  : err == -EACCES ? "may not be looked into; run as root"
					   : strerror(-err));
		return CLI_TROUBLE;
	}
	say(r, OK, "process", "", "%llu %s%s%s", pid, p.comm, p.name[0] ? ", guest " : "", p.name);
	return look_qemu(r, p.object, p.object_name);
}

static void look_running(struct report *r)
{
	static struct process all[64];
	size_t n = process_list(all, 64);

	say(r, OK, "running QEMUs", "", "%zu%s", n, n ? "" : " that we may see");
	for (size_t i = 0; i < n; i++)
		say(r, OK, "", "", "%d %s %.160s", (int)all[i].pid, all[i].name,
		    all[i].object_name);
	if (!access("/usr/bin/qemu-system-x86_64", R_OK))
		look_qemu(r, "/usr/bin/qemu-system-x86_64", "/usr/bin/qemu-system-x86_64");
}

/* --- the answer ------------------------------------------------------------ */

static void print_text(const struct report *r)
{
	bool color = cli_color(stdout);

	for (size_t i = 0; i < r->n; i++) {
		const struct finding *f = &r->f[i];

		printf("%s%-4s%s  %-34s %s\n", color ? colors[f->verdict] : "", words[f->verdict],
		       color ? "\033[0m" : "", f->what, f->found);
		if (f->remedy[0])
			printf("      %-34s -> %s\n", "", f->remedy);
	}
}

static void print_json(const struct report *r, enum verdict worst)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < r->n; i++) {
		struct json_object *f = json_object_new_object();

		json_object_object_add(f, "check", json_object_new_string(r->f[i].what));
		json_object_object_add(f, "verdict",
				       json_object_new_string(words[r->f[i].verdict]));
		json_object_object_add(f, "found", json_object_new_string(r->f[i].found));
		if (r->f[i].remedy[0])
			json_object_object_add(f, "remedy", json_object_new_string(r->f[i].remedy));
		json_object_array_add(list, f);
	}
	json_object_object_add(o, "verdict", json_object_new_string(words[worst]));
	json_object_object_add(o, "checks", list);
	if (r->qemu)
		json_object_object_add(o, "qemu", r->qemu);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static int answer(const struct report *r)
{
	enum verdict worst = OK;

	for (size_t i = 0; i < r->n; i++)
		if (r->f[i].verdict > worst)
			worst = r->f[i].verdict;
	if (r->json) {
		print_json(r, worst);
	} else {
		print_text(r);
		puts(worst == OK ? "\nRecording works here."
		     : worst == WARN
			     ? "\nRecording works here, with the limits marked warn."
			     : "\nRecording does not work here: see what is marked fail.  (It is not needed "
			       "for\nvhost-user devices: 'vqtrace record --vhost-user'.)");
	}
	return worst == FAIL ? CLI_TROUBLE : worst == WARN ? CLI_FINDINGS : CLI_OK;
}

static const struct option_row options[] = {
	{ OPTION_TEXT, 'p', "pid", "PID|BINARY", "which QEMU; the -p may be left out",
	  OPTION_TO(struct report, target) },
	{ OPTION_FLAG, 'V', "verbose", NULL, "every probe and structure offset, too",
	  OPTION_TO(struct report, verbose) },
	{ OPTION_CHOICE, 'T', "format", "text|json", "how to print", OPTION_TO(struct report, json),
	  .choices = option_text_or_json },
	CLI_OPTION_COLOR,
	{},
};

static int run(int argc, char **argv)
{
	struct report *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return CLI_TROUBLE;
	code = cli_parse(argc, argv, r);
	if (!code && !r->target && optind < argc)
		r->target = argv[optind++];
	if (!code)
		code = cli_no_operands(argc, argv);
	if (code) {
		code--;
		goto out;
	}
	look_kernel(r);
	look_privileges(r);
	look_bpf(r);
	if (r->target)
		code = look_target(r, r->target);
	else
		look_running(r);
	if (code == CLI_OK)
		code = answer(r);
out:
	free(r);
	return code;
}

const struct cli_command cmd_doctor = {
	.name = "doctor",
	.summary = "say what can be recorded here, and what cannot and why",
	.run = run,
	.synopsis = "[OPTIONS] [[-p] PID|BINARY]",
	.about =
		"Checks kernel, privileges and BPF by trying, and how much of a QEMU can be\n"
		"traced: of a running one (PID), of a file (BINARY), or of the installed one.\n"
		"Each line is ok, warn (a trace will lack something) or fail (no recording), with\n"
		"the remedy.\n",
	.options = options,
	.notes = "Exit status: 0 all is well, 1 recording works with limits, 2 it does not.\n",
};
