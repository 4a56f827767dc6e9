/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/extcap.h"

static const struct cli_command *const commands[] = {
	&cmd_record, &cmd_show,	 &cmd_stat,   &cmd_check,    &cmd_diff,
	&cmd_replay, &cmd_top,	 &cmd_serve,  &cmd_doctor,   &cmd_demo,
	&cmd_stuck,  &cmd_merge, &cmd_export, &cmd_complete, NULL,
};

static void help(FILE *to)
{
	fputs("usage: vqtrace COMMAND [OPTIONS]\n"
	      "\n"
	      "Records, decodes, checks and replays the conversation between a virtio driver\n"
	      "and a virtio device.\n"
	      "\n",
	      to);
	for (size_t i = 0; commands[i]; i++)
		if (!commands[i]->hidden)
			fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n"
	      "'vqtrace COMMAND --help' explains a command; 'vqtrace --version' prints the version.\n"
	      "First steps: vqtrace doctor; vqtrace record -w t.pcap -- qemu-system-x86_64 ...;\n"
	      "vqtrace show -r t.pcap; vqtrace check -r t.pcap.  A machine hangs: vqtrace stuck\n",
	      to);
}

/* A command whose output could not be written has failed. */
static int printed(int code)
{
	bool before = ferror(stdout), now = fflush(stdout) == EOF;

	if (code == CLI_TROUBLE || (!before && !now))
		return code;
	if (!now || errno != EPIPE) /* a reader that stops reading early is no error */
		cli_error("standard output: %s",
			  now ? strerror(errno) : "not all of it could be written");
	return CLI_TROUBLE;
}

static int no_command(const char *verb)
{
	struct cli_guess g = { .word = verb };

	for (size_t i = 0; commands[i]; i++)
		if (!commands[i]->hidden)
			cli_consider(&g, commands[i]->name);
	if (g.best)
		cli_error("no command '%s'; did you mean '%s'? ('vqtrace help' lists them)", verb,
			  g.best);
	else
		cli_error("no command '%s'; 'vqtrace help' lists them", verb);
	return CLI_TROUBLE;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : NULL;
	int code;

	cli_commands = commands;
	if (extcap_asked(argc, argv))
		return printed(extcap_run(argc, argv));
	if (!verb) {
		help(stderr);
		return CLI_TROUBLE;
	}
	if (!strcmp(verb, "--version") || !strcmp(verb, "-V")) {
		puts("vqtrace " VQTRACE_VERSION);
		return printed(CLI_OK);
	}
	if (!strcmp(verb, "help") && argc > 2) {
		verb = argv[2];
		argv[2] = "--help";
	} else if (!strcmp(verb, "help") || !strcmp(verb, "--help") || !strcmp(verb, "-h")) {
		help(stdout);
		return printed(CLI_OK);
	}
	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->name, verb))
			continue;
		cli_current = commands[i];
		code = printed(cli_current->run(argc - 1, argv + 1));
		return code == CLI_TROUBLE ? cli_trouble_status : code;
	}
	return no_command(verb);
}
