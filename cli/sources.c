/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bpf/capture/source.h"
#include "bpf/follow/source.h"
#include "bpf/guest/source.h"
#include "bpf/kvm/source.h"
#include "bpf/memory/source.h"
#include "bpf/process/caps.h"
#include "cli/sources.h"
#include "decoder/live/joined.h"
#include "decoder/util/number.h"
#include "emu/proxy/source.h"

const struct source_ops *const sources[] = { &qemu_source_ops,	&memory_source_ops, &kvm_source_ops,
					     &guest_source_ops, &proxy_source_ops,  NULL };

/* --- options that all sources share ---------------------------------------- */

/* Two that are one together: each tells the other what it lacks. */
static bool is_pair(const char *a, const char *b)
{
	return (!strcmp(a, "kvm") && !strcmp(b, "memory")) ||
	       (!strcmp(a, "memory") && !strcmp(b, "kvm"));
}

/* A source's name; or guest=SOCKET, the stream of a guest, to be joined with it. */
static int parse_source(void *config, const char *value, struct text *why)
{
	struct sources_choice *c = config;

	if (strncmp(value, "guest=", 6)) {
		if (!c->name || !strcmp(c->name, value))
			c->name = value;
		else if (is_pair(c->name, value) && (!c->second || !strcmp(c->second, value)))
			c->second = value;
		else
			return option_refuse(why,
					     "one source can be recorded at a time; kvm and memory "
					     "are recorded together, and guest=SOCKET is joined "
					     "with any");
		return 0;
	}
	return sources_add_guest(c, value + 6) ? option_refuse(why, "too many guests") : 0;
}

int sources_add_guest(struct sources_choice *c, const char *path)
{
	if (c->guests == SOURCES_GUESTS)
		return -1;
	c->guest[c->guests++] = path;
	return 0;
}

static int parse_pid(void *config, const char *value, struct text *why)
{
	struct source_request *r = &((struct sources_choice *)config)->request;
	unsigned long long v;

	if (!number_parse(value, 1 << 22, &v) || !v || r->npids == SOURCE_PIDS)
		return option_refuse(why, "not a process id ('vqtrace record -D' lists what runs)");
	r->pid[r->npids++] = (pid_t)v;
	return 0;
}

static int parse_queue(void *config, const char *value, struct text *why)
{
	struct source_request *r = &((struct sources_choice *)config)->request;
	unsigned long long v;

	if (!number_parse(value, 1023, &v))
		return option_refuse(why, "not a queue number");
	r->queues |= 1ULL << (v < 63 ? v : 63);
	return 0;
}

static int parse_light(void *config, const char *value, struct text *why)
{
	unsigned long long v;

	if (!number_duration(value ? value : "1s", &v) || !v)
		return option_refuse(why, "not a time such as 1s or 200ms");
	((struct sources_choice *)config)->request.light = v;
	return 0;
}

static int parse_stacks(void *config, const char *value, struct text *why)
{
	((struct sources_choice *)config)->request.stacks = value ? value : "";
	return 0;
}

