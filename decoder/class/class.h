/* SPDX-License-Identifier: MIT */
/*
 * What a device class adds to the model: how its requests are read.  A new
 * class is one file with one of these and one row in class.c.
 */
#ifndef VQT_DECODER_CLASS_CLASS_H
#define VQT_DECODER_CLASS_CLASS_H

#include <stddef.h>

#include "decoder/model/model.h"

struct class_ops {
	unsigned virtio_id;
	/*
	 * Fill type, sector and bytes of a request from its descriptors and
	 * head_bytes; called again when more bytes became known.
	 */
	void (*parse)(const struct model_device *d, const struct model_queue *q,
		      struct model_request *r);
	/* "IN sector 2048, 8 sectors" */
	void (*describe)(const struct model_device *d, const struct model_request *r, char *buf,
			 size_t len);
	/* What the completion says, "OK"; may leave buf empty. */
	void (*result)(const struct model_device *d, const struct model_request *r, char *buf,
		       size_t len);
};

extern const struct class_ops class_blk, class_net;

/* Never NULL: a class that is not decoded gets descriptor and byte counts. */
const struct class_ops *class_ops(unsigned virtio_id);

#endif
