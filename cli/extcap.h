/* SPDX-License-Identifier: MIT */
/*
 * Wireshark's way to capture from other programs (extcap): it runs each program of a folder, where
 * `make install` puts a link to vqtrace, and asks it with options what it can capture.
 */
#ifndef VQT_CLI_EXTCAP_H
#define VQT_CLI_EXTCAP_H

#include <stdbool.h>

/* Whether these are the words of Wireshark. */
bool extcap_asked(int argc, char **argv);
/* Answers, or captures until the pipe closes or a signal comes; returns enum cli_exit. */
int extcap_run(int argc, char **argv);

#endif
