/* SPDX-License-Identifier: MIT */
/*
 * Inside bpf/stack: what the process that reads other people's files may not do.  libdw opens files by
 * itself, by names in the file that it reads (.gnu_debugaltlink, DW_AT_dwo_name), and so could be made
 * to open whatever we may: a device does something when it is opened.
 */
#ifndef VQT_BPF_STACK_CONFINE_H
#define VQT_BPF_STACK_CONFINE_H

/*
 * From now on this process opens files by bpf/process/foreign.h only, and neither runs programs nor makes
 * sockets: all else fails with EACCES.  0 or negative errno.
 */
int stack_confine(void);

#endif