static const struct option_row shared[] = {
	{ OPTION_HEADING, .help = "What to record" },
	{ OPTION_CALL, 'i', "source", "SOURCE",
	  "where events come from (-D lists the sources); kvm and memory: both, which gives the "
	  "requests of any monitor; guest=SOCKET (repeat): joined with it what the guest's vqtrace "
	  "writes to a chardev with this unix socket",
	  .call = parse_source },
	{ OPTION_FLAG, 'D', "list-sources", NULL,
	  "list the sources and what each can record here, and stop",
	  OPTION_TO(struct sources_choice, list) },
	{ OPTION_CALL, 'p', "pid", "PID", "a running process (repeat)", .call = parse_pid },
	{ OPTION_LIST, 'n', "name", "NAME",
	  "a running process by guest name (-name), UUID or program (repeat)",
	  OPTION_TO(struct sources_choice, request.names) },
	{ OPTION_LIST, 'd', "device", "DEVICE",
	  "only this device: its id, \"blk0\", type or QOM path (repeat)",
	  OPTION_TO(struct sources_choice, request.devices) },
	{ OPTION_CALL, 0, "queue", "N", "only this virtqueue (repeat; 63 and above count as one)",
	  .call = parse_queue },
	{ OPTION_NUMBER, 's', "snaplen", "BYTES",
	  "leading bytes of each buffer, 0 to 1024 (default of record: 32; a 4 KiB request then "
	  "takes less than 550 bytes of file, 400 without the back end's)",
	  OPTION_TO(struct sources_choice, request.snaplen), .max = 1024,
	  .want = "a number of bytes from 0 to 1024" },
	{ OPTION_CALL, 0, "light", "[=TIME]",
	  "count and measure only: a tally of each queue every TIME (1s) instead of every event, "
	  "at a fraction of the cost",
	  .call = parse_light },
	{ OPTION_CALL, 0, "stacks", "[=WHAT]",
	  "the call stack of events too, of QEMU or in a guest's kernel; WHAT: some of setup, kicks "
	  "(these two if it is left out), chains, completions, interrupts, all; of QEMU also backend",
	  .call = parse_stacks },
	{ OPTION_TIME, 0, "sample", "TIME",
	  "look at each queue's ring this often (default 1s; 0: never), which shows what waits "
	  "where nothing happens",
	  OPTION_TO(struct sources_choice, request.sample),
	  .want = "a time such as 1s or 200ms, or 0" },
	{},
};

/* --- choosing -------------------------------------------------------------- */

const struct source_ops *sources_by_name(const char *name)
{
	struct cli_guess g = { .word = name };

	for (unsigned i = 0; sources[i]; i++) {
		if (!strcmp(sources[i]->name, name))
			return sources[i];
		cli_consider(&g, sources[i]->name);
	}
	cli_usage("-i %s: no such source%s%s%s; -D lists them", name,
		  g.best ? ", did you mean '" : "", g.best ? g.best : "", g.best ? "'?" : "");
	return NULL;
}

static int choose_pair(struct sources_choice *c, const struct cli_option_group *own)
{
	for (unsigned i = 0; sources[i]; i++)
		if (sources[i] == &kvm_source_ops)
			c->follow.kvm = c->configs[i];
		else if (sources[i] == &memory_source_ops)
			c->follow.memory = c->configs[i];
		else if (own[i].given)
			return 1 + cli_usage("--%s is of the source %s, not of kvm or memory",
					     own[i].given->name, sources[i]->name);
	c->ops = &follow_source_ops;
	c->config = &c->follow;
	c->given = true;
	return 0;
}

/* The source that -i names, or one of whose own options was given. */
static int choose(struct sources_choice *c, const struct cli_option_group *own)
{
	c->ops = c->name ? sources_by_name(c->name) : NULL;
	if (c->name && !c->ops)
		return 1 + CLI_TROUBLE;
	if (c->second)
		return choose_pair(c, own);
	for (unsigned i = 0; sources[i]; i++) {
		if (!own[i].given)
			continue;
		if (c->ops && c->ops != sources[i])
			return 1 + cli_usage("--%s is of the source %s, not of %s",
					     own[i].given->name, sources[i]->name, c->ops->name);
		c->ops = sources[i];
		c->given = true;
	}
	if (!c->ops)
		c->ops = sources[0];
	for (unsigned i = 0; sources[i]; i++)
		if (c->ops == sources[i])
			c->config = c->configs[i];
	return 0;
}

