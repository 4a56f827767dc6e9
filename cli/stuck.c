/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/look/look.h"
#include "bpf/look/monitor.h"
#include "cli/options.h"
#include "decoder/model/model.h"
#include "decoder/stuck/trace.h"
#include "decoder/trace/file.h"
#include "decoder/util/json.h"
#include "decoder/util/number.h"
#include "decoder/util/text.h"

#define MACHINES 64

struct stuck {
	const char *path, *qmp;
	struct option_list names, devices;
	pid_t pid[MACHINES];
	unsigned npids;
	uint64_t watch; /* ns */
	bool verbose, json;
	struct json_object *list; /* of machines */
	size_t stuck; /* queues */
	bool trouble;
};

static int parse_pid(void *config, const char *value, struct text *why)
{
	struct stuck *s = config;
	unsigned long long v;

	if (!number_parse(value, 1 << 22, &v) || !v || s->npids == MACHINES)
		return option_refuse(why, "not a process id ('vqtrace record -D' lists what runs)");
	s->pid[s->npids++] = (pid_t)v;
	return 0;
}

/* --- reporting ------------------------------------------------------------------------ */

static bool is_chosen(const struct stuck *s, const char *device, const char *id, const char *type)
{
	for (unsigned i = 0; i < s->devices.n; i++)
		if (!strcmp(s->devices.item[i], device) || !strcmp(s->devices.item[i], id) ||
		    !strcmp(s->devices.item[i], type))
			return true;
	return !s->devices.n;
}

/* Leave the rows of devices that -d names; their number. */
static size_t choose(const struct stuck *s, struct stuck_row *row, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (is_chosen(s, row[i].device, row[i].id, row[i].type))
			row[kept++] = row[i];
	return kept;
}

/* others: something else was said of this machine */
static void report(struct stuck *s, struct json_object *machine, struct stuck_row *row, size_t n,
		   bool others)
{
	struct json_object *queues;

	n = choose(s, row, n);
	s->stuck += stuck_count(row, n);
	if (!s->json) {
		stuck_print(stdout, row, n, s->verbose);
		if (!n && !others)
			puts(s->devices.n ? "no such virtio device" : "no virtio device");
		return;
	}
	queues = json_object_new_array();
	for (size_t i = 0; i < n; i++)
		json_object_array_add(queues, stuck_json(&row[i]));
	json_object_object_add(machine, "queues", queues);
	json_object_array_add(s->list, machine);
}

/* --- a running machine ------------------------------------------------------------------ */

static bool is_stopped(const struct look *l)
{
	return l->was_stopped && (!l->was_running || l->stopped_since);
}

static void head_line(const struct look *l)
{
	TEXT(name, 512);
	TEXT(state, 128); /* as a monitor says it */

	text_untrusted(&name, l->m.p.name, strlen(l->m.p.name));
	text_untrusted(&state, l->m.state, strlen(l->m.state));
	printf("%d%s%s: %s\n", (int)l->m.p.pid, name.len ? " " : "", name.buf,
	       l->was_stopped ? !is_stopped(l) ? "was stopped by a signal meanwhile"
					       : "stopped by a signal or a debugger"
	       : state.len    ? state.buf
			      : "run state unknown");
}

/* Devices of which QEMU knows nothing but that another process serves them. */
static const char remote_words[] =
	"cannot tell: another process serves this PCI function, and QEMU does not know its queues; "
	"if that is 'vqtrace serve -w FILE', 'vqtrace stuck -r FILE' answers";

/* Leave those that -d names; their number, all others included that are not named. */
static size_t choose_remotes(const struct stuck *s, struct look *l)
{
	size_t named = l->nremotes < LOOK_REMOTES ? l->nremotes : LOOK_REMOTES, kept = 0;

	if (!s->devices.n)
		return l->nremotes;
	for (size_t i = 0; i < named; i++)
		if (is_chosen(s, l->remote[i].name, "", l->remote[i].typename))
			l->remote[kept++] = l->remote[i];
	return l->nremotes = kept;
}

static void report_remotes(struct json_object *machine, const struct look *l)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < l->nremotes && i < LOOK_REMOTES; i++) {
		struct json_object *o = json_object_new_object();

		json_put_str(o, "device", l->remote[i].name);
		json_put_str(o, "type", l->remote[i].typename);
		json_put_str(o, "verdict", stuck_name(STUCK_CANNOT_TELL));
		json_put_str(o, "words", remote_words);
		json_object_array_add(list, o);
	}
	json_object_object_add(machine, "elsewhere", list);
}

