/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/look/look.h"
#include "bpf/qemu/choose.h"
#include "bpf/qemu/process.h"
#include "cli/cli.h"
#include "cli/complete/offer.h"
#include "cli/sources.h"
#include "decoder/check/rule.h"
#include "decoder/diff/diff.h"
#include "decoder/fields/fields.h"
#include "decoder/model/model.h"
#include "decoder/trace/file.h"
#include "emu/replay/target.h"
#include "emu/virtio/fault.h"

/* What is read of a trace to find its devices: they are described first, or when they are plugged. */
#define TRACE_RECORDS 200000U
#define TRACE_NS UINT64_C(300000000)

/* --- what runs ----------------------------------------------------------------------- */

static size_t processes(struct process **all)
{
	static struct process list[CHOOSE_PROCESSES];

	*all = list;
	return process_list(list, CHOOSE_PROCESSES, NULL);
}

static void print_pids(struct offer *o)
{
	struct process *p;
	size_t n = processes(&p);

	for (size_t i = 0; i < n; i++) {
		TEXT(pid, 24);

		text_add(&pid, "%d", (int)p[i].pid);
		offer(o, pid.buf, *p[i].name ? p[i].name : p[i].comm);
	}
}

static void print_names(struct offer *o)
{
	struct process *p;
	size_t n = processes(&p);

	for (size_t i = 0; i < n; i++) {
		bool again = !*p[i].name;
		TEXT(help, 64);

		for (size_t k = 0; k < i && !again; k++)
			again = !strcmp(p[k].name, p[i].name);
		text_add(&help, "process %d", (int)p[i].pid);
		if (!again)
			offer(o, p[i].name, help.buf);
	}
}

/* --- devices ------------------------------------------------------------------------- */

static void print_device(struct offer *o, const char *name, const char *id, const char *type)
{
	offer(o, name, *id ? id : type);
	if (*id && strcmp(id, name))
		offer(o, id, name);
}

static void print_devices_of_model(struct offer *o, const struct model *m)
{
	const struct model_device *d;

	for (unsigned i = 0; (d = model_device_nth(m, i)); i++)
		print_device(o, d->name, d->user_id, d->type_name);
}

/* A file that one must wait for, as a pipe, is not opened. */
static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || (!fstat(fd, &st) && S_ISREG(st.st_mode)))
		return fd;
	close(fd);
	return -1;
}

static void print_devices_of_trace(struct offer *o, const char *path)
{
	const uint64_t end = cli_clock() + TRACE_NS;
	struct trace_reader *t;
	struct trace_error err;
	struct model *m;
	struct record rec;
	struct event e;
	bool again;
	int fd = open_regular(path);

	if (fd < 0 || trace_open_fd(&t, fd, path, &err))
		return;
	m = model_new();
	for (unsigned n = 0; m && n < TRACE_RECORDS && (n % 1024 || cli_clock() < end); n++)
		if (trace_next(t, &rec, &again, &err) != 1 ||
		    model_feed(m, &rec, trace_number(t), &e) < 0)
			break;
	if (m)
		print_devices_of_model(o, m);
	model_free(m);
	trace_close(t);
}

static void print_devices_of_process(struct offer *o, pid_t pid)
{
	struct source_error err;
	struct look *l;

	if (look_open(&l, pid, NULL, &err))
		return;
	for (size_t i = 0; i < l->ndevs; i++)
		print_device(o, l->dev[i].name, l->dev[i].user_id, l->dev[i].typename);
	look_close(l);
}

/* "-d A=B" of diff: a device of the first trace is one of the second. */
static void print_devices_of_two(struct offer *o)
{
	const char *other = strchr(o->word + o->kept, '=');

	if (other)
		o->kept = (size_t)(other + 1 - o->word);
	print_devices_of_trace(o, o->operand[other ? 1 : 0]);
}

static void print_devices(struct offer *o)
{
	pid_t pid = (pid_t)o->pid;
	TEXT(why, 64);

	if (o->operand[1])
		print_devices_of_two(o);
	else if (o->trace || o->operand[0])
		print_devices_of_trace(o, o->trace ? o->trace : o->operand[0]);
	else if (pid > 0 || (o->name && !choose_named(o->name, NULL, &pid, &why)))
		print_devices_of_process(o, pid);
}

