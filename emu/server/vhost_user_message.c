/* SPDX-License-Identifier: MIT */
/* What back end and proxy share: addresses. */
#include <errno.h>

#include "emu/server/vhost_user.h"

int vhost_user_place(const struct server_maps *m, const struct vhost_user_addr *a, uint64_t *desc,
		     uint64_t *driver, uint64_t *device)
{
	if (server_map_translate(m, a->desc, 1, desc) < 0 ||
	    server_map_translate(m, a->avail, 1, driver) < 0 ||
	    server_map_translate(m, a->used, 1, device) < 0)
		return -EFAULT;
	return 0;
}