static void print_remotes(const struct look *l)
{
	for (size_t i = 0; i < l->nremotes && i < LOOK_REMOTES; i++) {
		text_write_untrusted(stdout, l->remote[i].name);
		fputs(" (", stdout);
		text_write_untrusted(stdout, l->remote[i].typename);
		printf("): %s\n", remote_words);
	}
	if (l->nremotes > LOOK_REMOTES)
		printf("and %zu more of them\n", l->nremotes - LOOK_REMOTES);
}

static void report_look(struct stuck *s, struct look *l)
{
	struct json_object *o = s->json ? json_object_new_object() : NULL;
	struct stuck_row *row;
	bool others;
	size_t n = 0;

	for (size_t i = 0; i < l->ndevs; i++)
		n += l->dev[i].nqueues;
	row = calloc(n ? n : 1, sizeof(*row));
	if (!row) {
		s->trouble = true;
		cli_error("no memory");
		return;
	}
	n = 0;
	for (size_t i = 0; i < l->ndevs; i++)
		for (size_t k = 0; k < l->dev[i].nqueues; k++)
			row[n++] = l->dev[i].row[k];
	others = choose_remotes(s, l) != 0;
	if (o) {
		json_put_u64(o, "pid", (uint64_t)l->m.p.pid);
		json_put_str(o, "name", l->m.p.name);
		json_put_str(o, "state", l->m.state);
		json_object_object_add(o, "stopped", json_object_new_boolean(is_stopped(l)));
		report_remotes(o, l);
	} else {
		head_line(l);
	}
	if (l->endless)
		cli_warn("process %d: its tree of devices did not end within the limits of reading "
			 "it: some devices may be missing",
			 (int)l->m.p.pid);
	if (!o)
		print_remotes(l);
	report(s, o, row, n, others);
	free(row);
}

static void look_at(struct stuck *s, pid_t pid)
{
	struct source_error err;
	struct look *l;

	if (look_open(&l, pid, NULL, &err)) {
		s->trouble = true;
		cli_error_lines("%s", err.text);
		return;
	}
	look_begin(l);
	/* A monitor that does not answer is no reason not to look, nor to look for longer. */
	if (s->qmp && monitor_ask(&l->m, s->qmp, &err))
		cli_warn("%s", err.text);
	if (look_watch(l, s->watch))
		s->trouble = true;
	else
		report_look(s, l);
	look_close(l);
}

static void say_left_out(void)
{
	for (;;) {
		TEXT(line, PROCESS_LEFT_OUT);

		if (!process_newly_left_out(&line))
			return;
		cli_warn("%s", line.buf);
	}
}

/* The processes that -n names, or all. */
static int find_processes(struct stuck *s)
{
	static struct process all[MACHINES];
	size_t n = process_list(all, MACHINES, NULL);

	say_left_out();
	for (unsigned i = 0; i < s->names.n; i++) {
		unsigned before = s->npids;

		for (size_t k = 0; k < n && s->npids < MACHINES; k++)
			if (process_matches(&all[k], s->names.item[i]))
				s->pid[s->npids++] = all[k].pid;
		if (s->npids == before)
			return cli_error("no QEMU is called '%s'%s; 'vqtrace record -D' lists them",
					 s->names.item[i],
					 geteuid() ? " that we may see (as root all are)" : "");
	}
	for (size_t k = 0; !s->names.n && k < n; k++)
		s->pid[s->npids++] = all[k].pid;
	return s->npids ? CLI_OK
			: cli_error("no QEMU runs%s; -r FILE answers from a trace",
				    geteuid() ? " that we may see (as root all are)" : "");
}

/* --- a trace ------------------------------------------------------------------------------ */

static int from_trace(struct stuck *s)
{
	struct json_object *o = s->json ? json_object_new_object() : NULL;
	struct stuck_trace *t = stuck_trace_new();
	struct trace_reader *r = NULL;
	struct stuck_call *call;
	struct stuck_row *row;
	struct record rec;
	bool broken = false;
	size_t n;

	if (!t)
		return cli_error("no memory");
	if (cli_trace_open(&r, s->path)) {
		stuck_trace_free(t);
		return CLI_TROUBLE;
	}
	while (cli_trace_next(r, &rec, true, &broken))
		if (stuck_trace_feed(t, &rec))
			s->trouble = true;
	s->trouble |= broken;
	n = stuck_trace_end(t, &row);
	if (o)
		json_put_str(o, "trace", s->path);
	report(s, o, row, n, false);
	free(row);
	n = stuck_trace_calls(t, &call);
	if (o)
		json_object_object_add(o, "drivers", stuck_calls_json(call, n));
	else
		stuck_calls_print(stdout, call, n);
	free(call);
	stuck_trace_free(t);
	trace_close(r);
	return CLI_OK;
}

