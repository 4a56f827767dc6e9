/* SPDX-License-Identifier: MIT */
/* The protocols: a row each. */
#include "emu/server/server.h"

const struct server_protocol *const server_protocols[] = {
	&server_vfio_user,
	&server_vhost_user,
	NULL,
};
