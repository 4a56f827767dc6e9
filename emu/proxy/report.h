/* SPDX-License-Identifier: MIT */
/* What a proxy says of a device when it ends. */
#ifndef VQT_EMU_PROXY_REPORT_H
#define VQT_EMU_PROXY_REPORT_H

#include <stdbool.h>

#include "decoder/source/source.h"
#include "emu/proxy/vhost_user.h"

/* name: the device's, in the trace.  passive: neither kicks nor calls were seen. */
void proxy_report(const struct source_request *r, const char *name,
		  const struct vhost_proxy_stats *v, bool passive);

#endif
