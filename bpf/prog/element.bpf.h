/* SPDX-License-Identifier: MIT */
/* A VirtQueueElement and its buffers, as virtqueue_alloc_element() has laid them out. */
#ifndef VQT_BPF_PROG_ELEMENT_BPF_H
#define VQT_BPF_PROG_ELEMENT_BPF_H

#include "bpf/prog/common.bpf.h"

/* Read the element to s->e, and what is behind it if all of that is there. */
static __always_inline long element_read(struct scratch *s, __u64 elem)
{
	s->element = elem;
	s->block_len = ELEMENT_BLOCK;
	if (!read_user(s->block, ELEMENT_BLOCK, (void *)elem))
		return 0;
	s->block_len = sizeof(s->e);
	return read_user(&s->e, sizeof(s->e), (void *)elem);
}

/*
 * The struct iovec at this address, which is mostly behind the element.  Valid until the next call; NULL: it
 * cannot be read.
 */
static __always_inline struct iov *iov_get(struct scratch *s, __u64 from)
{
	__u64 at = from - s->element;

	if (at % 8 == 0 && at <= s->block_len - sizeof(struct iov))
		return (void *)(s->block + (at & (ELEMENT_BLOCK - 8)));
	if (read_user(&s->iov, sizeof(s->iov), (void *)from))
		return NULL;
	return &s->iov;
}

#endif