/* --- filters ------------------------------------------------------------------------- */

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.';
}

static void print_words(const struct offer *o, const struct field *f)
{
	const char *word;

	for (const struct spec_name *n = f->names; n && n->name; n++)
		offer(o, n->name, NULL);
	for (unsigned i = 0; f->word && (word = f->word(i)); i++)
		if (*word)
			offer(o, word, NULL);
}

/* The field in front of an operator that ends at `end`; NULL: there is none. */
static const struct field *field_before(const char *text, size_t end)
{
	char path[80];
	size_t at;

	while (end && text[end - 1] == ' ')
		end--;
	if (!end || !strchr("=<>", text[end - 1]))
		return NULL;
	while (end && strchr("=<>! ", text[end - 1]))
		end--;
	for (at = end; at && is_name(text[at - 1]); at--)
		;
	if (end - at >= sizeof(path))
		return NULL;
	memcpy(path, text + at, end - at);
	path[end - at] = '\0';
	return field_by_path(path);
}

static void print_all_fields(struct offer *o)
{
	const struct field *f;

	for (unsigned n = 0; (f = field_nth(n)); n++)
		offer(o, f->path, f->help);
}

/* The last word of a filter: a name of a field; or, behind "FIELD ==", what it can be. */
static void print_filter(struct offer *o)
{
	size_t at = strlen(o->word);
	const struct field *f;

	while (at > o->kept && is_name(o->word[at - 1]))
		at--;
	f = field_before(o->word + o->kept, at - o->kept);
	o->kept = at;
	if (!f)
		print_all_fields(o);
	else if (!strcmp(f->path, "device"))
		print_devices(o);
	else
		print_words(o, f);
}

static void print_fields(struct offer *o)
{
	const char *comma = strrchr(o->word + o->kept, ',');

	if (comma)
		o->kept = (size_t)(comma + 1 - o->word);
	print_all_fields(o);
}

/* --- tables of the program --------------------------------------------------------------- */

static void print_rules(struct offer *o)
{
	const struct rule *r;

	for (unsigned i = 0; (r = rule_nth(i)); i++)
		offer(o, r->id, r->text);
}

/* Behind the last comma of a list, and the ! that excludes. */
static void behind_comma(struct offer *o)
{
	const char *at = strrchr(o->word + o->kept, ',');

	if (at)
		o->kept = (size_t)(at + 1 - o->word);
	if (o->word[o->kept] == '!')
		o->kept++;
}

static void print_selection(struct offer *o)
{
	behind_comma(o);
	offer(o, "driver", "rules for the driver");
	offer(o, "device", "rules for the device");
	for (unsigned i = 0; check_severity_names[i]; i++)
		offer(o, check_severity_names[i], "rules of this severity");
	print_rules(o);
}

static void print_severities(struct offer *o)
{
	for (unsigned i = 0; check_severity_names[i]; i++)
		offer(o, check_severity_names[i], NULL);
}

static void print_classes(struct offer *o)
{
	behind_comma(o);
	for (unsigned c = 0; c < DIFF_CLASSES; c++)
		offer(o, diff_class_name(c), diff_class_help(c));
}

static void print_sources(struct offer *o)
{
	for (unsigned i = 0; sources[i]; i++)
		offer(o, sources[i]->name, sources[i]->summary);
}

static void print_targets(struct offer *o)
{
	for (unsigned i = 0; replay_targets[i]; i++)
		offer(o, replay_targets[i]->name, NULL);
}

static void print_faults(struct offer *o)
{
	offer(o, "list", "list them");
	for (const struct emu_fault_row *f = emu_faults; f->name; f++)
		offer(o, f->name, f->what);
}

static void print_colors(struct offer *o)
{
	offer(o, "auto", NULL);
	offer(o, "always", NULL);
	offer(o, "never", NULL);
}

const struct offer_values offer_values[] = {
	{ "pid", print_pids },	     { "name", print_names },	    { "device", print_devices },
	{ "filter", print_filter },  { "field", print_fields },	    { "rules", print_selection },
	{ "explain", print_rules },  { "check", print_severities }, { "only", print_classes },
	{ "ignore", print_classes }, { "source", print_sources },   { "against", print_targets },
	{ "fault", print_faults },   { "color", print_colors },	    {},
};
