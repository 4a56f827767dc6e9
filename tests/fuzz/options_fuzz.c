/* SPDX-License-Identifier: MIT */
/*
 * Command lines: the option tables of all commands and device types, read and never run.  Input: which
 * table, then words, a 0 between them.
 */
#include <getopt.h>
#include <stdlib.h>

#include "cli/options.h"
#include "emu/class/class.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS 24

static const struct cli_command *const commands[] = {
	&cmd_record, &cmd_show,	  &cmd_stat, &cmd_check, &cmd_diff,  &cmd_doctor, &cmd_demo,
	&cmd_serve,  &cmd_replay, &cmd_top,  &cmd_stuck, &cmd_merge, &cmd_export,
};

static void quiet(void)
{
	static FILE *null;

	if (null)
		return;
	null = fopen("/dev/null", "w");
	if (!null)
		abort();
	stdout = stderr = null; /* libFuzzer and the sanitizers have their own */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* larger than what any of them is about */
	static _Alignas(16) uint8_t config[65536], more[4096];
	static char text[4096];
	char *argv[WORDS + 2] = { (char *)"vqtrace" };
	struct cli_option_group groups[2];
	struct input in = { data, size };
	unsigned which = (unsigned)take(&in, 1), n = 1;
	int argc = 1;

	quiet();
	if (!in.left)
		return 0;
	in.left = in.left < sizeof(text) ? in.left : sizeof(text) - 1;
	memset(config, 0, sizeof(config));
	memset(more, 0, sizeof(more));
	memcpy(text, in.p, in.left);
	text[in.left] = 0;
	for (size_t at = 0; at <= in.left && argc <= WORDS; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	/* the first 12 as they were: the corpus means them */
	cli_current = commands[which < 240 ? which % 12 : 12];
	groups[0] = (struct cli_option_group){ .rows = cli_current->options, .config = config };
	if (cli_current == &cmd_serve) {
		const struct emu_class_setup *s = emu_classes[which / 12 % 2]->setup;

		if (s->config_size > sizeof(more))
			abort();
		if (s->init)
			s->init(more);
		groups[n++] = (struct cli_option_group){ .rows = s->options, .config = more };
	}
	if (!cli_parse_groups(argc, argv, groups, n) && optind > argc)
		abort();
	return 0;
}
