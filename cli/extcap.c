/* SPDX-License-Identifier: MIT */
/* The interfaces that Wireshark lists: one for each running QEMU.  What is captured is `record`'s. */
#include "cli/extcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/look/look.h"
#include "bpf/qemu/process.h"
#include "cli/cli.h"
#include "decoder/util/number.h"
#include "decoder/util/text.h"

#define MACHINES 64
#define PREFIX "vqtrace-" /* of the names of interfaces; a process id follows */
#define LINKTYPE_USER0 147
#define SNAPLEN "256" /* if Wireshark says nothing of it, as when its dialog is left as it is */

/* What Wireshark asks. */
struct question {
	bool interfaces, dlts, config, capture;
	const char *interface, *fifo;
	/* from its dialog, as --extcap-config described it */
	const char *device, *snaplen, *mode;
	bool stacks, lifecycle;
};

/* --- answers: sentences of words in braces --------------------------------------------------- */

/* A text of anybody's as a word: the syntax has no escape for braces. */
static void put_word(const char *key, const char *value)
{
	TEXT(t, 512);

	text_untrusted(&t, value, strlen(value));
	for (char *p = t.buf; *p; p++)
		if (*p == '{' || *p == '}')
			*p = '_';
	printf("{%s=%s}", key, t.buf);
}

static void put_interfaces(void)
{
	static struct process all[MACHINES];
	size_t n = process_list(all, MACHINES, NULL);

	puts("extcap {version=" VQTRACE_VERSION "}{display=vqtrace}");
	for (size_t i = 0; i < n; i++) {
		TEXT(display, 256);

		text_add(&display, "virtio: %s, process %d",
			 all[i].name[0] ? all[i].name : all[i].comm, (int)all[i].pid);
		printf("interface {value=" PREFIX "%d}", (int)all[i].pid);
		put_word("display", display.buf);
		puts("");
	}
}

static void put_dlts(void)
{
	printf("dlt {number=%d}{name=USER0}{display=virtio events}\n", LINKTYPE_USER0);
}

enum { ARG_DEVICE, ARG_SNAPLEN, ARG_MODE, ARG_STACKS, ARG_LIFECYCLE };

static void put_value(int arg, const char *value, const char *display, bool is_default)
{
	printf("value {arg=%d}{value=%s}", arg, value);
	put_word("display", display);
	puts(is_default ? "{default=true}" : "{default=false}");
}

/* The devices of the machine, as far as they can be seen from outside. */
static void put_devices(pid_t pid)
{
	struct source_error err;
	struct look *l = NULL;

	printf("arg {number=%d}{call=--device}{display=Device}{type=selector}"
	       "{tooltip=the virtio device to record}\n",
	       ARG_DEVICE);
	put_value(ARG_DEVICE, "all", "all", true);
	if (look_open(&l, pid, NULL, &err))
		return;
	for (size_t i = 0; i < l->ndevs; i++) {
		const struct look_device *d = &l->dev[i];
		TEXT(display, 384);

		text_add(&display, "%s (%s%s%s)", d->name, d->typename, d->user_id[0] ? ", " : "",
			 d->user_id);
		put_value(ARG_DEVICE, d->name, display.buf, false);
	}
	look_close(l);
}

static void put_config(pid_t pid)
{
	put_devices(pid);
	printf("arg {number=%d}{call=--snaplen}{display=Snap length}{type=integer}{range=0,1024}"
	       "{default=" SNAPLEN "}{tooltip=leading bytes of each buffer}\n",
	       ARG_SNAPLEN);
	printf("arg {number=%d}{call=--mode}{display=Record}{type=selector}\n", ARG_MODE);
	put_value(ARG_MODE, "events", "each event, by probes in QEMU", true);
	put_value(ARG_MODE, "memory", "what the rings show, without a probe", false);
	put_value(ARG_MODE, "light", "counts and times only, each second", false);
	printf("arg {number=%d}{call=--stacks}{display=Call stacks}{type=boolflag}"
	       "{tooltip=of setup and kicks, with the first mode}\n",
	       ARG_STACKS);
	printf("arg {number=%d}{call=--lifecycle}{display=Calls of QEMU's functions}"
	       "{type=boolflag}{tooltip=how devices are made and set up, with the first mode}\n",
	       ARG_LIFECYCLE);
}

/* --- capturing -------------------------------------------------------------------------------------- */

/* The pipe becomes standard output: whoever reads it may go away at any time, which ends a recording. */
static int open_pipe(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		return cli_error("--fifo %s: %s", path, strerror(errno));
	if (fd != STDOUT_FILENO)
		close(fd);
	return CLI_OK;
}

