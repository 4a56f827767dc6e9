/* SPDX-License-Identifier: MIT */
/* What back end and proxy share: the messages, front end to back end, and addresses. */
#include <errno.h>

#include "emu/server/vhost_user.h"

/* By request; the others need no bytes and have no reply. */
static const struct vhost_user_message messages[VH_REQUESTS] = {
	[VH_GET_FEATURES] = { 0, true },
	[VH_SET_FEATURES] = { 8, false },
	[VH_SET_MEM_TABLE] = { 8, false },
	[VH_SET_LOG_BASE] = { 0, true },
	[VH_SET_VRING_NUM] = { 8, false },
	[VH_SET_VRING_ADDR] = { sizeof(struct vhost_user_addr), false },
	[VH_SET_VRING_BASE] = { 8, false },
	[VH_GET_VRING_BASE] = { 8, true },
	[VH_SET_VRING_KICK] = { 8, false },
	[VH_SET_VRING_CALL] = { 8, false },
	[VH_SET_VRING_ERR] = { 8, false },
	[VH_GET_PROTOCOL_FEATURES] = { 0, true },
	[VH_SET_PROTOCOL_FEATURES] = { 8, false },
	[VH_GET_QUEUE_NUM] = { 0, true },
	[VH_SET_VRING_ENABLE] = { 8, false },
	[VH_GET_CONFIG] = { 12, true },
	[VH_SET_CONFIG] = { 12, false },
	[VH_CREATE_CRYPTO_SESSION] = { 0, true },
	[VH_POSTCOPY_ADVISE] = { 0, true },
	[VH_POSTCOPY_END] = { 0, true },
	[VH_GET_INFLIGHT_FD] = { sizeof(struct vhost_user_inflight), true },
	[VH_SET_INFLIGHT_FD] = { sizeof(struct vhost_user_inflight), false },
	[VH_VRING_KICK] = { 8, false },
	[VH_GET_MAX_MEM_SLOTS] = { 0, true },
	[VH_ADD_MEM_REG] = { 8 + sizeof(struct vhost_user_region), false },
	[VH_REM_MEM_REG] = { 8 + sizeof(struct vhost_user_region), false },
	[VH_SET_STATUS] = { 8, false },
	[VH_GET_STATUS] = { 0, true },
	[VH_GET_SHARED_OBJECT] = { 0, true },
	[VH_SET_DEVICE_STATE_FD] = { 0, true },
	[VH_CHECK_DEVICE_STATE] = { 0, true },
};

const struct vhost_user_message *vhost_user_message(uint32_t request)
{
	return request && request < VH_REQUESTS ? &messages[request] : NULL;
}

int vhost_user_place(const struct server_maps *m, const struct vhost_user_addr *a, uint64_t *desc,
		     uint64_t *driver, uint64_t *device)
{
	if (server_map_translate(m, a->desc, 1, desc) < 0 ||
	    server_map_translate(m, a->avail, 1, driver) < 0 ||
	    server_map_translate(m, a->used, 1, device) < 0)
		return -EFAULT;
	return 0;
}
