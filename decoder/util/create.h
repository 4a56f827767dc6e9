/* SPDX-License-Identifier: MIT */
/*
 * Files that hold what was in a guest's memory: readable by their owner only, and never somebody
 * else's.  Who records is often root, and others may write to the folder.
 */
#ifndef VQT_DECODER_UTIL_CREATE_H
#define VQT_DECODER_UTIL_CREATE_H

#include <stdio.h>

/*
 * Open a file for writing and empty it; a new one has mode 0600, less what the umask takes away; one
 * that exists keeps its mode.  Pipes and devices are opened as they are.  In a folder that others may
 * write to (everybody, its group, or an owner who is neither this user nor root), a symbolic link is
 * not followed, and what is there already must belong to this user or to the folder's owner, and have
 * no other name.  flags: more of open(2), as O_NONBLOCK.
 *
 * The descriptor (closed on exec), or negative errno; then *why is a static text that says what.
 */
int create_file(const char *path, int flags, const char **why);
/* The same as a stream, or NULL with errno. */
FILE *create_stream(const char *path, const char **why);

#endif
