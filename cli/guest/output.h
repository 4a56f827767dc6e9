/* SPDX-License-Identifier: MIT */
/*
 * Where the guest program writes its trace: a file, a pipe, a virtio port, a serial line, a
 * vsock.  Nothing waits for it: what cannot be written is kept up to a limit, and what exceeds
 * that is lost: it is counted, and a VQT_LOSS in the trace tells of it.  Packets carry events that came
 * before theirs (decoder/trace/carried.h), and a file whose name ends with .gz is compressed: a guest's
 * memory and ports are small.  The format is pcap's
 * (pcap-savefile(5)), which takes 40 bytes of knowledge; libpcap, built statically, would take a
 * megabyte.
 */
#ifndef VQT_CLI_GUEST_OUTPUT_H
#define VQT_CLI_GUEST_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

/*
 * "-", a path (a file .gz is compressed), or "vsock:CID:PORT".  A device that does not exist yet is waited for: its driver
 * may be what is recorded.  `where` is borrowed.  Negative errno; *why is a sentence.
 */
int output_open(struct output **out, const char *where, const char **why);
/* Append a record; the first must be the VQT_SESSION. */
void output_record(struct output *o, const void *record, size_t len);
/* Write what can be written now.  Negative errno after which nothing will be. */
int output_flush(struct output *o);
/*
 * Where its reader, the host, may ask for the time here (decoder/trace/question.h): a descriptor to
 * wait for, or -1: nowhere, or not now.
 */
int output_asks(const struct output *o);
/* Answer what has been asked, in the trace: before output_flush(). */
void output_answer(struct output *o);
/* Records that had no room so far; the trace tells of them. */
uint64_t output_dropped(const struct output *o);
uint64_t output_bytes(const struct output *o);
/* Write the rest, for so long at most; the error of the last write, or -ETIMEDOUT. */
int output_finish(struct output *o, unsigned timeout_ms);
int output_close(struct output *o); /* negative errno */

#endif
