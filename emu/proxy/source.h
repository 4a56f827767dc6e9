/* SPDX-License-Identifier: MIT */
/* Proxies between vhost-user front ends and back ends as a source of events. */
#ifndef VQT_EMU_PROXY_SOURCE_H
#define VQT_EMU_PROXY_SOURCE_H

#include "decoder/source/source.h"

extern const struct source_ops proxy_source_ops;

#endif