/* What the request has that the source does not understand. */
static int check_taken(const struct sources_choice *c, const struct cli_option_group *general)
{
	const struct source_request *r = &c->request;
	const struct {
		bool given;
		unsigned takes;
		const char *option;
	} rows[] = {
		{ r->npids, SOURCE_TAKES_PROCESSES, "-p" },
		{ r->names.n, SOURCE_TAKES_PROCESSES, "-n" },
		{ r->devices.n, SOURCE_TAKES_DEVICES, "-d" },
		{ r->queues, SOURCE_TAKES_QUEUES, "--queue" },
		{ r->light, SOURCE_TAKES_LIGHT, "--light" },
		{ r->stacks, SOURCE_TAKES_STACKS, "--stacks" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].given && !(c->ops->takes & rows[i].takes))
			return 1 + cli_usage("%s does not go with the source %s", rows[i].option,
					     c->ops->name);
	if (r->light && r->stacks)
		return 1 + cli_usage("--stacks does not go with --light, which records no events");
	return 0;
}

/* With streams of guests the source is another one. */
static int join_guests(struct sources_choice *c)
{
	struct joined_config *j = calloc(1, sizeof(*j));

	c->joined = calloc(1, sizeof(*c->joined));
	c->joined_config = j;
	if (!j || !c->joined)
		return 1 + cli_error("no memory");
	j->ops = c->ops;
	j->config = c->config;
	for (unsigned i = 0; i < c->guests; i++)
		j->socket[j->sockets++] = c->guest[i];
	joined_ops(c->ops, c->joined);
	/* guests connect later; their sockets are others' */
	c->joined->confinable = false;
	c->joined->capabilities |= CAPS(DAC_OVERRIDE);
	c->ops = c->joined;
	c->config = j;
	return 0;
}

int sources_join(struct sources_choice *c)
{
	return c->guests ? join_guests(c) : 0;
}

int sources_parse(int argc, char **argv, void *config, struct sources_choice *c)
{
	struct cli_option_group g[2 + SOURCES_MAX] = {
		{ .rows = cli_current->options, .config = config },
		{ .rows = shared, .config = c },
	};
	unsigned n = 2;
	int stop;

	for (unsigned i = 0; sources[i]; i++) {
		c->configs[i] = calloc(1, sources[i]->config_size);
		if (!c->configs[i])
			return 1 + cli_error("no memory");
		g[n++] = (struct cli_option_group){ .rows = sources[i]->options,
						    .config = c->configs[i] };
	}
	stop = cli_parse_groups(argc, argv, g, n);
	if (!stop && c->list)
		stop = 1 + sources_list();
	if (!stop)
		stop = choose(c, g + 2);
	if (!stop)
		stop = check_taken(c, g);
	c->given |= g[1].given != NULL;
	return stop;
}

void sources_choice_free(struct sources_choice *c)
{
	free(c->joined);
	free(c->joined_config);
	for (unsigned i = 0; i < SOURCES_MAX; i++)
		free(c->configs[i]);
}

/* --- showing --------------------------------------------------------------- */

int sources_list(void)
{
	static const char *const words[] = {
		[SOURCE_OK] = "works",
		[SOURCE_LIMITED] = "works with limits",
		[SOURCE_UNAVAILABLE] = "does not work",
	};

	for (unsigned i = 0; sources[i]; i++) {
		TEXT(reason, 256);
		TEXT(remedy, 256);
		TEXT(lines, 8192);
		enum source_verdict v = sources[i]->available(&reason, &remedy);

		printf("%-12s %s\n%-12s %s here%s%s\n", sources[i]->name, sources[i]->summary, "",
		       words[v], reason.len ? ": " : "", reason.buf);
		if (remedy.len)
			printf("%-12s -> %s\n", "", remedy.buf);
		if (sources[i]->list)
			sources[i]->list(&lines);
		if (lines.len)
			printf("%-12s there are:%s\n", "", lines.buf);
	}
	return CLI_OK;
}

void sources_help(FILE *to, void (*row)(FILE *to, const struct option_row *o))
{
	for (const struct option_row *o = shared; o->kind != OPTION_END; o++)
		row(to, o);
	for (unsigned i = 0; sources[i]; i++) {
		fprintf(to, "\nOnly of the source %s (%s):\n", sources[i]->name,
			sources[i]->summary);
		for (const struct option_row *o = sources[i]->options; o->kind != OPTION_END; o++)
			row(to, o);
	}
}