/* --- the command ---------------------------------------------------------------------------- */

static const struct option_row options[] = {
	{ OPTION_CALL, 'p', "pid", "PID", "a running QEMU (repeat); without -p, -n and -r: all",
	  .call = parse_pid },
	{ OPTION_LIST, 'n', "name", "NAME",
	  "a running QEMU by guest name (-name), UUID or program (repeat)",
	  OPTION_TO(struct stuck, names) },
	CLI_OPTION_READ(struct stuck, path),
	{ OPTION_LIST, 'd', "device", "DEVICE",
	  "only this device: its id, \"blk0\" or type (repeat)", OPTION_TO(struct stuck, devices) },
	{ OPTION_TEXT, 0, "qmp", "SOCKET",
	  "of a single QEMU: ask it whether the machine runs, if its memory does not tell",
	  OPTION_TO(struct stuck, qmp) },
	{ OPTION_TIME, 0, "watch", "TIME",
	  "how long nothing has to move (default 2.2s; at least 1s): longer tells a very slow "
	  "back end from one that hangs",
	  OPTION_TO(struct stuck, watch), .min = STUCK_WATCH_NS, .want = "a time of 1s or more" },
	{ OPTION_FLAG, 'V', "verbose", NULL, "every queue, also where nothing is outstanding",
	  OPTION_TO(struct stuck, verbose) },
	{ OPTION_CHOICE, 'T', "format", "text|json", "json: one object, with all facts",
	  OPTION_TO(struct stuck, json), .choices = option_text_or_json },
	{},
};

static int conclude(struct stuck *s)
{
	struct json_object *o;

	if (s->json) {
		o = json_object_new_object();
		json_object_object_add(o, "machines", json_object_get(s->list));
		json_put_u64(o, "stuck", s->stuck);
		json_print(stdout, o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	} else if (s->stuck) {
		printf("%zu queue%s stuck.\n", s->stuck, s->stuck == 1 ? " is" : "s are");
	}
	return s->trouble ? CLI_TROUBLE : s->stuck ? CLI_FINDINGS : CLI_OK;
}

static int answer(struct stuck *s)
{
	if (s->path && (s->npids || s->names.n))
		return cli_usage("a trace (-r) or what runs (-p, -n), not both");
	if (s->path)
		return from_trace(s);
	if ((!s->npids || s->names.n) && find_processes(s))
		return CLI_TROUBLE;
	if (s->qmp && s->npids > 1)
		return cli_usage("--qmp goes with one QEMU; choose it with -p or -n");
	for (unsigned i = 0; i < s->npids; i++)
		look_at(s, s->pid[i]);
	return CLI_OK;
}

static int run(int argc, char **argv)
{
	struct stuck s = { .watch = 2200000000 };
	int code = cli_parse(argc, argv, &s);

	if (!code)
		code = cli_no_operands(argc, argv);
	if (code)
		return code - 1;
	s.list = json_object_new_array();
	code = answer(&s);
	if (!code)
		code = conclude(&s);
	json_object_put(s.list);
	return code;
}

const struct cli_command cmd_stuck = {
	.name = "stuck",
	.summary = "say who has to act next in each queue, and what proves it",
	.run = run,
	.synopsis = "[OPTIONS] [-p PID | -n NAME]\n"
		    "[OPTIONS] -r FILE",
	.about =
		"Says of each queue of a machine that hangs or is slow who has to act next: the driver\n"
		"has not kicked, the kick waits in its eventfd, the device has not popped, the back\n"
		"end has not answered (which requests, for how long), the interrupt was not raised, is\n"
		"masked, or was sent and not served; or nothing is outstanding.  It looks from outside\n"
		"at QEMU's memory: it needs no traffic, no probes and no monitor, and it changes\n"
		"nothing.  Stuck means: something is outstanding, and nothing moved while it looked.\n",
	.options = options,
	.notes =
		"Looking at a running QEMU needs root, or CAP_SYS_PTRACE.  Exit status: 0 nothing is\n"
		"stuck, 1 something is, 2 trouble.\n"
		"\n"
		"Examples:\n"
		"  vqtrace stuck                    all QEMUs that run\n"
		"  vqtrace stuck -n web1 -d disk0\n"
		"  vqtrace stuck -p 4711 -T json | jq '.machines[].queues[] | select(.stuck)'\n"
		"  vqtrace stuck -r hang.pcap       at the end of a trace\n",
};