static int capture(const struct question *q, const char *pid)
{
	bool events = !q->mode || !strcmp(q->mode, "events");
	char *argv[20];
	int argc = 0;

#define WORD(s) (argv[argc++] = (char *)(uintptr_t)(s))
	WORD("record");
	WORD("-q");
	WORD("-w");
	WORD("-");
	WORD("-p");
	WORD(pid);
	if (q->device && strcmp(q->device, "all")) {
		WORD("-d");
		WORD(q->device);
	}
	WORD("-s");
	WORD(q->snaplen ? q->snaplen : SNAPLEN);
	if (q->mode && !strcmp(q->mode, "memory")) {
		WORD("-i");
		WORD("memory");
	} else if (q->mode && !strcmp(q->mode, "light")) {
		WORD("--light");
	} else if (!events) {
		return cli_error("--mode %s: events, memory or light", q->mode);
	}
	if (events && q->stacks)
		WORD("--stacks");
	if (events && q->lifecycle)
		WORD("--lifecycle");
#undef WORD
	argv[argc] = NULL;
	if (open_pipe(q->fifo))
		return CLI_TROUBLE;
	cli_current = &cmd_record;
	return cmd_record.run(argc, argv);
}

/* --- questions ---------------------------------------------------------------------------------------- */

/* What Wireshark may add that nothing is done with: what follows "=", or stands in the next word. */
static bool is_ignored(const char *word, bool *takes_value)
{
	*takes_value = !strcmp(word, "--extcap-capture-filter") ||
		       !strcmp(word, "--extcap-control-in") ||
		       !strcmp(word, "--extcap-control-out") ||
		       !strcmp(word, "--extcap-reload-option") || !strcmp(word, "--log-level") ||
		       !strcmp(word, "--log-file") || !strcmp(word, "--extcap-version");
	return *takes_value || !strncmp(word, "--extcap-version=", 17);
}

static bool *flag_of(struct question *q, const char *word)
{
	const struct {
		const char *word;
		bool *flag;
	} rows[] = {
		{ "--extcap-interfaces", &q->interfaces },
		{ "--extcap-dlts", &q->dlts },
		{ "--extcap-config", &q->config },
		{ "--capture", &q->capture },
		{ "--stacks", &q->stacks },
		{ "--lifecycle", &q->lifecycle },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].word, word))
			return rows[i].flag;
	return NULL;
}

static const char **value_of(struct question *q, const char *word)
{
	const struct {
		const char *word;
		const char **value;
	} rows[] = {
		{ "--extcap-interface", &q->interface },
		{ "--fifo", &q->fifo },
		{ "--device", &q->device },
		{ "--snaplen", &q->snaplen },
		{ "--mode", &q->mode },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].word, word))
			return rows[i].value;
	return NULL;
}

static int parse(struct question *q, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		bool *flag = flag_of(q, argv[i]), takes_value;
		const char **value = value_of(q, argv[i]);

		if (flag) {
			*flag = true;
			continue;
		}
		if (!value && !is_ignored(argv[i], &takes_value))
			return cli_error("%s is nothing that Wireshark asks", argv[i]);
		if (!value && !takes_value)
			continue;
		if (++i == argc)
			return cli_error("%s: a value is missing", argv[i - 1]);
		if (value)
			*value = argv[i];
	}
	return CLI_OK;
}

bool extcap_asked(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		/* a command comes first, and its words are its own */
		if (i == 1 && argv[i][0] != '-')
			return false;
		if (!strncmp(argv[i], "--extcap-", 9))
			return true;
	}
	return false;
}

int extcap_run(int argc, char **argv)
{
	struct question q = { 0 };
	unsigned long long pid;
	const char *digits;

	if (parse(&q, argc, argv))
		return CLI_TROUBLE;
	if (q.interfaces) {
		put_interfaces();
		return CLI_OK;
	}
	digits = q.interface && !strncmp(q.interface, PREFIX, strlen(PREFIX))
			 ? q.interface + strlen(PREFIX)
			 : NULL;
	if (!digits || !number_parse(digits, 1 << 22, &pid) || !pid)
		return cli_error("--extcap-interface %s: no such interface",
				 q.interface ? q.interface : "");
	if (q.dlts)
		put_dlts();
	else if (q.config)
		put_config((pid_t)pid);
	else if (q.capture && q.fifo)
		return capture(&q, digits);
	else if (q.capture)
		return cli_error("--capture: --fifo is missing");
	return CLI_OK;
}
